use plist::{Dictionary, Value};

use super::*;
use crate::{Enrolment, payload::Key};

/// The codes and places that are found in a payload of a type, without its own place.
fn found(kind: &str, xml: &str, target: Target) -> Vec<(Code, String)> {
    let findings = findings(&profile(kind, xml), target);
    let found = findings.iter().map(|finding| {
        let path = finding.path.to_string();
        (finding.code, path.trim_start_matches("PayloadContent[0].").to_owned())
    });
    found.collect()
}

fn findings(profile: &Profile, target: Target) -> Vec<Finding> {
    let mut findings = Findings::default();
    check(profile, &target, &mut findings);
    findings.list
}

fn profile(kind: &str, xml: &str) -> Profile {
    let xml = format!("<plist version=\"1.0\"><dict>{xml}</dict></plist>");
    let settings: Dictionary = plist::from_bytes(xml.as_bytes()).unwrap();
    let mut payload = Payload::new(kind);
    settings.into_iter().for_each(|(key, value)| payload.insert(key, value));
    let mut profile = Profile::new("com.example", "Example");
    profile.push(payload);
    profile
}

fn any() -> Target {
    Target::default()
}

const RESTRICTIONS: &str = "com.apple.applicationaccess";
const WIFI: &str = "com.apple.wifi.managed";
const MDM: &str = "<key>IdentityCertificateUUID</key><string>00000000-0000-4000-8000-000000000000</string>\
                   <key>Topic</key><string>t</string><key>ServerURL</key><string>https://h/</string>";

#[test]
fn finds_faults_at_every_depth() {
    let xml = "<key>EAPClientConfiguration</key><dict><key>AcceptEAPTypes</key><array><integer>99</integer></array>\
               <key>UserNam</key><string>x</string></dict><key>QoSMarkingPolicy</key><dict>\
               <key>QoSMarkingEnabled</key><integer>1</integer></dict>";
    let expected = [
        (Code::ValueNotAllowed, "EAPClientConfiguration.AcceptEAPTypes[0]".into()),
        (Code::UnknownKey, "EAPClientConfiguration.UserNam".into()),
        (Code::SettingType, "QoSMarkingPolicy.QoSMarkingEnabled".into()),
    ];
    assert_eq!(found(WIFI, xml, any()), expected);
}

#[test]
fn asks_for_what_is_required_only_where_its_dictionary_is() {
    assert_eq!(found(WIFI, "", any()), []);
    let xml = "<key>EAPClientConfiguration</key><dict/>";
    assert_eq!(found(WIFI, xml, any()), [(Code::MissingSetting, "EAPClientConfiguration.AcceptEAPTypes".into())]);
}

#[test]
fn follows_dictionaries_that_contain_themselves_as_far_as_the_file_goes() {
    let page = |inner: &str| {
        format!(
            "<key>Type</key><string>Folder</string><key>Pages</key><array><array><dict>{inner}</dict></array></array>"
        )
    };
    let wrong = "<key>Type</key><string>Nothing</string>";
    let xml = format!("<key>Pages</key><array><array><dict>{}</dict></array></array>", page(&page(wrong)));
    let path = "Pages[0][0].Pages[0][0].Pages[0][0].Type";
    assert_eq!(found("com.apple.homescreenlayout", &xml, any()), [(Code::ValueNotAllowed, path.into())]);
}

/// As deep as a file may be.
const DEEP: usize = 512;

#[test]
fn a_deep_value_where_the_schema_ends_is_let_be() {
    let deep = (0..DEEP).fold(Value::from("end"), |inner, _| one("a", inner));
    let mut profile = profile("com.apple.webcontent-filter", "<key>FilterType</key><string>Plugin</string>");
    profile.payloads_mut()[0].insert("VendorConfig", deep);
    let unknown = |finding: &Finding| matches!(finding.code, Code::UnknownKey | Code::SettingType);
    assert!(!findings(&profile, any()).iter().any(unknown));
}

#[test]
fn a_deep_value_is_followed_to_its_end() {
    let page = |inner| one("Pages", Value::Array(vec![Value::Array(vec![inner])]));
    let deep = (0..DEEP / 3).fold(one("Type", "Nothing".into()), |inner, _| page(inner));
    let mut profile = profile("com.apple.homescreenlayout", "");
    profile.payloads_mut()[0].insert("Pages", Value::Array(vec![Value::Array(vec![deep])]));
    assert!(findings(&profile, any()).iter().any(|finding| finding.code == Code::ValueNotAllowed));
}

fn one(key: &str, value: Value) -> Value {
    Value::Dictionary(Dictionary::from_iter([(key.to_owned(), value)]))
}

#[test]
fn a_type_of_several_uses_may_have_the_keys_of_all() {
    let xml = "<key>RequireAdminForIBSS</key><true/><key>timeServer</key><string>t</string>";
    assert_eq!(found("com.apple.MCX", xml, any()), []);
    let xml = format!("{xml}<key>timeServr</key><string>t</string>");
    assert_eq!(found("com.apple.MCX", &xml, any()), [(Code::UnknownKey, "timeServr".into())]);
}

#[test]
fn a_payload_is_held_against_the_use_that_it_fits() {
    let kerberos = |data: &str| {
        format!(
            "<key>ExtensionIdentifier</key><string>com.apple.AppSSOKerberos.KerberosExtension</string>\
             <key>TeamIdentifier</key><string>apple</string><key>Type</key><string>Credential</string>\
             <key>Realm</key><string>EXAMPLE.COM</string><key>Hosts</key><array><string>.example.com</string></array>\
             <key>ExtensionData</key><dict>{data}</dict>"
        )
    };
    let fits = "<key>domainRealmMapping</key><dict><key>EXAMPLE.COM</key><array><string>.h</string></array></dict>";
    assert_eq!(found("com.apple.extensiblesso", &kerberos(fits), any()), []);
    let unfit = "<key>domainRealmMapping</key><dict><key>EXAMPLE.COM</key><string>.h</string></dict>";
    let path = r#"ExtensionData.domainRealmMapping."EXAMPLE.COM""#;
    let expected = [(Code::SettingType, path.into())];
    assert_eq!(found("com.apple.extensiblesso", &kerberos(unfit), any()), expected);
}

#[test]
fn languages_of_a_consent_text_are_no_unknown_keys() {
    let mut profile = profile(WIFI, "");
    let texts = [("default", Value::from("Agree?")), ("ja", Value::from(1))];
    let texts = texts.into_iter().map(|(language, text)| (language.to_owned(), text)).collect::<Dictionary>();
    profile.set("ConsentText", Value::Dictionary(texts)).unwrap();
    let found: Vec<_> = findings(&profile, any()).iter().map(ToString::to_string).collect();
    assert_eq!(found, ["SettingType: ConsentText.ja: is an integer, not a string"]);
}

#[test]
fn types_of_vendors_are_let_be() {
    for kind in ["com.google.Chrome", "com.apple.Safari", "com.apple.preferences.users", "com.apple.screensaver.ByHost"]
    {
        assert_eq!(found(kind, "<key>a</key><true/>", any()), [], "{kind}");
    }
}

#[test]
fn a_type_that_is_a_typing_error_away_is_told() {
    for kind in [
        "com.apple.wifi.manged",
        "com.apple.wifi.managed ",
        "Com.Apple.WiFi.Managed",
        "com.apple.webclip.managed",
        "com.apple.apllicationaccess",
        "com.apple.aplicationacces",
    ] {
        assert_eq!(found(kind, "", any()), [(Code::TypeMisspelt, "PayloadType".into())], "{kind}");
    }
}

#[test]
fn a_type_that_nobody_has_is_told_where_only_apples_count() {
    let told = |kind: &str, target: Target| {
        let found = findings(&profile(kind, ""), target);
        found.first().map(|finding| (finding.code, finding.severity))
    };
    let warned = Some((Code::TypeUnknown, Severity::Warning));
    for os in [Os::ios(17), Os::tvos(17)] {
        assert_eq!(told("com.apple.wifi", os.into()), warned, "{os}");
        assert_eq!(told("com.example.settings", os.into()), Some((Code::TypeUnknown, Severity::Note)), "{os}");
    }
    for target in [any(), Os::macos(15).into()] {
        assert_eq!(told("com.apple.wifi", target), None, "{target:?}");
    }
}

#[test]
fn says_near_keys() {
    let findings = findings(&profile(RESTRICTIONS, "<key>alowCamera</key><false/>"), any());
    assert!(findings[0].message.ends_with("did you mean allowCamera?"), "{}", findings[0].message);
}

#[test]
fn what_is_not_known_of_the_target_is_not_held_against_a_profile() {
    let xml = "<key>allowAppInstallation</key><false/><key>allowAirDrop</key><false/>";
    assert_eq!(found(RESTRICTIONS, xml, any()), []);
    assert_eq!(found(RESTRICTIONS, xml, Os::ios(17).into()), []);
    assert_eq!(found("com.apple.dock", "", any()), []);
}

#[test]
fn a_key_is_held_against_the_targets_version() {
    let xml = "<key>blacklistedAppBundleIDs</key><array/><key>allowCallRecording</key><false/>";
    let codes = |os: Os| found(RESTRICTIONS, xml, os.into()).into_iter().map(|(code, _)| code).collect::<Vec<_>>();
    assert_eq!(codes(Os::ios(14)), [Code::NotYetSupported]);
    assert_eq!(codes(Os::ios(15)), [Code::Deprecated, Code::NotYetSupported]);
    assert_eq!(codes(Os::ios(19)), [Code::Deprecated]);
    assert_eq!(codes(Os::macos(15)), [Code::NotOnPlatform, Code::NotOnPlatform]);
}

#[test]
fn a_deprecated_key_is_a_note_until_the_target_has_reached_it() {
    let profile = profile(RESTRICTIONS, "<key>blacklistedAppBundleIDs</key><array/>");
    assert_eq!(findings(&profile, any())[0].severity, Severity::Note);
    assert_eq!(findings(&profile, Os::ios(17).into())[0].severity, Severity::Warning);
}

#[test]
fn a_removed_key_does_not_work() {
    let xml = format!("{MDM}<key>ManagedAppleID</key><string>a</string>");
    let codes = |os: Os| found("com.apple.mdm", &xml, os.into());
    assert_eq!(codes(Os::ios(16)), []);
    assert_eq!(codes(Os::ios(17)), [(Code::Deprecated, "ManagedAppleID".into())]);
    assert_eq!(codes(Os::ios(18)), [(Code::NoLongerSupported, "ManagedAppleID".into())]);
}

#[test]
fn supervision_matters_where_it_is_known_to_be_absent() {
    let unsupervised = Target { supervised: Some(false), ..Os::ios(17).into() };
    let xml = "<key>allowAppInstallation</key><false/><key>allowCamera</key><false/><key>allowAirDrop</key><true/>";
    let expected = [(Code::NeedsSupervision, "allowAppInstallation".into())];
    assert_eq!(found(RESTRICTIONS, xml, unsupervised), expected, "a default that is passed over loses nothing");
    assert_eq!(found(RESTRICTIONS, xml, Target { supervised: Some(true), ..unsupervised }), []);
}

#[test]
fn a_payload_that_comes_by_mdm_only_does_not_install_by_hand() {
    let by = |who| Target { installed_by: Some(who), ..Os::ios(17).into() };
    let profile = profile("com.apple.networkusagerules", "<key>ApplicationRules</key><array/>");
    let [finding] = &findings(&profile, by(InstalledBy::Hand))[..] else { panic!("one finding") };
    assert_eq!((finding.code, finding.severity), (Code::NotByHand, Severity::Error));
    assert_eq!(findings(&profile, by(InstalledBy::Mdm)), []);
}

#[test]
fn enrolment_bars_payloads_and_passes_over_keys() {
    let with = |enrolment| Target { enrolment: Some(enrolment), ..Os::ios(17).into() };
    let severities = |profile: &Profile, enrolment| {
        let found = findings(profile, with(enrolment));
        found.iter().map(|finding| (finding.code, finding.severity)).collect::<Vec<_>>()
    };
    let layout = profile("com.apple.homescreenlayout", "<key>Pages</key><array/>");
    assert_eq!(severities(&layout, Enrolment::User), [(Code::NotWithEnrolment, Severity::Error)]);
    assert_eq!(severities(&layout, Enrolment::Device), []);
    let mdm = profile("com.apple.mdm", &format!("{MDM}<key>AccessRights</key><integer>1</integer>"));
    assert_eq!(severities(&mdm, Enrolment::User), [(Code::NotWithEnrolment, Severity::Warning)]);
    assert_eq!(severities(&mdm, Enrolment::SharedIpad), []);
}

#[test]
fn a_key_is_not_missed_where_the_target_does_not_know_it() {
    let xml = "<key>Passwords</key><array><dict><key>Password</key><string>p</string></dict></array>";
    let missed = |os: Os| {
        let found = found("com.apple.airplay", xml, os.into()).into_iter();
        found.filter(|(code, _)| *code == Code::MissingSetting).map(|(_, path)| path).collect::<Vec<_>>()
    };
    assert_eq!(missed(Os::macos(15)), ["Passwords[0].DeviceName"]);
    assert_eq!(missed(Os::macos(14)), [""; 0]);
}

#[test]
fn a_number_may_be_named_or_in_the_range() {
    let xml = |minutes| {
        format!(
            "<key>com.apple.EnergySaver.desktop.ACPower</key>\
             <dict><key>Display Sleep Timer</key><integer>{minutes}</integer></dict>"
        )
    };
    for (minutes, count) in [(0, 0), (180, 0), (181, 1)] {
        assert_eq!(found("com.apple.MCX", &xml(minutes), any()).len(), count, "{minutes}");
    }
}

#[test]
fn an_old_name_that_devices_take_is_let_be() {
    let xml = |kind| {
        format!("<key>Pages</key><array><array><dict><key>Type</key><string>{kind}</string></dict></array></array>")
    };
    assert_eq!(found("com.apple.homescreenlayout", &xml("Application"), any()), []);
    assert_eq!(found("com.apple.homescreenlayout", &xml("Applications"), any()).len(), 1);
}

#[test]
fn a_payload_that_is_there_once_only_is_told_the_second_time() {
    let twice = |kind: &str, xml: &str| {
        let mut profile = profile(kind, xml);
        profile.push(profile.payloads()[0].clone());
        findings(&profile, any()).iter().map(|finding| (finding.code, finding.severity)).collect::<Vec<_>>()
    };
    assert_eq!(twice("com.apple.mdm", MDM), [(Code::SeveralOfOne, Severity::Error)]);
    assert_eq!(twice("com.apple.dock", ""), [(Code::SeveralOfOne, Severity::Warning)]);
    assert_eq!(twice(WIFI, ""), []);
}

#[test]
fn a_placeholder_is_no_wrong_value() {
    let xml = "<key>allowCamera</key><string>{{camera}}</string>";
    assert_eq!(found(RESTRICTIONS, xml, any()), []);
}

/// A finding shows values of keys that have a choice or a range.
#[test]
fn no_value_that_is_shown_is_a_secret() {
    for known in crate::payload::known_types() {
        for described in schema::find(known.kind) {
            none_is_shown(known.keys, described.keys, 0);
        }
    }
}

fn none_is_shown(known: &[Key], described: Keys, depth: usize) {
    // Some dictionaries contain themselves.
    for key in known.iter().filter(|_| depth < 8) {
        let Some(described) = described.find(key.name) else { continue };
        assert!(!key.secret || described.values.is_empty() && described.range.is_none(), "{}", key.name);
        none_is_shown(key.keys(), described.keys, depth + 1);
    }
}
