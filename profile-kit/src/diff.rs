//! What differs between two profiles, key by key.

use plist::{Dictionary, Value};

use crate::{KeyPath, Payload, Profile, Step};

/// One difference.
#[derive(Clone, Debug, PartialEq)]
pub struct Difference {
    /// Where: payloads are counted as in the second profile, or as in the first where only that has it.
    pub path: KeyPath,
    /// The value in the first profile, if it is there.
    pub old: Option<Value>,
    /// The value in the second profile, if it is there.
    pub new: Option<Value>,
}

/// Every difference between two profiles, in the order of the first one's keys and then the second one's.
///
/// Payloads are the same payload when they share identifier and type, else UUID, else everything, wherever they stand;
/// the order of keys and of payloads is not compared.
pub fn diff(old: &Profile, new: &Profile) -> Vec<Difference> {
    let mut differences = Vec::new();
    let (mut top_old, mut top_new) = (old.to_dictionary(), new.to_dictionary());
    top_old.retain(|key, _| key != "PayloadContent");
    top_new.retain(|key, _| key != "PayloadContent");
    dictionaries(&top_old, &top_new, &mut KeyPath::root(), &mut differences);
    payloads(old.payloads(), new.payloads(), &mut differences);
    differences
}

fn payloads(old: &[Payload], new: &[Payload], differences: &mut Vec<Difference>) {
    let content = KeyPath::root().key("PayloadContent");
    let mut unmatched: Vec<usize> = (0..new.len()).collect();
    for (index, payload) in old.iter().enumerate() {
        match find(payload, new, &unmatched) {
            Some(position) => {
                let other = unmatched.remove(position);
                let mut path = content.index(other);
                dictionaries(payload.dictionary(), new[other].dictionary(), &mut path, differences);
            }
            None => differences.push(Difference { path: content.index(index), old: Some(whole(payload)), new: None }),
        }
    }
    for index in unmatched {
        differences.push(Difference { path: content.index(index), old: None, new: Some(whole(&new[index])) });
    }
}

/// The position among the unmatched ones of the payload that is the same one.
fn find(payload: &Payload, new: &[Payload], unmatched: &[usize]) -> Option<usize> {
    let named = |other: &Payload| payload.identifier().is_some() && payload.identifier() == other.identifier();
    let same_name = |&index: &usize| named(&new[index]) && payload.kind() == new[index].kind();
    let same_uuid = |&index: &usize| payload.uuid().is_some() && payload.uuid() == new[index].uuid();
    let equal = |&index: &usize| new[index] == *payload;
    let position = |same: &dyn Fn(&usize) -> bool| unmatched.iter().position(same);
    position(&same_name).or_else(|| position(&same_uuid)).or_else(|| position(&equal))
}

fn whole(payload: &Payload) -> Value {
    Value::Dictionary(payload.dictionary().clone())
}

fn dictionaries(old: &Dictionary, new: &Dictionary, path: &mut KeyPath, differences: &mut Vec<Difference>) {
    for (key, value) in old {
        path.below(Step::Key(key.clone()), |path| values(Some(value), new.get(key), path, differences));
    }
    for (key, value) in new.iter().filter(|(key, _)| !old.contains_key(key)) {
        path.below(Step::Key(key.clone()), |path| values(None, Some(value), path, differences));
    }
}

fn values(old: Option<&Value>, new: Option<&Value>, path: &mut KeyPath, differences: &mut Vec<Difference>) {
    match (old, new) {
        (Some(Value::Dictionary(old)), Some(Value::Dictionary(new))) => dictionaries(old, new, path, differences),
        (Some(Value::Array(old)), Some(Value::Array(new))) => {
            for index in 0..old.len().max(new.len()) {
                path.below(Step::Index(index), |path| values(old.get(index), new.get(index), path, differences));
            }
        }
        (Some(old), Some(new)) if same(old, new) => {}
        _ => differences.push(Difference { path: path.clone(), old: old.cloned(), new: new.cloned() }),
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
    fn tells_a_payload_that_only_one_has() {
        let differences = diff(&profile(&["a", "b"]), &profile(&["b"]));
        assert_eq!(differences.len(), 1);
        assert_eq!((differences[0].path.to_string().as_str(), &differences[0].new), ("PayloadContent[0]", &None));
    }
}
