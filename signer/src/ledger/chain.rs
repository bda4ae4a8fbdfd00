//! The audit's rows in the ledger.

use rusqlite::{Connection, OptionalExtension, Row, named_params};

use super::error::{Error, Result};
use crate::{
    audit::{Checkpoint, CheckpointVerifier, Fault, Head, Record, Report, Tampering, verify},
    digest::Digest,
};

/// The last record's number and digest, as they stand there.
pub(super) fn head(db: &Connection) -> rusqlite::Result<Head> {
    let mut last = db.prepare_cached("SELECT seq, hash FROM audit ORDER BY seq DESC LIMIT 1")?;
    let head = last.query_row([], |row| Ok(Head { seq: number(row, 0)?, hash: Digest(row.get(1)?) }));
    Ok(head.optional()?.unwrap_or(Head::START))
}

/// Writes the record that follows.
pub(super) fn append(db: &Connection, head: Head, time: i64, event: String) -> rusqlite::Result<Head> {
    let record = head.chain(time, event);
    let mut insert = db.prepare_cached(
        "INSERT INTO audit (seq, time, previous, event, hash) VALUES (:seq, :time, :previous, :event, :hash)",
    )?;
    insert.execute(named_params! {
        ":seq": record.seq as i64,
        ":time": record.time,
        ":previous": record.previous.0,
        ":event": record.event,
        ":hash": record.hash.0,
    })?;
    Ok(record.head())
}

/// Writes a checkpoint.
pub(super) fn append_checkpoint(db: &Connection, checkpoint: &Checkpoint) -> rusqlite::Result<()> {
    let mut insert = db.prepare_cached(
        "INSERT INTO checkpoint (seq, time, hash, key, signature) VALUES (:seq, :time, :hash, :key, :signature)",
    )?;
    insert.execute(named_params! {
        ":seq": checkpoint.seq as i64,
        ":time": checkpoint.time,
        ":hash": checkpoint.hash.0,
        ":key": checkpoint.key.0,
        ":signature": checkpoint.signature,
    })?;
    Ok(())
}

/// The checkpoints after a record's number, in their order.
pub(super) fn checkpoints(db: &Connection, after: u64) -> rusqlite::Result<Vec<Checkpoint>> {
    let mut select =
        db.prepare("SELECT seq, time, hash, key, signature FROM checkpoint WHERE seq > ?1 ORDER BY seq")?;
    select.query_map([after as i64], checkpoint)?.collect()
}

/// The last checkpoint.
pub(super) fn last_checkpoint(db: &Connection) -> rusqlite::Result<Option<Checkpoint>> {
    let last = "SELECT seq, time, hash, key, signature FROM checkpoint ORDER BY seq DESC LIMIT 1";
    db.query_row(last, [], checkpoint).optional()
}

/// The keys that signed checkpoints.
pub(super) fn checkpoint_signers(db: &Connection) -> rusqlite::Result<Vec<Digest>> {
    let mut select = db.prepare("SELECT DISTINCT key FROM checkpoint")?;
    select.query_map([], |row| Ok(Digest(row.get(0)?)))?.collect()
}

/// Gives every record from a number on to `each`, in their order, without holding them all.
pub(super) fn records<T>(db: &Connection, from: i64, each: impl FnOnce(&mut Records<'_>) -> T) -> rusqlite::Result<T> {
    let mut select = db.prepare("SELECT seq, time, previous, event, hash FROM audit WHERE seq >= ?1 ORDER BY seq")?;
    let mut records = select.query_map([from], record)?.map(|record| record.map_err(Error::from));
    Ok(each(&mut records))
}

/// Records as they are read.
pub(super) type Records<'a> = dyn Iterator<Item = Result<Record>> + 'a;

/// Verifies the whole chain against the ledger's checkpoints and others.
pub(super) fn verify_all(db: &Connection, others: &[Checkpoint], verifiers: &[CheckpointVerifier]) -> Result<Report> {
    let mut all = checkpoints(db, 0)?;
    all.extend_from_slice(others);
    records(db, i64::MIN, |records| verify(records, &all, verifiers))?
}

/// Verifies that the chain goes on from where it was known to be, and gives its end: what was answered is still there.
pub(super) fn verify_after(db: &Connection, known: Head) -> Result<Head> {
    if known != Head::START && !holds_at(db, known)? {
        return Err(Fault::Tampered { seq: known.seq, what: Tampering::CutOff }.into());
    }
    let follow = |records: &mut Records<'_>| {
        let mut head = known;
        for record in records {
            let record = record?;
            if head.chain(record.time, record.event.clone()) != record {
                return Err(Fault::Tampered { seq: head.seq + 1, what: Tampering::Edited }.into());
            }
            head = record.head();
        }
        Ok(head)
    };
    records(db, known.seq as i64 + 1, follow)?
}

/// Whether the record of this number has this digest.
pub(super) fn holds_at(db: &Connection, known: Head) -> rusqlite::Result<bool> {
    let mut select = db.prepare_cached("SELECT hash FROM audit WHERE seq = ?1")?;
    let found: Option<[u8; 32]> = select.query_row([known.seq as i64], |row| row.get(0)).optional()?;
    Ok(found == Some(known.hash.0))
}

/// A number that was written from an unsigned one.
pub(super) fn number(row: &Row<'_>, column: usize) -> rusqlite::Result<u64> {
    row.get(column).map(i64::cast_unsigned)
}

fn record(row: &Row<'_>) -> rusqlite::Result<Record> {
    // No record has a number below 1: whatever it says there, it was inserted.
    let seq = u64::try_from(row.get::<_, i64>(0)?).unwrap_or_default();
    Ok(Record { seq, time: row.get(1)?, previous: Digest(row.get(2)?), event: row.get(3)?, hash: Digest(row.get(4)?) })
}

fn checkpoint(row: &Row<'_>) -> rusqlite::Result<Checkpoint> {
    Ok(Checkpoint {
        seq: number(row, 0)?,
        time: row.get(1)?,
        hash: Digest(row.get(2)?),
        key: Digest(row.get(3)?),
        signature: row.get(4)?,
    })
}
