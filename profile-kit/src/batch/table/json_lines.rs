//! JSON Lines: an object a line, its keys in the place of columns.

use std::{
    borrow::Cow,
    collections::{BTreeSet, HashMap, HashSet, VecDeque},
    fmt,
};

use serde::{
    Deserialize, Deserializer,
    de::{Error as _, MapAccess, Visitor},
};
use serde_json::value::RawValue;

use super::{CellProblem, Cells, LARGEST_CELL, LARGEST_ROW, MOST_COLUMNS, Read, refused, source::Source};
use crate::Result;

pub(super) struct JsonLines {
    /// The number of the last line.
    line: u64,
    /// What was read for the keys of the first object: it, and the lines before it that are none.
    first: VecDeque<Line>,
    slots: HashMap<String, usize>,
    wanted: usize,
    /// The names that no key is to miss, by the same in small letters.
    watched: HashMap<String, Vec<String>>,
    unused: BTreeSet<String>,
    untold: Vec<String>,
}

/// A line's number and bytes, or why it is not kept.
type Line = (u64, Result<Vec<u8>, CellProblem>);

/// An object's keys and what stands there, word for word.
struct Object<'a>(Vec<(String, &'a RawValue)>);

impl JsonLines {
    /// Reads up to the first object, for its keys.
    pub(super) fn open(source: &mut Source) -> Result<(Self, Vec<String>)> {
        let mut lines = Self {
            line: 0,
            first: VecDeque::new(),
            slots: HashMap::new(),
            wanted: 0,
            watched: HashMap::new(),
            unused: BTreeSet::new(),
            untold: Vec::new(),
        };
        while lines.first.len() < MOST_BAD
            && let Some((line, bytes)) = lines.read(source)?
        {
            match bytes.and_then(|bytes| Ok((keys(&bytes)?, bytes))) {
                Ok((keys, bytes)) => {
                    lines.first.push_back((line, Ok(bytes)));
                    return Ok((lines, keys));
                }
                Err(problem) => lines.first.push_back((line, Err(problem))),
            }
        }
        Err(match lines.first.pop_front() {
            Some((line, Err(CellProblem { problem, .. }))) => refused(line, problem),
            _ => refused(0, "is empty: JSON Lines have an object a line"),
        })
    }

    pub(super) fn want(&mut self, wanted: &[String]) {
        self.slots = wanted.iter().enumerate().map(|(slot, name)| (name.clone(), slot)).collect();
        self.wanted = wanted.len();
    }

    pub(super) fn watch<'a>(&mut self, names: impl Iterator<Item = &'a String>) {
        for name in names {
            self.watched.entry(name.to_lowercase()).or_default().push(name.clone());
        }
    }

    pub(super) fn unused_keys(&mut self) -> Vec<String> {
        std::mem::take(&mut self.untold)
    }

    pub(super) fn next(&mut self, source: &mut Source) -> Result<Read> {
        let read = match self.first.pop_front() {
            Some(read) => Some(read),
            None => self.read(source)?,
        };
        Ok(read.map(|(line, bytes)| (line, bytes.and_then(|bytes| self.cells(&bytes)))))
    }

    fn cells(&mut self, bytes: &[u8]) -> Result<Cells, CellProblem> {
        let object = object(bytes).map_err(CellProblem::of_row)?;
        let mut cells = Cells::empty(self.wanted);
        if let Some(problem) = self.missed(&object) {
            return Err(problem);
        }
        for (key, value) in object.0 {
            match (self.slots.get(&key), text(value)) {
                (_, text) if is_too_large(value, &text) => {
                    return Err(CellProblem::of_cell(&key, "is larger than 1 MiB"));
                }
                (None, _) => self.unused(key),
                (Some(_), Err(problem)) => return Err(CellProblem::of_cell(&key, problem)),
                (Some(slot), Ok(Some(text))) => cells.set(*slot, &text),
                (Some(_), Ok(None)) => {}
            }
        }
        Ok(cells)
    }

    /// A key that fills no placeholder, and looks as if it were to.
    fn missed(&self, object: &Object<'_>) -> Option<CellProblem> {
        let is_there = |name: &String| object.0.iter().any(|(key, _)| key == name);
        object.0.iter().map(|(key, _)| key).filter(|key| !self.slots.contains_key(*key)).find_map(|key| {
            let names = self.watched.get(&key.to_lowercase())?;
            if names.contains(key) {
                return Some(CellProblem::of_cell(key, "is not in the first object, whose keys are the columns"));
            }
            let name = names.iter().find(|name| !is_there(name))?;
            Some(CellProblem::of_cell(key, format!("is not placeholder {name:?}: the case of letters counts")))
        })
    }

    fn unused(&mut self, key: String) {
        if self.unused.len() < MOST_COLUMNS && self.unused.insert(key.clone()) {
            self.untold.push(key);
        }
    }

    /// The next line that is not blank.
    fn read(&mut self, source: &mut Source) -> Result<Option<Line>> {
        loop {
            let Some(bytes) = line(source)? else { return Ok(None) };
            self.line += 1;
            match bytes {
                Some(bytes) if bytes.trim_ascii().is_empty() => {}
                bytes => return Ok(Some((self.line, bytes.ok_or_else(|| CellProblem::of_row(TOO_LARGE))))),
            }
        }
    }
}

/// `None` at the end; `Some(None)` for a line that is larger than is kept.
#[expect(clippy::option_option, reason = "the end and a line that is too large are two things")]
fn line(source: &mut Source) -> Result<Option<Option<Vec<u8>>>> {
    let (mut bytes, mut is_kept, mut is_there) = (Vec::new(), true, false);
    loop {
        let input = source.peek()?;
        if input.is_empty() {
            return Ok(is_there.then_some(is_kept.then_some(bytes)));
        }
        is_there = true;
        let end = input.iter().position(|byte| *byte == b'\n');
        let part = &input[..end.unwrap_or(input.len())];
        is_kept &= bytes.len() + part.len() <= LARGEST_ROW;
        if is_kept {
            bytes.extend_from_slice(part);
        } else {
            bytes = Vec::new();
        }
        let taken = part.len() + usize::from(end.is_some());
        source.take(taken);
        if end.is_some() {
            return Ok(Some(is_kept.then_some(bytes)));
        }
    }
}

fn keys(bytes: &[u8]) -> Result<Vec<String>, CellProblem> {
    let object = object(bytes).map_err(CellProblem::of_row)?;
    Ok(object.0.into_iter().map(|(key, _)| key).collect())
}

/// What is wrong is told without what stands there: it may be a secret.
fn object(bytes: &[u8]) -> Result<Object<'_>, String> {
    let is_other = !bytes.trim_ascii_start().starts_with(b"{");
    serde_json::from_slice(bytes).map_err(|cause| {
        let words = cause.to_string();
        let words = match words.split(" at line ").next() {
            _ if is_other && cause.is_data() => "it is another value",
            words => words.unwrap_or_default(),
        };
        let hint = match bytes.trim_ascii_end().contains(&b'\r') {
            true => "; it has a CR alone in it, and lines end with LF or CR LF",
            false => "",
        };
        format!("is not a JSON object at character {}: {words}{hint}", cause.column())
    })
}

/// A string's characters, a number or truth value as it is written, nothing for null.
fn text(value: &RawValue) -> Result<Option<Cow<'_, str>>, &'static str> {
    match value.get() {
        "null" => Ok(None),
        text if text.starts_with('"') => {
            serde_json::from_str(text).map(|text: String| Some(text.into())).map_err(|_| "is not a string of JSON")
        }
        text if text.starts_with(['{', '[']) => Err("is an object or an array, not a single value"),
        text => Ok(Some(text.into())),
    }
}

/// In bytes of the text; of an object or an array, as it is written.
fn is_too_large(value: &RawValue, text: &Result<Option<Cow<'_, str>>, &str>) -> bool {
    text.as_ref().map_or(value.get(), |text| text.as_deref().unwrap_or_default()).len() > LARGEST_CELL
}

impl<'de: 'a, 'a> Deserialize<'de> for Object<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Keys)
    }
}

struct Keys;

impl<'de> Visitor<'de> for Keys {
    type Value = Object<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Object<'de>, A::Error> {
        let (mut entries, mut known): (Vec<(String, &'de RawValue)>, HashSet<String>) = Default::default();
        while let Some(key) = map.next_key::<String>()? {
            if key.len() > LONGEST_KEY {
                return Err(A::Error::custom(format!("a key is longer than {LONGEST_KEY} bytes")));
            }
            if entries.len() == MOST_COLUMNS {
                return Err(A::Error::custom(format!("more than {MOST_COLUMNS} keys")));
            }
            if !known.insert(key.clone()) {
                return Err(A::Error::custom(format!("key {key:?} is there twice")));
            }
            entries.push((key, map.next_value()?));
        }
        Ok(Object(entries))
    }
}

const TOO_LARGE: &str = "the row is larger than 4 MiB";
/// In bytes.
const LONGEST_KEY: usize = 1024;
/// Lines at the beginning that are no object: a file that begins with more of them is something else.
const MOST_BAD: usize = 1000;
