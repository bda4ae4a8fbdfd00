//! The verb `preflight`.

mod json;
mod told;

use std::{
    collections::HashSet,
    path::{Path, PathBuf},
    time::SystemTime,
};

use clap::ValueEnum;
use profile_kit::{
    Arrival, InstalledBy, Os, OsVersion, Platform, Policies, Policy,
    device::Signature,
    policy::UnknownPolicy,
    preflight::{self, Devices, Question},
};
use serde_json::json;

use super::{
    files::{self, Input},
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
    let name = |path: &Path| files::name(path, "standard input");
    let installed = match arrival(&args.installed).and_then(|arrival| hold(&name(&args.installed), arrival)) {
        Ok(arrival) => (name(&args.installed), arrival),
        Err(failure) => return args.unasked(&name(&args.installed), failure),
    };
    let at = SystemTime::now();
    let ways = (args.installed_by.by(), args.overwrite_by.by());
    let verdict = match &args.overwrite {
        Some(path) => {
            let overwrite = match arrival(path) {
                Ok(arrival) => (name(path), arrival),
                Err(failure) => return args.unasked(&name(path), failure),
            };
            let mut question = Question::new(&installed.1, &overwrite.1, at);
            (question.installed_by, question.overwrite_by) = ways;
            let report = question.ask(&devices);
            let names = (installed.0.as_str(), overwrite.0.as_str());
            match args.format {
                ReportFormat::Text => text::print(&told::report(names, &args.asked(&devices), &report))?,
                ReportFormat::Json => text::print_json(&[json::report(names, ways, &devices, &report)])?,
            }
            report.verdict
        }
        None => {
            let outlook = preflight::outlook(&installed.1, ways, &devices, at);
            match args.format {
                ReportFormat::Text => text::print(&told::outlook(&installed.0, &args.asked(&devices), &outlook))?,
                ReportFormat::Json => text::print_json(&[json::outlook(&installed.0, ways, &devices, &outlook)])?,
            }
            outlook.verdict
        }
    };
    Ok(if verdict.is_free() { Exit::Yes } else { Exit::No })
}

/// What a file holds.
fn arrival(path: &Path) -> Result<Arrival, Failure> {
    let input = Input::read(path)?;
    Arrival::from_bytes(&input.bytes).map_err(|error| Failure::of(&input.name, &error))
}

/// What a device can have: its signature holds.
fn hold(name: &str, installed: Arrival) -> Result<Arrival, Failure> {
    let Signature::Broken(verdict) = installed.signature else { return Ok(installed) };
    let message = format!("{name}: {verdict}: no device has a profile whose signature does not hold");
    Err(Failure { exit: Exit::No, message })
}

impl Args {
    /// The answer where a file cannot be read, or nothing can be asked of what is in it.
    fn unasked(&self, file: &str, failure: Failure) -> Result<Exit, Failure> {
        match self.format {
            ReportFormat::Text => Err(failure),
            ReportFormat::Json => {
                text::print_json(&[json!({"file": file, "error": failure.message})])?;
                Ok(failure.exit)
            }
        }
    }

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
        let mut named = HashSet::new();
        for given in &self.policy {
            let (name, value) = given.split_once('=').unwrap_or((given, ""));
            let wrong = |problem: String| Failure::usage(format!("--policy {given}: {problem}"));
            devices.policies.set(name, value).map_err(|error| wrong(error.to_string()))?;
            let policy: Policy = name.parse().map_err(|error: UnknownPolicy| wrong(error.to_string()))?;
            if !named.insert(policy) {
                return Err(wrong(format!("{policy} is given twice")));
            }
            devices.fixed.push(policy);
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

const MOST_VERSIONS: usize = 100;
