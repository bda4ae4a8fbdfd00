//! The verb `diff`.

use std::{fmt::Write, path::PathBuf};

use plist::Value;
use profile_kit::{KeyPath, Step, diff, redact};

use super::{
    files::Input,
    outcome::{Exit, Failure},
    text,
};

/// Tell what differs between two profiles, signed or not. Exit status 1 where anything does.
///
/// Payloads are matched by identifier and type, else by UUID; the order of keys and payloads is not compared.
#[derive(clap::Args)]
#[command(after_help = "Example:\n  profile-kit diff ivi-mdm.signed.mobileconfig overwrite.signed.mobileconfig")]
pub struct Args {
    /// The first profile; `-` is standard input.
    #[arg(value_name = "A")]
    old: PathBuf,
    /// The second profile.
    #[arg(value_name = "B")]
    new: PathBuf,
}

pub fn run(args: &Args) -> Result<Exit, Failure> {
    let (old, new) = (super::show::read(&Input::read(&args.old)?)?, super::show::read(&Input::read(&args.new)?)?);
    let mut report = String::new();
    if old.leaf != new.leaf {
        line(&mut report, '-', "signer", &old.signer());
        line(&mut report, '+', "signer", &new.signer());
    }
    for difference in diff::diff(&old.profile, &new.profile) {
        let path = difference.path.to_string();
        for (mark, value) in [('-', &difference.old), ('+', &difference.new)] {
            if let Some(value) = value {
                line(&mut report, mark, &path, &shown(&difference.path, value, difference.is_secret));
            }
        }
    }
    text::print(&report)?;
    Ok(if report.is_empty() { Exit::Yes } else { Exit::No })
}

fn line(report: &mut String, mark: char, path: &str, value: &str) {
    writeln!(report, "{mark} {path}: {value}").expect("a string takes any text");
}

fn shown(path: &KeyPath, value: &Value, secret: bool) -> String {
    match (path.0.last(), value) {
        _ if secret && !redact::is_harmless(value) => redact::REDACTED.into(),
        _ if redact::holds_secret(value) => redact::REDACTED.into(),
        (Some(Step::Index(_)), Value::Dictionary(payload)) if payload.contains_key("PayloadType") => {
            let kind = payload.get("PayloadType").and_then(Value::as_string).unwrap_or("?");
            format!("payload {}", text::quoted(kind))
        }
        (_, Value::String(inner)) => text::quoted(&redact::without_user(inner)),
        (_, value) => text::value(value),
    }
}
