//! `signer reload`: a running daemon reads its configuration again.

use std::path::PathBuf;

use signer::{
    admin::{Answer, Ask, Client, TOO_MANY},
    config::admin_socket,
};

use super::{
    outcome::{Exit, Failure},
    text,
};

/// Let the running daemon take up configuration, specs and keys again, all of them or nothing
///
/// A reload that would leave devices without the key that frees them is refused with their number.
#[derive(clap::Args)]
#[command(after_help = "Example: signer reload --config /etc/signer/signer.toml")]
pub struct Args {
    #[command(flatten)]
    daemon: Daemon,
    /// Give up exactly so many devices: those that the reload would strand
    #[arg(long, value_name = "N")]
    accept_stranded: Option<u64>,
}

/// Which daemon.
#[derive(clap::Args)]
pub struct Daemon {
    /// Its configuration file, which names its admin socket
    #[arg(long, value_name = "FILE", required_unless_present = "socket")]
    config: Option<PathBuf>,
    /// Its admin socket
    #[arg(long, value_name = "PATH", conflicts_with = "config")]
    socket: Option<PathBuf>,
}

impl Daemon {
    /// Connects to it.
    pub fn connect(&self) -> Result<Client, Failure> {
        let socket = match (&self.socket, &self.config) {
            (Some(socket), _) => socket.clone(),
            (None, Some(config)) => admin_socket(config)
                .map_err(|errors| Failure { exit: Exit::CouldNotAsk, ..Failure::config(&errors) })?,
            (None, None) => return Err(Failure::could_not_ask("neither --config nor --socket is given")),
        };
        Ok(Client::connect(&socket)?)
    }
}

/// Prints what the daemon says.
pub fn run(args: &Args) -> Result<Exit, Failure> {
    match args.daemon.connect()?.ask(&Ask::Reload { accept_stranded: args.accept_stranded })? {
        Answer::Reloaded { restart, warnings } => {
            warnings.iter().for_each(|warning| text::warning(warning));
            restart.iter().for_each(|part| text::note(&format!("{part}: taken up at the next start only")));
            text::print("reloaded\n")?;
            Ok(Exit::Yes)
        }
        other => Err(refused(other)),
    }
}

/// What the daemon answered instead.
pub fn refused(answer: Answer) -> Failure {
    match answer {
        Answer::Refused { code, problems } if code == TOO_MANY => Failure { exit: Exit::CouldNotAsk, lines: problems },
        Answer::Refused { problems, .. } => Failure::no(problems),
        _ => Failure::could_not_ask("the daemon has answered something else than it was asked"),
    }
}
