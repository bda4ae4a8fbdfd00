//! Who asks, and for what: known before a handler runs. What is refused then is recorded before it is answered.

use std::{sync::Arc, time::SystemTime};

use axum::{
    RequestExt,
    extract::{FromRequestParts, RawPathParams, Request, State as Shared},
    http::{Method, header, request::Parts},
    middleware::{Next, from_fn_with_state},
    response::{IntoResponse, Response},
    routing::MethodRouter,
};
use profile_kit::Certificate;

use crate::{
    Digest, Refusal,
    audit::{Event, Outcome},
    auth::{Credentials, Peer},
    caller::{Caller, Permit, Sweep},
    device_id::DeviceId,
    http::{RequestId, Room},
    ledger::{Idempotency, Request as Order},
    moment::{from_millis, millis},
    refusal::Denied,
    role::{Role, RoleType},
    server,
    service::Service,
    state::State,
    strangers::First,
};

/// A request of a caller who is known. Handlers take it as an argument.
#[derive(Clone)]
pub struct Asking {
    /// The daemon.
    pub service: Arc<Service>,
    /// The state of the moment when the request came: the whole answer is of this one.
    pub state: Arc<State>,
    /// Who asks.
    pub caller: Caller,
    /// What the request is called in log and audit.
    pub id: RequestId,
    /// When it came.
    pub at: SystemTime,
    /// The role that the route is for, for the record.
    role: Role,
    key: Option<String>,
    room: Option<Room>,
    /// What the request is about besides its body: method, path and query.
    target: Arc<str>,
}

impl Asking {
    /// Leave to act on a device by a spec.
    ///
    /// # Errors
    /// As [`Caller::may`].
    pub fn may<R: RoleType>(&self, device: &DeviceId, spec: Option<&str>) -> Result<Permit<R>, Refusal> {
        self.caller.may(device, spec)
    }

    /// Leave to look at many devices.
    ///
    /// # Errors
    /// As [`Caller::may_sweep`].
    pub fn may_sweep<R: RoleType>(&self) -> Result<Sweep<R>, Refusal> {
        self.caller.may_sweep()
    }

    /// The request as the ledger takes it, with what its body said; a body that comes again with the same key to the
    /// same path and query is the same request.
    pub fn order(&self, body: &[u8]) -> Order {
        self.order_as(self.role, body)
    }

    /// As [`order`](Asking::order), where the role depends on what is asked for.
    pub fn order_as(&self, role: Role, body: &[u8]) -> Order {
        let fingerprint = || Digest::of_parts(&[self.target.as_bytes(), body]);
        Order {
            caller: self.caller.name().to_owned(),
            role: role.word().to_owned(),
            id: Some(self.id.to_string()),
            idempotency: self.key.clone().map(|key| Idempotency { key, fingerprint: fingerprint() }),
            at: self.at,
            room: self.room.clone().map(|Room(room)| room),
        }
    }
}

impl<S: Sync> FromRequestParts<S> for Asking {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Refusal> {
        // Behind every route there is a guard that has put it there.
        parts.extensions.get().cloned().ok_or(Refusal::Internal)
    }
}

/// Puts routes behind a guard: only callers who are known come through, a POST needs its `Idempotency-Key`, and a
/// refusal is recorded under `action` before it is answered.
pub fn guarded(service: &Arc<Service>, action: &'static str, role: Role, routes: MethodRouter) -> MethodRouter {
    let door = Door { service: service.clone(), action, role };
    routes.route_layer(from_fn_with_state(Arc::new(door), guard))
}

struct Door {
    service: Arc<Service>,
    action: &'static str,
    role: Role,
}

async fn guard(Shared(door): Shared<Arc<Door>>, mut request: Request, next: Next) -> Response {
    // As exact as the ledger keeps it, so that an answer that comes again is the same.
    let at = from_millis(millis((door.service.clock)()));
    let id = request.extensions().get().cloned().unwrap_or_else(|| RequestId::of(request.headers(), at));
    let mut event = door.event(&mut request, &id).await;
    let peer = request.extensions().get::<server::Peer>().map(server::Peer::origin);
    let response = match door.admit(&request, id, at, &mut event) {
        Ok(asking) => {
            request.extensions_mut().insert(asking);
            next.run(request).await
        }
        Err(refusal) => refusal.into_response(),
    };
    settled(&door.service, event, peer, at, response).await
}

impl Door {
    /// What the audit is told where the request is refused.
    async fn event(&self, request: &mut Request, id: &RequestId) -> Event {
        let mut event =
            Event { role: Some(self.role.word().into()), request: Some(id.to_string()), ..Event::done(self.action) };
        let Ok(params) = request.extract_parts::<RawPathParams>().await else { return event };
        for (name, value) in &params {
            match name {
                "device" => event.device = value.parse().ok(),
                "profile" => event.identifier = Some(value.chars().take(LONGEST).collect()),
                "issuance" => event.issuance = value.parse().ok(),
                _ => {}
            }
        }
        event
    }

    fn admit(&self, request: &Request, id: RequestId, at: SystemTime, event: &mut Event) -> Result<Asking, Refusal> {
        let state = self.service.state();
        let caller = who(&state, request)?;
        event.caller = Some(caller.name().to_owned());
        let key = match *request.method() == Method::POST {
            // Who may not ask is not listened to.
            true => caller.has(self.role).and_then(|()| key(request)).map(Some)?,
            false => None,
        };
        // Without the host, which HTTP/2 has there and HTTP/1.1 has not.
        let path = request.uri().path_and_query().map_or("/", |it| it.as_str());
        let target = format!("{} {path}", request.method()).into();
        let (service, room) = (self.service.clone(), request.extensions().get().cloned());
        Ok(Asking { service, state, caller, id, at, role: self.role, key, room, target })
    }
}

fn who(state: &State, request: &Request) -> Result<Caller, Refusal> {
    let mut told = request.headers().get_all(header::AUTHORIZATION).iter();
    let bearer = match (told.next(), told.next()) {
        (None, _) => None,
        (Some(value), None) => Some(bearer(value.to_str().ok()).ok_or(Refusal::Unauthenticated)?),
        // Who reads one of two may read the other one elsewhere.
        (Some(_), Some(_)) => return Err(Refusal::Unauthenticated),
    };
    let peer = match request.extensions().get() {
        // A token decides alone.
        _ if bearer.is_some() => Peer::Unknown,
        Some(server::Peer::Unix { uid, .. }) => Peer::Uid(*uid),
        Some(server::Peer::Tls { certificate: Some(der), .. }) => {
            if let Some(caller) = state.authenticator.by_certificate(&Digest::of(der)) {
                return Ok(caller.clone());
            }
            Certificate::from_der(der).map_or(Peer::Unknown, |certificate| Peer::from_certificate(&certificate))
        }
        _ => Peer::Unknown,
    };
    state.authenticator.who(Credentials { peer: &peer, bearer })
}

/// The token of a field that is of the scheme `Bearer` (RFC 6750 §2.1); the scheme is in letters of either case.
fn bearer(field: Option<&str>) -> Option<&str> {
    let (scheme, token) = field?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token.trim_start())
}

fn key(request: &Request) -> Result<String, Refusal> {
    let mut values = request.headers().get_all(KEY).iter();
    let (Some(value), None) = (values.next(), values.next()) else { return Err(Refusal::InvalidIdempotencyKey) };
    let visible = |text: &&str| (1..=255).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
    value.to_str().ok().filter(visible).map(str::to_owned).ok_or(Refusal::InvalidIdempotencyKey)
}

/// Records a refusal before it is answered. One that cannot be recorded is not answered: nobody learns what was decided.
/// Of strangers, of whom there may be any number, the first of a minute is recorded so, and the others are counted and
/// answered.
async fn settled(
    service: &Service,
    event: Event,
    peer: Option<server::Origin>,
    at: SystemTime,
    response: Response,
) -> Response {
    let Some(Denied { refusal, recorded }) = response.extensions().get() else { return response };
    if *recorded || !refusal.is_decision() {
        return response;
    }
    let stranger = match refusal {
        Refusal::Unauthenticated => {
            let peer = peer.map_or_else(|| "unknown".to_owned(), |peer| peer.to_string());
            let Some(first) = service.strangers.note(&peer, at) else { return response };
            Some(first)
        }
        _ => None,
    };
    let event = match &stranger {
        Some(first) => event.with("peer", first.origin()),
        None => event,
    };
    let role = if let Refusal::RoleMissing { role, .. } = refusal { Some((*role).to_owned()) } else { event.role };
    let outcome = Outcome::Refused { code: refusal.code().to_owned() };
    match service.ledger.audit(Event { outcome, role, ..event }, at).await {
        Ok(()) => {
            stranger.into_iter().for_each(First::recorded);
            response
        }
        Err(error) => Denied::from(error).into_response(),
    }
}

const KEY: &str = "idempotency-key";
/// How much of a name of the caller's the audit holds.
const LONGEST: usize = 256;
