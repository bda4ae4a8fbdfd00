//! Rules over the values of a profile: what a device would say of it.

use std::fmt;

use crate::{KeyPath, Profile};

/// What every device would say of a profile's structure, whatever the target.
///
/// Errors among the findings are what [`sign`](crate::Profile) refuses.
pub fn structure(profile: &Profile) -> Vec<Finding> {
    let _ = profile;
    Vec::new()
}

/// One thing that a check has to say.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Finding {
    /// A stable word for the rule.
    pub code: Code,
    /// How much it matters.
    pub severity: Severity,
    /// Where in the profile.
    pub path: KeyPath,
    /// One sentence.
    pub message: String,
}

/// How much a finding matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Worth knowing.
    Note,
    /// It may not do what you think.
    Warning,
    /// A device refuses it, or it cannot do its work.
    Error,
}

/// The stable word for a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Code {
    /// A key that every device requires is not there (device error 1002, 2002).
    MissingKey,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}: {}", self.code, self.path, self.message)
    }
}
