//! What callers tell of devices.

use std::time::Duration;

use plist::{Dictionary, Value as Plist};
use profile_kit::{Arrival, Device, Os, Payload, Profile, Removal, SignOptions, SignedProfile, device::Act, document};
use serde_json::{Value, json};

use crate::{
    client::{Answer, Ask},
    daemon::Daemon,
    site::{now, signer},
};

const IVI: &str = "/v1/devices/C02A/profiles/ivi";
const LIST: &str = "/v1/devices/C02A/profile-list";
const INSTALLED: &str = "/v1/devices/C02A/installed";

/// Issues the locked profile to C02A: the name of the issuance, and the bytes.
pub async fn issued(daemon: &Daemon) -> (String, Vec<u8>) {
    let answer = daemon.by("core").post(IVI, json!({})).await.done();
    (answer.header("issuance-id").to_owned(), answer.body)
}

/// What C02A has, in a word.
pub async fn state(daemon: &Daemon) -> Value {
    daemon.by("read").get("/v1/devices/C02A").await.done().json()["profiles"][0]["state"].clone()
}

/// A device that has these profiles answers to `ProfileList`.
pub fn list_of(profiles: &[&[u8]]) -> Dictionary {
    let device = profiles.iter().fold(Device::new(Os::ios(17), true), |device, bytes| {
        device.with(&Arrival::from_bytes(bytes).unwrap(), &Act::by_hand(now()))
    });
    let items = device.profile_list().iter().map(|item| Plist::Dictionary(item.to_dictionary())).collect();
    let mut answer = Dictionary::new();
    answer.insert("Status".into(), "Acknowledged".into());
    answer.insert("UDID".into(), "C02A".into());
    answer.insert("ProfileList".into(), Plist::Array(items));
    answer
}

pub async fn posted(ask: Ask, path: &str, media_type: &str, body: &[u8]) -> Answer {
    ask.key(&uuid::Uuid::new_v4().to_string()).header("content-type", media_type).post_bytes(path, body).await
}

pub async fn report_list(daemon: &Daemon, path: &str, list: &Dictionary) -> Answer {
    posted(daemon.by("report"), path, "application/xml", &document::to_xml(list).unwrap()).await
}

/// A locked profile that the daemon did not issue.
pub fn signed_by(issued: &profile_kit::pki::Issued, identifier: &str) -> Vec<u8> {
    let mut profile = Profile::new(identifier, "IVI");
    profile.set_removal(Removal::Disallowed);
    profile.push(Payload::new("com.apple.applicationaccess"));
    let signed = issued.identity().unwrap().sign_with(&profile, &SignOptions::new(now()));
    signed.unwrap().into_bytes()
}

#[tokio::test]
async fn an_acknowledged_profile_is_known_to_be_installed() {
    let daemon = Daemon::start().await;
    let (id, _) = issued(&daemon).await;
    assert_eq!(state(&daemon).await, "issued");
    let path = format!("/v1/issuances/{id}/acknowledgement");
    let answer = daemon.by("report").post(&path, json!({ "status": "Acknowledged" })).await.done().json();
    assert_eq!(answer, json!({ "issuance": id, "device": "C02A", "acknowledgement": { "status": "Acknowledged" } }));
    assert_eq!(state(&daemon).await, "locked");
    let event = daemon.last_event();
    assert_eq!(
        (&event["action"], &event["caller"], &event["issuance"]),
        (&json!("acknowledge"), &json!("report"), &json!(id))
    );
}

#[tokio::test]
async fn what_a_device_refused_is_told_with_its_chain_and_does_not_count_as_installed() {
    let daemon = Daemon::start().await;
    let (id, _) = issued(&daemon).await;
    let path = format!("/v1/issuances/{id}/acknowledgement");
    let link = json!({ "domain": "MCInstallationErrorDomain", "code": 4008 });
    daemon.by("report").post(&path, json!({ "status": "Error", "error_chain": [link] })).await.done();
    let told = daemon.by("read").get(&format!("/v1/issuances/{id}")).await.done().json();
    assert_eq!(told["acknowledgement"], json!({ "status": "Error", "chain": [link] }));
    assert!(told["acknowledged"].is_string() && told["signed"].is_string() && told["caller"] == "core");
    assert_eq!(daemon.last_event()["detail"]["errors"], json!(["MCInstallationErrorDomain 4008"]));
}

#[tokio::test]
async fn the_same_answer_under_the_same_key_is_recorded_once_and_answered_alike() {
    let daemon = Daemon::start().await;
    let (id, _) = issued(&daemon).await;
    let path = format!("/v1/issuances/{id}/acknowledgement");
    let ask = async |status: &str| daemon.by("report").key("k").post(&path, json!({ "status": status })).await;
    let (first, second) = (ask("NotNow").await.done(), ask("NotNow").await.done());
    assert_eq!(first.body, second.body);
    assert_eq!(ask("Acknowledged").await.refusal(), (422, "idempotency-conflict".into()));
    assert_eq!(
        daemon.events().iter().filter(|event| event["action"] == "acknowledge" && event["outcome"] == "done").count(),
        1
    );
}

#[tokio::test]
async fn an_answer_to_nothing_is_refused() {
    let daemon = Daemon::start().await;
    for id in ["0190a5b4-7c00-7000-8000-000000000001", "x"] {
        let path = format!("/v1/issuances/{id}/acknowledgement");
        let answer = daemon.by("report").post(&path, json!({ "status": "NotNow" })).await;
        assert_eq!(answer.refusal(), (404, "unknown-issuance".into()));
    }
}

#[tokio::test]
async fn a_profile_list_tells_what_is_there_and_what_is_gone_in_both_forms() {
    let daemon = Daemon::start().await;
    let (id, bytes) = issued(&daemon).await;
    let xml = report_list(&daemon, LIST, &list_of(&[&bytes])).await.done().json();
    let installed = json!([{ "identifier": "jp.example.ivi", "issuance": id }]);
    let expected = json!({
        "device": "C02A", "installed": installed, "foreign": [], "absent": [], "similar": [], "outdated": [],
    });
    assert_eq!(xml, expected);
    assert_eq!(state(&daemon).await, "locked");
    let binary = document::to_binary(&list_of(&[])).unwrap();
    let answer = posted(daemon.by("report"), LIST, "application/x-apple-aspen-mdm", &binary).await.done().json();
    assert_eq!(answer["absent"], json!(["jp.example.ivi"]));
    assert_eq!(state(&daemon).await, "gone");
}

#[tokio::test]
async fn a_locked_profile_that_the_keyring_signed_is_told_as_foreign_under_any_identifier() {
    let daemon = Daemon::start().await;
    let own = signed_by(&daemon.site.lost, "jp.example.elsewhere");
    let stranger = signed_by(&signer("Stranger"), "jp.example.other");
    let answer = report_list(&daemon, LIST, &list_of(&[&own, &stranger])).await.done().json();
    assert_eq!((&answer["foreign"], state(&daemon).await), (&json!(["jp.example.elsewhere"]), json!("foreign")));
}

#[tokio::test]
async fn an_item_of_no_concern_that_cannot_be_read_refuses_no_list_and_makes_nothing_gone() {
    let daemon = Daemon::start().await;
    let (id, bytes) = issued(&daemon).await;
    let list_with = |identifier: &str, profiles: &[&[u8]]| {
        let mut list = list_of(profiles);
        let mut broken = Dictionary::new();
        broken.insert("PayloadIdentifier".into(), identifier.into());
        broken.insert("PayloadRemovalDisallowed".into(), Plist::Integer(1.into()));
        broken.insert("SignerCertificates".into(), Plist::Array(vec![Plist::Data(vec![0x30, 0x00])]));
        list.get_mut("ProfileList").unwrap().as_array_mut().unwrap().push(Plist::Dictionary(broken));
        list
    };
    let answer = report_list(&daemon, LIST, &list_with("com.example.wifi", &[&bytes])).await.done().json();
    assert_eq!(answer["installed"], json!([{ "identifier": "jp.example.ivi", "issuance": id }]));
    let own = report_list(&daemon, LIST, &list_with("jp.example.ivi", &[])).await;
    assert_eq!(own.refusal(), (422, "invalid-request".into()));
    let elsewhere = signed_by(&daemon.site.new, "jp.example.elsewhere");
    posted(daemon.by("core"), INSTALLED, "application/x-apple-aspen-config", &elsewhere).await.done();
    let answer = report_list(&daemon, LIST, &list_with("jp.example.elsewhere", &[&bytes])).await.done().json();
    assert_eq!((&answer["foreign"], &answer["absent"]), (&json!([]), &json!([])));
}

#[tokio::test]
async fn a_list_that_was_taken_is_answered_so_again_when_it_would_be_refused_by_now() {
    let mut daemon = Daemon::start().await;
    let (_, bytes) = issued(&daemon).await;
    let mut list = list_of(&[&bytes]);
    let mut broken = Dictionary::new();
    broken.insert("PayloadIdentifier".into(), "com.example.more".into());
    broken.insert("PayloadRemovalDisallowed".into(), Plist::Integer(1.into()));
    list.get_mut("ProfileList").unwrap().as_array_mut().unwrap().push(Plist::Dictionary(broken));
    list.insert("Deep".into(), (0..20).fold(Plist::Boolean(true), |inner, _| Plist::Array(vec![inner])));
    let list = document::to_xml(&list).unwrap();
    let ask = async |daemon: &Daemon, key: &str| {
        daemon.by("report").key(key).header("content-type", "text/xml").post_bytes(LIST, &list).await
    };
    let first = ask(&daemon, "k").await.done();
    daemon.site.write("more.toml", MORE);
    let spec = "[[spec]]\nname = \"more\"\nfile = \"more.toml\"\nidentity = \"new\"\n[[caller]]\nname = \"issue\"";
    daemon.site.change("[[caller]]\nname = \"issue\"", spec);
    daemon.reload().await;
    assert_eq!(ask(&daemon, "new").await.refusal(), (422, "invalid-request".into()));
    assert_eq!(ask(&daemon, "k").await.done().body, first.body);
    daemon.site.change("[admin]\n", "[limits]\nplist_depth = 8\n[admin]\n");
    daemon.reload().await;
    let refused = ask(&daemon, "new").await;
    assert_eq!((refused.refusal(), &refused.json()["limit"]), ((400, "too-deep".into()), &json!(8)));
    assert_eq!(ask(&daemon, "k").await.done().body, first.body);
    let actions: Vec<_> = daemon.events().iter().map(|event| event["action"].clone()).collect();
    assert_eq!(actions.iter().filter(|action| *action == "replay").count(), 2);
}

const MORE: &str = "format = 1
identifier = \"com.example.more\"
removal = \"disallowed\"
[[payload]]
type = \"com.apple.applicationaccess\"
settings = { allowCamera = false }
";

#[tokio::test]
async fn a_list_of_managed_profiles_says_nothing_of_what_it_lacks() {
    let daemon = Daemon::start().await;
    issued(&daemon).await;
    let path = format!("{LIST}?complete=false");
    let answer = report_list(&daemon, &path, &list_of(&[])).await.done().json();
    assert_eq!((&answer["absent"], state(&daemon).await), (&json!([]), json!("issued")));
}

#[tokio::test]
async fn a_list_that_comes_late_says_nothing_of_what_was_recorded_since() {
    let daemon = Daemon::start().await;
    issued(&daemon).await;
    let late = format!("{LIST}?answered_at=2026-01-02T03:04:05%2B09:00");
    let answer = report_list(&daemon, &late, &list_of(&[])).await.done().json();
    assert_eq!((&answer["outdated"], &answer["absent"]), (&json!(["jp.example.ivi"]), &json!([])));
    assert_eq!(state(&daemon).await, "issued");
    for broken in ["yesterday", "2026-01-02", "", "2999-01-02T03:04:05Z"] {
        let answer = report_list(&daemon, &format!("{LIST}?answered_at={broken}"), &list_of(&[])).await;
        assert_eq!(answer.refusal(), (422, "invalid-request".into()), "{broken:?}");
    }
}

#[tokio::test]
async fn an_acknowledgement_that_was_late_itself_makes_no_list_outdated() {
    let daemon = Daemon::start().await;
    let (id, _) = issued(&daemon).await;
    let path = format!("/v1/issuances/{id}/acknowledgement");
    let acknowledge = async |answered_at: Value| {
        let body = json!({ "status": "Acknowledged", "answered_at": answered_at });
        daemon.by("report").post(&path, body).await
    };
    for broken in [json!("yesterday"), json!(5), json!("2999-01-02T03:04:05Z")] {
        assert_eq!(acknowledge(broken).await.refusal(), (422, "invalid-request".into()));
    }
    acknowledge(json!("2026-01-02T03:04:05Z")).await.done();
    assert_eq!(state(&daemon).await, "locked");
    // Later than the answer, and than the issuance.
    let now = time::OffsetDateTime::from((daemon.service.clock)())
        .format(&time::format_description::well_known::Rfc3339)
        .unwrap();
    let answer = report_list(&daemon, &format!("{LIST}?answered_at={now}"), &list_of(&[])).await.done().json();
    assert_eq!((&answer["absent"], state(&daemon).await), (&json!(["jp.example.ivi"]), json!("gone")));
}

#[tokio::test]
async fn an_answer_from_ahead_of_the_clock_is_taken_up_to_five_minutes_and_refused_with_why_beyond() {
    let daemon = Daemon::start().await;
    let (id, _) = issued(&daemon).await;
    for (ahead, taken) in [(300, true), (301, false)] {
        let at = time::OffsetDateTime::from((daemon.service.clock)()) + Duration::from_secs(ahead);
        let at = at.format(&time::format_description::well_known::Rfc3339).unwrap();
        let list = report_list(&daemon, &format!("{LIST}?answered_at={at}"), &list_of(&[])).await;
        let body = json!({ "status": "NotNow", "answered_at": at });
        let acknowledged = daemon.by("report").post(&format!("/v1/issuances/{id}/acknowledgement"), body).await;
        for answer in [list, acknowledged] {
            let detail = answer.json()["detail"].clone();
            let refused = json!("answered_at is more than five minutes ahead of the daemon's clock");
            assert_eq!((answer.status, detail == refused), (if taken { 200 } else { 422 }, !taken), "{answer:?}");
        }
    }
}

#[tokio::test]
async fn what_was_taken_is_answered_so_again_after_the_clock_went_back() {
    let daemon = Daemon::start().await;
    let (id, _) = issued(&daemon).await;
    let at = time::OffsetDateTime::from((daemon.service.clock)());
    let at = at.format(&time::format_description::well_known::Rfc3339).unwrap();
    let (list, path) = (document::to_xml(&list_of(&[])).unwrap(), format!("{LIST}?answered_at={at}"));
    let ask = async || {
        let listed = daemon.by("report").key("list").header("content-type", "text/xml").post_bytes(&path, &list).await;
        let body = json!({ "status": "Acknowledged", "answered_at": at });
        let answer = format!("/v1/issuances/{id}/acknowledgement");
        [listed.done().body, daemon.by("report").key("answer").post(&answer, body).await.done().body]
    };
    let first = ask().await;
    daemon.turn_back(Duration::from_secs(3600));
    assert_eq!(ask().await, first);
}

#[tokio::test]
async fn a_profile_of_nearly_the_same_identifier_is_told_and_nothing_is_taken_for_gone() {
    let daemon = Daemon::start().await;
    issued(&daemon).await;
    for listed in ["JP.example.IVI", " jp.example.ivi\n"] {
        let mut list = list_of(&[]);
        let mut item = Dictionary::from_iter([("PayloadIdentifier", Plist::from(listed))]);
        // Also where the item cannot be read.
        if listed.starts_with(' ') {
            item.insert("PayloadRemovalDisallowed".into(), 1.into());
        }
        list.insert("ProfileList".into(), Plist::Array(vec![item.into()]));
        let answer = report_list(&daemon, LIST, &list).await.done().json();
        assert_eq!(answer["similar"], json!([{ "identifier": "jp.example.ivi", "listed": listed }]));
        assert_eq!((&answer["absent"], state(&daemon).await), (&json!([]), json!("issued")));
        assert_eq!(daemon.last_event()["detail"]["similar"], json!([format!("{listed:?} for \"jp.example.ivi\"")]));
    }
}

#[tokio::test]
async fn the_same_list_under_the_same_key_for_another_question_is_another_request() {
    let daemon = Daemon::start().await;
    issued(&daemon).await;
    let body = document::to_xml(&list_of(&[])).unwrap();
    let ask = async |path: &str| {
        daemon.by("report").key("k").header("content-type", "text/xml").post_bytes(path, &body).await
    };
    let first = ask(LIST).await.done();
    assert_eq!(ask(LIST).await.done().body, first.body);
    for other in ["complete=false", "answered_at=2026-01-02T03:04:05Z"] {
        assert_eq!(ask(&format!("{LIST}?{other}")).await.refusal(), (422, "idempotency-conflict".into()));
    }
}

#[tokio::test]
async fn a_profile_of_somebody_else_is_told_as_foreign_until_it_is_handed_in() {
    let daemon = Daemon::start().await;
    let stranger = signed_by(&daemon.site.old, "jp.example.ivi");
    let answer = report_list(&daemon, LIST, &list_of(&[&stranger])).await.done().json();
    assert_eq!((&answer["foreign"], state(&daemon).await), (&json!(["jp.example.ivi"]), json!("foreign")));
    let media_type = "application/x-apple-aspen-config";
    let handed = posted(daemon.by("report"), INSTALLED, media_type, &stranger).await.done().json();
    assert_eq!((&handed["known"], &handed["identifier"]), (&json!(false), &json!("jp.example.ivi")));
    assert!(handed["observation"].is_string());
    assert_eq!(state(&daemon).await, "locked");
    let again = posted(daemon.by("report"), INSTALLED, media_type, &stranger).await.done().json();
    assert_eq!((&again["known"], &again["observation"]), (&json!(true), &handed["observation"]));
    let told = daemon.by("read").get("/v1/devices/C02A").await.done().json();
    assert_eq!(told["observations"][0]["observation"], handed["observation"]);
}

#[tokio::test]
async fn an_issued_profile_that_is_handed_in_is_known_by_its_issuance() {
    let daemon = Daemon::start().await;
    let (id, bytes) = issued(&daemon).await;
    let handed = posted(daemon.by("report"), INSTALLED, "application/x-apple-aspen-config", &bytes).await.done().json();
    assert_eq!((&handed["issuance"], &handed["known"]), (&json!(id), &json!(true)));
    assert_eq!(state(&daemon).await, "locked");
}

#[tokio::test]
async fn a_profile_that_was_taken_is_answered_so_again_when_its_leaf_is_not_known_any_more() {
    let daemon = Daemon::start().await;
    let profile = signed_by(&daemon.site.lost, "jp.example.ivi");
    let ask = async |daemon: &Daemon, profile: &[u8]| {
        let ask = daemon.by("report").key("k-1").header("content-type", "application/x-apple-aspen-config");
        ask.post_bytes(INSTALLED, profile).await
    };
    let first = ask(&daemon, &profile).await.done().json();
    let mut site = daemon.end().await;
    site.change("[[identity]]\nname = \"lost\"\nstate = \"gone\"\ncertificate = \"lost.pem\"\n", "");
    let daemon = Daemon::at(site, now()).await;
    assert_eq!(ask(&daemon, &profile).await.done().json(), first);
    assert_eq!(ask(&daemon, b"another").await.refusal(), (422, "idempotency-conflict".into()));
}

#[tokio::test]
async fn who_has_no_leave_any_more_for_what_was_taken_is_not_recorded_as_having_it_answered_again() {
    let daemon = Daemon::start().await;
    let profile = signed_by(&daemon.site.lost, "jp.example.ivi");
    let ask = async |daemon: &Daemon, profile: &[u8]| {
        let ask = daemon.by("scoped").key("k-1").header("content-type", "application/x-apple-aspen-config");
        ask.post_bytes(INSTALLED, profile).await
    };
    ask(&daemon, &profile).await.done();
    let mut site = daemon.end().await;
    site.change("[[identity]]\nname = \"lost\"\nstate = \"gone\"\ncertificate = \"lost.pem\"\n", "");
    site.change("specs = [\"ivi\"]", "specs = [\"wifi\"]");
    let daemon = Daemon::at(site, now()).await;
    assert_eq!(ask(&daemon, &profile).await.refusal(), (403, "out-of-scope".into()));
    assert_eq!(ask(&daemon, b"another").await.refusal(), (422, "idempotency-conflict".into()));
    let event = daemon.last_event();
    assert_eq!((&event["action"], &event["code"]), (&json!("observe"), &json!("idempotency-conflict")));
    assert!(daemon.events().iter().all(|event| event["action"] != "replay"));
}

#[tokio::test]
async fn what_is_no_profile_of_the_keyring_is_refused_and_not_recorded_as_installed() {
    let daemon = Daemon::start().await;
    let (_, good) = issued(&daemon).await;
    let content = SignedProfile::from_bytes(good.clone()).unwrap().verify_integrity().unwrap().content().to_vec();
    let mut broken = good.clone();
    let at = broken.windows(7).position(|window| window == b"IVI MDM").unwrap();
    broken[at] = b'X';
    let deep = signed_deep(&daemon);
    for (body, refusal) in [
        (content, (422, "not-signed")),
        (broken, (422, "signature-broken")),
        (signed_by(&signer("Stranger"), "jp.example.ivi"), (422, "not-signed-by-keyring")),
        (deep, (400, "too-deep")),
    ] {
        let answer = posted(daemon.by("report"), INSTALLED, "application/x-apple-aspen-config", &body).await;
        assert_eq!(answer.refusal(), (refusal.0, refusal.1.into()));
        let event = daemon.last_event();
        assert_eq!((&event["action"], &event["code"]), (&json!("observe"), &json!(refusal.1)));
    }
    assert_eq!(state(&daemon).await, "issued");
}

#[tokio::test]
async fn a_profile_whose_overwrite_no_path_could_name_is_refused() {
    let daemon = Daemon::start().await;
    let media_type = "application/x-apple-aspen-config";
    let named = |length: usize| signed_by(&daemon.site.new, &"i".repeat(length));
    posted(daemon.by("report"), INSTALLED, media_type, &named(255)).await.done();
    let answer = posted(daemon.by("report"), INSTALLED, media_type, &named(256)).await;
    assert_eq!(answer.refusal(), (422, "invalid-request".into()));
    let detail = answer.json()["detail"].as_str().unwrap().to_owned();
    assert!(detail.starts_with("the profile's PayloadIdentifier is longer than 255 bytes: "), "{detail}");
    assert_eq!(daemon.last_event()["code"], "invalid-request");
}

/// Deeper than the daemon takes, and not deeper than a profile may be.
fn signed_deep(daemon: &Daemon) -> Vec<u8> {
    let mut profile = Profile::new("jp.example.ivi", "IVI");
    let mut payload = Payload::new("com.example.deep");
    payload.insert("Deep", (0..80).fold(Plist::Boolean(true), |inner, _| Plist::Array(vec![inner])));
    profile.push(payload);
    let signed = daemon.site.new.identity().unwrap().sign_with(&profile, &SignOptions::new(now()));
    signed.unwrap().into_bytes()
}

#[tokio::test]
async fn a_list_that_cannot_be_read_is_refused() {
    let daemon = Daemon::start().await;
    let deep = format!("<plist><dict><key>ProfileList</key>{}</dict></plist>", "<array>".repeat(100));
    for (media_type, body, refusal) in [
        ("application/json", "<plist/>", (415, "unsupported-media-type")),
        ("application/xml", "{}", (400, "malformed-plist")),
        ("application/xml", "<plist><dict/></plist>", (422, "invalid-request")),
        ("application/xml", &deep, (400, "too-deep")),
    ] {
        let answer = posted(daemon.by("report"), LIST, media_type, body.as_bytes()).await;
        assert_eq!(answer.refusal(), (refusal.0, refusal.1.into()), "{body}");
        assert_eq!(daemon.last_event()["code"], refusal.1);
    }
    let answer = posted(daemon.by("report"), &format!("{LIST}?all=1"), "application/xml", b"<plist/>").await;
    assert_eq!(answer.refusal(), (422, "invalid-request".into()));
}

#[tokio::test]
async fn a_profile_whose_payloads_are_encrypted_is_locked_and_the_diagnosis_says_why_no_overwrite_is_made() {
    let daemon = Daemon::start().await;
    let mut keys = Profile::new("jp.example.ivi", "IVI").to_dictionary();
    keys.remove("PayloadContent");
    keys.insert("EncryptedPayloadContent".into(), Plist::Data(vec![0x30, 0x80]));
    let profile = Profile::from_dictionary(keys).unwrap();
    let signed = daemon.site.new.identity().unwrap().sign_with(&profile, &SignOptions::new(now())).unwrap();
    posted(daemon.by("core"), INSTALLED, "application/x-apple-aspen-config", signed.as_bytes()).await.done();
    assert_eq!(state(&daemon).await, "locked");
    let told = daemon.by("read").get("/v1/devices/C02A/diagnosis").await.done().json();
    let profile = &told["profiles"][0];
    let codes: Vec<&Value> = profile["reasons"].as_array().unwrap().iter().map(|reason| &reason["code"]).collect();
    assert_eq!(codes, ["never-offered", "encrypted"]);
    assert_eq!(profile["next"][0]["action"], "strip-overwrite");
    let refused = daemon.by("core").post("/v1/devices/C02A/profiles/jp.example.ivi/overwrite", json!({})).await;
    assert_eq!(refused.refusal(), (422, "no-overwrite".into()));
}

#[tokio::test]
async fn who_is_bound_to_a_spec_with_placeholders_in_its_identifier_reports_what_is_under_its_example() {
    let daemon = Daemon::with(|site| {
        site.write("region.toml", REGION);
        let spec = "[[spec]]\nname = \"region\"\nfile = \"region.toml\"\nidentity = \"new\"\nexample = { region = \"east\" }\n";
        site.change("[[caller]]\nname = \"issue\"", &format!("{spec}[[caller]]\nname = \"issue\""));
        site.change("specs = [\"ivi\"]", "specs = [\"region\"]");
    })
    .await;
    let hand_in = async |identifier: &str| {
        let bytes = signed_by(&daemon.site.new, identifier);
        posted(daemon.by("scoped"), INSTALLED, "application/x-apple-aspen-config", &bytes).await
    };
    hand_in("jp.example.east").await.done();
    assert_eq!(hand_in("jp.example.west").await.refusal(), (403, "out-of-scope".into()));
}

const REGION: &str = "format = 1
identifier = \"jp.example.{{region}}\"
removal = \"disallowed\"
[placeholders.region]
type = \"string\"
[[payload]]
type = \"com.apple.applicationaccess\"
settings = { allowCamera = false }
";
