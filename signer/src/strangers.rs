//! Requests of callers whom nobody knows. Whoever reaches a socket can make any number of them: the audit has the first
//! one of an origin within a minute, and how many followed.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, SystemTime},
};

use crate::{
    Refusal,
    audit::Event,
    ledger::{Ledger, Result},
};

/// Who was refused lately, and how often. Safe to share.
#[derive(Debug, Default)]
pub struct Strangers {
    seen: Mutex<Seen>,
}

type Seen = BTreeMap<String, Stranger>;

/// The first of an origin within a minute. Dropped before it is in the record, it leaves its place to the next one: the
/// ledger did not take it, or the client went away and nobody waited for that.
#[derive(Debug)]
pub struct First<'a> {
    strangers: &'a Strangers,
    origin: String,
    is_recorded: bool,
}

impl First<'_> {
    /// What its origin is called.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// It is in the record.
    pub fn recorded(mut self) {
        self.is_recorded = true;
    }
}

impl Drop for First<'_> {
    fn drop(&mut self) {
        if !self.is_recorded
            && let Some(stranger) = self.strangers.seen().get_mut(&self.origin)
        {
            stranger.first = SystemTime::UNIX_EPOCH;
        }
    }
}

/// What came from one origin.
#[derive(Clone, Copy, Debug)]
struct Stranger {
    /// When the one came that is a record of its own.
    first: SystemTime,
    /// How many followed that are not in the audit yet.
    more: u64,
}

impl Strangers {
    /// Counts a refusal. Gives the name of its origin where it is to be a record of its own. Beyond as many origins as are
    /// told apart, all others are one.
    pub fn note(&self, origin: &str, at: SystemTime) -> Option<First<'_>> {
        let mut seen = self.seen();
        let origin = name(&seen, origin);
        match seen.get_mut(origin) {
            Some(stranger) if !stranger.is_over(at) => {
                stranger.more += 1;
                return None;
            }
            Some(stranger) => stranger.first = at,
            None => drop(seen.insert(origin.to_owned(), Stranger { first: at, more: 0 })),
        }
        Some(First { strangers: self, origin: origin.to_owned(), is_recorded: false })
    }

    /// Records how many followed from each origin. What cannot be recorded is counted on.
    ///
    /// # Errors
    /// The last of the ledger's, where it does not take one.
    pub async fn record(&self, ledger: &Ledger, at: SystemTime) -> Result<()> {
        let mut recorded = Ok(());
        for (origin, more) in self.take(at) {
            if let Err(error) = ledger.audit(counted(&origin, more), at).await {
                self.put_back(&origin, more, at);
                recorded = Err(error);
            }
        }
        recorded
    }

    /// What was counted, by origin; who has not come for a minute is forgotten.
    fn take(&self, at: SystemTime) -> Vec<(String, u64)> {
        let mut taken = Vec::new();
        self.seen().retain(|origin, stranger| {
            let more = std::mem::take(&mut stranger.more);
            taken.extend((more > 0).then(|| (origin.clone(), more)));
            !stranger.is_over(at)
        });
        taken
    }

    fn put_back(&self, origin: &str, more: u64, at: SystemTime) {
        let mut seen = self.seen();
        let origin = name(&seen, origin).to_owned();
        seen.entry(origin).or_insert(Stranger { first: at, more: 0 }).more += more;
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Stranger {
    /// Whether the minute after the first is over; also where the clock went back.
    fn is_over(&self, at: SystemTime) -> bool {
        at.duration_since(self.first).map_or(true, |since| since >= MINUTE)
    }
}

fn name<'a>(seen: &Seen, origin: &'a str) -> &'a str {
    if seen.contains_key(origin) || seen.len() < ORIGINS { origin } else { OTHERS }
}

fn counted(origin: &str, more: u64) -> Event {
    let count = i64::try_from(more).unwrap_or(i64::MAX);
    Event::refused("authenticate", Refusal::Unauthenticated.code()).with("peer", origin).with("count", count)
}

const MINUTE: Duration = Duration::from_secs(60);
/// How many origins are told apart.
const ORIGINS: usize = 8;
/// What the rest is called.
const OTHERS: &str = "others";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        ledger::stage::{Stage, at},
        moment::from_millis,
    };

    /// What the origin of a first one is called, which is recorded.
    fn noted(strangers: &Strangers, origin: &str, at: SystemTime) -> Option<String> {
        let first = strangers.note(origin, at)?;
        let origin = first.origin().to_owned();
        first.recorded();
        Some(origin)
    }

    fn taken(strangers: &Strangers, millis: i64) -> Vec<(String, u64)> {
        strangers.take(from_millis(millis))
    }

    #[test]
    fn the_first_of_a_minute_is_a_record_and_the_rest_of_it_a_number() {
        let strangers = Strangers::default();
        let note = |origin: &str, millis| noted(&strangers, origin, from_millis(millis)).is_some();
        assert!(note("a", 0) && note("b", 1));
        assert!([2, 3, 59_999].into_iter().all(|at| !note("a", at)));
        assert_eq!(taken(&strangers, 59_999), [("a".into(), 3)]);
        assert!(note("a", 60_000) && !note("a", 60_001));
        assert_eq!(taken(&strangers, 119_999), [("a".into(), 1)]);
        assert_eq!(taken(&strangers, 120_000), []);
        assert!(strangers.seen().is_empty());
    }

    #[test]
    fn more_origins_than_are_told_apart_are_one() {
        let strangers = Strangers::default();
        for number in 0..ORIGINS {
            assert_eq!(noted(&strangers, &number.to_string(), from_millis(0)), Some(number.to_string()));
        }
        assert_eq!(noted(&strangers, "one", from_millis(0)), Some(OTHERS.into()));
        for number in 0..ORIGINS {
            assert_eq!(noted(&strangers, &format!("other {number}"), from_millis(0)), None);
        }
        assert_eq!(taken(&strangers, 1), [(OTHERS.into(), ORIGINS as u64)]);
        assert_eq!(strangers.seen().len(), ORIGINS + 1);
    }

    #[tokio::test]
    async fn what_cannot_be_recorded_is_counted_on() {
        let mut stage = Stage::new();
        let strangers = Strangers::default();
        for _ in 0..3 {
            noted(&strangers, "a", at(0));
        }
        stage.ledger.close().await.unwrap();
        assert!(strangers.record(&stage.ledger, at(61)).await.is_err());
        stage.open_again().unwrap();
        strangers.record(&stage.ledger, at(62)).await.unwrap();
        let expected = serde_json::json!({ "count": 2, "peer": "a" });
        assert_eq!((&stage.last_event()["action"], &stage.last_event()["detail"]), (&"authenticate".into(), &expected));
    }

    #[test]
    fn a_first_that_was_not_recorded_leaves_its_place_to_the_next() {
        let strangers = Strangers::default();
        let first = strangers.note("a", at(0)).unwrap();
        assert_eq!(noted(&strangers, "a", at(0)), None);
        drop(first);
        assert_eq!(noted(&strangers, "a", at(0)), Some("a".into()));
        assert_eq!(strangers.take(at(0)), [("a".into(), 1)]);
    }
}
