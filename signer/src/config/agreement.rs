//! Whether the parts of a configuration agree with each other.

use std::{
    collections::{BTreeSet, HashMap},
    hash::Hash,
};

use super::{CallerConfig, ConfigError, Draft, Duty, Place, Proof, SpecConfig};
use crate::{ledger::sqlite, role::Role};

/// What the file names, also where it could not be read.
pub(super) struct Names {
    pub(super) identities: Vec<String>,
    /// Identities that do not say what they are for.
    pub(super) stateless: Vec<String>,
    pub(super) specs: Vec<String>,
    /// Whether there is a `listen.unix`.
    pub(super) unix: bool,
    /// Whether there is a `listen.tls.client_ca`.
    pub(super) client_ca: bool,
}

/// Everything that does not agree.
pub(super) fn errors(draft: &Draft, names: &Names) -> Vec<ConfigError> {
    let mut errors = Vec::new();
    unique(draft.identities.iter().map(|it| (&it.name, &it.place)), &mut errors);
    unique(draft.specs.iter().map(|it| (&it.name, &it.place)), &mut errors);
    unique(draft.callers.iter().map(|it| (&it.name, &it.place)), &mut errors);
    sockets(draft, &mut errors);
    files(draft, &mut errors);
    for spec in &draft.specs {
        signer(spec, draft, names, &mut errors);
    }
    idle(draft, &mut errors);
    for caller in &draft.callers {
        reachable(caller, draft, names, &mut errors);
        scope(caller, names, &mut errors);
    }
    told_apart(&draft.callers, &mut errors);
    two_persons(draft, &mut errors);
    errors
}

fn unique<'a>(named: impl Iterator<Item = (&'a String, &'a Place)>, errors: &mut Vec<ConfigError>) {
    let mut seen = BTreeSet::new();
    for (name, place) in named {
        if !seen.insert(name) {
            errors.push(ConfigError::new(place.key("name"), format!("{name:?} is there twice")));
        }
    }
}

fn sockets(draft: &Draft, errors: &mut Vec<ConfigError>) {
    let unix = draft.listen.as_ref().and_then(|listen| listen.unix.as_ref());
    if let (Some(unix), Some(admin)) = (unix, &draft.admin)
        && unix.path == admin.socket
    {
        errors.push(ConfigError::new(admin.place.key("socket"), "is the socket of listen.unix too"));
    }
}

/// The ledger's own files are written by nothing else.
fn files(draft: &Draft, errors: &mut Vec<ConfigError>) {
    let (Some(ledger), Some(audit)) = (&draft.ledger, &draft.audit) else { return };
    if sqlite::files(&ledger.path).contains(&audit.checkpoints) {
        errors.push(ConfigError::new(audit.place.key("checkpoints"), "is a file of the ledger itself"));
    }
}

fn signer(spec: &SpecConfig, draft: &Draft, names: &Names, errors: &mut Vec<ConfigError>) {
    let problem = match draft.identities.iter().find(|identity| identity.name == spec.identity) {
        Some(identity) if matches!(identity.duty, Duty::Active(_)) => return,
        Some(_) if names.stateless.contains(&spec.identity) => return,
        Some(_) => format!("identity {:?} is not active: it issues nothing", spec.identity),
        None if names.identities.contains(&spec.identity) => return,
        None => format!("there is no identity {:?}", spec.identity),
    };
    errors.push(ConfigError::new(spec.place.key("identity"), problem));
}

/// An identity that says that it is active, and is not.
fn idle(draft: &Draft, errors: &mut Vec<ConfigError>) {
    let named = |name: &String| draft.specs.iter().any(|spec| spec.identity == *name);
    for identity in draft.identities.iter().filter(|it| matches!(it.duty, Duty::Active(_)) && !named(&it.name)) {
        let problem = "is active, and no spec names it: make it overwrite-only";
        errors.push(ConfigError::new(identity.place.key("state"), problem));
    }
}

/// Whether the caller can be known by any of the ways to reach the daemon.
fn reachable(caller: &CallerConfig, draft: &Draft, names: &Names, errors: &mut Vec<ConfigError>) {
    if draft.listen.is_none() {
        return;
    }
    let (key, problem) = match caller.proof {
        Proof::Uid(_) if !names.unix => ("uid", "is never seen: there is no listen.unix"),
        Proof::Certificate(_) if !names.client_ca => {
            ("certificate_sha256", "is never asked for: there is no listen.tls.client_ca")
        }
        Proof::Subject(_) if !names.client_ca => {
            ("certificate_subject", "is never asked for: there is no listen.tls.client_ca")
        }
        _ => return,
    };
    errors.push(ConfigError::new(caller.place.key(key), problem));
}

fn scope(caller: &CallerConfig, names: &Names, errors: &mut Vec<ConfigError>) {
    for spec in caller.specs.iter().flatten().filter(|spec| !names.specs.contains(spec)) {
        errors.push(ConfigError::new(caller.place.key("specs"), format!("there is no spec {spec:?}")));
    }
    let idle = caller.overwrites_per_hour.is_some() && !caller.roles.contains(&Role::Overwrite);
    if idle {
        let problem = "has no meaning without the role overwrite";
        errors.push(ConfigError::new(caller.place.key("overwrites_per_hour"), problem));
    }
}

/// Two callers that are known by the same thing are one, who could approve its own tickets.
fn told_apart(callers: &[CallerConfig], errors: &mut Vec<ConfigError>) {
    let mut uids = Seen::default();
    let mut subjects = Seen::default();
    let mut certificates = Seen::default();
    let mut tokens = Seen::default();
    for caller in callers {
        match &caller.proof {
            Proof::Uid(uid) => uids.see(caller, "uid", uid, errors),
            Proof::Subject(subject) => subjects.see(caller, "certificate_subject", subject, errors),
            Proof::Certificate(digests) => {
                digests.iter().for_each(|digest| certificates.see(caller, "certificate_sha256", digest, errors));
            }
            Proof::Token(digests) => {
                digests.iter().for_each(|digest| tokens.see(caller, "token_sha256", digest, errors));
            }
        }
    }
}

/// Who was known by what first.
struct Seen<'a, T>(HashMap<T, &'a str>);

impl<T> Default for Seen<'_, T> {
    fn default() -> Self {
        Self(HashMap::new())
    }
}

impl<'a, T: Eq + Hash> Seen<'a, T> {
    fn see(&mut self, caller: &'a CallerConfig, key: &str, what: T, errors: &mut Vec<ConfigError>) {
        if let Some(first) = self.0.insert(what, &caller.name) {
            errors.push(ConfigError::new(caller.place.key(key), format!("caller {first:?} is known by the same")));
        }
    }
}

fn two_persons(draft: &Draft, errors: &mut Vec<ConfigError>) {
    let freeing: Vec<_> = draft.callers.iter().filter(|it| it.roles.contains(&Role::Overwrite)).collect();
    if let (true, [only]) = (draft.overwrites.two_person, freeing.as_slice()) {
        let problem = "is the only caller with the role overwrite, and overwrites.two_person asks for two";
        errors.push(ConfigError::new(only.place.key("roles"), problem));
    }
}
