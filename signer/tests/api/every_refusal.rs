//! Every refusal that there is, brought about over HTTP. The list is the error type's own: a new refusal fails here until
//! it has a case.

use std::{collections::BTreeSet, net::SocketAddr, pin::Pin, sync::Arc, time::Duration};

use hyper::Method;
use serde_json::{Value, json};
use signer::{
    Refusal,
    http::{Readiness, mount, routes},
    server::{Limits, Listener, bind, serve},
    stop::Stop,
};

use crate::{
    client::{Answer, Ask, raw},
    daemon::Daemon,
    overwrite::changed_twice,
    past::{acknowledge, foreign, import, list, stubborn},
    reports::{issued, posted},
    site::{days, signer, token},
};

const IVI: &str = "/v1/devices/C02A/profiles/ivi";
const WIFI: &str = "/v1/devices/C02A/profiles/wifi";
const OVERWRITE: &str = "/v1/devices/C02A/profiles/jp.example.ivi/overwrite";
const LIST: &str = "/v1/devices/C02A/profile-list";
const INSTALLED: &str = "/v1/devices/C02A/installed";
const ASPEN: &str = "application/x-apple-aspen-config";
const NOBODY: &str = "0190a5b4-7c00-7000-8000-000000000001";

type Case = (&'static str, fn() -> Pin<Box<dyn Future<Output = Answer> + Send>>);

macro_rules! cases {
    ($($code:literal => $case:expr,)+) => {
        const CASES: &[Case] = &[$(($code, || Box::pin(async { ($case).await }))),+];
    };
}

cases! {
    "unauthenticated" => async { Ask::at(Daemon::start().await.address).get("/v1/devices").await },
    "role-missing" => async { Daemon::start().await.by("issue").get("/v1/devices").await },
    "out-of-scope" => async { Daemon::start().await.by("scoped").get("/v1/devices/F9A").await },
    "not-found" => async { Daemon::start().await.by("read").get("/v1").await },
    "method-not-allowed" => async { Daemon::start().await.by("read").get(IVI).await },
    "not-acceptable" => async { Daemon::start().await.by("core").accept("text/html").post(IVI, json!({})).await },
    "invalid-host" => async { raw(Daemon::start().await.address, Method::GET, "/v1/devices", "host: other\r\n\r\n").await },
    "unknown-transfer-coding" => async {
        let coded = half_a_body("transfer-encoding: gzip, chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n");
        raw(Daemon::start().await.address, Method::POST, IVI, &coded).await
    },
    "timeout" => async {
        let daemon = Daemon::start().await;
        let address = beside(&daemon, Limits { body: Duration::from_millis(50), ..Limits::default() });
        raw(address, Method::POST, IVI, &half_a_body("content-length: 10\r\n\r\n{")).await
    },
    "body-broken" => async {
        let daemon = Daemon::start().await;
        raw(daemon.address, Method::POST, IVI, &half_a_body("transfer-encoding: chunked\r\n\r\nno size\r\n")).await
    },
    "body-too-large" => async {
        let daemon = Daemon::start().await;
        let address = beside(&daemon, Limits { body_bytes: 10, ..Limits::default() });
        Ask::at(address).token(token("core").reveal()).post(IVI, json!({ "parameters": {} })).await
    },
    "uri-too-long" => async { Daemon::start().await.by("read").get(&format!("/v1/devices?after={}", "x".repeat(9000))).await },
    "header-too-large" => async {
        let daemon = Daemon::start().await;
        let address = beside(&daemon, Limits { header_bytes: 9000, ..Limits::default() });
        Ask::at(address).header("long", &"x".repeat(9000)).get("/v1/devices").await
    },
    "unsupported-media-type" => async { posted(Daemon::start().await.by("core"), IVI, "text/plain", b"{}").await },
    "malformed-json" => async { posted(Daemon::start().await.by("core"), IVI, "application/json", b"{").await },
    "malformed-plist" => async { posted(Daemon::start().await.by("core"), LIST, "application/xml", b"{").await },
    "too-deep" => async {
        let body = format!("{{\"parameters\":{}", "[".repeat(100));
        posted(Daemon::start().await.by("core"), IVI, "application/json", body.as_bytes()).await
    },
    "invalid-request" => async { Daemon::start().await.by("read").get("/v1/devices?limit=0").await },
    "invalid-device-id" => async { Daemon::start().await.by("read").get("/v1/devices/a%20b").await },
    "invalid-idempotency-key" => async { Daemon::start().await.by("core").key("").post(IVI, json!({})).await },
    "idempotency-conflict" => async {
        let daemon = Daemon::start().await;
        daemon.by("core").key("k").post(IVI, json!({})).await.done();
        daemon.by("core").key("k").post(WIFI, json!({ "parameters": { "ssid": "net" } })).await
    },
    "unknown-device" => async { Daemon::start().await.by("read").get("/v1/devices/C02A").await },
    "unknown-spec" => async { Daemon::start().await.by("core").post("/v1/devices/C02A/profiles/none", json!({})).await },
    "unknown-issuance" => async { Daemon::start().await.by("read").get(&format!("/v1/issuances/{NOBODY}")).await },
    "unknown-ticket" => async {
        Daemon::start().await.by("core").post(&format!("/v1/tickets/{NOBODY}/approval"), json!({})).await
    },
    "invalid-parameters" => async { Daemon::start().await.by("core").post(WIFI, json!({})).await },
    "unfreeable-profile" => async {
        let daemon = Daemon::with(|site| {
            site.write("choice.toml", CHOICE);
            let added = "[[spec]]\nname = \"choice\"\nfile = \"choice.toml\"\nidentity = \"new\"\n[[caller]]\nname = \"issue\"";
            site.change("[[caller]]\nname = \"issue\"", added);
        })
        .await;
        let body = json!({ "parameters": { "install": false } });
        daemon.by("core").post("/v1/devices/C02A/profiles/choice", body).await
    },
    "unknown-installation" => async { overwrite(&Daemon::start().await, json!({})).await },
    "ambiguous-installation" => async {
        let mut daemon = Daemon::start().await;
        issued(&daemon).await;
        daemon.site.rotate();
        daemon.reload().await;
        issued(&daemon).await;
        overwrite(&daemon, json!({})).await
    },
    "foreign-installation" => async {
        let daemon = Daemon::start().await;
        list(&daemon, "C02A", Some(NOBODY)).await;
        overwrite(&daemon, json!({})).await
    },
    "installation-changed" => async { changed_twice().await.1 },
    "strands" => async {
        let daemon = Daemon::start().await;
        import(&daemon, "C02A", &stubborn(&daemon.site.old)).await;
        let target = json!({ "platform": "ios", "os": "17", "supervised": true });
        overwrite(&daemon, json!({ "target": target })).await
    },
    "no-overwrite" => async {
        let daemon = Daemon::start().await;
        acknowledge(&daemon, issued(&daemon).await.0.parse().unwrap()).await;
        list(&daemon, "C02A", None).await;
        overwrite(&daemon, json!({})).await
    },
    "not-signed" => async { posted(Daemon::start().await.by("core"), INSTALLED, ASPEN, b"<plist/>").await },
    "signature-broken" => async {
        let daemon = Daemon::start().await;
        let (_, mut bytes) = issued(&daemon).await;
        let at = bytes.windows(7).position(|window| window == b"IVI MDM").unwrap();
        bytes[at] = b'X';
        posted(daemon.by("core"), INSTALLED, ASPEN, &bytes).await
    },
    "not-signed-by-keyring" => async {
        let daemon = Daemon::start().await;
        let stranger = foreign(&signer("Stranger"));
        posted(daemon.by("core"), INSTALLED, ASPEN, stranger.signed().as_bytes()).await
    },
    "identity-gone" => async {
        let daemon = Daemon::start().await;
        import(&daemon, "C02A", &foreign(&daemon.site.lost)).await;
        overwrite(&daemon, json!({})).await
    },
    "identity-unknown" => async {
        let daemon = Daemon::start().await;
        import(&daemon, "C02A", &foreign(&signer("Stranger"))).await;
        overwrite(&daemon, json!({})).await
    },
    "identity-not-valid" => async {
        let daemon = Daemon::start().await;
        daemon.pass(days(4000));
        daemon.by("core").post(IVI, json!({})).await
    },
    "ticket-required" => async { overwrite(&strict().await, json!({})).await },
    "ticket-not-approved" => async {
        let daemon = strict().await;
        let ticket = ticket(&daemon, "C02A").await;
        overwrite(&daemon, json!({ "ticket": ticket })).await
    },
    "ticket-self-approval" => async {
        let daemon = strict().await;
        let ticket = ticket(&daemon, "C02A").await;
        approve(&daemon, "core", &ticket).await
    },
    "ticket-own-use" => async {
        let daemon = strict().await;
        let ticket = approved(&daemon, "C02A").await;
        daemon.by("second").post(OVERWRITE, json!({ "ticket": ticket })).await
    },
    "ticket-already-approved" => async {
        let daemon = strict().await;
        let ticket = approved(&daemon, "C02A").await;
        approve(&daemon, "second", &ticket).await
    },
    "ticket-not-for-this" => async {
        let daemon = strict().await;
        let ticket = approved(&daemon, "C02B").await;
        overwrite(&daemon, json!({ "ticket": ticket })).await
    },
    "ticket-used" => async {
        let daemon = strict().await;
        let ticket = approved(&daemon, "C02A").await;
        overwrite(&daemon, json!({ "ticket": ticket })).await.done();
        overwrite(&daemon, json!({ "ticket": ticket })).await
    },
    "ticket-expired" => async {
        let daemon = strict().await;
        let ticket = approved(&daemon, "C02A").await;
        daemon.pass(days(30));
        overwrite(&daemon, json!({ "ticket": ticket })).await
    },
    "budget-exceeded" => async {
        let daemon = Daemon::start().await;
        issued(&daemon).await;
        for _ in 0..2 {
            daemon.by("thrifty").post(OVERWRITE, json!({})).await.done();
        }
        daemon.by("thrifty").post(OVERWRITE, json!({})).await
    },
    "overloaded" => async {
        let daemon = Daemon::start().await;
        let address = beside(&daemon, Limits { requests: 0, ..Limits::default() });
        Ask::at(address).token(token("core").reveal()).get("/v1/devices").await
    },
    "draining" => async {
        let daemon = Daemon::start().await;
        daemon.service.ledger.close().await.unwrap();
        daemon.by("core").post(IVI, json!({})).await
    },
    "ledger-unavailable" => async {
        let daemon = Daemon::start().await;
        intrude(&daemon, "ALTER TABLE holding RENAME TO elsewhere");
        daemon.by("read").get("/v1/devices").await
    },
    "deadline-exceeded" => async {
        let daemon = Daemon::start().await;
        let address = beside(&daemon, Limits { request: Duration::ZERO, ..Limits::default() });
        Ask::at(address).token(token("core").reveal()).post(IVI, json!({})).await
    },
    "internal" => async {
        let daemon = Daemon::start().await;
        let (id, _) = issued(&daemon).await;
        intrude(&daemon, "UPDATE sealed SET body = zeroblob(64)");
        daemon.by("core").get(&format!("/v1/issuances/{id}/profile")).await
    },
}

#[tokio::test]
async fn every_refusal_has_a_case_that_answers_it_with_its_status() {
    let cases: BTreeSet<&str> = CASES.iter().map(|(code, _)| *code).collect();
    assert_eq!(cases, Refusal::ALL_CODES.iter().copied().collect());
    for (code, case) in CASES {
        let answer = case().await;
        assert_eq!(answer.refusal(), (Refusal::status_of(code).unwrap(), (*code).to_owned()));
    }
}

/// Another server over the same daemon, with limits of its own.
fn beside(daemon: &Daemon, limits: Limits) -> SocketAddr {
    let listener = bind(([127, 0, 0, 1], 0).into()).unwrap();
    let address = listener.local_addr().unwrap();
    let stop = Stop::new();
    let app = mount(routes(daemon.service.clone()), Arc::new(Readiness::new(stop.watch())));
    let (listeners, metrics) = (vec![Listener::loopback(listener).unwrap()], daemon.service.metrics.clone());
    tokio::spawn(async move {
        serve(listeners, app, limits, metrics, stop.watch()).await;
    });
    address
}

fn half_a_body(rest: &str) -> String {
    let token = token("core");
    let authorized = format!("authorization: Bearer {}\r\nidempotency-key: k\r\n", token.reveal());
    format!("{authorized}content-type: application/json\r\n{rest}")
}

/// Somebody who has the file does something to it.
fn intrude(daemon: &Daemon, sql: &str) {
    rusqlite::Connection::open(daemon.site.path("ledger.db")).unwrap().execute_batch(sql).unwrap();
}

async fn overwrite(daemon: &Daemon, body: Value) -> Answer {
    daemon.by("core").post(OVERWRITE, body).await
}

/// Where two people have to agree, with a device that has a profile.
async fn strict() -> Daemon {
    let daemon = Daemon::with(|site| site.change("two_person = false", "two_person = true")).await;
    issued(&daemon).await;
    daemon
}

async fn ticket(daemon: &Daemon, device: &str) -> Value {
    let body = json!({ "devices": [device], "reason": "returned" });
    daemon.by("core").post("/v1/tickets", body).await.done().json()["ticket"].clone()
}

async fn approve(daemon: &Daemon, caller: &str, ticket: &Value) -> Answer {
    daemon.by(caller).post(&format!("/v1/tickets/{}/approval", ticket.as_str().unwrap()), json!({})).await
}

async fn approved(daemon: &Daemon, device: &str) -> Value {
    let ticket = ticket(daemon, device).await;
    approve(daemon, "second", &ticket).await.done();
    ticket
}

/// With `install` false nobody could install the overwrite by hand.
const CHOICE: &str = "format = 1
identifier = \"jp.example.choice\"
removal = \"disallowed\"
[placeholders.install]
type = \"boolean\"
default = \"true\"
[[payload]]
type = \"com.apple.applicationaccess\"
settings = { allowUIConfigurationProfileInstallation = \"{{install}}\" }
";
