//! What the schema says of a type or a key, each fact a value.

use std::{fmt, sync::OnceLock};

use plist::Value;
use regex_lite::Regex;

use crate::{OsVersion, Platform};

/// The type of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Type {
    /// `<any>`: every one.
    Any,
    /// `<array>`
    Array,
    /// `<boolean>`
    Boolean,
    /// `<data>`
    Data,
    /// `<date>`
    Date,
    /// `<dictionary>`
    Dictionary,
    /// `<integer>`
    Integer,
    /// `<real>`
    Real,
    /// `<string>`
    String,
}

impl Type {
    pub(super) const ALL: [Self; 9] = [
        Self::Any,
        Self::Array,
        Self::Boolean,
        Self::Data,
        Self::Date,
        Self::Dictionary,
        Self::Integer,
        Self::Real,
        Self::String,
    ];

    /// The type of a value; [`Any`](Type::Any) where Apple's schema has none of this kind.
    pub fn of(value: &Value) -> Self {
        match value {
            Value::Array(_) => Self::Array,
            Value::Boolean(_) => Self::Boolean,
            Value::Data(_) => Self::Data,
            Value::Date(_) => Self::Date,
            Value::Dictionary(_) => Self::Dictionary,
            Value::Integer(_) => Self::Integer,
            Value::Real(_) => Self::Real,
            Value::String(_) => Self::String,
            _ => Self::Any,
        }
    }

    /// Whether a value is of this type.
    pub fn fits(self, value: &Value) -> bool {
        self == Self::Any || self == Self::of(value)
    }

    /// Apple's word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Any => "any",
            Self::Array => "array",
            Self::Boolean => "boolean",
            Self::Data => "data",
            Self::Date => "date",
            Self::Dictionary => "dictionary",
            Self::Integer => "integer",
            Self::Real => "real",
            Self::String => "string",
        }
    }
}

/// Apple's word: `boolean`.
impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// A value that the schema names: allowed, or the default.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Scalar {
    /// `true` or `false`.
    Boolean(bool),
    /// A whole number.
    Integer(i64),
    /// Another number.
    Real(f64),
    /// A text.
    String(&'static str),
}

impl Scalar {
    /// Whether a value is this one. An integer and a real that are equal are the same number.
    pub fn is(self, value: &Value) -> bool {
        match (self, value) {
            (Self::Boolean(flag), Value::Boolean(value)) => flag == *value,
            (Self::Integer(number), Value::Integer(value)) => value.as_signed() == Some(number),
            (Self::Real(number), Value::Real(value)) => number == *value,
            (Self::Real(number), Value::Integer(value)) => {
                value.as_signed().is_some_and(|value| value as f64 == number)
            }
            (Self::Integer(number), Value::Real(value)) => number as f64 == *value,
            (Self::String(text), Value::String(value)) => text == value,
            _ => false,
        }
    }
}

/// As in the table, a text without quotes: `true`, `-1`, `2.5`, `WPA2`.
impl fmt::Display for Scalar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Boolean(flag) => flag.fmt(f),
            Self::Integer(number) => number.fmt(f),
            Self::Real(number) => write!(f, "{number:?}"),
            Self::String(text) => f.write_str(text),
        }
    }
}

/// A lowest and a highest number, both allowed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bounds {
    /// The lowest.
    pub min: Option<f64>,
    /// The highest.
    pub max: Option<f64>,
}

impl Bounds {
    /// Whether a number lies within.
    pub fn contain(&self, number: f64) -> bool {
        self.min.is_none_or(|min| min <= number) && self.max.is_none_or(|max| number <= max)
    }
}

/// `1..180`, `3600..`.
impl fmt::Display for Bounds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(min) = self.min {
            write!(f, "{min}")?;
        }
        f.write_str("..")?;
        self.max.map_or(Ok(()), |max| write!(f, "{max}"))
    }
}

/// What a string has to look like: a regular expression.
pub struct Format {
    /// The expression, as Apple writes it.
    pub pattern: &'static str,
    regex: OnceLock<Option<Regex>>,
}

impl Format {
    pub(super) fn new(pattern: &'static str) -> Self {
        Self { pattern, regex: OnceLock::new() }
    }

    /// Whether a text has the format. Another expression than the common ones is compiled at the first question.
    pub fn matches(&self, text: &str) -> bool {
        match self.pattern {
            HTTPS => text.strip_prefix("https://").is_some_and(|rest| !rest.contains('\n')),
            UUID => is_uuid(text.as_bytes()),
            pattern => {
                let regex = self.regex.get_or_init(|| Regex::new(pattern).ok());
                regex.as_ref().is_none_or(|regex| regex.is_match(text))
            }
        }
    }
}

fn is_uuid(text: &[u8]) -> bool {
    let fits = |(place, byte): (usize, &u8)| match place {
        8 | 13 | 18 | 23 => *byte == b'-',
        _ => byte.is_ascii_alphanumeric(),
    };
    text.len() == 36 && text.iter().enumerate().all(fits)
}

// What most formats are, and what an expression takes longest for.
const HTTPS: &str = "^https://.*$";
const UUID: &str = "^[0-9A-Za-z]{8}-[0-9A-Za-z]{4}-[0-9A-Za-z]{4}-[0-9A-Za-z]{4}-[0-9A-Za-z]{12}$";

/// The expression.
impl fmt::Debug for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.pattern.fmt(f)
    }
}

/// What is said of the systems, those of which something is said.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Systems(pub(super) Box<[(Platform, Support)]>);

impl Systems {
    /// What is said of a platform; of a key only where it differs from what is around it.
    pub fn on(&self, platform: Platform) -> Option<&Support> {
        self.iter().find(|(named, _)| *named == platform).map(|(_, support)| support)
    }

    /// Each platform of which something is said, in Apple's order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (Platform, &Support)> {
        self.0.iter().map(|(platform, support)| (*platform, support))
    }
}

/// What Apple's schema says of one platform. A fact that is `None` is not told: a key has then what is around it has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Support {
    /// Since when it works.
    pub introduced: Option<Introduced>,
    /// Since when it should not be used.
    pub deprecated: Option<OsVersion>,
    /// Since when it does not work any more.
    pub removed: Option<OsVersion>,
    /// Whether a profile or device may have several such payloads.
    pub multiple: Option<bool>,
    /// Whether the device has to be supervised.
    pub supervised: Option<bool>,
    /// `allowmanualinstall`: whether it works in a profile that is installed by hand.
    pub manual_install: Option<bool>,
    /// `devicechannel`: whether MDM may send it to the device (macOS).
    pub device_channel: Option<bool>,
    /// `userchannel`: whether MDM may send it to a user (macOS).
    pub user_channel: Option<bool>,
    /// `requiresdep`: whether the device must have been enrolled automatically.
    pub requires_dep: Option<bool>,
    /// `userapprovedmdm`: whether the user must have approved the MDM.
    pub user_approved_mdm: Option<bool>,
    /// What user enrolment does with it.
    pub user_enrolment: Option<Mode>,
    /// What a Shared iPad does with it.
    pub shared_ipad: Option<Mode>,
    /// Whether MDM may send it to a Shared iPad as a device.
    pub shared_ipad_device_channel: Option<bool>,
    /// Whether MDM may send it to the user of a Shared iPad.
    pub shared_ipad_user_channel: Option<bool>,
}

impl Support {
    /// This, and what is said around it where this says nothing.
    pub fn within(&self, outer: &Self) -> Self {
        Self {
            introduced: self.introduced.or(outer.introduced),
            deprecated: self.deprecated.or(outer.deprecated),
            removed: self.removed.or(outer.removed),
            multiple: self.multiple.or(outer.multiple),
            supervised: self.supervised.or(outer.supervised),
            manual_install: self.manual_install.or(outer.manual_install),
            device_channel: self.device_channel.or(outer.device_channel),
            user_channel: self.user_channel.or(outer.user_channel),
            requires_dep: self.requires_dep.or(outer.requires_dep),
            user_approved_mdm: self.user_approved_mdm.or(outer.user_approved_mdm),
            user_enrolment: self.user_enrolment.or(outer.user_enrolment),
            shared_ipad: self.shared_ipad.or(outer.shared_ipad),
            shared_ipad_device_channel: self.shared_ipad_device_channel.or(outer.shared_ipad_device_channel),
            shared_ipad_user_channel: self.shared_ipad_user_channel.or(outer.shared_ipad_user_channel),
        }
    }
}

/// Since when something works.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Introduced {
    /// `n/a`: it does not.
    Never,
    /// `all`: since ever.
    Always,
    /// Since a version.
    In(OsVersion),
}

/// As Apple writes it: `n/a`, `all`, `10.13.4`.
impl fmt::Display for Introduced {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Never => f.write_str("n/a"),
            Self::Always => f.write_str("all"),
            Self::In(version) => version.fmt(f),
        }
    }
}

/// What a way of enrolment does with something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// It works.
    Allowed,
    /// It is refused.
    Forbidden,
    /// It is passed over.
    Ignored,
    /// It works with this way of enrolment only.
    Required,
}

impl Mode {
    pub(super) const ALL: [Self; 4] = [Self::Allowed, Self::Forbidden, Self::Ignored, Self::Required];

    /// Apple's word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Allowed => "allowed",
            Self::Forbidden => "forbidden",
            Self::Ignored => "ignored",
            Self::Required => "required",
        }
    }
}

/// Apple's word: `forbidden`.
impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn common_formats_match_as_their_expressions_do() {
        let uuid = "0f000000-0000-4000-8000-00000000000Z";
        let texts = ["", "https://", "https://h/\u{e9}", "http://h", " https://h", "https://h\n", "https://h\ni", uuid];
        let more = [&uuid[1..], &uuid.replace('-', "_"), &format!("{uuid}0"), &uuid.replacen('0', "\u{e9}", 1)];
        for pattern in [HTTPS, UUID] {
            let (format, regex) = (Format::new(pattern), Regex::new(pattern).unwrap());
            for text in texts.iter().chain(&more) {
                assert_eq!(format.matches(text), regex.is_match(text), "{pattern} {text:?}");
            }
        }
    }
}
