use std::process::Command;

use crate::fixture::{Site, days, now};

#[test]
fn loads_what_a_configuration_names() {
    let state = Site::new().state();
    assert_eq!(state.catalogue.specs().map(|spec| spec.name()).collect::<Vec<_>>(), ["ivi"]);
    assert_eq!(*state.secrets.seal_key, [0; 32]);
    assert_eq!(*state.secrets.parameter_key, [1; 32]);
}

#[test]
fn tells_what_is_wrong_with_every_part_at_once() {
    let site = Site::new();
    site.change("[admin]\n", "[admin]\ncolour = 1\n");
    site.write("seal", "short");
    site.write("checkpoint", [2; 32]);
    site.write("new.key", "not a key");
    site.write("lost.pem", "not a certificate");
    site.write("ivi.toml", "format = 1\nidentifier = \"jp.example.ivi\"\nremoval = \"allowed\"\n");
    let errors = site.errors();
    let starts = [
        "signer.toml:4:1: admin.colour: is not known",
        "signer.toml:8:12: ledger.seal_key: seal holds no key of 256 bits",
        "signer.toml:11:18: audit.checkpoint_key: checkpoint is no key for checkpoints: checkpoint key: not a private key",
        "signer.toml:13:1: identity[0]: ",
        "signer.toml:23:1: identity[2].certificate: ",
        "ivi.toml: EmptyContent: ",
        "ivi.toml: NotLocked: ",
    ];
    for start in starts {
        assert!(errors.iter().any(|error| error.starts_with(start)), "{start} {errors:#?}");
    }
    assert_eq!(errors.len(), starts.len(), "{errors:#?}");
}

#[test]
fn the_seal_key_serves_for_nothing_else() {
    let site = Site::new();
    site.write("parameter", [0; 32]);
    assert!(site.errors()[0].ends_with("ledger.parameter_key: is the same key as ledger.seal_key"));
}

#[test]
fn missing_files_of_every_kind_are_told_with_their_cause() {
    let site = Site::new();
    site.change(
        "unix = { path = \"signer.sock\" }",
        "unix = { path = \"signer.sock\" }\ntls = { address = \"127.0.0.1:0\", certificate = \"tls.pem\", \
         key = { file = \"tls.key\" }, client_ca = \"ca.pem\" }",
    );
    for name in ["seal", "parameter", "checkpoint", "new.pem", "old.p12", "lost.pem", "ivi.toml"] {
        std::fs::remove_file(site.folder.path().join(name)).unwrap();
    }
    let errors = site.errors();
    assert_eq!(errors.len(), 10, "{errors:#?}");
    assert!(errors.iter().all(|error| error.contains("No such file")), "{errors:#?}");
    assert!(errors.iter().any(|error| error.contains("listen.tls.client_ca: cannot read ca.pem")), "{errors:#?}");
}

#[test]
fn a_pipe_in_the_place_of_a_file_is_refused_and_not_waited_for() {
    let site = Site::new();
    let names = ["seal", "parameter", "checkpoint", "new.pem", "new.key", "old.p12", "old.passphrase", "lost.pem"];
    for name in names.into_iter().chain(["ivi.toml"]) {
        pipe(&site, name);
    }
    let errors = site.errors();
    assert_eq!(errors.len(), 9, "{errors:#?}");
    assert!(errors.iter().all(|error| error.ends_with(": it is no regular file")), "{errors:#?}");
    pipe(&site, "signer.toml");
    assert_eq!(site.errors(), ["signer.toml: cannot read signer.toml: it is no regular file"]);
}

fn pipe(site: &Site, name: &str) {
    let path = site.folder.path().join(name);
    std::fs::remove_file(&path).unwrap();
    assert!(Command::new("mkfifo").args(["-m", "600"]).arg(&path).status().unwrap().success());
}

#[test]
fn former_keys_that_are_none_are_all_told_at_their_place() {
    let site = Site::new();
    let checkpoints = "checkpoints = \"checkpoints.jsonl\"\n";
    site.change(checkpoints, &format!("{checkpoints}former_keys = [\n    \"away.pem\",\n    \"ivi.toml\",\n]\n"));
    let errors = site.errors();
    assert_eq!(errors.len(), 2, "{errors:#?}");
    assert!(errors[0].starts_with("signer.toml:13:5: audit.former_keys[0]: cannot read away.pem: "), "{errors:#?}");
    let no_key = "signer.toml:14:5: audit.former_keys[1]: ivi.toml holds no public key of checkpoints";
    assert!(errors[1].starts_with(no_key), "{errors:#?}");
}

#[test]
fn a_word_that_is_wrong_hides_no_file_that_is_missing() {
    let site = Site::new();
    let unix = "unix = { path = \"signer.sock\" }";
    let tls = "tls = { address = \"here\", certificate = \"tls.pem\", key = { file = \"tls.key\" } }";
    site.change(unix, &format!("{unix}\n{tls}"));
    site.change("\"active\"", "\"activ\"");
    std::fs::remove_file(site.folder.path().join("new.key")).unwrap();
    let errors = site.errors();
    let parts = [
        "listen.tls.address: is not an IP address",
        "identity[0].state: is none of",
        "listen.tls.certificate: cannot read tls.pem",
        "listen.tls.key: cannot read tls.key",
        "identity[0]: cannot read new.key",
    ];
    for part in parts {
        assert!(errors.iter().any(|error| error.contains(part)), "{part} {errors:#?}");
    }
    assert_eq!(errors.len(), parts.len(), "{errors:#?}");
}

#[test]
fn a_tls_certificate_that_is_none_is_a_mistake() {
    let site = Site::new();
    site.change(
        "unix = { path = \"signer.sock\" }",
        "unix = { path = \"signer.sock\" }\n\
         tls = { address = \"127.0.0.1:0\", certificate = \"ivi.toml\", key = { file = \"new.key\" } }",
    );
    assert!(site.errors()[0].contains("listen.tls.certificate: "), "{:?}", site.errors());
}

#[test]
fn a_tls_key_of_another_certificate_is_a_mistake() {
    let site = Site::new();
    site.write("other.key", site.lost.key_pem().unwrap());
    site.change(
        "unix = { path = \"signer.sock\" }",
        "unix = { path = \"signer.sock\" }\n\
         tls = { address = \"127.0.0.1:0\", certificate = \"new.pem\", key = { file = \"other.key\" } }",
    );
    let errors = site.errors();
    assert!(errors[0].contains("listen.tls.key: certificate, key and client_ca make no listener: tls: "), "{errors:?}");
}

#[test]
fn a_syntax_error_is_told_alone() {
    let site = Site::new();
    site.write("signer.toml", "[listen\n");
    assert_eq!(site.errors().len(), 1);
}

#[test]
fn warns_of_what_is_not_wrong() {
    let site = Site::new();
    let state = site.state();
    let warnings = state.warnings(now() + days(280));
    assert!(
        warnings.iter().any(|it| it == "identity \"new\": certificate CN=New ends within 30 days"),
        "{warnings:#?}"
    );
}

#[test]
fn secrets_do_not_show_themselves() {
    assert_eq!(format!("{:?}", Site::new().state().secrets), "Secrets([redacted])");
}
