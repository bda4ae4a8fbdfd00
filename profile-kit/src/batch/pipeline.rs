//! One reader, many workers, some who finish what those made, and one writer that takes it in the order in which it was
//! read.

use std::{
    collections::BTreeMap,
    path::Path,
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{self, Receiver, Sender, SyncSender},
    },
    thread::{self, Scope, ScopedJoinHandle},
};

use super::store::failed;
use crate::Result;

/// What there is to do, and how much memory it takes.
pub(super) trait Weigh {
    fn bytes(&self) -> usize;
}

/// Reads on a thread of its own, works on `jobs` threads (1 to 256), each with a state of its own, and takes on this one.
///
/// `read` hands over what it reads until it is told `false`. Nobody works far ahead of what is taken: the memory does
/// not depend on how much there is.
///
/// # Errors
/// The first of any of them, or that no thread could be started; what was taken before it came in order and without a
/// gap.
pub(super) fn run<Item: Weigh + Send, Made: Send, State>(
    jobs: usize,
    read: impl FnOnce(&mut dyn FnMut(Item) -> bool) -> Result<()> + Send,
    state: impl Fn() -> Result<State> + Sync,
    work: impl Fn(&mut State, Item) -> Result<Made> + Sync,
    take: impl FnMut(Made) -> Result<()>,
) -> Result<()> {
    thread::scope(|scope| {
        let (begun, made) = Begun::new(scope, jobs, read, &state, &work)?;
        begun.end(made, take)
    })
}

/// As [`run`], with threads of their own, one for four workers, that finish what was made: a worker is left to what only
/// it can do.
///
/// # Errors
/// As [`run`].
pub(super) fn run_and_finish<Item: Weigh + Send, Made: Send, Finished: Send, State>(
    jobs: usize,
    read: impl FnOnce(&mut dyn FnMut(Item) -> bool) -> Result<()> + Send,
    state: impl Fn() -> Result<State> + Sync,
    work: impl Fn(&mut State, Item) -> Result<Made> + Sync,
    finish: impl Fn(Made) -> Finished + Sync,
    take: impl FnMut(Finished) -> Result<()>,
) -> Result<()> {
    thread::scope(|scope| {
        let (begun, made) = Begun::new(scope, jobs, read, &state, &work)?;
        let (to_taker, finished) = mpsc::channel();
        let (made, threads) = (Arc::new(Mutex::new(made)), begun.jobs.div_ceil(WORKERS_OF_A_FINISHER));
        for _ in 0..threads {
            let (finisher, made, finish) = (Hand(to_taker.clone()), made.clone(), &finish);
            spawn(scope, move || finisher.finish(&made, finish))?;
        }
        drop((made, to_taker));
        begun.end(finished, take)
    })
}

/// Starts a thread, as [`Scope::spawn`] does.
///
/// # Errors
/// [`Error::Io`](crate::Error::Io) where the system gives none, when `spawn` would panic.
pub(super) fn spawn<'scope, T: Send + 'scope>(
    scope: &'scope Scope<'scope, '_>,
    work: impl FnOnce() -> T + Send + 'scope,
) -> Result<ScopedJoinHandle<'scope, T>> {
    thread::Builder::new().spawn_scoped(scope, work).map_err(failed(Path::new("a thread"), "cannot be started"))
}

/// Those who read and work, under way.
struct Begun<'scope> {
    jobs: usize,
    reader: ScopedJoinHandle<'scope, Result<()>>,
    put_back: Sender<()>,
}

impl<'scope> Begun<'scope> {
    /// Starts them; what they made comes out of the channel. Where not all can be started, those that were find their
    /// channels closed, and end.
    fn new<'env, Item: Weigh + Send + 'scope, Made: Send + 'scope, State>(
        scope: &'scope Scope<'scope, 'env>,
        jobs: usize,
        read: impl FnOnce(&mut dyn FnMut(Item) -> bool) -> Result<()> + Send + 'scope,
        state: &'scope (impl Fn() -> Result<State> + Sync),
        work: &'scope (impl Fn(&mut State, Item) -> Result<Made> + Sync),
    ) -> Result<(Self, Receiver<Handed<Made>>)> {
        let jobs = jobs.clamp(1, MOST_JOBS);
        let ahead = 2 * jobs + SPARE_CHUNKS;
        let (put_back, places) = mpsc::channel();
        let (to_workers, chunks) = mpsc::sync_channel(ahead);
        let (to_next, made) = mpsc::channel();
        let chunks = Arc::new(Mutex::new(chunks));
        (0..ahead).for_each(|_| put_back.send(()).expect("its other end is here"));
        let chunked = Chunks { chunk: Vec::new(), bytes: 0, number: 0, places, to_workers };
        let reader = spawn(scope, move || chunked.fill(read))?;
        for _ in 0..jobs {
            let (worker, chunks) = (Hand(to_next.clone()), chunks.clone());
            spawn(scope, move || worker.work(&chunks, state, work))?;
        }
        Ok((Self { jobs, reader, put_back }, made))
    }

    /// Takes all that comes, in order, and waits for the reader.
    fn end<Made>(self, made: Receiver<Handed<Made>>, mut take: impl FnMut(Made) -> Result<()>) -> Result<()> {
        let taken = in_turn(made, |chunk| {
            chunk.into_iter().try_for_each(&mut take)?;
            // The reader may be at its end already.
            let _ = self.put_back.send(());
            Ok(())
        });
        // The reader that waits for a place is told that there will be none.
        drop(self.put_back);
        let read = self.reader.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        taken.and(read)
    }
}

/// Items in numbered pieces that are worth a thread's asking.
struct Chunks<Item> {
    chunk: Vec<Item>,
    bytes: usize,
    number: u64,
    places: Receiver<()>,
    to_workers: SyncSender<(u64, Vec<Item>)>,
}

impl<Item: Weigh> Chunks<Item> {
    fn fill(mut self, read: impl FnOnce(&mut dyn FnMut(Item) -> bool) -> Result<()>) -> Result<()> {
        let read = read(&mut |item| {
            self.bytes += item.bytes();
            self.chunk.push(item);
            let is_full = self.chunk.len() == LONGEST_CHUNK || self.bytes >= LARGEST_CHUNK;
            !is_full || self.send()
        });
        // What was read before an error is worked on and told all the same.
        self.send();
        read
    }

    /// Whether anybody wants more.
    fn send(&mut self) -> bool {
        let chunk = (self.number, std::mem::take(&mut self.chunk));
        (self.bytes, self.number) = (0, self.number + 1);
        self.places.recv().is_ok() && self.to_workers.send(chunk).is_ok()
    }
}

/// What is handed on: a chunk that was made; an error that ends everything; or, as `None`, that somebody panicked.
type Handed<Made> = Option<Result<(u64, Vec<Made>)>>;

/// Hands on what its thread made.
struct Hand<Made>(Sender<Handed<Made>>);

impl<Made> Hand<Made> {
    fn work<Item, State>(
        &self,
        chunks: &Mutex<Receiver<(u64, Vec<Item>)>>,
        state: impl Fn() -> Result<State>,
        work: impl Fn(&mut State, Item) -> Result<Made>,
    ) {
        let mut state = match state() {
            Ok(state) => state,
            Err(error) => return drop(self.0.send(Some(Err(error)))),
        };
        while let Some((number, chunk)) = next(chunks) {
            let made: Result<Vec<Made>> = chunk.into_iter().map(|item| work(&mut state, item)).collect();
            let is_done = made.is_err();
            if self.0.send(Some(made.map(|made| (number, made)))).is_err() || is_done {
                return;
            }
        }
    }

    fn finish<Before>(&self, made: &Mutex<Receiver<Handed<Before>>>, finish: impl Fn(Before) -> Made) {
        let finish = |(number, chunk): (u64, Vec<_>)| (number, chunk.into_iter().map(&finish).collect());
        while let Some(handed) = next(made) {
            if self.0.send(handed.map(|made| made.map(finish))).is_err() {
                return;
            }
        }
    }
}

impl<Made> Drop for Hand<Made> {
    fn drop(&mut self) {
        if thread::panicking() {
            // Or everybody would wait for the chunk that it had.
            let _ = self.0.send(None);
        }
    }
}

/// What comes next to one of several threads; `None` at the end.
fn next<T>(channel: &Mutex<Receiver<T>>) -> Option<T> {
    channel.lock().unwrap_or_else(PoisonError::into_inner).recv().ok()
}

fn in_turn<Made>(handed: Receiver<Handed<Made>>, mut take: impl FnMut(Vec<Made>) -> Result<()>) -> Result<()> {
    let (mut early, mut turn) = (BTreeMap::new(), 0);
    for chunk in handed {
        let Some(chunk) = chunk else { return Ok(()) };
        let (number, chunk) = chunk?;
        early.insert(number, chunk);
        while let Some(chunk) = early.remove(&turn) {
            take(chunk)?;
            turn += 1;
        }
    }
    Ok(())
}

const MOST_JOBS: usize = 256;
const WORKERS_OF_A_FINISHER: usize = 4;
/// So that a thread that has to wait for its turn, where there are more threads than processors, keeps no other waiting.
const SPARE_CHUNKS: usize = 32;
const LONGEST_CHUNK: usize = 16;
/// In bytes.
const LARGEST_CHUNK: usize = 256 << 10;

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use crate::Error;

    impl Weigh for usize {
        fn bytes(&self) -> usize {
            1
        }
    }

    fn wrong(problem: &str) -> Error {
        Error::Table { place: crate::Place::whole(), problem: problem.into() }
    }

    fn up_to(end: usize) -> impl FnOnce(&mut dyn FnMut(usize) -> bool) -> Result<()> + Send {
        move |hand| {
            let _all = (0..end).all(hand);
            Ok(())
        }
    }

    #[test]
    fn takes_in_the_order_of_reading_whatever_the_threads() {
        for jobs in [0, 1, 2, 7, usize::MAX] {
            let mut taken = Vec::new();
            let slow = |_: &mut (), item: usize| {
                if item.is_multiple_of(97) {
                    thread::yield_now();
                }
                Ok(item * 2)
            };
            run(
                jobs,
                up_to(5_000),
                || Ok(()),
                slow,
                |made| {
                    taken.push(made);
                    Ok(())
                },
            )
            .unwrap();
            assert_eq!(taken, (0..5_000).map(|item| item * 2).collect::<Vec<_>>());
        }
    }

    #[test]
    fn takes_what_was_finished_in_the_order_of_reading_and_the_first_error() {
        let numbered = |end| {
            let mut taken = Vec::new();
            let fails = |_: &mut (), item: usize| if item == 4_000 { Err(wrong("work")) } else { Ok(item) };
            let finish = |item: usize| {
                if item.is_multiple_of(97) {
                    thread::yield_now();
                }
                item.to_string()
            };
            let take = |made: String| {
                taken.push(made);
                Ok(())
            };
            let done = run_and_finish(9, up_to(end), || Ok(()), fails, finish, take);
            (done.map_err(|error| error.to_string()), taken)
        };
        let in_order = |end: usize| (0..end).map(|item| item.to_string()).collect::<Vec<_>>();
        assert_eq!(numbered(4_000), (Ok(()), in_order(4_000)));
        let (failed, taken) = numbered(5_000);
        assert_eq!((failed.unwrap_err().as_str(), taken == in_order(taken.len())), ("work", true));
    }

    #[test]
    fn an_error_anywhere_ends_everything_and_is_told() {
        let told = |result: Result<()>| result.unwrap_err().to_string();
        let same = |_: &mut (), item: usize| Ok(item);
        let read = |hand: &mut dyn FnMut(usize) -> bool| {
            (0..100).all(hand);
            Err(wrong("reading"))
        };
        assert_eq!(told(run(2, read, || Ok(()), same, |_| Ok(()))), "reading");
        assert_eq!(told(run(2, up_to(10_000), || Err::<(), _>(wrong("state")), same, |_| Ok(()))), "state");
        let work = |_: &mut (), item: usize| if item == 777 { Err(wrong("work")) } else { Ok(item) };
        assert_eq!(told(run(2, up_to(10_000), || Ok(()), work, |_| Ok(()))), "work");
        let take = |item: usize| if item == 777 { Err(wrong("take")) } else { Ok(()) };
        assert_eq!(told(run(2, up_to(10_000), || Ok(()), same, take)), "take");
    }

    #[test]
    fn nobody_works_far_ahead_of_a_slow_taker() {
        let worked = AtomicUsize::new(0);
        let work = |_: &mut (), item: usize| Ok(worked.fetch_max(item, Ordering::Relaxed).max(item));
        let mut taken = 0;
        run(
            2,
            up_to(20_000),
            || Ok(()),
            work,
            |ahead| {
                assert!(ahead < taken + (2 * 2 + SPARE_CHUNKS + 1) * LONGEST_CHUNK, "{ahead} at {taken}");
                taken += 1;
                Ok(())
            },
        )
        .unwrap();
    }

    #[test]
    #[should_panic(expected = "a scoped thread panicked")]
    fn a_panic_of_a_worker_ends_it_and_nobody_waits() {
        let work = |_: &mut (), item: usize| {
            assert!(item != 500, "a mistake");
            Ok(item)
        };
        let _ = run(4, up_to(100_000), || Ok(()), work, |_| Ok(()));
    }

    #[test]
    #[should_panic(expected = "a scoped thread panicked")]
    fn a_panic_of_a_finisher_ends_it_and_nobody_waits() {
        let finish = |item: usize| assert!(item != 500, "a mistake");
        let _ = run_and_finish(4, up_to(100_000), || Ok(()), |_: &mut (), item| Ok(item), finish, |()| Ok(()));
    }
}
