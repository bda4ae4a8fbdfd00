//! Connections for questions, which wait for no writer.

use std::{
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use rusqlite::Connection;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::{
    error::{Error, Result},
    sqlite,
};

/// Connections that are open and idle.
pub(super) struct Readers {
    turns: Arc<Semaphore>,
    path: PathBuf,
    busy: Duration,
    idle: Mutex<Vec<Connection>>,
}

impl Readers {
    pub(super) fn new(path: PathBuf, busy: Duration) -> Self {
        Self { turns: Arc::new(Semaphore::new(AT_ONCE)), path, busy, idle: Mutex::default() }
    }

    /// Waits until one more question may be asked: a connection each would cost memory without end. The question keeps its
    /// turn until it is answered, also where nobody waits for the answer any more.
    pub(super) async fn turn(&self) -> Option<OwnedSemaphorePermit> {
        self.turns.clone().acquire_owned().await.ok()
    }

    /// Closes the idle ones.
    pub(super) fn clear(&self) {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// Asks with an idle connection, or opens one more; all that is asked sees the ledger at one moment. A connection whose question failed is not used again.
    pub(super) fn ask<T>(&self, question: impl FnOnce(&Connection) -> Result<T>) -> Result<T> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let db = idle.map_or_else(|| self.open(), Ok)?;
        let moment = db.unchecked_transaction()?;
        let answer = question(&moment)?;
        moment.finish()?;
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < KEPT {
            idle.push(db);
        }
        Ok(answer)
    }

    /// It was opened before: what is wrong now may be over soon.
    fn open(&self) -> Result<Connection> {
        sqlite::open_for_reading(&self.path, self.busy).map_err(|error| Error::Read { source: Arc::new(error) })
    }
}

/// How many questions are asked at once, and so how many connections there are.
const AT_ONCE: usize = 8;
/// How many connections are kept open while nothing is asked.
const KEPT: usize = 4;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::refusal::Denied;

    fn readers() -> (tempfile::TempDir, Readers) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ledger.db");
        sqlite::open_for_writing(&path, Duration::ZERO).unwrap();
        (folder, Readers::new(path, Duration::ZERO))
    }

    /// That many questions at once.
    fn ask_at_once(readers: &Readers, questions: usize) -> Result<()> {
        match questions {
            0 => Ok(()),
            _ => readers.ask(|_| ask_at_once(readers, questions - 1)),
        }
    }

    #[test]
    fn a_ledger_that_cannot_be_opened_for_a_question_is_unavailable() {
        let (folder, readers) = readers();
        std::fs::remove_file(folder.path().join("ledger.db")).unwrap();
        let error = ask_at_once(&readers, 1).unwrap_err();
        assert_eq!(error.to_string(), "the ledger cannot be read");
        assert_eq!(Denied::from(error).refusal.code(), "ledger-unavailable");
    }

    #[test]
    fn few_connections_are_kept_once_they_are_idle() {
        let (_folder, readers) = readers();
        ask_at_once(&readers, 2 * AT_ONCE).unwrap();
        assert!(readers.idle.lock().unwrap().len() <= KEPT);
        ask_at_once(&readers, 1).unwrap();
    }
}
