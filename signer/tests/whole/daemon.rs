//! The program `signer serve` as a child.

use std::{
    fs::{self, File},
    io::{BufRead, BufReader},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, ChildStdout, Command, ExitStatus, Output, Stdio},
    time::{Duration, Instant},
};

use crate::{client::Client, site::Site};

pub const PROGRAM: &str = env!("CARGO_BIN_EXE_signer");

/// A child that is killed where it is dropped.
pub struct Daemon {
    child: Child,
    /// The daemon itself, where the child is one that watches it.
    pid: u32,
    pub address: SocketAddr,
    pub tls: Option<SocketAddr>,
    token: String,
    log: PathBuf,
    /// Closed, it would make the daemon's next line fail.
    _lines: BufReader<ChildStdout>,
}

impl Daemon {
    /// One that listens.
    pub fn start(site: &Site) -> Self {
        let command = Command::new(PROGRAM);
        let told = || fs::read_to_string(site.path("log")).unwrap();
        Self::run(site, command).unwrap_or_else(|ended| panic!("it does not start: {ended}: {}", told()))
    }

    /// As the command's last argument; it may come to its end before it listens.
    pub fn run(site: &Site, mut command: Command) -> Result<Self, ExitStatus> {
        let log = site.path("log");
        let told = File::options().create(true).append(true).open(&log).unwrap();
        command.args(["serve", "--listen", "127.0.0.1:0", "--config"]).arg(site.config());
        let mut child = command.stdout(Stdio::piped()).stderr(told).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap());
        let (mut address, mut tls) = (None, None);
        loop {
            let mut line = String::new();
            if lines.read_line(&mut line).unwrap() == 0 {
                return Err(child.wait().unwrap());
            }
            match line.trim_end().strip_prefix("listening ") {
                Some(it) if it.starts_with("on http://") => address = it["on http://".len()..].parse().ok(),
                Some(it) if it.starts_with("on https://") => tls = it["on https://".len()..].parse().ok(),
                // It is the last.
                Some(it) if it.starts_with("for the operator") => break,
                _ => (),
            }
        }
        let pid = itself(child.id());
        let (address, token) = (address.expect("it does not listen"), site.token().to_owned());
        Ok(Self { child, pid, address, tls, token, log, _lines: lines })
    }

    /// A client of its own connection.
    pub async fn client(&self) -> Client {
        Client::connect(self.address, [127, 0, 0, 1], &self.token).await.unwrap()
    }

    /// Whether it takes connections.
    pub async fn connects(&self) -> bool {
        Client::connect(self.address, [127, 0, 0, 1], &self.token).await.is_ok()
    }

    pub fn token(&self) -> &str {
        &self.token
    }

    pub fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap()
    }

    /// Ends it as a power switch would.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    pub fn signal(&self, name: &str) {
        // It may have ended before.
        let kill =
            Command::new("kill").args([&format!("-{name}"), &self.pid.to_string()]).stderr(Stdio::null()).status();
        kill.unwrap();
    }

    /// Waits until it has ended by itself.
    pub async fn ended(mut self) -> ExitStatus {
        let begun = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(begun.elapsed() < PATIENCE, "it goes on: {}", self.log());
            tokio::task::yield_now().await;
        }
    }

    /// Lets it finish what runs.
    pub async fn stop(self) {
        self.signal("TERM");
        let log = self.log.clone();
        let status = self.ended().await;
        assert!(status.success(), "{status}: {}", fs::read_to_string(log).unwrap());
    }

    /// The most memory that it had at once, in KiB.
    pub fn peak_memory(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid)).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        line.trim().trim_end_matches(" kB").parse().unwrap()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // Who watches it ends with it.
        if self.pid != self.child.id() {
            self.signal("KILL");
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The process that a child watches, or the child.
fn itself(child: u32) -> u32 {
    let children = fs::read_to_string(format!("/proc/{child}/task/{child}/children")).unwrap_or_default();
    children.split_whitespace().next().and_then(|pid| pid.parse().ok()).unwrap_or(child)
}

/// Another verb of the program.
pub fn signer(arguments: &[&str], config: &Path) -> Output {
    Command::new(PROGRAM).args(arguments).arg("--config").arg(config).output().unwrap()
}

/// As [`signer`], which has to say yes.
pub fn signer_does(arguments: &[&str], config: &Path) -> String {
    let output = signer(arguments, config);
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

pub const PATIENCE: Duration = Duration::from_secs(60);
