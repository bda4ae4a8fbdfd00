//! What the owner does in Settings and on the home screen (S2.5 to S3.3), and what time does.

use std::time::Duration;

use super::{Walk, install::label};
use crate::{
    InstalledBy,
    device::{Act, Answer, Done, Effect, Installed, Lock, Refusal},
    simulate::{Outcome, profiles::IVI, report::Went, step::Removed},
};

impl Walk<'_> {
    pub(super) fn remove(&mut self, what: &Removed, act: &Act) -> Outcome {
        if act.by == InstalledBy::Mdm && self.phone.mdm().is_none() {
            return Outcome::Went(self.no_mdm());
        }
        let identifier = match what {
            Removed::Identifier(identifier) => identifier.clone(),
            Removed::Named(name) => self.identifier_of(name),
        };
        let name = self.phone.device.find(&identifier).map(|installed| label(&installed.profile));
        let number = if self.phone.mdm() == Some(identifier.as_str()) { "S2.6" } else { "S2.7" };
        let answer = self.phone.device.remove(&identifier, act);
        if let (Some(name), Err(refused)) = (&name, &answer)
            && refused.refusal == Refusal::Locked
        {
            self.owner("W3", format!("no delete button shows at {name}"));
        }
        let gone = removed(&answer);
        let outcome = self.take(answer, |_| Went::Removed);
        self.asked("L4");
        if let (Outcome::Went(_), Some(name)) = (outcome, name) {
            let how = if act.by == InstalledBy::Mdm { "the MDM removes" } else { "deletes" };
            self.owner(number, format!("{how} {name}"));
            gone.iter().skip(1).for_each(|gone| self.owner("R11", format!("{gone} goes with it")));
            self.nothing_left();
        }
        outcome
    }

    fn nothing_left(&mut self) {
        if self.phone.device.installed.is_empty() {
            self.owner("S2.8", "no profile is left");
        }
    }

    /// The identifier that a profile of the scenario was issued with.
    fn identifier_of(&self, name: &str) -> String {
        let issued = self.console.ivi.clone().filter(|_| name == IVI);
        issued.unwrap_or_else(|| self.scenario.profiles[name].profile.identifier().to_owned())
    }

    pub(super) fn open_settings(&mut self) -> Went {
        let profiles = self.phone.device.installed.clone();
        self.owner("S2.5", format!("Settings > General > Profiles: {} there", profiles.len()));
        profiles.iter().for_each(|installed| self.show(installed));
        self.nothing_left();
        Went::Shown
    }

    fn show(&mut self, installed: &Installed) {
        let (lock, grounds) = self.phone.device.lock(installed);
        let button = match lock {
            Lock::Open => "delete button",
            Lock::EmptyPassword => "delete button, then a password: enter nothing",
            Lock::Password(_) => "delete button, then the removal password",
            Lock::Administrator => "delete button, then an administrator",
            Lock::Closed => "no delete button (W3)",
            Lock::Managed => "no delete button: it goes with the Apple MDM profile",
        };
        self.grounds = std::mem::take(&mut self.grounds).and(&grounds);
        self.owner("S2.5", format!("{}: {button}", label(&installed.profile)));
    }

    pub(super) fn delete_app(&mut self) -> Went {
        if !self.phone.app {
            return Went::NoApp;
        }
        self.owner("S3.1", "presses and holds \"MobiConnect\" on the home screen");
        if self.phone.app_removal_restricted() {
            self.owner("S3.2", "no × shows: deleting apps is restricted");
            return Went::AppRemovalRestricted;
        }
        self.phone.app = false;
        self.owner("S3.2", "taps × and deletes it");
        self.owner("S3.3", "the app is gone");
        if !self.phone.device.installed.is_empty() {
            self.note("W4", "part 2 is not finished: the client app goes last");
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
        let answer = Ok(self.phone.device.expire(self.now));
        removed(&answer).iter().for_each(|gone| self.owner("L7", format!("{gone} removes itself")));
        self.take(answer, |_| Went::Waited);
        Went::Waited
    }

    pub(super) fn wipe(&mut self) -> Went {
        self.phone.wipe();
        self.console.let_go = false;
        self.owner("", "the device is wiped (初期化): no profile, no app, no data");
        Went::Wiped
    }
}

fn removed(answer: &Answer) -> Vec<String> {
    match answer {
        Ok(Done { effect: Effect::Removed(gone), .. }) => gone.clone(),
        _ => Vec::new(),
    }
}
