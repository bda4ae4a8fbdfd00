//! `signer completions`: a completion script for a shell.

use clap::CommandFactory;
use clap_complete::Shell;

use super::{
    Cli,
    outcome::{Exit, Failure},
    text,
};

/// Write a completion script for a shell
#[derive(clap::Args)]
#[command(after_help = "Example: signer completions bash > /etc/bash_completion.d/signer")]
pub struct Args {
    /// The shell
    shell: Shell,
}

/// Prints it.
pub fn run(args: &Args) -> Result<Exit, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "signer", &mut script);
    text::print(&String::from_utf8_lossy(&script))?;
    Ok(Exit::Yes)
}
