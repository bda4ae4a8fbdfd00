//! What the ledger promises as a whole.

use std::{sync::Arc, time::Duration};

use super::{stage::*, *};
use crate::{
    audit::{Fault, Tampering},
    installed::{EvidenceKind, Installed, Serving, State},
    issuance::{Acknowledgement, Basis, ErrorLink, IssuanceId, SpecRef, TicketId, Variant},
    pattern::Pattern,
};

const A: u8 = 0xa;
const B: u8 = 0xb;

async fn issue(stage: &Stage, draft: Draft) -> IssuanceId {
    stage.ledger.record(draft).await.unwrap().id()
}

async fn serving(stage: &Stage, name: &str) -> Serving {
    match stage.ledger.installed(&device(name), IDENTIFIER).await.unwrap() {
        Installed::Profile(serving) => serving,
        other => panic!("{other:?}"),
    }
}

async fn state(stage: &Stage, name: &str) -> Option<State> {
    let holdings = stage.ledger.devices(Scope::default(), None, None, 100).await.unwrap();
    holdings.into_iter().find(|holding| holding.device == device(name)).map(|holding| holding.state)
}

async fn acknowledge(stage: &Stage, id: IssuanceId) {
    stage.ledger.acknowledge(&request("mdm"), id, Acknowledgement::Acknowledged).await.unwrap();
}

fn code<T: std::fmt::Debug>(refused: Result<T>) -> &'static str {
    refused.unwrap_err().code().unwrap()
}

#[tokio::test]
async fn keeps_all_that_is_to_be_known_of_an_issuance() {
    let mut stage = Stage::new();
    let draft = Draft { request: keyed("mdm", "k", "x"), remarks: serde_json::json!({"a": 1}), ..draft("d", "U", A) };
    let issued = stage.ledger.record(draft.clone()).await.unwrap();
    stage.reopen().await.unwrap();
    let kept = stage.ledger.issuance(issued.id()).await.unwrap().unwrap();
    assert_eq!(&kept, issued.issuance());
    assert_eq!((kept.device, kept.profile, kept.spec), (draft.device, draft.profile, draft.spec));
    assert_eq!((kept.variant, kept.remarks), (Variant::Locked, draft.remarks));
    assert_eq!(kept.parameters, Some(stage.ledger.parameters_digest(b"{\"password\":\"1234\"}")));
    assert_eq!(kept.signed, Digest::of(&draft.signed));
    assert_eq!(kept.request, RequestFacts { idempotency_key: Some("k".into()), ..draft.request.facts() });
}

#[tokio::test]
async fn gives_the_bytes_again_and_records_that() {
    let stage = Stage::new();
    let id = issue(&stage, draft("d", "U", A)).await;
    let again = stage.ledger.fetch(&request("other"), id).await.unwrap();
    assert_eq!(again.signed(), b"signed d U");
    let event = stage.last_event();
    assert_eq!(
        (&event["action"], &event["caller"], &event["issuance"]),
        (&"fetch".into(), &"other".into(), &id.to_string().into())
    );
}

#[tokio::test]
async fn refuses_to_give_what_it_does_not_have_and_records_that() {
    let stage = Stage::new();
    let id = stage.ledger.next_id(at(0));
    assert_eq!(code(stage.ledger.fetch(&request("mdm"), id).await), "unknown-issuance");
    assert_eq!(stage.last_event()["code"], "unknown-issuance");
    assert_eq!(stage.ledger.issuance(id).await.unwrap(), None);
}

#[tokio::test]
async fn refuses_an_overwrite_of_a_profile_of_another_device() {
    let stage = Stage::new();
    let id = issue(&stage, draft("d", "U", A)).await;
    let other = overwrite("e", "O", A, Basis::Issuance(id));
    assert_eq!(code(stage.ledger.record(other).await), "unknown-issuance");
    assert_eq!(stage.last_event()["action"], "overwrite");
}

#[tokio::test]
async fn gives_the_basis_of_an_overwrite_exactly() {
    let stage = Stage::new();
    let id = issue(&stage, draft("d", "U", A)).await;
    let basis = stage.ledger.basis(Basis::Issuance(id)).await.unwrap();
    assert_eq!((basis.signed, basis.profile.leaf), (b"signed d U".to_vec(), Digest([A; 32])));
}

#[tokio::test]
async fn refuses_sealed_bytes_that_stand_in_anothers_place() {
    let stage = Stage::new();
    let (one, two) = (issue(&stage, draft("d", "U", A)).await, issue(&stage, draft("d", "V", A)).await);
    stage
        .intruder()
        .execute_batch("UPDATE sealed SET body = (SELECT body FROM sealed ORDER BY seq DESC LIMIT 1)")
        .unwrap();
    assert!(matches!(stage.ledger.fetch(&request("mdm"), one).await, Err(Error::Damaged { .. })));
    assert!(stage.ledger.fetch(&request("mdm"), two).await.is_ok());
}

#[tokio::test]
async fn secrets_are_in_none_of_its_files() {
    let mut stage = Stage::new();
    let canary = "CANARY-p4ssw0rd-7f3a";
    let secret = Draft {
        signed: format!("<key>RemovalPassword</key><string>{canary}</string>").repeat(50).into_bytes(),
        parameters: Some(canary.into()),
        request: keyed("mdm", "k", canary),
        ..draft("d", "U", A)
    };
    stage.ledger.record(secret).await.unwrap();
    let answer = serde_json::json!({ "token": canary });
    stage.ledger.decide(&keyed("mdm", "l", canary), Event::done("token"), answer).await.unwrap();
    let before = files(&stage);
    stage.reopen().await.unwrap();
    for (name, bytes) in before.into_iter().chain(files(&stage)) {
        assert!(!bytes.windows(canary.len()).any(|window| window == canary.as_bytes()), "{name}");
    }
}

fn files(stage: &Stage) -> Vec<(String, Vec<u8>)> {
    let read = |file: std::io::Result<std::fs::DirEntry>| {
        let path = file.unwrap().path();
        (path.display().to_string(), std::fs::read(path).unwrap())
    };
    std::fs::read_dir(stage.folder.path()).unwrap().map(read).collect()
}

#[tokio::test]
async fn a_repeated_request_gets_the_same_bytes_and_makes_no_second_record() {
    let mut stage = Stage::new();
    let first = Draft { request: keyed("mdm", "k", "x"), ..draft("d", "U", A) };
    let issued = stage.ledger.record(first.clone()).await.unwrap();
    stage.reopen().await.unwrap();
    let again = stage.ledger.record(Draft { signed: b"other".to_vec(), ..first.clone() }).await.unwrap();
    assert_eq!((again.id(), again.signed()), (issued.id(), issued.signed()));
    assert!(again.is_replayed() && !issued.is_replayed());
    let asked = stage.ledger.replay(&first.request, "issue").await.unwrap().unwrap();
    assert_eq!(asked.signed(), issued.signed());
    assert_eq!(stage.check().unwrap().profiles, 1);
}

#[tokio::test]
async fn another_request_under_the_same_key_is_a_conflict() {
    let stage = Stage::new();
    stage.ledger.record(Draft { request: keyed("mdm", "k", "x"), ..draft("d", "U", A) }).await.unwrap();
    let other = keyed("mdm", "k", "y");
    let refused = stage.ledger.record(Draft { request: other.clone(), ..draft("d", "V", A) }).await;
    assert_eq!(code(refused), "idempotency-conflict");
    assert_eq!(stage.last_event()["code"], "idempotency-conflict");
    assert_eq!(code(stage.ledger.replay(&other, "issue").await), "idempotency-conflict");
    assert_eq!(stage.last_event()["outcome"], "refused");
}

#[tokio::test]
async fn two_callers_may_use_the_same_key() {
    let stage = Stage::new();
    let of = |caller: &str| Draft { request: keyed(caller, "k", caller), ..draft("d", "U", A) };
    let (one, two) = (stage.ledger.record(of("a")).await.unwrap(), stage.ledger.record(of("b")).await.unwrap());
    assert_ne!(one.id(), two.id());
}

#[tokio::test]
async fn a_new_request_has_no_answer_yet() {
    let stage = Stage::new();
    assert_eq!(stage.ledger.replay(&keyed("mdm", "k", "x"), "issue").await.unwrap(), None);
    assert_eq!(stage.ledger.replay(&request("mdm"), "issue").await.unwrap(), None);
}

#[tokio::test]
async fn a_refused_request_may_come_again_under_its_key() {
    let stage = Stage::new();
    let id = issue(&stage, draft("d", "U", A)).await;
    let budget = |limit| Some(Budget { limit, window: Duration::from_secs(60) });
    let asked = Draft { request: keyed("mdm", "k", "x"), ..overwrite("d", "O", A, Basis::Issuance(id)) };
    assert_eq!(code(stage.ledger.record(Draft { budget: budget(0), ..asked.clone() }).await), "budget-exceeded");
    assert!(stage.ledger.record(Draft { budget: budget(1), ..asked }).await.is_ok());
}

#[tokio::test]
async fn other_answers_are_given_again_too() {
    let stage = Stage::new();
    let id = issue(&stage, draft("d", "U", A)).await;
    let asked = keyed("mdm", "k", "ack");
    let first = stage.ledger.acknowledge(&asked, id, Acknowledgement::Acknowledged).await.unwrap();
    let again = stage.ledger.acknowledge(&asked, id, Acknowledgement::NotNow).await.unwrap();
    assert_eq!((first.value, first.replayed), (again.value, false));
    assert!(again.replayed);
    let other = stage.ledger.decide(&asked, Event::done("x"), serde_json::json!({"n": 1})).await;
    // The fingerprint is the same here, which no two routes of the daemon have; what is there has another shape.
    assert!(other.is_ok_and(|other| other.replayed));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_32_requests_at_once_under_one_key_one_is_recorded_and_all_get_its_bytes() {
    let stage = Stage::new();
    let ask = |n: u32| {
        let (ledger, request) = (stage.ledger.clone(), keyed("mdm", "k", "x"));
        let draft = Draft { signed: format!("bytes of {n}").into_bytes(), request, ..draft("d", "U", A) };
        tokio::spawn(async move { ledger.record(draft).await.unwrap() })
    };
    let tasks: Vec<_> = (0..32).map(ask).collect();
    let mut answers = Vec::new();
    for task in tasks {
        answers.push(task.await.unwrap());
    }
    assert!(answers.iter().all(|issued| (issued.id(), issued.signed()) == (answers[0].id(), answers[0].signed())));
    assert_eq!(answers.iter().filter(|issued| !issued.is_replayed()).count(), 1);
    assert_eq!(stage.check().unwrap().profiles, 1);
}

#[tokio::test]
async fn writes_that_wait_share_a_commit() {
    let commits = Arc::new(Mutex::new(Vec::new()));
    let told = commits.clone();
    let stage = Stage::with(|options| {
        options.on_commit = Some(Arc::new(move |commit: Commit| told.lock().unwrap().push(commit.writes)));
    });
    // The file is held until all of them wait.
    let intruder = stage.intruder();
    intruder.execute_batch("BEGIN IMMEDIATE").unwrap();
    let ask = |n: usize| {
        let (ledger, draft) = (stage.ledger.clone(), draft(&format!("d{n}"), "U", A));
        tokio::spawn(async move { ledger.record(draft).await })
    };
    let tasks: Vec<_> = (0..40).map(ask).collect();
    tokio::task::yield_now().await;
    intruder.execute_batch("COMMIT").unwrap();
    for task in tasks {
        task.await.unwrap().unwrap();
    }
    let commits = commits.lock().unwrap();
    assert_eq!(commits.iter().sum::<usize>(), 40);
    assert!(commits.len() <= 2, "{commits:?}");
}

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

#[tokio::test]
async fn an_overwrite_of_what_the_device_had_before_is_not_recorded_unless_the_caller_named_it() {
    let stage = Stage::new();
    let one = issue(&stage, draft("d", "U", A)).await;
    let made = |evidence| Draft { evidence: Some(evidence), ..overwrite("d", "O", A, Basis::Issuance(one)) };
    let two = issue(&stage, draft("d", "V", A)).await;
    acknowledge(&stage, two).await;
    assert!(matches!(stage.ledger.record(made(EvidenceKind::Issued)).await, Err(Error::Moved)));
    assert!(stage.ledger.record(made(EvidenceKind::Named)).await.is_ok());
    acknowledge(&stage, one).await;
    assert!(stage.ledger.record(made(EvidenceKind::Issued)).await.is_ok());
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
                stage.ledger.acknowledge(&request("mdm"), locked, refused).await.unwrap();
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
    stage.ledger.acknowledge(&request("mdm"), id, answer.clone()).await.unwrap();
    assert_eq!(stage.ledger.issuance(id).await.unwrap().unwrap().acknowledgement, Some(answer));
    assert_eq!(stage.last_event()["detail"]["errors"][0], "MCInstallationErrorDomain 4008");
    assert_eq!(stage.ledger.installed(&device("d"), IDENTIFIER).await.unwrap(), Installed::Refused);
}

#[tokio::test]
async fn who_acknowledged_once_has_the_profile_whatever_it_answers_later() {
    let stage = Stage::new();
    let id = issue(&stage, draft("d", "U", A)).await;
    acknowledge(&stage, id).await;
    let later = stage.ledger.acknowledge(&request("mdm"), id, Acknowledgement::NotNow).await.unwrap();
    assert_eq!(later.value.acknowledgement, Acknowledgement::Acknowledged);
    assert_eq!(serving(&stage, "d").await.of, Basis::Issuance(id));
}

#[tokio::test]
async fn an_answer_that_comes_again_does_not_hide_a_later_one_of_another_signer() {
    let stage = Stage::new();
    let (one, two) = (issue(&stage, draft("d", "U", A)).await, issue(&stage, draft("d", "V", B)).await);
    acknowledge(&stage, one).await;
    acknowledge(&stage, two).await;
    acknowledge(&stage, one).await;
    assert_eq!(serving(&stage, "d").await.of, Basis::Issuance(two));
    assert_eq!(stage.ledger.stranded(&[Digest([A; 32])].into()).await.unwrap(), 1);
}

#[tokio::test]
async fn refuses_the_answer_to_an_issuance_that_it_does_not_know() {
    let stage = Stage::new();
    let id = stage.ledger.next_id(at(0));
    let refused = stage.ledger.acknowledge(&request("mdm"), id, Acknowledgement::Acknowledged).await;
    assert_eq!(code(refused), "unknown-issuance");
}

fn observed(name: &str, uuid: &str, leaf: u8, signed: &str) -> ObservedProfile {
    ObservedProfile { device: device(name), profile: profile(uuid, leaf), locked: true, signed: signed.into() }
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
    ProfileList { profiles: vec![profile], complete: true, expected: vec![] }
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

/// A list that has the identifier, and tells nothing else.
fn bare(identifier: &str) -> ProfileList {
    let profile = ListedProfile { identifier: identifier.into(), ..ListedProfile::default() };
    ProfileList { profiles: vec![profile], complete: true, expected: vec![] }
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
    let stage = Stage::new();
    issue(&stage, draft("d", "U", A)).await;
    let none = ProfileList { complete: true, ..ProfileList::default() };
    stage.ledger.reconcile(&request("mdm"), device("d"), none).await.unwrap();
    stage.ledger.reconcile(&request("mdm"), device("d"), bare(IDENTIFIER)).await.unwrap();
    assert_eq!(state(&stage, "d").await, Some(State::Foreign));
    assert_eq!(stage.ledger.stranded(&[].into()).await.unwrap(), 1);
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

#[tokio::test]
async fn pages_through_devices_by_state() {
    let stage = Stage::new();
    for n in 0..7 {
        let id = issue(&stage, draft(&format!("d{n}"), "U", A)).await;
        if n % 2 == 0 {
            acknowledge(&stage, id).await;
        }
    }
    let mut found = Vec::new();
    let mut after = None;
    loop {
        let page = stage.ledger.devices(Scope::default(), Some(State::Locked), after, 3).await.unwrap();
        let Some(last) = page.last() else { break };
        after = Some(Cursor::from(last));
        found.extend(page.into_iter().map(|holding| holding.device.to_string()));
    }
    assert_eq!(found, ["d0", "d2", "d4", "d6"]);
    assert_eq!(stage.ledger.states().await.unwrap(), [(State::Issued, 3), (State::Locked, 4)]);
}

#[tokio::test]
async fn a_page_holds_what_is_within_the_scope_and_nothing_else() {
    let stage = Stage::new();
    for (name, spec) in [("a1", Some("ivi")), ("a2", Some("kiosk")), ("a3", None), ("b1", Some("ivi"))] {
        let spec = spec.map(|name| SpecRef { name: name.into(), digest: Digest([3; 32]) });
        issue(&stage, Draft { spec, ..draft(name, "U", A) }).await;
    }
    let both = Draft { spec: Some(SpecRef { name: "kiosk".into(), digest: Digest([3; 32]) }), ..draft("b1", "V", A) };
    let names = async |devices: Option<&[&str]>, specs: Option<&[&str]>| {
        let devices = devices.map(|patterns| patterns.iter().map(|text| Pattern::new(text).unwrap()).collect());
        let specs = specs.map(|specs| specs.iter().map(ToString::to_string).collect());
        let page = stage.ledger.devices(Scope { devices, specs }, None, None, 100).await.unwrap();
        page.into_iter().map(|holding| holding.device.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(names(None, None).await, ["a1", "a2", "a3", "b1"]);
    assert_eq!(names(Some(&["a*"]), None).await, ["a1", "a2", "a3"]);
    assert_eq!(names(Some(&["A*", "*1"]), None).await, ["a1", "b1"]);
    assert_eq!(names(Some(&["a*"]), Some(&["ivi"])).await, ["a1"]);
    assert_eq!(names(None, Some(&["ivi"])).await, ["a1", "b1"]);
    assert!(names(Some(&[]), None).await.is_empty() && names(None, Some(&[])).await.is_empty());
    issue(&stage, both).await;
    assert_eq!(names(None, Some(&["ivi"])).await, ["a1"]);
    assert_eq!(names(None, Some(&["ivi", "kiosk"])).await, ["a1", "a2", "b1"]);
}

#[tokio::test]
async fn tells_what_it_has_of_a_device() {
    let stage = Stage::new();
    let id = issue(&stage, draft("d", "U", A)).await;
    let two = issue(&stage, draft("d", "V", A)).await;
    let record = stage.ledger.device(&device("d"), 1).await.unwrap().unwrap();
    assert_eq!(record.issuances.iter().map(|issuance| issuance.id).collect::<Vec<_>>(), [two]);
    let all = stage.ledger.device(&device("d"), 10).await.unwrap().unwrap();
    assert_eq!(all.issuances.last().unwrap().id, id);
    assert_eq!(record.installed[0].0.state, State::Issued);
    assert_eq!(stage.ledger.device(&device("e"), 10).await.unwrap(), None);
}

#[tokio::test]
async fn counts_and_lists_devices_whose_leaf_has_no_key() {
    let stage = Stage::new();
    for (name, leaf) in [("a", A), ("b", B), ("c", B)] {
        issue(&stage, draft(name, "U", leaf)).await;
    }
    let free = issue(&stage, draft("free", "U", B)).await;
    let free = issue(&stage, overwrite("free", "O", B, Basis::Issuance(free))).await;
    acknowledge(&stage, free).await;
    let keys = std::collections::BTreeSet::from([Digest([A; 32])]);
    assert_eq!(stage.ledger.stranded(&keys).await.unwrap(), 2);
    let listed = stage.ledger.stranded_devices(&keys, None, 1).await.unwrap();
    assert_eq!(listed, [device("b")]);
    assert_eq!(stage.ledger.stranded_devices(&keys, listed.last().cloned(), 9).await.unwrap(), [device("c")]);
    assert_eq!(stage.ledger.leaves().await.unwrap(), [(Digest([A; 32]), 1), (Digest([B; 32]), 2)]);
}

#[tokio::test]
async fn imports_a_fleet_once() {
    let stage = Stage::new();
    let one = |n: u32| Import {
        device: device(&format!("d{n}")),
        profile: profile("U", A),
        spec: None,
        signed: format!("imported {n}").into_bytes(),
        remarks: serde_json::json!({ "line": n }),
    };
    let first = stage.ledger.import(&request("import"), (0..50).map(one).collect()).await.unwrap();
    assert!(first.iter().all(|imported| matches!(imported, Imported::New(_))));
    let again = stage.ledger.import(&request("import"), (0..51).map(one).collect()).await.unwrap();
    assert_eq!(again.iter().filter(|imported| matches!(imported, Imported::New(_))).count(), 1);
    let serving = serving(&stage, "d3").await;
    assert_eq!(serving.evidence, EvidenceKind::Issued);
    assert_eq!(stage.ledger.basis(serving.of).await.unwrap().signed, b"imported 3");
    assert_eq!(stage.check().unwrap().profiles, 51);
}

#[tokio::test]
async fn a_budget_ends_and_says_when_it_goes_on() {
    let stage = Stage::new();
    let id = issue(&stage, draft("d", "U", A)).await;
    let ask = |second: i64, caller: &str| {
        let request = Request { at: at(second), ..request(caller) };
        let budget = Some(Budget { limit: 2, window: Duration::from_secs(3600) });
        stage.ledger.record(Draft { budget, request, ..overwrite("d", "O", A, Basis::Issuance(id)) })
    };
    ask(0, "a").await.unwrap();
    ask(600, "a").await.unwrap();
    let Err(Error::BudgetSpent { retry_after, .. }) = ask(601, "a").await else { panic!() };
    assert_eq!(retry_after, Duration::from_secs(2999));
    assert!(ask(602, "b").await.is_ok());
    assert!(ask(3600, "a").await.is_ok());
    assert_eq!(stage.ledger.overwrites_since("a", at(1)).await.unwrap(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn requests_at_once_do_not_overrun_a_budget() {
    let stage = Stage::new();
    let id = issue(&stage, draft("d", "U", A)).await;
    let ask = |_| {
        let budget = Some(Budget { limit: 5, window: Duration::from_secs(3600) });
        let (ledger, draft) = (stage.ledger.clone(), Draft { budget, ..overwrite("d", "O", A, Basis::Issuance(id)) });
        tokio::spawn(async move { ledger.record(draft).await.is_ok() })
    };
    let tasks: Vec<_> = (0..20).map(ask).collect();
    let mut allowed = 0;
    for task in tasks {
        allowed += usize::from(task.await.unwrap());
    }
    assert_eq!(allowed, 5);
}

fn wanted(devices: &[&str]) -> TicketDraft {
    TicketDraft {
        devices: devices.iter().map(|name| device(name)).collect(),
        reason: "returned".into(),
        until: at(100),
    }
}

/// A ticket of `anna` that `ben` approved, and a device `d` with a locked profile.
async fn approved(stage: &Stage) -> (TicketId, Basis) {
    let id = issue(stage, draft("d", "U", A)).await;
    let ticket = stage.ledger.create_ticket(&request("anna"), wanted(&["d", "e"])).await.unwrap().value.id;
    stage.ledger.approve_ticket(&request("ben"), ticket).await.unwrap();
    (ticket, Basis::Issuance(id))
}

fn with(ticket: TicketId, caller: &str, second: i64, draft: Draft) -> Draft {
    Draft { ticket: Some(ticket), request: Request { at: at(second), ..request(caller) }, ..draft }
}

#[tokio::test]
async fn an_approved_ticket_allows_one_overwrite_for_each_named_device() {
    let stage = Stage::new();
    let (ticket, of) = approved(&stage).await;
    let ask = || stage.ledger.record(with(ticket, "anna", 5, overwrite("d", "O", A, of)));
    let used = ask().await.unwrap().id();
    assert_eq!(code(ask().await), "ticket-used");
    let kept = stage.ledger.ticket(ticket).await.unwrap().unwrap();
    assert_eq!(kept.devices, [(device("d"), Some(used)), (device("e"), None)]);
    assert_eq!(kept.approved_by.as_deref(), Some("ben"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_ticket_is_used_once_by_requests_at_once() {
    let stage = Stage::new();
    let (ticket, of) = approved(&stage).await;
    let ask = |_| {
        let (ledger, draft) = (stage.ledger.clone(), with(ticket, "anna", 5, overwrite("d", "O", A, of)));
        tokio::spawn(async move { ledger.record(draft).await.is_ok() })
    };
    let tasks: Vec<_> = (0..16).map(ask).collect();
    let mut allowed = 0;
    for task in tasks {
        allowed += usize::from(task.await.unwrap());
    }
    assert_eq!(allowed, 1);
}

#[tokio::test]
async fn a_ticket_does_not_allow_what_it_is_not_for() {
    let stage = Stage::new();
    let (ticket, of) = approved(&stage).await;
    let other = issue(&stage, draft("x", "U", A)).await;
    let unknown = TicketId(stage.ledger.next_id(at(0)).0);
    let ask = |ticket, caller, second, draft| stage.ledger.record(with(ticket, caller, second, draft));
    let of_d = || overwrite("d", "O", A, of);
    assert_eq!(
        code(ask(ticket, "anna", 5, overwrite("x", "O", A, Basis::Issuance(other))).await),
        "ticket-not-for-this"
    );
    assert_eq!(code(ask(ticket, "anna", 100, of_d()).await), "ticket-expired");
    assert_eq!(code(ask(ticket, "ben", 5, of_d()).await), "ticket-own-use");
    assert_eq!(code(ask(unknown, "anna", 5, of_d()).await), "unknown-ticket");
    assert!(ask(ticket, "anna", 99, of_d()).await.is_ok());
}

#[tokio::test]
async fn a_ticket_is_approved_once_in_time_and_by_another() {
    let stage = Stage::new();
    let id = issue(&stage, draft("d", "U", A)).await;
    let ticket = stage.ledger.create_ticket(&request("anna"), wanted(&["d"])).await.unwrap().value.id;
    let unapproved = with(ticket, "anna", 5, overwrite("d", "O", A, Basis::Issuance(id)));
    assert_eq!(code(stage.ledger.record(unapproved).await), "ticket-not-approved");
    assert_eq!(code(stage.ledger.approve_ticket(&request("anna"), ticket).await), "ticket-self-approval");
    let late = Request { at: at(100), ..request("ben") };
    assert_eq!(code(stage.ledger.approve_ticket(&late, ticket).await), "ticket-expired");
    stage.ledger.approve_ticket(&request("ben"), ticket).await.unwrap();
    assert_eq!(code(stage.ledger.approve_ticket(&request("cleo"), ticket).await), "ticket-already-approved");
    assert_eq!(stage.last_event()["code"], "ticket-already-approved");
}

fn impatient() -> Stage {
    Stage::with(|options| options.busy_timeout = Duration::from_millis(30))
}

async fn healed(stage: &Stage) {
    while stage.ledger.health() != Health::Writable {
        tokio::task::yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_an_error_while_it_cannot_be_written_and_heals_by_itself() {
    let stage = impatient();
    issue(&stage, draft("d", "U", A)).await;
    let intruder = stage.intruder();
    intruder.execute_batch("BEGIN IMMEDIATE").unwrap();
    let failed = stage.ledger.record(draft("d", "V", A)).await;
    assert!(matches!(failed, Err(Error::Unavailable { source: Some(_) })), "{failed:?}");
    assert!(matches!(stage.ledger.health(), Health::Failing { .. }));
    assert!(stage.ledger.probe(at(0)).await.is_err());
    assert!(stage.ledger.installed(&device("d"), IDENTIFIER).await.is_ok());
    intruder.execute_batch("COMMIT").unwrap();
    healed(&stage).await;
    assert_eq!(stage.last_event()["action"], "ledger-healed");
    issue(&stage, draft("d", "W", A)).await;
    stage.ledger.probe(at(0)).await.unwrap();
    assert_eq!(stage.check().unwrap().profiles, 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn does_not_trust_a_ledger_from_which_something_answered_is_gone() {
    let stage = impatient();
    issue(&stage, draft("d", "U", A)).await;
    let intruder = stage.intruder();
    intruder.execute_batch("BEGIN IMMEDIATE; DELETE FROM audit WHERE seq = (SELECT max(seq) FROM audit)").unwrap();
    assert!(stage.ledger.probe(at(0)).await.is_err());
    intruder.execute_batch("COMMIT").unwrap();
    for _ in 0..3 {
        let refused = stage.ledger.record(draft("d", "V", A)).await.unwrap_err();
        assert!(matches!(refused, Error::Unavailable { .. }));
    }
    let told = |health| matches!(health, Health::Failing { problem } if problem.contains("record 2 and all that followed were cut off"));
    while !told(stage.ledger.health()) {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_broken_rule_of_one_write_does_not_fail_the_others() {
    let stage = Stage::new();
    let wrong = stage.ledger.write(Event::done("x"), at(0), |writing| {
        writing.append(0, &Event::done("never"))?;
        writing.db.execute("INSERT INTO sealed (seq, key, body) VALUES (99, '', x'')", [])?;
        writing.db.execute("INSERT INTO sealed (seq, key, body) VALUES (99, '', x'')", [])?;
        Ok(())
    });
    assert!(matches!(wrong.await, Err(Error::Read { .. })));
    assert_eq!(stage.ledger.health(), Health::Writable);
    assert_eq!(stage.last_event()["action"], "ledger-opened");
    assert!(stage.check().is_ok());
}

#[tokio::test]
async fn a_mistake_in_one_write_ends_neither_the_thread_nor_other_writes() {
    let stage = Stage::new();
    let panicking = stage.ledger.write(Event::done("x"), at(0), |writing| {
        writing.append(0, &Event::done("never"))?;
        if writing.keys.former.is_empty() {
            panic!("a mistake");
        }
        Ok(())
    });
    assert!(matches!(panicking.await, Err(Error::Panicked)));
    issue(&stage, draft("d", "U", A)).await;
    assert_eq!(stage.check().unwrap().audit.head.seq, 2);
}

#[tokio::test]
async fn what_nobody_waits_for_any_more_is_not_recorded() {
    let stage = Stage::new();
    let intruder = stage.intruder();
    intruder.execute_batch("BEGIN IMMEDIATE").unwrap();
    let (first, second) = (stage.ledger.clone(), stage.ledger.clone());
    let waiting = tokio::spawn(async move { first.record(draft("d", "U", A)).await });
    let abandoned = tokio::spawn(async move { second.record(draft("gone", "U", A)).await });
    tokio::task::yield_now().await;
    abandoned.abort();
    assert!(abandoned.await.unwrap_err().is_cancelled());
    intruder.execute_batch("COMMIT").unwrap();
    waiting.await.unwrap().unwrap();
    stage.ledger.probe(at(0)).await.unwrap();
    assert_eq!(stage.ledger.device(&device("gone"), 1).await.unwrap(), None);
}

#[test]
fn secrets_are_not_shown() {
    let shown = format!("{:?} {:?}", draft("d", "U", A), observed("d", "U", A, "signed"));
    assert_eq!(shown, "Draft(locked jp.example.ivi-mdm for d) ObservedProfile(jp.example.ivi-mdm on d)");
}

#[tokio::test]
async fn more_than_may_wait_is_refused_at_once() {
    let stage = Stage::with(|options| options.queue = 1);
    let intruder = stage.intruder();
    intruder.execute_batch("BEGIN IMMEDIATE").unwrap();
    let mut refused = 0;
    let mut waiting = Vec::new();
    for n in 0..20 {
        let (ledger, draft) = (stage.ledger.clone(), draft(&format!("d{n}"), "U", A));
        let mut asked = Box::pin(async move { ledger.record(draft).await });
        match std::future::poll_fn(|context| std::task::Poll::Ready(asked.as_mut().poll(context))).await {
            std::task::Poll::Ready(Err(Error::Busy)) => refused += 1,
            std::task::Poll::Ready(other) => panic!("{other:?}"),
            std::task::Poll::Pending => waiting.push(asked),
        }
    }
    assert!(refused >= 17, "{refused}");
    intruder.execute_batch("COMMIT").unwrap();
    for asked in waiting {
        asked.await.unwrap();
    }
}

#[tokio::test]
async fn a_closed_ledger_takes_nothing_and_leaves_its_file_free() {
    let stage = Stage::new();
    issue(&stage, draft("d", "U", A)).await;
    assert!(matches!(Ledger::open(stage.options.clone()), Err(Error::InUse { .. })));
    let checkpoint = stage.ledger.close().await.unwrap().unwrap();
    assert_eq!(checkpoint.seq, 2);
    assert!(matches!(stage.ledger.record(draft("d", "V", A)).await, Err(Error::Closed)));
    assert!(Ledger::open(stage.options.clone()).is_ok());
}

#[tokio::test]
async fn every_write_is_in_the_audit_and_the_whole_verifies() {
    let stage = Stage::with(|options| options.checkpoint_every = 3);
    let id = issue(&stage, draft("d", "U", A)).await;
    acknowledge(&stage, id).await;
    stage
        .ledger
        .audit(Event { caller: Some("x".into()), ..Event::refused("issue", "role-missing") }, at(1))
        .await
        .unwrap();
    issue(&stage, overwrite("d", "O", A, Basis::Issuance(id))).await;
    let actions: Vec<_> = stage.events().iter().map(|event| event["action"].as_str().unwrap().to_owned()).collect();
    assert_eq!(actions, ["ledger-opened", "issue", "acknowledge", "issue", "overwrite"]);
    let check = stage.check().unwrap();
    assert_eq!((check.audit.head.seq, check.audit.covered, check.profiles), (5, 3, 2));
    assert_eq!(stage.ledger.checkpoint().await.unwrap().unwrap().seq, 5);
    assert_eq!(stage.ledger.checkpoint().await.unwrap().unwrap().seq, 5);
    assert_eq!(stage.check().unwrap().audit.covered, 5);
}

#[tokio::test]
async fn names_the_record_that_was_edited_in_the_file() {
    let stage = Stage::new();
    for n in 0..5 {
        issue(&stage, draft(&format!("d{n}"), "U", A)).await;
    }
    stage.intruder().execute_batch("UPDATE audit SET event = replace(event, 'd2', 'x2') WHERE seq = 4").unwrap();
    let fault = stage.check().unwrap_err();
    assert!(matches!(fault, Error::Audit(Fault::Tampered { seq: 4, what: Tampering::Edited })), "{fault}");
}

#[tokio::test]
async fn an_issuance_that_says_otherwise_than_the_audit_is_found() {
    let stage = Stage::new();
    let (one, _) = (issue(&stage, draft("d", "U", A)).await, issue(&stage, draft("d", "V", A)).await);
    let wrong = stage.options.keys.seal(&Place::Profile(one.0), b"other");
    let db = stage.intruder();
    db.execute("UPDATE sealed SET body = ?1 WHERE seq = 2", [wrong.body]).unwrap();
    db.execute("UPDATE issuance SET signed = ?1 WHERE seq = 2", [Digest::of(b"other").0]).unwrap();
    assert!(matches!(stage.check(), Err(Error::Damaged { .. })));
}

#[tokio::test]
async fn does_not_start_on_a_ledger_that_was_set_back() {
    let mut stage = Stage::new();
    let old = stage.path("old.db");
    stage.ledger.backup(&old).await.unwrap();
    issue(&stage, draft("d", "U", A)).await;
    stage.ledger.close().await.unwrap();
    std::fs::copy(&old, &stage.options.path).unwrap();
    let refused = Ledger::open(stage.options.clone()).err().unwrap();
    assert!(matches!(refused, Error::Audit(Fault::Tampered { seq: 2, what: Tampering::CutOff })), "{refused}");
    std::fs::remove_file(stage.ledger.checkpoint_file()).unwrap();
    assert!(stage.open_again().is_ok());
}

#[tokio::test]
async fn a_checkpoint_that_did_not_reach_the_file_is_appended_at_the_next_start() {
    let mut stage = Stage::new();
    issue(&stage, draft("d", "U", A)).await;
    stage.ledger.close().await.unwrap();
    let file = stage.ledger.checkpoint_file();
    let before = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, "").unwrap();
    stage.open_again().unwrap();
    assert_eq!(std::fs::read_to_string(&file).unwrap(), before);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_made_while_it_is_written_is_whole() {
    let stage = Stage::new();
    let ask = |n: u32| {
        let (ledger, draft) = (stage.ledger.clone(), draft(&format!("d{n}"), "U", A));
        tokio::spawn(async move { ledger.record(draft).await.unwrap().id() })
    };
    let answered = ask(0).await.unwrap();
    let tasks: Vec<_> = (1..100).map(ask).collect();
    let copy = stage.path("copy.db");
    stage.ledger.backup(&copy).await.unwrap();
    for task in tasks {
        task.await.unwrap();
    }
    let verifiers = [stage.options.checkpoint_key.verifier()];
    let archive = Archive::open(&copy).unwrap();
    let check = archive.check(&keys(), &verifiers, &[]).unwrap();
    assert!(check.profiles >= 1 && check.audit.covered >= 1);
    let other = LedgerKeys::new(LedgerKey::new(&[8; 32]));
    assert!(matches!(archive.check(&other, &verifiers, &[]), Err(Error::UnknownKey { .. })));
    let found: bool = rusqlite::Connection::open(&copy)
        .unwrap()
        .query_row("SELECT EXISTS (SELECT 1 FROM issuance WHERE id = ?1)", [answered.0.as_bytes()], |row| row.get(0))
        .unwrap();
    assert!(found);
    assert!(matches!(stage.ledger.backup(&copy).await, Err(Error::Open { problem: "is there already", .. })));
}

#[tokio::test]
async fn a_copy_can_be_opened_as_a_ledger() {
    let stage = Stage::new();
    let id = issue(&stage, draft("d", "U", A)).await;
    let copy = stage.path("copy.db");
    stage.ledger.backup(&copy).await.unwrap();
    let restored = Ledger::open(Options { path: copy, ..stage.options.clone() }).unwrap();
    assert_eq!(restored.fetch(&request("mdm"), id).await.unwrap().signed(), b"signed d U");
}

#[tokio::test]
async fn a_damaged_copy_is_found() {
    let stage = Stage::new();
    issue(&stage, draft("d", "U", A)).await;
    let copy = stage.path("copy.db");
    stage.ledger.backup(&copy).await.unwrap();
    rusqlite::Connection::open(&copy).unwrap().execute_batch("UPDATE sealed SET body = zeroblob(64)").unwrap();
    let checked = Archive::open(&copy).unwrap().check(&keys(), &[stage.options.checkpoint_key.verifier()], &[]);
    assert!(matches!(checked, Err(Error::Damaged { .. })));
}

#[tokio::test]
async fn does_not_start_with_keys_that_would_free_nobody() {
    let stage = Stage::new();
    issue(&stage, draft("d", "U", A)).await;
    stage.ledger.close().await.unwrap();
    let keys = LedgerKeys::new(LedgerKey::new(&[8; 32]));
    let refused = Ledger::open(Options { keys, ..stage.options.clone() }).err().unwrap();
    assert!(matches!(refused, Error::UnknownKey { .. }), "{refused}");
}

#[tokio::test]
async fn checkpoints_go_to_the_file_that_is_named() {
    let elsewhere = tempfile::tempdir().unwrap();
    let stage = Stage::with(|options| options.checkpoints = elsewhere.path().join("points.jsonl"));
    issue(&stage, draft("d", "U", A)).await;
    stage.ledger.close().await.unwrap();
    assert_eq!(std::fs::read_to_string(elsewhere.path().join("points.jsonl")).unwrap().lines().count(), 1);
    assert_eq!(stage.check().unwrap().audit.covered, 2);
}
