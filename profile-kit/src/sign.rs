//! Signing a profile: CMS SignedData (RFC 5652 §5) around the very bytes of its property list.

mod cms;
mod digest;
mod encoded;

use std::{borrow::Cow, fmt, time::SystemTime};

use openssl::{error::ErrorStack, pkey::Private, pkey_ctx::PkeyCtx, rsa::Padding};

pub use digest::Digest;
pub use encoded::EncodedProfile;

use crate::{
    Certificate, Error, Identity, KeyKind, Place, Profile, Result, SignedProfile, UuidSource,
    check::{self, Code, Finding},
    error::openssl,
    identity::{IdentityWarning, dates, shown},
};

/// How a profile is signed, and what is allowed that is refused otherwise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignOptions {
    /// The digest of content and signature.
    pub digest: Digest,
    /// What the signature says about its time, in whole seconds, years 1970 to 9999; the leaf has to be valid then.
    pub signing_time: SystemTime,
    /// Findings that do not stand in the way although they are errors.
    pub allow: Vec<Code>,
    /// Signs with another leaf than the one that is asked for (fact R4: devices refuse such an overwrite).
    pub allow_other_signer: bool,
    /// Signs with a leaf whose last moment has passed.
    pub allow_expired: bool,
}

impl SignOptions {
    /// SHA-256, and nothing allowed.
    pub fn new(signing_time: SystemTime) -> Self {
        Self {
            digest: Digest::default(),
            signing_time,
            allow: Vec::new(),
            allow_other_signer: false,
            allow_expired: false,
        }
    }
}

/// What can be signed, and on what terms.
pub trait Signable {
    /// The profile itself.
    fn profile(&self) -> &Profile;

    /// The very bytes that the signature holds.
    ///
    /// # Errors
    /// [`Error::Unwritable`] where the profile cannot be written.
    fn content(&self) -> Result<Cow<'_, [u8]>>;

    /// The only leaf that may sign it, if there is such a one (fact R4). That one may sign it past its end as well:
    /// expiry costs only the badge (R5).
    fn required_leaf(&self) -> Option<&Certificate> {
        None
    }

    /// Why it must not be signed: by default every structural error that no target takes.
    fn refusals(&self) -> Vec<Finding> {
        check::refusals(self.profile())
    }
}

/// Written as XML; UUIDs that are missing are filled in from the content first, in the bytes that are signed.
impl Signable for Profile {
    fn profile(&self) -> &Profile {
        self
    }

    fn content(&self) -> Result<Cow<'_, [u8]>> {
        Ok(Cow::Owned(filled(self).to_xml()?))
    }

    fn refusals(&self) -> Vec<Finding> {
        check::refusals(&filled(self))
    }
}

/// The bytes are signed as they were read.
impl Signable for EncodedProfile {
    fn profile(&self) -> &Profile {
        self.profile()
    }

    fn content(&self) -> Result<Cow<'_, [u8]>> {
        Ok(Cow::Borrowed(self.bytes()))
    }
}

fn filled(profile: &Profile) -> Cow<'_, Profile> {
    if profile.get("PayloadUUID").is_some() && profile.payloads().iter().all(|it| it.get("PayloadUUID").is_some()) {
        return Cow::Borrowed(profile);
    }
    let mut filled = profile.clone();
    filled.fill_uuids(UuidSource::Content);
    Cow::Owned(filled)
}

impl Identity {
    /// Signs now, with SHA-256, what every device can take.
    ///
    /// # Errors
    /// As [`sign_with`](Identity::sign_with), which takes the time as an argument.
    pub fn sign(&self, what: &(impl Signable + ?Sized)) -> Result<SignedProfile> {
        self.sign_with(what, &SignOptions::new(SystemTime::now()))
    }

    /// Signs: the same profile, identity and options give the same bytes, as far as
    /// [`deterministic_ecdsa`] says with an ECDSA key.
    ///
    /// # Errors
    /// [`Error::Refused`] for structural errors that are not allowed; [`Error::OtherSigner`] where a leaf is asked for
    /// that the identity does not have ([`with_leaf`](Identity::with_leaf)); [`Error::Identity`] where the leaf is not
    /// valid at the signing time or the identity is to decrypt only; [`Error::Unwritable`] for a content or a time that
    /// the format cannot hold.
    pub fn sign_with(&self, what: &(impl Signable + ?Sized), options: &SignOptions) -> Result<SignedProfile> {
        Signer::new(self, options.clone())?.sign(what)
    }
}

/// Signs any bytes: neither they nor the leaf's dates nor [`SignOptions`]' permissions are asked.
///
/// # Errors
/// [`Error::Identity`] where the identity is to decrypt only, [`Error::Unwritable`], [`Error::Crypto`].
pub fn sign_content(identity: &Identity, content: &[u8], options: &SignOptions) -> Result<Vec<u8>> {
    Signer::new(identity, options.clone())?.sign_content(content)
}

/// Whether ECDSA signatures are the same each time (RFC 6979): with OpenSSL 3.2 and later. Before, their nonces are
/// random, so that the same input gives other bytes each time.
pub fn deterministic_ecdsa() -> bool {
    cfg!(deterministic_ecdsa)
}

/// An identity ready to sign many profiles, one after the other: one signer a thread.
pub struct Signer {
    identity: Identity,
    options: SignOptions,
    context: PkeyCtx<Private>,
}

impl Signer {
    /// Makes the identity ready.
    ///
    /// # Errors
    /// [`Error::Identity`] where the identity is to decrypt only, [`Error::Crypto`].
    pub fn new(identity: &Identity, options: SignOptions) -> Result<Self> {
        if identity.is_decrypt_only() {
            return Err(unfit("the identity is to decrypt only, and signs nothing".into()));
        }
        let context = context(identity, options.digest).map_err(failed("preparing a signature"))?;
        Ok(Self { identity: identity.clone(), options, context })
    }

    /// Sets the signing time of what is signed from here on.
    pub fn set_signing_time(&mut self, signing_time: SystemTime) {
        self.options.signing_time = signing_time;
    }

    /// Signs a profile.
    ///
    /// # Errors
    /// As [`Identity::sign_with`].
    pub fn sign(&mut self, what: &(impl Signable + ?Sized)) -> Result<SignedProfile> {
        let own = what.required_leaf().and_then(|leaf| self.identity.with_leaf(leaf));
        let identity = own.unwrap_or_else(|| self.identity.clone());
        self.admit(what, identity.certificate())?;
        Ok(SignedProfile::from_signer(self.sign_as(&identity, &what.content()?)?))
    }

    /// Signs any bytes, as [`sign_content`] does.
    ///
    /// # Errors
    /// [`Error::Unwritable`], [`Error::Crypto`].
    pub fn sign_content(&mut self, content: &[u8]) -> Result<Vec<u8>> {
        self.sign_as(&self.identity.clone(), content)
    }

    /// The identity has the signer's key; its leaf may be another.
    fn sign_as(&mut self, identity: &Identity, content: &[u8]) -> Result<Vec<u8>> {
        let digest = self.options.digest;
        let time = cms::date_time(self.options.signing_time).map_err(unwritable("signing time"))?;
        let attributes = cms::Attributes::new(&digest.of(content), time).map_err(unwritable("signed attributes"))?;
        let mut signature = Vec::new();
        self.context
            .sign_to_vec(&digest.of(attributes.to_sign()), &mut signature)
            .map_err(failed("making a signature"))?;
        let parts = cms::Parts {
            content,
            digest,
            key: identity.key_kind(),
            attributes: &attributes,
            signature: &signature,
            issuer_and_serial: identity.issuer_and_serial(),
            certificate_set: identity.certificate_set(),
        };
        parts.to_der().map_err(unwritable("signed profile"))
    }

    fn admit(&self, what: &(impl Signable + ?Sized), leaf: &Certificate) -> Result<()> {
        let mut findings = what.refusals();
        findings.retain(|finding| !self.options.allow.contains(&finding.code));
        if !findings.is_empty() {
            return Err(Error::Refused { findings });
        }
        if let Some(installed) = what.required_leaf().filter(|installed| *installed != leaf)
            && !self.options.allow_other_signer
        {
            return Err(Error::OtherSigner { installed: installed.fingerprint(), offered: leaf.fingerprint() });
        }
        let may_be_expired = self.options.allow_expired || what.required_leaf() == Some(leaf);
        in_its_time(leaf, self.options.signing_time, may_be_expired)
    }
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signer")
            .field("identity", &self.identity)
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}

fn in_its_time(leaf: &Certificate, at: SystemTime, allow_expired: bool) -> Result<()> {
    match dates(leaf, at) {
        None => Ok(()),
        Some(IdentityWarning::Expired { .. }) if allow_expired => Ok(()),
        Some(reason) => Err(unfit(format!("certificate {reason}; the signing time is {}", shown(at)))),
    }
}

fn context(identity: &Identity, digest: Digest) -> Result<PkeyCtx<Private>, ErrorStack> {
    let mut context = PkeyCtx::new(identity.key())?;
    context.sign_init()?;
    context.set_signature_md(digest.md())?;
    match identity.key_kind() {
        KeyKind::Rsa(_) => context.set_rsa_padding(Padding::PKCS1)?,
        _ => choose_nonces(&mut context)?,
    }
    Ok(context)
}

#[cfg(deterministic_ecdsa)]
fn choose_nonces(context: &mut PkeyCtx<Private>) -> Result<(), ErrorStack> {
    context.set_nonce_type(openssl::pkey_ctx::NonceType::DETERMINISTIC_K)
}

/// The library knows random nonces only.
#[cfg(not(deterministic_ecdsa))]
fn choose_nonces(_: &mut PkeyCtx<Private>) -> Result<(), ErrorStack> {
    Ok(())
}

fn unfit(problem: String) -> Error {
    Error::Identity { problem, source: None }
}

fn failed(doing: &'static str) -> impl FnOnce(ErrorStack) -> Error {
    move |cause| Error::Crypto { doing, source: openssl(cause) }
}

fn unwritable(what: &'static str) -> impl FnOnce(der::Error) -> Error {
    move |cause| Error::Unwritable { place: Place::whole(), problem: format!("{what}: DER cannot hold it: {cause}") }
}

#[cfg(test)]
mod tests;
