//! The daemon in this process, with a clock that tests turn, and somebody who talks to it.

use std::{
    collections::BTreeMap,
    fs,
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    os::unix::fs::PermissionsExt,
    path::PathBuf,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, SystemTime},
};

use profile_kit::pki::{Authority, Issued, KeySpec, Leaf, Validity};
use serde_json::Value;
use signer::{
    audit::CheckpointKey,
    daemon::{Control, Daemon, Source},
    server::Ended,
    stop::Stop,
    token::Token,
};
use tempfile::TempDir;
use tokio::{runtime::Runtime, task::JoinHandle};

use crate::stage::moment;

/// A daemon with one spec, `ivi`, and one caller, who has every role but `admin`.
pub struct Service {
    folder: TempDir,
    runtime: Runtime,
    control: Control,
    address: SocketAddr,
    token: Token,
    clock: Arc<Mutex<SystemTime>>,
    keys: AtomicU64,
    stop: Stop,
    running: Option<JoinHandle<Ended>>,
}

/// What was answered.
#[derive(Debug)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The header's fields, names in small letters.
    pub headers: BTreeMap<String, String>,
    /// The body.
    pub body: Vec<u8>,
}

impl Service {
    /// Starts it with this spec, and the identity `first`, whose certificate is valid for a year.
    pub fn start(spec: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let clock = Arc::new(Mutex::new(moment()));
        let site = Site { folder: folder.path().to_owned() };
        let token = Token::generate().expect("random numbers");
        site.secrets();
        site.write("ivi.toml", spec);
        site.identity("first", moment());
        site.configure("first", &[], &token);
        let runtime = Runtime::new().expect("threads");
        let told = clock.clone();
        let source = Source {
            tcp: Some(([127, 0, 0, 1], 0).into()),
            clock: Arc::new(move || *told.lock().expect("no test panics with it")),
            credentials: None,
            config: folder.path().join("signer.toml"),
        };
        let daemon = runtime.block_on(Daemon::start(source)).unwrap_or_else(|error| panic!("{error:?}"));
        let address = daemon.addresses().tcp.expect("it listens on TCP");
        let (control, stop) = (daemon.control(), Stop::new());
        let running = Some(runtime.spawn(daemon.run(stop.watch())));
        Self { folder, runtime, control, address, token, clock, keys: AtomicU64::new(0), stop, running }
    }

    /// The moment that its clock shows.
    pub fn now(&self) -> SystemTime {
        *self.clock.lock().expect("no test panics with it")
    }

    /// Lets time pass.
    pub fn pass(&self, time: Duration) {
        *self.clock.lock().expect("no test panics with it") += time;
    }

    /// A new identity issues from now on; those before sign overwrites of what they signed.
    pub fn rotate(&self, new: &str, before: &[&str]) {
        let site = Site { folder: self.folder.path().to_owned() };
        site.identity(new, self.now());
        site.configure(new, before, &self.token);
        let changed = self.runtime.block_on(self.control.reload(None, "test"));
        changed.unwrap_or_else(|error| panic!("{:?}", error.problems()));
    }

    /// How many devices cannot be freed for want of a key.
    pub fn stranded(&self) -> u64 {
        self.runtime.block_on(self.control.stranded()).expect("the ledger can be read")
    }

    /// Asks for something.
    pub fn get(&self, path: &str) -> Answer {
        self.send("GET", path, &[], b"")
    }

    /// Posts JSON, under a key of its own.
    pub fn post(&self, path: &str, body: &Value) -> Answer {
        self.send("POST", path, &[("content-type", "application/json")], body.to_string().as_bytes())
    }

    /// Posts bytes, under a key of its own.
    pub fn post_bytes(&self, path: &str, media_type: &str, body: &[u8]) -> Answer {
        self.send("POST", path, &[("content-type", media_type)], body)
    }

    fn send(&self, method: &str, path: &str, fields: &[(&str, &str)], body: &[u8]) -> Answer {
        let mut head = format!("{method} {path} HTTP/1.1\r\nhost: signer\r\nconnection: close\r\n");
        head += &format!("authorization: Bearer {}\r\ncontent-length: {}\r\n", self.token.reveal(), body.len());
        head += &format!("idempotency-key: {}\r\n", self.keys.fetch_add(1, Relaxed));
        fields.iter().for_each(|(name, value)| head += &format!("{name}: {value}\r\n"));
        let mut stream = TcpStream::connect(self.address).expect("the daemon listens");
        stream.write_all(&[head.as_bytes(), b"\r\n", body].concat()).expect("the daemon reads");
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).expect("the daemon answers");
        Answer::read(&answer)
    }
}

/// It ends in order, so that its ledger is closed.
impl Drop for Service {
    fn drop(&mut self) {
        self.stop.advance();
        if let Some(running) = self.running.take() {
            let _ = self.runtime.block_on(running);
        }
    }
}

impl Answer {
    fn read(bytes: &[u8]) -> Self {
        let end = bytes.windows(4).position(|window| window == b"\r\n\r\n").expect("a head");
        let head = String::from_utf8_lossy(&bytes[..end]);
        let mut lines = head.lines();
        let status = lines.next().and_then(|line| line.get(9..12)?.parse().ok()).expect("a status");
        let field = |line: &str| line.split_once(": ").map(|(name, value)| (name.to_lowercase(), value.to_owned()));
        Self { status, headers: lines.filter_map(field).collect(), body: bytes[end + 4..].to_vec() }
    }

    /// The answer, which has to be a success.
    pub fn done(self) -> Self {
        assert_eq!(self.status, 200, "{}", String::from_utf8_lossy(&self.body));
        self
    }

    /// The body as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("JSON")
    }
}

/// The daemon's folder.
struct Site {
    folder: PathBuf,
}

impl Site {
    fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        let path = self.folder.join(name);
        fs::write(&path, content).expect("the folder can be written");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("it is ours");
    }

    fn secrets(&self) {
        self.write("seal", [1; 32]);
        self.write("parameter", [2; 32]);
        let key = CheckpointKey::generate().and_then(|key| key.to_pem()).expect("a key");
        self.write("checkpoint", key);
    }

    /// A leaf that is valid for a year from a moment, of an intermediate that is so for thirty.
    fn identity(&self, name: &str, from: SystemTime) {
        let long = Validity::days(from - DAY, 30 * 365);
        let issued: Issued = Authority::new("Root", KeySpec::P256, long)
            .and_then(|root| root.intermediate("Intermediate", KeySpec::P256, long))
            .and_then(|ca| ca.issue(&Leaf::new(name, KeySpec::P256, Validity::days(from - DAY, 366))))
            .expect("a certificate");
        let certificates = [issued.certificate_pem(), issued.chain_pem()].map(|pem| pem.expect("PEM")).concat();
        self.write(&format!("{name}.pem"), certificates);
        self.write(&format!("{name}.key"), issued.key_pem().expect("PEM"));
    }

    fn configure(&self, active: &str, before: &[&str], token: &Token) {
        let identity = |name: &str, state: &str| {
            format!(
                "[[identity]]\nname = \"{name}\"\nstate = \"{state}\"\ncertificate = \"{name}.pem\"\nkey = {{ file = \"{name}.key\" }}\n"
            )
        };
        let old: String = before.iter().map(|name| identity(name, "overwrite-only")).collect();
        let spec = format!("[[spec]]\nname = \"ivi\"\nfile = \"ivi.toml\"\nidentity = \"{active}\"\n");
        let roles = "roles = [\"issue\", \"overwrite\", \"report\", \"read\"]";
        let caller = format!("[[caller]]\nname = \"core\"\n{roles}\ntoken_sha256 = [\"{}\"]\n", token.digest());
        self.write("signer.toml", [BASE, &identity(active, "active"), &old, &spec, &caller].concat());
    }
}

const DAY: Duration = Duration::from_secs(86_400);
const BASE: &str = "[listen]
tcp = \"127.0.0.1:0\"
[admin]
socket = \"admin.sock\"
[ledger]
path = \"ledger.db\"
seal_key = { file = \"seal\" }
parameter_key = { file = \"parameter\" }
[audit]
checkpoint_key = { file = \"checkpoint\" }
checkpoints = \"checkpoints.jsonl\"
";
