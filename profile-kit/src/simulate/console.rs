//! The admin console (管理画面) and the service behind it: device records, jobs, and what the service signs.
//!
//! A small model of its own. What it has beyond the procedure is our reading and said where it shows: a job ends when the
//! overwrite is in place; only an active device can be inactivated; a new enrolment makes a device active and ends jobs
//! that wait.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::SystemTime,
};

use super::{Keys, report::words};
use crate::{
    Error, Identity, Os, Overwrite, PasswordForm, Profile, Result, SignOptions, SignedProfile, UuidSource,
    sign::{self, Signable},
};

words! {
    /// The state of a device in the console's device list (端末管理).
    RecordState {
        /// 有効.
        Active "active"
        /// 無効.
        Inactive "inactive"
        /// Not in the list.
        Gone "gone"
    }
}

words! {
    /// The status of the newest inactivation in the console's job list (ジョブ管理).
    JobStatus {
        /// There is none.
        None "no-job"
        /// The device has not answered yet.
        Waiting "waiting"
        /// 成功.
        Success "success"
        /// A new enrolment ended it.
        Void "void"
    }
}

/// How the service goes about it.
#[derive(Clone, Debug)]
pub(super) struct Practice {
    /// The identity that signs today; `None`: nothing is signed.
    pub signer: Option<String>,
    /// The identifier that the configuration says today, where it was changed.
    pub identifier: Option<String>,
    /// Made of what was issued to the device, or of what the configuration says today.
    pub overwrite_of: OverwriteOf,
    /// The form of the overwrite's removal password.
    pub form: PasswordForm,
    /// Whether enrolling again helps after a forced inactivation (W1).
    pub takes_back: bool,
    /// The identities whose keys are gone.
    pub lost: BTreeSet<String>,
}

/// What an overwrite is made of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum OverwriteOf {
    #[default]
    Issued,
    Configuration,
}

/// The console and the service behind it.
#[derive(Clone, Debug)]
pub(super) struct Console {
    pub practice: Practice,
    pub record: RecordState,
    pub job: JobStatus,
    /// Whether the service let the device go by a forced inactivation (W1).
    pub let_go: bool,
    /// What was handed out, by identifier, as bytes.
    issued: BTreeMap<String, Vec<u8>>,
    /// The identifier of the IVI MDM profile that was issued last.
    pub ivi: Option<String>,
}

impl Console {
    pub fn new(practice: Practice) -> Self {
        let (record, job) = (RecordState::Gone, JobStatus::None);
        Self { practice, record, job, let_go: false, issued: BTreeMap::new(), ivi: None }
    }

    /// Whether a removal profile waits for the device.
    pub fn offers(&self) -> bool {
        self.record == RecordState::Active && self.job == JobStatus::Waiting
    }

    /// A profile as it leaves the service: signed as told, whatever is wrong with it.
    pub fn encode(&self, profile: &Profile, signer: Option<&str>, keys: &Keys, at: SystemTime) -> Result<Vec<u8>> {
        let mut profile = profile.clone();
        profile.fill_uuids(UuidSource::Content);
        let content = profile.to_xml()?;
        match signer {
            None => Ok(content),
            Some(name) => sign::sign_content(keys.find(name)?, &content, &SignOptions::new(at)),
        }
    }

    /// Remembers what is on the device.
    pub fn record_issue(&mut self, identifier: &str, bytes: Vec<u8>) {
        self.issued.insert(identifier.to_owned(), bytes);
    }

    /// What was issued under an identifier.
    pub fn issued(&self, identifier: &str) -> Option<&[u8]> {
        self.issued.get(identifier).map(Vec::as_slice)
    }

    /// The profile as the configuration says it today.
    pub fn configured(&self, profile: &Profile) -> Result<Profile> {
        let mut profile = profile.clone();
        if let Some(identifier) = &self.practice.identifier {
            profile.set("PayloadIdentifier", identifier.as_str())?;
        }
        Ok(profile)
    }

    /// The removal profile (削除用プロファイル) that the service offers, or why it has none.
    pub fn removal_profile(&self, configured: &Profile, keys: &Keys, os: Os, at: SystemTime) -> Result<Offer> {
        match self.practice.overwrite_of {
            OverwriteOf::Configuration => {
                let signer = self.practice.signer.as_deref();
                let today = self.encode(&self.configured(configured)?, signer, keys, at)?;
                let signer = signer.map(|name| keys.find(name)).transpose()?;
                offer(overwrite(&today, signer, self.practice.form, os, &SignOptions::new(at)), keys)
            }
            OverwriteOf::Issued => {
                let Some(issued) = self.ivi.as_deref().and_then(|identifier| self.issued(identifier)) else {
                    return Ok(Err("nothing was issued to this device".into()));
                };
                self.successor(issued, keys, os, at)
            }
        }
    }

    /// Signed by the very certificate that signed what was issued, or not at all.
    fn successor(&self, issued: &[u8], keys: &Keys, os: Os, at: SystemTime) -> Result<Offer> {
        let (signer, options) = (self.practice.signer.as_deref(), SignOptions::new(at));
        let Ok(signed) = SignedProfile::from_bytes(issued.to_vec()) else {
            let signer = signer.map(|name| keys.find(name)).transpose()?;
            return offer(overwrite(issued, signer, self.practice.form, os, &options), keys);
        };
        let own = keys.name_of(signed.verify_integrity()?.leaf());
        let Some(name) = own.filter(|name| !self.practice.lost.contains(*name)).or(signer) else {
            return Ok(Err("nothing is signed, and what was issued is".into()));
        };
        offer(overwrite(issued, Some(keys.find(name)?), self.practice.form, os, &options), keys)
    }
}

/// What the toolkit refuses the service does not offer.
fn offer(made: Result<Vec<u8>>, keys: &Keys) -> Result<Offer> {
    match made {
        Err(error @ (Error::OtherSigner { .. } | Error::NoOverwrite { .. } | Error::Refused { .. })) => {
            Ok(Err(keys.with_names(&error.to_string())))
        }
        made => made.map(Ok),
    }
}

/// Bytes, or why there are none.
pub(super) type Offer = std::result::Result<Vec<u8>, String>;

/// The overwrite of a profile, signed or not.
pub(super) fn overwrite(
    installed: &[u8],
    signer: Option<&Identity>,
    form: PasswordForm,
    os: Os,
    options: &SignOptions,
) -> Result<Vec<u8>> {
    let at = options.signing_time;
    let overwrite = match SignedProfile::from_bytes(installed.to_vec()) {
        Ok(signed) => Overwrite::of(&signed.verify_integrity()?).target(os).removal_password(form).build_at(at)?,
        Err(_) => {
            let profile = Profile::from_bytes(installed)?;
            Overwrite::of_unsigned(&profile).target(os).removal_password(form).build_at(at)?
        }
    };
    match signer {
        Some(identity) => Ok(identity.sign_with(&overwrite, options)?.into_bytes()),
        None => Ok(overwrite.content()?.into_bytes()),
    }
}
