//! The files of an earlier batch, read back in the order of its manifest.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, BufRead, BufReader, Read, Seek, SeekFrom},
    path::Path,
};

use ::tar::{Archive, Entries};
use ::zip::ZipArchive;

use super::{
    manifest::{Line, Made, Reading},
    name,
    store::{MANIFEST, Out, failed, tar::BLOCK},
};
use crate::Result;

/// Takes a line and the bytes of its file, or why there are none; whether more is wanted.
type Hand<'a> = &'a mut dyn FnMut(&Reading, Line, Result<Vec<u8>, String>) -> bool;

/// Reads one file after the other.
enum Files<'a> {
    Folder(&'a Path),
    Tar(Entries<'a, BufReader<File>>),
    Zip(Box<ZipArchive<BufReader<File>>>),
}

/// Hands over every further line of a manifest with, where it names a file, its bytes or why there are none; until it is
/// told `false`. Of rows that are not wanted there are no bytes.
///
/// # Errors
/// [`Error::Manifest`](crate::Error::Manifest); [`Error::Io`](crate::Error::Io) where the archive cannot be read.
pub(super) fn each(out: &Out, reading: &mut Reading, is_wanted: impl Fn(u64) -> bool, hand: Hand<'_>) -> Result<()> {
    let cannot = || out.failed("cannot be read");
    let open = || File::open(out.path()).map(BufReader::new).map_err(cannot());
    let mut archive;
    let mut files = match out {
        Out::Directory(path) => Files::Folder(path),
        Out::Tar(_) => {
            archive = Archive::new(open()?);
            Files::Tar(archive.entries().map_err(cannot())?)
        }
        Out::Zip(path) => Files::Zip(Box::new(
            ZipArchive::new(open()?).map_err(|cause| failed(path, "cannot be read")(io::Error::other(cause)))?,
        )),
    };
    while let Some(line) = reading.next()? {
        let bytes = match &line {
            Line::Made(made) => files.read(made, is_wanted(made.row)),
            Line::Failed(_) | Line::End(_) => Ok(Vec::new()),
        };
        if !hand(reading, line, bytes) {
            break;
        }
    }
    Ok(())
}

/// What is wrong with the archive of a whole batch behind the last of so many files that its manifest names: who unpacks
/// it gets that, too.
pub(super) fn surplus(out: &Out, named: u64) -> Option<String> {
    let found = match out {
        Out::Directory(_) => Ok(None),
        Out::Tar(path) => surplus_of_tar(path, named),
        Out::Zip(path) => surplus_of_zip(path, named),
    };
    found.unwrap_or_else(|cause| Some(format!("its archive cannot be read: {cause}")))
}

fn surplus_of_tar(path: &Path, named: u64) -> io::Result<Option<String>> {
    let mut archive = Archive::new(BufReader::new(File::open(path)?));
    let mut last = 0;
    for (entry, number) in archive.entries_with_seek()?.zip(1..) {
        let entry = entry?;
        if number > named {
            let name = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
            return Ok(Some(format!("its archive holds more than it names: {name:?}")));
        }
        last = entry.raw_file_position().saturating_add(entry.size());
    }
    let mut file = archive.into_inner();
    file.seek(SeekFrom::Start(last))?;
    rest_of_tar(file, last)
}

/// What is wrong behind the last file of a tar, where nothing is to be but what fills its block, and the two empty blocks
/// that POSIX wants; more of them do no harm.
fn rest_of_tar(mut file: impl BufRead, last: u64) -> io::Result<Option<String>> {
    let mut position = last;
    loop {
        let rest = file.fill_buf()?;
        if rest.iter().any(|byte| *byte != 0) {
            return Ok(Some("its archive holds more than it names, behind its end".into()));
        }
        let length = rest.len();
        if length == 0 {
            break;
        }
        file.consume(length);
        position += length as u64;
    }
    let is_ended = position >= last.next_multiple_of(BLOCK) + END && position.is_multiple_of(BLOCK);
    Ok((!is_ended).then(|| "its archive has no end: it was cut off".into()))
}

fn surplus_of_zip(path: &Path, named: u64) -> io::Result<Option<String>> {
    let files = ZipArchive::new(BufReader::new(File::open(path)?)).map_err(io::Error::other)?.len() as u64;
    Ok((files != named).then(|| format!("its archive holds {files} files, and it names {named}")))
}

impl Files<'_> {
    fn read(&mut self, made: &Made, is_wanted: bool) -> Result<Vec<u8>, String> {
        if !is_within(&made.file) {
            return Err("its name leads out of the batch's folder".into());
        }
        let size = if is_wanted { made.size } else { 0 };
        let read = match self {
            Files::Folder(_) | Files::Zip(_) if !is_wanted => Ok(Vec::new()),
            Files::Folder(folder) => {
                regular(&folder.join(&made.file), OpenOptions::new().read(true)).and_then(|file| up_to(made.size, file))
            }
            Files::Tar(entries) => match entries.next() {
                None => return Err("is not in the archive, which ends before it".into()),
                Some(Err(cause)) => Err(cause),
                Some(Ok(entry)) if entry.path_bytes().as_ref() != made.file.as_bytes() => {
                    let other = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
                    return Err(format!("is not in the archive where it should be: {other:?} is"));
                }
                Some(Ok(entry)) => up_to(size, entry),
            },
            Files::Zip(archive) => match archive.by_name(&made.file) {
                Ok(file) => up_to(made.size, file),
                Err(cause) => Err(io::Error::other(cause)),
            },
        };
        read.map_err(|cause| format!("cannot be read: {cause}"))
    }
}

/// A file that is one: opening what is none may wait for ever.
pub(super) fn regular(path: &Path, how: &OpenOptions) -> io::Result<File> {
    match fs::metadata(path)?.is_file() {
        true => how.open(path),
        false => Err(io::Error::new(io::ErrorKind::InvalidInput, "it is no regular file")),
    }
}

/// One byte more than there should be shows that there are more. No more is reserved than profiles have as a rule: the
/// size is a claim.
pub(super) fn up_to(size: u64, from: impl Read) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::with_capacity(usize::try_from(size).unwrap_or(USUAL).min(USUAL) + 1);
    from.take(size.min(LARGEST) + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// A name, or a name in one folder.
pub(super) fn is_within(file: &str) -> bool {
    let is_name = |part: &str| !part.is_empty() && part != "." && part != ".." && !part.contains(['\\', '\0']);
    match file.split_once('/') {
        None => is_name(file) && name::folded(file) != MANIFEST,
        Some((folder, name)) => is_name(folder) && is_name(name) && !name.contains('/'),
    }
}

/// In bytes.
const USUAL: usize = 64 << 10;
/// In bytes: the end of a tar.
const END: u64 = 2 * BLOCK;
/// In bytes: no profile is larger.
const LARGEST: u64 = 64 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reserves_nothing_by_claim() {
        assert!(up_to(u64::MAX, &b"few"[..]).unwrap().capacity() <= USUAL + 1);
        assert_eq!(up_to(2, &b"few"[..]).unwrap(), b"few");
        assert_eq!(up_to(1, &b"few"[..]).unwrap(), b"fe");
    }

    #[test]
    fn no_name_of_a_manifest_leads_out_of_its_folder() {
        for name in
            ["../a", "/a", "a/../b", "a/b/c", "..", "", "a//b", "a\\b", "./a", "manifest.jsonl", "Manifest.JSONL"]
        {
            assert!(!is_within(name), "{name:?}");
        }
        assert!(is_within("a.mobileconfig") && is_within("3f/a.mobileconfig"));
    }
}
