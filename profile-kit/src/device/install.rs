//! Installing and replacing (facts R1 to R10, L4, L7, L9).

use std::collections::HashSet;

use plist::Value;

use super::{
    Act, Answer, Arrival, Device, Done, Effect, Grounds, INSTALL, Installed, Prompt, Refusal, Refused, Signature,
    Unknown, apart, mdm, password_payloads, remove::flag,
};
use crate::{
    Certificate, Enrolment, Fact, InstalledBy, Payload, Platform, Profile, Removal,
    check::{self, Finding, Severity},
    payload::{PasscodePolicy, TypedPayload},
    policy::{
        EmptyPassword, ManualOverMdm, MdmOverManual, OverwritePrompt, PasswordLocks, PasswordUnsupervised, Policy,
        SignerMatch,
    },
    removal::PASSWORD_TYPE,
};

impl Device {
    /// Installs a profile: replaces the one of its identifier, or adds it beside the others (R1).
    ///
    /// # Errors
    /// [`Refused`] with the device's error; the device stays as it is (R8).
    pub fn install(&self, arrival: &Arrival, act: &Act) -> Answer {
        self.install_checked(arrival, act, &check::structure(&arrival.profile))
    }

    /// As [`install`](Device::install), for a profile whose structure was checked: these are its faults.
    pub(crate) fn install_checked(&self, arrival: &Arrival, act: &Act, faults: &[Finding]) -> Answer {
        Install { device: self, arrival, act, faults, grounds: Grounds::default(), prompts: Vec::new() }.run()
    }

    /// Installs a profile where it replaces one.
    ///
    /// # Errors
    /// [`Refusal::NotInstalled`] where nothing of its identifier is installed, so that it would be added beside; else as
    /// [`install`](Device::install).
    pub fn replace(&self, arrival: &Arrival, act: &Act) -> Answer {
        match self.find(arrival.profile.identifier()) {
            Some(_) => self.install(arrival, act),
            None => {
                let sentence = "no profile of this identifier is installed: it would be added beside the others";
                Err(Refused::new(Refusal::NotInstalled, sentence, Grounds::default()))
            }
        }
    }

    /// Whether the system has the payload (Apple's schema); one that it does not know it passes over.
    fn knows_removal_passwords(&self) -> bool {
        matches!(self.os.platform, Platform::Ios | Platform::Macos | Platform::Tvos)
    }

    /// Whether a removal password counts here.
    pub(super) fn honours_password(&self, grounds: &mut Grounds) -> bool {
        match self.os.platform {
            Platform::Macos => true,
            Platform::Ios | Platform::Tvos if self.supervised => true,
            Platform::Ios | Platform::Tvos => {
                grounds.policy(&self.policies, Policy::PasswordUnsupervised);
                self.policies.password_unsupervised == PasswordUnsupervised::Honour
            }
            Platform::Visionos | Platform::Watchos => {
                grounds.fact(Fact::Schema);
                false
            }
        }
    }
}

/// One install on its way, rule by rule.
struct Install<'a> {
    device: &'a Device,
    arrival: &'a Arrival,
    act: &'a Act,
    faults: &'a [Finding],
    grounds: Grounds,
    prompts: Vec<Prompt>,
}

type Step = Result<(), Refused>;

impl<'a> Install<'a> {
    fn run(mut self) -> Answer {
        self.signature()?;
        self.structure()?;
        self.removal_password()?;
        self.locked_with_mdm()?;
        self.device_type()?;
        self.removal_date()?;
        self.supervision()?;
        self.restriction()?;
        let old = self.old();
        match old {
            Some(old) => self.replacement(old)?,
            None => self.addition(),
        }
        self.settings(old);
        self.ask_the_owner(old);
        let mut device = self.device.clone();
        device.put(self.arrival, self.act);
        let effect = old.map_or(Effect::Added, |old| replaced(&old.profile, &self.arrival.profile));
        Ok(Done { device, effect, prompts: self.prompts, grounds: self.grounds })
    }

    fn signature(&mut self) -> Step {
        match &self.arrival.signature {
            Signature::Broken(verdict) => {
                let sentence =
                    format!("its signature does not hold ({verdict}), and it is not taken for an unsigned one");
                return self.refuse(Refusal::BrokenSignature, sentence);
            }
            Signature::Signed { plain: false, .. } => self.grounds.unknown(Unknown::SignatureForm),
            Signature::Signed { .. } | Signature::Unsigned => {}
        }
        Ok(())
    }

    fn structure(&mut self) -> Step {
        let refused = |finding: &&Finding| finding.severity == Severity::Error;
        for finding in self.faults.iter().filter(refused) {
            if let Some(error) = finding.device_error() {
                let refused = Refused::new(Refusal::Malformed, finding.to_string(), std::mem::take(&mut self.grounds));
                return Err(Refused { error: Some(error), ..refused });
            }
        }
        if self.arrival.profile.is_encrypted() {
            self.grounds.unknown(Unknown::PayloadsUnseen);
        }
        Ok(())
    }

    fn removal_password(&mut self) -> Step {
        if !self.device.knows_removal_passwords() {
            return Ok(());
        }
        let profile = &self.arrival.profile;
        let values: Vec<_> = password_payloads(profile).map(|payload| payload.get("RemovalPassword")).collect();
        if values.iter().flatten().any(|value| value.as_string().is_none()) {
            return self.refuse(Refusal::RemovalPasswordType, "its removal password is not a string");
        }
        let empty = values.iter().any(|value| value.and_then(Value::as_string).is_none_or(str::is_empty));
        if empty {
            self.grounds.policy(&self.device.policies, Policy::EmptyPassword);
            if self.device.policies.empty_password == EmptyPassword::Reject {
                return self.refuse(Refusal::EmptyRemovalPassword, "its removal password is empty or absent");
            }
        }
        if values.len() > 1 {
            return self.refuse(Refusal::SeveralRemovalPasswords, "it has more than one removal password");
        }
        Ok(())
    }

    fn locked_with_mdm(&mut self) -> Step {
        let profile = &self.arrival.profile;
        if mdm(profile).is_none() {
            return Ok(());
        }
        self.grounds.fact(Fact::L9);
        let locks = self.device.policies.password_locks;
        let is_locked = match (flag(profile, &mut self.grounds), profile.removal()) {
            (true, _) => true,
            (false, Removal::Password(_)) => {
                self.grounds.policy(&self.device.policies, Policy::PasswordLocks);
                locks == PasswordLocks::Yes
            }
            (false, _) => false,
        };
        match is_locked {
            true => self.refuse(Refusal::LockedWithMdm, "it is locked, and carries an MDM payload"),
            false => Ok(()),
        }
    }

    fn device_type(&mut self) -> Step {
        let device = self.device;
        let (own, since) = match device.os.platform {
            Platform::Ios => (1, (12, 2)),
            Platform::Watchos => (2, (5, 2)),
            Platform::Tvos => (4, (12, 2)),
            Platform::Macos => (5, (10, 15)),
            Platform::Visionos => (6, (1, 1)),
        };
        let wanted = self.arrival.profile.get("TargetDeviceType").and_then(Value::as_unsigned_integer);
        match wanted {
            Some(kind) if kind != 0 && kind != own && device.since(since.0, since.1) => {
                let sentence = format!("its TargetDeviceType is {kind}, not {own} for {}", device.os.platform);
                self.refuse(Refusal::OtherDeviceType, sentence)
            }
            _ => Ok(()),
        }
    }

    fn removal_date(&mut self) -> Step {
        match check::past(&self.arrival.profile, "RemovalDate", self.act.at) {
            true => self.refuse(Refusal::RemovalDatePast, "its RemovalDate is past"),
            false => Ok(()),
        }
    }

    fn supervision(&mut self) -> Step {
        let device = self.device;
        let has_password = password_payloads(&self.arrival.profile).next().is_some();
        if has_password && device.enrolment != Enrolment::Device {
            self.grounds.unknown(Unknown::EnrolmentLock);
        }
        if !has_password || device.supervised || !matches!(device.os.platform, Platform::Ios | Platform::Tvos) {
            return Ok(());
        }
        self.grounds.policy(&device.policies, Policy::PasswordUnsupervised);
        match device.policies.password_unsupervised {
            PasswordUnsupervised::Reject => {
                let sentence = "it has a removal password, and the device is not supervised";
                self.refuse(Refusal::RemovalPasswordUnsupervised, sentence)
            }
            PasswordUnsupervised::Ignore | PasswordUnsupervised::Honour => Ok(()),
        }
    }

    fn restriction(&mut self) -> Step {
        if !self.by_hand() {
            return Ok(());
        }
        if self.device.installed.iter().any(|installed| installed.profile.is_encrypted()) {
            self.grounds.unknown(Unknown::PayloadsUnseen);
        }
        match self.device.forbids(INSTALL) {
            true => {
                let sentence = format!("an installed profile forbids installing profiles by hand ({INSTALL} false)");
                self.refuse(Refusal::InstallForbidden, sentence)
            }
            false => Ok(()),
        }
    }

    /// What it replaces: the profile of its identifier; in another scope it is taken to stand beside it.
    fn old(&mut self) -> Option<&'a Installed> {
        let (os, new) = (self.device.os, &self.arrival.profile);
        let named = |old: &&Installed| old.profile.identifier() == new.identifier();
        let mut namesakes = self.device.installed.iter().filter(named);
        let old = namesakes.clone().find(|old| !apart(os, &old.profile, new));
        if old.is_none() && namesakes.next().is_some() {
            self.grounds.unknown(Unknown::OtherScope);
        }
        old
    }

    fn addition(&mut self) {
        self.grounds.fact(Fact::R1);
        let enrolled = self.device.installed.iter().any(|installed| mdm(&installed.profile).is_some());
        if enrolled && mdm(&self.arrival.profile).is_some() {
            self.grounds.unknown(Unknown::SecondMdm);
        }
    }

    fn replacement(&mut self, old: &Installed) -> Step {
        self.grounds.fact(Fact::R1);
        self.grounds.fact(Fact::R2);
        self.grounds.fact(Fact::R3);
        if old.profile.is_encrypted() {
            self.grounds.unknown(Unknown::PayloadsUnseen);
        }
        self.who(old)?;
        self.signer(old)?;
        self.same_mdm(old)?;
        if self.device.is_locked(&old.profile) {
            self.grounds.fact(Fact::R6);
        }
        self.stored_password(old);
        self.old_password(old)
    }

    fn who(&mut self, old: &Installed) -> Step {
        let policies = &self.device.policies;
        self.grounds.fact(Fact::R9);
        match (old.by, self.act.by) {
            (InstalledBy::Mdm, InstalledBy::Hand) => {
                self.grounds.policy(policies, Policy::ManualOverMdm);
                match policies.manual_over_mdm {
                    ManualOverMdm::Allow => Ok(()),
                    ManualOverMdm::Refuse => {
                        self.refuse(Refusal::ManualOverMdm, "the MDM installed what it would replace by hand")
                    }
                }
            }
            (InstalledBy::Hand, InstalledBy::Mdm) => match self.device.lets_the_mdm(&mut self.grounds) {
                true => Ok(()),
                false => self.refuse(Refusal::MdmOverManual, "what the MDM would replace was installed by hand"),
            },
            (InstalledBy::Hand, InstalledBy::Hand) | (InstalledBy::Mdm, InstalledBy::Mdm) => Ok(()),
        }
    }

    /// Looked at where a profile is replaced by hand (R4).
    fn signer(&mut self, old: &Installed) -> Step {
        if !self.by_hand() {
            return Ok(());
        }
        self.grounds.fact(Fact::R4);
        let (old, new) = (old.certificates.as_slice(), self.arrival.certificates());
        let policies = &self.device.policies;
        if SignerMatch::ALL.iter().any(|policy| !policy.takes(old, new)) {
            self.grounds.policy(policies, Policy::SignerMatch);
        }
        match (old.first(), new.first()) {
            _ if policies.signer_match.takes(old, new) => Ok(()),
            (Some(old), Some(new)) => {
                let (old, new) = (old.fingerprint(), new.fingerprint());
                let sentence = format!("what is installed is signed by certificate sha256:{old}, this by sha256:{new}");
                self.refuse(Refusal::OtherSigner, sentence)
            }
            _ => self.refuse(Refusal::UnsignedOverSigned, "what is installed is signed, and this is not"),
        }
    }

    fn same_mdm(&mut self, old: &Installed) -> Step {
        let Some(old) = mdm(&old.profile) else { return Ok(()) };
        self.grounds.fact(Fact::R10);
        match mdm(&self.arrival.profile) {
            None if self.arrival.profile.is_encrypted() => Ok(()),
            None => self.refuse(Refusal::MdmPayloadMissing, "what is installed has an MDM payload, and this has none"),
            Some(new) if enrols_alike(old, new) => Ok(()),
            Some(_) => self.refuse(Refusal::MdmChanged, "its MDM payload has another Topic, ServerURL or CheckInURL"),
        }
    }

    /// R2: what is stored under a UUID may stay there.
    fn stored_password(&mut self, old: &Installed) {
        let same = old.profile.uuid().is_some() && old.profile.uuid() == self.arrival.profile.uuid();
        let stored = matches!(old.profile.removal(), Removal::Password(password) if !password.is_empty());
        if same && stored && self.device.honours_password(&mut self.grounds) {
            self.grounds.unknown(Unknown::StoredPassword);
        }
    }

    /// R7, S2.3: asked, where it is, if a removal password is there or comes.
    fn old_password(&mut self, old: &Installed) -> Step {
        let passwords = [&old.profile, &self.arrival.profile];
        if !self.by_hand() || passwords.iter().all(|profile| password_payloads(profile).next().is_none()) {
            return Ok(());
        }
        let policies = &self.device.policies;
        self.grounds.policy(policies, Policy::OverwritePrompt);
        match (policies.overwrite_prompt, old.profile.removal()) {
            (OverwritePrompt::None, _) => {}
            (OverwritePrompt::MustMatch, Removal::Password(password)) if !password.is_empty() => {
                self.prompts.push(Prompt::RemovalPassword);
                if self.act.password.expose() != password {
                    return self
                        .refuse(Refusal::WrongPassword, "the installed profile's removal password was not given");
                }
            }
            (OverwritePrompt::EmptyAccepted | OverwritePrompt::MustMatch, _) => {
                self.prompts.push(Prompt::EmptyPassword)
            }
        }
        Ok(())
    }

    /// Settings that some device may refuse, unless it has them already.
    fn settings(&mut self, old: Option<&Installed>) {
        let there = |payload: &Payload| old.is_some_and(|old| old.profile.payloads().contains(payload));
        let payloads = self.arrival.profile.payloads().iter();
        // A removal password has rules of its own.
        let new: Vec<Payload> =
            payloads.filter(|payload| payload.kind() != Some(PASSWORD_TYPE) && !there(payload)).cloned().collect();
        if new.is_empty() {
            return;
        }
        let mut profile = Profile::new(self.arrival.profile.identifier(), "");
        *profile.payloads_mut() = new;
        if check::settings(&profile).iter().any(|finding| finding.code.may_be_refused()) {
            self.grounds.unknown(Unknown::Setting);
        }
    }

    fn ask_the_owner(&mut self, old: Option<&Installed>) {
        if !self.by_hand() {
            return;
        }
        let profile = &self.arrival.profile;
        if profile.get("ConsentText").is_some() {
            self.grounds.fact(Fact::Keys);
            self.prompts.push(Prompt::Consent);
        }
        let there = |payload: &&Payload| old.is_some_and(|old| old.profile.payloads().contains(payload));
        let mut policies = profile.payloads().iter().filter(|payload| payload.kind() == Some(PasscodePolicy::TYPE));
        if policies.any(|payload| !there(&payload)) {
            self.grounds.fact(Fact::Obstacles);
            self.prompts.push(Prompt::Passcode);
        }
    }

    fn refuse(&mut self, refusal: Refusal, sentence: impl Into<String>) -> Step {
        Err(Refused::new(refusal, sentence, std::mem::take(&mut self.grounds)))
    }

    fn by_hand(&self) -> bool {
        self.act.by == InstalledBy::Hand
    }
}

impl Device {
    /// Whether the MDM may touch what was installed by hand (R9).
    pub(super) fn lets_the_mdm(&self, grounds: &mut Grounds) -> bool {
        grounds.policy(&self.policies, Policy::MdmOverManual);
        match self.policies.mdm_over_manual {
            MdmOverManual::Supervised => self.supervised,
            MdmOverManual::Refuse => false,
            MdmOverManual::Allow => true,
        }
    }
}

impl SignerMatch {
    /// Whether a profile may be replaced by hand, by the certificates of both, the signer's first (none: unsigned).
    /// What is unsigned anything may replace (R4).
    pub fn takes(self, old: &[Certificate], new: &[Certificate]) -> bool {
        let leaves = old.first().zip(new.first());
        match self {
            _ if old.is_empty() => true,
            SignerMatch::LeafEqual => leaves.is_some_and(|(old, new)| old == new),
            SignerMatch::SameKey => leaves.is_some_and(|(old, new)| old == new || old.has_key_of(new)),
            SignerMatch::AnyOfChain => new.iter().any(|certificate| old.contains(certificate)),
            SignerMatch::None => true,
        }
    }
}

/// R3, for the answer.
fn replaced(old: &Profile, new: &Profile) -> Effect {
    let (before, after) = (names(old), names(new));
    let stays = |payload: &Payload| pair(payload).is_some_and(|pair| before.contains(&pair) && after.contains(&pair));
    let name = |payload: &Payload| payload.identifier().or(payload.kind()).unwrap_or_default().to_owned();
    Effect::Replaced {
        updated: new.payloads().iter().filter(|new| stays(new)).map(name).collect(),
        removed: old.payloads().iter().filter(|old| !stays(old)).map(name).collect(),
        added: new.payloads().iter().filter(|new| !stays(new)).map(name).collect(),
    }
}

fn names(profile: &Profile) -> HashSet<(&str, &str)> {
    profile.payloads().iter().filter_map(pair).collect()
}

fn pair(payload: &Payload) -> Option<(&str, &str)> {
    payload.identifier().zip(payload.uuid())
}

/// Whether two MDM payloads have the same topic and servers (R10). `CheckInURL` is `ServerURL` where it is absent.
fn enrols_alike(one: &Payload, other: &Payload) -> bool {
    let names = |payload: &Payload| {
        let server = payload.get("ServerURL").cloned();
        let check_in = payload.get("CheckInURL").cloned().or_else(|| server.clone());
        (payload.get("Topic").cloned(), server, check_in)
    };
    names(one) == names(other)
}
