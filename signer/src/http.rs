//! What every route has in common: how a refusal looks, how a request is followed, what says that the daemon lives.

mod problem;
mod readiness;
mod trace;

use std::sync::{Arc, OnceLock};

use axum::{
    Json, Router,
    extract::{MatchedPath, Request},
    http::{StatusCode, header},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::get,
};

pub use self::{
    problem::{Problem, ProblemCode},
    readiness::{Readiness, Report},
    trace::{RequestId, Trace},
};
use crate::metrics::{self, Metrics};

/// Makes the application whole: `/livez` and `/readyz`, which are open to everyone, a problem for what no route takes,
/// and for the log the pattern of the route that took a request. Routes that are added afterwards have none of this.
pub fn mount(routes: Router, readiness: Arc<Readiness>) -> Router {
    routes
        .route("/livez", get(async || "alive\n"))
        .route("/readyz", get(async move || readyz(&readiness).await))
        .route_layer(middleware::from_fn(note_route))
        .fallback(async || Problem::new(StatusCode::NOT_FOUND, "no-such-route", "there is no such route"))
        .method_not_allowed_fallback(async || {
            Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method-not-allowed", "the route does not take this method")
        })
}

/// `/metrics`, for the caller to put behind its own guard.
pub fn metrics_route(metrics: Arc<Metrics>) -> Router {
    let answer = async move || ([(header::CONTENT_TYPE, metrics::CONTENT_TYPE)], metrics.encode());
    Router::new().route("/metrics", get(answer))
}

async fn readyz(readiness: &Readiness) -> Response {
    let report = readiness.report().await;
    let status = if report.ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(&*report)).into_response()
}

/// Where the pattern of a request's route is noted: the server looks there when it writes its line.
#[derive(Clone, Debug, Default)]
pub(crate) struct Route(pub(crate) Arc<OnceLock<String>>);

async fn note_route(request: Request, next: Next) -> Response {
    if let (Some(path), Some(route)) = (request.extensions().get::<MatchedPath>(), request.extensions().get::<Route>())
    {
        route.0.get_or_init(|| path.as_str().to_owned());
    }
    next.run(request).await
}
