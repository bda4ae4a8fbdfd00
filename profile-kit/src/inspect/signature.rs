//! What there is to say of a signature.

use std::time::{Duration, SystemTime};

use time::OffsetDateTime;

use crate::{
    Certificate, KeyPath, Trust,
    check::{Code, Finding, Severity},
    verify::{Observation, Observed, SignerReport, Verdict, Verification},
};

/// Everything about the signature; its findings have no path.
pub(super) fn findings(found: &Verification, at: SystemTime) -> Vec<Finding> {
    let mut findings = Vec::new();
    let integrity = found.integrity();
    if !integrity.is_good() {
        let message = format!("{integrity}: {}", found.problem().unwrap_or_default());
        findings.push(of_file(Code::SignatureBroken, message));
    }
    for signer in found.signers.iter().filter(|signer| !signer.chain.is_empty()) {
        findings.extend(trust(signer));
        findings.extend(validity(&signer.chain, at));
        findings.extend(chain(signer));
    }
    findings.extend(found.observations.iter().filter_map(observed));
    findings
}

/// As [`Inspection::days_left`](super::Inspection::days_left).
pub(super) fn days_left(found: &Verification, at: SystemTime) -> Option<i64> {
    let certificates = found.signers.iter().flat_map(|signer| &signer.chain);
    certificates.filter_map(|certificate| days_until(certificate.not_after()?, at)).min()
}

fn of_file(code: Code, message: impl Into<String>) -> Finding {
    Finding::new(code, KeyPath::root(), message)
}

fn trust(signer: &SignerReport) -> Option<Finding> {
    let Trust { verdict: Verdict::SigningCertNotTrusted, reason, .. } = signer.trust.as_ref()? else { return None };
    let message = match reason {
        Some(reason) => format!("the signer is not trusted: {reason}"),
        None => "the signer is not trusted".into(),
    };
    Some(of_file(Code::SignerNotTrusted, message))
}

/// Of the first certificate, from the signer's on, that is not valid; else of the one that ends first.
fn validity(chain: &[Certificate], at: SystemTime) -> Option<Finding> {
    let certificates = || chain.iter().enumerate().map(|(depth, certificate)| (name(depth, certificate), certificate));
    if let Some((name, end)) = certificates().find_map(|(name, c)| Some((name, c.not_after().filter(|end| *end < at)?)))
    {
        return Some(of_file(Code::SignerExpired, format!("{name} ended on {}", day(end))));
    }
    let begins = |certificate: &Certificate| certificate.not_before().filter(|begin| *begin > at);
    if let Some((name, begin)) = certificates().find_map(|(name, c)| Some((name, begins(c)?))) {
        return Some(of_file(Code::SignerNotYetValid, format!("{name} is valid from {} on", day(begin))));
    }
    let ends = certificates().filter_map(|(name, c)| Some((name, c.not_after()?)));
    let (name, end) = ends.min_by_key(|(_, end)| *end)?;
    let days = days_until(end, at).filter(|days| *days < SOON)?;
    let in_days = if days == 1 { "1 day".into() } else { format!("{days} days") };
    Some(of_file(Code::SignerEndsSoon, format!("{name} ends in {in_days}, on {}", day(end))))
}

fn name(depth: usize, certificate: &Certificate) -> String {
    if depth == 0 { "the signer's certificate".into() } else { format!("the certificate of {}", certificate.subject()) }
}

fn chain(signer: &SignerReport) -> Option<Finding> {
    let [only] = signer.chain.as_slice() else { return None };
    let leads_to_a_root = signer.trust.as_ref().is_some_and(|trust| !trust.path.is_empty());
    if leads_to_a_root || only.is_self_issued() {
        return None;
    }
    let message = format!("the certificate of the signer's issuer, {}, is not in the file", only.issuer());
    Some(of_file(Code::ChainMissing, message))
}

/// Each observation has its code; how much it matters follows from what devices are known to take.
fn observed(seen: &Observation) -> Option<Finding> {
    use Observed as O;
    let (code, severity) = match seen.code {
        // Said by the validity of the chain already.
        O::OutsideValidity => return None,
        O::SeveralSigners => (Code::SeveralSigners, Severity::Warning),
        O::WeakDigest => (Code::WeakDigest, Severity::Warning),
        O::WeakKey => (Code::WeakSignerKey, Severity::Warning),
        O::CaSigner | O::KeyUsage => (Code::SignerUnfit, Severity::Warning),
        O::TrailingBytes
        | O::UnreadableCertificate
        | O::NestedSignature
        | O::UncommonContentType
        | O::UncommonAlgorithm
        | O::UnlistedDigest
        | O::UnreadableDigest
        | O::UnreadableRevocation
        | O::UnorderedSignedAttributes
        | O::NotSignedAsDer
        | O::PaddedSerialNumber
        | O::UnsignedAttributes => (Code::SignatureForm, Severity::Warning),
        O::BerEncoding
        | O::DuplicateCertificates
        | O::RootIncluded
        | O::NoSignedAttributes
        | O::NoSigningTime
        | O::OddSigningTime
        | O::UnknownCriticalExtension => (Code::SignatureForm, Severity::Note),
    };
    Some(of_file(code, seen.message.clone()).of_severity(severity))
}

/// Whole days, rounded down.
fn days_until(end: SystemTime, at: SystemTime) -> Option<i64> {
    let whole = |length: Duration| i64::try_from(length.as_secs() / DAY).ok();
    match end.duration_since(at) {
        Ok(left) => whole(left),
        Err(past) => whole(past.duration()).map(|days| -days - 1),
    }
}

/// As in `2026-12-31`, UTC.
fn day(moment: SystemTime) -> String {
    OffsetDateTime::from(moment).date().to_string()
}

/// A certificate that ends in fewer days than this is told.
const SOON: i64 = 30;
const DAY: u64 = 24 * 60 * 60;

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;
    use crate::{
        Identity, Profile, Target, TrustStore,
        inspect::Inspector,
        pki::{Authority, KeySpec, Leaf, Validity},
    };

    const START: Duration = Duration::from_secs(1_700_000_000);

    fn days(count: u64) -> SystemTime {
        UNIX_EPOCH + START + Duration::from_secs(count * DAY)
    }

    fn root() -> Authority {
        Authority::new("Root", KeySpec::P256, Validity::days(days(0), 3_650)).unwrap()
    }

    fn signer(authority: &Authority) -> Identity {
        let leaf = Leaf::new("Signer", KeySpec::P256, Validity::days(days(0), 100));
        authority.issue(&leaf).unwrap().identity().unwrap()
    }

    fn signed(identity: &Identity) -> Vec<u8> {
        let mut profile = Profile::new("jp.example.ivi-mdm", "IVI MDM");
        profile.push(crate::Payload::new("com.example.unknown"));
        profile.fill_uuids(crate::UuidSource::Content);
        let options = crate::SignOptions::new(days(1));
        identity.sign_with(&profile, &options).unwrap().into_bytes()
    }

    fn told(bytes: &[u8], at: SystemTime, roots: Option<&TrustStore>) -> Vec<String> {
        let inspection = Inspector::new(Target::default(), at, roots).inspect(bytes).unwrap();
        let of_file = inspection.findings.iter().filter(|finding| finding.path == KeyPath::root());
        of_file.map(|finding| format!("{} {}: {}", finding.severity, finding.code, finding.message)).collect()
    }

    #[test]
    fn a_good_signature_that_a_root_vouches_for_has_no_finding() {
        let root = root();
        let roots = TrustStore::from_pem(&root.certificate_pem().unwrap()).unwrap();
        assert_eq!(told(&signed(&signer(&root)), days(2), Some(&roots)), Vec::<String>::new());
    }

    #[test]
    fn a_damaged_signature_is_an_error_with_the_devices_own() {
        let mut bytes = signed(&signer(&root()));
        let at = bytes.windows(7).position(|window| window == b"IVI MDM").unwrap();
        bytes[at] = b'X';
        let inspection = Inspector::new(Target::default(), days(2), None).inspect(&bytes).unwrap();
        let finding = &inspection.findings[0];
        assert_eq!(
            (finding.code, finding.severity, finding.message.as_str()),
            (Code::SignatureBroken, Severity::Error, "DigestMismatch: the content differs from what was signed")
        );
        assert_eq!(finding.device_error().unwrap().to_string(), "MCProfileErrorDomain 1000");
        assert_eq!(inspection.days_left(days(2)), None);
    }

    #[test]
    fn a_signer_of_another_root_is_not_trusted_and_that_is_asked_only_with_roots() {
        let bytes = signed(&signer(&root()));
        let other = TrustStore::from_pem(&root().certificate_pem().unwrap()).unwrap();
        let with_roots = told(&bytes, days(2), Some(&other));
        assert!(with_roots[0].starts_with("warning SignerNotTrusted: the signer is not trusted"), "{with_roots:?}");
        assert!(!told(&bytes, days(2), None).concat().contains("Trusted"));
    }

    #[test]
    fn a_chain_without_an_issuer_is_a_note_where_no_root_tells_more() {
        let told = told(&signed(&signer(&root())), days(2), None);
        assert_eq!(told, ["note ChainMissing: the certificate of the signer's issuer, CN=Root, is not in the file"]);
    }

    #[test]
    fn a_certificates_end_is_told_thirty_days_before_and_from_then_on() {
        let root = root();
        let roots = TrustStore::from_pem(&root.certificate_pem().unwrap()).unwrap();
        let bytes = signed(&signer(&root));
        let told = |at| told(&bytes, at, Some(&roots)).join("; ");
        assert_eq!(told(days(70)), "");
        assert_eq!(told(days(71)), "note SignerEndsSoon: the signer's certificate ends in 29 days, on 2024-02-22");
        assert_eq!(told(days(101)), "warning SignerExpired: the signer's certificate ended on 2024-02-22");
        let before = UNIX_EPOCH + START - Duration::from_secs(DAY);
        assert!(told(before).starts_with("warning SignerNotYetValid: "), "{}", told(before));
    }

    #[test]
    fn days_left_count_down_to_and_past_the_end() {
        let found =
            crate::verify::verify_bytes(&signed(&signer(&root())), None, &crate::verify::VerifyOptions::new(days(2)));
        let found = found.unwrap();
        assert_eq!(days_left(&found, days(0)), Some(100));
        assert_eq!(days_left(&found, days(100)), Some(0));
        assert_eq!(days_left(&found, days(100) + Duration::from_secs(1)), Some(-1));
    }
}
