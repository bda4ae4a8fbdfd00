//! A PKI for demonstrations and tests, never for devices in use: its keys are made on the spot and handed out.
//!
//! ```
//! use std::time::{Duration, UNIX_EPOCH};
//!
//! use profile_kit::{Payload, Profile, SignOptions, pki::{Authority, KeySpec, Leaf, Validity}};
//!
//! let start = UNIX_EPOCH + Duration::from_secs(1_893_456_000);
//! let ten_years = Validity::days(start, 3_652);
//! let root = Authority::new("Demo Root", KeySpec::P384, ten_years)?;
//! let intermediate = root.intermediate("Demo Intermediate", KeySpec::P256, ten_years)?;
//! let identity = intermediate.issue(&Leaf::new("Demo Signer", KeySpec::P256, ten_years))?.identity()?;
//! let mut profile = Profile::new("jp.example.ivi-mdm", "IVI MDM");
//! profile.push(Payload::new("com.apple.applicationaccess"));
//! let signed = identity.sign_with(&profile, &SignOptions::new(start))?;
//! assert_eq!(identity.chain().len(), 2);
//! # assert!(!signed.as_bytes().is_empty());
//! # Ok::<(), profile_kit::Error>(())
//! ```

#[cfg(test)]
pub(crate) mod fixture;

use std::{
    fmt,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use openssl::{
    asn1::{Asn1Integer, Asn1Time},
    bn::BigNum,
    ec::{EcGroup, EcKey},
    error::ErrorStack,
    hash::MessageDigest,
    nid::Nid,
    pkcs12::Pkcs12,
    pkey::{Id, PKey, PKeyRef, Private},
    rand::rand_bytes,
    rsa::Rsa,
    stack::Stack,
    symm::Cipher,
    x509::{
        X509, X509Builder, X509Name, X509NameRef, X509Ref,
        extension::{AuthorityKeyIdentifier, BasicConstraints, ExtendedKeyUsage, KeyUsage, SubjectKeyIdentifier},
    },
};

use crate::{Certificate, Error, Identity, Passphrase, Result, error::openssl};

/// A kind of key to make.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum KeySpec {
    /// RSA with so many bits.
    Rsa(u32),
    /// ECDSA on P-256.
    P256,
    /// ECDSA on P-384.
    P384,
    /// ECDSA on P-521.
    P521,
    /// Ed25519, which devices do not take.
    Ed25519,
}

/// From when to when a certificate is valid, both included, in whole seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Validity {
    /// The first moment.
    pub not_before: SystemTime,
    /// The last moment.
    pub not_after: SystemTime,
}

impl Validity {
    /// From a moment on, for so many days.
    pub fn days(not_before: SystemTime, days: u32) -> Self {
        Self { not_before, not_after: not_before + Duration::from_secs(u64::from(days) * 86_400) }
    }
}

/// What a key may be used for (RFC 5280 §4.2.1.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum KeyUse {
    /// `digitalSignature`.
    DigitalSignature,
    /// `nonRepudiation`.
    NonRepudiation,
    /// `keyEncipherment`.
    KeyEncipherment,
    /// `keyCertSign`.
    CertificateSigning,
}

/// The wish for a leaf certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leaf {
    /// Its common name.
    pub name: String,
    /// The kind of its key.
    pub key: KeySpec,
    /// Its dates.
    pub validity: Validity,
    /// What its key may be used for; empty: no such extension.
    pub key_usage: Vec<KeyUse>,
    /// Its extended key usage, as OpenSSL names it (`codeSigning`, `serverAuth`) or as an OID; empty: no such extension.
    pub extended_key_usage: Vec<String>,
    /// Whether its basic constraints call it a CA.
    pub ca: bool,
}

impl Leaf {
    /// A leaf whose key may sign, and nothing else.
    pub fn new(name: &str, key: KeySpec, validity: Validity) -> Self {
        Self {
            name: name.to_owned(),
            key,
            validity,
            key_usage: vec![KeyUse::DigitalSignature],
            extended_key_usage: Vec::new(),
            ca: false,
        }
    }
}

/// A CA: a root, or an intermediate below one.
#[derive(Clone)]
pub struct Authority {
    certificate: Certificate,
    key: PKey<Private>,
    /// The intermediates from this one up, itself first; empty for a root.
    chain: Vec<Certificate>,
}

impl Authority {
    /// A root.
    ///
    /// # Errors
    /// [`Error::Crypto`].
    pub fn new(name: &str, key: KeySpec, validity: Validity) -> Result<Self> {
        let made = generate(key).and_then(|key| {
            let wish = Wish { subject: common_name(name)?, validity, extensions: Extensions::authority() };
            Ok((wish.signed(&key, None)?, key))
        });
        let (certificate, key) = made.map_err(failed("making a root"))?;
        Ok(Self { certificate: Certificate::from_x509(certificate)?, key, chain: Vec::new() })
    }

    /// An intermediate below this CA.
    ///
    /// # Errors
    /// [`Error::Crypto`].
    pub fn intermediate(&self, name: &str, key: KeySpec, validity: Validity) -> Result<Self> {
        let made = generate(key).and_then(|key| {
            let wish = Wish { subject: common_name(name)?, validity, extensions: Extensions::authority() };
            Ok((wish.signed(&key, Some(self))?, key))
        });
        let (certificate, key) = made.map_err(failed("making an intermediate"))?;
        let certificate = Certificate::from_x509(certificate)?;
        let chain = std::iter::once(certificate.clone()).chain(self.chain.iter().cloned()).collect();
        Ok(Self { certificate, key, chain })
    }

    /// A leaf with a new key.
    ///
    /// # Errors
    /// [`Error::Crypto`].
    pub fn issue(&self, leaf: &Leaf) -> Result<Issued> {
        self.certify(leaf, generate(leaf.key).map_err(failed("making a key"))?)
    }

    /// Another leaf for a key that has one; the kind of key that the wish names is not asked.
    ///
    /// # Errors
    /// [`Error::Crypto`].
    pub fn reissue(&self, leaf: &Leaf, of: &Issued) -> Result<Issued> {
        self.certify(leaf, of.key.clone())
    }

    fn certify(&self, leaf: &Leaf, key: PKey<Private>) -> Result<Issued> {
        let certificate = common_name(&leaf.name)
            .and_then(|subject| {
                let wish = Wish { subject, validity: leaf.validity, extensions: Extensions::leaf(leaf) };
                wish.signed(&key, Some(self))
            })
            .map_err(failed("making a leaf"))?;
        Ok(Issued { certificate: Certificate::from_x509(certificate)?, key, chain: self.chain.clone() })
    }

    /// The CA's own certificate.
    pub fn certificate(&self) -> &Certificate {
        &self.certificate
    }

    /// The CA's own certificate in PEM.
    ///
    /// # Errors
    /// [`Error::Crypto`].
    pub fn certificate_pem(&self) -> Result<Vec<u8>> {
        pem(std::slice::from_ref(&self.certificate))
    }
}

/// A leaf that nobody but its own key vouches for.
///
/// # Errors
/// [`Error::Crypto`].
pub fn self_signed(leaf: &Leaf) -> Result<Issued> {
    let made = generate(leaf.key).and_then(|key| {
        let subject = common_name(&leaf.name)?;
        let wish = Wish { subject, validity: leaf.validity, extensions: Extensions::leaf(leaf) };
        Ok((wish.signed(&key, None)?, key))
    });
    let (certificate, key) = made.map_err(failed("making a self-signed leaf"))?;
    Ok(Issued { certificate: Certificate::from_x509(certificate)?, key, chain: Vec::new() })
}

/// A leaf certificate with its key, which can be taken out.
#[derive(Clone)]
pub struct Issued {
    certificate: Certificate,
    key: PKey<Private>,
    chain: Vec<Certificate>,
}

impl Issued {
    /// The identity that it makes.
    ///
    /// # Errors
    /// [`Error::Identity`], as [`Identity::from_pem`].
    pub fn identity(&self) -> Result<Identity> {
        let candidates: Vec<_> = std::iter::once(&self.certificate).chain(&self.chain).cloned().collect();
        Identity::assemble(self.key.clone(), &candidates, false)
    }

    /// A CA that its certificate does not allow: what it issues must not be trusted.
    pub fn misused_as_authority(&self) -> Authority {
        let chain = std::iter::once(&self.certificate).chain(&self.chain).cloned().collect();
        Authority { certificate: self.certificate.clone(), key: self.key.clone(), chain }
    }

    /// The leaf certificate.
    pub fn certificate(&self) -> &Certificate {
        &self.certificate
    }

    /// The leaf certificate in PEM.
    ///
    /// # Errors
    /// [`Error::Crypto`].
    pub fn certificate_pem(&self) -> Result<Vec<u8>> {
        pem(std::slice::from_ref(&self.certificate))
    }

    /// The intermediates in PEM, the issuer first; empty where a root issued the leaf.
    ///
    /// # Errors
    /// [`Error::Crypto`].
    pub fn chain_pem(&self) -> Result<Vec<u8>> {
        pem(&self.chain)
    }

    /// The private key in PEM, PKCS#8, not encrypted.
    ///
    /// # Errors
    /// [`Error::Crypto`].
    pub fn key_pem(&self) -> Result<Vec<u8>> {
        self.key.private_key_to_pem_pkcs8().map_err(failed("writing a key"))
    }

    /// The private key in PEM, PKCS#8, encrypted with AES-256 (PBES2).
    ///
    /// # Errors
    /// [`Error::Crypto`].
    pub fn encrypted_key_pem(&self, passphrase: &Passphrase) -> Result<Vec<u8>> {
        self.key
            .private_key_to_pem_pkcs8_passphrase(Cipher::aes_256_cbc(), passphrase.as_bytes())
            .map_err(failed("writing a key"))
    }

    /// Leaf, intermediates and key as PKCS#12, with the ciphers that OpenSSL takes by default.
    ///
    /// # Errors
    /// [`Error::Identity`] where the passphrase is not UTF-8 or holds a zero character; [`Error::Crypto`].
    pub fn pkcs12(&self, passphrase: &Passphrase) -> Result<Vec<u8>> {
        let text = passphrase.text()?;
        let archive = || {
            let mut chain = Stack::new()?;
            for certificate in &self.chain {
                chain.push(certificate.x509().clone())?;
            }
            let mut builder = Pkcs12::builder();
            builder.name("profile signer").pkey(&self.key).cert(self.certificate.x509()).ca(chain);
            builder.build2(text)?.to_der()
        };
        archive().map_err(failed("writing a PKCS#12 file"))
    }
}

/// The certificate; never the key.
impl fmt::Debug for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authority").field("certificate", &self.certificate).finish_non_exhaustive()
    }
}

/// The certificate; never the key.
impl fmt::Debug for Issued {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Issued").field("certificate", &self.certificate).finish_non_exhaustive()
    }
}

/// A certificate before it is signed.
struct Wish {
    subject: X509Name,
    validity: Validity,
    extensions: Extensions,
}

impl Wish {
    /// Signed by an authority, or by its own key.
    fn signed(&self, key: &PKeyRef<Private>, by: Option<&Authority>) -> Result<X509, ErrorStack> {
        let issuer = by.map(|authority| authority.certificate.x509());
        let issuer_name: &X509NameRef = issuer.map_or(&self.subject, |issuer| issuer.subject_name());
        let issuer_key: &PKeyRef<Private> = by.map_or(key, |authority| &authority.key);
        let mut builder = X509Builder::new()?;
        builder.set_version(X509_V3)?;
        builder.set_serial_number(&*serial()?)?;
        builder.set_subject_name(&self.subject)?;
        builder.set_issuer_name(issuer_name)?;
        builder.set_not_before(&*time(self.validity.not_before)?)?;
        builder.set_not_after(&*time(self.validity.not_after)?)?;
        builder.set_pubkey(key)?;
        self.extensions.add_to(&mut builder, issuer.map(|issuer| &**issuer))?;
        builder.sign(issuer_key, certificate_digest(issuer_key))?;
        Ok(builder.build())
    }
}

struct Extensions {
    ca: bool,
    key_usage: Vec<KeyUse>,
    extended_key_usage: Vec<String>,
}

impl Extensions {
    fn authority() -> Self {
        let key_usage = vec![KeyUse::CertificateSigning];
        Self { ca: true, key_usage, extended_key_usage: Vec::new() }
    }

    fn leaf(leaf: &Leaf) -> Self {
        let Leaf { name: _, key: _, validity: _, key_usage, extended_key_usage, ca } = leaf;
        Self { ca: *ca, key_usage: key_usage.clone(), extended_key_usage: extended_key_usage.clone() }
    }

    fn add_to(&self, builder: &mut X509Builder, issuer: Option<&X509Ref>) -> Result<(), ErrorStack> {
        let mut constraints = BasicConstraints::new();
        if self.ca {
            constraints.ca();
        }
        builder.append_extension(constraints.critical().build()?)?;
        if !self.key_usage.is_empty() {
            builder.append_extension(key_usage(&self.key_usage).critical().build()?)?;
        }
        if !self.extended_key_usage.is_empty() {
            let mut uses = ExtendedKeyUsage::new();
            for name in &self.extended_key_usage {
                uses.other(name);
            }
            builder.append_extension(uses.build()?)?;
        }
        let subject_key = SubjectKeyIdentifier::new().build(&builder.x509v3_context(issuer, None))?;
        builder.append_extension(subject_key)?;
        if issuer.is_some() {
            let authority_key =
                AuthorityKeyIdentifier::new().keyid(true).build(&builder.x509v3_context(issuer, None))?;
            builder.append_extension(authority_key)?;
        }
        Ok(())
    }
}

fn key_usage(uses: &[KeyUse]) -> KeyUsage {
    let mut usage = KeyUsage::new();
    for one in uses {
        match one {
            KeyUse::DigitalSignature => usage.digital_signature(),
            KeyUse::NonRepudiation => usage.non_repudiation(),
            KeyUse::KeyEncipherment => usage.key_encipherment(),
            KeyUse::CertificateSigning => usage.key_cert_sign(),
        };
    }
    usage
}

fn generate(spec: KeySpec) -> Result<PKey<Private>, ErrorStack> {
    let curve = match spec {
        KeySpec::Rsa(bits) => return PKey::from_rsa(Rsa::generate(bits)?),
        KeySpec::Ed25519 => return PKey::generate_ed25519(),
        KeySpec::P256 => Nid::X9_62_PRIME256V1,
        KeySpec::P384 => Nid::SECP384R1,
        KeySpec::P521 => Nid::SECP521R1,
    };
    PKey::from_ec_key(EcKey::generate(&*EcGroup::from_curve_name(curve)?)?)
}

fn certificate_digest(key: &PKeyRef<Private>) -> MessageDigest {
    match (key.id(), key.bits()) {
        (Id::ED25519, _) => MessageDigest::null(),
        (Id::EC, 384) => MessageDigest::sha384(),
        (Id::EC, 521) => MessageDigest::sha512(),
        _ => MessageDigest::sha256(),
    }
}

fn common_name(name: &str) -> Result<X509Name, ErrorStack> {
    let mut builder = X509Name::builder()?;
    builder.append_entry_by_nid(Nid::COMMONNAME, name)?;
    Ok(builder.build())
}

/// Random, positive, always 16 octets.
fn serial() -> Result<Asn1Integer, ErrorStack> {
    let mut octets = [0; 16];
    rand_bytes(&mut octets)?;
    octets[0] = octets[0] & 0x7f | 0x40;
    BigNum::from_slice(&octets)?.to_asn1_integer()
}

fn time(time: SystemTime) -> Result<Asn1Time, ErrorStack> {
    let seconds = match time.duration_since(UNIX_EPOCH) {
        Ok(after) => i64::try_from(after.as_secs()).unwrap_or(i64::MAX),
        Err(before) => -i64::try_from(before.duration().as_secs()).unwrap_or(i64::MAX),
    };
    Asn1Time::from_unix(seconds)
}

fn pem(certificates: &[Certificate]) -> Result<Vec<u8>> {
    let each = certificates.iter().map(|certificate| certificate.x509().to_pem());
    let all: Vec<Vec<u8>> = each.collect::<Result<_, _>>().map_err(failed("writing certificates"))?;
    Ok(all.concat())
}

fn failed(doing: &'static str) -> impl FnOnce(ErrorStack) -> Error {
    move |cause| Error::Crypto { doing, source: openssl(cause) }
}

/// Version 3 is written as 2 (RFC 5280 §4.1.2.1).
const X509_V3: i32 = 2;
