//! A daemon that runs on a folder of its own, with an identity to rotate to.

use std::{
    fs,
    net::SocketAddr,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use profile_kit::pki::{Authority, KeySpec, Leaf, Validity};
use signer::{
    admin::{Answer, Ask, Client},
    daemon::{Control, Daemon, Source, StartError},
    dev::Site,
    server::Ended,
    stop::Stop,
};
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    task::{JoinHandle, spawn_blocking},
    time::timeout,
};

/// The folder, and the clock.
pub struct Place {
    pub folder: TempDir,
    pub site: Site,
    clock: Arc<AtomicU64>,
}

pub struct Running {
    pub place: Place,
    pub control: Control,
    pub address: SocketAddr,
    pub tls: Option<SocketAddr>,
    pub stop: Arc<Stop>,
    daemon: JoinHandle<Ended>,
}

/// What an HTTP request was answered.
pub struct Answered {
    pub status: u16,
    pub head: String,
    pub body: Vec<u8>,
}

impl Place {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let site = Site::open(folder.path().join("site"), now()).unwrap();
        let place = Self { folder, site, clock: Arc::new(AtomicU64::new(0)) };
        place.write("next", |name| (name.certificate_pem().unwrap(), name.key_pem().unwrap()));
        place
    }

    /// An identity beside the one at work.
    fn write(&self, name: &str, pems: impl Fn(&profile_kit::pki::Issued) -> (Vec<u8>, Vec<u8>)) {
        let root = Authority::new("Next Root", KeySpec::P256, Validity::days(now() - DAY, 3650)).unwrap();
        let leaf = root.issue(&Leaf::new("Next", KeySpec::P256, Validity::days(now() - DAY, 3650))).unwrap();
        let (certificate, key) = pems(&leaf);
        fs::write(self.path(&format!("{name}.pem")), [certificate, root.certificate_pem().unwrap()].concat()).unwrap();
        // With the permissions of a key that is there.
        fs::copy(self.path("test.key"), self.path(&format!("{name}.key"))).unwrap();
        fs::write(self.path(&format!("{name}.key")), key).unwrap();
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.site.config().with_file_name(name)
    }

    /// Changes the configuration; what is to be changed has to be there.
    pub fn change(&self, from: &str, to: &str) {
        let text = fs::read_to_string(self.site.config()).unwrap();
        assert!(text.contains(from), "{from}");
        fs::write(self.site.config(), text.replace(from, to)).unwrap();
    }

    /// The next identity issues, and the one at work frees what it signed.
    pub fn rotate(&self) {
        self.change("state = \"active\"", "state = \"overwrite-only\"");
        self.change("identity = \"test\"", "identity = \"next\"");
        let text = fs::read_to_string(self.site.config()).unwrap();
        fs::write(self.site.config(), format!("{text}{NEXT}")).unwrap();
    }

    /// The key at work is given up.
    pub fn lose(&self) {
        self.change("state = \"overwrite-only\"", "state = \"gone\"");
        self.change("key = { file = \"test.key\" }\n", "");
    }

    pub fn source(&self) -> Source {
        let clock = self.clock.clone();
        let clock = Arc::new(move || now() + Duration::from_secs(clock.load(Ordering::Relaxed)));
        Source { config: self.site.config(), credentials: None, tcp: Some(([127, 0, 0, 1], 0).into()), clock }
    }

    /// Lets time pass.
    pub fn later(&self, by: Duration) {
        self.clock.fetch_add(by.as_secs(), Ordering::Relaxed);
    }

    pub async fn start(self) -> Running {
        let daemon = Daemon::start(self.source()).await.unwrap_or_else(|error| panic!("{error:?}"));
        let (control, address) = (daemon.control(), daemon.addresses().tcp.unwrap());
        let tls = daemon.addresses().tls;
        let stop = Arc::new(Stop::new());
        let daemon = tokio::spawn(daemon.run(stop.watch()));
        Running { place: self, control, address, tls, stop, daemon }
    }

    pub async fn start_error(&self) -> StartError {
        Daemon::start(self.source()).await.err().unwrap()
    }
}

impl Running {
    pub async fn start() -> Self {
        Place::new().start().await
    }

    /// Ends it gently.
    pub async fn end(self) -> (Place, Ended) {
        self.stop.advance();
        let ended = timeout(PATIENCE, self.daemon).await.expect("it goes on").unwrap();
        (self.place, ended)
    }

    pub async fn get(&self, path: &str) -> Answered {
        self.ask("GET", path, "", "").await
    }

    /// The locked profile of a device.
    pub async fn issue(&self, device: &str, key: &str) -> Answered {
        let path = format!("/v1/devices/{device}/profiles/ivi-mdm");
        self.ask("POST", &path, key, "{\"parameters\": {\"serial\": \"C02A\"}}").await
    }

    pub async fn overwrite(&self, device: &str, key: &str) -> Answered {
        let path = format!("/v1/devices/{device}/profiles/jp.example.ivi-mdm/overwrite");
        let target = "{\"target\": {\"platform\": \"iOS\", \"os\": \"17.0\", \"supervised\": true}}";
        self.ask("POST", &path, key, target).await
    }

    async fn ask(&self, method: &str, path: &str, key: &str, body: &str) -> Answered {
        let token = self.place.site.token().unwrap();
        let key = if key.is_empty() { String::new() } else { format!("idempotency-key: {key}\r\n") };
        let request = format!(
            "{method} {path} HTTP/1.1\r\nhost: it\r\nconnection: close\r\nauthorization: Bearer {}\r\n{key}\
             content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            *token,
            body.len()
        );
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        timeout(PATIENCE, stream.read_to_end(&mut answer)).await.expect("there is no answer").unwrap();
        let end = answer.windows(4).position(|window| window == b"\r\n\r\n").unwrap();
        let head = String::from_utf8(answer[..end].to_vec()).unwrap();
        Answered { status: head[9..12].parse().unwrap(), head, body: answer[end + 4..].to_vec() }
    }

    /// Asks over the admin socket, as the operator does.
    pub async fn operate(&self, ask: Ask) -> Answer {
        let socket = self.place.path("admin.sock");
        spawn_blocking(move || Client::connect(&socket).unwrap().ask(&ask).unwrap()).await.unwrap()
    }

    pub async fn reload(&self, accept_stranded: Option<u64>) -> Answer {
        self.operate(Ask::Reload { accept_stranded }).await
    }
}

impl Answered {
    /// Its body, if it is what was wanted.
    pub fn ok(self) -> Vec<u8> {
        assert!((200..300).contains(&self.status), "{}\n{}", self.head, self.text());
        self.body
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The code of a refusal.
    pub fn code(&self) -> String {
        let problem: serde_json::Value =
            serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("{}", self.text()));
        problem["code"].as_str().unwrap().to_owned()
    }
}

/// The subject of the leaf that signed.
pub fn signer_of(signed: Vec<u8>) -> String {
    let signed = profile_kit::SignedProfile::from_bytes(signed).unwrap();
    signed.verify_integrity().unwrap().leaf().subject()
}

pub fn now() -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(1_893_456_000)
}

const NEXT: &str = "
[[identity]]
name = \"next\"
state = \"active\"
certificate = \"next.pem\"
key = { file = \"next.key\" }
";
pub const DAY: Duration = Duration::from_secs(86_400);
pub const PATIENCE: Duration = Duration::from_secs(30);
