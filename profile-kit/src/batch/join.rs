//! The manifests of all shards into one.

use std::{
    io::Write,
    path::{Path, PathBuf},
};

use super::{
    Report, Shard,
    manifest::{self, CLOCK, Head, Line, Reading, SHARD, Tally},
    store::failed,
};
use crate::Result;

/// One shard's manifest, and its next line.
struct Part {
    shard: Shard,
    reading: Reading,
    next: Option<Line>,
}

/// Writes the manifest that one machine would have made of the whole table, row by row; errors of writing call it by its
/// `name`. The files have to be brought together beside it.
///
/// # Errors
/// [`Error::Manifest`](crate::Error::Manifest) where the manifests are not those of all shards of one batch, each
/// complete; [`Error::Io`](crate::Error::Io).
pub fn join(manifests: &[PathBuf], to: &mut dyn Write, name: &Path) -> Result<Report> {
    let mut heads = Vec::new();
    let mut readings = Vec::new();
    for path in manifests {
        let (head, reading) = manifest::open(path)?;
        heads.push(head);
        readings.push(reading);
    }
    let of = |index: usize| manifests.get(index).map_or(name, PathBuf::as_path);
    let (head, shards) = joined(&heads).map_err(|(index, problem)| manifest::refused(of(index), 1, problem))?;
    let mut parts = Vec::new();
    for (shard, reading) in shards.into_iter().zip(readings) {
        let mut part = Part { shard, reading, next: None };
        part.step()?;
        parts.push(part);
    }
    let mut write = |bytes: &[u8]| to.write_all(bytes).map_err(failed(name, "cannot be written"));
    write(&manifest::written(&head))?;
    let row = |part: &Part| part.next.as_ref().and_then(Line::row);
    while let Some(first) = parts.iter_mut().filter(|part| part.next.is_some()).min_by_key(|part| row(part)) {
        let Some(line) = first.step()? else { break };
        write(&manifest::written(&line))?;
    }
    let rows = rows(&parts)?;
    let told = parts.iter().map(|part| part.reading.told());
    let (made, failed) = told.fold((0, 0), |(made, failed), told| (made + told.made, failed + told.failed));
    write(&manifest::written(&Tally { rows, made, failed }))?;
    Ok(Report { rows, made, failed, resumed: 0, is_complete: true, is_stopped: false, manifest: None })
}

/// The head of the whole, and each manifest's shard; which of the manifests does not fit, and why.
fn joined(heads: &[Head]) -> Result<(Head, Vec<Shard>), (usize, String)> {
    let whole = |head: &Head| {
        let mut whole = head.clone();
        whole.options.remove(SHARD);
        whole.options.remove(CLOCK);
        whole
    };
    let mut first = whole(heads.first().ok_or((0, "nothing is to be joined".to_owned()))?);
    let mut shards: Vec<Shard> = Vec::new();
    for (index, head) in heads.iter().enumerate() {
        let mut differences = first.differences(&whole(head));
        if head.signing_time != first.signing_time {
            differences.push("signing time".into());
        }
        if !differences.is_empty() {
            return Err((index, format!("is of another batch than the first manifest: {}", differences.join("; "))));
        }
        let shard: Option<Shard> = head.options.get(SHARD).and_then(|text| text.parse().ok());
        let shard = shard.ok_or((index, "is of no shard".to_owned()))?;
        if shard.count() != heads.len() as u64 {
            return Err((index, format!("is shard {shard}, and {} manifests are given", heads.len())));
        }
        if shards.contains(&shard) {
            return Err((index, format!("is shard {shard}, which is given twice")));
        }
        shards.push(shard);
    }
    // Each machine has its own clock; the last one counts.
    let clocks = heads.iter().filter_map(|head| head.options.get(CLOCK));
    first.options.extend(clocks.max().map(|clock| (CLOCK.to_owned(), clock.clone())));
    Ok((first, shards))
}

impl Part {
    /// The line that was next, and on to the one after it.
    fn step(&mut self) -> Result<Option<Line>> {
        let line = self.reading.next()?;
        let refused = |problem: String| Err(self.reading.refused(self.reading.line(), problem));
        if let Some(row) = line.as_ref().and_then(Line::row).filter(|row| !self.shard.holds(*row)) {
            return refused(format!("row {row} is not of shard {}", self.shard));
        }
        let next = match line {
            Some(Line::End(_)) => None,
            None if !self.reading.is_at_end() => return refused("has no end: the shard is not complete".into()),
            next => next,
        };
        Ok(std::mem::replace(&mut self.next, next))
    }
}

/// How many rows the table has, as all of them say.
fn rows(parts: &[Part]) -> Result<u64> {
    let told = |part: &Part| part.reading.told().rows;
    let rows = parts.first().map_or(0, told);
    match parts.iter().find(|part| told(part) != rows) {
        None => Ok(rows),
        Some(part) => {
            let problem = format!("counts {} rows of the table, the first manifest {rows}", told(part));
            Err(part.reading.refused(part.reading.line(), problem))
        }
    }
}
