//! Work at which the only signing thread stops, so that a test decides what happens meanwhile.

use std::{sync::mpsc, time::Duration};

use signer::{Refusal, signing::Job};
use tokio::{sync::oneshot, time::timeout};

use crate::daemon::Daemon;

/// A daemon with one signing thread and a queue of four places.
pub async fn narrow() -> Daemon {
    let limits = "[limits]\nsigning_threads = 1\nqueue = 4\n[overwrites]";
    Daemon::with(|site| site.change("[overwrites]", limits)).await
}

pub struct Gate {
    _open: mpsc::Sender<()>,
    reached: oneshot::Receiver<()>,
}

impl Gate {
    /// Puts it into the queue.
    pub fn at(daemon: &Daemon) -> Self {
        let (open, opened) = mpsc::channel();
        let (reach, reached) = oneshot::channel();
        let signing = daemon.service.signing.clone();
        let wait = move || {
            let _ = reach.send(());
            let _ = opened.recv();
            Err::<(Job, ()), _>(Refusal::Draining)
        };
        tokio::spawn(async move { signing.make("gate".into(), wait).await });
        Self { _open: open, reached }
    }

    /// Waits until the thread stops at it.
    pub async fn reached(mut self) -> Self {
        timeout(PATIENCE, &mut self.reached).await.expect("no thread comes").unwrap();
        self
    }

    /// Lets the thread go on.
    pub fn open(self) {}
}

/// Waits until so many jobs wait for the thread.
pub async fn until_waiting(daemon: &Daemon, count: usize) {
    let waiting = async {
        while daemon.service.signing.waiting() != count {
            tokio::task::yield_now().await;
        }
    };
    timeout(PATIENCE, waiting).await.expect("the queue does not change");
}

const PATIENCE: Duration = Duration::from_secs(30);
