//! Reload: all of the new configuration, or nothing of it.

use std::{fs, os::unix::net::UnixStream, sync::Arc, time::Duration};

use profile_kit::Removal;
use signer::{
    admin::{Answer, Ask},
    daemon::{ReloadError, operator},
    import::Offered,
};

use crate::running::{Running, now, signer_of};

#[tokio::test]
async fn a_good_set_is_taken_up_as_a_whole() {
    let running = Running::start().await;
    assert_eq!(signer_of(running.issue("C02A", "1").await.ok()), "CN=Test Profile Signer");
    running.place.rotate();
    let Answer::Reloaded { restart, .. } = running.reload(None).await else { panic!() };
    assert_eq!(restart, Vec::<String>::new());
    assert_eq!(signer_of(running.issue("C02B", "2").await.ok()), "CN=Next");
}

#[tokio::test]
async fn after_a_rotation_the_overwrite_is_signed_by_what_signed_the_installed_profile() {
    let running = Running::start().await;
    running.issue("C02A", "1").await.ok();
    running.place.rotate();
    running.reload(None).await;
    running.issue("C02B", "2").await.ok();
    assert_eq!(signer_of(running.overwrite("C02A", "3").await.ok()), "CN=Test Profile Signer");
    assert_eq!(signer_of(running.overwrite("C02B", "4").await.ok()), "CN=Next");
}

#[tokio::test]
async fn a_bad_set_changes_nothing_and_says_all_that_is_wrong() {
    let running = Running::start().await;
    running.place.rotate();
    fs::write(running.place.path("next.key"), "not a key").unwrap();
    fs::write(running.place.path("ivi-mdm.toml"), "format = 1").unwrap();
    running.place.change("[admin]\n", "[admin]\ncolour = 1\n");
    let Answer::Refused { code, problems } = running.reload(None).await else { panic!() };
    assert_eq!(code, "invalid-configuration");
    for part in ["admin.colour", "identity[1]", "ivi-mdm.toml"] {
        assert!(problems.iter().any(|problem| problem.contains(part)), "{part}: {problems:#?}");
    }
    assert_eq!(signer_of(running.issue("C02A", "1").await.ok()), "CN=Test Profile Signer");
}

#[tokio::test]
async fn a_set_that_would_strand_devices_is_refused_with_their_number() {
    let running = Running::start().await;
    for device in ["C02A", "C02B"] {
        running.issue(device, device).await.ok();
    }
    running.place.rotate();
    running.place.lose();
    let Answer::Refused { code, problems } = running.reload(None).await else { panic!() };
    assert_eq!(code, "would-strand");
    assert!(problems[0].starts_with("2 devices have profiles whose signing key would be gone"), "{problems:?}");
    assert!(problems[0].ends_with("--accept-stranded 2"), "{problems:?}");
    assert!(matches!(running.reload(Some(1)).await, Answer::Refused { .. }));
    assert_eq!(signer_of(running.overwrite("C02A", "9").await.ok()), "CN=Test Profile Signer");
    assert_eq!(running.operate(Ask::Stranded { after: None }).await, Answer::Stranded { devices: vec![] });
}

#[tokio::test]
async fn exactly_that_number_is_accepted_and_the_devices_are_listed() {
    let running = Running::start().await;
    for device in ["C02B", "C02A"] {
        running.issue(device, device).await.ok();
    }
    running.place.rotate();
    running.place.lose();
    assert!(matches!(running.reload(Some(2)).await, Answer::Reloaded { .. }));
    let devices = ["C02A", "C02B"].map(|device| device.parse().unwrap()).to_vec();
    assert_eq!(running.operate(Ask::Stranded { after: None }).await, Answer::Stranded { devices: devices.clone() });
    let after = Some(devices[0].clone());
    assert_eq!(running.operate(Ask::Stranded { after }).await, Answer::Stranded { devices: devices[1..].to_vec() });
    assert!(running.get("/metrics").await.text().contains("signer_stranded_devices 2"));
    assert_eq!(running.overwrite("C02A", "9").await.code(), "identity-gone");
}

#[tokio::test]
async fn a_request_that_had_begun_with_a_key_that_goes_strands_nobody() {
    let running = Running::start().await;
    // Requests may take as long as at the start, whatever a reload says of the next one.
    running.place.change("[admin]", "[limits]\nheader_seconds = 1\nbody_seconds = 1\ntotal_seconds = 1\n[admin]");
    running.reload(None).await;
    // As a request holds the state that it began with.
    let begun = running.control.service().state();
    running.place.rotate();
    running.place.lose();
    let control = running.control.clone();
    let reloading = tokio::spawn(async move { control.reload(None, "test").await });
    while Arc::ptr_eq(&begun, &running.control.service().state()) {
        tokio::task::yield_now().await;
    }
    let signed = crate::import::signed(&running.place, Removal::Disallowed);
    let offered = Offered { device: "C02A".parse().unwrap(), signed, from: "test".into() };
    let request = operator("test", now());
    let ledger = &running.control.service().ledger;
    signer::import::take(ledger, &begun.keyring, 64, &request, vec![offered]).await.unwrap();
    let meanwhile = signer_of(running.issue("C02B", "2").await.ok());
    assert_ne!(meanwhile, "CN=Test Profile Signer");
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    drop(begun);
    let Err(ReloadError::Stranded(stranded)) = reloading.await.unwrap() else { panic!() };
    assert_eq!(stranded.devices, 1);
    assert_eq!(signer_of(running.overwrite("C02A", "1").await.ok()), "CN=Test Profile Signer");
    // What the other configuration issued is freed by its key, which issues nothing any more.
    assert_eq!(signer_of(running.overwrite("C02B", "3").await.ok()), meanwhile);
    assert_eq!(signer_of(running.issue("C02C", "4").await.ok()), "CN=Test Profile Signer");
    assert!(running.get("/metrics").await.text().contains("signer_stranded_devices 0"));
    assert!(matches!(running.reload(None).await, Answer::Refused { .. }), "it would still strand the first one");
}

#[tokio::test]
async fn a_reload_without_a_key_that_is_still_at_work_is_undone() {
    let place = crate::running::Place::new();
    place.change("[admin]", "[limits]\nheader_seconds = 1\nbody_seconds = 1\ntotal_seconds = 1\n[admin]");
    let running = place.start().await;
    let _begun = running.control.service().state();
    running.place.rotate();
    running.place.lose();
    assert!(matches!(running.control.reload(None, "test").await, Err(ReloadError::StillAtWork)));
    assert_eq!(signer_of(running.issue("C02A", "1").await.ok()), "CN=Test Profile Signer");
    assert_eq!(reloads(&running), ["reload-begun done", "reload refused"]);
}

#[tokio::test]
async fn a_device_that_may_have_profiles_of_two_lost_keys_counts_once() {
    let running = Running::start().await;
    running.issue("C02A", "1").await.ok();
    running.place.rotate();
    running.reload(None).await;
    running.issue("C02A", "2").await.ok();
    running.place.lose();
    running.place.change("certificate = \"next.pem\"\nkey = { file = \"next.key\" }", "certificate = \"next.pem\"");
    running.place.change("name = \"next\"\nstate = \"active\"", "name = \"next\"\nstate = \"gone\"");
    let text = fs::read_to_string(running.place.site.config()).unwrap();
    let (before, rest) = text.split_once("[[spec]]").unwrap();
    let (_, after) = rest.split_once("[[caller]]").unwrap();
    fs::write(running.place.site.config(), format!("{before}[[caller]]{after}")).unwrap();
    let Answer::Refused { problems, .. } = running.reload(None).await else { panic!() };
    assert!(problems[0].starts_with("1 devices"), "{problems:?}");
}

/// What the audit has of reloads.
fn reloads(running: &Running) -> Vec<String> {
    let ledger = signer::ledger::Archive::open(&running.place.path("ledger.db")).unwrap();
    let mut audit = Vec::new();
    ledger.export_audit(&mut audit).unwrap();
    let records = String::from_utf8(audit).unwrap();
    let records = records.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    let word = |record: &serde_json::Value, member: &str| record["event"][member].as_str().unwrap().to_owned();
    let told = records.map(|record| format!("{} {}", word(&record, "action"), word(&record, "outcome")));
    told.filter(|told| told.starts_with("reload")).collect()
}

#[tokio::test]
async fn a_reload_is_recorded_as_done_once_it_stands() {
    let running = Running::start().await;
    running.issue("C02A", "1").await.ok();
    running.reload(None).await;
    running.place.rotate();
    running.place.lose();
    running.reload(None).await;
    running.reload(Some(1)).await;
    assert_eq!(reloads(&running), ["reload done", "reload refused", "reload-begun done", "reload done"]);
}

#[tokio::test]
async fn reloads_and_their_refusals_are_in_the_audit() {
    let running = Running::start().await;
    running.reload(None).await;
    running.place.change("[admin]\n", "[admin]\ncolour = 1\n");
    running.reload(None).await;
    let ledger = signer::ledger::Archive::open(&running.place.path("ledger.db")).unwrap();
    let mut audit = Vec::new();
    ledger.export_audit(&mut audit).unwrap();
    let audit = String::from_utf8(audit).unwrap();
    assert!(audit.contains("{\"action\":\"reload\",\"detail\":{\"by\":\"uid "), "{audit}");
    assert!(audit.contains("{\"action\":\"reload\",\"code\":\"invalid-configuration\","), "{audit}");
}

#[tokio::test]
async fn what_waits_for_a_restart_is_told() {
    let running = Running::start().await;
    running.place.change("[admin]", "[limits]\nqueue = 9\n[admin]");
    let Answer::Reloaded { restart, .. } = running.reload(None).await else { panic!() };
    assert_eq!(restart, ["limits (but json_depth and plist_depth)"]);
    let Answer::Reloaded { restart: again, .. } = running.reload(None).await else { panic!() };
    assert_eq!(again, restart, "it still waits");
    running.place.change("[limits]\nqueue = 9\n[admin]", "[admin]");
    let Answer::Reloaded { restart, .. } = running.reload(None).await else { panic!() };
    assert_eq!(restart, Vec::<String>::new(), "nothing waits any more");
}

#[tokio::test]
async fn a_caller_who_was_taken_out_is_not_known_any_more() {
    let running = Running::start().await;
    running.issue("C02A", "1").await.ok();
    let (config, token) = (running.place.site.config(), "0".repeat(64));
    let text = fs::read_to_string(&config).unwrap();
    let (before, rest) = text.split_once("token_sha256 = [\"").unwrap();
    fs::write(&config, format!("{before}token_sha256 = [\"{token}{}", &rest[64..])).unwrap();
    running.reload(None).await;
    assert_eq!(running.issue("C02A", "2").await.status, 401);
}

#[tokio::test]
async fn what_is_not_understood_is_refused_and_the_door_stays_open() {
    use std::io::{BufRead, BufReader, Write};
    let running = Running::start().await;
    let socket = running.place.path("admin.sock");
    let answers = tokio::task::spawn_blocking(move || {
        let mut stream = BufReader::new(UnixStream::connect(socket).unwrap());
        stream.get_mut().write_all(b"{\"ask\":\"sign\"}\n{\"ask\":\"stranded\"}\n").unwrap();
        let (mut one, mut two) = (String::new(), String::new());
        stream.read_line(&mut one).unwrap();
        stream.read_line(&mut two).unwrap();
        [one, two]
    });
    let [one, two] = answers.await.unwrap();
    assert!(one.contains("\"code\":\"not-understood\""), "{one}");
    assert_eq!(two, "{\"answer\":\"stranded\",\"devices\":[]}\n");
}
