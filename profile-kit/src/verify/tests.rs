use const_oid::ObjectIdentifier;
use openssl::{
    bn::BigNum,
    hash::MessageDigest,
    pkey::PKey,
    rsa::Padding,
    sha::{sha256, sha512},
    sign::{RsaPssSaltlen, Signer},
};

use super::{
    forge::{
        Hand, Party, Wish, algorithm, algorithm_protection, attribute, content_type, day, message_digest, rsa,
        rsa_with, signed_data, signing_time,
    },
    *,
};
use crate::SignedProfile;

fn check(bytes: &[u8]) -> Verification {
    verify_bytes(bytes, None, &VerifyOptions::new(day(11_000))).unwrap()
}

fn signed_by(party: &Party, signer: Vec<u8>) -> Vec<u8> {
    signed_data(CONTENT, &[&party.certificate], &[signer])
}

#[test]
fn tells_the_signer_for_what_it_is() {
    let party = Wish::named("signer").issued_by(None);
    let found = check(&signed_by(&party, Hand::of(&party, CONTENT).sign(CONTENT)));
    assert_eq!(found.verdict(), Verdict::GoodSignature, "{:?}", found.problem());
    let signer = &found.signers[0];
    assert_eq!((signer.digest.as_str(), signer.signature_algorithm.as_str()), ("SHA-256", "ecdsa-with-SHA256"));
    assert_eq!(signer.signing_time, Some(day(11_000)));
    assert_eq!(signer.signed_attributes.as_deref().unwrap().len(), 3);
    assert_eq!(signer.identified_by, IdentifiedBy::IssuerAndSerial);
    assert_eq!(found.content.as_deref(), Some(CONTENT));
    assert!(found.observations.is_empty(), "{:?}", found.observations);
}

#[test]
fn says_that_a_file_does_not_list_its_signers_digest() {
    let party = Wish::named("signer").issued_by(None);
    let good = signed_by(&party, Hand::of(&party, CONTENT).sign(CONTENT));
    let at = good.windows(SHA_256.len()).position(|it| it == SHA_256).expect("the file lists it first");
    let mut other = good.clone();
    other[at + SHA_256.len() - 1] = 2;
    for (file, is_unlisted) in [(good, false), (other, true)] {
        let found = check(&file);
        assert_eq!(found.verdict(), Verdict::GoodSignature);
        assert_eq!(found.observed(Observed::UnlistedDigest), is_unlisted);
    }
}

#[test]
fn tells_of_every_form_that_other_readers_refuse_and_no_device_is_known_to_take() {
    let party = Wish::named("signer").issued_by(None);
    let profile = crate::Profile::new("jp.example.ivi-mdm", "IVI MDM").to_xml().unwrap();
    let file = |signer: Vec<u8>| signed_data(&profile, &[&party.certificate], &[signer]);
    let plain = file(Hand::of(&party, &profile).sign(&profile));
    let and_null = |set: &[u8]| ber::encode(set[0], &[content_of(set), &[5, 0]].concat());
    let odd = ber::encode(0xa1, b"\x30\x02\x05\x00");
    let padded = |serial: &[u8]| ber::encode(ber::INTEGER, &[&[0], content_of(serial)].concat());
    let mut unsorted = Hand::of(&party, &profile);
    let two = attribute(ObjectIdentifier::new_unwrap("1.2.3.4"), b"\x0c\x01b\x0c\x01a");
    unsorted.attributes.as_mut().unwrap().push(two);
    let over_long = |set: &[u8]| [&[set[0], 0x82, 0, set[1]], content_of(set)].concat();
    let as_written = Hand::of(&party, &profile).sign_with(&profile, |message| {
        Signer::new(MessageDigest::sha256(), &party.key).unwrap().sign_oneshot_to_vec(&over_long(message)).unwrap()
    });
    let strange = [
        (edited(&plain, DIGESTS, &and_null), Observed::UnreadableDigest),
        (edited(&plain, CERTIFICATES, &and_null), Observed::UnreadableCertificate),
        (edited(&plain, CERTIFICATES, &|it| [it, &odd].concat()), Observed::UnreadableRevocation),
        (edited(&plain, SERIAL, &padded), Observed::PaddedSerialNumber),
        (file(unsorted.sign(&profile)), Observed::UnorderedSignedAttributes),
        (edited(&file(as_written), ATTRIBUTES, &over_long), Observed::NotSignedAsDer),
    ];
    assert!(is_plain(&plain));
    for (file, code) in strange {
        let found = check(&file);
        assert_eq!(found.verdict(), Verdict::GoodSignature, "{code}");
        assert!(found.observed(code), "{code}: {:?}", found.observations);
        assert!(!is_plain(&file), "{code}");
    }
}

#[test]
fn says_nothing_of_what_may_stand_beside_certificates_and_revocation_lists() {
    let party = Wish::named("signer").issued_by(None);
    let file = signed_by(&party, Hand::of(&party, CONTENT).sign(CONTENT));
    let beside = |set: &[u8]| ber::encode(set[0], &[content_of(set), b"\xa2\x02\x05\x00"].concat());
    let other = ber::encode(0xa1, b"\xa1\x03\x06\x01\x2a");
    let file = edited(&edited(&file, CERTIFICATES, &beside), CERTIFICATES, &|it| [it, &other].concat());
    assert_eq!(check(&file).observations, []);
}

fn is_plain(file: &[u8]) -> bool {
    let signature = crate::device::Arrival::from_bytes(file).unwrap().signature;
    matches!(signature, crate::device::Signature::Signed { plain: true, .. })
}

/// The same with the element changed that is found by its place among its parent's children, from the top.
fn edited(der: &[u8], path: &[usize], change: &dyn Fn(&[u8]) -> Vec<u8>) -> Vec<u8> {
    let [index, rest @ ..] = path else { return change(der) };
    let element = ber::Reader::new(der).next().unwrap().unwrap();
    let mut reader = element.reader();
    let mut children: Vec<_> = std::iter::from_fn(|| reader.next().unwrap()).map(|it| it.whole().to_vec()).collect();
    children[*index] = edited(&children[*index], rest, change);
    ber::encode(element.tag, &children.concat())
}

fn content_of(der: &[u8]) -> &[u8] {
    ber::Reader::new(der).next().unwrap().unwrap().content()
}

const DIGESTS: &[usize] = &[1, 0, 1];
const CERTIFICATES: &[usize] = &[1, 0, 3];
/// Of the first signer.
const SERIAL: &[usize] = &[1, 0, 4, 0, 1, 1];
/// Those that are signed.
const ATTRIBUTES: &[usize] = &[1, 0, 4, 0, 3];

/// The object identifier, in DER.
const SHA_256: &[u8] = &[0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 1];

#[test]
fn finds_the_signer_by_key_identifier() {
    let (party, other) = (Wish::named("signer").issued_by(None), Wish::named("other").issued_by(None));
    let hand = Hand { by_key_identifier: true, ..Hand::of(&party, CONTENT) };
    let found = check(&signed_data(CONTENT, &[&other.certificate, &party.certificate], &[hand.sign(CONTENT)]));
    assert_eq!(found.verdict(), Verdict::GoodSignature);
    assert_eq!(found.signers[0].identified_by, IdentifiedBy::KeyIdentifier);
    assert_eq!(found.signers[0].certificate.as_ref().unwrap().subject(), "CN=signer");
}

#[test]
fn refuses_to_choose_between_two_certificates() {
    let party = Wish::named("signer").issued_by(None);
    let twin = Wish::named("signer").issued_by(None);
    let signer = Hand::of(&party, CONTENT).sign(CONTENT);
    let found = check(&signed_data(CONTENT, &[&party.certificate, &twin.certificate], &[signer]));
    assert_eq!(found.verdict(), Verdict::AmbiguousSigningCert);
}

#[test]
fn refuses_signed_attributes_as_content() {
    let party = Wish::named("signer").issued_by(None);
    let mut members = [content_type(), signing_time(), message_digest(&sha256(CONTENT))];
    members.sort();
    let covered = ber::encode(ber::SET, &members.concat());
    let signer = Hand { attributes: None, ..Hand::of(&party, CONTENT) }.sign(&covered);
    let found = check(&signed_data(&covered, &[&party.certificate], &[signer]));
    assert_eq!(found.verdict(), Verdict::MalformedSignature);
}

#[test]
fn takes_a_signature_over_the_content_itself() {
    let party = Wish::named("signer").issued_by(None);
    let found = check(&signed_by(&party, Hand { attributes: None, ..Hand::of(&party, CONTENT) }.sign(CONTENT)));
    assert_eq!(found.verdict(), Verdict::GoodSignature);
    assert!(found.observed(Observed::NoSignedAttributes));
}

#[test]
fn tells_other_content_from_another_key() {
    let (party, other) = (Wish::named("signer").issued_by(None), Wish::named("other").issued_by(None));
    let signer = Hand::of(&party, CONTENT).sign(CONTENT);
    let tampered = signed_data(b"other", &[&party.certificate], std::slice::from_ref(&signer));
    assert_eq!(check(&tampered).verdict(), Verdict::DigestMismatch);
    let impostor = Hand::of(&party, CONTENT).sign_with(CONTENT, |message| {
        Signer::new(MessageDigest::sha256(), &other.key).unwrap().sign_oneshot_to_vec(message).unwrap()
    });
    assert_eq!(check(&signed_by(&party, impostor)).verdict(), Verdict::BadSignature);
    assert_eq!(check(&signed_data(CONTENT, &[&other.certificate], &[signer])).verdict(), Verdict::SigningCertNotFound);
}

#[test]
fn the_worst_signer_decides() {
    let (party, other) = (Wish::named("signer").issued_by(None), Wish::named("other").issued_by(None));
    let good = Hand::of(&party, CONTENT).sign(CONTENT);
    let bad = Hand::of(&other, CONTENT).sign_with(CONTENT, |_| vec![0; 70]);
    let found = check(&signed_data(CONTENT, &[&party.certificate, &other.certificate], &[good, bad]));
    assert_eq!(found.verdict(), Verdict::BadSignature);
    assert!(found.observed(Observed::SeveralSigners));
}

#[test]
fn verifies_pss_with_its_parameters_and_says_that_devices_may_not() {
    let party = Wish { key: rsa(), ..Wish::named("signer") }.issued_by(None);
    let sha256_id = algorithm("2.16.840.1.101.3.4.2.1", &[]);
    let pss = |salt: u8| {
        let mask = algorithm("1.2.840.113549.1.1.8", &sha256_id);
        let salt = ber::encode(0xa2, &ber::encode(ber::INTEGER, &[salt]));
        let parts = [ber::encode(0xa0, &sha256_id), ber::encode(0xa1, &mask), salt];
        algorithm("1.2.840.113549.1.1.10", &ber::encode(ber::SEQUENCE, &parts.concat()))
    };
    let sign = |message: &[u8]| {
        let mut signer = Signer::new(MessageDigest::sha256(), &party.key).unwrap();
        signer.set_rsa_padding(Padding::PKCS1_PSS).unwrap();
        signer.set_rsa_pss_saltlen(RsaPssSaltlen::custom(32)).unwrap();
        signer.sign_oneshot_to_vec(message).unwrap()
    };
    let signer = |salt| Hand { algorithm: pss(salt), ..Hand::of(&party, CONTENT) }.sign_with(CONTENT, sign);
    let found = check(&signed_by(&party, signer(32)));
    assert_eq!(found.verdict(), Verdict::GoodSignature, "{:?}", found.problem());
    assert!(found.observed(Observed::UncommonAlgorithm));
    assert_eq!(check(&signed_by(&party, signer(20))).verdict(), Verdict::BadSignature);
}

#[test]
fn refuses_rsa_exponents_that_prove_nothing_or_cost_too_much() {
    let root = Wish::ca("root").issued_by(None);
    let huge = (BigNum::from_dec_str("36893488147419103233").unwrap(), "more than 64 bits");
    let small = |exponent| BigNum::from_u32(exponent).unwrap();
    for (exponent, said) in [huge, (small(1), "anybody can sign"), (small(2), "even"), (small(65_536), "even")] {
        let party = Wish { key: rsa_with(&exponent), ..Wish::named("signer") }.issued_by(Some(&root));
        let hand = Hand { algorithm: algorithm("1.2.840.113549.1.1.1", &[5, 0]), ..Hand::of(&party, CONTENT) };
        let found = check(&signed_by(&party, hand.sign_with(CONTENT, padded)));
        assert_eq!(found.verdict(), Verdict::SignatureAlgorithmUnsupported, "exponent {exponent}");
        assert!(found.problem().unwrap().contains(said), "{:?}", found.problem());
    }
}

/// What a signature is to the power of the public exponent: with an exponent of 1, the signature.
fn padded(message: &[u8]) -> Vec<u8> {
    let info =
        [b"\x30\x31\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01\x05\x00\x04\x20".as_slice(), &sha256(message)];
    let info = info.concat();
    [b"\x00\x01".as_slice(), &vec![0xff; 256 - 3 - info.len()], b"\x00", &info].concat()
}

#[test]
fn refuses_two_values_in_one_field_of_pss() {
    let party = Wish { key: rsa(), ..Wish::named("signer") }.issued_by(None);
    let salt = ber::encode(0xa2, &ber::encode(ber::INTEGER, &[32]).repeat(2));
    let pss = algorithm("1.2.840.113549.1.1.10", &ber::encode(ber::SEQUENCE, &salt));
    let hand = Hand { algorithm: pss, ..Hand::of(&party, CONTENT) };
    let hand = Hand { digest: algorithm("1.3.14.3.2.26", &[]), ..hand };
    let attributes = vec![content_type(), signing_time(), message_digest(&openssl::sha::sha1(CONTENT))];
    let signer = Hand { attributes: Some(attributes), ..hand }.sign_with(CONTENT, |message| {
        let mut signer = Signer::new(MessageDigest::sha1(), &party.key).unwrap();
        signer.set_rsa_padding(Padding::PKCS1_PSS).unwrap();
        signer.set_rsa_pss_saltlen(RsaPssSaltlen::custom(32)).unwrap();
        signer.sign_oneshot_to_vec(message).unwrap()
    });
    assert_eq!(check(&signed_by(&party, signer)).verdict(), Verdict::MalformedSignature);
}

#[test]
fn verifies_attributes_with_tag_numbers_over_30() {
    let party = Wish::named("signer").issued_by(None);
    let found = check(&signed_by(&party, with_attribute(&party, b"\x9f\x81\x01\x05hello").sign(CONTENT)));
    assert_eq!(found.verdict(), Verdict::GoodSignature, "{:?}", found.problem());
    assert_eq!(found.observations, []);
}

#[test]
fn verifies_attributes_over_the_octets_found_and_over_their_der() {
    let party = Wish::named("signer").issued_by(None);
    let chunked = || with_attribute(&party, b"\x2c\x07\x0c\x02he\x0c\x01y");
    let found = check(&signed_by(&party, chunked().sign(CONTENT)));
    assert_eq!(found.verdict(), Verdict::GoodSignature, "{:?}", found.problem());
    let mut members = with_attribute(&party, b"\x0c\x03hey").attributes.unwrap();
    members.sort();
    let der = ber::encode(ber::SET, &members.concat());
    let signed_in_der = chunked().sign_with(CONTENT, |_| {
        Signer::new(MessageDigest::sha256(), &party.key).unwrap().sign_oneshot_to_vec(&der).unwrap()
    });
    assert_eq!(check(&signed_by(&party, signed_in_der)).verdict(), Verdict::GoodSignature);
}

fn with_attribute<'a>(party: &'a Party, value: &[u8]) -> Hand<'a> {
    let hand = Hand::of(party, CONTENT);
    let odd = attribute(ObjectIdentifier::new_unwrap("1.2.3.4"), value);
    Hand { attributes: hand.attributes.map(|usual| [usual, vec![odd]].concat()), ..hand }
}

#[test]
fn verifies_ed25519_and_says_that_devices_may_not() {
    let party = Wish { key: PKey::generate_ed25519().unwrap(), ..Wish::named("signer") }.issued_by(None);
    let hand = Hand {
        digest: algorithm("2.16.840.1.101.3.4.2.3", &[]),
        algorithm: algorithm("1.3.101.112", &[]),
        attributes: Some(vec![content_type(), signing_time(), message_digest(&sha512(CONTENT))]),
        ..Hand::of(&party, CONTENT)
    };
    let signer = hand.sign_with(CONTENT, |message| {
        Signer::new_without_digest(&party.key).unwrap().sign_oneshot_to_vec(message).unwrap()
    });
    let found = check(&signed_by(&party, signer));
    assert_eq!(found.verdict(), Verdict::GoodSignature, "{:?}", found.problem());
    assert!(found.observed(Observed::UncommonAlgorithm));
}

#[test]
fn tells_unknown_algorithms_from_unsupported_ones() {
    let party = Wish::named("signer").issued_by(None);
    let verdict = |hand: Hand<'_>| check(&signed_by(&party, hand.sign(CONTENT))).verdict();
    let unknown = Hand { digest: algorithm("1.2.3.4", &[]), ..Hand::of(&party, CONTENT) };
    assert_eq!(verdict(unknown), Verdict::SignatureAlgorithmUnknown);
    let disagreeing = Hand { algorithm: algorithm("1.2.840.10045.4.3.3", &[]), ..Hand::of(&party, CONTENT) };
    assert_eq!(verdict(disagreeing), Verdict::SignatureAlgorithmUnsupported);
    let other_kind = Hand { algorithm: algorithm("1.2.840.113549.1.1.1", &[]), ..Hand::of(&party, CONTENT) };
    assert_eq!(verdict(other_kind), Verdict::BadSignature);
}

#[test]
fn refuses_a_doubled_signing_time() {
    let party = Wish::named("signer").issued_by(None);
    let attributes = vec![content_type(), signing_time(), signing_time(), message_digest(&sha256(CONTENT))];
    let hand = Hand { attributes: Some(attributes), ..Hand::of(&party, CONTENT) };
    assert_eq!(check(&signed_by(&party, hand.sign(CONTENT))).verdict(), Verdict::MalformedSignature);
}

#[test]
fn what_is_remembered_of_one_file_does_not_leak_into_the_next() {
    let (root, other_root) = (Wish::ca("root").issued_by(None), Wish::ca("other root").issued_by(None));
    let (leaf, other) = (Wish::named("leaf").issued_by(Some(&root)), Wish::named("leaf").issued_by(Some(&other_root)));
    let file = |party: &Party| signed_by(party, Hand::of(party, CONTENT).sign(CONTENT));
    let store = TrustStore::from_pem(&root.certificate.to_pem().unwrap()).unwrap();
    let mut verifier = Verifier::new(Some(&store), VerifyOptions::new(day(11_000)));
    let mut verdict = |bytes: &[u8]| verifier.verify(bytes).unwrap().verdict();
    assert_eq!(verdict(&file(&leaf)), Verdict::GoodSignature);
    assert_eq!(verdict(&file(&other)), Verdict::SigningCertNotTrusted);
    assert_eq!(verdict(&file(&leaf)), Verdict::GoodSignature);
    let forged = Hand::of(&leaf, CONTENT).sign_with(CONTENT, |_| vec![0; 70]);
    assert_eq!(verdict(&signed_by(&leaf, forged)), Verdict::BadSignature);
}

#[test]
fn holds_a_signer_to_the_algorithms_that_it_signed() {
    let party = Wish::named("signer").issued_by(None);
    let verdict = |signature| {
        let protection = algorithm_protection("2.16.840.1.101.3.4.2.1", signature);
        let attributes = vec![content_type(), protection, message_digest(&sha256(CONTENT))];
        let hand = Hand { attributes: Some(attributes), ..Hand::of(&party, CONTENT) };
        check(&signed_by(&party, hand.sign(CONTENT))).verdict()
    };
    assert_eq!(verdict("1.2.840.10045.4.3.2"), Verdict::GoodSignature);
    assert_eq!(verdict("1.2.840.10045.4.3.4"), Verdict::MalformedSignature);
}

#[test]
fn only_broken_integrity_keeps_a_profile_from_being_verified() {
    let (root, store) = (Wish::ca("root").issued_by(None), TrustStore::empty().unwrap());
    let party = Wish::named("signer").issued_by(Some(&root));
    let profile = crate::Profile::new("jp.example.ivi-mdm", "IVI MDM").to_xml().unwrap();
    let file = |content: &[u8]| {
        let signer = Hand::of(&party, &profile).sign(&profile);
        SignedProfile::from_bytes(signed_data(content, &[&party.certificate], &[signer])).unwrap()
    };
    let options = VerifyOptions::new(day(11_000));
    let verified = store.verify_with(&file(&profile), &options).unwrap();
    assert_eq!(verified.verdict(), Verdict::SigningCertNotTrusted);
    assert!(verified.trust().is_some_and(|trust| !trust.is_trusted()));
    assert_eq!(verified.content(), profile);
    assert_eq!(verified.profile().identifier(), "jp.example.ivi-mdm");
    assert_eq!(verified.leaf().subject(), "CN=signer");
    let tampered = store.verify_with(&file(b"other"), &options);
    assert!(matches!(tampered, Err(Error::Integrity { verdict: Verdict::DigestMismatch, .. })));
    let unasked = file(&profile).verify_integrity().unwrap();
    assert!(unasked.trust().is_none() && unasked.verdict().is_good());
}

#[test]
fn debug_output_shows_nothing_of_the_content() {
    let party = Wish::named("signer").issued_by(None);
    let mut profile = crate::Profile::new("jp.example.ivi-mdm", "IVI MDM");
    profile.set_removal(crate::Removal::Password("swordfish".into()));
    let profile = profile.to_xml().unwrap();
    let file = signed_data(&profile, &[&party.certificate], &[Hand::of(&party, &profile).sign(&profile)]);
    let shown = format!("{:?} {:?}", check(&file), SignedProfile::from_bytes(file).unwrap().verify_integrity());
    assert!(!shown.contains("swordfish") && !shown.contains("115, 119, 111, 114, 100"));
}

#[test]
fn a_profile_of_two_signers_has_no_leaf() {
    let (party, other) = (Wish::named("signer").issued_by(None), Wish::named("other").issued_by(None));
    let profile = crate::Profile::new("jp.example.ivi-mdm", "IVI MDM").to_xml().unwrap();
    let signers = [Hand::of(&party, &profile).sign(&profile), Hand::of(&other, &profile).sign(&profile)];
    let file = signed_data(&profile, &[&party.certificate, &other.certificate], &signers);
    assert_eq!(check(&file).verdict(), Verdict::GoodSignature);
    let refused = SignedProfile::from_bytes(file).unwrap().verify_integrity();
    assert!(matches!(refused, Err(Error::Integrity { verdict: Verdict::AmbiguousSigningCert, .. })));
}

proptest::proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes: Vec<u8>) {
        let framed = ber::encode(ber::SEQUENCE, &bytes);
        let _ = (content(&bytes), content(&framed), ber::survey(&framed));
    }
}

#[test]
fn tells_padding_from_other_trailing_bytes() {
    let party = Wish::named("signer").issued_by(None);
    let file = signed_by(&party, Hand::of(&party, CONTENT).sign(CONTENT));
    let message = |tail: &[u8]| check(&[&file, tail].concat()).observations[0].to_string();
    let end = file.len();
    assert_eq!(
        message(b"\0\0\n"),
        format!("TrailingBytes: 3 bytes (padding) follow the signature's end at byte {end}")
    );
    assert_eq!(message(b"x"), format!("TrailingBytes: 1 byte follows the signature's end at byte {end}"));
}

#[test]
fn unwraps_nothing_from_a_detached_signature() {
    let found = content(b"\x30\x80").err().unwrap();
    assert!(matches!(found, Error::Malformed { .. }));
    assert!(matches!(content(b"<?xml version"), Err(Error::NotSigned { .. })));
}

#[test]
fn names_what_is_not_cms() {
    let message = |bytes: &[u8]| content(bytes).err().unwrap().to_string();
    assert_eq!(message(b""), "byte 0: the file is empty");
    assert!(message(b"-----BEGIN PKCS7-----\nMII").contains("PEM armour"));
    assert!(message(b"-----BEGIN PRIVATE KEY-----\nMII").contains("private key"));
    assert!(message(b"MIINWgYJKoZIhvcNAQcCoIINSzCC\n").contains("base64"));
    assert!(message(b"bplist00").contains("binary property list"));
    assert!(message(b"\xef\xbb\xbf\n<plist>").contains("without a signature"));
    assert!(message(b"MIME-Version: 1.0\nContent-Type: application/pkcs7-mime\n").contains("S/MIME"));
}

const CONTENT: &[u8] = b"what is signed";
