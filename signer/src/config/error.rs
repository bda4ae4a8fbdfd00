//! What is wrong with a configuration, and where.

use std::{error::Error, fmt, io, path::Path, sync::Arc};

use crate::log;

/// Where in which file something stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The file.
    pub file: Arc<Path>,
    /// Line and column, both counted from 1, the column in characters; `None` where only the file is known.
    pub line: Option<(usize, usize)>,
    /// The key path, such as `identity[1].key`; empty for the whole file.
    pub key: String,
}

impl Place {
    /// A whole file.
    pub fn file(file: &Path) -> Self {
        Self { file: file.into(), line: None, key: String::new() }
    }

    /// A key below this place; the line stays.
    pub fn key(&self, key: &str) -> Self {
        let key = if self.key.is_empty() { key.to_owned() } else { format!("{}.{key}", self.key) };
        Self { key, ..self.clone() }
    }
}

/// `signer.toml:12:3: identity[1].key: `, as much as is known.
impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.file.display())?;
        if let Some((line, column)) = self.line {
            write!(f, "{line}:{column}:")?;
        }
        if !self.key.is_empty() {
            write!(f, " {}:", self.key)?;
        }
        f.write_str(" ")
    }
}

/// One thing that is wrong with the configuration, or with a file that it names. One line; values are not shown,
/// since they may be secrets in the wrong place.
#[derive(Debug, thiserror::Error)]
#[error("{place}{problem}")]
pub struct ConfigError {
    /// Where.
    pub place: Place,
    /// What is wrong there.
    pub problem: String,
    /// What the system or a library said of it.
    #[source]
    pub source: Option<Box<dyn Error + Send + Sync>>,
}

impl ConfigError {
    /// A problem without a cause beneath it.
    pub fn new(place: Place, problem: impl Into<String>) -> Self {
        Self { place, problem: problem.into(), source: None }
    }

    /// A file that cannot be read.
    pub(crate) fn unreadable(place: Place, path: &Path, cause: io::Error) -> Self {
        Self { place, problem: format!("cannot read {}", path.display()), source: Some(Box::new(cause)) }
    }

    /// A file that cannot be written.
    pub(crate) fn unwritable(place: Place, path: &Path, cause: io::Error) -> Self {
        Self { place, problem: format!("cannot write {}", path.display()), source: Some(Box::new(cause)) }
    }

    /// What profile-kit says of a file that the configuration names.
    pub(crate) fn of(place: Place, cause: profile_kit::Error) -> Self {
        let problem = cause.to_string();
        let source = match cause {
            profile_kit::Error::Identity { source, .. } | profile_kit::Error::Malformed { source, .. } => source,
            profile_kit::Error::Io { source, .. } => Some(source.into()),
            profile_kit::Error::Crypto { source, .. } => Some(source),
            _ => None,
        };
        Self { place, problem, source }
    }

    /// The sentence and every cause beneath it, in one line: for people at a terminal.
    pub fn chain(&self) -> String {
        log::chain(self)
    }
}
