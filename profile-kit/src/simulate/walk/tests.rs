//! The judgement on how a device stands, against what happens when everything is tried.

use std::{sync::LazyLock, time::Duration};

use super::*;
use crate::{
    Removal,
    simulate::{
        SHIPPED, State,
        console::OverwriteOf,
        profiles::IVI,
        step::{Removed, Via},
    },
};

static SCENARIOS: LazyLock<Vec<(&str, Scenario)>> =
    LazyLock::new(|| SHIPPED.iter().map(|shipped| (shipped.name, Scenario::parse(shipped.text).unwrap())).collect());

#[test]
fn a_device_needs_a_wipe_exactly_where_nothing_that_can_be_done_frees_it() {
    let (mut wiped, mut freed) = (0, 0);
    for (name, scenario) in SCENARIOS.iter() {
        let keys = scenario.keys().unwrap();
        let mut walk = Walk::new(scenario, &keys);
        for step in &scenario.steps {
            let state = walk.step(step).unwrap().state;
            let way = ways(&walk).into_iter().find(|way| frees(&walk, way));
            assert_eq!(way.is_none(), state == State::NeedsWipe, "{name}: line {}: {state}, {way:?}", step.line);
            if way.is_some() { freed += 1 } else { wiped += 1 }
        }
    }
    assert!(wiped >= 15 && freed >= 200, "{wiped} need a wipe, {freed} do not");
}

#[test]
fn an_owner_deletes_everything_by_himself_exactly_where_the_device_is_removable_or_free() {
    for (name, scenario) in SCENARIOS.iter() {
        let keys = scenario.keys().unwrap();
        let mut walk = Walk::new(scenario, &keys);
        for step in &scenario.steps {
            let state = walk.step(step).unwrap().state;
            let all = frees(&walk, &Way::default());
            assert_eq!(all, matches!(state, State::Free | State::Removable), "{name}: line {}: {state}", step.line);
        }
    }
}

/// What can be done, after which the owner deletes what he can.
#[derive(Clone, Debug, Default)]
struct Way {
    /// Who signs, of what the configuration says; nobody else than before.
    signer: Option<String>,
    deeds: Vec<Deed>,
}

fn ways(walk: &Walk<'_>) -> Vec<Way> {
    let go_on = [
        Deed::OpenInstallPage { via: Via::App, stops: None },
        Deed::InstallOverwrite { by: InstalledBy::Hand, password: Secret::default() },
    ];
    let ask = Deed::RequestInactivation { forced: false };
    let run = [vec![Deed::InstallApp, ask], go_on.to_vec()].concat();
    let again = [vec![Deed::Enrol], run.clone()].concat();
    let hand_overs = [go_on.to_vec(), run, again];
    let signers = walk.keys.iter().map(|(name, _)| name).filter(|name| !walk.console.practice.lost.contains(*name));
    let signers: Vec<Option<String>> = [None].into_iter().chain(signers.cloned().map(Some)).collect();
    let handed = signers.iter().flat_map(|signer| {
        hand_overs.iter().map(|deeds| Way { signer: signer.clone(), deeds: deeds.clone() }).collect::<Vec<_>>()
    });
    let remove = |by, password: &str| Deed::Remove { what: Removed::Named(IVI.into()), by, password: password.into() };
    let password = match walk.scenario.profiles[IVI].profile.removal() {
        Removal::Password(password) => password,
        _ => String::new(),
    };
    let others = [
        vec![],
        vec![remove(InstalledBy::Mdm, "")],
        vec![remove(InstalledBy::Hand, &password)],
        vec![Deed::Wait(Duration::from_secs(36_500 * 86_400))],
    ];
    others.map(|deeds| Way { signer: None, deeds }).into_iter().chain(handed).collect()
}

fn frees(walk: &Walk<'_>, way: &Way) -> bool {
    let mut walk = walk.clone();
    // The best form that there is; what the service insists on is no law of the device.
    walk.console.practice.form = crate::PasswordForm::Omitted;
    walk.console.practice.identifier = None;
    if let Some(signer) = &way.signer {
        walk.console.practice.signer = Some(signer.clone());
        walk.console.practice.overwrite_of = OverwriteOf::Configuration;
    }
    for deed in &way.deeds {
        // After an MDM that let go nothing is sent any more.
        let by_mdm = matches!(deed, Deed::Remove { by: InstalledBy::Mdm, .. });
        if !(by_mdm && walk.console.let_go) {
            walk.act(deed).unwrap();
        }
    }
    walk.phone.emptied(walk.now).installed.is_empty()
}
