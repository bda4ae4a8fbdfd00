//! What a check says of a file, as people read it: like a compiler's messages.

use std::{fmt, time::SystemTime};

use super::{Excerpt, Inspection, excerpt::Text};
use crate::{
    Certificate, DeviceError, Error, Form, Place,
    check::{Finding, Severity},
    document,
    error::add_causes,
    redact::escape,
    verify::{self, Verification},
};

/// What there is to say of one file.
///
/// It shows as a compiler's messages do: place, severity, code and sentence in a line that editors and code hosts find;
/// then the line of the file with a mark, the fact behind it, what to do, and the device's own error where it is known.
/// Nothing from the file reaches a terminal unescaped, and no secret is shown.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Report {
    /// The file's name.
    pub file: String,
    /// Verdict, digest, chain and days until its end, in one sentence; `None` where the file is not signed.
    pub signature: Option<String>,
    /// The findings in the order of their places; those about the whole file first.
    pub findings: Vec<Located>,
}

/// A finding and its place in a file.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Located {
    /// The finding.
    pub finding: Finding,
    /// Line and column, both from 1, the column in characters. `None` for a binary property list, and for what is about
    /// the whole file.
    pub position: Option<(usize, usize)>,
    /// Whether that is a place in the content of a signed file.
    pub in_signed_content: bool,
    /// The line itself.
    pub excerpt: Option<Excerpt>,
}

/// Why a file could not be checked, and its place in it.
///
/// Of a broken file no line is shown: what is secret in it nobody knows.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Broken {
    /// A stable word, one of [`WORDS`](Broken::WORDS).
    pub word: &'static str,
    /// The place, as much as is known of it.
    pub place: Place,
    /// Whether that is a place in the content of a signed file.
    pub in_signed_content: bool,
    /// One sentence.
    pub message: String,
    /// The device's own error, where one is known for it.
    pub device: Option<DeviceError>,
}

/// How many findings there are of each severity.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// The errors.
    pub errors: usize,
    /// The warnings.
    pub warnings: usize,
    /// The notes.
    pub notes: usize,
}

/// Makes what a part of a message is printed as.
pub type Paint<'a> = dyn Fn(Part, &str) -> String + 'a;

/// A part of a message that may have a colour of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Part {
    /// File, line and column.
    Place,
    /// Severity and code.
    Severity(Severity),
    /// The sentence.
    Sentence,
    /// The marks below a line.
    Mark(Severity),
    /// What is beside the line and before the further sentences.
    Margin,
}

impl Report {
    /// Of a file and what was found; `bytes` are the file's, `at` the moment that was asked about.
    pub fn new(file: impl Into<String>, inspection: &Inspection, bytes: &[u8], at: SystemTime) -> Self {
        let signed = inspection.verification.as_ref();
        let content = signed.map_or(Some(bytes), |found| found.content.as_deref());
        // The second look at the text is for those who have something to be shown.
        let placed = inspection.findings.iter().any(|finding| !finding.path.0.is_empty());
        let text = content.filter(|_| placed).and_then(|content| Text::of(content, &inspection.profile));
        let located = |finding: &Finding| {
            let (position, excerpt) = text.as_ref().and_then(|text| text.locate(finding)).unzip();
            Located { finding: finding.clone(), position, in_signed_content: signed.is_some(), excerpt }
        };
        let mut findings: Vec<Located> = inspection.findings.iter().map(located).collect();
        findings.sort_by_key(|located| located.position);
        let signature = signed.map(|found| summary(found, inspection.days_left(at)));
        Self { file: file.into(), signature, findings }
    }

    /// How many findings there are, those that are not told included.
    pub fn counts(&self) -> Counts {
        let mut counts = Counts::default();
        self.findings.iter().for_each(|located| counts.add(&located.finding));
        counts
    }

    /// The text, each part as `paint` makes it.
    pub fn painted(&self, paint: &Paint<'_>) -> String {
        let mut text = String::new();
        if let Some(signature) = &self.signature {
            text += &format!("{} {}\n", paint(Part::Place, &format!("{}:", escape(&self.file))), escape(signature));
        }
        self.findings.iter().for_each(|located| text += &located.painted(&self.file, paint));
        text
    }
}

/// Without colours.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.painted(&|_, text| text.to_owned()))
    }
}

impl Located {
    fn painted(&self, file: &str, paint: &Paint<'_>) -> String {
        let Finding { code, severity, path, message, .. } = &self.finding;
        let sentence = if path.0.is_empty() { message.clone() } else { format!("{path}: {message}") };
        let place = place(file, self.position, self.in_signed_content);
        let mut text = head(&place, *severity, code.word(), &sentence, paint);
        // As wide as the number of the line.
        let width = self.position.map_or(0, |(line, _)| line.to_string().len());
        if let Some(excerpt) = &self.excerpt {
            text += &excerpt.painted(width, *severity, paint);
        }
        let mut further = |label: &str, sentence: &str| {
            let label = paint(Part::Margin, &format!("{:>width$} = {label}:", ""));
            text += &format!("{label} {}\n", escape(sentence));
        };
        further("fact", &format!("{}: {}", code.fact(), code.fact().statement()));
        further("help", code.advice());
        if let Some(device) = self.finding.device_error() {
            further("device", &device.to_string());
        }
        text
    }
}

impl Excerpt {
    fn painted(&self, width: usize, severity: Severity, paint: &Paint<'_>) -> String {
        let line =
            |label: &str, shown: &str| format!("{} {shown}\n", paint(Part::Margin, &format!("{label:>width$} |")));
        let key = self.key.as_ref().map(|(number, key)| line(&number.to_string(), key));
        let mark = paint(Part::Mark(severity), &"^".repeat(self.width));
        let mark = line("", &format!("{}{mark}", " ".repeat(self.before)));
        key.unwrap_or_default() + &line(&self.line.to_string(), &self.text) + &mark
    }
}

impl Broken {
    /// What keeps a file from being checked, with its meaning.
    pub const WORDS: &'static [(&'static str, &'static str)] = &[
        ("Malformed", "The file is neither a property list nor a signed file, or a broken one."),
        ("NotAProfile", "The property list is not a configuration profile."),
        ("NotSigned", "The file has the form of a signature, without the profile."),
        ("Unchecked", "The file could not be checked."),
    ];

    /// Of an error that [`Inspector::inspect`](super::Inspector::inspect) gave for these bytes.
    pub fn new(error: &Error, bytes: &[u8]) -> Self {
        let (word, place, problem, device) = match error {
            Error::Malformed { place, problem, .. } => ("Malformed", place.clone(), problem.clone(), None),
            Error::TooDeep { place, levels, .. } => {
                let problem = format!("nested deeper than the {levels} levels that are allowed");
                ("Malformed", place.clone(), problem, None)
            }
            Error::NotAProfile { place, problem, device } => ("NotAProfile", place.clone(), problem.clone(), *device),
            Error::NotSigned { .. } => ("NotSigned", Place::whole(), error.to_string(), None),
            _ => ("Unchecked", Place::whole(), error.to_string(), None),
        };
        let signed = document::looks_signed(bytes).then(|| verify::content(bytes).ok()).flatten();
        let of_content = !matches!(error, Error::Malformed { form: Form::Cms, .. } | Error::NotSigned { .. });
        let in_signed_content = signed.is_some() && of_content;
        let content = signed.as_deref().filter(|_| in_signed_content).unwrap_or(bytes);
        Self { word, place: found(place, content), in_signed_content, message: add_causes(problem, error), device }
    }

    /// The text, each part as `paint` makes it.
    pub fn painted(&self, file: &str, paint: &Paint<'_>) -> String {
        let rest = Place { line: None, ..self.place.clone() };
        let sentence = format!("{rest}{}", self.message);
        let place = place(file, self.place.line, self.in_signed_content);
        let head = head(&place, Severity::Error, self.word, &sentence, paint);
        let device = self.device.map(|device| format!("{} {device}\n", paint(Part::Margin, " = device:")));
        head + &device.unwrap_or_default()
    }
}

/// The line of a key path, where only that is known.
fn found(place: Place, content: &[u8]) -> Place {
    let path = place.path.as_ref().filter(|_| place.line.is_none());
    let line = path.and_then(|path| document::positions(content).ok()?.nearest(path));
    Place { line: place.line.or(line), ..place }
}

impl Counts {
    /// As many more as a finding stands for.
    pub fn add(&mut self, finding: &Finding) {
        match finding.severity {
            Severity::Error => self.errors += finding.count,
            Severity::Warning => self.warnings += finding.count,
            Severity::Note => self.notes += finding.count,
        }
    }
}

impl std::ops::AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.errors += other.errors;
        self.warnings += other.warnings;
        self.notes += other.notes;
    }
}

/// `1 error, 3 warnings`; `no findings`.
impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let each = [(self.errors, "error"), (self.warnings, "warning"), (self.notes, "note")];
        let mut separator = "";
        for (count, word) in each.into_iter().filter(|(count, _)| *count > 0) {
            write!(f, "{separator}{count} {word}{}", if count == 1 { "" } else { "s" })?;
            separator = ", ";
        }
        if separator.is_empty() { f.write_str("no findings") } else { Ok(()) }
    }
}

/// `file:12:3:`, as editors find it; a line of a signed file's content is not one of the file.
fn place(file: &str, position: Option<(usize, usize)>, in_signed_content: bool) -> String {
    let file = escape(file);
    match position {
        Some((line, column)) if in_signed_content => {
            format!("{file}: in the signed content, line {line}, column {column}:")
        }
        Some((line, column)) => format!("{file}:{line}:{column}:"),
        None => format!("{file}:"),
    }
}

/// `file:12:3: warning[UnknownKey]: sentence`.
fn head(place: &str, severity: Severity, word: &str, sentence: &str, paint: &Paint<'_>) -> String {
    let word = paint(Part::Severity(severity), &format!("{severity}[{word}]:"));
    format!("{} {word} {}\n", paint(Part::Place, place), paint(Part::Sentence, &escape(sentence)))
}

/// `GoodSignature (trust not asked), SHA-256, CN=Signer < CN=Root, 364 days left`.
fn summary(found: &Verification, days_left: Option<i64>) -> String {
    let asked = found.signers.iter().any(|signer| signer.trust.is_some());
    let aside = if found.integrity().is_good() && !asked { " (trust not asked)" } else { "" };
    let mut parts = vec![format!("{}{aside}", found.verdict())];
    for signer in &found.signers {
        parts.push(signer.digest.clone());
        let chain: Vec<String> = signer.chain.iter().map(Certificate::subject).collect();
        if !chain.is_empty() {
            parts.push(chain.join(" < "));
        }
    }
    parts.extend(days_left.map(|days| match days {
        1 => "1 day left".into(),
        days if days < 0 => "ended".into(),
        days => format!("{days} days left"),
    }));
    parts.join(", ")
}
