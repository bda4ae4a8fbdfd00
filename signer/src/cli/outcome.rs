//! Exit statuses, and failures that carry theirs.

use std::{error::Error, process::ExitCode};

use signer::{admin::Unreachable, config::ConfigError, daemon::chain};

/// What the program's exit status says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Exit {
    /// Yes, done.
    #[default]
    Yes = 0,
    /// What was asked was looked at, and the answer is no.
    No = 1,
    /// Could not ask: usage, files, keys, no daemon.
    CouldNotAsk = 2,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        ExitCode::from(exit as u8)
    }
}

/// Why a verb did not do its work: lines for standard error, and the exit status that follows.
#[derive(Debug)]
pub struct Failure {
    pub exit: Exit,
    pub lines: Vec<String>,
}

impl Failure {
    /// The answer is no.
    pub fn no(lines: Vec<String>) -> Self {
        Self { exit: Exit::No, lines }
    }

    /// It could not be asked.
    pub fn could_not_ask(line: impl Into<String>) -> Self {
        Self { exit: Exit::CouldNotAsk, lines: vec![line.into()] }
    }

    /// It could not be asked, for this reason and those beneath it.
    pub fn of(error: &dyn Error) -> Self {
        Self::could_not_ask(chain(error))
    }

    /// A configuration that is not good.
    pub fn config(errors: &[ConfigError]) -> Self {
        Self::no(errors.iter().map(ConfigError::chain).collect())
    }
}

impl From<Unreachable> for Failure {
    fn from(error: Unreachable) -> Self {
        Self::of(&error)
    }
}
