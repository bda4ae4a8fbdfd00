//! The verb `man`.

use clap::CommandFactory;

use super::{
    Cli,
    files::{self, Content},
    outcome::{Exit, Failure},
};

/// Write the manual page of the program or of one verb, in roff.
#[derive(clap::Args)]
#[command(after_help = "Example:\n  profile-kit man overwrite > profile-kit-overwrite.1")]
pub struct Args {
    /// The verb; without it the page of the whole program.
    verb: Option<String>,
}

pub fn run(args: &Args) -> Result<Exit, Failure> {
    let mut program = Cli::command();
    program.build();
    let command = match &args.verb {
        None => program,
        Some(verb) => {
            let found = program.find_subcommand(verb).cloned();
            let found = found.ok_or_else(|| Failure::usage(format!("{verb:?} is no verb")))?;
            found.display_name(format!("profile-kit-{verb}"))
        }
    };
    let mut page = Vec::new();
    let rendered = clap_mangen::Man::new(command).render(&mut page);
    rendered.map_err(|cause| Failure::io("the manual page", "cannot be made", &cause))?;
    files::to_standard_output(&page, Content::Text)?;
    Ok(Exit::Yes)
}
