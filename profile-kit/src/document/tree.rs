//! The values read so far, the structure that they must have, and the bounds that hold for both forms.

use plist::{Dictionary, Value};

use super::{DEEPEST, LONGEST_KEY, MOST_VALUES, positions::Recorder};
use crate::{KeyPath, Step};

/// A tree of values while it is read.
///
/// A *mark* is where something begins: a number of bytes from the start. Each value is announced by
/// [`begin`](Tree::begin), then either [`put`](Tree::put) or opened and closed.
pub(super) struct Tree {
    /// How deep containers may be nested.
    levels: usize,
    root: Option<Value>,
    open: Vec<Open>,
    values: usize,
    recorder: Option<Recorder>,
}

struct Open {
    container: Container,
    mark: usize,
}

enum Container {
    Array(Vec<Value>),
    Dictionary { entries: Dictionary, marks: Vec<usize>, key: Option<(String, usize)> },
}

/// Which container is opened.
#[derive(Clone, Copy)]
pub(super) enum Kind {
    Array,
    Dictionary,
}

impl Tree {
    /// A tree whose containers may be nested so deep.
    pub(super) fn within(levels: usize) -> Self {
        Self { levels, root: None, open: Vec::new(), values: 0, recorder: None }
    }

    /// A tree that remembers where everything stands.
    pub(super) fn recording() -> Self {
        Self { recorder: Some(Recorder::default()), ..Self::within(DEEPEST) }
    }

    /// The root, once it is complete.
    pub(super) fn into_root(self) -> Option<Value> {
        self.root
    }

    pub(super) fn into_recorder(self) -> Option<Recorder> {
        self.recorder
    }

    pub(super) fn has_root(&self) -> bool {
        self.root.is_some()
    }

    pub(super) fn is_open(&self) -> bool {
        !self.open.is_empty()
    }

    /// The innermost open container: its element's name and mark.
    pub(super) fn innermost(&self) -> Option<(&'static str, usize)> {
        let open = self.open.last()?;
        let name = match open.container {
            Container::Array(_) => "array",
            Container::Dictionary { .. } => "dict",
        };
        Some((name, open.mark))
    }

    /// The path of the value that comes next or is being read.
    pub(super) fn path(&self) -> KeyPath {
        let step = |open: &Open| match &open.container {
            Container::Array(items) => Some(Step::Index(items.len())),
            Container::Dictionary { key, .. } => key.as_ref().map(|(key, _)| Step::Key(key.clone())),
        };
        KeyPath(self.open.iter().filter_map(step).collect())
    }

    /// The mark of a key that the innermost dictionary has already.
    pub(super) fn mark_of(&self, key: &str) -> Option<usize> {
        match &self.open.last()?.container {
            Container::Dictionary { entries, marks, .. } if has(entries, key) => {
                let place = entries.keys().position(|present| present == key)?;
                marks.get(place).copied()
            }
            _ => None,
        }
    }

    /// Takes the key of the next value; the caller has asked [`mark_of`](Tree::mark_of).
    pub(super) fn key(&mut self, key: String, mark: usize) -> Result<(), String> {
        let Some(Container::Dictionary { key: pending, .. }) = self.open.last_mut().map(|open| &mut open.container)
        else {
            return Err("a key outside a dictionary".into());
        };
        if pending.is_some() {
            return Err("this key has no value".into());
        }
        if key.len() > LONGEST_KEY {
            return Err(format!("a key of {} bytes is longer than the {LONGEST_KEY} that are allowed", key.len()));
        }
        *pending = Some((key, mark));
        Ok(())
    }

    /// Announces a value.
    pub(super) fn begin(&mut self, mark: usize) -> Result<(), String> {
        let (step, key) = match self.open.last().map(|open| &open.container) {
            None if self.has_root() => return Err("a second value: a property list has one root".into()),
            None => (None, None),
            Some(Container::Array(items)) => (Some(Step::Index(items.len())), None),
            Some(Container::Dictionary { key: None, .. }) => return Err("a value without a key".into()),
            Some(Container::Dictionary { key: Some((key, mark)), .. }) => {
                // Only a recorder needs the copy.
                (self.recorder.as_ref().map(|_| Step::Key(key.clone())), Some(*mark))
            }
        };
        self.values += 1;
        if self.values > MOST_VALUES {
            return Err(format!("more than the {MOST_VALUES} values that are allowed"));
        }
        if let Some(recorder) = &mut self.recorder {
            recorder.enter(step, key, mark);
        }
        Ok(())
    }

    /// Opens the container that was announced; the error is the number of levels that there may be.
    pub(super) fn open(&mut self, kind: Kind, mark: usize) -> Result<(), usize> {
        if self.open.len() == self.levels {
            return Err(self.levels);
        }
        let container = match kind {
            Kind::Array => Container::Array(Vec::new()),
            Kind::Dictionary => Container::Dictionary { entries: Dictionary::new(), marks: Vec::new(), key: None },
        };
        self.open.push(Open { container, mark });
        Ok(())
    }

    /// Closes the innermost container, whose last byte is before `end`.
    pub(super) fn close(&mut self, end: usize) -> Result<(), String> {
        if let Some(Container::Dictionary { key: Some(_), .. }) = self.open.last().map(|open| &open.container) {
            return Err("this key has no value".into());
        }
        let value = match self.open.pop().expect("the caller has opened a container").container {
            Container::Array(items) => Value::Array(items),
            Container::Dictionary { entries, .. } => Value::Dictionary(entries),
        };
        self.put(value, end);
        Ok(())
    }

    /// Puts the announced value, complete, in its place; its last byte is before `end`.
    pub(super) fn put(&mut self, value: Value, end: usize) {
        match self.open.last_mut().map(|open| &mut open.container) {
            None => self.root = Some(value),
            Some(Container::Array(items)) => items.push(value),
            Some(Container::Dictionary { entries, marks, key }) => {
                let (key, mark) = key.take().expect("begin has seen a key");
                entries.insert(key, value);
                marks.push(mark);
            }
        }
        if let Some(recorder) = &mut self.recorder {
            recorder.leave(end);
        }
    }
}

/// Most dictionaries have so few keys that comparing them costs less than a hash.
fn has(entries: &Dictionary, key: &str) -> bool {
    match entries.len() {
        0..=FEW => entries.keys().any(|present| present == key),
        _ => entries.contains_key(key),
    }
}

const FEW: usize = 16;
