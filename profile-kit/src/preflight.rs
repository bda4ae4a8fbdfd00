//! Before delivery: whether an overwrite will free the devices that it is for.
//!
//! Runs the [device model](crate::device) on every device that is asked about, and rules nothing by itself: what is
//! installed is there, the overwrite is downloaded and installed (or sent by the MDM), and the owner, who knows no
//! password, deletes what is left.
//!
//! Where the facts leave a policy open, the device is run with every value that some source has for it
//! ([`Policy::open`]), unless the caller fixes it. A device *frees* if it does with all of them.
//!
//! ```
//! use std::time::UNIX_EPOCH;
//!
//! use profile_kit::{
//!     Arrival, Os, Payload, Profile, Removal, Overwrite,
//!     preflight::{Devices, Question, Verdict},
//! };
//!
//! let mut installed = Profile::new("jp.example.ivi-mdm", "IVI MDM");
//! installed.push(Payload::new("com.apple.applicationaccess"));
//! installed.set_removal(Removal::Disallowed);
//! installed.fill_uuids(Default::default());
//! let overwrite = Overwrite::of_unsigned(&installed).target(Os::ios(17)).build_at(UNIX_EPOCH)?;
//! let (installed, overwrite) = (Arrival::unsigned(installed), Arrival::unsigned(overwrite.profile().clone()));
//! let report = Question::new(&installed, &overwrite, UNIX_EPOCH).ask(&Devices::of(vec![Os::ios(17)]));
//! assert_eq!(report.verdict, Verdict::Frees);
//! # Ok::<(), profile_kit::Error>(())
//! ```

mod case;
mod in_force;
mod outlook;

use std::{fmt, time::SystemTime};

use self::case::Pair;
pub use self::{
    case::{Case, Outcome, Reason, Step, reason_words},
    in_force::InForce,
    outlook::{FormOutlook, Outlook, OutlookRow, outlook},
};
use crate::{
    Arrival, Device, Enrolment, InstalledBy, Os, OsVersion, Platform, Policies, Policy, device::Signature,
    policy::SignerMatch,
};

/// What is asked: an installed profile, and what is to overwrite it.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Question<'a> {
    /// What is on the devices.
    pub installed: &'a Arrival,
    /// Who installed it.
    pub installed_by: InstalledBy,
    /// What is to overwrite it.
    pub overwrite: &'a Arrival,
    /// Who installs that.
    pub overwrite_by: InstalledBy,
    /// When.
    pub at: SystemTime,
}

/// The devices that are asked about: each system, each supervised or not, with each policy that is open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Devices {
    /// Platforms and versions.
    pub systems: Vec<Os>,
    /// Supervised, not supervised, or both.
    pub supervised: Vec<bool>,
    /// How they are enrolled.
    pub enrolment: Enrolment,
    /// What they do where the sources disagree.
    pub policies: Policies,
    /// The policies that stay as they are in `policies`; all others take every value that the facts leave open.
    pub fixed: Vec<Policy>,
}

/// Whether an overwrite frees: afterwards the owner can delete what was installed without any password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verdict {
    /// The owner could delete it before, everywhere, and can afterwards.
    AlreadyFree,
    /// It frees wherever the owner could not delete it before.
    Frees,
    /// It frees some of those, or it is not known whether it does.
    FreesOnSome,
    /// It frees none of those.
    Strands,
}

/// What became of a question.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Report {
    /// Over all devices.
    pub verdict: Verdict,
    /// Device by device, the versions in the order in which they were given, supervised by supervised.
    pub rows: Vec<Row>,
    /// Which of the signer policies take the overwrite's signer for a replacement by hand.
    pub signer: Vec<(SignerMatch, bool)>,
    /// What the installed profile sets, in force until the overwrite is installed.
    pub until_overwrite: Vec<InForce>,
    /// What is in force from then on until the owner deletes it: what the overwrite sets, where some device has it
    /// replace the installed profile; what both set, where it is added beside; nothing new where all refuse it.
    pub until_deletion: Vec<InForce>,
}

/// One device.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Row {
    /// Its system.
    pub os: Os,
    /// Whether it is supervised.
    pub supervised: bool,
    /// Over its cases.
    pub verdict: Verdict,
    /// What it does, case by case: one, unless open policies decide.
    pub cases: Vec<Case>,
}

impl<'a> Question<'a> {
    /// Of what was installed by hand and is overwritten by hand.
    pub fn new(installed: &'a Arrival, overwrite: &'a Arrival, at: SystemTime) -> Self {
        Self { installed, installed_by: InstalledBy::Hand, overwrite, overwrite_by: InstalledBy::Hand, at }
    }

    /// Runs the model on each device.
    pub fn ask(&self, devices: &Devices) -> Report {
        let pair = self.pair();
        let rows: Vec<Row> = devices.each().map(|device| self.row(&device, devices, &pair)).collect();
        let cases = || rows.iter().flat_map(|row| &row.cases);
        Report {
            verdict: Verdict::over(cases().map(|case| case.outcome)),
            signer: self.signer(),
            until_overwrite: in_force::of(&self.installed.profile),
            until_deletion: self.until_deletion(cases().filter_map(|case| case.replaces)),
            rows,
        }
    }

    fn until_deletion(&self, replaces: impl Iterator<Item = bool>) -> Vec<InForce> {
        let (old, new) = (in_force::of(&self.installed.profile), in_force::of(&self.overwrite.profile));
        match replaces.max() {
            Some(true) => new,
            Some(false) => [old, new].concat(),
            None => old,
        }
    }

    fn row(&self, device: &Device, devices: &Devices, pair: &Pair) -> Row {
        let cases = self.cases(device, &devices.fixed, pair);
        Row {
            os: device.os,
            supervised: device.supervised,
            verdict: Verdict::over(cases.iter().map(|case| case.outcome)),
            cases,
        }
    }

    fn signer(&self) -> Vec<(SignerMatch, bool)> {
        let broken = matches!(self.overwrite.signature, Signature::Broken(_));
        let (old, new) = (self.installed.certificates(), self.overwrite.certificates());
        SignerMatch::ALL.iter().map(|policy| (*policy, !broken && policy.takes(old, new))).collect()
    }
}

impl Devices {
    /// Supervised and not, all open policies open.
    pub fn of(systems: Vec<Os>) -> Self {
        Self {
            systems,
            supervised: vec![true, false],
            enrolment: Enrolment::Device,
            policies: Policies::current(),
            fixed: Vec::new(),
        }
    }

    /// The same with policies of which none is open.
    pub fn with_preset(self, policies: Policies) -> Self {
        Self { policies, fixed: Policy::ALL.to_vec(), ..self }
    }

    fn each(&self) -> impl Iterator<Item = Device> {
        let kinds = self.supervised.iter().flat_map(|supervised| self.systems.iter().map(|os| (*os, *supervised)));
        kinds.map(|(os, supervised)| Device {
            enrolment: self.enrolment,
            ..Device::new(os, supervised).policies(self.policies)
        })
    }
}

impl Verdict {
    /// Over outcomes. A device whose owner can delete the profile already says nothing of the overwrite; where all are
    /// such, the verdict says so, as it does where there are none.
    pub fn over(outcomes: impl IntoIterator<Item = Outcome>) -> Self {
        let asked: Vec<Outcome> = outcomes.into_iter().filter(|outcome| *outcome != Outcome::AlreadyFree).collect();
        match asked.as_slice() {
            [] => Verdict::AlreadyFree,
            all if all.iter().all(|outcome| *outcome == Outcome::Frees) => Verdict::Frees,
            all if all.iter().all(|outcome| *outcome == Outcome::Strands) => Verdict::Strands,
            _ => Verdict::FreesOnSome,
        }
    }

    /// The word in output: `frees-on-some`.
    pub fn word(self) -> &'static str {
        match self {
            Verdict::AlreadyFree => "already-free",
            Verdict::Frees => "frees",
            Verdict::FreesOnSome => "frees-on-some",
            Verdict::Strands => "strands",
        }
    }

    /// Whether every device is free afterwards.
    pub fn is_free(self) -> bool {
        matches!(self, Verdict::AlreadyFree | Verdict::Frees)
    }

    /// Whether an overwrite of this verdict must not leave: it frees none of the devices that it is for. One that is not
    /// known to free them may, and who hands it out says so: such is what `auto` writes for a system that is not observed
    /// to refuse an empty password (L4).
    pub fn must_stay(self) -> bool {
        self == Verdict::Strands
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// The versions from one to another: the first, every major version after it, and the last. Of macOS 10 each minor
/// version, up to 10.15. Versions that Apple left out (iOS 19 to 25, macOS 16 to 25, and so on) are left out.
pub fn versions(platform: Platform, first: OsVersion, last: OsVersion) -> Vec<OsVersion> {
    let (jump, minors) = match platform {
        Platform::Macos => (16..26, 16),
        Platform::Visionos => (3..26, 1),
        Platform::Watchos => (12..26, 1),
        _ => (19..26, 1),
    };
    let whole = |major: u16| {
        let minors = if major == 10 { minors } else { 1 };
        (0..minors).map(move |minor| OsVersion { major, minor, patch: 0 })
    };
    let majors = (first.major..=last.major).filter(|major| !jump.contains(major));
    let between = majors.flat_map(whole).filter(|version| *version > first && *version < last);
    let mut all: Vec<OsVersion> = std::iter::once(first).chain(between).chain([last]).collect();
    all.dedup();
    all
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant, UNIX_EPOCH};

    use super::*;
    use crate::{Overwrite, Payload, Profile, Removal, UuidSource};

    fn spelled(platform: Platform, first: &str, last: &str) -> String {
        let (first, last) = (first.parse().expect("a version"), last.parse().expect("a version"));
        let all: Vec<String> = versions(platform, first, last).iter().map(ToString::to_string).collect();
        all.join(" ")
    }

    #[test]
    fn a_range_of_versions_is_its_ends_and_the_major_ones_between() {
        assert_eq!(spelled(Platform::Ios, "12.1", "15"), "12.1 13.0 14.0 15.0");
        assert_eq!(spelled(Platform::Ios, "17", "26"), "17.0 18.0 26.0");
        assert_eq!(spelled(Platform::Ios, "17.5", "17.5"), "17.5");
        assert_eq!(spelled(Platform::Macos, "10.14", "12"), "10.14 10.15 11.0 12.0");
    }

    #[test]
    fn a_device_that_is_free_already_says_nothing_of_the_overwrite() {
        use Outcome::{AlreadyFree, Depends, Frees, Strands};
        let over = |outcomes: &[Outcome]| Verdict::over(outcomes.iter().copied());
        assert_eq!(over(&[AlreadyFree, AlreadyFree]), Verdict::AlreadyFree);
        assert_eq!(over(&[AlreadyFree, Frees]), Verdict::Frees);
        assert_eq!(over(&[AlreadyFree, Strands]), Verdict::Strands);
        assert_eq!(over(&[Frees, Strands]), Verdict::FreesOnSome);
        assert_eq!(over(&[Depends]), Verdict::FreesOnSome);
    }

    #[test]
    fn what_a_check_says_that_devices_refuse_frees_nowhere_for_sure() {
        let mut installed = Profile::new("jp.example.ivi-mdm", "IVI MDM");
        installed.push(Payload::new("com.apple.webClip.managed"));
        installed.set_removal(Removal::Disallowed);
        let asked = |installed: &Profile, overwrite: &Profile, overwrite_by| {
            let [installed, overwrite] = [installed, overwrite].map(|profile| {
                let mut profile = profile.clone();
                profile.fill_uuids(UuidSource::Content);
                Arrival::unsigned(profile)
            });
            let devices = Devices { supervised: vec![true], ..Devices::of(vec![Os::ios(17)]) };
            let devices = devices.with_preset(Policies::current());
            let question = Question { overwrite_by, ..Question::new(&installed, &overwrite, UNIX_EPOCH) };
            let report = question.ask(&devices);
            let reasons = report.rows[0].cases[0].reasons.iter().map(|reason| reason.word);
            (report.verdict, reasons.collect::<Vec<_>>())
        };
        let key = |name: &'static str, value: plist::Value| {
            let mut faulty = installed.clone();
            faulty.set(name, value).expect("any value fits");
            faulty
        };
        let with = |kinds: &[&str]| {
            let mut faulty = installed.clone();
            for kind in kinds {
                let mut payload = Payload::new(kind);
                payload.insert("PayloadContent", plist::Value::Data(vec![1]));
                faulty.push(payload);
            }
            faulty
        };
        let faulty = [
            (key("PayloadScope", 3.into()), "Malformed"),
            (key("DurationUntilRemoval", "60".into()), "Malformed"),
            (key("PayloadScope", "Device".into()), "Setting"),
            (key("DurationUntilRemoval", 0.into()), "Setting"),
            (with(&["com.apple.security.root"]), "Setting"),
            (with(&["com.apple.networkusagerules"]), "NotByHand"),
            (with(&["com.apple.proxy.http.global"; 2]), "SeveralOfOne"),
        ];
        for (mut overwrite, reason) in faulty {
            let inherited = overwrite.clone();
            overwrite.set_removal(Removal::Allowed);
            let (verdict, reasons) = asked(&installed, &overwrite, InstalledBy::Hand);
            let expected = if reason == "Malformed" { Verdict::Strands } else { Verdict::FreesOnSome };
            assert_eq!(verdict, expected, "{reasons:?}");
            assert!(reasons.contains(&reason), "{reason}: {reasons:?}");
            // A certificate that the device has taken it takes again.
            let is_taken = overwrite.payloads().iter().any(|payload| payload.kind() == Some("com.apple.security.root"));
            let expected = if is_taken { Verdict::Frees } else { Verdict::FreesOnSome };
            assert_eq!(asked(&inherited, &overwrite, InstalledBy::Hand).0, expected, "{reason}");
        }
        let (_, reasons) = asked(&installed, &with(&["com.apple.networkusagerules"]), InstalledBy::Mdm);
        assert!(!reasons.contains(&"NotByHand"), "{reasons:?}");
    }

    #[test]
    fn a_fault_that_the_installed_profile_has_too_is_inherited_whatever_else_it_has() {
        let mut clip = Payload::new("com.apple.webClip.managed");
        clip.insert("PayloadVersion", "one");
        let mut password = Payload::new("com.apple.profileRemovalPassword");
        password.insert("RemovalPassword", "");
        for (kind, mut payload) in [(5, Payload::new("com.apple.webClip.managed")), (1, clip)] {
            payload.insert("PayloadIdentifier", "jp.example.ivi-mdm.clip");
            let mut overwrite = Profile::new("jp.example.ivi-mdm", "IVI MDM");
            overwrite.set("TargetDeviceType", kind).expect("any value fits");
            let mut installed = overwrite.clone();
            installed.push(password.clone());
            installed.set("PayloadRemovalDisallowed", true).expect("any value fits");
            installed.push(payload.clone());
            overwrite.push(payload);
            let [installed, overwrite] = [installed, overwrite].map(|mut profile| {
                profile.fill_uuids(UuidSource::Content);
                Arrival::unsigned(profile)
            });
            let devices = Devices { supervised: vec![true], ..Devices::of(vec![Os::ios(17)]) };
            let report = Question::new(&installed, &overwrite, UNIX_EPOCH).ask(&devices);
            let cases: Vec<_> = report.rows.iter().flat_map(|row| &row.cases).collect();
            assert!(cases.iter().all(|case| case.outcome != Outcome::Frees), "{cases:?}");
            assert!(cases.iter().all(|case| case.outcome != Outcome::Strands), "{cases:?}");
        }
    }

    #[test]
    fn thousands_of_payloads_are_asked_about_without_a_comparison_of_each_with_each() {
        let mut installed = Profile::new("jp.example.ivi-mdm", "IVI MDM");
        for number in 0..8_000 {
            let mut clip = Payload::new("com.apple.webClip.managed");
            clip.insert("PayloadIdentifier", format!("jp.example.ivi-mdm.{number}"));
            clip.insert("Label", format!("{number}"));
            installed.push(clip);
        }
        installed.set_removal(Removal::Disallowed);
        installed.fill_uuids(UuidSource::Content);
        let overwrite = Overwrite::of_unsigned(&installed).target(Os::ios(17)).build_at(UNIX_EPOCH).unwrap();
        let [installed, overwrite] = [installed, overwrite.profile().clone()].map(Arrival::unsigned);
        let devices = Devices::of(vec![Os::ios(17)]).with_preset(Policies::current());
        let start = Instant::now();
        let report = Question::new(&installed, &overwrite, UNIX_EPOCH).ask(&devices);
        assert_eq!(report.verdict, Verdict::Frees);
        // It takes two seconds without optimisation; comparing each with each takes minutes.
        assert!(start.elapsed() < Duration::from_secs(30), "{:?}", start.elapsed());
    }
}
