//! Keys, and devices with a profile of 4 KB for each.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use profile_kit::{
    Payload, Profile, Removal, Template,
    payload::{Restrictions, WebClip, Wifi},
    pki::{Authority, Issued, KeySpec, Leaf, Validity},
    spec,
};

pub const KEYS: [(&str, KeySpec); 2] = [("RSA-2048", KeySpec::Rsa(2048)), ("P-256", KeySpec::P256)];

pub fn now() -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(1_893_456_000)
}

/// A root, and a signer below an intermediate, all with keys of one kind.
pub fn pki(key: KeySpec) -> (Authority, Issued) {
    let validity = Validity::days(now() - Duration::from_secs(86_400), 3_652);
    let root = Authority::new("Root", key, validity).unwrap();
    let issuing = root.intermediate("Issuing", key, validity).unwrap();
    let signer = issuing.issue(&Leaf::new("Signer", key, validity)).unwrap();
    (root, signer)
}

/// A device of a generated fleet.
pub struct Device {
    pub serial: String,
    pub udid: String,
    pub owner: String,
    pub passphrase: String,
}

impl Device {
    pub fn numbered(number: usize) -> Self {
        Self {
            serial: format!("C02{number:09}"),
            udid: format!("00008030-{:016X}", number * 2_654_435_761),
            owner: format!("社員 {number} <staff>"),
            passphrase: format!("correct horse {number}"),
        }
    }

    /// The values in the order of [`template`]'s placeholders: by name.
    pub fn row(&self) -> [Option<&str>; 4] {
        [Some(&self.owner), Some(&self.passphrase), Some(&self.serial), Some(&self.udid)]
    }
}

pub fn template() -> Template {
    spec::read(SPEC).unwrap()
}

pub const SPEC: &str = include_str!("fleet.toml");

/// The profile that the spec describes, from structs.
pub fn profile(device: &Device) -> Profile {
    let Device { serial, udid, owner, passphrase } = device;
    let mut profile = Profile::new("jp.example.ivi-mdm", "IVI MDM");
    profile.set("PayloadDescription", format!("Management of device {serial} of {owner}")).unwrap();
    profile.set("PayloadOrganization", "Example").unwrap();
    profile.set_removal(Removal::Disallowed);
    profile.push(Restrictions {
        allow_camera: Some(false),
        allow_screen_shot: Some(false),
        allow_safari: Some(true),
        allow_app_installation: Some(false),
        allow_app_removal: Some(false),
        ..Restrictions::default()
    });
    for ssid in ["guests", "staff", "loans"] {
        profile.push(Wifi {
            ssid: Some(ssid.into()),
            encryption_type: Some("WPA2".into()),
            password: Some(passphrase.as_str().into()),
            ..Wifi::default()
        });
    }
    for (label, page) in [("Help desk", "help"), ("Lost and found", "lost")] {
        profile.push(WebClip {
            label: Some(label.into()),
            url: Some(format!("https://mdm.example.jp/{page}?serial={serial}&udid={udid}")),
            full_screen: Some(true),
            ..WebClip::default()
        });
    }
    profile.payloads_mut().iter_mut().for_each(|payload| describe(payload, serial));
    profile
}

fn describe(payload: &mut Payload, serial: &str) {
    let kind = payload.kind().unwrap_or_default().to_owned();
    payload.insert("PayloadDisplayName", kind);
    payload.insert("PayloadDescription", format!("Managed, for {serial}"));
}
