//! Walking a TOML document so that every mistake is noted with its place, and none hides another.

use std::{
    borrow::Cow,
    cell::RefCell,
    ops::RangeInclusive,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::{ConfigError, Place, Secret};

/// What is being read, and what was found wrong with it so far.
pub(super) struct Document<'t> {
    file: Arc<Path>,
    text: &'t str,
    credentials: Option<&'t Path>,
    errors: RefCell<Vec<ConfigError>>,
}

impl<'t> Document<'t> {
    pub(super) fn new(file: &Path, text: &'t str, credentials: Option<&'t Path>) -> Self {
        Self { file: file.into(), text, credentials, errors: RefCell::default() }
    }

    pub(super) fn root<'a>(&'a self, table: &'a DeTable<'a>) -> Section<'a> {
        Section { document: self, key: String::new(), at: None, table, known: Vec::new() }
    }

    /// Line and column of a byte.
    pub(super) fn place(&self, key: &str, at: Option<usize>) -> Place {
        let line = at.map(|at| {
            let before = self.text.get(..at).unwrap_or(self.text);
            let column = before.chars().rev().take_while(|&c| c != '\n').count() + 1;
            (before.matches('\n').count() + 1, column)
        });
        Place { file: self.file.clone(), line, key: key.to_owned() }
    }

    pub(super) fn push(&self, error: ConfigError) {
        self.errors.borrow_mut().push(error);
    }

    pub(super) fn into_errors(self) -> Vec<ConfigError> {
        self.errors.into_inner()
    }
}

/// A table that is being read: each key that is asked for is known, every other one is a mistake.
pub(super) struct Section<'a> {
    document: &'a Document<'a>,
    key: String,
    at: Option<usize>,
    table: &'a DeTable<'a>,
    known: Vec<&'static str>,
}

impl<'a> Section<'a> {
    pub(super) fn place(&self) -> Place {
        self.document.place(&self.key, self.at)
    }

    pub(super) fn wrong(&self, problem: &str) {
        self.document.push(ConfigError::new(self.place(), problem));
    }

    /// A value that may be missing; `None` also where it cannot be read, which is noted.
    pub(super) fn optional<T>(&mut self, key: &'static str, read: impl FnOnce(&Item<'a>) -> Option<T>) -> Option<T> {
        read(&self.item(key)?)
    }

    /// A value that has to be there.
    pub(super) fn required<T>(&mut self, key: &'static str, read: impl FnOnce(&Item<'a>) -> Option<T>) -> Option<T> {
        let Some(item) = self.item(key) else {
            let place = self.place().key(key);
            self.document.push(ConfigError::new(place, "is missing"));
            return None;
        };
        read(&item)
    }

    /// What `read` makes of each table of an array of tables, as far as it can be read.
    pub(super) fn tables<T>(&mut self, key: &'static str, read: impl Fn(Section<'a>) -> Option<T>) -> Vec<T> {
        let list = |item: &Item<'a>| item.list(|item| item.section().map(&read));
        self.optional(key, list).unwrap_or_default().into_iter().flatten().collect()
    }

    /// What each table of an array of tables has as the text of a key, whether or not the rest can be read.
    pub(super) fn texts(&self, key: &str, of: &str) -> Vec<Option<String>> {
        let list = self.value(key).and_then(|list| list.as_array());
        let text = |item: &Spanned<DeValue<'_>>| Some(item.get_ref().get(of)?.get_ref().as_str()?.to_owned());
        list.into_iter().flat_map(|list| list.iter()).map(text).collect()
    }

    /// Whether there is something at a path of keys, whether or not it can be read.
    pub(super) fn holds(&self, first: &str, rest: &[&str]) -> bool {
        let below = |value: Option<&'a DeValue<'a>>, key: &&str| Some(value?.get(*key)?.get_ref());
        rest.iter().fold(self.value(first), below).is_some()
    }

    pub(super) fn has(&self, key: &str) -> bool {
        self.table.keys().any(|name| name.get_ref() == key)
    }

    /// Notes the keys that nobody asked for.
    pub(super) fn finish(self) {
        for (name, _) in self.table.iter().filter(|(name, _)| !self.known.contains(&&**name.get_ref())) {
            let place = self.document.place(&self.key, Some(name.span().start)).key(&shown(name.get_ref()));
            let known = self.known.join(", ");
            self.document.push(ConfigError::new(place, format!("is not known; known here are: {known}")));
        }
    }

    fn value(&self, key: &str) -> Option<&'a DeValue<'a>> {
        self.table.iter().find(|(name, _)| *name.get_ref() == key).map(|(_, value)| value.get_ref())
    }

    fn item(&mut self, key: &'static str) -> Option<Item<'a>> {
        self.known.push(key);
        let (_, value) = self.table.iter().find(|(name, _)| *name.get_ref() == key)?;
        let path = if self.key.is_empty() { key.to_owned() } else { format!("{}.{key}", self.key) };
        Some(Item { document: self.document, key: path, at: value.span().start, value: value.get_ref() })
    }
}

/// A value that is being read, and where it stands.
pub(super) struct Item<'a> {
    document: &'a Document<'a>,
    key: String,
    at: usize,
    value: &'a DeValue<'a>,
}

impl<'a> Item<'a> {
    pub(super) fn place(&self) -> Place {
        self.document.place(&self.key, Some(self.at))
    }

    /// Notes a mistake; nothing comes of the value.
    pub(super) fn wrong<T>(&self, problem: impl Into<String>) -> Option<T> {
        self.document.push(ConfigError::new(self.place(), problem));
        None
    }

    pub(super) fn text(&self) -> Option<&'a str> {
        match self.value {
            DeValue::String(text) if !text.is_empty() => Some(text),
            DeValue::String(_) => self.wrong("is empty"),
            _ => self.is_not("a string"),
        }
    }

    pub(super) fn flag(&self) -> Option<bool> {
        self.value.as_bool().or_else(|| self.is_not("true or false"))
    }

    pub(super) fn number(&self, range: RangeInclusive<u64>) -> Option<u64> {
        let DeValue::Integer(digits) = self.value else { return self.is_not("an integer") };
        let number = u64::from_str_radix(digits.as_str(), digits.radix()).ok().filter(|number| range.contains(number));
        number.or_else(|| self.wrong(format!("is not from {} to {}", range.start(), range.end())))
    }

    pub(super) fn seconds(&self, range: RangeInclusive<u64>) -> Option<Duration> {
        self.number(range).map(Duration::from_secs)
    }

    /// One of some words.
    pub(super) fn word<T: Copy>(&self, words: &[(&str, T)]) -> Option<T> {
        let text = self.text()?;
        let found = words.iter().find(|(word, _)| *word == text).map(|(_, meaning)| *meaning);
        let list = || words.iter().map(|(word, _)| *word).collect::<Vec<_>>().join(", ");
        found.or_else(|| self.wrong(format!("is none of: {}", list())))
    }

    /// The name of an identity, a spec or a caller.
    pub(super) fn name(&self) -> Option<String> {
        let text = self.text()?;
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        match text.len() <= 64 && text.chars().all(allowed) {
            true => Some(text.to_owned()),
            false => self.wrong("is no name: 1 to 64 characters out of A-Z, a-z, 0-9, `.`, `_` and `-`"),
        }
    }

    /// A path; a relative one starts at the configuration file's folder.
    pub(super) fn path(&self) -> Option<PathBuf> {
        self.text().map(|text| self.folder().join(text))
    }

    /// `{ file = "…" }` or `{ credential = "…" }`. Whatever else stands there may be the secret itself.
    pub(super) fn secret(&self) -> Option<Secret> {
        if !self.value.is_table() {
            return self.wrong(
                "names no place: a secret is { file = \"…\" } or { credential = \"…\" }, and never written here",
            );
        }
        let mut section = self.section()?;
        let file = section.optional("file", Item::path);
        let credential = section.optional("credential", Item::credential);
        let named = [section.has("file"), section.has("credential")];
        section.finish();
        match (named, file, credential) {
            ([true, true] | [false, false], ..) => self.wrong("is either { file = \"…\" } or { credential = \"…\" }"),
            (_, Some(path), _) => Some(Secret { path, credential: false, place: self.place() }),
            (_, _, Some(path)) => Some(Secret { path, credential: true, place: self.place() }),
            _ => None,
        }
    }

    fn credential(&self) -> Option<PathBuf> {
        let name = self.name()?;
        let Some(folder) = self.document.credentials else {
            return self.wrong("systemd hands over no credentials: CREDENTIALS_DIRECTORY is not set");
        };
        // Names without `/` that are no `.` and `..`: nothing outside of the folder.
        match name.chars().all(|c| c == '.') {
            true => self.wrong("is no credential's name"),
            false => Some(folder.join(name)),
        }
    }

    pub(super) fn section(&self) -> Option<Section<'a>> {
        let DeValue::Table(table) = self.value else { return self.is_not("a table") };
        let (document, key) = (self.document, self.key.clone());
        Some(Section { document, key, at: Some(self.at), table, known: Vec::new() })
    }

    /// Each item as `read` takes it; `None` where one cannot be read.
    pub(super) fn list<T>(&self, read: impl Fn(&Item<'a>) -> Option<T>) -> Option<Vec<T>> {
        let DeValue::Array(items) = self.value else { return self.is_not("a list") };
        let item = |(index, value): (usize, &'a Spanned<DeValue<'a>>)| {
            let key = format!("{}[{index}]", self.key);
            read(&Item { document: self.document, key, at: value.span().start, value: value.get_ref() })
        };
        // All of them first, so that every mistake is noted.
        let items: Vec<Option<T>> = items.iter().enumerate().map(item).collect();
        items.into_iter().collect()
    }

    /// The keys and values of a table whose keys are free.
    pub(super) fn entries(&self) -> Option<Vec<(String, Item<'a>)>> {
        let DeValue::Table(table) = self.value else { return self.is_not("a table") };
        let entry = |(name, value): (&'a Spanned<Cow<'a, str>>, &'a Spanned<DeValue<'a>>)| {
            let key = format!("{}.{}", self.key, shown(name.get_ref()));
            let item = Item { document: self.document, key, at: value.span().start, value: value.get_ref() };
            (name.get_ref().to_string(), item)
        };
        Some(table.iter().map(entry).collect())
    }

    /// A string, integer, number, boolean or date as JSON would write it.
    pub(super) fn json(&self) -> Option<serde_json::Value> {
        match self.value {
            DeValue::String(text) => Some(text.as_ref().into()),
            DeValue::Boolean(flag) => Some((*flag).into()),
            DeValue::Datetime(moment) => Some(moment.to_string().into()),
            DeValue::Integer(digits) => match i64::from_str_radix(digits.as_str(), digits.radix()) {
                Ok(number) => Some(number.into()),
                Err(_) => self.number(0..=u64::MAX).map(Into::into),
            },
            DeValue::Float(number) => number.as_str().parse::<f64>().ok().map(Into::into),
            DeValue::Array(_) | DeValue::Table(_) => self.wrong("is a list or a table, which no parameter takes"),
        }
    }

    fn is_not<T>(&self, wanted: &str) -> Option<T> {
        self.wrong(format!("is not {wanted}"))
    }

    fn folder(&self) -> &Path {
        self.document.file.parent().unwrap_or(Path::new(""))
    }
}

/// A key as somebody wrote it, in one line and not longer than a line.
fn shown(key: &str) -> String {
    key.chars().take(64).flat_map(char::escape_debug).collect()
}
