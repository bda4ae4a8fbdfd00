//! What one placeholder takes.

use std::{borrow::Cow, fmt};

use base64::{Engine, engine::general_purpose::STANDARD};
use plist::{Date, Value};
use regex_lite::{Regex, RegexBuilder};
use serde::Deserialize;
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use super::{PlaceholderFault, PlaceholderProblem};
use crate::error::one_line;

/// The type of the value that a placeholder becomes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Any text.
    #[default]
    String,
    /// A whole number from -2^63 to 2^64-1, decimal.
    Integer,
    /// A number with a point.
    Real,
    /// `true` or `false`.
    Boolean,
    /// A moment as RFC 3339 writes it, whole seconds.
    Date,
    /// Bytes in base64 (RFC 4648 §4).
    Data,
}

/// A declared placeholder.
#[derive(Clone, Default)]
pub struct Placeholder {
    /// The type of its value.
    pub kind: Kind,
    /// The value where none is given, as text of its kind.
    pub default: Option<String>,
    /// A regular expression that the whole text has to match.
    pub pattern: Option<Pattern>,
    /// Whether its values must not be shown.
    pub secret: bool,
}

/// A secret default shows as `[redacted]`.
impl fmt::Debug for Placeholder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let default = self.default.as_deref().map(|text| if self.secret { "[redacted]" } else { text });
        let pattern = self.pattern.as_ref().map(|pattern| pattern.text.as_str());
        f.debug_struct("Placeholder")
            .field("kind", &self.kind)
            .field("default", &default)
            .field("pattern", &pattern)
            .field("secret", &self.secret)
            .finish()
    }
}

/// A regular expression for a whole value.
#[derive(Clone, Debug)]
pub struct Pattern {
    text: String,
    regex: Regex,
}

impl Pattern {
    /// Compiles an expression in the syntax of the `regex` crates, anchored at both ends. Its size is bounded, and no
    /// value over 4096 bytes matches.
    ///
    /// # Errors
    /// What is wrong with the expression, in one line.
    pub fn new(text: &str) -> Result<Self, String> {
        let compile = |text: &str| RegexBuilder::new(text).size_limit(LARGEST_PATTERN).build();
        // By itself first: `a)|(?:b` would slip out of the brackets.
        let regex = compile(text).and_then(|_| compile(&format!("^(?:{text})$")));
        Ok(Self { text: text.to_owned(), regex: regex.map_err(|cause| one_line(&cause.to_string()))? })
    }
}

impl Placeholder {
    /// The value for a text, or for the default where none is given; `name` is for the problem only.
    ///
    /// # Errors
    /// What is wrong with it; a secret text is not in it.
    pub fn value(&self, name: &str, given: Option<&str>) -> Result<Value, PlaceholderProblem> {
        let wrong = |fault| PlaceholderProblem::new(name, fault);
        let text = given.or(self.default.as_deref()).ok_or_else(|| wrong(PlaceholderFault::NoValue))?;
        let shown = || (!self.secret).then(|| text.to_owned());
        if let Some(pattern) = &self.pattern
            && (text.len() > LONGEST_MATCHED || !pattern.regex.is_match(text))
        {
            let fault = PlaceholderFault::NoMatch { pattern: one_line(&pattern.text) };
            return Err(PlaceholderProblem { value: shown(), ..wrong(fault) });
        }
        let kind = self.kind;
        kind.read(text)
            .ok_or_else(|| PlaceholderProblem { value: shown(), ..wrong(PlaceholderFault::WrongKind { kind }) })
    }
}

impl Placeholder {
    /// Whether the default, if there is one, is of the kind and the pattern.
    pub(crate) fn check_default(&self, name: &str) -> Result<(), PlaceholderProblem> {
        self.default.as_deref().map_or(Ok(()), |_| self.value(name, None).map(drop))
    }
}

impl Kind {
    /// Some value of it.
    pub(super) fn sample(self) -> &'static str {
        match self {
            Kind::String => "sample",
            Kind::Integer => "1",
            Kind::Real => "0.5",
            Kind::Boolean => "true",
            Kind::Date => "2030-01-01T00:00:00Z",
            Kind::Data => "c2FtcGxl",
        }
    }

    fn read(self, text: &str) -> Option<Value> {
        match self {
            Kind::String => Some(Value::String(text.to_owned())),
            Kind::Integer => {
                let signed = text.parse::<i64>().map(|number| Value::Integer(number.into()));
                signed.or_else(|_| text.parse::<u64>().map(|number| Value::Integer(number.into()))).ok()
            }
            Kind::Real => text.parse::<f64>().ok().filter(|number| number.is_finite()).map(Value::Real),
            Kind::Boolean => text.parse().ok().map(Value::Boolean),
            Kind::Date => date(text).map(Value::Date),
            Kind::Data => STANDARD.decode(text).ok().map(Value::Data),
        }
    }
}

/// With its article, to end a sentence.
impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Kind::String => "a string",
            Kind::Integer => "an integer from -2^63 to 2^64-1",
            Kind::Real => "a finite number",
            Kind::Boolean => "a boolean: true or false",
            Kind::Date => "a date: RFC 3339, years 1 to 9999, whole seconds",
            Kind::Data => "data in base64",
        })
    }
}

/// A moment of RFC 3339 as a property list can hold it: whole seconds, UTC, years 1 to 9999.
pub(crate) fn date(text: &str) -> Option<Date> {
    let moment = OffsetDateTime::parse(text, &Rfc3339).ok()?.checked_to_utc()?;
    let fits = moment.nanosecond() == 0 && (1..=9999).contains(&moment.year());
    fits.then(|| Date::from(std::time::SystemTime::from(moment)))
}

/// A value as text inside a longer string.
pub(super) fn text(value: &Value) -> Cow<'_, str> {
    match value {
        Value::String(text) => Cow::Borrowed(text),
        Value::Integer(number) => number.to_string().into(),
        Value::Real(number) => number.to_string().into(),
        Value::Boolean(flag) => flag.to_string().into(),
        Value::Date(date) => date.to_xml_format().into(),
        Value::Data(bytes) => STANDARD.encode(bytes).into(),
        other => unreachable!("no placeholder becomes {other:?}"),
    }
}

/// So that a value is matched in an instant, whatever the pattern.
const LARGEST_PATTERN: usize = 64 << 10;
/// A value with a pattern is a name, a number, an address: bytes.
const LONGEST_MATCHED: usize = 4096;
