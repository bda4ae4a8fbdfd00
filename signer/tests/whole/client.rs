//! A client that keeps its connection, and knows an answer that was cut off from one that never began.

use std::{io, net::SocketAddr, pin::Pin};

use openssl::ssl::{SslConnector, SslMethod, SslVerifyMode};
use serde_json::Value;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
    time::timeout,
};
use tokio_openssl::SslStream;

use crate::daemon::PATIENCE;

pub struct Client {
    stream: Box<dyn Duplex>,
    token: String,
    buffer: Vec<u8>,
}

trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Duplex for T {}

#[derive(Clone, Debug)]
pub struct Answer {
    pub status: u16,
    head: String,
    pub body: Vec<u8>,
}

/// Why there is no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Broken {
    /// The connection ended before the answer's first byte.
    Unanswered,
    /// It ended within the answer.
    Truncated,
}

impl Client {
    /// From an address of this machine: each is a peer of its own.
    pub async fn connect(to: SocketAddr, from: [u8; 4], token: &str) -> io::Result<Self> {
        Ok(Self { stream: Box::new(tcp(to, from).await?), token: token.into(), buffer: Vec::new() })
    }

    /// Over TLS, whoever is there.
    pub async fn connect_tls(to: SocketAddr, token: &str) -> io::Result<Self> {
        let mut connector = SslConnector::builder(SslMethod::tls_client())?;
        connector.set_verify(SslVerifyMode::NONE);
        let ssl = connector.build().configure()?.verify_hostname(false).into_ssl("signer")?;
        let mut stream = SslStream::new(ssl, tcp(to, [127, 0, 0, 1]).await?)?;
        Pin::new(&mut stream).connect().await.map_err(io::Error::other)?;
        Ok(Self { stream: Box::new(stream), token: token.into(), buffer: Vec::new() })
    }

    pub async fn get(&mut self, path: &str) -> Result<Answer, Broken> {
        self.ask(&format!("GET {path} HTTP/1.1\r\n"), "").await
    }

    pub async fn post(&mut self, path: &str, key: &str, body: &Value) -> Result<Answer, Broken> {
        let head = format!("POST {path} HTTP/1.1\r\nidempotency-key: {key}\r\ncontent-type: application/json\r\n");
        self.ask(&head, &body.to_string()).await
    }

    async fn ask(&mut self, head: &str, body: &str) -> Result<Answer, Broken> {
        let (token, length) = (&self.token, body.len());
        let fields = format!("host: signer\r\nauthorization: Bearer {token}\r\ncontent-length: {length}\r\n\r\n");
        self.send([head, &fields, body].concat().as_bytes()).await?;
        self.answer().await
    }

    /// Sends whatever bytes.
    pub async fn send(&mut self, bytes: &[u8]) -> Result<(), Broken> {
        // Where it cannot be sent any more there may be an answer that was sent before.
        let _ = self.stream.write_all(bytes).await;
        Ok(())
    }

    /// Reads an answer of announced length.
    pub async fn answer(&mut self) -> Result<Answer, Broken> {
        timeout(PATIENCE, self.read()).await.expect("there is no answer, and no end of the connection")
    }

    async fn read(&mut self) -> Result<Answer, Broken> {
        let head = loop {
            match self.buffer.windows(4).position(|it| it == b"\r\n\r\n") {
                Some(end) => break self.take(end + 4),
                None => self.more().await?,
            }
        };
        let head = String::from_utf8(head).unwrap();
        let status = head[9..12].parse().unwrap();
        let mut answer = Answer { status, head, body: Vec::new() };
        let length = answer.header("content-length").map_or(0, |length| length.parse().unwrap());
        while self.buffer.len() < length {
            self.more().await.map_err(|_| Broken::Truncated)?;
        }
        answer.body = self.take(length);
        Ok(answer)
    }

    fn take(&mut self, count: usize) -> Vec<u8> {
        self.buffer.drain(..count).collect()
    }

    async fn more(&mut self) -> Result<(), Broken> {
        let broken = if self.buffer.is_empty() { Broken::Unanswered } else { Broken::Truncated };
        match self.stream.read_buf(&mut self.buffer).await {
            Ok(0) | Err(_) => Err(broken),
            Ok(_) => Ok(()),
        }
    }
}

async fn tcp(to: SocketAddr, from: [u8; 4]) -> io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    // Little enough that who does not read is soon not sent to.
    socket.set_recv_buffer_size(64 * 1024)?;
    socket.bind((from, 0).into())?;
    let stream = socket.connect(to).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

impl Answer {
    pub fn head(&self) -> &str {
        &self.head
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        let fields = self.head.lines().filter_map(|line| line.split_once(": "));
        fields.into_iter().find(|(it, _)| it.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The refusal's code.
    pub fn code(&self) -> String {
        let problem: Value = serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("no problem: {self:?}"));
        problem["code"].as_str().unwrap().to_owned()
    }

    pub fn closes(&self) -> bool {
        self.header("connection") == Some("close")
    }
}
