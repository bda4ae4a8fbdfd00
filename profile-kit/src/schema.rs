//! Apple's schema of configuration profiles as a table of facts: which payload types there are, which keys they have,
//! and on which systems they work.
//!
//! The table is `schema/apple.txt`, made of Apple's own files by the example `make-schema`; its first lines name source
//! and licence. It is read once, at the first question.
//!
//! ```
//! use profile_kit::{Platform, schema};
//!
//! let [layout] = schema::find("com.apple.homescreenlayout") else { panic!("one file describes it") };
//! let ios = layout.support.on(Platform::Ios).unwrap();
//! assert_eq!((ios.supervised, ios.multiple), (Some(true), Some(false)));
//! let pages = layout.keys.find("Pages").unwrap();
//! assert!(pages.required && pages.kind == schema::Type::Array);
//! ```

mod facts;
mod near;
mod table;

use std::{fmt, sync::OnceLock};

use crate::Platform;
use table::{Group, Table};

pub use facts::{Bounds, Format, Introduced, Mode, Scalar, Support, Systems, Type};

/// A payload type, or one of several descriptions of it.
#[derive(Debug)]
#[non_exhaustive]
pub struct PayloadSchema {
    /// Apple's `PayloadType`.
    pub kind: &'static str,
    /// The name of Apple's file, which tells apart the descriptions of one type: `com.apple.MCX(WiFi)`.
    pub file: &'static str,
    /// Where the payload works.
    pub support: Systems,
    /// The keys that it has besides those that [every payload](common) has.
    pub keys: Keys,
}

/// A key of a dictionary, or the item of an array.
#[derive(Debug)]
#[non_exhaustive]
pub struct KeySchema {
    /// The key; of an item of an array a mere word. `ANY` is any key; see [`is_any`](KeySchema::is_any).
    pub name: &'static str,
    /// The type of its value.
    pub kind: Type,
    /// What the value is more closely: Apple's `subtype` of a string (`<url>`), its `subkeytype` of what is below.
    pub subtype: Option<&'static str>,
    /// Whether it has to be there when the dictionary around it is. False of most items of arrays: nothing is said.
    pub required: bool,
    /// The values that are allowed; empty where every one is.
    pub values: Box<[Scalar]>,
    /// The numbers that are allowed.
    pub range: Option<Bounds>,
    /// How many items an array may have.
    pub count: Option<Bounds>,
    /// What a string has to look like.
    pub format: Option<Format>,
    /// The value that counts where the key is absent.
    pub default: Option<Scalar>,
    /// The keys of a dictionary; the one kind of item of an array.
    pub keys: Keys,
    /// Where its support differs from that of what is around it.
    pub support: Systems,
}

impl KeySchema {
    /// Whether any key of a file is meant: Apple writes `ANY`, and in two places the name of an example.
    pub fn is_any(&self) -> bool {
        self.name == "ANY" || EXAMPLES.contains(&(self.name, self.kind))
    }

    /// Whether a file has no such level: what is below stands where it is.
    pub fn is_stand_in(&self) -> bool {
        self.name == "ConsentTextItem"
    }
}

/// Below the Kerberos extension's `domainRealmMapping` and below `UserPrinterList`: the administrator names them.
const EXAMPLES: &[(&str, Type)] = &[("Realm", Type::Array), ("Printer", Type::Dictionary)];

/// The keys of a dictionary, in Apple's order. A handle: some dictionaries contain themselves.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Keys(u16);

impl Keys {
    const NONE: Self = Self(0);

    /// All of them.
    pub fn iter(self) -> impl ExactSizeIterator<Item = &'static KeySchema> {
        self.group().keys.iter()
    }

    /// The key of a name, as Apple writes it.
    pub fn find(self, name: &str) -> Option<&'static KeySchema> {
        self.group().find(name)
    }

    /// Those that have to be there when the dictionary is.
    pub fn required(self) -> impl Iterator<Item = &'static KeySchema> {
        self.group().required()
    }

    /// The key that a misspelt one probably means.
    pub fn near(self, name: &str) -> Option<&'static KeySchema> {
        near::nearest(name, self.iter().map(|key| key.name)).and_then(|near| self.find(near))
    }

    /// What stands for any key, if something does.
    pub fn any(self) -> Option<&'static KeySchema> {
        self.group().any()
    }

    /// Whether there is none.
    pub fn is_empty(self) -> bool {
        self == Self::NONE
    }

    fn group(self) -> &'static Group {
        &table().groups[usize::from(self.0)]
    }
}

/// The names: what is below them may have no end.
impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter().map(|key| key.name)).finish()
    }
}

/// All payload types, sorted by name; those that several files describe come several times.
pub fn types() -> impl ExactSizeIterator<Item = &'static PayloadSchema> {
    table().payloads.iter()
}

/// The descriptions of a payload type; none where Apple's schema does not know it.
pub fn find(kind: &str) -> &'static [PayloadSchema] {
    table().find(kind)
}

/// The payload type that a misspelt one probably means: the same but for case and space around it, or a typing error
/// away, two in a long word.
pub fn near(kind: &str) -> Option<&'static str> {
    near::nearest(kind, types().map(|payload| payload.kind))
}

/// The top level of a profile.
pub fn top_level() -> &'static PayloadSchema {
    &table().top_level
}

/// The keys that every payload has.
pub fn common() -> &'static PayloadSchema {
    &table().common
}

fn table() -> &'static Table {
    static TABLE: OnceLock<Table> = OnceLock::new();
    TABLE.get_or_init(|| Table::parse(APPLE).expect("the table is part of the program, and a test reads it"))
}

const APPLE: &str = include_str!("schema/apple.txt");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dictionary_may_contain_itself() {
        let icons = find("com.apple.homescreenlayout")[0].keys.find("Dock").unwrap().keys;
        let pages = icons.find("IconItem").unwrap().keys.find("Pages").unwrap().keys;
        assert_eq!(pages.find("PagesItem").unwrap().keys, icons);
        assert_eq!(format!("{pages:?}"), r#"["PagesItem"]"#);
    }

    #[test]
    fn one_type_may_have_several_descriptions() {
        let files: Vec<_> = find("com.apple.extensiblesso").iter().map(|payload| payload.file).collect();
        assert_eq!(files, ["com.apple.extensiblesso", "com.apple.extensiblesso(kerberos)"]);
        assert_eq!(find("com.apple.MCX").len(), 6);
        assert!(find("com.example.unknown").is_empty());
    }

    #[test]
    fn every_key_is_found_by_its_name() {
        for payload in types() {
            for key in payload.keys.iter() {
                assert!(std::ptr::eq(payload.keys.find(key.name).unwrap(), key), "{}", key.name);
            }
        }
    }

    #[test]
    fn every_format_compiles() {
        let all = types().flat_map(|payload| payload.keys.iter());
        let formats: Vec<_> = all.filter_map(|key| key.format.as_ref()).collect();
        assert!(formats.len() > 5 && formats.iter().all(|format| regex_lite::Regex::new(format.pattern).is_ok()));
    }

    #[test]
    fn keys_named_by_the_administrator_are_any() {
        let mappings = find("com.apple.extensiblesso").iter().filter_map(|sso| sso.keys.find("ExtensionData"));
        let realm = mappings.filter_map(|data| data.keys.find("domainRealmMapping")).next().unwrap().keys.any();
        assert_eq!(realm.map(|realm| realm.kind), Some(Type::Array));
        assert!(!find("com.apple.sso")[0].keys.find("Kerberos").unwrap().keys.find("Realm").unwrap().is_any());
    }

    #[test]
    fn what_a_key_does_not_say_its_payload_says() {
        let mdm = &find("com.apple.mdm")[0];
        let (outer, key) = (mdm.support.on(Platform::Ios).unwrap(), mdm.keys.find("ManagedAppleID").unwrap());
        let support = key.support.on(Platform::Ios).unwrap().within(outer);
        assert_eq!(support.introduced.map(|version| version.to_string()), Some("13.1".into()));
        assert_eq!((support.multiple, support.user_enrolment), (Some(false), Some(Mode::Required)));
    }
}
