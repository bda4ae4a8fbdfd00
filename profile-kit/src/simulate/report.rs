//! What became of a scenario: what owner and console saw, what decided, whether it was expected.

use std::{fmt, time::SystemTime};

use super::{JobStatus, RecordState};
use crate::{
    DeviceError,
    device::{Grounds, Prompt, Refusal},
    preflight::Verdict,
};

/// What became of a scenario.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Report {
    /// The scenario's title.
    pub title: String,
    /// More about it.
    pub about: String,
    /// What became of each step.
    pub steps: Vec<StepReport>,
    /// How the device stands in the end.
    pub end: State,
    /// The end that was expected and did not come, with its line.
    pub missed_end: Option<(usize, String)>,
}

impl Report {
    /// Whether everything that was expected came.
    pub fn is_met(&self) -> bool {
        self.missed_end.is_none() && self.steps.iter().all(|step| step.missed.is_empty())
    }
}

/// What became of a step.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct StepReport {
    /// Its line in the scenario.
    pub line: usize,
    /// What was done: `open-install-page`.
    pub action: &'static str,
    /// When.
    pub at: SystemTime,
    /// What owner and console saw, in order.
    pub seen: Vec<Line>,
    /// What came of it.
    pub outcome: Outcome,
    /// The device's own error, where it refused and one is known.
    pub error: Option<DeviceError>,
    /// What the owner was asked.
    pub prompts: Vec<Prompt>,
    /// The facts and policies that decided, and what nobody knows.
    pub grounds: Grounds,
    /// What [preflight](crate::preflight) said of the overwrite that was downloaded.
    pub preflight: Option<Verdict>,
    /// How the device stands afterwards.
    pub state: State,
    /// The device's state in the console.
    pub record: RecordState,
    /// The status of its newest inactivation.
    pub job: JobStatus,
    /// The ways out that are left to a locked device, or why there is none.
    pub ways: Vec<String>,
    /// What was expected and did not come.
    pub missed: Vec<String>,
}

impl StepReport {
    /// The words that it could have been expected with.
    pub fn words(&self) -> Vec<String> {
        let mut words = vec![self.outcome.to_string()];
        words.extend(self.error.map(|error| error.to_string()));
        words.extend(self.prompts.iter().map(ToString::to_string));
        words.extend([self.state.to_string(), self.record.to_string(), self.job.to_string()]);
        words
    }
}

/// One thing that somebody sees.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Who.
    pub who: Who,
    /// The number in the procedure (`S2.3`, `W3`); empty where it has none.
    pub number: &'static str,
    /// What, with the screen's own label where the procedure gives one.
    pub text: String,
}

/// Who sees something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Who {
    /// The device's owner.
    Owner,
    /// The operator at the admin console (管理画面).
    Console,
    /// Nobody: it is said to the reader.
    Note,
}

impl fmt::Display for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Who::Owner => "owner",
            Who::Console => "console",
            Who::Note => "note",
        })
    }
}

/// Declares words once: variant, word, meaning.
macro_rules! words {
    ($(#[doc = $about:literal])+ $name:ident { $($(#[doc = $doc:literal])+ $variant:ident $word:literal)+ }) => {
        $(#[doc = $about])+
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum $name {
            $($(#[doc = $doc])+ $variant,)+
        }

        impl $name {
            /// All of them.
            pub const ALL: &'static [$name] = &[$($name::$variant),+];

            /// The stable word.
            pub fn word(self) -> &'static str {
                match self { $($name::$variant => $word),+ }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.word())
            }
        }
    };
}
pub(super) use words;

words! {
    /// How a device stands: what is between its owner and a device without profiles.
    State {
        /// No profile is left (S2.8).
        Free "free"
        /// The owner can delete every profile, without any password.
        Removable "removable"
        /// The owner cannot delete some profile; there is a way back.
        Locked "locked"
        /// Nothing but a wipe (初期化) frees it.
        NeedsWipe "needs-wipe"
    }
}

/// What came of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Outcome {
    /// It went as it goes, or something beside the profiles stood in its way.
    Went(Went),
    /// The device refused.
    Refused(Refusal),
}

/// The stable word.
impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Outcome::Went(went) => went.fmt(f),
            Outcome::Refused(refusal) => refusal.fmt(f),
        }
    }
}

words! {
    /// How a step went that no profile of the device decided.
    Went {
        /// The device is enrolled.
        Enrolled "enrolled"
        /// A profile stands beside the others.
        Added "added"
        /// A profile replaced the one of its identifier.
        Replaced "replaced"
        /// A profile is gone.
        Removed "removed"
        /// The removal profile is on the device and waits for its install.
        Downloaded "downloaded"
        /// The inactivation is registered (S1.9).
        Requested "requested"
        /// Somebody went back before it was done.
        Cancelled "cancelled"
        /// What was asked for is on a screen.
        Shown "shown"
        /// The client app is gone.
        AppDeleted "app-deleted"
        /// The client app is there.
        AppInstalled "app-installed"
        /// Time passed.
        Waited "waited"
        /// The device's record is gone (S4.8).
        RecordDeleted "record-deleted"
        /// The device is as new.
        Wiped "wiped"
        /// The service does something otherwise from here on.
        Changed "changed"
        /// The install page is not reached (W2).
        NotReached "not-reached"
        /// The service has no removal profile to offer to this device.
        NoRemovalProfile "no-removal-profile"
        /// The client app is not there.
        NoApp "no-app"
        /// The App Store is restricted.
        AppStoreRestricted "app-store-restricted"
        /// Deleting apps is restricted.
        AppRemovalRestricted "app-removal-restricted"
        /// No MDM reaches the device.
        NoMdm "no-mdm"
        /// The device is not active in the console.
        NotActive "not-active"
        /// The console has no record of the device.
        NoRecord "no-record"
        /// The service let go of the device and does not take it back (W1).
        LetGo "let-go"
    }
}
