//! What is done although nobody asks: certificates come to their end, devices come to depend on leaves, and what the audit
//! was told lately gets a checkpoint.

use std::{
    collections::BTreeMap,
    time::{Duration, SystemTime},
};

use profile_kit::Certificate;
use tokio::time::{Instant, MissedTickBehavior, interval_at};

use super::{Control, chain};
use crate::{
    Digest,
    keyring::{days_left, ends},
    metrics::Metrics,
    service::Service,
    state::State,
    stop::{Phase, Watch},
};

/// Looks every minute until the daemon drains.
pub(super) async fn keep(control: Control, mut stop: Watch) {
    let mut turns = interval_at(Instant::now() + EVERY, EVERY);
    turns.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut told = Told::default();
    loop {
        look(&control, &mut told).await;
        tokio::select! {
            _ = turns.tick() => {}
            () = stop.reached(Phase::Draining) => return,
        }
        record_strangers(control.service()).await;
        sign_checkpoint(control.service()).await;
    }
}

async fn look(control: &Control, told: &mut Told) {
    let service = control.service();
    for warning in told.look(&service.state(), (service.clock)()) {
        tracing::warn!("{warning}");
    }
    if let Err(error) = control.refresh().await {
        tracing::warn!(error = %chain(&error), "the stranded devices cannot be counted");
    }
}

/// What strangers tried since the last time.
pub(super) async fn record_strangers(service: &Service) {
    if let Err(error) = service.strangers.record(&service.ledger, (service.clock)()).await {
        tracing::warn!(error = %chain(&error), "refusals that were counted are not in the record yet");
    }
}

/// Over what was recorded since the last one, if anything was.
async fn sign_checkpoint(service: &Service) {
    if let Err(error) = service.ledger.checkpoint().await {
        tracing::warn!(error = %chain(&error), "the audit has no checkpoint of this minute");
    }
}

/// Shows when every certificate ends, and no others.
pub(super) fn show_ends(metrics: &Metrics, state: &State) {
    metrics.certificate_ends.clear();
    for it in state.keyring.certificates() {
        if let Some(end) = it.certificate.not_after() {
            metrics.certificate_ends(it.identity, it.certificate, end);
        }
    }
    for certificate in tls_certificates(state) {
        if let Some(end) = certificate.not_after() {
            metrics.certificate_ends(TLS, &certificate, end);
        }
    }
}

/// Of which certificates a warning was given, and for how many days.
#[derive(Default)]
struct Told(BTreeMap<Digest, u64>);

impl Told {
    /// The warnings that are new: a certificate gives one 60, 30, 7 and 1 days before its end, and one after it.
    fn look(&mut self, state: &State, at: SystemTime) -> Vec<String> {
        let of_keyring = state.keyring.ending(at).into_iter();
        let of_keyring =
            of_keyring.map(|it| (it.certificate.clone(), it.days, format!("identity {:?}: {it}", it.identity)));
        let of_tls = tls_certificates(state).into_iter().filter_map(|it| {
            let days = days_left(it.not_after()?, at)?;
            let warning = format!("{TLS}: {}", ends(&it, days));
            Some((it, days, warning))
        });
        let all = of_keyring.chain(of_tls);
        let mut is_new =
            |certificate: &Certificate, days| self.0.insert(Digest::of(certificate.der()), days) != Some(days);
        all.filter(|(certificate, days, _)| is_new(certificate, *days)).map(|(.., warning)| warning).collect()
    }
}

fn tls_certificates(state: &State) -> Vec<Certificate> {
    let pem = state.tls.as_ref().map(|tls| Certificate::from_pem(&tls.certificates));
    pem.and_then(Result::ok).unwrap_or_default()
}

const EVERY: Duration = Duration::from_secs(60);
/// What the certificates of the TLS listener are told by.
const TLS: &str = "listen.tls";

#[cfg(test)]
mod tests {
    use std::{fs, sync::Arc};

    use super::*;
    use crate::{
        audit::{CheckpointFile, Event},
        daemon::{Daemon, Source},
        fixture::{Site, days, now},
    };

    #[test]
    fn a_certificate_gives_a_warning_60_30_7_and_1_days_before_its_end_and_one_after_it() {
        let site = Site::new();
        let state = site.state();
        let mut told = Told::default();
        let mut leaf = |day: u64| {
            let warnings = told.look(&state, now() + days(day));
            warnings.into_iter().filter(|warning| warning.contains("CN=New")).collect::<Vec<_>>()
        };
        // The certificate ends on day 300.
        for (day, expected) in [
            (200, None),
            (239, None),
            (240, Some("within 60 days")),
            (241, None),
            (270, Some("within 30 days")),
            (293, Some("within 7 days")),
            (299, Some("within 1 days")),
            (301, Some("has ended: nothing is issued for ivi")),
            (302, None),
        ] {
            let warnings = leaf(day);
            assert_eq!(warnings.len(), usize::from(expected.is_some()), "day {day}: {warnings:?}");
            assert!(expected.is_none_or(|end| warnings[0].ends_with(end)), "day {day}: {warnings:?}");
        }
    }

    #[test]
    fn the_listeners_certificate_is_watched_too() {
        let site = Site::new();
        site.change(
            "unix = { path = \"signer.sock\" }",
            "unix = { path = \"signer.sock\" }\n\
             tls = { address = \"127.0.0.1:0\", certificate = \"lost.pem\", key = { file = \"lost.key\" } }",
        );
        site.write("lost.key", site.lost.key_pem().unwrap());
        let warnings = Told::default().look(&site.state(), now() + days(295));
        assert!(warnings.iter().any(|it| it == "listen.tls: certificate CN=Lost ends within 7 days"), "{warnings:?}");
    }

    #[tokio::test]
    async fn a_checkpoint_covers_what_was_recorded_since_the_last_and_only_that() {
        let site = Site::new();
        let source = Source { config: site.config(), credentials: None, tcp: None, clock: Arc::new(now) };
        let control = Daemon::start(source).await.unwrap().control();
        let ledger = &control.service().ledger;
        let covered = || {
            let text = fs::read_to_string(ledger.checkpoint_file()).unwrap();
            CheckpointFile::read(&text).unwrap().iter().map(|point| point.seq).collect::<Vec<_>>()
        };
        sign_checkpoint(control.service()).await;
        sign_checkpoint(control.service()).await;
        assert_eq!(covered(), [1]);
        for _ in 0..2 {
            ledger.audit(Event::done("test"), now()).await.unwrap();
        }
        sign_checkpoint(control.service()).await;
        assert_eq!(covered(), [1, 3]);
    }

    #[test]
    fn the_gauges_show_every_certificate_and_forget_those_that_went() {
        let site = Site::new();
        let metrics = Metrics::new();
        show_ends(&metrics, &site.state());
        let shown = |identity: &str| metrics.encode().matches(&format!("{{identity=\"{identity}\",")).count();
        // Leaf, intermediate and root of those whose key there is; the leaf alone of the one that is gone.
        assert_eq!((shown("new"), shown("lost")), (2, 1), "{}", metrics.encode());
        site.change("[[identity]]\nname = \"lost\"\nstate = \"gone\"\ncertificate = \"lost.pem\"\n", "");
        show_ends(&metrics, &site.state());
        assert_eq!(shown("lost"), 0);
    }
}
