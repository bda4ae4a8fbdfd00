//! Who is asking: by the peer of the connection, or by a bearer token.

use std::{collections::HashMap, fmt};

use profile_kit::Certificate;

use crate::{
    Digest, Refusal,
    caller::Caller,
    config::{CallerConfig, Proof},
    token,
};

/// What a request brings to be known by.
#[derive(Clone, Copy)]
pub struct Credentials<'a> {
    /// Who is at the other end of the connection.
    pub peer: &'a Peer,
    /// The token of `Authorization: Bearer …` (RFC 6750 §2.1), without the word `Bearer`.
    pub bearer: Option<&'a str>,
}

/// The token shows as `[redacted]`.
impl fmt::Debug for Credentials<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bearer = self.bearer.map(|_| "[redacted]");
        f.debug_struct("Credentials").field("peer", &self.peer).field("bearer", &bearer).finish()
    }
}

/// Who is at the other end of a connection, as far as the connection itself tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Peer {
    /// Anybody.
    Unknown,
    /// A process of a user of this machine (`SO_PEERCRED`).
    Uid(u32),
    /// The holder of a TLS client certificate that the handshake has verified.
    Certificate {
        /// SHA-256 of its DER.
        sha256: Digest,
        /// Its subject, as `CN=…, O=…`.
        subject: String,
    },
}

impl Peer {
    /// The holder of a certificate, which the TLS handshake has to have verified.
    pub fn from_certificate(certificate: &Certificate) -> Self {
        Self::Certificate { sha256: Digest::of(certificate.der()), subject: certificate.subject() }
    }
}

/// Every caller that there is, by what it is known by.
#[derive(Clone, Debug, Default)]
pub struct Authenticator {
    uids: HashMap<u32, Caller>,
    certificates: HashMap<Digest, Caller>,
    subjects: HashMap<String, Caller>,
    tokens: Vec<(Digest, Caller)>,
}

impl Authenticator {
    /// The callers of a configuration.
    pub fn new(callers: &[CallerConfig]) -> Self {
        let mut authenticator = Self::default();
        for config in callers {
            authenticator.add(&Caller::new(config.clone()));
        }
        authenticator
    }

    /// The caller that the credentials belong to. A token that comes decides alone: a wrong one does not fall back to the
    /// connection's peer. Of a certificate the digest goes before the subject.
    ///
    /// # Errors
    /// [`Refusal::Unauthenticated`], which does not say why.
    pub fn who(&self, credentials: Credentials) -> Result<Caller, Refusal> {
        let caller = match (credentials.bearer, credentials.peer) {
            (Some(token), _) => self.holder(token),
            (None, Peer::Uid(uid)) => self.uids.get(uid),
            (None, Peer::Certificate { sha256, subject }) => {
                self.certificates.get(sha256).or_else(|| self.subjects.get(subject))
            }
            (None, Peer::Unknown) => None,
        };
        caller.cloned().ok_or(Refusal::Unauthenticated)
    }

    /// The caller of a certificate that is known by its digest: found without reading its subject, which takes longer.
    pub fn by_certificate(&self, sha256: &Digest) -> Option<&Caller> {
        self.certificates.get(sha256)
    }

    /// Looks at every digest, whichever matches.
    fn holder(&self, token: &str) -> Option<&Caller> {
        if token.len() < SHORTEST_TOKEN {
            return None;
        }
        let digest = token::digest(token);
        self.tokens
            .iter()
            .fold(None, |found, (known, caller)| if known.matches(&digest) { Some(caller) } else { found })
    }

    fn add(&mut self, caller: &Caller) {
        match &caller.config().proof {
            Proof::Uid(uid) => drop(self.uids.insert(*uid, caller.clone())),
            Proof::Subject(subject) => drop(self.subjects.insert(subject.clone(), caller.clone())),
            Proof::Certificate(digests) => {
                self.certificates.extend(digests.iter().map(|digest| (*digest, caller.clone())));
            }
            Proof::Token(digests) => self.tokens.extend(digests.iter().map(|digest| (*digest, caller.clone()))),
        }
    }
}

/// A token that somebody made up is not taken, even if its digest is configured.
const SHORTEST_TOKEN: usize = 32;

#[cfg(test)]
mod tests;
