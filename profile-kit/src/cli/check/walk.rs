//! Which files a path stands for.

use std::{
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
};

use walkdir::{DirEntry, WalkDir};

use crate::cli::outcome::Failure;

/// What a path led to.
pub enum Found {
    /// A file to check.
    File(PathBuf),
    /// Nothing that could be read.
    Trouble(Failure),
}

/// The file itself, whatever its name; of a directory the profiles below it, in the order of their names.
///
/// Not what `.gitignore` names is left out: signed profiles are often ignored by git, and are what devices get.
pub fn files(path: &Path) -> Vec<Found> {
    if !fs::metadata(path).is_ok_and(|metadata| metadata.is_dir()) {
        return vec![Found::File(path.to_owned())];
    }
    let entries = WalkDir::new(path).sort_by_file_name().into_iter();
    let seen = entries.filter_entry(|entry| entry.depth() == 0 || !is_hidden(entry.file_name()));
    let found: Vec<Found> = seen
        .filter_map(|entry| match entry {
            Ok(entry) => is_profile(&entry).then(|| Found::File(entry.into_path())),
            Err(error) => Some(Found::Trouble(trouble(path, &error))),
        })
        .collect();
    if found.is_empty() {
        let message = format!("{}: no profile is below it: no name ends in .mobileconfig", path.display());
        return vec![Found::Trouble(Failure::usage(message))];
    }
    found
}

fn is_hidden(name: &OsStr) -> bool {
    name.as_encoded_bytes().starts_with(b".")
}

/// A file, or a link to one: links to directories could lead anywhere, and round and round. One that leads nowhere is a
/// profile that cannot be read.
fn is_profile(entry: &DirEntry) -> bool {
    let name = entry.file_name().as_encoded_bytes().to_ascii_lowercase();
    let is_file = || match entry.path_is_symlink() {
        true => fs::metadata(entry.path()).map_or(true, |metadata| metadata.is_file()),
        false => entry.file_type().is_file(),
    };
    name.ends_with(b".mobileconfig") && is_file()
}

fn trouble(path: &Path, error: &walkdir::Error) -> Failure {
    let name = error.path().unwrap_or(path).display().to_string();
    match error.io_error() {
        Some(cause) => Failure::io(&name, "cannot be read", cause),
        None => Failure::usage(format!("{name}: {error}")),
    }
}
