//! Placeholders `{{name}}` in the values of a profile, filled typed and all or nothing.
//!
//! A value that is a placeholder and nothing else takes the declared type; inside a longer string a placeholder
//! is text. Only values are filled, never keys. `%…%` and `$…` belong to others and pass untouched. A name is an ASCII
//! letter or `_`, then ASCII letters, digits, `_` and `-`.

mod cut;
mod placeholder;
mod problem;

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use plist::{Dictionary, Value};

pub use cut::{Cut, Filled};
pub(crate) use placeholder::date;
pub use placeholder::{Kind, Pattern, Placeholder};
pub use problem::{PlaceholderFault, PlaceholderProblem};

use crate::{
    Error, KeyPath, Profile, Removal, Result, Step, UuidSource,
    check::{Code, Finding},
    document::LARGEST,
    removal::PASSWORD_TYPE,
    uuids,
};

/// The values for placeholders, by name, as text: from a command line, a table's row, a request.
pub type Values = BTreeMap<String, String>;

/// Declared placeholders, by name.
pub type Declarations = BTreeMap<String, Placeholder>;

/// A profile whose values may hold placeholders, and what each placeholder takes.
#[derive(Clone)]
pub struct Template {
    dictionary: Dictionary,
    placeholders: BTreeMap<String, Placeholder>,
}

/// The placeholders: values of the profile may be secret.
impl fmt::Debug for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Template").field("placeholders", &self.placeholders).finish_non_exhaustive()
    }
}

impl Template {
    /// A template whose every placeholder must be declared: what a spec is.
    ///
    /// # Errors
    /// [`Error::Placeholders`] for an undeclared name or a `{{` that starts none.
    pub fn new(profile: &Profile, placeholders: BTreeMap<String, Placeholder>) -> Result<Self> {
        let template = Self { dictionary: profile.to_dictionary(), placeholders };
        template.names(true)?;
        Ok(template)
    }

    /// A template whose undeclared placeholders are strings without a default: what a `.mobileconfig` is.
    ///
    /// # Errors
    /// [`Error::Placeholders`] for a `{{` that starts no placeholder.
    pub fn with_strings(profile: &Profile, placeholders: BTreeMap<String, Placeholder>) -> Result<Self> {
        let mut template = Self { dictionary: profile.to_dictionary(), placeholders };
        for name in template.names(false)? {
            template.placeholders.entry(name).or_default();
        }
        Ok(template)
    }

    /// The placeholders by name, used or not.
    pub fn placeholders(&self) -> &BTreeMap<String, Placeholder> {
        &self.placeholders
    }

    /// The placeholders alone.
    pub(crate) fn into_placeholders(self) -> BTreeMap<String, Placeholder> {
        self.placeholders
    }

    /// The names that are declared and stand nowhere.
    pub fn unused(&self) -> Vec<&str> {
        let used = self.names(false).unwrap_or_default();
        self.placeholders.keys().map(String::as_str).filter(|name| !used.contains(*name)).collect()
    }

    /// Whether a value of a secret placeholder stands at a path, or below it.
    pub fn is_secret_at(&self, path: &KeyPath) -> bool {
        let Some(value) = path.find(&self.dictionary) else { return false };
        let mut secret = false;
        KeyPath::root().walk(value, &mut |value, _| {
            let text = value.as_string().unwrap_or_default();
            secret |= names(text).any(|name| self.placeholders.get(name).is_some_and(|known| known.secret));
        });
        secret
    }

    /// Where a secret stands in what names a profile: its identifier, its UUID and those of its payloads.
    pub(crate) fn secrets_in_names(&self) -> Vec<KeyPath> {
        let payloads = self.dictionary.get("PayloadContent").and_then(Value::as_array).map_or(0, Vec::len);
        let payload = |index| KeyPath::root().key("PayloadContent").index(index).key(uuids::KEY);
        let own = ["PayloadIdentifier", uuids::KEY].map(|key| KeyPath::root().key(key));
        own.into_iter().chain((0..payloads).map(payload)).filter(|path| self.is_secret_at(path)).collect()
    }

    /// The names that stand somewhere. A `{{` that starts none is an error, and so is an undeclared one if asked.
    fn names(&self, declared_only: bool) -> Result<BTreeSet<String>> {
        let mut used = BTreeSet::new();
        let mut problems = Problems::default();
        let whole = Value::Dictionary(self.dictionary.clone());
        KeyPath::root().walk(&whole, &mut |value, path| {
            for part in parts(value.as_string().unwrap_or_default()) {
                match part {
                    Part::Name(name) if declared_only && !self.placeholders.contains_key(name) => {
                        problems.push(|| PlaceholderProblem::new(name, PlaceholderFault::Undeclared).at(path));
                    }
                    Part::Name(name) if !used.contains(name) => drop(used.insert(name.to_owned())),
                    Part::Stray(inner) => problems.push(|| match misnamed(inner) {
                        Some(word) => PlaceholderProblem::new(word, PlaceholderFault::NoName).at(path),
                        None => PlaceholderProblem::unnamed(PlaceholderFault::Stray).at(path),
                    }),
                    Part::Name(_) | Part::Text(_) => {}
                }
            }
        });
        problems.none()?;
        Ok(used)
    }

    /// The profile with every placeholder filled, missing UUIDs from `source`.
    ///
    /// # Errors
    /// [`Error::Placeholders`] with everything that is wrong: a value for a name that is not declared, a value of
    /// another type or not of the pattern, no value and no default. Values of secrets are not shown.
    /// [`Error::EmptyPassword`] where a removal password becomes nothing, and [`Error::NotAProfile`] where a filled value
    /// breaks what every profile must be.
    pub fn fill(&self, values: &Values, source: UuidSource) -> Result<Profile> {
        let mut profile = self.filled(values, None)?;
        profile.fill_uuids(source);
        Ok(profile)
    }

    /// As [`fill`](Template::fill), with this `PayloadUUID` of the profile whatever the template has there; payloads
    /// that have none get those of their identifiers.
    ///
    /// # Errors
    /// As [`fill`](Template::fill).
    pub fn fill_as(&self, values: &Values, uuid: &str) -> Result<Profile> {
        let mut profile = self.filled(values, Some(uuid))?;
        profile.fill_uuids(UuidSource::Content);
        Ok(profile)
    }

    /// As [`fill_as`](Template::fill_as), with no further UUIDs.
    pub(crate) fn filled(&self, values: &Values, uuid: Option<&str>) -> Result<Profile> {
        let typed = self.typed(values)?;
        let mut filled = Filling { typed: &typed, room: LARGEST }.dictionary(&self.dictionary)?;
        filled.extend(uuid.map(|uuid| (uuids::KEY.to_owned(), uuid.into())));
        let profile = Profile::from_dictionary(filled)?;
        if profile.removal() == Removal::Password(String::new()) && self.password_is_placeholder() {
            return Err(Error::EmptyPassword);
        }
        Ok(profile)
    }

    /// The placeholder whose value alone makes what an error of [`fill`](Template::fill) is about, where there is one.
    pub(crate) fn blamed(&self, error: &Error) -> Option<&str> {
        let texts: Vec<&Value> = match error {
            Error::NotAProfile { place, .. } => place.path.as_ref()?.find(&self.dictionary).into_iter().collect(),
            Error::EmptyPassword => self.passwords().collect(),
            _ => return None,
        };
        let mut names = texts.into_iter().filter_map(Value::as_string).flat_map(names);
        names.next().filter(|_| names.next().is_none())
    }

    /// A finding in a profile of this template: where a placeholder's type makes it, with what to declare.
    pub fn explained(&self, finding: Finding) -> Finding {
        let wanted = match (finding.code, finding.path.0.last()) {
            (Code::WrongType, Some(Step::Key(key))) if key == "PayloadVersion" => "integer",
            (Code::RemovalFlagNotBoolean, _) => "boolean",
            _ => return finding,
        };
        let text = finding.path.find(&self.dictionary).and_then(Value::as_string).unwrap_or_default();
        let [Part::Name(name)] = parts(text).collect::<Vec<_>>()[..] else { return finding };
        let message = format!(
            "{}: declare placeholder {name:?} with type = \"{wanted}\", for a .mobileconfig in the .toml of its name beside it",
            finding.message
        );
        Finding { message, ..finding }
    }

    /// The removal passwords.
    fn passwords(&self) -> impl Iterator<Item = &Value> {
        let payloads = self.dictionary.get("PayloadContent").and_then(Value::as_array).into_iter().flatten();
        let payloads = payloads.filter_map(Value::as_dictionary);
        let passwords = payloads.filter(|keys| keys.get("PayloadType") == Some(&PASSWORD_TYPE.into()));
        passwords.filter_map(|keys| keys.get("RemovalPassword"))
    }

    /// A profile of this template with some value of its type in each placeholder's place: what can be known of all.
    ///
    /// # Errors
    /// As [`fill`](Template::fill).
    pub(crate) fn sample(&self) -> Result<Profile> {
        let some = |placeholder: &Placeholder| Placeholder {
            kind: placeholder.kind,
            default: Some(placeholder.kind.sample().into()),
            pattern: None,
            secret: placeholder.secret,
        };
        let placeholders = self.placeholders.iter().map(|(name, placeholder)| (name.clone(), some(placeholder)));
        let template = Self { dictionary: self.dictionary.clone(), placeholders: placeholders.collect() };
        template.fill(&Values::new(), UuidSource::Content)
    }

    /// Whether the template itself has a removal password that is to be filled.
    fn password_is_placeholder(&self) -> bool {
        let profile = Profile::from_dictionary(self.dictionary.clone());
        profile.is_ok_and(|profile| matches!(profile.removal(), Removal::Password(password) if !password.is_empty()))
    }

    fn typed(&self, values: &Values) -> Result<BTreeMap<&str, Value>> {
        let mut typed = BTreeMap::new();
        let mut problems = Problems::default();
        for name in values.keys().filter(|name| !self.placeholders.contains_key(*name)) {
            problems.push(|| PlaceholderProblem::new(name, PlaceholderFault::Undeclared));
        }
        for (name, placeholder) in &self.placeholders {
            match placeholder.value(name, values.get(name).map(String::as_str)) {
                Ok(value) => drop(typed.insert(name.as_str(), value)),
                Err(problem) => problems.push(|| problem),
            }
        }
        problems.none()?;
        Ok(typed)
    }
}

/// What is wrong, as much as somebody reads.
#[derive(Default)]
struct Problems {
    list: Vec<PlaceholderProblem>,
    more: usize,
}

impl Problems {
    fn push(&mut self, problem: impl FnOnce() -> PlaceholderProblem) {
        match self.list.len() < MOST_PROBLEMS {
            true => self.list.push(problem()),
            false => self.more += 1,
        }
    }

    /// Nothing, or an error with all of them.
    fn none(self) -> Result<()> {
        let Self { list: problems, more } = self;
        if problems.is_empty() { Ok(()) } else { Err(Error::Placeholders { problems, more }) }
    }
}

/// Values filled in, until there is no room: a small template can ask for a value many times.
struct Filling<'a> {
    typed: &'a BTreeMap<&'a str, Value>,
    /// How many bytes of strings and data there may still be.
    room: usize,
}

impl Filling<'_> {
    fn dictionary(&mut self, dictionary: &Dictionary) -> Result<Dictionary> {
        let mut filled = Dictionary::new();
        for (key, value) in dictionary {
            filled.insert(key.clone(), self.value(value)?);
        }
        Ok(filled)
    }

    fn value(&mut self, value: &Value) -> Result<Value> {
        match value {
            Value::String(text) => self.text(text),
            Value::Dictionary(inner) => self.dictionary(inner).map(Value::Dictionary),
            Value::Array(items) => Ok(Value::Array(items.iter().map(|item| self.value(item)).collect::<Result<_>>()?)),
            other => Ok(other.clone()),
        }
    }

    fn text(&mut self, text: &str) -> Result<Value> {
        let typed = self.typed;
        let value = |name: &str| typed.get(name).expect("every name that is used has a value");
        let parts: Vec<_> = parts(text).collect();
        if let [Part::Name(name)] = parts.as_slice() {
            self.take(size(value(name)))?;
            return Ok(value(name).clone());
        }
        let mut filled = String::new();
        for part in parts {
            let part = match part {
                Part::Text(text) => Cow::Borrowed(text),
                Part::Name(name) => placeholder::text(value(name)),
                Part::Stray(_) => Cow::Borrowed("{{"),
            };
            self.take(part.len())?;
            filled.push_str(&part);
        }
        Ok(Value::String(filled))
    }

    fn take(&mut self, size: usize) -> Result<()> {
        let problems = || vec![PlaceholderProblem::unnamed(PlaceholderFault::TooLarge)];
        self.room = self.room.checked_sub(size).ok_or_else(|| Error::Placeholders { problems: problems(), more: 0 })?;
        Ok(())
    }
}

fn size(value: &Value) -> usize {
    match value {
        Value::String(text) => text.len(),
        Value::Data(bytes) => bytes.len(),
        _ => 0,
    }
}

/// The names of the placeholders in a string.
pub(crate) fn names(text: &str) -> impl Iterator<Item = &str> {
    parts(text).filter_map(|part| match part {
        Part::Name(name) => Some(name),
        _ => None,
    })
}

/// Words in the braces of placeholders that cannot name one.
pub(crate) fn misnames(text: &str) -> impl Iterator<Item = &str> {
    parts(text).filter_map(|part| match part {
        Part::Stray(inner) => misnamed(inner),
        _ => None,
    })
}

enum Part<'a> {
    Text(&'a str),
    Name(&'a str),
    /// A `{{` that starts no placeholder, and what stands after it, which comes next.
    Stray(&'a str),
}

fn parts(text: &str) -> impl Iterator<Item = Part<'_>> {
    let mut rest = text;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let (part, left) = match rest.find("{{") {
            Some(0) => match name_at(rest) {
                Some((name, left)) => (Part::Name(name), left),
                None => (Part::Stray(&rest[2..]), &rest[2..]),
            },
            Some(start) => (Part::Text(&rest[..start]), &rest[start..]),
            None => (Part::Text(rest), ""),
        };
        rest = left;
        Some(part)
    })
}

/// The name of a placeholder at the start of a text, and what comes after it.
fn name_at(text: &str) -> Option<(&str, &str)> {
    let inner = text.strip_prefix("{{")?;
    // Not up to the next `}}`: in a string of nothing but `{{` that would look at everything again for each of them.
    let end = inner.find(|c: char| c != ' ' && !belongs(c)).unwrap_or(inner.len());
    let name = inner[..end].trim_matches(' ');
    is_name(name).then_some((name, inner[end..].strip_prefix("}}")?))
}

/// The word after a `{{` that would name a placeholder in another script, or but for its first character.
fn misnamed(inner: &str) -> Option<&str> {
    let may_be_meant = |c: char| belongs(c) || !c.is_ascii();
    let (end, _) = inner.char_indices().take(LONGEST_WORD).find(|(_, c)| *c != ' ' && !may_be_meant(*c))?;
    let word = inner[..end].trim_matches(' ');
    let is_word = !word.is_empty() && word.chars().all(may_be_meant);
    (is_word && inner[end..].starts_with("}}")).then_some(word)
}

/// Whether a word can name a placeholder: a letter or `_`, then letters, digits, `_`, `-`.
pub(crate) fn is_name(word: &str) -> bool {
    let first = word.chars().next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_');
    first && word.chars().all(belongs)
}

fn belongs(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | '-')
}

/// What names a placeholder, for people.
pub(crate) const NAME: &str = "a name is an ASCII letter or _, then ASCII letters, digits, _ and -";
/// In characters, with what stands behind it.
const LONGEST_WORD: usize = 64;
/// More problems than this are counted, not told.
const MOST_PROBLEMS: usize = 100;

#[cfg(test)]
mod tests {

    use super::*;
    use crate::Payload;

    fn template(ssid: &str, placeholders: &[(&str, Placeholder)]) -> Result<Template> {
        let mut profile = Profile::new("jp.example.ivi-mdm", "IVI MDM");
        let mut wifi = Payload::new("com.apple.wifi.managed");
        wifi.insert("SSID_STR", ssid);
        profile.push(wifi);
        let placeholders = placeholders.iter().map(|(name, placeholder)| (name.to_string(), placeholder.clone()));
        Template::new(&profile, placeholders.collect())
    }

    fn filled(ssid: &str, placeholders: &[(&str, Placeholder)], values: &[(&str, &str)]) -> Result<Value> {
        let values = values.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect();
        let profile = template(ssid, placeholders)?.fill(&values, UuidSource::Content)?;
        Ok(profile.payloads()[0].get("SSID_STR").unwrap().clone())
    }

    fn of_kind(kind: Kind) -> Placeholder {
        Placeholder { kind, ..Placeholder::default() }
    }

    #[test]
    fn a_whole_value_takes_the_declared_type() {
        let value = filled("{{n}}", &[("n", of_kind(Kind::Integer))], &[("n", "18446744073709551615")]).unwrap();
        assert_eq!(value, Value::Integer(u64::MAX.into()));
    }

    #[test]
    fn inside_a_longer_string_a_placeholder_is_text() {
        let value = filled("n={{n}}.", &[("n", of_kind(Kind::Integer))], &[("n", "7")]).unwrap();
        assert_eq!(value, Value::String("n=7.".into()));
    }

    #[test]
    fn a_name_that_is_the_prefix_of_another_is_not_taken_for_it() {
        let placeholders = [("ser", Placeholder::default()), ("serial", Placeholder::default())];
        let value = filled("{{serial}}-{{ser}}", &placeholders, &[("ser", "A"), ("serial", "B")]).unwrap();
        assert_eq!(value, Value::String("B-A".into()));
    }

    #[test]
    fn a_value_is_not_searched_for_placeholders_again() {
        let value = filled("{{a}}", &[("a", Placeholder::default())], &[("a", "{{a}}</string>&")]).unwrap();
        assert_eq!(value, Value::String("{{a}}</string>&".into()));
    }

    #[test]
    fn variables_of_others_pass_untouched() {
        let value = filled("%serial% $UUID {one}", &[], &[]).unwrap();
        assert_eq!(value, Value::String("%serial% $UUID {one}".into()));
    }

    #[test]
    fn says_everything_that_is_missing_at_once() {
        let placeholders = [("a", Placeholder::default()), ("b", of_kind(Kind::Boolean))];
        let error = filled("{{a}}{{b}}", &placeholders, &[("b", "yes"), ("c", "x")]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "placeholder \"c\" is not declared; placeholder \"a\" has no value; \
             placeholder \"b\": \"yes\" is not a boolean: true or false"
        );
    }

    #[test]
    fn tells_what_is_wrong_in_parts_and_no_secret() {
        let pin = Placeholder { kind: Kind::Integer, secret: true, ..Placeholder::default() };
        let code = Placeholder { pattern: Some(Pattern::new("[A-Z]+").unwrap()), ..Placeholder::default() };
        let placeholders = [("code", code), ("name", Placeholder::default()), ("pin", pin)];
        let error = filled("{{pin}}{{code}}{{name}}", &placeholders, &[("pin", "hunter2"), ("code", "a"), ("x", "")]);
        let Err(Error::Placeholders { problems, more: 0 }) = error else { panic!("{error:?}") };
        let parts = problems.iter().map(|it| (it.name.as_deref().unwrap(), it.value.as_deref(), it.fault.clone()));
        let no_match = PlaceholderFault::NoMatch { pattern: "[A-Z]+".into() };
        let wrong_kind = PlaceholderFault::WrongKind { kind: Kind::Integer };
        assert_eq!(
            parts.collect::<Vec<_>>(),
            [
                ("x", None, PlaceholderFault::Undeclared),
                ("code", Some("a"), no_match),
                ("name", None, PlaceholderFault::NoValue),
                ("pin", None, wrong_kind)
            ]
        );
    }

    #[test]
    fn refuses_an_undeclared_name_with_its_place() {
        let error = template("{{ssid}}", &[]).unwrap_err();
        assert_eq!(error.to_string(), "PayloadContent[0].SSID_STR: placeholder \"ssid\" is not declared");
    }

    #[test]
    fn refuses_an_opening_that_starts_no_placeholder() {
        assert!(template("{{not closed", &[]).is_err());
        assert!(template("{{two words}}", &[]).is_err());
    }

    #[test]
    fn a_name_in_another_script_is_told_with_what_names_are() {
        for (text, word) in [("S/N {{シリアル}}.", "シリアル"), ("{{ 端末-1 }}", "端末-1"), ("{{1st}}", "1st")]
        {
            let error = template(text, &[]).unwrap_err().to_string();
            assert_eq!(error, format!("PayloadContent[0].SSID_STR: {{{{{word}}}}} is no placeholder: {NAME}"));
        }
        for text in
            ["{{シリアル", "{{シリアル 番号}}", "{{}}", &"{{長".repeat(1000), &format!("{{{{{}}}}}", "長".repeat(100))]
        {
            let error = template(text, &[]).unwrap_err().to_string();
            assert!(error.contains("starts no placeholder: write {{name}}"), "{error}");
        }
    }

    #[test]
    fn a_secret_value_is_not_shown() {
        let secret = Placeholder { kind: Kind::Integer, secret: true, ..Placeholder::default() };
        let error = filled("{{pin}}", &[("pin", secret)], &[("pin", "hunter2")]).unwrap_err();
        assert_eq!(error.to_string(), "placeholder \"pin\": [redacted] is not an integer from -2^63 to 2^64-1");
    }

    #[test]
    fn a_date_that_leaves_the_calendar_in_utc_is_refused() {
        let error = filled("{{at}}", &[("at", of_kind(Kind::Date))], &[("at", "9999-12-31T23:59:59-12:00")]);
        assert!(error.unwrap_err().to_string().contains("is not a date"));
    }

    #[test]
    fn a_removal_password_filled_with_nothing_is_refused() {
        let mut profile = Profile::new("jp.example.ivi-mdm", "IVI MDM");
        profile.set_removal(Removal::Password("{{pin}}".into()));
        let template = Template::with_strings(&profile, BTreeMap::new()).unwrap();
        let values = Values::from([("pin".to_owned(), String::new())]);
        let error = template.fill(&values, UuidSource::Content).unwrap_err();
        assert!(matches!(&error, Error::EmptyPassword), "{error}");
        assert_eq!(template.blamed(&error), Some("pin"));
    }

    #[test]
    fn a_small_template_cannot_fill_the_memory() {
        let long = Placeholder { default: Some("x".repeat(20_000)), ..Placeholder::default() };
        let error = filled(&"{{x}}".repeat(20_000), &[("x", long)], &[]).unwrap_err();
        assert!(error.to_string().contains("would be larger than"), "{error}");
    }

    #[test]
    fn tells_a_hundred_problems_and_counts_the_rest() {
        let error = template(&"{{x}} ".repeat(150), &[]).unwrap_err();
        assert!(error.to_string().ends_with("; and 50 more"), "{error}");
        assert!(matches!(error, Error::Placeholders { problems, more: 50 } if problems.len() == 100));
    }

    #[test]
    fn knows_where_a_secret_stands() {
        let secret = Placeholder { secret: true, ..Placeholder::default() };
        let template = template("a{{pin}}", &[("pin", secret)]).unwrap();
        let payload = KeyPath::root().key("PayloadContent").index(0);
        assert!(template.is_secret_at(&payload.key("SSID_STR")));
        assert!(!template.is_secret_at(&payload.key("PayloadType")));
    }
}
