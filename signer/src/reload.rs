//! Whether a new set of keys may take the place of the one at work.

use std::{collections::BTreeMap, fmt, time::Duration};

use crate::{
    Config, Digest,
    audit::CheckpointVerifier,
    backup::Record,
    config,
    keyring::{Holding, Keyring},
    state::{Secrets, State},
};

/// Devices that could be freed before a reload, and not after it; none where others were accepted than there are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stranded {
    /// How many devices.
    pub devices: u64,
    /// How many by leaf certificate, the most first.
    pub leaves: Vec<(Digest, u64)>,
}

/// A sentence for the operator.
impl fmt::Display for Stranded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let devices = self.devices;
        if devices == 0 {
            return f.write_str(
                "no device would be left without its key: nothing is to be accepted, leave --accept-stranded out",
            );
        }
        write!(f, "{devices} devices have profiles whose signing key would be gone, signed by ")?;
        for (position, (leaf, count)) in self.leaves.iter().enumerate() {
            let comma = if position > 0 { ", " } else { "" };
            write!(f, "{comma}{leaf} ({count})")?;
        }
        write!(f, "; keep the key as overwrite-only, or accept it with --accept-stranded {devices}")
    }
}

impl std::error::Error for Stranded {}

/// What a daemon was started with, as far as nothing but a start takes it up.
#[derive(Clone, Debug)]
pub struct Started {
    config: Config,
    secrets: Secrets,
}

impl Started {
    /// With this state.
    pub fn with(state: &State) -> Self {
        Self { config: state.config.clone(), secrets: state.secrets.clone() }
    }

    /// How long a request may take.
    pub fn longest_request(&self) -> Duration {
        self.config.limits.total
    }

    /// The record that it works with.
    pub fn record(&self) -> Record {
        self.secrets.record(&self.config.ledger, &self.config.audit)
    }
}

/// The state that takes the place of the one at work, and what of it waits for a restart.
#[derive(Debug)]
pub struct Reloaded {
    /// What to work with from now on.
    pub state: State,
    /// The parts of the configuration that are others than at the start, and are taken up at the next one only.
    pub restart: Vec<&'static str>,
}

/// Decides about a reload, and about the devices that [`stranded_by`] says it would strand.
///
/// # Errors
/// [`Stranded`] where devices would be left without the key of their leaf, unless exactly that number is accepted; also
/// where there are none and a number is: whoever gives devices up has another reload in mind.
pub fn reload(
    started: &Started,
    new: State,
    stranded: Option<Stranded>,
    accepted: Option<u64>,
) -> Result<Reloaded, Stranded> {
    let stranded = stranded.unwrap_or(Stranded { devices: 0, leaves: Vec::new() });
    if accepted.unwrap_or(0) != stranded.devices {
        return Err(stranded);
    }
    let restart = waits_for_restart(started, &new);
    Ok(Reloaded { state: new, restart })
}

/// The devices that a change of keyrings strands; `None` where there are none. `recorded` says how many devices have a
/// profile that a leaf signed; a device that has profiles of several leaves counts for each.
///
/// Devices that cannot be freed before the change do not count: what was accepted once is not asked for again.
pub fn stranded_by(old: &Keyring, new: &Keyring, recorded: &BTreeMap<Digest, u64>) -> Option<Stranded> {
    let lost = |leaf: &Digest| old.holding(leaf) == Holding::Held && new.holding(leaf) != Holding::Held;
    let lost = recorded.iter().filter(|(leaf, count)| **count > 0 && lost(leaf));
    let mut leaves: Vec<(Digest, u64)> = lost.map(|(leaf, count)| (*leaf, *count)).collect();
    leaves.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    let devices = leaves.iter().map(|(_, count)| count).sum();
    (devices > 0).then_some(Stranded { devices, leaves })
}

/// Sockets, files and threads are made at the start.
fn waits_for_restart(old: &Started, new: &State) -> Vec<&'static str> {
    let (was, is) = (&old.config, &new.config);
    // Routes ask the state of the moment how deep a body may be; the other limits are the server's own.
    let config::Limits { json_depth, plist_depth, .. } = is.limits;
    let limits = config::Limits { json_depth, plist_depth, ..was.limits.clone() };
    let parts = [
        ("listen.tcp", was.listen.tcp == is.listen.tcp),
        ("listen.unix", was.listen.unix == is.listen.unix),
        (
            "listen.tls.address",
            was.listen.tls.as_ref().map(|it| it.address) == is.listen.tls.as_ref().map(|it| it.address),
        ),
        ("admin.socket", was.admin.socket == is.admin.socket),
        ("ledger.path", was.ledger.path == is.ledger.path),
        ("ledger.seal_key", old.secrets.seal_key == new.secrets.seal_key),
        ("ledger.former_seal_keys", old.secrets.former_seal_keys == new.secrets.former_seal_keys),
        ("ledger.parameter_key", old.secrets.parameter_key == new.secrets.parameter_key),
        ("audit.checkpoint_key", old.secrets.checkpoint_key.id() == new.secrets.checkpoint_key.id()),
        ("audit.former_keys", ids(&old.secrets.former_keys) == ids(&new.secrets.former_keys)),
        ("audit.checkpoints", was.audit.checkpoints == is.audit.checkpoints),
        ("limits (but json_depth and plist_depth)", limits == is.limits),
        ("log", was.log == is.log),
    ];
    parts.into_iter().filter(|(_, same)| !same).map(|(part, _)| part).collect()
}

fn ids(keys: &[CheckpointVerifier]) -> Vec<Digest> {
    keys.iter().map(CheckpointVerifier::id).collect()
}

#[cfg(test)]
mod tests;
