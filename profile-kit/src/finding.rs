//! What a check has to say, and the stable words of its rules.

use std::{fmt, str::FromStr};

use crate::{DeviceError, Fact, KeyPath, Step, device_error::Domain};

/// One thing that a check has to say.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Finding {
    /// A stable word for the rule.
    pub code: Code,
    /// How much it matters, for the target that was asked about.
    pub severity: Severity,
    /// Where in the profile.
    pub path: KeyPath,
    /// One sentence.
    pub message: String,
    /// How many it stands for: one, but where it says how many others of its code are not told.
    pub count: usize,
}

impl Finding {
    pub(crate) fn new(code: Code, path: KeyPath, message: impl Into<String>) -> Self {
        Self { code, severity: code.severity(), path, message: message.into(), count: 1 }
    }

    /// The same, mattering more or less than its code says.
    pub(crate) fn of_severity(self, severity: Severity) -> Self {
        Self { severity, ..self }
    }

    /// The device's own error, where one is known for it.
    pub fn device_error(&self) -> Option<DeviceError> {
        let in_payload = self.path.0.len() > 2 && self.path.0[0] == Step::Key("PayloadContent".into());
        match self.code.answers() {
            // Of several that are not told: some may be of the profile, some of its payloads.
            (_, Some(_)) if self.path.0.is_empty() => None,
            (_, Some(error)) if in_payload => Some(error),
            (error, _) => error,
        }
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

/// Declares the codes once, by subject: meaning, word, severity, who refuses, the fact behind it, what to do.
macro_rules! codes {
    ($([$subject:literal] $($(#[doc = $doc:literal])+ $name:ident $severity:ident $reach:ident $fact:ident $advice:literal)+)+) => {
        /// The stable word for a rule.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum Code {
            $($($(#[doc = $doc])+ $name,)+)+
        }

        impl Code {
            /// All codes, in the order of the documentation.
            pub const ALL: &'static [Code] = &[$($(Code::$name),+),+];

            /// The word itself, as in output and options.
            pub fn word(self) -> &'static str {
                match self { $($(Code::$name => stringify!($name)),+),+ }
            }

            /// What the rule says, in one or two sentences.
            pub fn meaning(self) -> &'static str {
                match self { $($(Code::$name => concat!($($doc),+).trim_ascii()),+),+ }
            }

            /// How much a finding of this code matters, where the target changes nothing about it.
            pub fn severity(self) -> Severity {
                match self { $($(Code::$name => Severity::$severity),+),+ }
            }

            /// What it rests on.
            pub fn fact(self) -> Fact {
                match self { $($(Code::$name => Fact::$fact),+),+ }
            }

            /// What to do about it.
            pub fn advice(self) -> &'static str {
                match self { $($(Code::$name => $advice),+),+ }
            }

            /// What it is about: the section of the documentation that it stands in.
            pub fn subject(self) -> &'static str {
                match self { $($(Code::$name => $subject),+),+ }
            }

            /// Whether no target takes a profile with it, so that signing refuses it.
            pub fn refused_everywhere(self) -> bool {
                match self { $($(Code::$name => codes!(@reach $reach)),+),+ }
            }
        }
    };
    (@reach everywhere) => { true };
    (@reach some) => { false };
}

codes! {
    ["Structure"]
    /// A required key is missing (1002, 2002).
    MissingKey Error everywhere Faults "add the key"
    /// A key has another type than every device needs (1003, 2003).
    WrongType Error everywhere Faults "write the value in the type that the key has"
    /// `PayloadContent` has no payload (1005).
    EmptyContent Error everywhere Faults "add a payload"
    /// `PayloadVersion` is neither 1 nor 2 at top level (1001), or not 1 in a payload (2001).
    BadVersion Error some Faults "write the integer 1"
    /// `PayloadVersion` is not the integer 1, in a way that devices are known to tolerate.
    LooseVersion Warning some Keys "write the integer 1"
    /// Two payloads have the same `PayloadUUID` (1007).
    DuplicateUuid Error some Faults "give each payload a UUID of its own"
    /// Two payloads have the same `PayloadIdentifier` (1008).
    DuplicateIdentifier Error some Faults "give each payload an identifier of its own"
    /// A payload has the `PayloadIdentifier` or the `PayloadUUID` of the profile itself; devices are not known to refuse it.
    DuplicateOfProfile Warning some Keys "give the payload one of its own"
    /// A UUID has not the form of RFC 9562; devices do not look.
    UuidForm Warning some Keys "write a UUID, such as uuidgen makes"
    /// An identifier holds characters that do not belong into one, or would be a path.
    IdentifierForm Warning some Practice "use letters, digits, dots and hyphens"
    /// A string holds control characters: it may be a forgery aimed at a terminal or a report.
    ControlCharacters Warning some Practice "take the characters out, or distrust where the profile comes from"
    /// A placeholder `{{name}}` was never filled.
    PlaceholderLeft Warning some Practice "fill the placeholder before signing"
    /// `IsEncrypted` and `EncryptedPayloadContent` do not go together.
    EncryptionFlag Warning some Keys "write IsEncrypted true with EncryptedPayloadContent, and neither without the other"
    /// The payloads are encrypted: what is among them nobody saw, an MDM payload (R10) or a restriction as well. A note
    /// in a profile of which no overwrite is made.
    PayloadsUnseen Warning some R10 "decrypt the profile and check what is in it"
    /// `PayloadScope` is neither `System` nor `User`.
    ScopeUnknown Error some Schema "write System or User, or leave the key out"
    /// `TargetDeviceType` is not from 0 to 6 (1015).
    TargetDeviceTypeUnknown Error some Faults "write a number from 0 to 6, or leave the key out"
    /// `TargetDeviceType` names another kind of device than the target (1015).
    TargetDeviceTypeOther Error some Faults "write the target's number, or 0 for any device"

    ["Dates"]
    /// `RemovalDate` is past: refused at install (L7, 4025).
    RemovalDatePast Error some L7 "write a date to come, or leave the key out"
    /// `DurationUntilRemoval` is not a positive number of seconds (L7).
    DurationUntilRemovalInvalid Error some L7 "write a positive number of seconds, or leave the key out"
    /// `PayloadExpirationDate` is past; it removes nothing (L8).
    ExpirationDatePast Warning some L8 "leave the key out"
    /// Locked, and removes itself: the date or the duration counts whatever the lock says (L7).
    LockEnds Note some L7 "leave the date or the duration out where the profile has to stay"

    ["Removal"]
    /// `PayloadRemovalDisallowed` is not a boolean: the lock may not be what it seems (L1).
    RemovalFlagNotBoolean Error some L1 "write <true/> or <false/>"
    /// Locked, and the removal password is empty: the two contradict each other (L1, L3).
    LockedWithEmptyPassword Warning some L3 "choose one: a lock without a removal password, or a password that is not empty"
    /// The removal password is empty or absent: iOS 14 and later are observed to refuse it (L4, 2002). A warning for
    /// such a target.
    EmptyRemovalPassword Note some L4 "leave the removal-password payload out (form `omitted`)"
    /// A removal password is not a string (2003).
    RemovalPasswordType Error some Faults "write the password as <string>"
    /// More than one removal-password payload: one per profile (L3).
    SeveralRemovalPasswords Error some L3 "keep one removal-password payload"
    /// `HasRemovalPasscode` says otherwise than the payloads; it only informs (L6).
    RemovalPasscodeMismatch Warning some L6 "leave HasRemovalPasscode out, or write what the payloads say"
    /// Locked, and carries an MDM payload: refused (L9, 1000).
    LockedWithMdm Error some L9 "put the MDM payload into a profile of its own"
    /// `PayloadRemovalDisallowed` is false, and there is a removal password: current iOS is observed to lock all the same (L4).
    LockedByPassword Warning some L4 "choose one: write the flag true, or leave the removal password out"
    /// Locked, and the target keeps no lock since it is not supervised: its owner can delete the profile (L2).
    LockIgnored Warning some L2 "supervise the device, or do not count on the lock"
    /// Locked in a way that the target's enrolment does not allow: a removal password not with user enrolment or Shared
    /// iPad, `PayloadRemovalDisallowed` not with user enrolment, where it is a warning (L3).
    LockBarredByEnrolment Error some L3 "leave the lock out, or enrol the device as a whole"
    /// Locked, and installed by an MDM: its owner could not delete it without the lock either (R9, R11).
    LockOnManaged Note some R11 "leave the lock out, or install by hand what is to outlive the MDM profile"

    ["Freeing"]
    /// Locked, and forbids installing profiles by hand: its overwrite cannot be installed (4037, 4020). A warning on
    /// iOS that is not supervised, a note where an MDM brings the overwrite.
    OverwriteForbidden Error some Obstacles "leave the restriction out of a profile that is to be freed by hand"
    /// Locked, and forbids Safari: the overwrite's way to the device is gone. A note where an MDM brings the overwrite.
    SafariForbidden Warning some Obstacles "leave the restriction out, or deliver the overwrite through the MDM"
    /// Locked, and forbids to install or to delete apps: a client app that is deleted too early does not come back (W4).
    AppsRestricted Note some Obstacles "have the owner delete the client app last, after the overwrite"
    /// A passcode policy: a device that does not meet it asks its owner for a passcode at the install. A warning in a
    /// locked profile and in an overwrite, which asks again.
    PasscodeAsked Note some Obstacles "tell the owner, or strip the payload from the overwrite"
    /// A payload lacks a name or a password: an install by hand asks the owner for it. A warning in a locked profile
    /// and in an overwrite, which asks again.
    ValueAsked Note some Obstacles "write the value, tell the owner, or strip the payload from the overwrite"
    /// `ConsentText` has to be agreed to before an install by hand, also that of the overwrite.
    ConsentAsked Note some Keys "tell the owner, or leave the text out"

    ["Payloads"]
    /// A payload's type is nobody's, and a typing error away from a known one: devices ignore it without a word.
    TypeMisspelt Warning some Faults "write the known type"
    /// A payload's type is none of Apple's schema, and the target is no Mac, where any program's settings may be one: it
    /// ignores the payload without a word. A note where the type's name is not Apple's.
    TypeUnknown Warning some Faults "look for a typing error; a type newer than this schema may be right"
    /// A value, at whatever depth, has another type than Apple's schema says.
    SettingType Warning some Schema "write the value in the type that Apple has in its schema"
    /// A profile or a known payload has a key, at whatever depth, that Apple's schema does not know.
    UnknownKey Warning some Schema "look for a typing error; devices pass over keys that they do not know"
    /// A known payload, or a dictionary in it, lacks a key that Apple's schema requires.
    MissingSetting Warning some Schema "add the key"
    /// A payload refers to a certificate payload that is not in the profile.
    DanglingReference Warning some Keys "add the payload that is referred to, or correct the UUID"
    /// The MDM payload's URLs are not `https`.
    MdmNotHttps Error some Schema "write a URL that starts with https://"
    /// More than one payload of a type that Apple's schema has once.
    SeveralOfOne Error some Schema "keep one payload of the type"
    /// A certificate or PKCS#12 payload does not hold one.
    CertificateUnreadable Warning some Keys "put a certificate in DER, or a PKCS#12 archive, into PayloadContent"
    /// A value is none of those that Apple's schema allows.
    ValueNotAllowed Warning some Schema "write one of the values that are allowed"
    /// A number, or the number of an array's items, is less or more than Apple's schema allows.
    ValueOutOfRange Warning some Schema "write a number within the range"
    /// A text has not the format that Apple's schema gives.
    FormatMismatch Warning some Schema "write the text in the format"
    /// A payload type or key is deprecated: on the target, or wherever it works.
    Deprecated Note some Schema "use what has taken its place"
    /// A payload type or key does not work on the target's platform: the device passes over it.
    NotOnPlatform Warning some Schema "leave it out of a profile for this platform"
    /// A payload type or key works only in later versions than the target's: the device passes over it.
    NotYetSupported Warning some Schema "do not count on it before that version"
    /// A payload type or key does not work any more in the target's version: the device passes over it.
    NoLongerSupported Warning some Schema "use what has taken its place"
    /// A payload type or key works on supervised devices only, and the target is not: the device passes over it.
    NeedsSupervision Warning some Schema "supervise the device, or do not count on it"
    /// A payload type that may come by MDM only, installed by hand: refused; of a key: passed over.
    NotByHand Error some Schema "have the MDM install the profile"
    /// A payload type that the target's enrolment does not allow: refused; a payload or key that it ignores: passed over.
    NotWithEnrolment Error some Schema "leave it out of a profile for this enrolment"
    /// A password, a key or a token stands in a profile that is not encrypted: who has the file can read it.
    SecretInClear Note some Practice "encrypt the profile for its device, or keep the file as you keep the secret"

    ["Signature"]
    /// The signature does not hold: refused, not taken as unsigned (1000).
    SignatureBroken Error some Signing "sign the profile again; what is signed must not be changed"
    /// No path leads from the signer's certificate to a root that was given: the device shows Not Verified.
    SignerNotTrusted Warning some Signing "sign with a certificate that a root of the device issued, its chain included"
    /// A certificate of the signer's chain has ended: it costs the badge; an overwrite still needs the same signer (R4).
    SignerExpired Warning some R5 "renew the certificate for new profiles; sign overwrites with the very one that signed"
    /// A certificate of the signer's chain is not valid yet.
    SignerNotYetValid Warning some Signing "look at the clock, or wait"
    /// A certificate of the signer's chain ends within 30 days.
    SignerEndsSoon Note some R5 "renew the certificate for new profiles; sign overwrites with the very one that signed"
    /// The signer's issuer is not in the file: without a root that issued the signer itself there is no path.
    ChainMissing Note some Signing "sign with the intermediate certificates"
    /// More than one signer: a device takes exactly one.
    SeveralSigners Warning some Signing "sign once"
    /// A digest of the signature, or of a certificate of its chain, is weak: SHA-1 or MD5.
    WeakDigest Warning some Signing "sign with SHA-256 or better"
    /// A key of the signer's chain is weak: RSA below 2048 bits.
    WeakSignerKey Warning some Signing "take an RSA key of 2048 bits or more, or one on P-256"
    /// The signer's certificate is not for signing content, or that of a CA.
    SignerUnfit Warning some Signing "sign with a certificate that is for digital signatures"
    /// The signed file is not written as Apple's are: most devices may take it, others may not.
    SignatureForm Warning some Signing "sign as profile-kit sign does: DER, one signer, nothing behind it"
}

impl Code {
    /// The errors with which devices answer it, where they are known: one of the profile as a whole, one of a payload.
    pub fn device_errors(self) -> Vec<DeviceError> {
        let (whole, payload) = self.answers();
        whole.into_iter().chain(payload).collect()
    }

    fn answers(self) -> (Option<DeviceError>, Option<DeviceError>) {
        let either = |whole, payload| {
            (Some(DeviceError::new(Domain::Profile, whole)), Some(DeviceError::new(Domain::Payload, payload)))
        };
        let only = |domain, number| (Some(DeviceError::new(domain, number)), None);
        match self {
            Code::MissingKey => either(1002, 2002),
            Code::WrongType => either(1003, 2003),
            Code::BadVersion => either(1001, 2001),
            Code::EmptyContent => only(Domain::Profile, 1005),
            Code::DuplicateUuid => only(Domain::Profile, 1007),
            Code::DuplicateIdentifier => only(Domain::Profile, 1008),
            Code::TargetDeviceTypeUnknown | Code::TargetDeviceTypeOther => only(Domain::Profile, 1015),
            Code::LockedWithMdm | Code::SignatureBroken => only(Domain::Profile, 1000),
            Code::OverwriteForbidden => only(Domain::Installation, 4037),
            Code::RemovalDatePast => only(Domain::Installation, 4025),
            Code::EmptyRemovalPassword => only(Domain::Payload, 2002),
            Code::RemovalPasswordType => only(Domain::Payload, 2003),
            _ => (None, None),
        }
    }

    /// Whether an install with it makes the device ask its owner for something that the owner may not have.
    pub(crate) fn asks_the_owner(self) -> bool {
        matches!(self, Code::PasscodeAsked | Code::ValueAsked)
    }

    /// Whether some device refuses a profile with it (2002 to 2004), although others are known to take it.
    pub(crate) fn may_be_refused(self) -> bool {
        use Code::{
            CertificateUnreadable, FormatMismatch, MdmNotHttps, MissingSetting, SettingType, ValueNotAllowed,
            ValueOutOfRange,
        };
        let of_a_value = matches!(self, SettingType | ValueNotAllowed | ValueOutOfRange | FormatMismatch | MdmNotHttps);
        of_a_value || matches!(self, MissingSetting | CertificateUnreadable)
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
    fn an_error_in_a_payload_is_the_payloads_own() {
        let error =
            |path| Finding::new(Code::MissingKey, path, "is missing").device_error().map(|error| error.to_string());
        let payload = KeyPath::root().key("PayloadContent").index(0).key("PayloadUUID");
        assert_eq!(error(KeyPath::root().key("PayloadUUID")).as_deref(), Some("MCProfileErrorDomain 1002"));
        assert_eq!(error(payload).as_deref(), Some("MCPayloadErrorDomain 2002"));
    }

    #[test]
    fn what_signing_refuses_is_an_error() {
        for code in Code::ALL.iter().filter(|code| code.refused_everywhere()) {
            assert_eq!(code.severity(), Severity::Error, "{code}");
        }
    }
}
