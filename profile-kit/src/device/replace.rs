//! Replacing what is installed (facts R1 to R10).

use super::{
    Act, Answer, Arrival, Device, Grounds, Installed, Prompt, Refusal, Refused, Unknown, apart,
    install::{Install, Step},
    mdm, password_payloads,
};
use crate::{
    Certificate, Fact, InstalledBy, Payload, Removal,
    policy::{ManualOverMdm, MdmOverManual, OverwritePrompt, Policy, SignerMatch},
};

impl Device {
    /// Installs a profile where it replaces one.
    ///
    /// # Errors
    /// [`Refusal::NotInstalled`] where nothing of its identifier is installed, so that it would be added beside; else as
    /// [`install`](Device::install).
    pub fn replace(&self, arrival: &Arrival, act: &Act) -> Answer {
        let new = &arrival.profile;
        let named = |old: &&Installed| old.profile.identifier() == new.identifier();
        let (apart, same): (Vec<_>, Vec<_>) =
            self.installed.iter().filter(named).partition(|old| apart(self.os, &old.profile, new));
        if !same.is_empty() {
            return self.install(arrival, act);
        }
        let mut grounds = Grounds::default();
        if !apart.is_empty() {
            grounds.unknown(Unknown::OtherScope);
        }
        let sentence = "no profile of this identifier is installed: it would be added beside the others";
        Err(Refused::new(Refusal::NotInstalled, sentence, grounds))
    }

    /// Whether the MDM may touch what was installed by hand (R9).
    pub(super) fn lets_the_mdm(&self, grounds: &mut Grounds) -> bool {
        grounds.policy(&self.policies, Policy::MdmOverManual);
        match self.policies.mdm_over_manual {
            MdmOverManual::Supervised => self.supervised,
            MdmOverManual::Refuse => false,
            MdmOverManual::Allow => true,
        }
    }
}

impl Install<'_> {
    pub(super) fn replacement(&mut self, old: &Installed) -> Step {
        self.grounds.fact(Fact::R1);
        self.grounds.fact(Fact::R2);
        self.grounds.fact(Fact::R3);
        if old.profile.is_encrypted() {
            self.grounds.unknown(Unknown::PayloadsUnseen);
        }
        self.who(old)?;
        self.signer(old)?;
        self.same_mdm(old)?;
        if self.device.is_locked(&old.profile) {
            self.grounds.fact(Fact::R6);
        }
        self.stored_password(old);
        self.old_password(old)
    }

    fn who(&mut self, old: &Installed) -> Step {
        let policies = &self.device.policies;
        self.grounds.fact(Fact::R9);
        match (old.by, self.act.by) {
            (InstalledBy::Mdm, InstalledBy::Hand) => {
                self.grounds.policy(policies, Policy::ManualOverMdm);
                match policies.manual_over_mdm {
                    ManualOverMdm::Allow => Ok(()),
                    ManualOverMdm::Refuse => {
                        self.refuse(Refusal::ManualOverMdm, "the MDM installed what it would replace by hand")
                    }
                }
            }
            (InstalledBy::Hand, InstalledBy::Mdm) => match self.device.lets_the_mdm(&mut self.grounds) {
                true => Ok(()),
                false => self.refuse(Refusal::MdmOverManual, "what the MDM would replace was installed by hand"),
            },
            (InstalledBy::Hand, InstalledBy::Hand) | (InstalledBy::Mdm, InstalledBy::Mdm) => Ok(()),
        }
    }

    /// Looked at where a profile is replaced by hand (R4).
    fn signer(&mut self, old: &Installed) -> Step {
        if !self.by_hand() {
            return Ok(());
        }
        self.grounds.fact(Fact::R4);
        let (old, new) = (old.certificates.as_slice(), self.arrival.certificates());
        let policies = &self.device.policies;
        if SignerMatch::ALL.iter().any(|policy| !policy.takes(old, new)) {
            self.grounds.policy(policies, Policy::SignerMatch);
        }
        match (old.first(), new.first()) {
            _ if policies.signer_match.takes(old, new) => Ok(()),
            (Some(old), Some(new)) => {
                let (old, new) = (old.fingerprint(), new.fingerprint());
                let sentence = format!("what is installed is signed by certificate sha256:{old}, this by sha256:{new}");
                self.refuse(Refusal::OtherSigner, sentence)
            }
            _ => self.refuse(Refusal::UnsignedOverSigned, "what is installed is signed, and this is not"),
        }
    }

    fn same_mdm(&mut self, old: &Installed) -> Step {
        let Some(old) = mdm(&old.profile) else { return Ok(()) };
        self.grounds.fact(Fact::R10);
        match mdm(&self.arrival.profile) {
            None if self.arrival.profile.is_encrypted() => Ok(()),
            None => self.refuse(Refusal::MdmPayloadMissing, "what is installed has an MDM payload, and this has none"),
            Some(new) if enrols_alike(old, new) => Ok(()),
            Some(_) => self.refuse(Refusal::MdmChanged, "its MDM payload has another Topic, ServerURL or CheckInURL"),
        }
    }

    /// R2: what is stored under a UUID may stay there.
    fn stored_password(&mut self, old: &Installed) {
        let same = old.profile.uuid().is_some() && old.profile.uuid() == self.arrival.profile.uuid();
        let stored = matches!(old.profile.removal(), Removal::Password(password) if !password.is_empty());
        if same && stored && self.device.honours_password(&mut self.grounds) {
            self.grounds.unknown(Unknown::StoredPassword);
        }
    }

    /// R7, S2.3: asked, where it is, if a removal password is there or comes.
    fn old_password(&mut self, old: &Installed) -> Step {
        let passwords = [&old.profile, &self.arrival.profile];
        if !self.by_hand() || passwords.iter().all(|profile| password_payloads(profile).next().is_none()) {
            return Ok(());
        }
        let policies = &self.device.policies;
        self.grounds.policy(policies, Policy::OverwritePrompt);
        match (policies.overwrite_prompt, old.profile.removal()) {
            (OverwritePrompt::None, _) => {}
            (OverwritePrompt::MustMatch, Removal::Password(password)) if !password.is_empty() => {
                self.prompts.push(Prompt::RemovalPassword);
                if self.act.password.expose() != password {
                    return self
                        .refuse(Refusal::WrongPassword, "the installed profile's removal password was not given");
                }
            }
            (OverwritePrompt::EmptyAccepted | OverwritePrompt::MustMatch, _) => {
                self.prompts.push(Prompt::EmptyPassword)
            }
        }
        Ok(())
    }
}

impl SignerMatch {
    /// Whether a profile may be replaced by hand, by the certificates of both, the signer's first (none: unsigned).
    /// What is unsigned anything may replace (R4).
    pub fn takes(self, old: &[Certificate], new: &[Certificate]) -> bool {
        let leaves = old.first().zip(new.first());
        match self {
            _ if old.is_empty() => true,
            SignerMatch::LeafEqual => leaves.is_some_and(|(old, new)| old == new),
            SignerMatch::SameKey => leaves.is_some_and(|(old, new)| old == new || old.has_key_of(new)),
            SignerMatch::AnyOfChain => new.iter().any(|certificate| old.contains(certificate)),
            SignerMatch::None => true,
        }
    }
}

/// Whether two MDM payloads have the same topic and servers (R10). `CheckInURL` is `ServerURL` where it is absent.
fn enrols_alike(one: &Payload, other: &Payload) -> bool {
    let names = |payload: &Payload| {
        let server = payload.get("ServerURL").cloned();
        let check_in = payload.get("CheckInURL").cloned().or_else(|| server.clone());
        (payload.get("Topic").cloned(), server, check_in)
    };
    names(one) == names(other)
}
