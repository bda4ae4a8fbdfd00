//! The verb `show`.

use std::{fmt::Write as _, path::PathBuf, time::SystemTime};

use plist::{Dictionary, Value};
use profile_kit::{
    Form, Inspection, Profile, Removal, Target,
    check::Code,
    redact::{self, Scope},
};
use serde_json::json;

use super::{
    files::{self, Input},
    outcome::{Exit, Failure},
    text,
    verify::{self, ReportFormat},
};

/// Show what is in a profile, signed or not, and what a check says of it. Passwords are redacted.
///
/// Tells whether the signature holds, not whether its signer is trusted: that is `verify`.
#[derive(clap::Args)]
#[command(after_help = "Example:\n  profile-kit show ivi-mdm.signed.mobileconfig")]
pub struct Args {
    /// The file; `-` is standard input.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// How the answer is written.
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t)]
    format: ReportFormat,
}

pub fn run(args: &Args) -> Result<Exit, Failure> {
    let name = files::name(&args.file, "standard input");
    let inspection = match Input::read(&args.file).and_then(|input| inspect(&input)) {
        Err(failure) if args.format == ReportFormat::Json => {
            text::print_json(&[json!({"file": name, "error": failure.message})])?;
            return Ok(failure.exit);
        }
        inspected => inspected?,
    };
    match args.format {
        ReportFormat::Text => text::print(&report(&name, &inspection))?,
        ReportFormat::Json => text::print_json(&[json(&name, &inspection)])?,
    }
    let intact = inspection.verification.is_none_or(|found| found.integrity().is_good());
    Ok(if intact { Exit::Yes } else { Exit::No })
}

fn inspect(input: &Input) -> Result<Inspection, Failure> {
    Inspection::of(&input.bytes, &Target::default(), SystemTime::now())
        .map_err(|error| Failure::of(&input.name, &error))
}

/// A profile from a file, signed or not.
pub struct ProfileFile {
    pub profile: Profile,
    /// SHA-256 of the signer's certificate, where it is signed.
    pub leaf: Option<String>,
}

impl ProfileFile {
    /// The signer for a report.
    pub fn signer(&self) -> String {
        self.leaf.as_ref().map_or_else(|| "none".into(), |leaf| format!("certificate sha256:{leaf}"))
    }
}

/// Reads a profile; a signature that does not hold is a failure.
pub fn read(input: &Input) -> Result<ProfileFile, Failure> {
    let inspection = inspect(input)?;
    let Some(found) = inspection.verification else {
        return Ok(ProfileFile { profile: inspection.profile, leaf: None });
    };
    if !found.integrity().is_good() {
        let problem = found.problem().unwrap_or_default();
        let message = format!("{}: {}: {problem}", input.name, found.integrity());
        return Err(Failure { exit: Exit::No, message });
    }
    let leaf = found.signers.first().and_then(|signer| signer.certificate.as_ref());
    Ok(ProfileFile { profile: inspection.profile, leaf: leaf.map(profile_kit::Certificate::fingerprint) })
}

fn report(name: &str, inspection: &Inspection) -> String {
    let (bold, profile) = (text::bold(), &inspection.profile);
    let mut report = format!("{}: {bold}{}{bold:#}\n", text::escape(name), kind(inspection));
    if let Some(found) = &inspection.verification {
        let problem = found.problem().map(|problem| format!(": {problem}")).unwrap_or_default();
        line(&mut report, 1, "integrity", &format!("{}{}", found.integrity(), text::escape(&problem)));
        verify::describe(&mut report, found);
    }
    line(&mut report, 1, "removal", removal(profile));
    for (key, value) in &top(profile) {
        tree(&mut report, 1, key, value);
    }
    for (index, payload) in profile.payloads().iter().enumerate() {
        let kind = text::escape(payload.kind().unwrap_or("no PayloadType"));
        writeln!(report, "  {bold}payload {index}: {kind}{bold:#}").expect(TAKES_ANY);
        for (key, value) in redact::dictionary(payload.entries(), Scope::of(payload)) {
            if key != "PayloadType" {
                tree(&mut report, 2, &key, &value);
            }
        }
    }
    for finding in inspection.findings.iter().filter(|finding| !TOLD_WITH_THE_SIGNATURE.contains(&finding.code)) {
        line(&mut report, 1, &finding.severity.to_string(), &text::escape(&finding.to_string()));
    }
    report
}

fn kind(inspection: &Inspection) -> String {
    let form = match inspection.form {
        Form::BinaryPlist => "binary",
        _ => "XML",
    };
    let signed = if inspection.verification.is_some() { "signed" } else { "unsigned" };
    let encrypted = if inspection.profile.is_encrypted() { ", encrypted" } else { "" };
    format!("configuration profile, {signed}{encrypted}, {form} property list")
}

fn removal(profile: &Profile) -> &'static str {
    if profile.is_encrypted() {
        return match profile.removal() {
            Removal::Allowed => "not locked by its flag; a removal password may be among the encrypted payloads",
            _ => "locked by its flag; a removal password may be among the encrypted payloads",
        };
    }
    match profile.removal() {
        Removal::Allowed => "the owner can delete it",
        Removal::AllowedEmptyPassword => "the owner can delete it; its removal password is empty",
        Removal::Disallowed => "the owner cannot delete it",
        Removal::Password(password) if password.is_empty() => {
            "locked, and its removal password is empty: a contradiction"
        }
        Removal::Password(_) => "the owner can delete it with its removal password",
    }
}

/// The same in a word for machines.
fn removal_word(profile: &Profile) -> &'static str {
    match (profile.removal(), profile.is_encrypted()) {
        (Removal::Allowed, true) => "allowed-by-flag",
        (_, true) => "disallowed-by-flag",
        (Removal::Allowed, false) => "allowed",
        (Removal::AllowedEmptyPassword, false) => "allowed-empty-password",
        (Removal::Disallowed, false) => "disallowed",
        (Removal::Password(_), false) => "password",
    }
}

/// The top-level keys, the payloads aside.
fn top(profile: &Profile) -> Dictionary {
    let mut top = redact::dictionary(&profile.to_dictionary(), Scope::UNKNOWN);
    top.retain(|key, _| key != "PayloadContent");
    top
}

fn tree(report: &mut String, depth: usize, key: &str, value: &Value) {
    let shown = text::escape(key);
    match value {
        Value::Dictionary(inner) if !inner.is_empty() => {
            writeln!(report, "{:width$}{shown}:", "", width = indent(depth)).expect(TAKES_ANY);
            inner.iter().for_each(|(key, value)| tree(report, depth + 1, key, value));
        }
        Value::Array(items) if !items.is_empty() => {
            for (index, item) in items.iter().enumerate() {
                let shown = if key.len() > LONGEST_LABEL { "…" } else { key };
                tree(report, depth, &format!("{shown}[{index}]"), item);
            }
        }
        value => line(report, depth, &shown, &text::value(value)),
    }
}

fn line(report: &mut String, depth: usize, label: &str, value: &str) {
    writeln!(report, "{:indent$}{label}: {value}", "", indent = indent(depth)).expect(TAKES_ANY);
}

/// Bounded, or a deep file of a few megabytes would make a report of a thousand times its size.
fn indent(depth: usize) -> usize {
    2 * depth.min(DEEPEST_INDENT)
}

fn json(name: &str, inspection: &Inspection) -> serde_json::Value {
    let profile = &inspection.profile;
    let finding = |finding: &profile_kit::check::Finding| {
        json!({
            "code": finding.code.word(),
            "severity": finding.severity.to_string(),
            "path": finding.path.to_string(),
            "message": finding.message,
        })
    };
    let payloads = profile.payloads().iter();
    let payloads = payloads.map(|payload| tagged(&redact::dictionary(payload.entries(), Scope::of(payload))));
    json!({
        "file": name,
        "signed": inspection.verification.is_some(),
        "integrity": inspection.verification.as_ref().map(|found| found.integrity().code()),
        "signature": inspection.verification.as_ref().map(verify::verification_json),
        "identifier": profile.identifier(),
        "uuid": profile.uuid(),
        "encrypted": profile.is_encrypted(),
        "removal": removal_word(profile),
        "profile": tagged(&top(profile)),
        "payloads": payloads.collect::<Vec<_>>(),
        "findings": inspection.findings.iter().map(finding).collect::<Vec<_>>(),
    })
}

/// A dictionary as JSON; data and dates as a spec writes them.
fn tagged(dictionary: &Dictionary) -> serde_json::Value {
    let entry = |(key, value): (&String, &Value)| (key.clone(), tagged_value(value));
    dictionary.iter().map(entry).collect::<serde_json::Map<_, _>>().into()
}

fn tagged_value(value: &Value) -> serde_json::Value {
    match value {
        Value::Dictionary(inner) => tagged(inner),
        Value::Array(items) => items.iter().map(tagged_value).collect(),
        Value::String(text) => json!(text),
        Value::Boolean(flag) => json!(flag),
        Value::Integer(number) => match (number.as_signed(), number.as_unsigned()) {
            (Some(number), _) => json!(number),
            (None, number) => json!(number),
        },
        Value::Real(number) => json!(number),
        Value::Date(date) => json!({"date": date.to_xml_format()}),
        Value::Data(bytes) => {
            json!({"data": base64::Engine::encode(&base64::engine::general_purpose::STANDARD, bytes)})
        }
        _ => serde_json::Value::Null,
    }
}

/// Findings that repeat the signature's integrity and observations.
const TOLD_WITH_THE_SIGNATURE: &[Code] = &[
    Code::SignatureBroken,
    Code::SeveralSigners,
    Code::WeakDigest,
    Code::WeakSignerKey,
    Code::SignerUnfit,
    Code::SignatureForm,
];
const DEEPEST_INDENT: usize = 40;
const LONGEST_LABEL: usize = 400;
const TAKES_ANY: &str = "a string takes any text";
