//! A file that is read twice: the second reading gives what the first one found, or nothing.

use std::{
    io::{self, BufRead, Read},
    sync::Arc,
};

use openssl::sha::Sha256;

/// What a first reading found.
pub(super) struct First {
    /// SHA-256 of everything up to the end of each chunk.
    marks: Vec<[u8; 32]>,
    length: u64,
}

/// The same bytes again, and no more of them; a chunk that is another one now is an error, of which nothing is given.
pub(super) struct Second<R> {
    inner: R,
    first: Arc<First>,
    hash: Sha256,
    /// How many chunks were read.
    number: usize,
    chunk: Vec<u8>,
    /// Bytes of the chunk that were taken.
    taken: usize,
}

impl First {
    /// Reads all of it.
    ///
    /// # Errors
    /// Those of the file.
    pub fn read(file: &mut impl Read) -> io::Result<Self> {
        let (mut hash, mut marks, mut length) = (Sha256::new(), Vec::new(), 0);
        let mut chunk = Vec::with_capacity(CHUNK);
        while fill(&mut chunk, file, CHUNK)? > 0 {
            hash.update(&chunk);
            marks.push(hash.clone().finish());
            length += chunk.len() as u64;
        }
        Ok(Self { marks, length })
    }

    /// SHA-256 of all of it.
    pub fn digest(&self) -> [u8; 32] {
        self.marks.last().copied().unwrap_or_else(|| Sha256::new().finish())
    }

    /// In bytes.
    pub fn length(&self) -> u64 {
        self.length
    }
}

impl<R: Read> Second<R> {
    /// Of a file at its start.
    pub fn new(inner: R, first: Arc<First>) -> Self {
        Self { inner, first, hash: Sha256::new(), number: 0, chunk: Vec::with_capacity(CHUNK), taken: 0 }
    }

    pub fn first(&self) -> &First {
        &self.first
    }

    /// Whether there is more now than there was; to be asked at the end.
    ///
    /// # Errors
    /// Those of the file.
    pub fn has_grown(&mut self) -> io::Result<bool> {
        Ok(fill(&mut self.chunk, &mut self.inner, 1)? > 0)
    }

    fn next_chunk(&mut self) -> io::Result<()> {
        self.taken = 0;
        self.chunk.clear();
        let Some(mark) = self.first.marks.get(self.number) else { return Ok(()) };
        let left = self.first.length - (self.number * CHUNK) as u64;
        fill(&mut self.chunk, &mut self.inner, usize::try_from(left).unwrap_or(CHUNK).min(CHUNK))?;
        self.hash.update(&self.chunk);
        if self.hash.clone().finish() != *mark {
            self.chunk.clear();
            return Err(io::Error::new(io::ErrorKind::InvalidData, CHANGED));
        }
        self.number += 1;
        Ok(())
    }
}

impl<R: Read> BufRead for Second<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.taken == self.chunk.len() {
            self.next_chunk()?;
        }
        Ok(&self.chunk[self.taken..])
    }

    fn consume(&mut self, count: usize) {
        self.taken += count;
    }
}

impl<R: Read> Read for Second<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.fill_buf()?.read(buffer)?;
        self.consume(count);
        Ok(count)
    }
}

/// So many bytes, fewer only at the end, in the place of what was there.
fn fill(chunk: &mut Vec<u8>, from: &mut impl Read, length: usize) -> io::Result<usize> {
    chunk.clear();
    from.take(length as u64).read_to_end(chunk)
}

/// In bytes: 32 are kept of each.
const CHUNK: usize = 64 << 10;
/// Whoever makes something of a chunk has it of the file whose digest is told.
pub(super) const CHANGED: &str = "was changed while it was read: what was made is of what it was before";

#[cfg(test)]
mod tests {
    use super::*;

    fn second(first: &[u8], now: &[u8]) -> (Vec<u8>, Option<String>) {
        let first = Arc::new(First::read(&mut &*first).unwrap());
        let (mut given, mut second) = (Vec::new(), Second::new(now, first));
        let told = second.read_to_end(&mut given).err().map(|cause| cause.to_string());
        (given, told.or_else(|| second.has_grown().unwrap().then(|| "grown".into())))
    }

    #[test]
    fn gives_nothing_of_a_chunk_that_is_another_one_now() {
        let was: Vec<u8> = (0..3 * CHUNK + 5).map(|place| (place % 251) as u8).collect();
        assert_eq!(second(&was, &was), (was.clone(), None));
        for (place, given) in [(0, 0), (CHUNK - 1, 0), (CHUNK, 1), (2 * CHUNK + 7, 2), (3 * CHUNK + 4, 3)] {
            let mut now = was.clone();
            now[place] ^= 1;
            assert_eq!(second(&was, &now), (was[..given * CHUNK].to_vec(), Some(CHANGED.into())), "{place}");
        }
    }

    #[test]
    fn a_file_that_was_cut_is_another_one_and_one_that_grew_is_told_at_its_end() {
        let was = vec![7; 2 * CHUNK];
        assert_eq!(second(&was, &was[..2 * CHUNK - 1]), (was[..CHUNK].to_vec(), Some(CHANGED.into())));
        assert_eq!(second(&was, &was[..CHUNK]), (was[..CHUNK].to_vec(), Some(CHANGED.into())));
        assert_eq!(second(&was, &[&was[..], b"x"].concat()), (was, Some("grown".into())));
        assert_eq!(second(b"", b""), (Vec::new(), None));
    }

    #[test]
    fn the_digest_is_that_of_the_whole() {
        for text in [&b""[..], b"a", &[1; CHUNK], &[2; 3 * CHUNK + 1]] {
            let first = First::read(&mut &*text).unwrap();
            assert_eq!((first.digest(), first.length()), (openssl::sha::sha256(text), text.len() as u64));
        }
    }
}
