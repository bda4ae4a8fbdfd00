//! What this crate encrypts, opened by the `openssl` program, and the other way round.

#![allow(clippy::unwrap_used, reason = "a test may fail by panic")]

mod judge;

use std::{
    fs,
    sync::LazyLock,
    time::{Duration, UNIX_EPOCH},
};

use plist::Value;
use profile_kit::{
    ContentCipher, Payload, Profile, UuidSource,
    encrypt::{decrypt, encrypt},
    pki::{Authority, Issued, KeySpec, KeyUse, Leaf, Validity},
};
use tempfile::TempDir;

static DEVICE: LazyLock<Issued> = LazyLock::new(|| {
    let validity = Validity::days(UNIX_EPOCH + Duration::from_secs(1_577_836_800), 7_305);
    let mut leaf = Leaf::new("Device", KeySpec::Rsa(2048), validity);
    leaf.key_usage = vec![KeyUse::DigitalSignature, KeyUse::KeyEncipherment];
    Authority::new("Root", KeySpec::P256, validity).unwrap().issue(&leaf).unwrap()
});

fn profile() -> Profile {
    let mut profile = Profile::new("jp.example.ivi-mdm", "IVI MDM");
    profile.push(Payload::new("com.apple.applicationaccess"));
    profile.fill_uuids(UuidSource::Content);
    profile
}

fn payloads() -> Value {
    Value::Array(profile().payloads().iter().map(|payload| payload.to_dictionary().into()).collect())
}

fn folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("device.pem"), DEVICE.certificate_pem().unwrap()).unwrap();
    fs::write(folder.path().join("device.key"), DEVICE.key_pem().unwrap()).unwrap();
    folder
}

#[test]
fn openssl_opens_each_cipher() {
    if !judge::is_present() {
        return;
    }
    let folder = folder();
    for cipher in [ContentCipher::Aes256Cbc, ContentCipher::Aes128Cbc, ContentCipher::TripleDesCbc] {
        let encrypted = encrypt(&profile(), DEVICE.certificate(), cipher).unwrap();
        let envelope = encrypted.get("EncryptedPayloadContent").and_then(Value::as_data).unwrap();
        fs::write(folder.path().join("envelope"), envelope).unwrap();
        let arguments = [
            "cms",
            "-decrypt",
            "-inform",
            "DER",
            "-binary",
            "-in",
            "envelope",
            "-recip",
            "device.pem",
            "-inkey",
            "device.key",
        ];
        let content = judge::openssl(folder.path(), &arguments).unwrap();
        assert_eq!(Value::from_reader_xml(&content[..]).unwrap(), payloads());
    }
}

#[test]
fn opens_what_openssl_encrypts_in_ber_and_in_der() {
    if !judge::is_present() {
        return;
    }
    let folder = folder();
    let mut xml = Vec::new();
    plist::to_writer_xml(&mut xml, &payloads()).unwrap();
    fs::write(folder.path().join("payloads"), xml).unwrap();
    for (form, indefinite) in [(&["-stream"][..], true), (&[], false)] {
        let mut arguments =
            vec!["cms", "-encrypt", "-aes128", "-binary", "-outform", "DER", "-in", "payloads", "-out", "envelope"];
        arguments.extend(form);
        arguments.push("device.pem");
        judge::openssl(folder.path(), &arguments).unwrap();
        let envelope = fs::read(folder.path().join("envelope")).unwrap();
        assert_eq!(envelope[1] == 0x80, indefinite);
        let mut encrypted = encrypt(&profile(), DEVICE.certificate(), ContentCipher::default()).unwrap();
        encrypted.set("EncryptedPayloadContent", Value::Data(envelope)).unwrap();
        assert_eq!(decrypt(&encrypted, &DEVICE.identity().unwrap()).unwrap(), profile());
    }
}
