//! Values of a spec as values of a property list.

use base64::{Engine, engine::general_purpose::STANDARD};
use plist::{Dictionary, Value};
use toml::Table;

use crate::{Error, KeyPath, Place, Result, template};

/// A TOML table as a dictionary, in its order.
///
/// `{ data = "base64" }` becomes data and `{ date = "RFC 3339" }` a date, as does a TOML date-time with an offset.
pub(super) fn dictionary(table: &Table, path: &KeyPath) -> Result<Dictionary> {
    let mut dictionary = Dictionary::new();
    for (key, item) in table {
        dictionary.insert(key.clone(), value(item, &path.key(key))?);
    }
    Ok(dictionary)
}

fn value(item: &toml::Value, path: &KeyPath) -> Result<Value> {
    match item {
        toml::Value::String(text) => Ok(Value::String(text.clone())),
        toml::Value::Integer(number) => Ok(Value::Integer((*number).into())),
        toml::Value::Float(number) if number.is_finite() => Ok(Value::Real(*number)),
        toml::Value::Float(_) => Err(wrong(path, "is not a finite number")),
        toml::Value::Boolean(flag) => Ok(Value::Boolean(*flag)),
        toml::Value::Datetime(moment) => date(&moment.to_string(), path),
        toml::Value::Array(items) => {
            let items = items.iter().enumerate().map(|(index, item)| value(item, &path.index(index)));
            Ok(Value::Array(items.collect::<Result<_>>()?))
        }
        toml::Value::Table(table) => match only_text(table) {
            Some(("data", text)) => data(text, path),
            Some(("date", text)) => date(text, path),
            _ => dictionary(table, path).map(Value::Dictionary),
        },
    }
}

/// The key and text of a table that has one key with a string.
fn only_text(table: &Table) -> Option<(&str, &str)> {
    let (key, item) = table.iter().next().filter(|_| table.len() == 1)?;
    Some((key, item.as_str()?))
}

fn data(text: &str, path: &KeyPath) -> Result<Value> {
    if template::names(text).next().is_some() {
        return Err(wrong(
            path,
            "is a placeholder inside data: declare the placeholder with type = \"data\" and write \"{{name}}\"",
        ));
    }
    let compact: String = text.split_ascii_whitespace().collect();
    STANDARD.decode(compact).map(Value::Data).map_err(|_| wrong(path, "is not base64"))
}

fn date(text: &str, path: &KeyPath) -> Result<Value> {
    let date = template::date(text).map(Value::Date);
    date.ok_or_else(|| wrong(path, &format!("{text:?} is not a date: RFC 3339 with an offset, whole seconds")))
}

fn wrong(path: &KeyPath, problem: &str) -> Error {
    Error::Spec { place: Place::path(path.clone()), problem: problem.to_owned() }
}
