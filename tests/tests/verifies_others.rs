//! What other implementations sign, before the library's verifier; and its words for each tampered twin.
#![allow(clippy::unwrap_used, reason = "a test may fail by panic")]

use std::sync::LazyLock;

use interop::{
    is_present,
    judges::{BouncyCastle, GnuTls, Gpgsm, Judge, Nss, OpenSsl},
    pki::{Key, Pki, Signer},
    signers,
    stage::{CONTENT, YEARS, moment},
    twins::Twin,
};
use profile_kit::{
    At, Error, SignOptions, SignedProfile, TrustStore, Verdict,
    sign::sign_content,
    verify::{Observed, VerifyOptions},
};

#[test]
fn openssl_with_every_key_and_digest_is_good() {
    if !is_present(OpenSsl.missing()) {
        return;
    }
    for (key, signer) in SIGNERS.iter() {
        for digest in ["sha256", "sha384", "sha512"] {
            let signed = signers::openssl(signer, CONTENT, &["-md", digest]);
            assert_good(signer, signed, &format!("{key} with {digest}"));
        }
    }
}

#[test]
fn openssl_with_each_of_its_forms_is_good() {
    if !is_present(OpenSsl.missing()) {
        return;
    }
    let forms: [&[&str]; 5] = [&[], &["-nosmimecap"], &["-keyid"], &["-noattr"], &["-stream"]];
    for form in forms {
        for signer in [rsa(), p256()] {
            let signed = signers::openssl(signer, CONTENT, &[form, &["-md", "sha256"]].concat());
            assert_good(signer, signed, &format!("{form:?}"));
        }
    }
}

#[test]
fn openssl_with_rsa_pss_is_good() {
    if !is_present(OpenSsl.missing()) {
        return;
    }
    let signed = signers::openssl(rsa(), CONTENT, &["-md", "sha256", "-keyopt", "rsa_padding_mode:pss"]);
    assert_good(rsa(), signed, "PSS");
}

#[test]
fn openssl_streaming_is_said_to_be_ber() {
    if !is_present(OpenSsl.missing()) {
        return;
    }
    let signed = signers::openssl(p256(), CONTENT, &["-md", "sha256", "-stream"]);
    let signed = SignedProfile::from_bytes(signed).unwrap();
    let verified = store().verify_with(&signed, &options()).unwrap();
    assert!(verified.verification().observed(Observed::BerEncoding));
}

#[test]
fn certtool_is_good() {
    if is_present(GnuTls.missing()) {
        assert_good(rsa(), signers::certtool(rsa(), CONTENT), "RSA");
        assert_good(p256(), signers::certtool(p256(), CONTENT), "ECDSA");
    }
}

#[test]
fn cmsutil_is_good() {
    if is_present(Nss.missing()) {
        assert_good(rsa(), signers::cmsutil(rsa(), &PKI.root_pem(), CONTENT), "RSA");
        assert_good(p256(), signers::cmsutil(p256(), &PKI.root_pem(), CONTENT), "ECDSA");
    }
}

#[test]
fn gpgsm_is_good() {
    if is_present(Gpgsm.missing()) {
        assert_good(rsa(), signers::gpgsm(rsa(), &PKI.root_pem(), CONTENT), "RSA");
    }
}

#[test]
fn bouncycastle_is_good() {
    if is_present(BouncyCastle.missing()) {
        let sign = |signer, algorithm| signers::bouncycastle(signer, CONTENT, algorithm);
        assert_good(rsa(), sign(rsa(), "SHA256withRSA"), "RSA");
        assert_good(rsa(), sign(rsa(), "SHA256withRSAandMGF1"), "PSS");
        assert_good(p256(), sign(p256(), "SHA384withECDSA"), "ECDSA");
    }
}

/// In the words that the judges use: NSS says the same.
#[test]
fn each_tampered_twin_has_its_word() {
    let signer = p256();
    let signed = sign_content(&signer.identity(), CONTENT, &SignOptions::new(moment())).unwrap();
    let double = PKI.signer(Key::P256).certificate_der();
    for twin in Twin::ALL {
        let word = match twin {
            Twin::Content | Twin::Digest => Verdict::DigestMismatch,
            Twin::ContentAndDigest | Twin::Signature | Twin::Certificate => Verdict::BadSignature,
        };
        let tampered = SignedProfile::from_bytes(twin.of(&signed, &double)).unwrap();
        let refused = store().verify_with(&tampered, &options());
        assert!(matches!(refused, Err(Error::Integrity { verdict, .. }) if verdict == word), "{twin:?}: {refused:?}");
    }
}

fn assert_good(signer: &Signer, signed: Vec<u8>, what: &str) {
    let signed = SignedProfile::from_bytes(signed).unwrap_or_else(|problem| panic!("{what}: {problem}"));
    let verified = store().verify_with(&signed, &options()).unwrap_or_else(|problem| panic!("{what}: {problem}"));
    assert_eq!(verified.verdict(), Verdict::GoodSignature, "{what}: {:?}", verified.verification().problem());
    assert_eq!(verified.content(), CONTENT, "{what}: another content");
    assert_eq!(verified.leaf().der(), signer.certificate_der(), "{what}: another leaf");
}

fn options() -> VerifyOptions {
    VerifyOptions { at: At::Time(moment()), ..VerifyOptions::new(moment()) }
}

fn store() -> TrustStore {
    TrustStore::from_pem(&PKI.root_pem()).unwrap()
}

fn rsa() -> &'static Signer {
    signer(Key::Rsa2048)
}

fn p256() -> &'static Signer {
    signer(Key::P256)
}

fn signer(key: Key) -> &'static Signer {
    &SIGNERS.iter().find(|(kind, _)| *kind == key).expect("every key signs").1
}

static PKI: LazyLock<Pki> = LazyLock::new(|| Pki::new("Interop", YEARS));

static SIGNERS: LazyLock<Vec<(Key, Signer)>> =
    LazyLock::new(|| Key::ALL.iter().map(|key| (*key, PKI.signer(*key))).collect());
