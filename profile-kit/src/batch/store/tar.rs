//! A tar that grows at its end.

use std::{
    fs::{File, OpenOptions},
    io::{self, BufWriter, Seek, SeekFrom, Write},
    path::Path,
    time::{SystemTime, UNIX_EPOCH},
};

use tar::{Builder, EntryType, Header};

pub(in crate::batch) struct Tar {
    builder: Builder<BufWriter<File>>,
    /// What every entry says of its file.
    header: Header,
}

impl Tar {
    pub fn create(path: &Path, written: SystemTime) -> io::Result<Self> {
        let file = OpenOptions::new().write(true).create_new(true).open(path)?;
        Ok(Self::at_end(file, written))
    }

    /// Goes on after so many bytes; what comes behind them goes.
    pub fn reopen(path: &Path, written: SystemTime, length: u64) -> io::Result<Self> {
        let mut file = OpenOptions::new().write(true).create(true).truncate(false).open(path)?;
        // What fills the last block is written anew.
        file.set_len(length)?;
        file.set_len(length.next_multiple_of(BLOCK))?;
        file.seek(SeekFrom::End(0))?;
        Ok(Self::at_end(file, written))
    }

    fn at_end(file: File, written: SystemTime) -> Self {
        Self { builder: Builder::new(BufWriter::with_capacity(BUFFER, file)), header: header(written) }
    }

    pub fn put(&mut self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let mut header = self.header.clone();
        header.set_size(bytes.len() as u64);
        self.builder.append_data(&mut header, name, bytes)
    }

    pub fn flush(&mut self) -> io::Result<()> {
        self.builder.get_mut().flush()
    }

    pub fn finish(&mut self) -> io::Result<()> {
        self.builder.finish()?;
        self.flush()
    }

    pub fn handle(&self) -> io::Result<File> {
        self.builder.get_ref().get_ref().try_clone()
    }
}

/// All that stands before a file's bytes: a header, and another one with the name where that is long.
///
/// # Errors
/// A name that no tar takes.
pub(in crate::batch) fn heading(name: &str, size: u64, written: SystemTime) -> io::Result<Vec<u8>> {
    let (mut builder, mut header) = (Builder::new(Vec::new()), header(written));
    header.set_size(size);
    builder.append_data(&mut header, name, io::empty())?;
    Ok(std::mem::take(builder.get_mut()))
}

fn header(written: SystemTime) -> Header {
    let mut header = Header::new_gnu();
    header.set_entry_type(EntryType::Regular);
    header.set_mode(0o644);
    // One time for all, or the same input would give another archive.
    header.set_mtime(written.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs()));
    header
}

/// In bytes.
pub(in crate::batch) const BLOCK: u64 = 512;
const BUFFER: usize = 256 << 10;
