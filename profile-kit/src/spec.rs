//! The spec: the description of a profile that people write, in TOML.
//!
//! ```toml
//! format = 1
//! identifier = "jp.example.ivi-mdm"
//! display_name = "IVI MDM"
//! removal = "disallowed"              # "allowed" | "disallowed" | { password = "{{removal_password}}" }
//!
//! [placeholders.serial]               # type, default, pattern, secret
//! type = "string"
//!
//! [[payload]]
//! type = "com.apple.applicationaccess"
//! settings = { allowAppInstallation = false }
//! ```

mod value;

use std::collections::BTreeMap;

use serde::Deserialize;
use toml::{Spanned, Table};

use crate::{
    Error, KeyPath, Payload, Place, Profile, Removal, Result,
    error::one_line,
    payload,
    removal::PASSWORD_TYPE,
    template::{self, Kind, Pattern, Placeholder, Template},
};

/// Reads a spec.
///
/// # Errors
/// [`Error::Spec`] with line and column, or with the key path below `settings`; [`Error::Placeholders`].
pub fn read(text: &str) -> Result<Template> {
    let spec: Spec = toml::from_str(text).map_err(|cause| syntax(text, &cause))?;
    spec.template(text)
}

/// Reads the declarations beside a `.mobileconfig`: a spec that has `format` and `[placeholders]` only, or the whole spec
/// that the profile was once built from.
///
/// # Errors
/// [`Error::Spec`] with line and column.
pub fn read_placeholders(text: &str) -> Result<BTreeMap<String, Placeholder>> {
    let declarations: Declarations = match toml::from_str(text) {
        Ok(declarations) => declarations,
        Err(cause) => return read(text).map(Template::into_placeholders).map_err(|_| syntax(text, &cause)),
    };
    known_format(text, &declarations.format)?;
    placeholders(text, declarations.placeholders)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Declarations {
    format: Spanned<u64>,
    #[serde(default)]
    placeholders: BTreeMap<String, Spanned<Declaration>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Spec {
    format: Spanned<u64>,
    identifier: Spanned<String>,
    display_name: Option<String>,
    description: Option<String>,
    organization: Option<String>,
    uuid: Option<String>,
    removal: Option<Spanned<RemovalPolicy>>,
    /// Apple's other top-level keys.
    #[serde(default)]
    settings: Table,
    #[serde(default)]
    placeholders: BTreeMap<String, Spanned<Declaration>>,
    #[serde(default, rename = "payload")]
    payloads: Vec<SpecPayload>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SpecPayload {
    #[serde(rename = "type")]
    kind: String,
    identifier: Option<String>,
    uuid: Option<String>,
    display_name: Option<String>,
    description: Option<String>,
    organization: Option<String>,
    version: Option<i64>,
    #[serde(default)]
    settings: Table,
}

#[derive(Deserialize)]
#[serde(untagged, expecting = "removal is \"allowed\", \"disallowed\" or { password = \"…\" }")]
enum RemovalPolicy {
    Word(RemovalWord),
    Password(PasswordPolicy),
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum RemovalWord {
    Allowed,
    Disallowed,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PasswordPolicy {
    password: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Declaration {
    #[serde(default, rename = "type")]
    kind: Kind,
    default: Option<toml::Value>,
    pattern: Option<String>,
    #[serde(default)]
    secret: bool,
}

impl Spec {
    fn template(self, text: &str) -> Result<Template> {
        known_format(text, &self.format)?;
        if self.identifier.get_ref().is_empty() {
            return Err(at(text, self.identifier.span().start, "identifier is empty"));
        }
        let mut profile = Profile::new(self.identifier.get_ref(), "");
        optional(&mut profile, "PayloadDisplayName", self.display_name)?;
        optional(&mut profile, "PayloadDescription", self.description)?;
        optional(&mut profile, "PayloadOrganization", self.organization)?;
        for (key, value) in value::dictionary(&self.settings, &KeyPath::root().key("settings"))? {
            if RESERVED.contains(&key.as_str()) {
                return Err(reserved(&KeyPath::root().key("settings").key(&key)));
            }
            profile.set(key, value)?;
        }
        for (index, payload) in self.payloads.into_iter().enumerate() {
            profile.push(payload.payload(&KeyPath::root().key("payload").index(index))?);
        }
        profile.set_removal(removal(text, self.removal)?);
        if let Some(uuid) = self.uuid {
            profile.set("PayloadUUID", uuid)?;
        }
        Template::new(&profile, placeholders(text, self.placeholders)?)
    }
}

fn optional(profile: &mut Profile, key: &'static str, text: Option<String>) -> Result<()> {
    match text {
        Some(text) => profile.set(key, text),
        None => profile.unset(key),
    }
}

fn removal(text: &str, policy: Option<Spanned<RemovalPolicy>>) -> Result<Removal> {
    let Some(policy) = policy else { return Ok(Removal::Allowed) };
    let start = policy.span().start;
    match policy.into_inner() {
        RemovalPolicy::Word(RemovalWord::Allowed) => Ok(Removal::Allowed),
        RemovalPolicy::Word(RemovalWord::Disallowed) => Ok(Removal::Disallowed),
        RemovalPolicy::Password(PasswordPolicy { password }) if password.is_empty() => {
            Err(at(text, start, "the removal password is empty: write removal = \"disallowed\" or \"allowed\""))
        }
        RemovalPolicy::Password(PasswordPolicy { password }) => Ok(Removal::Password(password)),
    }
}

impl SpecPayload {
    fn payload(self, path: &KeyPath) -> Result<Payload> {
        if self.kind == PASSWORD_TYPE {
            let problem = "a removal password is written as removal = { password = \"…\" }".into();
            return Err(Error::Spec { place: Place::path(path.key("type")), problem });
        }
        let mut payload = Payload::new(&self.kind);
        if let Some(version) = self.version {
            payload.insert("PayloadVersion", plist::Value::Integer(version.into()));
        }
        let texts = [
            ("PayloadIdentifier", self.identifier),
            ("PayloadUUID", self.uuid),
            ("PayloadDisplayName", self.display_name),
            ("PayloadDescription", self.description),
            ("PayloadOrganization", self.organization),
        ];
        for (key, text) in texts {
            if let Some(text) = text {
                payload.insert(key, text);
            }
        }
        let path = path.key("settings");
        for (key, value) in value::dictionary(&self.settings, &path)? {
            if payload::is_common(&key) {
                return Err(reserved(&path.key(&key)));
            }
            payload.insert(key, value);
        }
        Ok(payload)
    }
}

fn placeholders(
    text: &str,
    declarations: BTreeMap<String, Spanned<Declaration>>,
) -> Result<BTreeMap<String, Placeholder>> {
    let placeholder = |(name, declaration): (String, Spanned<Declaration>)| {
        let start = declaration.span().start;
        let wrong = |problem: String| at(text, start, format!("placeholder {name:?}: {problem}"));
        if !template::is_name(&name) {
            return Err(wrong(template::NAME.into()));
        }
        let Declaration { kind, default, pattern, secret } = declaration.into_inner();
        let default = default.as_ref().map(|value| default_text(value).ok_or(value)).transpose();
        let default = default.map_err(|value| wrong(format!("the default is {}, not {kind}", value.type_str())))?;
        let pattern = pattern.as_deref().map(Pattern::new).transpose();
        let pattern = pattern.map_err(|problem| wrong(format!("the pattern cannot be read: {problem}")))?;
        let placeholder = Placeholder { kind, default, pattern, secret };
        placeholder.check_default(&name).map_err(|problem| at(text, start, problem.to_string()))?;
        Ok((name, placeholder))
    };
    declarations.into_iter().map(placeholder).collect()
}

/// A default as the text that a command line would give.
fn default_text(value: &toml::Value) -> Option<String> {
    match value {
        toml::Value::String(text) => Some(text.clone()),
        toml::Value::Integer(number) => Some(number.to_string()),
        toml::Value::Float(number) => Some(number.to_string()),
        toml::Value::Boolean(flag) => Some(flag.to_string()),
        toml::Value::Datetime(moment) => Some(moment.to_string()),
        toml::Value::Array(_) | toml::Value::Table(_) => None,
    }
}

pub(crate) fn known_format(text: &str, format: &Spanned<u64>) -> Result<()> {
    match format.get_ref() {
        1 => Ok(()),
        other => {
            Err(at(text, format.span().start, format!("format {other} is not known: this program reads format 1")))
        }
    }
}

fn reserved(path: &KeyPath) -> Error {
    let problem = "has a name of its own in a spec (identifier, uuid, display_name, removal, …)".into();
    Error::Spec { place: Place::path(path.clone()), problem }
}

pub(crate) fn syntax(text: &str, cause: &toml::de::Error) -> Error {
    let problem = one_line(cause.message());
    match cause.span() {
        Some(span) => at(text, span.start, problem),
        None => Error::Spec { place: Place::whole(), problem },
    }
}

pub(crate) fn at(text: &str, offset: usize, problem: impl Into<String>) -> Error {
    let before = text.get(..offset).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before.chars().rev().take_while(|&c| c != '\n').count() + 1;
    Error::Spec { place: Place::line(line, column), problem: problem.into() }
}

/// Top-level keys that a spec writes by its own words.
const RESERVED: &[&str] = &[
    "PayloadContent",
    "PayloadDescription",
    "PayloadDisplayName",
    "PayloadIdentifier",
    "PayloadOrganization",
    "PayloadRemovalDisallowed",
    "HasRemovalPasscode",
    "PayloadType",
    "PayloadUUID",
];

#[cfg(test)]
mod tests {

    use plist::Value;

    use super::*;
    use crate::{UuidSource, template::Values};

    const HEAD: &str = "format = 1\nidentifier = \"jp.example.ivi-mdm\"\n";

    fn profile(rest: &str) -> Profile {
        read(&format!("{HEAD}{rest}")).unwrap().fill(&Values::new(), UuidSource::Content).unwrap()
    }

    fn refusal(rest: &str) -> String {
        read(&format!("{HEAD}{rest}")).unwrap_err().to_string()
    }

    #[test]
    fn builds_a_locked_profile() {
        let profile = profile(
            "display_name = \"IVI MDM\"\nremoval = \"disallowed\"\n[[payload]]\ntype = \"com.apple.applicationaccess\"\n\
             settings = { allowAppInstallation = false }\n",
        );
        assert_eq!(profile.removal(), Removal::Disallowed);
        assert_eq!(profile.display_name(), Some("IVI MDM"));
        let payload = &profile.payloads()[0];
        assert_eq!(payload.identifier(), Some("jp.example.ivi-mdm.com.apple.applicationaccess"));
        assert_eq!(payload.get("allowAppInstallation"), Some(&Value::Boolean(false)));
        assert!(payload.uuid().is_some() && profile.uuid().is_some());
    }

    #[test]
    fn reads_data_and_dates() {
        let profile = profile(
            "settings = { RemovalDate = { date = \"2030-01-02T03:04:05Z\" } }\n[[payload]]\ntype = \"x\"\n\
             settings = { Blob = { data = \"AAEC\" }, At = 2030-01-02T03:04:05Z }\n",
        );
        let date = Value::Date(plist::Date::from_xml_format("2030-01-02T03:04:05Z").unwrap());
        assert_eq!(profile.get("RemovalDate"), Some(&date));
        assert_eq!(profile.payloads()[0].get("Blob"), Some(&Value::Data(vec![0, 1, 2])));
        assert_eq!(profile.payloads()[0].get("At"), Some(&date));
    }

    #[test]
    fn data_is_text_and_a_date_text_or_a_date() {
        let payload = |at: &str| format!("[[payload]]\ntype = \"x\"\nsettings = {{ At = {at} }}\n");
        let date = Value::Date(plist::Date::from_xml_format("2030-01-02T03:04:05Z").unwrap());
        let written = profile(&payload("{ date = 2030-01-02T03:04:05Z }"));
        assert_eq!(written.payloads()[0].get("At"), Some(&date));
        let refused = [
            ("{ data = 5 }", "payload[0].settings.At: data is base64 in quotes, not an integer"),
            ("{ data = 2030-01-02T03:04:05Z }", "payload[0].settings.At: data is base64 in quotes, not a datetime"),
            ("[{ date = true }]", "payload[0].settings.At[0]: a date is RFC 3339, not a boolean"),
        ];
        for (at, sentence) in refused {
            assert_eq!(refusal(&payload(at)), sentence);
        }
    }

    #[test]
    fn an_unknown_key_is_an_error_with_its_place() {
        assert!(refusal("dispay_name = \"x\"\n").starts_with("line 3, column 1: unknown field `dispay_name`"));
    }

    #[test]
    fn a_format_of_the_future_is_refused() {
        let error = read("format = 2\nidentifier = \"a\"\n").unwrap_err().to_string();
        assert_eq!(error, "line 1, column 10: format 2 is not known: this program reads format 1");
    }

    #[test]
    fn what_a_spec_says_does_not_break_the_line_of_an_error() {
        let error = refusal("[placeholders.n]\ntype = \"\\ring\"\n");
        assert!(error.contains("unknown variant `\\ring`"), "{error:?}");
    }

    #[test]
    fn an_unknown_removal_policy_is_refused() {
        let error = refusal("removal = \"never\"\n");
        assert_eq!(error, "line 3, column 11: removal is \"allowed\", \"disallowed\" or { password = \"…\" }");
    }

    #[test]
    fn a_password_that_is_a_placeholder_is_filled() {
        let text = format!("{HEAD}removal = {{ password = \"{{{{pin}}}}\" }}\n[placeholders.pin]\nsecret = true\n");
        let values = Values::from([("pin".to_owned(), "1234".to_owned())]);
        let profile = read(&text).unwrap().fill(&values, UuidSource::Content).unwrap();
        assert_eq!(profile.removal(), Removal::Password("1234".into()));
    }

    #[test]
    fn a_default_of_another_type_is_refused() {
        let error = refusal("[placeholders.n]\ntype = \"integer\"\ndefault = \"seven\"\n");
        assert!(error.ends_with("placeholder \"n\": \"seven\" is not an integer from -2^63 to 2^64-1"), "{error}");
    }

    #[test]
    fn a_setting_that_the_spec_names_itself_is_refused() {
        let error = refusal("[[payload]]\ntype = \"x\"\nsettings = { PayloadUUID = \"x\" }\n");
        assert!(error.starts_with("payload[0].settings.PayloadUUID: has a name of its own"), "{error}");
    }

    #[test]
    fn a_removal_password_payload_is_refused_rather_than_lost() {
        let error = refusal("[[payload]]\ntype = \"com.apple.profileRemovalPassword\"\n");
        assert!(error.starts_with("payload[0].type: a removal password is written as"), "{error}");
    }

    #[test]
    fn the_inner_payload_content_of_a_certificate_is_a_setting() {
        let profile = profile(
            "[[payload]]\ntype = \"com.apple.security.root\"\nsettings = { PayloadContent = { data = \"MAA=\" } }\n",
        );
        assert_eq!(profile.payloads()[0].get("PayloadContent"), Some(&Value::Data(vec![0x30, 0])));
    }
}
