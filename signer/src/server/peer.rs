//! Who is at the other end of a connection, as far as the connection itself says.

use std::{
    fmt,
    net::{IpAddr, Ipv6Addr, SocketAddr},
    sync::Arc,
};

/// What a connection says of its other end. Every request carries it as an extension.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Peer {
    /// A process on this machine, as the kernel saw it when it connected.
    Unix {
        /// Its effective user.
        uid: u32,
        /// Its effective group.
        gid: u32,
    },
    /// Over TLS.
    Tls {
        /// Where it connected from.
        address: SocketAddr,
        /// The client certificate in DER, which was verified; `None` where the client showed none.
        certificate: Option<Arc<[u8]>>,
    },
    /// Over TCP without TLS, from this machine.
    Plain {
        /// Where it connected from.
        address: SocketAddr,
    },
}

/// The address or user; never the certificate.
impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Peer::Unix { uid, .. } => write!(f, "uid {uid}"),
            Peer::Tls { address, .. } | Peer::Plain { address } => address.fmt(f),
        }
    }
}

impl Peer {
    /// As if it had shown none.
    pub(super) fn without_certificate(&self) -> Self {
        match self {
            Peer::Tls { address, .. } => Peer::Tls { address: *address, certificate: None },
            other => other.clone(),
        }
    }

    /// Whom it is counted for.
    pub fn origin(&self) -> Origin {
        match self {
            Peer::Unix { uid, .. } => Origin::User(*uid),
            Peer::Tls { address, .. } | Peer::Plain { address } => Origin::from(*address),
        }
    }
}

/// Whom a share is counted for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Origin {
    /// A user of this machine.
    User(u32),
    /// An IPv4 address, or the first of a /64 network of IPv6.
    Address(IpAddr),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::User(uid) => write!(f, "uid {uid}"),
            Origin::Address(IpAddr::V4(ip)) => ip.fmt(f),
            Origin::Address(IpAddr::V6(ip)) => write!(f, "{ip}/64"),
        }
    }
}

impl From<SocketAddr> for Origin {
    /// An IPv6 host has a whole /64 network to come from.
    fn from(address: SocketAddr) -> Self {
        Origin::Address(match address.ip().to_canonical() {
            IpAddr::V6(ip) => IpAddr::V6(Ipv6Addr::from_bits(ip.to_bits() & NETWORK)),
            ip @ IpAddr::V4(_) => ip,
        })
    }
}

const NETWORK: u128 = !(u64::MAX as u128);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_one_network_share() {
        let origin = |text: &str| Origin::from(SocketAddr::new(text.parse().unwrap(), 1));
        assert_eq!(origin("2001:db8::1"), origin("2001:db8::ffff:2"));
        assert_ne!(origin("2001:db8::1"), origin("2001:db8:0:1::1"));
        assert_eq!(origin("::ffff:192.0.2.1"), origin("192.0.2.1"));
        assert_ne!(origin("192.0.2.2"), origin("192.0.2.1"));
        assert_eq!(origin("2001:db8::1").to_string(), "2001:db8::/64");
    }
}
