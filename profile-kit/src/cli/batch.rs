//! The verb `batch`.

pub(super) mod interrupt;
mod join;
mod make;
mod overwrite;
mod source;
mod told;
mod verify;

use std::{
    num::NonZeroUsize,
    path::{Path, PathBuf},
    thread,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use clap::{ValueEnum, value_parser};
use profile_kit::{
    OsVersion, SignOptions,
    batch::{self, Encoding, NamePattern, Out, Shard, Start},
    check::Code,
};

use self::told::Subject;
use super::{
    files,
    keys::KeyOptions,
    outcome::{Exit, Failure},
    overwrite::{Form, PlatformName},
    sign::{self, SigningOptions},
    text,
    verify::ReportFormat,
};

/// Sign a profile for each device of a table; make the overwrites of all of them.
///
/// SPEC is a spec or a .mobileconfig with placeholders; DEVICES is CSV with a header, or JSON Lines. Columns fill the
/// placeholders of their names. A row that cannot be done is told and the rest goes on; exit status 1 then. The manifest
/// beside the files tells what was made; --resume goes on from it after an interruption, --verify checks everything that it
/// says, and --overwrite makes the overwrites of all that it names.
#[derive(clap::Args)]
#[command(
    after_help = "Example:\n  profile-kit batch spec.toml devices.csv --out campaign --cert signer.pem --key signer.key\n  profile-kit batch --verify campaign/manifest.jsonl --roots roots.pem\n  profile-kit batch --overwrite campaign --os 17 --out freeing --cert signer.pem --key signer.key"
)]
pub struct Args {
    /// The spec (TOML) or profile.
    #[arg(value_name = "SPEC", required_unless_present_any = OTHER, conflicts_with_all = OVERWRITING, conflicts_with_all = VERIFYING)]
    spec: Option<PathBuf>,
    /// The table of devices; `-` is standard input.
    #[arg(value_name = "DEVICES", required_unless_present_any = OTHER)]
    devices: Option<PathBuf>,
    /// Make the overwrites of what a batch made: its manifest, or its folder or archive.
    #[arg(long, value_name = "MANIFEST|DIR", conflicts_with_all = TABLE, conflicts_with_all = VERIFYING)]
    overwrite: Option<PathBuf>,
    /// Verify every file that a manifest names, and that it is what the manifest says.
    #[arg(long, value_name = "MANIFEST|DIR", conflicts_with_all = TABLE, conflicts_with_all = KeyOptions::IDS, conflicts_with_all = SIGNING, conflicts_with_all = OVERWRITING, conflicts_with_all = ["overwrite", "join", "out", "resume", "shard"])]
    verify: Option<PathBuf>,
    /// Join the manifests of all shards into one, written to --out or standard output.
    #[arg(long, value_name = "MANIFEST|DIR", num_args = 1.., conflicts_with_all = TABLE, conflicts_with_all = KeyOptions::IDS, conflicts_with_all = SIGNING, conflicts_with_all = OVERWRITING, conflicts_with_all = VERIFYING, conflicts_with_all = ["overwrite", "resume", "shard", "jobs"])]
    join: Vec<PathBuf>,
    /// Where the files go: a folder that is not there yet, FILE.tar or FILE.zip. `profiles` or `overwrites`, unless given.
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
    /// Tell everything that is wrong with the table, and write nothing. No key is needed; one that is named is tried.
    #[arg(long, conflicts_with = "resume")]
    dry_run: bool,
    /// Signing threads, or those that verify; as many as there are processors, unless given.
    #[arg(long, value_name = "N", value_parser = value_parser!(u16).range(1..=256))]
    jobs: Option<u16>,
    /// No progress, and no summary but that of --format json.
    #[arg(short, long)]
    quiet: bool,
    /// How the summary is written.
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t)]
    format: ReportFormat,
    /// Of --overwrite: the removal password's form; `auto` follows the target.
    #[arg(long, value_name = "FORM", value_enum, default_value_t, requires = "overwrite")]
    removal_password: Form,
    /// Of --overwrite: the devices' version; a pair that would not free it fails, one that may not is warned of.
    #[arg(long, value_name = "VERSION", requires = "overwrite")]
    os: Option<OsVersion>,
    /// Of --overwrite: the devices' platform.
    #[arg(long, value_name = "NAME", value_enum, default_value_t, requires = "os")]
    platform: PlatformName,
    /// Of --overwrite: leave the other payloads out, so that their settings end with the overwrite.
    #[arg(long, requires = "overwrite")]
    strip: bool,
    /// Of --overwrite: sign each overwrite, also where neighbours have the same bytes.
    #[arg(long, requires = "overwrite")]
    sign_each: bool,
    /// Of --overwrite: sign with another certificate than the batch's; devices are observed to refuse it.
    #[arg(long, requires = "overwrite")]
    allow_other_signer: bool,
    /// Of --verify: the roots that are trusted, PEM; without them only integrity is asked, and the signer that the
    /// manifest names.
    #[arg(long, value_name = "PEM", requires = "verify")]
    roots: Option<PathBuf>,
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

/// What else than SPEC and DEVICES can be asked for.
const OTHER: [&str; 3] = ["overwrite", "verify", "join"];
/// What belongs to SPEC and DEVICES.
const TABLE: [&str; 8] = ["spec", "devices", "device", "name", "fan_out", "encoding", "encrypt_to", "dry_run"];
/// What belongs to signing, besides the key.
const SIGNING: [&str; 4] = ["digest", "signing_time", "allow", "allow_expired"];
/// What belongs to --overwrite. That it requires --overwrite is not enough: clap asks for nothing that conflicts with what
/// is there.
const OVERWRITING: [&str; 6] = ["removal_password", "os", "platform", "strip", "sign_each", "allow_other_signer"];
/// What belongs to --verify.
const VERIFYING: [&str; 1] = ["roots"];

pub fn run(args: &Args) -> Result<Exit, Failure> {
    match asked(args) {
        // The manifest itself is what stands on standard output.
        Err(failure) if args.format == ReportFormat::Json && !args.joins_to_standard_output() => {
            text::print_json(&[told::failed(&args.subject(), &failure)])?;
            Ok(failure.exit)
        }
        done => done,
    }
}

fn asked(args: &Args) -> Result<Exit, Failure> {
    match (&args.spec, &args.devices, &args.overwrite, &args.verify) {
        (Some(spec), Some(devices), ..) => make::run(args, spec, devices),
        (_, _, Some(installed), _) => overwrite::run(args, installed),
        (_, _, _, Some(manifest)) => verify::run(args, manifest),
        _ => join::run(args),
    }
}

/// A batch's manifest, by its own name or by its folder's or archive's.
fn manifest(path: &Path) -> PathBuf {
    match Out::of(path) {
        Out::Directory(_) if !path.is_dir() => path.to_owned(),
        out => out.manifest(),
    }
}

impl Args {
    fn joins_to_standard_output(&self) -> bool {
        !self.join.is_empty() && self.out.is_none()
    }

    /// What the summary is about.
    fn subject(&self) -> Subject {
        let of = |key, path: &Path| Subject { key, name: files::name(path, "standard input") };
        match (&self.devices, &self.overwrite, &self.verify) {
            (Some(devices), ..) => of("input", devices),
            (_, Some(installed), _) => of("input", &manifest(installed)),
            (.., Some(path)) => of("manifest", &manifest(path)),
            _ => of("manifest", self.out.as_deref().unwrap_or(Path::new("-"))),
        }
    }

    fn start(&self) -> Start {
        if self.resume { Start::Resume } else { Start::Fresh }
    }

    /// How the files are signed. A batch that is gone on with keeps its signing time, unless another is asked for, which
    /// is refused then.
    fn sign_options(&self, out: &Out) -> Result<SignOptions, Failure> {
        let options = self.signing.options();
        let begun = match self.resume && !self.signing.names_time() {
            true => batch::signing_time(out).map_err(|error| Failure::plain(&error))?,
            false => None,
        };
        Ok(SignOptions {
            signing_time: begun.unwrap_or(whole_seconds(options.signing_time)),
            allow: self.allow.clone(),
            allow_expired: self.allow_expired,
            allow_other_signer: self.allow_other_signer,
            ..options
        })
    }

    fn jobs(&self) -> usize {
        let processors = || thread::available_parallelism().map_or(1, NonZeroUsize::get);
        self.jobs.map_or_else(processors, usize::from)
    }

    fn encoding(&self) -> Encoding {
        match self.encoding {
            EncodingName::Utf8 => Encoding::Utf8,
            EncodingName::ShiftJis => Encoding::ShiftJis,
        }
    }
}

/// As the manifest and the signature hold it.
fn whole_seconds(moment: SystemTime) -> SystemTime {
    let since = moment.duration_since(UNIX_EPOCH).unwrap_or_default();
    UNIX_EPOCH + Duration::from_secs(since.as_secs())
}

#[cfg(test)]
mod tests {
    use clap::{Arg, Args as _, Command, error::ErrorKind};

    use super::*;

    /// The forms of `batch`, each with what it takes besides `--quiet` and `--format`.
    const FORMS: [(&[&str], &[&str]); 4] = [
        (
            &["spec.toml", "devices.csv"],
            &["device", "name", "fan_out", "encoding", "encrypt_to", "dry_run", "out", "shard", "resume", "jobs"],
        ),
        (
            &["--overwrite", "made"],
            &[
                "removal_password",
                "os",
                "platform",
                "strip",
                "sign_each",
                "allow_other_signer",
                "out",
                "shard",
                "resume",
                "jobs",
            ],
        ),
        (&["--verify", "made"], &["roots", "jobs"]),
        (&["--join", "manifest.jsonl"], &["out"]),
    ];

    #[test]
    fn each_form_refuses_the_options_of_the_others() {
        let command = Args::augment_args(Command::new("batch"));
        let options = command.get_arguments().filter(|option| option.get_long().is_some());
        for option in options.filter(|option| !OTHER.contains(&option.get_id().as_str())) {
            for (form, takes) in FORMS {
                let id = option.get_id().as_str();
                let signs = takes.contains(&"shard") && (KeyOptions::IDS.contains(&id) || SIGNING.contains(&id));
                let takes = signs || takes.contains(&id) || ["quiet", "format"].contains(&id);
                let words = ["batch"].into_iter().chain(form.iter().copied()).map(str::to_owned).chain(given(option));
                let parsed = command.clone().try_get_matches_from(words);
                let refused = parsed.is_err_and(|error| error.kind() == ErrorKind::ArgumentConflict);
                assert_eq!(refused, !takes, "{form:?} with --{id}");
            }
        }
    }

    #[test]
    fn nothing_is_said_of_a_key_where_none_is_named() {
        for option in [["--passphrase", "env:NONE"].as_slice(), &["--allow-readable-key"]] {
            let words = [&["batch", "spec.toml", "devices.csv", "--dry-run"], option].concat();
            let parsed = Args::augment_args(Command::new("batch")).try_get_matches_from(words);
            assert_eq!(parsed.unwrap_err().kind(), ErrorKind::MissingRequiredArgument, "{option:?}");
        }
    }

    /// An option as it is written, with a value that it takes.
    fn given(option: &Arg) -> Vec<String> {
        let long = format!("--{}", option.get_long().unwrap());
        let value = match option.get_id().as_str() {
            "name" => "{x}".to_owned(),
            "os" => "17".to_owned(),
            "jobs" => "2".to_owned(),
            "shard" => "1/2".to_owned(),
            "signing_time" => "2026-01-01T00:00:00Z".to_owned(),
            "allow" => "MissingKey".to_owned(),
            _ => option.get_possible_values().first().map_or("x".to_owned(), |value| value.get_name().to_owned()),
        };
        if option.get_action().takes_values() { vec![long, value] } else { vec![long] }
    }
}
