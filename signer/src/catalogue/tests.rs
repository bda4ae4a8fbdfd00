use std::{fs, path::Path};

use serde_json::json;

use super::*;
use crate::{config::Place, fixture::now, refusal::ParameterProblem};

const HEAD: &str = "format = 1\nidentifier = \"jp.example.ivi\"\nremoval = \"disallowed\"\n";
const PAYLOAD: &str = "[[payload]]\ntype = \"com.apple.applicationaccess\"\nsettings = { allowCamera = false }\n";

/// Loads a spec of these files, the first of which is the spec itself.
fn load(files: &[(&str, &str)], change: impl FnOnce(&mut SpecConfig)) -> (Catalogue, Vec<ConfigError>) {
    let folder = tempfile::tempdir().unwrap();
    for (name, content) in files {
        fs::write(folder.path().join(name), content).unwrap();
    }
    let mut config = SpecConfig {
        name: "ivi".into(),
        file: folder.path().join(files[0].0),
        identity: "2030".into(),
        parameters: None,
        example: BTreeMap::new(),
        place: Place { key: "spec[0]".into(), ..Place::file(Path::new("signer.toml")) },
    };
    change(&mut config);
    Catalogue::load(&[config], now())
}

fn spec(text: &str) -> Spec {
    let (catalogue, errors) = load(&[("s.toml", text)], |_| {});
    assert!(errors.is_empty(), "{errors:#?}");
    catalogue.spec("ivi").unwrap().clone()
}

fn problems(text: &str, change: impl FnOnce(&mut SpecConfig)) -> Vec<String> {
    let (catalogue, errors) = load(&[("s.toml", text)], change);
    assert!(catalogue.spec("ivi").is_err());
    errors.iter().map(|error| format!("{}: {}", error.place.key, error.problem)).collect()
}

fn fill(spec: &Spec, parameters: Value) -> Result<Filled, Refusal> {
    let Value::Object(parameters) = parameters else { unreachable!() };
    spec.fill(&parameters, Uuid::from_u128(7), now())
}

/// A setting of the first payload.
fn setting(filled: &Filled, key: &str) -> plist::Value {
    filled.profile().payloads()[0].get(key).unwrap().clone()
}

/// A locked profile with a placeholder for a setting of each kind.
fn typed() -> Spec {
    let kinds = ["string", "integer", "real", "boolean", "date", "data"];
    let declared = kinds.map(|kind| format!("[placeholders.{kind}]\ntype = \"{kind}\"\n")).concat();
    let settings = kinds.map(|kind| format!("X{kind} = \"{{{{{kind}}}}}\"")).join(", ");
    spec(&format!("{HEAD}{declared}[[payload]]\ntype = \"jp.example.typed\"\nsettings = {{ {settings} }}\n"))
}

fn pin(more: &str) -> String {
    format!(
        "{HEAD}[placeholders.pin]\n{more}\n[[payload]]\ntype = \"jp.example.pin\"\nsettings = {{ Pin = \"{{{{pin}}}}\" }}\n"
    )
}

#[test]
fn each_value_becomes_what_is_declared() {
    let filled = fill(
        &typed(),
        json!({ "string": "a", "integer": 7, "real": 2.5, "boolean": true, "date": "2030-01-02T03:04:05Z", "data": "AAE=" }),
    )
    .unwrap();
    assert_eq!(setting(&filled, "Xstring"), "a".into());
    assert_eq!(setting(&filled, "Xinteger"), 7.into());
    assert_eq!(setting(&filled, "Xreal"), plist::Value::Real(2.5));
    assert_eq!(setting(&filled, "Xboolean"), true.into());
    assert_eq!(setting(&filled, "Xdata"), plist::Value::Data(vec![0, 1]));
    assert!(matches!(setting(&filled, "Xdate"), plist::Value::Date(_)));
}

#[test]
fn tells_everything_that_is_missing_unknown_or_wrong_at_once() {
    let given = json!({ "string": 7, "integer": "7", "real": true, "boolean": "true", "data": "?", "colour": "red" });
    let Err(Refusal::InvalidParameters { problems }) = fill(&typed(), given) else { panic!("was filled") };
    let told: Vec<_> = problems.iter().map(|it| format!("{} {}", it.name, it.problem)).collect();
    let expected = [
        "colour is not a parameter of this spec",
        "boolean is not a boolean: true or false",
        "data is not data in base64",
        "date has no value",
        "integer is not an integer from -2^63 to 2^64-1",
        "real is not a finite number",
        "string is not a string",
    ];
    assert_eq!(told, expected);
}

#[test]
fn an_integer_is_not_a_number_with_a_point_and_null_is_nothing() {
    for wrong in [json!(7.0), json!(null), json!([7]), json!({ "a": 7 })] {
        let refusal = fill(&spec(&pin("type = \"integer\"")), json!({ "pin": wrong })).unwrap_err();
        assert_eq!(refusal.code(), "invalid-parameters", "{wrong}");
    }
    assert!(fill(&spec(&pin("type = \"integer\"")), json!({ "pin": u64::MAX })).is_ok());
}

#[test]
fn a_default_serves_where_nothing_is_given() {
    let filled = fill(&spec(&pin("default = \"1234\"")), json!({})).unwrap();
    assert_eq!(setting(&filled, "Pin"), "1234".into());
}

#[test]
fn a_refusal_shows_no_value_secret_or_not() {
    for secret in [true, false] {
        let spec = spec(&pin(&format!("pattern = \"[0-9]{{4}}\"\ndefault = \"0000\"\nsecret = {secret}")));
        let refusal = fill(&spec, json!({ "pin": "hunter2" })).unwrap_err();
        let problem = ParameterProblem { name: "pin".into(), problem: "does not match the pattern [0-9]{4}".into() };
        assert_eq!(refusal, Refusal::InvalidParameters { problems: vec![problem] });
    }
}

#[test]
fn a_name_that_the_caller_made_up_is_cut() {
    let refusal = fill(&typed(), json!({ "x".repeat(1000): 1 })).unwrap_err();
    let Refusal::InvalidParameters { problems } = refusal else { panic!("{refusal}") };
    assert_eq!(problems[0].name.len(), 64);
}

#[test]
fn knows_which_parameters_are_secret() {
    let spec = spec(&pin("secret = true"));
    assert!(spec.is_secret("pin"));
    let parameter = spec.parameters().next().unwrap();
    assert_eq!(parameter, Parameter { name: "pin", kind: Kind::String, required: true, secret: true });
    assert!(!typed().is_secret("string"));
    assert!(typed().is_secret("a name that nobody declared"));
}

#[test]
fn each_issuance_has_its_own_uuid_and_its_payloads_keep_theirs() {
    let spec = spec(&format!("{HEAD}uuid = \"0B0B6E0E-3C9C-4F6E-8E55-0B6C7C1D2A01\"\n{PAYLOAD}"));
    let fill = |uuid| spec.fill(&Map::new(), Uuid::from_u128(uuid), now()).unwrap();
    let (first, second) = (fill(10), fill(11));
    assert_eq!(first.profile().uuid(), Some("00000000-0000-0000-0000-00000000000A"));
    assert_eq!(second.profile().uuid(), Some("00000000-0000-0000-0000-00000000000B"));
    assert_eq!(setting(&first, "PayloadUUID"), setting(&second, "PayloadUUID"));
}

#[test]
fn what_is_filled_names_its_spec() {
    let spec = spec(&format!("{HEAD}{PAYLOAD}"));
    let filled = fill(&spec, json!({})).unwrap();
    assert_eq!(filled.spec(), "ivi");
    assert_eq!((spec.name(), spec.identity()), ("ivi", "2030"));
}

#[test]
fn an_unknown_spec_is_refused() {
    let refusal = Catalogue::default().spec("ivi").unwrap_err();
    assert_eq!(refusal, Refusal::UnknownSpec { spec: "ivi".into() });
}

#[test]
fn a_spec_that_is_not_locked_is_refused() {
    let problems = problems(&format!("{HEAD}{PAYLOAD}").replace("disallowed", "allowed"), |_| {});
    assert!(problems.iter().any(|problem| problem.starts_with(": NotLocked: ")), "{problems:#?}");
}

#[test]
fn a_spec_that_is_locked_by_a_password_is_taken() {
    let text = format!("{HEAD}[placeholders.pin]\nsecret = true\n{PAYLOAD}")
        .replace("\"disallowed\"", "{ password = \"{{pin}}\" }");
    let spec = spec(&text);
    assert!(fill(&spec, json!({ "pin": "1234" })).is_ok());
    assert_eq!(fill(&spec, json!({ "pin": "" })).unwrap_err().code(), "invalid-request");
}

#[test]
fn a_spec_that_keeps_its_overwrite_off_is_refused_with_every_finding() {
    let forbidding = PAYLOAD.replace("allowCamera", "allowUIConfigurationProfileInstallation");
    let mdm = "[[payload]]\ntype = \"com.apple.mdm\"\nsettings = { ServerURL = \"https://mdm.example.jp\", \
               Topic = \"com.apple.mgmt.x\", AccessRights = 8191, \
               IdentityCertificateUUID = \"0B0B6E0E-3C9C-4F6E-8E55-0B6C7C1D2A01\" }\n";
    let problems = problems(&format!("{HEAD}{forbidding}{mdm}"), |_| {});
    for code in [": OverwriteForbidden: ", ": LockedWithMdm: "] {
        assert!(problems.iter().any(|problem| problem.starts_with(code)), "{code} {problems:#?}");
    }
}

#[test]
fn parameters_that_keep_the_overwrite_off_are_refused() {
    let text = format!(
        "{HEAD}[placeholders.may]\ntype = \"boolean\"\n[[payload]]\ntype = \"com.apple.applicationaccess\"\n\
         settings = {{ allowUIConfigurationProfileInstallation = \"{{{{may}}}}\" }}\n"
    );
    let refusal = fill(&spec(&text), json!({ "may": false })).unwrap_err();
    assert_eq!(refusal, Refusal::UnfreeableProfile { findings: vec!["OverwriteForbidden"] });
}

#[test]
fn only_what_is_listed_may_be_filled() {
    let text = pin("default = \"1234\"");
    let (catalogue, errors) = load(&[("s.toml", &text)], |config| config.parameters = Some(Vec::new()));
    assert!(errors.is_empty(), "{errors:#?}");
    let refusal = fill(catalogue.spec("ivi").unwrap(), json!({ "pin": "9999" })).unwrap_err();
    assert_eq!(refusal.code(), "invalid-parameters");
}

#[test]
fn the_configuration_names_only_what_the_spec_has() {
    let text = format!("{}[placeholders.idle]\ndefault = \"a\"\n", pin("default = \"1234\""));
    let problems = problems(&text, |config| {
        config.parameters = Some(vec!["colour".into(), "idle".into()]);
        config.example = BTreeMap::from([("pin".into(), "1".into())]);
    });
    let expected = [
        "spec[0].parameters: the spec has no placeholder \"colour\"",
        "spec[0].parameters: placeholder \"idle\" is used nowhere in the profile",
        "spec[0].example: \"pin\" is none of the spec's parameters",
    ];
    assert_eq!(problems, expected);
}

#[test]
fn a_placeholder_that_nobody_can_fill_is_a_mistake() {
    let problems = problems(&pin(""), |config| config.parameters = Some(Vec::new()));
    assert_eq!(problems, ["spec[0].parameters: placeholder \"pin\" has no default, and no caller may fill it"]);
}

#[test]
fn a_pattern_without_a_default_needs_an_example() {
    let text = pin("pattern = \"[0-9]{4}\"");
    let missing = problems(&text, |_| {});
    assert!(missing[0].starts_with("spec[0].example.pin: is missing: "), "{missing:#?}");
    let wrong = problems(&text, |config| config.example = BTreeMap::from([("pin".into(), "x".into())]));
    assert_eq!(wrong, ["spec[0].example.pin: does not match the pattern [0-9]{4}"]);
    let (_, errors) =
        load(&[("s.toml", &text)], |config| config.example = BTreeMap::from([("pin".into(), "1234".into())]));
    assert!(errors.is_empty(), "{errors:#?}");
}

#[test]
fn a_mistake_in_a_spec_has_its_own_file_and_place() {
    let (_, errors) = load(&[("s.toml", &format!("{HEAD}colour = 1\n"))], |_| {});
    assert_eq!(errors.len(), 1);
    assert!(errors[0].place.file.ends_with("s.toml"));
    assert_eq!(errors[0].place.line, Some((4, 1)));
}

#[test]
fn every_undeclared_placeholder_is_told() {
    let text = format!("{HEAD}[[payload]]\ntype = \"x.y\"\nsettings = {{ A = \"{{{{a}}}}\", B = \"{{{{b}}}}\" }}\n");
    assert_eq!(problems(&text, |_| {}).len(), 2);
}

#[test]
fn a_missing_file_is_told_with_its_cause() {
    let (_, errors) = load(&[("s.toml", "")], |config| config.file = "/nowhere/s.toml".into());
    assert_eq!(errors.len(), 1);
    assert!(errors[0].chain().starts_with("signer.toml: spec[0].file: cannot read /nowhere/s.toml: No such file"));
}

/// A `.mobileconfig` of the common spec.
fn mobileconfig() -> String {
    let filled = fill(&spec(&format!("{HEAD}{PAYLOAD}")), json!({})).unwrap();
    String::from_utf8(filled.profile().to_xml().unwrap()).unwrap()
}

#[test]
fn parameters_that_leave_the_profile_unlocked_are_refused() {
    let xml = mobileconfig().replacen("<true/>", "<string>{{locked}}</string>", 1);
    let declared = "format = 1\n[placeholders.locked]\ntype = \"boolean\"\n";
    let (catalogue, errors) = load(&[("s.mobileconfig", &xml), ("s.toml", declared)], |_| {});
    assert!(errors.is_empty(), "{errors:#?}");
    let spec = catalogue.spec("ivi").unwrap();
    assert!(fill(spec, json!({ "locked": true })).is_ok());
    let refusal = fill(spec, json!({ "locked": false })).unwrap_err();
    assert_eq!(refusal, Refusal::UnfreeableProfile { findings: vec!["NotLocked"] });
}

#[test]
fn an_identifier_that_no_path_could_name_is_refused() {
    let of_a_site = HEAD.replace("jp.example.ivi", "{{site}}") + "[placeholders.site]\n" + PAYLOAD;
    let spec = spec(&of_a_site);
    assert!(fill(&spec, json!({ "site": "x".repeat(255) })).is_ok());
    let refusal = fill(&spec, json!({ "site": "x".repeat(256) })).unwrap_err();
    assert_eq!(refusal, Refusal::UnfreeableProfile { findings: vec!["IdentifierTooLong"] });
}

#[test]
fn a_spec_whose_payloads_nobody_sees_is_refused() {
    let mut profile = fill(&spec(&format!("{HEAD}{PAYLOAD}")), json!({})).unwrap().profile().clone();
    profile.payloads_mut().clear();
    profile.set("IsEncrypted", true).unwrap();
    profile.set("EncryptedPayloadContent", plist::Value::Data(vec![0x30, 0])).unwrap();
    let xml = String::from_utf8(profile.to_xml().unwrap()).unwrap();
    let (_, errors) = load(&[("s.mobileconfig", &xml)], |_| {});
    assert!(errors.iter().any(|error| error.problem.starts_with("no overwrite can be made: ")), "{errors:#?}");
}

#[test]
fn a_mobileconfig_takes_its_declarations_from_beside_it() {
    let xml = mobileconfig().replace("<false/>", "<string>{{camera}}</string>");
    let declared = "format = 1\n[placeholders.camera]\ntype = \"boolean\"\n";
    let (catalogue, errors) = load(&[("s.mobileconfig", &xml), ("s.toml", declared)], |_| {});
    assert!(errors.is_empty(), "{errors:#?}");
    let filled = fill(catalogue.spec("ivi").unwrap(), json!({ "camera": false })).unwrap();
    assert_eq!(setting(&filled, "allowCamera"), false.into());
}

#[test]
fn the_digest_covers_the_declarations() {
    let xml = mobileconfig();
    let digest = |declared: &str| {
        let (catalogue, _) = load(&[("s.mobileconfig", &xml), ("s.toml", declared)], |_| {});
        catalogue.spec("ivi").unwrap().digest()
    };
    assert_ne!(digest("format = 1\n"), digest("format = 1\n[placeholders.a]\ndefault = \"a\"\n"));
}

#[test]
fn what_is_worth_knowing_is_told_and_keeps_nothing_off() {
    let text = format!("{HEAD}{}", PAYLOAD.replace("allowCamera", "allowSafari"));
    let (catalogue, errors) = load(&[("s.toml", &text)], |_| {});
    assert!(errors.is_empty(), "{errors:#?}");
    assert!(catalogue.warnings().any(|warning| warning.problem.starts_with("SafariForbidden: ")));
}
