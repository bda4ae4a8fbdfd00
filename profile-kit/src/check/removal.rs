//! Lock, password and what in the profile would keep its overwrite from freeing (sections 2 and 3 of the facts).

use plist::Value;

use super::{Code, Finding, Findings, Severity};
use crate::{
    KeyPath, PasswordForm, Profile, Removal, Target,
    payload::{Mdm, Restrictions, TypedPayload},
    removal::PASSWORD_TYPE,
};

pub(super) fn check(profile: &Profile, target: &Target, findings: &mut Findings) {
    flag(profile, findings);
    password(profile, target, findings);
    if may_lock(profile) {
        lock(profile, findings);
    }
}

/// Whether some device may hold its owner off: by the flag, whatever its type, or by a password alone (fact L4).
fn may_lock(profile: &Profile) -> bool {
    let flag = profile.get("PayloadRemovalDisallowed").is_some_and(|flag| flag.as_boolean() != Some(false));
    flag || matches!(profile.removal(), Removal::Password(_))
}

fn flag(profile: &Profile, findings: &mut Findings) {
    if profile.get("PayloadRemovalDisallowed").is_some_and(|flag| flag.as_boolean().is_none()) {
        let path = KeyPath::root().key("PayloadRemovalDisallowed");
        findings.push(Finding::new(Code::RemovalFlagNotBoolean, path, "is not a boolean"));
    }
}

fn password(profile: &Profile, target: &Target, findings: &mut Findings) {
    let payloads = payloads_of_type(profile, PASSWORD_TYPE);
    if let [_, second, ..] = payloads.as_slice() {
        findings.push(Finding::new(Code::SeveralRemovalPasswords, second.clone(), "is a second removal password"));
    }
    let removal = profile.removal();
    let flag_path = KeyPath::root().key("PayloadRemovalDisallowed");
    match &removal {
        Removal::Password(password) if password.is_empty() => {
            let message = "is true, and the removal password is empty";
            findings.push(Finding::new(Code::LockedWithEmptyPassword, flag_path, message));
        }
        Removal::AllowedEmptyPassword => {
            let path = payloads.first().cloned().unwrap_or_default();
            let message = "has an empty password: iOS 14 and later are observed to refuse it (2002); omit the payload";
            let severity = match target.os().map(PasswordForm::refuses_empty) {
                Some(true) => Severity::Warning,
                _ => Severity::Note,
            };
            findings.push(Finding::new(Code::EmptyRemovalPassword, path, message).of_severity(severity));
        }
        _ => {}
    }
    let asks = matches!(&removal, Removal::Password(password) if !password.is_empty());
    let hint = profile.get("HasRemovalPasscode").and_then(Value::as_boolean);
    if hint.is_some_and(|hint| hint != asks) && !profile.is_encrypted() {
        let message = if asks {
            "is false, and there is a removal password"
        } else {
            "is true, and there is no removal password"
        };
        findings.push(Finding::new(Code::RemovalPasscodeMismatch, KeyPath::root().key("HasRemovalPasscode"), message));
    }
}

fn lock(profile: &Profile, findings: &mut Findings) {
    if let Some(path) = payloads_of_type(profile, Mdm::TYPE).into_iter().next() {
        let message = "is an MDM payload in a locked profile: refused (1000)";
        findings.push(Finding::new(Code::LockedWithMdm, path, message));
    }
    let restrictions = profile.payloads().iter().enumerate().filter(|(_, p)| p.kind() == Some(Restrictions::TYPE));
    for (index, payload) in restrictions {
        let path = KeyPath::root().key("PayloadContent").index(index);
        // A value of another type may count as false: only true is sure to allow.
        let forbids = |key: &str| payload.get(key).is_some_and(|value| value.as_boolean() != Some(true));
        if forbids(INSTALL) {
            let message = "is not true in a locked profile: the overwrite cannot be installed by hand (4037)";
            findings.push(Finding::new(Code::OverwriteForbidden, path.key(INSTALL), message));
        }
        if forbids("allowSafari") {
            let message = "is not true in a locked profile: Safari cannot fetch the overwrite";
            findings.push(Finding::new(Code::SafariForbidden, path.key("allowSafari"), message));
        }
    }
}

fn payloads_of_type(profile: &Profile, kind: &str) -> Vec<KeyPath> {
    let content = KeyPath::root().key("PayloadContent");
    let all = profile.payloads().iter().enumerate();
    all.filter(|(_, payload)| payload.kind() == Some(kind)).map(|(index, _)| content.index(index)).collect()
}

const INSTALL: &str = "allowUIConfigurationProfileInstallation";
