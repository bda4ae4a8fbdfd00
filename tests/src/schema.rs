//! Apple's schema: the table that the library carries, made of Apple's files; and both read anew, to compare them.
//!
//! An attribute that is not known here ends the making: a newer release may say something that the table has to learn.

mod convert;
mod flat;
mod judge;
mod yaml;

use std::{
    fs,
    path::{Path, PathBuf},
};

pub use flat::flat;
pub use judge::PyYaml;
use yaml::Document;

/// Where the table stands.
pub const TABLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../profile-kit/src/schema/apple.txt");

/// The table of a folder of Apple's files.
///
/// # Panics
/// Where a file is no YAML, or says something that the table has no form for; the file is named.
pub fn make(folder: &Path) -> String {
    let licence = fs::read_to_string(folder.join("LICENSE.txt")).unwrap();
    let copyright = licence.lines().find(|line| line.starts_with("Copyright")).unwrap();
    let mut table = HEAD.replace("{copyright}", copyright.trim());
    for file in files(folder) {
        let document = Document::read(&fs::read_to_string(&file).unwrap());
        let name = file.file_stem().unwrap().to_str().unwrap();
        table.push('\n');
        table += &convert::payload(name, &document);
    }
    table
}

/// Apple's files of a folder, in the order of their names.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<_> = entries.filter(|file| file.extension().is_some_and(|name| name == "yaml")).collect();
    files.sort();
    files
}

const HEAD: &str = "\
# Facts of Apple's schema of configuration profiles, from the YAML files of the repository apple/device-management.
# {copyright} MIT licence, as in that repository; its titles and descriptions are not here.
# Made by the example `make-schema`; table.rs beside this file tells how it is read.
#
# payload TYPE [FILE], then @PLATFORM:…, then `group NAME` of keys that stand in several places, then the keys:
# KEY TYPE<SUBTYPE> [required] [in=VALUE,…] [range=MIN..MAX] [count=MIN..MAX] [format=REGEX] [default=VALUE]
#     [keys=GROUP] [@PLATFORM:…]
# @PLATFORM: since when (n/a: not at all), deprecated=, removed=; + for true and - for false: multiple in a profile,
#     needs a supervised device, works installed by hand, on the device and on the user channel, needs automatic
#     enrolment (dep), needs approved MDM, on both channels of a Shared iPad; enrolment= and ipad=: user enrolment
#     and Shared iPad. A key says only where it differs from what is around it.
";
