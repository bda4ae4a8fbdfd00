use std::{fs, os::unix::fs::PermissionsExt};

use profile_kit::{
    VerifiedProfile,
    pki::{Authority, Issued, KeySpec, Leaf as Wish, Validity},
};
use serde_json::Map;
use uuid::Uuid;

use super::*;
use crate::{
    fixture::{Site, days, leaf, now, validity},
    state::State,
};

fn filled(state: &State, spec: &str) -> Filled {
    state.catalogue.spec(spec).unwrap().fill(&Map::new(), Uuid::from_u128(7), now()).unwrap()
}

/// What a device has: signed by an identity of PKI, not by the keyring.
fn installed(state: &State, by: &Issued) -> VerifiedProfile {
    let options = SignOptions::new(now());
    let signed = by.identity().unwrap().sign_with(filled(state, "ivi").profile(), &options).unwrap();
    signed.verify_integrity().unwrap()
}

fn overwrite(installed: &VerifiedProfile) -> Overwrite {
    Overwrite::of(installed).build_at(now()).unwrap()
}

/// What a signing thread makes of a job.
fn signed(job: Job) -> VerifiedProfile {
    job.identity.sign_with(&*job.what, &job.options).unwrap().verify_integrity().unwrap()
}

/// Long after every certificate here.
fn later() -> SystemTime {
    now() + days(4000)
}

#[test]
fn the_active_identity_issues_its_spec() {
    let site = Site::new();
    let state = site.state();
    let issuing = state.keyring.issuing("ivi", now()).unwrap();
    let signed = signed(issuing.job(filled(&state, "ivi")).unwrap());
    assert_eq!(signed.leaf(), site.new.certificate());
    assert_eq!((issuing.name(), issuing.leaf()), ("new", leaf(&site.new)));
    assert_eq!(signed.profile().identifier(), "jp.example.ivi");
}

#[test]
fn leave_for_one_spec_does_not_serve_another() {
    let site = Site::new();
    site.change("[[caller]]", "[[spec]]\nname = \"other\"\nfile = \"ivi.toml\"\nidentity = \"new\"\n[[caller]]");
    let state = site.state();
    let refused = state.keyring.issuing("ivi", now()).unwrap().job(filled(&state, "other"));
    assert!(matches!(refused, Err(Error::Identity { .. })));
}

#[test]
fn a_spec_that_is_not_there_is_not_issued() {
    let refusal = Site::new().state().keyring.issuing("nothing", now()).unwrap_err();
    assert_eq!(refusal, Refusal::UnknownSpec { spec: "nothing".into() });
}

#[test]
fn an_overwrite_only_identity_issues_nothing_even_if_a_spec_names_it() {
    let site = Site::new();
    let config = site.state().config;
    let specs: Vec<SpecConfig> =
        config.specs.into_iter().map(|spec| SpecConfig { identity: "old".into(), ..spec }).collect();
    let (keyring, errors) = Keyring::load(&config.identities, &specs, now());
    assert!(errors.is_empty(), "{errors:#?}");
    assert_eq!(keyring.issuing("ivi", now()).unwrap_err().code(), "unknown-spec");
}

#[test]
fn nothing_is_issued_outside_of_the_certificates_validity() {
    let keyring = Site::new().state().keyring;
    let (first, last) = (validity().not_before, validity().not_after);
    let second = Duration::from_secs(1);
    assert!(keyring.issuing("ivi", first).is_ok() && keyring.issuing("ivi", last).is_ok());
    for at in [first - second, last + second] {
        assert_eq!(keyring.issuing("ivi", at).unwrap_err(), Refusal::IdentityNotValid { identity: "new".into() });
    }
}

#[test]
fn an_overwrite_is_signed_by_the_leaf_that_signed_what_is_installed_also_past_its_end() {
    let site = Site::new();
    let state = site.state();
    for (issued, name) in [(&site.new, "new"), (&site.old, "old")] {
        for at in [now(), later()] {
            let freeing = state.keyring.freeing(&leaf(issued)).unwrap();
            let signed = signed(freeing.job(overwrite(&installed(&state, issued)), at).unwrap());
            assert_eq!(signed.leaf(), issued.certificate());
            assert_eq!((freeing.name(), freeing.leaf()), (name, leaf(issued)));
        }
    }
}

#[test]
fn an_identity_does_not_free_what_another_one_signed() {
    let site = Site::new();
    let state = site.state();
    let freeing = state.keyring.freeing(&leaf(&site.old)).unwrap();
    let refused = freeing.job(overwrite(&installed(&state, &site.new)), now());
    assert!(matches!(refused, Err(Error::OtherSigner { .. })));
}

#[test]
fn an_overwrite_of_something_unsigned_is_not_signed() {
    let site = Site::new();
    let state = site.state();
    let overwrite = Overwrite::of_unsigned(filled(&state, "ivi").profile()).build_at(now()).unwrap();
    let refused = state.keyring.freeing(&leaf(&site.new)).unwrap().job(overwrite, now());
    assert!(matches!(refused, Err(Error::Identity { .. })));
}

#[test]
fn a_key_that_is_gone_and_one_that_was_never_there_are_told_apart() {
    let site = Site::new();
    let keyring = site.state().keyring;
    let gone = keyring.freeing(&leaf(&site.lost)).unwrap_err();
    assert_eq!(gone, Refusal::IdentityGone { identity: "lost".into(), leaf: leaf(&site.lost) });
    let leaf_of_nobody = Digest::of(b"nobody");
    assert_eq!(keyring.freeing(&leaf_of_nobody).unwrap_err(), Refusal::IdentityUnknown { leaf: leaf_of_nobody });
    let holdings = [leaf(&site.new), leaf(&site.old), leaf(&site.lost), leaf_of_nobody].map(|it| keyring.holding(&it));
    assert_eq!(holdings, [Holding::Held, Holding::Held, Holding::Gone, Holding::Unknown]);
}

/// Gives `new` a key with two certificates; the second is the one that issues.
fn renew(site: &Site) -> [Issued; 2] {
    let root = Authority::new("Renewed", KeySpec::P256, validity()).unwrap();
    let wish = Wish::new("Renewed", KeySpec::P256, validity());
    let first = root.issue(&wish).unwrap();
    let second = root.reissue(&wish, &first).unwrap();
    site.write("new.pem", [second.certificate_pem().unwrap(), first.certificate_pem().unwrap()].concat());
    site.write("new.key", first.key_pem().unwrap());
    [first, second]
}

#[test]
fn each_certificate_of_a_renewed_key_frees_what_it_signed() {
    let site = Site::new();
    let [first, second] = renew(&site);
    let state = site.state();
    assert_eq!(state.keyring.issuing("ivi", now()).unwrap().leaf(), leaf(&second));
    for issued in [&first, &second] {
        let freeing = state.keyring.freeing(&leaf(issued)).unwrap();
        let signed = signed(freeing.job(overwrite(&installed(&state, issued)), later()).unwrap());
        assert_eq!(signed.leaf(), issued.certificate());
    }
}

#[test]
fn a_certificate_does_not_free_what_another_of_the_same_key_signed() {
    let site = Site::new();
    let [first, second] = renew(&site);
    let state = site.state();
    let refused = state.keyring.freeing(&leaf(&first)).unwrap().job(overwrite(&installed(&state, &second)), now());
    assert!(matches!(refused, Err(Error::OtherSigner { .. })));
}

#[test]
fn a_key_that_does_not_fit_its_certificate_is_refused_at_load() {
    let site = Site::new();
    site.write("new.key", site.old.key_pem().unwrap());
    let errors = site.errors();
    assert!(errors.len() == 1 && errors[0].contains("no certificate in new.pem belongs to the private key in new.key"));
}

#[test]
fn what_is_wrong_with_every_identity_is_told_at_once() {
    let site = Site::new();
    site.write("new.key", "not a key");
    site.write("old.passphrase", "wrong");
    site.write("lost.pem", "not a certificate");
    let errors = site.errors();
    assert_eq!(errors.len(), 3, "{errors:#?}");
    for (error, at) in errors.iter().zip(["identity[0]:", "identity[1]:", "identity[2].certificate:"]) {
        assert!(error.starts_with("signer.toml:") && error.contains(at), "{error}");
        assert!(!error.contains("wrong"), "{error}");
    }
}

#[test]
fn every_file_of_an_identity_that_is_not_there_is_told_at_once() {
    let site = Site::new();
    for name in ["new.key", "new.pem", "old.p12", "old.passphrase", "lost.pem"] {
        std::fs::remove_file(site.folder.path().join(name)).unwrap();
    }
    let errors = site.errors();
    assert_eq!(errors.len(), 5, "{errors:#?}");
    for name in ["new.key", "new.pem", "old.p12", "old.passphrase", "lost.pem"] {
        assert!(errors.iter().any(|error| error.contains(&format!("cannot read {name}"))), "{name}: {errors:#?}");
    }
}

#[test]
fn a_file_that_is_not_there_hides_no_fault_of_the_others() {
    let site = Site::new();
    site.change("key = { file = \"new.key\" }", "chain = \"chain.pem\"\nkey = { file = \"new.key\" }");
    site.write("chain.pem", "no certificate");
    site.write("new.key", "no key");
    fs::set_permissions(site.folder.path().join("old.p12"), fs::Permissions::from_mode(0o640)).unwrap();
    for name in ["new.pem", "old.passphrase"] {
        fs::remove_file(site.folder.path().join(name)).unwrap();
    }
    let errors = site.errors();
    let parts = [
        "identity[0]: new.key: no private key in PEM form",
        "identity[0]: cannot read new.pem: ",
        "identity[0]: chain.pem: no certificate in the PEM file",
        "identity[1].pkcs12: cannot read old.p12: mode 0640 opens it to group or others",
        "identity[1].passphrase: cannot read old.passphrase: ",
    ];
    for part in parts {
        assert!(errors.iter().any(|error| error.contains(part)), "{part}: {errors:#?}");
    }
    assert_eq!(errors.len(), parts.len(), "{errors:#?}");
}

#[test]
fn a_key_that_others_may_read_is_refused() {
    let site = Site::new();
    fs::set_permissions(site.folder.path().join("new.key"), fs::Permissions::from_mode(0o644)).unwrap();
    assert!(site.errors()[0].contains("mode 0644 opens the private key"));
}

#[test]
fn a_key_that_systemd_hands_over_is_taken_as_it_is() {
    let site = Site::new();
    site.change("{ file = \"new.key\" }", "{ credential = \"new.key\" }");
    fs::set_permissions(site.folder.path().join("new.key"), fs::Permissions::from_mode(0o440)).unwrap();
    assert!(State::load_with(&site.config(), Some(site.folder.path()), now()).is_ok());
}

#[test]
fn a_certificate_belongs_to_one_identity() {
    let site = Site::new();
    site.write("lost.pem", site.new.certificate_pem().unwrap());
    let errors = site.errors();
    assert!(errors.len() == 1 && errors[0].contains("is of identity \"new\" already"), "{errors:#?}");
}

#[test]
fn of_a_gone_identitys_file_only_the_leaf_is_its_own() {
    let site = Site::new();
    site.write("lost.pem", [site.lost.certificate_pem().unwrap(), site.lost.chain_pem().unwrap()].concat());
    let keyring = site.state().keyring;
    assert_eq!(keyring.holding(&leaf(&site.lost)), Holding::Gone);
    let issuer = &Certificate::from_pem(&site.lost.chain_pem().unwrap()).unwrap()[0];
    assert_eq!(keyring.holding(&Digest::of(issuer.der())), Holding::Unknown);
}

#[test]
fn a_gone_certificate_may_be_der() {
    let site = Site::new();
    site.write("lost.pem", site.lost.certificate().der());
    assert_eq!(site.state().keyring.holding(&leaf(&site.lost)), Holding::Gone);
}

#[test]
fn every_certificate_is_known_with_its_identity() {
    let site = Site::new();
    let state = site.state();
    let known: Vec<_> = state.keyring.certificates().iter().map(|it| (it.identity, it.is_leaf)).collect();
    assert_eq!(known, [("lost", true), ("new", true), ("new", false), ("old", true), ("old", false)]);
}

#[test]
fn warns_of_active_certificates_60_30_7_and_1_days_before_their_end() {
    let keyring = Site::new().state().keyring;
    let second = Duration::from_secs(1);
    let end = validity().not_after;
    let least = |at: SystemTime| keyring.ending(at).first().map(|ending| ending.days);
    assert_eq!(least(end - days(60) - second), None);
    assert_eq!(least(end - days(60)), Some(60));
    assert_eq!(least(end - days(30)), Some(30));
    assert_eq!(least(end - days(7) - second), Some(30));
    assert_eq!(least(end - days(7)), Some(7));
    assert_eq!(least(end - days(1)), Some(1));
    assert_eq!(least(end), Some(1));
    assert_eq!(least(end + second), Some(0));
    assert!(keyring.ending(end).iter().all(|ending| ending.identity == "new" && ending.not_after == end));
}

#[test]
fn an_expired_active_identity_is_loaded_since_it_still_frees() {
    let site = Site::new();
    let root = Authority::new("Short", KeySpec::P256, validity()).unwrap();
    let short = Validity::days(now() - days(20), 10);
    let ended = root.issue(&Wish::new("Ended", KeySpec::P256, short)).unwrap();
    site.write("new.pem", ended.certificate_pem().unwrap());
    site.write("new.key", ended.key_pem().unwrap());
    let state = site.state();
    assert_eq!(state.keyring.issuing("ivi", now()).unwrap_err().code(), "identity-not-valid");
    assert!(state.keyring.freeing(&leaf(&ended)).is_ok());
    let warning = &state.warnings(now())[0];
    assert!(warning.ends_with("certificate CN=Ended has ended: nothing is issued for ivi"), "{warning}");
}

#[test]
fn the_keys_pass_their_own_test() {
    assert!(Site::new().state().keyring.self_test(later()).is_ok());
}

#[test]
fn nothing_of_a_key_is_shown() {
    let site = Site::new();
    let state = format!("{:?}", site.state());
    let key = String::from_utf8(site.new.key_pem().unwrap()).unwrap();
    let line = key.lines().nth(1).unwrap();
    assert!(!state.contains(line) && !state.contains("correct horse") && !state.contains("PRIVATE"));
}
