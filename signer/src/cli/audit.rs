//! `signer audit`: the log of every decision, looked at without the daemon.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, BufReader, BufWriter},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use clap::Subcommand;
use signer::{
    audit::{Checkpoint, CheckpointFile, CheckpointVerifier, Fault, Report, verify_lines},
    daemon::chain,
    file::{folder_of, sync_folder},
    ledger::{Archive, Error},
};

use super::{
    outcome::{Exit, Failure},
    record::record,
    text,
};

/// Verify or write out the audit: the log of every decision
#[derive(clap::Args)]
pub struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    Verify(Verify),
    Export(Export),
}

/// Say whether the audit is as it was written, and if not, which record was touched first
///
/// It asks no daemon, and may run beside one. A checkpoint file that was kept elsewhere shows also when the end was cut
/// off together with the ledger's own checkpoints.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  signer audit verify --config /etc/signer/signer.toml
  signer audit verify --ledger ledger.db --checkpoints kept.jsonl --key checkpoint-key.pub.pem
  signer audit verify --export audit.jsonl --checkpoints kept.jsonl --key checkpoint-key.pub.pem")]
struct Verify {
    #[command(flatten)]
    ledger: Ledger,
    /// An export instead of a ledger
    #[arg(long, value_name = "FILE", conflicts_with_all = ["config", "credentials", "ledger"], requires = "key")]
    export: Option<PathBuf>,
    /// A checkpoint file, or a copy of one; may be given several times
    #[arg(long, value_name = "FILE")]
    checkpoints: Vec<PathBuf>,
    /// The public half of a checkpoint key, in PEM; may be given several times
    #[arg(long, value_name = "FILE")]
    key: Vec<PathBuf>,
}

/// Write the audit as JSON Lines, a record a line
#[derive(clap::Args)]
#[command(after_help = "Example: signer audit export --config /etc/signer/signer.toml -o audit.jsonl")]
struct Export {
    #[command(flatten)]
    ledger: Ledger,
    /// Where to write it [default: standard output]
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// Which ledger.
#[derive(clap::Args)]
struct Ledger {
    /// The configuration file, which names ledger, checkpoints and checkpoint key
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The folder of systemd's credentials [default: $CREDENTIALS_DIRECTORY]
    #[arg(long, value_name = "DIR", requires = "config", conflicts_with = "ledger")]
    credentials: Option<PathBuf>,
    /// The ledger's file, without a configuration
    #[arg(long, value_name = "FILE", conflicts_with = "config")]
    ledger: Option<PathBuf>,
}

/// Verifies or writes out.
pub fn run(args: &Args) -> Result<Exit, Failure> {
    match &args.verb {
        Verb::Verify(args) => args.run(),
        Verb::Export(args) => args.run(),
    }
}

impl Verify {
    fn run(&self) -> Result<Exit, Failure> {
        let mut verifiers = self.key.iter().map(|path| keys(path)).collect::<Result<Vec<_>, _>>()?.concat();
        let mut paths = self.checkpoints.clone();
        let mut ledger = self.ledger.ledger.clone();
        if let Some(config) = &self.ledger.config {
            let record = record(config, self.ledger.credentials.clone())?;
            verifiers.extend(record.verifiers);
            paths.push(record.checkpoints);
            ledger = Some(record.ledger);
        }
        if verifiers.is_empty() && ledger.is_some() {
            return Err(Failure::could_not_ask("--ledger needs --key: the public half of the checkpoint key"));
        }
        let read = paths.iter().map(|path| checkpoints(path)).collect::<Result<Vec<_>, _>>()?;
        let checkpoints: Vec<Checkpoint> = read.into_iter().flatten().collect();
        let report = match (&self.export, ledger) {
            (Some(export), _) => verify_export(export, &checkpoints, &verifiers)?,
            (None, Some(ledger)) => verify_ledger(&ledger, &checkpoints, &verifiers)?,
            (None, None) => return Err(Failure::could_not_ask("neither --config nor --ledger nor --export is given")),
        };
        tell(&report)?;
        Ok(Exit::Yes)
    }
}

impl Export {
    fn run(&self) -> Result<Exit, Failure> {
        let path = match (&self.ledger.ledger, &self.ledger.config) {
            (Some(ledger), _) => ledger.clone(),
            (None, Some(config)) => record(config, self.ledger.credentials.clone())?.ledger,
            (None, None) => return Err(Failure::could_not_ask("neither --config nor --ledger is given")),
        };
        let archive = Archive::open(&path).map_err(|error| Failure::of(&error))?;
        let count = match &self.output {
            None => archive.export_audit(&mut io::stdout().lock()).map_err(|error| Failure::of(&error))?,
            Some(path) => write_out(&archive, path)?,
        };
        text::note(&format!("{count} records"));
        Ok(Exit::Yes)
    }
}

/// Writes a file of its owner's, which is there when all of it is on the disk.
fn write_out(archive: &Archive, path: &Path) -> Result<u64, Failure> {
    let wrong = |cause: io::Error| Failure::could_not_ask(format!("{}: {cause}", path.display()));
    let new = |beside: &Path| OpenOptions::new().write(true).create_new(true).mode(0o600).open(beside);
    let beside = tempfile::Builder::new().prefix(".signer-").make_in(folder_of(path), new).map_err(wrong)?;
    let mut beside = BufWriter::new(beside);
    let count = archive.export_audit(&mut beside).map_err(|error| Failure::of(&error))?;
    let beside = beside.into_inner().map_err(|error| wrong(error.into_error()))?;
    beside.as_file().sync_all().map_err(wrong)?;
    beside.persist_noclobber(path).map_err(|refused| wrong(refused.error))?;
    match sync_folder(path) {
        // One that may be written and not read: the file is there.
        Err(cause) if cause.kind() == io::ErrorKind::PermissionDenied => Ok(count),
        synced => synced.map(|()| count).map_err(wrong),
    }
}

fn tell(report: &Report) -> Result<(), Failure> {
    let Report { head, checkpoints, covered } = report;
    text::print(&format!("holds: {} records, {checkpoints} checkpoints\n", head.seq))?;
    if *covered < head.seq {
        text::note(&format!("no checkpoint covers the records after {covered}: they could have been cut off unseen"));
    }
    Ok(())
}

fn verify_export(path: &Path, checkpoints: &[Checkpoint], verifiers: &[CheckpointVerifier]) -> Result<Report, Failure> {
    let file = File::open(path).map_err(|cause| Failure::could_not_ask(format!("{}: {cause}", path.display())))?;
    verify_lines(BufReader::new(file), checkpoints, verifiers).map_err(|fault| match fault {
        Fault::Unreadable { .. } => Failure::of(&fault),
        fault => Failure::no(vec![format!("{}: {fault}", path.display())]),
    })
}

fn verify_ledger(path: &Path, checkpoints: &[Checkpoint], verifiers: &[CheckpointVerifier]) -> Result<Report, Failure> {
    let archive = Archive::open(path).map_err(|error| Failure::of(&error))?;
    archive.verify_audit(verifiers, checkpoints).map_err(|error| match &error {
        Error::Audit(_) => Failure::no(vec![format!("{}: {}", path.display(), chain(&error))]),
        other => Failure::of(other),
    })
}

fn checkpoints(path: &Path) -> Result<Vec<Checkpoint>, Failure> {
    let text = fs::read_to_string(path).and_then(|text| CheckpointFile::read(&text));
    text.map_err(|cause| Failure::could_not_ask(format!("{}: {cause}", path.display())))
}

fn keys(path: &Path) -> Result<Vec<CheckpointVerifier>, Failure> {
    let wrong = |cause: &dyn std::fmt::Display| Failure::could_not_ask(format!("{}: {cause}", path.display()));
    let pem = fs::read(path).map_err(|cause| wrong(&cause))?;
    CheckpointVerifier::all_from_pem(&pem).map_err(|cause| wrong(&cause))
}
