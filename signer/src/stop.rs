//! How a daemon is told to end: first gently, then at once.

use std::io;

use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    sync::watch,
};

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

    /// Advances with every signal that is caught, for ever.
    pub async fn advance_by(&self, signals: Signals) {
        let Signals { mut terminate, mut interrupt } = signals;
        loop {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            self.advance();
        }
    }
}

/// SIGTERM and SIGINT, which end nothing by themselves any more.
#[derive(Debug)]
pub struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    /// Catches them from now on.
    ///
    /// # Errors
    /// Where they cannot be caught.
    pub fn catch() -> io::Result<Self> {
        Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
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
