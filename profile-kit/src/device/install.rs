//! Installing and replacing (facts R1 to R10, L4, L7, L9).

use plist::Value;

use super::{
    Act, Answer, Arrival, Device, Done, Grounds, INSTALL, Installed, Known, Prompt, Refusal, Refused, Signature,
    Unknown, apart, known::Changes, mdm, password_payloads, remove::flag,
};
use crate::{
    Enrolment, Fact, InstalledBy, Platform, Removal, check,
    policy::{EmptyPassword, PasswordLocks, PasswordUnsupervised, Policy},
};

impl Device {
    /// Installs a profile: replaces the one of its identifier, or adds it beside the others (R1).
    ///
    /// # Errors
    /// [`Refused`] with the device's error; the device stays as it is (R8).
    pub fn install(&self, arrival: &Arrival, act: &Act) -> Answer {
        self.install_known(arrival, act, &Known::of(&arrival.profile))
    }

    /// As [`install`](Device::install), for a profile that was looked at before.
    pub(crate) fn install_known(&self, arrival: &Arrival, act: &Act, known: &Known) -> Answer {
        Install { device: self, arrival, act, known, grounds: Grounds::default(), prompts: Vec::new() }.run()
    }

    /// Whether a profile, whatever else it has, has the fault for which another one was refused, and what decided that. Time
    /// and what is installed make no such fault.
    pub(crate) fn faults_alike(
        &self,
        arrival: &Arrival,
        act: &Act,
        known: &Known,
        (refused, other): (&Refused, &Known),
    ) -> (bool, Grounds) {
        let mut install =
            Install { device: self, arrival, act, known, grounds: Grounds::default(), prompts: Vec::new() };
        let step = match refused.refusal {
            Refusal::Malformed => return (known.is_malformed_as(other), Grounds::default()),
            Refusal::BrokenSignature => install.signature(),
            Refusal::RemovalPasswordType => install.removal_password_type(),
            Refusal::EmptyRemovalPassword => install.empty_removal_password(),
            Refusal::SeveralRemovalPasswords => install.several_removal_passwords(),
            Refusal::LockedWithMdm => install.locked_with_mdm(),
            Refusal::OtherDeviceType => install.device_type(),
            Refusal::RemovalPasswordUnsupervised => install.supervision(),
            _ => Ok(()),
        };
        match step {
            Ok(()) => (false, install.grounds),
            Err(too) => (too.sentence == refused.sentence, too.grounds),
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
pub(super) struct Install<'a> {
    pub(super) device: &'a Device,
    pub(super) arrival: &'a Arrival,
    pub(super) act: &'a Act,
    known: &'a Known,
    pub(super) grounds: Grounds,
    pub(super) prompts: Vec<Prompt>,
}

pub(super) type Step = Result<(), Refused>;

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
        let Changes { effect, asks_passcode, may_be_refused } =
            self.known.changes(old.map(|old| &old.profile), &self.arrival.profile);
        if may_be_refused {
            self.grounds.unknown(Unknown::Setting);
        }
        let doubts = self.known.doubts(self.device.os, self.act.by);
        doubts.into_iter().for_each(|doubt| self.grounds.unknown(doubt));
        self.ask_the_owner(asks_passcode);
        let mut device = self.device.clone();
        device.put(self.arrival, self.act);
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
        if let Some(finding) = self.known.malformed().next() {
            let refused = Refused::new(Refusal::Malformed, finding.to_string(), std::mem::take(&mut self.grounds));
            return Err(Refused { error: finding.device_error(), ..refused });
        }
        if self.arrival.profile.is_encrypted() {
            self.grounds.unknown(Unknown::PayloadsUnseen);
        }
        Ok(())
    }

    fn removal_password(&mut self) -> Step {
        self.removal_password_type()?;
        self.empty_removal_password()?;
        self.several_removal_passwords()
    }

    fn removal_password_type(&mut self) -> Step {
        let untyped = self.passwords().flatten().any(|value| value.as_string().is_none());
        match untyped {
            true => self.refuse(Refusal::RemovalPasswordType, "its removal password is not a string"),
            false => Ok(()),
        }
    }

    fn empty_removal_password(&mut self) -> Step {
        let empty = self.passwords().any(|value| value.and_then(Value::as_string).is_none_or(str::is_empty));
        if !empty {
            return Ok(());
        }
        self.grounds.policy(&self.device.policies, Policy::EmptyPassword);
        match self.device.policies.empty_password {
            EmptyPassword::Reject => {
                self.refuse(Refusal::EmptyRemovalPassword, "its removal password is empty or absent")
            }
            _ => Ok(()),
        }
    }

    fn several_removal_passwords(&mut self) -> Step {
        let several = self.passwords().nth(1).is_some();
        match several {
            true => self.refuse(Refusal::SeveralRemovalPasswords, "it has more than one removal password"),
            false => Ok(()),
        }
    }

    /// What its removal-password payloads say; none where the system does not know them.
    fn passwords(&self) -> impl Iterator<Item = Option<&'a Value>> {
        let payloads = password_payloads(&self.arrival.profile).map(|payload| payload.get("RemovalPassword"));
        payloads.filter(|_| self.device.knows_removal_passwords())
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
        let os = self.device.os;
        match check::other_device_type(&self.arrival.profile, os.platform, Some(os.version)) {
            Some(kind) => {
                let sentence = format!("its TargetDeviceType is {kind}, which is not {}", os.platform);
                self.refuse(Refusal::OtherDeviceType, sentence)
            }
            None => Ok(()),
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

    fn ask_the_owner(&mut self, asks_passcode: bool) {
        if !self.by_hand() {
            return;
        }
        if self.arrival.profile.get("ConsentText").is_some() {
            self.grounds.fact(Fact::Keys);
            self.prompts.push(Prompt::Consent);
        }
        if asks_passcode {
            self.grounds.fact(Fact::Obstacles);
            self.prompts.push(Prompt::Passcode);
        }
    }

    pub(super) fn refuse(&mut self, refusal: Refusal, sentence: impl Into<String>) -> Step {
        Err(Refused::new(refusal, sentence, std::mem::take(&mut self.grounds)))
    }

    pub(super) fn by_hand(&self) -> bool {
        self.act.by == InstalledBy::Hand
    }
}
