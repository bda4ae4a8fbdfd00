//! Restrictions of a locked profile that keep its overwrite from arriving, or bear on the order of things (section 3).

use super::{Code, Finding, Findings, Severity, removal};
use crate::{
    InstalledBy, Payload, Platform, Profile, Target,
    key_path::Trail,
    payload::{Restrictions, TypedPayload},
};

pub(super) fn check(profile: &Profile, target: &Target, findings: &mut Findings) {
    if !removal::may_lock(profile) {
        return;
    }
    for (place, payload) in profile.payloads_of_type(Restrictions::TYPE) {
        delivery(payload, &place, target, findings);
        apps(payload, &place, findings);
    }
}

fn delivery(payload: &Payload, place: &Trail<'_>, target: &Target, findings: &mut Findings) {
    // A value of another type may count as false: only true is sure to allow.
    let forbids = |key: &str| payload.get(key).is_some_and(|value| value.as_boolean() != Some(true));
    // What the MDM installed it also replaces, and by hand nobody can (fact R9).
    let by_mdm = (target.installed_by == Some(InstalledBy::Mdm)).then_some(Severity::Note);
    if forbids(INSTALL) {
        let message = "is not true in a locked profile: the overwrite cannot be installed by hand (4037)";
        let finding = Finding::new(Code::OverwriteForbidden, place.key(INSTALL), message);
        let severity = by_mdm.or(passes_over(target)).unwrap_or(finding.severity);
        findings.push(finding.of_severity(severity));
    }
    if forbids(SAFARI) {
        let message = "is not true in a locked profile: Safari cannot fetch the overwrite";
        let finding = Finding::new(Code::SafariForbidden, place.key(SAFARI), message);
        let severity = by_mdm.unwrap_or(finding.severity);
        findings.push(finding.of_severity(severity));
    }
}

/// iOS heeds the restriction on supervised devices (Apple's schema); that one passes it over nobody should rely on.
fn passes_over(target: &Target) -> Option<Severity> {
    let unsupervised = target.supervised == Some(false) && target.platform == Some(Platform::Ios);
    unsupervised.then_some(Severity::Warning)
}

fn apps(payload: &Payload, place: &Trail<'_>, findings: &mut Findings) {
    for key in APPS.iter().filter(|key| payload.get(key).is_some_and(|value| value.as_boolean() == Some(false))) {
        let message = "is false in a locked profile: the client app has to stay until the overwrite is there (W4)";
        findings.push(Finding::new(Code::AppsRestricted, place.key(key), message));
    }
}

const INSTALL: &str = "allowUIConfigurationProfileInstallation";
const SAFARI: &str = "allowSafari";
/// With one of them false a client app that is gone does not come back, or cannot go.
const APPS: &[&str] = &["allowAppInstallation", "allowUIAppInstallation", "allowAppRemoval"];

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;
    use crate::{Os, Removal, check};

    fn severities(key: &'static str, target: &Target) -> Vec<Severity> {
        let mut profile = Profile::new("jp.example.ivi-mdm", "IVI MDM");
        let mut restrictions = Payload::new(Restrictions::TYPE);
        restrictions.insert(key, false);
        profile.push(restrictions);
        profile.set_removal(Removal::Disallowed);
        let findings = check::check(&profile, target, UNIX_EPOCH).into_iter();
        findings.filter(|finding| finding.code.subject() == "Freeing").map(|finding| finding.severity).collect()
    }

    #[test]
    fn what_bars_the_overwrite_by_hand_is_no_error_where_the_mdm_brings_it() {
        let managed = Target { installed_by: Some(InstalledBy::Mdm), ..Target::from(Os::ios(17)) };
        for key in [INSTALL, SAFARI] {
            assert_eq!(severities(key, &managed), [Severity::Note], "{key}");
        }
    }

    #[test]
    fn an_unsupervised_device_may_pass_the_restriction_over() {
        let target = Target { supervised: Some(false), ..Target::from(Os::ios(17)) };
        assert_eq!(severities(INSTALL, &target), [Severity::Warning]);
        assert_eq!(severities(INSTALL, &Target::from(Os::ios(17))), [Severity::Error]);
    }

    #[test]
    fn each_restriction_of_apps_is_a_note() {
        for key in APPS {
            assert_eq!(severities(key, &Target::default()), [Severity::Note], "{key}");
        }
    }
}
