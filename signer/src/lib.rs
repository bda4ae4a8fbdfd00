//! The signer daemon: an empty crate until its first floor is laid.
