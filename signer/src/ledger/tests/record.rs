//! The audit verifies, and what was touched is named; copies are whole.

use super::*;

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
async fn a_record_below_the_first_number_was_inserted() {
    for number in [0, -5, i64::MIN] {
        let stage = Stage::new();
        issue(&stage, draft("d", "U", A)).await;
        let forged = "INSERT INTO audit SELECT ?1, time, previous, event, hash FROM audit WHERE seq = 2";
        stage.intruder().execute(forged, [number]).unwrap();
        let fault = stage.check().unwrap_err();
        assert!(matches!(fault, Error::Audit(Fault::Tampered { seq: 0, what: Tampering::Inserted })), "{fault}");
    }
}

#[tokio::test]
async fn no_ledger_is_made_where_checkpoints_tell_of_one() {
    let mut stage = Stage::new();
    stage.ledger.close().await.unwrap();
    std::fs::remove_file(&stage.options.path).unwrap();
    let refused = stage.open_again().err().unwrap();
    assert!(matches!(refused, Error::Audit(Fault::Tampered { seq: 1, what: Tampering::CutOff })), "{refused}");
    assert!(!stage.options.path.exists());
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
    let checkpoints = stage.path("copy.checkpoints.jsonl");
    std::fs::copy(&stage.options.checkpoints, &checkpoints).unwrap();
    let restored = Ledger::open(Options { path: copy, checkpoints, ..stage.options.clone() }).unwrap();
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
async fn does_not_start_without_a_key_that_sealed_nothing_but_answers() {
    let key = |seal| LedgerKey::of(&[seal; 32], &[1; 32]);
    let mut stage = Stage::with(|options| options.keys = LedgerKeys::new(key(7)));
    let (asked, answer) = (keyed("mdm", "k", "x"), serde_json::json!("answer"));
    let event = || Event::done("test");
    stage.options.keys = LedgerKeys { active: key(8), former: vec![key(7)] };
    stage.reopen().await.unwrap();
    stage.ledger.decide(&asked, event(), answer.clone()).await.unwrap();
    stage.ledger.close().await.unwrap();
    stage.options.keys = LedgerKeys { active: key(9), former: vec![key(7)] };
    let refused = stage.open_again().unwrap_err();
    assert!(matches!(&refused, Error::UnknownKey { id } if id == key(8).id()), "{refused}");
    stage.options.keys.former = vec![key(8)];
    stage.open_again().unwrap();
    assert_eq!(stage.ledger.decide(&asked, event(), "other".into()).await.unwrap().value, answer);
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
