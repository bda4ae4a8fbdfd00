//! The overwrite: the variant of an installed profile that its owner can delete.

mod change;
#[cfg(test)]
mod tests;

use std::time::SystemTime;

use plist::Value;

pub use change::Change;

use crate::{
    Certificate, Error, KeyPath, Os, PasswordForm, Payload, Platform, Profile, Removal, Result, Target,
    VerifiedProfile,
    check::{self, Code, Finding, Severity},
    payload::{Mdm, Restrictions, TypedPayload},
    removal::PASSWORD_TYPE,
    sha256::sha256,
    sign::{Content, Signable},
    uuids::{self, Missing},
};

/// The removal-allowed variant of an installed profile, ready to be signed.
///
/// It has the same `PayloadIdentifier` (fact R1), a fresh top-level `PayloadUUID` (R2), `PayloadRemovalDisallowed`
/// false, no `HasRemovalPasscode`, a removal password in one of the two forms of fact L5, and every other payload with
/// its identifier and UUID (R3) unless it was stripped. It remembers the certificate that signed the installed profile:
/// signing it with another is refused (R4).
#[derive(Clone, Debug)]
pub struct Overwrite {
    profile: Profile,
    form: PasswordForm,
    changes: Vec<Change>,
    faults: Vec<Finding>,
    refusals: Vec<Finding>,
    leaf: Option<Certificate>,
}

/// What an overwrite is to be made of, and how: each choice has a default, so this is a builder.
#[derive(Clone, Debug)]
pub struct OverwriteOf<'a> {
    installed: &'a Profile,
    leaf: Option<&'a Certificate>,
    form: PasswordForm,
    target: Option<Os>,
    strip: bool,
}

impl Overwrite {
    /// Of a signed profile that was read and verified: the installed one.
    pub fn of(installed: &VerifiedProfile) -> OverwriteOf<'_> {
        OverwriteOf::new(installed.profile(), Some(installed.leaf()))
    }

    /// Of a profile that was never signed. A device that has a *signed* one refuses what is made here (R4) unless
    /// it is signed by the same certificate, which nothing checks on this way.
    pub fn of_unsigned(installed: &Profile) -> OverwriteOf<'_> {
        OverwriteOf::new(installed, None)
    }

    /// The overwrite as a profile. Sign the overwrite itself: a profile that is signed does not know whose leaf it needs.
    pub fn profile(&self) -> &Profile {
        &self.profile
    }

    /// What is signed: XML, or a binary property list where the installed one has what XML cannot hold, such as a date with
    /// parts of a second.
    ///
    /// # Errors
    /// [`Error::Unwritable`] for what neither can hold.
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        match self.profile.to_xml() {
            Err(Error::Unwritable { .. }) => self.profile.to_binary(),
            written => written,
        }
    }

    /// The removal password's form that was written: `Empty` or `Omitted`.
    pub fn form(&self) -> PasswordForm {
        self.form
    }

    /// What differs from the installed profile.
    pub fn changes(&self) -> &[Change] {
        &self.changes
    }

    /// What the installed profile brings that may keep the overwrite from being installed or from freeing.
    ///
    /// Paths of findings about the lock point into the installed profile, the others into the overwrite.
    pub fn faults(&self) -> &[Finding] {
        &self.faults
    }

    /// The certificate that the overwrite must be signed with, where it is known.
    pub fn leaf(&self) -> Option<&Certificate> {
        self.leaf.as_ref()
    }
}

impl Signable for Overwrite {
    fn profile(&self) -> &Profile {
        &self.profile
    }

    fn content(&self) -> Result<Content<'_>> {
        self.to_bytes().map(Content::from)
    }

    fn refusals(&self) -> Vec<Finding> {
        self.refusals.clone()
    }

    fn required_leaf(&self) -> Option<&Certificate> {
        self.leaf.as_ref()
    }
}

impl<'a> OverwriteOf<'a> {
    fn new(installed: &'a Profile, leaf: Option<&'a Certificate>) -> Self {
        Self { installed, leaf, form: PasswordForm::Auto, target: None, strip: false }
    }

    /// The system of the device that it is for: decides the form `Auto`.
    pub fn target(self, os: Os) -> Self {
        Self { target: Some(os), ..self }
    }

    /// The removal password's form; `Auto` unless it is chosen.
    pub fn removal_password(self, form: PasswordForm) -> Self {
        Self { form, ..self }
    }

    /// Whether the other payloads are left out, so that their settings end when the overwrite is installed.
    pub fn strip(self, strip: bool) -> Self {
        Self { strip, ..self }
    }

    /// Makes it; a `RemovalDate` is compared with the clock.
    ///
    /// # Errors
    /// As [`build_at`](OverwriteOf::build_at).
    pub fn build(self) -> Result<Overwrite> {
        self.build_at(SystemTime::now())
    }

    /// Makes it for a device that gets it at `at` or later: now, or a signing time to come. A `RemovalDate` before that is
    /// dropped, since a device would refuse it (L7).
    ///
    /// # Errors
    /// [`Error::NoOverwrite`] for encrypted payloads that are to stay (a removal password could be among them), and
    /// for an MDM payload that is to be stripped (R10).
    pub fn build_at(self, at: SystemTime) -> Result<Overwrite> {
        let form = self.form.for_target(self.target);
        let mut profile = self.installed.clone();
        let mut changes = Vec::new();
        match self.strip {
            true => strip(&mut profile, &mut changes)?,
            false if profile.is_encrypted() => return Err(encrypted()),
            false => {}
        }
        unlock(&mut profile, form, &mut changes);
        if profile.payloads().is_empty() {
            profile.push(Payload::new(INERT_TYPE));
            changes.push(Change::InertPayloadAdded);
        }
        drop_past_date(&mut profile, at, &mut changes);
        self.freshen(&mut profile, form, &mut changes);
        let overwrite = Overwrite {
            faults: faults(self.installed, &profile, &self.target.map(Target::from).unwrap_or_default(), at),
            refusals: own_refusals(self.installed, &profile),
            profile,
            form,
            changes,
            leaf: self.leaf.cloned(),
        };
        self.check_pair(&overwrite)?;
        Ok(overwrite)
    }

    /// UUIDs from the digest of the installed profile and what was asked: fresh, and the same each time.
    fn freshen(&self, profile: &mut Profile, form: PasswordForm, changes: &mut Vec<Change>) {
        let installed = uuids::digest(&self.installed.parts(&Missing::default()));
        let asked = [form as u8, u8::from(self.strip), u8::from(profile.get("RemovalDate").is_some())];
        let seed = sha256(&[installed.as_slice(), &asked].concat());
        for (index, payload) in profile.payloads_mut().iter_mut().enumerate() {
            if was_added(payload, changes) {
                let uuid = uuids::derived("overwrite payload", &[&seed, &(index as u64).to_be_bytes()]);
                payload.insert("PayloadUUID", uuids::upper(uuid));
            }
        }
        let uuid = uuids::upper(uuids::derived("overwrite", &[&seed]));
        changes.push(Change::Uuid { installed: self.installed.uuid().map(str::to_owned), overwrite: uuid.clone() });
        profile.set("PayloadUUID", uuid).expect("a UUID breaks none of the promises of a profile");
    }

    /// What was made is checked against what it is made of before it leaves.
    fn check_pair(&self, overwrite: &Overwrite) -> Result<()> {
        let (old, new) = (self.installed, &overwrite.profile);
        let holds = [
            (old.identifier() == new.identifier(), "its identifier would be another"),
            (new.uuid().is_some() && old.uuid() != new.uuid(), "its UUID would not be fresh"),
            (new.get("PayloadRemovalDisallowed") == Some(&Value::Boolean(false)), "it would be locked"),
            (new.removal() == overwrite.form.removal(), "its removal password would not be the one asked for"),
            (new.get("HasRemovalPasscode").is_none(), "it would announce a password"),
        ];
        match holds.into_iter().find(|(holds, _)| !holds) {
            None => Ok(()),
            Some((_, problem)) => Err(Error::NoOverwrite { problem: problem.into() }),
        }
    }
}

impl PasswordForm {
    /// `Empty` or `Omitted`: what `Auto` means for a target, the others as they are.
    pub fn for_target(self, target: Option<Os>) -> Self {
        match self {
            PasswordForm::Auto if target.is_some_and(Self::refuses_empty) => PasswordForm::Omitted,
            PasswordForm::Auto => PasswordForm::Empty,
            chosen => chosen,
        }
    }

    /// Whether a system is observed to refuse an empty removal password: iOS 14 and later (fact L4).
    pub fn refuses_empty(os: Os) -> bool {
        os.platform == Platform::Ios && os.version.major >= 14
    }

    /// What an overwrite of this form says of its removal.
    fn removal(self) -> Removal {
        match self {
            PasswordForm::Empty => Removal::AllowedEmptyPassword,
            PasswordForm::Omitted | PasswordForm::Auto => Removal::Allowed,
        }
    }
}

fn strip(profile: &mut Profile, changes: &mut Vec<Change>) -> Result<()> {
    if profile.payloads().iter().any(|payload| payload.kind() == Some(Mdm::TYPE)) {
        let problem = "a device refuses a replacement without the MDM payload that is installed (R10): do not strip";
        return Err(Error::NoOverwrite { problem: problem.into() });
    }
    if profile.is_encrypted() {
        let whole = profile.to_dictionary();
        let clear = whole.get("PayloadContent").cloned().unwrap_or(Value::Array(Vec::new()));
        // In the place of the encrypted content, so that the order of the keys stays.
        let mut keys = plist::Dictionary::new();
        for (key, value) in whole {
            match key.as_str() {
                "EncryptedPayloadContent" => drop(keys.insert("PayloadContent".into(), clear.clone())),
                "IsEncrypted" | "PayloadContent" => {}
                _ => drop(keys.insert(key, value)),
            }
        }
        *profile = Profile::from_dictionary(keys)?;
        changes.push(Change::EncryptedContentStripped);
    }
    let mut stripped = Vec::new();
    profile.payloads_mut().retain(|payload| {
        let stays = payload.kind() == Some(PASSWORD_TYPE);
        if !stays {
            stripped.push(Change::stripped(payload));
        }
        stays
    });
    changes.extend(stripped);
    Ok(())
}

fn unlock(profile: &mut Profile, form: PasswordForm, changes: &mut Vec<Change>) {
    let flag = profile.get("PayloadRemovalDisallowed").cloned();
    if flag != Some(Value::Boolean(false)) {
        changes.push(Change::RemovalAllowed { was: flag });
    }
    if profile.get("HasRemovalPasscode").is_some() {
        changes.push(Change::PasscodeHintDropped);
    }
    if profile.get("IsEncrypted").is_some() && !profile.is_encrypted() {
        profile.unset("IsEncrypted").expect("no profile needs IsEncrypted");
        changes.push(Change::EncryptionFlagDropped);
    }
    let passwords = profile.payloads().iter().filter(|payload| payload.kind() == Some(PASSWORD_TYPE));
    let passwords: Vec<bool> = passwords.map(|payload| payload.get("RemovalPassword") == Some(&"".into())).collect();
    changes.extend(Change::of_password(form, &passwords));
    profile.set_removal(form.removal());
}

/// Whether a payload is one that the installed profile does not have.
fn was_added(payload: &Payload, changes: &[Change]) -> bool {
    match payload.kind() {
        Some(PASSWORD_TYPE) => changes.contains(&Change::EmptyPasswordAdded),
        Some(INERT_TYPE) => changes.contains(&Change::InertPayloadAdded),
        _ => false,
    }
}

fn drop_past_date(profile: &mut Profile, at: SystemTime, changes: &mut Vec<Change>) {
    let date = profile.get("RemovalDate").and_then(Value::as_date);
    if let Some(was) = date.filter(|date| SystemTime::from(*date) < at) {
        profile.unset("RemovalDate").expect("no profile needs a RemovalDate");
        changes.push(Change::RemovalDateDropped { was, at });
    }
}

/// What stands in the way in the installed profile while it is there, and in the overwrite when it comes.
fn faults(installed: &Profile, overwrite: &Profile, target: &Target, at: SystemTime) -> Vec<Finding> {
    let before = check::check(installed, target, at).into_iter().filter(|finding| finding.code.bars_an_overwrite());
    let unseen = installed.is_encrypted().then(|| {
        let message = "hid payloads that nobody saw: with an MDM payload among them a device refuses the overwrite (R10), \
                       with a restriction on installing profiles too";
        Finding::new(Code::PayloadsUnseen, KeyPath::root().key("EncryptedPayloadContent"), message)
    });
    let after = check::check(overwrite, target, at).into_iter().map(weighed).filter(stands_in_the_way);
    before.chain(unseen).chain(after).collect()
}

/// A question to the owner matters in an overwrite, although it is not locked: whoever cannot answer is not freed.
fn weighed(finding: Finding) -> Finding {
    match finding.code.asks_the_owner() {
        true => finding.of_severity(Severity::Warning),
        false => finding,
    }
}

fn stands_in_the_way(finding: &Finding) -> bool {
    finding.severity == Severity::Error || finding.code.may_be_refused() || finding.code.asks_the_owner()
}

/// What signing must refuse: errors that the installed profile does not have already.
fn own_refusals(installed: &Profile, overwrite: &Profile) -> Vec<Finding> {
    let inherited = check::refusals(installed);
    let count = |findings: &[Finding], code| findings.iter().filter(|finding| finding.code == code).count();
    let all = check::refusals(overwrite);
    let own = |finding: &&Finding| count(&all, finding.code) > count(&inherited, finding.code);
    all.iter().filter(own).cloned().collect()
}

fn encrypted() -> Error {
    let problem = "its payloads are encrypted, and a removal password may be among them: decrypt it first, or strip";
    Error::NoOverwrite { problem: problem.into() }
}

/// A restrictions payload without restrictions: what stands in a stripped overwrite, since a device refuses a profile
/// without payloads (1005).
const INERT_TYPE: &str = Restrictions::TYPE;
