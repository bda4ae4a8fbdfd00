use std::time::Duration;

use profile_kit::{Os, Payload, Profile, SignOptions, SignedProfile};
use uuid::Uuid;

use super::*;
use crate::{
    fixture::{Site, leaf, now, signer},
    installed::{Evidence, EvidenceFact},
    issuance::{IssuanceId, ObservationId},
    moment::from_millis,
};

const IVI: &str = "jp.example.ivi";

/// The procedure's numbers, by its parts.
const PARTS: [(&str, u32); 4] = [("S1.", 10), ("S2.", 8), ("S3.", 3), ("S4.", 8)];

fn of(seq: u64) -> Basis {
    Basis::Issuance(IssuanceId(Uuid::from_u128(seq.into())))
}

fn held(seq: u64, leaf: Digest, locked: bool) -> Held {
    Held { of: of(seq), seq, uuid: seq.to_string(), leaf, leaf_key: leaf, locked, acknowledgement: None, again: None }
}

fn known(seq: u64, fact: EvidenceFact) -> Evidence {
    Evidence { seq, at: from_millis(seq as i64), fact }
}

/// A site, and a profile that its identity signed.
struct Stage {
    site: Site,
    keyring: Keyring,
    installed: Arrival,
}

impl Stage {
    fn new() -> Self {
        Self::with(|_| ())
    }

    fn with(change: impl FnOnce(&mut Profile)) -> Self {
        let site = Site::new();
        let mut profile = Profile::new(IVI, "IVI");
        profile.set_removal(Removal::Disallowed);
        let mut restrictions = Payload::new("com.apple.applicationaccess");
        restrictions.insert("allowCamera", false);
        profile.push(restrictions);
        change(&mut profile);
        let signed = site.new.identity().unwrap().sign_with(&profile, &SignOptions::new(now())).unwrap();
        let installed = Arrival::from(&SignedProfile::verify_integrity(&signed).unwrap());
        Self { keyring: site.state().keyring, site, installed }
    }

    fn own(&self) -> Digest {
        leaf(&self.site.new)
    }

    fn locked(&self, seq: u64) -> Held {
        held(seq, self.own(), true)
    }

    fn overwrite(&self, seq: u64) -> Held {
        held(seq, self.own(), false)
    }

    /// On a supervised iOS 17.
    fn ask(&self, held: Vec<Held>, evidence: Vec<Evidence>) -> Diagnosis {
        self.ask_for(held, evidence, Target { os: Some(Os::ios(17)), supervised: Some(true) })
    }

    fn ask_for(&self, held: Vec<Held>, evidence: Vec<Evidence>, target: Target) -> Diagnosis {
        let history = History { held, evidence };
        let installed = Some(&self.installed);
        super::of(&Case { identifier: IVI, history: &history, keyring: &self.keyring, installed, target, at: now() })
    }
}

fn codes(diagnosis: &Diagnosis) -> Vec<&str> {
    diagnosis.reasons.iter().map(|reason| reason.code).collect()
}

fn warnings(diagnosis: &Diagnosis) -> Vec<&str> {
    diagnosis.warnings.iter().map(|warning| warning.warning).collect()
}

fn words(actions: &[Action]) -> Vec<&str> {
    actions.iter().map(|action| action.action).collect()
}

#[test]
fn a_device_that_was_never_offered_an_overwrite_is_warned_of_a_forced_inactivation() {
    let stage = Stage::new();
    let found = stage.ask(vec![stage.locked(1)], vec![known(2, EvidenceFact::Acknowledged(of(1)))]);
    assert_eq!((found.standing, codes(&found)), (Standing::Locked, vec!["never-offered"]));
    assert_eq!(warnings(&found), ["W1"]);
    assert_eq!(found.next[0].action, "inactivate");
    assert!(found.next[0].steps.contains(&"S1.4") && found.next[0].who == Who::Operator);
    let outlook = found.outlook.unwrap();
    assert_eq!((outlook.verdict, outlook.devices[0].form), ("frees", "omitted"));
}

#[test]
fn an_offered_overwrite_waits_for_the_owner_and_tells_the_way_back() {
    let stage = Stage::new();
    let found = stage.ask(vec![stage.locked(1), stage.overwrite(2)], vec![]);
    assert_eq!(codes(&found), ["offered", "unconfirmed"]);
    assert_eq!((found.next[0].action, found.next[0].who), ("install-overwrite", Who::Owner));
    assert_eq!(warnings(&found), ["W1", "W2", "W3"]);
    assert_eq!(words(&found.warnings[2].then)[..3], ["enrol-again", "activate", "inactivate"]);
}

#[test]
fn an_overwrite_that_was_not_installed_means_to_enrol_again_and_begin_from_the_start() {
    let stage = Stage::new();
    let listed = known(4, EvidenceFact::Listed { of: of(1), locked: true });
    let acknowledged = known(2, EvidenceFact::Acknowledged(of(1)));
    let found = stage.ask(vec![stage.locked(1), stage.overwrite(3)], vec![acknowledged, listed]);
    assert_eq!(codes(&found), ["not-installed"]);
    assert!(found.reasons[0].refs.contains(&"W3"));
    assert_eq!(words(&found.next)[..3], ["enrol-again", "activate", "inactivate"]);
    assert_eq!(found.next[2].steps[0], "S1.1");
}

#[test]
fn after_a_new_enrolment_an_older_overwrite_counts_for_nothing() {
    let stage = Stage::new();
    let again = known(4, EvidenceFact::Acknowledged(of(3)));
    let found = stage.ask(vec![stage.locked(1), stage.overwrite(2), stage.locked(3)], vec![again]);
    assert_eq!(codes(&found), ["never-offered"]);
}

#[test]
fn a_refused_overwrite_is_answered_by_what_the_device_said() {
    let stage = Stage::new();
    let refused = |code| {
        let chain = vec![ErrorLink { domain: "D".into(), code, description: None }];
        let overwrite = Held { acknowledgement: Some(Acknowledgement::Error { chain }), ..stage.overwrite(3) };
        stage.ask(vec![stage.locked(1), overwrite], vec![known(2, EvidenceFact::Acknowledged(of(1)))])
    };
    let next = |code| refused(code).next[0].action;
    assert_eq!([next(2002), next(4008), next(1)], ["ask-omitted", "report-profile-list", "report-profile-list"]);
    assert_eq!(refused(4008).reasons[0].about[1], "D 4008");
    assert_eq!(codes(&refused(1)), ["refused"]);
}

#[test]
fn a_device_that_refused_all_is_asked_what_it_has() {
    let stage = Stage::new();
    let chain = vec![ErrorLink { domain: "MCInstallationErrorDomain".into(), code: 4008, description: None }];
    let refused = Held { acknowledgement: Some(Acknowledgement::Error { chain }), ..stage.locked(1) };
    let found = stage.ask(vec![refused], vec![]);
    assert_eq!((found.state, found.standing), (Some(State::Refused), Standing::Unknown));
    assert_eq!(codes(&found), ["all-refused"]);
    assert_eq!(found.reasons[0].about, ["MCInstallationErrorDomain 4008"]);
    assert_eq!(words(&found.next)[..2], ["report-profile-list", "hand-in"]);
}

#[test]
fn a_profile_whose_payloads_cannot_be_read_counts_as_locked_and_says_why() {
    let stage = Stage::with(|profile| {
        let mut keys = profile.to_dictionary();
        keys.remove("PayloadContent");
        keys.insert("EncryptedPayloadContent".into(), plist::Value::Data(vec![0x30, 0x80]));
        *profile = Profile::from_dictionary(keys).unwrap();
    });
    let seen = || vec![known(2, EvidenceFact::Acknowledged(of(1)))];
    let found = stage.ask(vec![stage.locked(1)], seen());
    assert_eq!((found.standing, codes(&found)), (Standing::Locked, vec!["never-offered", "encrypted"]));
    assert_eq!(words(&found.next)[..2], ["strip-overwrite", "install-overwrite"]);
    let lost = stage.ask(vec![held(1, leaf(&stage.site.lost), true)], seen());
    assert_eq!((lost.standing, codes(&lost)), (Standing::NeedsWipe, vec!["never-offered", "encrypted", "key-gone"]));
}

#[test]
fn a_profile_of_which_no_overwrite_can_be_made_is_told_so_though_its_payloads_are_encrypted() {
    let stage = Stage::with(|profile| {
        profile.push(profile_kit::Payload::new("com.apple.mdm"));
        profile.set("EncryptedPayloadContent", plist::Value::Data(vec![0x30, 0x80])).unwrap();
    });
    let found = stage.ask(vec![stage.locked(1)], vec![known(2, EvidenceFact::Acknowledged(of(1)))]);
    assert_eq!(found.standing, Standing::NeedsWipe, "{:?}", codes(&found));
    assert!(codes(&found).contains(&"no-overwrite"), "{:?}", codes(&found));
}

#[test]
fn a_put_off_overwrite_is_waited_for() {
    let stage = Stage::new();
    let overwrite = Held { acknowledgement: Some(Acknowledgement::NotNow), ..stage.overwrite(3) };
    let found = stage.ask(vec![stage.locked(1), overwrite], vec![known(2, EvidenceFact::Acknowledged(of(1)))]);
    assert_eq!((codes(&found), found.next[0].action), (vec!["put-off"], "install-overwrite"));
}

#[test]
fn an_installed_overwrite_is_left_to_the_owner_to_delete_the_apple_profile_first() {
    let stage = Stage::new();
    let installed = known(4, EvidenceFact::Listed { of: of(2), locked: false });
    let found = stage.ask(vec![stage.locked(1), stage.overwrite(2)], vec![installed]);
    assert_eq!((found.standing, codes(&found)), (Standing::Deletable, vec!["deletable"]));
    assert_eq!(words(&found.next), ["delete-mdm-profile", "delete-profile", "delete-app", "close"]);
}

#[test]
fn an_overwrite_that_is_locked_all_the_same_is_asked_for_in_the_other_form() {
    // Its own bytes are not locked: what the model would say of them says nothing of this device.
    let stage = Stage::with(|profile| {
        profile.set_removal(Removal::AllowedEmptyPassword);
    });
    let listed = known(4, EvidenceFact::Listed { of: of(2), locked: true });
    let found = stage.ask(vec![stage.locked(1), stage.overwrite(2)], vec![listed]);
    assert_eq!((codes(&found), found.next[0].action), (vec!["still-locked"], "ask-omitted"));
    assert_eq!((found.standing, found.outlook), (Standing::Locked, None));
}

#[test]
fn the_client_app_goes_last_where_the_app_store_is_restricted() {
    let stage = Stage::with(|profile| {
        profile.payloads_mut()[0].insert("allowAppInstallation", false);
    });
    let locked = || vec![known(2, EvidenceFact::Acknowledged(of(1)))];
    let deletable = || vec![known(4, EvidenceFact::Acknowledged(of(3)))];
    for evidence in [locked(), deletable()] {
        let found = stage.ask(vec![stage.locked(1), stage.overwrite(3)], evidence);
        let warning = found.warnings.iter().find(|warning| warning.warning == "W4").unwrap();
        assert_eq!(warning.keys, ["allowAppInstallation"]);
        let place = |word| found.next.iter().position(|action| action.action == word).unwrap();
        assert!(place("delete-profile") < place("delete-app"));
    }
    let gone = stage.ask(vec![stage.locked(1)], [locked(), vec![known(9, EvidenceFact::Absent)]].concat());
    assert_eq!((gone.standing, warnings(&gone)), (Standing::Free, vec![]));
}

#[test]
fn a_locked_profile_that_the_device_was_seen_without_before_it_took_any_is_still_to_come() {
    let stage = Stage::new();
    let none = |seq| vec![known(seq, EvidenceFact::Absent)];
    let found = stage.ask(vec![stage.locked(1)], none(2));
    assert_eq!((found.standing, codes(&found)), (Standing::Locked, vec!["never-offered", "not-there-yet"]));
    let offered = stage.ask(vec![stage.locked(1), stage.overwrite(3)], none(2));
    assert_eq!(codes(&offered), ["offered", "not-there-yet"]);
    let overwritten = stage.ask(vec![stage.locked(1), stage.overwrite(2)], none(3));
    assert_eq!((overwritten.standing, codes(&overwritten)), (Standing::Free, vec!["gone"]));
}

#[test]
fn an_overwrite_that_does_not_fit_what_may_be_there_is_not_offered() {
    let stage = Stage::new();
    let later = || held(3, leaf(&stage.site.old), true);
    let found = stage.ask(
        vec![stage.locked(1), stage.overwrite(2), later(), stage.overwrite(4)],
        vec![known(5, EvidenceFact::Absent)],
    );
    assert_eq!(codes(&found)[0], "never-offered");
    let again = Held { again: Some(3), ..stage.locked(1) };
    let found = stage.ask(vec![again, stage.overwrite(2)], vec![known(5, EvidenceFact::Absent)]);
    assert_eq!(codes(&found)[0], "never-offered");
}

#[test]
fn nobody_is_told_to_wipe_a_device_that_was_seen_without_what_no_key_is_left_for() {
    let stage = Stage::new();
    let lost = leaf(&stage.site.lost);
    let expected = vec!["report-profile-list", "hand-in", "remove-by-mdm", "wipe"];
    for seen in [EvidenceFact::Absent, EvidenceFact::Acknowledged(of(1))] {
        let found = stage.ask(vec![stage.overwrite(1), held(3, lost, true)], vec![known(2, seen)]);
        assert_eq!((found.standing, words(&found.next)), (Standing::Unknown, expected.clone()));
        assert!(codes(&found).contains(&"key-gone"));
    }
    let found = stage.ask(vec![held(1, lost, true)], vec![]);
    assert_eq!((found.standing, words(&found.next)), (Standing::Unknown, expected), "nothing says that it is there");
}

#[test]
fn nobody_is_told_to_wipe_a_device_that_may_have_a_later_lock_whose_key_is_there() {
    let stage = Stage::new();
    let lost = leaf(&stage.site.lost);
    let sighting = Sighting { uuid: "X".into(), leaf: Some(lost), locked: Some(true) };
    let expected = vec!["report-profile-list", "hand-in", "name-issuance", "remove-by-mdm", "wipe"];
    for seen in [EvidenceFact::Acknowledged(of(1)), EvidenceFact::Foreign(sighting)] {
        let judge = |later| stage.ask(vec![held(1, lost, true), later], vec![known(2, seen.clone())]);
        let found = judge(stage.locked(3));
        assert_eq!((found.standing, words(&found.next)), (Standing::Unknown, expected.clone()), "{seen:?}");
        assert!(codes(&found).contains(&"key-gone"));
        assert_eq!(judge(held(3, lost, true)).standing, Standing::NeedsWipe, "{seen:?}");
    }
}

#[test]
fn an_overwrite_that_was_issued_before_its_key_was_gone_still_frees() {
    let stage = Stage::new();
    let lost = leaf(&stage.site.lost);
    let locked = known(2, EvidenceFact::Acknowledged(of(1)));
    let again = known(4, EvidenceFact::Listed { of: of(1), locked: true });
    let answered = |answer| Held { acknowledgement: answer, ..held(3, lost, false) };
    let refused = |code| {
        let chain = vec![ErrorLink { domain: "D".into(), code, description: None }];
        answered(Some(Acknowledgement::Error { chain }))
    };
    let judge = |overwrite, seen: Vec<Evidence>| stage.ask(vec![held(1, lost, true), overwrite], seen);
    for (overwrite, seen) in [
        (answered(None), vec![locked.clone()]),
        (answered(Some(Acknowledgement::NotNow)), vec![locked.clone()]),
        (answered(None), vec![locked.clone(), again]),
        (refused(4009), vec![locked.clone()]),
    ] {
        let found = judge(overwrite, seen);
        assert_eq!(found.standing, Standing::Locked, "{found:#?}");
        assert_eq!(words(&found.next)[..3], ["fetch-overwrite", "install-overwrite", "delete-mdm-profile"]);
        let kept = found.reasons.iter().find(|reason| reason.code == "overwrite-kept").unwrap();
        assert_eq!(kept.about, [of(3).uuid().to_string()]);
        assert!(codes(&found).contains(&"key-gone"));
    }
    for code in [2002, 4008] {
        assert_eq!(judge(refused(code), vec![locked.clone()]).standing, Standing::NeedsWipe, "{code}");
    }
    let stuck = known(4, EvidenceFact::Listed { of: of(3), locked: true });
    assert_eq!(judge(answered(None), vec![locked, stuck]).standing, Standing::NeedsWipe);
}

#[test]
fn a_device_that_ignores_the_lock_needs_no_overwrite() {
    let stage = Stage::new();
    let target = Target { os: Some(Os::ios(17)), supervised: Some(false) };
    let found = stage.ask_for(vec![stage.locked(1)], vec![], target);
    assert_eq!((found.standing, codes(&found)), (Standing::Deletable, vec!["lock-ignored"]));
}

#[test]
fn a_profile_whose_date_is_past_removes_itself() {
    let date = |at: SystemTime| move |profile: &mut Profile| profile.set("RemovalDate", plist::Date::from(at)).unwrap();
    let of = |date| {
        let stage = Stage::with(date);
        stage.ask(vec![stage.locked(1)], vec![])
    };
    let past = of(date(now() - Duration::from_secs(60)));
    assert_eq!((past.standing, codes(&past)), (Standing::Deletable, vec!["date-past"]));
    let stage = Stage::with(date(now() - Duration::from_secs(60)));
    let seen = Evidence { at: now(), ..known(2, EvidenceFact::Listed { of: self::of(1), locked: true }) };
    let there = stage.ask(vec![stage.locked(1)], vec![seen]);
    assert_eq!((there.standing, codes(&there)), (Standing::Locked, vec!["never-offered"]));
    let unsupervised = Target { os: Some(Os::ios(17)), supervised: Some(false) };
    let seen = Evidence { at: now(), ..known(2, EvidenceFact::Listed { of: self::of(1), locked: true }) };
    let ignored = stage.ask_for(vec![stage.locked(1)], vec![seen], unsupervised);
    assert_eq!((ignored.standing, codes(&ignored)), (Standing::Deletable, vec!["lock-ignored"]));
    let ahead = of(date(now() + Duration::from_secs(3600)));
    assert_eq!((ahead.standing, codes(&ahead)), (Standing::Locked, vec!["never-offered", "unconfirmed"]));
}

#[test]
fn without_a_target_every_device_that_it_may_be_is_looked_at() {
    let stage = Stage::new();
    let found = stage.ask_for(vec![stage.locked(1)], vec![], Target::default());
    let outlook = found.outlook.unwrap();
    assert!(outlook.devices.len() > 16 && outlook.devices.iter().any(|device| device.os == "iOS 11.0"));
}

#[test]
fn a_key_that_is_gone_leaves_the_wipe_and_what_the_profile_itself_allows() {
    let stage = Stage::new();
    let lost = leaf(&stage.site.lost);
    let there = || vec![known(2, EvidenceFact::Acknowledged(of(1)))];
    let found = stage.ask(vec![held(1, lost, true)], there());
    assert_eq!((found.standing, words(&found.next)), (Standing::NeedsWipe, vec!["remove-by-mdm", "wipe"]));
    assert!(codes(&found).contains(&"key-gone"));
    let stage = Stage::with(|profile| profile.set_removal(Removal::Password("0p3n".into())));
    let found = stage.ask(vec![held(1, leaf(&stage.site.lost), true)], there());
    assert_eq!((found.standing, found.next[0].action), (Standing::Locked, "enter-password"));
}

#[test]
fn a_leaf_that_nobody_knows_is_brought_by_who_keeps_the_keys() {
    let stage = Stage::new();
    let found = stage.ask(vec![held(1, leaf(&signer("Stranger")), true)], vec![]);
    assert_eq!((found.next[0].action, found.next[0].who), ("bring-key", Who::SignerKeeper));
    assert_eq!(found.standing, Standing::Locked);
}

#[test]
fn a_profile_that_forbids_installing_by_hand_is_overwritten_by_the_mdm() {
    let stage = Stage::with(|profile| {
        profile.payloads_mut()[0].insert("allowUIConfigurationProfileInstallation", false);
    });
    let found = stage.ask(vec![stage.locked(1)], vec![]);
    let reason = found.reasons.iter().find(|reason| reason.code == "only-by-mdm").unwrap();
    assert_eq!(reason.about[0], "InstallForbidden");
    assert_eq!(words(&found.next)[..2], ["ask-for-mdm", "send-overwrite"]);
}

#[test]
fn what_is_ambiguous_or_foreign_asks_for_the_truth_first() {
    let stage = Stage::new();
    let old = leaf(&stage.site.old);
    let found = stage.ask(vec![stage.locked(1), held(2, old, true)], vec![]);
    assert_eq!((found.standing, codes(&found)), (Standing::Unknown, vec!["ambiguous"]));
    assert_eq!(found.next[0].action, "report-profile-list");
    let foreign = |leaf, locked| {
        let sighting = Sighting { uuid: "X".into(), leaf, locked };
        stage.ask(vec![stage.locked(1)], vec![known(2, EvidenceFact::Foreign(sighting))])
    };
    assert_eq!(foreign(Some(old), Some(true)).next[0].action, "hand-in");
    assert_eq!(foreign(Some(leaf(&signer("Stranger"))), None).next[0].action, "bring-key");
    let unsigned = foreign(None, None);
    assert_eq!(words(&unsigned.next)[..2], ["hand-in", "name-issuance"]);
    assert_eq!(unsigned.reasons[0].about[1], of(1).uuid().to_string());
    assert_eq!(foreign(Some(leaf(&stage.site.lost)), Some(true)).standing, Standing::NeedsWipe);
}

#[test]
fn a_strangers_profile_that_is_deletable_does_not_hide_a_locked_one_that_is_to_come() {
    let stage = Stage::new();
    let sighted =
        |seq| known(seq, EvidenceFact::Foreign(Sighting { uuid: "X".into(), leaf: None, locked: Some(false) }));
    let later = stage.ask(vec![stage.locked(2)], vec![sighted(1)]);
    let not_there_yet = stage.ask(vec![stage.locked(1)], vec![sighted(2)]);
    assert_eq!((later.standing, not_there_yet.standing), (Standing::Locked, Standing::Locked));
    let was_there = vec![known(2, EvidenceFact::Acknowledged(of(1))), sighted(3)];
    assert_eq!(stage.ask(vec![stage.locked(1)], was_there).standing, Standing::Deletable);
}

#[test]
fn a_certificate_that_has_ended_is_told_as_no_obstacle() {
    let stage = Stage::new();
    let history = History { held: vec![stage.locked(1)], evidence: vec![] };
    let (installed, target) = (Some(&stage.installed), Target { os: Some(Os::ios(17)), supervised: Some(true) });
    let at = now() + crate::fixture::days(400);
    let case = Case { identifier: IVI, history: &history, keyring: &stage.keyring, installed, target, at };
    let found = super::of(&case);
    assert!(codes(&found).contains(&"certificate-ended") && found.standing == Standing::Locked);
    assert_eq!(found.outlook.unwrap().verdict, "frees");
}

#[test]
fn a_profile_that_was_issued_after_the_device_became_free_counts() {
    let stage = Stage::new();
    let free = known(3, EvidenceFact::Acknowledged(of(2)));
    let found = stage.ask(vec![stage.locked(1), stage.overwrite(2), stage.locked(4)], vec![free]);
    assert_eq!((found.standing, codes(&found)), (Standing::Locked, vec!["never-offered", "issued-later"]));
}

#[test]
fn of_who_was_free_and_is_locked_anew_the_key_of_the_new_lock_counts() {
    let stage = Stage::new();
    let lost = Digest([9; 32]);
    let free = || vec![known(3, EvidenceFact::Acknowledged(of(2)))];
    let before = || [held(1, lost, true), held(2, lost, false)];
    let [one, two] = before();
    let found = stage.ask(vec![one, two, stage.locked(4)], free());
    assert_eq!((found.standing, codes(&found)), (Standing::Locked, vec!["never-offered", "issued-later"]));
    let [one, two] = before();
    let unclear = stage.ask(vec![one, two, stage.locked(4), held(5, lost, true)], free());
    assert_eq!((unclear.standing, unclear.state), (Standing::Unknown, Some(State::Ambiguous)));
    assert_eq!(codes(&unclear)[0], "ambiguous");
}

#[test]
fn an_observed_profile_without_its_bytes_is_judged_by_the_record_alone() {
    let stage = Stage::new();
    let seen = Basis::Observed(ObservationId(Uuid::from_u128(1)));
    let history = History {
        held: vec![Held { of: seen, ..stage.locked(1) }],
        evidence: vec![known(1, EvidenceFact::Observed(seen))],
    };
    let (keyring, target) = (&stage.keyring, Target::default());
    let case = Case { identifier: IVI, history: &history, keyring, installed: None, target, at: now() };
    let found = super::of(&case);
    assert_eq!((codes(&found), &found.outlook), (vec!["never-offered"], &None));
}

#[test]
fn every_step_and_warning_is_one_of_the_procedure() {
    let step = |text: &str| {
        let number = |(part, most): &(&str, u32)| {
            text.strip_prefix(part)
                .is_some_and(|rest| rest.parse::<u32>().is_ok_and(|number| (1..=*most).contains(&number)))
        };
        PARTS.iter().any(number)
    };
    let warning = |text: &str| ["W1", "W2", "W3", "W4"].contains(&text);
    let fact = |text: &str| text.len() == 2 && "LR".contains(&text[..1]) && text[1..].parse::<u8>().is_ok();
    for action in ACTIONS {
        assert!(action.steps.iter().all(|text| step(text) || warning(text)), "{action:?}");
    }
    for (code, _, refs) in REASONS {
        assert!(refs.iter().all(|text| step(text) || warning(text) || fact(text)), "{code} {refs:?}");
    }
}

/// What can happen to a record.
#[derive(Clone, Copy, Debug)]
enum Event {
    Locked,
    LockedByOld,
    LockedByLost,
    Overwrite,
    Acknowledged,
    Refused,
    PutOff,
    Listed,
    ListedAsLocked,
    Absent,
    Foreign,
}

const EVENTS: [Event; 11] = [
    Event::Locked,
    Event::LockedByOld,
    Event::LockedByLost,
    Event::Overwrite,
    Event::Acknowledged,
    Event::Refused,
    Event::PutOff,
    Event::Listed,
    Event::ListedAsLocked,
    Event::Absent,
    Event::Foreign,
];

/// The record after events, in their order; `None` where one of them is about nothing.
fn recorded(stage: &Stage, events: &[Event]) -> Option<History> {
    let mut history = History::default();
    for (seq, event) in (1..).zip(events) {
        let last = history.held.last().map(|held| held.of);
        let answer = |history: &mut History, acknowledgement| {
            history.held.last_mut().map(|held| held.acknowledgement = Some(acknowledgement))
        };
        match event {
            Event::Locked => history.held.push(stage.locked(seq)),
            Event::LockedByOld => history.held.push(held(seq, leaf(&stage.site.old), true)),
            Event::LockedByLost => history.held.push(held(seq, leaf(&stage.site.lost), true)),
            Event::Overwrite => history.held.push(stage.overwrite(seq)),
            Event::Acknowledged => {
                answer(&mut history, Acknowledgement::Acknowledged)?;
                history.evidence.push(known(seq, EvidenceFact::Acknowledged(last?)));
            }
            Event::Refused => answer(&mut history, Acknowledgement::Error { chain: vec![] })?,
            Event::PutOff => answer(&mut history, Acknowledgement::NotNow)?,
            Event::Listed => history.evidence.push(known(seq, EvidenceFact::Listed { of: last?, locked: false })),
            Event::ListedAsLocked => {
                history.evidence.push(known(seq, EvidenceFact::Listed { of: last?, locked: true }))
            }
            Event::Absent => history.evidence.push(known(seq, EvidenceFact::Absent)),
            Event::Foreign => {
                let sighting = Sighting { uuid: "X".into(), leaf: None, locked: Some(true) };
                history.evidence.push(known(seq, EvidenceFact::Foreign(sighting)));
            }
        }
    }
    Some(history)
}

#[test]
fn whatever_is_recorded_the_diagnosis_agrees_with_the_state_and_leads_to_the_end() {
    let stage = Stage::new();
    let mut judged = 0;
    for number in 0..EVENTS.len().pow(4) {
        let events: Vec<Event> = (0..4).map(|place| EVENTS[number / EVENTS.len().pow(place) % EVENTS.len()]).collect();
        let Some(history) = recorded(&stage, &events) else { continue };
        let (keyring, target) = (&stage.keyring, Target::default());
        let case = Case { identifier: IVI, history: &history, keyring, installed: None, target, at: now() };
        let found = super::of(&case);
        let standing = match history.state() {
            None => [Standing::Unknown; 2],
            Some(State::Gone) => [Standing::Free; 2],
            Some(State::Refused) => [Standing::Unknown; 2],
            Some(State::Free) => [Standing::Deletable; 2],
            Some(State::Ambiguous) => [Standing::Unknown; 2],
            Some(_) => [Standing::Locked, Standing::NeedsWipe],
        };
        // What has no key may not be there, or another one instead: that is to be asked first.
        let is_guess = standing[1] == Standing::NeedsWipe
            && found.standing == Standing::Unknown
            && codes(&found).contains(&"key-gone")
            && words(&found.next)[0] == "report-profile-list";
        assert!(is_guess || standing.contains(&found.standing), "{events:?}: {found:#?}");
        let wiped = is_guess || codes(&found).contains(&"key-gone") && found.standing == Standing::NeedsWipe;
        let last = found.next.last().map(|action| action.action);
        let end = if wiped { Some("wipe") } else { history.state().map(|_| "close") };
        assert_eq!(last, end, "{events:?}: {found:#?}");
        assert_eq!(found.reasons.is_empty(), history.state().is_none(), "{events:?}");
        judged += 1;
    }
    assert!(judged > 6_000, "{judged}");
}
