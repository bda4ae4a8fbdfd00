//! TLS: who is let in, who he is, and what changes while the server runs.

use std::{net::SocketAddr, pin::Pin, sync::Arc, time::Duration};

use axum::{body::Body, http::Request};
use http_body_util::BodyExt;
use hyper_util::rt::{TokioExecutor, TokioIo};
use openssl::{
    asn1::Asn1Time,
    bn::BigNum,
    ec::{EcGroup, EcKey},
    hash::MessageDigest,
    nid::Nid,
    pkey::{PKey, Private},
    ssl::{SslConnector, SslMethod, SslVerifyMode, SslVersion},
    x509::{X509, X509Builder, X509NameBuilder, extension::BasicConstraints},
};
use signer::{
    server::{Limits, Listener, bind},
    tls::{ClientCertificates, Tls, TlsSettings},
};
use tokio::net::TcpStream;
use tokio_openssl::SslStream;
use zeroize::Zeroizing;

use crate::running::{GET_HELLO, Running, ask, exchange, routes, status};

#[tokio::test]
async fn a_client_certificate_reaches_the_handler() {
    let (root, server, client) = (Pair::root("Root"), Pair::root("Server"), Pair::root("Client"));
    let client = client.certified_by(&root);
    let (running, _tls) = start(&server, ClientCertificates::Required(root.pem()), Limits::default()).await;
    let stream = connect(running.address, Some(&client), b"\x08http/1.1").await.unwrap();
    let answer = ask(stream, GET_PEER).await;
    let der = format!("certificate: Some({:?})", client.certificate.to_der().unwrap());
    assert!(answer.contains(&der));
}

#[tokio::test]
async fn who_has_no_certificate_or_a_strangers_is_not_let_in_where_one_is_required() {
    let (root, server, stranger) = (Pair::root("Root"), Pair::root("Server"), Pair::root("Stranger"));
    let (running, _tls) = start(&server, ClientCertificates::Required(root.pem()), Limits::default()).await;
    assert!(!is_let_in(running.address, None).await);
    assert!(!is_let_in(running.address, Some(&stranger)).await);
    assert!(is_let_in(running.address, Some(&Pair::root("Client").certified_by(&root))).await);
}

#[tokio::test]
async fn where_a_certificate_is_optional_none_will_do_but_not_a_strangers() {
    let (root, server, stranger) = (Pair::root("Root"), Pair::root("Server"), Pair::root("Stranger"));
    let (running, _tls) = start(&server, ClientCertificates::Optional(root.pem()), Limits::default()).await;
    let answer = ask(connect(running.address, None, b"\x08http/1.1").await.unwrap(), GET_PEER).await;
    assert!(answer.contains("certificate: None"), "{answer}");
    assert!(!is_let_in(running.address, Some(&stranger)).await);
}

#[tokio::test]
async fn http2_is_chosen_where_the_client_has_it() {
    let (running, _tls) = start(&Pair::root("Server"), ClientCertificates::Unasked, Limits::default()).await;
    let stream = connect(running.address, None, b"\x02h2\x08http/1.1").await.unwrap();
    assert_eq!(stream.ssl().selected_alpn_protocol(), Some(&b"h2"[..]));
    let io = TokioIo::new(stream);
    let (mut client, connection) = hyper::client::conn::http2::handshake(TokioExecutor::new(), io).await.unwrap();
    tokio::spawn(connection);
    let request = Request::get("https://it/hello").body(Body::empty()).unwrap();
    let answer = client.send_request(request).await.unwrap();
    assert_eq!(answer.into_body().collect().await.unwrap().to_bytes(), "hello");
}

#[tokio::test]
async fn tls_1_1_is_not_spoken() {
    let (running, _tls) = start(&Pair::root("Server"), ClientCertificates::Unasked, Limits::default()).await;
    let mut connector = connector(None);
    connector.set_min_proto_version(Some(SslVersion::TLS1)).unwrap();
    connector.set_max_proto_version(Some(SslVersion::TLS1_1)).unwrap();
    connector.set_cipher_list("ALL:@SECLEVEL=0").unwrap();
    assert!(shake(running.address, connector).await.is_err());
}

#[tokio::test]
async fn a_reload_is_seen_by_new_connections_and_not_by_old_ones() {
    let (old, new) = (Pair::root("Old"), Pair::root("New"));
    let (running, tls) = start(&old, ClientCertificates::Unasked, Limits::default()).await;
    let mut before = connect(running.address, None, b"\x08http/1.1").await.unwrap();
    tls.reload(&settings(&new, ClientCertificates::Unasked)).unwrap();
    let after = connect(running.address, None, b"\x08http/1.1").await.unwrap();
    assert_eq!(after.ssl().peer_certificate().unwrap(), new.certificate);
    assert_eq!(before.ssl().peer_certificate().unwrap(), old.certificate);
    assert_eq!(status(&exchange(&mut before, GET_HELLO).await), 200);
}

#[tokio::test]
async fn a_bad_reload_changes_nothing() {
    let (old, other) = (Pair::root("Old"), Pair::root("Other"));
    let (running, tls) = start(&old, ClientCertificates::Unasked, Limits::default()).await;
    let mismatched = TlsSettings { key: other.key_pem(), ..settings(&old, ClientCertificates::Unasked) };
    assert!(tls.reload(&mismatched).is_err());
    assert!(tls.reload(&settings(&old, ClientCertificates::Required(Vec::new()))).is_err());
    assert!(is_let_in(running.address, None).await);
}

#[tokio::test]
async fn a_handshake_that_does_not_come_ends_the_connection() {
    let limits = Limits { handshake: Duration::from_millis(100), ..Limits::default() };
    let (running, _tls) = start(&Pair::root("Server"), ClientCertificates::Unasked, limits).await;
    assert_eq!(ask(running.connect().await, b"\x16\x03\x01").await, "");
    assert!(running.overdue("handshake"));
}

pub async fn start(server: &Pair, clients: ClientCertificates, limits: Limits) -> (Running, Arc<Tls>) {
    let tls = Arc::new(Tls::new(&settings(server, clients)).unwrap());
    let listener = bind(([127, 0, 0, 1], 0).into()).unwrap();
    let address = listener.local_addr().unwrap();
    (Running::on(Listener::Tls(listener, tls.clone()), address, limits, routes()), tls)
}

pub async fn connect(address: SocketAddr, client: Option<&Pair>, protocols: &[u8]) -> Option<SslStream<TcpStream>> {
    let mut connector = connector(client);
    connector.set_alpn_protos(protocols).unwrap();
    shake(address, connector).await.ok()
}

/// With TLS 1.3, a client hears with the first answer only that its certificate was not taken.
async fn is_let_in(address: SocketAddr, client: Option<&Pair>) -> bool {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let Some(mut stream) = connect(address, client, b"\x08http/1.1").await else { return false };
    stream.write_all(GET_HELLO).await.is_ok() && stream.read_u8().await.is_ok()
}

fn connector(client: Option<&Pair>) -> openssl::ssl::SslConnectorBuilder {
    let mut connector = SslConnector::builder(SslMethod::tls_client()).unwrap();
    connector.set_verify(SslVerifyMode::NONE);
    if let Some(client) = client {
        connector.set_certificate(&client.certificate).unwrap();
        connector.set_private_key(&client.key).unwrap();
    }
    connector
}

async fn shake(
    address: SocketAddr,
    connector: openssl::ssl::SslConnectorBuilder,
) -> Result<SslStream<TcpStream>, openssl::ssl::Error> {
    let ssl = connector.build().configure().unwrap().verify_hostname(false).into_ssl("it").unwrap();
    let stream = TcpStream::connect(address).await.unwrap();
    stream.set_nodelay(true).unwrap();
    let mut stream = SslStream::new(ssl, stream).unwrap();
    Pin::new(&mut stream).connect().await?;
    Ok(stream)
}

fn settings(server: &Pair, clients: ClientCertificates) -> TlsSettings {
    TlsSettings { certificates: server.pem(), key: server.key_pem(), clients }
}

/// A certificate and its key.
pub struct Pair {
    certificate: X509,
    key: PKey<Private>,
}

impl Pair {
    pub fn root(name: &str) -> Self {
        let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).unwrap();
        let key = PKey::from_ec_key(EcKey::generate(&group).unwrap()).unwrap();
        Self::new(name, key, None)
    }

    fn certified_by(self, root: &Pair) -> Self {
        Self::new("Client", self.key, Some(root))
    }

    fn new(name: &str, key: PKey<Private>, issuer: Option<&Pair>) -> Self {
        let mut subject = X509NameBuilder::new().unwrap();
        subject.append_entry_by_nid(Nid::COMMONNAME, name).unwrap();
        let subject = subject.build();
        let mut builder = X509Builder::new().unwrap();
        builder.set_version(2).unwrap();
        builder.set_serial_number(&BigNum::from_u32(2).unwrap().to_asn1_integer().unwrap()).unwrap();
        builder.set_subject_name(&subject).unwrap();
        builder.set_issuer_name(issuer.map_or(&subject, |issuer| issuer.certificate.subject_name())).unwrap();
        builder.set_pubkey(&key).unwrap();
        builder.set_not_before(&Asn1Time::days_from_now(0).unwrap()).unwrap();
        builder.set_not_after(&Asn1Time::days_from_now(2).unwrap()).unwrap();
        if issuer.is_none() {
            builder.append_extension(BasicConstraints::new().critical().ca().build().unwrap()).unwrap();
        }
        builder.sign(issuer.map_or(&key, |issuer| &issuer.key), MessageDigest::sha256()).unwrap();
        Self { certificate: builder.build(), key }
    }

    fn pem(&self) -> Vec<u8> {
        self.certificate.to_pem().unwrap()
    }

    fn key_pem(&self) -> Zeroizing<Vec<u8>> {
        self.key.private_key_to_pem_pkcs8().unwrap().into()
    }
}

const GET_PEER: &[u8] = b"GET /peer HTTP/1.1\r\nhost: it\r\nconnection: close\r\n\r\n";
