//! What is wrong with a placeholder, in parts: who fills a form tells it beside the field, who fills a table in its cell.

use std::fmt;

use super::{Kind, NAME};
use crate::{KeyPath, document::LARGEST};

/// What is wrong with one placeholder, or with its value. As text it is one sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PlaceholderProblem {
    /// Its name, or what stands in its place; `None` where nothing does.
    pub name: Option<String>,
    /// Where it stands, if the template is at fault.
    pub path: Option<KeyPath>,
    /// The value, if that is at fault; `None` where it is secret.
    pub value: Option<String>,
    /// What is wrong.
    pub fault: PlaceholderFault,
}

/// What can be wrong with a placeholder. As text it ends a sentence that begins with the placeholder or its value.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PlaceholderFault {
    /// It is not declared.
    Undeclared,
    /// It has neither a value nor a default.
    NoValue,
    /// The value does not match its pattern.
    NoMatch {
        /// The regular expression.
        pattern: String,
    },
    /// The value is not of its kind.
    WrongKind {
        /// What it should be.
        kind: Kind,
    },
    /// What stands in the braces can name none.
    NoName,
    /// A `{{` starts none.
    Stray,
    /// With its value the profile would be larger than any that is read.
    TooLarge,
}

impl PlaceholderProblem {
    pub(super) fn new(name: impl Into<String>, fault: PlaceholderFault) -> Self {
        Self { name: Some(name.into()), path: None, value: None, fault }
    }

    pub(super) fn unnamed(fault: PlaceholderFault) -> Self {
        Self { name: None, path: None, value: None, fault }
    }

    pub(super) fn at(self, path: &KeyPath) -> Self {
        Self { path: Some(path.clone()), ..self }
    }

    /// Of the value alone, for a place where the placeholder is named already; otherwise the whole sentence.
    pub(crate) fn of_value(&self) -> String {
        use PlaceholderFault::{NoMatch, WrongKind};
        match &self.fault {
            fault @ (NoMatch { .. } | WrongKind { .. }) => match &self.value {
                Some(value) => format!("{value:?} {fault}"),
                None => format!("[redacted] {fault}"),
            },
            _ => self.to_string(),
        }
    }
}

impl fmt::Display for PlaceholderProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use PlaceholderFault::{NoMatch, NoName, NoValue, Stray, TooLarge, Undeclared, WrongKind};
        if let Some(path) = &self.path {
            write!(f, "{path}: ")?;
        }
        let (name, fault) = (self.name.as_deref().unwrap_or_default(), &self.fault);
        match fault {
            Undeclared | NoValue => write!(f, "placeholder {name:?} {fault}"),
            NoMatch { .. } | WrongKind { .. } => write!(f, "placeholder {name:?}: {}", self.of_value()),
            NoName => write!(f, "{{{{{name}}}}} {fault}"),
            Stray => write!(f, "\"{{{{\" {fault}"),
            TooLarge => write!(f, "{fault}"),
        }
    }
}

impl fmt::Display for PlaceholderFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Undeclared => f.write_str("is not declared"),
            Self::NoValue => f.write_str("has no value"),
            Self::NoMatch { pattern } => write!(f, "does not match the pattern {pattern}"),
            Self::WrongKind { kind } => write!(f, "is not {kind}"),
            Self::NoName => write!(f, "is no placeholder: {NAME}"),
            Self::Stray => f.write_str("starts no placeholder: write {{name}}"),
            Self::TooLarge => write!(f, "the filled profile would be larger than {LARGEST} bytes"),
        }
    }
}
