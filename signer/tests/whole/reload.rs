//! A reload under load: no request fails, and each answer is wholly of before or wholly of after.

use std::time::{Duration, Instant};

use profile_kit::{Certificate, SignedProfile};

use crate::{
    crash::rounds,
    daemon::{Daemon, signer_does},
    load::{Load, Told},
    site::{Site, identity},
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reload_each_second_under_load_fails_no_request_and_mixes_no_answer() {
    let (site, sets) = two_sets();
    let daemon = Daemon::start(&site);
    let mut load = Load::start(&daemon, 4);
    let (begun, mut reloads, mut counts) = (Instant::now(), 0, [0_usize; 2]);
    let mut changed_after = counts;
    while reloads < rounds(4, 60) {
        let told = load.next().await.expect("the daemon is gone");
        counts[which(&told, &sets)] += 1;
        // Each set is seen between two reloads.
        let seen = counts[(reloads + 2) % 2] > changed_after[(reloads + 2) % 2];
        if seen && begun.elapsed() >= Duration::from_secs(reloads as u64 + 1) {
            reloads += 1;
            changed_after = counts;
            site.write("signer.toml", &sets[reloads % 2].config);
            tokio::task::spawn_blocking({
                let config = site.config();
                move || signer_does(&["reload"], &config)
            })
            .await
            .unwrap();
        }
    }
    for told in load.rest().await {
        counts[which(&told, &sets)] += 1;
    }
    daemon.stop().await;
    println!("{reloads} reloads, {counts:?} answers of either set");
    assert!(counts.iter().all(|count| *count > 0), "{counts:?}");
}

/// A configuration, and what is issued under it.
struct Set {
    config: String,
    name: &'static str,
    leaf: Certificate,
}

/// Two configurations that differ in spec and key at once.
fn two_sets() -> (Site, [Set; 2]) {
    let site = Site::new();
    let second = identity("Second");
    site.write("second.pem", [second.certificate_pem().unwrap(), second.chain_pem().unwrap()].concat());
    site.write("second.key", second.key_pem().unwrap());
    let spec = std::fs::read_to_string(site.path("ivi-mdm.toml")).unwrap();
    let name = |name: &str| spec.replace("display_name = \"IVI MDM\"", &format!("display_name = \"{name}\""));
    site.write("first.toml", name("First"));
    site.write("second.toml", name("Second"));
    site.configure(
        "[[identity]]\nname = \"second\"\nstate = \"overwrite-only\"\ncertificate = \"second.pem\"\n\
         key = { file = \"second.key\" }",
    );
    site.change("signer.toml", "file = \"ivi-mdm.toml\"", "file = \"first.toml\"");
    let first = std::fs::read_to_string(site.config()).unwrap();
    let swaps = [
        ("file = \"first.toml\"\nidentity = \"test\"", "file = \"second.toml\"\nidentity = \"second\""),
        ("name = \"test\"\nstate = \"active\"", "name = \"test\"\nstate = \"overwrite-only\""),
        ("name = \"second\"\nstate = \"overwrite-only\"", "name = \"second\"\nstate = \"active\""),
    ];
    let other = swaps.iter().fold(first.clone(), |text, (from, to)| {
        assert!(text.contains(from), "{from}");
        text.replace(from, to)
    });
    let pem = std::fs::read(site.path("test.pem")).unwrap();
    let leaf = Certificate::from_pem(&pem).unwrap().remove(0);
    let first = Set { config: first, name: "First", leaf };
    let second = Set { config: other, name: "Second", leaf: second.certificate().clone() };
    (site, [first, second])
}

/// Which set has answered.
fn which(told: &Told, sets: &[Set; 2]) -> usize {
    let answer = told.answer.as_ref().expect("a request failed");
    assert_eq!(answer.status, 200, "{}", answer.text());
    let verified = SignedProfile::from_bytes(answer.body.clone()).unwrap().verify_integrity().unwrap();
    let name = verified.profile().display_name().unwrap();
    let set = sets.iter().position(|set| set.name == name).expect("of neither set");
    assert_eq!(verified.leaf(), &sets[set].leaf, "the spec of one set, the key of the other");
    set
}
