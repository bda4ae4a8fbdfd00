//! The corpus through the check: every flaw is named, and no real profile is called an error without a reason.
//!
//! `check_corpus/flaws.tsv` has a row for each broken file and what has to be said of it; `check_corpus/errors.tsv` one for
//! each error that is found in a real profile, with why it is right.

#![allow(clippy::unwrap_used, reason = "a test may fail by panic")]

use std::{
    collections::{BTreeMap, BTreeSet},
    env, fs,
    path::Path,
    sync::LazyLock,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use profile_kit::{
    Enrolment, Inspection, Inspector, InstalledBy, Os, Platform, Target, TrustStore,
    check::{self, Severity},
};

#[test]
fn every_flaw_of_the_corpus_is_named() {
    let rows = rows(|path, expect| path.starts_with("malformed/") && is_flawed(expect));
    let flaws = table(include_str!("check_corpus/flaws.tsv"));
    let wrong = rows.iter().filter_map(|path| {
        let said = said(path);
        let Some([flaw]) = flaws.get(path.as_str()).map(Vec::as_slice) else {
            return Some(format!("{path}\tis not in flaws.tsv: {said:?}"));
        };
        (!said.iter().any(|words| words.contains(flaw))).then(|| format!("{path}\tnot {flaw:?}: {said:?}"))
    });
    let wrong: Vec<_> = wrong.collect();
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
    assert!(rows.is_empty() || flaws.len() == rows.len(), "{} rows for {} files", flaws.len(), rows.len());
}

#[test]
fn what_the_corpus_rejects_is_refused_or_an_error_and_nothing_flawed_is_only_a_note() {
    let rejected = rows(|path, expect| path.starts_with("malformed/") && REJECTED.contains(&expect));
    let mild: Vec<_> = rejected.iter().filter(|path| worst(path) != Some(Severity::Error)).collect();
    assert!(mild.is_empty(), "{mild:#?}");
    let flawed = rows(|path, expect| path.starts_with("malformed/") && is_flawed(expect));
    let silent: Vec<_> = flawed.iter().filter(|path| worst(path) < Some(Severity::Warning)).collect();
    // A deprecated key works.
    assert!(flawed.is_empty() || silent == ["malformed/profile/schema-deprecated-key.mobileconfig"], "{silent:#?}");
}

#[test]
fn every_error_in_a_real_profile_is_known_and_right() {
    let files = rows(|path, _| path.starts_with("unsigned/"));
    let listed = include_str!("check_corpus/errors.tsv").lines().filter(|line| !line.starts_with('#'));
    let listed = listed.map(|line| line.rsplit_once('\t').unwrap().0);
    let listed: BTreeSet<_> = listed.map(String::from).collect();
    let found: BTreeSet<_> = files.iter().flat_map(|path| errors(path)).collect();
    if !files.is_empty() {
        let (new, gone): (Vec<_>, Vec<_>) = (found.difference(&listed).collect(), listed.difference(&found).collect());
        assert!(new.is_empty() && gone.is_empty(), "not listed: {new:#?}\nlisted, and not found: {gone:#?}");
    }
}

#[test]
fn most_real_profiles_are_no_error() {
    let files = rows(|path, _| path.starts_with("unsigned/"));
    let wrong = files.iter().filter(|path| !errors(path).is_empty()).count();
    assert!(files.is_empty() || wrong * 2 < files.len(), "{wrong} of {}", files.len());
}

#[test]
fn no_file_and_no_target_makes_the_check_panic() {
    for path in rows(|path, _| !path.starts_with("apple-schema/")) {
        let Ok(inspection) = Inspection::of(&bytes(&path), &Target::default(), now()) else { continue };
        for target in targets() {
            check::check(&inspection.profile, &target, now());
        }
    }
}

/// What a file is, asked with the root of the corpus.
fn inspected(path: &str) -> profile_kit::Result<Inspection> {
    static ROOTS: LazyLock<TrustStore> =
        LazyLock::new(|| TrustStore::from_pem(&bytes("malformed/cms/test-root-ca.pem")).unwrap());
    Inspector::new(Target::default(), now(), Some(&ROOTS)).inspect(&bytes(path))
}

/// How much the worst matters that is said of a file; a file that is refused is an error.
fn worst(path: &str) -> Option<Severity> {
    match inspected(path) {
        Err(_) => Some(Severity::Error),
        Ok(inspection) => inspection.findings.iter().map(|finding| finding.severity).max(),
    }
}

/// Everything that is said of a file: why it is refused, what is wrong with its signature, what is found in it.
fn said(path: &str) -> Vec<String> {
    match inspected(path) {
        Err(error) => vec![error.to_string()],
        Ok(inspection) => {
            let mut said: Vec<_> = inspection.findings.iter().map(ToString::to_string).collect();
            if let Some(found) = inspection.verification {
                said.push(format!("{}: {}", found.integrity(), found.problem().unwrap_or_default()));
                said.extend(found.observations.iter().map(ToString::to_string));
            }
            said
        }
    }
}

/// Each error of a file as the table has it: file and code, and how often.
fn errors(path: &str) -> Vec<String> {
    let name = path.rsplit('/').next().unwrap();
    match Inspection::of(&bytes(path), &Target::default(), now()) {
        Err(_) => vec![format!("{name}\trefused")],
        Ok(inspection) => {
            let errors = inspection.findings.iter().filter(|finding| finding.severity == Severity::Error);
            errors.map(|finding| format!("{name}\t{}", finding.code)).collect()
        }
    }
}

fn targets() -> Vec<Target> {
    let oses = [Os::ios(6), Os::ios(17), Os::macos(15), Os::tvos(18)].map(Target::from);
    let known = oses.into_iter().chain([Target { platform: Some(Platform::Watchos), ..Target::default() }]);
    let enrolled = known.flat_map(|target| {
        [Enrolment::Device, Enrolment::User, Enrolment::SharedIpad].map(|enrolment| Target {
            enrolment: Some(enrolment),
            supervised: Some(false),
            installed_by: Some(InstalledBy::Hand),
            ..target
        })
    });
    enrolled.collect()
}

/// A table's values by its first column.
fn table(text: &'static str) -> BTreeMap<&'static str, Vec<&'static str>> {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let mut table: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for (key, value) in lines.map(|line| line.split_once('\t').unwrap()) {
        table.entry(key).or_default().push(value);
    }
    table
}

/// The files of the corpus that fit, by their path and what the corpus expects of them.
fn rows(fits: impl Fn(&str, &str) -> bool) -> Vec<String> {
    if !Path::new(CORPUS).exists() {
        assert!(env::var_os("REQUIRE_JUDGES").is_none_or(|value| value != "1"), "corpus is absent (../shared/corpus)");
        println!("skipped: corpus is absent (../shared/corpus)");
        return Vec::new();
    }
    let manifest = fs::read_to_string(Path::new(CORPUS).join("MANIFEST.tsv")).unwrap();
    let rows = manifest.lines().skip(1).map(|line| line.split('\t').collect::<Vec<_>>());
    let fitting = rows.filter(|columns| fits(columns[0], columns[6])).map(|columns| columns[0].to_owned());
    let rows: Vec<_> = fitting.filter(|path| Path::new(CORPUS).join(path).is_file()).collect();
    assert!(!rows.is_empty(), "no files");
    rows
}

fn bytes(path: &str) -> Vec<u8> {
    fs::read(Path::new(CORPUS).join(path)).unwrap()
}

/// 1 September 2026.
fn now() -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(1_788_220_800)
}

/// Whether the corpus expects that something is said, or that the file is refused.
fn is_flawed(expect: &str) -> bool {
    REJECTED.contains(&expect) || expect == "SCHEMA-ERROR" || expect.ends_with("WARN")
}

const REJECTED: [&str; 2] = ["REJECT", "SIGNATURE-INVALID"];
const CORPUS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/corpus");
