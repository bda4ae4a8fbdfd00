//! Every code of a finding: a file that has it at one place, a file that has not, and its row in the documentation.
//!
//! A new code needs `codes/CODE.bad.mobileconfig`, `codes/CODE.good.mobileconfig` and a line in [`ROWS`]; one about the
//! signature only a line in [`SIGNED`], with two files of the project's fixtures.

#![allow(clippy::unwrap_used, reason = "a test may fail by panic")]

#[path = "../examples/findings.rs"]
#[allow(dead_code, reason = "the example's own main")]
mod findings;

use std::{
    collections::BTreeSet,
    fs,
    path::PathBuf,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use profile_kit::{
    Enrolment, Inspection, Inspector, InstalledBy, OsVersion, Overwrite, Platform, Profile, Target, TrustStore,
    check::{Code, Finding},
};

/// A code, where the bad file has it, and what was asked about both files.
struct Row {
    code: Code,
    at: &'static str,
    ask: Ask,
}

enum Ask {
    /// What is found in the file.
    File(Target),
    /// What stands in the way of its overwrite, stripped.
    Overwrite,
}

const fn any(code: Code, at: &'static str) -> Row {
    on(ANY, code, at)
}

const fn on(target: Target, code: Code, at: &'static str) -> Row {
    Row { code, at, ask: Ask::File(target) }
}

const ANY: Target = Target { platform: None, version: None, supervised: None, installed_by: None, enrolment: None };
const IOS_17: Target =
    Target { platform: Some(Platform::Ios), version: Some(OsVersion { major: 17, minor: 0, patch: 0 }), ..ANY };
const UNSUPERVISED: Target = Target { supervised: Some(false), ..IOS_17 };
const MANAGED: Target = Target { installed_by: Some(InstalledBy::Mdm), ..IOS_17 };
const BY_HAND: Target = Target { installed_by: Some(InstalledBy::Hand), ..IOS_17 };
const USER: Target = Target { enrolment: Some(Enrolment::User), ..IOS_17 };
const SHARED: Target = Target { enrolment: Some(Enrolment::SharedIpad), ..IOS_17 };

const ROWS: &[Row] = &[
    any(Code::MissingKey, "PayloadUUID"),
    any(Code::WrongType, "PayloadDescription"),
    any(Code::EmptyContent, "PayloadContent"),
    any(Code::BadVersion, "PayloadContent[0].PayloadVersion"),
    any(Code::LooseVersion, "PayloadVersion"),
    any(Code::DuplicateUuid, "PayloadContent[1].PayloadUUID"),
    any(Code::DuplicateIdentifier, "PayloadContent[1].PayloadIdentifier"),
    any(Code::DuplicateOfProfile, "PayloadContent[0].PayloadIdentifier"),
    any(Code::UuidForm, "PayloadUUID"),
    any(Code::IdentifierForm, "PayloadIdentifier"),
    any(Code::ControlCharacters, "PayloadDisplayName"),
    any(Code::PlaceholderLeft, "PayloadContent[0].Label"),
    any(Code::EncryptionFlag, "IsEncrypted"),
    Row { code: Code::PayloadsUnseen, at: "EncryptedPayloadContent", ask: Ask::Overwrite },
    any(Code::ScopeUnknown, "PayloadScope"),
    any(Code::TargetDeviceTypeUnknown, "TargetDeviceType"),
    on(IOS_17, Code::TargetDeviceTypeOther, "TargetDeviceType"),
    any(Code::RemovalDatePast, "RemovalDate"),
    any(Code::DurationUntilRemovalInvalid, "DurationUntilRemoval"),
    any(Code::ExpirationDatePast, "PayloadExpirationDate"),
    any(Code::LockEnds, "DurationUntilRemoval"),
    any(Code::RemovalFlagNotBoolean, "PayloadRemovalDisallowed"),
    any(Code::LockedWithEmptyPassword, "PayloadRemovalDisallowed"),
    on(IOS_17, Code::EmptyRemovalPassword, "PayloadContent[1]"),
    any(Code::RemovalPasswordType, "PayloadContent[1].RemovalPassword"),
    any(Code::SeveralRemovalPasswords, "PayloadContent[2]"),
    any(Code::RemovalPasscodeMismatch, "HasRemovalPasscode"),
    any(Code::LockedWithMdm, "PayloadContent[1]"),
    any(Code::LockedByPassword, "PayloadRemovalDisallowed"),
    on(UNSUPERVISED, Code::LockIgnored, "PayloadRemovalDisallowed"),
    on(SHARED, Code::LockBarredByEnrolment, "PayloadContent[1]"),
    on(MANAGED, Code::LockOnManaged, "PayloadRemovalDisallowed"),
    any(Code::OverwriteForbidden, "PayloadContent[1].allowUIConfigurationProfileInstallation"),
    any(Code::SafariForbidden, "PayloadContent[1].allowSafari"),
    any(Code::AppsRestricted, "PayloadContent[1].allowAppRemoval"),
    any(Code::PasscodeAsked, "PayloadContent[1]"),
    any(Code::ValueAsked, "PayloadContent[1].Password"),
    any(Code::ConsentAsked, "ConsentText"),
    any(Code::TypeMisspelt, "PayloadContent[1].PayloadType"),
    on(IOS_17, Code::TypeUnknown, "PayloadContent[1].PayloadType"),
    any(Code::SettingType, "PayloadContent[0].FullScreen"),
    any(Code::UnknownKey, "PayloadContent[0].FulScreen"),
    any(Code::MissingSetting, "PayloadContent[0].Label"),
    any(Code::DanglingReference, "PayloadContent[1].PayloadCertificateUUID"),
    any(Code::MdmNotHttps, "PayloadContent[1].ServerURL"),
    any(Code::SeveralOfOne, "PayloadContent[2]"),
    any(Code::CertificateUnreadable, "PayloadContent[1].PayloadContent"),
    any(Code::ValueNotAllowed, "PayloadContent[0].EncryptionType"),
    any(Code::ValueOutOfRange, "PayloadContent[0].maxFailedAttempts"),
    any(Code::FormatMismatch, "PayloadContent[0].MCCAndMNCs[0]"),
    any(Code::Deprecated, "PayloadContent[0].blacklistedAppBundleIDs"),
    on(IOS_17, Code::NotOnPlatform, "PayloadContent[0].PayloadType"),
    on(IOS_17, Code::NotYetSupported, "PayloadContent[0].allowAppsToBeHidden"),
    on(IOS_17, Code::NoLongerSupported, "PayloadContent[0].EAPClientConfiguration.TLSAllowTrustExceptions"),
    on(UNSUPERVISED, Code::NeedsSupervision, "PayloadContent[0].allowAppInstallation"),
    on(BY_HAND, Code::NotByHand, "PayloadContent[0].PayloadType"),
    on(USER, Code::NotWithEnrolment, "PayloadContent[0].PayloadType"),
    any(Code::SecretInClear, "PayloadContent[1].Password"),
];

/// A code about the signature, a fixture that has it, and one that has not.
const SIGNED: &[(Code, &str, &str)] = &[
    (Code::SignatureBroken, "hostile/cms-content-changed", PLAIN),
    (Code::SignerNotTrusted, "profiles/signers/self-signed.signed", PLAIN),
    (Code::SignerExpired, "profiles/signers/expired.signed", PLAIN),
    (Code::SignerNotYetValid, "profiles/signers/not-yet-valid.signed", PLAIN),
    (Code::ChainMissing, "profiles/forms/leaf-only.signed", PLAIN),
    (Code::SeveralSigners, "profiles/forms/two-signatures.signed", PLAIN),
    (Code::WeakDigest, "profiles/forms/sha-1.signed", PLAIN),
    (Code::WeakSignerKey, "profiles/signers/rsa-1024.signed", PLAIN),
    (Code::SignerUnfit, "profiles/signers/encipherment.signed", PLAIN),
    (Code::SignatureForm, "hostile/cms-trailing-bytes", PLAIN),
];

const PLAIN: &str = "profiles/ivi-mdm/rsa-2048/locked.signed";

#[test]
fn every_code_has_a_row_and_two_files() {
    let rows: BTreeSet<_> = ROWS.iter().map(|row| row.code).collect();
    assert_eq!(rows.len(), ROWS.len(), "a code has two rows");
    let signed = SIGNED.iter().map(|(code, ..)| *code).chain([Code::SignerEndsSoon]);
    let shown: BTreeSet<_> = signed.chain(rows.iter().copied()).collect();
    let without: Vec<_> = Code::ALL.iter().filter(|code| !shown.contains(code)).collect();
    assert!(without.is_empty(), "without a row in ROWS or SIGNED: {without:?}");
    let wanted = rows.iter().flat_map(|code| KINDS.map(|kind| format!("{code}.{kind}.mobileconfig")));
    let wanted: BTreeSet<_> = wanted.collect();
    let entries = fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let there: BTreeSet<_> = entries.collect();
    let missing: Vec<_> = wanted.difference(&there).collect();
    let stray: Vec<_> = there.difference(&wanted).collect();
    assert!(missing.is_empty() && stray.is_empty(), "missing: {missing:?}, of no code: {stray:?}");
}

#[test]
fn each_bad_file_has_its_code_at_its_place_and_nowhere_else() {
    let wrong = ROWS.iter().filter_map(|row| {
        let paths: Vec<_> = found(row, BAD).iter().map(|finding| finding.path.to_string()).collect();
        (paths != [row.at]).then(|| format!("{}: at {paths:?}, not at {:?}", row.code, row.at))
    });
    none(wrong.collect());
}

#[test]
fn no_good_file_has_its_code() {
    let wrong = ROWS.iter().filter_map(|row| {
        let found = found(row, GOOD);
        (!found.is_empty()).then(|| format!("{}: {found:?}", row.code))
    });
    none(wrong.collect());
}

#[test]
fn each_code_about_a_signature_is_found_where_it_should_be_and_only_there() {
    let wrong = SIGNED.iter().filter_map(|(code, bad, good)| {
        let (in_bad, in_good) = (signed_has(*code, bad, now()), signed_has(*code, good, now()));
        (!in_bad || in_good).then(|| format!("{code}: in {bad}: {in_bad}, in {good}: {in_good}"))
    });
    none(wrong.collect());
}

/// The signer's certificate is valid to the end of 2074.
#[test]
fn a_certificate_ends_soon_thirty_days_before_it_does() {
    let day = Duration::from_secs(86_400);
    let end = UNIX_EPOCH + Duration::from_secs(3_313_612_799);
    assert!(!signed_has(Code::SignerEndsSoon, PLAIN, end - 31 * day));
    assert!(signed_has(Code::SignerEndsSoon, PLAIN, end - 29 * day));
    assert!(!signed_has(Code::SignerEndsSoon, PLAIN, end + day));
}

/// Whether a signed fixture has a code, the fixtures' root being trusted.
fn signed_has(code: Code, name: &str, at: SystemTime) -> bool {
    let fixtures = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../fixtures"));
    let roots = TrustStore::from_pem_file(fixtures.join("pki/root.pem")).unwrap();
    let bytes = fs::read(fixtures.join(format!("{name}.mobileconfig"))).unwrap();
    let found = Inspector::new(ANY, at, Some(&roots)).inspect(&bytes).unwrap().findings;
    found.iter().any(|finding| finding.code == code)
}

#[test]
fn the_documentation_lists_every_code_as_it_is() {
    let page = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/findings.md")).unwrap();
    assert!(page == findings::page(), "make it again: cargo run -p profile-kit --example findings > docs/findings.md");
}

/// The findings of a row's code in its bad or good file.
fn found(row: &Row, kind: &str) -> Vec<Finding> {
    let path = folder().join(format!("{}.{kind}.mobileconfig", row.code));
    let bytes = fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let mut findings = match row.ask {
        Ask::File(target) => Inspection::of(&bytes, &target, now()).unwrap().findings,
        Ask::Overwrite => {
            let installed = Profile::from_bytes(&bytes).unwrap();
            Overwrite::of_unsigned(&installed).strip(true).build_at(now()).unwrap().faults().to_vec()
        }
    };
    findings.retain(|finding| finding.code == row.code);
    findings
}

fn none(wrong: Vec<String>) {
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

fn folder() -> PathBuf {
    concat!(env!("CARGO_MANIFEST_DIR"), "/tests/codes").into()
}

/// 1 January 2026.
fn now() -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(1_767_225_600)
}

const BAD: &str = "bad";
const GOOD: &str = "good";
const KINDS: [&str; 2] = [BAD, GOOD];
