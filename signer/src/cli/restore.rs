//! `signer restore`: a copy of the record is put where a daemon will find it.

use std::path::PathBuf;

use signer::{
    backup::{self, Contents, Needed},
    ledger::Check,
};

use super::{
    backup::{failure, told},
    outcome::{Exit, Failure},
    record::Place,
    text,
};

/// Put a backup where the configuration says that the record is, after verifying it
///
/// Nothing is written over: a record that is there has to be taken away first. The keys that opened the record have to
/// be back already; what else a start needs, and keys of identities that are not there, are told as warnings.
#[derive(clap::Args)]
#[command(after_help = "Example: signer restore --config /etc/signer/signer.toml /var/backups/signer/2026-01-01")]
pub struct Args {
    #[command(flatten)]
    place: Place,
    /// Verify it only
    #[arg(long)]
    check: bool,
    /// The folder of the backup
    #[arg(value_name = "DIR")]
    folder: PathBuf,
}

/// Verifies, and restores unless that was all.
pub fn run(args: &Args) -> Result<Exit, Failure> {
    let record = args.place.record()?;
    let (what, done) = match args.check {
        true => ("good", backup::verify(&args.folder, &record)),
        false => ("restored", backup::restore(&args.folder, &record)),
    };
    // What was counted, and not what the copy says of itself.
    let (contents, Check { audit, profiles }) = done.map_err(|error| failure(&error))?;
    text::print(&told(what, profiles, audit.head.seq, audit.covered))?;
    needed(&args.place, &contents).iter().for_each(|line| text::warning(line));
    Ok(Exit::Yes)
}

/// What a daemon on this record still needs.
fn needed(place: &Place, contents: &Contents) -> Vec<String> {
    match place.source().load_to_start() {
        Err(errors) => errors.iter().map(|error| format!("a start still needs: {}", error.chain())).collect(),
        Ok(state) => contents.not_held_by(&state.keyring).map(stranding).collect(),
    }
}

fn stranding(Needed { identity, leaf, subject, .. }: &Needed) -> String {
    format!(
        "the key of identity {identity:?} is not there, and was when the copy was made: without it devices that have its \
         profiles cannot be freed: {subject}, {leaf}"
    )
}
