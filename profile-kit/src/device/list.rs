//! `ProfileList`: what a device tells its MDM of what is installed (section 7 of the facts).

use plist::{Dictionary, Value};

use super::{Device, Grounds, Installed};
use crate::{Certificate, InstalledBy, Payload, Removal, device::Lock};

/// One profile in a device's answer to the MDM's `ProfileList` command.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct ListItem {
    /// `PayloadIdentifier`.
    pub identifier: String,
    /// `PayloadUUID`.
    pub uuid: Option<String>,
    /// `PayloadDisplayName`.
    pub display_name: Option<String>,
    /// `PayloadOrganization`.
    pub organization: Option<String>,
    /// `PayloadRemovalDisallowed`: what the profile's own key says, or true where a removal password locks it (L4).
    pub removal_disallowed: bool,
    /// `HasRemovalPasscode`: whether there is a removal password, whatever the profile says of it (L6).
    pub has_removal_passcode: bool,
    /// `IsEncrypted`.
    pub is_encrypted: bool,
    /// `IsManaged`; `None` on supervised devices, which leave it out.
    pub is_managed: Option<bool>,
    /// `SignerCertificates`: the signer's first.
    pub signer_certificates: Vec<Certificate>,
    /// `PayloadContent`: the payloads' types, identifiers and UUIDs.
    pub payloads: Vec<Dictionary>,
}

impl Device {
    /// What it answers to the MDM's `ProfileList` command.
    pub fn profile_list(&self) -> Vec<ListItem> {
        self.installed.iter().map(|installed| self.item(installed)).collect()
    }

    fn item(&self, installed: &Installed) -> ListItem {
        let profile = &installed.profile;
        let flag = profile.get("PayloadRemovalDisallowed").and_then(Value::as_boolean).unwrap_or(false);
        let has_password = matches!(profile.removal(), Removal::Password(password) if !password.is_empty())
            && self.honours_password(&mut Grounds::default());
        let by_password = matches!(self.lock(installed).0, Lock::Password(_));
        ListItem {
            identifier: profile.identifier().into(),
            uuid: profile.uuid().map(str::to_owned),
            display_name: profile.display_name().map(str::to_owned),
            organization: profile.organization().map(str::to_owned),
            removal_disallowed: flag || by_password,
            has_removal_passcode: has_password,
            is_encrypted: profile.is_encrypted(),
            is_managed: (!self.supervised).then_some(installed.by == InstalledBy::Mdm),
            signer_certificates: installed.certificates.clone(),
            payloads: profile.payloads().iter().map(names).collect(),
        }
    }
}

impl ListItem {
    /// With Apple's keys, as in the command's answer.
    pub fn to_dictionary(&self) -> Dictionary {
        let text = |text: &Option<String>| text.clone().map(Value::String);
        let certificates = self.signer_certificates.iter().map(|certificate| Value::Data(certificate.der().to_vec()));
        let keys = [
            ("HasRemovalPasscode", Some(self.has_removal_passcode.into())),
            ("IsEncrypted", Some(self.is_encrypted.into())),
            ("IsManaged", self.is_managed.map(Value::Boolean)),
            ("PayloadContent", Some(Value::Array(self.payloads.iter().cloned().map(Value::Dictionary).collect()))),
            ("PayloadDisplayName", text(&self.display_name)),
            ("PayloadIdentifier", Some(self.identifier.as_str().into())),
            ("PayloadOrganization", text(&self.organization)),
            ("PayloadRemovalDisallowed", Some(self.removal_disallowed.into())),
            ("PayloadUUID", text(&self.uuid)),
            ("PayloadVersion", Some(Value::Integer(1.into()))),
            ("SignerCertificates", Some(Value::Array(certificates.collect()))),
        ];
        keys.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?))).collect()
    }
}

/// What a list shows of a payload: no settings.
fn names(payload: &Payload) -> Dictionary {
    let shown = |key: &str| SHOWN.contains(&key);
    payload.entries().iter().filter(|(key, _)| shown(key)).map(|(key, value)| (key.to_owned(), value.clone())).collect()
}

const SHOWN: &[&str] = &[
    "PayloadDescription",
    "PayloadDisplayName",
    "PayloadIdentifier",
    "PayloadOrganization",
    "PayloadType",
    "PayloadUUID",
    "PayloadVersion",
];
