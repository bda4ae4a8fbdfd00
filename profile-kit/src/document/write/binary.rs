//! Lays out a checked dictionary as a binary property list.

use std::{
    collections::HashMap,
    time::{Duration, SystemTime},
};

use plist::{Date, Dictionary, Integer, Value};

use crate::document::binary::{EPOCH, MAGIC};

/// The whole file; equal leaves are written once.
///
/// The `plist` crate's writer is not used: with exactly 256 or 65,536 objects it writes references of a size
/// that CoreFoundation refuses.
pub(super) fn write(dictionary: &Dictionary) -> Vec<u8> {
    let mut objects = Objects::default();
    objects.dictionary(dictionary);
    objects.file()
}

/// What the file will hold, in order; the first is the top object.
#[derive(Default)]
struct Objects<'a> {
    list: Vec<Object<'a>>,
    leaves: HashMap<Leaf<'a>, usize>,
}

enum Object<'a> {
    Leaf(Leaf<'a>),
    /// The marker, how many items or pairs there are, and all their references.
    Container(u8, usize, Vec<usize>),
}

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Leaf<'a> {
    Boolean(bool),
    Data(&'a [u8]),
    Date(Date),
    Integer(Integer),
    /// By its bits, so that 0 and -0 are two.
    Real(u64),
    Text(&'a str),
}

impl<'a> Objects<'a> {
    fn value(&mut self, value: &'a Value) -> usize {
        match value {
            Value::Array(items) => self.array(items),
            Value::Dictionary(dictionary) => self.dictionary(dictionary),
            Value::Boolean(value) => self.leaf(Leaf::Boolean(*value)),
            Value::Data(data) => self.leaf(Leaf::Data(data)),
            Value::Date(date) => self.leaf(Leaf::Date(*date)),
            Value::Integer(integer) => self.leaf(Leaf::Integer(*integer)),
            Value::Real(real) => self.leaf(Leaf::Real(real.to_bits())),
            Value::String(text) => self.leaf(Leaf::Text(text)),
            _ => unreachable!("the check lets no other types pass"),
        }
    }

    fn array(&mut self, items: &'a [Value]) -> usize {
        let number = self.add(Object::Container(ARRAY, items.len(), Vec::new()));
        let references = items.iter().map(|item| self.value(item)).collect();
        self.list[number] = Object::Container(ARRAY, items.len(), references);
        number
    }

    fn dictionary(&mut self, dictionary: &'a Dictionary) -> usize {
        let number = self.add(Object::Container(DICTIONARY, dictionary.len(), Vec::new()));
        let mut references: Vec<usize> = dictionary.keys().map(|key| self.leaf(Leaf::Text(key))).collect();
        references.extend(dictionary.values().map(|value| self.value(value)));
        self.list[number] = Object::Container(DICTIONARY, dictionary.len(), references);
        number
    }

    fn leaf(&mut self, leaf: Leaf<'a>) -> usize {
        if let Some(number) = self.leaves.get(&leaf) {
            return *number;
        }
        let number = self.add(Object::Leaf(leaf));
        self.leaves.insert(leaf, number);
        number
    }

    fn add(&mut self, object: Object<'a>) -> usize {
        self.list.push(object);
        self.list.len() - 1
    }

    fn file(&self) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        let mut offsets = Vec::with_capacity(self.list.len());
        let reference_size = size(self.list.len());
        for object in &self.list {
            offsets.push(bytes.len());
            match object {
                Object::Leaf(leaf) => write_leaf(&mut bytes, *leaf),
                Object::Container(marker, length, references) => {
                    write_marker(&mut bytes, *marker, *length);
                    references.iter().for_each(|number| write_number(&mut bytes, *number as u64, reference_size));
                }
            }
        }
        let table = bytes.len();
        let offset_size = size(table);
        offsets.iter().for_each(|offset| write_number(&mut bytes, *offset as u64, offset_size));
        bytes.extend([0, 0, 0, 0, 0, 0, offset_size as u8, reference_size as u8]);
        [self.list.len(), 0, table].iter().for_each(|number| write_number(&mut bytes, *number as u64, 8));
        bytes
    }
}

fn write_leaf(bytes: &mut Vec<u8>, leaf: Leaf<'_>) {
    match leaf {
        Leaf::Boolean(value) => bytes.push(0x08 | u8::from(value)),
        Leaf::Integer(integer) => write_integer(bytes, integer),
        Leaf::Real(bits) => {
            bytes.push(0x23);
            bytes.extend(bits.to_be_bytes());
        }
        Leaf::Date(date) => {
            bytes.push(0x33);
            bytes.extend(seconds(date).to_be_bytes());
        }
        Leaf::Data(data) => {
            write_marker(bytes, 0x40, data.len());
            bytes.extend(data);
        }
        Leaf::Text(text) if text.is_ascii() => {
            write_marker(bytes, 0x50, text.len());
            bytes.extend(text.as_bytes());
        }
        Leaf::Text(text) => {
            write_marker(bytes, 0x60, text.encode_utf16().count());
            bytes.extend(text.encode_utf16().flat_map(u16::to_be_bytes));
        }
    }
}

/// 8 and 16 bytes are signed, fewer are not.
fn write_integer(bytes: &mut Vec<u8>, integer: Integer) {
    match (integer.as_unsigned(), integer.as_signed()) {
        (Some(amount), Some(_)) => {
            let size = size(usize::try_from(amount).unwrap_or(usize::MAX));
            write_power(bytes, amount, size);
        }
        (Some(amount), None) => {
            bytes.push(0x14);
            bytes.extend(u128::from(amount).to_be_bytes());
        }
        (None, signed) => write_power(bytes, signed.unwrap_or_default().cast_unsigned(), 8),
    }
}

/// The marker of an object with its length, which follows as an integer where the marker has no room.
fn write_marker(bytes: &mut Vec<u8>, marker: u8, length: usize) {
    match u8::try_from(length) {
        Ok(length @ 0..0x0f) => bytes.push(marker | length),
        _ => {
            bytes.push(marker | 0x0f);
            write_power(bytes, length as u64, size(length));
        }
    }
}

/// An integer of 1, 2, 4 or 8 bytes, with its marker.
fn write_power(bytes: &mut Vec<u8>, number: u64, size: usize) {
    bytes.push(0x10 | size.trailing_zeros() as u8);
    write_number(bytes, number, size);
}

fn write_number(bytes: &mut Vec<u8>, number: u64, size: usize) {
    bytes.extend(&number.to_be_bytes()[8 - size..]);
}

/// How many bytes hold a number, of those that every reader takes.
fn size(number: usize) -> usize {
    match number {
        0..0x100 => 1,
        0x100..0x1_0000 => 2,
        0x1_0000..0x1_0000_0000 => 4,
        _ => 8,
    }
}

/// From 2001.
fn seconds(date: Date) -> f64 {
    match SystemTime::from(date).duration_since(SystemTime::UNIX_EPOCH + Duration::from_secs(EPOCH)) {
        Ok(after) => after.as_secs_f64(),
        Err(before) => -before.duration().as_secs_f64(),
    }
}

const ARRAY: u8 = 0xa0;
const DICTIONARY: u8 = 0xd0;
