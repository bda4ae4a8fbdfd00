//! What a signing thread keeps: contexts made ready, and a verifier that knows the last certificates.

use std::time::UNIX_EPOCH;

use profile_kit::{
    Certificate, Content, Identity, Profile, SignOptions, Signable, Signer,
    check::Finding,
    verify::{Verification, Verifier, VerifyOptions},
};

use super::{Job, Refused, Signed};
use crate::{
    Digest,
    issuance::{ProfileFacts, key_digest},
};

pub(super) struct Bench {
    /// The newest last.
    kept: Vec<Kept>,
    verifier: Verifier<'static>,
}

/// A signer is found again by its leaf, as only one key belongs to that, and by its terms without the time.
struct Kept {
    leaf: Certificate,
    /// SHA-256 of the leaf, and of its public key.
    digests: (Digest, Digest),
    terms: SignOptions,
    signer: Signer,
}

impl Default for Bench {
    fn default() -> Self {
        Self { kept: Vec::new(), verifier: Verifier::new(None, VerifyOptions::new(UNIX_EPOCH)) }
    }
}

impl Bench {
    pub(super) fn sign(&mut self, job: &Job) -> Result<Signed, Refused> {
        let once = Once { what: &*job.what, content: job.what.content()? };
        let asked = job.what.required_leaf().and_then(|leaf| job.identity.with_leaf(leaf));
        let identity = asked.as_ref().unwrap_or(&job.identity);
        let kept = self.kept(identity, job)?;
        let (signed, (leaf, leaf_key)) = (kept.signer.sign(&once)?.into_bytes(), kept.digests);
        let verification = self.verifier.verify(&signed)?;
        if let Some(problem) = flaw(&verification, identity.certificate(), &once.content) {
            return Err(Refused::Unverified { problem });
        }
        let facts = ProfileFacts::by_parts(job.what.profile(), Digest::of(&once.content), leaf, leaf_key);
        Ok(Signed { bytes: signed, facts })
    }

    fn kept(&mut self, identity: &Identity, job: &Job) -> Result<&mut Kept, Refused> {
        let terms = SignOptions { signing_time: UNIX_EPOCH, ..job.options.clone() };
        let leaf = identity.certificate();
        let at = match self.kept.iter().position(|kept| kept.leaf == *leaf && kept.terms == terms) {
            Some(at) => at,
            None => self.keep(identity, terms)?,
        };
        let kept = &mut self.kept[at];
        kept.signer.set_signing_time(job.options.signing_time);
        Ok(kept)
    }

    fn keep(&mut self, identity: &Identity, terms: SignOptions) -> Result<usize, Refused> {
        let signer = Signer::new(identity, terms.clone())?;
        let leaf = identity.certificate().clone();
        let digests = (Digest::of(leaf.der()), key_digest(&leaf));
        if self.kept.len() == MOST {
            self.kept.remove(0);
        }
        self.kept.push(Kept { leaf, digests, terms, signer });
        Ok(self.kept.len() - 1)
    }
}

/// Why what was signed must not leave.
fn flaw(verification: &Verification, leaf: &Certificate, content: &[u8]) -> Option<String> {
    if !verification.integrity().is_good() {
        return Some(verification.problem().unwrap_or_default());
    }
    let [signer] = &verification.signers[..] else {
        return Some(format!("{} signers instead of one", verification.signers.len()));
    };
    if signer.certificate.as_ref() != Some(leaf) {
        return Some("it answers to another leaf".into());
    }
    (verification.content.as_deref() != Some(content)).then(|| "it holds another content".into())
}

/// Its content is written once, for the signature and for the comparison.
struct Once<'a> {
    what: &'a dyn Signable,
    content: Content<'a>,
}

impl Signable for Once<'_> {
    fn profile(&self) -> &Profile {
        self.what.profile()
    }

    fn content(&self) -> profile_kit::Result<Content<'_>> {
        Ok(self.content.borrowed())
    }

    fn required_leaf(&self) -> Option<&Certificate> {
        self.what.required_leaf()
    }

    fn refusals(&self) -> Vec<Finding> {
        self.what.refusals()
    }
}

/// How many contexts a thread keeps.
const MOST: usize = 32;

#[cfg(test)]
mod tests {
    use super::{
        super::tests::{identity, profile},
        *,
    };

    #[test]
    fn a_signature_over_other_bytes_by_another_leaf_or_broken_does_not_leave() {
        let identity = identity();
        let mut signed = identity.sign(&profile()).unwrap().into_bytes();
        let content = profile_kit::verify::content(&signed).unwrap();
        let flaws = |signed: &[u8], leaf: &Certificate, content: &[u8]| {
            let verification = Verifier::new(None, VerifyOptions::new(UNIX_EPOCH)).verify(signed).unwrap();
            flaw(&verification, leaf, content).is_some()
        };
        assert!(!flaws(&signed, identity.certificate(), &content));
        assert!(flaws(&signed, super::super::tests::identity().certificate(), &content));
        assert!(flaws(&signed, identity.certificate(), b"other"));
        let at = signed.windows(content.len()).position(|window| window == content).unwrap();
        signed[at + content.len() - 2] ^= 1;
        assert!(flaws(&signed, identity.certificate(), &content));
    }
}
