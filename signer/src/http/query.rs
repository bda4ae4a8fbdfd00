//! What stands in a query: parameters that become a type before a handler runs.

use std::{error::Error, iter::successors};

use axum::{
    extract::{FromRequestParts, Query, rejection::QueryRejection},
    http::request::Parts,
};
use serde::de::{DeserializeOwned, value};

use super::misread::Misread;
use crate::Refusal;

/// The query's parameters, by their type; others than it has are refused.
#[derive(Clone, Debug)]
pub struct InQuery<T>(pub T);

impl<T: DeserializeOwned, S: Sync> FromRequestParts<S> for InQuery<T> {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Refusal> {
        let Query(read) = Query::try_from_uri(&parts.uri).map_err(|refused| other_parameters(&refused))?;
        Ok(Self(read))
    }
}

/// Names the parameter where the path knows it; what was given is not repeated.
fn other_parameters(refused: &QueryRejection) -> Refusal {
    let mut causes = successors(refused.source(), |&cause| cause.source());
    let cause = causes.find_map(<dyn Error>::downcast_ref);
    let told = match cause.map(Misread::new::<value::Error>) {
        Some(Misread { member, fault }) if !member.is_empty() => {
            let hint = HINTS.iter().find(|(name, _)| *name == member).map_or("", |(_, hint)| hint);
            format!("the query's {member} {fault}{hint}")
        }
        _ => "the query's parameters are not those that this path takes".into(),
    };
    Refusal::InvalidRequest { problem: format!("{told}: see /openapi.json") }
}

/// What is easily written otherwise.
const HINTS: [(&str, &str); 1] = [("answered_at", ", a time as of RFC 3339, in which + is written as %2B")];

#[cfg(test)]
mod tests {
    use axum::http::Request;

    use super::*;

    #[tokio::test]
    async fn a_parameter_that_the_path_knows_is_named_and_no_other_one() {
        #[derive(Debug, serde::Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Asked {
            #[expect(dead_code, reason = "only its type matters")]
            limit: Option<usize>,
            #[serde(default, with = "time::serde::rfc3339::option")]
            answered_at: Option<time::OffsetDateTime>,
        }
        let told = async |query: &str| {
            let (mut parts, ()) = Request::get(format!("/v1/devices?{query}")).body(()).unwrap().into_parts();
            InQuery::<Asked>::from_request_parts(&mut parts, &()).await
        };
        for (query, expected) in [
            ("limit=hunter2", "the query's limit is not what this path takes"),
            ("limit=1&limit=2", "the query's limit is there twice"),
            ("hunter2=1", "the query's parameters are not those that this path takes"),
            (
                "answered_at=2030-01-01T09:00:00+09:00",
                "the query's answered_at is not what this path takes, a time as of RFC 3339, in which + is written as %2B",
            ),
        ] {
            let Err(Refusal::InvalidRequest { problem }) = told(query).await else { panic!("{query}") };
            assert_eq!(problem, format!("{expected}: see /openapi.json"));
        }
        let InQuery(asked) = told("answered_at=2030-01-01T09:00:00%2B09:00").await.unwrap();
        assert_eq!(asked.answered_at, Some(time::macros::datetime!(2030-01-01 00:00 UTC)));
    }
}
