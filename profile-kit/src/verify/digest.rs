//! Digest algorithms by their object identifiers.

use const_oid::ObjectIdentifier;
use openssl::{
    hash::{MessageDigest, hash},
    md::{Md, MdRef},
};

use super::{
    Verdict,
    cms::Algorithm,
    refusal::{Refusal, unknown},
};
use crate::sign;

/// A digest algorithm.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Digest {
    oid: ObjectIdentifier,
    /// As people write it.
    pub(crate) name: &'static str,
    openssl: &'static str,
    /// What is to be said of it.
    pub(crate) standing: Standing,
}

/// What is to be said of an algorithm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// Devices take it.
    Common,
    /// Collisions are known.
    Weak,
    /// Devices may not take it.
    Uncommon,
}

impl Digest {
    /// Finds it.
    pub(crate) fn of(algorithm: &Algorithm<'_>) -> Result<&'static Self, Refusal> {
        let found = DIGESTS.iter().find(|digest| digest.oid.as_bytes() == algorithm.oid);
        found.ok_or_else(|| unknown("digest algorithm", algorithm))
    }

    /// The digest of bytes.
    pub(crate) fn hash(&self, bytes: &[u8]) -> Result<Vec<u8>, Refusal> {
        if let Some(digest) = self.signed_with() {
            return Ok(digest.of(bytes));
        }
        let unsupported = || (Verdict::SignatureAlgorithmUnsupported, format!("{} is not supported here", self.name));
        let digest = MessageDigest::from_name(self.openssl).ok_or_else(unsupported)?;
        hash(digest, bytes).map(|digest| digest.to_vec()).map_err(|_| unsupported())
    }

    /// The same, where we sign with it too: that needs no search by name.
    fn signed_with(&self) -> Option<sign::Digest> {
        [sign::Digest::Sha256, sign::Digest::Sha384, sign::Digest::Sha512].into_iter().find(|it| it.oid() == self.oid)
    }

    /// The same for OpenSSL's key operations.
    pub(super) fn md(&self) -> Result<&'static MdRef, Refusal> {
        let digest = MessageDigest::from_name(self.openssl).and_then(|digest| Md::from_nid(digest.type_()));
        digest.ok_or_else(|| (Verdict::SignatureAlgorithmUnsupported, format!("{} is not supported here", self.name)))
    }
}

const fn digest(oid: &str, name: &'static str, openssl: &'static str, standing: Standing) -> Digest {
    Digest { oid: ObjectIdentifier::new_unwrap(oid), name, openssl, standing }
}

/// The digest that RSASSA-PSS takes where none is named.
pub(super) const SHA1: Digest = digest("1.3.14.3.2.26", "SHA-1", "SHA1", Standing::Weak);

static DIGESTS: [Digest; 15] = [
    digest("2.16.840.1.101.3.4.2.1", "SHA-256", "SHA256", Standing::Common),
    SHA1,
    digest("2.16.840.1.101.3.4.2.2", "SHA-384", "SHA384", Standing::Common),
    digest("2.16.840.1.101.3.4.2.3", "SHA-512", "SHA512", Standing::Common),
    digest("2.16.840.1.101.3.4.2.4", "SHA-224", "SHA224", Standing::Uncommon),
    digest("2.16.840.1.101.3.4.2.5", "SHA-512/224", "SHA512-224", Standing::Uncommon),
    digest("2.16.840.1.101.3.4.2.6", "SHA-512/256", "SHA512-256", Standing::Uncommon),
    digest("2.16.840.1.101.3.4.2.7", "SHA3-224", "SHA3-224", Standing::Uncommon),
    digest("2.16.840.1.101.3.4.2.8", "SHA3-256", "SHA3-256", Standing::Uncommon),
    digest("2.16.840.1.101.3.4.2.9", "SHA3-384", "SHA3-384", Standing::Uncommon),
    digest("2.16.840.1.101.3.4.2.10", "SHA3-512", "SHA3-512", Standing::Uncommon),
    digest("1.3.36.3.2.1", "RIPEMD-160", "RIPEMD160", Standing::Uncommon),
    digest("1.2.840.113549.2.5", "MD5", "MD5", Standing::Weak),
    digest("1.2.840.113549.2.4", "MD4", "MD4", Standing::Weak),
    digest("1.2.840.113549.2.2", "MD2", "MD2", Standing::Weak),
];
