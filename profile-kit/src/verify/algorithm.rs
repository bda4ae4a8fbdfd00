//! Signature algorithms by their object identifiers, and the key operation by OpenSSL.

use std::fmt;

use const_oid::ObjectIdentifier;
use openssl::{
    pkey::{Id, PKey, Public},
    pkey_ctx::PkeyCtx,
    rsa::Padding,
    sign::{RsaPssSaltlen, Verifier},
};

use super::{
    Verdict,
    cms::Algorithm,
    digest::Digest,
    pss::Pss,
    refusal::{Refusal, unknown},
};
use crate::Certificate;

/// A signature algorithm and its digest, if it names one.
pub(crate) struct Scheme {
    oid: ObjectIdentifier,
    /// As people write it.
    pub(crate) name: &'static str,
    kind: Kind,
    /// The digest's name, where the algorithm's identifier names it.
    digest: Option<&'static str>,
}

/// The key of the last signature, made ready: the next file mostly has the same signer's. Remembers nothing of files.
#[derive(Default)]
pub(crate) struct LastKey(Option<ReadyKey>);

struct ReadyKey {
    scheme: &'static Scheme,
    digest: &'static Digest,
    certificate: Certificate,
    context: PkeyCtx<Public>,
}

impl LastKey {
    fn context(
        &mut self,
        scheme: &'static Scheme,
        algorithm: &Algorithm<'_>,
        digest: &'static Digest,
        certificate: &Certificate,
    ) -> Result<&mut PkeyCtx<Public>, Refusal> {
        let is_it = |ready: &ReadyKey| {
            // The parameters of RSASSA-PSS are the file's.
            scheme.kind != Kind::RsaPss
                && ready.scheme.oid == scheme.oid
                && ready.digest == digest
                && ready.certificate == *certificate
        };
        let ready = match self.0.take().filter(is_it) {
            Some(ready) => ready,
            None => {
                let context = scheme.context(algorithm, digest, certificate)?;
                ReadyKey { scheme, digest, certificate: certificate.clone(), context }
            }
        };
        Ok(&mut self.0.insert(ready).context)
    }
}

impl fmt::Debug for LastKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("LastKey").field(&self.0.as_ref().map(|ready| &ready.certificate)).finish()
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Rsa,
    RsaPss,
    Ecdsa,
    Dsa,
    Edwards,
}

impl Scheme {
    /// Finds it.
    pub(crate) fn of(algorithm: &Algorithm<'_>) -> Result<&'static Self, Refusal> {
        let found = SCHEMES.iter().find(|scheme| scheme.oid.as_bytes() == algorithm.oid);
        found.ok_or_else(|| unknown("signature algorithm", algorithm))
    }

    /// Whether devices are not known to take it.
    pub(crate) fn is_uncommon(&self) -> bool {
        !matches!(self.kind, Kind::Rsa | Kind::Ecdsa)
    }

    /// Whether the signature over a message holds.
    ///
    /// # Errors
    /// The verdict and a sentence where it does not.
    pub(crate) fn verify(
        &'static self,
        algorithm: &Algorithm<'_>,
        digest: &'static Digest,
        certificate: &Certificate,
        (message, signature): (&[u8], &[u8]),
        last: &mut LastKey,
    ) -> Result<(), Refusal> {
        let holds = if self.kind == Kind::Edwards {
            let key = self.key(digest, certificate)?;
            Verifier::new_without_digest(&key).and_then(|mut verifier| verifier.verify_oneshot(signature, message))
        } else {
            let hashed = digest.hash(message)?;
            last.context(self, algorithm, digest, certificate)?.verify(&hashed, signature)
        };
        if holds.unwrap_or(false) {
            return Ok(());
        }
        Err((Verdict::BadSignature, "the signature does not match what it covers and the signer's key".into()))
    }

    /// The key in the certificate, if this scheme and digest can be used with it.
    fn key(&self, digest: &Digest, certificate: &Certificate) -> Result<PKey<Public>, Refusal> {
        let key = certificate.x509().public_key().map_err(|_| {
            (Verdict::SignatureAlgorithmUnsupported, "the key in the signer's certificate cannot be read".to_owned())
        })?;
        if self.digest.is_some_and(|named| named != digest.name) {
            let problem = format!("the signature algorithm is {}, the digest algorithm {}", self.name, digest.name);
            return Err((Verdict::SignatureAlgorithmUnsupported, problem));
        }
        if !self.fits(key.id()) {
            return Err((Verdict::BadSignature, format!("{} with a key of another kind", self.name)));
        }
        if let Some(problem) = certificate.rsa_problem() {
            return Err((Verdict::SignatureAlgorithmUnsupported, problem.into()));
        }
        Ok(key)
    }

    fn fits(&self, key: Id) -> bool {
        match self.kind {
            Kind::Rsa => key == Id::RSA,
            Kind::RsaPss => key == Id::RSA || key == Id::RSA_PSS,
            Kind::Ecdsa => key == Id::EC,
            Kind::Dsa => key == Id::DSA,
            Kind::Edwards => key == Id::ED25519,
        }
    }

    fn context(
        &self,
        algorithm: &Algorithm<'_>,
        digest: &Digest,
        certificate: &Certificate,
    ) -> Result<PkeyCtx<Public>, Refusal> {
        let failed =
            |_| (Verdict::SignatureAlgorithmUnsupported, format!("{} cannot be used with this key", self.name));
        let key = self.key(digest, certificate)?;
        let mut context = PkeyCtx::new(&key).map_err(failed)?;
        context.verify_init().map_err(failed)?;
        match self.kind {
            Kind::Rsa => {
                context.set_rsa_padding(Padding::PKCS1).map_err(failed)?;
                context.set_signature_md(digest.md()?).map_err(failed)?;
            }
            Kind::RsaPss => {
                let Pss { mask, salt } = Pss::read(algorithm, digest)?;
                context.set_rsa_padding(Padding::PKCS1_PSS).map_err(failed)?;
                context.set_signature_md(digest.md()?).map_err(failed)?;
                context.set_rsa_mgf1_md(mask.md()?).map_err(failed)?;
                context.set_rsa_pss_saltlen(RsaPssSaltlen::custom(salt)).map_err(failed)?;
            }
            Kind::Ecdsa | Kind::Dsa | Kind::Edwards => {}
        }
        Ok(context)
    }
}

const fn scheme(oid: &str, name: &'static str, kind: Kind, digest: Option<&'static str>) -> Scheme {
    Scheme { oid: ObjectIdentifier::new_unwrap(oid), name, kind, digest }
}

static SCHEMES: [Scheme; 32] = [
    scheme("1.2.840.113549.1.1.1", "rsaEncryption", Kind::Rsa, None),
    scheme("1.2.840.113549.1.1.2", "md2WithRSAEncryption", Kind::Rsa, Some("MD2")),
    scheme("1.2.840.113549.1.1.3", "md4WithRSAEncryption", Kind::Rsa, Some("MD4")),
    scheme("1.2.840.113549.1.1.4", "md5WithRSAEncryption", Kind::Rsa, Some("MD5")),
    scheme("1.2.840.113549.1.1.5", "sha1WithRSAEncryption", Kind::Rsa, Some("SHA-1")),
    scheme("1.3.14.3.2.29", "sha1WithRSA", Kind::Rsa, Some("SHA-1")),
    scheme("1.2.840.113549.1.1.14", "sha224WithRSAEncryption", Kind::Rsa, Some("SHA-224")),
    scheme("1.2.840.113549.1.1.11", "sha256WithRSAEncryption", Kind::Rsa, Some("SHA-256")),
    scheme("1.2.840.113549.1.1.12", "sha384WithRSAEncryption", Kind::Rsa, Some("SHA-384")),
    scheme("1.2.840.113549.1.1.13", "sha512WithRSAEncryption", Kind::Rsa, Some("SHA-512")),
    scheme("2.16.840.1.101.3.4.3.13", "sha3-224WithRSA", Kind::Rsa, Some("SHA3-224")),
    scheme("2.16.840.1.101.3.4.3.14", "sha3-256WithRSA", Kind::Rsa, Some("SHA3-256")),
    scheme("2.16.840.1.101.3.4.3.15", "sha3-384WithRSA", Kind::Rsa, Some("SHA3-384")),
    scheme("2.16.840.1.101.3.4.3.16", "sha3-512WithRSA", Kind::Rsa, Some("SHA3-512")),
    scheme("1.2.840.113549.1.1.10", "RSASSA-PSS", Kind::RsaPss, None),
    scheme("1.2.840.10045.2.1", "id-ecPublicKey", Kind::Ecdsa, None),
    scheme("1.2.840.10045.4.1", "ecdsa-with-SHA1", Kind::Ecdsa, Some("SHA-1")),
    scheme("1.2.840.10045.4.3.1", "ecdsa-with-SHA224", Kind::Ecdsa, Some("SHA-224")),
    scheme("1.2.840.10045.4.3.2", "ecdsa-with-SHA256", Kind::Ecdsa, Some("SHA-256")),
    scheme("1.2.840.10045.4.3.3", "ecdsa-with-SHA384", Kind::Ecdsa, Some("SHA-384")),
    scheme("1.2.840.10045.4.3.4", "ecdsa-with-SHA512", Kind::Ecdsa, Some("SHA-512")),
    scheme("2.16.840.1.101.3.4.3.9", "ecdsa-with-SHA3-224", Kind::Ecdsa, Some("SHA3-224")),
    scheme("2.16.840.1.101.3.4.3.10", "ecdsa-with-SHA3-256", Kind::Ecdsa, Some("SHA3-256")),
    scheme("2.16.840.1.101.3.4.3.11", "ecdsa-with-SHA3-384", Kind::Ecdsa, Some("SHA3-384")),
    scheme("2.16.840.1.101.3.4.3.12", "ecdsa-with-SHA3-512", Kind::Ecdsa, Some("SHA3-512")),
    scheme("1.2.840.10040.4.1", "id-dsa", Kind::Dsa, None),
    scheme("1.2.840.10040.4.3", "dsa-with-SHA1", Kind::Dsa, Some("SHA-1")),
    scheme("2.16.840.1.101.3.4.3.1", "dsa-with-SHA224", Kind::Dsa, Some("SHA-224")),
    scheme("2.16.840.1.101.3.4.3.2", "dsa-with-SHA256", Kind::Dsa, Some("SHA-256")),
    scheme("2.16.840.1.101.3.4.3.3", "dsa-with-SHA384", Kind::Dsa, Some("SHA-384")),
    scheme("2.16.840.1.101.3.4.3.4", "dsa-with-SHA512", Kind::Dsa, Some("SHA-512")),
    scheme("1.3.101.112", "Ed25519", Kind::Edwards, None),
];
