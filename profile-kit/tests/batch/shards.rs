//! One table on several machines.

use std::{fs, io::Write};

use profile_kit::pki::KeySpec;

use crate::stage::Stage;

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
    let folders = ["shard2", "shard3", "shard1"];
    stage.bare(&[&["batch", "--out", "by-folders.jsonl", "--join"], &folders[..]].concat()).success();
    assert!(fs::read(stage.path("by-folders.jsonl")).unwrap() == fs::read(stage.path("whole/manifest.jsonl")).unwrap());
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
fn overwrites_of_one_shard_are_told_as_such() {
    let stage = Stage::new(KeySpec::P256);
    stage.fleet(4);
    for (out, shard, is_told) in [("part", &["--shard", "1/2"][..], true), ("whole", &[], false)] {
        stage.run(&[&["batch", "spec.toml", "devices.csv", "--out", out], shard].concat()).success();
        let freeing = format!("{out}-freeing");
        let output = stage.output(&["batch", "--overwrite", out, "--os", "17", "--out", &freeing]);
        let told = String::from_utf8(output.stderr).unwrap();
        let note = format!("note: {out}/manifest.jsonl: is of shard 1/2 alone: the devices of the other shards need");
        assert!(output.status.success() && told.contains(&note) == is_told, "{told}");
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
        (
            without(3, "\"made\":3"),
            "shard2/manifest.jsonl: line 4, column 1: does not count what the lines before it say",
        ),
        (without(2, "\"made\":2"), "shard2/manifest.jsonl: line 3, column 1: is about row 8, and row 5 has no line"),
        (
            without(3, "\"made\":2"),
            "shard2/manifest.jsonl: line 4, column 1: counts 9 rows of the table, and row 8 has no line",
        ),
        (without(4, ""), "shard2/manifest.jsonl: line 4, column 1: has no end"),
        (
            second.replace("{\"row\":5", "{\"row\":6"),
            "shard2/manifest.jsonl: line 3, column 1: is about row 6, and row 5 has no line",
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
