//! Why a device is not free, and what comes next: a judgement over the record, the keyring and the device model, in the
//! words of the inactivation procedure. It asks nobody and changes nothing.

mod outlook;
mod step;
#[cfg(test)]
mod tests;

use std::time::{Duration, SystemTime};

use profile_kit::{
    Arrival, Payload, Removal,
    payload::{Restrictions, TypedPayload},
    preflight::Verdict,
};
use serde::Serialize;
use utoipa::ToSchema;

use self::step::{
    AFTER, AGAIN, ASK_FOR_MDM, ASK_OMITTED, BRING_KEY, CLOSE, DELETE_APP, ENTER_PASSWORD, FETCH, FROM_START, HAND_IN,
    INSTALL, NAME_ISSUANCE, NAME_TARGET, REMOVE_BY_MDM, REPORT_LIST, SEND_OVERWRITE, STRIP, WAIT, WIPE, w1, w2, w3, w4,
};
pub use self::{
    outlook::{DeviceOutlook, Outlook, Target},
    step::{ACTIONS, Action, Warning, Who},
};
use crate::{
    Digest,
    catalogue::may_lock,
    installed::{Candidate, Evidence, EvidenceFact, EvidenceKind, Held, History, Installed, Serving, Sighting, State},
    issuance::{Acknowledgement, Basis, ErrorLink},
    keyring::{Holding, Keyring},
};

/// What is asked about.
pub struct Case<'a> {
    /// The profile's identifier.
    pub identifier: &'a str,
    /// The record of the device under it.
    pub history: &'a History,
    /// Whose keys there are.
    pub keyring: &'a Keyring,
    /// The profile that the device has, as far as its bytes are in the record.
    pub installed: Option<&'a Arrival>,
    /// What is known of the device.
    pub target: Target,
    /// When.
    pub at: SystemTime,
}

/// Why one profile still is on a device, and what comes next.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct Diagnosis {
    /// The profile's identifier.
    pub identifier: String,
    /// What the record says.
    #[schema(value_type = Option<String>)]
    pub state: Option<State>,
    /// How the device stands.
    pub standing: Standing,
    /// Why, the first the decisive one.
    pub reasons: Vec<Reason>,
    /// What is left to do until the device is free, in this order.
    pub next: Vec<Action>,
    /// What must not happen meanwhile.
    pub warnings: Vec<Warning>,
    /// What the device model says of an overwrite, where the profile's bytes are in the record.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outlook: Option<Outlook>,
}

/// How a device stands with one profile.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Standing {
    /// The profile is gone.
    Free,
    /// The owner can delete it.
    Deletable,
    /// The owner cannot delete it, and there is a way.
    Locked,
    /// The owner cannot delete it, and no overwrite can free it.
    NeedsWipe,
    /// What is installed is not known well enough.
    Unknown,
}

/// One reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Reason {
    /// A stable word.
    pub code: &'static str,
    /// One sentence.
    pub sentence: &'static str,
    /// Steps, warnings and facts that it rests on.
    pub refs: &'static [&'static str],
    /// What belongs to this case: a certificate, an error, issuances.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub about: Vec<String>,
}

/// The judgement.
pub fn of(case: &Case<'_>) -> Diagnosis {
    let mut found = Found::default();
    let standing = match case.history.to_overwrite() {
        Installed::Unknown => Standing::Unknown,
        Installed::Refused => found.all_refused(case),
        Installed::Absent { .. } => found.gone(),
        Installed::Ambiguous { candidates } => found.ambiguous(case, &candidates),
        Installed::Foreign { sighting, earlier, later } => found.foreign(case, &sighting, &earlier, &later),
        Installed::Profile(serving) if is_deletable(&serving) => found.deletable(case, &serving),
        Installed::Profile(serving) => found.locked(case, &serving),
    };
    let Found { reasons, next, mut warnings, outlook } = found;
    warnings.sort_by_key(|warning| warning.warning);
    let (identifier, state) = (case.identifier.to_owned(), case.history.state());
    Diagnosis { identifier, state, standing, reasons, next, warnings, outlook }
}

/// An overwrite of which more is known than that it was issued.
fn is_deletable(serving: &Serving) -> bool {
    let known = !matches!(serving.evidence, EvidenceKind::Issued | EvidenceKind::Named);
    !serving.locked && known
}

#[derive(Default)]
struct Found {
    reasons: Vec<Reason>,
    next: Vec<Action>,
    warnings: Vec<Warning>,
    outlook: Option<Outlook>,
}

impl Found {
    fn gone(&mut self) -> Standing {
        self.reason(GONE, vec![]);
        self.next = vec![DELETE_APP, CLOSE];
        Standing::Free
    }

    fn all_refused(&mut self, case: &Case<'_>) -> Standing {
        let errors = case.history.held.iter().filter_map(|held| match &held.acknowledgement {
            Some(Acknowledgement::Error { chain }) => Some(chain),
            _ => None,
        });
        self.reason(ALL_REFUSED, errors.flatten().map(error).collect());
        self.next = [&[REPORT_LIST, HAND_IN], FROM_START].concat();
        self.warnings.push(w1());
        Standing::Unknown
    }

    fn deletable(&mut self, case: &Case<'_>, serving: &Serving) -> Standing {
        self.reason(DELETABLE, vec![serving.of.uuid().to_string()]);
        self.next = AFTER.to_vec();
        self.warnings.push(w3());
        self.restricted(case);
        Standing::Deletable
    }

    fn ambiguous(&mut self, case: &Case<'_>, candidates: &[Candidate]) -> Standing {
        self.reason(AMBIGUOUS, names(candidates));
        self.next = [&[REPORT_LIST, HAND_IN, NAME_ISSUANCE], FROM_START].concat();
        self.warnings.push(w1());
        for candidate in candidates {
            self.key(case.keyring, &candidate.leaf);
        }
        Standing::Unknown
    }

    fn foreign(
        &mut self,
        case: &Case<'_>,
        sighting: &Sighting,
        earlier: &[Candidate],
        later: &[Candidate],
    ) -> Standing {
        let seen = (!sighting.uuid.is_empty()).then(|| sighting.uuid.clone());
        self.reason(FOREIGN, seen.into_iter().chain(names(earlier)).chain(names(later)).collect());
        if sighting.locked == Some(false) && !later.iter().any(|candidate| candidate.locked) {
            self.next = AFTER.to_vec();
            return Standing::Deletable;
        }
        self.warnings.push(w1());
        let holding = sighting.leaf.map(|leaf| self.key(case.keyring, &leaf));
        self.next = match holding {
            // Who signed it the file will tell.
            None if !earlier.is_empty() => [&[HAND_IN, NAME_ISSUANCE], FROM_START].concat(),
            Some(Holding::Held) | None => [&[HAND_IN], FROM_START].concat(),
            Some(Holding::Unknown) => [&[BRING_KEY, HAND_IN], FROM_START].concat(),
            Some(Holding::Gone) if self.kept(case, sighting.leaf) => return Standing::Locked,
            Some(Holding::Gone) => {
                self.next = vec![REMOVE_BY_MDM, WIPE];
                return self.asking_first(case, Standing::NeedsWipe, false, &issued_since(case, later));
            }
        };
        Standing::Locked
    }

    fn locked(&mut self, case: &Case<'_>, serving: &Serving) -> Standing {
        // Of one that is locked by the device's word alone, the model knows nothing.
        let locked = case.installed.filter(|installed| may_lock(&installed.profile));
        let overdue = overdue(case, serving);
        self.outlook = locked.map(|locked| Outlook::of(locked, case.target, overdue.unwrap_or(case.at)));
        if self.is(Verdict::AlreadyFree) {
            let is_past = overdue.is_none() && date(case).is_some_and(|date| date <= case.at);
            self.reason(if is_past { DATE_PAST } else { LOCK_IGNORED }, vec![]);
            self.next = AFTER.to_vec();
            self.restricted(case);
            return Standing::Deletable;
        }
        self.offered(case, serving);
        match case.history.installed() {
            Installed::Profile(before) if before.of != serving.of => {
                self.reason(ISSUED_LATER, vec![serving.of.uuid().to_string()]);
            }
            _ if serving.evidence != EvidenceKind::Issued => {}
            _ if was_seen_without(case, serving) => self.reason(NOT_THERE_YET, vec![]),
            _ => self.reason(UNCONFIRMED, vec![]),
        }
        self.later(serving);
        self.restricted(case);
        self.ended(case);
        if is_encrypted(case) {
            self.reason(ENCRYPTED, vec![]);
        }
        self.signed(case, serving)
    }

    /// How far the overwrite has come, and what the procedure says to that.
    fn offered(&mut self, case: &Case<'_>, serving: &Serving) {
        self.warnings.push(w1());
        // By R4 one of another signer does not fit.
        let issued = |held: &&Held| !held.locked && matches!(held.of, Basis::Issuance(_)) && held.leaf == serving.leaf;
        let Some(overwrite) = case.history.held.iter().rfind(issued).filter(|it| !is_older(case, it, serving)) else {
            self.reason(NEVER_OFFERED, vec![]);
            self.next = FROM_START.to_vec();
            return;
        };
        let name = overwrite.of.uuid().to_string();
        let is_with = |evidence: &Evidence| evidence.fact != EvidenceFact::Absent && evidence.seq > overwrite.seq;
        let seen_since = case.history.evidence.last().is_some_and(is_with);
        self.warnings.push(w3());
        match &overwrite.acknowledgement {
            _ if overwrite.of == serving.of && serving.locked => {
                self.reason(STILL_LOCKED, vec![name]);
                self.next = [&[ASK_OMITTED, INSTALL], AFTER].concat();
            }
            Some(Acknowledgement::Error { chain }) => self.refused(name, chain),
            Some(Acknowledgement::NotNow) => {
                self.reason(PUT_OFF, vec![name]);
                self.next = [&[INSTALL], AFTER].concat();
            }
            _ if seen_since => {
                self.reason(NOT_INSTALLED, vec![name]);
                self.next = AGAIN.to_vec();
            }
            _ => {
                self.reason(OFFERED, vec![name]);
                self.next = [&[INSTALL], AFTER].concat();
                self.warnings.push(w2(forbidden(case, &[SAFARI])));
            }
        }
    }

    fn refused(&mut self, name: String, chain: &[ErrorLink]) {
        let errors = chain.iter().map(error);
        self.reason(REFUSED, std::iter::once(name).chain(errors).collect());
        let has = |code| chain.iter().any(|link| link.code == code);
        self.next = match () {
            () if has(EMPTY_PASSWORD) => [&[ASK_OMITTED, INSTALL], AFTER].concat(),
            () if has(OTHER_SIGNER) => [&[REPORT_LIST, HAND_IN], FROM_START].concat(),
            () => [&[REPORT_LIST], AGAIN].concat(),
        };
    }

    /// Whether somebody can sign what would free it, and whether the device would take that.
    fn signed(&mut self, case: &Case<'_>, serving: &Serving) -> Standing {
        match self.key(case.keyring, &serving.leaf) {
            Holding::Gone if self.kept(case, Some(serving.leaf)) => {}
            Holding::Gone => return self.without_overwrite(case, serving),
            Holding::Unknown => self.next.insert(0, BRING_KEY),
            Holding::Held if self.is(Verdict::Strands) && self.frees_by_mdm() => {
                self.reason(ONLY_BY_MDM, self.obstacles());
                let ask = if is_encrypted(case) { STRIP } else { ASK_FOR_MDM };
                self.next = [&[ask, SEND_OVERWRITE], AFTER].concat();
            }
            Holding::Held if self.is(Verdict::Strands) => {
                self.reason(NO_OVERWRITE, self.obstacles());
                return self.without_overwrite(case, serving);
            }
            // What it depends on is what nobody sees; a target would not tell more.
            Holding::Held if is_encrypted(case) => self.next = [&[STRIP, INSTALL], AFTER].concat(),
            Holding::Held if self.is(Verdict::FreesOnSome) => {
                self.reason(DEPENDS, self.obstacles());
                self.next.insert(0, NAME_TARGET);
            }
            Holding::Held => {}
        }
        Standing::Locked
    }

    /// Whether an overwrite that was issued before its key was gone fits still: by R4 one that the same leaf signed, unless
    /// the device said that it does not free it.
    fn kept(&mut self, case: &Case<'_>, leaf: Option<Digest>) -> bool {
        let fits = |held: &&Held| {
            let is_issued = !held.locked && matches!(held.of, Basis::Issuance(_)) && Some(held.leaf) == leaf;
            is_issued && !is_hopeless(held) && !case.history.was_told_locked(held.of)
        };
        let Some(overwrite) = case.history.held.iter().rfind(fits) else { return false };
        let install = match (self.is(Verdict::Strands), self.frees_by_mdm()) {
            (true, false) => return false,
            (true, true) => SEND_OVERWRITE,
            (false, _) => INSTALL,
        };
        self.reason(OVERWRITE_KEPT, vec![overwrite.of.uuid().to_string()]);
        self.next = [&[FETCH, install], AFTER].concat();
        true
    }

    /// The device is asked first where what has no overwrite may not be there: what is known from its issuance only, and
    /// where a later lock whose key is held may be there instead. Until then nobody wipes it.
    fn asking_first(&mut self, case: &Case<'_>, standing: Standing, is_guess: bool, later: &[Candidate]) -> Standing {
        let is_held = |one: &Candidate| one.locked && case.keyring.holding(&one.leaf) == Holding::Held;
        let ask: &[Action] = match (is_guess, later.iter().any(is_held)) {
            (false, false) => return standing,
            (true, false) => &[REPORT_LIST, HAND_IN],
            (_, true) => &[REPORT_LIST, HAND_IN, NAME_ISSUANCE],
        };
        self.next.splice(0..0, ask.iter().copied());
        if standing == Standing::NeedsWipe { Standing::Unknown } else { standing }
    }

    /// The ways past the procedure, and the wipe after them.
    fn without_overwrite(&mut self, case: &Case<'_>, serving: &Serving) -> Standing {
        let profile = case.installed.map(|installed| &installed.profile);
        let password = profile.is_some_and(|profile| matches!(profile.removal(), Removal::Password(_)));
        let ends = profile.is_some_and(|profile| DATES.iter().any(|key| profile.get(key).is_some()));
        let ways = [(password, ENTER_PASSWORD), (ends, WAIT)].into_iter().filter(|(is, _)| *is).map(|(_, way)| way);
        let ways: Vec<Action> = ways.collect();
        let standing = if ways.is_empty() { Standing::NeedsWipe } else { Standing::Locked };
        let last = if case.target.supervised == Some(false) { vec![WIPE] } else { vec![REMOVE_BY_MDM, WIPE] };
        self.next = [ways, last].concat();
        self.asking_first(case, standing, serving.evidence == EvidenceKind::Issued, &serving.later)
    }

    fn later(&mut self, serving: &Serving) {
        let locked: Vec<Candidate> = serving.later.iter().filter(|later| later.locked).cloned().collect();
        if !locked.is_empty() {
            self.reason(ISSUED_LATER, names(&locked));
        }
    }

    fn ended(&mut self, case: &Case<'_>) {
        let signer = case.installed.and_then(|installed| installed.certificates().first());
        if signer.and_then(|signer| signer.not_after()).is_some_and(|end| end < case.at) {
            self.reason(CERTIFICATE_ENDED, vec![]);
        }
    }

    fn restricted(&mut self, case: &Case<'_>) {
        let keys = forbidden(case, APP_STORE);
        if !keys.is_empty() {
            self.warnings.push(w4(keys));
        }
    }

    fn key(&mut self, keyring: &Keyring, leaf: &Digest) -> Holding {
        let holding = keyring.holding(leaf);
        match holding {
            Holding::Held => {}
            Holding::Gone => self.reason(KEY_GONE, vec![leaf.to_string()]),
            Holding::Unknown => self.reason(KEY_UNKNOWN, vec![leaf.to_string()]),
        }
        holding
    }

    fn is(&self, verdict: Verdict) -> bool {
        self.outlook.as_ref().is_some_and(|outlook| outlook.verdict == verdict.word())
    }

    fn frees_by_mdm(&self) -> bool {
        self.outlook.as_ref().is_some_and(|outlook| outlook.frees_by_mdm)
    }

    fn obstacles(&self) -> Vec<String> {
        self.outlook.as_ref().map(Outlook::obstacles).unwrap_or_default()
    }

    fn reason(&mut self, (code, sentence, refs): ReasonKind, about: Vec<String>) {
        self.reasons.push(Reason { code, sentence, refs, about });
    }
}

/// Whether an overwrite came before the locked profile that the device has: made for one before that.
fn is_older(case: &Case<'_>, overwrite: &Held, serving: &Serving) -> bool {
    let locked = match serving.locked {
        true => Some(serving.of),
        false => serving.later.iter().rfind(|later| later.locked).map(|later| later.of),
    };
    let held = case.history.held.iter().find(|held| Some(held.of) == locked && held.of != overwrite.of);
    held.is_some_and(|held| overwrite.seq < held.handed_out())
}

/// Those that were issued after what is known last.
fn issued_since(case: &Case<'_>, later: &[Candidate]) -> Vec<Candidate> {
    let last = case.history.evidence.last().map_or(0, |evidence| evidence.seq);
    let is_since = |of| case.history.held.iter().any(|held| held.of == of && held.handed_out() > last);
    later.iter().filter(|one| is_since(one.of)).cloned().collect()
}

/// Whether the device refused it, and would again.
fn is_hopeless(overwrite: &Held) -> bool {
    let Some(Acknowledgement::Error { chain }) = &overwrite.acknowledgement else { return false };
    chain.iter().any(|link| [EMPTY_PASSWORD, OTHER_SIGNER].contains(&link.code))
}

/// Whether the device was seen to have none after this one was issued.
fn was_seen_without(case: &Case<'_>, serving: &Serving) -> bool {
    let issued = case.history.held.iter().find(|held| held.of == serving.of).map(|held| held.seq);
    let is_without = |evidence: &Evidence| evidence.fact == EvidenceFact::Absent && Some(evidence.seq) > issued;
    case.history.evidence.last().is_some_and(is_without)
}

/// Whether its payloads cannot be read: a removal password may be among them.
fn is_encrypted(case: &Case<'_>) -> bool {
    case.installed.is_some_and(|installed| installed.profile.is_encrypted())
}

/// When it removes itself, where it says so.
fn date(case: &Case<'_>) -> Option<SystemTime> {
    case.installed?.profile.get(REMOVAL_DATE)?.as_date().map(SystemTime::from)
}

/// A moment before the date at which it should have removed itself, where it was seen on the device after that.
fn overdue(case: &Case<'_>, serving: &Serving) -> Option<SystemTime> {
    let was_seen = matches!(serving.evidence, EvidenceKind::Listed | EvidenceKind::Observed);
    let seen = case.history.evidence.last().filter(|_| was_seen)?.at;
    date(case).filter(|date| *date < seen)?.checked_sub(Duration::from_secs(1))
}

fn error(link: &ErrorLink) -> String {
    format!("{} {}", link.domain, link.code)
}

fn names(candidates: &[Candidate]) -> Vec<String> {
    candidates.iter().map(|candidate| candidate.of.uuid().to_string()).collect()
}

/// Those of the keys that the installed profile forbids.
fn forbidden(case: &Case<'_>, keys: &[&str]) -> Vec<String> {
    let payloads = case.installed.map(|installed| installed.profile.payloads()).unwrap_or_default();
    let restricts = |payload: &&Payload| payload.kind() == Some(Restrictions::TYPE);
    let is = |key: &str, payload: &Payload| payload.get(key).and_then(|value| value.as_boolean()) == Some(false);
    let found = |key: &&&str| payloads.iter().filter(restricts).any(|payload| is(key, payload));
    keys.iter().filter(found).map(ToString::to_string).collect()
}

type ReasonKind = (&'static str, &'static str, &'static [&'static str]);

macro_rules! reasons {
    ($($name:ident $code:literal $sentence:literal [$($reference:literal)*])+) => {
        $(const $name: ReasonKind = ($code, $sentence, &[$($reference),*]);)+

        /// Every reason, each once.
        pub const REASONS: &[(&str, &str, &[&str])] = &[$($name),+];
    };
}

reasons! {
    GONE "gone" "the profile was seen to be gone" ["S2.8"]
    DELETABLE "deletable" "the overwrite is in its place; the owner has not deleted it yet" ["S2.5" "S2.7"]
    LOCK_IGNORED "lock-ignored" "devices of this target ignore the lock: the owner can delete the profile" ["L2"]
    DATE_PAST "date-past" "its RemovalDate is past: the device removes it by itself" ["L7"]
    NEVER_OFFERED "never-offered" "no overwrite was ever issued for what the device has" ["W1" "W3"]
    OFFERED "offered" "an overwrite was issued; nothing says that the device has installed it" ["S2.2"]
    PUT_OFF "put-off" "the device put the overwrite off (NotNow): it will ask again" ["S2.2"]
    REFUSED "refused" "the device refused the overwrite; what it had before it still has" ["R8" "W3"]
    NOT_INSTALLED "not-installed"
        "an overwrite was issued, and the device was seen with the locked profile afterwards: its install was cancelled or never done"
        ["W3"]
    STILL_LOCKED "still-locked" "the device has the overwrite, and says that it is locked all the same" ["L4" "L6"]
    UNCONFIRMED "unconfirmed" "that the device has the profile is known from its issuance only" []
    NOT_THERE_YET "not-there-yet" "the device was seen without the profile after it was issued; its owner may install it yet" []
    ISSUED_LATER "issued-later" "a locked profile was issued later, and may be there instead" []
    AMBIGUOUS "ambiguous" "profiles of different signers were issued: which one is installed is not known" ["R4"]
    FOREIGN "foreign" "the device was seen with a profile of this identifier that is not in the record" ["R1"]
    ALL_REFUSED "all-refused"
        "the device refused all that was issued to it: whether it has another profile of this identifier is not known"
        ["R4" "R8"]
    KEY_GONE "key-gone" "the key of the certificate that signed it is gone: no overwrite can be signed" ["R4" "R5"]
    OVERWRITE_KEPT "overwrite-kept"
        "an overwrite of the same signer was issued before: it fits, and its bytes are still in the record" ["R1" "R4"]
    KEY_UNKNOWN "key-unknown" "the certificate that signed it is not in the keyring" ["R4"]
    CERTIFICATE_ENDED "certificate-ended"
        "the certificate that signed it has ended; it still signs the overwrite, and the end costs the badge only"
        ["R5"]
    ENCRYPTED "encrypted"
        "its payloads are encrypted: they cannot be read here, it counts as locked, and no overwrite of it is made here"
        []
    ONLY_BY_MDM "only-by-mdm" "the device does not take the overwrite by hand, and takes it from its MDM" ["R9"]
    NO_OVERWRITE "no-overwrite" "no device of this target takes an overwrite that would free it" []
    DEPENDS "depends" "not every device that this may be takes the overwrite" []
}

/// Section 3 of the facts: why the client app goes last.
const APP_STORE: &[&str] = &["allowAppInstallation", "allowUIAppInstallation", "allowAppRemoval"];
const SAFARI: &str = "allowSafari";
/// With these a profile removes itself (L7).
const DATES: &[&str] = &[REMOVAL_DATE, "DurationUntilRemoval"];
const REMOVAL_DATE: &str = "RemovalDate";
/// `MCPayloadErrorDomain` (L4).
const EMPTY_PASSWORD: i64 = 2002;
/// `MCInstallationErrorDomain` (R4).
const OTHER_SIGNER: i64 = 4008;
