//! A server as a process of its own.

use std::{
    fs::{self, File},
    io::{BufRead, BufReader},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, ChildStdout, Command, Stdio},
};

use crate::{Outcome, raw::processor_time};

/// A child that is killed where it is dropped.
pub struct Server {
    child: Child,
    pub address: SocketAddr,
    /// The token of its callers, where it asks for one.
    pub token: String,
    /// Closed, it would make the child's next line fail.
    _lines: BufReader<ChildStdout>,
}

impl Server {
    /// `signer serve`, as it is configured in a folder, with its log in a file.
    pub fn daemon(site: &Path, token: &str) -> Outcome<Self> {
        let mut command = Command::new(program()?);
        command.args(["serve", "--listen", "127.0.0.1:0", "--config"]).arg(site.join("signer.toml"));
        command.stderr(File::create(site.join("log"))?);
        Self::start(command, token)
    }

    /// This program as the bare server.
    pub fn bare(key: &Path, length: usize) -> Outcome<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        command.arg("bare").arg(key).arg(length.to_string());
        Self::start(command, "none")
    }

    fn start(mut command: Command, token: &str) -> Outcome<Self> {
        let mut child = command.stdout(Stdio::piped()).spawn()?;
        let mut lines = BufReader::new(child.stdout.take().ok_or("there is no output")?);
        let mut line = String::new();
        lines.read_line(&mut line)?;
        let address = line.trim_end().strip_prefix("listening on http://").ok_or("it does not listen")?.parse()?;
        Ok(Self { child, address, token: token.to_owned(), _lines: lines })
    }

    /// Seconds of processors that it has used.
    pub fn processor_time(&self) -> Outcome<f64> {
        processor_time(self.child.id())
    }

    /// The most memory that it had at once, in KiB.
    pub fn peak_memory(&self) -> Outcome<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).ok_or("there is no VmHWM")?;
        Ok(line.trim().trim_end_matches(" kB").parse()?)
    }

    /// Lets it finish what runs.
    pub fn stop(mut self) -> Outcome<()> {
        Command::new("kill").arg(self.child.id().to_string()).status()?;
        let status = self.child.wait()?;
        if status.success() { Ok(()) } else { Err(format!("it ended with {status}").into()) }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended before.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What `signer audit verify` says.
pub fn verify(config: &Path) -> Outcome<String> {
    let output = Command::new(program()?).args(["audit", "verify", "--config"]).arg(config).output()?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into());
    }
    Ok(String::from_utf8(output.stdout)?)
}

/// The daemon's program of the same build.
fn program() -> Outcome<PathBuf> {
    let own = std::env::current_exe()?;
    let program = own.ancestors().nth(2).ok_or("examples are in a folder")?.join("signer");
    if program.exists() { Ok(program) } else { Err(format!("{} is not built", program.display()).into()) }
}
