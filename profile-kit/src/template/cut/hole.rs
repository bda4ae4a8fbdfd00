//! The holes of a template: values that stand in it as numbers until a row is there.

use std::borrow::Cow;

use plist::{Dictionary, Uid, Value};

use crate::{
    document,
    template::{self, Kind, Part, Placeholder, parts, placeholder},
};

/// What a hole is filled with.
pub(super) enum Hole {
    /// A placeholder's value in its own type.
    Whole(usize),
    /// Placeholders inside a longer string.
    Text(Vec<Piece>),
    /// The UUID of one of the payloads.
    PayloadUuid(usize),
    /// The UUID of the profile.
    ProfileUuid,
}

/// What a row puts into the holes. Until its UUIDs are chosen, only holes for placeholders may be asked for theirs.
pub(super) struct Row<'r> {
    /// The placeholders' values in their order.
    pub typed: &'r [Value],
    /// Of all payloads, where one depends on the row; else none.
    pub payload_uuids: Vec<String>,
    /// The profile's, where it is not the template's; [nil](crate::uuids::NIL) until it is chosen or derived.
    pub uuid: String,
}

/// A piece of a longer string.
pub(super) enum Piece {
    Fixed(String),
    /// The value of a placeholder, as text.
    Value(usize),
}

impl Hole {
    /// The value for a row.
    pub(super) fn value(&self, row: &Row<'_>) -> Value {
        match self {
            Hole::Whole(placeholder) => row.typed[*placeholder].clone(),
            _ => Value::String(self.text(row).unwrap_or_default().into_owned()),
        }
    }

    /// The same if it is a string.
    pub(super) fn text<'r>(&'r self, row: &'r Row<'_>) -> Option<Cow<'r, str>> {
        match self {
            Hole::Whole(placeholder) => row.typed[*placeholder].as_string().map(Cow::Borrowed),
            Hole::Text(pieces) => Some(Cow::Owned(pieces.iter().map(|piece| piece.text(row.typed)).collect())),
            Hole::PayloadUuid(payload) => Some(Cow::Borrowed(&row.payload_uuids[*payload])),
            Hole::ProfileUuid => Some(Cow::Borrowed(&row.uuid)),
        }
    }

    /// Writes the value as it stands in XML at a level.
    pub(super) fn write(&self, xml: &mut String, row: &Row<'_>, level: usize) {
        match self {
            Hole::Whole(placeholder) => document::value_to_xml(xml, &row.typed[*placeholder], level),
            _ => {
                let text = self.text(row).unwrap_or_default();
                document::string_to_xml(xml, |xml| document::text_to_xml(xml, &text));
            }
        }
    }

    /// How many bytes the strings and data of a row add to what stands around them.
    pub(super) fn size(&self, typed: &[Value]) -> usize {
        match self {
            Hole::Whole(placeholder) => template::size(&typed[*placeholder]),
            Hole::Text(pieces) => pieces.iter().map(|piece| piece.size(typed)).sum(),
            Hole::PayloadUuid(_) | Hole::ProfileUuid => 0,
        }
    }
}

impl Piece {
    fn text<'r>(&'r self, typed: &'r [Value]) -> Cow<'r, str> {
        match self {
            Piece::Fixed(text) => Cow::Borrowed(text),
            Piece::Value(placeholder) => placeholder::text(&typed[*placeholder]),
        }
    }

    fn size(&self, typed: &[Value]) -> usize {
        match self {
            Piece::Fixed(_) => 0,
            Piece::Value(_) => self.text(typed).len(),
        }
    }
}

/// The number of the hole that stands in the place of a value. Property lists of profiles have no UIDs.
pub(super) fn number(value: &Value) -> Option<usize> {
    value.as_uid().and_then(|uid| usize::try_from(uid.get()).ok())
}

/// The holes that were found.
pub(super) struct Holes<'t> {
    /// The placeholders in order.
    placeholders: Vec<(&'t str, Kind)>,
    list: Vec<Hole>,
}

impl<'t> Holes<'t> {
    pub(super) fn new(placeholders: impl Iterator<Item = (&'t String, &'t Placeholder)>) -> Self {
        let placeholders = placeholders.map(|(name, placeholder)| (name.as_str(), placeholder.kind)).collect();
        Self { placeholders, list: Vec::new() }
    }

    /// What stands in the place of the value that fills a hole.
    pub(super) fn add(&mut self, hole: Hole) -> Value {
        self.list.push(hole);
        Value::Uid(Uid::new(self.list.len() as u64 - 1))
    }

    /// A dictionary with numbers for the values that have placeholders. `None` where a UID stands in it already.
    pub(super) fn dictionary(&mut self, dictionary: &Dictionary) -> Option<Dictionary> {
        dictionary.iter().map(|(key, value)| Some((key.clone(), self.value(value)?))).collect()
    }

    fn value(&mut self, value: &Value) -> Option<Value> {
        match value {
            Value::Dictionary(inner) => self.dictionary(inner).map(Value::Dictionary),
            Value::Array(items) => items.iter().map(|item| self.value(item)).collect::<Option<_>>().map(Value::Array),
            Value::String(text) => Some(self.hole(text)?.map_or_else(|| value.clone(), |hole| self.add(hole))),
            Value::Uid(_) => None,
            other => Some(other.clone()),
        }
    }

    /// The hole that a text is, if it is one; `None` around it where a placeholder is not known.
    fn hole(&self, text: &str) -> Option<Option<Hole>> {
        let pieces: Vec<_> = parts(text).map(|part| self.piece(part)).collect::<Option<_>>()?;
        Some(match pieces.as_slice() {
            [Piece::Value(placeholder)] => Some(Hole::Whole(*placeholder)),
            _ if pieces.iter().all(|piece| matches!(piece, Piece::Fixed(_))) => None,
            _ => Some(Hole::Text(pieces)),
        })
    }

    fn piece(&self, part: Part<'_>) -> Option<Piece> {
        match part {
            Part::Text(text) => Some(Piece::Fixed(text.to_owned())),
            Part::Stray(_) => Some(Piece::Fixed("{{".to_owned())),
            Part::Name(name) => self.placeholders.iter().position(|(known, _)| *known == name).map(Piece::Value),
        }
    }

    /// What stands in the place of a value, if that is a hole.
    pub(super) fn find(&self, value: &Value) -> Option<(usize, &Hole)> {
        number(value).map(|hole| (hole, &self.list[hole]))
    }

    /// The type that a hole's value has in every row.
    pub(super) fn kind(&self, hole: usize) -> Kind {
        match &self.list[hole] {
            Hole::Whole(placeholder) => self.placeholders[*placeholder].1,
            _ => Kind::String,
        }
    }

    /// Whether XML can hold what stands around the placeholders.
    pub(super) fn are_xml(&self) -> bool {
        let fixed = |piece: &Piece| !matches!(piece, Piece::Fixed(text) if !document::is_xml_text(text));
        self.list.iter().all(|hole| !matches!(hole, Hole::Text(pieces) if !pieces.iter().all(fixed)))
    }

    pub(super) fn into_list(self) -> Vec<Hole> {
        self.list
    }
}

/// A dictionary with a value for the number of each hole.
pub(super) fn filled(dictionary: &Dictionary, value: &impl Fn(usize) -> Value) -> Dictionary {
    dictionary.iter().map(|(key, inner)| (key.clone(), filled_value(inner, value))).collect()
}

fn filled_value(whole: &Value, value: &impl Fn(usize) -> Value) -> Value {
    match whole {
        Value::Dictionary(inner) => Value::Dictionary(filled(inner, value)),
        Value::Array(items) => Value::Array(items.iter().map(|item| filled_value(item, value)).collect()),
        other => number(other).map_or_else(|| other.clone(), value),
    }
}
