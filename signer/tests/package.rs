//! What the Debian package installs: a unit that is hardened, and a configuration that is good once its keys are there.

#![allow(clippy::unwrap_used, reason = "a test may fail by panic")]

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use profile_kit::pki::{KeySpec, Leaf, Validity, self_signed};
use signer::{audit::CheckpointKey, state::State};

#[test]
fn the_unit_is_hardened_to_2_or_better() {
    let unit = debian().join("signer.service");
    let output = Command::new("systemd-analyze").args(["security", "--offline=true", "--no-pager"]).arg(unit).output();
    let Ok(output) = output else {
        println!("skipped: systemd-analyze is missing");
        assert!(std::env::var("REQUIRE_JUDGES").is_err(), "systemd-analyze is missing");
        return;
    };
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let level = text.lines().find_map(|line| line.split_once("Overall exposure level for signer.service: "));
    let level = level.unwrap_or_else(|| panic!("{text}")).1.split(' ').next().unwrap();
    assert!(level.parse::<f32>().unwrap() <= 2.0, "{level}");
}

#[test]
fn the_configuration_is_good_once_its_keys_are_there() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, content: &[u8]| {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    };
    let validity = Validity::days(now() - Duration::from_secs(86_400), 365);
    let identity = self_signed(&Leaf::new("Signer", KeySpec::P256, validity)).unwrap();
    write("signer.toml", &fs::read(debian().join("signer.toml")).unwrap());
    write("specs/ivi-mdm.toml", &fs::read(debian().join("../src/dev/ivi-mdm.toml")).unwrap());
    write("identities/current.pem", &identity.certificate_pem().unwrap());
    write("identities/current.key", &identity.key_pem().unwrap());
    write("secrets/ledger-seal", &[1; 32]);
    write("secrets/ledger-parameters", &[2; 32]);
    write("secrets/audit-checkpoint", &CheckpointKey::generate().unwrap().to_pem().unwrap());
    let secrets = folder.path().join("secrets");
    let state = State::load_with(&folder.path().join("signer.toml"), Some(&secrets), now());
    let state = state.unwrap_or_else(|errors| panic!("{errors:#?}"));
    assert_eq!(state.config.listen.unix.unwrap().path, Path::new("/run/signer/signer.sock"));
}

#[test]
fn the_unit_hands_over_every_credential_that_the_configuration_names() {
    let read = |name: &str| fs::read_to_string(debian().join(name)).unwrap();
    let (unit, config) = (read("signer.service"), read("signer.toml"));
    let named: Vec<&str> = config.split("credential = \"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
    assert_eq!(named.len(), 3);
    for name in named {
        assert!(unit.contains(&format!("LoadCredential={name}:/etc/signer/secrets/{name}\n")), "{name}");
    }
}

fn debian() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("debian")
}

fn now() -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(1_893_456_000)
}
