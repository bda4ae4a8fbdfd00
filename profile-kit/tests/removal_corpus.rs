//! Real profiles with removal keys: their overwrites, fact by fact (`R…`: replacement, `L…`: removal).

#![allow(clippy::unwrap_used, reason = "a test may fail by panic")]

use std::{
    env, fs,
    io::Cursor,
    path::{Path, PathBuf},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use openssl::{
    pkcs7::{Pkcs7, Pkcs7Flags},
    stack::Stack,
};
use plist::{Dictionary, Value};
use profile_kit::{
    Os, Overwrite, PasswordForm, Profile, SignedProfile, Target, VerifiedProfile,
    check::{self, Severity},
    overwrite::Change,
};

#[test]
fn has_the_same_identifier_and_a_fresh_uuid() {
    each(|installed, made| {
        let (old, new) = (&installed.keys, made.overwrite.profile().to_dictionary());
        assert_eq!(new.get("PayloadIdentifier"), old.get("PayloadIdentifier"), "R1");
        assert_ne!(new.get("PayloadUUID"), old.get("PayloadUUID"), "R2");
        let fresh = new.get("PayloadUUID").and_then(Value::as_string).unwrap();
        assert!(fresh.len() == 36 && uuid::Uuid::try_parse(fresh).is_ok() && fresh == fresh.to_uppercase(), "{fresh}");
    });
}

#[test]
fn lets_its_owner_delete_it_without_a_password() {
    each(|_, made| {
        let new = made.overwrite.profile().to_dictionary();
        assert_eq!(new.get("PayloadRemovalDisallowed"), Some(&Value::Boolean(false)), "L1");
        assert_eq!(new.get("HasRemovalPasscode"), None, "L6");
        let passwords: Vec<_> = payloads(&new).into_iter().filter(is_password).collect();
        match made.form() {
            PasswordForm::Empty => {
                assert_eq!(passwords.len(), 1, "L3, L5");
                assert_eq!(passwords[0].get("RemovalPassword"), Some(&"".into()), "L5");
            }
            _ => assert!(passwords.is_empty(), "L5"),
        }
        assert_eq!(made.overwrite.form(), made.form());
    });
}

#[test]
fn drops_a_past_removal_date_and_nothing_else_that_removes() {
    each(|installed, made| {
        let (old, new) = (&installed.keys, made.overwrite.profile().to_dictionary());
        let date = old.get("RemovalDate").filter(|date| SystemTime::from(date.as_date().unwrap()) >= now());
        assert_eq!(new.get("RemovalDate"), date, "L7");
        assert_eq!(new.get("DurationUntilRemoval"), old.get("DurationUntilRemoval"), "L7");
    });
}

#[test]
fn keeps_every_other_payload_as_it_was_unless_stripped() {
    each(|installed, made| {
        let new = payloads(&made.overwrite.profile().to_dictionary());
        let new: Vec<_> = new.into_iter().filter(|payload| !is_password(payload)).collect();
        let old: Vec<_> = payloads(&installed.keys).into_iter().filter(|payload| !is_password(payload)).collect();
        if !made.strip && !old.is_empty() {
            assert_eq!(spelled(&new), spelled(&old), "R3");
            return;
        }
        let inert = usize::from(made.form() != PasswordForm::Empty);
        assert_eq!(new.len(), inert, "stripped");
    });
}

#[test]
fn keeps_a_password_payload_in_its_place_under_its_names() {
    let mut found = 0;
    each(|installed, made| {
        let (old, new) = (payloads(&installed.keys), payloads(&made.overwrite.profile().to_dictionary()));
        let Some(place) = old.iter().position(is_password) else { return };
        if made.form() != PasswordForm::Empty || made.strip {
            return;
        }
        found += 1;
        let mut expected = old[place].clone();
        expected.insert("RemovalPassword".into(), "".into());
        assert_eq!(spelled(&new[place..=place]), spelled(&[expected]), "R3, L5");
    });
    assert!(found > 0 || corpus().is_none());
}

#[test]
fn keeps_the_other_keys_their_values_and_their_order() {
    each(|installed, made| {
        let new = made.overwrite.profile().to_dictionary();
        let kept = |keys: &Dictionary| -> Vec<String> {
            let is_kept = |key: &&String| new.contains_key(key.as_str()) && installed.keys.contains_key(key.as_str());
            keys.keys().filter(is_kept).cloned().collect()
        };
        assert_eq!(kept(&new), kept(&installed.keys));
        let added: Vec<_> = new.keys().filter(|key| !installed.keys.contains_key(key)).collect();
        assert!(
            added.iter().all(|key| ["PayloadUUID", "PayloadRemovalDisallowed"].contains(&key.as_str())),
            "{added:?}"
        );
        for (key, value) in installed.keys.iter().filter(|(key, _)| !MAY_CHANGE.contains(&key.as_str())) {
            assert_eq!(new.get(key), Some(value), "{key}");
        }
    });
}

#[test]
fn tells_every_change_and_no_other() {
    each(|installed, made| {
        let mut told: Vec<_> = made.overwrite.changes().iter().map(|change| format!("{change:?}")).collect();
        let mut expected: Vec<_> = changes(installed, made).iter().map(|change| format!("{change:?}")).collect();
        told.sort();
        expected.sort();
        assert_eq!(told, expected);
    });
}

#[test]
fn tells_as_faults_what_the_installed_profile_brings_and_brings_none() {
    each(|installed, made| {
        let before: Vec<_> =
            check::check(&installed.profile, &Target::default(), now()).iter().map(|finding| finding.code).collect();
        for fault in made.overwrite.faults() {
            assert!(before.contains(&fault.code), "{fault}");
        }
        let after = check::check(made.overwrite.profile(), &Target::default(), now());
        for error in after.iter().filter(|finding| finding.severity == Severity::Error) {
            assert!(made.overwrite.faults().contains(error), "{error}");
        }
    });
}

#[test]
fn remembers_the_certificate_that_signed_what_is_installed() {
    let mut signed = 0;
    each(|installed, made| {
        let leaf = made.overwrite.leaf().map(|leaf| leaf.der().to_vec());
        assert_eq!(leaf, installed.leaf, "R4");
        signed += usize::from(leaf.is_some());
    });
    assert_eq!(signed, if corpus().is_some() { 4 * CHOICES } else { 0 });
}

/// What the library says it changed, as the installed file's own keys say it must.
fn changes(installed: &Installed, made: &Made) -> Vec<Change> {
    let (old, new) = (&installed.keys, made.overwrite.profile());
    let text = |key: &str| old.get(key).and_then(Value::as_string).map(str::to_owned);
    let mut changes = vec![Change::Uuid { installed: text("PayloadUUID"), overwrite: new.uuid().unwrap().to_owned() }];
    if old.get("PayloadRemovalDisallowed") != Some(&Value::Boolean(false)) {
        changes.push(Change::RemovalAllowed { was: old.get("PayloadRemovalDisallowed").cloned() });
    }
    if old.contains_key("HasRemovalPasscode") {
        changes.push(Change::PasscodeHintDropped);
    }
    let (passwords, others): (Vec<_>, Vec<_>) = payloads(old).into_iter().partition(is_password);
    let empty = made.form() == PasswordForm::Empty;
    match passwords.as_slice() {
        [] if empty => changes.push(Change::EmptyPasswordAdded),
        [first, ..] if empty && first.get("RemovalPassword") != Some(&"".into()) => {
            changes.push(Change::PasswordEmptied);
        }
        _ => {}
    }
    match passwords.len() - usize::from(empty && !passwords.is_empty()) {
        0 => {}
        gone => changes.push(Change::PasswordsDropped(gone)),
    }
    if made.strip {
        changes.extend(others.iter().map(|payload| {
            let text = |key: &str| payload.get(key).and_then(Value::as_string).unwrap_or("?").to_owned();
            Change::PayloadStripped { kind: text("PayloadType"), identifier: text("PayloadIdentifier") }
        }));
    }
    if !empty && (made.strip || others.is_empty()) {
        changes.push(Change::InertPayloadAdded);
    }
    if let Some(was) = old.get("RemovalDate").map(|date| date.as_date().unwrap())
        && SystemTime::from(was) < now()
    {
        changes.push(Change::RemovalDateDropped { was, at: now() });
    }
    changes
}

/// Top-level keys that an overwrite may change.
const MAY_CHANGE: [&str; 5] =
    ["PayloadContent", "PayloadUUID", "PayloadRemovalDisallowed", "HasRemovalPasscode", "RemovalDate"];

/// Ways to make an overwrite of one file: three forms, three targets, stripped or not.
const CHOICES: usize = 18;

/// Not property lists until `{{#if …}}` between their elements is replaced.
const TEMPLATES: [&str; 1] = ["andris9+mobileconfig__templates_wifi.plist"];

/// A file as it is installed: its keys as the `plist` crate reads them.
struct Installed {
    name: String,
    keys: Dictionary,
    profile: Profile,
    verified: Option<VerifiedProfile>,
    /// The signer's certificate in DER, as OpenSSL's PKCS #7 finds it.
    leaf: Option<Vec<u8>>,
}

impl Installed {
    fn read(path: &Path) -> Self {
        let bytes = fs::read(path).unwrap();
        let verified = (bytes[0] == 0x30).then(|| {
            let signed = SignedProfile::from_bytes(bytes.clone()).unwrap();
            signed.verify_integrity().unwrap()
        });
        let content = verified.as_ref().map_or(bytes.as_slice(), VerifiedProfile::content);
        let keys = Value::from_reader(Cursor::new(content)).unwrap().into_dictionary().unwrap();
        Self {
            name: path.file_name().unwrap().to_string_lossy().into_owned(),
            profile: Profile::from_bytes(content).unwrap(),
            leaf: verified.as_ref().map(|_| signer(&bytes)),
            keys,
            verified,
        }
    }

    fn overwrite(&self, form: PasswordForm, target: Option<Os>, strip: bool) -> Made {
        let of = match &self.verified {
            Some(verified) => Overwrite::of(verified),
            None => Overwrite::of_unsigned(&self.profile),
        };
        let of = of.removal_password(form).strip(strip);
        let of = target.map_or(of.clone(), |target| of.target(target));
        Made { overwrite: of.build_at(now()).unwrap(), asked: form, target, strip }
    }
}

struct Made {
    overwrite: Overwrite,
    asked: PasswordForm,
    target: Option<Os>,
    strip: bool,
}

impl Made {
    /// The form that must come out (L5): `auto` is omitted for iOS 14 and later, which refuse an empty password (L4).
    fn form(&self) -> PasswordForm {
        match (self.asked, self.target) {
            (PasswordForm::Auto, Some(os)) if os == Os::ios(17) => PasswordForm::Omitted,
            (PasswordForm::Auto, _) => PasswordForm::Empty,
            (asked, _) => asked,
        }
    }
}

fn each(mut claim: impl FnMut(&Installed, &Made)) {
    for installed in installed() {
        for form in [PasswordForm::Empty, PasswordForm::Omitted, PasswordForm::Auto] {
            for target in [None, Some(Os::ios(12)), Some(Os::ios(17))] {
                for strip in [false, true] {
                    println!("{}: {form:?} for {target:?}, stripped: {strip}", installed.name);
                    claim(&installed, &installed.overwrite(form, target, strip));
                }
            }
        }
    }
}

fn installed() -> Vec<Installed> {
    let Some(folder) = corpus() else {
        assert!(env::var_os("REQUIRE_JUDGES").is_none_or(|value| value != "1"), "corpus is absent (../shared/corpus)");
        println!("skipped: corpus is absent (../shared/corpus)");
        return Vec::new();
    };
    let paths = fs::read_dir(folder.join("removal")).unwrap().map(|entry| entry.unwrap().path());
    let is_plist = |path: &PathBuf| !TEMPLATES.iter().any(|template| path.ends_with(template));
    let mut paths: Vec<_> = paths.filter(is_plist).collect();
    paths.sort();
    paths.iter().map(|path| Installed::read(path)).collect()
}

fn signer(signed: &[u8]) -> Vec<u8> {
    let signed = Pkcs7::from_der(signed).unwrap();
    let signers = signed.signers(&Stack::new().unwrap(), Pkcs7Flags::empty()).unwrap();
    signers[0].to_der().unwrap()
}

fn payloads(keys: &Dictionary) -> Vec<Dictionary> {
    let items = keys.get("PayloadContent").and_then(Value::as_array).into_iter().flatten();
    items.map(|item| item.as_dictionary().unwrap().clone()).collect()
}

fn is_password(payload: &Dictionary) -> bool {
    payload.get("PayloadType") == Some(&"com.apple.profileRemovalPassword".into())
}

/// In words, which tell the order of keys too.
fn spelled(payloads: &[Dictionary]) -> String {
    format!("{payloads:#?}")
}

/// 1 January 2026.
fn now() -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(1_767_225_600)
}

fn corpus() -> Option<PathBuf> {
    let path = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/corpus"));
    path.exists().then(|| path.to_owned())
}
