//! Issuances, observations and their sealed bytes as rows.

use rusqlite::{Connection, OptionalExtension, Row, named_params, types::Type};
use uuid::Uuid;

use super::{chain::number, error::Result, seal::Sealed};
use crate::{
    device_id::DeviceId,
    digest::Digest,
    issuance::{
        Basis, Issuance, IssuanceId, Observation, ObservationId, OverwriteForm, ProfileFacts, RequestFacts, SpecRef,
        Variant,
    },
    moment::{from_millis, millis},
};

/// Writes an issuance as that of the record of this number.
pub(super) fn insert_issuance(db: &Connection, seq: u64, issuance: &Issuance) -> Result<()> {
    let Issuance { id, device, profile, variant, spec, parameters, signed, request, imported, remarks, .. } = issuance;
    let (form, of) = match variant {
        Variant::Locked => (None, None),
        Variant::Overwrite { form, of } => (Some(form.word()), Some(*of)),
    };
    let (of_issuance, of_observation) = split(of);
    db.prepare_cached(INSERT_ISSUANCE)?.execute(named_params! {
        ":seq": seq as i64,
        ":id": id.0.as_bytes(),
        ":device": device.as_str(),
        ":identifier": profile.identifier,
        ":uuid": profile.uuid,
        ":payload_uuids": json(&profile.payload_uuids),
        ":plist": profile.plist.0,
        ":leaf": profile.leaf.0,
        ":leaf_key": profile.leaf_key.0,
        ":variant": variant.word(),
        ":form": form,
        ":of_issuance": of_issuance,
        ":of_observation": of_observation,
        ":spec": spec.as_ref().map(|spec| &spec.name),
        ":spec_digest": spec.as_ref().map(|spec| spec.digest.0),
        ":parameters": parameters.map(|digest| digest.0),
        ":signed": signed.0,
        ":caller": request.caller,
        ":role": request.role,
        ":request": request.id,
        ":idempotency_key": request.idempotency_key,
        ":at": millis(request.at),
        ":imported": imported,
        ":remarks": remarks.to_string(),
    })?;
    Ok(())
}

/// Writes an observation.
pub(super) fn insert_observation(db: &Connection, observation: &Observation) -> Result<()> {
    let Observation { seq, id, device, profile, locked, signed, request } = observation;
    db.prepare_cached(INSERT_OBSERVATION)?.execute(named_params! {
        ":seq": *seq as i64,
        ":id": id.0.as_bytes(),
        ":device": device.as_str(),
        ":identifier": profile.identifier,
        ":uuid": profile.uuid,
        ":payload_uuids": json(&profile.payload_uuids),
        ":plist": profile.plist.0,
        ":leaf": profile.leaf.0,
        ":leaf_key": profile.leaf_key.0,
        ":locked": locked,
        ":signed": signed.0,
        ":caller": request.caller,
        ":role": request.role,
        ":request": request.id,
        ":idempotency_key": request.idempotency_key,
        ":at": millis(request.at),
    })?;
    Ok(())
}

/// The names of the keys that sealed something: those that were noted, and in any case that of the last profile.
pub(super) fn sealers(db: &Connection) -> Result<Vec<String>> {
    let mut sealers = db.prepare(
        "SELECT substr(name, 8) FROM meta WHERE name GLOB 'sealer *'
         UNION SELECT * FROM (SELECT key FROM sealed ORDER BY seq DESC LIMIT 1)",
    )?;
    Ok(sealers.query_map([], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?)
}

/// Notes the name of the key that sealed something: a look at all of it for the names would take long.
pub(super) fn note_sealer(db: &Connection, sealed: &Sealed) -> Result<()> {
    let mut note = db.prepare_cached("INSERT OR IGNORE INTO meta (name, value) VALUES ('sealer ' || ?1, '')")?;
    note.execute([&sealed.key])?;
    Ok(())
}

/// Writes the sealed bytes of the record of this number.
pub(super) fn insert_sealed(db: &Connection, seq: u64, sealed: &Sealed) -> Result<()> {
    note_sealer(db, sealed)?;
    let mut insert = db.prepare_cached("INSERT INTO sealed (seq, key, body) VALUES (?1, ?2, ?3)")?;
    insert.execute((seq as i64, &sealed.key, &sealed.body))?;
    Ok(())
}

/// The issuance of this name.
pub(super) fn issuance(db: &Connection, id: IssuanceId) -> Result<Option<Issuance>> {
    let mut select = db.prepare_cached(&format!("SELECT {ISSUANCE} FROM issuance WHERE id = ?1"))?;
    Ok(select.query_row([id.0.as_bytes()], read_issuance).optional()?)
}

/// The issuance of the record of this number.
pub(super) fn issuance_at(db: &Connection, seq: u64) -> Result<Option<Issuance>> {
    let mut select = db.prepare_cached(&format!("SELECT {ISSUANCE} FROM issuance WHERE seq = ?1"))?;
    Ok(select.query_row([seq as i64], read_issuance).optional()?)
}

/// The issuance to a device with exactly these signed bytes, the last if there are several.
pub(super) fn issuance_of_bytes(
    db: &Connection,
    device: &DeviceId,
    profile: &str,
    signed: Digest,
) -> Result<Option<Issuance>> {
    let of_bytes = "device = ?1 AND identifier = ?2 AND signed = ?3 ORDER BY seq DESC LIMIT 1";
    let mut select = db.prepare_cached(&format!("SELECT {ISSUANCE} FROM issuance WHERE {of_bytes}"))?;
    Ok(select.query_row((device.as_str(), profile, signed.0), read_issuance).optional()?)
}

/// Whether it was handed out again since its device last answered.
pub(super) fn is_handed_out_again(db: &Connection, id: IssuanceId) -> Result<bool> {
    let mut select = db.prepare_cached("SELECT again > coalesce(answered, 0) FROM issuance WHERE id = ?1")?;
    Ok(select.query_row([id.0.as_bytes()], |row| row.get::<_, Option<bool>>(0)).optional()?.flatten().unwrap_or(false))
}

/// The last issuances to a device, newest first.
pub(super) fn issuances_of(db: &Connection, device: &DeviceId, limit: usize) -> Result<Vec<Issuance>> {
    let newest = "device = ?1 ORDER BY seq DESC LIMIT ?2";
    let mut select = db.prepare_cached(&format!("SELECT {ISSUANCE} FROM issuance WHERE {newest}"))?;
    let issuances = select.query_map((device.as_str(), limit as i64), read_issuance)?;
    Ok(issuances.collect::<rusqlite::Result<_>>()?)
}

/// The observation of this name.
pub(super) fn observation(db: &Connection, id: ObservationId) -> Result<Option<Observation>> {
    let mut select = db.prepare_cached(&format!("SELECT {OBSERVATION} FROM observation WHERE id = ?1"))?;
    Ok(select.query_row([id.0.as_bytes()], read_observation).optional()?)
}

/// The observation on a device with exactly these signed bytes, the last if there are several.
pub(super) fn observation_of_bytes(
    db: &Connection,
    device: &DeviceId,
    profile: &str,
    signed: Digest,
) -> Result<Option<Observation>> {
    let of_bytes = "device = ?1 AND identifier = ?2 AND signed = ?3 ORDER BY seq DESC LIMIT 1";
    let mut select = db.prepare_cached(&format!("SELECT {OBSERVATION} FROM observation WHERE {of_bytes}"))?;
    Ok(select.query_row((device.as_str(), profile, signed.0), read_observation).optional()?)
}

/// The last observations on a device, newest first.
pub(super) fn observations_of(db: &Connection, device: &DeviceId, limit: usize) -> Result<Vec<Observation>> {
    let newest = "device = ?1 ORDER BY seq DESC LIMIT ?2";
    let mut select = db.prepare_cached(&format!("SELECT {OBSERVATION} FROM observation WHERE {newest}"))?;
    let observations = select.query_map((device.as_str(), limit as i64), read_observation)?;
    Ok(observations.collect::<rusqlite::Result<_>>()?)
}

/// The sealed bytes of the record of this number.
pub(super) fn sealed(db: &Connection, seq: u64) -> Result<Option<Sealed>> {
    let mut select = db.prepare_cached("SELECT key, body FROM sealed WHERE seq = ?1")?;
    let read = |row: &Row<'_>| Ok(Sealed { key: row.get(0)?, body: row.get(1)? });
    Ok(select.query_row([seq as i64], read).optional()?)
}

/// How many overwrites a caller made after a moment and up to another, and when the first of the last `limit` was made.
pub(super) fn overwrites(
    db: &Connection,
    caller: &str,
    (after, until): (i64, i64),
    limit: u64,
) -> Result<(u64, Option<i64>)> {
    let made = "variant = 'overwrite' AND imported = 0 AND caller = ?1 AND at > ?2 AND at <= ?3";
    let mut count = db.prepare_cached(&format!("SELECT count(*) FROM issuance WHERE {made}"))?;
    let count = count.query_row((caller, after, until), |row| number(row, 0))?;
    let last = limit.saturating_sub(1).cast_signed();
    let mut oldest =
        db.prepare_cached(&format!("SELECT at FROM issuance WHERE {made} ORDER BY at DESC LIMIT 1 OFFSET ?4"))?;
    Ok((count, oldest.query_row((caller, after, until, last), |row| row.get(0)).optional()?))
}

/// A basis as its two columns.
pub(super) fn split(of: Option<Basis>) -> (Option<[u8; 16]>, Option<[u8; 16]>) {
    match of {
        Some(Basis::Issuance(id)) => (Some(*id.0.as_bytes()), None),
        Some(Basis::Observed(id)) => (None, Some(*id.0.as_bytes())),
        None => (None, None),
    }
}

/// A basis from its two columns.
pub(super) fn join(issuance: Option<[u8; 16]>, observation: Option<[u8; 16]>) -> Option<Basis> {
    let observed = |id| Basis::Observed(ObservationId(Uuid::from_bytes(id)));
    issuance.map(|id| Basis::Issuance(IssuanceId(Uuid::from_bytes(id)))).or(observation.map(observed))
}

/// Text that was JSON when it was written.
pub(super) fn from_json<T: serde::de::DeserializeOwned>(text: &str) -> rusqlite::Result<T> {
    serde_json::from_str(text).map_err(|cause| wrong(cause.into()))
}

/// A value as JSON text.
pub(super) fn json<T: serde::Serialize>(value: &T) -> String {
    serde_json::to_string(value).expect("texts, numbers and lists always have a JSON text")
}

/// A column that holds something else than what was written.
pub(super) fn wrong(cause: Box<dyn std::error::Error + Send + Sync>) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(0, Type::Text, cause)
}

/// A device's name that was checked when it was written.
pub(super) fn device(text: String) -> rusqlite::Result<DeviceId> {
    DeviceId::try_from(text).map_err(|cause| wrong(cause.into()))
}

fn read_issuance(row: &Row<'_>) -> rusqlite::Result<Issuance> {
    let variant = match row.get::<_, Option<String>>("form")? {
        None => Variant::Locked,
        Some(form) => Variant::Overwrite {
            form: if form == OverwriteForm::Empty.word() { OverwriteForm::Empty } else { OverwriteForm::Omitted },
            of: join(row.get("of_issuance")?, row.get("of_observation")?).ok_or_else(|| wrong("no basis".into()))?,
        },
    };
    let spec_digest: Option<[u8; 32]> = row.get("spec_digest")?;
    let spec = row.get::<_, Option<String>>("spec")?.zip(spec_digest);
    let acknowledgement: Option<String> = row.get("acknowledgement")?;
    Ok(Issuance {
        seq: seq(row)?,
        id: IssuanceId(Uuid::from_bytes(row.get("id")?)),
        device: device(row.get("device")?)?,
        profile: read_profile(row)?,
        variant,
        spec: spec.map(|(name, digest)| SpecRef { name, digest: Digest(digest) }),
        parameters: row.get::<_, Option<_>>("parameters")?.map(Digest),
        signed: Digest(row.get("signed")?),
        request: read_request(row)?,
        imported: row.get("imported")?,
        remarks: from_json(&row.get::<_, String>("remarks")?)?,
        acknowledgement: acknowledgement.map(|text| from_json(&text)).transpose()?,
        acknowledged_at: row.get::<_, Option<i64>>("acknowledged_at")?.map(from_millis),
    })
}

fn read_observation(row: &Row<'_>) -> rusqlite::Result<Observation> {
    Ok(Observation {
        seq: seq(row)?,
        id: ObservationId(Uuid::from_bytes(row.get("id")?)),
        device: device(row.get("device")?)?,
        profile: read_profile(row)?,
        locked: row.get("locked")?,
        signed: Digest(row.get("signed")?),
        request: read_request(row)?,
    })
}

fn read_profile(row: &Row<'_>) -> rusqlite::Result<ProfileFacts> {
    Ok(ProfileFacts {
        identifier: row.get("identifier")?,
        uuid: row.get("uuid")?,
        payload_uuids: from_json(&row.get::<_, String>("payload_uuids")?)?,
        plist: Digest(row.get("plist")?),
        leaf: Digest(row.get("leaf")?),
        leaf_key: Digest(row.get("leaf_key")?),
    })
}

fn read_request(row: &Row<'_>) -> rusqlite::Result<RequestFacts> {
    Ok(RequestFacts {
        caller: row.get("caller")?,
        role: row.get("role")?,
        id: row.get("request")?,
        idempotency_key: row.get("idempotency_key")?,
        at: from_millis(row.get("at")?),
    })
}

fn seq(row: &Row<'_>) -> rusqlite::Result<u64> {
    row.get("seq").map(i64::cast_unsigned)
}

const INSERT_ISSUANCE: &str = "INSERT INTO issuance
    (seq, id, device, identifier, uuid, payload_uuids, plist, leaf, leaf_key, variant, form, of_issuance,
     of_observation, spec, spec_digest, parameters, signed, caller, role, request, idempotency_key, at, imported, remarks)
    VALUES (:seq, :id, :device, :identifier, :uuid, :payload_uuids, :plist, :leaf, :leaf_key, :variant, :form,
     :of_issuance, :of_observation, :spec, :spec_digest, :parameters, :signed, :caller, :role, :request,
     :idempotency_key, :at, :imported, :remarks)";
const INSERT_OBSERVATION: &str = "INSERT INTO observation
    (seq, id, device, identifier, uuid, payload_uuids, plist, leaf, leaf_key, locked, signed, caller, role, request,
     idempotency_key, at)
    VALUES (:seq, :id, :device, :identifier, :uuid, :payload_uuids, :plist, :leaf, :leaf_key, :locked, :signed, :caller,
     :role, :request, :idempotency_key, :at)";
const ISSUANCE: &str = "seq, id, device, identifier, uuid, payload_uuids, plist, leaf, leaf_key, form, of_issuance,
    of_observation, spec, spec_digest, parameters, signed, caller, role, request, idempotency_key, at, imported,
    remarks, acknowledgement, acknowledged_at";
const OBSERVATION: &str = "seq, id, device, identifier, uuid, payload_uuids, plist, leaf, leaf_key, locked, signed,
    caller, role, request, idempotency_key, at";
