//! Passwords, keys and tokens that stand in the clear.

use plist::Value;

use super::{Code, Findings, Severity};
use crate::{
    Payload, Profile,
    document::Entries,
    key_path::Trail,
    payload::{self, Key},
    redact, template,
};

/// Payloads that an encrypted profile hides are not seen here; whatever is seen is in the clear.
pub(super) fn check(profile: &Profile, findings: &mut Findings) {
    for (place, payload) in profile.placed() {
        below(payload.entries(), known(payload), &place, findings);
    }
}

fn known(payload: &Payload) -> &'static [Key] {
    let known = payload::known_types().iter().find(|known| payload.kind() == Some(known.kind));
    known.map_or(&[], |known| known.keys)
}

fn below(keys: Entries<'_>, known: &'static [Key], place: &Trail<'_>, findings: &mut Findings) {
    // Settings are flags for the most part: nothing is looked up for them.
    for (key, value) in keys.iter().filter(|(_, value)| value.as_boolean().is_none()) {
        let known = known.iter().find(|known| known.name == key);
        let secret = known.map_or_else(|| sounds_secret(key) || is_proof(key, value), |known| known.secret);
        let place = Trail::Key(place, key);
        match secret && holds(value) {
            true => tell(&place, findings),
            false => within(value, known.map_or(&[], Key::keys), &place, findings),
        }
    }
}

fn within(value: &Value, known: &'static [Key], place: &Trail<'_>, findings: &mut Findings) {
    match value {
        Value::Dictionary(keys) => below(keys.into(), known, place, findings),
        Value::Array(items) => {
            let items = items.iter().enumerate();
            items.for_each(|(index, item)| within(item, known, &Trail::Index(place, index), findings));
        }
        secret if redact::holds_secret(secret) && holds(secret) => tell(place, findings),
        _ => {}
    }
}

fn tell(place: &Trail<'_>, findings: &mut Findings) {
    let message = || "is a secret, and the profile is not encrypted".into();
    findings.push_at(Code::SecretInClear, Severity::Note, place, message);
}

/// Whether there is something to hide: no secret is an empty text, or a placeholder that is to be filled.
fn holds(value: &Value) -> bool {
    match value {
        Value::String(text) => !text.is_empty() && template::names(text).next().is_none(),
        Value::Data(bytes) => !bytes.is_empty(),
        Value::Array(items) => items.iter().any(holds),
        _ => false,
    }
}

/// Whether a key that the library does not know ends like the name of a secret: a `PasswordLabel` is none. What is shown
/// to people is redacted more widely: a finding should be right, a redaction must not miss.
fn sounds_secret(key: &str) -> bool {
    let ends = |word: &&str| {
        let start = key.len().checked_sub(word.len());
        start.and_then(|start| key.get(start..)).is_some_and(|end| end.eq_ignore_ascii_case(word))
    };
    SECRET.iter().any(ends)
}

/// Whether it is a header that proves who asks. Privacy settings name `Authorization` what they allow, in one word.
fn is_proof(key: &str, value: &Value) -> bool {
    let is_scheme_and_proof = || value.as_string().is_some_and(|text| text.contains(' '));
    redact::is_secret_header(key) || (key.eq_ignore_ascii_case("authorization") && is_scheme_and_proof())
}

const SECRET: &[&str] = &["password", "passwd", "passphrase", "secret", "privatekey"];

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use plist::Dictionary;

    use super::*;
    use crate::{Target, check};

    fn told(kind: &str, key: &'static str, value: impl Into<Value>) -> Vec<String> {
        let mut profile = Profile::new("jp.example.ivi-mdm", "IVI MDM");
        let mut payload = Payload::new(kind);
        payload.insert(key, value);
        profile.push(payload);
        let findings = check::check(&profile, &Target::default(), UNIX_EPOCH).into_iter();
        let secrets = findings.filter(|finding| finding.code == Code::SecretInClear);
        secrets.map(|finding| finding.to_string()).collect()
    }

    #[test]
    fn tells_where_a_secret_stands_and_not_what_it_is() {
        let told = told("com.apple.wifi.managed", "Password", "hunter2");
        assert_eq!(told, ["SecretInClear: PayloadContent[0].Password: is a secret, and the profile is not encrypted"]);
    }

    #[test]
    fn finds_secrets_inside_dictionaries_and_arrays() {
        let inner = Dictionary::from_iter([("Challenge".to_owned(), Value::String("hunter2".into()))]);
        assert_eq!(told("com.apple.security.scep", "PayloadContent", Value::Dictionary(inner)).len(), 1);
        let inner = Dictionary::from_iter([("apiSecret".to_owned(), Value::String("hunter2".into()))]);
        let list = Value::Array(vec![Value::Dictionary(inner)]);
        assert_eq!(told("com.example.unknown", "Servers", list).len(), 1);
    }

    #[test]
    fn finds_a_secret_by_what_it_is_and_by_the_name_of_its_header() {
        let pem = "-----BEGIN PRIVATE KEY-----\nhunter2\n-----END PRIVATE KEY-----\n";
        let vpn = Dictionary::from_iter([("WgQuickConfig", Value::String("PrivateKey = hunter2\n".into()))]);
        assert_eq!(told("com.apple.vpn.managed", "VendorConfig", Value::Dictionary(vpn)).len(), 1);
        assert_eq!(told("com.example.unknown", "Blob", pem).len(), 1);
        assert_eq!(told("com.example.unknown", "Blob", Value::Data(pem.into())).len(), 1);
        for (key, value) in [("Cookie", "session=1"), ("Proxy-Authorization", "Basic x"), ("Authorization", "Bearer x")]
        {
            assert_eq!(told("com.example.unknown", key, value).len(), 1, "{key}");
        }
        assert_eq!(told("com.example.unknown", "Authorization", "Deny"), [""; 0]);
        assert_eq!(told("com.example.unknown", "Config", "PrivateKey = {{key}}\n"), [""; 0]);
    }

    #[test]
    fn a_key_that_only_speaks_of_a_secret_is_none() {
        for key in ["PasswordLabel", "XAuthPasswordEncryption", "AutoFillPasswordDomains", "é", "Label"] {
            assert_eq!(told("com.example.unknown", key, "x"), [""; 0], "{key}");
        }
        assert_eq!(told("com.example.unknown", "userPASSWORD", "x").len(), 1);
    }

    #[test]
    fn neither_nothing_nor_a_placeholder_is_a_secret() {
        for text in ["", "{{wifi_password}}"] {
            assert_eq!(told("com.apple.wifi.managed", "Password", text), [""; 0]);
        }
    }
}
