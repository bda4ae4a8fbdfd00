//! Where in a property list a value stands.

use std::fmt;

use plist::Value;

use crate::document::Entries;

/// A path of dictionary keys and array indices from the root of a property list.
///
/// Shown as `PayloadContent[0].PayloadUUID`; a key that is not a plain word is quoted and its control
/// characters escaped, so that a hostile file cannot write to the terminal through it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KeyPath(pub Vec<Step>);

/// One step down.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Step {
    /// Into a dictionary.
    Key(String),
    /// Into an array, counted from 0.
    Index(usize),
}

impl KeyPath {
    /// The root itself.
    pub fn root() -> Self {
        Self::default()
    }

    /// This path and one dictionary key more.
    pub fn key(&self, key: &str) -> Self {
        self.with(Step::Key(key.to_owned()))
    }

    /// This path and one array index more, counted from 0.
    pub fn index(&self, index: usize) -> Self {
        self.with(Step::Index(index))
    }

    /// This path and another one below it.
    pub fn join(&self, below: &KeyPath) -> Self {
        Self([self.0.as_slice(), below.0.as_slice()].concat())
    }

    fn with(&self, step: Step) -> Self {
        let mut steps = self.0.clone();
        steps.push(step);
        Self(steps)
    }

    /// Calls something with this path and one step more, which costs no copy of the path as [`key`](KeyPath::key) does.
    pub(crate) fn below<T>(&mut self, step: Step, call: impl FnOnce(&mut Self) -> T) -> T {
        self.0.push(step);
        let result = call(self);
        self.0.pop();
        result
    }

    /// Visits the value at this path and every one below it, in order, in time that its depth does not multiply.
    pub(crate) fn walk(&mut self, value: &Value, visit: &mut impl FnMut(&Value, &KeyPath)) {
        visit(value, self);
        match value {
            Value::Dictionary(keys) => {
                keys.iter().for_each(|(key, value)| self.below(Step::Key(key.clone()), |path| path.walk(value, visit)));
            }
            Value::Array(items) => {
                let items = items.iter().enumerate();
                items.for_each(|(index, item)| self.below(Step::Index(index), |path| path.walk(item, visit)));
            }
            _ => {}
        }
    }

    /// The value at this path, if there is one.
    pub fn find<'a>(&self, whole: impl Into<Entries<'a>>) -> Option<&'a Value> {
        let (first, rest) = self.0.split_first()?;
        let Step::Key(key) = first else {
            return None;
        };
        find_below(whole.into().get(key)?, rest)
    }
}

/// The value that steps lead to from another, if there is one.
pub(crate) fn find_below<'a>(value: &'a Value, steps: &[Step]) -> Option<&'a Value> {
    steps.iter().try_fold(value, |value, step| match (step, value) {
        (Step::Key(key), Value::Dictionary(inner)) => inner.get(key),
        (Step::Index(index), Value::Array(items)) => items.get(*index),
        _ => None,
    })
}

impl fmt::Display for KeyPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, step) in self.0.iter().enumerate() {
            if self.0.len() > LONGEST_PATH && (LONGEST_PATH / 2..self.0.len() - LONGEST_PATH / 2).contains(&position) {
                if position == LONGEST_PATH / 2 {
                    f.write_str("…")?;
                }
                continue;
            }
            match step {
                Step::Index(index) => write!(f, "[{index}]")?,
                Step::Key(key) => {
                    if position > 0 {
                        f.write_str(".")?;
                    }
                    write_key(f, key)?;
                }
            }
        }
        Ok(())
    }
}

fn write_key(f: &mut fmt::Formatter<'_>, key: &str) -> fmt::Result {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    if !key.is_empty() && key.len() <= LONGEST_KEY && key.chars().all(plain) {
        return f.write_str(key);
    }
    let shown: String = key.chars().take(LONGEST_KEY).collect();
    write!(f, "{shown:?}")?;
    if shown.len() < key.len() {
        f.write_str("…")?;
    }
    Ok(())
}

/// Where a walk through values stands: steps that are borrowed from them, and a path only when somebody asks for it.
#[derive(Clone, Copy)]
pub(crate) enum Trail<'a> {
    Root,
    Key(&'a Trail<'a>, &'a str),
    Index(&'a Trail<'a>, usize),
}

impl<'a> Trail<'a> {
    /// Visits a value that stands here and every one below it, in order, without a copy of anything.
    pub fn walk(&self, value: &Value, visit: &mut impl FnMut(&Value, &Trail<'_>)) {
        visit(value, self);
        match value {
            Value::Dictionary(keys) => self.walk_keys(keys.into(), visit),
            Value::Array(items) => {
                items.iter().enumerate().for_each(|(index, item)| Trail::Index(self, index).walk(item, visit));
            }
            _ => {}
        }
    }

    /// The same for the values of a dictionary that stands here.
    pub fn walk_keys(&self, keys: Entries<'_>, visit: &mut impl FnMut(&Value, &Trail<'_>)) {
        keys.iter().for_each(|(key, value)| Trail::Key(self, key).walk(value, visit));
    }

    /// The innermost dictionary key on the way here.
    pub fn last_key(&self) -> Option<&'a str> {
        match self {
            Trail::Root => None,
            Trail::Key(_, key) => Some(key),
            Trail::Index(above, _) => above.last_key(),
        }
    }

    /// This place as a path.
    pub fn path(&self) -> KeyPath {
        match self {
            Trail::Root => KeyPath::root(),
            Trail::Key(above, key) => above.and(Step::Key((*key).to_owned())),
            Trail::Index(above, index) => above.and(Step::Index(*index)),
        }
    }

    /// The path of a key in the dictionary that stands here.
    pub fn key(&self, key: &str) -> KeyPath {
        self.and(Step::Key(key.to_owned()))
    }

    fn and(&self, step: Step) -> KeyPath {
        let mut path = self.path();
        path.0.push(step);
        path
    }
}

const LONGEST_KEY: usize = 80;
/// The middle of a longer path is left out.
const LONGEST_PATH: usize = 16;

#[cfg(test)]
mod tests {
    use plist::Dictionary;

    use super::*;

    #[test]
    fn shows_plain_keys_bare_and_others_quoted() {
        let path = KeyPath::root().key("PayloadContent").index(2).key("a.b\u{1b}[31m");
        assert_eq!(path.to_string(), r#"PayloadContent[2]."a.b\u{1b}[31m""#);
    }

    #[test]
    fn finds_the_value_that_it_names() {
        let mut inner = Dictionary::new();
        inner.insert("SSID_STR".into(), Value::String("guest".into()));
        let mut root = Dictionary::new();
        root.insert("PayloadContent".into(), Value::Array(vec![Value::Dictionary(inner)]));
        let path = KeyPath::root().key("PayloadContent").index(0).key("SSID_STR");
        assert_eq!(path.find(&root).and_then(Value::as_string), Some("guest"));
        assert_eq!(KeyPath::root().key("Other").find(&root), None);
    }

    #[test]
    fn a_walk_without_copies_visits_the_same_places_as_one_with_paths() {
        let mut inner = Dictionary::new();
        inner.insert("List".into(), Value::Array(vec!["a".into(), Value::Dictionary(Dictionary::new())]));
        let mut root = Dictionary::new();
        root.insert("First".into(), Value::Dictionary(inner));
        root.insert("Second".into(), "b".into());
        let root = Value::Dictionary(root);
        let (mut paths, mut trails) = (Vec::new(), Vec::new());
        KeyPath::root().walk(&root, &mut |value, path| paths.push((value.clone(), path.clone())));
        Trail::Root.walk(&root, &mut |value, trail| trails.push((value.clone(), trail.path())));
        assert_eq!(trails, paths);
        assert_eq!(trails.len(), 6);
    }

    #[test]
    fn a_trail_knows_the_key_that_an_item_stands_under() {
        let list = Trail::Key(&Trail::Root, "List");
        assert_eq!(Trail::Index(&Trail::Index(&list, 1), 2).last_key(), Some("List"));
        assert_eq!(Trail::Root.last_key(), None);
    }
}
