//! The parameters of RSASSA-PSS (RFC 4055 §3.1).

use const_oid::ObjectIdentifier;

use super::{
    Verdict,
    cms::Algorithm,
    digest::{Digest, SHA1},
    refusal::{Refusal, unknown},
};
use crate::ber::{self, Element};

/// What the parameters say beside the digest.
pub(super) struct Pss {
    /// The digest of the mask generation function MGF1.
    pub(super) mask: &'static Digest,
    /// The salt's length in bytes.
    pub(super) salt: i32,
}

impl Pss {
    /// Reads them; the digest in them must be the signer's digest algorithm.
    pub(super) fn read(algorithm: &Algorithm<'_>, digest: &Digest) -> Result<Self, Refusal> {
        let [hash, mask, salt, trailer] = fields(algorithm).ok_or_else(unreadable)?;
        let hash = hash.map_or(Ok(&SHA1), |hash| named(&hash))?;
        if hash != digest {
            let problem = format!("RSASSA-PSS is with {}, the digest algorithm is {}", hash.name, digest.name);
            return Err((Verdict::SignatureAlgorithmUnsupported, problem));
        }
        if trailer.is_some_and(|trailer| trailer.content() != [1]) {
            return Err(unreadable());
        }
        let mask = mask.map_or(Ok(&SHA1), |mask| mask_digest(&mask))?;
        let salt = salt.map_or(Ok(DEFAULT_SALT), |salt| salt_length(&salt))?;
        Ok(Self { mask, salt })
    }
}

/// Digest, mask generation function, salt length, trailer: each may be absent.
fn fields<'a>(algorithm: &Algorithm<'a>) -> Option<[Option<Element<'a>>; 4]> {
    let mut fields = algorithm.explicit_parameters()?.reader();
    let mut field = |tag| match fields.optional(&[tag]).ok()? {
        Some(wrapper) => only(&wrapper).map(Some),
        None => Some(None),
    };
    let found = [field(0xa0)?, field(0xa1)?, field(0xa2)?, field(0xa3)?];
    fields.finish("RSASSA-PSS-params").ok()?;
    Some(found)
}

/// The one value in an explicit tag.
fn only<'a>(wrapper: &Element<'a>) -> Option<Element<'a>> {
    let mut values = wrapper.reader();
    let value = values.next().ok()??;
    values.finish("a field of RSASSA-PSS-params").ok().map(|()| value)
}

fn named(element: &Element<'_>) -> Result<&'static Digest, Refusal> {
    Digest::of(&Algorithm::read(element).map_err(|_| unreadable())?)
}

fn mask_digest(element: &Element<'_>) -> Result<&'static Digest, Refusal> {
    let function = Algorithm::read(element).map_err(|_| unreadable())?;
    if function.oid != MGF1.as_bytes() {
        return Err(unknown("mask generation function", &function));
    }
    named(function.explicit_parameters().ok_or_else(unreadable)?)
}

fn salt_length(element: &Element<'_>) -> Result<i32, Refusal> {
    match (element.tag, element.content()) {
        (ber::INTEGER, [length @ 0..=0x7f]) => Ok(i32::from(*length)),
        (ber::INTEGER, [high @ 0..=0x7f, low]) => Ok(i32::from(*high) << 8 | i32::from(*low)),
        _ => Err(unreadable()),
    }
}

fn unreadable() -> Refusal {
    (Verdict::MalformedSignature, "the parameters of RSASSA-PSS cannot be read".into())
}

const MGF1: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.8");
const DEFAULT_SALT: i32 = 20;
