//! The identities, and what each may sign.
//!
//! One *active* identity issues what a spec makes. Every identity whose key there is signs overwrites of what its own
//! leaf signed, also past the certificate's end: a device takes an overwrite of no other (facts R4, R5). One that is
//! *gone* is known by its certificate. [`Issuing`] and [`Freeing`] keep the two apart: an overwrite-only identity never
//! gives an [`Issuing`], and a [`Freeing`] signs overwrites only.

mod load;
#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    fmt,
    sync::Arc,
    time::{Duration, SystemTime},
};

use profile_kit::{
    Certificate, Error, Identity, IdentityFault, IdentityWarning, Overwrite, Profile, SignOptions, SignedProfile, sign,
};

use crate::{
    Digest, Refusal,
    catalogue::Filled,
    config::{ConfigError, IdentityConfig, SpecConfig},
    signing::Job,
};

/// Every identity, by leaf and by what it issues.
#[derive(Clone, Debug, Default)]
pub struct Keyring {
    leaves: HashMap<Digest, Leaf>,
    /// The identity that issues a spec, by the spec's name.
    active: BTreeMap<String, Arc<Key>>,
    /// Those whose key there is, in the order of the configuration.
    keys: Vec<Arc<Key>>,
}

/// An identity whose key there is.
#[derive(Debug)]
struct Key {
    name: Arc<str>,
    active: bool,
    identity: Identity,
    leaf: Digest,
}

/// A leaf certificate that the keyring knows.
#[derive(Clone, Debug)]
struct Leaf {
    name: Arc<str>,
    certificate: Certificate,
    /// The identity that signs as this leaf; none where the key is gone.
    identity: Option<Identity>,
}

/// What there is of a leaf's key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Holding {
    /// The key is there: its overwrites can be signed.
    Held,
    /// The leaf is known, and its key is gone.
    Gone,
    /// The leaf is not known.
    Unknown,
}

impl Keyring {
    /// Reads and tries out the identities; `at` is the time of the trial signatures. Those that cannot be used are left
    /// out, and everything that is wrong with them is told.
    pub fn load(identities: &[IdentityConfig], specs: &[SpecConfig], at: SystemTime) -> (Self, Vec<ConfigError>) {
        load::keyring(identities, specs, at)
    }

    /// The identity that issues a spec at a moment.
    ///
    /// # Errors
    /// [`Refusal::UnknownSpec`]; [`Refusal::IdentityNotValid`] where the leaf is not valid at the moment.
    pub fn issuing(&self, spec: &str, at: SystemTime) -> Result<Issuing, Refusal> {
        let Some((spec, key)) = self.active.get_key_value(spec) else {
            return Err(Refusal::UnknownSpec { spec: spec.chars().take(64).collect() });
        };
        if !is_valid(key.identity.certificate(), at) {
            return Err(Refusal::IdentityNotValid { identity: key.name.to_string() });
        }
        Ok(Issuing { key: key.clone(), spec: spec.clone(), at })
    }

    /// The identity that signs overwrites of what a leaf signed, whatever the leaf's end.
    ///
    /// # Errors
    /// [`Refusal::IdentityGone`], [`Refusal::IdentityUnknown`].
    pub fn freeing(&self, leaf: &Digest) -> Result<Freeing, Refusal> {
        let leaf = *leaf;
        let known = self.leaves.get(&leaf).ok_or(Refusal::IdentityUnknown { leaf })?;
        let gone = || Refusal::IdentityGone { identity: known.name.to_string(), leaf };
        let identity = known.identity.clone().ok_or_else(gone)?;
        Ok(Freeing { name: known.name.clone(), identity, leaf })
    }

    /// What there is of a leaf's key.
    pub fn holding(&self, leaf: &Digest) -> Holding {
        match self.leaves.get(leaf) {
            None => Holding::Unknown,
            Some(Leaf { identity: None, .. }) => Holding::Gone,
            Some(Leaf { identity: Some(_), .. }) => Holding::Held,
        }
    }

    /// The leaves whose key there is.
    pub fn held(&self) -> BTreeSet<Digest> {
        self.leaves.iter().filter(|(_, leaf)| leaf.identity.is_some()).map(|(digest, _)| *digest).collect()
    }

    /// This keyring, and for overwrites only the keys of another that it lacks.
    #[must_use]
    pub fn with_keys_of(&self, other: &Self) -> Self {
        let mut both = self.clone();
        let is_more = |digest: &Digest, leaf: &Leaf| leaf.identity.is_some() && self.holding(digest) != Holding::Held;
        let more = other.leaves.iter().filter(|(digest, leaf)| is_more(digest, leaf));
        both.leaves.extend(more.map(|(digest, leaf)| (*digest, leaf.clone())));
        both
    }

    /// Every certificate that the keyring signs with or knows, each once for each identity: for gauges.
    pub fn certificates(&self) -> Vec<KnownCertificate<'_>> {
        let mut known: Vec<KnownCertificate> = Vec::new();
        for (digest, leaf) in &self.leaves {
            let chain = leaf.identity.as_ref().map_or(&[][..], |identity| identity.chain());
            let issuers = chain.iter().skip(1).map(|issuer| (Digest::of(issuer.der()), issuer, false));
            for (digest, certificate, is_leaf) in issuers.chain([(*digest, &leaf.certificate, true)]) {
                if !known.iter().any(|it| it.digest == digest && *it.identity == *leaf.name) {
                    known.push(KnownCertificate { identity: &leaf.name, certificate, digest, is_leaf });
                }
            }
        }
        known.sort_by_key(|it| (it.identity, !it.is_leaf, it.digest));
        known
    }

    /// The certificates of active identities that have ended, or soon will.
    pub fn ending(&self, at: SystemTime) -> Vec<Ending<'_>> {
        let mut endings = Vec::new();
        for key in self.keys.iter().filter(|key| key.active) {
            for certificate in key.identity.chain() {
                let Some(not_after) = certificate.not_after() else { continue };
                if let Some(days) = days_left(not_after, at) {
                    let has_ended = days == 0 && certificate == key.identity.certificate();
                    let idle = if has_ended { self.issued_by(key).collect() } else { Vec::new() };
                    endings.push(Ending { identity: &key.name, certificate, not_after, days, idle });
                }
            }
        }
        endings
    }

    /// The specs that an identity issues.
    fn issued_by<'a>(&'a self, key: &'a Key) -> impl Iterator<Item = &'a str> {
        self.active.iter().filter(|(_, active)| active.name == key.name).map(|(spec, _)| spec.as_str())
    }

    /// What there is to say of each identity at a moment, but dates, which [`ending`](Keyring::ending) tells; by name.
    pub fn warnings(&self, at: SystemTime) -> Vec<(&str, IdentityWarning)> {
        let dated =
            |it: &IdentityWarning| matches!(it, IdentityWarning::Expired { .. } | IdentityWarning::NotYetValid { .. });
        let of = |key: &Arc<Key>| key.identity.warnings(at).into_iter().filter(|it| !dated(it)).collect::<Vec<_>>();
        self.keys.iter().flat_map(|key| of(key).into_iter().map(|warning| (&*key.name, warning))).collect()
    }

    /// Signs something with each key and verifies it: whether the keys are at work.
    ///
    /// # Errors
    /// The first identity that fails.
    pub fn self_test(&self, at: SystemTime) -> Result<(), KeyFailed> {
        let failed = |key: &Key, cause| KeyFailed { identity: key.name.to_string(), source: Box::new(cause) };
        self.keys.iter().try_for_each(|key| try_out(&key.identity, at).map_err(|cause| failed(key, cause)))
    }
}

/// A key does not sign.
#[derive(Debug, thiserror::Error)]
#[error("identity {identity:?} does not sign")]
pub struct KeyFailed {
    /// The identity's name.
    pub identity: String,
    /// Why.
    pub source: Box<Error>,
}

/// The identity that issues one spec, at one moment. Made by [`Keyring::issuing`] of active identities only.
#[derive(Clone, Debug)]
pub struct Issuing {
    key: Arc<Key>,
    spec: String,
    at: SystemTime,
}

impl Issuing {
    /// The identity's name.
    pub fn name(&self) -> &str {
        &self.key.name
    }

    /// The certificate that signs.
    pub fn certificate(&self) -> &Certificate {
        self.key.identity.certificate()
    }

    /// SHA-256 of the certificate that signs.
    pub fn leaf(&self) -> Digest {
        self.key.leaf
    }

    /// The signature of what the spec made, at the moment that it was asked for, as a job for the signing threads.
    ///
    /// # Errors
    /// [`Error::Identity`] for another spec's profile.
    pub fn job(&self, filled: Filled) -> Result<Job, Error> {
        if filled.spec() != self.spec {
            let problem = format!("leave to sign spec {:?} does not serve spec {:?}", self.spec, filled.spec());
            return Err(Error::Identity { fault: IdentityFault::WrongPurpose, problem, source: None });
        }
        let (identity, options) = (self.key.identity.clone(), SignOptions::new(self.at));
        Ok(Job { identity, options, what: Box::new(filled) })
    }
}

/// The identity that signs overwrites of what one leaf signed, and nothing else.
#[derive(Clone, Debug)]
pub struct Freeing {
    name: Arc<str>,
    identity: Identity,
    leaf: Digest,
}

impl Freeing {
    /// The identity's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The certificate that signs, and those above it.
    pub fn chain(&self) -> &[Certificate] {
        self.identity.chain()
    }

    /// The certificate that signs.
    pub fn certificate(&self) -> &Certificate {
        self.identity.certificate()
    }

    /// SHA-256 of the certificate that signs.
    pub fn leaf(&self) -> Digest {
        self.leaf
    }

    /// Whether the leaf's time has begun at a moment: if not, a clock is wrong, and nothing is signed. A time that cannot be
    /// read keeps nobody from being freed.
    pub fn has_begun(&self, at: SystemTime) -> bool {
        self.certificate().not_before().is_none_or(|not_before| not_before <= at)
    }

    /// The signature of an overwrite of a profile that this very leaf signed, also after the leaf's end, as a job for the
    /// signing threads.
    ///
    /// # Errors
    /// [`Error::OtherSigner`] where another leaf signed what it overwrites; [`Error::Identity`] where it was not made of
    /// a signed profile.
    pub fn job(&self, overwrite: Overwrite, at: SystemTime) -> Result<Job, Error> {
        let Some(installed) = overwrite.leaf() else {
            let problem = "an overwrite that was not made of a signed profile is not signed".into();
            return Err(Error::Identity { fault: IdentityFault::WrongPurpose, problem, source: None });
        };
        if installed != self.certificate() {
            let (installed, offered) = (installed.fingerprint(), self.certificate().fingerprint());
            return Err(Error::OtherSigner { installed, offered });
        }
        Ok(Job { identity: self.identity.clone(), options: SignOptions::new(at), what: Box::new(overwrite) })
    }
}

/// A certificate of an identity.
#[derive(Clone, Copy, Debug)]
pub struct KnownCertificate<'a> {
    /// The identity's name.
    pub identity: &'a str,
    /// The certificate.
    pub certificate: &'a Certificate,
    /// Its SHA-256.
    pub digest: Digest,
    /// Whether it is a leaf; otherwise it is of a leaf's chain.
    pub is_leaf: bool,
}

/// A certificate that has ended, or soon will.
#[derive(Clone, Debug)]
pub struct Ending<'a> {
    /// The identity's name.
    pub identity: &'a str,
    /// The certificate.
    pub certificate: &'a Certificate,
    /// Its last moment.
    pub not_after: SystemTime,
    /// It ends within so many days, the least of [`WARNING_DAYS`] that holds; 0: it has ended.
    pub days: u64,
    /// The specs for which nothing is issued, because it is their leaf and has ended.
    pub idle: Vec<&'a str>,
}

/// What follows is told as well.
impl fmt::Display for Ending<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&ends(self.certificate, self.days))?;
        if self.idle.is_empty() { Ok(()) } else { write!(f, ": nothing is issued for {}", self.idle.join(", ")) }
    }
}

/// So many days before a certificate's end there are warnings.
pub const WARNING_DAYS: [u64; 4] = [60, 30, 7, 1];

/// In a sentence, that a certificate ends within so many days, or has ended.
pub(crate) fn ends(certificate: &Certificate, days: u64) -> String {
    let subject = certificate.subject();
    match days {
        0 => format!("certificate {subject} has ended"),
        days => format!("certificate {subject} ends within {days} days"),
    }
}

/// The least of [`WARNING_DAYS`] within which a certificate ends; 0 where it has ended.
pub(crate) fn days_left(not_after: SystemTime, at: SystemTime) -> Option<u64> {
    let Ok(left) = not_after.duration_since(at) else { return Some(0) };
    WARNING_DAYS.into_iter().rev().find(|days| left <= Duration::from_secs(days * 86_400))
}

fn is_valid(certificate: &Certificate, at: SystemTime) -> bool {
    let begun = certificate.not_before().is_some_and(|not_before| not_before <= at);
    begun && certificate.not_after().is_some_and(|not_after| at <= not_after)
}

/// Signs a profile that nobody gets, and verifies the signature with the certificate; dates do not matter.
fn try_out(identity: &Identity, at: SystemTime) -> Result<(), Error> {
    let content = Profile::new("signer.self-test", "Self-test").to_xml()?;
    let signed = sign::sign_content(identity, &content, &SignOptions::new(at))?;
    let verified = SignedProfile::from_bytes(signed)?.verify_integrity()?;
    match verified.leaf() == identity.certificate() {
        true => Ok(()),
        false => {
            let problem = "the trial signature names another certificate".into();
            Err(Error::Identity { fault: IdentityFault::WrongPurpose, problem, source: None })
        }
    }
}
