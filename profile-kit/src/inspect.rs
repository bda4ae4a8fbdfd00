//! A file looked at from every side: its signature, its profile, and what a check says of both.
//!
//! [`Inspector`] looks at bytes; [`Report`] is what it found as people read it, with the lines of the file;
//! [`Expectation`] and [`assert_clean`] are for the tests of projects that have profiles as fixtures.

mod excerpt;
mod expectation;
mod levels;
mod report;
mod signature;

use std::time::SystemTime;

pub use self::{
    excerpt::Excerpt,
    expectation::{Expectation, assert_clean},
    levels::{ContradictoryLevels, Levels},
    report::{Broken, Counts, Located, Paint, Part, Report},
};
use plist::Value;

use crate::{
    Error, Form, KeyPath, Profile, Result, Step, Target, TrustStore,
    check::{self, Code, Finding},
    document,
    key_path::find_below,
    redact, signed,
    verify::{self, Verification, Verifier, VerifyOptions},
};

/// What a file is, signed or not.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Inspection {
    /// What became of its signature; trust only where roots were given. `None` where it is not signed.
    pub verification: Option<Verification>,
    /// How its property list is written.
    pub form: Form,
    /// Its profile. Where the signature does not hold, nobody vouches for it.
    pub profile: Profile,
    /// What there is to say of the signature, then what a check says of the profile. No message holds a secret value.
    pub findings: Vec<Finding>,
}

impl Inspection {
    /// Looks at one file's bytes, for a target; `at` is the moment that dates are compared with. Trust is not asked.
    ///
    /// # Errors
    /// As [`Inspector::inspect`].
    pub fn of(bytes: &[u8], target: &Target, at: SystemTime) -> Result<Self> {
        Inspector::new(*target, at, None).inspect(bytes)
    }

    /// Whole days until the first certificate of the signers' chains ends, negative behind it; `None` where the file is
    /// not signed or its signature does not hold.
    pub fn days_left(&self, at: SystemTime) -> Option<i64> {
        signature::days_left(self.verification.as_ref()?, at)
    }
}

/// Looks at many files by the same rules, and remembers their common signer. One a thread; the roots may be shared.
#[derive(Debug)]
pub struct Inspector<'s> {
    target: Target,
    at: SystemTime,
    verifier: Verifier<'s>,
}

impl<'s> Inspector<'s> {
    /// For a target; `at` is the moment that dates are compared with and at which certificates must be valid. Whether a
    /// signer is trusted is asked where roots are given.
    pub fn new(target: Target, at: SystemTime, roots: Option<&'s TrustStore>) -> Self {
        Self { target, at, verifier: Verifier::new(roots, VerifyOptions::new(at)) }
    }

    /// Looks at a file's bytes. A signature that does not hold is a finding, not an error.
    ///
    /// # Errors
    /// [`Error::Malformed`] and [`Error::NotAProfile`], for the
    /// file or for the content of its signature; [`Error::NotSigned`] for a signature without
    /// content.
    pub fn inspect(&mut self, bytes: &[u8]) -> Result<Inspection> {
        if !document::looks_signed(bytes) {
            let (form, profile) = read(bytes)?;
            return Ok(self.inspected(None, form, profile));
        }
        let verification = self.verifier.verify(bytes)?;
        let content = verification.content.as_deref().ok_or(Error::NotSigned { found: verify::DETACHED })?;
        let (form, profile) = read(content).map_err(signed::within_signature)?;
        Ok(self.inspected(Some(verification), form, profile))
    }

    fn inspected(&self, verification: Option<Verification>, form: Form, profile: Profile) -> Inspection {
        let mut findings = verification.as_ref().map(|found| signature::findings(found, self.at)).unwrap_or_default();
        findings.extend(check::check(&profile, &self.target, self.at));
        findings.iter_mut().for_each(|finding| mask(finding, &profile));
        Inspection { verification, form, profile, findings }
    }
}

fn read(content: &[u8]) -> Result<(Form, Profile)> {
    let document = document::read(content)?;
    Ok((document.form, Profile::from_dictionary(document.into_dictionary()?)?))
}

/// Takes a secret value out of the sentence about it.
fn mask(finding: &mut Finding, profile: &Profile) {
    if WITHOUT_VALUES.contains(&finding.code) {
        return;
    }
    let Some(value) = text_at(profile, &finding.path).filter(|value| !value.is_empty()) else { return };
    if !redact::is_secret(profile, &finding.path.0) && !redact::tells_key(&value) {
        return;
    }
    let quoted = format!("{value:?}");
    let told = [quoted.trim_matches('"'), value.as_str()].into_iter().find(|secret| finding.message.contains(secret));
    if let Some(secret) = told {
        finding.message = finding.message.replace(secret, redact::REDACTED);
    }
}

/// Sentences of these codes hold no value. What a short secret has in common with them would tell it.
const WITHOUT_VALUES: &[Code] = &[
    Code::SecretInClear,
    Code::MissingKey,
    Code::WrongType,
    Code::SettingType,
    Code::FormatMismatch,
    Code::RemovalPasswordType,
    Code::CertificateUnreadable,
];

/// The string or number at a path.
fn text_at(profile: &Profile, path: &KeyPath) -> Option<String> {
    let text = |value: &Value| match value {
        Value::String(text) => Some(text.clone()),
        Value::Integer(number) => Some(number.to_string()),
        _ => None,
    };
    match path.0.as_slice() {
        [Step::Key(content), Step::Index(index), Step::Key(key), below @ ..] if content == "PayloadContent" => {
            text(find_below(profile.payloads().get(*index)?.get(key)?, below)?)
        }
        [Step::Key(key), below @ ..] => text(find_below(profile.get(key)?, below)?),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;
    use crate::{Payload, UuidSource};

    #[test]
    fn a_finding_does_not_repeat_a_secret() {
        let mut profile = Profile::new("jp.example.ivi-mdm", "IVI MDM");
        let mut payload = Payload::new("com.example.unknown");
        payload.insert("Token", "{{hunter2}}");
        profile.push(payload);
        profile.fill_uuids(UuidSource::Content);
        let inspection = Inspection::of(&profile.to_xml().unwrap(), &Target::default(), UNIX_EPOCH).unwrap();
        let finding = inspection.findings.iter().find(|finding| finding.code == Code::PlaceholderLeft).unwrap();
        assert_eq!(finding.message, "holds the placeholder [redacted], never filled");
    }

    #[test]
    fn a_secret_of_one_letter_does_not_show_where_sentences_have_it() {
        for secret in ["a", "e", "red", "is a secret"] {
            let mut profile = Profile::new("jp.example.ivi-mdm", "IVI MDM");
            profile.set_removal(crate::Removal::Password(secret.into()));
            profile.fill_uuids(UuidSource::Content);
            let inspection = Inspection::of(&profile.to_xml().unwrap(), &Target::default(), UNIX_EPOCH).unwrap();
            let found = inspection.findings.iter().find(|finding| finding.code == Code::SecretInClear).unwrap();
            assert_eq!(found.message, "is a secret, and the profile is not encrypted", "{secret}");
        }
    }
}
