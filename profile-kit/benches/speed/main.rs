//! How close to the speed of the key profiles are made, and how much faster than OpenSSL they are verified.
//!
//! `cargo bench -p profile-kit --bench speed` prints a ratio for each thing that the project promises to keep: see
//! `docs/speed.md`. What is compared runs by turns in one thread, measured by that thread's processor time, so that a
//! machine that slows down slows down both. As a test, each measurement runs for a moment, to find losses of an order of
//! magnitude.
//!
//! A word chooses a part: `making`, `verifying`, `batches`, `large keys`, `pieces`; `--document FILE` writes the table into
//! a file, between its marks; `--rows N` measures the peak memory of one batch and nothing else.

#![allow(clippy::unwrap_used, reason = "a benchmark may fail by panic")]

mod batches;
mod contest;
mod large_keys;
mod making;
mod material;
mod pieces;
mod raw;
mod report;
mod verifying;

use contest::Effort;
use report::Report;

/// The program's.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    // `cargo bench` says so to every benchmark, `cargo test` does not.
    let effort = if arguments.iter().any(|it| it == "--bench") { Effort::MEASURE } else { Effort::TRY };
    let after = |option: &str| arguments.iter().skip_while(|it| *it != option).nth(1).cloned();
    if let Some(rows) = after("--rows") {
        return batches::peak(rows.parse().unwrap());
    }
    let document = after("--document");
    let is_word = |it: &&String| !it.starts_with("--") && Some(*it) != document.as_ref();
    let wanted: Vec<&String> = arguments.iter().filter(is_word).collect();
    let asked = |part: &str| wanted.is_empty() || wanted.iter().any(|wanted| part == *wanted);
    let mut report = Report::new(effort);
    if asked("making") {
        making::run(effort, &mut report);
    }
    if asked("batches") {
        batches::run(effort, &mut report);
    }
    if asked("verifying") {
        verifying::run(effort, &mut report);
    }
    if asked("large keys") && effort.is_measurement {
        large_keys::run(effort, &mut report);
    }
    if asked("pieces") && effort.is_measurement {
        pieces::run(effort);
    }
    report.finish(document.as_deref());
}
