//! The ledger: the durable record of what was issued to which device, and of every decision.
//!
//! A cloneable handle with async methods. One thread writes: it takes all that waits, and what is announced, commits it
//! in one transaction and answers when that is durable; questions are answered from connections of their own. Nothing is
//! answered that is not on the disk. When that cannot be, everybody who waits hears of it, and the ledger opens its file
//! again until it can be trusted.
//!
//! SQL is spoken in this folder only, so that another store can take its place without its callers' knowledge.

mod answers;
mod archive;
mod chain;
mod error;
mod evidence;
mod fleet;
mod import;
mod installation;
mod issued;
mod reader;
mod rows;
mod seal;
pub(crate) mod sqlite;
#[cfg(test)]
pub(crate) mod stage;
#[cfg(test)]
mod tests;
mod ticket;
mod write;
mod writer;

use std::{
    any::Any,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::AtomicUsize,
        mpsc::{SyncSender, TrySendError, sync_channel},
    },
    thread,
    time::{Duration, SystemTime},
};

use serde::{Serialize, de::DeserializeOwned};
use tokio::sync::oneshot;

pub use archive::{Archive, Check};
pub use error::{Cause, Error, Result, TicketRefusal};
pub use fleet::{Cursor, DeviceRecord, Holding, Scope};
pub use import::{Import, Imported};
pub use installation::{ListedProfile, Observed, ObservedProfile, ProfileList, Reconciled, Similar, Taken};
pub use issued::{BasisProfile, Budget, Draft, Issued};
pub use seal::{LedgerKey, LedgerKeys};
pub use ticket::{Ticket, TicketDraft};
pub use write::Announcement;

use crate::{
    audit::{Checkpoint, CheckpointKey, Detail, Event},
    digest::Digest,
    issuance::{IdSource, Issuance, IssuanceId, RequestFacts},
    moment::millis,
};
use reader::Readers;
use seal::Place;
use write::{Task, Writing};
use writer::{Command, Writer};

/// How a ledger is opened.
#[derive(Clone)]
pub struct Options {
    /// The database's file. Others lie beside it, with more at the end of their names.
    pub path: PathBuf,
    /// What seals the bytes of profiles and answers.
    pub keys: LedgerKeys,
    /// What signs the audit's checkpoints.
    pub checkpoint_key: CheckpointKey,
    /// The file to which the checkpoints are appended. Default: [`checkpoint_file`].
    pub checkpoints: PathBuf,
    /// After how many audit records a checkpoint is signed. Default: 1000.
    pub checkpoint_every: u64,
    /// How many writes may wait; one more is refused at once. Default: 4096.
    pub queue: usize,
    /// How long a commit is put off at most for writes that are [announced](Ledger::announce). Default: 4 milliseconds.
    pub company: Duration,
    /// How long SQLite waits for somebody else who holds the file. Default: 5 seconds.
    pub busy_timeout: Duration,
    /// The clock, for what the ledger does without being asked.
    pub clock: Clock,
    /// Hears of every commit.
    pub on_commit: Option<Arc<dyn Fn(Commit) + Send + Sync>>,
    /// Told of each issuance, once it is durable.
    pub on_issued: Option<OnIssued>,
}

/// Who is told of issuances.
pub type OnIssued = Arc<dyn Fn(&Issuance) + Send + Sync>;

/// What tells the time.
pub type Clock = Arc<dyn Fn() -> SystemTime + Send + Sync>;

/// One durable commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Commit {
    /// How many writes shared it.
    pub writes: usize,
    /// How long it took, with their work.
    pub took: Duration,
}

impl Options {
    /// The defaults, with the system's clock.
    pub fn new(path: impl Into<PathBuf>, keys: LedgerKeys, checkpoint_key: CheckpointKey) -> Self {
        let path = path.into();
        Self {
            checkpoints: checkpoint_file(&path),
            path,
            keys,
            checkpoint_key,
            checkpoint_every: 1000,
            queue: 4096,
            company: Duration::from_millis(4),
            busy_timeout: Duration::from_secs(5),
            clock: Arc::new(SystemTime::now),
            on_commit: None,
            on_issued: None,
        }
    }

    fn now(&self) -> i64 {
        millis((self.clock)())
    }

    fn tell(&self, commit: Commit) {
        if let Some(on_commit) = &self.on_commit {
            on_commit(commit);
        }
    }
}

/// Who asks for a write, as what, in which request, and when.
#[derive(Clone, Debug)]
pub struct Request {
    /// The caller's name.
    pub caller: String,
    /// The role that allows it.
    pub role: String,
    /// The request's own name, as the log has it.
    pub id: Option<String>,
    /// By what a repetition of this request is known.
    pub idempotency: Option<Idempotency>,
    /// When.
    pub at: SystemTime,
    /// What is kept until nobody is at work with the request any more, also where nobody waits for that: the room that its
    /// body takes.
    pub room: Option<Arc<dyn Any + Send + Sync>>,
}

/// By what a repeated request is known: the ledger gives its answer again, and refuses another request of the same key.
///
/// Answers are kept as long as the ledger. Refusals are not kept: the request may come again when it is allowed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Idempotency {
    /// The caller's `Idempotency-Key`. Two callers may use the same.
    pub key: String,
    /// SHA-256 of everything that decides the answer: method, path and body. The ledger keeps a keyed digest of it.
    pub fingerprint: Digest,
}

impl Request {
    /// An event of this request.
    pub fn event(&self, action: &'static str) -> Event {
        let (caller, role) = (Some(self.caller.clone()), Some(self.role.clone()));
        Event { caller, role, request: self.id.clone(), ..Event::done(action) }
    }

    fn facts(&self) -> RequestFacts {
        RequestFacts {
            caller: self.caller.clone(),
            role: self.role.clone(),
            id: self.id.clone(),
            idempotency_key: self.idempotency.as_ref().map(|idempotency| idempotency.key.clone()),
            at: self.at,
        }
    }
}

/// What a write decided, or what it had decided when the same request came before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answered<T> {
    /// The decision.
    pub value: T,
    /// Whether this is the answer of before.
    pub replayed: bool,
}

/// Whether the ledger can be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Health {
    /// The last write worked.
    Writable,
    /// It did not; the ledger tries to heal.
    Failing {
        /// What happened, in one line.
        problem: String,
    },
}

/// The durable record of what was issued, and of every decision. Clones share it.
#[derive(Clone)]
pub struct Ledger {
    shared: Arc<Shared>,
}

struct Shared {
    commands: SyncSender<Command>,
    readers: Readers,
    keys: LedgerKeys,
    ids: IdSource,
    health: Arc<Mutex<Health>>,
    coming: Arc<AtomicUsize>,
    checkpoints: PathBuf,
    on_issued: Option<OnIssued>,
}

impl Ledger {
    /// Opens or makes a ledger, and starts its thread. It waits for the disk: not for a thread that serves.
    ///
    /// # Errors
    ///
    /// When a file cannot be opened, belongs to another program or to a newer one of this, or is in use; when its audit
    /// does not agree with its last checkpoints; when another key sealed what is in it.
    pub fn open(options: Options) -> Result<Self> {
        let health = Arc::new(Mutex::new(Health::Writable));
        let (commands, waiting) = sync_channel(options.queue.max(1));
        let readers = Readers::new(options.path.clone(), options.busy_timeout);
        let (keys, checkpoints) = (options.keys.clone(), options.checkpoints.clone());
        let (coming, on_issued) = (Arc::new(AtomicUsize::new(0)), options.on_issued.clone());
        let writer = Writer::open(options, health.clone(), coming.clone())?;
        thread::Builder::new().name("ledger".into()).spawn(move || writer.run(&waiting)).map_err(Error::unavailable)?;
        let shared = Shared { commands, readers, keys, ids: IdSource::new(), health, coming, checkpoints, on_issued };
        Ok(Self { shared: Arc::new(shared) })
    }

    /// Announces a write, such as while a profile for it waits to be signed. As long as more are announced than are ready,
    /// these wait a moment, see [`Options::company`], so that they share a commit. To be dropped when all is there that
    /// the write needs, or when it is given up.
    pub fn announce(&self) -> Announcement {
        Announcement::of(&self.shared.coming)
    }

    /// Whether the last write worked. It asks nothing of the disk; [`Ledger::probe`] does.
    pub fn health(&self) -> Health {
        self.shared.health.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Writes something durably, to see that it can.
    ///
    /// # Errors
    ///
    /// [`Error::Unavailable`] when it cannot, [`Error::Busy`] when too many writes wait.
    pub async fn probe(&self, at: SystemTime) -> Result<()> {
        let probe =
            "INSERT INTO meta (name, value) VALUES ('probed', ?1) ON CONFLICT DO UPDATE SET value = excluded.value";
        let work = move |writing: &mut Writing<'_>| {
            writing.db.prepare_cached(probe)?.execute([millis(at).to_string()])?;
            Ok(())
        };
        self.write(Event::done("probe"), at, work).await
    }

    /// Records a decision of which the ledger keeps nothing else: a refusal, a reload, a start.
    ///
    /// # Errors
    ///
    /// When it is not durable.
    pub async fn audit(&self, event: Event, at: SystemTime) -> Result<()> {
        let recorded = event.clone();
        self.write(event, at, move |writing| writing.append(millis(at), &recorded).map(drop)).await
    }

    /// Records a decision and its answer, which a repetition of the request gets again. The answer is sealed.
    ///
    /// # Errors
    ///
    /// [`Error::Conflict`] when the key was used for another request; when it is not durable.
    pub async fn decide(
        &self,
        request: &Request,
        event: Event,
        answer: serde_json::Value,
    ) -> Result<Answered<serde_json::Value>> {
        let at = request.at;
        let recorded = event.clone();
        self.answer(request, event, move |writing| Ok((writing.append(millis(at), &recorded)?, answer.clone()))).await
    }

    /// Signs a checkpoint over everything that was recorded, unless one is there already; gives the last.
    ///
    /// # Errors
    ///
    /// When it cannot be written.
    pub async fn checkpoint(&self) -> Result<Option<Checkpoint>> {
        let (reply, answer) = oneshot::channel();
        self.send(Command::Checkpoint(reply))?;
        answer.await.map_err(|_| Error::Closed)?
    }

    /// Writes what waits, signs a last checkpoint and closes the ledger for writing: its file is free afterwards.
    ///
    /// # Errors
    ///
    /// When the checkpoint cannot be written; the ledger is closed all the same.
    pub async fn close(&self) -> Result<Option<Checkpoint>> {
        // The last connection that is closed puts the write-ahead log into the file.
        self.shared.readers.clear();
        let (reply, answer) = oneshot::channel();
        self.send(Command::Close(reply))?;
        answer.await.map_err(|_| Error::Closed)?
    }

    /// Copies the ledger, as it is at one moment, while it goes on; writes beside, syncs, renames. A checkpoint is signed
    /// before. The copy holds all but the keys; [`Archive::check`] says whether it is good.
    ///
    /// Opened in another place, the copy goes on as a ledger. Put in the place of the ledger, it is refused as cut off
    /// until the checkpoint file of the longer one is taken away, which is for a person to decide.
    ///
    /// # Errors
    ///
    /// When the copy is there already or cannot be written.
    pub async fn backup(&self, to: impl Into<PathBuf>) -> Result<()> {
        self.checkpoint().await?;
        let to = to.into();
        self.read(move |db| archive::copy(db, &to)).await
    }

    /// Whether these keys open every profile in the ledger.
    ///
    /// # Errors
    ///
    /// [`Error::UnknownKey`]; when the ledger cannot be read.
    pub async fn opens_with(&self, keys: LedgerKeys) -> Result<()> {
        self.read(move |db| writer::opens(db, &keys)).await
    }

    /// The keys that signed checkpoints, by the digests of their public halves.
    ///
    /// # Errors
    ///
    /// When the ledger cannot be read.
    pub async fn checkpoint_signers(&self) -> Result<Vec<Digest>> {
        self.read(|db| Ok(chain::checkpoint_signers(db)?)).await
    }

    /// The file to which the checkpoints are appended.
    pub fn checkpoint_file(&self) -> PathBuf {
        self.shared.checkpoints.clone()
    }

    /// HMAC-SHA-256 of a spec's parameters in canonical form, as the ledger keeps it.
    pub fn parameters_digest(&self, parameters: &[u8]) -> Digest {
        self.shared.keys.active.digest(PARAMETERS, parameters)
    }

    /// One write; its refusal is recorded under the event. The work may be done again, when it was taken back.
    async fn write<T, F>(&self, event: Event, at: SystemTime, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: Fn(&mut Writing<'_>) -> Result<T> + Send + 'static,
    {
        self.write_and(event, at, work, |_| ()).await
    }

    /// As [`write`](Ledger::write); `then` is told what was decided once that is durable, also where nobody waits any more.
    async fn write_and<T, F>(
        &self,
        event: Event,
        at: SystemTime,
        work: F,
        then: impl FnOnce(&T) + Send + 'static,
    ) -> Result<T>
    where
        T: Send + 'static,
        F: Fn(&mut Writing<'_>) -> Result<T> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let task = Task { event, time: millis(at), work, decided: None, then: Box::new(then), reply };
        self.send(Command::Write(Box::new(task)))?;
        answer.await.map_err(|_| Error::Closed)?
    }

    /// One write whose answer a repetition gets again. The work gives the number of its record and what it decided.
    async fn answer<T, F>(&self, request: &Request, event: Event, work: F) -> Result<Answered<T>>
    where
        T: Serialize + DeserializeOwned + Send + 'static,
        F: Fn(&mut Writing<'_>) -> Result<(u64, T)> + Send + 'static,
    {
        let (request, at) = (request.clone(), request.at);
        let work = move |writing: &mut Writing<'_>| {
            if let Some(stored) = answers::find(writing.db, writing.keys, &request)? {
                let value = answers::open(writing.keys, &request, &stored)?;
                writing.append(millis(request.at), &replay(&request, stored.seq))?;
                return Ok(Answered { value, replayed: true });
            }
            let (seq, value) = work(writing)?;
            answers::keep(writing.db, writing.keys, &request, seq, Some(&answers::body(&value)))?;
            Ok(Answered { value, replayed: false })
        };
        self.write(event, at, work).await
    }

    async fn read<T, F>(&self, question: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&rusqlite::Connection) -> Result<T> + Send + 'static,
    {
        let shared = self.shared.clone();
        let turn = self.shared.readers.turn().await;
        let ask = move || {
            let _turn = turn;
            shared.readers.ask(question)
        };
        tokio::task::spawn_blocking(ask).await.map_err(|_| Error::Panicked)?
    }

    fn send(&self, command: Command) -> Result<()> {
        self.shared.commands.try_send(command).map_err(|refused| match refused {
            TrySendError::Full(_) => Error::Busy,
            TrySendError::Disconnected(_) => Error::Closed,
        })
    }

    fn next_id(&self, at: SystemTime) -> IssuanceId {
        IssuanceId(self.shared.ids.next(at))
    }
}

/// The file to which the checkpoints of the ledger in a file are appended unless another is named. A copy of it that is kept elsewhere shows
/// when the ledger was cut off or set back.
pub fn checkpoint_file(ledger: &Path) -> PathBuf {
    sqlite::beside(ledger, ".checkpoints.jsonl")
}

/// A repeated request got the answer of the record of this number again.
fn replay(request: &Request, seq: u64) -> Event {
    request.event("replay").with("of", Detail::Number(seq.cast_signed()))
}

/// How far moments may be out of the order of the record, as requests are under way at once: one that is further ahead is of
/// a clock that was wrong.
const OUT_OF_ORDER: Duration = Duration::from_secs(3600);
/// What the keyed digest of parameters is for.
const PARAMETERS: &str = "parameters";
