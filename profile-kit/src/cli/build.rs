//! The verb `build`.

use std::{
    path::{Path, PathBuf},
    time::SystemTime,
};

use clap::ValueEnum;
use profile_kit::{
    Profile, Template, UuidSource,
    check::{self, Severity},
    spec,
    template::Values,
};

use super::{
    files::{Content, Input, Output},
    outcome::{Exit, Failure},
    redact::REDACTED,
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
    let input = Input::read(&args.spec)?;
    let template = template(&input, &args.spec)?;
    let values = values(&args.set)?;
    let source = match args.uuid {
        Uuids::Content => UuidSource::Content,
        Uuids::Random => UuidSource::Random,
    };
    let failed = |error| Failure::of(&input.name, &error);
    let profile = template.fill(&values, source).map_err(failed)?;
    tell(&input.name, &template, &values, &profile);
    match args.format {
        Format::Xml => args.output.write(&profile.to_xml().map_err(failed)?, Content::Text)?,
        Format::Binary => args.output.write(&profile.to_binary().map_err(failed)?, Content::Binary)?,
    }
    Ok(Exit::Yes)
}

fn template(input: &Input, path: &Path) -> Result<Template, Failure> {
    let failed = |error| Failure::of(&input.name, &error);
    match std::str::from_utf8(&input.bytes).ok().filter(|text| !text.trim_start().starts_with(['<', '\u{feff}'])) {
        Some(text) if !text.starts_with("bplist") => spec::read(text).map_err(failed),
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

fn tell(file: &str, template: &Template, values: &Values, profile: &Profile) {
    for name in template.unused() {
        text::note(&format!("{file}: placeholder {name:?} is declared and used nowhere"));
    }
    let findings = check::check(profile, SystemTime::now());
    for finding in findings.iter().filter(|finding| finding.severity() >= Severity::Warning) {
        text::warning(&format!("{file}: {}", without_secrets(finding.to_string(), template, values)));
    }
}

/// A sentence in which no value of a secret placeholder stands.
fn without_secrets(mut sentence: String, template: &Template, values: &Values) -> String {
    for (name, placeholder) in template.placeholders().iter().filter(|(_, placeholder)| placeholder.secret) {
        let given = values.get(name).or(placeholder.default.as_ref()).filter(|value| !value.is_empty());
        if let Some(value) = given {
            sentence = sentence.replace(value.as_str(), REDACTED);
        }
    }
    sentence
}
