//! Bytes that carry a signature, and what verifying makes of them.

use std::{fmt, time::SystemTime};

use crate::{
    Certificate, Error, Place, Profile, Result, Trust, TrustStore, Verdict, document,
    verify::{self, Verification, Verifier, VerifyOptions},
};

/// A CMS SignedData (RFC 5652 §5) that holds a profile: bytes, nothing about them is known to be true.
#[derive(Clone, PartialEq, Eq)]
#[must_use]
pub struct SignedProfile {
    bytes: Vec<u8>,
}

/// The most bytes that a signed profile may have, 32 MiB: as its property list alone. Real ones are below 1 MiB.
pub(crate) const LARGEST: usize = document::LARGEST;

impl SignedProfile {
    /// Takes CMS SignedData in DER or BER that has its content and a signer in it. The signature is not looked at.
    ///
    /// # Errors
    /// [`Error::NotSigned`] where the bytes are something else, or the content or a signer is missing;
    /// [`Error::Malformed`] where they are broken.
    pub fn from_bytes(bytes: Vec<u8>) -> Result<Self> {
        verify::require_signed(&bytes)?;
        Ok(Self { bytes })
    }

    pub(crate) fn from_signer(bytes: Vec<u8>) -> Self {
        Self { bytes }
    }

    /// The signed file, ready for a device.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The signed file, taken out.
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    /// Verifies that the content is what the signer's key signed; trust is not asked.
    ///
    /// # Errors
    /// As [`TrustStore::verify`](crate::TrustStore::verify).
    pub fn verify_integrity(&self) -> Result<VerifiedProfile> {
        let unasked = VerifyOptions::new(std::time::UNIX_EPOCH);
        VerifiedProfile::of(self.clone(), verify::verify_bytes(&self.bytes, None, &unasked)?)
    }
}

impl AsRef<[u8]> for SignedProfile {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl fmt::Debug for SignedProfile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SignedProfile").field("length", &self.bytes.len()).finish_non_exhaustive()
    }
}

impl TrustStore {
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
}

impl Verifier<'_> {
    /// Verifies a signed profile.
    ///
    /// # Errors
    /// As [`TrustStore::verify`].
    pub fn verify_profile(&mut self, signed: &SignedProfile) -> Result<VerifiedProfile> {
        VerifiedProfile::of(signed.clone(), self.verify(signed.as_bytes())?)
    }
}

/// A profile whose signature holds. Whether its signer is trusted is in its [`verdict`](VerifiedProfile::verdict).
///
/// Only verifying makes one: [`TrustStore::verify`](crate::TrustStore::verify) and
/// [`SignedProfile::verify_integrity`].
#[derive(Clone)]
#[must_use = "a signer who is not trusted is no error but a verdict"]
pub struct VerifiedProfile {
    signed: SignedProfile,
    verification: Verification,
    profile: Profile,
    leaf: Certificate,
}

impl VerifiedProfile {
    pub(crate) fn of(signed: SignedProfile, verification: Verification) -> Result<Self> {
        let verdict = verification.integrity();
        if !verdict.is_good() {
            let problem = verification.problem().unwrap_or_default();
            return Err(Error::Integrity { verdict, problem });
        }
        let leaf = one_leaf(&verification)?;
        let content = verification.content.as_deref().unwrap_or_default();
        let profile = Profile::from_bytes(content).map_err(within_signature)?;
        Ok(Self { signed, verification, profile, leaf })
    }

    /// The whole verdict: [`Verdict::GoodSignature`], or what stands against trust.
    pub fn verdict(&self) -> Verdict {
        self.verification.verdict()
    }

    /// The same where its signer is trusted, as a store was asked about.
    ///
    /// # Errors
    /// [`Error::NotTrusted`] where the signer is not, or where nobody asked.
    ///
    /// ```
    /// # use profile_kit::{Error, Profile, TrustStore};
    /// # use profile_kit::pki::{Authority, KeySpec, Leaf, Validity};
    /// # let validity = Validity::days(std::time::SystemTime::now() - std::time::Duration::from_secs(60), 30);
    /// # let [root, other] = [(); 2].map(|()| Authority::new("Root", KeySpec::P256, validity).unwrap());
    /// # let identity = root.issue(&Leaf::new("Signer", KeySpec::P256, validity))?.identity()?;
    /// # let [roots, others] = [root, other].map(|root| TrustStore::from_pem(&root.certificate_pem().unwrap()).unwrap());
    /// # let mut profile = Profile::new("jp.example.ivi-mdm", "IVI MDM");
    /// # profile.push(profile_kit::payload::Restrictions::default());
    /// let signed = identity.sign(&profile)?;
    /// let installed = roots.verify(&signed)?.trusted()?;
    /// assert!(matches!(others.verify(&signed)?.trusted(), Err(Error::NotTrusted { .. })));
    /// # assert!(matches!(signed.verify_integrity()?.trusted(), Err(Error::NotTrusted { .. })));
    /// # Ok::<(), Error>(())
    /// ```
    pub fn trusted(self) -> Result<Self> {
        match (self.trust(), self.verdict()) {
            (Some(_), verdict) if verdict.is_good() => Ok(self),
            (Some(_), verdict) => {
                Err(Error::NotTrusted { verdict, problem: self.verification.problem().unwrap_or_default() })
            }
            (None, _) => Err(Error::NotTrusted {
                verdict: Verdict::SigningCertNotTrusted,
                problem: "no roots were asked about the signer".into(),
            }),
        }
    }

    /// Whether the signer is trusted; `None` where nobody asked.
    pub fn trust(&self) -> Option<&Trust> {
        self.verification.decisive_signer()?.trust.as_ref()
    }

    /// Everything that was found out.
    pub fn verification(&self) -> &Verification {
        &self.verification
    }

    /// The signed content byte for byte.
    pub fn content(&self) -> &[u8] {
        self.verification.content.as_deref().unwrap_or_default()
    }

    /// What the content says.
    pub fn profile(&self) -> &Profile {
        &self.profile
    }

    /// The signer's certificate, which a device compares when a profile is replaced (fact R4).
    pub fn leaf(&self) -> &Certificate {
        &self.leaf
    }

    /// The signed file.
    pub fn signed(&self) -> &SignedProfile {
        &self.signed
    }
}

/// The content, in which passwords may be, does not show.
impl fmt::Debug for VerifiedProfile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerifiedProfile")
            .field("identifier", &self.profile.identifier())
            .field("leaf", &self.leaf)
            .field("verdict", &self.verdict())
            .finish_non_exhaustive()
    }
}

/// What is an unsigned file's virtue is a fault within a signature.
pub(crate) fn within_signature(error: Error) -> Error {
    match error {
        Error::AlreadySigned => Error::NotAProfile {
            place: Place::whole(),
            problem: "the signed content is itself a signed file: a device takes one signature".into(),
            device: None,
        },
        other => other,
    }
}

/// The certificate of all signers.
fn one_leaf(verification: &Verification) -> Result<Certificate> {
    let mut leaves = verification.signers.iter().filter_map(|signer| signer.certificate.as_ref());
    let first = leaves.next().ok_or_else(|| Error::Integrity {
        verdict: Verdict::SigningCertNotFound,
        problem: "no signer's certificate is in the file".into(),
    })?;
    if leaves.any(|other| other != first) {
        let problem = "signers with different certificates: a device takes exactly one signer".into();
        return Err(Error::Integrity { verdict: Verdict::AmbiguousSigningCert, problem });
    }
    Ok(first.clone())
}
