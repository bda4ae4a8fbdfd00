//! What every decision works with: the state of the moment, the ledger, the signing threads, the clock.

use std::sync::{Arc, PoisonError, RwLock};

use crate::{
    Refusal,
    ledger::{Clock, Ledger},
    metrics::Metrics,
    signing::{Job, Refused, Signed, Signing},
    state::State,
    strangers::Strangers,
};

/// The daemon as its decisions see it. A reload changes the state as a whole: who has begun with one goes on with it.
pub struct Service {
    state: RwLock<Arc<State>>,
    /// The record.
    pub ledger: Ledger,
    /// The signing threads.
    pub signing: Signing,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// The clock.
    pub clock: Clock,
    /// Whom nobody knows, and who asks all the same.
    pub strangers: Strangers,
}

impl Service {
    /// A service over parts that have been started.
    pub fn new(state: Arc<State>, ledger: Ledger, signing: Signing, metrics: Arc<Metrics>, clock: Clock) -> Self {
        Self { state: RwLock::new(state), ledger, signing, metrics, clock, strangers: Strangers::default() }
    }

    /// The state of this moment: asked once a request, so that an answer is wholly of one.
    pub fn state(&self) -> Arc<State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Makes and signs in a signing thread what the ledger will be asked to record; it is announced there, so that it
    /// shares a commit.
    ///
    /// # Errors
    /// As [`Signing::make`].
    pub async fn sign<T, F>(&self, caller: Arc<str>, make: F) -> Result<(Signed, T), Refused>
    where
        T: Send + 'static,
        F: FnOnce() -> Result<(Job, T), Refusal> + Send + 'static,
    {
        let _coming = self.ledger.announce();
        self.signing.make(caller, make).await
    }

    /// Works with another state from now on. The signing threads let go of the keys of before.
    pub fn replace(&self, state: Arc<State>) {
        *self.state.write().unwrap_or_else(PoisonError::into_inner) = state;
        self.signing.forget();
    }
}
