//! SHA-256 (FIPS 180-4).

use openssl::sha::Sha256;

/// The digest of bytes. OpenSSL's function for a whole text looks the algorithm up each time.
pub(crate) fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(bytes);
    hash.finish()
}
