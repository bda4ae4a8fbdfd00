//! Text for people: one line each, and nothing from a file reaches the terminal unescaped.

use std::io::{self, Write};

pub use profile_kit::redact::escape;

use super::outcome::Failure;

/// Prints `error: …` on standard error.
pub fn error(message: &str) {
    labelled("error", message);
}

/// Prints `warning: …` on standard error.
pub fn warning(message: &str) {
    labelled("warning", message);
}

/// Prints `note: …` on standard error.
pub fn note(message: &str) {
    labelled("note", message);
}

/// Writes to standard output; a reader that went away is not an error.
pub fn print(text: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(cause) if cause.kind() != io::ErrorKind::BrokenPipe => {
            Err(Failure::could_not_ask(format!("standard output cannot be written: {cause}")))
        }
        _ => Ok(()),
    }
}

fn labelled(label: &str, message: &str) {
    // Standard error may be closed; there is nobody left to tell.
    let _ = writeln!(io::stderr(), "{label}: {}", escape(message));
}
