//! Key and certificates out of a PKCS#12 file (RFC 7292).

use openssl::{
    error::ErrorStack,
    pkcs12::Pkcs12,
    pkey::{PKey, Private},
};

use super::{Passphrase, key, problem};
use crate::{Certificate, Error, Result};

/// The private key and every certificate, in no order that means anything.
pub(super) fn read(der: &[u8], passphrase: &Passphrase) -> Result<(PKey<Private>, Vec<Certificate>)> {
    let archive = Pkcs12::from_der(der)
        .map_err(|cause| Error::Identity { problem: "not a PKCS#12 file".into(), source: Some(cause.into()) })?;
    let text = passphrase.text()?;
    let parsed = key::with_legacy(|| archive.parse2(text)).map_err(explained)?;
    let private = parsed.pkey.ok_or_else(|| problem("no private key in the PKCS#12 file"))?;
    let certificates = parsed.cert.into_iter().chain(parsed.ca.into_iter().flatten());
    Ok((private, certificates.map(Certificate::from_x509).collect::<Result<_>>()?))
}

fn explained(cause: ErrorStack) -> Error {
    let wrong = |error: &openssl::error::Error| error.reason().is_some_and(|reason| WRONG_PASSPHRASE.contains(&reason));
    if cause.errors().iter().any(wrong) {
        return problem("the passphrase does not open the PKCS#12 file");
    }
    let problem = match key::unsupported(&cause) {
        Some(algorithm) => format!(
            "the PKCS#12 file is encrypted with {algorithm}, which this OpenSSL does not read: convert it with \
             `openssl pkcs12 -legacy -in OLD -out MIDDLE.pem` and `openssl pkcs12 -export -in MIDDLE.pem -out NEW`"
        ),
        None => "the PKCS#12 file cannot be read".into(),
    };
    Error::Identity { problem, source: Some(cause.into()) }
}

/// What OpenSSL says of a wrong passphrase: with a MAC, and without one.
const WRONG_PASSPHRASE: [&str; 2] = ["mac verify failure", "pkcs12 cipherfinal error"];
