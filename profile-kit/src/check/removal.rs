//! Lock, removal password and what they come to on a target (section 2 of the facts).

use plist::Value;

use super::{Code, Finding, Findings, Severity};
use crate::{
    Enrolment, InstalledBy, KeyPath, OsVersion, PasswordForm, Platform, Profile, Removal, Target,
    payload::{Mdm, TypedPayload},
    removal::{PASSWORD_KEY, PASSWORD_TYPE},
};

pub(super) fn check(profile: &Profile, target: &Target, findings: &mut Findings) {
    let removal = profile.removal();
    let asks = matches!(&removal, Removal::Password(password) if !password.is_empty());
    flag(profile, asks, findings);
    types(profile, findings);
    passwords(profile, &removal, target, findings);
    hint(profile, asks, findings);
    let Some(lock) = lock_of(profile) else { return };
    with_mdm(profile, findings);
    on_target(profile, lock, target, findings);
}

/// Whether some device may hold its owner off: by the flag, whatever its type, or by a password alone (fact L4).
pub(super) fn may_lock(profile: &Profile) -> bool {
    lock_of(profile).is_some()
}

/// Where the lock stands: the flag, else the removal password.
fn lock_of(profile: &Profile) -> Option<KeyPath> {
    if profile.get(FLAG).is_some_and(|flag| flag.as_boolean() != Some(false)) {
        return Some(KeyPath::root().key(FLAG));
    }
    let asks = matches!(profile.removal(), Removal::Password(_));
    asks.then(|| first_password(profile)).flatten()
}

fn first_password(profile: &Profile) -> Option<KeyPath> {
    profile.payloads_of_type(PASSWORD_TYPE).next().map(|(place, _)| place.path())
}

fn flag(profile: &Profile, asks: bool, findings: &mut Findings) {
    let path = || KeyPath::root().key(FLAG);
    match profile.get(FLAG).map(Value::as_boolean) {
        Some(None) => findings.push(Finding::new(Code::RemovalFlagNotBoolean, path(), "is not a boolean")),
        Some(Some(false)) if asks => {
            let message = "is false, and there is a removal password: current iOS is observed to lock all the same";
            findings.push(Finding::new(Code::LockedByPassword, path(), message));
        }
        _ => {}
    }
}

fn passwords(profile: &Profile, removal: &Removal, target: &Target, findings: &mut Findings) {
    if let Some((second, _)) = profile.payloads_of_type(PASSWORD_TYPE).nth(1) {
        let message = "is a second removal password";
        findings.push(Finding::new(Code::SeveralRemovalPasswords, second.path(), message));
    }
    match removal {
        Removal::Password(password) if password.is_empty() => {
            let message = "is true, and the removal password is empty";
            findings.push(Finding::new(Code::LockedWithEmptyPassword, KeyPath::root().key(FLAG), message));
            empty(profile, target, findings);
        }
        Removal::AllowedEmptyPassword => empty(profile, target, findings),
        _ => {}
    }
}

fn empty(profile: &Profile, target: &Target, findings: &mut Findings) {
    let path = first_password(profile).unwrap_or_default();
    let message = "has an empty password: iOS 14 and later are observed to refuse it (2002); omit the payload";
    let severity = match target.os().map(PasswordForm::refuses_empty) {
        Some(true) => Severity::Warning,
        _ => Severity::Note,
    };
    findings.push(Finding::new(Code::EmptyRemovalPassword, path, message).of_severity(severity));
}

/// A device takes no other value for an empty one.
fn types(profile: &Profile, findings: &mut Findings) {
    for (place, payload) in profile.payloads_of_type(PASSWORD_TYPE) {
        if payload.get(PASSWORD_KEY).is_some_and(|password| password.as_string().is_none()) {
            let message = "is not a string: refused (2003)";
            findings.push(Finding::new(Code::RemovalPasswordType, place.key(PASSWORD_KEY), message));
        }
    }
}

fn hint(profile: &Profile, asks: bool, findings: &mut Findings) {
    let hint = profile.get("HasRemovalPasscode").and_then(Value::as_boolean);
    if hint.is_none_or(|hint| hint == asks) || profile.is_encrypted() {
        return;
    }
    let message = match asks {
        true => "is false, and there is a removal password",
        false => "is true, and there is no removal password",
    };
    findings.push(Finding::new(Code::RemovalPasscodeMismatch, KeyPath::root().key("HasRemovalPasscode"), message));
}

fn with_mdm(profile: &Profile, findings: &mut Findings) {
    if let Some((place, _)) = profile.payloads_of_type(Mdm::TYPE).next() {
        let message = "is an MDM payload in a locked profile: refused (1000)";
        findings.push(Finding::new(Code::LockedWithMdm, place.path(), message));
    }
}

/// What the target makes of a lock.
fn on_target(profile: &Profile, lock: KeyPath, target: &Target, findings: &mut Findings) {
    if enrolment_bars(profile, target, findings) {
        return;
    }
    if target.installed_by == Some(InstalledBy::Mdm) {
        if owner_keeps_managed(target) {
            let message = "locks a profile that an MDM installs: its owner cannot delete it anyhow, and it goes with the \
                           MDM profile";
            findings.push(Finding::new(Code::LockOnManaged, lock, message));
        }
    } else if ignores_locks(target) {
        let message = "is a lock, and the device is not supervised: its owner can delete the profile (older iOS kept the \
                       lock; up to which version is not known)";
        findings.push(Finding::new(Code::LockIgnored, lock, message));
    }
}

/// What the enrolment does not allow, told; whether there was anything (fact L3, and Apple's schema for the flag).
fn enrolment_bars(profile: &Profile, target: &Target, findings: &mut Findings) -> bool {
    let by = match target.enrolment {
        Some(Enrolment::User) => "user enrolment",
        Some(Enrolment::SharedIpad) => "Shared iPad",
        _ => return false,
    };
    let user_on_ios = target.enrolment == Some(Enrolment::User) && target.platform == Some(Platform::Ios);
    let flag = profile.get(FLAG).and_then(Value::as_boolean) == Some(true);
    let flag = (flag && user_on_ios).then(|| KeyPath::root().key(FLAG));
    let password = first_password(profile);
    let any = flag.is_some() || password.is_some();
    let barred = |path| Finding::new(Code::LockBarredByEnrolment, path, format!("is a lock that {by} does not allow"));
    // A key that is not allowed is passed over, a payload is refused.
    let flag = flag.map(|path| barred(path).of_severity(Severity::Warning));
    flag.into_iter().chain(password.map(barred)).for_each(|finding| findings.push(finding));
    any
}

/// Whether the owner cannot delete what an MDM installed, locked or not (Apple's schema, `PayloadRemovalDisallowed`).
fn owner_keeps_managed(target: &Target) -> bool {
    let since = OsVersion { major: 10, minor: 15, patch: 0 };
    match target.platform {
        Some(Platform::Ios) => true,
        Some(Platform::Macos) => target.version.is_none_or(|version| version >= since),
        _ => false,
    }
}

/// Whether a target is known to keep no lock (fact L2): unsupervised, and no iOS of the time when that did not matter.
fn ignores_locks(target: &Target) -> bool {
    let kept = |version: OsVersion| version.major <= LAST_KEPT_UNSUPERVISED;
    target.supervised == Some(false)
        && match target.platform {
            Some(Platform::Ios) => !target.version.is_some_and(kept),
            Some(Platform::Tvos) => true,
            _ => false,
        }
}

const FLAG: &str = "PayloadRemovalDisallowed";
/// iOS 10 and 11 kept locks unsupervised, as the procedure of 2017 has it; of 12 and later nothing of the kind is known.
const LAST_KEPT_UNSUPERVISED: u16 = 11;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may fail by panic")]

    use std::time::UNIX_EPOCH;

    use super::*;
    use crate::{Os, Payload, check};

    fn locked() -> Profile {
        let mut profile = Profile::new("jp.example.ivi-mdm", "IVI MDM");
        profile.push(Payload::new("com.apple.webClip.managed"));
        profile.set_removal(Removal::Disallowed);
        profile
    }

    fn with_password(flag: bool) -> Profile {
        let mut profile = locked();
        profile.set_removal(Removal::Password("hunter2".into()));
        profile.set(FLAG, flag).unwrap();
        profile
    }

    fn found(profile: &Profile, target: &Target) -> Vec<(Code, Severity, String)> {
        let findings = check::check(profile, target, UNIX_EPOCH).into_iter();
        let of_a_lock = findings.filter(|finding| finding.code.subject() == "Removal");
        of_a_lock.map(|finding| (finding.code, finding.severity, finding.path.to_string())).collect()
    }

    fn codes(profile: &Profile, target: &Target) -> Vec<Code> {
        found(profile, target).into_iter().map(|(code, ..)| code).collect()
    }

    fn unsupervised(os: Os) -> Target {
        Target { supervised: Some(false), ..Target::from(os) }
    }

    #[test]
    fn an_unsupervised_device_ignores_a_lock() {
        assert_eq!(codes(&locked(), &unsupervised(Os::ios(17))), [Code::LockIgnored]);
        assert_eq!(codes(&locked(), &unsupervised(Os::tvos(17))), [Code::LockIgnored]);
    }

    #[test]
    fn a_lock_by_password_alone_is_ignored_where_the_password_stands() {
        let mut profile = with_password(true);
        profile.unset(FLAG).unwrap();
        let ignored = (Code::LockIgnored, Severity::Warning, "PayloadContent[1]".to_owned());
        assert_eq!(found(&profile, &unsupervised(Os::ios(17))), [ignored]);
    }

    #[test]
    fn a_lock_is_not_called_ignored_where_that_is_not_known() {
        let supervised = Target { supervised: Some(true), ..Target::from(Os::ios(17)) };
        let anything = Target { supervised: Some(false), ..Target::default() };
        for target in [supervised, anything, unsupervised(Os::macos(14)), unsupervised(Os::ios(11)), Target::default()]
        {
            assert_eq!(codes(&locked(), &target), [], "{target:?}");
        }
    }

    #[test]
    fn on_a_managed_profile_the_lock_adds_nothing() {
        let managed = |target| Target { installed_by: Some(InstalledBy::Mdm), ..target };
        assert_eq!(codes(&locked(), &managed(unsupervised(Os::ios(17)))), [Code::LockOnManaged]);
        assert_eq!(codes(&locked(), &managed(Target::from(Os::macos(14)))), [Code::LockOnManaged]);
        assert_eq!(codes(&locked(), &managed(Target::from(Os::macos(10)))), []);
        assert_eq!(codes(&locked(), &managed(Target::from(Os::tvos(17)))), []);
    }

    #[test]
    fn user_enrolment_allows_neither_flag_nor_password() {
        let target = Target { enrolment: Some(Enrolment::User), ..unsupervised(Os::ios(17)) };
        let barred = |severity, path: &str| (Code::LockBarredByEnrolment, severity, path.to_owned());
        let (flag, password) = (barred(Severity::Warning, FLAG), barred(Severity::Error, "PayloadContent[1]"));
        assert_eq!(found(&with_password(true), &target), [flag, password]);
    }

    #[test]
    fn user_enrolment_of_a_mac_allows_the_flag() {
        let target = Target { enrolment: Some(Enrolment::User), ..Target::from(Os::macos(14)) };
        assert_eq!(codes(&locked(), &target), []);
        assert_eq!(codes(&with_password(true), &target), [Code::LockBarredByEnrolment]);
    }

    #[test]
    fn shared_ipad_allows_the_flag_and_no_password() {
        let target = Target { enrolment: Some(Enrolment::SharedIpad), ..Target::from(Os::ios(17)) };
        assert_eq!(codes(&locked(), &target), []);
        assert_eq!(codes(&with_password(true), &target), [Code::LockBarredByEnrolment]);
    }

    #[test]
    fn a_password_locks_whatever_the_flag_says() {
        assert_eq!(codes(&with_password(false), &Target::default()), [Code::LockedByPassword]);
        assert_eq!(codes(&with_password(true), &Target::default()), []);
    }

    #[test]
    fn a_lock_with_an_empty_password_is_refused_as_an_overwrite_with_one_is() {
        let mut profile = locked();
        profile.set_removal(Removal::Password(String::new()));
        let (lock, empty) = (Code::LockedWithEmptyPassword, Code::EmptyRemovalPassword);
        let on = |target| found(&profile, &target).into_iter().map(|(code, severity, _)| (code, severity));
        let now: Vec<_> = on(Target::from(Os::ios(17))).collect();
        assert_eq!(now, [(lock, Severity::Warning), (empty, Severity::Warning)]);
        let then: Vec<_> = on(Target::from(Os::ios(13))).collect();
        assert_eq!(then, [(lock, Severity::Warning), (empty, Severity::Note)]);
    }

    #[test]
    fn an_empty_password_matters_where_it_is_observed_to_be_refused() {
        let mut profile = locked();
        profile.set_removal(Removal::AllowedEmptyPassword);
        let severity = |target| found(&profile, &target)[0].1;
        assert_eq!(severity(Target::from(Os::ios(14))), Severity::Warning);
        for target in [Target::from(Os::ios(13)), Target::from(Os::macos(14)), Target::default()] {
            assert_eq!(severity(target), Severity::Note);
        }
    }
}
