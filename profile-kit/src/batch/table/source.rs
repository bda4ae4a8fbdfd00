//! The bytes of a table: read once for their digest, then again for their rows.

use std::{
    io::{self, BufRead, Read, Seek, SeekFrom},
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{Encoding, refused};
use crate::{
    Error, Result,
    batch::{
        store::failed,
        twice::{CHANGED, First, Second},
    },
};

pub(super) struct Source {
    /// What errors of reading call it.
    pub(super) name: PathBuf,
    reader: Second<Box<dyn Read + Send>>,
    /// Bytes that were taken.
    position: u64,
}

impl Source {
    pub(super) fn open(mut file: impl Read + Seek + Send + 'static, encoding: Encoding) -> Result<Self> {
        let name = PathBuf::from("the table of devices");
        let first = First::read(&mut file).map_err(failed(&name, "cannot be read"))?;
        file.seek(SeekFrom::Start(0)).map_err(failed(&name, "cannot be read"))?;
        let mut source = Self { name, reader: Second::new(Box::new(file), Arc::new(first)), position: 0 };
        source.pass_byte_order_mark(encoding)?;
        Ok(source)
    }

    pub(super) fn digest(&self) -> [u8; 32] {
        self.reader.first().digest()
    }

    pub(super) fn length(&self) -> u64 {
        self.reader.first().length()
    }

    pub(super) fn position(&self) -> u64 {
        self.position
    }

    /// The bytes that come next, read but not taken; none at the end.
    pub(super) fn peek(&mut self) -> Result<&[u8]> {
        self.reader.fill_buf().map_err(unread(&self.name))
    }

    pub(super) fn take(&mut self, count: usize) {
        self.reader.consume(count);
        self.position += count as u64;
    }

    pub(super) fn first_byte(&mut self) -> Result<Option<u8>> {
        Ok(self.peek()?.iter().copied().find(|byte| !byte.is_ascii_whitespace()))
    }

    /// That at its end nothing stands behind what the first reading found.
    pub(super) fn unchanged(&mut self) -> Result<()> {
        match self.reader.has_grown().map_err(unread(&self.name))? {
            false => Ok(()),
            true => Err(refused(0, CHANGED)),
        }
    }

    fn pass_byte_order_mark(&mut self, encoding: Encoding) -> Result<()> {
        let head = self.peek()?;
        if head.starts_with(&[0xff, 0xfe]) || head.starts_with(&[0xfe, 0xff]) {
            return Err(refused(0, "is UTF-16: save it as UTF-8"));
        }
        if head.starts_with(b"\xef\xbb\xbf") {
            if encoding != Encoding::Utf8 {
                return Err(refused(
                    0,
                    format!("begins with the byte order mark of UTF-8, and is said to be {encoding}"),
                ));
            }
            self.take(3);
        }
        Ok(())
    }
}

fn unread(name: &Path) -> impl Fn(io::Error) -> Error {
    move |cause| match cause.kind() {
        io::ErrorKind::InvalidData => refused(0, CHANGED),
        _ => failed(name, "cannot be read")(cause),
    }
}
