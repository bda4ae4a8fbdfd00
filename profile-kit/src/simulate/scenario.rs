//! Reading a scenario's TOML.

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    time::{SystemTime, UNIX_EPOCH},
};

use serde::Deserialize;
use time::{OffsetDateTime, format_description::well_known::Rfc3339};
use toml::{Spanned, Table, Value};

use super::{
    Scenario,
    console::{OverwriteOf, Practice},
    keys::KeyWish,
    step::{By, FormWord, RawStep, expected},
};
use crate::{
    Device, Enrolment, Error, InstalledBy, Os, OsVersion, Place, Platform, Policies, Profile, Result, UuidSource,
    document,
    payload::{Mdm, Payload, Restrictions, TypedPayload},
    spec,
    template::Values,
};

/// A profile of a scenario.
#[derive(Clone, Debug)]
pub(super) struct ProfileWish {
    pub profile: Profile,
    /// How it gets onto the device at the enrolment.
    pub by: InstalledBy,
    /// Whether it is signed at its issue.
    pub signed: bool,
}

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
    identity: BTreeMap<String, RawKey>,
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

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawProfile {
    /// A spec in a file, or written here.
    spec: Option<Spanned<SpecWish>>,
    /// A `.mobileconfig` without a signature.
    file: Option<Spanned<String>>,
    identifier: Option<String>,
    display_name: Option<String>,
    removal: Option<Value>,
    restrictions: Option<Table>,
    settings: Option<Table>,
    #[serde(default)]
    by: By,
    signed: Option<bool>,
}

#[derive(Deserialize)]
#[serde(untagged, expecting = "spec is the path of a file, or a table with the keys of a spec")]
enum SpecWish {
    Path(String),
    Inline(Table),
}

type Read<'a> = &'a dyn Fn(&str) -> io::Result<Vec<u8>>;

/// Reads a scenario.
pub(super) fn parse(text: &str, read: Read<'_>) -> Result<Scenario> {
    let raw: Raw = toml::from_str(text).map_err(|cause| spec::syntax(text, &cause))?;
    spec::known_format(text, &raw.format)?;
    let place = Text(text);
    let keys = keys(raw.identity, place)?;
    let hybrid = raw.service == Service::Hybrid;
    let profiles = profiles(raw.profile, hybrid, place, read)?;
    let names = Names { keys: &keys, profiles: &profiles };
    let steps = raw.step.into_iter().map(|step| step.step(place, &names)).collect::<Result<_>>()?;
    let practice = raw.console.practice(&names, place)?;
    let end = raw.end.map(|word| end(&word, place)).transpose()?;
    let (device, start) = (raw.device.device(place)?, start(raw.start, place)?);
    Ok(Scenario { title: raw.title, about: raw.about, start, device, hybrid, practice, keys, profiles, steps, end })
}

/// A scenario's text, to name places in it.
#[derive(Clone, Copy)]
pub(super) struct Text<'a>(&'a str);

impl Text<'_> {
    pub fn wrong<T>(self, at: &Spanned<T>, problem: impl Into<String>) -> Error {
        self.wrong_at(at.span().start, problem)
    }

    pub fn wrong_at(self, offset: usize, problem: impl Into<String>) -> Error {
        spec::at(self.0, offset, problem)
    }

    /// The line of an offset, counted from 1.
    pub fn line(self, offset: usize) -> usize {
        self.0.get(..offset).unwrap_or(self.0).matches('\n').count() + 1
    }
}

/// The names that a scenario gives.
pub(super) struct Names<'a> {
    keys: &'a BTreeMap<String, KeyWish>,
    profiles: &'a BTreeMap<String, ProfileWish>,
}

impl Names<'_> {
    /// An identity's name; `None` for `none`: nothing is signed.
    pub fn key(&self, name: &Spanned<String>, text: Text<'_>) -> Result<Option<String>> {
        match name.get_ref() {
            none if none == "none" => Ok(None),
            known if self.keys.contains_key(known) => Ok(Some(known.clone())),
            other => Err(text.wrong(name, unknown("identity", other, self.keys.keys()))),
        }
    }

    pub fn profile(&self, name: &Spanned<String>, text: Text<'_>) -> Result<String> {
        match name.get_ref() {
            known if self.profiles.contains_key(known) => Ok(known.clone()),
            other => Err(text.wrong(name, unknown("profile", other, self.profiles.keys()))),
        }
    }
}

fn unknown<'a>(kind: &str, name: &str, known: impl Iterator<Item = &'a String>) -> String {
    let known: Vec<_> = known.map(String::as_str).collect();
    format!("no {kind} is called {name:?}: there are {}", known.join(", "))
}

fn start(start: Option<Spanned<toml::value::Datetime>>, text: Text<'_>) -> Result<SystemTime> {
    let Some(start) = start else { return Ok(UNIX_EPOCH + std::time::Duration::from_secs(DEFAULT_START)) };
    let moment = OffsetDateTime::parse(&start.get_ref().to_string(), &Rfc3339);
    match moment {
        Ok(moment) if (1970..=9999).contains(&moment.year()) => Ok(moment.into()),
        _ => Err(text.wrong(&start, "start is no moment: write 2026-04-01T09:00:00Z")),
    }
}

fn end(word: &Spanned<String>, text: Text<'_>) -> Result<super::Expected> {
    let end = expected(word.get_ref(), word.span().start, text)?;
    match end.what {
        super::expect::What::State(_) => Ok(end),
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

fn keys(raw: BTreeMap<String, RawKey>, text: Text<'_>) -> Result<BTreeMap<String, KeyWish>> {
    let mut keys = BTreeMap::from([(SIGNER.to_owned(), KeyWish::default())]);
    let own: BTreeSet<String> =
        raw.iter().filter(|(_, key)| key.key_of.is_none()).map(|(name, _)| name.clone()).collect();
    for (name, key) in raw {
        if let Some(other) = key.key_of.as_ref()
            && !(own.contains(other.get_ref()) || other.get_ref() == SIGNER)
        {
            let problem = format!("key_of: no identity with a key of its own is called {:?}", other.get_ref());
            return Err(text.wrong(other, problem));
        }
        let wish = KeyWish { key_of: key.key_of.map(Spanned::into_inner), issuer: key.issuer, days: key.days };
        keys.insert(name, wish);
    }
    Ok(keys)
}

fn profiles(
    raw: BTreeMap<String, Spanned<RawProfile>>,
    hybrid: bool,
    text: Text<'_>,
    read: Read<'_>,
) -> Result<BTreeMap<String, ProfileWish>> {
    let mut profiles = BTreeMap::new();
    for (name, raw) in raw {
        let start = raw.span().start;
        let wish = raw.into_inner().wish(&name, read).map_err(|error| placed(error, &name, start, text))?;
        profiles.insert(name, wish);
    }
    if !profiles.contains_key(IVI) {
        profiles.insert(IVI.into(), RawProfile::default().wish(IVI, read)?);
    }
    if hybrid && !profiles.contains_key(MDM) {
        profiles.insert(MDM.into(), ProfileWish { profile: mdm(), by: InstalledBy::Hand, signed: true });
    }
    Ok(profiles)
}

/// An error of a spec that stands within a scenario, or in a file that it names.
fn placed(error: Error, name: &str, start: usize, text: Text<'_>) -> Error {
    text.wrong_at(start, format!("profile {name:?}: {error}"))
}

impl RawProfile {
    fn wish(self, name: &str, read: Read<'_>) -> Result<ProfileWish> {
        let (by, signed) = (self.by.into(), self.signed.unwrap_or(true));
        Ok(ProfileWish { profile: self.profile(name, read)?, by, signed })
    }

    fn profile(self, name: &str, read: Read<'_>) -> Result<Profile> {
        let whole = self.spec.is_some() || self.file.is_some();
        let parts = [self.removal.is_some(), self.restrictions.is_some(), self.settings.is_some()];
        let simple = self.identifier.is_some() || self.display_name.is_some() || parts.contains(&true);
        if whole && simple || self.spec.is_some() && self.file.is_some() {
            let problem = "spec, file, or identifier, display_name, removal, restrictions, settings: one of the three";
            return Err(Error::Spec { place: Place::whole(), problem: problem.into() });
        }
        if let Some(path) = &self.file {
            let path = path.get_ref();
            return Profile::from_bytes(&bytes_of(path, read)?).map_err(|error| of_file(path, &error));
        }
        match self.spec.as_ref().map(Spanned::get_ref) {
            Some(SpecWish::Path(path)) => filled(&text_of(path, read)?).map_err(|error| of_file(path, &error)),
            Some(SpecWish::Inline(spec)) => filled(&written(spec.clone())),
            None => filled(&written(self.simple(name))),
        }
    }

    /// The keys that stand for a spec.
    fn simple(self, name: &str) -> Table {
        let mut spec = Table::new();
        let identifier = self.identifier.unwrap_or_else(|| format!("jp.example.{name}-mdm"));
        spec.insert("identifier".into(), identifier.into());
        spec.insert("display_name".into(), self.display_name.unwrap_or_else(|| "IVI MDM".into()).into());
        spec.insert("removal".into(), self.removal.unwrap_or_else(|| "disallowed".into()));
        spec.extend(self.settings.map(|settings| ("settings".to_owned(), Value::Table(settings))));
        let restrictions =
            self.restrictions.unwrap_or_else(|| Table::from_iter([(APP_STORE.to_owned(), false.into())]));
        let payload = [("type".to_owned(), Restrictions::TYPE.into()), ("settings".to_owned(), restrictions.into())];
        spec.insert("payload".into(), Value::Array(vec![Value::Table(payload.into_iter().collect())]));
        spec
    }
}

/// A spec within a scenario as the text of one; its format is the scenario's.
fn written(mut spec: Table) -> String {
    spec.entry("format").or_insert(Value::Integer(1));
    spec.to_string()
}

fn filled(text: &str) -> Result<Profile> {
    // The text is not the caller's, so its lines mean nothing to him.
    spec::read(text).and_then(|template| template.fill(&Values::new(), UuidSource::Content))
}

fn text_of(path: &str, read: Read<'_>) -> Result<String> {
    String::from_utf8(bytes_of(path, read)?)
        .map_err(|_| Error::Spec { place: Place::whole(), problem: format!("{path}: is not UTF-8") })
}

fn bytes_of(path: &str, read: Read<'_>) -> Result<Vec<u8>> {
    let bytes = read(path)
        .map_err(|cause| Error::Spec { place: Place::whole(), problem: format!("{path}: cannot be read: {cause}") })?;
    match document::looks_signed(&bytes) {
        true => {
            Err(Error::Spec { place: Place::whole(), problem: format!("{path}: is signed: a scenario signs itself") })
        }
        false => Ok(bytes),
    }
}

fn of_file(path: &str, error: &Error) -> Error {
    Error::Spec { place: Place::whole(), problem: format!("{path}: {error}") }
}

/// The Apple MDM profile (モバイルデバイス管理).
fn mdm() -> Profile {
    let mut profile = Profile::new("jp.example.mdm", "Apple MDM");
    let payload = Mdm {
        identity_certificate_uuid: Some("8C1A4E4A-7F0B-4E0B-9F7A-2D8A36C0D001".into()),
        topic: Some("com.apple.mgmt.External.example".into()),
        server_url: Some("https://mdm.example.jp/mdm".into()),
        ..Default::default()
    };
    profile.push(Payload::from(payload));
    profile
}

/// The IVI MDM profile (構成プロファイル).
pub(super) const IVI: &str = "ivi";
/// The Apple MDM profile (モバイルデバイス管理).
pub(super) const MDM: &str = "mdm";
/// The identity that is always there.
const SIGNER: &str = "signer";
const APP_STORE: &str = "allowAppInstallation";
/// 2026-04-01T00:00:00Z.
const DEFAULT_START: u64 = 1_775_001_600;
