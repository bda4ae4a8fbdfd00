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
        2 => Just(Step::Delete),
        1 => Just(Step::Wipe),
        3 => (told(), told()).prop_map(|(leaf, lock)| Step::List { leaf, lock }),
    ]
}

/// A device, its queue, and what the record has of them. Profiles go by their place among all that were issued.
#[derive(Default)]
struct World {
    record: History,
    seq: u64,
    /// What is installed.
    has: Option<usize>,
    /// Commands in the order of their issue, which is the order in which an MDM delivers.
    waiting: VecDeque<usize>,
    /// Answers that have not arrived yet.
    answers: Vec<(usize, Acknowledgement)>,
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
                if let Some(first) = self.waiting.front() {
                    self.answer(*first, Acknowledgement::NotNow);
                }
            }
            Step::Answer(_) if self.answers.is_empty() => {}
            Step::Answer(which) => {
                let (of, answer) = self.answers.remove(which.index(self.answers.len()));
                self.answer(of, answer);
            }
            Step::Delete => self.has = self.has.filter(|has| self.record.held[*has].locked),
            Step::Wipe => {
                self.is_hidden |= self.has.is_some() || !self.waiting.is_empty();
                (self.has, self.waiting) = (None, VecDeque::new());
            }
            Step::List { leaf, lock } => self.list(*leaf, *lock),
        }
    }

    fn issue(&mut self, leaf: Digest, locked: bool) {
        self.waiting.push_back(self.record.held.len());
        self.record.held.push(Held {
            of: Basis::Issuance(IssuanceId(Uuid::from_u128(self.seq.into()))),
            seq: self.seq,
            uuid: format!("U{}", self.seq),
            leaf,
            leaf_key: leaf,
            locked,
            acknowledgement: None,
        });
    }

    /// By R4 a device takes the place of what it has only by one of the same signer.
    fn take(&mut self, is_heard: bool) {
        let Some(next) = self.waiting.pop_front() else { return };
        let leaf = self.record.held[next].leaf;
        let answer = match self.has {
            Some(has) if self.record.held[has].leaf != leaf => Acknowledgement::Error { chain: vec![] },
            _ => {
                self.has = Some(next);
                Acknowledgement::Acknowledged
            }
        };
        self.is_hidden |= !is_heard;
        self.answers.extend(is_heard.then_some((next, answer)));
    }

    /// As `acknowledge` records it.
    fn answer(&mut self, of: usize, answer: Acknowledgement) {
        let (leaf, basis) = (self.record.held[of].leaf, self.record.held[of].of);
        let is_repeated = self.record.held[of].acknowledgement == Some(Acknowledgement::Acknowledged);
        if !is_repeated {
            self.record.held[of].acknowledgement = Some(answer.clone());
        }
        if answer == Acknowledgement::Acknowledged && !(is_repeated && is_past(&self.record, leaf)) {
            self.know(EvidenceFact::Acknowledged(basis));
        }
    }

    /// As `reconcile` records it.
    fn list(&mut self, leaf: bool, lock: bool) {
        let fact = match self.has.map(|has| &self.record.held[has]) {
            None => Some(EvidenceFact::Absent),
            Some(has) => {
                let listed = ListedProfile {
                    uuid: has.uuid.clone(),
                    leaf: leaf.then_some(has.leaf),
                    removal_disallowed: lock.then_some(has.locked),
                    ..ListedProfile::default()
                };
                seen(&self.record, &listed)
            }
        };
        if fact == Some(EvidenceFact::Absent) {
            self.drop_what_was_overwritten();
        }
        fact.into_iter().for_each(|fact| self.know(fact));
    }

    /// A device that has none when its overwrite was issued already does not begin with the locked one after that.
    fn drop_what_was_overwritten(&mut self) {
        let held = &self.record.held;
        let is_overwritten = |of: usize| held[of..].iter().any(|one| !one.locked && one.leaf == held[of].leaf);
        let before = self.waiting.len();
        self.waiting.retain(|of| !(held[*of].locked && is_overwritten(*of)));
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

    /// The signers of all that locks the device or is on its way to.
    fn needed(&self) -> BTreeSet<Digest> {
        let all = self.has.iter().chain(&self.waiting).map(|of| &self.record.held[*of]);
        all.filter(|held| held.locked).map(|held| held.leaf).collect()
    }

    /// Whether the record has heard of everything.
    fn is_told(&self) -> bool {
        let answered = |held: &Held| !matches!(held.acknowledgement, None | Some(Acknowledgement::NotNow));
        !self.is_hidden && self.answers.is_empty() && self.record.held.iter().all(answered)
    }
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
            let expected = match world.has.map(|has| world.record.held[has].locked) {
                None => State::Gone,
                Some(true) => State::Locked,
                Some(false) => State::Free,
            };
            prop_assert_eq!(world.record.state(), Some(expected), "{:#?}", &world.record);
            prop_assert_eq!(world.record.leaves(), world.needed(), "{:#?}", &world.record);
        }
    }
}
