//! What is worth knowing about an identity before it signs.

use std::{fmt, time::SystemTime};

use der::DateTime;

use crate::Certificate;

/// One thing to know about an identity, or a certificate that is encrypted for; it is used nevertheless, but no leaf
/// signs that is out of its time.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum IdentityWarning {
    /// The issuer of the chain's last certificate was not given.
    ChainEnds {
        /// Its name.
        issuer: String,
    },
    /// The leaf is its own issuer.
    SelfSigned {
        /// Its name.
        subject: String,
    },
    /// The leaf is a CA.
    CaAsLeaf {
        /// Its name.
        subject: String,
    },
    /// A certificate that issued another one of the chain may not issue any.
    NotACa {
        /// Its name.
        subject: String,
    },
    /// A certificate's last moment has passed.
    Expired {
        /// Its name.
        subject: String,
        /// Its last moment.
        not_after: SystemTime,
    },
    /// A certificate's first moment has not come.
    NotYetValid {
        /// Its name.
        subject: String,
        /// Its first moment.
        not_before: SystemTime,
    },
    /// An RSA key has fewer than 2048 bits.
    WeakKey {
        /// Its owner's name.
        subject: String,
        /// Its size.
        bits: u32,
    },
    /// Several certificates belong to the key; one is the leaf, unless an overwrite asks for another.
    SeveralLeaves {
        /// SHA-256 of the one that signs, in hexadecimal.
        chosen: String,
        /// How many others there are.
        others: usize,
    },
}

impl IdentityWarning {
    /// The stable word for it.
    pub fn code(&self) -> &'static str {
        match self {
            Self::ChainEnds { .. } => "ChainEnds",
            Self::SelfSigned { .. } => "SelfSigned",
            Self::CaAsLeaf { .. } => "CaAsLeaf",
            Self::NotACa { .. } => "NotACa",
            Self::Expired { .. } => "Expired",
            Self::NotYetValid { .. } => "NotYetValid",
            Self::WeakKey { .. } => "WeakKey",
            Self::SeveralLeaves { .. } => "SeveralLeaves",
        }
    }
}

/// What the dates of a certificate give reason to say.
pub(crate) fn dates(certificate: &Certificate, at: SystemTime) -> Option<IdentityWarning> {
    let subject = certificate.subject();
    match (certificate.not_before(), certificate.not_after()) {
        (Some(not_before), _) if at < not_before => Some(IdentityWarning::NotYetValid { subject, not_before }),
        (_, Some(not_after)) if not_after < at => Some(IdentityWarning::Expired { subject, not_after }),
        _ => None,
    }
}

/// A sentence.
impl fmt::Display for IdentityWarning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ChainEnds { issuer } => write!(
                f,
                "issuer {issuer} is not in the files; the chain ends before it: it must be a root that devices trust"
            ),
            Self::SelfSigned { subject } => {
                write!(f, "{subject} is self-signed: devices show its profiles as not verified")
            }
            Self::CaAsLeaf { subject } => write!(f, "{subject} is a CA certificate, and signs profiles itself"),
            Self::NotACa { subject } => write!(f, "{subject} issued a certificate of the chain, but is no CA"),
            Self::Expired { subject, not_after } => write!(f, "{subject} expired on {}", shown(*not_after)),
            Self::NotYetValid { subject, not_before } => {
                write!(f, "{subject} is not valid before {}", shown(*not_before))
            }
            Self::WeakKey { subject, bits } => write!(f, "the RSA key of {subject} is weak: {bits} bits"),
            Self::SeveralLeaves { chosen, others } => write!(
                f,
                "{} certificates belong to the key; sha256:{chosen} signs, unless an overwrite asks for another",
                others.saturating_add(1)
            ),
        }
    }
}

/// RFC 3339, in UTC.
pub(crate) fn shown(time: SystemTime) -> String {
    DateTime::from_system_time(time).map_or_else(|_| "a time out of range".into(), |time| time.to_string())
}
