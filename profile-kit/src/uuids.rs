//! UUIDs of profiles and payloads: from their content, so that the same input gives the same ones, or random.

use std::collections::HashMap;

use openssl::sha::Sha256;
use plist::{Dictionary, Value};
use uuid::Uuid;

use crate::{Payload, Profile};

/// Where missing UUIDs come from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum UuidSource {
    /// Version 5 (RFC 9562 §5.5). A payload's comes from its identifier, its type and its profile's identifier, so that a
    /// device updates it in place when its settings change (R3); the profile's from its whole content, so that a
    /// changed one is fresh (R2). The same input gives the same UUIDs.
    ///
    /// A UUID of content is a digest of it: who knows everything else can try out short secrets. Choose
    /// [`Random`](UuidSource::Random) for a profile with a guessable password.
    #[default]
    Content,
    /// Version 4 (RFC 9562 §5.4), from the system's randomness.
    Random,
}

impl Profile {
    /// Gives a UUID to each payload that has none, then to the profile if it has none.
    pub fn fill_uuids(&mut self, source: UuidSource) {
        let identifier = self.identifier().to_owned();
        let mut namesakes: HashMap<(Option<String>, Option<String>), u64> = HashMap::new();
        for payload in self.payloads_mut() {
            let name = (payload.identifier().map(str::to_owned), payload.kind().map(str::to_owned));
            let before = namesakes.entry(name).or_default();
            if payload.get(KEY).is_none() {
                let uuid = match source {
                    UuidSource::Content => payload_uuid(&identifier, payload, *before),
                    UuidSource::Random => Uuid::new_v4(),
                };
                payload.insert(KEY, upper(uuid));
            }
            *before += 1;
        }
        if self.get(KEY).is_none() {
            let uuid = match source {
                UuidSource::Content => derived("profile", &[identifier.as_bytes(), &digest(&self.to_dictionary())]),
                UuidSource::Random => Uuid::new_v4(),
            };
            self.set(KEY, upper(uuid)).expect("a UUID breaks none of the promises of a profile");
        }
    }
}

/// `before`: how many payloads of the same identifier and type stand before it.
fn payload_uuid(profile: &str, payload: &Payload, before: u64) -> Uuid {
    let identifier = payload.identifier().unwrap_or_default();
    let kind = payload.kind().unwrap_or_default();
    let parts = [profile.as_bytes(), identifier.as_bytes(), kind.as_bytes(), &before.to_be_bytes()];
    derived("payload", &parts)
}

/// A version 5 UUID of several parts, each bounded by its length; `purpose` keeps uses apart.
pub(crate) fn derived(purpose: &str, parts: &[&[u8]]) -> Uuid {
    let mut name = Vec::new();
    for part in std::iter::once(&purpose.as_bytes()).chain(parts) {
        name.extend_from_slice(&(part.len() as u64).to_be_bytes());
        name.extend_from_slice(part);
    }
    Uuid::new_v5(&NAMESPACE, &name)
}

/// As Apple's tools write them: upper case with hyphens.
pub(crate) fn upper(uuid: Uuid) -> String {
    uuid.as_hyphenated().encode_upper(&mut Uuid::encode_buffer()).to_owned()
}

/// A digest of values that does not depend on how a writer lays them out: kind, length, content, in order.
pub(crate) fn digest(dictionary: &Dictionary) -> [u8; 32] {
    let mut hash = Sha256::new();
    dictionary_into(&mut hash, dictionary);
    hash.finish()
}

fn dictionary_into(hash: &mut Sha256, dictionary: &Dictionary) {
    tagged(hash, b'D', &(dictionary.len() as u64).to_be_bytes());
    for (key, value) in dictionary {
        tagged(hash, b'k', key.as_bytes());
        value_into(hash, value);
    }
}

fn value_into(hash: &mut Sha256, value: &Value) {
    match value {
        Value::Dictionary(inner) => dictionary_into(hash, inner),
        Value::Array(items) => {
            tagged(hash, b'A', &(items.len() as u64).to_be_bytes());
            items.iter().for_each(|item| value_into(hash, item));
        }
        Value::String(text) => tagged(hash, b's', text.as_bytes()),
        Value::Data(bytes) => tagged(hash, b'd', bytes),
        Value::Boolean(flag) => tagged(hash, b'b', &[u8::from(*flag)]),
        Value::Integer(number) => tagged(hash, b'i', number.to_string().as_bytes()),
        Value::Real(number) => tagged(hash, b'r', &number.to_bits().to_be_bytes()),
        Value::Date(date) => tagged(hash, b't', date.to_xml_format().as_bytes()),
        other => tagged(hash, b'?', format!("{other:?}").as_bytes()),
    }
}

fn tagged(hash: &mut Sha256, tag: u8, content: &[u8]) {
    hash.update(&[tag]);
    hash.update(&(content.len() as u64).to_be_bytes());
    hash.update(content);
}

const KEY: &str = "PayloadUUID";

/// This project's own namespace, chosen once at random.
const NAMESPACE: Uuid = Uuid::from_u128(0x7c1f_0e52_93d4_4b6a_8e0d_5a1b_6f27_c348);

#[cfg(test)]
mod tests {
    use super::*;

    fn profile(name: &str) -> Profile {
        let mut profile = Profile::new("jp.example.ivi-mdm", name);
        profile.push(Payload::new("com.apple.applicationaccess"));
        profile.fill_uuids(UuidSource::Content);
        profile
    }

    #[test]
    fn the_same_content_gets_the_same_uuids() {
        assert_eq!(profile("IVI MDM"), profile("IVI MDM"));
    }

    #[test]
    fn another_content_gets_another_top_level_uuid_and_keeps_its_payload_uuids() {
        let (one, other) = (profile("IVI MDM"), profile("IVI MDM 2"));
        assert_ne!(one.uuid(), other.uuid());
        assert_eq!(one.payloads()[0].uuid(), other.payloads()[0].uuid());
    }

    #[test]
    fn a_payload_keeps_its_uuid_when_its_settings_change_and_namesakes_differ() {
        let with = |allowed: bool| {
            let mut profile = Profile::new("jp.example.ivi-mdm", "IVI MDM");
            for _ in 0..2 {
                let mut payload = Payload::new("com.apple.applicationaccess");
                payload.insert("PayloadIdentifier", "x");
                payload.insert("allowSafari", allowed);
                profile.push(payload);
            }
            profile.fill_uuids(UuidSource::Content);
            profile
        };
        let (one, other) = (with(true), with(false));
        assert_eq!(one.payloads()[0].uuid(), other.payloads()[0].uuid());
        assert_ne!(one.payloads()[0].uuid(), one.payloads()[1].uuid());
        assert_ne!(one.uuid(), other.uuid());
    }

    #[test]
    fn a_uuid_that_is_there_stays() {
        let mut profile = Profile::new("jp.example.ivi-mdm", "IVI MDM");
        profile.set("PayloadUUID", "chosen").expect("a string");
        profile.fill_uuids(UuidSource::Random);
        assert_eq!(profile.uuid(), Some("chosen"));
    }

    #[test]
    fn random_uuids_are_version_4() {
        let mut profile = Profile::new("jp.example.ivi-mdm", "IVI MDM");
        profile.fill_uuids(UuidSource::Random);
        let uuid = Uuid::parse_str(profile.uuid().expect("filled")).expect("a UUID");
        assert_eq!(uuid.get_version_num(), 4);
    }
}
