//! What a device has of one identifier, as far as the record tells: a rule over plain records.
//!
//! The newest evidence decides: the device acknowledged a profile, was seen to have one, or was seen to have none.
//! Without any, what was issued is all that there is to go by. "Newer" is the order of the record, not of clocks.

use std::{collections::BTreeSet, time::SystemTime};

use serde::{Deserialize, Serialize};

use crate::{
    digest::Digest,
    issuance::{Acknowledgement, Basis, Issuance, ProfileFacts, Variant},
};

/// The record of one device and one identifier.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct History {
    /// Every signed profile in the ledger, in the order of the record.
    pub held: Vec<Held>,
    /// All evidence, in the order of the record.
    pub evidence: Vec<Evidence>,
}

/// A signed profile in the ledger: as much of it as the rule needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// Its name.
    pub of: Basis,
    /// Its place in the record.
    pub seq: u64,
    /// Top-level `PayloadUUID`.
    pub uuid: String,
    /// SHA-256 of the leaf certificate that signed it.
    pub leaf: Digest,
    /// SHA-256 of the leaf's public key.
    pub leaf_key: Digest,
    /// Whether its owner cannot delete it.
    pub locked: bool,
    /// What the device last answered.
    pub acknowledgement: Option<Acknowledgement>,
}

/// One thing that is known of the device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evidence {
    /// Its place in the record.
    pub seq: u64,
    /// When it was recorded.
    pub at: SystemTime,
    /// What is known.
    pub fact: EvidenceFact,
}

/// What is known of the device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EvidenceFact {
    /// It answered `Acknowledged` to this profile.
    Acknowledged(Basis),
    /// It handed in this signed profile.
    Observed(Basis),
    /// Its profile list has this one.
    Listed {
        /// Which.
        of: Basis,
        /// Whether the device says that it needs a password or cannot be deleted.
        locked: bool,
    },
    /// Its profile list has one of this identifier that is not in the ledger.
    Foreign(Sighting),
    /// Its profile list has none of this identifier.
    Absent,
}

/// A profile that was seen on a device and is not in the ledger.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sighting {
    /// Top-level `PayloadUUID`.
    pub uuid: String,
    /// SHA-256 of the leaf certificate that signed it, where the device told it.
    pub leaf: Option<Digest>,
    /// Whether its owner cannot delete it, where the device told it.
    pub locked: Option<bool>,
}

/// What a device has of one identifier.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Installed {
    /// This profile: an overwrite is made of it.
    Profile(Serving),
    /// One of these, and they are signed by different leaves; the caller has to name one.
    Ambiguous {
        /// All that it may be, in the order of the record.
        candidates: Vec<Candidate>,
    },
    /// None any more, and none that was issued is still to come.
    Absent {
        /// When it was seen to be gone.
        since: SystemTime,
    },
    /// One that is not in the ledger: it has to be handed in, or one has to be named.
    Foreign {
        /// What was seen.
        sighting: Sighting,
        /// The locked ones of before that it may be, as far as the device told: it may be one of their signers'.
        earlier: Vec<Candidate>,
        /// What was issued since and may be there instead, or was issued before and was not there yet.
        later: Vec<Candidate>,
    },
    /// Nothing that is in the ledger: the device refused all that was issued to it.
    Refused,
    /// Nothing is known.
    Unknown,
}

/// The profile that an overwrite is made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Serving {
    /// Its name.
    pub of: Basis,
    /// SHA-256 of the leaf certificate that signed it, and has to sign the overwrite.
    pub leaf: Digest,
    /// SHA-256 of the leaf's public key.
    pub leaf_key: Digest,
    /// Whether its owner cannot delete it.
    pub locked: bool,
    /// Why it is this one.
    pub evidence: EvidenceKind,
    /// What may be there instead: what was issued after it and neither acknowledged nor refused by the device; locked
    /// ones that the device put off before and that nothing newer took the place of, as it asks for them again; and one
    /// that was issued after it, is known from before, and cannot have been replaced by it, as answers may come late.
    pub later: Vec<Candidate>,
    /// The leaf certificate of what the device was last known to have, if that is another: where the caller named this
    /// one, or a late answer did.
    pub seen: Option<Digest>,
}

/// Why a profile is taken for the installed one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EvidenceKind {
    /// The device acknowledged it.
    Acknowledged,
    /// The device handed it in.
    Observed,
    /// The device's profile list has it.
    Listed,
    /// It was issued; nothing more is known.
    Issued,
    /// The caller named it.
    Named,
}

/// A profile that a device may have.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Candidate {
    /// Its name.
    pub of: Basis,
    /// SHA-256 of the leaf certificate that signed it.
    pub leaf: Digest,
    /// Whether its owner cannot delete it.
    pub locked: bool,
}

/// The state of one device and one identifier, in a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// A locked profile was issued; nothing says that it is installed.
    Issued,
    /// A locked profile is installed.
    Locked,
    /// An overwrite was issued; whether it is installed is not known.
    Overwriting,
    /// A profile that its owner can delete is installed.
    Free,
    /// The profile is gone.
    Gone,
    /// Profiles of different signers were issued; which one is installed is not known.
    Ambiguous,
    /// A profile is installed that is not in the ledger.
    Foreign,
    /// The device refused all that was issued to it; what it has, if anything, is not known.
    Refused,
}

impl State {
    /// Every state.
    pub const ALL: [Self; 8] = [
        Self::Issued,
        Self::Locked,
        Self::Overwriting,
        Self::Free,
        Self::Gone,
        Self::Ambiguous,
        Self::Foreign,
        Self::Refused,
    ];

    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Issued => "issued",
            Self::Locked => "locked",
            Self::Overwriting => "overwriting",
            Self::Free => "free",
            Self::Gone => "gone",
            Self::Ambiguous => "ambiguous",
            Self::Foreign => "foreign",
            Self::Refused => "refused",
        }
    }

    /// The state of this word.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.word() == word)
    }
}

impl Held {
    /// An issuance to which the device has not answered yet.
    pub(crate) fn issued(seq: u64, issuance: &Issuance) -> Self {
        let ProfileFacts { uuid, leaf, leaf_key, .. } = &issuance.profile;
        Self {
            of: Basis::Issuance(issuance.id),
            seq,
            uuid: uuid.clone(),
            leaf: *leaf,
            leaf_key: *leaf_key,
            locked: issuance.variant == Variant::Locked,
            acknowledgement: None,
        }
    }
}

impl EvidenceFact {
    /// The profile of the ledger that it names.
    pub(crate) fn basis(&self) -> Option<Basis> {
        match self {
            Self::Acknowledged(of) | Self::Observed(of) | Self::Listed { of, .. } => Some(*of),
            Self::Foreign(_) | Self::Absent => None,
        }
    }
}

impl History {
    /// What the device has: by the newest evidence, or, where it was seen to have none, by what may have come since.
    pub fn installed(&self) -> Installed {
        let Some(Evidence { seq, at, fact }) = self.evidence.last() else { return self.issued_after(0, None) };
        match fact {
            EvidenceFact::Acknowledged(of) => self.acknowledged(*of),
            EvidenceFact::Observed(of) => self.serving(*of, EvidenceKind::Observed),
            EvidenceFact::Listed { of, locked } => self.listed(*of, *locked),
            EvidenceFact::Foreign(sighting) => self.foreign(sighting, *seq),
            EvidenceFact::Absent => self.issued_after(*seq, Some(*at)),
        }
    }

    /// What an overwrite is made of: of what is installed. Where the owner can delete that, it needs none: where locked
    /// ones may have come since, an overwrite is made as if only those were known.
    pub fn to_overwrite(&self) -> Installed {
        match self.installed() {
            Installed::Profile(serving) if !serving.locked && serving.later.iter().any(|later| later.locked) => {
                let since = |held: &&Held| held.locked && serving.later.iter().any(|later| later.of == held.of);
                self.one_of(self.held.iter().filter(since).collect(), 0)
            }
            installed => installed,
        }
    }

    /// The profile that the caller says the device has; `None` when the record of this device and identifier lacks it.
    pub fn named(&self, of: Basis) -> Option<Serving> {
        let held = self.find(of)?;
        let serving = self.serve(held, EvidenceKind::Named, held.seq);
        let seen = match self.installed() {
            Installed::Profile(known) if known.evidence != EvidenceKind::Issued => Some(known.leaf),
            Installed::Foreign { sighting, .. } => sighting.leaf,
            _ => None,
        };
        Some(Serving { seen: seen.filter(|seen| *seen != serving.leaf), ..serving })
    }

    /// The profiles that a device may mean by a top-level `PayloadUUID` and, where it told it, a leaf; none that it refused.
    pub(crate) fn of_uuid(&self, uuid: &str, leaf: Option<Digest>) -> Vec<&Held> {
        let is = |held: &&Held| held.uuid.eq_ignore_ascii_case(uuid) && leaf.is_none_or(|leaf| leaf == held.leaf);
        self.held.iter().filter(is).filter(|held| !is_refused(held)).collect()
    }

    /// The newest locked profiles that were issued and that the device did not refuse, in the order of the record: what
    /// the caller may name where a list of profiles said too little.
    pub fn last_locked(&self) -> Vec<Candidate> {
        let mut last: Vec<_> = self.held.iter().rev().filter(|held| held.locked && may_come(held)).collect();
        last.truncate(MOST_CANDIDATES);
        last.into_iter().rev().map(candidate).collect()
    }

    /// The state, in a word; `None` when nothing is known.
    pub fn state(&self) -> Option<State> {
        Some(match self.to_overwrite() {
            Installed::Profile(serving) => self.serving_state(&serving),
            Installed::Ambiguous { .. } => State::Ambiguous,
            Installed::Absent { .. } => State::Gone,
            Installed::Foreign { .. } => State::Foreign,
            Installed::Refused => State::Refused,
            Installed::Unknown => return None,
        })
    }

    /// The leaf certificates without whose keys this device could not be freed: of the locked profile that it has, and
    /// of those that it may have. None for a device whose owner can delete the profile, or has.
    pub fn leaves(&self) -> BTreeSet<Digest> {
        let locked = |of: &[Candidate]| of.iter().filter(|one| one.locked).map(|one| one.leaf).collect::<BTreeSet<_>>();
        match self.to_overwrite() {
            Installed::Profile(serving) => {
                let mut leaves = locked(&serving.later);
                leaves.extend(serving.locked.then_some(serving.leaf));
                leaves.extend(serving.seen);
                leaves
            }
            Installed::Ambiguous { candidates } => locked(&candidates),
            Installed::Foreign { sighting, earlier, later } => {
                let mut leaves = locked(&[earlier, later].concat());
                leaves.extend(sighting.leaf.filter(|_| sighting.locked != Some(false)));
                leaves
            }
            Installed::Absent { .. } | Installed::Refused | Installed::Unknown => BTreeSet::new(),
        }
    }

    fn serving(&self, of: Basis, evidence: EvidenceKind) -> Installed {
        self.find(of).map_or(Installed::Unknown, |held| Installed::Profile(self.serve(held, evidence, held.seq)))
    }

    fn acknowledged(&self, of: Basis) -> Installed {
        let Some(held) = self.find(of) else { return Installed::Unknown };
        let serving = self.serve(held, EvidenceKind::Acknowledged, held.seq);
        Installed::Profile(match self.doubt(held) {
            None => serving,
            Some(Doubt::Held(before)) => {
                let is_later =
                    |one: &&Held| one.of == before.of || serving.later.iter().any(|later| later.of == one.of);
                Serving { later: self.held.iter().filter(is_later).map(candidate).collect(), ..serving }
            }
            // The answer is passed over: what was seen may be locked.
            Some(Doubt::Foreign(sighting, seq)) if !held.locked => return self.foreign(sighting, seq),
            Some(Doubt::Foreign(sighting, _)) => Serving { seen: sighting.leaf, ..serving },
        })
    }

    /// A device that says that the overwrite is locked all the same is not free. One that says the opposite of a locked
    /// profile is not believed: it may ignore the lock and honour it after an update.
    fn listed(&self, of: Basis, locked: bool) -> Installed {
        match self.serving(of, EvidenceKind::Listed) {
            Installed::Profile(serving) => Installed::Profile(Serving { locked: serving.locked || locked, ..serving }),
            other => other,
        }
    }

    /// With what may have come after a place in the record.
    fn serve(&self, held: &Held, evidence: EvidenceKind, after: u64) -> Serving {
        let Held { of, leaf, leaf_key, locked, .. } = *held;
        // Evidence that is newer than those and still names the older one does not say that they never come.
        let is_later = |other: &&Held| other.of != of && self.is_pending_after(other, after);
        let later = self.held.iter().filter(is_later).map(candidate).collect();
        Serving { of, leaf, leaf_key, locked, evidence, later, seen: None }
    }

    /// What speaks against the acknowledgement of this one being the newest: what the device was known to have before, where
    /// that is locked and cannot have been replaced by this one. By R4 what another signer signed cannot; and an overwrite
    /// is not issued before what it frees. Answers may come late, several in a row.
    fn doubt(&self, held: &Held) -> Option<Doubt<'_>> {
        for evidence in self.evidence.iter().rev().skip(1) {
            let (of, locked, was_seen) = match &evidence.fact {
                EvidenceFact::Acknowledged(of) => (*of, false, false),
                EvidenceFact::Observed(of) => (*of, false, true),
                EvidenceFact::Listed { of, locked } => (*of, *locked, true),
                EvidenceFact::Foreign(sighting) => {
                    let is_other = !held.locked || sighting.leaf.is_some_and(|leaf| leaf != held.leaf);
                    let is_doubt = is_other && sighting.locked != Some(false) && evidence.seq > held.seq;
                    return is_doubt.then_some(Doubt::Foreign(sighting, evidence.seq));
                }
                EvidenceFact::Absent => return None,
            };
            let before = self.find(of)?;
            if (before.locked || locked) && !self.may_follow(before, held) {
                return Some(Doubt::Held(before));
            }
            if was_seen {
                return None;
            }
        }
        None
    }

    /// Whether a profile may have come to a device that had another, locked one, without anything between.
    fn may_follow(&self, before: &Held, held: &Held) -> bool {
        let is_other = before.leaf != held.leaf;
        match before.seq > held.seq {
            true => held.locked && !is_other,
            // Made for something older, unless that signer locked the device again meanwhile.
            false if is_other && !held.locked => {
                let between =
                    |one: &Held| one.locked && one.leaf == held.leaf && one.seq > before.seq && one.seq < held.seq;
                self.held.iter().any(between)
            }
            false => true,
        }
    }

    /// One whose UUID several of the ledger have, by different signers, is one of those; which, the device did not tell.
    fn foreign(&self, sighting: &Sighting, seq: u64) -> Installed {
        let same = if sighting.uuid.is_empty() { vec![] } else { self.of_uuid(&sighting.uuid, sighting.leaf) };
        let earlier = self.may_be(sighting, seq);
        let is_to_come = |held: &Held| self.is_not_there_yet(held, seq) && earlier.iter().all(|one| one.of != held.of);
        let later = self.held.iter().filter(|held| self.is_pending_after(held, seq) || is_to_come(held));
        if !is_of_one_leaf(&same) {
            let more = later.filter(|held| same.iter().all(|one| one.of != held.of));
            let candidates = same.iter().copied().chain(more).map(candidate).collect();
            return Installed::Ambiguous { candidates };
        }
        let later = later.map(candidate).collect();
        Installed::Foreign { sighting: sighting.clone(), earlier, later }
    }

    /// Without evidence an overwrite does not count as installed as long as there is a locked profile: made of that, a
    /// second overwrite fits as well when the first one did arrive.
    fn issued_after(&self, seq: u64, gone: Option<SystemTime>) -> Installed {
        let since = |held: &&Held| {
            (held.seq > seq && may_come(held)) || self.is_put_off(held) || self.is_not_there_yet(held, seq)
        };
        let may_be: Vec<_> = self.held.iter().filter(since).collect();
        let locked: Vec<_> = may_be.iter().copied().filter(|held| held.locked).collect();
        match gone {
            Some(since) if may_be.is_empty() => Installed::Absent { since },
            _ => self.one_of(if locked.is_empty() { may_be } else { locked }, seq),
        }
    }

    /// The newest of those that may be there, where one leaf signed all, with what may have come after it and a place in the
    /// record.
    fn one_of(&self, may_be: Vec<&Held>, after: u64) -> Installed {
        match may_be.last() {
            None if self.held.is_empty() => Installed::Unknown,
            None => Installed::Refused,
            Some(last) if is_of_one_leaf(&may_be) => {
                Installed::Profile(self.serve(last, EvidenceKind::Issued, after.max(last.seq)))
            }
            _ => Installed::Ambiguous { candidates: may_be.into_iter().map(candidate).collect() },
        }
    }

    fn serving_state(&self, serving: &Serving) -> State {
        let later = |locked: bool| serving.later.iter().any(|one| one.locked == locked);
        match (serving.locked, serving.evidence) {
            (true, _) if later(false) => State::Overwriting,
            (true, EvidenceKind::Issued) => State::Issued,
            (true, _) => State::Locked,
            (false, EvidenceKind::Issued) => State::Overwriting,
            (false, _) if later(true) => State::Issued,
            (false, _) => State::Free,
        }
    }

    /// A device replaces a profile only by one of the same signer (R4): what is seen under an identifier may be signed as
    /// any locked one that it may have had before.
    fn may_be(&self, sighting: &Sighting, seq: u64) -> Vec<Candidate> {
        let may_be = |held: &&Held| {
            held.seq < seq
                && held.locked
                && !is_refused(held)
                && !self.is_put_off(held)
                && sighting.leaf.is_none_or(|leaf| leaf == held.leaf)
        };
        let none = sighting.locked == Some(false);
        self.held.iter().filter(may_be).filter(|_| !none).map(candidate).collect()
    }

    fn is_pending_after(&self, held: &Held, seq: u64) -> bool {
        let is_open = may_come(held) && held.acknowledgement != Some(Acknowledgement::Acknowledged);
        (held.seq > seq && is_open) || self.is_put_off(held)
    }

    /// A locked one that the device did not take then: it asks for it again, whatever was seen on it meanwhile; until it
    /// took that one, another that was issued later, or was seen with a later one of the same signer.
    fn is_put_off(&self, held: &Held) -> bool {
        let put_off = held.locked && held.acknowledgement == Some(Acknowledgement::NotNow);
        put_off && !self.is_past(held)
    }

    /// A locked one that was issued before the device was seen without it, at a place in the record: it was not there yet,
    /// and its owner may install it still. Unless its overwrite was issued by then, which says that both are gone.
    fn is_not_there_yet(&self, held: &Held, seen: u64) -> bool {
        let is_overwrite = |one: &Held| !one.locked && one.leaf == held.leaf && (held.seq..seen).contains(&one.seq);
        let may_be = held.locked && held.seq < seen && may_come(held) && !self.held.iter().any(is_overwrite);
        may_be && !self.is_past(held)
    }

    /// Whether the device took this one, or a later one in its place.
    fn is_past(&self, held: &Held) -> bool {
        let is_past = |Evidence { fact, .. }: &Evidence| {
            let Some(of) = fact.basis() else { return false };
            let is_enough = |other: &Held| matches!(fact, EvidenceFact::Acknowledged(_)) || other.leaf == held.leaf;
            of == held.of || self.find(of).is_some_and(|other| other.seq > held.seq && is_enough(other))
        };
        self.evidence.iter().any(is_past)
    }

    fn find(&self, of: Basis) -> Option<&Held> {
        self.held.iter().find(|held| held.of == of)
    }
}

/// Why an answer may not be the newest.
enum Doubt<'a> {
    /// The device had this one before.
    Held(&'a Held),
    /// The device had one before that is not in the ledger, seen at this place in the record.
    Foreign(&'a Sighting, u64),
}

/// An observed profile is there by its evidence or not at all; one that the device refused did not come (fact R8).
fn may_come(held: &Held) -> bool {
    matches!(held.of, Basis::Issuance(_)) && !is_refused(held)
}

fn is_of_one_leaf(all: &[&Held]) -> bool {
    all.windows(2).all(|pair| pair[0].leaf == pair[1].leaf)
}

fn is_refused(held: &Held) -> bool {
    matches!(held.acknowledgement, Some(Acknowledgement::Error { .. }))
}

fn candidate(held: &Held) -> Candidate {
    Candidate { of: held.of, leaf: held.leaf, locked: held.locked }
}

/// How many profiles are offered to be named where all may be meant.
const MOST_CANDIDATES: usize = 10;

#[cfg(test)]
mod tests;
