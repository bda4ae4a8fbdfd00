//! What the library signs, before six other implementations: they accept it, and refuse each tampered twin.
#![allow(clippy::unwrap_used, reason = "a test may fail by panic")]

use std::{
    sync::LazyLock,
    time::{Duration, UNIX_EPOCH},
};

use interop::{
    is_present,
    judges::{BouncyCastle, Cryptography, GnuTls, Gpgsm, Judge, Judgement, Nss, OpenSsl, Trust},
    pki::{Key, Pki, Signer},
    stage::{CONTENT, SUMMER_2025, YEARS, moment},
    twins::{Twin, without_signer},
};
use profile_kit::{Digest, EncodedProfile, Error, SignOptions, SignedProfile, sign::sign_content};

macro_rules! before {
    ($($court:ident: $judge:expr;)*) => {$(
        mod $court {
            use super::*;

            #[test]
            fn every_key_with_every_digest_is_accepted_and_the_content_comes_back() {
                accepts_every_combination(&$judge);
            }

            #[test]
            fn each_tampered_twin_is_refused() {
                refuses_each_twin(&$judge);
            }

            #[test]
            fn a_leaf_below_another_root_is_refused() {
                refuses_strangers(&$judge);
            }

            #[test]
            fn a_file_that_nobody_signed_is_refused() {
                refuses_unsigned(&$judge);
            }

            #[test]
            fn certificates_count_at_the_moment_of_signing() {
                asks_the_moment(&$judge);
            }
        }
    )*};
}

before! {
    openssl: OpenSsl;
    gnutls: GnuTls;
    nss: Nss;
    gpgsm: Gpgsm;
    bouncycastle: BouncyCastle;
    cryptography: Cryptography;
}

fn accepts_every_combination(judge: &dyn Judge) {
    if !is_present(judge.missing()) {
        return;
    }
    let signed: Vec<_> = MATRIX.iter().map(|(_, signed)| signed.clone()).collect();
    for ((combination, _), judgement) in MATRIX.iter().zip(judge.judge(&signed, &trust())) {
        let Judgement { accepted, content, words } = judgement;
        assert!(accepted, "{}: {combination}: {words}", judge.name());
        assert_eq!(content.as_deref(), Some(CONTENT), "{}: {combination}: another content", judge.name());
    }
}

fn refuses_each_twin(judge: &dyn Judge) {
    if !is_present(judge.missing()) {
        return;
    }
    let twins: Vec<_> = twins().collect();
    let files: Vec<_> = twins.iter().map(|(_, _, twin)| twin.clone()).collect();
    for ((key, twin, _), judgement) in twins.iter().zip(judge.judge(&files, &trust())) {
        assert!(!judgement.accepted, "{} accepts {key} with another {twin:?}: {}", judge.name(), judgement.words);
    }
}

/// The other root and its intermediate have the names and numbers of the trusted ones, and other keys.
fn refuses_strangers(judge: &dyn Judge) {
    if !is_present(judge.missing()) {
        return;
    }
    let stranger = Pki::new("Interop", YEARS);
    let signed = [sign(&stranger.signer(Key::P256), Digest::Sha256)];
    let foreign = &judge.judge(&signed, &trust())[0];
    assert!(!foreign.accepted, "{} accepts a root that it does not know: {}", judge.name(), foreign.words);
    let own = Trust { root_pem: stranger.root_pem(), ..trust() };
    assert!(judge.judge(&signed, &own)[0].accepted, "{} refuses it for another reason", judge.name());
}

fn refuses_unsigned(judge: &dyn Judge) {
    if !is_present(judge.missing()) {
        return;
    }
    let files = [without_signer(signed_by(Key::P256)), CONTENT.to_vec(), Vec::new()];
    for (what, judgement) in ["no signer", "no CMS", "nothing"].iter().zip(judge.judge(&files, &trust())) {
        assert!(!judgement.accepted, "{} accepts a file with {what}: {}", judge.name(), judgement.words);
    }
}

/// A leaf of 2020 counts in 2020 and not after. GnuTLS asks the machine's clock, and so refuses both.
fn asks_the_moment(judge: &dyn Judge) {
    if !is_present(judge.missing()) {
        return;
    }
    let past = Pki::new("Past", 2020..2021);
    let identity = past.signer(Key::P256).identity();
    let at = |moment: u64| {
        let options = SignOptions::new(UNIX_EPOCH + Duration::from_secs(moment));
        let signed = sign_content(&identity, CONTENT, &options).unwrap();
        judge.judge(&[signed], &Trust::new(past.root_pem(), moment)).remove(0)
    };
    let (within, after) = (at(SUMMER_2020), at(SUMMER_2025));
    assert_eq!(within.accepted, judge.knows_time(), "{} in 2020: {}", judge.name(), within.words);
    assert!(!after.accepted, "{} in 2025: {}", judge.name(), after.words);
}

#[test]
fn the_file_without_a_signer_can_still_be_read() {
    let file = without_signer(signed_by(Key::P256));
    let cms = ::openssl::cms::CmsContentInfo::from_der(&file).unwrap();
    assert_eq!(cms.to_der().unwrap(), file);
    assert!(matches!(SignedProfile::from_bytes(file), Err(Error::NotSigned { .. })));
}

#[test]
fn each_twin_differs_in_its_one_place_only_and_can_still_be_read() {
    for (key, twin, bytes) in twins() {
        let signed = signed_by(key);
        let places = twin.differs_in(signed);
        assert_eq!(bytes.len(), signed.len(), "{key}, {twin:?}");
        let different: Vec<_> = (0..signed.len()).filter(|place| bytes[*place] != signed[*place]).collect();
        let outside = different.iter().find(|place| !places.iter().any(|range| range.contains(place)));
        assert_eq!(outside, None, "{key}, {twin:?}: differs elsewhere too");
        for range in &places {
            assert!(different.iter().any(|place| range.contains(place)), "{key}, {twin:?}: does not differ");
        }
        ::openssl::cms::CmsContentInfo::from_der(&bytes).unwrap_or_else(|_| panic!("{key}, {twin:?}: cannot be read"));
    }
}

/// The twins of one combination a key.
fn twins() -> impl Iterator<Item = (Key, Twin, Vec<u8>)> {
    SIGNERS.iter().flat_map(|(key, signer, double)| {
        assert_ne!(signer.certificate_der(), double.certificate_der());
        Twin::ALL.map(|twin| (*key, twin, twin.of(signed_by(*key), &double.certificate_der())))
    })
}

/// What a key signed, with the digest that is usual for it.
fn signed_by(key: Key) -> &'static [u8] {
    let digest = if key == Key::P384 { Digest::Sha384 } else { Digest::Sha256 };
    let found = MATRIX.iter().find(|(combination, _)| *combination == name(key, digest));
    &found.expect("every key and digest is in the matrix").1
}

fn sign(signer: &Signer, digest: Digest) -> Vec<u8> {
    let profile = EncodedProfile::read(CONTENT.to_vec()).unwrap();
    let options = SignOptions { digest, ..SignOptions::new(moment()) };
    signer.identity().sign_with(&profile, &options).unwrap().into_bytes()
}

fn name(key: Key, digest: Digest) -> String {
    format!("{key} with {digest:?}")
}

fn trust() -> Trust {
    Trust { root_pem: PKI.root_pem(), at: moment() }
}

static PKI: LazyLock<Pki> = LazyLock::new(|| Pki::new("Interop", YEARS));

/// A signer for each key, and its double.
static SIGNERS: LazyLock<Vec<(Key, Signer, Signer)>> =
    LazyLock::new(|| Key::ALL.iter().map(|key| (*key, PKI.signer(*key), PKI.signer(*key))).collect());

/// The content, signed by every key with every digest.
static MATRIX: LazyLock<Vec<(String, Vec<u8>)>> = LazyLock::new(|| {
    let digests = [Digest::Sha256, Digest::Sha384, Digest::Sha512];
    let signed = |(key, signer, _): &(Key, Signer, Signer)| digests.map(|it| (name(*key, it), sign(signer, it)));
    SIGNERS.iter().flat_map(signed).collect()
});

const SUMMER_2020: u64 = 1_593_561_600;
