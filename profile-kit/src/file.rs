//! Files that a caller names, read whole and up to a bound: a name may stand for a device that never ends.

use std::{
    fs::{File, Metadata},
    io::{self, ErrorKind, Read},
    path::Path,
};

use zeroize::Zeroizing;

use crate::{Error, Result};

/// The most that a file of certificates may hold, in bytes.
pub(crate) const LARGEST_CERTIFICATES: u64 = 16 << 20;
/// The most that a file with a private key may hold, in bytes.
pub(crate) const LARGEST_KEY: u64 = 1 << 20;
/// The most that a file with a passphrase may hold, in bytes.
pub(crate) const LARGEST_PASSPHRASE: u64 = 64 << 10;

/// Reads a file of at most so many bytes; they are wiped when dropped.
///
/// # Errors
/// [`Error::Io`], also for a file that is larger.
pub(crate) fn read(path: &Path, doing: &'static str, largest: u64) -> Result<Zeroizing<Vec<u8>>> {
    read_if(path, doing, largest, |_| Ok(()))
}

/// As [`read`], unless what is known of the file stands against it.
pub(crate) fn read_if(
    path: &Path,
    doing: &'static str,
    largest: u64,
    admit: impl FnOnce(&Metadata) -> Result<()>,
) -> Result<Zeroizing<Vec<u8>>> {
    let failed = |source| Error::Io { path: path.to_owned(), doing, source };
    let file = File::open(path).map_err(failed)?;
    let metadata = file.metadata().map_err(failed)?;
    admit(&metadata)?;
    up_to(largest, &file, &metadata).map_err(failed)
}

fn up_to(largest: u64, file: &File, metadata: &Metadata) -> io::Result<Zeroizing<Vec<u8>>> {
    // Room for all of it at once: a buffer that grows leaves copies behind that nobody wipes.
    let size = if metadata.is_file() { metadata.len().min(largest) } else { largest };
    let mut bytes = Zeroizing::new(Vec::with_capacity(usize::try_from(size).unwrap_or(0).saturating_add(1)));
    file.take(largest + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > largest {
        return Err(io::Error::new(ErrorKind::FileTooLarge, format!("it is larger than {}", shown(largest))));
    }
    Ok(bytes)
}

fn shown(bound: u64) -> String {
    if bound < 1 << 20 { format!("{} KiB", bound >> 10) } else { format!("{} MiB", bound >> 20) }
}

#[cfg(test)]
mod tests {
    use std::{error::Error as _, fs};

    use super::*;

    #[test]
    fn refuses_a_file_that_is_larger_than_its_bound_and_names_both() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("passphrase");
        fs::write(&path, vec![b'x'; 1024]).unwrap();
        assert_eq!(read(&path, "reading", 1024).unwrap().len(), 1024);
        fs::write(&path, vec![b'x'; 1025]).unwrap();
        let error = read(&path, "reading", 1024).unwrap_err();
        assert_eq!(error.to_string(), format!("{}: reading", path.display()));
        assert_eq!(error.source().unwrap().to_string(), "it is larger than 1 KiB");
    }

    #[test]
    #[cfg(unix)]
    fn a_device_that_never_ends_is_refused() {
        let error = read(Path::new("/dev/zero"), "reading", LARGEST_KEY).unwrap_err();
        assert_eq!(error.source().unwrap().to_string(), "it is larger than 1 MiB");
    }
}
