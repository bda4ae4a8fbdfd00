//! Who may delete a profile: flag, hint and password payload written and read as one.

use std::fmt;

use plist::Value;

use crate::{Payload, Profile, Result};

/// Whether a device's owner can delete the profile.
#[derive(Clone, PartialEq, Eq)]
pub enum Removal {
    /// The owner can: `PayloadRemovalDisallowed` false, no removal password.
    Allowed,
    /// The same with a removal-password payload that holds an empty string: the overwrite's form `empty` (fact L5).
    AllowedEmptyPassword,
    /// The owner cannot: `PayloadRemovalDisallowed` true, no removal password (fact L1).
    Disallowed,
    /// The owner can who gives this password (facts L1, L3).
    Password(String),
}

/// The password shows as `[redacted]`.
impl fmt::Debug for Removal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Removal::Allowed => "Allowed",
            Removal::AllowedEmptyPassword => "AllowedEmptyPassword",
            Removal::Disallowed => "Disallowed",
            Removal::Password(_) => "Password([redacted])",
        })
    }
}

impl Profile {
    /// What flag and removal-password payload say together.
    ///
    /// A payload without `RemovalPassword` counts as an empty password (fact L4). A locked profile with an empty
    /// password, which contradicts itself, reads as [`Removal::Password`] of an empty string.
    /// `HasRemovalPasscode` only informs (fact L6) and is not asked.
    pub fn removal(&self) -> Removal {
        let locked = self.get("PayloadRemovalDisallowed").and_then(Value::as_boolean).unwrap_or(false);
        let password = self
            .payloads()
            .iter()
            .find(|payload| payload.kind() == Some(PASSWORD_TYPE))
            .map(|payload| payload.get(PASSWORD_KEY).and_then(Value::as_string).unwrap_or_default());
        match (locked, password) {
            (false, None) => Removal::Allowed,
            (true, None) => Removal::Disallowed,
            (false, Some("")) => Removal::AllowedEmptyPassword,
            (_, Some(password)) => Removal::Password(password.to_owned()),
        }
    }

    /// Writes flag, hint and removal-password payload as one.
    ///
    /// A removal-password payload that is there keeps its place, identifier and UUID; further ones go.
    /// `HasRemovalPasscode` is true with a password and absent otherwise.
    pub fn set_removal(&mut self, removal: Removal) {
        let (locked, password) = match removal {
            Removal::Allowed => (false, None),
            Removal::AllowedEmptyPassword => (false, Some(String::new())),
            Removal::Disallowed => (true, None),
            Removal::Password(password) => (true, Some(password)),
        };
        self.set_known("PayloadRemovalDisallowed", Some(locked.into()));
        let hint = password.as_ref().is_some_and(|password| !password.is_empty());
        self.set_known("HasRemovalPasscode", hint.then_some(true.into()));
        self.set_removal_password(password);
    }

    fn set_removal_password(&mut self, password: Option<String>) {
        let mut found = false;
        self.payloads_mut().retain(|payload| {
            let is_password = payload.kind() == Some(PASSWORD_TYPE);
            let keep = !is_password || (password.is_some() && !found);
            found |= is_password;
            keep
        });
        let Some(password) = password else { return };
        let present = self.payloads_mut().iter_mut().find(|payload| payload.kind() == Some(PASSWORD_TYPE));
        match present {
            Some(payload) => payload.insert(PASSWORD_KEY, password),
            None => {
                let mut payload = Payload::new(PASSWORD_TYPE);
                payload.insert(PASSWORD_KEY, password);
                self.push(payload);
            }
        }
    }

    fn set_known(&mut self, key: &str, value: Option<Value>) {
        let done: Result<()> = match value {
            Some(value) => self.set(key, value),
            None => self.unset(key),
        };
        done.expect("the removal keys are none of those that every profile needs");
    }
}

/// The removal password's form in an overwrite (facts L4, L5).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum PasswordForm {
    /// A removal-password payload with an empty string.
    Empty,
    /// No removal-password payload.
    Omitted,
    /// `Omitted` for a target of iOS or iPadOS 14 and later, which is observed to refuse an empty one; else `Empty`.
    #[default]
    Auto,
}

/// Apple's payload type of the removal password.
pub const PASSWORD_TYPE: &str = "com.apple.profileRemovalPassword";
/// Apple's key in it.
const PASSWORD_KEY: &str = "RemovalPassword";
