use super::*;
use crate::fixture::{Site, leaf, now, signer};

/// Both steps of a reload.
fn reload(
    old: &State,
    new: State,
    recorded: &BTreeMap<Digest, u64>,
    accepted: Option<u64>,
) -> Result<Reloaded, Stranded> {
    let stranded = stranded_by(&old.keyring, &new.keyring, recorded);
    super::reload(&Started::with(old), new, stranded, accepted)
}

fn recorded(site: &Site) -> BTreeMap<Digest, u64> {
    BTreeMap::from([(leaf(&site.new), 5), (leaf(&site.old), 3), (leaf(&site.lost), 2), (Digest::of(b"nobody"), 1)])
}

/// The configuration without the key of `old`.
fn without_old(site: &Site) -> State {
    site.write("old.pem", site.old.certificate_pem().unwrap());
    site.change(
        "pkcs12 = { file = \"old.p12\" }\npassphrase = { file = \"old.passphrase\" }",
        "certificate = \"old.pem\"",
    );
    site.change("state = \"overwrite-only\"", "state = \"gone\"");
    site.state()
}

#[test]
fn a_reload_that_strands_nobody_is_taken() {
    let site = Site::new();
    let reloaded = reload(&site.state(), site.state(), &recorded(&site), None).unwrap();
    assert!(reloaded.restart.is_empty(), "{:?}", reloaded.restart);
}

#[test]
fn a_reload_that_strands_devices_is_refused_with_their_number() {
    let site = Site::new();
    let old = site.state();
    let stranded = reload(&old, without_old(&site), &recorded(&site), None).unwrap_err();
    assert_eq!(stranded, Stranded { devices: 3, leaves: vec![(leaf(&site.old), 3)] });
    assert!(stranded.to_string().ends_with("--accept-stranded 3"), "{stranded}");
}

#[test]
fn a_number_is_not_accepted_where_a_reload_strands_nobody() {
    let site = Site::new();
    let stranded = reload(&site.state(), site.state(), &recorded(&site), Some(5)).unwrap_err();
    assert_eq!(stranded.devices, 0);
    assert!(stranded.to_string().starts_with("no device would be left without its key"), "{stranded}");
    assert!(reload(&site.state(), site.state(), &recorded(&site), Some(0)).is_ok());
}

#[test]
fn an_identity_that_is_left_out_strands_as_one_that_is_gone() {
    let site = Site::new();
    let old = site.state();
    let kept = site.state().config.identities.into_iter().filter(|it| it.name != "old").collect::<Vec<_>>();
    let (keyring, _) = Keyring::load(&kept, &old.config.specs, now());
    assert_eq!(stranded_by(&old.keyring, &keyring, &recorded(&site)).unwrap().devices, 3);
}

#[test]
fn only_the_very_number_is_accepted() {
    let site = Site::new();
    let old = site.state();
    for accepted in [Some(0), Some(2), Some(4)] {
        assert!(reload(&old, without_old_again(&site), &recorded(&site), accepted).is_err(), "{accepted:?}");
    }
    assert!(reload(&old, without_old_again(&site), &recorded(&site), Some(3)).is_ok());
}

fn without_old_again(site: &Site) -> State {
    match std::fs::exists(site.folder.path().join("old.pem")).unwrap() {
        true => site.state(),
        false => without_old(site),
    }
}

#[test]
fn what_was_accepted_once_is_not_asked_for_again() {
    let site = Site::new();
    let old = without_old(&site);
    assert!(reload(&old, site.state(), &recorded(&site), None).is_ok());
}

#[test]
fn a_leaf_that_signed_nothing_strands_nobody() {
    let site = Site::new();
    let old = site.state();
    let recorded = BTreeMap::from([(leaf(&site.old), 0), (leaf(&site.new), 5)]);
    assert!(reload(&old, without_old(&site), &recorded, None).is_ok());
}

#[test]
fn an_identity_that_becomes_overwrite_only_strands_nobody() {
    let site = Site::new();
    let old = site.state();
    let next = signer("Next");
    site.write("next.pem", next.certificate_pem().unwrap());
    site.write("next.key", next.key_pem().unwrap());
    site.change("state = \"active\"", "state = \"overwrite-only\"");
    site.change(
        "[[spec]]\nname = \"ivi\"\nfile = \"ivi.toml\"\nidentity = \"new\"",
        "[[identity]]\nname = \"next\"\nstate = \"active\"\ncertificate = \"next.pem\"\nkey = { file = \"next.key\" }\n\
         [[spec]]\nname = \"ivi\"\nfile = \"ivi.toml\"\nidentity = \"next\"",
    );
    let reloaded = reload(&old, site.state(), &recorded(&site), None).unwrap();
    assert_eq!(reloaded.state.keyring.issuing("ivi", now()).unwrap().leaf(), leaf(&next));
}

#[test]
fn lists_every_leaf_whose_key_is_lost_the_most_first() {
    let site = Site::new();
    let stranded = stranded_by(&site.state().keyring, &Keyring::default(), &recorded(&site)).unwrap();
    assert_eq!(stranded.devices, 8);
    assert_eq!(stranded.leaves, [(leaf(&site.new), 5), (leaf(&site.old), 3)]);
}

#[test]
fn says_what_waits_for_a_restart() {
    let site = Site::new();
    let old = site.state();
    site.change("path = \"ledger.db\"", "path = \"other.db\"");
    site.change("[[caller]]", "[limits]\nqueue = 9\n[[caller]]");
    site.write("seal", [9; 32]);
    let reloaded = reload(&old, site.state(), &recorded(&site), None).unwrap();
    assert_eq!(reloaded.restart, ["ledger.path", "ledger.seal_key", "limits (but json_depth and plist_depth)"]);
}
