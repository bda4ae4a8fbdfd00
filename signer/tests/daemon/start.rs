//! The start: everything that can fail fails before anybody is let in.

use std::{fs, os::unix::fs::PermissionsExt};

use signer::daemon::StartError;
use tokio::net::TcpListener;

use crate::{
    backup::assert_names_keys,
    running::{DAY, Place, Running},
};

#[tokio::test]
async fn everything_that_is_wrong_is_told_at_once_and_nothing_listens() {
    let place = Place::new();
    fs::write(place.path("test.key"), "not a key").unwrap();
    fs::write(place.path("ledger-seal.key"), "short").unwrap();
    fs::write(place.path("ivi-mdm.toml"), "format = 1").unwrap();
    let StartError::Config(errors) = place.start_error().await else { panic!() };
    let text: String = errors.iter().map(|error| error.chain() + "\n").collect();
    for part in ["identity[0]", "ledger.seal_key", "ivi-mdm.toml"] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert!(!place.path("admin.sock").exists() && !place.path("ledger.db").exists());
}

#[tokio::test]
async fn a_ledger_that_cannot_be_had_is_told_before_anybody_listens() {
    let place = Place::new();
    fs::write(place.path("ledger.db"), "this is no database, and it is long enough not to be an empty one").unwrap();
    assert!(matches!(place.start_error().await, StartError::Ledger(_)));
    assert!(!place.path("admin.sock").exists());
}

#[tokio::test]
async fn a_ledger_of_other_keys_is_refused() {
    let running = Running::start().await;
    running.issue("C02A", "1").await.ok();
    let (place, _) = running.end().await;
    let keys = ["ledger-seal.key", "ledger-parameters.key"];
    for name in keys {
        let key = fs::read(place.path(name)).unwrap();
        fs::write(place.path(name), [7; 32]).unwrap();
        let error = place.start_error().await;
        assert_names_keys(&error.to_string(), &place, &["ledger.db", keys[0], keys[1]]);
        let StartError::LedgerKey { source: error, .. } = error else { panic!() };
        assert!(error.to_string().starts_with("the ledger needs the key "), "{error}");
        fs::write(place.path(name), key).unwrap();
    }
    place.start().await.end().await;
}

#[tokio::test]
async fn an_address_that_is_taken_is_told_by_its_key() {
    let place = Place::new();
    let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut source = place.source();
    source.tcp = Some(taken.local_addr().unwrap());
    let error = signer::daemon::Daemon::start(source).await.err().unwrap();
    assert!(error.to_string().starts_with("listen.tcp: cannot listen on 127.0.0.1:"), "{error}");
}

#[tokio::test]
async fn two_daemons_do_not_share_a_ledger() {
    let running = Running::start().await;
    assert!(matches!(running.place.start_error().await, StartError::Ledger(signer::ledger::Error::InUse { .. })));
}

#[tokio::test]
async fn the_sockets_are_for_whom_they_are_meant() {
    let running = Running::start().await;
    for socket in ["admin.sock", "signer.sock"] {
        let mode = fs::metadata(running.place.path(socket)).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{socket}");
    }
    let (place, _) = running.end().await;
    assert!(!place.path("admin.sock").exists() && !place.path("signer.sock").exists());
}

#[tokio::test]
async fn is_ready_when_ledger_audit_keys_and_certificates_are() {
    let running = Running::start().await;
    let ready = running.get("/readyz").await;
    let report: serde_json::Value = serde_json::from_slice(&ready.body).unwrap();
    assert_eq!((ready.status, &report["ready"]), (200, &true.into()));
    let checks = serde_json::json!({ "audit": true, "certificates": true, "keys": true, "ledger": true });
    assert_eq!(report["checks"], checks);
}

#[tokio::test]
async fn is_not_ready_when_the_certificate_has_ended() {
    let place = Place::new();
    place.later(3700 * DAY);
    let running = place.start().await;
    let ready = running.get("/readyz").await;
    assert_eq!(ready.status, 503);
    assert!(ready.text().contains("\"certificates\":false"), "{}", ready.text());
    assert!(ready.text().contains("\"keys\":true"), "{}", ready.text());
}

#[tokio::test]
async fn a_file_of_checkpoints_that_went_away_is_not_ready() {
    let running = Running::start().await;
    fs::remove_file(running.place.path("checkpoints.jsonl")).unwrap();
    let ready = running.get("/readyz").await;
    assert_eq!(ready.status, 503);
    assert!(ready.text().contains("\"audit\":false"), "{}", ready.text());
}

#[tokio::test]
async fn what_the_ledger_commits_is_measured() {
    let running = Running::start().await;
    let sums = async || {
        let metrics = running.get("/metrics").await.text();
        let sample = |name: &str| {
            let line = metrics.lines().find_map(|line| line.strip_prefix(name)).unwrap();
            line.trim().parse::<f64>().unwrap()
        };
        ["_writes_count", "_writes_sum", "_seconds_count"].map(|it| sample(&format!("signer_ledger_commit{it}")))
    };
    let [commits, writes, timed] = sums().await;
    assert_eq!(commits, timed);
    running.issue("C02A", "1").await.ok();
    let [more_commits, more_writes, _] = sums().await;
    assert!(more_commits > commits && more_writes - writes >= more_commits - commits, "{more_writes}");
}
