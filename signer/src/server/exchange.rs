//! One request: let in, answered in time, and told of in one line.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    pin::pin,
    sync::{Arc, OnceLock},
    task::Poll,
    time::{Duration, SystemTime},
};

use axum::{
    Router,
    body::Body,
    http::{HeaderValue, Request, Response, Version, header},
    response::IntoResponse,
};
use hyper::body::Incoming;
use tokio::time::{Instant, timeout};
use tower::ServiceExt;
use tracing::{Instrument, Span};

use super::{
    Limits, Peer,
    activity::Visit,
    body::{Flaw, Inbound, Outbound},
    head,
    peer::Origin,
    slots::Slots,
    unread::Unread,
};
use crate::{
    Refusal,
    http::{RequestId, Room, Route, Trace},
    metrics::{CodeLabels, Metrics, RequestLabels},
    refusal::Denied,
    stop::{Phase, Watch},
};

/// What answers requests, for all connections.
pub(super) struct Exchange {
    pub(super) app: Router,
    pub(super) limits: Limits,
    pub(super) metrics: Arc<Metrics>,
    pub(super) requests: Arc<Slots>,
    /// Bytes of bodies.
    pub(super) room: Arc<Slots>,
    pub(super) unread: Unread,
    pub(super) stop: Watch,
}

impl Exchange {
    /// Answers a request. Its body, its time and its size are bounded, and whatever the application does, there is an
    /// answer.
    pub(super) async fn answer(
        &self,
        peer: Peer,
        origin: Origin,
        mut request: Request<Incoming>,
        visit: Visit,
    ) -> Response<Outbound> {
        let (id, trace) = (RequestId::of(request.headers(), SystemTime::now()), Trace::of(request.headers()));
        let line = Line::begin(&request, &peer, &id, trace, self.metrics.clone());
        let version = request.version();
        let extensions = request.extensions_mut();
        extensions.insert(peer);
        extensions.insert(id.clone());
        extensions.insert(Route(line.route.clone()));
        trace.map(|trace| extensions.insert(trace));
        let visit = Arc::new(visit);
        let admitted = self.admit(request, origin, visit.clone()).instrument(line.span.clone());
        let mut response = admitted.await.unwrap_or_else(Refusal::into_response);
        id.answer(response.headers_mut());
        if let Some(trace) = trace {
            trace.answer(response.headers_mut());
        }
        let is_last = self.stop.phase() > Phase::Serving || is_unframed(&response);
        if is_last && version < Version::HTTP_2 {
            response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        line.end(&response);
        response.map(|body| Outbound::new(body, visit))
    }

    async fn admit(
        &self,
        request: Request<Incoming>,
        origin: Origin,
        visit: Arc<Visit>,
    ) -> Result<Response<Body>, Refusal> {
        let flaw = Arc::new(OnceLock::new());
        let announced =
            request.headers().get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
        // Held to the answer's head, and by what goes on beyond it: so long the application has what it read.
        let room = Arc::new(self.room.none_yet(origin));
        let mut request = request.map(|body| Inbound::new(body, &self.limits, room.clone(), flaw.clone(), visit));
        request.extensions_mut().insert(Room(room.clone()));
        head::check(&request, &self.limits)?;
        if announced.is_some_and(|announced: usize| announced > self.limits.body_bytes) {
            return Err(Flaw::TooLarge.refusal(&self.limits));
        }
        let _slot = self.requests.take(origin).map_err(|_| Refusal::Overloaded { retry_after: RETRY })?;
        let running = timeout(self.limits.request, caught(self.app.clone().oneshot(request.map(Body::new))));
        let response = running.await;
        if let Some(flaw) = flaw.get() {
            return Err(flaw.refusal(&self.limits));
        }
        match response.map_err(|_| Refusal::DeadlineExceeded { retry_after: RETRY })? {
            Ok(Ok(response)) => Ok(response),
            Ok(Err(never)) => match never {},
            Err(Panicked) => {
                self.metrics.panics.inc();
                Err(Refusal::Internal)
            }
        }
    }
}

/// Whether it is not certain where the request ends, and the next one begins.
fn is_unframed(response: &Response<Body>) -> bool {
    let denied = response.extensions().get::<Denied>();
    denied.is_some_and(|it| matches!(it.refusal, Refusal::BodyBroken | Refusal::UnknownTransferCoding))
}

/// What panicked, and why, the panic hook has told.
struct Panicked;

async fn caught<F: Future>(future: F) -> Result<F::Output, Panicked> {
    let mut future = pin!(future);
    std::future::poll_fn(|cx| match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(cx))) {
        Ok(polled) => polled.map(Ok),
        Err(_) => Poll::Ready(Err(Panicked)),
    })
    .await
}

/// The line in the log. Never holds bodies, queries or headers.
struct Line {
    begun: Instant,
    method: String,
    path: String,
    route: Arc<OnceLock<String>>,
    span: Span,
    metrics: Arc<Metrics>,
    ended: bool,
}

impl Line {
    fn begin(
        request: &Request<Incoming>,
        peer: &Peer,
        id: &RequestId,
        trace: Option<Trace>,
        metrics: Arc<Metrics>,
    ) -> Self {
        let trace = trace.map(|trace| format!("{:032x}", trace.trace));
        let span = tracing::info_span!("request", id = %id, trace, peer = %peer);
        let (method, path) = (shown(request.method().as_str()), shown(request.uri().path()));
        Self { begun: Instant::now(), method, path, route: Arc::default(), span, metrics, ended: false }
    }

    fn end(mut self, response: &Response<Body>) {
        let code = response.extensions().get::<Denied>().map(|denied| denied.refusal.code());
        self.tell(response.status().as_u16(), code);
    }

    fn tell(&mut self, status: u16, code: Option<&'static str>) {
        self.ended = true;
        let route = self.route.get().map_or("none", String::as_str);
        let (method, path, time) = (&*self.method, &*self.path, self.begun.elapsed());
        let milliseconds = time.as_secs_f64() * 1e3;
        self.span.in_scope(|| tracing::info!(method, path, route, status, code, milliseconds, "answered"));
        self.metrics.requests.get_or_create(&RequestLabels { route: route.into(), status }).inc();
        self.metrics.request_time.observe(time.as_secs_f64());
        if let Some(code) = code {
            self.metrics.refusals.get_or_create(&CodeLabels { code }).inc();
        }
    }
}

/// As much of the client's words as a line has room for.
fn shown(text: &str) -> String {
    text.chars().take(LONGEST).collect()
}

/// Where there was no answer, as the client went away, that is told.
impl Drop for Line {
    fn drop(&mut self) {
        if !self.ended {
            self.tell(0, None);
        }
    }
}

/// When to try again what found no place: requests are short.
pub(super) const RETRY: Duration = Duration::from_secs(1);
/// How many characters of a method or a path the log holds.
const LONGEST: usize = 256;
