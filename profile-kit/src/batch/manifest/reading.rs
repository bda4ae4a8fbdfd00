//! Reading a manifest line by line, in bounded memory.

use std::{
    fs::File,
    io::{BufRead, BufReader, Read},
    path::{Path, PathBuf},
    sync::Arc,
};

use openssl::sha::Sha256;

use super::{FORMAT, Head, Kind, Line, MISCOUNTED, NOT_LAST, SHARD, Tally, refused};
use crate::{
    Error, Result,
    batch::{
        Shard,
        store::failed,
        twice::{First, Second},
    },
};

/// A manifest whose head was read, and its further lines.
pub struct Reading {
    path: PathBuf,
    reader: Box<dyn BufRead + Send>,
    /// Bytes of the whole file.
    length: u64,
    hash: Sha256,
    /// The number of the last line.
    line: usize,
    /// Bytes up to the end of the last line.
    position: u64,
    is_at_end: bool,
    /// What the lines have told so far; its rows are those up to the last line's.
    told: Tally,
    /// The row that the next line has to be about, and the way to the one after it; `None` where rows may be left out.
    expected: Option<(u64, u64)>,
}

/// Opens a manifest and reads its head.
///
/// # Errors
/// [`Error::Io`]; [`Error::Manifest`] where the first line is no head of this form.
pub fn open(path: &Path) -> Result<(Head, Reading)> {
    let file = File::open(path).map_err(failed(path, "cannot be read"))?;
    Reading::new(path, file)
}

/// A manifest that is read several times: nothing that changes meanwhile gets into what is made, and what is written behind
/// it is not looked at.
pub struct Kept {
    path: PathBuf,
    first: Arc<First>,
}

impl Kept {
    /// # Errors
    /// [`Error::Io`].
    pub fn new(path: &Path) -> Result<Self> {
        let first = File::open(path).and_then(|mut file| First::read(&mut file));
        let first = Arc::new(first.map_err(failed(path, "cannot be read"))?);
        Ok(Self { path: path.to_owned(), first })
    }

    /// As [`open`], with what was there at first; an error where that is not there any more.
    pub fn open(&self) -> Result<(Head, Reading)> {
        let file = File::open(&self.path).map_err(failed(&self.path, "cannot be read"))?;
        Reading::of(&self.path, Box::new(Second::new(file, self.first.clone())), self.first.length())
    }
}

impl Reading {
    /// Reads the head from a file's start.
    pub fn new(path: &Path, file: File) -> Result<(Head, Self)> {
        let length = file.metadata().map_or(0, |file| file.len());
        Self::of(path, Box::new(BufReader::with_capacity(64 << 10, file)), length)
    }

    fn of(path: &Path, reader: Box<dyn BufRead + Send>, length: u64) -> Result<(Head, Self)> {
        let mut reading = Self {
            path: path.to_owned(),
            reader,
            length,
            hash: Sha256::new(),
            line: 0,
            position: 0,
            is_at_end: false,
            told: Tally::default(),
            expected: None,
        };
        let bytes =
            reading.bytes()?.ok_or_else(|| reading.refused(1, "has no first line: not a manifest of a batch"))?;
        let head: Head = serde_json::from_slice(&bytes)
            .map_err(|cause| reading.refused(1, format!("is not the first line of a manifest: {cause}")))?;
        if head.format != FORMAT {
            return Err(reading.refused(1, format!("has format {}, and only {FORMAT} is known", head.format)));
        }
        // Of overwrites there are none for the rows that failed before.
        if head.made == Kind::Profiles {
            let shard: Option<Shard> = head.options.get(SHARD).and_then(|text| text.parse().ok());
            reading.expected = Some(shard.map_or((1, 1), |shard| (shard.index(), shard.count())));
        }
        Ok((head, reading))
    }

    /// The next line; `None` at the end of the file, also where it ends within a line: what was not written whole does
    /// not count.
    ///
    /// # Errors
    /// [`Error::Manifest`] for a line that is none of a manifest or out of order, where one is missing, and where anything
    /// stands behind the count.
    pub fn next(&mut self) -> Result<Option<Line>> {
        let before = self.position;
        let Some(bytes) = self.bytes()? else { return Ok(None) };
        let line: Line = match serde_json::from_slice(&bytes) {
            Ok(line) => line,
            // The end of a file after a loss of power may be anything.
            Err(_) if self.nothing_follows()? => {
                self.position = before;
                return Ok(None);
            }
            Err(_) => return Err(self.refused(self.line, "is not a line of a manifest")),
        };
        self.admit(&line).map_err(|problem| self.refused(self.line, problem))?;
        if self.is_at_end && !self.buffer()?.is_empty() {
            return Err(self.refused(self.line, NOT_LAST));
        }
        Ok(Some(line))
    }

    /// Takes note of a line, if it is one that may stand there.
    fn admit(&mut self, line: &Line) -> Result<(), String> {
        let is_in_order = line.row().is_none_or(|row| row > self.told.rows);
        if self.is_at_end || !is_in_order {
            return Err("is out of order: rows come in their order, the count last".into());
        }
        if let (Some(row), Some((wanted, step))) = (line.row(), &mut self.expected) {
            if row != *wanted {
                return Err(format!("is about row {row}, and row {wanted} has no line"));
            }
            *wanted = wanted.saturating_add(*step);
        }
        match line {
            Line::Made(_) => self.told.made += 1,
            Line::Failed(_) => self.told.failed += 1,
            Line::End(tally) => {
                let Tally { rows, made, failed } = *tally;
                if rows < self.told.rows || (made, failed) != (self.told.made, self.told.failed) {
                    return Err(MISCOUNTED.into());
                }
                if let Some((wanted, _)) = self.expected.filter(|(wanted, _)| *wanted <= rows) {
                    return Err(format!("counts {rows} rows of the table, and row {wanted} has no line"));
                }
                (self.told.rows, self.is_at_end) = (rows, true);
            }
        }
        self.told.rows = line.row().unwrap_or(self.told.rows);
        Ok(())
    }

    /// What the lines that were read have told: how many files and rows that failed, and how many rows the table has, up
    /// to the last line's where the count does not say.
    pub fn told(&self) -> Tally {
        self.told
    }

    /// Whether the last line was read: the batch is complete.
    pub fn is_at_end(&self) -> bool {
        self.is_at_end
    }

    /// What is wrong with a line, or with line 0: the whole.
    pub fn refused(&self, line: usize, problem: impl Into<String>) -> Error {
        refused(&self.path, line, problem)
    }

    /// Bytes up to the end of the last line that was read: where a resume goes on.
    pub fn position(&self) -> u64 {
        self.position
    }

    /// The number of the last line.
    pub fn line(&self) -> usize {
        self.line
    }

    /// Bytes of the whole file.
    pub fn length(&self) -> u64 {
        self.length
    }

    /// SHA-256 of the lines that were read.
    pub fn digest(&self) -> [u8; 32] {
        self.hash.clone().finish()
    }

    /// A line without its end; `None` where no whole line follows.
    fn bytes(&mut self) -> Result<Option<Vec<u8>>> {
        let mut bytes = Vec::new();
        let read = (&mut self.reader).take(LONGEST).read_until(b'\n', &mut bytes);
        read.map_err(failed(&self.path, "cannot be read"))?;
        if bytes.len() as u64 == LONGEST && bytes.last() != Some(&b'\n') && self.has_an_end()? {
            return Err(self.refused(self.line + 1, format!("is longer than {} MiB", LONGEST >> 20)));
        }
        if bytes.pop() != Some(b'\n') {
            return Ok(None);
        }
        self.line += 1;
        self.position += bytes.len() as u64 + 1;
        self.hash.update(&bytes);
        self.hash.update(b"\n");
        Ok(Some(bytes))
    }

    /// What comes next, as far as it was read; nothing at the end.
    fn buffer(&mut self) -> Result<&[u8]> {
        self.reader.fill_buf().map_err(failed(&self.path, "cannot be read"))
    }

    /// Whether the line that is being read ends somewhere: what a loss of power left behind the last one does not.
    fn has_an_end(&mut self) -> Result<bool> {
        loop {
            let more = self.buffer()?;
            if more.is_empty() || more.contains(&b'\n') {
                return Ok(!more.is_empty());
            }
            let length = more.len();
            self.reader.consume(length);
        }
    }

    fn nothing_follows(&mut self) -> Result<bool> {
        let line = self.line;
        while let Some(bytes) = self.bytes()? {
            if serde_json::from_slice::<Line>(&bytes).is_ok() {
                self.line = line;
                return Ok(false);
            }
        }
        Ok(true)
    }
}

/// Bytes of a line: a profile may have thousands of payloads.
const LONGEST: u64 = 8 << 20;
