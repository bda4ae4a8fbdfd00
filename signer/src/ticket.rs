//! Two-person tickets for overwrites: one caller asks for named devices, another one approves.

use std::{collections::BTreeSet, time::Duration};

use crate::{
    Refusal,
    caller::Sweep,
    device_id::DeviceId,
    issuance::TicketId,
    ledger::{Request, Ticket, TicketDraft},
    refusal::Denied,
    role::Overwrite,
    service::Service,
};

/// Asks for a ticket that lets each of the devices be overwritten once, until a time after now.
///
/// # Errors
/// [`Refusal::InvalidRequest`] for no devices, too many or no reason; [`Refusal::OutOfScope`]; where it cannot be recorded.
pub async fn ask(
    service: &Service,
    sweep: &Sweep<Overwrite>,
    devices: Vec<DeviceId>,
    reason: String,
    lifetime: Duration,
    request: &Request,
) -> Result<Ticket, Denied> {
    if devices.is_empty() || devices.len() > MOST_DEVICES {
        return Err(invalid(format!("devices has not 1 to {MOST_DEVICES} items")));
    }
    if reason.trim().is_empty() || reason.chars().count() > LONGEST_REASON {
        return Err(invalid(format!("reason has not 1 to {LONGEST_REASON} characters")));
    }
    devices.iter().try_for_each(|device| sweep.device(device.as_str()))?;
    let specs = sweep.specs().cloned();
    for_something(sweep, specs.as_ref())?;
    let draft = TicketDraft { devices, specs, reason, until: request.at + lifetime };
    Ok(service.ledger.create_ticket(request, draft).await?.value)
}

/// The ticket, for who could approve it, and for no more than the specs that it would be approved for.
///
/// # Errors
/// [`Refusal::UnknownTicket`], [`Refusal::OutOfScope`]; where the ledger cannot be read.
pub async fn read(service: &Service, sweep: &Sweep<Overwrite>, id: TicketId) -> Result<Ticket, Denied> {
    let ticket = service.ledger.ticket(id).await?.ok_or(Refusal::UnknownTicket)?.narrowed(sweep.specs());
    ticket.devices.iter().try_for_each(|(device, _)| sweep.device(device.as_str()))?;
    for_something(sweep, ticket.specs.as_ref())?;
    Ok(ticket)
}

/// Approves the ticket of another caller, for devices within one's own scope, and for no more than the specs in it.
///
/// # Errors
/// [`Refusal::UnknownTicket`], [`Refusal::OutOfScope`], the ticket's own refusals; where it cannot be recorded.
pub async fn approve(
    service: &Service,
    sweep: &Sweep<Overwrite>,
    id: TicketId,
    request: &Request,
) -> Result<Ticket, Denied> {
    read(service, sweep, id).await?;
    Ok(service.ledger.approve_ticket(request, id, sweep.specs().cloned()).await?.value)
}

/// A ticket for no spec would allow nothing.
fn for_something(sweep: &Sweep<Overwrite>, specs: Option<&BTreeSet<String>>) -> Result<(), Refusal> {
    if specs.is_some_and(BTreeSet::is_empty) { Err(sweep.other_spec()) } else { Ok(()) }
}

fn invalid(problem: String) -> Denied {
    Refusal::InvalidRequest { problem }.into()
}

const MOST_DEVICES: usize = 1000;
const LONGEST_REASON: usize = 500;
