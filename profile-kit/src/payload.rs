//! One dictionary of a profile's `PayloadContent`: any payload, known or not.

use plist::{Dictionary, Value};

/// A payload as it stands: all keys, known or not, in order.
///
/// A typed payload (one file each under this module) is a view of it: [`read`](Payload::read) takes it out,
/// [`write`](Payload::write) puts it back without disturbing what the type does not know.
#[derive(Clone, Debug, PartialEq)]
pub struct Payload {
    dictionary: Dictionary,
}

impl Payload {
    /// A payload of a type, version 1, without identifier and UUID yet.
    pub fn new(kind: &str) -> Self {
        let mut dictionary = Dictionary::new();
        dictionary.insert("PayloadType".into(), kind.into());
        dictionary.insert("PayloadVersion".into(), Value::Integer(1.into()));
        Self { dictionary }
    }

    /// Takes any dictionary as a payload; [`check`](crate::check) tells what it lacks.
    pub fn from_dictionary(dictionary: Dictionary) -> Self {
        Self { dictionary }
    }

    /// All keys, in order.
    pub fn dictionary(&self) -> &Dictionary {
        &self.dictionary
    }

    /// All keys, to change. [`Dictionary::remove`] disturbs their order: use [`remove`](Payload::remove).
    pub fn dictionary_mut(&mut self) -> &mut Dictionary {
        &mut self.dictionary
    }

    /// `PayloadType`, if it is there and a string.
    pub fn kind(&self) -> Option<&str> {
        self.text("PayloadType")
    }

    /// `PayloadIdentifier`, if it is there and a string.
    pub fn identifier(&self) -> Option<&str> {
        self.text("PayloadIdentifier")
    }

    /// `PayloadUUID`, if it is there and a string.
    pub fn uuid(&self) -> Option<&str> {
        self.text("PayloadUUID")
    }

    fn text(&self, key: &str) -> Option<&str> {
        self.dictionary.get(key)?.as_string()
    }

    /// The value of a key.
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.dictionary.get(key)
    }

    /// Sets a key: in its place if it is there, else at the end.
    pub fn insert(&mut self, key: &str, value: impl Into<Value>) {
        self.dictionary.insert(key.to_owned(), value.into());
    }

    /// Takes a key away; the others keep their order.
    pub fn remove(&mut self, key: &str) {
        self.dictionary.retain(|present, _| present != key);
    }
}
