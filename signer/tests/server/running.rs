//! A server that runs, and how to talk to it in bytes.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use axum::{
    Extension, Router,
    body::Bytes,
    routing::{get, post},
};
use signer::{
    http::{Readiness, mount},
    metrics::Metrics,
    server::{Ended, Limits, Listener, Peer, bind, serve},
    stop::Stop,
};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
    sync::{Semaphore, mpsc},
    task::JoinHandle,
    time::timeout,
};

pub struct Running {
    pub address: SocketAddr,
    pub stop: Arc<Stop>,
    pub metrics: Arc<Metrics>,
    pub server: JoinHandle<Ended>,
}

impl Running {
    pub async fn start(limits: Limits) -> Self {
        Self::with(limits, routes()).await
    }

    pub async fn with(limits: Limits, routes: Router) -> Self {
        let listener = bind(([127, 0, 0, 1], 0).into()).unwrap();
        let address = listener.local_addr().unwrap();
        Self::on(Listener::loopback(listener).unwrap(), address, limits, routes)
    }

    pub fn on(listener: Listener, address: SocketAddr, limits: Limits, routes: Router) -> Self {
        let (stop, metrics) = (Arc::new(Stop::new()), Arc::new(Metrics::new()));
        let app = mount(routes, Arc::new(Readiness::new(stop.watch())));
        let server = tokio::spawn(serve(vec![listener], app, limits, metrics.clone(), stop.watch()));
        Self { address, stop, metrics, server }
    }

    pub async fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        stream
    }

    /// From another address of this machine: another peer.
    pub async fn connect_from(&self, ip: [u8; 4]) -> TcpStream {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(64 * 1024).unwrap();
        socket.bind((ip, 0).into()).unwrap();
        socket.connect(self.address).await.unwrap()
    }

    /// One request on a connection of its own; the whole answer.
    pub async fn ask(&self, request: &str) -> String {
        ask(self.connect().await, request.as_bytes()).await
    }

    pub async fn get(&self, path: &str) -> String {
        self.ask(&format!("GET {path} HTTP/1.1\r\nhost: it\r\nconnection: close\r\n\r\n")).await
    }

    pub fn overdue(&self, deadline: &str) -> bool {
        let line = format!("signer_connections_overdue_total{{deadline=\"{deadline}\"}} ");
        self.metrics.encode().contains(&line)
    }
}

/// Sends, and reads until the other end closes.
pub async fn ask(mut stream: impl AsyncRead + AsyncWrite + Unpin, request: &[u8]) -> String {
    stream.write_all(request).await.unwrap();
    let mut answer = Vec::new();
    let read = timeout(PATIENCE, stream.read_to_end(&mut answer)).await.expect("the connection stays open");
    if answer.is_empty() {
        read.unwrap();
    }
    String::from_utf8(answer).unwrap()
}

/// Sends on a connection that stays open, and reads one answer whose length is announced.
pub async fn exchange(stream: &mut (impl AsyncRead + AsyncWrite + Unpin), request: &[u8]) -> String {
    stream.write_all(request).await.unwrap();
    answer(stream).await
}

pub async fn answer(stream: &mut (impl AsyncRead + Unpin)) -> String {
    let reading = async {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.unwrap());
        }
        let mut text = String::from_utf8(head).unwrap();
        let mut body = vec![0; header(&text, "content-length").unwrap_or("0").parse().unwrap()];
        stream.read_exact(&mut body).await.unwrap();
        text.push_str(std::str::from_utf8(&body).unwrap());
        text
    };
    timeout(PATIENCE, reading).await.expect("there is no answer")
}

pub fn status(answer: &str) -> u16 {
    answer.get(9..12).and_then(|digits| digits.parse().ok()).unwrap_or_else(|| panic!("no answer: {answer:?}"))
}

pub fn header<'a>(answer: &'a str, name: &str) -> Option<&'a str> {
    let head = answer.split("\r\n\r\n").next()?;
    head.lines()
        .filter_map(|line| line.split_once(": "))
        .find(|(it, _)| it.eq_ignore_ascii_case(name))
        .map(|(_, it)| it)
}

/// The problem's code; everything else that a problem has is looked at as well.
pub fn code(answer: &str) -> String {
    assert_eq!(header(answer, "content-type"), Some("application/problem+json"), "{answer}");
    let (_, body) = answer.split_once("\r\n\r\n").unwrap();
    let problem: serde_json::Value = serde_json::from_str(body).unwrap_or_else(|_| panic!("no JSON: {answer}"));
    assert_eq!(problem["status"], status(answer));
    assert!(problem["title"].is_string() && problem["detail"].is_string());
    problem["code"].as_str().unwrap().into()
}

pub fn routes() -> Router {
    Router::new()
        .route("/hello", get(async || "hello"))
        .route("/echo", post(async |body: Bytes| body))
        .route("/unread", post(async || "not read"))
        .route("/never", get(std::future::pending::<()>))
        .route("/large", get(async || Bytes::from_static(&[b'x'; LARGE])))
        .route("/panic", get(panics))
        .route("/peer", get(async |Extension(peer): Extension<Peer>| format!("{peer:?}")))
}

/// Requests to `/gated` say when they began, and are answered when the gate lets them.
pub fn gated() -> (Router, mpsc::UnboundedReceiver<Began>, Arc<Semaphore>) {
    let (began, begun) = mpsc::unbounded_channel();
    let gate = Arc::new(Semaphore::new(0));
    let open = gate.clone();
    let handler = async move || {
        let (_alive, ended) = tokio::sync::oneshot::channel();
        began.send(Began(ended)).unwrap();
        open.acquire().await.unwrap().forget();
        "x".repeat(GATED)
    };
    (routes().route("/gated", get(handler)), begun, gate)
}

/// Resolves when the request is over.
pub struct Began(tokio::sync::oneshot::Receiver<()>);

impl Began {
    pub async fn over(self) {
        timeout(PATIENCE, self.0).await.expect("the request goes on").unwrap_err();
    }
}

pub const PATIENCE: Duration = Duration::from_secs(30);
pub const LARGE: usize = 16 * 1024 * 1024;
pub const GATED: usize = 1024 * 1024;
pub const GET_HELLO: &[u8] = b"GET /hello HTTP/1.1\r\nhost: it\r\n\r\n";
pub const GET_GATED: &[u8] = b"GET /gated HTTP/1.1\r\nhost: it\r\n\r\n";
pub const GET_NEVER: &[u8] = b"GET /never HTTP/1.1\r\nhost: it\r\n\r\n";
pub const GET_LARGE: &[u8] = b"GET /large HTTP/1.1\r\nhost: it\r\n\r\n";

async fn panics() -> &'static str {
    panic!("on purpose")
}
