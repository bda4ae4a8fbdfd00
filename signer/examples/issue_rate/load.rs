//! Clients that keep their connections: as fast as they are answered, or at a pace.

use std::{
    io,
    net::SocketAddr,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::{Duration, Instant},
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
    runtime::{Builder, Runtime},
    sync::mpsc,
    task::JoinSet,
    time::sleep_until,
};

use crate::{Outcome, raw::processor_time, server::Server};

/// How many there were, in which time of the clock, and of all processors of clients and server.
pub struct Rate {
    pub count: u64,
    pub clock: Duration,
    pub processor: f64,
}

impl Rate {
    pub fn by_processor(&self) -> f64 {
        self.count as f64 / self.processor
    }

    pub fn by_clock(&self) -> f64 {
        self.count as f64 / self.clock.as_secs_f64()
    }
}

/// What became of requests at a pace: how long each took from when it was due.
#[derive(Default)]
pub struct Paced {
    pub served: Vec<Duration>,
    pub refused: Vec<Duration>,
    /// Requests that were due when every connection waited for an answer.
    pub dropped: u64,
    pub took: Duration,
}

/// How many bytes an answer's body has.
pub fn one(server: &Server) -> Outcome<usize> {
    runtime()?.block_on(async {
        let mut client = Client::connect(server, 0).await?;
        let status = client.ask().await?;
        if status == 200 { Ok(client.length) } else { Err(format!("answered {status}").into()) }
    })
}

/// Clients that ask as fast as they are answered, for a time.
pub fn rate(server: &Server, time: Duration) -> Outcome<Rate> {
    runtime()?.block_on(async {
        let own = || processor_time(std::process::id());
        let mut clients = Vec::new();
        for _ in 0..CLIENTS {
            clients.push(Client::connect(server, 0).await?);
        }
        let (before, begun) = (own()? + server.processor_time()?, Instant::now());
        let mut running: JoinSet<io::Result<u64>> =
            clients.into_iter().map(|client| client.ask_until(begun + time)).collect();
        let mut count = 0;
        while let Some(client) = running.join_next().await {
            count += client??;
        }
        let (clock, processor) = (begun.elapsed(), own()? + server.processor_time()? - before);
        Ok(Rate { count, clock, processor })
    })
}

/// So many requests a second for a time, each due at its moment whatever became of those before, on many connections
/// from several addresses.
pub fn paced(server: &Server, rate: f64, time: Duration) -> Outcome<Paced> {
    runtime()?.block_on(async {
        let (free, mut idle) = mpsc::unbounded_channel();
        for number in 0..CONNECTIONS {
            free.send(Client::connect(server, number).await?)?;
        }
        let (tell, mut told) = mpsc::unbounded_channel();
        let (mut paced, begun) = (Paced::default(), Instant::now());
        for number in 0_u32.. {
            let due = begun + Duration::from_secs_f64(f64::from(number) / rate);
            if due > begun + time {
                break;
            }
            sleep_until(due.into()).await;
            let Ok(mut client) = idle.try_recv() else {
                paced.dropped += 1;
                continue;
            };
            let (free, tell) = (free.clone(), tell.clone());
            tokio::spawn(async move {
                let status = client.ask().await;
                // Who listens goes last.
                let _ = tell.send((status, due.elapsed()));
                let _ = free.send(client);
            });
        }
        drop(tell);
        while let Some((status, took)) = told.recv().await {
            match status? {
                200 => paced.served.push(took),
                503 => paced.refused.push(took),
                other => return Err(format!("answered {other}").into()),
            }
        }
        paced.took = begun.elapsed();
        Ok(paced)
    })
}

struct Client {
    stream: TcpStream,
    token: String,
    answer: Vec<u8>,
    /// Of the last answer's body.
    length: usize,
}

impl Client {
    async fn connect(server: &Server, number: u8) -> io::Result<Self> {
        let socket = TcpSocket::new_v4()?;
        socket.bind(SocketAddr::from(([127, 0, 0, 1 + number % 8], 0)))?;
        let stream = socket.connect(server.address).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, token: server.token.clone(), answer: vec![0; 64 * 1024], length: 0 })
    }

    /// How often it was answered.
    async fn ask_until(mut self, end: Instant) -> io::Result<u64> {
        let mut count = 0;
        while Instant::now() < end {
            match self.ask().await? {
                200 => count += 1,
                other => return Err(io::Error::other(format!("answered {other}"))),
            }
        }
        Ok(count)
    }

    /// Asks for the profile of a device of its own, and gives the answer's status.
    async fn ask(&mut self) -> io::Result<u16> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let number = NEXT.fetch_add(1, Relaxed);
        let body = format!("{{\"parameters\":{{\"serial\":\"C02{number}\"}}}}");
        let request = format!(
            "POST /v1/devices/C02{number}/profiles/ivi-mdm HTTP/1.1\r\nhost: signer\r\nauthorization: Bearer {}\r\n\
             idempotency-key: {number}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            self.token,
            body.len(),
        );
        self.stream.write_all(request.as_bytes()).await?;
        let mut read = 0;
        loop {
            let more = self.stream.read(&mut self.answer[read..]).await?;
            if more == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            read += more;
            if let Some((status, head, length)) = head(&self.answer[..read])
                && read >= head + length
            {
                self.length = length;
                return Ok(status);
            }
        }
    }
}

/// The status, and how long head and body are; `None` where the head is not whole.
fn head(answer: &[u8]) -> Option<(u16, usize, usize)> {
    let end = answer.windows(4).position(|it| it == b"\r\n\r\n")?;
    let text = std::str::from_utf8(&answer[..end]).ok()?;
    let status = text.get(9..12)?.parse().ok()?;
    let length = text.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
    Some((status, end + 4, length.unwrap_or(0)))
}

/// One thread: the clients have little to do.
fn runtime() -> io::Result<Runtime> {
    Builder::new_current_thread().enable_all().build()
}

const CLIENTS: usize = 32;
/// More than four times the daemon's places for a caller, and not more than it takes of a peer.
const CONNECTIONS: u8 = 255;
