//! Every route of the API, once. The router is made of this table, so that nothing can be reached that is not in it.

use std::sync::Arc;

use axum::{
    Router,
    routing::{MethodRouter, get, post},
};

use super::{guarded, metrics, profiles, record, reports, tickets};
use crate::{role::Role, service::Service};

/// A route behind a guard.
#[derive(Clone, Copy)]
pub struct Entry {
    /// Its method.
    pub method: &'static str,
    /// Its path, parts that vary in braces.
    pub path: &'static str,
    /// What the audit calls what it does.
    pub action: &'static str,
    /// What a caller needs.
    pub role: Role,
    handler: fn() -> MethodRouter,
}

/// Everything that callers ask for, each behind its guard; for [`mount`](super::mount).
pub fn routes(service: Arc<Service>) -> Router {
    ENTRIES.iter().fold(Router::new(), |router, entry| {
        router.route(entry.path, guarded(&service, entry.action, entry.role, (entry.handler)()))
    })
}

/// Every route but the open ones.
pub const ENTRIES: &[Entry] = &[
    Entry {
        method: "POST",
        path: "/v1/devices/{device}/profiles/{profile}",
        action: "issue",
        role: Role::Issue,
        handler: || post(profiles::issue),
    },
    Entry {
        method: "POST",
        path: "/v1/devices/{device}/profiles/{profile}/overwrite",
        action: "overwrite",
        role: Role::Overwrite,
        handler: || post(profiles::overwrite),
    },
    Entry {
        method: "GET",
        path: "/v1/issuances/{issuance}/profile",
        action: "fetch",
        role: Role::Issue,
        handler: || get(profiles::again),
    },
    Entry {
        method: "POST",
        path: "/v1/tickets",
        action: "ticket",
        role: Role::Overwrite,
        handler: || post(tickets::ask),
    },
    Entry {
        method: "GET",
        path: "/v1/tickets/{ticket}",
        action: "read-ticket",
        role: Role::Overwrite,
        handler: || get(tickets::read),
    },
    Entry {
        method: "POST",
        path: "/v1/tickets/{ticket}/approval",
        action: "ticket-approval",
        role: Role::Overwrite,
        handler: || post(tickets::approve),
    },
    Entry {
        method: "POST",
        path: "/v1/devices/{device}/profile-list",
        action: "profile-list",
        role: Role::Report,
        handler: || post(reports::profile_list),
    },
    Entry {
        method: "POST",
        path: "/v1/devices/{device}/installed",
        action: "observe",
        role: Role::Report,
        handler: || post(reports::installed),
    },
    Entry {
        method: "POST",
        path: "/v1/issuances/{issuance}/acknowledgement",
        action: "acknowledge",
        role: Role::Report,
        handler: || post(reports::acknowledge),
    },
    Entry {
        method: "GET",
        path: "/v1/issuances/{issuance}",
        action: "read-issuance",
        role: Role::Read,
        handler: || get(record::issuance),
    },
    Entry {
        method: "GET",
        path: "/v1/devices/{device}",
        action: "read-device",
        role: Role::Read,
        handler: || get(record::device),
    },
    Entry {
        method: "GET",
        path: "/v1/devices",
        action: "read-devices",
        role: Role::Read,
        handler: || get(record::devices),
    },
    Entry {
        method: "GET",
        path: "/v1/devices/{device}/diagnosis",
        action: "diagnose",
        role: Role::Read,
        handler: || get(record::diagnosis),
    },
    Entry { method: "GET", path: "/metrics", action: "metrics", role: Role::Read, handler: || get(metrics) },
];

/// The routes that are open to everyone.
pub const OPEN: &[&str] = &["/livez", "/readyz", "/openapi.json"];
