//! What stands in a path: text that becomes a type before a handler runs.

use axum::{
    RequestPartsExt,
    extract::{FromRequestParts, RawPathParams},
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
        // Only a path whose escapes are no UTF-8 has no parts: what it says is no name of anything.
        let no_text = |_| T::from_path("\u{fffd}").err().unwrap_or(Refusal::NotFound);
        let params = parts.extract::<RawPathParams>().await.map_err(no_text)?;
        let part = params.iter().find(|(name, _)| *name == T::NAME).map(|(_, text)| text);
        T::from_path(part.ok_or(Refusal::NotFound)?).map(Self)
    }
}
