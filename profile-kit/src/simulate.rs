//! The inactivation procedure, step by step, on modelled devices with really signed profiles.
//!
//! A [`Scenario`] is a TOML file: a device, identities, profiles, and the steps that operator and owner take. Running it
//! signs each profile as the service would, reads it back as the [device](crate::device) would, and tells in a [`Report`]
//! what the owner and the console see, and what decided it. Steps carry the numbers of the procedure (S2.3), its warnings
//! (W3), and the facts (R4, L2). What the procedure does not say and the model needs is called *our reading*.
//!
//! # The file
//! | key | meaning |
//! | --- | --- |
//! | `format` | 1 |
//! | `title`, `about` | what it shows; `about` may be left out, and so may all below but `device` and `step` |
//! | `start` | when it starts (RFC 3339); no clock is asked |
//! | `service` | `hybrid` (an Apple MDM profile stands beside the IVI MDM profile) or `ivi` |
//! | `end` | how the device is expected to stand in the end |
//! | `[device]` | `os`, `supervised`; `platform` (`ios`, `macos`, `tvos`), `enrolment` (`device`, `user`, `shared-ipad`), `preset`, `policies` |
//! | `[identity.NAME]` | `key_of` (another identity, whose key it has), `issuer` (a CA by any name), `days` (of validity); `signer` is always there |
//! | `[profile.NAME]` | `spec` (a path, or a spec's keys) or `file` (a path) or `identifier`, `display_name`, `removal`, `restrictions`, `settings`; `by` (`hand`, `mdm`: how the enrolment installs it), `signed`. `ivi` and, in a hybrid service, `mdm` are always there |
//! | `[console]` | `signer` (an identity or `none`), `overwrite_of` (`issued`, or `configuration`: what it says today), `form` (`auto`, `empty`, `omitted`), `after_forced` (`final`, or `enrol-again`: whether that helps, W1) |
//! | `[[step]]` | `do`, `expect` (a word, or several that must all come), and the keys below |
//!
//! | `do` | keys |
//! | --- | --- |
//! | `enrol` | installs the client app and the profiles; again: the way of W3 |
//! | `request-inactivation`, `cancel-request` | `forced` (S1) |
//! | `open-install-page` | `via` (`notification`, `app`), `stops` (`safari`, `settings`: W2) |
//! | `install-overwrite`, `cancel-overwrite` | `by`, `password` (what the owner enters; nothing) |
//! | `install` | `profile`, `signer`, `by`, `password`, `damaged` (its signature) |
//! | `remove` | `profile` or `identifier`, `by`, `password` |
//! | `open-settings`, `delete-app`, `install-app`, `wipe` | none |
//! | `wait` | `seconds`, `minutes`, `hours`, `days` |
//! | `open-console`, `delete-record` | none (S4) |
//! | `renew-signer`, `lose-signer` | `signer` |
//! | `sign-with-nothing` | none |
//! | `change-identifier` | `identifier`, of the IVI MDM profile as the configuration says it |
//! | `change-form` | `form` |
//!
//! What can be expected: an outcome (`enrolled`, `added`, `replaced`, `removed`, `downloaded`, `requested`, `cancelled`,
//! `shown`, `app-deleted`, `app-installed`, `waited`, `record-deleted`, `wiped`, `changed`, `not-reached`,
//! `no-removal-profile`, `no-app`, `app-store-restricted`, `app-removal-restricted`, `no-mdm`, `not-active`, `no-record`,
//! `let-go`) or a [`Refusal`](crate::device::Refusal); the device's domain and code (`MCInstallationErrorDomain 4008`); a
//! [`Prompt`](crate::device::Prompt); how the device stands (`free`, `removable`, `locked`, `needs-wipe`); what the console
//! shows (`active` or 有効, `inactive` or 無効, `gone`; `no-job`, `waiting`, `success` or 成功, `void`).
//!
//! # Our reading
//! The procedure says what people do, not how the service works. What the model has beyond it:
//! - A forced inactivation (W1) is final: no removal profile is offered, and the device is not enrolled again
//!   (`after_forced = "enrol-again"` reads it otherwise). A wipe ends that.
//! - Only an active device can be inactivated; without a record nothing is offered; a new enrolment makes the device active
//!   and ends an inactivation that waits. A job succeeds when the device reports the overwrite in its place.
//! - It is the client app that receives the push and opens the install page, with Safari: without either the page is not
//!   reached. Where the App Store is restricted the app does not come back, and without it nothing is enrolled (W4).
//! - The MDM delivers and removes only where a scenario says so; as long as it reaches a device that lets it (R9), the
//!   device needs no wipe.
//!
//! ```
//! use profile_kit::simulate::{Scenario, State};
//!
//! let report = Scenario::parse(
//!     "format = 1
//!      title = \"the overwrite is cancelled\"
//!      device = { os = \"17.4\", supervised = true }
//!      step = [
//!          { do = \"enrol\", expect = \"enrolled\" },
//!          { do = \"request-inactivation\", expect = \"requested\" },
//!          { do = \"open-install-page\", expect = \"downloaded\" },
//!          { do = \"cancel-overwrite\", expect = \"cancelled\" },
//!          { do = \"remove\", profile = \"ivi\", expect = \"Locked\" },
//!      ]",
//! )?
//! .run()?;
//! assert!(report.is_met());
//! assert_eq!(report.end, State::Locked);
//! # Ok::<(), profile_kit::Error>(())
//! ```

mod console;
mod expect;
mod keys;
mod names;
mod phone;
mod profiles;
mod report;
mod scenario;
mod shipped;
mod step;
#[cfg(test)]
mod tests;
mod text;
mod walk;
mod way;

use std::{collections::BTreeMap, time::SystemTime};

use self::{console::Practice, expect::Expected, keys::KeyWish, profiles::ProfileWish, step::Step};
pub use self::{
    console::{JobStatus, RecordState},
    keys::Keys,
    report::{Line, Outcome, Report, State, StepReport, Went, Who},
    shipped::{SHIPPED, Shipped},
};
use crate::{Device, Result};

/// A scenario that was read: what there is, what is done, what is expected.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// What it shows, in a line.
    pub title: String,
    /// More about it; perhaps nothing.
    pub about: String,
    /// When it starts: no clock is asked.
    pub start: SystemTime,
    /// The device before its enrolment.
    pub device: Device,
    /// Whether an Apple MDM profile stands beside the IVI MDM profile (Hybrid MDM).
    hybrid: bool,
    practice: Practice,
    keys: BTreeMap<String, KeyWish>,
    profiles: BTreeMap<String, ProfileWish>,
    steps: Vec<Step>,
    end: Option<Expected>,
}

impl Scenario {
    /// Reads a scenario that names no files.
    ///
    /// # Errors
    /// As [`parse_with`](Scenario::parse_with).
    pub fn parse(text: &str) -> Result<Self> {
        Self::parse_with(text, |_| Err(std::io::Error::other("files are not read here")))
    }

    /// Reads a scenario; `read` gives the files that it names, as it names them.
    ///
    /// # Errors
    /// [`Error::Spec`](crate::Error::Spec) with line and column, also for what is wrong in a file that it names.
    pub fn parse_with(text: &str, read: impl Fn(&str) -> std::io::Result<Vec<u8>>) -> Result<Self> {
        scenario::parse(text, &read)
    }

    /// Makes the identities that it names: keys on P-256, below a root and an intermediate.
    ///
    /// # Errors
    /// [`Error::Crypto`](crate::Error::Crypto).
    pub fn keys(&self) -> Result<Keys> {
        Keys::make(&self.keys, self.start)
    }

    /// Runs it with keys made on the spot; no report shows anything of them.
    ///
    /// # Errors
    /// As [`run_with`](Scenario::run_with).
    pub fn run(&self) -> Result<Report> {
        self.run_with(&self.keys()?)
    }

    /// Runs it. What a device or the console refuses is told, not an error.
    ///
    /// # Errors
    /// [`Error::Identity`](crate::Error::Identity) for an identity that `keys` does not have; what building and signing
    /// may fail with.
    pub fn run_with(&self, keys: &Keys) -> Result<Report> {
        walk::run(self, keys)
    }
}
