//! What the record says of a device, put there without asking the API.

use profile_kit::{
    Payload, Profile, Removal, SignOptions, UuidSource, VerifiedProfile, payload::Restrictions, pki::Issued,
};
use serde_json::Value;
use signer::{
    device_id::DeviceId,
    issuance::{Acknowledgement, IssuanceId, ProfileFacts},
    ledger::{Import, ListedProfile, ObservedProfile, ProfileList, Request},
};
use uuid::Uuid;

use crate::{client::Answer, daemon::Daemon, site::now};

fn request() -> Request {
    Request { caller: "report".into(), role: "report".into(), id: None, idempotency: None, at: now(), room: None }
}

/// The issuance that an answer is of.
pub fn id(answer: &Answer) -> IssuanceId {
    answer.header("issuance-id").parse().unwrap()
}

/// The device answers to the command that carried an issuance.
pub async fn acknowledge(daemon: &Daemon, id: IssuanceId) {
    daemon.service.ledger.acknowledge(&request(), id, Acknowledgement::Acknowledged, None).await.unwrap();
}

/// A locked profile that somebody signed without the daemon.
pub fn foreign(by: &Issued) -> VerifiedProfile {
    signed(by, Restrictions::default())
}

/// One that keeps a supervised device from installing profiles by hand, its overwrite among them.
pub fn stubborn(by: &Issued) -> VerifiedProfile {
    signed(by, Restrictions { allow_ui_configuration_profile_installation: Some(false), ..Default::default() })
}

/// One with so many bytes of a payload in it, and more.
pub fn long(by: &Issued, bytes: usize) -> Vec<u8> {
    let mut profile = Profile::new("jp.example.ivi", "IVI MDM");
    let mut payload = Payload::new("com.example.long");
    payload.insert("Long", plist::Value::String("x".repeat(bytes)));
    profile.push(payload);
    let signed = by.identity().unwrap().sign_with(&profile, &SignOptions::new(now()));
    signed.unwrap().into_bytes()
}

fn signed(by: &Issued, restrictions: Restrictions) -> VerifiedProfile {
    let mut profile = Profile::new("jp.example.ivi", "IVI MDM");
    profile.push(restrictions);
    profile.set_removal(Removal::Disallowed);
    profile.fill_uuids(UuidSource::Content);
    by.identity().unwrap().sign_with(&profile, &SignOptions::new(now())).unwrap().verify_integrity().unwrap()
}

/// The device got a locked profile before there was a daemon.
pub async fn import(daemon: &Daemon, device: &str, installed: &VerifiedProfile) {
    let import = Import {
        device: device.parse().unwrap(),
        profile: ProfileFacts::of(installed),
        spec: None,
        signed: installed.signed().as_bytes().to_vec(),
        remarks: Value::Null,
    };
    daemon.service.ledger.import(&request(), vec![import]).await.unwrap();
}

/// The device handed in a profile that it has: the name of what was seen.
pub async fn observe(daemon: &Daemon, device: &str, installed: &VerifiedProfile) -> Uuid {
    let observed = ObservedProfile {
        device: device.parse().unwrap(),
        profile: ProfileFacts::of(installed),
        locked: true,
        signed: installed.signed().as_bytes().to_vec(),
    };
    daemon.service.ledger.observe(&request(), observed).await.unwrap().value.of.uuid()
}

/// The device lists its profiles: one of the identifier with this UUID, or none.
pub async fn list(daemon: &Daemon, device: &str, uuid: Option<&str>) {
    let device: DeviceId = device.parse().unwrap();
    let listed = |uuid: &str| ListedProfile {
        identifier: "jp.example.ivi".into(),
        uuid: uuid.into(),
        removal_disallowed: Some(true),
        has_removal_passcode: None,
        leaf: None,
    };
    let expected = vec!["jp.example.ivi".into()];
    let profiles = uuid.map(listed).into_iter().collect();
    let list = ProfileList { profiles, complete: true, expected, ..ProfileList::default() };
    daemon.service.ledger.reconcile(&request(), device, list).await.unwrap();
}
