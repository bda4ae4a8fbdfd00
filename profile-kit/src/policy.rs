//! What devices are not known to do for certain, as choices with names: section 8 of the facts.
//!
//! Whatever Apple does not document about removal and replacement is not built into the [device model](crate::device)
//! but asked of a [`Policies`]. An answer of the model names the policies that decided it.

use std::{fmt, str::FromStr};

use crate::{Fact, Os, OsVersion, Platform};

/// Declares the policies once: field, name, enum, fact, values.
macro_rules! policies {
    ($(
        $(#[doc = $doc:literal])+
        $field:ident $name:ident $word:literal $fact:ident {
            $($(#[doc = $value_doc:literal])+ $value:ident $value_word:literal)+
            $(; $(#[doc = $from_doc:literal])+ $from:ident $from_word:literal)?
        }
    )+) => {
        $(
            $(#[doc = $doc])+
            ///
            /// The first value is the default.
            #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
            #[non_exhaustive]
            pub enum $name {
                $($(#[doc = $value_doc])+ $value,)+
                $($(#[doc = $from_doc])+ $from(OsVersion),)?
            }

            impl $name {
                /// The values, the default first; those with a version in them are not listed.
                pub const ALL: &'static [$name] = &[$($name::$value),+];
            }

            impl Default for $name {
                fn default() -> Self {
                    $name::ALL[0]
                }
            }

            /// The value's word.
            impl fmt::Display for $name {
                fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                    match self {
                        $($name::$value => f.write_str($value_word),)+
                        $($name::$from(version) => write!(f, concat!($from_word, "-{}"), version),)?
                    }
                }
            }

            /// Reads the value's word.
            impl FromStr for $name {
                type Err = UnknownPolicy;

                fn from_str(word: &str) -> Result<Self, UnknownPolicy> {
                    $(
                        let version = word.strip_prefix(concat!($from_word, "-")).map(str::parse::<OsVersion>);
                        if let Some(Ok(version)) = version {
                            return Ok($name::$from(version));
                        }
                    )?
                    match word {
                        $($value_word => Ok($name::$value),)+
                        _ => Err(UnknownPolicy::value(Policy::$name, word)),
                    }
                }
            }
        )+

        /// A policy by its name.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum Policy {
            $($(#[doc = $doc])+ $name,)+
        }

        impl Policy {
            /// All of them, in the order of the documentation.
            pub const ALL: &'static [Policy] = &[$(Policy::$name),+];

            /// The name in options and output: `signer-match`.
            pub fn word(self) -> &'static str {
                match self { $(Policy::$name => $word),+ }
            }

            /// What it is about, in a sentence.
            pub fn meaning(self) -> &'static str {
                match self { $(Policy::$name => concat!($($doc),+).trim_ascii()),+ }
            }

            /// The fact that leaves it open.
            pub fn fact(self) -> Fact {
                match self { $(Policy::$name => Fact::$fact),+ }
            }

            /// The words of its values, the default first; `from-VERSION` stands for those with a version in them.
            pub fn values(self) -> &'static [&'static str] {
                match self {
                    $(Policy::$name => &[$($value_word,)+ $(concat!($from_word, "-VERSION"),)?],)+
                }
            }

            /// What each value means, in the order of [`values`](Policy::values).
            pub fn meanings(self) -> &'static [&'static str] {
                match self {
                    $(Policy::$name => const {
                        &[$(concat!($($value_doc),+).trim_ascii(),)+ $(concat!($($from_doc),+).trim_ascii(),)?]
                    },)+
                }
            }
        }

        /// One choice for each policy. The default is the preset `current`.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
        pub struct Policies {
            $($(#[doc = $doc])+ pub $field: $name,)+
        }

        impl Policies {
            /// Sets a policy by name and value: `signer-match`, `same-key`.
            ///
            /// # Errors
            /// [`UnknownPolicy`], which names the valid names, or the valid values.
            pub fn set(&mut self, name: &str, value: &str) -> Result<(), UnknownPolicy> {
                match name.parse()? {
                    $(Policy::$name => self.$field = value.parse()?,)+
                }
                Ok(())
            }

            /// What is chosen for a policy.
            pub fn choice(&self, policy: Policy) -> Choice {
                match policy {
                    $(Policy::$name => Choice { policy, value: self.$field.to_string() },)+
                }
            }
        }
    };
}

policies! {
    /// Which signers a replacement by hand is taken from, where a signed profile is replaced.
    signer_match SignerMatch "signer-match" R5 {
        /// The leaf certificate is that of the installed profile, byte for byte.
        LeafEqual "leaf-equal"
        /// The leaf certificate has the same public key.
        SameKey "same-key"
        /// The two files have some certificate in common.
        AnyOfChain "any-of-chain"
        /// Any, and an unsigned profile too.
        None "none"
    }
    /// What an empty or absent removal password in its payload does.
    empty_password EmptyPassword "empty-removal-password" L4 {
        /// The profile is refused (2002).
        Reject "reject"
        /// It is as if the payload were not there.
        AsAbsent "as-absent"
        /// The profile asks for a password when it is deleted, and takes nothing for it.
        Locked "locked"
    }
    /// Whether a removal password that is not empty locks a profile whose flag does not.
    password_locks PasswordLocks "removal-password-locks" L4 {
        /// It does.
        Yes "yes"
        /// It does not: the password is asked for only with the flag.
        No "no"
    }
    /// Whether iOS and tvOS honour the lock only where the device is supervised.
    lock_supervision LockSupervision "lock-needs-supervision" L2 {
        /// Only there.
        Always "always"
        /// On every device.
        Never "never";
        /// Only there from this version on, before it on every device.
        From "from"
    }
    /// What a removal-password payload does on an iOS or tvOS device that is not supervised.
    password_unsupervised PasswordUnsupervised "removal-password-unsupervised" L2 {
        /// It is passed over.
        Ignore "ignore"
        /// The profile is refused (29000).
        Reject "reject"
        /// It works as on a supervised device.
        Honour "honour"
    }
    /// Whether the owner is asked for a password when a profile is overwritten by hand.
    overwrite_prompt OverwritePrompt "password-prompt" R7 {
        /// Nobody is asked.
        None "none"
        /// A prompt that takes nothing for an answer (S2.3).
        EmptyAccepted "empty-accepted"
        /// The installed profile's removal password must be given.
        MustMatch "must-match"
    }
    /// Whether the MDM may replace or remove what was installed by hand.
    mdm_over_manual MdmOverManual "mdm-over-manual" R9 {
        /// On supervised devices only.
        Supervised "refuse-unless-supervised"
        /// Nowhere.
        Refuse "refuse"
        /// Everywhere.
        Allow "allow"
    }
    /// Whether a profile that the MDM installed may be replaced by hand.
    manual_over_mdm ManualOverMdm "manual-over-mdm" R9 {
        /// It may not (12013).
        Refuse "refuse"
        /// It may.
        Allow "allow"
    }
    /// How long a downloaded profile waits for its install.
    pending_profile PendingProfile "pending-profile" Delivery {
        /// From iOS 12.2 on one waits in Settings, for eight minutes.
        EightMinutes "eight-minutes"
        /// None waits: the install opens with the download.
        None "none"
    }
}

impl Policies {
    /// What current systems are observed to do: the defaults.
    pub fn current() -> Self {
        Self::default()
    }

    /// The time of the procedure, 2017: the lock holds without supervision, an empty password is as none, the overwrite
    /// may prompt and takes nothing for an answer, no profile waits.
    pub fn ios_10_11() -> Self {
        Self {
            lock_supervision: LockSupervision::Never,
            empty_password: EmptyPassword::AsAbsent,
            overwrite_prompt: OverwritePrompt::EmptyAccepted,
            pending_profile: PendingProfile::None,
            ..Self::default()
        }
    }

    /// The presets by their names.
    pub fn presets() -> [(&'static str, Self); 2] {
        [("current", Self::current()), ("ios-10-11", Self::ios_10_11())]
    }

    /// All choices, in the order of the documentation.
    pub fn choices(&self) -> impl Iterator<Item = Choice> {
        Policy::ALL.iter().map(|policy| self.choice(*policy))
    }

    /// The same but for one choice.
    ///
    /// # Errors
    /// As [`set`](Policies::set).
    pub fn with(mut self, name: &str, value: &str) -> Result<Self, UnknownPolicy> {
        self.set(name, value)?;
        Ok(self)
    }
}

/// All choices, `signer-match=leaf-equal` and so on, with spaces between.
impl fmt::Display for Policies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let choices: Vec<String> = self.choices().map(|choice| choice.to_string()).collect();
        f.write_str(&choices.join(" "))
    }
}

impl Policy {
    /// The values that some source has for a device, the default first; one where the facts leave nothing open.
    ///
    /// Observations are of iOS and iPadOS 14 and later (L4, and the form `auto` of an overwrite); what they say of those
    /// is not open there. Values that no source claims of a device are not among them, though a policy may have them:
    /// `any-of-chain` and `none` of [`SignerMatch`], `must-match` of [`OverwritePrompt`], `no` of [`PasswordLocks`] (L3
    /// documents the prompt).
    pub fn open(self, os: Os, supervised: bool) -> &'static [&'static str] {
        let observed = os.platform == Platform::Ios && os.version.major >= 14;
        let older = os.platform == Platform::Ios && !observed;
        let asks_supervision = matches!(os.platform, Platform::Ios | Platform::Tvos) && !supervised;
        let count = match self {
            Policy::SignerMatch => 2,
            Policy::EmptyPassword if !observed => self.values().len(),
            Policy::LockSupervision if older && !supervised => 2,
            Policy::OverwritePrompt if older => 2,
            Policy::PasswordUnsupervised if asks_supervision => self.values().len(),
            _ => 1,
        };
        &self.values()[..count]
    }
}

/// A policy and the value that is chosen for it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub struct Choice {
    /// Which policy.
    pub policy: Policy,
    /// The word of the value.
    pub value: String,
}

/// `signer-match=leaf-equal`.
impl fmt::Display for Choice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}", self.policy, self.value)
    }
}

impl fmt::Display for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// Reads the name.
impl FromStr for Policy {
    type Err = UnknownPolicy;

    fn from_str(word: &str) -> Result<Self, UnknownPolicy> {
        Policy::ALL.iter().copied().find(|policy| policy.word() == word).ok_or_else(|| {
            let names: Vec<_> = Policy::ALL.iter().map(|policy| policy.word()).collect();
            UnknownPolicy(format!("{word:?} is no policy: one of {}", names.join(", ")))
        })
    }
}

/// The name is no policy, or the value none of its; the message names those that are.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct UnknownPolicy(String);

impl UnknownPolicy {
    fn value(policy: Policy, word: &str) -> Self {
        Self(format!("{word:?} is no value of {policy}: one of {}", policy.values().join(", ")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_listed_value_reads_back() {
        for policy in Policy::ALL {
            for value in policy.values() {
                let value = value.replace("VERSION", "13.0");
                let set = Policies::default().with(policy.word(), &value);
                assert_eq!(set.map(|set| set.choice(*policy).value), Ok(value));
            }
        }
    }

    #[test]
    fn the_first_value_is_that_of_the_preset_current() {
        for policy in Policy::ALL {
            assert_eq!(Policies::current().choice(*policy).value, policy.values()[0]);
        }
    }

    #[test]
    fn the_preset_of_2017_differs_in_four_policies() {
        let (now, then) = (Policies::current(), Policies::ios_10_11());
        let differ: Vec<_> = then.choices().filter(|choice| now.choice(choice.policy) != *choice).collect();
        let differ: Vec<_> = differ.iter().map(ToString::to_string).collect();
        assert_eq!(
            differ,
            [
                "empty-removal-password=as-absent",
                "lock-needs-supervision=never",
                "password-prompt=empty-accepted",
                "pending-profile=none"
            ]
        );
    }

    fn open(os: Os, supervised: bool) -> Vec<String> {
        let open = Policy::ALL.iter().map(|policy| (policy, policy.open(os, supervised)));
        open.filter(|(_, values)| values.len() > 1).map(|(policy, values)| format!("{policy} {values:?}")).collect()
    }

    #[test]
    fn what_the_facts_leave_open_depends_on_the_device() {
        let signer = r#"signer-match ["leaf-equal", "same-key"]"#;
        let empty = r#"empty-removal-password ["reject", "as-absent", "locked"]"#;
        let lock = r#"lock-needs-supervision ["always", "never"]"#;
        let password = r#"removal-password-unsupervised ["ignore", "reject", "honour"]"#;
        let prompt = r#"password-prompt ["none", "empty-accepted"]"#;
        assert_eq!(open(Os::ios(17), true), [signer]);
        assert_eq!(open(Os::ios(14), false), [signer, password]);
        assert_eq!(open(Os::ios(13), true), [signer, empty, prompt]);
        assert_eq!(open(Os::ios(13), false), [signer, empty, lock, password, prompt]);
        assert_eq!(open(Os::macos(15), false), [signer, empty]);
    }

    #[test]
    fn an_unknown_name_or_value_is_answered_with_the_valid_ones() {
        let name = Policies::default().with("signer", "none").expect_err("no such name").to_string();
        assert!(name.starts_with("\"signer\" is no policy: one of signer-match, empty-removal-password"), "{name}");
        let value = Policies::default().with("password-prompt", "yes").expect_err("no such value").to_string();
        assert_eq!(value, "\"yes\" is no value of password-prompt: one of none, empty-accepted, must-match");
    }
}
