//! Going on with a batch that was broken off: what its manifest tells is done, everything else is not.

use std::{
    collections::VecDeque,
    fs::{self, File, OpenOptions},
    io::{self, BufRead, BufReader, Read, Seek, SeekFrom},
    path::Path,
    time::SystemTime,
};

use ::tar::{Archive, Entries};
use openssl::sha::sha256;

use super::{
    Event, Report,
    installed::{TAR_BLOCK, is_within, up_to},
    manifest::{self, CLOCK, Head, Line, Made, Reading, Tally},
    store::{Out, failed},
};
use crate::{Error, Result, certificate::hex, redact, template::date};

/// Where a batch goes on.
#[derive(Debug)]
pub(super) struct Resumed {
    pub tally: Tally,
    /// Bytes of the manifest that count.
    pub position: u64,
    /// Bytes of the archive that count.
    pub length: u64,
    pub is_complete: bool,
    /// The manifest, which nobody else writes meanwhile.
    pub manifest: File,
}

/// The signing time of a batch that was begun; `None` where there is none. It changes nothing.
///
/// # Errors
/// [`Error::Io`]; [`Error::Manifest`].
pub fn signing_time(out: &Out) -> Result<Option<SystemTime>> {
    moment(out, "signing time", |head| Some(&head.signing_time))
}

/// The clock of overwrites that were begun, likewise.
pub(super) fn clock(out: &Out) -> Result<Option<SystemTime>> {
    moment(out, "clock", |head| head.options.get(CLOCK))
}

fn moment(out: &Out, what: &str, of: impl Fn(&Head) -> Option<&String>) -> Result<Option<SystemTime>> {
    let path = out.manifest();
    let Some(file) = opened(&path)? else { return Ok(None) };
    if !is_begun(&file, &path)? {
        return Ok(None);
    }
    let (head, reading) = Reading::new(&path, file)?;
    let Some(text) = of(&head) else { return Ok(None) };
    let moment = date(text).map(|date| Some(date.into()));
    moment.ok_or_else(|| reading.refused(1, format!("its {what} is no date")))
}

/// Locks the manifest and reads what was done. `None` where nothing was begun.
///
/// What lies there and is named by no line stays until a row makes its file anew: a file that no row of the batch makes
/// is somebody else's.
///
/// # Errors
/// [`Error::Manifest`] where it was made of something else, or what it names is not there;
/// [`Error::Io`] where another process writes it, or it is that of a zip.
pub(super) fn go_on(out: &Out, head: &Head, tell: &mut dyn FnMut(Event<'_>)) -> Result<Option<Resumed>> {
    let path = out.manifest();
    let Some(manifest) = opened(&path)? else { return Ok(None) };
    manifest::lock(&manifest, &path)?;
    if !is_begun(&manifest, &path)? {
        fs::remove_file(&path).map_err(failed(&path, "cannot be removed"))?;
        return Ok(None);
    }
    let again = manifest.try_clone().map_err(failed(&path, "cannot be read"))?;
    let (was, mut reading) = Reading::new(&path, again)?;
    if matches!(out, Out::Zip(_)) {
        return Err(out.failed("cannot be gone on with")(io::Error::new(io::ErrorKind::Unsupported, NO_ZIP)));
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
        let problem = format!("the batch was made of something else: {}", differences.join("; "));
        return Err(reading.refused(0, problem));
    }
    let done = match out {
        Out::Tar(path) => in_tar(path, &mut reading)?,
        _ => in_folder(out.path(), &mut reading)?,
    };
    let (is_complete, length) = (reading.is_at_end(), done.length());
    if is_complete {
        tell(Event::Note("the batch is complete: nothing is left to do"));
    }
    let (tally, position) = (reading.told(), reading.position());
    Ok(Some(Resumed { tally, position, length, is_complete, manifest }))
}

impl Resumed {
    /// The row up to which all is done.
    pub fn last_row(&self) -> u64 {
        self.tally.rows
    }

    /// Of a batch that is complete.
    pub fn report(&self, out: &Out) -> Report {
        Report {
            rows: self.tally.rows,
            made: self.tally.made,
            failed: self.tally.failed,
            resumed: self.tally.made + self.tally.failed,
            is_complete: true,
            is_stopped: false,
            manifest: Some(out.manifest()),
        }
    }
}

fn opened(path: &Path) -> Result<Option<File>> {
    match OpenOptions::new().read(true).write(true).open(path) {
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => Ok(None),
        file => file.map(Some).map_err(failed(path, "cannot be read")),
    }
}

/// Whether a manifest was begun: one that ends within its first line was not. The file is at its start afterwards.
///
/// # Errors
/// [`Error::Manifest`] for another file of that name; [`Error::Io`].
fn is_begun(mut file: &File, path: &Path) -> Result<bool> {
    let mut first = Vec::new();
    let read = BufReader::new(file).take(LONGEST_HEAD).read_until(b'\n', &mut first);
    read.and_then(|_| file.rewind()).map_err(failed(path, "cannot be read"))?;
    if first.ends_with(b"\n") || first.len() == LONGEST_HEAD as usize {
        return Ok(true);
    }
    match first.starts_with(HEAD) || HEAD.starts_with(&first) {
        true => Ok(false),
        false => Err(manifest::refused(path, 1, "is not the first line of a manifest")),
    }
}

/// The last files that were made.
struct Done(VecDeque<Named>);

/// A file that was found under the name that a line gives.
struct Named {
    line: usize,
    made: Made,
    /// Where it begins: in an archive, not at 0.
    start: u64,
}

fn in_folder(folder: &Path, reading: &mut Reading) -> Result<Done> {
    let path = |made: &Made| folder.join(&made.file);
    let has_size = |made: &Made| fs::metadata(path(made)).is_ok_and(|file| file.len() == made.size);
    let done = walk(reading, |made| has_size(made).then_some(0))?;
    done.compare(reading, |Named { made, .. }| up_to(made.size, File::open(path(made))?))?;
    Ok(done)
}

fn in_tar(path: &Path, reading: &mut Reading) -> Result<Done> {
    let cannot = failed(path, "cannot be read");
    let file = match File::open(path) {
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => return walk(reading, |_| None),
        file => file.map_err(&cannot)?,
    };
    let mut archive = Archive::new(BufReader::new(file));
    let mut entries = archive.entries_with_seek().map_err(&cannot)?;
    let done = walk(reading, |made| start_of(&mut entries, made))?;
    let mut file = archive.into_inner();
    done.compare(reading, |Named { made, start, .. }| {
        file.seek(SeekFrom::Start(*start))?;
        up_to(made.size, file.by_ref().take(made.size))
    })?;
    Ok(done)
}

/// Where the bytes of the next entry begin, if it is what a line names.
fn start_of<R: Read>(entries: &mut Entries<'_, R>, made: &Made) -> Option<u64> {
    let entry = entries.next()?.ok()?;
    let is_it = entry.path_bytes().as_ref() == made.file.as_bytes() && entry.size() == made.size;
    is_it.then(|| entry.raw_file_position())
}

/// Looks for what was done; `start` tells where a file begins that has the name and size of a line.
fn walk(reading: &mut Reading, mut start: impl FnMut(&Made) -> Option<u64>) -> Result<Done> {
    let mut last = VecDeque::new();
    while let Some(line) = reading.next()? {
        let Line::Made(made) = line else { continue };
        if !is_within(&made.file) {
            return Err(reading.refused(reading.line(), "names a file that is not in the batch's folder"));
        }
        let start = start(&made).ok_or_else(|| changed(reading, reading.line(), &made))?;
        last.push_back(Named { line: reading.line(), made, start });
        if last.len() > LAST {
            last.pop_front();
        }
    }
    Ok(Done(last))
}

impl Done {
    /// Compares the last files by their digests: with them a crash may have meddled.
    fn compare(&self, reading: &Reading, mut read: impl FnMut(&Named) -> io::Result<Vec<u8>>) -> Result<()> {
        let mut is_changed = |named: &&Named| !read(named).is_ok_and(|bytes| hex(&sha256(&bytes)) == named.made.signed);
        match self.0.iter().find(|named| is_changed(named)) {
            Some(Named { line, made, .. }) => Err(changed(reading, *line, made)),
            None => Ok(()),
        }
    }

    /// Where the last file ends in a tar.
    fn length(&self) -> u64 {
        self.0.back().map_or(0, |Named { made, start, .. }| start + made.size.next_multiple_of(TAR_BLOCK))
    }
}

fn changed(reading: &Reading, line: usize, made: &Made) -> Error {
    let file = redact::escape(&made.file);
    reading.refused(line, format!("names {file}, which is not there as it was made"))
}

const NO_ZIP: &str = "a zip has its table of contents at its end: begin again elsewhere";
const LONGEST_HEAD: u64 = 1 << 20;
/// How a head begins.
const HEAD: &[u8] = br#"{"format":"#;
/// Files that are compared by their digests, not only by their sizes.
const LAST: usize = 1024;
