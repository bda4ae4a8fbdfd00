//! What every request meets, whatever its route.

use std::{
    io,
    sync::{Arc, Mutex, OnceLock},
};

use signer::server::{Limits, Listener};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpStream, UnixListener, UnixStream},
    task::yield_now,
    time::timeout,
};

use crate::running::{GET_GATED, GET_HELLO, PATIENCE, Running, ask, code, exchange, gated, header, routes, status};

#[tokio::test]
async fn a_panic_is_a_500_for_its_request_and_nothing_more() {
    let running = Running::start(Limits::default()).await;
    let mut stream = running.connect().await;
    let refusal = exchange(&mut stream, b"GET /panic HTTP/1.1\r\nhost: it\r\n\r\n").await;
    assert_eq!((status(&refusal), code(&refusal)), (500, "internal".into()));
    assert!(!refusal.contains("on purpose"));
    assert_eq!(status(&exchange(&mut stream, GET_HELLO).await), 200);
    assert_eq!(running.metrics.panics.get(), 1);
}

#[tokio::test]
async fn a_request_ends_where_its_client_goes_away() {
    let (routes, mut begun, _gate) = gated();
    let running = Running::with(Limits::default(), routes).await;
    let mut stream = running.connect().await;
    stream.write_all(GET_GATED).await.unwrap();
    let began = begun.recv().await.unwrap();
    drop(stream);
    began.over().await;
    assert!(running.metrics.encode().contains("signer_requests_total{route=\"/gated\",status=\"0\"} 1"));
}

#[tokio::test]
async fn unknown_routes_and_methods_are_problems() {
    let running = Running::start(Limits::default()).await;
    let refusal = running.get("/nowhere").await;
    assert_eq!((status(&refusal), code(&refusal)), (404, "not-found".into()));
    let refusal = running.ask("DELETE /hello HTTP/1.1\r\nhost: it\r\nconnection: close\r\n\r\n").await;
    assert_eq!((status(&refusal), code(&refusal)), (405, "method-not-allowed".into()));
    assert_eq!(header(&refusal, "allow"), Some("GET,HEAD"));
}

#[tokio::test]
async fn a_request_of_http_1_1_names_one_host() {
    let running = Running::start(Limits::default()).await;
    let ask = async |version: &str, hosts: &str| {
        running.ask(&format!("GET /hello HTTP/{version}\r\n{hosts}connection: close\r\n\r\n")).await
    };
    for (version, hosts) in [
        ("1.1", ""),
        ("1.1", "host: it\r\nhost: it\r\n"),
        ("1.0", "host: it\r\nhost: other\r\n"),
        ("1.1", "host: it it\r\n"),
        ("1.1", "host: it/hello\r\n"),
        ("1.1", "host: me@it\r\n"),
        ("1.1", "host: it:http\r\n"),
        ("1.1", "host: it:80:80\r\n"),
    ] {
        let refusal = ask(version, hosts).await;
        assert_eq!((status(&refusal), code(&refusal)), (400, "invalid-host".into()), "{version} {hosts}");
    }
    assert!(running.metrics.encode().contains("signer_refusals_total{code=\"invalid-host\"} 8"));
    for hosts in ["host: it:8080\r\n", "host: it:\r\n", "host: [::1]:80\r\n", "host: 127.0.0.1\r\n", "host:\r\n"] {
        assert_eq!(status(&ask("1.1", hosts).await), 200, "{hosts}");
    }
    assert_eq!(status(&ask("1.0", "").await), 200);
}

#[tokio::test]
async fn a_transfer_coding_that_is_not_chunked_alone_is_refused_and_the_connection_closed() {
    let running = Running::start(Limits::default()).await;
    for (codings, refused) in [
        ("transfer-encoding: gzip, chunked", (501, "unknown-transfer-coding")),
        ("transfer-encoding: identity\r\ntransfer-encoding: chunked", (501, "unknown-transfer-coding")),
        ("transfer-encoding: chunked, Chunked", (400, "body-broken")),
        ("transfer-encoding: chunked\r\ntransfer-encoding: chunked", (400, "body-broken")),
    ] {
        // Two requests: the second one is not to be read where the first one's end is not certain.
        let request = format!("POST /echo HTTP/1.1\r\nhost: it\r\n{codings}\r\n\r\n1\r\nx\r\n0\r\n\r\n");
        let answers = running.ask(&(request + "GET /hello HTTP/1.1\r\nhost: it\r\n\r\n")).await;
        assert_eq!((status(&answers), &*code(&answers)), refused, "{codings}");
        assert_eq!(header(&answers, "connection"), Some("close"));
    }
    let chunked = "POST /echo HTTP/1.1\r\nhost: it\r\nconnection: close\r\ntransfer-encoding: Chunked\r\n\r\n";
    assert!(running.ask(&format!("{chunked}1\r\nx\r\n0\r\n\r\n")).await.ends_with("\r\n\r\nx"));
}

#[tokio::test]
async fn a_request_keeps_its_id_and_its_trace() {
    let running = Running::start(Limits::default()).await;
    let trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let request = format!(
        "GET /nowhere HTTP/1.1\r\nhost: it\r\nconnection: close\r\nx-request-id: mine-1\r\ntraceparent: {trace}\r\n\r\n"
    );
    let answer = running.ask(&request).await;
    assert_eq!(header(&answer, "x-request-id"), Some("mine-1"));
    let answered = header(&answer, "traceparent").unwrap();
    assert!(answered.starts_with("00-4bf92f3577b34da6a3ce929d0e0e4736-") && answered != trace);
    let answer = running.get("/hello").await;
    assert_eq!(header(&answer, "x-request-id").unwrap().len(), 36);
    assert_eq!(header(&answer, "traceparent"), None);
}

#[tokio::test]
async fn it_says_that_it_lives_and_is_ready() {
    let running = Running::start(Limits::default()).await;
    assert_eq!(status(&running.get("/livez").await), 200);
    let ready = running.get("/readyz").await;
    assert_eq!(status(&ready), 200);
    assert!(ready.ends_with(r#"{"ready":true,"draining":false,"checks":{}}"#), "{ready}");
}

#[tokio::test]
async fn requests_are_counted_by_pattern_and_refusals_by_code() {
    let running = Running::start(Limits::default()).await;
    running.get("/hello?secret=1").await;
    running.get("/nowhere").await;
    let text = running.metrics.encode();
    assert!(text.contains("signer_requests_total{route=\"/hello\",status=\"200\"} 1"), "{text}");
    assert!(text.contains("signer_requests_total{route=\"none\",status=\"404\"} 1"));
    assert!(text.contains("signer_refusals_total{code=\"not-found\"} 1"));
}

#[tokio::test]
async fn one_line_tells_of_a_request_and_no_secret_is_in_it() {
    let log = Log::of_all_tests();
    let running = Running::start(Limits::default()).await;
    let request = "POST /echo?q=canary HTTP/1.1\r\nhost: it\r\nconnection: close\r\nx-request-id: told\r\n\
        authorization: Bearer canary\r\ntraceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\r\n\
        content-length: 6\r\n\r\ncanary";
    assert_eq!(status(&running.ask(request).await), 200);
    let line = log.line("\"told\"");
    assert_eq!(line["fields"]["status"], 200);
    assert_eq!(line["fields"]["route"], "/echo");
    assert_eq!(line["span"]["id"], "told");
    assert_eq!(line["span"]["trace"], "4bf92f3577b34da6a3ce929d0e0e4736");
    assert!(!line.to_string().contains("canary"));
}

#[tokio::test]
async fn the_line_holds_no_more_of_a_method_and_a_path_than_a_line_has_room_for() {
    let log = Log::of_all_tests();
    let running = Running::start(Limits::default()).await;
    let (method, path) = ("M".repeat(15_000), "p".repeat(4_000));
    let request = format!("{method} /{path} HTTP/1.1\r\nhost: it\r\nconnection: close\r\nx-request-id: long\r\n\r\n");
    assert_eq!(status(&running.ask(&request).await), 404);
    let line = log.line("\"long\"");
    assert_eq!(line["fields"]["method"], method[..256]);
    assert_eq!(line["fields"]["path"].as_str().unwrap().len(), 256);
}

#[tokio::test]
async fn heads_that_cannot_be_read_are_counted_and_one_of_them_is_told_of() {
    let log = Log::of_all_tests();
    let running = Running::start(Limits::default()).await;
    let ask = async |head: &str| status(&ask(running.connect_from([127, 0, 0, 9]).await, head.as_bytes()).await);
    assert_eq!(ask("what is this?\r\n\r\n").await, 400);
    assert_eq!(ask("what is that?\r\n\r\n").await, 400);
    assert_eq!(ask(&format!("GET /hello HTTP/1.1\r\n{}\r\n", "a: b\r\n".repeat(101))).await, 431);
    let text = running.metrics.encode();
    assert!(text.contains("signer_heads_unread_total{kind=\"malformed\"} 2"), "{text}");
    assert!(text.contains("signer_heads_unread_total{kind=\"too-large\"} 1"), "{text}");
    let line = log.line("\"127.0.0.9\"");
    assert_eq!((&line["fields"]["kind"], &line["fields"]["others"]), (&"malformed".into(), &0.into()));
}

#[tokio::test]
async fn an_http2_connection_that_a_head_breaks_is_counted_and_one_whose_client_goes_away_is_not() {
    let running = Running::start(Limits::default()).await;
    let (preface, settings) = (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", [0, 0, 0, 4, 0, 0, 0, 0, 0]);
    // A field of the index 0, which there is not (RFC 7541 §6.1).
    let head = [0, 0, 1, 1, 5, 0, 0, 0, 1, 0x80];
    let gone = [preface, &settings[..]].concat();
    let broken = [&gone[..], &head].concat();
    let mut stream = running.connect().await;
    stream.write_all(&gone).await.unwrap();
    drop(stream);
    let answer = exchange_bytes(running.connect().await, &broken).await;
    // GOAWAY with PROTOCOL_ERROR (RFC 9113 §6.8).
    assert!(answer.ends_with(&[0, 0, 8, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]), "{answer:?}");
    let counted = async {
        while !running.metrics.encode().contains("signer_heads_unread_total{kind=\"http2\"} 1") {
            yield_now().await;
        }
    };
    timeout(PATIENCE, counted).await.expect("it is not counted");
}

/// Sends all, and reads all that is answered.
async fn exchange_bytes(mut stream: TcpStream, bytes: &[u8]) -> Vec<u8> {
    stream.write_all(bytes).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    answer
}

#[tokio::test]
async fn a_handler_knows_who_is_there() {
    let running = Running::start(Limits::default()).await;
    assert!(running.get("/peer").await.contains("Plain { address: 127.0.0.1:"));
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("socket");
    let listener = Listener::Unix(UnixListener::bind(&path).unwrap());
    let _unix = Running::on(listener, running.address, Limits::default(), routes());
    let stream = UnixStream::connect(&path).await.unwrap();
    let own = std::os::unix::fs::MetadataExt::uid(&std::fs::metadata(&path).unwrap());
    let answer = ask(stream, b"GET /peer HTTP/1.1\r\nhost: it\r\nconnection: close\r\n\r\n").await;
    assert!(answer.contains(&format!("Unix {{ uid: {own}, ")), "{answer}");
}

#[tokio::test]
async fn two_requests_sent_at_once_are_both_answered() {
    let running = Running::start(Limits::default()).await;
    let last = b"GET /hello HTTP/1.1\r\nhost: it\r\nconnection: close\r\n\r\n";
    let answers = ask(running.connect().await, &[GET_HELLO, last].concat()).await;
    assert_eq!(answers.matches("HTTP/1.1 200 OK").count(), 2);
}

/// What is logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    /// A subscriber of one thread alone would not hear of events that another thread's test was the first to have.
    fn of_all_tests() -> Self {
        static LOG: OnceLock<Log> = OnceLock::new();
        let begin = || {
            let (log, subscriber) = (Log::default(), tracing_subscriber::fmt().json());
            let subscriber = subscriber.with_max_level(tracing::Level::TRACE).with_writer(log.clone());
            tracing::subscriber::set_global_default(subscriber.finish()).unwrap();
            log
        };
        LOG.get_or_init(begin).clone()
    }

    /// The daemon's one line that holds this.
    fn line(&self, text: &str) -> serde_json::Value {
        let all = String::from_utf8(self.0.lock().unwrap().clone()).unwrap();
        let ours = all.lines().filter(|line| line.contains("\"target\":\"signer") && line.contains(text));
        let [line] = ours.collect::<Vec<_>>()[..] else { panic!("not one line: {all}") };
        serde_json::from_str(line).unwrap()
    }
}

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl tracing_subscriber::fmt::MakeWriter<'_> for Log {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}
