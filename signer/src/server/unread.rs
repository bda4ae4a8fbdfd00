//! Heads that could not be read, so that there is no request to tell of.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

use super::Origin;

/// Tells of the first one within a minute, and how many there were since the one before: anybody can send any number.
#[derive(Debug, Default)]
pub(super) struct Unread {
    last: Mutex<Last>,
}

/// The one that was told of last.
#[derive(Debug, Default)]
struct Last {
    at: Option<Instant>,
    since: u64,
}

impl Unread {
    /// Tells of one in the log, unless it is one more of the same minute.
    pub(super) fn tell(&self, origin: Origin, kind: &str) {
        if let Some(others) = self.note(Instant::now()) {
            tracing::info!(peer = %origin, kind, others, "a head could not be read");
        }
    }

    /// How many were not told of before this one; `None` where this one is not to be told of either.
    fn note(&self, at: Instant) -> Option<u64> {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if last.at.is_some_and(|told| at < told + MINUTE) {
            last.since += 1;
            return None;
        }
        last.at = Some(at);
        Some(std::mem::take(&mut last.since))
    }
}

const MINUTE: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_of_a_minute_is_told_of_with_the_number_of_those_that_were_not() {
        let (unread, begun) = (Unread::default(), Instant::now());
        let note = |second| unread.note(begun + Duration::from_secs(second));
        assert_eq!([0, 1, 59, 60, 61, 200, 300].map(note), [Some(0), None, None, Some(2), None, Some(1), Some(0)]);
    }
}
