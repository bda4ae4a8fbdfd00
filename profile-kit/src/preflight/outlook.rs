//! What can be done about an installed profile: whether an overwrite of some form frees it, and who must sign that.

use std::{
    collections::BTreeSet,
    time::{Duration, SystemTime},
};

use super::{Devices, Question, Row, Verdict};
use crate::{
    Arrival, Certificate, InstalledBy, Os, Overwrite, PasswordForm,
    device::{Refusal, Signature, remove},
};

/// What an overwrite could do for an installed profile.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Outlook {
    /// Over all devices, each with the form that is best for it.
    pub verdict: Verdict,
    /// The certificate that must sign the overwrite, also past its end (R5); `None` where the profile is unsigned.
    pub certificate: Option<Certificate>,
    /// When it removes itself without an overwrite, whatever its lock says: `RemovalDate` (L7).
    pub removal_date: Option<SystemTime>,
    /// How long after its install it removes itself, if that comes earlier: `DurationUntilRemoval` (L7).
    pub stay: Option<Duration>,
    /// Device by device.
    pub rows: Vec<OutlookRow>,
}

/// One device.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct OutlookRow {
    /// Its system.
    pub os: Os,
    /// Whether it is supervised.
    pub supervised: bool,
    /// With the form that is best for it.
    pub verdict: Verdict,
    /// What each form does, the best first, and of equals the one that `auto` chooses.
    pub forms: Vec<FormOutlook>,
}

impl OutlookRow {
    /// Whether an overwrite of some form frees there, or nothing stands in its way but that the MDM manages the profile:
    /// what the MDM has installed the owner deletes with the Apple MDM profile (R11, S2.6), and not by itself.
    pub fn goes_with_the_mdm(&self) -> bool {
        let only_managed = |form: &FormOutlook| form.reasons.iter().all(|reason| reason == Refusal::Managed.word());
        self.verdict.is_free() || self.forms.iter().any(only_managed)
    }
}

/// What an overwrite of one form does.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct FormOutlook {
    /// `Empty` or `Omitted`.
    pub form: PasswordForm,
    /// Whether the other payloads are left out, since with them no overwrite can be made.
    pub strip: bool,
    /// What it does; an overwrite that cannot be made strands.
    pub verdict: Verdict,
    /// Words for what stands in its way, or is not known; why it cannot be made.
    pub reasons: Vec<String>,
}

/// What overwrites of the two forms, signed as the installed profile is, would do for devices. `by` says who installed
/// the profile, and who would install the overwrite.
pub fn outlook(installed: &Arrival, by: (InstalledBy, InstalledBy), devices: &Devices, at: SystemTime) -> Outlook {
    let [omitted, empty] =
        [PasswordForm::Omitted, PasswordForm::Empty].map(|form| each(installed, by, form, devices, at));
    let rows: Vec<OutlookRow> = omitted.into_iter().zip(empty).map(|(omitted, empty)| best(omitted, empty)).collect();
    let certificate = match &installed.signature {
        Signature::Signed { certificates, .. } => certificates.first().cloned(),
        Signature::Unsigned | Signature::Broken(_) => None,
    };
    Outlook {
        verdict: Verdict::of_all(rows.iter().map(|row| row.verdict)),
        certificate,
        removal_date: remove::removal_date(&installed.profile),
        stay: remove::stay(&installed.profile),
        rows,
    }
}

/// The better form first.
fn best((os, supervised, omitted): OneForm, (_, _, empty): OneForm) -> OutlookRow {
    let mut forms = match PasswordForm::Auto.for_target(Some(os)) {
        PasswordForm::Empty => vec![empty, omitted],
        _ => vec![omitted, empty],
    };
    forms.sort_by_key(|form| form.verdict);
    OutlookRow { os, supervised, verdict: forms[0].verdict, forms }
}

/// What one form does for one device.
type OneForm = (Os, bool, FormOutlook);

/// What one form does, device by device.
fn each(
    installed: &Arrival,
    (installed_by, overwrite_by): (InstalledBy, InstalledBy),
    form: PasswordForm,
    devices: &Devices,
    at: SystemTime,
) -> Vec<OneForm> {
    let build = |strip| Overwrite::of_unsigned(&installed.profile).removal_password(form).strip(strip).build_at(at);
    let made = build(false).map(|overwrite| (overwrite, false)).or_else(|problem| match build(true) {
        Ok(overwrite) => Ok((overwrite, true)),
        Err(_) => Err(problem),
    });
    let (overwrite, strip) = match made {
        Ok(made) => made,
        Err(problem) => {
            let none =
                FormOutlook { form, strip: false, verdict: Verdict::Strands, reasons: vec![problem.to_string()] };
            return devices.each().map(|device| (device.os, device.supervised, none.clone())).collect();
        }
    };
    let overwrite = Arrival::new(overwrite.profile().clone(), installed.signature.clone());
    let question = Question { installed_by, overwrite_by, ..Question::new(installed, &overwrite, at) };
    let rows = question.ask(devices).rows.into_iter();
    rows.map(|row| (row.os, row.supervised, FormOutlook::of(form, strip, &row))).collect()
}

impl FormOutlook {
    fn of(form: PasswordForm, strip: bool, row: &Row) -> Self {
        let reasons = row.cases.iter().flat_map(|case| &case.reasons).map(|reason| reason.word.to_owned());
        let reasons: BTreeSet<String> = reasons.collect();
        Self { form, strip, verdict: row.verdict, reasons: reasons.into_iter().collect() }
    }
}

impl Verdict {
    /// Over verdicts, as over outcomes: what is free already says nothing of the others.
    fn of_all(verdicts: impl Iterator<Item = Verdict>) -> Self {
        let asked: Vec<Verdict> = verdicts.filter(|verdict| *verdict != Verdict::AlreadyFree).collect();
        match asked.split_first() {
            None => Verdict::AlreadyFree,
            Some((first, others)) if others.iter().all(|other| other == first) => *first,
            Some(_) => Verdict::FreesOnSome,
        }
    }
}
