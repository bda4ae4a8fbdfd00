//! Hiding the payloads of a profile from everybody but one device.

use openssl::{
    cms::{CMSOptions, CmsContentInfo},
    error::ErrorStack,
    stack::Stack,
    symm::Cipher,
    x509::{X509, X509KeyUsage},
};
use plist::{Dictionary, Value};

use crate::{Certificate, Error, Identity, KeyKind, KeyPath, Place, Profile, Result, Source, UuidSource, document};

/// The ciphers that devices take for the payloads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
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
/// key transport. Missing UUIDs are filled in from the content before. Sign the profile afterwards.
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
    filled.fill_uuids(UuidSource::Content);
    let payloads = filled.payloads().iter().map(|payload| Value::Dictionary(payload.dictionary().clone()));
    let payloads: Vec<Value> = payloads.collect();
    let envelope = envelope(&document::array_to_xml(&payloads)?, to, cipher)
        .map_err(|cause| Error::Crypto { doing: "encrypting the payloads", source: cause.into() })?;
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
    Profile::from_dictionary(encrypted)
}

/// Puts the payloads back in the place of `EncryptedPayloadContent`, and takes `IsEncrypted` away.
///
/// Reads BER and DER. It does not tell who encrypted: only a signature does.
///
/// # Errors
/// [`Error::NotAProfile`] where the profile is not encrypted; [`Error::Malformed`] where its content is no CMS;
/// [`Error::Identity`] where this key does not open it.
pub fn decrypt(profile: &Profile, identity: &Identity) -> Result<Profile> {
    let Some(Value::Data(envelope)) = profile.get(ENCRYPTED_CONTENT) else {
        return Err(at_content("is missing: the profile is not encrypted"));
    };
    let payloads = open(envelope, identity)?;
    let mut decrypted = Dictionary::new();
    for (key, value) in profile.to_dictionary() {
        match key.as_str() {
            ENCRYPTED_CONTENT => drop(decrypted.insert(CONTENT.into(), payloads.clone())),
            IS_ENCRYPTED | CONTENT => {}
            _ => drop(decrypted.insert(key, value)),
        }
    }
    Profile::from_dictionary(decrypted)
}

fn suits(recipient: &Certificate) -> Result<()> {
    let (subject, kind) = (recipient.subject(), recipient.key_kind());
    let problem = match kind {
        KeyKind::Rsa(_) if recipient.may(X509KeyUsage::KEY_ENCIPHERMENT) => return Ok(()),
        KeyKind::Rsa(_) => {
            format!("the key usage of {subject} does not allow encrypting for it: keyEncipherment is missing")
        }
        _ => format!("the key of {subject} is {kind}: a profile is encrypted for RSA keys only"),
    };
    Err(Error::Identity { problem, source: None })
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
    let cms = CmsContentInfo::from_der(envelope).map_err(|cause| Error::Malformed {
        form: crate::Form::Cms,
        place: Place::path(KeyPath::root().key(ENCRYPTED_CONTENT)),
        problem: "is not in CMS".into(),
        source: Some(cause.into()),
    })?;
    let content =
        cms.decrypt(identity.key(), identity.certificate().x509()).map_err(|cause| closed(Some(cause.into())))?;
    // A key that does not fit gives noise instead of an error, so that nobody learns from the difference.
    let value = document::read(&content).map_err(|_| closed(None))?.value;
    let is_payloads = |items: &Vec<Value>| items.iter().all(|item| item.as_dictionary().is_some());
    if value.as_array().is_some_and(is_payloads) { Ok(value) } else { Err(closed(None)) }
}

fn closed(source: Option<Source>) -> Error {
    Error::Identity { problem: "this key does not open the encrypted payloads".into(), source }
}

fn at_content(problem: &str) -> Error {
    Error::NotAProfile { place: Place::path(KeyPath::root().key(ENCRYPTED_CONTENT)), problem: problem.into() }
}

const CONTENT: &str = "PayloadContent";
const ENCRYPTED_CONTENT: &str = "EncryptedPayloadContent";
const IS_ENCRYPTED: &str = "IsEncrypted";

#[cfg(test)]
mod tests;
