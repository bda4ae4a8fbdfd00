//! Dates and durations (facts L7, L8).

use std::time::SystemTime;

use plist::Value;

use super::{Code, Finding, Findings, removal};
use crate::{KeyPath, Profile};

pub(super) fn check(profile: &Profile, at: SystemTime, findings: &mut Findings) {
    let root = KeyPath::root();
    if past(profile, "RemovalDate", at) {
        let message = "is past: refused at install (4025)";
        findings.push(Finding::new(Code::RemovalDatePast, root.key("RemovalDate"), message));
    }
    if past(profile, "PayloadExpirationDate", at) {
        let message = "is past; it removes nothing";
        findings.push(Finding::new(Code::ExpirationDatePast, root.key("PayloadExpirationDate"), message));
    }
    duration(profile, findings);
    if removal::may_lock(profile) {
        ends(profile, at, findings);
    }
}

/// What is no number at all is the structure's to tell.
pub(super) fn duration(profile: &Profile, findings: &mut Findings) {
    let seconds = profile.get("DurationUntilRemoval");
    if seconds.is_some_and(|seconds| matches!(seconds, Value::Integer(_) | Value::Real(_)) && !positive(seconds)) {
        let path = KeyPath::root().key("DurationUntilRemoval");
        findings.push(Finding::new(Code::DurationUntilRemovalInvalid, path, "is not a positive number of seconds"));
    }
}

/// What will remove a locked profile; a date that is past already keeps it from coming.
fn ends(profile: &Profile, at: SystemTime, findings: &mut Findings) {
    let date = profile.get("RemovalDate").is_some_and(|date| date.as_date().is_some());
    let date = (date && !past(profile, "RemovalDate", at)).then_some("RemovalDate");
    let duration = profile.get("DurationUntilRemoval").is_some_and(positive).then_some("DurationUntilRemoval");
    for key in date.into_iter().chain(duration) {
        let message = "removes the profile whatever its lock says";
        findings.push(Finding::new(Code::LockEnds, KeyPath::root().key(key), message));
    }
}

/// Whether a date of the profile lies before a moment.
pub(crate) fn past(profile: &Profile, key: &str, at: SystemTime) -> bool {
    profile.get(key).and_then(Value::as_date).is_some_and(|date| SystemTime::from(date) < at)
}

fn positive(seconds: &Value) -> bool {
    let integer = seconds.as_unsigned_integer().is_some_and(|seconds| seconds > 0);
    integer || seconds.as_real().is_some_and(|seconds| seconds > 0.0)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may fail by panic")]

    use std::time::{Duration, UNIX_EPOCH};

    use plist::Date;

    use super::*;
    use crate::Removal;

    fn noon() -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(43_200)
    }

    fn locked(key: &'static str, value: impl Into<Value>) -> Profile {
        let mut profile = Profile::new("jp.example.ivi-mdm", "IVI MDM");
        profile.set_removal(Removal::Disallowed);
        profile.set(key, value).unwrap();
        profile
    }

    fn codes(profile: &Profile) -> Vec<Code> {
        let mut findings = Findings::default();
        check(profile, noon(), &mut findings);
        findings.list.iter().map(|finding| finding.code).collect()
    }

    #[test]
    fn a_lock_ends_at_a_date_to_come_and_not_at_one_that_keeps_the_profile_away() {
        let second = Duration::from_secs(1);
        assert_eq!(codes(&locked("RemovalDate", Date::from(noon() + second))), [Code::LockEnds]);
        assert_eq!(codes(&locked("RemovalDate", Date::from(noon() - second))), [Code::RemovalDatePast]);
    }

    #[test]
    fn a_lock_ends_after_a_duration_that_is_one() {
        assert_eq!(codes(&locked("DurationUntilRemoval", 0.5)), [Code::LockEnds]);
        for duration in [Value::Real(f64::NAN), Value::Integer(0.into()), Value::Integer((-1).into())] {
            assert_eq!(codes(&locked("DurationUntilRemoval", duration)), [Code::DurationUntilRemovalInvalid]);
        }
        assert_eq!(codes(&locked("DurationUntilRemoval", "60")), []);
    }
}
