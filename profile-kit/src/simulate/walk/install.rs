//! Enrolling, and installing profiles as they are.

use super::Walk;
use crate::{
    Arrival, InstalledBy, Profile, Result,
    device::{Act, Answer, Effect, Prompt},
    payload::{Mdm, TypedPayload},
    simulate::{
        JobStatus, Outcome, RecordState,
        profiles::{IVI, MDM},
        report::Went,
        step::Signer,
    },
};

impl Walk<'_> {
    /// Also again (W3): the client app, the Apple MDM profile, the IVI MDM profile as the configuration says it today.
    pub(super) fn enrol(&mut self) -> Result<Outcome> {
        if self.console.let_go && !self.console.practice.takes_back {
            self.operator("W1", "the forced inactivation let go of the device; our reading: it is not taken back");
            return Ok(Outcome::Went(Went::LetGo));
        }
        let app = self.install_app();
        if app != Went::AppInstalled {
            return Ok(Outcome::Went(app));
        }
        for name in [MDM, IVI].into_iter().filter(|name| *name != MDM || self.scenario.hybrid) {
            let installed = self.enrol_profile(name)?;
            if let Outcome::Refused(_) = installed {
                return Ok(installed);
            }
        }
        self.activate();
        Ok(Outcome::Went(Went::Enrolled))
    }

    fn activate(&mut self) {
        let was_waiting = self.console.offers();
        self.console.record = RecordState::Active;
        self.console.let_go = false;
        if was_waiting {
            self.console.job = JobStatus::Void;
            self.note("W3", "our reading: a new enrolment ends an inactivation that waits");
        }
        self.operator("", "device list (端末管理): the device is active (有効)");
    }

    fn enrol_profile(&mut self, name: &str) -> Result<Outcome> {
        let wish = &self.scenario.profiles[name];
        let profile = if name == IVI { self.console.configured(&wish.profile)? } else { wish.profile.clone() };
        let signer = self.console.practice.signer.clone().filter(|_| wish.signed);
        let bytes = self.console.encode(&profile, signer.as_deref(), self.keys, self.now)?;
        let outcome = self.issue(&bytes, &Act { by: wish.by, ..Act::by_hand(self.now) })?;
        if let Outcome::Went(_) = outcome
            && name == IVI
        {
            self.console.ivi = Some(profile.identifier().to_owned());
        }
        Ok(outcome)
    }

    pub(super) fn install(&mut self, name: &str, signer: &Signer, act: &Act, damaged: bool) -> Result<Outcome> {
        if act.by == InstalledBy::Mdm && self.phone.mdm().is_none() {
            return Ok(Outcome::Went(self.no_mdm()));
        }
        let signer = match signer {
            Signer::Today => self.console.practice.signer.clone(),
            Signer::Nobody => None,
            Signer::Named(name) => Some(name.clone()),
        };
        let profile = &self.scenario.profiles[name].profile;
        let mut bytes = self.console.encode(profile, signer.as_deref(), self.keys, self.now)?;
        if damaged && let Some(last) = bytes.last_mut() {
            // The last octet of a signed file is the signature's.
            *last ^= 1;
        }
        self.issue(&bytes, act)
    }

    /// Reads a file back as the device does, installs it, and remembers what was handed out.
    fn issue(&mut self, bytes: &[u8], act: &Act) -> Result<Outcome> {
        let arrival = Arrival::from_bytes(bytes)?;
        let answer = self.phone.device.install(&arrival, act);
        let outcome = self.installed(answer);
        if let Outcome::Went(went) = outcome {
            let how = if act.by == InstalledBy::Mdm { "by the MDM" } else { "by hand" };
            let over = if went == Went::Replaced { ", over the one that was there" } else { "" };
            let (what, signer) = (label(&arrival.profile), self.signer(&arrival));
            self.owner("", format!("{what} is installed {how}{over}, {signer}"));
            self.console.record_issue(arrival.profile.identifier(), bytes.to_vec());
        }
        Ok(outcome)
    }

    /// `signed by "signer"`.
    pub(super) fn signer(&self, arrival: &Arrival) -> String {
        match arrival.certificates().first() {
            None => "unsigned".into(),
            Some(leaf) => format!("signed by {:?}", self.keys.name_of(leaf).unwrap_or("somebody")),
        }
    }

    pub(super) fn no_mdm(&mut self) -> Went {
        self.operator("", "the MDM does not reach the device: the Apple MDM profile is not there");
        Went::NoMdm
    }

    pub(super) fn installed(&mut self, answer: Answer) -> Outcome {
        let outcome = self.take(answer, |done| went(&done.effect));
        self.asked("S2.3");
        outcome
    }

    /// Tells what the owner was asked; an empty password by the number of where.
    pub(super) fn asked(&mut self, empty: &'static str) {
        for prompt in self.prompts.clone() {
            let (number, text) = match prompt {
                Prompt::EmptyPassword => {
                    (empty, "the device says \"invalid password\" (不正なパスワード): enters nothing, taps OK")
                }
                Prompt::RemovalPassword => ("L3", "the device asks for the removal password: it is given"),
                Prompt::Consent => ("", "the device shows the profile's text: agrees"),
                Prompt::Passcode => ("", "the device may ask for a new passcode"),
                Prompt::Administrator => ("", "the device asks for an administrator"),
            };
            self.owner(number, text);
        }
    }
}

fn went(effect: &Effect) -> Went {
    match effect {
        Effect::Added => Went::Added,
        Effect::Replaced { .. } => Went::Replaced,
        Effect::Downloaded => Went::Downloaded,
        Effect::Removed(_) => Went::Removed,
    }
}

/// A profile as Settings shows it.
pub(super) fn label(profile: &Profile) -> String {
    let is_mdm = profile.payloads().iter().any(|payload| payload.kind() == Some(Mdm::TYPE));
    let kind = if is_mdm { "モバイルデバイス管理" } else { "構成プロファイル" };
    format!("{:?} ({kind}, {})", profile.display_name().unwrap_or_default(), profile.identifier())
}
