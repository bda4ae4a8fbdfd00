//! A profile and the bytes that it was read from.

use crate::{Profile, Result};

/// A profile together with the very bytes that it was read from: signing signs those, untouched.
#[derive(Clone, Debug, PartialEq)]
pub struct EncodedProfile {
    profile: Profile,
    bytes: Vec<u8>,
}

impl EncodedProfile {
    /// Reads an XML or binary property list and keeps its bytes.
    ///
    /// # Errors
    /// As [`Profile::from_bytes`].
    pub fn read(bytes: Vec<u8>) -> Result<Self> {
        Ok(Self { profile: Profile::from_bytes(&bytes)?, bytes })
    }

    /// What the bytes say.
    pub fn profile(&self) -> &Profile {
        &self.profile
    }

    /// The bytes as they were read.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}
