//! The name by which a caller calls a device.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// A device's name: 1 to 128 of `A` to `Z`, `a` to `z`, `0` to `9`, `.`, `_` and `-`.
///
/// It means nothing to the daemon: a UDID, a serial number or the MDM core's own number all do. Capital and small
/// letters differ.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct DeviceId(String);

impl DeviceId {
    /// The name's longest form, in characters.
    pub const LONGEST: usize = 128;

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for DeviceId {
    type Err = InvalidDeviceId;

    fn from_str(text: &str) -> Result<Self, InvalidDeviceId> {
        Self::try_from(text.to_owned())
    }
}

impl TryFrom<String> for DeviceId {
    type Error = InvalidDeviceId;

    fn try_from(text: String) -> Result<Self, InvalidDeviceId> {
        if text.is_empty() {
            return Err(InvalidDeviceId::Empty);
        }
        if let Some((at, _)) = text.chars().enumerate().find(|(_, c)| !allowed(*c)) {
            return Err(InvalidDeviceId::Character { at: at + 1 });
        }
        match text.len() {
            length if length > Self::LONGEST => Err(InvalidDeviceId::TooLong { length }),
            _ => Ok(Self(text)),
        }
    }
}

impl From<DeviceId> for String {
    fn from(id: DeviceId) -> Self {
        id.0
    }
}

impl fmt::Display for DeviceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Why a text names no device. It does not repeat the text, which may be anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidDeviceId {
    /// There is nothing.
    #[error("the device's name is empty")]
    Empty,
    /// A character that no name has.
    #[error("the device's name has another character than A-Z, a-z, 0-9, \".\", \"_\" and \"-\" at place {at}")]
    Character {
        /// Which, counted from 1.
        at: usize,
    },
    /// More characters than a name has.
    #[error("the device's name has {length} characters, more than {}", DeviceId::LONGEST)]
    TooLong {
        /// How many.
        length: usize,
    },
}

fn allowed(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(text: &str) -> InvalidDeviceId {
        text.parse::<DeviceId>().unwrap_err()
    }

    #[test]
    fn takes_every_allowed_character() {
        let text = "ABCXYZabcxyz0189._-";
        assert_eq!(text.parse::<DeviceId>().unwrap().as_str(), text);
    }

    #[test]
    fn takes_128_characters_and_refuses_129() {
        assert!("a".repeat(128).parse::<DeviceId>().is_ok());
        assert_eq!(refusal(&"a".repeat(129)), InvalidDeviceId::TooLong { length: 129 });
    }

    #[test]
    fn refuses_an_empty_name() {
        assert_eq!(refusal(""), InvalidDeviceId::Empty);
    }

    #[test]
    fn says_where_another_character_stands() {
        for (text, at) in [("a/b", 2), ("ü", 1), ("ab ", 3), ("a\nb", 2), ("%2e", 1)] {
            assert_eq!(refusal(text), InvalidDeviceId::Character { at }, "{text:?}");
        }
    }

    #[test]
    fn is_checked_when_it_is_read_from_json() {
        assert!(serde_json::from_str::<DeviceId>("\"C02-1.x_y\"").is_ok());
        assert!(serde_json::from_str::<DeviceId>("\"../x\"").is_err());
    }
}
