//! What became of a signature, in stable words.

use std::fmt;

/// What became of a signature: stable words, NSS's and Apple's `security cms` where they have one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Verdict {
    /// The signature holds and, where trust was asked for, its certificate is trusted.
    GoodSignature,
    /// The signature does not match what it covers and the signer's key.
    BadSignature,
    /// The content is not what was signed: its digest differs from the messageDigest attribute.
    DigestMismatch,
    /// The contentType attribute is missing or differs from the content's type (RFC 5652 §11.1).
    ContentTypeMismatch,
    /// The signer's certificate is not in the file.
    SigningCertNotFound,
    /// More than one certificate in the file answers to the signer's identifier.
    AmbiguousSigningCert,
    /// The signature holds; no path leads from its certificate to a root that was given.
    SigningCertNotTrusted,
    /// The signature holds and a path leads to a root; a certificate of the path has ended.
    SigningCertExpired,
    /// The signature holds and a path leads to a root; a certificate of the path has not begun.
    SigningCertNotYetValid,
    /// The digest or signature algorithm has no name here.
    SignatureAlgorithmUnknown,
    /// The algorithm is known, but not supported with this key, these parameters or this digest.
    SignatureAlgorithmUnsupported,
    /// The signer's structure breaks a rule without which the signature says nothing: a messageDigest
    /// that is missing or doubled, attributes that must be signed and are not.
    MalformedSignature,
    /// The structure is there, a signer is not (certificates only).
    NotSigned,
    /// The signature is detached: the content is not in the file.
    ContentMissing,
}

impl Verdict {
    /// The stable word.
    pub fn code(self) -> &'static str {
        match self {
            Verdict::GoodSignature => "GoodSignature",
            Verdict::BadSignature => "BadSignature",
            Verdict::DigestMismatch => "DigestMismatch",
            Verdict::ContentTypeMismatch => "ContentTypeMismatch",
            Verdict::SigningCertNotFound => "SigningCertNotFound",
            Verdict::AmbiguousSigningCert => "AmbiguousSigningCert",
            Verdict::SigningCertNotTrusted => "SigningCertNotTrusted",
            Verdict::SigningCertExpired => "SigningCertExpired",
            Verdict::SigningCertNotYetValid => "SigningCertNotYetValid",
            Verdict::SignatureAlgorithmUnknown => "SignatureAlgorithmUnknown",
            Verdict::SignatureAlgorithmUnsupported => "SignatureAlgorithmUnsupported",
            Verdict::MalformedSignature => "MalformedSignature",
            Verdict::NotSigned => "NotSigned",
            Verdict::ContentMissing => "ContentMissing",
        }
    }

    /// Whether this is [`GoodSignature`](Verdict::GoodSignature).
    pub fn is_good(self) -> bool {
        self == Verdict::GoodSignature
    }

    /// Whether the content is what the signer's key signed; trust and time may still be against it.
    pub fn is_intact(self) -> bool {
        use Verdict::{GoodSignature, SigningCertExpired, SigningCertNotTrusted, SigningCertNotYetValid};
        matches!(self, GoodSignature | SigningCertNotTrusted | SigningCertExpired | SigningCertNotYetValid)
    }
}

/// The stable word.
impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}
