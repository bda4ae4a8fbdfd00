//! What the settings of payloads hold and refer to.

use std::collections::HashSet;

use plist::Value;

use super::{Code, Finding, Findings, Severity};
use crate::{Certificate, Payload, Profile, key_path::Trail};

pub(super) fn check(profile: &Profile, findings: &mut Findings) {
    for (place, payload) in profile.placed() {
        certificate(payload, &place, findings);
    }
    references(profile, findings);
}

/// DER starts with a SEQUENCE; a certificate is read, a PKCS#12 archive would need its password.
fn certificate(payload: &Payload, place: &Trail<'_>, findings: &mut Findings) {
    let Some(Value::Data(bytes)) = payload.get("PayloadContent") else { return };
    let holds = match payload.kind() {
        Some("com.apple.security.root" | "com.apple.security.pkcs1" | "com.apple.security.pem") => {
            let is_der = bytes.first() == Some(&0x30) && Certificate::from_der(bytes).is_ok();
            is_der || Certificate::from_pem(bytes).is_ok()
        }
        Some("com.apple.security.pkcs12") => bytes.first() == Some(&0x30),
        _ => true,
    };
    if !holds {
        let path = place.key("PayloadContent");
        findings.push(Finding::new(Code::CertificateUnreadable, path, "holds no certificate that can be read"));
    }
}

fn references(profile: &Profile, findings: &mut Findings) {
    let uuids: HashSet<String> =
        profile.payloads().iter().filter_map(Payload::uuid).map(str::to_ascii_lowercase).collect();
    for (place, payload) in profile.placed() {
        place.walk_keys(payload.entries(), &mut |value, place| match value {
            Value::String(uuid)
                if place.last_key().is_some_and(|key| REFERENCES.contains(&key))
                    && !uuids.contains(&uuid.to_ascii_lowercase()) =>
            {
                let message = || format!("refers to {uuid:?}, and no payload of the profile has this UUID");
                findings.push_at(Code::DanglingReference, Severity::Warning, place, message);
            }
            _ => {}
        });
    }
}

/// Keys whose values are UUIDs of certificate or identity payloads in the same profile.
const REFERENCES: &[&str] =
    &["PayloadCertificateUUID", "PayloadCertificateAnchorUUID", "IdentityCertificateUUID", "CertificateUUID"];
