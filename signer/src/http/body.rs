//! What a request says: read whole, with its depth bounded while it comes in.

use std::fmt;

use axum::{
    body::{Body, Bytes},
    extract::{FromRequest, Request},
    http::{HeaderMap, HeaderValue, header},
};
use http_body_util::BodyExt;
use serde::de::{DeserializeOwned, Deserializer, Error as _, IgnoredAny, MapAccess, Visitor};
use serde_json::{Map, Value};

use super::{Asking, Depth, misread::Misread};
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
        let bytes = read(request.into_body(), Some(Depth::of_json(limit))).await?;
        if given.as_deref() != Some(JSON) && !(given.is_none() && bytes.is_empty()) {
            return Err(Refusal::UnsupportedMediaType { expected: JSON.into() });
        }
        let body = parse(if bytes.is_empty() { b"{}" } else { &bytes })?;
        Ok(Self { body, order: asking.order(&bytes) })
    }
}

/// The media type of a body, without its parameters, in small letters; an empty one of a body that is compressed, or of
/// which several are told.
pub fn media_type(headers: &HeaderMap) -> Option<String> {
    let is_coded = |value: &HeaderValue| !value.as_bytes().eq_ignore_ascii_case(b"identity");
    let mut told = headers.get_all(header::CONTENT_TYPE).iter();
    let value = told.next();
    if told.next().is_some() || headers.get_all(header::CONTENT_ENCODING).iter().any(is_coded) {
        return Some(String::new());
    }
    let value = value?.to_str().unwrap_or_default();
    Some(value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase())
}

/// Reads a body; where a depth is given, one that is deeper is not read to its end. The server bounds its size and its
/// time.
///
/// # Errors
/// [`Refusal::TooDeep`]; [`Refusal::BodyBroken`], in whose place the server tells what it found.
pub async fn read(mut body: Body, mut depth: Option<Depth>) -> Result<Bytes, Refusal> {
    let mut whole = Vec::new();
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(|_| Refusal::BodyBroken)?.into_data() else { continue };
        if let Some(depth) = &mut depth {
            depth.hold(&data)?;
        }
        whole.extend_from_slice(&data);
    }
    Ok(whole.into())
}

/// What a JSON object says, without its words where it says something else than it should: they may be secrets.
fn parse<T: DeserializeOwned>(json: &[u8]) -> Result<T, Refusal> {
    // A list, too, can be read as a structure, one member after the other.
    let is_object = json.trim_ascii_start().starts_with(b"{");
    let mut from = serde_json::Deserializer::from_slice(json);
    let read = serde_path_to_error::deserialize(&mut from);
    let (error, misread) = match (read, from.end()) {
        (Ok(body), Ok(())) if is_object => return Ok(body),
        (Ok(_), Ok(())) => {
            let problem = "the body is no object: see /openapi.json".into();
            return Err(Refusal::InvalidRequest { problem });
        }
        (Ok(_), Err(error)) => (error, None),
        (Err(error), _) => {
            let misread = Misread::new(&error);
            (error.into_inner(), Some(misread))
        }
    };
    let place = format!("line {}, column {}", error.line(), error.column());
    // A word of another type where one of a few is wanted and a number that no type holds are called broken, too.
    let is_whole = || error.is_data() || serde_json::from_slice::<IgnoredAny>(json).is_ok();
    Err(match misread {
        Some(misread) if is_whole() => other_members(&misread, &place),
        _ => Refusal::MalformedJson { problem: format!("it breaks at {place}") },
    })
}

/// An object whose members have names of their own: of two of one name, the first would be lost without a word.
pub fn each_once<'de, D: Deserializer<'de>>(from: D) -> Result<Map<String, Value>, D::Error> {
    struct EachOnce;

    impl<'de> Visitor<'de> for EachOnce {
        type Value = Map<String, Value>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object whose members have names of their own")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut from: A) -> Result<Self::Value, A::Error> {
            let mut members = Map::new();
            while let Some((name, value)) = from.next_entry()? {
                if members.insert(name, value).is_some() {
                    return Err(A::Error::custom("a member is there twice"));
                }
            }
            Ok(members)
        }
    }

    from.deserialize_map(EachOnce)
}

fn other_members(Misread { member, fault }: &Misread, place: &str) -> Refusal {
    let what = if member.is_empty() { "the body" } else { member };
    Refusal::InvalidRequest { problem: format!("{what} {fault} ({place}): see /openapi.json") }
}

const JSON: &str = "application/json";

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_body_that_is_too_deep_is_not_read_to_its_end() {
        assert!(read("[[[]]]".into(), Some(Depth::of_json(3))).await.is_ok());
        assert_eq!(read("[[[[".into(), Some(Depth::of_json(3))).await, Err(Refusal::TooDeep { limit: 3 }));
        let plist = || "<plist><array><array><array><array>".into();
        assert_eq!(read(plist(), Some(Depth::of_plist(2))).await, Err(Refusal::TooDeep { limit: 2 }));
        assert!(read(plist(), Some(Depth::of_plist(3))).await.is_ok());
    }

    #[test]
    fn a_member_that_is_there_twice_is_no_parameter() {
        #[derive(Debug, serde::Deserialize)]
        struct Body {
            #[serde(deserialize_with = "each_once")]
            parameters: Map<String, Value>,
        }
        let refusal = parse::<Body>(br#"{"parameters": {"serial": "A", "serial": "B"}}"#).unwrap_err();
        assert_eq!(refusal.code(), "invalid-request");
        let body: Body = parse(br#"{"parameters": {"serial": "A", "udid": "B"}}"#).unwrap();
        assert_eq!(body.parameters.len(), 2);
    }

    #[test]
    fn what_is_wrong_with_a_body_is_told_by_the_path_to_its_member() {
        #[derive(Debug, serde::Deserialize)]
        #[serde(deny_unknown_fields)]
        #[expect(dead_code, reason = "only the types matter")]
        struct Body {
            target: Option<Target>,
            #[serde(default)]
            words: Vec<Word>,
            #[serde(default)]
            free: std::collections::BTreeMap<String, u8>,
        }
        #[derive(Debug, serde::Deserialize)]
        #[serde(deny_unknown_fields)]
        #[expect(dead_code, reason = "only the types matter")]
        struct Target {
            platform: Word,
        }
        #[derive(Debug, serde::Deserialize)]
        #[serde(rename_all = "lowercase")]
        enum Word {
            One,
        }
        let told = |json: &str| match parse::<Body>(json.as_bytes()).unwrap_err() {
            Refusal::InvalidRequest { problem } => problem,
            other => panic!("{other:?}"),
        };
        for (json, expected) in [
            (r#"{"target": {"platform": "two"}}"#, "target.platform is not what this path takes (line 1, column 29)"),
            (r#"{"target": {"platform": 5}}"#, "target.platform is not what this path takes (line 1, column 25)"),
            (r#"{"target": {}}"#, "target.platform is missing (line 1, column 13)"),
            (r#"{"target": 5}"#, "target is not what this path takes (line 1, column 12)"),
            (r#"{"target": {"os": "17"}}"#, "target has a member that this path does not take (line 1, column 16)"),
            (r#"{"os": "17"}"#, "the body has a member that this path does not take (line 1, column 5)"),
            (r#"{"words": [], "words": []}"#, "words is there twice (line 1, column 21)"),
            (r#"{"words": ["one", "two"]}"#, "words[1] is not what this path takes (line 1, column 23)"),
            (r#"{"words": [{"two": 1}]}"#, "words[0] is not what this path takes (line 1, column 17)"),
            ("[null, [], {}]", "the body is no object"),
        ] {
            assert_eq!(told(json), format!("{expected}: see /openapi.json"), "{json}");
        }
        let free = told(&format!(r#"{{"free": {{"\n{}": -1}}}}"#, "x".repeat(5000)));
        assert!(free.starts_with(r"free.\nxxx") && free.len() < 200, "{free}");
    }

    #[test]
    fn what_is_wrong_with_a_body_is_told_without_its_words() {
        #[derive(Debug, serde::Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Count {
            #[expect(dead_code, reason = "only its type matters")]
            count: u8,
            #[serde(default)]
            #[expect(dead_code, reason = "only its type matters")]
            word: Option<Word>,
            #[serde(default)]
            #[expect(dead_code, reason = "only its type matters")]
            any: Value,
        }
        #[derive(Debug, serde::Deserialize)]
        #[serde(rename_all = "lowercase")]
        enum Word {
            One,
        }
        for (json, code) in [
            (&br#"{"count": 1, "word": 5}"#[..], "invalid-request"),
            (br#"{"count": 1, "word": "hunter2"}"#, "invalid-request"),
            (br#"{"count": 1, "any": 1e999}"#, "invalid-request"),
            (br#"{"count": "hunter2"}"#, "invalid-request"),
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
