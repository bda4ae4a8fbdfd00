//! Reads an XML property list in one pass over its events.

use base64::{Engine, engine::general_purpose::STANDARD};
use plist::{Date, Integer, Value};
use quick_xml::{
    Reader as Events,
    errors::IllFormedError,
    events::{BytesDecl, BytesRef, BytesStart, Event},
};

use super::{
    is_xml_char,
    positions::{Positions, line_and_column},
    tree::{Kind, Tree},
};
use crate::{Error, Form, Place, Result};

/// The root value.
pub(super) fn read(text: &str, levels: usize) -> Result<Value> {
    let tree = Reader::new(text, Tree::within(levels)).document()?;
    Ok(tree.into_root().expect("a document that was read has a root"))
}

/// Where everything stands.
pub(super) fn positions(text: &str) -> Result<Positions> {
    let tree = Reader::new(text, Tree::recording()).document()?;
    Ok(tree.into_recorder().map_or_else(Positions::default, |recorder| recorder.locate(text)))
}

struct Reader<'a> {
    text: &'a str,
    events: Events<&'a [u8]>,
    /// Where the event in hand begins, in bytes.
    start: usize,
    /// Whether all characters are known to be fit for XML.
    plain: bool,
    tree: Tree,
}

impl<'a> Reader<'a> {
    fn new(text: &'a str, tree: Tree) -> Self {
        let mut events = Events::from_str(text);
        events.config_mut().expand_empty_elements = true;
        // Without leaving early: so many bytes at once.
        let plain = text.bytes().fold(true, |plain, byte| plain & is_plain(byte));
        Self { text, events, start: 0, plain, tree }
    }

    fn document(mut self) -> Result<Tree> {
        self.prologue()?;
        let plist = self.start;
        self.body(plist)?;
        self.epilogue()?;
        Ok(self.tree)
    }

    /// Up to and including `<plist>`.
    fn prologue(&mut self) -> Result<()> {
        if self.text.starts_with('\u{feff}') {
            return Err(self.error(0, "a second byte order mark"));
        }
        let mut typed = false;
        loop {
            match self.next()? {
                Event::Text(text) if is_blank(&text) => {}
                Event::Decl(declaration) if is_blank(&self.text[..self.start]) => self.version(&declaration)?,
                Event::DocType(content) if !typed => {
                    typed = true;
                    document_type(&content).map_err(|problem| self.error(self.start, problem))?;
                }
                Event::Start(tag) if tag.name().as_ref() == "plist" => return self.attributes(&tag),
                Event::Start(tag) => {
                    let problem = format!("the root element is {}, not <plist>", element(tag.name().as_ref()));
                    return Err(self.error(self.start, problem));
                }
                Event::Eof => return Err(self.error(self.start, "there is no <plist> element")),
                event @ (Event::Decl(_) | Event::DocType(_)) => return Err(self.stray(&event)),
                event => {
                    return Err(
                        self.error(self.start + blank_length(&event), "not a property list: text before <plist>")
                    );
                }
            }
        }
    }

    /// Up to and including `</plist>`.
    fn body(&mut self, plist: usize) -> Result<()> {
        loop {
            match self.next()? {
                Event::Text(text) if is_blank(&text) => {}
                Event::Start(tag) => self.element(&tag)?,
                Event::End(_) if self.tree.is_open() => {
                    self.tree.close(self.position()).map_err(|problem| self.error(self.start, problem))?;
                }
                Event::End(_) if self.tree.has_root() => return Ok(()),
                Event::End(_) => return Err(self.error(self.start, "<plist> is empty")),
                Event::Eof => {
                    let (name, mark) = self.tree.innermost().unwrap_or(("plist", plist));
                    return Err(self.unclosed(name, mark));
                }
                event => return Err(self.stray(&event)),
            }
        }
    }

    /// Up to the end of the file.
    fn epilogue(&mut self) -> Result<()> {
        loop {
            match self.next()? {
                Event::Text(text) if is_blank(&text) => {}
                Event::Eof => return Ok(()),
                event => return Err(self.error(self.start + blank_length(&event), "content after </plist>")),
            }
        }
    }

    /// The next event that is not a comment or a processing instruction.
    fn next(&mut self) -> Result<Event<'a>> {
        loop {
            self.start = self.position();
            let event = self.events.read_event().map_err(|cause| self.ill_formed(cause))?;
            self.characters()?;
            if !matches!(event, Event::Comment(_) | Event::PI(_)) {
                return Ok(event);
            }
        }
    }

    fn position(&self) -> usize {
        usize::try_from(self.events.buffer_position()).expect("a position within the text")
    }

    /// Refuses characters that XML does not have, anywhere in the event.
    fn characters(&self) -> Result<()> {
        if self.plain {
            return Ok(());
        }
        let event = &self.text[self.start..self.position()];
        match event.char_indices().find(|(_, character)| !is_xml_char(*character)) {
            None => Ok(()),
            Some((at, character)) => {
                let problem = format!("the character U+{:04X} is not allowed in XML", u32::from(character));
                Err(self.error(self.start + at, problem))
            }
        }
    }

    fn version(&self, declaration: &BytesDecl<'_>) -> Result<()> {
        match declaration.version() {
            Ok(version) if version == "1.0" => Ok(()),
            _ => Err(self.error(self.start, "an XML declaration without version 1.0")),
        }
    }

    /// `plist` may have attributes, the others none.
    fn attributes(&self, tag: &BytesStart<'_>) -> Result<()> {
        let name = tag.name();
        if name.as_ref() == "plist" {
            let flaw = tag.attributes().find_map(std::result::Result::err);
            return flaw
                .map_or(Ok(()), |cause| Err(self.error_of(self.start, "<plist> has a malformed attribute", cause)));
        }
        if is_blank(tag.attributes_raw()) {
            return Ok(());
        }
        Err(self.error(self.start, format!("{} has an attribute: only <plist> may", element(name.as_ref()))))
    }

    fn element(&mut self, tag: &BytesStart<'a>) -> Result<()> {
        let start = self.start;
        let name = tag.name();
        let name = name.as_ref();
        if !ELEMENTS.contains(&name) {
            return Err(self.error(start, format!("unknown element {}", element(name))));
        }
        self.attributes(tag)?;
        if name == "key" {
            return self.key(start);
        }
        self.tree.begin(start).map_err(|problem| self.error(start, problem))?;
        let kind = match name {
            "array" => Kind::Array,
            "dict" => Kind::Dictionary,
            _ => return self.leaf(name, start),
        };
        self.tree.open(kind, start).map_err(|levels| {
            // Not with the path, which has hundreds of steps.
            let (line, column) = line_and_column(self.text, start);
            Error::TooDeep { form: Form::XmlPlist, place: Place::line(line, column), levels }
        })
    }

    fn key(&mut self, start: usize) -> Result<()> {
        let key = self.content("key", start)?;
        if let Some(first) = self.tree.mark_of(&key) {
            let (line, _) = line_and_column(self.text, first);
            let (again, _) = line_and_column(self.text, start);
            let path = self.tree.path().key(&key);
            let problem = format!("this key is in the dictionary twice, in lines {line} and {again}");
            return Err(malformed(self.place(start).at(path), problem));
        }
        self.tree.key(key, start).map_err(|problem| self.error(start, problem))
    }

    fn leaf(&mut self, name: &str, start: usize) -> Result<()> {
        let content = self.content(name, start)?;
        let value = value(name, content).map_err(|problem| self.error(start, problem))?;
        self.tree.put(value, self.position());
        Ok(())
    }

    /// The text up to the end of an element that holds nothing else.
    fn content(&mut self, name: &str, start: usize) -> Result<String> {
        let mut content = String::new();
        loop {
            match self.next()? {
                Event::Text(text) => content.push_str(&text),
                Event::CData(text) => content.push_str(&text),
                Event::GeneralRef(reference) => content.push(self.character(&reference)?),
                Event::End(_) => return Ok(content),
                Event::Start(tag) => {
                    let problem = format!("{} inside <{name}>", element(tag.name().as_ref()));
                    return Err(self.error(self.start, problem));
                }
                Event::Eof => return Err(self.unclosed(name, start)),
                event => return Err(self.stray(&event)),
            }
        }
    }

    fn character(&self, reference: &BytesRef<'_>) -> Result<char> {
        let character = match reference.as_ref() {
            "lt" => Some('<'),
            "gt" => Some('>'),
            "amp" => Some('&'),
            "apos" => Some('\''),
            "quot" => Some('"'),
            _ => reference.resolve_char_ref().ok().flatten().filter(|character| is_xml_char(*character)),
        };
        let problem = if reference.is_char_ref() {
            "a character reference to no character of XML"
        } else {
            "an undefined entity: XML has only &lt; &gt; &amp; &apos; &quot;"
        };
        character.ok_or_else(|| self.error(self.start, problem))
    }

    fn stray(&self, event: &Event<'_>) -> Error {
        let problem = match event {
            Event::Decl(_) => "an XML declaration that is not at the start",
            Event::DocType(_) => "a DOCTYPE that is not before <plist>",
            _ => "text between elements",
        };
        self.error(self.start + blank_length(event), problem)
    }

    fn unclosed(&self, name: &str, mark: usize) -> Error {
        let (line, _) = line_and_column(self.text, mark);
        self.error(self.text.len(), format!("the file ends within <{name}> of line {line}"))
    }

    fn ill_formed(&self, cause: quick_xml::Error) -> Error {
        let offset = usize::try_from(self.events.error_position()).expect("a position within the text");
        match &cause {
            // Not as the source, which shows the names as they are.
            quick_xml::Error::IllFormed(IllFormedError::MismatchedEndTag { expected, found }) => {
                self.error(offset, format!("{} is closed by </{}", element(expected), &element(found)[1..]))
            }
            quick_xml::Error::IllFormed(IllFormedError::UnmatchedEndTag(_)) => {
                self.error(offset, "an end tag that closes nothing")
            }
            quick_xml::Error::IllFormed(IllFormedError::UnclosedReference) => {
                self.error(offset, "an \"&\" that begins no entity: write &amp;")
            }
            _ => self.error_of(offset, "not well-formed XML", cause),
        }
    }

    fn error(&self, offset: usize, problem: impl Into<String>) -> Error {
        malformed(self.place(offset), problem)
    }

    fn error_of(&self, offset: usize, problem: &str, cause: impl Into<crate::Source>) -> Error {
        let source = Some(cause.into());
        Error::Malformed { form: Form::XmlPlist, place: self.place(offset), problem: problem.into(), source }
    }

    fn place(&self, offset: usize) -> Place {
        let (line, column) = line_and_column(self.text, offset);
        Place::line(line, column).at(self.tree.path())
    }
}

fn malformed(place: Place, problem: impl Into<String>) -> Error {
    Error::Malformed { form: Form::XmlPlist, place, problem: problem.into(), source: None }
}

/// The value of an element that holds text only.
fn value(element: &str, content: String) -> Result<Value, &'static str> {
    match element {
        "string" => Ok(Value::String(content)),
        "integer" => integer(&content).map(Value::Integer).ok_or("not an integer from -2^63 to 2^64-1"),
        "real" => real(&content).map(Value::Real).ok_or("not a finite real"),
        "date" => date(&content).map(Value::Date).ok_or("not a date as 2026-12-31T23:59:59Z"),
        "data" => data(content).map(Value::Data).ok_or("not base64"),
        _ if !content.is_empty() => Err("<true/> and <false/> hold nothing"),
        _ => Ok(Value::Boolean(element == "true")),
    }
}

fn integer(content: &str) -> Option<Integer> {
    let content = content.trim_start_matches(BLANKS);
    let (negative, digits) = match content.strip_prefix(['-', '+']) {
        Some(digits) => (content.starts_with('-'), digits),
        None => (false, content),
    };
    let (radix, digits) = match digits.strip_prefix("0x").or(digits.strip_prefix("0X")) {
        Some(digits) => (16, digits),
        None => (10, digits),
    };
    // `from_str_radix` would take a second sign.
    if !digits.chars().all(|digit| digit.is_digit(radix)) {
        return None;
    }
    let amount = i128::from(u64::from_str_radix(digits, radix).ok()?);
    wide_integer(if negative { -amount } else { amount })
}

/// An integer from -2⁶³ to 2⁶⁴-1.
pub(super) fn wide_integer(value: i128) -> Option<Integer> {
    i64::try_from(value).map(Integer::from).ok().or_else(|| u64::try_from(value).map(Integer::from).ok())
}

fn real(content: &str) -> Option<f64> {
    content.trim_start_matches(BLANKS).parse().ok().filter(|real: &f64| real.is_finite())
}

fn date(content: &str) -> Option<Date> {
    let fits = |(pattern, byte): (&u8, u8)| if *pattern == b'0' { byte.is_ascii_digit() } else { *pattern == byte };
    let pattern = b"0000-00-00T00:00:00Z";
    // The parser takes a leap second for a part of the second before it.
    let leap = content.as_bytes().get(17) == Some(&b'6');
    let is_form = content.len() == pattern.len() && pattern.iter().zip(content.bytes()).all(fits);
    if !is_form || leap || content.starts_with("0000") {
        return None;
    }
    Date::from_xml_format(content).ok()
}

fn data(mut content: String) -> Option<Vec<u8>> {
    content.retain(|character| !BLANKS.contains(&character));
    STANDARD.decode(content).ok()
}

/// Accepts `plist`, alone or with one of Apple's DTDs, which is not opened.
fn document_type(content: &str) -> Result<(), &'static str> {
    let (name, rest) = content.split_once(BLANKS).unwrap_or((content, ""));
    if name != "plist" {
        return Err("the DOCTYPE is not plist");
    }
    let rest = rest.trim_matches(BLANKS);
    let (system, rest) = if rest.is_empty() || rest.starts_with('[') {
        (None, rest)
    } else {
        let (system, rest) = external_id(rest).ok_or("a malformed DOCTYPE")?;
        (Some(system), rest.trim_matches(BLANKS))
    };
    match (system, rest) {
        (_, rest) if rest.starts_with('[') => Err("the DOCTYPE declares something: a property list may not"),
        (_, rest) if !rest.is_empty() => Err("a malformed DOCTYPE"),
        (Some(system), _) if !DTDS.contains(&system) => Err("the DOCTYPE names another DTD than Apple's"),
        _ => Ok(()),
    }
}

/// The system identifier of an external identifier (XML 1.0 §4.2.2), and what follows.
fn external_id(content: &str) -> Option<(&str, &str)> {
    if let Some(rest) = content.strip_prefix("SYSTEM") {
        return literal(rest);
    }
    let (_public, rest) = literal(content.strip_prefix("PUBLIC")?)?;
    literal(rest)
}

/// White space and a quoted text, and what follows.
fn literal(content: &str) -> Option<(&str, &str)> {
    let quoted = content.trim_start_matches(BLANKS);
    let quote = quoted.chars().next().filter(|quote| matches!(quote, '"' | '\'') && quoted.len() < content.len())?;
    quoted[1..].split_once(quote)
}

/// An element's name, safe to show.
fn element(name: &str) -> String {
    let shown: String = name.chars().take(40).flat_map(char::escape_debug).collect();
    format!("<{shown}>")
}

/// Whether a byte of UTF-8 is of a character that XML has, whatever is before and behind it.
fn is_plain(byte: u8) -> bool {
    // U+FFFE and U+FFFF are the two above U+001F that XML has not; they begin with EF.
    (byte >= b' ' && byte != 0xef) || matches!(byte, b'\t' | b'\n' | b'\r')
}

fn is_blank(text: &str) -> bool {
    text.bytes().all(|byte| matches!(byte, b' ' | b'\t' | b'\r' | b'\n'))
}

/// The bytes of white space before a text.
fn blank_length(event: &Event<'_>) -> usize {
    match event {
        Event::Text(text) => text.len() - text.trim_start_matches(BLANKS).len(),
        _ => 0,
    }
}

const BLANKS: [char; 4] = [' ', '\t', '\r', '\n'];

const ELEMENTS: [&str; 10] = ["array", "data", "date", "dict", "false", "integer", "key", "real", "string", "true"];

const DTDS: [&str; 3] = [
    "http://www.apple.com/DTDs/PropertyList-1.0.dtd",
    "https://www.apple.com/DTDs/PropertyList-1.0.dtd",
    "file://localhost/System/Library/DTDs/PropertyList.dtd",
];

#[cfg(test)]
mod tests {

    use super::*;
    use crate::{
        KeyPath,
        document::{self, DEEPEST, LONGEST_KEY, MOST_VALUES},
    };

    fn refusal(text: &str) -> String {
        document::read(text.as_bytes()).unwrap_err().to_string()
    }

    /// Refusal of what stands in a line of its own within `<plist>`.
    fn refusal_of(content: &str) -> String {
        refusal(&format!("<plist version=\"1.0\">\n{content}\n</plist>"))
    }

    fn value(content: &str) -> Value {
        document::read(format!("<plist version=\"1.0\">{content}</plist>").as_bytes()).unwrap().value
    }

    fn string(content: &str) -> String {
        value(&format!("<string>{content}</string>")).into_string().unwrap()
    }

    #[test]
    fn an_error_names_line_column_and_path() {
        let text = "<plist>\n<dict>\n<key>é</key><array><true/>\n\t<key>x</key></array></dict></plist>";
        assert_eq!(refusal(text), "line 4, column 2, \"é\"[1]: a key outside a dictionary");
    }

    #[test]
    fn refuses_an_unknown_element() {
        assert_eq!(refusal_of("<null/>"), "line 2, column 1: unknown element <null>");
        assert!(refusal_of("<a\u{1b}b/>").contains("U+001B"));
        assert!(refusal_of("<plist/>").contains("unknown element <plist>"));
    }

    #[test]
    fn refuses_text_between_elements() {
        for text in ["x", "<![CDATA[x]]>", "&lt;", "&#32;"] {
            let message = refusal_of(&format!("<array>\n  {text}</array>"));
            assert_eq!(message, "line 3, column 3, [0]: text between elements");
        }
    }

    #[test]
    fn refuses_a_key_without_a_value() {
        assert_eq!(refusal_of("<dict><key>a</key></dict>"), "line 2, column 19, a: this key has no value");
        assert!(refusal_of("<dict><key>a</key><key>b</key><true/></dict>").ends_with("a: this key has no value"));
    }

    #[test]
    fn refuses_a_value_without_a_key() {
        assert_eq!(refusal_of("<dict><true/></dict>"), "line 2, column 7: a value without a key");
    }

    #[test]
    fn refuses_a_key_that_is_there_twice() {
        assert_eq!(
            refusal_of("<dict><key>a</key><true/>\n<key>&#97;</key><false/></dict>"),
            "line 3, column 1, a: this key is in the dictionary twice, in lines 2 and 3"
        );
    }

    #[test]
    fn refuses_a_second_root() {
        assert!(refusal_of("<true/><true/>").contains("column 8: a second value"));
    }

    #[test]
    fn refuses_no_root() {
        assert!(refusal_of("<!-- nothing -->").ends_with("<plist> is empty"));
        assert!(refusal("<plist/>").ends_with("<plist> is empty"));
        assert!(refusal("<?xml version=\"1.0\"?>").ends_with("there is no <plist> element"));
    }

    #[test]
    fn refuses_another_root_element_than_plist() {
        assert_eq!(refusal("<dict/>"), "line 1, column 1: the root element is <dict>, not <plist>");
    }

    #[test]
    fn refuses_text_before_plist() {
        assert_eq!(
            refusal("\nhello <plist><true/></plist>"),
            "line 2, column 1: not a property list: text before <plist>"
        );
    }

    #[test]
    fn refuses_content_after_plist() {
        for content in ["x", "<plist/>", "&lt;", "<![CDATA[ ]]>", "<?xml version=\"1.0\"?>"] {
            let message = refusal(&format!("<plist><true/></plist>\n {content}"));
            assert_eq!(message, "line 2, column 2: content after </plist>");
        }
    }

    #[test]
    fn accepts_white_space_and_comments_after_plist() {
        assert!(document::read(b"<plist><true/></plist>\n<!-- end -->\n").is_ok());
    }

    #[test]
    fn refuses_every_cut() {
        let whole = "<?xml version=\"1.0\"?><plist><dict><key>a</key><array><data>AA==</data></array></dict></plist>";
        for end in 0..whole.len() {
            assert!(document::read(&whole.as_bytes()[..end]).is_err(), "cut at {end}");
        }
        assert_eq!(refusal("<plist>\n<array>\n"), "line 3, column 1, [0]: the file ends within <array> of line 2");
        assert_eq!(refusal("<plist><string>a"), "line 1, column 17: the file ends within <string> of line 1");
    }

    #[test]
    fn refuses_end_tags_that_do_not_fit() {
        assert!(refusal_of("<string>a</key>").contains("<string> is closed by </key>"));
        assert!(refusal("</plist>").contains("an end tag that closes nothing"));
    }

    #[test]
    fn refuses_elements_inside_leaves() {
        assert!(refusal_of("<string>a<b/></string>").contains("column 10: <b> inside <string>"));
    }

    #[test]
    fn refuses_attributes_except_of_plist() {
        assert!(refusal_of("<true a='b'/>").ends_with("<true> has an attribute: only <plist> may"));
        assert!(refusal("<plist a='b' a='c'><true/></plist>").contains("<plist> has a malformed attribute"));
        assert_eq!(value("<true  />"), Value::Boolean(true));
    }

    #[test]
    fn resolves_the_five_entities_and_character_references() {
        assert_eq!(string("&lt;&gt;&amp;&apos;&quot;&#13;&#x1F600;"), "<>&'\"\r\u{1f600}");
    }

    #[test]
    fn refuses_other_entities() {
        assert!(refusal_of("<string>a&nbsp;</string>").contains("column 10: an undefined entity"));
        assert!(refusal_of("<string>a & b</string>").contains("column 11: an \"&\" that begins no entity"));
        for reference in ["&#0;", "&#x1;", "&#xD800;", "&#xFFFF;", "&#x110000;", "&#-1;", "&#;"] {
            let message = refusal_of(&format!("<string>{reference}</string>"));
            assert!(message.ends_with("a character reference to no character of XML"), "{message}");
        }
    }

    #[test]
    fn refuses_characters_that_xml_does_not_have() {
        assert_eq!(
            refusal_of("<string>a\u{1}</string>"),
            "line 2, column 10: the character U+0001 is not allowed in XML"
        );
        assert!(refusal_of("<!-- \u{ffff} --><true/>").contains("U+FFFF"));
    }

    #[test]
    fn keeps_strings_as_they_are() {
        assert_eq!(string(" \t\n a "), " \t\n a ");
        assert_eq!(string("a\r\nb\rc"), "a\r\nb\rc");
        assert_eq!(string(""), "");
        assert_eq!(value("<string/>"), Value::String(String::new()));
        assert_eq!(string("a<![CDATA[<&amp;]]>b<!-- x -->c<?x?>"), "a<&amp;bc");
    }

    #[test]
    fn reads_integers_as_core_foundation_does() {
        let integers = [
            ("-9223372036854775808", i128::from(i64::MIN)),
            ("18446744073709551615", i128::from(u64::MAX)),
            ("\n+007", 7),
            ("0x1F", 31),
            ("-0X10", -16),
        ];
        for (content, expected) in integers {
            let expected = Value::Integer(wide_integer(expected).unwrap());
            assert_eq!(value(&format!("<integer>{content}</integer>")), expected);
        }
    }

    #[test]
    fn refuses_what_is_no_integer() {
        for content in ["", "-", "0x", "one", "1.0", "1 ", "1e3", "--1", "+-1", "0x-1", "1_0", "١"] {
            assert!(refusal_of(&format!("<integer>{content}</integer>")).contains("not an integer"), "{content}");
        }
        for content in ["-9223372036854775809", "18446744073709551616", "-0x8000000000000001"] {
            assert!(refusal_of(&format!("<integer>{content}</integer>")).contains("not an integer"), "{content}");
        }
    }

    #[test]
    fn refuses_what_is_no_finite_real() {
        for content in ["", "1,5", "1e999", "nan", "inf", "-Infinity", "1.5 ", "0x1p3"] {
            assert!(refusal_of(&format!("<real>{content}</real>")).ends_with("not a finite real"), "{content}");
        }
        assert_eq!(value("<real> -1.5e3</real>"), Value::Real(-1500.0));
    }

    #[test]
    fn refuses_every_other_form_of_a_date() {
        let dates = [
            "",
            "tomorrow",
            "2026-01-01",
            "2026-01-01T00:00:00",
            "2026-01-01t00:00:00z",
            "2026-01-01 00:00:00Z",
            "2026-01-01T00:00:00.5Z",
            "2026-01-01T00:00:00+02:00",
            " 2026-01-01T00:00:00Z",
            "2026-13-01T00:00:00Z",
            "2026-02-29T00:00:00Z",
            "2016-12-31T23:59:60Z",
            "0000-01-01T00:00:00Z",
            "10000-01-01T00:00:00Z",
        ];
        for content in dates {
            assert!(refusal_of(&format!("<date>{content}</date>")).contains("not a date as 2026"), "{content}");
        }
    }

    #[test]
    fn reads_base64_with_white_space() {
        assert_eq!(value("<data>\n\tAQ\r\n ID\n</data>"), Value::Data(vec![1, 2, 3]));
        assert_eq!(value("<data/>"), Value::Data(Vec::new()));
    }

    #[test]
    fn refuses_what_is_no_base64() {
        for content in ["AQI", "AQ-_", "AQ==AQ==", "AR==", "A", "AQ\u{a0}ID"] {
            assert!(refusal_of(&format!("<data>{content}</data>")).ends_with("not base64"), "{content}");
        }
    }

    #[test]
    fn refuses_truth_with_content() {
        assert!(refusal_of("<true>x</true>").ends_with("<true/> and <false/> hold nothing"));
    }

    #[test]
    fn accepts_a_document_type_of_apple_or_none() {
        let types = [
            "",
            "<!DOCTYPE plist>",
            "<!DOCTYPE plist PUBLIC \"-//Apple//DTD PLIST 1.0//EN\" \"http://www.apple.com/DTDs/PropertyList-1.0.dtd\">",
            "<!DOCTYPE plist PUBLIC '-//Apple Computer//DTD PLIST 1.0//EN'\n'https://www.apple.com/DTDs/PropertyList-1.0.dtd' >",
            "<!DOCTYPE plist SYSTEM \"file://localhost/System/Library/DTDs/PropertyList.dtd\">",
        ];
        for text in types {
            let read = document::read(format!("{text}\n<plist><true/></plist>").as_bytes());
            assert!(read.is_ok(), "{text}: {read:?}");
        }
    }

    #[test]
    fn refuses_every_other_document_type() {
        let types = [
            ("<!DOCTYPE dict>", "is not plist"),
            ("<!DOCTYPE plist []>", "declares something"),
            ("<!DOCTYPE plist [<!ENTITY x \"y\">]>", "declares something"),
            ("<!DOCTYPE plist[<!ENTITY x \"y\">]>", "is not plist"),
            ("<!DOCTYPE plist SYSTEM \"a\" [<!ENTITY % x SYSTEM 'y'>%x;]>", "declares something"),
            ("<!DOCTYPE plist SYSTEM 'file:///etc/passwd'>", "another DTD"),
            ("<!DOCTYPE plist PUBLIC 'a'>", "malformed"),
            ("<!DOCTYPE plist SYSTEM>", "malformed"),
            ("<!DOCTYPE plist ANY>", "malformed"),
            ("<!DOCTYPE plist><!DOCTYPE plist>", "DOCTYPE that is not before"),
        ];
        for (text, word) in types {
            let message = refusal(&format!("{text}<plist><true/></plist>"));
            assert!(message.contains(word), "{text}: {message}");
        }
    }

    #[test]
    fn refuses_a_declaration_out_of_its_place() {
        assert!(refusal("<!-- --><?xml version=\"1.0\"?><plist><true/></plist>").contains("is not at the start"));
        assert!(refusal("<?xml version=\"1.1\"?><plist><true/></plist>").contains("without version 1.0"));
        assert!(refusal("\u{feff}\u{feff}<plist><true/></plist>").contains("second byte order mark"));
    }

    #[test]
    fn accepts_white_space_before_the_declaration() {
        assert!(document::read(b"\n <?xml version=\"1.0\"?><plist><true/></plist>").is_ok());
    }

    #[test]
    fn takes_512_levels_and_refuses_one_more() {
        let nested = |levels| format!("<plist>{}{}</plist>", "<array>".repeat(levels), "</array>".repeat(levels));
        assert!(document::read(nested(DEEPEST).as_bytes()).is_ok());
        assert_eq!(
            refusal(&nested(DEEPEST + 1)),
            "line 1, column 3592: nested deeper than the 512 levels that are allowed"
        );
        assert!(document::read_within(nested(8).as_bytes(), 8).is_ok());
        assert!(matches!(document::read_within(nested(9).as_bytes(), 8), Err(Error::TooDeep { levels: 8, .. })));
    }

    #[test]
    fn refuses_too_many_values() {
        let many = format!("<array>{}</array>", "<true/>".repeat(MOST_VALUES));
        assert!(refusal_of(&many).contains("[249999]: more than the 250000 values"));
    }

    #[test]
    fn refuses_a_key_that_is_too_long() {
        let dictionary = |length| format!("<dict><key>{}</key><true/></dict>", "k".repeat(length));
        assert!(value(&dictionary(LONGEST_KEY)).as_dictionary().is_some());
        assert!(refusal_of(&dictionary(LONGEST_KEY + 1)).contains("a key of 1025 bytes"));
    }

    #[test]
    fn positions_tell_where_keys_and_values_stand() {
        let text =
            "<plist>\n<dict>\n\t<key>a</key> <array>\n<true/><dict><key>b</key>\n<data/></dict></array></dict></plist>";
        let positions = document::positions(text.as_bytes()).unwrap();
        let array = KeyPath::root().key("a");
        let data = array.index(1).key("b");
        assert_eq!(positions.value(&KeyPath::root()), Some((2, 1)));
        assert_eq!((positions.key(&array), positions.value(&array)), (Some((3, 2)), Some((3, 15))));
        assert_eq!((positions.key(&array.index(1)), positions.value(&array.index(1))), (None, Some((4, 8))));
        assert_eq!((positions.key(&data), positions.value(&data)), (Some((4, 14)), Some((5, 1))));
        assert_eq!(positions.value(&array.index(2)), None);
        assert_eq!(positions.nearest(&array.index(1).key("missing")), Some((4, 8)));
    }
}
