//! The verb `decrypt`.

use std::path::PathBuf;

use profile_kit::{Error, encrypt};

use super::{
    files::{Content, Input, Output},
    keys::KeyFiles,
    outcome::{Exit, Failure},
    text,
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
    let bytes = match decrypted.to_xml() {
        Err(refused @ Error::Unwritable { .. }) => {
            text::note(&format!("{}: {refused}: written as a binary property list", input.name));
            decrypted.to_binary().map_err(failed)?
        }
        written => written.map_err(failed)?,
    };
    args.output.write_secret(&bytes, Content::of(&bytes))?;
    Ok(Exit::Yes)
}
