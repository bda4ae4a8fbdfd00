//! Downloads: what waits in Settings until the owner installs it (section 6 of the facts).

use std::time::{Duration, SystemTime};

use super::{Act, Answer, Arrival, Device, Done, Effect, Grounds, Known, Refusal, Refused, SAFARI, Unknown};
use crate::{
    Fact, Platform,
    policy::{PendingProfile, Policy},
};

/// A profile that was downloaded.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Pending {
    /// The profile.
    pub arrival: Arrival,
    /// The last moment at which it can be installed; `None` where nothing waits and the install opens with the download.
    pub until: Option<SystemTime>,
}

impl Device {
    /// The owner downloads a profile in Safari. One waits at a time: an earlier one is dropped.
    pub fn download(&self, arrival: &Arrival, at: SystemTime) -> Done {
        let mut grounds = Grounds::default();
        grounds.fact(Fact::Delivery);
        if self.forbids(SAFARI) {
            grounds.unknown(Unknown::SafariForbidden);
        }
        let pending =
            Pending { arrival: arrival.clone(), until: self.waits(&mut grounds).and_then(|wait| at.checked_add(wait)) };
        let device = Self { pending: Some(pending), ..self.clone() };
        Done { device, effect: Effect::Downloaded, prompts: Vec::new(), grounds }
    }

    /// The owner installs by hand what was downloaded.
    ///
    /// # Errors
    /// [`Refusal::NothingPending`], also when it waited too long; else as [`install`](Device::install), after which it
    /// still waits.
    pub fn install_pending(&self, act: &Act) -> Answer {
        self.install_pending_known(act, None)
    }

    /// As [`install_pending`](Device::install_pending), for a profile that may have been looked at before.
    pub(crate) fn install_pending_known(&self, act: &Act, known: Option<&Known>) -> Answer {
        let nothing = |sentence: &str| {
            let mut grounds = Grounds::default();
            self.waits(&mut grounds);
            Err(Refused::new(Refusal::NothingPending, sentence, grounds))
        };
        match &self.pending {
            None => nothing("no downloaded profile waits"),
            Some(pending) if pending.until.is_some_and(|until| act.at > until) => {
                nothing("the downloaded profile waited longer than eight minutes and was dropped: download it again")
            }
            Some(pending) => {
                let mut done = match known {
                    Some(known) => self.install_known(&pending.arrival, act, known),
                    None => self.install(&pending.arrival, act),
                }?;
                done.grounds.fact(Fact::Delivery);
                Ok(Done { device: Self { pending: None, ..done.device }, ..done })
            }
        }
    }

    /// How long a download waits.
    fn waits(&self, grounds: &mut Grounds) -> Option<Duration> {
        let may_wait = self.os.platform == Platform::Ios && self.since(12, 2);
        if !may_wait {
            return None;
        }
        grounds.policy(&self.policies, Policy::PendingProfile);
        match self.policies.pending_profile {
            PendingProfile::EightMinutes => Some(EIGHT_MINUTES),
            PendingProfile::None => None,
        }
    }
}

const EIGHT_MINUTES: Duration = Duration::from_secs(8 * 60);
