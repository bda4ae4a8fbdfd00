//! Payloads as structs: the trait, and the macro that makes one of a table of keys.

use super::field::Key;
use crate::{Payload, Result, document::Entries};

/// A payload whose keys are the fields of a struct.
///
/// Every field is an option: a payload reads whatever it lacks, and [`check`](crate::check) tells what Apple
/// requires. Keys without a field are kept in the struct's `rest`; the keys that every payload has
/// (`PayloadIdentifier`, `PayloadUUID`, …) belong to the [`Payload`](crate::Payload) around it and to neither.
pub trait TypedPayload: Sized {
    /// Apple's `PayloadType`.
    const TYPE: &'static str;

    /// The keys that have a field, in the order in which a new payload gets them.
    const KEYS: &'static [Key];

    /// Reads the fields from a payload's keys, whatever `PayloadType` they name.
    ///
    /// # Errors
    /// [`Error::NotAProfile`](crate::Error::NotAProfile), with the key path below the payload, where a value is
    /// of another type than Apple's schema has it.
    fn from_entries(entries: Entries<'_>) -> Result<Self>;

    /// Writes the fields into a payload, whatever its `PayloadType`.
    ///
    /// A key that is there keeps its place, a new one goes to the end. A known key whose field is `None` goes.
    /// Unknown keys stay, except in items of arrays, which are written as they are. What `rest` holds is written
    /// too, apart from keys that have a field or belong to every payload.
    fn write_into(&self, payload: &mut Payload);
}

/// Makes a typed payload, or a dictionary inside one (without `=`), of a table of keys:
///
/// ```text
/// payload! {
///     /// What it is for.
///     pub struct WebClip = "com.apple.webClip.managed" {
///         /// What it means. Default, allowed values, versions.
///         url: String = "URL" required,
///     }
/// }
/// ```
macro_rules! payload {
    (
        $(#[doc = $about:literal])*
        pub struct $name:ident = $type:literal { $($table:tt)* }
    ) => {
        crate::payload::typed::fields! {
            $(#[doc = $about])*
            #[doc = ""]
            #[doc = concat!("Apple's `", $type, "`.")]
            $name skips crate::payload::is_common { $($table)* }
        }

        impl crate::payload::TypedPayload for $name {
            const TYPE: &'static str = $type;
            const KEYS: &'static [crate::payload::Key] = Self::TABLE;

            fn from_entries(entries: crate::document::Entries<'_>) -> crate::Result<Self> {
                Self::read_keys(entries, &crate::KeyPath::root())
            }

            fn write_into(&self, payload: &mut crate::Payload) {
                self.write_keys(&mut payload.keys);
            }
        }

        /// Type, version 1, the fields in their order, then `rest`.
        impl From<$name> for crate::Payload {
            fn from(typed: $name) -> Self {
                let mut payload = Self::new($type);
                typed.into_keys(|key, value| payload.keys.push(key, value));
                payload
            }
        }
    };
    (
        $(#[doc = $about:literal])*
        pub struct $name:ident { $($table:tt)* }
    ) => {
        crate::payload::typed::fields! {
            $(#[doc = $about])*
            $name skips crate::payload::typed::nothing { $($table)* }
        }

        impl crate::payload::field::Field for $name {
            const KIND: crate::payload::Kind = crate::payload::Kind::Dictionary(|| Self::TABLE);

            fn read(value: &plist::Value, at: &crate::KeyPath) -> crate::Result<Self> {
                match value.as_dictionary() {
                    Some(dictionary) => Self::read_keys(dictionary.into(), at),
                    None => Err(crate::payload::field::wrong_kind(value, Self::KIND, at)),
                }
            }

            fn write(self) -> plist::Value {
                let mut dictionary = plist::Dictionary::new();
                self.into_keys(|key, value| drop(dictionary.insert(key.into_owned(), value)));
                plist::Value::Dictionary(dictionary)
            }

            fn write_over(&self, value: &mut plist::Value) {
                match value.as_dictionary_mut() {
                    Some(dictionary) => {
                        let mut keys = std::mem::take(dictionary).into();
                        self.write_keys(&mut keys);
                        *dictionary = keys.into_dictionary();
                    }
                    None => *value = self.clone().write(),
                }
            }

            fn show(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                std::fmt::Debug::fmt(self, f)
            }
        }
    };
}

macro_rules! fields {
    (
        $(#[doc = $about:expr])*
        $name:ident skips $skips:path {
            $($(#[doc = $doc:literal])+ $field:ident: $kind:ty = $key:literal $($required:ident)?,)+
        }
    ) => {
        $(#[doc = $about])*
        #[derive(Clone, Default, PartialEq)]
        pub struct $name {
            $(
                $(#[doc = $doc])+
                #[doc = ""]
                #[doc = concat!("Apple's `", $key, "`" $(, ", ", stringify!($required))?, ".")]
                pub $field: Option<$kind>,
            )+
            /// The keys without a field. A key that has one is written from here where the field is `None`, so that what was
            /// put here before there was a field is not lost.
            pub rest: plist::Dictionary,
        }

        impl $name {
            const TABLE: &'static [crate::payload::Key] = &[$(
                crate::payload::Key {
                    name: $key,
                    kind: <$kind as crate::payload::field::Field>::KIND,
                    required: crate::payload::typed::is_required!($($required)?),
                    secret: <$kind as crate::payload::field::Field>::SECRET,
                },
            )+];

            fn read_keys(entries: crate::document::Entries<'_>, at: &crate::KeyPath) -> crate::Result<Self> {
                let mut read = Self::default();
                for (key, value) in entries.iter() {
                    match key {
                        $(
                            $key => {
                                read.$field = Some(crate::payload::field::Field::read(value, &at.key(key))?);
                            }
                        )+
                        other if $skips(other) => {}
                        _ => {
                            read.rest.insert(key.to_owned(), value.clone());
                        }
                    }
                }
                Ok(read)
            }

            /// Gives the keys that are there, none twice.
            fn into_keys(mut self, mut give: impl FnMut(std::borrow::Cow<'static, str>, plist::Value)) {
                let mut rest = std::mem::take(&mut self.rest);
                rest.retain(|key, _| self.is_of_rest(key));
                $(
                    if let Some(field) = self.$field {
                        give($key.into(), crate::payload::field::Field::write(field));
                    }
                )+
                for (key, value) in rest {
                    give(key.into(), value);
                }
            }

            fn write_keys(&self, keys: &mut crate::document::Keys) {
                keys.retain(|key| match key {
                    $($key => self.$field.is_some(),)+
                    _ => true,
                });
                $(
                    if let Some(field) = &self.$field {
                        crate::payload::field::write_key(keys, $key, field);
                    }
                )+
                for (key, value) in self.rest.iter().filter(|(key, _)| self.is_of_rest(key)) {
                    keys.insert(key.clone().into(), value.clone());
                }
            }

            fn is_of_rest(&self, key: &str) -> bool {
                match key {
                    $($key => self.$field.is_none(),)+
                    _ => !$skips(key),
                }
            }
        }

        /// Shows the fields that are there, secrets as `[redacted]`, and only the names of the keys in `rest`.
        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                let mut shown = f.debug_struct(stringify!($name));
                $(
                    if let Some(field) = &self.$field {
                        shown.field(stringify!($field), &crate::payload::field::Shown(field));
                    }
                )+
                if !self.rest.is_empty() {
                    shown.field("rest", &crate::document::Entries::from(&self.rest));
                }
                shown.finish()
            }
        }
    };
}

macro_rules! is_required {
    () => {
        false
    };
    (required) => {
        true
    };
}

/// A dictionary inside a payload has no keys of the payload's own.
pub(crate) fn nothing(_: &str) -> bool {
    false
}

pub(crate) use {fields, is_required, payload};

#[cfg(test)]
mod tests {

    use plist::{Dictionary, Value};

    use crate::{
        Payload,
        payload::{EapClientConfiguration, NotificationSettings, Notifications, Restrictions, Wifi},
    };

    #[test]
    fn a_new_payload_has_type_and_version_then_the_fields_in_their_order_then_the_rest() {
        let wifi = Wifi {
            password: Some("correct horse".into()),
            ssid: Some("guest".into()),
            rest: Dictionary::from_iter([("VendorHint", "x")]),
            ..Default::default()
        };
        let payload = Payload::from(wifi.clone());
        assert_eq!(names(&payload), ["PayloadType", "PayloadVersion", "SSID_STR", "Password", "VendorHint"]);
        assert_eq!(payload.read::<Wifi>().unwrap(), wifi);
    }

    #[test]
    fn writing_changes_in_place_keeps_what_is_unknown_and_takes_away_what_became_none() {
        let mut payload = Payload::new("com.apple.wifi.managed");
        payload.insert("AutoJoin", true);
        payload.insert("VendorHint", "x");
        payload.insert("SSID_STR", "guest");
        payload.insert("PayloadUUID", "5e3e0ab8-0f3d-4ee5-a7ab-bd2b54de2e9c");
        let wifi = Wifi { ssid: Some("staff".into()), encryption_type: Some("WPA3".into()), ..Default::default() };
        payload.write(&wifi);
        let expected = ["PayloadType", "PayloadVersion", "VendorHint", "SSID_STR", "PayloadUUID", "EncryptionType"];
        assert_eq!(names(&payload), expected);
        assert_eq!(payload.get("SSID_STR"), Some(&"staff".into()));
    }

    #[test]
    fn writing_keeps_what_is_unknown_in_a_nested_dictionary() {
        let eap = Dictionary::from_iter([("VendorHint", "x"), ("UserName", "old")]);
        let mut payload = Payload::new("com.apple.wifi.managed");
        payload.insert("EAPClientConfiguration", eap);
        let eap = EapClientConfiguration { user_name: Some("new".into()), ..Default::default() };
        payload.write(&Wifi { eap_client_configuration: Some(eap), ..Default::default() });
        let written = payload.get("EAPClientConfiguration").and_then(Value::as_dictionary).unwrap();
        let entries: Vec<_> = written.iter().map(|(key, value)| (key.as_str(), value.as_string().unwrap())).collect();
        assert_eq!(entries, [("VendorHint", "x"), ("UserName", "new")]);
    }

    #[test]
    fn an_item_of_an_array_does_not_inherit_the_unknown_keys_of_the_one_before_it() {
        let first = Dictionary::from_iter([("VendorHint", "of the first"), ("BundleIdentifier", "first")]);
        let second = Dictionary::from_iter([("BundleIdentifier", "second")]);
        let mut payload = Payload::new("com.apple.notificationsettings");
        payload.insert("NotificationSettings", vec![Value::Dictionary(first), Value::Dictionary(second.clone())]);
        let mut typed: Notifications = payload.read().unwrap();
        typed.notification_settings.as_mut().unwrap().remove(0);
        payload.write(&typed);
        assert_eq!(payload.get("NotificationSettings"), Some(&Value::Array(vec![Value::Dictionary(second)])));
    }

    #[test]
    fn rest_overrides_neither_a_field_nor_a_key_of_every_payload() {
        let entries = [("SSID_STR", "other"), ("PayloadType", "other"), ("VendorHint", "x")];
        let wifi = Wifi { ssid: Some("guest".into()), rest: Dictionary::from_iter(entries), ..Default::default() };
        let payload = Payload::from(wifi);
        assert_eq!(payload.kind(), Some("com.apple.wifi.managed"));
        assert_eq!(payload.get("SSID_STR"), Some(&"guest".into()));
        assert_eq!(payload.get("VendorHint"), Some(&"x".into()));
    }

    /// What was written by a program that knew no field for it.
    #[test]
    fn rest_stands_for_a_field_that_is_not_set() {
        let rest = || Dictionary::from_iter([("SSID_STR", "guest")]);
        let mut payload = Payload::from(Wifi { rest: rest(), ..Default::default() });
        assert_eq!(payload.get("SSID_STR"), Some(&"guest".into()));
        payload.write(&Wifi { ssid: Some("staff".into()), rest: rest(), ..Default::default() });
        assert_eq!(payload.get("SSID_STR"), Some(&"staff".into()));
        payload.write(&Wifi { rest: rest(), ..Default::default() });
        assert_eq!(payload.get("SSID_STR"), Some(&"guest".into()));
    }

    #[test]
    fn rest_holds_the_unknown_keys_only() {
        let mut payload = Payload::from(Wifi { ssid: Some("guest".into()), ..Default::default() });
        payload.insert("PayloadIdentifier", "jp.example.wifi");
        payload.insert("VendorHint", "x");
        let wifi: Wifi = payload.read().unwrap();
        assert_eq!(wifi.rest, Dictionary::from_iter([("VendorHint", "x")]));
    }

    #[test]
    fn refuses_a_string_for_a_boolean() {
        let mut payload = Payload::new("com.apple.applicationaccess");
        payload.insert("allowAppInstallation", "false");
        let problem = payload.read::<Restrictions>().unwrap_err().to_string();
        assert_eq!(problem, "allowAppInstallation: is a string, not a boolean");
    }

    #[test]
    fn refuses_an_integer_for_a_boolean() {
        let mut payload = Payload::new("com.apple.applicationaccess");
        payload.insert("allowAppInstallation", 0);
        let problem = payload.read::<Restrictions>().unwrap_err().to_string();
        assert_eq!(problem, "allowAppInstallation: is an integer, not a boolean");
    }

    #[test]
    fn names_the_place_of_a_wrong_value_in_a_nested_dictionary() {
        let mut payload = Payload::new("com.apple.wifi.managed");
        payload.insert("EAPClientConfiguration", Dictionary::from_iter([("UserName", 7)]));
        let problem = payload.read::<Wifi>().unwrap_err().to_string();
        assert_eq!(problem, "EAPClientConfiguration.UserName: is an integer, not a string");
    }

    #[test]
    fn names_the_place_of_a_wrong_value_in_an_array() {
        let item = Dictionary::from_iter([("AlertType", "none")]);
        let mut payload = Payload::new("com.apple.notificationsettings");
        payload.insert("NotificationSettings", vec![Dictionary::new().into(), Value::Dictionary(item)]);
        let problem = payload.read::<Notifications>().unwrap_err().to_string();
        assert_eq!(problem, "NotificationSettings[1].AlertType: is a string, not an integer");
    }

    #[test]
    fn debug_shows_what_is_there_and_neither_secrets_nor_unknown_values() {
        let wifi = Wifi {
            ssid: Some("guest".into()),
            password: Some("correct horse".into()),
            rest: Dictionary::from_iter([("VendorPassword", "battery staple")]),
            ..Default::default()
        };
        let shown = format!("{wifi:?}");
        assert_eq!(shown, r#"Wifi { ssid: "guest", password: [redacted], rest: {"VendorPassword"} }"#);
    }

    #[test]
    fn an_empty_array_and_an_absent_one_are_told_apart() {
        let empty = Notifications { notification_settings: Some(Vec::new()), ..Default::default() };
        let absent = Notifications::default();
        assert_eq!(Payload::from(empty.clone()).read::<Notifications>().unwrap(), empty);
        assert_eq!(Payload::from(absent.clone()).read::<Notifications>().unwrap(), absent);
    }

    #[test]
    fn a_nested_struct_survives_with_its_own_rest() {
        let rest = Dictionary::from_iter([("VendorHint", "x")]);
        let one = NotificationSettings { bundle_identifier: Some("a".into()), rest, ..Default::default() };
        let typed = Notifications { notification_settings: Some(vec![one]), ..Default::default() };
        assert_eq!(Payload::from(typed.clone()).read::<Notifications>().unwrap(), typed);
    }

    fn names(payload: &Payload) -> Vec<&str> {
        payload.keys().collect()
    }
}
