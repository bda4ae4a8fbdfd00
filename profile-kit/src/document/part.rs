//! A property list put together of what stands in several places.

use plist::Value;

use super::Entries;

/// A value that is written or digested where its parts stand, without a copy of them.
pub(crate) enum Part<'a> {
    Value(&'a Value),
    Text(&'a str),
    Array(Vec<Part<'a>>),
    Dictionary(Vec<(&'a str, Part<'a>)>),
    /// Keys as they are, and a key with a text behind them that they lack.
    Extended(Entries<'a>, Option<(&'a str, &'a str)>),
}

impl<'a> Part<'a> {
    /// A dictionary as it is.
    pub fn of(keys: impl Into<Entries<'a>>) -> Self {
        Self::Extended(keys.into(), None)
    }
}

/// The keys in order with their values, and what stands behind them.
pub(crate) fn extended<'a>(
    keys: Entries<'a>,
    more: Option<(&'a str, &'a str)>,
) -> impl Iterator<Item = (&'a str, Part<'a>)> {
    let own = keys.iter().map(|(key, value)| (key, Part::Value(value)));
    own.chain(more.map(|(key, text)| (key, Part::Text(text))))
}
