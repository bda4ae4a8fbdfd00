//! The table as text: how it is written, and how it is read.
//!
//! A line is one thing, two spaces deeper than what it belongs to:
//!
//! ```text
//! payload TYPE [FILE]                a payload type; its file where that has another name
//!   @iOS:9.3,-multiple,+supervised   what is said of a platform
//!   group NAME                       keys that stand in several places, or below themselves
//!   KEY TYPE<SUBTYPE> FACT…          a key
//! ```
//!
//! A word with other characters than letters, digits and `._-` is quoted, `\` before a quote or `\` in it.

use std::{
    collections::HashMap,
    hash::{BuildHasherDefault, Hasher},
};

use super::{
    Bounds, Format, Introduced, KeySchema, Keys, Mode, PayloadSchema, Platform, Scalar, Support, Systems, Type,
};

/// Everything that the table holds.
pub(super) struct Table {
    pub payloads: Vec<PayloadSchema>,
    pub top_level: PayloadSchema,
    pub common: PayloadSchema,
    /// All dictionaries and arrays; the first is the empty one.
    pub groups: Vec<Group>,
    /// Where the descriptions of a type begin among the payloads, and how many they are.
    by_kind: HashMap<&'static str, (usize, usize), BuildHasherDefault<NameHasher>>,
}

impl Table {
    pub fn parse(text: &'static str) -> Result<Self, Malformed> {
        let mut reader = Reader::new(text);
        let mut payloads = Vec::new();
        while let Some(line) = reader.next_at(0) {
            payloads.push(reader.payload(line).ok_or(Malformed { line: reader.number })?);
        }
        if reader.peek().is_some() {
            return Err(Malformed { line: reader.number });
        }
        let mut take = |kind: &str| {
            let place = payloads.iter().position(|payload| payload.kind == kind).ok_or(Malformed { line: 0 })?;
            Ok(payloads.remove(place))
        };
        let (top_level, common) = (take("TopLevel")?, take("CommonPayloadKeys")?);
        payloads.sort_by_key(|payload| (payload.kind, payload.file));
        let mut by_kind = HashMap::default();
        for (place, payload) in payloads.iter().enumerate() {
            by_kind.entry(payload.kind).or_insert((place, 0)).1 += 1;
        }
        Ok(Self { payloads, top_level, common, groups: reader.groups, by_kind })
    }

    pub fn find(&self, kind: &str) -> &[PayloadSchema] {
        self.by_kind.get(kind).map_or(&[], |&(first, count)| &self.payloads[first..first + count])
    }
}

/// The keys of one dictionary.
pub(super) struct Group {
    pub keys: Box<[KeySchema]>,
    places: HashMap<&'static str, u16, BuildHasherDefault<NameHasher>>,
    required: Box<[u16]>,
    any: Option<u16>,
}

impl Group {
    fn new(keys: Vec<KeySchema>) -> Self {
        let placed = || (0..).zip(&keys);
        let places = placed().map(|(place, key)| (key.name, place)).collect();
        let required = placed().filter(|(_, key)| key.required).map(|(place, _)| place).collect();
        let any = placed().find(|(_, key)| key.is_any()).map(|(place, _)| place);
        Self { places, required, any, keys: keys.into() }
    }

    pub fn find(&self, name: &str) -> Option<&KeySchema> {
        self.places.get(name).map(|&place| self.at(place))
    }

    pub fn required(&self) -> impl Iterator<Item = &KeySchema> {
        self.required.iter().map(|&place| self.at(place))
    }

    pub fn any(&self) -> Option<&KeySchema> {
        self.any.map(|place| self.at(place))
    }

    fn at(&self, place: u16) -> &KeySchema {
        &self.keys[usize::from(place)]
    }
}

/// Hashes the few names of a dictionary, which no file chooses: every key of a profile is looked up by it.
#[derive(Default)]
struct NameHasher(u64);

impl Hasher for NameHasher {
    fn write(&mut self, bytes: &[u8]) {
        for part in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..part.len()].copy_from_slice(part);
            self.0 = (self.0.rotate_left(5) ^ u64::from_le_bytes(word)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        }
    }

    fn finish(&self) -> u64 {
        // The map takes the highest bits and the lowest.
        self.0 ^ (self.0 >> 32)
    }
}

/// A line of the table that cannot be read.
#[derive(Debug)]
pub(super) struct Malformed {
    /// Counted from 1; 0 where something is missing.
    #[allow(dead_code, reason = "read by the derived `Debug`")]
    pub line: usize,
}

struct Reader {
    lines: std::str::Lines<'static>,
    /// The line that was read last, counted from 1.
    number: usize,
    ahead: Option<Line>,
    groups: Vec<Group>,
    /// The shared groups of the payload that is being read.
    names: Vec<(&'static str, Keys)>,
}

#[derive(Clone, Copy)]
struct Line {
    depth: usize,
    words: &'static str,
}

impl Reader {
    fn new(text: &'static str) -> Self {
        let groups = vec![Group::new(Vec::new())];
        Self { lines: text.lines(), number: 0, ahead: None, groups, names: Vec::new() }
    }

    fn peek(&mut self) -> Option<Line> {
        while self.ahead.is_none() {
            let line = self.lines.next()?;
            self.number += 1;
            let words = line.trim_start_matches(' ');
            if !words.is_empty() && !words.starts_with('#') {
                self.ahead = Some(Line { depth: (line.len() - words.len()) / 2, words });
            }
        }
        self.ahead
    }

    /// The next line if it has this depth.
    fn next_at(&mut self, depth: usize) -> Option<&'static str> {
        let line = self.peek().filter(|line| line.depth == depth)?;
        self.ahead = None;
        Some(line.words)
    }

    fn payload(&mut self, line: &'static str) -> Option<PayloadSchema> {
        let mut words = Words(line.strip_prefix("payload ")?);
        let kind = words.word()?;
        let file = if words.is_empty() { kind } else { words.word()? };
        self.names.clear();
        let (mut support, mut keys) = (Vec::new(), Vec::new());
        while let Some(line) = self.next_at(1) {
            match (line.strip_prefix('@'), line.strip_prefix("group ")) {
                (Some(platform), _) => support.push(system(platform)?),
                (_, Some(name)) => {
                    let place = self.place(Words(name).word()?);
                    let keys = self.keys(2)?;
                    self.groups[usize::from(place.0)] = Group::new(keys);
                }
                _ => keys.push(self.key(line, 1)?),
            }
        }
        Some(PayloadSchema { kind, file, support: Systems(support.into()), keys: self.group(keys) })
    }

    fn keys(&mut self, depth: usize) -> Option<Vec<KeySchema>> {
        let mut keys = Vec::new();
        while let Some(line) = self.next_at(depth) {
            keys.push(self.key(line, depth)?);
        }
        Some(keys)
    }

    fn key(&mut self, line: &'static str, depth: usize) -> Option<KeySchema> {
        let mut words = Words(line);
        let name = words.word()?;
        let (kind, subtype) = words.kind()?;
        let mut key = KeySchema {
            name,
            kind,
            subtype,
            required: false,
            values: Box::default(),
            range: None,
            count: None,
            format: None,
            default: None,
            keys: Keys::NONE,
            support: Systems::default(),
        };
        let mut support = Vec::new();
        while !words.is_empty() {
            self.fact(&mut words, &mut key, &mut support)?;
        }
        key.support = Systems(support.into());
        if key.keys.is_empty() {
            let below = self.keys(depth + 1)?;
            key.keys = self.group(below);
        }
        Some(key)
    }

    fn fact(&mut self, words: &mut Words, key: &mut KeySchema, support: &mut Vec<(Platform, Support)>) -> Option<()> {
        if let Some(platform) = words.platform() {
            support.push(system(platform)?);
            return Some(());
        }
        match words.name() {
            "required" => key.required = true,
            "in=" => key.values = words.scalars(key.kind)?,
            "range=" => key.range = Some(bounds(words.word()?)?),
            "count=" => key.count = Some(bounds(words.word()?)?),
            "format=" => key.format = Some(Format::new(words.word()?)),
            "default=" => key.default = Some(scalar(words.word()?, key.kind)?),
            "keys=" => key.keys = self.place(words.word()?),
            _ => return None,
        }
        Some(())
    }

    fn group(&mut self, keys: Vec<KeySchema>) -> Keys {
        if keys.is_empty() {
            return Keys::NONE;
        }
        self.groups.push(Group::new(keys));
        Keys(u16::try_from(self.groups.len() - 1).expect("fewer groups than lines"))
    }

    /// The place of a shared group, which may be named before it is described.
    fn place(&mut self, name: &'static str) -> Keys {
        if let Some((_, keys)) = self.names.iter().find(|(known, _)| *known == name) {
            return *keys;
        }
        self.groups.push(Group::new(Vec::new()));
        let keys = Keys(u16::try_from(self.groups.len() - 1).expect("fewer groups than lines"));
        self.names.push((name, keys));
        keys
    }
}

/// The rest of a line.
struct Words(&'static str);

impl Words {
    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The next word, quoted or not, and the space behind it.
    fn word(&mut self) -> Option<&'static str> {
        let word = self.part(|c| c == ' ')?;
        self.0 = self.0.strip_prefix(' ').unwrap_or(self.0);
        Some(word)
    }

    /// The text up to a character, or in quotes.
    fn part(&mut self, ends: impl Fn(char) -> bool) -> Option<&'static str> {
        let Some(quoted) = self.0.strip_prefix('"') else {
            let end = self.0.find(ends).unwrap_or(self.0.len());
            let (part, rest) = self.0.split_at(end);
            self.0 = rest;
            return (!part.is_empty()).then_some(part);
        };
        let mut escaped = false;
        let mut is_end = |c: char| {
            let end = c == '"' && !escaped;
            escaped = c == '\\' && !escaped;
            end
        };
        let end = quoted.find(&mut is_end)?;
        self.0 = &quoted[end + 1..];
        Some(unescaped(&quoted[..end]))
    }

    /// `array<IconItem>`
    fn kind(&mut self) -> Option<(Type, Option<&'static str>)> {
        let word = self.part(|c| matches!(c, ' ' | '<'))?;
        let kind = Type::ALL.into_iter().find(|kind| kind.word() == word)?;
        let mut subtype = None;
        if let Some(rest) = self.0.strip_prefix('<') {
            self.0 = rest;
            subtype = Some(self.part(|c| c == '>')?);
            self.0 = self.0.strip_prefix('>')?;
        }
        self.0 = self.0.strip_prefix(' ').unwrap_or(self.0);
        Some((kind, subtype))
    }

    /// `@iOS:11.3`, without its mark.
    fn platform(&mut self) -> Option<&'static str> {
        self.0 = self.0.strip_prefix('@')?;
        self.word()
    }

    /// The name of a fact, with the `=` of one that has a value.
    fn name(&mut self) -> &'static str {
        let end = self.0.find([' ', '=']).map_or(self.0.len(), |end| end + usize::from(self.0.as_bytes()[end] == b'='));
        let (name, rest) = self.0.split_at(end);
        self.0 = rest.strip_prefix(' ').unwrap_or(rest);
        name
    }

    /// `App,Folder,"Web Clip"`
    fn scalars(&mut self, kind: Type) -> Option<Box<[Scalar]>> {
        let mut scalars = Vec::new();
        loop {
            scalars.push(scalar(self.part(|c| matches!(c, ' ' | ','))?, kind)?);
            let Some(rest) = self.0.strip_prefix(',') else { break };
            self.0 = rest;
        }
        self.0 = self.0.strip_prefix(' ').unwrap_or(self.0);
        Some(scalars.into())
    }
}

/// A quoted text without its escapes. The few that have some are kept for as long as the table: for ever.
fn unescaped(text: &'static str) -> &'static str {
    if !text.contains('\\') {
        return text;
    }
    let mut plain = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        plain.extend(if c == '\\' { chars.next() } else { Some(c) });
    }
    plain.leak()
}

fn scalar(text: &'static str, kind: Type) -> Option<Scalar> {
    Some(match kind {
        Type::Boolean => Scalar::Boolean(text.parse().ok()?),
        Type::Integer => Scalar::Integer(text.parse().ok()?),
        Type::Real => Scalar::Real(text.parse().ok()?),
        _ => Scalar::String(text),
    })
}

fn bounds(text: &str) -> Option<Bounds> {
    let (min, max) = text.split_once("..")?;
    let end = |text: &str| if text.is_empty() { Some(None) } else { text.parse().ok().map(Some) };
    Some(Bounds { min: end(min)?, max: end(max)? })
}

/// `iOS:9.3,-multiple,+supervised,enrolment=forbidden`
fn system(text: &str) -> Option<(Platform, Support)> {
    let (platform, facts) = text.split_once(':')?;
    let platform = PLATFORMS.into_iter().find(|(name, _)| *name == platform)?.1;
    let mut support = Support::default();
    facts.split(',').try_for_each(|fact| supported(&mut support, fact))?;
    Some((platform, support))
}

const PLATFORMS: [(&str, Platform); 5] = [
    ("iOS", Platform::Ios),
    ("macOS", Platform::Macos),
    ("tvOS", Platform::Tvos),
    ("visionOS", Platform::Visionos),
    ("watchOS", Platform::Watchos),
];

fn supported(support: &mut Support, fact: &str) -> Option<()> {
    if let Some((name, value)) = fact.split_once('=') {
        match name {
            "deprecated" => support.deprecated = Some(value.parse().ok()?),
            "removed" => support.removed = Some(value.parse().ok()?),
            "enrolment" => support.user_enrolment = Some(mode(value)?),
            "ipad" => support.shared_ipad = Some(mode(value)?),
            _ => return None,
        }
        return Some(());
    }
    let flag = match fact.trim_start_matches(['+', '-']) {
        "multiple" => &mut support.multiple,
        "supervised" => &mut support.supervised,
        "by-hand" => &mut support.manual_install,
        "device" => &mut support.device_channel,
        "user" => &mut support.user_channel,
        "dep" => &mut support.requires_dep,
        "approved" => &mut support.user_approved_mdm,
        "ipad-device" => &mut support.shared_ipad_device_channel,
        "ipad-user" => &mut support.shared_ipad_user_channel,
        version => {
            support.introduced = Some(introduced(version)?);
            return Some(());
        }
    };
    *flag = Some(fact.starts_with('+'));
    Some(())
}

fn introduced(text: &str) -> Option<Introduced> {
    Some(match text {
        "n/a" => Introduced::Never,
        "all" => Introduced::Always,
        version => Introduced::In(version.parse().ok()?),
    })
}

fn mode(word: &str) -> Option<Mode> {
    Mode::ALL.into_iter().find(|mode| mode.word() == word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_in_quotes_may_hold_any_character() {
        let mut words = Words(r#""Key \"Type\" \\" string<"two words"> in=RSA,"a, b""#);
        assert_eq!(words.word(), Some(r#"Key "Type" \"#));
        assert_eq!(words.kind(), Some((Type::String, Some("two words"))));
        assert_eq!(words.name(), "in=");
        assert_eq!(words.scalars(Type::String).unwrap()[..], [Scalar::String("RSA"), Scalar::String("a, b")]);
        assert!(words.is_empty());
    }

    #[test]
    fn refuses_what_it_does_not_know() {
        for line in ["  KEY string new-fact", "  KEY text", "  @iOS:17.x", "      KEY string", "elsewhere"] {
            let text = format!("payload TopLevel\npayload CommonPayloadKeys\n{line}\n");
            assert_eq!(Table::parse(text.leak()).map(drop).map_err(|malformed| malformed.line), Err(3), "{line}");
        }
    }
}
