//! Going on with a batch that was broken off: what its manifest tells is done, everything else is not.

use std::{
    fs::{self, File},
    io::{self, BufRead, BufReader, Read},
    path::Path,
    time::SystemTime,
};

use ::tar::{Archive, Entries};

use super::{
    Event, Report,
    manifest::{self, Head, Line, Made, Reading, Tally},
    seen::Seen,
    store::{MANIFEST, Out, failed},
};
use crate::{Error, Place, Result, redact, template::date};

/// Where a batch goes on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Resumed {
    pub tally: Tally,
    /// The row of the manifest's last line.
    pub last_row: u64,
    /// Bytes of the manifest that count.
    pub position: u64,
    /// Bytes of the archive that count.
    pub length: u64,
    pub is_complete: bool,
}

/// The signing time of a batch that was begun; `None` where there is none.
///
/// # Errors
/// [`Error::Io`]; [`Error::Manifest`].
pub fn signing_time(out: &Out) -> Result<Option<SystemTime>> {
    let Some((head, _)) = begun(out)? else { return Ok(None) };
    let moment = date(&head.signing_time);
    moment.map(|date| Some(date.into())).ok_or_else(|| manifest::refused(1, "its signing time is no date"))
}

/// Reads what was done, and removes what is there and named by no line. `None` where nothing was begun.
///
/// # Errors
/// [`Error::Manifest`] where it was made of something else, or what it names is not there.
pub(super) fn go_on(
    out: &Out,
    head: &Head,
    is_ours: impl Fn(&str) -> bool,
    tell: &mut dyn FnMut(Event<'_>),
) -> Result<Option<Resumed>> {
    let Some((was, mut reading)) = begun(out)? else { return Ok(None) };
    if matches!(out, Out::Zip(_)) {
        return Err(refused("a zip cannot be gone on with: begin again elsewhere".into()));
    }
    let mut differences = was.differences(head);
    if was.signing_time != head.signing_time {
        differences.push(format!(
            "signing time ({} there, {} now)",
            redact::escape(&was.signing_time),
            head.signing_time
        ));
    }
    if !differences.is_empty() {
        return Err(refused(format!("the batch was made of something else: {}", differences.join("; "))));
    }
    let mut names = Seen::new();
    let mut done = match out {
        Out::Tar(path) => in_tar(path, &mut reading)?,
        _ => in_folder(out.path(), &mut reading, &mut names)?,
    };
    done.last_row = reading.last_row();
    done.position = reading.position();
    let removed = match out {
        Out::Directory(path) => remove(path, "", &names, &is_ours).map_err(failed(path, "cannot be tidied"))?,
        _ => 0,
    };
    if removed > 0 {
        let files = if removed == 1 { "1 file was" } else { &format!("{removed} files were") };
        tell(Event::Note(&format!("{files} removed that no line of the manifest names")));
    }
    if done.is_complete {
        tell(Event::Note("the batch is complete: nothing is left to do"));
    }
    Ok(Some(done))
}

impl Resumed {
    /// Of a batch that is complete.
    pub fn report(&self, out: &Out) -> Report {
        Report {
            rows: self.tally.rows,
            made: self.tally.made,
            failed: self.tally.failed,
            resumed: self.tally.made + self.tally.failed,
            is_complete: true,
            manifest: Some(out.manifest()),
        }
    }
}

/// The manifest, where one was begun: one without a whole first line was not.
fn begun(out: &Out) -> Result<Option<(Head, Reading)>> {
    let path = out.manifest();
    let file = match File::open(&path) {
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => return Ok(None),
        file => file.map_err(failed(&path, "cannot be read"))?,
    };
    let mut first = Vec::new();
    let read = BufReader::new(file).take(LONGEST_HEAD).read_until(b'\n', &mut first);
    read.map_err(failed(&path, "cannot be read"))?;
    if first.len() < LONGEST_HEAD as usize && !first.ends_with(b"\n") {
        fs::remove_file(&path).map_err(failed(&path, "cannot be removed"))?;
        return Ok(None);
    }
    manifest::open(&path).map(Some)
}

fn in_folder(folder: &Path, reading: &mut Reading, names: &mut Seen) -> Result<Resumed> {
    walk(reading, |made| {
        names.insert(&made.file);
        let is_whole = fs::metadata(folder.join(&made.file)).is_ok_and(|there| there.len() == made.size);
        Ok(is_whole)
    })
}

fn in_tar(path: &Path, reading: &mut Reading) -> Result<Resumed> {
    let cannot = |cause| failed(path, "cannot be read")(cause);
    let mut length = 0;
    let mut done = match File::open(path) {
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => walk(reading, |_| Ok(false))?,
        file => {
            let mut archive = Archive::new(BufReader::new(file.map_err(cannot)?));
            let mut entries = archive.entries_with_seek().map_err(cannot)?;
            walk(reading, |made| {
                let end = end_of(&mut entries, made);
                length = end.unwrap_or(length);
                Ok(end.is_some())
            })?
        }
    };
    done.length = length;
    Ok(done)
}

/// Where the next entry ends, if it is what a line names.
fn end_of<R: Read>(entries: &mut Entries<'_, R>, made: &Made) -> Option<u64> {
    let entry = entries.next()?.ok()?;
    let is_it = entry.path_bytes().as_ref() == made.file.as_bytes() && entry.size() == made.size;
    is_it.then(|| entry.raw_file_position() + entry.size().next_multiple_of(TAR_BLOCK))
}

/// Counts what was done; `is_there` tells whether a file is whole.
fn walk(reading: &mut Reading, mut is_there: impl FnMut(&Made) -> Result<bool>) -> Result<Resumed> {
    let mut done = Resumed { tally: Tally::default(), last_row: 0, position: 0, length: 0, is_complete: false };
    while let Some(line) = reading.next()? {
        match line {
            Line::Made(made) if !is_there(&made)? => {
                let file = redact::escape(&made.file);
                return Err(manifest::refused(
                    reading.line(),
                    format!("names {file}, which is not there as it was made"),
                ));
            }
            Line::Made(_) => done.tally.made += 1,
            Line::Failed(_) => done.tally.failed += 1,
            Line::End(tally) => (done.tally, done.is_complete) = (tally, true),
        }
    }
    Ok(done)
}

/// Removes the files of a folder that no line names and that a batch could have made.
fn remove(folder: &Path, within: &str, names: &Seen, is_ours: &impl Fn(&str) -> bool) -> io::Result<u64> {
    let mut removed = 0;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let Ok(name) = entry.file_name().into_string() else { continue };
        let full = format!("{within}{name}");
        match entry.file_type()? {
            kind if kind.is_dir() && within.is_empty() && is_sub_folder(&name) => {
                removed += remove(&entry.path(), &format!("{name}/"), names, is_ours)?;
            }
            kind if kind.is_file() && full != MANIFEST && is_ours(&name) && !names.contains(&full) => {
                fs::remove_file(entry.path())?;
                removed += 1;
            }
            _ => {}
        }
    }
    Ok(removed)
}

fn is_sub_folder(name: &str) -> bool {
    name.len() == 2 && name.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

fn refused(problem: String) -> Error {
    Error::Manifest { place: Place::whole(), problem }
}

const LONGEST_HEAD: u64 = 1 << 20;
const TAR_BLOCK: u64 = 512;
