//! Everything that a configuration names, in a folder: identities, a spec, callers of each kind and role.

use std::{
    fs,
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::{Path, PathBuf},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use profile_kit::pki::{Authority, Issued, KeySpec, Leaf, Validity};
use signer::{Digest, role::Role, token::Token};
use tempfile::TempDir;
use zeroize::Zeroizing;

/// A moment within every validity here.
pub fn now() -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(1_893_456_000)
}

pub fn days(count: u64) -> Duration {
    Duration::from_secs(count * 86_400)
}

/// The folder, and what was made for it: identities `new` (active), `old` (overwrite-only) and `lost` (gone); specs
/// `ivi` and `wifi` of `new`.
pub struct Site {
    pub folder: TempDir,
    pub new: Issued,
    pub old: Issued,
    pub lost: Issued,
    /// Certifies the clients of TLS.
    pub clients: Authority,
    /// What the daemon shows to them.
    pub server: Issued,
    /// The client certificate of the caller `badge`.
    pub badge: Issued,
    config: String,
}

impl Site {
    pub fn new() -> Self {
        let [new, old, lost] = ["New", "Old", "Lost"].map(signer);
        let clients = Authority::new("Clients", KeySpec::P256, century()).unwrap();
        let badge = clients.issue(&Leaf::new("Badge", KeySpec::P256, century())).unwrap();
        let server = clients.issue(&Leaf::new("Server", KeySpec::P256, century())).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let mut site = Self { folder, new, old, lost, clients, server, badge, config: CONFIG.into() };
        site.write("new.pem", [site.new.certificate_pem().unwrap(), site.new.chain_pem().unwrap()].concat());
        site.write("new.key", site.new.key_pem().unwrap());
        site.write("old.p12", site.old.pkcs12(&"correct horse".into()).unwrap());
        site.write("old.passphrase", "correct horse\n");
        site.write("lost.pem", site.lost.certificate_pem().unwrap());
        site.write("seal", [1; 32]);
        site.write("parameter", [2; 32]);
        site.write("checkpoint", signer::audit::CheckpointKey::generate().unwrap().to_pem().unwrap());
        site.write("tls.pem", site.server.certificate_pem().unwrap());
        site.write("tls.key", site.server.key_pem().unwrap());
        site.write("clients.pem", site.clients.certificate_pem().unwrap());
        site.write("ivi.toml", IVI);
        site.write("wifi.toml", WIFI);
        site.add_callers();
        site
    }

    fn add_callers(&mut self) {
        for role in Role::ALL {
            self.caller(role.word(), &token_of(role.word()), &[role.word()], "");
        }
        self.caller("core", &token_of("core"), &["issue", "overwrite", "report", "read"], "");
        self.caller("second", &token_of("second"), &["issue", "overwrite"], "");
        let scope = "devices = [\"C02*\"]\nspecs = [\"ivi\"]\n";
        self.caller("scoped", &token_of("scoped"), &["issue", "overwrite", "report", "read"], scope);
        self.caller("thrifty", &token_of("thrifty"), &["issue", "overwrite"], "overwrites_per_hour = 2\n");
        let uid = fs::metadata(self.folder.path()).unwrap().uid();
        self.caller("local", &format!("uid = {uid}"), &["issue", "read"], "");
        let badge = Digest::of(self.badge.certificate().der());
        self.caller("badge", &format!("certificate_sha256 = [\"{badge}\"]"), &["issue", "read"], "");
    }

    /// Adds a caller; `proof` and `more` are lines of the configuration.
    pub fn caller(&mut self, name: &str, proof: &str, roles: &[&str], more: &str) {
        self.config += &format!("[[caller]]\nname = \"{name}\"\n{proof}\nroles = {roles:?}\n{more}");
    }

    /// Takes every caller out of the configuration.
    pub fn forget_callers(&mut self) {
        let first = self.config.find("[[caller]]").unwrap_or(self.config.len());
        self.config.truncate(first);
    }

    /// Changes the configuration; what is to be changed has to be there.
    pub fn change(&mut self, from: &str, to: &str) {
        assert!(self.config.contains(from), "{from}");
        self.config = self.config.replace(from, to);
    }

    /// The key `new` gives its place to `old`, and signs overwrites only.
    pub fn rotate(&mut self) {
        self.change("name = \"new\"\nstate = \"active\"", "name = \"new\"\nstate = \"overwrite-only\"");
        self.change("name = \"old\"\nstate = \"overwrite-only\"", "name = \"old\"\nstate = \"active\"");
        self.change("identity = \"new\"", "identity = \"old\"");
    }

    /// Writes a file that only its owner may read.
    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, content).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        path
    }

    pub fn path(&self, name: &str) -> PathBuf {
        Path::new(self.folder.path()).join(name)
    }

    /// The configuration's file as it stands now.
    pub fn config(&self) -> PathBuf {
        self.write("signer.toml", &self.config)
    }
}

/// The token of a caller by its name.
pub fn token(caller: &str) -> Token {
    Token::from_random(&Zeroizing::new(Digest::of(caller.as_bytes()).0))
}

pub fn token_of(caller: &str) -> String {
    format!("token_sha256 = [\"{}\"]", token(caller).digest())
}

/// A year around [`now`].
pub fn validity() -> Validity {
    Validity::days(now() - days(65), 365)
}

/// For TLS, which looks at the real clock.
fn century() -> Validity {
    Validity::days(UNIX_EPOCH, 36_500)
}

/// A leaf that an intermediate of a root issued.
pub fn signer(name: &str) -> Issued {
    let root = Authority::new("Root", KeySpec::P256, validity()).unwrap();
    let intermediate = root.intermediate("Intermediate", KeySpec::P256, validity()).unwrap();
    intermediate.issue(&Leaf::new(name, KeySpec::P256, validity())).unwrap()
}

const IVI: &str = "format = 1
identifier = \"jp.example.ivi\"
display_name = \"IVI MDM\"
removal = \"disallowed\"
[[payload]]
type = \"com.apple.applicationaccess\"
settings = { allowCamera = false }
";

const WIFI: &str = "format = 1
identifier = \"jp.example.wifi\"
removal = \"disallowed\"
[placeholders.ssid]
type = \"string\"
[placeholders.password]
type = \"string\"
secret = true
default = \"default-password\"
[[payload]]
type = \"com.apple.wifi.managed\"
settings = { SSID_STR = \"{{ssid}}\", EncryptionType = \"WPA2\", Password = \"{{password}}\", AutoJoin = true, HIDDEN_NETWORK = false }
";

const CONFIG: &str = "[listen]
unix = { path = \"signer.sock\" }
tls = { address = \"127.0.0.1:0\", certificate = \"tls.pem\", key = { file = \"tls.key\" }, client_ca = \"clients.pem\" }
[admin]
socket = \"admin.sock\"
[ledger]
path = \"ledger.db\"
seal_key = { file = \"seal\" }
parameter_key = { file = \"parameter\" }
[audit]
checkpoint_key = { file = \"checkpoint\" }
checkpoints = \"checkpoints.jsonl\"
[overwrites]
two_person = false
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
[[spec]]
name = \"wifi\"
file = \"wifi.toml\"
identity = \"new\"
";
