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

/// Whether a file can be opened for writing, or made where it is not there: as far as that can be seen without doing it.
///
/// # Errors
/// Those of the system, and [`io::ErrorKind::InvalidInput`] for everything else than a file.
pub fn can_be_written(path: &Path) -> io::Result<()> {
    match fs::metadata(path) {
        Ok(file) if !file.is_file() => Err(io::Error::new(io::ErrorKind::InvalidInput, "it is no regular file")),
        // Without these bits its owner, who may be who asks, gives himself leave.
        Ok(file) if file.permissions().mode() & 0o600 == 0o600 => Ok(access(path, Access::READ_OK | Access::WRITE_OK)?),
        Ok(_) => Ok(()),
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => can_be_made_beside(path),
        Err(cause) => Err(cause),
    }
}

/// Whether files can be made beside one, or where it is to be.
///
/// # Errors
/// Those of the system.
pub fn can_be_made_beside(path: &Path) -> io::Result<()> {
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

#[cfg(test)]
mod tests {
    use std::{fs::Permissions, os::unix::fs::MetadataExt};

    use super::*;

    #[test]
    fn a_file_that_is_there_is_written_also_where_no_other_can_be_made() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        fs::write(&path, "").unwrap();
        fs::set_permissions(folder.path(), Permissions::from_mode(0o500)).unwrap();
        can_be_written(&path).unwrap();
        // Root may write everywhere.
        let is_root = fs::metadata(&path).unwrap().uid() == 0;
        assert_eq!(can_be_made_beside(&path).is_ok(), is_root);
        assert_eq!(can_be_written(&folder.path().join("other")).is_ok(), is_root);
    }
}
