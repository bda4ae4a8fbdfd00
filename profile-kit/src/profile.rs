//! A configuration profile as plain data.

use std::borrow::Cow;

use plist::{Dictionary, Value};

use crate::{
    DeviceError, Error, KeyPath, Payload, Place, Result,
    device_error::Domain,
    document::{self, Keys, Part, extended},
    key_path::Trail,
    uuids::{self, Missing},
};

/// Apple's top-level `Configuration` dictionary.
///
/// Keeps what it does not know: unknown keys, their order, and every payload as it was.
/// It always has a non-empty `PayloadIdentifier`, the `PayloadType` `Configuration`, and either
/// `PayloadContent` (an array of dictionaries) or `EncryptedPayloadContent` (data).
/// Everything else may be wrong in it: [`check`](crate::check) tells.
#[derive(Clone, Debug, PartialEq)]
pub struct Profile {
    /// All top-level keys in order; `PayloadContent` is an empty array that marks its place.
    keys: Keys,
    payloads: Vec<Payload>,
}

impl Profile {
    /// A profile without payloads, removable, its UUIDs not chosen yet (see
    /// [`fill_uuids`](Profile::fill_uuids); signing fills them from the content).
    pub fn new(identifier: &str, display_name: &str) -> Self {
        let mut keys = Keys::with_room();
        keys.push("PayloadContent".into(), Value::Array(Vec::new()));
        keys.push("PayloadDisplayName".into(), display_name.into());
        keys.push("PayloadIdentifier".into(), identifier.into());
        keys.push("PayloadType".into(), CONFIGURATION.into());
        keys.push("PayloadVersion".into(), Value::Integer(1.into()));
        Self { keys, payloads: Vec::new() }
    }

    /// Takes a whole dictionary as a profile.
    ///
    /// # Errors
    /// [`Error::NotAProfile`] where one of the promises above does not hold.
    pub fn from_dictionary(mut keys: Dictionary) -> Result<Self> {
        match keys.get("PayloadType") {
            Some(Value::String(kind)) if kind == CONFIGURATION => {}
            Some(Value::String(kind)) => {
                let problem = format!("is {kind:?}, not \"{CONFIGURATION}\"");
                return Err(not_a_profile("PayloadType", problem, UNKNOWN_TYPE));
            }
            Some(_) => return Err(not_a_profile("PayloadType", "is not a string".into(), WRONG_TYPE)),
            None => {
                return Err(not_a_profile("PayloadType", "is missing: not a configuration profile".into(), MISSING));
            }
        }
        match keys.get("PayloadIdentifier") {
            Some(Value::String(identifier)) if !identifier.is_empty() => {}
            Some(Value::String(_)) => return Err(not_a_profile("PayloadIdentifier", "is empty".into(), MISSING)),
            Some(_) => return Err(not_a_profile("PayloadIdentifier", "is not a string".into(), WRONG_TYPE)),
            None => return Err(not_a_profile("PayloadIdentifier", "is missing".into(), MISSING)),
        }
        let encrypted = matches!(keys.get("EncryptedPayloadContent"), Some(Value::Data(_)));
        let payloads = match keys.get_mut("PayloadContent") {
            Some(Value::Array(items)) => payloads_of(std::mem::take(items))?,
            Some(_) => return Err(not_a_profile("PayloadContent", "is not an array".into(), WRONG_TYPE)),
            None if encrypted => Vec::new(),
            None => return Err(not_a_profile("PayloadContent", "is missing".into(), MISSING)),
        };
        Ok(Self { keys: keys.into(), payloads })
    }

    /// Reads an XML or binary property list. A signed file is refused: verify or unwrap it.
    ///
    /// # Errors
    /// [`Error::Malformed`], [`Error::NotAProfile`], [`Error::AlreadySigned`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        Self::from_dictionary(document::read(bytes)?.into_dictionary()?)
    }

    /// The whole dictionary, payloads in their place.
    pub fn to_dictionary(&self) -> Dictionary {
        let payloads = self.payloads.iter().map(|payload| Value::Dictionary(payload.entries().to_dictionary()));
        let content = ("PayloadContent".to_owned(), Value::Array(payloads.collect()));
        let mut whole = self.keys.entries().to_dictionary();
        if whole.contains_key("PayloadContent") {
            whole.extend([content]);
            return whole;
        }
        // Payloads that were added to an encrypted profile stand in the clear, before all other keys.
        let added = (!self.payloads.is_empty()).then_some(content);
        added.into_iter().chain(whole).collect()
    }

    /// The whole without a copy, payloads in their place, and UUIDs where it lacks them.
    pub(crate) fn parts<'a>(&'a self, missing: &'a Missing) -> Part<'a> {
        let payload = |(index, payload): (usize, &'a Payload)| {
            let given = missing.payloads.get(index).and_then(Option::as_deref);
            Part::Extended(payload.entries(), given.map(|uuid| (uuids::KEY, uuid)))
        };
        let payloads = || Part::Array(self.payloads.iter().enumerate().map(payload).collect());
        let own = missing.profile.as_deref().map(|uuid| (uuids::KEY, uuid));
        let mut whole: Vec<_> = extended(self.keys.entries(), own).collect();
        match whole.iter_mut().find(|(key, _)| *key == "PayloadContent") {
            Some((_, content)) => *content = payloads(),
            // As in `to_dictionary`.
            None if !self.payloads.is_empty() => whole.insert(0, ("PayloadContent", payloads())),
            None => {}
        }
        Part::Dictionary(whole)
    }

    /// An XML property list, as Apple's tools lay it out (tabs, UTF-8).
    ///
    /// # Errors
    /// [`Error::Unwritable`] for what XML cannot hold: control characters, a UID, a date out of years 1 to 9999.
    pub fn to_xml(&self) -> Result<Vec<u8>> {
        document::parts_to_xml(&self.parts(&Missing::default())).map(String::into_bytes)
    }

    /// A binary property list, version 00.
    ///
    /// # Errors
    /// [`Error::Unwritable`].
    pub fn to_binary(&self) -> Result<Vec<u8>> {
        document::to_binary(&self.to_dictionary())
    }

    /// `PayloadIdentifier`: what decides whether a device replaces or adds (fact R1).
    pub fn identifier(&self) -> &str {
        self.text("PayloadIdentifier").unwrap_or_default()
    }

    /// `PayloadUUID`, if it is there and a string.
    pub fn uuid(&self) -> Option<&str> {
        self.text("PayloadUUID")
    }

    /// `PayloadDisplayName`, if it is there and a string.
    pub fn display_name(&self) -> Option<&str> {
        self.text("PayloadDisplayName")
    }

    /// `PayloadOrganization`, if it is there and a string.
    pub fn organization(&self) -> Option<&str> {
        self.text("PayloadOrganization")
    }

    fn text(&self, key: &str) -> Option<&str> {
        self.keys.entries().get(key)?.as_string()
    }

    /// Whether the payloads are hidden in `EncryptedPayloadContent`.
    pub fn is_encrypted(&self) -> bool {
        self.keys.entries().contains_key("EncryptedPayloadContent")
    }

    /// A top-level key; not `PayloadContent`, which [`payloads`](Profile::payloads) shows.
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.keys.entries().get(key).filter(|_| key != "PayloadContent")
    }

    /// The top-level keys in order, `PayloadContent` among them.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        let is_added = !self.payloads.is_empty() && !self.keys.entries().contains_key("PayloadContent");
        is_added.then_some("PayloadContent").into_iter().chain(self.keys.entries().iter().map(|(key, _)| key))
    }

    /// Sets a top-level key: in its place if it is there, else at the end. A literal is not copied.
    ///
    /// # Errors
    /// [`Error::NotAProfile`] where the value would break one of the promises above.
    pub fn set(&mut self, key: impl Into<Cow<'static, str>>, value: impl Into<Value>) -> Result<()> {
        let (key, value) = (key.into(), value.into());
        if !PROMISED.contains(&&*key) {
            self.keys.insert(key, value);
            return Ok(());
        }
        let is_content = key == "PayloadContent";
        let mut whole = self.keys.clone();
        whole.insert(key, value);
        let changed = Self::from_dictionary(whole.into_dictionary())?;
        self.keys = changed.keys;
        if is_content {
            self.payloads = changed.payloads;
        }
        Ok(())
    }

    /// Takes a top-level key away, the others keep their order.
    ///
    /// # Errors
    /// [`Error::NotAProfile`] for a key that every profile has.
    pub fn unset(&mut self, key: &str) -> Result<()> {
        if !PROMISED.contains(&key) {
            self.keys.remove(key);
            return Ok(());
        }
        let mut whole = self.keys.clone();
        whole.remove(key);
        self.keys = Self::from_dictionary(whole.into_dictionary())?.keys;
        // Allowed where the payloads are encrypted: those in the clear beside them go with their key.
        if key == "PayloadContent" {
            self.payloads.clear();
        }
        Ok(())
    }

    /// Visits every value but the payloads as wholes, in order and without a copy; payloads come last.
    pub(crate) fn walk(&self, visit: &mut impl FnMut(&Value, &Trail<'_>)) {
        Trail::Root.walk_keys(self.keys.entries(), visit);
        for (index, payload) in self.payloads.iter().enumerate() {
            Trail::Index(&CONTENT, index).walk_keys(payload.entries(), visit);
        }
    }

    /// The payloads of a type and where each stands, in order.
    pub(crate) fn payloads_of_type<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = (Trail<'static>, &'a Payload)> {
        self.placed().filter(move |(_, payload)| payload.kind() == Some(kind))
    }

    /// The payloads and where each stands, in order.
    pub(crate) fn placed(&self) -> impl Iterator<Item = (Trail<'static>, &Payload)> {
        self.payloads.iter().enumerate().map(|(index, payload)| (Trail::Index(&CONTENT, index), payload))
    }

    /// The payloads in order; none where they are encrypted.
    pub fn payloads(&self) -> &[Payload] {
        &self.payloads
    }

    /// The payloads, to change, add to, or take from.
    pub fn payloads_mut(&mut self) -> &mut Vec<Payload> {
        &mut self.payloads
    }

    /// Adds a payload at the end. Where it has no identifier it gets one below the profile's, from its type
    /// and, where that is taken, a number.
    pub fn push(&mut self, payload: impl Into<Payload>) {
        let mut payload = payload.into();
        if payload.identifier().is_none() {
            let identifier = self.free_identifier(payload.kind().unwrap_or("payload"));
            payload.insert("PayloadIdentifier", identifier);
        }
        self.payloads.push(payload);
    }

    fn free_identifier(&self, kind: &str) -> String {
        let plain = [self.identifier(), ".", kind].concat();
        let identifiers = self.payloads.iter().filter_map(Payload::identifier);
        let mut taken: Vec<u64> = identifiers.filter_map(|identifier| number_behind(&plain, identifier)).collect();
        taken.sort_unstable();
        match taken.iter().fold(1, |free, taken| if *taken == free { free + 1 } else { free }) {
            1 => plain,
            free => format!("{plain}.{free}"),
        }
    }
}

/// The number of an identifier that is another one with a number behind it, as it is written from 2 on; 1 of that itself.
fn number_behind(plain: &str, identifier: &str) -> Option<u64> {
    let (start, rest) = identifier.split_at_checked(plain.len())?;
    let number = match rest.strip_prefix('.') {
        None if rest.is_empty() => 1,
        None => return None,
        Some(digits) if digits.starts_with(['0', '+']) => return None,
        Some(digits) => digits.parse().ok().filter(|number| (2..u64::MAX).contains(number))?,
    };
    start.eq_ignore_ascii_case(plain).then_some(number)
}

fn payloads_of(items: Vec<Value>) -> Result<Vec<Payload>> {
    let payload = |(index, item)| match item {
        Value::Dictionary(dictionary) => Ok(Payload::from_dictionary(dictionary)),
        _ => Err(Error::NotAProfile {
            place: Place::path(KeyPath::root().key("PayloadContent").index(index)),
            problem: "is not a dictionary".into(),
            device: Some(DeviceError::new(Domain::Profile, WRONG_TYPE)),
        }),
    };
    items.into_iter().enumerate().map(payload).collect()
}

fn not_a_profile(key: &str, problem: String, number: u16) -> Error {
    let device = Some(DeviceError::new(Domain::Profile, number));
    Error::NotAProfile { place: Place::path(KeyPath::root().key(key)), problem, device }
}

/// What devices answer (section 4 of the facts).
const MISSING: u16 = 1002;
const WRONG_TYPE: u16 = 1003;
const UNKNOWN_TYPE: u16 = 1017;

const CONFIGURATION: &str = "Configuration";
/// The keys that every profile has, and their substitutes.
const PROMISED: [&str; 4] = ["PayloadType", "PayloadIdentifier", "PayloadContent", "EncryptedPayloadContent"];
/// Where the payloads stand.
const CONTENT: Trail<'static> = Trail::Key(&Trail::Root, "PayloadContent");

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Removal, document::Document, sign::EncodedProfile, template::Template};

    #[test]
    fn a_payload_that_is_added_to_an_encrypted_profile_is_written() {
        let mut keys = Profile::new("x", "x").to_dictionary();
        keys.retain(|key, _| key != "PayloadContent");
        keys.insert("EncryptedPayloadContent".into(), Value::Data(vec![0x30]));
        let mut profile = Profile::from_dictionary(keys).expect("encrypted content is enough");
        profile.set_removal(Removal::Password("hunter2".into()));
        let written = Profile::from_dictionary(profile.to_dictionary()).expect("still a profile");
        assert_eq!(written.removal(), Removal::Password("hunter2".into()));
        for mut profile in [profile, written] {
            assert!(profile.keys().any(|key| key == "PayloadContent"));
            profile.unset("PayloadContent").expect("encrypted content is enough");
            assert!(profile.payloads().is_empty() && profile.keys().all(|key| key != "PayloadContent"));
            assert!(!profile.to_dictionary().contains_key("PayloadContent"));
        }
    }

    #[test]
    fn a_payload_gets_the_first_identifier_that_is_free() {
        let mut profile = Profile::new("x", "x");
        let taken = [
            "X.com.example",
            "x.COM.example.2",
            "x.com.example.04",
            "x.com.example.+5",
            "x.com.example.6.a",
            "x.com.examplé",
        ];
        for identifier in taken {
            let mut payload = Payload::new("com.example");
            payload.insert("PayloadIdentifier", identifier);
            profile.push(payload);
        }
        for kind in ["com.example", "com.example", "com.other"] {
            profile.push(Payload::new(kind));
        }
        let given: Vec<_> = profile.payloads()[taken.len()..].iter().filter_map(Payload::identifier).collect();
        assert_eq!(given, ["x.com.example.3", "x.com.example.4", "x.com.other"]);
    }

    #[test]
    fn its_xml_is_that_of_the_whole_dictionary() {
        let mut profile = Profile::new("x", "a & b");
        profile.push(Payload::new("com.example"));
        let mut keys = profile.to_dictionary();
        keys.retain(|key, _| key != "PayloadContent");
        keys.insert("EncryptedPayloadContent".into(), Value::Data(vec![0x30]));
        let encrypted = Profile::from_dictionary(keys).expect("encrypted content is enough");
        let mut added_to = encrypted.clone();
        added_to.push(Payload::new("com.example"));
        for profile in [profile, encrypted, added_to] {
            assert_eq!(profile.to_xml().unwrap(), document::to_xml(&profile.to_dictionary()).unwrap());
        }
    }

    #[test]
    fn nothing_that_holds_a_profile_prints_its_passwords() {
        let mut profile = Profile::new("x", "x");
        profile.set_removal(Removal::Password("hunter2".into()));
        let bytes = profile.to_xml().expect("plain text");
        let encoded = EncodedProfile::read(bytes.clone()).expect("it was written");
        let document: Document = document::read(&bytes).expect("it was written");
        let template = Template::with_strings(&profile, std::collections::BTreeMap::new()).expect("no placeholders");
        let differences = crate::diff::diff(&profile, &Profile::new("x", "x"));
        let all = format!("{profile:?} {encoded:?} {document:?} {template:?} {differences:?}");
        assert!(!all.contains("hunter2") && !all.contains("104, 117, 110"), "{all}");
    }
}
