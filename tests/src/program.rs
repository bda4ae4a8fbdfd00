//! What a test needs from outside: programs, libraries, the corpus.

use std::{
    env, fs,
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

/// Whether a test can run; says what is missing where it cannot, and panics then if `REQUIRE_JUDGES` is `1`.
///
/// # Panics
/// Where something is missing that is required.
pub fn is_present(missing: Option<String>) -> bool {
    let Some(missing) = missing else { return true };
    assert!(env::var_os("REQUIRE_JUDGES").is_none_or(|value| value != "1"), "{missing}");
    println!("skipped: {missing}");
    false
}

/// A folder of real profiles, none where the corpus is absent.
///
/// # Panics
/// Where it is absent and `REQUIRE_JUDGES` is `1`.
pub fn corpus(folder: &str) -> Option<PathBuf> {
    let place = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/corpus")).join(folder);
    let missing = (!place.is_dir()).then(|| "corpus is absent (../shared/corpus)".to_owned());
    is_present(missing).then_some(place)
}

/// What to say of a program that no folder of `PATH` holds.
pub(crate) fn missing(program: &str, package: &str) -> Option<String> {
    let path = env::var_os("PATH").unwrap_or_default();
    let found = env::split_paths(&path).any(|folder| folder.join(program).is_file());
    (!found).then(|| format!("{program} is missing (Debian package {package})"))
}

/// What to say of a file that is not there.
pub(crate) fn missing_file(file: &str, package: &str) -> Option<String> {
    (!Path::new(file).is_file()).then(|| format!("{file} is missing (Debian package {package})"))
}

/// Runs a program to its end.
pub(crate) fn run(command: &mut Command) -> Output {
    ended(command, Stdio::null())
}

/// The same, while it reads a file from its standard input.
pub(crate) fn run_reading(command: &mut Command, file: &Path) -> Output {
    ended(command, fs::File::open(file).unwrap().into())
}

/// Runs a program that has to succeed, and gives what it printed.
pub(crate) fn succeed(command: &mut Command) -> Vec<u8> {
    let output = run(command);
    assert!(output.status.success(), "{command:?}: {}", words(&output));
    output.stdout
}

/// Runs a program that has to succeed and reads a file from its standard input.
pub(crate) fn succeed_reading(command: &mut Command, file: &Path) {
    let output = run_reading(command, file);
    assert!(output.status.success(), "{command:?}: {}", words(&output));
}

fn ended(command: &mut Command, input: Stdio) -> Output {
    command.stdin(input).output().unwrap_or_else(|cause| panic!("{command:?}: {cause}"))
}

/// Everything that a program printed.
pub(crate) fn words(output: &Output) -> String {
    let both = [output.stdout.as_slice(), output.stderr.as_slice()].concat();
    String::from_utf8_lossy(&both).trim().to_owned()
}

/// Writes a file, and gives its path.
pub(crate) fn write(folder: &Path, name: &str, bytes: &[u8]) -> PathBuf {
    let path = folder.join(name);
    fs::File::create(&path).and_then(|mut file| file.write_all(bytes)).unwrap();
    path
}
