//! The `openssl` program, of the system's OpenSSL, not the one that the library is built with.

use std::process::Command;

use super::{Bench, Judge, Judgement, Trust};
use crate::program;

/// `openssl cms -verify`.
///
/// Its exit code is its verdict: 0 only when signature, digest and path are good. `-purpose any`, because the
/// default, S/MIME, asks more of a leaf than a device does. It writes the content only after it accepted it.
pub struct OpenSsl;

impl Judge for OpenSsl {
    fn name(&self) -> &'static str {
        "openssl"
    }

    fn missing(&self) -> Option<String> {
        program::missing("openssl", "openssl")
    }

    fn judge(&self, signed: &[Vec<u8>], trust: &Trust) -> Vec<Judgement> {
        let bench = Bench::new(trust);
        bench.each(signed, |file, out| {
            let mut command = Command::new("openssl");
            command.args([
                "cms",
                "-verify",
                "-inform",
                "DER",
                "-binary",
                "-purpose",
                "any",
                "-no-CApath",
                "-no-CAstore",
            ]);
            command.args(["-attime", &trust.seconds()]).arg("-CAfile").arg(&bench.root);
            let output = program::run(command.arg("-in").arg(file).arg("-out").arg(out));
            (output.status.success(), program::words(&output))
        })
    }
}
