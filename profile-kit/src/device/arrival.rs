//! A profile on its way to a device.

use std::{sync::Arc, time::UNIX_EPOCH};

use crate::{
    Certificate, Error, Profile, Result, Verdict, VerifiedProfile, document, signed,
    verify::{self, Observed, Verification, VerifyOptions},
};

/// A profile as it reaches a device: what it says, and what became of its signature. Shared, since devices are values
/// that are copied at every step.
#[derive(Clone, Debug, PartialEq)]
pub struct Arrival {
    /// What it says. Where the signature is broken, nobody vouches for it.
    pub profile: Arc<Profile>,
    /// What became of its signature; trust is the badge's matter (section 5 of the facts).
    pub signature: Signature,
}

/// What became of a profile's signature.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Signature {
    /// There is none.
    Unsigned,
    /// It holds.
    Signed {
        /// The signer's certificate, then those that lead from it towards a root, as far as they are in the file.
        certificates: Vec<Certificate>,
        /// Whether it is of a kind that devices are known to take: one signer, RSA PKCS#1 v1.5 or ECDSA with SHA-2 or SHA-1,
        /// the content's type data, all of the file in good form.
        plain: bool,
    },
    /// It does not hold: a device refuses the profile.
    Broken(Verdict),
}

impl Arrival {
    /// A profile by its parts.
    pub fn new(profile: impl Into<Arc<Profile>>, signature: Signature) -> Self {
        Self { profile: profile.into(), signature }
    }

    /// A profile without a signature.
    pub fn unsigned(profile: Profile) -> Self {
        Self::new(profile, Signature::Unsigned)
    }

    /// A profile with a signature that holds, by its parts: the signer's certificate, and those above it.
    pub fn signed(profile: Profile, certificates: Vec<Certificate>) -> Self {
        Self::new(profile, Signature::Signed { certificates, plain: true })
    }

    /// Reads a file's bytes, signed or not; a signature that does not hold is told, not an error.
    ///
    /// # Errors
    /// As [`Inspection::of`](crate::Inspection::of).
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        if !document::looks_signed(bytes) {
            return Profile::from_bytes(bytes).map(Self::unsigned);
        }
        // Trust is not asked, so that the moment does not matter.
        let found = verify::verify_bytes(bytes, None, &VerifyOptions::new(UNIX_EPOCH))?;
        let content = found.content.as_deref().ok_or(Error::NotSigned { found: verify::DETACHED })?;
        let profile = Profile::from_bytes(content).map_err(signed::within_signature)?;
        Ok(Self::new(profile, Signature::of(&found)))
    }

    /// The signer's certificate first, then those above it; none where it is unsigned or broken.
    pub fn certificates(&self) -> &[Certificate] {
        match &self.signature {
            Signature::Signed { certificates, .. } => certificates,
            Signature::Unsigned | Signature::Broken(_) => &[],
        }
    }
}

impl From<&VerifiedProfile> for Arrival {
    fn from(verified: &VerifiedProfile) -> Self {
        Self::new(verified.profile().clone(), Signature::of(verified.verification()))
    }
}

impl Signature {
    fn of(found: &Verification) -> Self {
        let verdict = found.integrity();
        let leaves: Vec<_> = found.signers.iter().filter_map(|signer| signer.certificate.as_ref()).collect();
        match leaves.first() {
            _ if !verdict.is_good() => Signature::Broken(verdict),
            None => Signature::Broken(Verdict::SigningCertNotFound),
            Some(first) if leaves.iter().any(|leaf| leaf != first) => Signature::Broken(Verdict::AmbiguousSigningCert),
            Some(_) => Signature::Signed {
                certificates: found.signers[0].chain.clone(),
                plain: !STRANGE.iter().any(|code| found.observed(*code)),
            },
        }
    }
}

/// What a device is not known to take (section 5 of the facts), and other readers do not.
const STRANGE: &[Observed] = &[
    Observed::SeveralSigners,
    Observed::UncommonAlgorithm,
    Observed::UnlistedDigest,
    Observed::UnreadableDigest,
    Observed::UnreadableCertificate,
    Observed::UnreadableRevocation,
    Observed::UnorderedSignedAttributes,
    Observed::NotSignedAsDer,
    Observed::PaddedSerialNumber,
    Observed::UncommonContentType,
    Observed::NestedSignature,
    Observed::TrailingBytes,
];
