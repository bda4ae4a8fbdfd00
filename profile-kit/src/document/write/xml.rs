//! Lays out a checked dictionary as XML.

use base64::{Engine, engine::general_purpose::STANDARD};
use plist::{Dictionary, Value};

use crate::document::LARGEST;

/// The whole file. Byte for byte what the `plist` crate writes, but for carriage returns and the last line end.
pub(super) fn write(dictionary: &Dictionary) -> String {
    root(|text| write_dictionary(text, dictionary, 0))
}

/// The same with an array as its root.
pub(super) fn write_array_root(items: &[Value]) -> String {
    root(|text| write_array(text, items, 0))
}

fn root(write: impl FnOnce(&mut String)) -> String {
    let mut text = String::from(HEAD);
    write(&mut text);
    text.push_str("\n</plist>\n");
    text
}

fn write_value(text: &mut String, value: &Value, level: usize) {
    match value {
        Value::Array(items) => write_array(text, items, level),
        Value::Dictionary(dictionary) => write_dictionary(text, dictionary, level),
        Value::Boolean(value) => text.push_str(if *value { "<true/>" } else { "<false/>" }),
        Value::Data(data) => write_data(text, data, level),
        Value::Date(date) => write_text(text, "date", &date.to_xml_format()),
        Value::Integer(integer) => write_text(text, "integer", &integer.to_string()),
        Value::Real(real) => write_text(text, "real", &real.to_string()),
        Value::String(string) => write_text(text, "string", string),
        _ => unreachable!("the check lets no other types pass"),
    }
}

fn write_array(text: &mut String, items: &[Value], level: usize) {
    if items.is_empty() {
        return text.push_str("<array/>");
    }
    text.push_str("<array>");
    for item in items {
        new_line(text, level + 1);
        write_value(text, item, level + 1);
    }
    new_line(text, level);
    text.push_str("</array>");
}

fn write_dictionary(text: &mut String, dictionary: &Dictionary, level: usize) {
    if dictionary.is_empty() {
        return text.push_str("<dict/>");
    }
    text.push_str("<dict>");
    for (key, value) in dictionary {
        new_line(text, level + 1);
        write_text(text, "key", key);
        new_line(text, level + 1);
        write_value(text, value, level + 1);
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
    text.extend(["<", element, ">"]);
    for character in content.chars() {
        match character {
            '<' => text.push_str("&lt;"),
            '>' => text.push_str("&gt;"),
            '&' => text.push_str("&amp;"),
            '\'' => text.push_str("&apos;"),
            '"' => text.push_str("&quot;"),
            // Bare, it would be a line end to most readers.
            '\r' => text.push_str("&#13;"),
            other => text.push(other),
        }
    }
    text.extend(["</", element, ">"]);
}

fn new_line(text: &mut String, level: usize) {
    text.push('\n');
    // A file beyond the bound is refused in the end: it need not become many times as large before.
    if text.len() <= LARGEST {
        text.extend(std::iter::repeat_n('\t', level));
    }
}

const HEAD: &str = concat!(
    "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n",
    "<!DOCTYPE plist PUBLIC \"-//Apple//DTD PLIST 1.0//EN\" \"http://www.apple.com/DTDs/PropertyList-1.0.dtd\">\n",
    "<plist version=\"1.0\">\n",
);

/// Bytes a line of base64: 68 characters, as Apple's tools write.
const DATA_LINE: usize = 51;
