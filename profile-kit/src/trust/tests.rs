use openssl::x509::extension::KeyUsage;

use super::*;
use crate::verify::forge::{Party, Wish, day};

fn certificate(party: &Party) -> Certificate {
    Certificate::from_x509(party.certificate.clone()).unwrap()
}

fn store(roots: &[&Party]) -> TrustStore {
    TrustStore::of(roots.iter().map(|root| certificate(root)).collect()).unwrap()
}

fn judge(store: &TrustStore, leaf: &Party, others: &[&Party], at: u64, purpose: Purpose) -> Trust {
    let others: Vec<Certificate> = others.iter().map(|other| certificate(other)).collect();
    let leaf = certificate(leaf);
    let search = store.search(&leaf, &others, purpose).unwrap();
    store.judge(&search, &leaf, &others, day(at), purpose).unwrap()
}

fn root_and_leaf() -> (Party, Party) {
    let root = Wish::ca("root").issued_by(None);
    let leaf = Wish { days: (10_500, 12_000), ..Wish::named("leaf") }.issued_by(Some(&root));
    (root, leaf)
}

#[test]
fn tells_time_from_trust() {
    let (root, leaf) = root_and_leaf();
    let verdict = |at| judge(&store(&[&root]), &leaf, &[], at, Purpose::Any).verdict;
    assert_eq!(verdict(11_000), Verdict::GoodSignature);
    assert_eq!(verdict(12_000), Verdict::GoodSignature, "the last moment belongs to the validity");
    assert_eq!(verdict(12_001), Verdict::SigningCertExpired);
    assert_eq!(verdict(10_499), Verdict::SigningCertNotYetValid);
}

#[test]
fn trusts_no_certificate_whose_time_is_not_written_as_one_must_be() {
    let root = Wish::ca("root").issued_by(None);
    let verdict = |written| {
        let leaf = Wish { written, ..Wish::named("leaf") }.issued_by(Some(&root));
        judge(&store(&[&root]), &leaf, &[], 11_000, Purpose::Any).verdict
    };
    for end in ["20400101000000Z", "400101000000Z"] {
        assert_eq!(verdict([None, Some(end)]), Verdict::GoodSignature, "{end}");
    }
    for end in ["20400101000000.5Z", "20400101000000+0900", "400101000000+0900"] {
        assert_eq!(verdict([None, Some(end)]), Verdict::SigningCertExpired, "{end}");
    }
    for begin in ["19990101000000.5Z", "990101000000-0100"] {
        assert_eq!(verdict([Some(begin), None]), Verdict::SigningCertNotYetValid, "{begin}");
    }
}

#[test]
fn keeps_the_expiry_of_an_untrusted_certificate() {
    let (_, leaf) = root_and_leaf();
    let trust = judge(&TrustStore::empty().unwrap(), &leaf, &[], 13_000, Purpose::Any);
    assert_eq!((trust.verdict, trust.validity), (Verdict::SigningCertNotTrusted, Validity::Expired));
    assert_eq!(trust.validity_aside().as_deref(), Some("the signer's certificate has expired"));
}

#[test]
fn says_which_certificate_of_the_path_has_expired() {
    let root = Wish::ca("root").issued_by(None);
    let issuer = Wish { days: (10_000, 11_000), ..Wish::ca("issuer") }.issued_by(Some(&root));
    let leaf = Wish::named("leaf").issued_by(Some(&issuer));
    let trust = judge(&store(&[&root]), &leaf, &[&issuer], 12_000, Purpose::Any);
    assert_eq!(trust.verdict, Verdict::SigningCertExpired);
    assert_eq!(trust.reason.as_deref(), Some("certificate 1 above it has expired"));
    assert_eq!(trust.path.len(), 3);
}

#[test]
fn an_ended_issuer_of_the_same_name_with_another_purpose_stands_in_nobodys_way() {
    let root = Wish::ca("root").issued_by(None);
    let key = crate::verify::forge::p256();
    let old = Wish { key: key.clone(), days: (10_000, 11_000), for_code: true, ..Wish::ca("issuer") };
    let (old, good) =
        (old.issued_by(Some(&root)), Wish { key, serial: 2, ..Wish::ca("issuer") }.issued_by(Some(&root)));
    let leaf = Wish { for_mail: true, ..Wish::named("leaf") }.issued_by(Some(&good));
    for others in [[&old, &good], [&good, &old]] {
        let trust = judge(&store(&[&root]), &leaf, &others, 12_000, Purpose::Smime);
        assert_eq!(trust.verdict, Verdict::GoodSignature, "{:?}", trust.reason);
    }
}

#[test]
fn finds_the_valid_one_of_two_cross_signed_paths() {
    let (old, new) = (Wish::ca("old root").issued_by(None), Wish::ca("new root").issued_by(None));
    let key = crate::verify::forge::p256();
    let by_old = Wish { key: key.clone(), days: (10_000, 11_000), ..Wish::ca("issuer") }.issued_by(Some(&old));
    let by_new = Wish { key, serial: 2, ..Wish::ca("issuer") }.issued_by(Some(&new));
    let leaf = Wish::named("leaf").issued_by(Some(&by_new));
    for others in [[&by_old, &by_new], [&by_new, &by_old]] {
        let trust = judge(&store(&[&old, &new]), &leaf, &others, 12_000, Purpose::Any);
        assert!(trust.is_trusted(), "{:?}", trust.reason);
    }
}

#[test]
fn a_path_of_certificates_that_issue_each_other_ends() {
    let (one_key, other_key) = (crate::verify::forge::p256(), crate::verify::forge::p256());
    let seed = Wish { key: other_key.clone(), ..Wish::ca("other") }.issued_by(None);
    let one = Wish { key: one_key, ..Wish::ca("one") }.issued_by(Some(&seed));
    let other = Wish { key: other_key, ..Wish::ca("other") }.issued_by(Some(&one));
    let leaf = Wish::named("leaf").issued_by(Some(&one));
    let root = Wish::ca("root").issued_by(None);
    let trust = judge(&store(&[&root]), &leaf, &[&one, &other], 11_000, Purpose::Any);
    assert_eq!(trust.verdict, Verdict::SigningCertNotTrusted);
}

#[test]
fn passes_over_a_critical_extension_of_apples_and_says_so() {
    let root = Wish::ca("root").issued_by(None);
    let leaf = Wish { critical: Some(APPLE), ..Wish::named("leaf") }.issued_by(Some(&root));
    let trust = judge(&store(&[&root]), &leaf, &[], 11_000, Purpose::Any);
    assert!(trust.is_trusted() && trust.unknown_critical_extension);
}

#[test]
fn does_not_trust_a_path_with_another_unknown_critical_extension() {
    let root = Wish::ca("root").issued_by(None);
    let issuer = Wish { critical: Some("1.2.3.4.5"), ..Wish::ca("issuer") }.issued_by(Some(&root));
    let leaf = Wish { critical: Some(APPLE), ..Wish::named("leaf") }.issued_by(Some(&issuer));
    let trust = judge(&store(&[&root]), &leaf, &[&issuer], 11_000, Purpose::Any);
    assert_eq!((trust.verdict, trust.path.len()), (Verdict::SigningCertNotTrusted, 0));
    let reason = "certificate 1 above it has the critical extension 1.2.3.4.5, which is not known here";
    assert_eq!(trust.reason.as_deref(), Some(reason));
}

#[test]
fn does_not_trust_an_issuer_whose_key_anybody_has() {
    let root = Wish::ca("root").issued_by(None);
    let exponent = openssl::bn::BigNum::from_u32(1).unwrap();
    let key = crate::verify::forge::rsa_with(&exponent);
    let issuer = Wish { key, ..Wish::ca("issuer") }.issued_by(Some(&root));
    let leaf = Wish::named("leaf").issued_by(Some(&issuer));
    let trust = judge(&store(&[&root]), &leaf, &[&issuer], 11_000, Purpose::Any);
    assert_eq!(trust.verdict, Verdict::SigningCertNotTrusted);
    assert!(trust.reason.unwrap().contains("anybody can sign"));
}

#[test]
fn code_is_signed_only_below_issuers_for_code() {
    let root = Wish { for_mail: true, ..Wish::ca("root") }.issued_by(None);
    let judge_under = |issuer: Wish<'_>| {
        let issuer = issuer.issued_by(Some(&root));
        let leaf = Wish { for_code: true, ..Wish::named("leaf") }.issued_by(Some(&issuer));
        judge(&store(&[&root]), &leaf, &[&issuer], 11_000, Purpose::CodeSigning)
    };
    assert!(judge_under(Wish::ca("issuer")).is_trusted(), "the root is not asked");
    assert!(judge_under(Wish { for_code: true, ..Wish::ca("issuer") }).is_trusted());
    let trust = judge_under(Wish { for_mail: true, ..Wish::ca("issuer") });
    assert_eq!(trust.reason.as_deref(), Some("certificate 1 above it is not for signing code"));
}

#[test]
fn code_is_signed_only_by_a_key_that_may_sign() {
    let root = Wish::ca("root").issued_by(None);
    let reason = |usage: &mut KeyUsage| {
        let leaf = Wish { usage: Some(std::mem::take(usage)), for_code: true, ..Wish::named("leaf") };
        judge(&store(&[&root]), &leaf.issued_by(Some(&root)), &[], 11_000, Purpose::CodeSigning).reason
    };
    let refused = "the signer's certificate has a key usage without digitalSignature";
    assert_eq!(reason(KeyUsage::new().key_encipherment()).as_deref(), Some(refused));
    assert_eq!(reason(KeyUsage::new().digital_signature()), None);
}

#[test]
fn asks_for_a_purpose_only_when_told() {
    let root = Wish::ca("root").issued_by(None);
    let leaf = Wish { for_code: true, ..Wish::named("leaf") }.issued_by(Some(&root));
    let trusted = |purpose| judge(&store(&[&root]), &leaf, &[], 11_000, purpose).is_trusted();
    assert!(trusted(Purpose::Any) && trusted(Purpose::CodeSigning));
    assert!(!trusted(Purpose::Smime) && !trusted(Purpose::TlsServer) && !trusted(Purpose::TlsClient));
}

#[test]
fn a_given_certificate_that_is_not_a_root_is_an_anchor() {
    let (_, leaf) = root_and_leaf();
    assert!(judge(&store(&[&leaf]), &leaf, &[], 11_000, Purpose::Any).is_trusted());
}

#[test]
fn does_not_trust_what_a_leaf_issued() {
    let root = Wish::ca("root").issued_by(None);
    let middle = Wish::named("not a CA").issued_by(Some(&root));
    let leaf = Wish::named("leaf").issued_by(Some(&middle));
    let trust = judge(&store(&[&root]), &leaf, &[&middle], 11_000, Purpose::Any);
    assert_eq!(trust.verdict, Verdict::SigningCertNotTrusted);
}

#[test]
fn means_now_where_no_signing_time_is_told() {
    assert_eq!(At::SigningTime.moment(day(1), Some(day(2))), day(2));
    assert_eq!(At::SigningTime.moment(day(1), None), day(1));
    assert_eq!(At::Time(day(3)).moment(day(1), Some(day(2))), day(3));
}

/// One of those that Apple's developer certificates carry.
const APPLE: &str = "1.2.840.113635.100.6.1.13";
