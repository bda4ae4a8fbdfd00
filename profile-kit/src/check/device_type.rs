//! The kind of device that a profile says it is for (`TargetDeviceType`).

use plist::Value;

use super::{Code, Finding, Findings};
use crate::{KeyPath, OsVersion, Platform, Profile, Target};

pub(super) fn check(profile: &Profile, target: &Target, findings: &mut Findings) {
    let Some(platform) = target.platform else { return };
    // What no system knows is told as such.
    let Some(number) = other(profile, platform, target.version).filter(|number| *number <= 6) else { return };
    let message = format!("is {number}, which is not {platform}: refused (1015)");
    findings.push(Finding::new(Code::TargetDeviceTypeOther, KeyPath::root().key("TargetDeviceType"), message));
}

/// The number of another kind of device that a profile is for; a system that does not know the key passes it over.
pub(crate) fn other(profile: &Profile, platform: Platform, version: Option<OsVersion>) -> Option<u64> {
    let number = profile.get("TargetDeviceType").and_then(Value::as_unsigned_integer)?;
    let is_heeded = version.is_none_or(|version| version >= heeded_since(platform));
    (number != 0 && !fits(number, platform) && is_heeded).then_some(number)
}

/// A HomePod runs a tvOS of its own.
fn fits(number: u64, platform: Platform) -> bool {
    match platform {
        Platform::Ios => number == 1,
        Platform::Watchos => number == 2,
        Platform::Tvos => number == 3 || number == 4,
        Platform::Macos => number == 5,
        Platform::Visionos => number == 6,
    }
}

/// The first version that knows the key (Apple's schema).
fn heeded_since(platform: Platform) -> OsVersion {
    let (major, minor) = match platform {
        Platform::Ios | Platform::Tvos => (12, 2),
        Platform::Macos => (10, 15),
        Platform::Visionos => (1, 1),
        Platform::Watchos => (5, 2),
    };
    OsVersion { major, minor, patch: 0 }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may fail by panic")]

    use super::*;
    use crate::Os;

    fn is_other(number: i64, target: Target) -> bool {
        let mut profile = Profile::new("jp.example.ivi-mdm", "IVI MDM");
        profile.set("TargetDeviceType", number).unwrap();
        let mut findings = Findings::default();
        check(&profile, &target, &mut findings);
        findings.list.iter().any(|finding| finding.code == Code::TargetDeviceTypeOther)
    }

    #[test]
    fn each_platform_takes_its_own_number_and_any() {
        let own = [
            (Platform::Ios, 1),
            (Platform::Watchos, 2),
            (Platform::Tvos, 4),
            (Platform::Macos, 5),
            (Platform::Visionos, 6),
        ];
        for (platform, number) in own {
            let target = Target { platform: Some(platform), ..Target::default() };
            assert!(!is_other(number, target) && !is_other(0, target), "{platform}");
            assert!(is_other(number % 6 + 1, target) || platform == Platform::Tvos, "{platform}");
        }
        assert!(!is_other(3, Target { platform: Some(Platform::Tvos), ..Target::default() }));
    }

    #[test]
    fn a_system_that_does_not_know_the_key_passes_it_over() {
        assert!(!is_other(5, Target::from(Os::ios(12))));
        assert!(is_other(5, Target::from(Os::ios(13))));
        assert!(!is_other(5, Target::default()));
    }
}
