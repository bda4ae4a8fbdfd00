//! What a device has of one identifier, as far as the record tells: a rule over plain records.
//!
//! The newest evidence decides: the device acknowledged a profile, was seen to have one, or was seen to have none.
//! Without any, what was issued is all that there is to go by. "Newer" is the order of the record, not of clocks.

mod reading;

use std::{collections::BTreeSet, time::SystemTime};

use serde::{Deserialize, Serialize};

use self::reading::Reading;
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
    /// What the device last answered; nothing where it was handed out again since.
    pub acknowledgement: Option<Acknowledgement>,
    /// The place in the record at which it was last handed out again.
    pub again: Option<u64>,
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
        /// When it was recorded that it was seen to be gone.
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
    /// ones that the device put off before and that nothing newer took the place of, as it asks for them again; one that
    /// was issued after it, is known from before, and cannot have been replaced by it, as answers may come late; and where
    /// this one was not issued here, those that were not there yet.
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
            again: None,
        }
    }

    /// The place in the record at which it was last handed out.
    pub(crate) fn handed_out(&self) -> u64 {
        self.again.unwrap_or(self.seq)
    }

    /// The place at which it was last handed out before another place.
    fn handed_out_before(&self, seq: u64) -> u64 {
        self.again.filter(|again| *again < seq).unwrap_or(self.seq)
    }

    /// What a device tells of it, in a list or by its bytes.
    fn look(&self) -> (String, Digest) {
        (self.uuid.to_ascii_lowercase(), self.leaf)
    }

    /// Whether a device that tells no more may mean this one by the other.
    pub(crate) fn looks_like(&self, other: &Held) -> bool {
        self.leaf == other.leaf && self.uuid.eq_ignore_ascii_case(&other.uuid)
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
        Reading::of(self).installed()
    }

    /// What an overwrite is made of: of what is installed. Where the owner can delete that, it needs none: where locked
    /// ones may have come since, an overwrite is made as if only those were known.
    pub fn to_overwrite(&self) -> Installed {
        Reading::of(self).to_overwrite()
    }

    /// The profile that the caller says the device has; `None` when the record of this device and identifier lacks it.
    pub fn named(&self, of: Basis) -> Option<Serving> {
        Reading::of(self).named(of)
    }

    /// The profiles that a device may mean by a top-level `PayloadUUID` and, where it told it, a leaf. One that it refused
    /// only where there is no other: it may have come all the same, by hand or in another try.
    pub(crate) fn of_uuid(&self, uuid: &str, leaf: Option<Digest>) -> Vec<&Held> {
        let is = |held: &&Held| held.uuid.eq_ignore_ascii_case(uuid) && leaf.is_none_or(|leaf| leaf == held.leaf);
        let (refused, others): (Vec<_>, Vec<_>) = self.held.iter().filter(is).partition(|held| is_refused(held));
        if others.is_empty() { refused } else { others }
    }

    /// Whether the device, the last time that it told, said of a profile that it is locked: less that is told later does
    /// not take that back.
    pub(crate) fn was_told_locked(&self, of: Basis) -> bool {
        Reading::of(self).was_told_locked(of)
    }

    /// The newest locked profiles that were issued and that the device did not refuse, in the order of the record: what
    /// the caller may name where a list of profiles said too little. That of each signer goes before the others.
    pub fn last_locked(&self) -> Vec<Candidate> {
        let newest = self.held.iter().rev().filter(|held| held.locked && may_come(held));
        let mut leaves = BTreeSet::new();
        let (firsts, others): (Vec<_>, Vec<_>) = newest.partition(|held| leaves.insert(held.leaf));
        let mut last: Vec<_> = firsts.into_iter().chain(others).take(MOST_CANDIDATES).collect();
        last.sort_by_key(|held| held.seq);
        last.into_iter().map(candidate).collect()
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
}

/// An observed profile is there by its evidence or not at all; one that the device refused did not come (fact R8).
fn may_come(held: &Held) -> bool {
    is_issued(held) && !is_refused(held)
}

fn is_issued(held: &Held) -> bool {
    matches!(held.of, Basis::Issuance(_))
}

/// As [`is_taken`].
fn is_refused(held: &Held) -> bool {
    held.again.is_none() && matches!(held.acknowledgement, Some(Acknowledgement::Error { .. }))
}

/// One answer says nothing of the other times that it was handed out.
fn is_taken(held: &Held) -> bool {
    held.again.is_none() && held.acknowledgement == Some(Acknowledgement::Acknowledged)
}

fn candidate(held: &Held) -> Candidate {
    Candidate { of: held.of, leaf: held.leaf, locked: held.locked }
}

/// How many profiles are offered to be named where all may be meant.
const MOST_CANDIDATES: usize = 10;

#[cfg(test)]
mod tests;
