//! One PKI for all tests of the crate, made once: keys cost time.

use std::{
    sync::LazyLock,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use openssl::{
    hash::MessageDigest,
    pkey::{PKey, Private},
    x509::X509Builder,
};

use super::{Authority, Issued, KeySpec, Leaf, Validity, generate};
use crate::{Certificate, Identity};

/// 1 January 2030, in the middle of [`validity`].
pub(crate) fn midway() -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(1_893_456_000)
}

/// 2020 to 2040.
pub(crate) fn validity() -> Validity {
    Validity::days(UNIX_EPOCH + Duration::from_secs(1_577_836_800), 7_305)
}

pub(crate) fn leaf(name: &str, key: KeySpec) -> Leaf {
    Leaf::new(name, key, validity())
}

pub(crate) static ROOT: LazyLock<Authority> =
    LazyLock::new(|| Authority::new("Test Root", KeySpec::P256, validity()).unwrap());

pub(crate) static INTERMEDIATE: LazyLock<Authority> =
    LazyLock::new(|| ROOT.intermediate("Test Intermediate", KeySpec::P256, validity()).unwrap());

pub(crate) static RSA: LazyLock<Issued> = LazyLock::new(|| issue("RSA signer", KeySpec::Rsa(2048)));
pub(crate) static P256: LazyLock<Issued> = LazyLock::new(|| issue("P-256 signer", KeySpec::P256));
pub(crate) static P384: LazyLock<Issued> = LazyLock::new(|| issue("P-384 signer", KeySpec::P384));

fn issue(name: &str, key: KeySpec) -> Issued {
    INTERMEDIATE.issue(&leaf(name, key)).unwrap()
}

/// Issuer, serial number and subject of a certificate, with another key that signed it itself.
pub(crate) fn forged(of: &Issued, key: KeySpec) -> Issued {
    let (model, key) = (of.certificate.x509(), generate(key).unwrap());
    let mut builder = X509Builder::new().unwrap();
    builder.set_serial_number(model.serial_number()).unwrap();
    builder.set_issuer_name(model.issuer_name()).unwrap();
    builder.set_subject_name(model.subject_name()).unwrap();
    builder.set_not_before(model.not_before()).unwrap();
    builder.set_not_after(model.not_after()).unwrap();
    builder.set_pubkey(&key).unwrap();
    builder.sign(&key, MessageDigest::sha256()).unwrap();
    Issued { certificate: Certificate::from_x509(builder.build()).unwrap(), key, chain: Vec::new() }
}

/// An identity of a given key.
pub(crate) fn identity_of(key: PKey<Private>) -> Identity {
    INTERMEDIATE.certify(&leaf("Given key", KeySpec::P256), key).unwrap().identity().unwrap()
}
