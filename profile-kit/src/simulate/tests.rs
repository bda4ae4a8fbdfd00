use std::{collections::BTreeSet, fs, io, path::Path, sync::LazyLock};

use super::{
    expect::{Expected, What, words},
    step::Deed,
    *,
};
use crate::{
    DeviceError, Error, InstalledBy, Payload, Profile, Removal, SignOptions, UuidSource,
    device::Refusal,
    pki::{
        Authority, KeySpec, Leaf, Validity,
        fixture::{P256, midway},
    },
    preflight::Verdict,
};

/// Each shipped scenario, and what became of it.
static RUNS: LazyLock<Vec<(&str, Scenario, Report)>> = LazyLock::new(|| {
    let run = |shipped: &Shipped| {
        let scenario = Scenario::parse(shipped.text).unwrap_or_else(|error| panic!("{}: {error}", shipped.name));
        let report = scenario.run().unwrap_or_else(|error| panic!("{}: {error}", shipped.name));
        (shipped.name, scenario, report)
    };
    SHIPPED.iter().map(run).collect()
});

#[test]
fn every_shipped_scenario_meets_its_expectations() {
    for (name, _, report) in RUNS.iter() {
        assert!(report.is_met(), "{name}: {report:#?}");
    }
}

#[test]
fn every_step_of_a_shipped_scenario_expects_something_and_so_does_its_end() {
    for (name, scenario, _) in RUNS.iter() {
        assert!(scenario.end.is_some(), "{name}: no end");
        for step in &scenario.steps {
            assert!(!step.expected.is_empty(), "{name}: line {} expects nothing", step.line);
        }
    }
}

#[test]
fn any_other_word_of_the_same_kind_in_an_expectation_is_missed() {
    for (name, scenario, report) in RUNS.iter() {
        for (step, became) in scenario.steps.iter().zip(&report.steps) {
            for expected in &step.expected {
                for what in others(expected.what) {
                    let changed = Expected { what, ..expected.clone() };
                    let missed = walk::missed(std::slice::from_ref(&changed), became);
                    assert_eq!(missed.len(), 1, "{name}: line {}: {what:?} for {}", step.line, expected.word);
                }
            }
        }
    }
}

fn others(what: What) -> Vec<What> {
    if let What::Error(error) = what {
        return vec![What::Error(DeviceError { number: error.number + 1, ..error })];
    }
    let alike = |other: &What| std::mem::discriminant(other) == std::mem::discriminant(&what) && *other != what;
    words().into_iter().map(|(_, other)| other).filter(alike).collect()
}

/// The same from the file on, in one that has every kind of word.
#[test]
fn changing_any_word_of_a_file_fails_at_its_line() {
    for name in ["hybrid", "procedure-2017", "renewed-same-key-leaf-equal"] {
        let text = Shipped::find(name).unwrap().text;
        for (index, line) in text.lines().enumerate() {
            let Some((key, value)) = line.split_once(" = ").filter(|(key, _)| ["expect", "end"].contains(key)) else {
                continue;
            };
            for word in value.split('"').skip(1).step_by(2) {
                let other = if key == "end" { "locked" } else { "wiped" };
                let changed = line.replace(&format!("\"{word}\""), &format!("\"{other}\""));
                let report = Scenario::parse(&text.replace(line, &changed)).unwrap().run().unwrap();
                assert!(!report.is_met(), "{name}: line {}: {changed}", index + 1);
            }
        }
    }
}

#[test]
fn the_end_that_was_expected_is_told_with_its_line() {
    let text = Shipped::find("w4-app-first-2017").unwrap().text.replace("end = \"needs-wipe\"", "end = \"free\"");
    let report = Scenario::parse(&text).unwrap().run().unwrap();
    assert_eq!((report.end, report.missed_end), (State::NeedsWipe, Some((4, "free".into()))));
}

/// Typed by hand from the procedure and the facts: what can go wrong, and where it is shown.
const WAYS: &[(&str, &[&str])] = &[
    ("the good way, Hybrid MDM", &["hybrid"]),
    ("the good way, IVI MDM", &["ivi"]),
    ("S2.3, the prompt of iOS 10", &["procedure-2017"]),
    ("W1", &["w1-forced", "w1-seen-in-time", "w1-taken-back"]),
    ("W2", &["w2-page-not-reached", "w2-safari-restricted", "w2-safari-restricted-ivi"]),
    ("W3", &["w3-cancelled", "w3-never-run"]),
    ("W4", &["w4-app-first", "w4-app-first-2017", "w4-app-first-supervised", "w4-app-store-open"]),
    ("wrong order", &["wrong-order-mdm-first", "wrong-order-ivi-first", "wrong-order-record-first"]),
    ("S3 before the restriction ends", &["app-removal-restricted"]),
    ("R1, identifier changed", &["identifier-changed", "identifier-changed-of-issued"]),
    ("R4, unsigned over signed", &["unsigned-over-signed", "unsigned-installed"]),
    ("R5, renewed with the same key", &["renewed-same-key-leaf-equal", "renewed-same-key-same-key"]),
    ("R5, renewed with the same key", &["renewed-same-key-any-of-chain", "renewed-same-key-none"]),
    ("R5, renewed with another key", &["renewed-other-key-leaf-equal", "renewed-other-key-same-key"]),
    ("R5, renewed with another key", &["renewed-other-key-any-of-chain", "renewed-other-key-none"]),
    ("R5, renewed below another CA", &["renewed-other-ca-leaf-equal", "renewed-other-ca-same-key"]),
    ("R5, renewed below another CA", &["renewed-other-ca-any-of-chain", "renewed-other-ca-none"]),
    ("R5, signed by what was installed", &["renewed-of-issued", "signer-expired", "signer-lost"]),
    ("R6, R7, the old password asked for", &["password-must-match"]),
    ("R8, a damaged signature", &["damaged-signature"]),
    ("R9, managed against manual", &["managed-against-manual"]),
    ("R9, MDM over manual", &["overwrite-by-mdm", "mdm-over-manual-unsupervised"]),
    ("L2, the lock is ignored", &["unsupervised"]),
    ("L3, the owner knows the password", &["removal-password"]),
    ("L4, empty password on a current system", &["empty-password-current"]),
    ("L7, it frees by itself", &["removal-date", "duration-until-removal"]),
    ("installs by hand forbidden", &["install-forbidden", "install-forbidden-mdm"]),
    ("8 minutes", &["pending-expired"]),
];

#[test]
fn each_warning_and_each_way_to_go_wrong_has_a_scenario() {
    let named: BTreeSet<&str> = WAYS.iter().flat_map(|(_, names)| names.iter().copied()).collect();
    let shipped: BTreeSet<&str> = SHIPPED.iter().map(|shipped| shipped.name).collect();
    assert_eq!(named, shipped);
}

#[test]
fn every_scenario_file_is_shipped() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let shipped: BTreeSet<String> = SHIPPED.iter().map(|shipped| format!("{}.toml", shipped.name)).collect();
    assert_eq!(files.collect::<BTreeSet<_>>(), shipped);
}

#[test]
fn every_number_of_the_procedure_is_told_somewhere() {
    let told: BTreeSet<&str> = RUNS.iter().flat_map(|(_, _, report)| &report.steps).flat_map(numbers).collect();
    let parts = [("S1", 10), ("S2", 8), ("S3", 3), ("S4", 8)];
    let steps = parts.iter().flat_map(|(part, last)| (1..=*last).map(move |number| format!("{part}.{number}")));
    for number in steps.chain((1..=4).map(|number| format!("W{number}"))) {
        assert!(told.contains(number.as_str()), "{number} is nowhere");
    }
}

fn numbers(step: &StepReport) -> impl Iterator<Item = &'static str> + '_ {
    step.seen.iter().map(|line| line.number)
}

#[test]
fn every_step_and_every_outcome_is_shown_somewhere() {
    let steps = || RUNS.iter().flat_map(|(_, _, report)| &report.steps);
    for name in step::names() {
        assert!(steps().any(|step| step.action == name), "{name} is nowhere");
    }
    for went in Went::ALL {
        assert!(steps().any(|step| step.outcome == Outcome::Went(*went)), "{went} is nowhere");
    }
}

#[test]
fn every_step_and_every_word_is_in_the_documentation() {
    let documentation = include_str!("../simulate.rs");
    let words = [Went::ALL.iter().map(ToString::to_string).collect::<Vec<_>>(), consoles(), states()].concat();
    for word in step::names().map(str::to_owned).chain(words) {
        assert!(documentation.contains(&format!("`{word}`")), "{word} is not in the documentation");
    }
}

fn consoles() -> Vec<String> {
    let records = RecordState::ALL.iter().map(ToString::to_string);
    records.chain(JobStatus::ALL.iter().map(ToString::to_string)).collect()
}

fn states() -> Vec<String> {
    State::ALL.iter().map(ToString::to_string).collect()
}

/// A walk past the last year of a signing time is an error, not a panic.
#[test]
fn time_that_no_signature_can_tell_is_an_error() {
    let wait = "[[step]]\ndo = \"wait\"\ndays = 36000\n";
    let steps = "[[step]]\ndo = \"enrol\"\n";
    let text = format!("start = 9990-01-01T00:00:00Z\n{HEAD}{wait}{wait}{steps}");
    assert!(matches!(Scenario::parse(&text).unwrap().run(), Err(Error::Unwritable { .. } | Error::Crypto { .. })));
}

#[test]
fn each_scenario_of_a_warning_tells_its_number() {
    for (name, _, report) in RUNS.iter().filter(|(name, ..)| name.starts_with('w') && !name.starts_with("wrong")) {
        let number = name[..2].to_uppercase();
        let told = report.steps.iter().flat_map(numbers).any(|told| told == number);
        let seen_in_time = *name == "w1-seen-in-time";
        assert!(told != seen_in_time, "{name}: {number}");
    }
}

/// What the owner meets after the download is what preflight said, where he enters no password.
#[test]
fn preflight_says_frees_exactly_where_the_walk_goes_on_to_free() {
    let (mut frees, mut strands) = (0, 0);
    for (name, scenario, report) in RUNS.iter() {
        let mut foreseen = None;
        for (step, became) in scenario.steps.iter().zip(&report.steps) {
            foreseen = became.preflight.or(foreseen);
            let Deed::InstallOverwrite { by: InstalledBy::Hand, password } = &step.deed else { continue };
            if !password.expose().is_empty() || became.outcome == Outcome::Refused(Refusal::NothingPending) {
                continue;
            }
            let free = became.outcome == Outcome::Went(Went::Replaced) && became.state == State::Removable;
            assert_eq!(foreseen.map(Verdict::is_free), Some(free), "{name}: line {}", step.line);
            if free { frees += 1 } else { strands += 1 }
        }
    }
    assert!(frees >= 30 && strands >= 10, "{frees} frees, {strands} strands");
}

#[test]
fn a_report_shows_nothing_of_the_keys_so_that_two_runs_are_alike() {
    for name in ["renewed-other-key-leaf-equal", "signer-lost"] {
        let (_, scenario, report) = RUNS.iter().find(|(known, ..)| *known == name).unwrap();
        assert_eq!(scenario.run().unwrap(), *report, "{name}");
        let text = format!("{report:?}");
        assert!(!text.contains("sha256:") && text.contains("\\\"renewed\\\""), "{text}");
    }
}

#[test]
fn what_the_scenario_says_of_passwords_is_not_shown() {
    for name in ["removal-password", "password-must-match"] {
        let (_, scenario, report) = RUNS.iter().find(|(known, ..)| *known == name).unwrap();
        assert!(!format!("{scenario:?} {report:?}").contains("sesame"), "{name}");
    }
}

#[test]
fn keys_can_be_given() {
    let scenario = Scenario::parse(Shipped::find("ivi").unwrap().text).unwrap();
    let validity = Validity::days(scenario.start, 365);
    let root = Authority::new("Root", KeySpec::P384, validity).unwrap();
    let identity = root.issue(&Leaf::new("Signer", KeySpec::P384, validity)).unwrap().identity().unwrap();
    let mut keys = Keys::new();
    keys.insert("signer", identity);
    assert!(scenario.run_with(&keys).unwrap().is_met());
}

#[test]
fn a_key_that_was_not_given_is_an_error() {
    let scenario = Scenario::parse(Shipped::find("ivi").unwrap().text).unwrap();
    let error = scenario.run_with(&Keys::new()).unwrap_err();
    assert!(matches!(error, Error::Identity { .. }));
    assert_eq!(error.to_string(), "no identity \"signer\" was given");
}

const HEAD: &str = "format = 1\ntitle = \"x\"\n[device]\nos = \"17.4\"\nsupervised = true\n";

/// A scenario's part from line 6 on, and what is said of it.
const UNREADABLE: &[(&str, &str)] = &[
    ("colour = \"red\"\n[[step]]\ndo = \"enrol\"", "line 6, column 1: unknown field `colour`"),
    ("[[step]]\ndo = \"enroll\"", "line 7, column 6: do = \"enroll\" is no step: one of enrol, request-inactivation"),
    ("[[step]]\ndo = \"enrol\"\nfast = true", "line 8, column 1: unknown field `fast`"),
    ("[[step]]\ndo = \"enrol\"\nforced = true", "line 8, column 10: forced means nothing with do = \"enrol\""),
    ("[[step]]\ndo = \"enrol\"\nexpect = \"fine\"", "line 8, column 10: expect: nothing is called \"fine\""),
    (
        "[[step]]\ndo = \"enrol\"\nexpect = [\"enrolled\", \"4008\"]",
        "line 8, column 10: expect: nothing is called \"4008\"",
    ),
    ("[[step]]\ndo = \"enrol\"\nexpect = 3", "line 8, column 10: expect is a word, or an array of words"),
    (
        "[[step]]\ndo = \"remove\"\nprofile = \"ivy\"",
        "line 8, column 11: no profile is called \"ivy\": there are ivi, mdm",
    ),
    ("[[step]]\ndo = \"remove\"", "line 7, column 6: do = \"remove\" needs either profile or identifier"),
    (
        "[[step]]\ndo = \"renew-signer\"\nsigner = \"new\"",
        "line 8, column 10: no identity is called \"new\": there are signer",
    ),
    (
        "[[step]]\ndo = \"renew-signer\"\nsigner = \"none\"",
        "line 7, column 6: do = \"renew-signer\" needs signer, an identity",
    ),
    ("[[step]]\ndo = \"wait\"", "line 7, column 6: do = \"wait\" needs seconds, minutes, hours or days"),
    ("[[step]]\ndo = \"wait\"\ndays = -1", "line 8, column 8: invalid value: integer `-1`"),
    ("[[step]]\ndo = \"open-install-page\"\nvia = \"mail\"", "line 8, column 7: unknown variant `mail`"),
    (
        "preset = \"ios-9\"\n[[step]]\ndo = \"enrol\"",
        "line 6, column 10: preset \"ios-9\" is not known: one of current, ios-10-11",
    ),
    (
        "policies = { signer = \"none\" }\n[[step]]\ndo = \"enrol\"",
        "line 6, column 23: \"signer\" is no policy: one of signer-match",
    ),
    (
        "policies = { signer-match = \"any\" }\n[[step]]\ndo = \"enrol\"",
        "line 6, column 29: \"any\" is no value of signer-match",
    ),
    (
        "[identity.new]\nkey_of = \"old\"\n[[step]]\ndo = \"enrol\"",
        "line 7, column 10: key_of: no identity with a key of its own is called \"old\"",
    ),
    (
        "[identity.signer]\nkey_of = \"signer\"\n[[step]]\ndo = \"enrol\"",
        "line 7, column 10: key_of: no identity with a key",
    ),
    ("[identity.none]\n[[step]]\ndo = \"enrol\"", "line 6, column 11: no identity can be called \"none\""),
    ("[[step]]\ndo = \"wait\"\ndays = 40000", "line 7, column 6: do = \"wait\" takes a hundred years at most"),
    ("[console]\nsigner = \"new\"\n[[step]]\ndo = \"enrol\"", "line 7, column 10: no identity is called \"new\""),
    (
        "[profile.ivi]\nremoval = \"never\"\n[[step]]\ndo = \"enrol\"",
        "line 6, column 1: profile \"ivi\": removal is \"allowed\"",
    ),
    (
        "[profile.ivi]\nspec = \"a.toml\"\nidentifier = \"a\"\n[[step]]\ndo = \"enrol\"",
        "line 6, column 1: profile \"ivi\": spec, file, or identifier",
    ),
    (
        "[profile.ivi]\nspec = \"a.toml\"\n[[step]]\ndo = \"enrol\"",
        "line 6, column 1: profile \"ivi\": a.toml: cannot be read: ",
    ),
    (
        "[profile.ivi.spec]\ndisplay_name = \"x\"\n[[step]]\ndo = \"enrol\"",
        "line 6, column 10: profile \"ivi\": missing field",
    ),
    ("step = 3", "line 6, column 1: unknown field `step`"),
    ("", "line 1, column 1: missing field `step`"),
];

#[test]
fn a_scenario_that_cannot_be_read_is_refused_with_its_place() {
    for (rest, expected) in UNREADABLE {
        let error = Scenario::parse(&format!("{HEAD}{rest}\n")).unwrap_err().to_string();
        assert!(error.starts_with(expected), "{rest:?}\n  says {error}\n  not  {expected}");
        assert!(!error.contains('\n'), "{error}");
    }
}

#[test]
fn what_is_written_once_at_the_top_is_read_as_strictly() {
    let changes = [
        ("format = 1", "format = 2", "line 1, column 10: format 2 is not known"),
        ("title = \"x\"", "start = 2026-04-01\ntitle = \"x\"", "line 2, column 9: start is no moment"),
        ("title = \"x\"", "title = \"x\"\nend = \"replaced\"", "line 3, column 7: end is free, removable, locked or"),
        ("title = \"x\"", "title = \"x\"\nservice = \"mdm\"", "line 3, column 11: unknown variant `mdm`"),
        ("\"17.4\"", "\"new\"", "line 4, column 6: os = \"new\" is not a version"),
    ];
    for (from, to, expected) in changes {
        let text = format!("{HEAD}[[step]]\ndo = \"enrol\"\n").replace(from, to);
        let error = Scenario::parse(&text).unwrap_err().to_string();
        assert!(error.starts_with(expected), "{to:?}\n  says {error}\n  not  {expected}");
    }
}

fn files(path: &str) -> io::Result<Vec<u8>> {
    let mut profile = Profile::new("jp.example.file", "From a file");
    profile.set_removal(Removal::Disallowed);
    profile.push(Payload::new("com.apple.applicationaccess"));
    profile.fill_uuids(UuidSource::Content);
    match path {
        "spec.toml" => Ok(format!("format = 1\nidentifier = \"jp.example.spec\"\n{LOCKED}").into_bytes()),
        "broken.toml" => Ok(b"format = 1\n".to_vec()),
        "a.mobileconfig" => Ok(profile.to_xml().unwrap()),
        "signed.mobileconfig" => {
            let identity = P256.identity().unwrap();
            Ok(identity.sign_with(&profile, &SignOptions::new(midway())).unwrap().into_bytes())
        }
        _ => Err(io::Error::other("no such file")),
    }
}

const LOCKED: &str = "removal = \"disallowed\"\n[[payload]]\ntype = \"com.apple.applicationaccess\"\n";

fn with_profile(profile: &str) -> Result<Scenario> {
    let steps = "[[step]]\ndo = \"enrol\"\nexpect = [\"enrolled\", \"locked\"]\n";
    Scenario::parse_with(&format!("{HEAD}[profile.ivi]\n{profile}\n{steps}"), files)
}

#[test]
fn a_profile_comes_from_a_spec_a_file_or_a_few_keys() {
    let inline = "[profile.ivi.spec]\nidentifier = \"jp.example.inline\"\nremoval = \"disallowed\"\n\
                  [[profile.ivi.spec.payload]]\ntype = \"com.apple.applicationaccess\"\n";
    let ways = [
        ("spec = \"spec.toml\"", "jp.example.spec"),
        ("file = \"a.mobileconfig\"", "jp.example.file"),
        ("identifier = \"jp.example.keys\"", "jp.example.keys"),
        (inline, "jp.example.inline"),
    ];
    for (profile, identifier) in ways {
        let scenario = with_profile(profile).unwrap();
        assert_eq!(scenario.profiles["ivi"].profile.identifier(), identifier);
        assert!(scenario.run().unwrap().is_met(), "{profile}");
    }
}

#[test]
fn what_is_wrong_in_a_file_that_a_scenario_names_is_told_with_both_names() {
    let broken = with_profile("spec = \"broken.toml\"").unwrap_err().to_string();
    assert!(
        broken.starts_with("line 6, column 1: profile \"ivi\": broken.toml: line 1, column 1: missing"),
        "{broken}"
    );
    let signed = with_profile("file = \"signed.mobileconfig\"").unwrap_err().to_string();
    assert!(signed.ends_with("signed.mobileconfig: is signed: a scenario signs itself"), "{signed}");
}

#[test]
fn a_step_that_goes_otherwise_does_not_end_the_scenario() {
    let steps = "[[step]]\ndo = \"remove\"\nprofile = \"ivi\"\nexpect = \"removed\"\n\
                 [[step]]\ndo = \"enrol\"\nexpect = \"enrolled\"\n";
    let report = Scenario::parse(&format!("{HEAD}{steps}")).unwrap().run().unwrap();
    let [first, second] = report.steps.as_slice() else { panic!("two steps") };
    assert_eq!((first.missed.as_slice(), second.missed.len()), (["removed".to_owned()].as_slice(), 0));
    assert_eq!(first.words(), ["NotInstalled", "free", "gone", "no-job"]);
}

#[test]
fn a_profile_that_has_no_overwrite_is_told_and_not_an_error() {
    let encrypted = |_: &str| {
        let mut keys = plist::Dictionary::new();
        for (key, value) in [("PayloadIdentifier", "a"), ("PayloadType", "Configuration"), ("PayloadUUID", "b")] {
            keys.insert(key.into(), value.into());
        }
        keys.insert("PayloadVersion".into(), 1.into());
        keys.insert("IsEncrypted".into(), true.into());
        keys.insert("EncryptedPayloadContent".into(), plist::Value::Data(vec![0x30, 0]));
        Ok(Profile::from_dictionary(keys).unwrap().to_xml().unwrap())
    };
    let text = format!(
        "{HEAD}[profile.ivi]\nfile = \"e\"\n[[step]]\ndo = \"enrol\"\n[[step]]\ndo = \"request-inactivation\"\n\
         [[step]]\ndo = \"open-install-page\"\nexpect = \"no-removal-profile\"\n"
    );
    let report = Scenario::parse_with(&text, encrypted).unwrap().run().unwrap();
    assert!(report.is_met(), "{report:#?}");
}

#[test]
fn a_mac_asks_for_an_administrator_until_the_overwrite_is_there() {
    let text = "format = 1\ntitle = \"x\"\nend = \"removable\"\n\
                [device]\nplatform = \"macos\"\nos = \"14\"\nsupervised = false\n\
                [console]\nform = \"omitted\"\n[[step]]\ndo = \"enrol\"\nexpect = \"locked\"\n\
                [[step]]\ndo = \"request-inactivation\"\n[[step]]\ndo = \"open-install-page\"\n\
                [[step]]\ndo = \"install-overwrite\"\nexpect = \"removable\"\n";
    let report = Scenario::parse(text).unwrap().run().unwrap();
    assert!(report.is_met(), "{report:#?}");
}

#[test]
fn an_overwrite_that_is_installed_beside_is_no_success_in_the_console() {
    let (_, _, report) = RUNS.iter().find(|(name, ..)| *name == "identifier-changed").unwrap();
    let added = report.steps.iter().find(|step| step.outcome == Outcome::Went(Went::Added)).unwrap();
    assert_eq!((added.job, added.record), (JobStatus::Waiting, RecordState::Active));
}
