//! Verifying file after file, most of which carry the same certificates.

use std::{collections::VecDeque, sync::Mutex};

use super::{
    Observation, Observed, SignerReport, Verification, VerifyOptions, algorithm::LastKey, cms::SignedData, observe,
    read,
};
use crate::{
    Certificate, KeyKind, Purpose, Result, TrustStore,
    certificate::Tbs,
    trust::{Search, Trust},
};

/// Verifies many files by the same rules. What it found out about one file's certificates it remembers for the next
/// file with the same ones, and the store remembers a few. One a thread; the store may be shared.
#[derive(Debug)]
pub struct Verifier<'s> {
    store: Option<&'s TrustStore>,
    options: VerifyOptions,
    last: Option<Known>,
    last_key: LastKey,
}

/// What is known of the certificates of the last few signers: their path to a root does not depend on file and time.
/// Signatures and digests of files are never in it.
#[derive(Default)]
pub(crate) struct Memory {
    known: Mutex<VecDeque<(Purpose, Known)>>,
}

impl Memory {
    fn recall(&self, purpose: Purpose, certificates: &[&[u8]]) -> Option<Known> {
        let known = self.known.lock().ok()?;
        known
            .iter()
            .find(|(asked, known)| *asked == purpose && known.is_of(certificates))
            .map(|(_, known)| known.clone())
    }

    fn keep(&self, purpose: Purpose, new: &Known) {
        let Ok(mut known) = self.known.lock() else { return };
        if new.der.len() > LARGEST_KEPT || known.iter().any(|(asked, it)| *asked == purpose && it.der == new.der) {
            return;
        }
        known.truncate(MOST_KEPT - 1);
        known.push_front((purpose, new.clone()));
    }
}

/// A file's certificates, and what was found out about them.
#[derive(Clone, Debug)]
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
#[derive(Clone, Debug)]
struct Leaf {
    certificate: Certificate,
    /// The path to a root or the reason why there is none; `None` where no root was asked for.
    search: Option<Search>,
    /// As far as the file's certificates lead; `None` until there is no path to show.
    chain: Option<Vec<Certificate>>,
}

impl<'s> Verifier<'s> {
    /// Trust is asked where a store is given.
    pub fn new(store: Option<&'s TrustStore>, options: VerifyOptions) -> Self {
        Self { store, options, last: None, last_key: LastKey::default() }
    }

    /// Verifies a CMS SignedData with whatever content. A signature that does not hold is a
    /// [`Verdict`](super::Verdict), not an error. Revocation is not asked.
    ///
    /// # Errors
    /// [`Error::NotSigned`](crate::Error::NotSigned) where the bytes are something else that is known,
    /// [`Error::Malformed`](crate::Error::Malformed) where they are broken.
    pub fn verify(&mut self, bytes: &[u8]) -> Result<Verification> {
        let data = read(bytes)?;
        let (store, options) = (self.store, self.options.clone());
        let is_new = self.know(&data);
        let known = self.last.as_mut().expect("it was put there");
        let mut observations = observe(&data);
        observations.extend_from_slice(&known.observations);
        let mut signers = Vec::with_capacity(data.signers.len());
        for info in &data.signers {
            let mut report = SignerReport::of(info, &data, &known.certificates, &mut self.last_key, &mut observations);
            known.follow(&mut report, store, &options, &mut observations)?;
            signers.push(report);
        }
        if let Some(store) = store.filter(|_| is_new && known.checks > 0) {
            store.memory().keep(options.purpose, known);
        }
        let certificates = known.certificates.clone();
        let content = data.content.map(std::borrow::Cow::into_owned);
        Ok(Verification { content, certificates, signers, observations })
    }

    /// Brings to mind what is known of a file's certificates; whether nothing was. Chains that were cut short are not
    /// remembered: the next file may have fewer signers.
    fn know(&mut self, data: &SignedData<'_>) -> bool {
        let last = self.last.take().filter(|known| known.is_of(&data.certificates) && known.checks > 0);
        let recalled = last.or_else(|| self.store?.memory().recall(self.options.purpose, &data.certificates));
        let is_new = recalled.is_none();
        let known = self.last.insert(recalled.unwrap_or_else(|| Known::of(&data.certificates)));
        known.checks = MAX_CHECKS;
        is_new
    }
}

impl Known {
    fn of(each: &[&[u8]]) -> Self {
        let mut certificates: Vec<Certificate> = Vec::with_capacity(each.len());
        let mut observations = Vec::new();
        let is_root = |der: &&[u8]| Tbs::read(der).is_some_and(|tbs| tbs.is_self_issued_ca());
        if each.len() > 1 && each.iter().any(is_root) {
            let message = "a root certificate is in the file, where it adds nothing";
            observations.push(Observation::new(Observed::RootIncluded, message));
        }
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
        Self { der: each.concat(), certificates, observations, leaves: Vec::new(), checks: MAX_CHECKS }
    }

    /// Whether these are the certificates, in this order.
    fn is_of(&self, certificates: &[&[u8]]) -> bool {
        let mut rest = &*self.der;
        certificates.iter().all(|der| rest.strip_prefix(*der).map(|after| rest = after).is_some()) && rest.is_empty()
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
        let leaf = &mut self.leaves[index];
        if let (Some(store), Some(search)) = (store, &leaf.search) {
            let at = options.at.moment(options.now, report.signing_time);
            let trust = store.judge(search, &leaf.certificate, &self.certificates, at, options.purpose)?;
            observe_trust(&trust, observations);
            report.chain.clone_from(&trust.path);
            report.trust = Some(trust);
        }
        if report.chain.is_empty() {
            let led = || chain(&leaf.certificate, &self.certificates, &mut self.checks);
            report.chain.clone_from(leaf.chain.get_or_insert_with(led));
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
        self.leaves.push(Leaf { certificate: certificate.clone(), search, chain: None });
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

/// Sets of certificates that a store remembers.
const MOST_KEPT: usize = 16;
/// The most bytes of a set that is remembered: real ones have below 8 KiB.
const LARGEST_KEPT: usize = 64 << 10;
/// Real chains have fewer than 6.
const MAX_CHAIN: usize = 16;
/// Each is an operation with a public key; a real signer's chain costs fewer than 6.
const MAX_CHECKS: usize = 64;

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use openssl::bn::BigNum;

    use super::*;
    use crate::{
        At, SignOptions, Verdict,
        pki::{
            KeySpec, Leaf as Wanted,
            fixture::{INTERMEDIATE, ROOT, leaf, midway, validity},
        },
        sign::sign_content,
        verify::{
            forge::{Party, Wish, p256, rsa_with},
            verify_bytes,
        },
    };

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

    #[test]
    fn a_store_remembers_paths_and_neither_signatures_nor_answers_about_time_and_purpose() {
        let for_servers = Wanted { extended_key_usage: vec!["serverAuth".into()], ..leaf("Server", KeySpec::P256) };
        let identity = INTERMEDIATE.issue(&for_servers).unwrap().identity().unwrap();
        let store = TrustStore::from_pem(&ROOT.certificate_pem().unwrap()).unwrap();
        let verdict =
            |file: &[u8], options: VerifyOptions| verify_bytes(file, Some(&store), &options).unwrap().verdict();
        let now = VerifyOptions::new(midway());
        let file = sign_content(&identity, b"content", &SignOptions::new(midway())).unwrap();
        let mut changed = file.clone();
        let at = file.windows(7).position(|window| window == b"content").unwrap();
        changed[at] ^= 1;
        for _ in 0..2 {
            assert_eq!(verdict(&file, now.clone()), Verdict::GoodSignature);
            assert_eq!(verdict(&changed, now.clone()), Verdict::DigestMismatch);
            let smime = VerifyOptions { purpose: Purpose::Smime, ..now.clone() };
            assert_eq!(verdict(&file, smime), Verdict::SigningCertNotTrusted);
            let late = VerifyOptions { at: At::Time(validity().not_after + Duration::from_secs(1)), ..now.clone() };
            assert_eq!(verdict(&file, late), Verdict::SigningCertExpired);
        }
        assert_eq!(store.memory().known.lock().unwrap().len(), 2);
    }

    #[test]
    fn a_store_remembers_a_few_signers_and_forgets_the_first() {
        let memory = Memory::default();
        for number in 0..=MOST_KEPT as u8 {
            memory.keep(Purpose::Any, &Known::of(&[&[number]]));
        }
        assert!(memory.recall(Purpose::Any, &[&[0]]).is_none());
        assert!(memory.recall(Purpose::Any, &[&[1]]).is_some());
        assert!(memory.recall(Purpose::Smime, &[&[1]]).is_none());
        memory.keep(Purpose::Any, &Known::of(&[&[0; LARGEST_KEPT + 1]]));
        assert_eq!(memory.known.lock().unwrap().len(), MOST_KEPT);
    }
}
