//! Other implementations of property lists that read what the library writes, and write what it reads.

use std::{fs, path::Path, process::Command};

use tempfile::TempDir;

use crate::program;

/// Python's `plistlib`.
pub struct Plistlib;

/// What `plistlib` makes of one file.
#[derive(Clone, Debug)]
pub struct Reread {
    /// The values, as [`canonical`](crate::canonical) writes them, or why there are none.
    pub values: Result<String, String>,
    /// The same values written by `plistlib` as XML, where it could.
    pub xml: Option<Vec<u8>>,
    /// The same values written by `plistlib` as a binary property list, where it could.
    pub binary: Option<Vec<u8>>,
}

impl Plistlib {
    /// What is not installed, and the package that brings it.
    pub fn missing() -> Option<String> {
        program::missing("python3", "python3")
    }

    /// Reads files and writes them again, all in one run.
    pub fn reread(files: &[Vec<u8>]) -> Vec<Reread> {
        let folder = TempDir::new().unwrap();
        for (number, bytes) in files.iter().enumerate() {
            program::write(folder.path(), &number.to_string(), bytes);
        }
        let printed = program::succeed(Command::new("python3").arg("-B").arg(SCRIPT).arg(folder.path()));
        let printed = String::from_utf8(printed).unwrap();
        let lines: Vec<_> = printed.lines().collect();
        assert_eq!(lines.len(), files.len(), "plistlib read not every file");
        lines.iter().enumerate().map(|(number, line)| Reread::of(folder.path(), number, line)).collect()
    }
}

impl Reread {
    fn of(folder: &Path, number: usize, line: &str) -> Self {
        let written = |form: &str| fs::read(folder.join(format!("{number}.{form}"))).ok();
        let values = match line.strip_prefix('!') {
            Some(problem) => Err(problem.to_owned()),
            None => Ok(line.to_owned()),
        };
        Self { values, xml: written("xml"), binary: written("binary") }
    }
}

/// libplist's `plistutil`.
///
/// It exits 0 for a file that it could not read, and writes nothing then. It passes a file through unread that is
/// in the form asked for already, so it is asked for the other one.
pub struct Plistutil;

impl Plistutil {
    /// What is not installed, and the package that brings it.
    pub fn missing() -> Option<String> {
        program::missing("plistutil", "libplist-utils")
    }

    /// XML turned into a binary property list.
    pub fn to_binary(xml: &[u8]) -> Option<Vec<u8>> {
        convert(xml, "bin")
    }

    /// A binary property list turned into XML.
    pub fn to_xml(binary: &[u8]) -> Option<Vec<u8>> {
        convert(binary, "xml")
    }
}

fn convert(bytes: &[u8], form: &str) -> Option<Vec<u8>> {
    let folder = TempDir::new().unwrap();
    let (file, out) = (program::write(folder.path(), "in", bytes), folder.path().join("out"));
    program::run(Command::new("plistutil").args(["-f", form, "-i"]).arg(file).arg("-o").arg(&out));
    fs::read(out).ok().filter(|written| !written.is_empty())
}

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/judges/plistlib_judge.py");
