//! The digests that profiles are signed with.

use std::fmt;

use const_oid::db::rfc5912;
use der::asn1::ObjectIdentifier;
use openssl::{
    md::{Md, MdRef},
    sha::{Sha384, Sha512},
};

use crate::sha256::sha256;

/// A digest algorithm (FIPS 180-4).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Digest {
    /// SHA-256.
    #[default]
    Sha256,
    /// SHA-384.
    Sha384,
    /// SHA-512.
    Sha512,
}

impl Digest {
    /// The digest of the bytes.
    pub(crate) fn of(self, bytes: &[u8]) -> Vec<u8> {
        match self {
            // Not by the functions for a whole text, which look the algorithm up each time.
            Digest::Sha256 => sha256(bytes).to_vec(),
            Digest::Sha384 => {
                let mut hash = Sha384::new();
                hash.update(bytes);
                hash.finish().to_vec()
            }
            Digest::Sha512 => {
                let mut hash = Sha512::new();
                hash.update(bytes);
                hash.finish().to_vec()
            }
        }
    }

    pub(crate) fn oid(self) -> ObjectIdentifier {
        match self {
            Digest::Sha256 => rfc5912::ID_SHA_256,
            Digest::Sha384 => rfc5912::ID_SHA_384,
            Digest::Sha512 => rfc5912::ID_SHA_512,
        }
    }

    /// ECDSA with this digest (RFC 5754 §3.3).
    pub(super) fn ecdsa(self) -> ObjectIdentifier {
        match self {
            Digest::Sha256 => rfc5912::ECDSA_WITH_SHA_256,
            Digest::Sha384 => rfc5912::ECDSA_WITH_SHA_384,
            Digest::Sha512 => rfc5912::ECDSA_WITH_SHA_512,
        }
    }

    pub(super) fn md(self) -> &'static MdRef {
        match self {
            Digest::Sha256 => Md::sha256(),
            Digest::Sha384 => Md::sha384(),
            Digest::Sha512 => Md::sha512(),
        }
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Digest::Sha256 => "SHA-256",
            Digest::Sha384 => "SHA-384",
            Digest::Sha512 => "SHA-512",
        })
    }
}
