//! The configuration file `signer.toml`, as plain data.
//!
//! Reading it opens no other file. Unknown keys are mistakes, every mistake is told at once with its place, relative
//! paths start at the file's folder, and secrets are named by where they are. `signer.example.toml` documents each key.

mod agreement;
mod error;
mod read;
mod secret;
mod section;
#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, BTreeSet},
    env,
    net::SocketAddr,
    path::{Path, PathBuf},
    slice,
    time::Duration,
};

pub use error::{ConfigError, Place};
pub use secret::Secret;
pub(crate) use secret::read_public;

use crate::{Digest, pattern::Pattern, role::Role};

/// Everything that `signer.toml` says; what it leaves out has its default.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where callers reach the daemon; at least one way.
    pub listen: Listen,
    /// Where `signer reload` and `signer stranded` reach it.
    pub admin: Admin,
    /// The record of what was issued.
    pub ledger: Ledger,
    /// The log of every decision.
    pub audit: Audit,
    /// Whose signatures there are.
    pub identities: Vec<IdentityConfig>,
    /// What can be issued.
    pub specs: Vec<SpecConfig>,
    /// Who may ask.
    pub callers: Vec<CallerConfig>,
    /// What overwrites need beyond the role.
    pub overwrites: Overwrites,
    /// How much and how long.
    pub limits: Limits,
    /// What is logged, and how.
    pub log: Log,
}

/// Where callers reach the daemon.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listen {
    /// Plain TCP, on a loopback address.
    pub tcp: Option<SocketAddr>,
    /// A Unix socket.
    pub unix: Option<UnixSocket>,
    /// TLS.
    pub tls: Option<Tls>,
}

/// A Unix socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnixSocket {
    /// Where it is made.
    pub path: PathBuf,
    /// Its permission bits; 0o660 unless given.
    pub mode: u32,
}

/// A TLS listener.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tls {
    /// Address and port.
    pub address: SocketAddr,
    /// The server's certificate and its chain, in PEM.
    pub certificate: PathBuf,
    /// The certificate's key, in PEM, not encrypted.
    pub key: Secret,
    /// Who issues clients' certificates, in PEM; without it no client is asked for one.
    pub client_ca: Option<PathBuf>,
}

/// The daemon's own door for its operator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Admin {
    /// A Unix socket, for the daemon's own user and root.
    pub socket: PathBuf,
    /// Where the configuration says so.
    pub place: Place,
}

/// The record of what was issued.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ledger {
    /// The SQLite database.
    pub path: PathBuf,
    /// The key of 256 bits that seals signed profiles in it.
    pub seal_key: Secret,
    /// The key of 256 bits that keys the digests of parameters in it.
    pub parameter_key: Secret,
    /// Keys that sealed before: they open what they sealed.
    pub former_seal_keys: Vec<Secret>,
    /// Where the configuration says so.
    pub place: Place,
}

/// What helps where other keys sealed a ledger than those that are named.
pub(crate) const PUT_BACK: &str = "put back the files that it was made with; where the seal key was changed, name the one \
                                   before in ledger.former_seal_keys";

impl Ledger {
    /// Which keys open the ledger, and in which files they are: for who has to put one of them right.
    pub fn keys_told(&self) -> String {
        let files = |secrets: &[Secret]| {
            let files: Vec<_> = secrets.iter().map(|secret| secret.path.display().to_string()).collect();
            files.join(", ")
        };
        let [seal, parameter] = [&self.seal_key, &self.parameter_key].map(|key| files(slice::from_ref(key)));
        let former = match self.former_seal_keys.as_slice() {
            [] => String::new(),
            former => format!(" and ledger.former_seal_keys ({})", files(former)),
        };
        format!("ledger.seal_key ({seal}){former} with ledger.parameter_key ({parameter})")
    }
}

/// The log of every decision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Audit {
    /// The private key that signs checkpoints, in PEM; used for nothing else.
    pub checkpoint_key: Secret,
    /// The file that checkpoints are appended to.
    pub checkpoints: PathBuf,
    /// The public halves, in PEM, of keys that signed checkpoints before.
    pub former_keys: Vec<FormerKey>,
    /// Where the configuration says so.
    pub place: Place,
}

/// The public half of a key that signed checkpoints before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FormerKey {
    /// The file that holds it.
    pub path: PathBuf,
    /// Where the configuration says so.
    pub place: Place,
}

/// A signing identity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdentityConfig {
    /// What specs and people call it.
    pub name: String,
    /// What it is for, and where its files are.
    pub duty: Duty,
    /// Where the configuration says so.
    pub place: Place,
}

/// What an identity is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Duty {
    /// It signs what its specs issue, and overwrites of what it signed.
    Active(KeyFiles),
    /// It signs overwrites of what it signed, and nothing else.
    OverwriteOnly(KeyFiles),
    /// Its key is gone.
    Gone {
        /// What is left: its leaf certificate, or several, in PEM or one in DER.
        certificate: PathBuf,
    },
}

/// Where a key and its certificates are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyFiles {
    /// PEM files.
    Pem {
        /// The leaf's certificate, and as many others as there are.
        certificate: PathBuf,
        /// Further certificates for the chain.
        chain: Option<PathBuf>,
        /// The private key.
        key: Secret,
        /// What opens the key, if it is encrypted.
        passphrase: Option<Secret>,
    },
    /// A PKCS#12 archive (RFC 7292).
    Pkcs12 {
        /// The archive.
        archive: Secret,
        /// What opens it; without one the empty passphrase is tried.
        passphrase: Option<Secret>,
    },
}

/// Something that can be issued.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpecConfig {
    /// What callers call it.
    pub name: String,
    /// A spec in TOML, or a `.mobileconfig` with placeholders; declarations for the latter are in a file of the same
    /// name that ends in `.toml`.
    pub file: PathBuf,
    /// The name of the active identity that signs it.
    pub identity: String,
    /// The placeholders that callers may fill; without a list all that the profile uses. The others keep their defaults.
    pub parameters: Option<Vec<String>>,
    /// Values to check the spec with where a placeholder has no default; never issued.
    pub example: BTreeMap<String, serde_json::Value>,
    /// Where the configuration says so.
    pub place: Place,
}

/// Who may ask, and for what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallerConfig {
    /// What the record calls it.
    pub name: String,
    /// How it is known.
    pub proof: Proof,
    /// What it may do; at least one.
    pub roles: BTreeSet<Role>,
    /// The devices that it may act on; without a list all.
    pub devices: Option<Vec<Pattern>>,
    /// The specs that it may act on, by name; without a list all.
    pub specs: Option<BTreeSet<String>>,
    /// The most overwrites within an hour; without a number there is no limit.
    pub overwrites_per_hour: Option<u32>,
    /// Where the configuration says so.
    pub place: Place,
}

/// How a caller is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Proof {
    /// By the user id of its process, over the Unix socket.
    Uid(u32),
    /// By its TLS client certificate's SHA-256; one or two, for rotation.
    Certificate(Vec<Digest>),
    /// By the subject of its TLS client certificate, as `CN=…, O=…`, most specific part first.
    Subject(String),
    /// By a bearer token's SHA-256; one or two, for rotation.
    Token(Vec<Digest>),
}

/// What overwrites need beyond the role.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Overwrites {
    /// Whether each needs a ticket that another caller has approved.
    pub two_person: bool,
    /// How long a ticket serves, from when it was asked for.
    pub ticket_lifetime: Duration,
}

/// How much and how long.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The most bytes of a body.
    pub body_bytes: u64,
    /// The most bytes of all bodies at once; one client address may hold half of them.
    pub bodies_bytes: u64,
    /// The most bytes of a header section.
    pub header_bytes: u64,
    /// The most bytes of a request's target.
    pub uri_bytes: u64,
    /// The most levels of a JSON body.
    pub json_depth: u64,
    /// The most levels of a property list that somebody sends.
    pub plist_depth: u64,
    /// The most connections at once.
    pub connections: u64,
    /// The most profiles that wait for a signing thread.
    pub queue: u64,
    /// Threads that sign; `None`: one for each core.
    pub signing_threads: Option<u64>,
    /// For the TLS handshake.
    pub handshake: Duration,
    /// For the header section.
    pub header: Duration,
    /// For the body.
    pub body: Duration,
    /// From the header to the last byte of the answer.
    pub total: Duration,
    /// For what still runs when the daemon stops.
    pub drain: Duration,
}

/// What is logged, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Log {
    /// The form of a line.
    pub format: LogFormat,
    /// The least level that is logged.
    pub level: LogLevel,
}

/// The form of a log line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// The least level that is logged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogLevel {
    /// What failed.
    Error,
    /// What may fail.
    Warn,
    /// What was done.
    #[default]
    Info,
    /// How.
    Debug,
}

impl Config {
    /// Reads a file; credentials are in the folder that systemd names in `CREDENTIALS_DIRECTORY`.
    ///
    /// # Errors
    /// Everything that is wrong with it, in the order of the file. None of the files that it names is opened.
    pub fn load(path: impl AsRef<Path>) -> Result<Self, Vec<ConfigError>> {
        Draft::load(path.as_ref(), credentials_directory().as_deref()).finish()
    }

    /// Reads the text of a file.
    ///
    /// # Errors
    /// As [`load`](Config::load).
    pub fn from_text(text: &str, file: &Path, credentials: Option<&Path>) -> Result<Self, Vec<ConfigError>> {
        Draft::from_text(text, file, credentials).finish()
    }
}

/// The operator's socket of a configuration file, whatever else is wrong with it: a daemon that runs can be asked also
/// while its next configuration is not ready, and by somebody who has not its credentials.
///
/// # Errors
/// Everything that is wrong, where it does not name a socket.
pub fn admin_socket(path: &Path) -> Result<PathBuf, Vec<ConfigError>> {
    let Draft { admin, errors, .. } = Draft::load(path, credentials_directory().as_deref());
    admin.map(|admin| admin.socket).ok_or(errors)
}

/// What a configuration file says of ledger and audit, whatever else is wrong with it: for who looks at the record while
/// no daemon runs.
///
/// # Errors
/// Everything that is wrong, where it does not say so much.
pub fn record_of(path: &Path, credentials: Option<&Path>) -> Result<(Ledger, Audit), Vec<ConfigError>> {
    let Draft { ledger, audit, errors, .. } = Draft::load(path, credentials);
    ledger.zip(audit).ok_or(errors)
}

/// What a configuration file says of the log, whatever else is wrong with it: so that what is wrong is told as it says.
pub fn log_of(path: &Path) -> Log {
    Draft::load(path, credentials_directory().as_deref()).log
}

/// The folder where systemd puts credentials, where there is one.
pub fn credentials_directory() -> Option<PathBuf> {
    env::var_os("CREDENTIALS_DIRECTORY").filter(|folder| !folder.is_empty()).map(PathBuf::from)
}

/// As much of a configuration as could be read, and what is wrong with the rest: so that mistakes in the files that it
/// names can be told together with its own.
pub(crate) struct Draft {
    listen: Option<Listen>,
    admin: Option<Admin>,
    ledger: Option<Ledger>,
    audit: Option<Audit>,
    overwrites: Overwrites,
    limits: Limits,
    log: Log,
    callers: Vec<CallerConfig>,
    /// Those that could be read.
    pub(crate) identities: Vec<IdentityConfig>,
    /// Those that could be read.
    pub(crate) specs: Vec<SpecConfig>,
    /// What is wrong.
    pub(crate) errors: Vec<ConfigError>,
}

impl Draft {
    /// Reads a file.
    pub(crate) fn load(path: &Path, credentials: Option<&Path>) -> Self {
        let place = Place::file(path);
        let bytes = match read_public(&place, path) {
            Ok(bytes) => bytes,
            Err(error) => return Self::failed(vec![error]),
        };
        match String::from_utf8(bytes) {
            Ok(text) => Self::from_text(&text, path, credentials),
            Err(_) => Self::failed(vec![ConfigError::new(place, "is not UTF-8")]),
        }
    }

    /// The part about TLS, where there is one that could be read.
    pub(crate) fn tls(&self) -> Option<&Tls> {
        self.listen.as_ref()?.tls.as_ref()
    }

    /// The part about the ledger, if it could be read.
    pub(crate) fn ledger(&self) -> Option<&Ledger> {
        self.ledger.as_ref()
    }

    /// The part about the audit log, if it could be read.
    pub(crate) fn audit(&self) -> Option<&Audit> {
        self.audit.as_ref()
    }

    /// The whole, if nothing is wrong.
    ///
    /// # Errors
    /// Everything that is wrong, in the order of the files.
    pub(crate) fn finish(self) -> Result<Config, Vec<ConfigError>> {
        let Self { listen, admin, ledger, audit, overwrites, limits, log, callers, identities, specs, errors } = self;
        match (listen, admin, ledger, audit, errors.is_empty()) {
            (Some(listen), Some(admin), Some(ledger), Some(audit), true) => {
                Ok(Config { listen, admin, ledger, audit, identities, specs, callers, overwrites, limits, log })
            }
            _ => Err(errors),
        }
    }
}
