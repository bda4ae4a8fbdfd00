//! Secrets: named by where they are, never written down.

use std::{
    io::{self, ErrorKind, Read},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use profile_kit::Passphrase;
use zeroize::Zeroizing;

use super::{ConfigError, Place};
use crate::file::open_regular;

/// Where a secret is: a file that nobody else may read, or a credential that systemd hands over
/// (`LoadCredential=`, `$CREDENTIALS_DIRECTORY/NAME`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Secret {
    /// The file that holds it.
    pub path: PathBuf,
    /// Whether systemd keeps it: who may read it is then systemd's affair, which says it by an access list that looks
    /// like a group's permission.
    pub credential: bool,
    /// Where the configuration names it.
    pub place: Place,
}

impl Secret {
    /// Reads it: at most 1 MiB.
    ///
    /// # Errors
    /// Where the file cannot be read, is empty or too large, or is open to group or others.
    pub fn read(&self) -> Result<Zeroizing<Vec<u8>>, ConfigError> {
        let bytes = self.bytes().map_err(|cause| ConfigError::unreadable(self.place.clone(), &self.path, cause))?;
        if bytes.is_empty() {
            return Err(self.wrong("is empty"));
        }
        Ok(bytes)
    }

    /// Reads a passphrase: one line ending at its end is not part of it.
    ///
    /// # Errors
    /// As [`read`](Secret::read).
    pub fn passphrase(&self) -> Result<Passphrase, ConfigError> {
        let bytes = self.read()?;
        Ok(Passphrase::new(without_line_ending(&bytes)))
    }

    /// Reads a key of 256 bits: 32 bytes, or 64 hexadecimal digits and perhaps a line ending
    /// (`openssl rand -hex 32`).
    ///
    /// # Errors
    /// As [`read`](Secret::read), and where the file holds something else.
    pub fn key(&self) -> Result<Zeroizing<[u8; 32]>, ConfigError> {
        let bytes = self.read()?;
        if let Ok(key) = <[u8; 32]>::try_from(bytes.as_slice()) {
            return Ok(Zeroizing::new(key));
        }
        let key = key_of_digits(without_line_ending(&bytes));
        key.ok_or_else(|| self.wrong("holds no key of 256 bits: 32 bytes, or 64 hexadecimal digits"))
    }

    fn bytes(&self) -> io::Result<Zeroizing<Vec<u8>>> {
        let file = open_regular(&self.path)?;
        let metadata = file.metadata()?;
        let mode = metadata.permissions().mode() & 0o777;
        if mode & 0o077 != 0 && !self.credential {
            let problem = format!("mode {mode:04o} opens it to group or others: chmod 600 it");
            return Err(io::Error::new(ErrorKind::PermissionDenied, problem));
        }
        // Room for all of it at once: a buffer that grows leaves copies behind that nobody wipes.
        let room = usize::try_from(metadata.len().min(LARGEST)).unwrap_or(0) + 1;
        let mut bytes = Zeroizing::new(Vec::with_capacity(room));
        file.take(LARGEST + 1).read_to_end(&mut bytes)?;
        if bytes.len() as u64 > LARGEST {
            return Err(io::Error::new(ErrorKind::FileTooLarge, "it is larger than 1 MiB"));
        }
        Ok(bytes)
    }

    fn wrong(&self, problem: &str) -> ConfigError {
        ConfigError::new(self.place.clone(), format!("{} {problem}", self.path.display()))
    }
}

/// Reads a file that is not secret, of at most 16 MiB.
pub(crate) fn read_public(place: &Place, path: &Path) -> Result<Vec<u8>, ConfigError> {
    let read = || {
        let mut bytes = Vec::new();
        open_regular(path)?.take(LARGEST_PUBLIC + 1).read_to_end(&mut bytes)?;
        match bytes.len() as u64 > LARGEST_PUBLIC {
            true => Err(io::Error::new(ErrorKind::FileTooLarge, "it is larger than 16 MiB")),
            false => Ok(bytes),
        }
    };
    read().map_err(|cause| ConfigError::unreadable(place.clone(), path, cause))
}

fn key_of_digits(digits: &[u8]) -> Option<Zeroizing<[u8; 32]>> {
    let mut key = Zeroizing::new([0; 32]);
    if digits.len() != 64 {
        return None;
    }
    for (byte, pair) in key.iter_mut().zip(digits.chunks(2)) {
        let [high, low] = [pair[0], pair[1]].map(|digit| char::from(digit).to_digit(16));
        *byte = (high? << 4 | low?) as u8;
    }
    Some(key)
}

fn without_line_ending(bytes: &[u8]) -> &[u8] {
    let line = bytes.strip_suffix(b"\n").unwrap_or(bytes);
    line.strip_suffix(b"\r").unwrap_or(line)
}

/// The most bytes of a secret.
const LARGEST: u64 = 1 << 20;
/// The most bytes of a file of certificates or a spec.
const LARGEST_PUBLIC: u64 = 16 << 20;

#[cfg(test)]
mod tests {
    use std::{
        error::Error,
        fs::{self, Permissions},
    };

    use super::*;

    fn secret(content: &[u8], mode: u32, credential: bool) -> (tempfile::TempDir, Secret) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        fs::write(&path, content).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
        (folder, Secret { path, credential, place: Place::file(Path::new("signer.toml")) })
    }

    #[test]
    fn refuses_a_file_that_others_may_read() {
        let (_folder, secret) = secret(b"hunter2", 0o640, false);
        let error = secret.read().unwrap_err();
        assert!(error.source().unwrap().to_string().starts_with("mode 0640 opens it"), "{}", error.chain());
    }

    #[test]
    fn takes_a_credential_whose_access_list_looks_like_a_group() {
        let (_folder, secret) = secret(b"hunter2", 0o440, true);
        assert_eq!(secret.read().unwrap().as_slice(), b"hunter2");
    }

    #[test]
    fn refuses_an_empty_secret() {
        let (_folder, secret) = secret(b"", 0o600, false);
        assert!(secret.read().unwrap_err().problem.ends_with("is empty"));
    }

    #[test]
    fn refuses_a_secret_that_never_ends() {
        let (_folder, secret) = secret(&vec![b'x'; (1 << 20) + 1], 0o600, false);
        assert!(secret.read().unwrap_err().chain().ends_with("it is larger than 1 MiB"));
    }

    #[test]
    fn a_key_is_32_bytes_or_64_digits() {
        let digits = "0f".repeat(32);
        for content in [vec![15; 32], digits.clone().into_bytes(), format!("{digits}\n").into_bytes()] {
            let (_folder, secret) = secret(&content, 0o600, false);
            assert_eq!(*secret.key().unwrap(), [15; 32]);
        }
    }

    #[test]
    fn a_key_of_another_form_is_refused_and_not_shown() {
        for content in ["0f".repeat(31), "0f".repeat(33), "zz".repeat(32)] {
            let (_folder, secret) = secret(content.as_bytes(), 0o600, false);
            let error = secret.key().unwrap_err().chain();
            assert!(error.contains("holds no key of 256 bits") && !error.contains(&content), "{error}");
        }
    }

    #[test]
    fn the_line_ending_is_not_part_of_a_passphrase() {
        let (_folder, secret) = secret(b"correct horse\r\n", 0o600, false);
        let issued = crate::fixture::signer("Signer");
        let key = issued.encrypted_key_pem(&Passphrase::from("correct horse")).unwrap();
        let certificate = issued.certificate_pem().unwrap();
        let opened = profile_kit::Identity::from_pem(&certificate, &key, b"", Some(&secret.passphrase().unwrap()));
        assert!(opened.is_ok());
    }
}
