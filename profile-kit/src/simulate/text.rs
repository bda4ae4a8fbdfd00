//! Where in a scenario's text something stands.

use toml::Spanned;

use crate::{Error, spec};

/// A scenario's text, to name places in it.
#[derive(Clone, Copy)]
pub(super) struct Text<'a>(pub &'a str);

impl Text<'_> {
    pub fn wrong<T>(self, at: &Spanned<T>, problem: impl Into<String>) -> Error {
        self.wrong_at(at.span().start, problem)
    }

    pub fn wrong_at(self, offset: usize, problem: impl Into<String>) -> Error {
        spec::at(self.0, offset, problem)
    }

    /// The line of an offset, counted from 1.
    pub fn line(self, offset: usize) -> usize {
        self.0.get(..offset).unwrap_or(self.0).matches('\n').count() + 1
    }
}
