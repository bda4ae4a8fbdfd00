//! One dictionary of a profile's `PayloadContent`: any payload, known or not.

mod field;
mod secret;
#[cfg(test)]
mod tests;
mod typed;

mod acme;
mod app_lock;
mod dns_settings;
mod global_http_proxy;
mod home_screen_layout;
mod mdm;
mod notifications;
mod on_demand_rule;
mod passcode_policy;
mod pem_certificate;
mod pkcs12;
mod pkcs1_certificate;
mod removal_password;
mod restrictions;
mod root_certificate;
mod scep;
mod subject_alt_name;
mod vpn;
mod web_clip;
mod web_content_filter;
mod wifi;

use std::{borrow::Cow, fmt};

use plist::{Dictionary, Value};

use crate::{
    Error, KeyPath, Place, Result,
    document::{Entries, Keys},
};

pub use acme::Acme;
pub use app_lock::{AppLock, AppLockOptions, AppLockUserOptions, LockedApp};
pub use dns_settings::{DnsServer, DnsSettings};
pub use field::{Key, Kind};
pub use global_http_proxy::GlobalHttpProxy;
pub use home_screen_layout::{HomeScreenIcon, HomeScreenLayout};
pub use mdm::Mdm;
pub use notifications::{NotificationSettings, Notifications};
pub use on_demand_rule::{DomainRule, OnDemandRule};
pub use passcode_policy::{PasscodePattern, PasscodePolicy};
pub use pem_certificate::PemCertificate;
pub use pkcs1_certificate::Pkcs1Certificate;
pub use pkcs12::Pkcs12;
pub use removal_password::RemovalPassword;
pub use restrictions::Restrictions;
pub use root_certificate::RootCertificate;
pub use scep::{Scep, ScepContent};
pub use secret::{Secret, SecretData};
pub use subject_alt_name::SubjectAltName;
pub use typed::TypedPayload;
pub use vpn::{
    AlwaysOnTunnel, AlwaysOnVpn, ApplicationException, CaptiveNetworkPlugin, IkeV2, SecurityAssociation,
    ServiceException, TransparentProxy, Vpn, VpnApp, VpnDns, VpnIpsec, VpnIpv4, VpnPpp, VpnProxies,
};
pub use web_clip::WebClip;
pub use web_content_filter::{FilterBookmark, WebContentFilter};
pub use wifi::{EapClientConfiguration, QosMarkingPolicy, Wifi};

/// A payload as it stands: all keys, known or not, in order.
///
/// A typed payload (one file each under this module) is a view of it: [`read`](Payload::read) takes it out,
/// [`write`](Payload::write) puts it back without disturbing what the type does not know.
#[derive(Clone, PartialEq)]
pub struct Payload {
    keys: Keys,
}

impl Payload {
    /// A payload of a type, version 1, without identifier and UUID yet.
    pub fn new(kind: &str) -> Self {
        let mut keys = Keys::with_room();
        keys.push("PayloadType".into(), kind.into());
        keys.push("PayloadVersion".into(), Value::Integer(1.into()));
        Self { keys }
    }

    /// Takes any dictionary as a payload; [`check`](crate::check) tells what it lacks.
    pub fn from_dictionary(dictionary: Dictionary) -> Self {
        Self { keys: dictionary.into() }
    }

    /// The whole dictionary.
    pub fn into_dictionary(self) -> Dictionary {
        self.keys.into_dictionary()
    }

    /// A copy of the whole dictionary.
    pub fn to_dictionary(&self) -> Dictionary {
        self.entries().to_dictionary()
    }

    /// All keys and their values, in order.
    pub fn entries(&self) -> Entries<'_> {
        self.keys.entries()
    }

    /// All keys, in order.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        self.entries().iter().map(|(key, _)| key)
    }

    /// `PayloadType`, if it is there and a string.
    pub fn kind(&self) -> Option<&str> {
        self.text("PayloadType")
    }

    /// `PayloadIdentifier`, if it is there and a string.
    pub fn identifier(&self) -> Option<&str> {
        self.text("PayloadIdentifier")
    }

    /// `PayloadUUID`, if it is there and a string.
    pub fn uuid(&self) -> Option<&str> {
        self.text("PayloadUUID")
    }

    fn text(&self, key: &str) -> Option<&str> {
        self.get(key)?.as_string()
    }

    /// The value of a key.
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.entries().get(key)
    }

    /// The value of a key, to change.
    pub fn get_mut(&mut self, key: &str) -> Option<&mut Value> {
        self.keys.get_mut(key)
    }

    /// Sets a key: in its place if it is there, else at the end. A literal is not copied.
    pub fn insert(&mut self, key: impl Into<Cow<'static, str>>, value: impl Into<Value>) {
        self.keys.insert(key.into(), value.into());
    }

    /// Takes a key away; the others keep their order.
    pub fn remove(&mut self, key: &str) {
        self.keys.remove(key);
    }

    /// The payload as a struct.
    ///
    /// # Errors
    /// [`Error::NotAProfile`] where `PayloadType` is another, or a value is of another type than Apple's schema has it.
    pub fn read<T: TypedPayload>(&self) -> Result<T> {
        match self.get("PayloadType") {
            Some(Value::String(kind)) if kind == T::TYPE => T::from_entries(self.entries()),
            Some(Value::String(kind)) => Err(wrong_type(format!("is {kind:?}, not {:?}", T::TYPE))),
            Some(_) => Err(wrong_type("is not a string".into())),
            None => Err(wrong_type("is missing".into())),
        }
    }

    /// Puts a struct back: values change where they stand, unknown keys and the order stay, and known keys whose
    /// field is `None` go. `PayloadType` becomes the struct's; the other keys that every payload has are left alone.
    pub fn write<T: TypedPayload>(&mut self, typed: &T) {
        self.insert("PayloadType", T::TYPE);
        typed.write_into(self);
    }
}

/// The type, the identifier and the names of the other keys: values may be secret.
impl fmt::Debug for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Payload")
            .field("kind", &self.kind())
            .field("identifier", &self.identifier())
            .field("uuid", &self.uuid())
            .field("keys", &self.entries())
            .finish()
    }
}

/// A payload type that has a struct here.
#[derive(Clone, Copy, Debug)]
pub struct KnownType {
    /// Apple's `PayloadType`.
    pub kind: &'static str,
    /// The keys that have a field.
    pub keys: &'static [Key],
    read: fn(&Payload) -> Result<()>,
    #[cfg(test)]
    rewrite: fn(&mut Payload) -> Result<()>,
    #[cfg(test)]
    remake: fn(&Payload) -> Result<Payload>,
}

impl KnownType {
    const fn of<T: TypedPayload + Into<Payload>>() -> Self {
        Self {
            kind: T::TYPE,
            keys: T::KEYS,
            read: |payload| payload.read::<T>().map(drop),
            #[cfg(test)]
            rewrite: |payload| payload.read::<T>().map(|typed| payload.write(&typed)),
            #[cfg(test)]
            remake: |payload| payload.read::<T>().map(T::into),
        }
    }
}

/// The payload types that have a struct here.
pub fn known_types() -> &'static [KnownType] {
    KNOWN
}

/// Whether a payload reads as the struct of its type; `None` where there is no struct.
pub fn check_known(payload: &Payload) -> Option<Result<()>> {
    let kind = payload.kind()?;
    let known = KNOWN.iter().find(|known| known.kind == kind)?;
    Some((known.read)(payload))
}

/// Whether a key belongs to every payload, whatever its type (Apple's `CommonPayloadKeys`).
pub(crate) fn is_common(key: &str) -> bool {
    COMMON_KEYS.contains(&key)
}

fn wrong_type(problem: String) -> Error {
    Error::NotAProfile { place: Place::path(KeyPath::root().key("PayloadType")), problem, device: None }
}

/// A new payload type: its file, and one line here.
const KNOWN: &[KnownType] = &[
    KnownType::of::<Acme>(),
    KnownType::of::<AppLock>(),
    KnownType::of::<DnsSettings>(),
    KnownType::of::<GlobalHttpProxy>(),
    KnownType::of::<HomeScreenLayout>(),
    KnownType::of::<Mdm>(),
    KnownType::of::<Notifications>(),
    KnownType::of::<PasscodePolicy>(),
    KnownType::of::<PemCertificate>(),
    KnownType::of::<Pkcs1Certificate>(),
    KnownType::of::<Pkcs12>(),
    KnownType::of::<RemovalPassword>(),
    KnownType::of::<Restrictions>(),
    KnownType::of::<RootCertificate>(),
    KnownType::of::<Scep>(),
    KnownType::of::<Vpn>(),
    KnownType::of::<WebClip>(),
    KnownType::of::<WebContentFilter>(),
    KnownType::of::<Wifi>(),
];

const COMMON_KEYS: &[&str] = &[
    "PayloadDescription",
    "PayloadDisplayName",
    "PayloadIdentifier",
    "PayloadOrganization",
    "PayloadType",
    "PayloadUUID",
    "PayloadVersion",
];
