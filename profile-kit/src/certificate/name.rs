//! The name of a certificate's subject or issuer as text, and which texts are one.

use std::{collections::VecDeque, str::Chars};

use der::Decode;
use openssl::{
    asn1::{Asn1Object, Asn1StringRef},
    nid::Nid,
    x509::{X509NameEntryRef, X509NameRef},
};

use super::hex;

/// As RFC 4514 has it, the last part of the name first, with a space behind each comma: names of other attributes or other
/// values are other texts.
pub(super) fn shown(name: &X509NameRef) -> String {
    let mut entries: VecDeque<_> = name.entries().collect();
    let parts = lengths(name).unwrap_or_else(|| vec![1; entries.len()]);
    let mut shown: Vec<String> = parts
        .into_iter()
        .map(|length| {
            let part = entries.drain(..length.min(entries.len()));
            part.map(entry).collect::<Vec<_>>().join(" + ")
        })
        .collect();
    shown.reverse();
    shown.join(", ")
}

/// How many attributes each part of a name has.
fn lengths(name: &X509NameRef) -> Option<Vec<usize>> {
    let name = x509_cert::name::Name::from_der(&name.to_der().ok()?).ok()?;
    Some(name.0.iter().map(|part| part.0.len()).collect())
}

fn entry(entry: &X509NameEntryRef) -> String {
    let key = match entry.object().nid() {
        Nid::UNDEF => entry.object().to_string(),
        nid => nid.short_name().map_or_else(|_| entry.object().to_string(), str::to_owned),
    };
    format!("{key}={}", text(entry.data()))
}

fn text(data: &Asn1StringRef) -> String {
    let Ok(text) = data.to_string() else { return format!("#{}", hex(data.as_slice())) };
    let last = text.chars().count().saturating_sub(1);
    let escaped = |(at, c): (usize, char)| match c {
        c if c.is_control() => c.escape_default().collect(),
        '"' | '+' | ',' | ';' | '<' | '>' | '\\' => vec!['\\', c],
        '#' | ' ' if at == 0 => vec!['\\', c],
        ' ' if at == last => vec!['\\', c],
        c => vec![c],
    };
    text.chars().enumerate().flat_map(escaped).collect()
}

/// Whether some name is shown so. It does not say whether the parts are in their order.
pub(super) fn is_shown(text: &str) -> bool {
    let mut is_escaped = false;
    let mut pieces = text.split_inclusive(|c| {
        let is_bare = !is_escaped && matches!(c, ',' | '+');
        is_escaped = !is_escaped && c == '\\';
        is_bare
    });
    let Some(mut piece) = pieces.next() else { return false };
    for next in pieces {
        let attribute = piece.strip_suffix(" +").or_else(|| piece.strip_suffix(','));
        let (true, Some(next)) = (attribute.is_some_and(is_attribute), next.strip_prefix(' ')) else { return false };
        piece = next;
    }
    is_attribute(piece)
}

fn is_attribute(text: &str) -> bool {
    text.split_once('=').is_some_and(|(key, value)| is_key(key) && is_value(value))
}

/// The short name of an attribute, or the number of one that has none.
fn is_key(key: &str) -> bool {
    Asn1Object::from_str(key).is_ok_and(|object| match object.nid() {
        Nid::UNDEF => object.to_string() == key,
        nid => nid.short_name().is_ok_and(|name| name == key),
    })
}

fn is_value(value: &str) -> bool {
    // What is no text is shown by its bytes.
    if let Some(bytes) = value.strip_prefix('#') {
        return bytes.len() % 2 == 0 && bytes.bytes().all(|c| matches!(c, b'0'..=b'9' | b'a'..=b'f'));
    }
    let (mut rest, mut is_first) = (value.chars(), true);
    while let Some(c) = rest.next() {
        let is_shown = match c {
            '\\' => is_escape(&mut rest, is_first),
            '"' | '+' | ',' | ';' | '<' | '>' => false,
            ' ' => !is_first && !rest.as_str().is_empty(),
            c => !c.is_control(),
        };
        if !is_shown {
            return false;
        }
        is_first = false;
    }
    true
}

/// What comes after a backslash: nothing is escaped that need not be, and nothing by two hexadecimal digits.
fn is_escape(rest: &mut Chars, is_first: bool) -> bool {
    match rest.next() {
        Some('"' | '+' | ',' | ';' | '<' | '>' | '\\' | 'n' | 'r' | 't') => true,
        Some('#') => is_first,
        Some(' ') => is_first || rest.as_str().is_empty(),
        Some('u') => {
            let Some((number, after)) = rest.as_str().strip_prefix('{').and_then(|it| it.split_once('}')) else {
                return false;
            };
            *rest = after.chars();
            u32::from_str_radix(number, 16).ok().and_then(char::from_u32).is_some_and(char::is_control)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use std::{str::FromStr, time::UNIX_EPOCH};

    use der::Encode;
    use openssl::x509::{X509Name, X509NameBuilder};

    use super::*;
    use crate::pki::{Authority, KeySpec, Leaf, Validity};

    fn of(entries: &[(&str, &str)]) -> String {
        let mut builder = X509NameBuilder::new().unwrap();
        entries.iter().for_each(|(key, value)| builder.append_entry_by_text(key, value).unwrap());
        shown(&builder.build())
    }

    #[test]
    fn a_value_does_not_pass_for_other_parts_of_a_name() {
        assert_eq!(of(&[("O", "Example"), ("CN", "help-desk")]), "CN=help-desk, O=Example");
        assert_eq!(of(&[("CN", "help-desk, O=Example")]), r"CN=help-desk\, O=Example");
        assert_eq!(of(&[("CN", r"a\"), ("O", "+b")]), r"O=\+b, CN=a\\");
        assert_eq!(of(&[("CN", " #a "), ("O", "#b")]), r"O=\#b, CN=\ #a\ ");
        assert_eq!(of(&[("CN", "a\n"), ("O", r"a\n")]), r"O=a\\n, CN=a\n");
    }

    #[test]
    fn attributes_of_one_part_are_told_from_parts_of_their_own() {
        let of = |text: &str| {
            let der = x509_cert::name::RdnSequence::from_str(text).unwrap().to_der().unwrap();
            shown(&X509Name::from_der(&der).unwrap())
        };
        assert_eq!(of("CN=help-desk,O=Example"), "CN=help-desk, O=Example");
        let unknown = ["1.3.6.1.4.1.99999.1", "1.3.6.1.4.1.99999.2"].map(|kind| of(&format!("{kind}=#0C0161")));
        assert_eq!(unknown, ["1.3.6.1.4.1.99999.1=a", "1.3.6.1.4.1.99999.2=a"]);
        let together = of("CN=help-desk+O=Example");
        assert!(["CN=help-desk + O=Example", "O=Example + CN=help-desk"].contains(&together.as_str()), "{together}");
    }

    #[test]
    fn every_subject_that_a_certificate_shows_can_be_named() {
        let century = Validity::days(UNIX_EPOCH, 36_500);
        let authority = Authority::new("Test", KeySpec::P256, century).unwrap();
        for name in
            ["Core", "a, b + c", "x\\", "\\,", "\"<>;\"", " a ", "# b", "a#b", "a=b", "\n\u{7f}\t", "ü", "東京 本社"]
        {
            let subject = authority.issue(&Leaf::new(name, KeySpec::P256, century)).unwrap().certificate().subject();
            assert!(is_shown(&subject), "{subject}");
            assert!(is_shown(&format!("{subject}, O=Example + OU={}", subject.trim_start_matches("CN="))), "{subject}");
        }
        assert!(is_shown("emailAddress=a@example.jp, 1.3.6.1.4.1.99999.1=x, CN=#04ff, O="));
    }

    #[test]
    fn what_no_certificate_shows_is_no_subject() {
        for text in [
            "help-desk",
            "CN=help-desk, O=Example, Inc.",
            "CN=help-desk,O=Example",
            "CN=a+O=b",
            "CN=a + O=b+",
            "CN=a, ",
            "CN=a,",
            ", CN=a",
            "cn=help-desk",
            "commonName=help-desk",
            "/CN=help-desk/O=Example",
            "CN = help-desk",
            "CN= help-desk",
            "CN=help-desk ",
            "CN=Example\\2C Inc.",
            "CN=Example\\",
            "CN=\"Example, Inc.\"",
            "CN=a\\ b",
            "CN=a\\#b",
            "CN=#xy",
            "CN=\\u{61}",
            "CN=a\nb",
        ] {
            assert!(!is_shown(text), "{text}");
        }
    }
}
