//! The verb `build`.

use std::{
    path::{Path, PathBuf},
    time::SystemTime,
};

use clap::ValueEnum;
use profile_kit::{
    Profile, Target, Template, UuidSource,
    check::{self, Finding, Severity},
    redact::REDACTED,
    spec,
    template::{Declarations, Values},
};

use super::{
    files::{Content, Input, Output},
    outcome::{Exit, Failure},
    text,
};

/// Build a profile from a spec, or from a .mobileconfig with placeholders.
///
/// The placeholders of NAME.mobileconfig may be declared in NAME.toml beside it; otherwise they are strings.
#[derive(clap::Args)]
#[command(after_help = "Example:\n  profile-kit build spec.toml --set serial=C02XYZ -o ivi-mdm.mobileconfig")]
pub struct Args {
    /// The spec (TOML) or profile; `-` is standard input.
    #[arg(value_name = "SPEC")]
    spec: PathBuf,
    /// A value for a placeholder; may be given many times.
    #[arg(long, value_name = "NAME=VALUE")]
    set: Vec<String>,
    /// How the profile is written.
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t)]
    format: Format,
    /// Where UUIDs that the spec does not give come from.
    #[arg(long, value_name = "SOURCE", value_enum, default_value_t)]
    uuid: Uuids,
    #[command(flatten)]
    output: Output,
}

#[derive(Clone, Copy, Default, ValueEnum)]
enum Format {
    #[default]
    Xml,
    Binary,
}

#[derive(Clone, Copy, Default, ValueEnum)]
enum Uuids {
    /// Version 5, from identifier and content: the same input gives the same UUIDs.
    #[default]
    Content,
    /// Version 4.
    Random,
}

pub fn run(args: &Args) -> Result<Exit, Failure> {
    args.output.spare(&[("SPEC", &args.spec), ("the file beside SPEC", &args.spec.with_extension("toml"))])?;
    let Spec { name, template, bytes: _ } = Spec::read(&args.spec)?;
    let values = values(&args.set)?;
    let source = match args.uuid {
        Uuids::Content => UuidSource::Content,
        Uuids::Random => UuidSource::Random,
    };
    let failed = |error| Failure::of(&name, &error);
    let profile = template.fill(&values, source).map_err(failed)?;
    tell(&name, &template, &profile);
    match args.format {
        Format::Xml => args.output.write(&profile.to_xml().map_err(failed)?, Content::Text)?,
        Format::Binary => args.output.write(&profile.to_binary().map_err(failed)?, Content::Binary)?,
    }
    Ok(Exit::Yes)
}

/// What a profile is built from.
pub struct Spec {
    /// The file's name.
    pub name: String,
    pub template: Template,
    /// The file's bytes, and those of the declarations beside it.
    pub bytes: Vec<u8>,
}

impl Spec {
    /// Reads a spec, or a profile with the declarations beside it.
    pub fn read(path: &Path) -> Result<Self, Failure> {
        let Input { name, mut bytes } = Input::read(path)?;
        let failed = |error| Failure::of(&name, &error);
        let text = std::str::from_utf8(&bytes).ok().map(|text| text.trim_start_matches('\u{feff}'));
        let text = text.filter(|text| !text.trim_start().starts_with('<') && !text.starts_with("bplist"));
        if let Some(text) = text {
            let template = spec::read(text).map_err(failed)?;
            return Ok(Self { name, template, bytes });
        }
        let profile = Profile::from_bytes(&bytes).map_err(failed)?;
        let beside = declarations_beside(path)?;
        let declarations = match &beside {
            Some(beside) => declarations(beside)?,
            None => Declarations::new(),
        };
        let template = Template::with_strings(&profile, declarations).map_err(failed)?;
        bytes.extend(beside.into_iter().flat_map(|beside| beside.bytes));
        Ok(Self { name, template, bytes })
    }
}

fn declarations_beside(path: &Path) -> Result<Option<Input>, Failure> {
    let beside = path.with_extension("toml");
    if beside == path || path == Path::new("-") || !beside.exists() {
        return Ok(None);
    }
    Input::read(&beside).map(Some)
}

fn declarations(beside: &Input) -> Result<Declarations, Failure> {
    let name = &beside.name;
    let text = str::from_utf8(&beside.bytes).map_err(|_| Failure::usage(format!("{name}: is not UTF-8")))?;
    spec::read_placeholders(text).map_err(|error| Failure::of(name, &error))
}

/// What a value is does not show in an error: it may be secret.
fn values(set: &[String]) -> Result<Values, Failure> {
    let mut values = Values::new();
    for assignment in set {
        let (name, value) =
            assignment.split_once('=').ok_or_else(|| Failure::usage("--set takes NAME=VALUE: there is no `=`"))?;
        if values.insert(name.to_owned(), value.to_owned()).is_some() {
            return Err(Failure::usage(format!("--set {name} is given twice")));
        }
    }
    Ok(values)
}

fn tell(file: &str, template: &Template, profile: &Profile) {
    for name in template.unused() {
        text::note(&format!("{file}: placeholder {name:?} is declared and used nowhere"));
    }
    let findings = check::check(profile, &Target::default(), SystemTime::now());
    for finding in findings.iter().filter(|finding| finding.severity >= Severity::Warning) {
        text::warning(&format!("{file}: {}", without_secrets(finding, template)));
    }
}

/// A finding about a value of a secret placeholder tells its code and its place only.
fn without_secrets(finding: &Finding, template: &Template) -> String {
    match template.is_secret_at(&finding.path) {
        true => format!("{}: {}: {REDACTED}", finding.code, finding.path),
        false => finding.to_string(),
    }
}
