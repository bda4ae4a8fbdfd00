//! The bytes of an issuance once more.

use std::time::Duration;

use hyper::HeaderMap;
use serde_json::json;

use crate::{
    client::Answer,
    daemon::Daemon,
    reports::{issued, list_of, report_list, state},
};

const LIST: &str = "/v1/devices/C02A/profile-list";
const LOCKED: &str = "/v1/devices/C02A/profiles/ivi";
const OVERWRITE: &str = "/v1/devices/C02A/profiles/jp.example.ivi/overwrite";

#[tokio::test]
async fn the_bytes_of_an_overwrite_are_for_the_role_overwrite_and_each_time_recorded() {
    let daemon = Daemon::start().await;
    let locked = daemon.by("core").post(LOCKED, json!({})).await.done();
    let overwrite = daemon.by("core").post(OVERWRITE, json!({})).await.done();
    let path = |answer: &crate::client::Answer| format!("/v1/issuances/{}/profile", answer.header("issuance-id"));
    for (caller, asked, code) in [
        ("issue", &overwrite, "role-missing"),
        ("read", &overwrite, "role-missing"),
        ("admin", &locked, "role-missing"),
        ("overwrite", &locked, "role-missing"),
    ] {
        assert_eq!(daemon.by(caller).get(&path(asked)).await.refusal(), (403, code.into()), "{caller}");
        assert_eq!((&daemon.last_event()["action"], &daemon.last_event()["code"]), (&json!("fetch"), &json!(code)));
    }
    for (caller, asked) in [("issue", &locked), ("overwrite", &overwrite), ("core", &locked), ("core", &overwrite)] {
        let again = daemon.by(caller).get(&path(asked)).await.done();
        assert_eq!((&again.body, again.header("etag")), (&asked.body, asked.header("etag")));
        let event = daemon.last_event();
        assert_eq!(
            (&event["action"], &event["outcome"], &event["caller"]),
            (&json!("fetch"), &json!("done"), &json!(caller))
        );
    }
    assert_eq!(daemon.last_event()["role"], "overwrite");
}

#[tokio::test]
async fn who_asks_for_the_head_alone_is_told_the_same_and_handed_out_nothing() {
    let daemon = Daemon::start().await;
    let (id, bytes) = issued(&daemon).await;
    report_list(&daemon, LIST, &list_of(&[&bytes])).await.done();
    report_list(&daemon, LIST, &list_of(&[])).await.done();
    let path = format!("/v1/issuances/{id}/profile");
    assert_eq!(daemon.by("read").head(&path).await.status, 403);
    assert_eq!(
        (&daemon.last_event()["action"], &daemon.last_event()["code"]),
        (&json!("fetch"), &json!("role-missing"))
    );
    let asking = |accept| daemon.by("core").accept(accept);
    let mut heads = Vec::new();
    for accept in ["application/x-apple-aspen-config", "application/json", "application/xml"] {
        let head = asking(accept).head(&path).await.done();
        let event = daemon.last_event();
        assert_eq!(
            (&event["action"], &event["outcome"], &event["caller"], &event["issuance"]),
            (&json!("fetch-head"), &json!("done"), &json!("core"), &json!(id))
        );
        assert_eq!((head.body.len(), state(&daemon).await), (0, json!("gone")));
        heads.push((accept, head));
    }
    for (accept, head) in heads {
        let whole = asking(accept).get(&path).await.done();
        assert_eq!(told(&head), told(&whole));
        assert_eq!(head.header("content-length"), whole.body.len().to_string());
    }
    assert_eq!(state(&daemon).await, "issued");
}

/// The headers that are not of the moment.
fn told(answer: &Answer) -> HeaderMap {
    let mut headers = answer.headers.clone();
    for name in ["date", "x-request-id"] {
        headers.remove(name);
    }
    headers
}

#[tokio::test]
async fn what_is_told_of_an_issuance_is_as_exact_the_first_time_as_later() {
    let daemon = Daemon::with(|_| ()).await;
    daemon.pass(Duration::from_nanos(43_501_205_952));
    let ask = async || daemon.by("core").key("k").accept("application/json").post(LOCKED, json!({})).await.done();
    let (first, again) = (ask().await, ask().await);
    assert_eq!(first.body, again.body);
    assert_eq!(first.json()["issued"], "2030-01-01T00:00:43.501Z");
    let path = format!("/v1/issuances/{}/profile", first.header("issuance-id"));
    assert_eq!(daemon.by("core").accept("application/json").get(&path).await.done().body, first.body);
}

#[tokio::test]
async fn what_was_never_issued_cannot_be_fetched() {
    let daemon = Daemon::start().await;
    for name in ["0190a5b4-7c00-7000-8000-000000000001", "x"] {
        let answer = daemon.by("core").get(&format!("/v1/issuances/{name}/profile")).await;
        assert_eq!(answer.refusal(), (404, "unknown-issuance".into()));
        assert_eq!(daemon.last_event()["code"], "unknown-issuance");
    }
}

#[tokio::test]
async fn a_scope_holds_for_bytes_too() {
    let daemon = Daemon::start().await;
    let issued = daemon.by("core").post("/v1/devices/F9A/profiles/ivi", json!({})).await.done();
    let answer = daemon.by("scoped").get(&format!("/v1/issuances/{}/profile", issued.header("issuance-id"))).await;
    assert_eq!(answer.refusal(), (403, "out-of-scope".into()));
}

#[tokio::test]
async fn who_is_bound_to_a_spec_fetches_no_overwrite_that_frees_what_another_one_locked() {
    let daemon = Daemon::with(|site| {
        let other = "[[spec]]\nname = \"other\"\nfile = \"ivi.toml\"\nidentity = \"new\"\n";
        site.change("[[caller]]\nname = \"issue\"", &format!("{other}[[caller]]\nname = \"issue\""));
    })
    .await;
    let locked = daemon.by("core").post(LOCKED, json!({})).await.done();
    let overwrite = daemon.by("core").post(OVERWRITE, json!({})).await.done();
    let path = |answer: &Answer| format!("/v1/issuances/{}/profile", answer.header("issuance-id"));
    daemon.by("scoped").get(&path(&overwrite)).await.done();
    daemon.by("core").post(&LOCKED.replace("/ivi", "/other"), json!({})).await.done();
    let refused = daemon.by("scoped").get(&path(&overwrite)).await;
    assert_eq!(refused.refusal(), (403, "out-of-scope".into()));
    assert_eq!(
        (&daemon.last_event()["action"], &daemon.last_event()["code"]),
        (&json!("fetch"), &json!("out-of-scope"))
    );
    daemon.by("scoped").get(&path(&locked)).await.done();
    daemon.by("core").get(&path(&overwrite)).await.done();
}

/// The key that signs gives its place to another one and is given up, which strands so many devices.
async fn lose_new(daemon: &mut Daemon, strands: u64) {
    daemon.site.rotate();
    daemon.site.change("key = { file = \"new.key\" }\n", "");
    daemon.site.change("name = \"new\"\nstate = \"overwrite-only\"", "name = \"new\"\nstate = \"gone\"");
    daemon.site.config();
    daemon.control.reload(Some(strands).filter(|devices| *devices > 0), "test").await.unwrap();
}

#[tokio::test]
async fn a_locked_profile_whose_key_is_gone_is_not_handed_out_again() {
    let mut daemon = Daemon::start().await;
    let path = |answer: &crate::client::Answer| format!("/v1/issuances/{}/profile", answer.header("issuance-id"));
    let locked = daemon.by("core").key("lock").post(LOCKED, json!({})).await.done();
    let overwrite = daemon.by("core").key("free").post(OVERWRITE, json!({})).await.done();
    lose_new(&mut daemon, 1).await;
    let refused = daemon.by("core").get(&path(&locked)).await;
    assert_eq!(refused.refusal(), (409, "identity-gone".into()));
    assert_eq!(
        (&daemon.last_event()["action"], &daemon.last_event()["code"]),
        (&json!("fetch"), &json!("identity-gone"))
    );
    assert_eq!(daemon.by("core").get(&path(&overwrite)).await.done().body, overwrite.body, "it frees all the same");
    let again = daemon.by("core").key("lock").post(LOCKED, json!({})).await;
    assert_eq!(again.refusal(), (409, "identity-gone".into()));
    assert_eq!(
        (&daemon.last_event()["action"], &daemon.last_event()["code"]),
        (&json!("issue"), &json!("identity-gone"))
    );
    let again = daemon.by("core").key("free").post(OVERWRITE, json!({})).await.done();
    assert_eq!(again.body, overwrite.body);
}

#[tokio::test]
async fn what_is_refused_when_it_is_asked_for_again_does_not_count_as_handed_out() {
    let mut daemon = Daemon::start().await;
    let locked = daemon.by("core").key("lock").post(LOCKED, json!({})).await.done();
    daemon.by("core").key("free").post(OVERWRITE, json!({})).await.done();
    report_list(&daemon, LIST, &list_of(&[&locked.body])).await.done();
    report_list(&daemon, LIST, &list_of(&[])).await.done();
    lose_new(&mut daemon, 0).await;
    assert_eq!((state(&daemon).await, daemon.control.stranded().await.unwrap()), (json!("gone"), 0));
    let again = daemon.by("core").key("lock").post(LOCKED, json!({})).await;
    assert_eq!(again.refusal(), (409, "identity-gone".into()));
    assert_eq!((state(&daemon).await, daemon.control.stranded().await.unwrap()), (json!("gone"), 0));
    assert!(daemon.events().iter().all(|event| event["action"] != "replay"));
}
