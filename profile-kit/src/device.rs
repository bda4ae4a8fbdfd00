//! The device model: what a device of a stated platform, version, supervision and [`Policies`] does with profiles.
//!
//! A [`Device`] is a value. Its operations leave it as it is and give the device afterwards, or its refusal, with the
//! facts and policies that decided. Where the sources disagree a policy decides, and the answer names it; where nobody
//! knows and no policy stands for it, the answer says so ([`Grounds::unknowns`]).
//!
//! ```
//! use std::time::UNIX_EPOCH;
//!
//! use profile_kit::{Arrival, Device, Os, Profile, Removal, device::{Act, Refusal}};
//!
//! let mut profile = Profile::new("jp.example.ivi-mdm", "IVI MDM");
//! profile.set_removal(Removal::Disallowed);
//! let device = Device::new(Os::ios(17), true).with(&Arrival::unsigned(profile), &Act::by_hand(UNIX_EPOCH));
//! let refused = device.remove("jp.example.ivi-mdm", &Act::by_hand(UNIX_EPOCH)).unwrap_err();
//! assert_eq!(refused.refusal, Refusal::Locked);
//! ```

mod answer;
mod arrival;
mod install;
mod known;
mod list;
mod pending;
pub(crate) mod remove;
mod replace;

use std::{sync::Arc, time::SystemTime};

pub use self::{
    answer::{Answer, Done, Effect, Grounds, Prompt, Refusal, Refused, Unknown},
    arrival::{Arrival, Signature},
    list::ListItem,
    pending::Pending,
    remove::Lock,
};
pub(crate) use known::Known;

use crate::{
    Certificate, Enrolment, InstalledBy, Os, OsVersion, Platform, Policies, Profile,
    payload::{Mdm, Restrictions, Secret, TypedPayload},
    removal::PASSWORD_TYPE,
};

/// A device, and the profiles that are on it.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Device {
    /// Its system.
    pub os: Os,
    /// Whether an organisation supervises it.
    pub supervised: bool,
    /// How it is enrolled.
    pub enrolment: Enrolment,
    /// What it does where the sources disagree.
    pub policies: Policies,
    /// The profiles on it, in the order of their first install.
    pub installed: Vec<Installed>,
    /// The profile that was downloaded and waits.
    pub pending: Option<Pending>,
}

/// A profile on a device.
#[derive(Clone, Debug, PartialEq)]
pub struct Installed {
    /// What it says.
    pub profile: Arc<Profile>,
    /// The signer's certificate first, then those above it; none where it is unsigned.
    pub certificates: Vec<Certificate>,
    /// Who installed it: what the MDM installed is managed.
    pub by: InstalledBy,
    /// When it was installed.
    pub at: SystemTime,
}

/// Who does something to a device, when, and what is entered where a password is asked for.
#[derive(Clone, Debug, PartialEq)]
pub struct Act {
    /// The owner, or the MDM.
    pub by: InstalledBy,
    /// When.
    pub at: SystemTime,
    /// What the owner enters at a prompt for a removal password; empty: nothing.
    pub password: Secret,
}

impl Act {
    /// The owner, who enters nothing at prompts.
    pub fn by_hand(at: SystemTime) -> Self {
        Self { by: InstalledBy::Hand, at, password: Secret::default() }
    }

    /// The MDM, with its commands.
    pub fn by_mdm(at: SystemTime) -> Self {
        Self { by: InstalledBy::Mdm, ..Self::by_hand(at) }
    }

    /// The same with a password.
    pub fn password(self, password: &str) -> Self {
        Self { password: password.into(), ..self }
    }
}

impl Device {
    /// An enrolled device without profiles, that does what current systems are observed to do.
    pub fn new(os: Os, supervised: bool) -> Self {
        Self {
            os,
            supervised,
            enrolment: Enrolment::Device,
            policies: Policies::current(),
            installed: Vec::new(),
            pending: None,
        }
    }

    /// The same with other policies.
    pub fn policies(self, policies: Policies) -> Self {
        Self { policies, ..self }
    }

    /// The same with a profile on it, whatever the device would have said at its install: it is there.
    /// What is there already under its identifier goes.
    pub fn with(mut self, arrival: &Arrival, act: &Act) -> Self {
        self.put(arrival, act);
        self
    }

    /// The profile of an identifier.
    pub fn find(&self, identifier: &str) -> Option<&Installed> {
        self.installed.iter().find(|installed| installed.profile.identifier() == identifier)
    }

    fn put(&mut self, arrival: &Arrival, act: &Act) {
        let new = Installed {
            profile: Arc::clone(&arrival.profile),
            certificates: arrival.certificates().to_vec(),
            by: act.by,
            at: act.at,
        };
        let same = |old: &&mut Installed| {
            old.profile.identifier() == new.profile.identifier() && !apart(self.os, &old.profile, &new.profile)
        };
        match self.installed.iter_mut().find(same) {
            Some(old) => *old = new,
            None => self.installed.push(new),
        }
    }

    /// Whether the version is this or a later one.
    fn since(&self, major: u16, minor: u16) -> bool {
        self.os.version >= OsVersion { major, minor, patch: 0 }
    }

    /// Whether a restriction holds: forbidden by some installed profile, where the system has the key.
    fn forbids(&self, key: &str) -> bool {
        let honoured = match self.os.platform {
            Platform::Ios if key == SAFARI => self.supervised || !self.since(13, 0),
            Platform::Ios => self.supervised,
            Platform::Macos => key == INSTALL && self.since(13, 0),
            Platform::Visionos => key == INSTALL && self.supervised && self.since(2, 0),
            Platform::Tvos | Platform::Watchos => false,
        };
        honoured && self.installed.iter().any(|installed| restricts(&installed.profile, key))
    }
}

/// Whether a profile takes something away by a restriction: only true is sure to allow.
fn restricts(profile: &Profile, key: &str) -> bool {
    let restrictions = profile.payloads().iter().filter(|payload| payload.kind() == Some(Restrictions::TYPE));
    restrictions.filter_map(|payload| payload.get(key)).any(|value| value.as_boolean() != Some(true))
}

fn mdm(profile: &Profile) -> Option<&crate::Payload> {
    profile.payloads().iter().find(|payload| payload.kind() == Some(Mdm::TYPE))
}

fn password_payloads(profile: &Profile) -> impl Iterator<Item = &crate::Payload> {
    profile.payloads().iter().filter(|payload| payload.kind() == Some(PASSWORD_TYPE))
}

/// Whether two profiles stand in different scopes: the machine's and a user's (macOS).
fn apart(os: Os, one: &Profile, other: &Profile) -> bool {
    let scope = |profile: &Profile| profile.get("PayloadScope").and_then(|scope| scope.as_string()) == Some("System");
    os.platform == Platform::Macos && scope(one) != scope(other)
}

/// Section 3 of the facts.
const INSTALL: &str = "allowUIConfigurationProfileInstallation";
const SAFARI: &str = "allowSafari";
