//! Keys that every profile and payload has, and their types (section 4 of the facts).

use std::collections::HashMap;

use plist::Value;

use super::{Code, Finding, Findings, Severity};
use crate::{KeyPath, Payload, Profile, key_path::Trail, template};

pub(super) fn check(profile: &Profile, findings: &mut Findings) {
    keys(profile, Uuids::AreThere, findings);
    duplicates(profile, "PayloadUUID", Code::DuplicateUuid, findings);
    duplicates(profile, "PayloadIdentifier", Code::DuplicateIdentifier, findings);
    profile.walk(&mut |value, place| {
        if let Value::String(text) = value {
            string(text, place, findings);
        }
    });
}

/// Whether UUIDs that are missing are given before anybody sees the profile.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Uuids {
    AreThere,
    Come,
}

/// Whether the keys that every profile and payload has are there, and of their types: all that signing refuses for.
pub(super) fn keys(profile: &Profile, uuids: Uuids, findings: &mut Findings) {
    let root = Trail::Root;
    let top = |key: &str| profile.get(key);
    texts(&top, &root, uuids, &["PayloadUUID"], findings);
    version(&top, &root, &[1, 2], findings);
    uuid_form(profile.uuid(), &root, findings);
    identifier_form(profile.identifier(), &root, findings);
    optional_keys(profile, findings);
    encryption(profile, findings);
    if profile.payloads().is_empty() && !profile.is_encrypted() {
        let path = root.key("PayloadContent");
        findings.push(Finding::new(Code::EmptyContent, path, "has no payload (1005)"));
    }
    for (place, payload) in profile.placed() {
        check_payload(payload, &place, uuids, findings);
    }
}

fn check_payload(payload: &Payload, place: &Trail<'_>, uuids: Uuids, findings: &mut Findings) {
    let keys = |key: &str| payload.get(key);
    texts(&keys, place, uuids, &["PayloadType", "PayloadIdentifier", "PayloadUUID"], findings);
    version(&keys, place, &[1], findings);
    uuid_form(payload.uuid(), place, findings);
    if let Some(identifier) = payload.identifier() {
        identifier_form(identifier, place, findings);
    }
}

/// The value of a key, of a profile or of a payload.
type Keys<'a> = dyn Fn(&str) -> Option<&'a Value> + 'a;

fn texts(keys: &Keys<'_>, place: &Trail<'_>, uuids: Uuids, required: &[&str], findings: &mut Findings) {
    for key in required {
        match keys(key) {
            Some(Value::String(text)) if !text.is_empty() => {}
            Some(Value::String(_)) => findings.push(Finding::new(Code::MissingKey, place.key(key), "is empty")),
            Some(_) => findings.push(Finding::new(Code::WrongType, place.key(key), "is not a string")),
            None if *key == "PayloadUUID" && uuids == Uuids::Come => {}
            None => findings.push(Finding::new(Code::MissingKey, place.key(key), "is missing")),
        }
    }
}

fn version(keys: &Keys<'_>, place: &Trail<'_>, taken: &[i64], findings: &mut Findings) {
    let version = keys("PayloadVersion");
    if version.and_then(Value::as_signed_integer) == Some(1) {
        return;
    }
    let path = place.key("PayloadVersion");
    let finding = match version {
        Some(Value::Integer(number)) if number.as_signed().is_some_and(|number| taken.contains(&number)) => {
            Finding::new(Code::LooseVersion, path, format!("is {number}, not 1"))
        }
        Some(Value::Integer(number)) => Finding::new(Code::BadVersion, path, format!("is {number}, not 1")),
        Some(Value::String(text)) if text == "1" => {
            Finding::new(Code::LooseVersion, path, "is the string \"1\", not the integer 1")
        }
        Some(Value::Real(1.0)) => Finding::new(Code::LooseVersion, path, "is the real 1.0, not the integer 1"),
        Some(_) => Finding::new(Code::WrongType, path, "is not an integer"),
        None => Finding::new(Code::MissingKey, path, "is missing"),
    };
    findings.push(finding);
}

fn uuid_form(uuid: Option<&str>, place: &Trail<'_>, findings: &mut Findings) {
    let Some(uuid) = uuid.filter(|uuid| !uuid.is_empty()) else { return };
    if uuid.len() != 36 || uuid::Uuid::try_parse(uuid).is_err() {
        let message = format!("{uuid:?} is not a UUID as RFC 9562 writes it");
        findings.push(Finding::new(Code::UuidForm, place.key("PayloadUUID"), message));
    }
}

fn identifier_form(identifier: &str, place: &Trail<'_>, findings: &mut Findings) {
    if identifier.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_')) {
        return;
    }
    let strange = |c: char| c.is_control() || c.is_whitespace() || matches!(c, '/' | '\\');
    if let Some(found) = identifier.chars().find(|&c| strange(c)) {
        let message = format!("{identifier:?} holds {found:?}");
        findings.push(Finding::new(Code::IdentifierForm, place.key("PayloadIdentifier"), message));
    }
}

fn optional_keys(profile: &Profile, findings: &mut Findings) {
    let root = KeyPath::root();
    match profile.get("PayloadScope") {
        Some(Value::String(scope)) if scope != "System" && scope != "User" => {
            let message = "is neither \"System\" nor \"User\"";
            let finding = Finding::new(Code::ScopeUnknown, root.key("PayloadScope"), message);
            // Profiles with `system` are published for Macs, and in use.
            let is_loose = scope == "system" || scope == "user";
            findings.push(if is_loose { finding.of_severity(Severity::Warning) } else { finding });
        }
        _ => {}
    }
    match profile.get("TargetDeviceType") {
        None => {}
        Some(Value::Integer(kind)) if kind.as_unsigned().is_some_and(|kind| kind <= 6) => {}
        Some(_) => {
            let path = root.key("TargetDeviceType");
            findings.push(Finding::new(Code::TargetDeviceTypeUnknown, path, "is not an integer from 0 to 6 (1015)"));
        }
    }
    for (key, kind, fits) in TYPED {
        if profile.get(key).is_some_and(|value| !fits(value)) {
            findings.push(Finding::new(Code::WrongType, root.key(key), format!("is not a {kind}")));
        }
    }
}

fn encryption(profile: &Profile, findings: &mut Findings) {
    let flag = profile.get("IsEncrypted").and_then(Value::as_boolean).unwrap_or(false);
    if flag != profile.is_encrypted() {
        let message = match flag {
            true => "is true, and there is no EncryptedPayloadContent",
            false => "is not true, and there is an EncryptedPayloadContent",
        };
        findings.push(Finding::new(Code::EncryptionFlag, KeyPath::root().key("IsEncrypted"), message));
    }
    if profile.is_encrypted() {
        let message = "hides the payloads: none of them is checked";
        let path = KeyPath::root().key("EncryptedPayloadContent");
        findings.push(Finding::new(Code::PayloadsUnseen, path, message).of_severity(Severity::Note));
    }
    if profile.is_encrypted() && !profile.payloads().is_empty() {
        let message = "stands in the clear beside EncryptedPayloadContent";
        findings.push(Finding::new(Code::EncryptionFlag, KeyPath::root().key("PayloadContent"), message));
    }
}

/// UUIDs and identifiers are compared without regard to case: devices are not known to tell them apart.
fn duplicates(profile: &Profile, key: &str, code: Code, findings: &mut Findings) {
    let whole = profile.get(key).and_then(Value::as_string).map(str::to_ascii_lowercase);
    let mut first = HashMap::new();
    for (index, payload) in profile.payloads().iter().enumerate() {
        let Some(text) = payload.get(key).and_then(Value::as_string) else { continue };
        let path = || KeyPath::root().key("PayloadContent").index(index).key(key);
        let lower = text.to_ascii_lowercase();
        if !text.is_empty() && whole.as_ref() == Some(&lower) {
            findings.push(Finding::new(
                Code::DuplicateOfProfile,
                path(),
                format!("{text:?} is that of the profile too"),
            ));
        }
        let earlier = *first.entry(lower).or_insert(index);
        if earlier != index {
            let message = format!("{text:?} is that of PayloadContent[{earlier}] too");
            findings.push(Finding::new(code, path(), message));
        }
    }
}

fn string(text: &str, place: &Trail<'_>, findings: &mut Findings) {
    if text.bytes().any(may_control)
        && let Some(found) =
            text.chars().find(|&c| c.is_control() && !(matches!(c, '\n' | '\r' | '\t') && lines(place)))
    {
        let message = || format!("holds the control character {found:?}");
        findings.push_at(Code::ControlCharacters, Severity::Warning, place, message);
    }
    if let Some(name) = template::names(text).next() {
        let message = || format!("holds the placeholder {{{{{name}}}}}, never filled");
        findings.push_at(Code::PlaceholderLeft, Severity::Warning, place, message);
    } else if let Some(word) = template::misnames(text).next() {
        let message = || format!("holds {{{{{word}}}}}, which is no placeholder: {}", template::NAME);
        findings.push_at(Code::PlaceholderLeft, Severity::Warning, place, message);
    }
}

/// Whether a text may have lines: a name that has some forges a line of a report.
fn lines(place: &Trail<'_>) -> bool {
    !matches!(place, Trail::Key(_, "PayloadDisplayName" | "PayloadOrganization"))
}

/// Whether a byte of UTF-8 may belong to a control character: of C0, DEL, or the first of two of C1.
fn may_control(byte: u8) -> bool {
    byte < 0x20 || byte == 0x7f || byte == 0xc2
}

/// Optional top-level keys with their types (section 4 of the facts); those whose type has a rule of its own are not here.
const TYPED: &[(&str, &str, Fits)] = &[
    ("PayloadDisplayName", "string", is_string),
    ("PayloadDescription", "string", is_string),
    ("PayloadOrganization", "string", is_string),
    ("PayloadScope", "string", is_string),
    ("RemovalDate", "date", is_date),
    ("DurationUntilRemoval", "number", is_number),
    ("PayloadExpirationDate", "date", is_date),
    ("IsEncrypted", "boolean", is_boolean),
    ("HasRemovalPasscode", "boolean", is_boolean),
    ("ConsentText", "dictionary", is_dictionary),
];

type Fits = fn(&Value) -> bool;

fn is_string(value: &Value) -> bool {
    value.as_string().is_some()
}

fn is_number(value: &Value) -> bool {
    matches!(value, Value::Integer(_) | Value::Real(_))
}

fn is_date(value: &Value) -> bool {
    value.as_date().is_some()
}

fn is_boolean(value: &Value) -> bool {
    value.as_boolean().is_some()
}

fn is_dictionary(value: &Value) -> bool {
    value.as_dictionary().is_some()
}
