//! A SHA-256 digest, or an HMAC-SHA-256 code of the same length.

use std::{fmt, str::FromStr};

use openssl::{memcmp, sha::Sha256};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

/// 32 bytes that stand for others. As text: 64 hexadecimal digits, small letters.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Digest(pub [u8; 32]);

impl Digest {
    /// SHA-256, FIPS 180-4.
    pub fn of(bytes: &[u8]) -> Self {
        // Not by the function for a whole text, which looks the algorithm up each time.
        let mut hash = Sha256::new();
        hash.update(bytes);
        Self(hash.finish())
    }

    /// The digest of several parts, each bounded by its length, so that no two lists of parts give the same.
    pub fn of_parts(parts: &[&[u8]]) -> Self {
        let mut whole = Vec::new();
        for part in parts {
            whole.extend_from_slice(&(part.len() as u64).to_be_bytes());
            whole.extend_from_slice(part);
        }
        Self::of(&whole)
    }

    /// Its bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Whether it is the same as another, in a time that does not tell where they differ.
    pub fn matches(&self, other: &Digest) -> bool {
        memcmp::eq(&self.0, &other.0)
    }

    /// HMAC-SHA-256, RFC 2104: who lacks the key cannot try out guesses of short inputs.
    pub fn keyed(key: &[u8; 32], bytes: &[u8]) -> Self {
        Mac::new(key).code(&[bytes])
    }
}

/// A key for HMAC-SHA-256 (RFC 2104), made ready. OpenSSL's own HMAC looks both algorithms up for each code, which
/// takes longer than the code; its SHA-256 does not. What it keeps is as secret as the key, and not wiped.
#[derive(Clone)]
pub(crate) struct Mac {
    inner: Sha256,
    outer: Sha256,
}

impl Mac {
    pub(crate) fn new(key: &[u8; 32]) -> Self {
        let begun = |pad| {
            let mut block = Zeroizing::new([pad; BLOCK]);
            block.iter_mut().zip(key).for_each(|(byte, key)| *byte ^= key);
            let mut hash = Sha256::new();
            hash.update(&*block);
            hash
        };
        Self { inner: begun(0x36), outer: begun(0x5c) }
    }

    /// The code of parts, as if they were one.
    pub(crate) fn code(&self, parts: &[&[u8]]) -> Digest {
        let (mut inner, mut outer) = (self.inner.clone(), self.outer.clone());
        parts.iter().for_each(|part| inner.update(part));
        outer.update(&inner.finish());
        Digest(outer.finish())
    }
}

/// The bytes that SHA-256 takes at once.
const BLOCK: usize = 64;

impl From<[u8; 32]> for Digest {
    fn from(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut digits = [0; 64];
        for (pair, byte) in digits.chunks_exact_mut(2).zip(self.0) {
            pair.copy_from_slice(&[digit(byte >> 4), digit(byte & 15)]);
        }
        f.write_str(str::from_utf8(&digits).expect("digits are ASCII"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Digest({self})")
    }
}

impl From<Digest> for String {
    fn from(digest: Digest) -> Self {
        digest.to_string()
    }
}

impl TryFrom<String> for Digest {
    type Error = InvalidDigest;

    fn try_from(text: String) -> Result<Self, InvalidDigest> {
        text.parse()
    }
}

/// Reads 64 hexadecimal digits of either case.
impl FromStr for Digest {
    type Err = InvalidDigest;

    fn from_str(text: &str) -> Result<Self, InvalidDigest> {
        let bytes = from_hex(&text.to_ascii_lowercase()).ok_or(InvalidDigest)?;
        Ok(Self(bytes.try_into().map_err(|_| InvalidDigest)?))
    }
}

/// The text is not 64 hexadecimal digits. The text itself is not shown: it may be a secret in the wrong place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("is not a SHA-256 digest: 64 hexadecimal digits")]
pub struct InvalidDigest;

/// Bytes as hexadecimal digits, small letters.
pub(crate) fn to_hex(bytes: &[u8]) -> String {
    bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]).map(|nibble| char::from(digit(nibble))).collect()
}

fn digit(nibble: u8) -> u8 {
    b"0123456789abcdef"[usize::from(nibble)]
}

/// The bytes of hexadecimal digits; small letters only, so that bytes have one text.
pub(crate) fn from_hex(text: &str) -> Option<Vec<u8>> {
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    let pairs = pairs.iter().map(|[high, low]| Some(nibble(*high)? << 4 | nibble(*low)?));
    rest.is_empty().then(|| pairs.collect()).flatten()
}

fn nibble(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use openssl::{hash::MessageDigest, pkey::PKey, sign::Signer};

    use super::*;

    #[test]
    fn agrees_with_the_standard_about_sha_256() {
        let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(Digest::of(b"abc").to_string(), abc);
        assert_eq!(abc.parse(), Ok(Digest::of(b"abc")));
        assert_eq!(abc.to_uppercase().parse(), Ok(Digest::of(b"abc")));
    }

    #[test]
    fn parts_do_not_run_into_each_other() {
        assert_ne!(Digest::of_parts(&[b"ab", b"c"]), Digest::of_parts(&[b"a", b"bc"]));
    }

    #[test]
    fn matches_only_itself() {
        assert!(Digest::of(b"a").matches(&Digest::of(b"a")));
        assert!(!Digest::of(b"a").matches(&Digest::of(b"b")));
    }

    #[test]
    fn agrees_with_the_standard_and_with_openssl_about_hmac() {
        // RFC 4231, cases 1 and 2: a shorter key is filled up with zeros.
        for (key, text, code) in [
            (&[0x0b; 20][..], "Hi There", "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"),
            (
                b"Jefe",
                "what do ya want for nothing?",
                "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
            ),
        ] {
            let mut filled = [0; 32];
            filled[..key.len()].copy_from_slice(key);
            assert_eq!(Digest::keyed(&filled, text.as_bytes()).to_string(), code);
        }
        for length in 0..200 {
            let (key, bytes) = ([length; 32], vec![length ^ 1; length.into()]);
            let hmac = PKey::hmac(&key).unwrap();
            let theirs = Signer::new(MessageDigest::sha256(), &hmac).unwrap().sign_oneshot_to_vec(&bytes).unwrap();
            assert_eq!(Digest::keyed(&key, &bytes).as_bytes(), &theirs[..]);
            let (start, end) = bytes.split_at(bytes.len() / 2);
            assert_eq!(Mac::new(&key).code(&[start, end]).as_bytes(), &theirs[..]);
        }
    }

    #[test]
    fn gives_another_code_under_another_key() {
        assert_ne!(Digest::keyed(&[1; 32], b"1234"), Digest::keyed(&[2; 32], b"1234"));
        assert_eq!(Digest::keyed(&[1; 32], b"1234"), Digest::keyed(&[1; 32], b"1234"));
    }

    #[test]
    fn refuses_text_that_is_no_digest() {
        for text in ["", "00", &"0".repeat(63), &"0".repeat(66), &"g".repeat(64), &"é".repeat(32)] {
            assert_eq!(text.parse::<Digest>(), Err(InvalidDigest), "{text}");
        }
    }
}
