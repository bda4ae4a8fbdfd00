//! Where the schema says that a payload or a key works, held against a target.

use crate::{
    Enrolment, InstalledBy, OsVersion, Platform, Target,
    check::{Code, Finding, Severity},
    key_path::Trail,
    schema::{Introduced, Mode, Support, Systems},
};

/// A payload or a key, on the platforms that come into question: the target's, or all where it is not known.
///
/// What does not hold on each of them is not held against the profile.
#[derive(Clone, Copy)]
pub(super) struct Thing<'a> {
    payload: &'a Systems,
    /// What is said of a key; of a payload nothing more.
    key: Option<&'a Systems>,
    target: &'a Target,
}

impl<'a> Thing<'a> {
    /// A payload.
    pub fn new(payload: &'a Systems, target: &'a Target) -> Self {
        Self { payload, key: None, target }
    }

    /// A key of this payload.
    pub fn key(&self, key: &'a Systems) -> Self {
        Self { key: Some(key), ..*self }
    }

    /// Tells where it does not work, or not as it may seem.
    pub fn check(&self, tell: &mut impl FnMut(Finding), place: &Trail<'_>) {
        // What a target does not tell is nobody's trouble.
        let troubles: [(bool, Rule); 5] = [
            (self.target.platform.is_some(), presence),
            (true, deprecation),
            (self.target.supervised.is_some(), supervision),
            (self.target.installed_by.is_some(), hand),
            (self.target.enrolment.is_some(), enrolment),
        ];
        for (_, trouble) in troubles.into_iter().filter(|(told, _)| *told) {
            let mut found = self.own().map(|(platform, support)| Some((platform, trouble(&support, self.target)?)));
            let Some(Some((platform, first))) = found.next() else { continue };
            if found.all(|other| other.is_some_and(|(_, other)| other.code() == first.code())) {
                let severity = first.severity(self.key.is_none(), self.target);
                let finding = Finding::new(first.code(), place.path(), first.message(platform));
                tell(finding.of_severity(severity));
                if matches!(first, Trouble::Absent | Trouble::NotYet(_) | Trouble::Gone(_)) {
                    return;
                }
            }
        }
    }

    /// How much it matters that the payload is there several times; `None` where it may be.
    ///
    /// On a Mac most payloads are preferences, which it merges: nothing is refused there.
    pub fn when_repeated(&self) -> Option<Severity> {
        self.own().try_fold(None, |worst: Option<Severity>, (platform, support)| {
            let severity = if platform == Platform::Macos { Severity::Warning } else { Severity::Error };
            (support.multiple == Some(false)).then_some(worst.max(Some(severity)))
        })?
    }

    /// Whether a key is there on each platform, so that it can be missed.
    pub fn is_wanted(&self) -> bool {
        self.payloads().all(|(platform, _)| {
            let own = self.key.and_then(|key| key.on(platform));
            own.is_none_or(|own| presence(own, self.target).is_none() && own.introduced != Some(Introduced::Never))
        })
    }

    /// What is said of the thing itself, on each platform on which it is: of a key what its payload does not say.
    fn own(&self) -> impl Iterator<Item = (Platform, Support)> {
        self.payloads().filter_map(|(platform, payload)| {
            let Some(key) = self.key else { return Some((platform, *payload)) };
            let own = key.on(platform).copied().unwrap_or_default();
            let is_there = self.target.platform.is_some() || own.introduced != Some(Introduced::Never);
            is_there.then_some((platform, own))
        })
    }

    /// What is said of the payload, on each platform that comes into question.
    fn payloads(&self) -> impl Iterator<Item = (Platform, &'a Support)> {
        let wanted = self.target.platform;
        self.payload.iter().filter(move |(platform, support)| match wanted {
            Some(wanted) => *platform == wanted,
            None => support.introduced != Some(Introduced::Never),
        })
    }
}

/// Why something does not work, or not as it may seem.
#[derive(Clone, Copy)]
enum Trouble {
    Absent,
    NotYet(OsVersion),
    Gone(OsVersion),
    Deprecated(OsVersion),
    Unsupervised,
    ByHand,
    Enrolment(Enrolment, Mode),
}

impl Trouble {
    fn code(self) -> Code {
        match self {
            Self::Absent => Code::NotOnPlatform,
            Self::NotYet(_) => Code::NotYetSupported,
            Self::Gone(_) => Code::NoLongerSupported,
            Self::Deprecated(_) => Code::Deprecated,
            Self::Unsupervised => Code::NeedsSupervision,
            Self::ByHand => Code::NotByHand,
            Self::Enrolment(..) => Code::NotWithEnrolment,
        }
    }

    /// A device passes over a key that does not suit it; a payload as a whole it refuses.
    fn severity(self, is_payload: bool, target: &Target) -> Severity {
        match self {
            Self::Deprecated(_) if target.os().is_none() => Severity::Note,
            Self::ByHand | Self::Enrolment(_, Mode::Forbidden) if is_payload => Severity::Error,
            _ => Severity::Warning,
        }
    }

    fn message(self, platform: Platform) -> String {
        match self {
            Self::Absent => format!("does not work on {platform}"),
            Self::NotYet(version) => format!("works from {platform} {version} on"),
            Self::Gone(version) => format!("does not work any more from {platform} {version} on"),
            Self::Deprecated(version) => format!("is deprecated from {platform} {version} on"),
            Self::Unsupervised => format!("works on supervised devices only ({platform})"),
            Self::ByHand => format!("does not install by hand ({platform})"),
            Self::Enrolment(enrolment, mode) => {
                let enrolment = match enrolment {
                    Enrolment::User => "user enrolment",
                    Enrolment::SharedIpad => "a Shared iPad",
                    Enrolment::Device => "the enrolment of a whole device",
                };
                match mode {
                    Mode::Ignored => format!("is passed over with {enrolment} ({platform})"),
                    _ => format!("is not allowed with {enrolment} ({platform})"),
                }
            }
        }
    }
}

type Rule = fn(&Support, &Target) -> Option<Trouble>;

fn presence(support: &Support, target: &Target) -> Option<Trouble> {
    match (support.introduced, support.removed, target.os().map(|os| os.version)) {
        (Some(Introduced::Never), ..) => Some(Trouble::Absent),
        (_, Some(removed), Some(version)) if removed <= version => Some(Trouble::Gone(removed)),
        (Some(Introduced::In(introduced)), _, Some(version)) if version < introduced => {
            Some(Trouble::NotYet(introduced))
        }
        _ => None,
    }
}

fn deprecation(support: &Support, target: &Target) -> Option<Trouble> {
    let since = support.deprecated.or(support.removed)?;
    let reached = target.os().is_none_or(|os| since <= os.version);
    reached.then_some(Trouble::Deprecated(since))
}

fn supervision(support: &Support, target: &Target) -> Option<Trouble> {
    (support.supervised == Some(true) && target.supervised == Some(false)).then_some(Trouble::Unsupervised)
}

fn hand(support: &Support, target: &Target) -> Option<Trouble> {
    let by_hand = target.installed_by == Some(InstalledBy::Hand);
    (support.manual_install == Some(false) && by_hand).then_some(Trouble::ByHand)
}

fn enrolment(support: &Support, target: &Target) -> Option<Trouble> {
    let enrolment = target.enrolment?;
    let mode = match enrolment {
        Enrolment::User => support.user_enrolment,
        Enrolment::SharedIpad => support.shared_ipad,
        Enrolment::Device => None,
    };
    let elsewhere = [(Enrolment::User, support.user_enrolment), (Enrolment::SharedIpad, support.shared_ipad)];
    let needs_other = elsewhere.iter().any(|(other, mode)| *other != enrolment && *mode == Some(Mode::Required));
    match mode {
        Some(mode @ (Mode::Forbidden | Mode::Ignored)) => Some(Trouble::Enrolment(enrolment, mode)),
        _ if needs_other => Some(Trouble::Enrolment(enrolment, Mode::Ignored)),
        _ => None,
    }
}
