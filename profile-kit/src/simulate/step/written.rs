//! A step as a scenario writes it.

use std::time::Duration;

use serde::Deserialize;
use toml::Spanned;

use super::{Deed, Removed, Signer, Step, Stop, Via};
use crate::{
    InstalledBy, PasswordForm, Result,
    payload::Secret,
    simulate::{
        expect::{Expected, What},
        names::Names,
        text::Text,
    },
};

/// A step as it is written: every key that any step takes.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::simulate) struct RawStep {
    #[serde(rename = "do")]
    deed: Spanned<String>,
    expect: Option<Spanned<Expectation>>,
    profile: Option<Spanned<String>>,
    identifier: Option<Spanned<String>>,
    signer: Option<Spanned<String>>,
    by: Option<Spanned<By>>,
    via: Option<Spanned<Via>>,
    stops: Option<Spanned<Stop>>,
    form: Option<Spanned<FormWord>>,
    forced: Option<Spanned<bool>>,
    damaged: Option<Spanned<bool>>,
    password: Option<Spanned<String>>,
    seconds: Option<Spanned<u32>>,
    minutes: Option<Spanned<u32>>,
    hours: Option<Spanned<u32>>,
    days: Option<Spanned<u32>>,
}

/// One word, or several that must all come.
#[derive(Deserialize)]
#[serde(untagged, expecting = "expect is a word, or an array of words")]
enum Expectation {
    One(String),
    All(Vec<String>),
}

/// Who installs or removes.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(in crate::simulate) enum By {
    #[default]
    Hand,
    Mdm,
}

impl From<By> for InstalledBy {
    fn from(by: By) -> Self {
        match by {
            By::Hand => InstalledBy::Hand,
            By::Mdm => InstalledBy::Mdm,
        }
    }
}

/// The form of an overwrite's removal password.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(in crate::simulate) enum FormWord {
    #[default]
    Auto,
    Empty,
    Omitted,
}

impl From<FormWord> for PasswordForm {
    fn from(form: FormWord) -> Self {
        match form {
            FormWord::Auto => PasswordForm::Auto,
            FormWord::Empty => PasswordForm::Empty,
            FormWord::Omitted => PasswordForm::Omitted,
        }
    }
}

/// A step's name, the keys that it takes, and what it does.
struct Kind {
    name: &'static str,
    keys: &'static [&'static str],
    deed: fn(&Given<'_>) -> Result<Deed>,
}

const fn kind(name: &'static str, keys: &'static [&'static str], deed: fn(&Given<'_>) -> Result<Deed>) -> Kind {
    Kind { name, keys, deed }
}

const KINDS: &[Kind] = &[
    kind("enrol", &[], |_| Ok(Deed::Enrol)),
    kind("request-inactivation", &["forced"], |it| Ok(Deed::RequestInactivation { forced: it.forced() })),
    kind("cancel-request", &["forced"], |it| Ok(Deed::CancelRequest { forced: it.forced() })),
    kind("open-install-page", &["via", "stops"], |it| Ok(Deed::OpenInstallPage { via: it.via(), stops: it.stops() })),
    kind("install-overwrite", &["by", "password"], |it| {
        Ok(Deed::InstallOverwrite { by: it.by(), password: it.password() })
    }),
    kind("cancel-overwrite", &[], |_| Ok(Deed::CancelOverwrite)),
    kind("install", &["profile", "signer", "by", "password", "damaged"], |it| it.install()),
    kind("remove", &["profile", "identifier", "by", "password"], |it| it.remove()),
    kind("open-settings", &[], |_| Ok(Deed::OpenSettings)),
    kind("delete-app", &[], |_| Ok(Deed::DeleteApp)),
    kind("install-app", &[], |_| Ok(Deed::InstallApp)),
    kind("wait", &["seconds", "minutes", "hours", "days"], |it| it.wait()),
    kind("open-console", &[], |_| Ok(Deed::OpenConsole)),
    kind("delete-record", &[], |_| Ok(Deed::DeleteRecord)),
    kind("wipe", &[], |_| Ok(Deed::Wipe)),
    kind("renew-signer", &["signer"], |it| Ok(Deed::RenewSigner { to: it.one_signer()? })),
    kind("sign-with-nothing", &[], |_| Ok(Deed::SignWithNothing)),
    kind("lose-signer", &["signer"], |it| Ok(Deed::LoseSigner { which: it.one_signer()? })),
    kind("change-identifier", &["identifier"], |it| Ok(Deed::ChangeIdentifier { to: it.identifier()? })),
    kind("change-form", &["form"], |it| Ok(Deed::ChangeForm { to: it.form()? })),
];

/// The names of all steps.
#[cfg(test)]
pub(in crate::simulate) fn names() -> impl Iterator<Item = &'static str> {
    KINDS.iter().map(|kind| kind.name)
}

impl RawStep {
    /// The step that it says, with every name looked up.
    pub fn step(&self, text: Text<'_>, names: &Names<'_>) -> Result<Step> {
        let word = self.deed.get_ref();
        let Some(kind) = KINDS.iter().find(|kind| kind.name == word) else {
            let known: Vec<_> = KINDS.iter().map(|kind| kind.name).collect();
            return Err(text.wrong(&self.deed, format!("do = {word:?} is no step: one of {}", known.join(", "))));
        };
        self.takes_no_other_key(kind, text)?;
        let deed = (kind.deed)(&Given { raw: self, text, names })?;
        let line = text.line(self.deed.span().start);
        Ok(Step { line, action: kind.name, deed, expected: self.expected(text)? })
    }

    /// A key that the step does not take would be passed over without a word.
    fn takes_no_other_key(&self, kind: &Kind, text: Text<'_>) -> Result<()> {
        let given = [
            ("profile", start(&self.profile)),
            ("identifier", start(&self.identifier)),
            ("signer", start(&self.signer)),
            ("by", start(&self.by)),
            ("via", start(&self.via)),
            ("stops", start(&self.stops)),
            ("form", start(&self.form)),
            ("forced", start(&self.forced)),
            ("damaged", start(&self.damaged)),
            ("password", start(&self.password)),
            ("seconds", start(&self.seconds)),
            ("minutes", start(&self.minutes)),
            ("hours", start(&self.hours)),
            ("days", start(&self.days)),
        ];
        let mut given = given.iter().filter_map(|(key, start)| Some((key, (*start)?)));
        match given.find(|(key, _)| !kind.keys.contains(key)) {
            None => Ok(()),
            Some((key, at)) => {
                let takes = if kind.keys.is_empty() { "no other key".into() } else { kind.keys.join(", ") };
                Err(text.wrong_at(at, format!("{key} means nothing with do = {:?}, which takes {takes}", kind.name)))
            }
        }
    }

    fn expected(&self, text: Text<'_>) -> Result<Vec<Expected>> {
        let Some(expect) = &self.expect else { return Ok(Vec::new()) };
        let words = match expect.get_ref() {
            Expectation::One(word) => std::slice::from_ref(word),
            Expectation::All(words) => words,
        };
        words.iter().map(|word| expected(word, expect.span().start, text)).collect()
    }
}

/// A step as it is written, and what its names mean.
struct Given<'a> {
    raw: &'a RawStep,
    text: Text<'a>,
    names: &'a Names<'a>,
}

impl Given<'_> {
    fn install(&self) -> Result<Deed> {
        let signer = match self.signer()? {
            None => Signer::Today,
            Some(None) => Signer::Nobody,
            Some(Some(name)) => Signer::Named(name),
        };
        let profile = self.profile()?.ok_or_else(|| self.needs("profile"))?;
        let damaged = self.raw.damaged.as_ref().is_some_and(|damaged| *damaged.get_ref());
        Ok(Deed::Install { profile, signer, by: self.by(), password: self.password(), damaged })
    }

    fn remove(&self) -> Result<Deed> {
        let what = match (self.profile()?, self.identifier().ok()) {
            (Some(name), None) => Removed::Named(name),
            (None, Some(identifier)) => Removed::Identifier(identifier),
            _ => return Err(self.needs("either profile or identifier")),
        };
        Ok(Deed::Remove { what, by: self.by(), password: self.password() })
    }

    fn wait(&self) -> Result<Deed> {
        let RawStep { seconds, minutes, hours, days, .. } = self.raw;
        let length = |number: &Option<Spanned<u32>>, seconds: u64| {
            number.as_ref().map_or(0, |number| u64::from(*number.get_ref()) * seconds)
        };
        match length(seconds, 1) + length(minutes, 60) + length(hours, 3_600) + length(days, 86_400) {
            0 => Err(self.needs("seconds, minutes, hours or days")),
            CENTURY.. => Err(self.text.wrong(&self.raw.deed, "do = \"wait\" takes a hundred years at most")),
            seconds => Ok(Deed::Wait(Duration::from_secs(seconds))),
        }
    }

    fn by(&self) -> InstalledBy {
        self.raw.by.as_ref().map(|by| *by.get_ref()).unwrap_or_default().into()
    }

    fn via(&self) -> Via {
        self.raw.via.as_ref().map(|via| *via.get_ref()).unwrap_or_default()
    }

    fn stops(&self) -> Option<Stop> {
        self.raw.stops.as_ref().map(|stops| *stops.get_ref())
    }

    fn forced(&self) -> bool {
        self.raw.forced.as_ref().is_some_and(|forced| *forced.get_ref())
    }

    fn password(&self) -> Secret {
        self.raw.password.as_ref().map(|password| password.get_ref().as_str().into()).unwrap_or_default()
    }

    fn form(&self) -> Result<PasswordForm> {
        let form = self.raw.form.as_ref().map(|form| (*form.get_ref()).into());
        form.ok_or_else(|| self.needs("form"))
    }

    fn identifier(&self) -> Result<String> {
        self.raw.identifier.as_ref().map(|it| it.get_ref().clone()).ok_or_else(|| self.needs("identifier"))
    }

    fn profile(&self) -> Result<Option<String>> {
        self.raw.profile.as_ref().map(|name| self.names.profile(name, self.text)).transpose()
    }

    fn signer(&self) -> Result<Option<Option<String>>> {
        self.raw.signer.as_ref().map(|name| self.names.key(name, self.text)).transpose()
    }

    fn one_signer(&self) -> Result<String> {
        self.signer()?.flatten().ok_or_else(|| self.needs("signer, an identity"))
    }

    fn needs(&self, key: &str) -> crate::Error {
        self.text.wrong(&self.raw.deed, format!("do = {:?} needs {key}", self.raw.deed.get_ref()))
    }
}

/// Reads a word that is expected.
pub(in crate::simulate) fn expected(word: &str, at: usize, text: Text<'_>) -> Result<Expected> {
    match What::read(word) {
        Some(what) => Ok(Expected { line: text.line(at), word: word.to_owned(), what }),
        None => Err(text.wrong_at(at, format!("expect: nothing is called {word:?}; {EXPECTABLE}"))),
    }
}

fn start<T>(value: &Option<Spanned<T>>) -> Option<usize> {
    value.as_ref().map(|value| value.span().start)
}

/// In seconds.
const CENTURY: u64 = 36_525 * 86_400;

const EXPECTABLE: &str = "an outcome (replaced, no-app, …), a refusal (OtherSigner, …), a device's domain and code \
                          (MCInstallationErrorDomain 4008), a prompt (EmptyPassword, …), a state (free, removable, \
                          locked, needs-wipe) or what the console shows (active, success, …) can be expected";
