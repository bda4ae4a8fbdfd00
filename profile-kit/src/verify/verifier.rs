//! Verifying file after file, most of which carry the same certificates.

use super::{Observation, Observed, SignerReport, Verification, VerifyOptions, cms::SignedData, observe, read};
use crate::{
    Certificate, KeyKind, Result, TrustStore,
    trust::{Search, Trust},
};

/// Verifies many files by the same rules. What it found out about one file's certificates it remembers for the next
/// file with the same ones. One a thread; the store may be shared.
#[derive(Debug)]
pub struct Verifier<'s> {
    store: Option<&'s TrustStore>,
    options: VerifyOptions,
    last: Option<Known>,
}

/// A file's certificates, and what was found out about them.
#[derive(Debug)]
struct Known {
    /// The file's certificates, one after the other.
    der: Vec<u8>,
    certificates: Vec<Certificate>,
    observations: Vec<Observation>,
    leaves: Vec<Leaf>,
    /// How many issuers' keys may still be asked for one file.
    checks: usize,
}

/// A signer's certificate, and where it leads.
#[derive(Debug)]
struct Leaf {
    certificate: Certificate,
    /// The path to a root or the reason why there is none; `None` where no root was asked for.
    search: Option<Search>,
    /// As far as the file's certificates lead.
    chain: Vec<Certificate>,
}

impl<'s> Verifier<'s> {
    /// Trust is asked where a store is given.
    pub fn new(store: Option<&'s TrustStore>, options: VerifyOptions) -> Self {
        Self { store, options, last: None }
    }

    /// Verifies a CMS SignedData with whatever content. A signature that does not hold is a
    /// [`Verdict`](super::Verdict), not an error. Revocation is not asked.
    ///
    /// # Errors
    /// [`Error::NotSigned`](crate::Error::NotSigned) where the bytes are something else that is known,
    /// [`Error::Malformed`](crate::Error::Malformed) where they are broken.
    pub fn verify(&mut self, bytes: &[u8]) -> Result<Verification> {
        let data = read(bytes)?;
        let (store, options) = (self.store, self.options);
        let known = self.know(&data);
        let mut observations = observe(&data);
        observations.extend_from_slice(&known.observations);
        let mut signers = Vec::with_capacity(data.signers.len());
        for info in &data.signers {
            let mut report = SignerReport::of(info, &data, &known.certificates, &mut observations);
            known.follow(&mut report, store, &options, &mut observations)?;
            signers.push(report);
        }
        let certificates = known.certificates.clone();
        let content = data.content.map(std::borrow::Cow::into_owned);
        Ok(Verification { content, certificates, signers, observations })
    }

    /// What is known of a file's certificates. Chains that were cut short are not remembered: the next file may have
    /// fewer signers.
    fn know(&mut self, data: &SignedData<'_>) -> &mut Known {
        let der = data.certificates.concat();
        let last = self.last.take().filter(|known| known.der == der && known.checks > 0);
        let known = self.last.insert(last.unwrap_or_else(|| Known::of(der, &data.certificates)));
        known.checks = MAX_CHECKS;
        known
    }
}

impl Known {
    fn of(der: Vec<u8>, each: &[&[u8]]) -> Self {
        let mut certificates: Vec<Certificate> = Vec::with_capacity(each.len());
        let mut observations = Vec::new();
        for der in each {
            if certificates.iter().any(|present| present.der() == *der) {
                observations.push(Observation::new(Observed::DuplicateCertificates, "a certificate is there twice"));
            } else if let Ok(certificate) = Certificate::from_der(der) {
                certificates.push(certificate);
            } else {
                let message = "a certificate cannot be read and was passed over";
                observations.push(Observation::new(Observed::UnreadableCertificate, message));
            }
        }
        Self { der, certificates, observations, leaves: Vec::new(), checks: MAX_CHECKS }
    }

    /// Where the signature holds, says where the signer's certificate leads and whether that is trusted.
    fn follow(
        &mut self,
        report: &mut SignerReport,
        store: Option<&TrustStore>,
        options: &VerifyOptions,
        observations: &mut Vec<Observation>,
    ) -> Result<()> {
        let Some(certificate) = report.certificate.as_ref().filter(|_| report.integrity.is_good()) else {
            return Ok(());
        };
        let index = self.leaf(certificate, store, options)?;
        let leaf = &self.leaves[index];
        if let (Some(store), Some(search)) = (store, &leaf.search) {
            let at = options.at.moment(options.now, report.signing_time);
            let trust = store.judge(search, &leaf.certificate, &self.certificates, at, options.purpose)?;
            observe_trust(&trust, observations);
            report.chain.clone_from(&trust.path);
            report.trust = Some(trust);
        }
        if report.chain.is_empty() {
            report.chain.clone_from(&leaf.chain);
        }
        Ok(())
    }

    fn leaf(
        &mut self,
        certificate: &Certificate,
        store: Option<&TrustStore>,
        options: &VerifyOptions,
    ) -> Result<usize> {
        if let Some(index) = self.leaves.iter().position(|leaf| leaf.certificate == *certificate) {
            return Ok(index);
        }
        let search = store.map(|store| store.search(certificate, &self.certificates, options.purpose)).transpose()?;
        let chain = chain(certificate, &self.certificates, &mut self.checks);
        self.leaves.push(Leaf { certificate: certificate.clone(), search, chain });
        Ok(self.leaves.len() - 1)
    }
}

fn observe_trust(trust: &Trust, observations: &mut Vec<Observation>) {
    for (depth, certificate) in trust.path.iter().enumerate().skip(1) {
        if matches!(certificate.key_kind(), KeyKind::Rsa(bits) if bits < 2048) {
            let message = format!("{} on the path has a weak key: {}", certificate.subject(), certificate.key_kind());
            observations.push(Observation::new(Observed::WeakKey, message));
        }
        let issued = &trust.path[depth - 1];
        if let Some(digest) = issued.weak_digest() {
            let message = format!("the certificate of {} is signed with {digest}, which is weak", issued.subject());
            observations.push(Observation::new(Observed::WeakDigest, message));
        }
    }
    if trust.unknown_critical_extension {
        let message = "the path holds only if critical extensions of Apple's that are not known here are passed over";
        observations.push(Observation::new(Observed::UnknownCriticalExtension, message));
    }
    if let Some(message) = trust.validity_aside() {
        observations.push(Observation::new(Observed::OutsideValidity, message));
    }
}

/// From the leaf towards the root, as far as the certificates lead and the checks that are left; ends at a self-signed
/// one and where it would turn.
fn chain(leaf: &Certificate, certificates: &[Certificate], checks: &mut usize) -> Vec<Certificate> {
    let mut chain = vec![leaf.clone()];
    while let Some(last) = chain.last().filter(|_| chain.len() < MAX_CHAIN) {
        let mut issued = |issuer: &&Certificate| {
            let asks = !chain.contains(issuer) && last.may_be_issued_by(issuer) && *checks > 0;
            *checks -= usize::from(asks);
            asks && last.is_issued_by(issuer)
        };
        let Some(issuer) = certificates.iter().find(|issuer| issued(issuer)) else { break };
        chain.push(issuer.clone());
    }
    chain
}

/// Real chains have fewer than 6.
const MAX_CHAIN: usize = 16;
/// Each is an operation with a public key; a real signer's chain costs fewer than 6.
const MAX_CHECKS: usize = 64;

#[cfg(test)]
mod tests {
    use openssl::bn::BigNum;

    use super::*;
    use crate::verify::forge::{Party, Wish, p256, rsa_with};

    fn certificate(party: &Party) -> Certificate {
        Certificate::from_x509(party.certificate.clone()).unwrap()
    }

    /// Many CAs of one name, and a certificate by the last of them.
    fn namesakes(key_identifier: bool) -> (Certificate, Vec<Certificate>) {
        let namesake = |serial| Wish { serial, key_identifier, ..Wish::ca("issuer") }.issued_by(None);
        let issuers: Vec<Party> = (0..100).map(namesake).collect();
        let leaf = Wish::named("leaf").issued_by(issuers.last());
        (certificate(&leaf), issuers.iter().map(certificate).collect())
    }

    #[test]
    fn asks_no_more_keys_than_a_file_may_cost() {
        let (leaf, issuers) = namesakes(false);
        let mut checks = MAX_CHECKS;
        assert_eq!(chain(&leaf, &issuers, &mut checks), std::slice::from_ref(&leaf));
        assert_eq!(checks, 0);
    }

    #[test]
    fn asks_only_the_issuer_whose_key_identifier_is_named() {
        let (leaf, issuers) = namesakes(true);
        let mut checks = 1;
        assert_eq!(chain(&leaf, &issuers, &mut checks), [leaf, issuers[99].clone()]);
    }

    #[test]
    fn asks_no_issuer_with_a_key_that_costs_too_much() {
        let exponent = BigNum::from_dec_str("36893488147419103233").unwrap();
        let root = Wish::ca("root").issued_by(None);
        let mut issuer = Wish { key: rsa_with(&exponent), ..Wish::ca("issuer") }.issued_by(Some(&root));
        issuer.key = p256();
        let leaf = certificate(&Wish::named("leaf").issued_by(Some(&issuer)));
        let mut checks = MAX_CHECKS;
        chain(&leaf, &[certificate(&issuer)], &mut checks);
        assert_eq!(checks, MAX_CHECKS);
    }
}
