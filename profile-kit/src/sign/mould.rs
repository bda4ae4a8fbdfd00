//! What is the same around everything that one leaf signs at one time, encoded once.
//!
//! [`Parts`] describes the structure, and its bytes around nothing are cut here into those that every file has.
//!
//! ```text
//! ContentInfo SEQUENCE
//! ├─ contentType                                    head
//! └─ [0] SignedData SEQUENCE
//!    ├─ version, digestAlgorithms                   start
//!    ├─ encapContentInfo SEQUENCE
//!    │  ├─ eContentType                             data
//!    │  └─ [0] eContent OCTET STRING                the content
//!    ├─ certificates                                certificates
//!    └─ signerInfos SET
//!       └─ SignerInfo SEQUENCE
//!          ├─ version, sid, digestAlgorithm         signer
//!          ├─ signedAttrs                           attributes, around the content's digest
//!          ├─ signatureAlgorithm                    algorithm
//!          └─ signature OCTET STRING                the signature
//! ```

use der::{DateTime, Encode, Header, Length, Tag};

use super::{
    Digest,
    cms::{Attributes, CONTEXT_0, Parts},
};
use crate::{
    Identity,
    ber::{Element, Reader},
};

/// The parts of a signed profile that no content changes, in DER.
pub(super) struct Mould {
    head: Vec<u8>,
    start: Vec<u8>,
    data: Vec<u8>,
    certificates: Vec<u8>,
    signer: Vec<u8>,
    /// What is signed before and after the content's digest: the SET OF attributes with its own tag (RFC 5652 §5.4).
    attributes: [Vec<u8>; 2],
    algorithm: Vec<u8>,
}

impl Mould {
    pub(super) fn new(identity: &Identity, digest: Digest, time: DateTime) -> der::Result<Self> {
        let message_digest = digest.of(b"");
        let attributes = Attributes::new(&message_digest, time)?;
        let around_nothing = Parts {
            content: b"",
            digest,
            key: identity.key_kind(),
            attributes: &attributes,
            signature: b"",
            issuer_and_serial: identity.issuer_and_serial(),
            certificate_set: identity.certificate_set(),
        };
        Ok(Self::cut(&around_nothing.to_der()?, attributes.around(&message_digest)))
    }

    fn cut(der: &[u8], attributes: [Vec<u8>; 2]) -> Self {
        let [info] = fields(&mut Reader::new(der));
        let [content_type, content] = within(&info);
        let [signed_data] = within(&content);
        let [version, digest_algorithms, encapsulated, certificates, signers] = within(&signed_data);
        let [data, _] = within(&encapsulated);
        let [signer] = within(&signers);
        let [signer_version, sid, digest_algorithm, _, signature_algorithm, _] = within(&signer);
        Self {
            head: content_type.whole().to_vec(),
            start: [version.whole(), digest_algorithms.whole()].concat(),
            data: data.whole().to_vec(),
            certificates: certificates.whole().to_vec(),
            signer: [signer_version.whole(), sid.whole(), digest_algorithm.whole()].concat(),
            attributes,
            algorithm: signature_algorithm.whole().to_vec(),
        }
    }

    /// What is signed for a content's digest.
    pub(super) fn attributes(&self, message_digest: &[u8]) -> Vec<u8> {
        let [before, after] = &self.attributes;
        [before, message_digest, after].concat()
    }

    /// The whole file in DER: around a content, what was signed for it, and the signature over that.
    pub(super) fn fill(&self, content: &[u8], attributes: &[u8], signature: &[u8]) -> der::Result<Vec<u8>> {
        let length = |bytes: &[u8]| Length::try_from(bytes.len());
        let signer =
            (length(&self.signer)? + length(attributes)? + length(&self.algorithm)? + tlv(length(signature)?)?)?;
        let explicit = tlv(length(content)?)?;
        let encapsulated = (length(&self.data)? + tlv(explicit)?)?;
        let certificates = length(&self.certificates)?;
        let signed_data = (length(&self.start)? + tlv(encapsulated)? + certificates + tlv(tlv(signer)?)?)?;
        let whole = (length(&self.head)? + tlv(tlv(signed_data)?)?)?;

        let mut der = Vec::with_capacity(tlv(whole)?.try_into()?);
        open(Tag::Sequence, whole, &mut der)?;
        der.extend_from_slice(&self.head);
        open(CONTEXT_0, tlv(signed_data)?, &mut der)?;
        open(Tag::Sequence, signed_data, &mut der)?;
        der.extend_from_slice(&self.start);
        open(Tag::Sequence, encapsulated, &mut der)?;
        der.extend_from_slice(&self.data);
        open(CONTEXT_0, explicit, &mut der)?;
        open(Tag::OctetString, length(content)?, &mut der)?;
        der.extend_from_slice(content);
        der.extend_from_slice(&self.certificates);
        open(Tag::Set, tlv(signer)?, &mut der)?;
        open(Tag::Sequence, signer, &mut der)?;
        der.extend_from_slice(&self.signer);
        // The same octets under another tag (RFC 5652 §5.4).
        CONTEXT_0.encode(&mut der)?;
        der.extend_from_slice(&attributes[1..]);
        der.extend_from_slice(&self.algorithm);
        open(Tag::OctetString, length(signature)?, &mut der)?;
        der.extend_from_slice(signature);
        Ok(der)
    }
}

fn within<'a, const N: usize>(element: &Element<'a>) -> [Element<'a>; N] {
    fields(&mut element.reader())
}

fn fields<'a, const N: usize>(reader: &mut Reader<'a>) -> [Element<'a>; N] {
    std::array::from_fn(|_| reader.next().ok().flatten().expect("the structure was encoded with all its fields"))
}

/// The length of what has a content of a length.
fn tlv(content: Length) -> der::Result<Length> {
    content.for_tlv()
}

fn open(tag: Tag, length: Length, der: &mut Vec<u8>) -> der::Result<()> {
    Header { tag, length }.encode(der)
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use super::*;
    use crate::{
        pki::fixture::{P256, P384, RSA, midway},
        sign::cms::{self, Parts},
    };

    fn whole(identity: &Identity, digest: Digest, time: SystemTime, content: &[u8], signature: &[u8]) -> [Vec<u8>; 2] {
        let time = cms::date_time(time).unwrap();
        let mould = Mould::new(identity, digest, time).unwrap();
        let attributes = Attributes::new(&digest.of(content), time).unwrap();
        let to_sign = mould.attributes(&digest.of(content));
        let parts = Parts {
            content,
            digest,
            key: identity.key_kind(),
            attributes: &attributes,
            signature,
            issuer_and_serial: identity.issuer_and_serial(),
            certificate_set: identity.certificate_set(),
        };
        [mould.fill(content, &to_sign, signature).unwrap(), parts.to_der().unwrap()]
    }

    #[test]
    fn gives_the_bytes_of_the_structure_whatever_content_and_signature_are_long() {
        let lengths = [0, 1, 127, 128, 255, 256, 65_535, 65_536, 20_000_000];
        for (identity, digest) in [(&RSA, Digest::Sha256), (&P256, Digest::Sha384), (&P384, Digest::Sha512)] {
            let identity = identity.identity().unwrap();
            for (length, signature) in lengths.into_iter().zip([256, 0, 127, 128, 255, 256, 70, 71, 72]) {
                let [mould, parts] = whole(&identity, digest, midway(), &vec![b'x'; length], &vec![b's'; signature]);
                assert!(mould == parts, "{digest}, {length} bytes, signature of {signature}");
            }
        }
    }

    #[test]
    fn gives_the_bytes_of_the_structure_at_every_length_where_an_outer_one_grows() {
        let identity = P256.identity().unwrap();
        let [empty, _] = whole(&identity, Digest::Sha256, midway(), b"", &[0; 70]);
        for around in [256, 65_536] {
            for length in (around - empty.len().min(around))..=around {
                let [mould, parts] = whole(&identity, Digest::Sha256, midway(), &vec![b'x'; length], &[0; 70]);
                assert!(mould == parts, "{length} bytes");
            }
        }
    }

    #[test]
    fn gives_the_bytes_of_the_structure_after_2049() {
        let identity = RSA.identity().unwrap();
        let [mould, parts] = whole(&identity, Digest::Sha256, midway() + Duration::from_secs(800_000_000), b"x", b"s");
        assert!(mould == parts);
    }
}
