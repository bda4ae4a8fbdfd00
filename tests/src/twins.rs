//! Twins of a signed file: the same but for one thing that was tampered with, nothing signed anew.

use std::ops::Range;

use openssl::hash::{MessageDigest, hash};

use crate::der::{Element, element};

/// What is tampered with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Twin {
    /// One byte of the content.
    Content,
    /// One byte of the messageDigest attribute.
    Digest,
    /// One byte of the content, and the messageDigest attribute fits it.
    ContentAndDigest,
    /// One byte of the signature.
    Signature,
    /// The leaf is exchanged for its double: the same issuer, subject and serial number, another key.
    Certificate,
}

impl Twin {
    /// Every one of them.
    pub const ALL: [Twin; 5] =
        [Twin::Content, Twin::Digest, Twin::ContentAndDigest, Twin::Signature, Twin::Certificate];

    /// The twin of a file that was signed by one leaf, attributes included; `double` is in DER and as long as the leaf.
    pub fn of(self, signed: &[u8], double: &[u8]) -> Vec<u8> {
        let places = Places::of(signed);
        let mut twin = signed.to_vec();
        if matches!(self, Twin::Content | Twin::ContentAndDigest) {
            twin[middle(&places.content)] ^= 1;
        }
        match self {
            Twin::Content => {}
            Twin::Digest => twin[middle(&places.digest)] ^= 1,
            Twin::ContentAndDigest => {
                let digest = digest_like(&twin[places.content], places.digest.len());
                twin[places.digest].copy_from_slice(&digest);
            }
            Twin::Signature => twin[places.signature.end - 1] ^= 1,
            Twin::Certificate => twin[places.leaf].copy_from_slice(double),
        }
        twin
    }

    /// Where a twin may differ from its original.
    pub fn differs_in(self, signed: &[u8]) -> Vec<Range<usize>> {
        let Places { content, digest, signature, leaf } = Places::of(signed);
        match self {
            Twin::Content => vec![content],
            Twin::Digest => vec![digest],
            Twin::ContentAndDigest => vec![content, digest],
            Twin::Signature => vec![signature],
            Twin::Certificate => vec![leaf],
        }
    }
}

/// The same file without its signer: content and certificates stay.
pub fn without_signer(signed: &[u8]) -> Vec<u8> {
    let content_info = Element::at(signed, 0).children(signed);
    let signed_data = content_info[1].child(signed).children(signed);
    let before_signers = signed_data[0].whole.start..signed_data[3].whole.end;
    let nobody = element(0x31, &[]);
    let signed_data = element(0x30, &[&signed[before_signers], &nobody]);
    element(0x30, &[&signed[content_info[0].whole.clone()], &element(0xa0, &[&signed_data])])
}

/// Where the parts of SignedData (RFC 5652 §5) are that twins change.
struct Places {
    content: Range<usize>,
    digest: Range<usize>,
    signature: Range<usize>,
    leaf: Range<usize>,
}

impl Places {
    fn of(signed: &[u8]) -> Self {
        let content_info = Element::at(signed, 0).children(signed);
        let signed_data = content_info[1].child(signed).children(signed);
        let [_version, _digests, encapsulated, certificates, signers] = &signed_data[..] else {
            panic!("not the five parts of SignedData with certificates and without revocation lists");
        };
        let content = encapsulated.children(signed)[1].child(signed).contents;
        let signer = signers.child(signed).children(signed);
        let [_version, identifier, _digest, attributes, _algorithm, signature] = &signer[..] else {
            panic!("not the six parts of SignerInfo with signed attributes");
        };
        let tags = [certificates, attributes, signature].map(|part| part.tag);
        assert_eq!(tags, [0xa0, 0xa0, 0x04], "not certificates, signed attributes and a signature");
        Self {
            content,
            digest: message_digest(signed, attributes),
            signature: signature.contents.clone(),
            leaf: leaf(signed, certificates, identifier),
        }
    }
}

fn message_digest(signed: &[u8], attributes: &Element) -> Range<usize> {
    let digest = attributes.children(signed).into_iter().find_map(|attribute| {
        let parts = attribute.children(signed);
        let is_digest = signed[parts[0].contents.clone()] == MESSAGE_DIGEST;
        is_digest.then(|| parts[1].child(signed).contents)
    });
    digest.expect("a messageDigest attribute")
}

/// The certificate whose issuer and serial number are the signer's.
fn leaf(signed: &[u8], certificates: &Element, identifier: &Element) -> Range<usize> {
    let wanted: Vec<_> = identifier.children(signed).into_iter().map(|part| &signed[part.whole]).collect();
    let found = certificates.children(signed).into_iter().find(|certificate| {
        let to_be_signed = certificate.children(signed)[0].children(signed);
        let issuer = to_be_signed[3].whole.clone();
        let serial = to_be_signed[1].whole.clone();
        [&signed[issuer], &signed[serial]] == wanted[..]
    });
    found.expect("the signer's certificate").whole
}

fn digest_like(content: &[u8], length: usize) -> Vec<u8> {
    let digest = match length {
        32 => MessageDigest::sha256(),
        48 => MessageDigest::sha384(),
        64 => MessageDigest::sha512(),
        _ => panic!("no digest is {length} octets long"),
    };
    hash(digest, content).unwrap().to_vec()
}

fn middle(range: &Range<usize>) -> usize {
    range.start + range.len() / 2
}

/// The object identifier 1.2.840.113549.1.9.4 (RFC 5652 §11.2).
const MESSAGE_DIGEST: [u8; 9] = [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x04];
