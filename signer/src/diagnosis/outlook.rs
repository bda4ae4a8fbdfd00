//! What the device model says of an overwrite of what a device has.

use std::{collections::BTreeSet, time::SystemTime};

use profile_kit::{
    Arrival, InstalledBy, Os, OsVersion, PasswordForm, Platform,
    preflight::{self, Devices, OutlookRow},
};
use serde::Serialize;
use utoipa::ToSchema;

/// What is known of a device; what is not known may be either way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Target {
    /// Its system; `None`: iOS of any version.
    pub os: Option<Os>,
    /// Whether it is supervised.
    pub supervised: Option<bool>,
}

/// What an overwrite, installed by hand and signed as the installed profile is, would do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Outlook {
    /// `frees`, `already-free`, `frees-on-some` or `strands`, over all devices that this may be.
    pub verdict: &'static str,
    /// Where it strands by hand: whether it would free if the MDM installed it.
    pub frees_by_mdm: bool,
    /// Device by device, each that this may be.
    pub devices: Vec<DeviceOutlook>,
}

/// What it would do on one kind of device.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct DeviceOutlook {
    /// Platform and version.
    pub os: String,
    /// Whether it is supervised.
    pub supervised: bool,
    /// As above.
    pub verdict: &'static str,
    /// The form of the removal password that is best: `empty` or `omitted`.
    pub form: &'static str,
    /// Words for what stands in the way, or is not known.
    pub reasons: Vec<String>,
}

impl Outlook {
    /// Runs the model. It computes: not for the reactor.
    pub fn of(installed: &Arrival, target: Target, at: SystemTime) -> Self {
        let devices = target.devices();
        let by = |by| preflight::outlook(installed, (InstalledBy::Hand, by), &devices, at);
        let by_hand = by(InstalledBy::Hand);
        let strands = by_hand.verdict == preflight::Verdict::Strands;
        Self {
            verdict: by_hand.verdict.word(),
            frees_by_mdm: strands && by(InstalledBy::Mdm).rows.iter().all(OutlookRow::goes_with_the_mdm),
            devices: by_hand.rows.iter().map(DeviceOutlook::of).collect(),
        }
    }

    /// What stands in the way on some device, each once.
    pub(super) fn obstacles(&self) -> Vec<String> {
        let reasons: BTreeSet<&String> = self.devices.iter().flat_map(|device| &device.reasons).collect();
        reasons.into_iter().cloned().collect()
    }
}

impl DeviceOutlook {
    fn of(row: &OutlookRow) -> Self {
        let best = &row.forms[0];
        Self {
            os: row.os.to_string(),
            supervised: row.supervised,
            verdict: row.verdict.word(),
            form: if best.form == PasswordForm::Empty { "empty" } else { "omitted" },
            reasons: best.reasons.clone(),
        }
    }
}

impl Target {
    /// Every device that this may be.
    pub(crate) fn devices(self) -> Devices {
        let version = |major| OsVersion { major, ..OsVersion::default() };
        let every = || preflight::versions(Platform::Ios, version(OLDEST), version(NEWEST));
        let systems = match self.os {
            Some(os) => vec![os],
            None => every().into_iter().map(|version| Os { platform: Platform::Ios, version }).collect(),
        };
        let supervised = self.supervised.map_or(vec![true, false], |supervised| vec![supervised]);
        Devices { supervised, ..Devices::of(systems) }
    }
}

/// The versions that are looked at where none is given: from the procedure's own time on.
const OLDEST: u16 = 11;
const NEWEST: u16 = 26;
