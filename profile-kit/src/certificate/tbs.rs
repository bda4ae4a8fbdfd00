//! The fields of a certificate that are asked for in the bytes that it came in (RFC 5280 §4.1).

use std::borrow::Cow;

use const_oid::{ObjectIdentifier, db::rfc5280};

use super::{Facts, oid_text};
use crate::ber::{self, Element, Reader};

/// A certificate's fields, borrowed; no signature and no time is looked at.
pub(crate) struct Tbs<'a> {
    /// The issuer's whole `Name`.
    pub(crate) issuer: &'a [u8],
    /// The subject's whole `Name`.
    subject: &'a [u8],
    /// The serial number's octets.
    pub(crate) serial: &'a [u8],
    /// The first moment at which it is valid, and the last one.
    validity: [Element<'a>; 2],
    extensions: Vec<Extension<'a>>,
}

struct Extension<'a> {
    oid: &'a [u8],
    critical: bool,
    value: Cow<'a, [u8]>,
}

impl<'a> Tbs<'a> {
    /// Reads what OpenSSL would take as a certificate, and more; `None` where the fields are not there.
    pub(crate) fn read(certificate: &'a [u8]) -> Option<Self> {
        let mut fields = Reader::new(certificate).expect(ber::SEQUENCE, "").ok()?.reader();
        let mut fields = fields.expect(ber::SEQUENCE, "").ok()?.reader();
        fields.optional(&[VERSION]).ok()?;
        let serial = fields.expect(ber::INTEGER, "").ok()?.content();
        fields.expect(ber::SEQUENCE, "").ok()?;
        let issuer = fields.expect(ber::SEQUENCE, "").ok()?.whole();
        let mut validity = fields.expect(ber::SEQUENCE, "").ok()?.reader();
        let validity = [validity.next().ok()??, validity.next().ok()??];
        let subject = fields.expect(ber::SEQUENCE, "").ok()?.whole();
        let mut extensions = Vec::new();
        while let Some(field) = fields.next().ok()? {
            if field.tag == EXTENSIONS {
                extensions = self::extensions(&field)?;
            }
        }
        Some(Self { issuer, subject, serial, validity, extensions })
    }

    /// `IssuerAndSerialNumber` (RFC 5652 §10.2.4).
    pub(crate) fn issuer_and_serial(&self) -> Vec<u8> {
        let serial = ber::encode(ber::INTEGER, self.serial);
        ber::encode(ber::SEQUENCE, &[self.issuer, &serial].concat())
    }

    pub(super) fn facts(&self) -> Facts {
        Facts {
            issuer: self.issuer.to_owned(),
            serial: self.serial.to_owned(),
            key_identifier: self.key_identifier().map(Cow::into_owned),
            is_ca: self.is_ca(),
            may_sign: self.may_sign(),
        }
    }

    /// The subject key identifier.
    pub(crate) fn key_identifier(&self) -> Option<Cow<'_, [u8]>> {
        Reader::new(self.extension(rfc5280::ID_CE_SUBJECT_KEY_IDENTIFIER)?).next().ok()??.octets().ok()
    }

    /// Whether the first moment and the last one are written as they must be: seconds, no parts of one, UTC (RFC 5280
    /// §4.1.2.5).
    pub(super) fn has_plain_times(&self) -> [bool; 2] {
        self.validity.map(|time| {
            let digits = match time.tag {
                UTC_TIME => 12,
                GENERALIZED_TIME => 14,
                _ => return false,
            };
            let time = time.content().strip_suffix(b"Z");
            time.is_some_and(|time| time.len() == digits && time.iter().all(u8::is_ascii_digit))
        })
    }

    /// Whether basicConstraints make it a CA.
    fn is_ca(&self) -> bool {
        let flag = || {
            let constraints = Reader::new(self.extension(rfc5280::ID_CE_BASIC_CONSTRAINTS)?).next().ok()??;
            constraints.reader().optional(&[BOOLEAN]).ok()?.map(|flag| flag.content() != [0])
        };
        flag().unwrap_or(false)
    }

    /// Whether it is a root's: a CA whose subject and issuer are the same name.
    pub(crate) fn is_self_issued_ca(&self) -> bool {
        self.issuer == self.subject && self.is_ca()
    }

    /// Whether keyUsage, where it is there, has digitalSignature or nonRepudiation.
    fn may_sign(&self) -> bool {
        let Some(extension) = self.extension(rfc5280::ID_CE_KEY_USAGE) else { return true };
        let Ok(Some(usage)) = Reader::new(extension).next() else { return false };
        usage.content().get(1).is_some_and(|bits| bits & DIGITAL_SIGNATURE_OR_NON_REPUDIATION != 0)
    }

    /// Whether extKeyUsage, where it is there, has this purpose or any.
    pub(crate) fn is_for(&self, purpose: ObjectIdentifier) -> bool {
        let Some(extension) = self.extension(rfc5280::ID_CE_EXT_KEY_USAGE) else { return true };
        let Ok(Some(usages)) = Reader::new(extension).next() else { return false };
        let mut usages = usages.reader();
        let wanted = [purpose.as_bytes(), rfc5280::ANY_EXTENDED_KEY_USAGE.as_bytes()];
        std::iter::from_fn(|| usages.next().ok().flatten()).any(|usage| wanted.contains(&usage.content()))
    }

    /// The object identifier of the first critical extension that neither RFC 5280 knows nor Apple gave out.
    pub(crate) fn unknown_critical(&self) -> Option<String> {
        let is_known = |oid: &[u8]| KNOWN.iter().any(|known| known.as_bytes() == oid) || oid.starts_with(APPLE);
        let unknown = self.extensions.iter().find(|extension| extension.critical && !is_known(extension.oid));
        unknown.map(|extension| oid_text(extension.oid))
    }

    fn extension(&self, oid: ObjectIdentifier) -> Option<&[u8]> {
        self.extensions.iter().find(|extension| extension.oid == oid.as_bytes()).map(|extension| &*extension.value)
    }
}

fn extensions<'a>(field: &Element<'a>) -> Option<Vec<Extension<'a>>> {
    let mut extensions = field.reader().expect(ber::SEQUENCE, "").ok()?.reader();
    let extension = |element: Element<'a>| {
        let mut fields = element.reader();
        let oid = fields.expect(ber::OBJECT_IDENTIFIER, "").ok()?.content();
        let critical = fields.optional(&[BOOLEAN]).ok()?.is_some_and(|flag| flag.content() != [0]);
        let value = fields.expect(ber::OCTET_STRING, "").ok()?.octets().ok()?;
        Some(Extension { oid, critical, value })
    };
    std::iter::from_fn(|| extensions.next().ok().flatten()).map(extension).collect()
}

const VERSION: u8 = 0xa0;
const EXTENSIONS: u8 = 0xa3;
const BOOLEAN: u8 = 0x01;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
const DIGITAL_SIGNATURE_OR_NON_REPUDIATION: u8 = 0xc0;
/// What OpenSSL looks at where it is critical, of those that a CA's or a signer's certificate may carry.
const KNOWN: [ObjectIdentifier; 10] = [
    rfc5280::ID_CE_KEY_USAGE,
    rfc5280::ID_CE_SUBJECT_ALT_NAME,
    rfc5280::ID_CE_BASIC_CONSTRAINTS,
    rfc5280::ID_CE_CERTIFICATE_POLICIES,
    rfc5280::ID_CE_CRL_DISTRIBUTION_POINTS,
    rfc5280::ID_CE_EXT_KEY_USAGE,
    rfc5280::ID_CE_POLICY_CONSTRAINTS,
    rfc5280::ID_CE_NAME_CONSTRAINTS,
    rfc5280::ID_CE_POLICY_MAPPINGS,
    rfc5280::ID_CE_INHIBIT_ANY_POLICY,
];
/// 1.2.840.113635.
const APPLE: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x63];
