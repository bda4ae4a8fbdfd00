//! What takes too long, and what becomes of it.

use std::time::{Duration, Instant};

use axum::{body::Body, http::Request};
use hyper_util::rt::{TokioExecutor, TokioIo};
use signer::server::Limits;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::running::{GET_HELLO, GET_LARGE, GET_NEVER, LARGE, Running, ask, code, exchange, header, status};

#[tokio::test]
async fn a_connection_that_says_nothing_is_closed() {
    let running = Running::start(Limits { header: SHORT, ..Limits::default() }).await;
    assert_eq!(ask(running.connect().await, b"").await, "");
    assert!(running.overdue("header"));
}

#[tokio::test]
async fn a_head_that_does_not_end_is_answered_408() {
    let running = Running::start(Limits { header: SHORT, ..Limits::default() }).await;
    for part in ["P", "GET /hello HTTP/1.1\r\nhost: it\r\n"] {
        let refusal = running.ask(part).await;
        assert_eq!((status(&refusal), code(&refusal)), (408, "timeout".into()), "{part:?}");
        assert_eq!(header(&refusal, "connection"), Some("close"));
    }
    assert!(running.overdue("header"));
}

#[tokio::test]
async fn a_head_that_trickles_is_answered_408() {
    let running = Running::start(Limits { header: SHORT, ..Limits::default() }).await;
    let (mut read, mut write) = running.connect().await.into_split();
    let trickle = async {
        write.write_all(b"GET /hello HTTP/1.1\r\nlong: ").await?;
        loop {
            write.write_all(b"x").await?;
            tokio::time::sleep(SHORT / 10).await;
        }
    };
    let mut refusal = String::new();
    tokio::select! {
        biased;
        read = read.read_to_string(&mut refusal) => { read.unwrap(); }
        error = trickle => { let _: Result<(), std::io::Error> = error; }
    }
    assert!(refusal.is_empty() || status(&refusal) == 408);
    assert!(running.overdue("header"));
}

#[tokio::test]
async fn the_second_head_has_a_deadline_too() {
    let running = Running::start(Limits { header: SHORT, ..Limits::default() }).await;
    let mut stream = running.connect().await;
    assert_eq!(status(&exchange(&mut stream, GET_HELLO).await), 200);
    assert_eq!(status(&ask(stream, b"GET /hel").await), 408);
}

#[tokio::test]
async fn a_body_that_does_not_come_is_answered_408() {
    let running = Running::start(Limits { body: SHORT, ..Limits::default() }).await;
    let refusal = running.ask("POST /echo HTTP/1.1\r\nhost: it\r\ncontent-length: 5\r\n\r\nhel").await;
    assert_eq!((status(&refusal), code(&refusal)), (408, "timeout".into()));
}

#[tokio::test]
async fn a_body_that_nobody_reads_does_not_keep_the_answer_back() {
    let running = Running::start(Limits::default()).await;
    let answer = running.ask("POST /unread HTTP/1.1\r\nhost: it\r\ncontent-length: 5\r\n\r\nhel").await;
    assert_eq!(status(&answer), 200);
}

#[tokio::test]
async fn a_request_that_is_not_done_in_time_is_answered_503() {
    let running = Running::start(Limits { request: SHORT, ..Limits::default() }).await;
    let mut stream = running.connect().await;
    let refusal = exchange(&mut stream, GET_NEVER).await;
    assert_eq!((status(&refusal), code(&refusal)), (503, "deadline-exceeded".into()));
    assert!(header(&refusal, "retry-after").is_some());
    assert_eq!(status(&exchange(&mut stream, GET_HELLO).await), 200);
}

#[tokio::test]
async fn a_connection_without_a_next_request_is_closed_but_not_by_the_deadline_of_heads() {
    let running = Running::start(Limits { header: SHORT / 2, keep_alive: SHORT, ..Limits::default() }).await;
    let mut stream = running.connect().await;
    let begun = Instant::now();
    assert_eq!(status(&exchange(&mut stream, GET_HELLO).await), 200);
    assert_eq!(ask(stream, b"").await, "");
    assert!(begun.elapsed() >= SHORT);
    assert!(running.overdue("idle"));
}

#[tokio::test]
async fn an_answer_that_is_not_taken_ends_the_connection() {
    let running = Running::start(Limits { stall: SHORT, ..Limits::default() }).await;
    let mut stream = running.connect().await;
    stream.write_all(GET_LARGE).await.unwrap();
    stream.read_u8().await.unwrap();
    ended(&running).await;
    assert!(running.overdue("stall"));
    let mut answer = Vec::new();
    // Whether the rest is cut off or reset is the kernel's choice.
    let _ = stream.read_to_end(&mut answer).await;
    assert!(answer.len() < LARGE);
}

#[tokio::test]
async fn an_http2_client_that_makes_no_room_ends_its_connection() {
    let running = Running::start(Limits { request: SHORT, answer: SHORT * 2, ..Limits::default() }).await;
    let io = TokioIo::new(running.connect().await);
    let (mut client, connection) = hyper::client::conn::http2::handshake(TokioExecutor::new(), io).await.unwrap();
    let connection = tokio::spawn(connection);
    let request = Request::get("http://it/large").body(Body::empty()).unwrap();
    let _unread = client.send_request(request).await.unwrap();
    let _ = connection.await.unwrap();
    ended(&running).await;
    assert!(running.overdue("answer"));
}

#[tokio::test]
async fn an_http2_connection_without_requests_is_closed() {
    let running = Running::start(Limits { header: SHORT, stall: SHORT, ..Limits::default() }).await;
    let io = TokioIo::new(running.connect().await);
    let (_client, connection) =
        hyper::client::conn::http2::handshake::<_, _, Body>(TokioExecutor::new(), io).await.unwrap();
    let _ = connection.await;
    ended(&running).await;
    assert!(running.overdue("idle"));
}

/// Until the server has no connection any more.
async fn ended(running: &Running) {
    while running.metrics.encode().contains("signer_connections{listener=\"tcp\"} 1") {
        tokio::time::sleep(SHORT / 10).await;
    }
}

const SHORT: Duration = Duration::from_millis(200);
