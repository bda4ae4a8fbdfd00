//! A certificate as signing and verifying see it.

mod name;
mod tbs;

use std::{
    fmt,
    sync::{Arc, OnceLock},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use const_oid::ObjectIdentifier;
use der::{Decode, Encode, Header, SliceReader};
use openssl::{
    asn1::{Asn1Time, Asn1TimeRef},
    nid::Nid,
    pkey::{HasPublic, Id, PKey, PKeyRef, Public},
    x509::{X509, X509KeyUsage},
};

pub(crate) use self::tbs::Tbs;
use crate::{Error, Form, Place, Result, error::openssl, sha256::sha256};

/// An X.509 certificate (RFC 5280) with the bytes that it came in. Cheap to clone.
#[derive(Clone)]
pub struct Certificate {
    inner: Arc<Inner>,
}

struct Inner {
    der: Vec<u8>,
    x509: X509,
    /// What costs something to read, once it was asked for.
    not_before: OnceLock<Option<SystemTime>>,
    not_after: OnceLock<Option<SystemTime>>,
    key_kind: OnceLock<KeyKind>,
    rsa_problem: OnceLock<Option<&'static str>>,
    facts: OnceLock<Option<Facts>>,
}

/// What every file is asked that carries the certificate.
pub(crate) struct Facts {
    /// The issuer's whole `Name`.
    pub(crate) issuer: Vec<u8>,
    /// The serial number's octets.
    pub(crate) serial: Vec<u8>,
    /// The subject key identifier.
    pub(crate) key_identifier: Option<Vec<u8>>,
    /// Whether basicConstraints make it a CA.
    pub(crate) is_ca: bool,
    /// Whether keyUsage, where it is there, has digitalSignature or nonRepudiation.
    pub(crate) may_sign: bool,
}

/// The kind and size of a public key.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum KeyKind {
    /// RSA, with the modulus' length in bits.
    Rsa(u32),
    /// Elliptic curve, with the curve's name as OpenSSL writes it (`prime256v1`, `secp384r1`).
    Ec(String),
    /// Another algorithm, by its name.
    Other(String),
}

impl Certificate {
    /// Reads DER, and nothing after it.
    ///
    /// # Errors
    /// [`Error::Malformed`].
    pub fn from_der(der: &[u8]) -> Result<Self> {
        if let Some(end) = end(der).filter(|end| *end < der.len()) {
            return Err(Error::Malformed {
                form: Form::Certificate,
                place: Place::offset(end),
                problem: "bytes follow the certificate".into(),
                source: None,
            });
        }
        let x509 = X509::from_der(der).map_err(|cause| malformed("not a certificate in DER", openssl(cause)))?;
        Ok(Self::of(der.to_owned(), x509))
    }

    /// Reads every certificate of a PEM file in its order; other PEM blocks are passed over.
    ///
    /// # Errors
    /// [`Error::Malformed`] where there is none or one cannot be read.
    pub fn from_pem(pem: &[u8]) -> Result<Vec<Self>> {
        let certificates = X509::stack_from_pem(pem)
            .map_err(|cause| malformed("a certificate in the PEM file cannot be read", openssl(cause)))?;
        if certificates.is_empty() {
            return Err(Error::Malformed {
                form: Form::Certificate,
                place: Place::whole(),
                problem: "no certificate in the PEM file".into(),
                source: None,
            });
        }
        certificates.into_iter().map(Self::from_x509).collect()
    }

    pub(crate) fn from_x509(x509: X509) -> Result<Self> {
        let der =
            x509.to_der().map_err(|cause| Error::Crypto { doing: "encoding a certificate", source: openssl(cause) })?;
        Ok(Self::of(der, x509))
    }

    fn of(der: Vec<u8>, x509: X509) -> Self {
        let (not_before, not_after) = (OnceLock::new(), OnceLock::new());
        let (key_kind, rsa_problem, facts) = (OnceLock::new(), OnceLock::new(), OnceLock::new());
        Self { inner: Arc::new(Inner { der, x509, not_before, not_after, key_kind, rsa_problem, facts }) }
    }

    pub(crate) fn x509(&self) -> &X509 {
        &self.inner.x509
    }

    /// The certificate's DER.
    pub fn der(&self) -> &[u8] {
        &self.inner.der
    }

    /// The certificate in PEM (RFC 7468 §5), with a line end.
    ///
    /// # Errors
    /// [`Error::Crypto`].
    pub fn to_pem(&self) -> Result<Vec<u8>> {
        self.inner
            .x509
            .to_pem()
            .map_err(|cause| Error::Crypto { doing: "encoding a certificate", source: openssl(cause) })
    }

    /// SHA-256 of the DER.
    pub fn sha256(&self) -> [u8; 32] {
        sha256(&self.inner.der)
    }

    /// SHA-256 of the DER, in hexadecimal.
    pub fn fingerprint(&self) -> String {
        hex(&self.sha256())
    }

    /// The subject, most specific part first: `CN=…, O=…`, control characters escaped.
    pub fn subject(&self) -> String {
        name::shown(self.inner.x509.subject_name())
    }

    /// Whether some certificate's [`subject`](Certificate::subject) is shown as this text, such as one that a configuration
    /// compares it with. It does not say whether the parts are in their order.
    pub fn is_subject(text: &str) -> bool {
        name::is_shown(text)
    }

    /// The issuer, as [`subject`](Certificate::subject) shows it.
    pub fn issuer(&self) -> String {
        name::shown(self.inner.x509.issuer_name())
    }

    /// The serial number in hexadecimal, without leading zeros.
    pub fn serial(&self) -> String {
        let number = self.inner.x509.serial_number().to_bn().and_then(|number| number.to_hex_str());
        number.map(|text| text.to_string().to_lowercase()).unwrap_or_default()
    }

    /// The first moment at which it is valid; `None` where the field cannot be read, or is not written as it must be
    /// (RFC 5280 §4.1.2.5).
    pub fn not_before(&self) -> Option<SystemTime> {
        let read = || self.has_plain_times()[0].then(|| time(self.inner.x509.not_before()))?;
        *self.inner.not_before.get_or_init(read)
    }

    /// The last moment at which it is valid; `None` where the field cannot be read, or is not written as it must be.
    pub fn not_after(&self) -> Option<SystemTime> {
        let read = || self.has_plain_times()[1].then(|| time(self.inner.x509.not_after()))?;
        *self.inner.not_after.get_or_init(read)
    }

    /// OpenSSL reads parts of a second and other zones, and takes no such time where it asks about a path.
    fn has_plain_times(&self) -> [bool; 2] {
        Tbs::read(&self.inner.der).map_or([false; 2], |tbs| tbs.has_plain_times())
    }

    /// The kind and size of its public key.
    pub fn key_kind(&self) -> KeyKind {
        let read =
            || self.inner.x509.public_key().map_or_else(|_| KeyKind::Other("unreadable".into()), |key| kind(&key));
        self.inner.key_kind.get_or_init(read).clone()
    }

    /// Why its key proves nothing, or costs more than any real one, if it is one for RSA.
    pub(crate) fn rsa_problem(&self) -> Option<&'static str> {
        let read = || self.inner.x509.public_key().ok().and_then(|key| rsa_problem(&key));
        *self.inner.rsa_problem.get_or_init(read)
    }

    /// The public key as `SubjectPublicKeyInfo` (RFC 5280 §4.1.2.7) in DER.
    ///
    /// # Errors
    /// [`Error::Crypto`] where the key is of a kind that cannot be read.
    pub fn public_key_der(&self) -> Result<Vec<u8>> {
        self.inner
            .x509
            .public_key()
            .and_then(|key| key.public_key_to_der())
            .map_err(|cause| Error::Crypto { doing: "encoding a public key", source: openssl(cause) })
    }

    /// Whether subject and issuer are the same name and its own key made its signature.
    pub fn is_self_signed(&self) -> bool {
        let own_key = |key: PKey<Public>| self.inner.x509.verify(&key).unwrap_or(false);
        self.is_self_issued() && self.inner.x509.public_key().is_ok_and(own_key)
    }

    /// Whether subject and issuer are the same name; the signature is not looked at.
    pub(crate) fn is_self_issued(&self) -> bool {
        self.inner.x509.subject_name().try_cmp(self.inner.x509.issuer_name()).is_ok_and(|order| order.is_eq())
    }

    /// Whether another certificate's name and key issued this one. Validity times are not asked.
    pub fn is_issued_by(&self, issuer: &Certificate) -> bool {
        let signed = |key: PKey<Public>| self.inner.x509.verify(&key).unwrap_or(false);
        self.names_as_issuer(issuer) && issuer.inner.x509.public_key().is_ok_and(signed)
    }

    /// Whether another certificate's subject is this one's issuer; the signature is not looked at.
    pub(crate) fn names_as_issuer(&self, issuer: &Certificate) -> bool {
        self.inner.x509.issuer_name().try_cmp(issuer.inner.x509.subject_name()).is_ok_and(|order| order.is_eq())
    }

    /// Whether another certificate may have issued this one by its name and key identifier, and asking its key whether
    /// it did costs little.
    pub(crate) fn may_be_issued_by(&self, issuer: &Certificate) -> bool {
        let identified = || match (self.inner.x509.authority_key_id(), issuer.inner.x509.subject_key_id()) {
            (Some(wanted), Some(found)) => wanted.as_slice() == found.as_slice(),
            _ => true,
        };
        self.names_as_issuer(issuer)
            && identified()
            && issuer.inner.x509.public_key().is_ok()
            && issuer.rsa_problem().is_none()
    }

    /// Whether the key is this certificate's.
    pub(crate) fn has_key<T: HasPublic>(&self, key: &PKeyRef<T>) -> bool {
        self.inner.x509.public_key().is_ok_and(|own| own.public_eq(key))
    }

    /// Whether another certificate has the same public key.
    pub fn has_key_of(&self, other: &Certificate) -> bool {
        other.inner.x509.public_key().is_ok_and(|key| self.has_key(&key))
    }

    /// Whether its key may be used so: the key usage says it, or there is none (RFC 5280 §4.2.1.3).
    pub(crate) fn may(&self, usage: X509KeyUsage) -> bool {
        self.inner.x509.key_usage().is_none_or(|allowed| allowed.contains(usage))
    }

    /// The digest of its issuer's signature, where collisions of it are known.
    pub(crate) fn weak_digest(&self) -> Option<&'static str> {
        let digest = self.inner.x509.signature_algorithm().object().nid().signature_algorithms()?.digest;
        match digest {
            Nid::SHA1 => Some("SHA-1"),
            Nid::MD5 => Some("MD5"),
            _ => None,
        }
    }

    /// Whether its basic constraints say that it is a CA (RFC 5280 §4.2.1.9).
    pub fn is_ca(&self) -> bool {
        self.facts().is_some_and(|facts| facts.is_ca)
    }

    /// `None` where its fields cannot be read.
    pub(crate) fn facts(&self) -> Option<&Facts> {
        let read = || Tbs::read(&self.inner.der).map(|tbs| tbs.facts());
        self.inner.facts.get_or_init(read).as_ref()
    }

    /// `IssuerAndSerialNumber` (RFC 5652 §10.2.4) in DER, issuer and serial number being the certificate's own bytes.
    pub(crate) fn issuer_and_serial(&self) -> Result<Vec<u8>> {
        let unreadable = || Error::Malformed {
            form: Form::Certificate,
            place: Place::whole(),
            problem: "issuer and serial number cannot be read".into(),
            source: None,
        };
        Tbs::read(&self.inner.der).map(|tbs| tbs.issuer_and_serial()).ok_or_else(unreadable)
    }
}

/// Where the first value of DER ends; `None` where its header cannot be read.
fn end(der: &[u8]) -> Option<usize> {
    let header = Header::decode(&mut SliceReader::new(der).ok()?).ok()?;
    let length = (header.encoded_len().ok()? + header.length).ok()?;
    usize::try_from(length).ok()
}

/// Two certificates are equal when their DER is.
impl PartialEq for Certificate {
    fn eq(&self, other: &Self) -> bool {
        self.inner.der == other.inner.der
    }
}

impl Eq for Certificate {}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Certificate")
            .field("subject", &self.subject())
            .field("fingerprint", &self.fingerprint())
            .finish_non_exhaustive()
    }
}

impl fmt::Display for KeyKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            KeyKind::Rsa(bits) => write!(f, "RSA-{bits}"),
            KeyKind::Ec(curve) => match curve.as_str() {
                "prime256v1" => f.write_str("ECDSA P-256"),
                "secp384r1" => f.write_str("ECDSA P-384"),
                "secp521r1" => f.write_str("ECDSA P-521"),
                other => write!(f, "ECDSA {other}"),
            },
            KeyKind::Other(name) => f.write_str(name),
        }
    }
}

/// Lower-case hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let nibbles = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    // Bytes of a known number are put together several times faster than characters.
    let digits: Vec<u8> = nibbles.map(|nibble| DIGITS[usize::from(nibble)]).collect();
    String::from_utf8(digits).expect("digits are ASCII")
}

/// An object identifier in numbers, or its octets in hexadecimal where they are none.
pub(crate) fn oid_text(octets: &[u8]) -> String {
    ObjectIdentifier::from_bytes(octets).map_or_else(|_| hex(octets), |oid| oid.to_string())
}

pub(crate) fn kind<T: HasPublic>(key: &PKeyRef<T>) -> KeyKind {
    match key.id() {
        Id::RSA => KeyKind::Rsa(key.bits()),
        Id::EC => {
            let curve = key.ec_key().ok().and_then(|key| key.group().curve_name());
            KeyKind::Ec(curve.and_then(|nid| nid.short_name().ok()).unwrap_or("unnamed curve").to_owned())
        }
        other => KeyKind::Other(Nid::from_raw(other.as_raw()).long_name().unwrap_or("unknown key").to_owned()),
    }
}

/// Why an RSA key proves nothing, or costs more than any real one: its public exponent.
///
/// With an exponent of 1 everybody signs, an even one is no RSA. OpenSSL bounds it only for long moduli.
fn rsa_problem<T: HasPublic>(key: &PKeyRef<T>) -> Option<&'static str> {
    let rsa = key.rsa().ok()?;
    match rsa.e() {
        exponent if exponent.num_bits() > MAX_RSA_EXPONENT_BITS => {
            Some("the public exponent of the RSA key has more than 64 bits")
        }
        exponent if exponent.num_bits() < 2 => Some("with the public exponent of the RSA key anybody can sign"),
        exponent if !exponent.is_bit_set(0) => Some("the public exponent of the RSA key is even"),
        _ => None,
    }
}

fn time(time: &Asn1TimeRef) -> Option<SystemTime> {
    let epoch = Asn1Time::from_unix(0).ok()?;
    let since = epoch.diff(time).ok()?;
    let seconds = i64::from(since.days) * 86_400 + i64::from(since.secs);
    let distance = Duration::from_secs(seconds.unsigned_abs());
    if seconds < 0 { UNIX_EPOCH.checked_sub(distance) } else { UNIX_EPOCH.checked_add(distance) }
}

fn malformed(problem: &str, source: crate::Source) -> Error {
    Error::Malformed { form: Form::Certificate, place: Place::whole(), problem: problem.into(), source: Some(source) }
}

/// Real exponents have 17; OpenSSL takes no more for moduli over 3,072 bits.
const MAX_RSA_EXPONENT_BITS: i32 = 64;
