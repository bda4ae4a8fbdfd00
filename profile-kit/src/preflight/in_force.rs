//! What a profile's payloads set on a device.

use crate::{Payload, Profile, payload, removal::PASSWORD_TYPE};

/// What one payload sets, by the names of its keys.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct InForce {
    /// `PayloadType`; `None` for payloads that are encrypted and unseen.
    pub kind: Option<String>,
    /// The keys beside those that every payload has.
    pub keys: Vec<String>,
}

/// Payload by payload, the removal password aside.
pub(super) fn of(profile: &Profile) -> Vec<InForce> {
    let unseen = profile.is_encrypted().then(|| InForce { kind: None, keys: Vec::new() });
    let seen = profile.payloads().iter().filter(|payload| payload.kind() != Some(PASSWORD_TYPE)).map(InForce::of);
    unseen.into_iter().chain(seen).collect()
}

impl InForce {
    fn of(payload: &Payload) -> Self {
        let own = payload.keys().filter(|key| !payload::is_common(key));
        Self { kind: Some(payload.kind().unwrap_or("no PayloadType").into()), keys: own.map(str::to_owned).collect() }
    }
}
