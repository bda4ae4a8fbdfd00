//! What stands in a path: text that becomes a type before a handler runs.

use axum::{
    RequestPartsExt,
    extract::{FromRequestParts, MatchedPath, RawPathParams},
    http::request::Parts,
};

use crate::{
    Refusal,
    device_id::DeviceId,
    issuance::{IssuanceId, TicketId},
};

/// A part of the path, by its type.
#[derive(Clone, Debug)]
pub struct InPath<T>(pub T);

/// What can stand in a path.
pub trait FromPath: Sized {
    /// What the part is called in the route's pattern.
    const NAME: &'static str;

    /// Reads it.
    ///
    /// # Errors
    /// What is answered where the text is none such.
    fn from_path(text: &str) -> Result<Self, Refusal>;
}

/// The part of a profile's path that names what it is of: a spec, or a profile's identifier.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProfileName(pub String);

impl FromPath for DeviceId {
    const NAME: &'static str = "device";

    fn from_path(text: &str) -> Result<Self, Refusal> {
        text.parse().map_err(|_| Refusal::InvalidDeviceId)
    }
}

impl FromPath for IssuanceId {
    const NAME: &'static str = "issuance";

    fn from_path(text: &str) -> Result<Self, Refusal> {
        text.parse().map_err(|_| Refusal::UnknownIssuance)
    }
}

impl FromPath for TicketId {
    const NAME: &'static str = "ticket";

    fn from_path(text: &str) -> Result<Self, Refusal> {
        text.parse().map_err(|_| Refusal::UnknownTicket)
    }
}

impl FromPath for ProfileName {
    const NAME: &'static str = "profile";

    fn from_path(text: &str) -> Result<Self, Refusal> {
        Ok(Self(text.to_owned()))
    }
}

impl<T: FromPath, S: Sync> FromRequestParts<S> for InPath<T> {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Refusal> {
        let Ok(params) = parts.extract::<RawPathParams>().await else {
            return T::from_path(as_written(parts, T::NAME)).map(Self);
        };
        let part = params.iter().find(|(name, _)| *name == T::NAME).map(|(_, text)| text);
        T::from_path(part.ok_or(Refusal::NotFound)?).map(Self)
    }
}

/// A part of a path whose escapes are not all UTF-8: as it stands there, or where it has escapes itself, a text that names
/// nothing.
fn as_written<'a>(parts: &'a Parts, name: &str) -> &'a str {
    let pattern = parts.extensions.get::<MatchedPath>().map(MatchedPath::as_str).unwrap_or_default();
    let is_it = |part: &str| part.strip_prefix('{').and_then(|part| part.strip_suffix('}')) == Some(name);
    let mut pairs = pattern.split('/').zip(parts.uri.path().split('/'));
    let text = pairs.find(|(part, _)| is_it(part)).map(|(_, text)| text);
    text.filter(|text| !text.contains('%')).unwrap_or("\u{fffd}")
}
