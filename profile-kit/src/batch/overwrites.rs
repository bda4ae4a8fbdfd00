//! The overwrites of everything that an earlier batch made.

use std::{
    collections::BTreeSet,
    path::Path,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::SystemTime,
};

use super::{
    CellProblem, Event, Out, Report, RowProblem, Shard, Start, installed,
    manifest::{self, DOUBLE, FORMAT, Failed, Head, Kept, Kind, Line, Made},
    output::{Outcome, Output, Signed, Warning},
    pipeline::{self, Weigh},
    resume,
    seen::Seen,
};
use crate::{
    Arrival, Digest, Error, Identity, Os, Overwrite, PasswordForm, Result, SignOptions, SignedProfile, Signer,
    VerifiedProfile,
    certificate::hex,
    check::Finding,
    device,
    identity::shown,
    overwrite::Change,
    preflight::{self, Devices, Question},
    sha256::sha256,
};

/// The overwrites of a batch: one for each file that its manifest names, under the same names.
///
/// Each is made of the very file that was made for the device, after that was verified; it is signed by the certificate
/// that signed that file, and checked as a pair. Where a target is given, a pair that would not free it on the device
/// model fails, and one that is not known to is made with a warning
/// ([`Verdict::must_stay`](crate::preflight::Verdict::must_stay)).
#[derive(Clone, Debug)]
pub struct Overwrites<'a> {
    /// The manifest of the batch; the files are beside it.
    pub installed: &'a Path,
    /// Who signs: it needs the certificate that signed the batch.
    pub identity: &'a Identity,
    /// How; `allow_other_signer` lets another certificate sign.
    pub sign: SignOptions,
    /// The removal password's form.
    pub form: PasswordForm,
    /// The system of the devices.
    pub target: Option<Os>,
    /// Whether the other payloads are left out.
    pub strip: bool,
    /// Whether each overwrite is signed by itself. Else those of neighbours whose files are the same are signed once and,
    /// in a folder, linked.
    pub sign_each: bool,
    /// The rows to do; all of them unless it is given.
    pub shard: Option<Shard>,
    /// The clock, in whole seconds: a `RemovalDate` that is past by then, or by a signing time to come, is left out, since
    /// devices would refuse it. A resume keeps the one that the manifest names.
    pub now: SystemTime,
    /// Signing threads, as [`Options::jobs`](super::Options::jobs) has them.
    pub jobs: usize,
}

/// One installed file.
struct Job {
    installed: Made,
    bytes: Result<Vec<u8>, String>,
    /// The line of the manifest that names it.
    line: u64,
    position: u64,
    /// What its neighbours with the same bytes share.
    shared: Arc<Shared>,
}

/// What is made once of files that are the same.
type Shared = OnceLock<Result<Overwritten, Vec<CellProblem>>>;

/// A signed overwrite.
#[derive(Clone)]
struct Overwritten {
    bytes: Arc<Vec<u8>>,
    identifier: String,
    uuid: String,
    payloads: Vec<String>,
    content: String,
    signed: String,
    /// The identifier and the UUID of what is installed.
    of: [String; 2],
    /// That it is not known to free, what the installed profile brings that may keep it from that, and what was left out
    /// for that; without values.
    warnings: Vec<String>,
}

impl Weigh for Job {
    fn bytes(&self) -> usize {
        self.bytes.as_ref().map_or(0, Vec::len)
    }
}

impl<'a> Overwrites<'a> {
    /// Of the batch of a manifest, the form by the target, signed on one thread.
    pub fn new(installed: &'a Path, identity: &'a Identity, sign: SignOptions, now: SystemTime) -> Self {
        Self {
            installed,
            identity,
            sign,
            form: PasswordForm::Auto,
            target: None,
            strip: false,
            sign_each: false,
            shard: None,
            now,
            jobs: 1,
        }
    }

    /// Makes all of them, or what is left; as [`Batch::run`](super::Batch::run). A `RemovalDate` that is left out is
    /// warned of. Of a batch whose manifest has no end, what it names is overwritten, and the report is not complete.
    ///
    /// # Errors
    /// [`Error::OtherSigner`] before anything is made where the identity lacks the certificate that signed the batch;
    /// [`Error::Manifest`], [`Error::Identity`], [`Error::Crypto`], [`Error::Io`].
    pub fn run(&self, out: &Out, start: Start, stop: &AtomicBool, tell: &mut dyn FnMut(Event<'_>)) -> Result<Report> {
        let begun = match start {
            Start::Fresh => None,
            Start::Resume => resume::clock(out)?,
        };
        Self { now: begun.unwrap_or(self.now), ..self.clone() }.make(out, start, stop, tell)
    }

    fn make(&self, out: &Out, start: Start, stop: &AtomicBool, tell: &mut dyn FnMut(Event<'_>)) -> Result<Report> {
        let kept = Kept::new(self.installed)?;
        let was = self.batch(&kept)?;
        let identity = self.signer(&was.head)?;
        let head = self.head(&was, &identity, out);
        let resumed = match start {
            Start::Fresh => None,
            Start::Resume => resume::go_on(out, &head, self.sign.signing_time, tell)?,
        };
        if !was.is_complete {
            tell(Event::Warning("the batch is not complete: only what its manifest names is overwritten"));
        }
        let shard = was.head.options.get(manifest::SHARD).and_then(|text| text.parse::<Shard>().ok());
        if let Some(shard) = shard.filter(|shard| shard.count() > 1) {
            tell(Event::Note(&format!("is of shard {shard} alone: the devices of the other shards need theirs too")));
        }
        // Who got what no line names yet would keep it.
        let of_all = |report: Report| Report { is_complete: report.is_complete && was.is_complete, ..report };
        if let Some(done) = resumed.as_ref().filter(|done| done.is_complete) {
            return Ok(of_all(done.report(out)));
        }
        let last_row = resumed.as_ref().map_or(0, |done| done.last_row());
        thread::scope(|scope| {
            let mut output = Output::open(out, &head, resumed, self.sign.signing_time, scope)?;
            let mut reader = Reader { batch: self, last_row, stop, shared: None, is_stopped: false, same: 0 };
            let (_, mut reading) = kept.open()?;
            output.expect(reading.length());
            let done = pipeline::run(
                self.jobs,
                |hand| reader.read(&mut reading, hand),
                || {
                    let signer = Signer::new(&identity, self.sign.clone())?;
                    Ok(Maker { batch: self, head: &was.head, identity: &identity, signer })
                },
                |maker, job| maker.make(job),
                |outcome| output.put(outcome, tell),
            );
            if reader.same > 0 {
                tell(Event::Note(&told_same(reader.same, out)));
            }
            let report = output.finish(was.rows, done.is_ok() && !reader.is_stopped, tell);
            done.and(report.map(of_all))
        })
    }

    /// Reads the whole manifest for what it is.
    fn batch(&self, kept: &Kept) -> Result<Installed> {
        let (head, mut reading) = kept.open()?;
        if head.made == Kind::Overwrites {
            let problem = "is of overwrites, which free already: give the manifest of the batch that is installed";
            return Err(reading.refused(1, problem));
        }
        let mut files = Seen::new();
        while let Some(line) = reading.next()? {
            if matches!(line, Line::Made(made) if !files.insert(&made.file)) {
                return Err(reading.refused(reading.line(), DOUBLE));
            }
        }
        let digest = hex(&reading.digest());
        Ok(Installed { head, digest, rows: reading.told().rows, is_complete: reading.is_at_end() })
    }

    /// The identity with the leaf of the batch.
    fn signer(&self, head: &Head) -> Result<Identity> {
        let leaf = self.identity.certificates().find(|certificate| certificate.fingerprint() == head.leaf);
        match leaf.and_then(|leaf| self.identity.with_leaf(leaf)) {
            Some(identity) => Ok(identity),
            None if self.sign.allow_other_signer => Ok(self.identity.clone()),
            None => Err(Error::OtherSigner {
                offered: self.identity.certificate().fingerprint(),
                installed: head.leaf.clone(),
            }),
        }
    }

    fn head(&self, was: &Installed, identity: &Identity, out: &Out) -> Head {
        let mut options = manifest::signing(&self.sign, identity);
        options.insert(manifest::OUT.into(), out.kind().into());
        let form = match self.form.for_target(self.target) {
            PasswordForm::Empty => "empty",
            PasswordForm::Omitted | PasswordForm::Auto => "omitted",
        };
        options.insert("removal_password".into(), form.into());
        options.insert(manifest::CLOCK.into(), shown(self.now));
        if let Some(target) = self.target {
            options.insert("target".into(), target.to_string());
        }
        let flags =
            [("strip", self.strip), ("sign_each", self.sign_each), ("other_signer", self.sign.allow_other_signer)];
        for (name, _) in flags.into_iter().filter(|(_, is_set)| *is_set) {
            options.insert(name.into(), "yes".into());
        }
        if let Some(shard) = self.shard {
            options.insert(manifest::SHARD.into(), shard.to_string());
        }
        Head {
            format: FORMAT,
            made: Kind::Overwrites,
            input: was.digest.clone(),
            spec: was.head.spec.clone(),
            leaf: identity.certificate().fingerprint(),
            signing_time: shown(self.sign.signing_time),
            options,
        }
    }
}

/// What is to be said of an overwrite besides that it was made.
fn warnings(overwrite: &Overwrite) -> Vec<String> {
    let is_left_out = |change: &Change| matches!(change, Change::RemovalDateDropped { .. });
    let left_out = overwrite.changes().iter().any(is_left_out).then(|| DATE_LEFT_OUT.to_owned());
    left_out.into_iter().chain(overwrite.faults().iter().map(inherited)).collect()
}

/// A fault without its sentence, which may have values in it: which of them were secrets only the spec said.
fn inherited(fault: &Finding) -> String {
    match fault.path.0.is_empty() {
        true => format!("inherited: {}", fault.code),
        false => format!("inherited: {}: {}", fault.code, fault.path),
    }
}

/// What preflight says, and why; and what may help.
fn because(report: &preflight::Report) -> String {
    let cases = report.rows.iter().flat_map(|row| &row.cases);
    let words: BTreeSet<&str> = cases.flat_map(|case| &case.reasons).map(|reason| reason.word).collect();
    let help = match words.contains(device::Refusal::EmptyRemovalPassword.word()) {
        true => "; without a removal password (the form `omitted`) it may",
        false => "",
    };
    let words: Vec<&str> = words.into_iter().collect();
    format!("preflight says {} ({}){help}", report.verdict, words.join(", "))
}

/// The batch that is overwritten.
struct Installed {
    head: Head,
    /// SHA-256 of the manifest.
    digest: String,
    rows: u64,
    is_complete: bool,
}

fn told_same(same: u64, out: &Out) -> String {
    let how = if matches!(out, Out::Directory(_)) { "linked" } else { "copied" };
    format!("{same} devices have the same profile as the one before: its overwrite was signed once and {how}")
}

struct Reader<'a> {
    batch: &'a Overwrites<'a>,
    last_row: u64,
    stop: &'a AtomicBool,
    /// The last file's digest, and what it shares with those after it.
    shared: Option<(String, Arc<Shared>)>,
    is_stopped: bool,
    same: u64,
}

impl Reader<'_> {
    fn read(&mut self, reading: &mut manifest::Reading, hand: &mut dyn FnMut(Job) -> bool) -> Result<()> {
        let out = Out::beside(self.batch.installed);
        let (last_row, shard) = (self.last_row, self.batch.shard);
        let is_wanted = |row| row > last_row && shard.is_none_or(|shard| shard.holds(row));
        installed::each(&out, reading, is_wanted, &mut |reading, line, bytes| {
            if self.stop.load(Ordering::Relaxed) {
                self.is_stopped = true;
                return false;
            }
            let Line::Made(installed) = line else { return true };
            if self.batch.shard.is_some_and(|shard| !shard.holds(installed.row)) {
                return true;
            }
            if installed.row <= self.last_row {
                return true;
            }
            let (is_same, shared) = self.shared(&installed);
            self.same += u64::from(is_same);
            hand(Job { installed, bytes, line: reading.line() as u64, position: reading.position(), shared })
        })
    }

    fn shared(&mut self, installed: &Made) -> (bool, Arc<Shared>) {
        match &self.shared {
            Some((signed, shared)) if *signed == installed.signed && !self.batch.sign_each => (true, shared.clone()),
            _ => {
                let shared = Arc::new(Shared::default());
                self.shared = Some((installed.signed.clone(), shared.clone()));
                (false, shared)
            }
        }
    }
}

/// Makes and signs overwrites: one a thread.
struct Maker<'a> {
    batch: &'a Overwrites<'a>,
    head: &'a Head,
    /// Who signs: of the batch's identity the leaf that signed the installed files, where it has that.
    identity: &'a Identity,
    signer: Signer,
}

impl Maker<'_> {
    fn make(&mut self, job: Job) -> Result<Outcome> {
        let Job { installed, bytes, line, position, shared } = job;
        let overwritten = match bytes {
            Ok(bytes) if hex(&sha256(&bytes)) != installed.signed => {
                Err(vec![CellProblem::of_row("is not the file that was made: its bytes are others")])
            }
            // Whoever comes first signs; the others wait for it.
            Ok(bytes) => shared.get_or_init(|| self.overwrite(bytes)).clone().and_then(|it| it.told_by(&installed)),
            Err(problem) => Err(vec![CellProblem::of_row(problem)]),
        };
        let mut warnings = Vec::new();
        let (line, result) = match overwritten {
            Ok(overwritten) => {
                let warning = |text: &String| Warning::of(installed.row, line, text.clone());
                warnings.extend(overwritten.warnings.iter().map(warning));
                let made = overwritten.made(&installed);
                (manifest::written(&made), Ok(Signed { file: made.file, bytes: overwritten.bytes }))
            }
            Err(mut problems) => {
                problems.iter_mut().for_each(|problem| problem.problem.insert_str(0, &format!("{}: ", installed.file)));
                let problem = RowProblem { row: installed.row, line, device: Some(installed.device), problems };
                (manifest::written(&Failed::from(&problem)), Err(problem))
            }
        };
        Ok(Outcome { line, result, position, warnings })
    }

    fn overwrite(&mut self, bytes: Vec<u8>) -> Result<Overwritten, Vec<CellProblem>> {
        let failed = |error: Error| vec![CellProblem::of_row(error.with_causes())];
        let verified = SignedProfile::from_bytes(bytes).and_then(|signed| signed.verify_integrity()).map_err(failed)?;
        if verified.leaf().fingerprint() != self.head.leaf {
            return Err(vec![CellProblem::of_row("is signed by another certificate than its manifest says")]);
        }
        let of = Overwrite::of(&verified).removal_password(self.batch.form).strip(self.batch.strip);
        let of = self.batch.target.map_or(of.clone(), |target| of.target(target));
        // What is past by the clock is past on the device, whatever time the signature tells.
        let overwrite = of.build_at(self.batch.sign.signing_time.max(self.batch.now)).map_err(failed)?;
        let (signed, digest) = self.signer.sign_and_digest(&overwrite, Digest::Sha256).map_err(failed)?;
        let doubt = self.doubt(&verified, &overwrite)?;
        let profile = overwrite.profile();
        Ok(Overwritten {
            identifier: profile.identifier().to_owned(),
            uuid: profile.uuid().unwrap_or_default().to_owned(),
            payloads: profile.payloads().iter().map(|payload| payload.uuid().unwrap_or_default().to_owned()).collect(),
            content: hex(&digest),
            signed: hex(&sha256(signed.as_bytes())),
            bytes: Arc::new(signed.into_bytes()),
            of: [verified.profile().identifier(), verified.profile().uuid().unwrap_or_default()].map(str::to_owned),
            warnings: doubt.into_iter().chain(warnings(&overwrite)).collect(),
        })
    }

    /// That the owner may not be able to delete the profile after the overwrite on some device of the target; an error where
    /// he cannot on any.
    fn doubt(&self, installed: &VerifiedProfile, overwrite: &Overwrite) -> Result<Option<String>, Vec<CellProblem>> {
        let Some(target) = self.batch.target else { return Ok(None) };
        let signer = match self.batch.sign.allow_other_signer {
            true => self.identity.chain().to_vec(),
            false => Arrival::from(installed).certificates().to_vec(),
        };
        let (installed, overwrite) = (Arrival::from(installed), Arrival::signed(overwrite.profile().clone(), signer));
        let report = Question::new(&installed, &overwrite, self.batch.now).ask(&Devices::of(vec![target]));
        if report.verdict.is_free() {
            return Ok(None);
        }
        let because = because(&report);
        match report.verdict.must_stay() {
            true => Err(vec![CellProblem::of_row(format!("its overwrite would not free {target}: {because}"))]),
            false => Ok(Some(format!("it is not known for certain that an overwrite frees {target}: {because}"))),
        }
    }
}

impl Overwritten {
    /// Itself, where it is of the profile that a line tells of.
    fn told_by(self, installed: &Made) -> Result<Self, Vec<CellProblem>> {
        match self.of == [installed.identifier.as_str(), &installed.uuid] {
            true => Ok(self),
            false => Err(vec![CellProblem::of_row("has another identifier or UUID than its manifest says")]),
        }
    }

    fn made(&self, installed: &Made) -> Made {
        Made {
            row: installed.row,
            device: installed.device.clone(),
            file: installed.file.clone(),
            size: self.bytes.len() as u64,
            identifier: self.identifier.clone(),
            uuid: self.uuid.clone(),
            payloads: self.payloads.clone(),
            content: self.content.clone(),
            signed: self.signed.clone(),
            installed: Some(installed.signed.clone()),
        }
    }
}

/// A date may be a secret, and one of many.
const DATE_LEFT_OUT: &str = "a RemovalDate is left out: it is past, and devices would refuse the overwrite";
