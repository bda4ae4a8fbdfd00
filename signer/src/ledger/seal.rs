//! The seal of what must not be readable in the ledger's file: AES-256-GCM (NIST SP 800-38D) under a key from outside.

use std::fmt;

use openssl::{
    rand::rand_bytes,
    symm::{Cipher, decrypt_aead, encrypt_aead},
};
use zeroize::Zeroizing;

use super::{Error, Result};
use crate::digest::{Digest, Mac, to_hex};

/// The ledger's key: 32 bytes that are not in the ledger. The keys for sealing and for digests of short secrets are
/// derived from it.
#[derive(Clone)]
pub struct LedgerKey {
    id: String,
    sealing: Zeroizing<[u8; 32]>,
    digesting: Mac,
}

impl LedgerKey {
    /// The key of these bytes, which have to be random.
    pub fn new(bytes: &[u8; 32]) -> Self {
        let derived = |purpose: &[u8]| Digest::keyed(bytes, purpose).0;
        Self {
            id: to_hex(&derived(b"ledger key: name")[..8]),
            sealing: Zeroizing::new(derived(b"ledger key: seal")),
            digesting: Mac::new(&Zeroizing::new(derived(b"ledger key: digest"))),
        }
    }

    /// The key of two: one seals, the other is for digests of short secrets. Both have to be random, and both decide the
    /// key's name: with another one of either, nothing opens by mistake.
    pub fn of(seal: &[u8; 32], digests: &[u8; 32]) -> Self {
        let digesting = Zeroizing::new(Digest::keyed(digests, b"ledger key: digest").0);
        let id = Digest::keyed(seal, &[&b"ledger key: name of two"[..], &*digesting].concat());
        Self { id: to_hex(&id.0[..8]), digesting: Mac::new(&digesting), ..Self::new(seal) }
    }

    /// Its name, which the ledger keeps beside everything that it sealed. It tells nothing of the key.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// HMAC-SHA-256 of bytes for one purpose.
    pub(super) fn digest(&self, purpose: &str, bytes: &[u8]) -> Digest {
        self.digesting.code(&[purpose.as_bytes(), b"\0", bytes])
    }

    fn seal(&self, place: &[u8], bytes: &[u8]) -> Sealed {
        let (mut nonce, mut tag) = ([0; NONCE], [0; TAG]);
        let body = rand_bytes(&mut nonce)
            .and_then(|()| encrypt_aead(Cipher::aes_256_gcm(), &*self.sealing, Some(&nonce), place, bytes, &mut tag))
            .expect("AES-256-GCM takes any bytes");
        Sealed { key: self.id.clone(), body: [&nonce[..], &body, &tag].concat() }
    }

    fn open(&self, place: &[u8], body: &[u8]) -> Option<Vec<u8>> {
        let (nonce, rest) = body.split_at_checked(NONCE)?;
        let (body, tag) = rest.split_at_checked(rest.len().checked_sub(TAG)?)?;
        decrypt_aead(Cipher::aes_256_gcm(), &*self.sealing, Some(nonce), place, body, tag).ok()
    }
}

impl fmt::Debug for LedgerKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LedgerKey({}, [redacted])", self.id)
    }
}

/// The key that seals, and those that sealed before and open still.
#[derive(Clone, Debug)]
pub struct LedgerKeys {
    /// Seals and digests.
    pub active: LedgerKey,
    /// Open what they sealed.
    pub former: Vec<LedgerKey>,
}

impl LedgerKeys {
    /// One key and no former ones.
    pub fn new(active: LedgerKey) -> Self {
        Self { active, former: Vec::new() }
    }

    /// Seals bytes for one place in the ledger: moved elsewhere, they do not open.
    pub(super) fn seal(&self, place: &Place, bytes: &[u8]) -> Sealed {
        self.active.seal(&place.bytes(), bytes)
    }

    /// Opens what was sealed for this place.
    pub(super) fn open(&self, place: &Place, sealed: &Sealed) -> Result<Vec<u8>> {
        let key = self.all().find(|key| key.id == sealed.key);
        let key = key.ok_or_else(|| Error::UnknownKey { id: sealed.key.clone() })?;
        key.open(&place.bytes(), &sealed.body).ok_or_else(|| Error::Damaged { what: place.to_string() })
    }

    /// Whether a digest is the one of these bytes under any of the keys.
    pub(super) fn digest_is(&self, purpose: &str, bytes: &[u8], digest: Digest) -> bool {
        self.all().any(|key| openssl::memcmp::eq(&key.digest(purpose, bytes).0, &digest.0))
    }

    /// Whether a key of this name is among them.
    pub fn has(&self, id: &str) -> bool {
        self.all().any(|key| key.id == id)
    }

    fn all(&self) -> impl Iterator<Item = &LedgerKey> {
        std::iter::once(&self.active).chain(&self.former)
    }
}

/// Sealed bytes: nonce, ciphertext, tag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Sealed {
    /// The key's name.
    pub(super) key: String,
    /// Nonce (12 bytes), ciphertext, tag (16 bytes).
    pub(super) body: Vec<u8>,
}

/// What is sealed: it is authenticated with the bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// The signed bytes of the issuance or observation of this name.
    Profile(uuid::Uuid),
    /// The answer to a caller's request with this key.
    Answer { caller: String, key: String },
}

impl Place {
    fn bytes(&self) -> Vec<u8> {
        match self {
            Self::Profile(id) => [&b"profile\0"[..], id.as_bytes()].concat(),
            Self::Answer { caller, key } => {
                [b"answer\0", &(caller.len() as u64).to_be_bytes()[..], caller.as_bytes(), key.as_bytes()].concat()
            }
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Profile(id) => write!(f, "the signed bytes of {id}"),
            Self::Answer { caller, .. } => write!(f, "an answer to {caller}"),
        }
    }
}

const NONCE: usize = 12;
const TAG: usize = 16;

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn keys(byte: u8) -> LedgerKeys {
        LedgerKeys::new(LedgerKey::new(&[byte; 32]))
    }

    const HERE: Place = Place::Profile(Uuid::from_u128(1));

    #[test]
    fn opens_what_it_sealed() {
        let sealed = keys(1).seal(&HERE, b"secret");
        assert_eq!(keys(1).open(&HERE, &sealed).unwrap(), b"secret");
    }

    #[test]
    fn refuses_what_was_sealed_for_another_place() {
        let sealed = keys(1).seal(&HERE, b"secret");
        let there = Place::Profile(Uuid::from_u128(2));
        assert!(matches!(keys(1).open(&there, &sealed), Err(Error::Damaged { .. })));
    }

    #[test]
    fn refuses_every_changed_byte_and_length() {
        let sealed = keys(1).seal(&HERE, b"secret");
        for place in 0..sealed.body.len() {
            let mut changed = sealed.clone();
            changed.body[place] ^= 1;
            assert!(keys(1).open(&HERE, &changed).is_err(), "byte {place}");
            let cut = Sealed { body: sealed.body[..place].to_vec(), ..sealed.clone() };
            assert!(keys(1).open(&HERE, &cut).is_err(), "length {place}");
        }
    }

    #[test]
    fn names_the_key_that_it_lacks() {
        let sealed = keys(1).seal(&HERE, b"secret");
        let id = LedgerKey::new(&[1; 32]).id().to_owned();
        assert!(matches!(keys(2).open(&HERE, &sealed), Err(Error::UnknownKey { id: named }) if named == id));
    }

    #[test]
    fn a_key_of_two_is_another_one_with_another_of_either() {
        let ids = [(1, 2), (1, 3), (3, 2), (2, 1)].map(|(seal, digests)| LedgerKey::of(&[seal; 32], &[digests; 32]).id);
        let distinct: std::collections::BTreeSet<_> = ids.iter().collect();
        assert_eq!(distinct.len(), ids.len());
        let digest = |digests| LedgerKey::of(&[1; 32], &[digests; 32]).digest("parameters", b"0000");
        assert_ne!(digest(2), digest(3));
    }

    #[test]
    fn opens_with_a_former_key() {
        let (sealed, mut keys_now) = (keys(1).seal(&HERE, b"secret"), keys(2));
        keys_now.former.push(LedgerKey::new(&[1; 32]));
        assert_eq!(keys_now.open(&HERE, &sealed).unwrap(), b"secret");
    }

    #[test]
    fn seals_the_same_bytes_differently_each_time() {
        assert_ne!(keys(1).seal(&HERE, b"secret"), keys(1).seal(&HERE, b"secret"));
    }

    #[test]
    fn does_not_show_the_key() {
        let shown = format!("{:?}", keys(0xab));
        assert!(shown.contains("[redacted]") && !shown.contains("171"));
    }
}
