//! Values of a spec as values of a property list.

use base64::{Engine, engine::general_purpose::STANDARD};
use plist::{Dictionary, Value};
use toml::Table;

use crate::{Error, KeyPath, Place, Result, template};

/// A TOML table as a dictionary, in its order.
///
/// `{ data = "base64" }` becomes data and `{ date = "RFC 3339" }` a date, as does a TOML date-time with an offset, in
/// such a table or alone.
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
        toml::Value::Table(table) => match only(table) {
            Some(("data", toml::Value::String(text))) => data(text, path),
            Some(("data", other)) => Err(wrong(path, &format!("data is base64 in quotes, not {}", kind(other)))),
            Some(("date", toml::Value::String(text))) => date(text, path),
            Some(("date", toml::Value::Datetime(moment))) => date(&moment.to_string(), path),
            Some(("date", other)) => Err(wrong(path, &format!("a date is RFC 3339, not {}", kind(other)))),
            _ => dictionary(table, path).map(Value::Dictionary),
        },
    }
}

/// The key and value of a table that has one key.
fn only(table: &Table) -> Option<(&str, &toml::Value)> {
    let (key, item) = table.iter().next().filter(|_| table.len() == 1)?;
    Some((key, item))
}

/// As in `an integer`.
fn kind(item: &toml::Value) -> String {
    let name = item.type_str();
    let article = if name.starts_with(['a', 'i']) { "an" } else { "a" };
    format!("{article} {name}")
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
