//! Key and certificates out of a PKCS#12 file (RFC 7292).

use std::{borrow::Cow, io, path::PathBuf};

use const_oid::{ObjectIdentifier, db::rfc5911};
use openssl::{
    error::ErrorStack,
    pkcs12::Pkcs12,
    pkey::{PKey, Private},
};

use super::{Identity, IdentityFault, Passphrase, certificates, file, key, naming, passphrase, problem};
use crate::{
    Certificate, Error, Result,
    ber::{self, Element, Reader},
    error::openssl,
};

/// Where an identity's PKCS#12 file is, and what is allowed of it.
#[derive(Clone, Debug)]
pub struct Pkcs12File {
    /// The file, of at most 1 MiB.
    pub path: PathBuf,
    /// Further certificates for the chain, in PEM, or one in DER: archives often hold the leaf alone.
    pub chain: Option<PathBuf>,
    /// What opens it; without one the empty passphrase is tried.
    pub passphrase: Option<Passphrase>,
    /// Takes a file that group or others may read.
    pub allow_readable_key: bool,
    /// The identity opens encrypted profiles and signs nothing: its key usage need not allow signing.
    pub decrypt_only: bool,
}

impl Pkcs12File {
    /// A file that nobody else may read.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), chain: None, passphrase: None, allow_readable_key: false, decrypt_only: false }
    }

    /// Reads the file, and that of the chain, of at most 16 MiB.
    ///
    /// # Errors
    /// As [`IdentityFiles::load`](super::IdentityFiles::load).
    pub fn load(&self) -> Result<Identity> {
        self.load_asking(|| Ok(None))
    }

    /// Reads the files, and asks for the passphrase where one is needed and none is given.
    ///
    /// # Errors
    /// As [`IdentityFiles::load_asking`](super::IdentityFiles::load_asking).
    pub fn load_asking(&self, ask: impl FnOnce() -> io::Result<Option<Passphrase>>) -> Result<Identity> {
        let der = file::read_key(&self.path, self.allow_readable_key)?;
        let opened = passphrase::opened(&self.path, self.passphrase.as_ref(), ask, |passphrase| read(&der, passphrase));
        let (key, mut candidates) = opened.map_err(naming(&self.path))?;
        if let Some(path) = &self.chain {
            candidates.extend(certificates(&file::read(path)?).map_err(naming(path))?);
        }
        Identity::assemble(key, &candidates, self.decrypt_only).map_err(naming(&self.path))
    }
}

/// The private key and every certificate, in no order that means anything.
type Opened = (PKey<Private>, Vec<Certificate>);

/// `None` where the file is encrypted and no passphrase is given.
pub(super) fn read(der: &[u8], passphrase: Option<&Passphrase>) -> Result<Option<Opened>> {
    let archive = Pkcs12::from_der(der).map_err(|cause| unreadable("not a PKCS#12 file".into(), cause))?;
    if let Ok(many @ 2..) = private_keys(der) {
        return Err(problem(IdentityFault::Unreadable, format!("{many} private keys, and one is needed")));
    }
    let text = passphrase.map_or(Ok(""), Passphrase::text)?;
    let parsed = match key::with_legacy(|| archive.parse2(text)) {
        Ok(parsed) => parsed,
        Err(cause) if passphrase.is_none() && is_closed(&cause) => return Ok(None),
        Err(cause) => return Err(explained(cause)),
    };
    let private =
        parsed.pkey.ok_or_else(|| problem(IdentityFault::Unreadable, "no private key in the PKCS#12 file"))?;
    let certificates = parsed.cert.into_iter().chain(parsed.ca.into_iter().flatten());
    Ok(Some((private, certificates.map(Certificate::from_x509).collect::<Result<_>>()?)))
}

/// How many keys stand in an archive, apart from those in its encrypted parts: OpenSSL gives only the first.
fn private_keys(der: &[u8]) -> Result<usize> {
    let mut pfx = Reader::new(der).expect(ber::SEQUENCE, "a PFX")?.reader();
    pfx.expect(ber::INTEGER, "the version of a PFX")?;
    let safes = plain(&pfx.expect(ber::SEQUENCE, "the content of a PFX")?)?;
    let mut safes = Reader::new(&safes).expect(ber::SEQUENCE, "an AuthenticatedSafe")?.reader();
    let mut count = 0;
    while let Some(safe) = safes.next()? {
        let bags = plain(&safe)?;
        let Some(bags) = Reader::new(&bags).optional(&[ber::SEQUENCE])? else { continue };
        let mut bags = bags.reader();
        while let Some(bag) = bags.next()? {
            let kind = bag.reader().expect(ber::OBJECT_IDENTIFIER, "a bag's type")?;
            count += usize::from(KEY_BAGS.iter().any(|bag| bag.as_bytes() == kind.content()));
        }
    }
    Ok(count)
}

/// What a ContentInfo holds as plain data; nothing where it is encrypted.
fn plain<'a>(info: &Element<'a>) -> Result<Cow<'a, [u8]>> {
    let mut fields = info.reader();
    if fields.expect(ber::OBJECT_IDENTIFIER, "a content type")?.content() != rfc5911::ID_DATA.as_bytes() {
        return Ok(Cow::default());
    }
    let mut wrapper = fields.expect(CONTEXT_0, "a content")?.reader();
    let content = wrapper.optional(&[ber::OCTET_STRING, ber::CHUNKED_OCTET_STRING])?;
    content.map_or(Ok(Cow::default()), |content| content.octets())
}

fn is_closed(cause: &ErrorStack) -> bool {
    let wrong = |error: &openssl::error::Error| error.reason().is_some_and(|reason| WRONG_PASSPHRASE.contains(&reason));
    cause.errors().iter().any(wrong)
}

fn explained(cause: ErrorStack) -> Error {
    if is_closed(&cause) {
        return problem(IdentityFault::WrongPassphrase, "the passphrase does not open the PKCS#12 file");
    }
    let problem = match key::unsupported(&cause) {
        Some(algorithm) => format!(
            "the PKCS#12 file is encrypted with {algorithm}, which this OpenSSL does not read: convert it with \
             `openssl pkcs12 -legacy -in OLD -out MIDDLE.pem` and `openssl pkcs12 -export -in MIDDLE.pem -out NEW`"
        ),
        None => "the PKCS#12 file cannot be read".into(),
    };
    unreadable(problem, cause)
}

fn unreadable(problem: String, cause: ErrorStack) -> Error {
    Error::Identity { fault: IdentityFault::Unreadable, problem, source: Some(openssl(cause)) }
}

/// What OpenSSL says of a wrong passphrase: with a MAC, and without one.
const WRONG_PASSPHRASE: [&str; 2] = ["mac verify failure", "pkcs12 cipherfinal error"];

const CONTEXT_0: u8 = 0xa0;
/// keyBag and pkcs8ShroudedKeyBag (RFC 7292 §4.2).
const KEY_BAGS: [ObjectIdentifier; 2] = [
    ObjectIdentifier::new_unwrap("1.2.840.113549.1.12.10.1.1"),
    ObjectIdentifier::new_unwrap("1.2.840.113549.1.12.10.1.2"),
];
