//! A signer whose certificate and signatures are the same in every run, so that a crash can be repeated.

use std::{
    sync::LazyLock,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use openssl::{
    asn1::Asn1Time,
    bn::{BigNum, BigNumContext},
    ec::{EcGroup, EcKey, EcPoint},
    hash::MessageDigest,
    nid::Nid,
    pkey::{PKey, Private},
    x509::{
        X509, X509Builder, X509NameBuilder,
        extension::{BasicConstraints, KeyUsage},
    },
};
use plist::Value;
use profile_kit::{
    Certificate, ContentCipher, EncodedProfile, Identity, Payload, Profile, Removal, SignOptions, TrustStore,
    UuidSource, encrypt,
    pki::{Authority, KeySpec, KeyUse, Leaf, Validity},
};

/// The root that the signer leads to.
pub(super) fn roots() -> &'static TrustStore {
    static ROOTS: LazyLock<TrustStore> = LazyLock::new(|| TrustStore::from_pem(&pem(&ROOT)).unwrap());
    &ROOTS
}

/// The signer's certificate.
pub(super) fn certificate() -> &'static Certificate {
    static CERTIFICATE: LazyLock<Certificate> =
        LazyLock::new(|| Certificate::from_der(&LEAF.to_der().unwrap()).unwrap());
    &CERTIFICATE
}

/// Everything that was ever signed.
pub(super) fn contents() -> &'static [Vec<u8>] {
    static CONTENTS: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
        let profile = profile();
        vec![profile.to_xml().unwrap(), profile.to_binary().unwrap(), small().to_xml().unwrap()]
    });
    &CONTENTS
}

/// The signed files around [`contents`].
pub(super) fn signed() -> &'static [Vec<u8>] {
    static SIGNED: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
        let identity =
            Identity::from_pem(&pem(&LEAF), &leaf_key().private_key_to_pem_pkcs8().unwrap(), &[], None).unwrap();
        let options = SignOptions::new(UNIX_EPOCH + Duration::from_secs(1_800_000_000));
        let sign = |content: &Vec<u8>| {
            let content = EncodedProfile::read(content.clone()).unwrap();
            identity.sign_with(&content, &options).unwrap().into_bytes()
        };
        contents().iter().map(sign).collect()
    });
    &SIGNED
}

/// A device that can decrypt; its key is another one in every run.
pub(super) fn device() -> &'static Identity {
    static DEVICE: LazyLock<Identity> = LazyLock::new(|| {
        let validity = Validity::days(UNIX_EPOCH + Duration::from_secs(1_577_836_800), 7_305);
        let root = Authority::new("Device Root", KeySpec::P256, validity).unwrap();
        let key_usage = vec![KeyUse::KeyEncipherment, KeyUse::DigitalSignature];
        let leaf = Leaf { key_usage, ..Leaf::new("Device", KeySpec::Rsa(2048), validity) };
        root.issue(&leaf).unwrap().identity().unwrap()
    });
    &DEVICE
}

/// A profile encrypted for [`device`].
pub(super) fn encrypted() -> &'static [u8] {
    static ENCRYPTED: LazyLock<Vec<u8>> = LazyLock::new(|| {
        let to = device().certificate();
        encrypt::encrypt(&profile(), to, ContentCipher::default()).unwrap().to_xml().unwrap()
    });
    &ENCRYPTED
}

fn profile() -> Profile {
    let mut profile = small();
    let mut other = Payload::new("com.example.unknown");
    other.insert("Text", "é <&> ]]> {{name}} \u{1f600}\r\n");
    other.insert("Data", Value::Data((0..=255).collect()));
    other.insert("Date", Value::Date(moment().into()));
    other.insert("Real", -0.0);
    other.insert("Numbers", Value::Array(vec![u64::MAX.into(), i64::MIN.into(), 0.into(), true.into()]));
    other.insert("Empty", Value::Dictionary(plist::Dictionary::new()));
    profile.push(other);
    profile.set_removal(Removal::Password("hunter2".into()));
    profile.fill_uuids(UuidSource::Content);
    profile
}

fn small() -> Profile {
    let mut profile = Profile::new("jp.example.ivi-mdm", "IVI MDM");
    let mut restrictions = Payload::new("com.apple.applicationaccess");
    restrictions.insert("allowAppInstallation", false);
    profile.push(restrictions);
    profile.fill_uuids(UuidSource::Content);
    profile
}

static ROOT: LazyLock<X509> = LazyLock::new(|| certify("Fuzz Root", &root_key(), None));
static LEAF: LazyLock<X509> = LazyLock::new(|| certify("Fuzz Signer", &leaf_key(), Some(&ROOT)));

/// Signs alike each time, as Ed25519 does.
fn root_key() -> PKey<Private> {
    PKey::private_key_from_raw_bytes(&[7; 32], openssl::pkey::Id::ED25519).unwrap()
}

/// A key on P-256 that anybody may know.
fn leaf_key() -> PKey<Private> {
    let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).unwrap();
    let (secret, mut context) = (BigNum::from_u32(77_777).unwrap(), BigNumContext::new().unwrap());
    let mut public = EcPoint::new(&group).unwrap();
    public.mul_generator2(&group, &secret, &mut context).unwrap();
    PKey::from_ec_key(EcKey::from_private_components(&group, &secret, &public).unwrap()).unwrap()
}

fn certify(name: &str, key: &PKey<Private>, issuer: Option<&X509>) -> X509 {
    let mut subject = X509NameBuilder::new().unwrap();
    subject.append_entry_by_nid(Nid::COMMONNAME, name).unwrap();
    let subject = subject.build();
    let mut builder = X509Builder::new().unwrap();
    builder.set_version(2).unwrap();
    builder.set_serial_number(&BigNum::from_u32(1).unwrap().to_asn1_integer().unwrap()).unwrap();
    builder.set_subject_name(&subject).unwrap();
    builder.set_issuer_name(issuer.map_or(&*subject, |issuer| issuer.subject_name())).unwrap();
    builder.set_not_before(&Asn1Time::from_str("20200101000000Z").unwrap()).unwrap();
    builder.set_not_after(&Asn1Time::from_str("20400101000000Z").unwrap()).unwrap();
    builder.set_pubkey(key).unwrap();
    let (constraints, usage) = match issuer {
        None => (BasicConstraints::new().critical().ca().build(), KeyUsage::new().critical().key_cert_sign().build()),
        Some(_) => (BasicConstraints::new().build(), KeyUsage::new().critical().digital_signature().build()),
    };
    builder.append_extension(constraints.unwrap()).unwrap();
    builder.append_extension(usage.unwrap()).unwrap();
    builder.sign(&root_key(), MessageDigest::null()).unwrap();
    builder.build()
}

fn pem(certificate: &X509) -> Vec<u8> {
    certificate.to_pem().unwrap()
}

/// 1 January 2030.
fn moment() -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(1_893_456_000)
}
