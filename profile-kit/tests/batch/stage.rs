//! A folder in which batches run through the real binary.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{BufWriter, Write},
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    time::{Duration, UNIX_EPOCH},
};

use profile_kit::{
    Identity, IdentityFiles,
    pki::{Authority, KeySpec, Leaf, Validity},
};

use crate::judge;

/// A folder with keys, a spec and what a test makes.
pub struct Stage {
    pub folder: tempfile::TempDir,
}

impl Stage {
    pub fn new(key: KeySpec) -> Self {
        let validity = validity();
        let root = Authority::new("Example Root CA", KeySpec::P256, validity).unwrap();
        let signer = root.issue(&Leaf::new("Example Profile Signer", key, validity)).unwrap();
        let stage = Self { folder: tempfile::tempdir().unwrap() };
        fs::write(stage.path("roots.pem"), root.certificate_pem().unwrap()).unwrap();
        let chain = [signer.certificate_pem().unwrap(), root.certificate_pem().unwrap()].concat();
        fs::write(stage.path("signer.pem"), chain).unwrap();
        fs::write(stage.path("signer.key"), signer.key_pem().unwrap()).unwrap();
        stage.bare(&["new", "-o", "spec.toml"]).success();
        stage
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn identity(&self) -> Identity {
        let files = IdentityFiles::new(self.path("signer.pem"), self.path("signer.key"));
        IdentityFiles { allow_readable_key: true, ..files }.load().unwrap()
    }

    /// So many devices; a file is named by the serial number.
    pub fn fleet(&self, rows: usize) {
        let mut table = BufWriter::new(File::create(self.path("devices.csv")).unwrap());
        writeln!(table, "serial,office").unwrap();
        (0..rows).for_each(|row| writeln!(table, "C02{row:06},\"Office {}, Tokyo\"", row % 7).unwrap());
        table.flush().unwrap();
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_profile-kit"));
        command.args(arguments).current_dir(self.folder.path()).env("NO_COLOR", "1").stdin(Stdio::null());
        command
    }

    /// Runs with the options that name the key and the time.
    pub fn output(&self, arguments: &[&str]) -> Output {
        self.command(&self.signing(arguments)).output().unwrap()
    }

    pub fn signing<'a>(&self, arguments: &[&'a str]) -> Vec<&'a str> {
        let has = |option: &str| arguments.contains(&option);
        let mut all = arguments.to_vec();
        if !has("--verify") {
            all.extend(["--cert", "signer.pem", "--key", "signer.key", "--allow-readable-key"]);
            if !has("--signing-time") {
                all.extend(["--signing-time", "2026-01-01T00:00:00Z"]);
            }
        }
        all
    }

    pub fn run(&self, arguments: &[&str]) -> Ran {
        Ran(self.output(arguments))
    }

    /// Runs with no more options than are given.
    pub fn bare(&self, arguments: &[&str]) -> Ran {
        Ran(self.command(arguments).output().unwrap())
    }

    pub fn start(&self, arguments: &[&str]) -> Child {
        let mut command = self.command(&self.signing(arguments));
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    }

    /// Runs with so much address space at most, threads' stacks and the program itself included.
    pub fn within_mebibytes(&self, most: u32, arguments: &str) -> Output {
        let binary = env!("CARGO_BIN_EXE_profile-kit");
        let keys = "--cert signer.pem --key signer.key --allow-readable-key --quiet";
        let command = format!("ulimit -v {}; exec '{binary}' {arguments} {keys}", most << 10);
        Command::new("sh").args(["-c", &command]).current_dir(self.folder.path()).env("NO_COLOR", "1").output().unwrap()
    }

    /// The calls that open, write and sync; `None` where the program cannot be traced.
    pub fn traced(&self, arguments: &str) -> Option<String> {
        let mut strace = Command::new("strace");
        strace.args([
            "-f",
            "-y",
            "-o",
            "calls",
            "-e",
            "signal=none",
            "-e",
            "trace=openat,write,syncfs,fdatasync,fsync",
        ]);
        strace.arg(env!("CARGO_BIN_EXE_profile-kit")).args(self.signing(&arguments.split(' ').collect::<Vec<_>>()));
        let output = strace.current_dir(self.folder.path()).output().ok()?;
        output.status.success().then(|| fs::read_to_string(self.path("calls")).unwrap())
    }

    /// Cuts a manifest after so many rows, as a crash may leave it.
    pub fn cut(&self, manifest: &str, rows: usize) {
        let lines = fs::read_to_string(self.path(manifest)).unwrap();
        let length: usize = lines.split_inclusive('\n').take(1 + rows).map(str::len).sum();
        fs::write(self.path(manifest), &lines[..length]).unwrap();
    }

    /// Where the file of a row comes to stand, which is where it stands in another folder.
    pub fn file_of(&self, whole: &str, other: &str, row: usize) -> PathBuf {
        let manifest = fs::read_to_string(self.path(whole).join("manifest.jsonl")).unwrap();
        let line: serde_json::Value = serde_json::from_str(manifest.lines().nth(row).unwrap()).unwrap();
        self.path(other).join(line["file"].as_str().unwrap())
    }

    /// Every file of a folder and its sub-folders.
    pub fn files(&self, folder: &str) -> BTreeMap<String, Vec<u8>> {
        let mut files = BTreeMap::new();
        each_file(&self.path(folder), "", &mut |name, path| drop(files.insert(name, fs::read(path).unwrap())));
        files
    }

    pub fn assert_same(&self, one: &str, other: &str, message: &str) {
        let mut names = [Vec::new(), Vec::new()];
        for (names, folder) in names.iter_mut().zip([one, other]) {
            each_file(&self.path(folder), "", &mut |name, _| names.push(name));
            names.sort();
        }
        assert!(names[0] == names[1], "other files are there ({message})");
        for name in &names[0] {
            let [one, other] = [one, other].map(|folder| fs::read(self.path(folder).join(name)).unwrap());
            assert!(one == other, "{name} differs ({message})");
        }
    }

    /// A sample, evenly from all files.
    pub fn openssl_verifies(&self, folder: &str, count: usize) {
        let mut paths = Vec::new();
        each_file(&self.path(folder), "", &mut |name, path| {
            paths.extend(name.ends_with(".mobileconfig").then(|| path.to_owned()));
        });
        if !judge::is_present() {
            return;
        }
        for path in paths.iter().step_by((paths.len() / count).max(1)) {
            let path = path.to_str().unwrap();
            let verify = ["cms", "-verify", "-inform", "DER", "-binary", "-purpose", "any", "-CAfile", "roots.pem"];
            judge::openssl(self.folder.path(), &[&verify[..], &["-in", path, "-out", "/dev/null"]].concat()).unwrap();
        }
    }
}

pub fn each_file(folder: &Path, within: &str, visit: &mut dyn FnMut(String, &Path)) {
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let name = format!("{within}{}", entry.file_name().to_str().unwrap());
        match entry.file_type().unwrap().is_dir() {
            true => each_file(&entry.path(), &format!("{name}/"), visit),
            false => visit(name, &entry.path()),
        }
    }
}

pub struct Ran(Output);

impl Ran {
    /// What it says, given that it succeeded.
    pub fn success(self) -> String {
        assert!(self.0.status.success(), "{}", String::from_utf8_lossy(&self.0.stderr));
        String::from_utf8_lossy(&self.0.stdout).into_owned()
    }

    /// What it says of its failure.
    pub fn failure(self, status: i32) -> String {
        let told = String::from_utf8_lossy(&self.0.stderr).into_owned();
        assert_eq!(self.0.status.code(), Some(status), "{told}");
        told
    }
}

pub fn validity() -> Validity {
    Validity::days(UNIX_EPOCH + Duration::from_secs(1_700_000_000), 18_250)
}
