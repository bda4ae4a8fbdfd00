//! Settings of the payload types that the library knows.

use std::collections::HashSet;

use plist::Value;

use super::{Code, Finding, Findings};
use crate::{
    Certificate, Error, KeyPath, Payload, Profile,
    payload::{self, AppLock, KnownType, Mdm, TypedPayload},
};

pub(super) fn check(profile: &Profile, findings: &mut Findings) {
    let content = KeyPath::root().key("PayloadContent");
    for (index, payload) in profile.payloads().iter().enumerate() {
        let path = content.index(index);
        let kind = payload.kind();
        if let Some(known) = payload::known_types().iter().find(|known| kind == Some(known.kind)) {
            types(payload, &path, findings);
            keys(payload, known, &path, findings);
        }
        spelling(payload, &path, findings);
        urls(payload, &path, findings);
        certificate(payload, &path, findings);
    }
    several_of_one(profile, &content, findings);
    references(profile, findings);
}

fn types(payload: &Payload, path: &KeyPath, findings: &mut Findings) {
    if let Some(Err(Error::NotAProfile { place, problem })) = payload::check_known(payload) {
        let inner = place.path.unwrap_or_default();
        findings.push(Finding::new(Code::SettingType, path.join(&inner), problem));
    }
}

fn keys(payload: &Payload, known: &KnownType, path: &KeyPath, findings: &mut Findings) {
    for key in payload.dictionary().keys() {
        let settled = payload::is_common(key) || known.keys.iter().any(|known| known.name == key);
        if !settled {
            let message = format!("is not a key of {}", known.kind);
            findings.push(Finding::new(Code::UnknownKey, path.key(key), message));
        }
    }
    for key in known.keys.iter().filter(|key| key.required && payload.get(key.name).is_none()) {
        let message = format!("is missing, and Apple's schema requires it of {}", known.kind);
        findings.push(Finding::new(Code::MissingSetting, path.key(key.name), message));
    }
}

fn spelling(payload: &Payload, path: &KeyPath, findings: &mut Findings) {
    let Some(kind) = payload.kind() else { return };
    let alike = |known: &&KnownType| known.kind != kind && known.kind.eq_ignore_ascii_case(kind.trim());
    if let Some(known) = payload::known_types().iter().find(alike) {
        let message = format!("{kind:?} is not {:?}: devices ignore the payload", known.kind);
        findings.push(Finding::new(Code::TypeMisspelt, path.key("PayloadType"), message));
    }
}

fn urls(payload: &Payload, path: &KeyPath, findings: &mut Findings) {
    if payload.kind() != Some(Mdm::TYPE) {
        return;
    }
    for key in ["ServerURL", "CheckInURL"] {
        let url = payload.get(key).and_then(Value::as_string);
        if url.is_some_and(|url| !url.starts_with("https://")) {
            findings.push(Finding::new(Code::MdmNotHttps, path.key(key), "does not start with https://"));
        }
    }
}

/// DER starts with a SEQUENCE; a certificate is read, a PKCS#12 archive would need its password.
fn certificate(payload: &Payload, path: &KeyPath, findings: &mut Findings) {
    let Some(Value::Data(bytes)) = payload.get("PayloadContent") else { return };
    let holds = match payload.kind() {
        Some("com.apple.security.root" | "com.apple.security.pkcs1" | "com.apple.security.pem") => {
            Certificate::from_der(bytes).is_ok() || Certificate::from_pem(bytes).is_ok()
        }
        Some("com.apple.security.pkcs12") => bytes.first() == Some(&0x30),
        _ => true,
    };
    if !holds {
        let path = path.key("PayloadContent");
        findings.push(Finding::new(Code::CertificateUnreadable, path, "holds no certificate that can be read"));
    }
}

fn several_of_one(profile: &Profile, content: &KeyPath, findings: &mut Findings) {
    let mut seen = HashSet::new();
    for (index, payload) in profile.payloads().iter().enumerate() {
        let Some(kind) = payload.kind().filter(|kind| ONLY_ONE.contains(kind)) else { continue };
        if !seen.insert(kind) {
            let message = format!("is a second payload of {kind}");
            findings.push(Finding::new(Code::SeveralOfOne, content.index(index), message));
        }
    }
}

fn references(profile: &Profile, findings: &mut Findings) {
    let uuids: HashSet<String> =
        profile.payloads().iter().filter_map(Payload::uuid).map(str::to_ascii_lowercase).collect();
    for (place, payload) in profile.placed() {
        place.walk_keys(payload.dictionary(), &mut |value, place| match value {
            Value::String(uuid)
                if !findings.is_full(Code::DanglingReference)
                    && place.last_key().is_some_and(|key| REFERENCES.contains(&key))
                    && !uuids.contains(&uuid.to_ascii_lowercase()) =>
            {
                let message = format!("refers to {uuid:?}, and no payload of the profile has this UUID");
                findings.push(Finding::new(Code::DanglingReference, place.path(), message));
            }
            _ => {}
        });
    }
}

/// Payload types that Apple's schema allows once in a profile (`multiple: false`), as far as they lock or free.
const ONLY_ONE: &[&str] = &[Mdm::TYPE, AppLock::TYPE];

/// Keys whose values are UUIDs of certificate or identity payloads in the same profile.
const REFERENCES: &[&str] =
    &["PayloadCertificateUUID", "PayloadCertificateAnchorUUID", "IdentityCertificateUUID", "CertificateUUID"];
