//! A property list, read from bytes and written to them.
//!
//! Reading is strict and bounded: it says where and at which key path something is wrong, opens nothing that
//! the file names, and never recurses or allocates beyond [`DEEPEST`], [`MOST_VALUES`] and [`LARGEST`].
//! Where the XML of property lists is a matter of taste, it follows CoreFoundation, which devices use:
//!
//! - Line ends inside strings are kept as they are: a carriage return stays one. (XML processors other than
//!   CoreFoundation turn CR LF into LF.) [`to_xml`] writes `&#13;`, which all of them read alike.
//! - An integer has an optional sign and decimal digits, or `0x` and hexadecimal ones, from -2⁶³ to 2⁶⁴-1;
//!   white space may precede it and a real.
//! - Processing instructions and comments are skipped; a comment may stand inside a string, which
//!   CoreFoundation itself refuses. CDATA is text.
//! - Leading white space before the XML declaration is accepted.
//!
//! Stricter than CoreFoundation: a key that is in a dictionary twice, attributes other than those of `plist`,
//! reals that are not finite, leap seconds, dates out of years 1 to 9999, base64 with foreign characters, and any
//! DOCTYPE that declares something or names another DTD than Apple's are refused.
//!
//! What the forms cannot keep is lost on writing: comments, processing instructions, CDATA and the spelling of
//! entities, numbers and base64 of XML; the sharing, the order and the sizes of the objects of a binary property
//! list and those that nothing refers to. Values, their types and the order of keys are kept.

use std::{borrow::Cow, fmt};

use plist::{Dictionary, Value};

use crate::{Error, Form, Place, Result};

pub(crate) use entries::Keys;
pub use entries::{Entries, EntriesIter};
pub(crate) use part::{Part, extended};
pub use positions::Positions;
pub(crate) use positions::{Mark, Node};

mod binary;
mod entries;
mod part;
mod plain;
mod positions;
mod text;
mod tree;
mod write;
mod xml;

/// A property list and how it was written.
#[derive(Clone, PartialEq)]
pub struct Document {
    /// The root value.
    pub value: Value,
    /// XML or binary.
    pub form: Form,
}

/// The form, and the names of the keys at the root: values may be secret.
impl fmt::Debug for Document {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let keys: Vec<&String> = self.value.as_dictionary().into_iter().flat_map(Dictionary::keys).collect();
        f.debug_struct("Document").field("form", &self.form).field("keys", &keys).finish_non_exhaustive()
    }
}

impl Document {
    /// The root, which must be a dictionary.
    ///
    /// # Errors
    /// [`Error::NotAProfile`].
    pub fn into_dictionary(self) -> Result<Dictionary> {
        let Value::Dictionary(dictionary) = self.value else {
            return Err(Error::NotAProfile {
                place: Place::whole(),
                problem: "the root of the property list is not a dictionary".into(),
                device: None,
            });
        };
        Ok(dictionary)
    }
}

/// Reads a property list, XML (UTF-8 or UTF-16) or binary, told apart by its first bytes.
///
/// # Errors
/// [`Error::Malformed`], with line and column (XML) or byte offset (binary) and the key path;
/// [`Error::TooDeep`]; [`Error::AlreadySigned`] for a CMS SignedData.
pub fn read(bytes: &[u8]) -> Result<Document> {
    read_within(bytes, DEEPEST)
}

/// As [`read`], with fewer levels of arrays and dictionaries than [`DEEPEST`]; reading stops at the first one too many.
///
/// # Errors
/// As [`read`].
pub fn read_within(bytes: &[u8], levels: usize) -> Result<Document> {
    let levels = levels.min(DEEPEST);
    check_size(bytes)?;
    if is_binary(bytes) {
        return Ok(Document { value: binary::read(bytes, levels)?, form: Form::BinaryPlist });
    }
    let text = text::decode(bytes)?;
    Ok(Document { value: xml::read(&text, levels)?, form: Form::XmlPlist })
}

/// Line and column of every key and value of an XML property list; none of a binary one, which has no lines.
///
/// # Errors
/// As [`read`].
pub fn positions(bytes: &[u8]) -> Result<Positions> {
    check_size(bytes)?;
    if is_binary(bytes) {
        binary::read(bytes, DEEPEST)?;
        return Ok(Positions::default());
    }
    xml::positions(&text::decode(bytes)?)
}

/// The text of an XML property list and where everything stands in it; `None` for a binary one.
///
/// # Errors
/// As [`read`].
pub(crate) fn located(bytes: &[u8]) -> Result<Option<(Cow<'_, str>, Positions)>> {
    check_size(bytes)?;
    if is_binary(bytes) {
        return Ok(None);
    }
    let text = text::decode(bytes)?;
    let positions = xml::positions(&text)?;
    Ok(Some((text, positions)))
}

/// Whether the bytes begin as a CMS SignedData (RFC 5652 §5.1), in DER or in BER.
///
/// Does not parse it: the rest may be anything.
pub fn looks_signed(bytes: &[u8]) -> bool {
    text::cms_content_type(bytes) == Some(text::SIGNED_DATA)
}

/// Writes XML in UTF-8, laid out as Apple's tools do (tabs, one line a value), with a line end after `</plist>`.
///
/// # Errors
/// [`Error::Unwritable`], with the key path: for what XML cannot hold (control characters, U+FFFE and U+FFFF, UIDs,
/// parts of a second), and what [`read`] would refuse (reals that are not finite, years out of 1 to 9999, bounds).
pub fn to_xml(dictionary: &Dictionary) -> Result<Vec<u8>> {
    parts_to_xml(&Part::of(dictionary)).map(String::into_bytes)
}

/// Writes XML of parts.
///
/// # Errors
/// As [`to_xml`].
pub(crate) fn parts_to_xml(whole: &Part<'_>) -> Result<String> {
    write::xml(whole)
}

/// Writes XML with values of a type in it that no property list has in XML, such as a UID: `other` is told where each
/// stands, by the text before it and its level. **Nothing is checked**: see [`to_xml`].
pub(crate) fn parts_to_xml_around(whole: &Part<'_>, other: impl FnMut(&mut String, &Value, usize)) -> String {
    write::xml_around(whole, other)
}

/// Writes a value as it stands in XML at a level of arrays and dictionaries. **Nothing is checked**: see [`to_xml`].
pub(crate) fn value_to_xml(text: &mut String, value: &Value, level: usize) {
    write::xml_value(text, value, level);
}

/// Writes a string as it stands in XML, its content by [`text_to_xml`].
pub(crate) fn string_to_xml(text: &mut String, content: impl FnOnce(&mut String)) {
    write::xml_string(text, content);
}

/// Writes a piece of a text as it stands in XML. **Nothing is checked**: see [`to_xml`].
pub(crate) fn text_to_xml(text: &mut String, piece: &str) {
    write::xml_text(text, piece);
}

/// Whether XML can hold a text.
pub(crate) fn is_xml_text(text: &str) -> bool {
    plain::has_none(text, |byte| !matches!(byte, b' '..=b'~')) || text.chars().all(is_xml_char)
}

/// Writes a binary property list, version 00.
///
/// # Errors
/// [`Error::Unwritable`], with the key path: for UIDs, and what [`read`] would refuse.
pub fn to_binary(dictionary: &Dictionary) -> Result<Vec<u8>> {
    write::binary(dictionary)
}

fn is_binary(bytes: &[u8]) -> bool {
    bytes.starts_with(b"bplist")
}

fn check_size(bytes: &[u8]) -> Result<()> {
    if bytes.len() <= LARGEST {
        return Ok(());
    }
    let problem = format!("{} bytes are more than a property list may have here ({LARGEST})", bytes.len());
    Err(Error::Malformed { form: Form::Unknown, place: Place::whole(), problem, source: None })
}

/// The characters that XML 1.0 allows (§2.2).
pub(crate) fn is_xml_char(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..)
}

/// The most bytes that a property list may have: 32 MiB.
pub const LARGEST: usize = 32 << 20;

/// How deep arrays and dictionaries may be nested.
pub const DEEPEST: usize = 512;

/// The most values that a property list may have, those of arrays and dictionaries and these themselves;
/// in a binary one a shared value counts each time.
pub const MOST_VALUES: usize = 250_000;

/// The most bytes of UTF-8 that a key may have: 1 KiB.
pub const LONGEST_KEY: usize = 1024;

/// The most bytes that the strings and data of a binary property list may have, shared ones counted each time: 64 MiB.
const MOST_CONTENT: usize = 64 << 20;

/// Seconds from 1970 of the first and behind the last date: years 1 to 9999.
const DATES: std::ops::Range<i64> = -62_135_596_800..253_402_300_800;

#[cfg(test)]
mod tests {

    use std::{
        io::Cursor,
        time::{Duration, SystemTime},
    };

    use plist::Date;
    use proptest::{collection::vec, prelude::*};

    use super::*;

    /// Strings of everything that XML can hold, with much of what needs care.
    fn text() -> impl Strategy<Value = String> {
        let nasty = prop::sample::select(vec![
            "\r", "\n", "\t", " ", "]]>", "<", ">", "&", "&amp;", "'", "\"", "é", "😀", "{{x}}",
        ]);
        let any = any::<char>().prop_filter("not of XML", |c| is_xml_char(*c)).prop_map(String::from);
        vec(prop_oneof![3 => nasty.prop_map(String::from), 2 => any, 2 => "[a-z]{1,8}"], 0..6)
            .prop_map(|parts| parts.concat())
    }

    fn date() -> impl Strategy<Value = Date> {
        DATES.prop_map(|seconds| {
            let span = Duration::from_secs(seconds.unsigned_abs());
            let epoch = SystemTime::UNIX_EPOCH;
            Date::from(if seconds < 0 { epoch - span } else { epoch + span })
        })
    }

    fn value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            any::<bool>().prop_map(Value::Boolean),
            vec(any::<u8>(), 0..120).prop_map(Value::Data),
            date().prop_map(Value::Date),
            any::<u64>().prop_map(|integer| Value::Integer(integer.into())),
            any::<i64>().prop_map(|integer| Value::Integer(integer.into())),
            (-300_i64..70_000).prop_map(|integer| Value::Integer(integer.into())),
            any::<f64>().prop_filter("not finite", |real| real.is_finite()).prop_map(Value::Real),
            text().prop_map(Value::String),
        ];
        leaf.prop_recursive(4, 40, 6, |inner| {
            prop_oneof![
                vec(inner.clone(), 0..8).prop_map(Value::Array),
                vec((text(), inner), 0..8).prop_map(|entries| Value::Dictionary(entries.into_iter().collect())),
            ]
        })
    }

    fn dictionary() -> impl Strategy<Value = Dictionary> {
        vec((text(), value()), 0..8).prop_map(|entries| entries.into_iter().collect())
    }

    fn reread(bytes: &[u8]) -> Dictionary {
        read(bytes).unwrap().into_dictionary().unwrap()
    }

    /// Also tells the order of keys and 0 from -0, which `PartialEq` does not.
    fn same(left: &Dictionary, right: &Dictionary) -> bool {
        left == right && format!("{left:?}") == format!("{right:?}")
    }

    proptest! {
        #[test]
        fn what_is_written_as_xml_reads_the_same(dictionary in dictionary()) {
            prop_assert!(same(&reread(&to_xml(&dictionary).unwrap()), &dictionary));
        }

        #[test]
        fn what_is_written_as_binary_reads_the_same(dictionary in dictionary()) {
            let bytes = to_binary(&dictionary).unwrap();
            prop_assert!(same(&reread(&bytes), &dictionary));
            let theirs = Value::from_reader(Cursor::new(&bytes)).unwrap().into_dictionary().unwrap();
            prop_assert!(same(&theirs, &dictionary));
        }

        #[test]
        fn xml_is_what_the_plist_crate_writes_and_reads(dictionary in dictionary()) {
            let bytes = to_xml(&dictionary).unwrap();
            let theirs = Value::from_reader(Cursor::new(&bytes)).unwrap().into_dictionary().unwrap();
            prop_assert!(same(&theirs, &dictionary));
            let mut written = Vec::new();
            plist::to_writer_xml(&mut written, &dictionary).unwrap();
            let written = String::from_utf8(written).unwrap().replace('\r', "&#13;") + "\n";
            prop_assert_eq!(String::from_utf8(bytes).unwrap(), written);
        }

        #[test]
        fn binary_of_the_plist_crate_reads_the_same(dictionary in dictionary()) {
            let mut bytes = Vec::new();
            plist::to_writer_binary(&mut bytes, &dictionary).unwrap();
            prop_assert!(same(&reread(&bytes), &dictionary));
        }

        #[test]
        fn a_changed_byte_never_panics(dictionary in dictionary(), at in any::<prop::sample::Index>(), byte in any::<u8>()) {
            for mut bytes in [to_xml(&dictionary).unwrap(), to_binary(&dictionary).unwrap()] {
                let at = at.index(bytes.len());
                bytes[at] = byte;
                // What is still read can be written again, or is refused in words.
                if let Ok(Ok(changed)) = read(&bytes).map(Document::into_dictionary) {
                    let _ = to_xml(&changed);
                    prop_assert!(same(&reread(&to_binary(&changed).unwrap()), &changed));
                }
            }
        }
    }

    #[test]
    fn refuses_a_file_that_is_too_large() {
        let message = read(&vec![b' '; LARGEST + 1]).unwrap_err().to_string();
        assert_eq!(message, "33554433 bytes are more than a property list may have here (33554432)");
    }

    #[test]
    fn a_binary_file_has_no_positions() {
        let positions = positions(&to_binary(&Dictionary::new()).unwrap()).unwrap();
        assert_eq!(positions.value(&crate::KeyPath::root()), None);
    }
}
