//! What the daemon counts and measures, in the text format of OpenMetrics 1.0, as Prometheus reads it.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use profile_kit::Certificate;
use prometheus_client::{
    encoding::{EncodeLabelSet, text},
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
    registry::{Registry, Unit},
};

use crate::Digest;

/// Every series of the daemon. A name here, the name on the wire and its help text are in [`Metrics::new`];
/// `docs/metrics.md` is made of them.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    /// Requests that were answered.
    pub requests: Family<RequestLabels, Counter>,
    /// From a request's head to its answer's head.
    pub request_time: Histogram,
    /// Refusals by their stable code.
    pub refusals: Family<CodeLabels, Counter>,
    /// Panics in requests and signing jobs.
    pub panics: Counter,
    /// Profiles that were signed, recorded and answered.
    pub issuances: Family<IssuanceLabels, Counter>,
    /// How long jobs waited for a signing thread.
    pub queue_time: Histogram,
    /// How long a signing thread took to sign and to verify.
    pub work_time: Histogram,
    /// Jobs that wait for a signing thread.
    pub queue_length: Gauge,
    /// Jobs that nobody waited for any more, so that nothing was signed.
    pub abandoned: Counter,
    /// The time of a commit to the ledger, with its fsync.
    pub commit_time: Histogram,
    /// How many writes shared a commit.
    pub commit_writes: Histogram,
    /// When certificates end.
    pub certificate_ends: Family<CertificateLabels, Gauge>,
    /// Devices whose recorded leaf has no key.
    pub stranded_devices: Gauge,
    /// Open connections.
    pub connections: Family<ListenerLabels, Gauge>,
    /// Connections that found no place.
    pub connections_refused: Family<CapLabels, Counter>,
    /// Connections that a deadline closed.
    pub connections_overdue: Family<DeadlineLabels, Counter>,
    /// Heads that the HTTP library refused barely.
    pub heads_unread: Family<KindLabels, Counter>,
}

/// What a request is counted by.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct RequestLabels {
    /// The route's pattern; `none` where no route was found.
    pub route: String,
    /// The HTTP status; 0 where the client went away before there was one.
    pub status: u16,
}

/// What a refusal is counted by.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct CodeLabels {
    /// The refusal's stable code.
    pub code: &'static str,
}

/// What an issuance is counted by.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct IssuanceLabels {
    /// `locked` or `overwrite`.
    pub variant: &'static str,
    /// The caller's configured name.
    pub caller: String,
}

/// What a certificate is told by.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct CertificateLabels {
    /// The identity's configured name; `listen.tls` for what the listener shows.
    pub identity: String,
    /// Whose it is.
    pub subject: String,
    /// The certificate's SHA-256.
    pub certificate: String,
}

/// What an open connection is counted by.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct ListenerLabels {
    /// `tcp`, `tls` or `unix`.
    pub listener: &'static str,
}

/// What a connection without a place is counted by.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct CapLabels {
    /// `total` or `peer`.
    pub cap: &'static str,
}

/// What a connection that was too slow is counted by.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct DeadlineLabels {
    /// `handshake`, `header`, `idle`, `stall` or `answer`.
    pub deadline: &'static str,
}

/// What a head that could not be read is counted by.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct KindLabels {
    /// `malformed` or `too-large`.
    pub kind: &'static str,
}

impl Metrics {
    /// Registers every series; nothing has been counted yet.
    pub fn new() -> Self {
        let mut new = Self {
            registry: Registry::with_prefix("signer"),
            requests: Family::default(),
            request_time: seconds(),
            refusals: Family::default(),
            panics: Counter::default(),
            issuances: Family::default(),
            queue_time: seconds(),
            work_time: seconds(),
            queue_length: Gauge::default(),
            abandoned: Counter::default(),
            commit_time: seconds(),
            commit_writes: Histogram::new(WRITES),
            certificate_ends: Family::default(),
            stranded_devices: Gauge::default(),
            connections: Family::default(),
            connections_refused: Family::default(),
            connections_overdue: Family::default(),
            heads_unread: Family::default(),
        };
        new.register();
        new
    }

    fn register(&mut self) {
        let it = &mut self.registry;
        it.register("requests", "Requests by route and status (0: the client went away)", self.requests.clone());
        it.register_with_unit(
            "request",
            "From a request's head to its answer's head",
            Unit::Seconds,
            self.request_time.clone(),
        );
        it.register("refusals", "Refusals by their stable code", self.refusals.clone());
        it.register("panics", "Panics in requests and signing jobs", self.panics.clone());
        it.register("issuances", "Profiles issued, by variant and caller", self.issuances.clone());
        it.register_with_unit(
            "signing_queue",
            "How long jobs waited for a signing thread",
            Unit::Seconds,
            self.queue_time.clone(),
        );
        it.register_with_unit(
            "signing_work",
            "How long a signing thread took to sign and to verify",
            Unit::Seconds,
            self.work_time.clone(),
        );
        it.register("signing_queue_length", "Jobs that wait for a signing thread", self.queue_length.clone());
        it.register("signing_abandoned", "Jobs not signed as their client had gone away", self.abandoned.clone());
        it.register_with_unit(
            "ledger_commit",
            "The time of a commit to the ledger, with its fsync",
            Unit::Seconds,
            self.commit_time.clone(),
        );
        it.register("ledger_commit_writes", "How many writes shared a commit", self.commit_writes.clone());
        it.register_with_unit(
            "certificate_end_timestamp",
            "When a certificate of an identity ends, since 1970",
            Unit::Seconds,
            self.certificate_ends.clone(),
        );
        it.register("stranded_devices", "Devices whose recorded leaf has no key", self.stranded_devices.clone());
        it.register("connections", "Open connections by listener", self.connections.clone());
        it.register("connections_refused", "Connections over a cap, by the cap", self.connections_refused.clone());
        it.register(
            "connections_overdue",
            "Connections that a deadline closed, by the deadline",
            self.connections_overdue.clone(),
        );
        it.register(
            "heads_unread",
            "Heads that the HTTP library refused with a bare status, and HTTP/2 connections that it gave up",
            self.heads_unread.clone(),
        );
    }

    /// Says when a certificate of an identity ends.
    pub fn certificate_ends(&self, identity: &str, certificate: &Certificate, end: SystemTime) {
        let (subject, digest) = (certificate.subject(), Digest::of(certificate.der()));
        let labels = CertificateLabels { identity: identity.into(), subject, certificate: digest.to_string() };
        let seconds = end.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        self.certificate_ends.get_or_create(&labels).set(seconds.try_into().unwrap_or(i64::MAX));
    }

    /// Everything, as `/metrics` answers it; its type is [`CONTENT_TYPE`].
    pub fn encode(&self) -> String {
        let mut text = String::new();
        text::encode(&mut text, &self.registry).expect("a String takes every text");
        text
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

/// The media type of what [`Metrics::encode`] gives.
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

fn seconds() -> Histogram {
    Histogram::new(BUCKETS.map(|bucket| bucket.as_secs_f64()))
}

/// From a P-256 signature to a request's deadline.
const BUCKETS: [Duration; 14] = [
    Duration::from_micros(100),
    Duration::from_micros(250),
    Duration::from_micros(500),
    Duration::from_millis(1),
    Duration::from_micros(2_500),
    Duration::from_millis(5),
    Duration::from_millis(10),
    Duration::from_millis(25),
    Duration::from_millis(50),
    Duration::from_millis(100),
    Duration::from_millis(250),
    Duration::from_secs(1),
    Duration::from_secs(5),
    Duration::from_secs(30),
];

/// From one alone to the most that share a commit.
const WRITES: [f64; 10] = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0];

#[cfg(test)]
mod tests {
    use super::*;

    const DOCUMENT: &str = include_str!("../docs/metrics.md");

    #[test]
    fn the_document_names_every_series() {
        let metrics = touched();
        let table: String = rows(&metrics.encode()).collect();
        assert!(DOCUMENT.contains(&table), "docs/metrics.md should hold:\n{table}");
    }

    #[test]
    fn a_certificates_end_is_in_seconds_since_1970() {
        let metrics = Metrics::new();
        let certificate = crate::fixture::signer("Main").certificate().clone();
        metrics.certificate_ends("main", &certificate, UNIX_EPOCH + Duration::from_secs(1_900_000_000));
        let start = "signer_certificate_end_timestamp_seconds{identity=\"main\",subject=\"CN=Main\",certificate=\"";
        let line = metrics.encode();
        let line = line.lines().find(|it| it.starts_with(start)).expect("the series is there");
        assert!(line.ends_with("\"} 1900000000"), "{line}");
    }

    /// Series without a sample are not shown.
    fn touched() -> Metrics {
        let metrics = Metrics::new();
        metrics.requests.get_or_create(&RequestLabels { route: "/livez".into(), status: 200 }).inc();
        metrics.refusals.get_or_create(&CodeLabels { code: "overloaded" }).inc();
        metrics.issuances.get_or_create(&IssuanceLabels { variant: "locked", caller: "core".into() }).inc();
        metrics.certificate_ends("main", crate::fixture::signer("Main").certificate(), UNIX_EPOCH);
        metrics.connections.get_or_create(&ListenerLabels { listener: "unix" }).inc();
        metrics.connections_refused.get_or_create(&CapLabels { cap: "peer" }).inc();
        metrics.connections_overdue.get_or_create(&DeadlineLabels { deadline: "header" }).inc();
        metrics.heads_unread.get_or_create(&KindLabels { kind: "malformed" }).inc();
        metrics
    }

    fn rows(text: &str) -> impl Iterator<Item = String> {
        let help = |name: &str| text.lines().find_map(|line| line.strip_prefix(&format!("# HELP {name} ")));
        text.lines().filter_map(|line| line.strip_prefix("# TYPE ")).map(move |line| {
            let (name, kind) = line.split_once(' ').expect("a type line has a name and a type");
            let help = help(name).unwrap_or_default();
            let sample = text.lines().find(|line| line.starts_with(name) && line.contains('{'));
            let labels = sample.and_then(|line| line.split(['{', '}']).nth(1)).unwrap_or_default();
            let labels = labels.split(',').filter_map(|label| label.split_once('=')).map(|(label, _)| label);
            let labels =
                labels.filter(|label| *label != "le").map(|label| format!("`{label}`")).collect::<Vec<_>>().join(", ");
            let suffix = if kind == "counter" { "_total" } else { "" };
            format!("| `{name}{suffix}` | {kind} | {labels} | {help} |\n")
        })
    }
}
