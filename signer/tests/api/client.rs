//! A small HTTP client: one request on a connection of its own.

use std::{net::SocketAddr, path::Path, pin::Pin, time::Duration};

use axum::body::Body;
use http_body_util::BodyExt;
use hyper::{
    HeaderMap, Method, Request,
    header::{HeaderName, HeaderValue},
};
use hyper_util::rt::TokioIo;
use openssl::{
    pkey::{PKey, Private},
    ssl::{SslConnector, SslMethod, SslVerifyMode},
    x509::X509,
};
use profile_kit::pki::Issued;
use serde_json::Value;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpStream, UnixStream},
    time::timeout,
};
use tokio_openssl::SslStream;

/// A request that is about to be sent.
#[derive(Clone, Debug)]
pub struct Ask {
    to: To,
    method: Method,
    path: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

#[derive(Clone, Debug)]
enum To {
    Plain(SocketAddr),
    Unix(std::path::PathBuf),
    /// With a client certificate, or none.
    Tls(SocketAddr, Option<Badge>),
}

/// A client certificate and its key.
#[derive(Clone)]
struct Badge {
    certificate: X509,
    key: PKey<Private>,
}

impl std::fmt::Debug for Badge {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Badge")
    }
}

/// What was answered.
#[derive(Clone, Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

impl Ask {
    pub fn at(address: SocketAddr) -> Self {
        Self::to(To::Plain(address))
    }

    pub fn unix(path: &Path) -> Self {
        Self::to(To::Unix(path.to_owned()))
    }

    pub fn tls(address: SocketAddr, badge: Option<&Issued>) -> Self {
        let badge = badge.map(|badge| Badge {
            certificate: X509::from_der(badge.certificate().der()).unwrap(),
            key: PKey::private_key_from_pem(&badge.key_pem().unwrap()).unwrap(),
        });
        Self::to(To::Tls(address, badge))
    }

    fn to(to: To) -> Self {
        Self { to, method: Method::GET, path: "/".into(), headers: Vec::new(), body: Vec::new() }
    }

    pub fn token(self, token: &str) -> Self {
        self.header("authorization", &format!("Bearer {token}"))
    }

    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// Under this `Idempotency-Key`.
    pub fn key(self, key: &str) -> Self {
        self.header("idempotency-key", key)
    }

    pub fn accept(self, media_type: &str) -> Self {
        self.header("accept", media_type)
    }

    pub async fn get(self, path: &str) -> Answer {
        Self { method: Method::GET, path: path.into(), ..self }.send().await
    }

    pub async fn head(self, path: &str) -> Answer {
        Self { method: Method::HEAD, path: path.into(), ..self }.send().await
    }

    /// JSON; without a key of its own the request gets one that nobody else has.
    pub async fn post(self, path: &str, body: Value) -> Answer {
        let typed = self.header("content-type", "application/json");
        let keyed = match typed.headers.iter().any(|(name, _)| name == "idempotency-key") {
            true => typed,
            false => typed.key(&uuid::Uuid::new_v4().to_string()),
        };
        keyed.post_bytes(path, body.to_string().as_bytes()).await
    }

    /// Whatever bytes, and no header that was not given.
    pub async fn post_bytes(self, path: &str, body: &[u8]) -> Answer {
        Self { method: Method::POST, path: path.into(), body: body.to_vec(), ..self }.send().await
    }

    pub async fn send(self) -> Answer {
        let to = self.to.clone();
        let sending = async {
            match to {
                To::Plain(address) => self.over(TcpStream::connect(address).await.unwrap()).await,
                To::Unix(path) => self.over(UnixStream::connect(path).await.unwrap()).await,
                To::Tls(address, badge) => self.over(secured(address, badge).await).await,
            }
        };
        timeout(PATIENCE, sending).await.expect("there is no answer")
    }

    /// On a stream that is there already, such as one of TLS.
    pub async fn over(self, stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) -> Answer {
        let (mut client, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        let mut request = Request::builder().method(self.method.clone()).uri(&self.path).header("host", "signer");
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        let answer = client.send_request(request.body(Body::from(self.body)).unwrap()).await.unwrap();
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        let body = answer.into_body().collect().await.unwrap().to_bytes().to_vec();
        let answer = Answer { status, headers, body };
        crate::openapi::hold(&self.method, &self.path, &answer);
        answer
    }
}

impl Answer {
    pub fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name).unwrap_or_else(|| panic!("no {name}: {self:?}"));
        value.to_str().unwrap()
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("no JSON: {self:?}"))
    }

    /// The refusal's status and code; everything else that a problem has is looked at as well.
    pub fn refusal(&self) -> (u16, String) {
        assert_eq!(self.header("content-type"), "application/problem+json");
        let problem = self.json();
        assert_eq!(problem["status"], self.status);
        assert!(problem["title"].is_string() && problem["detail"].is_string() && problem["type"].is_string());
        (self.status, problem["code"].as_str().unwrap().to_owned())
    }

    /// The answer, which has to be a success.
    pub fn done(self) -> Self {
        assert_eq!(self.status, 200, "{}", String::from_utf8_lossy(&self.body));
        self
    }

    /// The refusal's code alone.
    pub fn code(&self) -> String {
        self.refusal().1
    }
}

/// A request that is written by hand, from its second header field on.
pub async fn raw(address: SocketAddr, method: Method, path: &str, rest: &str) -> Answer {
    let request = format!("{method} {path} HTTP/1.1\r\nhost: signer\r\nconnection: close\r\n{rest}");
    let asking = async {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.unwrap();
        String::from_utf8(answer).unwrap()
    };
    let answer = timeout(PATIENCE, asking).await.expect("there is no answer");
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let field = |line: &str| {
        let (name, value) = line.split_once(": ").unwrap();
        (name.parse::<HeaderName>().unwrap(), value.parse::<HeaderValue>().unwrap())
    };
    let headers = head.lines().skip(1).map(field).collect();
    let answer = Answer { status: head[9..12].parse().unwrap(), headers, body: body.into() };
    crate::openapi::hold(&method, path, &answer);
    answer
}

async fn secured(address: SocketAddr, badge: Option<Badge>) -> SslStream<TcpStream> {
    let mut connector = SslConnector::builder(SslMethod::tls_client()).unwrap();
    connector.set_verify(SslVerifyMode::NONE);
    if let Some(Badge { certificate, key }) = badge {
        connector.set_certificate(&certificate).unwrap();
        connector.set_private_key(&key).unwrap();
    }
    let ssl = connector.build().configure().unwrap().verify_hostname(false).into_ssl("signer").unwrap();
    let mut stream = SslStream::new(ssl, TcpStream::connect(address).await.unwrap()).unwrap();
    Pin::new(&mut stream).connect().await.unwrap();
    stream
}

const PATIENCE: Duration = Duration::from_secs(30);
