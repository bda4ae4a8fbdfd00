//! The verb `encrypt`.

use std::{path::PathBuf, time::SystemTime};

use clap::ValueEnum;
use profile_kit::{
    Certificate, Error, Profile,
    encrypt::{self, ContentCipher},
};

use super::{
    files::{Content, Input, Output},
    outcome::{Exit, Failure},
    text,
};

/// Encrypt the payloads of a profile for one device. Sign the result afterwards.
#[derive(clap::Args)]
#[command(
    after_help = "Example:\n  profile-kit encrypt ivi-mdm.mobileconfig --to device.pem -o ivi-mdm.encrypted.mobileconfig"
)]
pub struct Args {
    /// The unsigned profile; `-` is standard input.
    #[arg(value_name = "IN")]
    file: PathBuf,
    /// The device's certificate, PEM or DER; its key must be RSA.
    #[arg(long, value_name = "CERT")]
    to: PathBuf,
    /// The cipher of the payloads.
    #[arg(long, value_name = "NAME", value_enum, default_value_t)]
    cipher: CipherName,
    #[command(flatten)]
    output: Output,
}

#[derive(Clone, Copy, Default, ValueEnum)]
enum CipherName {
    #[default]
    Aes256,
    Aes128,
    #[value(name = "3des")]
    TripleDes,
}

pub fn run(args: &Args) -> Result<Exit, Failure> {
    args.output.spare(&[("IN", &args.file), ("--to", &args.to)])?;
    let input = Input::read(&args.file)?;
    let failed = |error| Failure::of(&input.name, &error);
    let profile = Profile::from_bytes(&input.bytes).map_err(failed)?;
    let recipient = recipient(&Input::read_certificates(&args.to)?)?;
    let name = super::files::name(&args.to, "standard input");
    for warning in encrypt::warnings(&recipient, SystemTime::now()) {
        text::warning(&format!("{name}: {warning}"));
    }
    let cipher = match args.cipher {
        CipherName::Aes256 => ContentCipher::Aes256Cbc,
        CipherName::Aes128 => ContentCipher::Aes128Cbc,
        CipherName::TripleDes => ContentCipher::TripleDesCbc,
    };
    let encrypted = encrypt::encrypt(&profile, &recipient, cipher).map_err(|error| match error {
        Error::Identity { .. } => Failure::of(&name, &error),
        error => failed(error),
    })?;
    args.output.write(&encrypted.to_xml().map_err(failed)?, Content::Text)?;
    Ok(Exit::Yes)
}

fn recipient(input: &Input) -> Result<Certificate, Failure> {
    let failed = |error| Failure { exit: Exit::CouldNotAsk, ..Failure::of(&input.name, &error) };
    if input.bytes.first() == Some(&0x30) {
        return Certificate::from_der(&input.bytes).map_err(failed);
    }
    let certificates = Certificate::from_pem(&input.bytes).map_err(failed)?;
    certificates.into_iter().next().ok_or_else(|| Failure::usage(format!("{}: no certificate", input.name)))
}
