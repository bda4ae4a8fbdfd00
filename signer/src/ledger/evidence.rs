//! Evidence of what a device has, as rows; and what follows from it, kept for questions over the fleet.

use std::time::SystemTime;

use rusqlite::{Connection, OptionalExtension, Row, named_params};

use super::{
    chain::number,
    error::Result,
    rows::{self, from_json, join, split, wrong},
};
use crate::{
    device_id::DeviceId,
    digest::Digest,
    installed::{Evidence, EvidenceFact, Held, History, Sighting, State},
    issuance::Issuance,
    moment::{from_millis, millis},
};

/// Everything that is known of one device and identifier.
pub(super) fn history(db: &Connection, device: &DeviceId, identifier: &str) -> Result<History> {
    let held = db
        .prepare_cached(HELD)?
        .query_map((device.as_str(), identifier), read_held)?
        .collect::<rusqlite::Result<Vec<_>>>()?;
    let evidence = db
        .prepare_cached(EVIDENCE)?
        .query_map((device.as_str(), identifier), read_evidence)?
        .collect::<rusqlite::Result<Vec<_>>>()?;
    Ok(History { held, evidence })
}

/// The last moment up to another of which something is known: what the device told, or that a profile was handed out.
pub(super) fn last_moment(
    db: &Connection,
    device: &DeviceId,
    identifier: &str,
    until: SystemTime,
) -> Result<Option<SystemTime>> {
    let key = (device.as_str(), identifier, millis(until));
    let last: Option<i64> = db.prepare_cached(LAST_MOMENT)?.query_row(key, |row| row.get(0))?;
    Ok(last.map(from_millis))
}

/// Writes evidence that the device told at a moment. Where the newest says the same and nothing was issued since, only that
/// moment is kept.
pub(super) fn insert(
    db: &Connection,
    device: &DeviceId,
    identifier: &str,
    evidence: &Evidence,
    told: SystemTime,
) -> Result<()> {
    if let Some(seq) = known(db, device, identifier, evidence)? {
        let update = "UPDATE evidence SET told = max(coalesce(told, at), ?4)
            WHERE device = ?1 AND identifier = ?2 AND seq = ?3";
        db.prepare_cached(update)?.execute((device.as_str(), identifier, seq as i64, millis(told)))?;
        return Ok(());
    }
    let Evidence { seq, at, fact } = evidence;
    let (of_issuance, of_observation) = split(fact.basis());
    let sighting = if let EvidenceFact::Foreign(sighting) = fact { Some(sighting) } else { None };
    let locked = match fact {
        EvidenceFact::Foreign(sighting) => sighting.locked,
        EvidenceFact::Listed { locked, .. } => Some(*locked),
        _ => None,
    };
    db.prepare_cached(INSERT)?.execute(named_params! {
        ":seq": *seq as i64,
        ":device": device.as_str(),
        ":identifier": identifier,
        ":at": millis(*at),
        ":told": millis(told),
        ":kind": kind(fact),
        ":of_issuance": of_issuance,
        ":of_observation": of_observation,
        ":uuid": sighting.map(|sighting| &sighting.uuid),
        ":leaf": sighting.and_then(|sighting| sighting.leaf).map(|leaf| leaf.0),
        ":locked": locked,
    })?;
    Ok(())
}

/// Works out again what follows for one device and identifier.
pub(super) fn refresh(db: &Connection, device: &DeviceId, identifier: &str) -> Result<()> {
    let history = history(db, device, identifier)?;
    let key = (device.as_str(), identifier);
    db.prepare_cached("DELETE FROM holding_leaf WHERE device = ?1 AND identifier = ?2")?.execute(key)?;
    let Some(state) = history.state() else {
        db.prepare_cached("DELETE FROM holding WHERE device = ?1 AND identifier = ?2")?.execute(key)?;
        return Ok(());
    };
    let upsert = "INSERT INTO holding (device, identifier, state) VALUES (?1, ?2, ?3)
        ON CONFLICT DO UPDATE SET state = excluded.state";
    db.prepare_cached(upsert)?.execute((device.as_str(), identifier, state.word()))?;
    insert_leaves(db, device, identifier, &history)
}

/// Works out again what follows for all of them where that was done by an earlier rule.
pub(super) fn follow_rule(db: &mut Connection) -> Result<()> {
    let all = db.transaction()?;
    let followed = "SELECT value FROM meta WHERE name = 'rule'";
    if all.query_row(followed, [], |row| row.get::<_, String>(0)).optional()?.as_deref() == Some(RULE) {
        return Ok(());
    }
    let read = |row: &Row<'_>| Ok((rows::device(row.get(0)?)?, row.get::<_, String>(1)?));
    let holdings: Vec<_> =
        all.prepare("SELECT device, identifier FROM holding")?.query_map([], read)?.collect::<rusqlite::Result<_>>()?;
    holdings.iter().try_for_each(|(device, identifier)| refresh(&all, device, identifier))?;
    let follow = "INSERT INTO meta (name, value) VALUES ('rule', ?1) ON CONFLICT DO UPDATE SET value = excluded.value";
    all.execute(follow, [RULE])?;
    Ok(all.commit()?)
}

/// Works it out after an issuance. Most are the first of their device, of which nothing else is known. Where the one
/// before was of the same kind and leaf and nothing is known since, nothing changes: a device to which the same is
/// issued again and again does not make each issuance slower.
pub(super) fn refresh_after_issuance(db: &Connection, seq: u64, issuance: &Issuance) -> Result<()> {
    let (device, identifier) = (&issuance.device, &*issuance.profile.identifier);
    let first = History { held: vec![Held::issued(seq, issuance)], evidence: vec![] };
    let insert = "INSERT INTO holding (device, identifier, state) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING";
    let state = first.state().map(State::word);
    if db.prepare_cached(insert)?.execute((device.as_str(), identifier, state))? == 1 {
        return insert_leaves(db, device, identifier, &first);
    }
    let read = |row: &Row<'_>| {
        let kind: (String, [u8; 32]) = (row.get(1)?, row.get(2)?);
        Ok((number(row, 0)?, kind, row.get::<_, Option<String>>(3)?))
    };
    let mut newest = db.prepare_cached(NEWEST)?;
    let newest: Vec<_> = newest.query_map((device.as_str(), identifier), read)?.collect::<rusqlite::Result<_>>()?;
    if let [(_, new, _), (before, old, None)] = &newest[..]
        && new == old
        && last_evidence(db, device, identifier)?.is_none_or(|evidence| evidence.seq < *before)
    {
        return Ok(());
    }
    refresh(db, device, identifier)
}

/// The identifiers of which a device is known to have, or to have had, a profile.
pub(super) fn identifiers(db: &Connection, device: &DeviceId) -> Result<Vec<String>> {
    let mut select = db.prepare_cached("SELECT identifier FROM holding WHERE device = ?1 ORDER BY identifier")?;
    Ok(select.query_map([device.as_str()], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?)
}

fn insert_leaves(db: &Connection, device: &DeviceId, identifier: &str, history: &History) -> Result<()> {
    let mut insert = db.prepare_cached("INSERT INTO holding_leaf (leaf, device, identifier) VALUES (?1, ?2, ?3)")?;
    for leaf in history.leaves() {
        insert.execute((leaf.0, device.as_str(), identifier))?;
    }
    Ok(())
}

/// The place in the record of evidence that says the same, where it is the newest and nothing was issued since.
fn known(db: &Connection, device: &DeviceId, identifier: &str, new: &Evidence) -> Result<Option<u64>> {
    let Some(last) = last_evidence(db, device, identifier)? else { return Ok(None) };
    let since = "SELECT EXISTS (SELECT 1 FROM issuance WHERE device = ?1 AND identifier = ?2 AND max(seq, coalesce(again, 0)) > ?3)";
    let key = (device.as_str(), identifier, last.seq as i64);
    let issued: bool = db.prepare_cached(since)?.query_row(key, |row| row.get(0))?;
    Ok((last.fact == new.fact && !issued).then_some(last.seq))
}

fn last_evidence(db: &Connection, device: &DeviceId, identifier: &str) -> Result<Option<Evidence>> {
    let mut last = db.prepare_cached(LAST_EVIDENCE)?;
    Ok(last.query_row((device.as_str(), identifier), read_evidence).optional()?)
}

fn kind(fact: &EvidenceFact) -> &'static str {
    match fact {
        EvidenceFact::Acknowledged(_) => "acknowledged",
        EvidenceFact::Observed(_) => "observed",
        EvidenceFact::Listed { .. } => "listed",
        EvidenceFact::Foreign(_) => "foreign",
        EvidenceFact::Absent => "absent",
    }
}

fn read_evidence(row: &Row<'_>) -> rusqlite::Result<Evidence> {
    let of = join(row.get(3)?, row.get(4)?);
    let of = || of.ok_or_else(|| wrong("no profile".into()));
    let fact = match row.get_ref(2)?.as_str()? {
        "acknowledged" => EvidenceFact::Acknowledged(of()?),
        "observed" => EvidenceFact::Observed(of()?),
        "listed" => EvidenceFact::Listed { of: of()?, locked: row.get(7)? },
        "absent" => EvidenceFact::Absent,
        _ => EvidenceFact::Foreign(Sighting {
            uuid: row.get(5)?,
            leaf: row.get::<_, Option<_>>(6)?.map(Digest),
            locked: row.get(7)?,
        }),
    };
    Ok(Evidence { seq: number(row, 0)?, at: from_millis(row.get(1)?), fact })
}

fn read_held(row: &Row<'_>) -> rusqlite::Result<Held> {
    let acknowledgement: Option<String> = row.get(8)?;
    Ok(Held {
        seq: number(row, 0)?,
        of: join(row.get(1)?, row.get(2)?).ok_or_else(|| wrong("no name".into()))?,
        uuid: row.get(3)?,
        leaf: Digest(row.get(4)?),
        leaf_key: Digest(row.get(5)?),
        locked: row.get(6)?,
        acknowledgement: acknowledgement.map(|text| from_json(&text)).transpose()?,
        again: row.get::<_, Option<i64>>(7)?.map(i64::cast_unsigned),
    })
}

/// Which rule of `installed.rs` the kept states and leaves follow: another number where it says otherwise of some history.
const RULE: &str = "3";

const HELD: &str = "SELECT seq, id, NULL, uuid, leaf, leaf_key, variant = 'locked', again,
        CASE WHEN again > coalesce(answered, 0) THEN NULL ELSE acknowledgement END
    FROM issuance WHERE device = ?1 AND identifier = ?2
    UNION ALL SELECT seq, NULL, id, uuid, leaf, leaf_key, locked, NULL, NULL
    FROM observation WHERE device = ?1 AND identifier = ?2 ORDER BY 1";
const EVIDENCE: &str = "SELECT seq, at, kind, of_issuance, of_observation, uuid, leaf, locked
    FROM evidence WHERE device = ?1 AND identifier = ?2 ORDER BY seq";
const LAST_EVIDENCE: &str = "SELECT seq, at, kind, of_issuance, of_observation, uuid, leaf, locked
    FROM evidence WHERE device = ?1 AND identifier = ?2 ORDER BY seq DESC LIMIT 1";
const NEWEST: &str = "SELECT seq, variant, leaf, acknowledgement
    FROM issuance WHERE device = ?1 AND identifier = ?2 ORDER BY seq DESC LIMIT 2";
const LAST_MOMENT: &str = "SELECT max(moment) FROM (
    SELECT coalesce(told, at) AS moment FROM evidence WHERE device = ?1 AND identifier = ?2
    UNION ALL SELECT audit.time FROM issuance JOIN audit ON audit.seq = max(issuance.seq, coalesce(issuance.again, 0))
    WHERE device = ?1 AND identifier = ?2) WHERE moment <= ?3";
const INSERT: &str = "INSERT INTO evidence
    (seq, device, identifier, at, told, kind, of_issuance, of_observation, uuid, leaf, locked) VALUES
    (:seq, :device, :identifier, :at, :told, :kind, :of_issuance, :of_observation, :uuid, :leaf, :locked)";
