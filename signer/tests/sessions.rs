//! The sessions in the README and in `docs/signer.md` run as they are written, each file in a folder of its own.
//!
//! In a block ```` ```console signer ````, `$ …` is run by the shell; what follows is its output, standard output before
//! standard error; `? N` is an exit status other than 0. `[..]` stands for anything in a line, `...` for any lines. A
//! command that ends in ` &` goes on until the file's end, and its output is what it prints until it listens. The port 8080
//! is another one. A block ```` ```toml NAME ```` is a file.

#![allow(clippy::unwrap_used, reason = "a test may fail by panic")]

use std::{
    fs,
    io::{BufRead, BufReader},
    net::TcpListener,
    os::unix::{fs::PermissionsExt, process::CommandExt},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::SystemTime,
};

use profile_kit::pki::{Authority, KeySpec, Leaf, Validity};
use snapbox::Assert;

#[test]
fn the_readme_is_true() {
    Session::new().run(&root().join("README.md"));
}

#[test]
fn the_operators_manual_is_true() {
    Session::new().run(&root().join("docs/signer.md"));
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

enum Step {
    File { name: String, content: String },
    Command { command: String, expected: String },
}

/// What a file of sessions runs in.
struct Session {
    folder: tempfile::TempDir,
    port: u16,
    daemons: Vec<Child>,
}

impl Session {
    /// A folder with two identities, as the files say.
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let day = std::time::Duration::from_secs(86_400);
        let validity = Validity::days(SystemTime::now() - day, 3650);
        let root = Authority::new("Example Root CA", KeySpec::P256, validity).unwrap();
        for name in ["current", "next"] {
            let leaf =
                root.issue(&Leaf::new(&format!("Example Signer ({name})"), KeySpec::Rsa(2048), validity)).unwrap();
            let chain = [leaf.certificate_pem().unwrap(), root.certificate_pem().unwrap()].concat();
            fs::write(folder.path().join(format!("{name}.pem")), chain).unwrap();
            let key = folder.path().join(format!("{name}.key"));
            fs::write(&key, leaf.key_pem().unwrap()).unwrap();
            fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
        }
        fs::copy(self::root().join("signer/src/dev/ivi-mdm.toml"), folder.path().join("ivi-mdm.toml")).unwrap();
        // Somebody else may take it until it is used; then the session fails and says so.
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        Self { folder, port, daemons: Vec::new() }
    }

    fn run(&mut self, file: &Path) {
        let text = fs::read_to_string(file).unwrap();
        let steps = steps(&text);
        if let Some(program) = missing(&steps) {
            println!("skipped: {program} is missing");
            assert!(std::env::var("REQUIRE_JUDGES").is_err(), "{program} is missing");
            return;
        }
        let mut differences = String::new();
        for step in steps {
            match step {
                Step::File { name, content } => {
                    fs::write(self.folder.path().join(name), self.ported(&content)).unwrap()
                }
                Step::Command { command, expected } => {
                    let (asked, expected) = (self.ported(&command), self.ported(&expected));
                    let output = match asked.strip_suffix(" &") {
                        Some(daemon) => self.begin(daemon, expected.lines().count()),
                        None => self.output(&asked),
                    };
                    let (actual, expected) = (format!("$ {asked}\n{output}"), format!("$ {asked}\n{expected}"));
                    let same = Assert::new().normalize_paths(false);
                    if let Err(difference) = same.try_eq(Some(&file.display()), actual.into(), expected.into()) {
                        differences += &difference.to_string();
                    }
                }
            }
        }
        assert!(differences.is_empty(), "{differences}");
    }

    fn ported(&self, text: &str) -> String {
        let text = text.replace("127.0.0.1:8080", &format!("127.0.0.1:{}", self.port));
        text.replace("signer serve --dev", &format!("signer serve --dev --listen 127.0.0.1:{}", self.port))
    }

    fn shell(&self, command: &str) -> Command {
        let binary = Path::new(env!("CARGO_BIN_EXE_signer")).parent().unwrap();
        let path = format!("{}:{}", binary.display(), std::env::var("PATH").unwrap());
        let mut shell = Command::new("sh");
        shell.args(["-c", command]).current_dir(self.folder.path()).env("PATH", path).stdin(Stdio::null());
        shell
    }

    /// Starts a daemon; its first lines.
    fn begin(&mut self, command: &str, lines: usize) -> String {
        let log = fs::File::create(self.folder.path().join("signer.log")).unwrap();
        let mut shell = self.shell(&format!("exec {command}"));
        let mut daemon = shell.stdout(Stdio::piped()).stderr(log).process_group(0).spawn().unwrap();
        let mut output = BufReader::new(daemon.stdout.take().unwrap());
        self.daemons.push(daemon);
        let mut text = String::new();
        for _ in 0..lines {
            output.read_line(&mut text).unwrap();
        }
        // What it prints afterwards has to go somewhere.
        std::thread::spawn(move || std::io::copy(&mut output, &mut std::io::sink()));
        text
    }

    /// The exit status if it is not 0, standard output, standard error.
    fn output(&self, command: &str) -> String {
        let output = self.shell(command).output().unwrap();
        let status = match output.status.code() {
            Some(0) => String::new(),
            code => format!("? {}\n", code.map_or("killed".into(), |code| code.to_string())),
        };
        let text = |bytes: &[u8]| match String::from_utf8_lossy(bytes) {
            text if text.is_empty() || text.ends_with('\n') => text.into_owned(),
            text => format!("{text}\n"),
        };
        format!("{status}{}{}", text(&output.stdout), text(&output.stderr))
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        for daemon in &mut self.daemons {
            daemon.kill().unwrap();
            daemon.wait().unwrap();
        }
    }
}

fn steps(text: &str) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        let inside: Vec<&str> = match line.strip_prefix("```") {
            Some("") | None => continue,
            Some(_) => lines.by_ref().take_while(|line| *line != "```").collect(),
        };
        match line.split_once(' ') {
            Some(("```toml", name)) => steps.push(Step::File { name: name.into(), content: inside.join("\n") + "\n" }),
            Some(("```console", "signer")) => steps.extend(commands(&inside)),
            _ => {}
        }
    }
    steps
}

fn commands(lines: &[&str]) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    for line in lines {
        match (line.strip_prefix("$ "), steps.last_mut()) {
            (Some(command), _) => steps.push(Step::Command { command: command.into(), expected: String::new() }),
            (None, Some(Step::Command { expected, .. })) => *expected += &format!("{line}\n"),
            (None, _) => panic!("output before any command: {line}"),
        }
    }
    steps
}

/// A program of others that the commands need and the machine has not.
fn missing(steps: &[Step]) -> Option<&'static str> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let present = |program: &str| std::env::split_paths(&path).any(|folder| folder.join(program).is_file());
    let needed = |program: &str| {
        steps.iter().any(|step| match step {
            Step::Command { command, .. } => command.split_whitespace().any(|word| word == program),
            Step::File { .. } => false,
        })
    };
    ["curl", "openssl", "python3"].into_iter().find(|program| needed(program) && !present(program))
}
