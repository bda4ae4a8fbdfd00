//! Patterns over device ids.

use std::fmt;

/// A pattern for device ids: each character stands for itself, `*` for any number of characters, also none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern(String);

impl Pattern {
    /// A pattern; `None` where a character stands in it that no device id has, or it is empty or longer than a device id.
    pub fn new(text: &str) -> Option<Self> {
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | '*');
        let fits = (1..=128).contains(&text.len()) && text.chars().all(allowed);
        fits.then(|| Self(text.to_owned()))
    }

    /// Whether the whole of a device id fits.
    pub fn matches(&self, device: &str) -> bool {
        let mut pieces = self.0.split('*');
        let first = pieces.next().unwrap_or_default();
        let Some(mut rest) = device.strip_prefix(first) else { return false };
        let Some(last) = pieces.next_back() else { return rest.is_empty() };
        // The leftmost place for each piece leaves the most room for those after it.
        for piece in pieces {
            let Some(start) = rest.find(piece) else { return false };
            rest = &rest[start + piece.len()..];
        }
        rest.ends_with(last)
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn matches_the_whole_id() {
        let cases = [
            ("C02", "C02", true),
            ("C02", "C02X", false),
            ("C02", "XC02", false),
            ("C02*", "C02", true),
            ("C02*", "C02X", true),
            ("C02*", "c02x", false),
            ("*X", "C02X", true),
            ("*X", "X", true),
            ("*X", "XC", false),
            ("a*a", "a", false),
            ("a*a", "aa", true),
            ("a*b*c", "a-b-b-c", true),
            ("a*b*c", "a-c-b", false),
            ("*", "", true),
            ("**", "anything", true),
            ("a.c", "abc", false),
        ];
        for (pattern, device, expected) in cases {
            assert_eq!(Pattern::new(pattern).unwrap().matches(device), expected, "{pattern} {device}");
        }
    }

    #[test]
    fn refuses_what_no_device_id_could_fit() {
        for wrong in ["", "a b", "C02?", "é*", &"a".repeat(129)] {
            assert_eq!(Pattern::new(wrong), None, "{wrong}");
        }
    }
}
