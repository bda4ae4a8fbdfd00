//! A PKI of root, intermediate and leaves, made with fixed serials, so that a leaf can be exchanged for a double.

use std::{fmt, ops::Range};

use openssl::{
    asn1::Asn1Time,
    bn::BigNum,
    ec::{EcGroup, EcKey},
    hash::MessageDigest,
    nid::Nid,
    pkcs12::Pkcs12,
    pkey::{PKey, Private},
    rsa::Rsa,
    stack::Stack,
    x509::{
        X509, X509Builder, X509Name,
        extension::{AuthorityKeyIdentifier, BasicConstraints, KeyUsage, SubjectKeyIdentifier},
    },
};
use profile_kit::Identity;

/// The keys that the judges see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Key {
    /// RSA of 2048 bits.
    Rsa2048,
    /// RSA of 3072 bits.
    Rsa3072,
    /// RSA of 4096 bits.
    Rsa4096,
    /// ECDSA on P-256.
    P256,
    /// ECDSA on P-384.
    P384,
}

impl Key {
    /// Every one of them.
    pub const ALL: [Key; 5] = [Key::Rsa2048, Key::Rsa3072, Key::Rsa4096, Key::P256, Key::P384];

    fn make(self) -> PKey<Private> {
        match self {
            Key::Rsa2048 => rsa(2048),
            Key::Rsa3072 => rsa(3072),
            Key::Rsa4096 => rsa(4096),
            Key::P256 => ec(Nid::X9_62_PRIME256V1),
            Key::P384 => ec(Nid::SECP384R1),
        }
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:?}")
    }
}

fn rsa(bits: u32) -> PKey<Private> {
    PKey::from_rsa(Rsa::generate(bits).unwrap()).unwrap()
}

fn ec(curve: Nid) -> PKey<Private> {
    PKey::from_ec_key(EcKey::generate(&EcGroup::from_curve_name(curve).unwrap()).unwrap()).unwrap()
}

/// A root and an intermediate, both RSA-2048: what they sign has a fixed length.
pub struct Pki {
    root: Authority,
    intermediate: Authority,
    years: Range<u32>,
}

struct Authority {
    certificate: X509,
    key: PKey<Private>,
}

impl Pki {
    /// Authorities and leaves are valid from the start of the first year to the start of the last one.
    pub fn new(name: &str, years: Range<u32>) -> Self {
        let (root_key, key) = (rsa(2048), rsa(2048));
        let wish = Wish { subject: format!("{name} Root"), serial: 1, years: &years, ca: true };
        let root = Authority { certificate: wish.signed(&root_key, None, &root_key), key: root_key };
        let wish = Wish { subject: format!("{name} Intermediate"), serial: 2, years: &years, ca: true };
        let certificate = wish.signed(&key, Some(&root.certificate), &root.key);
        Self { root, intermediate: Authority { certificate, key }, years }
    }

    /// The root's certificate.
    pub fn root_pem(&self) -> Vec<u8> {
        self.root.certificate.to_pem().unwrap()
    }

    /// A signer with a new key: two of the same kind of key share issuer, subject and serial number.
    pub fn signer(&self, kind: Key) -> Signer {
        let key = kind.make();
        let serial = 0x1000 + kind as u32;
        let wish = Wish { subject: format!("{kind} signer"), serial, years: &self.years, ca: false };
        let issuer = &self.intermediate;
        let certificate = wish.signed(&key, Some(&issuer.certificate), &issuer.key);
        Signer { certificate, key, chain: issuer.certificate.clone() }
    }
}

/// A leaf with its key and the intermediate above it.
pub struct Signer {
    certificate: X509,
    key: PKey<Private>,
    chain: X509,
}

impl Signer {
    /// What the library signs with.
    pub fn identity(&self) -> Identity {
        Identity::from_pem(&self.certificate_pem(), &self.key_pem(), &self.chain_pem(), None).unwrap()
    }

    /// The leaf's common name.
    pub(crate) fn name(&self) -> String {
        let entry = self.certificate.subject_name().entries().next().unwrap();
        entry.data().to_string().unwrap()
    }

    /// The leaf's certificate, in DER.
    pub fn certificate_der(&self) -> Vec<u8> {
        self.certificate.to_der().unwrap()
    }

    /// The leaf's certificate, in PEM.
    pub fn certificate_pem(&self) -> Vec<u8> {
        self.certificate.to_pem().unwrap()
    }

    /// The private key, in PEM.
    pub fn key_pem(&self) -> Vec<u8> {
        self.key.private_key_to_pem_pkcs8().unwrap()
    }

    /// All of it as PKCS#12 with SHA-1 and triple DES, since gpgsm before 2.4 reads nothing newer.
    pub(crate) fn pkcs12(&self) -> Vec<u8> {
        let mut chain = Stack::new().unwrap();
        chain.push(self.chain.clone()).unwrap();
        let old = Nid::PBE_WITHSHA1AND3_KEY_TRIPLEDES_CBC;
        let mut builder = Pkcs12::builder();
        builder.name("leaf").pkey(&self.key).cert(&self.certificate).ca(chain);
        builder.key_algorithm(old).cert_algorithm(old).mac_md(MessageDigest::sha1());
        builder.build2(PASSPHRASE).unwrap().to_der().unwrap()
    }

    /// The intermediate, in PEM.
    pub fn chain_pem(&self) -> Vec<u8> {
        self.chain.to_pem().unwrap()
    }
}

/// What [`Signer::pkcs12`] is locked with.
pub(crate) const PASSPHRASE: &str = "interop";

/// A certificate before it is signed.
struct Wish<'a> {
    subject: String,
    serial: u32,
    years: &'a Range<u32>,
    ca: bool,
}

impl Wish<'_> {
    fn signed(&self, key: &PKey<Private>, issuer: Option<&X509>, issuer_key: &PKey<Private>) -> X509 {
        let subject = name(&self.subject);
        let mut builder = X509Builder::new().unwrap();
        builder.set_version(2).unwrap();
        builder.set_serial_number(&BigNum::from_u32(self.serial).unwrap().to_asn1_integer().unwrap()).unwrap();
        builder.set_subject_name(&subject).unwrap();
        builder.set_issuer_name(issuer.map_or(&subject, |issuer| issuer.subject_name())).unwrap();
        builder.set_not_before(&new_year(self.years.start)).unwrap();
        builder.set_not_after(&new_year(self.years.end)).unwrap();
        builder.set_pubkey(key).unwrap();
        self.extend(&mut builder, issuer);
        builder.sign(issuer_key, MessageDigest::sha256()).unwrap();
        builder.build()
    }

    fn extend(&self, builder: &mut X509Builder, issuer: Option<&X509>) {
        let (mut constraints, mut usage) = (BasicConstraints::new(), KeyUsage::new());
        if self.ca {
            constraints.ca();
            usage.key_cert_sign();
        } else {
            usage.digital_signature();
        }
        let subject_key = SubjectKeyIdentifier::new().build(&builder.x509v3_context(None, None)).unwrap();
        builder.append_extension(constraints.critical().build().unwrap()).unwrap();
        builder.append_extension(usage.critical().build().unwrap()).unwrap();
        builder.append_extension(subject_key).unwrap();
        if let Some(issuer) = issuer {
            let context = builder.x509v3_context(Some(issuer), None);
            let authority_key = AuthorityKeyIdentifier::new().keyid(true).build(&context).unwrap();
            builder.append_extension(authority_key).unwrap();
        }
    }
}

fn name(common: &str) -> X509Name {
    let mut builder = X509Name::builder().unwrap();
    builder.append_entry_by_nid(Nid::COMMONNAME, common).unwrap();
    builder.build()
}

fn new_year(year: u32) -> Asn1Time {
    Asn1Time::from_str_x509(&format!("{year}0101000000Z")).unwrap()
}
