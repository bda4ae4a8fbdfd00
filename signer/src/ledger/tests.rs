//! What the ledger promises as a whole.

mod devices;
mod failure;
mod fleet;
mod issuing;
mod leave;
mod record;

use std::time::Duration;

use super::{stage::*, *};
use crate::{
    audit::{Fault, Tampering},
    installed::{EvidenceKind, Installed, Serving, State},
    issuance::{Acknowledgement, Basis, ErrorLink, IssuanceId, SpecRef, TicketId, Variant},
    pattern::Pattern,
};

const A: u8 = 0xa;
const B: u8 = 0xb;

async fn issue(stage: &Stage, draft: Draft) -> IssuanceId {
    stage.ledger.record(draft).await.unwrap().id()
}

async fn serving(stage: &Stage, name: &str) -> Serving {
    match stage.ledger.installed(&device(name), IDENTIFIER).await.unwrap() {
        Installed::Profile(serving) => serving,
        other => panic!("{other:?}"),
    }
}

async fn state(stage: &Stage, name: &str) -> Option<State> {
    let holdings = stage.ledger.devices(Scope::default(), None, None, 100).await.unwrap();
    holdings.into_iter().find(|holding| holding.device == device(name)).map(|holding| holding.state)
}

async fn acknowledge(stage: &Stage, id: IssuanceId) {
    stage.ledger.acknowledge(&request("mdm"), id, Acknowledgement::Acknowledged, None).await.unwrap();
}

fn code<T: std::fmt::Debug>(refused: Result<T>) -> &'static str {
    refused.unwrap_err().code().unwrap()
}

fn observed(name: &str, uuid: &str, leaf: u8, signed: &str) -> ObservedProfile {
    ObservedProfile { device: device(name), profile: profile(uuid, leaf), locked: true, signed: signed.into() }
}
