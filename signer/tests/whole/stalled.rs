//! A thousand who stall, in each way in which one can: honest requests go on.

use std::time::{Duration, Instant};

use crate::{
    client::Client,
    daemon::{Daemon, PATIENCE},
    load::Asked,
    site::{Site, identity},
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_stalled_handshakes_hold_nobody_up() {
    stalled("tls", "handshake", async |client, _| client.send(b"\x16\x03\x01").await.unwrap()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_stalled_heads_hold_nobody_up() {
    stalled("tcp", "head", async |client, _| client.send(b"GET /livez HTTP/1.1\r\nhost: ").await.unwrap()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_stalled_bodies_hold_nobody_up() {
    stalled("tcp", "body", async |client, token| {
        let fields = "content-type: application/json\r\nidempotency-key: k\r\ncontent-length: 100";
        let head = "POST /v1/devices/D/profiles/ivi-mdm HTTP/1.1\r\nhost: signer";
        let request = format!("{head}\r\nauthorization: Bearer {token}\r\n{fields}\r\n\r\n{{");
        client.send(request.as_bytes()).await.unwrap();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_who_do_not_read_hold_nobody_up() {
    let request = "GET /openapi.json HTTP/1.1\r\nhost: signer\r\n\r\n".repeat(40);
    stalled("tcp", "reader", async |client, _| client.send(request.as_bytes()).await.unwrap()).await;
}

async fn stalled(listener: &str, kind: &str, stall: impl AsyncFn(&mut Client, &str)) {
    let site = patient();
    let daemon = Daemon::start(&site);
    let address = if listener == "tls" { daemon.tls.unwrap() } else { daemon.address };
    let mut clients = Vec::new();
    for _ in 0..MANY {
        let mut client = Client::connect(address, [127, 0, 0, 2], daemon.token()).await.unwrap();
        stall(&mut client, daemon.token()).await;
        clients.push(client);
    }
    until_open(&daemon, listener).await;
    let mut times = Vec::new();
    for number in 0..HONEST {
        let begun = Instant::now();
        let mut client = match (daemon.tls, number % 2) {
            (Some(tls), 0) => Client::connect_tls(tls, daemon.token()).await.unwrap(),
            _ => daemon.client().await,
        };
        assert_eq!(Asked::new().ask(&mut client).await.unwrap().status, 200);
        times.push(begun.elapsed());
    }
    times.sort();
    let memory = daemon.peak_memory();
    println!(
        "{kind}: an issuance within {:?}, half of them within {:?}; {memory} KiB",
        times[HONEST - 1],
        times[HONEST / 2]
    );
    // Those who stall would be thrown out only later than this.
    assert!(times[HONEST - 1] < Duration::from_secs(10), "{times:?}");
    assert!(memory < MEMORY, "{memory} KiB");
}

/// Waits until all of them are connections of the daemon's.
async fn until_open(daemon: &Daemon, listener: &str) {
    let line = format!("signer_connections{{listener=\"{listener}\"}} ");
    let begun = Instant::now();
    loop {
        let metrics = daemon.client().await.get("/metrics").await.unwrap().text();
        let open = metrics.lines().find_map(|it| it.strip_prefix(&line)?.parse::<usize>().ok());
        if open.is_some_and(|open| open >= MANY) {
            return;
        }
        assert!(begun.elapsed() < PATIENCE, "{open:?} of {MANY}");
    }
}

/// A daemon that lets connections stall for a minute.
fn patient() -> Site {
    let site = Site::new();
    let server = identity("Server");
    site.write("tls.pem", [server.certificate_pem().unwrap(), server.chain_pem().unwrap()].concat());
    site.write("tls.key", server.key_pem().unwrap());
    let tls = "tls = { address = \"127.0.0.1:0\", certificate = \"tls.pem\", key = { file = \"tls.key\" } }";
    site.change("signer.toml", "[listen]\n", &format!("[listen]\n{tls}\n"));
    site.configure(
        "[limits]\nconnections = 4096\nqueue = 2048\nhandshake_seconds = 60\nheader_seconds = 60\nbody_seconds = 60\n\
         total_seconds = 60\n",
    );
    site
}

const MANY: usize = 1000;
const HONEST: usize = 20;
/// In KiB.
const MEMORY: u64 = 256 * 1024;
