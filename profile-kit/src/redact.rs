//! What of a profile may reach a terminal, a report or a log: no secrets, and nothing that steers who shows it.

use std::ops::Range;

use plist::{Dictionary, Value};

use crate::{
    Payload, Profile, Step,
    document::{Entries, Node, Positions},
    payload,
};

/// What stands in a secret's place.
pub const REDACTED: &str = "[redacted]";

/// The keys below which something stands: those that the library knows, none where it knows nothing.
#[derive(Clone, Copy)]
pub struct Scope {
    known: &'static [payload::Key],
}

impl Scope {
    /// A place that the library knows nothing of.
    pub const UNKNOWN: Self = Self { known: &[] };

    /// The keys of a payload.
    pub fn of(payload: &Payload) -> Self {
        let kind = payload.kind();
        let known = payload::known_types().iter().find(|known| kind == Some(known.kind));
        Self { known: known.map_or(&[], |known| known.keys) }
    }

    /// What is below a key; `None` where everything below is secret.
    ///
    /// A key that the library knows is secret if Apple's key is; another one if it sounds so.
    fn below(self, key: &str) -> Option<Self> {
        match self.known.iter().find(|known| known.name == key) {
            Some(known) if known.secret => None,
            Some(known) => Some(Self { known: known.keys() }),
            None if sounds_secret(key) => None,
            None => Some(Self::UNKNOWN),
        }
    }

    /// Whether one of the keys on the way is secret.
    pub(crate) fn hides(self, steps: &[Step]) -> bool {
        let mut scope = self;
        for step in steps {
            let Step::Key(key) = step else { continue };
            match scope.below(key) {
                None => return true,
                Some(below) => scope = below,
            }
        }
        false
    }
}

/// A dictionary with its secrets replaced.
pub fn dictionary<'a>(whole: impl Into<Entries<'a>>, scope: Scope) -> Dictionary {
    let mut redacted = Dictionary::new();
    for (key, inner) in whole.into().iter() {
        let shown = match scope.below(key) {
            None if !is_harmless(inner) => Value::String(REDACTED.into()),
            below => value(inner, below.unwrap_or(Scope::UNKNOWN)),
        };
        redacted.insert(key.to_owned(), shown);
    }
    redacted
}

fn value(inner: &Value, scope: Scope) -> Value {
    match inner {
        Value::Dictionary(keys) => Value::Dictionary(dictionary(keys, scope)),
        Value::Array(items) => Value::Array(items.iter().map(|item| value(item, scope)).collect()),
        secret if holds_secret(secret) => Value::String(REDACTED.into()),
        Value::String(text) => Value::String(without_user(text)),
        other => other.clone(),
    }
}

/// Whether the value at a path of a profile is secret.
pub fn is_secret(profile: &Profile, path: &[Step]) -> bool {
    let scope = match path {
        [Step::Key(content), Step::Index(index), ..] if content == "PayloadContent" => {
            profile.payloads().get(*index).map_or(Scope::UNKNOWN, Scope::of)
        }
        _ => Scope::UNKNOWN,
    };
    scope.hides(below_payload(path))
}

/// The steps of a profile's path that lie within the payload that it leads to; all of them where it leads to none.
pub(crate) fn below_payload(path: &[Step]) -> &[Step] {
    match path {
        [Step::Key(content), Step::Index(_), below @ ..] if content == "PayloadContent" => below,
        whole => whole,
    }
}

/// The bytes of a profile's text where its secret values stand, the elements whole, in order.
pub(crate) fn extents(profile: &Profile, positions: &Positions) -> Vec<Range<usize>> {
    let mut search = Search { positions, found: Vec::new() };
    let Some(root) = positions.root() else { return Vec::new() };
    for key in profile.keys() {
        let Some(node) = positions.child(root, Step::Key(key.to_owned())) else { continue };
        if let Some(inner) = profile.get(key) {
            search.entry(key, inner, Scope::UNKNOWN, node);
            continue;
        }
        for (index, payload) in profile.payloads().iter().enumerate() {
            if let Some(node) = positions.child(node, Step::Index(index)) {
                search.keys(payload.entries(), Scope::of(payload), node);
            }
        }
    }
    search.found
}

struct Search<'p> {
    positions: &'p Positions,
    found: Vec<Range<usize>>,
}

impl Search<'_> {
    fn keys(&mut self, keys: Entries<'_>, scope: Scope, node: Node) {
        for (key, inner) in keys.iter() {
            if let Some(node) = self.positions.child(node, Step::Key(key.to_owned())) {
                self.entry(key, inner, scope, node);
            }
        }
    }

    fn entry(&mut self, key: &str, inner: &Value, scope: Scope, node: Node) {
        match scope.below(key) {
            None if !is_harmless(inner) => self.found.push(self.positions.extent(node)),
            below => self.value(inner, below.unwrap_or(Scope::UNKNOWN), node),
        }
    }

    fn value(&mut self, inner: &Value, scope: Scope, node: Node) {
        match inner {
            Value::Dictionary(keys) => self.keys(keys.into(), scope, node),
            Value::Array(items) => {
                for (index, item) in items.iter().enumerate() {
                    if let Some(node) = self.positions.child(node, Step::Index(index)) {
                        self.value(item, scope, node);
                    }
                }
            }
            Value::String(text) if text.contains("://") && without_user(text) != *text => {
                self.found.push(self.positions.extent(node));
            }
            secret if holds_secret(secret) => self.found.push(self.positions.extent(node)),
            _ => {}
        }
    }
}

/// A value that tells nothing even under a secret key: a flag, or nothing at all.
pub fn is_harmless(value: &Value) -> bool {
    match value {
        Value::Boolean(_) => true,
        Value::String(text) => text.is_empty(),
        Value::Data(bytes) => bytes.is_empty(),
        _ => false,
    }
}

/// Whether a key that nobody knows sounds like a password, a token, a challenge or a key.
fn sounds_secret(key: &str) -> bool {
    let key = key.to_ascii_lowercase();
    let whole = ["pin", "psk", "pwd", "authorization"];
    // Parts of words: a key that nobody knows may be a password that is misspelt.
    let part = ["pass", "sword", "secret", "token", "challenge", "credential"];
    whole.contains(&key.as_str())
        || key.ends_with("key")
        || part.iter().any(|word| key.contains(word))
        || is_secret_header(&key)
}

/// Whether a key is the name of a header that proves who asks (RFC 9110 §11, RFC 6265 §4), or of OpenVPN's setting of a
/// static key.
pub(crate) fn is_secret_header(key: &str) -> bool {
    let begins = |word: &&str| key.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word));
    let ends = |word: &&str| {
        let start = key.len().checked_sub(word.len());
        start.and_then(|start| key.get(start..)).is_some_and(|end| end.eq_ignore_ascii_case(word))
    };
    let whole = ["cookie", "set-cookie", "tls-auth"];
    whole.iter().any(|word| key.eq_ignore_ascii_case(word))
        || ends(&"-authorization")
        || ["x-auth", "tls-crypt"].iter().any(begins)
}

/// Whether a value is secret whatever its key: a text, or data with text in it, that holds a private key.
pub fn holds_secret(value: &Value) -> bool {
    match value {
        Value::String(text) => tells_key(text),
        Value::Data(bytes) => bytes.utf8_chunks().any(|chunk| tells_key(chunk.valid())),
        _ => false,
    }
}

/// A private key in PEM (RFC 7468), OpenVPN's static one, or a line of WireGuard's configuration that gives one.
pub(crate) fn tells_key(text: &str) -> bool {
    let gives_key = |line: &str| {
        let Some((name, value)) = line.split_once('=') else { return false };
        KEY_LINES.iter().any(|key| name.trim().eq_ignore_ascii_case(key)) && !value.trim().is_empty()
    };
    // Most texts are short, and nearly none has lines of a configuration.
    text.len() > SHORTEST_KEY && (text.lines().any(gives_key) || has_private_key(text))
}

fn has_private_key(text: &str) -> bool {
    let labels = text.split("-----BEGIN ").skip(1).filter_map(|rest| Some(rest.split_once("-----")?.0));
    labels.map(str::to_ascii_uppercase).any(|label| label.contains("PRIVATE KEY") || label.starts_with("OPENVPN "))
}

/// A text whose URLs tell no user before the host (RFC 3986 §3.2.1) and no secret in a query (§3.4).
pub fn without_user(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for (index, part) in text.split_inclusive("://").enumerate() {
        let end = part.find(['/', '?', '#', ' ']).unwrap_or(part.len());
        match part[..end].rsplit_once('@') {
            Some((_, host)) if index > 0 => {
                shown += &format!("{REDACTED}@{host}");
                shown += &part[end..];
            }
            _ => shown += part,
        }
    }
    if text.contains("://") { without_query_secrets(&shown) } else { shown }
}

fn without_query_secrets(text: &str) -> String {
    let parts = text.split_inclusive(['?', '&', '#']).map(|part| match part.split_once('=') {
        Some((name, value)) if sounds_secret(name) && !value.is_empty() => {
            let end = value.chars().last().filter(|c| matches!(c, '?' | '&' | '#')).map(String::from);
            format!("{name}={REDACTED}{}", end.unwrap_or_default())
        }
        _ => part.to_owned(),
    });
    parts.collect()
}

/// Control characters as escapes, so that a file cannot steer the terminal.
pub fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match hostile(c) {
            true => escaped.extend(c.escape_default()),
            false => escaped.push(c),
        }
    }
    escaped
}

/// Controls, marks that turn the direction of text (Unicode UAX #9), and marks that nobody sees.
pub fn hostile(c: char) -> bool {
    let turns = matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let unseen = matches!(
        c,
        '\u{ad}' | '\u{180e}' | '\u{200b}'..='\u{200d}' | '\u{2028}' | '\u{2029}' | '\u{2060}'..='\u{2064}' | '\u{feff}'
            | '\u{e0000}'..='\u{e007f}'
    );
    c.is_control() || turns || unseen
}

/// Where WireGuard's configuration has a key to keep.
const KEY_LINES: [&str; 2] = ["PrivateKey", "PresharedKey"];
/// As long as the name of the first of these.
const SHORTEST_KEY: usize = 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_cannot_steer_the_terminal() {
        assert_eq!(escape("a\u{1b}[31mb\n\u{202e}"), "a\\u{1b}[31mb\\n\\u{202e}");
    }

    fn redacted(payload: &Payload) -> Dictionary {
        dictionary(payload.entries(), Scope::of(payload))
    }

    #[test]
    fn a_secret_is_redacted_whatever_its_type() {
        let mut payload = Payload::new("com.example.unknown");
        let inner = Dictionary::from_iter([("value".to_owned(), Value::String("hunter2".into()))]);
        payload.insert("Token", Value::Dictionary(inner));
        payload.insert("PIN", Value::Integer(1234.into()));
        payload.insert("Passwords", Value::Array(vec!["hunter2".into()]));
        for key in ["Token", "PIN", "Passwords"] {
            assert_eq!(redacted(&payload).get(key), Some(&Value::String(REDACTED.into())), "{key}");
        }
    }

    #[test]
    fn a_known_key_is_secret_only_if_apples_key_is() {
        let mut payload = Payload::new("com.apple.security.acme");
        payload.insert("ClientIdentifier", "hunter2");
        payload.insert("DirectoryURL", "https://user:hunter2@acme.example/x");
        let shown = redacted(&payload);
        assert_eq!(shown.get("ClientIdentifier"), Some(&Value::String(REDACTED.into())));
        assert_eq!(shown.get("DirectoryURL"), Some(&Value::String("https://[redacted]@acme.example/x".into())));
    }

    #[test]
    fn urls_tell_no_user_and_no_token() {
        let shown = without_user("https://ghp_token@h/?u=https://u:hunter2@h/&token=hunter2&x=1");
        assert_eq!(shown, "https://[redacted]@h/?u=https://[redacted]@h/&token=[redacted]&x=1");
        assert_eq!(without_user("a@b, no URL"), "a@b, no URL");
    }

    #[test]
    fn a_value_that_holds_a_key_is_redacted_whatever_its_name() {
        let pem = "-----BEGIN EC PRIVATE KEY-----\nhunter2\n-----END EC PRIVATE KEY-----\n";
        let mut payload = Payload::new("com.example.unknown");
        payload.insert("Quick", "[Interface]\nAddress = 10.0.0.2/32\n privatekey = hunter2=\n");
        payload.insert("Peer", "[Peer]\nPresharedKey=hunter2=\n");
        payload.insert("Static", "-----BEGIN OpenVPN Static key V1-----\nhunter2");
        payload.insert("Blob", pem);
        payload.insert("Items", Value::Array(vec![Value::Data(pem.into())]));
        let shown = redacted(&payload);
        for key in ["Quick", "Peer", "Static", "Blob"] {
            assert_eq!(shown.get(key), Some(&Value::String(REDACTED.into())), "{key}");
        }
        assert_eq!(shown.get("Items"), Some(&Value::Array(vec![REDACTED.into()])));
    }

    #[test]
    fn the_names_of_headers_that_prove_who_asks_are_secret() {
        let mut payload = Payload::new("com.example.unknown");
        let secret = ["Cookie", "Set-Cookie", "Proxy-Authorization", "X-Auth", "X-Auth-User", "X-Api-Key", "tls-auth"];
        secret.into_iter().for_each(|key| payload.insert(key, "hunter2"));
        let shown = redacted(&payload);
        for key in secret {
            assert_eq!(shown.get(key), Some(&Value::String(REDACTED.into())), "{key}");
        }
    }

    #[test]
    fn what_only_looks_like_a_secret_is_shown() {
        let mut payload = Payload::new("com.example.unknown");
        payload.insert("Certificate", "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n");
        payload.insert("Public", Value::Data(b"-----BEGIN PUBLIC KEY-----\nMIIB\n".to_vec()));
        payload.insert("Peer", "[Peer]\nPublicKey = MIIB=\nPrivateKey =\n");
        payload.insert("Filter", "(&(objectClass=person)(userPassword=*))");
        payload.insert("allowLocationAuthorization", true);
        payload.insert("LocationAuthorization", "Always");
        payload.insert("AcceptCookies", "Never");
        payload.insert("AuthenticationMethod", "None");
        assert_eq!(redacted(&payload), payload.to_dictionary());
    }

    #[test]
    fn flags_and_empty_passwords_are_shown() {
        let mut payload = Payload::new("com.apple.applicationaccess");
        payload.insert("allowPasswordSharing", false);
        payload.insert("RemovalPassword", "");
        assert_eq!(redacted(&payload), payload.to_dictionary());
    }

    #[test]
    fn a_path_into_a_secret_is_secret() {
        let mut profile = Profile::new("x", "x");
        let mut scep = Payload::new("com.apple.security.scep");
        let inner = Dictionary::from_iter([("Challenge".to_owned(), Value::Array(vec!["hunter2".into()]))]);
        scep.insert("PayloadContent", Value::Dictionary(inner));
        profile.push(scep);
        let step = |key: &str| Step::Key(key.into());
        let path = [step("PayloadContent"), Step::Index(0), step("PayloadContent"), step("Challenge"), Step::Index(0)];
        assert!(is_secret(&profile, &path));
        assert!(!is_secret(&profile, &path[..3]));
    }
}
