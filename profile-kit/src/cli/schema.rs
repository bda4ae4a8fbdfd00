//! The verb `schema`.

use std::{fmt::Write as _, ptr};

use clap::ValueEnum;
use profile_kit::{
    Platform,
    schema::{self, Introduced, KeySchema, Keys, Mode, PayloadSchema, Support, Systems},
};
use serde_json::{Map, Value, json};

use super::{
    outcome::{Exit, Failure},
    text,
    verify::ReportFormat,
};

/// Show what Apple's schema says of payload types: their keys, and on which systems they work.
///
/// A key says of a platform only what differs from what is around it. Exit status 1 where the schema does not know the
/// type.
#[derive(clap::Args)]
#[command(after_help = "Example:\n  profile-kit schema com.apple.webClip.managed --platform ios")]
pub struct Args {
    /// The payload type, `Configuration` for the top level of a profile; without it all types are listed.
    #[arg(value_name = "TYPE")]
    kind: Option<String>,
    /// Only what works on this platform.
    #[arg(long, value_name = "NAME", value_enum)]
    platform: Option<PlatformName>,
    /// How the answer is written.
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t)]
    format: ReportFormat,
}

/// A platform by its name.
#[derive(Clone, Copy, ValueEnum)]
enum PlatformName {
    Ios,
    Macos,
    Tvos,
    Visionos,
    Watchos,
}

impl From<PlatformName> for Platform {
    fn from(name: PlatformName) -> Self {
        match name {
            PlatformName::Ios => Platform::Ios,
            PlatformName::Macos => Platform::Macos,
            PlatformName::Tvos => Platform::Tvos,
            PlatformName::Visionos => Platform::Visionos,
            PlatformName::Watchos => Platform::Watchos,
        }
    }
}

pub fn run(args: &Args) -> Result<Exit, Failure> {
    let view = View { platform: args.platform.map(Platform::from) };
    match (&args.kind, args.format) {
        (None, ReportFormat::Text) => text::print(&view.list())?,
        (None, ReportFormat::Json) => {
            text::print_json(&view.types().map(|payload| view.head(payload)).collect::<Vec<_>>())?
        }
        (Some(kind), ReportFormat::Text) => {
            text::print(&find(kind)?.map(|payload| view.tree(payload)).collect::<String>())?
        }
        (Some(kind), ReportFormat::Json) => match find(kind) {
            Ok(payloads) => text::print_json(&payloads.map(|payload| view.json(payload)).collect::<Vec<_>>())?,
            Err(failure) => {
                text::print_json(&[json!({"type": kind, "error": failure.message})])?;
                return Ok(failure.exit);
            }
        },
    }
    Ok(Exit::Yes)
}

fn find(kind: &str) -> Result<impl Iterator<Item = &'static PayloadSchema>, Failure> {
    let top = (kind == TOP_LEVEL).then(schema::top_level);
    let found = schema::find(kind);
    if top.is_none() && found.is_empty() {
        let message = format!("{} is no payload type of Apple's schema{}", text::quoted(kind), suggestion(kind));
        return Err(Failure { exit: Exit::No, message });
    }
    Ok(top.into_iter().chain(found))
}

/// The type as it is asked for: Apple's schema has a title in its place for the top level.
fn kind(payload: &PayloadSchema) -> &str {
    if ptr::eq(payload, schema::top_level()) { TOP_LEVEL } else { payload.kind }
}

/// The types that are a typing error away, or have the word in their names.
fn suggestion(kind: &str) -> String {
    let word = kind.trim().to_ascii_lowercase();
    let holds = |known: &&str| word.len() > 1 && known.to_ascii_lowercase().contains(&word);
    let mut near: Vec<&str> = schema::near(kind).into_iter().collect();
    near.extend(schema::types().map(|payload| payload.kind).filter(holds));
    near.dedup();
    near.truncate(MOST_SUGGESTIONS);
    match near.is_empty() {
        true => ": `profile-kit schema` lists them".into(),
        false => format!(": did you mean {}?", near.join(", ")),
    }
}

const TOP_LEVEL: &str = "Configuration";
const MOST_SUGGESTIONS: usize = 5;

/// What is shown: everything, or what works on a platform.
struct View {
    platform: Option<Platform>,
}

impl View {
    fn types(&self) -> impl Iterator<Item = &'static PayloadSchema> {
        schema::types().filter(|payload| self.works(&payload.support))
    }

    /// Whether something is not known to be absent from the platform.
    fn works(&self, support: &Systems) -> bool {
        let on = self.platform.and_then(|platform| support.on(platform));
        on.is_none_or(|support| support.introduced != Some(Introduced::Never))
    }

    fn shown<'a>(&self, support: &'a Systems) -> impl Iterator<Item = (Platform, &'a Support)> {
        support.iter().filter(|(platform, _)| self.platform.is_none_or(|shown| shown == *platform))
    }

    fn list(&self) -> String {
        let mut list = String::new();
        for payload in self.types() {
            let works = |(_, support): &(Platform, &Support)| support.introduced != Some(Introduced::Never);
            let systems: Vec<_> = self.shown(&payload.support).filter(works).map(brief).collect();
            let file = if payload.file == payload.kind { String::new() } else { format!(" [{}]", payload.file) };
            let systems = if systems.is_empty() { "no system is named".into() } else { systems.join(", ") };
            line(&mut list, 0, &format!("{}{file}", payload.kind), &systems);
        }
        list
    }

    fn tree(&self, payload: &PayloadSchema) -> String {
        let (bold, mut tree, kind) = (text::bold(), String::new(), kind(payload));
        let file = if payload.file == kind { String::new() } else { format!(" [{}]", payload.file) };
        writeln!(tree, "{bold}{kind}{bold:#}{file}").expect(TAKES_ANY);
        for (platform, support) in self.shown(&payload.support) {
            line(&mut tree, 1, &format!("on {platform}"), &words(support).join(", "));
        }
        if self.works(&payload.support) {
            self.keys(&mut tree, payload.keys, &mut Vec::new());
        }
        tree
    }

    fn keys(&self, tree: &mut String, keys: Keys, above: &mut Vec<(Keys, &'static str)>) {
        for key in keys.iter().filter(|key| self.works(&key.support)) {
            let mut facts = facts(key);
            for (platform, support) in self.shown(&key.support) {
                facts.push(format!("{platform} ({})", words(support).join(", ")));
            }
            let again = above.iter().find(|(known, _)| *known == key.keys).map(|(_, name)| *name);
            facts.extend(again.map(|name| format!("keys as in {name}")));
            line(tree, above.len() + 1, &text::escape(key.name), &facts.join(", "));
            if again.is_none() && !key.keys.is_empty() {
                above.push((key.keys, key.name));
                self.keys(tree, key.keys, above);
                above.pop();
            }
        }
    }

    fn head(&self, payload: &PayloadSchema) -> Value {
        json!({"type": kind(payload), "file": payload.file, "support": self.support(&payload.support)})
    }

    fn json(&self, payload: &PayloadSchema) -> Value {
        let mut head = self.head(payload);
        head["keys"] = match self.works(&payload.support) {
            true => self.json_keys(payload.keys, &mut Vec::new()),
            false => json!([]),
        };
        head
    }

    fn json_keys(&self, keys: Keys, above: &mut Vec<(Keys, &'static str)>) -> Value {
        let keys = keys.iter().filter(|key| self.works(&key.support));
        keys.map(|key| self.json_key(key, above)).collect::<Vec<_>>().into()
    }

    fn json_key(&self, key: &'static KeySchema, above: &mut Vec<(Keys, &'static str)>) -> Value {
        let mut facts = Map::new();
        let mut fact = |name: &str, value: Value| drop(facts.insert(name.to_owned(), value));
        fact("key", json!(key.name));
        fact("type", json!(key.kind.word()));
        fact("required", json!(key.required));
        let bounds = |bounds: schema::Bounds| json!({"min": bounds.min, "max": bounds.max});
        let optional = [
            ("subtype", key.subtype.map(Value::from)),
            ("values", (!key.values.is_empty()).then(|| key.values.iter().map(scalar).collect())),
            ("range", key.range.map(bounds)),
            ("count", key.count.map(bounds)),
            ("format", key.format.as_ref().map(|format| format.pattern.into())),
            ("default", key.default.as_ref().map(scalar)),
            ("support", self.shown(&key.support).next().is_some().then(|| self.support(&key.support))),
        ];
        optional.into_iter().for_each(|(name, value)| value.into_iter().for_each(|value| fact(name, value)));
        if let Some((_, name)) = above.iter().find(|(known, _)| *known == key.keys) {
            fact("keys_as_in", json!(name));
        } else if !key.keys.is_empty() {
            above.push((key.keys, key.name));
            fact("keys", self.json_keys(key.keys, above));
            above.pop();
        }
        facts.into()
    }

    /// Each platform by its name, each fact by Apple's.
    fn support(&self, systems: &Systems) -> Value {
        let facts = |support: &Support| {
            let text = |value: Option<&dyn ToString>| value.map(|value| Value::from(value.to_string()));
            let mode = |mode: Option<Mode>| mode.map(|mode| Value::from(mode.to_string()));
            let flag = |flag: Option<bool>| flag.map(Value::from);
            let all = [
                ("introduced", text(support.introduced.as_ref().map(|version| version as &dyn ToString))),
                ("deprecated", text(support.deprecated.as_ref().map(|version| version as &dyn ToString))),
                ("removed", text(support.removed.as_ref().map(|version| version as &dyn ToString))),
                ("multiple", flag(support.multiple)),
                ("supervised", flag(support.supervised)),
                ("allowmanualinstall", flag(support.manual_install)),
                ("devicechannel", flag(support.device_channel)),
                ("userchannel", flag(support.user_channel)),
                ("requiresdep", flag(support.requires_dep)),
                ("userapprovedmdm", flag(support.user_approved_mdm)),
                ("userenrollment", mode(support.user_enrolment)),
                ("sharedipad", mode(support.shared_ipad)),
                ("sharedipad_devicechannel", flag(support.shared_ipad_device_channel)),
                ("sharedipad_userchannel", flag(support.shared_ipad_user_channel)),
            ];
            let told = all.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
            told.collect::<Map<_, _>>()
        };
        let systems = self.shown(systems).map(|(platform, support)| (platform.to_string(), facts(support).into()));
        systems.collect::<Map<_, _>>().into()
    }
}

fn scalar(scalar: &schema::Scalar) -> Value {
    match *scalar {
        schema::Scalar::Boolean(flag) => json!(flag),
        schema::Scalar::Integer(number) => json!(number),
        schema::Scalar::Real(number) => json!(number),
        schema::Scalar::String(text) => json!(text),
    }
}

/// `iOS 9.3 (supervised)`
fn brief((platform, support): (Platform, &Support)) -> String {
    let mut notes = Vec::new();
    notes.extend((support.supervised == Some(true)).then(|| "supervised".into()));
    notes.extend(support.deprecated.map(|version| format!("deprecated in {version}")));
    notes.extend(support.removed.map(|version| format!("removed in {version}")));
    let notes = if notes.is_empty() { String::new() } else { format!(" ({})", notes.join(", ")) };
    format!("{platform} {}{notes}", support.introduced.map_or_else(String::new, |version| version.to_string()))
}

/// What is said of a platform, in words.
fn words(support: &Support) -> Vec<String> {
    let since = support.introduced.map(|introduced| match introduced {
        Introduced::Never => "not at all".into(),
        Introduced::Always => "always".into(),
        Introduced::In(version) => format!("since {version}"),
    });
    let mut words: Vec<String> = since.into_iter().collect();
    words.extend(support.deprecated.map(|version| format!("deprecated in {version}")));
    words.extend(support.removed.map(|version| format!("removed in {version}")));
    for (flag, yes, no) in [
        (support.multiple, "several allowed", "only one"),
        (support.supervised, "supervised only", "supervised or not"),
        (support.manual_install, "by hand or MDM", "not by hand"),
        (support.device_channel, "device channel", "not on the device channel"),
        (support.user_channel, "user channel", "not on the user channel"),
        (support.requires_dep, "automatic enrolment only", ""),
        (support.user_approved_mdm, "approved MDM only", ""),
    ] {
        words.extend(flag.map(|flag| if flag { yes } else { no }).filter(|word| !word.is_empty()).map(String::from));
    }
    words.extend(support.user_enrolment.map(|mode| format!("user enrolment {mode}")));
    words.extend(support.shared_ipad.map(|mode| format!("Shared iPad {mode}")));
    let channels = [(support.shared_ipad_device_channel, "device"), (support.shared_ipad_user_channel, "user")];
    let closed = channels.iter().filter(|(open, _)| *open == Some(false));
    words.extend(closed.map(|(_, name)| format!("not on Shared iPad's {name} channel")));
    words
}

/// What is said of a key's value, in words.
fn facts(key: &KeySchema) -> Vec<String> {
    let mut facts = vec![match key.subtype.filter(|_| key.keys.is_empty()) {
        Some(subtype) => format!("{} ({subtype})", key.kind),
        None => key.kind.to_string(),
    }];
    facts.extend(key.is_any().then(|| "any key".into()));
    facts.extend(key.required.then(|| "required".into()));
    if !key.values.is_empty() {
        let values: Vec<_> = key.values.iter().map(ToString::to_string).collect();
        facts.push(format!("one of {}", values.join(" | ")));
    }
    facts.extend(
        key.range.map(|range| format!("from {range}").replace("..", " to ").trim_end_matches(" to ").to_owned()),
    );
    facts.extend(key.count.map(|count| format!("{count} items")));
    facts.extend(key.format.as_ref().map(|format| format!("format {}", format.pattern)));
    facts.extend(key.default.as_ref().map(|default| format!("default {}", quoted_if_empty(default))));
    facts
}

fn quoted_if_empty(default: &schema::Scalar) -> String {
    match default.to_string() {
        text if text.is_empty() => "\"\"".into(),
        text => text,
    }
}

fn line(tree: &mut String, depth: usize, label: &str, value: &str) {
    writeln!(tree, "{:width$}{label}: {value}", "", width = 2 * depth).expect(TAKES_ANY);
}

const TAKES_ANY: &str = "a string takes any text";
