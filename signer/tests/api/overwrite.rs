//! The overwrite of what a device has.

use profile_kit::{Removal, SignedProfile, VerifiedProfile};
use serde_json::{Value, json};
use signer::issuance::IssuanceId;

use crate::{
    client::Answer,
    daemon::Daemon,
    gate::{Gate, narrow, until_waiting},
    past::{acknowledge, foreign, id, import, list, observe, stubborn},
    reports::{list_of, posted, report_list, signed_by, state},
    site::{days, signer},
};

const LOCKED: &str = "/v1/devices/C02A/profiles/ivi";
const OVERWRITE: &str = "/v1/devices/C02A/profiles/jp.example.ivi/overwrite";

fn ios(version: &str) -> Value {
    json!({ "platform": "iOS", "os": version, "supervised": true })
}

fn verified(answer: &Answer) -> VerifiedProfile {
    SignedProfile::from_bytes(answer.body.clone()).unwrap().verify_integrity().unwrap()
}

async fn locked(daemon: &Daemon) -> Answer {
    daemon.by("core").post(LOCKED, json!({})).await.done()
}

async fn overwrite(daemon: &Daemon, body: Value) -> Answer {
    daemon.by("core").post(OVERWRITE, body).await
}

/// What is told of an overwrite.
async fn told(daemon: &Daemon, body: Value) -> Value {
    daemon.by("core").accept("application/json").post(OVERWRITE, body).await.done().json()
}

fn warnings(told: &Value) -> Vec<&str> {
    told["warnings"].as_array().unwrap().iter().map(|warning| warning["code"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn a_device_gets_the_overwrite_of_what_it_has() {
    let daemon = Daemon::start().await;
    let installed = verified(&locked(&daemon).await);
    let answer = overwrite(&daemon, json!({ "target": ios("17.5") })).await.done();
    let freeing = verified(&answer);
    assert_eq!(freeing.profile().identifier(), installed.profile().identifier());
    assert_ne!(freeing.profile().uuid(), installed.profile().uuid());
    assert_eq!(freeing.profile().payloads()[0].uuid(), installed.profile().payloads()[0].uuid());
    assert_eq!(freeing.profile().removal(), Removal::Allowed);
    assert_eq!(freeing.leaf(), installed.leaf());
    assert_eq!((answer.header("issuance-evidence"), answer.header("issuance-verdict")), ("issued", "frees"));
    assert_eq!(answer.header("issuance-warnings"), "");
    assert!(daemon.metrics().contains("signer_issuances_total{variant=\"overwrite\",caller=\"core\"} 1"));
}

#[tokio::test]
async fn an_overwrite_of_before_is_the_same_again_also_after_a_restart() {
    let daemon = Daemon::start().await;
    locked(&daemon).await;
    let ask = async |daemon: &Daemon| daemon.by("core").key("k-1").post(OVERWRITE, json!({})).await.done();
    let first = ask(&daemon).await;
    locked(&daemon).await;
    let daemon = daemon.restarted().await;
    assert_eq!(ask(&daemon).await.body, first.body);
    assert_eq!(daemon.events().iter().filter(|event| event["action"] == "overwrite").count(), 1);
    let other = daemon.by("core").key("k-1").post(OVERWRITE, json!({ "removal_password": "empty" })).await;
    assert_eq!(other.refusal(), (422, "idempotency-conflict".into()));
}

/// A batch does the same, by `the_form_follows_the_target_and_a_doubt_is_told_and_holds_nothing_back`.
#[tokio::test]
async fn the_form_follows_the_target_and_the_caller_may_choose_it() {
    let daemon = Daemon::start().await;
    locked(&daemon).await;
    for (body, form, verdict, warned) in [
        (json!({ "target": ios("17") }), "omitted", "frees", vec![]),
        (json!({ "target": ios("12") }), "empty", "frees-on-some", vec!["frees-on-some"]),
        (json!({ "target": ios("13.7") }), "empty", "frees-on-some", vec!["frees-on-some"]),
        (json!({ "target": ios("14") }), "omitted", "frees", vec![]),
        (json!({ "target": { "platform": "macOS", "os": "15" } }), "empty", "frees-on-some", vec!["frees-on-some"]),
        (json!({ "target": { "platform": "tvOS", "os": "17" } }), "empty", "frees-on-some", vec!["frees-on-some"]),
        (json!({}), "empty", "frees-on-some", vec!["no-target"]),
        (json!({ "removal_password": "omitted" }), "omitted", "frees", vec![]),
        (json!({ "removal_password": "empty", "target": ios("17") }), "empty", "strands", vec!["strands"]),
    ] {
        let told = told(&daemon, body.clone()).await;
        let said: Vec<_> = warnings(&told).into_iter().filter(|code| *code != "later-issued").collect();
        assert_eq!((&told["form"], &told["verdict"], said), (&json!(form), &json!(verdict), warned), "{body}");
    }
}

#[tokio::test]
async fn an_overwrite_that_would_strand_the_device_needs_a_form_chosen_by_name() {
    let daemon = Daemon::start().await;
    import(&daemon, "C02A", &stubborn(&daemon.site.old)).await;
    let refused = overwrite(&daemon, json!({ "target": ios("17") })).await;
    assert_eq!(refused.refusal(), (422, "strands".into()));
    assert_eq!(daemon.last_event()["code"], "strands");
    assert!(!refused.json()["reasons"].as_array().unwrap().is_empty());
    let told = told(&daemon, json!({ "target": ios("17"), "removal_password": "omitted" })).await;
    assert_eq!((&told["verdict"], warnings(&told)), (&json!("strands"), vec!["strands"]));
}

#[tokio::test]
async fn it_follows_the_last_acknowledged_profile_and_says_what_was_issued_later() {
    let daemon = Daemon::start().await;
    let first = locked(&daemon).await;
    acknowledge(&daemon, id(&first)).await;
    let second = locked(&daemon).await;
    let told = told(&daemon, json!({ "target": ios("17") })).await;
    assert_eq!((&told["of"], &told["evidence"]), (&json!(id(&first)), &json!("acknowledged")));
    assert_eq!(told["later"], json!([id(&second)]));
    assert_eq!(warnings(&told), ["later-issued"]);
}

#[tokio::test]
async fn a_later_profile_of_another_signer_is_named_and_makes_it_uncertain() {
    let mut daemon = Daemon::start().await;
    let first = locked(&daemon).await;
    acknowledge(&daemon, id(&first)).await;
    daemon.site.rotate();
    daemon.reload().await;
    let second = locked(&daemon).await;
    let told = told(&daemon, json!({ "target": ios("17") })).await;
    assert_eq!((&told["of"], &told["verdict"]), (&json!(id(&first)), &json!("frees-on-some")));
    assert_eq!(warnings(&told), ["later-issued", "later-other-signer", "frees-on-some"]);
    assert!(told["warnings"][1]["sentence"].as_str().unwrap().ends_with(&id(&second).to_string()));
}

#[tokio::test]
async fn without_evidence_different_leaves_are_ambiguous_until_the_caller_names_one() {
    let mut daemon = Daemon::start().await;
    let first = locked(&daemon).await;
    daemon.site.rotate();
    daemon.reload().await;
    let second = locked(&daemon).await;
    assert_ne!(verified(&first).leaf(), verified(&second).leaf());
    let refused = overwrite(&daemon, json!({})).await;
    assert_eq!(refused.refusal(), (409, "ambiguous-installation".into()));
    let candidates = refused.json()["candidates"].clone();
    assert_eq!((&candidates[0]["issuance"], &candidates[1]["issuance"]), (&json!(id(&first)), &json!(id(&second))));
    assert_eq!(candidates[0]["issued"], "2030-01-01T00:00:00Z");
    for named in [&first, &second] {
        let freeing = overwrite(&daemon, json!({ "issuance": id(named), "target": ios("17") })).await.done();
        assert_eq!(verified(&freeing).leaf(), verified(named).leaf());
        assert_eq!(freeing.header("issuance-evidence"), "named");
    }
}

#[tokio::test]
async fn a_list_that_does_not_tell_the_signer_leaves_one_uuid_of_two_signers_ambiguous() {
    let daemon = Daemon::start().await;
    let both = [foreign(&daemon.site.old), foreign(&daemon.site.new)];
    for installed in &both {
        import(&daemon, "C02A", installed).await;
    }
    list(&daemon, "C02A", both[0].profile().uuid()).await;
    assert_eq!(overwrite(&daemon, json!({})).await.refusal(), (409, "ambiguous-installation".into()));
    let told = daemon.by("read").get("/v1/devices?state=ambiguous").await.done().json();
    assert_eq!(told["devices"][0]["device"], "C02A");
}

#[tokio::test]
async fn who_was_free_and_got_another_locked_profile_gets_the_overwrite_of_that_one() {
    let mut daemon = Daemon::start().await;
    acknowledge(&daemon, id(&locked(&daemon).await)).await;
    let freeing = overwrite(&daemon, json!({ "target": ios("17") })).await.done();
    acknowledge(&daemon, id(&freeing)).await;
    daemon.site.rotate();
    daemon.reload().await;
    let again = locked(&daemon).await;
    let told = told(&daemon, json!({ "target": ios("17") })).await;
    assert_eq!((&told["of"], &told["evidence"]), (&json!(id(&again)), &json!("issued")));
    assert_eq!((&told["verdict"], warnings(&told)), (&json!("frees"), vec![]));
    let path = "/v1/devices/C02A/diagnosis?platform=iOS&os=17&supervised=true";
    let told = daemon.by("read").get(path).await.done().json()["profiles"][0].clone();
    assert_eq!((&told["standing"], &told["outlook"]["verdict"]), (&json!("locked"), &json!("frees")));
    let codes: Vec<_> = told["reasons"].as_array().unwrap().iter().map(|reason| &reason["code"]).collect();
    assert_eq!(codes, ["offered", "issued-later"]);
}

#[tokio::test]
async fn an_overwrite_that_the_device_says_is_locked_is_not_called_free() {
    let daemon = Daemon::start().await;
    locked(&daemon).await;
    let freeing = overwrite(&daemon, json!({ "target": ios("17") })).await.done();
    acknowledge(&daemon, id(&freeing)).await;
    list(&daemon, "C02A", verified(&freeing).profile().uuid()).await;
    let path = "/v1/devices/C02A/diagnosis?platform=iOS&os=17&supervised=true";
    let diagnosis = daemon.by("read").get(path).await.done().json()["profiles"][0].clone();
    assert_eq!((&diagnosis["standing"], &diagnosis["reasons"][0]["code"]), (&json!("locked"), &json!("still-locked")));
    assert_eq!(diagnosis["next"][0]["action"], "ask-omitted");
    let told = told(&daemon, json!({ "target": ios("17") })).await;
    assert_eq!((&told["of"], &told["verdict"]), (&json!(id(&freeing)), &json!("frees-on-some")));
    assert_eq!(warnings(&told), ["still-locked", "frees-on-some"]);
}

#[tokio::test]
async fn what_the_caller_names_against_what_was_seen_is_not_called_certain() {
    let mut daemon = Daemon::start().await;
    let first = locked(&daemon).await;
    daemon.site.rotate();
    daemon.reload().await;
    let second = locked(&daemon).await;
    acknowledge(&daemon, id(&second)).await;
    let told = told(&daemon, json!({ "issuance": id(&first), "target": ios("17") })).await;
    assert_eq!((&told["of"], &told["verdict"]), (&json!(id(&first)), &json!("frees-on-some")));
    assert_eq!(warnings(&told), ["other-signer-seen", "frees-on-some"]);
    let seen = verified(&second).leaf().fingerprint().to_string();
    assert!(told["warnings"][0]["sentence"].as_str().unwrap().ends_with(&seen));
}

/// Two locked profiles were issued, and the device acknowledged the first. The signing thread is busy.
async fn acknowledged_the_first() -> (Daemon, Gate, [IssuanceId; 2]) {
    let daemon = narrow().await;
    let issued = [id(&locked(&daemon).await), id(&locked(&daemon).await)];
    acknowledge(&daemon, issued[0]).await;
    let gate = Gate::at(&daemon).reached().await;
    (daemon, gate, issued)
}

#[tokio::test]
async fn it_is_made_again_where_what_the_device_has_becomes_known_otherwise_meanwhile() {
    let (daemon, gate, [_, second]) = acknowledged_the_first().await;
    let asked = tokio::spawn(daemon.by("core").accept("application/json").post(OVERWRITE, json!({})));
    until_waiting(&daemon, 1).await;
    acknowledge(&daemon, second).await;
    gate.open();
    assert_eq!(asked.await.unwrap().done().json()["of"], json!(second));
    assert_eq!(daemon.events().iter().filter(|event| event["action"] == "overwrite").count(), 1);
}

/// An overwrite, while what the device has becomes known otherwise twice.
pub async fn changed_twice() -> (Daemon, Answer) {
    let (daemon, gate, [first, second]) = acknowledged_the_first().await;
    let asked = tokio::spawn(daemon.by("core").post(OVERWRITE, json!({})));
    until_waiting(&daemon, 1).await;
    let next = Gate::at(&daemon);
    until_waiting(&daemon, 2).await;
    acknowledge(&daemon, second).await;
    gate.open();
    let next = next.reached().await;
    until_waiting(&daemon, 1).await;
    acknowledge(&daemon, first).await;
    next.open();
    (daemon, asked.await.unwrap())
}

#[tokio::test]
async fn where_it_becomes_known_otherwise_again_that_is_said_and_recorded() {
    let (daemon, answer) = changed_twice().await;
    assert_eq!(answer.refusal(), (409, "installation-changed".into()));
    let event = daemon.last_event();
    assert_eq!((&event["action"], &event["code"]), (&json!("overwrite"), &json!("installation-changed")));
}

#[tokio::test]
async fn an_issuance_of_another_device_cannot_be_named() {
    let daemon = Daemon::start().await;
    locked(&daemon).await;
    let other = daemon.by("core").post("/v1/devices/C02B/profiles/ivi", json!({})).await.done();
    for name in [json!(id(&other)), json!("0190a5b4-7c00-7000-8000-000000000001")] {
        assert_eq!(overwrite(&daemon, json!({ "issuance": name })).await.refusal(), (404, "unknown-issuance".into()));
    }
    assert_eq!(overwrite(&daemon, json!({ "issuance": "x" })).await.refusal(), (422, "invalid-request".into()));
}

#[tokio::test]
async fn nothing_is_made_of_nothing() {
    let daemon = Daemon::start().await;
    assert_eq!(overwrite(&daemon, json!({})).await.refusal(), (404, "unknown-installation".into()));
    let event = daemon.last_event();
    assert_eq!((&event["action"], &event["code"]), (&json!("overwrite"), &json!("unknown-installation")));
    assert_eq!((&event["device"], &event["identifier"]), (&json!("C02A"), &json!("jp.example.ivi")));
}

#[tokio::test]
async fn a_device_without_the_profile_or_with_a_strangers_gets_none() {
    let daemon = Daemon::start().await;
    let first = locked(&daemon).await;
    list(&daemon, "C02A", None).await;
    let not_there_yet = told(&daemon, json!({})).await;
    assert_eq!((&not_there_yet["of"], &not_there_yet["evidence"]), (&json!(id(&first)), &json!("issued")));
    acknowledge(&daemon, id(&first)).await;
    list(&daemon, "C02A", None).await;
    let gone = overwrite(&daemon, json!({})).await;
    assert_eq!(gone.refusal(), (422, "no-overwrite".into()));
    assert_eq!(gone.json()["candidates"][0]["issuance"], json!(id(&first)));
    list(&daemon, "C02A", Some("2B2C5E8B-0000-4000-8000-000000000000")).await;
    let refused = overwrite(&daemon, json!({})).await;
    assert_eq!(refused.refusal(), (409, "foreign-installation".into()));
    assert_eq!(refused.json()["candidates"][0]["issuance"], json!(id(&first)));
    overwrite(&daemon, json!({ "issuance": id(&first) })).await.done();
}

#[tokio::test]
async fn the_leaf_signs_overwrites_past_its_end_and_nothing_else() {
    let mut daemon = Daemon::start().await;
    let installed = verified(&locked(&daemon).await);
    daemon.site.rotate();
    daemon.reload().await;
    daemon.pass(days(4000));
    assert_eq!(daemon.by("core").post(LOCKED, json!({})).await.refusal(), (503, "identity-not-valid".into()));
    let answer = overwrite(&daemon, json!({ "target": ios("17") })).await.done();
    assert_eq!(verified(&answer).leaf(), installed.leaf());
    assert_eq!(answer.header("issuance-warnings"), "certificate-ended");
}

#[tokio::test]
async fn before_the_leafs_time_no_overwrite_is_signed_and_the_refusal_says_why() {
    let daemon = Daemon::start().await;
    locked(&daemon).await;
    daemon.turn_back(days(4000));
    assert_eq!(overwrite(&daemon, json!({})).await.refusal(), (503, "identity-not-valid".into()));
    daemon.pass(days(4000));
    overwrite(&daemon, json!({})).await.done();
}

#[tokio::test]
async fn a_key_that_is_gone_or_was_never_there_frees_nothing() {
    let daemon = Daemon::start().await;
    import(&daemon, "C02A", &foreign(&daemon.site.lost)).await;
    let refused = overwrite(&daemon, json!({})).await;
    assert_eq!(refused.refusal(), (409, "identity-gone".into()));
    assert_eq!(refused.json()["identity"], "lost");
    import(&daemon, "C02B", &foreign(&signer("Stranger"))).await;
    let refused = daemon.by("core").post(&OVERWRITE.replace("C02A", "C02B"), json!({})).await;
    assert_eq!(refused.refusal(), (409, "identity-unknown".into()));
}

#[tokio::test]
async fn a_profile_that_the_device_handed_in_is_overwritten_and_can_be_named_later() {
    let mut daemon = Daemon::start().await;
    let seen = foreign(&daemon.site.old);
    let name = observe(&daemon, "C02A", &seen).await;
    let freeing = overwrite(&daemon, json!({ "target": ios("17") })).await.done();
    assert_eq!((verified(&freeing).leaf(), freeing.header("issuance-evidence")), (seen.leaf(), "observed"));
    daemon.site.rotate();
    daemon.reload().await;
    acknowledge(&daemon, id(&locked(&daemon).await)).await;
    let named = overwrite(&daemon, json!({ "issuance": name.to_string(), "target": ios("17") })).await.done();
    assert_eq!((verified(&named).leaf(), named.header("issuance-evidence")), (seen.leaf(), "named"));
}

#[tokio::test]
async fn who_is_free_already_is_told_so() {
    let daemon = Daemon::start().await;
    locked(&daemon).await;
    let freeing = overwrite(&daemon, json!({ "target": ios("17") })).await.done();
    acknowledge(&daemon, id(&freeing)).await;
    let told = told(&daemon, json!({ "target": ios("17") })).await;
    assert_eq!((&told["of"], &told["verdict"]), (&json!(id(&freeing)), &json!("already-free")));
    assert_eq!(warnings(&told), ["removable-already"]);
}

#[tokio::test]
async fn an_imported_profile_is_overwritten_but_not_for_who_is_bound_to_specs() {
    let daemon = Daemon::start().await;
    let installed = foreign(&daemon.site.old);
    import(&daemon, "C02A", &installed).await;
    assert_eq!(daemon.by("scoped").post(OVERWRITE, json!({})).await.refusal(), (403, "out-of-scope".into()));
    let freeing = overwrite(&daemon, json!({ "target": ios("17") })).await.done();
    assert_eq!(verified(&freeing).leaf(), installed.leaf());
}

#[tokio::test]
async fn who_is_bound_to_a_spec_decides_nothing_where_another_ones_profile_may_be_there() {
    let daemon = Daemon::with(|site| {
        let other = "[[spec]]\nname = \"other\"\nfile = \"ivi.toml\"\nidentity = \"new\"\n";
        site.change("[[caller]]\nname = \"issue\"", &format!("{other}[[caller]]\nname = \"issue\""));
    })
    .await;
    let own = id(&locked(&daemon).await);
    daemon.by("scoped").post(OVERWRITE, json!({})).await.done();
    daemon.by("core").post(&LOCKED.replace("/ivi", "/other"), json!({})).await.done();
    for body in [json!({}), json!({ "issuance": own })] {
        assert_eq!(daemon.by("scoped").post(OVERWRITE, body).await.refusal(), (403, "out-of-scope".into()));
        assert_eq!(daemon.last_event()["code"], "out-of-scope");
    }
    let answer = format!("/v1/issuances/{own}/acknowledgement");
    let taken = daemon.by("scoped").post(&answer, json!({ "status": "Acknowledged" })).await;
    assert_eq!(taken.refusal(), (403, "out-of-scope".into()));
    daemon.by("core").post(&answer, json!({ "status": "Acknowledged" })).await.done();
    overwrite(&daemon, json!({})).await.done();
    // Whichever was issued last.
    locked(&daemon).await;
    assert_eq!(daemon.by("scoped").post(OVERWRITE, json!({})).await.refusal(), (403, "out-of-scope".into()));
}

#[tokio::test]
async fn a_spec_that_left_the_catalogue_still_keeps_what_it_made_from_who_is_bound_to_another() {
    const OTHER: &str = "[[spec]]\nname = \"other\"\nfile = \"ivi.toml\"\nidentity = \"new\"\n";
    let first = "[[caller]]\nname = \"issue\"";
    let mut daemon = Daemon::with(|site| site.change(first, &format!("{OTHER}{first}"))).await;
    let others = daemon.by("core").post(&LOCKED.replace("/ivi", "/other"), json!({})).await.done();
    let own = daemon.by("core").post("/v1/devices/C02B/profiles/ivi", json!({})).await.done();
    daemon.site.change(OTHER, "");
    daemon.reload().await;
    let hand_in = async |device: &str, bytes: &[u8]| {
        let path = format!("/v1/devices/{device}/installed");
        posted(daemon.by("scoped"), &path, "application/x-apple-aspen-config", bytes).await
    };
    assert_eq!(hand_in("C02A", &others.body).await.refusal(), (403, "out-of-scope".into()));
    assert_eq!(state(&daemon).await, "issued");
    for _ in ["once", "and again, when it is of no spec"] {
        hand_in("C02B", &own.body).await.done();
        hand_in("C02B", foreign(&daemon.site.old).signed().as_bytes()).await.done();
    }
    report_list(&daemon, "/v1/devices/C02A/profile-list", &list_of(&[])).await.done();
    let refused = daemon.by("scoped").post(OVERWRITE, json!({})).await;
    assert_eq!(refused.refusal(), (403, "out-of-scope".into()), "it is not told what there was");
}

#[tokio::test]
async fn who_asks_for_nearly_an_identifier_is_told_the_one_that_is_known_as_far_as_the_scope_goes() {
    let daemon = Daemon::start().await;
    locked(&daemon).await;
    let similar = async |caller: &str, identifier: &str| {
        let path = format!("/v1/devices/C02A/profiles/{identifier}/overwrite");
        let answer = daemon.by(caller).post(&path, json!({})).await;
        (answer.code(), answer.json()["similar"].clone())
    };
    let unknown = |similar: Value| ("unknown-installation".to_owned(), similar);
    assert_eq!(similar("core", "JP.example.IVI").await, unknown(json!(["jp.example.ivi"])));
    assert_eq!(similar("core", "jp.example.other").await, unknown(json!([])));
    assert_eq!(similar("scoped", "JP.example.IVI").await, ("out-of-scope".into(), Value::Null));
    // Of no spec, and so for nobody who is bound to some.
    let daemon = Daemon::start().await;
    let written_otherwise = signed_by(&daemon.site.new, "JP.example.IVI");
    let media_type = "application/x-apple-aspen-config";
    posted(daemon.by("core"), "/v1/devices/C02A/installed", media_type, &written_otherwise).await.done();
    for (caller, told) in [("core", json!(["JP.example.IVI"])), ("scoped", json!([]))] {
        let answer = daemon.by(caller).post(OVERWRITE, json!({})).await;
        assert_eq!((answer.code(), answer.json()["similar"].clone()), unknown(told), "{caller}");
    }
}

#[tokio::test]
async fn who_has_no_leave_any_more_for_what_was_made_is_not_recorded_as_having_it_again() {
    let mut daemon = Daemon::start().await;
    locked(&daemon).await;
    let ask = async |daemon: &Daemon| daemon.by("scoped").key("k").post(OVERWRITE, json!({})).await;
    ask(&daemon).await.done();
    report_list(&daemon, "/v1/devices/C02A/profile-list", &list_of(&[])).await.done();
    daemon.site.change("[[spec]]\nname = \"ivi\"", "[[spec]]\nname = \"other\"");
    daemon.site.change("specs = [\"ivi\"]", "specs = [\"other\"]");
    daemon.reload().await;
    assert_eq!(ask(&daemon).await.refusal(), (403, "out-of-scope".into()));
    assert!(daemon.events().iter().all(|event| event["action"] != "replay"));
}

#[tokio::test]
async fn only_the_role_overwrite_may_ask_within_its_scope() {
    let daemon = Daemon::start().await;
    locked(&daemon).await;
    for caller in ["issue", "report", "read", "admin"] {
        assert_eq!(daemon.by(caller).post(OVERWRITE, json!({})).await.refusal(), (403, "role-missing".into()));
        assert_eq!(daemon.last_event()["role"], "overwrite");
    }
    let elsewhere = OVERWRITE.replace("C02A", "F9A");
    assert_eq!(daemon.by("scoped").post(&elsewhere, json!({})).await.refusal(), (403, "out-of-scope".into()));
    daemon.by("overwrite").post(OVERWRITE, json!({})).await.done();
}

#[tokio::test]
async fn a_budget_is_for_an_hour() {
    let daemon = Daemon::start().await;
    locked(&daemon).await;
    let ask = async |key: &str| daemon.by("thrifty").key(key).post(OVERWRITE, json!({})).await;
    let first = ask("k-1").await.done();
    ask("k-2").await.done();
    let refused = ask("k-3").await;
    assert_eq!((refused.refusal(), refused.header("retry-after")), ((429, "budget-exceeded".into()), "3600"));
    assert_eq!(daemon.last_event()["code"], "budget-exceeded");
    assert_eq!(ask("k-1").await.done().body, first.body, "what was answered before costs nothing");
    daemon.pass(std::time::Duration::from_secs(3600));
    ask("k-3").await.done();
}

#[tokio::test]
async fn what_is_asked_has_to_have_a_meaning() {
    let daemon = Daemon::start().await;
    locked(&daemon).await;
    for body in [
        json!({ "removal_password": "none" }),
        json!({ "target": { "platform": "BeOS", "os": "5" } }),
        json!({ "target": { "platform": "iOS", "os": "seventeen" } }),
        json!({ "target": { "platform": "iOS" } }),
        json!({ "strip": true }),
    ] {
        assert_eq!(overwrite(&daemon, body.clone()).await.refusal(), (422, "invalid-request".into()), "{body}");
    }
}
