//! Batches through the real binary: killed and gone on with, shared out, overwritten, and fed with hostile tables.
//!
//! `LONG_TESTS=1` makes the test of kills a long one: 100,000 rows.

#![allow(clippy::unwrap_used, reason = "a test may fail by panic")]

mod judge;

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{BufWriter, Write},
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    sync::atomic::AtomicBool,
    thread,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use profile_kit::{
    Arrival, Identity, IdentityFiles, Os, SignOptions,
    batch::{Out, Overwrites, Start},
    pki::{Authority, KeySpec, KeyUse, Leaf, Validity},
    preflight::{Devices, Question},
};

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
    stage.run(&["batch", "--verify", "broken.tar.manifest.jsonl", "--roots", "roots.pem"]).success();
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
    let told = Ran(stage.output(&["batch", "--verify", "broken.zip.manifest.jsonl", "--roots", "roots.pem"]));
    assert!(String::from_utf8_lossy(&told.0.stdout).contains(" 0 are not; it has no end"), "{:?}", told.0);
}

#[test]
fn an_error_of_a_manifest_names_the_one_that_is_wrong() {
    let stage = Stage::new(KeySpec::P256);
    stage.fleet(2);
    stage.run(&["batch", "spec.toml", "devices.csv", "--out", "installed"]).success();
    let overwrite = ["batch", "--overwrite", "installed", "--os", "17", "--out", "freeing"];
    stage.run(&overwrite).success();
    let told = stage.run(&overwrite).failure(2);
    assert!(told.contains("error: freeing/manifest.jsonl: cannot be made: it is there already"), "{told}");
    let told = stage.run(&["batch", "--overwrite", "freeing", "--out", "twice", "--resume"]).failure(1);
    assert!(told.contains("error: freeing/manifest.jsonl: line 1, column 1: is of overwrites"), "{told}");
    let told = stage.run(&[&overwrite[..], &["--strip", "--resume"]].concat()).failure(1);
    assert!(told.contains("error: freeing/manifest.jsonl: the batch was made of something else: strip"), "{told}");
    fs::write(stage.path("installed/manifest.jsonl"), "{}\n").unwrap();
    let told = stage.run(&[&overwrite[..], &["--resume"]].concat()).failure(1);
    assert!(told.contains("error: installed/manifest.jsonl: line 1, column 1: is not the first line"), "{told}");
}

#[test]
fn a_resume_refuses_another_input_spec_leaf_or_option_and_leaves_what_is_not_the_batchs() {
    let stage = Stage::new(KeySpec::P256);
    stage.fleet(20);
    let batch = ["batch", "spec.toml", "devices.csv", "--out", "broken"];
    stage.run(&batch).success();
    let manifest = fs::read_to_string(stage.path("broken/manifest.jsonl")).unwrap();
    let cut: usize = manifest.split_inclusive('\n').take(11).map(str::len).sum();
    // As a crash leaves it: a line that is half there, files that no line names, one of them half-made.
    let break_off = || fs::write(stage.path("broken/manifest.jsonl"), &manifest[..cut + 30]).unwrap();
    break_off();
    fs::write(stage.path("broken/C02000015.mobileconfig"), "half").unwrap();
    fs::write(stage.path("broken/own.mobileconfig"), "the user's own").unwrap();
    fs::write(stage.path("broken/letter.txt"), "the user's own").unwrap();
    let refused = |arguments: &[&str], why: &str| {
        let told = stage.run(&[arguments, &["--resume"]].concat()).failure(1);
        assert!(told.contains("the batch was made of something else: ") && told.contains(why), "{told}");
    };
    refused(&[&batch[..], &["--name", "{office}-{serial}"]].concat(), "name (");
    refused(&[&batch[..], &["--fan-out"]].concat(), "fan_out (none there, yes now)");
    refused(
        &[&batch[..], &["--signing-time", "2026-02-02T00:00:00Z"]].concat(),
        "signing time (2026-01-01T00:00:00Z there",
    );
    fs::copy(stage.path("devices.csv"), stage.path("other.csv")).unwrap();
    fs::write(stage.path("devices.csv"), "serial,udid\nC02X,1\n").unwrap();
    refused(&batch, "input (");
    fs::copy(stage.path("other.csv"), stage.path("devices.csv")).unwrap();
    let spec = fs::read_to_string(stage.path("spec.toml")).unwrap();
    fs::write(stage.path("spec.toml"), spec.replace("Example", "Another")).unwrap();
    refused(&batch, "spec (");
    fs::write(stage.path("spec.toml"), spec).unwrap();
    let other = Stage::new(KeySpec::P256);
    let keys = ["signer.pem", "signer.key"].map(|name| fs::read(stage.path(name)).unwrap());
    for name in ["signer.pem", "signer.key"] {
        fs::copy(other.path(name), stage.path(name)).unwrap();
    }
    refused(&batch, "leaf certificate (");
    fs::write(stage.path("signer.pem"), &keys[0]).unwrap();
    fs::write(stage.path("signer.key"), &keys[1]).unwrap();

    let done = stage.output(&[&batch[..], &["--resume"]].concat());
    let told = String::from_utf8(done.stderr).unwrap();
    assert!(done.status.success() && told.contains("10 files that no line of the manifest named: made anew"), "{told}");
    assert!(stage.path("broken/own.mobileconfig").exists() && stage.path("broken/letter.txt").exists());
    stage.run(&["batch", "--verify", "broken", "--roots", "roots.pem"]).success();
    if profile_kit::sign::deterministic_ecdsa() {
        assert_eq!(fs::read_to_string(stage.path("broken/manifest.jsonl")).unwrap(), manifest);
    }
    break_off();
    fs::remove_file(stage.path("broken/C02000003.mobileconfig")).unwrap();
    let told = stage.run(&[&batch[..], &["--resume"]].concat()).failure(1);
    assert!(
        told.contains("line 5, column 1: names C02000003.mobileconfig, which is not there as it was made"),
        "{told}"
    );
}

#[test]
fn a_resume_refuses_a_file_that_has_its_size_and_other_bytes() {
    let stage = Stage::new(KeySpec::P256);
    stage.fleet(20);
    for (out, manifest, file, place) in [
        ("out", "out/manifest.jsonl", "out/C02000000.mobileconfig", 600),
        ("out.tar", "out.tar.manifest.jsonl", "out.tar", 512 + 600),
    ] {
        stage.run(&["batch", "spec.toml", "devices.csv", "--out", out]).success();
        let lines = fs::read_to_string(stage.path(manifest)).unwrap();
        let cut: usize = lines.split_inclusive('\n').take(11).map(str::len).sum();
        fs::write(stage.path(manifest), &lines[..cut]).unwrap();
        let mut bytes = fs::read(stage.path(file)).unwrap();
        bytes[place] ^= 1;
        fs::write(stage.path(file), &bytes).unwrap();
        let told = stage.run(&["batch", "spec.toml", "devices.csv", "--out", out, "--resume"]).failure(1);
        let expected = "line 2, column 1: names C02000000.mobileconfig, which is not there as it was made";
        assert!(told.contains(&format!("error: {manifest}: {expected}")), "{told}");
        assert!(
            bytes == fs::read(stage.path(file)).unwrap()
                && lines[..cut] == fs::read_to_string(stage.path(manifest)).unwrap()
        );
    }
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

#[test]
fn a_manifest_of_something_else_is_left_alone() {
    let stage = Stage::new(KeySpec::P256);
    stage.fleet(2);
    fs::create_dir(stage.path("out")).unwrap();
    fs::write(stage.path("out/manifest.jsonl"), r#"{"mine":1}"#).unwrap();
    let told = stage.run(&["batch", "spec.toml", "devices.csv", "--out", "out", "--resume"]).failure(1);
    assert!(told.contains("is not the first line of a manifest"), "{told}");
    assert_eq!(fs::read(stage.path("out/manifest.jsonl")).unwrap(), br#"{"mine":1}"#);
}

#[test]
fn a_row_that_makes_a_profile_unfit_is_that_rows_fault() {
    let stage = Stage::new(KeySpec::P256);
    let spec = "format = 1\nidentifier = \"jp.example\"\nremoval = \"disallowed\"\n[placeholders.site]\n\
                [[payload]]\ntype = \"com.apple.applicationaccess\"\nidentifier = \"{{site}}\"\n";
    fs::write(stage.path("spec.toml"), spec).unwrap();
    let rows = r#"{"serial":"A","site":"a"}
{"serial":"B","site":""}
{"serial":"C","site":"c"}
{"serial":"","site":"d"}
"#;
    fs::write(stage.path("devices.jsonl"), rows).unwrap();
    let told = stage.run(&["batch", "spec.toml", "devices.jsonl", "--out", "out"]).failure(1);
    assert!(told.contains("devices.jsonl: line 2") && told.contains("MissingKey"), "{told}");
    assert!(told.contains("devices.jsonl: line 4") && told.contains("is empty: it names the device"), "{told}");
    let files: Vec<String> = stage.files("out").into_keys().collect();
    assert_eq!(files, ["A.mobileconfig", "C.mobileconfig", "manifest.jsonl"]);
}

#[test]
fn no_cell_takes_the_manifests_name() {
    let stage = Stage::new(KeySpec::P256);
    fs::write(stage.path("devices.csv"), "serial,name\nA,Manifest.JSONL\nB,b\n").unwrap();
    let told = stage.run(&["batch", "spec.toml", "devices.csv", "--out", "out", "--name", "{name}"]).failure(1);
    assert!(told.contains("devices.csv: line 2") && told.contains("or the manifest"), "{told}");
    assert!(stage.path("out/b").exists());
}

#[test]
fn all_shards_together_are_the_whole() {
    if !profile_kit::sign::deterministic_ecdsa() {
        println!("skipped: this OpenSSL makes other ECDSA signatures each time");
        return;
    }
    let stage = Stage::new(KeySpec::P256);
    stage.fleet(200);
    // Rows that fail, and doubles in other shards than what they double.
    let mut table = fs::OpenOptions::new().append(true).open(stage.path("devices.csv")).unwrap();
    table.write_all(b"C02000005,x\na.b,y\nC02000006,z\nC02NEW,w\nshort\n").unwrap();
    let batch = ["batch", "spec.toml", "devices.csv", "--quiet"];
    let whole = stage.output(&[&batch[..], &["--out", "whole"]].concat());
    assert_eq!(whole.status.code(), Some(1));
    fs::create_dir(stage.path("joined")).unwrap();
    for shard in ["1/3", "2/3", "3/3"] {
        let folder = format!("shard{}", &shard[..1]);
        stage.output(&[&batch[..], &["--out", &folder, "--shard", shard]].concat());
        for entry in fs::read_dir(stage.path(&folder)).unwrap().map(Result::unwrap) {
            if entry.file_name() != "manifest.jsonl" {
                let to = stage.path("joined").join(entry.file_name());
                assert!(!to.exists(), "{to:?} is in two shards");
                fs::copy(entry.path(), to).unwrap();
            }
        }
    }
    let shards = ["shard2/manifest.jsonl", "shard3/manifest.jsonl", "shard1/manifest.jsonl"];
    stage.bare(&[&["batch", "--out", "joined/manifest.jsonl", "--join"], &shards[..]].concat()).success();
    stage.assert_same("whole", "joined", "shards");
    for (wrong, why) in [
        (&shards[..2], "is shard 2/3, and 2 manifests are given"),
        (&[shards[0], shards[1], shards[1]][..], "is shard 3/3, which is given twice"),
        (&[shards[0], shards[1], "whole/manifest.jsonl"][..], "is of no shard"),
    ] {
        let told = stage.bare(&[&["batch", "--join"], wrong].concat()).failure(1);
        assert!(told.contains(why), "{told}");
    }
}

#[test]
fn a_join_refuses_a_manifest_that_hides_a_row_or_tells_of_anothers() {
    let stage = Stage::new(KeySpec::P256);
    stage.fleet(9);
    for shard in ["1/3", "2/3", "3/3"] {
        let folder = format!("shard{}", &shard[..1]);
        stage.run(&["batch", "spec.toml", "devices.csv", "--out", &folder, "--shard", shard]).success();
    }
    let shards = ["shard1/manifest.jsonl", "shard2/manifest.jsonl", "shard3/manifest.jsonl"];
    let second = fs::read_to_string(stage.path(shards[1])).unwrap();
    let lines: Vec<&str> = second.split_inclusive('\n').collect();
    let without = |line: usize, count: &str| {
        let kept: String =
            lines.iter().enumerate().filter(|(number, _)| *number != line).map(|(_, line)| *line).collect();
        kept.replace("\"made\":3", count)
    };
    for (changed, why) in [
        (without(3, "\"made\":3"), "shard2/manifest.jsonl: line 4, column 1: counts 3 files and 0 rows that failed"),
        (without(2, "\"made\":2"), "shard2/manifest.jsonl: lacks row 5, which is of its shard 2/3"),
        (without(3, "\"made\":2"), "shard2/manifest.jsonl: lacks row 8, which is of its shard 2/3"),
        (without(4, ""), "shard2/manifest.jsonl: line 4, column 1: has no end"),
        (
            second.replace("{\"row\":5", "{\"row\":6"),
            "shard2/manifest.jsonl: line 3, column 1: row 6 is not of shard 2/3",
        ),
        (
            second.replace("{\"rows\":9", "{\"rows\":8"),
            "shard2/manifest.jsonl: line 5, column 1: counts 8 rows of the table",
        ),
        (
            second.replace("\"2/3\"", "\"1/3\""),
            "shard2/manifest.jsonl: line 1, column 1: is shard 1/3, which is given twice",
        ),
    ] {
        fs::write(stage.path(shards[1]), changed).unwrap();
        let told = stage.bare(&[&["batch", "--out", "joined", "--join"], &shards[..]].concat()).failure(1);
        assert!(told.starts_with(&format!("error: {why}")), "{told}");
        assert!(!stage.path("joined").exists());
    }
}

#[test]
fn no_link_leads_a_resume_out_of_its_folder() {
    let stage = Stage::new(KeySpec::P256);
    stage.fleet(20);
    fs::write(stage.path("victim"), "precious").unwrap();
    fs::create_dir(stage.path("elsewhere")).unwrap();

    let batch = ["batch", "spec.toml", "devices.csv", "--out", "out"];
    stage.run(&batch).success();
    stage.cut("out/manifest.jsonl", 10);
    fs::remove_file(stage.path("out/C02000015.mobileconfig")).unwrap();
    symlink("../victim", stage.path("out/C02000015.mobileconfig")).unwrap();
    stage.run(&[&batch[..], &["--resume"]].concat()).success();
    assert_eq!(fs::read_to_string(stage.path("victim")).unwrap(), "precious");
    assert!(fs::symlink_metadata(stage.path("out/C02000015.mobileconfig")).unwrap().is_file());

    let batch = ["batch", "spec.toml", "devices.csv", "--out", "fanned", "--fan-out"];
    stage.run(&batch).success();
    let last = stage.file_of("fanned", "fanned", 20);
    stage.cut("fanned/manifest.jsonl", 10);
    fs::remove_dir_all(last.parent().unwrap()).unwrap();
    symlink("../elsewhere", last.parent().unwrap()).unwrap();
    let told = stage.run(&[&batch[..], &["--resume"]].concat()).failure(2);
    assert!(told.contains("is a link, which may lead anywhere"), "{told}");
    assert_eq!(fs::read_dir(stage.path("elsewhere")).unwrap().count(), 0);
}

#[test]
fn two_rows_do_not_share_a_file() {
    let stage = Stage::new(KeySpec::P256);
    fs::write(stage.path("devices.csv"), "serial,office\nA,Tokyo\nB,TOKYO\nC,Osaka\n").unwrap();
    let told = stage.run(&["batch", "spec.toml", "devices.csv", "--out", "out", "--name", "{office}"]).failure(1);
    assert_eq!(told, "error: devices.csv: line 3: the file \"TOKYO\" is that of a row before, or the manifest\n");
    assert_eq!(stage.files("out").into_keys().collect::<Vec<_>>(), ["Osaka", "Tokyo", "manifest.jsonl"]);
}

#[test]
fn overwrites_of_an_archive_are_those_of_a_folder() {
    let stage = Stage::new(KeySpec::Rsa(2048));
    stage.fleet(12);
    for (installed, freeing) in [("in", "in"), ("in.tar", "in.tar.manifest.jsonl"), ("in.zip", "in.zip.manifest.jsonl")]
    {
        stage.run(&["batch", "spec.toml", "devices.csv", "--out", installed]).success();
        let out = format!("of-{installed}").replace('.', "-");
        stage.run(&["batch", "--overwrite", freeing, "--os", "17", "--out", &out]).success();
        // A folder's overwrites are told from an archive's by the digest of the manifest that they are made of.
        fs::remove_file(stage.path(&out).join("manifest.jsonl")).unwrap();
    }
    stage.assert_same("of-in", "of-in-tar", "tar");
    stage.assert_same("of-in", "of-in-zip", "zip");
    assert_eq!(stage.files("of-in").len(), 12);
}

#[test]
fn overwrites_are_gone_on_with_and_shared_out_like_any_batch() {
    let stage = Stage::new(KeySpec::Rsa(2048));
    stage.fleet(12);
    stage.run(&["batch", "spec.toml", "devices.csv", "--out", "installed"]).success();
    let overwrite = ["batch", "--overwrite", "installed", "--os", "17"];
    for (whole, broken) in [("whole", "broken"), ("whole.tar", "broken.tar")] {
        stage.run(&[&overwrite[..], &["--out", whole]].concat()).success();
        Command::new("cp").args(["-r", whole, broken]).current_dir(stage.folder.path()).status().unwrap();
        let manifest = |out: &str| Out::of(out).manifest().display().to_string();
        let written = fs::read_to_string(stage.path(&manifest(whole))).unwrap();
        fs::write(stage.path(&manifest(broken)), &written).unwrap();
        stage.cut(&manifest(broken), 5);
        let resumed = stage.run(&[&overwrite[..], &["--out", broken, "--resume"]].concat()).success();
        let end = format!("12 files in {broken}, 0 rows failed (5 rows were done before)\n");
        assert!(resumed.ends_with(&end), "{resumed}");
        assert_eq!(fs::read_to_string(stage.path(&manifest(broken))).unwrap(), written);
    }
    stage.assert_same("whole", "broken", "overwrites");
    assert!(fs::read(stage.path("whole.tar")).unwrap() == fs::read(stage.path("broken.tar")).unwrap());

    fs::create_dir(stage.path("joined")).unwrap();
    for shard in ["1/2", "2/2"] {
        let folder = format!("half{}", &shard[..1]);
        stage.run(&[&overwrite[..], &["--out", &folder, "--shard", shard]].concat()).success();
        assert_eq!(stage.files(&folder).len(), 7);
        each_file(&stage.path(&folder), "", &mut |name, path| {
            fs::copy(path, stage.path("joined").join(name)).unwrap();
        });
    }
    fs::remove_file(stage.path("joined/manifest.jsonl")).unwrap();
    let halves = ["half1/manifest.jsonl", "half2/manifest.jsonl"];
    stage.bare(&[&["batch", "--out", "joined/manifest.jsonl", "--join"], &halves[..]].concat()).success();
    let verified = stage.run(&["batch", "--verify", "joined", "--roots", "roots.pem"]).success();
    assert_eq!(verified, "joined/manifest.jsonl: 12 files are what it says, 0 are not\n");
    let (whole, mut joined) = (stage.files("whole"), stage.files("joined"));
    joined.insert("manifest.jsonl".into(), whole["manifest.jsonl"].clone());
    assert!(whole == joined);
}

#[test]
fn overwrites_are_stripped_or_signed_by_another_where_that_is_asked_for() {
    let stage = Stage::new(KeySpec::P256);
    stage.fleet(2);
    stage.run(&["batch", "spec.toml", "devices.csv", "--out", "installed"]).success();
    let settings = |out: &str| stage.bare(&["unwrap", &format!("{out}/C02000001.mobileconfig")]).success();
    for (out, strip) in [("kept", &[][..]), ("stripped", &["--strip"])] {
        stage.run(&[&["batch", "--overwrite", "installed", "--os", "17", "--out", out], strip].concat()).success();
        assert_eq!(settings(out).contains("allowAppRemoval"), strip.is_empty());
    }

    let other = Stage::new(KeySpec::P256);
    let [cert, key, roots] =
        ["signer.pem", "signer.key", "roots.pem"].map(|name| other.path(name).display().to_string());
    let keys = ["--cert", &cert, "--key", &key, "--allow-readable-key", "--allow-other-signer"];
    stage.bare(&[&["batch", "--overwrite", "installed", "--out", "others"], &keys[..]].concat()).success();
    stage.run(&["batch", "--verify", "others", "--roots", &roots]).success();
    stage.run(&["batch", "--verify", "others", "--roots", "roots.pem"]).failure(1);
}

#[test]
fn every_pair_of_an_overwritten_batch_passes_preflight_for_its_target() {
    let stage = Stage::new(KeySpec::P256);
    stage.fleet(60);
    stage.run(&["batch", "spec.toml", "devices.csv", "--out", "installed"]).success();
    stage.run(&["batch", "--overwrite", "installed", "--os", "17", "--out", "freeing"]).success();
    stage.run(&["batch", "--verify", "freeing", "--roots", "roots.pem"]).success();
    let (installed, freeing) = (stage.files("installed"), stage.files("freeing"));
    assert_eq!(freeing.len(), 61);
    for (name, bytes) in installed.iter().filter(|(name, _)| *name != "manifest.jsonl") {
        let pair = (Arrival::from_bytes(bytes).unwrap(), Arrival::from_bytes(&freeing[name]).unwrap());
        let report = Question::new(&pair.0, &pair.1, SystemTime::now()).ask(&Devices::of(vec![Os::ios(17)]));
        assert!(report.verdict.is_free(), "{name}: {}", report.verdict);
    }
}

#[test]
fn a_wrong_overwrite_is_not_made() {
    let stage = Stage::new(KeySpec::P256);
    stage.fleet(5);
    stage.run(&["batch", "spec.toml", "devices.csv", "--out", "installed"]).success();
    let told =
        stage.run(&["batch", "--overwrite", "installed", "--os", "17", "--removal-password", "empty"]).failure(1);
    assert!(told.contains("would not free iOS 17.0: preflight says strands"), "{told}");
    assert_eq!(stage.files("overwrites").len(), 1);

    let other = Stage::new(KeySpec::P256);
    let keys = [other.path("signer.pem"), other.path("signer.key")].map(|path| path.display().to_string());
    let keys = ["--cert", &keys[0], "--key", &keys[1], "--allow-readable-key"];
    let overwrite = ["batch", "--overwrite", "installed", "--os", "17", "--out", "o"];
    let told = stage.bare(&[&overwrite[..], &keys[..]].concat()).failure(1);
    assert!(told.contains("OtherSigner") && !stage.path("o").exists(), "{told}");

    let path = stage.path("installed/C02000002.mobileconfig");
    fs::copy(stage.path("installed/C02000003.mobileconfig"), path).unwrap();
    let told = stage.run(&["batch", "--overwrite", "installed", "--os", "17", "--out", "freeing"]).failure(1);
    assert!(told.contains("C02000002.mobileconfig: is not the file that was made"), "{told}");
    assert!(!stage.path("freeing/C02000002.mobileconfig").exists());
    let told = stage.run(&["batch", "--overwrite", "freeing", "--out", "twice"]).failure(1);
    assert!(told.contains("is of overwrites"), "{told}");
}

#[test]
fn a_manifest_that_names_a_file_twice_is_not_overwritten() {
    let stage = Stage::new(KeySpec::P256);
    stage.fleet(3);
    stage.run(&["batch", "spec.toml", "devices.csv", "--out", "installed"]).success();
    let manifest = fs::read_to_string(stage.path("installed/manifest.jsonl")).unwrap();
    let twice = manifest.replace("\"file\":\"C02000001", "\"file\":\"C02000000");
    fs::write(stage.path("installed/manifest.jsonl"), twice).unwrap();
    for start in [&[][..], &["--resume"]] {
        let told = stage.run(&[&["batch", "--overwrite", "installed", "--out", "freeing"], start].concat()).failure(1);
        assert!(told.contains("installed/manifest.jsonl: line 3, column 1: names a file that a line before"), "{told}");
        assert!(!stage.path("freeing").exists());
    }
}

#[test]
fn a_resume_of_overwrites_judges_by_the_clock_that_they_were_begun_by() {
    let stage = Stage::new(KeySpec::P256);
    stage.fleet(20);
    let spec = fs::read_to_string(stage.path("spec.toml")).unwrap();
    let ends = "format = 1\nsettings = { RemovalDate = { date = \"2026-03-01T00:00:00Z\" } }";
    fs::write(stage.path("spec.toml"), spec.replacen("format = 1", ends, 1)).unwrap();
    stage.run(&["batch", "spec.toml", "devices.csv", "--out", "installed"]).success();
    let (installed, identity) = (stage.path("installed/manifest.jsonl"), stage.identity());
    let at = |days: u64| UNIX_EPOCH + Duration::from_secs(1_767_225_600 + days * 86_400);
    let overwrite = |out: &str, start, now| {
        let overwrites = Overwrites::new(&installed, &identity, SignOptions::new(at(0)), now);
        overwrites.run(&Out::of(stage.path(out)), start, &AtomicBool::new(false), &mut |_| ()).unwrap()
    };
    assert_eq!(overwrite("whole", Start::Fresh, at(1)).made, 20);
    assert_eq!(overwrite("late", Start::Fresh, at(100)).failed, 20);
    overwrite("broken", Start::Fresh, at(1));
    let manifest = fs::read_to_string(stage.path("broken/manifest.jsonl")).unwrap();
    let cut: usize = manifest.split_inclusive('\n').take(11).map(str::len).sum();
    fs::write(stage.path("broken/manifest.jsonl"), &manifest[..cut]).unwrap();
    let resumed = overwrite("broken", Start::Resume, at(100));
    assert_eq!((resumed.made, resumed.resumed), (20, 10));
    if profile_kit::sign::deterministic_ecdsa() {
        stage.assert_same("whole", "broken", "overwrites");
    }
}

#[test]
fn the_same_bytes_for_every_device_are_signed_once_and_linked_unless_told_otherwise() {
    use std::os::unix::fs::MetadataExt;
    let stage = Stage::new(KeySpec::P256);
    let spec = fs::read_to_string(stage.path("spec.toml")).unwrap();
    fs::write(stage.path("spec.toml"), spec.replace("{{serial}}", "any").replace("{{udid}}", "any")).unwrap();
    stage.fleet(40);
    stage.run(&["batch", "spec.toml", "devices.csv", "--out", "installed"]).success();
    let overwrite = ["batch", "--overwrite", "installed", "--os", "17"];
    let links = |folder: &str| fs::metadata(stage.path(folder).join("C02000007.mobileconfig")).unwrap().nlink();
    let told = stage.output(&[&overwrite[..], &["--out", "linked"]].concat()).stderr;
    assert!(String::from_utf8(told).unwrap().contains("39 devices have the same profile as the one before"));
    assert_eq!(links("linked"), 40);
    stage.run(&[&overwrite[..], &["--out", "each", "--sign-each"]].concat()).success();
    assert_eq!(links("each"), 1);
    stage.run(&["batch", "--verify", "linked", "--roots", "roots.pem"]).success();
}

#[test]
fn encrypts_each_devices_payloads_for_its_own_certificate() {
    let stage = Stage::new(KeySpec::P256);
    let validity = validity();
    let authority = Authority::new("Devices", KeySpec::P256, validity).unwrap();
    let mut table = String::from("serial,certificate\n");
    for device in ["C02A", "C02B"] {
        let leaf = Leaf::new(device, KeySpec::Rsa(2048), validity);
        let issued = authority.issue(&Leaf { key_usage: vec![KeyUse::KeyEncipherment], ..leaf }).unwrap();
        fs::write(stage.path(device), issued.key_pem().unwrap()).unwrap();
        let pem = String::from_utf8(issued.certificate_pem().unwrap()).unwrap();
        fs::write(stage.path(&format!("{device}.pem")), &pem).unwrap();
        let cell = if device == "C02A" { pem } else { pem.lines().filter(|line| !line.starts_with('-')).collect() };
        table += &format!("{device},\"{cell}\"\n");
    }
    table += "C02C,\nC02D,nothing\n";
    fs::write(stage.path("devices.csv"), table).unwrap();
    let told =
        stage.run(&["batch", "spec.toml", "devices.csv", "--out", "out", "--encrypt-to", "certificate"]).failure(1);
    assert!(told.contains("column \"certificate\": is empty"), "{told}");
    assert_eq!(told.matches("error:").count(), 2, "{told}");
    for device in ["C02A", "C02B"] {
        let (file, pem) = (format!("out/{device}.mobileconfig"), format!("{device}.pem"));
        let key = ["--cert", &pem, "--key", device, "--allow-readable-key"];
        let clear = stage.bare(&[&["decrypt", &file], &key[..]].concat()).success();
        assert!(
            clear.contains(&format!("Management of device {device}")) && clear.contains("allowAppRemoval"),
            "{clear}"
        );
    }
    stage.run(&["batch", "--verify", "out", "--roots", "roots.pem"]).success();

    // Encryption is random: a resume makes files that are as good.
    stage.cut("out/manifest.jsonl", 1);
    let first = fs::read(stage.path("out/C02A.mobileconfig")).unwrap();
    let batch = ["batch", "spec.toml", "devices.csv", "--out", "out", "--encrypt-to", "certificate", "--resume"];
    stage.run(&batch).failure(1);
    assert!(first == fs::read(stage.path("out/C02A.mobileconfig")).unwrap());
    let decrypt = ["decrypt", "out/C02B.mobileconfig", "--cert", "C02B.pem", "--key", "C02B", "--allow-readable-key"];
    assert!(stage.bare(&decrypt).success().contains("Management of device C02B"));
    let verified = stage.run(&["batch", "--verify", "out", "--roots", "roots.pem"]).success();
    assert_eq!(verified, "out/manifest.jsonl: 2 files are what it says, 0 are not\n");
}

#[test]
fn a_header_of_a_million_columns_is_refused_in_bounded_memory() {
    let stage = Stage::new(KeySpec::P256);
    fs::write(stage.path("devices.csv"), format!("serial{}\nA\n", ",x".repeat(1_000_000))).unwrap();
    let output = stage.within_mebibytes(300, "batch spec.toml devices.csv --out out --jobs 2");
    let told = String::from_utf8(output.stderr).unwrap();
    assert_eq!(told, "error: devices.csv: line 1, column 1: the header has more than 4096 cells\n");
    assert!(output.status.code() == Some(1) && !stage.path("out").exists());
}

#[test]
fn hostile_tables_end_in_clear_errors_in_bounded_memory() {
    let stage = Stage::new(KeySpec::P256);
    let mut table = BufWriter::new(File::create(stage.path("devices.csv")).unwrap());
    writeln!(table, "serial,udid").unwrap();
    writeln!(table, "C02A,../../../etc/passwd").unwrap();
    writeln!(table, "C02B,{}", "x".repeat(100 << 20)).unwrap();
    writeln!(table, "C02C,{}", "x,".repeat(1_000_000)).unwrap();
    table.write_all(b"C02D,\0\nC02E,\x93\x8c\x8b\x9e\nC02F,=cmd|' /C calc'!A0\nC02G,<&>\"'\n").unwrap();
    writeln!(table, "C02H,\"never closed").unwrap();
    (0..200_000).for_each(|row| writeln!(table, "C03{row},{row}").unwrap());
    table.flush().unwrap();
    let spec = fs::read_to_string(stage.path("spec.toml")).unwrap();
    fs::write(stage.path("spec.toml"), spec.replace("pattern = \"[A-Za-z0-9-]+\"\n", "")).unwrap();
    let output = stage.within_mebibytes(400, "batch spec.toml devices.csv --out out --jobs 2");
    let told = String::from_utf8(output.stderr).unwrap();
    let expected = [
        "line 3: the row is larger than 4 MiB; is a quote not closed?",
        "line 4: the row has more than 4096 cells",
        "line 5, column \"udid\": XML cannot hold the character U+0000",
        "line 6, column \"udid\": is not UTF-8: byte 0x93; name the encoding if it is another, such as Shift_JIS",
        "line 9: the row has a quote that is never closed: everything after it was taken for one cell",
    ];
    assert_eq!(output.status.code(), Some(1), "{told}");
    for (line, expected) in told.lines().zip(expected) {
        assert_eq!(line, format!("error: devices.csv: {expected}"));
    }
    assert_eq!(told.lines().count(), expected.len(), "{told}");
    let names: Vec<String> = stage.files("out").into_keys().collect();
    assert_eq!(
        names,
        [
            "%2E.%2F..%2F..%2Fetc%2Fpasswd.mobileconfig",
            "%3C&%3E%22'.mobileconfig",
            "=cmd%7C' %2FC calc'!A0.mobileconfig",
            "manifest.jsonl"
        ]
    );
    stage.run(&["batch", "--verify", "out", "--roots", "roots.pem"]).success();
}

#[test]
fn memory_does_not_grow_with_the_rows() {
    let stage = Stage::new(KeySpec::P256);
    stage.fleet(6_000);
    let output = stage.within_mebibytes(150, "batch spec.toml devices.csv --out out.tar --jobs 2");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// A kill does not lose what the system holds for the disk: only the order of calls shows that it was synced before.
#[test]
fn no_line_of_the_manifest_is_written_before_its_files_are_synced() {
    let stage = Stage::new(KeySpec::P256);
    stage.fleet(3_000);
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

fn is_manifest_write(call: &str) -> bool {
    call.contains("write(") && call.contains("manifest.jsonl>")
}

/// A folder with keys, a spec and what a test makes.
struct Stage {
    folder: tempfile::TempDir,
}

impl Stage {
    fn new(key: KeySpec) -> Self {
        let validity = validity();
        let root = Authority::new("Example Root CA", KeySpec::P256, validity).unwrap();
        let signer = root.issue(&Leaf::new("Example Profile Signer", key, validity)).unwrap();
        let stage = Self { folder: tempfile::tempdir().unwrap() };
        fs::write(stage.path("roots.pem"), root.certificate_pem().unwrap()).unwrap();
        let chain = [signer.certificate_pem().unwrap(), root.certificate_pem().unwrap()].concat();
        fs::write(stage.path("signer.pem"), chain).unwrap();
        fs::write(stage.path("signer.key"), signer.key_pem().unwrap()).unwrap();
        stage.bare(&["new", "-o", "spec.toml"]).success();
        stage
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn identity(&self) -> Identity {
        let files = IdentityFiles::new(self.path("signer.pem"), self.path("signer.key"));
        IdentityFiles { allow_readable_key: true, ..files }.load().unwrap()
    }

    /// So many devices; a file is named by the serial number.
    fn fleet(&self, rows: usize) {
        let mut table = BufWriter::new(File::create(self.path("devices.csv")).unwrap());
        writeln!(table, "serial,office").unwrap();
        (0..rows).for_each(|row| writeln!(table, "C02{row:06},\"Office {}, Tokyo\"", row % 7).unwrap());
        table.flush().unwrap();
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_profile-kit"));
        command.args(arguments).current_dir(self.folder.path()).env("NO_COLOR", "1").stdin(Stdio::null());
        command
    }

    /// Runs with the options that name the key and the time.
    fn output(&self, arguments: &[&str]) -> Output {
        self.command(&self.signing(arguments)).output().unwrap()
    }

    fn signing<'a>(&self, arguments: &[&'a str]) -> Vec<&'a str> {
        let has = |option: &str| arguments.contains(&option);
        let mut all = arguments.to_vec();
        if !has("--verify") {
            all.extend(["--cert", "signer.pem", "--key", "signer.key", "--allow-readable-key"]);
            if !has("--signing-time") {
                all.extend(["--signing-time", "2026-01-01T00:00:00Z"]);
            }
        }
        all
    }

    fn run(&self, arguments: &[&str]) -> Ran {
        Ran(self.output(arguments))
    }

    /// Runs with no more options than are given.
    fn bare(&self, arguments: &[&str]) -> Ran {
        Ran(self.command(arguments).output().unwrap())
    }

    fn start(&self, arguments: &[&str]) -> Child {
        let mut command = self.command(&self.signing(arguments));
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    }

    /// Runs with so much address space at most, threads' stacks and the program itself included.
    fn within_mebibytes(&self, most: u32, arguments: &str) -> Output {
        let binary = env!("CARGO_BIN_EXE_profile-kit");
        let keys = "--cert signer.pem --key signer.key --allow-readable-key --quiet";
        let command = format!("ulimit -v {}; exec '{binary}' {arguments} {keys}", most << 10);
        Command::new("sh").args(["-c", &command]).current_dir(self.folder.path()).env("NO_COLOR", "1").output().unwrap()
    }

    /// The calls that write and sync; `None` where the program cannot be traced.
    fn traced(&self, arguments: &str) -> Option<String> {
        let mut strace = Command::new("strace");
        strace.args(["-f", "-y", "-o", "calls", "-e", "signal=none", "-e", "trace=write,syncfs,fdatasync"]);
        strace.arg(env!("CARGO_BIN_EXE_profile-kit")).args(self.signing(&arguments.split(' ').collect::<Vec<_>>()));
        let output = strace.current_dir(self.folder.path()).output().ok()?;
        output.status.success().then(|| fs::read_to_string(self.path("calls")).unwrap())
    }

    /// Cuts a manifest after so many rows, as a crash may leave it.
    fn cut(&self, manifest: &str, rows: usize) {
        let lines = fs::read_to_string(self.path(manifest)).unwrap();
        let length: usize = lines.split_inclusive('\n').take(1 + rows).map(str::len).sum();
        fs::write(self.path(manifest), &lines[..length]).unwrap();
    }

    /// Where the file of a row comes to stand, which is where it stands in another folder.
    fn file_of(&self, whole: &str, other: &str, row: usize) -> PathBuf {
        let manifest = fs::read_to_string(self.path(whole).join("manifest.jsonl")).unwrap();
        let line: serde_json::Value = serde_json::from_str(manifest.lines().nth(row).unwrap()).unwrap();
        self.path(other).join(line["file"].as_str().unwrap())
    }

    /// Every file of a folder and its sub-folders.
    fn files(&self, folder: &str) -> BTreeMap<String, Vec<u8>> {
        let mut files = BTreeMap::new();
        each_file(&self.path(folder), "", &mut |name, path| drop(files.insert(name, fs::read(path).unwrap())));
        files
    }

    fn assert_same(&self, one: &str, other: &str, message: &str) {
        let mut names = [Vec::new(), Vec::new()];
        for (names, folder) in names.iter_mut().zip([one, other]) {
            each_file(&self.path(folder), "", &mut |name, _| names.push(name));
            names.sort();
        }
        assert!(names[0] == names[1], "other files are there ({message})");
        for name in &names[0] {
            let [one, other] = [one, other].map(|folder| fs::read(self.path(folder).join(name)).unwrap());
            assert!(one == other, "{name} differs ({message})");
        }
    }

    /// A sample, evenly from all files.
    fn openssl_verifies(&self, folder: &str, count: usize) {
        let mut paths = Vec::new();
        each_file(&self.path(folder), "", &mut |name, path| {
            paths.extend(name.ends_with(".mobileconfig").then(|| path.to_owned()));
        });
        if !judge::is_present() {
            return;
        }
        for path in paths.iter().step_by((paths.len() / count).max(1)) {
            let path = path.to_str().unwrap();
            let verify = ["cms", "-verify", "-inform", "DER", "-binary", "-purpose", "any", "-CAfile", "roots.pem"];
            judge::openssl(self.folder.path(), &[&verify[..], &["-in", path, "-out", "/dev/null"]].concat()).unwrap();
        }
    }
}

fn each_file(folder: &Path, within: &str, visit: &mut dyn FnMut(String, &Path)) {
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let name = format!("{within}{}", entry.file_name().to_str().unwrap());
        match entry.file_type().unwrap().is_dir() {
            true => each_file(&entry.path(), &format!("{name}/"), visit),
            false => visit(name, &entry.path()),
        }
    }
}

struct Ran(Output);

impl Ran {
    /// What it says, given that it succeeded.
    fn success(self) -> String {
        assert!(self.0.status.success(), "{}", String::from_utf8_lossy(&self.0.stderr));
        String::from_utf8_lossy(&self.0.stdout).into_owned()
    }

    /// What it says of its failure.
    fn failure(self, status: i32) -> String {
        let told = String::from_utf8_lossy(&self.0.stderr).into_owned();
        assert_eq!(self.0.status.code(), Some(status), "{told}");
        told
    }
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

fn validity() -> Validity {
    Validity::days(UNIX_EPOCH + Duration::from_secs(1_700_000_000), 18_250)
}

fn is_long() -> bool {
    let is_long = std::env::var("LONG_TESTS").as_deref() == Ok("1");
    if !is_long {
        println!("skipped: 100,000 rows, which LONG_TESTS=1 asks for (tests/run --long)");
    }
    is_long
}
