//! Callers, and what each may do: whatever is not granted is refused.

use std::{collections::BTreeSet, fmt, marker::PhantomData, sync::Arc};

use crate::{
    Refusal,
    config::CallerConfig,
    device_id::DeviceId,
    ledger::Scope,
    role::{Overwrite, Role, RoleType},
};

/// A caller that was recognised; only [`Authenticator::who`](crate::auth::Authenticator::who) makes one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    config: Arc<CallerConfig>,
    /// Whose share of the signing queue it is.
    share: Arc<str>,
}

impl Caller {
    pub(crate) fn new(config: CallerConfig) -> Self {
        Self { share: config.name.as_str().into(), config: Arc::new(config) }
    }

    /// What the record calls it.
    pub fn name(&self) -> &str {
        &self.config.name
    }

    /// What its share of the signing queue is counted by.
    pub fn share(&self) -> Arc<str> {
        self.share.clone()
    }

    pub(crate) fn config(&self) -> &CallerConfig {
        &self.config
    }

    /// Leave to act on one device, in a role, by a spec. Without a spec (something of which no spec is known) a caller
    /// that is bound to specs has no leave.
    ///
    /// # Errors
    /// [`Refusal::RoleMissing`], [`Refusal::OutOfScope`].
    pub fn may<R: RoleType>(&self, device: &DeviceId, spec: Option<&str>) -> Result<Permit<R>, Refusal> {
        self.may_sweep::<R>()?.permit(device, spec)
    }

    /// Leave to look at many devices, each of which [`Sweep::covers`] has to be asked about.
    ///
    /// # Errors
    /// [`Refusal::RoleMissing`].
    pub fn may_sweep<R: RoleType>(&self) -> Result<Sweep<R>, Refusal> {
        self.has(R::ROLE)?;
        Ok(Sweep { caller: self.clone(), role: PhantomData })
    }

    /// Whether it has a role at all.
    ///
    /// # Errors
    /// [`Refusal::RoleMissing`].
    pub fn has(&self, role: Role) -> Result<(), Refusal> {
        match self.config.roles.contains(&role) {
            true => Ok(()),
            false => Err(Refusal::RoleMissing { caller: self.config.name.clone(), role: role.word() }),
        }
    }

    fn covers_device(&self, device: &str) -> bool {
        self.config.devices.as_ref().is_none_or(|patterns| patterns.iter().any(|pattern| pattern.matches(device)))
    }

    fn covers_spec(&self, spec: Option<&str>) -> bool {
        self.config.specs.as_ref().is_none_or(|specs| spec.is_some_and(|spec| specs.contains(spec)))
    }

    fn out_of_scope(&self, what: &'static str) -> Refusal {
        Refusal::OutOfScope { caller: self.config.name.clone(), what }
    }
}

/// Leave for a role on one device: what a decision asks for, so that no handler can forget to.
pub struct Permit<R> {
    caller: Caller,
    device: DeviceId,
    spec: Option<String>,
    role: PhantomData<R>,
}

impl<R> Permit<R> {
    /// Who has it.
    pub fn caller(&self) -> &Caller {
        &self.caller
    }

    /// The device that it is for.
    pub fn device(&self) -> &DeviceId {
        &self.device
    }

    /// The spec that it is for; `None` where none is known.
    pub fn spec(&self) -> Option<&str> {
        self.spec.as_deref()
    }
}

impl Permit<Overwrite> {
    /// The most overwrites that the caller may have within an hour, this one included; `None`: no limit.
    pub fn overwrites_per_hour(&self) -> Option<u32> {
        self.caller.config.overwrites_per_hour
    }
}

/// Leave for a role over many devices, as far as the caller's scope goes.
pub struct Sweep<R> {
    caller: Caller,
    role: PhantomData<R>,
}

impl<R> Sweep<R> {
    /// Who has it.
    pub fn caller(&self) -> &Caller {
        &self.caller
    }

    /// Whether it holds for a device and a spec of the record.
    pub fn covers(&self, device: &str, spec: Option<&str>) -> bool {
        self.caller.covers_device(device) && self.caller.covers_spec(spec)
    }

    /// Whether it holds for a device and everything of the record that was made by these specs. Who is bound to specs has
    /// no leave where there is none.
    pub fn covers_all<'a>(&self, device: &str, specs: impl IntoIterator<Item = Option<&'a str>>) -> bool {
        let mut specs = specs.into_iter().peekable();
        let known = self.caller.config.specs.is_none() || specs.peek().is_some();
        known && self.caller.covers_device(device) && specs.all(|spec| self.caller.covers_spec(spec))
    }

    /// The specs that it is bound to; `None`: all.
    pub fn specs(&self) -> Option<&BTreeSet<String>> {
        self.caller.config.specs.as_ref()
    }

    /// Leave for one device at all; of its specs [`covers`](Sweep::covers) has to be asked.
    ///
    /// # Errors
    /// [`Refusal::OutOfScope`].
    pub fn device(&self, device: &str) -> Result<(), Refusal> {
        if self.caller.covers_device(device) { Ok(()) } else { Err(self.caller.out_of_scope("device")) }
    }

    /// The refusal where the device is within the scope, and what is asked about it is not.
    pub fn other_spec(&self) -> Refusal {
        self.caller.out_of_scope("spec")
    }

    /// As far as it goes, for the ledger.
    pub fn scope(&self) -> Scope {
        Scope { devices: self.caller.config.devices.clone(), specs: self.caller.config.specs.clone() }
    }

    /// Leave to act on one device, by a spec.
    ///
    /// # Errors
    /// [`Refusal::OutOfScope`].
    pub fn permit(&self, device: &DeviceId, spec: Option<&str>) -> Result<Permit<R>, Refusal> {
        self.device(device.as_str())?;
        if !self.caller.covers_spec(spec) {
            return Err(self.caller.out_of_scope("spec"));
        }
        let (caller, device, spec) = (self.caller.clone(), device.clone(), spec.map(str::to_owned));
        Ok(Permit { caller, device, spec, role: PhantomData })
    }
}

impl<R: RoleType> fmt::Debug for Permit<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Permit({} for {} on {})", R::ROLE, self.caller.name(), self.device)
    }
}

impl<R: RoleType> fmt::Debug for Sweep<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sweep({} for {})", R::ROLE, self.caller.name())
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::{
        config::{Place, Proof},
        pattern::Pattern,
        role::{Admin, Issue, Read, Role},
    };

    fn device(name: &str) -> DeviceId {
        name.parse().unwrap()
    }

    fn caller(roles: &[Role], devices: Option<&[&str]>, specs: Option<&[&str]>) -> Caller {
        Caller::new(CallerConfig {
            name: "core".into(),
            proof: Proof::Uid(7),
            roles: roles.iter().copied().collect(),
            devices: devices.map(|devices| devices.iter().map(|text| Pattern::new(text).unwrap()).collect()),
            specs: specs.map(|specs| specs.iter().map(|spec| spec.to_string()).collect()),
            overwrites_per_hour: Some(3),
            place: Place::file(Path::new("signer.toml")),
        })
    }

    #[test]
    fn admin_implies_nothing() {
        let admin = caller(&[Role::Admin], None, None);
        assert!(admin.may_sweep::<Admin>().is_ok());
        let refusal = admin.may::<Overwrite>(&device("C02A"), None).unwrap_err();
        assert_eq!(refusal, Refusal::RoleMissing { caller: "core".into(), role: "overwrite" });
    }

    #[test]
    fn every_other_role_together_does_not_imply_overwrite() {
        let others = Role::ALL.into_iter().filter(|role| *role != Role::Overwrite).collect::<Vec<_>>();
        assert!(caller(&others, None, None).may::<Overwrite>(&device("C02A"), None).is_err());
    }

    #[test]
    fn a_scope_of_several_patterns_covers_what_one_of_them_does() {
        let caller = caller(&[Role::Issue], Some(&["C02*", "F9*"]), None);
        assert!(caller.may::<Issue>(&device("F9X"), None).is_ok());
        let refusal = caller.may::<Issue>(&device("X02"), None).unwrap_err();
        assert_eq!(refusal, Refusal::OutOfScope { caller: "core".into(), what: "device" });
    }

    #[test]
    fn an_empty_scope_covers_nothing() {
        assert!(caller(&[Role::Issue], Some(&[]), None).may::<Issue>(&device("C02A"), None).is_err());
        assert!(caller(&[Role::Issue], None, Some(&[])).may::<Issue>(&device("C02A"), Some("ivi")).is_err());
    }

    #[test]
    fn who_is_bound_to_specs_has_no_leave_where_none_is_known() {
        let caller = caller(&[Role::Issue], None, Some(&["ivi"]));
        assert!(caller.may::<Issue>(&device("C02A"), Some("ivi")).is_ok());
        for spec in [Some("kiosk"), None] {
            let refusal = caller.may::<Issue>(&device("C02A"), spec).unwrap_err();
            assert_eq!(refusal, Refusal::OutOfScope { caller: "core".into(), what: "spec" });
        }
    }

    #[test]
    fn a_sweep_goes_as_far_as_the_scope() {
        let sweep = caller(&[Role::Read], Some(&["C02*"]), None).may_sweep::<Read>().unwrap();
        assert!(sweep.covers("C02A", None) && !sweep.covers("F9A", None));
    }

    #[test]
    fn a_permit_knows_who_what_and_how_many() {
        let permit = caller(&[Role::Overwrite], None, None).may::<Overwrite>(&device("C02A"), None).unwrap();
        assert_eq!(
            (permit.caller().name(), permit.device().as_str(), permit.overwrites_per_hour()),
            ("core", "C02A", Some(3))
        );
    }
}
