//! What callers read of the record.

use serde_json::{Value, json};

use crate::{
    daemon::Daemon,
    past::{acknowledge, foreign, id, observe},
    reports::{issued, list_of, report_list},
};

#[tokio::test]
async fn a_device_that_nobody_heard_of_is_unknown() {
    let daemon = Daemon::start().await;
    for path in ["/v1/devices/C02A", "/v1/devices/C02A/diagnosis"] {
        assert_eq!(daemon.by("read").get(path).await.refusal(), (404, "unknown-device".into()));
    }
    let path = "/v1/issuances/0190a5b4-7c00-7000-8000-000000000001";
    assert_eq!(daemon.by("read").get(path).await.refusal(), (404, "unknown-issuance".into()));
}

#[tokio::test]
async fn a_device_is_told_with_what_it_has_and_what_was_issued_to_it() {
    let daemon = Daemon::start().await;
    let (id, bytes) = issued(&daemon).await;
    let told = daemon.by("read").get("/v1/devices/C02A").await.done().json();
    let leaf = signer::Digest::of(daemon.site.new.certificate().der()).to_string();
    let profile = &told["profiles"][0];
    assert_eq!(profile["identifier"], "jp.example.ivi");
    assert_eq!((&profile["evidence"], &profile["state"]), (&json!("issued"), &json!("issued")));
    assert_eq!((&profile["installed"]["issuance"], &profile["installed"]["leaf"]), (&json!(id), &json!(leaf)));
    assert_eq!(told["issuances"][0]["issuance"], id);
    assert_eq!(told["issuances"][0]["signed"], signer::Digest::of(&bytes).to_string());
    assert_eq!(told["issuances"][0]["spec"]["name"], "ivi");
}

#[tokio::test]
async fn devices_come_page_by_page_and_by_state() {
    let daemon = Daemon::start().await;
    for name in ["a", "b", "c", "d", "e"] {
        let answer = daemon.by("issue").post(&format!("/v1/devices/{name}/profiles/ivi"), json!({})).await.done();
        if name == "c" {
            acknowledge(&daemon, id(&answer)).await;
        }
    }
    report_list(&daemon, "/v1/devices/c/profile-list", &list_of(&[])).await.done();
    let mut found = Vec::new();
    let mut path = "/v1/devices?limit=2&state=issued".to_owned();
    loop {
        let page = daemon.by("read").get(&path).await.done().json();
        let devices = page["devices"].as_array().unwrap();
        assert!(devices.len() <= 2);
        found.extend(devices.iter().map(|device| device["device"].as_str().unwrap().to_owned()));
        let Some(next) = page["next"].as_str() else { break };
        path = format!("/v1/devices?limit=2&state=issued&after={next}");
    }
    assert_eq!(found, ["a", "b", "d", "e"]);
    let all = daemon.by("read").get("/v1/devices").await.done().json();
    assert_eq!(all["devices"][2], json!({ "device": "c", "identifier": "jp.example.ivi", "state": "gone" }));
    assert_eq!(all["next"], Value::Null);
}

#[tokio::test]
async fn a_page_that_cannot_be_asked_for_is_refused() {
    let daemon = Daemon::start().await;
    for query in ["state=lost", "after=%21", "after=e30", "limit=0", "limit=1001", "limit=x", "page=2"] {
        let answer = daemon.by("read").get(&format!("/v1/devices?{query}")).await;
        assert_eq!(answer.refusal(), (422, "invalid-request".into()), "{query}");
    }
}

#[tokio::test]
async fn a_caller_sees_its_own_devices_and_specs_only() {
    let daemon = Daemon::start().await;
    for (device, spec) in [("C02A", "ivi"), ("C02B", "wifi"), ("F9A", "ivi")] {
        let body = if spec == "wifi" { json!({ "parameters": { "ssid": "net" } }) } else { json!({}) };
        daemon.by("issue").post(&format!("/v1/devices/{device}/profiles/{spec}"), body).await.done();
    }
    let page = daemon.by("scoped").get("/v1/devices").await.done().json();
    let names: Vec<&Value> = page["devices"].as_array().unwrap().iter().map(|device| &device["device"]).collect();
    assert_eq!(names, ["C02A"]);
    daemon.by("scoped").get("/v1/devices/C02A").await.done();
    for (device, what) in [("C02B", "spec"), ("F9A", "device")] {
        for end in ["", "/diagnosis"] {
            let answer = daemon.by("scoped").get(&format!("/v1/devices/{device}{end}")).await;
            assert_eq!((answer.refusal(), &answer.json()["scope"]), ((403, "out-of-scope".into()), &json!(what)));
        }
    }
}

#[tokio::test]
async fn the_digest_of_a_profile_is_told_to_those_who_may_have_it() {
    let daemon = Daemon::start().await;
    let (id, _) = issued(&daemon).await;
    for (caller, is_told) in [("read", false), ("core", true)] {
        for path in [format!("/v1/issuances/{id}"), "/v1/devices/C02A".into()] {
            let told = daemon.by(caller).get(&path).await.done().json();
            let one = if path.ends_with("C02A") { &told["issuances"][0] } else { &told };
            assert_eq!((one["issuance"].as_str(), one.get("plist").is_some()), (Some(&*id.to_string()), is_told));
        }
    }
}

#[tokio::test]
async fn of_a_device_with_two_specs_a_bound_caller_sees_its_own() {
    let daemon = Daemon::start().await;
    issued(&daemon).await;
    let body = json!({ "parameters": { "ssid": "net" } });
    daemon.by("issue").post("/v1/devices/C02A/profiles/wifi", body).await.done();
    let whole = daemon.by("read").get("/v1/devices/C02A").await.done().json();
    let part = daemon.by("scoped").get("/v1/devices/C02A").await.done().json();
    let count = |told: &Value, key: &str| told[key].as_array().unwrap().len();
    assert_eq!((count(&whole, "profiles"), count(&whole, "issuances")), (2, 2));
    assert_eq!((count(&part, "profiles"), count(&part, "issuances")), (1, 1));
    assert!(!part.to_string().contains("wifi"));
}

#[tokio::test]
async fn what_was_handed_in_is_not_for_who_is_bound_to_specs() {
    let daemon = Daemon::start().await;
    issued(&daemon).await;
    observe(&daemon, "C02A", &foreign(&daemon.site.old)).await;
    for path in ["/v1/devices/C02A", "/v1/devices/C02A/diagnosis"] {
        daemon.by("read").get(path).await.done();
        assert_eq!(daemon.by("scoped").get(path).await.refusal().0, 403, "{path}");
    }
    assert_eq!(daemon.by("scoped").get("/v1/devices").await.done().json()["devices"], json!([]));
}

#[tokio::test]
async fn a_diagnosis_says_who_has_to_do_what_next() {
    let daemon = Daemon::start().await;
    issued(&daemon).await;
    let path = "/v1/devices/C02A/diagnosis?platform=iOS&os=17.5&supervised=true";
    let told = daemon.by("read").get(path).await.done().json();
    assert_eq!((&told["device"], &told["free"]), (&json!("C02A"), &json!(false)));
    let profile = &told["profiles"][0];
    assert_eq!((&profile["standing"], &profile["state"]), (&json!("locked"), &json!("issued")));
    assert_eq!(profile["reasons"][0]["code"], "never-offered");
    assert_eq!((&profile["next"][0]["who"], &profile["next"][0]["steps"][0]), (&json!("operator"), &json!("S1.1")));
    assert_eq!(profile["warnings"][0]["warning"], "W1");
    assert_eq!(profile["outlook"]["verdict"], "frees");
    assert_eq!(profile["outlook"]["devices"][0]["os"], "iOS 17.5");
}

#[tokio::test]
async fn a_device_that_refused_all_that_was_issued_is_found_by_that_and_not_called_free() {
    let daemon = Daemon::start().await;
    let (id, _) = issued(&daemon).await;
    let link = json!({ "domain": "MCInstallationErrorDomain", "code": 4008 });
    let path = format!("/v1/issuances/{id}/acknowledgement");
    daemon.by("report").post(&path, json!({ "status": "Error", "error_chain": [link] })).await.done();
    let told = daemon.by("read").get("/v1/devices/C02A/diagnosis").await.done().json();
    assert_eq!((&told["free"], &told["profiles"][0]["standing"]), (&json!(false), &json!("unknown")));
    assert_eq!(told["profiles"][0]["reasons"][0]["code"], "all-refused");
    let page = daemon.by("read").get("/v1/devices?state=refused").await.done().json();
    assert_eq!(page["devices"], json!([{ "device": "C02A", "identifier": "jp.example.ivi", "state": "refused" }]));
    let told = daemon.by("read").get("/v1/devices/C02A").await.done().json();
    assert_eq!(told["profiles"], json!([{ "identifier": "jp.example.ivi", "state": "refused" }]));
}

#[tokio::test]
async fn a_diagnosis_may_be_asked_for_one_profile_and_for_any_device() {
    let daemon = Daemon::start().await;
    issued(&daemon).await;
    let ask = async |query: &str| daemon.by("read").get(&format!("/v1/devices/C02A/diagnosis?{query}")).await;
    let told = ask("identifier=jp.example.ivi").await.done().json();
    assert!(told["profiles"][0]["outlook"]["devices"].as_array().unwrap().len() > 2);
    let unknown = ask("identifier=jp.example.other").await;
    assert_eq!((unknown.refusal(), &unknown.json()["similar"]), ((404, "unknown-installation".into()), &json!([])));
    assert_eq!(ask("identifier=JP.example.ivi").await.json()["similar"], json!(["jp.example.ivi"]));
    for query in ["platform=windows", "platform=ios", "os=x", "supervised=maybe", "udid=1"] {
        assert_eq!(ask(query).await.refusal(), (422, "invalid-request".into()), "{query}");
    }
}
