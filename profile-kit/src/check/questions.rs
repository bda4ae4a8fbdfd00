//! What an install by hand asks the owner: passcodes, names and passwords that a payload lacks, consent (section 3).

use plist::Value;

use super::{Code, Finding, Findings, Severity, removal};
use crate::{
    InstalledBy, KeyPath, Payload, Profile, Target,
    document::Entries,
    key_path::Trail,
    payload::{PasscodePolicy, TypedPayload},
};

/// Nothing is asked where an MDM installs. In a locked profile it matters more: the overwrite asks the same again.
pub(super) fn check(profile: &Profile, target: &Target, findings: &mut Findings) {
    if target.installed_by == Some(InstalledBy::Mdm) {
        return;
    }
    let severity = if removal::may_lock(profile) { Severity::Warning } else { Severity::Note };
    consent(profile, findings);
    for (place, payload) in profile.placed() {
        if payload.kind() == Some(PasscodePolicy::TYPE) {
            let message = "asks the owner of a device that does not meet it for a passcode";
            findings.push(Finding::new(Code::PasscodeAsked, place.path(), message).of_severity(severity));
        }
        for question in QUESTIONS.iter().filter(|question| payload.kind() == Some(question.kind)) {
            ask(question, payload, &place, severity, findings);
        }
    }
}

fn consent(profile: &Profile, findings: &mut Findings) {
    let text = profile.get("ConsentText").and_then(Value::as_dictionary);
    if text.is_some_and(|text| !text.is_empty()) {
        let message = "asks the owner to agree before the install";
        findings.push(Finding::new(Code::ConsentAsked, KeyPath::root().key("ConsentText"), message));
    }
}

fn ask(question: &Question, payload: &Payload, place: &Trail<'_>, severity: Severity, findings: &mut Findings) {
    let whole = payload.entries();
    let (keys, place) = match question.inside {
        None => (Some(whole), *place),
        Some(inside) => {
            (whole.get(inside).and_then(Value::as_dictionary).map(Entries::from), Trail::Key(place, inside))
        }
    };
    let Some(keys) = keys.filter(|keys| (question.when)(whole, *keys)) else { return };
    for missing in question.keys.iter().filter(|key| !keys.contains_key(key)) {
        let message = "is missing: an install by hand asks the owner for it";
        findings.push(Finding::new(Code::ValueAsked, place.key(missing), message).of_severity(severity));
    }
}

/// Keys whose absence makes a device ask.
struct Question {
    kind: &'static str,
    /// The dictionary of the payload that has the keys; the payload itself if none is named.
    inside: Option<&'static str>,
    keys: &'static [&'static str],
    /// Whether the rest of the payload, and of the dictionary inside it, needs the keys.
    when: fn(Entries<'_>, Entries<'_>) -> bool,
}

const fn of(kind: &'static str, keys: &'static [&'static str], when: fn(Entries<'_>, Entries<'_>) -> bool) -> Question {
    Question { kind, inside: None, keys, when }
}

const fn inside(
    kind: &'static str,
    inside: &'static str,
    keys: &'static [&'static str],
    when: fn(Entries<'_>, Entries<'_>) -> bool,
) -> Question {
    Question { kind, inside: Some(inside), keys, when }
}

/// Apple's schema says of mail, Exchange and Kerberos that the device asks; of the others the field knows it. Accounts
/// without a name are open to all, and a VPN or network with a certificate needs no password.
const QUESTIONS: &[Question] = &[
    of("com.apple.mail.managed", &["EmailAddress"], |_, _| true),
    of("com.apple.mail.managed", &["IncomingMailServerUsername", "IncomingPassword"], |mail, _| {
        logs_in(mail, "IncomingMailServerAuthentication")
    }),
    of("com.apple.mail.managed", &["OutgoingMailServerUsername"], |mail, _| {
        logs_in(mail, "OutgoingMailServerAuthentication")
    }),
    of("com.apple.mail.managed", &["OutgoingPassword"], |mail, _| {
        logs_in(mail, "OutgoingMailServerAuthentication") && !is_on(mail, "OutgoingPasswordSameAsIncomingPassword")
    }),
    of("com.apple.eas.account", &["EmailAddress", "UserName"], |_, _| true),
    of("com.apple.eas.account", &["Password"], |account, _| has_no_other_proof(account)),
    of("com.apple.ews.account", &["EmailAddress", "UserName"], |_, _| true),
    of("com.apple.ews.account", &["Password"], |account, _| has_no_other_proof(account)),
    of("com.apple.caldav.account", &["CalDAVUsername", "CalDAVPassword"], |_, _| true),
    of("com.apple.carddav.account", &["CardDAVUsername", "CardDAVPassword"], |_, _| true),
    of("com.apple.ldap.account", &["LDAPAccountPassword"], |account, _| account.contains_key("LDAPAccountUserName")),
    of("com.apple.subscribedcalendar.account", &["SubCalAccountPassword"], |account, _| {
        account.contains_key("SubCalAccountUsername")
    }),
    of("com.apple.security.pkcs12", &["Password"], |_, _| true),
    inside("com.apple.sso", "Kerberos", &["PrincipalName"], |_, _| true),
    of("com.apple.wifi.managed", &["Password"], |network, _| {
        let ciphered = text(network, "EncryptionType").is_some_and(|kind| CIPHERED.contains(&kind));
        ciphered && !network.contains_key("EAPClientConfiguration")
    }),
    inside("com.apple.wifi.managed", "EAPClientConfiguration", &["UserName", "UserPassword"], |_, eap| {
        eap.get("AcceptEAPTypes").and_then(Value::as_array).is_some_and(|kinds| kinds.iter().any(asks_for_a_user))
            && !is_on(eap, "OneTimeUserPassword")
    }),
    inside(VPN, "IKEv2", &["SharedSecret"], |vpn, ike| {
        is_vpn(vpn, &["IKEv2"]) && text(ike, "AuthenticationMethod") == Some("SharedSecret")
    }),
    inside(VPN, "IKEv2", &["AuthName", "AuthPassword"], |vpn, ike| {
        is_vpn(vpn, &["IKEv2"]) && is_on(ike, "ExtendedAuthEnabled") && !ike.contains_key("PayloadCertificateUUID")
    }),
    inside(VPN, "IPSec", &["SharedSecret"], |vpn, ipsec| {
        is_vpn(vpn, &["IPSec", "L2TP"]) && text(ipsec, "AuthenticationMethod") != Some("Certificate")
    }),
    inside(VPN, "IPSec", &["XAuthName", "XAuthPassword"], |vpn, ipsec| {
        is_vpn(vpn, &["IPSec"]) && is_on(ipsec, "XAuthEnabled") && !ipsec.contains_key("XAuthPasswordEncryption")
    }),
    inside(VPN, "PPP", &["AuthName", "AuthPassword"], |vpn, ppp| {
        is_vpn(vpn, &["L2TP", "PPTP"]) && !is_on(ppp, "TokenCard")
    }),
];

const VPN: &str = "com.apple.vpn.managed";
/// Kinds of networks with a password; `Any` may be an open one.
const CIPHERED: &[&str] = &["WEP", "WPA", "WPA2", "WPA3"];

fn logs_in(mail: Entries<'_>, key: &str) -> bool {
    text(mail, key).is_some_and(|method| method != "EmailAuthNone")
}

fn has_no_other_proof(account: Entries<'_>) -> bool {
    !is_on(account, "OAuth") && !account.contains_key("PayloadCertificateUUID") && !account.contains_key("Certificate")
}

/// A payload may carry the settings of other kinds than its own: they ask nothing.
fn is_vpn(vpn: Entries<'_>, kinds: &[&str]) -> bool {
    text(vpn, "VPNType").is_some_and(|kind| kinds.contains(&kind))
}

/// LEAP, TTLS, PEAP and EAP-FAST know their user by name and password.
fn asks_for_a_user(kind: &Value) -> bool {
    matches!(kind.as_unsigned_integer(), Some(17 | 21 | 25 | 43))
}

fn text<'a>(keys: Entries<'a>, key: &str) -> Option<&'a str> {
    keys.get(key).and_then(Value::as_string)
}

/// True, or 1 where Apple counts.
fn is_on(keys: Entries<'_>, key: &str) -> bool {
    keys.get(key).is_some_and(|value| value.as_boolean() == Some(true) || value.as_unsigned_integer() == Some(1))
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use plist::Dictionary;

    use super::*;
    use crate::{Removal, check};

    fn dictionary(keys: &[(&'static str, Value)]) -> Dictionary {
        keys.iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect()
    }

    fn with(kind: &str, keys: &[(&'static str, Value)]) -> Profile {
        let mut profile = Profile::new("jp.example.ivi-mdm", "IVI MDM");
        let mut payload = Payload::new(kind);
        keys.iter().for_each(|(key, value)| payload.insert(*key, value.clone()));
        profile.push(payload);
        profile
    }

    fn asked(profile: &Profile, target: &Target) -> Vec<String> {
        let findings = check::check(profile, target, UNIX_EPOCH).into_iter();
        findings.filter(|finding| finding.code.asks_the_owner()).map(|finding| finding.path.to_string()).collect()
    }

    fn asked_by(kind: &str, keys: &[(&'static str, Value)]) -> Vec<String> {
        let paths = asked(&with(kind, keys), &Target::default());
        paths.into_iter().map(|path| path.replace("PayloadContent[0].", "")).collect()
    }

    #[test]
    fn nothing_is_asked_where_an_mdm_installs() {
        let profile = with(PasscodePolicy::TYPE, &[]);
        let by = |by| Target { installed_by: Some(by), ..Target::default() };
        assert_eq!(asked(&profile, &by(InstalledBy::Mdm)), [""; 0]);
        assert_eq!(asked(&profile, &by(InstalledBy::Hand)), ["PayloadContent[0]"]);
    }

    #[test]
    fn a_question_is_a_warning_where_an_overwrite_will_ask_it_again() {
        let mut profile = with("com.apple.security.pkcs12", &[]);
        let severity = |profile: &Profile| {
            let findings = check::check(profile, &Target::default(), UNIX_EPOCH).into_iter();
            findings.filter(|finding| finding.code.asks_the_owner()).map(|finding| finding.severity).next()
        };
        assert_eq!(severity(&profile), Some(Severity::Note));
        profile.set_removal(Removal::Disallowed);
        assert_eq!(severity(&profile), Some(Severity::Warning));
    }

    #[test]
    fn a_mail_account_asks_for_what_its_servers_want() {
        let account = [
            ("EmailAddress", "a@example.com".into()),
            ("IncomingMailServerAuthentication", "EmailAuthPassword".into()),
            ("IncomingMailServerUsername", "a".into()),
            ("OutgoingMailServerAuthentication", "EmailAuthNone".into()),
        ];
        assert_eq!(asked_by("com.apple.mail.managed", &account), ["IncomingPassword"]);
    }

    #[test]
    fn one_password_of_mail_serves_both_ways_if_it_says_so() {
        let account = [
            ("EmailAddress", "a@example.com".into()),
            ("OutgoingMailServerAuthentication", "EmailAuthPassword".into()),
            ("OutgoingMailServerUsername", "a".into()),
            ("OutgoingPasswordSameAsIncomingPassword", true.into()),
        ];
        assert_eq!(asked_by("com.apple.mail.managed", &account), [""; 0]);
        assert_eq!(asked_by("com.apple.mail.managed", &account[..3]), ["OutgoingPassword"]);
    }

    #[test]
    fn an_exchange_account_with_another_proof_asks_for_no_password() {
        let account = [("EmailAddress", "a@example.com".into()), ("UserName", "a".into()), ("OAuth", true.into())];
        assert_eq!(asked_by("com.apple.eas.account", &account), [""; 0]);
        assert_eq!(asked_by("com.apple.eas.account", &account[..2]), ["Password"]);
    }

    #[test]
    fn an_account_without_a_name_is_open() {
        let user = [("LDAPAccountUserName", "a".into())];
        assert_eq!(asked_by("com.apple.ldap.account", &[]), [""; 0]);
        assert_eq!(asked_by("com.apple.ldap.account", &user), ["LDAPAccountPassword"]);
        assert_eq!(asked_by("com.apple.subscribedcalendar.account", &[]), [""; 0]);
    }

    #[test]
    fn a_network_asks_for_its_password_if_it_has_one() {
        let kind = |kind: &str| [("EncryptionType", Value::from(kind))];
        assert_eq!(asked_by("com.apple.wifi.managed", &kind("WPA2")), ["Password"]);
        assert_eq!(asked_by("com.apple.wifi.managed", &kind("None")), [""; 0]);
        assert_eq!(asked_by("com.apple.wifi.managed", &kind("Any")), [""; 0]);
    }

    #[test]
    fn a_network_of_users_asks_for_one_unless_a_certificate_is_the_proof() {
        let eap = |kind: i64| {
            let eap = dictionary(&[("AcceptEAPTypes", Value::Array(vec![Value::Integer(kind.into())]))]);
            [("EncryptionType", "WPA2".into()), ("EAPClientConfiguration", Value::Dictionary(eap))]
        };
        let user = ["EAPClientConfiguration.UserName", "EAPClientConfiguration.UserPassword"];
        assert_eq!(asked_by("com.apple.wifi.managed", &eap(25)), user);
        assert_eq!(asked_by("com.apple.wifi.managed", &eap(13)), [""; 0]);
    }

    #[test]
    fn a_vpn_asks_for_what_its_kind_of_login_needs() {
        let vpn = |kind: &str, inside: &'static str, keys: &[(&'static str, Value)]| {
            let inner = Value::Dictionary(dictionary(keys));
            asked_by(VPN, &[("VPNType", kind.into()), (inside, inner)])
        };
        let secret = [("AuthenticationMethod", "SharedSecret".into())];
        let extended = [("AuthenticationMethod", "None".into()), ("ExtendedAuthEnabled", Value::Integer(1.into()))];
        assert_eq!(vpn("IKEv2", "IKEv2", &secret), ["IKEv2.SharedSecret"]);
        assert_eq!(vpn("IKEv2", "IKEv2", &extended), ["IKEv2.AuthName", "IKEv2.AuthPassword"]);
        assert_eq!(vpn("IKEv2", "IKEv2", &[("AuthenticationMethod", "Certificate".into())]), [""; 0]);
        assert_eq!(vpn("IPSec", "IPSec", &secret), ["IPSec.SharedSecret"]);
        assert_eq!(vpn("L2TP", "PPP", &[("AuthName", "a".into())]), ["PPP.AuthPassword"]);
    }

    #[test]
    fn settings_of_another_kind_of_vpn_ask_nothing() {
        let ipsec = [("VPNType", "VPN".into()), ("IPSec", Value::Dictionary(Dictionary::new()))];
        assert_eq!(asked_by(VPN, &ipsec), [""; 0]);
    }
}
