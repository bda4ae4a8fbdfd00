//! Bytes that carry a signature, and what verifying makes of them.

use std::fmt;

/// A CMS SignedData (RFC 5652 §5) that holds a profile: bytes, nothing about them is known to be true.
#[derive(Clone, PartialEq, Eq)]
pub struct SignedProfile {
    bytes: Vec<u8>,
}

impl SignedProfile {
    pub(crate) fn from_signer(bytes: Vec<u8>) -> Self {
        Self { bytes }
    }

    /// The signed file, ready for a device.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The signed file, taken out.
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }
}

/// Its length only: the bytes are no reading.
impl fmt::Debug for SignedProfile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SignedProfile({} bytes)", self.bytes.len())
    }
}
