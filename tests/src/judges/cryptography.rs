//! Python's `cryptography`, by a script beside these tests.

use std::process::Command;

use super::{Bench, Judge, Judgement, Trust};
use crate::program;

/// Python's `cryptography`, 45 or later.
///
/// It has no verification of CMS: the script reads the structure itself, compares the messageDigest with the content,
/// the contentType with that of the content, has the signature over the attributes verified by the library, and the
/// path to the root at the moment too, with the library's rules for web servers put aside.
pub struct Cryptography;

impl Judge for Cryptography {
    fn name(&self) -> &'static str {
        "cryptography"
    }

    fn missing(&self) -> Option<String> {
        program::missing("python3", "python3").or_else(|| {
            let found = program::run(Command::new("python3").args(["-c", IS_RECENT])).status.success();
            (!found).then(|| "Python's cryptography 45 or later is missing (PyPI package cryptography)".to_owned())
        })
    }

    fn judge(&self, signed: &[Vec<u8>], trust: &Trust) -> Vec<Judgement> {
        Bench::new(trust).all(signed, trust, Command::new("python3").arg("-B").arg(SCRIPT))
    }
}

const IS_RECENT: &str = "from cryptography.x509.verification import ExtensionPolicy";
const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/judges/cryptography_judge.py");
