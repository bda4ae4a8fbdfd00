//! What differs between two profiles, key by key.

use std::{
    collections::{HashMap, VecDeque},
    fmt,
};

use plist::Value;

use crate::{
    KeyPath, Payload, Profile, Step,
    document::{Entries, Part},
    redact::{self, Scope},
    uuids,
};

/// One difference.
#[derive(Clone, PartialEq)]
#[non_exhaustive]
pub struct Difference {
    /// Where: payloads are counted as in the second profile, or as in the first where only that has it.
    pub path: KeyPath,
    /// The value in the first profile, if it is there.
    pub old: Option<Value>,
    /// The value in the second profile, if it is there.
    pub new: Option<Value>,
    /// Whether a key of either payload on the way to it is secret: the two may differ in type and in place.
    pub is_secret: bool,
}

/// The path, and which side has a value: values may be secret.
impl fmt::Debug for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let side = |value: &Option<Value>| value.as_ref().map(|_| format_args!("…"));
        f.debug_struct("Difference")
            .field("path", &format_args!("{}", self.path))
            .field("old", &side(&self.old))
            .field("new", &side(&self.new))
            .field("is_secret", &self.is_secret)
            .finish()
    }
}

/// Every difference between two profiles, in the order of the first one's keys and then the second one's.
///
/// Payloads are the same payload when they share identifier and type, else UUID, else everything, wherever they stand;
/// the order of keys and of payloads is not compared. More than [`MOST_DIFFERENCES`], or as many as have paths of
/// 16 MiB together, are not told.
pub fn diff(old: &Profile, new: &Profile) -> Vec<Difference> {
    let mut differences = Differences::default();
    let (mut top_old, mut top_new) = (old.to_dictionary(), new.to_dictionary());
    top_old.retain(|key, _| key != "PayloadContent");
    top_new.retain(|key, _| key != "PayloadContent");
    entries((&top_old).into(), (&top_new).into(), &mut KeyPath::root(), &mut differences);
    payloads(old.payloads(), new.payloads(), &mut differences);
    differences.list
}

/// More differences than this are not told.
pub const MOST_DIFFERENCES: usize = 10_000;

/// Differences, bounded: paths are as long as a hostile file makes them.
struct Differences {
    list: Vec<Difference>,
    /// Bytes of paths that there is still room for.
    room: usize,
    /// The keys of the two payloads that are compared.
    scopes: [Scope; 2],
}

impl Default for Differences {
    fn default() -> Self {
        Self { list: Vec::new(), room: 16 << 20, scopes: [Scope::UNKNOWN; 2] }
    }
}

impl Differences {
    fn push(&mut self, path: &KeyPath, old: Option<&Value>, new: Option<&Value>) {
        let size = |step: &Step| match step {
            Step::Key(key) => key.len(),
            Step::Index(_) => 0,
        };
        let size: usize = path.0.iter().map(|step| size(step) + size_of::<Step>()).sum();
        if self.list.len() < MOST_DIFFERENCES && size <= self.room {
            self.room -= size;
            let is_secret = self.scopes.iter().any(|scope| scope.hides(redact::below_payload(&path.0)));
            self.list.push(Difference { path: path.clone(), old: old.cloned(), new: new.cloned(), is_secret });
        }
    }
}

fn payloads(old: &[Payload], new: &[Payload], differences: &mut Differences) {
    let content = KeyPath::root().key("PayloadContent");
    let mut unmatched = Unmatched::of(new);
    for (index, payload) in old.iter().enumerate() {
        match unmatched.take(payload) {
            Some(other) => {
                differences.scopes = [payload, &new[other]].map(Scope::of);
                let mut path = content.index(other);
                entries(payload.entries(), new[other].entries(), &mut path, differences);
            }
            None => differences.push(&content.index(index), Some(&whole(payload)), None),
        }
    }
    for (index, payload) in new.iter().enumerate().filter(|(index, _)| !unmatched.taken[*index]) {
        differences.push(&content.index(index), None, Some(&whole(payload)));
    }
}

/// By what two payloads are the same one.
#[derive(PartialEq, Eq, Hash)]
enum Sameness<'a> {
    /// Identifier and type.
    Name(&'a str, Option<&'a str>),
    Uuid(&'a str),
    /// The digest of everything.
    Content([u8; 32]),
}

impl<'a> Sameness<'a> {
    /// The strongest first.
    fn all(payload: &'a Payload) -> impl Iterator<Item = Self> {
        let name = payload.identifier().map(|identifier| Sameness::Name(identifier, payload.kind()));
        let content = Sameness::Content(uuids::digest(&Part::of(payload.entries())));
        name.into_iter().chain(payload.uuid().map(Sameness::Uuid)).chain([content])
    }
}

/// The payloads of the second profile that none of the first one's has met.
struct Unmatched<'a> {
    places: HashMap<Sameness<'a>, VecDeque<usize>>,
    taken: Vec<bool>,
}

impl<'a> Unmatched<'a> {
    fn of(payloads: &'a [Payload]) -> Self {
        let mut places: HashMap<_, VecDeque<usize>> = HashMap::new();
        for (index, payload) in payloads.iter().enumerate() {
            Sameness::all(payload).for_each(|same| places.entry(same).or_default().push_back(index));
        }
        Self { places, taken: vec![false; payloads.len()] }
    }

    /// Takes the first payload that is the same one.
    fn take(&mut self, payload: &'a Payload) -> Option<usize> {
        let Self { places, taken } = self;
        let mut free = |same| {
            let queue = places.get_mut(&same)?;
            std::iter::from_fn(|| queue.pop_front()).find(|index| !taken[*index])
        };
        let index = Sameness::all(payload).find_map(&mut free)?;
        taken[index] = true;
        Some(index)
    }
}

fn whole(payload: &Payload) -> Value {
    Value::Dictionary(payload.to_dictionary())
}

fn entries(old: Entries<'_>, new: Entries<'_>, path: &mut KeyPath, differences: &mut Differences) {
    for (key, value) in old.iter() {
        path.below(Step::Key(key.to_owned()), |path| values(Some(value), new.get(key), path, differences));
    }
    for (key, value) in new.iter().filter(|(key, _)| !old.contains_key(key)) {
        path.below(Step::Key(key.to_owned()), |path| values(None, Some(value), path, differences));
    }
}

fn values(old: Option<&Value>, new: Option<&Value>, path: &mut KeyPath, differences: &mut Differences) {
    match (old, new) {
        (Some(Value::Dictionary(old)), Some(Value::Dictionary(new))) => {
            entries(old.into(), new.into(), path, differences);
        }
        (Some(Value::Array(old)), Some(Value::Array(new))) => {
            for index in 0..old.len().max(new.len()) {
                path.below(Step::Index(index), |path| values(old.get(index), new.get(index), path, differences));
            }
        }
        (Some(old), Some(new)) if same(old, new) => {}
        _ => differences.push(path, old, new),
    }
}

/// Equal, and a NaN equals itself.
fn same(old: &Value, new: &Value) -> bool {
    match (old, new) {
        (Value::Real(old), Value::Real(new)) => old.to_bits() == new.to_bits(),
        _ => old == new,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn profile(ssids: &[&str]) -> Profile {
        let mut profile = Profile::new("jp.example.ivi-mdm", "IVI MDM");
        for ssid in ssids {
            let mut wifi = Payload::new("com.apple.wifi.managed");
            wifi.insert("PayloadIdentifier", format!("jp.example.ivi-mdm.{ssid}"));
            wifi.insert("SSID_STR", *ssid);
            profile.push(wifi);
        }
        profile
    }

    #[test]
    fn a_profile_does_not_differ_from_itself() {
        assert_eq!(diff(&profile(&["a", "b"]), &profile(&["a", "b"])), []);
    }

    #[test]
    fn a_payload_without_identifier_and_uuid_does_not_differ_from_itself() {
        let mut nameless = profile(&["a"]);
        nameless.payloads_mut()[0].remove("PayloadIdentifier");
        assert_eq!(diff(&nameless, &nameless), []);
    }

    #[test]
    fn payloads_are_compared_wherever_they_stand() {
        assert_eq!(diff(&profile(&["a", "b"]), &profile(&["b", "a"])), []);
    }

    #[test]
    fn tells_a_changed_setting_by_its_path() {
        let mut new = profile(&["a"]);
        new.payloads_mut()[0].insert("SSID_STR", "guest");
        let differences = diff(&profile(&["a"]), &new);
        assert_eq!(differences.len(), 1);
        assert_eq!(differences[0].path.to_string(), "PayloadContent[0].SSID_STR");
        assert_eq!(differences[0].new, Some(Value::String("guest".into())));
    }

    #[test]
    fn what_either_of_two_payloads_hides_is_secret_wherever_they_stand() {
        let mut acme = Payload::new("com.apple.security.acme");
        acme.insert("PayloadUUID", "2A6D0F5E-5C0B-4B8E-9F0E-3B0B5A0C7D11");
        acme.insert("ClientIdentifier", "hunter2");
        let mut misspelt = acme.clone();
        misspelt.insert("PayloadType", "com.apple.security.acm");
        misspelt.insert("ClientIdentifier", "hunter3");
        let mut old = profile(&["a"]);
        old.push(acme);
        let mut new = Profile::new("jp.example.ivi-mdm", "IVI MDM");
        new.push(misspelt);
        new.push(old.payloads()[0].clone());
        for (old, new) in [(&old, &new), (&new, &old)] {
            let secret = diff(old, new).into_iter().filter(|difference| difference.is_secret);
            let secret: Vec<_> = secret.map(|difference| difference.path.0.last().cloned()).collect();
            assert_eq!(secret, [Some(Step::Key("ClientIdentifier".into()))]);
        }
    }

    #[test]
    fn tells_a_payload_that_only_one_has() {
        let differences = diff(&profile(&["a", "b"]), &profile(&["b"]));
        assert_eq!(differences.len(), 1);
        assert_eq!((differences[0].path.to_string().as_str(), &differences[0].new), ("PayloadContent[0]", &None));
    }
}
