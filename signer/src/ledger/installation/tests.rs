//! Whatever happens to a device, and in whatever order its core hears of it, the record never lets go of what locks it.

use std::collections::{BTreeSet, VecDeque};

use proptest::{collection::vec, prelude::*, sample::Index};
use uuid::Uuid;

use super::*;
use crate::{installed::State, issuance::IssuanceId, moment::from_millis};

/// What may happen.
#[derive(Clone, Debug)]
enum Step {
    /// A locked profile is issued, signed by one of three.
    Lock(u8),
    /// The overwrite of what the record says is issued.
    Overwrite,
    /// The device comes to the next command that waits for it, and answers; the answer may be lost.
    Take { is_heard: bool },
    /// The device is not ready for the next command: it waits on.
    PutOff,
    /// An answer that is under way arrives, whichever.
    Answer(Index),
    /// A profile comes that was never issued here, signed by one of three.
    Stranger { leaf: u8, locked: bool },
    /// What the device has is handed in.
    HandIn,
    /// The bytes of a locked profile leave once more.
    Again(Index),
    /// The core sends one that was answered for once more, of itself, and hears the answer before any other.
    Resend(Index),
    /// The device turns out to be one that keeps overwrites of the form at hand locked (L4), or no longer.
    Stick(bool),
    /// The owner deletes what can be deleted.
    Delete,
    /// The device is wiped, and what waited for it is dropped.
    Wipe,
    /// A list of all profiles arrives, with as much as the device tells. Its UUID every device tells.
    List { leaf: bool, lock: bool },
}

fn step() -> impl Strategy<Value = Step> {
    let told = || prop::bool::weighted(0.7);
    prop_oneof![
        3 => (0_u8..3).prop_map(Step::Lock),
        3 => Just(Step::Overwrite),
        6 => prop::bool::weighted(0.8).prop_map(|is_heard| Step::Take { is_heard }),
        1 => Just(Step::PutOff),
        4 => any::<Index>().prop_map(Step::Answer),
        1 => (0_u8..3, any::<bool>()).prop_map(|(leaf, locked)| Step::Stranger { leaf, locked }),
        1 => Just(Step::HandIn),
        2 => any::<Index>().prop_map(Step::Again),
        2 => any::<Index>().prop_map(Step::Resend),
        1 => any::<bool>().prop_map(Step::Stick),
        2 => Just(Step::Delete),
        1 => Just(Step::Wipe),
        3 => (told(), told()).prop_map(|(leaf, lock)| Step::List { leaf, lock }),
    ]
}

/// A device, its queue, and what the record has of them.
#[derive(Default)]
struct World {
    record: History,
    seq: u64,
    /// What is installed.
    has: Option<Held>,
    /// Commands in the order of their issue, which is the order in which an MDM delivers.
    waiting: VecDeque<Held>,
    /// Answers that have not arrived yet.
    answers: Vec<(Held, Acknowledgement)>,
    /// Whether it is locked whatever it has.
    sticks: bool,
    /// Whether it ever told that.
    told_stuck: bool,
    /// Whether anything happened of which the record cannot know.
    is_hidden: bool,
}

impl World {
    fn go(&mut self, step: &Step) {
        self.seq += 1;
        match step {
            Step::Lock(leaf) => self.issue(Digest([*leaf; 32]), true),
            Step::Overwrite => {
                if let Installed::Profile(of) = self.record.to_overwrite() {
                    self.issue(of.leaf, false);
                }
            }
            Step::Take { is_heard } => self.take(*is_heard),
            Step::PutOff => {
                if let Some(first) = self.waiting.front().cloned() {
                    self.answer(&first, Acknowledgement::NotNow);
                }
            }
            Step::Stranger { leaf, locked } => {
                let stranger = self.profile(Basis::Observed, Digest([*leaf; 32]), *locked);
                self.is_hidden |= self.install(&stranger);
            }
            Step::HandIn => self.hand_in(),
            Step::Again(which) => self.hand_out_again(which),
            Step::Resend(which) => self.resend(which),
            Step::Answer(_) if self.answers.is_empty() => {}
            Step::Answer(which) => {
                let (of, answer) = self.answers.remove(which.index(self.answers.len()));
                self.answer(&of, answer);
            }
            Step::Stick(sticks) => {
                if self.has.is_none() {
                    (self.sticks, self.told_stuck) = (*sticks, false);
                }
            }
            Step::Delete => self.has = self.has.take().filter(|has| has.locked || self.sticks),
            Step::Wipe => {
                self.is_hidden |= self.has.is_some() || !self.waiting.is_empty();
                (self.has, self.waiting) = (None, VecDeque::new());
            }
            Step::List { leaf, lock } => self.list(*leaf, *lock),
        }
    }

    fn issue(&mut self, leaf: Digest, locked: bool) {
        let mut issued = self.profile(|name| Basis::Issuance(IssuanceId(name.0)), leaf, locked);
        // Overwrites of the same profile have the same UUID.
        if let (false, Installed::Profile(of)) = (locked, self.record.to_overwrite()) {
            issued.uuid = format!("O{}", of.of.uuid());
        }
        self.record.held.push(issued.clone());
        self.waiting.push_back(issued);
    }

    fn profile(&self, of: fn(ObservationId) -> Basis, leaf: Digest, locked: bool) -> Held {
        let (of, uuid) = (of(ObservationId(Uuid::from_u128(self.seq.into()))), format!("U{}", self.seq));
        Held { of, seq: self.seq, uuid, leaf, leaf_key: leaf, locked, acknowledgement: None, again: None }
    }

    /// As `hand_out_again` records it. Answers of before may come after it, and be for the first time.
    fn hand_out_again(&mut self, which: &Index) {
        let is_issued = |held: &&mut Held| held.locked && matches!(held.of, Basis::Issuance(_));
        let mut issued: Vec<&mut Held> = self.record.held.iter_mut().filter(is_issued).collect();
        if issued.is_empty() {
            return;
        }
        let held = issued.swap_remove(which.index(issued.len()));
        (held.acknowledgement, held.again) = (None, Some(self.seq));
        self.waiting.push_back(held.clone());
    }

    /// Of answers that are under way still, nothing but what was seen says that they are older.
    fn resend(&mut self, which: &Index) {
        let was_seen = |of: Basis| self.record.evidence.iter().any(|known| known.fact.basis() == Some(of));
        let taken = |held: &&Held| held.acknowledgement == Some(Acknowledgement::Acknowledged);
        let answered: Vec<&Held> = self.record.held.iter().filter(|held| held.locked).filter(taken).collect();
        if answered.is_empty() || !self.answers.iter().all(|(of, _)| was_seen(of.of)) {
            return;
        }
        let held = answered[which.index(answered.len())].clone();
        if self.install(&held) {
            self.answer(&held, Acknowledgement::Acknowledged);
        }
    }

    /// By R4 a device takes the place of what it has only by one of the same signer.
    fn install(&mut self, new: &Held) -> bool {
        let is_taken = self.has.as_ref().is_none_or(|has| has.leaf == new.leaf);
        if is_taken {
            self.told_stuck &= self.has.as_ref().is_some_and(|has| has.looks_like(new));
            self.has = Some(new.clone());
        }
        is_taken
    }

    fn take(&mut self, is_heard: bool) {
        let Some(next) = self.waiting.pop_front() else { return };
        let answer = match self.install(&next) {
            true => Acknowledgement::Acknowledged,
            false => Acknowledgement::Error { chain: vec![] },
        };
        self.is_hidden |= !is_heard;
        self.answers.extend(is_heard.then_some((next, answer)));
    }

    /// As `acknowledge` records it.
    fn answer(&mut self, of: &Held, answer: Acknowledgement) {
        let held = self.record.held.iter_mut().find(|held| held.of == of.of).expect("what was issued is in the record");
        let is_repeated = held.acknowledgement == Some(Acknowledgement::Acknowledged);
        if !is_repeated {
            held.acknowledgement = Some(answer.clone());
        }
        if answer == Acknowledgement::Acknowledged {
            self.know(EvidenceFact::Acknowledged(of.of));
        }
    }

    /// As `observe` records it.
    fn hand_in(&mut self) {
        let Some(has) = self.has.clone() else { return };
        if self.record.held.iter().all(|held| held.of != has.of) {
            self.drop_what_was_overwritten();
            self.record.held.push(Held { seq: self.seq, ..has.clone() });
        }
        // Their bytes are the same, and the newest is found.
        let newest = self.record.held.iter().rfind(|held| held.looks_like(&has)).map_or(has.of, |held| held.of);
        self.know(EvidenceFact::Observed(newest));
    }

    /// As `reconcile` records it.
    fn list(&mut self, leaf: bool, lock: bool) {
        let fact = match &self.has {
            None => Some(EvidenceFact::Absent),
            Some(has) => {
                let listed = ListedProfile {
                    uuid: has.uuid.clone(),
                    leaf: leaf.then_some(has.leaf),
                    removal_disallowed: lock.then_some(has.locked || self.sticks),
                    ..ListedProfile::default()
                };
                seen(&self.record, &listed)
            }
        };
        if lock && matches!(fact, Some(EvidenceFact::Listed { .. })) {
            self.told_stuck = self.sticks;
        }
        if matches!(fact, Some(EvidenceFact::Absent | EvidenceFact::Foreign(_))) {
            self.drop_what_was_overwritten();
        }
        fact.into_iter().for_each(|fact| self.know(fact));
    }

    /// A device that is without one when its overwrite was issued already does not begin with the locked one after that.
    fn drop_what_was_overwritten(&mut self) {
        let is_issued = |one: &Held| matches!(one.of, Basis::Issuance(_)) && !is_refused(one);
        let is_overwrite = |held: &Held, one: &Held| {
            !one.locked && is_issued(one) && one.leaf == held.leaf && one.seq > held.handed_out()
        };
        let before = self.waiting.len();
        self.waiting.retain(|held| !held.locked || !self.record.held.iter().any(|one| is_overwrite(held, one)));
        self.is_hidden |= self.waiting.len() < before;
    }

    fn know(&mut self, fact: EvidenceFact) {
        let is_known =
            self.record.evidence.last().is_some_and(|last| {
                last.fact == fact && self.record.held.last().is_none_or(|held| held.seq < last.seq)
            });
        if !is_known {
            self.record.evidence.push(Evidence { seq: self.seq, at: from_millis(0), fact });
        }
    }

    /// The signers of all that locks the device or is on its way to, as far as it is in the record.
    fn needed(&self) -> BTreeSet<Digest> {
        let is_recorded = |one: &&Held| self.record.held.iter().any(|held| held.of == one.of);
        let all = self.has.iter().chain(&self.waiting).filter(is_recorded);
        let mut needed: BTreeSet<_> = all.filter(|held| held.locked).map(|held| held.leaf).collect();
        needed.extend(self.has.as_ref().filter(|_| self.told_stuck).map(|has| has.leaf));
        needed
    }

    /// Whether the record has heard of everything.
    fn is_told(&self) -> bool {
        let answered = |held: &Held| !matches!(held.acknowledgement, None | Some(Acknowledgement::NotNow));
        let is_quiet = self.answers.is_empty() && self.waiting.is_empty();
        !self.is_hidden && is_quiet && self.record.held.iter().all(answered) && !self.is_open_again()
    }

    /// Whether one was handed out again and no overwrite was issued since: it counts, whatever the device tells.
    fn is_open_again(&self) -> bool {
        let is_overwritten = |again| self.record.held.iter().any(|one| !one.locked && one.seq > again);
        self.record.held.iter().filter_map(|held| held.again).any(|again| !is_overwritten(again))
    }
}

fn is_refused(held: &Held) -> bool {
    matches!(held.acknowledgement, Some(Acknowledgement::Error { .. }))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_locks_a_device_or_is_on_its_way_to_is_never_let_go(steps in vec(step(), 1..24)) {
        let mut world = World::default();
        for step in &steps {
            world.go(step);
            let (state, kept) = (world.record.state(), world.record.leaves());
            let needed = world.needed();
            prop_assert!(needed.is_subset(&kept), "{needed:?} of {kept:?} in {state:?}: {:#?}", world.record);
            if !needed.is_empty() {
                let let_go = [Some(State::Free), Some(State::Gone), Some(State::Refused), None];
                prop_assert!(!let_go.contains(&state), "{state:?}: {:#?}", world.record);
            }
        }
    }

    #[test]
    fn what_is_known_of_a_device_that_told_everything_is_what_it_has(steps in vec(step(), 1..24)) {
        let mut world = World::default();
        for step in &steps {
            world.go(step);
            if !world.is_told() || world.record.held.is_empty() {
                continue;
            }
            world.go(&Step::List { leaf: true, lock: true });
            let expected = match world.has.as_ref().map(|has| has.locked || world.sticks) {
                None => State::Gone,
                Some(true) => State::Locked,
                Some(false) => State::Free,
            };
            prop_assert_eq!(world.record.state(), Some(expected), "{:#?}", &world.record);
            prop_assert_eq!(world.record.leaves(), world.needed(), "{:#?}", &world.record);
        }
    }
}
