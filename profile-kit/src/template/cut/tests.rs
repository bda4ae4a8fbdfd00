use std::collections::BTreeMap;

use plist::{Dictionary, Value};
use proptest::{collection::vec, option, prelude::*, sample::select};

use super::*;
use crate::{
    Digest, Error, Payload, Profile, Removal, Signable,
    removal::PASSWORD_TYPE,
    sha256::sha256,
    template::{Declarations, Kind, Placeholder},
};

const KINDS: [(&str, Kind); 6] = [
    ("text", Kind::String),
    ("integer", Kind::Integer),
    ("real", Kind::Real),
    ("flag", Kind::Boolean),
    ("date", Kind::Date),
    ("data", Kind::Data),
];

fn declared() -> Declarations {
    let placeholder = |kind| Placeholder { kind, ..Placeholder::default() };
    let mut declared: Declarations = KINDS.map(|(name, kind)| (name.to_owned(), placeholder(kind))).into();
    declared.insert("other".into(), Placeholder { default: Some("default".into()), ..Placeholder::default() });
    declared
}

/// Keys that rules, UUIDs or the removal depend on, and others.
fn key() -> impl Strategy<Value = &'static str> {
    select(vec![
        "PayloadUUID",
        "PayloadVersion",
        "PayloadDisplayName",
        "PayloadOrganization",
        "PayloadScope",
        "PayloadRemovalDisallowed",
        "RemovalPassword",
        "RemovalDate",
        "IsEncrypted",
        "TargetDeviceType",
        "ConsentText",
        "A",
        "B<&>",
    ])
}

fn text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        select(vec!["{{text}}", "{{ other }}", "{{integer}}", "{{real}}", "{{flag}}", "{{date}}", "{{data}}"]),
        select(vec!["", "a", "<b>&'\"", "\r\n", "端末", "\u{1}", "1"]),
    ];
    vec(piece, 0..4).prop_map(|pieces| pieces.concat())
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        6 => text().prop_map(Value::String),
        1 => any::<bool>().prop_map(Value::Boolean),
        1 => (0..3_i64).prop_map(|number| Value::Integer(number.into())),
        1 => vec(any::<u8>(), 0..60).prop_map(Value::Data),
    ];
    leaf.prop_recursive(2, 6, 3, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..3).prop_map(Value::Array),
            vec((key(), inner), 0..3).prop_map(|entries| Value::Dictionary(dictionary(entries))),
        ]
    })
}

fn dictionary(entries: Vec<(&'static str, Value)>) -> Dictionary {
    entries.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
}

fn payload() -> impl Strategy<Value = Payload> {
    let kind = select(vec!["com.apple.wifi.managed", PASSWORD_TYPE, "{{text}}", "", PASSWORD_TYPE]);
    let identifier = option::of(prop_oneof![Just("a.b".to_owned()), text()]);
    (kind, identifier, vec((key(), value()), 0..5)).prop_map(|(kind, identifier, entries)| {
        let mut payload = Payload::new(kind);
        if let Some(identifier) = identifier {
            payload.insert("PayloadIdentifier", identifier);
        }
        entries.into_iter().for_each(|(key, value)| payload.insert(key, value));
        payload
    })
}

fn template() -> impl Strategy<Value = Template> {
    let identifier = prop_oneof![3 => Just("jp.example".to_owned()), 1 => text(), 1 => Just("{{text}}".to_owned())];
    (identifier, vec((key(), value()), 0..4), vec(payload(), 0..4)).prop_filter_map(
        "no profile",
        |(identifier, entries, payloads)| {
            let mut keys = Profile::new("x", "Name").to_dictionary();
            keys.insert("PayloadIdentifier".into(), identifier.into());
            keys.extend(dictionary(entries));
            let mut profile = Profile::from_dictionary(keys).ok()?;
            profile.payloads_mut().extend(payloads);
            Template::new(&profile, declared()).ok()
        },
    )
}

fn given() -> impl Strategy<Value = Values> {
    let of = |name: &'static str, texts: &'static [&'static str]| {
        option::weighted(0.95, select(texts)).prop_map(move |text| text.map(|text| (name.to_owned(), text.to_owned())))
    };
    (
        of(
            "text",
            &["", "x", "y", PASSWORD_TYPE, "a<b>&amp;'\"\r\n\t", "端末😀", "\u{0}", "\u{fffe}", "{{text}}", "1"],
        ),
        of("other", &["", "z", "£é", "1"]),
        of("integer", &["0", "1", "2", "-7", "18446744073709551615", "0", "1", "2", "one"]),
        of("real", &["1", "1.0", "-0", "2.5e300"]),
        of("flag", &["true", "false"]),
        of("date", &["2030-01-02T03:04:05Z", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z"]),
        of(
            "data",
            &["", "AAEC", "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIjJCUmJygpKissLS4vMDEyMzQ1Njc4OTo7PD0+Pw=="],
        ),
    )
        .prop_map(|(a, b, c, d, e, f, g)| [a, b, c, d, e, f, g].into_iter().flatten().collect())
}

/// Everything that is known of what was filled.
#[derive(Debug, PartialEq)]
struct Known {
    xml: String,
    identifier: String,
    uuid: Option<String>,
    payload_uuids: Vec<Option<String>>,
    removal: Removal,
    refusals: Vec<check::Finding>,
}

fn filled(cut: &Cut, values: &Values) -> std::result::Result<Known, String> {
    let filled = cut.fill(values).map_err(|error| error.to_string())?;
    let content = filled.content().unwrap();
    assert_eq!(*content, *filled.xml().as_bytes());
    assert_eq!(content.digest(Digest::Sha256), sha256(&content));
    assert_eq!(filled.profile().to_xml().unwrap(), filled.xml().as_bytes());
    Ok(Known {
        xml: filled.xml().to_owned(),
        identifier: filled.identifier().to_owned(),
        uuid: filled.uuid().map(str::to_owned),
        payload_uuids: filled.payload_uuids().map(|uuid| uuid.map(str::to_owned)).collect(),
        removal: filled.removal().clone(),
        refusals: filled.refusals(),
    })
}

fn filled_and_written(template: &Template, values: &Values) -> std::result::Result<Known, String> {
    let profile = template.fill(values, UuidSource::Content).map_err(|error| error.to_string())?;
    Ok(Known {
        xml: String::from_utf8(profile.to_xml().map_err(|error| error.to_string())?).unwrap(),
        identifier: profile.identifier().to_owned(),
        uuid: profile.uuid().map(str::to_owned),
        payload_uuids: profile.payloads().iter().map(|payload| payload.uuid().map(str::to_owned)).collect(),
        removal: profile.removal(),
        refusals: Signable::refusals(&profile),
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn gives_what_filling_and_writing_give(template in template(), rows in vec(given(), 1..4)) {
        let cut = Cut::new(template.clone(), UuidSource::Content);
        for values in rows {
            prop_assert_eq!(filled(&cut, &values), filled_and_written(&template, &values));
        }
    }
}

fn of(change: impl FnOnce(&mut Profile)) -> Template {
    let mut profile = Profile::new("jp.example.ivi-mdm", "IVI MDM");
    profile.push(Payload::new("com.apple.applicationaccess"));
    change(&mut profile);
    Template::with_strings(&profile, BTreeMap::new()).unwrap()
}

fn values(text: &str) -> Values {
    Values::from([("serial".to_owned(), text.to_owned())])
}

#[test]
fn is_cut_with_placeholders_in_names_passwords_and_settings() {
    let cut = Cut::new(
        of(|profile| {
            profile.set("PayloadIdentifier", "jp.example.{{serial}}").unwrap();
            profile.set_removal(Removal::Password("{{serial}}".into()));
            profile.payloads_mut()[0].insert("PayloadDisplayName", "For {{serial}}");
        }),
        UuidSource::Content,
    );
    let typed = cut.typed(&[Some("C02")]).unwrap();
    assert!(cut.form.as_ref().unwrap().fill(&typed, String::new()).is_some());
    let filled = cut.fill(&values("C02")).unwrap();
    assert_eq!((filled.identifier(), filled.removal()), ("jp.example.C02", &Removal::Password("C02".into())));
}

#[test]
fn a_version_that_is_text_is_filled_the_long_way_as_its_check_depends_on_the_row() {
    let cut = Cut::new(of(|profile| profile.set("PayloadVersion", "{{serial}}").unwrap()), UuidSource::Content);
    assert!(!cut.is_cut());
    assert_eq!(cut.fill(&values("1")).unwrap().refusals(), []);
    assert_eq!(cut.fill(&values("2")).unwrap().refusals().len(), 1);
}

#[test]
fn a_row_brings_its_own_structural_errors() {
    let template = of(|profile| profile.payloads_mut()[0].insert("PayloadIdentifier", "{{serial}}"));
    let cut = Cut::new(template, UuidSource::Content);
    assert!(cut.is_cut());
    assert_eq!(cut.fill(&values("a")).unwrap().refusals(), []);
    assert_eq!(cut.fill(&values("")).unwrap().refusals()[0].code, check::Code::MissingKey);
}

#[test]
fn random_uuids_are_fresh_each_time() {
    let cut = Cut::new(of(|_| ()), UuidSource::Random);
    let [one, other] = [(); 2].map(|()| cut.fill(&Values::new()).unwrap());
    assert_ne!(one.uuid(), other.uuid());
    assert_ne!(one.payload_uuids().next(), other.payload_uuids().next());
    assert!(one.xml().contains(one.uuid().unwrap()));
}

#[test]
fn a_buffer_is_used_again_and_a_short_row_has_its_defaults() {
    let cut = Cut::new(of(|profile| profile.set("PayloadDescription", "{{serial}}").unwrap()), UuidSource::Content);
    let buffer = String::with_capacity(1 << 16);
    let at = buffer.as_ptr();
    let filled = cut.fill_row(&[Some("C02")], buffer).unwrap();
    assert_eq!(filled.xml().as_ptr(), at);
    let error = cut.fill_row(&[], String::new()).unwrap_err();
    assert_eq!(error.to_string(), "placeholder \"serial\" has no value");
}

#[test]
fn a_small_template_cannot_fill_the_memory() {
    let cut = Cut::new(
        of(|profile| profile.set("PayloadDescription", "{{serial}}".repeat(20_000)).unwrap()),
        UuidSource::Content,
    );
    let error = cut.fill(&values(&"x".repeat(20_000))).unwrap_err();
    assert!(
        matches!(&error, Error::Placeholders { problems, .. } if problems[0].fault == crate::template::PlaceholderFault::TooLarge)
    );
}

#[test]
fn many_threads_fill_one_template() {
    fn shared(_: &(impl Send + Sync)) {}
    shared(&Cut::new(of(|_| ()), UuidSource::Content));
}

#[test]
fn does_not_show_passwords() {
    let cut =
        Cut::new(of(|profile| profile.set_removal(Removal::Password("hunter2{{serial}}".into()))), UuidSource::Content);
    let filled = cut.fill(&values("hunter3")).unwrap();
    let shown = format!("{cut:?} {filled:?} {:?}", filled.removal());
    assert!(!shown.contains("hunter"), "{shown}");
}
