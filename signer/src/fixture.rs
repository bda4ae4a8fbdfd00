//! Keys, files and moments for tests.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use profile_kit::pki::{self, Authority, Issued, KeySpec, Leaf, Validity};

/// A moment within every validity here.
pub(crate) fn now() -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(1_893_456_000)
}

pub(crate) fn days(count: u64) -> Duration {
    Duration::from_secs(count * 86_400)
}

/// A year around [`now`].
pub(crate) fn validity() -> Validity {
    Validity::days(now() - days(65), 365)
}

/// A leaf that a root issued.
pub(crate) fn signer(name: &str) -> Issued {
    let root = Authority::new("Root", KeySpec::P256, validity()).unwrap();
    root.issue(&Leaf::new(name, KeySpec::P256, validity())).unwrap()
}

/// A leaf of its own, valid as long as it is said.
pub(crate) fn signer_valid(name: &str, validity: Validity) -> Issued {
    pki::self_signed(&Leaf::new(name, KeySpec::P256, validity)).unwrap()
}

/// Writes a file that only its owner may read.
pub(crate) fn write(folder: &Path, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
    let path = folder.join(name);
    fs::write(&path, content).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    path
}
