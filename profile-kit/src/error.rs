//! The crate's one error type.

use std::{fmt, path::PathBuf};

use openssl::error::ErrorStack;

use crate::{DeviceError, IdentityFault, KeyPath, Verdict, finding::Finding, template::PlaceholderProblem};

/// What the crate's fallible functions return.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// The cause beneath an [`Error`], of whatever library it comes from.
pub type Source = Box<dyn std::error::Error + Send + Sync>;

/// Why something was not done.
///
/// Each message is one line and names the place and the thing; the file's name is the caller's to add, unless the variant
/// has a path.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The bytes do not have the form that they must have.
    #[error("{place}{problem}")]
    Malformed {
        /// What the bytes were read as.
        form: Form,
        /// Where in the bytes.
        place: Place,
        /// What is wrong there.
        problem: String,
        /// What a library said of it.
        #[source]
        source: Option<Source>,
    },
    /// The arrays and dictionaries of a property list are nested deeper than is allowed.
    #[error("{place}nested deeper than the {levels} levels that are allowed")]
    TooDeep {
        /// What the bytes were read as.
        form: Form,
        /// Where in the bytes.
        place: Place,
        /// How many levels are allowed.
        levels: usize,
    },
    /// A property list was read, but it is not a configuration profile.
    #[error("{place}{problem}")]
    NotAProfile {
        /// Where in the property list.
        place: Place,
        /// What is wrong there.
        problem: String,
        /// The device's own error, where one is known for it.
        device: Option<DeviceError>,
    },
    /// A signed file was asked for, and this one carries no signature.
    #[error("not signed: {found}")]
    NotSigned {
        /// What the file is instead.
        found: &'static str,
    },
    /// An unsigned file was asked for, and this one is signed.
    #[error("signed already: sign the unsigned profile, or unwrap this one first")]
    AlreadySigned,
    /// The signature does not hold.
    #[error("{verdict}: {problem}")]
    Integrity {
        /// The stable word for it.
        verdict: Verdict,
        /// What does not hold.
        problem: String,
    },
    /// The signature holds, and its signer is not trusted.
    #[error("{verdict}: {problem}")]
    NotTrusted {
        /// The stable word for it.
        verdict: Verdict,
        /// Why not.
        problem: String,
    },
    /// Signing was refused: every device would refuse the profile.
    #[error("{}", Refusals(.findings))]
    Refused {
        /// What is wrong, at least one.
        findings: Vec<Finding>,
    },
    /// An overwrite would be signed with another certificate than the profile that it must replace (fact R4).
    #[error(
        "OtherSigner: the installed profile is signed by certificate sha256:{installed}, this identity is sha256:{offered}; a device refuses the overwrite (R4)"
    )]
    OtherSigner {
        /// SHA-256 of the leaf certificate that signed what is installed, in hexadecimal.
        installed: String,
        /// SHA-256 of the leaf certificate that was offered, in hexadecimal.
        offered: String,
    },
    /// No overwrite that frees can be made of this profile.
    #[error("no overwrite can be made: {problem}")]
    NoOverwrite {
        /// What stands in the way.
        problem: String,
    },
    /// Placeholders could not be filled; nothing was.
    #[error("{}", Unfilled(.problems, *.more))]
    Placeholders {
        /// What is wrong with each, at least one and at most a hundred.
        problems: Vec<PlaceholderProblem>,
        /// How many there are beyond these.
        more: usize,
    },
    /// A removal password was filled with nothing; nothing was made.
    #[error("the removal password is empty: the profile would be locked without one")]
    EmptyPassword,
    /// A spec says something that has no meaning.
    #[error("{place}{problem}")]
    Spec {
        /// Where in the spec.
        place: Place,
        /// What is wrong there.
        problem: String,
    },
    /// A table of devices cannot be used.
    #[error("{place}{problem}")]
    Table {
        /// Where in the table.
        place: Place,
        /// What is wrong there.
        problem: String,
    },
    /// A batch's manifest is none, or does not fit what is asked.
    #[error("{}: {place}{problem}", path.display())]
    Manifest {
        /// The manifest: several are read at once.
        path: PathBuf,
        /// Where in the manifest.
        place: Place,
        /// What is wrong there.
        problem: String,
    },
    /// A key, a certificate or a passphrase cannot be used.
    #[error("{problem}")]
    Identity {
        /// What is wrong with it, for a program.
        fault: IdentityFault,
        /// The same for people.
        problem: String,
        /// What a library said of it.
        #[source]
        source: Option<Source>,
    },
    /// A file could not be read or written.
    #[error("{}: {doing}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What was tried.
        doing: &'static str,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// The property list cannot be written in the form that was asked for.
    #[error("{place}{problem}")]
    Unwritable {
        /// Where in the property list.
        place: Place,
        /// What the form cannot hold.
        problem: String,
    },
    /// OpenSSL failed where nothing of the caller's is at fault.
    #[error("OpenSSL failed while {doing}")]
    Crypto {
        /// What was being done.
        doing: &'static str,
        /// OpenSSL's own words.
        #[source]
        source: Source,
    },
}

impl Error {
    /// The message and its causes in one line, the outermost first.
    pub fn with_causes(&self) -> String {
        add_causes(self.to_string(), self)
    }
}

/// Words and the causes of an error after them.
pub(crate) fn add_causes(mut words: String, error: &Error) -> String {
    let mut cause = std::error::Error::source(error);
    while let Some(inner) = cause {
        let text = inner.to_string();
        // Some libraries repeat their cause in their own words.
        if !words.ends_with(&text) {
            words.push_str(": ");
            words.push_str(&text);
        }
        cause = inner.source();
    }
    words
}

/// What bytes were read as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Form {
    /// An XML property list.
    XmlPlist,
    /// A binary property list.
    BinaryPlist,
    /// A Cryptographic Message Syntax structure, RFC 5652.
    Cms,
    /// A certificate, RFC 5280.
    Certificate,
    /// A spec in TOML.
    Spec,
    /// Nothing that could be recognised.
    Unknown,
}

/// Where in a file something stands: as much as is known of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// Line and column, both counted from 1, the column in characters.
    pub line: Option<(usize, usize)>,
    /// Bytes from the start.
    pub offset: Option<usize>,
    /// The key path.
    pub path: Option<KeyPath>,
}

impl Place {
    /// The whole file.
    pub fn whole() -> Self {
        Self::default()
    }

    /// A line and a column, both counted from 1.
    pub fn line(line: usize, column: usize) -> Self {
        Self { line: Some((line, column)), ..Self::default() }
    }

    /// A number of bytes from the start.
    pub fn offset(offset: usize) -> Self {
        Self { offset: Some(offset), ..Self::default() }
    }

    /// A key path.
    pub fn path(path: KeyPath) -> Self {
        Self { path: Some(path), ..Self::default() }
    }

    /// This place, at a key path too.
    pub fn at(self, path: KeyPath) -> Self {
        Self { path: Some(path), ..self }
    }
}

/// The place and a colon, or nothing where no place is known.
impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts = Vec::new();
        if let Some((line, column)) = self.line {
            parts.push(format!("line {line}, column {column}"));
        }
        if let Some(offset) = self.offset {
            parts.push(format!("byte {offset}"));
        }
        if let Some(path) = self.path.as_ref().filter(|path| !path.0.is_empty()) {
            parts.push(path.to_string());
        }
        if parts.is_empty() {
            return Ok(());
        }
        write!(f, "{}: ", parts.join(", "))
    }
}

/// An error of OpenSSL as the cause beneath one of ours.
pub(crate) fn openssl(cause: ErrorStack) -> Source {
    Box::new(OpenSsl(cause))
}

#[derive(Debug, thiserror::Error)]
struct OpenSsl(ErrorStack);

/// OpenSSL's reasons in its own words, each once; not its numbers and places in its source.
impl fmt::Display for OpenSsl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut reasons: Vec<&str> = Vec::new();
        for reason in self.0.errors().iter().filter_map(|error| error.reason()) {
            if !reasons.contains(&reason) {
                reasons.push(reason);
            }
        }
        match reasons.is_empty() {
            true => f.write_str("OpenSSL gives no reason"),
            false => f.write_str(&reasons.join(", ")),
        }
    }
}

/// Words of others, which may repeat what a file says: in one line, control characters escaped.
pub(crate) fn one_line(words: &str) -> String {
    let mut line = String::with_capacity(words.len());
    for c in words.chars() {
        match c {
            '\n' => line.push(' '),
            c if c.is_control() => line.extend(c.escape_default()),
            c => line.push(c),
        }
    }
    line
}

struct Refusals<'a>(&'a [Finding]);

impl fmt::Display for Refusals<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        join(self.0, f)
    }
}

struct Unfilled<'a>(&'a [PlaceholderProblem], usize);

impl fmt::Display for Unfilled<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        join(self.0, f)?;
        if self.1 > 0 { write!(f, "; and {} more", self.1) } else { Ok(()) }
    }
}

fn join(sentences: &[impl fmt::Display], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    for (position, sentence) in sentences.iter().enumerate() {
        if position > 0 {
            f.write_str("; ")?;
        }
        write!(f, "{sentence}")?;
    }
    Ok(())
}
