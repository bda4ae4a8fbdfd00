//! SIGTERM under load: what runs is finished; and how long that may take.

use crate::{crash::rounds, daemon::Daemon, load::Load, record::Answered, site::Site};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sigterm_under_load_truncates_no_answer() {
    let (site, mut answered) = (Site::new(), Answered::default());
    for round in 0..rounds(3, 30) {
        let daemon = Daemon::start(&site);
        let mut load = Load::start(&daemon, 16);
        for _ in 0..20 + round * 37 % 211 {
            answered.hear(load.next().await.unwrap());
        }
        daemon.signal("TERM");
        // It hears of truncated answers as well, and does not take them.
        let (rest, status) = tokio::join!(load.rest(), daemon.ended());
        rest.into_iter().for_each(|told| answered.hear(told));
        assert!(status.success(), "{status}");
        answered.is_recorded(&site).await;
        let daemon = Daemon::start(&site);
        answered.is_answered_again(&daemon, &site).await;
        daemon.stop().await;
    }
    assert!(answered.refused.keys().all(|(_, code)| code == "draining"), "{:?}", answered.refused);
    println!("{} answered, {:?}", answered.issued(), answered.refused);
}

#[tokio::test]
async fn the_end_does_not_wait_longer_than_it_is_told_for_who_does_not_finish() {
    let site = patient("drain_seconds = 1");
    let daemon = Daemon::start(&site);
    let _unfinished = unfinished(&daemon).await;
    daemon.stop().await;
}

#[tokio::test]
async fn a_second_sigterm_ends_it_at_once() {
    let site = patient("drain_seconds = 600");
    let daemon = Daemon::start(&site);
    let mut unfinished = unfinished(&daemon).await;
    daemon.signal("TERM");
    // Nothing new is taken, and the request that is not whole goes on.
    while daemon.connects().await {
        tokio::task::yield_now().await;
    }
    unfinished.send(b"x").await.unwrap();
    daemon.stop().await;
}

/// A client in the middle of its request.
async fn unfinished(daemon: &Daemon) -> crate::client::Client {
    let mut client = daemon.client().await;
    assert_eq!(client.get("/livez").await.unwrap().status, 200);
    let head = "POST /v1/devices/D/profiles/ivi-mdm HTTP/1.1\r\nhost: signer\r\nidempotency-key: k\r\n\
                content-type: application/json\r\ncontent-length: 100\r\n";
    let token = format!("authorization: Bearer {}\r\n\r\n{{", daemon.token());
    client.send(head.as_bytes()).await.unwrap();
    client.send(token.as_bytes()).await.unwrap();
    // Read in turn: when a later one is answered, this one is known.
    assert_eq!(daemon.client().await.get("/livez").await.unwrap().status, 200);
    client
}

/// A daemon that waits long for who is slow.
fn patient(drain: &str) -> Site {
    let site = Site::new();
    site.configure(&format!("[limits]\nbody_seconds = 600\ntotal_seconds = 600\n{drain}"));
    site
}
