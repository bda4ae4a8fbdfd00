//! A SHA-256 digest, or an HMAC-SHA-256 code of the same length.

use std::{fmt, str::FromStr};

use openssl::{hash::MessageDigest, memcmp, pkey::PKey, sha, sign::Signer};
use serde::{Deserialize, Serialize};

/// 32 bytes that stand for others. As text: 64 hexadecimal digits, small letters.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Digest(pub [u8; 32]);

impl Digest {
    /// SHA-256, FIPS 180-4.
    pub fn of(bytes: &[u8]) -> Self {
        Self(sha::sha256(bytes))
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
        let code = PKey::hmac(key)
            .and_then(|key| Signer::new(MessageDigest::sha256(), &key)?.sign_oneshot_to_vec(bytes))
            .expect("HMAC takes any key and any bytes");
        Self(code.try_into().expect("an HMAC-SHA-256 has 32 bytes"))
    }
}

impl From<[u8; 32]> for Digest {
    fn from(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
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
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
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
