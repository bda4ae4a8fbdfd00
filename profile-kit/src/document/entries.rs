//! Keys and their values, in order.

use std::{borrow::Cow, fmt};

use plist::{Dictionary, Value};

/// A key and its value; a key that the program's text has is not copied.
type Entry = (Cow<'static, str>, Value);

/// The keys of a profile or of a payload, each once, in order.
#[derive(Clone)]
pub(crate) enum Keys {
    /// As many as nearly all have: to look at them one by one takes less than to hash the one that is wanted.
    Few(Vec<Entry>),
    /// However many, or what was read.
    Many(Dictionary),
}

impl Keys {
    /// None yet, with room for as many as most profiles and payloads have.
    pub fn with_room() -> Self {
        Self::Few(Vec::with_capacity(ROOM))
    }

    pub fn entries(&self) -> Entries<'_> {
        Entries(match self {
            Self::Few(entries) => View::Few(entries),
            Self::Many(dictionary) => View::Many(dictionary),
        })
    }

    pub fn get_mut(&mut self, key: &str) -> Option<&mut Value> {
        match self {
            Self::Few(entries) => entries.iter_mut().find_map(|(present, value)| (present == key).then_some(value)),
            Self::Many(dictionary) => dictionary.get_mut(key),
        }
    }

    /// Sets a key: in its place if it is there, else at the end.
    pub fn insert(&mut self, key: Cow<'static, str>, value: Value) {
        match self.get_mut(&key) {
            Some(present) => *present = value,
            None => self.push(key, value),
        }
    }

    /// Sets a key that is not there, at the end.
    pub fn push(&mut self, key: Cow<'static, str>, value: Value) {
        match self {
            Self::Few(entries) if entries.len() < MOST_LOOKED_AT => entries.push((key, value)),
            Self::Few(entries) => {
                let all = std::mem::take(entries).into_iter().chain([(key, value)]);
                *self = Self::Many(all.map(|(key, value)| (key.into_owned(), value)).collect());
            }
            Self::Many(dictionary) => drop(dictionary.insert(key.into_owned(), value)),
        }
    }

    /// Takes a key away; the others keep their order.
    pub fn remove(&mut self, key: &str) {
        self.retain(|present| present != key);
    }

    /// Takes the other keys away; these keep their order.
    pub fn retain(&mut self, mut keep: impl FnMut(&str) -> bool) {
        match self {
            Self::Few(entries) => entries.retain(|(key, _)| keep(key)),
            Self::Many(dictionary) => dictionary.retain(|key, _| keep(key)),
        }
    }

    pub fn into_dictionary(self) -> Dictionary {
        match self {
            Self::Few(entries) => entries.into_iter().map(|(key, value)| (key.into_owned(), value)).collect(),
            Self::Many(dictionary) => dictionary,
        }
    }
}

impl From<Dictionary> for Keys {
    fn from(dictionary: Dictionary) -> Self {
        Self::Many(dictionary)
    }
}

/// In any order, as dictionaries are.
impl PartialEq for Keys {
    fn eq(&self, other: &Self) -> bool {
        self.entries() == other.entries()
    }
}

/// With the values, unlike [`Entries`]: what holds secrets shows those.
impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.entries().iter()).finish()
    }
}

/// The keys of a payload or of a dictionary and their values, in order: a view, copied as a reference is.
///
/// Views are equal that have the same keys with the same values, in any order.
///
/// ```
/// use profile_kit::{Payload, payload::WebClip};
///
/// let clip = Payload::from(WebClip { label: Some("Help desk".into()), ..Default::default() });
/// let keys: Vec<&str> = clip.entries().iter().map(|(key, _)| key).collect();
/// assert_eq!(keys, ["PayloadType", "PayloadVersion", "Label"]);
/// ```
#[derive(Clone, Copy)]
pub struct Entries<'a>(View<'a>);

#[derive(Clone, Copy)]
enum View<'a> {
    Few(&'a [Entry]),
    Many(&'a Dictionary),
}

impl<'a> Entries<'a> {
    /// How many keys there are.
    pub fn len(self) -> usize {
        match self.0 {
            View::Few(entries) => entries.len(),
            View::Many(dictionary) => dictionary.len(),
        }
    }

    /// Whether there is no key.
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// The value of a key.
    pub fn get(self, key: &str) -> Option<&'a Value> {
        match self.0 {
            View::Many(dictionary) if dictionary.len() > MOST_LOOKED_AT => dictionary.get(key),
            _ => self.iter().find_map(|(present, value)| (present == key).then_some(value)),
        }
    }

    /// Whether a key is there.
    pub fn contains_key(self, key: &str) -> bool {
        self.get(key).is_some()
    }

    /// The keys and their values, in order.
    pub fn iter(self) -> EntriesIter<'a> {
        self.into_iter()
    }

    /// A copy.
    pub fn to_dictionary(self) -> Dictionary {
        match self.0 {
            View::Few(entries) => entries.iter().map(|(key, value)| (key.to_string(), value.clone())).collect(),
            View::Many(dictionary) => dictionary.clone(),
        }
    }
}

impl<'a> From<&'a Dictionary> for Entries<'a> {
    fn from(dictionary: &'a Dictionary) -> Self {
        Self(View::Many(dictionary))
    }
}

impl<'a> IntoIterator for Entries<'a> {
    type Item = (&'a str, &'a Value);
    type IntoIter = EntriesIter<'a>;

    fn into_iter(self) -> EntriesIter<'a> {
        EntriesIter(match self.0 {
            View::Few(entries) => Iter::Few(entries.iter()),
            View::Many(dictionary) => Iter::Many(dictionary.iter()),
        })
    }
}

/// The keys of [`Entries`] and their values, in order.
pub struct EntriesIter<'a>(Iter<'a>);

impl<'a> Iterator for EntriesIter<'a> {
    type Item = (&'a str, &'a Value);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        self.0.next()
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.0.size_hint()
    }
}

impl ExactSizeIterator for EntriesIter<'_> {}

/// How many are left: values may be secret.
impl fmt::Debug for EntriesIter<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EntriesIter").field("left", &self.len()).finish()
    }
}

impl PartialEq for Entries<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.len() == other.len() && self.iter().all(|(key, value)| other.get(key) == Some(value))
    }
}

/// The names of the keys: values may be secret.
impl fmt::Debug for Entries<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter().map(|(key, _)| key)).finish()
    }
}

enum Iter<'a> {
    Few(std::slice::Iter<'a, Entry>),
    Many(plist::dictionary::Iter<'a>),
}

impl<'a> Iterator for Iter<'a> {
    type Item = (&'a str, &'a Value);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        match self {
            Self::Few(entries) => entries.next().map(|(key, value)| (&**key, value)),
            Self::Many(entries) => entries.next().map(|(key, value)| (key.as_str(), value)),
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = match self {
            Self::Few(entries) => entries.len(),
            Self::Many(entries) => entries.len(),
        };
        (left, Some(left))
    }
}

impl ExactSizeIterator for Iter<'_> {}

/// Keys.
const ROOM: usize = 14;
const MOST_LOOKED_AT: usize = 24;

#[cfg(test)]
mod tests {
    use super::*;

    /// Keys that were set one by one, around the number from which on they are hashed.
    fn numbered(count: usize) -> Keys {
        let mut keys = Keys::with_room();
        (0..count).for_each(|number| keys.insert(number.to_string().into(), (number as u64).into()));
        keys
    }

    fn names(keys: &Keys) -> Vec<&str> {
        keys.entries().iter().map(|(key, _)| key).collect()
    }

    #[test]
    fn few_and_many_keys_do_the_same() {
        for count in [0, 1, MOST_LOOKED_AT - 1, MOST_LOOKED_AT, MOST_LOOKED_AT + 1, 1000] {
            let mut keys = numbered(count);
            let mut dictionary = Keys::from(keys.entries().to_dictionary());
            assert_eq!(keys, dictionary);
            assert_eq!(matches!(keys, Keys::Few(_)), count <= MOST_LOOKED_AT);
            for keys in [&mut keys, &mut dictionary] {
                keys.insert("0".into(), "in its place".into());
                keys.insert("new".into(), "at the end".into());
                keys.remove("1");
                assert_eq!(keys.get_mut("1"), None);
                assert_eq!(keys.entries().get("0"), Some(&"in its place".into()));
                assert_eq!(keys.get_mut("new"), Some(&mut "at the end".into()));
            }
            assert_eq!(names(&keys), names(&dictionary));
            assert_eq!(names(&keys).len(), keys.entries().len());
            let whole = keys.clone().into_dictionary();
            assert_eq!(whole.keys().collect::<Vec<_>>(), names(&keys));
            assert_eq!(Keys::from(whole), keys);
        }
    }

    #[test]
    fn the_order_does_not_matter_where_keys_are_compared_and_their_number_does() {
        let (mut some, mut other) = (numbered(2), numbered(1));
        assert_ne!(some, other);
        other.insert("2".into(), 1.into());
        assert_ne!(some, other);
        some.remove("0");
        some.insert("0".into(), Value::Integer(0.into()));
        assert_eq!(some, numbered(2));
        assert_ne!(names(&some), names(&numbered(2)));
    }

    /// A file of 32 MiB may have that many; looked at one by one, they would take minutes.
    #[test]
    fn a_hundred_thousand_keys_are_set_found_and_compared() {
        let keys = numbered(100_000);
        assert!((0..100_000).all(|number| keys.entries().contains_key(&number.to_string())));
        assert_eq!(keys, numbered(100_000));
    }

    #[test]
    fn a_view_shows_no_value() {
        let dictionary = Dictionary::from_iter([("Password", "hunter2")]);
        assert_eq!(format!("{:?}", Entries::from(&dictionary)), r#"{"Password"}"#);
    }
}
