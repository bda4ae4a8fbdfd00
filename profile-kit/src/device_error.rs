//! The errors with which devices refuse a profile.

use std::fmt;

/// A device's own error: what `mdmclient`, Settings and an MDM's `ErrorChain` show.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DeviceError {
    /// The part of the system that refuses.
    pub domain: Domain,
    /// The number within the domain.
    pub number: u16,
}

/// The part of the system that refuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Domain {
    /// `MCProfileErrorDomain`: the profile as a whole.
    Profile,
    /// `MCPayloadErrorDomain`: one of its payloads.
    Payload,
    /// `MCInstallationErrorDomain`: the act of installing.
    Installation,
    /// `MCMDMErrorDomain`: device management.
    Mdm,
    /// `MCChaperoneErrorDomain`: supervision.
    Chaperone,
}

impl DeviceError {
    pub(crate) fn new(domain: Domain, number: u16) -> Self {
        Self { domain, number }
    }
}

/// `MCInstallationErrorDomain 4008`.
impl fmt::Display for DeviceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.domain, self.number)
    }
}

/// Apple's name.
impl fmt::Display for Domain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Domain::Profile => "MCProfileErrorDomain",
            Domain::Payload => "MCPayloadErrorDomain",
            Domain::Installation => "MCInstallationErrorDomain",
            Domain::Mdm => "MCMDMErrorDomain",
            Domain::Chaperone => "MCChaperoneErrorDomain",
        })
    }
}
