//! The key alone.

use openssl::{
    md::Md,
    pkey::{Id, PKey, Private},
    pkey_ctx::PkeyCtx,
    rsa::Padding,
};
use profile_kit::pki::Issued;

/// Signs the digest of SHA-256 with a context that is kept: nothing that signs with this key is faster.
pub struct Raw {
    context: PkeyCtx<Private>,
    signature: Vec<u8>,
}

impl Raw {
    /// With random nonces, where the key is one for ECDSA.
    pub fn new(issued: &Issued) -> Self {
        let key = PKey::private_key_from_pem(&issued.key_pem().unwrap()).unwrap();
        let mut context = PkeyCtx::new(&key).unwrap();
        context.sign_init().unwrap();
        context.set_signature_md(Md::sha256()).unwrap();
        if key.id() == Id::RSA {
            context.set_rsa_padding(Padding::PKCS1).unwrap();
        }
        Self { context, signature: vec![0; key.size()] }
    }

    /// With nonces from key and digest (RFC 6979), as profiles are signed where the library can.
    pub fn deterministic(issued: &Issued) -> Self {
        let mut raw = Self::new(issued);
        raw.choose_nonces();
        raw
    }

    #[cfg(deterministic_ecdsa)]
    fn choose_nonces(&mut self) {
        self.context.set_nonce_type(openssl::pkey_ctx::NonceType::DETERMINISTIC_K).unwrap();
    }

    #[cfg(not(deterministic_ecdsa))]
    fn choose_nonces(&mut self) {}

    pub fn sign(&mut self) {
        self.context.sign(&[7; 32], Some(&mut self.signature)).unwrap();
    }
}
