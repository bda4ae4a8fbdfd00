//! What a request says: read whole, with its depth bounded while it comes in.

use axum::{
    body::{Body, Bytes},
    extract::{FromRequest, Request},
    http::{HeaderMap, header},
};
use http_body_util::BodyExt;
use serde::de::DeserializeOwned;

use super::Asking;
use crate::{Refusal, ledger::Request as Order};

/// A POST with a JSON body, and the request as the ledger takes it. An empty body stands for `{}`.
#[derive(Clone, Debug)]
pub struct PostedJson<T> {
    /// What the body says.
    pub body: T,
    /// Who asks, in which request.
    pub order: Order,
}

impl<T: DeserializeOwned, S: Sync> FromRequest<S> for PostedJson<T> {
    type Rejection = Refusal;

    async fn from_request(request: Request, _: &S) -> Result<Self, Refusal> {
        let asking: Asking = request.extensions().get().cloned().ok_or(Refusal::Internal)?;
        let given = media_type(request.headers());
        let limit = asking.state.config.limits.json_depth;
        let bytes = read(request.into_body(), Some(limit)).await?;
        if given.as_deref() != Some(JSON) && !(given.is_none() && bytes.is_empty()) {
            return Err(Refusal::UnsupportedMediaType { expected: JSON.into() });
        }
        let body = parse(if bytes.is_empty() { b"{}" } else { &bytes })?;
        Ok(Self { body, order: asking.order(&bytes) })
    }
}

/// The media type of a body, without its parameters, in small letters.
pub fn media_type(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(header::CONTENT_TYPE)?.to_str().unwrap_or_default();
    Some(value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase())
}

/// Reads a body; where a depth is given, one of JSON that is deeper is not read to its end. The server bounds its size
/// and its time.
///
/// # Errors
/// [`Refusal::TooDeep`]; [`Refusal::BodyBroken`], in whose place the server tells what it found.
pub async fn read(mut body: Body, depth: Option<u64>) -> Result<Bytes, Refusal> {
    let mut whole = Vec::new();
    let mut levels = Levels::default();
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(|_| Refusal::BodyBroken)?.into_data() else { continue };
        if let Some(limit) = depth.filter(|limit| levels.deepest(&data) > *limit) {
            return Err(Refusal::TooDeep { limit });
        }
        whole.extend_from_slice(&data);
    }
    Ok(whole.into())
}

/// What a JSON object says, without its words where it says something else than it should: they may be secrets.
fn parse<T: DeserializeOwned>(json: &[u8]) -> Result<T, Refusal> {
    // A list, too, can be read as a structure, one member after the other.
    let is_object = json.trim_ascii_start().starts_with(b"{");
    match serde_json::from_slice(json) {
        Ok(body) if is_object => Ok(body),
        Ok(_) => Err(other_members("line 1")),
        Err(error) => {
            let place = format!("line {}, column {}", error.line(), error.column());
            match error.classify() {
                serde_json::error::Category::Data => Err(other_members(&place)),
                _ => Err(Refusal::MalformedJson { problem: format!("it breaks at {place}") }),
            }
        }
    }
}

fn other_members(place: &str) -> Refusal {
    let problem = format!("the body's members are not those that this path takes ({place}): see /openapi.json");
    Refusal::InvalidRequest { problem }
}

/// How deep JSON is nested, read in whatever pieces it comes.
#[derive(Default)]
struct Levels {
    now: u64,
    in_text: bool,
    escaped: bool,
}

impl Levels {
    /// The deepest level within the piece.
    fn deepest(&mut self, piece: &[u8]) -> u64 {
        let mut deepest = self.now;
        for byte in piece {
            match (self.in_text, byte) {
                (true, _) if self.escaped => self.escaped = false,
                (true, b'\\') => self.escaped = true,
                (_, b'"') => self.in_text = !self.in_text,
                (true, _) => {}
                (false, b'{' | b'[') => self.now += 1,
                (false, b'}' | b']') => self.now = self.now.saturating_sub(1),
                (false, _) => {}
            }
            deepest = deepest.max(self.now);
        }
        deepest
    }
}

const JSON: &str = "application/json";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn depth_is_the_same_in_whatever_pieces_it_comes() {
        let json = br#"{"a\"[{":[[1],{"b":"}]\\"}],"c":[]}"#;
        assert_eq!(Levels::default().deepest(json), 3);
        let mut levels = Levels::default();
        assert_eq!(json.iter().map(|byte| levels.deepest(&[*byte])).max(), Some(3));
        assert_eq!(levels.now, 0);
    }

    #[tokio::test]
    async fn a_body_that_is_too_deep_is_not_read_to_its_end() {
        assert!(read("[[[]]]".into(), Some(3)).await.is_ok());
        assert_eq!(read("[[[[".into(), Some(3)).await, Err(Refusal::TooDeep { limit: 3 }));
    }

    #[test]
    fn what_is_wrong_with_a_body_is_told_without_its_words() {
        #[derive(Debug, serde::Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Count {
            #[expect(dead_code, reason = "only its type matters")]
            count: u8,
        }
        for (json, code) in [
            (&br#"{"count": "hunter2"}"#[..], "invalid-request"),
            (br#"{"hunter2": 1}"#, "invalid-request"),
            (br#"{"count": hunter2}"#, "malformed-json"),
            (br#"{"count": 1} hunter2"#, "malformed-json"),
        ] {
            let refusal = parse::<Count>(json).unwrap_err();
            assert_eq!(refusal.code(), code);
            assert!(!format!("{refusal} {refusal:?}").contains("hunter2"));
        }
    }
}
