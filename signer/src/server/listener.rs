//! Where connections come from.

use std::{io, net::SocketAddr, sync::Arc};

use tokio::net::{TcpListener, TcpSocket, TcpStream, UnixListener, UnixStream};

use super::{Peer, peer::Origin, wire::Duplex};
use crate::tls::{LetIn, Tls};

/// A socket that listens, and how connections on it begin.
#[derive(Debug)]
pub enum Listener {
    /// TCP without TLS; only [`Listener::loopback`] makes one.
    #[non_exhaustive]
    Loopback(TcpListener),
    /// TCP with TLS.
    Tls(TcpListener, Arc<Tls>),
    /// A Unix socket.
    Unix(UnixListener),
}

/// A connection that was accepted, and nothing more.
pub(super) enum Socket {
    Loopback(TcpStream, Origin),
    Tls(TcpStream, Origin, Arc<Tls>),
    Unix(UnixStream, Origin),
}

/// Listens on an address. The kernel keeps little for each connection, so that clients that do not read cost little.
///
/// # Errors
/// Where the address cannot be had. Outside of a Tokio runtime it panics.
pub fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    socket.set_reuseaddr(true)?;
    socket.set_send_buffer_size(SEND_BUFFER)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// A connection that can carry HTTP.
pub(super) struct Connected {
    pub(super) stream: Box<dyn Duplex>,
    pub(super) peer: Peer,
    /// By which root its client was let in, where it has a certificate.
    pub(super) let_in: Option<LetIn>,
}

impl Listener {
    /// TCP without TLS, on this machine only.
    ///
    /// # Errors
    /// [`io::ErrorKind::InvalidInput`] where the socket listens on an address that others reach.
    pub fn loopback(listener: TcpListener) -> io::Result<Self> {
        let address = listener.local_addr()?;
        if address.ip().to_canonical().is_loopback() {
            return Ok(Listener::Loopback(listener));
        }
        let problem = format!("{address} is not a loopback address: without tls nobody else may listen");
        Err(io::Error::new(io::ErrorKind::InvalidInput, problem))
    }

    pub(super) fn name(&self) -> &'static str {
        match self {
            Listener::Loopback(_) => "tcp",
            Listener::Tls(..) => "tls",
            Listener::Unix(_) => "unix",
        }
    }

    pub(super) async fn accept(&self) -> io::Result<Socket> {
        match self {
            Listener::Loopback(listener) => {
                let (stream, address) = listener.accept().await?;
                Ok(Socket::Loopback(stream, address.into()))
            }
            Listener::Tls(listener, tls) => {
                let (stream, address) = listener.accept().await?;
                Ok(Socket::Tls(stream, address.into(), tls.clone()))
            }
            Listener::Unix(listener) => {
                let (stream, _) = listener.accept().await?;
                let origin = Origin::User(stream.peer_cred()?.uid());
                Ok(Socket::Unix(stream, origin))
            }
        }
    }
}

impl Socket {
    pub(super) fn origin(&self) -> Origin {
        match self {
            Socket::Loopback(_, origin) | Socket::Tls(_, origin, _) | Socket::Unix(_, origin) => *origin,
        }
    }

    /// Makes it a stream of HTTP; shakes hands where there is TLS.
    pub(super) async fn open(self) -> Result<Connected, Box<dyn std::error::Error + Send + Sync>> {
        match self {
            Socket::Loopback(stream, _) => {
                let address = stream.peer_addr()?;
                stream.set_nodelay(true)?;
                Ok(Connected { stream: Box::new(stream), peer: Peer::Plain { address }, let_in: None })
            }
            Socket::Tls(stream, _, tls) => {
                let address = stream.peer_addr()?;
                stream.set_nodelay(true)?;
                let (stream, client) = tls.accept(stream).await?;
                let (certificate, let_in) = client.unzip();
                Ok(Connected { stream: Box::new(stream), peer: Peer::Tls { address, certificate }, let_in })
            }
            Socket::Unix(stream, _) => {
                let credentials = stream.peer_cred()?;
                let peer = Peer::Unix { uid: credentials.uid(), gid: credentials.gid() };
                Ok(Connected { stream: Box::new(stream), peer, let_in: None })
            }
        }
    }

    /// Says so, if the socket takes it at once and there is no TLS, and closes.
    pub(super) fn refuse(self, answer: &str) {
        // A request that was not read would make the kernel throw the answer away.
        let mut read = [0; 4096];
        match self {
            Socket::Loopback(stream, _) => {
                let _ = stream.try_read(&mut read);
                let _ = stream.try_write(answer.as_bytes());
            }
            Socket::Unix(stream, _) => {
                let _ = stream.try_read(&mut read);
                let _ = stream.try_write(answer.as_bytes());
            }
            Socket::Tls(..) => {}
        }
    }
}

/// How many connections the kernel keeps until they are accepted.
pub(super) const BACKLOG: u32 = 1024;
/// Some signed profiles; the kernel's own choice grows to megabytes.
const SEND_BUFFER: u32 = 256 * 1024;
