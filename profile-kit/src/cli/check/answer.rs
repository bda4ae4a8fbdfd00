//! What is to be said of one file, in the form that was asked for.

use std::{path::Path, time::SystemTime};

use anstyle::{AnsiColor, Style};
use profile_kit::{
    DeviceError, Error, Inspection, Inspector, Target,
    check::{Finding, Severity},
    inspect::{Broken, Counts, Levels, Located, Part, Report},
};
use serde_json::{Value, json};

use super::{sarif, walk::Found};
use crate::cli::{
    files::{self, Input},
    outcome::{Exit, Failure, exit_of},
    text, verify,
};

/// What is asked of each file.
pub struct Question {
    pub target: Target,
    pub levels: Levels,
    pub at: SystemTime,
    pub form: Form,
}

/// How answers are written.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Form {
    Text,
    Json,
    Sarif,
}

/// What is to be said of one file.
#[derive(Default)]
pub struct Answer {
    /// Text, or entries of the list that the form has.
    pub items: Vec<String>,
    pub counts: Counts,
    pub exit: Exit,
    /// Why the file could not be read.
    pub unread: Option<String>,
    /// Whether it is about a file that was read.
    pub is_file: bool,
}

impl Question {
    /// Reads and checks a file.
    pub fn answer(&self, found: &Found, inspector: &mut Inspector<'_>) -> Answer {
        let path = match found {
            Found::File(path) => path,
            Found::Trouble(failure) => return self.unread(failure, None),
        };
        let input = match Input::read(path) {
            Ok(input) => input,
            Err(failure) => return self.unread(&failure, Some(path)),
        };
        match inspector.inspect(&input.bytes) {
            Ok(inspection) => self.checked(path, &input, inspection),
            Err(error) => self.broken(path, &input, &error),
        }
    }

    fn checked(&self, path: &Path, input: &Input, mut inspection: Inspection) -> Answer {
        self.levels.apply(&mut inspection.findings);
        let report = Report::new(&input.name, &inspection, &input.bytes, self.at);
        let counts = report.counts();
        let items = match self.form {
            Form::Text => vec![report.painted(&paint)],
            Form::Json => vec![text::safe_json(&self.json(&report, &inspection))],
            Form::Sarif => report.findings.iter().map(|located| sarif::result(path, located)).collect(),
        };
        let exit = if counts.errors > 0 { Exit::No } else { Exit::Yes };
        Answer { items, counts, exit, unread: None, is_file: true }
    }

    fn json(&self, report: &Report, inspection: &Inspection) -> Value {
        let found = inspection.verification.as_ref();
        json!({
            "file": report.file,
            "signed": found.is_some(),
            "verdict": found.map(|found| found.verdict().code()),
            "integrity": found.map(|found| found.integrity().code()),
            "digest": found.and_then(|found| found.signers.first()).map(|signer| &signer.digest),
            "days_left": inspection.days_left(self.at),
            "signature": found.map(verify::verification_json),
            "identifier": inspection.profile.identifier(),
            "encrypted": inspection.profile.is_encrypted(),
            "findings": report.findings.iter().map(finding_json).collect::<Vec<_>>(),
        })
    }

    fn broken(&self, path: &Path, input: &Input, error: &Error) -> Answer {
        let broken = Broken::new(error, &input.bytes);
        let item = match self.form {
            Form::Text => broken.painted(&input.name, &paint),
            Form::Json => text::safe_json(&broken_json(&input.name, &broken)),
            Form::Sarif => sarif::broken(path, &broken),
        };
        let counts = Counts { errors: 1, ..Counts::default() };
        Answer { items: vec![item], counts, exit: exit_of(error), unread: None, is_file: true }
    }

    /// SARIF tells it at its end.
    fn unread(&self, failure: &Failure, path: Option<&Path>) -> Answer {
        let items = match (self.form, path) {
            (Form::Json, Some(path)) => {
                let name = files::name(path, "standard input");
                vec![text::safe_json(&json!({"file": name, "error": failure.message}))]
            }
            (Form::Json, None) => vec![text::safe_json(&json!({"error": failure.message}))],
            _ => Vec::new(),
        };
        Answer { items, exit: failure.exit, unread: Some(failure.message.clone()), ..Answer::default() }
    }
}

fn finding_json(located: &Located) -> Value {
    let Finding { code, severity, path, message, .. } = &located.finding;
    json!({
        "code": code.word(),
        "severity": severity.to_string(),
        "path": path.to_string(),
        "line": located.position.map(|(line, _)| line),
        "column": located.position.map(|(_, column)| column),
        "message": message,
        "fact": code.fact().number(),
        "help": code.advice(),
        "device_error": located.finding.device_error().map(device_json),
    })
}

fn broken_json(name: &str, broken: &Broken) -> Value {
    json!({
        "file": name,
        "code": broken.word,
        "error": broken.message,
        "path": broken.place.path.as_ref().map(ToString::to_string),
        "line": broken.place.line.map(|(line, _)| line),
        "column": broken.place.line.map(|(_, column)| column),
        "offset": broken.place.offset,
        "in_signed_content": broken.in_signed_content,
        "device_error": broken.device.map(device_json),
    })
}

fn device_json(device: DeviceError) -> Value {
    json!({"domain": device.domain.to_string(), "code": device.number})
}

impl Form {
    /// What stands before all answers.
    pub fn head(self) -> String {
        match self {
            Form::Text => String::new(),
            Form::Json => "{\n  \"format\": 1,\n  \"results\": [".into(),
            Form::Sarif => sarif::head(),
        }
    }

    /// An entry of the list, after so many others.
    pub fn item(self, item: &str, others: usize) -> String {
        let indent = match self {
            Form::Text => return item.to_owned(),
            Form::Json => 4,
            Form::Sarif => sarif::INDENT,
        };
        let comma = if others == 0 { "" } else { "," };
        format!("{comma}\n{}", text::indented(item, indent))
    }

    /// What stands behind all answers.
    pub fn tail(self, items: usize, exit: Exit, unread: &[String]) -> String {
        match self {
            Form::Text => String::new(),
            Form::Json => format!("{}]\n}}\n", if items == 0 { "" } else { "\n  " }),
            Form::Sarif => sarif::tail(items, exit, unread),
        }
    }
}

/// Colours as compilers have them.
fn paint(part: Part, text: &str) -> String {
    let color = |severity| match severity {
        Severity::Error => AnsiColor::Red,
        Severity::Warning => AnsiColor::Yellow,
        Severity::Note => AnsiColor::Cyan,
    };
    let style = match part {
        Part::Place => Style::new().bold(),
        Part::Severity(severity) | Part::Mark(severity) => color(severity).on_default().bold(),
        Part::Margin => AnsiColor::Blue.on_default(),
        _ => return text.to_owned(),
    };
    format!("{style}{text}{style:#}")
}
