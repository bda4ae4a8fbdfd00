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
    template::Values,
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
    let input = Input::read(&args.spec)?;
    let template = template(&input, &args.spec)?;
    let values = values(&args.set)?;
    let source = match args.uuid {
        Uuids::Content => UuidSource::Content,
        Uuids::Random => UuidSource::Random,
    };
    let failed = |error| Failure::of(&input.name, &error);
    let profile = template.fill(&values, source).map_err(failed)?;
    tell(&input.name, &template, &profile);
    match args.format {
        Format::Xml => args.output.write(&profile.to_xml().map_err(failed)?, Content::Text)?,
        Format::Binary => args.output.write(&profile.to_binary().map_err(failed)?, Content::Binary)?,
    }
    Ok(Exit::Yes)
}

fn template(input: &Input, path: &Path) -> Result<Template, Failure> {
    let failed = |error| Failure::of(&input.name, &error);
    let text = std::str::from_utf8(&input.bytes).ok().map(|text| text.trim_start_matches('\u{feff}'));
    match text.filter(|text| !text.trim_start().starts_with('<') && !text.starts_with("bplist")) {
        Some(text) => spec::read(text).map_err(failed),
        _ => {
            let profile = Profile::from_bytes(&input.bytes).map_err(failed)?;
            Template::with_strings(&profile, declarations_beside(path)?).map_err(failed)
        }
    }
}

fn declarations_beside(path: &Path) -> Result<profile_kit::template::Declarations, Failure> {
    let beside = path.with_extension("toml");
    if beside == path || path == Path::new("-") || !beside.exists() {
        return Ok(profile_kit::template::Declarations::new());
    }
    let Input { name, bytes } = Input::read(&beside)?;
    let text = String::from_utf8(bytes).map_err(|_| Failure::usage(format!("{name}: is not UTF-8")))?;
    spec::read_placeholders(&text).map_err(|error| Failure::of(&name, &error))
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
