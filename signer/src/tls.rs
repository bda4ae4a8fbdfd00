//! TLS for the listeners: 1.2 and later, with client certificates where they are wanted.

use std::{
    fmt,
    pin::Pin,
    sync::{Arc, PoisonError, RwLock},
};

use openssl::{
    pkey::PKey,
    ssl::{
        AlpnError, Ssl, SslAcceptor, SslMethod, SslOptions, SslSessionCacheMode, SslVerifyMode, SslVersion,
        select_next_proto,
    },
    x509::{X509, store::X509StoreBuilder},
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    sync::watch,
};
use tokio_openssl::SslStream;
use zeroize::Zeroizing;

/// What a TLS listener shows, and what it wants to see. Everything is PEM.
#[derive(Clone)]
pub struct TlsSettings {
    /// The server's certificate, and its intermediates.
    pub certificates: Vec<u8>,
    /// The server's private key, not encrypted.
    pub key: Zeroizing<Vec<u8>>,
    /// Whether clients show certificates.
    pub clients: ClientCertificates,
}

/// Whether clients show certificates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClientCertificates {
    /// They are not asked.
    Unasked,
    /// Who shows one must be certified by one of these roots; who shows none is let in.
    Optional(Vec<u8>),
    /// Everyone must be certified by one of these roots.
    Required(Vec<u8>),
}

/// Why TLS cannot be had, or a handshake came to nothing.
#[derive(Debug, thiserror::Error)]
#[error("tls: {doing} failed")]
pub struct TlsError {
    doing: &'static str,
    source: Box<dyn std::error::Error + Send + Sync>,
}

/// Accepts TLS connections. What it shows can be changed while it runs.
pub struct Tls {
    acceptor: RwLock<Arc<SslAcceptor>>,
    /// Those that let clients in.
    roots: watch::Sender<Vec<X509>>,
}

/// The root that let a client in, and whether it counts still.
#[derive(Clone)]
pub(crate) struct LetIn {
    root: X509,
    roots: watch::Receiver<Vec<X509>>,
}

impl Tls {
    /// Reads the settings.
    ///
    /// # Errors
    /// [`TlsError`] where a certificate or key cannot be read, or they do not belong together.
    pub fn new(settings: &TlsSettings) -> Result<Self, TlsError> {
        let acceptor = RwLock::new(Arc::new(acceptor(settings)?));
        Ok(Self { acceptor, roots: watch::Sender::new(settings.clients.roots()?) })
    }

    /// Takes new settings for the connections to come. Those of clients whose root is not among them any more end.
    ///
    /// # Errors
    /// As [`new`](Tls::new); then the old settings stay.
    pub fn reload(&self, settings: &TlsSettings) -> Result<(), TlsError> {
        let (new, roots) = (Arc::new(acceptor(settings)?), settings.clients.roots()?);
        let mut acceptor = self.acceptor.write().unwrap_or_else(PoisonError::into_inner);
        *acceptor = new;
        // Before anybody is let in by the new ones.
        self.roots.send_replace(roots);
        Ok(())
    }

    /// Shakes hands; answers the stream and the client's verified certificate in DER. Has no deadline of its own.
    pub(crate) async fn accept<S>(&self, stream: S) -> Result<(SslStream<S>, Option<(Arc<[u8]>, LetIn)>), TlsError>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let acceptor = self.acceptor.read().unwrap_or_else(PoisonError::into_inner).clone();
        let ssl = Ssl::new(acceptor.context()).map_err(failed("preparing a handshake"))?;
        let mut stream = SslStream::new(ssl, stream).map_err(failed("preparing a handshake"))?;
        Pin::new(&mut stream).accept().await.map_err(failed("the handshake"))?;
        let doing = "reading the client's certificate";
        let Some(certificate) = stream.ssl().peer_certificate() else { return Ok((stream, None)) };
        let certificate = certificate.to_der().map_err(failed(doing))?;
        let root = stream.ssl().verified_chain().and_then(|chain| chain.iter().last()).ok_or_else(|| nothing(doing))?;
        let let_in = LetIn { root: root.to_owned(), roots: self.roots.subscribe() };
        Ok((stream, Some((certificate.into(), let_in))))
    }
}

impl LetIn {
    /// Whether it does not.
    pub(crate) fn is_over(&self) -> bool {
        !self.roots.borrow().contains(&self.root)
    }

    /// Waits until it does not.
    pub(crate) async fn over(&mut self) {
        let Self { root, roots } = self;
        if roots.wait_for(|roots| !roots.contains(root)).await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls").finish_non_exhaustive()
    }
}

/// The key does not show.
impl fmt::Debug for TlsSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { certificates, key: _, clients } = self;
        f.debug_struct("TlsSettings")
            .field("certificates", &certificates.len())
            .field("key", &"[redacted]")
            .field("clients", clients)
            .finish()
    }
}

fn acceptor(settings: &TlsSettings) -> Result<SslAcceptor, TlsError> {
    let method = SslMethod::tls_server();
    let mut builder = SslAcceptor::mozilla_intermediate_v5(method).map_err(failed("setting up"))?;
    builder.set_min_proto_version(Some(SslVersion::TLS1_2)).map_err(failed("setting up"))?;
    builder.set_options(SslOptions::NO_RENEGOTIATION | SslOptions::NO_TICKET);
    // Nobody resumes what he was let in with before a reload.
    builder.set_session_cache_mode(SslSessionCacheMode::OFF);
    builder.set_num_tickets(0).map_err(failed("setting up"))?;
    builder.set_alpn_select_callback(|_, offered| select_next_proto(PROTOCOLS, offered).ok_or(AlpnError::NOACK));
    let mut certificates = certificates(&settings.certificates, "reading the server's certificate")?.into_iter();
    let leaf = certificates.next().ok_or_else(|| nothing("reading the server's certificate"))?;
    let key = PKey::private_key_from_pem_callback(&settings.key, |_| Ok(0)).map_err(failed("reading the key"))?;
    builder.set_certificate(&leaf).map_err(failed("taking the server's certificate"))?;
    builder.set_private_key(&key).map_err(failed("taking the key"))?;
    builder.check_private_key().map_err(failed("matching key and certificate"))?;
    for certificate in certificates {
        builder.add_extra_chain_cert(certificate).map_err(failed("taking an intermediate"))?;
    }
    let mode = match &settings.clients {
        ClientCertificates::Unasked => return Ok(builder.build()),
        ClientCertificates::Optional(_) => SslVerifyMode::PEER,
        ClientCertificates::Required(_) => SslVerifyMode::PEER | SslVerifyMode::FAIL_IF_NO_PEER_CERT,
    };
    let mut store = X509StoreBuilder::new().map_err(failed("setting up"))?;
    for root in settings.clients.roots()? {
        builder.add_client_ca(&root).map_err(failed("taking a client root"))?;
        store.add_cert(root).map_err(failed("taking a client root"))?;
    }
    builder.set_verify_cert_store(store.build()).map_err(failed("taking the client roots"))?;
    builder.set_verify(mode);
    Ok(builder.build())
}

impl ClientCertificates {
    fn roots(&self) -> Result<Vec<X509>, TlsError> {
        let (Self::Optional(pem) | Self::Required(pem)) = self else { return Ok(vec![]) };
        let doing = "reading the client roots";
        let roots = certificates(pem, doing)?;
        if roots.is_empty() { Err(nothing(doing)) } else { Ok(roots) }
    }
}

fn certificates(pem: &[u8], doing: &'static str) -> Result<Vec<X509>, TlsError> {
    X509::stack_from_pem(pem).map_err(failed(doing))
}

fn failed<E: Into<Box<dyn std::error::Error + Send + Sync>>>(doing: &'static str) -> impl FnOnce(E) -> TlsError {
    move |cause| TlsError { doing, source: cause.into() }
}

fn nothing(doing: &'static str) -> TlsError {
    TlsError { doing, source: "there is no certificate".into() }
}

/// In the form of RFC 7301 §3.1, the preferred one first.
const PROTOCOLS: &[u8] = b"\x02h2\x08http/1.1";
