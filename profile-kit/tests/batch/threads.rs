//! Batches where the system gives no more threads.

use std::{fs, process::Command};

use profile_kit::pki::KeySpec;

use crate::stage::Stage;

/// Each thread asks for a gibibyte of address space, so that a limit of that leaves so many of them.
#[test]
fn where_no_thread_can_be_started_is_an_error_that_a_resume_gets_over() {
    let stage = Stage::new(KeySpec::P256);
    stage.fleet(600);
    stage.run(&["batch", "spec.toml", "devices.csv", "--out", "whole"]).success();
    let keys = "--cert signer.pem --key signer.key --allow-readable-key --signing-time 2026-01-01T00:00:00Z";
    let mut codes = Vec::new();
    for gibibytes in 1..=9_u32 {
        for (form, out) in [
            (format!("batch spec.toml devices.csv --resume --jobs 3 {keys}"), "made"),
            (format!("batch --overwrite whole --resume --jobs 3 {keys}"), "freeing"),
            ("batch --verify whole --jobs 3".to_owned(), ""),
        ] {
            let place = if out.is_empty() { String::new() } else { format!("--out {out}{gibibytes}") };
            let most = (gibibytes << 20) + (512 << 10);
            let binary = env!("CARGO_BIN_EXE_profile-kit");
            let command = format!("ulimit -v {most}; exec timeout -s KILL 60 '{binary}' {form} {place} --format json");
            let mut limited = Command::new("sh");
            limited
                .args(["-c", &command])
                .current_dir(stage.folder.path())
                .env("RUST_MIN_STACK", (1 << 30).to_string());
            let output = limited.output().unwrap();
            let (told, code) = (String::from_utf8_lossy(&output.stdout).into_owned(), output.status.code());
            assert!(matches!(code, Some(0 | 2)), "{command}: {code:?} {}", String::from_utf8_lossy(&output.stderr));
            let summary: serde_json::Value = serde_json::from_str(&told).unwrap();
            let error = summary["results"][0]["error"].as_str().unwrap_or_default();
            assert_eq!(code == Some(2), !error.is_empty(), "{told}");
            codes.push(code);
        }
        stage.run(&["batch", "spec.toml", "devices.csv", "--out", &format!("made{gibibytes}"), "--resume"]).success();
        if profile_kit::sign::deterministic_ecdsa() {
            stage.assert_same("whole", &format!("made{gibibytes}"), &format!("{gibibytes} threads"));
        }
        fs::remove_dir_all(stage.path(&format!("made{gibibytes}"))).unwrap();
    }
    assert!(codes.contains(&Some(0)) && codes.contains(&Some(2)), "{codes:?}");
}
