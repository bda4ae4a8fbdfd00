//! What devices answered, and what was seen on them.

use std::{fmt, time::SystemTime};

use serde::{Deserialize, Serialize};

use super::{
    Answered, Ledger, OUT_OF_ORDER, Place, Request, Writing,
    error::{Error, Result},
    evidence, rows,
};
use crate::{
    audit::Event,
    device_id::DeviceId,
    digest::Digest,
    installed::{Candidate, Evidence, EvidenceFact, EvidenceKind, Held, History, Installed, Serving, Sighting},
    issuance::{Acknowledgement, Basis, IssuanceId, Observation, ObservationId, ProfileFacts},
    moment::millis,
};

/// A signed profile that a device has, read and verified by the caller.
#[derive(Clone)]
pub struct ObservedProfile {
    /// The device.
    pub device: DeviceId,
    /// What stands in it.
    pub profile: ProfileFacts,
    /// Whether the owner cannot delete it.
    pub locked: bool,
    /// The signed bytes, DER.
    pub signed: Vec<u8>,
}

/// The bytes may hold a removal password.
impl fmt::Debug for ObservedProfile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ObservedProfile({} on {})", self.profile.identifier, self.device)
    }
}

/// What became of an observed profile.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Observed {
    /// Its name in the ledger.
    pub of: Basis,
    /// Whether the ledger had the very same bytes for this device before.
    pub known: bool,
}

/// A device's answer to the MDM command `ProfileList`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProfileList {
    /// The profiles that the device named.
    pub profiles: Vec<ListedProfile>,
    /// The identifiers of those of which no more could be read: nothing is known of them.
    pub unread: Vec<String>,
    /// Whether the list has all that are installed. One of managed profiles only says nothing of what it lacks.
    pub complete: bool,
    /// Identifiers that matter although nothing was issued under them to this device: those of the catalogue, and of what
    /// the keyring signed.
    pub expected: Vec<String>,
    /// When the device answered, if that was not just now.
    pub answered_at: Option<SystemTime>,
}

/// One item of a profile list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ListedProfile {
    /// `PayloadIdentifier`.
    pub identifier: String,
    /// `PayloadUUID`.
    pub uuid: String,
    /// `PayloadRemovalDisallowed`, where the device told it.
    pub removal_disallowed: Option<bool>,
    /// `HasRemovalPasscode`, where the device told it.
    pub has_removal_passcode: Option<bool>,
    /// SHA-256 of the first of `SignerCertificates`, where the device told it.
    pub leaf: Option<Digest>,
}

impl ListedProfile {
    /// Whether its owner cannot delete it, where the device told it.
    pub fn is_locked(&self) -> Option<bool> {
        let told = [self.removal_disallowed, self.has_removal_passcode];
        (told != [None, None]).then(|| told.contains(&Some(true)))
    }
}

impl ProfileList {
    /// The identifier of a profile of nearly this one. Whether devices tell the two apart is not known: so one is neither
    /// taken for the other, nor the other for gone.
    fn nearly(&self, identifier: &str) -> Option<&str> {
        let mut listed = self.profiles.iter().map(|listed| &listed.identifier).chain(&self.unread);
        listed.find(|listed| Similar::are(listed, identifier)).map(String::as_str)
    }
}

impl Similar {
    /// Whether two identifiers are the same but for the case of letters or blanks at their ends.
    pub fn are(one: &str, other: &str) -> bool {
        one.trim().to_lowercase() == other.trim().to_lowercase()
    }

    fn shown(&self) -> String {
        format!("{:?} for {:?}", self.listed, self.identifier)
    }
}

/// What a profile list said of the identifiers that matter.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reconciled {
    /// Installed, and in the ledger: identifier and name.
    pub installed: Vec<(String, Basis)>,
    /// Installed, and not in the ledger; or in it by several signers, of which the device did not say which.
    pub foreign: Vec<String>,
    /// Not installed.
    pub absent: Vec<String>,
    /// Not listed, but for one of nearly the same identifier: nothing is known of them.
    #[serde(default)]
    pub similar: Vec<Similar>,
    /// The record knows something of these that is newer than the list: so the list says nothing of them.
    #[serde(default)]
    pub outdated: Vec<String>,
}

/// An identifier of the record, and one of a list that is the same but for the case of letters or blanks at its ends.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Similar {
    /// The record's.
    pub identifier: String,
    /// The list's.
    pub listed: String,
}

/// What became of a device's answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Taken {
    /// The issuance that it was about.
    pub issuance: IssuanceId,
    /// The device that answered.
    pub device: DeviceId,
    /// What the ledger has as its answer now. Who acknowledged once has the profile, whatever it answers later; unless it was
    /// handed out again since.
    pub acknowledgement: Acknowledgement,
}

impl Ledger {
    /// Records what a device answered to the command that carried an issuance; and when, if that was not just now.
    ///
    /// # Errors
    ///
    /// [`Error::UnknownIssuance`] and [`Error::Conflict`], which are recorded as refusals; when it is not durable.
    pub async fn acknowledge(
        &self,
        request: &Request,
        id: IssuanceId,
        answer: Acknowledgement,
        answered_at: Option<SystemTime>,
    ) -> Result<Answered<Taken>> {
        let event = Event { issuance: Some(id), ..request.event("acknowledge") }.with("status", answer.word());
        let (asked, at) = (event.clone(), request.at);
        let told = told_at(answered_at, at);
        self.answer(request, event, move |writing| acknowledge(writing, &asked, at, told, id, &answer)).await
    }

    /// Records that a device has a signed profile.
    ///
    /// # Errors
    ///
    /// [`Error::Conflict`], which is recorded as a refusal; when it is not durable.
    pub async fn observe(&self, request: &Request, observed: ObservedProfile) -> Result<Answered<Observed>> {
        let id = ObservationId(self.next_id(request.at).0);
        let ObservedProfile { device, profile, locked, signed } = observed;
        let sealed = self.shared.keys.seal(&Place::Profile(id.0), &signed);
        let event = Event {
            device: Some(device.clone()),
            identifier: Some(profile.identifier.clone()),
            ..request.event("observe")
        };
        let event = event.with("signed", Digest::of(&signed)).with("leaf", profile.leaf);
        let (asked, at, facts) = (event.clone(), request.at, request.facts());
        let work = move |writing: &mut Writing<'_>| {
            let seq = writing.append(millis(at), &asked)?;
            let digest = Digest::of(&signed);
            let known = known(writing, &device, &profile.identifier, digest)?;
            let of = known.unwrap_or(Basis::Observed(id));
            if known.is_none() {
                let (device, profile, request) = (device.clone(), profile.clone(), facts.clone());
                let new = Observation { seq, id, device, profile, locked, signed: digest, request };
                rows::insert_observation(writing.db, &new)?;
                rows::insert_sealed(writing.db, seq, &sealed)?;
            }
            let fact = EvidenceFact::Observed(of);
            take(writing, &device, &profile.identifier, Evidence { seq, at, fact }, at)?;
            Ok((seq, Observed { of, known: known.is_some() }))
        };
        self.answer(request, event, work).await
    }

    /// Holds the record of a device against its profile list.
    ///
    /// # Errors
    ///
    /// [`Error::Conflict`], which is recorded as a refusal; when it is not durable.
    pub async fn reconcile(
        &self,
        request: &Request,
        device: DeviceId,
        list: ProfileList,
    ) -> Result<Answered<Reconciled>> {
        let event = Event { device: Some(device.clone()), ..request.event("profile-list") };
        let (asked, at) = (event.clone(), request.at);
        self.answer(request, event, move |writing| reconcile(writing, asked.clone(), at, &device, &list)).await
    }

    /// Everything that is known of one device and identifier, for the rule of `installed.rs`.
    ///
    /// # Errors
    ///
    /// When the ledger cannot be read.
    pub async fn history(&self, device: &DeviceId, identifier: &str) -> Result<History> {
        let (device, identifier) = (device.clone(), identifier.to_owned());
        self.read(move |db| evidence::history(db, &device, &identifier)).await
    }

    /// What a device has of an identifier.
    ///
    /// # Errors
    ///
    /// When the ledger cannot be read.
    pub async fn installed(&self, device: &DeviceId, identifier: &str) -> Result<Installed> {
        Ok(self.history(device, identifier).await?.installed())
    }
}

fn acknowledge(
    writing: &mut Writing<'_>,
    event: &Event,
    at: SystemTime,
    told: SystemTime,
    id: IssuanceId,
    answer: &Acknowledgement,
) -> Result<(u64, Taken)> {
    let issuance = rows::issuance(writing.db, id)?.ok_or(Error::UnknownIssuance(id))?;
    let (device, identifier) = (issuance.device, issuance.profile.identifier);
    let mut event = Event { device: Some(device.clone()), identifier: Some(identifier.clone()), ..event.clone() };
    if let Acknowledgement::Error { chain } = answer {
        event =
            event.with("errors", chain.iter().map(|link| format!("{} {}", link.domain, link.code)).collect::<Vec<_>>());
    }
    let seq = writing.append(millis(at), &event)?;
    // Of one that was handed out again only what is answered from then on counts.
    let repeated =
        issuance.acknowledgement == Some(Acknowledgement::Acknowledged) && !rows::is_handed_out_again(writing.db, id)?;
    let kept = if repeated { Acknowledgement::Acknowledged } else { answer.clone() };
    let update = "UPDATE issuance SET acknowledgement = ?2, acknowledged_at = ?3, answered = ?4 WHERE id = ?1";
    writing.db.prepare_cached(update)?.execute((id.0.as_bytes(), rows::json(&kept), millis(at), seq as i64))?;
    match answer {
        // One that comes again may tell that the core has sent the same once more, of itself.
        Acknowledgement::Acknowledged => {
            let fact = EvidenceFact::Acknowledged(Basis::Issuance(id));
            take(writing, &device, &identifier, Evidence { seq, at, fact }, told)?;
        }
        _ => evidence::refresh(writing.db, &device, &identifier)?,
    }
    Ok((seq, Taken { issuance: id, device, acknowledgement: kept }))
}

fn reconcile(
    writing: &mut Writing<'_>,
    event: Event,
    at: SystemTime,
    device: &DeviceId,
    list: &ProfileList,
) -> Result<(u64, Reconciled)> {
    let mut identifiers = evidence::identifiers(writing.db, device)?;
    // Of several of one identifier, which a device should not have, one that is locked counts.
    let listed = |identifier: &str| {
        let named = list.profiles.iter().filter(|listed| listed.identifier == identifier);
        named.max_by_key(|listed| listed.is_locked() == Some(true))
    };
    identifiers.extend(list.expected.iter().filter(|expected| listed(expected).is_some()).cloned());
    let is_locked = |identifier: &str| listed(identifier).is_some_and(|listed| listed.is_locked() == Some(true));
    identifiers.retain(|identifier| is_locked(identifier) || !list.unread.contains(identifier));
    identifiers.sort();
    identifiers.dedup();
    let mut facts = Vec::new();
    let mut reconciled = Reconciled::default();
    for identifier in identifiers {
        let history = evidence::history(writing.db, device, &identifier)?;
        if let Some(answered) = list.answered_at
            && evidence::last_moment(writing.db, device, &identifier, at + OUT_OF_ORDER)? > Some(answered)
        {
            reconciled.outdated.push(identifier);
            continue;
        }
        let fact = match listed(&identifier) {
            Some(listed) => match seen(&history, listed) {
                Some(fact) => fact,
                None => continue,
            },
            None => match list.nearly(&identifier) {
                Some(listed) => {
                    reconciled.similar.push(Similar { identifier, listed: listed.to_owned() });
                    continue;
                }
                None if list.complete => EvidenceFact::Absent,
                None => continue,
            },
        };
        match &fact {
            EvidenceFact::Listed { of, .. } => reconciled.installed.push((identifier.clone(), *of)),
            EvidenceFact::Absent => reconciled.absent.push(identifier.clone()),
            _ => reconciled.foreign.push(identifier.clone()),
        }
        facts.push((identifier, fact));
    }
    let names = |installed: &(String, Basis)| format!("{} {}", installed.0, installed.1.uuid());
    let event = event
        .with("complete", list.complete)
        .with("installed", reconciled.installed.iter().map(names).collect::<Vec<_>>())
        .with("foreign", reconciled.foreign.clone())
        .with("absent", reconciled.absent.clone());
    let event = match &reconciled.similar[..] {
        [] => event,
        similar => event.with("similar", similar.iter().map(Similar::shown).collect::<Vec<_>>()),
    };
    let event = match &reconciled.outdated[..] {
        [] => event,
        outdated => event.with("outdated", outdated.to_vec()),
    };
    let seq = writing.append(millis(at), &event)?;
    let told = told_at(list.answered_at, at);
    for (identifier, fact) in facts {
        take(writing, device, &identifier, Evidence { seq, at, fact }, told)?;
    }
    Ok((seq, reconciled))
}

/// A profile of the ledger is known by its UUID and, where the device told it, its leaf: the one that the device is known to
/// have, or the newest if all are of one leaf. Else it counts as one of somebody else's, and `installed.rs` says what it may
/// be.
/// Nothing where the device told too little to say anything new.
fn seen(history: &History, listed: &ListedProfile) -> Option<EvidenceFact> {
    let locked = listed.is_locked();
    let sighting = Sighting { uuid: listed.uuid.clone(), leaf: listed.leaf, locked };
    if sighting.uuid.is_empty() {
        return seen_without_uuid(history, sighting);
    }
    let same = history.of_uuid(&sighting.uuid, sighting.leaf);
    let (known, before) = match history.installed() {
        Installed::Profile(known) if known.evidence != EvidenceKind::Issued => (Some(known.of), None),
        Installed::Foreign { sighting, .. } => (None, Some(sighting)),
        _ => (None, None),
    };
    let is_one = |last: &&&Held| same.iter().all(|held| held.leaf == last.leaf);
    let of = same.iter().find(|held| Some(held.of) == known).or(same.last().filter(is_one)).map(|held| held.of);
    Some(match of {
        Some(of) => EvidenceFact::Listed { of, locked: locked.unwrap_or_else(|| history.was_told_locked(of)) },
        None => EvidenceFact::Foreign(match before {
            Some(before) if sighting.may_be(&before) => sighting.with(&before),
            _ => sighting,
        }),
    })
}

impl Sighting {
    /// Whether it may be of the same profile as another one.
    fn may_be(&self, other: &Self) -> bool {
        let is_other = |leaf: Digest| other.leaf.is_some_and(|told| told != leaf);
        let is_named = other.uuid.is_empty() || self.uuid.eq_ignore_ascii_case(&other.uuid);
        is_named && !self.leaf.is_some_and(is_other)
    }

    /// With what was told before and not this time.
    fn with(self, before: &Self) -> Self {
        Self { leaf: self.leaf.or(before.leaf), locked: self.locked.or(before.locked), ..self }
    }
}

/// Apple's schema has the UUID as optional. Without it the profile is the one that the device may have, if that is one;
/// of several, or of somebody else's that was seen before, such a list does not tell more than was known.
fn seen_without_uuid(history: &History, sighting: Sighting) -> Option<EvidenceFact> {
    let signed = |leaf: &Digest| sighting.leaf.is_none_or(|told| told == *leaf);
    let mut may_be = match history.installed() {
        Installed::Profile(Serving { of, leaf, locked, later, .. }) => {
            [vec![Candidate { of, leaf, locked }], later].concat()
        }
        Installed::Ambiguous { candidates } => candidates,
        Installed::Foreign { sighting: before, later, .. } if before.leaf.is_none_or(|leaf| signed(&leaf)) => {
            let leaf = sighting.leaf.or(before.leaf);
            let more = Sighting { uuid: before.uuid.clone(), leaf, locked: sighting.locked.or(before.locked) };
            let is_more = more != before && (later.is_empty() || sighting.leaf.is_some());
            return is_more.then_some(EvidenceFact::Foreign(more));
        }
        Installed::Foreign { .. } | Installed::Absent { .. } | Installed::Refused | Installed::Unknown => vec![],
    };
    may_be.retain(|candidate| signed(&candidate.leaf));
    match &may_be[..] {
        [] => Some(EvidenceFact::Foreign(sighting)),
        [one] => Some(EvidenceFact::Listed { of: one.of, locked: sighting.locked.unwrap_or(one.locked) }),
        // None of those that it may be is locked: it is another, or one of them is locked all the same.
        all if sighting.locked == Some(true) && all.iter().all(|one| !one.locked) => {
            Some(EvidenceFact::Foreign(sighting))
        }
        _ => None,
    }
}

fn known(writing: &Writing<'_>, device: &DeviceId, identifier: &str, signed: Digest) -> Result<Option<Basis>> {
    if let Some(issuance) = rows::issuance_of_bytes(writing.db, device, identifier, signed)? {
        return Ok(Some(Basis::Issuance(issuance.id)));
    }
    let observation = rows::observation_of_bytes(writing.db, device, identifier, signed)?;
    Ok(observation.map(|observation| Basis::Observed(observation.id)))
}

/// When a device told what is recorded at a moment; a clock that is ahead does not count.
fn told_at(answered_at: Option<SystemTime>, recorded: SystemTime) -> SystemTime {
    answered_at.map_or(recorded, |answered| answered.min(recorded))
}

fn take(
    writing: &Writing<'_>,
    device: &DeviceId,
    identifier: &str,
    evidence: Evidence,
    told: SystemTime,
) -> Result<()> {
    evidence::insert(writing.db, device, identifier, &evidence, told)?;
    evidence::refresh(writing.db, device, identifier)
}

#[cfg(test)]
mod tests;
