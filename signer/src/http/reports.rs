//! Routes that take what callers tell of devices (role `report`).

use std::time::{Duration, SystemTime};

use axum::{Json, body::Body, http::HeaderMap};
use profile_kit::document::DEEPEST;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};
use time::OffsetDateTime;

use super::{Asking, Depth, InPath, InQuery, PostedJson, media_type, off_the_reactor, read};
use crate::{
    Refusal,
    device_id::DeviceId,
    issuance::{Basis, IssuanceId},
    ledger::{Ledger, Observed, ProfileList, Reconciled, Request as Order, Taken},
    reach,
    refusal::Denied,
    report::{self, AcknowledgementReport},
    role,
};

/// `POST /v1/issuances/{issuance}/acknowledgement`: what the device answered to the command that carried it.
pub async fn acknowledge(
    asking: Asking,
    InPath(id): InPath<IssuanceId>,
    posted: PostedJson<AcknowledgementReport>,
) -> Result<Json<Value>, Denied> {
    let sweep = asking.may_sweep::<role::Report>()?;
    let ledger = &asking.service.ledger;
    let issuance = ledger.issuance(id).await?.ok_or(Refusal::UnknownIssuance)?;
    sweep.permit(&issuance.device, issuance.spec.as_ref().map(|spec| &*spec.name))?;
    reach::admit(ledger, &sweep, &issuance.device, &issuance.profile.identifier).await?;
    let PostedJson { body, order } = posted;
    let told = answered(body.answered_at, &order).and_then(|answered_at| Ok((body.try_into()?, answered_at)));
    let taken: Taken = match told {
        Ok((answer, answered_at)) => ledger.acknowledge(&order, id, answer, answered_at).await?.value,
        Err(refusal) => taken_before(ledger, &order, "acknowledge", refusal).await?,
    };
    Ok(Json(json!(taken)))
}

/// What the command was that the device answers.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ListQuery {
    /// Whether it asked for all profiles: not for managed ones only.
    #[serde(default = "yes")]
    complete: bool,
    /// When the device answered it, if the answer was not handed in at once.
    #[serde(default, with = "time::serde::rfc3339::option")]
    answered_at: Option<OffsetDateTime>,
}

fn yes() -> bool {
    true
}

/// `POST /v1/devices/{device}/profile-list`: the device's answer to `ProfileList`. It says of all profiles at once what is
/// true, so that a caller who is bound to specs has no leave for it.
pub async fn profile_list(
    asking: Asking,
    InPath(device): InPath<DeviceId>,
    InQuery(ListQuery { complete, answered_at }): InQuery<ListQuery>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<Value>, Denied> {
    asking.may::<role::Report>(&device, None)?;
    of_type(&headers, PLISTS)?;
    let limit = asking.state.config.limits.plist_depth;
    // One that is deeper than today's limit may have been taken under another: it is read as a whole, to be known again.
    let body = read(body, Some(Depth::of_plist(DEEPEST as u64))).await.map_err(|refusal| match refusal {
        Refusal::TooDeep { .. } => Refusal::TooDeep { limit },
        other => other,
    })?;
    let order = asking.order(&body);
    let answered_at = answered(answered_at, &order);
    let (state, room) = (asking.state.clone(), order.room.clone());
    let list = move || {
        let _room = room;
        let expected = state.catalogue.specs().map(|spec| spec.identifier().to_owned()).collect();
        let list = report::profile_list(&body, limit, complete, expected, &state.keyring)?;
        Ok(ProfileList { answered_at: answered_at?, ..list })
    };
    let ledger = &asking.service.ledger;
    let reconciled = match off_the_reactor(list).await? {
        Ok(list) => ledger.reconcile(&order, device.clone(), list).await?.value,
        Err(refusal) => taken_before(ledger, &order, "profile-list", refusal).await?,
    };
    let Reconciled { installed, foreign, absent, similar, outdated } = reconciled;
    let installed: Vec<Value> = installed.into_iter().map(|(identifier, of)| named(&identifier, of)).collect();
    Ok(Json(json!({
        "device": device,
        "installed": installed,
        "foreign": foreign,
        "absent": absent,
        "similar": similar,
        "outdated": outdated,
    })))
}

/// `POST /v1/devices/{device}/installed`: a signed profile that the device has.
pub async fn installed(
    asking: Asking,
    InPath(device): InPath<DeviceId>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<Value>, Denied> {
    let sweep = asking.may_sweep::<role::Report>()?;
    sweep.device(device.as_str())?;
    of_type(&headers, PROFILES)?;
    let body = read(body, None).await?;
    let order = asking.order(&body);
    let (state, of, room) = (asking.state.clone(), device.clone(), order.room.clone());
    let levels = state.config.limits.plist_depth;
    let observed = move || {
        let _room = room;
        report::observed(of, body.to_vec(), levels, &state.keyring)
    };
    let ledger = &asking.service.ledger;
    let (identifier, observed) = match off_the_reactor(observed).await? {
        Ok(observed) => (observed.profile.identifier.clone(), Ok(observed)),
        Err(refusal) if refusal.may_have_been_granted() => {
            let before = ledger.answered_earlier::<Observed>(&order).await;
            let before = before.map_err(|error| Denied { recorded: false, ..error.into() })?.ok_or(refusal.clone())?;
            (ledger.basis(before.of).await?.profile.identifier, Err(refusal))
        }
        Err(refusal) => return Err(refusal.into()),
    };
    if sweep.specs().is_some() {
        let makers = reach::makers(ledger, &asking.state.catalogue, &device, &identifier).await?;
        // What was handed in is of no spec, and hinders nobody from handing in more.
        let specs = makers.iter().flatten().map(|spec| Some(&**spec));
        if !sweep.covers_all(device.as_str(), specs) {
            return Err(sweep.other_spec().into());
        }
    }
    let Observed { of, known } = match observed {
        Ok(observed) => ledger.observe(&order, observed).await?.value,
        Err(refusal) => taken_before(ledger, &order, "observe", refusal).await?,
    };
    let mut answer = named(&identifier, of);
    answer["device"] = json!(device);
    answer["known"] = known.into();
    Ok(Json(answer))
}

/// When a device answered, as the caller says.
fn answered(at: Option<OffsetDateTime>, order: &Order) -> Result<Option<SystemTime>, Refusal> {
    match at.map(SystemTime::from) {
        Some(at) if at > order.at + AHEAD => {
            let problem = "answered_at is more than five minutes ahead of the daemon's clock".into();
            Err(Refusal::InvalidRequest { problem })
        }
        at => Ok(at),
    }
}

/// What was taken before is answered so again, whatever has changed since that it would be refused for now.
async fn taken_before<T: DeserializeOwned + Send + 'static>(
    ledger: &Ledger,
    order: &Order,
    action: &'static str,
    refusal: Refusal,
) -> Result<T, Denied> {
    let before = match refusal.may_have_been_granted() {
        true => ledger.answered(order, action).await?,
        false => None,
    };
    Ok(before.ok_or(refusal)?)
}

/// An identifier, and the issuance or observation that was meant.
pub(super) fn named(identifier: &str, of: Basis) -> Value {
    let mut named = basis(of);
    named["identifier"] = identifier.into();
    named
}

/// The name of an issuance or observation.
pub(super) fn basis(of: Basis) -> Value {
    match of {
        Basis::Issuance(id) => json!({ "issuance": id }),
        Basis::Observed(id) => json!({ "observation": id }),
    }
}

fn of_type(headers: &HeaderMap, expected: &[&str]) -> Result<(), Refusal> {
    match media_type(headers) {
        Some(given) if expected.contains(&given.as_str()) => Ok(()),
        _ => Err(Refusal::UnsupportedMediaType { expected: expected.join(", ") }),
    }
}

/// How far a caller's clock may be ahead of this one.
const AHEAD: Duration = Duration::from_secs(300);
/// What property lists are sent as: devices send the last.
pub const PLISTS: &[&str] = &[
    "application/xml",
    "text/xml",
    "application/x-plist",
    "application/x-apple-plist",
    "application/x-apple-aspen-mdm",
];
/// What signed profiles are sent as.
pub const PROFILES: &[&str] = &["application/x-apple-aspen-config"];
