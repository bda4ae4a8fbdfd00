//! What happens on the device (S2, S3).

use std::time::Duration;

use super::Walk;
use crate::{
    Arrival, InstalledBy, Profile, Result,
    device::{Act, Answer, Done, Effect, Lock, Prompt, Refusal},
    simulate::{
        JobStatus, Outcome, RecordState,
        report::Went,
        scenario::{IVI, MDM},
        step::{Removed, Signer, Stop, Via},
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
        let mut outcome = Outcome::Went(Went::Enrolled);
        for name in [MDM, IVI].into_iter().filter(|name| *name != MDM || self.scenario.hybrid) {
            let installed = self.enrol_profile(name)?;
            if let Outcome::Refused(_) = installed {
                outcome = installed;
            }
        }
        if outcome == Outcome::Went(Went::Enrolled) {
            self.console.record = RecordState::Active;
            self.console.let_go = false;
            if self.console.job == JobStatus::Waiting {
                self.console.job = JobStatus::Void;
                self.note("W3", "our reading: a new enrolment ends an inactivation that waits");
            }
            self.operator("W3", "device list (端末管理): the device is active (有効)");
        }
        Ok(outcome)
    }

    fn enrol_profile(&mut self, name: &str) -> Result<Outcome> {
        let wish = &self.scenario.profiles[name];
        let profile = if name == IVI { self.console.configured(&wish.profile)? } else { wish.profile.clone() };
        let signer = self.console.practice.signer.clone().filter(|_| wish.signed);
        let bytes = self.console.encode(&profile, signer.as_deref(), self.keys, self.now)?;
        let by = wish.by;
        let outcome = self.issue(&bytes, &Act { by, ..Act::by_hand(self.now) })?;
        if let Outcome::Went(went) = outcome {
            let label = if name == MDM { "モバイルデバイス管理" } else { "構成プロファイル" };
            let how = if by == InstalledBy::Mdm { "by the MDM" } else { "by hand" };
            let verb =
                if went == Went::Replaced { "is installed anew over the one that was there" } else { "is installed" };
            let signer = signer.map_or("unsigned".into(), |name| format!("signed by {name:?}"));
            self.owner("", format!("{:?} ({label}) {verb} {how}, {signer}", shown(&profile)));
            if name == IVI {
                self.console.ivi = Some(profile.identifier().to_owned());
            }
        }
        Ok(outcome)
    }

    pub(super) fn open_install_page(&mut self, via: Via, stops: Option<Stop>) -> Result<Outcome> {
        let how = match via {
            Via::Notification => "taps the push notification",
            Via::App => "opens the client app",
        };
        if !self.phone.app {
            self.owner("S2.1", "the client app is not there");
            self.note("", "our reading: it is the app that receives the push and opens the install page");
            return Ok(Outcome::Went(Went::NoApp));
        }
        self.owner("S2.1", how);
        if !self.console.offers() {
            return Ok(Outcome::Went(self.nothing_offered()));
        }
        if let Some(stop) = stops {
            return Ok(Outcome::Went(self.stopped(stop)));
        }
        if self.phone.safari_restricted(self.now) {
            self.owner("W2", "Safari is restricted, and the install page does not come");
            self.note("W2", "our reading: without Safari the page is not reached");
            return Ok(Outcome::Went(Went::NotReached));
        }
        let configured = &self.scenario.profiles[IVI].profile;
        match self.console.removal_profile(configured, self.keys, self.phone.device.os, self.now)? {
            Err(why) => {
                self.operator("", format!("the service signs no removal profile: {why}"));
                Ok(Outcome::Went(Went::NoRemovalProfile))
            }
            Ok(bytes) => self.download(&bytes),
        }
    }

    fn nothing_offered(&mut self) -> Went {
        let (number, why) = match self.console.record {
            RecordState::Gone => ("S4.8", "the console has no record of the device"),
            _ if self.console.let_go => ("W1", "a forced inactivation let go of the device"),
            _ => ("W3", "no inactivation waits for the device"),
        };
        self.owner(number, format!("no removal profile is offered: {why}"));
        Went::NoRemovalProfile
    }

    fn stopped(&mut self, stop: Stop) -> Went {
        match stop {
            Stop::Safari => self.owner("W2", "Safari stops on the way: see the support FAQ"),
            Stop::Settings => {
                self.owner("W2", "Settings does not go to the install page");
                self.note("W2", "enrol the device again, then run the inactivation again");
            }
        }
        Went::NotReached
    }

    fn download(&mut self, bytes: &[u8]) -> Result<Outcome> {
        let arrival = Arrival::from_bytes(bytes)?;
        let signer = arrival.certificates().first().and_then(|leaf| self.keys.name_of(leaf));
        let signer = signer.map_or("unsigned".into(), |name| format!("signed by {name:?}"));
        self.note("", format!("the removal profile has the identifier {:?}, {signer}", arrival.profile.identifier()));
        let done = self.phone.device.download(&arrival, self.now);
        let text = match done.device.pending.as_ref().and_then(|pending| pending.until) {
            Some(_) => {
                "\"Profile Downloaded\": the removal profile (削除用プロファイル) waits in Settings for 8 minutes"
            }
            None => "the install page of the removal profile (削除用プロファイル) opens",
        };
        self.owner("S2.2", text);
        Ok(self.take(Ok(done), |_| Went::Downloaded))
    }

    pub(super) fn install_overwrite(&mut self, by: InstalledBy, password: &str) -> Result<Outcome> {
        let act = Act { by, ..Act::by_hand(self.now) }.password(password);
        if by == InstalledBy::Mdm {
            return self.push_overwrite(&act);
        }
        let answer = self.phone.device.install_pending(&act);
        if let Err(refused) = &answer
            && refused.refusal == Refusal::NothingPending
        {
            self.owner("S2.2", "Settings has no removal profile to install");
        }
        Ok(self.overwritten(answer))
    }

    fn push_overwrite(&mut self, act: &Act) -> Result<Outcome> {
        if self.phone.mdm().is_none() {
            self.operator("", "the MDM does not reach the device: the Apple MDM profile is not there");
            return Ok(Outcome::Went(Went::NoMdm));
        }
        if !self.console.offers() {
            return Ok(Outcome::Went(self.nothing_offered()));
        }
        let configured = &self.scenario.profiles[IVI].profile;
        match self.console.removal_profile(configured, self.keys, self.phone.device.os, self.now)? {
            Err(why) => {
                self.operator("", format!("the service signs no removal profile: {why}"));
                Ok(Outcome::Went(Went::NoRemovalProfile))
            }
            Ok(bytes) => {
                self.operator(
                    "",
                    "the MDM sends the removal profile with InstallProfile, which the procedure does not use",
                );
                let answer = self.phone.device.install(&Arrival::from_bytes(&bytes)?, act);
                Ok(self.overwritten(answer))
            }
        }
    }

    /// Section 7 of the facts: the same identifier, another UUID, no lock.
    fn report_to_console(&mut self) {
        let Some(identifier) = self.console.ivi.clone() else { return };
        let issued = self.console.issued(&identifier).and_then(|bytes| Arrival::from_bytes(bytes).ok());
        let issued = issued.and_then(|issued| issued.profile.uuid().map(str::to_owned));
        let list = self.phone.device.profile_list();
        let landed = list.iter().any(|item| {
            item.identifier == identifier
                && item.uuid != issued
                && !item.removal_disallowed
                && !item.has_removal_passcode
        });
        if landed && self.console.offers() {
            self.console.job = JobStatus::Success;
            self.console.record = RecordState::Inactive;
            self.show_job();
            self.note("S4.2", "our reading: the job succeeds when the device reports the overwrite in its place");
        }
    }

    pub(super) fn cancel_overwrite(&mut self) -> Outcome {
        if self.phone.device.pending.is_none() {
            self.owner("S2.2", "Settings has no removal profile to install");
            return Outcome::Refused(Refusal::NothingPending);
        }
        self.owner("S2.4", "cancels the install of the removal profile");
        self.note("W3", "cancelled: the profile stays as it is, without a delete button");
        self.phone.device.pending = None;
        Outcome::Went(Went::Cancelled)
    }

    pub(super) fn install(
        &mut self,
        name: &str,
        signer: &Signer,
        by: InstalledBy,
        password: &str,
        damaged: bool,
    ) -> Result<Outcome> {
        if by == InstalledBy::Mdm && self.phone.mdm().is_none() {
            return Ok(Outcome::Went(Went::NoMdm));
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
        self.issue(&bytes, &Act { by, ..Act::by_hand(self.now) }.password(password))
    }

    /// Reads a file back as the device does, installs it, and remembers what was handed out.
    fn issue(&mut self, bytes: &[u8], act: &Act) -> Result<Outcome> {
        let arrival = Arrival::from_bytes(bytes)?;
        let answer = self.phone.device.install(&arrival, act);
        let outcome = self.installed(answer);
        if let Outcome::Went(_) = outcome {
            self.console.record_issue(arrival.profile.identifier(), bytes.to_vec());
        }
        Ok(outcome)
    }

    fn installed(&mut self, answer: Answer) -> Outcome {
        let outcome = self.take(answer, |done| went(&done.effect));
        for prompt in self.prompts.clone() {
            self.asked(prompt, "S2.3");
        }
        outcome
    }

    fn overwritten(&mut self, answer: Answer) -> Outcome {
        let outcome = self.installed(answer);
        match outcome {
            Outcome::Went(Went::Replaced) => self.owner("S2.4", "installed over the profile that was there"),
            Outcome::Went(Went::Added) => {
                self.owner("S2.4", "installed beside the profile that was there, which stays as it is (R1)");
            }
            _ => {}
        }
        self.report_to_console();
        outcome
    }

    fn asked(&mut self, prompt: Prompt, number: &'static str) {
        match prompt {
            Prompt::EmptyPassword => {
                self.owner(number, "the device says \"invalid password\" (不正なパスワード): enters nothing, taps OK");
            }
            Prompt::RemovalPassword => self.owner("L3", "the device asks for the removal password: it is given"),
            Prompt::Consent => self.owner("", "the device shows the profile's text, and the owner agrees"),
            Prompt::Passcode => self.owner("", "the device may ask for a new passcode"),
            Prompt::Administrator => self.owner("", "the device asks for an administrator"),
        }
    }

    pub(super) fn remove(&mut self, what: &Removed, by: InstalledBy, password: &str) -> Result<Outcome> {
        let identifier = match what {
            Removed::Identifier(identifier) => identifier.clone(),
            Removed::Named(name) => self.named(name),
        };
        if by == InstalledBy::Mdm && self.phone.mdm().is_none() {
            self.operator("", "the MDM does not reach the device: the Apple MDM profile is not there");
            return Ok(Outcome::Went(Went::NoMdm));
        }
        let is_mdm = self.phone.mdm() == Some(identifier.as_str());
        let (number, label) = match is_mdm {
            true => ("S2.6", "the Apple MDM profile (モバイルデバイス管理)"),
            false => ("S2.7", "the IVI MDM profile (構成プロファイル)"),
        };
        let answer = self.phone.device.remove(&identifier, &Act { by, ..Act::by_hand(self.now) }.password(password));
        let with_it = removed_along(&answer);
        let outcome = self.take(answer, |_| Went::Removed);
        for prompt in self.prompts.clone() {
            self.asked(prompt, "L4");
        }
        match outcome {
            Outcome::Went(_) => {
                let who = if by == InstalledBy::Mdm { "the MDM removes" } else { "deletes" };
                self.owner(number, format!("{who} {label}, {identifier:?}"));
                with_it.iter().for_each(|gone| self.owner("R11", format!("{gone:?} goes with it")));
                if self.phone.device.installed.is_empty() {
                    self.owner("S2.8", "no profile is left");
                }
            }
            Outcome::Refused(Refusal::Locked) => {
                self.owner("W3", format!("no delete button shows at {label}: enrol again, then start from S1.1"));
            }
            Outcome::Refused(_) => {}
        }
        Ok(outcome)
    }

    /// The identifier that a profile of the scenario was issued with.
    fn named(&self, name: &str) -> String {
        let issued = self.console.ivi.clone().filter(|_| name == IVI);
        issued.unwrap_or_else(|| self.scenario.profiles[name].profile.identifier().to_owned())
    }

    pub(super) fn open_settings(&mut self) -> Went {
        let device = self.phone.device.clone();
        match device.installed.len() {
            0 => self.owner("S2.8", "no profile is left"),
            count => self.owner("S2.5", format!("Settings > General > Profiles: {count}")),
        }
        for installed in &device.installed {
            let (lock, grounds) = device.lock(installed);
            let button = match lock {
                Lock::Open => "delete button",
                Lock::EmptyPassword => "delete button, then a password: enter nothing",
                Lock::Password(_) => "delete button, then the removal password",
                Lock::Administrator => "delete button, then an administrator",
                Lock::Closed => "no delete button (W3)",
                Lock::Managed => "no delete button: it goes with the Apple MDM profile",
            };
            self.grounds = std::mem::take(&mut self.grounds).and(&grounds);
            let (name, identifier) = (shown(&installed.profile), installed.profile.identifier());
            self.owner("S2.5", format!("{name:?} ({identifier}): {button}"));
        }
        Went::Shown
    }

    pub(super) fn delete_app(&mut self) -> Went {
        if !self.phone.app {
            return Went::NoApp;
        }
        if self.phone.app_removal_restricted() {
            self.owner("S3.2", "no × shows: deleting apps is restricted");
            return Went::AppRemovalRestricted;
        }
        self.phone.app = false;
        self.owner("S3.2", "presses and holds \"MobiConnect\", taps × and deletes it");
        if !self.phone.device.installed.is_empty() {
            self.note("W4", "part 2 is not finished: do not delete the client app before");
            if self.phone.app_store_restricted() {
                self.note("W4", "the App Store is restricted: the client app does not come back");
            }
        }
        Went::AppDeleted
    }

    pub(super) fn install_app(&mut self) -> Went {
        if !self.phone.app && self.phone.app_store_restricted() {
            self.owner("W4", "the App Store is restricted, and the client app does not come back");
            return Went::AppStoreRestricted;
        }
        self.phone.app = true;
        Went::AppInstalled
    }

    pub(super) fn wait(&mut self, length: Duration) -> Went {
        self.now += length;
        let waited = self.phone.device.pending.as_ref().and_then(|pending| pending.until);
        if waited.is_some_and(|until| until < self.now) {
            self.owner("S2.2", "the downloaded profile waited for more than 8 minutes, and is dropped");
        }
        let done = self.phone.device.expire(self.now);
        if let Effect::Removed(gone) = &done.effect {
            gone.clone().iter().for_each(|gone| self.owner("L7", format!("{gone:?} removes itself")));
        }
        self.take(Ok(done), |_| Went::Waited);
        Went::Waited
    }

    pub(super) fn wipe(&mut self) -> Went {
        self.phone.wipe();
        self.console.let_go = false;
        self.owner("", "the device is wiped (初期化): no profile, no app, no data");
        Went::Wiped
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

fn removed_along(answer: &Answer) -> Vec<String> {
    match answer {
        Ok(Done { effect: Effect::Removed(gone), .. }) => gone.iter().skip(1).cloned().collect(),
        _ => Vec::new(),
    }
}

fn shown(profile: &Profile) -> &str {
    profile.display_name().unwrap_or(profile.identifier())
}
