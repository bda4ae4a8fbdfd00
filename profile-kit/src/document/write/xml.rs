//! Lays out a checked dictionary as XML.

use base64::{Engine, engine::general_purpose::STANDARD};
use plist::{Dictionary, Value};

use crate::document::LARGEST;

/// The whole file. Byte for byte what the `plist` crate writes, but for carriage returns and the last line end.
pub(super) fn write(dictionary: &Dictionary) -> String {
    write_around(dictionary, &mut |_, _, _| unreachable!("the check lets no other types pass"))
}

/// The same with an array as its root.
pub(super) fn write_array_root(items: &[Value]) -> String {
    root(|text| write_array(text, items, 0, &mut |_, _, _| unreachable!("the check lets no other types pass")))
}

/// The whole file; values of types that no profile has go to `other`, with the level at which they stand.
pub(super) fn write_around<F: Other>(dictionary: &Dictionary, other: &mut F) -> String {
    root(|text| write_dictionary(text, dictionary, 0, other))
}

/// What is written in the place of a value of another type than property lists in XML have.
pub(super) trait Other: FnMut(&mut String, &Value, usize) {}

impl<F: FnMut(&mut String, &Value, usize)> Other for F {}

fn root(write: impl FnOnce(&mut String)) -> String {
    let mut text = String::from(HEAD);
    write(&mut text);
    text.push_str("\n</plist>\n");
    text
}

/// A value as it stands at a level.
pub(super) fn write_value<F: Other>(text: &mut String, value: &Value, level: usize, other: &mut F) {
    match value {
        Value::Array(items) => write_array(text, items, level, other),
        Value::Dictionary(dictionary) => write_dictionary(text, dictionary, level, other),
        Value::Boolean(value) => text.push_str(if *value { "<true/>" } else { "<false/>" }),
        Value::Data(data) => write_data(text, data, level),
        Value::Date(date) => write_text(text, "date", &date.to_xml_format()),
        Value::Integer(integer) => write_text(text, "integer", &integer.to_string()),
        Value::Real(real) => write_text(text, "real", &real.to_string()),
        Value::String(string) => write_text(text, "string", string),
        _ => other(text, value, level),
    }
}

fn write_array<F: Other>(text: &mut String, items: &[Value], level: usize, other: &mut F) {
    if items.is_empty() {
        return text.push_str("<array/>");
    }
    text.push_str("<array>");
    for item in items {
        new_line(text, level + 1);
        write_value(text, item, level + 1, other);
    }
    new_line(text, level);
    text.push_str("</array>");
}

fn write_dictionary<F: Other>(text: &mut String, dictionary: &Dictionary, level: usize, other: &mut F) {
    if dictionary.is_empty() {
        return text.push_str("<dict/>");
    }
    text.push_str("<dict>");
    for (key, value) in dictionary {
        new_line(text, level + 1);
        write_text(text, "key", key);
        new_line(text, level + 1);
        write_value(text, value, level + 1, other);
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

fn write_text(text: &mut String, element: &str, content: &str) {
    text.push('<');
    text.push_str(element);
    text.push('>');
    write_escaped(text, content);
    text.push_str("</");
    text.push_str(element);
    text.push('>');
}

fn write_escaped(text: &mut String, content: &str) {
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
    match byte {
        b'<' => Some("&lt;"),
        b'>' => Some("&gt;"),
        b'&' => Some("&amp;"),
        b'\'' => Some("&apos;"),
        b'"' => Some("&quot;"),
        // Bare, it would be a line end to most readers.
        b'\r' => Some("&#13;"),
        _ => None,
    }
}

fn new_line(text: &mut String, level: usize) {
    text.push('\n');
    // A file beyond the bound is refused in the end: it need not become many times as large before.
    if text.len() <= LARGEST {
        match TABS.get(..level) {
            Some(tabs) => text.push_str(tabs),
            None => text.extend(std::iter::repeat_n('\t', level)),
        }
    }
}

const HEAD: &str = concat!(
    "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n",
    "<!DOCTYPE plist PUBLIC \"-//Apple//DTD PLIST 1.0//EN\" \"http://www.apple.com/DTDs/PropertyList-1.0.dtd\">\n",
    "<plist version=\"1.0\">\n",
);

const TABS: &str = "\t\t\t\t\t\t\t\t";

/// Bytes a line of base64: 68 characters, as Apple's tools write.
const DATA_LINE: usize = 51;
