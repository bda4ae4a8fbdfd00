//! `signer stranded`: the devices that cannot be freed.

use signer::admin::{Answer, Ask};

use super::{
    outcome::{Exit, Failure},
    reload::{Daemon, refused},
    text,
};

/// List the devices that the running daemon cannot free, as the key of what they have is not there
///
/// A line a device; exit status 1 if there are any.
#[derive(clap::Args)]
#[command(after_help = "Example: signer stranded --config /etc/signer/signer.toml")]
pub struct Args {
    #[command(flatten)]
    daemon: Daemon,
}

/// Prints them, a page at a time.
pub fn run(args: &Args) -> Result<Exit, Failure> {
    let mut client = args.daemon.connect()?;
    let mut after = None;
    let mut exit = Exit::Yes;
    loop {
        let devices = match client.ask(&Ask::Stranded { after: after.take() })? {
            Answer::Stranded { devices } => devices,
            other => return Err(refused(other)),
        };
        let Some(last) = devices.last() else { return Ok(exit) };
        after = Some(last.clone());
        exit = Exit::No;
        text::print(&devices.iter().map(|device| format!("{device}\n")).collect::<String>())?;
    }
}
