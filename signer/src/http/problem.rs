//! A refusal as the caller sees it (RFC 9457).

use std::{borrow::Cow, time::Duration};

use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde_json::json;

/// A refusal: `application/problem+json` with a stable `code`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The HTTP status.
    pub status: StatusCode,
    /// What programs tell it by; it never changes.
    pub code: &'static str,
    /// What people are told, a sentence without secrets.
    pub detail: Cow<'static, str>,
    /// When asking again makes sense.
    pub retry_after: Option<Duration>,
}

/// The code of the problem that a response is, as an extension of the response: for log and metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProblemCode(pub &'static str);

impl Problem {
    /// One that is not mended by waiting.
    pub fn new(status: StatusCode, code: &'static str, detail: impl Into<Cow<'static, str>>) -> Self {
        Self { status, code, detail: detail.into(), retry_after: None }
    }

    /// Says when to ask again, in whole seconds rounded up, at least one.
    pub fn retry_after(self, time: Duration) -> Self {
        Self { retry_after: Some(time), ..self }
    }

    /// The body.
    pub fn json(&self) -> String {
        let title = self.status.canonical_reason().unwrap_or_default();
        let Self { status, code, detail, retry_after: _ } = self;
        json!({ "title": title, "status": status.as_u16(), "code": code, "detail": detail }).to_string()
    }

    /// As an HTTP/1.1 response that closes the connection, for where there is no request to answer.
    pub(crate) fn bare(&self) -> String {
        let (body, retry) = (self.json(), self.retry_seconds());
        let retry = retry.map(|seconds| format!("retry-after: {seconds}\r\n")).unwrap_or_default();
        let reason = self.status.canonical_reason().unwrap_or_default();
        format!(
            "HTTP/1.1 {} {reason}\r\ncontent-type: {TYPE}\r\ncontent-length: {}\r\n{retry}connection: close\r\n\r\n{body}",
            self.status.as_u16(),
            body.len(),
        )
    }

    fn retry_seconds(&self) -> Option<u64> {
        let time = self.retry_after?;
        Some((time.as_secs() + u64::from(time.subsec_nanos() > 0)).max(1))
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = (self.status, self.json()).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(TYPE));
        if let Some(seconds) = self.retry_seconds() {
            headers.insert(header::RETRY_AFTER, seconds.into());
        }
        response.extensions_mut().insert(ProblemCode(self.code));
        response
    }
}

const TYPE: &str = "application/problem+json";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waiting_is_told_in_whole_seconds_and_never_as_none() {
        let problem = Problem::new(StatusCode::SERVICE_UNAVAILABLE, "overloaded", "full");
        let told = |time| problem.clone().retry_after(time).into_response().headers()[header::RETRY_AFTER].clone();
        assert_eq!(told(Duration::ZERO), "1");
        assert_eq!(told(Duration::from_millis(2_100)), "3");
        assert!(!problem.into_response().headers().contains_key(header::RETRY_AFTER));
    }
}
