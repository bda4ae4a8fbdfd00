//! SARIF 2.1.0 (OASIS), as code hosts read it.

use std::{
    ffi::OsStr,
    path::{Component, Path},
};

use profile_kit::{
    check::{Code, Finding, Severity},
    inspect::{Broken, Located},
};
use serde_json::{Value, json};

use crate::cli::{files, outcome::Exit, text};

/// How far the entries of the list of results are to the right.
pub const INDENT: usize = 8;

/// Everything before the results.
pub fn head() -> String {
    let driver = json!({
        "name": "profile-kit",
        "version": env!("CARGO_PKG_VERSION"),
        "semanticVersion": env!("CARGO_PKG_VERSION"),
        "rules": rules(),
    });
    let driver = text::indented(&text::safe_json(&driver), 8);
    format!(
        "{{\n  \"$schema\": \"{SCHEMA}\",\n  \"version\": \"2.1.0\",\n  \"runs\": [\n    {{\n      \"tool\": {{\n        \"driver\": {}\n      }},\n      \"columnKind\": \"unicodeCodePoints\",\n      \"results\": [",
        driver.trim_start()
    )
}

/// Everything behind them.
pub fn tail(items: usize, exit: Exit, unread: &[String]) -> String {
    let notification = |problem: &String| json!({"level": "error", "message": message(problem)});
    let invocation = json!({
        "executionSuccessful": exit != Exit::CouldNotAsk,
        "exitCode": exit as u8,
        "toolExecutionNotifications": unread.iter().map(notification).collect::<Vec<_>>(),
    });
    let invocation = text::indented(&text::safe_json(&invocation), 8);
    let close = if items == 0 { "" } else { "\n      " };
    format!("{close}],\n      \"invocations\": [\n{invocation}\n      ]\n    }}\n  ]\n}}\n")
}

/// One finding.
pub fn result(path: &Path, located: &Located) -> String {
    let Finding { code, severity, path: key_path, message: sentence, .. } = &located.finding;
    let sentence = if key_path.0.is_empty() { sentence.clone() } else { format!("{key_path}: {sentence}") };
    let index = Code::ALL.iter().position(|known| known == code);
    let text = with_place(sentence, located.position, located.in_signed_content);
    let position = located.position.filter(|_| !located.in_signed_content);
    let mut result = json!({
        "ruleId": code.word(),
        "ruleIndex": index,
        "level": level(*severity),
        "message": message(&text),
        "locations": [location(path, position, &key_path.to_string())],
        "partialFingerprints": {"finding/v1": format!("{code}:{key_path}")},
    });
    if let Some(device) = located.finding.device_error() {
        result["properties"] = json!({"deviceError": device.to_string()});
    }
    text::safe_json(&result)
}

/// A file that could not be checked.
pub fn broken(path: &Path, broken: &Broken) -> String {
    let key_path = broken.place.path.as_ref().map(ToString::to_string).unwrap_or_default();
    let sentence = if key_path.is_empty() { broken.message.clone() } else { format!("{key_path}: {}", broken.message) };
    let position = broken.place.line.filter(|_| !broken.in_signed_content);
    let index = Broken::WORDS.iter().position(|(word, _)| *word == broken.word).map(|index| Code::ALL.len() + index);
    let mut result = json!({
        "ruleId": broken.word,
        "ruleIndex": index,
        "level": "error",
        "message": message(&with_place(sentence, broken.place.line, broken.in_signed_content)),
        "locations": [location(path, position, &key_path)],
        "partialFingerprints": {"finding/v1": format!("{}:{key_path}", broken.word)},
    });
    if let Some(device) = broken.device {
        result["properties"] = json!({"deviceError": device.to_string()});
    }
    text::safe_json(&result)
}

/// A line of the signed content is none of the file: it is told in words.
fn with_place(sentence: String, position: Option<(usize, usize)>, in_signed_content: bool) -> String {
    match position.filter(|_| in_signed_content) {
        Some((line, column)) => format!("{sentence} (in the signed content, line {line}, column {column})"),
        None => sentence,
    }
}

fn location(path: &Path, position: Option<(usize, usize)>, key_path: &str) -> Value {
    let mut physical = json!({"artifactLocation": {"uri": uri(path)}});
    if let Some((line, column)) = position {
        physical["region"] = json!({"startLine": line, "startColumn": column});
    }
    let mut location = json!({"physicalLocation": physical});
    if !key_path.is_empty() {
        location["logicalLocations"] = json!([{"fullyQualifiedName": key_path, "kind": "property"}]);
    }
    location
}

fn rules() -> Vec<Value> {
    let of_code = |code: &Code| {
        let (fact, advice) = (code.fact(), code.advice());
        json!({
            "id": code.word(),
            "shortDescription": {"text": braced(code.meaning())},
            "help": {"text": braced(&format!("{}: {} To do: {advice}.", fact.number(), fact.statement()))},
            "defaultConfiguration": {"level": level(code.severity())},
            "properties": {"fact": fact.number()},
        })
    };
    let of_word = |(word, meaning): &(&str, &str)| {
        json!({
            "id": word,
            "shortDescription": {"text": meaning},
            "defaultConfiguration": {"level": "error"},
        })
    };
    Code::ALL.iter().map(of_code).chain(Broken::WORDS.iter().map(of_word)).collect()
}

fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Note => "note",
    }
}

/// A message's text: nothing in it is a placeholder (§3.11.5) or a link (§3.11.6).
fn message(text: &str) -> Value {
    let text = braced(text);
    json!({"text": if text.contains("](") { text.replace('[', "\\[") } else { text }})
}

fn braced(text: &str) -> String {
    text.replace('{', "{{").replace('}', "}}")
}

/// The path as a relative reference, or an absolute one as a `file` URI (RFC 3986, RFC 8089): its very bytes, encoded.
fn uri(path: &Path) -> String {
    if files::is_dash(path) {
        return "stdin".into();
    }
    let root = if path.is_absolute() { "file:///" } else { "" };
    let segments = path.components().filter_map(|component| match component {
        Component::Normal(name) => Some(encoded(name)),
        Component::ParentDir => Some("..".into()),
        _ => None,
    });
    root.to_owned() + &segments.collect::<Vec<_>>().join("/")
}

fn encoded(name: &OsStr) -> String {
    let mut encoded = String::new();
    for byte in name.as_encoded_bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => encoded.push(char::from(*byte)),
            byte => encoded += &format!("%{byte:02X}"),
        }
    }
    encoded
}

const SCHEMA: &str = "https://json.schemastore.org/sarif-2.1.0.json";

#[cfg(test)]
mod tests {
    use std::os::unix::ffi::OsStrExt;

    use super::*;

    #[test]
    fn a_path_is_a_uri_of_its_bytes() {
        assert_eq!(uri(Path::new("./a b/ü#%.mobileconfig")), "a%20b/%C3%BC%23%25.mobileconfig");
        assert_eq!(uri(Path::new("../x:y")), "../x%3Ay");
        assert_eq!(uri(Path::new("/tmp/a?b")), "file:///tmp/a%3Fb");
        assert_eq!(uri(Path::new(OsStr::from_bytes(b"\xff"))), "%FF");
    }

    #[test]
    fn a_message_holds_neither_placeholders_nor_links() {
        assert_eq!(message("{0} of [x](https://example.jp)"), json!({"text": "{{0}} of \\[x](https://example.jp)"}));
        assert_eq!(message("PayloadContent[0]"), json!({"text": "PayloadContent[0]"}));
    }
}
