//! Bytes to text: the encodings of XML, and what else the bytes may be.

use std::borrow::Cow;

use quick_xml::events::Event;

use super::positions::line_and_column;
use crate::{Error, Form, Place, Result};

/// The text of an XML property list, without its byte order mark.
pub(super) fn decode(bytes: &[u8]) -> Result<Cow<'_, str>> {
    let (encoding, bytes) = Encoding::of(bytes);
    match encoding {
        Encoding::Utf8 => utf8(bytes),
        Encoding::Utf16Little => utf16(bytes, u16::from_le_bytes, encoding).map(Cow::Owned),
        Encoding::Utf16Big => utf16(bytes, u16::from_be_bytes, encoding).map(Cow::Owned),
        Encoding::Utf32 => Err(unknown("it is UTF-32 (save it as UTF-8)")),
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Encoding {
    Utf8,
    Utf16Little,
    Utf16Big,
    Utf32,
}

impl Encoding {
    /// By the byte order mark, which is taken off, or by where the zeros of the first character are
    /// (XML 1.0, appendix F.1).
    fn of(bytes: &[u8]) -> (Self, &[u8]) {
        match bytes {
            [0xef, 0xbb, 0xbf, rest @ ..] => (Self::Utf8, rest),
            [0xff, 0xfe, 0, 0, ..] | [0, 0, 0xfe, 0xff, ..] => (Self::Utf32, bytes),
            [0xff, 0xfe, rest @ ..] => (Self::Utf16Little, rest),
            [0xfe, 0xff, rest @ ..] => (Self::Utf16Big, rest),
            [b'<' | b' ' | b'\t' | b'\r' | b'\n', 0, next, 0, ..] if *next != 0 => (Self::Utf16Little, bytes),
            [0, b'<' | b' ' | b'\t' | b'\r' | b'\n', 0, next, ..] if *next != 0 => (Self::Utf16Big, bytes),
            _ => (Self::Utf8, bytes),
        }
    }

    fn described(self) -> &'static str {
        match self {
            Self::Utf8 => "UTF-8 or unknown: save the file as UTF-8",
            _ => "UTF-16: save the file as UTF-8",
        }
    }

    /// Whether the name in an XML declaration means this encoding.
    fn is_named(self, name: &str) -> bool {
        let names: &[&str] = match self {
            Self::Utf8 => &["UTF-8", "UTF8"],
            Self::Utf16Little => &["UTF-16", "UTF-16LE"],
            Self::Utf16Big => &["UTF-16", "UTF-16BE"],
            Self::Utf32 => &[],
        };
        names.iter().any(|known| known.eq_ignore_ascii_case(name))
    }
}

fn utf8(bytes: &[u8]) -> Result<Cow<'_, str>> {
    check_foreign(bytes)?;
    check_declared(&declaration(bytes), Encoding::Utf8)?;
    std::str::from_utf8(bytes).map(Cow::Borrowed).map_err(|cause| {
        let valid = String::from_utf8_lossy(&bytes[..cause.valid_up_to()]);
        malformed(&valid, valid.len(), "not UTF-8", Some(cause.into()))
    })
}

/// The XML declaration, if there is one, as far as it is text.
fn declaration(bytes: &[u8]) -> Cow<'_, str> {
    let start = bytes.len() - bytes.trim_ascii_start().len();
    if !bytes[start..].starts_with(b"<?xml") {
        return Cow::Borrowed("");
    }
    let end = bytes.windows(2).position(|pair| pair == b"?>").map_or(bytes.len(), |end| end + 2);
    String::from_utf8_lossy(&bytes[..end])
}

fn utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16, encoding: Encoding) -> Result<String> {
    let (pairs, odd) = bytes.as_chunks::<2>();
    let mut text = String::with_capacity(bytes.len());
    for character in char::decode_utf16(pairs.iter().map(|pair| unit(*pair))) {
        match character {
            Ok(character) => text.push(character),
            Err(cause) => return Err(malformed(&text, text.len(), "not UTF-16", Some(cause.into()))),
        }
    }
    if !odd.is_empty() {
        return Err(malformed(&text, text.len(), "UTF-16 that ends within a character", None));
    }
    check_foreign(text.as_bytes())?;
    check_declared(&declaration(text.as_bytes()), encoding)?;
    Ok(text)
}

/// Refuses a declared encoding that the bytes do not have.
fn check_declared(declaration: &str, encoding: Encoding) -> Result<()> {
    let start = declaration.len() - declaration.trim_ascii_start().len();
    let Ok(Event::Decl(parts)) = quick_xml::Reader::from_str(&declaration[start..]).read_event() else {
        return Ok(());
    };
    match parts.encoding() {
        Some(Ok(name)) if !encoding.is_named(&name) => {
            let shown: String = name.chars().take(40).collect();
            let problem = format!("the encoding {shown:?} is declared, the bytes are {}", encoding.described());
            Err(malformed(declaration, start, &problem, None))
        }
        _ => Ok(()),
    }
}

/// Refuses what is something else than XML, and says what it looks like.
fn check_foreign(bytes: &[u8]) -> Result<()> {
    if cms_content_type(bytes) == Some(SIGNED_DATA) {
        return Err(Error::AlreadySigned);
    }
    foreign(bytes).map_or(Ok(()), |problem| Err(unknown(problem)))
}

fn foreign(bytes: &[u8]) -> Option<&'static str> {
    let text = bytes.trim_ascii();
    let begins = |word: &[u8]| text.get(..word.len()).is_some_and(|head| head.eq_ignore_ascii_case(word));
    match text {
        [] => Some("it is empty"),
        _ if begins(b"<!DOCTYPE html") || begins(b"<html") => Some("it looks like HTML"),
        [b'<', ..] => None,
        _ if cms_content_type(bytes).is_some() => Some("it is a CMS structure that is not signed"),
        [0x30, length, ..] if *length >= 0x80 => Some("it looks like DER: a certificate or a key"),
        [0x1f, 0x8b, ..] => Some("it looks like gzip (unpack it first)"),
        [b'P', b'K', 3, 4, ..] => Some("it looks like a ZIP archive (unpack it first)"),
        _ if begins(b"-----BEGIN ") => Some(pem(text)),
        [b'{' | b'[', rest @ ..] if begins_json(rest.trim_ascii_start()) => Some("it looks like JSON"),
        [b'{' | b'(', ..] | [b'/', b'/' | b'*', ..] => Some("it looks like an old-style (text) property list"),
        _ if is_base64(text) => Some("it looks like base64 (decode it first)"),
        _ if text.contains(&0) => Some("it is neither XML nor a binary property list"),
        _ => None,
    }
}

fn pem(text: &[u8]) -> &'static str {
    let label = text.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let names = |word: &[u8]| label.windows(word.len()).any(|part| part == word);
    match () {
        () if names(b"PRIVATE KEY") => "it looks like a private key in PEM",
        () if names(b"CERTIFICATE") => "it looks like a certificate in PEM",
        () if names(b"PKCS7") || names(b"CMS") => "it looks like a CMS structure in PEM (decode it to DER first)",
        () => "it looks like PEM",
    }
}

fn begins_json(inside: &[u8]) -> bool {
    match inside {
        [b'}' | b']' | b'{' | b'[' | b'0'..=b'9' | b'-', ..] => true,
        // An old-style property list has `=` where JSON has `:`.
        [b'"', rest @ ..] => rest.iter().find(|byte| matches!(byte, b':' | b'=' | b',')) != Some(&b'='),
        _ => false,
    }
}

fn is_base64(text: &[u8]) -> bool {
    let head = &text[..text.len().min(256)];
    let allowed = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=' | b'\r' | b'\n');
    text.len() >= 16 && head.iter().all(allowed)
}

/// The last arc of the content type 1.2.840.113549.1.7.x of a CMS ContentInfo (RFC 5652 §3), read from the first bytes.
pub(super) fn cms_content_type(bytes: &[u8]) -> Option<u8> {
    let [0x30, length, rest @ ..] = bytes else {
        return None;
    };
    // Short form, indefinite form, or long form with that many octets more.
    let more = if *length > 0x80 { usize::from(length & 0x7f) } else { 0 };
    rest.get(more..)?.strip_prefix(PKCS7)?.first().copied()
}

/// The tag, length and first arcs of 1.2.840.113549.1.7.x.
const PKCS7: &[u8] = &[0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07];

/// The last arc of id-signedData.
pub(super) const SIGNED_DATA: u8 = 2;

fn unknown(problem: &str) -> Error {
    let problem = format!("not a property list: {problem}");
    Error::Malformed { form: Form::Unknown, place: Place::whole(), problem, source: None }
}

fn malformed(text: &str, offset: usize, problem: &str, source: Option<crate::Source>) -> Error {
    let (line, column) = line_and_column(text, offset);
    Error::Malformed { form: Form::XmlPlist, place: Place::line(line, column), problem: problem.into(), source }
}

#[cfg(test)]
mod tests {

    use super::*;
    use crate::document;

    const XML: &str = "<plist version=\"1.0\"><string>\u{e9}</string></plist>";

    fn utf16(text: &str, bytes: fn(u16) -> [u8; 2]) -> Vec<u8> {
        text.encode_utf16().flat_map(bytes).collect()
    }

    fn refusal(bytes: &[u8]) -> String {
        document::read(bytes).unwrap_err().to_string()
    }

    #[test]
    fn reads_utf_8_and_utf_16_with_and_without_a_mark() {
        let marked = format!("\u{feff}{XML}");
        let files = [
            XML.as_bytes().to_vec(),
            marked.as_bytes().to_vec(),
            utf16(XML, u16::to_le_bytes),
            utf16(XML, u16::to_be_bytes),
            utf16(&marked, u16::to_le_bytes),
            utf16(&marked, u16::to_be_bytes),
        ];
        for file in files {
            assert_eq!(document::read(&file).unwrap().value.as_string(), Some("\u{e9}"));
        }
    }

    #[test]
    fn refuses_a_declared_encoding_that_the_bytes_do_not_have() {
        let utf_16 = format!("\n<?xml version='1.0' encoding='UTF-16'?>{XML}");
        assert!(refusal(utf_16.as_bytes()).starts_with("line 2, column 1: the encoding \"UTF-16\" is declared"));
        let latin = b"<?xml version='1.0' encoding='ISO-8859-1'?><plist><string>\xe9</string></plist>";
        assert!(refusal(latin).contains("the encoding \"ISO-8859-1\" is declared"));
        let utf_8 = utf16(&format!("<?xml version='1.0' encoding='UTF-8'?>{XML}"), u16::to_le_bytes);
        assert!(refusal(&utf_8).contains("the encoding \"UTF-8\" is declared, the bytes are UTF-16"));
    }

    #[test]
    fn names_the_place_of_bytes_that_are_no_text() {
        assert_eq!(refusal(b"<plist>\n\xc3\xa9\xff</plist>"), "line 2, column 2: not UTF-8");
        let mut lone = utf16("<plist>", u16::to_be_bytes);
        lone.extend([0xdc, 0x00]);
        assert_eq!(refusal(&lone), "line 1, column 8: not UTF-16");
    }

    #[test]
    fn says_what_a_foreign_file_looks_like() {
        let files: [(&[u8], &str); 14] = [
            (b"", "empty"),
            (b" \n", "empty"),
            (b"\x1f\x8b\x08\0", "gzip"),
            (b"PK\x03\x04", "ZIP"),
            (b"{\"PayloadType\": 1}", "JSON"),
            (b"[{\"PayloadType\": 1}]", "JSON"),
            (b"{ \"a\" = b; }", "old-style"),
            (b"// !$*UTF8*$!", "old-style"),
            (b"<!doctype HTML><html>", "HTML"),
            (b"-----BEGIN CERTIFICATE-----\n", "certificate in PEM"),
            (b"-----BEGIN PKCS7-----\n", "CMS structure in PEM"),
            (b"MIIFcAYJKoZIhvcNAQcCoIIFYTCC\nBV0CAQEx", "base64"),
            (b"\x30\x82\x01\x00\x02\x01\x00", "DER"),
            (b"\xff\xfe\0\0<\0\0\0", "UTF-32"),
        ];
        for (file, word) in files {
            let message = refusal(file);
            assert!(message.starts_with("not a property list: it ") && message.contains(word), "{message}");
        }
    }

    #[test]
    fn never_shows_a_private_key() {
        let message = refusal(b"-----BEGIN EC PRIVATE KEY-----\nMHcCAQEEIA\n");
        assert_eq!(message, "not a property list: it looks like a private key in PEM");
    }

    #[test]
    fn knows_signed_data_in_der_and_in_ber() {
        for length in [&[0x10][..], &[0x80], &[0x82, 1, 0], &[0x84, 0, 0, 1, 0]] {
            let signed = [&[0x30], length, PKCS7, &[SIGNED_DATA]].concat();
            assert!(document::looks_signed(&signed));
            assert!(matches!(document::read(&signed), Err(Error::AlreadySigned)));
        }
    }

    #[test]
    fn does_not_take_other_structures_for_signed_data() {
        let enveloped = [&[0x30, 0x80], PKCS7, &[3]].concat();
        assert!(!document::looks_signed(&enveloped));
        assert!(refusal(&enveloped).contains("a CMS structure that is not signed"));
        assert!(!document::looks_signed(b"0") && !document::looks_signed(b"\x30\xff"));
    }
}
