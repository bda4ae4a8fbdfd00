//! Roots, and the path from a signer's certificate to one of them (RFC 5280 §6).

use std::{
    path::Path,
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

use const_oid::db::rfc5280::ID_KP_CODE_SIGNING;
use openssl::{
    error::ErrorStack,
    stack::Stack,
    x509::{
        X509, X509PurposeId, X509Ref, X509StoreContext, X509VerifyResult,
        store::{X509Store, X509StoreBuilder},
        verify::{X509VerifyFlags, X509VerifyParam},
    },
};
use openssl_sys::{
    X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT, X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN, X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT,
    X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY, X509_V_ERR_UNHANDLED_CRITICAL_EXTENSION, X509_V_OK,
};

use crate::{
    Certificate, Error, Result, SignedProfile, VerifiedProfile,
    verify::{self, Tbs, Verdict, VerifyOptions},
};

/// The root certificates that a path may end at.
///
/// A certificate that is given and not self-signed is an anchor too: a path may end at it.
/// Intermediates come from the signed file only; revocation is not asked.
#[derive(Clone)]
pub struct TrustStore {
    roots: Vec<Certificate>,
    /// Every purpose, whatever the time: the one that nearly every question needs.
    timeless: Arc<X509Store>,
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
    /// Whether the path holds only if critical extensions that are not known here are passed over.
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
    /// Signed code: the extended key usage names it, or any, or is absent.
    CodeSigning,
}

impl TrustStore {
    /// No root: nothing is trusted.
    ///
    /// # Errors
    /// [`Error::Crypto`].
    pub fn empty() -> Result<Self> {
        Self::of(Vec::new())
    }

    /// The certificates of a PEM file.
    ///
    /// # Errors
    /// [`Error::Io`]; [`Error::Malformed`] where there is none or one cannot be read.
    pub fn from_pem_file(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let read = std::fs::read(path);
        Self::from_pem(&read.map_err(|source| Error::Io { path: path.to_owned(), doing: "reading roots", source })?)
    }

    /// The certificates in PEM.
    ///
    /// # Errors
    /// [`Error::Malformed`] where there is none or one cannot be read.
    pub fn from_pem(pem: &[u8]) -> Result<Self> {
        Self::of(Certificate::from_pem(pem)?)
    }

    /// The system's roots, from the first file of those where systems keep them.
    ///
    /// # Errors
    /// [`Error::Io`] where there is no such file; [`Error::Malformed`].
    pub fn system() -> Result<Self> {
        let present = SYSTEM_ROOTS.iter().find(|path| Path::new(path).is_file());
        Self::from_pem_file(present.unwrap_or(&SYSTEM_ROOTS[0]))
    }

    fn of(roots: Vec<Certificate>) -> Result<Self> {
        let timeless = store(&roots, Purpose::Any, None, X509VerifyFlags::empty()).map_err(failed)?;
        Ok(Self { roots, timeless: Arc::new(timeless) })
    }

    /// The roots.
    pub fn roots(&self) -> &[Certificate] {
        &self.roots
    }

    /// Verifies a signed profile, trust at now and for any purpose.
    ///
    /// # Errors
    /// [`Error::Integrity`] where the signature does not hold; a lack of trust is no error but the verdict
    /// of what is returned. The errors of [`Profile::from_bytes`](crate::Profile::from_bytes) where the content
    /// is not a profile.
    pub fn verify(&self, signed: &SignedProfile) -> Result<VerifiedProfile> {
        self.verify_with(signed, &VerifyOptions::new(SystemTime::now()))
    }

    /// Verifies a signed profile, with everything that is asked about trust given.
    ///
    /// # Errors
    /// As [`verify`](TrustStore::verify).
    pub fn verify_with(&self, signed: &SignedProfile, options: &VerifyOptions) -> Result<VerifiedProfile> {
        let verification = verify::verify_bytes(signed.as_bytes(), Some(self), options)?;
        VerifiedProfile::of(signed.clone(), verification)
    }

    /// Whether a path leads from a certificate to a root, and whether it is valid at a time.
    pub(crate) fn judge(
        &self,
        leaf: &Certificate,
        others: &[Certificate],
        at: SystemTime,
        purpose: Purpose,
    ) -> Result<Trust> {
        let mut trust = Trust {
            verdict: Verdict::GoodSignature,
            validity: validity(leaf, at),
            at,
            reason: None,
            path: Vec::new(),
            unknown_critical_extension: false,
        };
        match self.path(leaf, others, at, purpose)? {
            Err(reason) => {
                trust.verdict = Verdict::SigningCertNotTrusted;
                trust.reason = Some(reason);
            }
            Ok(Found { path, unknown_critical_extension }) => {
                let outside = path.iter().position(|member| validity(member, at) != Validity::Valid);
                trust.validity = outside.map_or(Validity::Valid, |index| validity(&path[index], at));
                trust.verdict = trust.validity.verdict();
                trust.reason = outside.map(|index| trust.validity.sentence(index));
                trust.unknown_critical_extension = unknown_critical_extension;
                trust.path = path;
            }
        }
        Ok(trust)
    }

    /// Any path first; where it is not valid at the time, one that is, if there is such a one.
    fn path(
        &self,
        leaf: &Certificate,
        others: &[Certificate],
        at: SystemTime,
        purpose: Purpose,
    ) -> Result<Result<Found, String>> {
        let others = stack(others).map_err(failed)?;
        let (flags, found) = match self.search(leaf, &others, purpose, None, X509VerifyFlags::empty())? {
            Err(result) if result.as_raw() == X509_V_ERR_UNHANDLED_CRITICAL_EXTENSION => {
                let flags = X509VerifyFlags::IGNORE_CRITICAL;
                (flags, self.search(leaf, &others, purpose, None, flags)?)
            }
            other => (X509VerifyFlags::empty(), other),
        };
        let path = match found {
            Ok(path) => path,
            Err(result) => return Ok(Err(sentence(result))),
        };
        if purpose == Purpose::CodeSigning && !Tbs::read(leaf.der()).is_some_and(|tbs| tbs.is_for(ID_KP_CODE_SIGNING)) {
            return Ok(Err("the certificate is not for signing code".into()));
        }
        let valid = path.iter().all(|member| validity(member, at) == Validity::Valid);
        let timely = if valid { None } else { self.search(leaf, &others, purpose, Some(at), flags)?.ok() };
        let unknown_critical_extension = !flags.is_empty();
        Ok(Ok(Found { path: timely.unwrap_or(path), unknown_critical_extension }))
    }

    /// A path, or OpenSSL's reason why there is none.
    fn search(
        &self,
        leaf: &Certificate,
        others: &Stack<X509>,
        purpose: Purpose,
        at: Option<SystemTime>,
        flags: X509VerifyFlags,
    ) -> Result<Result<Vec<Certificate>, X509VerifyResult>> {
        let built;
        let simple = at.is_none() && flags.is_empty() && purpose.id() == Purpose::Any.id();
        let store = if simple {
            self.timeless.as_ref()
        } else {
            built = store(&self.roots, purpose, at, flags).map_err(failed)?;
            &built
        };
        let mut context = X509StoreContext::new().map_err(failed)?;
        let outcome = context.init(store, leaf.x509(), others, |context| {
            // An error of OpenSSL's here comes from a certificate that it cannot work with, which no path can have.
            if !context.verify_cert().unwrap_or(false) {
                return Ok(Err(context.error()));
            }
            let path = context.chain().into_iter().flatten().map(X509Ref::to_owned);
            Ok(Ok(path.collect::<Vec<_>>()))
        });
        let found = outcome.map_err(failed)?;
        Ok(match found {
            Ok(path) => Ok(path.into_iter().map(Certificate::from_x509).collect::<Result<_>>()?),
            Err(result) => Err(result),
        })
    }
}

impl std::fmt::Debug for TrustStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TrustStore").field("roots", &self.roots.len()).finish_non_exhaustive()
    }
}

impl Trust {
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
        let which =
            if depth == 0 { "the signer's certificate".into() } else { format!("certificate {depth} above it") };
        match self {
            Validity::Valid => format!("{which} is valid"),
            Validity::Expired => format!("{which} has expired"),
            Validity::NotYetValid => format!("{which} is not yet valid"),
        }
    }
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

impl Purpose {
    /// OpenSSL's; for code it knows one only from 3.2 on, which refuses what RFC 5280 allows.
    fn id(self) -> X509PurposeId {
        match self {
            Purpose::Any | Purpose::CodeSigning => X509PurposeId::ANY,
            Purpose::Smime => X509PurposeId::SMIME_SIGN,
            Purpose::TlsServer => X509PurposeId::SSL_SERVER,
            Purpose::TlsClient => X509PurposeId::SSL_CLIENT,
        }
    }
}

struct Found {
    path: Vec<Certificate>,
    unknown_critical_extension: bool,
}

/// A store that asks for a purpose and, where one is given, a time.
fn store(
    roots: &[Certificate],
    purpose: Purpose,
    at: Option<SystemTime>,
    flags: X509VerifyFlags,
) -> Result<X509Store, ErrorStack> {
    let mut param = X509VerifyParam::new()?;
    param.set_purpose(purpose.id())?;
    param.set_flags(flags)?;
    param.set_auth_level(0);
    match at {
        Some(time) => param.set_time(unix(time)),
        None => param.set_flags(X509VerifyFlags::NO_CHECK_TIME)?,
    }
    if !roots.iter().all(Certificate::is_self_issued) {
        param.set_flags(X509VerifyFlags::PARTIAL_CHAIN)?;
    }
    let mut builder = X509StoreBuilder::new()?;
    builder.set_param(&param)?;
    roots.iter().try_for_each(|root| builder.add_cert(root.x509().clone()))?;
    Ok(builder.build())
}

fn stack(certificates: &[Certificate]) -> Result<Stack<X509>, ErrorStack> {
    let mut stack = Stack::new()?;
    certificates.iter().try_for_each(|certificate| stack.push(certificate.x509().clone()))?;
    Ok(stack)
}

/// Both ends of a validity belong to it (RFC 5280 §4.1.2.5); an end that cannot be read is past.
fn validity(certificate: &Certificate, at: SystemTime) -> Validity {
    if certificate.not_before().is_some_and(|begin| at < begin) {
        return Validity::NotYetValid;
    }
    if certificate.not_after().is_none_or(|end| at > end) { Validity::Expired } else { Validity::Valid }
}

fn unix(time: SystemTime) -> i64 {
    let seconds = |length: std::time::Duration| i64::try_from(length.as_secs()).unwrap_or(i64::MAX);
    time.duration_since(UNIX_EPOCH).map_or_else(|before| -seconds(before.duration()), seconds)
}

/// OpenSSL's words, the commonest in ours.
fn sentence(result: X509VerifyResult) -> String {
    match result.as_raw() {
        X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT => {
            "the signer's certificate is self-signed and not among the roots".into()
        }
        X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN => "the path ends at a root that is not among those given".into(),
        X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT | X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY => {
            "an issuer on the path to a root is missing".into()
        }
        X509_V_OK => "no path could be built".into(),
        _ => format!("no path to a root: {}", result.error_string()),
    }
}

fn failed(cause: ErrorStack) -> Error {
    Error::Crypto { doing: "looking for a path to a root", source: cause.into() }
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may fail by panic")]

    use super::*;
    use crate::verify::forge::{Party, Wish, day};

    fn certificate(party: &Party) -> Certificate {
        Certificate::from_x509(party.certificate.clone()).unwrap()
    }

    fn store(roots: &[&Party]) -> TrustStore {
        TrustStore::of(roots.iter().map(|root| certificate(root)).collect()).unwrap()
    }

    fn judge(store: &TrustStore, leaf: &Party, others: &[&Party], at: u64, purpose: Purpose) -> Trust {
        let others: Vec<Certificate> = others.iter().map(|other| certificate(other)).collect();
        store.judge(&certificate(leaf), &others, day(at), purpose).unwrap()
    }

    fn root_and_leaf() -> (Party, Party) {
        let root = Wish::ca("root").issued_by(None);
        let leaf = Wish { days: (10_500, 12_000), ..Wish::named("leaf") }.issued_by(Some(&root));
        (root, leaf)
    }

    #[test]
    fn tells_time_from_trust() {
        let (root, leaf) = root_and_leaf();
        let verdict = |at| judge(&store(&[&root]), &leaf, &[], at, Purpose::Any).verdict;
        assert_eq!(verdict(11_000), Verdict::GoodSignature);
        assert_eq!(verdict(12_000), Verdict::GoodSignature, "the last moment belongs to the validity");
        assert_eq!(verdict(12_001), Verdict::SigningCertExpired);
        assert_eq!(verdict(10_499), Verdict::SigningCertNotYetValid);
    }

    #[test]
    fn keeps_the_expiry_of_an_untrusted_certificate() {
        let (_, leaf) = root_and_leaf();
        let trust = judge(&TrustStore::empty().unwrap(), &leaf, &[], 13_000, Purpose::Any);
        assert_eq!((trust.verdict, trust.validity), (Verdict::SigningCertNotTrusted, Validity::Expired));
        assert_eq!(trust.validity_aside().as_deref(), Some("the signer's certificate has expired"));
    }

    #[test]
    fn says_which_certificate_of_the_path_has_expired() {
        let root = Wish::ca("root").issued_by(None);
        let issuer = Wish { days: (10_000, 11_000), ..Wish::ca("issuer") }.issued_by(Some(&root));
        let leaf = Wish::named("leaf").issued_by(Some(&issuer));
        let trust = judge(&store(&[&root]), &leaf, &[&issuer], 12_000, Purpose::Any);
        assert_eq!(trust.verdict, Verdict::SigningCertExpired);
        assert_eq!(trust.reason.as_deref(), Some("certificate 1 above it has expired"));
        assert_eq!(trust.path.len(), 3);
    }

    #[test]
    fn finds_the_valid_one_of_two_cross_signed_paths() {
        let (old, new) = (Wish::ca("old root").issued_by(None), Wish::ca("new root").issued_by(None));
        let key = crate::verify::forge::p256();
        let by_old = Wish { key: key.clone(), days: (10_000, 11_000), ..Wish::ca("issuer") }.issued_by(Some(&old));
        let by_new = Wish { key, serial: 2, ..Wish::ca("issuer") }.issued_by(Some(&new));
        let leaf = Wish::named("leaf").issued_by(Some(&by_new));
        for others in [[&by_old, &by_new], [&by_new, &by_old]] {
            let trust = judge(&store(&[&old, &new]), &leaf, &others, 12_000, Purpose::Any);
            assert!(trust.is_trusted(), "{:?}", trust.reason);
        }
    }

    #[test]
    fn a_path_of_certificates_that_issue_each_other_ends() {
        let (one_key, other_key) = (crate::verify::forge::p256(), crate::verify::forge::p256());
        let seed = Wish { key: other_key.clone(), ..Wish::ca("other") }.issued_by(None);
        let one = Wish { key: one_key, ..Wish::ca("one") }.issued_by(Some(&seed));
        let other = Wish { key: other_key, ..Wish::ca("other") }.issued_by(Some(&one));
        let leaf = Wish::named("leaf").issued_by(Some(&one));
        let root = Wish::ca("root").issued_by(None);
        let trust = judge(&store(&[&root]), &leaf, &[&one, &other], 11_000, Purpose::Any);
        assert_eq!(trust.verdict, Verdict::SigningCertNotTrusted);
    }

    #[test]
    fn passes_over_a_critical_extension_and_says_so() {
        let root = Wish::ca("root").issued_by(None);
        let leaf = Wish { critical: true, ..Wish::named("leaf") }.issued_by(Some(&root));
        let trust = judge(&store(&[&root]), &leaf, &[], 11_000, Purpose::Any);
        assert!(trust.is_trusted() && trust.unknown_critical_extension);
    }

    #[test]
    fn asks_for_a_purpose_only_when_told() {
        let root = Wish::ca("root").issued_by(None);
        let leaf = Wish { for_code: true, ..Wish::named("leaf") }.issued_by(Some(&root));
        let trusted = |purpose| judge(&store(&[&root]), &leaf, &[], 11_000, purpose).is_trusted();
        assert!(trusted(Purpose::Any) && trusted(Purpose::CodeSigning));
        assert!(!trusted(Purpose::Smime) && !trusted(Purpose::TlsServer) && !trusted(Purpose::TlsClient));
    }

    #[test]
    fn a_given_certificate_that_is_not_a_root_is_an_anchor() {
        let (_, leaf) = root_and_leaf();
        assert!(judge(&store(&[&leaf]), &leaf, &[], 11_000, Purpose::Any).is_trusted());
    }

    #[test]
    fn does_not_trust_what_a_leaf_issued() {
        let root = Wish::ca("root").issued_by(None);
        let middle = Wish::named("not a CA").issued_by(Some(&root));
        let leaf = Wish::named("leaf").issued_by(Some(&middle));
        let trust = judge(&store(&[&root]), &leaf, &[&middle], 11_000, Purpose::Any);
        assert_eq!(trust.verdict, Verdict::SigningCertNotTrusted);
    }

    #[test]
    fn means_now_where_no_signing_time_is_told() {
        assert_eq!(At::SigningTime.moment(day(1), Some(day(2))), day(2));
        assert_eq!(At::SigningTime.moment(day(1), None), day(1));
        assert_eq!(At::Time(day(3)).moment(day(1), Some(day(2))), day(3));
    }
}
