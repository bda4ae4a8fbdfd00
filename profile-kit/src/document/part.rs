//! A property list put together of what stands in several places.

use plist::{Dictionary, Value};

/// A value that is written or digested where its parts stand, without a copy of them.
pub(crate) enum Part<'a> {
    Value(&'a Value),
    Text(&'a str),
    Array(Vec<Part<'a>>),
    Dictionary(Vec<(&'a str, Part<'a>)>),
}

impl<'a> Part<'a> {
    /// A dictionary as it is.
    pub fn of(dictionary: &'a Dictionary) -> Self {
        Self::Dictionary(parts(dictionary).collect())
    }
}

/// The entries in order, each value a part.
pub(crate) fn parts(dictionary: &Dictionary) -> impl ExactSizeIterator<Item = (&str, Part<'_>)> {
    entries(dictionary).map(|(key, value)| (key, Part::Value(value)))
}

/// The entries in order.
pub(crate) fn entries(dictionary: &Dictionary) -> impl ExactSizeIterator<Item = (&str, &Value)> {
    dictionary.iter().map(|(key, value)| (key.as_str(), value))
}
