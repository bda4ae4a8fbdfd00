//! The verb `decrypt`.

use std::path::PathBuf;

use profile_kit::encrypt;

use super::{
    files::{Content, Input, Output},
    keys::KeyFiles,
    outcome::{Exit, Failure},
};

/// Decrypt the payloads of an encrypted profile, signed or not. The result is unsigned.
#[derive(clap::Args)]
#[command(
    after_help = "Example:\n  profile-kit decrypt ivi-mdm.encrypted.mobileconfig --cert device.pem --key device.key -o ivi-mdm.mobileconfig"
)]
pub struct Args {
    /// The encrypted profile; `-` is standard input.
    #[arg(value_name = "IN")]
    file: PathBuf,
    #[command(flatten)]
    keys: KeyFiles,
    #[command(flatten)]
    output: Output,
}

pub fn run(args: &Args) -> Result<Exit, Failure> {
    let mut named = args.keys.named();
    named.push(("IN", &args.file));
    args.output.spare(&named)?;
    let input = Input::read(&args.file)?;
    let failed = |error| Failure::of(&input.name, &error);
    let file = super::show::read(&input)?;
    let identity = args.keys.load_to_decrypt()?;
    let decrypted = encrypt::decrypt(&file.profile, &identity).map_err(failed)?;
    args.output.write_secret(&decrypted.to_xml().map_err(failed)?, Content::Text)?;
    Ok(Exit::Yes)
}
