//! How close to the speed of the key profiles are made, and how much faster than OpenSSL they are verified.
//!
//! `cargo bench -p profile-kit --bench speed` prints a ratio for each thing that the project promises to keep: see
//! `docs/speed.md`. What is compared runs by turns in one thread, measured by that thread's processor time, so that a
//! machine that slows down slows down both. As a test, each measurement runs for a moment, to find losses of an order of
//! magnitude.

#![allow(clippy::unwrap_used, reason = "a benchmark may fail by panic")]

mod contest;
mod making;
mod material;
mod pieces;
mod raw;
mod report;
mod verifying;

use contest::Effort;
use report::Report;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    // `cargo bench` says so to every benchmark, `cargo test` does not.
    let effort = if arguments.iter().any(|it| it == "--bench") { Effort::MEASURE } else { Effort::TRY };
    let wanted: Vec<&str> = arguments.iter().filter(|it| !it.starts_with("--")).map(String::as_str).collect();
    let asked = |name: &str| wanted.is_empty() || wanted.iter().any(|wanted| name.contains(wanted));
    let mut report = Report::new(effort);
    if asked("making") {
        making::run(effort, &mut report);
    }
    if asked("verifying") {
        verifying::run(effort, &mut report);
    }
    report.finish();
    if asked("pieces") {
        pieces::run(effort);
    }
}
