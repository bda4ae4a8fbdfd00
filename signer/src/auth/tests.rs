use std::path::Path;

use zeroize::Zeroizing;

use super::*;
use crate::{
    Config,
    fixture::signer,
    role::{Admin, Issue, Overwrite, Read, Report, Role, RoleType},
    token::Token,
};

fn token(seed: u8) -> Token {
    Token::from_random(&Zeroizing::new([seed; 32]))
}

fn authenticator(callers: &str) -> Authenticator {
    let text = format!(
        "[listen]\nunix = {{ path = \"s\" }}\n\
         tls = {{ address = \"127.0.0.1:0\", certificate = \"c\", key = {{ file = \"k\" }}, client_ca = \"ca\" }}\n\
         [admin]\nsocket = \"a\"\n\
         [ledger]\npath = \"l\"\nseal_key = {{ file = \"k\" }}\nparameter_key = {{ file = \"k\" }}\n\
         [audit]\ncheckpoint_key = {{ file = \"k\" }}\ncheckpoints = \"c\"\n{callers}"
    );
    let config = Config::from_text(&text, Path::new("signer.toml"), None);
    Authenticator::new(&config.unwrap_or_else(|errors| panic!("{errors:#?}")).callers)
}

fn one(proof: &str) -> Authenticator {
    authenticator(&format!("[[caller]]\nname = \"core\"\nroles = [\"read\"]\n{proof}\n"))
}

fn by_token(authenticator: &Authenticator, token: &str) -> Result<Caller, Refusal> {
    authenticator.who(Credentials { peer: &Peer::Unknown, bearer: Some(token) })
}

fn by_peer(authenticator: &Authenticator, peer: &Peer) -> Result<Caller, Refusal> {
    authenticator.who(Credentials { peer, bearer: None })
}

#[test]
fn who_brings_nothing_is_nobody() {
    assert_eq!(by_peer(&one("uid = 7"), &Peer::Unknown), Err(Refusal::Unauthenticated));
}

#[test]
fn a_process_is_known_by_its_user() {
    let authenticator = one("uid = 7");
    assert_eq!(by_peer(&authenticator, &Peer::Uid(7)).unwrap().name(), "core");
    assert_eq!(by_peer(&authenticator, &Peer::Uid(0)), Err(Refusal::Unauthenticated));
}

#[test]
fn a_client_is_known_by_its_certificate() {
    let (own, other) = (signer("Core"), signer("Core"));
    let authenticator = one(&format!("certificate_sha256 = [\"{}\"]", own.certificate().fingerprint()));
    assert!(by_peer(&authenticator, &Peer::from_certificate(own.certificate())).is_ok());
    let refusal = by_peer(&authenticator, &Peer::from_certificate(other.certificate()));
    assert_eq!(refusal, Err(Refusal::Unauthenticated));
}

#[test]
fn a_client_is_known_by_its_whole_subject() {
    let authenticator = one("certificate_subject = \"CN=Core\"");
    assert!(by_peer(&authenticator, &Peer::from_certificate(signer("Core").certificate())).is_ok());
    for name in ["Core 2", "core", "Cor"] {
        let peer = Peer::from_certificate(signer(name).certificate());
        assert_eq!(by_peer(&authenticator, &peer), Err(Refusal::Unauthenticated), "{name}");
    }
}

#[test]
fn both_tokens_of_a_rotation_are_valid() {
    let (old, new) = (token(1), token(2));
    let authenticator = one(&format!("token_sha256 = [\"{}\", \"{}\"]", old.digest(), new.digest()));
    for token in [&old, &new] {
        assert_eq!(by_token(&authenticator, token.reveal()).unwrap().name(), "core");
    }
    assert_eq!(by_token(&authenticator, token(3).reveal()), Err(Refusal::Unauthenticated));
}

#[test]
fn the_digest_is_not_a_token() {
    let authenticator = one(&format!("token_sha256 = [\"{}\"]", token(1).digest()));
    assert!(by_token(&authenticator, &token(1).digest().to_string()).is_err());
    assert!(by_token(&authenticator, "").is_err());
}

#[test]
fn a_short_token_is_not_taken_although_its_digest_is_known() {
    let authenticator = one(&format!("token_sha256 = [\"{}\"]", token::digest("hunter2")));
    assert_eq!(by_token(&authenticator, "hunter2"), Err(Refusal::Unauthenticated));
}

#[test]
fn a_wrong_token_does_not_fall_back_to_the_peer() {
    let authenticator = one("uid = 7");
    let credentials = Credentials { peer: &Peer::Uid(7), bearer: Some(&"x".repeat(40)) };
    assert_eq!(authenticator.who(credentials), Err(Refusal::Unauthenticated));
}

#[test]
fn a_token_goes_before_the_peer() {
    let authenticator = authenticator(&format!(
        "[[caller]]\nname = \"a\"\nroles = [\"read\"]\nuid = 7\n\
         [[caller]]\nname = \"b\"\nroles = [\"read\"]\ntoken_sha256 = [\"{}\"]\n",
        token(1).digest()
    ));
    let token = token(1);
    let credentials = Credentials { peer: &Peer::Uid(7), bearer: Some(token.reveal()) };
    assert_eq!(authenticator.who(credentials).unwrap().name(), "b");
}

#[test]
fn credentials_do_not_show_the_token() {
    let shown = format!("{:?}", Credentials { peer: &Peer::Unknown, bearer: Some("hunter2") });
    assert!(!shown.contains("hunter2"), "{shown}");
}

/// Written by hand: which role (rows) has leave for what (columns, in the order of `ASKED`).
const ROLES: [(&str, &str); 5] = [
    // issue overwrite report read admin
    ("issue    ", "y - - - -"),
    ("overwrite", "- y - - -"),
    ("report   ", "- - y - -"),
    ("read     ", "- - - y -"),
    ("admin    ", "- - - - y"),
];

/// Written by hand: which scope (rows) covers which device and spec (columns, in the order of `PLACES`).
const SCOPES: [(&str, &str); 5] = [
    ("", "y y y y"),
    ("devices = [\"C02*\"]", "y y - -"),
    ("devices = []", "- - - -"),
    ("specs = [\"s\"]", "y - y -"),
    ("devices = [\"C02*\"]\nspecs = [\"s\"]", "y - - -"),
];

const PLACES: [(&str, Option<&str>); 4] = [("C02A", Some("s")), ("C02A", None), ("F9A", Some("s")), ("F9A", Some("t"))];

type Ask = fn(&Caller, &str, Option<&str>) -> bool;
const ASKED: [(Role, Ask); 5] = [
    (Role::Issue, leave::<Issue>),
    (Role::Overwrite, leave::<Overwrite>),
    (Role::Report, leave::<Report>),
    (Role::Read, leave::<Read>),
    (Role::Admin, leave::<Admin>),
];

fn leave<R: RoleType>(caller: &Caller, device: &str, spec: Option<&str>) -> bool {
    caller.may::<R>(&device.parse().unwrap(), spec).is_ok()
}

#[test]
fn every_kind_of_caller_in_every_role_and_scope_has_the_leave_of_the_table_and_no_other() {
    let issued = signer("Core");
    let (own, key) = (Peer::from_certificate(issued.certificate()), token(1));
    let kinds = [
        ("uid = 7".to_owned(), &Peer::Uid(7), None),
        (format!("certificate_sha256 = [\"{}\"]", issued.certificate().fingerprint()), &own, None),
        ("certificate_subject = \"CN=Core\"".to_owned(), &own, None),
        (format!("token_sha256 = [\"{}\"]", key.digest()), &Peer::Unknown, Some(key.reveal())),
    ];
    let mut asked = 0;
    for (proof, peer, bearer) in &kinds {
        for ((role, leaves), (scope, covered)) in pairs() {
            let callers = format!(
                "[[identity]]\nname = \"i\"\nstate = \"active\"\ncertificate = \"c\"\nkey = {{ file = \"k\" }}\n\
                 [[spec]]\nname = \"s\"\nfile = \"s\"\nidentity = \"i\"\n\
                 [[caller]]\nname = \"core\"\nroles = [\"{}\"]\n{proof}\n{scope}\n",
                role.trim()
            );
            let caller = authenticator(&callers).who(Credentials { peer, bearer: *bearer }).unwrap();
            for ((wanted, ask), leave) in ASKED.iter().zip(leaves.split(' ')) {
                for ((device, spec), covers) in PLACES.iter().zip(covered.split(' ')) {
                    let expected = leave == "y" && covers == "y";
                    let case = format!("{proof} as {role} within {scope:?}: {wanted} {device} {spec:?}");
                    assert_eq!(ask(&caller, device, *spec), expected, "{case}");
                    asked += 1;
                }
            }
        }
    }
    assert_eq!(asked, 4 * 5 * 5 * 5 * 4);
}

type Row = (&'static str, &'static str);

fn pairs() -> impl Iterator<Item = (Row, Row)> {
    ROLES.into_iter().flat_map(|role| SCOPES.into_iter().map(move |scope| (role, scope)))
}
