//! Whether the daemon can do its work.

use std::{collections::BTreeMap, fmt, future::Future, pin::Pin, sync::Arc, time::Duration};

use serde::Serialize;
use tokio::{
    sync::Mutex,
    time::{Instant, timeout},
};

use crate::stop::{Phase, Watch};

/// Asks what the daemon stands on whether it stands; what it heard counts for a second. Never ready once the daemon
/// drains.
pub struct Readiness {
    checks: Vec<(&'static str, Check)>,
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

type Check = Box<dyn Fn() -> Pin<Box<dyn Future<Output = Result<(), String>> + Send>> + Send + Sync>;

impl Readiness {
    /// Ready as long as the daemon does not end.
    pub fn new(stop: Watch) -> Self {
        Self { checks: Vec::new(), stop, last: Mutex::default() }
    }

    /// Asks this as well. A check says in one sentence why it is not well; it has a second to answer.
    #[must_use]
    pub fn check<F, A>(mut self, name: &'static str, check: F) -> Self
    where
        F: Fn() -> A + Send + Sync + 'static,
        A: Future<Output = Result<(), String>> + Send + 'static,
    {
        self.checks.push((name, Box::new(move || Box::pin(check()))));
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
        let mut checks = BTreeMap::new();
        for (name, check) in &self.checks {
            let answer = timeout(PATIENCE, check()).await.unwrap_or_else(|_| Err("there was no answer".into()));
            if let Err(reason) = &answer {
                tracing::warn!(check = name, reason, "not ready");
            }
            checks.insert(*name, answer.is_ok());
        }
        Report { ready: checks.values().all(|well| *well), draining: false, checks }
    }
}

impl fmt::Debug for Readiness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.checks.iter().map(|(name, _)| name)).finish()
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

    #[tokio::test]
    async fn draining_is_not_ready_at_once() {
        let stop = Stop::new();
        let readiness = Readiness::new(stop.watch());
        assert!(readiness.report().await.ready);
        stop.advance();
        assert!(!readiness.report().await.ready);
    }
}
