//! What can be done about an installed profile: whether an overwrite of some form frees it, and who must sign that.

use std::time::SystemTime;

use super::{Devices, Question, Verdict};
use crate::{Arrival, Certificate, InstalledBy, Os, Overwrite, PasswordForm, device::Signature};

/// What an overwrite could do for an installed profile.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Outlook {
    /// Over all devices, each with the form that is best for it.
    pub verdict: Verdict,
    /// The certificate that must sign the overwrite, also past its end (R5); `None` where the profile is unsigned.
    pub certificate: Option<Certificate>,
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

/// What overwrites of the two forms, signed as the installed profile is, would do for devices.
pub fn outlook(installed: &Arrival, by: (InstalledBy, InstalledBy), devices: &Devices, at: SystemTime) -> Outlook {
    let kinds = devices.supervised.iter().flat_map(|supervised| devices.systems.iter().map(|os| (*os, *supervised)));
    let row = |(os, supervised)| {
        let alone = Devices { systems: vec![os], supervised: vec![supervised], ..devices.clone() };
        let auto = PasswordForm::Auto.for_target(Some(os));
        let other = if auto == PasswordForm::Empty { PasswordForm::Omitted } else { PasswordForm::Empty };
        let mut forms = [auto, other].map(|form| FormOutlook::of(installed, by, form, &alone, at)).to_vec();
        forms.sort_by_key(|form| form.verdict);
        OutlookRow { os, supervised, verdict: forms[0].verdict, forms }
    };
    let rows: Vec<OutlookRow> = kinds.map(row).collect();
    let certificate = match &installed.signature {
        Signature::Signed { certificates, .. } => certificates.first().cloned(),
        Signature::Unsigned | Signature::Broken(_) => None,
    };
    Outlook { verdict: Verdict::of_all(rows.iter().map(|row| row.verdict)), certificate, rows }
}

impl FormOutlook {
    fn of(
        installed: &Arrival,
        by: (InstalledBy, InstalledBy),
        form: PasswordForm,
        devices: &Devices,
        at: SystemTime,
    ) -> Self {
        let build = |strip| Overwrite::of_unsigned(&installed.profile).removal_password(form).strip(strip).build_at(at);
        let (overwrite, strip) = match build(false) {
            Ok(overwrite) => (overwrite, false),
            Err(problem) => match build(true) {
                Ok(overwrite) => (overwrite, true),
                Err(_) => {
                    let reasons = vec![problem.to_string()];
                    return Self { form, strip: false, verdict: Verdict::Strands, reasons };
                }
            },
        };
        let overwrite = Arrival { profile: overwrite.profile().clone(), signature: installed.signature.clone() };
        let question = Question { installed_by: by.0, overwrite_by: by.1, ..Question::new(installed, &overwrite, at) };
        let report = question.ask(devices);
        let cases = report.rows.iter().flat_map(|row| &row.cases);
        let mut reasons: Vec<String> =
            cases.flat_map(|case| &case.reasons).map(|reason| reason.word.to_owned()).collect();
        reasons.sort();
        reasons.dedup();
        Self { form, strip, verdict: report.verdict, reasons }
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
