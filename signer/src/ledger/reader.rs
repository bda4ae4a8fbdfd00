//! Connections for questions, which wait for no writer.

use std::{
    path::PathBuf,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use rusqlite::Connection;
use tokio::sync::{Semaphore, SemaphorePermit};

use super::{error::Result, sqlite};

/// Connections that are open and idle.
pub(super) struct Readers {
    turns: Semaphore,
    path: PathBuf,
    busy: Duration,
    idle: Mutex<Vec<Connection>>,
}

impl Readers {
    pub(super) fn new(path: PathBuf, busy: Duration) -> Self {
        Self { turns: Semaphore::new(AT_ONCE), path, busy, idle: Mutex::default() }
    }

    /// Waits until one more question may be asked: a connection each would cost memory without end.
    pub(super) async fn turn(&self) -> Option<SemaphorePermit<'_>> {
        self.turns.acquire().await.ok()
    }

    /// Closes the idle ones.
    pub(super) fn clear(&self) {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// Asks with an idle connection, or opens one more; all that is asked sees the ledger at one moment. A connection whose question failed is not used again.
    pub(super) fn ask<T>(&self, question: impl FnOnce(&Connection) -> Result<T>) -> Result<T> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let db = idle.map_or_else(|| sqlite::open_for_reading(&self.path, self.busy), Ok)?;
        let moment = db.unchecked_transaction()?;
        let answer = question(&moment)?;
        moment.finish()?;
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.push(db);
        Ok(answer)
    }
}

/// How many questions are asked at once, and so how many connections there are.
const AT_ONCE: usize = 8;
