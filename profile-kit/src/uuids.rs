//! UUIDs of profiles and payloads: from their content, so that the same input gives the same ones, or random.

use std::collections::HashMap;

use openssl::sha::{Sha1, Sha256};
use plist::{Dictionary, Value};
use uuid::Uuid;

use crate::{
    Payload, Profile,
    document::{Part, entries},
};

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
        let Missing { payloads, profile } = Missing::of(self, source);
        for (payload, uuid) in self.payloads_mut().iter_mut().zip(payloads) {
            if let Some(uuid) = uuid {
                payload.insert(KEY, uuid);
            }
        }
        if let Some(uuid) = profile {
            self.set(KEY, uuid).expect("a UUID breaks none of the promises of a profile");
        }
    }
}

/// UUIDs for a profile and its payloads, where they have none.
#[derive(Default)]
pub(crate) struct Missing {
    /// Payload by payload; none at all where each has one.
    pub payloads: Vec<Option<String>>,
    pub profile: Option<String>,
}

impl Missing {
    pub fn of(profile: &Profile, source: UuidSource) -> Self {
        let mut missing = Self { payloads: of_payloads(profile, source), profile: None };
        if profile.get(KEY).is_none() {
            let uuid = match source {
                UuidSource::Content => profile_uuid(profile.identifier(), &digest(&profile.parts(&missing))),
                UuidSource::Random => Uuid::new_v4(),
            };
            missing.profile = Some(upper(uuid));
        }
        missing
    }
}

fn of_payloads(profile: &Profile, source: UuidSource) -> Vec<Option<String>> {
    let lacks = |payload: &Payload| payload.get(KEY).is_none();
    if !profile.payloads().iter().any(lacks) {
        return Vec::new();
    }
    let named = profile.payloads().iter().map(|payload| (payload.identifier(), payload.kind()));
    let uuids = payload_uuids(profile.identifier(), named, source);
    uuids.into_iter().zip(profile.payloads()).map(|(uuid, payload)| lacks(payload).then(|| upper(uuid))).collect()
}

/// A UUID for each payload of a profile, whether it has one or not; payloads come by identifier and type, in order.
pub(crate) fn payload_uuids<'a>(
    profile: &str,
    payloads: impl Iterator<Item = (Option<&'a str>, Option<&'a str>)>,
    source: UuidSource,
) -> Vec<Uuid> {
    let mut namesakes: HashMap<_, u64> = HashMap::new();
    let uuid = |named: (Option<&'a str>, Option<&'a str>)| {
        let before = namesakes.entry(named).or_default();
        let uuid = match source {
            UuidSource::Content => payload_uuid(profile, named, *before),
            UuidSource::Random => Uuid::new_v4(),
        };
        *before += 1;
        uuid
    };
    payloads.map(uuid).collect()
}

/// From the digest of all values but this one.
pub(crate) fn profile_uuid(identifier: &str, digest: &[u8; 32]) -> Uuid {
    derived("profile", &[identifier.as_bytes(), digest])
}

/// `before`: how many payloads of the same identifier and type stand before it.
fn payload_uuid(profile: &str, (identifier, kind): (Option<&str>, Option<&str>), before: u64) -> Uuid {
    let (identifier, kind) = (identifier.unwrap_or_default(), kind.unwrap_or_default());
    let parts = [profile.as_bytes(), identifier.as_bytes(), kind.as_bytes(), &before.to_be_bytes()];
    derived("payload", &parts)
}

/// A version 5 UUID of several parts, each bounded by its length; `purpose` keeps uses apart.
pub(crate) fn derived(purpose: &str, parts: &[&[u8]]) -> Uuid {
    // RFC 9562 §5.5, by OpenSSL, which uses what the processor has for SHA-1.
    let mut hash = Sha1::new();
    hash.update(NAMESPACE.as_bytes());
    for part in std::iter::once(&purpose.as_bytes()).chain(parts) {
        hash.update(&(part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    let [digest @ .., _, _, _, _] = hash.finish();
    uuid::Builder::from_sha1_bytes(digest).into_uuid()
}

/// As Apple's tools write them: upper case with hyphens.
pub(crate) fn upper(uuid: Uuid) -> String {
    uuid.as_hyphenated().encode_upper(&mut Uuid::encode_buffer()).to_owned()
}

/// A digest of values that does not depend on how a writer lays them out.
pub(crate) fn digest(whole: &Part<'_>) -> [u8; 32] {
    let mut bytes = Vec::with_capacity(ROOM);
    digested_part(&mut bytes, whole);
    let mut hash = Sha256::new();
    hash.update(&bytes);
    hash.finish()
}

fn digested_part(bytes: &mut Vec<u8>, part: &Part<'_>) {
    match part {
        Part::Value(value) => digested_value(bytes, value, &mut |bytes, other| {
            tagged(bytes, b'?', format!("{other:?}").as_bytes());
        }),
        Part::Text(text) => tagged(bytes, b's', text.as_bytes()),
        Part::Array(items) => digested_array(bytes, items, digested_part),
        Part::Dictionary(entries) => {
            digested_dictionary(bytes, entries.iter().map(|(key, part)| (*key, part)), digested_part);
        }
    }
}

/// The bytes that are digested of a dictionary: kind, length, content, in order. Values of kinds that a profile does not
/// have go to `other`.
pub(crate) fn digested<F: FnMut(&mut Vec<u8>, &Value)>(bytes: &mut Vec<u8>, dictionary: &Dictionary, other: &mut F) {
    digested_dictionary(bytes, entries(dictionary), |bytes, value| digested_value(bytes, value, other));
}

/// The bytes that are digested of a value.
pub(crate) fn digested_value<F: FnMut(&mut Vec<u8>, &Value)>(bytes: &mut Vec<u8>, value: &Value, other: &mut F) {
    match value {
        Value::Dictionary(inner) => digested(bytes, inner, other),
        Value::Array(items) => digested_array(bytes, items, |bytes, item| digested_value(bytes, item, other)),
        Value::String(text) => tagged(bytes, b's', text.as_bytes()),
        Value::Data(data) => tagged(bytes, b'd', data),
        Value::Boolean(flag) => tagged(bytes, b'b', &[u8::from(*flag)]),
        Value::Integer(number) => tagged(bytes, b'i', number.to_string().as_bytes()),
        Value::Real(number) => tagged(bytes, b'r', &number.to_bits().to_be_bytes()),
        Value::Date(date) => tagged(bytes, b't', date.to_xml_format().as_bytes()),
        _ => other(bytes, value),
    }
}

fn digested_array<'i, T: 'i>(bytes: &mut Vec<u8>, items: &'i [T], mut digested: impl FnMut(&mut Vec<u8>, &'i T)) {
    tagged(bytes, b'A', &(items.len() as u64).to_be_bytes());
    items.iter().for_each(|item| digested(bytes, item));
}

fn digested_dictionary<'k, T>(
    bytes: &mut Vec<u8>,
    entries: impl ExactSizeIterator<Item = (&'k str, T)>,
    mut digested: impl FnMut(&mut Vec<u8>, T),
) {
    tagged(bytes, b'D', &(entries.len() as u64).to_be_bytes());
    for (key, value) in entries {
        tagged(bytes, b'k', key.as_bytes());
        digested(bytes, value);
    }
}

fn tagged(bytes: &mut Vec<u8>, tag: u8, content: &[u8]) {
    bytes.push(tag);
    bytes.extend_from_slice(&(content.len() as u64).to_be_bytes());
    bytes.extend_from_slice(content);
}

/// Apple's key of a UUID.
pub(crate) const KEY: &str = "PayloadUUID";

/// Bytes that most profiles need at least.
const ROOM: usize = 4 << 10;

/// This project's own namespace, chosen once at random.
const NAMESPACE: Uuid = Uuid::from_u128(0x7c1f_0e52_93d4_4b6a_8e0d_5a1b_6f27_c348);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Payload;

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
    fn what_is_derived_is_a_version_5_uuid_of_the_parts_with_their_lengths() {
        let name = [&7_u64.to_be_bytes(), b"purpose".as_slice(), &1_u64.to_be_bytes(), b"x"].concat();
        assert_eq!(derived("purpose", &[b"x"]), Uuid::new_v5(&NAMESPACE, &name));
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
