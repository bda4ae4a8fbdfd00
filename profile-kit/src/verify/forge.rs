//! Certificates and signed files for the tests, honest and otherwise, put together piece by piece.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use const_oid::{ObjectIdentifier, db::rfc6268};
use openssl::{
    asn1::{Asn1Object, Asn1OctetString, Asn1Time},
    bn::{BigNum, BigNumRef},
    ec::{EcGroup, EcKey},
    hash::MessageDigest,
    nid::Nid,
    pkey::{PKey, Private},
    rsa::{Rsa, RsaPrivateKeyBuilder},
    sha::sha256,
    sign::Signer,
    x509::{
        X509, X509Builder, X509Extension, X509Name,
        extension::{AuthorityKeyIdentifier, BasicConstraints, ExtendedKeyUsage, KeyUsage, SubjectKeyIdentifier},
    },
};

use crate::{
    ber::{self, encode},
    certificate::Tbs,
};

/// A certificate and its key.
pub(crate) struct Party {
    pub(crate) certificate: X509,
    pub(crate) key: PKey<Private>,
}

/// What a certificate is to be.
pub(crate) struct Wish<'a> {
    pub(crate) name: &'a str,
    pub(crate) serial: u32,
    pub(crate) is_ca: bool,
    /// First and last day, counted from 1970.
    pub(crate) days: (u64, u64),
    /// In the place of the first day and the last one, as a certificate writes them.
    pub(crate) written: [Option<&'a str>; 2],
    pub(crate) key: PKey<Private>,
    /// For code signing only.
    pub(crate) for_code: bool,
    /// With this key usage (RFC 5280 §4.2.1.3).
    pub(crate) usage: Option<KeyUsage>,
    /// For signed mail only.
    pub(crate) for_mail: bool,
    /// With a critical extension of this type.
    pub(crate) critical: Option<&'a str>,
    pub(crate) key_identifier: bool,
}

/// One signer to be.
pub(crate) struct Hand<'a> {
    pub(crate) party: &'a Party,
    pub(crate) digest: Vec<u8>,
    pub(crate) algorithm: Vec<u8>,
    /// The set's members, or none for a signature over the content.
    pub(crate) attributes: Option<Vec<Vec<u8>>>,
    pub(crate) by_key_identifier: bool,
}

impl Wish<'_> {
    /// A certificate with a P-256 key, valid from day 10,000 to day 20,000.
    pub(crate) fn named(name: &str) -> Wish<'_> {
        Wish {
            name,
            serial: 1,
            is_ca: false,
            days: (10_000, 20_000),
            written: [None, None],
            key: p256(),
            for_code: false,
            usage: None,
            for_mail: false,
            critical: None,
            key_identifier: true,
        }
    }

    /// The same for a CA.
    pub(crate) fn ca(name: &str) -> Wish<'_> {
        Wish { is_ca: true, ..Wish::named(name) }
    }

    /// Makes it, self-signed where there is no issuer.
    pub(crate) fn issued_by(self, issuer: Option<&Party>) -> Party {
        let mut builder = X509Builder::new().unwrap();
        builder.set_version(2).unwrap();
        let name = common_name(self.name);
        builder.set_subject_name(&name).unwrap();
        builder.set_issuer_name(issuer.map_or(&name, |issuer| issuer.certificate.subject_name())).unwrap();
        builder.set_serial_number(&BigNum::from_u32(self.serial).unwrap().to_asn1_integer().unwrap()).unwrap();
        let written = |text: &str| Asn1Time::from_str(text).unwrap();
        let [begin, end] = self.written.map(|text| text.map(written));
        builder.set_not_before(&begin.unwrap_or_else(|| midnight(self.days.0))).unwrap();
        builder.set_not_after(&end.unwrap_or_else(|| midnight(self.days.1))).unwrap();
        builder.set_pubkey(&self.key).unwrap();
        if self.is_ca {
            builder.append_extension(BasicConstraints::new().critical().ca().build().unwrap()).unwrap();
        }
        if self.key_identifier {
            let extension = SubjectKeyIdentifier::new().build(&builder.x509v3_context(None, None)).unwrap();
            builder.append_extension(extension).unwrap();
        }
        if let Some(issuer) = issuer.filter(|issuer| issuer.certificate.subject_key_id().is_some()) {
            let context = builder.x509v3_context(Some(&issuer.certificate), None);
            let extension = AuthorityKeyIdentifier::new().keyid(true).build(&context).unwrap();
            builder.append_extension(extension).unwrap();
        }
        if self.for_code {
            builder.append_extension(ExtendedKeyUsage::new().code_signing().build().unwrap()).unwrap();
        }
        if let Some(usage) = self.usage {
            builder.append_extension(usage.build().unwrap()).unwrap();
        }
        if self.for_mail {
            builder.append_extension(ExtendedKeyUsage::new().email_protection().build().unwrap()).unwrap();
        }
        if let Some(oid) = self.critical {
            let oid = Asn1Object::from_str(oid).unwrap();
            let value = Asn1OctetString::new_from_bytes(&[5, 0]).unwrap();
            builder.append_extension(X509Extension::new_from_der(&oid, true, &value).unwrap()).unwrap();
        }
        let digest =
            if self.key.id() == openssl::pkey::Id::ED25519 { MessageDigest::null() } else { MessageDigest::sha256() };
        builder.sign(issuer.map_or(&self.key, |issuer| &issuer.key), digest).unwrap();
        Party { certificate: builder.build(), key: self.key }
    }
}

impl<'a> Hand<'a> {
    /// ECDSA with SHA-256 over the usual three attributes.
    pub(crate) fn of(party: &'a Party, content: &[u8]) -> Self {
        Self {
            party,
            digest: algorithm("2.16.840.1.101.3.4.2.1", &[]),
            algorithm: algorithm("1.2.840.10045.4.3.2", &[]),
            attributes: Some(vec![content_type(), signing_time(), message_digest(&sha256(content))]),
            by_key_identifier: false,
        }
    }

    /// Signs with the party's key and SHA-256.
    pub(crate) fn sign(self, content: &[u8]) -> Vec<u8> {
        let key = &self.party.key;
        self.sign_with(content, |message| {
            let mut signer = Signer::new(MessageDigest::sha256(), key).unwrap();
            signer.sign_oneshot_to_vec(message).unwrap()
        })
    }

    /// The whole SignerInfo, its signature made by a function of the message.
    pub(crate) fn sign_with(self, content: &[u8], sign: impl FnOnce(&[u8]) -> Vec<u8>) -> Vec<u8> {
        let mut members = self.attributes.clone().unwrap_or_default();
        members.sort();
        let covered = if self.attributes.is_some() { encode(ber::SET, &members.concat()) } else { content.to_vec() };
        let signature = sign(&covered);
        let der = self.party.certificate.to_der().unwrap();
        let tbs = Tbs::read(&der).unwrap();
        let sid = if self.by_key_identifier {
            encode(0x80, &tbs.key_identifier().unwrap())
        } else {
            encode(ber::SEQUENCE, &[tbs.issuer.to_vec(), encode(ber::INTEGER, tbs.serial)].concat())
        };
        let attributes = self.attributes.map(|_| encode(0xa0, &members.concat())).unwrap_or_default();
        let parts = [version(1), sid, self.digest, attributes, self.algorithm, encode(ber::OCTET_STRING, &signature)];
        encode(ber::SEQUENCE, &parts.concat())
    }
}

/// The file.
pub(crate) fn signed_data(content: &[u8], certificates: &[&X509], signers: &[Vec<u8>]) -> Vec<u8> {
    let wrapped = encode(0xa0, &encode(ber::OCTET_STRING, content));
    let content = encode(ber::SEQUENCE, &[oid(rfc6268::ID_DATA), wrapped].concat());
    let certificates: Vec<u8> = certificates.iter().flat_map(|certificate| certificate.to_der().unwrap()).collect();
    let digests = encode(ber::SET, &algorithm("2.16.840.1.101.3.4.2.1", &[]));
    let parts = [version(1), digests, content, encode(0xa0, &certificates), encode(ber::SET, &signers.concat())];
    let signed_data = encode(0xa0, &encode(ber::SEQUENCE, &parts.concat()));
    encode(ber::SEQUENCE, &[oid(rfc6268::ID_SIGNED_DATA), signed_data].concat())
}

/// An AlgorithmIdentifier.
pub(crate) fn algorithm(id: &str, parameters: &[u8]) -> Vec<u8> {
    encode(ber::SEQUENCE, &[oid(ObjectIdentifier::new_unwrap(id)), parameters.to_vec()].concat())
}

pub(crate) fn content_type() -> Vec<u8> {
    attribute(rfc6268::ID_CONTENT_TYPE, &oid(rfc6268::ID_DATA))
}

pub(crate) fn message_digest(digest: &[u8]) -> Vec<u8> {
    attribute(rfc6268::ID_MESSAGE_DIGEST, &encode(ber::OCTET_STRING, digest))
}

/// The attribute of RFC 6211.
pub(crate) fn algorithm_protection(digest: &str, signature: &str) -> Vec<u8> {
    let signature = encode(0xa1, &oid(ObjectIdentifier::new_unwrap(signature)));
    let value = encode(ber::SEQUENCE, &[algorithm(digest, &[]), signature].concat());
    attribute(ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.52"), &value)
}

/// Day 11,000: 2000-02-13.
pub(crate) fn signing_time() -> Vec<u8> {
    attribute(rfc6268::ID_SIGNING_TIME, &encode(0x17, b"000213000000Z"))
}

/// The beginning of a day, counted from 1970.
pub(crate) fn day(number: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(number * 86_400)
}

pub(crate) fn p256() -> PKey<Private> {
    let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).unwrap();
    PKey::from_ec_key(EcKey::generate(&group).unwrap()).unwrap()
}

pub(crate) fn rsa() -> PKey<Private> {
    PKey::from_rsa(Rsa::generate(2048).unwrap()).unwrap()
}

/// An RSA key with another public exponent than its modulus was made for; the private one is 1.
pub(crate) fn rsa_with(exponent: &BigNumRef) -> PKey<Private> {
    let modulus = Rsa::generate(2048).unwrap().n().to_owned().unwrap();
    let private = BigNum::from_u32(1).unwrap();
    let key = RsaPrivateKeyBuilder::new(modulus, exponent.to_owned().unwrap(), private).unwrap();
    PKey::from_rsa(key.build()).unwrap()
}

pub(crate) fn attribute(kind: ObjectIdentifier, value: &[u8]) -> Vec<u8> {
    encode(ber::SEQUENCE, &[oid(kind), encode(ber::SET, value)].concat())
}

fn oid(oid: ObjectIdentifier) -> Vec<u8> {
    encode(ber::OBJECT_IDENTIFIER, oid.as_bytes())
}

fn version(number: u8) -> Vec<u8> {
    encode(ber::INTEGER, &[number])
}

fn common_name(name: &str) -> X509Name {
    let mut builder = X509Name::builder().unwrap();
    builder.append_entry_by_nid(Nid::COMMONNAME, name).unwrap();
    builder.build()
}

fn midnight(number: u64) -> Asn1Time {
    Asn1Time::from_unix(i64::try_from(number * 86_400).unwrap()).unwrap()
}
