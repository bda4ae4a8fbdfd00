//! One value held against what the schema says of its key.

use plist::Value;

use super::Code;
use crate::{
    schema::{KeySchema, Scalar, Type},
    template,
};

/// What is wrong with a value; the sentence is made when somebody wants it.
pub(super) struct Fault<'a> {
    pub code: Code,
    pub message: Box<dyn FnOnce() -> String + 'a>,
}

/// The first thing that is wrong with a value itself, not with what is in it.
///
/// A text whose placeholder was never filled is no value yet.
pub(super) fn fault<'a>(key: &'static KeySchema, value: &'a Value) -> Option<Fault<'a>> {
    let fault =
        |code, message: Box<dyn FnOnce() -> String + 'a>| (!is_unfilled(value)).then_some(Fault { code, message });
    if !takes(key.kind, value) {
        return fault(Code::SettingType, Box::new(|| format!("is {}, not {}", found(value), phrase(key.kind))));
    }
    if !is_allowed(key, value) {
        let code = if key.values.is_empty() { Code::ValueOutOfRange } else { Code::ValueNotAllowed };
        return fault(code, Box::new(|| format!("is {}, not {}", shown(value), choice(key))));
    }
    match (value, &key.count, &key.format) {
        (Value::Array(items), Some(count), _) if !count.contain(items.len() as f64) => {
            fault(Code::ValueOutOfRange, Box::new(move || format!("has {} items, not {count}", items.len())))
        }
        (Value::String(text), _, Some(format)) if !format.matches(text) => {
            if format.pattern.starts_with("^https://") {
                return fault(Code::MdmNotHttps, Box::new(|| "does not start with https://".into()));
            }
            fault(Code::FormatMismatch, Box::new(|| format!("has not the format {}", format.pattern)))
        }
        _ => None,
    }
}

/// An integer stands for a real: it is the same number.
fn takes(kind: Type, value: &Value) -> bool {
    kind.fits(value) || kind == Type::Real && matches!(value, Value::Integer(_))
}

/// Whether a value is one of those that the schema names, or in its range; where it has neither, every one is.
pub(super) fn is_allowed(key: &KeySchema, value: &Value) -> bool {
    let is_named = key.values.iter().any(|allowed| allowed.is(value)) || is_old_name(key, value);
    match key.range.zip(number(value)) {
        Some((range, number)) => is_named || range.contain(number),
        None => is_named || key.values.is_empty(),
    }
}

/// Apple's schema has `App`, while its own sentences and what MDMs send to home screens have `Application`.
fn is_old_name(key: &KeySchema, value: &Value) -> bool {
    key.name == "Type" && value.as_string() == Some("Application") && key.values.contains(&Scalar::String("App"))
}

fn is_unfilled(value: &Value) -> bool {
    value.as_string().is_some_and(|text| template::names(text).next().is_some())
}

fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Integer(number) => number.as_signed().map(|number| number as f64),
        Value::Real(number) => Some(*number),
        _ => None,
    }
}

/// The values that are allowed, the first of many.
fn choice(key: &KeySchema) -> String {
    let mut shown: Vec<_> = key.values.iter().take(MOST_SHOWN).map(ToString::to_string).collect();
    let more = key.values.len() - shown.len();
    shown.extend((more > 0).then(|| format!("one of {more} more")));
    shown.extend(key.range.map(|range| format!("in {range}")));
    shown.join(" or ")
}

/// A value that has to be one of a few, and is no secret therefore.
fn shown(value: &Value) -> String {
    match value {
        Value::String(text) if text.chars().count() > LONGEST => {
            format!("{:?}…", text.chars().take(LONGEST).collect::<String>())
        }
        Value::String(text) => format!("{text:?}"),
        Value::Integer(number) => number.to_string(),
        Value::Real(number) => format!("{number:?}"),
        other => found(other).into(),
    }
}

fn found(value: &Value) -> &'static str {
    match Type::of(value) {
        Type::Any => "a UID",
        kind => phrase(kind),
    }
}

fn phrase(kind: Type) -> &'static str {
    match kind {
        Type::Any => "any value",
        Type::Array => "an array",
        Type::Boolean => "a boolean",
        Type::Data => "data",
        Type::Date => "a date",
        Type::Dictionary => "a dictionary",
        Type::Integer => "an integer",
        Type::Real => "a real",
        Type::String => "a string",
    }
}

const MOST_SHOWN: usize = 6;
const LONGEST: usize = 40;
