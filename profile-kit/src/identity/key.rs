//! A private key, read and judged.

use openssl::{
    error::ErrorStack,
    pkey::{PKey, Private},
    provider::Provider,
};

use super::{IdentityFault, Passphrase, problem};
use crate::{Error, KeyKind, Result, error::openssl};

/// Reads the one private key of a PEM file: PKCS#8, or the older forms with the algorithm in their name.
/// `None` where it is encrypted and no passphrase is given.
pub(super) fn from_pem(pem: &[u8], passphrase: Option<&Passphrase>) -> Result<Option<PKey<Private>>> {
    match private_keys(pem) {
        1 => {}
        0 => return Err(problem(IdentityFault::Unreadable, "no private key in PEM form")),
        many => return Err(problem(IdentityFault::Unreadable, format!("{many} private keys, and one is needed"))),
    }
    let mut encrypted = false;
    let read = with_legacy(|| {
        PKey::private_key_from_pem_callback(pem, |buffer| {
            encrypted = true;
            Ok(passphrase.map_or(0, |passphrase| fill(buffer, passphrase)))
        })
    });
    let (fault, problem, cause) = match read {
        _ if encrypted && passphrase.is_none() => return Ok(None),
        Ok(key) => return Ok(Some(key)),
        Err(cause) => match unsupported(&cause) {
            Some(algorithm) => (IdentityFault::Unreadable, unreadable_key(&algorithm), Some(cause)),
            None if encrypted => {
                (IdentityFault::WrongPassphrase, "the passphrase does not open the private key".to_owned(), None)
            }
            None => (IdentityFault::Unreadable, "the private key cannot be read".to_owned(), Some(cause)),
        },
    };
    Err(Error::Identity { fault, problem, source: cause.map(openssl) })
}

fn private_keys(pem: &[u8]) -> usize {
    pem.split(|byte| matches!(byte, b'\n' | b'\r'))
        .map(<[u8]>::trim_ascii)
        .filter(|line| line.starts_with(b"-----BEGIN ") && line.ends_with(b"PRIVATE KEY-----"))
        .count()
}

/// A passphrase that is longer than OpenSSL's buffer opens nothing.
fn fill(buffer: &mut [u8], passphrase: &Passphrase) -> usize {
    let bytes = passphrase.as_bytes();
    let Some(place) = buffer.get_mut(..bytes.len()) else { return 0 };
    place.copy_from_slice(bytes);
    bytes.len()
}

/// Tries again with OpenSSL's legacy algorithms where the first try lacked one; they go away after it.
pub(super) fn with_legacy<T>(mut read: impl FnMut() -> Result<T, ErrorStack>) -> Result<T, ErrorStack> {
    let first = read();
    let Err(cause) = &first else { return first };
    if unsupported(cause).is_none() {
        return first;
    }
    match Provider::try_load(None, "legacy", true) {
        Ok(_legacy) => read(),
        Err(_) => first,
    }
}

/// The algorithm that OpenSSL does not have, where that is why it failed.
pub(super) fn unsupported(cause: &ErrorStack) -> Option<String> {
    cause.errors().iter().find_map(|error| {
        let (_, rest) = error.data()?.split_once("Algorithm (")?;
        Some(rest.split([' ', ')']).next()?.to_owned())
    })
}

fn unreadable_key(algorithm: &str) -> String {
    format!(
        "the private key is encrypted with {algorithm}, which this OpenSSL does not read: \
         convert it with `openssl pkey -aes256 -in OLD -out NEW`"
    )
}

/// Refuses a key that devices may not take.
pub(super) fn usable(kind: &KeyKind) -> Result<()> {
    let wanted = match kind {
        KeyKind::Rsa(2048..=4096) => return Ok(()),
        KeyKind::Ec(curve) if CURVES.contains(&curve.as_str()) => return Ok(()),
        KeyKind::Rsa(_) => "RSA keys must have 2048 to 4096 bits",
        _ => "a profile is signed with RSA (2048 to 4096 bits) or ECDSA (P-256, P-384, P-521)",
    };
    Err(problem(IdentityFault::UnusableKey, format!("the key is {kind}: {wanted}")))
}

const CURVES: [&str; 3] = ["prime256v1", "secp384r1", "secp521r1"];
