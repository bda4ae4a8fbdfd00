//! A refusal as the caller sees it (RFC 9457): the one way in which refusals become answers.

use std::time::Duration;

use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde_json::Value;

use crate::{Refusal, refusal::Denied};

/// `application/problem+json` with a stable `code`. The refusal is an extension of the response: for audit, log and
/// metrics.
impl IntoResponse for Denied {
    fn into_response(self) -> Response {
        let refusal = &self.refusal;
        let mut response = (status(refusal), body(refusal)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(TYPE));
        if let Some(seconds) = retry_seconds(refusal) {
            headers.insert(header::RETRY_AFTER, seconds.into());
        }
        match refusal {
            // RFC 9110 §15.5.2 and §15.5.6 want these fields.
            Refusal::Unauthenticated => {
                headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            }
            Refusal::MethodNotAllowed { allow } => {
                headers.extend(HeaderValue::from_str(allow).ok().map(|allow| (header::ALLOW, allow)));
            }
            _ => {}
        }
        response.extensions_mut().insert(self);
        response
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        Denied::from(self).into_response()
    }
}

/// A refusal as an HTTP/1.1 response that closes the connection, for where there is no request to answer.
pub(crate) fn bare(refusal: &Refusal) -> String {
    let (status, body) = (status(refusal), body(refusal));
    let retry = retry_seconds(refusal).map(|seconds| format!("retry-after: {seconds}\r\n")).unwrap_or_default();
    let reason = status.canonical_reason().unwrap_or_default();
    format!(
        "HTTP/1.1 {} {reason}\r\ncontent-type: {TYPE}\r\ncontent-length: {}\r\n{retry}connection: close\r\n\r\n{body}",
        status.as_u16(),
        body.len(),
    )
}

fn status(refusal: &Refusal) -> StatusCode {
    StatusCode::from_u16(refusal.status()).expect("every refusal of the list has a status of HTTP")
}

fn body(refusal: &Refusal) -> String {
    Value::Object(refusal.problem()).to_string()
}

/// Whole seconds, rounded up, and at least one.
fn retry_seconds(refusal: &Refusal) -> Option<u64> {
    let time: Duration = refusal.retry_after()?;
    Some((time.as_secs() + u64::from(time.subsec_nanos() > 0)).max(1))
}

const TYPE: &str = "application/problem+json";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waiting_is_told_in_whole_seconds_and_never_as_none() {
        let told =
            |retry_after| Refusal::Overloaded { retry_after }.into_response().headers()[header::RETRY_AFTER].clone();
        assert_eq!(told(Duration::ZERO), "1");
        assert_eq!(told(Duration::from_millis(2_100)), "3");
        assert!(!Refusal::Draining.into_response().headers().contains_key(header::RETRY_AFTER));
    }

    #[test]
    fn the_fields_that_the_standard_wants_are_there() {
        assert_eq!(Refusal::Unauthenticated.into_response().headers()[header::WWW_AUTHENTICATE], "Bearer");
        let refusal = Refusal::MethodNotAllowed { allow: "GET,HEAD".into() };
        assert_eq!(refusal.into_response().headers()[header::ALLOW], "GET,HEAD");
    }
}
