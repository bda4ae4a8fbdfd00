//! What a check has to say, and the stable words of its rules.

use std::{fmt, str::FromStr};

use crate::KeyPath;

/// One thing that a check has to say.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Finding {
    /// A stable word for the rule.
    pub code: Code,
    /// Where in the profile.
    pub path: KeyPath,
    /// One sentence.
    pub message: String,
}

impl Finding {
    pub(crate) fn new(code: Code, path: KeyPath, message: impl Into<String>) -> Self {
        Self { code, path, message: message.into() }
    }

    /// How much it matters.
    pub fn severity(&self) -> Severity {
        self.code.severity()
    }
}

/// `MissingKey: PayloadUUID: is missing (1002)`.
impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.code)?;
        if !self.path.0.is_empty() {
            write!(f, "{}: ", self.path)?;
        }
        f.write_str(&self.message)
    }
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

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Severity::Note => "note",
            Severity::Warning => "warning",
            Severity::Error => "error",
        })
    }
}

/// Declares the codes once: word, severity, who refuses, meaning.
macro_rules! codes {
    ($($(#[doc = $doc:literal])+ $name:ident $severity:ident $reach:ident)+) => {
        /// The stable word for a rule.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum Code {
            $($(#[doc = $doc])+ $name,)+
        }

        impl Code {
            /// All codes, in the order of the documentation.
            pub const ALL: &'static [Code] = &[$(Code::$name),+];

            /// The word itself, as in output and options.
            pub fn word(self) -> &'static str {
                match self { $(Code::$name => stringify!($name)),+ }
            }

            /// What the rule says, in one or two sentences.
            pub fn meaning(self) -> &'static str {
                match self { $(Code::$name => concat!($($doc),+).trim_ascii()),+ }
            }

            /// How much a finding of this code matters.
            pub fn severity(self) -> Severity {
                match self { $(Code::$name => Severity::$severity),+ }
            }

            /// Whether no target takes a profile with it, so that signing refuses it.
            pub fn refused_everywhere(self) -> bool {
                match self { $(Code::$name => codes!(@reach $reach)),+ }
            }
        }
    };
    (@reach everywhere) => { true };
    (@reach some) => { false };
}

codes! {
    /// A required key is missing (1002, 2002).
    MissingKey Error everywhere
    /// A key has another type than every device needs (1003, 2003).
    WrongType Error everywhere
    /// `PayloadContent` has no payload (1005).
    EmptyContent Error everywhere
    /// `PayloadVersion` is neither 1 nor 2 at top level (1001), or not 1 in a payload (2001).
    BadVersion Error some
    /// `PayloadVersion` is not the integer 1, in a way that devices are known to tolerate.
    LooseVersion Warning some
    /// Two payloads have the same `PayloadUUID` (1007).
    DuplicateUuid Error some
    /// Two payloads have the same `PayloadIdentifier` (1008).
    DuplicateIdentifier Error some
    /// A UUID has not the form of RFC 9562; devices do not look.
    UuidForm Warning some
    /// An identifier holds characters that do not belong into one, or would be a path.
    IdentifierForm Warning some
    /// A string holds control characters: it may be a forgery aimed at a terminal or a report.
    ControlCharacters Warning some
    /// A placeholder `{{name}}` was never filled.
    PlaceholderLeft Warning some
    /// `IsEncrypted` and `EncryptedPayloadContent` do not go together.
    EncryptionFlag Warning some
    /// The payloads are encrypted: what is among them nobody saw, an MDM payload (R10) or a restriction as well.
    PayloadsUnseen Warning some
    /// `PayloadScope` is neither `System` nor `User`.
    ScopeUnknown Error some
    /// `TargetDeviceType` is not from 0 to 6 (1015).
    TargetDeviceTypeUnknown Error some
    /// `RemovalDate` is past: refused at install (L7, 4025).
    RemovalDatePast Error some
    /// `DurationUntilRemoval` is not a positive number of seconds (L7).
    DurationUntilRemovalInvalid Error some
    /// `PayloadExpirationDate` is past; it removes nothing (L8).
    ExpirationDatePast Warning some
    /// `PayloadRemovalDisallowed` is not a boolean: the lock may not be what it seems (L1).
    RemovalFlagNotBoolean Error some
    /// Locked, and the removal password is empty: the two contradict each other (L1, L3).
    LockedWithEmptyPassword Warning some
    /// The removal password is empty or absent: iOS 14 and later are observed to refuse it (L4, 2002).
    EmptyRemovalPassword Note some
    /// More than one removal-password payload: one per profile (L3).
    SeveralRemovalPasswords Error some
    /// `HasRemovalPasscode` says otherwise than the payloads; it only informs (L6).
    RemovalPasscodeMismatch Warning some
    /// Locked, and carries an MDM payload: refused (L9, 1000).
    LockedWithMdm Error some
    /// Locked, and forbids installing profiles by hand: its overwrite cannot be installed (4037, 4020).
    OverwriteForbidden Error some
    /// Locked, and forbids Safari: the overwrite's way to the device is gone.
    SafariForbidden Warning some
    /// A payload's type differs from a known one by case or white space only: devices ignore it without a word.
    TypeMisspelt Warning some
    /// A setting of a known payload has another type than Apple's schema says.
    SettingType Warning some
    /// A known payload has a key that Apple's schema does not know.
    UnknownKey Warning some
    /// A known payload lacks a key that Apple's schema requires.
    MissingSetting Warning some
    /// A payload refers to a certificate payload that is not in the profile.
    DanglingReference Warning some
    /// The MDM payload's URLs are not `https`.
    MdmNotHttps Error some
    /// More than one payload of a type that may be there once.
    SeveralOfOne Error some
    /// A certificate or PKCS#12 payload does not hold one.
    CertificateUnreadable Warning some
}

impl Code {
    /// Whether some device refuses a profile with it (2002, 2003), although others are known to take it.
    pub(crate) fn may_be_refused(self) -> bool {
        matches!(self, Code::SettingType | Code::MissingSetting)
    }

    /// Whether a finding in the installed profile keeps its overwrite from reaching the device.
    pub(crate) fn bars_an_overwrite(self) -> bool {
        matches!(self, Code::OverwriteForbidden | Code::SafariForbidden | Code::LockedWithMdm | Code::TypeMisspelt)
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// Reads the word, exactly as written.
impl FromStr for Code {
    type Err = UnknownCode;

    fn from_str(word: &str) -> Result<Self, UnknownCode> {
        Code::ALL.iter().copied().find(|code| code.word() == word).ok_or(UnknownCode)
    }
}

/// The word is no code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("is not a finding's code")]
pub struct UnknownCode;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_reads_back() {
        for code in Code::ALL {
            assert_eq!(code.word().parse(), Ok(*code));
        }
    }

    #[test]
    fn what_signing_refuses_is_an_error() {
        for code in Code::ALL.iter().filter(|code| code.refused_everywhere()) {
            assert_eq!(code.severity(), Severity::Error, "{code}");
        }
    }
}
