//! Rules over the values of a profile: what a device would say of it.
//!
//! No I/O and no clock: the time is an argument. Each thing that a rule has to say is a [`Finding`].

mod dates;
mod device_type;
mod freeing;
mod questions;
mod removal;
mod schema;
mod secrets;
mod settings;
mod structure;

use std::{collections::BTreeMap, time::SystemTime};

pub use crate::finding::{Code, Finding, Severity, UnknownCode};
pub(crate) use dates::past;
pub(crate) use device_type::other as other_device_type;
pub(crate) use schema::{not_by_hand, once_only};

use self::structure::Uuids;
use crate::{KeyPath, Profile, Target, key_path::Trail};

/// Everything that can be said of a profile for a target, in the order of the rules.
///
/// What is not known of the target is not held against the profile. `at` is the moment that dates are compared with.
pub fn check(profile: &Profile, target: &Target, at: SystemTime) -> Vec<Finding> {
    let mut findings = Findings::default();
    structure::check(profile, &mut findings);
    device_type::check(profile, target, &mut findings);
    dates::check(profile, at, &mut findings);
    removal::check(profile, target, &mut findings);
    freeing::check(profile, target, &mut findings);
    schema::check(profile, target, &mut findings);
    settings::check(profile, &mut findings);
    questions::check(profile, target, &mut findings);
    secrets::check(profile, &mut findings);
    findings.told()
}

/// Collects findings, so many of one code that a person can read them and a hostile file cannot fill the memory. Of one
/// severity each: many warnings do not hide an error.
#[derive(Default)]
struct Findings {
    list: Vec<Finding>,
    counts: BTreeMap<(Code, Severity), usize>,
}

impl Findings {
    fn push(&mut self, finding: Finding) {
        if self.keeps(finding.code, finding.severity) {
            self.list.push(finding);
        }
    }

    /// Likewise, and writes neither path nor sentence of a finding that is only counted.
    fn push_at(&mut self, code: Code, severity: Severity, place: &Trail<'_>, message: impl FnOnce() -> String) {
        if self.keeps(code, severity) {
            self.list.push(Finding::new(code, place.path(), message()).of_severity(severity));
        }
    }

    /// Counts one more.
    fn keeps(&mut self, code: Code, severity: Severity) -> bool {
        let count = self.counts.entry((code, severity)).or_insert(0);
        *count += 1;
        *count <= MOST_OF_A_CODE
    }

    /// What was kept, and how many are left out.
    fn told(self) -> Vec<Finding> {
        let left_out = self.counts.into_iter().filter_map(|((code, severity), count)| {
            let rest = count.checked_sub(MOST_OF_A_CODE).filter(|rest| *rest > 0)?;
            let message = match rest {
                1 => "1 more finding like these is not told".into(),
                rest => format!("{rest} more findings like these are not told"),
            };
            let finding = Finding::new(code, KeyPath::root(), message).of_severity(severity);
            Some(Finding { count: rest, ..finding })
        });
        self.list.into_iter().chain(left_out).collect()
    }
}

/// More findings of one code and severity than this are not told: one more, about the whole profile, counts them.
pub const MOST_OF_A_CODE: usize = 100;

/// What a profile's own structure breaks: keys that every profile has, and their types.
pub fn structure(profile: &Profile) -> Vec<Finding> {
    let mut findings = Findings::default();
    structure::check(profile, &mut findings);
    findings.told()
}

/// What a profile's payloads break of Apple's schema or hold in vain, whatever the target.
pub(crate) fn settings(profile: &Profile) -> Vec<Finding> {
    let mut findings = Findings::default();
    schema::check(profile, &Target::default(), &mut findings);
    settings::check(profile, &mut findings);
    findings.told()
}

/// What a profile's structure and its duration break, whatever the target and the time.
pub(crate) fn faults(profile: &Profile) -> Vec<Finding> {
    let mut findings = Findings::default();
    structure::check(profile, &mut findings);
    dates::duration(profile, &mut findings);
    findings.told()
}

/// The structural errors that no target takes: what signing refuses, each allowable by its code.
pub fn refusals(profile: &Profile) -> Vec<Finding> {
    refused(profile, Uuids::AreThere)
}

/// The same of a profile whose missing UUIDs are given when it is signed.
pub(crate) fn refusals_before_uuids(profile: &Profile) -> Vec<Finding> {
    refused(profile, Uuids::Come)
}

fn refused(profile: &Profile, uuids: Uuids) -> Vec<Finding> {
    let mut findings = Findings::default();
    structure::keys(profile, uuids, &mut findings);
    let mut findings = findings.told();
    findings.retain(|finding| finding.code.refused_everywhere());
    findings
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Enrolment, Os, Payload, UuidSource};

    #[test]
    fn a_placeholder_in_another_script_is_told_as_one_that_is_left() {
        for (text, word) in [("{{シリアル}}", Some("シリアル")), ("{{ user.name }}", None), ("%シリアル%", None)]
        {
            let mut profile = Profile::new("jp.example.ivi-mdm", "IVI MDM");
            profile.set("PayloadDescription", text).unwrap();
            profile.push(Payload::new("com.apple.applicationaccess"));
            profile.fill_uuids(UuidSource::Content);
            let found = check(&profile, &Target::default(), SystemTime::UNIX_EPOCH);
            let left = found.iter().find(|finding| finding.code == Code::PlaceholderLeft);
            let told =
                word.map(|word| format!("holds {{{{{word}}}}}, which is no placeholder: {}", crate::template::NAME));
            assert_eq!(left.map(|finding| finding.message.clone()), told);
        }
    }

    #[test]
    fn an_error_is_told_behind_more_warnings_of_its_code_than_are_told() {
        let mut profile = Profile::new("jp.example.ivi-mdm", "IVI MDM");
        let described = &crate::schema::find("com.apple.applicationaccess")[0];
        for _ in 0..10 {
            let mut payload = Payload::new("com.apple.applicationaccess");
            for key in described.keys.iter().filter(|key| key.kind == crate::schema::Type::Boolean) {
                payload.insert(key.name, true);
            }
            profile.push(payload);
        }
        profile.push(Payload::new("com.apple.app.lock"));
        let target = Target { enrolment: Some(Enrolment::User), ..Target::from(Os::ios(17)) };
        let findings = check(&profile, &target, SystemTime::UNIX_EPOCH);
        let of = |severity| {
            let of = |finding: &&Finding| (finding.code, finding.severity) == (Code::NotWithEnrolment, severity);
            findings.iter().filter(of).map(ToString::to_string).collect::<Vec<_>>()
        };
        let lock = "NotWithEnrolment: PayloadContent[10].PayloadType: is not allowed with user enrolment (iOS)";
        assert_eq!(of(Severity::Error), [lock]);
        let warnings = of(Severity::Warning);
        assert_eq!(warnings.len(), MOST_OF_A_CODE + 1);
        assert!(warnings[100].ends_with(" more findings like these are not told"), "{}", warnings[100]);
    }

    #[test]
    fn what_is_not_told_is_counted() {
        let (one, many) = ("1 more finding like these is not told", "50 more findings like these are not told");
        for (count, told) in [(100, None), (101, Some(one)), (150, Some(many))] {
            let mut findings = Findings::default();
            (0..count).for_each(|_| findings.push(Finding::new(Code::MissingKey, KeyPath::root().key("x"), "")));
            let all = findings.told();
            assert_eq!(all.get(100).map(|last| last.message.as_str()), told);
            assert_eq!(all.iter().map(|finding| finding.count).sum::<usize>(), count);
            assert_eq!(all.last().and_then(Finding::device_error).is_none(), told.is_some());
        }
    }

    #[test]
    fn signing_refuses_what_the_structure_breaks_for_every_target() {
        let mut profile = Profile::new("x", "{{left}}\u{1}");
        for _ in 0..2 {
            let mut payload = Payload::new("");
            payload.insert("PayloadIdentifier", "same");
            payload.insert("PayloadUUID", "same");
            payload.insert("PayloadVersion", "{{left}}");
            profile.push(payload);
        }
        profile.set("ConsentText", "text").expect("any value fits");
        for profile in [profile, Profile::new("x", "x")] {
            let mut everywhere = structure(&profile);
            everywhere.retain(|finding| finding.code.refused_everywhere());
            assert!(!everywhere.is_empty());
            assert_eq!(refusals(&profile), everywhere);
        }
    }

    #[test]
    fn signing_refuses_a_scope_or_a_duration_of_another_type_as_it_does_a_date() {
        for key in ["RemovalDate", "PayloadScope", "DurationUntilRemoval"] {
            let mut profile = Profile::new("x", "x");
            profile.push(Payload::new("com.apple.webClip.managed"));
            profile.set(key, true).expect("any value fits");
            profile.fill_uuids(UuidSource::Content);
            let [finding] = &refusals(&profile)[..] else { panic!("{key}: {:?}", refusals(&profile)) };
            assert_eq!((finding.code, finding.path.to_string()), (Code::WrongType, key.into()));
            let all = check(&profile, &Target::default(), SystemTime::UNIX_EPOCH);
            assert_eq!(all.iter().filter(|finding| finding.severity == Severity::Error).collect::<Vec<_>>(), [finding]);
        }
    }

    #[test]
    fn signing_refuses_no_uuid_that_it_gives() {
        let mut profile = Profile::new("x", "x");
        profile.push(Payload::new(""));
        let before = refusals_before_uuids(&profile);
        profile.fill_uuids(UuidSource::Content);
        assert_eq!(before, refusals(&profile));
        assert_eq!(before.len(), 1, "the type is empty");
    }
}
