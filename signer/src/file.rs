//! Files, and the folders that they are in.

use std::{
    fs::{self, File},
    io,
    path::Path,
};

/// Opens a regular file; a pipe in its place would keep who opens it waiting.
///
/// # Errors
/// Those of the system, and [`io::ErrorKind::InvalidInput`] for everything else than a file.
pub fn open_regular(path: &Path) -> io::Result<File> {
    match fs::metadata(path)?.is_file() {
        true => File::open(path),
        false => Err(io::Error::new(io::ErrorKind::InvalidInput, "it is no regular file")),
    }
}

/// The folder that a file is in.
pub fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Makes a file's new name durable.
///
/// # Errors
/// Those of the system.
pub fn sync_folder(path: &Path) -> io::Result<()> {
    File::open(folder_of(path))?.sync_all()
}
