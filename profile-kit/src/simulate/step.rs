//! The steps of a scenario: what can be done, and which keys each takes.

use std::time::Duration;

use serde::Deserialize;
use toml::Spanned;

use super::{
    expect::{Expected, What},
    scenario::{Names, Text},
};
use crate::{InstalledBy, PasswordForm, Result};

/// One thing that is done, and what is expected of it.
#[derive(Clone, Debug)]
pub(super) struct Step {
    pub line: usize,
    pub action: &'static str,
    pub deed: Deed,
    pub expected: Vec<Expected>,
}

/// What is done.
#[derive(Clone, Debug)]
pub(super) enum Deed {
    Enrol,
    RequestInactivation { forced: bool },
    CancelRequest { forced: bool },
    OpenInstallPage { via: Via, stops: Option<Stop> },
    InstallOverwrite { by: InstalledBy, password: String },
    CancelOverwrite,
    Install { profile: String, signer: Signer, by: InstalledBy, password: String, damaged: bool },
    Remove { what: Removed, by: InstalledBy, password: String },
    OpenSettings,
    DeleteApp,
    InstallApp,
    Wait(Duration),
    OpenConsole,
    DeleteRecord,
    Wipe,
    RenewSigner { to: String },
    SignWithNothing,
    LoseSigner { which: String },
    ChangeIdentifier { to: String },
    ChangeForm { to: PasswordForm },
}

/// Who signs what is installed as it is.
#[derive(Clone, Debug)]
pub(super) enum Signer {
    /// Who signs for the service today.
    Today,
    /// Nobody.
    Nobody,
    /// An identity.
    Named(String),
}

/// Which profile is removed.
#[derive(Clone, Debug)]
pub(super) enum Removed {
    /// One of the scenario's.
    Named(String),
    /// The one of an identifier.
    Identifier(String),
}

/// How the owner comes to the install page (S2.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Via {
    #[default]
    Notification,
    App,
}

/// Where the way to the install page ends for a reason that nobody knows (W2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Stop {
    Safari,
    Settings,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum By {
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

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum FormWord {
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

/// A step as it is written: every key that any step takes.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawStep {
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
#[derive(Debug, Deserialize)]
#[serde(untagged, expecting = "expect is a word, or an array of words")]
enum Expectation {
    One(String),
    All(Vec<String>),
}

/// The name of each step and the keys that it takes.
const KEYS: &[(&str, &[&str])] = &[
    ("enrol", &[]),
    ("request-inactivation", &["forced"]),
    ("cancel-request", &["forced"]),
    ("open-install-page", &["via", "stops"]),
    ("install-overwrite", &["by", "password"]),
    ("cancel-overwrite", &[]),
    ("install", &["profile", "signer", "by", "password", "damaged"]),
    ("remove", &["profile", "identifier", "by", "password"]),
    ("open-settings", &[]),
    ("delete-app", &[]),
    ("install-app", &[]),
    ("wait", &["seconds", "minutes", "hours", "days"]),
    ("open-console", &[]),
    ("delete-record", &[]),
    ("wipe", &[]),
    ("renew-signer", &["signer"]),
    ("sign-with-nothing", &[]),
    ("lose-signer", &["signer"]),
    ("change-identifier", &["identifier"]),
    ("change-form", &["form"]),
];

impl RawStep {
    /// The step that it says, with every name looked up.
    pub fn step(self, text: Text<'_>, names: &Names<'_>) -> Result<Step> {
        let word = self.deed.get_ref();
        let Some((action, keys)) = KEYS.iter().find(|(name, _)| name == word) else {
            let known: Vec<_> = KEYS.iter().map(|(name, _)| *name).collect();
            return Err(text.wrong(&self.deed, format!("do = {word:?} is no step: one of {}", known.join(", "))));
        };
        self.only(action, keys, text)?;
        let line = text.line(self.deed.span().start);
        let expected = self.expected(text)?;
        Ok(Step { line, action, deed: self.deed(action, text, names)?, expected })
    }

    /// A key that the step does not take would be passed over without a word.
    fn only(&self, action: &str, keys: &[&str], text: Text<'_>) -> Result<()> {
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
        let stray = given.iter().find_map(|(key, start)| start.filter(|_| !keys.contains(key)).map(|at| (key, at)));
        match stray {
            None => Ok(()),
            Some((key, at)) => {
                let takes = if keys.is_empty() { "no other key".into() } else { keys.join(", ") };
                Err(text.wrong_at(at, format!("{key} means nothing with do = {action:?}, which takes {takes}")))
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

    fn deed(self, action: &str, text: Text<'_>, names: &Names<'_>) -> Result<Deed> {
        let by = self.by.map(Spanned::into_inner).unwrap_or_default().into();
        let password = self.password.map(Spanned::into_inner).unwrap_or_default();
        let forced = self.forced.is_some_and(Spanned::into_inner);
        let needs = |key: &str| text.wrong(&self.deed, format!("do = {action:?} needs {key}"));
        let signer = self.signer.as_ref().map(|name| names.key(name, text)).transpose()?;
        let profile = self.profile.as_ref().map(|name| names.profile(name, text)).transpose()?;
        let identifier = self.identifier.map(Spanned::into_inner);
        Ok(match action {
            "enrol" => Deed::Enrol,
            "request-inactivation" => Deed::RequestInactivation { forced },
            "cancel-request" => Deed::CancelRequest { forced },
            "open-install-page" => Deed::OpenInstallPage {
                via: self.via.map(Spanned::into_inner).unwrap_or_default(),
                stops: self.stops.map(Spanned::into_inner),
            },
            "install-overwrite" => Deed::InstallOverwrite { by, password },
            "cancel-overwrite" => Deed::CancelOverwrite,
            "install" => Deed::Install {
                profile: profile.ok_or_else(|| needs("profile"))?,
                signer: signer.map_or(Signer::Today, |name| name.map_or(Signer::Nobody, Signer::Named)),
                by,
                password,
                damaged: self.damaged.is_some_and(Spanned::into_inner),
            },
            "remove" => Deed::Remove {
                what: match (profile, identifier) {
                    (Some(name), None) => Removed::Named(name),
                    (None, Some(identifier)) => Removed::Identifier(identifier),
                    _ => return Err(needs("either profile or identifier")),
                },
                by,
                password,
            },
            "open-settings" => Deed::OpenSettings,
            "delete-app" => Deed::DeleteApp,
            "install-app" => Deed::InstallApp,
            "wait" => {
                let length = |number: &Option<Spanned<u32>>, seconds: u64| {
                    number.as_ref().map_or(0, |number| u64::from(*number.get_ref()) * seconds)
                };
                let seconds = length(&self.seconds, 1) + length(&self.minutes, 60) + length(&self.hours, 3_600);
                match seconds + length(&self.days, 86_400) {
                    0 => return Err(needs("seconds, minutes, hours or days")),
                    seconds => Deed::Wait(Duration::from_secs(seconds)),
                }
            }
            "open-console" => Deed::OpenConsole,
            "delete-record" => Deed::DeleteRecord,
            "wipe" => Deed::Wipe,
            "renew-signer" => Deed::RenewSigner { to: signer.flatten().ok_or_else(|| needs("signer"))? },
            "sign-with-nothing" => Deed::SignWithNothing,
            "lose-signer" => Deed::LoseSigner { which: signer.flatten().ok_or_else(|| needs("signer"))? },
            "change-identifier" => Deed::ChangeIdentifier { to: identifier.ok_or_else(|| needs("identifier"))? },
            "change-form" => {
                Deed::ChangeForm { to: self.form.map(Spanned::into_inner).ok_or_else(|| needs("form"))?.into() }
            }
            other => unreachable!("{other} is in the list of steps"),
        })
    }
}

/// Reads a word that is expected.
pub(super) fn expected(word: &str, at: usize, text: Text<'_>) -> Result<Expected> {
    match What::read(word) {
        Some(what) => Ok(Expected { line: text.line(at), word: word.to_owned(), what }),
        None => Err(text.wrong_at(at, format!("expect: nothing is called {word:?}; {EXPECTABLE}"))),
    }
}

fn start<T>(value: &Option<Spanned<T>>) -> Option<usize> {
    value.as_ref().map(|value| value.span().start)
}

const EXPECTABLE: &str = "an outcome (replaced, no-app, …), a refusal (OtherSigner, …), a device's domain and code \
                          (MCInstallationErrorDomain 4008), a prompt (EmptyPassword, …), a state (free, removable, \
                          locked, needs-wipe) or what the console shows (active, success, …) can be expected";
