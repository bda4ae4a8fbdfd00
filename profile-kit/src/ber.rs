//! Basic Encoding Rules (X.690), read without trust: lengths, nesting and ends are looked at before anything else.

use std::borrow::Cow;

use crate::{Error, Form, Place, Result};

/// One element: identifier, length, content. Offsets are the file's.
#[derive(Clone, Copy)]
pub(crate) struct Element<'a> {
    /// The identifier octet; of a tag number over 30 only its first octet, which fits no tag that is asked for.
    pub(crate) tag: u8,
    /// Bytes from the file's start.
    pub(crate) offset: usize,
    file: &'a [u8],
    content: usize,
    content_end: usize,
    end: usize,
}

/// What a walk over a whole file found.
pub(crate) struct Survey {
    /// Where the first element ends; bytes after it are trailing.
    pub(crate) end: usize,
    /// The first byte that only BER allows, not DER: an indefinite or over-long length, a string in chunks.
    pub(crate) ber: Option<usize>,
}

/// Walks the first element and everything in it.
///
/// # Errors
/// [`Error::Malformed`] with the offset of the first length that lies, or of the element nested too deep.
pub(crate) fn survey(bytes: &[u8]) -> Result<Survey> {
    let mut walk = Walk { ber: None, elements: 0 };
    let end = walk.element(bytes, 0, 0)?;
    Ok(Survey { end, ber: walk.ber })
}

/// Takes elements from bytes, one after the other.
pub(crate) struct Reader<'a> {
    /// The file up to where the reader's part of it ends.
    file: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    /// Reads a file from its start.
    pub(crate) fn new(file: &'a [u8]) -> Self {
        Self { file, at: 0 }
    }

    /// The next element, or `None` at the end.
    pub(crate) fn next(&mut self) -> Result<Option<Element<'a>>> {
        if self.at == self.file.len() {
            return Ok(None);
        }
        let (file, offset) = (self.file, self.at);
        let header = header(file, offset)?;
        let end = reach(file, offset, &header, 0)?;
        let content_end = if header.length.is_none() { end - END_OF_CONTENTS.len() } else { end };
        self.at = end;
        Ok(Some(Element { tag: header.tag, offset, file, content: header.content, content_end, end }))
    }

    /// The next element, which must have this tag.
    pub(crate) fn expect(&mut self, tag: u8, what: &str) -> Result<Element<'a>> {
        match self.next()? {
            Some(element) if element.tag == tag => Ok(element),
            Some(element) => Err(malformed(element.offset, format!("tag 0x{:02x} where {what} must be", element.tag))),
            None => Err(malformed(self.at, format!("{what} is missing"))),
        }
    }

    /// The next element, if it has one of these tags.
    pub(crate) fn optional(&mut self, tags: &[u8]) -> Result<Option<Element<'a>>> {
        if self.file.get(self.at).is_some_and(|tag| tags.contains(tag)) { self.next() } else { Ok(None) }
    }

    /// Whether nothing is left.
    ///
    /// # Errors
    /// [`Error::Malformed`] where something is.
    pub(crate) fn finish(&self, what: &str) -> Result<()> {
        if self.at == self.file.len() {
            return Ok(());
        }
        Err(malformed(self.at, format!("more than {what} holds")))
    }
}

impl<'a> Element<'a> {
    /// Identifier, length, content, and end-of-contents where the length is indefinite.
    pub(crate) fn whole(&self) -> &'a [u8] {
        &self.file[self.offset..self.end]
    }

    /// The content alone.
    pub(crate) fn content(&self) -> &'a [u8] {
        &self.file[self.content..self.content_end]
    }

    /// Whether its length is written down.
    pub(crate) fn is_definite(&self) -> bool {
        self.content_end == self.end
    }

    /// The elements within.
    pub(crate) fn reader(&self) -> Reader<'a> {
        Reader { file: &self.file[..self.content_end], at: self.content }
    }

    /// The octets of a string, its chunks put together where the string is constructed.
    ///
    /// # Errors
    /// [`Error::Malformed`] where a chunk is neither an OCTET STRING nor of the string's own type.
    pub(crate) fn octets(&self) -> Result<Cow<'a, [u8]>> {
        if self.tag & CONSTRUCTED == 0 {
            return Ok(Cow::Borrowed(self.content()));
        }
        let mut octets = Vec::with_capacity(self.content().len());
        let own = if is_chunked(self.tag) { self.tag & HIGH_TAG } else { OCTET_STRING };
        self.gather(own, MAX_CHUNK_DEPTH, &mut octets)?;
        Ok(Cow::Owned(octets))
    }

    fn gather(&self, own: u8, depth: usize, octets: &mut Vec<u8>) -> Result<()> {
        let mut chunks = self.reader();
        while let Some(chunk) = chunks.next()? {
            match chunk.tag & !CONSTRUCTED {
                kind if kind != own && kind != OCTET_STRING => {
                    let problem = format!("tag 0x{:02x} among the chunks of a string", chunk.tag);
                    return Err(malformed(chunk.offset, problem));
                }
                _ if chunk.tag & CONSTRUCTED == 0 => octets.extend_from_slice(chunk.content()),
                _ if depth > 0 => chunk.gather(own, depth - 1, octets)?,
                _ => return Err(malformed(chunk.offset, "chunks in chunks, too deep")),
            }
        }
        Ok(())
    }

    /// The identifier's octets.
    fn identifier(&self) -> &'a [u8] {
        let whole = self.whole();
        let is_last = |octet: &u8| octet & 0x80 == 0;
        let high = || whole[1..].iter().position(is_last).map_or(0, |last| last + 1);
        &whole[..if self.tag & HIGH_TAG == HIGH_TAG { 1 + high() } else { 1 }]
    }

    /// The same value in DER: shortest lengths, strings in one piece. The members of a SET keep their order, and a
    /// BIT STRING its chunks.
    pub(crate) fn to_der(self) -> Result<Vec<u8>> {
        if self.tag & CONSTRUCTED == 0 {
            return Ok(encode_as(self.identifier(), self.content()));
        }
        if is_chunked(self.tag) && self.tag & HIGH_TAG != BIT_STRING {
            return Ok(encode(self.tag & !CONSTRUCTED, &self.octets()?));
        }
        let mut content = Vec::with_capacity(self.content().len());
        let mut members = self.reader();
        while let Some(member) = members.next()? {
            content.extend(member.to_der()?);
        }
        Ok(encode_as(self.identifier(), &content))
    }
}

/// Identifier, length in its shortest form, content.
pub(crate) fn encode(tag: u8, content: &[u8]) -> Vec<u8> {
    encode_as(&[tag], content)
}

fn encode_as(identifier: &[u8], content: &[u8]) -> Vec<u8> {
    let mut bytes = identifier.to_vec();
    match content.len() {
        short @ 0..=0x7f => bytes.push(short as u8),
        long => {
            let octets = long.to_be_bytes();
            let significant = &octets[(long.leading_zeros() / 8) as usize..];
            bytes.push(0x80 | significant.len() as u8);
            bytes.extend_from_slice(significant);
        }
    }
    bytes.extend_from_slice(content);
    bytes
}

/// An [`Error::Malformed`] at a byte of the file.
pub(crate) fn malformed(offset: usize, problem: impl Into<String>) -> Error {
    Error::Malformed { form: Form::Cms, place: Place::offset(offset), problem: problem.into(), source: None }
}

struct Header {
    tag: u8,
    /// Where the content begins.
    content: usize,
    /// `None` where the length is indefinite.
    length: Option<usize>,
    /// Whether the length is written in the fewest octets.
    shortest: bool,
}

/// Nearly all have one octet for the tag, and three at most for the length.
#[inline]
fn header(bytes: &[u8], at: usize) -> Result<Header> {
    let usual = |tag: u8, content: usize, length: usize, shortest: bool| {
        let is_usual = tag & HIGH_TAG != HIGH_TAG && length <= bytes.len() - content;
        is_usual.then_some(Header { tag, content, length: Some(length), shortest })
    };
    let header = match bytes[at..] {
        [tag, length @ 0..=0x7f, ..] => usual(tag, at + 2, length.into(), true),
        [tag, 0x81, length, ..] => usual(tag, at + 3, length.into(), length > 0x7f),
        [tag, 0x82, high, low, ..] => usual(tag, at + 4, u16::from_be_bytes([high, low]).into(), high != 0),
        _ => None,
    };
    header.map_or_else(|| any_header(bytes, at), Ok)
}

#[cold]
fn any_header(bytes: &[u8], at: usize) -> Result<Header> {
    let cut = || malformed(bytes.len(), format!("it ends within the element that begins at byte {at}"));
    let tag = *bytes.get(at).ok_or_else(cut)?;
    let mut next = at + 1;
    if tag & HIGH_TAG == HIGH_TAG {
        next += 1 + bytes[next..].iter().take(MAX_TAG_OCTETS).position(|octet| octet & 0x80 == 0).ok_or_else(cut)?;
    }
    let first = *bytes.get(next).ok_or_else(cut)?;
    next += 1;
    let count = usize::from(first & 0x7f);
    let (length, shortest) = match first {
        0..=0x7f => (usize::from(first), true),
        0x80 if tag & CONSTRUCTED == 0 => return Err(malformed(at, "an indefinite length on a primitive element")),
        0x80 => return Ok(Header { tag, content: next, length: None, shortest: false }),
        _ if count > MAX_LENGTH_OCTETS => return Err(malformed(at, format!("a length of {count} octets"))),
        _ => {
            let octets = bytes.get(next..next + count).ok_or_else(cut)?;
            next += count;
            let length = octets.iter().fold(0, |length, octet| (length << 8) | usize::from(*octet));
            (length, length > 0x7f && octets[0] != 0)
        }
    };
    if bytes.len() - next < length {
        let problem = format!("an element claims {length} bytes and {} are left", bytes.len() - next);
        return Err(malformed(at, problem));
    }
    Ok(Header { tag, content: next, length: Some(length), shortest })
}

/// Where the element of a header at `at` ends. Looks within only as far as indefinite lengths make it.
fn reach(bytes: &[u8], at: usize, of: &Header, depth: usize) -> Result<usize> {
    if let Some(length) = of.length {
        return Ok(of.content + length);
    }
    within(at, depth)?;
    let mut next = of.content;
    while !bytes[next..].starts_with(&END_OF_CONTENTS) {
        let inner = header(bytes, next).and_then(|inner| reach(bytes, next, &inner, depth + 1));
        next = inner.map_err(|error| unclosed(error, bytes, next, at))?;
    }
    Ok(next + END_OF_CONTENTS.len())
}

/// What was seen on the way through a file.
struct Walk {
    ber: Option<usize>,
    elements: usize,
}

impl Walk {
    /// Where the element at `at` ends, everything in it looked at.
    fn element(&mut self, bytes: &[u8], at: usize, depth: usize) -> Result<usize> {
        let header = header(bytes, at)?;
        self.count(&header, at)?;
        if header.tag & CONSTRUCTED == 0 {
            return if header.tag == 0 { Err(malformed(at, UNOPENED)) } else { Ok(end(&header)) };
        }
        within(at, depth)?;
        let mut next = header.content;
        let Some(length) = header.length else {
            while !bytes[next..].starts_with(&END_OF_CONTENTS) {
                next = self.element(bytes, next, depth + 1).map_err(|error| unclosed(error, bytes, next, at))?;
            }
            return Ok(next + END_OF_CONTENTS.len());
        };
        let end = header.content + length;
        while next < end {
            next = self.element(&bytes[..end], next, depth + 1)?;
        }
        Ok(end)
    }

    fn count(&mut self, header: &Header, at: usize) -> Result<()> {
        if !header.shortest || is_chunked(header.tag) {
            self.ber.get_or_insert(at);
        }
        self.elements += 1;
        if self.elements > MAX_ELEMENTS { Err(malformed(at, "more than a million elements")) } else { Ok(()) }
    }
}

/// Whether a tag is that of a string in chunks.
fn is_chunked(tag: u8) -> bool {
    tag & !HIGH_TAG == CONSTRUCTED && STRINGS.contains(&(tag & HIGH_TAG))
}

fn end(header: &Header) -> usize {
    header.content + header.length.unwrap_or_default()
}

fn within(at: usize, depth: usize) -> Result<()> {
    if depth < MAX_DEPTH { Ok(()) } else { Err(malformed(at, format!("nested deeper than {MAX_DEPTH} elements"))) }
}

/// At the end of the bytes the missing end-of-contents says more than a missing element.
fn unclosed(error: Error, bytes: &[u8], next: usize, opened: usize) -> Error {
    if next < bytes.len() {
        return error;
    }
    malformed(next, format!("the end-of-contents of the element that begins at byte {opened} is missing"))
}

pub(crate) const INTEGER: u8 = 0x02;
pub(crate) const OCTET_STRING: u8 = 0x04;
pub(crate) const CHUNKED_OCTET_STRING: u8 = 0x24;
pub(crate) const OBJECT_IDENTIFIER: u8 = 0x06;
pub(crate) const SEQUENCE: u8 = 0x30;
pub(crate) const SET: u8 = 0x31;

const BIT_STRING: u8 = 0x03;
const CONSTRUCTED: u8 = 0x20;
const HIGH_TAG: u8 = 0x1f;
const END_OF_CONTENTS: [u8; 2] = [0, 0];
/// BIT STRING, OCTET STRING and the character strings and times: DER has them in one piece.
const STRINGS: [u8; 15] = [3, 4, 12, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 30];
/// What OpenSSL and Apple's reader take is less; real files need 12.
const MAX_DEPTH: usize = 64;
/// Real files have one level; each costs a walk over the rest.
const MAX_CHUNK_DEPTH: usize = 4;
/// Content in chunks of 1 KiB has 32,768 at the greatest length.
const MAX_ELEMENTS: usize = 1_000_000;
const UNOPENED: &str = "an end-of-contents where nothing is open";
const MAX_LENGTH_OCTETS: usize = 4;
const MAX_TAG_OCTETS: usize = 4;

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(bytes: &[u8]) -> String {
        survey(bytes).err().unwrap().to_string()
    }

    #[test]
    fn tells_where_a_length_lies() {
        assert_eq!(problem(b"\x30\x04\x04\x03ab"), "byte 2: an element claims 3 bytes and 2 are left");
    }

    #[test]
    fn finds_the_end_of_an_indefinite_length() {
        let survey = survey(b"\x30\x80\x04\x00\x00\x00trailing").unwrap();
        assert_eq!((survey.end, survey.ber), (6, Some(0)));
    }

    #[test]
    fn tells_which_element_is_not_closed() {
        let problem = problem(b"\x30\x80\x30\x80\x04\x00\x00\x00");
        assert_eq!(problem, "byte 8: the end-of-contents of the element that begins at byte 0 is missing");
    }

    #[test]
    fn refuses_deep_nesting() {
        assert!(problem(&[0x30, 0x80].repeat(20_000)).contains("nested deeper"));
        assert!(Reader::new(&[0x30, 0x80].repeat(20_000)).next().is_err());
    }

    #[test]
    fn refuses_more_elements_than_any_real_file_has() {
        let many = encode(SEQUENCE, &[OCTET_STRING, 0].repeat(MAX_ELEMENTS));
        assert_eq!(problem(&many), "byte 2000003: more than a million elements");
    }

    #[test]
    fn refuses_every_cut() {
        let whole = b"\x30\x80\x30\x06\x04\x01a\x04\x01b\x24\x80\x04\x01c\x00\x00\x00\x00";
        assert_eq!(survey(whole).unwrap().end, whole.len());
        assert!((0..whole.len()).all(|length| survey(&whole[..length]).is_err()));
    }

    #[test]
    fn reads_a_usual_header_as_any() {
        let told = |header: Result<Header>| match header {
            Ok(Header { tag, content, length, shortest }) => Ok((tag, content, length, shortest)),
            Err(error) => Err(error.to_string()),
        };
        for (tag, first) in (0..=255_u8).flat_map(|tag| (0..=255_u8).map(move |first| (tag, first))) {
            for length in [&[][..], &[0, 0], &[0, 9], &[0, 0x80], &[1, 0], &[0x90, 0x90], &[0xff]] {
                let bytes = [&[0xee, tag, first], length, &[0; 260][..usize::from(tag) + 2]].concat();
                assert_eq!(told(header(&bytes, 1)), told(any_header(&bytes, 1)), "{tag:02x} {first:02x} {length:02x?}");
            }
        }
    }

    #[test]
    fn takes_over_long_lengths_as_ber() {
        assert_eq!(survey(b"\x30\x03\x04\x81\x00").unwrap().ber, Some(2));
        assert_eq!(survey(b"\x30\x02\x04\x00").unwrap().ber, None);
    }

    #[test]
    fn puts_chunks_together_in_der() {
        let element = Reader::new(b"\x31\x80\x24\x80\x04\x01a\x24\x03\x04\x01b\x00\x00\x00\x00").next();
        assert_eq!(element.unwrap().unwrap().to_der().unwrap(), b"\x31\x04\x04\x02ab");
    }

    #[test]
    fn keeps_tag_numbers_over_30_and_joins_strings_of_every_type() {
        let der = |bytes: &[u8]| Reader::new(bytes).next().unwrap().unwrap().to_der().unwrap();
        assert_eq!(der(b"\x30\x80\x9f\x81\x01\x01a\x00\x00"), b"\x30\x05\x9f\x81\x01\x01a");
        assert_eq!(der(b"\xbf\x81\x01\x80\x04\x01a\x00\x00"), b"\xbf\x81\x01\x03\x04\x01a");
        assert_eq!(der(b"\x2c\x06\x0c\x01a\x04\x01b"), b"\x0c\x02ab");
    }

    #[test]
    fn writes_long_lengths() {
        assert_eq!(encode(OCTET_STRING, &[0; 0x80])[..3], [0x04, 0x81, 0x80]);
        assert_eq!(encode(OCTET_STRING, &[0; 0x100])[..4], [0x04, 0x82, 0x01, 0x00]);
    }
}
