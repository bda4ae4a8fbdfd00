use uuid::Uuid;

use super::*;
use crate::{
    issuance::{IssuanceId, ObservationId},
    moment::from_millis,
};

const A: u8 = 0xa;
const B: u8 = 0xb;

fn of(seq: u64) -> Basis {
    Basis::Issuance(IssuanceId(Uuid::from_u128(seq.into())))
}

fn held(seq: u64, leaf: u8, locked: bool) -> Held {
    let (leaf, leaf_key) = (Digest([leaf; 32]), Digest([leaf; 32]));
    Held { of: of(seq), seq, uuid: seq.to_string(), leaf, leaf_key, locked, acknowledgement: None, again: None }
}

fn locked(seq: u64, leaf: u8) -> Held {
    held(seq, leaf, true)
}

fn overwrite(seq: u64, leaf: u8) -> Held {
    held(seq, leaf, false)
}

fn answered(held: Held, acknowledgement: Acknowledgement) -> Held {
    Held { acknowledgement: Some(acknowledgement), ..held }
}

fn known(seq: u64, fact: EvidenceFact) -> Evidence {
    Evidence { seq, at: from_millis(seq as i64), fact }
}

fn acknowledged(seq: u64, what: u64) -> Evidence {
    known(seq, EvidenceFact::Acknowledged(of(what)))
}

fn history(held: Vec<Held>, evidence: Vec<Evidence>) -> History {
    History { held, evidence }
}

fn serving(history: &History) -> Serving {
    match history.installed() {
        Installed::Profile(serving) => serving,
        other => panic!("{other:?}"),
    }
}

fn names(candidates: &[Candidate]) -> Vec<Basis> {
    candidates.iter().map(|one| one.of).collect()
}

#[test]
fn nothing_is_known_of_a_device_without_a_record() {
    assert_eq!(History::default().installed(), Installed::Unknown);
    assert_eq!(History::default().state(), None);
}

#[test]
fn follows_the_last_acknowledged_profile_and_tells_what_was_issued_later() {
    let history = history(vec![locked(1, A), locked(3, B)], vec![acknowledged(2, 1)]);
    let serving = serving(&history);
    assert_eq!((serving.of, serving.evidence), (of(1), EvidenceKind::Acknowledged));
    assert_eq!(names(&serving.later), [of(3)]);
    assert_eq!(history.state(), Some(State::Locked));
}

#[test]
fn follows_the_order_of_answers_where_an_older_profile_was_installed_last() {
    let both = vec![
        answered(locked(1, A), Acknowledgement::Acknowledged),
        answered(locked(2, B), Acknowledgement::Acknowledged),
    ];
    let history = history(both, vec![acknowledged(3, 2), acknowledged(4, 1)]);
    assert_eq!(serving(&history).of, of(1));
    // By R4 only one of both can have come over the other: the answers may have come in the wrong order.
    assert_eq!(names(&serving(&history).later), [of(2)]);
    assert_eq!(history.leaves(), BTreeSet::from([Digest([A; 32]), Digest([B; 32])]));
}

#[test]
fn an_older_profile_of_the_same_signer_or_one_that_was_seen_leaves_no_doubt() {
    let both = |leaf| {
        vec![
            answered(locked(1, A), Acknowledgement::Acknowledged),
            answered(locked(2, leaf), Acknowledgement::Acknowledged),
        ]
    };
    let observed = known(4, EvidenceFact::Observed(of(1)));
    for (leaf, last) in [(A, acknowledged(4, 1)), (B, observed)] {
        let history = history(both(leaf), vec![acknowledged(3, 2), last]);
        assert_eq!((serving(&history).of, serving(&history).later), (of(1), vec![]));
    }
}

#[test]
fn a_locked_profile_that_the_device_put_off_may_come_whatever_was_seen_since() {
    let put_off = || answered(locked(1, A), Acknowledgement::NotNow);
    let absent = history(vec![put_off()], vec![known(2, EvidenceFact::Absent)]);
    assert_eq!((serving(&absent).of, absent.state()), (of(1), Some(State::Issued)));
    let other = history(vec![put_off(), locked(2, B)], vec![known(3, EvidenceFact::Observed(of(2)))]);
    assert_eq!((serving(&other).of, names(&serving(&other).later)), (of(2), vec![of(1)]));
    let foreign = history(vec![put_off()], vec![sighted(2, Some(B), Some(true))]);
    let Installed::Foreign { earlier, later, .. } = foreign.installed() else { panic!() };
    assert_eq!((names(&earlier), names(&later)), (vec![], vec![of(1)]));
    for history in [absent, other, foreign] {
        assert!(history.leaves().contains(&Digest([A; 32])));
    }
    let seen_and_gone =
        vec![known(2, EvidenceFact::Listed { of: of(1), locked: true }), known(3, EvidenceFact::Absent)];
    assert_eq!(history(vec![put_off()], seen_and_gone).state(), Some(State::Gone));
}

#[test]
fn what_was_put_off_ends_with_a_later_one_that_the_device_took() {
    let put_off = || answered(locked(1, A), Acknowledgement::NotNow);
    for leaf in [A, B] {
        let took = |evidence| history(vec![put_off(), locked(2, leaf), overwrite(4, leaf)], evidence);
        let locked = took(vec![acknowledged(3, 2)]);
        assert_eq!((serving(&locked).of, locked.leaves()), (of(2), BTreeSet::from([Digest([leaf; 32])])));
        let free = took(vec![acknowledged(3, 2), acknowledged(5, 4)]);
        assert_eq!((free.state(), free.leaves()), (Some(State::Free), BTreeSet::new()));
        let gone = took(vec![acknowledged(3, 2), acknowledged(5, 4), known(6, EvidenceFact::Absent)]);
        assert_eq!((gone.state(), gone.leaves()), (Some(State::Gone), BTreeSet::new()));
    }
    let seen = history(vec![put_off(), locked(2, A)], vec![known(3, EvidenceFact::Observed(of(2)))]);
    assert_eq!(serving(&seen).later, []);
}

#[test]
fn a_late_answer_is_doubted_whatever_the_device_was_known_by_before() {
    let taken = |held| answered(held, Acknowledgement::Acknowledged);
    let listed = known(4, EvidenceFact::Listed { of: of(3), locked: true });
    let observed = known(4, EvidenceFact::Observed(of(3)));
    let both = BTreeSet::from([Digest([A; 32]), Digest([B; 32])]);
    for before in [
        vec![acknowledged(4, 3), known(5, EvidenceFact::Listed { of: of(3), locked: true })],
        vec![listed],
        vec![observed],
        vec![acknowledged(4, 3), acknowledged(5, 1)],
        vec![acknowledged(4, 3), acknowledged(5, 2)],
    ] {
        let held = vec![taken(locked(1, A)), taken(locked(2, A)), taken(locked(3, B))];
        let late = history(held, [before.clone(), vec![acknowledged(9, 2)]].concat());
        assert_eq!((names(&serving(&late).later), late.leaves()), (vec![of(3)], both.clone()), "{before:?}");
    }
    let foreign = history(vec![taken(locked(1, A))], vec![sighted(2, Some(B), Some(true)), acknowledged(3, 1)]);
    assert_eq!((serving(&foreign).seen, foreign.leaves()), (Some(Digest([B; 32])), both));
    let earlier = history(vec![taken(locked(3, A))], vec![sighted(2, Some(B), Some(true)), acknowledged(4, 3)]);
    assert_eq!(serving(&earlier).seen, None);
}

#[test]
fn an_overwrite_that_is_answered_for_after_something_foreign_was_seen_frees_nobody() {
    let taken = |held| answered(held, Acknowledgement::Acknowledged);
    for leaf in [None, Some(A), Some(B)] {
        for locked_as in [None, Some(true)] {
            let held = vec![taken(locked(1, A)), taken(overwrite(2, A))];
            let late = history(held, vec![acknowledged(3, 1), sighted(4, leaf, locked_as), acknowledged(5, 2)]);
            let needed = Digest([leaf.unwrap_or(A); 32]);
            assert_eq!((late.state(), late.leaves()), (Some(State::Foreign), BTreeSet::from([needed])), "{leaf:?}");
        }
    }
    let handed_in = Held { of: Basis::Observed(ObservationId(Uuid::from_u128(4))), ..locked(4, A) };
    let seen = known(4, EvidenceFact::Observed(handed_in.of));
    let free = history(vec![handed_in, taken(overwrite(5, A))], vec![sighted(3, None, None), seen, acknowledged(6, 5)]);
    assert_eq!(free.state(), Some(State::Free));
}

#[test]
fn an_overwrite_of_an_older_lock_of_another_signer_frees_nobody_for_certain() {
    let taken = |held| answered(held, Acknowledgement::Acknowledged);
    let held = || vec![taken(locked(1, A)), locked(3, B), taken(overwrite(4, A))];
    for seen in [EvidenceFact::Listed { of: of(3), locked: true }, EvidenceFact::Acknowledged(of(3))] {
        let late = history(held(), vec![acknowledged(2, 1), known(5, seen), acknowledged(6, 4)]);
        assert_eq!((late.state(), late.leaves()), (Some(State::Issued), BTreeSet::from([Digest([B; 32])])));
    }
    let again = vec![taken(locked(1, B)), locked(2, A), taken(overwrite(3, A))];
    let free = history(again, vec![acknowledged(4, 1), acknowledged(5, 3)]);
    assert_eq!(free.state(), Some(State::Free), "it was locked anew between");
}

#[test]
fn what_was_seen_to_be_gone_does_not_come_back_with_what_was_put_off() {
    let put_off = answered(locked(1, A), Acknowledgement::NotNow);
    let listed = |seq, what, locked| known(seq, EvidenceFact::Listed { of: of(what), locked });
    let held = vec![put_off, locked(2, B), overwrite(4, B)];
    let gone = history(held, vec![listed(3, 2, true), listed(5, 4, false), known(6, EvidenceFact::Absent)]);
    assert_eq!((serving(&gone).of, serving(&gone).later), (of(1), vec![]));
    assert_eq!((gone.state(), gone.leaves()), (Some(State::Issued), BTreeSet::from([Digest([A; 32])])));
}

#[test]
fn an_overwrite_that_is_answered_for_after_a_later_lock_frees_nobody_for_certain() {
    let taken = |held| answered(held, Acknowledgement::Acknowledged);
    let held = vec![taken(locked(1, A)), taken(overwrite(2, A)), taken(locked(3, A))];
    let late = history(held, vec![acknowledged(4, 3), acknowledged(5, 2)]);
    assert_eq!((late.state(), late.leaves()), (Some(State::Issued), BTreeSet::from([Digest([A; 32])])));
    let Installed::Profile(basis) = late.to_overwrite() else { panic!() };
    assert_eq!(basis.of, of(3));
}

#[test]
fn an_overwrite_that_is_answered_for_after_the_lock_was_there_again_frees_nobody_for_certain() {
    let taken = |held| answered(held, Acknowledgement::Acknowledged);
    let listed = |seq, what, locked| known(seq, EvidenceFact::Listed { of: of(what), locked });
    let held = || vec![taken(locked(1, A)), taken(overwrite(2, A))];
    let before = [listed(3, 2, false), acknowledged(4, 1)];
    for since in [vec![], vec![listed(5, 1, true)]] {
        let evidence = [&before[..], &since, &[acknowledged(6, 2)]].concat();
        let late = history(held(), evidence.clone());
        assert_eq!((late.state(), late.leaves()), (Some(State::Issued), BTreeSet::from([Digest([A; 32])])));
        let seen = history(held(), [evidence, vec![listed(7, 2, false)]].concat());
        assert_eq!((seen.state(), seen.leaves()), (Some(State::Free), BTreeSet::new()));
    }
}

#[test]
fn an_overwrite_is_made_of_what_was_issued_since_where_the_owner_can_delete_what_is_there() {
    let deletable = |since: &[Held]| {
        let held = [&[locked(1, A), overwrite(2, A)], since].concat();
        history(held, vec![acknowledged(3, 1), acknowledged(4, 2)])
    };
    let Installed::Profile(free) = deletable(&[]).to_overwrite() else { panic!() };
    assert_eq!((free.of, free.locked), (of(2), false));
    let again = deletable(&[locked(5, B), locked(6, B), overwrite(7, B)]);
    assert_eq!((serving(&again).of, again.state()), (of(2), Some(State::Overwriting)));
    assert_eq!(deletable(&[locked(5, B)]).state(), Some(State::Issued));
    let Installed::Profile(since) = again.to_overwrite() else { panic!() };
    assert_eq!((since.of, since.evidence, names(&since.later)), (of(6), EvidenceKind::Issued, vec![of(7)]));
    let unclear = deletable(&[locked(5, A), locked(6, B)]);
    let Installed::Ambiguous { candidates } = unclear.to_overwrite() else { panic!() };
    assert_eq!((names(&candidates), unclear.state()), (vec![of(5), of(6)], Some(State::Ambiguous)));
}

#[test]
fn one_uuid_of_several_signers_is_ambiguous_until_the_device_tells_the_signer() {
    let same = |seq, leaf| Held { uuid: "X".into(), ..locked(seq, leaf) };
    let seen = |leaf| history(vec![same(1, A), same(2, B), locked(4, A)], vec![sighted(3, leaf, Some(true))]);
    let Installed::Ambiguous { candidates } = seen(None).installed() else { panic!() };
    assert_eq!(names(&candidates), [of(1), of(2), of(4)]);
    assert!(matches!(seen(Some(A)).installed(), Installed::Foreign { .. }), "the ledger takes it for the first one");
}

#[test]
fn a_profile_that_is_named_tells_of_another_signer_that_was_seen() {
    let both = || vec![locked(1, A), locked(2, B)];
    let seen = |evidence| history(both(), evidence).named(of(1)).unwrap().seen;
    assert_eq!(seen(vec![]), None);
    assert_eq!(seen(vec![acknowledged(3, 1)]), None);
    assert_eq!(seen(vec![acknowledged(3, 2)]), Some(Digest([B; 32])));
    assert_eq!(seen(vec![sighted(3, Some(B), None)]), Some(Digest([B; 32])));
}

#[test]
fn tells_a_later_profile_that_the_device_put_off_but_not_one_that_it_refused() {
    let put_off = answered(locked(3, A), Acknowledgement::NotNow);
    let refused = answered(locked(4, A), Acknowledgement::Error { chain: vec![] });
    let history = history(vec![locked(1, A), put_off, refused], vec![acknowledged(2, 1)]);
    assert_eq!(names(&serving(&history).later), [of(3)]);
}

#[test]
fn follows_an_observed_profile_that_was_not_issued_here() {
    let seen = Basis::Observed(ObservationId(Uuid::from_u128(2)));
    let observed = Held { of: seen, ..locked(2, B) };
    let history = history(vec![locked(1, A), observed], vec![known(2, EvidenceFact::Observed(seen))]);
    let serving = serving(&history);
    assert_eq!((serving.of, serving.leaf, serving.evidence), (seen, Digest([B; 32]), EvidenceKind::Observed));
}

#[test]
fn without_evidence_the_latest_serves_when_one_leaf_signed_all() {
    let history = history(vec![locked(1, A), locked(2, A)], vec![]);
    let serving = serving(&history);
    assert_eq!((serving.of, serving.evidence), (of(2), EvidenceKind::Issued));
    assert_eq!(history.state(), Some(State::Issued));
}

#[test]
fn without_evidence_different_leaves_are_ambiguous_and_listed() {
    let history = history(vec![locked(1, A), locked(2, B)], vec![]);
    let Installed::Ambiguous { candidates } = history.installed() else { panic!() };
    assert_eq!(names(&candidates), [of(1), of(2)]);
    assert_eq!(history.state(), Some(State::Ambiguous));
}

#[test]
fn a_refused_profile_makes_nothing_ambiguous() {
    let refused = answered(locked(2, B), Acknowledgement::Error { chain: vec![] });
    assert_eq!(serving(&history(vec![locked(1, A), refused], vec![])).of, of(1));
}

#[test]
fn a_device_that_refused_all_that_was_issued_has_a_state_of_its_own() {
    let refused = |held| answered(held, Acknowledgement::Error { chain: vec![] });
    let all = history(vec![refused(locked(1, A)), refused(locked(2, B))], vec![]);
    assert_eq!((all.installed(), all.state()), (Installed::Refused, Some(State::Refused)));
    let again = history(vec![refused(locked(1, A)), locked(2, A)], vec![]);
    assert_eq!(again.state(), Some(State::Issued));
    let gone = history(vec![refused(locked(1, A))], vec![known(2, EvidenceFact::Absent)]);
    assert_eq!(gone.state(), Some(State::Gone));
}

#[test]
fn without_evidence_a_second_overwrite_is_made_of_the_locked_profile_too() {
    let history = history(vec![locked(1, A), overwrite(2, A)], vec![]);
    assert_eq!(serving(&history).of, of(1));
    assert_eq!(names(&serving(&history).later), [of(2)]);
    assert_eq!(history.state(), Some(State::Overwriting));
}

#[test]
fn the_caller_may_name_what_is_ambiguous_but_only_of_this_record() {
    let history = history(vec![locked(1, A), locked(2, B)], vec![]);
    let named = history.named(of(1)).unwrap();
    assert_eq!((named.leaf, named.evidence), (Digest([A; 32]), EvidenceKind::Named));
    assert_eq!(history.named(of(9)), None);
}

#[test]
fn an_acknowledged_overwrite_frees() {
    let history = history(vec![locked(1, A), overwrite(2, A)], vec![acknowledged(3, 1), acknowledged(4, 2)]);
    assert_eq!(history.state(), Some(State::Free));
    assert_eq!(history.leaves(), BTreeSet::new());
}

#[test]
fn an_overwrite_that_the_device_says_is_locked_does_not_free() {
    let listed = |locked| known(4, EvidenceFact::Listed { of: of(2), locked });
    let state = |locked| history(vec![locked_one(), overwrite(2, A)], vec![acknowledged(3, 2), listed(locked)]).state();
    assert_eq!((state(false), state(true)), (Some(State::Free), Some(State::Locked)));
}

#[test]
fn a_locked_profile_stays_locked_where_the_device_ignores_the_lock() {
    let listed = known(2, EvidenceFact::Listed { of: of(1), locked: false });
    assert_eq!(history(vec![locked_one()], vec![listed]).state(), Some(State::Locked));
}

fn locked_one() -> Held {
    locked(1, A)
}

#[test]
fn of_the_last_locked_ones_each_signer_has_one() {
    let of_b = [locked(1, B), locked(2, B)];
    let many: Vec<Held> = of_b.into_iter().chain((3..20).map(|seq| locked(seq, A))).collect();
    let last = names(&history(many, vec![]).last_locked());
    assert_eq!(last, [2, 11, 12, 13, 14, 15, 16, 17, 18, 19].map(of));
}

#[test]
fn an_absent_profile_is_gone_until_another_is_issued() {
    let gone = known(3, EvidenceFact::Absent);
    let before = history(vec![locked(1, A)], vec![acknowledged(2, 1), gone.clone()]);
    assert_eq!(before.installed(), Installed::Absent { since: from_millis(3) });
    let after = history(vec![locked(1, A), locked(4, B)], vec![acknowledged(2, 1), gone]);
    assert_eq!((serving(&after).of, serving(&after).evidence), (of(4), EvidenceKind::Issued));
}

#[test]
fn a_profile_of_somebody_else_is_no_basis_until_it_is_handed_in() {
    let sighting = Sighting { uuid: "X".into(), leaf: Some(Digest([B; 32])), locked: Some(true) };
    let seen = known(2, EvidenceFact::Foreign(sighting.clone()));
    let history = history(vec![locked(1, A), locked(3, A)], vec![seen]);
    let Installed::Foreign { sighting: told, earlier, later } = history.installed() else { panic!() };
    assert_eq!((told, names(&earlier)), (sighting, vec![]));
    assert_eq!(names(&later), [of(1), of(3)], "nothing says that the first one was ever there");
    assert_eq!(history.leaves(), BTreeSet::from([Digest([A; 32]), Digest([B; 32])]));
}

#[test]
fn a_locked_profile_that_was_not_there_yet_is_not_gone() {
    let none = |seq| known(seq, EvidenceFact::Absent);
    let awaited = history(vec![locked(1, A)], vec![none(2)]);
    assert_eq!((serving(&awaited).of, awaited.state()), (of(1), Some(State::Issued)));
    assert_eq!(awaited.leaves(), BTreeSet::from([Digest([A; 32])]));
    let state = |held, evidence| history(held, evidence).state();
    let seen = known(2, EvidenceFact::Listed { of: of(1), locked: true });
    assert_eq!(state(vec![locked(1, A)], vec![seen, none(3)]), Some(State::Gone));
    let later = |leaf| state(vec![locked(1, A), locked(2, leaf)], vec![acknowledged(3, 2), none(4)]);
    assert_eq!((later(A), later(B)), (Some(State::Gone), Some(State::Gone)));
    let overwritten = |seq| state(vec![locked(1, A), overwrite(2, A)], vec![none(seq)]);
    assert_eq!(overwritten(3), Some(State::Gone));
    let offered_since = history(vec![locked(1, A), overwrite(3, A)], vec![none(2)]);
    assert_eq!((serving(&offered_since).of, offered_since.state()), (of(1), Some(State::Overwriting)));
    let of_another = history(vec![locked(1, A), overwrite(2, B)], vec![none(3)]);
    assert_eq!(of_another.leaves(), BTreeSet::from([Digest([A; 32])]));
    let refused = answered(overwrite(2, A), Acknowledgement::Error { chain: vec![] });
    let handed_in = Held { of: Basis::Observed(ObservationId(Uuid::from_u128(2))), ..overwrite(2, A) };
    for other in [refused, handed_in] {
        let still_to_come = history(vec![locked(1, A), other], vec![none(3)]);
        assert_eq!(still_to_come.leaves(), BTreeSet::from([Digest([A; 32])]), "no overwrite is on its way");
    }
    let later_seen = |of_seq, locked| known(of_seq + 10, EvidenceFact::Listed { of: of(of_seq), locked });
    let held = || vec![locked(1, A), locked(2, B), overwrite(3, B)];
    for evidence in [vec![later_seen(2, true)], vec![later_seen(2, true), later_seen(3, false), none(20)]] {
        assert!(!history(held(), evidence).leaves().contains(&Digest([A; 32])), "it came before the later one");
    }
}

/// A device that is never ready, whose core offers it the profile anew each hour and asks for its list; it has another, or
/// none yet.
#[test]
fn a_record_of_months_is_read_at_once() {
    let hours = 5_000;
    let mut put_off: Vec<_> = (0..hours).map(|hour| answered(locked(hour, A), Acknowledgement::NotNow)).collect();
    put_off.push(locked(hours, B));
    let listed = |hour| known(hours + 1 + hour, EvidenceFact::Listed { of: of(hours), locked: true });
    let put_off = history(put_off, (0..hours).map(listed).collect());
    let none = known(hours + 1, EvidenceFact::Absent);
    let awaited = history((0..hours).map(|hour| locked(hour, A)).collect(), vec![none]);
    let start = std::time::Instant::now();
    assert_eq!(put_off.leaves(), BTreeSet::from([Digest([A; 32]), Digest([B; 32])]));
    assert_eq!(awaited.leaves(), BTreeSet::from([Digest([A; 32])]));
    assert!(start.elapsed().as_secs() < 10, "{:?}", start.elapsed());
}

fn sighting(leaf: Option<u8>, locked: Option<bool>) -> Sighting {
    Sighting { uuid: "X".into(), leaf: leaf.map(|leaf| Digest([leaf; 32])), locked }
}

/// A sighting of which the device told no more than this.
fn sighted(seq: u64, leaf: Option<u8>, locked: Option<bool>) -> Evidence {
    known(seq, EvidenceFact::Foreign(sighting(leaf, locked)))
}

#[test]
fn a_sighting_without_a_signer_may_be_of_any_that_locked_the_device_before() {
    let refused = answered(locked(3, B), Acknowledgement::Error { chain: vec![] });
    let history =
        |locked| history(vec![locked_one(), refused.clone()], vec![acknowledged(2, 1), sighted(4, None, locked)]);
    let Installed::Foreign { earlier, .. } = history(None).installed() else { panic!() };
    assert_eq!(names(&earlier), [of(1)]);
    for locked in [None, Some(true)] {
        assert_eq!(history(locked).leaves(), BTreeSet::from([Digest([A; 32])]), "{locked:?}");
    }
    assert_eq!(history(Some(false)).leaves(), BTreeSet::new());
}

#[test]
fn a_signer_that_a_sighting_names_is_needed_unless_the_device_says_that_it_is_not_locked() {
    let leaves = |locked| history(vec![locked_one()], vec![acknowledged(2, 1), sighted(3, Some(B), locked)]).leaves();
    assert_eq!(leaves(None), BTreeSet::from([Digest([B; 32])]));
    assert_eq!(leaves(Some(false)), BTreeSet::new());
}

#[test]
fn the_leaves_of_everything_that_may_be_installed_and_locked_are_needed() {
    let pending = history(vec![locked(1, A), locked(3, B)], vec![acknowledged(2, 1)]);
    let ambiguous = history(vec![locked(1, A), locked(3, B)], vec![]);
    let both = BTreeSet::from([Digest([A; 32]), Digest([B; 32])]);
    assert_eq!((pending.leaves(), ambiguous.leaves()), (both.clone(), both));
}

#[test]
fn every_state_has_a_word_of_its_own() {
    for state in State::ALL {
        assert_eq!(State::from_word(state.word()), Some(state));
    }
}
