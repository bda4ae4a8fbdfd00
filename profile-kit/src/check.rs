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

use std::{collections::HashMap, time::SystemTime};

pub use crate::finding::{Code, Finding, Severity, UnknownCode};
pub(crate) use dates::past;
pub(crate) use device_type::other as other_device_type;

use self::structure::Uuids;
use crate::{Profile, Target};

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
    findings.list
}

/// Collects findings, so many of one code that a person can read them and a hostile file cannot fill the memory.
#[derive(Default)]
struct Findings {
    list: Vec<Finding>,
    counts: HashMap<Code, usize>,
}

impl Findings {
    fn push(&mut self, finding: Finding) {
        let count = self.counts.entry(finding.code).or_insert(0);
        *count += 1;
        if *count <= MOST_OF_A_CODE {
            self.list.push(finding);
        }
    }

    /// Whether another finding of a code would not be kept: asked before a path is copied.
    fn is_full(&self, code: Code) -> bool {
        self.counts.get(&code).is_some_and(|&count| count >= MOST_OF_A_CODE)
    }
}

/// More findings of one code than this are not told.
pub const MOST_OF_A_CODE: usize = 100;

/// What a profile's own structure breaks: keys that every profile has, and their types.
pub fn structure(profile: &Profile) -> Vec<Finding> {
    let mut findings = Findings::default();
    structure::check(profile, &mut findings);
    findings.list
}

/// What a profile's payloads break of Apple's schema, whatever the target.
pub(crate) fn settings(profile: &Profile) -> Vec<Finding> {
    let mut findings = Findings::default();
    schema::check(profile, &Target::default(), &mut findings);
    findings.list
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
    findings.list.retain(|finding| finding.code.refused_everywhere());
    findings.list
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Payload, UuidSource};

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
    fn signing_refuses_no_uuid_that_it_gives() {
        let mut profile = Profile::new("x", "x");
        profile.push(Payload::new(""));
        let before = refusals_before_uuids(&profile);
        profile.fill_uuids(UuidSource::Content);
        assert_eq!(before, refusals(&profile));
        assert_eq!(before.len(), 1, "the type is empty");
    }
}
