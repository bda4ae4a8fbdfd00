//! What a batch is gone on with, and what it is not.

use std::{
    fs::{self, Permissions},
    io::{self, Cursor, Read, Seek, SeekFrom},
    os::unix::fs::{PermissionsExt, symlink},
    process::Command,
    time::{Duration, UNIX_EPOCH},
};

use profile_kit::{
    SignOptions,
    batch::{Batch, Encoding, Options, Out, Start, Table},
    pki::{Authority, KeySpec, Leaf},
    spec,
};

use crate::stage::{Stage, validity};

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
fn files_with_the_intermediate_certificate_and_without_are_not_one_batch() {
    let stage = Stage::new(KeySpec::P256);
    stage.fleet(4);
    let root = Authority::new("Example Root CA", KeySpec::P256, validity()).unwrap();
    let issuing = root.intermediate("Example Issuing CA", KeySpec::P256, validity()).unwrap();
    let signer = issuing.issue(&Leaf::new("Example Profile Signer", KeySpec::P256, validity())).unwrap();
    fs::write(stage.path("signer.pem"), signer.certificate_pem().unwrap()).unwrap();
    fs::write(stage.path("signer.key"), signer.key_pem().unwrap()).unwrap();
    fs::write(stage.path("issuing.pem"), issuing.certificate_pem().unwrap()).unwrap();
    let chain = ["--chain", "issuing.pem"];
    let profiles = ["batch", "spec.toml", "devices.csv"];
    stage.run(&[&profiles[..], &["--out", "installed"]].concat()).success();
    let fingerprint = issuing.certificate().fingerprint();
    for (what, out) in [(&profiles[..], "profiles"), (&["batch", "--overwrite", "installed"], "overwrites")] {
        let (first, second) = (format!("{out}1"), format!("{out}2"));
        stage.run(&[what, &["--out", &first, "--shard", "1/2"]].concat()).success();
        stage.run(&[what, &["--out", &second, "--shard", "2/2"], &chain].concat()).success();
        let manifests = [&first, &second].map(|out| format!("{out}/manifest.jsonl"));
        let told = stage.bare(&["batch", "--join", &manifests[0], &manifests[1]]).failure(1);
        assert!(told.contains(&format!("chain (none there, {fingerprint} now)")), "{told}");
        stage.cut(&manifests[1], 1);
        let resume = ["--out", &second, "--shard", "2/2", "--resume"];
        let told = stage.run(&[what, &resume].concat()).failure(1);
        assert!(told.contains(&format!("chain ({fingerprint} there, none now)")), "{told}");
        stage.run(&[what, &resume, &chain].concat()).success();
    }
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
    // It begins as a manifest does, and has no line's end.
    fs::write(stage.path("out/manifest.jsonl"), r#"{"format":1,"results":[]}"#).unwrap();
    let told = stage.run(&["batch", "spec.toml", "devices.csv", "--out", "out", "--resume"]).failure(1);
    assert!(told.contains("is not the first line of a manifest"), "{told}");
    assert_eq!(fs::read(stage.path("out/manifest.jsonl")).unwrap(), br#"{"format":1,"results":[]}"#);
}

#[test]
fn an_archive_without_a_first_line_is_somebody_elses() {
    let stage = Stage::new(KeySpec::P256);
    stage.fleet(2);
    fs::write(stage.path("out.tar.manifest.jsonl"), "{\"form").unwrap();
    fs::write(stage.path("out.tar"), "the user's own").unwrap();
    let told = stage.run(&["batch", "spec.toml", "devices.csv", "--out", "out.tar", "--resume"]).failure(2);
    assert!(told.contains("error: out.tar: cannot be made: it is there already"), "{told}");
    assert_eq!(fs::read_to_string(stage.path("out.tar.manifest.jsonl")).unwrap(), "{\"form");
    fs::remove_file(stage.path("out.tar")).unwrap();
    stage.run(&["batch", "spec.toml", "devices.csv", "--out", "out.tar", "--resume"]).success();
}

#[test]
fn a_manifest_that_is_no_file_is_refused_and_not_waited_for() {
    let stage = Stage::new(KeySpec::P256);
    stage.fleet(2);
    fs::create_dir(stage.path("out")).unwrap();
    assert!(Command::new("mkfifo").arg(stage.path("out/manifest.jsonl")).status().unwrap().success());
    let binary = env!("CARGO_BIN_EXE_profile-kit");
    let resume = stage.signing(&["batch", "spec.toml", "devices.csv", "--out", "out", "--resume"]);
    // Without the time as well, which is read from the manifest then.
    for arguments in [&resume[..], &resume[..resume.len() - 2]] {
        let mut command = Command::new("timeout");
        let ended = command
            .args(["-s", "KILL", "20", binary])
            .args(arguments)
            .current_dir(stage.folder.path())
            .output()
            .unwrap();
        let told = String::from_utf8(ended.stderr).unwrap();
        assert_eq!(ended.status.code(), Some(2), "{told}");
        assert!(told.contains("error: out/manifest.jsonl: cannot be read: it is no regular file"), "{told}");
    }
}

#[test]
fn what_keeps_a_resume_from_a_file_is_told() {
    let stage = Stage::new(KeySpec::P256);
    stage.fleet(4);
    let batch = ["batch", "spec.toml", "devices.csv", "--out", "out"];
    stage.run(&batch).success();
    stage.cut("out/manifest.jsonl", 3);
    let path = stage.path("out/C02000001.mobileconfig");
    let bytes = fs::read(&path).unwrap();
    fs::remove_file(&path).unwrap();
    symlink("C02000001.mobileconfig", &path).unwrap();
    let told = stage.run(&[&batch[..], &["--resume"]].concat()).failure(2);
    assert!(told.contains("error: out/C02000001.mobileconfig: cannot be read: "), "{told}");
    fs::remove_file(&path).unwrap();
    fs::write(&path, bytes).unwrap();
    // As it is for somebody who may not read it; who is root may.
    fs::set_permissions(&path, Permissions::from_mode(0o000)).unwrap();
    if fs::read(&path).is_err() {
        let told = stage.run(&[&batch[..], &["--resume"]].concat()).failure(2);
        assert!(told.contains("C02000001.mobileconfig: cannot be read: Permission denied"), "{told}");
    } else {
        println!("skipped: root may read what nobody may");
    }
}

#[test]
fn a_folder_with_files_and_without_a_first_line_is_not_told_to_resume() {
    let stage = Stage::new(KeySpec::P256);
    stage.fleet(2);
    for (out, manifest) in [("empty", ""), ("headless", "{\"format\":1,\"ma")] {
        fs::create_dir(stage.path(out)).unwrap();
        fs::write(stage.path(out).join("manifest.jsonl"), manifest).unwrap();
        fs::write(stage.path(out).join("letter.txt"), "the user's own").unwrap();
        let told = stage.run(&["batch", "spec.toml", "devices.csv", "--out", out, "--resume"]).failure(2);
        let why = "it is not empty, and no manifest in it says that a batch was begun there: give another place";
        assert!(told.contains(&format!("error: {out}: cannot be made: {why}\n")), "{told}");
        assert_eq!(fs::read_to_string(stage.path(out).join("manifest.jsonl")).unwrap(), manifest);
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
fn verify_sees_what_an_archive_holds_besides_and_a_line_that_tells_of_another_device() {
    let stage = Stage::new(KeySpec::P256);
    stage.fleet(3);
    for out in ["out", "out.tar", "out.zip"] {
        stage.run(&["batch", "spec.toml", "devices.csv", "--out", out]).success();
    }
    let refused = |manifest: &str, why: &str| {
        let told = stage.run(&["batch", "--verify", manifest]).failure(1);
        assert!(told.contains(why), "{told}");
    };
    let tar = fs::read(stage.path("out.tar")).unwrap();
    let (files, end) = tar.split_at(tar.len() - 1024);
    fs::write(stage.path("out.tar"), files).unwrap();
    refused("out.tar.manifest.jsonl", "out.tar.manifest.jsonl: its archive has no end: it was cut off");
    // The first file once more: who unpacks it gets that.
    fs::write(stage.path("out.tar"), [files, &files[..files.len() / 3], end].concat()).unwrap();
    refused("out.tar.manifest.jsonl", "its archive holds more than it names: \"C02000000.mobileconfig\"");
    let manifest = fs::read_to_string(stage.path("out.zip.manifest.jsonl")).unwrap();
    let mut lines: Vec<&str> = manifest.lines().collect();
    lines.remove(3);
    let fewer = lines.join("\n").replace("{\"rows\":3,\"made\":3", "{\"rows\":2,\"made\":2") + "\n";
    fs::write(stage.path("out.zip.manifest.jsonl"), fewer).unwrap();
    refused("out.zip.manifest.jsonl", "its archive holds 3 files, and it names 2");
    let manifest = fs::read_to_string(stage.path("out/manifest.jsonl")).unwrap();
    let change =
        |from: &str, to: &str| fs::write(stage.path("out/manifest.jsonl"), manifest.replace(from, to)).unwrap();
    change("\"device\":\"C02000001\"", "\"device\":\"C02000002\"");
    refused("out", "C02000001.mobileconfig: is not how the file of device \"C02000002\" is named");
    change("\"size\":", "\"size\":1");
    refused("out", "is not the file that was made: its bytes are others");
}

#[test]
fn what_an_archive_holds_besides_keeps_nobody_from_its_overwrites_and_every_lost_file_is_told() {
    let stage = Stage::new(KeySpec::P256);
    stage.fleet(40);
    stage.run(&["batch", "spec.toml", "devices.csv", "--out", "out.tar"]).success();
    let tar = fs::read(stage.path("out.tar")).unwrap();
    let (files, end) = tar.split_at(tar.len() - 1024);
    let file = files.len() / 40;
    fs::write(stage.path("out.tar"), [files, &files[..file], end].concat()).unwrap();
    stage.run(&["batch", "--overwrite", "out.tar.manifest.jsonl", "--out", "freeing"]).success();
    assert_eq!(stage.files("freeing").len(), 41);
    fs::write(stage.path("out.tar"), &files[..10 * file + file / 2]).unwrap();
    let told = stage.run(&["batch", "--verify", "out.tar.manifest.jsonl"]).failure(1);
    for lost in ["C02000010", "C02000011", "C02000039"] {
        assert!(told.contains(&format!("{lost}.mobileconfig: ")), "{lost}: {told}");
    }
    assert!(!told.contains("C02000009"), "{told}");
}

#[test]
fn a_loss_of_power_may_leave_much_behind_the_last_line() {
    let stage = Stage::new(KeySpec::P256);
    stage.fleet(3);
    let batch = ["batch", "spec.toml", "devices.csv", "--out", "out"];
    stage.run(&batch).success();
    let whole = fs::read(stage.path("out/manifest.jsonl")).unwrap();
    stage.cut("out/manifest.jsonl", 2);
    let cut = fs::read(stage.path("out/manifest.jsonl")).unwrap();
    fs::write(stage.path("out/manifest.jsonl"), [&cut[..], &vec![0; 17 << 20]].concat()).unwrap();
    stage.run(&[&batch[..], &["--resume"]].concat()).success();
    assert!(fs::read(stage.path("out/manifest.jsonl")).unwrap() == whole);
}

/// A table that is edited after it was read for its digest.
struct Edited {
    first: Cursor<Vec<u8>>,
    then: Cursor<Vec<u8>>,
    is_edited: bool,
}

impl Read for Edited {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.is_edited { self.then.read(buffer) } else { self.first.read(buffer) }
    }
}

impl Seek for Edited {
    fn seek(&mut self, _: SeekFrom) -> io::Result<u64> {
        self.is_edited = true;
        Ok(0)
    }
}

#[test]
fn nothing_is_signed_of_a_table_that_is_edited_meanwhile_so_that_a_resume_is_the_whole() {
    let stage = Stage::new(KeySpec::P256);
    // More than is read at once.
    stage.fleet(3_000);
    stage.run(&["batch", "spec.toml", "devices.csv", "--out", "whole"]).success();
    let first = fs::read_to_string(stage.path("devices.csv")).unwrap();
    let text = fs::read_to_string(stage.path("spec.toml")).unwrap();
    let (template, identity) = (spec::read(&text).unwrap(), stage.identity());
    let at = UNIX_EPOCH + Duration::from_secs(1_767_225_600);
    let batch = Batch::new(&template, text.as_bytes(), &identity, Options::new(SignOptions::new(at)));
    for (from, to, out) in [("C02002900", "C02X02900", "late"), ("C02000003", "C02X00003", "early")] {
        let then = first.replace(from, to);
        let table = Edited {
            first: Cursor::new(first.clone().into_bytes()),
            then: Cursor::new(then.into_bytes()),
            is_edited: false,
        };
        let table = Table::open(table, Encoding::Utf8);
        let out_of = Out::of(stage.path(out));
        let told = table.and_then(|table| batch.run(table, &out_of, Start::Fresh, &Default::default(), &mut |_| ()));
        let told = told.unwrap_err().to_string();
        assert!(told.starts_with("was changed while it was read"), "{told}");
        assert!(!stage.path(out).join(format!("{to}.mobileconfig")).exists());
        stage.run(&["batch", "spec.toml", "devices.csv", "--out", out, "--resume"]).success();
        let verified = stage.run(&["batch", "--verify", out, "--roots", "roots.pem"]).success();
        assert_eq!(verified, format!("{out}/manifest.jsonl: 3000 files are what it says, 0 are not\n"));
        if profile_kit::sign::deterministic_ecdsa() {
            stage.assert_same("whole", out, from);
        }
    }
}
