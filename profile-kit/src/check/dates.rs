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
    let seconds = profile.get("DurationUntilRemoval");
    if seconds.is_some_and(|seconds| !positive(seconds)) {
        let message = "is not a positive number of seconds";
        findings.push(Finding::new(Code::DurationUntilRemovalInvalid, root.key("DurationUntilRemoval"), message));
    }
    if removal::may_lock(profile) {
        ends(profile, at, findings);
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
