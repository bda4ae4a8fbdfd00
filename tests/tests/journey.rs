//! The whole story by the library: a spec becomes a locked profile, is signed and verified, and its overwrite frees.
#![allow(clippy::unwrap_used, reason = "a test may fail by panic")]

use std::{collections::BTreeMap, sync::LazyLock, time::Duration};

use interop::{
    is_present, judges,
    stage::{SUMMER_2025, moment},
};
use plist::Value;
use profile_kit::{
    At, Error, Identity, Os, Overwrite, Payload, Profile, Removal, SignOptions, Signable, TrustStore, UuidSource,
    Verdict, VerifiedProfile,
    pki::{Authority, Issued, KeySpec, Leaf, Validity},
    removal::PASSWORD_TYPE,
    spec,
    verify::VerifyOptions,
};

const SPEC: &str = r#"
format = 1
identifier = "jp.example.ivi-mdm"
display_name = "IVI MDM – 構成"
organization = "Example"
removal = { password = "{{removal_password}}" }

[placeholders.serial]
type = "string"

[placeholders.removal_password]
type = "string"
secret = true

[placeholders.days]
type = "integer"
default = "30"

[[payload]]
type = "com.apple.applicationaccess"
settings = { allowAppInstallation = false, ratingRegion = "jp" }

[[payload]]
type = "com.example.unknown"
settings = { Device = "device {{serial}}", Days = "{{days}}", Blob = { data = "AAECAw==" }, Since = { date = "2025-01-02T03:04:05Z" } }
"#;

#[test]
fn the_installed_profile_is_trusted_and_locked() {
    let installed = &STORY.installed;
    assert_eq!(installed.verdict(), Verdict::GoodSignature);
    assert_eq!(installed.leaf(), STORY.identity.certificate());
    assert_eq!(installed.profile().removal(), Removal::Password("0p3n".into()));
    assert_eq!(installed.profile().get("HasRemovalPasscode"), Some(&Value::Boolean(true)));
}

#[test]
fn the_installed_profile_holds_what_the_spec_says_for_the_device() {
    let payload = &STORY.installed.profile().payloads()[1];
    assert_eq!(payload.get("Device"), Some(&"device C02EXAMPLE".into()));
    assert_eq!(payload.get("Days"), Some(&Value::Integer(30.into())));
    assert_eq!(payload.get("Blob"), Some(&Value::Data(vec![0, 1, 2, 3])));
}

#[test]
fn the_signed_content_is_what_the_profile_was_written_as() {
    assert_eq!(STORY.installed.content(), filled().to_xml().unwrap());
}

#[test]
fn the_overwrite_is_trusted_and_signed_by_the_same_leaf() {
    assert_eq!(STORY.overwrite.verdict(), Verdict::GoodSignature);
    assert_eq!(STORY.overwrite.leaf().der(), STORY.installed.leaf().der());
}

#[test]
fn the_overwrite_has_the_same_identifier_byte_for_byte() {
    let (installed, overwrite) = (&STORY.installed, &STORY.overwrite);
    assert_eq!(overwrite.profile().identifier(), "jp.example.ivi-mdm");
    assert_eq!(overwrite.profile().identifier(), installed.profile().identifier());
    let written = "<key>PayloadIdentifier</key>\n\t<string>jp.example.ivi-mdm</string>";
    for content in [installed.content(), overwrite.content()] {
        assert_eq!(String::from_utf8_lossy(content).matches(written).count(), 1);
    }
}

#[test]
fn the_overwrite_has_a_fresh_uuid() {
    let uuid = |verified: &VerifiedProfile| verified.profile().uuid().unwrap().to_ascii_uppercase();
    assert_ne!(uuid(&STORY.overwrite), uuid(&STORY.installed));
}

#[test]
fn the_overwrite_says_that_removal_is_allowed_and_asks_for_no_password() {
    let overwrite = STORY.overwrite.profile();
    assert_eq!(overwrite.get("PayloadRemovalDisallowed"), Some(&Value::Boolean(false)));
    assert_eq!(overwrite.get("HasRemovalPasscode"), None);
    assert_eq!(overwrite.removal(), Removal::Allowed);
}

#[test]
fn the_other_payloads_are_as_they_were_in_their_order() {
    let others = |profile: &Profile| -> Vec<Payload> {
        profile.payloads().iter().filter(|payload| payload.kind() != Some(PASSWORD_TYPE)).cloned().collect()
    };
    let (before, after) = (others(STORY.installed.profile()), others(STORY.overwrite.profile()));
    assert_eq!(before.len(), 2);
    assert_eq!(after, before);
    let keys = |payload: &Payload| payload.keys().map(str::to_owned).collect::<Vec<_>>();
    assert!(after.iter().map(keys).eq(before.iter().map(keys)), "the order of keys changed");
}

#[test]
fn without_a_target_the_overwrite_carries_an_empty_password() {
    let overwrite = Overwrite::of(&STORY.installed).build_at(moment()).unwrap();
    let signed = STORY.identity.sign_with(&overwrite, &SignOptions::new(moment())).unwrap();
    let verified = STORY.roots.verify_with(&signed, &options()).unwrap();
    assert_eq!(verified.profile().removal(), Removal::AllowedEmptyPassword);
}

#[test]
fn another_leaf_is_refused_even_with_the_same_key() {
    let again = STORY.issuer.reissue(&leaf(), &STORY.issued).unwrap().identity().unwrap();
    let stranger = STORY.issuer.issue(&leaf()).unwrap().identity().unwrap();
    for other in [again, stranger] {
        let refused = other.sign_with(&overwrite(&STORY.installed), &SignOptions::new(moment()));
        let Err(Error::OtherSigner { installed, offered }) = refused else { panic!("not refused: {refused:?}") };
        assert_eq!(installed, STORY.identity.certificate().fingerprint());
        assert_eq!(offered, other.certificate().fingerprint());
    }
}

#[test]
fn another_leaf_signs_when_it_is_allowed_by_name() {
    let other = STORY.issuer.issue(&leaf()).unwrap().identity().unwrap();
    let options = SignOptions { allow_other_signer: true, ..SignOptions::new(moment()) };
    assert!(other.sign_with(&overwrite(&STORY.installed), &options).is_ok());
}

#[test]
fn an_overwrite_made_twice_is_the_same_to_the_last_byte() {
    let again = STORY.identity.sign_with(&overwrite(&STORY.installed), &SignOptions::new(moment())).unwrap();
    assert_eq!(again.as_bytes(), STORY.overwrite.signed().as_bytes());
}

#[test]
fn every_judge_accepts_both_files_and_the_pki() {
    let trust = judges::Trust::new(STORY.root_pem.clone(), SUMMER_2025);
    let files = [&STORY.installed, &STORY.overwrite];
    let signed = files.map(|file| file.signed().as_bytes().to_vec());
    for judge in judges::ALL {
        if !is_present(judge.missing()) {
            continue;
        }
        for (file, judgement) in files.iter().zip(judge.judge(&signed, &trust)) {
            assert!(judgement.accepted, "{}: {}", judge.name(), judgement.words);
            assert_eq!(judgement.content.as_deref(), Some(file.content()), "{}: another content", judge.name());
        }
    }
}

/// Everything that happens, once.
struct Story {
    root_pem: Vec<u8>,
    roots: TrustStore,
    issuer: Authority,
    issued: Issued,
    identity: Identity,
    installed: VerifiedProfile,
    overwrite: VerifiedProfile,
}

static STORY: LazyLock<Story> = LazyLock::new(|| {
    let root = Authority::new("Journey Root", KeySpec::P384, validity()).unwrap();
    let issuer = root.intermediate("Journey Intermediate", KeySpec::P256, validity()).unwrap();
    let issued = issuer.issue(&leaf()).unwrap();
    let identity = issued.identity().unwrap();
    let root_pem = root.certificate_pem().unwrap();
    let roots = TrustStore::from_pem(&root_pem).unwrap();
    let sign = |what: &dyn Signable| {
        let signed = identity.sign_with(what, &SignOptions::new(moment())).unwrap();
        roots.verify_with(&signed, &options()).unwrap()
    };
    let installed = sign(&filled());
    let overwrite = sign(&overwrite(&installed));
    Story { root_pem, roots, issuer, issued, identity, installed, overwrite }
});

fn filled() -> Profile {
    let values = [("serial", "C02EXAMPLE"), ("removal_password", "0p3n")];
    let values: BTreeMap<_, _> = values.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    spec::read(SPEC).unwrap().fill(&values, UuidSource::Content).unwrap()
}

fn overwrite(installed: &VerifiedProfile) -> Overwrite {
    Overwrite::of(installed).target(Os::ios(17)).build_at(moment()).unwrap()
}

fn leaf() -> Leaf {
    Leaf::new("Journey signer", KeySpec::Rsa(2048), validity())
}

fn options() -> VerifyOptions {
    VerifyOptions { at: At::Time(moment()), ..VerifyOptions::new(moment()) }
}

/// Thirty years from 2020 on: wide, because GnuTLS asks the machine's clock, and over 2049, after which certificates
/// write years with four digits.
fn validity() -> Validity {
    Validity::days(moment() - Duration::from_secs(5 * 365 * 86_400), 30 * 365)
}
