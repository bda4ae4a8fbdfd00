//! The operations, each with all that it takes, gives and refuses.

use utoipa::openapi::{
    path::HttpMethod,
    schema::{Schema, Type},
};

use super::schemas;
use crate::{
    http::reports::{PLISTS, PROFILES},
    role::Role,
};

/// An operation.
pub(super) struct Operation {
    pub(super) method: HttpMethod,
    pub(super) path: &'static str,
    pub(super) id: &'static str,
    pub(super) summary: &'static str,
    /// What a caller needs; `None`: it is open.
    pub(super) role: Option<Role>,
    pub(super) query: &'static [Query],
    pub(super) takes: Takes,
    pub(super) gives: Gives,
    /// The codes that belong to none of its kinds.
    pub(super) refuses: &'static [&'static str],
}

/// A parameter of the query.
pub(super) struct Query {
    pub(super) name: &'static str,
    pub(super) about: &'static str,
    pub(super) schema: fn() -> Schema,
}

/// What a request's body is.
pub(super) enum Takes {
    Nothing,
    /// JSON of the schema of this name.
    Json(&'static str),
    /// Bytes of one of these media types.
    Bytes(&'static [&'static str]),
}

/// What is answered.
pub(super) enum Gives {
    /// JSON of the schema of this name.
    Json(&'static str),
    /// A signed profile, in the form that the caller accepts.
    Profile,
    /// Text of this media type.
    Text(&'static str),
    /// JSON with either status.
    Readiness,
}

impl Operation {
    /// Every code that it may be refused with, each once.
    pub(super) fn refusals(&self) -> Vec<&'static str> {
        let of = |is: bool, codes: &'static [&'static str]| if is { codes } else { &[] };
        let groups = [
            ALWAYS,
            of(self.role.is_some(), GUARDED),
            of(self.method == HttpMethod::Post, POSTED),
            of(matches!(self.takes, Takes::Json(_)), JSON),
            of(matches!(self.takes, Takes::Bytes(_)), BYTES),
            of(!self.query.is_empty(), &["invalid-request"]),
            of(self.path.contains("{device}"), &["invalid-device-id", "out-of-scope"]),
            of(self.path.contains("{issuance}"), &["unknown-issuance", "out-of-scope"]),
            of(matches!(self.gives, Gives::Profile), &["not-acceptable"]),
            self.refuses,
        ];
        let mut codes: Vec<&'static str> = groups.concat();
        codes.sort_unstable();
        codes.dedup();
        codes
    }
}

/// What the server may say of any request.
const ALWAYS: &[&str] = &[
    "body-broken",
    "body-too-large",
    "deadline-exceeded",
    "header-too-large",
    "internal",
    "invalid-host",
    "overloaded",
    "timeout",
    "unknown-transfer-coding",
    "uri-too-long",
];
const GUARDED: &[&str] = &["unauthenticated", "role-missing", "ledger-unavailable", "draining"];
const POSTED: &[&str] = &["invalid-idempotency-key", "idempotency-conflict"];
const JSON: &[&str] = &["malformed-json", "too-deep", "invalid-request", "unsupported-media-type"];
const BYTES: &[&str] = &["malformed-plist", "too-deep", "invalid-request", "unsupported-media-type"];

const BASE: Operation = Operation {
    method: HttpMethod::Get,
    path: "",
    id: "",
    summary: "",
    role: None,
    query: &[],
    takes: Takes::Nothing,
    gives: Gives::Text("text/plain; charset=utf-8"),
    refuses: &[],
};

fn text() -> Schema {
    schemas::text().build().into()
}

fn flag() -> Schema {
    schemas::typed(Type::Boolean).build().into()
}

fn moment() -> Schema {
    schemas::moment().build().into()
}

fn state() -> Schema {
    schemas::state().build().into()
}

fn limit() -> Schema {
    let number = schemas::typed(Type::Integer);
    number.minimum(Some(1)).maximum(Some(1000)).build().into()
}

fn platform() -> Schema {
    schemas::text().enum_values(Some(["ios", "macos", "tvos", "visionos", "watchos"])).build().into()
}

/// All of them.
pub(super) const OPERATIONS: &[Operation] = &[
    Operation {
        method: HttpMethod::Post,
        path: "/v1/devices/{device}/profiles/{profile}",
        id: "issue",
        summary: "The locked profile of a spec for a device; `profile` is the spec's name",
        role: Some(Role::Issue),
        takes: Takes::Json("IssueBody"),
        gives: Gives::Profile,
        refuses: &[
            "unknown-spec",
            "invalid-parameters",
            "unfreeable-profile",
            "identity-not-valid",
            "identity-gone",
            "identity-unknown",
        ],
        ..BASE
    },
    Operation {
        method: HttpMethod::Post,
        path: "/v1/devices/{device}/profiles/{profile}/overwrite",
        id: "overwrite",
        summary: "The overwrite of what a device has; `profile` is the profile's identifier",
        role: Some(Role::Overwrite),
        takes: Takes::Json("OverwriteBody"),
        gives: Gives::Profile,
        refuses: &[
            "unknown-installation",
            "ambiguous-installation",
            "foreign-installation",
            "installation-changed",
            "unknown-issuance",
            "no-overwrite",
            "strands",
            "identity-gone",
            "identity-unknown",
            "identity-not-valid",
            "budget-exceeded",
            "ticket-required",
            "unknown-ticket",
            "ticket-not-approved",
            "ticket-own-use",
            "ticket-not-for-this",
            "ticket-used",
            "ticket-expired",
        ],
        ..BASE
    },
    Operation {
        path: "/v1/issuances/{issuance}/profile",
        id: "profile",
        summary: "The bytes of an issuance again; those of an overwrite need the role `overwrite` instead",
        role: Some(Role::Issue),
        gives: Gives::Profile,
        refuses: &["identity-gone", "identity-unknown"],
        ..BASE
    },
    Operation {
        method: HttpMethod::Post,
        path: "/v1/tickets",
        id: "ticket",
        summary: "Asks for a two-person ticket: one overwrite of each device, once another caller has approved it",
        role: Some(Role::Overwrite),
        takes: Takes::Json("TicketBody"),
        gives: Gives::Json("Ticket"),
        refuses: &["out-of-scope"],
        ..BASE
    },
    Operation {
        path: "/v1/tickets/{ticket}",
        id: "read-ticket",
        summary: "What a ticket is for, and who asked why: for who could approve it, within the caller's scope",
        role: Some(Role::Overwrite),
        gives: Gives::Json("Ticket"),
        refuses: &["unknown-ticket", "out-of-scope"],
        ..BASE
    },
    Operation {
        method: HttpMethod::Post,
        path: "/v1/tickets/{ticket}/approval",
        id: "approve",
        summary: "Approves another caller's ticket",
        role: Some(Role::Overwrite),
        takes: Takes::Json("ApprovalBody"),
        gives: Gives::Json("Ticket"),
        refuses: &[
            "unknown-ticket",
            "out-of-scope",
            "ticket-self-approval",
            "ticket-already-approved",
            "ticket-expired",
        ],
        ..BASE
    },
    Operation {
        method: HttpMethod::Post,
        path: "/v1/devices/{device}/profile-list",
        id: "report-profile-list",
        summary: "The device's answer to ProfileList, an XML or binary property list: what is true of all its profiles; \
                  at most 2000, with identifiers and UUIDs of at most 1024 characters",
        role: Some(Role::Report),
        query: &[
            Query {
                name: "complete",
                about: "Whether the command asked for all profiles; false: for managed ones only",
                schema: flag,
            },
            Query {
                name: "answered_at",
                about: "When the device answered, as of RFC 3339 with + written as %2B, if that is not handed in at \
                        once: the list says nothing of what was recorded since. Refused where it is more than five \
                        minutes ahead of the daemon's clock",
                schema: moment,
            },
        ],
        takes: Takes::Bytes(PLISTS),
        gives: Gives::Json("Reconciled"),
        ..BASE
    },
    Operation {
        method: HttpMethod::Post,
        path: "/v1/devices/{device}/installed",
        id: "report-installed",
        summary: "A signed profile that the device has; it has to verify, and a leaf of the keyring has to have signed it",
        role: Some(Role::Report),
        takes: Takes::Bytes(PROFILES),
        gives: Gives::Json("Observed"),
        refuses: &["not-signed", "signature-broken", "not-signed-by-keyring"],
        ..BASE
    },
    Operation {
        path: "/v1/devices/{device}",
        id: "device",
        summary: "What a device has, and what was issued to it last",
        role: Some(Role::Read),
        gives: Gives::Json("Device"),
        refuses: &["unknown-device"],
        ..BASE
    },
    Operation {
        path: "/v1/devices",
        id: "devices",
        summary: "Devices and the identifiers of their profiles, in order, page by page, within the caller's scope",
        role: Some(Role::Read),
        query: &[
            Query { name: "state", about: "Only those in this state", schema: state },
            Query { name: "after", about: "`next` of the page before", schema: text },
            Query { name: "limit", about: "The most devices of a page; 100 unless given", schema: limit },
        ],
        gives: Gives::Json("Devices"),
        ..BASE
    },
    Operation {
        path: "/v1/devices/{device}/diagnosis",
        id: "diagnosis",
        summary: "Why a device is not free, and who has to do what next, by the steps of the inactivation procedure",
        role: Some(Role::Read),
        query: &[
            Query { name: "identifier", about: "Only the profile of this identifier", schema: text },
            Query { name: "platform", about: "With `os`; ios unless given", schema: platform },
            Query { name: "os", about: "The system's version, such as 17.5", schema: text },
            Query { name: "supervised", about: "Whether the device is supervised", schema: flag },
        ],
        gives: Gives::Json("DeviceDiagnosis"),
        refuses: &["unknown-device", "unknown-installation"],
        ..BASE
    },
    Operation {
        path: "/v1/issuances/{issuance}",
        id: "issuance",
        summary: "What the record has of an issuance",
        role: Some(Role::Read),
        gives: Gives::Json("Issuance"),
        ..BASE
    },
    Operation {
        method: HttpMethod::Post,
        path: "/v1/issuances/{issuance}/acknowledgement",
        id: "acknowledge",
        summary: "What the device answered to the command that carried the issuance",
        role: Some(Role::Report),
        takes: Takes::Json("AcknowledgementReport"),
        gives: Gives::Json("Taken"),
        ..BASE
    },
    Operation {
        path: "/metrics",
        id: "metrics",
        summary: "Metrics, as Prometheus reads them",
        role: Some(Role::Read),
        gives: Gives::Text("application/openmetrics-text; version=1.0.0; charset=utf-8"),
        ..BASE
    },
    Operation { path: "/livez", id: "livez", summary: "That the daemon lives", ..BASE },
    Operation {
        path: "/readyz",
        id: "readyz",
        summary: "Whether the daemon can do its work",
        gives: Gives::Readiness,
        ..BASE
    },
    Operation { path: "/openapi.json", id: "openapi", summary: "This document", gives: Gives::Json("OpenApi"), ..BASE },
];
