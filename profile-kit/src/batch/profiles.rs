//! Rows into signed profiles.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

use openssl::sha::sha256;

use super::{
    Batch, Event, Options, Out, Report, Start,
    manifest::{self, FORMAT, Failed, Head, Kind, Made},
    name,
    output::{Outcome, Output, Signed},
    pipeline::{self, Weigh},
    plan::Plan,
    resume,
    seen::Seen,
    table::{CellProblem, Row, RowProblem, Table},
};
use crate::{
    Certificate, ContentCipher, Error, Identity, Payload, Profile, Result, SignOptions, Signer, Target, Template,
    UuidSource,
    certificate::hex,
    check::{self, Finding, Severity},
    encrypt,
    identity::shown,
    redact::REDACTED,
};

/// A row that is to be done.
struct Job {
    row: Row,
    /// Device and file, or why it is not to be done.
    named: Result<(String, String), RowProblem>,
    position: u64,
}

impl Weigh for Job {
    fn bytes(&self) -> usize {
        self.row.cells.as_ref().map_or(0, |cells| cells.size())
    }
}

pub(super) fn run(
    batch: &Batch<'_>,
    mut table: Table,
    out: &Out,
    start: Start,
    stop: &AtomicBool,
    tell: &mut dyn FnMut(Event<'_>),
) -> Result<Report> {
    let plan = Plan::new(batch.template, &mut table, &batch.options)?;
    try_signing(batch.identity, &batch.options.sign)?;
    tell_unused(batch.template, &plan, tell);
    let head = head(batch, &table, &plan, out);
    let resumed = match start {
        Start::Fresh => None,
        Start::Resume => resume::go_on(out, &head, |name| plan.name.may_be(name), tell)?,
    };
    if let Some(done) = resumed.filter(|done| done.is_complete) {
        return Ok(done.report(out));
    }
    thread::scope(|scope| {
        let mut output = Output::open(out, &head, resumed.as_ref(), batch.options.sign.signing_time, scope)?;
        output.expect(table.length().0);
        let last_row = resumed.map_or(0, |done| done.last_row);
        let mut reader = Reader::new(&plan, table, &batch.options, last_row, stop);
        let done = pipeline::run(
            batch.options.jobs,
            |hand| reader.read(hand),
            || Maker::new(batch, &plan),
            Maker::make,
            |outcome| output.put(outcome, tell),
        );
        reader.unused.iter().for_each(|key| tell(Event::Note(&unused_column(key))));
        let report = output.finish(reader.rows, done.is_ok() && !reader.is_stopped);
        done.and(report)
    })
}

/// Signs something, so that a key or a certificate that is unfit is told before anything is made.
pub(super) fn try_signing(identity: &Identity, options: &SignOptions) -> Result<()> {
    let mut trial = Profile::new("trial", "trial");
    trial.push(Payload::new("trial"));
    Signer::new(identity, options.clone())?.sign(&trial).map(drop)
}

pub(super) fn dry_run(
    template: &Template,
    mut table: Table,
    options: &Options,
    stop: &AtomicBool,
    tell: &mut dyn FnMut(Event<'_>),
) -> Result<Report> {
    let plan = Plan::new(template, &mut table, options)?;
    tell_unused(template, &plan, tell);
    let (mut made, mut failed) = (0, 0);
    let mut reader = Reader::new(&plan, table, options, 0, stop);
    pipeline::run(
        options.jobs,
        |hand| reader.read(hand),
        || Ok(()),
        |(), job| try_out(template, &plan, options, job),
        |tried| {
            match tried {
                Ok(()) => made += 1,
                Err(problem) => {
                    failed += 1;
                    tell(Event::Row(&problem));
                }
            }
            Ok(())
        },
    )?;
    reader.unused.iter().for_each(|key| tell(Event::Note(&unused_column(key))));
    Ok(Report { rows: reader.rows, made, failed, resumed: 0, is_complete: !reader.is_stopped, manifest: None })
}

fn tell_unused(template: &Template, plan: &Plan, tell: &mut dyn FnMut(Event<'_>)) {
    plan.unused.iter().for_each(|column| tell(Event::Note(&unused_column(column))));
    for name in template.unused() {
        tell(Event::Note(&format!("placeholder {name:?} is declared and used nowhere")));
    }
}

fn unused_column(column: &str) -> String {
    format!("column {column:?} is used by nothing")
}

fn head(batch: &Batch<'_>, table: &Table, plan: &Plan, out: &Out) -> Head {
    let Options { sign, device: _, name: _, fan_out, encrypt_to, shard, jobs: _ } = &batch.options;
    let mut options = manifest::signing(sign);
    options.insert("out".into(), out.kind().into());
    options.insert("device".into(), plan.device_column().into());
    options.insert("name".into(), plan.name.to_string());
    options.insert("encoding".into(), table.encoding().to_string());
    if *fan_out {
        options.insert("fan_out".into(), "yes".into());
    }
    if let Some(column) = encrypt_to {
        options.insert("encrypt_to".into(), column.clone());
    }
    if let Some(shard) = shard {
        options.insert(manifest::SHARD.into(), shard.to_string());
    }
    Head {
        format: FORMAT,
        made: Kind::Profiles,
        input: hex(&table.digest()),
        spec: Some(hex(&batch.spec)),
        leaf: batch.identity.certificate().fingerprint(),
        signing_time: shown(sign.signing_time),
        options,
    }
}

/// Reads the rows, names their files, and finds doubles.
struct Reader<'a> {
    plan: &'a Plan,
    table: Table,
    options: &'a Options,
    /// Rows up to this one are done.
    last_row: u64,
    stop: &'a AtomicBool,
    devices: Seen,
    files: Seen,
    rows: u64,
    is_stopped: bool,
    /// Keys that nothing uses.
    unused: Vec<String>,
}

impl<'a> Reader<'a> {
    fn new(plan: &'a Plan, table: Table, options: &'a Options, last_row: u64, stop: &'a AtomicBool) -> Self {
        let (devices, files) = (Seen::new(), Seen::new());
        Self { plan, table, options, last_row, stop, devices, files, rows: 0, is_stopped: false, unused: Vec::new() }
    }

    fn read(&mut self, hand: &mut dyn FnMut(Job) -> bool) -> Result<()> {
        while let Some(row) = self.table.next()? {
            if self.stop.load(Ordering::Relaxed) {
                self.is_stopped = true;
                break;
            }
            self.rows = row.number;
            let is_known = |key: &String| self.plan.unused.contains(key);
            self.unused.extend(self.table.unused_keys().into_iter().filter(|key| !is_known(key)));
            // Doubles are found among all rows, whoever does them.
            let named = self.named(&row);
            let is_mine = self.options.shard.is_none_or(|shard| shard.holds(row.number));
            if row.number <= self.last_row || !is_mine {
                continue;
            }
            if !hand(Job { row, named, position: self.table.length().1 }) {
                break;
            }
        }
        Ok(())
    }

    fn named(&mut self, row: &Row) -> Result<(String, String), RowProblem> {
        let cells = row.cells.as_ref().map_err(|problem| row.problem(None, vec![problem.clone()]))?;
        let device = self.plan.device(cells).map_err(|problem| row.problem(None, vec![problem]))?;
        let refuse = |problem| row.problem(Some(device), vec![problem]);
        let file = self.plan.file(cells).map_err(refuse)?;
        if !self.devices.insert(device) {
            let problem = format!("{device:?} stands in a row before: a device gets one profile");
            return Err(refuse(CellProblem::of_cell(self.plan.device_column(), problem)));
        }
        if !self.files.insert(&name::folded(&file)) {
            return Err(refuse(CellProblem::of_row(format!("the file {file:?} is that of a row before"))));
        }
        match self.options.fan_out {
            true => Ok((device.to_owned(), format!("{}/{file}", name::folder(&file)))),
            false => Ok((device.to_owned(), file)),
        }
    }
}

/// Fills and signs: one a thread.
struct Maker<'a> {
    batch: &'a Batch<'a>,
    plan: &'a Plan,
    signer: Signer,
    /// Whether a first profile was checked for more than what refuses it.
    is_checked: bool,
    notes: Vec<String>,
}

impl<'a> Maker<'a> {
    fn new(batch: &'a Batch<'a>, plan: &'a Plan) -> Result<Self> {
        let signer = Signer::new(batch.identity, batch.options.sign.clone())?;
        Ok(Self { batch, plan, signer, is_checked: false, notes: Vec::new() })
    }

    /// # Errors
    /// What would be wrong with every row.
    fn make(&mut self, job: Job) -> Result<Outcome> {
        let Job { row, named, position } = job;
        let made = match named {
            Ok((device, file)) => self.sign(&row, device, file)?,
            Err(problem) => Err(problem),
        };
        let (line, result) = match made {
            Ok((made, bytes)) => {
                let line = manifest::written(&made);
                (line, Ok(Signed { file: made.file, bytes: Arc::new(bytes), like: None }))
            }
            Err(problem) => (manifest::written(&Failed::from(&problem)), Err(problem)),
        };
        Ok(Outcome { line, result, position, notes: std::mem::take(&mut self.notes) })
    }

    fn sign(&mut self, row: &Row, device: String, file: String) -> Result<Result<(Made, Vec<u8>), RowProblem>> {
        let filled = match filled(self.batch.template, self.plan, row, &device) {
            Ok(filled) => filled,
            Err(problem) => return Ok(Err(problem)),
        };
        let signed = match self.signer.sign(&filled) {
            Ok(signed) => signed.into_bytes(),
            Err(error @ Error::Unwritable { .. }) => {
                return Ok(Err(row.problem(Some(&device), vec![CellProblem::of_row(error.with_causes())])));
            }
            Err(error) => return Err(error),
        };
        if !std::mem::replace(&mut self.is_checked, true) {
            self.notes = notes(self.batch.template, &filled, &self.batch.options.sign);
        }
        let made = Made {
            row: row.number,
            device,
            file,
            size: signed.len() as u64,
            identifier: filled.identifier().to_owned(),
            uuid: filled.uuid().unwrap_or_default().to_owned(),
            payloads: filled.payloads().iter().map(|payload| payload.uuid().unwrap_or_default().to_owned()).collect(),
            content: hex(&sha256(&filled.to_xml()?)),
            signed: hex(&sha256(&signed)),
            installed: None,
        };
        Ok(Ok((made, signed)))
    }
}

/// What a check has to say of a profile, and so of all that are made of the template. Values of secrets are not told.
fn notes(template: &Template, profile: &Profile, options: &SignOptions) -> Vec<String> {
    let mut findings = check::check(profile, &Target::default(), options.signing_time);
    findings.retain(|finding| finding.severity >= Severity::Warning && !options.allow.contains(&finding.code));
    let told = |finding: &Finding| match template.is_secret_at(&finding.path) {
        true => format!("{}: {}: {REDACTED}", finding.code, finding.path),
        false => finding.to_string(),
    };
    findings.iter().map(told).collect()
}

/// A row's profile, its payloads encrypted where that is asked for.
fn filled(template: &Template, plan: &Plan, row: &Row, device: &str) -> Result<Profile, RowProblem> {
    let cells = row.cells.as_ref().map_err(|problem| row.problem(Some(device), vec![problem.clone()]))?;
    let profile = template
        .fill(&plan.values(cells), UuidSource::Content)
        .map_err(|error| row.problem(Some(device), plan.blame(template, cells, &error)))?;
    let Some(recipient) = plan.recipient(cells) else { return Ok(profile) };
    recipient
        .and_then(|text| encrypted(&profile, text, plan.recipient_column().unwrap_or_default()))
        .map_err(|problem| row.problem(Some(device), vec![problem]))
}

fn encrypted(profile: &Profile, recipient: &str, column: &str) -> Result<Profile, CellProblem> {
    let failed = |error: Error| CellProblem::of_cell(column, error.with_causes());
    let certificate = certificate(recipient).map_err(failed)?;
    encrypt::encrypt(profile, &certificate, ContentCipher::default()).map_err(failed)
}

/// The first certificate in PEM, or one in base64.
fn certificate(text: &str) -> Result<Certificate> {
    use base64::{Engine, engine::general_purpose::STANDARD};
    if text.contains("-----BEGIN") {
        return Certificate::from_pem(text.as_bytes()).map(|mut all| all.swap_remove(0));
    }
    let compact: String = text.split_ascii_whitespace().collect();
    Certificate::from_der(&STANDARD.decode(compact).unwrap_or_default())
}

/// Whether a row could be signed.
fn try_out(template: &Template, plan: &Plan, options: &Options, job: Job) -> Result<Result<(), RowProblem>> {
    let Job { row, named, .. } = job;
    let (device, _) = match named {
        Ok(named) => named,
        Err(problem) => return Ok(Err(problem)),
    };
    let filled = match filled(template, plan, &row, &device) {
        Ok(filled) => filled,
        Err(problem) => return Ok(Err(problem)),
    };
    let mut findings = check::refusals(&filled);
    findings.retain(|finding| !options.sign.allow.contains(&finding.code));
    if !findings.is_empty() {
        return Err(Error::Refused { findings });
    }
    let unwritable = |error: Error| row.problem(Some(&device), vec![CellProblem::of_row(error.with_causes())]);
    Ok(filled.to_xml().map(drop).map_err(unwritable))
}
