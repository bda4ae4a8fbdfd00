//! What opens an encrypted key.

use std::{
    fmt,
    fs::{self, Metadata},
    io,
    path::Path,
};

use zeroize::Zeroizing;

use super::{IdentityFault, file::shared, problem};
use crate::{
    Error, Result,
    file::{self, LARGEST_PASSPHRASE},
};

/// A passphrase: wiped from memory when dropped, shown as `[redacted]`.
///
/// Copies that OpenSSL makes while it opens a key are OpenSSL's own.
#[derive(Clone)]
pub struct Passphrase(Zeroizing<Vec<u8>>);

impl Passphrase {
    /// A passphrase of these bytes.
    pub fn new(bytes: impl Into<Vec<u8>>) -> Self {
        Self(Zeroizing::new(bytes.into()))
    }

    /// Reads a file of at most 64 KiB; one line ending at its end is not part of the passphrase.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn from_file(path: impl AsRef<Path>) -> Result<Self> {
        let bytes = file::read(path.as_ref(), "reading the passphrase", LARGEST_PASSPHRASE)?;
        let passphrase = bytes.strip_suffix(b"\n").unwrap_or(&bytes);
        Ok(Self::new(passphrase.strip_suffix(b"\r").unwrap_or(passphrase)))
    }

    /// The permission bits of a passphrase's file that group or others may read: [`from_file`](Passphrase::from_file) takes
    /// it all the same, and who keeps a passphrase there should hear of it. `None` for every other one, and for what is no
    /// regular file.
    pub fn mode_open_to_others(path: impl AsRef<Path>) -> Option<u32> {
        shared(&fs::metadata(path).ok().filter(Metadata::is_file)?)
    }

    /// Takes the value of an environment variable.
    ///
    /// # Errors
    /// [`Error::Identity`] where it is not set.
    pub fn from_env(name: &str) -> Result<Self> {
        let unset = || format!("environment variable {name}, for the passphrase, is not set");
        let value = std::env::var_os(name).ok_or_else(|| problem(IdentityFault::NoPassphrase, unset()))?;
        Ok(Self::new(value.into_encoded_bytes()))
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// As PKCS#12 takes it.
    pub(crate) fn text(&self) -> Result<&str> {
        let text = std::str::from_utf8(&self.0).ok().filter(|text| !text.contains('\0'));
        let unfit = "the passphrase of a PKCS#12 file must be UTF-8 without a zero character";
        text.ok_or_else(|| problem(IdentityFault::WrongPassphrase, unfit))
    }
}

/// Opens what is at a path with the passphrase that is given; where it needs one (`None` comes) and none is given, with
/// the one that is asked for.
pub(super) fn opened<T>(
    path: &Path,
    given: Option<&Passphrase>,
    ask: impl FnOnce() -> io::Result<Option<Passphrase>>,
    open: impl Fn(Option<&Passphrase>) -> Result<Option<T>>,
) -> Result<T> {
    if let Some(opened) = open(given)? {
        return Ok(opened);
    }
    let failed = |source| Error::Io { path: path.to_owned(), doing: "asking for its passphrase", source };
    let asked = ask().map_err(failed)?.ok_or_else(needed)?;
    open(Some(&asked))?.ok_or_else(needed)
}

/// What is to be said where a passphrase is needed and there is none.
pub(super) fn needed() -> Error {
    problem(IdentityFault::NoPassphrase, "the private key is encrypted, and no passphrase was given")
}

impl From<&str> for Passphrase {
    fn from(text: &str) -> Self {
        Self::new(text)
    }
}

impl From<String> for Passphrase {
    fn from(text: String) -> Self {
        Self::new(text)
    }
}

impl fmt::Debug for Passphrase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn read(content: &[u8]) -> Vec<u8> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("passphrase");
        fs::write(&path, content).unwrap();
        Passphrase::from_file(path).unwrap().as_bytes().to_owned()
    }

    #[test]
    fn one_line_ending_at_the_end_of_a_file_is_not_part_of_it() {
        assert_eq!(read(b"correct horse\n"), b"correct horse");
        assert_eq!(read(b"correct horse\r\n"), b"correct horse");
        assert_eq!(read(b"correct horse \n\n"), b"correct horse \n");
        assert_eq!(read(b"correct horse"), b"correct horse");
    }

    #[test]
    fn does_not_show_itself() {
        assert_eq!(format!("{:?}", Passphrase::from("correct horse")), "[redacted]");
    }

    #[test]
    fn says_which_variable_is_not_set() {
        let error = Passphrase::from_env("PROFILE_KIT_NO_SUCH_VARIABLE").unwrap_err();
        assert!(error.to_string().contains("PROFILE_KIT_NO_SUCH_VARIABLE"), "{error}");
    }
}
