//! The routes, and what they have in common: who asks, what a refusal looks like, how a request is followed, what says
//! that the daemon lives. No SQL, no OpenSSL.

mod asking;
mod body;
mod depth;
mod entries;
mod form;
mod misread;
mod openapi;
mod path;
mod problem;
mod profiles;
mod query;
mod readiness;
mod record;
mod reports;
mod tickets;
mod trace;

use std::{
    any::Any,
    sync::{Arc, LazyLock, OnceLock},
};

use axum::{
    Json, Router,
    extract::{MatchedPath, Request},
    http::{StatusCode, header},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::get,
};

pub(crate) use self::problem::bare;
pub use self::{
    asking::{Asking, guarded},
    body::{PostedJson, media_type, read},
    depth::Depth,
    entries::{ENTRIES, Entry, OPEN, routes},
    form::Form,
    openapi::document,
    path::{FromPath, InPath, ProfileName},
    query::InQuery,
    readiness::{Readiness, Report},
    trace::{RequestId, Trace},
};
use crate::{Refusal, metrics, refusal::Denied, role};

/// Makes the application whole: `/livez`, `/readyz` and `/openapi.json`, which are open to everyone, a refusal for what no route takes,
/// and for the log the pattern of the route that took a request. Routes that are added afterwards have none of this.
pub fn mount(routes: Router, readiness: Arc<Readiness>) -> Router {
    let routes = routes
        .route("/livez", get(async || "alive\n"))
        .route("/readyz", get(async move || readyz(&readiness).await))
        .route("/openapi.json", get(async || ([(header::CONTENT_TYPE, "application/json")], DOCUMENT.as_str())))
        .route_layer(middleware::from_fn(note_route))
        .fallback(async || Refusal::NotFound);
    // Around the router as a whole: it writes `Allow` outside of its own layers.
    Router::new().fallback_service(routes).layer(middleware::map_response(name_methods))
}

async fn metrics(asking: Asking) -> Result<Response, Denied> {
    asking.may_sweep::<role::Read>()?;
    Ok(([(header::CONTENT_TYPE, metrics::CONTENT_TYPE)], asking.service.metrics.encode()).into_response())
}

/// Runs what computes for long elsewhere than in the threads that serve.
///
/// # Errors
/// [`Refusal::Internal`] where it panics.
async fn off_the_reactor<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Refusal> {
    tokio::task::spawn_blocking(work).await.map_err(|_| Refusal::Internal)
}

/// The document, written once.
static DOCUMENT: LazyLock<String> = LazyLock::new(|| document().to_json().expect("texts and numbers are JSON"));

async fn readyz(readiness: &Readiness) -> Response {
    let report = readiness.report().await;
    let status = if report.ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(&*report)).into_response()
}

/// The router answers a method that a route does not have with `Allow` and no body.
async fn name_methods(response: Response) -> Response {
    if response.status() != StatusCode::METHOD_NOT_ALLOWED {
        return response;
    }
    let allow = response.headers().get(header::ALLOW).and_then(|allow| allow.to_str().ok()).unwrap_or_default();
    Refusal::MethodNotAllowed { allow: allow.to_owned() }.into_response()
}

/// Where the pattern of a request's route is noted: the server looks there when it writes its line.
#[derive(Clone, Debug, Default)]
pub(crate) struct Route(pub(crate) Arc<OnceLock<String>>);

/// The room that a request's body takes: who goes on with the request where nobody waits for it any more keeps it.
#[derive(Clone, Debug)]
pub(crate) struct Room(pub(crate) Arc<dyn Any + Send + Sync>);

async fn note_route(request: Request, next: Next) -> Response {
    if let (Some(path), Some(route)) = (request.extensions().get::<MatchedPath>(), request.extensions().get::<Route>())
    {
        route.0.get_or_init(|| path.as_str().to_owned());
    }
    next.run(request).await
}
