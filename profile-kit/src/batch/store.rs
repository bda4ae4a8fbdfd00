//! Where a batch's files go: a folder, a tar or a zip.

mod directory;
pub(super) mod tar;
pub(super) mod zip;

use std::{
    fs::File,
    io,
    path::{Path, PathBuf},
    time::SystemTime,
};

use self::{directory::Directory, tar::Tar, zip::Zip};
use crate::{Error, Result};

/// Where the files of a batch go.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Out {
    /// A folder of their own, the manifest among them.
    Directory(PathBuf),
    /// A tar archive (POSIX ustar, GNU names where they are long); the manifest beside it.
    Tar(PathBuf),
    /// A zip archive, stored; the manifest beside it. It cannot be resumed, and keeps some 300 bytes a file in memory.
    Zip(PathBuf),
}

impl Out {
    /// By the name: `FILE.tar`, `FILE.zip`, or a folder.
    pub fn of(path: impl Into<PathBuf>) -> Self {
        let path = path.into();
        match path.extension().and_then(|extension| extension.to_str()) {
            Some(tar) if tar.eq_ignore_ascii_case("tar") => Out::Tar(path),
            Some(zip) if zip.eq_ignore_ascii_case("zip") => Out::Zip(path),
            _ => Out::Directory(path),
        }
    }

    /// The folder or archive.
    pub fn path(&self) -> &Path {
        let (Out::Directory(path) | Out::Tar(path) | Out::Zip(path)) = self;
        path
    }

    /// `DIR/manifest.jsonl`, or `FILE.tar.manifest.jsonl`.
    pub fn manifest(&self) -> PathBuf {
        match self {
            Out::Directory(path) => path.join(MANIFEST),
            Out::Tar(path) | Out::Zip(path) => {
                let mut name = path.clone().into_os_string();
                name.push(".");
                name.push(MANIFEST);
                name.into()
            }
        }
    }

    /// Where the files of a manifest are: in the archive whose name its own begins with, else in its folder.
    pub(super) fn beside(manifest: &Path) -> Self {
        match Out::of(manifest.with_extension("").with_extension("")) {
            archive @ (Out::Tar(_) | Out::Zip(_)) if archive.manifest() == manifest => archive,
            _ => Out::Directory(manifest.parent().map(Path::to_owned).unwrap_or_default()),
        }
    }

    /// The words in a manifest.
    pub(super) const KINDS: [&str; 3] = ["directory", "tar", "zip"];

    /// The word in the manifest.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Out::Directory(_) => "directory",
            Out::Tar(_) => "tar",
            Out::Zip(_) => "zip",
        }
    }

    pub(super) fn failed(&self, doing: &'static str) -> impl Fn(io::Error) -> Error {
        failed(self.path(), doing)
    }
}

pub(super) fn failed(path: &Path, doing: &'static str) -> impl Fn(io::Error) -> Error {
    move |source| Error::Io { path: path.to_owned(), doing, source }
}

/// Files on their way to their place.
pub(super) enum Store {
    Directory(Directory),
    Tar(Box<Tar>),
    Zip(Box<Zip>),
}

impl Store {
    /// That nothing is there yet, a manifest aside; makes the folder where it is one.
    pub fn admit(out: &Out) -> Result<()> {
        let admitted = match out {
            Out::Directory(path) => Directory::create(path).map(drop),
            Out::Tar(path) | Out::Zip(path) if path.exists() => {
                Err(io::Error::new(io::ErrorKind::AlreadyExists, ARCHIVE_IS_THERE))
            }
            Out::Tar(_) | Out::Zip(_) => Ok(()),
        };
        admitted.map_err(out.failed("cannot be made"))
    }

    /// A new one.
    pub fn create(out: &Out, written: SystemTime) -> Result<Self> {
        let made = match out {
            Out::Directory(path) => Directory::reopen(path, false).map(Store::Directory),
            Out::Tar(path) => Tar::create(path, written).map(|tar| Store::Tar(Box::new(tar))),
            Out::Zip(path) => Zip::create(path, written).map(|zip| Store::Zip(Box::new(zip))),
        };
        made.map_err(out.failed("cannot be made"))
    }

    /// One that is to be gone on with; a tar after so many bytes.
    pub fn reopen(out: &Out, written: SystemTime, length: u64) -> Result<Self> {
        let opened = match out {
            Out::Directory(path) => Directory::reopen(path, true).map(Store::Directory),
            Out::Tar(path) => Tar::reopen(path, written, length).map(|tar| Store::Tar(Box::new(tar))),
            Out::Zip(_) => Err(io::Error::other("a zip cannot be gone on with")),
        };
        opened.map_err(out.failed("cannot be gone on with"))
    }

    /// Writes a file that is not there yet.
    pub fn put(&mut self, name: &str, bytes: &[u8]) -> io::Result<()> {
        match self {
            Store::Directory(directory) => directory.put(name, bytes),
            Store::Tar(tar) => tar.put(name, bytes),
            Store::Zip(zip) => zip.put(name, bytes),
        }
    }

    /// Writes a file with the bytes of one that was put before: as a link to it, where that can be.
    pub fn put_again(&mut self, name: &str, before: &str, bytes: &[u8]) -> io::Result<()> {
        match self {
            Store::Directory(directory) => directory.put_again(name, before, bytes),
            other => other.put(name, bytes),
        }
    }

    /// How many files of a run that was broken off were in the way, and were made anew.
    pub fn replaced(&self) -> u64 {
        match self {
            Store::Directory(directory) => directory.replaced(),
            Store::Tar(_) | Store::Zip(_) => 0,
        }
    }

    /// Hands to the system what is still held here.
    pub fn flush(&mut self) -> io::Result<()> {
        match self {
            Store::Directory(_) => Ok(()),
            Store::Tar(tar) => tar.flush(),
            Store::Zip(_) => Ok(()),
        }
    }

    /// Ends an archive, so that others can read it.
    pub fn finish(&mut self) -> io::Result<()> {
        match self {
            Store::Directory(_) => Ok(()),
            Store::Tar(tar) => tar.finish(),
            Store::Zip(zip) => zip.finish(),
        }
    }

    /// What brings to the disk what was put, from another thread.
    pub fn syncer(&self) -> io::Result<Syncer> {
        match self {
            Store::Directory(directory) => directory.handle().map(Syncer::Directory),
            Store::Tar(tar) => tar.handle().map(Syncer::File),
            Store::Zip(zip) => zip.handle().map(Syncer::File),
        }
    }
}

/// Brings to the disk what was put.
pub(super) enum Syncer {
    /// A folder: its whole file system, since a sync a file costs more than the file's signature.
    Directory(File),
    File(File),
}

impl Syncer {
    /// When it returns, everything that was put and flushed before it was called is on the disk; `names` are the files
    /// that were put since the last call.
    pub fn sync(&self, names: &[PathBuf]) -> io::Result<()> {
        match self {
            Syncer::Directory(folder) => directory::sync(folder, names),
            Syncer::File(file) => {
                file.sync_data()?;
                forget(file);
                Ok(())
            }
        }
    }
}

/// Gives back the memory in which the system keeps what is on the disk already: an archive of gigabytes would take it
/// from everybody else's files, and to write into memory that was used before is faster than into new one. Files in a
/// folder stay there, as each would have to be read by itself.
fn forget(archive: &File) {
    // It is advice: where it is not taken, nothing is lost.
    #[cfg(target_os = "linux")]
    let _ = rustix::fs::fadvise(archive, 0, None, rustix::fs::Advice::DontNeed);
    #[cfg(not(target_os = "linux"))]
    let _ = archive;
}

const ARCHIVE_IS_THERE: &str =
    "it is there already, and no manifest beside it says that a batch was begun there: give another place";
/// The manifest's name.
pub(super) const MANIFEST: &str = "manifest.jsonl";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_files_of_a_manifest_are_in_the_archive_that_it_is_named_after_or_in_its_folder() {
        for out in ["a/b.tar", "b.ZIP", "a.b/c.d.tar", "a/b", "."].map(Out::of) {
            assert_eq!(Out::beside(&out.manifest()), out);
        }
        for name in ["joined.manifest.jsonl", "all.jsonl", "a.tar.jsonl", "manifest.jsonl", "a.tar.manifest.jsonl.old"]
        {
            assert_eq!(Out::beside(&Path::new("a").join(name)), Out::Directory("a".into()), "{name}");
        }
    }
}
