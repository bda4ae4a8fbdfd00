//! The rule: what a history says, read from its end.

use std::{
    collections::{HashMap, HashSet},
    time::SystemTime,
};

use super::{
    Candidate, Evidence, EvidenceFact, EvidenceKind, Held, History, Installed, Serving, Sighting, candidate, is_issued,
    is_refused, is_taken, may_come,
};
use crate::{
    digest::Digest,
    issuance::{Acknowledgement, Basis},
};

/// A history, and what is asked of it for each of its profiles, so that a long one is read once.
pub(super) struct Reading<'h> {
    history: &'h History,
    by_name: HashMap<Basis, &'h Held>,
    /// What evidence names; not what was handed out again.
    known: HashSet<Basis>,
    /// The place of the oldest of those that look alike: a device that tells no more may mean it.
    oldest: HashMap<(String, Digest), u64>,
    /// The place in the record of the latest one that the device acknowledged.
    acknowledged: u64,
    /// That of the latest one that it acknowledged or was seen with, by leaf and of all.
    seen: HashMap<Digest, u64>,
    latest: u64,
    /// The places of the overwrites that were issued, in order, by leaf; not of those that the device refused.
    overwrites: HashMap<Digest, Vec<u64>>,
}

impl<'h> Reading<'h> {
    pub fn of(history: &'h History) -> Self {
        let by_name: HashMap<_, _> = history.held.iter().map(|held| (held.of, held)).collect();
        let mut oldest = HashMap::new();
        for held in history.held.iter().filter(|held| is_issued(held)) {
            oldest.entry(held.look()).or_insert(held.seq);
        }
        let (mut known, mut acknowledged, mut seen) = (HashSet::new(), 0, HashMap::new());
        for Evidence { fact, .. } in &history.evidence {
            let Some(of) = fact.basis() else { continue };
            let is_acknowledged = matches!(fact, EvidenceFact::Acknowledged(_));
            // One that was handed out again and is seen, or answered for, may be the first still.
            if by_name.get(&of).is_none_or(|held| held.again.is_none()) {
                known.insert(of);
            }
            // Where what was handed in stands among what was issued, nobody knows.
            let Some(held) = by_name.get(&of).filter(|held| is_issued(held)) else { continue };
            // Of the times that it was handed out, and of those that look alike, it may be the first.
            let place = match fact {
                EvidenceFact::Acknowledged(_) => held.seq,
                _ => oldest.get(&held.look()).copied().unwrap_or(held.seq),
            };
            if is_acknowledged {
                acknowledged = place.max(acknowledged);
            }
            let latest = seen.entry(held.leaf).or_default();
            *latest = place.max(*latest);
        }
        let mut overwrites: HashMap<_, Vec<_>> = HashMap::new();
        for held in history.held.iter().filter(|held| !held.locked && may_come(held)) {
            overwrites.entry(held.leaf).or_default().push(held.seq);
        }
        let latest = seen.values().copied().max().unwrap_or_default();
        Self { history, by_name, known, oldest, acknowledged, seen, latest, overwrites }
    }

    pub fn installed(&self) -> Installed {
        let Some(Evidence { seq, at, fact }) = self.history.evidence.last() else { return self.issued_after(0, None) };
        match fact {
            EvidenceFact::Acknowledged(of) => self.acknowledged(*of),
            EvidenceFact::Observed(of) => self.seen_with(*of, EvidenceKind::Observed, false),
            EvidenceFact::Listed { of, locked } => self.seen_with(*of, EvidenceKind::Listed, *locked),
            EvidenceFact::Foreign(sighting) => self.foreign(sighting, *seq),
            EvidenceFact::Absent => self.issued_after(*seq, Some(*at)),
        }
    }

    pub fn to_overwrite(&self) -> Installed {
        match self.installed() {
            Installed::Profile(serving) if !serving.locked && serving.later.iter().any(|later| later.locked) => {
                let since = |held: &&Held| held.locked && serving.later.iter().any(|later| later.of == held.of);
                self.one_of(self.history.held.iter().filter(since).collect(), 0)
            }
            installed => installed,
        }
    }

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

    /// A device that says that the overwrite is locked all the same is not free. One that says the opposite of a locked
    /// profile is not believed: it may ignore the lock and honour it after an update. Of several that look alike it may
    /// have the oldest.
    fn seen_with(&self, of: Basis, evidence: EvidenceKind, locked: bool) -> Installed {
        let Some(held) = self.find(of) else { return Installed::Unknown };
        let mut serving = self.taken(held, evidence);
        let oldest = self.oldest.get(&held.look()).copied().unwrap_or(held.seq);
        let between = |other: &&Held| {
            let place = other.handed_out();
            let is_unanswered = other.again.is_some() || other.acknowledgement.is_none();
            let is_open = may_come(other) && is_unanswered && !self.is_known(other);
            (oldest..held.seq).contains(&place) && other.locked && is_open && self.acknowledged < place
        };
        let between = self.history.held.iter().filter(between).map(candidate);
        serving.later = between.chain(std::mem::take(&mut serving.later)).collect();
        Installed::Profile(Serving { locked: serving.locked || locked, ..serving })
    }

    /// What a device is known to have, and what may have come since it was first handed out.
    fn taken(&self, held: &Held, evidence: EvidenceKind) -> Serving {
        let serving = self.serve(held, evidence, held.seq);
        Serving { locked: serving.locked || self.was_told_locked(held.of), ..serving }
    }

    fn acknowledged(&self, of: Basis) -> Installed {
        let Some(held) = self.find(of) else { return Installed::Unknown };
        let serving = self.taken(held, EvidenceKind::Acknowledged);
        Installed::Profile(match self.doubt(held) {
            None => serving,
            Some(Doubt::Held(before)) => {
                let is_later =
                    |one: &&Held| one.of == before.of || serving.later.iter().any(|later| later.of == one.of);
                Serving { later: self.history.held.iter().filter(is_later).map(candidate).collect(), ..serving }
            }
            // The answer is passed over: what was seen may be locked.
            Some(Doubt::Foreign(sighting, seq)) if !held.locked => return self.foreign(sighting, seq),
            Some(Doubt::Foreign(sighting, _)) => Serving { seen: sighting.leaf, ..serving },
        })
    }

    /// With what may have come after a place in the record.
    fn serve(&self, held: &Held, evidence: EvidenceKind, after: u64) -> Serving {
        let Held { of, leaf, leaf_key, locked, .. } = *held;
        // Evidence that is newer than those and still names the older one does not say that they never come.
        let is_later = |other: &&Held| {
            let is_to_come = !is_issued(held) && self.is_not_there_yet(other, after);
            other.of != of && (is_to_come || self.is_pending_after(other, after))
        };
        let later = self.history.held.iter().filter(is_later).map(candidate).collect();
        Serving { of, leaf, leaf_key, locked, evidence, later, seen: None }
    }

    /// What speaks against the acknowledgement of this one being the newest: what the device was known to have before, where
    /// that is locked and cannot have been replaced by this one. By R4 what another signer signed cannot; and an overwrite
    /// is not issued before what it frees; nor does this one come after what was there when it was known already. Answers may
    /// come late, several in a row, and be for the first of several times that this one was handed out.
    fn doubt(&self, held: &Held) -> Option<Doubt<'_>> {
        let first = self.history.evidence.iter().find(|known| known.fact.basis() == Some(held.of));
        for evidence in self.history.evidence.iter().rev().skip(1) {
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
            let was_at = before.handed_out_before(evidence.seq);
            let is_other = before.leaf != held.leaf || (!held.locked && before.of != held.of);
            let was_known = is_other && first.is_some_and(|first| first.seq < evidence.seq);
            if (before.locked || locked) && (was_known || !self.may_follow(before, was_at, held)) {
                return Some(Doubt::Held(before));
            }
            if was_seen {
                return None;
            }
        }
        None
    }

    /// Whether a profile may have come to a device that had another, locked one, handed out at a place in the record, without
    /// anything between.
    fn may_follow(&self, before: &Held, was_at: u64, held: &Held) -> bool {
        let is_other = before.leaf != held.leaf;
        match was_at > held.seq {
            true => held.locked && !is_other,
            // Made for something older, unless that signer locked the device again meanwhile.
            false if is_other && !held.locked => {
                let between = |one: &Held| {
                    let at = one.handed_out();
                    one.locked && one.leaf == held.leaf && at > was_at && at < held.seq
                };
                self.history.held.iter().any(between)
            }
            false => true,
        }
    }

    /// One whose UUID several of the ledger have, by different signers, is one of those; which, the device did not tell.
    fn foreign(&self, sighting: &Sighting, seq: u64) -> Installed {
        let same = if sighting.uuid.is_empty() { vec![] } else { self.history.of_uuid(&sighting.uuid, sighting.leaf) };
        let earlier = self.may_be(sighting, seq);
        let is_to_come = |held: &Held| self.is_not_there_yet(held, seq) && earlier.iter().all(|one| one.of != held.of);
        let later = self.history.held.iter().filter(|held| self.is_pending_after(held, seq) || is_to_come(held));
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
            (held.handed_out() > seq && may_come(held)) || self.is_put_off(held) || self.is_not_there_yet(held, seq)
        };
        let may_be: Vec<_> = self.history.held.iter().filter(since).collect();
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
            None if self.history.held.is_empty() => Installed::Unknown,
            None => Installed::Refused,
            Some(last) if is_of_one_leaf(&may_be) => {
                Installed::Profile(self.serve(last, EvidenceKind::Issued, after.max(last.seq)))
            }
            _ => Installed::Ambiguous { candidates: may_be.into_iter().map(candidate).collect() },
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
        self.history.held.iter().filter(may_be).filter(|_| !none).map(candidate).collect()
    }

    fn is_pending_after(&self, held: &Held, seq: u64) -> bool {
        let is_open = may_come(held) && !is_taken(held);
        (held.handed_out() > seq && is_open) || self.is_put_off(held)
    }

    /// A locked one that the device did not take then: it asks for it again, whatever was seen on it meanwhile; until it
    /// took that one, another that was issued later, or was seen with a later one of the same signer.
    fn is_put_off(&self, held: &Held) -> bool {
        let put_off = held.locked && held.acknowledgement == Some(Acknowledgement::NotNow);
        put_off && !self.is_past(held)
    }

    /// A locked one that was issued before the device was seen without it, at a place in the record: it was not there yet,
    /// and its owner may install it still. Unless one that was issued later was there meanwhile, as what waits for a device
    /// comes in its order; or its overwrite was issued by then, which says that both are gone.
    fn is_not_there_yet(&self, held: &Held, seen: u64) -> bool {
        let place = held.handed_out();
        let was_passed = self.is_known(held) || self.latest > place;
        held.locked && place < seen && may_come(held) && !was_passed && !self.is_overwritten(held, seen)
    }

    /// Whether an overwrite was issued after this one and before a place in the record.
    fn is_overwritten(&self, held: &Held, until: u64) -> bool {
        let overwrites = self.overwrites.get(&held.leaf).map_or(&[][..], Vec::as_slice);
        overwrites.get(overwrites.partition_point(|seq| *seq < held.handed_out())).is_some_and(|seq| *seq < until)
    }

    /// Whether the device took this one, another that was issued later, or was seen with a later one of the same signer.
    fn is_past(&self, held: &Held) -> bool {
        let place = held.handed_out();
        let later_of_its_signer = self.seen.get(&held.leaf).is_some_and(|latest| *latest > place);
        self.is_known(held) || self.acknowledged > place || later_of_its_signer
    }

    /// Whether evidence names it, which says nothing where it was handed out again: that may be the first still.
    fn is_known(&self, held: &Held) -> bool {
        self.known.contains(&held.of)
    }

    /// Whether the device, the last time that it told, said of a profile that it is locked.
    pub fn was_told_locked(&self, of: Basis) -> bool {
        let Some(one) = self.find(of) else { return false };
        let told = |evidence: &Evidence| match evidence.fact {
            EvidenceFact::Listed { of, locked } if self.find(of)?.looks_like(one) => Some(locked),
            _ => None,
        };
        self.history.evidence.iter().rev().find_map(told).unwrap_or_default()
    }

    fn find(&self, of: Basis) -> Option<&'h Held> {
        self.by_name.get(&of).copied()
    }
}

/// Why an answer may not be the newest.
enum Doubt<'a> {
    /// The device had this one before.
    Held(&'a Held),
    /// The device had one before that is not in the ledger, seen at this place in the record.
    Foreign(&'a Sighting, u64),
}

fn is_of_one_leaf(all: &[&Held]) -> bool {
    all.windows(2).all(|pair| pair[0].leaf == pair[1].leaf)
}
