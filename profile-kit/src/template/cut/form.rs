//! What a template and all its rows have in common, made once.

use std::{borrow::Cow, sync::OnceLock};

use plist::{Dictionary, Value};
use uuid::Uuid;

use super::{
    Filled,
    hole::{Hole, Holes, Piece, Row, filled, number},
};
use crate::{
    Profile, Removal, UuidSource,
    check::{self, Finding},
    document::{self, LARGEST, Part},
    removal::PASSWORD_TYPE,
    template::{Kind, Template, placeholder},
    uuids::{self, Beginning},
};

/// A template as it is written, cut at its holes.
pub(super) struct Form {
    holes: Vec<Hole>,
    xml: Vec<Slice>,
    /// What follows the last hole.
    xml_end: String,
    /// What comes before the first one.
    beginning: Beginning,
    /// The bytes of everything that no row changes.
    fixed: usize,
    identifier: Fact,
    uuid: Fact,
    /// Whether the profile's own UUID is to be found for each row.
    lacks_uuid: bool,
    payloads: Vec<PayloadFacts>,
    source: UuidSource,
    /// Whether a payload's UUID depends on the row.
    payload_uuids_vary: bool,
    removal: RemovalFact,
    /// Whether an empty removal password is an error.
    needs_password: bool,
    /// Holes for which an empty text would be a structural error.
    never_empty: Vec<usize>,
    refusals: Vec<Finding>,
}

/// A piece of XML and what follows it.
struct Slice {
    before: String,
    then: Then,
}

enum Then {
    /// The value of a placeholder, within a text.
    Text(usize),
    Hole {
        hole: usize,
        /// How deep it stands in arrays and dictionaries.
        level: usize,
    },
}

/// A text that is the same in every row, or that of a hole.
enum Fact {
    /// `None` where it is missing or no text.
    Fixed(Option<String>),
    Hole(usize),
}

struct PayloadFacts {
    identifier: Fact,
    kind: Fact,
    uuid: Fact,
}

enum RemovalFact {
    Fixed(Removal),
    /// The keys of the profile that say who may delete it, and no others.
    Varies(Dictionary),
}

impl Form {
    /// `None` where a value may change more than what stands in its place.
    pub(super) fn of(template: &Template, source: UuidSource) -> Option<Self> {
        let mut holes = Holes::new(template.placeholders.iter());
        let mut whole = holes.dictionary(&template.dictionary)?;
        if places(&whole).any(|place| version_varies(place, &holes)) || !holes.are_xml() {
            return None;
        }
        let never_empty = places(&whole).flat_map(never_empty).collect();
        let payload_uuids_vary = source == UuidSource::Random || names_vary(&whole);
        give_payload_uuids(&mut whole, payload_uuids_vary.then_some(&mut holes));
        let lacks_uuid = !whole.contains_key(uuids::KEY);
        if lacks_uuid {
            whole.insert(uuids::KEY.into(), holes.add(Hole::ProfileUuid));
        }
        let sample = filled(&whole, &|hole| sample(holes.kind(hole)));
        document::to_xml(&sample).ok()?;
        let refusals = check::refusals(&Profile::from_dictionary(sample).ok()?);
        let (xml, xml_end) = slices(&whole, &holes);
        Some(Self {
            beginning: Beginning::of(xml.first().map_or(&xml_end, |slice| &slice.before)),
            fixed: xml.iter().map(|slice| slice.before.len()).sum::<usize>() + xml_end.len(),
            holes: holes.into_list(),
            xml,
            xml_end,
            identifier: Fact::of(&whole, "PayloadIdentifier"),
            uuid: Fact::of(&whole, uuids::KEY),
            lacks_uuid,
            payloads: payloads(&whole).map(PayloadFacts::of).collect(),
            source,
            payload_uuids_vary,
            removal: RemovalFact::of(&whole)?,
            needs_password: template.password_is_placeholder(),
            never_empty,
            refusals,
        })
    }

    /// A row between what is written already; `None` where something in it asks for a closer look.
    pub(super) fn fill(&self, typed: &[Value], mut buffer: String) -> Option<Filled<'_>> {
        let text = |value: &Value| value.as_string().is_none_or(document::is_xml_text);
        let size = self.holes.iter().map(|hole| hole.size(typed)).sum::<usize>();
        if !typed.iter().all(text) || self.fixed.checked_add(size)? > LARGEST {
            return None;
        }
        let mut row = Row { typed, payload_uuids: Vec::new(), uuid: uuids::NIL.to_owned() };
        if self.never_empty.iter().any(|hole| self.holes[*hole].text(&row).as_deref() == Some("")) {
            return None;
        }
        let removal = self.removal(&row)?;
        if self.needs_password && *removal == Removal::Password(String::new()) {
            return None;
        }
        self.choose_uuids(&mut row);
        self.write(&row, &mut buffer);
        if buffer.len() > LARGEST {
            return None;
        }
        let identifier = self.owned(&self.identifier, &row)?;
        let derives = self.lacks_uuid && self.source == UuidSource::Content;
        let derived = derives.then(|| uuids::put_own(&identifier, &mut buffer, &self.beginning));
        let (uuid, sha256) = derived.unzip();
        Some(Filled {
            xml: buffer,
            sha256,
            identifier,
            uuid: uuid.map(Cow::Owned).or_else(|| self.owned(&self.uuid, &row)),
            payload_uuids: self.payloads.iter().map(|payload| self.owned(&payload.uuid, &row)).collect(),
            removal,
            refusals: Cow::Borrowed(&self.refusals),
            profile: OnceLock::new(),
        })
    }

    /// All but the one that is derived from the XML.
    fn choose_uuids(&self, row: &mut Row<'_>) {
        if self.lacks_uuid && self.source == UuidSource::Random {
            row.uuid = uuids::upper(Uuid::new_v4());
        }
        if self.payload_uuids_vary {
            let identifier = self.text(&self.identifier, row).unwrap_or_default();
            let names = self.payloads.iter().map(|it| (self.text(&it.identifier, row), self.text(&it.kind, row)));
            let names: Vec<_> = names.collect();
            let named = names.iter().map(|(identifier, kind)| (identifier.as_deref(), kind.as_deref()));
            let uuids = uuids::payload_uuids(&identifier, named, self.source);
            row.payload_uuids = uuids.into_iter().map(uuids::upper).collect();
        }
    }

    fn write(&self, row: &Row<'_>, text: &mut String) {
        text.clear();
        text.reserve(self.fixed + self.xml.len() * ROOM);
        for slice in &self.xml {
            text.push_str(&slice.before);
            match slice.then {
                Then::Text(placeholder) => document::text_to_xml(text, &placeholder::text(&row.typed[placeholder])),
                Then::Hole { hole, level } => self.holes[hole].write(text, row, level),
            }
        }
        text.push_str(&self.xml_end);
    }

    fn text<'r>(&'r self, fact: &'r Fact, row: &'r Row<'_>) -> Option<Cow<'r, str>> {
        match fact {
            Fact::Fixed(text) => text.as_deref().map(Cow::Borrowed),
            Fact::Hole(hole) => self.holes[*hole].text(row),
        }
    }

    /// Without a loan from the row.
    fn owned<'f>(&self, fact: &'f Fact, row: &Row<'_>) -> Option<Cow<'f, str>> {
        match fact {
            Fact::Fixed(text) => text.as_deref().map(Cow::Borrowed),
            Fact::Hole(hole) => self.holes[*hole].text(row).map(|text| Cow::Owned(text.into_owned())),
        }
    }

    fn removal(&self, row: &Row<'_>) -> Option<Cow<'_, Removal>> {
        Some(match &self.removal {
            RemovalFact::Fixed(removal) => Cow::Borrowed(removal),
            RemovalFact::Varies(keys) => {
                let keys = filled(keys, &|hole| self.holes[hole].value(row));
                Cow::Owned(Profile::from_dictionary(keys).ok()?.removal())
            }
        })
    }
}

impl Fact {
    fn of(keys: &Dictionary, key: &str) -> Self {
        let value = keys.get(key);
        match value.and_then(number) {
            Some(hole) => Fact::Hole(hole),
            None => Fact::Fixed(value.and_then(Value::as_string).map(str::to_owned)),
        }
    }
}

impl PayloadFacts {
    fn of(payload: &Dictionary) -> Self {
        let [identifier, kind, uuid] =
            ["PayloadIdentifier", "PayloadType", uuids::KEY].map(|key| Fact::of(payload, key));
        Self { identifier, kind, uuid }
    }
}

impl RemovalFact {
    fn of(whole: &Dictionary) -> Option<Self> {
        let password = |payload: &&Dictionary| match payload.get("PayloadType") {
            Some(Value::String(kind)) => kind == PASSWORD_TYPE,
            kind => kind.and_then(number).is_some(),
        };
        let only = |keys: &Dictionary, wanted: &[&str]| -> Dictionary {
            let wanted = keys.iter().filter(|(key, _)| wanted.contains(&key.as_str()));
            wanted.map(|(key, value)| (key.clone(), value.clone())).collect()
        };
        let passwords =
            payloads(whole).filter(password).map(|payload| only(payload, &["PayloadType", "RemovalPassword"]));
        let passwords = Value::Array(passwords.map(Value::Dictionary).collect());
        let mut keys = Profile::new("x", "x").to_dictionary();
        keys.extend(only(whole, &["PayloadRemovalDisallowed"]));
        keys.insert("PayloadContent".into(), passwords);
        if places(&keys).any(|keys| keys.values().any(|value| number(value).is_some())) {
            return Some(RemovalFact::Varies(keys));
        }
        Some(RemovalFact::Fixed(Profile::from_dictionary(keys).ok()?.removal()))
    }
}

/// What the value of a hole takes, mostly.
const ROOM: usize = 64;

fn payloads(whole: &Dictionary) -> impl Iterator<Item = &Dictionary> {
    let content = whole.get("PayloadContent").and_then(Value::as_array);
    content.into_iter().flatten().filter_map(Value::as_dictionary)
}

/// Where the keys stand that every profile and every payload has.
fn places(whole: &Dictionary) -> impl Iterator<Item = &Dictionary> {
    std::iter::once(whole).chain(payloads(whole))
}

/// Whether `PayloadVersion` is a structural error in one row and none in another.
fn version_varies(keys: &Dictionary, holes: &Holes<'_>) -> bool {
    let hole = keys.get("PayloadVersion").and_then(number);
    hole.is_some_and(|hole| matches!(holes.kind(hole), Kind::String | Kind::Real))
}

fn never_empty(keys: &Dictionary) -> impl Iterator<Item = usize> {
    ["PayloadIdentifier", "PayloadType", uuids::KEY].into_iter().filter_map(|key| keys.get(key).and_then(number))
}

fn names_vary(whole: &Dictionary) -> bool {
    let varies = |keys: &Dictionary, key| keys.get(key).and_then(number).is_some();
    varies(whole, "PayloadIdentifier")
        || payloads(whole).any(|payload| varies(payload, "PayloadIdentifier") || varies(payload, "PayloadType"))
}

/// UUIDs for the payloads that have none: holes where they vary.
fn give_payload_uuids(whole: &mut Dictionary, mut varying: Option<&mut Holes<'_>>) {
    let text = |keys: &Dictionary, key: &str| keys.get(key).and_then(Value::as_string).map(str::to_owned);
    let identifier = text(whole, "PayloadIdentifier").unwrap_or_default();
    let names: Vec<_> = payloads(whole).map(|it| (text(it, "PayloadIdentifier"), text(it, "PayloadType"))).collect();
    let names = names.iter().map(|(identifier, kind)| (identifier.as_deref(), kind.as_deref()));
    let uuids = uuids::payload_uuids(&identifier, names, UuidSource::Content);
    let content = whole.get_mut("PayloadContent").and_then(Value::as_array_mut);
    let payloads = content.into_iter().flatten().filter_map(Value::as_dictionary_mut);
    for (index, (payload, uuid)) in payloads.zip(uuids).enumerate() {
        if !payload.contains_key(uuids::KEY) {
            let uuid = match &mut varying {
                Some(holes) => holes.add(Hole::PayloadUuid(index)),
                None => Value::String(uuids::upper(uuid)),
            };
            payload.insert(uuids::KEY.into(), uuid);
        }
    }
}

/// A value of a kind, whatever it is, that is not empty.
fn sample(kind: Kind) -> Value {
    match kind {
        Kind::String => "x".into(),
        Kind::Integer => Value::Integer(1.into()),
        Kind::Real => Value::Real(1.0),
        Kind::Boolean => Value::Boolean(true),
        Kind::Date => Value::Date(std::time::UNIX_EPOCH.into()),
        Kind::Data => Value::Data(vec![0]),
    }
}

/// The XML up to each place where a row differs, and after the last one.
fn slices(whole: &Dictionary, holes: &Holes<'_>) -> (Vec<Slice>, String) {
    let mut cuts = Vec::new();
    let xml = document::parts_to_xml_around(&Part::of(whole), |text, value, level| match holes.find(value) {
        Some((_, Hole::Text(pieces))) => document::string_to_xml(text, |text| {
            for piece in pieces {
                match piece {
                    Piece::Fixed(piece) => document::text_to_xml(text, piece),
                    Piece::Value(placeholder) => cuts.push((text.len(), Then::Text(*placeholder))),
                }
            }
        }),
        Some((hole, _)) => cuts.push((text.len(), Then::Hole { hole, level })),
        None => {}
    });
    let mut from = 0;
    let slice = |(at, then)| Slice { before: xml[std::mem::replace(&mut from, at)..at].to_owned(), then };
    let slices = cuts.into_iter().map(slice).collect();
    (slices, xml[from..].to_owned())
}
