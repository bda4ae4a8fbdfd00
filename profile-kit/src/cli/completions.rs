//! The verb `completions`.

use clap::CommandFactory;
use clap_complete::Shell;

use super::{
    Cli,
    files::{self, Content},
    outcome::{Exit, Failure},
};

/// Write a completion script for a shell.
#[derive(clap::Args)]
#[command(after_help = "Example:\n  profile-kit completions bash > /etc/bash_completion.d/profile-kit")]
pub struct Args {
    /// The shell.
    shell: Shell,
}

pub fn run(args: &Args) -> Result<Exit, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "profile-kit", &mut script);
    files::to_standard_output(&script, Content::Text)?;
    Ok(Exit::Yes)
}
