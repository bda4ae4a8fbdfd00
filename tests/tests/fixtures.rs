//! The set in `fixtures/`: its manifest lists it, the library yields what the manifest says, making it again changes nothing.

#![allow(clippy::unwrap_used, reason = "a test may fail by panic")]

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    sync::LazyLock,
};

use interop::fixtures::{
    self,
    manifest::{Ask, Entry, Manifest},
};

static MANIFEST: LazyLock<Manifest> = LazyLock::new(|| manifest(&folder()));

fn manifest(folder: &Path) -> Manifest {
    serde_json::from_slice(&fs::read(folder.join("manifest.json")).unwrap()).unwrap()
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures")
}

/// Every file below a folder, by its path from there.
fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(current) = folders.pop() {
        for entry in fs::read_dir(current).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(folder).unwrap().to_str().unwrap().replace('\\', "/");
                files.insert(name, fs::read(path).unwrap());
            }
        }
    }
    files
}

/// Fails with all that is wrong, a line each.
fn none(problems: Vec<String>) {
    assert!(problems.is_empty(), "{} problems in fixtures/:\n{}", problems.len(), problems.join("\n"));
}

/// What the library answers otherwise than the manifest says.
fn differences(folder: &Path, entry: &Entry) -> Vec<String> {
    let difference = |expectation: &fixtures::manifest::Expectation| {
        let found = fixtures::answer(folder, &entry.path, &expectation.ask, &expectation.yields);
        let (path, ask, wanted) = (&entry.path, name(&expectation.ask), &expectation.yields);
        (found != *wanted).then(|| format!("{path}: {ask}:\n  must yield {wanted:?}\n  yields     {found:?}"))
    };
    entry.expect.iter().filter_map(difference).collect()
}

fn name(ask: &Ask) -> String {
    serde_json::to_value(ask).unwrap()["ask"].as_str().unwrap().to_owned()
}

#[test]
fn the_manifest_lists_every_file_with_its_digest() {
    let present = files(&folder());
    let listed: BTreeMap<_, _> = MANIFEST.files.iter().map(|entry| (entry.path.as_str(), entry)).collect();
    let beside = [".gitattributes", "README.md", "manifest.json"];
    let unlisted =
        present.keys().filter(|path| !listed.contains_key(path.as_str()) && !beside.contains(&path.as_str()));
    let mut problems: Vec<_> = unlisted.map(|path| format!("{path}: is not in the manifest")).collect();
    for (path, entry) in listed {
        match present.get(path) {
            None => problems.push(format!("{path}: is in the manifest and not there")),
            Some(bytes) if fixtures::digest(bytes) != entry.sha256 => problems.push(format!("{path}: other digest")),
            Some(_) => {}
        }
    }
    none(problems);
}

#[test]
fn every_file_yields_what_the_manifest_says() {
    none(MANIFEST.files.iter().flat_map(|entry| differences(&folder(), entry)).collect());
}

#[test]
fn every_profile_and_hostile_file_is_asked_something() {
    let asked = |entry: &&Entry| entry.path.starts_with("profiles/") || entry.path.starts_with("hostile/");
    let silent = MANIFEST.files.iter().filter(asked).filter(|entry| entry.expect.is_empty());
    none(silent.map(|entry| format!("{}: nothing is expected of it", entry.path)).collect());
}

#[test]
fn making_the_set_again_changes_nothing() {
    let copy = tempfile::tempdir().unwrap();
    let before = files(&folder());
    for (path, bytes) in &before {
        let place = copy.path().join(path);
        fs::create_dir_all(place.parent().unwrap()).unwrap();
        fs::write(place, bytes).unwrap();
    }
    fixtures::make(copy.path());
    let after = files(copy.path());
    let paths: BTreeSet<_> = before.keys().chain(after.keys()).collect();
    let changed = paths.into_iter().filter(|path| before.get(*path) != after.get(*path));
    none(changed.map(|path| format!("{path}: is made otherwise now: run the example make-fixtures")).collect());
}

#[test]
fn a_set_with_new_keys_yields_the_same() {
    let fresh = tempfile::tempdir().unwrap();
    fixtures::make(fresh.path());
    let made = manifest(fresh.path());
    let paths = |manifest: &Manifest| manifest.files.iter().map(|entry| entry.path.clone()).collect::<Vec<_>>();
    assert_eq!(paths(&made), paths(&MANIFEST));
    none(made.files.iter().flat_map(|entry| differences(fresh.path(), entry)).collect());
}

#[test]
fn the_first_spec_is_what_the_program_writes() {
    let written = fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("../profile-kit/src/cli/example.toml")).unwrap();
    assert!(fs::read(folder().join("specs/ivi-mdm.toml")).unwrap() == written, "specs/ivi-mdm.toml");
}
