//! Routes that answer profiles.

use axum::{http::HeaderMap, response::Response};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::{Asking, Form, InPath, PostedJson, path::ProfileName};
use crate::{device_id::DeviceId, issue, refusal::Denied, role};

/// What an issue is asked with.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IssueBody {
    /// The spec's parameters, by name.
    #[serde(default)]
    parameters: Map<String, Value>,
}

/// `POST /v1/devices/{device}/profiles/{spec}`.
pub async fn issue(
    asking: Asking,
    InPath(device): InPath<DeviceId>,
    InPath(ProfileName(spec)): InPath<ProfileName>,
    headers: HeaderMap,
    posted: PostedJson<IssueBody>,
) -> Result<Response, Denied> {
    let permit = asking.may::<role::Issue>(&device, Some(&spec))?;
    let form = Form::accepted(&headers)?;
    let PostedJson { body, order } = posted;
    let issued = issue::issue(&asking.service, &asking.state, &permit, body.parameters, order).await?;
    Ok(form.answer(&issued))
}
