//! The signer daemon: holds the signing keys, and serves locked profiles and their overwrites to an MDM core.

mod digest;
pub mod refusal;

pub use digest::Digest;
pub use refusal::Refusal;
