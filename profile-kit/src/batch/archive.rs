//! Whether an archive is the one that was written: who unpacks it goes by more than names and bytes.

use std::{
    fs::File,
    io::{self, BufReader, Read, Seek, SeekFrom, Write},
    path::Path,
    time::SystemTime,
};

use ::zip::{ZipWriter, write::SimpleFileOptions};

use super::{
    manifest::Made,
    store::{
        Out,
        tar::{self, BLOCK},
        zip,
    },
};
use crate::Result;

/// Where a manifest's files are, compared file by file.
pub(super) enum Archive {
    /// No archive.
    Folder,
    Tar(Tar),
    /// `None` once a file is missing: what comes after it cannot be compared.
    Zip(Option<Box<Zip>>),
}

impl Archive {
    /// # Errors
    /// [`Error::Io`](crate::Error::Io).
    pub fn open(out: &Out, written: SystemTime) -> Result<Self> {
        let opened = match out {
            Out::Directory(_) => Ok(Self::Folder),
            Out::Tar(path) => Tar::open(path, written).map(Self::Tar),
            Out::Zip(path) => Zip::open(path, written).map(|zip| Self::Zip(Some(Box::new(zip)))),
        };
        opened.map_err(out.failed("cannot be read"))
    }

    /// The bytes of the next file that a manifest names, or why there are none, or why they are not taken.
    pub fn take(&mut self, made: &Made, bytes: Result<Vec<u8>, String>) -> Result<Vec<u8>, String> {
        match (self, bytes) {
            (Archive::Tar(tar), Ok(bytes)) => match tar.next(made) {
                Ok(Some(_)) => Ok(bytes),
                Ok(None) => Err("is not in the archive as it was written: its header is another".into()),
                Err(cause) => Err(format!("cannot be read: {cause}")),
            },
            (Archive::Zip(zip), bytes) => {
                let taken =
                    bytes.as_ref().ok().zip(zip.as_mut()).is_some_and(|(bytes, zip)| zip.put(&made.file, bytes));
                if !taken {
                    *zip = None;
                }
                bytes
            }
            (_, bytes) => bytes,
        }
    }

    /// What is wrong with the whole after its last file.
    pub fn end(self) -> Option<String> {
        let Archive::Zip(Some(zip)) = self else { return None };
        zip.end().unwrap_or_else(|cause| Some(format!("its archive cannot be read: {cause}")))
    }
}

/// A tar, whose headers are compared.
pub(super) struct Tar {
    file: BufReader<File>,
    written: SystemTime,
    /// Bytes up to the end of the last file.
    position: u64,
}

impl Tar {
    pub fn open(path: &Path, written: SystemTime) -> io::Result<Self> {
        Ok(Self { file: BufReader::with_capacity(HEADINGS, File::open(path)?), written, position: 0 })
    }

    /// Where the bytes of the next file begin; `None` where what stands before them is not what was written.
    ///
    /// # Errors
    /// Those of reading.
    pub fn next(&mut self, made: &Made) -> io::Result<Option<u64>> {
        let filled = self.position.next_multiple_of(BLOCK) - self.position;
        let mut wanted = vec![0; usize::try_from(filled).expect("less than a block")];
        wanted.extend(tar::heading(&made.file, made.size, self.written)?);
        let mut found = Vec::with_capacity(wanted.len());
        (&mut self.file).take(wanted.len() as u64).read_to_end(&mut found)?;
        let start = self.position + wanted.len() as u64;
        // A size that no file has is not that of this one.
        let after = start.checked_add(made.size).filter(|after| *after <= FARTHEST);
        let Some(after) = after else { return Ok(None) };
        self.position = after;
        self.file.seek(SeekFrom::Start(after))?;
        Ok((found == wanted).then_some(start))
    }
}

/// A zip that is written once more, to nowhere.
pub(super) struct Zip {
    writer: ZipWriter<Same>,
    options: SimpleFileOptions,
}

impl Zip {
    fn open(path: &Path, written: SystemTime) -> io::Result<Self> {
        let same =
            Same { there: BufReader::new(File::open(path)?), base: 0, held: Vec::new(), position: 0, other: None };
        Ok(Self { writer: ZipWriter::new(same), options: zip::options(written) })
    }

    fn put(&mut self, name: &str, bytes: &[u8]) -> bool {
        self.writer.start_file(name, self.options).is_ok() && self.writer.write_all(bytes).is_ok()
    }

    fn end(self) -> io::Result<Option<String>> {
        let mut same = self.writer.finish().map_err(io::Error::other)?;
        same.settle()?;
        let more = same.there.read(&mut [0])?;
        let other = same.other.or((more > 0).then_some(same.base));
        Ok(other.map(|byte| format!("its archive is not what was written: byte {byte} is another")))
    }
}

/// A file to which nothing is written: what would be is compared with what is there, once it is final. The writer of a zip
/// goes back to the header of the entry that it ends, and no farther.
struct Same {
    there: BufReader<File>,
    /// Bytes that were compared.
    base: u64,
    held: Vec<u8>,
    position: u64,
    /// The first byte that is another.
    other: Option<u64>,
}

impl Same {
    fn end(&self) -> u64 {
        self.base + self.held.len() as u64
    }

    fn settle(&mut self) -> io::Result<()> {
        let mut found = Vec::with_capacity(self.held.len());
        (&mut self.there).take(self.held.len() as u64).read_to_end(&mut found)?;
        if self.other.is_none() && found != self.held {
            let same = found.iter().zip(&self.held).take_while(|(one, other)| one == other).count();
            self.other = Some(self.base + same as u64);
        }
        self.base = self.end();
        self.held.clear();
        Ok(())
    }
}

impl Write for Same {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let place = self.position.checked_sub(self.base).and_then(|place| usize::try_from(place).ok());
        let place = place.filter(|place| *place <= self.held.len()).ok_or(io::ErrorKind::InvalidInput)?;
        let inside = bytes.len().min(self.held.len() - place);
        self.held[place..place + inside].copy_from_slice(&bytes[..inside]);
        self.held.extend_from_slice(&bytes[inside..]);
        self.position += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Seek for Same {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let there = match to {
            SeekFrom::Start(position) => Some(position),
            SeekFrom::Current(by) => self.position.checked_add_signed(by),
            SeekFrom::End(by) => self.end().checked_add_signed(by),
        };
        let there = there.ok_or(io::ErrorKind::InvalidInput)?;
        if there == self.end() && self.position < there {
            self.settle()?;
        }
        self.position = there;
        Ok(there)
    }

    fn stream_position(&mut self) -> io::Result<u64> {
        Ok(self.position)
    }
}

/// In bytes: what stands between two files, as a rule.
const HEADINGS: usize = 1024;
/// In bytes: what can be sought.
const FARTHEST: u64 = i64::MAX as u64;
