//! Connections for questions, which wait for no writer.

use std::{
    path::PathBuf,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use rusqlite::Connection;

use super::{error::Result, sqlite};

/// Connections that are open and idle.
pub(super) struct Readers {
    path: PathBuf,
    busy: Duration,
    idle: Mutex<Vec<Connection>>,
}

impl Readers {
    pub(super) fn new(path: PathBuf, busy: Duration) -> Self {
        Self { path, busy, idle: Mutex::default() }
    }

    /// Closes the idle ones.
    pub(super) fn clear(&self) {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// Asks with an idle connection, or opens one more. A connection whose question failed is not used again.
    pub(super) fn ask<T>(&self, question: impl FnOnce(&Connection) -> Result<T>) -> Result<T> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let db = idle.map_or_else(|| sqlite::open_for_reading(&self.path, self.busy), Ok)?;
        let answer = question(&db)?;
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < IDLE {
            idle.push(db);
        }
        Ok(answer)
    }
}

/// How many connections are kept open.
const IDLE: usize = 8;
