//! Python's openapi-spec-validator, which knows what an OpenAPI document may say.

use std::{io::Write, process::Command};

use tempfile::NamedTempFile;

use crate::program;

/// The validator, by a script beside these tests.
pub struct OpenApiValidator;

impl OpenApiValidator {
    /// What is not installed, and the package that brings it.
    pub fn missing() -> Option<String> {
        program::missing("python3", "python3").or_else(|| {
            let asked = program::run(Command::new("python3").args(["-c", "import openapi_spec_validator"]));
            let found = asked.status.success();
            (!found).then(|| "openapi-spec-validator is missing (PyPI package openapi-spec-validator)".to_owned())
        })
    }

    /// Everything that is wrong with a document, a line each; nothing where it is valid.
    pub fn problems(document: &str) -> String {
        let mut file = NamedTempFile::new().unwrap();
        file.write_all(document.as_bytes()).unwrap();
        let printed = program::succeed(Command::new("python3").arg("-B").arg(SCRIPT).arg(file.path()));
        String::from_utf8(printed).unwrap().trim().to_owned()
    }
}

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/judges/openapi_judge.py");
