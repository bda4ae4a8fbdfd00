//! Questions over devices.

use std::collections::BTreeSet;

use rusqlite::{Connection, OptionalExtension, Row, params_from_iter, types::Value};
use serde::{Deserialize, Serialize};

use super::{
    Ledger,
    chain::number,
    error::Result,
    evidence,
    rows::{self, from_json, json, wrong},
};
use crate::{
    device_id::DeviceId,
    digest::Digest,
    installed::{Installed, State},
    issuance::{Issuance, Observation},
    pattern::Pattern,
};

/// What the ledger has of one device.
#[derive(Clone, Debug, PartialEq)]
pub struct DeviceRecord {
    /// The device.
    pub device: DeviceId,
    /// What it has, by identifier.
    pub installed: Vec<(Holding, Installed)>,
    /// What was issued to it, newest first, at most as many as were asked for.
    pub issuances: Vec<Issuance>,
    /// What was seen on it and not issued here, newest first, at most as many as were asked for.
    pub observations: Vec<Observation>,
}

/// The state of one device and identifier.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holding {
    /// The device.
    pub device: DeviceId,
    /// The profile's identifier.
    pub identifier: String,
    /// Its state.
    pub state: State,
    /// The specs of what was issued to the device under the identifier or handed in; `None` among them: of no known spec.
    /// Nothing: there is neither.
    pub specs: BTreeSet<Option<String>>,
}

/// What a question is about. The default is everything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scope {
    /// Devices that one of these matches; `None`: all.
    pub devices: Option<Vec<Pattern>>,
    /// Identifiers under which something was issued, and nothing but what these specs make was issued or handed in; `None`:
    /// all.
    pub specs: Option<BTreeSet<String>>,
}

/// The place of a holding in the order of devices and identifiers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cursor {
    /// The device.
    pub device: DeviceId,
    /// The profile's identifier.
    pub identifier: String,
}

impl From<&Holding> for Cursor {
    fn from(holding: &Holding) -> Self {
        Self { device: holding.device.clone(), identifier: holding.identifier.clone() }
    }
}

impl Ledger {
    /// What the ledger has of one device, with its last issuances; `None` when it never heard of it.
    ///
    /// # Errors
    ///
    /// When the ledger cannot be read.
    pub async fn device(&self, device: &DeviceId, last: usize) -> Result<Option<DeviceRecord>> {
        let device = device.clone();
        self.read(move |db| device_record(db, device, last)).await
    }

    /// The state of one device and identifier, if anything is known of it.
    ///
    /// # Errors
    ///
    /// When the ledger cannot be read.
    pub async fn holding(&self, device: &DeviceId, identifier: &str) -> Result<Option<Holding>> {
        let (device, identifier) = (device.clone(), identifier.to_owned());
        self.read(move |db| find(db, &device, &identifier)).await
    }

    /// Devices and identifiers within a scope, of one state or of all, in their order and after a place in it.
    ///
    /// # Errors
    ///
    /// When the ledger cannot be read.
    pub async fn devices(
        &self,
        scope: Scope,
        state: Option<State>,
        after: Option<Cursor>,
        limit: usize,
    ) -> Result<Vec<Holding>> {
        self.read(move |db| holdings(db, &scope, state, after, limit)).await
    }

    /// How many devices have, or may have, a locked profile signed by none of these leaf certificates: without their
    /// keys they cannot be freed.
    ///
    /// # Errors
    ///
    /// When the ledger cannot be read.
    pub async fn stranded(&self, leaves: &BTreeSet<Digest>) -> Result<u64> {
        let leaves = leaves.clone();
        let count = move |db: &Connection| {
            let (others, values) = others(db, &leaves)?;
            let sql = format!("SELECT count(DISTINCT device) FROM holding_leaf WHERE leaf IN ({others})");
            Ok(db.query_row(&sql, params_from_iter(values), |row| number(row, 0))?)
        };
        self.read(count).await
    }

    /// Those devices, in the order of their names and after one of them.
    ///
    /// # Errors
    ///
    /// When the ledger cannot be read.
    pub async fn stranded_devices(
        &self,
        leaves: &BTreeSet<Digest>,
        after: Option<DeviceId>,
        limit: usize,
    ) -> Result<Vec<DeviceId>> {
        let leaves = leaves.clone();
        let list = move |db: &Connection| {
            let (others, mut values) = others(db, &leaves)?;
            values.push(after.map_or(String::new(), String::from).into());
            values.push(i64::try_from(limit).unwrap_or(i64::MAX).into());
            let sql = format!(
                "SELECT DISTINCT device FROM holding_leaf WHERE leaf IN ({others}) AND device > ? ORDER BY device LIMIT ?"
            );
            let read = |row: &Row<'_>| rows::device(row.get(0)?);
            Ok(db.prepare(&sql)?.query_map(params_from_iter(values), read)?.collect::<rusqlite::Result<_>>()?)
        };
        self.read(list).await
    }

    /// The leaf certificates that locked profiles are, or may be, signed by, and on how many devices each.
    ///
    /// # Errors
    ///
    /// When the ledger cannot be read.
    pub async fn leaves(&self) -> Result<Vec<(Digest, u64)>> {
        let count = "SELECT leaf, count(DISTINCT device) FROM holding_leaf GROUP BY leaf ORDER BY leaf";
        let read = |row: &Row<'_>| Ok((Digest(row.get(0)?), number(row, 1)?));
        self.read(move |db| Ok(db.prepare(count)?.query_map([], read)?.collect::<rusqlite::Result<_>>()?)).await
    }
}

/// The state of one device and identifier, if anything is known of it.
pub(super) fn find(db: &Connection, device: &DeviceId, identifier: &str) -> Result<Option<Holding>> {
    let select = format!("SELECT {HOLDING} FROM holding WHERE device = ?1 AND identifier = ?2");
    Ok(db.prepare_cached(&select)?.query_row((device.as_str(), identifier), holding).optional()?)
}

fn device_record(db: &Connection, device: DeviceId, last: usize) -> Result<Option<DeviceRecord>> {
    let mut select =
        db.prepare_cached(&format!("SELECT {HOLDING} FROM holding WHERE device = ?1 ORDER BY identifier"))?;
    let holdings = select.query_map([device.as_str()], holding)?.collect::<rusqlite::Result<Vec<_>>>()?;
    let installed = |holding: Holding| {
        let history = evidence::history(db, &device, &holding.identifier)?;
        Ok((holding, history.installed()))
    };
    let installed = holdings.into_iter().map(installed).collect::<Result<Vec<_>>>()?;
    let issuances = rows::issuances_of(db, &device, last)?;
    let observations = rows::observations_of(db, &device, last)?;
    let known = !installed.is_empty() || !issuances.is_empty() || !observations.is_empty();
    Ok(known.then_some(DeviceRecord { device, installed, issuances, observations }))
}

fn holdings(
    db: &Connection,
    scope: &Scope,
    state: Option<State>,
    after: Option<Cursor>,
    limit: usize,
) -> Result<Vec<Holding>> {
    let (device, identifier) =
        after.map_or_else(Default::default, |after| (String::from(after.device), after.identifier));
    let mut values: Vec<Value> = vec![device.into(), identifier.into()];
    let mut conditions = vec!["(device, identifier) > (?, ?)".to_owned()];
    if let Some(state) = state {
        conditions.push("state = ?".into());
        values.push(state.word().to_owned().into());
    }
    if let Some(patterns) = &scope.devices {
        conditions.push("EXISTS (SELECT 1 FROM json_each(?) AS pattern WHERE device GLOB pattern.value)".into());
        values.push(json(&patterns.iter().map(Pattern::to_string).collect::<Vec<_>>()).into());
    }
    if let Some(specs) = &scope.specs {
        let others = "spec IS NULL OR spec NOT IN (SELECT value FROM json_each(?))";
        conditions
            .push(format!("EXISTS ({ISSUED}) AND NOT EXISTS ({ISSUED} AND ({others})) AND NOT EXISTS ({OBSERVED})"));
        values.push(json(specs).into());
    }
    values.push(i64::try_from(limit).unwrap_or(i64::MAX).into());
    let conditions = conditions.join(" AND ");
    let sql = format!("SELECT {HOLDING} FROM holding WHERE {conditions} ORDER BY device, identifier LIMIT ?");
    let mut select = db.prepare_cached(&sql)?;
    let holdings = select.query_map(params_from_iter(values), holding)?;
    Ok(holdings.collect::<rusqlite::Result<_>>()?)
}

/// The leaves in use that are not among these, as placeholders and values.
fn others(db: &Connection, leaves: &BTreeSet<Digest>) -> Result<(String, Vec<Value>)> {
    let mut select = db.prepare_cached("SELECT DISTINCT leaf FROM holding_leaf")?;
    let used = select.query_map([], |row| row.get(0).map(Digest))?.collect::<rusqlite::Result<Vec<_>>>()?;
    let others: Vec<Value> =
        used.into_iter().filter(|leaf| !leaves.contains(leaf)).map(|leaf| leaf.0.to_vec().into()).collect();
    Ok((vec!["?"; others.len()].join(", "), others))
}

fn holding(row: &Row<'_>) -> rusqlite::Result<Holding> {
    Ok(Holding {
        device: rows::device(row.get(0)?)?,
        identifier: row.get(1)?,
        state: state(row.get(2)?)?,
        specs: from_json(row.get_ref(3)?.as_str()?)?,
    })
}

fn state(word: String) -> rusqlite::Result<State> {
    State::from_word(&word).ok_or_else(|| wrong(format!("no state is called {word}").into()))
}

/// A pattern of devices is one of SQLite's GLOB too: it has no character but `*` that means another there.
const HOLDING: &str = "device, identifier, state, (SELECT json_group_array(DISTINCT spec) FROM (
    SELECT device, identifier, spec FROM issuance UNION ALL SELECT device, identifier, NULL FROM observation) AS known
    WHERE known.device = holding.device AND known.identifier = holding.identifier)";
const OBSERVED: &str = "SELECT 1 FROM observation
    WHERE observation.device = holding.device AND observation.identifier = holding.identifier";
const ISSUED: &str = "SELECT 1 FROM issuance
    WHERE issuance.device = holding.device AND issuance.identifier = holding.identifier";
