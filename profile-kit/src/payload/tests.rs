//! One suite over every payload type, and Apple's schema and real profiles as judges.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use super::*;
use crate::{Profile, document};

#[test]
fn every_type_keeps_what_it_reads_when_made_anew() {
    for known in known_types() {
        let payload = sample_payload(known);
        let remade = (known.remake)(&payload).unwrap();
        assert_eq!(xml(&remade), xml(&payload), "{}", known.kind);
    }
}

#[test]
fn every_type_writes_back_in_the_order_that_it_found() {
    for known in known_types() {
        let forward = sample_payload(known);
        let mut backward = Payload::from_dictionary(reversed(&forward.into_dictionary()));
        let before = xml(&backward);
        (known.rewrite)(&mut backward).unwrap();
        assert_eq!(xml(&backward), before, "{}", known.kind);
    }
}

#[test]
fn every_type_refuses_another_kind_of_value_and_names_the_key() {
    for known in known_types() {
        for key in known.keys {
            let mut payload = Payload::new(known.kind);
            payload.insert(key.name, Value::Uid(plist::Uid::new(7)));
            let problem = check_known(&payload).unwrap().unwrap_err().to_string();
            assert!(problem.ends_with(&format!(": is a UID, not {}", key.kind)), "{}: {problem}", known.kind);
            assert!(problem.contains(key.name), "{}: {problem}", known.kind);
        }
    }
}

#[test]
fn refuses_to_read_a_payload_of_another_type() {
    let problem = Payload::new("com.apple.wifi.managed").read::<Restrictions>().unwrap_err().to_string();
    assert_eq!(problem, r#"PayloadType: is "com.apple.wifi.managed", not "com.apple.applicationaccess""#);
}

#[test]
fn a_payload_of_a_type_without_a_struct_is_not_judged() {
    assert!(check_known(&Payload::new("com.example.unknown")).is_none());
}

#[test]
fn debug_of_a_payload_names_its_keys_and_no_value() {
    let payload = Payload::from(RemovalPassword { password: Some("horse".into()), ..Default::default() });
    let shown = format!("{payload:?}");
    assert!(shown.contains("RemovalPassword") && !shown.contains("horse"), "{shown}");
}

#[test]
fn every_key_that_is_named_a_password_or_a_secret_is_one() {
    fn look(keys: &[Key], depth: usize) {
        for key in keys.iter().filter(|_| depth < DEEP) {
            let name = key.name;
            let sounds_secret = ["Password", "Secret", "Challenge"].iter().any(|word| name.ends_with(word));
            if sounds_secret && matches!(key.kind, Kind::String | Kind::Data) {
                assert!(key.secret, "{name}");
            }
            look(key.keys(), depth + 1);
        }
    }
    known_types().iter().for_each(|known| look(known.keys, 0));
}

#[test]
fn every_type_is_registered_once() {
    let kinds: Vec<_> = known_types().iter().map(|known| known.kind).collect();
    for kind in &kinds {
        assert_eq!(kinds.iter().filter(|other| *other == kind).count(), 1, "{kind}");
    }
}

#[test]
fn keys_kinds_and_requirements_are_those_of_apples_schema() {
    let Some(folder) = corpus("apple-schema") else { return };
    for known in known_types() {
        let text = fs::read_to_string(folder.join(format!("{}.yaml", known.kind))).unwrap();
        let schema = schema_keys(&text);
        assert!(!schema.is_empty(), "{}", known.kind);
        compare(known.keys, &schema, known.kind);
    }
}

#[test]
fn real_payloads_read_as_their_types_and_write_back_unchanged() {
    let Some(root) = corpus("") else { return };
    let files = [files_below(&root.join("unsigned")), files_below(&root.join("removal"))].concat();
    let mut refused = BTreeMap::new();
    let mut seen = 0;
    for (file, payload) in files.iter().flat_map(|file| payloads_of(file).into_iter().map(move |one| (file, one))) {
        let Some(known) = known_types().iter().find(|known| Some(known.kind) == payload.kind()) else { continue };
        seen += 1;
        let mut rewritten = payload.clone();
        match (known.rewrite)(&mut rewritten) {
            Ok(()) => assert_eq!(xml(&rewritten), xml(&payload), "{}", file.display()),
            Err(problem) => {
                let name = file.file_name().unwrap().to_string_lossy().into_owned();
                refused.insert(name, problem.to_string());
            }
        }
    }
    let expected = WRONG_TYPES.iter().map(|&(file, problem)| (file.to_owned(), problem.to_owned())).collect();
    assert_eq!(refused, expected);
    assert!(seen > 90, "{seen} payloads only");
}

/// Real files that hold another type than Apple's schema has, all of one generator of examples: it writes base64 as
/// text, and one item without its array.
const WRONG_TYPES: &[(&str, &str)] = &[
    (
        "mosen+profiledocs__source__static_examples_com.apple.homescreenlayout.mobileconfig",
        "Pages[0]: is a dictionary, not an array",
    ),
    (
        "mosen+profiledocs__source__static_examples_com.apple.mdm.mobileconfig",
        "ServerCapabilities: is a string, not an array",
    ),
    (
        "mosen+profiledocs__source__static_examples_com.apple.security.pem.mobileconfig",
        "PayloadContent: is a string, not data",
    ),
    (
        "mosen+profiledocs__source__static_examples_com.apple.security.pkcs1.mobileconfig",
        "PayloadContent: is a string, not data",
    ),
    (
        "mosen+profiledocs__source__static_examples_com.apple.security.pkcs12.mobileconfig",
        "PayloadContent: is a string, not data",
    ),
    (
        "mosen+profiledocs__source__static_examples_com.apple.security.root.mobileconfig",
        "PayloadContent: is a string, not data",
    ),
    (
        "mosen+profiledocs__source__static_examples_com.apple.security.scep.mobileconfig",
        "PayloadContent.CAFingerprint: is a string, not data",
    ),
    (
        "mosen+profiledocs__source__static_examples_com.apple.wifi.managed.mobileconfig",
        "SetupModes: is a string, not an array",
    ),
];

/// A payload with a value for every key of its type, at every depth, and unknown keys after them.
fn sample_payload(known: &KnownType) -> Payload {
    let mut payload = Payload::new(known.kind);
    for (key, value) in sample_dictionary(known.keys, 0) {
        payload.insert(key, value);
    }
    payload
}

fn sample_dictionary(keys: &[Key], depth: usize) -> Dictionary {
    let mut dictionary = Dictionary::new();
    for key in keys.iter().filter(|_| depth < DEEP) {
        dictionary.insert(key.name.into(), sample(&key.kind, depth));
    }
    dictionary.insert("UnknownText".into(), "kept".into());
    dictionary.insert("UnknownList".into(), Value::Array(vec![1.into(), false.into()]));
    dictionary
}

fn sample(kind: &Kind, depth: usize) -> Value {
    match kind {
        Kind::Boolean => true.into(),
        Kind::Integer => (-42).into(),
        Kind::Real => Value::Real(1.5),
        Kind::Date => Value::Date(std::time::UNIX_EPOCH.into()),
        Kind::Data => Value::Data(vec![0, 1, 2]),
        Kind::Array(item) => Value::Array(vec![sample(item, depth), sample(item, depth)]),
        Kind::Dictionary(keys) => Value::Dictionary(sample_dictionary(keys(), depth + 1)),
        Kind::String | Kind::Any => "text".into(),
    }
}

/// How far the samples follow dictionaries that hold themselves.
const DEEP: usize = 5;

fn reversed(dictionary: &Dictionary) -> Dictionary {
    let mut entries: Vec<_> = dictionary.iter().map(|(key, value)| (key.clone(), reversed_value(value))).collect();
    entries.reverse();
    entries.into_iter().collect()
}

fn reversed_value(value: &Value) -> Value {
    match value {
        Value::Dictionary(dictionary) => Value::Dictionary(reversed(dictionary)),
        Value::Array(items) => Value::Array(items.iter().map(reversed_value).collect()),
        other => other.clone(),
    }
}

/// Dictionaries are equal in any order of keys; their XML is not.
fn xml(payload: &Payload) -> String {
    String::from_utf8(document::to_xml(&payload.to_dictionary()).unwrap()).unwrap()
}

fn corpus(part: &str) -> Option<PathBuf> {
    let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/corpus"));
    if folder.is_dir() {
        return Some(folder.join(part));
    }
    assert!(std::env::var("REQUIRE_JUDGES").as_deref() != Ok("1"), "corpus is absent");
    println!("skipped: corpus is absent (../shared/corpus)");
    None
}

fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths.into_iter().flat_map(|path| if path.is_dir() { files_below(&path) } else { vec![path] }).collect()
}

fn payloads_of(file: &Path) -> Vec<Payload> {
    Profile::from_bytes(&fs::read(file).unwrap()).map(|profile| profile.payloads().to_vec()).unwrap_or_default()
}

fn compare(ours: &[Key], schema: &[SchemaKey], at: &str) {
    let theirs: Vec<_> = schema.iter().map(|key| (key.name.as_str(), key.kind.as_str(), key.required)).collect();
    let known: Vec<_> = ours
        .iter()
        .filter(|key| !BORROWED.contains(&(at, key.name)))
        .map(|key| (key.name, word(&key.kind), key.required))
        .collect();
    assert_eq!(known, theirs, "{at}");
    for key in schema {
        let own = ours.iter().find(|own| own.name == key.name).unwrap();
        compare_inside(&own.kind, key, &format!("{at} {}", key.name));
    }
}

fn compare_inside(ours: &Kind, schema: &SchemaKey, at: &str) {
    match (ours, schema.inside.as_slice()) {
        (Kind::Array(item), [only]) if !matches!(item, Kind::Any) => {
            assert_eq!(word(item), only.kind, "{at}");
            compare_inside(item, only, at);
        }
        // An open dictionary here, or an alias to an outer one there, has nothing to compare.
        (Kind::Dictionary(keys), inside) if !keys().is_empty() && !inside.is_empty() => compare(keys(), inside, at),
        _ => {}
    }
}

/// Keys of on-demand rules that the schema has for a VPN only.
const BORROWED: &[(&str, &str)] = &[
    ("com.apple.dnsSettings.managed OnDemandRules ActionParameters", "RequiredDNSServers"),
    ("com.apple.dnsSettings.managed OnDemandRules ActionParameters", "RequiredURLStringProbe"),
];

fn word(kind: &Kind) -> &'static str {
    match kind {
        Kind::Boolean => "boolean",
        Kind::Integer => "integer",
        Kind::Real => "real",
        Kind::String => "string",
        Kind::Date => "date",
        Kind::Data => "data",
        Kind::Array(_) => "array",
        Kind::Dictionary(_) => "dictionary",
        Kind::Any => "any",
    }
}

#[derive(Default)]
struct SchemaKey {
    name: String,
    kind: String,
    required: bool,
    inside: Vec<SchemaKey>,
}

/// The keys below `payloadkeys:` of one of Apple's schema files, by indentation: as much of YAML as they need.
fn schema_keys(text: &str) -> Vec<SchemaKey> {
    let lines = text.lines().skip_while(|line| *line != "payloadkeys:").skip(1);
    let lines: Vec<_> = lines.take_while(|line| line.is_empty() || line.starts_with([' ', '-'])).collect();
    keys_at(&lines, 0)
}

fn keys_at(lines: &[&str], column: usize) -> Vec<SchemaKey> {
    let starts: Vec<_> = (0..lines.len()).filter(|&at| is_key(lines[at], column)).collect();
    let ends = starts.iter().skip(1).copied().chain([lines.len()]);
    starts.iter().zip(ends).map(|(&start, end)| schema_key(&lines[start..end], column)).collect()
}

fn is_key(line: &str, column: usize) -> bool {
    line.find(|c| c != ' ') == Some(column) && line[column..].starts_with("- key: ")
}

fn schema_key(lines: &[&str], column: usize) -> SchemaKey {
    let property = |name: &str| {
        let start = format!("{}{name}: ", " ".repeat(column + 2));
        lines.iter().find_map(|line| line.strip_prefix(&start))
    };
    SchemaKey {
        name: lines[0][column + "- key: ".len()..].to_owned(),
        kind: property("type").unwrap_or_default().trim_matches(['<', '>']).to_owned(),
        required: property("presence") == Some("required"),
        inside: keys_at(&lines[1..], column + 2),
    }
}
