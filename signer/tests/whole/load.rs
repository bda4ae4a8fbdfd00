//! Many clients that ask for one profile after the other, each in a request of its own, as fast as they are answered.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use signer::Digest;
use tokio::sync::mpsc;

use crate::{
    client::{Answer, Broken, Client},
    daemon::Daemon,
};

/// One request: for a device of its own, under a key of its own.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Asked {
    pub name: String,
}

/// What became of a request.
#[derive(Clone, Debug)]
pub struct Told {
    pub asked: Asked,
    pub answer: Result<Answer, Broken>,
    pub took: Duration,
}

pub struct Load {
    told: mpsc::Receiver<Told>,
    enough: Arc<AtomicBool>,
}

impl Load {
    /// So many clients from one address, each of which comes to its end where its connection does.
    pub fn start(daemon: &Daemon, clients: usize) -> Self {
        Self::from(daemon, clients, |_| [127, 0, 0, 1])
    }

    /// From the addresses that `peer` gives to each.
    pub fn from(daemon: &Daemon, clients: usize, peer: fn(usize) -> [u8; 4]) -> Self {
        let (tell, told) = mpsc::channel(256);
        let enough = Arc::new(AtomicBool::new(false));
        for number in 0..clients {
            let (address, token) = (daemon.address, daemon.token().to_owned());
            tokio::spawn(client(address, peer(number), token, tell.clone(), enough.clone()));
        }
        Self { told, enough }
    }

    /// The next of what they were told; `None` when all have come to their end.
    pub async fn next(&mut self) -> Option<Told> {
        self.told.recv().await
    }

    /// Lets each of them hear its last answer, and gives what they were told since.
    pub async fn rest(mut self) -> Vec<Told> {
        self.enough.store(true, Relaxed);
        let mut rest = Vec::new();
        while let Some(told) = self.told.recv().await {
            rest.push(told);
        }
        rest
    }
}

impl Asked {
    /// One that nobody has asked before.
    pub fn new() -> Self {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        Self { name: format!("D{}", NEXT.fetch_add(1, Relaxed)) }
    }

    pub async fn ask(&self, client: &mut Client) -> Result<Answer, Broken> {
        let path = format!("/v1/devices/{}/profiles/ivi-mdm", self.name);
        client.post(&path, &self.name, &self.parameters()).await
    }

    fn parameters(&self) -> Value {
        json!({ "parameters": { "serial": self.name } })
    }
}

impl Told {
    /// The issuance and the digest of its bytes.
    pub fn issued(&self) -> Option<(String, Digest)> {
        let answer = self.answer.as_ref().ok().filter(|answer| answer.status == 200)?;
        Some((answer.header("issuance-id").unwrap().to_owned(), Digest::of(&answer.body)))
    }

    /// The status and the code of a refusal.
    pub fn refused(&self) -> Option<(u16, String)> {
        let answer = self.answer.as_ref().ok().filter(|answer| answer.status != 200)?;
        Some((answer.status, answer.code()))
    }
}

async fn client(to: SocketAddr, from: [u8; 4], token: String, tell: mpsc::Sender<Told>, enough: Arc<AtomicBool>) {
    let Ok(mut client) = Client::connect(to, from, &token).await else { return };
    while !enough.load(Relaxed) {
        let (asked, begun) = (Asked::new(), Instant::now());
        let answer = asked.ask(&mut client).await;
        let ends = answer.as_ref().map_or(true, Answer::closes);
        let told = Told { asked, answer, took: begun.elapsed() };
        if tell.send(told).await.is_err() || ends {
            return;
        }
    }
}
