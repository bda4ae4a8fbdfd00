//! The names in a scenario, and what they stand for.

use std::collections::BTreeMap;

use toml::Spanned;

use super::{keys::KeyWish, profiles::ProfileWish, text::Text};
use crate::Result;

/// The names that a scenario gives.
pub(super) struct Names<'a> {
    pub keys: &'a BTreeMap<String, KeyWish>,
    pub profiles: &'a BTreeMap<String, ProfileWish>,
}

impl Names<'_> {
    /// An identity's name; `None` for `none`: nothing is signed.
    pub fn key(&self, name: &Spanned<String>, text: Text<'_>) -> Result<Option<String>> {
        match name.get_ref() {
            none if none == NONE => Ok(None),
            known if self.keys.contains_key(known) => Ok(Some(known.clone())),
            other => Err(text.wrong(name, unknown("identity", other, self.keys.keys()))),
        }
    }

    pub fn profile(&self, name: &Spanned<String>, text: Text<'_>) -> Result<String> {
        match name.get_ref() {
            known if self.profiles.contains_key(known) => Ok(known.clone()),
            other => Err(text.wrong(name, unknown("profile", other, self.profiles.keys()))),
        }
    }
}

fn unknown<'a>(kind: &str, name: &str, known: impl Iterator<Item = &'a String>) -> String {
    let known: Vec<_> = known.map(String::as_str).collect();
    format!("no {kind} is called {name:?}: there are {}", known.join(", "))
}

/// The name for nobody's signature.
pub(super) const NONE: &str = "none";
