//! A disk that fails for a while: 503 for as long, and then 200 again.

use crate::{
    client::Broken,
    crash::rounds,
    daemon::Daemon,
    load::Load,
    record::{Answered, events},
    site::Site,
    strace::{can_inject, injected, record},
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disk_that_refuses_to_sync_is_a_503_and_then_a_200_and_what_it_kept_is_verified() {
    fails("fsync", "EIO").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disk_that_is_full_is_a_503_and_then_a_200() {
    fails("pwrite64", "ENOSPC").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disk_that_refuses_to_write_is_a_503_and_then_a_200() {
    fails("pwrite64", "EIO").await;
}

/// Lets some calls in a row fail, from one moment and then from another.
async fn fails(call: &str, error: &str) {
    if !can_inject() {
        return;
    }
    for round in 0..rounds(1, 12) {
        let (site, mut answered) = (Site::new(), Answered::default());
        // The ledger is made before, so that the calls that fail are those under load.
        Daemon::start(&site).stop().await;
        let first = 40 + 7 * round;
        let injection = format!("{call}:error={error}:when={first}..{}", first + 8);
        let daemon = Daemon::run(&site, injected(call, &injection, &record(&site))).unwrap();
        let mut load = Load::start(&daemon, CLIENTS);
        let healed_after = until_healed(&mut load, &mut answered).await;
        load.rest().await.into_iter().for_each(|told| answered.hear(told));
        let only: Vec<_> = answered.refused.keys().collect();
        assert_eq!(only, [&(503, "ledger-unavailable".to_owned())], "{injection}");
        assert_eq!(daemon.client().await.get("/readyz").await.unwrap().status, 200);
        daemon.stop().await;
        assert!(events(&site).iter().any(|event| event["action"] == "ledger-healed"), "it was not verified");
        answered.is_recorded(&site).await;
        let daemon = Daemon::start(&site);
        answered.is_answered_again(&daemon, &site).await;
        daemon.stop().await;
        println!("{injection}: {} refused, {healed_after} answered before and after", answered.refused());
    }
}

/// Listens until there were refusals, and then answers.
async fn until_healed(load: &mut Load, answered: &mut Answered) -> usize {
    let (mut heard, mut since) = (0, 0);
    while since < ENOUGH {
        let told = load.next().await.expect("the daemon is gone");
        assert_ne!(told.answer.as_ref().err(), Some(&Broken::Unanswered), "a connection ended");
        if let Ok(answer) = &told.answer {
            assert!(answer.status == 200 || answer.header("retry-after").is_some(), "{answer:?}");
        }
        since = if told.issued().is_none() { 0 } else { since + usize::from(answered.refused() > 0) };
        answered.hear(told);
        heard += 1;
        assert!(heard < MANY, "nothing failed, or it did not heal: {:?}", answered.refused);
    }
    answered.issued()
}

const CLIENTS: usize = 8;
/// Answers in a row that show that it works again.
const ENOUGH: usize = 50;
const MANY: usize = 200_000;
