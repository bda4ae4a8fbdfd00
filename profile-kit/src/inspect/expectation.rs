//! For tests: one call that asserts what a check says of a fixture, and prints it.

use std::{path::Path, time::SystemTime};

use super::{Broken, Inspector, Levels, Report};
use crate::{
    Target, TrustStore,
    check::{Code, Severity},
    file,
};

/// Asserts that a profile, signed or not, has neither errors nor warnings for a target, now.
///
/// ```no_run
/// use profile_kit::{Os, inspect::assert_clean};
///
/// assert_clean("fixtures/wifi.mobileconfig", &Os::ios(17).into());
/// ```
///
/// # Panics
/// With the findings as the program `profile-kit check` prints them; and for a file that cannot be read or is broken.
#[track_caller]
pub fn assert_clean(file: impl AsRef<Path>, target: &Target) {
    Expectation::new(*target).assert_file(file);
}

/// What a check should say of a fixture: that there are neither errors nor warnings, unless more is said.
///
/// Notes are printed, and fail nothing.
///
/// ```
/// use std::time::{Duration, UNIX_EPOCH};
/// use profile_kit::{Os, Payload, Profile, UuidSource, check::Code, inspect::Expectation};
///
/// let mut profile = Profile::new("jp.example.guests", "{{office}} guests");
/// profile.push(Payload::new("com.example.unknown"));
/// profile.fill_uuids(UuidSource::Content);
/// let bytes = profile.to_xml()?;
///
/// Expectation::new(Os::ios(17).into())
///     .at(UNIX_EPOCH + Duration::from_secs(1_767_225_600))
///     .finds(Code::PlaceholderLeft)
///     .assert_bytes("guests.mobileconfig", &bytes);
/// # Ok::<(), profile_kit::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Expectation {
    target: Target,
    at: Option<SystemTime>,
    roots: Option<TrustStore>,
    allowed: Vec<Code>,
    denied: Vec<Code>,
    expected: Vec<Code>,
    warnings_allowed: bool,
}

impl Expectation {
    /// For a target, at the moment of the assertion, without trust being asked.
    pub fn new(target: Target) -> Self {
        Self {
            target,
            at: None,
            roots: None,
            allowed: Vec::new(),
            denied: Vec::new(),
            expected: Vec::new(),
            warnings_allowed: false,
        }
    }

    /// Compares dates with this moment, so that a test does not depend on today's date.
    pub fn at(self, moment: SystemTime) -> Self {
        Self { at: Some(moment), ..self }
    }

    /// Asks whether these roots vouch for the signer of a signed file.
    pub fn roots(self, roots: TrustStore) -> Self {
        Self { roots: Some(roots), ..self }
    }

    /// Passes over findings of this code.
    pub fn allow(mut self, code: Code) -> Self {
        self.allowed.push(code);
        self
    }

    /// Fails for findings of this code, though they be notes.
    pub fn deny(mut self, code: Code) -> Self {
        self.denied.push(code);
        self
    }

    /// Passes over warnings.
    pub fn allow_warnings(self) -> Self {
        Self { warnings_allowed: true, ..self }
    }

    /// Fails unless there is a finding of this code, and passes over it.
    pub fn finds(mut self, code: Code) -> Self {
        self.expected.push(code);
        self
    }

    /// Asserts it of a file.
    ///
    /// # Panics
    /// Where it does not hold, with the findings as the program prints them; for a file that cannot be read or is
    /// broken; and where one code is both allowed and denied.
    #[track_caller]
    pub fn assert_file(&self, path: impl AsRef<Path>) {
        let path = path.as_ref();
        match file::read(path, "reading a fixture", LARGEST_FIXTURE) {
            Ok(bytes) => self.assert_bytes(&path.display().to_string(), &bytes),
            Err(error) => panic!("{}", error.with_causes()),
        }
    }

    /// Asserts it of a file's bytes; the name is for the findings.
    ///
    /// # Panics
    /// As [`assert_file`](Expectation::assert_file).
    #[track_caller]
    pub fn assert_bytes(&self, name: &str, bytes: &[u8]) {
        match self.judge(name, bytes) {
            Ok(notes) => print!("{notes}"),
            Err(problem) => panic!("{problem}"),
        }
    }

    /// What there is to print, or why to fail.
    fn judge(&self, name: &str, bytes: &[u8]) -> Result<String, String> {
        let at = self.at.unwrap_or_else(SystemTime::now);
        let mut inspection = Inspector::new(self.target, at, self.roots.as_ref())
            .inspect(bytes)
            .map_err(|error| Broken::new(&error, bytes).painted(name, &|_, text| text.to_owned()))?;
        let found = |code: &Code| inspection.findings.iter().any(|finding| finding.code == *code);
        let missed: Vec<String> = self.expected.iter().filter(|code| !found(code)).map(Code::to_string).collect();
        inspection.findings.retain(|finding| !self.expected.contains(&finding.code));
        self.levels().map_err(|contradiction| contradiction.to_string())?.apply(&mut inspection.findings);
        let report = Report::new(name, &inspection, bytes, at);
        let fails = inspection.findings.iter().any(|finding| match finding.severity {
            Severity::Error => true,
            Severity::Warning => !self.warnings_allowed,
            Severity::Note => false,
        });
        match missed.is_empty() {
            true if !fails => Ok(report.to_string()),
            true => Err(format!("{name}: {}\n{report}", report.counts())),
            false => Err(format!("{name}: no finding of {}; {}\n{report}", missed.join(", "), report.counts())),
        }
    }

    fn levels(&self) -> Result<Levels, super::ContradictoryLevels> {
        let mut levels = Levels::new();
        self.allowed.iter().try_for_each(|code| levels.allow(*code))?;
        self.denied.iter().try_for_each(|code| levels.deny(*code))?;
        Ok(levels)
    }
}

/// As much as a property list may have, and a signature around it.
const LARGEST_FIXTURE: u64 = 48 << 20;

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;
    use crate::{Payload, Profile, UuidSource};

    fn profile(display_name: &str) -> Vec<u8> {
        let mut profile = Profile::new("jp.example.ivi-mdm", display_name);
        profile.push(Payload::new("com.example.unknown"));
        profile.fill_uuids(UuidSource::Content);
        profile.to_xml().unwrap()
    }

    fn expectation() -> Expectation {
        Expectation::new(Target::default()).at(UNIX_EPOCH)
    }

    #[test]
    fn passes_a_clean_profile_from_a_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("clean.mobileconfig");
        std::fs::write(&path, profile("IVI MDM")).unwrap();
        assert_clean(&path, &Target::default());
    }

    #[test]
    #[should_panic(expected = "a.mobileconfig:19:2: warning[PlaceholderLeft]: PayloadDisplayName: holds")]
    fn fails_with_the_findings_as_the_program_prints_them() {
        expectation().assert_bytes("a.mobileconfig", &profile("{{office}}"));
    }

    #[test]
    fn lists_move_what_fails() {
        let bytes = profile("{{office}}");
        assert!(expectation().judge("a", &bytes).is_err());
        assert!(expectation().allow(Code::PlaceholderLeft).judge("a", &bytes).is_ok());
        assert!(expectation().allow_warnings().judge("a", &bytes).is_ok());
        assert!(expectation().finds(Code::PlaceholderLeft).judge("a", &bytes).is_ok());
        assert!(expectation().allow_warnings().deny(Code::PlaceholderLeft).judge("a", &bytes).is_err());
    }

    #[test]
    fn fails_where_an_expected_finding_is_missing() {
        let problem = expectation().finds(Code::PlaceholderLeft).judge("a", &profile("IVI MDM")).unwrap_err();
        assert_eq!(problem, "a: no finding of PlaceholderLeft; no findings\n");
    }

    #[test]
    #[should_panic(expected = "a.mobileconfig: error[Malformed]: not a property list")]
    fn fails_for_a_broken_file() {
        expectation().assert_bytes("a.mobileconfig", b"{}");
    }
}
