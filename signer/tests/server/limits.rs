//! What is too much, and how that is said.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering::SeqCst},
};

use axum::{
    Router,
    body::Body,
    http::Request,
    routing::{get, post},
};
use http_body_util::BodyExt;
use hyper_util::rt::{TokioExecutor, TokioIo};
use signer::server::{Limits, Listener};
use tokio::{
    io::AsyncWriteExt,
    net::TcpListener,
    sync::{Barrier, mpsc},
};

use crate::running::{GET_GATED, GET_HELLO, Running, answer, ask, code, exchange, gated, header, status};

#[tokio::test]
async fn a_body_that_announces_too_much_is_refused_before_it_is_sent() {
    let running = Running::start(Limits { body_bytes: 10, ..Limits::default() }).await;
    let mut stream = running.connect().await;
    let head = b"POST /echo HTTP/1.1\r\nhost: it\r\ncontent-length: 11\r\nexpect: 100-continue\r\n\r\n";
    let refusal = exchange(&mut stream, head).await;
    assert_eq!((status(&refusal), code(&refusal)), (413, "body-too-large".into()));
}

#[tokio::test]
async fn a_body_that_grows_too_long_is_refused_while_it_comes() {
    let running = Running::start(Limits { body_bytes: 10, ..Limits::default() }).await;
    let request = "POST /echo HTTP/1.1\r\nhost: it\r\ntransfer-encoding: chunked\r\n\r\n8\r\n12345678\r\n3\r\n901\r\n";
    let refusal = running.ask(request).await;
    assert_eq!((status(&refusal), code(&refusal)), (413, "body-too-large".into()));
}

#[tokio::test]
async fn a_body_of_just_the_limit_is_taken() {
    let running = Running::start(Limits { body_bytes: 10, ..Limits::default() }).await;
    let answer = running
        .ask("POST /echo HTTP/1.1\r\nhost: it\r\nconnection: close\r\ncontent-length: 10\r\n\r\n0123456789")
        .await;
    assert!(answer.ends_with("\r\n\r\n0123456789"), "{answer}");
}

#[tokio::test]
async fn bodies_share_one_room_and_one_peer_has_a_part_of_it() {
    let room = Limits { bodies_bytes: 25, bodies_bytes_per_peer: 15, ..Limits::default() };
    let (app, mut read) = telling_echo();
    let running = Running::with(room, app).await;
    let begin = async |last: u8| {
        let mut stream = running.connect_from([127, 0, 0, last]).await;
        let head = "POST /told HTTP/1.1\r\nhost: it\r\nconnection: close\r\ncontent-length: 11\r\n\r\n0123456789";
        stream.write_all(head.as_bytes()).await.unwrap();
        stream
    };
    let mut one = begin(2).await;
    read.recv().await.unwrap();
    let refusal = answer(&mut begin(2).await).await;
    assert_eq!((status(&refusal), code(&refusal)), (503, "overloaded".into()));
    assert_eq!(header(&refusal, "retry-after"), Some("1"));
    let mut other = begin(3).await;
    read.recv().await.unwrap();
    assert_eq!(status(&answer(&mut begin(4).await).await), 503);
    for stream in [&mut one, &mut other] {
        stream.write_all(b"x").await.unwrap();
        assert!(answer(stream).await.ends_with("0123456789x"));
    }
    let mut later = begin(2).await;
    later.write_all(b"x").await.unwrap();
    assert_eq!(status(&answer(&mut later).await), 200);
}

/// Says what it read, and tells of each piece when it has it.
fn telling_echo() -> (Router, mpsc::UnboundedReceiver<()>) {
    let (told, read) = mpsc::unbounded_channel();
    let echo = async move |mut body: Body| {
        let mut whole = Vec::new();
        while let Some(Ok(frame)) = body.frame().await {
            whole.extend(frame.into_data().unwrap_or_default());
            told.send(()).unwrap();
        }
        whole
    };
    (Router::new().route("/told", post(echo)), read)
}

#[tokio::test]
async fn a_client_that_sends_on_hears_the_refusal_all_the_same() {
    let running = Running::start(Limits { body_bytes: 10, ..Limits::default() }).await;
    let mut stream = running.connect().await;
    stream.write_all(b"POST /echo HTTP/1.1\r\nhost: it\r\ncontent-length: 4000000\r\n\r\n").await.unwrap();
    let (mut read, mut write) = stream.into_split();
    let sending = tokio::spawn(async move { write.write_all(&vec![b'x'; 4_000_000]).await });
    assert_eq!(status(&answer(&mut read).await), 413);
    sending.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_body_that_breaks_off_is_a_bad_request() {
    let running = Running::start(Limits::default()).await;
    let refusal = running.ask("POST /echo HTTP/1.1\r\nhost: it\r\ntransfer-encoding: chunked\r\n\r\nno size\r\n").await;
    assert_eq!((status(&refusal), code(&refusal)), (400, "body-broken".into()));
}

#[tokio::test]
async fn a_head_that_is_too_long_is_answered_431() {
    let running = Running::start(Limits { header_bytes: 10_000, ..Limits::default() }).await;
    let whole =
        |length| format!("GET /hello HTTP/1.1\r\nhost: it\r\nconnection: close\r\nlong: {}", "x".repeat(length));
    let refusal = running.ask(&format!("{}\r\n\r\n", whole(10_000))).await;
    assert_eq!((status(&refusal), code(&refusal)), (431, "header-too-large".into()));
    let endless = running.ask(&whole(20_000)).await;
    assert_eq!((status(&endless), header(&endless, "connection")), (431, Some("close")));
}

#[tokio::test]
async fn too_many_header_fields_are_answered_431() {
    let running = Running::start(Limits::default()).await;
    let refusal = running.ask(&format!("GET /hello HTTP/1.1\r\n{}\r\n", "a: b\r\n".repeat(101))).await;
    assert_eq!(status(&refusal), 431);
}

#[tokio::test]
async fn a_uri_that_is_too_long_is_answered_414() {
    let running = Running::start(Limits { uri_bytes: 100, ..Limits::default() }).await;
    let refusal = running.get(&format!("/hello?{}", "x".repeat(94))).await;
    assert_eq!((status(&refusal), code(&refusal)), (414, "uri-too-long".into()));
    assert_eq!(status(&running.get(&format!("/hello?{}", "x".repeat(93))).await), 200);
}

#[tokio::test]
async fn a_head_of_just_the_limits_is_taken_and_one_beyond_both_is_a_refusal() {
    let running = Running::start(Limits { header_bytes: 100_000, uri_bytes: 65_534, ..Limits::default() }).await;
    let ask = async |more: usize| {
        let (fixed, uri) = ("host: it\r\nconnection: close\r\nlong: \r\n".len(), "x".repeat(65_534 - 7 + more));
        let long = "x".repeat(100_000 - fixed + more);
        running
            .ask(&format!("GET /hello?{uri} HTTP/1.1\r\nhost: it\r\nconnection: close\r\nlong: {long}\r\n\r\n"))
            .await
    };
    assert_eq!(status(&ask(0).await), 200);
    let running = Running::start(Limits { header_bytes: 10_000, uri_bytes: 1000, ..Limits::default() }).await;
    let fields = format!("host: it\r\nconnection: close\r\nlong: {}\r\n", "x".repeat(9963));
    let refusal = running.ask(&format!("OPTIONS /hello?{} HTTP/1.1\r\n{fields}\r\n", "x".repeat(993))).await;
    assert_eq!(status(&refusal), 405);
    let refusal = running.ask(&format!("OPTIONS /hello?{} HTTP/1.1\r\n{fields}\r\n", "x".repeat(994))).await;
    assert_eq!(code(&refusal), "uri-too-long");
}

#[tokio::test]
async fn what_is_not_http_is_answered_400() {
    let running = Running::start(Limits::default()).await;
    let refusal = running.ask("what is this?\r\n\r\n").await;
    assert_eq!((status(&refusal), header(&refusal, "content-length")), (400, Some("0")));
}

#[tokio::test]
async fn a_peer_with_too_many_connections_is_refused_and_another_is_served() {
    let running = Running::start(Limits { connections_per_peer: 2, ..Limits::default() }).await;
    let mut kept = [running.connect().await, running.connect().await];
    for stream in &mut kept {
        assert_eq!(status(&exchange(stream, GET_HELLO).await), 200);
    }
    let refusal = ask(running.connect().await, b"").await;
    assert_eq!((status(&refusal), code(&refusal)), (503, "overloaded".into()));
    assert_eq!(header(&refusal, "retry-after"), Some("1"));
    let mut other = running.connect_from([127, 0, 0, 2]).await;
    assert_eq!(status(&exchange(&mut other, GET_HELLO).await), 200);
    assert!(running.metrics.encode().contains("signer_connections_refused_total{cap=\"peer\"} 1"));
}

#[tokio::test]
async fn beyond_the_last_connection_everyone_is_refused_until_one_closes() {
    let running = Running::start(Limits { connections: 1, ..Limits::default() }).await;
    let mut first = running.connect().await;
    assert_eq!(status(&exchange(&mut first, GET_HELLO).await), 200);
    assert_eq!(status(&ask(running.connect_from([127, 0, 0, 2]).await, b"").await), 503);
    let closing = b"GET /hello HTTP/1.1\r\nhost: it\r\nconnection: close\r\n\r\n";
    assert_eq!(status(&ask(first, closing).await), 200);
    // The place is free once the server's side of the connection is gone, a moment after ours.
    while running.get("/hello").await.contains("overloaded") {}
}

#[tokio::test]
async fn a_peer_with_too_many_requests_in_work_is_told_to_wait_and_another_is_served() {
    let (routes, mut begun, gate) = gated();
    let running = Running::with(Limits { requests_per_peer: 1, ..Limits::default() }, routes).await;
    let mut first = running.connect().await;
    first.write_all(GET_GATED).await.unwrap();
    begun.recv().await.unwrap();
    let refusal = running.get("/hello").await;
    assert_eq!((status(&refusal), code(&refusal)), (503, "overloaded".into()));
    assert_eq!(header(&refusal, "retry-after"), Some("1"));
    let mut other = running.connect_from([127, 0, 0, 2]).await;
    assert_eq!(status(&exchange(&mut other, GET_HELLO).await), 200);
    gate.add_permits(1);
    assert_eq!(status(&answer(&mut first).await), 200);
    assert_eq!(status(&running.get("/hello").await), 200);
}

#[tokio::test]
async fn an_http2_connection_has_so_many_requests_at_once_and_no_more() {
    let (now, most, pair) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)), Arc::new(Barrier::new(2)));
    let seen = most.clone();
    let handler = async move || {
        most.fetch_max(now.fetch_add(1, SeqCst) + 1, SeqCst);
        pair.wait().await;
        now.fetch_sub(1, SeqCst);
    };
    let limits = Limits { streams: 2, ..Limits::default() };
    let running = Running::with(limits, Router::new().route("/pair", get(handler))).await;
    let io = TokioIo::new(running.connect().await);
    let (mut client, connection) = hyper::client::conn::http2::handshake(TokioExecutor::new(), io).await.unwrap();
    tokio::spawn(connection);
    client.ready().await.unwrap();
    let get = |path: &str| Request::get(format!("http://it{path}")).body(Body::empty()).unwrap();
    // The server's settings are known with the first answer.
    assert_eq!(client.send_request(get("/livez")).await.unwrap().status(), 200);
    let requests: Vec<_> = (0..6).map(|_| tokio::spawn(client.send_request(get("/pair")))).collect();
    for request in requests {
        assert_eq!(request.await.unwrap().unwrap().status(), 200);
    }
    assert_eq!(seen.load(SeqCst), 2);
}

#[tokio::test]
async fn a_head_that_is_too_long_for_http2_is_answered_431() {
    let running = Running::start(Limits { header_bytes: 10_000, ..Limits::default() }).await;
    let io = TokioIo::new(running.connect().await);
    let (mut client, connection) = hyper::client::conn::http2::handshake(TokioExecutor::new(), io).await.unwrap();
    tokio::spawn(connection);
    let request = Request::get("http://it/hello").header("long", "x".repeat(12_000)).body(Body::empty()).unwrap();
    assert_eq!(client.send_request(request).await.unwrap().status(), 431);
}

#[tokio::test]
async fn without_tls_only_this_machine_is_listened_to() {
    let everywhere = TcpListener::bind("0.0.0.0:0").await.unwrap();
    assert!(Listener::loopback(everywhere).is_err());
}
