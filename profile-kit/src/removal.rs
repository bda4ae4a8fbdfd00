//! Who may delete a profile: flag, hint and password payload written and read as one.

use std::fmt;

use plist::Value;

use crate::{
    Payload, Profile, Result,
    payload::{RemovalPassword, TypedPayload},
};

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
    /// Where it is doubtful it says the worse: a flag that is no boolean counts as a lock, and of several passwords one
    /// that is not empty counts. A payload without `RemovalPassword` counts as an empty password (fact L4). A locked
    /// profile with an empty password, which contradicts itself, reads as [`Removal::Password`] of an empty string.
    /// `HasRemovalPasscode` only informs (fact L6) and is not asked.
    pub fn removal(&self) -> Removal {
        let locked = self.get("PayloadRemovalDisallowed").is_some_and(|flag| flag.as_boolean() != Some(false));
        let payloads = self.payloads().iter().filter(|payload| payload.kind() == Some(PASSWORD_TYPE));
        let passwords: Vec<String> = payloads.map(|payload| text(payload.get(PASSWORD_KEY))).collect();
        match (locked, passwords.iter().find(|password| !password.is_empty())) {
            (_, Some(password)) => Removal::Password(password.clone()),
            (false, None) if passwords.is_empty() => Removal::Allowed,
            (true, None) if passwords.is_empty() => Removal::Disallowed,
            (false, None) => Removal::AllowedEmptyPassword,
            (true, None) => Removal::Password(String::new()),
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

    fn set_known(&mut self, key: &'static str, value: Option<Value>) {
        let done: Result<()> = match value {
            Some(value) => self.set(key, value),
            None => self.unset(key),
        };
        done.expect("the removal keys are none of those that every profile needs");
    }
}

/// A password of whatever type; one that is no text is not empty.
fn text(password: Option<&Value>) -> String {
    match password {
        None => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(Value::Integer(number)) => number.to_string(),
        Some(_) => "a password that is no text".into(),
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
pub const PASSWORD_TYPE: &str = RemovalPassword::TYPE;
/// Apple's key in it.
pub(crate) const PASSWORD_KEY: &str = "RemovalPassword";

#[cfg(test)]
mod tests {
    use super::*;

    fn with_passwords(passwords: Vec<Value>) -> Profile {
        let mut profile = Profile::new("x", "x");
        for password in passwords {
            let mut payload = Payload::new(PASSWORD_TYPE);
            payload.insert(PASSWORD_KEY, password);
            profile.push(payload);
        }
        profile
    }

    #[test]
    fn every_policy_reads_back_as_it_was_written() {
        let policies =
            [Removal::Allowed, Removal::AllowedEmptyPassword, Removal::Disallowed, Removal::Password("hunter2".into())];
        for policy in policies {
            let mut profile = with_passwords(vec!["old".into()]);
            profile.set_removal(policy.clone());
            assert_eq!(profile.removal(), policy);
        }
    }

    #[test]
    fn of_several_passwords_one_that_is_not_empty_counts() {
        let profile = with_passwords(vec!["".into(), "real".into()]);
        assert_eq!(profile.removal(), Removal::Password("real".into()));
    }

    #[test]
    fn a_password_that_is_a_number_is_not_taken_for_empty() {
        let profile = with_passwords(vec![Value::Integer(1234.into())]);
        assert_eq!(profile.removal(), Removal::Password("1234".into()));
    }

    #[test]
    fn a_flag_that_is_no_boolean_counts_as_a_lock() {
        let mut profile = with_passwords(Vec::new());
        profile.set("PayloadRemovalDisallowed", "true").expect("any value fits");
        assert_eq!(profile.removal(), Removal::Disallowed);
    }

    #[test]
    fn a_password_does_not_print() {
        assert_eq!(format!("{:?}", Removal::Password("hunter2".into())), "Password([redacted])");
    }
}
