//! The verb `sign`.

use std::{path::PathBuf, time::SystemTime};

use clap::ValueEnum;
use profile_kit::{
    Target,
    check::{self, Code},
    sign::{Digest, EncodedProfile, SignOptions},
};

use super::{
    files::{Content, Input, Output},
    keys::KeyOptions,
    outcome::{Exit, Failure},
    text,
};

/// Sign a profile: CMS around its very bytes, ready for a device.
#[derive(clap::Args)]
#[command(
    after_help = "Example:\n  profile-kit sign ivi-mdm.mobileconfig --cert signer.pem --key signer.key -o ivi-mdm.signed.mobileconfig"
)]
pub struct Args {
    /// The unsigned profile; `-` is standard input.
    #[arg(value_name = "IN")]
    file: PathBuf,
    #[command(flatten)]
    keys: KeyOptions,
    #[command(flatten)]
    signing: SigningOptions,
    /// Sign in spite of findings of this code, and do not tell them; MissingKey, WrongType and EmptyContent refuse.
    #[arg(long, value_name = "CODE", value_parser = code)]
    allow: Vec<Code>,
    /// Sign with a certificate that has ended.
    #[arg(long)]
    allow_expired: bool,
    #[command(flatten)]
    output: Output,
}

/// How a signature is made.
#[derive(clap::Args)]
pub struct SigningOptions {
    /// The digest of content and signature.
    #[arg(long, value_name = "NAME", value_enum, default_value_t)]
    digest: DigestName,
    /// What the signature says about its time; now, unless given.
    #[arg(long, value_name = "RFC3339", value_parser = text::parse_time)]
    signing_time: Option<SystemTime>,
}

#[derive(Clone, Copy, Default, ValueEnum)]
enum DigestName {
    #[default]
    Sha256,
    Sha384,
    Sha512,
}

impl SigningOptions {
    /// The library's options, nothing allowed.
    pub fn options(&self) -> SignOptions {
        let digest = match self.digest {
            DigestName::Sha256 => Digest::Sha256,
            DigestName::Sha384 => Digest::Sha384,
            DigestName::Sha512 => Digest::Sha512,
        };
        SignOptions { digest, ..SignOptions::new(self.signing_time.unwrap_or_else(SystemTime::now)) }
    }

    /// Whether the time was given.
    pub fn names_time(&self) -> bool {
        self.signing_time.is_some()
    }
}

pub fn run(args: &Args) -> Result<Exit, Failure> {
    // Not the input: what is signed stands in the signed file as it was.
    args.output.spare(&args.keys.files())?;
    let input = Input::read(&args.file)?;
    let failed = |error| Failure::of(&input.name, &error);
    let profile = EncodedProfile::read(input.bytes.clone()).map_err(failed)?;
    let options =
        SignOptions { allow: args.allow.clone(), allow_expired: args.allow_expired, ..args.signing.options() };
    let identity = args.keys.load(options.signing_time, None)?;
    let signed = identity.sign_with(&profile, &options).map_err(failed)?;
    let mut findings = check::check(profile.profile(), &Target::default(), options.signing_time.max(SystemTime::now()));
    findings.retain(|finding| !args.allow.contains(&finding.code));
    text::findings(&input.name, &findings);
    args.output.write(signed.as_bytes(), Content::Binary)?;
    Ok(Exit::Yes)
}

/// A finding's code by its word.
pub fn code(word: &str) -> Result<Code, String> {
    word.parse().map_err(|error: profile_kit::check::UnknownCode| error.to_string())
}
