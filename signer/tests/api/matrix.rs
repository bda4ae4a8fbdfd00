//! Who may what: every kind of caller × role × scope × route × place, against a table that is written by hand.

use std::{fs, os::unix::fs::MetadataExt};

use profile_kit::pki::{self, KeySpec, Leaf, Validity};
use serde_json::{Value, json};
use signer::{Digest, http::ENTRIES};

use crate::{
    client::{Answer, Ask},
    daemon::Daemon,
    site::token,
};

/// Written by hand: each route, and which of the roles opens it. The bytes of an overwrite need its own role also when
/// they are fetched again.
const ROUTES: [(&str, &str); 15] = [
    // issue overwrite report read admin
    ("POST /v1/devices/{device}/profiles/{profile}          ", "y - - - -"),
    ("POST /v1/devices/{device}/profiles/{profile}/overwrite", "- y - - -"),
    ("POST /v1/tickets                                      ", "- y - - -"),
    ("GET  /v1/tickets/{ticket}                             ", "- y - - -"),
    ("POST /v1/tickets/{ticket}/approval                    ", "- y - - -"),
    ("POST /v1/devices/{device}/profile-list                ", "- - y - -"),
    ("POST /v1/devices/{device}/installed                   ", "- - y - -"),
    ("POST /v1/issuances/{issuance}/acknowledgement         ", "- - y - -"),
    ("GET  /v1/issuances/{issuance}                         ", "- - - y -"),
    ("GET  /v1/issuances/{issuance}/profile                 ", "y - - - -"),
    ("GET  /v1/issuances/{overwrite}/profile                ", "- y - - -"),
    ("GET  /v1/devices/{device}                             ", "- - - y -"),
    ("GET  /v1/devices/{device}/diagnosis                   ", "- - - y -"),
    ("GET  /v1/devices                                      ", "- - - y -"),
    ("GET  /metrics                                         ", "- - - y -"),
];
const ROLES: [&str; 5] = ["issue", "overwrite", "report", "read", "admin"];

/// Written by hand: each scope, and which of the places it covers; of a place without a spec, see `WHOLE` and `NOWHERE`.
const SCOPES: [(&str, &str); 5] = [
    // C02A ivi, C02A wifi, F9A ivi
    ("", "y y y"),
    ("devices = [\"C02*\"]", "y y -"),
    ("specs = [\"ivi\"]", "y - y"),
    ("devices = [\"C02*\"]\nspecs = [\"ivi\"]", "y - -"),
    ("devices = []", "- - -"),
];
const PLACES: [(&str, &str); 3] = [("C02A", "ivi"), ("C02A", "wifi"), ("F9A", "ivi")];

/// Written by hand: routes that are about a whole device. Who is bound to specs has no leave for what all of its profiles
/// are told by, and sees its own part of the rest; which devices, the scope decides.
const WHOLE: [&str; 1] = ["POST /v1/devices/{device}/profile-list"];
const PARTLY: [&str; 2] = ["GET /v1/devices/{device}", "GET /v1/devices/{device}/diagnosis"];
/// Written by hand: routes that are about devices and no spec.
const DEVICES: [&str; 3] = ["POST /v1/tickets", "GET /v1/tickets/{ticket}", "POST /v1/tickets/{ticket}/approval"];
/// Written by hand: routes that are about no device; the scope decides what they show.
const NOWHERE: [&str; 2] = ["GET /v1/devices", "GET /metrics"];

#[tokio::test]
async fn every_kind_of_caller_in_every_role_and_scope_may_what_the_table_says_and_nothing_else() {
    let mut stage = Stage::new().await;
    let mut asked = 0;
    // Reports first: what they change must not open a way round the scope.
    for (role_index, role) in ROLES.iter().enumerate().rev() {
        for (scope, covered) in SCOPES {
            stage.bind_callers(role, scope).await;
            for (route, opens) in ROUTES {
                let route = route.split_whitespace().collect::<Vec<_>>().join(" ");
                let has_role = opens.split(' ').nth(role_index) == Some("y");
                for (place_index, place) in PLACES.into_iter().enumerate() {
                    let covers = covered.split(' ').nth(place_index) == Some("y");
                    let expected = expected(&route, has_role, covers, scope, place.0);
                    for (kind, answer) in stage.ask_as_each(&route, place).await {
                        let case = format!("{kind:?} as {role} within {scope:?}: {route} for {place:?}");
                        assert_eq!(leave(&answer), expected, "{case}: {}", String::from_utf8_lossy(&answer.body));
                        asked += 1;
                    }
                }
            }
        }
    }
    assert_eq!(asked, 5 * 5 * 4 * 15 * 3);
}

#[test]
fn the_table_has_every_route() {
    let mut written: Vec<String> =
        ROUTES.iter().map(|(route, _)| route.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
    let mut there: Vec<String> = ENTRIES.iter().map(|entry| format!("{} {}", entry.method, entry.path)).collect();
    written.retain(|route| !route.contains("{overwrite}"));
    written.sort();
    there.sort();
    assert_eq!(written, there);
}

/// Leave, or the code that says that there is none.
fn expected(route: &str, has_role: bool, covers: bool, scope: &str, device: &str) -> &'static str {
    let covers_device = !scope.contains("devices = []") && (!scope.contains("C02*") || device == "C02A");
    let bound_to_specs = scope.contains("specs");
    match () {
        () if !has_role => "role-missing",
        () if NOWHERE.contains(&route) => "leave",
        () if DEVICES.contains(&route) || PARTLY.contains(&route) => {
            if covers_device {
                "leave"
            } else {
                "out-of-scope"
            }
        }
        () if WHOLE.contains(&route) => {
            if covers_device && !bound_to_specs {
                "leave"
            } else {
                "out-of-scope"
            }
        }
        () => {
            if covers {
                "leave"
            } else {
                "out-of-scope"
            }
        }
    }
}

/// Whether there was leave, whatever came of it.
fn leave(answer: &Answer) -> &'static str {
    match answer.status {
        401 => "unauthenticated",
        403 => ["role-missing", "out-of-scope"].into_iter().find(|code| *code == answer.code()).unwrap_or("leave"),
        _ => "leave",
    }
}

/// How a caller is known.
#[derive(Clone, Copy, Debug)]
enum Kind {
    Uid,
    Certificate,
    Subject,
    Token,
}

impl Kind {
    const ALL: [Self; 4] = [Self::Uid, Self::Certificate, Self::Subject, Self::Token];
}

struct Stage {
    daemon: Daemon,
    /// Known by its subject.
    named: pki::Issued,
    /// For each place.
    issued: Vec<Issued>,
}

/// What there is to ask about.
struct Issued {
    locked: String,
    overwrite: String,
    bytes: Vec<u8>,
    ticket: String,
}

impl Stage {
    async fn new() -> Self {
        let daemon = Daemon::start().await;
        let mut issued = Vec::new();
        for (device, spec) in PLACES {
            let path = format!("/v1/devices/{device}/profiles/{spec}");
            let answer = daemon.by("issue").post(&path, parameters(spec)).await.done();
            let ticket = json!({ "devices": [device], "reason": "matrix" });
            let ticket = daemon.by("overwrite").post("/v1/tickets", ticket).await.done().json()["ticket"].clone();
            let path = format!("/v1/devices/{device}/profiles/jp.example.{spec}/overwrite");
            let overwrite = daemon.by("overwrite").post(&path, json!({})).await.done();
            let name = |answer: &Answer| answer.header("issuance-id").to_owned();
            let (locked, overwrite, ticket) = (name(&answer), name(&overwrite), ticket.as_str().unwrap().to_owned());
            issued.push(Issued { locked, overwrite, bytes: answer.body, ticket });
        }
        let century = Validity::days(std::time::UNIX_EPOCH, 36_500);
        let named = daemon.site.clients.issue(&Leaf::new("Named", KeySpec::P256, century)).unwrap();
        Self { daemon, named, issued }
    }

    /// From now on each kind of caller has this role within this scope, and nobody else is one.
    async fn bind_callers(&mut self, role: &str, scope: &str) {
        let site = &mut self.daemon.site;
        site.forget_callers();
        let uid = fs::metadata(site.folder.path()).unwrap().uid();
        let badge = Digest::of(site.badge.certificate().der());
        let proofs = [
            ("uid", format!("uid = {uid}")),
            ("certificate", format!("certificate_sha256 = [\"{badge}\"]")),
            ("subject", "certificate_subject = \"CN=Named\"".to_owned()),
            ("token", format!("token_sha256 = [\"{}\"]", token("token").digest())),
        ];
        for (name, proof) in proofs {
            site.caller(name, &proof, &[role], &format!("{scope}\n"));
        }
        self.daemon.reload().await;
    }

    /// All kinds at once: the record's waits for the disk are shared then.
    async fn ask_as_each(&self, route: &str, place: (&str, &str)) -> [(Kind, Answer); 4] {
        let ask = async |kind| (kind, self.ask(kind, route, place).await);
        let [a, b, c, d] = Kind::ALL.map(ask);
        let (a, b, c, d) = tokio::join!(a, b, c, d);
        [a, b, c, d]
    }

    async fn ask(&self, kind: Kind, route: &str, place: (&str, &str)) -> Answer {
        let (device, spec) = place;
        let Issued { locked, overwrite, bytes, ticket } =
            &self.issued[PLACES.iter().position(|one| *one == place).unwrap()];
        let (method, path) = route.split_once(' ').unwrap();
        let profile = if path.ends_with("overwrite") { format!("jp.example.{spec}") } else { spec.to_owned() };
        let parts = [
            ("{device}", device),
            ("{profile}", &profile),
            ("{issuance}", locked),
            ("{overwrite}", overwrite),
            ("{ticket}", ticket),
        ];
        let path = parts.into_iter().fold(path.to_owned(), |path, (name, part)| path.replace(name, part));
        let (media_type, body) = body(&path, place, bytes);
        let ask = match kind {
            Kind::Uid => Ask::unix(&self.daemon.site.path("signer.sock")),
            Kind::Token => Ask::at(self.daemon.address).token(token("token").reveal()),
            Kind::Certificate => Ask::tls(self.daemon.tls, Some(&self.daemon.site.badge)),
            Kind::Subject => Ask::tls(self.daemon.tls, Some(&self.named)),
        };
        match method {
            "GET" if path.ends_with("diagnosis") => ask.get(&format!("{path}?os=17&supervised=true")).await,
            "GET" => ask.get(&path).await,
            _ => {
                let key = uuid::Uuid::new_v4().to_string();
                ask.key(&key).header("content-type", media_type).post_bytes(&path, &body).await
            }
        }
    }
}

/// What is asked with, so that who has leave gets it; what comes of it does not matter here.
fn body(path: &str, (device, spec): (&str, &str), bytes: &[u8]) -> (&'static str, Vec<u8>) {
    let json = |value: Value| ("application/json", value.to_string().into_bytes());
    match path.rsplit('/').next().unwrap() {
        "profile-list" => ("application/xml", b"<plist><dict><key>ProfileList</key><array/></dict></plist>".to_vec()),
        "installed" => ("application/x-apple-aspen-config", bytes.to_vec()),
        "acknowledgement" => json(json!({ "status": "NotNow" })),
        "tickets" => json(json!({ "devices": [device], "reason": "matrix" })),
        "overwrite" => json(json!({ "target": { "platform": "ios", "os": "17", "supervised": true } })),
        "approval" => json(json!({})),
        _ => json(parameters(spec)),
    }
}

fn parameters(spec: &str) -> Value {
    if spec == "wifi" { json!({ "parameters": { "ssid": "net" } }) } else { json!({}) }
}
