//! The verb `unwrap`.

use std::path::PathBuf;

use profile_kit::verify;

use super::{
    files::{Content, Input, Output},
    outcome::{Exit, Failure},
};

/// Take the content out of a signed file, byte for byte. Nothing is verified.
#[derive(clap::Args)]
#[command(after_help = "Example:\n  profile-kit unwrap ivi-mdm.signed.mobileconfig -o ivi-mdm.mobileconfig")]
pub struct Args {
    /// The signed file; `-` is standard input.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    #[command(flatten)]
    output: Output,
}

pub fn run(args: &Args) -> Result<Exit, Failure> {
    args.output.spare(&[("FILE", &args.file)])?;
    let input = Input::read(&args.file)?;
    let content = verify::content(&input.bytes).map_err(|error| Failure::of(&input.name, &error))?;
    args.output.write(&content, Content::of(&content))?;
    Ok(Exit::Yes)
}
