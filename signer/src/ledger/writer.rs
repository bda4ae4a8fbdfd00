//! The one thread that writes: it takes all that waits, and what is about to, commits it at once, and answers when it
//! is durable.

use std::{
    fs::{self, File},
    io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering::Relaxed},
        mpsc::{Receiver, RecvTimeoutError},
    },
    thread,
    time::{Duration, Instant},
};

use rusqlite::Connection;
use tokio::sync::oneshot;

use super::{
    Commit, Health, Options, chain,
    error::{Error, Result},
    rows,
    seal::LedgerKeys,
    sqlite,
    write::{Write, Writing, run_all},
};
use crate::{
    audit::{Checkpoint, CheckpointFile, CheckpointKey, Event, Fault, Head, Tampering},
    file::sync_folder,
    log,
};

/// What the writer is asked.
pub(super) enum Command {
    /// To write something.
    Write(Box<dyn Write>),
    /// To sign a checkpoint now.
    Checkpoint(oneshot::Sender<Result<Option<Checkpoint>>>),
    /// To sign a last checkpoint and stop.
    Close(oneshot::Sender<Result<Option<Checkpoint>>>),
}

/// The writer: its database while that works, and what is known to be durable.
pub(super) struct Writer {
    options: Options,
    /// None after a failure, unless its log was taken away: that is kept open then, as it is all that still has what was
    /// answered and is not in the file yet.
    db: Option<Connection>,
    /// When and why it stopped working.
    failed: Option<(Instant, Error)>,
    /// The end of the chain at the last commit.
    head: Head,
    /// The number of the last record that a checkpoint covers.
    covered: u64,
    /// None where it is to be opened again.
    file: Option<CheckpointFile>,
    /// The ledger that is open.
    ledger: InPlace,
    /// SQLite's write-ahead log of it.
    log: InPlace,
    health: Arc<Mutex<Health>>,
    /// How many writes are announced.
    coming: Arc<AtomicUsize>,
    _lock: File,
}

impl Writer {
    /// Opens the ledger for writing, verifies the end of its audit against its checkpoints, and records the start.
    pub(super) fn open(options: Options, health: Arc<Mutex<Health>>, coming: Arc<AtomicUsize>) -> Result<Self> {
        let lock = sqlite::lock(&options.path)?;
        // Where checkpoints or SQLite's log tell of records and there is no ledger, none is made: it would stand in a copy's
        // way.
        let has_content = |path: &Path| fs::metadata(path).is_ok_and(|file| file.len() > 0);
        let is_told_of = has_content(&options.checkpoints) || has_content(&log_of(&options.path));
        if is_told_of && !options.path.exists() {
            return Err(Fault::Tampered { seq: 1, what: Tampering::CutOff }.into());
        }
        sqlite::has_one_name(&options.path)?;
        let db = sqlite::open_for_writing(&options.path, options.busy_timeout)?;
        opens(&db, &options.keys)?;
        let (file, last) = checkpoint_file(&options.checkpoints)?;
        let ledger = InPlace::new(options.path.clone())?;
        let log = InPlace::new(log_of(&options.path))?;
        let head = chain::head(&db)?;
        let covered = agree(&db, head, last.as_ref(), &options.checkpoint_key)?;
        let (db, file) = (Some(db), Some(file));
        let mut writer =
            Self { options, db, failed: None, head, covered, file, ledger, log, health, coming, _lock: lock };
        writer.append_missing(last.as_ref())?;
        writer.record(&Event::done("ledger-opened").with("version", env!("CARGO_PKG_VERSION")))?;
        Ok(writer)
    }

    /// Writes what comes until it is told to stop or nobody can ask any more.
    pub(super) fn run(mut self, commands: &Receiver<Command>) {
        loop {
            let first = match self.failed {
                None => commands.recv().map_err(|_| RecvTimeoutError::Disconnected),
                Some((at, _)) => commands.recv_timeout(HEALING.saturating_sub(at.elapsed())),
            };
            let first = match first {
                Ok(first) => Some(first),
                Err(RecvTimeoutError::Timeout) => None,
                Err(RecvTimeoutError::Disconnected) => return,
            };
            let (writes, others) = self.gather(first, commands);
            self.write(writes);
            for other in others {
                match other {
                    Command::Checkpoint(reply) => drop(reply.send(self.checkpoint())),
                    Command::Close(reply) => {
                        let checkpoint = self.checkpoint();
                        // The lock is free before anybody hears of it.
                        drop(self);
                        drop(reply.send(checkpoint));
                        return;
                    }
                    Command::Write(_) => (),
                }
            }
        }
    }

    /// Takes what waits, up to a group. A commit costs nearly the same for one write and for many: as long as more are
    /// announced than are ready, they are given a moment to come.
    fn gather(&self, first: Option<Command>, commands: &Receiver<Command>) -> (Vec<Box<dyn Write>>, Vec<Command>) {
        let (mut writes, mut others) = (Vec::new(), Vec::new());
        let (mut next, begun) = (first, Instant::now());
        loop {
            while let Some(command) = next.take() {
                match command {
                    Command::Write(write) => writes.push(write),
                    other => others.push(other),
                }
                if writes.len() < GROUP && others.is_empty() {
                    next = commands.try_recv().ok();
                }
            }
            let can_grow = !writes.is_empty() && others.is_empty() && writes.len() < GROUP && self.failed.is_none();
            let more_are_coming = writes.len() < self.coming.load(Relaxed);
            if !(can_grow && more_are_coming && begun.elapsed() < self.options.company) {
                return (writes, others);
            }
            thread::sleep(GLANCE);
            next = commands.try_recv().ok();
        }
    }

    fn write(&mut self, mut writes: Vec<Box<dyn Write>>) {
        let begun = Instant::now();
        let committed = self.ready().and_then(|()| match writes.is_empty() {
            true => Ok(()),
            false => self.attempt(false, |writing| run_all(&mut writes, writing)),
        });
        if committed.is_ok() && !writes.is_empty() {
            self.options.tell(Commit { writes: writes.len(), took: begun.elapsed() });
        }
        for write in writes {
            write.answer(committed.clone().map_err(unavailable));
        }
    }

    /// One transaction, after whose failure the ledger has to heal. So it has to where only the file did not take the
    /// checkpoint; what was committed is durable then and may be answered all the same.
    fn attempt(&mut self, force: bool, work: impl FnOnce(&mut Writing<'_>) -> Result<()>) -> Result<()> {
        let due = self.transact(force, work).inspect_err(|error| self.fail(error))?;
        if let Err(error) = self.publish_due(due) {
            self.fail(&error);
        }
        Ok(())
    }

    /// One transaction. Afterwards what was written in it is durable, and so is its checkpoint in the ledger, where one was
    /// due or is forced: it is to be published; or nothing of it may be answered.
    fn transact(
        &mut self,
        force: bool,
        work: impl FnOnce(&mut Writing<'_>) -> Result<()>,
    ) -> Result<Option<Checkpoint>> {
        let db = self.db.as_ref().ok_or(Error::Unavailable { source: None })?;
        let mut writing = Writing { db, keys: &self.options.keys, head: self.head };
        writing.begin()?;
        work(&mut writing)?;
        let (head, every) = (writing.head, if force { 1 } else { self.options.checkpoint_every.max(1) });
        let due = head.seq >= self.covered.saturating_add(every);
        let checkpoint = due.then(|| self.options.checkpoint_key.sign(head, self.options.now()));
        if let Some(checkpoint) = &checkpoint {
            chain::append_checkpoint(db, checkpoint)?;
        }
        // What is written to a file that was moved away, the next start would not find.
        self.are_in_place()?;
        self.log.holds()?;
        writing.step("COMMIT")?;
        self.head = head;
        Ok(checkpoint)
    }

    /// Whether the ledger and its checkpoints are the files still that were opened.
    fn are_in_place(&self) -> Result<()> {
        self.ledger.holds()?;
        let path = &self.options.checkpoints;
        let is_in_place = self.file.as_ref().map_or(Ok(true), CheckpointFile::is_in_place);
        match is_in_place.map_err(|cause| sqlite::failed(path, UNSEEN, cause))? {
            true => Ok(()),
            false => Err(moved(path)),
        }
    }

    fn record(&mut self, event: &Event) -> Result<()> {
        let time = self.options.now();
        let due = self.transact(false, |writing| writing.append(time, event).map(drop))?;
        self.publish_due(due)
    }

    fn checkpoint(&mut self) -> Result<Option<Checkpoint>> {
        self.ready().and_then(|()| self.attempt(true, |_| Ok(()))).map_err(unavailable)?;
        // One that is not in the file is worth nothing to who asks.
        if let Some((_, error)) = &self.failed {
            return Err(unavailable(error.clone()));
        }
        let db = self.db.as_ref().ok_or(Error::Unavailable { source: None })?;
        Ok(chain::checkpoints(db, self.covered.saturating_sub(1))?.pop())
    }

    fn publish_due(&mut self, checkpoint: Option<Checkpoint>) -> Result<()> {
        checkpoint.map_or(Ok(()), |checkpoint| self.publish(&checkpoint))
    }

    fn publish(&mut self, checkpoint: &Checkpoint) -> Result<()> {
        let file = self.file.as_mut().ok_or(Error::Unavailable { source: None })?;
        file.append(checkpoint).map_err(Error::unavailable)?;
        self.covered = checkpoint.seq;
        Ok(())
    }

    /// Appends to the file the checkpoints that were committed and did not reach it.
    fn append_missing(&mut self, in_file: Option<&Checkpoint>) -> Result<()> {
        let reached = in_file.map_or(0, |last| last.seq);
        let db = self.db.as_ref().ok_or(Error::Unavailable { source: None })?;
        chain::checkpoints(db, reached)?.iter().try_for_each(|checkpoint| self.publish(checkpoint))
    }

    fn fail(&mut self, error: &Error) {
        // With the connection its transaction ends, and what SQLite took for written is read again.
        self.db = self.db.take().filter(|_| self.log.is_gone());
        // What does not get there is tried again with each attempt to heal.
        let _ = self.db.as_ref().map(empty_log);
        self.failed = Some((Instant::now(), error.clone()));
        self.tell(Health::Failing { problem: log::chain(error) });
    }

    /// Heals when it is time to; until then everybody hears at once why nothing is written.
    fn ready(&mut self) -> Result<()> {
        match &self.failed {
            None => Ok(()),
            Some((at, error)) if at.elapsed() < HEALING => Err(error.clone()),
            Some(_) => match self.heal() {
                Ok(()) => {
                    self.failed = None;
                    self.tell(Health::Writable);
                    Ok(())
                }
                Err(error) => {
                    self.fail(&error);
                    Err(error)
                }
            },
        }
    }

    /// Opens the database again after a failure, and trusts it only when all of it can be read, the audit goes on from
    /// the last commit that was answered, and its log could be written out and synced anew: after a failed fsync the
    /// next one may succeed although pages of the log were lost.
    fn heal(&mut self) -> Result<()> {
        // Another file, even a copy, is for the next start: who reads has this one open.
        self.ledger.holds()?;
        if self.db.is_some() {
            // Readers have the log open too, so that nothing can be opened in its place.
            self.log.holds()?;
        }
        let db = sqlite::open_for_writing(&self.options.path, self.options.busy_timeout)?;
        self.log = InPlace::new(log_of(&self.options.path))?;
        let head = chain::verify_after(&db, self.head)?;
        let sound: String = db.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
        if sound != "ok" {
            return Err(Error::Damaged { what: sound });
        }
        let busy: i64 = db.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))?;
        if busy != 0 {
            return Err(Error::Unavailable { source: None });
        }
        // One that was moved away is made anew: the ledger has all that was in it. The lock of the one before goes first.
        self.file = None;
        let (file, last) = checkpoint_file(&self.options.checkpoints).map_err(Error::unavailable)?;
        self.covered = agree(&db, head, last.as_ref(), &self.options.checkpoint_key)?;
        (self.db, self.head, self.file) = (Some(db), head, Some(file));
        self.append_missing(last.as_ref())?;
        self.record(&Event::done("ledger-healed"))
    }

    fn tell(&self, health: Health) {
        *self.health.lock().unwrap_or_else(PoisonError::into_inner) = health;
    }
}

/// A path, and the file that it led to when that was opened.
struct InPlace {
    path: PathBuf,
    inode: (u64, u64),
}

impl InPlace {
    fn new(path: PathBuf) -> Result<Self> {
        Ok(Self { inode: inode_of(&path)?, path })
    }

    /// Whether it leads to the same file still.
    fn holds(&self) -> Result<()> {
        if inode_of(&self.path)? == self.inode { Ok(()) } else { Err(moved(&self.path)) }
    }

    /// Whether it leads nowhere or elsewhere; not where that cannot be seen.
    fn is_gone(&self) -> bool {
        match fs::metadata(&self.path) {
            Ok(file) => (file.dev(), file.ino()) != self.inode,
            Err(cause) => cause.kind() == io::ErrorKind::NotFound,
        }
    }
}

fn inode_of(path: &Path) -> Result<(u64, u64)> {
    let file = fs::metadata(path).map_err(|cause| sqlite::failed(path, UNSEEN, cause))?;
    Ok((file.dev(), file.ino()))
}

/// Beside the file itself, whatever link leads there.
fn log_of(ledger: &Path) -> PathBuf {
    sqlite::beside(&ledger.canonicalize().unwrap_or(ledger.to_owned()), "-wal")
}

/// Puts what was answered, and is in the log only, into the file, where the next start finds it; as far as nobody reads the
/// ledger as it was before.
fn empty_log(db: &Connection) -> Result<()> {
    if !db.is_autocommit() {
        db.execute_batch("ROLLBACK")?;
    }
    Ok(db.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()))?)
}

fn moved(path: &Path) -> Error {
    sqlite::failed(path, "is not the file any more that was opened", io::Error::other("another file is in its place"))
}

/// Opens or makes it, durably.
fn checkpoint_file(path: &Path) -> Result<(CheckpointFile, Option<Checkpoint>)> {
    let opened = CheckpointFile::open(path).and_then(|opened| sync_folder(path).map(|()| opened));
    opened.map_err(|cause| sqlite::failed(path, "cannot be read or written", cause))
}

/// Whether the keys open every profile and answer that was sealed: a ledger without one of them would take issuances and
/// strand devices, and fail where a request comes again.
pub(super) fn opens(db: &Connection, keys: &LedgerKeys) -> Result<()> {
    match rows::sealers(db)?.into_iter().find(|id| !keys.has(id)) {
        Some(id) => Err(Error::UnknownKey { id }),
        None => Ok(()),
    }
}

/// Compares the chain's end with the last checkpoints in the ledger and in the file, and gives the number of the last
/// record that both cover.
fn agree(db: &Connection, head: Head, in_file: Option<&Checkpoint>, key: &CheckpointKey) -> Result<u64> {
    let in_ledger = chain::last_checkpoint(db)?;
    for checkpoint in in_ledger.iter().chain(in_file) {
        let (seq, hash) = (checkpoint.seq, checkpoint.hash);
        if seq > head.seq {
            return Err(Fault::Tampered { seq: head.seq + 1, what: Tampering::CutOff }.into());
        }
        if !chain::holds_at(db, Head { seq, hash })? {
            return Err(Fault::Tampered { seq, what: Tampering::Rewritten { after: 0 } }.into());
        }
        if checkpoint.key == key.id() && !key.verifier().holds(checkpoint) {
            return Err(Fault::BadCheckpoint { seq }.into());
        }
    }
    Ok(in_ledger.map_or(0, |last| last.seq).min(in_file.map_or(0, |last| last.seq)))
}

fn unavailable(error: Error) -> Error {
    match error {
        Error::Unavailable { .. } => error,
        error => Error::unavailable(error),
    }
}

const UNSEEN: &str = "cannot be looked at";
/// How many writes share a commit at most.
const GROUP: usize = 512;
/// How often the writer looks whether more has come.
const GLANCE: Duration = Duration::from_micros(250);
/// How long the writer waits before it tries to heal, and before it tries again.
const HEALING: Duration = Duration::from_millis(200);

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicBool;

    use super::*;
    use crate::ledger::{
        stage::{at, keys},
        write::Task,
    };

    #[test]
    fn what_is_durable_is_answered_so_where_only_its_checkpoint_did_not_reach_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let mut options = Options::new(folder.path().join("ledger.db"), keys(), CheckpointKey::generate().unwrap());
        (options.clock, options.checkpoint_every) = (Arc::new(|| at(0)), 2);
        let (path, health) = (options.checkpoints.clone(), Arc::new(Mutex::new(Health::Writable)));
        let mut writer = Writer::open(options, health.clone(), Arc::default()).unwrap();
        writer.file = Some(CheckpointFile::read_only(&path));
        assert_eq!(written(&mut writer, "first"), (Ok(2), true));
        assert!(matches!(&*health.lock().unwrap(), Health::Failing { .. }));
        let refused = written(&mut writer, "second");
        assert_eq!(refused, (Err("ledger-unavailable"), false));
        writer.failed = writer.failed.map(|(at, error)| (at - HEALING, error));
        assert_eq!(written(&mut writer, "third"), (Ok(4), true), "after that it was healed");
        assert_eq!(*health.lock().unwrap(), Health::Writable);
        let published = CheckpointFile::read(&fs::read_to_string(&path).unwrap()).unwrap();
        assert_eq!(published.iter().map(|checkpoint| checkpoint.seq).collect::<Vec<_>>(), [2, 4]);
    }

    #[test]
    fn a_checkpoint_that_did_not_reach_the_file_is_not_told_of() {
        let folder = tempfile::tempdir().unwrap();
        let options = Options::new(folder.path().join("ledger.db"), keys(), CheckpointKey::generate().unwrap());
        let (path, health) = (options.checkpoints.clone(), Arc::new(Mutex::new(Health::Writable)));
        let mut writer = Writer::open(options, health, Arc::default()).unwrap();
        writer.file = Some(CheckpointFile::read_only(&path));
        assert!(matches!(writer.checkpoint(), Err(Error::Unavailable { .. })));
    }

    /// The number of a record that is to be written, and whether it was told of as durable.
    fn written(writer: &mut Writer, action: &'static str) -> (std::result::Result<u64, &'static str>, bool) {
        let (reply, mut answer) = oneshot::channel();
        let (event, told) = (Event::done(action), Arc::new(AtomicBool::new(false)));
        let (recorded, then) = (event.clone(), told.clone());
        let work = move |writing: &mut Writing<'_>| writing.append(0, &recorded);
        let then = Box::new(move |_: &u64| then.store(true, Relaxed));
        writer.write(vec![Box::new(Task { event, time: 0, work, decided: None, then, reply })]);
        let answer = answer.try_recv().unwrap();
        let unavailable = |error| match error {
            Error::Unavailable { .. } => "ledger-unavailable",
            other => panic!("{other:?}"),
        };
        (answer.map_err(unavailable), told.load(Relaxed))
    }
}
