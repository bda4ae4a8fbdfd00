//! The overwrite: made of what the record says that a device has, signed by the leaf that signed that, and judged for the
//! device that it is for before it leaves.

use std::{
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use profile_kit::{
    Arrival, Error, Overwrite, PasswordForm, SignedProfile,
    preflight::{Question, Report, Verdict},
};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    Refusal,
    caller::{Permit, Sweep},
    catalogue::may_lock,
    device_id::DeviceId,
    diagnosis::Target,
    installed::{self, History, Installed, Serving},
    issuance::{Basis, Issuance, IssuanceId, ObservationId, OverwriteForm, TicketId, Variant},
    issue::{record, try_record},
    keyring::Freeing,
    ledger::{self, BasisProfile, Budget, Draft, Issued, Request},
    reach,
    refusal::{Candidate, Denied},
    role,
    service::Service,
    signing::Job,
    state::State,
};

/// What is asked of an overwrite.
#[derive(Clone, Debug, PartialEq)]
pub struct Wish {
    /// The profile's identifier.
    pub identifier: String,
    /// How it says that there is no removal password; `Auto` follows the target.
    pub form: PasswordForm,
    /// The device, as far as the caller says.
    pub target: Option<Target>,
    /// The issuance that is installed, where the caller says so.
    pub installed: Option<Uuid>,
    /// The two-person ticket that allows it.
    pub ticket: Option<TicketId>,
}

/// Issues the overwrite of what a device has.
///
/// It is made of the recorded bytes, whose signature is verified again, and signed by their leaf, also past its end.
/// Where the device model says that it would free no device that it may be for, it is refused unless its form was chosen
/// by name. Where what the device has becomes known otherwise meanwhile, it is made once more, and refused where that
/// happens again.
///
/// # Errors
/// What is installed is not known well enough, or its key is gone; the caller may not, needs a ticket or has used up its
/// budget; the refusals of [`Ledger::record`](crate::ledger::Ledger::record); that there is too much to do.
pub async fn overwrite(
    service: &Service,
    state: &Arc<State>,
    sweep: &Sweep<role::Overwrite>,
    device: &DeviceId,
    wish: Wish,
    request: Request,
) -> Result<Issued, Denied> {
    sweep.device(device.as_str())?;
    let first = draft(service, state, sweep, device, wish.clone(), &request).await;
    // An answer of before may be of a spec that the caller has no leave for any more.
    let may_leave = |before: &Issuance| {
        let spec = before.spec.as_ref().map(|spec| &*spec.name);
        sweep.permit(device, spec).map(drop)
    };
    match try_record(service, first, &request, "overwrite", may_leave).await? {
        Err(ledger::Error::Moved) => {
            let second = draft(service, state, sweep, device, wish, &request).await;
            record(service, second, &request, "overwrite", may_leave).await
        }
        recorded => Ok(recorded?),
    }
}

async fn draft(
    service: &Service,
    state: &Arc<State>,
    sweep: &Sweep<role::Overwrite>,
    device: &DeviceId,
    wish: Wish,
    request: &Request,
) -> Result<Draft, Denied> {
    let history = service.ledger.history(device, &wish.identifier).await?;
    let serving = match serving(&history, device, &wish) {
        Ok(serving) => serving,
        Err(refusal) => return Err(hidden(refusal, service, state, sweep, device, &wish).await),
    };
    let basis = service.ledger.basis(serving.of).await.map_err(|error| Denied { recorded: false, ..error.into() })?;
    let permit = sweep.permit(device, basis.spec.as_ref().map(|spec| &*spec.name))?;
    reach::admit(&service.ledger, sweep, device, &wish.identifier).await?;
    if state.config.overwrites.two_person && wish.ticket.is_none() {
        return Err(Refusal::TicketRequired.into());
    }
    let freeing = state.keyring.freeing(&serving.leaf)?;
    if !freeing.has_begun(request.at) {
        return Err(Refusal::IdentityNotValid { identity: freeing.name().to_owned() }.into());
    }
    let BasisProfile { signed, spec, .. } = basis;
    let (ticket, told, at) = (wish.ticket, serving.clone(), request.at);
    let make = move || Making { wish, serving, freeing, at }.make(signed);
    let (signed, made) = service.sign(permit.caller().share(), make).await?;
    Ok(Draft {
        device: device.clone(),
        profile: signed.facts,
        variant: Variant::Overwrite { form: made.form, of: made.of },
        spec,
        parameters: None,
        signed: signed.bytes,
        remarks: made.remarks,
        ticket,
        serving: Some(told),
        budget: budget(&permit),
        request: request.clone(),
    })
}

fn budget(permit: &Permit<role::Overwrite>) -> Option<Budget> {
    permit.overwrites_per_hour().map(|limit| Budget { limit: limit.into(), window: HOUR })
}

/// What the overwrite is made of.
fn serving(history: &History, device: &DeviceId, wish: &Wish) -> Result<Serving, Refusal> {
    let named = |name: Uuid| {
        let names = [Basis::Issuance(IssuanceId(name)), Basis::Observed(ObservationId(name))];
        names.into_iter().find_map(|of| history.named(of)).ok_or(Refusal::UnknownIssuance)
    };
    if let Some(name) = wish.installed {
        return named(name);
    }
    let (device, identifier) = (device.to_string(), wish.identifier.clone());
    match history.to_overwrite() {
        Installed::Profile(serving) => Ok(serving),
        Installed::Refused | Installed::Unknown => {
            Err(Refusal::UnknownInstallation { device, identifier, similar: vec![] })
        }
        Installed::Ambiguous { candidates } => {
            Err(Refusal::AmbiguousInstallation { candidates: candidates.iter().map(candidate).collect() })
        }
        Installed::Foreign { earlier, later, .. } => {
            let candidates = earlier.iter().chain(&later).map(candidate).collect();
            Err(Refusal::ForeignInstallation { device, identifier, candidates })
        }
        Installed::Absent { .. } => Err(Refusal::NoOverwrite {
            problem: "the device was last seen without a profile of this identifier; if it has one all the same, name the issuance".into(),
            candidates: history.last_locked().iter().map(candidate).collect(),
        }),
    }
}

/// Who is bound to specs is told of the profiles that these make, and of no others: not that there are none, either. Where
/// nothing is known of an identifier, it may be known as it is written otherwise.
async fn hidden(
    refusal: Refusal,
    service: &Service,
    state: &State,
    sweep: &Sweep<role::Overwrite>,
    device: &DeviceId,
    wish: &Wish,
) -> Denied {
    if sweep.specs().is_some() {
        match reach::makers(&service.ledger, &state.catalogue, device, &wish.identifier).await {
            Ok(makers) if sweep.covers_all(device.as_str(), makers.iter().map(Option::as_deref)) => {}
            Ok(_) => return sweep.other_spec().into(),
            Err(denied) => return denied,
        }
    }
    let Refusal::UnknownInstallation { device: of, identifier, .. } = refusal else { return refusal.into() };
    match reach::similar(&service.ledger, sweep, device, &identifier).await {
        Ok(similar) => Refusal::UnknownInstallation { device: of, identifier, similar }.into(),
        Err(denied) => denied,
    }
}

fn candidate(candidate: &installed::Candidate) -> Candidate {
    let issuance = candidate.of.uuid();
    // The moment is in the name.
    let since = issuance.get_timestamp().map(|at| at.to_unix());
    let issued = since.map_or(UNIX_EPOCH, |(seconds, nanos)| UNIX_EPOCH + Duration::new(seconds, nanos));
    Candidate { issuance, issued, leaf: candidate.leaf }
}

/// What a signing thread makes an overwrite with.
struct Making {
    wish: Wish,
    serving: Serving,
    freeing: Freeing,
    at: SystemTime,
}

/// What the device model says, and whether the device itself says that what it has is locked, although by its bytes it is
/// not.
struct Judged {
    report: Report,
    still_locked: bool,
}

/// What came of it besides the job.
struct Made {
    form: OverwriteForm,
    of: Basis,
    remarks: Value,
}

impl Making {
    fn make(self, signed: Vec<u8>) -> Result<(Job, Made), Refusal> {
        let installed =
            SignedProfile::from_bytes(signed).and_then(|signed| signed.verify_integrity()).map_err(unmade)?;
        let of = Overwrite::of(&installed).removal_password(self.wish.form);
        let of = match self.wish.target.and_then(|target| target.os) {
            Some(os) => of.target(os),
            None => of,
        };
        let overwrite = of.build_at(self.at).map_err(unmade)?;
        let still_locked = self.serving.locked && !may_lock(installed.profile());
        let judged = Judged { report: self.report(&Arrival::from(&installed), &overwrite), still_locked };
        let form = match overwrite.form() {
            PasswordForm::Empty => OverwriteForm::Empty,
            _ => OverwriteForm::Omitted,
        };
        if let Some(refusal) = self.refusal(&judged.report) {
            return Err(refusal);
        }
        let remarks = self.remarks(&overwrite, &judged, form);
        let made = Made { form, of: self.serving.of, remarks };
        Ok((self.freeing.job(overwrite, self.at).map_err(unmade)?, made))
    }

    fn report(&self, installed: &Arrival, overwrite: &Overwrite) -> Report {
        let arrival = Arrival::signed(overwrite.profile().clone(), self.freeing.chain().to_vec());
        let devices = self.wish.target.unwrap_or_default().devices();
        Question::new(installed, &arrival, self.at).ask(&devices)
    }

    /// Of an overwrite that would free none of the devices that it may be for.
    fn refusal(&self, report: &Report) -> Option<Refusal> {
        let strands = self.wish.form == PasswordForm::Auto && report.verdict.must_stay();
        strands.then(|| Refusal::Strands { reasons: reasons(report) })
    }

    /// What was issued since and locks under another leaf: where one of those has arrived, this overwrite frees nobody.
    fn other_signers(&self) -> Vec<String> {
        let other = |one: &&installed::Candidate| one.locked && one.leaf != self.serving.leaf;
        self.serving.later.iter().filter(other).map(|one| one.of.uuid().to_string()).collect()
    }

    fn verdict(&self, judged: &Judged) -> Verdict {
        let is_certain = self.other_signers().is_empty() && self.serving.seen.is_none() && !judged.still_locked;
        match judged.report.verdict {
            Verdict::Strands => Verdict::Strands,
            verdict if is_certain => verdict,
            _ => Verdict::FreesOnSome,
        }
    }

    /// What the answer says besides the profile.
    fn remarks(&self, overwrite: &Overwrite, judged: &Judged, form: OverwriteForm) -> Value {
        let later: Vec<_> = self.serving.later.iter().map(|one| one.of.uuid().to_string()).collect();
        let mut findings: Vec<_> = overwrite.faults().iter().map(|finding| finding.code.word()).collect();
        findings.dedup();
        json!({
            "evidence": self.serving.evidence,
            "later": later,
            "verdict": self.verdict(judged).word(),
            "reasons": reasons(&judged.report),
            "findings": findings,
            "warnings": self.warnings(judged, form),
        })
    }

    fn warnings(&self, judged: &Judged, form: OverwriteForm) -> Vec<Value> {
        let Self { wish, serving, freeing, at } = self;
        let ended = freeing.certificate().not_after().is_some_and(|end| end < *at);
        let (targeted, verdict, others) = (wish.target.is_some(), self.verdict(judged), self.other_signers());
        let seen = serving.seen.map(|leaf| leaf.to_string());
        let all = [
            (!serving.later.is_empty(), LATER.0, LATER.1.to_owned()),
            (!others.is_empty(), OTHERS.0, format!("{}{}", OTHERS.1, others.join(", "))),
            (seen.is_some(), SEEN.0, format!("{}{}", SEEN.1, seen.unwrap_or_default())),
            (judged.still_locked, STILL_LOCKED.0, STILL_LOCKED.1.to_owned()),
            (!serving.locked, FREE.0, FREE.1.to_owned()),
            (!targeted && wish.form == PasswordForm::Auto, UNTARGETED.0, format!("{}{}", UNTARGETED.1, form.word())),
            (verdict == Verdict::Strands, STRANDS.0, STRANDS.1.to_owned()),
            (targeted && verdict == Verdict::FreesOnSome, UNSURE.0, UNSURE.1.to_owned()),
            (ended, ENDED.0, ENDED.1.to_owned()),
        ];
        let said = all.into_iter().filter(|(holds, ..)| *holds);
        said.map(|(_, code, sentence)| json!({ "code": code, "sentence": sentence })).collect()
    }
}

/// What stands in the way on some device, or is not known: stable words, each once.
fn reasons(report: &Report) -> Vec<String> {
    let cases = report.rows.iter().flat_map(|row| &row.cases);
    let mut words: Vec<_> = cases.flat_map(|case| &case.reasons).map(|reason| reason.word.to_owned()).collect();
    words.sort();
    words.dedup();
    words
}

/// What was recorded was read when it was recorded: where it cannot be read now, or its leaf is another, the record is
/// at fault, and not the caller.
fn unmade(error: Error) -> Refusal {
    match error {
        Error::NoOverwrite { problem } => Refusal::NoOverwrite { problem, candidates: vec![] },
        other => {
            tracing::error!(cause = other.with_causes(), "no overwrite of a recorded profile");
            Refusal::Internal
        }
    }
}

const HOUR: Duration = Duration::from_secs(3600);
const LATER: (&str, &str) = (
    "later-issued",
    "profiles were issued after the one that this overwrites, and the device has not answered to them",
);
const OTHERS: (&str, &str) = (
    "later-other-signer",
    "the device may have one of these instead, which another certificate signed, and this overwrite does not free it: ",
);
const SEEN: (&str, &str) = (
    "other-signer-seen",
    "the device was last known to have a profile of another certificate, over which it refuses this overwrite: sha256:",
);
const STILL_LOCKED: (&str, &str) = (
    "still-locked",
    "the device says that the overwrite that this overwrites is locked all the same: try the other form",
);
const FREE: (&str, &str) =
    ("removable-already", "the profile that this overwrites can be deleted by its owner already");
const UNTARGETED: (&str, &str) = (
    "no-target",
    "the target was not named (\"target\": {\"platform\", \"os\", \"supervised\"}); the form written is ",
);
const STRANDS: (&str, &str) = ("strands", "this form, which was chosen by name, would not free the device");
const UNSURE: (&str, &str) = ("frees-on-some", "it is not known for certain that this frees the device that was named");
const ENDED: (&str, &str) =
    ("certificate-ended", "the certificate has ended: the device shows the profile as not verified, and installs it");

#[cfg(test)]
mod tests;
