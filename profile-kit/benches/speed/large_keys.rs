//! RSA-3072 and RSA-4096, this program's OpenSSL against the system's.

use std::{fs, process::Command, time::Duration};

use profile_kit::pki::KeySpec;

use crate::{
    contest::{Contestant, Effort, Outcome, contest, median},
    material::pki,
    raw::Raw,
    report::Report,
};

/// `openssl speed`, which counts processor time as well, by turns with ours.
pub fn run(effort: Effort, report: &mut Report) {
    if !fs::read_to_string("/proc/cpuinfo").is_ok_and(|text| text.contains("avx512ifma")) {
        return println!("RSA-3072 and RSA-4096: skipped, this processor has no AVX-512 IFMA");
    }
    let Some(version) = version() else { return println!("RSA-3072 and RSA-4096: skipped, there is no openssl") };
    let rounds = if effort.is_measurement { 5 } else { 1 };
    for bits in [3072, 4096] {
        let (_, issued) = pki(KeySpec::Rsa(bits));
        let mut raw = Raw::new(&issued);
        let turn = Effort { rounds: 1, turn: Duration::from_secs(1), ..effort };
        let mut once = || {
            let theirs = speed(bits);
            let own = contest(turn, &mut [Contestant { name: "own", once: &mut || raw.sign() }])[0].rate;
            (own, own / theirs)
        };
        let (own, ratios) = (0..rounds).map(|_| once()).unzip::<f64, f64, Vec<_>, Vec<_>>();
        let outcome = Outcome { name: format!("RSA-{bits}"), rate: median(own), ratio: median(ratios) };
        report.add(&format!("RSA-{bits} signature"), &format!("`openssl speed` of {version}"), 2.5, outcome);
    }
}

fn version() -> Option<String> {
    let output = Command::new("openssl").arg("version").output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    Some(text.split(' ').take(2).collect::<Vec<_>>().join(" "))
}

/// Signatures a second.
fn speed(bits: u32) -> f64 {
    let output =
        Command::new("openssl").args(["speed", "-mr", "-seconds", "1", &format!("rsa{bits}")]).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let line = text.lines().find(|line| line.starts_with("+F2:")).unwrap();
    line.split(':').nth(3).unwrap().parse().unwrap()
}
