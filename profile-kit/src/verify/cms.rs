//! CMS SignedData (RFC 5652 §5) as it was found: nothing in it is known to be true.

use std::borrow::Cow;

use const_oid::db::rfc6268;
use openssl::x509::X509Crl;

use crate::{
    Error, Result,
    ber::{self, Element, Reader, malformed},
    certificate::oid_text,
    signed::LARGEST,
};

/// A SignedData, its parts borrowed from the file.
pub(crate) struct SignedData<'a> {
    /// The object identifiers of the digests that the file lists; `None` for a member that is no algorithm.
    pub(crate) digests: Vec<Option<&'a [u8]>>,
    /// What the content is said to be: `id-data` in a profile.
    pub(crate) content_type: &'a [u8],
    /// The content octets, chunks put together; `None` where the signature is detached.
    pub(crate) content: Option<Cow<'a, [u8]>>,
    /// X.509 certificates, each in its own bytes, in the file's order, duplicates included; also what stands in their
    /// place and is of no kind that may.
    pub(crate) certificates: Vec<&'a [u8]>,
    /// What there is to say of revocation, unread.
    pub(crate) revocation: Option<Element<'a>>,
    /// In the file's order.
    pub(crate) signers: Vec<SignerInfo<'a>>,
    /// The first byte that only BER allows.
    pub(crate) ber: Option<usize>,
    /// What follows the structure, and where it begins.
    pub(crate) trailing: (usize, &'a [u8]),
}

/// One signer (RFC 5652 §5.3).
pub(crate) struct SignerInfo<'a> {
    pub(crate) sid: Sid<'a>,
    pub(crate) digest: Algorithm<'a>,
    pub(crate) signed: Option<Attributes<'a>>,
    pub(crate) signature_algorithm: Algorithm<'a>,
    pub(crate) signature: Cow<'a, [u8]>,
    pub(crate) unsigned: Option<Attributes<'a>>,
}

/// How a signer names its certificate.
pub(crate) enum Sid<'a> {
    /// The issuer's name in DER, and the serial number's octets.
    IssuerAndSerial {
        /// The whole `Name`.
        issuer: &'a [u8],
        /// Big-endian, two's complement.
        serial: &'a [u8],
    },
    /// The subject key identifier.
    KeyIdentifier(Cow<'a, [u8]>),
}

/// An AlgorithmIdentifier.
pub(crate) struct Algorithm<'a> {
    /// The object identifier's octets.
    pub(crate) oid: &'a [u8],
    /// The parameters, whatever they are.
    pub(crate) parameters: Option<Element<'a>>,
}

/// A set of attributes.
pub(crate) struct Attributes<'a> {
    /// Each attribute's DER in the file's order.
    members: Vec<Cow<'a, [u8]>>,
    /// The file's own octets as a SET, where their length is definite.
    octets: Option<Vec<u8>>,
}

/// One attribute.
pub(crate) struct Attribute<'a> {
    /// The object identifier's octets.
    pub(crate) oid: &'a [u8],
    /// Its values.
    pub(crate) values: Vec<Element<'a>>,
}

impl<'a> SignedData<'a> {
    /// Reads DER or BER.
    ///
    /// # Errors
    /// [`Error::Malformed`] with the offset; [`Error::NotSigned`] for CMS of another type.
    pub(crate) fn read(bytes: &'a [u8]) -> Result<Self> {
        if bytes.len() > LARGEST {
            return Err(malformed(LARGEST, "longer than 32 MiB"));
        }
        let survey = ber::survey(bytes)?;
        let trailing = (survey.end, &bytes[survey.end..]);
        let mut info = Reader::new(&bytes[..survey.end]).expect(ber::SEQUENCE, "a CMS ContentInfo")?.reader();
        let kind = info.expect(ber::OBJECT_IDENTIFIER, "the content type of a CMS ContentInfo")?;
        if kind.content() != rfc6268::ID_SIGNED_DATA.as_bytes() {
            return Err(other_kind(&kind));
        }
        let mut wrapper = info.expect(CONTEXT_0, "a SignedData")?.reader();
        info.finish("a CMS ContentInfo")?;
        let signed_data = wrapper.expect(ber::SEQUENCE, "a SignedData")?;
        wrapper.finish("a CMS ContentInfo")?;
        Self::fields(&signed_data, survey.ber, trailing)
    }

    fn fields(signed_data: &Element<'a>, ber: Option<usize>, trailing: (usize, &'a [u8])) -> Result<Self> {
        let mut fields = signed_data.reader();
        fields.expect(ber::INTEGER, "the version of SignedData")?;
        let listed = members(&fields.expect(ber::SET, "the digest algorithms of SignedData")?)?;
        let (content_type, content) = content(&fields.expect(ber::SEQUENCE, "the content of SignedData")?)?;
        let certificates = match fields.optional(&[CONTEXT_0])? {
            Some(set) => {
                let of_another_kind = |member: &&Element<'_>| OTHER_CERTIFICATES.contains(&member.tag);
                members(&set)?.iter().filter(|member| !of_another_kind(member)).map(Element::whole).collect()
            }
            None => Vec::new(),
        };
        let revocation = fields.optional(&[CONTEXT_1])?;
        let signers = members(&fields.expect(ber::SET, "the signers of SignedData")?)?;
        fields.finish("a SignedData")?;
        if let Some(signer) = signers.get(MAX_SIGNERS) {
            return Err(malformed(signer.offset, "more than 16 signers"));
        }
        let signers = signers.iter().map(|signer| SignerInfo::read(signer, ber)).collect::<Result<_>>()?;
        let digests = listed.iter().map(listed_digest).collect();
        Ok(Self { digests, content_type, content, certificates, revocation, signers, ber, trailing })
    }

    /// Whether what there is to say of revocation holds something that is no X.509 list and of no other kind that may
    /// stand there (RFC 5652 §10.2.1).
    pub(crate) fn has_unreadable_revocation(&self) -> bool {
        let Some(set) = &self.revocation else { return false };
        let mut members = set.reader();
        std::iter::from_fn(|| members.next().transpose()).any(|member| match member {
            Ok(member) if member.tag == CONTEXT_1 => false,
            Ok(member) => X509Crl::from_der(member.whole()).is_err(),
            Err(_) => true,
        })
    }
}

impl<'a> SignerInfo<'a> {
    /// `ber` is the file's first byte that only BER allows.
    fn read(info: &Element<'a>, ber: Option<usize>) -> Result<Self> {
        if info.tag != ber::SEQUENCE {
            return Err(malformed(info.offset, "a signer is not a SEQUENCE"));
        }
        let mut fields = info.reader();
        fields.expect(ber::INTEGER, "the version of a signer")?;
        let sid = match fields.optional(&[CONTEXT_0, CONTEXT_0_PRIMITIVE])? {
            Some(identifier) => Sid::KeyIdentifier(identifier.octets()?),
            None => issuer_and_serial(&fields.expect(ber::SEQUENCE, "a signer's identifier")?)?,
        };
        let digest = Algorithm::read(&fields.expect(ber::SEQUENCE, "a signer's digest algorithm")?)?;
        let signed = fields.optional(&[CONTEXT_0])?.map(|set| Attributes::read(&set, ber)).transpose()?;
        let algorithm = Algorithm::read(&fields.expect(ber::SEQUENCE, "a signer's signature algorithm")?)?;
        let signature = match fields.optional(&[ber::CHUNKED_OCTET_STRING])? {
            Some(chunks) => chunks.octets()?,
            None => fields.expect(ber::OCTET_STRING, "a signature")?.octets()?,
        };
        let unsigned = fields.optional(&[CONTEXT_1])?.map(|set| Attributes::read(&set, ber)).transpose()?;
        fields.finish("a signer")?;
        Ok(Self { sid, digest, signed, signature_algorithm: algorithm, signature, unsigned })
    }
}

impl<'a> Algorithm<'a> {
    /// Reads an AlgorithmIdentifier.
    pub(crate) fn read(element: &Element<'a>) -> Result<Self> {
        let mut fields = element.reader();
        let oid = fields.expect(ber::OBJECT_IDENTIFIER, "an algorithm")?.content();
        let parameters = fields.next()?;
        fields.finish("an algorithm")?;
        Ok(Self { oid, parameters })
    }

    /// The parameters, where they are there and not NULL.
    pub(crate) fn explicit_parameters(&self) -> Option<&Element<'a>> {
        self.parameters.as_ref().filter(|parameters| parameters.tag != NULL)
    }
}

impl<'a> Attributes<'a> {
    fn read(set: &Element<'a>, ber: Option<usize>) -> Result<Self> {
        if set.whole().len() > MAX_ATTRIBUTES {
            return Err(malformed(set.offset, "more than 1 MiB of attributes"));
        }
        let der = |member: Element<'a>| match ber {
            None => Ok(Cow::Borrowed(member.whole())),
            Some(_) => member.to_der().map(Cow::Owned),
        };
        let members = members(set)?.into_iter().map(der).collect::<Result<_>>()?;
        let octets = set.is_definite().then(|| [&[ber::SET], &set.whole()[1..]].concat());
        Ok(Self { members, octets })
    }

    /// What a signature over them may cover, the likeliest first and each once: [`sorted`](Attributes::sorted), the
    /// file's own octets, those in DER.
    pub(crate) fn messages(&self) -> Vec<Vec<u8>> {
        let mut messages = vec![self.sorted()];
        let as_found = (!self.are_sorted()).then(|| self.as_found());
        for other in self.octets.iter().cloned().chain(as_found) {
            if !messages.contains(&other) {
                messages.push(other);
            }
        }
        messages
    }

    /// Whether they are in the order of DER.
    pub(crate) fn are_sorted(&self) -> bool {
        self.members.is_sorted()
    }

    /// `SET OF Attribute` in DER, sorted: what RFC 5652 §5.4 has signed.
    fn sorted(&self) -> Vec<u8> {
        if self.are_sorted() {
            return self.as_found();
        }
        let mut members = self.members.clone();
        members.sort();
        ber::encode(ber::SET, &members.concat())
    }

    /// The same set in the file's order.
    fn as_found(&self) -> Vec<u8> {
        ber::encode(ber::SET, &self.members.concat())
    }

    /// The attributes.
    ///
    /// # Errors
    /// [`Error::Malformed`], its offset that within the set.
    pub(crate) fn list(&self) -> Result<Vec<Attribute<'_>>> {
        self.members.iter().map(|member| attribute(member)).collect()
    }
}

/// Whether bytes are a `SET OF Attribute` with a messageDigest among them: what a signature covers, not content.
pub(crate) fn is_attribute_set(bytes: &[u8]) -> bool {
    let Ok(Some(set)) = Reader::new(bytes).next() else { return false };
    let Ok(members) = members(&set) else { return false };
    let is_digest = |member: Element<'_>| {
        attribute(member.whole()).is_ok_and(|attribute| attribute.oid == rfc6268::ID_MESSAGE_DIGEST.as_bytes())
    };
    set.tag == ber::SET && members.into_iter().any(is_digest)
}

/// The object identifier of a digest that the file lists; `None` where a member is no algorithm.
fn listed_digest<'a>(member: &Element<'a>) -> Option<&'a [u8]> {
    let algorithm = Algorithm::read(member).ok().filter(|_| member.tag == ber::SEQUENCE)?;
    Some(algorithm.oid)
}

/// A content's type, and its octets where they are there.
type Content<'a> = (&'a [u8], Option<Cow<'a, [u8]>>);

fn content<'a>(info: &Element<'a>) -> Result<Content<'a>> {
    let mut fields = info.reader();
    let kind = fields.expect(ber::OBJECT_IDENTIFIER, "the content's type")?.content();
    let Some(wrapper) = fields.optional(&[CONTEXT_0])? else {
        fields.finish("the content")?;
        return Ok((kind, None));
    };
    fields.finish("the content")?;
    let mut wrapper = wrapper.reader();
    let octets = match wrapper.optional(&[ber::CHUNKED_OCTET_STRING])? {
        Some(chunks) => chunks.octets()?,
        None => wrapper.expect(ber::OCTET_STRING, "the content's OCTET STRING")?.octets()?,
    };
    wrapper.finish("the content")?;
    Ok((kind, Some(octets)))
}

fn issuer_and_serial<'a>(sid: &Element<'a>) -> Result<Sid<'a>> {
    let mut fields = sid.reader();
    let issuer = fields.expect(ber::SEQUENCE, "the issuer's name")?.whole();
    let serial = fields.expect(ber::INTEGER, "the serial number")?.content();
    fields.finish("a signer's identifier")?;
    Ok(Sid::IssuerAndSerial { issuer, serial })
}

fn attribute(der: &[u8]) -> Result<Attribute<'_>> {
    let mut fields = Reader::new(der).expect(ber::SEQUENCE, "an attribute")?.reader();
    let oid = fields.expect(ber::OBJECT_IDENTIFIER, "an attribute's type")?.content();
    let values = members(&fields.expect(ber::SET, "an attribute's values")?)?;
    fields.finish("an attribute")?;
    Ok(Attribute { oid, values })
}

fn members<'a>(set: &Element<'a>) -> Result<Vec<Element<'a>>> {
    let mut reader = set.reader();
    std::iter::from_fn(|| reader.next().transpose()).take(MAX_MEMBERS + 1).enumerate().map(bounded).collect()
}

fn bounded<'a>((index, member): (usize, Result<Element<'a>>)) -> Result<Element<'a>> {
    let member = member?;
    if index < MAX_MEMBERS { Ok(member) } else { Err(malformed(member.offset, "a set of more than 128 members")) }
}

fn other_kind(kind: &Element<'_>) -> Error {
    let found = match kind.content() {
        oid if oid == rfc6268::ID_DATA.as_bytes() => "it is CMS data without a signature",
        oid if oid == rfc6268::ID_ENVELOPED_DATA.as_bytes() => "it is encrypted CMS (EnvelopedData)",
        oid if oid == rfc6268::ID_ENCRYPTED_DATA.as_bytes() => "it is encrypted CMS (EncryptedData)",
        oid if oid == rfc6268::ID_DIGESTED_DATA.as_bytes() => "it is CMS with a digest only (DigestedData)",
        oid if oid == rfc6268::ID_CT_COMPRESSED_DATA.as_bytes() => "it is compressed CMS (CompressedData)",
        oid if oid == rfc6268::ID_CT_AUTH_ENVELOPED_DATA.as_bytes() => "it is encrypted CMS (AuthEnvelopedData)",
        oid => return malformed(kind.offset, format!("a ContentInfo of the unknown type {}", oid_text(oid))),
    };
    Error::NotSigned { found }
}

const CONTEXT_0: u8 = 0xa0;
const CONTEXT_0_PRIMITIVE: u8 = 0x80;
const CONTEXT_1: u8 = 0xa1;
/// Attribute certificates and others, in the place of a certificate (RFC 5652 §10.2.2).
const OTHER_CERTIFICATES: [u8; 4] = [CONTEXT_0, CONTEXT_1, 0xa2, 0xa3];
const NULL: u8 = 0x05;
/// Of certificates, signers, attributes: real files have fewer than 10.
const MAX_MEMBERS: usize = 128;
/// Real ones, with a time stamp among them, are below 16 KiB.
const MAX_ATTRIBUTES: usize = 1 << 20;
/// A device takes one.
const MAX_SIGNERS: usize = 16;
