//! What a verification sees in a manifest and an archive that somebody changed.

use std::fs;

use profile_kit::pki::KeySpec;

use crate::stage::Stage;

/// What is changed, and how.
type Change = (&'static str, fn(&[u8]) -> Vec<u8>);

/// Three files in an archive, and what is told once its bytes are others; nothing where it is good.
fn told_of_archive(out: &str, changes: &[Change]) -> Vec<(String, String)> {
    let stage = Stage::new(KeySpec::P256);
    stage.fleet(3);
    stage.run(&["batch", "spec.toml", "devices.csv", "--out", out]).success();
    let whole = fs::read(stage.path(out)).unwrap();
    let told = |(what, change): &Change| {
        fs::write(stage.path(out), change(&whole)).unwrap();
        let output = stage.output(&["batch", "--verify", out, "--roots", "roots.pem"]);
        let told = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(i32::from(!told.is_empty())), "{what}: {told}");
        ((*what).to_owned(), told)
    };
    changes.iter().map(told).collect()
}

/// A tar with another byte in its first header, whose checksum fits.
fn with_header(tar: &[u8], place: usize, bytes: &[u8]) -> Vec<u8> {
    let mut tar = tar.to_vec();
    tar[place..place + bytes.len()].copy_from_slice(bytes);
    tar[148..156].fill(b' ');
    let sum: u32 = tar[..512].iter().map(|byte| u32::from(*byte)).sum();
    tar[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    tar
}

#[test]
fn an_entry_of_a_tar_that_is_no_file_any_more_or_another_one_is_told() {
    let changes: &[Change] = &[
        ("a symbolic link", |tar| with_header(tar, 156, b"2")),
        ("a hard link", |tar| with_header(tar, 156, b"1")),
        ("a folder", |tar| with_header(tar, 156, b"5")),
        ("a device", |tar| with_header(tar, 156, b"3")),
        ("a global header", |tar| with_header(tar, 156, b"g")),
        ("with the name of a link", |tar| with_header(tar, 157, b"/etc/passwd")),
        ("with all rights", |tar| with_header(tar, 100, b"0004777\0")),
        ("another's", |tar| with_header(tar, 108, b"0000001\0")),
    ];
    for (what, told) in told_of_archive("out.tar", changes) {
        assert!(told.contains("C02000000.mobileconfig: ") && told.contains("archive"), "{what}: {told}");
    }
    assert_eq!(told_of_archive("out.tar", &[("nothing", |tar| tar.to_vec())])[0].1, "");
}

#[test]
fn what_stands_behind_the_end_of_a_tar_is_told() {
    const END: [u8; 1024] = [0; 1024];
    fn entry(tar: &[u8]) -> &[u8] {
        &tar[..(tar.len() - END.len()) / 3]
    }
    let changes: &[Change] = &[
        ("another tar", |tar| [tar, tar].concat()),
        ("an entry, and an end", |tar| [tar, entry(tar), &END].concat()),
        ("an entry", |tar| [tar, entry(tar)].concat()),
        ("bytes before an end", |tar| [tar, &[1; 512], &END].concat()),
        ("bytes between the blocks of the end", |tar| [&tar[..tar.len() - 512], &[1; 512], &END].concat()),
    ];
    for (what, told) in told_of_archive("out.tar", changes) {
        assert!(told.contains("its archive holds more than it names"), "{what}: {told}");
    }
    // As some programs fill their last record.
    assert_eq!(told_of_archive("out.tar", &[("zeros", |tar| [tar, &[0; 8192]].concat())])[0].1, "");
}

/// Where the table of contents of a zip begins.
fn central(zip: &[u8]) -> usize {
    zip.windows(4).position(|bytes| bytes == b"PK\x01\x02").unwrap()
}

/// A zip in which the first file is there twice, in the table of contents as well.
fn with_double(zip: &[u8]) -> Vec<u8> {
    let start = central(zip);
    let end = zip.len() - 22;
    let number = |place: usize| u32::from_le_bytes(zip[place..place + 4].try_into().unwrap());
    let records: Vec<usize> = (start..end).filter(|place| zip[*place..].starts_with(b"PK\x01\x02")).collect();
    let mut evil = zip[..number(records[1] + 42) as usize].to_vec();
    let last = evil.len() - 1;
    evil[last] ^= 1;
    let shifted = |record: &[u8], by: u32| {
        let mut record = record.to_vec();
        let offset = u32::from_le_bytes(record[42..46].try_into().unwrap()) + by;
        record[42..46].copy_from_slice(&offset.to_le_bytes());
        record
    };
    let by = u32::try_from(evil.len()).unwrap();
    let mut all = [&evil[..], &zip[..start]].concat();
    let begin = u32::try_from(all.len()).unwrap();
    all.extend_from_slice(&zip[records[0]..records[1]]);
    for (place, next) in records.iter().zip(records[1..].iter().chain([&end])) {
        all.extend(shifted(&zip[*place..*next], by));
    }
    let size = u32::try_from(all.len()).unwrap() - begin;
    let mut tail = zip[end..].to_vec();
    tail[8..10].copy_from_slice(&4_u16.to_le_bytes());
    tail[10..12].copy_from_slice(&4_u16.to_le_bytes());
    tail[12..16].copy_from_slice(&size.to_le_bytes());
    tail[16..20].copy_from_slice(&begin.to_le_bytes());
    [all, tail].concat()
}

#[test]
fn a_zip_that_unpacks_to_something_else_is_told() {
    let changes: &[Change] = &[
        ("a name twice", with_double),
        ("bytes before it", |zip| [&b"#!/bin/sh\n"[..], zip].concat()),
        ("another zip before it", |zip| [zip, zip].concat()),
        ("a symbolic link", |zip| {
            let mut zip = zip.to_vec();
            let place = central(&zip) + 38;
            zip[place..place + 4].copy_from_slice(&(0o120_777_u32 << 16).to_le_bytes());
            zip
        }),
        ("another name for who reads it as a stream", |zip| {
            let mut zip = zip.to_vec();
            zip[30] = b'D';
            zip
        }),
        ("a comment", |zip| {
            let mut zip = zip.to_vec();
            let place = zip.len() - 2;
            zip[place] = 4;
            [&zip[..], b"evil"].concat()
        }),
    ];
    for (what, told) in told_of_archive("out.zip", changes) {
        assert!(told.contains("out.zip.manifest.jsonl: its archive is not what was written: "), "{what}: {told}");
    }
    assert_eq!(told_of_archive("out.zip", &[("nothing", |zip| zip.to_vec())])[0].1, "");
}

#[test]
fn a_tar_with_many_long_names_and_a_zip_are_what_was_written() {
    let stage = Stage::new(KeySpec::P256);
    stage.fleet(300);
    let name = format!("{}-{{serial}}.mobileconfig", "n".repeat(120));
    for out in ["out.tar", "out.zip"] {
        stage.run(&["batch", "spec.toml", "devices.csv", "--out", out, "--name", &name, "--fan-out"]).success();
        stage.run(&["batch", "--verify", out, "--roots", "roots.pem"]).success();
        stage.run(&["batch", "--overwrite", out, "--out", &format!("freeing-{out}")]).success();
        stage.run(&["batch", "--verify", &format!("freeing-{out}"), "--roots", "roots.pem"]).success();
    }
}

#[test]
fn a_tar_that_was_tampered_with_is_not_gone_on_with() {
    let stage = Stage::new(KeySpec::P256);
    stage.fleet(6);
    let batch = ["batch", "spec.toml", "devices.csv", "--out", "out.tar"];
    stage.run(&batch).success();
    let whole = fs::read(stage.path("out.tar")).unwrap();
    for (place, bytes) in [(156, &b"2"[..]), (157, b"/etc/passwd"), (100, b"0004777\0")] {
        stage.cut("out.tar.manifest.jsonl", 4);
        let tampered = with_header(&whole, place, bytes);
        fs::write(stage.path("out.tar"), &tampered).unwrap();
        let told = stage.run(&[&batch[..], &["--resume"]].concat()).failure(1);
        let expected = "line 2, column 1: names C02000000.mobileconfig, which is not there as it was made";
        assert!(told.contains(expected), "{told}");
        assert!(fs::read(stage.path("out.tar")).unwrap() == tampered);
    }
    fs::write(stage.path("out.tar"), &whole).unwrap();
    stage.run(&[&batch[..], &["--resume"]].concat()).success();
    assert!(!profile_kit::sign::deterministic_ecdsa() || fs::read(stage.path("out.tar")).unwrap() == whole);
}

#[test]
fn nothing_may_stand_behind_the_count() {
    let stage = Stage::new(KeySpec::P256);
    stage.fleet(3);
    stage.run(&["batch", "spec.toml", "devices.csv", "--out", "out"]).success();
    let manifest = fs::read_to_string(stage.path("out/manifest.jsonl")).unwrap();
    for more in ["garbage\nmore\n", "\n", "half", "\0\0\0"] {
        fs::write(stage.path("out/manifest.jsonl"), format!("{manifest}{more}")).unwrap();
        for what in [
            &["batch", "--verify", "out"][..],
            &["batch", "--overwrite", "out", "--out", "freeing"],
            &["batch", "spec.toml", "devices.csv", "--out", "out", "--resume"],
        ] {
            let told = stage.run(what).failure(1);
            let expected = "error: out/manifest.jsonl: line 5, column 1: is the count, and more stands behind it";
            assert!(told.contains(expected), "{more:?}: {told}");
        }
        assert!(!stage.path("freeing").exists());
    }
}

#[test]
fn a_head_that_was_edited_is_told_where_the_files_show_it() {
    let stage = Stage::new(KeySpec::P256);
    stage.fleet(3);
    stage.run(&["batch", "spec.toml", "devices.csv", "--out", "out"]).success();
    stage.run(&["batch", "spec.toml", "devices.csv", "--out", "out.tar"]).success();
    stage.run(&["batch", "--overwrite", "out", "--out", "freeing"]).success();
    let row = |problem: &str| format!("line 2: C02000000.mobileconfig: {problem}");
    let head = |problem: &str| format!("manifest.jsonl: line 1, column 1: {problem}");
    for (out, from, to, why) in [
        ("out", "\"spec\":", "\"sepc\":", head("names no spec")),
        ("out", "SHA-256", "SHA-512", row("is signed with SHA-256, and the manifest says SHA-512")),
        ("out", "\"digest\":\"SHA-256\",", "", head("its option digest is missing")),
        ("out", "\"out\":\"directory\"", "\"out\":\"directoryx\"", head("its option out is none that there is")),
        ("out", "\"out\":\"directory\"", "\"was\":\"directory\"", head("its option out is missing")),
        ("out.tar", "\"out\":\"tar\"", "\"out\":\"zip\"", head("its option out is zip, and its files are in a tar")),
        ("out", "\"name\":\"{serial}", "\"name\":\"serial}", head("its option name is none: ")),
        ("out", "\"name\":", "\"nome\":", head("its option name is missing")),
        ("out", "\"name\":\"{serial}", "\"name\":\"x{serial}", row("is not how the file of device")),
        ("out", "\"device\":\"serial\",\"di", "\"divice\":\"serial\",\"di", head("its option device is missing")),
        ("out", "\"encoding\"", "\"fan_out\":\"yes\",\"encoding\"", row("is not how the file of device")),
        ("out", "\"encoding\"", "\"chain\":\"00\",\"encoding\"", row("has other certificates in it than")),
        ("out", "\"made\":\"profiles\"", "\"made\":\"overwrites\"", row("is no overwrite")),
        ("freeing", "\"made\":\"overwrites\"", "\"made\":\"profiles\"", head("its option device is missing")),
    ] {
        let path = stage.path(&match out {
            "out.tar" => "out.tar.manifest.jsonl".to_owned(),
            folder => format!("{folder}/manifest.jsonl"),
        });
        let whole = fs::read_to_string(&path).unwrap();
        assert!(whole.contains(from), "{from}");
        fs::write(&path, whole.replacen(from, to, 1)).unwrap();
        let told = stage.run(&["batch", "--verify", out]).failure(1);
        assert!(told.contains(&why), "{from} {to}: {told}");
        fs::write(&path, whole).unwrap();
    }
    // What the table alone knows cannot be asked; that is told.
    let path = stage.path("out/manifest.jsonl");
    let whole = fs::read_to_string(&path).unwrap();
    fs::write(&path, whole.replace("{serial}.mobileconfig", "{udid}.mobileconfig")).unwrap();
    let output = stage.output(&["batch", "--verify", "out"]);
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success() && told.contains("note: out/manifest.jsonl: the files are named by "), "{told}");
    let summary = stage.run(&["batch", "--verify", "out", "--format", "json"]).success();
    let summary: serde_json::Value = serde_json::from_str(&summary).unwrap();
    assert!(summary["results"][0]["notes"][0].as_str().unwrap().starts_with("the files are named by "), "{summary}");
}
