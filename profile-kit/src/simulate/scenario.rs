//! Reading a scenario's TOML.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use serde::Deserialize;
use time::{OffsetDateTime, format_description::well_known::Rfc3339};
use toml::Spanned;

use super::{
    Scenario,
    console::{OverwriteOf, Practice},
    expect::{Expected, What},
    keys::KeyWish,
    names::{NONE, Names},
    profiles::{RawProfile, Read, profiles},
    step::{FormWord, RawStep, expected},
    text::Text,
};
use crate::{Device, Enrolment, Os, OsVersion, Platform, Policies, Result, spec};

/// A scenario as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    format: Spanned<u64>,
    title: String,
    #[serde(default)]
    about: String,
    start: Option<Spanned<toml::value::Datetime>>,
    #[serde(default)]
    service: Service,
    device: RawDevice,
    #[serde(default)]
    console: RawConsole,
    #[serde(default)]
    identity: BTreeMap<Spanned<String>, RawKey>,
    #[serde(default)]
    profile: BTreeMap<String, Spanned<RawProfile>>,
    step: Vec<RawStep>,
    end: Option<Spanned<String>>,
}

#[derive(Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Service {
    #[default]
    Hybrid,
    Ivi,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawDevice {
    #[serde(default)]
    platform: PlatformWord,
    os: Spanned<String>,
    supervised: bool,
    #[serde(default)]
    enrolment: EnrolmentWord,
    preset: Option<Spanned<String>>,
    #[serde(default)]
    policies: BTreeMap<String, Spanned<String>>,
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum PlatformWord {
    #[default]
    Ios,
    Macos,
    Tvos,
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum EnrolmentWord {
    #[default]
    Device,
    User,
    SharedIpad,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawConsole {
    signer: Option<Spanned<String>>,
    #[serde(default)]
    overwrite_of: OverwriteOf,
    #[serde(default)]
    form: FormWord,
    #[serde(default)]
    after_forced: AfterForced,
}

#[derive(Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum AfterForced {
    #[default]
    Final,
    EnrolAgain,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawKey {
    key_of: Option<Spanned<String>>,
    issuer: Option<String>,
    days: Option<u32>,
}

/// Reads a scenario.
pub(super) fn parse(text: &str, read: Read<'_>) -> Result<Scenario> {
    let raw: Raw = toml::from_str(text).map_err(|cause| spec::syntax(text, &cause))?;
    spec::known_format(text, &raw.format)?;
    let place = Text(text);
    let keys = keys(raw.identity, place)?;
    let hybrid = raw.service == Service::Hybrid;
    let profiles = profiles(raw.profile, hybrid, place, read)?;
    let names = Names { keys: &keys, profiles: &profiles };
    let steps = raw.step.iter().map(|step| step.step(place, &names)).collect::<Result<_>>()?;
    let practice = raw.console.practice(&names, place)?;
    let end = raw.end.map(|word| end(&word, place)).transpose()?;
    let (device, start) = (raw.device.device(place)?, start(raw.start, place)?);
    Ok(Scenario { title: raw.title, about: raw.about, start, device, hybrid, practice, keys, profiles, steps, end })
}

fn start(start: Option<Spanned<toml::value::Datetime>>, text: Text<'_>) -> Result<SystemTime> {
    let Some(start) = start else { return Ok(UNIX_EPOCH + Duration::from_secs(DEFAULT_START)) };
    let moment = OffsetDateTime::parse(&start.get_ref().to_string(), &Rfc3339);
    match moment {
        Ok(moment) if (1970..=9999).contains(&moment.year()) => Ok(moment.into()),
        _ => Err(text.wrong(&start, "start is no moment: write 2026-04-01T09:00:00Z")),
    }
}

fn end(word: &Spanned<String>, text: Text<'_>) -> Result<Expected> {
    let end = expected(word.get_ref(), word.span().start, text)?;
    match end.what {
        What::State(_) => Ok(end),
        _ => Err(text.wrong(word, "end is free, removable, locked or needs-wipe")),
    }
}

impl RawDevice {
    fn device(self, text: Text<'_>) -> Result<Device> {
        let version: OsVersion = self.os.get_ref().parse().map_err(|problem| {
            let os = self.os.get_ref();
            text.wrong(&self.os, format!("os = {os:?} {problem}"))
        })?;
        let platform = match self.platform {
            PlatformWord::Ios => Platform::Ios,
            PlatformWord::Macos => Platform::Macos,
            PlatformWord::Tvos => Platform::Tvos,
        };
        let mut device = Device::new(Os { platform, version }, self.supervised);
        device.enrolment = match self.enrolment {
            EnrolmentWord::Device => Enrolment::Device,
            EnrolmentWord::User => Enrolment::User,
            EnrolmentWord::SharedIpad => Enrolment::SharedIpad,
        };
        if let Some(preset) = &self.preset {
            device.policies = named_preset(preset, text)?;
        }
        for (name, value) in &self.policies {
            let set = device.policies.set(name, value.get_ref());
            set.map_err(|problem| text.wrong(value, problem.to_string()))?;
        }
        Ok(device)
    }
}

fn named_preset(name: &Spanned<String>, text: Text<'_>) -> Result<Policies> {
    let presets = Policies::presets();
    let found = presets.iter().find(|(known, _)| known == name.get_ref());
    found.map(|(_, policies)| *policies).ok_or_else(|| {
        let known: Vec<_> = presets.iter().map(|(known, _)| *known).collect();
        text.wrong(name, format!("preset {:?} is not known: one of {}", name.get_ref(), known.join(", ")))
    })
}

impl RawConsole {
    fn practice(self, names: &Names<'_>, text: Text<'_>) -> Result<Practice> {
        let signer = match &self.signer {
            Some(signer) => names.key(signer, text)?,
            None => Some(SIGNER.into()),
        };
        Ok(Practice {
            signer,
            identifier: None,
            overwrite_of: self.overwrite_of,
            form: self.form.into(),
            takes_back: self.after_forced == AfterForced::EnrolAgain,
            lost: BTreeSet::new(),
        })
    }
}

fn keys(raw: BTreeMap<Spanned<String>, RawKey>, text: Text<'_>) -> Result<BTreeMap<String, KeyWish>> {
    let mut keys = BTreeMap::from([(SIGNER.to_owned(), KeyWish::default())]);
    let mut borrowed = Vec::new();
    for (name, RawKey { key_of, issuer, days }) in raw {
        if name.get_ref() == NONE {
            return Err(text.wrong(&name, "no identity can be called \"none\": it says that nothing is signed"));
        }
        let wish = KeyWish { key_of: key_of.as_ref().map(|other| other.get_ref().clone()), issuer, days };
        keys.insert(name.into_inner(), wish);
        borrowed.extend(key_of);
    }
    let has_own = |name: &String| keys.get(name).is_some_and(|wish| wish.key_of.is_none());
    match borrowed.iter().find(|other| !has_own(other.get_ref())) {
        None => Ok(keys),
        Some(other) => {
            let problem = format!("key_of: no identity with a key of its own is called {:?}", other.get_ref());
            Err(text.wrong(other, problem))
        }
    }
}

/// The identity that is always there.
const SIGNER: &str = "signer";
/// 2026-04-01T00:00:00Z.
const DEFAULT_START: u64 = 1_775_001_600;
