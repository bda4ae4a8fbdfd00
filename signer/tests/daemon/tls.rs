//! TLS through the whole daemon: who shows a certificate is a caller, and a reload changes what is shown.

use std::{fs, pin::Pin, time::SystemTime};

use openssl::{
    pkey::PKey,
    ssl::{Ssl, SslConnector, SslMethod, SslVerifyMode},
    x509::X509,
};
use profile_kit::pki::{Authority, Issued, KeySpec, Leaf, Validity};
use signer::{Digest, admin::Answer};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};
use tokio_openssl::SslStream;

use crate::running::{DAY, PATIENCE, Place, Running};

#[tokio::test]
async fn who_shows_a_certificate_is_the_caller_that_it_belongs_to() {
    let running = with_tls().await;
    let (root, client) = issue("Reader");
    let digest = Digest::of(client.certificate().der());
    let text = fs::read_to_string(running.place.site.config()).unwrap();
    let caller = format!("[[caller]]\nname = \"reader\"\ncertificate_sha256 = [\"{digest}\"]\nroles = [\"read\"]\n");
    fs::write(running.place.site.config(), text + &caller).unwrap();
    fs::write(running.place.path("clients.pem"), root.certificate_pem().unwrap()).unwrap();
    assert!(matches!(running.reload(None).await, Answer::Reloaded { .. }));
    let (_, answer) = ask(&running, Some(&client)).await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    let (_, answer) = ask(&running, None).await;
    assert!(answer.starts_with("HTTP/1.1 401"), "{answer}");
}

#[tokio::test]
async fn a_connection_ends_where_a_reload_takes_away_the_root_that_let_its_client_in_and_stays_otherwise() {
    let (running, root, client) = with_reader().await;
    let mut stream = connect(&running, Some(&client)).await;
    let mut ask = async || {
        // One that was closed may take the request still.
        let _ = stream.write_all(b"GET /v1/devices HTTP/1.1\r\nhost: it\r\n\r\n").await;
        let mut answer = vec![0; 4096];
        let count = timeout(PATIENCE, stream.read(&mut answer)).await.expect("there is no answer").unwrap_or(0);
        String::from_utf8_lossy(&answer[..count]).into_owned()
    };
    assert!(ask().await.starts_with("HTTP/1.1 200"));
    put_server(&running.place, "Server Two");
    assert!(matches!(running.reload(None).await, Answer::Reloaded { .. }));
    assert!(ask().await.starts_with("HTTP/1.1 200"));
    let other = issue("Nobody").0;
    let_in(&running, &[&other, &root]).await;
    assert!(ask().await.starts_with("HTTP/1.1 200"), "another root is let in with it");
    let_in(&running, &[&other]).await;
    assert_eq!(ask().await, "");
}

#[tokio::test]
async fn who_is_put_out_and_holds_an_http2_connection_open_all_the_same_is_nobody() {
    let (running, root, client) = with_reader().await;
    let mut stream = connect(&running, Some(&client)).await;
    stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").await.unwrap();
    // GET https://it/v1/devices, as RFC 7541 has it.
    let fields = b"\x82\x87\x04\x0b/v1/devices\x01\x02it";
    // The first octet of the answer's head: 0x88 is the status 200.
    let mut ask = async |number: u8| {
        let head = [&[0, 0, fields.len() as u8, 1, 5, 0, 0, 0, number], &fields[..]].concat();
        stream.write_all(&head).await.unwrap();
        loop {
            let mut frame = [0; 9];
            stream.read_exact(&mut frame).await.unwrap();
            let mut rest = vec![0; u32::from_be_bytes([0, frame[0], frame[1], frame[2]]) as usize];
            stream.read_exact(&mut rest).await.unwrap();
            if (frame[3], frame[8]) == (1, number) {
                return rest[0];
            }
        }
    };
    assert_eq!(timeout(PATIENCE, ask(1)).await.expect("there is no answer"), 0x88);
    let other = issue("Nobody").0;
    let_in(&running, &[&other, &root]).await;
    assert_eq!(timeout(PATIENCE, ask(3)).await.expect("there is no answer"), 0x88, "another root is let in with it");
    let_in(&running, &[&other]).await;
    // The PING that asks whether the farewell has come is not answered.
    assert_ne!(timeout(PATIENCE, ask(5)).await.expect("there is no answer"), 0x88);
}

/// With a caller who is known by the subject of a certificate.
async fn with_reader() -> (Running, Authority, Issued) {
    let running = with_tls().await;
    let (root, client) = issue("Reader");
    let text = fs::read_to_string(running.place.site.config()).unwrap();
    let caller = "[[caller]]\nname = \"reader\"\ncertificate_subject = \"CN=Reader\"\nroles = [\"read\"]\n";
    fs::write(running.place.site.config(), text + caller).unwrap();
    let_in(&running, &[&root]).await;
    (running, root, client)
}

/// Lets in whom one of the roots certifies, and nobody else.
async fn let_in(running: &Running, roots: &[&Authority]) {
    let roots: Vec<_> = roots.iter().map(|root| root.certificate_pem().unwrap()).collect();
    fs::write(running.place.path("clients.pem"), roots.concat()).unwrap();
    assert!(matches!(running.reload(None).await, Answer::Reloaded { .. }));
}

#[tokio::test]
async fn a_reload_changes_what_new_connections_are_shown_and_the_gauge() {
    let running = with_tls().await;
    assert_eq!(ask(&running, None).await.0, "Server One");
    put_server(&running.place, "Server Two");
    assert!(matches!(running.reload(None).await, Answer::Reloaded { .. }));
    assert_eq!(ask(&running, None).await.0, "Server Two");
    let metrics = running.get("/metrics").await.text();
    assert!(metrics.contains("identity=\"listen.tls\",subject=\"CN=Server Two\""), "{metrics}");
    assert!(!metrics.contains("CN=Server One"), "{metrics}");
}

#[tokio::test]
async fn a_reload_of_files_that_do_not_belong_together_changes_nothing() {
    let running = with_tls().await;
    fs::write(running.place.path("server.pem"), issue("Server Three").1.certificate_pem().unwrap()).unwrap();
    let Answer::Refused { problems, .. } = running.reload(None).await else { panic!() };
    assert!(problems[0].contains("listen.tls.key: certificate, key and client_ca make no listener"), "{problems:?}");
    assert_eq!(ask(&running, None).await.0, "Server One");
}

async fn with_tls() -> Running {
    let place = Place::new();
    put_server(&place, "Server One");
    fs::write(place.path("clients.pem"), issue("Nobody").0.certificate_pem().unwrap()).unwrap();
    let tls = "tls = { address = \"127.0.0.1:0\", certificate = \"server.pem\", key = { file = \"server.key\" }, \
               client_ca = \"clients.pem\" }";
    place.change("[admin]", &format!("{tls}\n[admin]"));
    place.start().await
}

fn put_server(place: &Place, name: &str) {
    let (_, server) = issue(name);
    fs::write(place.path("server.pem"), server.certificate_pem().unwrap()).unwrap();
    // With the permissions of a key that is there.
    fs::copy(place.path("test.key"), place.path("server.key")).unwrap();
    fs::write(place.path("server.key"), server.key_pem().unwrap()).unwrap();
}

/// A certificate of a root of its own, valid by the machine's clock, which TLS goes by.
fn issue(name: &str) -> (Authority, Issued) {
    let validity = Validity::days(SystemTime::now() - DAY, 3650);
    let root = Authority::new("Root", KeySpec::P256, validity).unwrap();
    let leaf = root.issue(&Leaf::new(name, KeySpec::P256, validity)).unwrap();
    (root, leaf)
}

/// The name that the server shows, and its answer to a question that needs the role `read`.
async fn ask(running: &Running, client: Option<&Issued>) -> (String, String) {
    let mut stream = connect(running, client).await;
    let shown = stream.ssl().peer_certificate().unwrap();
    let name = shown.subject_name().entries().next().unwrap().data().to_string().unwrap();
    stream.write_all(b"GET /v1/devices HTTP/1.1\r\nhost: it\r\nconnection: close\r\n\r\n").await.unwrap();
    let mut answer = Vec::new();
    let _ = timeout(PATIENCE, stream.read_to_end(&mut answer)).await.expect("there is no answer");
    (name, String::from_utf8_lossy(&answer).into_owned())
}

async fn connect(running: &Running, client: Option<&Issued>) -> SslStream<TcpStream> {
    let mut connector = SslConnector::builder(SslMethod::tls_client()).unwrap();
    connector.set_verify(SslVerifyMode::NONE);
    if let Some(client) = client {
        connector.set_certificate(&X509::from_der(client.certificate().der()).unwrap()).unwrap();
        connector.set_private_key(&PKey::private_key_from_pem(&client.key_pem().unwrap()).unwrap()).unwrap();
    }
    let ssl = Ssl::new(connector.build().context()).unwrap();
    let stream = TcpStream::connect(running.tls.unwrap()).await.unwrap();
    let mut stream = SslStream::new(ssl, stream).unwrap();
    Pin::new(&mut stream).connect().await.unwrap();
    stream
}
