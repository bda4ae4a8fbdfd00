use std::{
    sync::Arc,
    time::{Duration, UNIX_EPOCH},
};

use ::cms::{content_info::ContentInfo, signed_data::SignedData};
use der::{Decode, Encode, Tag, Tagged};
use openssl::{
    bn::{BigNum, BigNumContext},
    ec::{EcGroup, EcKey, EcPoint},
    ecdsa::EcdsaSig,
    nid::Nid,
    pkey::PKey,
};

use super::*;
use crate::{
    IdentityFiles, KeyPath, Payload, UuidSource,
    pki::{
        Issued, KeySpec, KeyUse, Leaf,
        fixture::{INTERMEDIATE, P256, P384, ROOT, RSA, identity_of, leaf, midway, validity},
    },
};

fn profile() -> Profile {
    let mut profile = Profile::new("jp.example.ivi-mdm", "IVI MDM");
    profile.push(Payload::new("com.apple.applicationaccess"));
    profile
}

fn options() -> SignOptions {
    SignOptions::new(midway())
}

fn read(signed: &[u8]) -> SignedData {
    ContentInfo::from_der(signed).unwrap().content.decode_as().unwrap()
}

fn content(signed: &SignedProfile) -> Vec<u8> {
    read(signed.as_bytes()).encap_content_info.econtent.unwrap().value().to_vec()
}

/// A profile with terms of its own.
#[derive(Default)]
struct Terms {
    profile: Option<Profile>,
    leaf: Option<Certificate>,
    findings: Vec<Finding>,
}

impl Signable for Terms {
    fn profile(&self) -> &Profile {
        self.profile.as_ref().unwrap()
    }

    fn content(&self) -> Result<Content<'_>> {
        Ok(b"<plist/>".as_slice().into())
    }

    fn required_leaf(&self) -> Option<&Certificate> {
        self.leaf.as_ref()
    }

    fn refusals(&self) -> Vec<Finding> {
        self.findings.clone()
    }
}

#[test]
fn the_same_input_gives_the_same_bytes() {
    let deterministic: [(&Issued, bool); 3] =
        [(&RSA, true), (&P256, deterministic_ecdsa()), (&P384, deterministic_ecdsa())];
    for (issued, deterministic) in deterministic {
        let identity = issued.identity().unwrap();
        let [one, other] = [(); 2].map(|()| identity.sign_with(&profile(), &options()).unwrap());
        assert_eq!(one == other, deterministic, "{}", identity.key_kind());
    }
}

#[test]
fn a_signer_that_is_kept_gives_what_a_fresh_one_gives() {
    let identity = RSA.identity().unwrap();
    let mut kept = Signer::new(&identity, options()).unwrap();
    kept.sign_content(b"something before").unwrap();
    assert_eq!(kept.sign(&profile()).unwrap(), identity.sign_with(&profile(), &options()).unwrap());
}

#[test]
fn another_signing_time_gives_other_bytes() {
    let mut signer = Signer::new(&RSA.identity().unwrap(), options()).unwrap();
    let one = signer.sign(&profile()).unwrap();
    signer.set_signing_time(midway() + Duration::from_secs(1));
    assert!(one != signer.sign(&profile()).unwrap());
}

#[test]
fn a_part_of_a_second_is_neither_said_nor_judged() {
    let last_moment = validity().not_after;
    let mut signer = Signer::new(&P256.identity().unwrap(), SignOptions::new(last_moment)).unwrap();
    let one = signer.sign(&Terms::default()).unwrap();
    signer.set_signing_time(last_moment + Duration::from_millis(999));
    assert_eq!(signer.sign(&Terms::default()).unwrap(), one);
    signer.set_signing_time(last_moment + Duration::from_secs(1));
    assert!(signer.sign(&Terms::default()).is_err());
}

#[test]
fn fills_missing_uuids_in_from_the_content() {
    let signed = RSA.identity().unwrap().sign_with(&profile(), &options()).unwrap();
    let read = Profile::from_bytes(&content(&signed)).unwrap();
    let mut wanted = profile();
    wanted.fill_uuids(UuidSource::Content);
    assert_eq!(read.to_dictionary(), wanted.to_dictionary());
}

#[test]
fn signs_the_bytes_that_were_read_untouched() {
    let mut filled = profile();
    filled.fill_uuids(UuidSource::Content);
    let mut odd = filled.to_xml().unwrap();
    odd.extend_from_slice(b"\r\n<!-- kept -->\n");
    for bytes in [odd, filled.to_binary().unwrap()] {
        let encoded = EncodedProfile::read(bytes.clone()).unwrap();
        let signed = RSA.identity().unwrap().sign_with(&encoded, &options()).unwrap();
        assert_eq!(content(&signed), bytes);
    }
}

#[test]
fn signing_time_is_utc_time_until_2049_and_generalized_time_after() {
    let first_of_2050 = UNIX_EPOCH + Duration::from_secs(2_524_608_000);
    for (time, tag) in [(first_of_2050 - Duration::from_secs(1), Tag::UtcTime), (first_of_2050, Tag::GeneralizedTime)] {
        let signed = sign_content(&RSA.identity().unwrap(), b"", &SignOptions::new(time)).unwrap();
        let attributes = read(&signed).signer_infos.0.get(0).unwrap().signed_attrs.clone().unwrap();
        let values: Vec<_> = attributes.iter().map(|attribute| attribute.values.get(0).unwrap().tag()).collect();
        assert_eq!(values, [Tag::ObjectIdentifier, tag, Tag::OctetString]);
    }
}

#[test]
fn refuses_a_signing_time_before_1970() {
    let options = SignOptions::new(UNIX_EPOCH - Duration::from_secs(1));
    let error = sign_content(&RSA.identity().unwrap(), b"", &options).unwrap_err();
    assert!(error.to_string().starts_with("signing time: "), "{error}");
}

#[test]
fn refuses_an_expired_leaf_unless_allowed() {
    let mut late = SignOptions::new(validity().not_after + Duration::from_secs(1));
    let identity = P256.identity().unwrap();
    let error = identity.sign_with(&Terms::default(), &late).unwrap_err();
    assert_eq!(
        error.to_string(),
        "certificate CN=P-256 signer expired on 2040-01-01T00:00:00Z; the signing time is 2040-01-01T00:00:01Z"
    );
    assert!(matches!(error, Error::Identity { fault: IdentityFault::OutsideValidity, .. }), "{error:?}");
    let required = |issued: &Issued| Terms { leaf: Some(issued.certificate().clone()), ..Terms::default() };
    assert!(identity.sign_with(&required(&P256), &late).is_ok());
    late.allow_other_signer = true;
    assert!(identity.sign_with(&required(&P384), &late).is_err());
    late.allow_expired = true;
    assert!(identity.sign_with(&Terms::default(), &late).is_ok());
}

#[test]
fn refuses_a_leaf_before_its_time_even_where_expired_ones_are_allowed() {
    let mut early = SignOptions::new(validity().not_before - Duration::from_secs(1));
    early.allow_expired = true;
    let error = P256.identity().unwrap().sign_with(&Terms::default(), &early).unwrap_err();
    assert!(error.to_string().contains("is not valid before 2020-01-01T00:00:00Z"), "{error}");
}

#[test]
fn what_holds_something_to_be_signed_is_signed_on_its_terms() {
    let terms = || Terms { profile: Some(profile()), leaf: Some(RSA.certificate().clone()), ..Terms::default() };
    let identity = P256.identity().unwrap();
    let all: [&dyn Signable; 3] = [&&terms(), &(Box::new(terms()) as Box<dyn Signable>), &Arc::new(terms())];
    for held in all {
        assert_eq!(held.profile().identifier(), profile().identifier());
        assert_eq!(&*held.content().unwrap(), b"<plist/>");
        assert!(matches!(identity.sign_with(held, &options()), Err(Error::OtherSigner { .. })));
        let refused = Terms { findings: check::refusals(&Profile::new("", "")), ..terms() };
        assert!(!refused.findings.is_empty());
        assert_eq!((&&refused as &dyn Signable).refusals(), refused.findings);
    }
}

#[test]
fn refuses_another_leaf_than_the_one_asked_for_even_of_the_same_key() {
    let renewed = INTERMEDIATE.reissue(&leaf("P-256 signer", KeySpec::P256), &P256).unwrap();
    let overwrite = Terms { leaf: Some(P256.certificate().clone()), ..Terms::default() };
    let identity = renewed.identity().unwrap();
    let error = identity.sign_with(&overwrite, &options()).unwrap_err();
    assert!(matches!(&error, Error::OtherSigner { installed, .. } if *installed == P256.certificate().fingerprint()));
    assert!(P256.identity().unwrap().sign_with(&overwrite, &options()).is_ok());
    assert!(identity.sign_with(&overwrite, &SignOptions { allow_other_signer: true, ..options() }).is_ok());
}

#[test]
fn signs_with_the_leaf_that_is_asked_for_and_its_chain_wherever_it_stands_among_those_of_the_key() {
    let renewed = ROOT.reissue(&leaf("P-256 signer", KeySpec::P256), &P256).unwrap();
    let all = [&renewed, &P256].map(|issued| issued.certificate_pem().unwrap()).concat();
    let intermediate = INTERMEDIATE.certificate_pem().unwrap();
    let identity = Identity::from_pem(&all, &P256.key_pem().unwrap(), &intermediate, None).unwrap();
    assert_eq!(identity.certificate(), renewed.certificate());
    for (asked, certificates) in [(&*P256, 2), (&renewed, 1)] {
        let overwrite = Terms { leaf: Some(asked.certificate().clone()), ..Terms::default() };
        let signed = read(identity.sign_with(&overwrite, &options()).unwrap().as_bytes());
        let signer = signed.signer_infos.0.get(0).unwrap().sid.to_der().unwrap();
        assert_eq!(signer, asked.certificate().issuer_and_serial().unwrap());
        assert_eq!(signed.certificates.unwrap().0.len(), certificates);
    }
}

#[test]
fn refuses_findings_unless_their_code_is_allowed() {
    let finding = Finding::new(Code::MissingKey, KeyPath::root().key("PayloadVersion"), "is missing");
    let broken = Terms { findings: vec![finding.clone()], ..Terms::default() };
    let identity = P256.identity().unwrap();
    let error = identity.sign_with(&broken, &options()).unwrap_err();
    assert!(matches!(&error, Error::Refused { findings } if *findings == [finding]));
    assert!(identity.sign_with(&broken, &SignOptions { allow: vec![Code::MissingKey], ..options() }).is_ok());
}

#[test]
fn an_identity_for_decrypting_signs_nothing() {
    let issued = INTERMEDIATE.issue(&Leaf { key_usage: vec![KeyUse::KeyEncipherment], ..leaf("D", KeySpec::P256) });
    let issued = issued.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (certificate, key) = (folder.path().join("d.pem"), folder.path().join("d.key"));
    std::fs::write(&certificate, issued.certificate_pem().unwrap()).unwrap();
    std::fs::write(&key, issued.key_pem().unwrap()).unwrap();
    let mut files = IdentityFiles::new(certificate, key);
    (files.decrypt_only, files.allow_readable_key) = (true, true);
    let error = files.load().unwrap().sign_with(&profile(), &options()).unwrap_err();
    assert!(error.to_string().contains("decrypt only"), "{error}");
    assert!(matches!(error, Error::Identity { fault: IdentityFault::WrongPurpose, .. }), "{error:?}");
}

#[test]
fn is_der_through_and_through_whatever_the_content_is_long() {
    let mut signer = Signer::new(&P384.identity().unwrap(), options()).unwrap();
    for length in [0, 1, 127, 128, 255, 256, 65_535, 65_536] {
        let signed = signer.sign_content(&vec![b'x'; length]).unwrap();
        let whole = ContentInfo::from_der(&signed).unwrap();
        assert_eq!(whole.to_der().unwrap(), signed);
        assert_eq!(read(&signed).to_der().unwrap(), whole.content.to_der().unwrap());
        assert_eq!(read(&signed).encap_content_info.econtent.unwrap().value().len(), length);
    }
}

/// The first example of RFC 6979 §A.2.5 with SHA-256.
#[test]
fn ecdsa_nonces_are_those_of_rfc_6979() {
    if !deterministic_ecdsa() {
        println!("skipped: this OpenSSL makes random nonces only");
        return;
    }
    let number = |hexadecimal| BigNum::from_hex_str(hexadecimal).unwrap();
    let secret = number("C9AFA9D845BA75166B5C215767B1D6934E50C3DB36E89B127B8A622B120F6721");
    let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).unwrap();
    let mut point = EcPoint::new(&group).unwrap();
    point.mul_generator2(&group, &secret, &mut BigNumContext::new().unwrap()).unwrap();
    let key = EcKey::from_private_components(&group, &secret, &point).unwrap();
    let identity = identity_of(PKey::from_ec_key(key).unwrap());
    let mut signature = Vec::new();
    let mut key = Key::new(&identity, Digest::Sha256).unwrap();
    key.context.sign_to_vec(&Digest::Sha256.of(b"sample"), &mut signature).unwrap();
    let signature = EcdsaSig::from_der(&signature).unwrap();
    assert_eq!(signature.r(), &*number("EFD48B2AACB6A8FD1140DD9CD45E81D69D2C877B56AAF991C34D0EA84EAF3716"));
    assert_eq!(signature.s(), &*number("F7CB1C942D657C41D436C7A1B6E29F65F3E900DBB9AFF4064DC4AB2F843ACDA8"));
}

#[test]
fn what_would_be_larger_than_a_profile_may_be_is_not_signed() {
    let content = vec![b'x'; LARGEST - 1024];
    let error = sign_content(&RSA.identity().unwrap(), &content, &SignOptions::new(midway())).unwrap_err();
    assert!(matches!(error, Error::Unwritable { .. }) && error.to_string().starts_with("signed, its "), "{error}");
    let fits = sign_content(&RSA.identity().unwrap(), &content[8192..], &SignOptions::new(midway())).unwrap();
    assert!(SignedProfile::from_bytes(fits).is_ok());
}
