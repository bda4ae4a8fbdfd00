//! One reader, many workers, one writer that takes what they made in the order in which it was read.

use std::{
    collections::BTreeMap,
    sync::{
        Mutex, PoisonError,
        mpsc::{self, Receiver, Sender, SyncSender},
    },
    thread,
};

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
/// The first of any of them; what was taken before it came in order and without a gap.
pub(super) fn run<Item: Weigh + Send, Made: Send, State>(
    jobs: usize,
    read: impl FnOnce(&mut dyn FnMut(Item) -> bool) -> Result<()> + Send,
    state: impl Fn() -> Result<State> + Sync,
    work: impl Fn(&mut State, Item) -> Result<Made> + Sync,
    mut take: impl FnMut(Made) -> Result<()>,
) -> Result<()> {
    let jobs = jobs.clamp(1, MOST_JOBS);
    let ahead = 2 * jobs + 2;
    let (put_back, places) = mpsc::channel();
    let (to_workers, chunks) = mpsc::sync_channel(ahead);
    let (to_taker, made) = mpsc::channel();
    let chunks = Mutex::new(chunks);
    (0..ahead).for_each(|_| put_back.send(()).expect("its other end is here"));
    thread::scope(|scope| {
        let reader =
            scope.spawn(move || Chunks { chunk: Vec::new(), bytes: 0, number: 0, places, to_workers }.fill(read));
        for _ in 0..jobs {
            let (worker, chunks, state, work) = (Worker(to_taker.clone()), &chunks, &state, &work);
            scope.spawn(move || worker.run(chunks, state, work));
        }
        drop(to_taker);
        let taken = in_turn(made, |chunk| {
            chunk.into_iter().try_for_each(&mut take)?;
            // The reader may be at its end already.
            let _ = put_back.send(());
            Ok(())
        });
        // The reader that waits for a place is told that there will be none.
        drop(put_back);
        let read = reader.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        taken.and(read)
    })
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
        read(&mut |item| {
            self.bytes += item.bytes();
            self.chunk.push(item);
            let is_full = self.chunk.len() == LONGEST_CHUNK || self.bytes >= LARGEST_CHUNK;
            !is_full || self.send()
        })?;
        self.send();
        Ok(())
    }

    /// Whether anybody wants more.
    fn send(&mut self) -> bool {
        let chunk = (self.number, std::mem::take(&mut self.chunk));
        (self.bytes, self.number) = (0, self.number + 1);
        self.places.recv().is_ok() && self.to_workers.send(chunk).is_ok()
    }
}

/// What a worker hands over: a chunk that it made; an error that ends everything; or, as `None`, that it panicked.
type Handed<Made> = Option<Result<(u64, Vec<Made>)>>;

struct Worker<Made>(Sender<Handed<Made>>);

impl<Made> Worker<Made> {
    fn run<Item, State>(
        &self,
        chunks: &Mutex<Receiver<(u64, Vec<Item>)>>,
        state: impl Fn() -> Result<State>,
        work: impl Fn(&mut State, Item) -> Result<Made>,
    ) {
        let mut state = match state() {
            Ok(state) => state,
            Err(error) => return drop(self.0.send(Some(Err(error)))),
        };
        let next = || chunks.lock().unwrap_or_else(PoisonError::into_inner).recv().ok();
        while let Some((number, chunk)) = next() {
            let made: Result<Vec<Made>> = chunk.into_iter().map(|item| work(&mut state, item)).collect();
            let is_done = made.is_err();
            if self.0.send(Some(made.map(|made| (number, made)))).is_err() || is_done {
                return;
            }
        }
    }
}

impl<Made> Drop for Worker<Made> {
    fn drop(&mut self) {
        if thread::panicking() {
            // Or everybody would wait for the chunk that it had.
            let _ = self.0.send(None);
        }
    }
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
                assert!(ahead < taken + (2 * 2 + 3) * LONGEST_CHUNK, "{ahead} at {taken}");
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
}
