//! Answers that a repeated request gets again: decided in the writer's transaction, so that there is one record.

use rusqlite::{Connection, OptionalExtension, Row};
use serde::{Serialize, de::DeserializeOwned};

use super::{
    Request,
    chain::number,
    error::{Error, Result},
    rows,
    seal::{LedgerKeys, Place, Sealed},
};
use crate::digest::Digest;

/// An answer that was given before.
pub(super) struct Stored {
    /// The record that it told of.
    pub(super) seq: u64,
    /// What it said, where that is not an issuance.
    pub(super) body: Option<Sealed>,
}

/// The answer to this request, if it was given before.
///
/// # Errors
///
/// [`Error::Conflict`] when its key was used for another request.
pub(super) fn find(db: &Connection, keys: &LedgerKeys, request: &Request) -> Result<Option<Stored>> {
    let Some(idempotency) = &request.idempotency else { return Ok(None) };
    let mut select =
        db.prepare_cached("SELECT fingerprint, seq, sealed_key, body FROM answer WHERE caller = ?1 AND key = ?2")?;
    let read = |row: &Row<'_>| {
        let body = row.get::<_, Option<_>>(2)?.zip(row.get(3)?).map(|(key, body)| Sealed { key, body });
        Ok((Digest(row.get(0)?), Stored { seq: number(row, 1)?, body }))
    };
    let Some((fingerprint, stored)) = select.query_row((&request.caller, &idempotency.key), read).optional()? else {
        return Ok(None);
    };
    match keys.digest_is(PURPOSE, &idempotency.fingerprint.0, fingerprint) {
        true => Ok(Some(stored)),
        false => Err(Error::Conflict),
    }
}

/// Keeps the answer to this request, if it bears a key: an issuance, or what a body says.
pub(super) fn keep(db: &Connection, keys: &LedgerKeys, request: &Request, seq: u64, body: Option<&[u8]>) -> Result<()> {
    let Some(idempotency) = &request.idempotency else { return Ok(()) };
    // A digest under a key: a request may hold a short password that could be guessed otherwise.
    let fingerprint = keys.active.digest(PURPOSE, &idempotency.fingerprint.0);
    let sealed = body.map(|body| keys.seal(&place(request), body));
    sealed.iter().try_for_each(|sealed| rows::note_sealer(db, sealed))?;
    let insert = "INSERT INTO answer (caller, key, fingerprint, seq, sealed_key, body) VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
    db.prepare_cached(insert)?.execute((
        &request.caller,
        &idempotency.key,
        fingerprint.0,
        seq as i64,
        sealed.as_ref().map(|sealed| &sealed.key),
        sealed.as_ref().map(|sealed| &sealed.body),
    ))?;
    Ok(())
}

/// Opens what an answer said.
pub(super) fn open<T: DeserializeOwned>(keys: &LedgerKeys, request: &Request, stored: &Stored) -> Result<T> {
    // The same key and another kind of request has another fingerprint, so it is a conflict before.
    let body = stored.body.as_ref().ok_or(Error::Conflict)?;
    let body = keys.open(&place(request), body)?;
    serde_json::from_slice(&body).map_err(|_| Error::Damaged { what: "a stored answer".into() })
}

/// What an answer says, as it is kept.
pub(super) fn body<T: Serialize>(value: &T) -> Vec<u8> {
    rows::json(value).into_bytes()
}

fn place(request: &Request) -> Place {
    let key = request.idempotency.as_ref().map(|idempotency| idempotency.key.clone()).unwrap_or_default();
    Place::Answer { caller: request.caller.clone(), key }
}

const PURPOSE: &str = "request";
