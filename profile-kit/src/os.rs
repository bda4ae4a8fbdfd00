//! Platforms and versions of Apple's systems.

use std::{fmt, str::FromStr};

/// A platform that takes configuration profiles. iPadOS counts as iOS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Platform {
    /// iOS and iPadOS.
    Ios,
    /// macOS.
    Macos,
    /// tvOS.
    Tvos,
    /// visionOS.
    Visionos,
    /// watchOS.
    Watchos,
}

/// A platform and its version: what a profile is made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Os {
    /// The platform.
    pub platform: Platform,
    /// The version.
    pub version: OsVersion,
}

/// A version such as `17.5.1`; missing parts are 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OsVersion {
    /// The first number.
    pub major: u16,
    /// The second.
    pub minor: u16,
    /// The third.
    pub patch: u16,
}

impl Os {
    /// iOS or iPadOS of a major version.
    pub fn ios(major: u16) -> Self {
        Self { platform: Platform::Ios, version: OsVersion { major, ..OsVersion::default() } }
    }

    /// tvOS of a major version.
    pub fn tvos(major: u16) -> Self {
        Self { platform: Platform::Tvos, version: OsVersion { major, ..OsVersion::default() } }
    }

    /// macOS of a major version.
    pub fn macos(major: u16) -> Self {
        Self { platform: Platform::Macos, version: OsVersion { major, ..OsVersion::default() } }
    }
}

impl fmt::Display for Os {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.platform, self.version)
    }
}

/// Apple's name: `iOS`.
impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Platform::Ios => "iOS",
            Platform::Macos => "macOS",
            Platform::Tvos => "tvOS",
            Platform::Visionos => "visionOS",
            Platform::Watchos => "watchOS",
        })
    }
}

impl fmt::Display for OsVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)?;
        if self.patch > 0 {
            write!(f, ".{}", self.patch)?;
        }
        Ok(())
    }
}

/// Reads `17`, `17.5` or `17.5.1`.
impl FromStr for OsVersion {
    type Err = InvalidVersion;

    fn from_str(text: &str) -> Result<Self, InvalidVersion> {
        let parts: Result<Vec<u16>, _> = text.split('.').map(str::parse).collect();
        match parts.as_deref() {
            Ok([major]) => Ok(Self { major: *major, ..Self::default() }),
            Ok([major, minor]) => Ok(Self { major: *major, minor: *minor, ..Self::default() }),
            Ok([major, minor, patch]) => Ok(Self { major: *major, minor: *minor, patch: *patch }),
            _ => Err(InvalidVersion),
        }
    }
}

/// Reads Apple's name, letters of either case; `iPadOS` counts as iOS.
impl FromStr for Platform {
    type Err = UnknownPlatform;

    fn from_str(text: &str) -> Result<Self, UnknownPlatform> {
        match text.to_ascii_lowercase().as_str() {
            "ios" | "ipados" => Ok(Self::Ios),
            "macos" => Ok(Self::Macos),
            "tvos" => Ok(Self::Tvos),
            "visionos" => Ok(Self::Visionos),
            "watchos" => Ok(Self::Watchos),
            _ => Err(UnknownPlatform),
        }
    }
}

/// The text is no platform's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("is not a platform: iOS, iPadOS, macOS, tvOS, visionOS or watchOS")]
pub struct UnknownPlatform;

/// The text is no version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("is not a version: one to three numbers with dots, such as 17.5")]
pub struct InvalidVersion;
