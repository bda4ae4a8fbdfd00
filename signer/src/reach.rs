//! Whose profiles a decision reaches: under one identifier a device may have those of several specs.

use crate::{caller::Sweep, device_id::DeviceId, ledger::Ledger, refusal::Denied};

/// Lets a caller who is bound to specs decide about a profile only where all that is known under its identifier is of those:
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
    let record = ledger.device(device, 0).await.map_err(|error| Denied { recorded: false, ..error.into() })?;
    let mut holdings = record.iter().flat_map(|record| &record.installed).map(|(holding, _)| holding);
    let specs = holdings.find(|holding| holding.identifier == identifier).map(|holding| &holding.specs);
    match sweep.covers_all(device.as_str(), specs.into_iter().flatten().map(Option::as_deref)) {
        true => Ok(()),
        false => Err(sweep.other_spec().into()),
    }
}
