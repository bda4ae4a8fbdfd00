//! The verb `overwrite`.

use std::{path::PathBuf, time::SystemTime};

use clap::ValueEnum;
use profile_kit::{
    Os, OsVersion, Overwrite, PasswordForm, Platform, Profile, SignedProfile, document, sign::SignOptions,
    verify::Observed,
};

use super::{
    files::{Content, Input, Output},
    keys::KeyOptions,
    outcome::{Exit, Failure},
    sign::SigningOptions,
    text,
};

/// Make the overwrite of an installed profile: the variant that its owner can delete.
///
/// INSTALLED is the very file that the device got. The overwrite must be signed by the certificate that signed it. A
/// RemovalDate that is past, by the clock or by a --signing-time to come, is left out: a device would refuse it.
#[derive(clap::Args)]
#[command(
    after_help = "Example:\n  profile-kit overwrite ivi-mdm.signed.mobileconfig --os 17 --cert signer.pem --key signer.key -o overwrite.signed.mobileconfig"
)]
pub struct Args {
    /// The profile that the device has; `-` is standard input.
    #[arg(value_name = "INSTALLED")]
    installed: PathBuf,
    /// The removal password's form; `auto` follows the target.
    #[arg(long, value_name = "FORM", value_enum, default_value_t)]
    removal_password: Form,
    /// The target's version: iOS 14 and later are observed to refuse an empty removal password.
    #[arg(long, value_name = "VERSION")]
    os: Option<OsVersion>,
    /// The target's platform.
    #[arg(long, value_name = "NAME", value_enum, default_value_t, requires = "os")]
    platform: PlatformName,
    /// Leave the other payloads out, so that their settings end with the overwrite.
    #[arg(long)]
    strip: bool,
    #[command(flatten)]
    keys: KeyOptions,
    #[command(flatten)]
    signing: SigningOptions,
    /// Write the overwrite without a signature.
    #[arg(long, conflicts_with_all = KeyOptions::IDS, conflicts_with_all = SIGNING)]
    unsigned: bool,
    /// Sign with another certificate than the installed profile's; devices are observed to refuse it.
    #[arg(long)]
    allow_other_signer: bool,
    /// Sign with a certificate that has ended although it is not known to have signed the installed profile.
    #[arg(long)]
    allow_expired: bool,
    #[command(flatten)]
    output: Output,
}

/// A removal password's form by its name.
#[derive(Clone, Copy, Default, ValueEnum)]
pub enum Form {
    /// A removal-password payload with an empty password.
    Empty,
    /// No removal-password payload.
    Omitted,
    /// Omitted for iOS 14 and later, else empty.
    #[default]
    Auto,
}

/// A platform by its name.
#[derive(Clone, Copy, Default, ValueEnum)]
pub enum PlatformName {
    #[default]
    Ios,
    Macos,
    Tvos,
}

/// The options that say how to sign, besides the key.
const SIGNING: [&str; 4] = ["digest", "signing_time", "allow_other_signer", "allow_expired"];

pub fn run(args: &Args) -> Result<Exit, Failure> {
    if !args.unsigned && !args.keys.given() {
        return Err(Failure::usage(
            "an overwrite is signed by the certificate that signed the installed profile: give --cert and --key, or --p12, or --unsigned",
        ));
    }
    let mut named = args.keys.files();
    named.push(("INSTALLED", &args.installed));
    args.output.spare(&named)?;
    let input = Input::read(&args.installed)?;
    let failed = |error| Failure::of(&input.name, &error);
    let options = SignOptions {
        allow_other_signer: args.allow_other_signer,
        allow_expired: args.allow_expired,
        ..args.signing.options()
    };
    // What is past by the clock is past on the device, whatever time the signature tells.
    let overwrite = make(args, &input, options.signing_time.max(SystemTime::now()))?;
    tell(args, &input.name, &overwrite);
    if args.unsigned {
        let bytes = overwrite.to_bytes().map_err(failed)?;
        args.output.write(&bytes, Content::of(&bytes))?;
        return Ok(Exit::Yes);
    }
    let identity = args.keys.load(options.signing_time, overwrite.leaf())?;
    let signed = identity.sign_with(&overwrite, &options).map_err(failed)?;
    args.output.write(signed.as_bytes(), Content::Binary)?;
    Ok(Exit::Yes)
}

fn make(args: &Args, input: &Input, at: SystemTime) -> Result<Overwrite, Failure> {
    let failed = |error| Failure::of(&input.name, &error);
    let (verified, unsigned);
    let of = if document::looks_signed(&input.bytes) {
        let signed = SignedProfile::from_bytes(input.bytes.clone()).map_err(failed)?;
        verified = signed.verify_integrity().map_err(failed)?;
        for seen in &verified.verification().observations {
            if matches!(seen.code, Observed::TrailingBytes | Observed::SeveralSigners | Observed::WeakKey) {
                text::warning(&format!("{}: {seen}", input.name));
            }
        }
        Overwrite::of(&verified)
    } else {
        unsigned = Profile::from_bytes(&input.bytes).map_err(failed)?;
        Overwrite::of_unsigned(&unsigned)
    };
    let of = of.removal_password(args.removal_password.form()).strip(args.strip);
    let of = match args.os {
        Some(version) => of.target(Os { platform: args.platform.platform(), version }),
        None => of,
    };
    of.build_at(at).map_err(failed)
}

/// Tells what was made on standard error: standard output may carry the file.
fn tell(args: &Args, file: &str, overwrite: &Overwrite) {
    if matches!(args.removal_password, Form::Auto) && args.os.is_none() {
        let form = match overwrite.form() {
            PasswordForm::Empty => "empty",
            _ => "omitted",
        };
        text::note(&format!(
            "{file}: no target given: wrote the removal password's form `{form}`; name the target with --os, or the form with --removal-password"
        ));
    }
    if let (Some(version), PasswordForm::Empty) = (args.os, overwrite.form()) {
        let target = Os { platform: args.platform.platform(), version };
        if PasswordForm::Auto.for_target(Some(target)) == PasswordForm::Omitted {
            text::warning(&format!(
                "{file}: {target} is observed to refuse an empty removal password (L4): choose --removal-password omitted"
            ));
        } else {
            text::note(&format!(
                "{file}: that {target} takes an empty removal password is not known for certain (L4): preflight tells"
            ));
        }
    }
    for change in overwrite.changes() {
        text::note(&format!("{file}: {change}"));
    }
    for fault in overwrite.faults() {
        text::warning(&format!("{file}: inherited: {fault}"));
    }
    match (overwrite.leaf(), args.unsigned) {
        (Some(_), true) => text::warning(&format!(
            "{file}: the installed profile is signed, and a device refuses an unsigned overwrite of it (R4): sign this with the same certificate"
        )),
        (None, false) => text::warning(&format!(
            "{file}: is unsigned: if the device has a signed profile, the overwrite frees it only with the same certificate (R4)"
        )),
        _ => {}
    }
}

impl Form {
    /// What it names.
    pub fn form(self) -> PasswordForm {
        match self {
            Form::Empty => PasswordForm::Empty,
            Form::Omitted => PasswordForm::Omitted,
            Form::Auto => PasswordForm::Auto,
        }
    }
}

impl PlatformName {
    /// What it names.
    pub fn platform(self) -> Platform {
        match self {
            PlatformName::Ios => Platform::Ios,
            PlatformName::Macos => Platform::Macos,
            PlatformName::Tvos => Platform::Tvos,
        }
    }
}
