//! The device model against the facts, by a table that was typed by hand from them: state, operation, answer.

#![allow(clippy::unwrap_used, reason = "a test may fail by panic")]

use std::{
    collections::BTreeSet,
    sync::LazyLock,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use plist::{Date, Value};
use profile_kit::{
    Arrival, Certificate, Device, Fact, Os, OsVersion, Payload, Platform, Policies, Profile, SignOptions, UuidSource,
    Verdict,
    device::{Act, Answer, Done, Effect, Grounds, Signature},
    pki::{Authority, Issued, KeySpec, Leaf, Validity},
};

/// One row: the fact, in parentheses where the answer need not cite it; the device (platform, version, `s`upervised or `u`nsupervised), the policies that are not the
/// defaults, what is installed on day 0, what is done on day 1, the answer with the device's error, and the policies
/// that decided it.
type Row =
    (&'static str, &'static str, &'static str, &'static [&'static str], &'static str, &'static str, &'static str);

/// Profiles are words: the identifier, then what it has. `signed=A` by certificate A, `renewed` has A's key, `B` is of
/// the same issuer, `C` of nobody known here; `managed`: the MDM installed it.
#[rustfmt::skip]
const ROWS: &[Row] = &[
    // 1. Replacement.
    ("R1", "ios 17 s", "", &["ivi locked"], "install ivi", "replaced ivi", ""),
    ("R1", "ios 17 s", "", &["ivi locked"], "install other", "added: ivi other", ""),
    ("R1", "ios 17 s", "", &["ivi locked"], "install IVI", "added: ivi IVI", ""),
    ("R1", "ios 17 s", "", &["ivi locked"], "replace other", "NotInstalled", ""),
    ("R1", "macos 14 s", "", &["ivi scope=System"], "install ivi scope=User", "added: ivi ivi, OtherScope", ""),
    ("R1", "macos 14 s", "", &["ivi scope=System"], "replace ivi scope=User", "NotInstalled, OtherScope", ""),
    ("R1", "macos 14 s", "", &["ivi scope=User"], "install ivi", "replaced ivi", ""),
    ("R1", "ios 17 s", "", &["ivi scope=System"], "install ivi scope=User", "replaced ivi", ""),
    ("R2", "ios 17 s", "", &["ivi locked uuid=U"], "install ivi uuid=U", "replaced ivi", ""),
    ("R2", "ios 17 s", "", &["ivi locked uuid=U"], "install ivi uuid=V", "replaced ivi", ""),
    ("R2", "ios 17 s", "", &["ivi password=x uuid=U"], "install ivi uuid=U", "replaced ivi, StoredPassword", "password-prompt=none"),
    ("R3", "ios 17 s", "", &["ivi payload=a/1 payload=b/1"], "install ivi payload=a/1 payload=b/2 payload=c/1", "replaced ivi updated [a] removed [b] added [b, c]", ""),
    ("R4", "ios 17 s", "", &["ivi locked"], "install ivi signed=C", "replaced ivi", ""),
    ("R4", "ios 17 s", "", &["ivi locked signed=A"], "install ivi signed=A", "replaced ivi", ""),
    ("R4", "ios 17 s", "", &["ivi locked signed=A"], "install ivi", "UnsignedOverSigned MCInstallationErrorDomain 4008", "signer-match=leaf-equal"),
    ("R4", "ios 17 s", "", &["ivi locked signed=A"], "install ivi signed=B", "OtherSigner MCInstallationErrorDomain 4008", "signer-match=leaf-equal"),
    ("(R4)", "ios 17 s", "", &["ivi managed signed=A"], "mdm-install ivi signed=C", "replaced ivi", ""),
    ("R5", "ios 17 s", "", &["ivi locked signed=A"], "install ivi signed=renewed", "OtherSigner MCInstallationErrorDomain 4008", "signer-match=leaf-equal"),
    ("R5", "ios 17 s", "signer-match=same-key", &["ivi locked signed=A"], "install ivi signed=renewed", "replaced ivi", "signer-match=same-key"),
    ("R5", "ios 17 s", "signer-match=same-key", &["ivi locked signed=A"], "install ivi signed=B", "OtherSigner MCInstallationErrorDomain 4008", "signer-match=same-key"),
    ("R5", "ios 17 s", "signer-match=any-of-chain", &["ivi locked signed=A"], "install ivi signed=B", "replaced ivi", "signer-match=any-of-chain"),
    ("R5", "ios 17 s", "signer-match=any-of-chain", &["ivi locked signed=A"], "install ivi signed=C", "OtherSigner MCInstallationErrorDomain 4008", "signer-match=any-of-chain"),
    ("R5", "ios 17 s", "signer-match=none", &["ivi locked signed=A"], "install ivi signed=C", "replaced ivi", "signer-match=none"),
    ("R5", "ios 17 s", "signer-match=none", &["ivi locked signed=A"], "install ivi", "replaced ivi", "signer-match=none"),
    ("R6", "ios 17 s", "", &["ivi locked password=x"], "install ivi", "replaced ivi", "password-prompt=none"),
    ("R6", "ios 17 s", "", &["ivi locked"], "install ivi locked", "replaced ivi", ""),
    ("R7", "ios 11 s", "preset=ios-10-11", &["ivi locked"], "install ivi empty", "replaced ivi, asks EmptyPassword", "empty-removal-password=as-absent password-prompt=empty-accepted"),
    ("R7", "ios 11 s", "password-prompt=must-match", &["ivi locked password=x"], "install ivi", "WrongPassword", "password-prompt=must-match"),
    ("R7", "ios 11 s", "password-prompt=must-match", &["ivi locked password=x"], "install ivi with x", "replaced ivi, asks RemovalPassword", "password-prompt=must-match"),
    ("(R7)", "ios 11 s", "password-prompt=empty-accepted", &["ivi locked"], "install ivi", "replaced ivi", ""),
    ("(R8)", "ios 17 s", "", &["ivi locked signed=A", "wifi"], "install ivi broken", "BrokenSignature MCProfileErrorDomain 1000", ""),
    ("R9", "ios 17 s", "", &["ivi managed"], "install ivi", "ManualOverMdm MCMDMErrorDomain 12013", "manual-over-mdm=refuse"),
    ("R9", "ios 17 s", "manual-over-mdm=allow", &["ivi managed"], "install ivi", "replaced ivi", "manual-over-mdm=allow"),
    ("R9", "ios 17 u", "", &["ivi"], "mdm-install ivi", "MdmOverManual", "mdm-over-manual=refuse-unless-supervised"),
    ("R9", "ios 17 s", "", &["ivi locked signed=A"], "mdm-install ivi signed=C", "replaced ivi", "mdm-over-manual=refuse-unless-supervised"),
    ("R9", "ios 17 s", "mdm-over-manual=refuse", &["ivi"], "mdm-install ivi", "MdmOverManual", "mdm-over-manual=refuse"),
    ("R9", "ios 17 u", "mdm-over-manual=allow", &["ivi"], "mdm-install ivi", "replaced ivi", "mdm-over-manual=allow"),
    ("R9", "ios 17 s", "", &["ivi locked"], "mdm-remove ivi", "removed ivi:", "mdm-over-manual=refuse-unless-supervised"),
    ("R9", "ios 17 u", "", &["ivi"], "mdm-remove ivi", "MdmOverManual", "mdm-over-manual=refuse-unless-supervised"),
    ("R9", "ios 17 u", "", &["ivi managed"], "mdm-remove ivi", "removed ivi:", ""),
    ("R10", "ios 17 s", "", &["m mdm=T"], "install m", "MdmPayloadMissing MCInstallationErrorDomain 4015", ""),
    ("R10", "ios 17 s", "", &["m mdm=T"], "install m mdm=U", "MdmChanged MCMDMErrorDomain 12012", ""),
    ("R10", "ios 17 s", "", &["m mdm=T"], "install m mdm=T server=https://other.example", "MdmChanged MCMDMErrorDomain 12012", ""),
    ("R10", "ios 17 s", "", &["m mdm=T"], "install m mdm=T check-in=https://other.example", "MdmChanged MCMDMErrorDomain 12012", ""),
    ("R10", "ios 17 s", "", &["m mdm=T"], "install m mdm=T check-in=https://mdm.example", "replaced m", ""),
    ("R10", "ios 17 s", "", &["m encrypted"], "install m", "replaced m, PayloadsUnseen", ""),
    ("R11", "ios 17 s", "", &["m mdm=T", "wifi managed", "ivi locked"], "remove m", "removed m wifi: ivi", ""),
    ("R11", "ios 17 s", "", &["m mdm=T", "wifi managed"], "remove wifi", "Managed", ""),
    ("(R11)", "ios 17 s", "", &["m mdm=T", "wifi managed", "ivi"], "remove ivi", "removed ivi: m wifi", ""),
    ("R11", "ios 17 s", "", &["m mdm=T date=2", "wifi managed", "ivi locked"], "expire 3", "removed m wifi: ivi", ""),
    // 2. Removal.
    ("L1", "ios 17 s", "", &["ivi locked"], "remove ivi", "Locked", ""),
    ("L1", "ios 17 s", "", &["ivi"], "remove ivi", "removed ivi:", ""),
    ("L1", "ios 17 s", "", &["ivi locked password=x"], "remove ivi", "WrongPassword", ""),
    ("L1", "ios 17 s", "", &["ivi locked password=x"], "remove ivi with x", "removed ivi:, asks RemovalPassword", ""),
    ("L1", "ios 17 s", "", &["ivi flag=true"], "remove ivi", "Locked, FlagNotBoolean", ""),
    ("L1", "macos 14 u", "", &["ivi locked"], "remove ivi", "removed ivi:, asks Administrator", ""),
    ("L1", "macos 14 u", "", &["ivi locked password=x"], "remove ivi", "WrongPassword", ""),
    ("L1", "macos 10.14 u", "", &["ivi locked"], "remove ivi", "Locked", ""),
    ("Schema", "macos 14 u", "", &["ivi managed"], "remove ivi", "Managed", ""),
    ("L1", "macos 10.14 u", "", &["ivi managed"], "remove ivi", "removed ivi:, asks Administrator", ""),
    ("L1", "macos 10.14 u", "", &["ivi managed locked"], "remove ivi", "Locked", ""),
    ("L2", "ios 17 u", "", &["ivi locked"], "remove ivi", "removed ivi:", "lock-needs-supervision=always"),
    ("L2", "tvos 17 u", "", &["ivi locked"], "remove ivi", "removed ivi:", "lock-needs-supervision=always"),
    ("L2", "tvos 17 s", "", &["ivi locked"], "remove ivi", "Locked", ""),
    ("L2", "ios 10 u", "preset=ios-10-11", &["ivi locked"], "remove ivi", "Locked", "lock-needs-supervision=never"),
    ("L2", "ios 12.4 u", "lock-needs-supervision=from-13", &["ivi locked"], "remove ivi", "Locked", "lock-needs-supervision=from-13.0"),
    ("L2", "ios 13 u", "lock-needs-supervision=from-13", &["ivi locked"], "remove ivi", "removed ivi:", "lock-needs-supervision=from-13.0"),
    ("L2", "ios 17 u", "", &["ivi password=x"], "remove ivi", "removed ivi:", "removal-password-unsupervised=ignore"),
    ("L2", "ios 17 u", "removal-password-unsupervised=reject", &[], "install ivi password=x", "RemovalPasswordUnsupervised MCChaperoneErrorDomain 29000", "removal-password-unsupervised=reject"),
    ("L2", "ios 17 u", "removal-password-unsupervised=honour", &["ivi password=x"], "remove ivi", "WrongPassword", "removal-password-unsupervised=honour removal-password-locks=yes"),
    ("L3", "ios 17 s", "", &["ivi password=x"], "remove ivi with x", "removed ivi:, asks RemovalPassword", "removal-password-locks=yes"),
    ("L3", "ios 17 s", "", &["ivi password=x"], "remove ivi with y", "WrongPassword", "removal-password-locks=yes"),
    ("L3", "ios 17 s", "", &[], "install ivi password=x password=y", "SeveralRemovalPasswords", ""),
    ("L3", "ios 17 s", "enrolment=user", &["ivi locked"], "remove ivi", "Locked, EnrolmentLock", ""),
    ("L3", "ios 17 s", "enrolment=shared-ipad", &[], "install ivi password=x", "added: ivi, EnrolmentLock", ""),
    ("L4", "ios 17 s", "", &["ivi locked"], "install ivi empty", "EmptyRemovalPassword MCPayloadErrorDomain 2002", "empty-removal-password=reject"),
    ("L4", "ios 17 s", "", &["ivi locked"], "install ivi absent", "EmptyRemovalPassword MCPayloadErrorDomain 2002", "empty-removal-password=reject"),
    ("Faults", "ios 17 s", "", &[], "install ivi password-number", "RemovalPasswordType MCPayloadErrorDomain 2003", ""),
    ("L4", "ios 13 s", "empty-removal-password=as-absent", &["ivi empty"], "remove ivi", "removed ivi:", "empty-removal-password=as-absent"),
    ("L4", "ios 13 s", "empty-removal-password=as-absent", &["ivi locked empty"], "remove ivi", "Locked", "empty-removal-password=as-absent"),
    ("L4", "ios 13 s", "empty-removal-password=locked", &["ivi empty"], "remove ivi", "removed ivi:, asks EmptyPassword", "empty-removal-password=locked"),
    ("L4", "ios 17 s", "", &["ivi password=x"], "remove ivi", "WrongPassword", "removal-password-locks=yes"),
    ("L4", "ios 17 s", "removal-password-locks=no", &["ivi password=x"], "remove ivi", "removed ivi:", "removal-password-locks=no"),
    ("(L4)", "ios 17 s", "removal-password-locks=no", &["ivi locked password=x"], "remove ivi", "WrongPassword", ""),
    ("(L5)", "ios 17 s", "", &["ivi locked signed=A"], "install ivi signed=A", "replaced ivi", ""),
    ("(L5)", "ios 13 s", "empty-removal-password=as-absent", &["ivi locked signed=A"], "install ivi empty signed=A", "replaced ivi", "empty-removal-password=as-absent password-prompt=none"),
    ("(L6)", "ios 17 s", "", &["ivi hint"], "list", "ivi removal_disallowed=false has_removal_passcode=false", ""),
    ("(L6)", "ios 17 s", "", &["ivi password=x"], "list", "ivi removal_disallowed=true has_removal_passcode=true", ""),
    ("L6", "ios 17 s", "", &["ivi hint"], "remove ivi", "removed ivi:", ""),
    ("L7", "ios 17 s", "", &["ivi locked date=2"], "expire 1", "removed: ivi", ""),
    ("L7", "ios 17 s", "", &["ivi locked date=2"], "expire 2", "removed ivi:", ""),
    ("L7", "ios 17 s", "", &["ivi locked duration=86400"], "expire 1", "removed ivi:", ""),
    ("L7", "ios 17 s", "", &["ivi locked date=9 duration=86400.0"], "expire 1", "removed ivi:", ""),
    ("L7", "ios 17 s", "", &["ivi locked date=1 duration=864000"], "expire 1", "removed ivi:", ""),
    ("L7", "ios 17 s", "", &[], "install ivi date=0", "RemovalDatePast MCInstallationErrorDomain 4025", ""),
    ("L8", "ios 17 s", "", &["ivi expiration=1"], "expire 9", "removed: ivi", ""),
    ("L9", "ios 17 s", "", &[], "install ivi locked mdm=T", "LockedWithMdm MCProfileErrorDomain 1000", ""),
    ("L9", "ios 17 s", "", &[], "install ivi password=x mdm=T", "LockedWithMdm MCProfileErrorDomain 1000", "removal-password-locks=yes"),
    ("L9", "ios 17 s", "", &[], "install ivi mdm=T", "added: ivi", ""),
    // 3. What breaks the inactivation from inside the profile.
    ("Obstacles", "ios 17 s", "", &["ivi locked forbids=allowUIConfigurationProfileInstallation"], "install ivi", "InstallForbidden MCInstallationErrorDomain 4037", ""),
    ("Obstacles", "ios 17 s", "", &["ivi locked", "other forbids=allowUIConfigurationProfileInstallation"], "install ivi", "InstallForbidden MCInstallationErrorDomain 4037", ""),
    ("(Obstacles)", "ios 17 s", "", &["ivi managed forbids=allowUIConfigurationProfileInstallation"], "mdm-install ivi", "replaced ivi", ""),
    ("Obstacles", "ios 17 s", "", &["ivi locked forbids=allowSafari"], "download ivi", "downloaded, SafariForbidden", "pending-profile=eight-minutes"),
    ("Obstacles", "ios 17 s", "", &[], "install ivi passcode", "added: ivi, asks Passcode", ""),
    // 4 to 6. Faults, signatures, delivery.
    ("Faults", "ios 17 s", "", &[], "install ivi version=3", "Malformed MCProfileErrorDomain 1001", ""),
    ("Faults", "ios 17 s", "", &[], "install ivi bare", "Malformed MCProfileErrorDomain 1005", ""),
    ("Faults", "ios 17 s", "", &[], "install ivi payload=a/1 payload=b/1 twins=uuid", "Malformed MCProfileErrorDomain 1007", ""),
    ("Faults", "ios 17 s", "", &[], "install ivi payload=a/1 payload=a/2", "Malformed MCProfileErrorDomain 1008", ""),
    ("Faults", "ios 17 s", "", &[], "install ivi type=5", "OtherDeviceType MCProfileErrorDomain 1015", ""),
    ("Faults", "tvos 17 s", "", &[], "install ivi type=1", "OtherDeviceType MCProfileErrorDomain 1015", ""),
    ("(Faults)", "tvos 17 s", "", &[], "install ivi type=3", "added: ivi", ""),
    ("(Faults)", "ios 12.1 s", "", &[], "install ivi type=5", "added: ivi", ""),
    ("Faults", "ios 17 s", "", &[], "install ivi type=9", "Malformed MCProfileErrorDomain 1015", ""),
    ("Faults", "ios 17 s", "", &[], "install ivi payload-version=2", "Malformed MCPayloadErrorDomain 2001", ""),
    ("Faults", "ios 17 s", "", &[], "install ivi payload-without=PayloadUUID", "Malformed MCPayloadErrorDomain 2002", ""),
    ("Faults", "ios 17 s", "", &[], "install ivi payload-number=PayloadIdentifier", "Malformed MCPayloadErrorDomain 2003", ""),
    ("Schema", "ios 17 s", "", &[], "install m mdm=T identity=I", "added: m, Setting", ""),
    ("(Schema)", "ios 17 s", "", &["m mdm=T identity=I"], "install m mdm=T identity=I", "replaced m", ""),
    ("Signing", "ios 17 s", "", &[], "install ivi broken", "BrokenSignature MCProfileErrorDomain 1000", ""),
    ("Delivery", "ios 12.2 s", "", &["pending ivi"], "install-pending 480", "added: ivi", ""),
    ("Delivery", "ios 12.2 s", "", &["pending ivi"], "install-pending 481", "NothingPending", "pending-profile=eight-minutes"),
    ("Delivery", "ios 12.2 s", "", &["pending ivi", "pending other"], "install-pending 1", "added: other", ""),
    ("Delivery", "ios 12.1 s", "", &["pending ivi"], "install-pending 481", "added: ivi", ""),
    ("Delivery", "ios 12.2 s", "pending-profile=none", &["pending ivi"], "install-pending 481", "added: ivi", ""),
    ("Delivery", "ios 12.2 s", "", &[], "install-pending 0", "NothingPending", "pending-profile=eight-minutes"),
    ("Keys", "ios 17 s", "", &[], "install ivi consent", "added: ivi, asks Consent", ""),
];

#[test]
fn the_model_answers_every_row_as_the_facts_say() {
    let wrong: Vec<String> = ROWS.iter().filter_map(wrong).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_fact_of_replacement_and_removal_has_a_row() {
    let told: BTreeSet<&str> = ROWS.iter().map(|row| row.0.trim_matches(['(', ')'])).collect();
    let numbers = Fact::ALL.iter().map(|fact| fact.number());
    let facts = numbers.filter(|number| number[1..].parse::<u8>().is_ok());
    let missing: Vec<&str> = facts.filter(|number| !told.contains(number)).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn profile_list_has_apples_keys() {
    let installed = "ivi locked password=x signed=A uuid=U payload=a/1";
    let keys = |device: &Device| {
        let items = device.profile_list();
        let dictionary = items[0].to_dictionary();
        dictionary.keys().cloned().collect::<Vec<_>>().join(" ")
    };
    let shown = "HasRemovalPasscode IsEncrypted PayloadContent PayloadDisplayName PayloadIdentifier \
                 PayloadRemovalDisallowed PayloadUUID PayloadVersion SignerCertificates";
    assert_eq!(keys(&device("ios 17 s", "", &[installed])), shown);
    let unsupervised = device("ios 17 u", "", &[installed]);
    assert_eq!(keys(&unsupervised), shown.replace("IsEncrypted", "IsEncrypted IsManaged"));
    let list = unsupervised.profile_list()[0].to_dictionary();
    let leaf = list.get("SignerCertificates").unwrap().as_array().unwrap()[0].as_data().unwrap();
    assert_eq!(leaf, CERTIFICATES.a[0].der());
    assert!(!format!("{list:?}").contains("\"x\""), "a password in the list");
}

#[test]
fn a_file_arrives_with_what_became_of_its_signature() {
    let identity = CERTIFICATES.signer.identity().unwrap();
    let (locked, _) = arrival("ivi locked");
    let signed = identity.sign_with(locked.profile.as_ref(), &SignOptions::new(day(1))).unwrap();
    let arrived = Arrival::from_bytes(signed.as_bytes()).unwrap();
    assert_eq!(arrived.certificates(), &CERTIFICATES.a[..1]);
    assert_eq!(arrived, Arrival::from(&signed.verify_integrity().unwrap()));
    let mut changed = signed.into_bytes();
    let place = changed.windows(4).position(|bytes| bytes == b"Test").unwrap();
    changed[place] = b't';
    let changed = Arrival::from_bytes(&changed).unwrap();
    assert_eq!(changed.signature, Signature::Broken(Verdict::DigestMismatch));
    assert_eq!(Arrival::from_bytes(&locked.profile.to_xml().unwrap()).unwrap(), locked);
}

#[test]
fn a_download_that_was_refused_still_waits() {
    let device = device("ios 17 s", "", &["ivi locked signed=A", "pending ivi"]);
    let refused = device.install_pending(&Act::by_hand(day(0))).unwrap_err();
    assert_eq!(refused.refusal.word(), "UnsignedOverSigned");
    let arrival = device.pending.clone().unwrap().arrival;
    let signed = Arrival { signature: signature("A"), ..arrival };
    let done = device.download(&signed, day(0)).device.install_pending(&Act::by_hand(day(0))).unwrap();
    assert_eq!(done.device.pending, None);
}

#[test]
fn nothing_that_a_device_holds_prints_its_passwords() {
    let device = device("ios 17 s", "", &["ivi locked password=hunter2", "pending other password=hunter2"]);
    let act = Act::by_hand(day(0)).password("hunter2");
    let all = format!("{device:?} {act:?} {:?} {:?}", device.lock(&device.installed[0]), device.remove("ivi", &act));
    assert!(!all.contains("hunter2"), "{all}");
}

/// Where a row is answered otherwise, in words.
fn wrong(row: &Row) -> Option<String> {
    let (fact, on, policies, state, operation, expected, deciding) = *row;
    let before = device(on, policies, state);
    let (answer, grounds, after) = run(&before, operation);
    let decided: Vec<String> = grounds.policies.iter().map(ToString::to_string).collect();
    let facts: Vec<&str> = grounds.facts.iter().map(|fact| fact.number()).collect();
    let head = format!("{fact}: {on}, {policies:?}, {state:?}: {operation}");
    let cited = fact.starts_with('(') || facts.contains(&fact);
    match () {
        () if answer != expected => Some(format!("{head}\n  {answer}\n  instead of {expected}")),
        () if decided.join(" ") != deciding => {
            Some(format!("{head}\n  decided by {decided:?} instead of {deciding:?}"))
        }
        () if !cited => Some(format!("{head}\n  cites {facts:?}")),
        () if after.is_none_or(|after| after == before) => None,
        () => Some(format!("{head}\n  is not as it was (R8)")),
    }
}

/// The answer in words, its grounds, and for a refusal the device afterwards.
fn run(device: &Device, operation: &str) -> (String, Grounds, Option<Device>) {
    let (verb, rest) = operation.split_once(' ').unwrap_or((operation, ""));
    let (what, password) = rest.split_once(" with ").unwrap_or((rest, ""));
    let (hand, mdm) = (Act::by_hand(day(1)).password(password), Act::by_mdm(day(1)));
    let answer = match verb {
        "install" => device.install(&arrival(what).0, &hand),
        "mdm-install" => device.install(&arrival(what).0, &mdm),
        "replace" => device.replace(&arrival(what).0, &hand),
        "remove" => device.remove(what, &hand),
        "mdm-remove" => device.remove(what, &mdm),
        "expire" => Ok(device.expire(day(what.parse().unwrap()))),
        "download" => Ok(device.download(&arrival(what).0, day(1))),
        "install-pending" => device.install_pending(&Act::by_hand(day(0) + Duration::from_secs(what.parse().unwrap()))),
        "list" => return (list(device), Grounds::default(), None),
        other => panic!("{other}"),
    };
    words(device, answer)
}

fn words(device: &Device, answer: Answer) -> (String, Grounds, Option<Device>) {
    let unknowns =
        |grounds: &Grounds| grounds.unknowns.iter().map(|unknown| format!(", {unknown}")).collect::<String>();
    match answer {
        Ok(done) => (format!("{}{}", did(&done), unknowns(&done.grounds)), done.grounds, None),
        Err(refused) => {
            let error = refused.error.map(|error| format!(" {error}")).unwrap_or_default();
            let words = format!("{}{error}{}", refused.refusal, unknowns(&refused.grounds));
            (words, refused.grounds, Some(device.clone()))
        }
    }
}

fn did(done: &Done) -> String {
    let there: Vec<&str> = done.device.installed.iter().map(|installed| installed.profile.identifier()).collect();
    let there = there.join(" ");
    let effect = match &done.effect {
        Effect::Downloaded => "downloaded".into(),
        Effect::Added => format!("added: {there}"),
        Effect::Replaced { updated, removed, added } => {
            let moves = [("updated", updated), ("removed", removed), ("added", added)];
            let moves =
                moves.map(|(word, names)| (word, names.iter().filter(|name| name.len() == 1).collect::<Vec<_>>()));
            let told = moves.iter().filter(|(_, names)| !names.is_empty());
            let told: Vec<String> = told.map(|(word, names)| format!(" {word} {names:?}")).collect();
            format!("replaced {there}{}", told.concat().replace('"', ""))
        }
        Effect::Removed(gone) => {
            format!("{}: {there}", ["removed", &gone.join(" ")].join(" ").trim()).trim().to_owned()
        }
        _ => panic!("{done:?}"),
    };
    let prompts: Vec<String> = done.prompts.iter().map(|prompt| format!(", asks {prompt}")).collect();
    effect + &prompts.concat()
}

fn list(device: &Device) -> String {
    let item = &device.profile_list()[0];
    format!(
        "{} removal_disallowed={} has_removal_passcode={}",
        item.identifier, item.removal_disallowed, item.has_removal_passcode
    )
}

/// `ios 17 s`, with profiles that are there since day 0.
fn device(on: &str, policies: &str, state: &[&str]) -> Device {
    let mut words = on.split(' ');
    let platform = match words.next().unwrap() {
        "ios" => Platform::Ios,
        "macos" => Platform::Macos,
        "tvos" => Platform::Tvos,
        other => panic!("{other}"),
    };
    let version: OsVersion = words.next().unwrap().parse().unwrap();
    let mut device = Device::new(Os { platform, version }, words.next() == Some("s"));
    for (name, value) in policies.split(' ').filter_map(|choice| choice.split_once('=')) {
        match (name, value) {
            ("preset", "ios-10-11") => device.policies = Policies::ios_10_11(),
            ("enrolment", "user") => device.enrolment = profile_kit::Enrolment::User,
            ("enrolment", _) => device.enrolment = profile_kit::Enrolment::SharedIpad,
            _ => device.policies.set(name, value).unwrap(),
        }
    }
    for words in state {
        device = match words.strip_prefix("pending ") {
            Some(words) => device.download(&arrival(words).0, day(0)).device,
            None => {
                let (arrival, managed) = arrival(words);
                let act = if managed { Act::by_mdm(day(0)) } else { Act::by_hand(day(0)) };
                device.with(&arrival, &act)
            }
        };
    }
    device
}

/// A profile from its words, and whether it is managed.
fn arrival(words: &str) -> (Arrival, bool) {
    let mut words = words.split(' ');
    let mut profile = Profile::new(words.next().unwrap(), "Test");
    let (mut signature, mut managed, mut bare) = (Signature::Unsigned, false, false);
    let (mut without, mut numbered) = (None, None);
    for word in words {
        let (name, value) = word.split_once('=').unwrap_or((word, ""));
        match name {
            "locked" => set(&mut profile, "PayloadRemovalDisallowed", true.into()),
            "flag" => set(&mut profile, "PayloadRemovalDisallowed", value.into()),
            "hint" => set(&mut profile, "HasRemovalPasscode", true.into()),
            "uuid" => set(&mut profile, "PayloadUUID", value.into()),
            "scope" => set(&mut profile, "PayloadScope", value.into()),
            "version" => set(&mut profile, "PayloadVersion", Value::Integer(value.parse::<i64>().unwrap().into())),
            "type" => set(&mut profile, "TargetDeviceType", Value::Integer(value.parse::<i64>().unwrap().into())),
            "date" => set(&mut profile, "RemovalDate", date(value)),
            "expiration" => set(&mut profile, "PayloadExpirationDate", date(value)),
            "duration" => set(&mut profile, "DurationUntilRemoval", number(value)),
            "consent" => set(&mut profile, "ConsentText", Value::Dictionary(plist::Dictionary::new())),
            "encrypted" => {
                let mut keys = profile.to_dictionary();
                keys.retain(|key, _| key != "PayloadContent");
                keys.insert("EncryptedPayloadContent".into(), Value::Data(vec![0x30]));
                keys.insert("IsEncrypted".into(), true.into());
                profile = Profile::from_dictionary(keys).unwrap();
                bare = true;
            }
            "bare" => bare = true,
            "managed" => managed = true,
            "broken" => signature = Signature::Broken(Verdict::DigestMismatch),
            "signed" => signature = self::signature(value),
            "server" => profile.payloads_mut()[0].insert("ServerURL", value),
            "identity" => profile.payloads_mut()[0].insert("IdentityCertificateUUID", value),
            "check-in" => profile.payloads_mut()[0].insert("CheckInURL", value),
            "twins" => {
                let uuid = profile.payloads()[0].uuid().unwrap().to_owned();
                profile.payloads_mut()[1].insert("PayloadUUID", uuid);
            }
            "payload-without" => without = Some(value.to_owned()),
            "payload-number" => numbered = Some(value.to_owned()),
            _ => profile.push(payload(name, value)),
        }
    }
    if profile.payloads().is_empty() && !bare {
        profile.push(named("plain", "1"));
    }
    profile.fill_uuids(UuidSource::Content);
    if let Some(key) = without {
        profile.payloads_mut()[0].remove(&key);
    }
    if let Some(key) = numbered {
        profile.payloads_mut()[0].insert(key, Value::Integer(1.into()));
    }
    (Arrival::new(profile, signature), managed)
}

fn signature(name: &str) -> Signature {
    Signature::Signed { certificates: CERTIFICATES.of(name), plain: true }
}

fn payload(name: &str, value: &str) -> Payload {
    let of = |kind: &str, key: &str, value: Value| {
        let mut payload = Payload::new(kind);
        payload.insert(key.to_owned(), value);
        payload
    };
    match name {
        "password" => of("com.apple.profileRemovalPassword", "RemovalPassword", value.into()),
        "empty" => of("com.apple.profileRemovalPassword", "RemovalPassword", "".into()),
        "absent" => Payload::new("com.apple.profileRemovalPassword"),
        "password-number" => of("com.apple.profileRemovalPassword", "RemovalPassword", Value::Integer(1.into())),
        "forbids" => of("com.apple.applicationaccess", value, false.into()),
        "passcode" => Payload::new("com.apple.mobiledevice.passwordpolicy"),
        "mdm" => {
            let mut payload = of("com.apple.mdm", "Topic", value.into());
            payload.insert("ServerURL", "https://mdm.example");
            payload.insert("IdentityCertificateUUID", "8C1A4E4A-7F0B-4E0B-9F7A-2D8A36C0D001");
            payload
        }
        "payload" => {
            let (name, uuid) = value.split_once('/').unwrap();
            named(name, uuid)
        }
        "payload-version" => of("com.example.plain", "PayloadVersion", Value::Integer(2.into())),
        other => panic!("{other}"),
    }
}

fn named(name: &str, uuid: &str) -> Payload {
    let mut payload = Payload::new("com.example.plain");
    payload.insert("PayloadIdentifier", name);
    payload.insert("PayloadUUID", format!("{name}-{uuid}"));
    payload
}

fn set(profile: &mut Profile, key: &'static str, value: Value) {
    profile.set(key, value).unwrap();
}

fn date(days: &str) -> Value {
    Value::Date(Date::from(day(days.parse().unwrap())))
}

fn number(text: &str) -> Value {
    match text.parse::<u64>() {
        Ok(whole) => Value::Integer(whole.into()),
        Err(_) => Value::Real(text.parse().unwrap()),
    }
}

fn day(days: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(1_700_000_000 + days * 86_400)
}

/// Chains, the leaf first.
struct Certificates {
    signer: Issued,
    a: Vec<Certificate>,
    renewed: Vec<Certificate>,
    b: Vec<Certificate>,
    c: Vec<Certificate>,
}

impl Certificates {
    fn of(&self, name: &str) -> Vec<Certificate> {
        match name {
            "A" => self.a.clone(),
            "renewed" => self.renewed.clone(),
            "B" => self.b.clone(),
            "C" => self.c.clone(),
            other => panic!("{other}"),
        }
    }
}

static CERTIFICATES: LazyLock<Certificates> = LazyLock::new(|| {
    let validity = Validity::days(day(0), 1000);
    let leaf = |name: &str| Leaf::new(name, KeySpec::P256, validity);
    let issuer = Authority::new("Issuer", KeySpec::P256, validity).unwrap();
    let stranger = Authority::new("Stranger", KeySpec::P256, validity).unwrap();
    let a = issuer.issue(&leaf("A")).unwrap();
    let chain = |leaf: &Issued, issuer: &Authority| vec![leaf.certificate().clone(), issuer.certificate().clone()];
    Certificates {
        renewed: chain(&issuer.reissue(&leaf("A"), &a).unwrap(), &stranger),
        b: chain(&issuer.issue(&leaf("B")).unwrap(), &issuer),
        c: chain(&stranger.issue(&leaf("C")).unwrap(), &stranger),
        a: chain(&a, &issuer),
        signer: a,
    }
});
