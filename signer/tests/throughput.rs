//! How many durable records the ledger writes a second: printed, with the mean commit, and not judged.

#![allow(clippy::unwrap_used, reason = "a test may fail by panic")]

use std::{
    fs::File,
    io::Write,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant, SystemTime},
};

use signer::{
    audit::CheckpointKey,
    digest::Digest,
    issuance::{ProfileFacts, Variant},
    ledger::{Draft, Ledger, LedgerKey, LedgerKeys, Options, Request},
};

#[test]
fn tells_how_many_durable_records_it_writes_a_second() {
    let length = if std::env::var("LONG_TESTS").as_deref() == Ok("1") { 5_000 } else { 300 };
    println!(
        "one file, appended to and synced: {:.0}/s",
        syncs(Duration::from_millis(length)) / (length as f64 / 1000.0)
    );
    for producers in [1, 32, 128] {
        let (records, commits) = measure(producers, Duration::from_millis(length));
        let each = records as f64 / (length as f64 / 1000.0);
        println!(
            "{producers:>3} producers: {each:>6.0} durable records/s, {:.1} a commit",
            records as f64 / commits as f64
        );
        assert!(records > 0);
    }
}

/// How often the disk takes a write of the same size by itself: what one producer could reach at most.
fn syncs(length: Duration) -> f64 {
    let folder = tempfile::tempdir().unwrap();
    let mut file = File::create(folder.path().join("file")).unwrap();
    let (until, mut count) = (Instant::now() + length, 0);
    while Instant::now() < until {
        file.write_all(&[0x30; 24_000]).unwrap();
        file.sync_all().unwrap();
        count += 1;
    }
    f64::from(count)
}

/// Records and commits in a time, by so many producers that each wait for their answer.
fn measure(producers: usize, length: Duration) -> (usize, usize) {
    let folder = tempfile::tempdir().unwrap();
    let commits = Arc::new(AtomicUsize::new(0));
    let counted = commits.clone();
    let keys = LedgerKeys::new(LedgerKey::new(&[9; 32]));
    let mut options = Options::new(folder.path().join("ledger.db"), keys, CheckpointKey::generate().unwrap());
    options.on_commit = Some(Arc::new(move |_| {
        counted.fetch_add(1, Ordering::Relaxed);
    }));
    let ledger = Ledger::open(options).unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let until = Instant::now() + length;
    let producer = |producer: usize| {
        let ledger = ledger.clone();
        runtime.spawn(async move {
            let mut records = 0;
            while Instant::now() < until {
                ledger.record(draft(producer, records)).await.unwrap();
                records += 1;
            }
            records
        })
    };
    let tasks: Vec<_> = (0..producers).map(producer).collect();
    let records = runtime.block_on(async {
        let mut records = 0;
        for task in tasks {
            records += task.await.unwrap();
        }
        ledger.close().await.unwrap();
        records
    });
    (records, commits.load(Ordering::Relaxed))
}

/// A profile of the usual size for a device of its own.
fn draft(producer: usize, number: usize) -> Draft {
    let name = format!("device-{producer}-{number}");
    let profile = ProfileFacts {
        identifier: "jp.example.ivi-mdm".into(),
        uuid: name.clone(),
        payload_uuids: vec![name.clone(); 4],
        plist: Digest([0; 32]),
        leaf: Digest([1; 32]),
        leaf_key: Digest([2; 32]),
    };
    let request = Request {
        caller: "mdm".into(),
        role: "issue".into(),
        id: None,
        idempotency: None,
        at: SystemTime::now(),
        room: None,
    };
    Draft {
        device: name.parse().unwrap(),
        profile,
        variant: Variant::Locked,
        spec: None,
        parameters: None,
        signed: vec![0x30; 7_800],
        remarks: serde_json::Value::Null,
        ticket: None,
        serving: None,
        budget: None,
        request,
    }
}
