//! What is signed.

use std::{borrow::Cow, fmt, ops::Deref};

use super::Digest;
use crate::sha256::sha256;

/// The very bytes that a signature holds.
#[derive(Clone)]
pub struct Content<'c> {
    bytes: Cow<'c, [u8]>,
    /// Their SHA-256, where it came along when they were written.
    sha256: Option<[u8; 32]>,
}

impl<'c> Content<'c> {
    /// `sha256` is believed.
    pub(crate) fn with_sha256(bytes: impl Into<Cow<'c, [u8]>>, sha256: Option<[u8; 32]>) -> Self {
        Self { bytes: bytes.into(), sha256 }
    }

    /// The bytes, copied where they stand elsewhere.
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes.into_owned()
    }

    /// The same, without the bytes' owner.
    pub fn borrowed(&self) -> Content<'_> {
        Content { bytes: Cow::Borrowed(&self.bytes), sha256: self.sha256 }
    }

    pub(crate) fn digest(&self, digest: Digest) -> Vec<u8> {
        match self.sha256.filter(|_| digest == Digest::Sha256) {
            Some(known) => {
                debug_assert_eq!(known, sha256(&self.bytes));
                known.to_vec()
            }
            None => digest.of(&self.bytes),
        }
    }
}

impl Deref for Content<'_> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes
    }
}

impl<'c> From<Cow<'c, [u8]>> for Content<'c> {
    fn from(bytes: Cow<'c, [u8]>) -> Self {
        Self::with_sha256(bytes, None)
    }
}

impl From<Vec<u8>> for Content<'_> {
    fn from(bytes: Vec<u8>) -> Self {
        Self::with_sha256(bytes, None)
    }
}

impl<'c> From<&'c [u8]> for Content<'c> {
    fn from(bytes: &'c [u8]) -> Self {
        Self::with_sha256(bytes, None)
    }
}

/// Their number: passwords may be among them.
impl fmt::Debug for Content<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Content").field("length", &self.bytes.len()).finish_non_exhaustive()
    }
}
