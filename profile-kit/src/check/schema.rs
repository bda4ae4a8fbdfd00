//! Apple's schema held against a profile: types, keys, values, and where they work.
//!
//! Devices take much that the schema does not, so that most of this warns. What every profile and payload must have is
//! the structure's to check, and not told twice.

mod support;
#[cfg(test)]
mod tests;
mod value;

use plist::Value;

use super::{Code, Finding, Findings, Severity};
use crate::{
    InstalledBy, Os, Payload, Platform, Profile, Target,
    document::Entries,
    key_path::Trail,
    removal::PASSWORD_TYPE,
    schema::{self, KeySchema, Keys, PayloadSchema},
};
use support::Thing;

pub(super) fn check(profile: &Profile, target: &Target, findings: &mut Findings) {
    top_level(profile, target, findings);
    for (place, payload) in profile.placed() {
        let Some(kind) = payload.kind() else { continue };
        match ranked(schema::find(kind), payload.entries()).as_slice() {
            [] => unknown_type(kind, &place, target, findings),
            described => Rules::of(described, target, findings).payload(payload, &place),
        }
    }
    several_of_one(profile, target, findings);
}

/// Types and values of top-level keys are the structure's, except what is here.
fn top_level(profile: &Profile, target: &Target, findings: &mut Findings) {
    let described = [schema::top_level()];
    let mut rules = Rules::of(&described, target, findings);
    for name in profile.keys().filter(|name| *name != "PayloadContent") {
        let (Some(value), place) = (profile.get(name), Trail::Key(&Trail::Root, name)) else { continue };
        let Some(key) = schema::top_level().keys.find(name) else {
            rules.unknown(schema::top_level().keys, name, &place);
            continue;
        };
        match (name, value) {
            ("ConsentText", Value::Dictionary(_)) | ("EncryptedPayloadContent", _) => rules.value(key, value, &place),
            _ => {}
        }
        if name != LOCK {
            rules.supported(key, value, &place);
        }
    }
}

/// Where it does not hold is told by the rules of removal.
const LOCK: &str = "PayloadRemovalDisallowed";

fn unknown_type(kind: &str, place: &Trail<'_>, target: &Target, findings: &mut Findings) {
    // One of Apple's files has another name than the type in it: either may be meant.
    let is_file = |near: &&str| schema::find(near).iter().any(|described| described.file == kind);
    // A Mac takes the settings of any program for a payload: on it, and where nothing is known, most names may be right.
    let elsewhere = target.platform.filter(|platform| *platform != Platform::Macos);
    let place = Trail::Key(place, "PayloadType");
    match (schema::near(kind).filter(|near| !is_file(near)), elsewhere) {
        (Some(near), _) => {
            let message = || format!("{kind:?} is no known type, and near {near:?}: devices ignore the payload");
            findings.push_at(Code::TypeMisspelt, Severity::Warning, &place, message);
        }
        (None, Some(platform)) => {
            let message = || format!("{kind:?} is no type of Apple's schema: {platform} ignores the payload");
            let severity = if kind.starts_with("com.apple.") { Severity::Warning } else { Severity::Note };
            findings.push_at(Code::TypeUnknown, severity, &place, message);
        }
        (None, None) => {}
    }
}

/// The descriptions of a type, first the one that a payload fits best: one type may be described for several uses.
fn ranked(described: &'static [PayloadSchema], payload: Entries<'_>) -> Vec<&'static PayloadSchema> {
    let mut ranked: Vec<_> = described.iter().collect();
    if ranked.len() > 1 {
        ranked.sort_by_cached_key(|described| misfits(described, payload));
    }
    ranked
}

/// How many keys of a payload a description does not have, or has otherwise; where that is equal, how few it names.
fn misfits(described: &PayloadSchema, payload: Entries<'_>) -> (usize, usize) {
    let unfit = |(name, value): &(&str, &Value)| {
        let key = described.keys.find(name).or(described.keys.any());
        !is_common(name) && key.is_none_or(|key| !key.kind.fits(value) || !value::is_allowed(key, value))
    };
    let named = |(name, _): &(&str, &Value)| described.keys.find(name).is_some_and(|key| !key.values.is_empty());
    let named = payload.iter().filter(named).count();
    (payload.iter().filter(unfit).count(), payload.len() - named)
}

fn is_common(name: &str) -> bool {
    schema::common().keys.find(name).is_some()
}

/// What is held against one payload, or the top level.
struct Rules<'a> {
    /// The descriptions of the type, the fittest first.
    described: &'a [&'static PayloadSchema],
    thing: Thing<'a>,
    findings: &'a mut Findings,
}

impl<'a> Rules<'a> {
    fn of(described: &'a [&'static PayloadSchema], target: &'a Target, findings: &'a mut Findings) -> Self {
        Self { described, thing: Thing::new(&described[0].support, target), findings }
    }

    fn kind(&self) -> &'static str {
        match self.described[0].kind {
            "TopLevel" => "a profile",
            kind => kind,
        }
    }

    fn payload(&mut self, payload: &Payload, place: &Trail<'_>) {
        // Where a removal password does not work is told by the rules of removal.
        if payload.kind() != Some(PASSWORD_TYPE) {
            let place = Trail::Key(place, "PayloadType");
            self.thing.check(&mut |finding| self.findings.push(finding), &place);
        }
        for (name, value) in payload.entries().iter() {
            let place = Trail::Key(place, name);
            match schema::common().keys.find(name) {
                Some(key) if MORE_THAN_STRUCTURE.contains(&key.name) => self.value(key, value, &place),
                Some(_) => {}
                None => match self.find(name) {
                    // A removal password is the rules of removal's.
                    Some(_) if payload.kind() == Some(PASSWORD_TYPE) => {}
                    Some(key) => self.key(key, value, &place),
                    None => self.unknown(self.described[0].keys, name, &place),
                },
            }
        }
        // Of several descriptions a payload may follow any: what one of them does not require, nothing does.
        let (first, others) = (self.described[0], &self.described[1..]);
        let is_required = |described: &&PayloadSchema, name| described.keys.find(name).is_some_and(|key| key.required);
        let required = first.keys.required();
        let required = required.filter(|key| others.iter().all(|described| is_required(described, key.name)));
        self.missing(required, payload.entries(), place);
    }

    fn find(&self, name: &str) -> Option<&'static KeySchema> {
        let find = |described: &&PayloadSchema| described.keys.find(name).filter(|key| !key.is_any());
        let any = |described: &&PayloadSchema| described.keys.any();
        self.described.iter().find_map(find).or_else(|| self.described.iter().find_map(any))
    }

    fn key(&mut self, key: &'static KeySchema, value: &Value, place: &Trail<'_>) {
        self.supported(key, value, place);
        self.value(key, value, place);
    }

    fn supported(&mut self, key: &'static KeySchema, value: &Value, place: &Trail<'_>) {
        // A value that is the default loses nothing where it is passed over.
        if key.support.iter().len() > 0 && key.default.is_none_or(|default| !default.is(value)) {
            self.thing.key(&key.support).check(&mut |finding| self.findings.push(finding), place);
        }
    }

    fn value(&mut self, key: &'static KeySchema, value: &Value, place: &Trail<'_>) {
        if let Some(fault) = value::fault(key, value) {
            return self.findings.push_at(fault.code, fault.code.severity(), place, fault.message);
        }
        match value {
            Value::Dictionary(keys) => self.dictionary(below(key), keys.into(), place),
            Value::Array(items) => {
                let Some(item) = key.keys.iter().next() else { return };
                let items = items.iter().enumerate();
                items.for_each(|(index, value)| self.key(item, value, &Trail::Index(place, index)));
            }
            _ => {}
        }
    }

    fn dictionary(&mut self, described: Keys, keys: Entries<'_>, place: &Trail<'_>) {
        if described.is_empty() {
            return;
        }
        for (name, value) in keys.iter() {
            let place = Trail::Key(place, name);
            match described.find(name).filter(|key| !key.is_any()).or(described.any()) {
                Some(key) => self.key(key, value, &place),
                None => self.unknown(described, name, &place),
            }
        }
        self.missing(described.required(), keys, place);
    }

    fn missing(&mut self, required: impl Iterator<Item = &'static KeySchema>, keys: Entries<'_>, place: &Trail<'_>) {
        for key in required.filter(|key| !key.is_any() && !keys.contains_key(key.name)) {
            if self.thing.key(&key.support).is_wanted() {
                let (kind, place) = (self.kind(), Trail::Key(place, key.name));
                let message = || format!("is missing, and Apple's schema requires it of {kind}");
                self.findings.push_at(Code::MissingSetting, Severity::Warning, &place, message);
            }
        }
    }

    fn unknown(&mut self, described: Keys, name: &str, place: &Trail<'_>) {
        let kind = self.kind();
        let message = || {
            let near = described.near(name).map(|near| format!("; did you mean {}?", near.name));
            format!("is not a key of {kind}{}", near.unwrap_or_default())
        };
        let severity = if name == OF_OLD { Severity::Note } else { Severity::Warning };
        self.findings.push_at(Code::UnknownKey, severity, place, message);
    }
}

/// The keys of a dictionary's values in a file: some dictionaries of the schema have a level that no file has.
fn below(key: &KeySchema) -> Keys {
    match key.keys.iter().next() {
        Some(only) if only.is_stand_in() => only.keys,
        _ => key.keys,
    }
}

/// Apple's own tools wrote it for years into every payload, and every device passes over it.
const OF_OLD: &str = "PayloadEnabled";

/// Keys of every payload that the structure does not look at.
const MORE_THAN_STRUCTURE: &[&str] = &["PayloadDescription", "PayloadDisplayName", "PayloadOrganization"];

/// Whether a device refuses a payload of a type where it is installed by hand.
pub(crate) fn not_by_hand(kind: &str, os: Os) -> bool {
    let target = Target { installed_by: Some(InstalledBy::Hand), ..Target::from(os) };
    let described = schema::find(kind);
    let bars = |described: &PayloadSchema| {
        let mut found = false;
        let tell = &mut |finding: Finding| found |= finding.code == Code::NotByHand;
        Thing::new(&described.support, &target).check(tell, &Trail::Root);
        found
    };
    !described.is_empty() && described.iter().all(bars)
}

/// Whether a device refuses a second payload of a type.
pub(crate) fn once_only(kind: &str, os: Os) -> bool {
    let [described] = schema::find(kind) else { return false };
    Thing::new(&described.support, &Target::from(os)).when_repeated() == Some(Severity::Error)
}

fn several_of_one(profile: &Profile, target: &Target, findings: &mut Findings) {
    let mut seen = Vec::new();
    for (place, payload) in profile.placed() {
        let Some(kind) = payload.kind() else { continue };
        // Of several removal passwords the rules of removal speak; a type of several uses may be there for each.
        let [described] = schema::find(kind) else { continue };
        if !seen.contains(&kind) {
            seen.push(kind);
        } else if kind != PASSWORD_TYPE
            && let Some(severity) = Thing::new(&described.support, target).when_repeated()
        {
            findings.push_at(Code::SeveralOfOne, severity, &place, || format!("is a second payload of {kind}"));
        }
    }
}
