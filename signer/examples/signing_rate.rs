//! How many signatures there are for a second of a processor's time: bare ones, the kit's, those of the signing threads,
//! and those that are asked for over HTTP on a Unix socket, with the clients in the same program. Time of a processor,
//! not of the clock, so that other programs do not change the ratios.
//!
//! `cargo run --release --example signing_rate -p signer`

#[path = "raw/mod.rs"]
mod raw;

use std::{
    error::Error,
    sync::Arc,
    thread,
    time::{Duration, Instant, SystemTime},
};

use axum::{Router, routing::post};
use profile_kit::{
    Identity, Profile, SignOptions, Signer, UuidSource,
    payload::Restrictions,
    pki::{Authority, KeySpec, Leaf, Validity},
    verify::{Verifier, VerifyOptions},
};
use signer::{
    http::{Readiness, mount},
    metrics::Metrics,
    server::{Limits, Listener, serve},
    signing::{Job, Signing},
    stop::Stop,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{UnixListener, UnixStream},
};

use self::raw::{processor_time, signature};

fn main() -> Result<(), Box<dyn Error>> {
    let cores = thread::available_parallelism()?.get();
    println!("signatures for a second of one of {cores} processors, and their share of the bare ones");
    for (name, key) in [("RSA-2048", KeySpec::Rsa(2048)), ("P-256", KeySpec::P256)] {
        let (identity, pem) = identity(key)?;
        let bare = rate(|| Ok(parallel(cores, || bare(&pem))))?;
        let kit = rate(|| Ok(parallel(cores, || kit(&identity))))?;
        let verified = rate(|| Ok(parallel(cores, || verified(&identity))))?;
        let threads = rate(|| pooled(cores, &identity))?;
        let http = rate(|| over_http(cores, &identity))?;
        let told = |rate: f64| format!("{rate:.0} ({:.2})", rate / bare);
        let (kit, verified, threads, http) = (told(kit), told(verified), told(threads), told(http));
        println!("{name}: bare {bare:.0}; kit {kit}; kit, verified {verified}; threads {threads}; over HTTP {http}");
    }
    Ok(())
}

fn rate(work: impl FnOnce() -> Result<u32, Box<dyn Error>>) -> Result<f64, Box<dyn Error>> {
    let used = || processor_time(std::process::id());
    let before = used()?;
    let count = work()?;
    Ok(f64::from(count) / (used()? - before))
}

fn bare(pem: &[u8]) -> impl FnMut() + use<> {
    let mut sign = signature(pem);
    move || sign(&[7; 32])
}

fn kit(identity: &Identity) -> impl FnMut() + use<> {
    let mut signer = Signer::new(identity, SignOptions::new(SystemTime::now())).expect("the identity can sign");
    let profile = profile();
    move || drop(signer.sign(&profile).expect("the profile can be signed"))
}

fn verified(identity: &Identity) -> impl FnMut() + use<> {
    let mut signer = Signer::new(identity, SignOptions::new(SystemTime::now())).expect("the identity can sign");
    let mut verifier = Verifier::new(None, VerifyOptions::new(SystemTime::now()));
    let profile = profile();
    move || {
        let signed = signer.sign(&profile).expect("the profile can be signed");
        assert!(verifier.verify(signed.as_bytes()).is_ok_and(|it| it.integrity().is_good()));
    }
}

fn parallel<W: FnMut()>(threads: usize, prepare: impl Fn() -> W + Sync) -> u32 {
    thread::scope(|scope| {
        let work = || {
            let (mut work, begun, mut count) = (prepare(), Instant::now(), 0_u32);
            while begun.elapsed() < TIME {
                work();
                count += 1;
            }
            count
        };
        let threads: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        threads.into_iter().map(|thread| thread.join().expect("a thread panicked")).sum()
    })
}

fn pooled(threads: usize, identity: &Identity) -> Result<u32, Box<dyn Error>> {
    let signing = Signing::start(u32::try_from(threads)?, PLACES, Arc::default())?;
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    runtime.block_on(many(threads, async || sign(&signing, identity).await))
}

fn over_http(threads: usize, identity: &Identity) -> Result<u32, Box<dyn Error>> {
    let metrics = Arc::new(Metrics::new());
    let signing = Signing::start(u32::try_from(threads)?, PLACES, metrics.clone())?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(threads).enable_all().build()?;
    runtime.block_on(async {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("socket");
        let listeners = vec![Listener::Unix(UnixListener::bind(&path)?)];
        let stop = Stop::new();
        let identity = identity.clone();
        let routes = Router::new().route("/sign", post(async move || sign(&signing, &identity).await));
        let app = mount(routes, Arc::new(Readiness::new(stop.watch())));
        tokio::spawn(serve(listeners, app, Limits::default(), metrics, stop.watch()));
        many_clients(threads, &path).await
    })
}

async fn many_clients(threads: usize, path: &std::path::Path) -> Result<u32, Box<dyn Error>> {
    let begun = Instant::now();
    let clients: Vec<_> = (0..threads * 8).map(|_| tokio::spawn(client(path.to_owned(), begun))).collect();
    let mut count = 0;
    for client in clients {
        count += client.await??;
    }
    Ok(count)
}

async fn client(path: std::path::PathBuf, begun: Instant) -> std::io::Result<u32> {
    let (mut stream, mut answer, mut count) = (UnixStream::connect(path).await?, vec![0; 64 * 1024], 0);
    while begun.elapsed() < TIME {
        stream.write_all(b"POST /sign HTTP/1.1\r\nhost: it\r\ncontent-length: 0\r\n\r\n").await?;
        let mut read = stream.read(&mut answer).await?;
        assert!(answer.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&answer[..read]));
        while read < whole(&answer[..read]) {
            read += stream.read(&mut answer[read..]).await?;
        }
        count += 1;
    }
    Ok(count)
}

/// How long head and body are.
fn whole(answer: &[u8]) -> usize {
    let Some(head) = answer.windows(4).position(|it| it == b"\r\n\r\n") else { return usize::MAX };
    let text = String::from_utf8_lossy(&answer[..head]);
    let length = text.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse::<usize>().ok());
    head + 4 + length.unwrap_or_default()
}

async fn sign(signing: &Signing, identity: &Identity) -> Vec<u8> {
    let options = SignOptions::new(SystemTime::now());
    let job = Job { identity: identity.clone(), options, what: Box::new(profile()) };
    signing.sign("bench".into(), job).await.expect("the queue is long enough").bytes
}

/// So much at once that no thread waits.
async fn many(threads: usize, sign: impl AsyncFn() -> Vec<u8>) -> Result<u32, Box<dyn Error>> {
    let (begun, count) = (Instant::now(), std::cell::Cell::new(0_u32));
    let one = async || {
        while begun.elapsed() < TIME {
            sign().await;
            count.set(count.get() + 1);
        }
    };
    let mut running: Vec<_> = (0..threads * 8).map(|_| Box::pin(one())).collect();
    std::future::poll_fn(|cx| {
        running.retain_mut(|one| one.as_mut().poll(cx).is_pending());
        if running.is_empty() { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
    })
    .await;
    Ok(count.get())
}

fn profile() -> Profile {
    let mut profile = Profile::new("jp.example.mdm", "MDM");
    profile.push(Restrictions::default());
    profile.fill_uuids(UuidSource::Content);
    profile
}

fn identity(key: KeySpec) -> Result<(Identity, Vec<u8>), Box<dyn Error>> {
    let validity = Validity::days(SystemTime::now() - Duration::from_secs(60), 30);
    let issued = Authority::new("Root", KeySpec::P256, validity)?.issue(&Leaf::new("Signer", key, validity))?;
    Ok((issued.identity()?, issued.key_pem()?))
}

const TIME: Duration = Duration::from_secs(3);
const PLACES: usize = 256;
