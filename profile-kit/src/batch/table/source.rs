//! The bytes of a table: read once for their digest, then again for their rows.

use std::{
    io::{self, BufRead, BufReader, Read, Seek, SeekFrom},
    path::PathBuf,
};

use openssl::sha::Sha256;

use super::{Encoding, refused};
use crate::{Result, batch::store::failed};

pub(super) struct Source {
    /// What errors of reading call it.
    pub(super) name: PathBuf,
    reader: BufReader<Hashed>,
    digest: [u8; 32],
    length: u64,
    /// Bytes that were taken.
    position: u64,
}

impl Source {
    pub(super) fn open(mut file: impl Read + Seek + Send + 'static, encoding: Encoding) -> Result<Self> {
        let name = PathBuf::from("the table of devices");
        let (digest, length) = digest(&mut file).map_err(failed(&name, "cannot be read"))?;
        file.seek(SeekFrom::Start(0)).map_err(failed(&name, "cannot be read"))?;
        let hashed = Hashed { inner: Box::new(file), hash: Sha256::new() };
        let mut source = Self { name, reader: BufReader::with_capacity(BUFFER, hashed), digest, length, position: 0 };
        source.pass_byte_order_mark(encoding)?;
        Ok(source)
    }

    pub(super) fn digest(&self) -> [u8; 32] {
        self.digest
    }

    pub(super) fn length(&self) -> u64 {
        self.length
    }

    pub(super) fn position(&self) -> u64 {
        self.position
    }

    /// The bytes that come next, read but not taken; none at the end.
    pub(super) fn peek(&mut self) -> Result<&[u8]> {
        self.reader.fill_buf().map_err(failed(&self.name, "cannot be read"))
    }

    pub(super) fn take(&mut self, count: usize) {
        self.reader.consume(count);
        self.position += count as u64;
    }

    pub(super) fn first_byte(&mut self) -> Result<Option<u8>> {
        Ok(self.peek()?.iter().copied().find(|byte| !byte.is_ascii_whitespace()))
    }

    /// That the bytes of the second reading were those of the first.
    pub(super) fn unchanged(&self) -> Result<()> {
        let now = self.reader.get_ref().hash.clone().finish();
        match now == self.digest {
            true => Ok(()),
            false => Err(refused(0, "was changed while it was read: what was made may be of either version")),
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

/// A reader that keeps the digest of what it read.
struct Hashed {
    inner: Box<dyn Read + Send>,
    hash: Sha256,
}

impl Read for Hashed {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.hash.update(&buffer[..count]);
        Ok(count)
    }
}

fn digest(file: &mut impl Read) -> io::Result<([u8; 32], u64)> {
    let (mut hash, mut length) = (Sha256::new(), 0);
    let mut buffer = vec![0; BUFFER];
    loop {
        let count = match file.read(&mut buffer) {
            Ok(0) => return Ok((hash.finish(), length)),
            Ok(count) => count,
            Err(cause) if cause.kind() == io::ErrorKind::Interrupted => continue,
            Err(cause) => return Err(cause),
        };
        hash.update(&buffer[..count]);
        length += count as u64;
    }
}

const BUFFER: usize = 64 << 10;
