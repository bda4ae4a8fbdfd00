//! Roots, and the path from a signer's certificate to one of them (RFC 5280 §6).

mod path;
#[cfg(test)]
mod tests;

use std::{path::Path, sync::Arc, time::SystemTime};

use openssl::x509::{store::X509Store, verify::X509VerifyFlags};

pub(crate) use self::path::Search;
use crate::{
    Certificate, Result, Verdict,
    file::{self, LARGEST_CERTIFICATES},
    verify::Memory,
};

/// The root certificates that a path may end at.
///
/// A certificate that is given and not self-signed is an anchor too: a path may end at it.
/// Intermediates come from the signed file only; revocation is not asked. The paths of the last few signers are
/// remembered, whatever the time; a time is asked about anew.
#[derive(Clone)]
pub struct TrustStore {
    roots: Vec<Certificate>,
    /// Every purpose, whatever the time: the one that nearly every question needs.
    timeless: Arc<X509Store>,
    memory: Arc<Memory>,
}

/// Whether a signer's certificate is trusted.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Trust {
    /// [`Verdict::GoodSignature`], or one of the three `SigningCert…` words about trust and time.
    /// Where there is no path it is [`Verdict::SigningCertNotTrusted`], also for an expired certificate.
    pub verdict: Verdict,
    /// Whether the path's certificates, or the signer's where there is no path, are valid at that time.
    pub validity: Validity,
    /// The time that was asked about.
    pub at: SystemTime,
    /// Why it is not trusted.
    pub reason: Option<String>,
    /// From the signer's certificate to the root; empty where no path was found.
    pub path: Vec<Certificate>,
    /// Whether the path holds only if critical extensions that are not known here are passed over. Only Apple's are
    /// (1.2.840.113635), as its developer certificates carry them; with any other unknown one there is no path.
    pub unknown_critical_extension: bool,
}

/// How a time lies to certificates' validity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Validity {
    /// Within.
    Valid,
    /// After the end of one.
    Expired,
    /// Before the beginning of one.
    NotYetValid,
}

/// The time at which certificates must be valid.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum At {
    /// When the question is asked.
    #[default]
    Now,
    /// When the signer says it signed; now where it does not say. Only as true as the signer is.
    SigningTime,
    /// At a given time.
    Time(SystemTime),
}

/// What the signer's certificate must be for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Purpose {
    /// Anything: signers of profiles have TLS-server, code-signing and other certificates.
    #[default]
    Any,
    /// Signed mail.
    Smime,
    /// TLS servers.
    TlsServer,
    /// TLS clients.
    TlsClient,
    /// Signed code: on the whole path, except in the root, the extended key usage names it, or any, or is absent; and the
    /// signer's key usage has digitalSignature, or is absent (RFC 5280 §4.2.1.12).
    CodeSigning,
}

impl TrustStore {
    /// No root: nothing is trusted.
    ///
    /// # Errors
    /// [`Error::Crypto`](crate::Error::Crypto).
    pub fn empty() -> Result<Self> {
        Self::of(Vec::new())
    }

    /// The certificates of a PEM file of at most 16 MiB.
    ///
    /// # Errors
    /// [`Error::Io`](crate::Error::Io); [`Error::Malformed`](crate::Error::Malformed) where there is none or one cannot
    /// be read.
    pub fn from_pem_file(path: impl AsRef<Path>) -> Result<Self> {
        Self::from_pem(&file::read(path.as_ref(), "reading roots", LARGEST_CERTIFICATES)?)
    }

    /// The certificates in PEM.
    ///
    /// # Errors
    /// [`Error::Malformed`](crate::Error::Malformed) where there is none or one cannot be read.
    pub fn from_pem(pem: &[u8]) -> Result<Self> {
        Self::of(Certificate::from_pem(pem)?)
    }

    /// These certificates.
    ///
    /// # Errors
    /// [`Error::Crypto`](crate::Error::Crypto).
    pub fn from_certificates(roots: Vec<Certificate>) -> Result<Self> {
        Self::of(roots)
    }

    /// The system's roots, from the first file of those where systems keep them.
    ///
    /// # Errors
    /// [`Error::Io`](crate::Error::Io) where there is no such file; [`Error::Malformed`](crate::Error::Malformed).
    pub fn system() -> Result<Self> {
        let present = SYSTEM_ROOTS.iter().find(|path| Path::new(path).is_file());
        Self::from_pem_file(present.unwrap_or(&SYSTEM_ROOTS[0]))
    }

    fn of(roots: Vec<Certificate>) -> Result<Self> {
        let timeless = path::store(&roots, Purpose::Any, None, X509VerifyFlags::empty()).map_err(path::failed)?;
        Ok(Self { roots, timeless: Arc::new(timeless), memory: Arc::default() })
    }

    pub(crate) fn memory(&self) -> &Memory {
        &self.memory
    }

    /// The roots.
    pub fn roots(&self) -> &[Certificate] {
        &self.roots
    }
}

impl std::fmt::Debug for TrustStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TrustStore").field("roots", &self.roots.len()).finish_non_exhaustive()
    }
}

impl Trust {
    fn of(path: Vec<Certificate>, at: SystemTime, unknown_critical_extension: bool) -> Self {
        let outside = path.iter().position(|member| validity(member, at) != Validity::Valid);
        let validity = outside.map_or(Validity::Valid, |index| validity(&path[index], at));
        let reason = outside.map(|index| validity.sentence(index));
        Self { verdict: validity.verdict(), validity, at, reason, path, unknown_critical_extension }
    }

    fn without_path(validity: Validity, at: SystemTime, reason: &str) -> Self {
        Self {
            verdict: Verdict::SigningCertNotTrusted,
            validity,
            at,
            reason: Some(reason.to_owned()),
            path: Vec::new(),
            unknown_critical_extension: false,
        }
    }

    /// Whether a path that is valid at the time leads to a root.
    pub fn is_trusted(&self) -> bool {
        self.verdict.is_good()
    }

    /// What is to be said of time where the verdict says something worse.
    pub(crate) fn validity_aside(&self) -> Option<String> {
        (self.verdict != self.validity.verdict() && self.validity != Validity::Valid).then(|| self.validity.sentence(0))
    }
}

impl Validity {
    fn verdict(self) -> Verdict {
        match self {
            Validity::Valid => Verdict::GoodSignature,
            Validity::Expired => Verdict::SigningCertExpired,
            Validity::NotYetValid => Verdict::SigningCertNotYetValid,
        }
    }

    fn sentence(self, depth: usize) -> String {
        let which = place(depth);
        match self {
            Validity::Valid => format!("{which} is valid"),
            Validity::Expired => format!("{which} has expired"),
            Validity::NotYetValid => format!("{which} is not yet valid"),
        }
    }
}

/// Which certificate of a path is meant.
fn place(depth: usize) -> String {
    if depth == 0 { "the signer's certificate".into() } else { format!("certificate {depth} above it") }
}

impl At {
    /// The moment that is meant.
    pub fn moment(self, now: SystemTime, signing_time: Option<SystemTime>) -> SystemTime {
        match self {
            At::Now => now,
            At::SigningTime => signing_time.unwrap_or(now),
            At::Time(time) => time,
        }
    }
}

/// Both ends of a validity belong to it (RFC 5280 §4.1.2.5); a beginning that cannot be read is to come, an end that
/// cannot be read is past.
fn validity(certificate: &Certificate, at: SystemTime) -> Validity {
    if certificate.not_before().is_none_or(|begin| at < begin) {
        return Validity::NotYetValid;
    }
    if certificate.not_after().is_none_or(|end| at > end) { Validity::Expired } else { Validity::Valid }
}

/// Debian and its kin, Fedora and its kin, SUSE, Alpine and macOS, FreeBSD.
const SYSTEM_ROOTS: [&str; 6] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
    "/usr/local/etc/ssl/cert.pem",
];
