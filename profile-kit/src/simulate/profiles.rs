//! The profiles of a scenario: specs, files, or a few keys.

use std::{collections::BTreeMap, io};

use serde::Deserialize;
use toml::{Spanned, Table, Value};

use super::{step::By, text::Text};
use crate::{
    Error, InstalledBy, Place, Profile, Result, UuidSource, document,
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

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawProfile {
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

/// Gives the files that a scenario names.
pub(super) type Read<'a> = &'a dyn Fn(&str) -> io::Result<Vec<u8>>;

/// The profiles that a scenario names, and those that every scenario has.
pub(super) fn profiles(
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
            Some(SpecWish::Inline(spec)) => of_table(spec.clone()),
            None => of_table(self.simple(name)),
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

/// The profile of a spec within a scenario, whose format is the scenario's.
fn of_table(mut spec: Table) -> Result<Profile> {
    spec.entry("format").or_insert(Value::Integer(1));
    filled(&spec.to_string()).map_err(|error| match error {
        // Lines of the text that is made here mean nothing to the caller.
        Error::Spec { place, problem } => Error::Spec { place: Place { line: None, ..place }, problem },
        other => other,
    })
}

fn filled(text: &str) -> Result<Profile> {
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
const APP_STORE: &str = "allowAppInstallation";
