//! Keys, files and moments for tests.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use profile_kit::pki::{Authority, Issued, KeySpec, Leaf, Validity};
use tempfile::TempDir;

use crate::{Digest, audit::CheckpointKey, config::ConfigError, state::State};

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

/// A leaf that an intermediate of a root issued.
pub(crate) fn signer(name: &str) -> Issued {
    let root = Authority::new("Root", KeySpec::P256, validity()).unwrap();
    let intermediate = root.intermediate("Intermediate", KeySpec::P256, validity()).unwrap();
    intermediate.issue(&Leaf::new(name, KeySpec::P256, validity())).unwrap()
}

/// Writes a file that only its owner may read.
fn write(folder: &Path, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
    let path = folder.join(name);
    fs::write(&path, content).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    path
}

/// A folder with everything that a configuration names: identities `new` (active), `old` (overwrite-only) and `lost`
/// (gone), a spec `ivi` of `new`, a caller.
pub(crate) struct Site {
    pub(crate) folder: TempDir,
    pub(crate) new: Issued,
    pub(crate) old: Issued,
    pub(crate) lost: Issued,
}

impl Site {
    pub(crate) fn new() -> Self {
        let [new, old, lost] = ["New", "Old", "Lost"].map(signer);
        let site = Self { folder: tempfile::tempdir().unwrap(), new, old, lost };
        site.write("new.pem", [site.new.certificate_pem().unwrap(), site.new.chain_pem().unwrap()].concat());
        site.write("new.key", site.new.key_pem().unwrap());
        site.write("old.p12", site.old.pkcs12(&"correct horse".into()).unwrap());
        site.write("old.passphrase", "correct horse\n");
        site.write("lost.pem", site.lost.certificate_pem().unwrap());
        site.write("seal", [0; 32]);
        site.write("parameter", [1; 32]);
        site.write("checkpoint", CheckpointKey::generate().unwrap().to_pem().unwrap());
        site.write("ivi.toml", SPEC);
        site.write("signer.toml", CONFIG);
        site
    }

    /// Writes a file that only its owner may read.
    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        write(self.folder.path(), name, content)
    }

    /// Changes the configuration; what is to be changed has to be there.
    pub(crate) fn change(&self, from: &str, to: &str) {
        let text = fs::read_to_string(self.config()).unwrap();
        assert!(text.contains(from), "{from}");
        self.write("signer.toml", text.replace(from, to));
    }

    pub(crate) fn config(&self) -> PathBuf {
        self.folder.path().join("signer.toml")
    }

    pub(crate) fn load(&self) -> Result<State, Vec<ConfigError>> {
        State::load_with(&self.config(), None, now())
    }

    pub(crate) fn state(&self) -> State {
        self.load().unwrap_or_else(|errors| panic!("{errors:#?}"))
    }

    /// The errors in one line each, without the folder.
    pub(crate) fn errors(&self) -> Vec<String> {
        let folder = format!("{}/", self.folder.path().display());
        self.load().unwrap_err().iter().map(|error| error.chain().replace(&folder, "")).collect()
    }
}

pub(crate) fn leaf(of: &Issued) -> Digest {
    Digest::of(of.certificate().der())
}

const SPEC: &str = "format = 1
identifier = \"jp.example.ivi\"
removal = \"disallowed\"
[[payload]]
type = \"com.apple.applicationaccess\"
settings = { allowCamera = false }
";

const CONFIG: &str = "[listen]
unix = { path = \"signer.sock\" }
[admin]
socket = \"admin.sock\"
[ledger]
path = \"ledger.db\"
seal_key = { file = \"seal\" }
parameter_key = { file = \"parameter\" }
[audit]
checkpoint_key = { file = \"checkpoint\" }
checkpoints = \"checkpoints.jsonl\"
[[identity]]
name = \"new\"
state = \"active\"
certificate = \"new.pem\"
key = { file = \"new.key\" }
[[identity]]
name = \"old\"
state = \"overwrite-only\"
pkcs12 = { file = \"old.p12\" }
passphrase = { file = \"old.passphrase\" }
[[identity]]
name = \"lost\"
state = \"gone\"
certificate = \"lost.pem\"
[[spec]]
name = \"ivi\"
file = \"ivi.toml\"
identity = \"new\"
[[caller]]
name = \"core\"
roles = [\"issue\", \"overwrite\"]
uid = 7
";
