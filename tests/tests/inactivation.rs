//! The whole inactivation by the daemon: devices of the device model are enrolled, locked and freed over HTTP, and every
//! warning of the procedure is told in time.
#![allow(clippy::unwrap_used, reason = "a test may fail by panic")]

use std::time::Duration;

use interop::service::{Answer, Service};
use plist::{Dictionary, Value as Plist};
use profile_kit::{
    Arrival, Device, Os, Profile, SignedProfile,
    device::{Act, Effect, Refusal},
    document,
    payload::Mdm,
};
use serde_json::{Value, json};

const IDENTIFIER: &str = "jp.example.ivi-mdm";
const SPEC: &str = "format = 1
identifier = \"jp.example.ivi-mdm\"
display_name = \"IVI MDM\"
removal = \"disallowed\"
[[payload]]
type = \"com.apple.applicationaccess\"
settings = { allowAppInstallation = false }
";
const MDM: &str = "jp.example.mdm";

/// A service, and a supervised device of iOS 17 that is enrolled with it.
struct Story {
    service: Service,
    device: Device,
    /// The issuance of the locked profile.
    locked: String,
}

impl Story {
    fn new() -> Self {
        let service = Service::start(SPEC);
        let device = Device::new(Os::ios(17), true);
        let mut story = Self { service, device, locked: String::new() };
        story.enrol();
        story
    }

    /// The Apple MDM profile, and the IVI MDM profile beside it; the MDM core hears that it is installed.
    fn enrol(&mut self) {
        let at = self.service.now();
        let mdm = Mdm {
            identity_certificate_uuid: Some("8B2B2C52-5B1B-4B4C-8E0C-0A0B0C0D0E0F".into()),
            topic: Some("com.apple.mgmt.example".into()),
            server_url: Some("https://mdm.example.jp/".into()),
            ..Mdm::default()
        };
        let mut profile = Profile::new(MDM, "モバイルデバイス管理");
        profile.push(mdm);
        profile.fill_uuids(Default::default());
        self.device = self.device.clone().with(&Arrival::unsigned(profile), &Act::by_hand(at));
        let answer = self.service.post("/v1/devices/C02A/profiles/ivi", &json!({})).done();
        self.locked = id(&answer);
        self.install(&answer.body);
        self.acknowledge(&self.locked.clone());
    }

    /// The owner downloads a profile and installs it: whether it replaces what is there.
    fn install(&mut self, bytes: &[u8]) -> bool {
        let at = self.service.now();
        let downloaded = self.device.download(&Arrival::from_bytes(bytes).unwrap(), at).device;
        let done = downloaded.install_pending(&Act::by_hand(at)).unwrap();
        self.device = done.device;
        matches!(done.effect, Effect::Replaced { .. })
    }

    fn acknowledge(&self, issuance: &str) {
        let path = format!("/v1/issuances/{issuance}/acknowledgement");
        self.service.post(&path, &json!({ "status": "Acknowledged" })).done();
    }

    /// The device's answer to `ProfileList` reaches the record.
    fn report(&self) -> Value {
        let items = self.device.profile_list().iter().map(|item| Plist::Dictionary(item.to_dictionary())).collect();
        let answer =
            Dictionary::from_iter([("Status", Plist::from("Acknowledged")), ("ProfileList", Plist::Array(items))]);
        let body = document::to_xml(&answer).unwrap();
        self.service.post_bytes("/v1/devices/C02A/profile-list", "application/xml", &body).done().json()
    }

    fn overwrite(&self) -> Answer {
        let target = json!({ "platform": "ios", "os": "17.4", "supervised": true });
        let body = json!({ "removal_password": "auto", "target": target });
        self.service.post(&format!("/v1/devices/C02A/profiles/{IDENTIFIER}/overwrite"), &body).done()
    }

    fn remove(&mut self, identifier: &str) -> Result<(), Refusal> {
        let done =
            self.device.remove(identifier, &Act::by_hand(self.service.now())).map_err(|refused| refused.refusal)?;
        self.device = done.device;
        Ok(())
    }

    /// Of the one profile of the device.
    fn diagnosis(&self) -> Diagnosis {
        let path = "/v1/devices/C02A/diagnosis?platform=ios&os=17.4&supervised=true";
        Diagnosis(self.service.get(path).done().json()["profiles"][0].clone())
    }
}

struct Diagnosis(Value);

impl Diagnosis {
    fn standing(&self) -> &str {
        self.0["standing"].as_str().unwrap()
    }

    fn reason(&self) -> &str {
        self.0["reasons"][0]["code"].as_str().unwrap()
    }

    fn warning(&self, name: &str) -> Option<&Value> {
        self.0["warnings"].as_array().unwrap().iter().find(|warning| warning["warning"] == name)
    }

    /// What is left to do, in order.
    fn next(&self) -> Vec<&str> {
        self.0["next"].as_array().unwrap().iter().map(|action| action["action"].as_str().unwrap()).collect()
    }

    fn steps(&self, action: usize) -> Vec<&str> {
        self.0["next"][action]["steps"].as_array().unwrap().iter().map(|step| step.as_str().unwrap()).collect()
    }
}

fn id(answer: &Answer) -> String {
    answer.headers["issuance-id"].clone()
}

fn leaf(bytes: &[u8]) -> Vec<u8> {
    let verified = SignedProfile::from_bytes(bytes.to_vec()).unwrap().verify_integrity().unwrap();
    verified.leaf().der().to_vec()
}

#[test]
fn a_device_is_enrolled_locked_and_freed_after_the_key_was_rotated_and_its_certificate_had_ended() {
    let mut story = Story::new();
    let first = leaf(&story.service.get(&format!("/v1/issuances/{}/profile", story.locked)).done().body);
    assert_eq!(story.remove(IDENTIFIER), Err(Refusal::Locked));

    story.service.rotate("second", &["first"]);
    assert_eq!(story.service.stranded(), 0);
    story.service.pass(Duration::from_secs(400 * 86_400));
    let found = story.diagnosis();
    assert_eq!((found.standing(), found.reason()), ("locked", "never-offered"));
    assert!(found.0["reasons"].to_string().contains("certificate-ended"));

    let overwrite = story.overwrite();
    assert_eq!(overwrite.headers["issuance-evidence"], "acknowledged");
    assert_eq!(overwrite.headers["issuance-verdict"], "frees");
    assert_eq!(leaf(&overwrite.body), first);
    let told = story.service.get(&format!("/v1/issuances/{}", id(&overwrite))).done().json();
    assert_eq!((&told["form"], &told["of"]), (&json!("omitted"), &json!(story.locked)));
    assert_eq!(story.diagnosis().reason(), "offered");

    assert!(story.install(&overwrite.body));
    story.acknowledge(&id(&overwrite));
    let found = story.diagnosis();
    assert_eq!((found.standing(), found.next()[0]), ("deletable", "delete-mdm-profile"));

    story.remove(MDM).unwrap();
    story.remove(IDENTIFIER).unwrap();
    assert_eq!(story.device.installed, []);
    assert_eq!(story.report()["absent"], json!([IDENTIFIER]));
    let found = story.diagnosis();
    assert_eq!((found.standing(), found.next()), ("free", vec!["delete-app", "close"]));
    assert_eq!(story.service.get("/v1/devices/C02A/diagnosis").done().json()["free"], json!(true));
}

#[test]
fn what_is_enrolled_after_the_rotation_is_signed_by_the_new_key_and_freed_by_it() {
    let mut story = Story::new();
    let old = leaf(&story.service.get(&format!("/v1/issuances/{}/profile", story.locked)).done().body);
    story.service.rotate("second", &["first"]);
    story.device = Device::new(Os::ios(17), true);
    story.report();
    story.enrol();
    let overwrite = story.overwrite();
    assert_ne!(leaf(&overwrite.body), old);
    assert!(story.install(&overwrite.body));
    story.remove(IDENTIFIER).unwrap();
}

/// W1: the console has let the device go, and no removal profile was ever offered to it.
#[test]
fn w1_a_forced_inactivation_is_warned_of_and_what_is_recorded_still_frees() {
    let mut story = Story::new();
    let found = story.diagnosis();
    assert_eq!(found.reason(), "never-offered");
    assert!(found.warning("W1").is_some());
    assert_eq!(found.next()[0], "inactivate");
    assert!(found.steps(0).contains(&"S1.4") && found.steps(0).contains(&"S1.7"));
    // Whoever has not forgotten the device is this record.
    let overwrite = story.overwrite();
    story.install(&overwrite.body);
    story.remove(IDENTIFIER).unwrap();
}

/// W2: the install page is not reached; what was downloaded is dropped after eight minutes.
#[test]
fn w2_an_overwrite_that_did_not_get_there_is_offered_again() {
    let mut story = Story::new();
    let overwrite = story.overwrite();
    let arrival = Arrival::from_bytes(&overwrite.body).unwrap();
    let waiting = story.device.download(&arrival, story.service.now()).device;
    story.service.pass(Duration::from_secs(9 * 60));
    let refused = waiting.install_pending(&Act::by_hand(story.service.now())).unwrap_err();
    assert_eq!(refused.refusal, Refusal::NothingPending);
    let found = story.diagnosis();
    assert_eq!((found.reason(), found.next()[0]), ("offered", "install-overwrite"));
    let then = &found.warning("W2").unwrap()["then"];
    assert_eq!((&then[0]["action"], &then[2]["action"]), (&json!("enrol-again"), &json!("inactivate")));
    let again = story.service.get(&format!("/v1/issuances/{}/profile", id(&overwrite))).done();
    assert_eq!(again.body, overwrite.body);
    assert!(story.install(&again.body));
}

/// W3: the install of the removal profile was cancelled, and no delete button shows.
#[test]
fn w3_an_overwrite_that_was_never_installed_means_to_enrol_again_and_begin_from_the_start() {
    let mut story = Story::new();
    let cancelled = story.overwrite();
    assert_eq!(story.remove(IDENTIFIER), Err(Refusal::Locked));
    story.report();
    let found = story.diagnosis();
    assert_eq!((found.standing(), found.reason()), ("locked", "not-installed"));
    assert_eq!(found.next()[..3], ["enrol-again", "activate", "inactivate"]);
    assert_eq!((found.steps(0), found.steps(2)[0]), (vec!["W3"], "S1.1"));

    story.enrol();
    assert_eq!(story.diagnosis().reason(), "never-offered");
    let overwrite = story.overwrite();
    assert_ne!(id(&overwrite), id(&cancelled));
    assert!(story.install(&overwrite.body));
    story.remove(IDENTIFIER).unwrap();
}

/// W4: the App Store is restricted, so that the client app would not come back.
#[test]
fn w4_the_client_app_goes_last_as_long_as_the_profile_is_there() {
    let mut story = Story::new();
    let last = |found: &Diagnosis| {
        assert_eq!(found.warning("W4").unwrap()["keys"], json!(["allowAppInstallation"]));
        let place = |word| found.next().iter().position(|action| *action == word).unwrap();
        assert!(place("delete-profile") < place("delete-app"));
    };
    last(&story.diagnosis());
    let overwrite = story.overwrite();
    last(&story.diagnosis());
    story.install(&overwrite.body);
    story.report();
    last(&story.diagnosis());
    story.remove(MDM).unwrap();
    story.remove(IDENTIFIER).unwrap();
    story.report();
    let found = story.diagnosis();
    assert!(found.warning("W4").is_none());
    assert_eq!(found.next()[0], "delete-app");
}

/// S2.6 before S2.4: the MDM does not reach the device any more.
#[test]
fn in_the_wrong_order_the_profile_stays_and_the_record_still_frees_it() {
    let mut story = Story::new();
    story.remove(MDM).unwrap();
    assert_eq!(story.remove(IDENTIFIER), Err(Refusal::Locked));
    assert_eq!(story.diagnosis().reason(), "never-offered");
    let overwrite = story.overwrite();
    story.install(&overwrite.body);
    story.report();
    assert_eq!(story.diagnosis().standing(), "deletable");
    story.remove(IDENTIFIER).unwrap();
}

/// S2.7 before S2.6 does no harm.
#[test]
fn the_ivi_profile_may_go_before_the_apple_profile_once_the_overwrite_is_in_its_place() {
    let mut story = Story::new();
    let overwrite = story.overwrite();
    story.install(&overwrite.body);
    story.remove(IDENTIFIER).unwrap();
    story.report();
    assert_eq!(story.diagnosis().standing(), "free");
    story.remove(MDM).unwrap();
}
