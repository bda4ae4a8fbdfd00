//! `signer check`: whether a start or a reload would take the configuration.

use std::path::PathBuf;

use signer::{daemon::Source, file::open_regular};

use super::{
    outcome::{Exit, Failure},
    text,
};

/// Say everything that is wrong with a configuration and the files that it names
///
/// It is what a start and a reload read: a configuration that passes here is taken there. A start also needs to write where
/// the ledger and the checkpoints are to be, which is looked at for the user who asks, and nothing is made. Only the
/// sockets, what is in the ledger and the devices that a reload would strand are not looked at.
#[derive(clap::Args)]
#[command(after_help = "Example: signer check --config /etc/signer/signer.toml")]
pub struct Args {
    /// The configuration file
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// The folder of systemd's credentials [default: $CREDENTIALS_DIRECTORY]
    #[arg(long, value_name = "DIR")]
    credentials: Option<PathBuf>,
}

/// Prints warnings and what is good.
pub fn run(args: &Args) -> Result<Exit, Failure> {
    let mut source = Source::new(&args.config);
    source.credentials = args.credentials.clone().or(source.credentials);
    if let Err(cause) = open_regular(&args.config) {
        return Err(Failure::could_not_ask(format!("{}: {cause}", args.config.display())));
    }
    let state = source.load_to_start().map_err(|errors| Failure::config(&errors))?;
    state.warnings((source.clock)()).iter().for_each(|warning| text::warning(warning));
    let (identities, specs) = (state.config.identities.len(), state.config.specs.len());
    let callers = state.config.callers.len();
    let good = format!("{}: good: {identities} identities, {specs} specs, {callers} callers\n", args.config.display());
    text::print(&good)?;
    Ok(Exit::Yes)
}
