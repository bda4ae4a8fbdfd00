//! Removing: by the owner, by the MDM, by itself (facts L1 to L4, L7, L8, R9, R11).

use std::{
    fmt,
    time::{Duration, SystemTime},
};

use super::{Act, Answer, Device, Done, Effect, Grounds, Installed, Prompt, Refusal, Refused, Unknown, mdm};
use crate::{
    Enrolment, Fact, InstalledBy, Platform, Profile, Removal,
    policy::{EmptyPassword, LockSupervision, PasswordLocks, Policy},
};

/// What stands between the owner and deleting a profile.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Lock {
    /// Nothing.
    Open,
    /// A prompt for a password, for which nothing is entered.
    EmptyPassword,
    /// A prompt for this removal password.
    Password(String),
    /// A prompt for an administrator (macOS).
    Administrator,
    /// There is no button.
    Closed,
    /// It goes with the MDM profile.
    Managed,
}

/// The password shows as `[redacted]`.
impl fmt::Debug for Lock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Lock::Open => "Open",
            Lock::EmptyPassword => "EmptyPassword",
            Lock::Password(_) => "Password([redacted])",
            Lock::Administrator => "Administrator",
            Lock::Closed => "Closed",
            Lock::Managed => "Managed",
        })
    }
}

impl Device {
    /// Removes the profile of an identifier: the owner in Settings, or the MDM with `RemoveProfile`.
    ///
    /// With a profile that carries an MDM payload goes everything that the MDM installed (R11). An administrator (macOS)
    /// is taken to agree: the answer's prompts name it.
    ///
    /// # Errors
    /// [`Refused`]; the device stays as it is.
    pub fn remove(&self, identifier: &str, act: &Act) -> Answer {
        let Some(installed) = self.find(identifier) else {
            let sentence = "no profile of this identifier is installed";
            return Err(Refused::new(Refusal::NotInstalled, sentence, Grounds::default()));
        };
        let (grounds, prompts) = match act.by {
            InstalledBy::Hand => self.by_owner(installed, act)?,
            InstalledBy::Mdm => (self.by_mdm(installed)?, Vec::new()),
        };
        let goes = |other: &Installed| std::ptr::eq(other, installed);
        Ok(self.without(goes, prompts, grounds))
    }

    /// What removes itself by a moment is gone (L7); nothing else (L8).
    pub fn expire(&self, at: SystemTime) -> Done {
        let mut grounds = Grounds::default();
        for installed in &self.installed {
            if installed.ends().is_some() {
                grounds.fact(Fact::L7);
            }
            if installed.profile.get("PayloadExpirationDate").is_some() {
                grounds.fact(Fact::L8);
            }
        }
        self.without(|installed| installed.ends().is_some_and(|end| end <= at), Vec::new(), grounds)
    }

    /// What stands between the owner and deleting an installed profile, and what decides that.
    pub fn lock(&self, installed: &Installed) -> (Lock, Grounds) {
        let mut grounds = Grounds::default();
        let lock = match installed.by {
            InstalledBy::Mdm => self.managed_lock(&installed.profile, &mut grounds),
            InstalledBy::Hand => self.own_lock(&installed.profile, &mut grounds),
        };
        (lock, grounds)
    }

    /// Whether a profile is locked by what it says, were it installed by hand.
    pub(super) fn is_locked(&self, profile: &Profile) -> bool {
        self.own_lock(profile, &mut Grounds::default()) != Lock::Open
    }

    fn by_owner(&self, installed: &Installed, act: &Act) -> Result<(Grounds, Vec<Prompt>), Refused> {
        let (lock, grounds) = self.lock(installed);
        let refuse = |refusal, sentence, grounds| Err(Refused::new(refusal, sentence, grounds));
        match lock {
            Lock::Open => Ok((grounds, Vec::new())),
            Lock::EmptyPassword => Ok((grounds, vec![Prompt::EmptyPassword])),
            Lock::Administrator => Ok((grounds, vec![Prompt::Administrator])),
            Lock::Password(password) if act.password.expose() == password => {
                Ok((grounds, vec![Prompt::RemovalPassword]))
            }
            Lock::Password(_) => refuse(Refusal::WrongPassword, "its removal password was not given", grounds),
            Lock::Closed => refuse(Refusal::Locked, "it is locked: there is no button to delete it", grounds),
            Lock::Managed => {
                let sentence = "the MDM installed it: it goes with the MDM profile, or by the MDM's command";
                refuse(Refusal::Managed, sentence, grounds)
            }
        }
    }

    fn by_mdm(&self, installed: &Installed) -> Result<Grounds, Refused> {
        let mut grounds = Grounds::default();
        grounds.fact(Fact::R9);
        let may = installed.by == InstalledBy::Mdm || self.lets_the_mdm(&mut grounds);
        match may {
            true => Ok(grounds),
            false => Err(Refused::new(Refusal::MdmOverManual, "it was installed by hand", grounds)),
        }
    }

    /// The device without some profiles, and without what the MDM installed if its own is among them.
    fn without(&self, goes: impl Fn(&Installed) -> bool, prompts: Vec<Prompt>, mut grounds: Grounds) -> Done {
        let leaves = self.installed.iter().any(|installed| goes(installed) && mdm(&installed.profile).is_some());
        let managed = |installed: &Installed| leaves && installed.by == InstalledBy::Mdm;
        if leaves {
            grounds.fact(Fact::R11);
        }
        let identifier = |installed: &Installed| installed.profile.identifier().to_owned();
        let first = self.installed.iter().filter(|installed| goes(installed));
        let with_them = self.installed.iter().filter(|installed| !goes(installed) && managed(installed));
        let gone = first.chain(with_them).map(identifier).collect();
        let stays = |installed: &&Installed| !goes(installed) && !managed(installed);
        let installed = self.installed.iter().filter(stays).cloned().collect();
        Done { device: Self { installed, ..self.clone() }, effect: Effect::Removed(gone), prompts, grounds }
    }

    /// Apple's schema, of `PayloadRemovalDisallowed`: owners never remove what the MDM installed; before macOS 10.15 an
    /// administrator could where the flag let him.
    fn managed_lock(&self, profile: &Profile, grounds: &mut Grounds) -> Lock {
        grounds.fact(Fact::Schema);
        match self.os.platform {
            Platform::Macos if !self.since(10, 15) => match flag(profile, grounds) {
                true => Lock::Closed,
                false => Lock::Administrator,
            },
            _ => Lock::Managed,
        }
    }

    /// Of a profile that was installed by hand.
    fn own_lock(&self, profile: &Profile, grounds: &mut Grounds) -> Lock {
        let flag = flag(profile, grounds) && self.honours_flag(grounds);
        if profile.is_encrypted() && self.honours_password(grounds) {
            grounds.unknown(Unknown::PayloadsUnseen);
        }
        if profile.get("HasRemovalPasscode").is_some() {
            grounds.fact(Fact::L6);
        }
        match profile.removal() {
            Removal::Password(password) if !password.is_empty() && self.honours_password(grounds) => {
                self.password_lock(flag, password, grounds)
            }
            Removal::AllowedEmptyPassword | Removal::Password(_) if self.asks_for_nothing(profile, grounds) => {
                Lock::EmptyPassword
            }
            _ => self.flag_lock(flag, grounds),
        }
    }

    fn password_lock(&self, flag: bool, password: String, grounds: &mut Grounds) -> Lock {
        grounds.fact(Fact::L3);
        self.doubt_enrolment(grounds);
        if flag {
            return Lock::Password(password);
        }
        grounds.policy(&self.policies, Policy::PasswordLocks);
        match self.policies.password_locks {
            PasswordLocks::Yes => Lock::Password(password),
            PasswordLocks::No => Lock::Open,
        }
    }

    /// Whether an empty removal password is asked for.
    fn asks_for_nothing(&self, profile: &Profile, grounds: &mut Grounds) -> bool {
        let is_empty = match profile.removal() {
            Removal::AllowedEmptyPassword => true,
            Removal::Password(password) => password.is_empty(),
            Removal::Allowed | Removal::Disallowed => false,
        };
        if !is_empty || !self.honours_password(grounds) {
            return false;
        }
        grounds.policy(&self.policies, Policy::EmptyPassword);
        self.policies.empty_password == EmptyPassword::Locked
    }

    fn flag_lock(&self, flag: bool, grounds: &mut Grounds) -> Lock {
        match self.os.platform {
            _ if !flag => Lock::Open,
            Platform::Macos if self.since(10, 15) => {
                grounds.fact(Fact::Schema);
                Lock::Administrator
            }
            _ => Lock::Closed,
        }
    }

    /// Whether the device honours a lock that a profile has (L2).
    fn honours_flag(&self, grounds: &mut Grounds) -> bool {
        let honoured = match self.os.platform {
            Platform::Macos => true,
            Platform::Visionos | Platform::Watchos => {
                grounds.fact(Fact::Schema);
                false
            }
            Platform::Ios | Platform::Tvos => {
                grounds.fact(Fact::L2);
                self.supervised || self.locks_unsupervised(grounds)
            }
        };
        if honoured {
            self.doubt_enrolment(grounds);
        }
        honoured
    }

    fn locks_unsupervised(&self, grounds: &mut Grounds) -> bool {
        grounds.policy(&self.policies, Policy::LockSupervision);
        match self.policies.lock_supervision {
            LockSupervision::Always => false,
            LockSupervision::Never => true,
            LockSupervision::From(version) => self.os.version < version,
        }
    }

    fn doubt_enrolment(&self, grounds: &mut Grounds) {
        if self.enrolment != Enrolment::Device {
            grounds.unknown(Unknown::EnrolmentLock);
        }
    }
}

impl Installed {
    /// When it removes itself: the earlier of `RemovalDate` and `DurationUntilRemoval` after its install (L7).
    pub fn ends(&self) -> Option<SystemTime> {
        let after = stay(&self.profile).and_then(|stay| self.at.checked_add(stay));
        removal_date(&self.profile).into_iter().chain(after).min()
    }
}

/// `RemovalDate`.
pub(crate) fn removal_date(profile: &Profile) -> Option<SystemTime> {
    profile.get("RemovalDate").and_then(|date| date.as_date()).map(SystemTime::from)
}

/// `DurationUntilRemoval`: how long a profile stays after its install.
pub(crate) fn stay(profile: &Profile) -> Option<Duration> {
    let seconds = profile.get("DurationUntilRemoval")?;
    let seconds = seconds.as_real().or(seconds.as_unsigned_integer().map(|number| number as f64))?;
    Some(seconds).filter(|seconds| *seconds > 0.0).and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
}

/// Whether a profile has the lock.
pub(super) fn flag(profile: &Profile, grounds: &mut Grounds) -> bool {
    grounds.fact(Fact::L1);
    let Some(flag) = profile.get("PayloadRemovalDisallowed") else { return false };
    if flag.as_boolean().is_none() {
        grounds.unknown(Unknown::FlagNotBoolean);
    }
    flag.as_boolean() != Some(false)
}
