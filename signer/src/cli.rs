//! The verbs, one file each.

mod audit;
mod backup;
mod check;
mod completions;
mod import;
mod man;
mod outcome;
mod record;
mod reload;
mod restore;
mod serve;
mod stranded;
mod text;
mod token;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use outcome::{Exit, Failure};

/// Holds the signing keys, and serves locked profiles and their overwrites to an MDM core.
///
/// Exit status: 0 yes or done; 1 the answer is no; 2 could not ask (usage, files, keys, no daemon).
#[derive(Parser)]
#[command(name = "signer", version, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    Serve(serve::Args),
    Check(check::Args),
    Reload(reload::Args),
    Stranded(stranded::Args),
    Token(token::Args),
    Audit(audit::Args),
    Import(import::Args),
    Backup(backup::Args),
    Restore(restore::Args),
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
            failure.lines.iter().for_each(|line| text::error(line));
            failure.exit.into()
        }
    }
}

/// Help and version as they are; an error repeats arguments.
fn refused(error: &clap::Error) -> ExitCode {
    if !error.use_stderr() {
        // A reader of the help that went away is no error.
        let _ = error.print();
        return Exit::Yes.into();
    }
    error.render().to_string().lines().for_each(|line| eprintln!("{}", text::escape(line)));
    Exit::CouldNotAsk.into()
}

fn run(verb: Verb) -> Result<Exit, Failure> {
    match verb {
        Verb::Serve(args) => serve::run(args),
        Verb::Check(args) => check::run(&args),
        Verb::Reload(args) => reload::run(&args),
        Verb::Stranded(args) => stranded::run(&args),
        Verb::Token(args) => token::run(&args),
        Verb::Audit(args) => audit::run(&args),
        Verb::Import(args) => import::run(&args),
        Verb::Backup(args) => backup::run(&args),
        Verb::Restore(args) => restore::run(&args),
        Verb::Completions(args) => completions::run(&args),
        Verb::Man(args) => man::run(&args),
    }
}
