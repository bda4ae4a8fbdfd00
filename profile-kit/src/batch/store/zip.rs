//! A zip whose files are stored as they are: signed bytes are read more often than they are kept.

use std::{
    fs::{File, OpenOptions},
    io::{self, Seek, SeekFrom, Write},
    path::Path,
    time::SystemTime,
};

use time::OffsetDateTime;
use zip::{CompressionMethod, DateTime, ZipWriter, result::ZipError, write::SimpleFileOptions};

pub(in crate::batch) struct Zip {
    /// `None` after its end.
    writer: Option<ZipWriter<Once>>,
    handle: File,
    options: SimpleFileOptions,
}

impl Zip {
    pub fn create(path: &Path, written: SystemTime) -> io::Result<Self> {
        let file = OpenOptions::new().write(true).read(true).create_new(true).open(path)?;
        let options = options(written);
        Ok(Self { handle: file.try_clone()?, writer: Some(ZipWriter::new(Once::new(file))), options })
    }

    pub fn put(&mut self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let writer = self.writer.as_mut().ok_or_else(|| io::Error::other("the zip has its end"))?;
        writer.start_file(name, self.options).map_err(cause)?;
        writer.write_all(bytes)
    }

    pub fn finish(&mut self) -> io::Result<()> {
        match self.writer.take() {
            Some(writer) => writer.finish().map(drop).map_err(cause),
            None => Ok(()),
        }
    }

    pub fn handle(&self) -> io::Result<File> {
        self.handle.try_clone()
    }
}

/// A file that takes nothing any more once a write failed, and says so no second time: the writer, dropped, would try to
/// end the archive, and tell on standard error that it cannot. It keeps up the look of a file until then.
struct Once {
    file: File,
    is_failed: bool,
    position: u64,
    end: u64,
}

impl Once {
    fn new(file: File) -> Self {
        Self { file, is_failed: false, position: 0, end: 0 }
    }

    fn unless_failed<T>(&mut self, instead: T, act: impl FnOnce(&mut File) -> io::Result<T>) -> io::Result<T> {
        if self.is_failed {
            return Ok(instead);
        }
        act(&mut self.file).inspect_err(|cause| self.is_failed = cause.kind() != io::ErrorKind::Interrupted)
    }
}

impl Write for Once {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.unless_failed(bytes.len(), |file| file.write(bytes))?;
        self.position += written as u64;
        self.end = self.end.max(self.position);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.unless_failed((), File::flush)
    }
}

impl Seek for Once {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let there = match to {
            SeekFrom::Start(position) => Some(position),
            SeekFrom::Current(by) => self.position.checked_add_signed(by),
            SeekFrom::End(by) => self.end.checked_add_signed(by),
        };
        let there = there.ok_or(io::ErrorKind::InvalidInput)?;
        self.position = self.unless_failed(there, |file| file.seek(SeekFrom::Start(there)))?;
        Ok(self.position)
    }
}

/// What every entry says of its file.
pub(in crate::batch) fn options(written: SystemTime) -> SimpleFileOptions {
    SimpleFileOptions::default()
        .compression_method(CompressionMethod::Stored)
        .unix_permissions(0o644)
        .last_modified_time(date_time(written))
}

fn cause(error: ZipError) -> io::Error {
    io::Error::other(error)
}

/// In UTC. Before 1980, where zip has no dates, its first one.
fn date_time(moment: SystemTime) -> DateTime {
    let at = OffsetDateTime::from(moment);
    let (date, time) = (at.date(), at.time());
    let year = u16::try_from(date.year()).unwrap_or(0);
    let parts = (u8::from(date.month()), date.day(), time.hour(), time.minute(), time.second());
    DateTime::from_date_and_time(year, parts.0, parts.1, parts.2, parts.3, parts.4).unwrap_or_default()
}
