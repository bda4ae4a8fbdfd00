//! Files that hold keys and certificates.

use std::{fs::Metadata, path::Path};

use zeroize::Zeroizing;

use super::{IdentityFault, problem};
use crate::{
    Result,
    file::{self, LARGEST_CERTIFICATES, LARGEST_KEY},
};

/// Reads a file of certificates.
pub(super) fn read(path: &Path) -> Result<Zeroizing<Vec<u8>>> {
    file::read(path, "reading the certificates", LARGEST_CERTIFICATES)
}

/// Reads a file that holds a key; one that group or others may read is refused unless allowed.
pub(super) fn read_key(path: &Path, allow_readable: bool) -> Result<Zeroizing<Vec<u8>>> {
    file::read_if(path, "reading the private key", LARGEST_KEY, |metadata| {
        let Some(mode) = shared(metadata).filter(|_| !allow_readable) else { return Ok(()) };
        let open =
            format!("{}: mode {mode:04o} opens the private key to group or others: chmod 600 it", path.display());
        Err(problem(IdentityFault::OpenToOthers, open))
    })
}

/// The permission bits, where group or others have any.
#[cfg(unix)]
pub(super) fn shared(metadata: &Metadata) -> Option<u32> {
    use std::os::unix::fs::PermissionsExt;
    let mode = metadata.permissions().mode() & 0o777;
    (mode & 0o077 != 0).then_some(mode)
}

/// Elsewhere permissions are no bits; who may read is left to the system.
#[cfg(not(unix))]
pub(super) fn shared(_: &Metadata) -> Option<u32> {
    None
}
