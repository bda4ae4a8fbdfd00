//! Which findings matter, and how much, as a caller wants it.

use crate::check::{Code, Finding, Severity};

/// Codes that are passed over, and codes that are errors whatever they are by themselves.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Levels {
    allowed: Vec<Code>,
    denied: Vec<Code>,
    warnings_denied: bool,
}

impl Levels {
    /// Nothing allowed, nothing denied: each finding matters as much as it does by itself.
    pub fn new() -> Self {
        Self::default()
    }

    /// Findings of this code are dropped, also those that would be errors.
    ///
    /// # Errors
    /// [`ContradictoryLevels`] where the code is denied.
    pub fn allow(&mut self, code: Code) -> Result<(), ContradictoryLevels> {
        if self.denied.contains(&code) {
            return Err(ContradictoryLevels { code });
        }
        self.allowed.push(code);
        Ok(())
    }

    /// Findings of this code are errors.
    ///
    /// # Errors
    /// [`ContradictoryLevels`] where the code is allowed.
    pub fn deny(&mut self, code: Code) -> Result<(), ContradictoryLevels> {
        if self.allowed.contains(&code) {
            return Err(ContradictoryLevels { code });
        }
        self.denied.push(code);
        Ok(())
    }

    /// Warnings are errors; those of an allowed code are dropped all the same.
    pub fn deny_warnings(&mut self) {
        self.warnings_denied = true;
    }

    /// Drops findings, and raises the severity of others.
    pub fn apply(&self, findings: &mut Vec<Finding>) {
        findings.retain(|finding| !self.allowed.contains(&finding.code));
        for finding in findings {
            let denied = self.denied.contains(&finding.code);
            if denied || (self.warnings_denied && finding.severity == Severity::Warning) {
                finding.severity = Severity::Error;
            }
        }
    }
}

/// A code is both allowed and denied.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{code} is both allowed and denied")]
pub struct ContradictoryLevels {
    /// The code.
    pub code: Code,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::KeyPath;

    fn applied(levels: &Levels) -> Vec<(Code, Severity)> {
        let codes = [Code::MissingKey, Code::UnknownKey, Code::EmptyRemovalPassword];
        let mut findings = codes.map(|code| Finding::new(code, KeyPath::root(), "")).to_vec();
        levels.apply(&mut findings);
        findings.iter().map(|finding| (finding.code, finding.severity)).collect()
    }

    #[test]
    fn allowed_findings_are_dropped_and_denied_ones_are_errors() {
        let mut levels = Levels::new();
        levels.allow(Code::MissingKey).unwrap();
        levels.deny(Code::EmptyRemovalPassword).unwrap();
        let expected = [(Code::UnknownKey, Severity::Warning), (Code::EmptyRemovalPassword, Severity::Error)];
        assert_eq!(applied(&levels), expected);
    }

    #[test]
    fn denied_warnings_leave_notes_and_what_is_allowed_alone() {
        let mut levels = Levels::new();
        levels.deny_warnings();
        let raised = [
            (Code::MissingKey, Severity::Error),
            (Code::UnknownKey, Severity::Error),
            (Code::EmptyRemovalPassword, Severity::Note),
        ];
        assert_eq!(applied(&levels), raised);
        levels.allow(Code::UnknownKey).unwrap();
        assert_eq!(applied(&levels), [raised[0], raised[2]]);
    }

    #[test]
    fn refuses_a_code_that_is_allowed_and_denied() {
        let mut levels = Levels::new();
        levels.allow(Code::UnknownKey).unwrap();
        assert_eq!(levels.deny(Code::UnknownKey).unwrap_err().to_string(), "UnknownKey is both allowed and denied");
        levels.deny(Code::MissingKey).unwrap();
        assert!(levels.allow(Code::MissingKey).is_err());
    }
}
