//! Issuances go in once and come out as they were.

use super::*;

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
    let again = stage.ledger.record(Draft { signed: b"other".to_vec(), ..first.clone() }).await;
    assert_eq!(again.unwrap_err().to_string(), Error::Answered.to_string());
    assert_eq!(stage.ledger.earlier(&first.request).await.unwrap().as_ref(), Some(issued.issuance()));
    let again = stage.ledger.replay(&first.request, "issue").await.unwrap().unwrap();
    assert_eq!(again, issued);
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
    let first = stage.ledger.acknowledge(&asked, id, Acknowledgement::Acknowledged, None).await.unwrap();
    let again = stage.ledger.acknowledge(&asked, id, Acknowledgement::NotNow, None).await.unwrap();
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
        let (signed, asked) = (format!("bytes of {n}").into_bytes(), request.clone());
        let draft = Draft { signed, request, ..draft("d", "U", A) };
        tokio::spawn(async move {
            match ledger.record(draft).await {
                Err(Error::Answered) => (ledger.replay(&asked, "issue").await.unwrap().unwrap(), true),
                recorded => (recorded.unwrap(), false),
            }
        })
    };
    let tasks: Vec<_> = (0..32).map(ask).collect();
    let mut answers = Vec::new();
    for task in tasks {
        answers.push(task.await.unwrap());
    }
    assert!(answers.iter().all(|(issued, _)| *issued == answers[0].0));
    assert_eq!(answers.iter().filter(|(_, is_replayed)| !is_replayed).count(), 1);
    assert_eq!(stage.check().unwrap().profiles, 1);
}

#[tokio::test]
async fn writes_that_wait_share_a_commit() {
    let (commits, stage) = Stage::counting();
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_issuance_is_told_of_once_it_is_recorded_also_where_nobody_waits_for_it_any_more() {
    let (committed, is_committed) = std::sync::mpsc::channel();
    let (go_on, may_go_on) = std::sync::mpsc::channel();
    let (told, heard) = std::sync::mpsc::channel();
    let may_go_on = Mutex::new(may_go_on);
    let stage = Stage::with(|options| {
        options.on_commit = Some(Arc::new(move |_| {
            let _ = committed.send(());
            let _ = may_go_on.lock().unwrap().recv_timeout(Duration::from_secs(60));
        }));
        options.on_issued = Some(Arc::new(move |issuance| {
            let _ = told.send(issuance.id);
        }));
    });
    let ledger = stage.ledger.clone();
    let asking = tokio::spawn(async move { ledger.record(draft("d", "U", A)).await });
    is_committed.recv_timeout(Duration::from_secs(60)).unwrap();
    asking.abort();
    assert!(asking.await.unwrap_err().is_cancelled());
    go_on.send(()).unwrap();
    let id = heard.recv_timeout(Duration::from_secs(60)).unwrap();
    assert!(stage.ledger.issuance(id).await.unwrap().is_some());
    drop(go_on);
}

#[tokio::test]
async fn a_commit_waits_as_long_as_more_are_announced_than_are_ready() {
    let (commits, stage) = Stage::counting();
    let coming = [(); 3].map(|()| stage.ledger.announce());
    let (first, second, ()) = tokio::join!(
        stage.ledger.record(draft("first", "U", A)),
        stage.ledger.record(draft("second", "U", A)),
        async { drop(coming) },
    );
    assert!(first.is_ok() && second.is_ok());
    assert_eq!(*commits.lock().unwrap(), [2]);
}

#[tokio::test]
async fn a_commit_does_not_wait_long_for_a_write_that_does_not_come() {
    let stage = Stage::with(|options| options.company = Duration::from_millis(2));
    let _never = [(); 2].map(|()| stage.ledger.announce());
    soon(stage.ledger.record(draft("d", "U", A))).await.unwrap();
}

#[tokio::test]
async fn a_commit_does_not_wait_for_fewer_than_are_ready() {
    let (_, stage) = Stage::counting();
    let _never = stage.ledger.announce();
    soon(stage.ledger.record(draft("d", "U", A))).await.unwrap();
}

async fn soon<T>(answer: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(60), answer).await.expect("it waits for what does not come")
}
