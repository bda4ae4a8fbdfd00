//! How a type of Rust stands in a property list.

use std::{fmt, time::SystemTime};

use plist::{Dictionary, Value};

use crate::{
    Error, KeyPath, Place, Result,
    document::{Entries, Keys},
};

/// One of Apple's keys, as a typed payload or a dictionary inside it knows it.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    /// Apple's spelling.
    pub name: &'static str,
    /// What its value is.
    pub kind: Kind,
    /// Whether Apple's schema requires it. A typed payload reads without it all the same.
    pub required: bool,
    /// Whether its value is a password, a token, or a private key, and is not shown.
    pub secret: bool,
}

impl Key {
    /// The keys of the dictionary that is its value, or of those in its array; none for another value.
    pub fn keys(&self) -> &'static [Key] {
        self.kind.keys()
    }
}

/// What a value is, in Apple's words.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Kind {
    /// `<true/>` or `<false/>`.
    Boolean,
    /// A whole number of 64 bits with a sign.
    Integer,
    /// A number; whole ones may be written as integers.
    Real,
    /// Text.
    String,
    /// A point in time.
    Date,
    /// Bytes.
    Data,
    /// Values of one kind in order.
    Array(&'static Kind),
    /// A dictionary and its known keys, none where they are the owner's to choose.
    Dictionary(fn() -> &'static [Key]),
    /// Whatever it is.
    Any,
}

impl Kind {
    fn keys(self) -> &'static [Key] {
        match self {
            Kind::Array(item) => item.keys(),
            Kind::Dictionary(keys) => keys(),
            _ => &[],
        }
    }
}

/// As errors say it: `a boolean`.
impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Kind::Boolean => "a boolean",
            Kind::Integer => "an integer",
            Kind::Real => "a real",
            Kind::String => "a string",
            Kind::Date => "a date",
            Kind::Data => "data",
            Kind::Array(_) => "an array",
            Kind::Dictionary(_) => "a dictionary",
            Kind::Any => "any value",
        })
    }
}

/// A type that a field of a typed payload may have.
pub(crate) trait Field: Clone {
    const KIND: Kind;
    const SECRET: bool = false;

    /// Takes it out of a property list; `at` is where the value stands.
    fn read(value: &Value, at: &KeyPath) -> Result<Self>;

    fn write(self) -> Value;

    /// Puts it in the place of another value, whose order of keys and unknown keys it keeps.
    fn write_over(&self, value: &mut Value) {
        *value = self.clone().write();
    }

    /// What `Debug` says of it: no secret, no bytes, no value of an unknown key.
    fn show(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result;
}

/// Sets one key: in its place if it is there, else at the end.
pub(crate) fn write_key(keys: &mut Keys, key: &'static str, field: &impl Field) {
    match keys.get_mut(key) {
        Some(value) => field.write_over(value),
        None => keys.push(key.into(), field.clone().write()),
    }
}

/// The error of a value that is of another kind than its field.
pub(crate) fn wrong_kind(value: &Value, wanted: Kind, at: &KeyPath) -> Error {
    let found = match value {
        Value::Boolean(_) => Kind::Boolean,
        Value::Integer(_) => Kind::Integer,
        Value::Real(_) => Kind::Real,
        Value::String(_) => Kind::String,
        Value::Date(_) => Kind::Date,
        Value::Data(_) => Kind::Data,
        Value::Array(_) => Kind::Array(&Kind::Any),
        Value::Dictionary(_) => Kind::Dictionary(|| &[]),
        _ => return refused(at, format!("is a UID, not {wanted}")),
    };
    refused(at, format!("is {found}, not {wanted}"))
}

fn refused(at: &KeyPath, problem: String) -> Error {
    Error::NotAProfile { place: Place::path(at.clone()), problem, device: None }
}

/// A field as `Debug` shows it.
pub(crate) struct Shown<'a, T>(pub &'a T);

impl<T: Field> fmt::Debug for Shown<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.show(f)
    }
}

impl Field for bool {
    const KIND: Kind = Kind::Boolean;

    fn read(value: &Value, at: &KeyPath) -> Result<Self> {
        value.as_boolean().ok_or_else(|| wrong_kind(value, Self::KIND, at))
    }

    fn write(self) -> Value {
        Value::Boolean(self)
    }

    fn show(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

impl Field for i64 {
    const KIND: Kind = Kind::Integer;

    fn read(value: &Value, at: &KeyPath) -> Result<Self> {
        let Value::Integer(integer) = value else {
            return Err(wrong_kind(value, Self::KIND, at));
        };
        integer.as_signed().ok_or_else(|| refused(at, format!("is greater than {}", i64::MAX)))
    }

    fn write(self) -> Value {
        self.into()
    }

    fn show(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// A whole number may stand as an integer, and stays one while its value does.
impl Field for f64 {
    const KIND: Kind = Kind::Real;

    fn read(value: &Value, at: &KeyPath) -> Result<Self> {
        let real = match value {
            Value::Real(real) => Some(*real),
            Value::Integer(integer) => integer.as_signed().and_then(|whole| i32::try_from(whole).ok()).map(f64::from),
            _ => None,
        };
        real.ok_or_else(|| wrong_kind(value, Self::KIND, at))
    }

    fn write(self) -> Value {
        Value::Real(self)
    }

    fn write_over(&self, value: &mut Value) {
        if Self::read(value, &KeyPath::root()).ok() != Some(*self) {
            *value = self.write();
        }
    }

    fn show(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

impl Field for String {
    const KIND: Kind = Kind::String;

    fn read(value: &Value, at: &KeyPath) -> Result<Self> {
        value.as_string().map(str::to_owned).ok_or_else(|| wrong_kind(value, Self::KIND, at))
    }

    fn write(self) -> Value {
        Value::String(self)
    }

    fn show(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

impl Field for SystemTime {
    const KIND: Kind = Kind::Date;

    fn read(value: &Value, at: &KeyPath) -> Result<Self> {
        value.as_date().map(Self::from).ok_or_else(|| wrong_kind(value, Self::KIND, at))
    }

    fn write(self) -> Value {
        Value::Date(self.into())
    }

    fn show(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

impl Field for Vec<u8> {
    const KIND: Kind = Kind::Data;

    fn read(value: &Value, at: &KeyPath) -> Result<Self> {
        value.as_data().map(<[u8]>::to_vec).ok_or_else(|| wrong_kind(value, Self::KIND, at))
    }

    fn write(self) -> Value {
        Value::Data(self)
    }

    fn show(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{} bytes]", self.len())
    }
}

impl<T: Field> Field for Vec<T> {
    const KIND: Kind = Kind::Array(&T::KIND);
    const SECRET: bool = T::SECRET;

    fn read(value: &Value, at: &KeyPath) -> Result<Self> {
        let items = value.as_array().ok_or_else(|| wrong_kind(value, Self::KIND, at))?;
        items.iter().enumerate().map(|(index, item)| T::read(item, &at.index(index))).collect()
    }

    fn write(self) -> Value {
        Value::Array(self.into_iter().map(T::write).collect())
    }

    /// An item may be another than the one that stood at its index: it takes that one's order, not its unknown keys.
    fn write_over(&self, value: &mut Value) {
        let fresh = self.clone().write();
        *value = in_order_of(value, fresh);
    }

    fn show(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter().map(Shown)).finish()
    }
}

impl Field for Dictionary {
    const KIND: Kind = Kind::Dictionary(|| &[]);

    fn read(value: &Value, at: &KeyPath) -> Result<Self> {
        value.as_dictionary().cloned().ok_or_else(|| wrong_kind(value, Self::KIND, at))
    }

    fn write(self) -> Value {
        Value::Dictionary(self)
    }

    fn show(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&Entries::from(self), f)
    }
}

impl Field for Value {
    const KIND: Kind = Kind::Any;

    fn read(value: &Value, _: &KeyPath) -> Result<Self> {
        Ok(value.clone())
    }

    fn write(self) -> Value {
        self
    }

    fn show(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[any value]")
    }
}

/// The new value, its keys in the order that they have in the old one, and new keys after them.
fn in_order_of(old: &Value, new: Value) -> Value {
    match (old, new) {
        (Value::Dictionary(old), Value::Dictionary(new)) => Value::Dictionary(keys_in_order_of(old, new)),
        (Value::Array(old), Value::Array(new)) => Value::Array(items_in_order_of(old, new)),
        (Value::Integer(_), Value::Real(real)) => {
            let mut value = old.clone();
            real.write_over(&mut value);
            value
        }
        (_, new) => new,
    }
}

fn keys_in_order_of(old: &Dictionary, mut new: Dictionary) -> Dictionary {
    let mut ordered = Dictionary::new();
    for (key, old) in old {
        if let Some(value) = new.remove(key) {
            ordered.insert(key.clone(), in_order_of(old, value));
        }
    }
    ordered.extend(new);
    ordered
}

fn items_in_order_of(old: &[Value], new: Vec<Value>) -> Vec<Value> {
    let mut old = old.iter();
    new.into_iter().map(|item| if let Some(old) = old.next() { in_order_of(old, item) } else { item }).collect()
}

#[cfg(test)]
mod tests {

    use std::time::{Duration, UNIX_EPOCH};

    use super::*;

    #[test]
    fn a_date_is_a_point_in_time() {
        let noon = UNIX_EPOCH + Duration::from_secs(43_200);
        assert_eq!(SystemTime::read(&noon.write(), &KeyPath::root()).unwrap(), noon);
    }

    #[test]
    fn a_whole_real_may_stand_as_an_integer_and_stays_one() {
        let mut value = Value::Integer(2.into());
        assert_eq!(f64::read(&value, &KeyPath::root()).unwrap(), 2.0);
        2.0.write_over(&mut value);
        assert_eq!(value, Value::Integer(2.into()));
        1.5.write_over(&mut value);
        assert_eq!(value, Value::Real(1.5));
    }

    #[test]
    fn refuses_an_integer_beyond_64_bits_with_a_sign() {
        let problem = i64::read(&u64::MAX.into(), &KeyPath::root().key("Order")).unwrap_err();
        assert_eq!(problem.to_string(), "Order: is greater than 9223372036854775807");
    }

    #[test]
    fn refuses_data_for_a_date() {
        let problem = SystemTime::read(&Value::Data(Vec::new()), &KeyPath::root().key("Since")).unwrap_err();
        assert_eq!(problem.to_string(), "Since: is data, not a date");
    }

    #[test]
    fn tells_bytes_from_a_list_of_numbers() {
        assert!(matches!(<Vec<u8>>::KIND, Kind::Data));
        assert!(matches!(<Vec<i64>>::KIND, Kind::Array(Kind::Integer)));
    }

    #[test]
    fn shows_bytes_by_their_number() {
        assert_eq!(format!("{:?}", Shown(&vec![7u8; 3])), "[3 bytes]");
    }
}
