//! One connection, from its first byte to its end.

use std::{
    convert::Infallible,
    error::Error,
    future::{pending, poll_fn},
    io,
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use axum::http::Request;
use hyper::{
    body::Incoming,
    rt::ReadBufCursor,
    server::conn::{http1, http2},
    service::service_fn,
};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::graceful::GracefulConnection,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    sync::oneshot,
    time::{sleep, sleep_until, timeout},
};

use super::{
    Limits,
    activity::{Activity, Task},
    exchange::Exchange,
    listener::{Connected, Socket},
    peer::Origin,
    wire::{Protocol, Wire, sniff},
};
use crate::{
    Refusal,
    http::bare,
    metrics::{DeadlineLabels, KindLabels},
    stop::{Phase, Watch},
    tls::LetIn,
};

/// Serves one connection to its end, or until a deadline ends it.
pub(super) async fn serve(socket: Socket, exchange: Arc<Exchange>) {
    let origin = socket.origin();
    let mut stop = exchange.stop.clone();
    let end = tokio::select! {
        biased;
        opened = Opened::new(socket, &exchange.limits) => match opened {
            Ok(opened) => opened.serve(origin, &exchange).await,
            Err(end) => end,
        },
        () = end_of_grace(&mut stop, &exchange.limits) => End::Closed,
    };
    let kind = match end {
        End::Closed => return,
        End::Overdue(deadline) => {
            exchange.metrics.connections_overdue.get_or_create(&DeadlineLabels { deadline }).inc();
            if deadline == "header" { "too-slow" } else { return }
        }
        End::Unread(kind) => {
            exchange.metrics.heads_unread.get_or_create(&KindLabels { kind }).inc();
            kind
        }
    };
    exchange.unread.tell(origin, kind);
}

/// How a connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Closed,
    /// By a deadline, and its name.
    Overdue(&'static str),
    /// By a head that hyper could not read and answered barely, and what kind of head; on HTTP/2 by anything that breaks the
    /// connection.
    Unread(&'static str),
}

/// A connection whose protocol is known.
struct Opened {
    connected: Connected,
    protocol: Protocol,
    ahead: Vec<u8>,
}

impl Opened {
    async fn new(socket: Socket, limits: &Limits) -> Result<Self, End> {
        let opened = timeout(limits.handshake, socket.open()).await.map_err(|_| End::Overdue("handshake"))?;
        let mut connected = opened.map_err(|error| {
            tracing::debug!(error, "a connection came to nothing");
            End::Closed
        })?;
        let mut ahead = Vec::new();
        match timeout(limits.header, sniff(&mut connected.stream, &mut ahead)).await {
            Ok(Ok(protocol)) => Ok(Self { connected, protocol, ahead }),
            Ok(Err(_)) => Err(End::Closed),
            Err(_) if ahead.is_empty() => Err(End::Overdue("header")),
            Err(_) => {
                let activity = Activity::new(true);
                say_late(Wire::new(connected.stream, ahead, activity, limits.stall)).await;
                Err(End::Overdue("header"))
            }
        }
    }

    async fn serve(self, origin: Origin, exchange: &Arc<Exchange>) -> End {
        let Self { connected: Connected { stream, peer, let_in }, protocol, ahead } = self;
        let limits = &exchange.limits;
        let activity = Activity::new(protocol == Protocol::Http1);
        let wire = TokioIo::new(Wire::new(stream, ahead, activity.clone(), limits.stall));
        let service = service_fn(|request: Request<Incoming>| {
            // One that is held open all the same is nobody's.
            let is_over = let_in.as_ref().is_some_and(LetIn::is_over);
            let peer = if is_over { peer.without_certificate() } else { peer.clone() };
            let (exchange, visit) = (exchange.clone(), activity.begin());
            async move { Ok::<_, Infallible>(exchange.answer(peer, origin, request, visit).await) }
        });
        let ends = Ends { stop: exchange.stop.clone(), let_in: let_in.clone() };
        if protocol == Protocol::Http2 {
            let (lent, back) = Lent::new(wire);
            let mut connection = http2(limits).serve_connection(lent, service);
            let end = supervise(Pin::new(&mut connection), &activity, limits, ends, true).await;
            drop(connection);
            // What the client still sends, such as room for more, is not read.
            if let (End::Closed, Ok(wire)) = (&end, back.await) {
                linger(wire.into_inner()).await;
            }
            return end;
        }
        let mut connection = http1(limits).serve_connection(wire, service);
        let end = supervise(Pin::new(&mut connection), &activity, limits, ends, false).await;
        let wire = connection.into_parts().io.into_inner();
        match end {
            End::Overdue("header") => say_late(wire).await,
            End::Closed if activity.has_unread() => linger(wire).await,
            _ => {}
        }
        end
    }
}

/// A wire that comes back from a connection that does not give it: hyper's of HTTP/2.
struct Lent {
    wire: Option<TokioIo<Wire>>,
    back: Option<oneshot::Sender<TokioIo<Wire>>>,
}

impl Lent {
    fn new(wire: TokioIo<Wire>) -> (Self, oneshot::Receiver<TokioIo<Wire>>) {
        let (back, comes) = oneshot::channel();
        (Self { wire: Some(wire), back: Some(back) }, comes)
    }

    fn wire(self: Pin<&mut Self>) -> Pin<&mut TokioIo<Wire>> {
        Pin::new(self.get_mut().wire.as_mut().expect("it is given back at the end"))
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        if let (Some(wire), Some(back)) = (self.wire.take(), self.back.take()) {
            // Nobody may wait for it any more.
            let _ = back.send(wire);
        }
    }
}

impl hyper::rt::Read for Lent {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, to: ReadBufCursor<'_>) -> Poll<io::Result<()>> {
        self.wire().poll_read(cx, to)
    }
}

impl hyper::rt::Write for Lent {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.wire().poll_write(cx, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.wire().poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.wire().poll_shutdown(cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.wire.as_ref().is_some_and(hyper::rt::Write::is_write_vectored)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.wire().poll_write_vectored(cx, bytes)
    }
}

/// What ends a connection from outside.
struct Ends {
    stop: Watch,
    let_in: Option<LetIn>,
}

/// Drives a connection, and ends it where something on it takes too long, the server drains, or its client has no leave any
/// more.
async fn supervise<C: GracefulConnection<Error = hyper::Error>>(
    mut connection: Pin<&mut C>,
    activity: &Activity,
    limits: &Limits,
    Ends { mut stop, mut let_in }: Ends,
    is_http2: bool,
) -> End {
    let mut alarm = pin!(sleep_until(activity.due(limits).0));
    let (mut draining, mut is_put_out) = (false, false);
    loop {
        // What is due changes with every step of the connection, in its own task.
        let step = poll_fn(|cx| {
            if let Poll::Ready(result) = connection.as_mut().poll(cx) {
                return Poll::Ready(Step::Closed(result));
            }
            let (due, task) = activity.due(limits);
            if due != alarm.deadline() {
                alarm.as_mut().reset(due);
            }
            ready!(alarm.as_mut().poll(cx));
            Poll::Ready(Step::Due(task))
        });
        tokio::select! {
            biased;
            // Before the next request is read.
            () = put_out(&mut let_in), if !is_put_out => {
                is_put_out = true;
                connection.as_mut().graceful_shutdown();
            }
            step = step => match step {
                Step::Closed(Err(error)) if is_stall(&error) => return End::Overdue("stall"),
                Step::Closed(Err(error)) if error.is_parse_too_large() => return End::Unread("too-large"),
                Step::Closed(Err(error)) if error.is_parse() => return End::Unread("malformed"),
                Step::Closed(Err(error)) if is_http2 && !is_io(&error) => return End::Unread("http2"),
                Step::Closed(_) => return End::Closed,
                Step::Due(Task::Head) => return End::Overdue("header"),
                Step::Due(Task::Answer) => return End::Overdue("answer"),
                Step::Due(Task::Next) => break,
            },
            () = stop.reached(Phase::Draining), if !draining => {
                draining = true;
                activity.drain();
                // Here the protocol itself tells the client which requests are still taken.
                if is_http2 {
                    connection.as_mut().graceful_shutdown();
                }
            }
        }
    }
    connection.as_mut().graceful_shutdown();
    let closed = timeout(limits.stall, connection).await.is_ok();
    if draining && closed { End::Closed } else { End::Overdue("idle") }
}

/// Waits until what let the client in counts no more.
async fn put_out(let_in: &mut Option<LetIn>) {
    match let_in {
        Some(let_in) => let_in.over().await,
        None => pending().await,
    }
}

enum Step {
    Closed(Result<(), hyper::Error>),
    Due(Task),
}

/// Whether the wire gave up on a client that does not read.
fn is_stall(error: &hyper::Error) -> bool {
    io_kinds(error).any(|kind| kind == io::ErrorKind::TimedOut)
}

/// Whether the connection was lost, rather than used wrongly.
fn is_io(error: &hyper::Error) -> bool {
    io_kinds(error).next().is_some()
}

fn io_kinds(error: &hyper::Error) -> impl Iterator<Item = io::ErrorKind> {
    let causes = std::iter::successors(error.source(), |cause| (*cause).source());
    causes.filter_map(|cause| cause.downcast_ref().map(io::Error::kind))
}

fn http1(limits: &Limits) -> http1::Builder {
    let mut builder = http1::Builder::new();
    // Hyper's own deadline also runs between requests. The one that counts is the supervisor's; this one is behind it.
    builder.timer(TokioTimer::new()).header_read_timeout(limits.header + limits.keep_alive);
    let head = head_bytes(limits);
    builder.max_header_size(head).max_buf_size(head.max(BUFFER));
    builder
}

fn http2(limits: &Limits) -> http2::Builder<TokioExecutor> {
    let mut builder = http2::Builder::new(TokioExecutor::new());
    let header_bytes = head_bytes(limits).try_into().unwrap_or(u32::MAX);
    builder.timer(TokioTimer::new()).max_concurrent_streams(limits.streams).max_header_list_size(header_bytes);
    builder.initial_stream_window_size(STREAM_WINDOW).initial_connection_window_size(CONNECTION_WINDOW);
    builder
}

/// Beyond this hyper itself says no, and barely; a head between the limit and this is answered as a refusal.
fn head_bytes(limits: &Limits) -> usize {
    limits.header_bytes + limits.uri_bytes + REST_OF_A_HEAD
}

/// A head that never ended has no request that could be answered; this is the answer all the same.
async fn say_late(mut wire: Wire) {
    // Whether it arrives is the client's affair.
    if wire.write_all(bare(&Refusal::Timeout).as_bytes()).await.is_ok() {
        let _ = wire.shutdown().await;
    }
}

/// Reads on for a moment after an answer where the client may still send: closing at once would make the kernel of the
/// other side throw the answer away (RFC 9112 §9.6).
async fn linger(mut wire: Wire) {
    let mut thrown_away = [0; 4096];
    let reading = async { while wire.read(&mut thrown_away).await.is_ok_and(|count| count > 0) {} };
    let _ = timeout(LINGER, reading).await;
}

async fn end_of_grace(stop: &mut Watch, limits: &Limits) {
    stop.reached(Phase::Draining).await;
    sleep(limits.grace).await;
}

/// A method, the version and the ends of lines, with room.
const REST_OF_A_HEAD: usize = 64;
/// The least that hyper takes is 8 KiB.
const BUFFER: usize = 64 * 1024;
const STREAM_WINDOW: u32 = 128 * 1024;
const CONNECTION_WINDOW: u32 = 512 * 1024;
const LINGER: Duration = Duration::from_secs(1);
