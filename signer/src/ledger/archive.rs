//! A ledger that is only read: to verify its audit, to export it, and to see that a copy is good.

use std::{
    fs::{self, File, Permissions},
    io::Write,
    os::unix::fs::PermissionsExt,
    path::Path,
    sync::Arc,
    time::Duration,
};

use rusqlite::{Connection, Row, backup::Backup};
use serde_json::Value;
use uuid::Uuid;

use super::{
    chain::{self, number},
    error::{Error, Result},
    issued,
    seal::LedgerKeys,
    sqlite,
};
use crate::{
    audit::{Checkpoint, CheckpointVerifier, Report},
    digest::Digest,
    file::sync_folder,
};

/// A ledger, or a copy of one, that is only read: also one whose daemon runs.
pub struct Archive {
    db: Connection,
}

/// What a ledger that holds consists of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Check {
    /// Its audit.
    pub audit: Report,
    /// How many profiles it has, all of which open and are what the audit says.
    pub profiles: u64,
}

impl Archive {
    /// Opens a ledger to read it.
    ///
    /// # Errors
    ///
    /// When it cannot be opened, or is of another program or of a newer one of this.
    pub fn open(path: &Path) -> Result<Self> {
        Ok(Self { db: sqlite::open_for_looking_at(path, Duration::from_secs(5))? })
    }

    /// Verifies the audit against the ledger's checkpoints and others, such as those of the checkpoint file.
    ///
    /// # Errors
    ///
    /// The first record that is not as it was written.
    pub fn verify_audit(&self, verifiers: &[CheckpointVerifier], others: &[Checkpoint]) -> Result<Report> {
        chain::verify_all(&self.db, others, verifiers)
    }

    /// The checkpoints of the ledger.
    ///
    /// # Errors
    ///
    /// When they cannot be read.
    pub fn checkpoints(&self) -> Result<Vec<Checkpoint>> {
        Ok(chain::checkpoints(&self.db, 0)?)
    }

    /// Copies the ledger, as it is at one moment, while its daemon may go on; writes beside, syncs, renames.
    ///
    /// # Errors
    ///
    /// When the copy is there already or cannot be written.
    pub fn copy(&self, to: &Path) -> Result<()> {
        copy(&self.db, to)
    }

    /// Writes the audit as JSON Lines, a record a line, and gives their number.
    ///
    /// # Errors
    ///
    /// When it cannot be read; [`Error::NotExported`] when it cannot be written.
    pub fn export_audit(&self, to: &mut dyn Write) -> Result<u64> {
        let write = |records: &mut chain::Records<'_>| {
            let mut count = 0;
            for record in records {
                writeln!(to, "{}", record?.to_line()?)
                    .map_err(|cause| Error::NotExported { source: Arc::new(cause) })?;
                count += 1;
            }
            Ok(count)
        };
        chain::records(&self.db, i64::MIN, write)?
    }

    /// Verifies everything: SQLite's own structure, the audit, that every profile opens, and that it is the one that
    /// the audit tells of.
    ///
    /// # Errors
    ///
    /// The first thing that is not as it was written.
    pub fn check(&self, keys: &LedgerKeys, verifiers: &[CheckpointVerifier], others: &[Checkpoint]) -> Result<Check> {
        let _moment = self.db.unchecked_transaction()?;
        let sound: String = self.db.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))?;
        if sound != "ok" {
            return Err(Error::Damaged { what: sound });
        }
        let audit = self.verify_audit(verifiers, others)?;
        Ok(Check { audit, profiles: self.check_profiles(keys)? })
    }

    fn check_profiles(&self, keys: &LedgerKeys) -> Result<u64> {
        let mut select = self.db.prepare(PROFILES)?;
        let read = |row: &Row<'_>| {
            let id = Uuid::from_bytes(row.get(1)?);
            Ok((number(row, 0)?, id, Digest(row.get(2)?), row.get::<_, String>(3)?))
        };
        let mut profiles = select.query_map([], read)?;
        profiles.try_fold(0, |count, profile| {
            let (seq, id, digest, event) = profile?;
            issued::signed(&self.db, keys, seq, id, digest)?;
            match told(&event) == Some(digest) {
                true => Ok(count + 1),
                false => Err(Error::Damaged { what: format!("the record of {id}, of which the audit says otherwise") }),
            }
        })
    }
}

/// Copies a ledger as it is at one moment, without making its writer wait.
pub(super) fn copy(db: &Connection, to: &Path) -> Result<()> {
    let failed = |problem| move |cause| sqlite::failed(to, problem, cause);
    if fs::exists(to).map_err(failed("cannot be looked for"))? {
        return Err(Error::Open { path: to.to_owned(), problem: "is there already", source: None });
    }
    let beside = sqlite::beside(to, ".partial");
    let made = write_copy(db, &beside).and_then(|()| {
        fs::rename(&beside, to).and_then(|()| sync_folder(to)).map_err(failed("cannot be put in its place"))
    });
    if made.is_err() {
        // What failed is told; a part that stays does no harm, the next attempt writes over it.
        let _ = fs::remove_file(&beside);
    }
    made
}

fn write_copy(db: &Connection, to: &Path) -> Result<()> {
    let failed = |problem| move |cause| sqlite::failed(to, problem, cause);
    let file = File::create(to).map_err(failed("cannot be made"))?;
    file.set_permissions(Permissions::from_mode(0o600)).map_err(failed("cannot be its owner's only"))?;
    let mut copy = Connection::open(to)?;
    // In one step: a copy in many would begin anew with each commit.
    Backup::new(db, &mut copy)?.step(-1)?;
    // One file, without a write-ahead log beside it.
    copy.pragma_update_and_check(None, "journal_mode", "delete", |_| Ok(()))?;
    copy.close().map_err(|(_, cause)| cause)?;
    file.sync_all().map_err(failed("cannot be synced"))
}

fn told(event: &str) -> Option<Digest> {
    let event: Value = serde_json::from_str(event).ok()?;
    event.get("detail")?.get("signed")?.as_str()?.parse().ok()
}

const PROFILES: &str = "SELECT profile.seq, id, signed, event FROM
    (SELECT seq, id, signed FROM issuance UNION ALL SELECT seq, id, signed FROM observation) AS profile
    JOIN audit ON audit.seq = profile.seq ORDER BY profile.seq";
