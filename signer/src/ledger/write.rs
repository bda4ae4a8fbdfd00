//! What the ledger's thread is asked to write, and how many of them are written within one transaction.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
};

use rusqlite::{Connection, ErrorCode};
use tokio::sync::oneshot;

use super::{
    chain,
    error::{Error, Result},
    seal::LedgerKeys,
};
use crate::audit::{Event, Fault, Head, Outcome, Tampering};

/// Says that a write will come, as long as it is kept: see [`Ledger::announce`](super::Ledger::announce).
#[derive(Debug)]
#[must_use = "dropped, it announces nothing"]
pub struct Announcement(Arc<AtomicUsize>);

impl Announcement {
    pub(super) fn of(coming: &Arc<AtomicUsize>) -> Self {
        coming.fetch_add(1, Relaxed);
        Self(coming.clone())
    }
}

impl Drop for Announcement {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
    }
}

/// A write that waits.
pub(super) trait Write: Send {
    /// Whether nobody waits for it any more.
    fn is_abandoned(&self) -> bool;
    /// Does it, and says whether what it wrote may stay; it may not where it failed half way. What is decided, refusals
    /// included, is kept until the commit; an error ends the whole transaction.
    fn run(&mut self, writing: &mut Writing<'_>) -> Result<bool>;
    /// Does it so that a failure takes back what it wrote itself, and nothing else.
    fn run_apart(&mut self, writing: &mut Writing<'_>) -> Result<()>;
    /// Gives the answer: the decision, or why nothing was written.
    fn answer(self: Box<Self>, committed: Result<()>);
}

/// A write as a function, which may have to be called again; a refusal of it is recorded under its event.
pub(super) struct Task<T, F> {
    pub(super) event: Event,
    pub(super) time: i64,
    pub(super) work: F,
    pub(super) decided: Option<Result<T>>,
    /// Told what was decided once that is durable, also where nobody waits for it any more.
    pub(super) then: Box<dyn FnOnce(&T) + Send>,
    pub(super) reply: oneshot::Sender<Result<T>>,
}

impl<T, F> Task<T, F>
where
    F: Fn(&mut Writing<'_>) -> Result<T>,
{
    /// A mistake in one write is that write's affair: the thread goes on for the others.
    fn decide(&self, writing: &mut Writing<'_>) -> Result<T> {
        catch_unwind(AssertUnwindSafe(|| (self.work)(writing))).unwrap_or(Err(Error::Panicked))
    }

    fn record_refusal(&self, error: &Error, writing: &mut Writing<'_>) -> Result<()> {
        let Some(code) = error.code() else { return Ok(()) };
        let outcome = Outcome::Refused { code: code.to_owned() };
        writing.append(self.time, &Event { outcome, ..self.event.clone() }).map(drop)
    }
}

impl<T, F> Write for Task<T, F>
where
    T: Send,
    F: Fn(&mut Writing<'_>) -> Result<T> + Send,
{
    fn is_abandoned(&self) -> bool {
        self.reply.is_closed()
    }

    fn run(&mut self, writing: &mut Writing<'_>) -> Result<bool> {
        let before = writing.db.total_changes();
        let decided = self.decide(writing);
        match &decided {
            Err(error) if fatal(error) => return Err(error.clone()),
            Err(_) if writing.db.total_changes() != before => return Ok(false),
            // Nearly all are refused before they have written anything.
            Err(error) => self.record_refusal(error, writing)?,
            Ok(_) => {}
        }
        self.decided = Some(decided);
        Ok(true)
    }

    fn run_apart(&mut self, writing: &mut Writing<'_>) -> Result<()> {
        let before = writing.head;
        writing.step("SAVEPOINT work")?;
        let decided = self.decide(writing);
        if let Err(error) = &decided {
            if fatal(error) {
                return Err(error.clone());
            }
            writing.step("ROLLBACK TO work")?;
            writing.head = before;
            self.record_refusal(error, writing)?;
        }
        writing.step("RELEASE work")?;
        self.decided = Some(decided);
        Ok(())
    }

    fn answer(self: Box<Self>, committed: Result<()>) {
        let decided = self.decided.unwrap_or(Err(Error::Unavailable { source: None }));
        let decided = committed.and(decided);
        if let Ok(decided) = &decided {
            (self.then)(decided);
        }
        // Nobody may be waiting any more; what was written stays.
        let _ = self.reply.send(decided);
    }
}

/// The transaction that a write is part of.
pub(super) struct Writing<'a> {
    /// The database, within the transaction.
    pub(super) db: &'a Connection,
    /// The keys to seal and to compare digests with.
    pub(super) keys: &'a LedgerKeys,
    /// The end of the chain.
    pub(super) head: Head,
}

impl Writing<'_> {
    /// Begins the transaction, at the end of the chain that is known.
    pub(super) fn begin(&self) -> Result<()> {
        self.step("BEGIN IMMEDIATE")?;
        if chain::head(self.db)? != self.head {
            // Somebody else wrote, which the lock is there to prevent.
            return Err(Fault::Tampered { seq: self.head.seq + 1, what: Tampering::Inserted }.into());
        }
        Ok(())
    }

    /// Records an event, and gives the number of its record.
    pub(super) fn append(&mut self, time: i64, event: &Event) -> Result<u64> {
        self.head = chain::append(self.db, self.head, time, event.to_canonical())?;
        Ok(self.head.seq)
    }

    /// One of SQLite's own steps: begin, commit, or take back.
    pub(super) fn step(&self, sql: &str) -> Result<()> {
        self.db.prepare_cached(sql)?.execute([])?;
        Ok(())
    }
}

/// Does all for whom somebody waits. Few fail half way, and a savepoint around each would copy every page that it
/// changes: so all are done together, and where one fails half way all are taken back and each is done apart.
pub(super) fn run_all(writes: &mut [Box<dyn Write>], writing: &mut Writing<'_>) -> Result<()> {
    let mut awaited: Vec<_> = writes.iter_mut().filter(|write| !write.is_abandoned()).collect();
    let begun = writing.head;
    if run_together(&mut awaited, writing)? {
        return Ok(());
    }
    writing.step("ROLLBACK")?;
    writing.head = begun;
    writing.begin()?;
    awaited.into_iter().try_for_each(|write| write.run_apart(writing))
}

/// Whether what they wrote may stay.
fn run_together(writes: &mut [&mut Box<dyn Write>], writing: &mut Writing<'_>) -> Result<bool> {
    for write in writes {
        if !write.run(writing)? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Whether SQLite itself failed, so that nothing of the transaction can be trusted. A broken rule of the schema or a
/// value of the wrong type is the one write's affair.
fn fatal(error: &Error) -> bool {
    let Error::Read { source } = error else { return false };
    let code = source.downcast_ref::<rusqlite::Error>().and_then(rusqlite::Error::sqlite_error_code);
    code.is_some_and(|code| code != ErrorCode::ConstraintViolation)
}
