//! How a device stands, and which ways out are left to it.

use std::time::SystemTime;

use super::{
    Keys, RecordState, State,
    console::{Console, overwrite},
    phone::Phone,
};
use crate::{
    Arrival, Identity, PasswordForm, Result, SignOptions,
    device::{Act, Installed, Lock},
};

/// How a device stands, with the ways that are left where it is locked.
pub(super) fn judge(phone: &Phone, console: &Console, keys: &Keys, at: SystemTime) -> Result<(State, Vec<String>)> {
    if phone.device.installed.is_empty() {
        return Ok((State::Free, Vec::new()));
    }
    let left = phone.emptied(at);
    let mut ways = Vec::new();
    for installed in &left.installed {
        let Some(way) = (Way { phone, console, keys, at, installed }).find()? else {
            let beyond = phone.mdm().is_some() && !phone.app && !console.let_go;
            let reasons = std::iter::once(NO_WAY).chain(beyond.then_some(BEYOND));
            return Ok((State::NeedsWipe, reasons.map(str::to_owned).collect()));
        };
        ways.push(format!("{}: {way}", installed.profile.identifier()));
    }
    Ok((if ways.is_empty() { State::Removable } else { State::Locked }, ways))
}

/// A locked profile, and what could be done about it.
struct Way<'a> {
    phone: &'a Phone,
    console: &'a Console,
    keys: &'a Keys,
    at: SystemTime,
    installed: &'a Installed,
}

impl Way<'_> {
    fn find(&self) -> Result<Option<String>> {
        if let Some(overwritten) = self.overwritten()? {
            return Ok(Some(overwritten));
        }
        if self.removed_by_mdm() {
            return Ok(Some("the MDM can remove it with RemoveProfile (R9), which the procedure does not use".into()));
        }
        let way = match self.phone.device.lock(self.installed).0 {
            Lock::Password(_) => Some("its removal password deletes it (L3)"),
            Lock::Administrator => Some("an administrator deletes it"),
            _ => self.installed.ends().map(|_| "it removes itself at its date (L7)"),
        };
        Ok(way.map(str::to_owned))
    }

    /// The procedure to its end, perhaps after a new enrolment (W3), by the best overwrite that can still be signed.
    fn overwritten(&self) -> Result<Option<String>> {
        let identifier = self.installed.profile.identifier();
        let (Some(issued), Some(reach)) = (self.console.issued(identifier), self.reach()) else { return Ok(None) };
        for (name, identity) in self.keys.iter().filter(|(name, _)| !self.console.practice.lost.contains(*name)) {
            for form in [PasswordForm::Auto, PasswordForm::Omitted] {
                if self.frees(issued, identity, form)? {
                    return Ok(Some(format!("{reach}, and install an overwrite that {name:?} signs")));
                }
            }
        }
        Ok(None)
    }

    fn frees(&self, issued: &[u8], identity: &Identity, form: PasswordForm) -> Result<bool> {
        // Whether another signer is taken is the device's to say.
        let options = SignOptions { allow_other_signer: true, allow_expired: true, ..SignOptions::new(self.at) };
        let Ok(bytes) = overwrite(issued, Some(identity), form, self.phone.device.os, &options) else {
            return Ok(false);
        };
        let Ok(done) = self.phone.device.install(&Arrival::from_bytes(&bytes)?, &Act::by_hand(self.at)) else {
            return Ok(false);
        };
        let after = Phone { device: done.device, app: self.phone.app }.emptied(self.at);
        Ok(after.find(self.installed.profile.identifier()).is_none())
    }

    /// How an overwrite still gets to the owner's hands.
    fn reach(&self) -> Option<&'static str> {
        let Console { let_go, practice, .. } = self.console;
        if *let_go && !practice.takes_back {
            return None;
        }
        let app = self.phone.app || !self.phone.app_store_restricted();
        let safari = !self.phone.safari_restricted(self.at);
        match (self.console.offers(), self.console.record) {
            _ if !(app && safari) => None,
            (true, _) => Some("go on with the procedure (S2.1), or enrol again and start over (W3)"),
            (false, RecordState::Active) => Some("run the inactivation (S1.1)"),
            (false, _) => Some("enrol again, then the procedure from its start (W3)"),
        }
    }

    fn removed_by_mdm(&self) -> bool {
        let identifier = self.installed.profile.identifier();
        self.mdm_reaches() && self.phone.device.remove(identifier, &Act::by_mdm(self.at)).is_ok()
    }

    fn mdm_reaches(&self) -> bool {
        self.phone.mdm().is_some() && !self.console.let_go
    }
}

const NO_WAY: &str = "no way is left but a wipe (初期化): no overwrite that could free it gets there, no MDM reaches it, \
                      it has no password and no end";
/// Apple's schema, of `allowAppInstallation`: commands of the MDM override it since iOS 10.
const BEYOND: &str = "beyond the procedure: the MDM still reaches the device, and could push the client app past the \
                      restriction, after which enrolling again may help";
