//! The signing threads, and the bounded queue in front of them.
//!
//! Signing takes half a millisecond to several; inside the reactor's threads it would make every other request wait.
//! So it has threads of its own. What they answer they have verified before: with the certificate, not with the key.
//!
//! The queue is fair. Threads take one job of each caller in turn, and a caller may have as many jobs waiting as there
//! are places free: one alone fills half of the queue, two a third each, and a newcomer always finds a place.

mod bench;
mod queue;

use std::{
    fmt, io,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    thread::{Builder, JoinHandle},
    time::{Duration, Instant},
};

use profile_kit::{Error, Identity, SignOptions, Signable};
use tokio::sync::oneshot;

use self::{
    bench::Bench,
    queue::{Queue, Turn},
};
use crate::{Refusal, issuance::ProfileFacts, metrics::Metrics, refusal::Denied};

/// What is to be signed, and by whom.
pub struct Job {
    /// Whose key signs.
    pub identity: Identity,
    /// On what terms.
    pub options: SignOptions,
    /// What is signed.
    pub what: Box<dyn Signable + Send>,
}

/// What was signed, and verified.
#[derive(Clone, PartialEq, Eq)]
pub struct Signed {
    /// The signed bytes, DER.
    pub bytes: Vec<u8>,
    /// What stands in it, and who signed it.
    pub facts: ProfileFacts,
}

/// The bytes may hold a removal password.
impl fmt::Debug for Signed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Signed({} bytes)", self.bytes.len())
    }
}

/// Why nothing was signed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Refused {
    /// The queue has no place for this caller.
    #[error("the signing queue is full")]
    Overloaded {
        /// When a place can be expected.
        retry_after: Duration,
    },
    /// The threads are ending.
    #[error("signing is ending")]
    Stopping,
    /// What was to be signed could not be made.
    #[error("nothing was made that could be signed")]
    Unmade(#[source] Refusal),
    /// The kit does not sign this.
    #[error("the profile was not signed")]
    Kit(#[from] profile_kit::Error),
    /// What was signed does not verify; it was thrown away.
    #[error("the new signature does not verify: {problem}")]
    Unverified {
        /// What is wrong with it.
        problem: String,
    },
    /// The job panicked. The thread lives on, with new contexts.
    #[error("signing panicked")]
    Panicked,
}

/// What the caller is told; what failed, the log hears.
impl From<Refused> for Denied {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Overloaded { retry_after } => Refusal::Overloaded { retry_after },
            Refused::Stopping => Refusal::Draining,
            Refused::Unmade(refusal) => refusal,
            Refused::Kit(Error::Unwritable { .. }) => {
                Refusal::InvalidRequest { problem: "the profile would hold a value that no property list can".into() }
            }
            Refused::Kit(Error::Refused { findings }) => {
                let codes: Vec<_> = findings.iter().map(|finding| finding.code.word()).collect();
                let problem = format!("every device refuses it ({})", codes.join(", "));
                Refusal::NoOverwrite { problem, candidates: vec![] }
            }
            Refused::Kit(cause) => {
                tracing::error!(cause = cause.with_causes(), "not signed");
                Refusal::Internal
            }
            Refused::Unverified { .. } | Refused::Panicked => {
                tracing::error!(cause = %refused, "not signed");
                Refusal::Internal
            }
        }
        .into()
    }
}

/// A handle to the signing threads, cheap to clone. Where the last one is dropped, the threads end.
#[derive(Clone)]
pub struct Signing {
    pool: Arc<Pool>,
}

struct Pool {
    shared: Arc<Shared>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

struct Shared {
    queue: Queue<Waiting>,
    metrics: Arc<Metrics>,
    /// What a job takes, in nanoseconds, smoothed.
    pace: AtomicU64,
    threads: u32,
}

struct Waiting {
    task: Box<dyn Task>,
    since: Instant,
}

/// What a thread does for somebody who waits.
trait Task: Send {
    /// Whether nobody waits any more.
    fn is_abandoned(&self) -> bool;
    /// Does it, and answers.
    fn serve(self: Box<Self>, bench: &mut Bench, shared: &Shared);
}

struct Order<T, F> {
    make: F,
    answer: oneshot::Sender<Result<(Signed, T), Refused>>,
}

impl<T, F> Task for Order<T, F>
where
    T: Send,
    F: FnOnce() -> Result<(Job, T), Refusal> + Send,
{
    fn is_abandoned(&self) -> bool {
        self.answer.is_closed()
    }

    fn serve(self: Box<Self>, bench: &mut Bench, shared: &Shared) {
        let Self { make, answer } = *self;
        let begun = Instant::now();
        let work = || {
            let (job, with) = make().map_err(Refused::Unmade)?;
            Ok((bench.sign(&job)?, with))
        };
        let result = catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| {
            shared.metrics.panics.inc();
            *bench = Bench::default();
            Err(Refused::Panicked)
        });
        shared.worked(begun.elapsed());
        // A caller who has gone away meanwhile gets no answer; what was signed is dropped.
        let _ = answer.send(result);
    }
}

impl Signing {
    /// Starts the threads (one a core is right) behind a queue of so many places; both at least one.
    ///
    /// # Errors
    /// Where a thread cannot be started.
    pub fn start(threads: u32, capacity: usize, metrics: Arc<Metrics>) -> io::Result<Self> {
        let threads = threads.max(1);
        let shared = Shared { queue: Queue::new(capacity.max(1)), metrics, pace: AtomicU64::new(0), threads };
        let pool = Pool { shared: Arc::new(shared), threads: Mutex::default() };
        for number in 0..threads {
            let shared = pool.shared.clone();
            let thread = Builder::new().name(format!("signing-{number}")).spawn(move || shared.work())?;
            lock(&pool.threads).push(thread);
        }
        Ok(Self { pool: Arc::new(pool) })
    }

    /// Signs and verifies; `caller` is whose share of the queue it takes. Where the future is dropped before a thread has
    /// taken the job, nothing is signed and the job's place is free.
    ///
    /// # Errors
    /// [`Refused`]; [`Refused::Overloaded`] and [`Refused::Stopping`] at once.
    pub async fn sign(&self, caller: Arc<str>, job: Job) -> Result<Signed, Refused> {
        Ok(self.make(caller, || Ok((job, ()))).await?.0)
    }

    /// Makes what is to be signed in a signing thread too, as that takes its time; gives back what else came of it.
    ///
    /// # Errors
    /// As [`sign`](Signing::sign), and [`Refused::Unmade`].
    pub async fn make<T, F>(&self, caller: Arc<str>, make: F) -> Result<(Signed, T), Refused>
    where
        T: Send + 'static,
        F: FnOnce() -> Result<(Job, T), Refusal> + Send + 'static,
    {
        let shared = &*self.pool.shared;
        let (answer, answered) = oneshot::channel();
        let waiting = Waiting { task: Box::new(Order { make, answer }), since: Instant::now() };
        let number = shared.queue.push(&caller, waiting).map_err(|full| shared.refused(full))?;
        shared.count();
        let mut place = Place { shared, caller, number: Some(number) };
        let result = answered.await;
        place.number = None;
        result.unwrap_or(Err(Refused::Stopping))
    }

    /// Lets the threads drop what they keep of identities; for use after keys were changed.
    pub fn forget(&self) {
        self.pool.shared.queue.forget();
    }

    /// How many jobs wait.
    pub fn waiting(&self) -> usize {
        self.pool.shared.queue.waiting()
    }

    /// Takes no more jobs, finishes what waits, and returns when the threads have ended. Blocks: not for the reactor.
    pub fn stop(&self) {
        self.pool.stop();
    }
}

impl Pool {
    fn stop(&self) {
        self.shared.queue.close();
        let threads = std::mem::take(&mut *lock(&self.threads));
        for thread in threads {
            // A thread catches what a job throws, so that there is nothing to pass on.
            let _ = thread.join();
        }
    }
}

/// The threads are not waited for: the last handle may be dropped in the reactor.
impl Drop for Pool {
    fn drop(&mut self) {
        self.shared.queue.close();
    }
}

/// A job's place in the queue, given back where its caller goes away.
struct Place<'a> {
    shared: &'a Shared,
    caller: Arc<str>,
    number: Option<u64>,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        if let Some(number) = self.number
            && self.shared.queue.remove(&self.caller, number).is_some()
        {
            self.shared.metrics.abandoned.inc();
            self.shared.count();
        }
    }
}

impl Shared {
    fn work(&self) {
        let mut bench = Bench::default();
        let mut forgotten = 0;
        loop {
            match self.queue.pop(&mut forgotten) {
                Turn::Job(waiting) => self.serve(waiting, &mut bench),
                Turn::Forget => bench = Bench::default(),
                Turn::End => return,
            }
        }
    }

    fn serve(&self, waiting: Waiting, bench: &mut Bench) {
        self.count();
        let Waiting { task, since } = waiting;
        if task.is_abandoned() {
            self.metrics.abandoned.inc();
            return;
        }
        self.metrics.queue_time.observe(since.elapsed().as_secs_f64());
        task.serve(bench, self);
    }

    fn worked(&self, time: Duration) {
        self.metrics.work_time.observe(time.as_secs_f64());
        let time = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        let before = self.pace.load(Relaxed);
        let pace = if before == 0 { time } else { before - before / SMOOTHING + time / SMOOTHING };
        self.pace.store(pace, Relaxed);
    }

    fn refused(&self, full: queue::Full) -> Refused {
        if full == queue::Full::Closed {
            return Refused::Stopping;
        }
        let waiting = u32::try_from(self.queue.waiting()).unwrap_or(u32::MAX);
        let retry_after = Duration::from_nanos(self.pace.load(Relaxed)).saturating_mul(waiting) / self.threads;
        Refused::Overloaded { retry_after }
    }

    fn count(&self) {
        self.metrics.queue_length.set(self.queue.waiting().try_into().unwrap_or(i64::MAX));
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Over how many jobs the pace is smoothed.
const SMOOTHING: u64 = 16;

#[cfg(test)]
mod tests;
