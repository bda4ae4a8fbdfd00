//! A property list as one text that every reader can print: types named, nothing rounded, keys in their order.

use std::time::{SystemTime, UNIX_EPOCH};

use plist::{Dictionary, Value};

/// The text of a dictionary. Dates are whole seconds since 1970, reals their eight bytes, data hexadecimal.
///
/// # Panics
/// On a UID, which no profile holds.
pub fn dictionary(dictionary: &Dictionary) -> String {
    let pairs: Vec<_> = dictionary.iter().map(|(key, item)| format!("{}:{}", text(key), value(item))).collect();
    format!("{{{}}}", pairs.join(","))
}

fn value(item: &Value) -> String {
    match item {
        Value::Dictionary(items) => dictionary(items),
        Value::Array(items) => format!("[{}]", items.iter().map(value).collect::<Vec<_>>().join(",")),
        Value::String(string) => text(string),
        Value::Boolean(boolean) => boolean.to_string(),
        Value::Integer(integer) => integer.to_string(),
        Value::Real(real) => format!("real {}", hexadecimal(&real.to_be_bytes())),
        Value::Data(data) => format!("data {}", hexadecimal(data)),
        Value::Date(date) => format!("date {}", seconds((*date).into())),
        other => panic!("no profile holds {other:?}"),
    }
}

/// As JSON writes it when it keeps to ASCII.
fn text(string: &str) -> String {
    let mut quoted = String::from("\"");
    for unit in string.encode_utf16() {
        match u8::try_from(unit) {
            Ok(plain @ 0x20..0x7f) if !matches!(plain, b'"' | b'\\') => quoted.push(char::from(plain)),
            _ => quoted.push_str(&format!("\\u{unit:04x}")),
        }
    }
    quoted + "\""
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn seconds(time: SystemTime) -> i64 {
    match time.duration_since(UNIX_EPOCH) {
        Ok(after) => i64::try_from(after.as_secs()).unwrap(),
        Err(before) => {
            let before = before.duration();
            -i64::try_from(before.as_secs()).unwrap() - i64::from(before.subsec_nanos() > 0)
        }
    }
}
