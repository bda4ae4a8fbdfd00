//! How a request is followed through logs, here and elsewhere.

use std::{fmt, sync::Arc, time::SystemTime};

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use uuid::Uuid;

use crate::issuance::IdSource;

/// What a request is called: its `X-Request-Id` where that is 1 to 64 of `A-Z a-z 0-9 . _ -`, else a new UUIDv7.
/// An extension of every request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestId(Arc<str>);

/// A request's place in a distributed trace (W3C Trace Context §3.2). An extension of every request that came with a
/// valid `traceparent`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trace {
    /// The whole trace.
    pub trace: u128,
    /// The caller's span.
    pub parent: u64,
    /// This request's span.
    pub span: u64,
    /// The caller's flags; 1 where it records the trace.
    pub flags: u8,
}

impl RequestId {
    /// The caller's, or a new one with the moment in it.
    pub fn of(headers: &HeaderMap, at: SystemTime) -> Self {
        let given = headers.get(&REQUEST_ID).and_then(|value| value.to_str().ok()).filter(|id| is_sane(id));
        Self(given.map_or_else(|| IdSource::new().next(at).to_string().into(), Arc::from))
    }

    pub(crate) fn answer(&self, headers: &mut HeaderMap) {
        if let Ok(value) = HeaderValue::from_str(&self.0) {
            headers.insert(REQUEST_ID, value);
        }
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Trace {
    /// The caller's trace with a new span for this request; `None` where there is no `traceparent` or an invalid one.
    pub fn of(headers: &HeaderMap) -> Option<Self> {
        let mut values = headers.get_all(&TRACEPARENT).iter();
        let (value, None) = (values.next()?, values.next()) else { return None };
        Self::parse(value.to_str().ok()?)
    }

    fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('-');
        let version = hex(parts.next()?, 2)?;
        let trace = hex(parts.next()?, 32)?;
        let parent = u64::try_from(hex(parts.next()?, 16)?).ok()?;
        let flags = u8::try_from(hex(parts.next()?, 2)?).ok()?;
        let may_go_on = version > 0;
        let valid = version != 0xff && trace != 0 && parent != 0 && (may_go_on || parts.next().is_none());
        // The lower half of a UUIDv4 is random but for two bits that are never both zero.
        let (_, span) = Uuid::new_v4().as_u64_pair();
        valid.then_some(Self { trace, parent, span, flags })
    }

    pub(crate) fn answer(&self, headers: &mut HeaderMap) {
        if let Ok(value) = HeaderValue::from_str(&self.to_string()) {
            headers.insert(TRACEPARENT, value);
        }
    }
}

/// As a `traceparent` for what this request causes.
impl fmt::Display for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "00-{:032x}-{:016x}-{:02x}", self.trace, self.span, self.flags)
    }
}

fn is_sane(id: &str) -> bool {
    (1..=64).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
}

/// Lower case only.
fn hex(text: &str, length: usize) -> Option<u128> {
    let is_hex = text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
    (text.len() == length && is_hex).then(|| u128::from_str_radix(text, 16).ok())?
}

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const VALID: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn a_trace_goes_on_with_a_span_of_its_own() {
        let trace = Trace::parse(VALID).unwrap();
        assert_eq!(trace.parent, 0x00f0_67aa_0ba9_02b7);
        assert_ne!(trace.span, trace.parent);
        assert!(trace.to_string().starts_with("00-4bf92f3577b34da6a3ce929d0e0e4736-"));
        assert!(trace.to_string().ends_with("-01"));
    }

    #[test]
    fn an_invalid_traceparent_is_as_none() {
        let invalid = [
            "",
            "00",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
            "00-4bf92f3577b34da6a3ce929d0e0e473-00f067aa0ba902b7-01",
            "00-+bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        ];
        for text in invalid {
            assert_eq!(Trace::parse(text), None, "{text}");
        }
        assert!(Trace::parse("01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more").is_some());
    }

    #[test]
    fn two_traceparents_are_as_none() {
        let mut headers = HeaderMap::new();
        headers.append(TRACEPARENT, HeaderValue::from_static(VALID));
        assert!(Trace::of(&headers).is_some());
        headers.append(TRACEPARENT, HeaderValue::from_static(VALID));
        assert!(Trace::of(&headers).is_none());
    }

    #[test]
    fn a_request_id_that_could_forge_a_log_is_replaced() {
        for (given, kept) in [("abc-1.2_3", true), ("a b", false), ("", false), ("a\"}", false)] {
            let mut headers = HeaderMap::new();
            headers.insert(REQUEST_ID, HeaderValue::from_str(given).unwrap());
            assert_eq!(RequestId::of(&headers, SystemTime::now()).to_string() == given, kept, "{given:?}");
        }
        let mut headers = HeaderMap::new();
        headers.insert(REQUEST_ID, HeaderValue::from_str(&"a".repeat(65)).unwrap());
        assert_eq!(RequestId::of(&headers, SystemTime::now()).to_string().len(), 36);
    }

    #[test]
    fn a_request_is_called_something_also_where_the_clock_stands_before_1970() {
        let before = SystemTime::UNIX_EPOCH - Duration::from_secs(1);
        assert_eq!(RequestId::of(&HeaderMap::new(), before).to_string().len(), 36);
    }
}
