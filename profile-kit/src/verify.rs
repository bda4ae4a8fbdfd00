//! Whether a signature holds, and whom it comes from.
//!
//! Takes any CMS SignedData (RFC 5652 §5) in DER or BER, whatever its content is. Integrity (the content is what
//! the signer's key signed) and trust (a path leads from the signer's certificate to a root) are told apart.
//! [`TrustStore::verify`](crate::TrustStore::verify) is the door for profiles; it stands on this one.

mod algorithm;
mod armour;
mod cms;
mod digest;
#[cfg(test)]
pub(crate) mod forge;
mod observation;
mod pss;
mod refusal;
mod signer;
#[cfg(test)]
mod tests;
mod verifier;

use std::{fmt, time::SystemTime};

use const_oid::db::rfc6268;

use self::cms::SignedData;
pub(crate) use self::verifier::Memory;
pub use self::{
    observation::{Observation, Observed},
    signer::{IdentifiedBy, SignerReport},
    verifier::Verifier,
};
pub use crate::verdict::Verdict;
use crate::{At, Certificate, Error, Purpose, Result, TrustStore, ber, certificate::oid_text};

/// What is asked about trust.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifyOptions {
    /// The clock's time.
    pub now: SystemTime,
    /// The time at which certificates must be valid.
    pub at: At,
    /// What the signer's certificate must be for.
    pub purpose: Purpose,
}

impl VerifyOptions {
    /// At now, for any purpose.
    pub fn new(now: SystemTime) -> Self {
        Self { now, at: At::Now, purpose: Purpose::Any }
    }
}

/// What was found out about a signed file.
#[derive(Clone)]
#[non_exhaustive]
pub struct Verification {
    /// The signed content byte for byte; `None` where the signature is detached.
    pub content: Option<Vec<u8>>,
    /// The certificates in the file in its order, each once.
    pub certificates: Vec<Certificate>,
    /// The signers in the file's order; a device takes exactly one.
    pub signers: Vec<SignerReport>,
    /// What is worth saying beside the verdict.
    pub observations: Vec<Observation>,
}

impl Verification {
    /// The worst of the signers' verdicts: a broken signature before a lack of trust.
    pub fn verdict(&self) -> Verdict {
        let integrity = self.integrity();
        if !integrity.is_good() {
            return integrity;
        }
        let verdicts = || self.signers.iter().map(SignerReport::verdict);
        let by_weight = [Verdict::SigningCertNotTrusted, Verdict::SigningCertExpired, Verdict::SigningCertNotYetValid];
        by_weight.into_iter().find(|bad| verdicts().any(|verdict| verdict == *bad)).unwrap_or(Verdict::GoodSignature)
    }

    /// Whether every signature holds, trust aside: [`Verdict::GoodSignature`], or the first that does not.
    pub fn integrity(&self) -> Verdict {
        if self.signers.is_empty() {
            return Verdict::NotSigned;
        }
        let broken = self.signers.iter().map(|signer| signer.integrity).find(|verdict| !verdict.is_good());
        broken.unwrap_or(Verdict::GoodSignature)
    }

    /// The signer whose verdict is the whole's; `None` where there is none.
    pub fn decisive_signer(&self) -> Option<&SignerReport> {
        let verdict = self.verdict();
        self.signers.iter().find(|signer| signer.verdict() == verdict)
    }

    /// Whether something was seen.
    pub fn observed(&self, code: Observed) -> bool {
        self.observations.iter().any(|observation| observation.code == code)
    }

    /// Why the verdict is not good, in one sentence.
    pub fn problem(&self) -> Option<String> {
        if self.signers.is_empty() {
            return Some("the file holds no signature".into());
        }
        let signer = self.decisive_signer().filter(|signer| !signer.verdict().is_good())?;
        signer.problem.clone().or_else(|| signer.trust.as_ref().and_then(|trust| trust.reason.clone()))
    }
}

/// The content, in which passwords may be, shows as its length.
impl fmt::Debug for Verification {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { content, certificates, signers, observations } = self;
        f.debug_struct("Verification")
            .field("content_length", &content.as_ref().map(Vec::len))
            .field("certificates", certificates)
            .field("signers", signers)
            .field("observations", observations)
            .finish()
    }
}

/// Verifies a CMS SignedData with whatever content; trust is asked where a store is given.
///
/// A signature that does not hold is a [`Verdict`], not an error. Revocation is not asked.
///
/// # Errors
/// [`Error::NotSigned`] where the bytes are something else that is known, [`Error::Malformed`] where they are broken.
pub fn verify_bytes(bytes: &[u8], store: Option<&TrustStore>, options: &VerifyOptions) -> Result<Verification> {
    Verifier::new(store, options.clone()).verify(bytes)
}

/// The content of a CMS SignedData byte for byte. **Nothing is verified.**
///
/// # Errors
/// [`Error::NotSigned`], also for a detached signature; [`Error::Malformed`].
pub fn content(bytes: &[u8]) -> Result<Vec<u8>> {
    match read(bytes)?.content {
        Some(content) => Ok(content.into_owned()),
        None => Err(Error::NotSigned { found: DETACHED }),
    }
}

/// That bytes are a SignedData with content and a signer; the signature is not looked at.
pub(crate) fn require_signed(bytes: &[u8]) -> Result<()> {
    let data = read(bytes)?;
    match (data.signers.is_empty(), data.content) {
        (true, _) => Err(Error::NotSigned { found: "it is CMS without a signer" }),
        (false, None) => Err(Error::NotSigned { found: DETACHED }),
        (false, Some(_)) => Ok(()),
    }
}

fn read(bytes: &[u8]) -> Result<SignedData<'_>> {
    armour::refuse(bytes)?;
    SignedData::read(bytes)
}

fn observe(data: &SignedData<'_>) -> Vec<Observation> {
    let mut observations = Vec::new();
    let mut say = |code, message: String| observations.push(Observation::new(code, message));
    if let Some(offset) = data.ber {
        say(Observed::BerEncoding, format!("BER, not DER, from byte {offset} on"));
    }
    let (offset, trailing) = data.trailing;
    if !trailing.is_empty() {
        let padding = if trailing.iter().all(|byte| b"\0\r\n".contains(byte)) { " (padding)" } else { "" };
        let count = if trailing.len() == 1 { "1 byte" } else { &format!("{} bytes", trailing.len()) };
        let verb = if trailing.len() == 1 { "follows" } else { "follow" };
        let message = format!("{count}{padding} {verb} the signature's end at byte {offset}");
        say(Observed::TrailingBytes, message);
    }
    if data.signers.len() > 1 {
        say(Observed::SeveralSigners, format!("{} signers, a device takes one", data.signers.len()));
    }
    if let Some(signer) = data.signers.iter().find(|signer| !data.digests.contains(&Some(signer.digest.oid))) {
        let digest = oid_text(signer.digest.oid);
        say(Observed::UnlistedDigest, format!("the signer's digest, {digest}, is not among those that the file lists"));
    }
    if data.digests.contains(&None) {
        say(Observed::UnreadableDigest, "something among the digests that the file lists is no algorithm".into());
    }
    if data.has_unreadable_revocation() {
        say(Observed::UnreadableRevocation, "a revocation list in the file cannot be read".into());
    }
    if data.content_type != rfc6268::ID_DATA.as_bytes() {
        let kind = oid_text(data.content_type);
        say(Observed::UncommonContentType, format!("the content's type is {kind}, not data"));
    }
    if data.content.as_deref().is_some_and(is_signed) {
        say(Observed::NestedSignature, "the content is itself a signed file".into());
    }
    observations
}

fn is_signed(content: &[u8]) -> bool {
    content.first() == Some(&ber::SEQUENCE) && SignedData::read(content).is_ok()
}

pub(crate) const DETACHED: &str = "it is a detached signature without its content";
