//! What a device answers: the new state or its error, and what decided.

use std::fmt;

use crate::{
    DeviceError, Fact, Policies,
    device::Device,
    device_error::Domain,
    policy::{Choice, Policy},
};

/// What an operation on a device gives.
pub type Answer = Result<Done, Refused>;

/// The device did it.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Done {
    /// The device afterwards.
    pub device: Device,
    /// What changed.
    pub effect: Effect,
    /// What the owner is asked on the way.
    pub prompts: Vec<Prompt>,
    /// What decided it.
    pub grounds: Grounds,
}

/// What an operation changed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Effect {
    /// A downloaded profile waits for its install.
    Downloaded,
    /// The profile was added beside the others.
    Added,
    /// The profile replaced the one of its identifier (fact R1). Payloads by `PayloadIdentifier`, or by type where they have
    /// none.
    Replaced {
        /// In both, by identifier and UUID: updated in place (R3).
        updated: Vec<String>,
        /// Only in what was replaced: removed.
        removed: Vec<String>,
        /// Only in what came: added.
        added: Vec<String>,
    },
    /// The profiles with these identifiers are gone, the one that was asked for first; perhaps none.
    Removed(Vec<String>),
}

/// What the owner is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Prompt {
    /// To agree to the profile's `ConsentText`.
    Consent,
    /// A password, for which nothing may be entered (S2.3).
    EmptyPassword,
    /// The removal password of the installed profile.
    RemovalPassword,
    /// An administrator's name and password (macOS).
    Administrator,
    /// Perhaps a new passcode: a passcode policy comes with the profile.
    Passcode,
}

impl Prompt {
    /// Whether an owner without any password stands before it in vain.
    pub fn needs_a_password(self) -> bool {
        matches!(self, Prompt::RemovalPassword | Prompt::Administrator)
    }

    /// What the owner sees and can do, in a sentence.
    pub fn sentence(self) -> &'static str {
        match self {
            Prompt::Consent => "the owner is asked to agree to the profile's text",
            Prompt::EmptyPassword => "a password may be asked for: the owner enters nothing and goes on",
            Prompt::RemovalPassword => "the removal password is asked for",
            Prompt::Administrator => "an administrator's name and password are asked for",
            Prompt::Passcode => "a new passcode may be asked for",
        }
    }

    /// The fact that says so.
    pub fn fact(self) -> Fact {
        match self {
            Prompt::Consent => Fact::Keys,
            Prompt::EmptyPassword => Fact::R7,
            Prompt::RemovalPassword => Fact::L3,
            Prompt::Administrator => Fact::Schema,
            Prompt::Passcode => Fact::Obstacles,
        }
    }

    /// The stable word.
    pub fn word(self) -> &'static str {
        match self {
            Prompt::Consent => "Consent",
            Prompt::EmptyPassword => "EmptyPassword",
            Prompt::RemovalPassword => "RemovalPassword",
            Prompt::Administrator => "Administrator",
            Prompt::Passcode => "Passcode",
        }
    }
}

/// The stable word.
impl fmt::Display for Prompt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// The device did not do it; it is as it was (fact R8).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Refused {
    /// A stable word for why.
    pub refusal: Refusal,
    /// The device's own error, where one is known.
    pub error: Option<DeviceError>,
    /// Why, in one sentence.
    pub sentence: String,
    /// What decided it.
    pub grounds: Grounds,
}

impl Refused {
    /// The fact that says so comes first.
    pub(super) fn new(refusal: Refusal, sentence: impl Into<String>, grounds: Grounds) -> Self {
        let mut own = Grounds::default();
        own.fact(refusal.fact());
        Self { refusal, error: refusal.error(), sentence: sentence.into(), grounds: own.and(&grounds) }
    }
}

/// `OtherSigner: … (MCInstallationErrorDomain 4008)`.
impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.refusal, self.sentence)?;
        match self.error {
            Some(error) => write!(f, " ({error})"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Refused {}

/// Declares the refusals once: meaning, word, the fact that says so, the device's error.
macro_rules! refusals {
    ($($(#[doc = $doc:literal])+ $name:ident $fact:ident ($($domain:ident $number:literal)?))+) => {
        /// Why a device does not do what it is asked to; a stable word.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum Refusal {
            $($(#[doc = $doc])+ $name,)+
        }

        impl Refusal {
            /// All of them.
            pub const ALL: &'static [Refusal] = &[$(Refusal::$name),+];

            /// The word itself.
            pub fn word(self) -> &'static str {
                match self { $(Refusal::$name => stringify!($name)),+ }
            }

            /// What it means, in a sentence.
            pub fn meaning(self) -> &'static str {
                match self { $(Refusal::$name => concat!($($doc),+).trim_ascii()),+ }
            }

            fn fact(self) -> Fact {
                match self { $(Refusal::$name => Fact::$fact),+ }
            }

            fn error(self) -> Option<DeviceError> {
                match self { $(Refusal::$name => refusals!(@error $($domain $number)?)),+ }
            }
        }
    };
    (@error) => { None };
    (@error $domain:ident $number:literal) => { Some(DeviceError::new(Domain::$domain, $number)) };
}

refusals! {
    /// The signature does not hold: the profile is not taken for an unsigned one.
    BrokenSignature Signing (Profile 1000)
    /// The profile's structure has a fault.
    Malformed Faults ()
    /// The profile is for another kind of device.
    OtherDeviceType Faults (Profile 1015)
    /// The removal password is empty or absent.
    EmptyRemovalPassword L4 (Payload 2002)
    /// The removal password is not a string.
    RemovalPasswordType Faults (Payload 2003)
    /// More than one removal password.
    SeveralRemovalPasswords L3 ()
    /// A removal password, and the device is not supervised.
    RemovalPasswordUnsupervised L2 (Chaperone 29000)
    /// Locked, with an MDM payload.
    LockedWithMdm L9 (Profile 1000)
    /// The `RemovalDate` is past.
    RemovalDatePast L7 (Installation 4025)
    /// A restriction forbids installing profiles by hand.
    InstallForbidden Obstacles (Installation 4037)
    /// Installed by the MDM, and replaced by hand.
    ManualOverMdm R9 (Mdm 12013)
    /// Installed by hand, and replaced or removed by the MDM.
    MdmOverManual R9 ()
    /// What is installed is signed, and this is not.
    UnsignedOverSigned R4 (Installation 4008)
    /// Signed by another certificate than what is installed.
    OtherSigner R4 (Installation 4008)
    /// What is installed has an MDM payload, and this has none.
    MdmPayloadMissing R10 (Installation 4015)
    /// The MDM payload's topic or URLs are others.
    MdmChanged R10 (Mdm 12012)
    /// No profile of the identifier is installed.
    NotInstalled R1 ()
    /// Nothing waits to be installed.
    NothingPending Delivery ()
    /// The owner cannot delete the profile: there is no button.
    Locked L1 ()
    /// The removal password is not the one.
    WrongPassword L3 ()
    /// The MDM installed the profile: the owner deletes it with the MDM profile only.
    Managed R11 ()
}

/// The stable word.
impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// What decided an answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Grounds {
    /// The facts, in the order in which they came up, each once.
    pub facts: Vec<Fact>,
    /// The policies without which the answer could be another, each once.
    pub policies: Vec<Choice>,
    /// What nobody knows, and what could make the answer another.
    pub unknowns: Vec<Unknown>,
}

impl Grounds {
    pub(crate) fn fact(&mut self, fact: Fact) {
        if !self.facts.contains(&fact) {
            self.facts.push(fact);
        }
    }

    pub(super) fn policy(&mut self, policies: &Policies, policy: Policy) {
        self.fact(policy.fact());
        let choice = policies.choice(policy);
        if !self.policies.contains(&choice) {
            self.policies.push(choice);
        }
    }

    pub(crate) fn unknown(&mut self, unknown: Unknown) {
        self.fact(unknown.fact());
        if !self.unknowns.contains(&unknown) {
            self.unknowns.push(unknown);
        }
    }

    /// These and others, each once.
    pub fn and(mut self, others: &Grounds) -> Self {
        others.facts.iter().for_each(|fact| self.fact(*fact));
        for choice in others.policies.iter().filter(|choice| !self.policies.contains(choice)).collect::<Vec<_>>() {
            self.policies.push(choice.clone());
        }
        others.unknowns.iter().for_each(|unknown| self.unknown(*unknown));
        self
    }
}

/// Declares once what is not known: meaning, word, the fact that leaves it open, a sentence.
macro_rules! unknowns {
    ($($(#[doc = $doc:literal])+ $name:ident $fact:ident $sentence:literal)+) => {
        /// Something that nobody knows and no policy stands for.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum Unknown {
            $($(#[doc = $doc])+ $name,)+
        }

        impl Unknown {
            /// All of them.
            pub const ALL: &'static [Unknown] = &[$(Unknown::$name),+];

            /// The stable word.
            pub fn word(self) -> &'static str {
                match self { $(Unknown::$name => stringify!($name)),+ }
            }

            /// What is not known, in a sentence.
            pub fn sentence(self) -> &'static str {
                match self { $(Unknown::$name => $sentence),+ }
            }

            /// The fact that leaves it open.
            pub fn fact(self) -> Fact {
                match self { $(Unknown::$name => Fact::$fact),+ }
            }
        }
    };
}

unknowns! {
    /// What is among encrypted payloads: a removal password, an MDM payload, a restriction.
    PayloadsUnseen R10 "payloads are encrypted: what is among them nobody saw"
    /// Whether a profile replaces one of its identifier and another `PayloadScope` (macOS); taken for added beside.
    OtherScope R1 "whether a profile of another PayloadScope replaces is not known"
    /// What a lock that is no boolean does; taken for a lock.
    FlagNotBoolean L1 "what a PayloadRemovalDisallowed that is no boolean does is not known"
    /// What lock and removal password do with user enrolment or on a Shared iPad, where Apple does not have them.
    EnrolmentLock L3 "what a lock does with this kind of enrolment is not known"
    /// Whether the device takes a key or a setting that is not as Apple has it (2002 to 2004).
    Setting Schema "a setting is not as Apple's schema has it, and the device may refuse it"
    /// Whether the device takes by hand a payload of a type that comes by MDM only.
    NotByHand Schema "a payload is of a type that does not install by hand, and the device may refuse it"
    /// Whether the device takes several payloads of a type that Apple's schema has once.
    SeveralOfOne Schema "there are several payloads of a type that is there once only, and the device may refuse them"
    /// What a second MDM payload does on an enrolled device.
    SecondMdm R10 "what a second MDM payload does on an enrolled device is not known"
    /// Whether a removal password that is stored under a `PayloadUUID` outlives an overwrite with the same one (R2).
    StoredPassword R2 "the UUID is the installed one's, under which its removal password is stored"
    /// Whether a profile gets there without Safari, which a restriction forbids.
    SafariForbidden Obstacles "Safari is forbidden: whether the profile gets there is not known"
    /// What the device has: it cannot be a file whose signature does not hold.
    InstalledBroken Signing "the signature of what is installed does not hold: the device has another file"
    /// What the device takes: the model refuses what is installed for the very reason for which it refuses the overwrite.
    Inherited Faults "the device should have refused what is installed for the same reason, and yet has it"
    /// Whether the device takes a signature of this kind.
    SignatureForm Signing "whether the device takes a signature of this kind is not known"
}

impl Unknown {
    /// Whether it is only about the profile getting onto the device, not about what it does there.
    pub fn is_about_arrival(self) -> bool {
        use Unknown::{NotByHand, SafariForbidden, SecondMdm, Setting, SeveralOfOne, SignatureForm};
        matches!(self, NotByHand | SafariForbidden | SecondMdm | Setting | SeveralOfOne | SignatureForm)
    }

    /// Whether the model took the worse of what may be, so that the truth may be better.
    pub fn is_worst(self) -> bool {
        use Unknown::{EnrolmentLock, FlagNotBoolean, Inherited, InstalledBroken, OtherScope};
        matches!(self, EnrolmentLock | FlagNotBoolean | Inherited | InstalledBroken | OtherScope)
    }
}

/// The stable word.
impl fmt::Display for Unknown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}
