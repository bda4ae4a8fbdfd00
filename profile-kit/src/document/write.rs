//! Writes property lists that [`read`](super::read) reads back without loss.

use std::time::SystemTime;

use plist::{Date, Dictionary, Value};

use super::{DATES, DEEPEST, Entries, LARGEST, LONGEST_KEY, MOST_VALUES, Part, extended, is_xml_char, is_xml_text};
use crate::{Error, Form, KeyPath, Place, Result, Step};

mod binary;
mod xml;

/// An XML property list.
pub(super) fn xml(whole: &Part<'_>) -> Result<String> {
    Check::new(Form::XmlPlist).part(whole, &Trail::Root)?;
    sized(xml::write(whole))
}

/// An XML property list with values of its own in it, of a type that none has: those go to `other`. Nothing is checked.
pub(super) fn xml_around(whole: &Part<'_>, mut other: impl FnMut(&mut String, &Value, usize)) -> String {
    xml::write_around(whole, &mut other)
}

/// A value of XML as it stands at a level. Nothing is checked.
pub(super) fn xml_value(text: &mut String, value: &Value, level: usize) {
    xml::write_value(text, value, level, &mut |_, _, _| unreachable!("only values that XML can hold are written"));
}

/// A string of XML, its content by [`xml_text`]. Nothing is checked.
pub(super) fn xml_string(text: &mut String, content: impl FnOnce(&mut String)) {
    xml::write_string(text, content);
}

/// A piece of a text of XML. Nothing is checked.
pub(super) fn xml_text(text: &mut String, piece: &str) {
    xml::write_escaped(text, piece);
}

/// A binary property list.
pub(super) fn binary(dictionary: &Dictionary) -> Result<Vec<u8>> {
    Check::new(Form::BinaryPlist).keys(dictionary, &Trail::Root)?;
    sized(binary::write(dictionary))
}

fn sized<T: AsRef<[u8]>>(file: T) -> Result<T> {
    if file.as_ref().len() > LARGEST {
        return Err(unwritable(&Trail::Root, format!("larger than the {LARGEST} bytes that are allowed")));
    }
    Ok(file)
}

/// Looks for what the form cannot hold, before anything is written.
struct Check {
    form: Form,
    values: usize,
    level: usize,
}

impl Check {
    fn new(form: Form) -> Self {
        Self { form, values: 1, level: 0 }
    }

    fn part(&mut self, part: &Part<'_>, trail: &Trail<'_>) -> Result<()> {
        match part {
            Part::Value(value) => self.value(value, trail),
            Part::Text(text) => self.text(text, trail),
            Part::Array(items) => self.array(items, trail, Self::part),
            Part::Dictionary(entries) => {
                let each = entries.iter().map(|(key, part)| (*key, part));
                self.dictionary(entries.len(), each, trail, Self::part)
            }
            Part::Extended(keys, more) => {
                let length = keys.len() + usize::from(more.is_some());
                let each = extended(*keys, *more);
                self.dictionary(length, each, trail, |check, part, trail| check.part(&part, trail))
            }
        }
    }

    fn keys(&mut self, dictionary: &Dictionary, trail: &Trail<'_>) -> Result<()> {
        self.dictionary(dictionary.len(), Entries::from(dictionary).iter(), trail, Self::value)
    }

    fn dictionary<'k, T>(
        &mut self,
        length: usize,
        entries: impl Iterator<Item = (&'k str, T)>,
        trail: &Trail<'_>,
        check: impl Fn(&mut Self, T, &Trail<'_>) -> Result<()>,
    ) -> Result<()> {
        self.container(length, trail)?;
        for (key, value) in entries {
            let trail = Trail::Key(trail, key);
            if key.len() > LONGEST_KEY {
                return Err(unwritable(&trail, format!("the key is longer than {LONGEST_KEY} bytes")));
            }
            self.text(key, &trail)?;
            check(self, value, &trail)?;
        }
        self.level -= 1;
        Ok(())
    }

    fn array<'i, T: 'i>(
        &mut self,
        items: &'i [T],
        trail: &Trail<'_>,
        check: impl Fn(&mut Self, &'i T, &Trail<'_>) -> Result<()>,
    ) -> Result<()> {
        self.container(items.len(), trail)?;
        items.iter().enumerate().try_for_each(|(index, item)| check(self, item, &Trail::Index(trail, index)))?;
        self.level -= 1;
        Ok(())
    }

    /// Counts, a level deeper.
    fn container(&mut self, length: usize, trail: &Trail<'_>) -> Result<()> {
        self.values = self.values.saturating_add(length);
        if self.values > MOST_VALUES {
            return Err(unwritable(trail, format!("more than the {MOST_VALUES} values that are allowed")));
        }
        self.level += 1;
        if self.level > DEEPEST {
            return Err(unwritable(trail, format!("nested deeper than the {DEEPEST} levels that are allowed")));
        }
        Ok(())
    }

    fn value(&mut self, value: &Value, trail: &Trail<'_>) -> Result<()> {
        match value {
            Value::Array(items) => self.array(items, trail, Self::value),
            Value::Dictionary(dictionary) => self.keys(dictionary, trail),
            Value::String(text) => self.text(text, trail),
            Value::Date(date) => self.date(*date, trail),
            Value::Real(real) if !real.is_finite() => Err(unwritable(trail, "a real that is not finite")),
            Value::Boolean(_) | Value::Data(_) | Value::Integer(_) | Value::Real(_) => Ok(()),
            Value::Uid(_) => Err(unwritable(trail, "a UID, which is for keyed archives")),
            _ => Err(unwritable(trail, "a value of an unknown type")),
        }
    }

    fn text(&self, text: &str, trail: &Trail<'_>) -> Result<()> {
        if self.form != Form::XmlPlist || is_xml_text(text) {
            return Ok(());
        }
        let character = text.chars().find(|character| !is_xml_char(*character)).map_or(0, u32::from);
        Err(unwritable(trail, format!("XML cannot hold the character U+{character:04X}")))
    }

    fn date(&self, date: Date, trail: &Trail<'_>) -> Result<()> {
        let (seconds, whole) = match SystemTime::from(date).duration_since(SystemTime::UNIX_EPOCH) {
            Ok(after) => (i64::try_from(after.as_secs()), after.subsec_nanos() == 0),
            Err(before) => {
                let before = before.duration();
                // The second in which it lies begins earlier.
                let whole = before.subsec_nanos() == 0;
                (i64::try_from(before.as_secs()).map(|seconds| -seconds - i64::from(!whole)), whole)
            }
        };
        if !seconds.is_ok_and(|seconds| DATES.contains(&seconds)) {
            return Err(unwritable(trail, "a date that is not in years 1 to 9999"));
        }
        if self.form == Form::XmlPlist && !whole {
            return Err(unwritable(trail, "XML cannot hold a date with parts of a second"));
        }
        Ok(())
    }
}

/// The way down to a value, on the stack: a key path is made of it only for an error.
enum Trail<'a> {
    Root,
    Key(&'a Trail<'a>, &'a str),
    Index(&'a Trail<'a>, usize),
}

impl Trail<'_> {
    fn path(&self) -> KeyPath {
        let mut steps = Vec::new();
        let mut trail = self;
        loop {
            match trail {
                Self::Root => break,
                Self::Key(parent, key) => {
                    steps.push(Step::Key((*key).to_owned()));
                    trail = parent;
                }
                Self::Index(parent, index) => {
                    steps.push(Step::Index(*index));
                    trail = parent;
                }
            }
        }
        steps.reverse();
        KeyPath(steps)
    }
}

fn unwritable(trail: &Trail<'_>, problem: impl Into<String>) -> Error {
    Error::Unwritable { place: Place::path(trail.path()), problem: problem.into() }
}

#[cfg(test)]
mod tests {

    use std::time::Duration;

    use plist::Uid;

    use super::*;
    use crate::document::{read, to_xml as xml};

    fn holding(value: impl Into<Value>) -> Dictionary {
        Dictionary::from_iter([("a", Value::Array(vec![value.into()]))])
    }

    fn refusal(written: Result<Vec<u8>>) -> String {
        written.unwrap_err().to_string()
    }

    fn date(seconds: i64, nanos: u32) -> Value {
        let span = Duration::from_secs(seconds.unsigned_abs());
        let whole = if seconds < 0 { SystemTime::UNIX_EPOCH - span } else { SystemTime::UNIX_EPOCH + span };
        Value::Date((whole + Duration::new(0, nanos)).into())
    }

    #[test]
    fn refuses_uids() {
        let dictionary = holding(Value::Uid(Uid::new(1)));
        assert_eq!(refusal(xml(&dictionary)), "a[0]: a UID, which is for keyed archives");
        assert_eq!(refusal(binary(&dictionary)), "a[0]: a UID, which is for keyed archives");
    }

    #[test]
    fn refuses_reals_that_are_not_finite() {
        for real in [f64::NAN, f64::NEG_INFINITY] {
            assert_eq!(refusal(xml(&holding(real))), "a[0]: a real that is not finite");
            assert_eq!(refusal(binary(&holding(real))), "a[0]: a real that is not finite");
        }
    }

    #[test]
    fn refuses_dates_out_of_years_1_to_9999() {
        for outside in [date(DATES.start, 0), date(DATES.start - 1, 0), date(DATES.end, 0)] {
            let is_start = outside == date(DATES.start, 0);
            assert_eq!(xml(&holding(outside.clone())).is_ok(), is_start);
            assert_eq!(binary(&holding(outside)).is_ok(), is_start);
        }
        assert_eq!(
            refusal(binary(&holding(date(DATES.start - 1, 500_000_000)))),
            "a[0]: a date that is not in years 1 to 9999"
        );
    }

    #[test]
    fn xml_refuses_parts_of_a_second_and_binary_keeps_them() {
        for seconds in [-5, 5] {
            let dictionary = holding(date(seconds, 500_000_000));
            assert_eq!(refusal(xml(&dictionary)), "a[0]: XML cannot hold a date with parts of a second");
            assert_eq!(read(&binary(&dictionary).unwrap()).unwrap().into_dictionary().unwrap(), dictionary);
        }
    }

    #[test]
    fn xml_refuses_characters_that_it_cannot_hold_and_binary_keeps_them() {
        for text in ["\0", "\u{1b}", "\u{ffff}"] {
            let value = holding(text);
            assert!(refusal(xml(&value)).starts_with("a[0]: XML cannot hold the character U+"));
            assert_eq!(read(&binary(&value).unwrap()).unwrap().into_dictionary().unwrap(), value);
            let key = Dictionary::from_iter([(text, true)]);
            assert!(refusal(xml(&key)).contains("XML cannot hold the character U+"));
        }
    }

    #[test]
    fn takes_512_levels_and_refuses_one_more() {
        let nested = |levels: usize| {
            let value = (2..levels).fold(Value::Array(Vec::new()), |inner, _| Value::Array(vec![inner]));
            Dictionary::from_iter([("a", value)])
        };
        let deepest = nested(DEEPEST);
        assert_eq!(read(&xml(&deepest).unwrap()).unwrap().into_dictionary().unwrap(), deepest);
        assert_eq!(read(&binary(&deepest).unwrap()).unwrap().into_dictionary().unwrap(), deepest);
        let deeper = nested(DEEPEST + 1);
        assert!(refusal(xml(&deeper)).ends_with("nested deeper than the 512 levels that are allowed"));
        assert!(refusal(binary(&deeper)).ends_with("nested deeper than the 512 levels that are allowed"));
    }

    #[test]
    fn refuses_what_reading_would_refuse_for_its_size() {
        let long = Dictionary::from_iter([("k".repeat(LONGEST_KEY + 1), true)]);
        assert!(refusal(xml(&long)).ends_with("the key is longer than 1024 bytes"));
        let many = holding(vec![Value::Boolean(true); MOST_VALUES]);
        assert!(refusal(xml(&many)).contains("more than the 250000 values"));
        let large = holding("x".repeat(LARGEST));
        assert!(refusal(xml(&large)).contains("larger than the 33554432 bytes"));
        assert!(refusal(binary(&large)).contains("larger than the 33554432 bytes"));
    }

    #[test]
    fn a_carriage_return_is_written_so_that_it_survives() {
        let text = String::from_utf8(xml(&holding("a\r\nb")).unwrap()).unwrap();
        assert!(text.contains("<string>a&#13;\nb</string>"));
        assert!(text.ends_with("</dict>\n</plist>\n"));
    }

    /// `CFBinaryPList.c` demands that the number of objects itself fits a reference.
    #[test]
    fn references_are_as_wide_as_core_foundation_demands() {
        for (integers, size) in [(252, 1), (253, 2), (254, 2)] {
            let items: Vec<Value> = (0..integers).map(|integer| Value::Integer(integer.into())).collect();
            let dictionary = Dictionary::from_iter([("a", Value::Array(items))]);
            let bytes = binary(&dictionary).unwrap();
            assert_eq!(bytes[bytes.len() - 25], size, "{integers} integers, a key, an array and a dictionary");
            assert_eq!(read(&bytes).unwrap().into_dictionary().unwrap(), dictionary);
        }
    }
}
