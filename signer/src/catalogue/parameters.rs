//! Parameters of a request: from JSON to the text that a placeholder takes, by its declared type.

use profile_kit::template::{Declarations, Kind, Placeholder, Values};
use serde_json::{Map, Value};

use super::LONGEST_NAME;
use crate::{Refusal, refusal::ParameterProblem};

/// The values of all parameters that are given, as text.
///
/// # Errors
/// [`Refusal::InvalidParameters`] with everything that is missing, unknown or wrong, up to a hundred.
pub(super) fn values(allowed: &Declarations, given: &Map<String, Value>) -> Result<Values, Refusal> {
    let mut values = Values::new();
    let unknown = given.keys().filter(|name| !allowed.contains_key(*name));
    let mut problems: Vec<_> = unknown.map(|name| problem(name, "is not a parameter of this spec".into())).collect();
    for (name, placeholder) in allowed {
        match value(name, placeholder, given.get(name)) {
            Ok(Some(text)) => drop(values.insert(name.clone(), text)),
            Ok(None) => {}
            Err(sentence) => problems.push(problem(name, sentence)),
        }
    }
    problems.truncate(MOST_PROBLEMS);
    if problems.is_empty() { Ok(values) } else { Err(Refusal::InvalidParameters { problems }) }
}

/// The text of a value; `None` where the default serves.
fn value(name: &str, placeholder: &Placeholder, given: Option<&Value>) -> Result<Option<String>, String> {
    let text = match given {
        Some(value) => Some(text(placeholder.kind, value).ok_or_else(|| format!("is not {}", placeholder.kind))?),
        None => None,
    };
    // Name and value the caller knows.
    placeholder.value(name, text.as_deref()).map_err(|problem| problem.fault.to_string())?;
    Ok(text)
}

/// A JSON value as text, if it is of the JSON type that a kind takes.
fn text(kind: Kind, value: &Value) -> Option<String> {
    match (kind, value) {
        (Kind::String | Kind::Date | Kind::Data, Value::String(text)) => Some(text.clone()),
        (Kind::Integer | Kind::Real, Value::Number(number)) => Some(number.to_string()),
        (Kind::Boolean, Value::Bool(flag)) => Some(flag.to_string()),
        _ => None,
    }
}

fn problem(name: &str, problem: String) -> ParameterProblem {
    ParameterProblem { name: name.chars().take(LONGEST_NAME).collect(), problem }
}

/// More than this nobody reads.
const MOST_PROBLEMS: usize = 100;
