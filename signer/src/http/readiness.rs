//! Whether the daemon can do its work.

use std::{collections::BTreeMap, fmt, future::Future, pin::Pin, sync::Arc, time::Duration};

use serde::Serialize;
use tokio::{
    sync::Mutex,
    task::JoinHandle,
    time::{Instant, timeout_at},
};

use crate::stop::{Phase, Watch};

/// Asks what the daemon stands on whether it stands; what it heard counts for a second. Never ready once the daemon
/// drains.
pub struct Readiness {
    checks: Vec<Check>,
    stop: Watch,
    last: Mutex<Option<(Instant, Arc<Report>)>>,
}

/// What was heard.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Whether everything is well.
    pub ready: bool,
    /// Whether the daemon is ending.
    pub draining: bool,
    /// Each check by its name, and whether it is well. Why not, the log knows.
    pub checks: BTreeMap<&'static str, bool>,
}

struct Check {
    name: &'static str,
    ask: Box<dyn Fn() -> Answer + Send + Sync>,
    /// Since when it is asked, until it has answered.
    asked: Mutex<Option<(Instant, JoinHandle<Well>)>>,
}

/// Or why not.
type Well = Result<(), String>;
type Answer = Pin<Box<dyn Future<Output = Well> + Send>>;

impl Readiness {
    /// Ready as long as the daemon does not end.
    pub fn new(stop: Watch) -> Self {
        Self { checks: Vec::new(), stop, last: Mutex::default() }
    }

    /// Asks this as well. A check says in one sentence why it is not well; it has a second to answer, and is not asked
    /// again before it has answered.
    #[must_use]
    pub fn check<F, A>(mut self, name: &'static str, check: F) -> Self
    where
        F: Fn() -> A + Send + Sync + 'static,
        A: Future<Output = Result<(), String>> + Send + 'static,
    {
        self.checks.push(Check { name, ask: Box::new(move || Box::pin(check())), asked: Mutex::default() });
        self
    }

    /// What is known, a second old at most. Who asks meanwhile waits for the one who asked first.
    pub async fn report(&self) -> Arc<Report> {
        if self.stop.phase() > Phase::Serving {
            return Arc::new(Report { ready: false, draining: true, checks: BTreeMap::new() });
        }
        let mut last = self.last.lock().await;
        if let Some((at, report)) = &*last
            && at.elapsed() < FRESH
        {
            return report.clone();
        }
        let report = Arc::new(self.ask().await);
        *last = Some((Instant::now(), report.clone()));
        report
    }

    async fn ask(&self) -> Report {
        // All at once, so that one that hangs takes no time from the others.
        for check in &self.checks {
            check.begin().await;
        }
        let mut checks = BTreeMap::new();
        for check in &self.checks {
            let answer = check.answer().await;
            if let Err(reason) = &answer {
                tracing::warn!(check = check.name, reason, "not ready");
            }
            checks.insert(check.name, answer.is_ok());
        }
        Report { ready: checks.values().all(|well| *well), draining: false, checks }
    }
}

impl Check {
    async fn begin(&self) {
        let mut asked = self.asked.lock().await;
        // What came too late says nothing of this moment.
        asked.take_if(|(_, answer)| answer.is_finished());
        asked.get_or_insert_with(|| (Instant::now(), tokio::spawn((self.ask)())));
    }

    async fn answer(&self) -> Well {
        let mut asked = self.asked.lock().await;
        let Some((since, answer)) = &mut *asked else { return Err("it was not asked".into()) };
        let Ok(answer) = timeout_at(*since + PATIENCE, answer).await else { return Err("there was no answer".into()) };
        *asked = None;
        answer.unwrap_or_else(|_| Err("the check panicked".into()))
    }
}

impl fmt::Debug for Readiness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.checks.iter().map(|check| check.name)).finish()
    }
}

const FRESH: Duration = Duration::from_secs(1);
const PATIENCE: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

    use super::*;
    use crate::stop::Stop;

    #[tokio::test(start_paused = true)]
    async fn an_answer_counts_for_a_second() {
        let asked = Arc::new(AtomicU32::new(0));
        let count = asked.clone();
        let readiness = Readiness::new(Stop::new().watch()).check("ledger", move || {
            count.fetch_add(1, Relaxed);
            async { Ok(()) }
        });
        assert!(readiness.report().await.ready);
        readiness.report().await;
        assert_eq!(asked.load(Relaxed), 1);
        tokio::time::advance(FRESH).await;
        readiness.report().await;
        assert_eq!(asked.load(Relaxed), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn one_check_that_fails_or_hangs_is_enough_and_is_named() {
        let readiness = Readiness::new(Stop::new().watch())
            .check("audit", async || Ok(()))
            .check("key", async || Err("no".into()))
            .check("ledger", std::future::pending);
        let report = readiness.report().await;
        assert!(!report.ready);
        assert_eq!(report.checks, [("audit", true), ("key", false), ("ledger", false)].into());
    }

    #[tokio::test(start_paused = true)]
    async fn checks_that_hang_take_a_second_together_and_are_not_asked_again_before_they_answer() {
        let asked = Arc::new(AtomicU32::new(0));
        let hang = || {
            let count = asked.clone();
            move || {
                count.fetch_add(1, Relaxed);
                std::future::pending()
            }
        };
        let readiness = Readiness::new(Stop::new().watch()).check("keys", hang()).check("ledger", hang());
        let begun = Instant::now();
        assert!(!readiness.report().await.ready);
        assert!(begun.elapsed() < PATIENCE * 2);
        tokio::time::advance(FRESH).await;
        assert!(!readiness.report().await.ready);
        assert!(begun.elapsed() < PATIENCE * 2 + FRESH);
        assert_eq!(asked.load(Relaxed), 2);
    }

    #[tokio::test]
    async fn draining_is_not_ready_at_once() {
        let stop = Stop::new();
        let readiness = Readiness::new(stop.watch());
        assert!(readiness.report().await.ready);
        stop.advance();
        assert!(!readiness.report().await.ready);
    }
}
