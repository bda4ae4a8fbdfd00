//! A folder, and its sub-folders where there are such.

use std::{
    collections::BTreeSet,
    fs::{self, DirEntry, File, OpenOptions},
    io::{self, Write},
    path::{Path, PathBuf},
};

use super::MANIFEST;

pub(in crate::batch) struct Directory {
    path: PathBuf,
    /// The sub-folders that are there.
    folders: BTreeSet<String>,
    /// Whether a file that is in the way is of a run that was broken off, and gives way.
    is_resumed: bool,
    /// How many gave way.
    replaced: u64,
}

impl Directory {
    /// A new folder, or one that is there and empty, a manifest aside.
    pub fn create(path: &Path) -> io::Result<Self> {
        fs::create_dir_all(path)?;
        let is_manifest = |entry: &io::Result<DirEntry>| entry.as_ref().is_ok_and(|it| it.file_name() == MANIFEST);
        if !fs::read_dir(path)?.all(|entry| is_manifest(&entry)) {
            return Err(io::Error::new(
                io::ErrorKind::DirectoryNotEmpty,
                "it is not empty, and no manifest in it says that a batch was begun there: give another place",
            ));
        }
        Self::reopen(path, false)
    }

    /// One that is there. In one that is gone on with, what stands under the name of a file that is to be made is what
    /// the run before left half-made: no line names it.
    pub fn reopen(path: &Path, is_resumed: bool) -> io::Result<Self> {
        fs::metadata(path)?;
        Ok(Self { path: path.to_owned(), folders: BTreeSet::new(), is_resumed, replaced: 0 })
    }

    pub fn put(&mut self, name: &str, bytes: &[u8]) -> io::Result<()> {
        self.make_folder(name)?;
        let path = self.path.join(name);
        self.instead(&path, || OpenOptions::new().write(true).create_new(true).open(&path))?.write_all(bytes)
    }

    /// How many files were in the way, and were made anew.
    pub fn replaced(&self) -> u64 {
        self.replaced
    }

    /// Where no link can be made (as many as a file may have; a file system without) it is a copy.
    pub fn put_again(&mut self, name: &str, before: &str, bytes: &[u8]) -> io::Result<()> {
        self.make_folder(name)?;
        let (before, path) = (self.path.join(before), self.path.join(name));
        match self.instead(&path, || fs::hard_link(&before, &path)) {
            Err(cause) if cause.kind() != io::ErrorKind::AlreadyExists => self.put(name, bytes),
            linked => linked,
        }
    }

    /// Makes what stands nowhere yet; what a run before left there gives way.
    fn instead<T>(&mut self, path: &Path, make: impl Fn() -> io::Result<T>) -> io::Result<T> {
        match make() {
            Err(cause) if cause.kind() == io::ErrorKind::AlreadyExists && self.is_resumed => {
                fs::remove_file(path)?;
                self.replaced += 1;
                make()
            }
            made => made,
        }
    }

    fn make_folder(&mut self, name: &str) -> io::Result<()> {
        let Some((folder, _)) = name.split_once('/') else { return Ok(()) };
        if !self.folders.contains(folder) {
            let path = self.path.join(folder);
            fs::create_dir_all(&path)?;
            if fs::symlink_metadata(&path)?.is_symlink() {
                return Err(io::Error::other("its folder is a link, which may lead anywhere"));
            }
            self.folders.insert(folder.to_owned());
        }
        Ok(())
    }

    pub fn handle(&self) -> io::Result<File> {
        File::open(&self.path)
    }
}

/// The whole file system at once: files, names and folders.
#[cfg(target_os = "linux")]
pub(super) fn sync(folder: &File, _: &[PathBuf]) -> io::Result<()> {
    Ok(rustix::fs::syncfs(folder)?)
}

/// Elsewhere file by file, and the folders that they are in.
#[cfg(not(target_os = "linux"))]
pub(super) fn sync(folder: &File, names: &[PathBuf]) -> io::Result<()> {
    let folders: BTreeSet<&Path> = names.iter().filter_map(|name| name.parent()).collect();
    names.iter().map(PathBuf::as_path).chain(folders).try_for_each(|path| File::open(path)?.sync_all())?;
    folder.sync_all()
}
