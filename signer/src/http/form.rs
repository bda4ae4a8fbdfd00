//! The forms in which a signed profile is answered: its bytes, JSON, or an MDM command, as the caller accepts.

use std::time::SystemTime;

use axum::{
    body::Body,
    http::{HeaderMap, HeaderName, HeaderValue, header},
    response::{IntoResponse, Response},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use plist::{Dictionary, Value as Plist};
use serde_json::{Map, Value, json};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use crate::{
    Refusal,
    issuance::{Issuance, SpecRef, Variant},
    ledger::Issued,
};

/// How a profile is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// The signed bytes.
    Profile,
    /// What is known of the issuance, and the bytes in base64.
    Json,
    /// An MDM command `InstallProfile`, as a property list in XML; its `CommandUUID` is the issuance.
    Command,
}

impl Form {
    /// Every form, the one first that is given where the caller does not care.
    pub const ALL: [Self; 3] = [Self::Profile, Self::Json, Self::Command];

    /// Its media type.
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Profile => "application/x-apple-aspen-config",
            Self::Json => "application/json",
            Self::Command => "application/xml",
        }
    }

    /// The form that the caller likes best (RFC 9110 §12.5.1); the first where there is no `Accept`.
    ///
    /// # Errors
    /// [`Refusal::NotAcceptable`].
    pub fn accepted(headers: &HeaderMap) -> Result<Self, Refusal> {
        let mut liked: Option<(Self, f32)> = None;
        for form in Self::ALL {
            let weight = weight(headers, form.media_type());
            if weight > liked.map_or(0.0, |(_, best)| best) {
                liked = Some((form, weight));
            }
        }
        let offered = || Self::ALL.map(Self::media_type).join(", ");
        liked.map(|(form, _)| form).ok_or_else(|| Refusal::NotAcceptable { offered: offered() })
    }

    /// The answer. Only what the ledger has recorded can be one.
    pub fn answer(self, issued: &Issued) -> Response {
        let mut response = self.body(issued).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(self.media_type()));
        // The bytes are secret, and made for one device.
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.insert(header::VARY, HeaderValue::from_static("accept"));
        let mut tell = |name: HeaderName, text: String| {
            headers.extend(HeaderValue::from_str(&text).ok().map(|value| (name, value)));
        };
        let issuance = issued.issuance();
        tell(header::ETAG, self.tag(issuance));
        tell(header::CONTENT_DISPOSITION, self.disposition(issuance));
        tell(HeaderName::from_static("issuance-id"), issuance.id.to_string());
        for (name, member) in TOLD {
            if let Some(remark) = issuance.remarks.get(member) {
                tell(HeaderName::from_static(name), text(remark));
            }
        }
        response
    }

    fn body(self, issued: &Issued) -> Body {
        match self {
            Self::Profile => issued.signed().to_vec().into(),
            Self::Json => {
                let mut members = issuance(issued.issuance());
                members.insert("profile".into(), STANDARD.encode(issued.signed()).into());
                Value::Object(members).to_string().into()
            }
            Self::Command => command(issued).into(),
        }
    }

    /// Each form has a tag of its own, as it has bytes of its own (RFC 9110 §8.8.3).
    fn tag(self, issuance: &Issuance) -> String {
        let form = match self {
            Self::Profile => "",
            Self::Json => "-json",
            Self::Command => "-command",
        };
        format!("\"{}{form}\"", issuance.signed)
    }

    fn disposition(self, issuance: &Issuance) -> String {
        let end = match self {
            Self::Profile => "mobileconfig",
            Self::Json => "json",
            Self::Command => "plist",
        };
        let tame = |c: char| if c.is_ascii_alphanumeric() || "._-".contains(c) { c } else { '_' };
        let name: String = issuance.profile.identifier.chars().map(tame).take(LONGEST).collect();
        format!("attachment; filename=\"{name}.{end}\"")
    }
}

/// What is known of an issuance from its first moment on, so that a request that comes again is told the same.
pub fn issuance(issuance: &Issuance) -> Map<String, Value> {
    let Issuance { id, device, profile, variant, spec, signed, request, remarks, .. } = issuance;
    let spec = spec.as_ref().map(|SpecRef { name, digest }| json!({ "name": name, "digest": digest }));
    let mut members = object(json!({
        "issuance": id,
        "device": device,
        "identifier": profile.identifier,
        "uuid": profile.uuid,
        "payload_uuids": profile.payload_uuids,
        "variant": variant.word(),
        "spec": spec,
        "plist": profile.plist,
        "signed": signed,
        "leaf": profile.leaf,
        "leaf_key": profile.leaf_key,
        "issued": moment(request.at),
        "caller": request.caller,
    }));
    if let Variant::Overwrite { form, of } = variant {
        members.insert("form".into(), form.word().into());
        members.insert("of".into(), of.uuid().to_string().into());
    }
    members.extend(object(remarks.clone()));
    members
}

/// A moment in the way of RFC 3339, UTC.
pub fn moment(at: SystemTime) -> Option<String> {
    OffsetDateTime::from(at).format(&Rfc3339).ok()
}

fn object(value: Value) -> Map<String, Value> {
    if let Value::Object(members) = value { members } else { Map::new() }
}

/// Apple's MDM protocol: the command that a device gets when it asks for the next.
fn command(issued: &Issued) -> Vec<u8> {
    let mut command = Dictionary::new();
    command.insert("RequestType".into(), "InstallProfile".into());
    command.insert("Payload".into(), Plist::Data(issued.signed().to_vec()));
    let mut whole = Dictionary::new();
    whole.insert("Command".into(), command.into());
    whole.insert("CommandUUID".into(), issued.id().to_string().into());
    let mut xml = Vec::new();
    Plist::from(whole).to_writer_xml(&mut xml).expect("texts and data can be written to memory");
    xml
}

/// How much a caller likes a media type, from 0 to 1.
fn weight(headers: &HeaderMap, media_type: &str) -> f32 {
    let mut found: Option<(usize, f32)> = None;
    let mut asked = false;
    for range in
        headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok()).flat_map(|it| it.split(','))
    {
        let mut parts = range.split(';').map(str::trim).filter(|part| !part.is_empty()).peekable();
        // Lists may have empty members (RFC 9110 §5.6.1).
        asked |= parts.peek().is_some();
        let name = parts.next().unwrap_or_default().to_ascii_lowercase();
        let precise = match name.strip_suffix('*') {
            _ if name == media_type => 2,
            Some("*/") => 0,
            Some(start) if start.ends_with('/') && media_type.starts_with(start) => 1,
            _ => continue,
        };
        let told = parts.find_map(|part| part.strip_prefix("q=").or_else(|| part.strip_prefix("Q=")));
        let known = |weight: &f32| (0.0..=1.0).contains(weight);
        let weight = told.map_or(Some(1.0), |told| told.parse().ok().filter(known)).unwrap_or(0.0);
        if found.is_none_or(|(before, _)| precise >= before) {
            found = Some((precise, weight));
        }
    }
    found.map_or(if asked { 0.0 } else { 1.0 }, |(_, weight)| weight)
}

/// A remark as a header has it.
fn text(remark: &Value) -> String {
    match remark {
        Value::String(text) => text.clone(),
        Value::Object(members) => members.get("code").map(text).unwrap_or_default(),
        Value::Array(items) => items.iter().map(text).take(MOST).collect::<Vec<_>>().join(", "),
        other => other.to_string(),
    }
}

/// The remarks that headers tell, too, since bytes alone cannot.
const TOLD: [(&str, &str); 4] = [
    ("issuance-evidence", "evidence"),
    ("issuance-verdict", "verdict"),
    ("issuance-later", "later"),
    ("issuance-warnings", "warnings"),
];
/// The most characters of a file's name before its end.
const LONGEST: usize = 128;
/// The most items of a list that a header tells.
const MOST: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    fn accepted(accept: &str) -> Option<Form> {
        let headers = [(header::ACCEPT, HeaderValue::from_str(accept).unwrap())].into_iter().collect();
        Form::accepted(&headers).ok()
    }

    #[test]
    fn the_caller_gets_the_form_that_it_likes_best() {
        assert_eq!(Form::accepted(&HeaderMap::new()), Ok(Form::Profile));
        assert_eq!(accepted("*/*"), Some(Form::Profile));
        assert_eq!(accepted("application/json"), Some(Form::Json));
        assert_eq!(accepted("application/xml, application/json;q=0.5"), Some(Form::Command));
        assert_eq!(accepted("application/json;q=0.5, application/*;q=0.9"), Some(Form::Profile));
        assert_eq!(accepted("Application/JSON, */*;q=0.1"), Some(Form::Json));
        assert_eq!(accepted("*/*, application/x-apple-aspen-config;q=0"), Some(Form::Json));
        assert_eq!(accepted("text/html"), None);
        for none in ["application/json;q=0", "application/json;Q=0", "application/json;q=2", "application/json;q=inf"] {
            assert_eq!(accepted(none), None, "{none}");
        }
        assert_eq!([accepted(""), accepted(" , ")], [Some(Form::Profile); 2]);
    }
}
