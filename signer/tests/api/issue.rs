//! The locked profile of a device.

use base64::{Engine, engine::general_purpose::STANDARD};
use profile_kit::{Removal, SignedProfile};
use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::{
    client::Answer,
    daemon::Daemon,
    site::{days, token},
};

const PATH: &str = "/v1/devices/C02A/profiles/ivi";

fn verified(answer: &Answer) -> profile_kit::VerifiedProfile {
    SignedProfile::from_bytes(answer.body.clone()).unwrap().verify_integrity().unwrap()
}

#[tokio::test]
async fn a_device_gets_the_locked_profile_of_a_spec() {
    let daemon = Daemon::start().await;
    let answer = daemon.by("core").post(PATH, json!({})).await.done();
    let installed = verified(&answer);
    assert_eq!(installed.profile().identifier(), "jp.example.ivi");
    assert_eq!(installed.profile().removal(), Removal::Disallowed);
    assert_eq!(installed.leaf(), daemon.site.new.certificate());
    assert_eq!(answer.header("content-type"), "application/x-apple-aspen-config");
    assert_eq!(answer.header("content-disposition"), "attachment; filename=\"jp.example.ivi.mobileconfig\"");
    assert_eq!(answer.header("etag"), format!("\"{}\"", signer::Digest::of(&answer.body)));
    let id = answer.header("issuance-id").parse().unwrap();
    let recorded = daemon.service.ledger.issuance(id).await.unwrap().unwrap();
    assert_eq!(recorded.signed, signer::Digest::of(&answer.body));
    assert_eq!(recorded.profile.uuid, installed.profile().uuid().unwrap());
    assert!(daemon.metrics().contains("signer_issuances_total{variant=\"locked\",caller=\"core\"} 1"));
}

#[tokio::test]
async fn each_issuance_has_a_uuid_of_its_own_and_the_payloads_keep_theirs() {
    let daemon = Daemon::start().await;
    let [first, second] =
        [daemon.by("core").post(PATH, json!({})).await, daemon.by("core").post(PATH, json!({})).await];
    let (first, second) = (verified(&first.done()), verified(&second.done()));
    assert_ne!(first.profile().uuid(), second.profile().uuid());
    assert_eq!(first.profile().payloads()[0].uuid(), second.profile().payloads()[0].uuid());
}

#[tokio::test]
async fn the_same_key_and_body_get_the_same_bytes_and_one_record_also_after_a_restart() {
    let daemon = Daemon::start().await;
    let ask = async |daemon: &Daemon| daemon.by("core").key("k-1").post(PATH, json!({})).await.done();
    let first = ask(&daemon).await;
    let second = ask(&daemon).await;
    let daemon = daemon.restarted().await;
    let third = ask(&daemon).await;
    for again in [second, third] {
        assert_eq!((&again.body, again.header("issuance-id")), (&first.body, first.header("issuance-id")));
    }
    assert_eq!(daemon.events().iter().filter(|event| event["action"] == "issue").count(), 1);
    assert_eq!(daemon.events().iter().filter(|event| event["action"] == "replay").count(), 2);
}

#[tokio::test]
async fn an_answer_of_before_is_given_again_though_nothing_could_be_issued_now() {
    let daemon = Daemon::start().await;
    let ask = async |key: &str| daemon.by("core").key(key).post(PATH, json!({})).await;
    let first = ask("k-1").await.done();
    daemon.pass(days(4000));
    assert_eq!(ask("k-2").await.refusal(), (503, "identity-not-valid".into()));
    assert_eq!(ask("k-1").await.done().body, first.body);
}

#[tokio::test]
async fn requests_that_race_under_one_key_get_one_answer() {
    let daemon = Daemon::start().await;
    let ask = || daemon.by("core").key("k-1").post(PATH, json!({}));
    let (a, b, c, d) = tokio::join!(ask(), ask(), ask(), ask());
    let bodies = [a, b, c, d].map(|answer| answer.done().body);
    assert!(bodies.iter().all(|body| *body == bodies[0]));
    assert_eq!(daemon.events().iter().filter(|event| event["action"] == "issue").count(), 1);
}

#[tokio::test]
async fn the_same_key_with_another_body_path_or_caller_is_another_request() {
    let daemon = Daemon::start().await;
    let ask = async |caller: &str, path: &str, body| daemon.by(caller).key("k-1").post(path, body).await;
    ask("core", PATH, json!({})).await.done();
    let conflict = (422, "idempotency-conflict".to_owned());
    assert_eq!(ask("core", PATH, json!({ "parameters": {} })).await.refusal(), conflict);
    assert_eq!(daemon.last_event()["code"], "idempotency-conflict");
    assert_eq!(ask("core", "/v1/devices/C02B/profiles/ivi", json!({})).await.refusal(), conflict);
    ask("second", PATH, json!({})).await.done();
}

#[tokio::test]
async fn a_request_is_the_same_with_or_without_the_host_in_its_target() {
    let daemon = Daemon::start().await;
    let first = daemon.by("core").key("k-1").post(PATH, json!({})).await.done();
    let mut stream = TcpStream::connect(daemon.address).await.unwrap();
    let token = token("core");
    let request = format!(
        "POST http://signer{PATH} HTTP/1.1\r\nhost: signer\r\nconnection: close\r\nidempotency-key: k-1\r\n\
         authorization: Bearer {}\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{{}}",
        token.reveal()
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    assert!(answer.ends_with(&first.body), "{}", String::from_utf8_lossy(&answer));
}

#[tokio::test]
async fn parameters_are_filled_by_type() {
    let daemon = Daemon::start().await;
    let path = "/v1/devices/C02A/profiles/wifi";
    let answer = daemon
        .by("core")
        .post(path, json!({ "parameters": { "ssid": "Office", "password": "hunter2-hunter2" } }))
        .await;
    let installed = verified(&answer.done());
    assert_eq!(installed.profile().payloads()[0].get("SSID_STR"), Some(&"Office".into()));
    let refused = daemon.by("core").post(path, json!({ "parameters": { "ssid": 7, "colour": "red" } })).await;
    assert_eq!(refused.refusal(), (422, "invalid-parameters".into()));
    assert_eq!(refused.json()["parameters"][0]["name"], "colour");
    assert_eq!(refused.json()["parameters"][1], json!({ "name": "ssid", "problem": "is not a string" }));
}

#[tokio::test]
async fn a_value_that_no_profile_can_hold_is_refused() {
    let daemon = Daemon::start().await;
    let path = "/v1/devices/C02A/profiles/wifi";
    let refused = daemon.by("core").post(path, json!({ "parameters": { "ssid": "a\u{1}b" } })).await;
    assert_eq!(refused.status, 422, "{refused:?}");
    assert_eq!(daemon.last_event()["outcome"], "refused");
}

#[tokio::test]
async fn the_answer_has_the_form_that_the_caller_accepts() {
    let daemon = Daemon::start().await;
    let ask = async |accept: &str| daemon.by("core").key("k-1").accept(accept).post(PATH, json!({})).await;
    let bytes = ask("application/x-apple-aspen-config").await.done();
    let told = ask("application/json").await.done();
    let members = told.json();
    assert_eq!(STANDARD.decode(members["profile"].as_str().unwrap()).unwrap(), bytes.body);
    assert_eq!(members["issuance"], bytes.header("issuance-id"));
    assert_eq!((&members["variant"], &members["device"]), (&json!("locked"), &json!("C02A")));
    assert_eq!(members["issued"], "2030-01-01T00:00:00Z");
    let command = ask("application/xml").await.done();
    let command: plist::Value = plist::from_bytes(&command.body).unwrap();
    let command = command.as_dictionary().unwrap();
    assert_eq!(command["CommandUUID"].as_string(), Some(bytes.header("issuance-id")));
    let inner = command["Command"].as_dictionary().unwrap();
    assert_eq!(inner["RequestType"].as_string(), Some("InstallProfile"));
    assert_eq!(inner["Payload"].as_data(), Some(&bytes.body[..]));
    assert_ne!(told.header("etag"), bytes.header("etag"));
}

#[tokio::test]
async fn a_reload_is_seen_by_the_next_request() {
    let mut daemon = Daemon::with(|site| site.caller("ben", "uid = 4294967294", &["read"], "")).await;
    daemon.site.change(
        "name = \"ivi\"\nfile = \"ivi.toml\"\nidentity = \"new\"",
        "name = \"kiosk\"\nfile = \"ivi.toml\"\nidentity = \"new\"",
    );
    daemon.site.change("specs = [\"ivi\"]", "specs = [\"kiosk\"]");
    daemon.reload().await;
    assert_eq!(daemon.by("core").post(PATH, json!({})).await.refusal(), (404, "unknown-spec".into()));
    daemon.by("core").post("/v1/devices/C02A/profiles/kiosk", json!({})).await.done();
}
