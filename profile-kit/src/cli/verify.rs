//! The verb `verify`.

use std::{
    fmt::Write as _,
    path::{Path, PathBuf},
    time::SystemTime,
};

use clap::ValueEnum;
use profile_kit::{
    At, Certificate, Error, Profile, Purpose, TrustStore, Verdict,
    verify::{self, SignerReport, Verification, Verifier, VerifyOptions},
};
use serde_json::{Value, json};

use super::{
    files::Input,
    outcome::{Exit, Failure},
    text,
};

/// Verify signed profiles: whether the signature holds, and whether its signer is trusted.
///
/// Exit status 1 where any file is not good. Verdicts are stable words, such as GoodSignature, DigestMismatch,
/// BadSignature, SigningCertNotTrusted, SigningCertExpired, NotSigned. Revocation is not asked.
#[derive(clap::Args)]
#[command(after_help = "Example:\n  profile-kit verify ivi-mdm.signed.mobileconfig --roots roots.pem")]
pub struct Args {
    /// The signed files; `-` is standard input.
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
    /// The roots that are trusted, PEM; the system's, unless given.
    #[arg(long, value_name = "PEM")]
    roots: Option<PathBuf>,
    /// When certificates must be valid: `now`, `signing-time`, or a time in RFC 3339.
    #[arg(long, value_name = "TIME", default_value = "now", value_parser = at)]
    at: At,
    /// What the signer's certificate must be for.
    #[arg(long, value_name = "NAME", value_enum, default_value_t)]
    purpose: PurposeName,
    /// Ask only whether the signature holds, not whom it comes from.
    #[arg(long, conflicts_with_all = ["roots", "at", "purpose"])]
    integrity_only: bool,
    /// How the answer is written.
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t)]
    format: ReportFormat,
}

/// How a report is written.
#[derive(Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum ReportFormat {
    #[default]
    Text,
    Json,
}

#[derive(Clone, Copy, Default, ValueEnum)]
enum PurposeName {
    #[default]
    Any,
    Smime,
    CodeSigning,
    TlsServer,
    TlsClient,
}

pub fn run(args: &Args) -> Result<Exit, Failure> {
    let store = store(args)?;
    let options =
        VerifyOptions { at: args.at, purpose: args.purpose.purpose(), ..VerifyOptions::new(SystemTime::now()) };
    let mut verifier = Verifier::new(store.as_ref(), options);
    let mut exit = Exit::Yes;
    let mut results = Vec::new();
    for path in &args.files {
        let answer = Answer::of(path, &mut verifier);
        exit = exit.max(answer.exit());
        match args.format {
            ReportFormat::Text => answer.tell()?,
            ReportFormat::Json => results.push(answer.json()),
        }
    }
    if args.format == ReportFormat::Json {
        text::print_json(&results)?;
    }
    Ok(exit)
}

fn store(args: &Args) -> Result<Option<TrustStore>, Failure> {
    let store = match &args.roots {
        _ if args.integrity_only => return Ok(None),
        Some(path) => roots(path),
        None => TrustStore::system().map_err(|error| {
            let failure = Failure::plain(&error);
            Failure::usage(format!("the system's roots cannot be read; name roots with --roots: {}", failure.message))
        }),
    };
    store.map(Some)
}

/// The roots of a PEM file.
pub fn roots(path: &Path) -> Result<TrustStore, Failure> {
    TrustStore::from_pem_file(path).map_err(|error| named(&path.display().to_string(), &error))
}

/// Roots that cannot be read keep the question from being asked.
fn named(file: &str, error: &Error) -> Failure {
    let failure = if matches!(error, Error::Io { .. }) { Failure::plain(error) } else { Failure::of(file, error) };
    Failure { exit: Exit::CouldNotAsk, ..failure }
}

/// What is to be said of one file.
struct Answer {
    name: String,
    found: Result<Verification, Failure>,
    /// Why the content is no profile.
    content: Option<Failure>,
    /// The word where there is nothing to verify.
    unverified: &'static str,
}

impl Answer {
    fn of(path: &Path, verifier: &mut Verifier<'_>) -> Self {
        let name = super::files::name(path, "standard input");
        let input = match Input::read(path) {
            Ok(input) => input,
            Err(failure) => return Self { name, found: Err(failure), content: None, unverified: "CouldNotRead" },
        };
        match verifier.verify(&input.bytes) {
            Err(error) => {
                let unverified = match error {
                    Error::NotSigned { .. } => Verdict::NotSigned.code(),
                    _ => "Malformed",
                };
                Self { found: Err(Failure::of(&name, &error)), name, content: None, unverified }
            }
            Ok(found) => {
                let read = found.content.as_deref().map(Profile::from_bytes).transpose();
                let content = read.err().map(|error| Failure::of(&format!("{name}: the signed content"), &error));
                Self { name, found: Ok(found), content, unverified: "" }
            }
        }
    }

    fn exit(&self) -> Exit {
        match &self.found {
            Err(failure) => failure.exit,
            Ok(found) if found.verdict().is_good() && self.content.is_none() => Exit::Yes,
            Ok(_) => Exit::No,
        }
    }

    fn verdict(&self) -> &'static str {
        self.found.as_ref().map_or(self.unverified, |found| found.verdict().code())
    }

    fn tell(&self) -> Result<(), Failure> {
        let bold = text::bold();
        let mut report = format!("{}: {bold}{}{bold:#}\n", text::escape(&self.name), self.verdict());
        match &self.found {
            Err(failure) => text::error(&failure.message),
            Ok(found) => {
                if let Some(problem) = found.problem() {
                    line(&mut report, "because", &problem);
                }
                describe(&mut report, found);
            }
        }
        if let Some(failure) = &self.content {
            text::error(&failure.message);
        }
        text::print(&report)
    }

    fn json(&self) -> Value {
        let found = match &self.found {
            Err(failure) => return json!({"file": self.name, "verdict": self.verdict(), "error": failure.message}),
            Ok(found) => found,
        };
        let mut result = json!({
            "file": self.name,
            "verdict": self.verdict(),
            "integrity": found.integrity().code(),
            "problem": found.problem(),
            "profile": self.content.is_none() && found.content.is_some(),
        });
        if let Some(failure) = &self.content {
            result["error"] = failure.message.clone().into();
        }
        merge(&mut result, verification_json(found));
        result
    }
}

fn merge(into: &mut Value, from: Value) {
    if let (Value::Object(into), Value::Object(from)) = (into, from) {
        into.extend(from);
    }
}

/// Signers and observations, a line each.
pub fn describe(report: &mut String, found: &Verification) {
    for signer in &found.signers {
        describe_signer(report, signer);
    }
    for observation in &found.observations {
        line(report, "note", &observation.to_string());
    }
}

fn describe_signer(report: &mut String, signer: &SignerReport) {
    if let Some(certificate) = &signer.certificate {
        line(report, "signer", &certificate.subject());
        line(report, "certificate", &format!("{}, sha256:{}", certificate.key_kind(), certificate.fingerprint()));
        line(report, "valid", &validity(certificate));
    }
    let issuers: Vec<_> = signer.chain.iter().skip(1).map(Certificate::subject).collect();
    if !issuers.is_empty() {
        line(report, "issued by", &issuers.join(" < "));
    }
    let time = signer.signing_time.map_or_else(|| "no signing time".into(), text::time);
    line(report, "signature", &format!("{}, {}, {time}", signer.digest, signer.signature_algorithm));
}

fn line(report: &mut String, label: &str, value: &str) {
    writeln!(report, "  {label}: {}", text::escape(value)).expect("a string takes any text");
}

fn validity(certificate: &Certificate) -> String {
    let shown = |time: Option<SystemTime>| time.map_or_else(|| "?".into(), text::time);
    format!("{} to {}", shown(certificate.not_before()), shown(certificate.not_after()))
}

/// Signers and observations for machines.
pub fn verification_json(found: &Verification) -> Value {
    let observation = |seen: &verify::Observation| json!({"code": seen.code.to_string(), "message": seen.message});
    json!({
        "signers": found.signers.iter().map(signer_json).collect::<Vec<_>>(),
        "observations": found.observations.iter().map(observation).collect::<Vec<_>>(),
    })
}

fn signer_json(signer: &SignerReport) -> Value {
    json!({
        "verdict": signer.verdict().code(),
        "integrity": signer.integrity.code(),
        "trust": signer.trust.as_ref().map(|trust| trust.verdict.code()),
        "certificate": signer.certificate.as_ref().map(certificate_json),
        "chain": signer.chain.iter().map(certificate_json).collect::<Vec<_>>(),
        "digest": signer.digest,
        "signature_algorithm": signer.signature_algorithm,
        "signing_time": signer.signing_time.map(text::time),
        "signed_attributes": signer.signed_attributes,
    })
}

fn certificate_json(certificate: &Certificate) -> Value {
    json!({
        "subject": certificate.subject(),
        "issuer": certificate.issuer(),
        "serial": certificate.serial(),
        "sha256": certificate.fingerprint(),
        "key": certificate.key_kind().to_string(),
        "not_before": certificate.not_before().map(text::time),
        "not_after": certificate.not_after().map(text::time),
    })
}

fn at(text: &str) -> Result<At, String> {
    match text {
        "now" => Ok(At::Now),
        "signing-time" => Ok(At::SigningTime),
        time => text::parse_time(time).map(At::Time),
    }
}

impl PurposeName {
    fn purpose(self) -> Purpose {
        match self {
            PurposeName::Any => Purpose::Any,
            PurposeName::Smime => Purpose::Smime,
            PurposeName::CodeSigning => Purpose::CodeSigning,
            PurposeName::TlsServer => Purpose::TlsServer,
            PurposeName::TlsClient => Purpose::TlsClient,
        }
    }
}
