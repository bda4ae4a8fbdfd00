//! How much one may ask for, and how long one may take.

use std::time::Duration;

/// Every bound of the server. The defaults suit a machine of a few cores and callers in the same network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Connections at once. Beyond it: a bare 503 where the caller can read one, and the connection is closed.
    pub connections: usize,
    /// Connections at once of one peer: a user of the Unix socket, or an address (IPv6: a /64 network).
    pub connections_per_peer: usize,
    /// Requests in work at once. Beyond it: 503 at once.
    pub requests: usize,
    /// Requests in work at once of one peer. Beyond it: 503 at once.
    pub requests_per_peer: usize,
    /// Requests at once on one HTTP/2 connection.
    pub streams: u32,
    /// Bytes of a request's head. Beyond it: 431.
    pub header_bytes: usize,
    /// Bytes of a request's path and query. Beyond it: 414.
    pub uri_bytes: usize,
    /// Bytes of a request's body. Beyond it: 413, at once where the length is announced.
    pub body_bytes: usize,
    /// Bytes of the bodies of all requests in work at once. Beyond it: 503 for the one whose body grows past it.
    pub bodies_bytes: usize,
    /// Bytes of the bodies of all requests in work at once of one peer. Beyond it: 503 likewise.
    pub bodies_bytes_per_peer: usize,
    /// For the TLS handshake. Beyond it the connection is closed.
    pub handshake: Duration,
    /// For a request's head, from its first byte; also for the first byte of a new connection. Beyond it: 408 where
    /// there was a byte, and the connection is closed.
    pub header: Duration,
    /// For a request's body, from its head. Beyond it: 408.
    pub body: Duration,
    /// For a request as a whole, from its head to its answer's head. Beyond it: 503.
    pub request: Duration,
    /// For a request and the reading of its answer, from its head to the answer's end. Beyond it the connection is
    /// closed.
    pub answer: Duration,
    /// For the client to take what is ready to be sent, or 64 KiB of it. Beyond it the connection is closed.
    pub stall: Duration,
    /// For the next request's first byte. Beyond it the connection is closed.
    pub keep_alive: Duration,
    /// How long connections without a request stay open when the server drains, for what is on its way.
    pub grace: Duration,
    /// How long draining may take. Beyond it what runs is cut off.
    pub drain: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 2048,
            connections_per_peer: 1024,
            requests: 512,
            requests_per_peer: 256,
            streams: 64,
            header_bytes: 32 * 1024,
            uri_bytes: 4 * 1024,
            body_bytes: 2 * 1024 * 1024,
            bodies_bytes: 64 * 1024 * 1024,
            bodies_bytes_per_peer: 32 * 1024 * 1024,
            handshake: Duration::from_secs(5),
            header: Duration::from_secs(10),
            body: Duration::from_secs(15),
            request: Duration::from_secs(30),
            answer: Duration::from_secs(60),
            stall: Duration::from_secs(15),
            keep_alive: Duration::from_secs(75),
            grace: Duration::from_millis(500),
            drain: Duration::from_secs(25),
        }
    }
}
