//! What is refused before any decision, and that every refusal is recorded.

use std::{fs, os::unix::fs::MetadataExt, time::Duration};

use serde_json::{Value, json};

use crate::{client::Ask, daemon::Daemon};

const PATH: &str = "/v1/devices/C02A/profiles/ivi";

#[tokio::test]
async fn a_stranger_is_refused_and_that_is_recorded() {
    let daemon = Daemon::start().await;
    let strangers = [
        Ask::at(daemon.address),
        Ask::at(daemon.address).token("signer_0000000000000000000000000000000000000000000000000000000000000000"),
        Ask::at(daemon.address).header("authorization", "Basic YTpi"),
        // One of two tokens would be taken here, and the other one perhaps by what stands before.
        daemon.by("issue").token("signer_0000000000000000000000000000000000000000000000000000000000000000"),
    ];
    for stranger in strangers {
        let answer = stranger.post(PATH, json!({})).await;
        assert_eq!(answer.refusal(), (401, "unauthenticated".into()));
        assert_eq!(answer.header("www-authenticate"), "Bearer");
        let event = daemon.last_event();
        assert_eq!((&event["action"], &event["code"]), (&json!("issue"), &json!("unauthenticated")));
        assert_eq!((&event["device"], &event["caller"]), (&json!("C02A"), &json!(null)));
        assert_eq!(event["detail"], json!({ "peer": "127.0.0.1" }));
        daemon.pass(Duration::from_secs(60));
    }
}

#[tokio::test]
async fn many_strangers_of_a_minute_are_two_records_and_none_is_lost() {
    let daemon = Daemon::start().await;
    for _ in 0..5 {
        assert_eq!(Ask::at(daemon.address).post(PATH, json!({})).await.status, 401);
    }
    let refused = |daemon: &Daemon| -> Vec<(Value, Value)> {
        let events = daemon.events().into_iter().filter(|event| event["code"] == "unauthenticated");
        events.map(|event| (event["action"].clone(), event["detail"].clone())).collect()
    };
    let first = vec![(json!("issue"), json!({ "peer": "127.0.0.1" }))];
    assert_eq!(refused(&daemon), first);
    assert!(daemon.metrics().contains("signer_refusals_total{code=\"unauthenticated\"} 5"));
    let rest = (json!("authenticate"), json!({ "count": 4, "peer": "127.0.0.1" }));
    assert_eq!(refused(&daemon.restarted().await), [first, vec![rest]].concat());
}

#[tokio::test]
async fn the_part_of_a_path_that_is_no_text_is_the_one_that_is_refused() {
    let daemon = Daemon::start().await;
    let post = async |path: &str| daemon.by("core").post(path, json!({})).await.refusal();
    assert_eq!(post("/v1/devices/C02A/profiles/%ff").await, (404, "unknown-spec".into()));
    assert_eq!(post("/v1/devices/C02A/profiles/%ff/overwrite").await, (404, "unknown-installation".into()));
    assert_eq!(post("/v1/devices/%ff/profiles/ivi").await, (400, "invalid-device-id".into()));
    assert_eq!(post("/v1/issuances/%ff/acknowledgement").await, (404, "unknown-issuance".into()));
}

#[tokio::test]
async fn each_kind_of_caller_is_known() {
    let daemon = Daemon::start().await;
    let unix = Ask::unix(&daemon.site.path("signer.sock"));
    unix.clone().get("/metrics").await.done();
    let wrong = unix.token("signer_0000000000000000000000000000000000000000000000000000000000000000");
    assert_eq!(wrong.get("/metrics").await.status, 401, "a wrong token falls back to the socket's user");
    let uid = fs::metadata(daemon.site.folder.path()).unwrap().uid();
    assert_eq!(daemon.last_event()["detail"], json!({ "peer": format!("uid {uid}") }));
    Ask::tls(daemon.tls, Some(&daemon.site.badge)).get("/metrics").await.done();
    assert_eq!(Ask::tls(daemon.tls, None).get("/metrics").await.status, 401);
    let metrics = daemon.by("read").get("/metrics").await.done();
    assert!(metrics.header("content-type").starts_with("application/openmetrics-text"));
    assert!(metrics.body.ends_with(b"# EOF\n"));
}

#[tokio::test]
async fn who_lacks_the_role_or_asks_beyond_its_scope_is_refused_and_recorded() {
    let daemon = Daemon::start().await;
    for (caller, path, code) in [
        ("read", PATH, "role-missing"),
        ("overwrite", PATH, "role-missing"),
        ("admin", PATH, "role-missing"),
        ("scoped", "/v1/devices/F9A/profiles/ivi", "out-of-scope"),
        ("scoped", "/v1/devices/C02A/profiles/wifi", "out-of-scope"),
    ] {
        assert_eq!(daemon.by(caller).post(path, json!({})).await.refusal(), (403, code.into()), "{caller} {path}");
        let event = daemon.last_event();
        assert_eq!((&event["caller"], &event["code"], &event["role"]), (&json!(caller), &json!(code), &json!("issue")));
    }
    daemon.by("scoped").post(PATH, json!({})).await.done();
    assert_eq!(daemon.by("issue").get("/metrics").await.code(), "role-missing");
    assert!(daemon.metrics().contains("signer_refusals_total{code=\"out-of-scope\"} 2"));
}

#[tokio::test]
async fn a_request_that_cannot_be_read_is_refused_and_recorded() {
    let daemon = Daemon::start().await;
    let deep = format!("{{\"parameters\":{}{}}}", "[".repeat(40), "]".repeat(40));
    let json = "application/json";
    for (media_type, body, refusal) in [
        (json, "{", (400, "malformed-json")),
        (json, "{\"parameter\": {}}", (422, "invalid-request")),
        (json, "[]", (422, "invalid-request")),
        (json, deep.as_str(), (400, "too-deep")),
        ("text/plain", "{}", (415, "unsupported-media-type")),
    ] {
        let ask = daemon.by("core").key("k-1").header("content-type", media_type);
        let answer = ask.post_bytes(PATH, body.as_bytes()).await;
        assert_eq!(answer.refusal(), (refusal.0, refusal.1.into()), "{body}");
        let event = daemon.last_event();
        assert_eq!((&event["caller"], &event["code"]), (&json!("core"), &json!(refusal.1)));
    }
    let typed = || daemon.by("core").header("content-type", "Application/JSON; charset=utf-8");
    for (name, value) in [("content-encoding", "gzip"), ("content-type", "application/json")] {
        let refused = typed().header(name, value).key("k-2").post_bytes(PATH, b"{}").await.refusal();
        assert_eq!(refused, (415, "unsupported-media-type".into()), "{name}");
    }
    typed().key("k-2").post_bytes(PATH, b"{}").await.done();
    daemon.by("core").key("k-3").post_bytes(PATH, b"").await.done();
}

#[tokio::test]
async fn a_post_needs_one_idempotency_key_of_visible_characters() {
    let daemon = Daemon::start().await;
    let ask = || daemon.by("core").header("content-type", "application/json");
    let long = "k".repeat(256);
    for asked in [ask(), ask().key(""), ask().key("a b"), ask().key(&long), ask().key("a").key("a")] {
        assert_eq!(asked.post_bytes(PATH, b"{}").await.refusal(), (400, "invalid-idempotency-key".into()));
        assert_eq!(daemon.last_event()["code"], "invalid-idempotency-key");
    }
    ask().key(&long[1..]).post_bytes(PATH, b"{}").await.done();
}

#[tokio::test]
async fn a_device_that_cannot_be_named_is_refused() {
    let daemon = Daemon::start().await;
    for name in ["a%2Fb", "a%20b", "%C3%BC", "%FF", &"a".repeat(129)] {
        let answer = daemon.by("core").post(&format!("/v1/devices/{name}/profiles/ivi"), json!({})).await;
        assert_eq!(answer.refusal(), (400, "invalid-device-id".into()), "{name}");
    }
    assert_eq!(daemon.last_event()["code"], "invalid-device-id");
}

#[tokio::test]
async fn paths_and_methods_that_there_are_not_are_told_in_the_same_way() {
    let daemon = Daemon::start().await;
    assert_eq!(daemon.by("core").get("/v2").await.refusal(), (404, "not-found".into()));
    let answer = daemon.by("core").get(PATH).await;
    assert_eq!(answer.refusal(), (405, "method-not-allowed".into()));
    assert_eq!(answer.header("allow"), "POST");
    let answer = daemon.by("core").accept("text/html").post(PATH, json!({})).await;
    assert_eq!(answer.refusal(), (406, "not-acceptable".into()));
    assert_eq!(daemon.last_event()["code"], "not-acceptable");
}

#[tokio::test]
async fn a_refusal_that_cannot_be_recorded_is_not_told() {
    let daemon = Daemon::start().await;
    daemon.service.ledger.close().await.unwrap();
    let answer = daemon.by("read").post(PATH, json!({})).await;
    assert_eq!(answer.refusal(), (503, "draining".into()));
    assert_eq!(daemon.by("core").post(PATH, json!({})).await.refusal(), (503, "draining".into()));
}
