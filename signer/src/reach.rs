//! Whose profiles a decision reaches: under one identifier a device may have those of several specs.

use std::collections::BTreeSet;

use crate::{
    caller::Sweep,
    device_id::DeviceId,
    installed::{Candidate, History, Installed},
    issuance::Basis,
    ledger::{self, Ledger},
    refusal::Denied,
};

/// Lets a caller who is bound to specs decide about one profile only where the device may have no other one of its identifier
/// than of those specs.
///
/// # Errors
/// [`Refusal::OutOfScope`](crate::Refusal::OutOfScope); where the ledger cannot be read.
pub(crate) async fn admit<R>(
    ledger: &Ledger,
    sweep: &Sweep<R>,
    device: &DeviceId,
    spec: Option<&str>,
    history: &History,
) -> Result<(), Denied> {
    if sweep.specs().is_none() {
        return Ok(());
    }
    let others = specs(ledger, history).await.map_err(|error| Denied { recorded: false, ..error.into() })?;
    let reached = others.iter().map(Option::as_deref).chain([spec]);
    if sweep.covers_all(device.as_str(), reached) { Ok(()) } else { Err(sweep.other_spec().into()) }
}

/// The specs of all that the device may have; `None` among them: of no known spec.
async fn specs(ledger: &Ledger, history: &History) -> ledger::Result<BTreeSet<Option<String>>> {
    let mut specs = BTreeSet::new();
    for of in may_have(history) {
        let issuance = match of {
            Basis::Issuance(id) => ledger.issuance(id).await?,
            Basis::Observed(_) => None,
        };
        specs.insert(issuance.and_then(|issuance| issuance.spec).map(|spec| spec.name));
    }
    Ok(specs)
}

fn may_have(history: &History) -> Vec<Basis> {
    let names = |candidates: Vec<Candidate>| candidates.into_iter().map(|one| one.of);
    match history.to_overwrite() {
        Installed::Profile(serving) => names(serving.later).chain([serving.of]).collect(),
        Installed::Ambiguous { candidates } => names(candidates).collect(),
        Installed::Foreign { earlier, later, .. } => names(earlier).chain(names(later)).collect(),
        Installed::Absent { .. } | Installed::Refused | Installed::Unknown => Vec::new(),
    }
}
