//! GnuPG's `gpgsm`.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Command,
};

use openssl::{hash::MessageDigest, x509::X509};
use tempfile::TempDir;

use super::{Bench, Judge, Judgement, Trust};
use crate::program;

/// `gpgsm --verify` with a home of its own.
///
/// Its status lines are its verdict: for each `NEWSIG` a `GOODSIG`, a `VALIDSIG` and a `TRUST_FULLY`. Its exit code
/// lies both ways: 0 for an expired certificate, which is another status line only, `EXPKEYSIG`; 2 for a good signature
/// whose digest is shorter than the ECDSA key (P-384 with SHA-256), which it dislikes. It remembers every certificate that it saw and looks signers up
/// among them by issuer and serial number, so each file finds a key box that knows the root only.
pub struct Gpgsm;

impl Judge for Gpgsm {
    fn name(&self) -> &'static str {
        "gpgsm"
    }

    fn missing(&self) -> Option<String> {
        ["gpgsm", "gpgconf"].iter().find_map(|program| program::missing(program, "gpgsm"))
    }

    fn judge(&self, signed: &[Vec<u8>], trust: &Trust) -> Vec<Judgement> {
        let (bench, home) = (Bench::new(trust), Home::new(&trust.root_pem));
        bench.each(signed, |file, out| {
            home.forget();
            let mut command = home.gpgsm();
            command.args(["--assume-binary", "--faked-system-time", &trust.seconds(), "--status-fd", "1"]);
            let output = program::run(command.arg("--output").arg(out).arg("--verify").arg(file));
            let words = program::words(&output);
            (is_good(&words), words)
        })
    }
}

fn is_good(words: &str) -> bool {
    let lines = words.lines().filter_map(|line| line.strip_prefix("[GNUPG:] "));
    let statuses: Vec<_> = lines.filter_map(|line| line.split(' ').next()).collect();
    let count = |status: &str| statuses.iter().filter(|said| **said == status).count();
    let signers = count("NEWSIG");
    signers > 0 && ["GOODSIG", "VALIDSIG", "TRUST_FULLY"].iter().all(|status| count(status) == signers)
}

/// A GnuPG home, with an agent that says which roots are trusted.
pub(crate) struct Home {
    folder: TempDir,
    root_only: PathBuf,
}

impl Home {
    pub(crate) fn new(root_pem: &[u8]) -> Self {
        let folder = TempDir::new().unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o700)).unwrap();
        let root = X509::from_pem(root_pem).unwrap();
        let fingerprint: String =
            root.digest(MessageDigest::sha1()).unwrap().iter().map(|octet| format!("{octet:02X}")).collect();
        program::write(folder.path(), "trustlist.txt", format!("{fingerprint} S relax\n").as_bytes());
        let home = Self { root_only: folder.path().join("root-only.kbx"), folder };
        let root = program::write(home.path(), "root.der", &root.to_der().unwrap());
        program::succeed(home.gpgsm().arg("--import").arg(root));
        fs::copy(home.path().join("pubring.kbx"), &home.root_only).unwrap();
        home
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn gpgsm(&self) -> Command {
        let mut command = Command::new("gpgsm");
        command.arg("--homedir").arg(self.path());
        command.args(["--batch", "--no-tty", "--disable-dirmngr", "--disable-crl-checks", "--no-common-certs-import"]);
        command
    }

    /// Back to the root as the only known certificate.
    fn forget(&self) {
        fs::copy(&self.root_only, self.path().join("pubring.kbx")).unwrap();
    }
}

/// The agent ends with the home.
impl Drop for Home {
    fn drop(&mut self) {
        program::run(Command::new("gpgconf").arg("--homedir").arg(self.path()).args(["--kill", "gpg-agent"]));
    }
}

#[cfg(test)]
mod tests {
    use super::is_good;

    #[test]
    fn good_is_three_statuses_for_each_signer() {
        let words =
            |statuses: &[&str]| statuses.iter().map(|it| format!("[GNUPG:] {it} 00 /CN=a\n")).collect::<String>();
        let good = ["NEWSIG", "GOODSIG", "VALIDSIG", "TRUST_FULLY"];
        assert!(is_good(&words(&good)));
        assert!(!is_good(&words(&["NEWSIG", "BADSIG"])));
        assert!(!is_good(&words(&["NEWSIG", "EXPKEYSIG", "VALIDSIG", "TRUST_FULLY"])));
        assert!(!is_good(&words(&["NEWSIG", "GOODSIG", "VALIDSIG", "TRUST_NEVER"])));
        assert!(!is_good(&words(&[&good[..], &["NEWSIG", "BADSIG"]].concat())));
        assert!(!is_good("gpgsm: Good signature from [GNUPG:] GOODSIG"));
    }
}
