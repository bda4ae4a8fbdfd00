//! What must hold for every profile, signer, time and value: the whole ways through the library.

#![allow(clippy::unwrap_used, reason = "a test may fail by panic")]

use std::{
    collections::BTreeMap,
    fmt::Write,
    sync::LazyLock,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use base64::{Engine, engine::general_purpose::STANDARD};
use plist::{Date, Dictionary, Value};
use profile_kit::{
    At, ContentCipher, Digest, EncodedProfile, Identity, Payload, Profile, SignOptions, SignedProfile, TrustStore,
    UuidSource, encrypt,
    pki::{Authority, KeySpec, KeyUse, Leaf, Validity},
    spec,
    verify::VerifyOptions,
};
use proptest::{collection::vec, prelude::*, sample::select};

proptest! {
    #[test]
    fn a_profile_reads_back_from_xml(profile in profile(xml_text().boxed())) {
        let read = Profile::from_bytes(&profile.to_xml().unwrap()).unwrap();
        prop_assert_eq!(spelled(&read), spelled(&profile));
        prop_assert_eq!(read, profile);
    }

    #[test]
    fn a_profile_reads_back_from_binary(profile in profile(any_text().boxed())) {
        let read = Profile::from_bytes(&profile.to_binary().unwrap()).unwrap();
        prop_assert_eq!(spelled(&read), spelled(&profile));
        prop_assert_eq!(read, profile);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn one_changed_byte_never_makes_other_content_good(
        signed in select(vec![&*SIGNED_RSA, &*SIGNED_P256]),
        at in any::<prop::sample::Index>(),
        flip in 1..=u8::MAX,
    ) {
        let (content, signed) = signed;
        let mut changed = signed.clone();
        changed[at.index(signed.len())] ^= flip;
        if let Ok(verified) = SignedProfile::from_bytes(changed).and_then(|signed| signed.verify_integrity()) {
            prop_assert_eq!(verified.content(), content);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_is_signed_verifies_and_holds_its_content_byte_for_byte(
        profile in profile(xml_text().boxed()),
        signer in select(vec![&RSA, &P256]),
        digest in select(vec![Digest::Sha256, Digest::Sha384, Digest::Sha512]),
        seconds in 0..YEAR_10000,
        binary in any::<bool>(),
    ) {
        let content = if binary { profile.to_binary() } else { profile.to_xml() }.unwrap();
        let time = UNIX_EPOCH + Duration::from_secs(seconds);
        let signed = sign(signer, &content, digest, time);
        let signed = SignedProfile::from_bytes(signed).unwrap();
        let options = VerifyOptions { at: At::SigningTime, ..VerifyOptions::new(UNIX_EPOCH) };
        let verified = ROOTS.verify_with(&signed, &options).unwrap();
        prop_assert!(verified.verdict().is_good(), "{:?}", verified.verification());
        prop_assert_eq!(verified.content(), content);
        prop_assert_eq!(verified.profile(), &profile);
        prop_assert_eq!(verified.leaf(), signer.certificate());
        prop_assert_eq!(verified.verification().signers[0].signing_time, Some(time));
    }

    #[test]
    fn what_is_encrypted_decrypts_the_same(
        profile in profile(xml_text().boxed()),
        cipher in select(vec![ContentCipher::Aes256Cbc, ContentCipher::Aes128Cbc, ContentCipher::TripleDesCbc]),
    ) {
        let mut filled = profile.clone();
        filled.fill_uuids(UuidSource::Content);
        let encrypted = encrypt::encrypt(&profile, RSA.certificate(), cipher).unwrap();
        prop_assert!(encrypted.is_encrypted() && encrypted.payloads().is_empty());
        let read = Profile::from_bytes(&encrypted.to_xml().unwrap()).unwrap();
        prop_assert_eq!(encrypt::decrypt(&read, &RSA).unwrap(), filled);
    }

    #[test]
    fn a_spec_is_filled_with_the_very_values(values in vec(filling(), 1..6)) {
        let template = spec::read(&spec_of(&values)).unwrap();
        let given = values.iter().enumerate().map(|(index, (_, text, _))| (format!("p{index}"), text.clone()));
        let profile = template.fill(&given.collect::<BTreeMap<_, _>>(), UuidSource::Content).unwrap();
        let payload = &profile.payloads()[0];
        for (index, (_, text, value)) in values.iter().enumerate() {
            prop_assert_eq!(payload.get(&format!("whole{index}")), Some(value));
            if let Value::String(_) | Value::Boolean(_) | Value::Integer(_) = value {
                prop_assert_eq!(payload.get(&format!("inside{index}")), Some(&format!("<{text}>%x%$y").into()));
            }
        }
        let settings = payload.keys().filter(|key| key.starts_with("whole")).count();
        prop_assert_eq!(settings, values.len());
    }
}

/// A spec in which every placeholder stands as a whole value, and inside a longer one.
fn spec_of(values: &[Filling]) -> String {
    let mut spec = String::from("format = 1\nidentifier = \"jp.example.ivi-mdm\"\ndisplay_name = \"IVI MDM\"\n");
    spec.push_str("removal = \"disallowed\"\n");
    for (index, (kind, _, _)) in values.iter().enumerate() {
        writeln!(spec, "[placeholders.p{index}]\ntype = \"{kind}\"").unwrap();
    }
    spec.push_str("[[payload]]\ntype = \"com.example.unknown\"\n[payload.settings]\n");
    for index in 0..values.len() {
        writeln!(spec, "whole{index} = \"{{{{p{index}}}}}\"\ninside{index} = \"<{{{{ p{index} }}}}>%x%$y\"").unwrap();
    }
    spec
}

/// A placeholder's type, the text that fills it, and the value that it becomes.
type Filling = (&'static str, String, Value);

fn filling() -> impl Strategy<Value = Filling> {
    let integer = |number: Value| {
        let text = number.as_signed_integer().map(|number| number.to_string());
        ("integer", text.unwrap_or_else(|| number.as_unsigned_integer().unwrap().to_string()), number)
    };
    prop_oneof![
        xml_text().prop_map(|text| ("string", text.clone(), Value::String(text))),
        any::<i64>().prop_map(move |number| integer(Value::Integer(number.into()))),
        any::<u64>().prop_map(move |number| integer(Value::Integer(number.into()))),
        any::<f64>().prop_filter("finite", |number| number.is_finite()).prop_map(|number| (
            "real",
            format!("{number:?}"),
            Value::Real(number)
        )),
        any::<bool>().prop_map(|flag| ("boolean", flag.to_string(), Value::Boolean(flag))),
        date().prop_map(|date| ("date", date.to_xml_format(), Value::Date(date))),
        vec(any::<u8>(), 0..40).prop_map(|bytes| ("data", STANDARD.encode(&bytes), Value::Data(bytes))),
    ]
}

fn profile(text: BoxedStrategy<String>) -> impl Strategy<Value = Profile> {
    let entries = vec((text.clone(), value(text.clone())), 0..5);
    let payload = (text.clone(), entries.clone()).prop_map(|(kind, entries)| {
        let mut payload = Payload::from_dictionary(entries.into_iter().collect());
        payload.insert("PayloadType", kind);
        payload
    });
    let identifier = text.prop_filter("not empty", |identifier| !identifier.is_empty());
    (identifier, entries, vec(payload, 1..4)).prop_map(|(identifier, entries, payloads)| {
        let mut profile = Profile::new(&identifier, "generated");
        for (key, value) in entries {
            profile.set(key, value).unwrap();
        }
        payloads.into_iter().for_each(|payload| profile.push(payload));
        profile.fill_uuids(UuidSource::Content);
        profile
    })
}

fn value(text: BoxedStrategy<String>) -> BoxedStrategy<Value> {
    let leaf = prop_oneof![
        any::<bool>().prop_map(Value::Boolean),
        vec(any::<u8>(), 0..100).prop_map(Value::Data),
        date().prop_map(Value::Date),
        any::<u64>().prop_map(|number| Value::Integer(number.into())),
        any::<i64>().prop_map(|number| Value::Integer(number.into())),
        any::<f64>().prop_filter("finite", |number| number.is_finite()).prop_map(Value::Real),
        text.clone().prop_map(Value::String),
    ];
    let deeper = leaf.prop_recursive(4, 40, 6, move |inner| {
        let entries = vec((text.clone(), inner.clone()), 0..6);
        prop_oneof![
            vec(inner, 0..6).prop_map(Value::Array),
            entries.prop_map(|entries| Value::Dictionary(entries.into_iter().collect())),
        ]
    });
    deeper.boxed()
}

/// Strings with much of what needs care in XML, TOML, reports and placeholders.
fn xml_text() -> impl Strategy<Value = String> {
    let nasty = select(vec![
        "\r", "\n", "\t", " ", "]]>", "<", ">", "&", "&amp;", "'", "\"", "é", "設定", "😀", "{{x}}", "{{", "}}", "%s",
        "$1", "\\", "../", "\u{85}", "\u{202e}", "\u{feff}",
    ]);
    let parts = prop_oneof![3 => nasty.prop_map(String::from), 2 => "[a-zA-Z.]{1,8}", 1 => "[ -~]{1,4}"];
    vec(parts, 0..6).prop_map(|parts| parts.concat())
}

/// Any strings, with characters that XML does not have.
fn any_text() -> impl Strategy<Value = String> {
    prop_oneof![xml_text(), any::<String>(), Just("\0".to_owned()), Just("\u{ffff}\u{1b}[31m".to_owned())]
}

fn date() -> impl Strategy<Value = Date> {
    (-62_135_596_800_i64..253_402_300_800).prop_map(|seconds| {
        let span = Duration::from_secs(seconds.unsigned_abs());
        Date::from(if seconds < 0 { UNIX_EPOCH - span } else { UNIX_EPOCH + span })
    })
}

/// In words, which tell the order of keys, and 0 from -0.
fn spelled(profile: &Profile) -> String {
    let whole: Dictionary = profile.to_dictionary();
    format!("{whole:?}")
}

fn sign(signer: &Identity, content: &[u8], digest: Digest, time: SystemTime) -> Vec<u8> {
    let options = SignOptions { digest, ..SignOptions::new(time) };
    let content = EncodedProfile::read(content.to_vec()).unwrap();
    let allowed = profile_kit::check::Code::ALL.to_vec();
    signer.sign_with(&content, &SignOptions { allow: allowed, ..options }).unwrap().into_bytes()
}

fn signed(signer: &Identity) -> (Vec<u8>, Vec<u8>) {
    let mut profile = Profile::new("jp.example.ivi-mdm", "IVI MDM");
    profile.push(Payload::new("com.apple.applicationaccess"));
    profile.fill_uuids(UuidSource::Content);
    let content = profile.to_xml().unwrap();
    let signed = sign(signer, &content, Digest::Sha256, UNIX_EPOCH);
    (content, signed)
}

static SIGNED_RSA: LazyLock<(Vec<u8>, Vec<u8>)> = LazyLock::new(|| signed(&RSA));
static SIGNED_P256: LazyLock<(Vec<u8>, Vec<u8>)> = LazyLock::new(|| signed(&P256));

static ROOT: LazyLock<Authority> = LazyLock::new(|| Authority::new("Root", KeySpec::P256, always()).unwrap());
static ROOTS: LazyLock<TrustStore> = LazyLock::new(|| TrustStore::from_pem(&ROOT.certificate_pem().unwrap()).unwrap());
static RSA: LazyLock<Identity> = LazyLock::new(|| identity(KeySpec::Rsa(2048)));
static P256: LazyLock<Identity> = LazyLock::new(|| identity(KeySpec::P256));

fn identity(key: KeySpec) -> Identity {
    let key_usage = match key {
        KeySpec::Rsa(_) => vec![KeyUse::DigitalSignature, KeyUse::KeyEncipherment],
        _ => vec![KeyUse::DigitalSignature],
    };
    ROOT.issue(&Leaf { key_usage, ..Leaf::new("Signer", key, always()) }).unwrap().identity().unwrap()
}

/// 1970 to 9999.
fn always() -> Validity {
    Validity { not_before: UNIX_EPOCH, not_after: UNIX_EPOCH + Duration::from_secs(YEAR_10000 - 1) }
}

/// Seconds from 1970 to the year 10000.
const YEAR_10000: u64 = 253_402_300_800;
