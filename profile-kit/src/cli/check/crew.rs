//! Work that is shared out among threads.

use std::{
    collections::BTreeMap,
    sync::{
        Condvar, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
        mpsc,
    },
    thread,
};

/// Does the work of each item on so many threads, each with a state of its own, and takes the results in the items' order.
///
/// Nobody works far ahead of what is taken, so that the results need little memory.
///
/// # Errors
/// The first of `take`; the rest is not worked on.
pub fn in_order<T: Sync, S: Send, R: Send, E>(
    items: &[T],
    threads: usize,
    state: impl Fn() -> S,
    work: impl Fn(&mut S, &T) -> R + Sync,
    mut take: impl FnMut(R) -> Result<(), E>,
) -> Result<(), E> {
    let mut states: Vec<S> = (0..threads.min(items.len()).max(1)).map(|_| state()).collect();
    if let [only] = states.as_mut_slice() {
        return items.iter().try_for_each(|item| take(work(only, item)));
    }
    let line = Line::new(states.len());
    let batches = Batches { all: items.chunks(BATCH).collect(), next: AtomicUsize::new(0) };
    let (done, results) = mpsc::channel();
    thread::scope(|scope| {
        // However this ends, nobody is left waiting, and nobody takes a batch more.
        let _opened = Opened(&line, &batches);
        for mut state in states {
            let (done, line, batches, work) = (done.clone(), &line, &batches, &work);
            scope.spawn(move || {
                let _opened = Opened(line, batches);
                while let Some((number, batch)) = batches.claim() {
                    line.wait_for(number);
                    let results: Vec<R> = batch.iter().map(|item| work(&mut state, item)).collect();
                    if done.send((number, results)).is_err() {
                        break;
                    }
                }
            });
        }
        drop(done);
        in_turn(results, |batch| {
            batch.into_iter().try_for_each(&mut take)?;
            line.advance();
            Ok(())
        })
    })
}

/// Takes what comes in any order by its number, from 0 on.
fn in_turn<R, E>(results: mpsc::Receiver<(usize, R)>, mut take: impl FnMut(R) -> Result<(), E>) -> Result<(), E> {
    let (mut early, mut turn) = (BTreeMap::new(), 0);
    for (number, result) in results {
        early.insert(number, result);
        while let Some(result) = early.remove(&turn) {
            take(result)?;
            turn += 1;
        }
    }
    Ok(())
}

/// What is to be done, in pieces that are worth a thread's asking.
struct Batches<'a, T> {
    all: Vec<&'a [T]>,
    next: AtomicUsize,
}

impl<'a, T> Batches<'a, T> {
    fn claim(&self) -> Option<(usize, &'a [T])> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        self.all.get(number).map(|batch| (number, *batch))
    }
}

/// How many batches were taken, and who waits for that.
struct Line {
    taken: Mutex<usize>,
    moved: Condvar,
    /// How many batches may be worked on and not taken.
    ahead: usize,
}

impl Line {
    fn new(threads: usize) -> Self {
        Self { taken: Mutex::new(0), moved: Condvar::new(), ahead: 4 * threads }
    }

    fn wait_for(&self, number: usize) {
        let taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let too_far = |taken: &mut usize| number >= taken.saturating_add(self.ahead);
        drop(self.moved.wait_while(taken, too_far).unwrap_or_else(PoisonError::into_inner));
    }

    fn advance(&self) {
        self.set(|taken| taken.saturating_add(1));
    }

    fn set(&self, change: impl FnOnce(usize) -> usize) {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        *taken = change(*taken);
        self.moved.notify_all();
    }
}

/// Lets everybody go when it is dropped: at the end, after a taker's error, and in a panic.
struct Opened<'a, 'b, T>(&'a Line, &'a Batches<'b, T>);

impl<T> Drop for Opened<'_, '_, T> {
    fn drop(&mut self) {
        self.1.next.fetch_max(self.1.all.len(), Ordering::Relaxed);
        self.0.set(|_| usize::MAX);
    }
}

const BATCH: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_come_in_the_order_of_the_items_whatever_the_threads() {
        let items: Vec<usize> = (0..1_000).collect();
        for threads in [1, 2, 7, 2_000] {
            let mut taken = Vec::new();
            let all = in_order(
                &items,
                threads,
                || (),
                |(), item| item * 2,
                |result| {
                    taken.push(result);
                    Ok::<(), ()>(())
                },
            );
            assert_eq!((all, taken), (Ok(()), items.iter().map(|item| item * 2).collect()));
        }
    }

    #[test]
    fn a_taker_that_fails_stops_the_work() {
        let items: Vec<usize> = (0..10_000).collect();
        let worked = AtomicUsize::new(0);
        let work = |_: &mut (), item: &usize| {
            worked.fetch_add(1, Ordering::Relaxed);
            *item
        };
        assert_eq!(in_order(&items, 2, || (), work, |item| if item == 5 { Err(item) } else { Ok(()) }), Err(5));
        assert!(worked.into_inner() <= 2 * 5 * BATCH);
    }

    #[test]
    #[should_panic(expected = "a scoped thread panicked")]
    fn a_panic_of_the_work_ends_it_and_nobody_waits() {
        let items: Vec<usize> = (0..10_000).collect();
        let work = |_: &mut (), item: &usize| assert!(*item != 100, "a mistake");
        let _ = in_order(&items, 4, || (), work, |()| Ok::<(), ()>(()));
    }
}
