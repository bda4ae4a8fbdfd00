//! Reads a binary property list, version 00, object by object from the top.

use std::{
    slice::ChunksExact,
    time::{Duration, SystemTime},
};

use plist::{Date, Value};

use super::{
    DATES, MOST_CONTENT, MOST_VALUES,
    tree::{Kind, Tree},
    xml::wide_integer,
};
use crate::{Error, Form, Place, Result};

/// The top object.
pub(super) fn read(bytes: &[u8], levels: usize) -> Result<Value> {
    let file = File::parse(bytes).map_err(|(offset, problem)| malformed(Place::offset(offset), problem.into()))?;
    file.check_sharing()?;
    Walk::new(file, levels).run()
}

/// The file as its trailer describes it.
struct File<'a> {
    /// Header and objects.
    objects: &'a [u8],
    /// An entry an object, `offset_size` bytes each.
    offsets: &'a [u8],
    offset_size: usize,
    reference_size: usize,
    count: usize,
    top: usize,
}

impl<'a> File<'a> {
    /// Reads the trailer and holds the numbers in it against each other and the length of the file.
    fn parse(bytes: &'a [u8]) -> Result<Self, (usize, &'static str)> {
        if !bytes.starts_with(MAGIC) {
            return Err((MAGIC.len() - 2, "a binary property list of another version than 00"));
        }
        let Some((body, trailer)) = bytes.split_last_chunk::<TRAILER>().filter(|(body, _)| body.len() > MAGIC.len())
        else {
            return Err((bytes.len(), "the file ends before its trailer"));
        };
        let at = |inside: usize, problem| (body.len() + inside, problem);
        let word = |inside: usize| usize::try_from(number(&trailer[inside..inside + 8])).unwrap_or(usize::MAX);
        let (offset_size, reference_size) = (usize::from(trailer[6]), usize::from(trailer[7]));
        if !(1..=8).contains(&offset_size) {
            return Err(at(6, "the size of an offset is not 1 to 8: is the file cut off?"));
        }
        if !(1..=8).contains(&reference_size) {
            return Err(at(7, "the size of a reference is not 1 to 8"));
        }
        let (count, top, table) = (word(8), word(16), word(24));
        if top >= count {
            return Err(at(16, "the top object is not among the objects"));
        }
        if count > MOST_OBJECTS {
            return Err(at(8, "more objects than the values that are allowed can have"));
        }
        if table <= MAGIC.len() || table > body.len() {
            return Err(at(24, "the offset table is outside the file"));
        }
        let (objects, offsets) = body.split_at(table);
        if count.checked_mul(offset_size) != Some(offsets.len()) {
            return Err(at(8, "the number of objects does not fit the offset table"));
        }
        if offsets.chunks_exact(offset_size).any(|offset| reference(offset) >= table) {
            return Err((table, "the offset table points outside the objects"));
        }
        Ok(Self { objects, offsets, offset_size, reference_size, count, top })
    }

    /// Refuses containers that contain themselves, and sharing that unfolds to too many values.
    ///
    /// Looks at each object once, and at no more references than values are allowed; what else is wrong is left
    /// to the walk.
    fn check_sharing(&self) -> Result<()> {
        let mut seen = vec![Seen::Never; self.count];
        seen[self.top] = Seen::Open;
        let mut way = vec![(self.top, self.values(self.top), 1)];
        let mut looked = 0;
        while let Some((object, values, size)) = way.last_mut() {
            if looked.max(*size) > MOST_VALUES {
                let problem = format!("unfolds to more than the {MOST_VALUES} values that are allowed");
                return Err(self.error(*object, Place::whole(), problem));
            }
            let child = values.next().map(reference).filter(|child| *child < self.count);
            looked += usize::from(child.is_some());
            match child.map(|child| (child, seen[child])) {
                Some((child, Seen::Never)) => {
                    seen[child] = Seen::Open;
                    way.push((child, self.values(child), 1));
                }
                Some((child, Seen::Open)) => {
                    return Err(self.error(child, Place::whole(), "a container that contains itself"));
                }
                Some((_, Seen::Whole(below))) => *size += below,
                None => {
                    let (object, size) = (*object, *size);
                    seen[object] = Seen::Whole(size);
                    way.pop();
                    if let Some((_, _, above)) = way.last_mut() {
                        *above += size;
                    }
                }
            }
        }
        Ok(())
    }

    /// The references to the values of a container; none in other objects.
    fn values(&self, object: usize) -> ChunksExact<'a, u8> {
        let container = self.offset(object).and_then(|offset| self.container(offset));
        let (_, _, values) = container.unwrap_or((Kind::Array, &[], &[]));
        values.chunks_exact(self.reference_size)
    }

    /// The kind of a container and its references to keys and values.
    fn container(&self, offset: usize) -> Option<(Kind, &'a [u8], &'a [u8])> {
        match self.objects[offset] >> 4 {
            0xa => Some((Kind::Array, &[], self.content(offset, self.reference_size)?)),
            0xd => {
                let references = self.content(offset, 2 * self.reference_size)?;
                let (keys, values) = references.split_at(references.len() / 2);
                Some((Kind::Dictionary, keys, values))
            }
            _ => None,
        }
    }

    /// Where an object begins.
    fn offset(&self, object: usize) -> Option<usize> {
        let entry = self.offsets.get(object.checked_mul(self.offset_size)?..)?.get(..self.offset_size)?;
        let offset = usize::try_from(number(entry)).ok()?;
        (MAGIC.len()..self.objects.len()).contains(&offset).then_some(offset)
    }

    fn bytes(&self, offset: usize, length: usize) -> Option<&'a [u8]> {
        self.objects.get(offset..offset.checked_add(length)?)
    }

    /// The length in a marker or, where that is 15, in the integer behind it; and where the content begins.
    fn length(&self, offset: usize) -> Option<(usize, usize)> {
        let low = self.objects.get(offset)? & 0x0f;
        if low != 0x0f {
            return Some((usize::from(low), offset + 1));
        }
        let marker = self.objects.get(offset + 1).filter(|marker| matches!(marker, 0x10..=0x13))?;
        let size = 1 << (marker & 0x0f);
        let length = usize::try_from(number(self.bytes(offset + 2, size)?)).ok()?;
        Some((length, offset + 2 + size))
    }

    fn content(&self, offset: usize, unit: usize) -> Option<&'a [u8]> {
        let (length, start) = self.length(offset)?;
        self.bytes(start, length.checked_mul(unit)?)
    }

    fn error(&self, object: usize, place: Place, problem: impl Into<String>) -> Error {
        let place = Place { offset: self.offset(object), ..place };
        malformed(place, format!("object {object}: {}", problem.into()))
    }
}

/// What [`check_sharing`](File::check_sharing) knows of an object.
#[derive(Clone, Copy)]
enum Seen {
    Never,
    /// Some of what it contains is still to be seen.
    Open,
    /// It unfolds to that many values.
    Whole(usize),
}

/// The way from the top object down, without recursion.
struct Walk<'a> {
    file: File<'a>,
    tree: Tree,
    levels: Vec<Level<'a>>,
    /// Bytes of strings and data so far.
    content: usize,
}

/// A container that is being read.
struct Level<'a> {
    object: usize,
    /// References to keys that are still to come; none in an array.
    keys: ChunksExact<'a, u8>,
    /// References to values that are still to come.
    values: ChunksExact<'a, u8>,
}

impl<'a> Walk<'a> {
    fn new(file: File<'a>, levels: usize) -> Self {
        Self { file, tree: Tree::within(levels), levels: Vec::new(), content: 0 }
    }

    fn run(mut self) -> Result<Value> {
        let mut next = Some(self.file.top);
        loop {
            match next {
                Some(object) => self.value(object)?,
                None => self.leave()?,
            }
            if self.levels.is_empty() {
                return Ok(self.tree.into_root().expect("the top object is complete"));
            }
            next = self.child()?;
        }
    }

    /// Puts a leaf into the tree, or opens a container.
    fn value(&mut self, object: usize) -> Result<()> {
        let offset = self.offset(object)?;
        self.tree.begin(offset).map_err(|problem| self.error(object, problem))?;
        if let Some((kind, keys, values)) = self.file.container(offset) {
            let form = Form::BinaryPlist;
            self.tree.open(kind, offset).map_err(|levels| Error::TooDeep {
                form,
                place: Place::offset(offset),
                levels,
            })?;
            let [keys, values] = [keys, values].map(|references| references.chunks_exact(self.file.reference_size));
            self.levels.push(Level { object, keys, values });
            return Ok(());
        }
        let value = self.leaf(offset).map_err(|problem| self.error(object, problem))?;
        self.tree.put(value, NO_END);
        Ok(())
    }

    fn leave(&mut self) -> Result<()> {
        let level = self.levels.pop().expect("a container is open");
        self.tree.close(NO_END).map_err(|problem| self.error(level.object, problem))
    }

    /// The next value of the innermost container, after its key was put into the tree.
    fn child(&mut self) -> Result<Option<usize>> {
        let level = self.levels.last_mut().expect("a container is open");
        let (key, value) = (level.keys.next().map(reference), level.values.next().map(reference));
        if let Some(key) = key {
            self.key(key)?;
        }
        Ok(value)
    }

    fn key(&mut self, object: usize) -> Result<()> {
        let offset = self.offset(object)?;
        let key = match self.file.objects[offset] >> 4 {
            0x5 | 0x6 => self.leaf(offset).map_err(|problem| self.error(object, problem))?.into_string(),
            _ => None,
        };
        let Some(key) = key else {
            return Err(self.error(object, "a key that is not a string"));
        };
        if self.tree.mark_of(&key).is_some() {
            let place = Place::offset(offset).at(self.tree.path().key(&key));
            return Err(malformed(place, format!("object {object}: this key is in the dictionary twice")));
        }
        self.tree.key(key, offset).map_err(|problem| self.error(object, problem))
    }

    /// A value that contains no others.
    fn leaf(&mut self, offset: usize) -> Result<Value, &'static str> {
        let marker = self.file.objects[offset];
        let fixed = |size| self.file.bytes(offset + 1, size).ok_or(BEYOND);
        match marker {
            0x08 | 0x09 => Ok(Value::Boolean(marker == 0x09)),
            0x10..=0x14 => integer(fixed(1 << (marker & 0x0f))?),
            0x22 => real(f32::from_bits(number(fixed(4)?) as u32).into()),
            0x23 => real(f64::from_bits(number(fixed(8)?))),
            0x33 => date(f64::from_bits(number(fixed(8)?))),
            0x40..=0x4f => Ok(Value::Data(self.take(offset, 1)?.to_vec())),
            0x50..=0x5f => ascii(self.take(offset, 1)?),
            0x60..=0x6f => utf16(self.take(offset, 2)?),
            0x80..=0x8f => Err("a UID, which is for keyed archives"),
            0xa0..=0xaf | 0xd0..=0xdf => Err(BEYOND),
            _ => Err("an object of a type that no profile may have"),
        }
    }

    /// The content of a string or data, counted.
    fn take(&mut self, offset: usize, unit: usize) -> Result<&'a [u8], &'static str> {
        let content = self.file.content(offset, unit).ok_or(BEYOND)?;
        self.content += content.len();
        if self.content > MOST_CONTENT {
            return Err("strings and data that unfold to more than 64 MiB");
        }
        Ok(content)
    }

    fn offset(&self, object: usize) -> Result<usize> {
        if object >= self.file.count {
            return Err(self.error(object, "a reference to an object that is not there"));
        }
        self.file.offset(object).ok_or_else(|| self.error(object, "the offset points outside the objects"))
    }

    fn error(&self, object: usize, problem: impl Into<String>) -> Error {
        self.file.error(object, Place::path(self.tree.path()), problem)
    }
}

/// 8 and 16 bytes are signed, fewer are not.
fn integer(bytes: &[u8]) -> Result<Value, &'static str> {
    let value = match bytes.try_into().map(i128::from_be_bytes) {
        Ok(value) => value,
        Err(_) if bytes.len() == 8 => i128::from(number(bytes).cast_signed()),
        Err(_) => i128::from(number(bytes)),
    };
    wide_integer(value).map(Value::Integer).ok_or("an integer that is not from -2^63 to 2^64-1")
}

fn real(value: f64) -> Result<Value, &'static str> {
    if value.is_finite() { Ok(Value::Real(value)) } else { Err("a real that is not finite") }
}

/// From seconds since 2001.
fn date(seconds: f64) -> Result<Value, &'static str> {
    let years = (DATES.start - EPOCH.cast_signed()) as f64..(DATES.end - EPOCH.cast_signed()) as f64;
    if !years.contains(&seconds) {
        return Err("a date that is not in years 1 to 9999");
    }
    let epoch = SystemTime::UNIX_EPOCH + Duration::from_secs(EPOCH);
    let span = Duration::from_secs_f64(seconds.abs());
    Ok(Value::Date(Date::from(if seconds < 0.0 { epoch - span } else { epoch + span })))
}

fn ascii(bytes: &[u8]) -> Result<Value, &'static str> {
    let text = std::str::from_utf8(bytes).ok().filter(|text| text.is_ascii());
    text.map(|text| Value::String(text.to_owned())).ok_or("an ASCII string with other bytes in it")
}

fn utf16(bytes: &[u8]) -> Result<Value, &'static str> {
    let units = bytes.as_chunks::<2>().0.iter().map(|unit| u16::from_be_bytes(*unit));
    let text: Result<String, _> = char::decode_utf16(units).collect();
    text.map(Value::String).map_err(|_| "a string that is not UTF-16")
}

/// Big-endian, at most 8 bytes.
fn number(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0, |number, byte| number << 8 | u64::from(*byte))
}

/// An object's number; one that is too large for this machine is in no file.
fn reference(bytes: &[u8]) -> usize {
    usize::try_from(number(bytes)).unwrap_or(usize::MAX)
}

fn malformed(place: Place, problem: String) -> Error {
    Error::Malformed { form: Form::BinaryPlist, place, problem, source: None }
}

pub(super) const MAGIC: &[u8] = b"bplist00";
const TRAILER: usize = 32;
/// Each value may be an object, and its key another.
const MOST_OBJECTS: usize = 2 * MOST_VALUES;
const BEYOND: &str = "ends outside the objects";

/// Seconds from 1970 to 2001.
pub(super) const EPOCH: u64 = 978_307_200;

/// Where values end is asked of XML only.
const NO_END: usize = 0;

#[cfg(test)]
mod tests {

    use super::*;
    use crate::document::{self, DEEPEST};

    /// A file of these objects, the first on top, with references of one byte.
    fn file(objects: &[&[u8]]) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        let mut offsets = Vec::new();
        for object in objects {
            offsets.extend(u16::try_from(bytes.len()).unwrap().to_be_bytes());
            bytes.extend(*object);
        }
        let table = bytes.len() as u64;
        bytes.extend(offsets);
        bytes.extend([0, 0, 0, 0, 0, 0, 2, 1]);
        [objects.len() as u64, 0, table].iter().for_each(|number| bytes.extend(number.to_be_bytes()));
        bytes
    }

    fn refusal(bytes: &[u8]) -> String {
        document::read(bytes).unwrap_err().to_string()
    }

    fn value(objects: &[&[u8]]) -> Value {
        document::read(&file(objects)).unwrap().value
    }

    fn real(seconds: f64) -> Vec<u8> {
        [&[0x33][..], &seconds.to_be_bytes()].concat()
    }

    #[test]
    fn an_error_names_object_byte_and_path() {
        assert_eq!(
            refusal(&file(&[&[0xd1, 1, 2], b"\x51a", &[0x7f]])),
            "byte 13, a: object 2: an object of a type that no profile may have"
        );
    }

    #[test]
    fn refuses_null_fill_sets_and_uids() {
        for object in [&[0x00][..], &[0x0f], &[0xc0], &[0x80, 1]] {
            assert!(refusal(&file(&[object])).starts_with("byte 8: object 0: "));
        }
    }

    #[test]
    fn refuses_a_key_that_is_not_a_string() {
        assert!(refusal(&file(&[&[0xd1, 1, 1], &[0x09]])).ends_with("object 1: a key that is not a string"));
    }

    #[test]
    fn refuses_a_key_that_is_there_twice() {
        let twice = file(&[&[0xd2, 1, 1, 2, 2], b"\x51a", &[0x09]]);
        assert_eq!(refusal(&twice), "byte 13, a: object 1: this key is in the dictionary twice");
    }

    #[test]
    fn refuses_a_container_that_contains_itself() {
        assert!(refusal(&file(&[&[0xa1, 1], &[0xa1, 0]])).contains("contains itself"));
    }

    #[test]
    fn refuses_sharing_that_unfolds_without_end() {
        let levels: Vec<[u8; 3]> = (1..=60).map(|next| [0xa2, next, next]).collect();
        let mut objects: Vec<&[u8]> = levels.iter().map(|level| &level[..]).collect();
        objects.push(&[0x09]);
        assert!(refusal(&file(&objects)).contains("unfolds to more than the 250000 values"));
    }

    #[test]
    fn refuses_arrays_that_overlap_to_hold_more_than_the_file() {
        // Each header of four bytes claims the 65,535 bytes behind it; what is no header refers to the leaf 1.
        let headers = [0xaf, 0x11, 0xff, 0xff].repeat(100);
        let objects =
            [&[0xaf, 0x10, 100][..], &(20..120).collect::<Vec<u8>>(), &headers, &[1; 0xffff], &[0x09]].concat();
        let mut bytes = [MAGIC, &objects].concat();
        let table = bytes.len();
        for object in 0..=255_usize {
            let offset = match object {
                0 => MAGIC.len(),
                20..120 => MAGIC.len() + 103 + 4 * (object - 20),
                _ => table - 1,
            };
            bytes.extend(u32::try_from(offset).unwrap().to_be_bytes());
        }
        bytes.extend([0, 0, 0, 0, 0, 0, 4, 1]);
        [256, 0, table as u64].iter().for_each(|number| bytes.extend(number.to_be_bytes()));
        assert!(refusal(&bytes).contains("unfolds to more than the 250000 values"));
    }

    #[test]
    fn reads_a_shared_container_each_time() {
        let shared = value(&[&[0xa2, 1, 1], &[0xa1, 2], &[0x09]]);
        let inner = Value::Array(vec![true.into()]);
        assert_eq!(shared, Value::Array(vec![inner.clone(), inner]));
    }

    #[test]
    fn refuses_shared_content_that_unfolds_to_too_many_bytes() {
        let mut data = vec![0x4f, 0x12];
        data.extend(60_000_u32.to_be_bytes());
        data.resize(data.len() + 60_000, 0);
        let mut array = vec![0xaf, 0x11];
        array.extend(1_200_u16.to_be_bytes());
        array.resize(array.len() + 1_200, 1);
        assert!(refusal(&file(&[&array, &data])).ends_with("unfold to more than 64 MiB"));
    }

    #[test]
    fn takes_512_levels_and_refuses_one_more() {
        let nested = |levels: usize| {
            let mut objects: Vec<Vec<u8>> =
                (1..levels).map(|next| [&[0xa1][..], &u16::try_from(next).unwrap().to_be_bytes()].concat()).collect();
            objects.push(vec![0xa0]);
            let mut bytes = file(&objects.iter().map(Vec::as_slice).collect::<Vec<_>>());
            let reference_size = bytes.len() - 25;
            bytes[reference_size] = 2;
            bytes
        };
        assert!(document::read(&nested(DEEPEST)).is_ok());
        assert!(refusal(&nested(DEEPEST + 1)).contains("nested deeper than the 512 levels"));
        assert!(document::read_within(&nested(8), 8).is_ok());
        assert!(matches!(document::read_within(&nested(9), 8), Err(Error::TooDeep { levels: 8, .. })));
    }

    #[test]
    fn refuses_a_length_beyond_the_objects() {
        for object in [&[0x4f, 0x13, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff][..], &[0x5e], &[0xaf, 0x11, 9, 9]]
        {
            assert!(refusal(&file(&[object])).ends_with("object 0: ends outside the objects"));
        }
    }

    #[test]
    fn refuses_a_reference_to_no_object() {
        assert!(refusal(&file(&[&[0xa1, 7]])).contains("object 7: a reference to an object that is not there"));
    }

    #[test]
    fn refuses_every_cut_and_every_changed_trailer_without_a_panic() {
        let whole = file(&[&[0xd2, 1, 2, 3, 4], b"\x51a", b"\x51b", &[0xa1, 4], &[0x22, 0, 0, 0, 0]]);
        for end in 0..whole.len() {
            assert!(document::read(&whole[..end]).is_err(), "cut at {end}");
        }
        for at in whole.len() - TRAILER + 6..whole.len() {
            for byte in [0, 1, 0x7f, 0xff] {
                let mut changed = whole.clone();
                changed[at] = byte;
                assert!(changed == whole || document::read(&changed).is_err() || at == whole.len() - 9, "{at}: {byte}");
            }
        }
    }

    #[test]
    fn integers_of_1_2_and_4_bytes_are_unsigned_and_of_8_signed() {
        let ones = [0xff; 8];
        let integers = [(0x10, 1, 255_i64), (0x11, 2, 65_535), (0x12, 4, 4_294_967_295), (0x13, 8, -1)];
        for (marker, size, expected) in integers {
            let object = [&[marker][..], &ones[..size]].concat();
            assert_eq!(value(&[&object]), Value::Integer(expected.into()));
        }
    }

    #[test]
    fn refuses_an_integer_beyond_64_bits() {
        let object = [&[0x14][..], &(1_i128 << 64).to_be_bytes()].concat();
        assert!(refusal(&file(&[&object])).contains("an integer that is not from -2^63 to 2^64-1"));
    }

    #[test]
    fn refuses_reals_that_are_not_finite() {
        for real in [f64::NAN, f64::INFINITY] {
            let object = [&[0x23][..], &real.to_be_bytes()].concat();
            assert!(refusal(&file(&[&object])).ends_with("a real that is not finite"));
        }
    }

    #[test]
    fn refuses_dates_out_of_years_1_to_9999() {
        for seconds in [f64::NAN, f64::INFINITY, -63_113_904_001.0, 252_423_993_600.0] {
            assert!(refusal(&file(&[&real(seconds)])).contains("not in years 1 to 9999"), "{seconds}");
        }
    }

    #[test]
    fn reads_the_first_and_the_last_date() {
        for (seconds, expected) in
            [(-63_113_904_000.0, "0001-01-01T00:00:00Z"), (252_423_993_599.0, "9999-12-31T23:59:59Z")]
        {
            assert_eq!(value(&[&real(seconds)]).as_date().unwrap().to_xml_format(), expected);
        }
    }

    #[test]
    fn refuses_strings_that_are_not_what_they_say() {
        assert!(refusal(&file(&[&[0x51, 0xe9]])).ends_with("an ASCII string with other bytes in it"));
        assert!(refusal(&file(&[&[0x61, 0xd8, 0x00]])).ends_with("a string that is not UTF-16"));
    }
}
