//! What a batch tells while it runs, and at its end.

use std::path::PathBuf;

use super::table::RowProblem;

/// Something to be told.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Event<'a> {
    /// Something worth knowing that stands in nobody's way.
    Note(&'a str),
    /// What a check has to say of a profile, once for all that say the same: of some device, or of the overwrite to
    /// come. It names the line of the first row that says it, unless that is the first of all. Rows are checked that
    /// bring something new to a placeholder: a value, where there are no more than 32, or a combination of boolean
    /// ones, no more than 256.
    Warning(&'a str),
    /// A row that was not done.
    Row(&'a RowProblem),
    /// How far it is.
    Progress(Progress),
}

/// How far a batch is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Files that were made, those before a resume among them.
    pub made: u64,
    /// Rows that failed.
    pub failed: u64,
    /// Bytes of the input that were read.
    pub position: u64,
    /// Bytes of the whole input.
    pub length: u64,
}

/// What became of a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Report {
    /// Rows of the input that were read, those of other shards among them.
    pub rows: u64,
    /// Files that are there, those before a resume among them.
    pub made: u64,
    /// Rows that failed.
    pub failed: u64,
    /// Rows that an earlier run had done.
    pub resumed: u64,
    /// Whether all is done: it came to its end, and so did the batch that was overwritten or verified.
    pub is_complete: bool,
    /// Whether it was stopped before its end.
    pub is_stopped: bool,
    /// Where the manifest is; `None` where nothing was written.
    pub manifest: Option<PathBuf>,
}
