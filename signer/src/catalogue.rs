//! The specs that can be issued: read, checked and filled.
//!
//! A spec is taken only if what it makes is locked and its overwrite can free the device. Each issuance has a top-level
//! `PayloadUUID` of its own (fact R2), also where the spec names one; payloads keep theirs (R3).

mod load;
mod parameters;
#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::SystemTime,
};

use profile_kit::{
    Certificate, Content, Profile, Removal, Signable, Target, Template,
    check::{self, Finding, Severity},
    template::{Declarations, Kind},
};
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::{
    Digest, Refusal,
    config::{ConfigError, SpecConfig},
};

/// Every spec, by name.
#[derive(Clone, Debug, Default)]
pub struct Catalogue {
    specs: BTreeMap<String, Spec>,
    warnings: Vec<Arc<ConfigError>>,
}

/// Something that can be issued.
#[derive(Clone, Debug)]
pub struct Spec {
    name: Arc<str>,
    identity: String,
    digest: Digest,
    identifier: String,
    template: Template,
    /// What callers may fill. Marked as secret, all of them, so that no sentence shows a value.
    allowed: Declarations,
    secret: BTreeSet<String>,
}

/// What a spec says of one of its parameters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parameter<'a> {
    /// Its name.
    pub name: &'a str,
    /// The type of its value.
    pub kind: Kind,
    /// Whether it has to be given.
    pub required: bool,
    /// Whether its values must not be shown.
    pub secret: bool,
}

/// A spec's profile for one device: locked, and freeable. Only [`Spec::fill`] makes one, and nothing else is issued.
#[derive(Clone, Debug)]
pub struct Filled {
    profile: Profile,
    spec: Arc<str>,
}

impl Catalogue {
    /// Reads and checks specs; `at` is the moment that dates are compared with. Those that cannot be taken are left out,
    /// and everything that is wrong with them is told.
    pub fn load(specs: &[SpecConfig], at: SystemTime) -> (Self, Vec<ConfigError>) {
        let mut catalogue = Self::default();
        let mut errors = Vec::new();
        for config in specs {
            match load::spec(config, at) {
                Ok((spec, warnings)) => {
                    catalogue.warnings.extend(warnings.into_iter().map(Arc::new));
                    catalogue.specs.insert(config.name.clone(), spec);
                }
                Err(wrong) => errors.extend(wrong),
            }
        }
        (catalogue, errors)
    }

    /// A spec by its name.
    ///
    /// # Errors
    /// [`Refusal::UnknownSpec`].
    pub fn spec(&self, name: &str) -> Result<&Spec, Refusal> {
        self.specs.get(name).ok_or_else(|| Refusal::UnknownSpec { spec: name.chars().take(LONGEST_NAME).collect() })
    }

    /// Every spec, by name.
    pub fn specs(&self) -> impl Iterator<Item = &Spec> {
        self.specs.values()
    }

    /// What is worth knowing of the specs although they are taken.
    pub fn warnings(&self) -> impl Iterator<Item = &ConfigError> {
        self.warnings.iter().map(Arc::as_ref)
    }
}

impl Spec {
    /// What callers call it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The `PayloadIdentifier` of what it makes; with the values of the example where it has placeholders in it. Who is
    /// bound to specs reports what is under this one only.
    pub fn identifier(&self) -> &str {
        &self.identifier
    }

    /// The name of the identity that signs it.
    pub fn identity(&self) -> &str {
        &self.identity
    }

    /// SHA-256 over the spec's file and the file of its declarations, if there is one, each with its length.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// What callers may fill.
    pub fn parameters(&self) -> impl Iterator<Item = Parameter<'_>> {
        self.allowed.iter().map(|(name, placeholder)| Parameter {
            name,
            kind: placeholder.kind,
            required: placeholder.default.is_none(),
            secret: self.is_secret(name),
        })
    }

    /// Whether the values of a parameter must not be shown. What is not known to be harmless is secret.
    pub fn is_secret(&self, parameter: &str) -> bool {
        self.secret.contains(parameter) || !self.allowed.contains_key(parameter)
    }

    /// The profile with these parameters and this top-level `PayloadUUID`; all or nothing. `at` is the moment that dates
    /// are compared with.
    ///
    /// # Errors
    /// [`Refusal::InvalidParameters`] with each parameter that is missing, unknown or wrong, without its value;
    /// [`Refusal::InvalidRequest`] where no profile comes out; [`Refusal::UnfreeableProfile`] where one comes out that
    /// is not locked, that a device refuses, or that would keep its overwrite off.
    pub fn fill(&self, parameters: &Map<String, Value>, uuid: Uuid, at: SystemTime) -> Result<Filled, Refusal> {
        let profile = self.profile(parameters, uuid)?;
        let mut findings: Vec<&'static str> = serious(&profile, at).iter().map(|finding| finding.code.word()).collect();
        if !is_locked(&profile) {
            findings.push(NOT_LOCKED);
        }
        if profile.identifier().len() > LONGEST_IDENTIFIER {
            findings.push(IDENTIFIER_TOO_LONG);
        }
        findings.dedup();
        match findings.is_empty() {
            true => Ok(Filled { profile, spec: self.name.clone() }),
            false => Err(Refusal::UnfreeableProfile { findings }),
        }
    }

    fn profile(&self, parameters: &Map<String, Value>, uuid: Uuid) -> Result<Profile, Refusal> {
        let values = parameters::values(&self.allowed, parameters)?;
        // The payloads' UUIDs come from their identifiers, so that a device updates them in place (R3). The profile's own
        // would be a digest of its content, secrets included: it is the issuance's instead.
        let mut upper = Uuid::encode_buffer();
        self.template.fill_as(&values, uuid.as_hyphenated().encode_upper(&mut upper)).map_err(without_form)
    }
}

/// What [`Spec::fill`] has checked is not checked again.
impl Signable for Filled {
    fn profile(&self) -> &Profile {
        &self.profile
    }

    fn content(&self) -> profile_kit::Result<Content<'_>> {
        self.profile.content()
    }

    fn required_leaf(&self) -> Option<&Certificate> {
        None
    }

    fn refusals(&self) -> Vec<Finding> {
        Vec::new()
    }
}

impl Filled {
    /// The profile.
    pub fn profile(&self) -> &Profile {
        &self.profile
    }

    /// The name of the spec that it is of.
    pub fn spec(&self) -> &str {
        &self.spec
    }
}

/// What a device refuses, whichever it is, or what would keep an overwrite off.
fn serious(profile: &Profile, at: SystemTime) -> Vec<Finding> {
    let mut findings = check::check(profile, &Target::default(), at);
    findings.retain(|finding| finding.severity == Severity::Error);
    findings
}

/// Whether the owner cannot delete the profile, or only with a password.
pub(crate) fn is_locked(profile: &Profile) -> bool {
    match profile.removal() {
        Removal::Disallowed => true,
        Removal::Password(password) => !password.is_empty(),
        Removal::Allowed | Removal::AllowedEmptyPassword => false,
    }
}

/// Whether it is locked, or nobody sees whether it is.
pub(crate) fn may_lock(profile: &Profile) -> bool {
    profile.is_encrypted() || is_locked(profile)
}

/// Each value is as it should be, and what they make together is not.
fn without_form(error: profile_kit::Error) -> Refusal {
    let problem = match error {
        // Sentences about the whole; each value was asked before, without showing it.
        profile_kit::Error::Placeholders { .. } | profile_kit::Error::EmptyPassword => error.to_string(),
        _ => "with these parameters the profile has no form that a device could read".into(),
    };
    Refusal::InvalidRequest { problem }
}

/// What a profile is that its owner can delete. No finding says so, since other profiles may be that.
const NOT_LOCKED: &str = "NotLocked";
/// Its overwrite is asked for by a path with the identifier in it, which has an end.
const IDENTIFIER_TOO_LONG: &str = "IdentifierTooLong";
/// In bytes.
pub(crate) const LONGEST_IDENTIFIER: usize = 255;
/// The most characters of a name of the caller's that an answer repeats.
const LONGEST_NAME: usize = 64;
