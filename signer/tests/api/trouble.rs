//! What happens where something that the daemon stands on fails, and where secrets are.

use std::{fs, time::Duration};

use base64::{Engine, engine::general_purpose::STANDARD};
use rusqlite::Connection;
use serde_json::json;
use tokio::time::timeout;

use crate::{
    daemon::Daemon,
    gate::{Gate, narrow, until_waiting},
    past::long,
    reports::posted,
};

const LOCKED: &str = "/v1/devices/C02A/profiles/ivi";
const OVERWRITE: &str = "/v1/devices/C02A/profiles/jp.example.ivi/overwrite";
const INSTALLED: &str = "/v1/devices/C02A/installed";

/// A record that the daemon did not write: it trusts its ledger no more until that is gone.
fn intrude(daemon: &Daemon) -> Connection {
    let db = Connection::open(daemon.site.path("ledger.db")).unwrap();
    db.execute_batch("INSERT INTO audit SELECT seq + 1, time, hash, event, hash FROM audit ORDER BY seq DESC LIMIT 1")
        .unwrap();
    db
}

#[tokio::test]
async fn where_nothing_can_be_recorded_nothing_leaves_and_it_heals_by_itself() {
    let daemon = Daemon::start().await;
    let before = daemon.by("core").post(LOCKED, json!({})).await.done();
    let fetched = format!("/v1/issuances/{}/profile", before.header("issuance-id"));
    let intruder = intrude(&daemon);
    let unavailable = (503, "ledger-unavailable".to_owned());
    for _ in 0..3 {
        let answer = daemon.by("core").post(LOCKED, json!({})).await;
        assert_eq!((answer.refusal(), answer.header("retry-after")), (unavailable.clone(), "1"));
        assert_eq!(daemon.by("core").post(OVERWRITE, json!({})).await.refusal(), unavailable);
        assert_eq!(daemon.by("core").get(&fetched).await.refusal(), unavailable);
        assert_eq!(
            daemon.by("read").post(LOCKED, json!({})).await.refusal(),
            unavailable,
            "a refusal is told unrecorded"
        );
    }
    intruder.execute_batch("DELETE FROM audit WHERE seq = (SELECT max(seq) FROM audit)").unwrap();
    let healed = async { while daemon.by("core").post(LOCKED, json!({})).await.status != 200 {} };
    timeout(PATIENCE, healed).await.expect("it does not heal");
    assert!(daemon.events().iter().any(|event| event["action"] == "ledger-healed"));
    assert_eq!(daemon.by("read").post(LOCKED, json!({})).await.code(), "role-missing");
}

/// A signing thread that is busy until the gate opens.
async fn busy() -> (Daemon, Gate) {
    let daemon = narrow().await;
    let gate = Gate::at(&daemon).reached().await;
    (daemon, gate)
}

fn issued(daemon: &Daemon) -> usize {
    daemon.events().iter().filter(|event| event["action"] == "issue").count()
}

#[tokio::test]
async fn a_client_that_went_away_is_not_signed_for() {
    let (daemon, gate) = busy().await;
    let gone = tokio::spawn(daemon.by("core").post(LOCKED, json!({})));
    until_waiting(&daemon, 1).await;
    gone.abort();
    until_waiting(&daemon, 0).await;
    gate.open();
    daemon.by("core").post(LOCKED, json!({})).await.done();
    assert_eq!(issued(&daemon), 1);
    assert!(daemon.metrics().contains("signer_signing_abandoned_total 1"));
}

#[tokio::test]
async fn a_caller_who_asks_too_much_is_refused_at_once_and_does_not_starve_another() {
    let (daemon, gate) = busy().await;
    let ask = |caller: &str| tokio::spawn(daemon.by(caller).post(LOCKED, json!({})));
    let greedy = [ask("core"), ask("core")];
    until_waiting(&daemon, 2).await;
    let refused = daemon.by("core").post(LOCKED, json!({})).await;
    assert_eq!((refused.refusal(), refused.header("retry-after")), ((503, "overloaded".into()), "1"));
    let modest = ask("second");
    until_waiting(&daemon, 3).await;
    assert_eq!(issued(&daemon), 0, "too much to do is no decision");
    gate.open();
    for asked in greedy.into_iter().chain([modest]) {
        asked.await.unwrap().done();
    }
    assert_eq!(issued(&daemon), 3);
}

#[tokio::test]
async fn a_body_takes_its_room_until_its_work_ends_although_nobody_waits_for_that_any_more() {
    let limits = "[limits]\nbody_bytes = 1000000\nbodies_bytes = 2000000\n\
        header_seconds = 1\nbody_seconds = 1\ntotal_seconds = 1\n[overwrites]";
    let daemon = Daemon::with(|site| site.change("[overwrites]", limits)).await;
    // Of two of these at once, one has no room.
    let long = long(&daemon.site.new, 600_000);
    let hand_in = async || posted(daemon.by("report"), INSTALLED, "application/x-apple-aspen-config", &long).await;
    let held = Connection::open(daemon.site.path("ledger.db")).unwrap();
    held.execute_batch("BEGIN IMMEDIATE").unwrap();
    assert_eq!(hand_in().await.refusal(), (503, "deadline-exceeded".into()));
    assert_eq!(hand_in().await.refusal(), (503, "overloaded".into()));
    held.execute_batch("ROLLBACK").unwrap();
    let free = async { while hand_in().await.status != 200 {} };
    timeout(PATIENCE, free).await.expect("there is no room again");
}

#[tokio::test]
async fn a_secret_parameter_is_in_the_profile_and_nowhere_else() {
    let daemon = Daemon::start().await;
    let path = "/v1/devices/C02A/profiles/wifi";
    let issued = daemon.by("core").key("k-1").accept("application/json");
    let issued = issued.post(path, json!({ "parameters": { "ssid": "Office", "password": CANARY } })).await.done();
    let told = issued.json();
    let refusals = [
        json!({ "parameters": { "ssid": [CANARY], "password": 7 } }),
        json!({ "parameters": { "ssid": "Office", "password": format!("{CANARY}\u{1}") } }),
        json!({ "parameters": CANARY }),
        json!({ CANARY: 1 }),
    ];
    let mut said = vec![daemon.metrics(), format!("{:?}", daemon.events())];
    for body in refusals {
        let refused = daemon.by("core").post(path, body).await;
        assert_eq!(refused.status, 422, "{refused:?}");
        said.push(String::from_utf8(refused.body).unwrap());
    }
    let conflict = daemon.by("core").key("k-1").post(path, json!({ "parameters": { "ssid": CANARY } })).await;
    said.push(String::from_utf8(conflict.body).unwrap());
    said.extend([daemon.metrics(), format!("{:?}", daemon.events())]);
    let site = daemon.end().await;
    let paths = fs::read_dir(site.folder.path()).unwrap().map(|entry| entry.unwrap().path());
    for path in paths.filter(|path| path.is_file()) {
        said.push(String::from_utf8_lossy(&fs::read(path).unwrap()).into_owned());
    }
    assert!(said.iter().all(|text| !text.contains(CANARY)));
    let bytes = STANDARD.decode(told["profile"].as_str().unwrap()).unwrap();
    assert!(String::from_utf8_lossy(&bytes).contains(CANARY));
}

const PATIENCE: Duration = Duration::from_secs(30);
const CANARY: &str = "canary-in-a-coal-mine";
