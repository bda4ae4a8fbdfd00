//! What a batch leaves that is killed, interrupted, or loses its power.

use std::{
    fs,
    process::Command,
    thread,
    time::{SystemTime, UNIX_EPOCH},
};

use profile_kit::pki::KeySpec;

use crate::stage::Stage;

#[test]
fn a_batch_that_is_killed_ten_times_ends_as_an_uninterrupted_one_rsa() {
    kill_ten_times(KeySpec::Rsa(2048));
}

#[test]
fn a_batch_that_is_killed_ten_times_ends_as_an_uninterrupted_one_p256() {
    if !profile_kit::sign::deterministic_ecdsa() {
        println!("skipped: this OpenSSL makes other ECDSA signatures each time");
        return;
    }
    kill_ten_times(KeySpec::P256);
}

fn kill_ten_times(key: KeySpec) {
    let rows = if is_long() { 100_000 } else { 2_000 };
    let stage = Stage::new(key);
    stage.fleet(rows);
    stage.run(&["batch", "spec.toml", "devices.csv", "--out", "whole", "--fan-out"]).success();
    let mut chance = Chance::new();
    let mut killed = 0;
    for round in 0..10 {
        let resume: &[&str] = if round == 0 { &[] } else { &["--resume"] };
        let arguments = ["batch", "spec.toml", "devices.csv", "--out", "broken", "--fan-out", "--quiet"];
        let mut child = stage.start(&[&arguments, resume].concat());
        // As soon as the file of some row is there, which may be half-written then.
        let row = (round * rows / 10 + chance.below(rows / 10)).max(1);
        let file = stage.file_of("whole", "broken", row);
        while !file.exists() && child.try_wait().unwrap().is_none() {
            thread::yield_now();
        }
        child.kill().unwrap();
        killed += u32::from(child.wait().unwrap().code().is_none());
    }
    assert!(killed >= 8, "{killed} runs were killed before their end ({chance:?})");
    stage.run(&["batch", "spec.toml", "devices.csv", "--out", "broken", "--fan-out", "--resume"]).success();
    stage.assert_same("whole", "broken", &format!("{chance:?}"));
    let verified = stage.run(&["batch", "--verify", "broken", "--roots", "roots.pem"]).success();
    assert_eq!(verified, format!("broken/manifest.jsonl: {rows} files are what it says, 0 are not\n"));
    stage.openssl_verifies("broken", if is_long() { 200 } else { 10 });
}

#[test]
fn a_tar_that_is_killed_ends_as_an_uninterrupted_one() {
    let stage = Stage::new(KeySpec::P256);
    stage.fleet(3_000);
    stage.run(&["batch", "spec.toml", "devices.csv", "--out", "whole.tar"]).success();
    for kibibytes in [100, 2_000, 5_000] {
        let mut child =
            stage.start(&["batch", "spec.toml", "devices.csv", "--out", "broken.tar", "--resume", "--quiet"]);
        let grown = || fs::metadata(stage.path("broken.tar")).is_ok_and(|file| file.len() > kibibytes << 10);
        while !grown() && child.try_wait().unwrap().is_none() {
            thread::yield_now();
        }
        child.kill().unwrap();
        child.wait().unwrap();
    }
    stage.run(&["batch", "spec.toml", "devices.csv", "--out", "broken.tar", "--resume"]).success();
    if profile_kit::sign::deterministic_ecdsa() {
        assert!(fs::read(stage.path("whole.tar")).unwrap() == fs::read(stage.path("broken.tar")).unwrap());
    }
    for name in ["broken.tar.manifest.jsonl", "broken.tar"] {
        stage.run(&["batch", "--verify", name, "--roots", "roots.pem"]).success();
    }
}

#[test]
fn an_interruption_finishes_what_is_under_way_and_says_how_to_go_on() {
    let stage = Stage::new(KeySpec::Rsa(2048));
    stage.fleet(20_000);
    let mut child = stage.start(&["batch", "spec.toml", "devices.csv", "--out", "broken", "--jobs", "1"]);
    while !stage.path("broken/C02000001.mobileconfig").exists() && child.try_wait().unwrap().is_none() {
        thread::yield_now();
    }
    Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    let ended = child.wait_with_output().unwrap();
    let told = String::from_utf8(ended.stderr).unwrap();
    assert_eq!(
        (ended.status.code(), told.lines().last()),
        (Some(2), Some("warning: interrupted: the same command with --resume goes on"))
    );
    let manifest = fs::read_to_string(stage.path("broken/manifest.jsonl")).unwrap();
    let named = manifest.lines().count() - 1;
    let there = fs::read_dir(stage.path("broken")).unwrap().count() - 1;
    assert!(named == there && (1..20_000).contains(&named), "{named} named, {there} there");
    // A shorter table would not be the same any more; so the rest is done.
    let resumed = stage.run(&["batch", "spec.toml", "devices.csv", "--out", "broken", "--resume"]).success();
    assert_eq!(resumed, format!("devices.csv: 20000 files in broken, 0 rows failed ({named} rows were done before)\n"));
}

#[test]
fn an_interruption_of_a_zip_does_not_offer_a_resume() {
    let stage = Stage::new(KeySpec::Rsa(2048));
    stage.fleet(20_000);
    let mut child = stage.start(&["batch", "spec.toml", "devices.csv", "--out", "broken.zip", "--jobs", "1"]);
    let is_begun = || fs::metadata(stage.path("broken.zip")).is_ok_and(|file| file.len() > 20_000);
    while !is_begun() && child.try_wait().unwrap().is_none() {
        thread::yield_now();
    }
    Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    let ended = child.wait_with_output().unwrap();
    let told = String::from_utf8(ended.stderr).unwrap();
    let expected = "warning: interrupted: a zip cannot be gone on with, begin again elsewhere";
    assert_eq!((ended.status.code(), told.lines().last()), (Some(2), Some(expected)));
    // What was made is there nevertheless.
    let told = stage.output(&["batch", "--verify", "broken.zip.manifest.jsonl", "--roots", "roots.pem"]);
    assert!(String::from_utf8_lossy(&told.stdout).contains(" 0 are not; it has no end"), "{told:?}");
}

#[test]
fn two_runs_do_not_write_over_each_other() {
    let stage = Stage::new(KeySpec::Rsa(2048));
    stage.fleet(20_000);
    let batch = ["batch", "spec.toml", "devices.csv", "--out", "out", "--jobs", "1"];
    let mut child = stage.start(&batch);
    while !stage.path("out/C02000001.mobileconfig").exists() && child.try_wait().unwrap().is_none() {
        thread::yield_now();
    }
    let told = stage.run(&[&batch[..], &["--resume"]].concat()).failure(2);
    assert!(told.contains("out/manifest.jsonl: cannot be locked: another process writes it"), "{told}");
    child.kill().unwrap();
    child.wait().unwrap();
    // Nothing of what the first one made is lost.
    stage.run(&[&batch[..], &["--resume"]].concat()).success();
    stage.run(&["batch", "--verify", "out", "--roots", "roots.pem"]).success();
}

/// A kill does not lose what the system holds for the disk: only the order of calls shows that it was synced before.
#[test]
fn no_line_of_the_manifest_is_written_before_its_files_are_synced() {
    let stage = Stage::new(KeySpec::P256);
    // Thirteen groups: those that wait while the disk is busy become one, but no more than ten.
    stage.fleet(13_000);
    for (arguments, sync) in
        [("--out out", "syncfs"), ("--out fanned --fan-out", "syncfs"), ("--out out.tar", "fdatasync")]
    {
        let Some(calls) = stage.traced(&format!("batch spec.toml devices.csv --quiet {arguments}")) else {
            println!("skipped: strace is missing or may not trace");
            return;
        };
        let (mut synced, mut groups) = (false, 0);
        for call in calls.lines().skip_while(|call| !is_manifest_write(call)).skip(1) {
            if call.contains(sync) && call.contains("= 0") {
                synced = true;
            } else if is_manifest_write(call) && !call.contains("{\\\"rows\\\"") {
                assert!(std::mem::take(&mut synced), "{arguments}: group {groups} came before its sync: {call}");
                groups += 1;
            }
        }
        assert!(groups >= 3, "{arguments}: {groups}");
    }
}

/// A file that is on the disk, and its name not, is lost with the power.
#[test]
fn an_archives_name_is_on_the_disk_before_a_line_names_what_is_in_it() {
    let stage = Stage::new(KeySpec::P256);
    stage.fleet(100);
    for out in ["out.tar", "out.zip"] {
        let Some(calls) = stage.traced(&format!("batch spec.toml devices.csv --quiet --out {out}")) else {
            println!("skipped: strace is missing or may not trace");
            return;
        };
        let folder = format!("<{}>)", stage.folder.path().canonicalize().unwrap().display());
        let is_made = |call: &&str| call.contains(&format!("\"{out}\"")) && call.contains("O_CREAT");
        let mut after = calls.lines().skip_while(|call| !is_made(call)).take_while(|call| !is_manifest_write(call));
        assert!(
            after.any(|call| call.contains("fsync(") && call.contains(&folder) && call.ends_with("= 0")),
            "{out}: {calls}"
        );
    }
}

fn is_manifest_write(call: &str) -> bool {
    call.contains("write(") && call.contains("manifest.jsonl>")
}

/// Another row number each time, told where a test fails.
#[derive(Debug)]
struct Chance {
    seed: u64,
}

impl Chance {
    fn new() -> Self {
        Self { seed: SystemTime::now().duration_since(UNIX_EPOCH).unwrap().subsec_nanos().into() }
    }

    fn below(&mut self, end: usize) -> usize {
        // Knuth's MMIX generator; its high bits are the good ones.
        self.seed = self.seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.seed >> 33).unwrap() % end
    }
}

fn is_long() -> bool {
    let is_long = std::env::var("LONG_TESTS").as_deref() == Ok("1");
    if !is_long {
        println!("skipped: 100,000 rows, which LONG_TESTS=1 asks for (tests/run --long)");
    }
    is_long
}
