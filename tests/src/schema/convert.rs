//! One of Apple's files as lines of the table.

use std::collections::{BTreeMap, BTreeSet};

use super::yaml::{Document, Place};

/// The lines of a payload type.
pub(super) fn payload(file: &str, document: &Document) -> String {
    let payload = document.find(Document::ROOT, "payload").unwrap();
    let kind = document.text(document.find(payload, "payloadtype").unwrap());
    known(document, Document::ROOT, &["title", "description", "payload", "payloadkeys", "notes"], file);
    known(document, payload, &["payloadtype", "supportedOS", "content"], file);
    let groups = Groups::of(document);
    let mut converter = Converter { file, document, groups, lines: String::new() };
    let other_name = if file == kind { String::new() } else { format!(" {}", quoted(file)) };
    converter.line(0, &format!("payload {}{other_name}", quoted(kind)));
    for system in converter.systems(payload) {
        converter.line(1, &system);
    }
    converter.groups();
    converter.keys(document.find(Document::ROOT, "payloadkeys").unwrap(), 1);
    converter.lines
}

struct Converter<'a> {
    file: &'a str,
    document: &'a Document,
    groups: Groups,
    lines: String,
}

impl Converter<'_> {
    fn line(&mut self, depth: usize, words: &str) {
        self.lines += &"  ".repeat(depth);
        self.lines += words;
        self.lines.push('\n');
    }

    fn groups(&mut self) {
        for (place, name) in self.groups.shared.clone() {
            self.line(1, &format!("group {}", quoted(&name)));
            self.keys(place, 2);
        }
    }

    fn keys(&mut self, list: Place, depth: usize) {
        for key in self.document.items(list) {
            let words = self.key(key);
            self.line(depth, &words);
            match self.document.find(key, "subkeys") {
                Some(below) if self.groups.name(below).is_none() => self.keys(below, depth + 1),
                _ => {}
            }
        }
    }

    fn key(&self, key: Place) -> String {
        known(self.document, key, KEY, self.file);
        let text = |name: &str| self.document.find(key, name).map(|value| self.document.text(value));
        let mut words = format!("{} {}", named(text("key").unwrap()), unbracketed(text("type").unwrap()));
        if let Some(subtype) = text("subtype").map(unbracketed).or(text("subkeytype")) {
            words += &format!("<{}>", quoted(subtype));
        }
        match text("presence") {
            Some("required") => words += " required",
            Some("optional") | None => {}
            Some(other) => panic!("{}: presence {other}", self.file),
        }
        if let Some(list) = self.document.find(key, "rangelist") {
            let values: Vec<_> = self.document.items(list).map(|value| quoted(self.document.text(value))).collect();
            words += &format!(" in={}", values.join(","));
        }
        for (name, word) in [("range", "range"), ("repetition", "count")] {
            if let Some(bounds) = self.document.find(key, name) {
                words += &format!(" {word}={}", self.bounds(bounds));
            }
        }
        for (name, word) in [("format", "format"), ("default", "default")] {
            words.extend(text(name).map(|value| format!(" {word}={}", quoted(value))));
        }
        let group = self.document.find(key, "subkeys").and_then(|below| self.groups.name(below));
        words.extend(group.map(|name| format!(" keys={}", quoted(name))));
        words.extend(self.systems(key).iter().map(|system| format!(" {system}")));
        words
    }

    fn bounds(&self, bounds: Place) -> String {
        known(self.document, bounds, &["min", "max"], self.file);
        let end = |name| self.document.find(bounds, name).map_or("", |value| self.document.text(value));
        format!("{}..{}", end("min"), end("max"))
    }

    fn systems(&self, thing: Place) -> Vec<String> {
        let Some(systems) = self.document.find(thing, "supportedOS") else { return Vec::new() };
        let system = |(platform, facts)| format!("@{platform}:{}", self.support(facts).join(","));
        self.document.entries(systems).map(system).collect()
    }

    fn support(&self, facts: Place) -> Vec<String> {
        known(self.document, facts, SUPPORT, self.file);
        let find = |map, name: &str| self.document.find(map, name);
        let text = |map, name: &str| find(map, name).map(|value| self.document.text(value));
        let flag = |map, name: &str, word: &str| {
            text(map, name).map(|value| match value {
                "true" => format!("+{word}"),
                "false" => format!("-{word}"),
                other => panic!("{}: {name} {other}", self.file),
            })
        };
        let mut words: Vec<_> = text(facts, "introduced").map(String::from).into_iter().collect();
        words
            .extend(["deprecated", "removed"].iter().filter_map(|name| Some(format!("{name}={}", text(facts, name)?))));
        words.extend(FLAGS.iter().filter_map(|(name, word)| flag(facts, name, word)));
        if let Some(enrolment) = find(facts, "userenrollment") {
            known(self.document, enrolment, &["mode"], self.file);
            words.extend(text(enrolment, "mode").map(|mode| format!("enrolment={mode}")));
        }
        if let Some(ipad) = find(facts, "sharedipad") {
            known(self.document, ipad, &["mode", "devicechannel", "userchannel"], self.file);
            words.extend(text(ipad, "mode").map(|mode| format!("ipad={mode}")));
            words.extend(flag(ipad, "devicechannel", "ipad-device"));
            words.extend(flag(ipad, "userchannel", "ipad-user"));
        }
        words
    }
}

/// The lists of keys that stand in several places, with the names that they get.
struct Groups {
    shared: Vec<(Place, String)>,
}

impl Groups {
    fn of(document: &Document) -> Self {
        let mut found = Found::default();
        found.look(document, document.find(Document::ROOT, "payloadkeys").unwrap());
        let mut names = BTreeSet::new();
        let shared = found.order.into_iter().filter(|(place, _)| found.times[place] > 1).map(|(place, name)| {
            let numbered = (2..).map(|number| format!("{name}-{number}"));
            let free = std::iter::once(name.clone()).chain(numbered).find(|name| !names.contains(name)).unwrap();
            names.insert(free.clone());
            (place, free)
        });
        Self { shared: shared.collect() }
    }

    fn name(&self, place: Place) -> Option<&str> {
        self.shared.iter().find(|(shared, _)| *shared == place).map(|(_, name)| name.as_str())
    }
}

/// How often each list of keys is met, and what the first key that holds it calls it.
#[derive(Default)]
struct Found {
    order: Vec<(Place, String)>,
    times: BTreeMap<Place, usize>,
}

impl Found {
    fn look(&mut self, document: &Document, list: Place) {
        for key in document.items(list) {
            let Some(below) = document.find(key, "subkeys") else { continue };
            let times = self.times.entry(below).or_insert(0);
            *times += 1;
            if *times == 1 {
                let name = document.find(key, "subkeytype").or(document.find(key, "key")).unwrap();
                self.order.push((below, document.text(name).into()));
                self.look(document, below);
            }
        }
    }
}

/// # Panics
/// Where a map has another key than those.
fn known(document: &Document, map: Place, keys: &[&str], file: &str) {
    for (key, _) in document.entries(map) {
        assert!(keys.contains(&key), "{file}: {key} is new to the table");
    }
}

fn unbracketed(kind: &str) -> &str {
    kind.strip_prefix('<').and_then(|kind| kind.strip_suffix('>')).unwrap_or(kind)
}

/// A key, told apart from the table's own words.
fn named(key: &str) -> String {
    if ["group", "payload"].contains(&key) { format!("{key:?}") } else { quoted(key) }
}

/// A word of the table.
fn quoted(text: &str) -> String {
    assert!(!text.contains('\n'), "a line holds no other line: {text:?}");
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    if !text.is_empty() && text.chars().all(plain) {
        return text.to_owned();
    }
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

const KEY: &[&str] = &[
    "key",
    "title",
    "content",
    "type",
    "presence",
    "subtype",
    "subkeytype",
    "subkeys",
    "rangelist",
    "range",
    "repetition",
    "format",
    "default",
    "supportedOS",
];

const SUPPORT: &[&str] = &[
    "introduced",
    "deprecated",
    "removed",
    "multiple",
    "supervised",
    "allowmanualinstall",
    "devicechannel",
    "userchannel",
    "requiresdep",
    "userapprovedmdm",
    "userenrollment",
    "sharedipad",
];

/// Apple's words for what is true or false, and the table's.
const FLAGS: &[(&str, &str)] = &[
    ("multiple", "multiple"),
    ("supervised", "supervised"),
    ("allowmanualinstall", "by-hand"),
    ("devicechannel", "device"),
    ("userchannel", "user"),
    ("requiresdep", "dep"),
    ("userapprovedmdm", "approved"),
];
