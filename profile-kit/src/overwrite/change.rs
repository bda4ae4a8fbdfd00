//! What an overwrite changed, told.

use std::{fmt, time::SystemTime};

use plist::{Date, Value};

use crate::{PasswordForm, Payload, identity::shown};

/// One difference between an installed profile and its overwrite.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Change {
    /// The top-level UUID is fresh (R2).
    Uuid {
        /// That of the installed profile, if it has one.
        installed: Option<String>,
        /// That of the overwrite.
        overwrite: String,
    },
    /// `PayloadRemovalDisallowed` is false.
    RemovalAllowed {
        /// What it was.
        was: Option<Value>,
    },
    /// `HasRemovalPasscode` is gone.
    PasscodeHintDropped,
    /// The removal password is empty now, its payload in its place.
    PasswordEmptied,
    /// A removal-password payload with an empty string was added.
    EmptyPasswordAdded,
    /// Removal-password payloads are gone.
    PasswordsDropped(usize),
    /// A `RemovalDate` is gone: it is past by the moment that the overwrite is made for, and a device would refuse it (L7).
    RemovalDateDropped {
        /// The date.
        was: Date,
        /// That moment.
        at: SystemTime,
    },
    /// A payload was left out, as asked.
    PayloadStripped {
        /// Its `PayloadType`.
        kind: String,
        /// Its `PayloadIdentifier`.
        identifier: String,
    },
    /// `IsEncrypted` is gone: there is nothing encrypted.
    EncryptionFlagDropped,
    /// The encrypted payloads were left out, as asked.
    EncryptedContentStripped,
    /// A restrictions payload without restrictions was added: a device refuses a profile without payloads (1005).
    InertPayloadAdded,
}

impl Change {
    pub(super) fn stripped(payload: &Payload) -> Self {
        let text = |text: Option<&str>| text.unwrap_or("?").to_owned();
        Change::PayloadStripped { kind: text(payload.kind()), identifier: text(payload.identifier()) }
    }

    /// What writing a form means for the removal-password payloads that are there; `true` for one that is empty already.
    pub(super) fn of_password(form: PasswordForm, present: &[bool]) -> Vec<Self> {
        match (form, present) {
            (PasswordForm::Empty, []) => vec![Change::EmptyPasswordAdded],
            (PasswordForm::Empty, [first, others @ ..]) => {
                let emptied = (!first).then_some(Change::PasswordEmptied);
                let dropped = (!others.is_empty()).then_some(Change::PasswordsDropped(others.len()));
                emptied.into_iter().chain(dropped).collect()
            }
            (PasswordForm::Omitted | PasswordForm::Auto, []) => Vec::new(),
            (PasswordForm::Omitted | PasswordForm::Auto, all) => vec![Change::PasswordsDropped(all.len())],
        }
    }

    /// A stable word for it.
    pub fn code(&self) -> &'static str {
        match self {
            Change::Uuid { .. } => "Uuid",
            Change::RemovalAllowed { .. } => "RemovalAllowed",
            Change::PasscodeHintDropped => "PasscodeHintDropped",
            Change::PasswordEmptied => "PasswordEmptied",
            Change::EmptyPasswordAdded => "EmptyPasswordAdded",
            Change::PasswordsDropped(_) => "PasswordsDropped",
            Change::RemovalDateDropped { .. } => "RemovalDateDropped",
            Change::PayloadStripped { .. } => "PayloadStripped",
            Change::EncryptionFlagDropped => "EncryptionFlagDropped",
            Change::EncryptedContentStripped => "EncryptedContentStripped",
            Change::InertPayloadAdded => "InertPayloadAdded",
        }
    }
}

/// One sentence without a full stop.
impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Change::Uuid { installed: Some(installed), overwrite } => {
                write!(f, "PayloadUUID {installed:?} is {overwrite:?} now")
            }
            Change::Uuid { installed: None, overwrite } => write!(f, "PayloadUUID is {overwrite:?}"),
            Change::RemovalAllowed { was: Some(Value::Boolean(was)) } => {
                write!(f, "PayloadRemovalDisallowed was {was}, is false")
            }
            Change::RemovalAllowed { was: Some(_) } => f.write_str("PayloadRemovalDisallowed was no boolean, is false"),
            Change::RemovalAllowed { was: None } => f.write_str("PayloadRemovalDisallowed was absent, is false"),
            Change::PasscodeHintDropped => f.write_str("HasRemovalPasscode is gone"),
            Change::PasswordEmptied => f.write_str("the removal password is empty"),
            Change::EmptyPasswordAdded => f.write_str("a removal-password payload with an empty password was added"),
            Change::PasswordsDropped(1) => f.write_str("the removal-password payload is gone"),
            Change::PasswordsDropped(count) => write!(f, "{count} removal-password payloads are gone"),
            Change::RemovalDateDropped { was, at } => {
                let (was, at) = (was.to_xml_format(), shown(*at));
                write!(f, "RemovalDate {was} is gone: a device refuses one that is past, and it is at {at} (L7)")
            }
            Change::PayloadStripped { kind, identifier } => write!(f, "payload {identifier:?} ({kind}) was left out"),
            Change::EncryptionFlagDropped => f.write_str("IsEncrypted is gone: there is nothing encrypted"),
            Change::EncryptedContentStripped => f.write_str("the encrypted payloads were left out"),
            Change::InertPayloadAdded => f.write_str("a restrictions payload without restrictions was added"),
        }
    }
}
