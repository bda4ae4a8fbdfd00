//! Exit statuses, and failures that carry theirs.

use std::process::ExitCode;

use profile_kit::Error;

/// What the program's exit status says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Exit {
    /// Yes, done.
    #[default]
    Yes = 0,
    /// The content was read, and the answer is no.
    No = 1,
    /// Could not ask: usage, files, keys.
    CouldNotAsk = 2,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        ExitCode::from(exit as u8)
    }
}

/// Why a verb did not do its work: one line, and the exit status that follows.
#[derive(Debug)]
pub struct Failure {
    pub exit: Exit,
    pub message: String,
}

impl Failure {
    /// A wrong use of the program.
    pub fn usage(message: impl Into<String>) -> Self {
        Self { exit: Exit::CouldNotAsk, message: message.into() }
    }

    /// An error of the library over a file, with its causes, the outermost first.
    pub fn of(file: &str, error: &Error) -> Self {
        Self { exit: exit_of(error), message: format!("{file}: {}", error.with_causes()) }
    }

    /// An error of the library that names its files itself.
    pub fn plain(error: &Error) -> Self {
        Self { exit: exit_of(error), message: error.with_causes() }
    }

    /// A file that could not be read or written.
    pub fn io(file: &str, doing: &str, cause: &std::io::Error) -> Self {
        Self { exit: Exit::CouldNotAsk, message: format!("{file}: {doing}: {cause}") }
    }
}

/// The exit status that an error of the library leads to.
pub fn exit_of(error: &Error) -> Exit {
    match error {
        Error::Identity { .. } | Error::Io { .. } | Error::Crypto { .. } => Exit::CouldNotAsk,
        _ => Exit::No,
    }
}
