//! Filling and signing.

use std::{borrow::Cow, sync::Arc};

use base64::{Engine, engine::general_purpose::STANDARD};

use super::{checked::Checked, rows::Job};
use crate::{
    Certificate, ContentCipher, Digest, Error, Profile, Result, SignOptions, Signable, Signer, Target, Template,
    UuidSource,
    batch::{
        Batch, Options,
        manifest::{self, Failed, Made},
        output::{Outcome, Signed, Warning},
        plan::Plan,
        table::{CellProblem, Row, RowProblem},
    },
    certificate::hex,
    check::{self, Finding, Severity},
    encrypt,
    redact::REDACTED,
    sha256::sha256,
    template::{Cut, Filled},
};

/// Fills and signs: one a thread.
pub(super) struct Maker<'a> {
    batch: &'a Batch<'a>,
    plan: &'a Plan,
    cut: &'a Cut,
    signer: Signer,
    /// What the last row was filled into.
    buffer: String,
    /// What was checked for more than what refuses it.
    checked: Checked,
    warnings: Vec<Warning>,
}

/// A row that was worked on: all that takes the signing thread.
pub(super) struct Worked {
    result: Result<Done, RowProblem>,
    position: u64,
    warnings: Vec<Warning>,
}

/// A signed file, and what its line in the manifest tells that the file itself does not.
struct Done {
    row: u64,
    device: String,
    file: String,
    identifier: String,
    uuid: String,
    payloads: Vec<String>,
    /// SHA-256 of what was signed.
    digest: Vec<u8>,
    bytes: Vec<u8>,
}

impl Worked {
    /// With the row's line in the manifest.
    pub fn finish(self) -> Outcome {
        let Self { result, position, warnings } = self;
        let (line, result) = match result {
            Ok(done) => {
                let (made, bytes) = done.made();
                (manifest::written(&made), Ok(Signed { file: made.file, bytes: Arc::new(bytes) }))
            }
            Err(problem) => (manifest::written(&Failed::from(&problem)), Err(problem)),
        };
        Outcome { line, result, position, warnings }
    }
}

impl Done {
    fn made(self) -> (Made, Vec<u8>) {
        let Self { row, device, file, identifier, uuid, payloads, digest, bytes } = self;
        let (size, content, signed) = (bytes.len() as u64, hex(&digest), hex(&sha256(&bytes)));
        (Made { row, device, file, size, identifier, uuid, payloads, content, signed, installed: None }, bytes)
    }
}

/// What is signed for a row.
enum Content<'c> {
    Filled(Filled<'c>),
    Encrypted {
        profile: Profile,
        /// What it was before, without the UUIDs that the template lacks.
        clear: Profile,
    },
}

impl<'a> Maker<'a> {
    pub fn new(batch: &'a Batch<'a>, plan: &'a Plan, cut: &'a Cut) -> Result<Self> {
        let signer = Signer::new(batch.identity, batch.options.sign.clone())?;
        let checked = Checked::new(batch.template);
        Ok(Self { batch, plan, cut, signer, buffer: String::new(), checked, warnings: Vec::new() })
    }

    /// # Errors
    /// What would be wrong with every row.
    pub fn make(&mut self, job: Job) -> Result<Worked> {
        let Job { row, named, position } = job;
        let result = match named {
            Ok((device, file)) => self.sign(&row, device, file)?,
            Err(problem) => Err(problem),
        };
        Ok(Worked { result, position, warnings: std::mem::take(&mut self.warnings) })
    }

    fn sign(&mut self, row: &Row, device: String, file: String) -> Result<Result<Done, RowProblem>> {
        let content = match content(self.cut, self.plan, row, &device, std::mem::take(&mut self.buffer)) {
            Ok(content) => content,
            Err(problem) => return Ok(Err(problem)),
        };
        let (bytes, digest) = match self.signer.sign_and_digest(content.signable(), Digest::Sha256) {
            Ok((signed, digest)) => (signed.into_bytes(), digest),
            Err(error @ (Error::Unwritable { .. } | Error::Refused { .. })) => {
                return Ok(Err(row.problem(Some(&device), vec![CellProblem::of_row(error.with_causes())])));
            }
            Err(error) => return Err(error),
        };
        self.warnings = content.warnings(self.cut, self.plan, row, &self.batch.options.sign, &mut self.checked);
        let done = Done {
            row: row.number,
            device,
            file,
            identifier: content.identifier().to_owned(),
            uuid: content.uuid().unwrap_or_default().to_owned(),
            payloads: content.payload_uuids(),
            digest,
            bytes,
        };
        if let Content::Filled(filled) = content {
            self.buffer = filled.into_xml();
        }
        Ok(Ok(done))
    }
}

impl Content<'_> {
    fn signable(&self) -> &dyn Signable {
        match self {
            Content::Filled(filled) => filled,
            Content::Encrypted { profile, .. } => profile,
        }
    }

    /// What a check has to say, where the row brings something new; of what is in the envelope, where there is one.
    fn warnings(
        &self,
        cut: &Cut,
        plan: &Plan,
        row: &Row,
        options: &SignOptions,
        checked: &mut Checked,
    ) -> Vec<Warning> {
        let is_new = row.cells.as_ref().is_ok_and(|cells| checked.add(&plan.row(cut.names(), cells)));
        let profile = match self {
            _ if !is_new => return Vec::new(),
            Content::Filled(filled) => Cow::Borrowed(filled.profile()),
            Content::Encrypted { clear, .. } => {
                let mut filled = clear.clone();
                filled.fill_uuids(UuidSource::Content);
                Cow::Owned(filled)
            }
        };
        let warnings = warnings(cut.template(), &profile, options).into_iter();
        warnings.map(|text| Warning::of(row.number, row.line, text)).collect()
    }

    fn identifier(&self) -> &str {
        match self {
            Content::Filled(filled) => filled.identifier(),
            Content::Encrypted { profile, .. } => profile.identifier(),
        }
    }

    fn uuid(&self) -> Option<&str> {
        match self {
            Content::Filled(filled) => filled.uuid(),
            Content::Encrypted { profile, .. } => profile.uuid(),
        }
    }

    /// Bytes of what the manifest tells of it in its own words.
    fn told(&self) -> usize {
        let payloads = match self {
            Content::Filled(filled) => filled.payload_uuids().flatten().map(str::len).sum(),
            Content::Encrypted { .. } => 0,
        };
        self.identifier().len() + self.uuid().unwrap_or_default().len() + payloads
    }

    fn payload_uuids(&self) -> Vec<String> {
        match self {
            Content::Filled(filled) => filled.payload_uuids().map(|uuid| uuid.unwrap_or_default().to_owned()).collect(),
            Content::Encrypted { .. } => Vec::new(),
        }
    }
}

/// Whether a row could be signed, and what is to be warned of then.
pub(super) fn try_out(
    cut: &Cut,
    plan: &Plan,
    options: &Options,
    checked: &mut Checked,
    job: Job,
) -> Result<Vec<Warning>, RowProblem> {
    let Job { row, named, .. } = job;
    let (device, _) = named?;
    let content = content(cut, plan, &row, &device, String::new())?;
    let mut findings = content.signable().refusals();
    findings.retain(|finding| !options.sign.allow.contains(&finding.code));
    if !findings.is_empty() {
        let problem = CellProblem::of_row(Error::Refused { findings }.with_causes());
        return Err(row.problem(Some(&device), vec![problem]));
    }
    Ok(content.warnings(cut, plan, &row, &options.sign, checked))
}

/// A row's profile, its payloads encrypted where that is asked for.
fn content<'c>(cut: &'c Cut, plan: &Plan, row: &Row, device: &str, buffer: String) -> Result<Content<'c>, RowProblem> {
    let refused = |problems| row.problem(Some(device), problems);
    let cells = row.cells.as_ref().map_err(|problem| refused(vec![problem.clone()]))?;
    let blamed = |error: Error| refused(plan.blame(cut.template(), cells, &error));
    let content = match plan.recipient(cells) {
        None => Content::Filled(cut.fill_row(&plan.row(cut.names(), cells), buffer).map_err(blamed)?),
        Some(recipient) => {
            let clear = cut.template().filled(&plan.values(cells), None).map_err(blamed)?;
            let encrypted = recipient.and_then(|text| encrypted(&clear, text, plan));
            let encrypted = encrypted.map_err(|problem| refused(vec![problem]))?;
            Content::Encrypted { profile: encrypted, clear }
        }
    };
    match content.told() <= MOST_TOLD {
        true => Ok(content),
        false => Err(refused(vec![CellProblem::of_row(
            "the identifier and the UUIDs are longer than a manifest can tell: over 1 MiB",
        )])),
    }
}

fn encrypted(profile: &Profile, recipient: &str, plan: &Plan) -> Result<Profile, CellProblem> {
    let column = plan.recipient_column().unwrap_or_default();
    let failed = |error: Error| CellProblem::of_cell(column, error.with_causes());
    let certificate = certificate(recipient).map_err(failed)?;
    encrypt::encrypt(profile, &certificate, ContentCipher::default()).map_err(failed)
}

/// The first certificate in PEM, or one in base64.
fn certificate(text: &str) -> Result<Certificate> {
    if text.contains("-----BEGIN") {
        return Certificate::from_pem(text.as_bytes()).map(|mut all| all.swap_remove(0));
    }
    let compact: String = text.split_ascii_whitespace().collect();
    Certificate::from_der(&STANDARD.decode(compact).unwrap_or_default())
}

/// What a check has to say of a profile. Values of secrets are not told.
fn warnings(template: &Template, profile: &Profile, options: &SignOptions) -> Vec<String> {
    let mut findings = check::check(profile, &Target::default(), options.signing_time);
    findings.retain(|finding| finding.severity >= Severity::Warning && !options.allow.contains(&finding.code));
    let told = |finding: &Finding| match template.is_secret_at(&finding.path) {
        true => format!("{}: {}: {REDACTED}", finding.code, finding.path),
        false => finding.to_string(),
    };
    findings.iter().map(told).collect()
}

/// In bytes: as JSON it is a line that every reader of a manifest takes.
const MOST_TOLD: usize = 1 << 20;
