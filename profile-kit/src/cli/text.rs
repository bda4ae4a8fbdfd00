//! Text for people: one line each, nothing from a file reaches the terminal unescaped, secrets are redacted.

use std::{
    fmt::Write as _,
    io::{self, Write},
    time::SystemTime,
};

use anstyle::{AnsiColor, Style};
use plist::Value;
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use super::outcome::Failure;

/// Prints `error: …` on standard error.
pub fn error(message: &str) {
    labelled("error", AnsiColor::Red, message);
}

/// Prints `warning: …` on standard error.
pub fn warning(message: &str) {
    labelled("warning", AnsiColor::Yellow, message);
}

/// Prints `note: …` on standard error.
pub fn note(message: &str) {
    labelled("note", AnsiColor::Cyan, message);
}

fn labelled(label: &str, color: AnsiColor, message: &str) {
    let style = color.on_default().bold();
    // Standard error may be closed; there is nobody left to tell.
    let _ = writeln!(anstream::stderr(), "{style}{label}:{style:#} {}", escape(message));
}

/// Writes to standard output; a reader that went away is not an error.
pub fn print(text: &str) -> Result<(), Failure> {
    let mut out = anstream::stdout();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(cause) if cause.kind() != io::ErrorKind::BrokenPipe => {
            Err(Failure::io("standard output", "cannot be written", &cause))
        }
        _ => Ok(()),
    }
}

/// Writes results for machines to standard output: `{"format": 1, "results": [ … ]}`.
pub fn print_json(results: &[serde_json::Value]) -> Result<(), Failure> {
    let document = serde_json::json!({"format": 1, "results": results});
    let text = serde_json::to_string_pretty(&document).expect("values without keys that are no strings");
    print(&format!("{text}\n"))
}

/// A style for words that matter.
pub fn bold() -> Style {
    Style::new().bold()
}

/// Control characters as escapes, so that a file cannot steer the terminal.
pub fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match hostile(c) {
            true => escaped.extend(c.escape_default()),
            false => escaped.push(c),
        }
    }
    escaped
}

/// Controls, and the marks that turn the direction of text (Unicode UAX #9).
fn hostile(c: char) -> bool {
    c.is_control() || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// A value of a property list in one line; strings are quoted and cut, secrets redacted.
pub fn value(key: &str, value: &Value) -> String {
    match value {
        Value::String(text) if secret(key) && !text.is_empty() => "[redacted]".into(),
        Value::Data(_) if secret(key) => "[redacted]".into(),
        Value::String(text) => quoted(text),
        Value::Boolean(flag) => flag.to_string(),
        Value::Integer(number) => number.to_string(),
        Value::Real(number) => format!("{number:?}"),
        Value::Date(date) => date.to_xml_format(),
        Value::Data(bytes) => format!("{} bytes", bytes.len()),
        Value::Array(items) => match items.len() {
            1 => "1 item".into(),
            count => format!("{count} items"),
        },
        Value::Dictionary(keys) => match keys.len() {
            1 => "1 key".into(),
            count => format!("{count} keys"),
        },
        _ => "a value of a kind that profiles do not have".into(),
    }
}

/// Whether a key of Apple's holds a password, a token, a challenge or a key.
pub fn secret(key: &str) -> bool {
    let key = key.to_ascii_lowercase();
    ["password", "passphrase", "secret", "token", "challenge", "psk"].iter().any(|word| key.contains(word))
}

/// In quotes, escaped, at most 200 characters.
pub fn quoted(text: &str) -> String {
    let mut shown = String::from("\"");
    shown.push_str(&escape(&text.chars().take(LONGEST).collect::<String>()));
    match text.chars().count().saturating_sub(LONGEST) {
        0 => shown.push('"'),
        more => drop(write!(shown, "…\" ({more} characters more)")),
    }
    shown
}

/// A moment in RFC 3339, UTC, whole seconds.
pub fn time(moment: SystemTime) -> String {
    let moment = OffsetDateTime::from(moment);
    let whole = moment.replace_nanosecond(0).unwrap_or(moment);
    whole.format(&Rfc3339).unwrap_or_else(|_| "a time out of range".into())
}

/// Reads a moment in RFC 3339.
pub fn parse_time(text: &str) -> Result<SystemTime, String> {
    let moment = OffsetDateTime::parse(text, &Rfc3339);
    moment.map(SystemTime::from).map_err(|_| "not a time in RFC 3339, such as 2026-04-01T00:00:00Z".into())
}

const LONGEST: usize = 200;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_cannot_steer_the_terminal() {
        assert_eq!(escape("a\u{1b}[31mb\n\u{202e}"), "a\\u{1b}[31mb\\n\\u{202e}");
    }

    #[test]
    fn passwords_are_redacted_and_flags_are_not() {
        assert_eq!(value("Password", &Value::String("hunter2".into())), "[redacted]");
        assert_eq!(value("RemovalPassword", &Value::String(String::new())), "\"\"");
        assert_eq!(value("allowPasswordSharing", &Value::Boolean(false)), "false");
    }
}
