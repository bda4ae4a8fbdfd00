//! `signer import`: a fleet that was enrolled elsewhere comes into the record.

use std::path::{Path, PathBuf};

use signer::{
    admin::{Answer, Ask, BATCH, BATCH_BYTES, Client},
    import::{self, Became, Entries, Offered, Tally},
};

use super::{
    outcome::{Exit, Failure},
    reload::{Daemon, refused},
    text,
};

/// Take profiles into the record that were signed elsewhere: batches of profile-kit, or folders of signed files
///
/// Each file is verified, has to be locked, and its leaf has to be one that the keyring knows. What is not taken in is
/// told, and the rest goes on. A repetition changes nothing.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  signer import --config /etc/signer/signer.toml batch/manifest.jsonl
  signer import --config /etc/signer/signer.toml batch.tar.manifest.jsonl
  signer import --config /etc/signer/signer.toml signed/ --devices devices.csv")]
pub struct Args {
    #[command(flatten)]
    daemon: Daemon,
    /// A batch's manifest, or a folder
    #[arg(value_name = "PATH", required = true)]
    sources: Vec<PathBuf>,
    /// For a folder: a table (CSV) with the columns `file` and that of the device
    #[arg(long, value_name = "FILE")]
    devices: Option<PathBuf>,
    /// The device's column [default: udid, else serial, else device]
    #[arg(long, value_name = "COLUMN", requires = "devices")]
    device: Option<String>,
}

/// Reads, sends in batches, tells what was not taken in, and counts.
pub fn run(args: &Args) -> Result<Exit, Failure> {
    if let Some(file) = args.sources.iter().find(|source| args.devices.is_some() && !source.is_dir()) {
        let problem = "is no folder: --devices says which files of a folder are whose, a manifest says so itself";
        return Err(Failure::could_not_ask(format!("{}: {problem}", file.display())));
    }
    let mut client = args.daemon.connect()?;
    let mut tally = Tally::default();
    for source in &args.sources {
        let entries = args.entries(source).map_err(|unread| Failure::could_not_ask(unread.to_string()))?;
        import(&mut client, entries, &mut tally)?;
    }
    let Tally { new, known, stranded, refused } = &tally;
    let refused: u64 = refused.values().sum();
    text::print(&format!("{new} taken in, {known} known before, {refused} not taken in\n"))?;
    if *stranded > 0 {
        text::warning(&format!("{stranded} of them cannot be freed: the key of their leaf is gone"));
    }
    Ok(if refused > 0 { Exit::No } else { Exit::Yes })
}

impl Args {
    fn entries(&self, source: &Path) -> Result<Entries, import::Unread> {
        match source.is_dir() {
            true => import::list(source, self.devices.as_deref(), self.device.as_deref()),
            false => import::manifest(source),
        }
    }
}

fn import(client: &mut Client, entries: Entries, tally: &mut Tally) -> Result<(), Failure> {
    let (mut batch, mut bytes) = (Vec::new(), 0);
    for entry in entries {
        match entry {
            Ok(offered) => {
                if bytes + offered.signed.len() > BATCH_BYTES {
                    send(client, &std::mem::take(&mut batch), tally)?;
                    bytes = 0;
                }
                bytes += offered.signed.len();
                batch.push(offered);
            }
            Err(unread) => {
                text::error(&unread.to_string());
                *tally.refused.entry("unread".into()).or_default() += 1;
            }
        }
        if batch.len() >= BATCH {
            send(client, &std::mem::take(&mut batch), tally)?;
            bytes = 0;
        }
    }
    send(client, &batch, tally)
}

fn send(client: &mut Client, batch: &[Offered], tally: &mut Tally) -> Result<(), Failure> {
    if batch.is_empty() {
        return Ok(());
    }
    let all = match client.ask(&Ask::Import { profiles: batch.iter().map(Into::into).collect() })? {
        Answer::Imported { became } if became.len() == batch.len() => became,
        other => return Err(refused(other)),
    };
    for (offered, became) in batch.iter().zip(&all) {
        tally.count(became);
        match became {
            Became::Refused { code, problem } => {
                text::error(&format!("{}: {}: {code}: {problem}", offered.from, offered.device));
            }
            Became::New { held: false, .. } => {
                text::warning(&format!("{}: {}: the key of its leaf is gone", offered.from, offered.device));
            }
            Became::New { .. } | Became::Known { .. } => {}
        }
    }
    Ok(())
}
