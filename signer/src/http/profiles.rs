//! Routes that answer profiles.

use axum::{
    http::{HeaderMap, Method},
    response::Response,
};
use profile_kit::{Os, OsVersion, PasswordForm, Platform};
use serde::{Deserialize, Deserializer, de};
use serde_json::{Map, Value};

use super::{Asking, Form, InPath, PostedJson, body, path::ProfileName};
use crate::{
    device_id::DeviceId,
    diagnosis::Target,
    inactivation::{self, Wish},
    issuance::{IssuanceId, TicketId},
    issue,
    refusal::Denied,
    role,
};

/// What a locked profile is asked with.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IssueBody {
    /// The spec's parameters, by name.
    #[serde(default, deserialize_with = "body::each_once")]
    parameters: Map<String, Value>,
}

/// What an overwrite is asked with.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OverwriteBody {
    /// How it says that there is no removal password.
    #[serde(default)]
    removal_password: Word,
    /// The device that it is for.
    target: Option<TargetBody>,
    /// The issuance that is installed, where the record does not tell.
    issuance: Option<IssuanceId>,
    /// The two-person ticket.
    ticket: Option<TicketId>,
}

/// A form of the removal password, in a word.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Word {
    Empty,
    Omitted,
    #[default]
    Auto,
}

/// A device, as far as it matters.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct TargetBody {
    #[serde(deserialize_with = "platform")]
    platform: Platform,
    #[serde(deserialize_with = "version")]
    os: OsVersion,
    supervised: Option<bool>,
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

/// `POST /v1/devices/{device}/profiles/{identifier}/overwrite`.
pub async fn overwrite(
    asking: Asking,
    InPath(device): InPath<DeviceId>,
    InPath(ProfileName(identifier)): InPath<ProfileName>,
    headers: HeaderMap,
    posted: PostedJson<OverwriteBody>,
) -> Result<Response, Denied> {
    let sweep = asking.may_sweep::<role::Overwrite>()?;
    let form = Form::accepted(&headers)?;
    let PostedJson { body, order } = posted;
    let wish = body.wish(identifier);
    let issued = inactivation::overwrite(&asking.service, &asking.state, &sweep, &device, wish, order).await?;
    Ok(form.answer(&issued))
}

/// `GET /v1/issuances/{id}/profile`; with `HEAD` the router leaves the bytes out, and nothing is handed out.
pub async fn again(
    asking: Asking,
    method: Method,
    InPath(id): InPath<IssuanceId>,
    headers: HeaderMap,
) -> Result<Response, Denied> {
    let form = Form::accepted(&headers)?;
    let head_only = method == Method::HEAD;
    let order = asking.order(b"");
    let issued = issue::again(&asking.service, &asking.state, &asking.caller, id, head_only, order).await?;
    Ok(form.answer(&issued))
}

impl OverwriteBody {
    fn wish(self, identifier: String) -> Wish {
        let Self { removal_password, target, issuance, ticket } = self;
        let form = match removal_password {
            Word::Empty => PasswordForm::Empty,
            Word::Omitted => PasswordForm::Omitted,
            Word::Auto => PasswordForm::Auto,
        };
        let target = target.map(|TargetBody { platform, os, supervised }| Target {
            os: Some(Os { platform, version: os }),
            supervised,
        });
        Wish { identifier, form, target, installed: issuance.map(|id| id.0), ticket }
    }
}

fn platform<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Platform, D::Error> {
    String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
}

fn version<'de, D: Deserializer<'de>>(deserializer: D) -> Result<OsVersion, D::Error> {
    String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
}
