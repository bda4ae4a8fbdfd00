//! The verb `preflight`.

use std::{collections::BTreeSet, fmt::Write as _, path::PathBuf, time::SystemTime};

use clap::ValueEnum;
use profile_kit::{
    Arrival, Certificate, InstalledBy, Os, OsVersion, PasswordForm, Platform, Policies,
    device::Signature,
    policy::Choice,
    preflight::{self, Case, Devices, InForce, Outlook, OutlookRow, Question, Report, Row, Verdict},
};
use serde_json::{Value, json};

use super::{
    files::Input,
    outcome::{Exit, Failure},
    text,
    verify::ReportFormat,
};

/// Tell before delivery whether an overwrite will free the devices that it is for.
///
/// INSTALLED is the very file that the devices have. Without OVERWRITE: whether anything can free them, and whose
/// signature that needs. Verdicts: `frees`, `already-free` (the owner can delete INSTALLED without it), `frees-on-some`,
/// `strands`. Devices that are free already count only where all are. Exit status 0 for the first two, 1 for the others.
///
/// Where sources disagree about what devices do, all that some source says is tried, and the policies that decide are
/// named; a preset or a policy fixes them.
#[derive(clap::Args)]
#[command(
    after_help = "Example:\n  profile-kit preflight installed.mobileconfig overwrite.mobileconfig --os 12..18 --supervised yes"
)]
pub struct Args {
    /// The profile that the devices have; `-` is standard input.
    #[arg(value_name = "INSTALLED")]
    installed: PathBuf,
    /// The profile that is to free them.
    #[arg(value_name = "OVERWRITE")]
    overwrite: Option<PathBuf>,
    /// The devices' platform.
    #[arg(long, value_name = "NAME", value_enum, default_value_t)]
    platform: PlatformName,
    /// Their version, or the first and the last of several; unless given all major ones from iOS 10, tvOS 10 or macOS 11.
    #[arg(long, value_name = "V|V..V", value_parser = range)]
    os: Option<(OsVersion, OsVersion)>,
    /// Whether they are supervised.
    #[arg(long, value_name = "ANSWER", value_enum, default_value_t)]
    supervised: Supervised,
    /// How INSTALLED got there.
    #[arg(long, value_name = "WAY", value_enum, default_value_t)]
    installed_by: Way,
    /// How OVERWRITE gets there.
    #[arg(long, value_name = "WAY", value_enum, default_value_t)]
    overwrite_by: Way,
    /// Fix what devices do where the sources disagree.
    #[arg(long, value_name = "NAME", value_enum)]
    preset: Option<Preset>,
    /// Fix one policy, such as signer-match=same-key.
    #[arg(long, value_name = "NAME=VALUE")]
    policy: Vec<String>,
    /// How the answer is written.
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t)]
    format: ReportFormat,
}

#[derive(Clone, Copy, Default, ValueEnum)]
enum PlatformName {
    #[default]
    Ios,
    Macos,
    Tvos,
}

#[derive(Clone, Copy, Default, ValueEnum)]
enum Supervised {
    Yes,
    No,
    #[default]
    Both,
}

#[derive(Clone, Copy, Default, ValueEnum)]
enum Way {
    /// The owner, by hand.
    #[default]
    Hand,
    /// The MDM, with its commands.
    Mdm,
}

#[derive(Clone, Copy, ValueEnum)]
enum Preset {
    /// What current systems are observed to do.
    Current,
    /// The time of the procedure, 2017.
    #[value(name = "ios-10-11")]
    Ios10To11,
}

pub fn run(args: &Args) -> Result<Exit, Failure> {
    let devices = args.devices()?;
    let installed = read(&args.installed)?;
    if let Signature::Broken(verdict) = installed.1.signature {
        let message = format!("{}: {verdict}: no device has a profile whose signature does not hold", installed.0);
        return Err(Failure { exit: Exit::No, message });
    }
    let at = SystemTime::now();
    let (installed_by, overwrite_by) = (args.installed_by.by(), args.overwrite_by.by());
    let verdict = match &args.overwrite {
        Some(path) => {
            let overwrite = read(path)?;
            let mut question = Question::new(&installed.1, &overwrite.1, at);
            (question.installed_by, question.overwrite_by) = (installed_by, overwrite_by);
            let report = question.ask(&devices);
            let names = (installed.0.as_str(), overwrite.0.as_str());
            match args.format {
                ReportFormat::Text => text::print(&told(args, names, &devices, &report))?,
                ReportFormat::Json => text::print_json(&[report_json(args, names, &devices, &report)])?,
            }
            report.verdict
        }
        None => {
            let outlook = preflight::outlook(&installed.1, (installed_by, overwrite_by), &devices, at);
            match args.format {
                ReportFormat::Text => text::print(&outlook_told(args, &installed.0, &devices, &outlook))?,
                ReportFormat::Json => text::print_json(&[outlook_json(args, &installed.0, &devices, &outlook)])?,
            }
            outlook.verdict
        }
    };
    Ok(if verdict.is_free() { Exit::Yes } else { Exit::No })
}

/// A file's name and what it holds.
fn read(path: &std::path::Path) -> Result<(String, Arrival), Failure> {
    let input = Input::read(path)?;
    let arrival = Arrival::from_bytes(&input.bytes).map_err(|error| Failure::of(&input.name, &error))?;
    Ok((input.name, arrival))
}

impl Args {
    fn devices(&self) -> Result<Devices, Failure> {
        let platform = self.platform.platform();
        let (first, last) = self.os.unwrap_or(self.platform.range());
        if last < first {
            return Err(Failure::usage(format!("--os {first}..{last}: the first version is the later one")));
        }
        let versions = preflight::versions(platform, first, last);
        if versions.len() > MOST_VERSIONS {
            return Err(Failure::usage(format!("--os {first}..{last}: more than {MOST_VERSIONS} versions")));
        }
        let systems = versions.into_iter().map(|version| Os { platform, version }).collect();
        let mut devices = Devices { supervised: self.supervised.values(), ..Devices::of(systems) };
        if let Some(preset) = self.preset {
            devices = devices.with_preset(preset.policies());
        }
        for given in &self.policy {
            let (name, value) = given.split_once('=').unwrap_or((given, ""));
            let wrong =
                |error: profile_kit::policy::UnknownPolicy| Failure::usage(format!("--policy {given}: {error}"));
            devices.policies.set(name, value).map_err(wrong)?;
            devices.fixed.push(name.parse().map_err(wrong)?);
        }
        Ok(devices)
    }

    /// What was asked about, what was not given among it.
    fn asked(&self, devices: &Devices) -> String {
        let (first, last) = (devices.systems.first(), devices.systems.last());
        let systems = match (first, last) {
            (Some(first), Some(last)) if first != last => format!("{first} to {}", last.version),
            (Some(only), _) => only.to_string(),
            (None, _) => "nothing".into(),
        };
        let supervised = match self.supervised {
            Supervised::Yes => "supervised",
            Supervised::No => "not supervised",
            Supervised::Both => "supervised and not",
        };
        let ways = match (self.overwrite.is_some(), self.installed_by.by(), self.overwrite_by.by()) {
            (_, InstalledBy::Hand, InstalledBy::Hand) => "installed and overwritten by hand",
            (_, InstalledBy::Mdm, InstalledBy::Mdm) => "installed and overwritten by the MDM",
            (_, InstalledBy::Hand, InstalledBy::Mdm) => "installed by hand, overwritten by the MDM",
            (_, InstalledBy::Mdm, InstalledBy::Hand) => "installed by the MDM, overwritten by hand",
        };
        let policies = match (self.preset, self.policy.is_empty()) {
            (None, true) => "whatever a source says where the sources disagree".into(),
            (None, false) => format!("{}, elsewhere whatever a source says", self.policy.join(" ")),
            (Some(preset), true) => format!("preset {}", preset.word()),
            (Some(preset), false) => format!("preset {} with {}", preset.word(), self.policy.join(" ")),
        };
        format!("{systems}, {supervised}, {ways}; {policies}")
    }
}

fn told(args: &Args, (installed, overwrite): (&str, &str), devices: &Devices, report: &Report) -> String {
    let (bold, (old, new)) = (text::bold(), (text::escape(installed), text::escape(overwrite)));
    let mut told = format!("{new} over {old}: {bold}{}{bold:#}\n", report.verdict);
    line(&mut told, "asked", &args.asked(devices));
    line(&mut told, "signer", &signer(report));
    let rows = rows(&report.rows);
    table(&mut told, &rows);
    for reason in reasons(&report.rows) {
        line(&mut told, "because", &reason);
    }
    for prompt in prompts(&report.rows) {
        line(&mut told, "on the way", prompt);
    }
    if report.until_overwrite != report.until_deletion {
        line(&mut told, "in force until the overwrite", &in_force(&report.until_overwrite));
    }
    line(&mut told, "in force until the owner deletes it", &in_force(&report.until_deletion));
    told
}

/// One line of the table: the devices, what is done with the overwrite, what the owner can do then, the verdict, and the
/// policies on which that rests.
type Cells = [String; 6];

/// Devices that do the same stand in one line as far as they follow each other.
fn rows(rows: &[Row]) -> Vec<Cells> {
    let mut lines: Vec<Cells> =
        vec![["devices", "before", "the overwrite", "the owner then", "verdict", "where"].map(Into::into)];
    let mut rest = rows;
    while let Some((first, _)) = rest.split_first() {
        let told = cells(first);
        let alike = |row: &&Row| row.supervised == first.supervised && cells(row) == told;
        let count = rest.iter().take_while(alike).count();
        let kind = kind(first.os, rest[count - 1].os, first.supervised);
        for [before, installs, then, verdict, policies] in told {
            lines.push([kind.clone(), before, installs, then, verdict, policies]);
        }
        rest = &rest[count..];
    }
    lines
}

fn kind(first: Os, last: Os, supervised: bool) -> String {
    let supervised = if supervised { "supervised" } else { "not supervised" };
    match first == last {
        true => format!("{first} {supervised}"),
        false => format!("{first} to {} {supervised}", last.version),
    }
}

/// What the cases of a device come to, those that come to the same together.
fn cells(row: &Row) -> Vec<[String; 5]> {
    let all: Vec<([String; 4], &Case)> = row.cases.iter().map(|case| (case_cells(case), case)).collect();
    let mut kinds: Vec<[String; 4]> = all.iter().map(|(cells, _)| cells.clone()).collect();
    kinds.sort();
    kinds.dedup();
    let line = |kind: [String; 4]| {
        let own: Vec<&Case> = all.iter().filter(|(cells, _)| *cells == kind).map(|(_, case)| *case).collect();
        let policies = distinguishing(&own, &row.cases);
        let [before, installs, then, verdict] = kind;
        [before, installs, then, verdict, policies]
    };
    kinds.into_iter().map(line).collect()
}

fn case_cells(case: &Case) -> [String; 4] {
    let before = if case.free_before { "can be deleted" } else { "locked" };
    let refusal = case.reasons.iter().find(|reason| reason.step == preflight::Step::Install);
    let installs = match (case.replaces, refusal) {
        (Some(true), _) => "replaces it".into(),
        (Some(false), _) => "is added beside it".into(),
        (None, Some(reason)) => match reason.error {
            Some(error) => format!("refused: {} ({})", reason.word, error.number),
            None => format!("refused: {}", reason.word),
        },
        (None, None) => "refused".into(),
    };
    let stays = case.reasons.iter().find(|reason| reason.step == preflight::Step::Delete);
    let then = match (case.free_after, stays) {
        (true, _) => "can delete it".into(),
        (false, Some(reason)) => format!("cannot delete it: {}", reason.word),
        (false, None) => "cannot delete it".into(),
    };
    [before.into(), installs, then, case.outcome.to_string()]
}

/// The values of policies that some cases have and others have not.
fn distinguishing(own: &[&Case], all: &[Case]) -> String {
    let values = |cases: &[&Case], policy| -> BTreeSet<String> {
        let choices = cases.iter().flat_map(|case| &case.choices);
        choices.filter(|choice| choice.policy == policy).map(|choice| choice.value.clone()).collect()
    };
    let everywhere: Vec<&Case> = all.iter().collect();
    let policies: BTreeSet<_> = own.iter().flat_map(|case| &case.choices).map(|choice| choice.policy).collect();
    let told = policies.into_iter().filter_map(|policy| {
        let (mine, theirs) = (values(own, policy), values(&everywhere, policy));
        (mine != theirs).then(|| format!("{policy}={}", mine.into_iter().collect::<Vec<_>>().join("|")))
    });
    told.collect::<Vec<_>>().join(" ")
}

fn table<const COLUMNS: usize>(told: &mut String, lines: &[[String; COLUMNS]]) {
    let width = |column: usize| lines.iter().map(|line| line[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..COLUMNS).map(width).collect();
    for line in lines {
        let cells = line.iter().zip(&widths).map(|(cell, width)| format!("{:width$}", text::escape(cell)));
        writeln!(told, "  {}", cells.collect::<Vec<_>>().join("  ").trim_end()).expect(TAKES_ANY);
    }
}

/// Each reason once, with what it rests on.
fn reasons(rows: &[Row]) -> Vec<String> {
    let mut told: Vec<String> = Vec::new();
    for reason in rows.iter().flat_map(|row| &row.cases).flat_map(|case| &case.reasons) {
        let error = reason.error.map(|error| error.to_string());
        let fact = reason.facts.first().map(|fact| fact.number().to_owned());
        let grounds: Vec<String> = error.into_iter().chain(fact).collect();
        let sentence = format!("{}: {} ({})", reason.word, reason.sentence, grounds.join("; "));
        if !told.contains(&sentence) {
            told.push(sentence);
        }
    }
    told
}

/// What the owner is asked, other than what stands in the way.
fn prompts(rows: &[Row]) -> BTreeSet<&'static str> {
    let all = rows.iter().flat_map(|row| &row.cases).flat_map(|case| &case.prompts);
    all.filter(|prompt| !prompt.needs_a_password()).map(|prompt| prompt.sentence()).collect()
}

fn signer(report: &Report) -> String {
    let words = |passes| {
        let some = report.signer.iter().filter(|(_, taken)| *taken == passes).map(|(policy, _)| policy.to_string());
        some.collect::<Vec<_>>().join(", ")
    };
    match (words(true), words(false)) {
        (taken, refused) if refused.is_empty() => format!("accepted under every policy: {taken}"),
        (taken, refused) if taken.is_empty() => format!("refused under every policy: {refused}"),
        (taken, refused) => format!("accepted under {taken}; refused under {refused}"),
    }
}

fn in_force(payloads: &[InForce]) -> String {
    let told = payloads.iter().map(|payload| match (&payload.kind, payload.keys.as_slice()) {
        (None, _) => "payloads that are encrypted".into(),
        (Some(kind), []) => format!("{kind} without settings"),
        (Some(kind), keys) if keys.len() > MOST_KEYS => {
            format!("{kind} ({}, and {} more)", keys[..MOST_KEYS].join(", "), keys.len() - MOST_KEYS)
        }
        (Some(kind), keys) => format!("{kind} ({})", keys.join(", ")),
    });
    let told: Vec<String> = told.collect();
    match told.len() {
        0 => "nothing".into(),
        count if count > MOST_PAYLOADS => {
            format!("{}; and {} payloads more", told[..MOST_PAYLOADS].join("; "), count - MOST_PAYLOADS)
        }
        _ => told.join("; "),
    }
}

fn line(told: &mut String, label: &str, value: &str) {
    writeln!(told, "  {label}: {}", text::escape(value)).expect(TAKES_ANY);
}

fn outlook_told(args: &Args, installed: &str, devices: &Devices, outlook: &Outlook) -> String {
    let bold = text::bold();
    let can = match outlook.verdict {
        Verdict::AlreadyFree => "needs no overwrite",
        Verdict::Frees => "an overwrite can free it",
        Verdict::FreesOnSome => "an overwrite can free it on some devices",
        Verdict::Strands => "no overwrite can free it",
    };
    let mut told = format!("{}: {bold}{}{bold:#}: {can}\n", text::escape(installed), outlook.verdict);
    line(&mut told, "asked", &args.asked(devices));
    line(&mut told, "sign it with", &certificate(outlook.certificate.as_ref()));
    let mut lines = vec![["devices", "verdict", "form", "otherwise"].map(String::from)];
    let mut rest = outlook.rows.as_slice();
    while let Some((first, _)) = rest.split_first() {
        let cells = outlook_cells(first);
        let alike = |row: &&OutlookRow| row.supervised == first.supervised && outlook_cells(row) == cells;
        let count = rest.iter().take_while(alike).count();
        let [verdict, form, otherwise] = cells;
        lines.push([kind(first.os, rest[count - 1].os, first.supervised), verdict, form, otherwise]);
        rest = &rest[count..];
    }
    table(&mut told, &lines);
    told
}

fn outlook_cells(row: &OutlookRow) -> [String; 3] {
    let told = |form: &preflight::FormOutlook| {
        let strip = if form.strip { " without the other payloads" } else { "" };
        let reasons = if form.reasons.is_empty() { String::new() } else { format!(": {}", form.reasons.join(", ")) };
        format!("{}{strip} {}{reasons}", form_word(form.form), form.verdict)
    };
    let best = &row.forms[0];
    let others: Vec<String> = row.forms[1..].iter().map(told).collect();
    let strip = if best.strip { ", without the other payloads" } else { "" };
    let form = match best.verdict {
        Verdict::Strands | Verdict::FreesOnSome => told(best),
        Verdict::Frees | Verdict::AlreadyFree => format!("{}{strip}", form_word(best.form)),
    };
    [row.verdict.to_string(), form, others.join("; ")]
}

fn certificate(certificate: Option<&Certificate>) -> String {
    let Some(certificate) = certificate else {
        return "any certificate, or none: what is installed is unsigned".into();
    };
    let end = match certificate.not_after() {
        None => "its end cannot be read".into(),
        Some(end) if end < SystemTime::now() => {
            format!("ended {}, which does not keep it from signing this", text::time(end))
        }
        Some(end) => format!("ends {}, and may sign this after that too", text::time(end)),
    };
    format!("{}, sha256:{}; {end}", certificate.subject(), certificate.fingerprint())
}

fn report_json(args: &Args, (installed, overwrite): (&str, &str), devices: &Devices, report: &Report) -> Value {
    json!({
        "file": overwrite,
        "installed": installed,
        "verdict": report.verdict.word(),
        "installed_by": way_word(args.installed_by.by()),
        "overwrite_by": way_word(args.overwrite_by.by()),
        "policies": policies_json(devices),
        "signer": report.signer.iter().map(|(policy, taken)| (policy.to_string(), json!(taken))).collect::<serde_json::Map<_, _>>(),
        "devices": report.rows.iter().map(row_json).collect::<Vec<_>>(),
        "until_overwrite": report.until_overwrite.iter().map(in_force_json).collect::<Vec<_>>(),
        "until_deletion": report.until_deletion.iter().map(in_force_json).collect::<Vec<_>>(),
    })
}

/// What was fixed, and the base of what was open.
fn policies_json(devices: &Devices) -> Value {
    let one = |choice: Choice| {
        let fixed = devices.fixed.contains(&choice.policy);
        (choice.policy.to_string(), json!({"value": choice.value, "fixed": fixed}))
    };
    devices.policies.choices().map(one).collect::<serde_json::Map<_, _>>().into()
}

fn row_json(row: &Row) -> Value {
    json!({
        "platform": row.os.platform.to_string(),
        "os": row.os.version.to_string(),
        "supervised": row.supervised,
        "verdict": row.verdict.word(),
        "cases": row.cases.iter().map(case_json).collect::<Vec<_>>(),
    })
}

fn case_json(case: &Case) -> Value {
    let words = |choices: &[Choice]| choices.iter().map(ToString::to_string).collect::<Vec<_>>();
    let reason = |reason: &preflight::Reason| {
        json!({
            "step": reason.step.word(),
            "code": reason.word,
            "message": reason.sentence,
            "domain": reason.error.map(|error| error.domain.to_string()),
            "number": reason.error.map(|error| error.number),
            "facts": reason.facts.iter().map(|fact| fact.number()).collect::<Vec<_>>(),
            "policies": words(&reason.policies),
        })
    };
    json!({
        "outcome": case.outcome.word(),
        "choices": words(&case.choices),
        "free_before": case.free_before,
        "replaces": case.replaces,
        "free_after": case.free_after,
        "prompts": case.prompts.iter().map(|prompt| prompt.word()).collect::<Vec<_>>(),
        "reasons": case.reasons.iter().map(reason).collect::<Vec<_>>(),
        "facts": case.grounds.facts.iter().map(|fact| fact.number()).collect::<Vec<_>>(),
        "policies": words(&case.grounds.policies),
    })
}

fn in_force_json(payload: &InForce) -> Value {
    json!({"type": payload.kind, "keys": payload.keys})
}

fn outlook_json(args: &Args, installed: &str, devices: &Devices, outlook: &Outlook) -> Value {
    let certificate = outlook.certificate.as_ref().map(|certificate| {
        json!({
            "subject": certificate.subject(),
            "sha256": certificate.fingerprint(),
            "not_after": certificate.not_after().map(text::time),
        })
    });
    let form = |form: &preflight::FormOutlook| {
        json!({
            "form": form_word(form.form),
            "strip": form.strip,
            "verdict": form.verdict.word(),
            "reasons": form.reasons,
        })
    };
    let row = |row: &OutlookRow| {
        json!({
            "platform": row.os.platform.to_string(),
            "os": row.os.version.to_string(),
            "supervised": row.supervised,
            "verdict": row.verdict.word(),
            "forms": row.forms.iter().map(form).collect::<Vec<_>>(),
        })
    };
    json!({
        "file": installed,
        "verdict": outlook.verdict.word(),
        "installed_by": way_word(args.installed_by.by()),
        "overwrite_by": way_word(args.overwrite_by.by()),
        "policies": policies_json(devices),
        "certificate": certificate,
        "devices": outlook.rows.iter().map(row).collect::<Vec<_>>(),
    })
}

fn way_word(by: InstalledBy) -> &'static str {
    match by {
        InstalledBy::Hand => "hand",
        InstalledBy::Mdm => "mdm",
    }
}

fn form_word(form: PasswordForm) -> &'static str {
    match form {
        PasswordForm::Empty => "empty",
        PasswordForm::Omitted => "omitted",
        PasswordForm::Auto => "auto",
    }
}

/// `17` or `10..18`.
fn range(text: &str) -> Result<(OsVersion, OsVersion), String> {
    let version = |text: &str| text.parse::<OsVersion>().map_err(|error| format!("{text:?} {error}"));
    match text.split_once("..") {
        None => version(text).map(|version| (version, version)),
        Some((first, last)) => Ok((version(first)?, version(last)?)),
    }
}

impl PlatformName {
    fn platform(self) -> Platform {
        match self {
            PlatformName::Ios => Platform::Ios,
            PlatformName::Macos => Platform::Macos,
            PlatformName::Tvos => Platform::Tvos,
        }
    }

    /// The versions where none is given.
    fn range(self) -> (OsVersion, OsVersion) {
        let major = |major| OsVersion { major, ..OsVersion::default() };
        match self {
            PlatformName::Ios | PlatformName::Tvos => (major(10), major(18)),
            PlatformName::Macos => (major(11), major(15)),
        }
    }
}

impl Supervised {
    fn values(self) -> Vec<bool> {
        match self {
            Supervised::Yes => vec![true],
            Supervised::No => vec![false],
            Supervised::Both => vec![true, false],
        }
    }
}

impl Way {
    fn by(self) -> InstalledBy {
        match self {
            Way::Hand => InstalledBy::Hand,
            Way::Mdm => InstalledBy::Mdm,
        }
    }
}

impl Preset {
    fn policies(self) -> Policies {
        match self {
            Preset::Current => Policies::current(),
            Preset::Ios10To11 => Policies::ios_10_11(),
        }
    }

    fn word(self) -> &'static str {
        match self {
            Preset::Current => "current",
            Preset::Ios10To11 => "ios-10-11",
        }
    }
}

const TAKES_ANY: &str = "a string takes any text";
const MOST_VERSIONS: usize = 100;
const MOST_KEYS: usize = 12;
const MOST_PAYLOADS: usize = 12;
