//! Text and bytes that are not shown.

use std::fmt;

use plist::Value;
use zeroize::Zeroize;

use super::field::{Field, Kind, wrong_kind};
use crate::{KeyPath, Result};

/// A password, a challenge, a token.
///
/// It prints as `[redacted]` and is overwritten in memory when it is dropped; the property list that it came from
/// and the one that it is written to hold it in the clear.
///
/// ```
/// use profile_kit::payload::Secret;
///
/// let password = Secret::from("correct horse");
/// assert_eq!(format!("{password:?}"), "[redacted]");
/// assert_eq!(password.expose(), "correct horse");
/// ```
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Secret(String);

impl Secret {
    /// The text itself.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

/// Bytes that are a key, or hold one; otherwise as [`Secret`].
#[derive(Clone, PartialEq, Eq, Default)]
pub struct SecretData(Vec<u8>);

impl SecretData {
    /// The bytes themselves.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }
}

impl From<&str> for Secret {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl From<&[u8]> for SecretData {
    fn from(bytes: &[u8]) -> Self {
        Self(bytes.to_vec())
    }
}

impl From<Vec<u8>> for SecretData {
    fn from(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(REDACTED)
    }
}

impl fmt::Debug for SecretData {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(REDACTED)
    }
}

impl Drop for Secret {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl Drop for SecretData {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl Field for Secret {
    const KIND: Kind = Kind::String;
    const SECRET: bool = true;

    fn read(value: &Value, at: &KeyPath) -> Result<Self> {
        value.as_string().map(Self::from).ok_or_else(|| wrong_kind(value, Self::KIND, at))
    }

    fn write(mut self) -> Value {
        Value::String(std::mem::take(&mut self.0))
    }

    fn show(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

impl Field for SecretData {
    const KIND: Kind = Kind::Data;
    const SECRET: bool = true;

    fn read(value: &Value, at: &KeyPath) -> Result<Self> {
        value.as_data().map(Self::from).ok_or_else(|| wrong_kind(value, Self::KIND, at))
    }

    fn write(mut self) -> Value {
        Value::Data(std::mem::take(&mut self.0))
    }

    fn show(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

const REDACTED: &str = "[redacted]";

#[cfg(test)]
mod tests {

    use super::*;

    #[test]
    fn neither_text_nor_bytes_show_in_debug() {
        let shown = format!("{:?} {:?}", Secret::from("horse"), SecretData::from(&b"horse"[..]));
        assert_eq!(shown, "[redacted] [redacted]");
    }

    #[test]
    fn the_refusal_of_a_secret_does_not_hold_it() {
        let at = KeyPath::root().key("SharedSecret");
        let problem = SecretData::read(&Value::String("horse".into()), &at).unwrap_err();
        assert_eq!(problem.to_string(), "SharedSecret: is a string, not data");
    }
}
