//! Going on with a batch that was broken off: what its manifest tells is done, everything else is not.

use std::{
    collections::VecDeque,
    fs::{self, File, OpenOptions},
    io::{self, BufRead, BufReader, Read, Seek, SeekFrom},
    path::Path,
    time::SystemTime,
};

use openssl::sha::sha256;

use super::{
    Event, Report,
    archive::Tar,
    installed::{is_within, regular, up_to},
    manifest::{self, CLOCK, Head, Line, Made, Reading, Tally},
    store::{Out, Store, failed},
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
pub(super) fn go_on(
    out: &Out,
    head: &Head,
    written: SystemTime,
    tell: &mut dyn FnMut(Event<'_>),
) -> Result<Option<Resumed>> {
    let path = out.manifest();
    let Some(manifest) = opened(&path)? else { return Ok(None) };
    manifest::lock(&manifest, &path)?;
    if !is_begun(&manifest, &path)? {
        // What else is there may be somebody else's, and the manifest with it.
        Store::admit(out)?;
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
        Out::Tar(path) => in_tar(path, written, &mut reading)?,
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
    match regular(path, OpenOptions::new().read(true).write(true)) {
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
    let cannot = |made: &Made, cause| failed(&path(made), "cannot be read")(cause);
    let size = |made: &Made| match fs::metadata(path(made)) {
        Err(cause) if matches!(cause.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Ok(None),
        file => file.map(|file| Some(file.len())).map_err(|cause| cannot(made, cause)),
    };
    let done = walk(reading, |made| Ok(size(made)?.filter(|size| *size == made.size).map(|_| 0)))?;
    done.compare(reading, |Named { made, .. }| {
        let found = File::open(path(made)).and_then(|file| up_to(made.size, file));
        found.map_err(|cause| cannot(made, cause))
    })?;
    Ok(done)
}

fn in_tar(path: &Path, written: SystemTime, reading: &mut Reading) -> Result<Done> {
    let cannot = failed(path, "cannot be read");
    let mut file = match File::open(path) {
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => return walk(reading, |_| Ok(None)),
        file => file.map_err(&cannot)?,
    };
    let mut tar = Tar::open(path, written).map_err(&cannot)?;
    let done = walk(reading, |made| tar.next(made).map_err(&cannot))?;
    done.compare(reading, |Named { made, start, .. }| {
        let found = file.seek(SeekFrom::Start(*start)).and_then(|_| up_to(made.size, (&mut file).take(made.size)));
        found.map_err(&cannot)
    })?;
    Ok(done)
}

/// Looks for what was done; `start` tells where a file begins that is there as a line says, its bytes aside.
fn walk(reading: &mut Reading, mut start: impl FnMut(&Made) -> Result<Option<u64>>) -> Result<Done> {
    let mut last = VecDeque::new();
    while let Some(line) = reading.next()? {
        let Line::Made(made) = line else { continue };
        if !is_within(&made.file) {
            return Err(reading.refused(reading.line(), "names a file that is not in the batch's folder"));
        }
        let start = start(&made)?.ok_or_else(|| changed(reading, reading.line(), &made))?;
        last.push_back(Named { line: reading.line(), made, start });
        if last.len() > LAST {
            last.pop_front();
        }
    }
    Ok(Done(last))
}

impl Done {
    /// Compares the last files by their digests: with them a crash may have meddled.
    fn compare(&self, reading: &Reading, mut read: impl FnMut(&Named) -> Result<Vec<u8>>) -> Result<()> {
        self.0.iter().try_for_each(|named| match hex(&sha256(&read(named)?)) == named.made.signed {
            true => Ok(()),
            false => Err(changed(reading, named.line, &named.made)),
        })
    }

    /// Where the last file ends in a tar.
    fn length(&self) -> u64 {
        self.0.back().map_or(0, |Named { made, start, .. }| start + made.size)
    }
}

fn changed(reading: &Reading, line: usize, made: &Made) -> Error {
    let file = redact::escape(&made.file);
    reading.refused(line, format!("names {file}, which is not there as it was made"))
}

const NO_ZIP: &str = "a zip has its table of contents at its end: begin again elsewhere";
const LONGEST_HEAD: u64 = 1 << 20;
/// How a head begins.
const HEAD: &[u8] = br#"{"format":1,"made":""#;
/// Files that are compared by their digests, not only by their sizes.
const LAST: usize = 1024;
