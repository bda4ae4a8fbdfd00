//! What goes on on a connection, and when that has taken too long.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::time::Instant;

use super::Limits;

/// Shared by a connection, its wire and the requests on it.
#[derive(Debug)]
pub(crate) struct Activity {
    state: Mutex<State>,
    /// On HTTP/2, bytes may come in that belong to no request.
    bytes_are_heads: bool,
}

#[derive(Debug)]
struct State {
    /// When each request that runs began.
    running: BTreeMap<u64, Instant>,
    next: u64,
    /// Since when nothing runs.
    idle: Instant,
    /// Since when a head is being read.
    head: Option<Instant>,
    draining: Option<Instant>,
    unread: bool,
}

/// What a connection is given time for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Task {
    /// A request's head, of which some is there.
    Head,
    /// The next request.
    Next,
    /// An answer, until it is sent.
    Answer,
}

impl Activity {
    pub(super) fn new(bytes_are_heads: bool) -> Arc<Self> {
        let idle = Instant::now();
        let state = State { running: BTreeMap::new(), next: 0, idle, head: None, draining: None, unread: false };
        Arc::new(Self { state: Mutex::new(state), bytes_are_heads })
    }

    /// A request's head is there.
    pub(super) fn begin(self: &Arc<Self>) -> Visit {
        let mut state = self.lock();
        let number = state.next;
        state.next += 1;
        state.head = None;
        state.running.insert(number, Instant::now());
        Visit { activity: self.clone(), number }
    }

    /// Bytes came in.
    pub(super) fn heard(&self) {
        if self.bytes_are_heads {
            let mut state = self.lock();
            if state.running.is_empty() && state.head.is_none() {
                state.head = Some(Instant::now());
            }
        }
    }

    pub(super) fn drain(&self) {
        self.lock().draining.get_or_insert_with(Instant::now);
    }

    /// Whether a body was not read to its end.
    pub(super) fn has_unread(&self) -> bool {
        self.lock().unread
    }

    /// Until when the connection may go on as it does, and with what.
    pub(super) fn due(&self, limits: &Limits) -> (Instant, Task) {
        let state = self.lock();
        if let Some(oldest) = state.running.values().min() {
            return (*oldest + limits.answer, Task::Answer);
        }
        let (due, task) = match state.head {
            Some(head) => (head + limits.header, Task::Head),
            None if state.next == 0 => (state.idle + limits.header, Task::Next),
            None => (state.idle + limits.keep_alive, Task::Next),
        };
        (state.draining.map_or(due, |draining| due.min(draining + limits.grace)), task)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A request that runs, from its head until its answer is handed on or given up.
#[derive(Debug)]
pub(crate) struct Visit {
    activity: Arc<Activity>,
    number: u64,
}

impl Visit {
    /// Its body was left before its end: the client may still be sending.
    pub(crate) fn left_unread(&self) {
        self.activity.lock().unread = true;
    }
}

impl Drop for Visit {
    fn drop(&mut self) {
        let mut state = self.activity.lock();
        state.running.remove(&self.number);
        if state.running.is_empty() {
            state.idle = Instant::now();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_head_is_timed_from_its_first_byte_and_the_next_request_from_the_last_answer() {
        let (activity, limits) = (Activity::new(true), Limits::default());
        let begun = Instant::now();
        assert_eq!(activity.due(&limits), (begun + limits.header, Task::Next));
        tokio::time::advance(Duration::from_secs(3)).await;
        activity.heard();
        assert_eq!(activity.due(&limits), (Instant::now() + limits.header, Task::Head));
        let visit = activity.begin();
        assert_eq!(activity.due(&limits), (Instant::now() + limits.answer, Task::Answer));
        tokio::time::advance(Duration::from_secs(5)).await;
        drop(visit);
        assert_eq!(activity.due(&limits), (Instant::now() + limits.keep_alive, Task::Next));
    }

    #[tokio::test(start_paused = true)]
    async fn draining_leaves_an_idle_connection_only_its_grace() {
        let (activity, limits) = (Activity::new(true), Limits::default());
        let visit = activity.begin();
        activity.drain();
        assert_eq!(activity.due(&limits).1, Task::Answer);
        drop(visit);
        assert_eq!(activity.due(&limits), (Instant::now() + limits.grace, Task::Next));
    }

    #[tokio::test(start_paused = true)]
    async fn pings_do_not_keep_an_http2_connection_open() {
        let (activity, limits) = (Activity::new(false), Limits::default());
        let due = activity.due(&limits);
        tokio::time::advance(Duration::from_secs(3)).await;
        activity.heard();
        assert_eq!(activity.due(&limits), due);
    }
}
