//! How a daemon is told to end: first gently, then at once.

use std::{io, sync::Arc, thread};

use signal_hook::consts::{SIGINT, SIGTERM};
use tokio::sync::watch;

/// How far the end has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// Requests are taken.
    #[default]
    Serving,
    /// Nothing new is taken, what runs is finished.
    Draining,
    /// What still runs is cut off.
    Ended,
}

/// The one who says stop. Where it is dropped, the phase stays what it was.
#[derive(Debug, Default)]
pub struct Stop {
    phase: watch::Sender<Phase>,
}

impl Stop {
    /// Nothing has been said yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// For one who has to hear it.
    pub fn watch(&self) -> Watch {
        Watch { phase: self.phase.subscribe() }
    }

    /// One phase on: said once it drains, said twice it ends.
    pub fn advance(&self) {
        self.phase.send_modify(|phase| *phase = if *phase == Phase::Serving { Phase::Draining } else { Phase::Ended });
    }

    /// Advances with every signal that is caught, on a thread of its own, which hears them whatever holds the reactor up;
    /// it runs `after` once [`Phase::Ended`] was said, and ends.
    ///
    /// # Errors
    /// Where the system gives no thread.
    pub fn advance_by(self: &Arc<Self>, signals: Signals, after: impl FnOnce() + Send + 'static) -> io::Result<()> {
        let stop = self.clone();
        let hear = move || {
            for _ in &mut { signals.0 } {
                stop.advance();
                if *stop.phase.borrow() == Phase::Ended {
                    break;
                }
            }
            after();
        };
        thread::Builder::new().name("signals".into()).spawn(hear).map(drop)
    }
}

/// SIGTERM and SIGINT, which end nothing by themselves any more.
#[derive(Debug)]
pub struct Signals(signal_hook::iterator::Signals);

impl Signals {
    /// Catches them from now on.
    ///
    /// # Errors
    /// Where they cannot be caught.
    pub fn catch() -> io::Result<Self> {
        signal_hook::iterator::Signals::new([SIGTERM, SIGINT]).map(Self)
    }
}

/// Hears the phase change.
#[derive(Clone, Debug)]
pub struct Watch {
    phase: watch::Receiver<Phase>,
}

impl Watch {
    /// The phase now.
    pub fn phase(&self) -> Phase {
        *self.phase.borrow()
    }

    /// Waits until a phase is reached or passed.
    pub async fn reached(&mut self, phase: Phase) {
        if self.phase.wait_for(|now| *now >= phase).await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}
