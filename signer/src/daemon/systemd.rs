//! What the service manager is told (sd_notify(3)); without one, nothing.
//!
//! A thread of its own tells it: a manager that does not listen holds nothing up.

use std::{
    env,
    sync::mpsc::{Receiver, SyncSender, sync_channel},
    thread,
};

use sd_notify::NotifyState;

/// The service manager, if there is one. Clones share the thread that tells it.
#[derive(Clone)]
pub(super) struct ServiceManager {
    to_thread: Option<SyncSender<Vec<NotifyState<'static>>>>,
}

impl ServiceManager {
    /// The one whose socket the environment names.
    pub fn of_environment() -> Self {
        if env::var_os("NOTIFY_SOCKET").is_none() {
            return Self { to_thread: None };
        }
        let (to_thread, states) = sync_channel(MOST_WAITING);
        let started = thread::Builder::new().name("service-manager".into()).spawn(move || tell_all(&states));
        if let Err(error) = &started {
            tracing::warn!(%error, "the service manager cannot be told");
        }
        Self { to_thread: started.is_ok().then_some(to_thread) }
    }

    /// Everything is there, also after a reload.
    pub fn ready(&self) {
        self.tell(vec![NotifyState::Ready]);
    }

    /// A reload has begun.
    pub fn reloading(&self) {
        let now = NotifyState::monotonic_usec_now().ok();
        self.tell([Some(NotifyState::Reloading), now].into_iter().flatten().collect());
    }

    /// The end has begun.
    pub fn stopping(&self) {
        self.tell(vec![NotifyState::Stopping]);
    }

    fn tell(&self, state: Vec<NotifyState<'static>>) {
        if let Some(to_thread) = &self.to_thread
            && to_thread.try_send(state).is_err()
        {
            tracing::warn!("the service manager does not listen");
        }
    }
}

fn tell_all(states: &Receiver<Vec<NotifyState<'static>>>) {
    for state in states {
        if let Err(error) = sd_notify::notify(&state) {
            tracing::warn!(%error, "the service manager cannot be told");
        }
    }
}

const MOST_WAITING: usize = 64;
