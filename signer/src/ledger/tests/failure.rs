//! What happens where something fails, and where there is too much.

use super::*;

fn impatient() -> Stage {
    Stage::with(|options| options.busy_timeout = Duration::from_millis(30))
}

/// Until it says why it is not healed.
async fn told(stage: &Stage, problem: &str) {
    let is_told = |health| matches!(health, Health::Failing { problem: told } if told.contains(problem));
    comes(stage, problem, is_told).await;
}

async fn healed(stage: &Stage) {
    comes(stage, "it heals", |health| health == Health::Writable).await;
}

async fn comes(stage: &Stage, what: &str, is_it: impl Fn(Health) -> bool) {
    let looking = async {
        while !is_it(stage.ledger.health()) {
            tokio::task::yield_now().await;
        }
    };
    let came = tokio::time::timeout(Duration::from_secs(60), looking).await;
    came.unwrap_or_else(|_| panic!("{what}: {:?} after a minute", stage.ledger.health()));
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

/// POSIX takes all locks of a file from a process that closes any descriptor of it, and a SQLite that does not see ours
/// throws the write-ahead log away when it is the last to leave: then what was answered since is lost in a crash.
#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keeps_its_lock_on_the_file_while_it_heals_and_while_others_look() {
    let stage = impatient();
    let inode = std::os::unix::fs::MetadataExt::ino(&std::fs::metadata(&stage.options.path).unwrap());
    let is_locked = || {
        let locks = std::fs::read_to_string("/proc/locks").unwrap();
        locks.lines().any(|lock| lock.contains("POSIX") && lock.contains(&format!(":{inode} ")))
    };
    issue(&stage, draft("d", "U", A)).await;
    assert!(is_locked());
    assert!(stage.ledger.installed(&device("d"), IDENTIFIER).await.is_ok());
    stage.check().unwrap();
    assert!(is_locked());
    let intruder = stage.intruder();
    intruder.execute_batch("BEGIN IMMEDIATE").unwrap();
    assert!(stage.ledger.record(draft("d", "V", A)).await.is_err());
    intruder.execute_batch("COMMIT").unwrap();
    healed(&stage).await;
    assert!(is_locked());
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_written_to_a_ledger_that_was_moved_away() {
    let stage = Stage::new();
    issue(&stage, draft("d", "U", A)).await;
    let (path, away) = (&stage.options.path, stage.options.path.with_extension("away"));
    std::fs::rename(path, &away).unwrap();
    assert!(stage.ledger.record(draft("d", "V", A)).await.is_err());
    told(&stage, "cannot be looked at").await;
    assert!(!path.exists(), "none is made in its place");
    std::fs::copy(&away, path).unwrap();
    told(&stage, "is not the file any more that was opened").await;
    std::fs::rename(&away, path).unwrap();
    healed(&stage).await;
    issue(&stage, draft("d", "W", A)).await;
    assert_eq!(stage.check().unwrap().profiles, 2);
}

#[tokio::test]
async fn nothing_is_written_to_a_log_that_was_taken_away_and_what_was_in_it_is_there_after_a_crash() {
    let mut stage = Stage::new();
    issue(&stage, draft("d", "U", A)).await;
    assert!(stage.ledger.device(&device("d"), 1).await.unwrap().is_some(), "a connection for questions is open");
    let log = sqlite::beside(&stage.options.path, "-wal");
    std::fs::remove_file(&log).unwrap();
    assert!(stage.ledger.record(draft("d", "V", A)).await.is_err());
    told(&stage, "cannot be looked at").await;
    let crashed = stage.path("crashed.db");
    std::fs::copy(&stage.options.path, &crashed).unwrap();
    let crashed = Options { path: crashed, checkpoints: stage.path("crashed.jsonl"), ..stage.options.clone() };
    let known = Ledger::open(crashed).unwrap().device(&device("d"), 9).await.unwrap().unwrap();
    assert_eq!(known.issuances.len(), 1);
    let _ = stage.ledger.close().await;
    stage.open_again().unwrap();
    issue(&stage, draft("d", "W", A)).await;
    assert_eq!(stage.check().unwrap().profiles, 2);
}

#[tokio::test]
async fn a_log_that_is_back_in_its_place_is_gone_on_with() {
    let stage = Stage::new();
    issue(&stage, draft("d", "U", A)).await;
    assert!(stage.ledger.device(&device("d"), 1).await.unwrap().is_some(), "a connection for questions is open");
    let log = sqlite::beside(&stage.options.path, "-wal");
    std::fs::rename(&log, log.with_extension("away")).unwrap();
    assert!(stage.ledger.record(draft("d", "V", A)).await.is_err());
    told(&stage, "cannot be looked at").await;
    std::fs::rename(log.with_extension("away"), &log).unwrap();
    healed(&stage).await;
    issue(&stage, draft("d", "W", A)).await;
    assert_eq!(stage.check().unwrap().profiles, 2);
}

#[tokio::test]
async fn what_was_in_a_log_that_was_taken_away_is_in_the_file_once_nobody_reads_at_a_moment_before_it() {
    let stage = Stage::new();
    issue(&stage, draft("d", "U", A)).await;
    assert!(stage.ledger.device(&device("d"), 1).await.unwrap().is_some(), "a connection for questions is open");
    let reader = stage.intruder();
    reader.execute_batch("BEGIN; SELECT count(*) FROM audit").unwrap();
    issue(&stage, draft("d", "V", A)).await;
    std::fs::remove_file(sqlite::beside(&stage.options.path, "-wal")).unwrap();
    assert!(stage.ledger.record(draft("d", "W", A)).await.is_err());
    drop(reader);
    let crashed = stage.path("crashed.db");
    let issuances = || {
        std::fs::copy(&stage.options.path, &crashed).unwrap();
        let db = rusqlite::Connection::open(&crashed).unwrap();
        db.query_row("SELECT count(*) FROM issuance", [], |row| row.get::<_, i64>(0)).ok()
    };
    let is_there = async {
        while issuances() != Some(2) {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), is_there).await.expect("what was answered would be lost in a crash");
}

#[tokio::test]
async fn nothing_is_opened_beside_a_log_that_was_moved_away_with_its_ledger() {
    let stage = Stage::new();
    issue(&stage, draft("d", "U", A)).await;
    assert!(stage.ledger.device(&device("d"), 1).await.unwrap().is_some(), "a connection for questions is open");
    let [ledger, log] = ["", "-wal"].map(|end| sqlite::beside(&stage.options.path, end));
    for path in [&ledger, &log] {
        std::fs::rename(path, sqlite::beside(path, ".away")).unwrap();
    }
    assert!(stage.ledger.record(draft("d", "V", A)).await.is_err());
    std::fs::rename(sqlite::beside(&ledger, ".away"), &ledger).unwrap();
    told(&stage, "-wal: cannot be looked at").await;
    assert!(!log.exists(), "none is made in its place");
    std::fs::rename(sqlite::beside(&log, ".away"), &log).unwrap();
    healed(&stage).await;
    issue(&stage, draft("d", "W", A)).await;
    assert_eq!(stage.check().unwrap().profiles, 2);
}

#[tokio::test]
async fn a_checkpoint_file_that_was_moved_away_is_made_anew_with_all_that_was_in_it() {
    let stage = Stage::new();
    issue(&stage, draft("d", "U", A)).await;
    stage.ledger.checkpoint().await.unwrap();
    let path = &stage.options.checkpoints;
    let before = std::fs::read_to_string(path).unwrap();
    std::fs::rename(path, path.with_extension("1")).unwrap();
    assert!(stage.ledger.record(draft("d", "V", A)).await.is_err());
    told(&stage, "cannot be looked at").await;
    healed(&stage).await;
    issue(&stage, draft("d", "W", A)).await;
    stage.ledger.checkpoint().await.unwrap();
    let after = std::fs::read_to_string(path).unwrap();
    assert!(after.starts_with(&before) && after.len() > before.len(), "{after}");
    assert_eq!(stage.check().unwrap().profiles, 2);
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
async fn what_fails_in_a_commit_takes_nothing_of_the_others_with_it() {
    let (commits, stage) = Stage::counting();
    let ledger = &stage.ledger;
    let (coming, stranger) = ([(); 6].map(|()| ledger.announce()), request("mdm"));
    let panicking = |writing: &mut Writing<'_>| -> Result<()> {
        writing.append(0, &Event::done("never"))?;
        panic!("a mistake");
    };
    let broken = |writing: &mut Writing<'_>| {
        writing.db.execute("INSERT INTO sealed (seq, key, body) VALUES (99, '', x'')", [])?;
        writing.db.execute("INSERT INTO sealed (seq, key, body) VALUES (99, '', x'')", [])?;
        Ok(())
    };
    let (first, refused, broken, second, panicked, ()) = tokio::join!(
        ledger.record(draft("first", "U", A)),
        ledger.fetch(&stranger, IssuanceId(uuid::Uuid::nil())),
        ledger.write(Event::done("x"), at(0), broken),
        ledger.record(draft("second", "U", A)),
        ledger.write(Event::done("x"), at(0), panicking),
        async { drop(coming) },
    );
    assert!(matches!((panicked, broken), (Err(Error::Panicked), Err(Error::Read { .. }))));
    assert_eq!(code(refused), "unknown-issuance");
    let (first, second) = (first.unwrap(), second.unwrap());
    assert_eq!((first.issuance().seq, second.issuance().seq), (2, 4));
    let actions: Vec<_> = stage.events().into_iter().map(|event| event["action"].clone()).collect();
    assert_eq!(actions, ["ledger-opened", "issue", "fetch", "issue"]);
    assert_eq!(stage.check().unwrap().profiles, 2);
    assert_eq!(*commits.lock().unwrap(), [5]);
}

#[tokio::test]
async fn one_that_fails_at_the_end_of_a_commit_leaves_what_was_written_before_it() {
    let (commits, stage) = Stage::counting();
    let ledger = &stage.ledger;
    let coming = [(); 3].map(|()| ledger.announce());
    let late = |writing: &mut Writing<'_>| -> Result<()> {
        writing.append(0, &Event::done("never"))?;
        Err(Error::Conflict)
    };
    let (first, late, ()) =
        tokio::join!(ledger.record(draft("first", "U", A)), ledger.write(Event::done("late"), at(0), late), async {
            drop(coming)
        },);
    assert_eq!((first.unwrap().issuance().seq, code(late)), (2, "idempotency-conflict"));
    let events = stage.events();
    assert_eq!((events.len(), &events[2]["action"], &events[2]["outcome"]), (3, &"late".into(), &"refused".into()));
    assert!(stage.check().is_ok());
    assert_eq!(*commits.lock().unwrap(), [2]);
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
async fn two_ledgers_do_not_share_a_checkpoint_file() {
    let (stage, folder) = (Stage::new(), tempfile::tempdir().unwrap());
    let other = Options { path: folder.path().join("ledger.db"), ..stage.options.clone() };
    let refused = Ledger::open(other.clone()).err().unwrap();
    assert!(crate::log::chain(&refused).ends_with("another daemon appends to it"), "{refused:?}");
    stage.ledger.close().await.unwrap();
    let refused = Ledger::open(other).err().unwrap();
    assert!(matches!(refused, Error::Audit { .. }), "they are of another ledger: {refused:?}");
}

#[tokio::test]
async fn a_ledger_that_a_link_leads_to_is_opened_and_gone_on_with() {
    let elsewhere = tempfile::tempdir().unwrap();
    let mut stage = Stage::new();
    let link = elsewhere.path().join("link.db");
    std::os::unix::fs::symlink(&stage.options.path, &link).unwrap();
    stage.ledger.close().await.unwrap();
    stage.options.path = link;
    stage.open_again().unwrap();
    issue(&stage, draft("d", "U", A)).await;
    stage.reopen().await.unwrap();
    issue(&stage, draft("d", "V", A)).await;
    assert_eq!(stage.check().unwrap().profiles, 2);
}

#[tokio::test]
async fn a_ledger_of_two_names_is_not_opened_and_one_that_is_gone_is_not_made_beside_its_log() {
    let mut stage = Stage::new();
    issue(&stage, draft("d", "U", A)).await;
    stage.ledger.close().await.unwrap();
    let (path, link) = (stage.options.path.clone(), stage.path("link.db"));
    std::fs::hard_link(&path, &link).unwrap();
    let refused = stage.open_again().unwrap_err();
    assert!(crate::log::chain(&refused).contains("it has 2 names"), "{refused:?}");
    std::fs::remove_file(&path).unwrap();
    std::fs::remove_file(&stage.options.checkpoints).unwrap();
    std::fs::write(stage.path("ledger.db-wal"), b"x").unwrap();
    assert!(matches!(stage.open_again(), Err(Error::Audit { .. })));
    assert!(!path.exists());
    std::fs::rename(&link, &path).unwrap();
    std::fs::remove_file(stage.path("ledger.db-wal")).unwrap();
    stage.open_again().unwrap();
}

#[tokio::test]
async fn a_question_that_nobody_waits_for_any_more_keeps_its_turn_until_its_end() {
    let stage = Stage::new();
    let readers = &stage.ledger.shared.readers;
    let (entered, mut entries) = tokio::sync::mpsc::unbounded_channel();
    let mut held = Vec::new();
    let is_full = async || {
        tokio::select! {
            biased;
            _ = readers.turn() => false,
            () = std::future::ready(()) => true,
        }
    };
    while !is_full().await {
        assert!(held.len() < 64, "questions are asked without end");
        let (hold, held_back) = std::sync::mpsc::channel::<()>();
        let entered = entered.clone();
        let question = stage.ledger.read(move |_| {
            entered.send(()).unwrap();
            // Until what holds it back is dropped.
            held_back.recv().unwrap_err();
            Ok(())
        });
        held.push(hold);
        tokio::select! {
            _ = question => panic!("it is held back"),
            entry = entries.recv() => entry.unwrap(),
        }
    }
    drop(held);
    assert!(readers.turn().await.is_some());
}
