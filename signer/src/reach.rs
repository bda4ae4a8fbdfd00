//! How far a caller's scope reaches: under one identifier a device may have profiles of several specs.

use std::collections::BTreeSet;

use crate::{
    caller::Sweep,
    catalogue::Catalogue,
    device_id::DeviceId,
    ledger::{Holding, Ledger, Similar},
    refusal::Denied,
};

/// Whether all that is known of a device under an identifier is within the scope.
pub(crate) fn covers<R>(sweep: &Sweep<R>, holding: &Holding) -> bool {
    sweep.covers_all(holding.device.as_str(), holding.specs.iter().map(Option::as_deref))
}

/// Lets a caller who is bound to specs decide about a profile only where it may see all that is known under its identifier:
/// an overwrite frees whatever the same certificate signed.
///
/// # Errors
/// [`Refusal::OutOfScope`](crate::Refusal::OutOfScope); where the ledger cannot be read.
pub(crate) async fn admit<R>(
    ledger: &Ledger,
    sweep: &Sweep<R>,
    device: &DeviceId,
    identifier: &str,
) -> Result<(), Denied> {
    if sweep.specs().is_none() {
        return Ok(());
    }
    let holding = ledger.holding(device, identifier).await;
    match holding.map_err(|error| Denied { recorded: false, ..error.into() })? {
        Some(holding) if covers(sweep, &holding) => Ok(()),
        _ => Err(sweep.other_spec().into()),
    }
}

/// The identifiers that a device is known for within the scope and that are similar to one of which nothing is known there.
pub(crate) async fn similar<R>(
    ledger: &Ledger,
    sweep: &Sweep<R>,
    device: &DeviceId,
    identifier: &str,
) -> Result<Vec<String>, Denied> {
    let record = ledger.device(device, 0).await.map_err(|error| Denied { recorded: false, ..error.into() })?;
    let known = record.into_iter().flat_map(|record| record.installed).map(|(holding, _)| holding);
    let within = known.filter(|holding| covers(sweep, holding)).map(|holding| holding.identifier);
    Ok(within.filter(|known| Similar::are(known, identifier)).collect())
}

/// The specs that a profile of this identifier on the device may be of: those that make such profiles today, and those of
/// what the record has; `None` among them: it has some of no known spec.
///
/// # Errors
/// Where the ledger cannot be read.
pub(crate) async fn makers(
    ledger: &Ledger,
    catalogue: &Catalogue,
    device: &DeviceId,
    identifier: &str,
) -> Result<BTreeSet<Option<String>>, Denied> {
    let recorded = ledger.holding(device, identifier).await;
    let recorded = recorded.map_err(|error| Denied { recorded: false, ..error.into() })?;
    let today = catalogue.specs().filter(|spec| spec.identifier() == identifier);
    let today = today.map(|spec| Some(spec.name().to_owned()));
    Ok(today.chain(recorded.into_iter().flat_map(|holding| holding.specs)).collect())
}
