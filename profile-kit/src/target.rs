//! The device that a profile is looked at for.

use crate::{Os, OsVersion, Platform};

/// What is known of the device; what is not known is not held against a profile.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Target {
    /// Its platform.
    pub platform: Option<Platform>,
    /// Its system's version; means nothing without the platform.
    pub version: Option<OsVersion>,
    /// Whether an organisation supervises it.
    pub supervised: Option<bool>,
    /// How the profile gets there.
    pub installed_by: Option<InstalledBy>,
    /// How the device was enrolled.
    pub enrolment: Option<Enrolment>,
}

/// Who installs a profile.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum InstalledBy {
    /// The owner, by hand.
    Hand,
    /// The MDM, with `InstallProfile`.
    Mdm,
}

/// How a device is enrolled in an MDM (Apple's schema: `userenrollment`, `sharedipad`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Enrolment {
    /// The whole device.
    Device,
    /// User enrolment: the work part of a private device.
    User,
    /// Shared iPad.
    SharedIpad,
}

impl Target {
    /// Platform and version together, where both are known.
    pub fn os(&self) -> Option<Os> {
        Some(Os { platform: self.platform?, version: self.version? })
    }
}

impl From<Os> for Target {
    fn from(os: Os) -> Self {
        Self { platform: Some(os.platform), version: Some(os.version), ..Self::default() }
    }
}
