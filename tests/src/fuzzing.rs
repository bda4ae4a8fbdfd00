//! What must hold for any bytes whatsoever: the bodies of the fuzz targets, which the tests call too.
//!
//! Each takes hostile bytes and fails by panic where a promise does not hold.

mod edits;
mod signer;

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use plist::Dictionary;
use profile_kit::{
    Error, Inspection, Overwrite, Profile, SignedProfile, Target, Template, UuidSource, check, diff, document, encrypt,
    spec,
    template::{Kind, Values},
    verify::{self, VerifyOptions},
};

pub use edits::Edits;

/// Property lists: what is read can be written and reads the same; a profile gets through every rule.
pub fn plist(bytes: &[u8]) {
    let read = document::read(bytes);
    assert_eq!(document::positions(bytes).is_ok(), read.is_ok(), "positions are there for what is read");
    let Ok(Ok(dictionary)) = told(read).map(|document| told(document.into_dictionary())) else { return };
    same(&reread(&document::to_binary(&dictionary).unwrap()), &dictionary);
    if let Ok(xml) = told(document::to_xml(&dictionary)) {
        same(&reread(&xml), &dictionary);
    }
    let Ok(profile) = told(Profile::from_dictionary(dictionary.clone())) else { return };
    same(&profile.to_dictionary(), &dictionary);
    assert!(diff::diff(&profile, &profile).is_empty());
    let findings = check::check(&profile, &Target::default(), now());
    assert!(findings.iter().all(|finding| is_one_line(&finding.to_string())), "{findings:?}");
    overwrites(&profile);
    if let Ok(template) = told(Template::with_strings(&profile, [].into())) {
        fill(&template);
    }
}

fn overwrites(installed: &Profile) {
    for strip in [false, true] {
        let Ok(overwrite) = told(Overwrite::of_unsigned(installed).strip(strip).build_at(now())) else { continue };
        let made = overwrite.profile();
        assert_eq!(made.identifier(), installed.identifier());
        assert_ne!(made.uuid(), installed.uuid());
        same(&reread(&made.to_binary().unwrap()), &made.to_dictionary());
    }
}

/// Signed files: nothing that the fixed signer did not sign is ever good under its certificate.
///
/// The bytes are looked at as they are, and as [`Edits`] of a file that the fixed signer signed.
pub fn cms(bytes: &[u8]) {
    judge(bytes);
    for signed in signer::signed() {
        judge(&Edits(bytes).of(signed));
    }
    if let Ok(profile) = told(Profile::from_bytes(bytes)) {
        let _ = told(encrypt::decrypt(&profile, signer::device()));
    }
}

fn judge(bytes: &[u8]) {
    let content = told(verify::content(bytes));
    let Ok(found) = told(verify::verify_bytes(bytes, Some(signer::roots()), &VerifyOptions::new(now()))) else {
        assert!(!SignedProfile::from_bytes(bytes.to_vec()).is_ok_and(|signed| signed.verify_integrity().is_ok()));
        return;
    };
    assert_eq!(found.content, content.ok());
    assert!(found.observations.iter().all(|seen| is_one_line(&seen.to_string())));
    let ours = |certificate: &profile_kit::Certificate| certificate == signer::certificate();
    let by_us = found.signers.iter().any(|signer| signer.certificate.as_ref().is_some_and(ours));
    if found.verdict().is_good() || (by_us && found.integrity().is_good()) {
        let content = found.content.as_deref().unwrap();
        assert!(signer::contents().iter().any(|signed| signed == content), "good, and never signed");
    }
    let _ = told(Inspection::of(bytes, &Target::default(), now()));
}

/// Specs: what is read fills with any values, or says in words why not; what is filled can be written.
pub fn spec(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let _ = told(spec::read_placeholders(text));
    if let Ok(template) = told(spec::read(text)) {
        fill(&template);
    }
}

fn fill(template: &Template) {
    let value = |kind| match kind {
        Kind::Integer => "-7",
        Kind::Real => "0.5",
        Kind::Boolean => "true",
        Kind::Date => "2030-01-01T00:00:00Z",
        _ => "aGk=",
    };
    let given = |(name, placeholder): (&String, &profile_kit::template::Placeholder)| {
        (name.clone(), value(placeholder.kind).to_owned())
    };
    let given: Values = template.placeholders().iter().map(given).collect();
    for values in [Values::new(), given] {
        let Ok(profile) = told(template.fill(&values, UuidSource::Content)) else { continue };
        assert_eq!(profile, template.fill(&values, UuidSource::Content).unwrap(), "the same values fill the same");
        if let Ok(binary) = told(profile.to_binary()) {
            same(&reread(&binary), &profile.to_dictionary());
        }
        if let Ok(xml) = told(profile.to_xml()) {
            same(&reread(&xml), &profile.to_dictionary());
        }
    }
}

/// Inputs to begin with, made by the project's own code: for each target its name, and files by name.
pub fn seeds() -> [(&'static str, Vec<Vec<u8>>); 3] {
    let profiles = signer::contents().to_vec();
    let no_edit = vec![vec![0, 0, 0, 0], vec![0, 40, 1, 7], vec![1, 0, 2, 9, 0, 3, 0, 1]];
    let cms = [signer::signed(), &no_edit, &[signer::encrypted().to_vec()]].concat();
    let specs = SPECS.iter().map(|spec| spec.as_bytes().to_vec()).collect();
    [("plist", profiles), ("cms", cms), ("spec", specs)]
}

const SPECS: [&str; 2] = [
    r#"format = 1
identifier = "jp.example.ivi-mdm"
display_name = "IVI MDM {{serial}}"
organization = "Example"
removal = { password = "{{removal_password}}" }

[placeholders.serial]
type = "string"
default = "C02EXAMPLE"
pattern = "[A-Z0-9]+"

[placeholders.removal_password]
type = "string"
secret = true

[placeholders.limit]
type = "integer"
default = 5

[[payload]]
type = "com.apple.applicationaccess"
settings = { allowAppInstallation = false, limit = "{{limit}}" }

[[payload]]
type = "com.example.unknown"
identifier = "jp.example.ivi-mdm.unknown"
settings = { blob = { data = "aGVsbG8=" }, when = { date = "2030-01-01T00:00:00Z" }, list = [1, "two", { three = 3.5 }] }
"#,
    "format = 1\nidentifier = \"a\"\ndisplay_name = \"b\"\nremoval = \"disallowed\"\n[[payload]]\ntype = \"c\"\n",
];

/// Every error is one line.
fn told<T>(result: Result<T, Error>) -> Result<T, Error> {
    if let Err(error) = &result {
        assert!(is_one_line(&error.to_string()), "{error:?}");
    }
    result
}

fn is_one_line(text: &str) -> bool {
    !text.contains(['\n', '\r']) && !text.is_empty()
}

fn reread(bytes: &[u8]) -> Dictionary {
    document::read(bytes).unwrap().into_dictionary().unwrap()
}

/// Equal, in the order of keys too, and 0 is not -0.
fn same(left: &Dictionary, right: &Dictionary) {
    assert!(left == right && format!("{left:?}") == format!("{right:?}"), "{left:?} is not {right:?}");
}

/// 1 January 2030.
fn now() -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(1_893_456_000)
}
