//! Routes that tell what the record has (role `read`).

use axum::Json;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use profile_kit::{Arrival, Os, OsVersion, Platform};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    Asking, InPath, InQuery,
    form::{self, moment},
    off_the_reactor,
    reports::basis,
};
use crate::{
    Refusal,
    device_id::DeviceId,
    diagnosis::{self, Case, Diagnosis, Standing, Target},
    installed::{Candidate, Installed, Serving, State},
    issuance::{Issuance, IssuanceId, Observation, Variant},
    ledger::{Cursor, DeviceRecord, Holding, Similar},
    reach,
    refusal::Denied,
    role,
};

/// `GET /v1/issuances/{issuance}`.
pub async fn issuance(asking: Asking, InPath(id): InPath<IssuanceId>) -> Result<Json<Value>, Denied> {
    let sweep = asking.may_sweep::<role::Read>()?;
    let issuance = asking.service.ledger.issuance(id).await?.ok_or(Refusal::UnknownIssuance)?;
    sweep.permit(&issuance.device, spec_of(&issuance))?;
    Ok(Json(told(&asking, &issuance)))
}

/// `GET /v1/devices/{device}`: what it has, and what was issued to it last.
pub async fn device(asking: Asking, InPath(device): InPath<DeviceId>) -> Result<Json<Value>, Denied> {
    let DeviceRecord { device, installed, issuances, observations } = record(&asking, &device, LAST).await?;
    let sweep = asking.may_sweep::<role::Read>()?;
    let known = |identifier: &str| installed.iter().any(|(holding, _)| holding.identifier == identifier);
    let issuances = issuances.iter().filter(|issuance| sweep.covers(device.as_str(), spec_of(issuance)));
    let observations = observations.iter().filter(|observation| known(&observation.profile.identifier));
    let profiles = installed.iter().map(|(holding, installed)| profile(holding, installed));
    Ok(Json(json!({
        "device": device,
        "profiles": profiles.collect::<Vec<_>>(),
        "issuances": issuances.map(|issuance| told(&asking, issuance)).collect::<Vec<_>>(),
        "observations": observations.map(seen).collect::<Vec<_>>(),
    })))
}

/// What is asked of all devices.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DevicesQuery {
    /// Only those in this state.
    state: Option<String>,
    /// After this place: `next` of the page before.
    after: Option<String>,
    /// How many at most.
    limit: Option<usize>,
}

/// `GET /v1/devices`: devices and identifiers in their order, page by page.
pub async fn devices(asking: Asking, InQuery(query): InQuery<DevicesQuery>) -> Result<Json<Value>, Denied> {
    let sweep = asking.may_sweep::<role::Read>()?;
    let DevicesQuery { state, after, limit } = query;
    let unknown = || invalid(&format!("state is none of {}", State::ALL.map(State::word).join(", ")));
    let state = state.map(|word| State::from_word(&word).ok_or_else(unknown)).transpose()?;
    let after =
        after.map(|text| place(&text).ok_or_else(|| invalid("after is no place that a page ended at"))).transpose()?;
    let limit = limit.unwrap_or(PAGE);
    if !(1..=LARGEST_PAGE).contains(&limit) {
        return Err(invalid("limit is not from 1 to 1000").into());
    }
    let mut page = asking.service.ledger.devices(sweep.scope(), state, after, limit + 1).await?;
    let more = page.len() > limit;
    page.truncate(limit);
    let next = page.last().filter(|_| more).map(|last| URL_SAFE_NO_PAD.encode(json!(Cursor::from(last)).to_string()));
    let item = |Holding { device, identifier, state, .. }: &Holding| json!({ "device": device, "identifier": identifier, "state": state });
    Ok(Json(json!({ "devices": page.iter().map(item).collect::<Vec<_>>(), "next": next })))
}

/// What is known of a device, for its diagnosis.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DiagnosisQuery {
    /// Only the profile of this identifier.
    identifier: Option<String>,
    /// `iOS`, `iPadOS`, `macOS`, `tvOS`, `visionOS` or `watchOS`, in letters of either case; with `os`.
    platform: Option<String>,
    /// The system's version; with `platform`, or of iOS.
    os: Option<String>,
    /// Whether it is supervised.
    supervised: Option<bool>,
}

/// `GET /v1/devices/{device}/diagnosis`: why it is not free, and what comes next.
pub async fn diagnosis(
    asking: Asking,
    InPath(device): InPath<DeviceId>,
    InQuery(query): InQuery<DiagnosisQuery>,
) -> Result<Json<Value>, Denied> {
    let target = query.target()?;
    let record = record(&asking, &device, 1).await?;
    let mut known: Vec<_> = record.installed.into_iter().map(|(holding, _)| holding.identifier).collect();
    if let Some(asked) = query.identifier {
        let similar =
            known.extract_if(.., |known| *known != asked).filter(|known| Similar::are(known, &asked)).collect();
        if known.is_empty() {
            let (device, identifier) = (device.to_string(), short(&asked));
            return Err(Refusal::UnknownInstallation { device, identifier, similar }.into());
        }
    }
    let mut profiles = Vec::new();
    for identifier in known {
        profiles.push(diagnose(&asking, &device, identifier, target).await?);
    }
    let free = !profiles.is_empty() && profiles.iter().all(|profile| profile.standing == Standing::Free);
    Ok(Json(json!({ "device": device, "free": free, "profiles": profiles })))
}

async fn diagnose(asking: &Asking, device: &DeviceId, identifier: String, target: Target) -> Result<Diagnosis, Denied> {
    let ledger = &asking.service.ledger;
    let history = ledger.history(device, &identifier).await?;
    let signed = match history.to_overwrite() {
        Installed::Profile(Serving { of, .. }) => Some(ledger.basis(of).await?.signed),
        _ => None,
    };
    let (state, at) = (asking.state.clone(), asking.at);
    let judge = move || {
        let installed = signed.and_then(|signed| Arrival::from_bytes(&signed).ok());
        let (history, installed) = (&history, installed.as_ref());
        let identifier = &identifier;
        diagnosis::of(&Case { identifier, history, keyring: &state.keyring, installed, target, at })
    };
    Ok(off_the_reactor(judge).await?)
}

impl DiagnosisQuery {
    fn target(&self) -> Result<Target, Refusal> {
        let platform = match self.platform.as_deref() {
            None => Platform::Ios,
            Some(name) => {
                name.parse().map_err(|_| invalid("platform is none of iOS, iPadOS, macOS, tvOS, visionOS, watchOS"))?
            }
        };
        let version = |text: &String| text.parse::<OsVersion>().map_err(|_| invalid("os is no version such as 17.5"));
        let os = self.os.as_ref().map(version).transpose()?.map(|version| Os { platform, version });
        if self.platform.is_some() && os.is_none() {
            return Err(invalid("platform comes with os"));
        }
        Ok(Target { os, supervised: self.supervised })
    }
}

/// The record of a device, as far as the caller's scope goes.
async fn record(asking: &Asking, device: &DeviceId, last: usize) -> Result<DeviceRecord, Denied> {
    let sweep = asking.may_sweep::<role::Read>()?;
    sweep.device(device.as_str())?;
    let unknown = || Refusal::UnknownDevice { device: device.to_string() };
    let mut record = asking.service.ledger.device(device, last).await?.ok_or_else(unknown)?;
    let holds = !record.installed.is_empty();
    record.installed.retain(|(holding, _)| reach::covers(&sweep, holding));
    if holds && record.installed.is_empty() {
        return Err(sweep.other_spec().into());
    }
    Ok(record)
}

fn spec_of(issuance: &Issuance) -> Option<&str> {
    issuance.spec.as_ref().map(|spec| &*spec.name)
}

/// An issuance as the record has it now. Who knows all of a profile but a short password could try that out by the digest of
/// its property list: it is told to those who may have the profile itself.
fn told(asking: &Asking, issuance: &Issuance) -> Value {
    let mut members = form::issuance(issuance);
    let (device, spec) = (&issuance.device, spec_of(issuance));
    let may_have = match issuance.variant {
        Variant::Locked => asking.may::<role::Issue>(device, spec).is_ok(),
        Variant::Overwrite { .. } => asking.may::<role::Overwrite>(device, spec).is_ok(),
    };
    if !may_have {
        members.remove("plist");
    }
    members.insert("role".into(), json!(issuance.request.role));
    members.insert("request".into(), json!(issuance.request.id));
    members.insert("imported".into(), issuance.imported.into());
    members.insert("acknowledgement".into(), json!(issuance.acknowledgement));
    members.insert("acknowledged".into(), json!(issuance.acknowledged_at.and_then(moment)));
    Value::Object(members)
}

/// A profile that was seen, and not issued here.
fn seen(observation: &Observation) -> Value {
    let Observation { id, device, profile, locked, signed, request, .. } = observation;
    json!({
        "observation": id,
        "device": device,
        "identifier": profile.identifier,
        "uuid": profile.uuid,
        "locked": locked,
        "signed": signed,
        "leaf": profile.leaf,
        "reported": moment(request.at),
        "caller": request.caller,
    })
}

/// What a device has of one identifier.
fn profile(holding: &Holding, installed: &Installed) -> Value {
    let mut profile = match installed {
        Installed::Profile(serving) => serves(serving),
        Installed::Ambiguous { candidates } => json!({ "candidates": listed(candidates) }),
        Installed::Absent { since } => json!({ "absent_since": moment(*since) }),
        Installed::Foreign { sighting, earlier, later } => {
            json!({ "sighting": sighting, "earlier": listed(earlier), "later": listed(later) })
        }
        Installed::Refused | Installed::Unknown => json!({}),
    };
    profile["identifier"] = json!(holding.identifier);
    profile["state"] = json!(holding.state);
    profile
}

fn serves(serving: &Serving) -> Value {
    // Who asks for an overwrite is told what speaks against it.
    let Serving { of, leaf, leaf_key, locked, evidence, later, seen: _ } = serving;
    let mut installed = basis(*of);
    installed["leaf"] = json!(leaf);
    installed["leaf_key"] = json!(leaf_key);
    installed["locked"] = json!(locked);
    json!({ "installed": installed, "evidence": evidence, "later": listed(later) })
}

fn listed(candidates: &[Candidate]) -> Vec<Value> {
    let one = |Candidate { of, leaf, locked }: &Candidate| {
        let mut one = basis(*of);
        one["leaf"] = json!(leaf);
        one["locked"] = json!(locked);
        one
    };
    candidates.iter().map(one).collect()
}

fn place(text: &str) -> Option<Cursor> {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(text).ok()?).ok()
}

/// A name of the caller's, as far as an answer repeats it.
fn short(name: &str) -> String {
    name.chars().take(64).collect()
}

fn invalid(problem: &str) -> Refusal {
    Refusal::InvalidRequest { problem: problem.into() }
}

/// How many issuances and observations a device's record shows.
const LAST: usize = 100;
/// How many devices a page has, unless the caller asks for another number.
const PAGE: usize = 100;
const LARGEST_PAGE: usize = 1000;
