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

/// The value of a key. Few keys are looked at one by one, which takes less than hashing the one that is wanted.
pub(crate) fn value<'d>(dictionary: &'d Dictionary, key: &str) -> Option<&'d Value> {
    match dictionary.len() <= FEW {
        true => dictionary.iter().find_map(|(name, value)| (name == key).then_some(value)),
        false => dictionary.get(key),
    }
}

/// The entries in order.
pub(crate) fn entries(dictionary: &Dictionary) -> impl ExactSizeIterator<Item = (&str, &Value)> {
    dictionary.iter().map(|(key, value)| (key.as_str(), value))
}

/// Keys.
const FEW: usize = 16;
