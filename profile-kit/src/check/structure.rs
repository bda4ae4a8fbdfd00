//! Keys that every profile and payload has, and their types (section 4 of the facts).

use std::collections::HashMap;

use plist::{Dictionary, Value};

use super::{Code, Finding, Findings};
use crate::{KeyPath, Payload, Profile};

pub(super) fn check(profile: &Profile, findings: &mut Findings) {
    let top = profile.to_dictionary();
    let root = KeyPath::root();
    texts(&top, &root, &["PayloadUUID"], findings);
    version(&top, &root, &[1, 2], findings);
    uuid_form(profile.uuid(), &root, findings);
    identifier_form(profile.identifier(), &root, findings);
    optional_keys(&top, findings);
    encryption(profile, findings);
    if profile.payloads().is_empty() && !profile.is_encrypted() {
        let path = root.key("PayloadContent");
        findings.push(Finding::new(Code::EmptyContent, path, "has no payload (1005)"));
    }
    for (index, payload) in profile.payloads().iter().enumerate() {
        check_payload(payload, &root.key("PayloadContent").index(index), findings);
    }
    duplicates(profile, "PayloadUUID", Code::DuplicateUuid, findings);
    duplicates(profile, "PayloadIdentifier", Code::DuplicateIdentifier, findings);
    KeyPath::root().walk(&Value::Dictionary(top), &mut |value, path| {
        if let Value::String(text) = value {
            string(text, path, findings);
        }
    });
}

fn check_payload(payload: &Payload, path: &KeyPath, findings: &mut Findings) {
    let keys = payload.dictionary();
    texts(keys, path, &["PayloadType", "PayloadIdentifier", "PayloadUUID"], findings);
    version(keys, path, &[1], findings);
    uuid_form(payload.uuid(), path, findings);
    if let Some(identifier) = payload.identifier() {
        identifier_form(identifier, path, findings);
    }
}

fn texts(keys: &Dictionary, path: &KeyPath, required: &[&str], findings: &mut Findings) {
    for key in required {
        match keys.get(key) {
            Some(Value::String(text)) if !text.is_empty() => {}
            Some(Value::String(_)) => findings.push(Finding::new(Code::MissingKey, path.key(key), "is empty")),
            Some(_) => findings.push(Finding::new(Code::WrongType, path.key(key), "is not a string")),
            None => findings.push(Finding::new(Code::MissingKey, path.key(key), "is missing")),
        }
    }
}

fn version(keys: &Dictionary, path: &KeyPath, taken: &[i64], findings: &mut Findings) {
    let path = path.key("PayloadVersion");
    let finding = match keys.get("PayloadVersion") {
        Some(Value::Integer(number)) if number.as_signed() == Some(1) => return,
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

fn uuid_form(uuid: Option<&str>, path: &KeyPath, findings: &mut Findings) {
    let Some(uuid) = uuid.filter(|uuid| !uuid.is_empty()) else { return };
    if uuid.len() != 36 || uuid::Uuid::try_parse(uuid).is_err() {
        let message = format!("{uuid:?} is not a UUID as RFC 9562 writes it");
        findings.push(Finding::new(Code::UuidForm, path.key("PayloadUUID"), message));
    }
}

fn identifier_form(identifier: &str, path: &KeyPath, findings: &mut Findings) {
    let strange = |c: char| c.is_control() || c.is_whitespace() || matches!(c, '/' | '\\');
    if let Some(found) = identifier.chars().find(|&c| strange(c)) {
        let message = format!("{identifier:?} holds {found:?}");
        findings.push(Finding::new(Code::IdentifierForm, path.key("PayloadIdentifier"), message));
    }
}

fn optional_keys(top: &Dictionary, findings: &mut Findings) {
    let root = KeyPath::root();
    match top.get("PayloadScope") {
        None => {}
        Some(Value::String(scope)) if scope == "System" || scope == "User" => {}
        Some(_) => {
            let message = "is neither \"System\" nor \"User\"";
            findings.push(Finding::new(Code::ScopeUnknown, root.key("PayloadScope"), message));
        }
    }
    match top.get("TargetDeviceType") {
        None => {}
        Some(Value::Integer(kind)) if kind.as_unsigned().is_some_and(|kind| kind <= 6) => {}
        Some(_) => {
            let path = root.key("TargetDeviceType");
            findings.push(Finding::new(Code::TargetDeviceTypeUnknown, path, "is not an integer from 0 to 6 (1015)"));
        }
    }
    for (key, kind, fits) in TYPED {
        if top.get(key).is_some_and(|value| !fits(value)) {
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
    if profile.is_encrypted() && !profile.payloads().is_empty() {
        let message = "stands in the clear beside EncryptedPayloadContent";
        findings.push(Finding::new(Code::EncryptionFlag, KeyPath::root().key("PayloadContent"), message));
    }
}

/// UUIDs and identifiers are compared without regard to case: devices are not known to tell them apart.
fn duplicates(profile: &Profile, key: &str, code: Code, findings: &mut Findings) {
    let mut first = HashMap::new();
    for (index, payload) in profile.payloads().iter().enumerate() {
        let Some(text) = payload.get(key).and_then(Value::as_string) else { continue };
        let earlier = *first.entry(text.to_ascii_lowercase()).or_insert(index);
        if earlier != index {
            let path = KeyPath::root().key("PayloadContent").index(index).key(key);
            let message = format!("{text:?} is that of PayloadContent[{earlier}] too");
            findings.push(Finding::new(code, path, message));
        }
    }
}

fn string(text: &str, path: &KeyPath, findings: &mut Findings) {
    if !findings.is_full(Code::ControlCharacters)
        && let Some(found) = text.chars().find(|&c| c.is_control() && !matches!(c, '\n' | '\r' | '\t'))
    {
        let message = format!("holds the control character {found:?}");
        findings.push(Finding::new(Code::ControlCharacters, path.clone(), message));
    }
    if !findings.is_full(Code::PlaceholderLeft)
        && let Some(name) = crate::template::names(text).next()
    {
        let message = format!("holds the placeholder {{{{{name}}}}}, never filled");
        findings.push(Finding::new(Code::PlaceholderLeft, path.clone(), message));
    }
}

/// Optional top-level keys with their types (section 4 of the facts); those with rules of their own are not here.
const TYPED: &[(&str, &str, Fits)] = &[
    ("PayloadDisplayName", "string", is_string),
    ("PayloadDescription", "string", is_string),
    ("PayloadOrganization", "string", is_string),
    ("RemovalDate", "date", is_date),
    ("PayloadExpirationDate", "date", is_date),
    ("IsEncrypted", "boolean", is_boolean),
    ("HasRemovalPasscode", "boolean", is_boolean),
    ("ConsentText", "dictionary", is_dictionary),
];

type Fits = fn(&Value) -> bool;

fn is_string(value: &Value) -> bool {
    value.as_string().is_some()
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
