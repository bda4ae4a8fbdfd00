//! Apple configuration profiles that an MDM locks and frees.
//!
//! Builds the profile that a device's owner cannot delete, and its *overwrite*, which frees it.

mod certificate;
mod error;
mod key_path;
mod os;

pub mod check;
pub mod diff;
pub mod document;
pub mod encrypt;
pub mod identity;
mod inspect;
pub mod overwrite;
pub mod payload;
pub mod pki;
pub mod profile;
pub mod removal;
pub mod sign;
mod signed;
pub mod spec;
pub mod template;
mod trust;
mod uuids;
pub mod verify;

pub use certificate::{Certificate, KeyKind};
pub use encrypt::ContentCipher;
pub use error::{Error, Form, Place, Result, Source};
pub use identity::{Identity, IdentityFiles, IdentityWarning, Passphrase};
pub use inspect::Inspection;
pub use key_path::{KeyPath, Step};
pub use os::{InvalidVersion, Os, OsVersion, Platform};
pub use overwrite::Overwrite;
pub use payload::Payload;
pub use profile::Profile;
pub use removal::{PasswordForm, Removal};
pub use sign::{Digest, EncodedProfile, SignOptions, Signable, Signer};
pub use signed::{SignedProfile, VerifiedProfile};
pub use template::Template;
pub use trust::{At, Purpose, Trust, TrustStore, Validity};
pub use uuids::UuidSource;
pub use verify::Verdict;
