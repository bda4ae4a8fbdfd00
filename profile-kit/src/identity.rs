//! Who signs: a leaf certificate, its chain and its private key.

mod chain;
mod fault;
mod file;
mod key;
mod passphrase;
mod pkcs12;
mod warning;

use std::{
    fmt, io,
    path::{Path, PathBuf},
    sync::Arc,
    time::SystemTime,
};

use openssl::{
    pkey::{PKey, PKeyRef, Private},
    x509::X509KeyUsage,
};

pub use fault::IdentityFault;
pub use passphrase::Passphrase;
pub use pkcs12::Pkcs12File;
pub use warning::IdentityWarning;
pub(crate) use warning::{dates, shown};

use crate::{Certificate, Error, KeyKind, Result, certificate};

/// A signing certificate, its chain and its private key.
///
/// Cheap to clone and to share between threads. Nothing shows the key.
#[derive(Clone)]
pub struct Identity {
    inner: Arc<Inner>,
    /// Which of the leaves signs.
    chosen: usize,
}

struct Inner {
    key: PKey<Private>,
    kind: KeyKind,
    /// At least one.
    leaves: Vec<Leaf>,
    decrypt_only: bool,
}

/// A certificate of the key, and what a signature says of it.
struct Leaf {
    chain: chain::Chain,
    issuer_and_serial: Vec<u8>,
    certificate_set: Vec<u8>,
}

/// Where an identity's PEM files are, and what is allowed of them.
#[derive(Clone, Debug)]
pub struct IdentityFiles {
    /// The leaf's certificate, and as many others as there are: in PEM, or one in DER.
    pub certificate: PathBuf,
    /// The private key, in PEM.
    pub key: PathBuf,
    /// Further certificates for the chain, in PEM, or one in DER.
    pub chain: Option<PathBuf>,
    /// What opens the key, if it is encrypted.
    pub passphrase: Option<Passphrase>,
    /// Takes a key file that group or others may read.
    pub allow_readable_key: bool,
    /// The identity opens encrypted profiles and signs nothing: its key usage need not allow signing.
    pub decrypt_only: bool,
}

impl IdentityFiles {
    /// An unencrypted key that nobody else may read, and its certificate.
    pub fn new(certificate: impl Into<PathBuf>, key: impl Into<PathBuf>) -> Self {
        Self {
            certificate: certificate.into(),
            key: key.into(),
            chain: None,
            passphrase: None,
            allow_readable_key: false,
            decrypt_only: false,
        }
    }

    /// Reads the files: a key of at most 1 MiB, certificates of at most 16 MiB a file.
    ///
    /// The leaf is the first certificate whose public key is the key's and whose key usage allows signing;
    /// [`Identity::with_leaf`] takes another one. The chain is put in order; its root, duplicates and strangers are
    /// left out.
    ///
    /// # Errors
    /// [`Error::Io`]; [`Error::Identity`] where a file cannot be read as what it should be, the key is encrypted
    /// and the passphrase does not open it, the key is of a kind that devices do not take, no certificate belongs
    /// to it, no such certificate's key usage allows signing, or the key file is open to others.
    pub fn load(&self) -> Result<Identity> {
        self.load_asking(|| Ok(None))
    }

    /// Reads the files, each once, and asks for the passphrase where the key is encrypted and none is given; who has
    /// nobody to ask answers `None`.
    ///
    /// # Errors
    /// As [`load`](IdentityFiles::load), and [`Error::Io`] where asking fails.
    pub fn load_asking(&self, ask: impl FnOnce() -> io::Result<Option<Passphrase>>) -> Result<Identity> {
        let key = self.read_key(ask)?;
        let mut candidates = certificates(&file::read(&self.certificate)?).map_err(naming(&self.certificate))?;
        if let Some(path) = &self.chain {
            candidates.extend(certificates(&file::read(path)?).map_err(naming(path))?);
        }
        if !candidates.iter().any(|candidate| candidate.has_key(&key)) {
            let (certificate, key) = (self.certificate.display(), self.key.display());
            let none = format!("no certificate in {certificate} belongs to the private key in {key}");
            return Err(problem(IdentityFault::NoCertificate, none));
        }
        Identity::assemble(key, &candidates, self.decrypt_only).map_err(naming(&self.certificate))
    }

    /// Reads the key alone: what is wrong with it is told, whatever is wrong with the certificates.
    ///
    /// # Errors
    /// As [`load`](IdentityFiles::load), as far as the key goes.
    pub fn check_key(&self) -> Result<()> {
        self.read_key(|| Ok(None)).map(drop)
    }

    fn read_key(&self, ask: impl FnOnce() -> io::Result<Option<Passphrase>>) -> Result<PKey<Private>> {
        let pem = file::read_key(&self.key, self.allow_readable_key)?;
        let open = |passphrase: Option<&Passphrase>| key::from_pem(&pem, passphrase);
        let key = passphrase::opened(&self.key, self.passphrase.as_ref(), ask, open).map_err(naming(&self.key))?;
        key::usable(&certificate::kind(&key)).map_err(naming(&self.key))?;
        Ok(key)
    }
}

impl Identity {
    /// Reads a certificate file, which may hold the chain too, and a file with an unencrypted key, both in PEM.
    ///
    /// # Errors
    /// As [`IdentityFiles::load`], which offers more.
    pub fn from_pem_files(certificate: impl AsRef<Path>, key: impl AsRef<Path>) -> Result<Self> {
        IdentityFiles::new(certificate.as_ref(), key.as_ref()).load()
    }

    /// Reads certificates, a key and further certificates for the chain (which may be empty), all in PEM.
    ///
    /// # Errors
    /// [`Error::Identity`], as [`IdentityFiles::load`].
    pub fn from_pem(certificate: &[u8], key: &[u8], chain: &[u8], passphrase: Option<&Passphrase>) -> Result<Self> {
        let key = key::from_pem(key, passphrase)?.ok_or_else(passphrase::needed)?;
        let mut candidates = certificates(certificate)?;
        if !chain.is_empty() {
            candidates.extend(certificates(chain)?);
        }
        Self::assemble(key, &candidates, false)
    }

    /// Reads a PKCS#12 file that nobody else may read.
    ///
    /// # Errors
    /// As [`Pkcs12File::load`], which offers more.
    pub fn from_pkcs12_file(path: impl AsRef<Path>, passphrase: &Passphrase) -> Result<Self> {
        Pkcs12File { passphrase: Some(passphrase.clone()), ..Pkcs12File::new(path.as_ref()) }.load()
    }

    /// Reads a PKCS#12 archive (RFC 7292).
    ///
    /// Older ciphers such as RC2 need OpenSSL's legacy algorithms, which are loaded for the moment where there are any.
    ///
    /// # Errors
    /// [`Error::Identity`], as [`IdentityFiles::load`].
    pub fn from_pkcs12(der: &[u8], passphrase: &Passphrase) -> Result<Self> {
        let (key, candidates) = pkcs12::read(der, Some(passphrase))?.ok_or_else(passphrase::needed)?;
        Self::assemble(key, &candidates, false)
    }

    pub(crate) fn assemble(key: PKey<Private>, candidates: &[Certificate], decrypt_only: bool) -> Result<Self> {
        let kind = certificate::kind(&key);
        key::usable(&kind)?;
        let mut leaves: Vec<&Certificate> = Vec::new();
        for candidate in candidates.iter().filter(|candidate| candidate.has_key(&key)) {
            if !leaves.contains(&candidate) {
                leaves.push(candidate);
            }
        }
        let first = *leaves
            .first()
            .ok_or_else(|| problem(IdentityFault::NoCertificate, "no certificate belongs to the key"))?;
        leaves.retain(|leaf| decrypt_only || may_sign(leaf));
        if leaves.is_empty() {
            let subject = first.subject();
            let missing = "neither digitalSignature nor nonRepudiation is there";
            let unfit = format!("the key usage of {subject} does not allow signing: {missing}");
            return Err(problem(IdentityFault::KeyUsage, unfit));
        }
        let leaves = leaves.into_iter().map(|leaf| Leaf::of(leaf, candidates)).collect::<Result<_>>()?;
        Ok(Self { inner: Arc::new(Inner { key, kind, leaves, decrypt_only }), chosen: 0 })
    }

    /// The same key with another of its certificates as the leaf; `None` where it was not among those that were read.
    ///
    /// An overwrite must be signed by the installed profile's leaf (fact R4), which a renewed certificate of the same
    /// key is not. [`sign_with`](Identity::sign_with) chooses by itself.
    pub fn with_leaf(&self, leaf: &Certificate) -> Option<Self> {
        let chosen = self.inner.leaves.iter().position(|own| own.certificate() == leaf)?;
        Some(Self { inner: self.inner.clone(), chosen })
    }

    /// The certificate that signs.
    pub fn certificate(&self) -> &Certificate {
        self.leaf().certificate()
    }

    /// Every certificate of the key that may be the leaf, each of which [`with_leaf`](Identity::with_leaf) takes.
    pub fn certificates(&self) -> impl Iterator<Item = &Certificate> {
        self.inner.leaves.iter().map(Leaf::certificate)
    }

    /// The leaf and its intermediates, in order; without the root.
    pub fn chain(&self) -> &[Certificate] {
        &self.leaf().chain.certificates
    }

    /// The kind and size of the key.
    pub fn key_kind(&self) -> &KeyKind {
        &self.inner.kind
    }

    /// What there is to say of the identity at a time, before it signs.
    pub fn warnings(&self, at: SystemTime) -> Vec<IdentityWarning> {
        let (leaf, chain) = (self.certificate(), &self.leaf().chain);
        let mut warnings = Vec::new();
        let others = self.inner.leaves.len() - 1;
        if others > 0 {
            let chosen = leaf.fingerprint();
            warnings.push(IdentityWarning::SeveralLeaves { chosen, others });
        }
        if leaf.is_ca() {
            warnings.push(IdentityWarning::CaAsLeaf { subject: leaf.subject() });
        }
        if leaf.is_self_signed() {
            warnings.push(IdentityWarning::SelfSigned { subject: leaf.subject() });
        }
        let issuers = chain.certificates.iter().skip(1);
        let no_ca = issuers.filter(|issuer| !issuer.is_ca() || !issuer.may(X509KeyUsage::KEY_CERT_SIGN));
        warnings.extend(no_ca.map(|issuer| IdentityWarning::NotACa { subject: issuer.subject() }));
        warnings.extend(chain.certificates.iter().filter_map(|certificate| dates(certificate, at)));
        if let Some(last) = chain.certificates.last().filter(|_| !chain.is_complete) {
            warnings.push(IdentityWarning::ChainEnds { issuer: last.issuer() });
        }
        warnings
    }

    fn leaf(&self) -> &Leaf {
        &self.inner.leaves[self.chosen]
    }

    pub(crate) fn key(&self) -> &PKeyRef<Private> {
        &self.inner.key
    }

    pub(crate) fn is_decrypt_only(&self) -> bool {
        self.inner.decrypt_only
    }

    /// The leaf's `IssuerAndSerialNumber` (RFC 5652 §10.2.4) in DER.
    pub(crate) fn issuer_and_serial(&self) -> &[u8] {
        &self.leaf().issuer_and_serial
    }

    /// What stands in a CMS certificate set: every certificate's DER, in the order that DER wants of a SET OF.
    pub(crate) fn certificate_set(&self) -> &[u8] {
        &self.leaf().certificate_set
    }
}

impl Leaf {
    fn of(certificate: &Certificate, candidates: &[Certificate]) -> Result<Self> {
        let chain = chain::order(certificate, candidates);
        Ok(Self {
            issuer_and_serial: certificate.issuer_and_serial()?,
            certificate_set: in_der_order(&chain.certificates),
            chain,
        })
    }

    fn certificate(&self) -> &Certificate {
        &self.chain.certificates[0]
    }
}

/// Leaf and key kind; never the key.
impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity")
            .field("certificate", self.certificate())
            .field("key", &format_args!("{} [redacted]", self.inner.kind))
            .finish_non_exhaustive()
    }
}

fn certificates(bytes: &[u8]) -> Result<Vec<Certificate>> {
    if bytes.first() == Some(&DER_SEQUENCE) {
        Ok(vec![Certificate::from_der(bytes)?])
    } else {
        Certificate::from_pem(bytes)
    }
}

fn in_der_order(certificates: &[Certificate]) -> Vec<u8> {
    let mut sorted: Vec<&[u8]> = certificates.iter().map(Certificate::der).collect();
    sorted.sort_unstable();
    sorted.concat()
}

/// A content is signed with either usage (RFC 5280 §4.2.1.3); verifying takes both.
fn may_sign(leaf: &Certificate) -> bool {
    leaf.may(X509KeyUsage::DIGITAL_SIGNATURE) || leaf.may(X509KeyUsage::NON_REPUDIATION)
}

fn problem(fault: IdentityFault, problem: impl Into<String>) -> Error {
    Error::Identity { fault, problem: problem.into(), source: None }
}

/// Puts a file's name before what is wrong in it: an identity has several files.
fn naming(path: &Path) -> impl FnOnce(Error) -> Error {
    let path = path.display().to_string();
    move |error| match error {
        Error::Identity { fault, problem, source } => {
            Error::Identity { fault, problem: format!("{path}: {problem}"), source }
        }
        Error::Malformed { problem, source, .. } => {
            Error::Identity { fault: IdentityFault::Unreadable, problem: format!("{path}: {problem}"), source }
        }
        other => other,
    }
}

const DER_SEQUENCE: u8 = 0x30;

#[cfg(test)]
mod tests;
