//! The line of a text that a finding is about, fit to be shown.

use std::{borrow::Cow, ops::Range};

use unicode_width::UnicodeWidthChar;

use crate::{
    KeyPath, Profile,
    check::{Code, Finding},
    document::{self, Mark, Positions},
    redact::{self, REDACTED, hostile},
};

/// A line of a file and where in it to look: cut to what fits a screen, hostile characters escaped, secrets redacted,
/// without the white space that it begins with.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Excerpt {
    /// The line's number, from 1.
    pub line: usize,
    /// What of it is shown.
    pub text: String,
    /// How many columns of a screen are before the mark.
    pub before: usize,
    /// How many columns of a screen are marked, at least 1.
    pub width: usize,
    /// The line before it where the value's key stands there, and its number.
    pub key: Option<(usize, String)>,
}

/// An XML property list and where everything stands in it.
pub(super) struct Text<'a> {
    text: Cow<'a, str>,
    positions: Positions,
    /// In order.
    secrets: Vec<Hidden>,
}

impl<'a> Text<'a> {
    /// `None` for a binary property list, and for what is none. Shows no secret of the profile that is in it.
    pub fn of(bytes: &'a [u8], profile: &Profile) -> Option<Self> {
        let (text, positions) = document::located(bytes).ok().flatten()?;
        let secrets = redact::extents(profile, &positions).into_iter().filter_map(|extent| Hidden::of(&text, extent));
        let mut secrets: Vec<Hidden> = secrets.collect();
        secrets.sort_unstable_by_key(|hidden| hidden.start);
        Some(Self { text, positions, secrets })
    }

    /// Line and column of what a finding is about, and that line. None for a finding about the whole file.
    pub fn locate(&self, finding: &Finding) -> Option<((usize, usize), Excerpt)> {
        if finding.path == KeyPath::root() {
            return None;
        }
        let Aim { mark, end, key } = self.aim(finding)?;
        let (text, before, width) = self.line(mark, end);
        let key = key.filter(|key| key.line + 1 == mark.line).map(|key| (key.line, self.line(key, key.offset).0));
        Some(((mark.line, mark.column), Excerpt { line: mark.line, text, before, width, key }))
    }

    /// At the value; at the key where the finding is about that or the value has parts; at what should hold a key that
    /// is missing.
    fn aim(&self, finding: &Finding) -> Option<Aim> {
        let (path, key) = (&finding.path, self.positions.key_mark(&finding.path));
        let Some((value, end)) = self.positions.value_extent(path) else {
            let mark = self.positions.nearest_mark(path)?;
            return Some(Aim { mark, end: self.behind(mark, ">"), key: None });
        };
        let has_parts = ["<dict", "<array"].iter().any(|tag| self.text[value.offset..].starts_with(tag));
        match key {
            Some(key) if has_parts || ABOUT_KEYS.contains(&finding.code) => {
                Some(Aim { mark: key, end: self.behind(key, "</key>"), key: None })
            }
            key => Some(Aim { mark: value, end: if has_parts { self.behind(value, ">") } else { end }, key }),
        }
    }

    /// Where the first of these words ends.
    fn behind(&self, mark: Mark, word: &str) -> usize {
        self.text[mark.offset..].find(word).map_or(mark.offset, |at| mark.offset + at + word.len())
    }

    /// What is shown of the line of a mark, the columns before the mark, and the marked ones.
    fn line(&self, mark: Mark, end: usize) -> (String, usize, usize) {
        let (mut offset, cut) = self.start(mark.offset);
        let mut strip = Strip { shown: String::new(), columns: 0 };
        if cut {
            strip.push("…");
        }
        let (mut before, mut after) = (None, None);
        while let Some(c) = self.text[offset..].chars().next().filter(|c| !matches!(c, '\n' | '\r')) {
            let hidden = self.hidden(offset);
            let next = hidden.map_or(offset + c.len_utf8(), |hidden| hidden.end);
            if before.is_none() && mark.offset < next {
                before = Some(strip.columns);
            }
            if after.is_none() && end <= offset {
                after = Some(strip.columns);
            }
            if strip.is_full() {
                strip.push("…");
                break;
            }
            match hidden {
                Some(_) => strip.push(REDACTED),
                None => strip.char(c),
            }
            if hidden.is_some_and(|hidden| hidden.last_break.is_some_and(|at| at >= offset)) {
                break;
            }
            offset = next;
        }
        let before = before.unwrap_or(strip.columns);
        let after = after.unwrap_or(strip.columns);
        (strip.shown, before, after.saturating_sub(before).max(1))
    }

    /// Where to begin with the line, behind its indentation and not too far before the mark, and whether that cuts it.
    fn start(&self, mark: usize) -> (usize, bool) {
        let mut before = self.text[..mark].char_indices().rev().take_while(|(_, c)| !matches!(c, '\n' | '\r'));
        let start = before.by_ref().take(REACH).last().map_or(mark, |(offset, _)| offset);
        let cut = before.next().is_some();
        (mark - self.text[start..mark].trim_start_matches([' ', '\t']).len(), cut)
    }

    /// The secret that this byte is of.
    fn hidden(&self, offset: usize) -> Option<&Hidden> {
        let after = self.secrets.partition_point(|secret| secret.start <= offset);
        self.secrets[..after].last().filter(|secret| offset < secret.end)
    }
}

/// What an excerpt marks: from a place to the end, in bytes; and the key of a value.
struct Aim {
    mark: Mark,
    end: usize,
    key: Option<Mark>,
}

/// The bytes between the tags of a secret's element.
struct Hidden {
    start: usize,
    end: usize,
    /// Where the last of its lines ends that is not the last of all.
    last_break: Option<usize>,
}

impl Hidden {
    fn of(text: &str, extent: Range<usize>) -> Option<Self> {
        let element = &text[extent.clone()];
        let (first, last) = (element.find('>')? + 1, element.rfind('<')?);
        let (start, end) = (extent.start + first, extent.start + last);
        let last_break = text.get(start..end)?.rfind(['\n', '\r']).map(|at| start + at);
        (start < end).then_some(Self { start, end, last_break })
    }
}

/// Text and the columns that it takes on a screen (Unicode UAX #11).
struct Strip {
    shown: String,
    columns: usize,
}

impl Strip {
    /// Also by bytes: some characters take no column.
    fn is_full(&self) -> bool {
        self.columns >= WIDEST || self.shown.len() >= 8 * WIDEST
    }

    fn push(&mut self, text: &str) {
        text.chars().for_each(|c| self.char(c));
    }

    fn char(&mut self, c: char) {
        match c {
            '\t' => self.push(TAB),
            c if hostile(c) => self.push(&c.escape_default().to_string()),
            c => {
                self.shown.push(c);
                self.columns += c.width().unwrap_or(0);
            }
        }
    }
}

/// These are about a key, whatever its value.
const ABOUT_KEYS: &[Code] = &[Code::UnknownKey];
/// Columns of a line that are shown.
const WIDEST: usize = 100;
/// Characters that are shown before the mark.
const REACH: usize = 40;
const TAB: &str = "    ";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Payload, UuidSource};

    fn xml(change: impl FnOnce(&mut Payload)) -> String {
        let mut profile = Profile::new("jp.example.ivi-mdm", "IVI MDM");
        let mut payload = Payload::new("com.example.unknown");
        change(&mut payload);
        profile.push(payload);
        profile.fill_uuids(UuidSource::Content);
        String::from_utf8(profile.to_xml().unwrap()).unwrap()
    }

    fn content() -> KeyPath {
        KeyPath::root().key("PayloadContent").index(0)
    }

    /// The place, and the excerpt as two or three lines.
    fn shown(xml: &str, path: KeyPath, code: Code) -> String {
        let profile = Profile::from_bytes(xml.as_bytes()).unwrap();
        let text = Text::of(xml.as_bytes(), &profile).unwrap();
        let ((line, column), excerpt) = text.locate(&Finding::new(code, path, "")).unwrap();
        let key = excerpt.key.map_or(String::new(), |(number, key)| format!("{number} {key}\n"));
        let mark = format!("{}{}", " ".repeat(excerpt.before), "^".repeat(excerpt.width));
        format!(
            "{line}:{column}\n{key}{} {}\n{} {mark}",
            excerpt.line,
            excerpt.text,
            " ".repeat(line.to_string().len())
        )
    }

    #[test]
    fn shows_the_key_before_the_value_that_is_marked() {
        let xml = xml(|payload| payload.insert("a", "b"));
        let expected = "13:4\n12 <key>a</key>\n13 <string>b</string>\n   ^^^^^^^^^^^^^^^^^^";
        assert_eq!(shown(&xml, content().key("a"), Code::SettingType), expected);
    }

    #[test]
    fn marks_the_key_that_is_unknown_and_the_dictionary_that_lacks_one() {
        let xml = xml(|payload| payload.insert("a", "b"));
        assert_eq!(shown(&xml, content().key("a"), Code::UnknownKey), "12:4\n12 <key>a</key>\n   ^^^^^^^^^^^^");
        assert_eq!(shown(&xml, content().key("z"), Code::MissingKey), "7:3\n7 <dict>\n  ^^^^^^");
    }

    #[test]
    fn columns_count_characters_and_the_mark_counts_what_a_screen_shows() {
        let line = "\t<key>会社é</key>\t<string>x\ty</string>\r\n\t<key>PayloadUUID";
        let xml = xml(|_| ()).replacen("\t<key>PayloadUUID", line, 1);
        let expected =
            "14:19\n14 <key>会社é</key>    <string>x    y</string>\n                       ^^^^^^^^^^^^^^^^^^^^^^^";
        assert_eq!(shown(&xml, content().key("会社é"), Code::SettingType), expected);
    }

    #[test]
    fn a_secret_is_not_shown_wherever_the_mark_is() {
        let xml = xml(|payload| {
            payload.insert("Password", "hunter2");
            payload.insert("URL", "https://user:hunter2@example.jp/");
        });
        for text in [xml.clone(), xml.replace(['\n', '\t'], " ")] {
            for key in ["Password", "URL", "PayloadType", "none"] {
                let shown = shown(&text, content().key(key), Code::SettingType);
                assert!(!shown.contains("hunter2"), "{shown}");
            }
        }
        assert!(shown(&xml, content().key("Password"), Code::SettingType).contains("<string>[redacted]</string>"));
    }

    #[test]
    fn a_line_within_a_secret_shows_only_what_is_behind_it() {
        let secret = "\t<key>Token</key>\n<string>hunter2\nhunter2</string><key>b</key><true/>\n\t<key>PayloadUUID";
        let xml = xml(|_| ()).replacen("\t<key>PayloadUUID", secret, 1);
        let expected = "16:29\n16 [redacted]</string><key>b</key><true/>\n                                  ^^^^^^^";
        assert_eq!(shown(&xml, content().key("b"), Code::SettingType), expected);
        assert!(shown(&xml, content().key("Token"), Code::SettingType).contains("15 <string>[redacted]\n"));
    }

    #[test]
    fn a_long_line_is_cut_around_the_mark() {
        let xml = xml(|payload| {
            payload.insert("a", "x".repeat(3_000));
            payload.insert("b", "y".repeat(3_000));
        });
        let one_line = xml.replace(['\n', '\t'], "");
        let shown = shown(&one_line, content().key("b"), Code::SettingType);
        let expected = format!("…{}</string><key>b</key><string>{}…", "x".repeat(REACH - 21), "y".repeat(51));
        assert_eq!(shown.lines().nth(1).unwrap().strip_prefix("1 ").unwrap(), expected);
        assert!(shown.lines().all(|line| line.chars().count() < WIDEST + 5));
    }

    #[test]
    fn hostile_characters_are_escaped() {
        let xml = xml(|payload| payload.insert("a", "\u{202e}b"));
        assert!(shown(&xml, content().key("a"), Code::SettingType).contains("<string>\\u{202e}b</string>"));
    }

    #[test]
    fn an_encoding_of_two_bytes_has_lines_too() {
        let xml = xml(|payload| payload.insert("a", "b")).replace("UTF-8", "UTF-16");
        let bytes: Vec<u8> = [0xfeff].into_iter().chain(xml.encode_utf16()).flat_map(u16::to_be_bytes).collect();
        let profile = Profile::from_bytes(&bytes).unwrap();
        let text = Text::of(&bytes, &profile).unwrap();
        let finding = Finding::new(Code::SettingType, content().key("a"), "");
        assert_eq!(text.locate(&finding).unwrap().0, (13, 4));
    }
}
