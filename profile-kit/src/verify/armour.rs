//! What a file is that is no SignedData in DER or BER.

use super::cms::Algorithm;
use crate::{
    Error, Result,
    ber::{self, Element, Reader, malformed},
};

/// Lets pass what may be a CMS structure.
///
/// # Errors
/// [`Error::NotSigned`] or [`Error::Malformed`] that names what the file is; never with anything of its content.
pub(crate) fn refuse(bytes: &[u8]) -> Result<()> {
    let Some(&first) = bytes.first() else { return Err(malformed(0, "the file is empty")) };
    let found = if first == ber::SEQUENCE { binary(bytes) } else { text(bytes) };
    if let Some(found) = found {
        return Err(Error::NotSigned { found });
    }
    if is_recoded(bytes) {
        return Err(malformed(0, "binary that was read as text and written again: the file is damaged"));
    }
    if first != ber::SEQUENCE {
        return Err(malformed(0, "neither CMS nor anything else that is known here"));
    }
    Ok(())
}

/// Of a file that does not begin like CMS.
fn text(bytes: &[u8]) -> Option<&'static str> {
    if bytes.starts_with(b"bplist") {
        return Some("it is a binary property list without a signature");
    }
    let bytes = bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(bytes).trim_ascii_start();
    let head = &bytes[..bytes.len().min(HEAD)];
    if head.starts_with(b"<") || bytes.starts_with(b"\xff\xfe<\0") || bytes.starts_with(b"\xfe\xff\0<") {
        return Some("it is an XML property list or other XML without a signature");
    }
    if head.starts_with(b"-----BEGIN ") {
        return Some(pem(head));
    }
    if contains(head, b"pkcs7-mime") || contains(head, b"multipart/signed") {
        return Some("it is an S/MIME message: a device takes DER");
    }
    let is_base64 = |byte: &u8| byte.is_ascii_alphanumeric() || b"+/=\r\n".contains(byte);
    if head.starts_with(b"MI") && head.iter().all(is_base64) {
        return Some("it looks like base64: a device takes DER, decode it first");
    }
    None
}

fn pem(head: &[u8]) -> &'static str {
    let label = head.split(|byte| *byte == b'\n').next().unwrap_or_default();
    if contains(label, b"PRIVATE KEY") {
        return "it is a private key: keep it secret";
    }
    if contains(label, b"CERTIFICATE-----") {
        return "it is a certificate";
    }
    "it has PEM armour: a device takes DER"
}

/// Of a file that begins like CMS.
fn binary(bytes: &[u8]) -> Option<&'static str> {
    let outer = Reader::new(bytes).next().ok()?.filter(|outer| outer.tag == ber::SEQUENCE)?;
    let mut fields = outer.reader();
    let first = fields.next().ok()??;
    let second = fields.next().ok()??;
    match (first.tag, second.tag) {
        (ber::INTEGER, ber::INTEGER | ber::OCTET_STRING) => Some("it is a private key: keep it secret"),
        (ber::INTEGER, ber::SEQUENCE) if first.content() == PKCS12_VERSION => {
            Some("it is a PKCS #12 file with a private key: keep it secret")
        }
        (ber::INTEGER, ber::SEQUENCE) => is_algorithm(&second).then_some("it is a private key: keep it secret"),
        (ber::SEQUENCE, ber::OCTET_STRING) => {
            is_algorithm(&first).then_some("it is an encrypted private key: keep it secret")
        }
        (ber::SEQUENCE, ber::SEQUENCE) => {
            is_algorithm(&second).then_some("it is a certificate, a request or a revocation list")
        }
        _ => None,
    }
}

fn is_algorithm(element: &Element<'_>) -> bool {
    Algorithm::read(element).is_ok()
}

/// Latin-1 turned into UTF-8, or bytes replaced by U+FFFD.
fn is_recoded(bytes: &[u8]) -> bool {
    let head = &bytes[..bytes.len().min(16)];
    bytes.starts_with(&[ber::SEQUENCE, 0xc2]) || contains(head, "\u{fffd}".as_bytes())
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";
const PKCS12_VERSION: &[u8] = &[3];
/// Bytes from the start in which a text gives itself away.
const HEAD: usize = 4096;
