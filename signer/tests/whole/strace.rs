//! Letting the daemon's own calls to the system fail, or be its last.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use crate::{daemon::PROGRAM, site::Site};

/// The daemon under `strace`, which lets calls fail as `injection` says. With `files`, only those that are about them.
pub fn injected(calls: &str, injection: &str, files: &[PathBuf]) -> Command {
    let mut strace = Command::new("strace");
    strace.args([
        "-f",
        "-qq",
        "-o",
        "/dev/null",
        "-e",
        &format!("trace={calls}"),
        "-e",
        &format!("inject={injection}"),
    ]);
    for file in files {
        strace.arg("-P").arg(file);
    }
    strace.arg(PROGRAM);
    strace
}

/// The daemon under `strace`, which writes these calls to a file.
pub fn traced(calls: &str, to: &Path) -> Command {
    let mut strace = Command::new("strace");
    strace.args(["-f", "-qq", "-y", "-s", "16", "-e", &format!("trace={calls}"), "-o"]).arg(to).arg(PROGRAM);
    strace
}

/// The files of ledger and audit.
pub fn record(site: &Site) -> Vec<PathBuf> {
    ["ledger.db", "ledger.db-wal", "checkpoints.jsonl"].map(|name| site.path(name)).into()
}

/// Whether calls can be made to fail here, or a word about it: some containers forbid to trace.
pub fn can_inject() -> bool {
    let tried =
        Command::new("strace").args(["-o", "/dev/null", "-e", "inject=fsync:error=EIO:when=1..2", "true"]).output();
    match tried {
        Ok(run) if run.status.success() => return true,
        Ok(_) => println!("skipped: strace may not trace here"),
        Err(_) => {
            assert!(std::env::var("REQUIRE_JUDGES").as_deref() != Ok("1"), "strace is required");
            println!("skipped: strace is absent (apt-get install strace)");
        }
    }
    false
}
