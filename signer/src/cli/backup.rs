//! `signer backup`: a copy of the record of a running daemon.

use std::{
    fs::{self, OpenOptions},
    io,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use signer::{
    admin::{Answer, Ask, Client},
    backup::{self, BackupError, Contents},
    daemon::chain,
    ledger::Error,
};

use super::{
    outcome::{Exit, Failure},
    reload::{Daemon, refused},
    text,
};

/// Copy the record of the running daemon: ledger and audit checkpoints, verified
///
/// The keys are not in the copy: backup.json names those that have to be kept elsewhere.
#[derive(clap::Args)]
#[command(after_help = "Example: signer backup --config /etc/signer/signer.toml /var/backups/signer/2026-01-01")]
pub struct Args {
    #[command(flatten)]
    daemon: Daemon,
    /// The folder for it, which is made
    #[arg(value_name = "DIR")]
    folder: PathBuf,
}

/// Receives the copy and compares it with what the daemon has verified.
pub fn run(args: &Args) -> Result<Exit, Failure> {
    let mut client = args.daemon.connect()?;
    let folder = Folder::make(&args.folder)?;
    let files = match client.ask(&Ask::Backup)? {
        Answer::Backup { files } => files,
        other => return Err(refused(other)),
    };
    for (name, length) in files {
        let path = args.folder.join(expected(&name)?);
        receive(&mut client, &path, length)
            .map_err(|cause| Failure::could_not_ask(format!("{}: {cause}", path.display())))?;
    }
    let contents = backup::read(&args.folder).map_err(|error| failure(&error))?;
    folder.keep();
    text::print(&told("copied", contents.profiles, contents.records, contents.covered))?;
    text::print(&kept_elsewhere(&contents))?;
    Ok(Exit::Yes)
}

/// The folder of a copy; what was made of it is taken away again where the copy comes to nothing, so that the next one can
/// go there.
struct Folder<'a> {
    path: &'a Path,
    is_new: bool,
    is_whole: bool,
}

impl<'a> Folder<'a> {
    fn make(path: &'a Path) -> Result<Self, Failure> {
        let is_new = !path.exists();
        backup::make_folder(path).map_err(|error| failure(&error))?;
        Ok(Self { path, is_new, is_whole: false })
    }

    fn keep(mut self) {
        self.is_whole = true;
    }
}

impl Drop for Folder<'_> {
    fn drop(&mut self) {
        if self.is_whole {
            return;
        }
        // What cannot be removed is in the way of the next copy, which says so.
        backup::FILES.iter().for_each(|name| drop(fs::remove_file(self.path.join(name))));
        if self.is_new {
            let _ = fs::remove_dir(self.path);
        }
    }
}

/// What a copy holds, in a line.
pub fn told(what: &str, profiles: u64, records: u64, covered: u64) -> String {
    format!("{what}: {profiles} profiles, {records} audit records (a checkpoint covers {covered}); all of them hold\n")
}

fn kept_elsewhere(contents: &Contents) -> String {
    let identities = contents.identities.iter().filter(|it| it.held);
    let identities: String = identities
        .map(|it| format!("  the key of identity {:?}: {}, {}\n", it.identity, it.subject, it.leaf))
        .collect();
    let former = contents.former_ledger_keys.iter();
    let former: String =
        former.map(|key| format!("  ledger.former_seal_keys and ledger.parameter_key: {key}\n")).collect();
    format!(
        "keep elsewhere, the copy is of no use without them:\n  ledger.seal_key and ledger.parameter_key: {}\n{former}  \
         audit.checkpoint_key: {}\n{identities}",
        contents.ledger_key,
        contents.checkpoint_keys.first().map(ToString::to_string).unwrap_or_default()
    )
}

/// A backup that is no good was looked at; where a file, a key or a daemon stands in the way it was not.
pub fn failure(error: &BackupError) -> Failure {
    match error {
        BackupError::Damaged { .. } | BackupError::Ledger(Error::Damaged { .. } | Error::Audit(_)) => {
            Failure::no(vec![chain(error)])
        }
        other => Failure::of(other),
    }
}

fn expected(name: &str) -> Result<&str, Failure> {
    let known = backup::FILES.into_iter().find(|known| *known == name);
    known.ok_or_else(|| Failure::could_not_ask("the daemon sends a file that is none of a backup"))
}

fn receive(client: &mut Client, path: &Path, length: u64) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    match io::copy(&mut client.bytes(length), &mut file)? == length {
        true => file.sync_all(),
        false => {
            let problem = "the daemon did not send all of it: there is no copy";
            Err(io::Error::new(io::ErrorKind::UnexpectedEof, problem))
        }
    }
}
