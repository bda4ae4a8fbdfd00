//! Reading a spec, and making sure that what it makes can be freed again.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    time::SystemTime,
};

use profile_kit::{
    Overwrite, Profile, Target, Template,
    check::{self, Finding, Severity},
    spec,
    template::{Declarations, Kind, Placeholder},
};
use serde_json::{Map, Value};
use uuid::Uuid;

use super::{NOT_LOCKED, Spec, is_locked, serious};
use crate::{
    Digest, Refusal,
    config::{ConfigError, Place, SpecConfig, read_public},
    refusal::ParameterProblem,
};

/// A spec, and what is worth knowing of it.
///
/// # Errors
/// Everything that is wrong with it.
pub(super) fn spec(config: &SpecConfig, at: SystemTime) -> Result<(Spec, Vec<ConfigError>), Vec<ConfigError>> {
    let files = Files::read(config).map_err(|error| vec![error])?;
    let template = files.template()?;
    let errors = misnamed(config, &template);
    if !errors.is_empty() {
        return Err(errors);
    }
    let mut spec = Spec {
        name: config.name.as_str().into(),
        identity: config.identity.clone(),
        digest: files.digest(),
        identifier: String::new(),
        allowed: allowed(config, &template),
        secret: template.placeholders().iter().filter(|(_, it)| it.secret).map(|(name, _)| name.clone()).collect(),
        template,
    };
    let profile = spec.profile(&example(&spec, config), Uuid::nil()).map_err(|refusal| unfilled(refusal, config))?;
    spec.identifier = profile.identifier().to_owned();
    let (errors, warnings) = findings(&spec, &profile, config, at);
    if errors.is_empty() { Ok((spec, warnings)) } else { Err(errors) }
}

/// The bytes of a spec, and of the declarations beside a `.mobileconfig`.
struct Files {
    path: PathBuf,
    bytes: Vec<u8>,
    declarations: Option<(PathBuf, Vec<u8>)>,
}

impl Files {
    fn read(config: &SpecConfig) -> Result<Self, ConfigError> {
        let path = config.file.clone();
        let bytes = read_public(&config.place.key("file"), &path)?;
        let beside = path.with_extension("toml");
        let declarations = match toml(&bytes).is_none() && beside != path && beside.exists() {
            true => Some((beside.clone(), read_public(&config.place.key("file"), &beside)?)),
            false => None,
        };
        Ok(Self { path, bytes, declarations })
    }

    fn digest(&self) -> Digest {
        match &self.declarations {
            Some((_, declarations)) => Digest::of_parts(&[&self.bytes, declarations]),
            None => Digest::of_parts(&[&self.bytes]),
        }
    }

    fn template(&self) -> Result<Template, Vec<ConfigError>> {
        let wrong = |error| problems(&self.path, error);
        if let Some(text) = toml(&self.bytes) {
            return spec::read(text).map_err(wrong);
        }
        let profile = Profile::from_bytes(&self.bytes).map_err(wrong)?;
        Template::with_strings(&profile, self.declared()?).map_err(wrong)
    }

    fn declared(&self) -> Result<Declarations, Vec<ConfigError>> {
        let Some((path, bytes)) = &self.declarations else { return Ok(Declarations::new()) };
        let not_text = |_| vec![ConfigError::new(Place::file(path), "is not UTF-8")];
        let text = std::str::from_utf8(bytes).map_err(not_text)?;
        spec::read_placeholders(text).map_err(|error| problems(path, error))
    }
}

/// The text of a file that is no property list.
fn toml(bytes: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(bytes).ok()?.trim_start_matches('\u{feff}');
    (!text.trim_start().starts_with('<') && !text.starts_with("bplist")).then_some(text)
}

/// What profile-kit says of a file, as errors at its places.
fn problems(file: &Path, error: profile_kit::Error) -> Vec<ConfigError> {
    let whole = Place::file(file);
    match error {
        profile_kit::Error::Spec { place, problem } => {
            let key = place.path.map(|path| path.to_string()).unwrap_or_default();
            vec![ConfigError::new(Place { line: place.line, key, ..whole }, problem)]
        }
        profile_kit::Error::Placeholders { problems, more } => {
            let more = (more > 0).then(|| format!("and {more} more placeholders"));
            let sentences = problems.iter().map(ToString::to_string).chain(more);
            sentences.map(|sentence| ConfigError::new(whole.clone(), sentence)).collect()
        }
        other => vec![ConfigError::of(whole, other)],
    }
}

/// Names in the configuration that the spec does not know, and placeholders that nobody could fill.
fn misnamed(config: &SpecConfig, template: &Template) -> Vec<ConfigError> {
    let (declared, unused, allowed) = (template.placeholders(), template.unused(), allowed(config, template));
    let mut errors = Vec::new();
    let mut wrong = |key: &str, problem: String| errors.push(ConfigError::new(config.place.key(key), problem));
    for name in config.parameters.iter().flatten() {
        match declared.contains_key(name) {
            false => wrong("parameters", format!("the spec has no placeholder {name:?}")),
            true if unused.contains(&name.as_str()) => {
                wrong("parameters", format!("placeholder {name:?} is used nowhere in the profile"));
            }
            true => {}
        }
    }
    for name in config.example.keys().filter(|name| !allowed.contains_key(*name)) {
        wrong("example", format!("{name:?} is none of the spec's parameters"));
    }
    for (name, _) in declared.iter().filter(|(name, it)| it.default.is_none() && !allowed.contains_key(*name)) {
        wrong("parameters", format!("placeholder {name:?} has no default, and no caller may fill it"));
    }
    errors
}

/// What callers may fill: what the configuration lists, or all that the profile uses.
fn allowed(config: &SpecConfig, template: &Template) -> Declarations {
    let unused = template.unused();
    let may = |name: &String| match &config.parameters {
        Some(listed) => listed.contains(name),
        None => !unused.contains(&name.as_str()),
    };
    let hidden = |placeholder: &Placeholder| Placeholder { secret: true, ..placeholder.clone() };
    let placeholders = template.placeholders().iter().filter(|(name, _)| may(name));
    placeholders.map(|(name, placeholder)| (name.clone(), hidden(placeholder))).collect()
}

/// Values to check the spec with.
fn example(spec: &Spec, config: &SpecConfig) -> Map<String, Value> {
    let mut example: BTreeMap<String, Value> = config.example.clone();
    for (name, placeholder) in spec.allowed.iter().filter(|(_, it)| it.default.is_none()) {
        example.entry(name.clone()).or_insert_with(|| any_value(placeholder.kind));
    }
    example.into_iter().collect()
}

/// A value of the kind that is seldom out of place.
fn any_value(kind: Kind) -> Value {
    match kind {
        Kind::String => "example".into(),
        Kind::Integer => 1.into(),
        Kind::Real => 1.5.into(),
        Kind::Boolean => true.into(),
        Kind::Date => "9000-01-01T00:00:00Z".into(),
        Kind::Data => "AA==".into(),
    }
}

/// Why no profile came out of the example values.
fn unfilled(refusal: Refusal, config: &SpecConfig) -> Vec<ConfigError> {
    let place = config.place.key("example");
    let Refusal::InvalidParameters { problems } = refusal else {
        return vec![ConfigError::new(place, refusal.detail())];
    };
    let sentence = |name: &str, problem: &str| match config.example.contains_key(name) {
        true => problem.to_owned(),
        false => format!("is missing: it has no default, and an example made up for its type {problem}"),
    };
    let error = |it: ParameterProblem| ConfigError::new(place.key(&it.name), sentence(&it.name, &it.problem));
    problems.into_iter().map(error).collect()
}

/// What is wrong with the profile, and what is worth knowing of it.
fn findings(
    spec: &Spec,
    profile: &Profile,
    config: &SpecConfig,
    at: SystemTime,
) -> (Vec<ConfigError>, Vec<ConfigError>) {
    let error = |problem: String| ConfigError::new(Place::file(&config.file), problem);
    let told = |finding: &Finding| error(shown(finding, &spec.template));
    let mut errors: Vec<_> = serious(profile, at).iter().map(told).collect();
    if !is_locked(profile) {
        errors.push(error(format!(
            "{NOT_LOCKED}: the profile is not locked: there would be nothing to free a device of"
        )));
    }
    match Overwrite::of_unsigned(profile).build_at(at) {
        Err(cause) => errors.push(ConfigError::of(Place::file(&config.file), cause)),
        Ok(overwrite) => {
            let faults = overwrite.faults().iter().filter(|finding| finding.severity == Severity::Error).map(told);
            let new: Vec<_> = faults.filter(|fault| !errors.iter().any(|it| it.problem == fault.problem)).collect();
            errors.extend(new);
        }
    }
    let all = check::check(profile, &Target::default(), at);
    let warnings = all.iter().filter(|finding| finding.severity == Severity::Warning).map(told).collect();
    (errors, warnings)
}

/// A finding about a value of a secret placeholder tells its code and its place only.
fn shown(finding: &Finding, template: &Template) -> String {
    match template.is_secret_at(&finding.path) {
        true => format!("{}: {}: [redacted]", finding.code, finding.path),
        false => template.explained(finding.clone()).to_string(),
    }
}
