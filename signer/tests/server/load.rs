//! Many at once: who stalls does not hold up who does not, and what is too much is refused in time.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use axum::{Extension, Router, response::IntoResponse, routing::post};
use profile_kit::{
    Identity, Profile, SignOptions, UuidSource,
    payload::Restrictions,
    pki::{Authority, KeySpec, Leaf, Validity},
};
use signer::{
    Refusal,
    metrics::Metrics,
    server::{Limits, Peer},
    signing::{Job, Refused, Signing},
    tls::ClientCertificates,
};
use tokio::{io::AsyncWriteExt, net::TcpStream, sync::Mutex, time::Instant};

use crate::{
    running::{GET_HELLO, GET_LARGE, Running, exchange, header, status},
    tls::{self, Pair},
};

/// The tests that look at memory or time have the machine for themselves.
static ALONE: Mutex<()> = Mutex::const_new(());

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stalled_handshakes_hold_nobody_up() {
    let _alone = ALONE.lock().await;
    let (running, _tls) = tls::start(&Pair::root("Server"), ClientCertificates::Unasked, patient()).await;
    let before = resident();
    let _stalled = stall(&running, b"\x16\x03\x01").await;
    let honest = async || {
        let mut stream = tls::connect(running.address, None, b"\x08http/1.1").await.unwrap();
        assert_eq!(status(&exchange(&mut stream, GET_HELLO).await), 200);
    };
    judge("handshake", before, times(honest).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stalled_heads_hold_nobody_up() {
    stalled("header", b"GET /hello HTTP/1.1\r\nhost: ").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stalled_bodies_hold_nobody_up() {
    stalled("body", b"POST /echo HTTP/1.1\r\nhost: it\r\ncontent-length: 5\r\n\r\nhel").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stalled_readers_hold_nobody_up() {
    stalled("reader", GET_LARGE).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn four_times_as_many_callers_as_places_are_told_so_in_time() {
    let _alone = ALONE.lock().await;
    let running = Arc::new(Running::with(patient(), signing(1, PLACES)).await);
    let before = resident();
    let end = Instant::now() + Duration::from_secs(2);
    let callers: Vec<_> = (0..4 * PLACES).map(|number| tokio::spawn(call(running.clone(), number, end))).collect();
    let (mut signed, mut refused) = (Vec::new(), Vec::new());
    for caller in callers {
        let (its_signed, its_refused) = caller.await.unwrap();
        signed.extend(its_signed);
        refused.extend(its_refused);
    }
    println!("signed {}, refused {}", Times::of(signed.clone()), Times::of(refused.clone()));
    assert!(signed.len() > PLACES && refused.len() > 3 * PLACES, "{} and {}", signed.len(), refused.len());
    judge("overload", before, refused);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_greedy_caller_does_not_get_a_modest_one_refused() {
    let _alone = ALONE.lock().await;
    let running = Arc::new(Running::with(patient(), signing(1, PLACES)).await);
    let end = Instant::now() + Duration::from_secs(1);
    let greedy: Vec<_> = (0..2 * PLACES)
        .map(|_| {
            let running = running.clone();
            tokio::spawn(async move { sign_until(running.connect_from([127, 0, 0, 9]).await, end).await })
        })
        .collect();
    let (signed, refused) = sign_until(running.connect().await, end).await;
    let mut greedy_refused = 0;
    for caller in greedy {
        greedy_refused += caller.await.unwrap().1.len();
    }
    println!("the modest caller: {}", Times::of(signed.clone()));
    assert!(greedy_refused > 0, "there was no overload");
    assert!(!signed.is_empty() && refused.is_empty(), "{} signed, {} refused", signed.len(), refused.len());
}

async fn call(running: Arc<Running>, number: usize, end: Instant) -> (Vec<Duration>, Vec<Duration>) {
    let last = u8::try_from(number).unwrap();
    sign_until(running.connect_from([127, 0, 1, last]).await, end).await
}

/// How long each request took that was signed, and each that was refused.
async fn sign_until(mut stream: TcpStream, end: Instant) -> (Vec<Duration>, Vec<Duration>) {
    let (mut signed, mut refused) = (Vec::new(), Vec::new());
    while Instant::now() < end {
        let begun = Instant::now();
        let answer = exchange(&mut stream, POST_SIGN).await;
        let times = match status(&answer) {
            200 => &mut signed,
            503 => {
                assert!(header(&answer, "retry-after").is_some());
                &mut refused
            }
            other => panic!("{other}"),
        };
        times.push(begun.elapsed());
    }
    (signed, refused)
}

async fn stalled(kind: &str, request: &'static [u8]) {
    let _alone = ALONE.lock().await;
    let running = Running::start(patient()).await;
    let before = resident();
    let _stalled = stall(&running, request).await;
    let honest = async || {
        let mut stream = running.connect().await;
        assert_eq!(status(&exchange(&mut stream, GET_HELLO).await), 200);
    };
    judge(kind, before, times(honest).await);
}

/// Connections of another peer that send this and then do nothing, and are held open by the server.
async fn stall(running: &Running, request: &'static [u8]) -> Vec<TcpStream> {
    let mut stalled = Vec::new();
    for _ in 0..many() {
        let mut stream = running.connect_from([127, 0, 0, 2]).await;
        stream.write_all(request).await.unwrap();
        stalled.push(stream);
    }
    // Accepted in turn: when the last one is, all are.
    let open = |text: &str| {
        text.lines().any(|line| line.starts_with("signer_connections{") && line.ends_with(&format!(" {}", many())))
    };
    while !open(&running.metrics.encode()) {
        tokio::task::yield_now().await;
    }
    stalled
}

/// What honest requests, one after the other on connections of their own, take.
async fn times(honest: impl AsyncFn()) -> Vec<Duration> {
    let mut times = Vec::new();
    for _ in 0..50 {
        let begun = Instant::now();
        honest().await;
        times.push(begun.elapsed());
    }
    times
}

fn judge(kind: &str, before: usize, taken: Vec<Duration>) {
    let (times, grown) = (Times::of(taken), resident().saturating_sub(before));
    println!("{kind}: {times}; memory grew by {} KiB", grown / 1024);
    assert!(times.late < Duration::from_secs(1), "{times}");
    assert!(grown < MEMORY, "memory grew by {} MiB", grown / 1024 / 1024);
}

struct Times {
    count: usize,
    middle: Duration,
    late: Duration,
}

impl Times {
    fn of(mut times: Vec<Duration>) -> Self {
        times.sort();
        let at = |share: usize| times.get((times.len() * share / 100).min(times.len().saturating_sub(1))).copied();
        Self { count: times.len(), middle: at(50).unwrap_or_default(), late: at(99).unwrap_or_default() }
    }
}

impl std::fmt::Display for Times {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}, half within {:?}, 99 % within {:?}", self.count, self.middle, self.late)
    }
}

/// An application that signs; each address is a caller.
fn signing(threads: u32, places: usize) -> Router {
    let signing = Signing::start(threads, places, Arc::new(Metrics::new())).unwrap();
    let (identity, profile) = (identity(), profile());
    Router::new().route(
        "/sign",
        post(async move |Extension(peer): Extension<Peer>| {
            let Peer::Plain { address } = peer else { unreachable!() };
            let options = SignOptions::new(SystemTime::now());
            let (caller, what) = (address.ip().to_string().into(), Box::new(profile.clone()));
            let job = Job { identity: identity.clone(), options, what };
            match signing.sign(caller, job).await {
                // What is answered here is read as text.
                Ok(signed) => signed.bytes.len().to_string().into_response(),
                Err(Refused::Overloaded { retry_after }) => Refusal::Overloaded { retry_after }.into_response(),
                Err(other) => panic!("{other}"),
            }
        }),
    )
}

pub fn profile() -> Profile {
    let mut profile = Profile::new("jp.example.mdm", "MDM");
    profile.push(Restrictions::default());
    profile.fill_uuids(UuidSource::Content);
    profile
}

pub fn identity() -> Identity {
    let validity = Validity::days(SystemTime::now() - Duration::from_secs(60), 30);
    let root = Authority::new("Root", KeySpec::P256, validity).unwrap();
    root.issue(&Leaf::new("Signer", KeySpec::Rsa(2048), validity)).unwrap().identity().unwrap()
}

/// The deadlines are not what is tried.
fn patient() -> Limits {
    let long = Duration::from_secs(300);
    Limits { handshake: long, header: long, body: long, request: long, answer: long, stall: long, ..Limits::default() }
}

/// What this process holds in memory, in bytes.
fn resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<usize>().unwrap() * 1024
}

/// A thousand in the long run, which `LONG_TESTS=1` asks for.
fn many() -> usize {
    if std::env::var_os("LONG_TESTS").is_some_and(|it| it == "1") { 1000 } else { 200 }
}

const POST_SIGN: &[u8] = b"POST /sign HTTP/1.1\r\nhost: it\r\ncontent-length: 0\r\n\r\n";
const PLACES: usize = 32;
const MEMORY: usize = 256 * 1024 * 1024;
