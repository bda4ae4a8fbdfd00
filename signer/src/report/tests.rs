use plist::Value;
use profile_kit::{
    Arrival, Device, Identity, Os, Payload, Profile, Removal, SignOptions, SignedProfile,
    device::{Act, ListItem},
};
use serde_json::json;

use super::*;
use crate::fixture::{Site, leaf, now};

fn acknowledgement(body: serde_json::Value) -> Result<Acknowledgement, Refusal> {
    serde_json::from_value::<AcknowledgementReport>(body).unwrap().try_into()
}

#[test]
fn an_error_brings_its_chain_and_other_answers_bring_none() {
    let link = json!({ "domain": "MCInstallationErrorDomain", "code": 4008, "description": "x".repeat(600) });
    let taken = acknowledgement(json!({ "status": "Error", "error_chain": [link] })).unwrap();
    let Acknowledgement::Error { chain } = taken else { panic!("{taken:?}") };
    assert_eq!((chain[0].code, chain[0].description.as_ref().unwrap().len()), (4008, 500));
    assert_eq!(acknowledgement(json!({ "status": "NotNow" })), Ok(Acknowledgement::NotNow));
    let refused = acknowledgement(json!({ "status": "Acknowledged", "error_chain": [link] })).unwrap_err();
    assert_eq!(refused.code(), "invalid-request");
}

#[test]
fn a_chain_that_no_device_would_send_is_refused() {
    let link = |domain: String| json!({ "domain": domain, "code": 1 });
    for chain in [vec![link(String::new())], vec![link("x".repeat(201))], vec![link("a".into()); 33]] {
        let refused = acknowledgement(json!({ "status": "Error", "error_chain": chain })).unwrap_err();
        assert_eq!(refused.code(), "invalid-request");
    }
}

#[test]
fn a_status_that_mdm_does_not_have_is_none() {
    assert!(serde_json::from_value::<AcknowledgementReport>(json!({ "status": "acknowledged" })).is_err());
    assert!(serde_json::from_value::<AcknowledgementReport>(json!({ "status": "NotNow", "more": 1 })).is_err());
}

fn answer(items: Vec<Value>) -> Dictionary {
    let mut answer = Dictionary::new();
    answer.insert("Status".into(), "Acknowledged".into());
    answer.insert("ProfileList".into(), Value::Array(items));
    answer
}

fn listed_device(site: &Site) -> Vec<ListItem> {
    let signed = signed(&site.new.identity().unwrap(), "jp.example.ivi");
    let device = Device::new(Os::ios(17), true);
    let device = device.with(&Arrival::from_bytes(&signed).unwrap(), &Act::by_hand(now()));
    device.profile_list()
}

fn signed(identity: &Identity, identifier: &str) -> Vec<u8> {
    let mut profile = Profile::new(identifier, "IVI");
    profile.set_removal(Removal::Disallowed);
    profile.push(Payload::new("com.apple.applicationaccess"));
    identity.sign_with(&profile, &SignOptions::new(now())).unwrap().into_bytes()
}

#[test]
fn reads_what_a_device_lists_in_both_forms() {
    let site = Site::new();
    let answer = answer(listed_device(&site).iter().map(|item| Value::Dictionary(item.to_dictionary())).collect());
    for body in [document::to_xml(&answer).unwrap(), document::to_binary(&answer).unwrap()] {
        let list = profile_list(&body, 64, true, vec![], &site.state().keyring).unwrap();
        assert!(list.complete && list.expected == ["jp.example.ivi"]);
        let [item] = &list.profiles[..] else { panic!("{list:?}") };
        assert_eq!((item.identifier.as_str(), item.removal_disallowed), ("jp.example.ivi", Some(true)));
        assert_eq!(item.leaf, Some(leaf(&site.new)));
    }
}

#[test]
fn an_unsigned_profile_and_missing_keys_are_told_as_not_known() {
    let mut item = Dictionary::new();
    item.insert("PayloadIdentifier".into(), "a".into());
    item.insert("SignerCertificates".into(), Value::Array(vec![]));
    let body = document::to_xml(&answer(vec![Value::Dictionary(item)])).unwrap();
    let list = profile_list(&body, 64, false, vec![], &Site::new().state().keyring).unwrap();
    let ListedProfile { uuid, removal_disallowed, has_removal_passcode, leaf, .. } = &list.profiles[0];
    assert_eq!((uuid.as_str(), removal_disallowed, has_removal_passcode, leaf), ("", &None, &None, &None));
}

#[test]
fn a_list_that_is_none_is_refused_by_what_is_wrong_with_it() {
    let item = |key: &str, value: Value| {
        let mut item = Dictionary::new();
        item.insert("PayloadIdentifier".into(), "a".into());
        item.insert(key.into(), value);
        document::to_xml(&answer(vec![Value::Dictionary(item)])).unwrap()
    };
    let with = |key: &str, value: Value| {
        let mut answer = answer(vec![]);
        answer.insert(key.into(), value);
        document::to_xml(&answer).unwrap()
    };
    let certificate = Value::Array(vec![Value::Data(b"no certificate".to_vec())]);
    let cases = [
        (b"{}".to_vec(), "malformed-plist"),
        (b"<plist><dict><key>a</dict></plist>".to_vec(), "malformed-plist"),
        (b"<plist><array/></plist>".to_vec(), "invalid-request"),
        (b"<plist><dict/></plist>".to_vec(), "invalid-request"),
        (with("Status", "Error".into()), "invalid-request"),
        (with("ProfileList", "none".into()), "invalid-request"),
        (with("ProfileList", Value::Array(vec![Value::Boolean(true)])), "invalid-request"),
        (with("ProfileList", Value::Array(vec![Value::Dictionary(Dictionary::new())])), "invalid-request"),
        (item("PayloadUUID", 1.into()), "invalid-request"),
        (item("PayloadIdentifier", "x".repeat(1025).into()), "invalid-request"),
        (item("HasRemovalPasscode", "yes".into()), "invalid-request"),
        (item("SignerCertificates", certificate), "invalid-request"),
        (item("SignerCertificates", Value::Data(vec![])), "invalid-request"),
        (nested(64), "too-deep"),
        (nested(5000), "too-deep"),
    ];
    let keyring = Site::new().state().keyring;
    for (body, code) in cases {
        let refused = profile_list(&body, 64, true, vec!["a".into()], &keyring).unwrap_err();
        assert_eq!(refused.code(), code, "{}", String::from_utf8_lossy(&body[..body.len().min(300)]));
    }
}

fn nested(levels: usize) -> Vec<u8> {
    let (open, close) = ("<array>".repeat(levels), "</array>".repeat(levels));
    format!("<plist><dict><key>ProfileList</key>{open}{close}</dict></plist>").into_bytes()
}

#[test]
fn a_refusal_repeats_nothing_of_the_body() {
    let body = b"<plist><dict><key>hunter2</key><hunter2/></dict></plist>";
    let told = profile_list(body, 64, true, vec![], &Site::new().state().keyring).unwrap_err().to_string();
    assert_eq!(told, "the body is not a property list: see line 1, column 32");
}

#[test]
fn takes_a_profile_of_a_leaf_of_the_keyring_and_of_one_whose_key_is_gone() {
    let site = Site::new();
    let keyring = site.state().keyring;
    for issued in [&site.new, &site.old, &site.lost] {
        let signed = signed(&issued.identity().unwrap(), "jp.example.ivi");
        let observed = observed("C02A".parse().unwrap(), signed.clone(), 64, &keyring).unwrap();
        assert_eq!((observed.profile.leaf, observed.locked), (leaf(issued), true));
        assert_eq!(observed.signed, signed);
        assert_eq!(observed.profile.payload_uuids.len(), 1);
    }
}

#[test]
fn a_profile_whose_payloads_are_encrypted_counts_as_locked() {
    let site = Site::new();
    let mut keys = Profile::new("jp.example.ivi", "IVI").to_dictionary();
    keys.remove("PayloadContent");
    keys.insert("EncryptedPayloadContent".into(), Value::Data(vec![0x30, 0x80]));
    let profile = Profile::from_dictionary(keys).unwrap();
    let signed = site.new.identity().unwrap().sign_with(&profile, &SignOptions::new(now())).unwrap().into_bytes();
    assert!(observed("C02A".parse().unwrap(), signed, 64, &site.state().keyring).unwrap().locked);
}

#[test]
fn refuses_what_nobody_of_the_keyring_signed_and_what_does_not_verify() {
    let site = Site::new();
    let keyring = site.state().keyring;
    let code = |bytes: Vec<u8>| observed("C02A".parse().unwrap(), bytes, 64, &keyring).unwrap_err().code();
    let good = signed(&site.new.identity().unwrap(), "jp.example.ivi");
    let content = SignedProfile::from_bytes(good.clone()).unwrap().verify_integrity().unwrap().content().to_vec();
    let damaged = String::from_utf8_lossy(&content).find("IVI").unwrap();
    let at = good.windows(content.len()).position(|window| window == content).unwrap();
    let mut broken = good.clone();
    broken[at + damaged] = b'X';
    let stranger = signed(&crate::fixture::signer("Stranger").identity().unwrap(), "jp.example.ivi");
    assert_eq!(code(content), "not-signed");
    assert_eq!(code(broken), "signature-broken");
    assert_eq!(code(good[..good.len() / 2].to_vec()), "signature-broken");
    assert_eq!(code(b"nothing".to_vec()), "not-signed");
    assert_eq!(code(stranger), "not-signed-by-keyring");
}
