//! What is on a device beside its profiles: the client app.

use std::time::SystemTime;

use crate::{
    Arrival, Device, OsVersion, Platform, Profile,
    device::{Act, Unknown},
    payload::{Mdm, Restrictions, TypedPayload},
};

/// A device in its owner's hands.
#[derive(Clone, Debug)]
pub(super) struct Phone {
    pub device: Device,
    /// Whether the client app is there.
    pub app: bool,
}

impl Phone {
    pub fn new(device: Device) -> Self {
        Self { device, app: false }
    }

    /// Everything is gone (初期化).
    pub fn wipe(&mut self) {
        self.device.installed.clear();
        self.device.pending = None;
        self.app = false;
    }

    /// The identifier of the profile with the MDM payload: as long as it is there, the MDM reaches the device.
    pub fn mdm(&self) -> Option<&str> {
        let mdm = |installed: &&crate::device::Installed| {
            installed.profile.payloads().iter().any(|payload| payload.kind() == Some(Mdm::TYPE))
        };
        self.device.installed.iter().find(mdm).map(|installed| installed.profile.identifier())
    }

    /// Apple's schema: the first restriction needs supervision since iOS 13 only, the second at all times.
    pub fn app_store_restricted(&self) -> bool {
        let supervised = self.device.supervised;
        let old = self.device.os.version < OsVersion { major: 13, ..OsVersion::default() };
        ((supervised || old) && self.restricts("allowAppInstallation"))
            || (supervised && self.restricts("allowUIAppInstallation"))
    }

    /// Apple's schema: needs supervision.
    pub fn app_removal_restricted(&self) -> bool {
        self.device.supervised && self.restricts("allowAppRemoval")
    }

    /// As the device has it, which asks this where something is downloaded.
    pub fn safari_restricted(&self, at: SystemTime) -> bool {
        let anything = Arrival::unsigned(Profile::new("anything", "anything"));
        self.device.download(&anything, at).grounds.unknowns.contains(&Unknown::SafariForbidden)
    }

    fn restricts(&self, key: &str) -> bool {
        let payloads = self.device.installed.iter().flat_map(|installed| installed.profile.payloads());
        let mut restrictions = payloads.filter(|payload| payload.kind() == Some(Restrictions::TYPE));
        self.device.os.platform == Platform::Ios
            && restrictions.any(|payload| payload.get(key).is_some_and(|value| value.as_boolean() == Some(false)))
    }

    /// The device after its owner has deleted whatever can be deleted without any password.
    pub fn emptied(&self, at: SystemTime) -> Device {
        let (mut device, owner) = (self.device.clone(), Act::by_hand(at));
        loop {
            let identifiers = device.installed.iter().map(|installed| installed.profile.identifier());
            let removed = identifiers.filter_map(|identifier| device.remove(identifier, &owner).ok());
            let Some(done) = removed.into_iter().find(|done| !done.prompts.iter().any(|it| it.needs_a_password()))
            else {
                return device;
            };
            device = done.device;
        }
    }
}
