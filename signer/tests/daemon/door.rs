//! The operator's door, as more people come to it than it has room for.

use std::os::unix::net::UnixStream;

use signer::admin::{Answer, Ask};

use crate::running::Running;

#[tokio::test]
async fn who_finds_no_place_is_told_so_until_there_is_one() {
    let running = Running::start().await;
    let socket = running.place.path("admin.sock");
    let idle: Vec<_> = (0..16).map(|_| UnixStream::connect(&socket).unwrap()).collect();
    let ask = async || running.operate(Ask::Stranded { after: None }).await;
    let Answer::Refused { code, problems } = ask().await else { panic!("there was a place") };
    assert_eq!((code.as_str(), problems.len()), ("too-many-operators", 1));
    drop(idle);
    // A place is free once the daemon has seen that somebody has gone.
    while matches!(ask().await, Answer::Refused { .. }) {}
}
