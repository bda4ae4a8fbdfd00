//! What this crate signs, judged by the `openssl` program and taken apart by the `cms` crate.

#![allow(clippy::unwrap_used, reason = "a test may fail by panic")]

mod judge;

use std::{
    fs,
    sync::LazyLock,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use cms::{
    cert::CertificateChoices,
    content_info::{CmsVersion, ContentInfo},
    signed_data::{SignedData, SignerIdentifier, SignerInfo},
};
use const_oid::db::{rfc5911, rfc5912};
use der::{Decode, Encode, asn1::ObjectIdentifier};
use profile_kit::{
    Digest, EncodedProfile, Identity, Payload, Profile, SignOptions, UuidSource,
    pki::{Authority, Issued, KeySpec, Leaf, Validity},
};

static ROOT: LazyLock<Authority> = LazyLock::new(|| Authority::new("Root", KeySpec::Rsa(2048), validity()).unwrap());
static INTERMEDIATE: LazyLock<Authority> =
    LazyLock::new(|| ROOT.intermediate("Intermediate", KeySpec::P384, validity()).unwrap());
static SIGNERS: LazyLock<Vec<Issued>> = LazyLock::new(|| {
    let keys =
        [KeySpec::Rsa(2048), KeySpec::Rsa(3072), KeySpec::Rsa(4096), KeySpec::P256, KeySpec::P384, KeySpec::P521];
    let leaf = |key| INTERMEDIATE.issue(&Leaf::new("Signer", key, validity())).unwrap();
    keys.into_iter().map(leaf).collect()
});

const DIGESTS: [Digest; 3] = [Digest::Sha256, Digest::Sha384, Digest::Sha512];

fn validity() -> Validity {
    Validity::days(UNIX_EPOCH + Duration::from_secs(1_577_836_800), 7_305)
}

fn signing_time() -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(1_893_456_000)
}

/// A profile whose bytes no writer of this crate makes: line endings of both kinds, a comment, no final newline.
fn content() -> Vec<u8> {
    let mut profile = Profile::new("jp.example.ivi-mdm", "IVI MDM");
    profile.push(Payload::new("com.apple.applicationaccess"));
    profile.fill_uuids(UuidSource::Content);
    let xml = String::from_utf8(profile.to_xml().unwrap()).unwrap();
    format!("{}<!-- 設定 -->\r\n\n<!-- end -->", xml.replacen("<dict>\n", "<dict>\r\n", 1)).into_bytes()
}

fn sign(identity: &Identity, digest: Digest) -> Vec<u8> {
    let options = SignOptions { digest, ..SignOptions::new(signing_time()) };
    identity.sign_with(&EncodedProfile::read(content()).unwrap(), &options).unwrap().into_bytes()
}

fn each(mut check: impl FnMut(&Identity, Digest, Vec<u8>)) {
    for issued in SIGNERS.iter() {
        let identity = issued.identity().unwrap();
        for digest in DIGESTS {
            println!("{} with {digest}", identity.key_kind());
            check(&identity, digest, sign(&identity, digest));
        }
    }
}

fn signed_data(signed: &[u8]) -> SignedData {
    let whole = ContentInfo::from_der(signed).unwrap();
    assert_eq!(whole.content_type, rfc5911::ID_SIGNED_DATA);
    whole.content.decode_as().unwrap()
}

fn signer(signed: &[u8]) -> SignerInfo {
    let signers = signed_data(signed).signer_infos.0;
    assert_eq!(signers.len(), 1);
    signers.into_vec().remove(0)
}

#[test]
fn openssl_accepts_every_key_with_every_digest_and_gives_the_content_back() {
    if !judge::is_present() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("root.pem"), ROOT.certificate_pem().unwrap()).unwrap();
    each(|_, _, signed| {
        fs::write(folder.path().join("signed"), signed).unwrap();
        let arguments = [
            "cms",
            "-verify",
            "-inform",
            "DER",
            "-binary",
            "-purpose",
            "any",
            "-CAfile",
            "root.pem",
            "-attime",
            "1893456000",
            "-in",
            "signed",
            "-out",
            "content",
        ];
        judge::openssl(folder.path(), &arguments).unwrap();
        assert_eq!(fs::read(folder.path().join("content")).unwrap(), content());
    });
}

#[test]
fn openssl_refuses_it_once_the_content_is_changed() {
    if !judge::is_present() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let mut signed = sign(&SIGNERS[3].identity().unwrap(), Digest::Sha256);
    let place = signed.windows(7).position(|bytes| bytes == b"IVI MDM").unwrap();
    signed[place] = b'J';
    fs::write(folder.path().join("signed"), signed).unwrap();
    let arguments = ["cms", "-verify", "-inform", "DER", "-binary", "-noverify", "-in", "signed"];
    let refusal = judge::openssl(folder.path(), &arguments).unwrap_err();
    assert!(refusal.contains("verification failure") || refusal.contains("digest"), "{refusal}");
}

#[test]
fn openssl_writes_the_same_der() {
    if !judge::is_present() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    each(|_, _, signed| {
        fs::write(folder.path().join("signed"), &signed).unwrap();
        let arguments = ["cms", "-cmsout", "-inform", "DER", "-outform", "DER", "-in", "signed", "-out", "again"];
        judge::openssl(folder.path(), &arguments).unwrap();
        assert_eq!(fs::read(folder.path().join("again")).unwrap(), signed);
    });
}

#[test]
fn holds_the_leaf_and_its_intermediates_in_der_order_without_the_root() {
    each(|identity, _, signed| {
        let certificates = signed_data(&signed).certificates.unwrap().0;
        let found: Vec<Vec<u8>> = certificates
            .iter()
            .map(|choice| match choice {
                CertificateChoices::Certificate(certificate) => certificate.to_der().unwrap(),
                CertificateChoices::Other(_) => panic!("not a certificate"),
            })
            .collect();
        let mut wanted = vec![identity.certificate().der().to_vec(), INTERMEDIATE.certificate().der().to_vec()];
        wanted.sort();
        assert_eq!(found, wanted);
    });
}

#[test]
fn versions_are_1_and_there_is_one_signer_by_issuer_and_serial_number() {
    each(|identity, _, signed| {
        let data = signed_data(&signed);
        let signer = signer(&signed);
        assert_eq!((data.version, signer.version), (CmsVersion::V1, CmsVersion::V1));
        let SignerIdentifier::IssuerAndSerialNumber(sid) = signer.sid else { panic!("another identifier") };
        let leaf = x509_cert::Certificate::from_der(identity.certificate().der()).unwrap().tbs_certificate;
        assert_eq!((sid.issuer, sid.serial_number), (leaf.issuer, leaf.serial_number));
    });
}

#[test]
fn signs_three_attributes_in_der_order_and_leaves_none_unsigned() {
    each(|_, digest, signed| {
        let signer = signer(&signed);
        let attributes = signer.signed_attrs.unwrap();
        let found: Vec<ObjectIdentifier> = attributes.iter().map(|attribute| attribute.oid).collect();
        assert_eq!(found, [rfc5911::ID_CONTENT_TYPE, rfc5911::ID_SIGNING_TIME, rfc5911::ID_MESSAGE_DIGEST]);
        let encoded: Vec<Vec<u8>> = attributes.iter().map(|attribute| attribute.to_der().unwrap()).collect();
        assert!(encoded.is_sorted());
        let length = match digest {
            Digest::Sha256 => 32,
            Digest::Sha384 => 48,
            Digest::Sha512 => 64,
            other => panic!("how long is {other:?}?"),
        };
        assert_eq!(attributes.get(2).unwrap().values.get(0).unwrap().value().len(), length);
        assert_eq!(signer.unsigned_attrs, None);
    });
}

#[test]
fn digest_algorithms_have_no_parameters_and_rsa_has_null() {
    each(|identity, _, signed| {
        let (data, signer) = (signed_data(&signed), signer(&signed));
        assert_eq!(data.digest_algorithms.len(), 1);
        assert_eq!(data.digest_algorithms.get(0), Some(&signer.digest_alg));
        assert_eq!(signer.digest_alg.parameters, None);
        let rsa = signer.signature_algorithm.oid == rfc5912::RSA_ENCRYPTION;
        assert_eq!(rsa, identity.key_kind().to_string().starts_with("RSA"));
        assert_eq!(signer.signature_algorithm.parameters.map(|null| null.is_null()), rsa.then_some(true));
    });
}
