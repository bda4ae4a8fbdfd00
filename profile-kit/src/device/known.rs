//! What is known of a profile that comes, whatever the device and its policies: looked at once for many installs.

use std::{
    cell::OnceCell,
    collections::{BTreeSet, HashMap, HashSet},
    sync::Arc,
};

use super::{Effect, Unknown};
use crate::{
    InstalledBy, Os, Payload, Profile, Step,
    check::{self, Finding, Severity},
    payload::{PasscodePolicy, TypedPayload},
    removal::PASSWORD_TYPE,
    schema,
};

pub(crate) struct Known {
    /// Of its structure, and of how long it stays.
    pub faults: Vec<Finding>,
    /// The types of its payloads, of those that Apple's schema knows.
    kinds: BTreeSet<&'static str>,
    /// Those that it has several payloads of.
    repeated: BTreeSet<&'static str>,
    /// What it replaces, or that it is added, and what that changes: of the first install.
    changes: OnceCell<(Option<Arc<Profile>>, Changes)>,
}

/// What a profile brings that is not there already.
#[derive(Clone)]
pub(super) struct Changes {
    pub effect: Effect,
    /// Whether a passcode policy is among it.
    pub asks_passcode: bool,
    /// Whether some device may refuse a setting in it.
    pub may_be_refused: bool,
}

impl Known {
    pub fn of(profile: &Profile) -> Self {
        let (mut kinds, mut repeated) = (BTreeSet::new(), BTreeSet::new());
        let known = profile.payloads().iter().filter_map(|payload| schema::find(payload.kind()?).first());
        for kind in known.map(|described| described.kind) {
            if !kinds.insert(kind) && kind != PASSWORD_TYPE {
                repeated.insert(kind);
            }
        }
        Self { faults: check::faults(profile), kinds, repeated, changes: OnceCell::new() }
    }

    /// Why a device may refuse it where no error of the device is known. What is installed may have the same fault: it
    /// should have been refused for it, so that nothing is sure of the device.
    pub(super) fn doubts(&self, os: Os, by: InstalledBy) -> Vec<Unknown> {
        let is_doubtful = |fault: &Finding| fault.severity == Severity::Error && fault.device_error().is_none();
        let by_hand = by == InstalledBy::Hand;
        let doubts = [
            (Unknown::Setting, self.faults.iter().any(is_doubtful)),
            (Unknown::NotByHand, by_hand && self.kinds.iter().any(|kind| check::not_by_hand(kind, os))),
            (Unknown::SeveralOfOne, self.repeated.iter().any(|kind| check::once_only(kind, os))),
        ];
        doubts.into_iter().filter_map(|(doubt, there)| there.then_some(doubt)).collect()
    }

    /// The faults for which a device refuses it with an error of its own.
    pub(super) fn malformed(&self) -> impl Iterator<Item = &Finding> {
        let refused = |fault: &&Finding| fault.severity == Severity::Error && fault.device_error().is_some();
        self.faults.iter().filter(refused)
    }

    /// Whether it has the first such fault of another profile; the payload that has it may stand elsewhere in that one.
    pub(super) fn is_malformed_as(&self, other: &Known) -> bool {
        let told = |fault: &Finding| {
            let mut path = fault.path.0.clone();
            if let Some(Step::Index(index)) = path.get_mut(1) {
                *index = 0;
            }
            (fault.code, path, fault.message.clone())
        };
        let first = other.malformed().next().map(told);
        first.is_some_and(|first| self.malformed().any(|fault| told(fault) == first))
    }

    pub(super) fn changes(&self, old: Option<&Arc<Profile>>, new: &Profile) -> Changes {
        let (first, changes) = self.changes.get_or_init(|| (old.cloned(), Changes::of(old, new)));
        match first.as_ref().map(Arc::as_ptr) == old.map(Arc::as_ptr) {
            true => changes.clone(),
            false => Changes::of(old, new),
        }
    }
}

impl Changes {
    fn of(old: Option<&Arc<Profile>>, new: &Profile) -> Self {
        let brought = match old {
            Some(old) => brought(old, new),
            None => new.payloads().iter().collect(),
        };
        Self {
            effect: old.map_or(Effect::Added, |old| effect(old, new)),
            asks_passcode: brought.iter().any(|payload| payload.kind() == Some(PasscodePolicy::TYPE)),
            may_be_refused: may_be_refused(new, &brought),
        }
    }
}

/// R3, for the answer.
fn effect(old: &Profile, new: &Profile) -> Effect {
    let (before, after) = (pairs(old), pairs(new));
    let both: HashSet<_> = before.iter().flatten().collect();
    let both: HashSet<_> = after.iter().flatten().filter(|pair| both.contains(pair)).collect();
    let name = |payload: &Payload| payload.identifier().or(payload.kind()).unwrap_or_default().to_owned();
    let names = |profile: &Profile, pairs: &[Option<Pair<'_>>], stay: bool| {
        let stays = |pair: &Option<Pair<'_>>| pair.as_ref().is_some_and(|pair| both.contains(pair));
        let payloads = profile.payloads().iter().zip(pairs).filter(|(_, pair)| stays(pair) == stay);
        payloads.map(|(payload, _)| name(payload)).collect()
    };
    Effect::Replaced {
        updated: names(new, &after, true),
        removed: names(old, &before, false),
        added: names(new, &after, false),
    }
}

/// Identifier and UUID.
type Pair<'a> = (&'a str, &'a str);

fn pairs(profile: &Profile) -> Vec<Option<Pair<'_>>> {
    profile.payloads().iter().map(|payload| payload.identifier().zip(payload.uuid())).collect()
}

/// The payloads that do not stand in the old profile just so.
fn brought<'a>(old: &Profile, new: &'a Profile) -> Vec<&'a Payload> {
    // By identifier, which a device takes once only: the time grows with the number of payloads and not its square.
    let mut there: HashMap<Option<&str>, Vec<&Payload>> = HashMap::new();
    for payload in old.payloads() {
        there.entry(payload.identifier()).or_default().push(payload);
    }
    let is_new = |payload: &&Payload| !there.get(&payload.identifier()).is_some_and(|same| same.contains(payload));
    new.payloads().iter().filter(is_new).collect()
}

fn may_be_refused(whole: &Profile, brought: &[&Payload]) -> bool {
    let mut profile = Profile::new(whole.identifier(), "");
    // A removal password has rules of its own.
    let brought = brought.iter().filter(|payload| payload.kind() != Some(PASSWORD_TYPE));
    profile.payloads_mut().extend(brought.map(|payload| Payload::clone(payload)));
    check::settings(&profile).iter().any(|finding| finding.code.may_be_refused())
}
