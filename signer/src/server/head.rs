//! What a request's head has to say before anything else of it is believed.

use axum::http::{HeaderMap, Request, Version, header, uri::Authority};

use super::Limits;
use crate::Refusal;

/// Looks at a head: its size, whom it is for, and how its body is framed.
///
/// # Errors
/// The first of what is wrong with it.
pub(super) fn check<B>(request: &Request<B>, limits: &Limits) -> Result<(), Refusal> {
    let uri_bytes = request.uri().path_and_query().map_or(0, |it| it.as_str().len());
    if uri_bytes > limits.uri_bytes {
        return Err(Refusal::UriTooLong { limit: limits.uri_bytes as u64 });
    }
    if head_bytes(request.headers()) > limits.header_bytes {
        return Err(Refusal::HeaderTooLarge { limit: limits.header_bytes as u64 });
    }
    // HTTP/2 has fields and frames of its own for both.
    if request.version() < Version::HTTP_2 {
        host(request.version(), request.headers())?;
        transfer_codings(request.headers())?;
    }
    Ok(())
}

/// The bytes of the header section as HTTP/1.1 has it: name, value, and four between and after.
fn head_bytes(headers: &HeaderMap) -> usize {
    headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 4).sum()
}

/// One `Host` that can be one; HTTP/1.0 may leave it out (RFC 9112 §3.2). What stands before the daemon may go by another
/// one of several.
fn host(version: Version, headers: &HeaderMap) -> Result<(), Refusal> {
    let mut hosts = headers.get_all(header::HOST).iter();
    match (hosts.next(), hosts.next()) {
        (None, _) if version < Version::HTTP_11 => Ok(()),
        (Some(host), None) if host.to_str().is_ok_and(is_host) => Ok(()),
        _ => Err(Refusal::InvalidHost),
    }
}

/// A host and perhaps a port (RFC 9110 §7.2); nothing where the target has no authority.
fn is_host(text: &str) -> bool {
    let is_port =
        |rest: &str| rest.strip_prefix(':').is_some_and(|port| port.bytes().all(|byte| byte.is_ascii_digit()));
    let Ok(authority) = text.parse::<Authority>() else { return text.is_empty() };
    let rest = text.strip_prefix(authority.host());
    rest.is_some_and(|rest| rest.is_empty() || is_port(rest))
}

/// Nothing but `chunked`, and that once (RFC 9112 §6.1, §7): a body that is coded otherwise would be read as if it were
/// not.
fn transfer_codings(headers: &HeaderMap) -> Result<(), Refusal> {
    let fields = headers.get_all(header::TRANSFER_ENCODING).iter();
    let mut chunked = 0;
    for coding in fields.flat_map(|field| field.as_bytes().split(|byte| *byte == b',')).map(<[u8]>::trim_ascii) {
        match coding {
            [] => {}
            coding if coding.eq_ignore_ascii_case(b"chunked") => chunked += 1,
            _ => return Err(Refusal::UnknownTransferCoding),
        }
    }
    if chunked > 1 { Err(Refusal::BodyBroken) } else { Ok(()) }
}
