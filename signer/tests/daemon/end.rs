//! The end: what was answered is there at the next start.

use std::fs;

use tokio::{io::AsyncWriteExt, net::TcpStream, time::timeout};

use crate::running::{PATIENCE, Running};

#[tokio::test]
async fn what_was_answered_is_answered_again_after_a_restart() {
    let running = Running::start().await;
    let before = running.issue("C02A", "1").await.ok();
    let (place, ended) = running.end().await;
    assert_eq!(ended.cut, 0);
    let running = place.start().await;
    assert_eq!(running.issue("C02A", "1").await.ok(), before);
}

#[tokio::test]
async fn the_end_signs_a_checkpoint_over_everything() {
    let running = Running::start().await;
    running.issue("C02A", "1").await.ok();
    let (place, _) = running.end().await;
    let last = fs::read_to_string(place.path("checkpoints.jsonl")).unwrap().lines().last().unwrap().to_owned();
    let last: serde_json::Value = serde_json::from_str(&last).unwrap();
    assert!(last["seq"].as_u64().unwrap() >= 2, "{last}");
    assert!(!fs::exists(place.path("ledger.db-wal")).unwrap());
}

#[tokio::test]
async fn a_second_word_ends_it_at_once() {
    let place = crate::running::Place::new();
    place.change("[admin]", "[limits]\ndrain_seconds = 600\ntotal_seconds = 600\n[admin]");
    let running = place.start().await;
    // A request that is never finished.
    let mut stream = TcpStream::connect(running.address).await.unwrap();
    let head = b"POST /v1/devices/C02A/profiles/ivi-mdm HTTP/1.1\r\nhost: it\r\ncontent-length: 9\r\n\r\n";
    stream.write_all(head).await.unwrap();
    assert_eq!(running.get("/livez").await.status, 200);
    running.stop.advance();
    let (_, ended) = timeout(PATIENCE, running.end()).await.expect("it goes on");
    assert!(ended.cut <= 1);
}
