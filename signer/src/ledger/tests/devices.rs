//! What devices have, by what they answered, listed and handed in.

use super::*;

#[tokio::test]
async fn the_overwrite_follows_what_was_acknowledged_and_tells_of_what_came_later() {
    let stage = Stage::new();
    let one = issue(&stage, draft("d", "U", A)).await;
    acknowledge(&stage, one).await;
    let two = issue(&stage, draft("d", "V", A)).await;
    let serving = serving(&stage, "d").await;
    assert_eq!((serving.of, serving.evidence), (Basis::Issuance(one), EvidenceKind::Acknowledged));
    assert_eq!(serving.later.len(), 1);
    assert_eq!(serving.later[0].of, Basis::Issuance(two));
}

async fn named(stage: &Stage, id: IssuanceId) -> Serving {
    stage.ledger.history(&device("d"), IDENTIFIER).await.unwrap().named(Basis::Issuance(id)).unwrap()
}

#[tokio::test]
async fn an_overwrite_of_what_the_device_had_before_is_not_recorded_unless_the_caller_named_it() {
    let stage = Stage::new();
    let one = issue(&stage, draft("d", "U", A)).await;
    let made = |told| Draft { serving: Some(told), ..overwrite("d", "O", A, Basis::Issuance(one)) };
    let before = serving(&stage, "d").await;
    let two = issue(&stage, draft("d", "V", A)).await;
    acknowledge(&stage, two).await;
    assert!(matches!(stage.ledger.record(made(before)).await, Err(Error::Moved)));
    assert!(stage.ledger.record(made(named(&stage, one).await)).await.is_ok());
    acknowledge(&stage, one).await;
    assert!(stage.ledger.record(made(serving(&stage, "d").await)).await.is_ok());
}

#[tokio::test]
async fn an_overwrite_that_says_nothing_of_a_lock_that_came_meanwhile_is_not_recorded() {
    for is_named in [false, true] {
        let stage = Stage::new();
        let one = issue(&stage, draft("d", "U", A)).await;
        acknowledge(&stage, one).await;
        let told = async || if is_named { named(&stage, one).await } else { serving(&stage, "d").await };
        let made = |told: Serving| Draft { serving: Some(told.clone()), ..overwrite("d", "O", A, told.of) };
        let before = told().await;
        issue(&stage, draft("d", "V", B)).await;
        assert!(matches!(stage.ledger.record(made(before)).await, Err(Error::Moved)));
        assert!(stage.ledger.record(made(told().await)).await.is_ok());
    }
}

#[tokio::test]
async fn a_device_goes_through_its_states() {
    let stage = Stage::new();
    assert_eq!(state(&stage, "d").await, None);
    let locked = issue(&stage, draft("d", "U", A)).await;
    assert_eq!(state(&stage, "d").await, Some(State::Issued));
    acknowledge(&stage, locked).await;
    assert_eq!(state(&stage, "d").await, Some(State::Locked));
    let overwrite = issue(&stage, overwrite("d", "O", A, Basis::Issuance(locked))).await;
    assert_eq!(state(&stage, "d").await, Some(State::Overwriting));
    acknowledge(&stage, overwrite).await;
    assert_eq!(state(&stage, "d").await, Some(State::Free));
    let gone = ProfileList { complete: true, ..ProfileList::default() };
    stage.ledger.reconcile(&request("mdm"), device("d"), gone).await.unwrap();
    assert_eq!(state(&stage, "d").await, Some(State::Gone));
    issue(&stage, draft("d", "W", B)).await;
    assert_eq!(state(&stage, "d").await, Some(State::Issued));
}

#[tokio::test]
async fn the_state_that_is_kept_is_the_one_that_the_rule_gives() {
    let stage = Stage::new();
    let mut locked = issue(&stage, draft("d", "U0", A)).await;
    // A walk through many orders of events, the same in each run.
    let mut dice = 1_u64;
    for n in 1..120 {
        dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let (what, leaf) = ((dice >> 33) % 7, if dice >> 60 == 0 { B } else { A });
        match what {
            0..=2 => locked = issue(&stage, draft("d", &format!("U{n}"), leaf)).await,
            3 => acknowledge(&stage, locked).await,
            4 => {
                let refused = Acknowledgement::Error { chain: vec![] };
                stage.ledger.acknowledge(&request("mdm"), locked, refused, None).await.unwrap();
            }
            5 => drop(issue(&stage, overwrite("d", &format!("O{n}"), leaf, Basis::Issuance(locked))).await),
            _ => {
                let list = ProfileList { complete: true, ..ProfileList::default() };
                stage.ledger.reconcile(&request("mdm"), device("d"), list).await.unwrap();
            }
        }
        let history = stage.ledger.history(&device("d"), IDENTIFIER).await.unwrap();
        assert_eq!(state(&stage, "d").await, history.state(), "step {n}, {what}");
        let kept: Vec<_> = stage.ledger.leaves().await.unwrap().into_iter().map(|(leaf, _)| leaf).collect();
        assert_eq!(kept, history.leaves().into_iter().collect::<Vec<_>>(), "step {n}, {what}");
    }
}

#[tokio::test]
async fn keeps_what_a_device_answered() {
    let stage = Stage::new();
    let id = issue(&stage, draft("d", "U", A)).await;
    let chain = vec![ErrorLink { domain: "MCInstallationErrorDomain".into(), code: 4008, description: None }];
    let answer = Acknowledgement::Error { chain };
    stage.ledger.acknowledge(&request("mdm"), id, answer.clone(), None).await.unwrap();
    assert_eq!(stage.ledger.issuance(id).await.unwrap().unwrap().acknowledgement, Some(answer));
    assert_eq!(stage.last_event()["detail"]["errors"][0], "MCInstallationErrorDomain 4008");
    assert_eq!(stage.ledger.installed(&device("d"), IDENTIFIER).await.unwrap(), Installed::Refused);
}

#[tokio::test]
async fn who_acknowledged_once_has_the_profile_whatever_it_answers_later() {
    let stage = Stage::new();
    let id = issue(&stage, draft("d", "U", A)).await;
    acknowledge(&stage, id).await;
    let later = stage.ledger.acknowledge(&request("mdm"), id, Acknowledgement::NotNow, None).await.unwrap();
    assert_eq!(later.value.acknowledgement, Acknowledgement::Acknowledged);
    assert_eq!(serving(&stage, "d").await.of, Basis::Issuance(id));
}

#[tokio::test]
async fn an_answer_that_comes_again_after_a_later_one_of_another_signer_hides_neither() {
    let stage = Stage::new();
    let (one, two) = (issue(&stage, draft("d", "U", A)).await, issue(&stage, draft("d", "V", B)).await);
    acknowledge(&stage, one).await;
    acknowledge(&stage, two).await;
    acknowledge(&stage, one).await;
    let serving = serving(&stage, "d").await;
    assert_eq!((serving.of, serving.later.len()), (Basis::Issuance(one), 1));
    assert_eq!(serving.later[0].of, Basis::Issuance(two));
    assert_eq!(stage.ledger.stranded(&[Digest([A; 32])].into()).await.unwrap(), 1);
    assert_eq!(stage.ledger.stranded(&[Digest([B; 32])].into()).await.unwrap(), 1);
}

#[tokio::test]
async fn refuses_the_answer_to_an_issuance_that_it_does_not_know() {
    let stage = Stage::new();
    let id = stage.ledger.next_id(at(0));
    let refused = stage.ledger.acknowledge(&request("mdm"), id, Acknowledgement::Acknowledged, None).await;
    assert_eq!(code(refused), "unknown-issuance");
}

#[tokio::test]
async fn an_observed_profile_serves_with_its_own_bytes() {
    let stage = Stage::new();
    let seen = stage.ledger.observe(&request("mdm"), observed("d", "X", B, "seen")).await.unwrap().value;
    assert!(!seen.known);
    let serving = serving(&stage, "d").await;
    assert_eq!((serving.of, serving.evidence, serving.leaf), (seen.of, EvidenceKind::Observed, Digest([B; 32])));
    assert_eq!(stage.ledger.basis(seen.of).await.unwrap().signed, b"seen");
    let id = issue(&stage, overwrite("d", "O", B, seen.of)).await;
    assert_eq!(stage.ledger.issuance(id).await.unwrap().unwrap().variant.word(), "overwrite");
    assert_eq!(stage.check().unwrap().profiles, 2);
}

#[tokio::test]
async fn an_observed_profile_that_was_issued_here_is_that_issuance() {
    let stage = Stage::new();
    let id = issue(&stage, draft("d", "U", A)).await;
    issue(&stage, draft("d", "V", B)).await;
    let seen = stage.ledger.observe(&request("mdm"), observed("d", "U", A, "signed d U")).await.unwrap().value;
    assert_eq!(seen, Observed { of: Basis::Issuance(id), known: true });
    assert_eq!(serving(&stage, "d").await.of, Basis::Issuance(id));
}

#[tokio::test]
async fn a_profile_observed_twice_is_kept_once() {
    let stage = Stage::new();
    let one = stage.ledger.observe(&request("mdm"), observed("d", "X", B, "seen")).await.unwrap().value;
    let two = stage.ledger.observe(&request("mdm"), observed("d", "X", B, "seen")).await.unwrap().value;
    assert_eq!(two, Observed { known: true, ..one });
    assert_eq!(stage.check().unwrap().profiles, 1);
}

fn listed(uuid: &str, leaf: Option<u8>) -> ProfileList {
    let profile = ListedProfile {
        identifier: IDENTIFIER.into(),
        uuid: uuid.into(),
        removal_disallowed: Some(true),
        has_removal_passcode: Some(false),
        leaf: leaf.map(|leaf| Digest([leaf; 32])),
    };
    ProfileList { profiles: vec![profile], complete: true, ..ProfileList::default() }
}

#[tokio::test]
async fn a_profile_list_settles_what_was_ambiguous() {
    let stage = Stage::new();
    let one = issue(&stage, draft("d", "u-1", A)).await;
    issue(&stage, draft("d", "u-2", B)).await;
    assert_eq!(state(&stage, "d").await, Some(State::Ambiguous));
    let list = listed("U-1", Some(A));
    let reconciled = stage.ledger.reconcile(&request("mdm"), device("d"), list).await.unwrap().value;
    assert_eq!(reconciled.installed, [(IDENTIFIER.to_owned(), Basis::Issuance(one))]);
    let serving = serving(&stage, "d").await;
    assert_eq!((serving.of, serving.evidence), (Basis::Issuance(one), EvidenceKind::Listed));
}

#[tokio::test]
async fn a_listed_profile_of_another_leaf_is_not_the_one_of_the_record() {
    let stage = Stage::new();
    issue(&stage, draft("d", "U", A)).await;
    let list = listed("U", Some(B));
    let reconciled = stage.ledger.reconcile(&request("mdm"), device("d"), list).await.unwrap().value;
    assert_eq!(reconciled.foreign, [IDENTIFIER]);
    assert_eq!(state(&stage, "d").await, Some(State::Foreign));
}

/// Such a list was under way when something newer was recorded.
#[tokio::test]
async fn a_list_says_nothing_of_what_was_recorded_after_the_device_answered_it() {
    let list = |profiles: ProfileList, answered: i64| ProfileList { answered_at: Some(at(answered)), ..profiles };
    let none = || ProfileList { complete: true, ..ProfileList::default() };
    let later = |seconds: i64| Request { at: at(seconds), ..request("mdm") };
    let stage = Stage::new();
    let one = stage.ledger.record(Draft { request: later(10), ..draft("d", "U", A) }).await.unwrap().id();
    let reconcile = async |list| {
        let reconciled = stage.ledger.reconcile(&later(30), device("d"), list).await.unwrap().value;
        (reconciled, state(&stage, "d").await.unwrap())
    };
    let outdated = Reconciled { outdated: vec![IDENTIFIER.into()], ..Reconciled::default() };
    // It was issued since.
    assert_eq!(reconcile(list(listed("V", Some(B)), 9)).await, (outdated.clone(), State::Issued));
    stage.ledger.acknowledge(&later(20), one, Acknowledgement::Acknowledged, None).await.unwrap();
    // It came since.
    assert_eq!(reconcile(list(none(), 19)).await, (outdated.clone(), State::Locked));
    assert_eq!(stage.last_event()["detail"]["outdated"], serde_json::json!([IDENTIFIER]));
    let (gone, is) = reconcile(list(none(), 20)).await;
    assert_eq!((gone.absent, is), (vec![IDENTIFIER.to_owned()], State::Gone));
    // Lists that were all handed in late, in their order and out of it: each but the older one counts.
    assert_eq!(reconcile(list(listed("U", Some(A)), 21)).await.1, State::Locked);
    assert_eq!(reconcile(list(none(), 23)).await.1, State::Gone);
    assert_eq!(reconcile(list(listed("U", Some(A)), 22)).await, (outdated.clone(), State::Gone));
    // What was told once more is as new as the last time: 28, later than the list in between.
    assert_eq!(reconcile(list(listed("U", Some(A)), 24)).await.1, State::Locked);
    assert_eq!(reconcile(list(listed("U", Some(A)), 28)).await.1, State::Locked);
    assert_eq!(reconcile(list(none(), 26)).await, (outdated, State::Locked));
    // An answer that was late itself: at 12, and the list at 13 is newer.
    let two = stage.ledger.record(Draft { request: later(10), ..draft("e", "U", A) }).await.unwrap().id();
    let answer = Acknowledgement::Acknowledged;
    stage.ledger.acknowledge(&later(60), two, answer, Some(at(12))).await.unwrap();
    let gone = stage.ledger.reconcile(&later(61), device("e"), list(none(), 13)).await.unwrap().value;
    assert_eq!((gone.absent.len(), gone.outdated.len()), (1, 0));
    // Of what nothing was recorded, an old list tells as much as any.
    let unknown = ProfileList { expected: vec!["jp.example.other".into()], ..bare("jp.example.other") };
    assert_eq!(reconcile(list(unknown, 0)).await.0.foreign, ["jp.example.other"]);
}

#[tokio::test]
async fn a_clock_that_ran_ahead_for_a_while_makes_no_list_outdated_for_months() {
    let stage = Stage::new();
    let later = |seconds: i64| Request { at: at(seconds), ..request("mdm") };
    let ahead = 9_000_000;
    let one = stage.ledger.record(Draft { request: later(ahead), ..draft("d", "U", A) }).await.unwrap().id();
    stage.ledger.acknowledge(&later(ahead), one, Acknowledgement::Acknowledged, None).await.unwrap();
    let reconcile = async |answered: i64, handed_in: i64| {
        let list = ProfileList { complete: true, answered_at: Some(at(answered)), ..ProfileList::default() };
        stage.ledger.reconcile(&later(handed_in), device("d"), list).await.unwrap().value
    };
    // Requests at once are not recorded in the order of their moments.
    assert_eq!(reconcile(ahead - 20, ahead - 10).await.outdated, [IDENTIFIER]);
    assert_eq!(reconcile(20, 30).await.absent, [IDENTIFIER]);
    assert_eq!(state(&stage, "d").await, Some(State::Gone));
}

/// A list that has the identifier, and tells nothing else.
fn bare(identifier: &str) -> ProfileList {
    let profile = ListedProfile { identifier: identifier.into(), ..ListedProfile::default() };
    ProfileList { profiles: vec![profile], complete: true, ..ProfileList::default() }
}

#[tokio::test]
async fn a_list_without_uuids_takes_nothing_away_of_what_was_known() {
    let stage = Stage::new();
    let one = issue(&stage, draft("d", "U", A)).await;
    acknowledge(&stage, one).await;
    let known = stage.ledger.reconcile(&request("mdm"), device("d"), bare(IDENTIFIER)).await.unwrap().value;
    assert_eq!(known.installed, [(IDENTIFIER.to_owned(), Basis::Issuance(one))]);
    issue(&stage, draft("d", "V", B)).await;
    let unclear = stage.ledger.reconcile(&request("mdm"), device("d"), bare(IDENTIFIER)).await.unwrap().value;
    assert_eq!(unclear, Reconciled::default());
    assert_eq!(stage.ledger.stranded(&[Digest([B; 32])].into()).await.unwrap(), 1);
    assert_eq!(stage.ledger.stranded(&[Digest([A; 32])].into()).await.unwrap(), 1);
}

#[tokio::test]
async fn a_profile_without_a_uuid_on_a_device_that_had_none_is_locked_by_whoever_locked_it_before() {
    for (name, was_there, expected) in [("d", true, State::Foreign), ("e", false, State::Locked)] {
        let stage = Stage::new();
        let id = issue(&stage, draft(name, "U", A)).await;
        if was_there {
            acknowledge(&stage, id).await;
        }
        let none = ProfileList { complete: true, ..ProfileList::default() };
        stage.ledger.reconcile(&request("mdm"), device(name), none).await.unwrap();
        stage.ledger.reconcile(&request("mdm"), device(name), bare(IDENTIFIER)).await.unwrap();
        assert_eq!(state(&stage, name).await, Some(expected));
        assert_eq!(stage.ledger.stranded(&[].into()).await.unwrap(), 1);
    }
}

#[tokio::test]
async fn another_uuid_without_a_signer_does_not_let_the_key_go() {
    let stage = Stage::new();
    issue(&stage, draft("d", "U", A)).await;
    stage.ledger.reconcile(&request("mdm"), device("d"), listed("X", None)).await.unwrap();
    assert_eq!(state(&stage, "d").await, Some(State::Foreign));
    assert_eq!(stage.ledger.stranded(&[].into()).await.unwrap(), 1);
}

#[tokio::test]
async fn a_list_that_is_not_complete_says_nothing_of_what_it_lacks() {
    let stage = Stage::new();
    let id = issue(&stage, draft("d", "U", A)).await;
    acknowledge(&stage, id).await;
    let part = ProfileList::default();
    let reconciled = stage.ledger.reconcile(&request("mdm"), device("d"), part).await.unwrap().value;
    assert_eq!(reconciled, Reconciled::default());
    assert_eq!(state(&stage, "d").await, Some(State::Locked));
}

#[tokio::test]
async fn an_expected_profile_on_an_unknown_device_becomes_known_and_others_do_not() {
    let stage = Stage::new();
    let mut list = listed("X", Some(B));
    stage.ledger.reconcile(&request("mdm"), device("d"), list.clone()).await.unwrap();
    assert_eq!(state(&stage, "d").await, None);
    list.expected = vec![IDENTIFIER.into(), "jp.example.other".into()];
    stage.ledger.reconcile(&request("mdm"), device("d"), list).await.unwrap();
    assert_eq!(state(&stage, "d").await, Some(State::Foreign));
}

#[tokio::test]
async fn the_same_list_again_adds_a_record_but_no_evidence() {
    let stage = Stage::new();
    issue(&stage, draft("d", "U", A)).await;
    for _ in 0..3 {
        stage.ledger.reconcile(&request("mdm"), device("d"), listed("U", None)).await.unwrap();
    }
    let history = stage.ledger.history(&device("d"), IDENTIFIER).await.unwrap();
    assert_eq!(history.evidence.len(), 1);
    assert_eq!(stage.events().iter().filter(|event| event["action"] == "profile-list").count(), 3);
}

async fn list(stage: &Stage, profiles: Vec<ListedProfile>) -> Reconciled {
    let list = ProfileList { profiles, complete: true, ..ProfileList::default() };
    stage.ledger.reconcile(&request("mdm"), device("d"), list).await.unwrap().value
}

fn item(uuid: &str, leaf: Option<u8>, locked: Option<bool>) -> ListedProfile {
    let leaf = leaf.map(|leaf| Digest([leaf; 32]));
    ListedProfile {
        identifier: IDENTIFIER.into(),
        uuid: uuid.into(),
        removal_disallowed: locked,
        has_removal_passcode: None,
        leaf,
    }
}

/// Whether a key may go: no device needs it.
async fn may_go(stage: &Stage, leaf: u8) -> bool {
    let others: Vec<u8> = [A, B].into_iter().filter(|other| *other != leaf).collect();
    let held = others.into_iter().map(|leaf| Digest([leaf; 32])).collect();
    stage.ledger.stranded(&held).await.unwrap() == 0
}

#[tokio::test]
async fn of_overwrites_that_look_alike_a_device_may_have_the_first_and_take_what_was_issued_after_it() {
    for is_handed_in in [false, true] {
        let stage = Stage::new();
        let one = issue(&stage, draft("d", "U", A)).await;
        acknowledge(&stage, one).await;
        issue(&stage, overwrite("d", "O", A, Basis::Issuance(one))).await;
        issue(&stage, draft("d", "V", B)).await;
        issue(&stage, overwrite("d", "O", A, Basis::Issuance(one))).await;
        match is_handed_in {
            true => {
                let handed_in = ObservedProfile { locked: false, ..observed("d", "O", A, "signed d O") };
                let seen = stage.ledger.observe(&request("mdm"), handed_in).await.unwrap().value;
                assert!(seen.known);
            }
            false => drop(list(&stage, vec![item("O", Some(A), Some(false))]).await),
        }
        assert_ne!(state(&stage, "d").await, Some(State::Free));
        assert!(!may_go(&stage, B).await);
    }
}

#[tokio::test]
async fn a_locked_profile_that_is_handed_out_again_may_be_there_again() {
    for is_fetched in [false, true] {
        let stage = Stage::new();
        let enrol = Draft { request: keyed("mdm", "enrol-d", "x"), ..draft("d", "U", A) };
        let one = issue(&stage, enrol.clone()).await;
        acknowledge(&stage, one).await;
        let freed = issue(&stage, overwrite("d", "O", A, Basis::Issuance(one))).await;
        acknowledge(&stage, freed).await;
        list(&stage, vec![]).await;
        assert_eq!((state(&stage, "d").await, may_go(&stage, A).await), (Some(State::Gone), true));
        match is_fetched {
            true => drop(stage.ledger.fetch(&request("mdm"), one).await.unwrap()),
            false => assert_eq!(stage.ledger.replay(&enrol.request, "issue").await.unwrap().unwrap().id(), one),
        }
        assert_eq!((state(&stage, "d").await, may_go(&stage, A).await), (Some(State::Issued), false));
        list(&stage, vec![]).await;
        assert!(!may_go(&stage, A).await, "its owner may install it yet");
        acknowledge(&stage, one).await;
        assert_eq!(state(&stage, "d").await, Some(State::Locked));
        let freed = issue(&stage, overwrite("d", "P", A, Basis::Issuance(one))).await;
        acknowledge(&stage, freed).await;
        list(&stage, vec![]).await;
        assert_eq!((state(&stage, "d").await, may_go(&stage, A).await), (Some(State::Gone), true));
    }
}

#[tokio::test]
async fn a_request_that_comes_again_at_once_changes_nothing() {
    let stage = Stage::new();
    let enrol = Draft { request: keyed("mdm", "enrol-d", "x"), ..draft("d", "U", A) };
    let one = issue(&stage, enrol.clone()).await;
    stage.ledger.replay(&enrol.request, "issue").await.unwrap().unwrap();
    acknowledge(&stage, one).await;
    assert_eq!(state(&stage, "d").await, Some(State::Locked));
    let freed = issue(&stage, overwrite("d", "O", A, Basis::Issuance(one))).await;
    assert_eq!(state(&stage, "d").await, Some(State::Overwriting));
    acknowledge(&stage, freed).await;
    assert_eq!((state(&stage, "d").await, may_go(&stage, A).await), (Some(State::Free), true));
}

#[tokio::test]
async fn an_answer_for_one_that_was_handed_out_again_is_doubted_where_another_signer_was_there() {
    let stage = Stage::new();
    let one = issue(&stage, draft("d", "U", A)).await;
    acknowledge(&stage, one).await;
    list(&stage, vec![]).await;
    let two = issue(&stage, draft("d", "V", B)).await;
    acknowledge(&stage, two).await;
    stage.ledger.fetch(&request("mdm"), one).await.unwrap();
    acknowledge(&stage, one).await;
    let serving = serving(&stage, "d").await;
    assert_eq!((serving.of, serving.later.len()), (Basis::Issuance(one), 1));
    assert!(!may_go(&stage, A).await && !may_go(&stage, B).await);
}

#[tokio::test]
async fn what_is_seen_is_in_the_record_also_where_the_device_once_refused_it() {
    let stage = Stage::new();
    let one = issue(&stage, draft("d", "U", A)).await;
    let refused =
        Acknowledgement::Error { chain: vec![ErrorLink { domain: "x".into(), code: 4009, description: None }] };
    stage.ledger.acknowledge(&request("mdm"), one, refused.clone(), None).await.unwrap();
    assert_eq!(state(&stage, "d").await, Some(State::Refused));
    for _ in 0..2 {
        let known = list(&stage, vec![item("U", None, Some(true))]).await;
        assert_eq!(known.installed, [(IDENTIFIER.to_owned(), Basis::Issuance(one))]);
        assert_eq!((state(&stage, "d").await, may_go(&stage, A).await), (Some(State::Locked), false));
        stage.ledger.acknowledge(&request("mdm"), one, refused.clone(), None).await.unwrap();
    }
}

#[tokio::test]
async fn a_device_that_said_it_is_locked_is_not_free_by_saying_less() {
    for less in 0..4 {
        let stage = Stage::new();
        let one = issue(&stage, draft("d", "U", A)).await;
        acknowledge(&stage, one).await;
        let freed = issue(&stage, overwrite("d", "O", A, Basis::Issuance(one))).await;
        list(&stage, vec![item("O", Some(A), Some(true))]).await;
        match less {
            0 => drop(list(&stage, vec![item("O", Some(A), None)]).await),
            1 => drop(list(&stage, vec![item("", None, None)]).await),
            2 => {
                let handed_in = ObservedProfile { locked: false, ..observed("d", "O", A, "signed d O") };
                assert!(stage.ledger.observe(&request("mdm"), handed_in).await.unwrap().value.known);
            }
            _ => acknowledge(&stage, freed).await,
        }
        assert_eq!((state(&stage, "d").await, may_go(&stage, A).await), (Some(State::Locked), false), "{less}");
        list(&stage, vec![item("O", Some(A), Some(false))]).await;
        assert_eq!((state(&stage, "d").await, may_go(&stage, A).await), (Some(State::Free), true), "{less}");
    }
}

#[tokio::test]
async fn a_thinner_list_takes_nothing_away_of_what_was_seen_of_a_stranger() {
    let stage = Stage::new();
    let one = issue(&stage, draft("d", "U", A)).await;
    acknowledge(&stage, one).await;
    list(&stage, vec![item("X", Some(B), Some(true))]).await;
    list(&stage, vec![item("x", None, None)]).await;
    assert!(!may_go(&stage, B).await);
    list(&stage, vec![item("Y", None, Some(true))]).await;
    assert!(may_go(&stage, B).await);
}

#[tokio::test]
async fn of_two_of_an_identifier_the_locked_one_counts() {
    let stage = Stage::new();
    let one = issue(&stage, draft("d", "U", A)).await;
    issue(&stage, overwrite("d", "O", A, Basis::Issuance(one))).await;
    let mut both = vec![item("U", Some(A), Some(true)), item("O", Some(A), Some(false))];
    for _ in 0..2 {
        list(&stage, both.clone()).await;
        assert_eq!(state(&stage, "d").await, Some(State::Overwriting));
        assert_eq!(serving(&stage, "d").await.of, Basis::Issuance(one));
        both.reverse();
    }
}

#[tokio::test]
async fn one_answer_is_not_for_each_time_that_it_was_handed_out() {
    for put_off in [true, false] {
        let stage = Stage::new();
        let one = issue(&stage, draft("d", "U", A)).await;
        acknowledge(&stage, one).await;
        let freed = issue(&stage, overwrite("d", "O", A, Basis::Issuance(one))).await;
        acknowledge(&stage, freed).await;
        stage.ledger.fetch(&request("mdm"), one).await.unwrap();
        let refused = Acknowledgement::Error { chain: vec![] };
        let answer = if put_off { Acknowledgement::NotNow } else { refused };
        let taken = stage.ledger.acknowledge(&request("mdm"), one, answer.clone(), None).await.unwrap().value;
        // One answer may be for the first time that it was handed out.
        assert_eq!((taken.acknowledgement, may_go(&stage, A).await), (answer, false));
        assert_ne!(state(&stage, "d").await, Some(State::Free));
    }
}

#[tokio::test]
async fn a_second_copy_that_is_on_its_way_is_not_forgotten_for_the_answer_to_the_first() {
    for shown in [vec![], vec![item("O", Some(A), Some(false))]] {
        let stage = Stage::new();
        let one = issue(&stage, draft("d", "U", A)).await;
        let freed = issue(&stage, overwrite("d", "O", A, Basis::Issuance(one))).await;
        acknowledge(&stage, freed).await;
        stage.ledger.fetch(&request("mdm"), one).await.unwrap();
        acknowledge(&stage, one).await;
        list(&stage, shown.clone()).await;
        assert_eq!((state(&stage, "d").await, may_go(&stage, A).await), (Some(State::Issued), false));
        let freed = issue(&stage, overwrite("d", "P", A, Basis::Issuance(one))).await;
        acknowledge(&stage, freed).await;
        list(&stage, vec![]).await;
        assert_eq!((state(&stage, "d").await, may_go(&stage, A).await), (Some(State::Gone), true));
    }
}

#[tokio::test]
async fn a_late_answer_for_one_that_was_handed_out_again_hides_nothing_that_was_issued_since() {
    let stage = Stage::new();
    let one = issue(&stage, draft("d", "U", A)).await;
    let freed = issue(&stage, overwrite("d", "O", A, Basis::Issuance(one))).await;
    issue(&stage, draft("d", "V", B)).await;
    stage.ledger.fetch(&request("mdm"), one).await.unwrap();
    acknowledge(&stage, freed).await;
    acknowledge(&stage, one).await;
    assert!(!may_go(&stage, B).await);
    list(&stage, vec![]).await;
    assert_ne!(state(&stage, "d").await, Some(State::Gone));
    assert!(!may_go(&stage, B).await);
}

#[tokio::test]
async fn an_overwrite_that_the_device_refused_first_may_be_the_one_that_it_has() {
    let stage = Stage::new();
    let one = issue(&stage, draft("d", "U", A)).await;
    acknowledge(&stage, one).await;
    let refused = issue(&stage, overwrite("d", "O", A, Basis::Issuance(one))).await;
    let error = Acknowledgement::Error { chain: vec![] };
    stage.ledger.acknowledge(&request("mdm"), refused, error, None).await.unwrap();
    issue(&stage, draft("d", "V", B)).await;
    issue(&stage, overwrite("d", "O", A, Basis::Issuance(one))).await;
    list(&stage, vec![item("O", Some(A), Some(false))]).await;
    assert_ne!(state(&stage, "d").await, Some(State::Free));
    assert!(!may_go(&stage, B).await);
}

#[tokio::test]
async fn a_lock_that_is_told_without_a_uuid_is_not_passed_over() {
    let stage = Stage::new();
    let one = issue(&stage, draft("d", "U", A)).await;
    acknowledge(&stage, one).await;
    let freed = issue(&stage, overwrite("d", "O", A, Basis::Issuance(one))).await;
    issue(&stage, overwrite("d", "O", A, Basis::Issuance(one))).await;
    acknowledge(&stage, freed).await;
    list(&stage, vec![item("", Some(A), Some(true))]).await;
    assert_ne!(state(&stage, "d").await, Some(State::Free));
    assert!(!may_go(&stage, A).await);
    list(&stage, vec![item("X", None, Some(true))]).await;
    assert!(!may_go(&stage, A).await);
}

#[tokio::test]
async fn what_an_earlier_rule_said_is_worked_out_anew() {
    let mut stage = Stage::new();
    issue(&stage, draft("d", "U", A)).await;
    let earlier =
        "UPDATE holding SET state = 'free'; DELETE FROM holding_leaf; UPDATE meta SET value = '1' WHERE name = 'rule'";
    stage.ledger.close().await.unwrap();
    stage.intruder().execute_batch(earlier).unwrap();
    stage.open_again().unwrap();
    assert_eq!((state(&stage, "d").await, may_go(&stage, A).await), (Some(State::Issued), false));
}
