use std::{sync::LazyLock, time::Duration};

use super::*;
use crate::{
    Payload, SignOptions,
    pki::{
        Issued, KeySpec, KeyUse, Leaf,
        fixture::{self, INTERMEDIATE, P256, RSA, leaf},
    },
};

static DEVICE: LazyLock<Issued> = LazyLock::new(|| device("Device", KeySpec::Rsa(2048)));

fn device(name: &str, key: KeySpec) -> Issued {
    let key_usage = vec![KeyUse::DigitalSignature, KeyUse::KeyEncipherment];
    INTERMEDIATE.issue(&Leaf { key_usage, ..leaf(name, key) }).unwrap()
}

fn profile() -> Profile {
    let mut profile = Profile::new("jp.example.ivi-mdm", "IVI MDM");
    profile.push(Payload::new("com.apple.applicationaccess"));
    profile.push(Payload::new("com.apple.wifi.managed"));
    profile.fill_uuids(UuidSource::Content);
    profile
}

fn encrypted() -> Profile {
    encrypt(&profile(), DEVICE.certificate(), ContentCipher::default()).unwrap()
}

#[test]
fn what_is_encrypted_comes_back_the_same_with_each_cipher() {
    for cipher in [ContentCipher::Aes256Cbc, ContentCipher::Aes128Cbc, ContentCipher::TripleDesCbc] {
        let encrypted = encrypt(&profile(), DEVICE.certificate(), cipher).unwrap();
        let back = decrypt(&encrypted, &DEVICE.identity().unwrap()).unwrap();
        assert_eq!(back, profile());
        assert!(back.to_dictionary().keys().eq(profile().to_dictionary().keys()));
    }
}

#[test]
fn the_encrypted_payloads_stand_where_the_payloads_stood() {
    let encrypted = encrypted();
    let keys: Vec<_> = encrypted.keys().take(3).collect();
    assert_eq!(keys, ["EncryptedPayloadContent", "IsEncrypted", "PayloadDisplayName"]);
    assert_eq!(encrypted.get("IsEncrypted"), Some(&Value::Boolean(true)));
    assert!(encrypted.is_encrypted() && encrypted.payloads().is_empty());
}

#[test]
fn missing_uuids_are_filled_in_and_that_of_the_profile_tells_nothing_of_what_is_hidden() {
    let mut bare = Profile::new("jp.example.ivi-mdm", "IVI MDM");
    bare.push(Payload::new("com.apple.applicationaccess"));
    let encrypted = || encrypt(&bare, DEVICE.certificate(), ContentCipher::default()).unwrap();
    let once = encrypted();
    let mut clear = bare.clone();
    clear.fill_uuids(UuidSource::Content);
    assert!(once.uuid().is_some() && once.uuid() != clear.uuid() && once.uuid() != encrypted().uuid());
    let back = decrypt(&once, &DEVICE.identity().unwrap()).unwrap();
    assert_eq!(back.payloads()[0].uuid(), clear.payloads()[0].uuid());
}

#[test]
fn a_uuid_that_is_there_stays() {
    assert_eq!(encrypted().uuid(), profile().uuid());
}

#[test]
fn another_key_does_not_open_it() {
    let others = [device("Other", KeySpec::Rsa(2048)), forged(), P256.clone()];
    for other in others {
        let error = decrypt(&encrypted(), &other.identity().unwrap()).unwrap_err();
        assert_eq!(error.to_string(), "this key does not open the encrypted payloads");
        assert!(matches!(error, Error::Identity { fault: IdentityFault::WrongKey, .. }), "{error:?}");
    }
}

/// Issuer and serial number of the device, with another key: the recipient matches, the key does not.
fn forged() -> Issued {
    fixture::forged(&DEVICE, KeySpec::Rsa(2048))
}

#[test]
fn refuses_a_recipient_whose_key_is_not_rsa() {
    let error = encrypt(&profile(), P256.certificate(), ContentCipher::default()).unwrap_err();
    assert!(error.to_string().contains("is ECDSA P-256: a profile is encrypted for RSA keys only"), "{error}");
    assert!(matches!(error, Error::Identity { fault: IdentityFault::UnusableKey, .. }), "{error:?}");
}

#[test]
fn refuses_a_recipient_whose_key_usage_does_not_allow_it() {
    let error = encrypt(&profile(), RSA.certificate(), ContentCipher::default()).unwrap_err();
    assert!(error.to_string().contains("keyEncipherment is missing"), "{error}");
    assert!(matches!(error, Error::Identity { fault: IdentityFault::KeyUsage, .. }), "{error:?}");
}

#[test]
fn says_that_a_recipient_is_out_of_its_time_or_its_key_weak() {
    let codes = |to: &Issued, at| warnings(to.certificate(), at).iter().map(IdentityWarning::code).collect::<Vec<_>>();
    let (validity, second) = (fixture::validity(), Duration::from_secs(1));
    assert_eq!(codes(&DEVICE, fixture::midway()), [""; 0]);
    assert_eq!(codes(&DEVICE, validity.not_after + second), ["Expired"]);
    assert_eq!(codes(&DEVICE, validity.not_before - second), ["NotYetValid"]);
    assert_eq!(codes(&device("Old", KeySpec::Rsa(1024)), validity.not_after + second), ["Expired", "WeakKey"]);
}

#[test]
fn tells_where_what_cannot_be_written_stands() {
    let mut profile = profile();
    profile.payloads_mut()[1].insert("SSID_STR", "\u{1}");
    let error = encrypt(&profile, DEVICE.certificate(), ContentCipher::default()).unwrap_err();
    assert!(error.to_string().starts_with("PayloadContent[1].SSID_STR: "), "{error}");
}

#[test]
fn refuses_to_encrypt_twice() {
    let error = encrypt(&encrypted(), DEVICE.certificate(), ContentCipher::default()).unwrap_err();
    assert_eq!(error.to_string(), "EncryptedPayloadContent: the profile is encrypted already");
}

#[test]
fn refuses_to_decrypt_what_is_not_encrypted() {
    let error = decrypt(&profile(), &DEVICE.identity().unwrap()).unwrap_err();
    assert_eq!(error.to_string(), "EncryptedPayloadContent: is missing: the profile is not encrypted");
}

#[test]
fn says_that_the_encrypted_content_is_no_cms() {
    let mut broken = encrypted();
    broken.set(ENCRYPTED_CONTENT, Value::Data(b"no CMS".to_vec())).unwrap();
    let error = decrypt(&broken, &DEVICE.identity().unwrap()).unwrap_err();
    assert_eq!(error.to_string(), "EncryptedPayloadContent: is not in CMS");
}

fn refusal_of(envelope: Vec<u8>) -> String {
    let mut other = encrypted();
    other.set(ENCRYPTED_CONTENT, Value::Data(envelope)).unwrap();
    decrypt(&other, &DEVICE.identity().unwrap()).unwrap_err().to_string()
}

#[test]
fn refuses_bytes_behind_the_envelope() {
    let mut envelope = encrypted().get(ENCRYPTED_CONTENT).and_then(Value::as_data).unwrap().to_vec();
    envelope.push(0);
    assert_eq!(refusal_of(envelope), "EncryptedPayloadContent: bytes follow the envelope");
}

#[test]
fn refuses_authenticated_encryption_that_devices_do_not_take() {
    let mut recipients: Stack<X509> = Stack::new().unwrap();
    recipients.push(DEVICE.certificate().x509().clone()).unwrap();
    let gcm = CmsContentInfo::encrypt(&recipients, b"<plist/>", Cipher::aes_256_gcm(), CMSOptions::BINARY).unwrap();
    assert_eq!(
        refusal_of(gcm.to_der().unwrap()),
        "EncryptedPayloadContent: is AuthEnvelopedData, and devices take EnvelopedData only"
    );
}

#[test]
fn refuses_cms_of_another_kind() {
    let signed = RSA.identity().unwrap().sign_with(&profile(), &SignOptions::new(fixture::midway())).unwrap();
    assert_eq!(refusal_of(signed.as_bytes().to_vec()), "EncryptedPayloadContent: is not EnvelopedData");
}

#[test]
fn refuses_payloads_beside_the_encrypted_ones() {
    let mut both = encrypted().to_dictionary();
    both.insert(CONTENT.into(), Value::Array(Vec::new()));
    let error = decrypt(&Profile::from_dictionary(both).unwrap(), &DEVICE.identity().unwrap()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "EncryptedPayloadContent: stands beside PayloadContent: which of the two counts cannot be known"
    );
}

#[test]
fn the_cause_is_in_openssls_words_without_numbers_and_files() {
    let error = decrypt(&encrypted(), &P256.identity().unwrap()).unwrap_err();
    assert_eq!(std::error::Error::source(&error).unwrap().to_string(), "no matching recipient");
}

#[test]
fn refuses_content_that_is_no_array_of_payloads() {
    let refusal =
        |content: &[u8]| refusal_of(envelope(content, DEVICE.certificate(), ContentCipher::default()).unwrap());
    let no_payloads = "EncryptedPayloadContent: holds a property list that is no array of payloads";
    assert_eq!(refusal(b"<plist><string>no array</string></plist>"), no_payloads);
    assert_eq!(refusal(b"<plist><array><string>no payload</string></array></plist>"), no_payloads);
    let no_list = "this key does not open the encrypted payloads, or what is in them is no property list";
    assert_eq!(refusal(b"no property list"), no_list);
}
