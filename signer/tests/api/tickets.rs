//! Overwrites that two people have to agree to.

use std::time::Duration;

use serde_json::{Value, json};

use crate::{client::Answer, daemon::Daemon, site::token_of};

const LOCKED: &str = "/v1/devices/C02A/profiles/ivi";
const OVERWRITE: &str = "/v1/devices/C02A/profiles/jp.example.ivi/overwrite";

async fn strict() -> Daemon {
    let daemon = Daemon::with(|site| site.change("two_person = false", "two_person = true")).await;
    daemon.by("core").post(LOCKED, json!({})).await.done();
    daemon
}

async fn ask(daemon: &Daemon, devices: Value) -> Answer {
    daemon.by("core").post("/v1/tickets", json!({ "devices": devices, "reason": "returned by its user" })).await
}

async fn approve(daemon: &Daemon, caller: &str, ticket: &Value) -> Answer {
    let path = format!("/v1/tickets/{}/approval", ticket.as_str().unwrap());
    daemon.by(caller).post(&path, json!({})).await
}

async fn read(daemon: &Daemon, caller: &str, ticket: &Value) -> Answer {
    daemon.by(caller).get(&format!("/v1/tickets/{}", ticket.as_str().unwrap())).await
}

async fn overwrite(daemon: &Daemon, caller: &str, ticket: &Value) -> Answer {
    daemon.by(caller).post(OVERWRITE, json!({ "ticket": ticket })).await
}

async fn approved(daemon: &Daemon) -> Value {
    let ticket = ask(daemon, json!(["C02A", "C02B"])).await.done().json()["ticket"].clone();
    approve(daemon, "second", &ticket).await.done();
    ticket
}

#[tokio::test]
async fn a_ticket_that_another_caller_approved_allows_one_overwrite_of_each_device() {
    let daemon = strict().await;
    assert_eq!(daemon.by("core").post(OVERWRITE, json!({})).await.refusal(), (403, "ticket-required".into()));
    let asked = ask(&daemon, json!(["C02A"])).await.done().json();
    assert_eq!(
        (&asked["caller"], &asked["approved_by"], &asked["until"]),
        (&json!("core"), &json!(null), &json!("2030-01-01T01:00:00Z"))
    );
    let ticket = &asked["ticket"];
    assert_eq!(overwrite(&daemon, "core", ticket).await.refusal(), (403, "ticket-not-approved".into()));
    assert_eq!(approve(&daemon, "core", ticket).await.refusal(), (403, "ticket-self-approval".into()));
    let approved = approve(&daemon, "second", ticket).await.done().json();
    assert_eq!((&approved["approved_by"], &approved["devices"][0]["device"]), (&json!("second"), &json!("C02A")));
    assert_eq!(approve(&daemon, "second", ticket).await.refusal(), (409, "ticket-already-approved".into()));
    assert_eq!(overwrite(&daemon, "second", ticket).await.refusal(), (403, "ticket-own-use".into()));
    overwrite(&daemon, "core", ticket).await.done();
    assert_eq!(overwrite(&daemon, "core", ticket).await.refusal(), (409, "ticket-used".into()));
    let event = daemon.last_event();
    assert_eq!((&event["action"], &event["code"]), (&json!("overwrite"), &json!("ticket-used")));
}

#[tokio::test]
async fn whoever_could_approve_a_ticket_reads_it_before() {
    let daemon = Daemon::with(|site| {
        site.change("two_person = false", "two_person = true");
        for (name, specs) in [("ivi", "[\"ivi\"]"), ("none", "[]")] {
            site.caller(name, &token_of(name), &["overwrite"], &format!("specs = {specs}\n"));
        }
    })
    .await;
    let asked = ask(&daemon, json!(["C02A", "F9A"])).await.done().json();
    let ticket = &asked["ticket"];
    for caller in ["core", "second"] {
        assert_eq!(read(&daemon, caller, ticket).await.done().json(), asked, "{caller}");
    }
    // What it would approve.
    assert_eq!(read(&daemon, "ivi", ticket).await.done().json()["specs"], json!(["ivi"]));
    assert_eq!(read(&daemon, "none", ticket).await.refusal(), (403, "out-of-scope".into()));
    assert_eq!(read(&daemon, "scoped", ticket).await.refusal(), (403, "out-of-scope".into()));
    assert_eq!(read(&daemon, "issue", ticket).await.refusal(), (403, "role-missing".into()));
    let event = daemon.last_event();
    assert_eq!((&event["action"], &event["code"]), (&json!("read-ticket"), &json!("role-missing")));
    for unknown in [json!("0190a5b4-7c00-7000-8000-000000000001"), json!("x")] {
        assert_eq!(read(&daemon, "second", &unknown).await.refusal(), (404, "unknown-ticket".into()));
    }
    // A question changes nothing; afterwards it shows who approved it.
    let approved = approve(&daemon, "second", ticket).await.done().json();
    assert_eq!(read(&daemon, "second", ticket).await.done().json(), approved);
}

#[tokio::test]
async fn a_ticket_is_for_its_devices_and_its_time() {
    let daemon = strict().await;
    let ticket = ask(&daemon, json!(["C02B"])).await.done().json()["ticket"].clone();
    approve(&daemon, "second", &ticket).await.done();
    assert_eq!(overwrite(&daemon, "core", &ticket).await.refusal(), (403, "ticket-not-for-this".into()));
    let ticket = approved(&daemon).await;
    daemon.pass(Duration::from_secs(3600));
    assert_eq!(overwrite(&daemon, "core", &ticket).await.refusal(), (409, "ticket-expired".into()));
    let unknown = json!("0190a5b4-7c00-7000-8000-000000000001");
    assert_eq!(overwrite(&daemon, "core", &unknown).await.refusal(), (404, "unknown-ticket".into()));
    assert_eq!(approve(&daemon, "second", &unknown).await.refusal(), (404, "unknown-ticket".into()));
    assert_eq!(approve(&daemon, "second", &json!("x")).await.refusal(), (404, "unknown-ticket".into()));
}

#[tokio::test]
async fn a_ticket_that_comes_again_is_the_same() {
    let daemon = strict().await;
    let body = json!({ "devices": ["C02A"], "reason": "returned" });
    let ask = async |daemon: &Daemon| daemon.by("core").key("k-1").post("/v1/tickets", body.clone()).await.done();
    let first = ask(&daemon).await;
    let daemon = daemon.restarted().await;
    assert_eq!(ask(&daemon).await.body, first.body);
    assert_eq!(daemon.events().iter().filter(|event| event["action"] == "ticket").count(), 1);
}

#[tokio::test]
async fn a_ticket_has_devices_within_the_scope_and_a_reason() {
    let daemon = strict().await;
    let many: Vec<_> = (0..1001).map(|n| format!("C02-{n}")).collect();
    for (devices, reason) in
        [(json!([]), "x"), (json!(many), "x"), (json!(["C02A"]), " "), (json!(["C02A"]), &*"x".repeat(501))]
    {
        let answer = daemon.by("core").post("/v1/tickets", json!({ "devices": devices, "reason": reason })).await;
        assert_eq!(answer.refusal(), (422, "invalid-request".into()));
    }
    let scoped = daemon.by("scoped").post("/v1/tickets", json!({ "devices": ["C02A", "F9A"], "reason": "x" })).await;
    assert_eq!(scoped.refusal(), (403, "out-of-scope".into()));
    let ticket = ask(&daemon, json!(["F9A"])).await.done().json()["ticket"].clone();
    assert_eq!(approve(&daemon, "scoped", &ticket).await.refusal(), (403, "out-of-scope".into()));
    assert_eq!(approve(&daemon, "issue", &ticket).await.refusal(), (403, "role-missing".into()));
}

#[tokio::test]
async fn a_ticket_is_for_the_specs_of_who_asks_and_of_who_approves() {
    let daemon = Daemon::with(|site| {
        site.change("two_person = false", "two_person = true");
        for (name, specs) in [("ivi", "[\"ivi\"]"), ("wifi", "[\"wifi\"]"), ("none", "[]")] {
            site.caller(name, &token_of(name), &["overwrite"], &format!("specs = {specs}\n"));
        }
    })
    .await;
    daemon.by("core").post(LOCKED, json!({})).await.done();
    let body = json!({ "parameters": { "ssid": "net" } });
    daemon.by("core").post("/v1/devices/C02A/profiles/wifi", body).await.done();
    let ask = async |caller: &str| {
        daemon.by(caller).post("/v1/tickets", json!({ "devices": ["C02A"], "reason": "returned" })).await
    };
    let asked = ask("core").await.done().json();
    assert_eq!(asked["specs"], json!(null));
    let ticket = &asked["ticket"];
    assert_eq!(approve(&daemon, "none", ticket).await.refusal(), (403, "out-of-scope".into()));
    assert_eq!(approve(&daemon, "ivi", ticket).await.done().json()["specs"], json!(["ivi"]));
    let event = daemon.last_event();
    assert_eq!((&event["action"], &event["detail"]["specs"]), (&json!("ticket-approval"), &json!(["ivi"])));
    let of_wifi = async || {
        daemon.by("core").post("/v1/devices/C02A/profiles/jp.example.wifi/overwrite", json!({ "ticket": ticket })).await
    };
    assert_eq!(of_wifi().await.refusal(), (403, "ticket-not-for-this".into()));
    overwrite(&daemon, "core", ticket).await.done();
    let bound = ask("ivi").await.done().json();
    assert_eq!(bound["specs"], json!(["ivi"]));
    assert_eq!(approve(&daemon, "wifi", &bound["ticket"]).await.refusal(), (403, "out-of-scope".into()));
    assert_eq!(approve(&daemon, "second", &bound["ticket"]).await.done().json()["specs"], json!(["ivi"]));
    assert_eq!(ask("none").await.refusal(), (403, "out-of-scope".into()));
}
