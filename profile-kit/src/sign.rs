//! Signing a profile: CMS SignedData (RFC 5652 §5) around the very bytes of its property list.

mod cms;
mod content;
mod digest;
mod encoded;
mod mould;

use std::{
    fmt,
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use openssl::{error::ErrorStack, pkey::Private, pkey_ctx::PkeyCtx, rsa::Padding};

pub use content::Content;
pub use digest::Digest;
pub use encoded::EncodedProfile;

use self::mould::Mould;
use crate::{
    Certificate, Error, Identity, IdentityFault, KeyKind, Place, Profile, Result, SignedProfile,
    check::{self, Code, Finding},
    error::openssl,
    identity::{IdentityWarning, dates, shown},
    signed::LARGEST,
    uuids,
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

    /// The very bytes that the signature holds: [`profile`](Signable::profile), written.
    ///
    /// # Errors
    /// [`Error::Unwritable`] where the profile cannot be written.
    fn content(&self) -> Result<Content<'_>>;

    /// The only leaf that may sign it, if there is such a one (fact R4). That one may sign it past its end as well:
    /// expiry costs only the badge (R5).
    fn required_leaf(&self) -> Option<&Certificate>;

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

    fn content(&self) -> Result<Content<'_>> {
        let (xml, sha256) = uuids::filled_xml(self)?;
        Ok(Content::with_sha256(xml.into_bytes(), sha256))
    }

    fn required_leaf(&self) -> Option<&Certificate> {
        None
    }

    fn refusals(&self) -> Vec<Finding> {
        check::refusals_before_uuids(self)
    }
}

/// The bytes are signed as they were read.
impl Signable for EncodedProfile {
    fn profile(&self) -> &Profile {
        self.profile()
    }

    fn content(&self) -> Result<Content<'_>> {
        Ok(self.bytes().into())
    }

    fn required_leaf(&self) -> Option<&Certificate> {
        None
    }
}

macro_rules! as_what_it_holds {
    ($($holder:ty),+) => {
        $(impl<T: Signable + ?Sized> Signable for $holder {
            fn profile(&self) -> &Profile {
                (**self).profile()
            }

            fn content(&self) -> Result<Content<'_>> {
                (**self).content()
            }

            fn required_leaf(&self) -> Option<&Certificate> {
                (**self).required_leaf()
            }

            fn refusals(&self) -> Vec<Finding> {
                (**self).refusals()
            }
        })+
    };
}

as_what_it_holds!(&T, Box<T>, Arc<T>);

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

/// An identity ready to sign many profiles, one after the other: one signer a thread. What is the same around all of
/// them is made once.
pub struct Signer {
    identity: Identity,
    options: SignOptions,
    key: Key,
    /// For the leaf that signed last.
    ready: Option<Ready>,
}

impl Signer {
    /// Makes the identity ready.
    ///
    /// # Errors
    /// [`Error::Identity`] where the identity is to decrypt only, [`Error::Crypto`].
    pub fn new(identity: &Identity, mut options: SignOptions) -> Result<Self> {
        if identity.is_decrypt_only() {
            let problem = "the identity is to decrypt only, and signs nothing".into();
            return Err(Error::Identity { fault: IdentityFault::WrongPurpose, problem, source: None });
        }
        options.signing_time = in_seconds(options.signing_time);
        let key = Key::new(identity, options.digest).map_err(failed("preparing a signature"))?;
        Ok(Self { identity: identity.clone(), options, key, ready: None })
    }

    /// Sets the signing time of what is signed from here on.
    pub fn set_signing_time(&mut self, signing_time: SystemTime) {
        let signing_time = in_seconds(signing_time);
        if self.options.signing_time != signing_time {
            self.options.signing_time = signing_time;
            self.ready = None;
        }
    }

    /// Signs a profile.
    ///
    /// # Errors
    /// As [`Identity::sign_with`].
    pub fn sign(&mut self, what: &(impl Signable + ?Sized)) -> Result<SignedProfile> {
        self.sign_and_digest(what, self.options.digest).map(|(signed, _)| signed)
    }

    /// Signs a profile and gives a digest of the content: the signature's own, where it is the same.
    pub(crate) fn sign_and_digest(
        &mut self,
        what: &(impl Signable + ?Sized),
        digest: Digest,
    ) -> Result<(SignedProfile, Vec<u8>)> {
        let own = what.required_leaf().and_then(|leaf| self.identity.with_leaf(leaf));
        let ready = Ready::once(&mut self.ready, own.as_ref().unwrap_or(&self.identity), &self.options)?;
        ready.admit(what, &self.options)?;
        let content = what.content()?;
        let signed = content.digest(self.options.digest);
        let file = self.key.sign(ready, &content, &signed)?;
        let digest = if digest == self.options.digest { signed } else { content.digest(digest) };
        Ok((SignedProfile::from_signer(file), digest))
    }

    /// Signs any bytes, as [`sign_content`] does.
    ///
    /// # Errors
    /// [`Error::Unwritable`], [`Error::Crypto`].
    pub fn sign_content(&mut self, content: &[u8]) -> Result<Vec<u8>> {
        let ready = Ready::once(&mut self.ready, &self.identity, &self.options)?;
        self.key.sign(ready, content, &self.options.digest.of(content))
    }
}

/// One of an identity's leaves at a signing time, and what is the same around everything that it signs then.
struct Ready {
    leaf: Certificate,
    /// What stands against the leaf at that time.
    dates: Option<IdentityWarning>,
    mould: Mould,
}

impl Ready {
    /// What was ready for the last one, if that had the same leaf.
    fn once<'a>(last: &'a mut Option<Ready>, identity: &Identity, options: &SignOptions) -> Result<&'a Self> {
        let ready = match last.take().filter(|last| last.leaf == *identity.certificate()) {
            Some(ready) => ready,
            None => Self::new(identity, options)?,
        };
        Ok(last.insert(ready))
    }

    fn new(identity: &Identity, options: &SignOptions) -> Result<Self> {
        let time = cms::date_time(options.signing_time).map_err(unwritable("signing time"))?;
        let mould = Mould::new(identity, options.digest, time).map_err(unwritable("signed attributes"))?;
        let leaf = identity.certificate().clone();
        Ok(Self { dates: dates(&leaf, options.signing_time), leaf, mould })
    }

    fn admit(&self, what: &(impl Signable + ?Sized), options: &SignOptions) -> Result<()> {
        let mut findings = what.refusals();
        findings.retain(|finding| !options.allow.contains(&finding.code));
        if !findings.is_empty() {
            return Err(Error::Refused { findings });
        }
        if let Some(installed) = what.required_leaf().filter(|installed| **installed != self.leaf)
            && !options.allow_other_signer
        {
            return Err(Error::OtherSigner { installed: installed.fingerprint(), offered: self.leaf.fingerprint() });
        }
        match &self.dates {
            None => Ok(()),
            Some(IdentityWarning::Expired { .. })
                if options.allow_expired || what.required_leaf() == Some(&self.leaf) =>
            {
                Ok(())
            }
            Some(reason) => {
                let problem = format!("certificate {reason}; the signing time is {}", shown(options.signing_time));
                Err(Error::Identity { fault: IdentityFault::OutsideValidity, problem, source: None })
            }
        }
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

/// The key, its context and its place for a signature kept from one to the next.
struct Key {
    digest: Digest,
    context: PkeyCtx<Private>,
    signature: Vec<u8>,
}

impl Key {
    fn new(identity: &Identity, digest: Digest) -> Result<Self, ErrorStack> {
        let mut context = PkeyCtx::new(identity.key())?;
        context.sign_init()?;
        context.set_signature_md(digest.md())?;
        match identity.key_kind() {
            KeyKind::Rsa(_) => context.set_rsa_padding(Padding::PKCS1)?,
            _ => choose_nonces(&mut context)?,
        }
        Ok(Self { digest, context, signature: vec![0; identity.key().size()] })
    }

    /// The content's digest goes into the attributes, and the signature over them around the content.
    fn sign(&mut self, ready: &Ready, content: &[u8], message_digest: &[u8]) -> Result<Vec<u8>> {
        let attributes = ready.mould.attributes(message_digest);
        let hashed = self.digest.of(&attributes);
        let length = self.context.sign(&hashed, Some(&mut self.signature)).map_err(failed("making a signature"))?;
        let file = ready.mould.fill(content, &attributes, &self.signature[..length]);
        let file = file.map_err(unwritable("signed profile"))?;
        if file.len() > LARGEST {
            let problem = format!("signed, its {} bytes are more than a profile may have here ({LARGEST})", file.len());
            return Err(Error::Unwritable { place: Place::whole(), problem });
        }
        Ok(file)
    }
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

/// A time as a signature can say it; years before 1970 it cannot.
fn in_seconds(time: SystemTime) -> SystemTime {
    time.duration_since(UNIX_EPOCH).map_or(time, |since| UNIX_EPOCH + Duration::from_secs(since.as_secs()))
}

fn failed(doing: &'static str) -> impl FnOnce(ErrorStack) -> Error {
    move |cause| Error::Crypto { doing, source: openssl(cause) }
}

fn unwritable(what: &'static str) -> impl FnOnce(der::Error) -> Error {
    move |cause| Error::Unwritable { place: Place::whole(), problem: format!("{what}: DER cannot hold it: {cause}") }
}

#[cfg(test)]
mod tests;
