//! The server: takes connections, bounds what each may ask for and how long it may take, and ends without cutting off
//! an answer.
//!
//! It knows nothing of the routes: the application is a router that is passed in, and so are the sockets and the reason
//! to stop. What it refuses itself it refuses with a [`Refusal`]; only heads that are no HTTP
//! or are far too long are answered by hyper, with a bare 400 or 431.

mod activity;
mod body;
mod connection;
mod exchange;
mod head;
mod limits;
mod listener;
mod peer;
mod slots;
mod unread;
mod wire;

use std::{io, sync::Arc, time::Duration};

use axum::Router;
use tokio::{
    task::JoinSet,
    time::{sleep, timeout},
};

use self::{
    exchange::Exchange,
    listener::Socket,
    slots::{Slot, Slots},
    unread::Unread,
};
pub use self::{
    limits::Limits,
    listener::{Listener, bind},
    peer::{Origin, Peer},
};
use crate::{
    Refusal,
    http::bare,
    metrics::{CapLabels, ListenerLabels, Metrics},
    stop::{Phase, Watch},
};

/// How serving ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ended {
    /// Connections that were cut off, as draining took too long or was not waited for.
    pub cut: usize,
}

/// Serves until the watch says stop, and what ran then has ended.
///
/// Draining: nothing is accepted any more but who had already connected; each answer closes its connection; idle
/// connections are closed after [`Limits::grace`]. After [`Limits::drain`], or when the watch says that all has ended,
/// the rest is cut off.
pub async fn serve(listeners: Vec<Listener>, app: Router, limits: Limits, metrics: Arc<Metrics>, stop: Watch) -> Ended {
    let slots = Slots::new(limits.connections, limits.connections_per_peer);
    let requests = Slots::new(limits.requests, limits.requests_per_peer);
    let room = Slots::new(limits.bodies_bytes, limits.bodies_bytes_per_peer);
    let exchange = Arc::new(Exchange { app, limits, metrics, requests, room, unread: Unread::default(), stop });
    let mut doors: JoinSet<usize> = listeners
        .into_iter()
        .map(|listener| Door { listener, slots: slots.clone(), exchange: exchange.clone() }.keep())
        .collect();
    let mut ended = Ended::default();
    while let Some(cut) = doors.join_next().await {
        ended.cut += cut.unwrap_or_default();
    }
    ended
}

/// A listener, and where its connections are brought.
struct Door {
    listener: Listener,
    slots: Arc<Slots>,
    exchange: Arc<Exchange>,
}

impl Door {
    /// Accepts until the server drains, then waits for what runs. Answers how many connections were cut off.
    async fn keep(self) -> usize {
        let mut connections = JoinSet::new();
        let mut stop = self.exchange.stop.clone();
        loop {
            tokio::select! {
                biased;
                () = stop.reached(Phase::Draining) => break,
                Some(_) = connections.join_next() => {}
                accepted = self.listener.accept() => match accepted {
                    Ok(socket) => self.admit(socket, &mut connections),
                    Err(error) => pause(&error).await,
                },
            }
        }
        // Who had connected before is served; closing the listener would throw him out.
        for _ in 0..listener::BACKLOG {
            let Ok(Ok(socket)) = timeout(Duration::ZERO, self.listener.accept()).await else { break };
            self.admit(socket, &mut connections);
        }
        let drain = self.exchange.limits.drain;
        drop(self.listener);
        drained(connections, drain, stop).await
    }

    fn admit(&self, socket: Socket, connections: &mut JoinSet<()>) {
        let metrics = &self.exchange.metrics;
        match self.slots.take(socket.origin()) {
            Ok(slot) => {
                let open = Open::new(slot, metrics.clone(), self.listener.name());
                let serving = connection::serve(socket, self.exchange.clone());
                connections.spawn(async move {
                    let _open = open;
                    serving.await;
                });
            }
            Err(cap) => {
                metrics.connections_refused.get_or_create(&CapLabels { cap: cap.name() }).inc();
                socket.refuse(&bare(&Refusal::Overloaded { retry_after: Duration::from_secs(1) }));
            }
        }
    }
}

/// Waits for the connections to end, for so long, or until all has to end. Answers how many were cut off.
pub(crate) async fn drained(mut connections: JoinSet<()>, time: Duration, mut stop: Watch) -> usize {
    let all = async { while connections.join_next().await.is_some() {} };
    tokio::select! {
        biased;
        () = all => {}
        () = stop.reached(Phase::Ended) => {}
        () = sleep(time) => {}
    }
    let cut = connections.len();
    connections.shutdown().await;
    cut
}

/// A connection that went away before it was accepted is none; where there are no descriptors left, waiting helps.
async fn pause(error: &io::Error) {
    use io::ErrorKind::{ConnectionAborted, ConnectionReset, NotConnected};
    if !matches!(error.kind(), ConnectionAborted | ConnectionReset | NotConnected) {
        tracing::warn!(%error, "cannot accept connections");
        sleep(Duration::from_millis(50)).await;
    }
}

/// An open connection, as long as it is counted.
struct Open {
    _slot: Slot,
    metrics: Arc<Metrics>,
    listener: ListenerLabels,
}

impl Open {
    fn new(slot: Slot, metrics: Arc<Metrics>, listener: &'static str) -> Self {
        let listener = ListenerLabels { listener };
        metrics.connections.get_or_create(&listener).inc();
        Self { _slot: slot, metrics, listener }
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.metrics.connections.get_or_create(&self.listener).dec();
    }
}
