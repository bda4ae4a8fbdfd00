//! The locked profile: what one spec makes for one device, signed, recorded, and only then handed out.

use std::{collections::BTreeMap, sync::Arc, time::SystemTime};

use serde_json::{Map, Value};
use uuid::Uuid;

use crate::{
    Refusal,
    caller::{Caller, Permit},
    issuance::{Issuance, IssuanceId, SpecRef, Variant},
    ledger::{self, Draft, Issued, Request},
    reach,
    refusal::Denied,
    role::{Issue, Overwrite, Role},
    service::Service,
    signing::Job,
    state::State,
};

/// Issues the locked profile of the spec that the permit is for, with these parameters.
///
/// The profile's `PayloadUUID` is the issuance's own. A request that comes again is known when it is recorded: where
/// two race, the first durable record is the answer to both, and what was signed for the other is thrown away.
///
/// # Errors
/// The refusals of spec, parameters, key and [`Ledger::record`](crate::ledger::Ledger::record); that there is too much
/// to do.
pub async fn issue(
    service: &Service,
    state: &Arc<State>,
    permit: &Permit<Issue>,
    parameters: Map<String, Value>,
    request: Request,
) -> Result<Issued, Denied> {
    let draft = draft(service, state, permit, parameters, &request).await;
    // An answer of before may lock a device that nobody could free any more.
    let may_leave = |before: &Issuance| state.keyring.freeing(&before.profile.leaf).map(drop);
    record(service, draft, &request, "issue", may_leave).await
}

async fn draft(
    service: &Service,
    state: &Arc<State>,
    permit: &Permit<Issue>,
    parameters: Map<String, Value>,
    request: &Request,
) -> Result<Draft, Denied> {
    let spec = state.catalogue.spec(permit.spec().unwrap_or_default())?;
    let spec = SpecRef { name: spec.name().to_owned(), digest: spec.digest() };
    let kept = canonical(&parameters);
    let (state, name, at, room) = (state.clone(), spec.name.clone(), request.at, request.room.clone());
    let make = move || Ok((job(&state, &name, &parameters, at)?, room));
    let (signed, _room) = service.sign(permit.caller().share(), make).await?;
    Ok(Draft {
        device: permit.device().clone(),
        profile: signed.facts,
        variant: Variant::Locked,
        spec: Some(spec),
        parameters: Some(kept),
        signed: signed.bytes,
        remarks: Value::Object(Map::new()),
        ticket: None,
        serving: None,
        budget: None,
        request: request.clone(),
    })
}

/// What a signing thread is to sign.
fn job(state: &State, spec: &str, parameters: &Map<String, Value>, at: SystemTime) -> Result<Job, Refusal> {
    let issuing = state.keyring.issuing(spec, at)?;
    let filled = state.catalogue.spec(spec)?.fill(parameters, Uuid::new_v4(), at)?;
    issuing.job(filled).map_err(|cause| {
        tracing::error!(cause = cause.with_causes(), "not signed");
        Refusal::Internal
    })
}

/// Gives the bytes of an issuance out again; only tells of them where only the head of the answer leaves. Those of an
/// overwrite are for who may ask for one; those that lock, only as long as there is the key that frees.
///
/// # Errors
/// [`Refusal::UnknownIssuance`]; that the caller may not; [`Refusal::IdentityGone`], [`Refusal::IdentityUnknown`]; where it
/// cannot be recorded.
pub async fn again(
    service: &Service,
    state: &State,
    caller: &Caller,
    id: IssuanceId,
    head_only: bool,
    request: Request,
) -> Result<Issued, Denied> {
    // Who may fetch nothing does not learn what there is.
    if caller.may_sweep::<Overwrite>().is_err() {
        caller.may_sweep::<Issue>()?;
    }
    let issuance = service.ledger.issuance(id).await?.ok_or(Refusal::UnknownIssuance)?;
    let (device, spec) = (&issuance.device, issuance.spec.as_ref().map(|spec| &*spec.name));
    let role = match issuance.variant {
        Variant::Locked => {
            caller.may::<Issue>(device, spec)?;
            state.keyring.freeing(&issuance.profile.leaf)?;
            Role::Issue
        }
        Variant::Overwrite { .. } => {
            let sweep = caller.may_sweep::<Overwrite>()?;
            sweep.permit(device, spec)?;
            reach::admit(&service.ledger, &sweep, device, &issuance.profile.identifier).await?;
            Role::Overwrite
        }
    };
    let request = Request { role: role.word().to_owned(), ..request };
    match head_only {
        true => Ok(service.ledger.fetch_head(&request, id).await?),
        false => Ok(service.ledger.fetch(&request, id).await?),
    }
}

/// Records what was made, and gives it out once that is durable. Where nothing was made, a request that was answered
/// before gets that answer again, whatever has changed since; in either case only what `may_leave` lets, and nothing is
/// recorded as handed out that it does not let.
pub(crate) async fn record(
    service: &Service,
    draft: Result<Draft, Denied>,
    request: &Request,
    action: &'static str,
    may_leave: impl Fn(&Issuance) -> Result<(), Refusal>,
) -> Result<Issued, Denied> {
    Ok(try_record(service, draft, request, action, may_leave).await??)
}

/// As [`record`], for who knows what to do where the ledger does not take it.
pub(crate) async fn try_record(
    service: &Service,
    draft: Result<Draft, Denied>,
    request: &Request,
    action: &'static str,
    may_leave: impl Fn(&Issuance) -> Result<(), Refusal>,
) -> Result<ledger::Result<Issued>, Denied> {
    let denied = match draft {
        Ok(draft) => match service.ledger.record(draft).await {
            Err(ledger::Error::Answered) => None,
            recorded => return Ok(recorded),
        },
        Err(denied) if denied.recorded || !denied.refusal.may_have_been_granted() => return Err(denied),
        Err(denied) => Some(denied),
    };
    if let Some(before) = service.ledger.earlier(request).await? {
        may_leave(&before)?;
    }
    let again = service.ledger.replay(request, action).await?;
    again.map(Ok).ok_or_else(|| denied.unwrap_or_else(|| Refusal::Internal.into()))
}

/// The same text for the same parameters, in whatever order they came.
fn canonical(parameters: &Map<String, Value>) -> Vec<u8> {
    let sorted: BTreeMap<_, _> = parameters.iter().collect();
    serde_json::to_vec(&sorted).expect("a map of JSON values is JSON")
}
