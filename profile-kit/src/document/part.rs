//! A property list put together of what stands in several places.

use std::sync::LazyLock;

use plist::{Dictionary, Value};

/// A value that is written or digested where its parts stand, without a copy of them.
pub(crate) enum Part<'a> {
    Value(&'a Value),
    Text(&'a str),
    Array(Vec<Part<'a>>),
    Dictionary(Vec<(&'a str, Part<'a>)>),
    /// A dictionary as it is, and a key with a text behind it that it lacks.
    Extended(&'a Dictionary, Option<(&'a str, &'a str)>),
}

impl<'a> Part<'a> {
    /// A dictionary as it is.
    pub fn of(dictionary: &'a Dictionary) -> Self {
        Self::Extended(dictionary, None)
    }
}

/// The entries of a dictionary in order, and what stands behind them.
pub(crate) fn extended<'a>(
    dictionary: &'a Dictionary,
    more: Option<(&'a str, &'a str)>,
) -> impl Iterator<Item = (&'a str, Part<'a>)> {
    let own = entries(dictionary).map(|(key, value)| (key, Part::Value(value)));
    own.chain(more.map(|(key, text)| (key, Part::Text(text))))
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

/// An empty dictionary with room for the keys that most profiles and payloads have, so that it need not grow key by key.
/// There is no asking for room, but a dictionary that was emptied keeps what it had, and so does a copy of it.
pub(crate) fn with_room() -> Dictionary {
    static EMPTIED: LazyLock<Dictionary> = LazyLock::new(|| {
        let mut dictionary: Dictionary = (0..ROOM).map(|key| (key.to_string(), key as u64)).collect();
        dictionary.clear();
        dictionary
    });
    EMPTIED.clone()
}

/// Keys.
const FEW: usize = 16;
const ROOM: usize = 14;
