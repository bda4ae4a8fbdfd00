//! What the ledger keeps of a signed profile that was handed out, or that a device was seen to have.

use std::{fmt, str::FromStr, sync::Mutex, time::SystemTime};

use profile_kit::{Certificate, Profile, VerifiedProfile};
use serde::{Deserialize, Serialize};
use uuid::{ContextV7, Timestamp, Uuid};

use crate::{device_id::DeviceId, digest::Digest, moment};

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $what:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(pub Uuid);

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.to_string()
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidId;

            fn try_from(text: String) -> Result<Self, InvalidId> {
                text.parse()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;

            fn from_str(text: &str) -> Result<Self, InvalidId> {
                Uuid::try_parse(text).map(Self).map_err(|_| InvalidId($what))
            }
        }
    };
}

id! {
    /// The name of an issuance: a UUIDv7 (RFC 9562 §5.7), so that names sort by time.
    IssuanceId, "an issuance"
}
id! {
    /// The name of a signed profile that a device was seen to have and that was not issued from this ledger: a UUIDv7.
    ObservationId, "an observation"
}
id! {
    /// The name of a two-person ticket: a UUIDv7.
    TicketId, "a ticket"
}

/// A text that is no name in the ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not the name of {0}: it has to be a UUID")]
pub struct InvalidId(&'static str);

/// Makes the UUIDs of one ledger: each is greater than the one before, also when the clock stands still or goes back.
#[derive(Debug)]
pub struct IdSource(Mutex<ContextV7>);

impl IdSource {
    /// A source that has made none yet.
    pub fn new() -> Self {
        Self(Mutex::new(ContextV7::new()))
    }

    /// The next UUIDv7, with the moment in it.
    pub fn next(&self, at: SystemTime) -> Uuid {
        let millis = u64::try_from(moment::millis(at)).unwrap_or(0);
        let nanos = u32::try_from(millis % 1000 * 1_000_000).expect("less than a second");
        Uuid::new_v7(Timestamp::from_unix(&self.0, millis / 1000, nanos))
    }
}

impl Default for IdSource {
    fn default() -> Self {
        Self::new()
    }
}

/// One signed profile that was handed out to a device, or imported as such.
#[derive(Clone, Debug, PartialEq)]
pub struct Issuance {
    /// The number of its audit record: what is recorded later has a greater one.
    pub seq: u64,
    /// Its name.
    pub id: IssuanceId,
    /// The device that it was made for.
    pub device: DeviceId,
    /// What stands in it.
    pub profile: ProfileFacts,
    /// Whether it locks or frees.
    pub variant: Variant,
    /// The spec that it was made from; an overwrite has the one of the profile that it was made of.
    pub spec: Option<SpecRef>,
    /// HMAC-SHA-256 of the parameters, under a key that is not in the ledger.
    pub parameters: Option<Digest>,
    /// SHA-256 of the signed bytes.
    pub signed: Digest,
    /// Who asked for it.
    pub request: RequestFacts,
    /// Whether it came by an import instead of a request.
    pub imported: bool,
    /// What its answer said besides the profile, such as the evidence.
    pub remarks: serde_json::Value,
    /// What the device last answered; `None` while it has not.
    pub acknowledgement: Option<Acknowledgement>,
    /// When that answer came.
    pub acknowledged_at: Option<SystemTime>,
}

/// A signed profile that a device was seen to have, and that this ledger had not issued (role `report`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Observation {
    /// The number of its audit record.
    pub seq: u64,
    /// Its name.
    pub id: ObservationId,
    /// The device that has it.
    pub device: DeviceId,
    /// What stands in it.
    pub profile: ProfileFacts,
    /// Whether the owner cannot delete it.
    pub locked: bool,
    /// SHA-256 of the signed bytes.
    pub signed: Digest,
    /// Who reported it.
    pub request: RequestFacts,
}

/// What the ledger keeps of a profile's content and signer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProfileFacts {
    /// Top-level `PayloadIdentifier`.
    pub identifier: String,
    /// Top-level `PayloadUUID`.
    pub uuid: String,
    /// `PayloadUUID` of each payload, in their order.
    pub payload_uuids: Vec<String>,
    /// SHA-256 of the property list inside the signature.
    pub plist: Digest,
    /// SHA-256 of the leaf certificate's DER.
    pub leaf: Digest,
    /// SHA-256 of the leaf's SubjectPublicKeyInfo, in DER.
    pub leaf_key: Digest,
}

impl ProfileFacts {
    /// What is kept of a signed profile that was read and verified.
    pub fn of(verified: &VerifiedProfile) -> Self {
        let (plist, leaf) = (Digest::of(verified.content()), verified.leaf());
        Self::by_parts(verified.profile(), plist, Digest::of(leaf.der()), key_digest(leaf))
    }

    /// Of a profile, the digest of its property list, and those of the leaf that signs it and of that leaf's key.
    pub fn by_parts(profile: &Profile, plist: Digest, leaf: Digest, leaf_key: Digest) -> Self {
        let uuid = |uuid: Option<&str>| uuid.unwrap_or_default().to_owned();
        Self {
            identifier: profile.identifier().to_owned(),
            uuid: uuid(profile.uuid()),
            payload_uuids: profile.payloads().iter().map(|payload| uuid(payload.uuid())).collect(),
            plist,
            leaf,
            leaf_key,
        }
    }
}

/// SHA-256 of the SubjectPublicKeyInfo; of nothing where the certificate's key is of a kind that cannot be read, which
/// verifies no signature either.
pub(crate) fn key_digest(certificate: &Certificate) -> Digest {
    Digest::of(&certificate.public_key_der().unwrap_or_default())
}

/// Which of the two profiles of a device it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Variant {
    /// The profile that its owner cannot delete.
    Locked,
    /// The one that takes the lock away.
    Overwrite {
        /// How it says that there is no removal password.
        form: OverwriteForm,
        /// The profile that it was made of.
        of: Basis,
    },
}

impl Variant {
    /// `locked` or `overwrite`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Locked => "locked",
            Self::Overwrite { .. } => "overwrite",
        }
    }
}

/// How an overwrite says that there is no removal password (facts L4, L5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OverwriteForm {
    /// A removal-password payload with an empty string.
    Empty,
    /// No removal-password payload.
    Omitted,
}

impl OverwriteForm {
    /// `empty` or `omitted`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::Omitted => "omitted",
        }
    }
}

/// A signed profile in the ledger, of which an overwrite can be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Basis {
    /// One that was issued or imported.
    Issuance(IssuanceId),
    /// One that the device was seen to have.
    Observed(ObservationId),
}

impl Basis {
    /// The UUID in the name.
    pub fn uuid(self) -> Uuid {
        match self {
            Self::Issuance(id) => id.0,
            Self::Observed(id) => id.0,
        }
    }
}

/// A spec of the catalogue, as it was when it was used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpecRef {
    /// Its name in the catalogue.
    pub name: String,
    /// SHA-256 of its file.
    pub digest: Digest,
}

/// Who asked, as what, in which request and when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestFacts {
    /// The caller's name.
    pub caller: String,
    /// The role that allowed it.
    pub role: String,
    /// The request's own name, as the log has it.
    pub id: Option<String>,
    /// The key by which a repeated request is known (`Idempotency-Key`).
    pub idempotency_key: Option<String>,
    /// When.
    pub at: SystemTime,
}

/// What a device answered to an `InstallProfile` command.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "status")]
pub enum Acknowledgement {
    /// It installed the profile.
    Acknowledged,
    /// It refused; what was installed before is still there (fact R8).
    Error {
        /// The device's `ErrorChain`, outermost first.
        #[serde(default)]
        chain: Vec<ErrorLink>,
    },
    /// It will ask again.
    NotNow,
}

impl Acknowledgement {
    /// MDM's own word for it.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Acknowledged => "Acknowledged",
            Self::Error { .. } => "Error",
            Self::NotNow => "NotNow",
        }
    }
}

/// One item of a device's `ErrorChain`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorLink {
    /// `ErrorDomain`.
    pub domain: String,
    /// `ErrorCode`.
    pub code: i64,
    /// The description, where it gave one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn ids_are_uuids_of_version_7_with_the_moment_in_them() {
        let at = moment::from_millis(1_790_000_000_123);
        let id = IdSource::new().next(at);
        assert_eq!(id.get_version_num(), 7);
        assert_eq!(id.as_u128() >> 80, 1_790_000_000_123);
    }

    #[test]
    fn ids_rise_also_when_the_clock_stands_still_or_goes_back() {
        let (ids, at) = (IdSource::new(), moment::from_millis(1_790_000_000_000));
        let clock = |n: u64| if n.is_multiple_of(3) { at } else { at - Duration::from_secs(n) };
        let made: Vec<_> = (0..10_000).map(|n| ids.next(clock(n))).collect();
        assert!(made.is_sorted_by(|a, b| a < b));
    }

    #[test]
    fn an_id_is_a_uuid_and_nothing_else() {
        assert!("0190a5b4-7c00-7000-8000-000000000001".parse::<IssuanceId>().is_ok());
        assert_eq!(
            "x".parse::<IssuanceId>().unwrap_err().to_string(),
            "not the name of an issuance: it has to be a UUID"
        );
    }
}
