//! Text for people: one line each, nothing from a file reaches the terminal unescaped, secrets are redacted.

use std::{
    fmt::Write as _,
    io::{self, Write},
    time::{SystemTime, UNIX_EPOCH},
};

use anstyle::{AnsiColor, Style};
use plist::Value;
use profile_kit::{
    check::{Finding, Severity},
    redact::REDACTED,
};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

pub use profile_kit::redact::{escape, hostile};

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

/// Tells what a check has to say that may stand in a profile's way, on standard error.
pub fn findings(file: &str, findings: &[Finding]) {
    for finding in findings.iter().filter(|finding| finding.severity >= Severity::Warning) {
        warning(&format!("{file}: {finding}"));
    }
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
    print(&json(results))
}

fn json(results: &[serde_json::Value]) -> String {
    safe_json(&serde_json::json!({"format": 1, "results": results})) + "\n"
}

/// What would steer a terminal can only stand in strings, where JSON has an escape for it (RFC 8259 §7).
pub fn safe_json(value: &serde_json::Value) -> String {
    let text = serde_json::to_string_pretty(value).expect("values without keys that are no strings");
    let mut safe = String::with_capacity(text.len() + 1);
    for c in text.chars() {
        match hostile(c) && c != '\n' {
            true => c.encode_utf16(&mut [0; 2]).iter().for_each(|unit| safe += &format!("\\u{unit:04x}")),
            false => safe.push(c),
        }
    }
    safe
}

/// A style for words that matter.
pub fn bold() -> Style {
    Style::new().bold()
}

/// A value of a property list in one line; strings are quoted and cut. Secrets are the caller's to redact.
pub fn value(value: &Value) -> String {
    match value {
        Value::String(text) if text == REDACTED => text.clone(),
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
    let since = moment.duration_since(UNIX_EPOCH).map_or_else(
        |before| time::Duration::try_from(before.duration()).map(|length| -length),
        time::Duration::try_from,
    );
    let moment = since.ok().and_then(|since| OffsetDateTime::UNIX_EPOCH.checked_add(since));
    let whole = moment.and_then(|moment| moment.replace_nanosecond(0).ok());
    let text = whole.and_then(|moment| moment.format(&Rfc3339).ok());
    text.unwrap_or_else(|| "a time out of range".into())
}

/// Reads a moment in RFC 3339.
pub fn parse_time(text: &str) -> Result<SystemTime, String> {
    let moment = OffsetDateTime::parse(text, &Rfc3339).ok().and_then(OffsetDateTime::checked_to_utc);
    let moment = moment.ok_or("not a time in RFC 3339, such as 2026-04-01T00:00:00Z")?;
    match moment.year() {
        1970..=9999 => Ok(moment.into()),
        _ => Err("not in the years 1970 to 9999".into()),
    }
}

/// Every line moved to the right.
pub fn indented(text: &str, by: usize) -> String {
    let lines: Vec<String> = text.lines().map(|line| format!("{:by$}{line}", "")).collect();
    lines.join("\n")
}

const LONGEST: usize = 200;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_holds_no_character_that_steers_a_terminal() {
        let text = json(&[serde_json::json!({"a": "\u{9b}31m\u{202e}\n"})]);
        assert!(text.contains("\\u009b31m\\u202e\\n"), "{text}");
    }
}
