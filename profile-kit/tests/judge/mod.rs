//! The `openssl` program as a judge: the system's own, not the library that this crate is built with.

#![allow(clippy::unwrap_used, reason = "a test may fail by panic")]

use std::{
    path::Path,
    process::{Command, Output},
};

/// Whether the program is there; says so where it is not, and fails where judges are required.
pub fn is_present() -> bool {
    let present = Command::new("openssl").arg("version").output().is_ok_and(|output| output.status.success());
    if !present {
        assert!(
            std::env::var("REQUIRE_JUDGES").as_deref() != Ok("1"),
            "the program openssl is required, and is absent"
        );
        println!("skipped: the program openssl is absent");
    }
    present
}

/// Runs the program in a folder; what it prints on success.
pub fn openssl(folder: &Path, arguments: &[&str]) -> Result<Vec<u8>, String> {
    let Output { status, stdout, stderr } =
        Command::new("openssl").args(arguments).current_dir(folder).output().unwrap();
    if status.success() { Ok(stdout) } else { Err(String::from_utf8_lossy(&stderr).into_owned()) }
}
