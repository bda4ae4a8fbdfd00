//! The library's table of Apple's schema says what Apple's files say.

#![allow(clippy::unwrap_used, reason = "a test may fail by panic")]

use std::{collections::BTreeSet, fs};

use interop::{
    corpus, is_present,
    schema::{self, PyYaml},
};

#[test]
fn says_key_by_key_what_apples_files_say() {
    let Some(folder) = corpus("apple-schema") else { return };
    if !is_present(PyYaml::missing()) {
        return;
    }
    let (apples, ours) = (PyYaml::flat(&folder), schema::flat());
    assert!(apples.len() > 10_000, "only {} facts", apples.len());
    let (apples, ours): (BTreeSet<_>, BTreeSet<_>) = (apples.into_iter().collect(), ours.into_iter().collect());
    let missing: Vec<_> = apples.difference(&ours).take(20).collect();
    let invented: Vec<_> = ours.difference(&apples).take(20).collect();
    assert!(missing.is_empty() && invented.is_empty(), "missing: {missing:#?}\ninvented: {invented:#?}");
}

#[test]
fn the_table_is_what_the_converter_makes_of_apples_files() {
    let Some(folder) = corpus("apple-schema") else { return };
    let table = fs::read_to_string(schema::TABLE).unwrap();
    let differs = table.lines().zip(schema::make(&folder).lines()).position(|(old, new)| old != new);
    assert_eq!(differs, None, "make it again: cargo run -p interop --example make-schema -- {}", folder.display());
    assert!(table == schema::make(&folder), "make it again");
}
