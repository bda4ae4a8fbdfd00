//! How deep a body is nested: looked at while it comes in, in whatever pieces.

use crate::Refusal;

/// A bound on how deep a body is nested.
#[derive(Debug)]
pub struct Depth {
    limit: u64,
    form: Form,
}

#[derive(Debug)]
enum Form {
    Json(Json),
    Xml(Xml),
}

impl Depth {
    /// Of JSON.
    pub fn of_json(limit: u64) -> Self {
        Self { limit, form: Form::Json(Json::default()) }
    }

    /// Of a property list in XML, a little above the limit: no good one is refused. A binary one tells at its end how it
    /// is nested, so that only who reads it can look at that.
    pub fn of_plist(limit: u64) -> Self {
        Self { limit, form: Form::Xml(Xml::default()) }
    }

    /// Looks at the next piece.
    ///
    /// # Errors
    /// [`Refusal::TooDeep`].
    pub fn hold(&mut self, piece: &[u8]) -> Result<(), Refusal> {
        let deepest = match &mut self.form {
            Form::Json(json) => json.deepest(piece),
            Form::Xml(xml) => xml.deepest(piece),
        };
        if deepest <= self.limit { Ok(()) } else { Err(Refusal::TooDeep { limit: self.limit }) }
    }
}

#[derive(Debug, Default)]
struct Json {
    now: u64,
    in_text: bool,
    escaped: bool,
}

impl Json {
    /// The deepest level within the piece.
    fn deepest(&mut self, piece: &[u8]) -> u64 {
        let mut deepest = self.now;
        for byte in piece {
            match (self.in_text, byte) {
                (true, _) if self.escaped => self.escaped = false,
                (true, b'\\') => self.escaped = true,
                (_, b'"') => self.in_text = !self.in_text,
                (true, _) => {}
                (false, b'{' | b'[') => self.now += 1,
                (false, b'}' | b']') => self.now = self.now.saturating_sub(1),
                (false, _) => {}
            }
            deepest = deepest.max(self.now);
        }
        deepest
    }
}

#[derive(Debug, Default)]
struct Xml {
    /// Those that are open.
    elements: u64,
    at: At,
}

#[derive(Clone, Copy, Debug, Default)]
enum At {
    /// Nothing but white space and a byte order mark has come.
    #[default]
    Start,
    Text,
    /// After `<`.
    Tag,
    /// After `<!`.
    Mark,
    /// After `<!-`.
    Dash,
    Opening {
        /// Whether the last byte was one.
        slash: bool,
    },
    Closing,
    /// In what is no element: how much of its end has come.
    Skipped {
        end: &'static [u8],
        come: usize,
    },
    /// In something else than XML of one byte a character.
    Other,
}

impl Xml {
    /// The deepest level of dictionaries and arrays within the piece: without `plist`, and a value in them.
    fn deepest(&mut self, piece: &[u8]) -> u64 {
        let mut deepest = self.elements;
        for byte in piece {
            self.at = self.after(*byte);
            deepest = deepest.max(self.elements);
        }
        deepest.saturating_sub(2)
    }

    fn after(&mut self, byte: u8) -> At {
        match (self.at, byte) {
            (At::Other, _) | (_, 0) => At::Other,
            (At::Start | At::Text, b'<') => At::Tag,
            (At::Start, b' ' | b'\t' | b'\r' | b'\n' | 0xef | 0xbb | 0xbf) => At::Start,
            (At::Start, _) => At::Other,
            (At::Text, _) => At::Text,
            (At::Tag, b'?') => At::skipped(b"?>"),
            (At::Tag, b'!') => At::Mark,
            (At::Mark, b'-') => At::Dash,
            (At::Dash, b'-') => At::skipped(b"-->"),
            (At::Mark, b'[') => At::skipped(b"]]>"),
            (At::Mark | At::Dash, _) => At::skipped(b">"),
            (At::Tag, b'/') => At::Closing,
            (At::Tag, _) => {
                self.elements += 1;
                At::Opening { slash: false }
            }
            (At::Opening { slash: false }, b'>') => At::Text,
            (At::Opening { slash: true } | At::Closing, b'>') => {
                self.elements = self.elements.saturating_sub(1);
                At::Text
            }
            (At::Opening { .. }, _) => At::Opening { slash: byte == b'/' },
            (At::Closing, _) => At::Closing,
            (At::Skipped { end, come }, _) => At::skipping(end, come, byte),
        }
    }
}

impl At {
    fn skipped(end: &'static [u8]) -> Self {
        Self::Skipped { end, come: 0 }
    }

    /// Each end is one byte, once or several times, and then `>`.
    fn skipping(end: &'static [u8], come: usize, byte: u8) -> Self {
        match byte {
            b'>' if come + 1 == end.len() => Self::Text,
            byte if byte == end[0] => Self::Skipped { end, come: (come + 1).min(end.len() - 1) },
            _ => Self::Skipped { end, come: 0 },
        }
    }
}

#[cfg(test)]
mod tests {
    use profile_kit::document;

    use super::*;

    #[test]
    fn the_depth_of_json_is_the_same_in_whatever_pieces_it_comes() {
        let json = br#"{"a\"[{":[[1],{"b":"}]\\"}],"c":[]}"#;
        assert_eq!(Json::default().deepest(json), 3);
        let mut levels = Json::default();
        assert_eq!(json.iter().map(|byte| levels.deepest(&[*byte])).max(), Some(3));
        assert_eq!(levels.now, 0);
    }

    #[test]
    fn the_depth_of_a_property_list_is_the_same_in_whatever_pieces_it_comes() {
        let xml = b"\xef\xbb\xbf<?xml version=\"1.0\"?>\n<!DOCTYPE plist PUBLIC \"-//Apple//DTD PLIST 1.0//EN\" \"x\">\
            <!--- <array> --><!---><array> --><!-- <array><array> - -- ---><plist version=\"1.0\"><dict><key>a</key><array><string><![CDATA[<array>]]]></string>\
            <true/><array/></array><key>b</key><dict></dict></dict></plist>";
        assert_eq!(Xml::default().deepest(xml), 2);
        let mut levels = Xml::default();
        assert_eq!(xml.iter().map(|byte| levels.deepest(&[*byte])).max(), Some(2));
        assert_eq!(levels.elements, 0);
    }

    #[test]
    fn no_property_list_is_refused_that_the_reader_takes() {
        for (levels, limit) in (1..12).flat_map(|levels| (1..12).map(move |limit| (levels, limit))) {
            let nested = |inner: &str| format!("{}{inner}{}", "<array>".repeat(levels), "</array>".repeat(levels));
            for inner in ["", "<string>a</string>", "<true/>"] {
                let xml = format!("<plist version=\"1.0\">{}</plist>", nested(inner));
                let (held, read) = (
                    Depth::of_plist(limit).hold(xml.as_bytes()),
                    document::read_within(xml.as_bytes(), limit as usize),
                );
                assert!(held.is_ok() || read.is_err(), "{levels} {limit}");
                assert!(held.is_err() || levels as u64 <= limit + 1, "{levels} {limit}");
            }
        }
    }

    #[test]
    fn what_is_no_xml_of_one_byte_a_character_is_left_to_who_reads_it() {
        let deep = "<array>".repeat(100);
        let wide: Vec<u8> = deep.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let binary = [b"bplist00", deep.as_bytes()].concat();
        for body in [wide.as_slice(), &[&[0xff, 0xfe][..], &wide].concat(), &binary] {
            assert_eq!(Depth::of_plist(9).hold(body), Ok(()));
        }
        assert!(Depth::of_plist(9).hold(deep.as_bytes()).is_err());
    }
}
