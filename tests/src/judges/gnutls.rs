//! GnuTLS by its program `certtool`.

use std::process::Command;

use super::{Bench, Judge, Judgement, Trust};
use crate::program;

/// `certtool --p7-verify`.
///
/// It says `Signature status: ok` for each signer who is good, and anything else for the others, in the same words
/// whatever is wrong; its exit code agrees. It judges certificates by the machine's clock and has no option for
/// another moment. The content is written before the verdict.
pub struct GnuTls;

impl Judge for GnuTls {
    fn name(&self) -> &'static str {
        "certtool"
    }

    fn missing(&self) -> Option<String> {
        program::missing("certtool", "gnutls-bin")
    }

    fn knows_time(&self) -> bool {
        false
    }

    fn judge(&self, signed: &[Vec<u8>], trust: &Trust) -> Vec<Judgement> {
        let bench = Bench::new(trust);
        bench.each(signed, |file, out| {
            let mut command = Command::new("certtool");
            command.args(["--p7-verify", "--p7-show-data", "--inder", "--load-ca-certificate"]).arg(&bench.root);
            let output = program::run(command.arg("--infile").arg(file).arg("--outfile").arg(out));
            let words = program::words(&output);
            (output.status.success() && every_status_is_ok(&words), words)
        })
    }
}

fn every_status_is_ok(words: &str) -> bool {
    let mut statuses = words.lines().filter_map(|line| line.trim().strip_prefix("Signature status: ")).peekable();
    statuses.peek().is_some() && statuses.all(|status| status == "ok")
}

#[cfg(test)]
mod tests {
    use super::every_status_is_ok;

    #[test]
    fn good_is_ok_for_each_signer() {
        let (good, bad) = ("\tSignature status: ok\n", "\tSignature status: verification failed: why\n");
        assert!(every_status_is_ok(good));
        assert!(every_status_is_ok(&[good, good].concat()));
        assert!(!every_status_is_ok(&[good, bad].concat()));
        assert!(!every_status_is_ok(bad));
        assert!(!every_status_is_ok("Signers:\n"));
    }
}
