//! Whether the files of a batch are what its manifest says.

mod asked;

use std::{
    path::Path,
    sync::atomic::{AtomicBool, Ordering},
};

use self::asked::Asked;
use super::{
    CellProblem, Event, Out, Progress, Report, RowProblem,
    archive::Archive,
    installed,
    manifest::{self, DOUBLE, Line, Made},
    pipeline::{self, Weigh},
    seen::Seen,
};
use crate::{
    Profile, Result, TrustStore,
    certificate::hex,
    sha256::sha256,
    template::date,
    verify::{Verification, Verifier, VerifyOptions},
};

/// A file and what the manifest says of it.
struct Claim {
    made: Made,
    bytes: Result<Vec<u8>, String>,
    /// The line of the manifest.
    line: u64,
    position: u64,
}

impl Weigh for Claim {
    fn bytes(&self) -> usize {
        self.bytes.as_ref().map_or(0, Vec::len)
    }
}

/// Verifies every file that a manifest names: its bytes, its signature and whose it is, its content, identifier and
/// UUIDs; where a store is given also trust. An archive has to be the very one that was written. What the manifest says
/// that only the table or the spec could show is taken as it stands; where files are named by more than their device, a
/// note says so. In the report `made` are the files that are as they should be, `failed` those that are not, and it is
/// complete where the manifest has its end.
///
/// # Errors
/// [`Error::Manifest`](crate::Error::Manifest) where it is none, or is not true to itself;
/// [`Error::Io`](crate::Error::Io).
pub fn verify(
    path: &Path,
    store: Option<&TrustStore>,
    options: &VerifyOptions,
    jobs: usize,
    stop: &AtomicBool,
    tell: &mut dyn FnMut(Event<'_>),
) -> Result<Report> {
    let (head, mut reading) = manifest::open(path)?;
    let out = Out::beside(path);
    let mut names = Seen::new();
    let asked = Asked::new(&head, &out).map_err(|problem| reading.refused(1, problem))?;
    if let Some(doubt) = asked.doubt() {
        tell(Event::Note(doubt));
    }
    let (mut made, mut failed) = (0_u64, 0_u64);
    let written = date(&head.signing_time).ok_or_else(|| reading.refused(1, "its signing time is no date"))?;
    let mut archive = Archive::open(&out, written.into())?;
    let length = reading.length();
    pipeline::run(
        jobs,
        |hand| {
            let mut double = None;
            installed::each(&out, &mut reading, |_| true, &mut |reading, line, bytes| {
                let (number, position) = (reading.line(), reading.position());
                match line {
                    Line::Made(made) if !names.insert(&made.file) => {
                        double = Some(reading.refused(number, DOUBLE));
                        false
                    }
                    Line::Made(made) => {
                        let bytes = archive.take(&made, bytes);
                        let claim = Claim { made, bytes, line: number as u64, position };
                        !stop.load(Ordering::Relaxed) && hand(claim)
                    }
                    Line::Failed(_) | Line::End(_) => true,
                }
            })?;
            double.map_or(Ok(()), Err)
        },
        || Ok(Verifier::new(store, options.clone())),
        |verifier, claim| Ok((claim.position, claim.check(verifier, &asked))),
        |(position, checked)| {
            match checked {
                Ok(()) => made += 1,
                Err(problem) => {
                    failed += 1;
                    tell(Event::Row(&problem));
                }
            }
            if (made + failed).is_multiple_of(PROGRESS) {
                tell(Event::Progress(Progress { made, failed, position, length }));
            }
            Ok(())
        },
    )?;
    let (told, is_complete) = (reading.told(), reading.is_at_end());
    let is_stopped = stop.load(Ordering::Relaxed);
    if is_complete
        && !is_stopped
        && let Some(problem) = installed::surplus(&out, told.made).or_else(|| archive.end())
    {
        return Err(reading.refused(0, problem));
    }
    Ok(Report { rows: told.rows, made, failed, resumed: 0, is_complete, is_stopped, manifest: Some(path.to_owned()) })
}

impl Claim {
    fn check(self, verifier: &mut Verifier<'_>, asked: &Asked<'_>) -> Result<(), RowProblem> {
        let Self { made, bytes, line, position: _ } = self;
        let wrong = |problem: String| RowProblem {
            row: made.row,
            line,
            device: Some(made.device.clone()),
            problems: vec![CellProblem::of_row(format!("{}: {problem}", made.file))],
        };
        let bytes = bytes.map_err(wrong)?;
        if bytes.len() as u64 != made.size || hex(&sha256(&bytes)) != made.signed {
            return Err(wrong("is not the file that was made: its bytes are others".into()));
        }
        let found = verifier.verify(&bytes).map_err(|error| wrong(error.with_causes()))?;
        let checked = asked.line(&made).and_then(|()| asked.signature(&found)).and_then(|()| content(&found, &made));
        checked.map_err(wrong)
    }
}

fn content(found: &Verification, made: &Made) -> Result<(), String> {
    let content = found.content.as_deref().unwrap_or_default();
    if hex(&sha256(content)) != made.content {
        return Err("has another content than the manifest says".into());
    }
    let profile = Profile::from_bytes(content).map_err(|error| error.with_causes())?;
    let uuids = profile.payloads().iter().map(|payload| payload.uuid().unwrap_or_default());
    let is_told = profile.identifier() == made.identifier
        && profile.uuid().unwrap_or_default() == made.uuid
        && uuids.eq(made.payloads.iter().map(String::as_str));
    if is_told { Ok(()) } else { Err("has another identifier or other UUIDs than the manifest says".into()) }
}

/// Rows.
const PROGRESS: u64 = 16;
