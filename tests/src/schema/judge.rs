//! Python's `yaml` (PyYAML), which reads Apple's files by its own lights.

use std::{path::Path, process::Command};

use crate::program;

/// PyYAML, by a script beside these tests. It knows aliases that contain themselves.
pub struct PyYaml;

impl PyYaml {
    /// What is not installed, and the package that brings it.
    pub fn missing() -> Option<String> {
        program::missing("python3", "python3").or_else(|| {
            let found = program::run(Command::new("python3").args(["-c", "import yaml"])).status.success();
            (!found).then(|| "PyYAML is missing (PyPI package PyYAML)".to_owned())
        })
    }

    /// Every fact of a folder of Apple's files, as [`flat`](super::flat()) writes those of the table.
    pub fn flat(folder: &Path) -> Vec<String> {
        let printed = program::succeed(Command::new("python3").arg("-B").arg(SCRIPT).arg(folder));
        String::from_utf8(printed).unwrap().lines().map(String::from).collect()
    }
}

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/judges/schema_judge.py");
