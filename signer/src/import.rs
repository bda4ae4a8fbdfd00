//! A fleet that was enrolled elsewhere comes into the record: signed profiles, and the device that each was made for.
//!
//! Each is verified as one that a device hands in. It has to be locked, and its leaf one that the keyring knows: of a
//! leaf whose key is gone it is taken in and counts as stranded, of an unknown one it is refused and told.

mod list;
mod manifest;

use std::{collections::BTreeMap, path::PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::json;

pub use self::{list::list, manifest::manifest};
use crate::{
    Refusal,
    audit::Event,
    device_id::DeviceId,
    issuance::IssuanceId,
    keyring::{Holding, Keyring},
    ledger::{self, Import, Imported, Ledger, Request},
    report,
};

/// A signed profile that is to be taken in.
#[derive(Clone, PartialEq, Eq)]
pub struct Offered {
    /// The device that has it.
    pub device: DeviceId,
    /// The signed file.
    pub signed: Vec<u8>,
    /// Where it comes from, such as `manifest.jsonl, line 3`.
    pub from: String,
}

/// What became of one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Became {
    /// It is in the record now.
    New {
        /// Its name.
        issuance: IssuanceId,
        /// Whether its overwrites can be signed.
        held: bool,
    },
    /// It was there.
    Known {
        /// Its name.
        issuance: IssuanceId,
    },
    /// It was not taken in.
    Refused {
        /// The refusal's stable code.
        code: String,
        /// Why, in a sentence.
        problem: String,
    },
}

/// A source that cannot be read, or an entry of one.
#[derive(Debug, thiserror::Error)]
#[error("{from}: {problem}")]
pub struct Unread {
    /// The source, and where in it.
    pub from: String,
    /// What is wrong.
    pub problem: String,
}

/// What a source gives, one after the other.
pub type Entries = Box<dyn Iterator<Item = Result<Offered, Unread>>>;

/// Verifies profiles and records those that are good, durably and all at once. What became of each, in their order.
/// Verifying is work: not for a thread that serves.
///
/// # Errors
/// When the ledger does not take them; then none is taken in.
pub async fn take(
    ledger: &Ledger,
    keyring: &Keyring,
    levels: u64,
    request: &Request,
    offered: Vec<Offered>,
) -> Result<Vec<Became>, ledger::Error> {
    let mut looked_at = Vec::with_capacity(offered.len());
    for Offered { device, signed, from } in offered {
        let looked = look_at(Offered { device: device.clone(), signed, from: from.clone() }, levels, keyring);
        if let Err(refusal) = &looked {
            ledger.audit(refused(request, device, from, refusal), request.at).await?;
        }
        looked_at.push(looked);
    }
    let good = looked_at.iter().filter_map(|it| it.as_ref().ok()).map(|(import, _)| import.clone()).collect();
    let mut imported = ledger.import(request, good).await?.into_iter();
    let became = |it: Result<(Import, bool), Refusal>| match it {
        Err(refusal) => Became::Refused { code: refusal.code().into(), problem: refusal.to_string() },
        Ok((_, held)) => match imported.next() {
            Some(Imported::New(issuance)) => Became::New { issuance, held },
            Some(Imported::Known(issuance)) => Became::Known { issuance },
            None => {
                Became::Refused { code: "lost".into(), problem: "the ledger does not say what became of it".into() }
            }
        },
    };
    Ok(looked_at.into_iter().map(became).collect())
}

fn refused(request: &Request, device: DeviceId, from: String, refusal: &Refusal) -> Event {
    let event = Event {
        caller: Some(request.caller.clone()),
        role: Some(request.role.clone()),
        device: Some(device),
        ..Event::refused("import", refusal.code())
    };
    event.with("from", from)
}

/// What is to be recorded, and whether its overwrites can be signed.
fn look_at(offered: Offered, levels: u64, keyring: &Keyring) -> Result<(Import, bool), Refusal> {
    let Offered { device, signed, from } = offered;
    let observed = report::observed(device, signed, levels, keyring)?;
    if !observed.locked {
        let problem = "it is not locked: its owner can delete it, and nothing has to free him".into();
        return Err(Refusal::InvalidRequest { problem });
    }
    let held = keyring.holding(&observed.profile.leaf) == Holding::Held;
    let remarks = json!({ "from": from });
    let (device, profile, signed) = (observed.device, observed.profile, observed.signed);
    Ok((Import { device, profile, spec: None, signed, remarks }, held))
}

/// How many became what.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Taken in.
    pub new: u64,
    /// There before.
    pub known: u64,
    /// Taken in, without a key that frees them.
    pub stranded: u64,
    /// Not taken in, by code.
    pub refused: BTreeMap<String, u64>,
}

impl Tally {
    /// Counts one.
    pub fn count(&mut self, became: &Became) {
        match became {
            Became::New { held, .. } => {
                self.new += 1;
                self.stranded += u64::from(!held);
            }
            Became::Known { .. } => self.known += 1,
            Became::Refused { code, .. } => *self.refused.entry(code.clone()).or_default() += 1,
        }
    }
}

/// Whether a name leads nowhere but into its folder.
fn is_inside(name: &str) -> bool {
    let mut parts = PathBuf::from(name);
    let plain = parts.components().all(|part| matches!(part, std::path::Component::Normal(_)));
    plain && parts.pop()
}

/// The most bytes of a signed file: in base64 it has to fit into a line to the daemon.
const LARGEST: u64 = 8 << 20;
