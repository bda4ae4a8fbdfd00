//! Other implementations that sign, for the library's verifier to judge. They all sign at the machine's time.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use tempfile::TempDir;

use crate::{
    judges::{bouncycastle::java, gpgsm::Home, nss::database},
    pki::{PASSPHRASE, Signer},
    program,
};

/// `openssl cms -sign` with further options, of which a digest has to be one.
pub fn openssl(signer: &Signer, content: &[u8], options: &[&str]) -> Vec<u8> {
    let bench = Bench::new(signer, content);
    let mut command = Command::new("openssl");
    command.args(["cms", "-sign", "-binary", "-nodetach", "-outform", "DER"]);
    command.arg("-signer").arg(bench.file("leaf.pem")).arg("-inkey").arg(bench.file("leaf.key")).args(options);
    command.arg("-certfile").arg(bench.file("chain.pem")).arg("-in").arg(bench.file("content"));
    bench.signed_by(command.arg("-out").arg(bench.file("signed")))
}

/// `certtool --p7-sign`, which leaves the chain out unless it stands with the certificate.
pub fn certtool(signer: &Signer, content: &[u8]) -> Vec<u8> {
    let bench = Bench::new(signer, content);
    let both = [signer.certificate_pem(), signer.chain_pem()].concat();
    let mut command = Command::new("certtool");
    command.args(["--p7-sign", "--p7-time", "--outder", "--load-certificate"]);
    command.arg(program::write(bench.path(), "both.pem", &both)).arg("--load-privkey").arg(bench.file("leaf.key"));
    bench.signed_by(command.arg("--infile").arg(bench.file("content")).arg("--outfile").arg(bench.file("signed")))
}

/// `cmsutil -S` with a signing time; `-Y NONE`, or it asks for a certificate to encrypt to.
pub fn cmsutil(signer: &Signer, root_pem: &[u8], content: &[u8]) -> Vec<u8> {
    let bench = Bench::new(signer, content);
    let database = database(bench.path(), &program::write(bench.path(), "root.pem", root_pem));
    let mut import = Command::new("pk12util");
    import.args(["-d", &database, "-W", PASSPHRASE, "-K", "", "-i"]).arg(bench.file("leaf.p12"));
    program::succeed(&mut import);
    let mut command = Command::new("cmsutil");
    command.args(["-S", "-G", "-Y", "NONE", "-N", "leaf", "-d", &database, "-i"]).arg(bench.file("content"));
    bench.signed_by(command.arg("-o").arg(bench.file("signed")))
}

/// `gpgsm --sign`; before 2.4 it imports RSA keys only.
///
/// Before 2.4 it also cannot open one PKCS#12 file in fifty: it derives keys (RFC 7292, appendix B.2) wrongly where a
/// sum begins with a zero octet, which is for the random salt to say. So it is given others until it opens one.
pub fn gpgsm(signer: &Signer, root_pem: &[u8], content: &[u8]) -> Vec<u8> {
    let (bench, home) = (Bench::new(signer, content), Home::new(root_pem));
    let passphrase = program::write(bench.path(), "passphrase", PASSPHRASE.as_bytes());
    let unlocking = || {
        let mut command = home.gpgsm();
        command.args(["--pinentry-mode", "loopback", "--passphrase-fd", "0"]);
        command
    };
    let import = |number: u32| {
        let file = program::write(bench.path(), &format!("{number}.p12"), &signer.pkcs12());
        program::run_reading(unlocking().arg("--import").arg(file), &passphrase)
    };
    let (mut number, mut imported) = (1, import(1));
    while number < SALTS && !imported.status.success() {
        number += 1;
        imported = import(number);
    }
    assert!(imported.status.success(), "gpgsm opens none of {SALTS} PKCS#12 files: {}", program::words(&imported));
    let mut command = unlocking();
    command.args(["--disable-policy-checks", "--local-user", &signer.name(), "--include-certs", "-1"]);
    command.arg("--output").arg(bench.file("signed")).arg("--sign").arg(bench.file("content"));
    program::succeed_reading(&mut command, &passphrase);
    bench.signed()
}

/// BouncyCastle's `CMSSignedDataGenerator` with a signature algorithm, by its Java name.
pub fn bouncycastle(signer: &Signer, content: &[u8], algorithm: &str) -> Vec<u8> {
    let bench = Bench::new(signer, content);
    let files = ["leaf.p12", "content", "signed"].map(|name| bench.file(name));
    bench.signed_by(java("BouncyCastleSigner").arg(algorithm).arg(PASSPHRASE).args(files))
}

/// That none of so many is opened happens once in 10^13 times.
const SALTS: u32 = 8;

/// A folder with everything that signing takes.
struct Bench {
    folder: TempDir,
}

impl Bench {
    fn new(signer: &Signer, content: &[u8]) -> Self {
        let bench = Self { folder: TempDir::new().unwrap() };
        program::write(bench.path(), "leaf.pem", &signer.certificate_pem());
        program::write(bench.path(), "leaf.key", &signer.key_pem());
        program::write(bench.path(), "chain.pem", &signer.chain_pem());
        program::write(bench.path(), "leaf.p12", &signer.pkcs12());
        program::write(bench.path(), "content", content);
        bench
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn signed_by(&self, command: &mut Command) -> Vec<u8> {
        program::succeed(command);
        self.signed()
    }

    fn signed(&self) -> Vec<u8> {
        fs::read(self.file("signed")).unwrap()
    }
}
