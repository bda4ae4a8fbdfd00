//! Lays out a checked property list as XML.

use base64::{Engine, engine::general_purpose::STANDARD};
use plist::{Dictionary, Value};

use crate::document::{Entries, LARGEST, Part, extended, plain};

/// The whole file. Byte for byte what the `plist` crate writes, but for carriage returns and the last line end.
pub(super) fn write(whole: &Part<'_>) -> String {
    write_around(whole, &mut |_, _, _| unreachable!("the check lets no other types pass"))
}

/// The same with values of types that no profile has: they go to `other`, with the level at which they stand.
pub(super) fn write_around<F: Other>(whole: &Part<'_>, other: &mut F) -> String {
    let mut text = String::with_capacity(ROOM);
    text.push_str(HEAD);
    write_part(&mut text, whole, 0, other);
    text.push_str("\n</plist>\n");
    text
}

/// What is written in the place of a value of another type than property lists in XML have.
pub(super) trait Other: FnMut(&mut String, &Value, usize) {}

impl<F: FnMut(&mut String, &Value, usize)> Other for F {}

fn write_part<F: Other>(text: &mut String, part: &Part<'_>, level: usize, other: &mut F) {
    let inner = |text: &mut String, part: &Part<'_>, level| write_part(text, part, level, other);
    match part {
        Part::Value(value) => write_value(text, value, level, other),
        Part::Text(string) => write_text(text, STRING, string),
        Part::Array(items) => write_array(text, items, level, inner),
        Part::Dictionary(entries) => {
            write_dictionary(text, entries.len(), entries.iter().map(|(key, part)| (*key, part)), level, inner);
        }
        Part::Extended(keys, more) => {
            let length = keys.len() + usize::from(more.is_some());
            let inner = |text: &mut String, part: Part<'_>, level| write_part(text, &part, level, other);
            write_dictionary(text, length, extended(*keys, *more), level, inner);
        }
    }
}

/// A value as it stands at a level.
pub(super) fn write_value<F: Other>(text: &mut String, value: &Value, level: usize, other: &mut F) {
    match value {
        Value::Array(items) => {
            write_array(text, items, level, |text, item, level| write_value(text, item, level, other));
        }
        Value::Dictionary(dictionary) => write_keys(text, dictionary, level, other),
        Value::Boolean(value) => text.push_str(if *value { "<true/>" } else { "<false/>" }),
        Value::Data(data) => write_data(text, data, level),
        Value::Date(date) => write_text(text, DATE, &date.to_xml_format()),
        Value::Integer(integer) => write_text(text, INTEGER, &integer.to_string()),
        Value::Real(real) => write_text(text, REAL, &real.to_string()),
        Value::String(string) => write_text(text, STRING, string),
        _ => other(text, value, level),
    }
}

fn write_keys<F: Other>(text: &mut String, dictionary: &Dictionary, level: usize, other: &mut F) {
    let inner = |text: &mut String, value: &Value, level| write_value(text, value, level, other);
    write_dictionary(text, dictionary.len(), Entries::from(dictionary).iter(), level, inner);
}

fn write_array<T>(
    text: &mut String,
    items: impl IntoIterator<Item = T, IntoIter: ExactSizeIterator>,
    level: usize,
    mut write: impl FnMut(&mut String, T, usize),
) {
    let items = items.into_iter();
    if items.len() == 0 {
        return text.push_str("<array/>");
    }
    text.push_str("<array>");
    for item in items {
        new_line(text, level + 1);
        write(text, item, level + 1);
    }
    new_line(text, level);
    text.push_str("</array>");
}

fn write_dictionary<'k, T>(
    text: &mut String,
    length: usize,
    entries: impl Iterator<Item = (&'k str, T)>,
    level: usize,
    mut write: impl FnMut(&mut String, T, usize),
) {
    if length == 0 {
        return text.push_str("<dict/>");
    }
    text.push_str("<dict>");
    for (key, value) in entries {
        new_line(text, level + 1);
        write_text(text, KEY, key);
        new_line(text, level + 1);
        write(text, value, level + 1);
    }
    new_line(text, level);
    text.push_str("</dict>");
}

fn write_data(text: &mut String, data: &[u8], level: usize) {
    text.push_str("<data>");
    for line in data.chunks(DATA_LINE) {
        new_line(text, level);
        STANDARD.encode_string(line, text);
    }
    new_line(text, level);
    text.push_str("</data>");
}

/// A string whose content somebody else writes.
pub(super) fn write_string(text: &mut String, content: impl FnOnce(&mut String)) {
    let (open, close) = STRING;
    text.push_str(open);
    content(text);
    text.push_str(close);
}

fn write_text(text: &mut String, (open, close): Tags, content: &str) {
    text.push_str(open);
    write_escaped(text, content);
    text.push_str(close);
}

/// A piece of a text.
pub(super) fn write_escaped(text: &mut String, content: &str) {
    if plain::has_none(content, has_entity) {
        return text.push_str(content);
    }
    let mut plain = 0;
    for (at, byte) in content.bytes().enumerate() {
        let Some(entity) = entity(byte) else { continue };
        text.push_str(&content[plain..at]);
        text.push_str(entity);
        plain = at + 1;
    }
    text.push_str(&content[plain..]);
}

fn entity(byte: u8) -> Option<&'static str> {
    ENTITIES.iter().find_map(|(other, entity)| (byte == *other).then_some(*entity))
}

fn has_entity(byte: u8) -> bool {
    ENTITIES.iter().fold(false, |any, (other, _)| any | (byte == *other))
}

fn new_line(text: &mut String, level: usize) {
    // A file beyond the bound is refused in the end: it need not become many times as large before.
    let level = if text.len() <= LARGEST { level } else { 0 };
    match LINE.get(..=level) {
        Some(line) => text.push_str(line),
        None => text.extend(std::iter::once('\n').chain(std::iter::repeat_n('\t', level))),
    }
}

/// What stands before and after a text.
type Tags = (&'static str, &'static str);

const KEY: Tags = ("<key>", "</key>");
const STRING: Tags = ("<string>", "</string>");
const INTEGER: Tags = ("<integer>", "</integer>");
const REAL: Tags = ("<real>", "</real>");
const DATE: Tags = ("<date>", "</date>");

const ENTITIES: [(u8, &str); 6] = [
    (b'<', "&lt;"),
    (b'>', "&gt;"),
    (b'&', "&amp;"),
    (b'\'', "&apos;"),
    (b'"', "&quot;"),
    // Bare, it would be a line end to most readers.
    (b'\r', "&#13;"),
];

const HEAD: &str = concat!(
    "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n",
    "<!DOCTYPE plist PUBLIC \"-//Apple//DTD PLIST 1.0//EN\" \"http://www.apple.com/DTDs/PropertyList-1.0.dtd\">\n",
    "<plist version=\"1.0\">\n",
);

const LINE: &str = "\n\t\t\t\t\t\t\t\t";

/// Bytes that are enough for most profiles.
const ROOM: usize = 8 << 10;

/// Bytes a line of base64: 68 characters, as Apple's tools write.
const DATA_LINE: usize = 51;
