//! Two-person tickets: who wants to overwrite asks, another approves, and each named device may be overwritten once.

use std::{collections::BTreeSet, time::SystemTime};

use rusqlite::{Connection, OptionalExtension, Row};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{
    Answered, Ledger, OUT_OF_ORDER, Request, Writing,
    error::{Error, Result, TicketRefusal},
    fleet, rows,
};
use crate::{
    audit::Event,
    device_id::DeviceId,
    issuance::{Issuance, IssuanceId, TicketId},
    moment::{as_millis, from_millis, millis},
};

/// What a ticket is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TicketDraft {
    /// The devices; without any it allows nothing.
    pub devices: Vec<DeviceId>,
    /// The specs to which who asks is bound; `None`: it is for all.
    pub specs: Option<BTreeSet<String>>,
    /// Why, for the other person and the record.
    pub reason: String,
    /// Until when it may be approved and used.
    pub until: SystemTime,
}

/// A ticket as it stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ticket {
    /// Its name.
    pub id: TicketId,
    /// Who made it.
    pub caller: String,
    /// Why.
    pub reason: String,
    /// When it was made.
    #[serde(with = "as_millis")]
    pub at: SystemTime,
    /// Until when it may be approved and used.
    #[serde(with = "as_millis")]
    pub until: SystemTime,
    /// Who approved it; never who made it.
    pub approved_by: Option<String>,
    /// The specs whose profiles may be overwritten with it: those of who asked, and of who approved it. `None`: all.
    #[serde(default)]
    pub specs: Option<BTreeSet<String>>,
    /// Each device, and the overwrite for which the ticket was used.
    pub devices: Vec<(DeviceId, Option<IssuanceId>)>,
}

impl Ledger {
    /// Makes a ticket, which allows nothing until it is approved.
    ///
    /// # Errors
    ///
    /// [`Error::Conflict`], which is recorded as a refusal; when it is not durable.
    pub async fn create_ticket(&self, request: &Request, draft: TicketDraft) -> Result<Answered<Ticket>> {
        let ticket = self.draft(request, draft);
        let devices: Vec<_> = ticket.devices.iter().map(|(device, _)| device.to_string()).collect();
        let event = request.event("ticket").with("ticket", ticket.id.to_string()).with("devices", devices);
        let event = event.with("until", millis(ticket.until)).with("reason", ticket.reason.clone());
        let event = bound(event, ticket.specs.as_ref());
        let recorded = event.clone();
        let work = move |writing: &mut Writing<'_>| {
            let seq = writing.append(millis(ticket.at), &recorded)?;
            insert(writing.db, seq, &ticket)?;
            Ok((seq, ticket.clone()))
        };
        self.answer(request, event, work).await
    }

    /// Approves a ticket of another caller, for no more than these specs, if any are named.
    ///
    /// # Errors
    ///
    /// [`Error::Ticket`] and [`Error::Conflict`], which are recorded as refusals; when it is not durable.
    pub async fn approve_ticket(
        &self,
        request: &Request,
        id: TicketId,
        specs: Option<BTreeSet<String>>,
    ) -> Result<Answered<Ticket>> {
        let event = bound(request.event("ticket-approval").with("ticket", id.to_string()), specs.as_ref());
        let (recorded, caller, at) = (event.clone(), request.caller.clone(), request.at);
        let work = move |writing: &mut Writing<'_>| {
            let ticket = approved(writing.db, id, &caller, at)?.narrowed(specs.as_ref());
            let update = "UPDATE ticket SET approved_by = ?2, approved_at = ?3, specs = ?4 WHERE id = ?1";
            let specs = ticket.specs.as_ref().map(rows::json);
            writing.db.prepare_cached(update)?.execute((id.0.as_bytes(), &caller, millis(at), specs))?;
            Ok((writing.append(millis(at), &recorded)?, ticket))
        };
        self.answer(request, event, work).await
    }

    /// The ticket of this name.
    ///
    /// # Errors
    ///
    /// When the ledger cannot be read.
    pub async fn ticket(&self, id: TicketId) -> Result<Option<Ticket>> {
        self.read(move |db| find(db, id)).await
    }

    fn draft(&self, request: &Request, TicketDraft { mut devices, specs, reason, until }: TicketDraft) -> Ticket {
        devices.sort();
        devices.dedup();
        Ticket {
            id: TicketId(self.next_id(request.at).0),
            caller: request.caller.clone(),
            reason,
            // As exact as the ledger keeps them.
            at: from_millis(millis(request.at)),
            until: from_millis(millis(until)),
            approved_by: None,
            specs,
            devices: devices.into_iter().map(|device| (device, None)).collect(),
        }
    }
}

impl Ticket {
    /// For no more than these specs, if any are named.
    pub(crate) fn narrowed(mut self, specs: Option<&BTreeSet<String>>) -> Self {
        self.specs = match (self.specs, specs) {
            (Some(own), Some(other)) => Some(own.intersection(other).cloned().collect()),
            (own, other) => own.or_else(|| other.cloned()),
        };
        self
    }

    /// Whether its time is over, or it is from a time to come: the clock was wrong then.
    fn is_over(&self, at: SystemTime) -> bool {
        at >= self.until || at + OUT_OF_ORDER < self.at
    }

    /// An overwrite frees whatever the same certificate signed: where it is for some specs, all that is known under the
    /// identifier has to be of these.
    fn is_for(&self, db: &Connection, overwrite: &Issuance) -> Result<bool> {
        let Some(specs) = &self.specs else { return Ok(true) };
        let holding = fleet::find(db, &overwrite.device, &overwrite.profile.identifier)?;
        let is_within = |spec: &Option<String>| spec.as_ref().is_some_and(|spec| specs.contains(spec));
        Ok(holding.is_some_and(|holding| holding.specs.iter().all(is_within)))
    }
}

/// The specs that a decision about a ticket was bound to, if it was.
fn bound(event: Event, specs: Option<&BTreeSet<String>>) -> Event {
    match specs {
        Some(specs) => event.with("specs", specs.iter().cloned().collect::<Vec<_>>()),
        None => event,
    }
}

/// Whether a ticket allows an overwrite.
pub(super) fn allow(db: &Connection, id: TicketId, overwrite: &Issuance) -> Result<()> {
    let refused = |refusal| Err(Error::Ticket { id, refusal });
    let Some(ticket) = find(db, id)? else { return refused(TicketRefusal::Unknown) };
    let (device, request) = (&overwrite.device, &overwrite.request);
    let (is_for, is_over) = (ticket.is_for(db, overwrite)?, ticket.is_over(request.at));
    let Some(approver) = ticket.approved_by else { return refused(TicketRefusal::NotApproved) };
    if approver == request.caller {
        return refused(TicketRefusal::OwnUse);
    }
    if is_over {
        return refused(TicketRefusal::Expired);
    }
    match ticket.devices.iter().find(|(named, _)| named == device) {
        None => refused(TicketRefusal::OtherDevice(device.clone())),
        Some((_, Some(_))) => refused(TicketRefusal::Used(device.clone())),
        Some((_, None)) if !is_for => refused(TicketRefusal::OtherSpec),
        Some((_, None)) => Ok(()),
    }
}

/// Uses a ticket up for the device of an overwrite.
pub(super) fn use_up(db: &Connection, id: TicketId, overwrite: &Issuance) -> Result<()> {
    let update = "UPDATE ticket_device SET used_by = ?3 WHERE ticket = ?1 AND device = ?2 AND used_by IS NULL";
    let key = (id.0.as_bytes(), overwrite.device.as_str(), overwrite.id.0.as_bytes());
    match db.prepare_cached(update)?.execute(key)? {
        1 => Ok(()),
        _ => Err(Error::Ticket { id, refusal: TicketRefusal::Used(overwrite.device.clone()) }),
    }
}

fn approved(db: &Connection, id: TicketId, caller: &str, at: SystemTime) -> Result<Ticket> {
    let refused = |refusal| Err(Error::Ticket { id, refusal });
    let Some(ticket) = find(db, id)? else { return refused(TicketRefusal::Unknown) };
    if ticket.caller == caller {
        return refused(TicketRefusal::OwnApproval);
    }
    if ticket.approved_by.is_some() {
        return refused(TicketRefusal::AlreadyApproved);
    }
    if ticket.is_over(at) {
        return refused(TicketRefusal::Expired);
    }
    Ok(Ticket { approved_by: Some(caller.to_owned()), ..ticket })
}

fn insert(db: &Connection, seq: u64, ticket: &Ticket) -> Result<()> {
    let insert = "INSERT INTO ticket (id, seq, caller, reason, at, until, specs) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
    let Ticket { id, caller, reason, at, until, specs, .. } = ticket;
    let (at, until, specs) = (millis(*at), millis(*until), specs.as_ref().map(rows::json));
    db.prepare_cached(insert)?.execute((id.0.as_bytes(), seq as i64, caller, reason, at, until, specs))?;
    let mut insert = db.prepare_cached("INSERT INTO ticket_device (ticket, device) VALUES (?1, ?2)")?;
    for (device, _) in &ticket.devices {
        insert.execute((id.0.as_bytes(), device.as_str()))?;
    }
    Ok(())
}

fn find(db: &Connection, id: TicketId) -> Result<Option<Ticket>> {
    let select = "SELECT caller, reason, at, until, approved_by, specs FROM ticket WHERE id = ?1";
    let read = |row: &Row<'_>| {
        Ok(Ticket {
            id,
            caller: row.get(0)?,
            reason: row.get(1)?,
            at: from_millis(row.get(2)?),
            until: from_millis(row.get(3)?),
            approved_by: row.get(4)?,
            specs: row.get::<_, Option<String>>(5)?.as_deref().map(rows::from_json).transpose()?,
            devices: vec![],
        })
    };
    let Some(ticket) = db.prepare_cached(select)?.query_row([id.0.as_bytes()], read).optional()? else {
        return Ok(None);
    };
    let mut select =
        db.prepare_cached("SELECT device, used_by FROM ticket_device WHERE ticket = ?1 ORDER BY device")?;
    let device = |row: &Row<'_>| {
        let used_by = row.get::<_, Option<[u8; 16]>>(1)?.map(|id| IssuanceId(Uuid::from_bytes(id)));
        Ok((rows::device(row.get(0)?)?, used_by))
    };
    let devices = select.query_map([id.0.as_bytes()], device)?.collect::<rusqlite::Result<_>>()?;
    Ok(Some(Ticket { devices, ..ticket }))
}
