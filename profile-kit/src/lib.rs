//! Apple configuration profiles that an MDM locks and frees.
//!
//! A mobile device management service puts a profile on a device that the owner cannot delete. When the device leaves
//! management, an *overwrite* has to free it: the same profile by its `PayloadIdentifier`, signed by the same
//! certificate, but removable. An overwrite with another identifier, another signer or a wrong form frees nothing, and
//! the device has to be wiped. This crate makes both, and makes the wrong one hard to make.
//!
//! ```
//! use profile_kit::{Os, Overwrite, Profile, Removal, TrustStore, payload::Restrictions};
//! # use profile_kit::pki::{Authority, KeySpec, Leaf, Validity};
//! # let validity = Validity::days(std::time::SystemTime::now() - std::time::Duration::from_secs(60), 30);
//! # let root = Authority::new("Root", KeySpec::P256, validity)?;
//! # let identity = root.issue(&Leaf::new("Signer", KeySpec::P256, validity))?.identity()?;
//! # let roots = TrustStore::from_pem(&root.certificate_pem()?)?;
//!
//! // `identity` is what `Identity::from_pem_files("signer.pem", "signer.key")?` gives.
//! let mut profile = Profile::new("jp.example.ivi-mdm", "IVI MDM");
//! profile.set_removal(Removal::Disallowed);
//! profile.push(Restrictions { allow_app_installation: Some(false), ..Default::default() });
//! let installed = identity.sign(&profile)?; // DER, ready for the device
//!
//! // `roots` is what `TrustStore::from_pem_file("roots.pem")?` gives.
//! let installed = roots.verify(&installed)?; // fails on broken integrity only; trust and expiry are in its verdict
//! let overwrite = Overwrite::of(&installed).target(Os::ios(17)).build()?; // `changes()` tells what differs
//! let freeing = identity.sign(&overwrite)?; // refuses another leaf than the installed profile's
//! # assert!(installed.verdict().is_good());
//! # assert_eq!(roots.verify(&freeing)?.profile().identifier(), "jp.example.ivi-mdm");
//! # assert_eq!(roots.verify(&freeing)?.profile().removal(), Removal::Allowed);
//! # Ok::<(), profile_kit::Error>(())
//! ```
//!
//! # Where to look
//! | job | door |
//! | --- | --- |
//! | describe a profile for people | [`spec`], [`Template`] |
//! | fill one template for many devices | [`template::Cut`] |
//! | build one in code | [`Profile`], [`Payload`], the typed payloads in [`payload`], [`Removal`] |
//! | read and write its bytes | [`Profile::from_bytes`], [`Profile::to_xml`], [`document`] |
//! | sign | [`Identity`], [`SignOptions`], [`Signer`] |
//! | verify | [`TrustStore`], [`SignedProfile`], [`VerifiedProfile`], [`verify`] |
//! | free a device | [`Overwrite`] |
//! | do it for many devices | [`batch`] |
//! | hide the payloads | [`encrypt`] |
//! | ask what a device does | [`device`], [`Policies`] |
//! | walk through the whole procedure | [`simulate`] |
//! | ask whether an overwrite frees | [`preflight`] |
//! | ask what is wrong | [`check`], [`Inspection`], [`diff`] |
//! | look up a payload type or a key | [`schema`] |
//!
//! Trust is a type: a [`Profile`] is data, a [`SignedProfile`] is bytes that carry a signature, and only verifying makes
//! a [`VerifiedProfile`]. Facts about devices are cited by the numbers of the project's own list: R… about replacement,
//! L… about removal; `(1002)` and the like are the error codes of devices.
//!
//! # Features
//! `cli` (default) builds the program of the same name, and is of no use to a library's user: `default-features = false`
//! leaves its dependencies out. `vendored` (default) builds OpenSSL from source, for everything in the same build that
//! links it; without it the system's OpenSSL 3 is linked, and before 3.2 ECDSA signatures differ each time
//! ([`sign::deterministic_ecdsa`]).

mod ber;
mod certificate;
mod device_error;
mod error;
mod fact;
mod file;
mod finding;
mod key_path;
mod os;
mod sha256;

pub mod batch;
pub mod check;
pub mod device;
pub mod diff;
pub mod document;
pub mod encrypt;
pub mod identity;
pub mod inspect;
pub mod overwrite;
pub mod payload;
pub mod pki;
pub mod policy;
pub mod preflight;
pub mod profile;
pub mod redact;
pub mod removal;
pub mod schema;
pub mod sign;
mod signed;
pub mod simulate;
pub mod spec;
mod target;
pub mod template;
mod trust;
mod uuids;
mod verdict;
pub mod verify;

pub use certificate::{Certificate, KeyKind};
pub use device::{Arrival, Device};
pub use device_error::{DeviceError, Domain};
pub use encrypt::ContentCipher;
pub use error::{Error, Form, Place, Result, Source};
pub use fact::Fact;
pub use identity::{Identity, IdentityFault, IdentityFiles, IdentityWarning, Passphrase, Pkcs12File};
pub use inspect::{Inspection, Inspector};
pub use key_path::{KeyPath, Step};
pub use os::{InvalidVersion, Os, OsVersion, Platform, UnknownPlatform};
pub use overwrite::Overwrite;
pub use payload::Payload;
/// The property lists that values of profiles are made of: the same version.
pub use plist;
pub use policy::{Policies, Policy};
pub use profile::Profile;
pub use removal::{PasswordForm, Removal};
pub use sign::{Content, Digest, EncodedProfile, SignOptions, Signable, Signer};
pub use signed::{SignedProfile, VerifiedProfile};
pub use target::{Enrolment, InstalledBy, Target};
pub use template::Template;
pub use trust::{At, Purpose, Trust, TrustStore, Validity};
pub use uuids::UuidSource;
pub use verdict::Verdict;

// The README's example compiles, too.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
