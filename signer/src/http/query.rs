//! What stands in a query: parameters that become a type before a handler runs.

use axum::{
    extract::{FromRequestParts, Query},
    http::request::Parts,
};
use serde::de::DeserializeOwned;

use crate::Refusal;

/// The query's parameters, by their type; others than it has are refused.
#[derive(Clone, Debug)]
pub struct InQuery<T>(pub T);

impl<T: DeserializeOwned, S: Sync> FromRequestParts<S> for InQuery<T> {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Refusal> {
        // What was given is not repeated.
        let problem = "the query's parameters are not those that this path takes: see /openapi.json";
        let Ok(Query(read)) = Query::try_from_uri(&parts.uri) else {
            return Err(Refusal::InvalidRequest { problem: problem.into() });
        };
        Ok(Self(read))
    }
}
