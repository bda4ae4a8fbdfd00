//! A profile and the bytes that it was read from.

use std::fmt;

use crate::{Profile, Result};

/// A profile together with the very bytes that it was read from: signing signs those, untouched.
#[derive(Clone, PartialEq)]
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

/// The profile as it shows itself, and how many bytes there are: passwords may stand in them.
impl fmt::Debug for EncodedProfile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EncodedProfile").field("profile", &self.profile).field("length", &self.bytes.len()).finish()
    }
}
