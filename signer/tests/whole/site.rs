//! What a daemon works with, in a folder: that of `signer serve --dev`, changed where a test needs it.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::PathBuf,
    time::{Duration, SystemTime},
};

use profile_kit::pki::{Authority, Issued, KeySpec, Leaf, Validity};
use signer::dev;
use tempfile::TempDir;

pub struct Site {
    folder: TempDir,
    token: String,
}

impl Site {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let made = dev::Site::open(folder.path(), SystemTime::now()).unwrap();
        let token = made.token().unwrap().to_string();
        Self { folder, token }
    }

    /// The token of the caller `dev`, who has every role.
    pub fn token(&self) -> &str {
        &self.token
    }

    pub fn config(&self) -> PathBuf {
        self.path("signer.toml")
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Adds lines at the configuration's end.
    pub fn configure(&self, lines: &str) {
        let text = fs::read_to_string(self.config()).unwrap();
        self.write("signer.toml", format!("{text}\n{lines}\n"));
    }

    /// Changes a file; what is to be changed has to be there.
    pub fn change(&self, name: &str, from: &str, to: &str) {
        let text = fs::read_to_string(self.path(name)).unwrap();
        assert!(text.contains(from), "{name}: {from}");
        self.write(name, text.replace(from, to));
    }

    /// Writes a file that only its owner may read, whole or not at all.
    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let (path, beside) = (self.path(name), self.path(&format!("{name}.new")));
        fs::write(&beside, content).unwrap();
        fs::set_permissions(&beside, fs::Permissions::from_mode(0o600)).unwrap();
        fs::rename(beside, &path).unwrap();
        path
    }
}

/// A leaf of a root of its own, valid today.
pub fn identity(name: &str) -> Issued {
    let validity = Validity::days(SystemTime::now() - Duration::from_secs(86_400), 3650);
    let root = Authority::new("Test Root", KeySpec::P256, validity).unwrap();
    root.issue(&Leaf::new(name, KeySpec::P256, validity)).unwrap()
}
