//! The overwrites of what a batch made.

use std::{
    fs,
    process::Command,
    sync::atomic::AtomicBool,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use profile_kit::{
    Arrival, Os, Removal, SignOptions, SignedProfile,
    batch::{Event, Out, Overwrites, Start},
    pki::{Authority, KeySpec, Leaf},
    preflight::{Devices, Question},
};

use crate::stage::{Stage, each_file, validity};

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

/// The daemon answers the same, by `the_form_follows_the_target_and_the_caller_may_choose_it`.
#[test]
fn the_form_follows_the_target_and_a_doubt_is_told_and_holds_nothing_back() {
    let stage = Stage::new(KeySpec::P256);
    stage.fleet(2);
    stage.run(&["batch", "spec.toml", "devices.csv", "--out", "installed"]).success();
    for (platform, os, removal, doubt) in [
        ("ios", "12", Removal::AllowedEmptyPassword, true),
        ("ios", "13.7", Removal::AllowedEmptyPassword, true),
        ("ios", "14", Removal::Allowed, false),
        ("ios", "17", Removal::Allowed, false),
        ("macos", "15", Removal::AllowedEmptyPassword, true),
        ("tvos", "17", Removal::AllowedEmptyPassword, true),
    ] {
        let out = format!("{platform}-{os}");
        let overwrite = ["batch", "--overwrite", "installed", "--platform", platform, "--os", os, "--out", &out];
        let output = stage.output(&overwrite);
        let told = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(0), "{out}: {told}");
        let made = SignedProfile::from_bytes(fs::read(stage.path(&out).join("C02000001.mobileconfig")).unwrap());
        assert_eq!(made.unwrap().verify_integrity().unwrap().profile().removal(), removal, "{out}");
        assert_eq!(told.matches("warning: ").count(), usize::from(doubt), "{out}: {told}");
        assert_eq!(told.contains("preflight says frees-on-some ("), doubt, "{out}: {told}");
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
fn a_manifest_that_tells_less_or_other_than_was_made_frees_nobody_by_mistake() {
    let stage = Stage::new(KeySpec::P256);
    stage.fleet(3);
    stage.run(&["batch", "spec.toml", "devices.csv", "--out", "installed"]).success();
    let path = stage.path("installed/manifest.jsonl");
    let manifest = fs::read_to_string(&path).unwrap();
    let lines: Vec<&str> = manifest.split_inclusive('\n').collect();
    let without_a_line = [lines[0], lines[1], lines[3], lines[4]].concat();
    let fewer = manifest.replace("\"made\":3", "\"made\":2");
    let more_rows = manifest.replace("{\"rows\":3", "{\"rows\":4");
    for (changed, why) in [
        (without_a_line, "line 3, column 1: is about row 3, and row 2 has no line"),
        (fewer, "line 5, column 1: does not count what the lines before it say"),
        (more_rows, "line 5, column 1: counts 4 rows of the table, and row 4 has no line"),
        (manifest.replace(lines[1], &format!("{}\n", " ".repeat(9 << 20))), "line 2, column 1: is longer than 8 MiB"),
    ] {
        fs::write(&path, changed).unwrap();
        let resume = ["batch", "spec.toml", "devices.csv", "--out", "installed", "--resume"];
        for what in [
            &["batch", "--overwrite", "installed", "--out", "freeing"][..],
            &["batch", "--verify", "installed"],
            &resume,
        ] {
            let told = stage.run(what).failure(1);
            assert!(told.contains(&format!("manifest.jsonl: {why}")), "{what:?}: {told}");
        }
        assert!(!stage.path("freeing").exists());
    }
    let line: serde_json::Value = serde_json::from_str(lines[2]).unwrap();
    let uuid = line["uuid"].as_str().unwrap();
    fs::write(&path, manifest.replace(uuid, "00000000-0000-0000-0000-000000000000")).unwrap();
    let told = stage.run(&["batch", "--overwrite", "installed", "--out", "freeing"]).failure(1);
    assert!(told.contains("C02000001.mobileconfig: has another identifier or UUID than its manifest says"), "{told}");
    assert_eq!(stage.files("freeing").len(), 3);
}

#[test]
fn the_overwrites_of_a_batch_without_an_end_are_made_and_are_no_success() {
    let stage = Stage::new(KeySpec::P256);
    stage.fleet(3);
    stage.run(&["batch", "spec.toml", "devices.csv", "--out", "installed"]).success();
    stage.cut("installed/manifest.jsonl", 2);
    for start in [&[][..], &["--resume"]] {
        for (format, out) in [("text", "text"), ("json", "json")] {
            let overwrite = ["batch", "--overwrite", "installed", "--os", "17", "--format", format, "--out", out];
            let output = stage.output(&[&overwrite[..], start].concat());
            let told = String::from_utf8(output.stdout).unwrap();
            assert_eq!((output.status.code(), stage.files(out).len()), (Some(1), 3), "{told}");
            let expected = [r#""complete": false"#, "it has no end: devices may be left out"];
            assert!(expected.iter().any(|expected| told.contains(expected)), "{told}");
        }
    }
    stage.run(&["batch", "--verify", "text"]).success();
}

#[test]
fn no_value_of_an_installed_profile_is_told() {
    let stage = Stage::new(KeySpec::P256);
    let spec = "format = 1\nidentifier = \"x\"\nremoval = \"disallowed\"\n[placeholders.pin]\nsecret = true\n\
                [[payload]]\ntype = \"com.apple.wifi.managed\"\n\
                settings = { SSID_STR = \"a\", EncryptionType = \"{{pin}}\", Password = \"12345678\" }\n";
    fs::write(stage.path("spec.toml"), spec).unwrap();
    fs::write(stage.path("devices.csv"), "serial,pin\nA1,hunter2\n").unwrap();
    for what in [&["batch", "spec.toml", "devices.csv"][..], &["batch", "--overwrite", "profiles", "--os", "17"]] {
        let output = stage.output(what);
        let told = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        assert!(
            output.status.success() && told.contains("ValueNotAllowed: PayloadContent[0].EncryptionType"),
            "{told}"
        );
        assert!(!told.contains("hunter2"), "{told}");
    }
}

/// Who opens one waits for somebody who writes into it.
#[test]
fn a_pipe_in_the_place_of_a_file_does_not_hold_a_batch_up() {
    let stage = Stage::new(KeySpec::P256);
    stage.fleet(2);
    stage.run(&["batch", "spec.toml", "devices.csv", "--out", "installed"]).success();
    let pipe = stage.path("installed/C02000001.mobileconfig");
    fs::remove_file(&pipe).unwrap();
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    for what in [&["batch", "--verify", "installed"][..], &["batch", "--overwrite", "installed", "--out", "freeing"]] {
        let told = stage.run(what).failure(1);
        assert!(told.contains("C02000001.mobileconfig: cannot be read: it is no regular file"), "{told}");
    }
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
    assert_eq!(overwrite("late", Start::Fresh, at(100)).made, 20);
    assert!(stage.bare(&["show", "whole/C02000000.mobileconfig"]).success().contains("RemovalDate"));
    assert!(!stage.bare(&["show", "late/C02000000.mobileconfig"]).success().contains("RemovalDate"));
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
fn the_overwrites_of_a_batch_have_the_removal_dates_that_single_ones_have() {
    let stage = Stage::new(KeySpec::P256);
    stage.fleet(1);
    let spec = fs::read_to_string(stage.path("spec.toml")).unwrap();
    for (date, signed) in [
        ("2024-06-01T00:00:00Z", "2024-01-01T00:00:00Z"),
        ("2024-06-01T00:00:00Z", "2025-01-01T00:00:00Z"),
        ("2050-01-01T00:00:00Z", "2025-01-01T00:00:00Z"),
        ("2050-01-01T00:00:00Z", "2060-01-01T00:00:00Z"),
    ] {
        let ends = format!("format = 1\nsettings = {{ RemovalDate = {{ date = \"{date}\" }} }}");
        fs::write(stage.path("spec.toml"), spec.replacen("format = 1", &ends, 1)).unwrap();
        let (year, time) = (&date[..4], &signed[..4]);
        let [locked, freeing] = ["locked", "freeing"].map(|name| format!("{name}-{year}-{time}"));
        stage.run(&["batch", "spec.toml", "devices.csv", "--out", &locked, "--signing-time", signed]).success();
        let all = ["batch", "--overwrite", &locked, "--os", "17", "--out", &freeing, "--signing-time", signed];
        let told = String::from_utf8(stage.output(&all).stderr).unwrap();
        let single = [&locked, "/C02000000.mobileconfig"].concat();
        let one = ["overwrite", &single, "--os", "17", "-o", "one", "--signing-time", signed];
        stage.run(&one).success();
        let shown = |file: &str| stage.bare(&["unwrap", file]).success();
        assert_eq!(shown(&format!("{freeing}/C02000000.mobileconfig")), shown("one"), "{date} {signed}");
        let stays = year == "2050" && time == "2025";
        assert_eq!(shown("one").contains("RemovalDate"), stays, "{date} {signed}");
        assert_eq!(
            told.contains(&format!("warning: {locked}/manifest.jsonl: a RemovalDate is left out: it is past")),
            !stays
        );
    }
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
fn the_certificate_of_the_batch_signs_wherever_it_stands_also_where_another_may() {
    let stage = Stage::new(KeySpec::P256);
    stage.fleet(2);
    let root = Authority::new("Example Root CA", KeySpec::P256, validity()).unwrap();
    let old = root.issue(&Leaf::new("Old", KeySpec::P256, validity())).unwrap();
    let renewed = root.reissue(&Leaf::new("Renewed", KeySpec::P256, validity()), &old).unwrap();
    let [old_pem, renewed_pem] = [&old, &renewed].map(|issued| issued.certificate_pem().unwrap());
    fs::write(stage.path("signer.key"), old.key_pem().unwrap()).unwrap();
    fs::write(stage.path("signer.pem"), &old_pem).unwrap();
    stage.run(&["batch", "spec.toml", "devices.csv", "--out", "installed"]).success();
    fs::write(stage.path("signer.pem"), [renewed_pem, old_pem].concat()).unwrap();
    for (out, allow) in [("own", &[][..]), ("other", &["--allow-other-signer"])] {
        stage.run(&[&["batch", "--overwrite", "installed", "--os", "17", "--out", out], allow].concat()).success();
        let manifest = fs::read_to_string(stage.path(out).join("manifest.jsonl")).unwrap();
        assert!(manifest.contains(&old.certificate().fingerprint()));
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

/// Overwrites of three files whose manifest becomes another one after it was read, before they are made.
fn overwrite_of_three(stage: &Stage, then: impl Fn(&str) -> String) -> Result<u64, profile_kit::Error> {
    stage.fleet(6);
    stage.run(&["batch", "spec.toml", "devices.csv", "--out", "installed"]).success();
    let whole = fs::read_to_string(stage.path("installed/manifest.jsonl")).unwrap();
    stage.cut("installed/manifest.jsonl", 3);
    let (installed, identity) = (stage.path("installed/manifest.jsonl"), stage.identity());
    let at = UNIX_EPOCH + Duration::from_secs(1_767_225_600);
    let overwrites = Overwrites::new(&installed, &identity, SignOptions::new(at), at);
    let mut then = Some(then(&whole));
    let report = overwrites.run(&Out::of(stage.path("freeing")), Start::Fresh, &AtomicBool::new(false), &mut |event| {
        if let (Event::Warning(_), Some(then)) = (event, then.take()) {
            fs::write(&installed, then).unwrap();
        }
    });
    report.map(|report| report.made)
}

#[test]
fn the_overwrites_of_a_batch_that_is_still_running_are_those_that_their_head_tells() {
    let stage = Stage::new(KeySpec::P256);
    assert_eq!(overwrite_of_three(&stage, str::to_owned).unwrap(), 3);
    let verified = stage.run(&["batch", "--verify", "freeing", "--roots", "roots.pem"]).success();
    assert_eq!(verified, "freeing/manifest.jsonl: 3 files are what it says, 0 are not\n");
}

#[test]
fn nothing_is_made_of_a_manifest_that_is_edited_meanwhile() {
    let stage = Stage::new(KeySpec::P256);
    let swapped = |whole: &str| whole.replace("C02000001", "C02000009").replace("C02000002", "C02000001");
    let told = overwrite_of_three(&stage, swapped).unwrap_err().with_causes();
    assert!(told.contains("manifest.jsonl: cannot be read: was changed while it was read"), "{told}");
    assert_eq!(stage.files("freeing").len(), 1);
}
