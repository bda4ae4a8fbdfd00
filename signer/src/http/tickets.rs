//! Routes of two-person tickets.

use axum::Json;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Asking, InPath, PostedJson, form::moment};
use crate::{device_id::DeviceId, issuance::TicketId, ledger::Ticket, refusal::Denied, role::Overwrite, ticket};

/// What a ticket is asked with.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TicketBody {
    /// The devices that are to be overwritten, each once.
    devices: Vec<DeviceId>,
    /// Why, for who approves it and for the record.
    reason: String,
}

/// An approval says nothing beyond its path.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ApprovalBody {}

/// `POST /v1/tickets`.
pub async fn ask(asking: Asking, posted: PostedJson<TicketBody>) -> Result<Json<Value>, Denied> {
    let sweep = asking.may_sweep::<Overwrite>()?;
    let PostedJson { body: TicketBody { devices, reason }, order } = posted;
    let lifetime = asking.state.config.overwrites.ticket_lifetime;
    let ticket = ticket::ask(&asking.service, &sweep, devices, reason, lifetime, &order).await?;
    Ok(Json(shown(&ticket)))
}

/// `GET /v1/tickets/{id}`.
pub async fn read(asking: Asking, InPath(id): InPath<TicketId>) -> Result<Json<Value>, Denied> {
    let sweep = asking.may_sweep::<Overwrite>()?;
    Ok(Json(shown(&ticket::read(&asking.service, &sweep, id).await?)))
}

/// `POST /v1/tickets/{id}/approval`.
pub async fn approve(
    asking: Asking,
    InPath(id): InPath<TicketId>,
    posted: PostedJson<ApprovalBody>,
) -> Result<Json<Value>, Denied> {
    let sweep = asking.may_sweep::<Overwrite>()?;
    let ticket = ticket::approve(&asking.service, &sweep, id, &posted.order).await?;
    Ok(Json(shown(&ticket)))
}

fn shown(ticket: &Ticket) -> Value {
    let Ticket { id, caller, reason, at, until, approved_by, specs, devices } = ticket;
    let device = |(device, used_by): &(DeviceId, _)| json!({ "device": device, "used_by": used_by });
    json!({
        "ticket": id,
        "caller": caller,
        "reason": reason,
        "at": moment(*at),
        "until": moment(*until),
        "approved_by": approved_by,
        "specs": specs,
        "devices": devices.iter().map(device).collect::<Vec<_>>(),
    })
}
