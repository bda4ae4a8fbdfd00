//! The device that a check is for.

use clap::ValueEnum;
use profile_kit::{Enrolment, InstalledBy, OsVersion, Platform, Target};

/// What is known of the device.
#[derive(clap::Args)]
pub struct TargetOptions {
    /// The device's platform; ios where only --os is given.
    #[arg(long, value_name = "P", value_enum)]
    platform: Option<PlatformName>,
    /// The version of its system, such as 17 or 17.5.
    #[arg(long, value_name = "V")]
    os: Option<OsVersion>,
    /// Whether an organisation supervises it.
    #[arg(long, value_name = "yes|no", value_enum)]
    supervised: Option<Answer>,
    /// Who installs the profile.
    #[arg(long, value_name = "hand|mdm", value_enum)]
    installed_by: Option<Installer>,
    /// How the device is enrolled.
    #[arg(long, value_name = "device|user|shared-ipad", value_enum)]
    enrolment: Option<EnrolmentName>,
}

#[derive(Clone, Copy, ValueEnum)]
enum PlatformName {
    #[value(alias = "ipados")]
    Ios,
    Macos,
    Tvos,
    Visionos,
    Watchos,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Answer {
    Yes,
    No,
}

#[derive(Clone, Copy, ValueEnum)]
enum Installer {
    Hand,
    Mdm,
}

#[derive(Clone, Copy, ValueEnum)]
enum EnrolmentName {
    Device,
    User,
    SharedIpad,
}

impl TargetOptions {
    /// The library's target.
    pub fn target(&self) -> Target {
        let platform = self.platform.or(self.os.map(|_| PlatformName::Ios));
        Target {
            platform: platform.map(|platform| match platform {
                PlatformName::Ios => Platform::Ios,
                PlatformName::Macos => Platform::Macos,
                PlatformName::Tvos => Platform::Tvos,
                PlatformName::Visionos => Platform::Visionos,
                PlatformName::Watchos => Platform::Watchos,
            }),
            version: self.os,
            supervised: self.supervised.map(|answer| answer == Answer::Yes),
            installed_by: self.installed_by.map(|installer| match installer {
                Installer::Hand => InstalledBy::Hand,
                Installer::Mdm => InstalledBy::Mdm,
            }),
            enrolment: self.enrolment.map(|enrolment| match enrolment {
                EnrolmentName::Device => Enrolment::Device,
                EnrolmentName::User => Enrolment::User,
                EnrolmentName::SharedIpad => Enrolment::SharedIpad,
            }),
        }
    }
}
