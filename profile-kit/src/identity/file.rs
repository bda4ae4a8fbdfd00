//! Files that hold keys and certificates.

use std::{
    fs::{self, File, Metadata},
    io::Read,
    path::Path,
};

use zeroize::Zeroizing;

use super::problem;
use crate::{Error, Result};

/// Reads a file of certificates.
pub(super) fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).map_err(failed(path, "reading the certificates"))
}

/// Reads a file that holds a key; one that group or others may read is refused unless allowed.
pub(super) fn read_key(path: &Path, allow_readable: bool) -> Result<Zeroizing<Vec<u8>>> {
    let failed = || failed(path, "reading the private key");
    let mut file = File::open(path).map_err(failed())?;
    let metadata = file.metadata().map_err(failed())?;
    if let Some(mode) = shared(&metadata).filter(|_| !allow_readable) {
        return Err(problem(format!(
            "{}: mode {mode:04o} opens the private key to group or others: chmod 600 it, or allow it \
             (allow_readable_key)",
            path.display()
        )));
    }
    // Room for all of it at once: a buffer that grows leaves copies behind that nobody wipes.
    let size = usize::try_from(metadata.len()).unwrap_or(0);
    let mut bytes = Zeroizing::new(Vec::with_capacity(size.saturating_add(1)));
    file.read_to_end(&mut bytes).map_err(failed())?;
    Ok(bytes)
}

/// The permission bits, where group or others have any.
#[cfg(unix)]
fn shared(metadata: &Metadata) -> Option<u32> {
    use std::os::unix::fs::PermissionsExt;
    let mode = metadata.permissions().mode() & 0o777;
    (mode & 0o077 != 0).then_some(mode)
}

/// Elsewhere permissions are no bits; who may read is left to the system.
#[cfg(not(unix))]
fn shared(_: &Metadata) -> Option<u32> {
    None
}

fn failed(path: &Path, doing: &'static str) -> impl FnOnce(std::io::Error) -> Error {
    let path = path.to_owned();
    move |source| Error::Io { path, doing, source }
}
