//! BouncyCastle, by a Java program beside these tests.

use std::process::Command;

use super::{Bench, Judge, Judgement, Trust};
use crate::program;

/// `CMSSignedData` and a PKIX path.
///
/// The program verifies each signer with the certificate that its identifier selects (all of them, where several
/// match), then builds the path to the root at the moment, with the certificates of the file. It judges all files in
/// one run and is compiled by `java` as it starts. The content is given out where the signature is good.
pub struct BouncyCastle;

impl Judge for BouncyCastle {
    fn name(&self) -> &'static str {
        "BouncyCastle"
    }

    fn missing(&self) -> Option<String> {
        let jar = || JARS.iter().find_map(|(jar, package)| program::missing_file(jar, package));
        program::missing("javac", "default-jdk-headless").or_else(jar)
    }

    fn judge(&self, signed: &[Vec<u8>], trust: &Trust) -> Vec<Judgement> {
        Bench::new(trust).all(signed, trust, &mut java("BouncyCastleJudge"))
    }
}

/// Runs one of the programs beside these tests, compiled on the way.
pub(crate) fn java(class: &str) -> Command {
    let jars: Vec<_> = JARS.iter().map(|(jar, _)| *jar).collect();
    let mut command = Command::new("java");
    command.args(["-XX:TieredStopAtLevel=1", "--class-path", &jars.join(":")]);
    command.arg(format!("{SOURCES}/{class}.java"));
    command
}

const JARS: [(&str, &str); 3] = [
    ("/usr/share/java/bcprov.jar", "libbcprov-java"),
    ("/usr/share/java/bcpkix.jar", "libbcpkix-java"),
    ("/usr/share/java/bcutil.jar", "libbcutil-java"),
];
const SOURCES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/judges");
