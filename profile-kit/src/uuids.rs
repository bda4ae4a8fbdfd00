//! UUIDs of profiles and payloads: from their content, so that the same input gives the same ones, or random.

use std::collections::BTreeMap;

use openssl::sha::{Sha1, Sha256};
use uuid::Uuid;

use crate::{
    Payload, Profile, Result,
    document::{self, Part},
    sha256::sha256,
};

/// Where missing UUIDs come from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum UuidSource {
    /// Version 5 (RFC 9562 §5.5). A payload's comes from its identifier, its type and its profile's identifier, so that a
    /// device updates it in place when its settings change (R3); the profile's from its whole content, so that a
    /// changed one is fresh (R2): from the SHA-256 of its XML, in which its own UUID is nil. The same input gives the
    /// same UUIDs.
    ///
    /// A UUID of content is a digest of it: who knows everything else can try out short secrets. Choose
    /// [`Random`](UuidSource::Random) for a profile with a guessable password. What
    /// [`encrypt`](crate::encrypt::encrypt) fills in for an encrypted profile is no such digest.
    #[default]
    Content,
    /// Version 4 (RFC 9562 §5.4), from the system's randomness.
    Random,
}

impl Profile {
    /// Gives a UUID to each payload that has none, then to the profile if it has none.
    pub fn fill_uuids(&mut self, source: UuidSource) {
        let Missing { payloads, profile } = Missing::of(self, source);
        self.put_payload_uuids(payloads);
        if let Some(uuid) = profile {
            self.set(KEY, uuid).expect("a UUID breaks none of the promises of a profile");
        }
    }

    /// Gives a UUID of its identifier to each payload that has none: it does not depend on what else the payload holds.
    pub(crate) fn fill_payload_uuids(&mut self) {
        let payloads = of_payloads(self, UuidSource::Content);
        self.put_payload_uuids(payloads);
    }

    fn put_payload_uuids(&mut self, uuids: Vec<Option<String>>) {
        for (payload, uuid) in self.payloads_mut().iter_mut().zip(uuids) {
            if let Some(uuid) = uuid {
                payload.insert(KEY, uuid);
            }
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
    fn of(profile: &Profile, source: UuidSource) -> Self {
        let mut missing = Self::but_own(profile, source);
        if missing.profile.is_some() {
            let uuid = match source {
                UuidSource::Content => {
                    put_own(profile.identifier(), &mut any_xml(&profile.parts(&missing)), &Beginning::default()).0
                }
                UuidSource::Random => upper(Uuid::new_v4()),
            };
            missing.profile = Some(uuid);
        }
        missing
    }

    /// With [`NIL`] for the profile's own, where it has none.
    fn but_own(profile: &Profile, source: UuidSource) -> Self {
        let own = profile.get(KEY).is_none().then(|| NIL.to_owned());
        Self { payloads: of_payloads(profile, source), profile: own }
    }
}

/// The XML of a profile, with UUIDs from the content where it has none, and its SHA-256 where that came along.
///
/// # Errors
/// As [`Profile::to_xml`].
pub(crate) fn filled_xml(profile: &Profile) -> Result<(String, Option<[u8; 32]>)> {
    let missing = Missing::but_own(profile, UuidSource::Content);
    let mut xml = document::parts_to_xml(&profile.parts(&missing))?;
    let sha256 = missing.profile.map(|_| put_own(profile.identifier(), &mut xml, &Beginning::default()).1);
    Ok((xml, sha256))
}

/// What many XMLs begin with, digested once.
#[derive(Default)]
pub(crate) struct Beginning {
    hash: Sha256,
    /// In bytes.
    length: usize,
}

impl Beginning {
    pub fn of(text: &str) -> Self {
        let mut beginning = Self { length: text.len(), ..Self::default() };
        beginning.hash.update(text.as_bytes());
        beginning
    }
}

/// Derives the UUID of a profile from its XML, in which it is [`NIL`] so far and stands behind everything else, and
/// puts it there. Gives it, and the SHA-256 of the XML: one pass over it is enough for both.
pub(crate) fn put_own(identifier: &str, xml: &mut String, beginning: &Beginning) -> (String, [u8; 32]) {
    let before = xml.strip_suffix(BEHIND_OWN).and_then(|xml| xml.strip_suffix(NIL));
    let start = before.expect("the profile's UUID is nil and its last key").len();
    let own = start..start + NIL.len();
    let mut hash = beginning.hash.clone();
    hash.update(&xml.as_bytes()[beginning.length..own.start]);
    let mut with_nil = hash.clone();
    with_nil.update(&xml.as_bytes()[own.start..]);
    let uuid = upper(derived("profile", &[identifier.as_bytes(), &with_nil.finish()]));
    xml.replace_range(own.clone(), &uuid);
    hash.update(&xml.as_bytes()[own.start..]);
    (uuid, hash.finish())
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
    let mut namesakes: BTreeMap<_, u64> = BTreeMap::new();
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

/// `before`: how many payloads of the same identifier and type stand before it.
fn payload_uuid(profile: &str, (identifier, kind): (Option<&str>, Option<&str>), before: u64) -> Uuid {
    let (identifier, kind) = (identifier.unwrap_or_default(), kind.unwrap_or_default());
    let parts = [profile.as_bytes(), identifier.as_bytes(), kind.as_bytes(), &before.to_be_bytes()];
    derived("payload", &parts)
}

/// A version 5 UUID of several parts, each bounded by its length; `purpose` keeps uses apart.
pub(crate) fn derived(purpose: &str, parts: &[&[u8]]) -> Uuid {
    let lengths = parts.iter().map(|part| part.len() + 8).sum::<usize>();
    let mut name = Vec::with_capacity(NAMESPACE.as_bytes().len() + 8 + purpose.len() + lengths);
    name.extend_from_slice(NAMESPACE.as_bytes());
    for part in std::iter::once(&purpose.as_bytes()).chain(parts) {
        name.extend_from_slice(&(part.len() as u64).to_be_bytes());
        name.extend_from_slice(part);
    }
    // RFC 9562 §5.5, by OpenSSL, which uses what the processor has for SHA-1.
    let mut hash = Sha1::new();
    hash.update(&name);
    let [digest @ .., _, _, _, _] = hash.finish();
    uuid::Builder::from_sha1_bytes(digest).into_uuid()
}

/// As Apple's tools write them: upper case with hyphens.
pub(crate) fn upper(uuid: Uuid) -> String {
    uuid.as_hyphenated().encode_upper(&mut Uuid::encode_buffer()).to_owned()
}

/// A digest of values, however a file lays them out: of their XML.
pub(crate) fn digest(whole: &Part<'_>) -> [u8; 32] {
    sha256(any_xml(whole).as_bytes())
}

/// XML to be digested and never read: what XML cannot hold stands in it all the same.
fn any_xml(whole: &Part<'_>) -> String {
    document::parts_to_xml_around(whole, |text, other, _| text.push_str(&format!("<{other:?}/>")))
}

/// Apple's key of a UUID.
pub(crate) const KEY: &str = "PayloadUUID";

/// Stands for a profile's own UUID until that is derived (RFC 9562 §5.9).
pub(crate) const NIL: &str = "00000000-0000-0000-0000-000000000000";

/// What stands behind the UUID of a profile in XML where that is its last key.
const BEHIND_OWN: &str = "</string>\n</dict>\n</plist>\n";

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
    fn the_uuid_of_a_profile_is_derived_from_its_xml_with_nil_for_it() {
        let profile = profile("IVI MDM");
        let uuid = profile.uuid().unwrap();
        let with_nil = String::from_utf8(profile.to_xml().unwrap()).unwrap().replace(uuid, NIL);
        let derived = derived("profile", &[b"jp.example.ivi-mdm", &sha256(with_nil.as_bytes())]);
        assert_eq!(uuid, upper(derived));
    }

    #[test]
    fn xml_that_is_filled_while_it_is_written_is_that_of_a_filled_profile_and_comes_with_its_digest() {
        let mut bare = Profile::new("jp.example.ivi-mdm", "IVI MDM");
        bare.push(Payload::new("com.apple.applicationaccess"));
        let mut named = bare.clone();
        named.set(KEY, "chosen").expect("a string");
        let mut keys = bare.to_dictionary();
        keys.retain(|key, _| key != "PayloadContent");
        keys.insert("EncryptedPayloadContent".into(), plist::Value::Data(vec![0x30]));
        let mut encrypted = Profile::from_dictionary(keys).expect("encrypted content is enough");
        encrypted.push(Payload::new("com.apple.applicationaccess"));
        for profile in [bare, named, encrypted] {
            let (xml, digest) = filled_xml(&profile).unwrap();
            let mut filled = profile.clone();
            filled.fill_uuids(UuidSource::Content);
            assert_eq!(xml.as_bytes(), filled.to_xml().unwrap());
            assert_eq!(digest, profile.uuid().is_none().then(|| sha256(xml.as_bytes())));
        }
    }

    #[test]
    fn what_xml_cannot_hold_is_digested_all_the_same() {
        let with = |value: plist::Value| {
            let mut profile = Profile::new("jp.example.ivi-mdm", "IVI MDM");
            profile.set("Hint", value).expect("any value");
            profile.fill_uuids(UuidSource::Content);
            profile.uuid().map(str::to_owned)
        };
        let uid = |number| plist::Value::Uid(plist::Uid::new(number));
        let all = [with(uid(1)), with(uid(2)), with("a\0".into()), with("a".into()), with("<Uid(1)/>".into())];
        let different: std::collections::BTreeSet<_> = all.iter().collect();
        assert_eq!(different.len(), all.len());
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
