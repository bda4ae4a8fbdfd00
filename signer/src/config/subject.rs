//! The subject of a certificate, as it has to be written to be found: exactly as
//! [`Certificate::subject`](profile_kit::Certificate::subject) shows it.

use std::str::Chars;

use openssl::{asn1::Asn1Object, nid::Nid};

/// Whether some certificate's subject is shown so. It does not say whether the parts are in their order.
pub(super) fn is_subject(text: &str) -> bool {
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
    use std::time::UNIX_EPOCH;

    use profile_kit::pki::{Authority, KeySpec, Leaf, Validity};

    use super::*;

    #[test]
    fn every_subject_that_a_certificate_shows_can_be_named() {
        let century = Validity::days(UNIX_EPOCH, 36_500);
        let authority = Authority::new("Test", KeySpec::P256, century).unwrap();
        for name in
            ["Core", "a, b + c", "x\\", "\\,", "\"<>;\"", " a ", "# b", "a#b", "a=b", "\n\u{7f}\t", "ü", "東京 本社"]
        {
            let subject = authority.issue(&Leaf::new(name, KeySpec::P256, century)).unwrap().certificate().subject();
            assert!(is_subject(&subject), "{subject}");
            assert!(
                is_subject(&format!("{subject}, O=Example + OU={}", subject.trim_start_matches("CN="))),
                "{subject}"
            );
        }
        assert!(is_subject("emailAddress=a@example.jp, 1.3.6.1.4.1.99999.1=x, CN=#04ff, O="));
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
            assert!(!is_subject(text), "{text}");
        }
    }
}
