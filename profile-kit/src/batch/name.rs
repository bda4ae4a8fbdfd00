//! The names of a batch's files: made of a row's cells, and safe whatever they hold.

use std::{
    fmt::{self, Write},
    ops::Range,
};

use unicode_normalization::UnicodeNormalization;

use crate::{certificate::hex, sha256::sha256};

/// How files are named: text, and columns in braces, such as `{serial}.mobileconfig`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamePattern {
    parts: Vec<Part>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    Column(String),
}

impl NamePattern {
    /// Reads a pattern.
    ///
    /// # Errors
    /// What is wrong with it: no column, a brace without its other, a character that no file name may have.
    pub fn new(text: &str) -> Result<Self, String> {
        let mut parts = Vec::new();
        let mut rest = text;
        while !rest.is_empty() {
            let (before, column) = rest.split_once('{').map_or((rest, None), |(before, after)| (before, Some(after)));
            if before.contains('}') || before.contains(is_unsafe) || before.contains('%') {
                return Err(format!("{text:?}: outside of {{column}} no }}, %, /, \\ or control character may stand"));
            }
            parts.extend((!before.is_empty()).then(|| Part::Text(before.to_owned())));
            let Some(after) = column else { break };
            let (name, after) = after.split_once('}').ok_or_else(|| format!("{text:?}: {{ has no }}"))?;
            parts.push(Part::Column(name.to_owned()));
            rest = after;
        }
        let pattern = Self { parts };
        if pattern.columns().next().is_none() {
            return Err(format!("{text:?} names no column: every file would have the same name"));
        }
        Ok(pattern)
    }

    /// The cells of one column, and `.mobileconfig`.
    pub fn of_column(column: &str) -> Self {
        Self { parts: vec![Part::Column(column.to_owned()), Part::Text(".mobileconfig".into())] }
    }

    /// The columns that are named, in their order.
    pub fn columns(&self) -> impl Iterator<Item = &str> {
        self.parts.iter().filter_map(|part| match part {
            Part::Column(name) => Some(name.as_str()),
            Part::Text(_) => None,
        })
    }

    /// The name for a row, given its cells; different cells of one column make different names.
    ///
    /// # Errors
    /// Which column has no value, or that the name would be too long.
    pub(super) fn name<'a>(&self, cell: impl Fn(&str) -> Option<&'a str>) -> Result<String, String> {
        let mut name = String::new();
        for part in &self.parts {
            match part {
                Part::Text(text) => name.push_str(text),
                Part::Column(column) => {
                    let value = cell(column)
                        .filter(|value| !value.is_empty())
                        .ok_or_else(|| format!("the file's name needs {column:?}, which is empty"))?;
                    escape(&mut name, value);
                }
            }
            if name.len() > LONGEST {
                break;
            }
        }
        let name = for_windows(name);
        if name.len() > LONGEST {
            return Err(format!("the file's name would be longer than {LONGEST} bytes"));
        }
        Ok(name)
    }
}

impl fmt::Display for NamePattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.parts.iter().try_for_each(|part| match part {
            Part::Text(text) => f.write_str(text),
            Part::Column(name) => write!(f, "{{{name}}}"),
        })
    }
}

/// As URLs do (RFC 3986 §2.1), so that nothing is lost and no two values fall together.
fn escape(name: &mut String, value: &str) {
    for c in value.chars() {
        match c {
            '.' | '-' | '~' | ' ' if name.is_empty() => percent(name, c),
            '%' => percent(name, c),
            c if is_unsafe(c) => percent(name, c),
            c => name.push(c),
        }
    }
}

/// Windows keeps some names for devices, whatever stands behind the first dot, and drops a dot or a space at the end.
fn for_windows(mut name: String) -> String {
    if is_of_a_device(&name) {
        escape_at(&mut name, 0..1);
    }
    if name.ends_with(['.', ' ']) {
        let end = name.len();
        escape_at(&mut name, end - 1..end);
    }
    name
}

fn is_of_a_device(name: &str) -> bool {
    let stem = name.split('.').next().unwrap_or_default().trim_end_matches(' ').to_ascii_uppercase();
    let number = stem.strip_prefix("COM").or_else(|| stem.strip_prefix("LPT"));
    DEVICES.contains(&stem.as_str()) || number.is_some_and(|number| NUMBERS.contains(&number))
}

fn escape_at(name: &mut String, ascii: Range<usize>) {
    let mut escaped = String::new();
    name[ascii.clone()].chars().for_each(|c| percent(&mut escaped, c));
    name.replace_range(ascii, &escaped);
}

fn percent(name: &mut String, c: char) {
    for byte in c.encode_utf8(&mut [0; 4]).bytes() {
        write!(name, "%{byte:02X}").expect("a string takes any text");
    }
}

/// What would lead out of a folder, is not allowed on some system, or steers who shows it.
fn is_unsafe(c: char) -> bool {
    matches!(c, '/' | '\\' | ':' | '*' | '?' | '"' | '<' | '>' | '|') || crate::redact::hostile(c)
}

/// The sub-folder of a name where there are such: one of 256, by a digest of the name.
pub(super) fn folder(name: &str) -> String {
    hex(&sha256(name.as_bytes())[..1])
}

/// As systems know a name for one that is written twice: in large and small letters, `ß` as `ss`, or with accents apart from
/// letters or not. Unicode's full case folding between its forms NFD and NFC, where `ı` is an `i` too.
pub(super) fn folded(name: &str) -> String {
    if name.is_ascii() {
        return name.to_ascii_lowercase();
    }
    // Small first, for the large ẞ; large next, which takes ß and ligatures apart; small again.
    let small = name.nfd().collect::<String>().to_lowercase();
    small.to_uppercase().to_lowercase().nfc().collect()
}

const DEVICES: [&str; 6] = ["CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$"];
const NUMBERS: [&str; 13] = ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "¹", "²", "³"];

/// In bytes: what most file systems take, less what a temporary name may add.
const LONGEST: usize = 240;

#[cfg(test)]
mod tests {
    use super::*;

    fn name(value: &str) -> Result<String, String> {
        NamePattern::new("{serial}.mobileconfig").unwrap().name(|_| Some(value))
    }

    #[test]
    fn no_name_is_one_that_windows_keeps_or_changes() {
        for (value, written) in [
            ("CON", "%43ON.mobileconfig"),
            ("nul .tar", "%6Eul .tar.mobileconfig"),
            ("Lpt³", "%4Cpt³.mobileconfig"),
            ("com10", "com10.mobileconfig"),
            ("CONSOLE", "CONSOLE.mobileconfig"),
        ] {
            assert_eq!(name(value).unwrap(), written);
        }
        let ends = |value| NamePattern::new("{serial}").unwrap().name(|_| Some(value)).unwrap();
        assert_eq!([ends("a."), ends("a. "), ends("a.%2E")], ["a%2E", "a.%20", "a.%252E"]);
    }

    #[test]
    fn no_value_leads_out_of_the_folder_or_hides() {
        for hostile in
            ["../../etc/passwd", "..\\..\\x", "/etc/passwd", ".", "..", ".hidden", "a\0b", "-rf", "C:x", "a\nb"]
        {
            let name = name(hostile).unwrap();
            assert!(!name.contains(['/', '\\', '\0', '\n', ':']), "{name}");
            assert!(!name.starts_with(['.', '-']), "{name}");
        }
    }

    #[test]
    fn different_values_make_different_names() {
        let values = ["a/b", "a%2Fb", "a%b", "a%25b", "a b", "ab", "端末", "=1+1", ".a", "%2Ea"];
        let names: std::collections::BTreeSet<String> = values.iter().map(|value| name(value).unwrap()).collect();
        assert_eq!(names.len(), values.len(), "{names:?}");
    }

    #[test]
    fn letters_and_accents_are_one_name_however_they_are_written() {
        assert_eq!(folded("CAF\u{c9}"), folded("cafe\u{301}"));
        assert_ne!(folded("cafe"), folded("café"));
        for street in ["STRASSE", "straße", "STRAẞE", "ſtrasse"] {
            assert_eq!(folded(street), "strasse");
        }
        assert_eq!(folded("ﬁ"), folded("FI"));
        assert_eq!(folded("ΟΔΟΣ"), folded("οδος"));
    }

    #[test]
    fn usual_values_stay_as_they_are() {
        assert_eq!(name("C02-XYZ_1.2 端末=+@").unwrap(), "C02-XYZ_1.2 端末=+@.mobileconfig");
    }

    #[test]
    fn a_name_that_no_file_system_takes_is_refused() {
        assert!(name(&"x".repeat(300)).is_err());
        assert!(name(&"/".repeat(100)).is_err());
    }

    #[test]
    fn a_pattern_reads_back_and_a_wrong_one_says_why() {
        let pattern = NamePattern::new("ivi-{office}-{serial}.mobileconfig").unwrap();
        assert_eq!(pattern.to_string(), "ivi-{office}-{serial}.mobileconfig");
        assert_eq!(pattern.columns().collect::<Vec<_>>(), ["office", "serial"]);
        for wrong in ["all.mobileconfig", "{serial", "serial}", "a/{serial}", "%{serial}", ""] {
            assert!(NamePattern::new(wrong).is_err(), "{wrong}");
        }
    }
}
