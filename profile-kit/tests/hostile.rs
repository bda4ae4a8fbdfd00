//! Every broken or hostile file of the corpus, through every verb of the program that reads a file.

#![allow(clippy::unwrap_used, reason = "a test may fail by panic")]

use std::{
    env, fs,
    os::unix::process::ExitStatusExt,
    path::{Path, PathBuf},
    process::{Command, Output},
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant, UNIX_EPOCH},
};

use profile_kit::{
    Payload, Profile, Removal, SignedProfile, UuidSource,
    document::looks_signed,
    pki::{Authority, KeySpec, KeyUse, Leaf, Validity},
    verify,
};
use serde_json::Value;
use tempfile::TempDir;

#[test]
fn every_broken_file_meets_its_expectation() {
    let folder = identity();
    let wrong = over(&rows(), |row| {
        let answer = Answer::of(&folder, row);
        (!answer.meets(row)).then(|| format!("{} ({}): {answer:?}", row.path, row.expect))
    });
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_verb_fails_in_one_line_within_bounds_and_leaves_no_file() {
    let folder = identity();
    let slowest = Mutex::new((Duration::ZERO, String::new()));
    let wrong = over(&rows(), |row| {
        let results = VERBS.iter().map(|verb| {
            let run = Run::of(&folder, verb, &row.file());
            let mut slowest = slowest.lock().unwrap();
            if run.time > slowest.0 {
                *slowest = (run.time, format!("{} {}", verb[0], row.path));
            }
            run.problem(row).map(|problem| format!("{} {}: {problem}", verb[0], row.path))
        });
        let problems: Vec<String> = results.flatten().collect();
        (!problems.is_empty()).then(|| problems.join("\n"))
    });
    let (time, what) = slowest.into_inner().unwrap();
    println!("slowest: {what}, {time:?} with the start of the process");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn says_nothing_of_what_is_in_a_private_key() {
    let folder = identity();
    let key = fs::read_to_string(folder.path().join("key.pem")).unwrap();
    for verb in VERBS {
        let output = run(&folder, verb, &folder.path().join("key.pem"), &folder.path().join("made")).output;
        assert_eq!(output.status.code(), Some(1), "{}", verb[0]);
        let said = format!("{}{}", lossy(&output.stdout), lossy(&output.stderr));
        for line in key.lines().filter(|line| !line.starts_with("-----")) {
            assert!(!said.contains(&line[..16]), "{}: {said}", verb[0]);
        }
    }
}

#[test]
fn files_made_to_cost_much_stay_within_bounds() {
    let (folder, made) = (identity(), tempfile::tempdir().unwrap());
    let deep = "<dict><key>a</key>".repeat(480);
    let deep = format!("{deep}<array>{}</array>{}", "<string/>".repeat(9_000), "</dict>".repeat(480));
    let costly = [
        ("deep-and-wide", deep),
        ("nothing-but-braces", format!("<string>{}</string>", "{{".repeat(100_000))),
        ("many-dictionaries", format!("<array>{}</array>", "<dict></dict>".repeat(10_000))),
        (
            "many-secrets",
            format!("<array>{}</array>", "<dict><key>Token</key><string>{{a}}</string></dict>".repeat(9_000)),
        ),
        ("many-payloads", format!("<true/></dict>{}<dict><key>a</key><true/>", "<dict></dict>".repeat(1_000))),
    ];
    // JSON is indented at every level, which is all that it spends its time with.
    let verbs = || VERBS.iter().filter(|verb| !verb.contains(&"json"));
    for (name, value) in costly {
        let row = Row { path: made.path().join(name).display().to_string(), expect: String::new() };
        fs::write(row.file(), profile_around(&value)).unwrap();
        let problem =
            |verb: &&[&str]| Some(format!("{verb:?}: {}", Run::of(&folder, verb, &row.file()).problem(&row)?));
        let problems: Vec<_> = verbs().filter_map(problem).collect();
        assert!(problems.is_empty(), "{name}: {}", problems.join("\n"));
    }
}

#[test]
fn a_spec_of_many_payloads_of_one_type_builds_within_bounds() {
    let (folder, made) = (identity(), tempfile::tempdir().unwrap());
    let spec = made.path().join("spec.toml");
    let head = "format = 1\nidentifier = \"a\"\ndisplay_name = \"b\"\nremoval = \"disallowed\"\n";
    fs::write(&spec, format!("{head}{}", "[[payload]]\ntype = \"c\"\n".repeat(300))).unwrap();
    let built = run(&folder, &["build", "FILE", "-o", "OUT"], &spec, &made.path().join("out")).output;
    assert_eq!(built.status.code(), Some(0), "{}", lossy(&built.stderr));
}

#[test]
fn a_write_that_is_cut_short_leaves_the_old_file_and_nothing_beside_it() {
    let (folder, out) = (identity(), tempfile::tempdir().unwrap());
    let (valid, made) = (folder.path().join("valid.mobileconfig"), out.path().join("made"));
    fs::write(&made, "the old file").unwrap();
    let mut padded = Profile::from_bytes(&fs::read(&valid).unwrap()).unwrap();
    padded.set("PayloadDescription", "x".repeat(8192)).unwrap();
    fs::write(&valid, padded.to_xml().unwrap()).unwrap();
    let (program, script) = (env!("CARGO_BIN_EXE_profile-kit"), "trap '' XFSZ; ulimit -f 8; exec \"$0\" \"$@\"");
    let mut command = Command::new("sh");
    command.args(["-c", script, program, "overwrite", "--unsigned"]).arg(&valid).arg("-o").arg(&made);
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(2), "{}", lossy(&output.stderr));
    assert_eq!(fs::read_to_string(&made).unwrap(), "the old file");
    assert_eq!(fs::read_dir(out.path()).unwrap().count(), 1);
}

#[test]
fn judges_otherwise_on_no_more_than_ten_files_of_the_corpus() {
    assert!(JUDGED_OTHERWISE.len() <= 10);
    let rows = rows();
    for (name, _, _) in JUDGED_OTHERWISE.iter().chain(&CHOSEN) {
        assert!(rows.is_empty() || rows.iter().any(|row| row.path.ends_with(&format!("/{name}"))), "{name}");
    }
}

/// Every verb that reads a file, with options that let it get as far as it can. The words in capitals are replaced.
const VERBS: [&[&str]; 21] = [
    &["show", "FILE"],
    &["show", "FILE", "--format", "json"],
    &["verify", "FILE", "--integrity-only"],
    &["verify", "FILE", "--roots", "ROOTS", "--at", "signing-time", "--purpose", "smime", "--format", "json"],
    &["check", "FILE"],
    &["check", "FILE", "--roots", "ROOTS", "--format", "json"],
    &["check", "FILE", "--format", "sarif"],
    &["unwrap", "FILE", "-o", "OUT"],
    &["build", "FILE", "-o", "OUT"],
    &["build", "FILE", "--format", "binary", "-o", "OUT"],
    &["sign", "FILE", "--cert", "CERT", "--key", "KEY", "--signing-time", "2026-06-01T00:00:00Z", "-o", "OUT"],
    &["overwrite", "FILE", "--unsigned", "-o", "OUT"],
    &["overwrite", "FILE", "--unsigned", "--strip", "--os", "17", "-o", "OUT"],
    &["overwrite", "FILE", "--cert", "CERT", "--key", "KEY", "--signing-time", "2026-06-01T00:00:00Z", "-o", "OUT"],
    &["preflight", "FILE"],
    &["preflight", "FILE", "FILE"],
    &["preflight", "VALID", "FILE", "--platform", "macos", "--format", "json"],
    &["diff", "FILE", "FILE"],
    &["diff", "FILE", "VALID"],
    &["encrypt", "FILE", "--to", "CERT", "-o", "OUT"],
    &["decrypt", "FILE", "--cert", "CERT", "--key", "KEY", "-o", "OUT"],
];

/// A verdict of the corpus that is not ours: its file, our answer, and why.
const JUDGED_OTHERWISE: [(&str, Ours, &str); 1] = [(
    "type-profile-service.mobileconfig",
    Ours::Refused,
    "another type of document: nothing in it can be locked or freed, and devices refuse it as a configuration (1017)",
)];

/// Our choice where the corpus leaves it open.
const CHOSEN: [(&str, Ours, &str); 19] = [
    ("alg-ecdsa-p521-sha512.mobileconfig", Ours::Taken, "devices take P-521"),
    ("alg-ecdsa-secp256k1.mobileconfig", Ours::Told, "the signature holds; the curve is told"),
    ("alg-ecdsa-sigalg-ecPublicKey.mobileconfig", Ours::Taken, "as Apple wrote it for years"),
    ("alg-sha3-256.mobileconfig", Ours::Told, "the signature holds; the digest is told"),
    ("quirk-digest-algs-empty.mobileconfig", Ours::Told, "the set is for one pass (RFC 5652 §5.1): told"),
    ("quirk-signed-attrs-unsorted.mobileconfig", Ours::Told, "signed as DER, written otherwise: told"),
    ("time-generalizedtime-2026.mobileconfig", Ours::Told, "the moment is clear, the form is told"),
    ("time-generalizedtime-2050.mobileconfig", Ours::Taken, "the form that is right from 2050 on"),
    ("date-leap-second.mobileconfig", Ours::Refused, "no moment that a device's clock has"),
    ("deep-300-in-vendor-config.mobileconfig", Ours::Taken, "the bound is 512 levels"),
    ("int-hex.mobileconfig", Ours::Told, "as CoreFoundation; its key is told, which Apple does not know"),
    ("int-plus-sign.mobileconfig", Ours::Told, "as CoreFoundation; its key is told, which Apple does not know"),
    ("latin1-declared.mobileconfig", Ours::Refused, "UTF-8 and UTF-16 only: the sentence says what to do"),
    ("leading-newline.mobileconfig", Ours::Taken, "as CoreFoundation, and common"),
    ("processing-instruction.mobileconfig", Ours::Taken, "skipped, as CoreFoundation does"),
    ("utf-16-be-no-bom.mobileconfig", Ours::Taken, "the first bytes tell"),
    ("utf-16-le-bom.mobileconfig", Ours::Taken, "as CoreFoundation"),
    ("utf-16-le-no-bom.mobileconfig", Ours::Taken, "the first bytes tell"),
    ("schema-homescreen-recursive.mobileconfig", Ours::Taken, "the schema is followed as far as the file goes"),
];

/// What the program says of a file.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Ours {
    Refused,
    /// Taken, with a finding or an observation.
    Told,
    /// Taken without a word.
    Taken,
}

/// What `show` and, for a signed file, `verify` say of a file.
#[derive(Debug)]
struct Answer {
    shown: bool,
    findings: usize,
    observations: usize,
    /// Whether the signature holds and leads to the root of the corpus; `None` where there is none.
    good: Option<bool>,
    verdict: String,
}

impl Answer {
    fn of(folder: &TempDir, row: &Row) -> Self {
        let shown = run(folder, &["show", "FILE", "--format", "json"], &row.file(), Path::new("")).output;
        let roots = corpus().unwrap().join("malformed/cms/test-root-ca.pem").display().to_string();
        let verb = ["verify", "FILE", "--at", AT, "--format", "json", "--roots", &roots];
        let verified = run(folder, &verb, &row.file(), Path::new("")).output;
        let (findings, verdict) = (result(&shown), result(&verified));
        let length = |value: &Value| value.as_array().map_or(0, Vec::len);
        Self {
            shown: shown.status.success(),
            findings: length(&findings["findings"]),
            observations: length(&verdict["observations"]),
            good: row.path.contains("/cms/").then(|| verified.status.success()),
            verdict: verdict["verdict"].as_str().unwrap_or("none").to_owned(),
        }
    }

    fn ours(&self) -> Ours {
        match self.shown && self.good != Some(false) {
            false => Ours::Refused,
            true if self.findings + self.observations > 0 => Ours::Told,
            true => Ours::Taken,
        }
    }

    fn meets(&self, row: &Row) -> bool {
        let ours = self.ours();
        if let Some((_, chosen, _)) = JUDGED_OTHERWISE.iter().chain(&CHOSEN).find(|(name, _, _)| row.name() == *name) {
            return ours == *chosen;
        }
        match row.expect.as_str() {
            "REJECT" => !self.shown,
            "ACCEPT" => ours != Ours::Refused,
            "WARN" => ours == Ours::Told,
            "SCHEMA-ERROR" => ours == Ours::Told && self.findings > 0,
            "REJECT-or-WARN" => ours != Ours::Taken,
            "UNTRUSTED-or-WARN" => UNTRUSTED.contains(&self.verdict.as_str()) || ours == Ours::Told,
            "SIGNATURE-INVALID" => !self.shown && INVALID.contains(&self.verdict.as_str()),
            other => panic!("{}: what is {other}?", row.path),
        }
    }
}

const UNTRUSTED: [&str; 3] = ["SigningCertNotTrusted", "SigningCertExpired", "SigningCertNotYetValid"];
const INVALID: [&str; 2] = ["DigestMismatch", "BadSignature"];

/// When the certificates of the corpus are valid.
const AT: &str = "2026-06-01T00:00:00Z";

/// One run of the program, and the folder that it could write to.
struct Run {
    output: Output,
    time: Duration,
    out: TempDir,
}

impl Run {
    fn of(folder: &TempDir, verb: &[&str], file: &Path) -> Self {
        let out = tempfile::tempdir().unwrap();
        let Timed { output, time } = run(folder, verb, file, &out.path().join("out"));
        Self { output, time, out }
    }

    fn problem(&self, row: &Row) -> Option<String> {
        let (stdout, stderr) = (lossy(&self.output.stdout), lossy(&self.output.stderr));
        let said = format!("{stdout}{stderr}");
        let status = self.output.status;
        let files: Vec<_> = fs::read_dir(self.out.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        let allowed: &[&str] = if status.success() { &["out"] } else { &[] };
        if let Some(signal) = status.signal() {
            return Some(format!("ended by signal {signal}: {stderr}"));
        }
        if said.contains("panicked") || !matches!(status.code(), Some(0..=2)) {
            return Some(format!("status {status}: {said}"));
        }
        if self.time > PATIENCE {
            return Some(format!("took {:?}", self.time));
        }
        if files.iter().any(|file| !allowed.iter().any(|allowed| file == allowed)) {
            return Some(format!("left {files:?}"));
        }
        if said.chars().any(|c| c.is_control() && c != '\n') || said.contains("root:") {
            return Some(format!("says {said:?}"));
        }
        let told = match status.code() {
            Some(0) => labels(&stderr, &["note", "warning"]) && is_sound(&self.out.path().join("out"), row),
            _ => tells(&stdout, &stderr, row),
        };
        (!told).then(|| format!("{status}: {stdout:?} {stderr:?}"))
    }
}

/// The most that the start of a process and the machine's other work may take; the second of work itself is the
/// kernel's to watch.
const PATIENCE: Duration = Duration::from_secs(20);

/// One line that begins with `error:` and names the file; or a report on standard output that does.
fn tells(stdout: &str, stderr: &str, row: &Row) -> bool {
    let errors: Vec<&str> = stderr.lines().filter(|line| line.starts_with("error: ")).collect();
    let is_report = stdout.contains(row.name()) && stdout.len() > row.name().len();
    let is_difference = stdout.lines().all(|line| line.starts_with(['-', '+'])) && !stdout.is_empty();
    match errors.as_slice() {
        [] => stderr.is_empty() && (is_report || is_difference),
        [error] => error.contains(row.name()) && labels(stderr, &["note", "warning", "error"]),
        _ => false,
    }
}

fn labels(stderr: &str, allowed: &[&str]) -> bool {
    stderr.lines().all(|line| allowed.iter().any(|label| line.starts_with(&format!("{label}: "))))
}

/// A profile with one payload that has a setting `a`.
fn profile_around(value: &str) -> String {
    let mut profile = Profile::new("jp.example.ivi-mdm", "IVI MDM");
    let mut payload = Payload::new("com.example.unknown");
    payload.insert("a", "here");
    profile.push(payload);
    profile.fill_uuids(UuidSource::Content);
    String::from_utf8(profile.to_xml().unwrap()).unwrap().replace("<string>here</string>", value)
}

/// Whether what was written, if anything was, is whole: a signed profile around the file's own bytes,
/// the content of the file, or a profile.
fn is_sound(out: &Path, row: &Row) -> bool {
    let Ok(made) = fs::read(out) else { return true };
    let file = fs::read(row.file()).unwrap();
    if verify::content(&file).is_ok_and(|content| content == made) {
        return true;
    }
    match looks_signed(&made) {
        true => {
            let verified = SignedProfile::from_bytes(made).unwrap().verify_integrity().unwrap();
            verified.content() == file || frees(verified.profile())
        }
        false => Profile::from_bytes(&made).is_ok(),
    }
}

fn frees(profile: &Profile) -> bool {
    matches!(profile.removal(), Removal::Allowed | Removal::AllowedEmptyPassword)
}

struct Timed {
    output: Output,
    time: Duration,
}

/// Runs the program in one second of processor time and 256 MiB of address space, which is more than its memory.
fn run(folder: &TempDir, verb: &[&str], file: &Path, out: &Path) -> Timed {
    let replaced = |word: &&str| match *word {
        "FILE" => file.to_owned(),
        "OUT" => out.to_owned(),
        "CERT" => folder.path().join("cert.pem"),
        "KEY" => folder.path().join("key.pem"),
        "ROOTS" => folder.path().join("root.pem"),
        "VALID" => folder.path().join("valid.mobileconfig"),
        word => word.into(),
    };
    let start = Instant::now();
    let output = Command::new("sh")
        .args(["-c", "ulimit -v 262144 && ulimit -t 1 && exec \"$0\" \"$@\"", env!("CARGO_BIN_EXE_profile-kit")])
        .args(verb.iter().map(replaced))
        .output()
        .unwrap();
    Timed { output, time: start.elapsed() }
}

fn result(output: &Output) -> Value {
    let whole: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
    whole["results"][0].clone()
}

fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A signer who can decrypt too, its root, and a sound profile.
fn identity() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let validity = Validity::days(UNIX_EPOCH + Duration::from_secs(1_577_836_800), 7_305);
    let root = Authority::new("Root", KeySpec::P256, validity).unwrap();
    let key_usage = vec![KeyUse::DigitalSignature, KeyUse::KeyEncipherment];
    let leaf = Leaf { key_usage, ..Leaf::new("Signer", KeySpec::Rsa(2048), validity) };
    let issued = root.issue(&leaf).unwrap();
    let write = |name: &str, bytes: Vec<u8>| fs::write(folder.path().join(name), bytes).unwrap();
    write("root.pem", root.certificate_pem().unwrap());
    write("cert.pem", issued.certificate_pem().unwrap());
    write("key.pem", issued.key_pem().unwrap());
    write("valid.mobileconfig", Profile::new("jp.example.ivi-mdm", "IVI MDM").to_xml().unwrap());
    fs::set_permissions(folder.path().join("key.pem"), std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    folder
}

/// Asks something of every row, as many at once as there are processors.
fn over(rows: &[Row], ask: impl Fn(&Row) -> Option<String> + Sync) -> Vec<String> {
    let (next, wrong) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    let work = || {
        while let Some(row) = rows.get(next.fetch_add(1, Ordering::Relaxed)) {
            if let Some(problem) = ask(row) {
                wrong.lock().unwrap().push(problem);
            }
        }
    };
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, Into::into) {
            scope.spawn(work);
        }
    });
    wrong.into_inner().unwrap()
}

/// A broken file of the corpus.
struct Row {
    path: String,
    expect: String,
}

impl Row {
    fn name(&self) -> &str {
        self.path.rsplit('/').next().unwrap()
    }

    fn file(&self) -> PathBuf {
        corpus().map_or_else(|| self.path.clone().into(), |corpus| corpus.join(&self.path))
    }
}

fn rows() -> Vec<Row> {
    let Some(corpus) = corpus() else {
        assert!(env::var_os("REQUIRE_JUDGES").is_none_or(|value| value != "1"), "corpus is absent (../shared/corpus)");
        println!("skipped: corpus is absent (../shared/corpus)");
        return Vec::new();
    };
    let manifest = fs::read_to_string(corpus.join("MANIFEST.tsv")).unwrap();
    let broken = manifest.lines().filter(|line| line.starts_with("malformed/")).map(row);
    broken.filter(|row| row.expect != "helper").collect()
}

fn row(line: &str) -> Row {
    let columns: Vec<&str> = line.split('\t').collect();
    Row { path: columns[0].into(), expect: columns[6].into() }
}

fn corpus() -> Option<PathBuf> {
    let path = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/corpus"));
    path.exists().then(|| path.to_owned())
}
