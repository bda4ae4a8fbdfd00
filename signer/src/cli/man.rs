//! `signer man`: the manual pages.

use clap::CommandFactory;

use super::{
    Cli,
    outcome::{Exit, Failure},
    text,
};

/// Write the manual page of the program or of one verb, in roff
#[derive(clap::Args)]
#[command(after_help = "Example: signer man reload > signer-reload.1")]
pub struct Args {
    /// The verb, such as `reload` or `audit-verify`; without it the page of the whole program
    verb: Option<String>,
}

/// Prints it.
pub fn run(args: &Args) -> Result<Exit, Failure> {
    let mut command = Cli::command();
    command.build();
    if let Some(verb) = &args.verb {
        let found = verb.split('-').try_fold(&command, |above, verb| above.find_subcommand(verb));
        let found = found.ok_or_else(|| Failure::could_not_ask(format!("{verb:?} is no verb")))?;
        command = found.clone().display_name(format!("signer-{verb}"));
    }
    let mut page = Vec::new();
    clap_mangen::Man::new(command).render(&mut page).map_err(|error| Failure::of(&error))?;
    text::print(&String::from_utf8_lossy(&page))?;
    Ok(Exit::Yes)
}
