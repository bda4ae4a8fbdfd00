//! Files that are ones.

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
