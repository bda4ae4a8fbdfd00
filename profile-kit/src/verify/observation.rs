//! What is worth saying of a signed file beside its verdict.

use std::fmt;

/// One thing worth saying; it changes no verdict.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Observation {
    /// What was seen.
    pub code: Observed,
    /// One sentence.
    pub message: String,
}

impl Observation {
    pub(crate) fn new(code: Observed, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }
}

impl fmt::Display for Observation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.message)
    }
}

/// The stable word for what was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Observed {
    /// The file is BER, not DER: indefinite or over-long lengths, strings in chunks.
    BerEncoding,
    /// Bytes follow the structure; no signature covers them.
    TrailingBytes,
    /// More than one signer; a device takes exactly one.
    SeveralSigners,
    /// A certificate is in the file more than once.
    DuplicateCertificates,
    /// A self-signed certificate is in the file beside the signer's: it adds nothing.
    RootIncluded,
    /// A certificate in the file cannot be read; it was passed over.
    UnreadableCertificate,
    /// Something among the file's revocation lists cannot be read; none of them is used.
    UnreadableRevocation,
    /// The content is itself a CMS structure.
    NestedSignature,
    /// The content's type is not `id-data`.
    UncommonContentType,
    /// SHA-1, or MD5: collisions are known.
    WeakDigest,
    /// An RSA key below 2048 bits.
    WeakKey,
    /// An algorithm or curve that devices are not known to take.
    UncommonAlgorithm,
    /// The signer's digest is not among those that the file lists at its beginning (RFC 5652 §5.1): who digests in one
    /// pass cannot verify it.
    UnlistedDigest,
    /// Something among the digests that the file lists at its beginning is no algorithm; it was passed over.
    UnreadableDigest,
    /// No signed attributes: the signature covers the content directly, and tells no time.
    NoSignedAttributes,
    /// No signing time among the signed attributes.
    NoSigningTime,
    /// A signing time that cannot be read, or in the wrong one of its two forms (RFC 5652 §11.3).
    OddSigningTime,
    /// The signed attributes, or the values of one, are not in the order of DER.
    UnorderedSignedAttributes,
    /// The signature holds over the signed attributes as they are written, not over their DER (RFC 5652 §5.4).
    NotSignedAsDer,
    /// There are unsigned attributes; anyone may have added them.
    UnsignedAttributes,
    /// The signer names its certificate by a serial number with octets that say nothing, which no INTEGER may have (X.690
    /// §8.3.2).
    PaddedSerialNumber,
    /// The signer's certificate is that of a CA.
    CaSigner,
    /// The signer's certificate has a key usage without digitalSignature and nonRepudiation.
    KeyUsage,
    /// A path was found only by passing over a critical extension of Apple's (1.2.840.113635), as its developer
    /// certificates carry. What it means is not known here. No other unknown one is passed over.
    UnknownCriticalExtension,
    /// A certificate of the path has ended or not begun; said where the verdict says something worse.
    OutsideValidity,
}

/// The stable word.
impl fmt::Display for Observed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}
