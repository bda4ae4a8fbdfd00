//! Hiding the payloads of a profile from everybody but one device.

use std::time::SystemTime;

use const_oid::db::rfc5911;
use openssl::{
    cms::{CMSOptions, CmsContentInfo},
    error::ErrorStack,
    stack::Stack,
    symm::Cipher,
    x509::{X509, X509KeyUsage},
};
use plist::{Dictionary, Value};

use crate::{
    Certificate, Error, Form, Identity, IdentityFault, KeyKind, KeyPath, Place, Profile, Result, Source, UuidSource,
    ber::{self, OBJECT_IDENTIFIER, Reader, SEQUENCE},
    document::{self, Part},
    error::openssl,
    identity::{self, IdentityWarning},
};

/// The ciphers that devices take for the payloads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ContentCipher {
    /// AES with a key of 256 bits, CBC.
    #[default]
    Aes256Cbc,
    /// AES with a key of 128 bits, CBC.
    Aes128Cbc,
    /// Triple DES, CBC: for the oldest devices.
    TripleDesCbc,
}

/// Puts `EncryptedPayloadContent` and `IsEncrypted` in the place of `PayloadContent`.
///
/// The payloads become a property list in a CMS EnvelopedData (RFC 5652 §6) for one RSA certificate, by PKCS#1 v1.5
/// key transport. Payloads that have no UUID get those of their identifiers before; the profile, if it has none, gets
/// that of the encrypted content, since a digest of what it hides would let anybody try out short secrets. A UUID that
/// is there stays, also such a digest. Sign the profile afterwards. What is doubtful about the recipient does not stand
/// in the way: ask [`warnings`].
///
/// # Errors
/// [`Error::Identity`] for a recipient whose key is not RSA or whose key usage does not allow key encipherment;
/// [`Error::NotAProfile`] where the profile is encrypted already; [`Error::Unwritable`]; [`Error::Crypto`].
pub fn encrypt(profile: &Profile, to: &Certificate, cipher: ContentCipher) -> Result<Profile> {
    if profile.is_encrypted() {
        return Err(at_content("the profile is encrypted already"));
    }
    suits(to)?;
    let mut filled = profile.clone();
    filled.fill_payload_uuids();
    let payloads = Part::Array(filled.payloads().iter().map(|payload| Part::of(payload.entries())).collect());
    let payloads = document::parts_to_xml(&payloads).map_err(within_payloads)?;
    let envelope = envelope(payloads.as_bytes(), to, cipher)
        .map_err(|cause| Error::Crypto { doing: "encrypting the payloads", source: openssl(cause) })?;
    let mut encrypted = Dictionary::new();
    for (key, value) in filled.to_dictionary() {
        match key.as_str() {
            CONTENT => {
                encrypted.insert(ENCRYPTED_CONTENT.into(), Value::Data(envelope.clone()));
                encrypted.insert(IS_ENCRYPTED.into(), Value::Boolean(true));
            }
            IS_ENCRYPTED | ENCRYPTED_CONTENT => {}
            _ => drop(encrypted.insert(key, value)),
        }
    }
    let mut encrypted = Profile::from_dictionary(encrypted)?;
    encrypted.fill_uuids(UuidSource::Content);
    Ok(encrypted)
}

/// Puts the payloads back in the place of `EncryptedPayloadContent`, and takes `IsEncrypted` away.
///
/// Reads BER and DER, EnvelopedData only, as devices do. It does not tell who encrypted: only a signature does.
///
/// # Errors
/// [`Error::NotAProfile`] where the profile is not encrypted, `PayloadContent` is there too, or what was encrypted is a
/// property list of another shape; [`Error::Malformed`] where its content is no EnvelopedData or bytes follow it;
/// [`Error::Identity`] where this key does not open it, or gives what is no property list: a key that does not fit
/// may do so too.
pub fn decrypt(profile: &Profile, identity: &Identity) -> Result<Profile> {
    let Some(Value::Data(envelope)) = profile.get(ENCRYPTED_CONTENT) else {
        return Err(at_content("is missing: the profile is not encrypted"));
    };
    if profile.keys().any(|key| key == CONTENT) {
        return Err(at_content("stands beside PayloadContent: which of the two counts cannot be known"));
    }
    let payloads = open(envelope, identity)?;
    let mut decrypted = Dictionary::new();
    for (key, value) in profile.to_dictionary() {
        match key.as_str() {
            ENCRYPTED_CONTENT => drop(decrypted.insert(CONTENT.into(), payloads.clone())),
            IS_ENCRYPTED => {}
            _ => drop(decrypted.insert(key, value)),
        }
    }
    Profile::from_dictionary(decrypted)
}

/// What there is to say at a time of a certificate that is to be encrypted for.
pub fn warnings(to: &Certificate, at: SystemTime) -> Vec<IdentityWarning> {
    let weak = match to.key_kind() {
        KeyKind::Rsa(bits) if bits < SMALLEST_KEY => Some(IdentityWarning::WeakKey { subject: to.subject(), bits }),
        _ => None,
    };
    identity::dates(to, at).into_iter().chain(weak).collect()
}

fn suits(recipient: &Certificate) -> Result<()> {
    let (subject, kind) = (recipient.subject(), recipient.key_kind());
    let (fault, problem) = match kind {
        KeyKind::Rsa(_) if recipient.may(X509KeyUsage::KEY_ENCIPHERMENT) => return Ok(()),
        KeyKind::Rsa(_) => {
            let missing = "does not allow encrypting for it: keyEncipherment is missing";
            (IdentityFault::KeyUsage, format!("the key usage of {subject} {missing}"))
        }
        _ => {
            let problem = format!("the key of {subject} is {kind}: a profile is encrypted for RSA keys only");
            (IdentityFault::UnusableKey, problem)
        }
    };
    Err(Error::Identity { fault, problem, source: None })
}

fn envelope(content: &[u8], to: &Certificate, cipher: ContentCipher) -> Result<Vec<u8>, ErrorStack> {
    let cipher = match cipher {
        ContentCipher::Aes256Cbc => Cipher::aes_256_cbc(),
        ContentCipher::Aes128Cbc => Cipher::aes_128_cbc(),
        ContentCipher::TripleDesCbc => Cipher::des_ede3_cbc(),
    };
    let mut recipients: Stack<X509> = Stack::new()?;
    recipients.push(to.x509().clone())?;
    CmsContentInfo::encrypt(&recipients, content, cipher, CMSOptions::BINARY)?.to_der()
}

fn open(envelope: &[u8], identity: &Identity) -> Result<Value> {
    is_enveloped_data(envelope)?;
    let cms = CmsContentInfo::from_der(envelope).map_err(|cause| malformed(NOT_CMS, Some(openssl(cause))))?;
    let content = opened(&cms, identity).map_err(|cause| closed(Some(cause)))?;
    // A key that does not fit gives noise instead of an error, so that nobody learns from the difference.
    let unreadable = |cause: Error| Error::Identity {
        fault: IdentityFault::WrongKey,
        problem: "this key does not open the encrypted payloads, or what is in them is no property list".into(),
        source: Some(cause.into()),
    };
    let value = document::read(&content).map_err(unreadable)?.value;
    let is_payloads = |items: &Vec<Value>| items.iter().all(|item| item.as_dictionary().is_some());
    if value.as_array().is_some_and(is_payloads) {
        return Ok(value);
    }
    Err(at_content("holds a property list that is no array of payloads"))
}

/// The envelope may name any certificate of the key.
fn opened(cms: &CmsContentInfo, identity: &Identity) -> Result<Vec<u8>, ErrorStack> {
    let first = cms.decrypt(identity.key(), identity.certificate().x509());
    let others = || identity.certificates().filter(|other| *other != identity.certificate());
    let open = |other: &Certificate| cms.decrypt(identity.key(), other.x509()).ok();
    first.or_else(|cause| others().find_map(open).ok_or(cause))
}

/// EnvelopedData (RFC 5652 §6.1), and nothing behind it: OpenSSL would open more than devices do.
fn is_enveloped_data(envelope: &[u8]) -> Result<()> {
    let not_cms = |cause: Error| malformed(NOT_CMS, Some(cause.into()));
    let end = ber::survey(envelope).map_err(not_cms)?.end;
    if end < envelope.len() {
        return Err(malformed("bytes follow the envelope", None));
    }
    let content_info = Reader::new(envelope).expect(SEQUENCE, "ContentInfo").map_err(not_cms)?;
    let kind = content_info.reader().expect(OBJECT_IDENTIFIER, "the content type").map_err(not_cms)?;
    match kind.content() {
        kind if kind == rfc5911::ID_ENVELOPED_DATA.as_bytes() => Ok(()),
        kind if kind == rfc5911::ID_CT_AUTH_ENVELOPED_DATA.as_bytes() => {
            Err(malformed("is AuthEnvelopedData, and devices take EnvelopedData only", None))
        }
        _ => Err(malformed("is not EnvelopedData", None)),
    }
}

fn malformed(problem: &str, source: Option<Source>) -> Error {
    let place = Place::path(KeyPath::root().key(ENCRYPTED_CONTENT));
    Error::Malformed { form: Form::Cms, place, problem: problem.into(), source }
}

fn closed(cause: Option<ErrorStack>) -> Error {
    let source = cause.filter(|cause| !cause.errors().is_empty()).map(openssl);
    let problem = "this key does not open the encrypted payloads".into();
    Error::Identity { fault: IdentityFault::WrongKey, problem, source }
}

/// The same with its path from the profile's root.
fn within_payloads(error: Error) -> Error {
    match error {
        Error::Unwritable { place: Place { path: Some(path), .. }, problem } => {
            let whole = KeyPath::root().key(CONTENT).0.into_iter().chain(path.0);
            Error::Unwritable { place: Place::path(KeyPath(whole.collect())), problem }
        }
        other => other,
    }
}

fn at_content(problem: &str) -> Error {
    let place = Place::path(KeyPath::root().key(ENCRYPTED_CONTENT));
    Error::NotAProfile { place, problem: problem.into(), device: None }
}

const CONTENT: &str = "PayloadContent";
const ENCRYPTED_CONTENT: &str = "EncryptedPayloadContent";
const IS_ENCRYPTED: &str = "IsEncrypted";

/// In bits.
const SMALLEST_KEY: u32 = 2048;

const NOT_CMS: &str = "is not in CMS";

#[cfg(test)]
mod tests;
