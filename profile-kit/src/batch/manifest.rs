//! The manifest of a batch: JSON Lines that are true up to their end, whenever the writer died.
//!
//! The first line says what was asked ([`Head`]); then comes a line a row in the order of the rows, of a file that was
//! made or of a row that failed; the last line counts them, and stands only where the batch is complete.

mod reading;

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io,
    path::Path,
};

use serde::{Deserialize, Serialize};

use super::{
    store::failed,
    table::{CellProblem, RowProblem},
};
use crate::{Certificate, Error, Identity, Place, Result, SignOptions, redact};

pub(super) use reading::{Kept, Reading, open};

/// What was asked: the first line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Head {
    pub format: u64,
    pub made: Kind,
    /// SHA-256 of the table, or of the manifest of what is overwritten.
    pub input: String,
    /// SHA-256 of the spec.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spec: Option<String>,
    /// SHA-256 of the signer's certificate.
    pub leaf: String,
    pub signing_time: String,
    /// Everything else that decides what is made.
    pub options: BTreeMap<String, String>,
}

/// What a batch makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Kind {
    Profiles,
    Overwrites,
}

/// A line after the first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub(super) enum Line {
    Made(Made),
    Failed(Failed),
    End(Tally),
}

/// A file that was made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Made {
    pub row: u64,
    pub device: String,
    /// Beside the manifest, or within the archive; with `/` between folder and name.
    pub file: String,
    /// Bytes of the signed file.
    pub size: u64,
    pub identifier: String,
    pub uuid: String,
    /// The payloads' UUIDs in their order; none where they are encrypted.
    pub payloads: Vec<String>,
    /// SHA-256 of what is signed.
    pub content: String,
    /// SHA-256 of the signed file.
    pub signed: String,
    /// SHA-256 of the signed file that this one overwrites.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub installed: Option<String>,
}

/// A row that nothing was made of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Failed {
    pub row: u64,
    /// The line of the table that it begins on.
    pub line: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device: Option<String>,
    pub problems: Vec<Problem>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Problem {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub column: Option<String>,
    pub problem: String,
}

/// How many rows there were, and what became of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Tally {
    /// Rows of the whole table, those of other shards among them.
    pub rows: u64,
    pub made: u64,
    pub failed: u64,
}

impl Head {
    /// Everything in which another head differs, in words; signing times aside.
    pub fn differences(&self, other: &Self) -> Vec<String> {
        let mut differences = Vec::new();
        let mut compare = |what: &str, one: Option<&String>, two: Option<&String>| {
            if one != two {
                let shown = |text: Option<&String>| text.map_or_else(|| "none".to_owned(), |text| redact::escape(text));
                differences.push(format!("{what} ({} there, {} now)", shown(one), shown(two)));
            }
        };
        let made = |head: &Self| format!("{:?}", head.made).to_lowercase();
        compare("what is made", Some(&made(self)), Some(&made(other)));
        compare("input", Some(&self.input), Some(&other.input));
        compare("spec", self.spec.as_ref(), other.spec.as_ref());
        compare("leaf certificate", Some(&self.leaf), Some(&other.leaf));
        let names: std::collections::BTreeSet<&String> = self.options.keys().chain(other.options.keys()).collect();
        names.into_iter().for_each(|name| compare(name, self.options.get(name), other.options.get(name)));
        differences
    }
}

impl From<&RowProblem> for Failed {
    fn from(row: &RowProblem) -> Self {
        let problem = |CellProblem { column, problem }: &CellProblem| Problem {
            column: column.clone(),
            problem: problem.clone(),
        };
        Self {
            row: row.row,
            line: row.line,
            device: row.device.clone(),
            problems: row.problems.iter().map(problem).collect(),
        }
    }
}

impl Line {
    /// The row that it tells of; `None` for the last line.
    pub fn row(&self) -> Option<u64> {
        match self {
            Line::Made(made) => Some(made.row),
            Line::Failed(failed) => Some(failed.row),
            Line::End(_) => None,
        }
    }
}

/// A line with its end.
pub(super) fn written(line: &impl Serialize) -> Vec<u8> {
    let mut bytes = serde_json::to_vec(line).expect("texts and numbers");
    bytes.push(b'\n');
    bytes
}

/// What decides a signature's bytes, besides the leaf: options, and the intermediates that every file has in it.
pub(super) fn signing(options: &SignOptions, identity: &Identity) -> BTreeMap<String, String> {
    let mut told = BTreeMap::from([(DIGEST.to_owned(), options.digest.to_string())]);
    let intermediates: Vec<String> = identity.chain().iter().skip(1).map(Certificate::fingerprint).collect();
    if !intermediates.is_empty() {
        told.insert(CHAIN.into(), intermediates.join(","));
    }
    if !options.allow.is_empty() {
        let mut codes: Vec<String> = options.allow.iter().map(ToString::to_string).collect();
        codes.sort();
        codes.dedup();
        told.insert("allow".into(), codes.join(","));
    }
    told
}

/// Two runs at once would write over each other. Who has the lock of a file that stands there no more, since another run
/// took it for one that was never begun, has nothing.
pub(super) fn lock(file: &File, path: &Path) -> Result<()> {
    let others = || io::Error::new(io::ErrorKind::WouldBlock, "another process writes it");
    let locked = file.try_lock().map_err(|cause| match cause {
        fs::TryLockError::WouldBlock => others(),
        fs::TryLockError::Error(cause) => cause,
    });
    let held = locked.and_then(|()| is_at(file, path)).and_then(|is_there| is_there.then_some(()).ok_or_else(others));
    held.map_err(failed(path, "cannot be locked"))
}

/// Whether a path leads to the very file that was opened there.
#[cfg(unix)]
fn is_at(file: &File, path: &Path) -> io::Result<bool> {
    use std::os::unix::fs::MetadataExt;

    let id = |file: fs::Metadata| (file.dev(), file.ino());
    match fs::metadata(path) {
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => Ok(false),
        there => Ok(id(there?) == id(file.metadata()?)),
    }
}

/// Elsewhere no file that is open is removed.
#[cfg(not(unix))]
fn is_at(_: &File, _: &Path) -> io::Result<bool> {
    Ok(true)
}

pub(super) fn refused(path: &Path, line: usize, problem: impl Into<String>) -> Error {
    let place = if line == 0 { Place::whole() } else { Place::line(line, 1) };
    Error::Manifest { path: path.to_owned(), place, problem: problem.into() }
}

/// The form that is written, and the only one that is read.
pub(super) const FORMAT: u64 = 1;
/// What is wrong with a line whose file another one names.
pub(super) const DOUBLE: &str = "names a file that a line before names";
/// Of a last line.
const MISCOUNTED: &str = "does not count what the lines before it say";
/// What is wrong with a count behind which something stands.
const NOT_LAST: &str = "is the count, and more stands behind it";
/// The option that says by which clock overwrites were judged.
pub(super) const CLOCK: &str = "now";
/// The option that names the device's column.
pub(super) const DEVICE: &str = "device";
/// The option that says how files are named.
pub(super) const NAME: &str = "name";
/// The option that says where the files are.
pub(super) const OUT: &str = "out";
/// The option that spreads them over sub-folders.
pub(super) const FAN_OUT: &str = "fan_out";
/// The option that names the digest of the signatures.
pub(super) const DIGEST: &str = "digest";
/// The option that names the intermediate certificates.
pub(super) const CHAIN: &str = "chain";
/// The option that a joined manifest has no more.
pub(super) const SHARD: &str = "shard";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_of_a_file_that_gave_way_to_another_holds_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("manifest.jsonl");
        let create = || File::create_new(&path).unwrap();
        // Made by one run, and removed by another before it was locked.
        let first = create();
        fs::remove_file(&path).unwrap();
        let told = |file: &File| lock(file, &path).map_err(|error| error.with_causes());
        let others = Err(format!("{}: cannot be locked: another process writes it", path.display()));
        assert_eq!(told(&first), others);
        let second = create();
        assert_eq!((told(&first), told(&second)), (others.clone(), Ok(())));
        assert_eq!(told(&File::open(&path).unwrap()), others);
    }
}
