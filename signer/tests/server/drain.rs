//! The end: what runs is finished, nothing is cut off, and it does not last for ever.

use std::{process::Command, sync::Arc, time::Duration};

use axum::{body::Body, http::Request};
use http_body_util::BodyExt;
use hyper_util::rt::{TokioExecutor, TokioIo};
use signer::{
    server::Limits,
    stop::{Phase, Signals, Stop},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::{Barrier, oneshot},
    time::timeout,
};

use crate::running::{
    GATED, GET_GATED, GET_HELLO, GET_NEVER, PATIENCE, Running, answer, exchange, gated, header, status,
};

#[tokio::test]
async fn a_request_in_work_is_finished_and_its_connection_closed() {
    let (routes, mut begun, gate) = gated();
    let running = Running::with(Limits::default(), routes).await;
    let mut stream = running.connect().await;
    stream.write_all(GET_GATED).await.unwrap();
    begun.recv().await.unwrap();
    running.stop.advance();
    gate.add_permits(1);
    let answer = answer(&mut stream).await;
    assert_eq!(header(&answer, "connection"), Some("close"));
    assert!(answer.ends_with(&"x".repeat(GATED)));
    assert_eq!(stream.read(&mut [0]).await.unwrap(), 0);
    assert_eq!(running.server.await.unwrap().cut, 0);
}

#[tokio::test]
async fn after_the_end_nobody_is_let_in() {
    let running = Running::start(quick()).await;
    running.stop.advance();
    running.server.await.unwrap();
    assert!(TcpStream::connect(running.address).await.is_err());
}

#[tokio::test]
async fn who_had_connected_before_is_answered() {
    let running = Running::start(quick()).await;
    assert_eq!(status(&running.get("/hello").await), 200);
    let mut stream = std::net::TcpStream::connect(running.address).unwrap();
    std::io::Write::write_all(&mut stream, GET_HELLO).unwrap();
    // The server has not run since.
    running.stop.advance();
    stream.set_nonblocking(true).unwrap();
    let mut stream = TcpStream::from_std(stream).unwrap();
    assert_eq!(status(&answer(&mut stream).await), 200);
}

#[tokio::test]
async fn a_request_that_was_on_its_way_is_answered_and_readyz_says_what_comes() {
    let running = Running::start(Limits::default()).await;
    let mut stream = running.connect().await;
    assert_eq!(status(&exchange(&mut stream, GET_HELLO).await), 200);
    running.stop.advance();
    let answer = exchange(&mut stream, b"GET /readyz HTTP/1.1\r\nhost: it\r\n\r\n").await;
    assert_eq!((status(&answer), header(&answer, "connection")), (503, Some("close")));
    assert!(answer.contains("\"draining\":true"));
}

#[tokio::test]
async fn idle_and_silent_connections_do_not_hold_it_up() {
    let running = Running::start(quick()).await;
    let _silent = running.connect().await;
    let mut half = running.connect().await;
    half.write_all(b"GET /hel").await.unwrap();
    let mut idle = running.connect().await;
    exchange(&mut idle, GET_HELLO).await;
    let io = TokioIo::new(running.connect().await);
    let (mut client, connection) = hyper::client::conn::http2::handshake(TokioExecutor::new(), io).await.unwrap();
    tokio::spawn(connection);
    let request = Request::get("http://it/hello").body(Body::empty()).unwrap();
    client.send_request(request).await.unwrap().into_body().collect().await.unwrap();
    running.stop.advance();
    let ended = timeout(PATIENCE, running.server).await.expect("it goes on").unwrap();
    assert_eq!(ended.cut, 0);
}

#[tokio::test]
async fn draining_is_bounded() {
    let running = Running::start(Limits { drain: SHORT, ..quick() }).await;
    let mut stream = pending(&running).await;
    running.stop.advance();
    assert_eq!(timeout(PATIENCE, running.server).await.expect("it goes on").unwrap().cut, 1);
    assert_eq!(stream.read(&mut [0]).await.unwrap_or(0), 0);
}

#[tokio::test]
async fn a_second_signal_ends_it_at_once() {
    let running = Running::start(Limits { grace: PATIENCE * 2, drain: PATIENCE * 2, ..Limits::default() }).await;
    let _stream = pending(&running).await;
    running.stop.advance();
    running.stop.advance();
    assert_eq!(timeout(PATIENCE, running.server).await.expect("it goes on").unwrap().cut, 1);
}

#[tokio::test]
async fn each_signal_is_one_step() {
    let stop = Arc::new(Stop::new());
    let mut watch = stop.watch();
    let (over, is_over) = oneshot::channel();
    stop.advance_by(Signals::catch().unwrap(), || over.send(()).unwrap()).unwrap();
    for phase in [Phase::Draining, Phase::Ended] {
        let pid = std::process::id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
        timeout(PATIENCE, watch.reached(phase)).await.expect("the signal was not heard");
        assert_eq!(watch.phase(), phase);
    }
    timeout(PATIENCE, is_over).await.expect("it goes on").unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn under_load_no_answer_is_truncated() {
    let (routes, mut begun, gate) = gated();
    gate.add_permits(1_000_000);
    let running = Running::with(Limits { grace: PATIENCE, ..Limits::default() }, routes).await;
    tokio::spawn(async move { while begun.recv().await.is_some() {} });
    let warm = Arc::new(Barrier::new(CLIENTS + 1));
    let clients: Vec<_> = (0..CLIENTS).map(|_| tokio::spawn(load(running.address, warm.clone()))).collect();
    warm.wait().await;
    running.stop.advance();
    assert_eq!(timeout(PATIENCE, running.server).await.expect("it goes on").unwrap().cut, 0);
    let mut unanswered = 0;
    for client in clients {
        unanswered += client.await.unwrap();
    }
    assert_eq!(unanswered, 0, "requests that were sent on open connections and not answered");
}

/// Asks on one connection until an answer says that it closes. How often there was no answer.
async fn load(address: std::net::SocketAddr, warm: Arc<Barrier>) -> usize {
    let mut stream = TcpStream::connect(address).await.unwrap();
    for asked in 0.. {
        if stream.write_all(GET_GATED).await.is_err() {
            return 1;
        }
        let mut first = [0];
        if !matches!(stream.read(&mut first).await, Ok(1)) {
            return 1;
        }
        // From its first byte on, an answer is whole.
        let answer = answer(&mut stream).await;
        assert!(answer.ends_with(&"x".repeat(GATED)));
        if header(&answer, "connection") == Some("close") {
            return 0;
        }
        if asked == 2 {
            warm.wait().await;
        }
    }
    unreachable!()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn under_load_no_http2_answer_is_truncated() {
    let (routes, mut begun, gate) = gated();
    gate.add_permits(1_000_000);
    let running = Running::with(Limits::default(), routes).await;
    tokio::spawn(async move { while begun.recv().await.is_some() {} });
    let io = TokioIo::new(running.connect().await);
    let (client, connection) = hyper::client::conn::http2::handshake(TokioExecutor::new(), io).await.unwrap();
    tokio::spawn(connection);
    let warm = Arc::new(Barrier::new(CLIENTS + 1));
    let streams: Vec<_> = (0..CLIENTS)
        .map(|_| {
            let (mut client, warm) = (client.clone(), warm.clone());
            tokio::spawn(async move {
                for asked in 0.. {
                    let request = Request::get("http://it/gated").body(Body::empty()).unwrap();
                    // A request that is not taken any more is not sent, or is told so, without an answer.
                    let Ok(answer) = client.send_request(request).await else { return };
                    let body = answer.into_body().collect().await.expect("an answer is cut off").to_bytes();
                    assert_eq!(body.len(), GATED);
                    if asked == 2 {
                        warm.wait().await;
                    }
                }
            })
        })
        .collect();
    warm.wait().await;
    running.stop.advance();
    for stream in streams {
        stream.await.unwrap();
    }
    drop(client);
    assert_eq!(timeout(PATIENCE, running.server).await.expect("it goes on").unwrap().cut, 0);
}

/// A connection with a request that is never answered.
async fn pending(running: &Running) -> TcpStream {
    let mut stream = running.connect().await;
    assert_eq!(status(&exchange(&mut stream, GET_HELLO).await), 200);
    stream.write_all(GET_NEVER).await.unwrap();
    // An answer on a later connection: the request before it has been read.
    assert_eq!(status(&running.get("/hello").await), 200);
    stream
}

fn quick() -> Limits {
    Limits { grace: SHORT, ..Limits::default() }
}

const SHORT: Duration = Duration::from_millis(100);
const CLIENTS: usize = 16;
