//! What was answered over HTTP is in the ledger, whenever the daemon dies.

use std::{fs, path::PathBuf};

use crate::{
    daemon::Daemon,
    load::Load,
    record::Answered,
    site::Site,
    strace::{can_inject, injected, record, traced},
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_answered_survives_a_kill_under_load_at_any_moment() {
    let (site, mut answered) = (Site::new(), Answered::default());
    for round in 0..rounds(4, 60) {
        let daemon = Daemon::start(&site);
        let mut load = Load::start(&daemon, CLIENTS);
        // The moment of the kill is another number of answers in each round.
        for _ in 0..1 + round * 37 % 211 {
            answered.hear(load.next().await.unwrap());
        }
        daemon.kill();
        load.rest().await.into_iter().for_each(|told| answered.hear_of_a_kill(told));
        answered.is_recorded(&site).await;
        let daemon = Daemon::start(&site);
        answered.is_answered_again(&daemon, &site).await;
        daemon.stop().await;
    }
    assert_eq!(answered.refused(), 0, "{:?}", answered.refused);
    println!("{} answered", answered.issued());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_answered_survives_a_kill_at_each_write_and_each_sync() {
    killed_at("fsync", record, rounds(4, usize::MAX)).await;
    // There are more than a thousand; the ledger alone is killed at every one (`tests/crash.rs`).
    killed_at("pwrite64", record, rounds(4, 300)).await;
    // Those of the checkpoints' file.
    killed_at("write", record, 1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_answered_survives_a_kill_at_each_send() {
    killed_at("writev", |_| Vec::new(), rounds(4, usize::MAX)).await;
}

/// A daemon for each of so many calls of this kind, which is its last, until it is not called so often; in the long run
/// none is left out.
async fn killed_at(call: &str, files: fn(&Site) -> Vec<PathBuf>, calls: usize) {
    if !can_inject() {
        return;
    }
    let mut kills = 0;
    for number in (1..).step_by(rounds(5, 1)).take(calls) {
        let (site, mut answered) = (Site::new(), Answered::default());
        // The ledger is made before, so that more of the calls are those under load.
        Daemon::start(&site).stop().await;
        let strace = injected(call, &format!("{call}:signal=SIGKILL:when={number}"), &files(&site));
        let mut killed = true;
        if let Ok(daemon) = Daemon::run(&site, strace) {
            let mut load = Load::start(&daemon, CLIENTS);
            for _ in 0..ENOUGH {
                let Some(told) = load.next().await else { break };
                answered.hear_of_a_kill(told);
            }
            load.rest().await.into_iter().for_each(|told| answered.hear_of_a_kill(told));
            daemon.signal("TERM");
            killed = !daemon.ended().await.success();
        }
        answered.is_recorded(&site).await;
        let daemon = Daemon::start(&site);
        answered.is_answered_again(&daemon, &site).await;
        daemon.stop().await;
        if !killed {
            break;
        }
        kills += 1;
    }
    println!("{call}: {kills} kills");
    assert!(kills > 0, "{call} is not called");
}

/// A kill does not lose what the system holds for the disk: only the order of calls shows that it was synced before.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_sent_before_its_sync() {
    if !can_inject() {
        return;
    }
    let site = Site::new();
    let calls = site.path("calls");
    let daemon = Daemon::run(&site, traced("pwrite64,fsync,fdatasync,writev,sendto", &calls)).unwrap();
    let mut load = Load::start(&daemon, 1);
    for _ in 0..SENT {
        assert!(load.next().await.unwrap().issued().is_some());
    }
    load.rest().await;
    daemon.stop().await;
    let (mut waiting, mut sent) = (false, 0);
    for call in fs::read_to_string(calls).unwrap().lines() {
        if call.contains("pwrite64(") && call.contains("ledger.db-wal>") {
            waiting = true;
        } else if call.contains("sync(") && call.contains("ledger.db-wal>") || call.contains("sync resumed>") {
            waiting = false;
        } else if call.contains("HTTP/1.1 200") {
            assert!(!waiting, "answer {sent} was sent before its sync: {call}");
            sent += 1;
        }
    }
    assert!(sent >= SENT, "{sent}");
}

pub fn rounds(short: usize, long: usize) -> usize {
    if std::env::var("LONG_TESTS").as_deref() == Ok("1") { long } else { short }
}

const CLIENTS: usize = 8;
/// Answers after which a call that was to be the last has not come.
const ENOUGH: usize = 120;
const SENT: usize = 30;
