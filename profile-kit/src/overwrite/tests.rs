use std::time::{Duration, UNIX_EPOCH};

use plist::{Date, Value};
use proptest::prelude::*;

use super::*;
use crate::{KeyPath, UuidSource, check::Code, diff::diff};

const NOW: SystemTime = UNIX_EPOCH;

fn locked() -> Profile {
    let mut profile = Profile::new("jp.example.ivi-mdm", "IVI MDM");
    let mut restrictions = Payload::new("com.apple.applicationaccess");
    restrictions.insert("allowAppInstallation", false);
    profile.push(restrictions);
    profile.set_removal(Removal::Disallowed);
    profile.fill_uuids(UuidSource::Content);
    profile
}

fn with_password(password: &str) -> Profile {
    let mut profile = locked();
    profile.set_removal(Removal::Password(password.into()));
    profile.payloads_mut()[1].insert("PayloadUUID", "0C5B5C22-6F0A-4C4F-9F0A-0D9C1B8F6A11");
    profile
}

fn of(installed: &Profile) -> Overwrite {
    Overwrite::of_unsigned(installed).build_at(NOW).unwrap()
}

fn refusal(of: OverwriteOf<'_>) -> String {
    of.build_at(NOW).unwrap_err().to_string()
}

fn fault_codes(overwrite: &Overwrite) -> Vec<Code> {
    overwrite.faults().iter().map(|fault| fault.code).collect()
}

#[test]
fn keeps_the_identifier_byte_for_byte_and_takes_a_fresh_uuid() {
    let installed = locked();
    let overwrite = of(&installed);
    assert_eq!(overwrite.profile().identifier(), installed.identifier());
    assert_ne!(overwrite.profile().uuid(), installed.uuid());
}

#[test]
fn the_same_installed_profile_gives_the_same_overwrite() {
    assert_eq!(of(&locked()).profile(), of(&locked()).profile());
}

#[test]
fn each_form_has_a_uuid_of_its_own() {
    let installed = locked();
    let build = |form| Overwrite::of_unsigned(&installed).removal_password(form).build_at(NOW).unwrap();
    assert_ne!(build(PasswordForm::Empty).profile().uuid(), build(PasswordForm::Omitted).profile().uuid());
}

#[test]
fn an_overwrite_of_an_overwrite_is_fresh_again() {
    let first = of(&locked());
    assert_ne!(of(first.profile()).profile().uuid(), first.profile().uuid());
}

#[test]
fn auto_omits_the_password_for_ios_14_and_later_and_empties_it_elsewhere() {
    let form = |target| PasswordForm::Auto.for_target(target);
    assert_eq!(form(Some(Os::ios(14))), PasswordForm::Omitted);
    assert_eq!(form(Some(Os::ios(18))), PasswordForm::Omitted);
    assert_eq!(form(Some(Os::ios(13))), PasswordForm::Empty);
    assert_eq!(form(Some(Os::macos(15))), PasswordForm::Empty);
    assert_eq!(form(None), PasswordForm::Empty);
}

#[test]
fn a_chosen_form_stays_whatever_the_target() {
    let installed = locked();
    let overwrite = Overwrite::of_unsigned(&installed).target(Os::ios(17)).removal_password(PasswordForm::Empty);
    assert_eq!(overwrite.build_at(NOW).unwrap().form(), PasswordForm::Empty);
}

#[test]
fn empties_a_password_in_its_place_under_its_own_identifier_and_uuid() {
    let installed = with_password("hunter2");
    let overwrite = of(&installed);
    let (old, new) = (&installed.payloads()[1], &overwrite.profile().payloads()[1]);
    assert_eq!(new.get("RemovalPassword"), Some(&"".into()));
    assert_eq!((new.identifier(), new.uuid()), (old.identifier(), old.uuid()));
    assert!(overwrite.changes().contains(&Change::PasswordEmptied));
}

#[test]
fn omits_a_password_when_that_is_the_form() {
    let installed = with_password("hunter2");
    let overwrite = Overwrite::of_unsigned(&installed).target(Os::ios(17)).build_at(NOW).unwrap();
    assert_eq!(overwrite.profile().removal(), Removal::Allowed);
    assert!(overwrite.changes().contains(&Change::PasswordsDropped(1)));
}

#[test]
fn a_second_password_goes_and_is_told() {
    let mut installed = with_password("one");
    let mut second = Payload::new(PASSWORD_TYPE);
    second.insert("RemovalPassword", "two");
    installed.push(second);
    let overwrite = of(&installed);
    assert_eq!(overwrite.profile().payloads().len(), 2);
    assert!(overwrite.changes().contains(&Change::PasswordsDropped(1)));
}

#[test]
fn never_carries_has_removal_passcode() {
    let installed = with_password("hunter2");
    assert_eq!(installed.get("HasRemovalPasscode"), Some(&Value::Boolean(true)));
    let overwrite = of(&installed);
    assert_eq!(overwrite.profile().get("HasRemovalPasscode"), None);
    assert!(overwrite.changes().contains(&Change::PasscodeHintDropped));
}

#[test]
fn a_flag_that_is_a_string_becomes_false() {
    let mut installed = locked();
    installed.set("PayloadRemovalDisallowed", "true").unwrap();
    let overwrite = of(&installed);
    assert_eq!(overwrite.profile().get("PayloadRemovalDisallowed"), Some(&Value::Boolean(false)));
}

#[test]
fn a_past_removal_date_goes_and_a_future_one_stays() {
    let date = |seconds| Date::from(UNIX_EPOCH + Duration::from_secs(seconds));
    let at = |seconds| Value::Date(date(seconds));
    let now = UNIX_EPOCH + Duration::from_secs(1000);
    let mut installed = locked();
    installed.set("RemovalDate", at(999)).unwrap();
    let overwrite = Overwrite::of_unsigned(&installed).build_at(now).unwrap();
    assert_eq!(overwrite.profile().get("RemovalDate"), None);
    assert!(overwrite.changes().contains(&Change::RemovalDateDropped { was: date(999), at: now }));
    installed.set("RemovalDate", at(1001)).unwrap();
    let overwrite = Overwrite::of_unsigned(&installed).build_at(now).unwrap();
    assert_eq!(overwrite.profile().get("RemovalDate"), Some(&at(1001)));
}

#[test]
fn what_xml_cannot_hold_is_overwritten_as_a_binary_property_list() {
    let half = SystemTime::UNIX_EPOCH + Duration::from_millis(4_000_000_000_500);
    for (key, value) in [("RemovalDate", Value::Date(half.into())), ("PayloadDescription", "a\u{b}b".into())] {
        let mut installed = locked();
        installed.set(key, value.clone()).unwrap();
        assert!(installed.to_xml().is_err());
        let read = Profile::from_bytes(&of(&installed).to_bytes().unwrap()).unwrap();
        assert_eq!((read.get(key), read.removal()), (Some(&value), Removal::AllowedEmptyPassword));
    }
    assert!(of(&locked()).to_bytes().unwrap().starts_with(b"<?xml"));
}

#[test]
fn stripping_leaves_the_password_payload_alone() {
    let installed = with_password("hunter2");
    let overwrite = Overwrite::of_unsigned(&installed).strip(true).build_at(NOW).unwrap();
    let kinds: Vec<_> = overwrite.profile().payloads().iter().map(Payload::kind).collect();
    assert_eq!(kinds, [Some(PASSWORD_TYPE)]);
}

#[test]
fn stripping_without_a_password_leaves_one_inert_payload() {
    let installed = locked();
    let overwrite = Overwrite::of_unsigned(&installed).strip(true).target(Os::ios(17)).build_at(NOW).unwrap();
    let payload = &overwrite.profile().payloads()[0];
    assert_eq!(payload.kind(), Some("com.apple.applicationaccess"));
    assert_eq!(payload.get("allowAppInstallation"), None);
    assert!(payload.uuid().is_some() && payload.uuid() != installed.payloads()[0].uuid());
    assert!(overwrite.changes().contains(&Change::InertPayloadAdded));
}

#[test]
fn refuses_to_strip_an_mdm_payload() {
    let mut installed = locked();
    installed.push(Payload::new("com.apple.mdm"));
    assert!(refusal(Overwrite::of_unsigned(&installed).strip(true)).contains("R10"));
}

#[test]
fn refuses_encrypted_payloads_unless_they_are_stripped() {
    let mut keys = locked().to_dictionary();
    keys.retain(|key, _| key != "PayloadContent");
    keys.insert("IsEncrypted".into(), Value::Boolean(true));
    keys.insert("EncryptedPayloadContent".into(), Value::Data(vec![0x30, 0x80]));
    let installed = Profile::from_dictionary(keys).unwrap();
    assert!(refusal(Overwrite::of_unsigned(&installed)).contains("encrypted"));
    let overwrite = Overwrite::of_unsigned(&installed).strip(true).build_at(NOW).unwrap();
    assert!(!overwrite.profile().is_encrypted() && overwrite.profile().get("IsEncrypted").is_none());
}

#[test]
fn tells_that_the_installed_profile_forbids_installing_by_hand() {
    let mut installed = locked();
    installed.payloads_mut()[0].insert("allowUIConfigurationProfileInstallation", false);
    assert_eq!(fault_codes(&of(&installed)), [Code::OverwriteForbidden]);
}

#[test]
fn tells_it_of_a_profile_that_only_its_password_or_a_flag_of_another_type_locks() {
    for flag in [Value::Boolean(false), "true".into(), Value::Integer(1.into())] {
        let mut installed = with_password("hunter2");
        installed.set("PayloadRemovalDisallowed", flag).unwrap();
        installed.payloads_mut()[0].insert("allowUIConfigurationProfileInstallation", Value::Integer(0.into()));
        assert!(fault_codes(&of(&installed)).contains(&Code::OverwriteForbidden));
    }
}

#[test]
fn tells_that_encrypted_payloads_were_not_seen() {
    let mut keys = locked().to_dictionary();
    keys.retain(|key, _| key != "PayloadContent");
    keys.insert("EncryptedPayloadContent".into(), Value::Data(vec![0x30, 0x80]));
    let installed = Profile::from_dictionary(keys).unwrap();
    let overwrite = Overwrite::of_unsigned(&installed).strip(true).build_at(NOW).unwrap();
    assert!(fault_codes(&overwrite).contains(&Code::PayloadsUnseen));
}

#[test]
fn stripping_tells_payloads_that_stand_in_the_clear_beside_encrypted_ones() {
    let mut keys = locked().to_dictionary();
    keys.insert("EncryptedPayloadContent".into(), Value::Data(vec![0x30, 0x80]));
    let installed = Profile::from_dictionary(keys).unwrap();
    let overwrite = Overwrite::of_unsigned(&installed).strip(true).build_at(NOW).unwrap();
    let stripped = |change: &&Change| matches!(change, Change::PayloadStripped { .. });
    assert_eq!(overwrite.changes().iter().filter(stripped).count(), 1);
}

#[test]
fn a_stray_encryption_flag_goes() {
    let mut installed = locked();
    installed.set("IsEncrypted", true).unwrap();
    let overwrite = of(&installed);
    assert_eq!(overwrite.profile().get("IsEncrypted"), None);
    assert!(overwrite.changes().contains(&Change::EncryptionFlagDropped));
}

#[test]
fn a_password_payload_of_a_misspelt_type_is_told() {
    let mut installed = locked();
    installed.push(Payload::new("com.apple.profileremovalpassword"));
    assert!(fault_codes(&of(&installed)).contains(&Code::TypeMisspelt));
}

#[test]
fn tells_an_inherited_error_and_is_not_refused_for_it() {
    let mut installed = locked();
    installed.payloads_mut()[0].remove("PayloadUUID");
    let overwrite = of(&installed);
    assert!(fault_codes(&overwrite).contains(&Code::MissingKey));
    assert_eq!(overwrite.refusals(), []);
    assert_eq!(overwrite.profile().payloads()[0].uuid(), None);
}

#[test]
fn tells_what_the_overwrite_will_ask_its_owner_unless_that_is_stripped() {
    let mut installed = locked();
    let mut policy = Payload::new("com.apple.mobiledevice.passwordpolicy");
    policy.insert("forcePIN", true);
    policy.insert("PayloadUUID", "0C5B5C22-6F0A-4C4F-9F0A-0D9C1B8F6A12");
    installed.push(policy);
    let asked: Vec<_> = of(&installed).faults().iter().map(|fault| (fault.code, fault.severity)).collect();
    assert_eq!(asked, [(Code::PasscodeAsked, Severity::Warning)]);
    let stripped = Overwrite::of_unsigned(&installed).strip(true).build_at(NOW).unwrap();
    assert_eq!(stripped.faults(), []);
}

#[test]
fn a_sound_profile_brings_no_fault() {
    assert_eq!(of(&locked()).faults(), []);
}

fn setting() -> impl Strategy<Value = Value> {
    prop_oneof![
        any::<bool>().prop_map(Value::Boolean),
        any::<i64>().prop_map(|number| Value::Integer(number.into())),
        "[ -~]{0,12}".prop_map(Value::String),
        proptest::collection::vec(any::<u8>(), 0..12).prop_map(Value::Data),
    ]
}

fn payload() -> impl Strategy<Value = Payload> {
    let kinds = ["com.apple.wifi.managed", "com.apple.applicationaccess", PASSWORD_TYPE, "com.example.unknown"];
    let settings = proptest::collection::vec(("[a-zA-Z ]{1,8}", setting()), 0..4);
    (proptest::sample::select(kinds.to_vec()), settings, any::<u128>()).prop_map(|(kind, settings, uuid)| {
        let mut payload = Payload::new(kind);
        payload.insert("PayloadIdentifier", format!("x.{uuid:x}"));
        payload.insert("PayloadUUID", uuids::upper(uuid::Uuid::from_u128(uuid)));
        settings.into_iter().for_each(|(key, value)| payload.insert(key, value));
        if kind == PASSWORD_TYPE {
            payload.insert("RemovalPassword", "hunter2");
        }
        payload
    })
}

fn profile() -> impl Strategy<Value = Profile> {
    let flag = proptest::option::of(prop_oneof![any::<bool>().prop_map(Value::Boolean), Just(Value::from("true"))]);
    (proptest::collection::vec(payload(), 1..6), flag, any::<bool>(), "[ -~é]{1,20}").prop_map(
        |(payloads, flag, hint, identifier)| {
            let mut profile = Profile::new(&identifier, "generated");
            payloads.into_iter().for_each(|payload| profile.push(payload));
            if let Some(flag) = flag {
                profile.set("PayloadRemovalDisallowed", flag).unwrap();
            }
            if hint {
                profile.set("HasRemovalPasscode", true).unwrap();
            }
            profile.fill_uuids(UuidSource::Content);
            profile
        },
    )
}

fn may_differ(path: &KeyPath, installed: &Profile, overwrite: &Profile) -> bool {
    let top = ["PayloadUUID", "PayloadRemovalDisallowed", "HasRemovalPasscode"];
    let is_top = path.0.len() == 1 && top.iter().any(|key| path.to_string() == *key);
    let is_password = |profile: &Profile| {
        let payload = KeyPath(path.0.iter().take(2).cloned().collect());
        let value = payload.find(&profile.to_dictionary()).and_then(|value| value.as_dictionary().cloned());
        value.is_some_and(|payload| payload.get("PayloadType") == Some(&PASSWORD_TYPE.into()))
    };
    is_top || is_password(installed) || is_password(overwrite)
}

proptest! {
    #[test]
    fn differs_from_its_installed_profile_in_nothing_but_what_it_must(
        installed in profile(),
        target in proptest::option::of(10u16..20),
    ) {
        let of = Overwrite::of_unsigned(&installed);
        let of = target.map_or(of.clone(), |major| of.target(Os::ios(major)));
        let Ok(overwrite) = of.build_at(NOW) else {
            return Err(TestCaseError::fail("an overwrite can be made of every profile in the clear"));
        };
        let kept: Vec<_> =
            installed.payloads().iter().filter(|payload| payload.kind() != Some(PASSWORD_TYPE)).collect();
        let made: Vec<_> = overwrite
            .profile()
            .payloads()
            .iter()
            .filter(|payload| payload.kind() != Some(PASSWORD_TYPE) && payload.identifier() != Some(&inert(&installed)))
            .collect();
        prop_assert_eq!(kept, made);
        for difference in diff(&installed, overwrite.profile()) {
            let inert = difference.old.is_none() && installed.payloads().iter().all(|p| p.kind() == Some(PASSWORD_TYPE));
            prop_assert!(inert || may_differ(&difference.path, &installed, overwrite.profile()), "{}", difference.path);
        }
        let removable = [Removal::Allowed, Removal::AllowedEmptyPassword];
        prop_assert!(removable.contains(&overwrite.profile().removal()));
        prop_assert_eq!(overwrite.profile().identifier(), installed.identifier());
        prop_assert_ne!(overwrite.profile().uuid(), installed.uuid());
    }
}

fn inert(installed: &Profile) -> String {
    format!("{}.{INERT_TYPE}", installed.identifier())
}
