//! NSS, Mozilla's library, by its program `cmsutil`.

use std::{path::Path, process::Command};

use super::{Bench, Judge, Judgement, Trust};
use crate::program;

/// `cmsutil -D` with a certificate database of its own.
///
/// With `-h` it exits 0 even where the signature is bad, so its status words are read: `GoodSignature` for every
/// signer. It judges certificates at the time that the signature says, or now where it says none; `at` is not asked.
/// A second call gives the content, and only where the first accepted it.
pub struct Nss;

impl Judge for Nss {
    fn name(&self) -> &'static str {
        "cmsutil"
    }

    fn missing(&self) -> Option<String> {
        ["certutil", "cmsutil"].iter().find_map(|program| program::missing(program, "libnss3-tools"))
    }

    fn judge(&self, signed: &[Vec<u8>], trust: &Trust) -> Vec<Judgement> {
        let bench = Bench::new(trust);
        let database = database(bench.path(), &bench.root);
        bench.each(signed, |file, out| {
            let decode = || Command::new("cmsutil");
            let output = program::run(decode().args(["-D", "-d", &database, "-h", "1", "-n", "-i"]).arg(file));
            let words = program::words(&output);
            let accepted = every_signer_is_good(&words);
            if accepted {
                program::succeed(decode().args(["-D", "-d", &database, "-i"]).arg(file).arg("-o").arg(out));
            }
            (accepted, words)
        })
    }
}

/// A new certificate database in a folder that trusts a root.
pub(crate) fn database(folder: &Path, root: &Path) -> String {
    let database = format!("sql:{}", folder.display());
    program::succeed(Command::new("certutil").args(["-N", "-d", &database, "--empty-password"]));
    let mut trusting = Command::new("certutil");
    program::succeed(trusting.args(["-A", "-d", &database, "-n", "root", "-t", "CT,C,C", "-i"]).arg(root));
    database
}

/// The count stands in the header of the message (`nsigners=1`), a status in a line a signer.
fn every_signer_is_good(words: &str) -> bool {
    let signers: usize = words
        .split_once("nsigners=")
        .and_then(|(_, rest)| rest.split(';').next()?.trim().parse().ok())
        .unwrap_or_default();
    let good = words.matches(".status=GoodSignature;").count();
    signers > 0 && good == signers && words.matches(".status=").count() == signers
}

#[cfg(test)]
mod tests {
    use super::every_signer_is_good;

    #[test]
    fn good_is_one_good_word_for_each_signer() {
        let words = |signers: &str| format!("SMIME: \tlevel=1.2; type=signedData; {signers}\tlevel=1.1; type=data;");
        let good = r#"signer0.id="a"; signer0.status=GoodSignature; "#;
        let bad = r#"signer1.id="b"; signer1.status=DigestMismatch; "#;
        assert!(every_signer_is_good(&words(&format!("nsigners=1; {good}"))));
        assert!(!every_signer_is_good(&words(&format!("nsigners=1; {bad}"))));
        assert!(!every_signer_is_good(&words(&format!("nsigners=2; {good}{bad}"))));
        assert!(!every_signer_is_good(&words(&format!("nsigners=2; {good}"))));
        assert!(!every_signer_is_good(&words("nsigners=0; ")));
        assert!(!every_signer_is_good(""));
    }
}
