use std::{fs, path::PathBuf, time::Duration};

use const_oid::db::rfc5911;
use openssl::{nid::Nid, pkcs12::Pkcs12, provider::Provider, rsa::Rsa, symm::Cipher};
use tempfile::TempDir;

use super::*;
use crate::{
    ber::{self, Reader},
    pki::{
        self, Issued, KeySpec, KeyUse, Leaf,
        fixture::{INTERMEDIATE, P256, P384, ROOT, RSA, leaf, midway, validity},
    },
};

/// A folder with a certificate file and a key file that nobody else may read.
struct Files {
    folder: TempDir,
}

impl Files {
    fn new(certificate: &[u8], key: &[u8]) -> Self {
        let files = Self { folder: tempfile::tempdir().unwrap() };
        fs::write(files.path("signer.pem"), certificate).unwrap();
        fs::write(files.path("signer.key"), key).unwrap();
        files.set_mode("signer.key", 0o600);
        files
    }

    fn of(issued: &Issued) -> Self {
        Self::new(&issued.certificate_pem().unwrap(), &issued.key_pem().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    #[cfg(unix)]
    fn set_mode(&self, name: &str, mode: u32) {
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(self.path(name), fs::Permissions::from_mode(mode)).unwrap();
    }

    #[cfg(not(unix))]
    fn set_mode(&self, _: &str, _: u32) {}

    fn load(&self) -> Result<Identity> {
        Identity::from_pem_files(self.path("signer.pem"), self.path("signer.key"))
    }
}

fn refusal(expected: IdentityFault, result: Result<Identity>) -> String {
    let error = result.unwrap_err();
    assert!(matches!(error, Error::Identity { fault, .. } if fault == expected), "{error:?}");
    error.to_string()
}

fn from_pem(issued: &Issued, key: &[u8], passphrase: Option<&Passphrase>) -> Result<Identity> {
    Identity::from_pem(&issued.certificate_pem().unwrap(), key, &[], passphrase)
}

fn codes(identity: &Identity, at: SystemTime) -> Vec<&'static str> {
    identity.warnings(at).iter().map(IdentityWarning::code).collect()
}

#[test]
fn is_shared_between_threads() {
    fn shared<T: Send + Sync + Clone>() {}
    shared::<Identity>();
}

#[test]
fn does_not_show_its_key() {
    let shown = format!("{:?}", RSA.identity().unwrap());
    assert!(shown.contains("RSA-2048 [redacted]") && shown.len() < 300, "{shown}");
}

#[test]
fn reads_certificate_and_key_from_their_files() {
    let identity = Files::of(&RSA).load().unwrap();
    assert_eq!(identity.certificate(), RSA.certificate());
    assert_eq!(identity.key_kind(), &KeyKind::Rsa(2048));
}

#[test]
fn reads_certificate_and_key_from_one_file() {
    let both = [RSA.certificate_pem().unwrap(), RSA.key_pem().unwrap()].concat();
    let files = Files::new(b"", &both);
    let identity = Identity::from_pem_files(files.path("signer.key"), files.path("signer.key")).unwrap();
    assert_eq!(identity.certificate(), RSA.certificate());
}

#[test]
fn reads_an_ec_key_behind_its_parameters() {
    let parameters = b"-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n";
    assert!(from_pem(&P256, &[&parameters[..], &P256.key_pem().unwrap()].concat(), None).is_ok());
}

#[test]
fn reads_a_certificate_in_der() {
    let files = Files::new(P256.certificate().der(), &P256.key_pem().unwrap());
    assert_eq!(files.load().unwrap().certificate(), P256.certificate());
}

#[test]
fn orders_the_chain_and_leaves_root_duplicates_and_strangers_out() {
    let low = INTERMEDIATE.intermediate("Test Lower Intermediate", KeySpec::P256, validity()).unwrap();
    let issued = low.issue(&leaf("Deep signer", KeySpec::P256)).unwrap();
    let (top, low) = (INTERMEDIATE.certificate_pem().unwrap(), low.certificate_pem().unwrap());
    let stranger = P384.certificate_pem().unwrap();
    let root = ROOT.certificate_pem().unwrap();
    let files = Files::new(
        &[stranger, top.clone(), issued.certificate_pem().unwrap(), root].concat(),
        &issued.key_pem().unwrap(),
    );
    fs::write(files.path("chain.pem"), [top, low, issued.certificate_pem().unwrap()].concat()).unwrap();
    let mut wanted = IdentityFiles::new(files.path("signer.pem"), files.path("signer.key"));
    wanted.chain = Some(files.path("chain.pem"));
    let identity = wanted.load().unwrap();
    let subjects: Vec<_> = identity.chain().iter().map(Certificate::subject).collect();
    assert_eq!(subjects, ["CN=Deep signer", "CN=Test Lower Intermediate", "CN=Test Intermediate"]);
    assert_eq!(codes(&identity, midway()), [""; 0]);
}

#[test]
fn refuses_a_key_of_another_certificate_and_names_both_files() {
    let files = Files::new(&RSA.certificate_pem().unwrap(), &P256.key_pem().unwrap());
    let message = refusal(IdentityFault::NoCertificate, files.load());
    assert!(message.contains("signer.pem belongs to") && message.contains("signer.key"), "{message}");
}

#[test]
fn refuses_a_key_file_that_others_may_read_unless_allowed() {
    let files = Files::of(&P256);
    for mode in [0o640, 0o604, 0o660] {
        files.set_mode("signer.key", mode);
        let message = refusal(IdentityFault::OpenToOthers, files.load());
        assert!(message.contains(&format!("signer.key: mode {mode:04o} opens")), "{message}");
    }
    let message = refusal(IdentityFault::OpenToOthers, files.load());
    assert!(message.ends_with("to group or others: chmod 600 it"), "{message}");
    let mut allowed = IdentityFiles::new(files.path("signer.pem"), files.path("signer.key"));
    allowed.allow_readable_key = true;
    assert!(allowed.load().is_ok());
}

#[test]
fn refuses_a_pkcs12_file_that_others_may_read_unless_allowed() {
    let passphrase = Passphrase::from("correct horse");
    let files = Files::new(b"", &P256.pkcs12(&passphrase).unwrap());
    let path = files.path("signer.key");
    assert!(Identity::from_pkcs12_file(&path, &passphrase).is_ok());
    files.set_mode("signer.key", 0o644);
    assert!(refusal(IdentityFault::OpenToOthers, Identity::from_pkcs12_file(&path, &passphrase)).contains("mode 0644"));
    let allowed = Pkcs12File { passphrase: Some(passphrase), allow_readable_key: true, ..Pkcs12File::new(path) };
    assert!(allowed.load().is_ok());
}

#[test]
fn asks_for_a_passphrase_only_where_one_is_needed_and_none_is_given() {
    let ask = || Ok(Some(Passphrase::from(PASSPHRASE)));
    let open = Files::of(&RSA);
    let files = IdentityFiles::new(open.path("signer.pem"), open.path("signer.key"));
    assert!(files.load_asking(|| panic!("the key is not encrypted")).is_ok());
    for key in encrypted_keys() {
        fs::write(open.path("signer.key"), key).unwrap();
        assert!(files.load_asking(ask).is_ok());
        assert!(
            refusal(IdentityFault::NoPassphrase, files.load_asking(|| Ok(None)))
                .ends_with("is encrypted, and no passphrase was given")
        );
        let given = IdentityFiles { passphrase: Some("battery staple".into()), ..files.clone() };
        let message = refusal(IdentityFault::WrongPassphrase, given.load_asking(|| panic!("a passphrase was given")));
        assert!(message.ends_with("the passphrase does not open the private key"), "{message}");
    }
}

#[test]
fn asks_for_the_passphrase_of_a_pkcs12_file_only_where_the_empty_one_does_not_open_it() {
    let files = Files::new(b"", &RSA.pkcs12(&"".into()).unwrap());
    let file = Pkcs12File::new(files.path("signer.key"));
    assert!(file.load_asking(|| panic!("the empty passphrase opens it")).is_ok());
    fs::write(&file.path, RSA.pkcs12(&PASSPHRASE.into()).unwrap()).unwrap();
    assert!(file.load_asking(|| Ok(Some(PASSPHRASE.into()))).is_ok());
    assert!(refusal(IdentityFault::NoPassphrase, file.load()).ends_with("is encrypted, and no passphrase was given"));
}

#[test]
fn says_that_a_key_is_encrypted_where_no_passphrase_is_given() {
    for key in encrypted_keys() {
        assert_eq!(
            refusal(IdentityFault::NoPassphrase, from_pem(&RSA, &key, None)),
            "the private key is encrypted, and no passphrase was given"
        );
    }
}

#[test]
fn says_that_a_passphrase_is_wrong() {
    for key in encrypted_keys() {
        let message = refusal(IdentityFault::WrongPassphrase, from_pem(&RSA, &key, Some(&"battery staple".into())));
        assert_eq!(message, "the passphrase does not open the private key");
    }
}

#[test]
fn opens_an_encrypted_key_with_its_passphrase() {
    for key in encrypted_keys() {
        assert!(from_pem(&RSA, &key, Some(&PASSPHRASE.into())).is_ok());
    }
}

/// PKCS#8 with PBES2, and the traditional form with `Proc-Type: 4,ENCRYPTED`.
fn encrypted_keys() -> [Vec<u8>; 2] {
    let modern = RSA.encrypted_key_pem(&PASSPHRASE.into()).unwrap();
    let plain = Rsa::private_key_from_pem(&RSA.key_pem().unwrap()).unwrap();
    let traditional = plain.private_key_to_pem_passphrase(Cipher::aes_128_cbc(), PASSPHRASE.as_bytes()).unwrap();
    assert!(traditional.windows(9).any(|text| text == b"Proc-Type"));
    [modern, traditional]
}

#[test]
fn a_passphrase_for_an_open_key_does_no_harm() {
    assert!(from_pem(&RSA, &RSA.key_pem().unwrap(), Some(&PASSPHRASE.into())).is_ok());
}

#[test]
fn a_passphrase_longer_than_openssl_takes_opens_nothing() {
    let [key, _] = encrypted_keys();
    let message = refusal(IdentityFault::WrongPassphrase, from_pem(&RSA, &key, Some(&Passphrase::new([b'x'; 5000]))));
    assert_eq!(message, "the passphrase does not open the private key");
}

#[test]
fn refuses_two_private_keys_and_none() {
    let two = [P256.key_pem().unwrap(), RSA.key_pem().unwrap()].concat();
    assert_eq!(refusal(IdentityFault::Unreadable, from_pem(&P256, &two, None)), "2 private keys, and one is needed");
    assert_eq!(refusal(IdentityFault::Unreadable, from_pem(&P256, b"no key", None)), "no private key in PEM form");
}

#[test]
fn refuses_a_small_rsa_key_and_one_that_is_too_large() {
    let small = INTERMEDIATE.issue(&leaf("Small", KeySpec::Rsa(1024))).unwrap();
    assert_eq!(
        refusal(IdentityFault::UnusableKey, small.identity()),
        "the key is RSA-1024: RSA keys must have 2048 to 4096 bits"
    );
    assert!(key::usable(&KeyKind::Rsa(8192)).is_err());
}

#[test]
fn refuses_ed25519_by_its_name() {
    let issued = INTERMEDIATE.issue(&leaf("Edwards", KeySpec::Ed25519)).unwrap();
    assert!(refusal(IdentityFault::UnusableKey, issued.identity()).starts_with("the key is ED25519: "));
}

#[test]
fn takes_p521() {
    let issued = INTERMEDIATE.issue(&leaf("P-521", KeySpec::P521)).unwrap();
    assert_eq!(issued.identity().unwrap().key_kind().to_string(), "ECDSA P-521");
}

fn with_usage(key_usage: Vec<KeyUse>) -> Issued {
    INTERMEDIATE.issue(&Leaf { key_usage, ..leaf("Usage", KeySpec::P256) }).unwrap()
}

#[test]
fn takes_a_leaf_for_non_repudiation_which_may_have_signed_what_is_installed() {
    assert!(with_usage(vec![KeyUse::NonRepudiation]).identity().is_ok());
}

#[test]
fn refuses_a_leaf_whose_key_usage_does_not_allow_signing() {
    for usage in [KeyUse::CertificateSigning, KeyUse::KeyEncipherment] {
        let message = refusal(IdentityFault::KeyUsage, with_usage(vec![usage]).identity());
        assert!(
            message.ends_with("does not allow signing: neither digitalSignature nor nonRepudiation is there"),
            "{message}"
        );
    }
}

#[test]
fn takes_a_leaf_without_key_usage_and_a_tls_servers() {
    assert!(with_usage(Vec::new()).identity().is_ok());
    let server = Leaf {
        key_usage: vec![KeyUse::DigitalSignature, KeyUse::KeyEncipherment],
        extended_key_usage: vec!["serverAuth".into()],
        ..leaf("www.example.jp", KeySpec::P256)
    };
    assert!(INTERMEDIATE.issue(&server).unwrap().identity().is_ok());
}

#[test]
fn an_identity_for_decrypting_needs_no_signing_key_usage() {
    let files = Files::of(&with_usage(vec![KeyUse::KeyEncipherment]));
    let mut wanted = IdentityFiles::new(files.path("signer.pem"), files.path("signer.key"));
    wanted.decrypt_only = true;
    assert!(wanted.load().unwrap().is_decrypt_only());
}

#[test]
fn an_identity_for_decrypting_may_come_from_pkcs12() {
    let issued = with_usage(vec![KeyUse::KeyEncipherment]);
    let files = Files::new(b"", &issued.pkcs12(&"".into()).unwrap());
    let mut wanted = Pkcs12File::new(files.path("signer.key"));
    assert!(refusal(IdentityFault::KeyUsage, wanted.load()).contains("does not allow signing"));
    wanted.decrypt_only = true;
    assert!(wanted.load().unwrap().is_decrypt_only());
}

#[test]
fn reads_pkcs12_and_orders_its_chain() {
    let passphrase = Passphrase::from(PASSPHRASE);
    let identity = Identity::from_pkcs12(&RSA.pkcs12(&passphrase).unwrap(), &passphrase).unwrap();
    assert_eq!(identity.chain(), [RSA.certificate().clone(), INTERMEDIATE.certificate().clone()]);
}

#[test]
fn the_chain_of_a_pkcs12_file_may_be_a_file_of_its_own() {
    let key = PKey::private_key_from_pem(&RSA.key_pem().unwrap()).unwrap();
    let leaf_alone = Pkcs12::builder().pkey(&key).cert(RSA.certificate().x509()).build2("").unwrap().to_der().unwrap();
    let files = Files::new(&INTERMEDIATE.certificate_pem().unwrap(), &leaf_alone);
    let file = Pkcs12File::new(files.path("signer.key"));
    assert_eq!(file.load().unwrap().chain(), [RSA.certificate().clone()]);
    let file = Pkcs12File { chain: Some(files.path("signer.pem")), ..file };
    assert_eq!(file.load().unwrap().chain(), [RSA.certificate().clone(), INTERMEDIATE.certificate().clone()]);
    let file = Pkcs12File { chain: Some(files.path("missing.pem")), ..file };
    assert!(matches!(file.load(), Err(Error::Io { path, .. }) if path.ends_with("missing.pem")));
}

#[test]
fn says_that_a_pkcs12_passphrase_is_wrong() {
    let der = RSA.pkcs12(&PASSPHRASE.into()).unwrap();
    let message = refusal(IdentityFault::WrongPassphrase, Identity::from_pkcs12(&der, &"battery staple".into()));
    assert_eq!(message, "the passphrase does not open the PKCS#12 file");
    let message = refusal(IdentityFault::WrongPassphrase, Identity::from_pkcs12(&der, &"zero\0".into()));
    assert!(message.contains("zero character"), "{message}");
}

/// The parts of an archive without its MAC, as a ContentInfo holds them.
fn safes(archive: &[u8]) -> Vec<u8> {
    let parsed = Reader::new(archive).expect(ber::SEQUENCE, "a PFX").unwrap();
    let mut pfx = parsed.reader();
    pfx.next().unwrap();
    let mut content = pfx.next().unwrap().unwrap().reader();
    content.next().unwrap();
    let octets = content.next().unwrap().unwrap().reader().next().unwrap().unwrap();
    Reader::new(octets.content()).next().unwrap().unwrap().content().to_vec()
}

#[test]
fn refuses_pkcs12_with_two_keys() {
    let archive = |safes: &[u8]| {
        let content = ber::encode(0xa0, &ber::encode(ber::OCTET_STRING, &ber::encode(ber::SEQUENCE, safes)));
        let data = [&ber::encode(ber::OBJECT_IDENTIFIER, rfc5911::ID_DATA.as_bytes())[..], &content].concat();
        ber::encode(ber::SEQUENCE, &[&[ber::INTEGER, 1, 3][..], &ber::encode(ber::SEQUENCE, &data)].concat())
    };
    let passphrase = Passphrase::from(PASSPHRASE);
    let [one, other] = [&RSA, &P256].map(|issued| safes(&issued.pkcs12(&passphrase).unwrap()));
    let identity = Identity::from_pkcs12(&archive(&one), &passphrase).unwrap();
    assert_eq!(identity.certificate(), RSA.certificate());
    let both = refusal(IdentityFault::Unreadable, Identity::from_pkcs12(&archive(&[one, other].concat()), &passphrase));
    assert_eq!(both, "2 private keys, and one is needed");
}

#[test]
fn refuses_what_is_no_pkcs12() {
    assert_eq!(
        refusal(IdentityFault::Unreadable, Identity::from_pkcs12(b"PK\x03\x04", &"".into())),
        "not a PKCS#12 file"
    );
}

#[test]
fn reads_legacy_pkcs12_or_says_which_algorithm_is_missing() {
    let Ok(legacy) = Provider::try_load(None, "legacy", true) else {
        println!("skipped: this OpenSSL has no legacy algorithms");
        return;
    };
    let mut builder = Pkcs12::builder();
    let key = PKey::private_key_from_pem(&P256.key_pem().unwrap()).unwrap();
    builder.key_algorithm(Nid::PBE_WITHSHA1AND3_KEY_TRIPLEDES_CBC).cert_algorithm(Nid::PBE_WITHSHA1AND40BITRC2_CBC);
    builder.mac_md(openssl::hash::MessageDigest::sha1());
    let der = builder.pkey(&key).cert(P256.certificate().x509()).build2(PASSPHRASE).unwrap().to_der().unwrap();
    drop(legacy);
    match Identity::from_pkcs12(&der, &PASSPHRASE.into()) {
        Ok(identity) => assert_eq!(identity.certificate(), P256.certificate()),
        Err(error) => assert!(error.to_string().contains("RC2-40-CBC"), "{error}"),
    }
}

#[test]
fn says_nothing_of_a_good_identity_but_that_its_root_must_be_trusted() {
    let identity = RSA.identity().unwrap();
    let [warning] = &identity.warnings(midway())[..] else { panic!("{:?}", identity.warnings(midway())) };
    assert_eq!(
        warning.to_string(),
        "issuer CN=Test Root is not in the files; the chain ends before it: it must be a root that devices trust"
    );
}

#[test]
fn says_where_the_chain_ends_without_an_intermediate() {
    let identity = from_pem(&RSA, &RSA.key_pem().unwrap(), None).unwrap();
    let issuer = "CN=Test Intermediate".to_owned();
    assert_eq!(identity.warnings(midway()), [IdentityWarning::ChainEnds { issuer }]);
}

#[test]
fn says_that_leaf_and_intermediate_are_out_of_their_time() {
    let identity = RSA.identity().unwrap();
    let year = Duration::from_secs(366 * 86_400);
    let late = validity().not_after + year;
    assert_eq!(codes(&identity, late), ["Expired", "Expired", "ChainEnds"]);
    let early = validity().not_before - year;
    assert_eq!(codes(&identity, early), ["NotYetValid", "NotYetValid", "ChainEnds"]);
    assert_eq!(codes(&identity, validity().not_after), ["ChainEnds"]);
}

#[test]
fn says_that_the_leaf_is_a_ca() {
    let issued = ROOT.issue(&Leaf { ca: true, ..leaf("CA", KeySpec::P256) }).unwrap();
    assert_eq!(codes(&issued.identity().unwrap(), midway()), ["CaAsLeaf", "ChainEnds"]);
}

#[test]
fn says_that_the_leaf_is_self_signed() {
    let issued = pki::self_signed(&leaf("Alone", KeySpec::P256)).unwrap();
    assert_eq!(codes(&issued.identity().unwrap(), midway()), ["SelfSigned"]);
}

#[test]
fn says_that_an_issuer_is_no_ca() {
    let issued = P256.misused_as_authority().issue(&leaf("Child", KeySpec::P256)).unwrap();
    assert_eq!(codes(&issued.identity().unwrap(), midway()), ["NotACa", "ChainEnds"]);
}

#[test]
fn takes_the_first_of_several_leaves_of_the_key_and_says_so() {
    let renewed = INTERMEDIATE.reissue(&leaf("P-256 signer, renewed", KeySpec::P256), &P256).unwrap();
    let both = [renewed.certificate_pem().unwrap(), P256.certificate_pem().unwrap()].concat();
    let identity = Identity::from_pem(&both, &P256.key_pem().unwrap(), &[], None).unwrap();
    assert_eq!(identity.certificate(), renewed.certificate());
    assert_eq!(codes(&identity, midway()), ["SeveralLeaves", "ChainEnds"]);
    assert_eq!(identity.with_leaf(P256.certificate()).unwrap().certificate(), P256.certificate());
    assert!(identity.with_leaf(P384.certificate()).is_none());
}

#[test]
fn passes_over_a_leaf_of_the_key_that_may_not_sign() {
    let usage = Leaf { key_usage: vec![KeyUse::KeyEncipherment], ..leaf("P-256 signer", KeySpec::P256) };
    let other = INTERMEDIATE.reissue(&usage, &P256).unwrap();
    let both = [other.certificate_pem().unwrap(), P256.certificate_pem().unwrap()].concat();
    let identity = Identity::from_pem(&both, &P256.key_pem().unwrap(), &[], None).unwrap();
    assert_eq!(identity.certificate(), P256.certificate());
    assert!(identity.with_leaf(other.certificate()).is_none());
}

#[test]
fn refuses_a_certificate_with_bytes_behind_it() {
    let mut der = P256.certificate().der().to_vec();
    let length = der.len();
    der.push(0);
    let error = Certificate::from_der(&der).unwrap_err();
    assert_eq!(error.to_string(), format!("byte {length}: bytes follow the certificate"));
}

#[test]
fn copies_issuer_and_serial_number_from_the_certificate() {
    let der = RSA.certificate().issuer_and_serial().unwrap();
    let serial = RSA.certificate().x509().serial_number().to_bn().unwrap().to_vec();
    assert_eq!(serial.len(), 16);
    assert!(der.ends_with(&serial), "{}", certificate::hex(&der));
}

const PASSPHRASE: &str = "correct horse";
