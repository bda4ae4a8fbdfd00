use profile_kit::{Os, Payload, Profile, Removal, SignOptions};

use super::*;
use crate::{
    fixture::{Site, leaf, now},
    installed::EvidenceKind,
};

fn making(site: &Site, form: PasswordForm, target: Option<Target>) -> Making {
    let leaf = leaf(&site.new);
    let of = Basis::Issuance(IssuanceId(Uuid::nil()));
    Making {
        wish: Wish { identifier: "jp.example.ivi".into(), form, target, installed: None, ticket: None },
        serving: Serving {
            of,
            leaf,
            leaf_key: leaf,
            locked: true,
            evidence: EvidenceKind::Issued,
            later: vec![],
            seen: None,
        },
        freeing: site.state().keyring.freeing(&leaf).unwrap(),
        at: now(),
    }
}

/// What is said of the overwrite of a profile that keeps a supervised device from installing it by hand.
fn stranding(site: &Site) -> Report {
    let mut profile = Profile::new("jp.example.ivi", "IVI");
    profile.set_removal(Removal::Disallowed);
    let mut restrictions = Payload::new("com.apple.applicationaccess");
    restrictions.insert("allowUIConfigurationProfileInstallation", false);
    profile.push(restrictions);
    let signed = site.new.identity().unwrap().sign_with(&profile, &SignOptions::new(now())).unwrap();
    let installed = signed.verify_integrity().unwrap();
    let overwrite = Overwrite::of(&installed).removal_password(PasswordForm::Omitted).build_at(now()).unwrap();
    let target = Target { os: Some(Os::ios(17)), supervised: Some(true) };
    making(site, PasswordForm::Auto, Some(target)).report(&Arrival::from(&installed), &overwrite)
}

#[test]
fn what_would_free_nobody_is_refused_without_a_target_too_unless_its_form_was_chosen_by_name() {
    let site = Site::new();
    let report = stranding(&site);
    let refused = making(&site, PasswordForm::Auto, None).refusal(&report).unwrap();
    assert_eq!((refused.code(), &refused.members()["reasons"]), ("strands", &json!(["InstallForbidden", "Locked"])));
    let named = making(&site, PasswordForm::Omitted, None);
    assert_eq!(named.refusal(&report), None);
    let warnings = named.warnings(&Judged { report, still_locked: false }, OverwriteForm::Omitted);
    assert_eq!(warnings.iter().map(|it| &it["code"]).collect::<Vec<_>>(), ["strands"]);
}
