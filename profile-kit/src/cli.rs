//! The verbs, one file each.

mod batch;
mod build;
mod check;
mod completions;
mod decrypt;
mod demo;
mod diff;
mod encrypt;
mod files;
mod keys;
mod man;
mod new;
mod outcome;
mod overwrite;
mod preflight;
mod schema;
mod show;
mod sign;
mod simulate;
mod text;
mod unwrap;
mod verify;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use outcome::{Exit, Failure};

/// Builds, signs, overwrites and verifies Apple configuration profiles.
///
/// Exit status: 0 yes or done; 1 the content was read and the answer is no; 2 could not ask (usage, files, keys).
#[derive(Parser)]
#[command(name = "profile-kit", version, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    Demo(demo::Args),
    New(new::Args),
    Build(build::Args),
    Sign(sign::Args),
    Batch(Box<batch::Args>),
    Overwrite(overwrite::Args),
    Preflight(preflight::Args),
    Verify(verify::Args),
    Check(check::Args),
    Show(show::Args),
    Unwrap(unwrap::Args),
    Diff(diff::Args),
    Schema(schema::Args),
    Simulate(simulate::Args),
    Encrypt(encrypt::Args),
    Decrypt(decrypt::Args),
    Completions(completions::Args),
    Man(man::Args),
}

/// Runs the program and turns what became of it into an exit status.
pub fn main() -> ExitCode {
    let parsed = match Cli::try_parse() {
        Ok(parsed) => parsed,
        Err(error) => return refused(&error),
    };
    match run(parsed.verb) {
        Ok(exit) => exit.into(),
        Err(failure) => {
            text::error(&failure.message);
            failure.exit.into()
        }
    }
}

/// Help and version as they are; an error repeats arguments, which may be names of hostile files.
fn refused(error: &clap::Error) -> ExitCode {
    if !error.use_stderr() {
        // A reader of the help that went away is no error.
        let _ = error.print();
        return Exit::Yes.into();
    }
    let shown = error.render().to_string();
    shown.lines().for_each(|line| eprintln!("{}", text::escape(line)));
    Exit::CouldNotAsk.into()
}

fn run(verb: Verb) -> Result<Exit, Failure> {
    match verb {
        Verb::Demo(args) => demo::run(&args),
        Verb::New(args) => new::run(&args),
        Verb::Build(args) => build::run(&args),
        Verb::Sign(args) => sign::run(&args),
        Verb::Batch(args) => batch::run(&args),
        Verb::Overwrite(args) => overwrite::run(&args),
        Verb::Preflight(args) => preflight::run(&args),
        Verb::Verify(args) => verify::run(&args),
        Verb::Check(args) => check::run(&args),
        Verb::Show(args) => show::run(&args),
        Verb::Unwrap(args) => unwrap::run(&args),
        Verb::Diff(args) => diff::run(&args),
        Verb::Schema(args) => schema::run(&args),
        Verb::Simulate(args) => simulate::run(&args),
        Verb::Encrypt(args) => encrypt::run(&args),
        Verb::Decrypt(args) => decrypt::run(&args),
        Verb::Completions(args) => completions::run(&args),
        Verb::Man(args) => man::run(&args),
    }
}
