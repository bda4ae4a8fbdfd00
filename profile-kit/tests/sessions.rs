//! The sessions in the README and in `tests/cmd` run as they are written, each file in a directory of its own.
//!
//! A line `$ …` is run by the shell; what follows is its output, standard output before standard error; `? N` is an exit
//! status other than 0. `[..]` stands for anything in a line, `...` for any lines.

#![allow(clippy::unwrap_used, reason = "a test may fail by panic")]

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::LazyLock,
    time::{Duration, SystemTime},
};

use profile_kit::{
    Passphrase,
    pki::{Authority, Issued, KeySpec, KeyUse, Leaf, Validity},
};
use snapbox::Assert;

#[test]
fn the_readme_is_true() {
    run(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../README.md"));
}

#[test]
fn the_page_about_batches_is_true() {
    run(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/batch.md"));
}

#[test]
fn every_verb_does_what_its_session_shows() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cmd");
    let mut files: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    for verb in VERBS {
        assert!(files.iter().any(|file| file.file_stem().is_some_and(|stem| stem == *verb)), "no session shows {verb}");
    }
    files.iter().for_each(|file| run(file));
}

fn run(file: &Path) {
    let text = fs::read_to_string(file).unwrap();
    let directory = sandbox();
    let mut differences = String::new();
    for step in steps(&text) {
        if let Some(program) = missing(&step.command) {
            println!("skipped: `{}`: {program} is missing", step.command);
            assert!(std::env::var("REQUIRE_JUDGES").is_err(), "{program} is missing");
            continue;
        }
        let expected = format!("$ {}\n{}", step.command, step.expected);
        let actual = format!("$ {}\n{}", step.command, output(&step.command, directory.path()));
        if let Err(difference) =
            Assert::new().normalize_paths(false).try_eq(Some(&file.display()), actual.into(), expected.into())
        {
            differences += &difference.to_string();
        }
    }
    assert!(differences.is_empty(), "{differences}");
}

/// A program of others that a command needs and the machine has not.
fn missing(command: &str) -> Option<&'static str> {
    let present = |program: &str| {
        let path = std::env::var_os("PATH").unwrap_or_default();
        std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
    };
    ["openssl", "python3", "script"].into_iter().find(|program| {
        command.split(|c: char| !c.is_ascii_alphanumeric()).any(|word| word == *program) && !present(program)
    })
}

struct Step {
    command: String,
    expected: String,
}

fn steps(text: &str) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    let mut inside = false;
    for line in text.lines() {
        match line {
            "```console" => inside = true,
            "```" => inside = false,
            line if inside => match (line.strip_prefix("$ "), steps.last_mut()) {
                (Some(command), _) => steps.push(Step { command: command.into(), expected: String::new() }),
                (None, Some(step)) => step.expected += &format!("{line}\n"),
                (None, None) => panic!("output before any command: {line}"),
            },
            _ => {}
        }
    }
    steps
}

/// The exit status if it is not 0, standard output, standard error.
fn output(command: &str, directory: &Path) -> String {
    let binary = Path::new(env!("CARGO_BIN_EXE_profile-kit")).parent().unwrap();
    let path = format!("{}:{}", binary.display(), std::env::var("PATH").unwrap());
    let output = Command::new("sh")
        .args(["-c", command])
        .current_dir(directory)
        .env("PATH", path)
        .env("NO_COLOR", "1")
        .env("COLUMNS", "100")
        .env("SIGNER_PASSPHRASE", PASSPHRASE)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let status = match output.status.code() {
        Some(0) => String::new(),
        code => format!("? {}\n", code.map_or("killed".into(), |code| code.to_string())),
    };
    let text = |bytes: &[u8]| match String::from_utf8_lossy(bytes) {
        text if text.is_empty() || text.ends_with('\n') => text.into_owned(),
        text => format!("{text}\n"),
    };
    format!("{status}{}{}", text(&output.stdout), text(&output.stderr))
}

/// A directory with the keys that the sessions name.
fn sandbox() -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    for (name, bytes) in KEYS.iter() {
        let path = directory.path().join(name);
        fs::write(&path, bytes).unwrap();
        let mode = if name.ends_with(".pem") { 0o644 } else { 0o600 };
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
    }
    directory
}

static KEYS: LazyLock<Vec<(&str, Vec<u8>)>> = LazyLock::new(|| {
    let validity = Validity::days(SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000), 18_250);
    let root = Authority::new("Example Root CA", KeySpec::P256, validity).unwrap();
    let issuing = root.intermediate("Example Issuing CA", KeySpec::P256, validity).unwrap();
    let issue = |name: &str, key| issuing.issue(&Leaf::new(name, key, validity)).unwrap();
    let signer = issue("Example Profile Signer", KeySpec::Rsa(2048));
    let renewed = Leaf::new("Example Profile Signer", KeySpec::Rsa(2048), validity);
    let renewed = issuing.reissue(&renewed, &signer).unwrap();
    let other = issue("Another Signer", KeySpec::P256);
    let device = Leaf { key_usage: vec![KeyUse::KeyEncipherment], ..Leaf::new("Device", KeySpec::Rsa(2048), validity) };
    let old = Leaf { validity: Validity::days(validity.not_before, 1), key: KeySpec::Rsa(1024), ..device.clone() };
    let device = issuing.issue(&device).unwrap();
    let root_pem = root.certificate_pem().unwrap();
    let chain =
        |issued: &Issued| [issued.certificate_pem().unwrap(), issued.chain_pem().unwrap(), root_pem.clone()].concat();
    let passphrase = Passphrase::from(PASSPHRASE);
    vec![
        ("roots.pem", root.certificate_pem().unwrap()),
        ("signer.pem", chain(&signer)),
        ("renewed.pem", chain(&renewed)),
        ("signer.key", signer.key_pem().unwrap()),
        ("signer.encrypted.key", signer.encrypted_key_pem(&passphrase).unwrap()),
        ("signer.p12", signer.pkcs12(&passphrase).unwrap()),
        ("passphrase", format!("{PASSPHRASE}\n").into_bytes()),
        ("other.pem", chain(&other)),
        ("other.key", other.key_pem().unwrap()),
        ("old-device.pem", issuing.issue(&old).unwrap().certificate_pem().unwrap()),
        ("device.pem", device.certificate_pem().unwrap()),
        ("device.p12", device.pkcs12(&passphrase).unwrap()),
        ("device.key", device.key_pem().unwrap()),
    ]
});

const PASSPHRASE: &str = "correct horse";

const VERBS: &[&str] = &[
    "demo",
    "new",
    "build",
    "sign",
    "batch",
    "overwrite",
    "preflight",
    "verify",
    "check",
    "show",
    "unwrap",
    "diff",
    "schema",
    "simulate",
    "encrypt",
    "decrypt",
    "completions",
    "man",
];
