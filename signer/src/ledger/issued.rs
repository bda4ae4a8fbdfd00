//! Profiles into the ledger and, once they are durable there, out of it.

use std::{
    fmt,
    sync::Arc,
    time::{Duration, SystemTime},
};

use rusqlite::{Connection, OptionalExtension, Row};
use serde::de::DeserializeOwned;
use uuid::Uuid;

use super::{
    Ledger, LedgerKeys, Place, Request, Writing,
    answers::{self, Stored},
    error::{Error, Result},
    evidence, replay, rows, ticket,
};
use crate::{
    audit::Event,
    device_id::DeviceId,
    digest::Digest,
    installed::{EvidenceKind, History, Installed, Serving},
    issuance::{Basis, Issuance, IssuanceId, ProfileFacts, SpecRef, TicketId, Variant},
    moment::{from_millis, millis},
};

/// A signed profile that is to be recorded and handed out.
#[derive(Clone)]
pub struct Draft {
    /// The device that it was made for.
    pub device: DeviceId,
    /// What stands in it.
    pub profile: ProfileFacts,
    /// Whether it locks or frees.
    pub variant: Variant,
    /// The spec that it was made from.
    pub spec: Option<SpecRef>,
    /// The parameters in canonical form, of which the ledger keeps a keyed digest only.
    pub parameters: Option<Vec<u8>>,
    /// The signed bytes, DER.
    pub signed: Vec<u8>,
    /// What the answer says besides, without secrets: a repetition gets the same.
    pub remarks: serde_json::Value,
    /// The two-person ticket that allows it, used up by it.
    pub ticket: Option<TicketId>,
    /// What the record said of an overwrite's basis, and so does its answer: that still has to hold when the overwrite is
    /// recorded.
    pub serving: Option<Serving>,
    /// How many overwrites the caller may make; only asked for an overwrite.
    pub budget: Option<Budget>,
    /// Who asked.
    pub request: Request,
}

/// How many overwrites a caller may make in a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    /// How many.
    pub limit: u64,
    /// In which time.
    pub window: Duration,
}

/// A profile that may leave: it is in the ledger, durably. Only the ledger makes one.
///
/// ```compile_fail,E0451
/// fn forged(issuance: signer::issuance::Issuance) -> signer::ledger::Issued {
///     signer::ledger::Issued { issuance, signed: vec![] }
/// }
/// ```
#[derive(Clone, PartialEq)]
pub struct Issued {
    issuance: Issuance,
    signed: Vec<u8>,
}

impl Issued {
    /// Its name.
    pub fn id(&self) -> IssuanceId {
        self.issuance.id
    }

    /// What the ledger keeps of it.
    pub fn issuance(&self) -> &Issuance {
        &self.issuance
    }

    /// The signed bytes, DER.
    pub fn signed(&self) -> &[u8] {
        &self.signed
    }
}

/// The bytes and the parameters may hold a removal password.
impl fmt::Debug for Draft {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Draft({} {} for {})", self.variant.word(), self.profile.identifier, self.device)
    }
}

/// The bytes may hold a removal password.
impl fmt::Debug for BasisProfile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BasisProfile({} of {})", self.of.uuid(), self.device)
    }
}

/// The bytes may hold a removal password.
impl fmt::Debug for Issued {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Issued({}, {} bytes)", self.issuance.id, self.signed.len())
    }
}

/// A profile in the ledger, of which an overwrite is made. Its bytes are not for leaving.
#[derive(Clone, PartialEq)]
pub struct BasisProfile {
    /// Its name.
    pub of: Basis,
    /// The device that it was made for, or seen on.
    pub device: DeviceId,
    /// What stands in it.
    pub profile: ProfileFacts,
    /// The spec that it was made from, where that is known.
    pub spec: Option<SpecRef>,
    /// The keyed digest of its parameters.
    pub parameters: Option<Digest>,
    /// The signed bytes, DER.
    pub signed: Vec<u8>,
}

impl Ledger {
    /// Records a signed profile and gives it back when that is durable.
    ///
    /// # Errors
    ///
    /// [`Error::Answered`] where the request was answered before: whether that may leave again is to be decided first, see
    /// [`earlier`](Ledger::earlier) and [`replay`](Ledger::replay). [`Error::Conflict`], [`Error::UnknownBasis`], [`Error::BudgetSpent`] and [`Error::Ticket`], which are recorded
    /// as refusals; [`Error::Moved`]; when it is not durable.
    pub async fn record(&self, draft: Draft) -> Result<Issued> {
        let Draft { device, profile, variant, spec, parameters, signed, remarks, ticket, serving, budget, request } =
            draft;
        let id = self.next_id(request.at);
        let issuance = Issuance {
            seq: 0,
            id,
            device,
            profile,
            variant,
            spec,
            parameters: parameters.map(|parameters| self.parameters_digest(&parameters)),
            signed: Digest::of(&signed),
            request: request.facts(),
            imported: false,
            remarks,
            acknowledgement: None,
            acknowledged_at: None,
        };
        let sealed = self.shared.keys.seal(&Place::Profile(id.0), &signed);
        let (event, at) = (issue_event(&request, &issuance, ticket), request.at);
        let (recorded, issuance) = (event.clone(), Arc::new(issuance));
        let issued = issuance.clone();
        let work = move |writing: &mut Writing<'_>| {
            if answers::find(writing.db, writing.keys, &request)?.is_some() {
                return Err(Error::Answered);
            }
            allow(writing.db, &issuance, serving.as_ref(), ticket, budget)?;
            let seq = writing.append(millis(request.at), &recorded)?;
            rows::insert_issuance(writing.db, seq, &issuance)?;
            rows::insert_sealed(writing.db, seq, &sealed)?;
            answers::keep(writing.db, writing.keys, &request, seq, None)?;
            if let Some(ticket) = ticket {
                ticket::use_up(writing.db, ticket, &issuance)?;
            }
            evidence::refresh_after_issuance(writing.db, seq, &issuance)?;
            Ok(seq)
        };
        let (on_issued, told) = (self.shared.on_issued.clone(), issued.clone());
        let then = move |_: &u64| {
            if let Some(on_issued) = on_issued {
                on_issued(&told);
            }
        };
        let seq = self.write_and(event, at, work, then).await?;
        let issuance = Issuance { seq, ..Arc::unwrap_or_clone(issued) };
        Ok(Issued { issuance, signed })
    }

    /// What a repeated request got before, if it is one, to decide whether it may leave once more: nothing is recorded, and
    /// nothing counts as handed out. Whether its key was used for another request, [`record`](Ledger::record) and
    /// [`replay`](Ledger::replay) say.
    ///
    /// # Errors
    ///
    /// When the ledger cannot be read.
    pub async fn earlier(&self, request: &Request) -> Result<Option<Issuance>> {
        if request.idempotency.is_none() {
            return Ok(None);
        }
        let (request, shared) = (request.clone(), self.shared.clone());
        let find = move |db: &Connection| match answers::find(db, &shared.keys, &request) {
            Ok(Some(stored)) => Ok(rows::issuance_at(db, stored.seq)?),
            Ok(None) | Err(Error::Conflict) => Ok(None),
            Err(error) => Err(error),
        };
        self.read(find).await
    }

    /// What a repeated request got before, if it is one; recorded as handed out again.
    ///
    /// # Errors
    ///
    /// [`Error::Conflict`] when its key was used for another request, which is recorded as a refusal of `action`.
    pub async fn replay(&self, request: &Request, action: &'static str) -> Result<Option<Issued>> {
        match self.before(request, action, |_, _, found| Ok(found.seq)).await? {
            Some(seq) => self.issued_at(seq).await.map(Some),
            None => Ok(None),
        }
    }

    /// What a repeated request that issues nothing was answered before, if it is one.
    ///
    /// # Errors
    ///
    /// As [`replay`](Ledger::replay).
    pub async fn answered<T>(&self, request: &Request, action: &'static str) -> Result<Option<T>>
    where
        T: DeserializeOwned + Send + 'static,
    {
        self.before(request, action, answers::open).await
    }

    /// As [`answered`](Ledger::answered), to decide whether that may be told once more: nothing is recorded.
    ///
    /// # Errors
    ///
    /// [`Error::Conflict`], which is not recorded either; when the ledger cannot be read.
    pub async fn answered_earlier<T>(&self, request: &Request) -> Result<Option<T>>
    where
        T: DeserializeOwned + Send + 'static,
    {
        let (request, shared) = (request.clone(), self.shared.clone());
        let find = move |db: &Connection| {
            let stored = answers::find(db, &shared.keys, &request)?;
            stored.map(|stored| answers::open(&shared.keys, &request, &stored)).transpose()
        };
        self.read(find).await
    }

    /// What a request's answer of before says, recorded as given again; `None` where there was none.
    async fn before<T: Send + 'static>(
        &self,
        request: &Request,
        action: &'static str,
        open: impl Fn(&LedgerKeys, &Request, &Stored) -> Result<T> + Send + 'static,
    ) -> Result<Option<T>> {
        let (asked, keys) = (request.clone(), self.shared.clone());
        let known = self.read(move |db| Ok(answers::find(db, &keys.keys, &asked).map(|found| found.is_some())));
        if let Ok(false) = known.await? {
            return Ok(None);
        }
        let again = request.clone();
        let work = move |writing: &mut Writing<'_>| {
            let found = answers::find(writing.db, writing.keys, &again)?.ok_or(Error::Conflict)?;
            let value = open(writing.keys, &again, &found)?;
            let seq = writing.append(millis(again.at), &replay(&again, found.seq))?;
            hand_out_again(writing.db, found.seq, seq)?;
            Ok(value)
        };
        self.write(request.event(action), request.at, work).await.map(Some)
    }

    /// Gives the bytes of an issuance out again, once that is recorded.
    ///
    /// # Errors
    ///
    /// [`Error::UnknownIssuance`], which is recorded as a refusal; when the record is not durable.
    pub async fn fetch(&self, request: &Request, id: IssuanceId) -> Result<Issued> {
        self.fetch_part(request, id, Part::Whole).await
    }

    /// As [`fetch`](Ledger::fetch), for who is told of the bytes and gets none: they do not count as handed out.
    ///
    /// # Errors
    ///
    /// As [`fetch`](Ledger::fetch).
    pub async fn fetch_head(&self, request: &Request, id: IssuanceId) -> Result<Issued> {
        self.fetch_part(request, id, Part::Head).await
    }

    async fn fetch_part(&self, request: &Request, id: IssuanceId, part: Part) -> Result<Issued> {
        let action = match part {
            Part::Whole => "fetch",
            Part::Head => "fetch-head",
        };
        let event = Event { issuance: Some(id), ..request.event(action) };
        let (asked, at) = (event.clone(), request.at);
        let work = move |writing: &mut Writing<'_>| {
            let issuance = rows::issuance(writing.db, id)?.ok_or(Error::UnknownIssuance(id))?;
            let (device, identifier) = (Some(issuance.device), Some(issuance.profile.identifier));
            let event = Event { device, identifier, ..asked.clone() };
            let seq = writing.append(millis(at), &event.with("variant", issuance.variant.word()))?;
            if part == Part::Whole {
                hand_out_again(writing.db, issuance.seq, seq)?;
            }
            Ok(issuance.seq)
        };
        let seq = self.write(event, at, work).await?;
        self.issued_at(seq).await
    }

    /// What the ledger keeps of an issuance.
    ///
    /// # Errors
    ///
    /// When the ledger cannot be read.
    pub async fn issuance(&self, id: IssuanceId) -> Result<Option<Issuance>> {
        self.read(move |db| rows::issuance(db, id)).await
    }

    /// The profile of this name, with its bytes, to make an overwrite of.
    ///
    /// # Errors
    ///
    /// [`Error::UnknownBasis`]; when the bytes do not open, or are not those that were recorded.
    pub async fn basis(&self, of: Basis) -> Result<BasisProfile> {
        let shared = self.shared.clone();
        self.read(move |db| read_basis(db, &shared.keys, of)).await
    }

    async fn issued_at(&self, seq: u64) -> Result<Issued> {
        let shared = self.shared.clone();
        let open = move |db: &Connection| {
            // A record of another kind of request: its key was used for that.
            let issuance = rows::issuance_at(db, seq)?.ok_or(Error::Conflict)?;
            let signed = signed(db, &shared.keys, seq, issuance.id.0, issuance.signed)?;
            Ok(Issued { issuance, signed })
        };
        self.read(open).await
    }
}

/// A locked profile that leaves once more may be installed once more, whatever is known of the first time. `at` is the
/// place in the record where that stands.
fn hand_out_again(db: &Connection, seq: u64, at: u64) -> Result<()> {
    let update = "UPDATE issuance SET again = ?2 WHERE seq = ?1 AND variant = 'locked' RETURNING device, identifier";
    let read = |row: &Row<'_>| Ok((rows::device(row.get(0)?)?, row.get::<_, String>(1)?));
    let locked = db.prepare_cached(update)?.query_row((seq as i64, at as i64), read).optional()?;
    locked.map_or(Ok(()), |(device, identifier)| evidence::refresh(db, &device, &identifier))
}

/// How much of an answer leaves.
#[derive(Clone, Copy, PartialEq)]
enum Part {
    Whole,
    /// The header section.
    Head,
}

/// The signed bytes of a record, opened and compared with their digest.
pub(super) fn signed(db: &Connection, keys: &LedgerKeys, seq: u64, id: Uuid, digest: Digest) -> Result<Vec<u8>> {
    let damaged = || Error::Damaged { what: format!("the signed bytes of {id}") };
    let sealed = rows::sealed(db, seq)?.ok_or_else(damaged)?;
    let signed = keys.open(&Place::Profile(id), &sealed)?;
    (Digest::of(&signed) == digest).then_some(signed).ok_or_else(damaged)
}

/// What the audit is told of a profile that was issued or taken in.
pub(super) fn issue_event(request: &Request, issuance: &Issuance, ticket: Option<TicketId>) -> Event {
    let action = match (issuance.imported, issuance.variant) {
        (true, _) => "import",
        (false, Variant::Locked) => "issue",
        (false, Variant::Overwrite { .. }) => "overwrite",
    };
    let mut event = Event {
        device: Some(issuance.device.clone()),
        identifier: Some(issuance.profile.identifier.clone()),
        issuance: Some(issuance.id),
        ..request.event(action)
    };
    event = event.with("signed", issuance.signed).with("leaf", issuance.profile.leaf);
    if let Some(spec) = &issuance.spec {
        event = event.with("spec", spec.name.clone()).with("spec_digest", spec.digest);
    }
    if let Variant::Overwrite { form, of } = issuance.variant {
        event = event.with("form", form.word()).with("of", of.uuid().to_string());
    }
    match ticket {
        Some(ticket) => event.with("ticket", ticket.to_string()),
        None => event,
    }
}

/// What has to be true of an overwrite, decided where no other request can come in between.
fn allow(
    db: &Connection,
    issuance: &Issuance,
    serving: Option<&Serving>,
    ticket: Option<TicketId>,
    budget: Option<Budget>,
) -> Result<()> {
    let Variant::Overwrite { of, .. } = issuance.variant else { return Ok(()) };
    let history = evidence::history(db, &issuance.device, &issuance.profile.identifier)?;
    history.named(of).ok_or(Error::UnknownBasis(of))?;
    if serving.is_some_and(|told| !still_holds(&history, told)) {
        return Err(Error::Moved);
    }
    if let Some(ticket) = ticket {
        ticket::allow(db, ticket, issuance)?;
    }
    budget.map_or(Ok(()), |budget| within(db, budget, &issuance.request.caller, issuance.request.at))
}

/// Whether the same is known of an overwrite's basis as when it was made: what it is, and what may lock the device instead.
fn still_holds(history: &History, told: &Serving) -> bool {
    let now = match (told.evidence, history.to_overwrite()) {
        (EvidenceKind::Named, _) => history.named(told.of),
        (_, Installed::Profile(serving)) => Some(serving),
        _ => None,
    };
    let locks = |serving: &Serving| serving.later.iter().filter(|one| one.locked).cloned().collect::<Vec<_>>();
    now.is_some_and(|now| {
        (now.of, now.locked, now.seen) == (told.of, told.locked, told.seen) && locks(&now) == locks(told)
    })
}

fn within(db: &Connection, Budget { limit, window }: Budget, caller: &str, at: SystemTime) -> Result<()> {
    let after = at.checked_sub(window).map_or(i64::MIN, millis);
    // Those that are asked for at once are not recorded in the order of their moments.
    let until = at.checked_add(window).map_or(i64::MAX, millis);
    let (made, oldest) = rows::overwrites(db, caller, (after, until), limit)?;
    if made < limit {
        return Ok(());
    }
    // When the oldest of the last `limit` leaves the window, there is room for one more.
    let free = oldest.map_or(at, from_millis) + window;
    let retry_after = free.duration_since(at).unwrap_or_default();
    Err(Error::BudgetSpent { limit, window, retry_after })
}

fn read_basis(db: &Connection, keys: &LedgerKeys, of: Basis) -> Result<BasisProfile> {
    let unknown = || Error::UnknownBasis(of);
    let (seq, digest, mut basis) = match of {
        Basis::Issuance(id) => {
            let Issuance { seq, device, profile, spec, parameters, signed, .. } =
                rows::issuance(db, id)?.ok_or_else(unknown)?;
            (seq, signed, BasisProfile { of, device, profile, spec, parameters, signed: vec![] })
        }
        Basis::Observed(id) => {
            let observation = rows::observation(db, id)?.ok_or_else(unknown)?;
            let (device, profile) = (observation.device, observation.profile);
            let basis = BasisProfile { of, device, profile, spec: None, parameters: None, signed: vec![] };
            (observation.seq, observation.signed, basis)
        }
    };
    basis.signed = signed(db, keys, seq, of.uuid(), digest)?;
    Ok(basis)
}
