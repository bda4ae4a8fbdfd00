//! Property lists before `plistutil` and Python's `plistlib`: both read what the library writes, and the other way.
#![allow(clippy::unwrap_used, reason = "a test may fail by panic")]

use std::{
    fs,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use interop::{
    canonical, corpus, is_present,
    readers::{Plistlib, Plistutil},
};
use plist::{Date, Dictionary, Value};
use profile_kit::{Profile, document};

#[test]
fn plistlib_reads_what_we_write_and_we_read_what_it_writes() {
    if is_present(Plistlib::missing()) {
        exchange_with_plistlib(&nasty());
    }
}

#[test]
fn plistutil_reads_what_we_write_and_we_read_what_it_writes() {
    if is_present(Plistutil::missing()) {
        exchange_with_plistutil(&nasty());
    }
}

#[test]
fn plistlib_and_we_exchange_every_real_profile() {
    let Some(real) = real_profiles() else { return };
    if is_present(Plistlib::missing()) {
        exchange_with_plistlib(&real);
    }
}

#[test]
fn plistutil_and_we_exchange_every_real_profile() {
    let Some(real) = real_profiles() else { return };
    if is_present(Plistutil::missing()) {
        exchange_with_plistutil(&real);
    }
}

/// Not exchanged: plistlib writes both zeros as one in a binary list, and plistutil forgets the sign.
#[test]
fn plistlib_reads_our_negative_zero() {
    if !is_present(Plistlib::missing()) {
        return;
    }
    let zeros = profile(Value::Array(vec![Value::Real(0.0), Value::Real(-0.0)]));
    for theirs in Plistlib::reread(&[xml(&zeros), binary(&zeros)]) {
        assert_eq!(theirs.values.unwrap(), canonical::dictionary(&zeros));
    }
}

/// As they were found, not as we write them.
#[test]
fn plistlib_and_we_read_the_same_in_every_real_profile() {
    let Some(files) = real_files() else { return };
    if !is_present(Plistlib::missing()) {
        return;
    }
    let bytes: Vec<_> = files.iter().map(|(_, bytes)| bytes.clone()).collect();
    for ((name, bytes), theirs) in files.iter().zip(Plistlib::reread(&bytes)) {
        let ours = document::read(bytes).and_then(document::Document::into_dictionary);
        match (ours, theirs.values) {
            (Ok(ours), Ok(theirs)) => assert_eq!(canonical::dictionary(&ours), theirs, "{name}"),
            (Err(_), Err(_)) => {}
            (ours, theirs) => panic!("{name}: one of us cannot read it: {:?}, {theirs:?}", ours.map(|_| "we can")),
        }
    }
}

type Named = (String, Dictionary);

fn exchange_with_plistlib(lists: &[Named]) {
    let forms = lists.iter().flat_map(|(name, list)| {
        [(format!("{name}, XML"), list, xml(list)), (format!("{name}, binary"), list, binary(list))]
    });
    let forms: Vec<_> = forms.collect();
    let files: Vec<_> = forms.iter().map(|(_, _, bytes)| bytes.clone()).collect();
    for ((name, list, _), theirs) in forms.iter().zip(Plistlib::reread(&files)) {
        let ours = canonical::dictionary(list);
        let values = theirs.values.unwrap_or_else(|problem| panic!("{name}: plistlib cannot read it: {problem}"));
        assert_eq!(values, ours, "{name}: plistlib reads other values");
        let (theirs_xml, theirs_binary) = (read(&theirs.xml.unwrap()), read(&theirs.binary.unwrap()));
        assert_eq!(canonical::dictionary(&theirs_binary), ours, "{name}, made binary by plistlib");
        assert_eq!(canonical::dictionary(&theirs_xml), with_line_feeds(&ours), "{name}, made XML by plistlib");
    }
}

/// plistlib keeps a carriage return when it reads one, and writes a line feed for it in XML.
fn with_line_feeds(canonical: &str) -> String {
    canonical.replace("\\u000d\\u000a", "\\u000a").replace("\\u000d", "\\u000a")
}

fn exchange_with_plistutil(lists: &[Named]) {
    for (name, list) in lists {
        let theirs =
            Plistutil::to_binary(&xml(list)).unwrap_or_else(|| panic!("{name}: plistutil cannot read our XML"));
        assert_same(&read(&theirs), list, &format!("{name}, XML made binary by plistutil"));
        let theirs = Plistutil::to_xml(&binary(list));
        let theirs = theirs.unwrap_or_else(|| panic!("{name}: plistutil cannot read our binary"));
        assert_same(&read(&theirs), list, &format!("{name}, binary made XML by plistutil"));
    }
}

fn assert_same(theirs: &Dictionary, ours: &Dictionary, what: &str) {
    assert_eq!(canonical::dictionary(theirs), canonical::dictionary(ours), "{what}");
}

fn xml(list: &Dictionary) -> Vec<u8> {
    document::to_xml(list).unwrap()
}

fn binary(list: &Dictionary) -> Vec<u8> {
    document::to_binary(list).unwrap()
}

fn read(bytes: &[u8]) -> Dictionary {
    document::read(bytes).unwrap().into_dictionary().unwrap()
}

/// Profiles whose payload holds what readers are known to stumble over.
fn nasty() -> Vec<Named> {
    let strings = |strings: &[&str]| Value::Array(strings.iter().map(|it| Value::from(*it)).collect());
    let integers = [0, 1, -1, 127, 128, 255, 256, 65_535, 65_536, -129, i64::from(u32::MAX), i64::MAX, i64::MIN];
    let reals = [0.0, 0.1, 1.0, -2.5, 1e300, 5e-324, f64::MAX, f64::MIN_POSITIVE, 0.1 + 0.2];
    let lengths = [1, 14, 15, 16, 255, 256, 70_000];
    [
        ("integers", Value::Array(integers.map(|it| Value::Integer(it.into())).to_vec())),
        ("the largest integer", Value::Integer(u64::MAX.into())),
        ("reals", Value::Array(reals.map(Value::Real).to_vec())),
        ("booleans", Value::Array(vec![true.into(), false.into()])),
        (
            "empty values",
            Value::Array(vec!["".into(), Value::Data(vec![]), Value::Array(vec![]), Dictionary::new().into()]),
        ),
        ("line ends", strings(&["a\nb", "a\rb", "a\r\nb", "\r", "\n", "\n\n a\t b \n"])),
        ("white space", strings(&[" ", "  two  ", "\t", " leading", "trailing "])),
        (
            "mark-up",
            strings(&["<&>\"'", "]]>", "<![CDATA[x]]>", "&amp;", "&#13;", "<!-- no -->", "%wifi% $SERIAL {{name}}"]),
        ),
        (
            "letters",
            strings(&[
                "é",
                "e\u{301}",
                "構成プロファイル",
                "😀",
                "\u{10ffff}",
                "\u{feff}",
                "\u{200f}שלום",
                "\u{85}\u{2028}",
            ]),
        ),
        ("data", Value::Array(lengths.map(|it| Value::Data((0..it).map(|at| at as u8).collect())).to_vec())),
        ("lengths", strings(&lengths.map(|it| "x".repeat(it)).iter().map(String::as_str).collect::<Vec<_>>())),
        ("dates", Value::Array([-1, 0, 978_307_200, 1_751_328_001, 4_102_444_799, -2_208_988_800].map(date).to_vec())),
        ("many", Value::Array((0..1_000).map(|it| Value::Integer(it.into())).collect())),
        (
            "equal values",
            Value::Array(vec!["same".into(), "same".into(), true.into(), Value::Integer(1.into()), Value::Real(1.0)]),
        ),
        ("depth", (0..100).fold(Value::from("deep"), |inner, _| Value::Array(vec![inner]))),
        ("keys", keys(&["", " ", "z", "a", "é", "😀", "<&>", "a b", "A"])),
    ]
    .map(|(name, value)| (name.to_owned(), profile(value)))
    .to_vec()
}

/// Seconds since 1970.
fn date(seconds: i64) -> Value {
    let distance = Duration::from_secs(seconds.unsigned_abs());
    let time: SystemTime = if seconds < 0 { UNIX_EPOCH - distance } else { UNIX_EPOCH + distance };
    Value::Date(Date::from(time))
}

fn keys(keys: &[&str]) -> Value {
    let mut dictionary = Dictionary::new();
    for key in keys {
        dictionary.insert((*key).to_owned(), (*key).into());
    }
    dictionary.into()
}

fn profile(value: Value) -> Dictionary {
    let mut payload = profile_kit::Payload::new("com.example.nasty");
    payload.insert("Value", value);
    let mut profile = Profile::new("com.example.nasty", "Nasty");
    profile.push(payload);
    profile.to_dictionary()
}

/// The real profiles that we can read.
fn real_profiles() -> Option<Vec<Named>> {
    let readable =
        |(name, bytes): (String, Vec<u8>)| Some((name, document::read(&bytes).ok()?.into_dictionary().ok()?));
    let profiles: Vec<_> = real_files()?.into_iter().filter_map(readable).collect();
    assert!(profiles.len() > 200, "only {} real profiles can be read", profiles.len());
    Some(profiles)
}

fn real_files() -> Option<Vec<(String, Vec<u8>)>> {
    let files = fs::read_dir(corpus("unsigned")?).unwrap().map(|file| file.unwrap().path());
    Some(files.map(|path| (path.file_name().unwrap().display().to_string(), fs::read(&path).unwrap())).collect())
}
