//! From TOML to the sections of the configuration.

use std::{collections::BTreeMap, net::SocketAddr, path::Path, time::Duration};

use profile_kit::Certificate;
use toml::de::DeTable;

use super::{
    Admin, Audit, CallerConfig, ConfigError, Draft, Duty, FormerKey, IdentityConfig, KeyFiles, Ledger, Limits, Listen,
    Log, LogFormat, LogLevel, Overwrites, Proof, SpecConfig, Tls, UnixSocket, agreement,
    section::{Document, Item, Section},
};
use crate::{Digest, pattern::Pattern, role::Role};

impl Draft {
    /// Reads the text of a file.
    pub(crate) fn from_text(text: &str, file: &Path, credentials: Option<&Path>) -> Self {
        let document = Document::new(file, text, credentials);
        let (table, faults) = DeTable::parse_recoverable(text);
        for fault in &faults {
            let place = document.place("", fault.span().map(|span| span.start));
            document.push(ConfigError::new(place, fault.message().replace('\n', " ")));
        }
        // What comes after a fault may be read as something else: it would give mistakes that nobody made.
        if !faults.is_empty() {
            return Self::failed(document.into_errors());
        }
        let mut draft = Self::read(document.root(table.get_ref()));
        draft.errors.extend(document.into_errors());
        draft.errors.sort_by_key(|error| error.place.line);
        draft
    }

    /// Nothing but mistakes.
    pub(super) fn failed(errors: Vec<ConfigError>) -> Self {
        Self {
            listen: None,
            admin: None,
            ledger: None,
            audit: None,
            overwrites: Overwrites::default(),
            limits: Limits::default(),
            log: Log { format: LogFormat::default(), level: LogLevel::default() },
            callers: Vec::new(),
            identities: Vec::new(),
            specs: Vec::new(),
            errors,
        }
    }

    fn read(mut root: Section) -> Self {
        let is_known = |state: &Option<String>| STATES.iter().any(|(word, _)| Some(*word) == state.as_deref());
        let named = root.texts("identity", "name").into_iter().zip(root.texts("identity", "state"));
        let names = agreement::Names {
            identities: root.texts("identity", "name").into_iter().flatten().collect(),
            stateless: named.filter(|(_, state)| !is_known(state)).filter_map(|(name, _)| name).collect(),
            specs: root.texts("spec", "name").into_iter().flatten().collect(),
            unix: root.holds("listen", &["unix"]),
            client_ca: root.holds("listen", &["tls", "client_ca"]),
        };
        let mut draft = Self {
            listen: root.required("listen", |item| listen(item.section()?)),
            admin: root.required("admin", |item| admin(item.section()?)),
            ledger: root.required("ledger", |item| ledger(item.section()?)),
            audit: root.required("audit", |item| audit(item.section()?)),
            overwrites: root.optional("overwrites", |item| Some(overwrites(item.section()?))).unwrap_or_default(),
            limits: root.optional("limits", |item| Some(limits(item.section()?))).unwrap_or_default(),
            log: root.optional("log", |item| Some(log(item.section()?))).unwrap_or_default(),
            identities: root.tables("identity", identity),
            specs: root.tables("spec", spec),
            callers: root.tables("caller", caller),
            errors: Vec::new(),
        };
        root.finish();
        draft.errors = agreement::errors(&draft, &names);
        draft
    }
}

fn listen(mut section: Section) -> Option<Listen> {
    let tcp = section.optional("tcp", loopback);
    let unix = section.optional("unix", |item| unix(item.section()?));
    let tls = section.optional("tls", |item| tls(item.section()?));
    if !["tcp", "unix", "tls"].iter().any(|key| section.has(key)) {
        section.wrong("names no way to reach the daemon: tcp, unix or tls");
    }
    section.finish();
    Some(Listen { tcp, unix, tls })
}

fn loopback(item: &Item) -> Option<SocketAddr> {
    let address = address(item)?;
    match address.ip().is_loopback() {
        true => Some(address),
        false => item.wrong("is not a loopback address: beyond this machine the daemon listens with tls only"),
    }
}

fn address(item: &Item) -> Option<SocketAddr> {
    item.text()?.parse().ok().or_else(|| item.wrong("is not an IP address and a port, as in 127.0.0.1:8080"))
}

fn unix(mut section: Section) -> Option<UnixSocket> {
    let path = section.required("path", Item::path);
    let mode = section.optional("mode", |item| item.number(0..=0o777)).unwrap_or(0o660);
    section.finish();
    Some(UnixSocket { path: path?, mode: u32::try_from(mode).ok()? })
}

fn tls(mut section: Section) -> Option<Tls> {
    let address = section.required("address", address);
    let certificate = section.required("certificate", Item::path);
    let key = section.required("key", Item::secret);
    let client_ca = section.optional("client_ca", Item::path);
    section.finish();
    // A wrong address is told already; its files are looked at all the same.
    let address = address.unwrap_or(SocketAddr::from(([0, 0, 0, 0], 0)));
    Some(Tls { address, certificate: certificate?, key: key?, client_ca })
}

fn admin(mut section: Section) -> Option<Admin> {
    let place = section.place();
    let socket = section.required("socket", Item::path);
    section.finish();
    Some(Admin { socket: socket?, place })
}

fn ledger(mut section: Section) -> Option<Ledger> {
    let place = section.place();
    let path = section.required("path", Item::path);
    let seal_key = section.required("seal_key", Item::secret);
    let parameter_key = section.required("parameter_key", Item::secret);
    let former_seal_keys = section.optional("former_seal_keys", |item| item.list(Item::secret)).unwrap_or_default();
    section.finish();
    Some(Ledger { path: path?, seal_key: seal_key?, parameter_key: parameter_key?, former_seal_keys, place })
}

fn audit(mut section: Section) -> Option<Audit> {
    let place = section.place();
    let checkpoint_key = section.required("checkpoint_key", Item::secret);
    let checkpoints = section.required("checkpoints", Item::path);
    let former_keys = section.optional("former_keys", |item| item.list(former_key)).unwrap_or_default();
    section.finish();
    Some(Audit { checkpoint_key: checkpoint_key?, checkpoints: checkpoints?, former_keys, place })
}

fn former_key(item: &Item) -> Option<FormerKey> {
    Some(FormerKey { path: item.path()?, place: item.place() })
}

fn identity(mut section: Section) -> Option<IdentityConfig> {
    let place = section.place();
    let name = section.required("name", Item::name);
    let state = section.required("state", |item| item.word(&STATES));
    let duty = match state {
        Some(State::Active) => key_files(&mut section).map(Duty::Active),
        Some(State::OverwriteOnly) => key_files(&mut section).map(Duty::OverwriteOnly),
        Some(State::Gone) => gone(&mut section),
        // Which keys belong here is not known, so none is called unknown, and the files are looked at.
        None => key_files(&mut section).map(Duty::OverwriteOnly),
    };
    section.finish();
    Some(IdentityConfig { name: name?, duty: duty?, place })
}

#[derive(Clone, Copy)]
enum State {
    Active,
    OverwriteOnly,
    Gone,
}

const STATES: [(&str, State); 3] =
    [("active", State::Active), ("overwrite-only", State::OverwriteOnly), ("gone", State::Gone)];

fn key_files(section: &mut Section) -> Option<KeyFiles> {
    let passphrase = section.optional("passphrase", Item::secret);
    if !section.has("pkcs12") {
        let certificate = section.required("certificate", Item::path);
        let chain = section.optional("chain", Item::path);
        let key = section.required("key", Item::secret);
        return Some(KeyFiles::Pem { certificate: certificate?, chain, key: key?, passphrase });
    }
    let archive = section.required("pkcs12", Item::secret);
    for key in ["certificate", "chain", "key"] {
        section.optional(key, |item| item.wrong::<()>("is in the PKCS#12 archive already: leave one of them out"));
    }
    Some(KeyFiles::Pkcs12 { archive: archive?, passphrase })
}

fn gone(section: &mut Section) -> Option<Duty> {
    let certificate = section.required("certificate", Item::path);
    for key in ["key", "pkcs12", "passphrase", "chain"] {
        section.optional(key, |item| {
            item.wrong::<()>("belongs to a key, and this one is gone: leave it out, or make the state overwrite-only")
        });
    }
    Some(Duty::Gone { certificate: certificate? })
}

fn spec(mut section: Section) -> Option<SpecConfig> {
    let place = section.place();
    let name = section.required("name", Item::name);
    let file = section.required("file", Item::path);
    let identity = section.required("identity", Item::name);
    let parameters = section.optional("parameters", |item| item.list(|item| item.text().map(str::to_owned)));
    let example = section.optional("example", example).unwrap_or_default();
    section.finish();
    Some(SpecConfig { name: name?, file: file?, identity: identity?, parameters, example, place })
}

fn example(item: &Item) -> Option<BTreeMap<String, serde_json::Value>> {
    let values = item.entries()?.into_iter().filter_map(|(name, item)| Some((name, item.json()?)));
    Some(values.collect())
}

fn caller(mut section: Section) -> Option<CallerConfig> {
    let place = section.place();
    let name = section.required("name", Item::name);
    let proof = proof(&mut section);
    let roles = section.required("roles", |item| {
        let roles = item.list(|item| item.word(&Role::ALL.map(|role| (role.word(), role))))?;
        if roles.is_empty() { item.wrong("is empty: the caller could do nothing") } else { Some(roles) }
    });
    let devices = section.optional("devices", |item| item.list(pattern));
    let specs = section.optional("specs", |item| item.list(Item::name));
    let budget = section.optional("overwrites_per_hour", |item| item.number(1..=1_000_000));
    section.finish();
    Some(CallerConfig {
        name: name?,
        proof: proof?,
        roles: roles?.into_iter().collect(),
        devices,
        specs: specs.map(|specs| specs.into_iter().collect()),
        overwrites_per_hour: budget.and_then(|budget| u32::try_from(budget).ok()),
        place,
    })
}

fn proof(section: &mut Section) -> Option<Proof> {
    let proofs = [
        section.optional("uid", |item| item.number(0..=u32::MAX.into()).map(|uid| Proof::Uid(uid as u32))),
        section.optional("certificate_sha256", |item| digests(item).map(Proof::Certificate)),
        section.optional("certificate_subject", |item| subject(item).map(Proof::Subject)),
        section.optional("token_sha256", |item| digests(item).map(Proof::Token)),
    ];
    let named = PROOFS.iter().filter(|key| section.has(key)).count();
    if named != 1 {
        section.wrong(&format!("has to be known in exactly one way: {}", PROOFS.join(", ")));
        return None;
    }
    proofs.into_iter().flatten().next()
}

fn subject(item: &Item) -> Option<String> {
    let text = item.text()?;
    match Certificate::is_subject(text) {
        true => Some(text.to_owned()),
        false => item.wrong(
            "is no subject as a certificate's is compared, as in CN=help-desk, O=Example\\, Inc.: short names of attributes, \
             a comma and a space between them, and a backslash before each of , + ; < > \" \\ in a value",
        ),
    }
}

/// One digest, or two during a rotation.
fn digests(item: &Item) -> Option<Vec<Digest>> {
    let digest = |item: &Item| {
        let digest = item.text()?.parse::<Digest>();
        digest.ok().or_else(|| item.wrong("is not a SHA-256 digest: 64 hexadecimal digits"))
    };
    let digests = item.list(digest)?;
    match digests.as_slice() {
        [_] => Some(digests),
        [first, second] if first != second => Some(digests),
        _ => item.wrong("holds one digest, or two different ones during a rotation"),
    }
}

fn pattern(item: &Item) -> Option<Pattern> {
    let pattern = Pattern::new(item.text()?);
    pattern
        .or_else(|| item.wrong("is no pattern for device ids: A-Z, a-z, 0-9, `.`, `_`, `-`, and `*` for any of them"))
}

fn overwrites(mut section: Section) -> Overwrites {
    let default = Overwrites::default();
    let two_person = section.optional("two_person", Item::flag).unwrap_or(default.two_person);
    let lifetime = section.optional("ticket_seconds", |item| item.seconds(60..=30 * 86_400));
    section.finish();
    Overwrites { two_person, ticket_lifetime: lifetime.unwrap_or(default.ticket_lifetime) }
}

fn limits(mut section: Section) -> Limits {
    let default = Limits::default();
    let mut number = |key, default, range| section.optional(key, |item| item.number(range)).unwrap_or(default);
    let body_bytes = number("body_bytes", default.body_bytes, 1 << 10..=64 << 20);
    let limits = Limits {
        body_bytes,
        bodies_bytes: number("bodies_bytes", default.bodies_bytes.max(2 * body_bytes), 2 << 10..=64 << 30),
        header_bytes: number("header_bytes", default.header_bytes, 8 << 10..=1 << 20),
        uri_bytes: number("uri_bytes", default.uri_bytes, 512..=LONGEST_URI),
        json_depth: number("json_depth", default.json_depth, 4..=64),
        plist_depth: number("plist_depth", default.plist_depth, 8..=512),
        connections: number("connections", default.connections, 1..=1_000_000),
        queue: number("queue", default.queue, 1..=1_000_000),
        signing_threads: default.signing_threads,
        handshake: default.handshake,
        header: default.header,
        body: default.body,
        total: default.total,
        drain: default.drain,
    };
    let mut seconds = |key, default| section.optional(key, |item| item.seconds(1..=600)).unwrap_or(default);
    let limits = Limits {
        handshake: seconds("handshake_seconds", default.handshake),
        header: seconds("header_seconds", default.header),
        body: seconds("body_seconds", default.body),
        total: seconds("total_seconds", default.total),
        drain: seconds("drain_seconds", default.drain),
        ..limits
    };
    let signing_threads = section.optional("signing_threads", |item| item.number(1..=1024));
    if limits.total < limits.header.max(limits.body) {
        section.wrong("total_seconds holds header_seconds and body_seconds: it cannot be less than one of them");
    }
    if limits.bodies_bytes < 2 * limits.body_bytes {
        section.wrong("bodies_bytes is what all bodies have together: it cannot be less than twice body_bytes");
    }
    section.finish();
    Limits { signing_threads, ..limits }
}

fn log(mut section: Section) -> Log {
    let format = |item: &Item| item.word(&[("text", LogFormat::Text), ("json", LogFormat::Json)]);
    let levels =
        [("error", LogLevel::Error), ("warn", LogLevel::Warn), ("info", LogLevel::Info), ("debug", LogLevel::Debug)];
    let log = Log {
        format: section.optional("format", format).unwrap_or_default(),
        level: section.optional("level", |item| item.word(&levels)).unwrap_or_default(),
    };
    section.finish();
    log
}

/// One person, and an hour for a ticket.
impl Default for Overwrites {
    fn default() -> Self {
        Self { two_person: false, ticket_lifetime: Duration::from_secs(3600) }
    }
}

/// What a fleet's core needs, with room.
impl Default for Limits {
    fn default() -> Self {
        Self {
            body_bytes: 4 << 20,
            bodies_bytes: 64 << 20,
            header_bytes: 16 << 10,
            uri_bytes: 4 << 10,
            json_depth: 16,
            plist_depth: 64,
            connections: 1024,
            queue: 256,
            signing_threads: None,
            handshake: Duration::from_secs(5),
            header: Duration::from_secs(5),
            body: Duration::from_secs(15),
            total: Duration::from_secs(30),
            drain: Duration::from_secs(20),
        }
    }
}

/// Text for people, from `info` up.
impl Default for Log {
    fn default() -> Self {
        Self { format: LogFormat::default(), level: LogLevel::default() }
    }
}

/// The keys that say how a caller is known.
const PROOFS: [&str; 4] = ["uid", "certificate_sha256", "certificate_subject", "token_sha256"];

/// The longest target that the HTTP library reads.
const LONGEST_URI: u64 = 65_534;
