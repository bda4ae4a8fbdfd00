//! The steps of a scenario: what can be done, and which keys each takes.

mod written;

use std::time::Duration;

use serde::Deserialize;

#[cfg(test)]
pub(super) use self::written::names;
pub(super) use self::written::{By, FormWord, RawStep, expected};
use super::expect::Expected;
use crate::{InstalledBy, PasswordForm, payload::Secret};

/// One thing that is done, and what is expected of it.
#[derive(Clone, Debug)]
pub(super) struct Step {
    pub line: usize,
    pub action: &'static str,
    pub deed: Deed,
    pub expected: Vec<Expected>,
}

/// What is done.
#[derive(Clone, Debug)]
pub(super) enum Deed {
    Enrol,
    RequestInactivation { forced: bool },
    CancelRequest { forced: bool },
    OpenInstallPage { via: Via, stops: Option<Stop> },
    InstallOverwrite { by: InstalledBy, password: Secret },
    CancelOverwrite,
    Install { profile: String, signer: Signer, by: InstalledBy, password: Secret, damaged: bool },
    Remove { what: Removed, by: InstalledBy, password: Secret },
    OpenSettings,
    DeleteApp,
    InstallApp,
    Wait(Duration),
    OpenConsole,
    DeleteRecord,
    Wipe,
    RenewSigner { to: String },
    SignWithNothing,
    LoseSigner { which: String },
    ChangeIdentifier { to: String },
    ChangeForm { to: PasswordForm },
}

/// Who signs what is installed as it is.
#[derive(Clone, Debug)]
pub(super) enum Signer {
    /// Who signs for the service today.
    Today,
    /// Nobody.
    Nobody,
    /// An identity.
    Named(String),
}

/// Which profile is removed.
#[derive(Clone, Debug)]
pub(super) enum Removed {
    /// One of the scenario's.
    Named(String),
    /// The one of an identifier.
    Identifier(String),
}

/// How the owner comes to the install page (S2.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Via {
    #[default]
    Notification,
    App,
}

/// Where the way to the install page ends for a reason that nobody knows (W2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Stop {
    Safari,
    Settings,
}
