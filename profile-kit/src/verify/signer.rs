//! One signer of a SignedData: who it is, and whether its signature holds.

use std::time::SystemTime;

use const_oid::{
    ObjectIdentifier,
    db::{DB, rfc6268},
};
use der::{
    Decode,
    asn1::{GeneralizedTime, UtcTime},
};
use openssl::x509::X509Name;

use super::{
    Observation, Observed, Verdict,
    algorithm::{LastKey, Scheme},
    cms::{self, Algorithm, Attribute, Attributes, Sid, SignedData, SignerInfo},
    digest::{Digest, Standing},
    refusal::Refusal,
};
use crate::{
    Certificate, KeyKind, Trust,
    ber::{self, Element},
    certificate::oid_text,
};

/// One signer, and what became of its signature.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SignerReport {
    /// Whether the signature holds, whoever made it: [`Verdict::GoodSignature`] where it does.
    pub integrity: Verdict,
    /// Why it does not.
    pub problem: Option<String>,
    /// Whether its certificate is trusted; `None` where nobody asked, or the signature does not hold.
    pub trust: Option<Trust>,
    /// Its certificate, where exactly one in the file answers to its identifier.
    pub certificate: Option<Certificate>,
    /// From its certificate towards the root: the path to a given root, or as far as the file's certificates lead.
    /// Empty where the signature does not hold.
    pub chain: Vec<Certificate>,
    /// The digest algorithm, as in `SHA-256`, or its object identifier.
    pub digest: String,
    /// The signature algorithm, as in `rsaEncryption`, or its object identifier.
    pub signature_algorithm: String,
    /// When the signer says it signed.
    pub signing_time: Option<SystemTime>,
    /// The signed attributes' names or object identifiers in the file's order; `None` where there is no such set.
    pub signed_attributes: Option<Vec<String>>,
    /// How it names its certificate.
    pub identified_by: IdentifiedBy,
}

/// How a signer names its certificate (RFC 5652 §5.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum IdentifiedBy {
    /// By the issuer's name and the serial number.
    IssuerAndSerial,
    /// By the subject key identifier.
    KeyIdentifier,
}

impl SignerReport {
    /// The whole verdict: what breaks the signature first, then trust.
    pub fn verdict(&self) -> Verdict {
        match &self.trust {
            Some(trust) if self.integrity.is_good() => trust.verdict,
            _ => self.integrity,
        }
    }

    /// Looks at one signer; where its certificate leads is not asked.
    pub(crate) fn of(
        info: &SignerInfo<'_>,
        data: &SignedData<'_>,
        certificates: &[Certificate],
        last: &mut LastKey,
        observations: &mut Vec<Observation>,
    ) -> Self {
        let found = certificate(&info.sid, certificates);
        let signed = info.signed.as_ref().map(SignedAttributes::read);
        let outcome = integrity(info, signed.as_ref(), data, &found, last);
        let certificate = found.ok();
        let signing_time = signed.as_ref().and_then(SignedAttributes::signing_time);
        observe(info, signed.as_ref(), certificate.as_ref(), observations);
        if outcome == Ok(Covered::Written) && info.signed.as_ref().is_some_and(Attributes::are_sorted) {
            let message =
                "the signature holds over the signed attributes as written, not over their DER (RFC 5652 §5.4)";
            observations.push(Observation::new(Observed::NotSignedAsDer, message));
        }
        let (integrity, problem) = match outcome {
            Ok(_) => (Verdict::GoodSignature, None),
            Err((verdict, problem)) => (verdict, Some(problem)),
        };
        Self {
            integrity,
            problem,
            trust: None,
            chain: Vec::new(),
            certificate,
            digest: Digest::of(&info.digest).map_or_else(|_| oid_text(info.digest.oid), |d| d.name.to_owned()),
            signature_algorithm: Scheme::of(&info.signature_algorithm)
                .map_or_else(|_| oid_text(info.signature_algorithm.oid), |scheme| scheme.name.to_owned()),
            signing_time: signing_time.and_then(time),
            signed_attributes: signed.as_ref().and_then(SignedAttributes::names),
            identified_by: match info.sid {
                Sid::IssuerAndSerial { .. } => IdentifiedBy::IssuerAndSerial,
                Sid::KeyIdentifier(_) => IdentifiedBy::KeyIdentifier,
            },
        }
    }
}

/// The one certificate in the file that the identifier names.
fn certificate(sid: &Sid<'_>, certificates: &[Certificate]) -> Result<Certificate, Refusal> {
    let matching: Vec<&Certificate> = certificates.iter().filter(|certificate| names_it(sid, certificate)).collect();
    match matching[..] {
        [] => Err((Verdict::SigningCertNotFound, "the signer's certificate is not in the file".into())),
        [only] => Ok(only.clone()),
        _ => {
            let problem = format!("{} certificates answer to the signer's identifier", matching.len());
            Err((Verdict::AmbiguousSigningCert, problem))
        }
    }
}

fn names_it(sid: &Sid<'_>, certificate: &Certificate) -> bool {
    let Some(facts) = certificate.facts() else { return false };
    match sid {
        Sid::KeyIdentifier(identifier) => facts.key_identifier.as_deref() == Some(&**identifier),
        Sid::IssuerAndSerial { issuer, serial } => {
            let same_name = || {
                let issuer = X509Name::from_der(issuer).ok();
                issuer.is_some_and(|issuer| {
                    certificate.x509().issuer_name().try_cmp(&issuer).is_ok_and(|order| order.is_eq())
                })
            };
            number(serial) == number(&facts.serial) && (*issuer == facts.issuer || same_name())
        }
    }
}

/// An INTEGER's octets without those that say nothing.
fn number(mut octets: &[u8]) -> &[u8] {
    while let [first, second, ..] = octets
        && ((*first == 0 && *second < 0x80) || (*first == 0xff && *second >= 0x80))
    {
        octets = &octets[1..];
    }
    octets
}

/// What a signature was found to hold over.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Covered {
    /// The content itself, or the signed attributes in DER.
    Due,
    /// The signed attributes as the file has them, and that is not DER.
    Written,
}

/// RFC 5652 §5.4 and §5.6, with exactly one contentType and messageDigest.
fn integrity(
    info: &SignerInfo<'_>,
    signed: Option<&SignedAttributes<'_>>,
    data: &SignedData<'_>,
    certificate: &Result<Certificate, Refusal>,
    last: &mut LastKey,
) -> Result<Covered, Refusal> {
    let Some(content) = data.content.as_deref() else {
        return Err((Verdict::ContentMissing, "the signature is detached: the content is not in the file".into()));
    };
    let digest = Digest::of(&info.digest)?;
    let scheme = Scheme::of(&info.signature_algorithm)?;
    refuse_loose_attributes(info)?;
    let messages = match signed {
        Some(signed) => {
            let digested = digest.hash(content)?;
            let list = signed.list.as_ref().ok_or_else(|| malformed("the signed attributes cannot be read"))?;
            cover(list, data.content_type, &digested)?;
            protect(list, info)?;
            signed.attributes.messages()
        }
        None if cms::is_attribute_set(content) => {
            let problem = "the content is the signed attributes of another signature, not what was signed";
            return Err((Verdict::MalformedSignature, problem.into()));
        }
        None => Vec::new(),
    };
    let certificate = certificate.as_ref().map_err(Clone::clone)?;
    let mut verify = |message: &[u8]| {
        scheme.verify(&info.signature_algorithm, digest, certificate, (message, &info.signature), last)
    };
    let Some((likeliest, others)) = messages.split_first() else { return verify(content).map(|()| Covered::Due) };
    verify(likeliest).map(|()| Covered::Due).or_else(|refusal| match others.iter().any(|other| verify(other).is_ok()) {
        true => Ok(Covered::Written),
        false => Err(refusal),
    })
}

/// Whether the signed attributes are about this content.
fn cover(list: &[Attribute<'_>], content_type: &[u8], digest: &[u8]) -> Result<(), Refusal> {
    let count = |oid: ObjectIdentifier| list.iter().filter(|attribute| attribute.oid == oid.as_bytes()).count();
    if count(rfc6268::ID_CONTENT_TYPE) == 0 {
        return Err((Verdict::ContentTypeMismatch, "the contentType attribute is missing".into()));
    }
    let named = only(list, rfc6268::ID_CONTENT_TYPE)?;
    if named.tag != ber::OBJECT_IDENTIFIER || named.content() != content_type {
        return Err((Verdict::ContentTypeMismatch, "the contentType attribute differs from the content's type".into()));
    }
    let signed = only(list, rfc6268::ID_MESSAGE_DIGEST)?;
    if signed.tag != ber::OCTET_STRING || signed.content() != digest {
        return Err((Verdict::DigestMismatch, "the content differs from what was signed".into()));
    }
    if count(rfc6268::ID_SIGNING_TIME) > 0 {
        only(list, rfc6268::ID_SIGNING_TIME)?;
    }
    if count(rfc6268::ID_COUNTERSIGNATURE) > 0 {
        return Err(malformed("a countersignature is among the signed attributes"));
    }
    Ok(())
}

/// RFC 6211: where the signer signed which algorithms it used, they are the ones in use.
fn protect(list: &[Attribute<'_>], info: &SignerInfo<'_>) -> Result<(), Refusal> {
    if !list.iter().any(|attribute| attribute.oid == ALGORITHM_PROTECTION.as_bytes()) {
        return Ok(());
    }
    let mut fields = only(list, ALGORITHM_PROTECTION)?.reader();
    let mut algorithm = |tag| {
        let named = fields.expect(tag, "an algorithm").and_then(|element| Algorithm::read(&element));
        named.map(|named| named.oid.to_vec()).map_err(|_| malformed("the attribute of RFC 6211 cannot be read"))
    };
    if algorithm(ber::SEQUENCE)? != info.digest.oid || algorithm(SIGNATURE)? != info.signature_algorithm.oid {
        return Err(malformed("the algorithms differ from those that were signed"));
    }
    Ok(())
}

/// The one value of the one attribute of a type.
fn only<'a>(list: &[Attribute<'a>], oid: ObjectIdentifier) -> Result<Element<'a>, Refusal> {
    let mut found = list.iter().filter(|attribute| attribute.oid == oid.as_bytes());
    match (found.next(), found.next()) {
        (Some(Attribute { values, .. }), None) if values.len() == 1 => Ok(values[0]),
        (Some(Attribute { values, .. }), None) => {
            Err(malformed(&format!("the {} attribute has {} values, not one", name(oid.as_bytes()), values.len())))
        }
        (Some(_), Some(_)) => Err(malformed(&format!("the {} attribute is there twice", name(oid.as_bytes())))),
        (None, _) => Err(malformed(&format!("the {} attribute is missing", name(oid.as_bytes())))),
    }
}

/// RFC 5652 §11: these three must be signed.
fn refuse_loose_attributes(info: &SignerInfo<'_>) -> Result<(), Refusal> {
    let Some(attributes) = &info.unsigned else { return Ok(()) };
    let list = attributes.list().map_err(|_| malformed("the unsigned attributes cannot be read"))?;
    let must_be_signed = [rfc6268::ID_CONTENT_TYPE, rfc6268::ID_MESSAGE_DIGEST, rfc6268::ID_SIGNING_TIME];
    let loose = list.iter().find(|attribute| must_be_signed.iter().any(|oid| oid.as_bytes() == attribute.oid));
    match loose {
        None => Ok(()),
        Some(attribute) => Err(malformed(&format!("{} is among the unsigned attributes", name(attribute.oid)))),
    }
}

fn malformed(problem: &str) -> Refusal {
    (Verdict::MalformedSignature, problem.to_owned())
}

/// The signed attributes, read once.
struct SignedAttributes<'a> {
    attributes: &'a Attributes<'a>,
    /// `None` where they cannot be read.
    list: Option<Vec<Attribute<'a>>>,
}

impl<'a> SignedAttributes<'a> {
    fn read(attributes: &'a Attributes<'a>) -> Self {
        Self { attributes, list: attributes.list().ok() }
    }

    fn names(&self) -> Option<Vec<String>> {
        Some(self.list.as_ref()?.iter().map(|attribute| name(attribute.oid)).collect())
    }

    /// Whether the values of each are in the order of DER, as far as they can be read.
    fn have_sorted_values(&self) -> bool {
        let mut attributes = self.list.iter().flatten();
        attributes.all(|attribute| attribute.values.is_sorted_by_key(Element::whole))
    }

    /// The time's DER.
    fn signing_time(&self) -> Option<&'a [u8]> {
        only(self.list.as_ref()?, rfc6268::ID_SIGNING_TIME).ok().map(|value| value.whole())
    }
}

/// An attribute's name without the `id-` of the registers.
fn name(oid: &[u8]) -> String {
    if let Some((_, name)) = COMMON.iter().find(|(known, _)| known.as_bytes() == oid) {
        return (*name).to_owned();
    }
    let known = ObjectIdentifier::from_bytes(oid).ok().and_then(|oid| DB.by_oid(&oid));
    known.map_or_else(|| oid_text(oid), |name| name.trim_start_matches("id-").to_owned())
}

fn time(value: &[u8]) -> Option<SystemTime> {
    let utc = UtcTime::from_der(value).map(|time| time.to_system_time());
    utc.or_else(|_| GeneralizedTime::from_der(value).map(|time| time.to_system_time())).ok()
}

fn observe(
    info: &SignerInfo<'_>,
    signed: Option<&SignedAttributes<'_>>,
    certificate: Option<&Certificate>,
    observations: &mut Vec<Observation>,
) {
    let mut say = |code, message: String| observations.push(Observation::new(code, message));
    match Digest::of(&info.digest).ok() {
        Some(Digest { name, standing: Standing::Weak, .. }) => {
            say(Observed::WeakDigest, format!("{name} is weak: collisions are known"));
        }
        Some(Digest { name, standing: Standing::Uncommon, .. }) => {
            say(Observed::UncommonAlgorithm, format!("{name} is not known to be taken by devices"));
        }
        _ => {}
    }
    if let Ok(scheme) = Scheme::of(&info.signature_algorithm)
        && scheme.is_uncommon()
    {
        say(Observed::UncommonAlgorithm, format!("{} is not known to be taken by devices", scheme.name));
    }
    match signed {
        None => say(Observed::NoSignedAttributes, "the signature covers the content directly".into()),
        Some(signed) if !signed.attributes.are_sorted() => {
            say(Observed::UnorderedSignedAttributes, "the signed attributes are not in the order of DER".into());
        }
        Some(signed) if !signed.have_sorted_values() => {
            let message = "the values of a signed attribute are not in the order of DER";
            say(Observed::UnorderedSignedAttributes, message.into());
        }
        Some(_) => {}
    }
    if let Sid::IssuerAndSerial { serial, .. } = info.sid
        && number(serial) != serial
    {
        say(Observed::PaddedSerialNumber, "the signer's serial number is padded, which no INTEGER may be".into());
    }
    match signed.and_then(SignedAttributes::signing_time) {
        None => say(Observed::NoSigningTime, "the signature does not tell when it was made".into()),
        Some(value) => {
            if let Some(problem) = odd_time(value) {
                say(Observed::OddSigningTime, problem.into());
            }
        }
    }
    if info.unsigned.is_some() {
        say(Observed::UnsignedAttributes, "there are attributes that no signature covers".into());
    }
    certificate.into_iter().for_each(|certificate| observe_certificate(certificate, &mut say));
}

fn odd_time(value: &[u8]) -> Option<&'static str> {
    if time(value).is_none() {
        return Some("the signing time cannot be read");
    }
    let before_2050 = GeneralizedTime::from_der(value).is_ok_and(|time| time.to_date_time().year() < 2050);
    before_2050.then_some("the signing time is a GeneralizedTime, before 2050 it must be a UTCTime")
}

fn observe_certificate(certificate: &Certificate, say: &mut impl FnMut(Observed, String)) {
    match certificate.key_kind() {
        KeyKind::Rsa(bits) if bits < 2048 => {
            say(Observed::WeakKey, format!("RSA-{bits} is weak: 2048 bits are the least"))
        }
        kind @ KeyKind::Ec(_) if !DEVICE_CURVES.contains(&kind.to_string().as_str()) => {
            say(Observed::UncommonAlgorithm, format!("{kind} is not known to be taken by devices"));
        }
        _ => {}
    }
    let Some(facts) = certificate.facts() else { return };
    if facts.is_ca {
        say(Observed::CaSigner, "the signer's certificate is that of a CA".into());
    }
    if !facts.may_sign {
        say(Observed::KeyUsage, "the signer's certificate is not for signing content".into());
    }
}

/// What nearly every signature has: the database of names is long.
const COMMON: [(ObjectIdentifier, &str); 3] = [
    (rfc6268::ID_CONTENT_TYPE, "contentType"),
    (rfc6268::ID_MESSAGE_DIGEST, "messageDigest"),
    (rfc6268::ID_SIGNING_TIME, "signingTime"),
];
/// CMSAlgorithmProtection, RFC 6211.
const ALGORITHM_PROTECTION: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.52");
/// The signature algorithm in it.
const SIGNATURE: u8 = 0xa1;
const DEVICE_CURVES: [&str; 3] = ["ECDSA P-256", "ECDSA P-384", "ECDSA P-521"];
