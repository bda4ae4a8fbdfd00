//! A panic is told of, without what it says. In a program of its own, as the panic hook is the whole program's.

#![allow(clippy::unwrap_used, reason = "a test may fail by panic")]

use std::process::Command;

#[test]
fn the_log_tells_where_a_panic_was_and_not_why() {
    if std::env::var_os(CHILD).is_some() {
        let _log = signer::log::start(signer::log::Format::Json, tracing::Level::INFO).unwrap();
        let _ = std::panic::catch_unwind(|| panic!("canary"));
        return;
    }
    let own = std::env::current_exe().unwrap();
    let output = Command::new(own).env(CHILD, "1").args(["--exact", NAME, "--nocapture"]).output().unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{told}");
    assert!(told.contains("panic.rs:") && told.contains("\"level\":\"ERROR\""), "{told}");
    assert!(!told.contains("canary"));
}

const NAME: &str = "the_log_tells_where_a_panic_was_and_not_why";
const CHILD: &str = "SIGNER_TEST_PANICS";
