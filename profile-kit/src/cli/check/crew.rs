//! Work that is shared out among threads.

use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

/// Does the work of each item on so many threads, each with a state of its own, and takes the results in the items' order.
///
/// So many items are worked on between two takings that the threads wait little and their results need little memory.
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
    for some in items.chunks(ITEMS_PER_THREAD * states.len()) {
        for result in worked(some, &mut states, &work) {
            take(result)?;
        }
    }
    Ok(())
}

fn worked<T: Sync, S: Send, R: Send>(
    items: &[T],
    states: &mut [S],
    work: &(impl Fn(&mut S, &T) -> R + Sync),
) -> Vec<R> {
    if let [only] = states {
        return items.iter().map(|item| work(only, item)).collect();
    }
    let next = AtomicUsize::new(0);
    let done = Mutex::new(Vec::with_capacity(items.len()));
    thread::scope(|scope| {
        for state in states {
            scope.spawn(|| {
                let index = || next.fetch_add(1, Ordering::Relaxed);
                while let Some((index, item)) = Some(index()).and_then(|index| Some((index, items.get(index)?))) {
                    let result = work(state, item);
                    done.lock().unwrap_or_else(PoisonError::into_inner).push((index, result));
                }
            });
        }
    });
    let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    done.sort_unstable_by_key(|(index, _)| *index);
    done.into_iter().map(|(_, result)| result).collect()
}

const ITEMS_PER_THREAD: usize = 64;

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
        assert!(worked.into_inner() <= 2 * ITEMS_PER_THREAD);
    }
}
