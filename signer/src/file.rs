//! Files, and the folders that they are in.

use std::{
    fs::{self, File},
    io,
    os::unix::fs::PermissionsExt,
    path::Path,
};

use rustix::fs::{Access, access};

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

/// Whether a file can be opened for writing, or made where it is not there, with others beside it: as far as that can be
/// seen without doing it.
///
/// # Errors
/// Those of the system, and [`io::ErrorKind::InvalidInput`] for everything else than a file.
pub fn can_be_written(path: &Path) -> io::Result<()> {
    match fs::metadata(path) {
        Ok(file) if !file.is_file() => {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is no regular file"));
        }
        // Without these bits its owner, who may be who asks, gives himself leave.
        Ok(file) if file.permissions().mode() & 0o600 == 0o600 => access(path, Access::READ_OK | Access::WRITE_OK)?,
        Ok(_) => {}
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => {}
        Err(cause) => return Err(cause),
    }
    // What lies beside a file lies where a link leads.
    let path = path.canonicalize().unwrap_or(path.to_owned());
    let folder = folder_of(&path);
    let named = |cause: rustix::io::Errno| {
        let cause = io::Error::from(cause);
        io::Error::new(cause.kind(), format!("its folder {}: {cause}", folder.display()))
    };
    access(folder, Access::WRITE_OK | Access::EXEC_OK).map_err(named)
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
