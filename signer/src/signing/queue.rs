//! A bounded queue that is fair between callers.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Condvar, Mutex, PoisonError},
};

use super::lock;

/// A line for each caller who has something waiting; threads take from each line in turn.
pub(super) struct Queue<J> {
    state: Mutex<State<J>>,
    changed: Condvar,
    capacity: usize,
}

struct State<J> {
    /// Never empty ones; in each, numbers rise.
    lines: HashMap<Arc<str>, VecDeque<(u64, J)>>,
    /// Each caller with a line, once.
    turns: VecDeque<Arc<str>>,
    waiting: usize,
    next: u64,
    forgets: u64,
    closed: bool,
}

/// What a thread has to do.
pub(super) enum Turn<J> {
    Job(J),
    /// Drop what is kept of identities.
    Forget,
    End,
}

/// Why there is no place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Full {
    /// The caller's share is used up.
    Share,
    /// The queue takes nothing more.
    Closed,
}

impl<J> Queue<J> {
    pub(super) fn new(capacity: usize) -> Self {
        let state =
            State { lines: HashMap::new(), turns: VecDeque::new(), waiting: 0, next: 0, forgets: 0, closed: false };
        Self { state: Mutex::new(state), changed: Condvar::new(), capacity }
    }

    /// Puts a job at the end of its caller's line, and answers its number. Never waits.
    pub(super) fn push(&self, caller: &Arc<str>, job: J) -> Result<u64, Full> {
        let mut state = lock(&self.state);
        if state.closed {
            return Err(Full::Closed);
        }
        let own = state.lines.get(caller).map_or(0, VecDeque::len);
        if own >= self.capacity - state.waiting {
            return Err(Full::Share);
        }
        let number = state.next;
        state.next += 1;
        state.waiting += 1;
        if own == 0 {
            state.turns.push_back(caller.clone());
        }
        state.lines.entry(caller.clone()).or_default().push_back((number, job));
        drop(state);
        self.changed.notify_one();
        Ok(number)
    }

    /// Waits for something to do. `forgotten` is how often the thread has been told to forget.
    pub(super) fn pop(&self, forgotten: &mut u64) -> Turn<J> {
        let mut state = lock(&self.state);
        loop {
            if *forgotten != state.forgets {
                *forgotten = state.forgets;
                return Turn::Forget;
            }
            if let Some(job) = state.take() {
                return Turn::Job(job);
            }
            if state.closed {
                return Turn::End;
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Takes a job out of its line, if it is still there.
    pub(super) fn remove(&self, caller: &Arc<str>, number: u64) -> Option<J> {
        let mut state = lock(&self.state);
        let line = state.lines.get_mut(caller)?;
        let at = line.binary_search_by_key(&number, |(number, _)| *number).ok()?;
        let (_, job) = line.remove(at)?;
        if line.is_empty() {
            state.lines.remove(caller);
            state.turns.retain(|other| other != caller);
        }
        state.waiting -= 1;
        Some(job)
    }

    pub(super) fn waiting(&self) -> usize {
        lock(&self.state).waiting
    }

    pub(super) fn forget(&self) {
        lock(&self.state).forgets += 1;
        self.changed.notify_all();
    }

    pub(super) fn close(&self) {
        lock(&self.state).closed = true;
        self.changed.notify_all();
    }
}

impl<J> State<J> {
    fn take(&mut self) -> Option<J> {
        let caller = self.turns.pop_front()?;
        let line = self.lines.get_mut(&caller)?;
        let (_, job) = line.pop_front()?;
        if line.is_empty() {
            self.lines.remove(&caller);
        } else {
            self.turns.push_back(caller);
        }
        self.waiting -= 1;
        Some(job)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_caller_alone_fills_half_and_two_a_third_each() {
        let queue = Queue::new(12);
        let (first, second) = ("first".into(), "second".into());
        assert_eq!(fill(&queue, &first), 6);
        assert_eq!(fill(&queue, &second), 3);
        let queue = Queue::new(12);
        let taken: Vec<_> = (0..12).map(|n| queue.push(if n % 2 == 0 { &first } else { &second }, n).is_ok()).collect();
        assert_eq!(taken.iter().filter(|taken| **taken).count(), 8);
    }

    #[test]
    fn callers_take_turns() {
        let queue = Queue::new(12);
        let (many, one) = ("many".into(), "one".into());
        for _ in 0..3 {
            queue.push(&many, "many").unwrap();
        }
        queue.push(&one, "one").unwrap();
        assert_eq!(drain(&queue), ["many", "one", "many", "many"]);
    }

    #[test]
    fn a_removed_job_leaves_its_place() {
        let queue = Queue::new(2);
        let caller = "caller".into();
        let number = queue.push(&caller, 1).unwrap();
        assert_eq!(queue.push(&caller, 2), Err(Full::Share));
        assert_eq!(queue.remove(&caller, number), Some(1));
        assert_eq!(queue.remove(&caller, number), None);
        queue.push(&caller, 3).unwrap();
        assert_eq!(drain(&queue), [3]);
    }

    #[test]
    fn a_closed_queue_gives_what_waits_and_takes_nothing() {
        let queue = Queue::new(4);
        let caller = "caller".into();
        queue.push(&caller, 1).unwrap();
        queue.close();
        assert_eq!(queue.push(&caller, 2), Err(Full::Closed));
        assert_eq!(drain(&queue), [1]);
        assert!(matches!(queue.pop(&mut 0), Turn::End));
    }

    fn fill(queue: &Queue<usize>, caller: &Arc<str>) -> usize {
        (0..).take_while(|n| queue.push(caller, *n).is_ok()).count()
    }

    fn drain<J>(queue: &Queue<J>) -> Vec<J> {
        std::iter::from_fn(|| lock(&queue.state).take()).collect()
    }
}
