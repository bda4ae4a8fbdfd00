//! The shape of a signed profile: ContentInfo and SignedData (RFC 5652 §3, §5) that borrow what they hold.

use std::time::SystemTime;

use cms::content_info::CmsVersion;
use const_oid::db::{rfc5911, rfc5912};
use der::{
    Any, DateTime, Encode, Sequence, Tag, TagNumber, ValueOrd,
    asn1::{AnyRef, GeneralizedTime, ObjectIdentifier, OctetStringRef, SetOf, SetOfVec, UtcTime},
};
use spki::AlgorithmIdentifierRef;
use x509_cert::attr::Attribute;

use super::Digest;
use crate::KeyKind;

/// `ContentInfo` (RFC 5652 §3).
#[derive(Sequence)]
struct ContentInfo<'a> {
    content_type: ObjectIdentifier,
    #[asn1(context_specific = "0", tag_mode = "EXPLICIT")]
    content: SignedData<'a>,
}

/// `SignedData` (RFC 5652 §5.1), without certificate revocation lists.
#[derive(Sequence)]
struct SignedData<'a> {
    version: CmsVersion,
    digest_algorithms: SetOf<AlgorithmIdentifierRef<'a>, 1>,
    content: EncapsulatedContent<'a>,
    /// `[0] IMPLICIT CertificateSet`, tag and all.
    certificates: AnyRef<'a>,
    signers: SetOf<SignerInfo<'a>, 1>,
}

/// `EncapsulatedContentInfo` (RFC 5652 §5.2), content attached.
#[derive(Sequence)]
struct EncapsulatedContent<'a> {
    content_type: ObjectIdentifier,
    #[asn1(context_specific = "0", tag_mode = "EXPLICIT")]
    content: OctetStringRef<'a>,
}

/// `SignerInfo` (RFC 5652 §5.3), without unsigned attributes.
#[derive(Sequence, ValueOrd)]
struct SignerInfo<'a> {
    version: CmsVersion,
    /// `IssuerAndSerialNumber` in the certificate's own bytes, which a decoded name might not give back.
    signer: AnyRef<'a>,
    digest_algorithm: AlgorithmIdentifierRef<'a>,
    /// `[0] IMPLICIT SignedAttributes`, tag and all.
    attributes: AnyRef<'a>,
    signature_algorithm: AlgorithmIdentifierRef<'a>,
    signature: OctetStringRef<'a>,
}

/// The signed attributes (RFC 5652 §5.4, §11): what is signed in the content's place.
pub(super) struct Attributes {
    /// A SET OF in DER: its elements are sorted by their encoding.
    set: Vec<u8>,
}

impl Attributes {
    /// contentType, messageDigest and signingTime; nothing else.
    pub(super) fn new(message_digest: &[u8], signing_time: DateTime) -> der::Result<Self> {
        let time = match signing_time.year() {
            ..=LAST_YEAR_OF_UTC_TIME => Any::encode_from(&UtcTime::from_date_time(signing_time)?)?,
            _ => Any::encode_from(&GeneralizedTime::from_date_time(signing_time))?,
        };
        let attributes = SetOfVec::try_from([
            attribute(rfc5911::ID_CONTENT_TYPE, Any::encode_from(&rfc5911::ID_DATA)?)?,
            attribute(rfc5911::ID_MESSAGE_DIGEST, Any::encode_from(&OctetStringRef::new(message_digest)?)?)?,
            attribute(rfc5911::ID_SIGNING_TIME, time)?,
        ])?;
        Ok(Self { set: attributes.to_der()? })
    }

    /// What is signed: the SET OF with its own tag (RFC 5652 §5.4), before and after the content's digest. That keeps its
    /// place whatever it is: each of the three attributes has a length of its own, by which DER sorts them.
    pub(super) fn around(&self, message_digest: &[u8]) -> [Vec<u8>; 2] {
        let length = message_digest.len();
        let at = self.set.windows(length).position(|window| window == message_digest);
        let at = at.expect("the digest stands in the set");
        [self.set[..at].to_vec(), self.set[at + length..].to_vec()]
    }

    fn within_signer(&self) -> der::Result<AnyRef<'_>> {
        AnyRef::new(CONTEXT_0, AnyRef::try_from(self.set.as_slice())?.value())
    }
}

fn attribute(oid: ObjectIdentifier, value: Any) -> der::Result<Attribute> {
    Ok(Attribute { oid, values: SetOfVec::try_from([value])? })
}

/// Everything that a signed profile is made of.
pub(super) struct Parts<'a> {
    pub content: &'a [u8],
    pub digest: Digest,
    pub key: &'a KeyKind,
    pub attributes: &'a Attributes,
    pub signature: &'a [u8],
    /// `IssuerAndSerialNumber` in DER.
    pub issuer_and_serial: &'a [u8],
    /// The certificates in DER, one after the other, sorted.
    pub certificate_set: &'a [u8],
}

impl Parts<'_> {
    /// The whole file in DER.
    pub(super) fn to_der(&self) -> der::Result<Vec<u8>> {
        let digest_algorithm = digest_algorithm(self.digest);
        let signed = SignedData {
            version: CmsVersion::V1,
            digest_algorithms: one(digest_algorithm)?,
            content: EncapsulatedContent {
                content_type: rfc5911::ID_DATA,
                content: OctetStringRef::new(self.content)?,
            },
            certificates: AnyRef::new(CONTEXT_0, self.certificate_set)?,
            signers: one(SignerInfo {
                version: CmsVersion::V1,
                signer: AnyRef::try_from(self.issuer_and_serial)?,
                digest_algorithm,
                attributes: self.attributes.within_signer()?,
                signature_algorithm: signature_algorithm(self.key, self.digest),
                signature: OctetStringRef::new(self.signature)?,
            })?,
        };
        ContentInfo { content_type: rfc5911::ID_SIGNED_DATA, content: signed }.to_der()
    }
}

/// By its name, without parameters (RFC 5754 §2).
fn digest_algorithm(digest: Digest) -> AlgorithmIdentifierRef<'static> {
    AlgorithmIdentifierRef { oid: digest.oid(), parameters: None }
}

fn one<T: der::DerOrd>(element: T) -> der::Result<SetOf<T, 1>> {
    let mut set = SetOf::new();
    set.insert(element)?;
    Ok(set)
}

/// RSA by the key's name with parameters NULL, which every implementation must take (RFC 3370 §3.2); ECDSA by key
/// and digest with none (RFC 5754 §3.3).
fn signature_algorithm(key: &KeyKind, digest: Digest) -> AlgorithmIdentifierRef<'static> {
    match key {
        KeyKind::Rsa(_) => AlgorithmIdentifierRef { oid: rfc5912::RSA_ENCRYPTION, parameters: Some(AnyRef::NULL) },
        _ => AlgorithmIdentifierRef { oid: digest.ecdsa(), parameters: None },
    }
}

/// A signing time as CMS holds it: whole seconds, years 1970 to 9999.
pub(super) fn date_time(time: SystemTime) -> der::Result<DateTime> {
    DateTime::from_system_time(time)
}

pub(super) const CONTEXT_0: Tag = Tag::ContextSpecific { constructed: true, number: TagNumber::N0 };

/// Later years take GeneralizedTime (RFC 5652 §11.3).
const LAST_YEAR_OF_UTC_TIME: u16 = 2049;
