//! The removal profile (削除用プロファイル) on its way to the device (S2.1 to S2.4).

use super::Walk;
use crate::{
    Arrival, InstalledBy, Result,
    device::{Act, Answer, Refusal, Signature},
    preflight::{Devices, Question},
    simulate::{
        JobStatus, Outcome, RecordState,
        profiles::IVI,
        report::Went,
        step::{Stop, Via},
    },
};

impl Walk<'_> {
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
        match self.removal_profile()? {
            None => Ok(Outcome::Went(Went::NoRemovalProfile)),
            Some(bytes) => self.download(&bytes),
        }
    }

    /// What the service signs, if it signs anything.
    fn removal_profile(&mut self) -> Result<Option<Vec<u8>>> {
        let configured = &self.scenario.profiles[IVI].profile;
        let offer = self.console.removal_profile(configured, self.keys, self.phone.device.os, self.now)?;
        if let Err(why) = &offer {
            self.operator("", format!("the service signs no removal profile: {why}"));
        }
        Ok(offer.ok())
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
        let signer = self.signer(&arrival);
        self.note("", format!("the removal profile has the identifier {:?}, {signer}", arrival.profile.identifier()));
        self.foresee(&arrival);
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

    /// What preflight says of it, on this device as its policies have it.
    fn foresee(&mut self, overwrite: &Arrival) {
        let device = &self.phone.device;
        let Some(installed) = self.console.ivi.as_deref().and_then(|identifier| device.find(identifier)) else {
            return;
        };
        let signature = match installed.certificates.as_slice() {
            [] => Signature::Unsigned,
            certificates => Signature::Signed { certificates: certificates.to_vec(), plain: true },
        };
        let there = Arrival { profile: installed.profile.clone(), signature };
        let question = Question { installed_by: installed.by, ..Question::new(&there, overwrite, self.now) };
        let kind = Devices::of(vec![device.os]).with_preset(device.policies);
        let report =
            question.ask(&Devices { supervised: vec![device.supervised], enrolment: device.enrolment, ..kind });
        let reasons = report.rows.iter().flat_map(|row| &row.cases).flat_map(|case| &case.reasons);
        let reasons: Vec<String> = reasons.map(|reason| format!(", {}", reason.word)).collect();
        self.preflight = Some(report.verdict);
        self.note("", format!("preflight says of this overwrite: {}{}", report.verdict, reasons.concat()));
    }

    pub(super) fn install_overwrite(&mut self, act: &Act) -> Result<Outcome> {
        if act.by == InstalledBy::Mdm {
            return self.push_overwrite(act);
        }
        let answer = self.phone.device.install_pending(act);
        Ok(self.overwritten(answer))
    }

    fn push_overwrite(&mut self, act: &Act) -> Result<Outcome> {
        if self.phone.mdm().is_none() {
            return Ok(Outcome::Went(self.no_mdm()));
        }
        if !self.console.offers() {
            return Ok(Outcome::Went(self.nothing_offered()));
        }
        let Some(bytes) = self.removal_profile()? else { return Ok(Outcome::Went(Went::NoRemovalProfile)) };
        self.operator("", "the MDM sends the removal profile with InstallProfile, which the procedure does not use");
        let answer = self.phone.device.install(&Arrival::from_bytes(&bytes)?, act);
        Ok(self.overwritten(answer))
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
        let waits = self.phone.device.pending.as_ref();
        if waits.is_none_or(|pending| pending.until.is_some_and(|until| until < self.now)) {
            self.owner("S2.2", "Settings has no removal profile to install");
            return Outcome::Refused(Refusal::NothingPending);
        }
        self.owner("S2.4", "cancels the install of the removal profile");
        self.note("W3", "cancelled: the profile stays as it is, without a delete button");
        self.phone.device.pending = None;
        Outcome::Went(Went::Cancelled)
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
}
