//! Verifying over the corpus: real signed profiles, hostile ones, and the vectors of other implementations.
#![allow(clippy::unwrap_used, reason = "a test may fail by panic")]

use std::{
    fs,
    path::{Path, PathBuf},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use base64::Engine;
use openssl::{
    cms::{CMSOptions, CmsContentInfo},
    x509::store::X509StoreBuilder,
};
use profile_kit::{
    At, Error, KeyKind, SignedProfile, TrustStore,
    verify::{self, Observed, Verdict, Verification, VerifyOptions},
};

#[test]
fn reads_every_real_profile_for_what_it_is() {
    let Some(corpus) = Corpus::open() else { return };
    let rows = corpus.rows(|row| row.state == "signed");
    assert!(rows.len() >= 31, "the corpus has {} signed profiles", rows.len());
    let problems: Vec<String> = rows.iter().flat_map(|row| differences_from_traits(&corpus, row)).collect();
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

fn differences_from_traits(corpus: &Corpus, row: &Row) -> Vec<String> {
    let bytes = corpus.read(&row.path);
    let verification = verify::verify_bytes(&bytes, Some(&TrustStore::empty().unwrap()), &options()).unwrap();
    let signer = &verification.signers[0];
    let leaf = signer.certificate.as_ref().unwrap();
    let attributes = signer.signed_attributes.as_ref();
    let expired = leaf.not_after().unwrap() < now();
    let doubled = verification.observations.iter().filter(|said| said.code == Observed::DuplicateCertificates).count();
    let inner = profile_kit::document::read(&verify::content(&bytes).unwrap());
    let found = [
        ("openssl-noverify", if verification.integrity().is_good() { "ok" } else { "broken" }.to_owned()),
        ("digest", signer.digest.replace('-', "").to_lowercase()),
        ("sig", trait_of_algorithm(&signer.signature_algorithm)),
        ("key", trait_of_key(&leaf.key_kind())),
        ("certs", (verification.certificates.len() + doubled).to_string()),
        ("signingTime", signer.signing_time.map_or("-".to_owned(), rfc3339)),
        (
            "attrs",
            attributes.map_or("none".to_owned(), |names| {
                names.iter().map(|name| trait_of_attribute(name)).collect::<Vec<_>>().join(",")
            }),
        ),
        ("BER-indefinite", if verification.observed(Observed::BerEncoding) { "yes" } else { "no" }.to_owned()),
        ("expired", if expired { "yes" } else { "no" }.to_owned()),
        ("valid-on-2026-11-22", if expired { "no" } else { "yes" }.to_owned()),
        ("inner", if inner.is_ok() { "ok" } else { "broken" }.to_owned()),
    ];
    let mut problems = Vec::new();
    for (key, found) in found {
        let wanted = row.fact(key);
        if wanted != found {
            problems.push(format!("{}: {key} is {found}, the manifest says {wanted}", row.path));
        }
    }
    if signer.verdict() != Verdict::SigningCertNotTrusted || verification.observed(Observed::OutsideValidity) != expired
    {
        problems.push(format!("{}: without roots it is {}", row.path, signer.verdict()));
    }
    problems
}

/// `chain=OK` in the manifest: a path leads to the system's roots, at whatever time.
#[test]
fn tells_unknown_roots_from_expired_certificates() {
    let Some(corpus) = Corpus::open() else { return };
    let Ok(system) = TrustStore::system() else {
        eprintln!("skipped: this system has no file of root certificates");
        return;
    };
    for row in corpus.rows(|row| row.state == "signed") {
        let bytes = corpus.read(&row.path);
        let verification = verify::verify_bytes(&bytes, Some(&system), &options()).unwrap();
        let leads_to_root = row.fact("chain") == "OK";
        let expected = if leads_to_root { Verdict::SigningCertExpired } else { Verdict::SigningCertNotTrusted };
        assert_eq!(verification.verdict(), expected, "{}", row.path);
        let begin = verification.signers[0].certificate.as_ref().unwrap().not_before().unwrap();
        let fresh = VerifyOptions { at: At::Time(begin + DAY), ..options() };
        let verification = verify::verify_bytes(&bytes, Some(&system), &fresh).unwrap();
        assert_eq!(verification.verdict().is_good(), leads_to_root, "{}", row.path);
    }
}

#[test]
fn meets_what_is_expected_of_every_hostile_file() {
    let Some(corpus) = Corpus::open() else { return };
    let roots = TrustStore::from_pem_file(corpus.root.join("malformed/cms/test-root-ca.pem")).unwrap();
    let rows = corpus.rows(|row| row.path.starts_with("malformed/cms/") && row.expect != "helper");
    assert!(rows.len() >= 80, "the corpus has {} hostile files", rows.len());
    let wrong: Vec<String> = rows.iter().filter_map(|row| unmet(&corpus, &roots, row)).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn unmet(corpus: &Corpus, roots: &TrustStore, row: &Row) -> Option<String> {
    let bytes = corpus.read(&row.path);
    let any = verify::verify_bytes(&bytes, Some(roots), &options());
    let profile = SignedProfile::from_bytes(bytes).and_then(|signed| roots.verify_with(&signed, &options()));
    let verdict = any.as_ref().ok().map(Verification::verdict);
    let good = verdict == Some(Verdict::GoodSignature);
    let said = |code| any.as_ref().is_ok_and(|verification| verification.observed(code));
    let name = row.path.rsplit('/').next().unwrap();
    let listed = SAID.iter().find(|(file, _)| *file == name).is_some_and(|(_, code)| said(*code));
    let met = match row.expect.as_str() {
        "ACCEPT" if name == "two-signers-both-good.mobileconfig" => good && said(Observed::SeveralSigners),
        "ACCEPT" => good && profile.is_ok(),
        "REJECT" => profile.is_err(),
        "SIGNATURE-INVALID" => matches!(verdict, Some(Verdict::DigestMismatch | Verdict::BadSignature)),
        "WARN" => good && listed,
        "REJECT-or-WARN" => profile.is_err() || listed,
        "UNTRUSTED-or-WARN" => any.as_ref().unwrap().integrity().is_good() && (!good || listed),
        "ACCEPT-or-REJECT(documented)" => good && profile.is_ok() && ACCEPTED.iter().any(|(file, _)| *file == name),
        _ => false,
    };
    let found =
        any.map_or_else(|error| error.to_string(), |found| format!("{} {:?}", found.verdict(), found.observations));
    (!met).then(|| format!("{name}: expected {}, found {found}", row.expect))
}

/// What must be said of files that may be taken with a warning.
const SAID: [(&str, Observed); 10] = [
    ("enc-ber-extra-eoc.mobileconfig", Observed::TrailingBytes),
    ("trail-4096.mobileconfig", Observed::TrailingBytes),
    ("trail-newline.mobileconfig", Observed::TrailingBytes),
    ("trail-second-cms.mobileconfig", Observed::TrailingBytes),
    ("trust-ca-cert-signs.mobileconfig", Observed::CaSigner),
    ("trust-keyusage-no-digitalsignature.mobileconfig", Observed::KeyUsage),
    ("weak-md5.mobileconfig", Observed::WeakDigest),
    ("weak-rsa1024.mobileconfig", Observed::WeakKey),
    ("weak-sha1.mobileconfig", Observed::WeakDigest),
    ("wrap-double-signed.mobileconfig", Observed::NestedSignature),
];

/// Files that may be taken or not: we take them, and why.
const ACCEPTED: [(&str, &str); 8] = [
    ("alg-ecdsa-p521-sha512.mobileconfig", "devices take P-521"),
    ("alg-ecdsa-secp256k1.mobileconfig", "the signature holds; that devices may not take the curve is said"),
    ("alg-ecdsa-sigalg-ecPublicKey.mobileconfig", "the digest algorithm says what the signature's digest is"),
    ("alg-sha3-256.mobileconfig", "the signature holds; that devices may not take the digest is said"),
    (
        "quirk-digest-algs-empty.mobileconfig",
        "the set is for one-pass readers (RFC 5652 5.1), the signer names its own; that others refuse it is said",
    ),
    ("quirk-signed-attrs-unsorted.mobileconfig", "what is signed is the sorted set (RFC 5652 5.4); the order is said"),
    ("time-generalizedtime-2026.mobileconfig", "the time can be read; its form is said"),
    ("time-generalizedtime-2050.mobileconfig", "the right form for a time after 2049"),
];

#[test]
fn agrees_with_openssl_on_every_vector() {
    let Some(corpus) = Corpus::open() else { return };
    let rows = corpus.rows(|row| row.path.starts_with("cms-vectors/") || row.path.starts_with("malformed/cms/"));
    let mut disagreements: Vec<String> = Vec::new();
    let mut good = 0;
    for row in rows {
        let bytes = without_armour(corpus.read(&row.path));
        let ours = verify::verify_bytes(&bytes, None, &options()).is_ok_and(|found| found.verdict().is_good());
        good += usize::from(ours);
        if ours != openssl_says(&bytes) {
            disagreements.push(row.path.rsplit('/').next().unwrap().to_owned());
        }
    }
    let known: Vec<&str> = DIFFERENT_FROM_OPENSSL.iter().map(|(file, _)| *file).collect();
    assert_eq!(disagreements, known);
    assert!(good > 70, "only {good} good signatures");
}

/// Where our verdict on integrity is not that of OpenSSL 3.6's CMS, and why.
const DIFFERENT_FROM_OPENSSL: [(&str, &str); 3] = [
    (
        "bad-attrs-content-type-mismatch.mobileconfig",
        "RFC 5652 11.1: the attribute must be the content's type; it compares nothing",
    ),
    (
        "quirk-digest-algs-empty.mobileconfig",
        "it makes no digest that the set does not announce; the signer names its own",
    ),
    ("quirk-signed-attrs-unsorted.mobileconfig", "RFC 5652 5.4: DER is signed; it does not sort before it digests"),
];

/// The manifest says what `openssl cms -verify -purpose any` 3.0.19 said with the test root.
#[test]
fn agrees_with_the_openssl_program_on_trust() {
    let Some(corpus) = Corpus::open() else { return };
    let roots = TrustStore::from_pem_file(corpus.root.join("malformed/cms/test-root-ca.pem")).unwrap();
    let rows = corpus.rows(|row| row.path.starts_with("malformed/cms/") && row.traits.contains("openssl3.0.19="));
    assert!(rows.len() >= 80, "the manifest has {} such verdicts", rows.len());
    let differs = |row: &&Row| {
        let found = verify::verify_bytes(&corpus.read(&row.path), Some(&roots), &options());
        found.is_ok_and(|found| found.verdict().is_good()) != (row.fact("openssl3.0.19") == "ok")
    };
    let disagreements: Vec<&str> =
        rows.iter().filter(differs).map(|row| row.path.rsplit('/').next().unwrap()).collect();
    let known: Vec<&str> = DIFFERENT_FROM_OPENSSL.iter().map(|(file, _)| *file).collect();
    assert_eq!(disagreements, known);
}

#[test]
fn rejects_every_vector_that_must_be_rejected() {
    let Some(corpus) = Corpus::open() else { return };
    let rows = corpus.rows(|row| row.expect.contains("must be rejected") || row.expect.contains("must FAIL"));
    assert!(rows.len() >= 10, "the corpus has {} such vectors", rows.len());
    for row in rows {
        let bytes = without_armour(corpus.read(&row.path));
        let good = verify::verify_bytes(&bytes, None, &options()).is_ok_and(|found| found.integrity().is_good());
        assert!(!good, "{}", row.path);
    }
}

#[test]
fn unwraps_byte_for_byte_what_openssl_unwraps() {
    let Some(corpus) = Corpus::open() else { return };
    for row in corpus.rows(|row| row.state == "signed") {
        let bytes = corpus.read(&row.path);
        let theirs = openssl_content(&bytes).unwrap();
        assert!(verify::content(&bytes).unwrap() == theirs, "{}", row.path);
        let verification = verify::verify_bytes(&bytes, None, &options()).unwrap();
        assert!(verification.content.unwrap() == theirs, "{}", row.path);
    }
}

#[test]
fn no_flipped_bit_makes_other_content_good() {
    let Some(corpus) = Corpus::open() else { return };
    for name in ["ok-rsa-sha256", "enc-ber-indefinite-chunks-of-100", "ok-no-signed-attrs", "ok-ecdsa-p256"] {
        let good = corpus.read(&format!("malformed/cms/{name}.mobileconfig"));
        let content = verify::content(&good).unwrap();
        for index in 0..good.len() {
            let mut flipped = good.clone();
            flipped[index] ^= 1 << (index % 8);
            let Ok(found) = verify::verify_bytes(&flipped, None, &options()) else { continue };
            let forged = found.verdict().is_good() && found.content.as_ref() != Some(&content);
            assert!(!forged, "{name}, byte {index}");
        }
    }
}

#[test]
fn every_cut_is_an_error() {
    let Some(corpus) = Corpus::open() else { return };
    for name in ["ok-rsa-sha256", "enc-ber-indefinite-chunks-of-100"] {
        let good = corpus.read(&format!("malformed/cms/{name}.mobileconfig"));
        assert!((0..good.len()).all(|length| SignedProfile::from_bytes(good[..length].to_vec()).is_err()), "{name}");
    }
}

#[test]
fn refuses_a_private_key_by_name_and_shows_nothing_of_it() {
    let Some(corpus) = Corpus::open() else { return };
    let key = corpus.read("malformed/cms/type-private-key.mobileconfig");
    let Err(Error::NotSigned { found }) = SignedProfile::from_bytes(key) else { panic!("a key was taken") };
    assert_eq!(found, "it is a private key: keep it secret");
}

/// The DER within PEM armour, else the bytes.
fn without_armour(bytes: Vec<u8>) -> Vec<u8> {
    let Ok(text) = std::str::from_utf8(&bytes) else { return bytes };
    let Some((_, armoured)) = text.split_once("-----BEGIN ") else { return bytes };
    let body = armoured.lines().skip(1).take_while(|line| !line.starts_with("-----"));
    base64::engine::general_purpose::STANDARD.decode(body.collect::<String>()).unwrap_or_else(|_| bytes.clone())
}

/// Whether OpenSSL's own CMS can read the file and finds its signatures good, trust aside.
fn openssl_says(bytes: &[u8]) -> bool {
    openssl_content(bytes).is_some()
}

/// What OpenSSL's own CMS verified, trust aside.
fn openssl_content(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut cms = CmsContentInfo::from_der(bytes).ok()?;
    let store = X509StoreBuilder::new().unwrap().build();
    let mut content = Vec::new();
    let options = CMSOptions::NO_SIGNER_CERT_VERIFY | CMSOptions::BINARY;
    cms.verify(None, Some(&store), None, Some(&mut content), options).is_ok().then_some(content)
}

fn trait_of_algorithm(name: &str) -> String {
    match name {
        "ecdsa-with-SHA256" => "ecdsaWithSHA256".into(),
        other if other.ends_with("WithRSAEncryption") => other.trim_end_matches("Encryption").into(),
        other => other.into(),
    }
}

fn trait_of_key(kind: &KeyKind) -> String {
    match kind {
        KeyKind::Rsa(bits) => format!("rsa{bits}"),
        KeyKind::Ec(curve) if curve == "prime256v1" => "ec256/secp256r1".into(),
        other => other.to_string(),
    }
}

fn trait_of_attribute(name: &str) -> String {
    match name {
        "1.3.6.1.4.1.311.16.4" => "msEncKeyPref".into(),
        "aa-encrypKeyPref" => "encrypKeyPref".into(),
        other => other.into(),
    }
}

fn rfc3339(time: SystemTime) -> String {
    let time = time::OffsetDateTime::from(time);
    time.format(&time::format_description::well_known::Rfc3339).unwrap().trim_end_matches('Z').to_owned()
}

/// 2026-11-22T00:00:00Z.
fn now() -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(1_795_305_600)
}

const DAY: Duration = Duration::from_secs(86_400);

fn options() -> VerifyOptions {
    VerifyOptions::new(now())
}

struct Corpus {
    root: PathBuf,
    rows: Vec<Row>,
}

#[derive(Clone)]
struct Row {
    path: String,
    state: String,
    expect: String,
    traits: String,
}

impl Corpus {
    fn open() -> Option<Self> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/corpus");
        let Ok(manifest) = fs::read_to_string(root.join("MANIFEST.tsv")) else {
            assert_ne!(std::env::var("REQUIRE_JUDGES").as_deref(), Ok("1"), "the corpus is absent");
            eprintln!("skipped: corpus is absent (../shared/corpus)");
            return None;
        };
        let rows = manifest.lines().skip(1).map(Row::of).collect();
        Some(Self { root, rows })
    }

    fn rows(&self, wanted: impl Fn(&Row) -> bool) -> Vec<Row> {
        self.rows.iter().filter(|row| wanted(row)).cloned().collect()
    }

    fn read(&self, path: &str) -> Vec<u8> {
        fs::read(self.root.join(path)).unwrap()
    }
}

impl Row {
    fn of(line: &str) -> Self {
        let fields: Vec<&str> = line.split('\t').collect();
        let field = |index: usize| fields.get(index).copied().unwrap_or_default().to_owned();
        Self { path: field(0), state: field(3), expect: field(6), traits: field(8) }
    }

    /// The value of `key=value` among the traits; for a bare key `yes` or `no`.
    fn fact(&self, key: &str) -> String {
        let traits = self.traits.rsplit("REMOVAL: ").next().unwrap_or_default();
        let mut traits = traits.split([';', '|']).map(str::trim);
        let found = traits.find(|fact| *fact == key || fact.starts_with(&format!("{key}=")));
        found.map_or("no", |fact| fact.split_once('=').map_or("yes", |(_, value)| value)).to_owned()
    }
}
