//! The verb `batch`.

mod interrupt;
mod make;
mod source;
mod told;

use std::{num::NonZeroUsize, path::PathBuf, thread};

use clap::ValueEnum;
use profile_kit::{
    batch::{Encoding, NamePattern, Shard},
    check::Code,
};

use super::{
    keys::KeyOptions,
    outcome::{Exit, Failure},
    sign::{self, SigningOptions},
    verify::ReportFormat,
};

/// Sign a profile for each device of a table.
///
/// SPEC is a spec or a .mobileconfig with placeholders; DEVICES is CSV with a header, or JSON Lines. Columns fill the
/// placeholders of their names. A row that cannot be done is told and the rest goes on; exit status 1 then. The manifest
/// beside the files tells what was made; --resume goes on from it after an interruption.
#[derive(clap::Args)]
#[command(
    after_help = "Example:\n  profile-kit batch spec.toml devices.csv --out campaign --cert signer.pem --key signer.key"
)]
pub struct Args {
    /// The spec (TOML) or profile.
    #[arg(value_name = "SPEC", required = true)]
    spec: PathBuf,
    /// The table of devices; `-` is standard input.
    #[arg(value_name = "DEVICES", required = true)]
    devices: PathBuf,
    /// Where the files go: a folder that is not there yet, FILE.tar or FILE.zip. `profiles`, unless given.
    #[arg(short = 'o', long, value_name = "DIR|FILE.tar|FILE.zip")]
    out: Option<PathBuf>,
    /// The column that names the device; `udid` or else `serial`, unless given.
    #[arg(long, value_name = "COLUMN")]
    device: Option<String>,
    /// How files are named, with columns in braces; by the device's column unless given.
    #[arg(long, value_name = "PATTERN", value_parser = NamePattern::new)]
    name: Option<NamePattern>,
    /// Spread the files over 256 sub-folders, by a hash of their names.
    #[arg(long)]
    fan_out: bool,
    /// The encoding of CSV.
    #[arg(long, value_name = "NAME", value_enum, default_value_t)]
    encoding: EncodingName,
    /// Encrypt each device's payloads for the certificate in this column: PEM, or DER in base64.
    #[arg(long, value_name = "COLUMN")]
    encrypt_to: Option<String>,
    /// Do only every N-th row, beginning with row I: one of N machines.
    #[arg(long, value_name = "I/N", requires = "signing_time")]
    shard: Option<Shard>,
    /// Go on with a batch that was interrupted.
    #[arg(long)]
    resume: bool,
    /// Tell everything that is wrong with the table, and write nothing. No key is needed.
    #[arg(long, conflicts_with = "resume")]
    dry_run: bool,
    /// Signing threads; as many as there are processors, unless given.
    #[arg(long, value_name = "N")]
    jobs: Option<NonZeroUsize>,
    /// No progress, and no summary.
    #[arg(short, long)]
    quiet: bool,
    /// How the summary is written.
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t)]
    format: ReportFormat,
    #[command(flatten)]
    keys: KeyOptions,
    #[command(flatten)]
    signing: SigningOptions,
    /// Sign in spite of findings of this code.
    #[arg(long, value_name = "CODE", value_parser = sign::code)]
    allow: Vec<Code>,
    /// Sign with a certificate that has ended.
    #[arg(long)]
    allow_expired: bool,
}

#[derive(Clone, Copy, Default, ValueEnum)]
enum EncodingName {
    #[default]
    #[value(name = "utf-8")]
    Utf8,
    #[value(name = "shift_jis", alias = "shift-jis")]
    ShiftJis,
}

pub fn run(args: &Args) -> Result<Exit, Failure> {
    make::run(args)
}

impl Args {
    fn jobs(&self) -> usize {
        let processors = || thread::available_parallelism().map_or(1, NonZeroUsize::get);
        self.jobs.map_or_else(processors, NonZeroUsize::get)
    }

    fn encoding(&self) -> Encoding {
        match self.encoding {
            EncodingName::Utf8 => Encoding::Utf8,
            EncodingName::ShiftJis => Encoding::ShiftJis,
        }
    }
}
