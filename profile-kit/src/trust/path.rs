//! The search for a path by OpenSSL.

use std::time::{SystemTime, UNIX_EPOCH};

use const_oid::db::rfc5280::ID_KP_CODE_SIGNING;
use openssl::{
    error::ErrorStack,
    stack::Stack,
    x509::{
        X509, X509KeyUsage, X509PurposeId, X509Ref, X509StoreContext, X509VerifyResult,
        store::{X509Store, X509StoreBuilder},
        verify::{X509VerifyFlags, X509VerifyParam},
    },
};
use openssl_sys::{
    X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT, X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN, X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT,
    X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY, X509_V_ERR_UNHANDLED_CRITICAL_EXTENSION, X509_V_OK,
};

use super::{Purpose, Trust, TrustStore, place, validity};
use crate::{Certificate, Error, Result, certificate::Tbs, error::openssl};

/// A path, or why there is none.
pub(crate) type Search = Result<Found, String>;

/// A path to a root, whatever the time.
#[derive(Clone, Debug)]
pub(crate) struct Found {
    path: Vec<Certificate>,
    /// What had to be passed over.
    flags: X509VerifyFlags,
}

impl TrustStore {
    /// A path from a certificate to a root, whatever the time.
    pub(crate) fn search(&self, leaf: &Certificate, others: &[Certificate], purpose: Purpose) -> Result<Search> {
        let (flags, built) = match self.build(leaf, others, purpose, None, X509VerifyFlags::empty())? {
            Err(result) if result.as_raw() == X509_V_ERR_UNHANDLED_CRITICAL_EXTENSION => {
                let flags = X509VerifyFlags::IGNORE_CRITICAL;
                (flags, self.build(leaf, others, purpose, None, flags)?)
            }
            built => (X509VerifyFlags::empty(), built),
        };
        let found = built.map_err(sentence).map(|path| Found { path, flags });
        Ok(found.and_then(|found| match objection(&found, purpose) {
            Some(objection) => Err(objection),
            None => Ok(found),
        }))
    }

    /// Whether the path that was found is valid at a time, or another one is.
    pub(crate) fn judge(
        &self,
        search: &Search,
        leaf: &Certificate,
        others: &[Certificate],
        at: SystemTime,
        purpose: Purpose,
    ) -> Result<Trust> {
        let flags = search.as_ref().map_or(X509VerifyFlags::empty(), |found| found.flags);
        let trust = match search {
            Ok(found) => Trust::of(found.path.clone(), at, !flags.is_empty()),
            Err(reason) => Trust::without_path(validity(leaf, at), at, reason),
        };
        if trust.is_trusted() {
            return Ok(trust);
        }
        // With a time OpenSSL passes over issuers of the same name whose time is over.
        let timely = self.build(leaf, others, purpose, Some(at), flags)?;
        let timely = timely.ok().map(|path| Found { path, flags });
        let timely = timely.filter(|found| objection(found, purpose).is_none());
        Ok(timely.map_or(trust, |found| Trust::of(found.path, at, !flags.is_empty())))
    }

    /// OpenSSL's path, or its reason why there is none.
    fn build(
        &self,
        leaf: &Certificate,
        others: &[Certificate],
        purpose: Purpose,
        at: Option<SystemTime>,
        flags: X509VerifyFlags,
    ) -> Result<Result<Vec<Certificate>, X509VerifyResult>> {
        let built;
        let store = if at.is_none() && flags.is_empty() && purpose.id() == Purpose::Any.id() {
            &*self.timeless
        } else {
            built = store(&self.roots, purpose, at, flags).map_err(failed)?;
            &built
        };
        let others = stack(others).map_err(failed)?;
        let mut context = X509StoreContext::new().map_err(failed)?;
        let outcome = context.init(store, leaf.x509(), &others, |context| {
            // An error of OpenSSL's here comes from a certificate that it cannot work with, which no path can have.
            if !context.verify_cert().unwrap_or(false) {
                return Ok(Err(context.error()));
            }
            let path = context.chain().into_iter().flatten().map(X509Ref::to_owned);
            Ok(Ok(path.collect::<Vec<_>>()))
        });
        Ok(match outcome.map_err(failed)? {
            Ok(path) => Ok(path.into_iter().map(Certificate::from_x509).collect::<Result<_>>()?),
            Err(result) => Err(result),
        })
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

/// What is to be said against a path that OpenSSL takes.
fn objection(found: &Found, purpose: Purpose) -> Option<String> {
    let depths = || found.path.iter().enumerate();
    let unknown = || depths().find_map(|(depth, member)| unknown_critical(depth, member));
    let weak = || depths().skip(1).find_map(|(depth, issuer)| weak_key(depth, issuer));
    let below_root = found.path.len().saturating_sub(1).max(1);
    let not_for_code = || depths().take(below_root).find_map(|(depth, member)| not_for_code(depth, member));
    let unknown = if found.flags.is_empty() { None } else { unknown() };
    unknown.or_else(weak).or_else(|| if purpose == Purpose::CodeSigning { not_for_code() } else { None })
}

fn unknown_critical(depth: usize, member: &Certificate) -> Option<String> {
    let Some(tbs) = Tbs::read(member.der()) else { return Some(format!("{} cannot be read", place(depth))) };
    let unknown = tbs.unknown_critical()?;
    Some(format!("{} has the critical extension {unknown}, which is not known here", place(depth)))
}

fn weak_key(depth: usize, issuer: &Certificate) -> Option<String> {
    issuer.rsa_problem().map(|problem| format!("{}: {problem}", place(depth)))
}

fn not_for_code(depth: usize, member: &Certificate) -> Option<String> {
    if depth == 0 && !member.may(X509KeyUsage::DIGITAL_SIGNATURE) {
        return Some(format!("{} has a key usage without digitalSignature", place(depth)));
    }
    let for_code = Tbs::read(member.der()).is_some_and(|tbs| tbs.is_for(ID_KP_CODE_SIGNING));
    (!for_code).then(|| format!("{} is not for signing code", place(depth)))
}

/// A store that asks for a purpose and, where one is given, a time.
pub(super) fn store(
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

pub(super) fn failed(cause: ErrorStack) -> Error {
    Error::Crypto { doing: "looking for a path to a root", source: openssl(cause) }
}
