//! What the operator does (S1, S4), and what the service does otherwise than before.

use super::Walk;
use crate::{
    PasswordForm,
    simulate::{JobStatus, RecordState, report::Went},
};

impl Walk<'_> {
    pub(super) fn request(&mut self, forced: bool) -> Went {
        if self.console.record == RecordState::Gone {
            self.operator("S1.1", "device list (端末管理): the device is not there");
            return Went::NoRecord;
        }
        self.confirm(forced);
        if self.console.record == RecordState::Inactive {
            self.operator("W3", "the device is inactive (無効): enrol it again, so that it is active (有効)");
            self.note("W3", "our reading: only an active device can be inactivated");
            return Went::NotActive;
        }
        self.operator("S1.8", "\"run\" (実行) is pressed");
        self.operator("S1.9", "the inactivation request is registered");
        self.operator("S1.10", "the job list (ジョブ管理) has an inactivation job for the device");
        self.console.job = JobStatus::Waiting;
        if forced {
            self.force();
        }
        Went::Requested
    }

    /// W1 in our reading.
    fn force(&mut self) {
        self.console.job = JobStatus::Success;
        self.console.record = RecordState::Inactive;
        self.console.let_go = true;
        self.note("W1", "forced: the profile's removal is impossible from here on");
        self.note("W1", "our reading: the service lets go of the device and offers it no removal profile");
    }

    pub(super) fn cancel_request(&mut self, forced: bool) -> Went {
        self.confirm(forced);
        self.operator("S1.8", "back in the browser: nothing is registered, start again from S1.1");
        Went::Cancelled
    }

    fn confirm(&mut self, forced: bool) {
        let (tick, reads) = match forced {
            true => ("is ticked, which W1 warns of", "\"yes\" (する): go back"),
            false => ("is not ticked", "\"no\" (しない)"),
        };
        self.operator("S1.1", "the device list (端末管理) is opened");
        self.operator("S1.2", "the device is ticked");
        self.operator("S1.3", "the inactivation button is pressed");
        self.operator("S1.4", format!("\"forced inactivation\" (強制インアクティベーション) {tick}"));
        self.operator("S1.5", "\"confirm inactivation\" (インアクティベーション確認) is pressed");
        self.operator("S1.6", "confirmation page: the device's number is right");
        self.operator("S1.7", format!("confirmation page: forced inactivation reads {reads}"));
    }

    pub(super) fn open_console(&mut self) -> Went {
        self.operator("S4.1", "the job list (ジョブ管理) is opened");
        self.show_job();
        self.operator("S4.3", "the device list (端末管理) is opened");
        self.show_record();
        Went::Shown
    }

    pub(super) fn show_job(&mut self) {
        let status = match self.console.job {
            JobStatus::None => "no inactivation",
            JobStatus::Waiting => "inactivation waits for the device",
            JobStatus::Success => "inactivation: success (成功)",
            JobStatus::Void => "inactivation ended by a new enrolment",
        };
        self.operator("S4.2", status);
    }

    fn show_record(&mut self) {
        let state = match self.console.record {
            RecordState::Active => "the device is active (有効)",
            RecordState::Inactive => "the device is inactive (無効)",
            RecordState::Gone => "the device is not there",
        };
        self.operator("S4.4", state);
    }

    pub(super) fn delete_record(&mut self) -> Went {
        if self.console.record == RecordState::Gone {
            self.operator("S4.3", "device list (端末管理): the device is not there");
            return Went::NoRecord;
        }
        if self.console.record == RecordState::Active {
            self.note("S4.4", "the device is still active (有効): its record goes before its inactivation succeeded");
            self.note("", "our reading: without a record the service offers the device no removal profile");
        }
        self.operator("S4.5", "the device is ticked");
        self.operator("S4.6", "\"delete devices in bulk\" (端末一括削除) is pressed");
        self.operator("S4.7", "OK is pressed in the popup");
        self.operator("S4.8", "the device is gone from the list");
        self.console.record = RecordState::Gone;
        Went::RecordDeleted
    }

    pub(super) fn renew_signer(&mut self, to: Option<&str>) -> Went {
        self.console.practice.signer = to.map(str::to_owned);
        match to {
            Some(name) => self.note("R5", format!("the service signs with {name:?} from here on")),
            None => self.note("R4", "the service signs nothing from here on"),
        }
        Went::Changed
    }

    pub(super) fn lose_signer(&mut self, which: &str) -> Went {
        self.console.practice.lost.insert(which.to_owned());
        let signer = &mut self.console.practice.signer;
        *signer = signer.take().filter(|signer| signer != which);
        self.note("R4", format!("the key of {which:?} is gone: nothing is signed with it any more"));
        Went::Changed
    }

    pub(super) fn change_identifier(&mut self, to: &str) -> Went {
        self.console.practice.identifier = Some(to.to_owned());
        self.note("R1", format!("the configuration of the IVI MDM profile has the identifier {to:?} from here on"));
        Went::Changed
    }

    pub(super) fn change_form(&mut self, to: PasswordForm) -> Went {
        self.console.practice.form = to;
        let form = match to {
            PasswordForm::Empty => "empty",
            PasswordForm::Omitted => "omitted",
            PasswordForm::Auto => "what the device's system takes",
        };
        self.note("L5", format!("the removal password of overwrites is {form} from here on"));
        Went::Changed
    }
}
