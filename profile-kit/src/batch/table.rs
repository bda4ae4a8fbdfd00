//! The table of devices: CSV with a header, or JSON Lines, read row by row in bounded memory.

mod cells;
mod csv;
mod encoding;
mod json_lines;
mod quotes;
mod source;
#[cfg(test)]
mod tests;

use std::{io, path::PathBuf};

pub use self::{cells::Cells, encoding::Encoding};
use self::{csv::Csv, json_lines::JsonLines, source::Source};
use crate::{Error, Place, Result};

/// The devices of a batch, a row each.
///
/// Which of the two forms it has is seen from its first character: `{` begins JSON Lines; `[`, with which a JSON array
/// begins, is refused. A byte order mark is passed over. A row that cannot be read is told as its [`RowProblem`], and
/// the rest goes on. A cell may have 1 MiB and a row 4 MiB; nothing larger is kept in memory.
pub struct Table {
    source: Source,
    form: Form,
    encoding: Encoding,
    columns: Vec<String>,
    /// The number of the last row.
    row: u64,
}

enum Form {
    Csv(Box<Csv>),
    JsonLines(JsonLines),
}

/// One row: its place, and the cells that were asked for, or why it cannot be read.
#[derive(Clone, Debug)]
pub struct Row {
    /// Counted from 1, the header aside.
    pub number: u64,
    /// The line of the file that it begins on, from 1.
    pub line: u64,
    /// The cells of the columns that were asked for.
    pub cells: Result<Cells, CellProblem>,
}

/// Why a row is not done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowProblem {
    /// The row, from 1.
    pub row: u64,
    /// The line that it begins on, from 1.
    pub line: u64,
    /// The device, where it is known.
    pub device: Option<String>,
    /// What is wrong, cell by cell; at least one.
    pub problems: Vec<CellProblem>,
}

/// What is wrong with one cell or the whole row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CellProblem {
    /// The column's name, where one is to blame; cut where it is long.
    pub column: Option<String>,
    /// One sentence; a secret value is not in it.
    pub problem: String,
}

impl CellProblem {
    /// Of the whole row.
    pub(super) fn of_row(problem: impl Into<String>) -> Self {
        Self { column: None, problem: short(problem.into()) }
    }

    /// Of a column's cell.
    pub(super) fn of_cell(column: &str, problem: impl Into<String>) -> Self {
        Self { column: Some(short(column.to_owned())), problem: short(problem.into()) }
    }
}

/// `line 3, column "serial": …; column "udid": …`; the file's name is the caller's to add.
impl std::fmt::Display for RowProblem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (position, CellProblem { column, problem }) in self.problems.iter().enumerate() {
            match (position, column) {
                (0, Some(column)) => write!(f, "line {}, column {column:?}: {problem}", self.line)?,
                (0, None) => write!(f, "line {}: {problem}", self.line)?,
                (_, Some(column)) => write!(f, "; column {column:?}: {problem}")?,
                (_, None) => write!(f, "; {problem}")?,
            }
        }
        Ok(())
    }
}

impl Table {
    /// Reads the whole file once for its digest, and the header.
    ///
    /// # Errors
    /// [`Error::Table`] where there is no header, it is not in the encoding, or it names a column twice; where no line is
    /// an object, it is a JSON array, or JSON Lines or what has the byte order mark of UTF-8 are said to have another
    /// encoding; [`Error::Io`].
    pub fn open(file: impl io::Read + io::Seek + Send + 'static, encoding: Encoding) -> Result<Self> {
        let mut source = Source::open(file, encoding)?;
        let first = source.first_byte()?;
        if first == Some(b'[') {
            return Err(refused(
                0,
                "is a JSON array, and JSON Lines are wanted: an object a line, without brackets around them",
            ));
        }
        if first == Some(b'{') {
            if encoding != Encoding::Utf8 {
                return Err(refused(0, format!("is JSON Lines, which are UTF-8 and never {encoding}")));
            }
            let (lines, columns) = JsonLines::open(&mut source)?;
            return Ok(Self { source, form: Form::JsonLines(lines), encoding: Encoding::Utf8, columns, row: 0 });
        }
        let (csv, columns) = Csv::open(&mut source, encoding)?;
        Ok(Self { source, form: Form::Csv(Box::new(csv)), encoding, columns, row: 0 })
    }

    /// Says what errors of reading it are to call it.
    pub fn named(mut self, name: impl Into<PathBuf>) -> Self {
        self.source.name = name.into();
        self
    }

    /// SHA-256 of the whole file.
    pub fn digest(&self) -> [u8; 32] {
        self.source.digest()
    }

    /// Bytes of the file, and how many of them were read.
    pub fn length(&self) -> (u64, u64) {
        (self.source.length(), self.source.position())
    }

    /// The header's columns; of JSON Lines the keys of the first line that is an object.
    pub fn columns(&self) -> &[String] {
        &self.columns
    }

    /// How its text is encoded.
    pub fn encoding(&self) -> Encoding {
        self.encoding
    }

    /// Says which columns the rows are to have from here on, in which order.
    pub(super) fn want(&mut self, columns: &[String]) {
        match &mut self.form {
            Form::Csv(csv) => csv.want(&self.columns, columns),
            Form::JsonLines(lines) => lines.want(columns),
        }
    }

    /// Says which names a row's keys are not to miss: those of placeholders, which may have a default. A header is compared
    /// with them before its rows are read, but each line of JSON Lines has keys of its own.
    pub(super) fn watch<'a>(&mut self, names: impl Iterator<Item = &'a String>) {
        match &mut self.form {
            Form::Csv(_) => {}
            Form::JsonLines(lines) => lines.watch(names),
        }
    }

    /// Keys of JSON Lines that nobody asked for and that were not told before.
    pub(super) fn unused_keys(&mut self) -> Vec<String> {
        match &mut self.form {
            Form::Csv(_) => Vec::new(),
            Form::JsonLines(lines) => lines.unused_keys(),
        }
    }

    /// The next row; `None` at the end.
    ///
    /// # Errors
    /// [`Error::Io`]; [`Error::Table`] where the file is not the one any more that was opened.
    pub(super) fn next(&mut self) -> Result<Option<Row>> {
        let read = match &mut self.form {
            Form::Csv(csv) => csv.next(&mut self.source)?,
            Form::JsonLines(lines) => lines.next(&mut self.source)?,
        };
        match read {
            Some((line, cells)) => {
                self.row += 1;
                Ok(Some(Row { number: self.row, line, cells }))
            }
            None => self.source.unchanged().map(|()| None),
        }
    }
}

impl std::fmt::Debug for Table {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Table").field("columns", &self.columns).field("row", &self.row).finish_non_exhaustive()
    }
}

/// A line and what was read there.
type Read = Option<(u64, Result<Cells, CellProblem>)>;

fn refused(line: u64, problem: impl Into<String>) -> Error {
    let place = if line == 0 { Place::whole() } else { Place::line(usize::try_from(line).unwrap_or(usize::MAX), 1) };
    Error::Table { place, problem: problem.into() }
}

/// A hostile cell or name is not told in full.
pub(super) fn short(mut problem: String) -> String {
    if problem.len() > LONGEST_PROBLEM {
        let end = (0..=LONGEST_PROBLEM).rev().find(|end| problem.is_char_boundary(*end)).unwrap_or(0);
        problem.truncate(end);
        problem.push('…');
    }
    problem
}

/// Bytes of a cell.
const LARGEST_CELL: usize = 1 << 20;
/// Bytes of a row.
const LARGEST_ROW: usize = 4 << 20;
const MOST_COLUMNS: usize = 4096;
const LONGEST_PROBLEM: usize = 400;
