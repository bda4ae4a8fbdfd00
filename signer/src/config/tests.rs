use super::*;

const EXAMPLE: &str = include_str!("../../signer.example.toml");

/// What every configuration has.
const BASE: &str = r#"
[listen]
tcp = "127.0.0.1:0"
[admin]
socket = "admin.sock"
[ledger]
path = "ledger.db"
seal_key = { file = "seal" }
parameter_key = { file = "parameter" }
[audit]
checkpoint_key = { file = "checkpoint" }
checkpoints = "checkpoints.jsonl"
"#;

fn read(text: &str) -> Result<Config, Vec<ConfigError>> {
    Config::from_text(text, Path::new("/etc/signer/signer.toml"), Some(Path::new("/run/credentials/signer")))
}

fn good(rest: &str) -> Config {
    read(&format!("{BASE}{rest}")).unwrap_or_else(|errors| panic!("{errors:#?}"))
}

/// The errors as lines, without the file's name.
fn lines(text: &str) -> Vec<String> {
    let line = |error: &ConfigError| error.to_string().replace("/etc/signer/signer.toml:", "");
    read(text).unwrap_err().iter().map(line).collect()
}

/// The one error of what is added to a good configuration.
fn wrong(rest: &str) -> String {
    let mut lines = lines(&format!("{BASE}{rest}"));
    assert_eq!(lines.len(), 1, "{lines:#?}");
    lines.remove(0)
}

const IDENTITY: &str =
    "[[identity]]\nname = \"a\"\nstate = \"active\"\ncertificate = \"a.pem\"\nkey = { file = \"a.key\" }\n";
const SPEC: &str = "[[spec]]\nname = \"s\"\nfile = \"s.toml\"\nidentity = \"a\"\n";

fn caller(name: &str, rest: &str) -> String {
    format!("[[caller]]\nname = \"{name}\"\nroles = [\"overwrite\"]\n{rest}\n")
}

#[test]
fn the_example_loads_and_shows_the_defaults() {
    let config = read(EXAMPLE).unwrap_or_else(|errors| panic!("{errors:#?}"));
    assert_eq!(config.limits, Limits::default());
    assert_eq!(config.overwrites, Overwrites::default());
    assert_eq!(config.log, Log::default());
    assert_eq!((config.identities.len(), config.specs.len(), config.callers.len()), (3, 1, 4));
}

#[test]
fn what_is_left_out_has_its_default() {
    let config = good("");
    assert_eq!((config.limits, config.overwrites, config.log), Default::default());
}

#[test]
fn the_example_shows_every_key() {
    // A key that no section knows makes each say which it knows.
    let with_strangers: String = EXAMPLE
        .lines()
        .map(|line| match line.starts_with('[') {
            true => format!("{line}\nstranger = 1\n"),
            false => format!("{line}\n"),
        })
        .collect();
    let errors = lines(&format!("stranger = 1\n{with_strangers}"));
    assert_eq!(errors.len(), 1 + EXAMPLE.lines().filter(|line| line.starts_with('[')).count());
    for known in errors.iter().map(|error| error.split_once("known here are: ").unwrap().1) {
        for key in known.split(", ") {
            let shown = |line: &str| line.trim_start_matches("# ").starts_with(&format!("{key} = "));
            let section = |line: &str| line.trim_matches(['[', ']']).rsplit('.').next() == Some(key);
            assert!(EXAMPLE.lines().any(|line| shown(line) || section(line)), "{key}");
        }
    }
}

#[test]
fn a_line_less_or_twice_is_read_or_refused_with_a_place() {
    let all: Vec<&str> = EXAMPLE.lines().collect();
    for (index, line) in all.iter().enumerate() {
        let (before, after) = (all[..index].join("\n"), all[index + 1..].join("\n"));
        for text in [format!("{before}\n{after}"), format!("{before}\n{line}\n{line}\n{after}")] {
            for error in read(&text).err().into_iter().flatten() {
                assert!(!error.place.key.is_empty() || error.place.line.is_some(), "{error}");
            }
        }
    }
}

#[test]
fn deadlines_that_contradict_each_other_are_a_mistake() {
    assert!(wrong("[limits]\nbody_seconds = 60\n").contains("limits: total_seconds holds header_seconds"));
    let little = wrong("[limits]\nbody_bytes = 40_000_000\nbodies_bytes = 70_000_000\n");
    assert!(little.contains("limits: bodies_bytes is what all bodies have together"), "{little}");
}

#[test]
fn the_longest_uri_is_one_that_the_http_library_reads() {
    assert_eq!(good("[limits]\nuri_bytes = 65534\n").limits.uri_bytes, 65_534);
    assert!(wrong("[limits]\nuri_bytes = 65535\n").contains("limits.uri_bytes: is not from 512 to 65534"));
}

#[test]
fn relative_paths_start_at_the_file() {
    let config = good("");
    assert_eq!(config.ledger.path, Path::new("/etc/signer/ledger.db"));
    assert_eq!(config.ledger.seal_key.path, Path::new("/etc/signer/seal"));
}

#[test]
fn a_credential_is_in_systemds_folder() {
    let config = read(EXAMPLE).unwrap();
    assert_eq!(config.ledger.seal_key.path, Path::new("/run/credentials/signer/ledger-seal"));
    assert!(config.ledger.seal_key.credential);
}

#[test]
fn a_credential_without_systemd_is_a_mistake() {
    let errors = Config::from_text(EXAMPLE, Path::new("signer.toml"), None).unwrap_err();
    assert!(errors.iter().all(|error| error.problem.contains("CREDENTIALS_DIRECTORY is not set")), "{errors:#?}");
    assert_eq!(errors.len(), 5);
}

#[test]
fn a_credential_cannot_leave_systemds_folder() {
    for name in ["../seal", "..", ".", "a/b"] {
        let text = BASE.replace("{ file = \"seal\" }", &format!("{{ credential = \"{name}\" }}"));
        assert_eq!(lines(&text).len(), 1, "{name}");
    }
}

#[test]
fn tells_every_mistake_at_once_in_order_with_its_place() {
    let text = "colour = 1\n[listen]\ntcp = \"0.0.0.0:80\"\n[ledger]\npath = 7\nseal_key = \"hunter2\"\n\
                [[identity]]\nname = \"a b\"\nstate = \"asleep\"\n[limits]\nqueue = 0\nquue = 5\n";
    let lines = lines(text);
    let starts = [
        " admin: is missing",
        " audit: is missing",
        "1:1: colour: is not known; known here are: listen, admin,",
        "3:7: listen.tcp: is not a loopback address",
        "4:1: ledger.parameter_key: is missing",
        "5:8: ledger.path: is not a string",
        "6:12: ledger.seal_key: names no place",
        "7:1: identity[0].certificate: is missing",
        "7:1: identity[0].key: is missing",
        "8:8: identity[0].name: is no name",
        "9:9: identity[0].state: is none of: active, overwrite-only, gone",
        "11:9: limits.queue: is not from 1 to 1000000",
        "12:1: limits.quue: is not known; known here are: ",
    ];
    assert_eq!(lines.len(), starts.len(), "{lines:#?}");
    for (line, start) in lines.iter().zip(starts) {
        assert!(line.starts_with(start), "{line}\n{start}");
    }
}

#[test]
fn every_fault_of_the_syntax_has_its_place() {
    let lines = lines("[listen]\ntcp = \n[listen]\n");
    assert!(lines.len() == 2 && lines[0].starts_with("2:") && lines[1].starts_with("3:"), "{lines:#?}");
}

#[test]
fn a_secret_that_is_written_down_is_refused_and_not_shown() {
    for inline in ["\"hunter2\"", "{ value = \"hunter2\" }", "{ env = \"hunter2\" }", "[\"hunter2\"]", "{}"] {
        let lines = lines(&BASE.replace("{ file = \"seal\" }", inline));
        assert!(!lines.is_empty() && lines.iter().all(|line| !line.contains("hunter2")), "{lines:#?}");
    }
}

#[test]
fn a_token_in_the_place_of_its_digest_is_not_shown() {
    let line = wrong(&caller("core", "token_sha256 = [\"signer_hunter2\"]"));
    assert!(line.contains("caller[0].token_sha256[0]: is not a SHA-256 digest") && !line.contains("hunter2"), "{line}");
}

#[test]
fn a_secret_names_one_place() {
    let text = BASE.replace("{ file = \"seal\" }", "{ file = \"a\", credential = \"b\" }");
    assert!(lines(&text)[0].contains("ledger.seal_key: is either"), "{:?}", lines(&text));
}

#[test]
fn a_daemon_that_nobody_reaches_is_a_mistake() {
    assert!(lines(&BASE.replace("tcp = \"127.0.0.1:0\"", ""))[0].contains("listen: names no way to reach the daemon"));
}

#[test]
fn the_admin_socket_is_not_the_callers_socket() {
    let text = BASE.replace("tcp = \"127.0.0.1:0\"", "unix = { path = \"admin.sock\" }");
    assert!(lines(&text)[0].contains("admin.socket: is the socket of listen.unix too"));
}

#[test]
fn checkpoints_go_into_no_file_of_the_ledger() {
    for own in ["ledger.db", "ledger.db-wal", "ledger.db.lock"] {
        let text = BASE.replace("checkpoints.jsonl", own);
        assert!(lines(&text)[0].contains("audit.checkpoints: is a file of the ledger itself"), "{own}");
    }
}

#[test]
fn a_key_comes_as_pem_or_as_pkcs12() {
    let config = good(&format!(
        "{IDENTITY}{SPEC}[[identity]]\nname = \"b\"\nstate = \"overwrite-only\"\npkcs12 = {{ file = \"b.p12\" }}\n"
    ));
    assert!(matches!(&config.identities[0].duty, Duty::Active(KeyFiles::Pem { .. })));
    assert!(matches!(&config.identities[1].duty, Duty::OverwriteOnly(KeyFiles::Pkcs12 { .. })));
}

#[test]
fn a_pkcs12_archive_beside_pem_files_is_a_mistake() {
    let line = wrong(&format!(
        "{IDENTITY}{SPEC}[[identity]]\nname = \"b\"\nstate = \"overwrite-only\"\n\
                               pkcs12 = {{ file = \"b.p12\" }}\ncertificate = \"b.pem\"\n"
    ));
    assert!(line.contains("identity[1].certificate: is in the PKCS#12 archive already"), "{line}");
}

#[test]
fn a_key_that_is_gone_has_no_file() {
    let line =
        wrong("[[identity]]\nname = \"b\"\nstate = \"gone\"\ncertificate = \"b.pem\"\nkey = { file = \"b.key\" }\n");
    assert!(line.contains("identity[0].key: belongs to a key, and this one is gone"), "{line}");
}

#[test]
fn names_are_there_once() {
    for (what, text) in [
        ("identity[1].name: \"a\"", format!("{IDENTITY}{SPEC}{IDENTITY}")),
        ("spec[1].name: \"s\"", format!("{IDENTITY}{SPEC}{SPEC}")),
        ("caller[1].name: \"c\"", format!("{}{}", caller("c", &token("a")), caller("c", &token("b")))),
    ] {
        let line = wrong(&text);
        assert!(line.contains(what) && line.ends_with("is there twice"), "{line}");
    }
}

#[test]
fn a_spec_needs_an_active_identity() {
    assert!(wrong(SPEC).contains("spec[0].identity: there is no identity \"a\""));
    let asleep = IDENTITY.replace("active", "overwrite-only");
    assert!(wrong(&format!("{asleep}{SPEC}")).contains("spec[0].identity: identity \"a\" is not active"));
}

#[test]
fn an_identity_that_cannot_be_read_is_not_called_missing_too() {
    let line = wrong(&format!("{}{SPEC}", IDENTITY.replace("certificate = \"a.pem\"\n", "")));
    assert!(line.contains("identity[0].certificate: is missing"), "{line}");
}

#[test]
fn an_identity_of_no_known_state_is_not_called_inactive_too() {
    let line = wrong(&format!("{}{SPEC}", IDENTITY.replace("active", "activ")));
    assert!(line.contains("identity[0].state: is none of"), "{line}");
}

#[test]
fn an_active_identity_without_a_spec_is_a_mistake() {
    assert!(wrong(IDENTITY).contains("identity[0].state: is active, and no spec names it"));
}

#[test]
fn a_caller_is_known_in_exactly_one_way() {
    for proofs in ["", &format!("uid = 7\n{}", token("a"))] {
        let line = wrong(&caller("c", proofs));
        assert!(line.contains("caller[0]: has to be known in exactly one way"), "{line}");
    }
}

#[test]
fn a_caller_has_to_be_reachable() {
    assert!(wrong(&caller("c", "uid = 7")).contains("caller[0].uid: is never seen: there is no listen.unix"));
    let line = wrong(&caller("c", "certificate_subject = \"CN=c\""));
    assert!(line.contains("is never asked for: there is no listen.tls.client_ca"), "{line}");
}

#[test]
fn a_way_to_the_daemon_that_cannot_be_read_is_not_called_missing_too() {
    let tls = "[listen.tls]\naddress = \"here\"\ncertificate = \"a.pem\"\nkey = { file = \"a.key\" }\nclient_ca = \"ca.pem\"\n";
    let line = wrong(&format!("{tls}{}", caller("c", "certificate_subject = \"CN=c\"")));
    assert!(line.contains("listen.tls.address: is not an IP address"), "{line}");
    let line = wrong(&format!("[listen.unix]\npath = 7\n{}", caller("c", "uid = 7")));
    assert!(line.contains("listen.unix.path: is not a string"), "{line}");
}

#[test]
fn a_subject_has_the_form_in_which_certificates_show_theirs() {
    let tls = "[listen.tls]\naddress = \"127.0.0.1:0\"\ncertificate = \"a.pem\"\nkey = { file = \"a.key\" }\nclient_ca = \"ca.pem\"\n";
    let with = |subject: &str| format!("{tls}{}", caller("c", &format!("certificate_subject = '{subject}'")));
    assert_eq!(good(&with("CN=help-desk, O=Example\\, Inc.")).callers.len(), 1);
    let line = wrong(&with("CN=help-desk, O=Example, Inc."));
    assert!(line.starts_with("21:23: caller[0].certificate_subject: is no subject"), "{line}");
}

#[test]
fn two_callers_cannot_be_known_by_the_same() {
    let line = wrong(&format!("{}{}", caller("c", &token("a")), caller("d", &token("a"))));
    assert!(line.contains("caller[1].token_sha256: caller \"c\" is known by the same"), "{line}");
}

#[test]
fn two_tokens_are_valid_at_once_and_not_three() {
    let digests = |all: &[&str]| {
        let digests: Vec<_> = all.iter().map(|text| format!("\"{}\"", Digest::of(text.as_bytes()))).collect();
        caller("c", &format!("token_sha256 = [{}]", digests.join(", ")))
    };
    assert_eq!(good(&digests(&["a", "b"])).callers.len(), 1);
    for list in [&[][..], &["a", "a"], &["a", "b", "c"]] {
        assert!(wrong(&digests(list)).contains("token_sha256: holds one digest, or two different ones"));
    }
}

#[test]
fn unknown_roles_and_none_at_all_are_mistakes() {
    let with = |roles: &str| caller("c", &token("a")).replace("[\"overwrite\"]", roles);
    assert!(
        wrong(&with("[\"root\"]")).contains("caller[0].roles[0]: is none of: issue, overwrite, report, read, admin")
    );
    assert!(wrong(&with("[]")).contains("caller[0].roles: is empty"));
}

#[test]
fn a_scope_names_specs_that_are_there() {
    let line = wrong(&caller("c", &format!("{}\nspecs = [\"nothing\"]", token("a"))));
    assert!(line.contains("caller[0].specs: there is no spec \"nothing\""), "{line}");
}

#[test]
fn a_pattern_that_no_device_fits_is_a_mistake() {
    let line = wrong(&caller("c", &format!("{}\ndevices = [\"C02?\"]", token("a"))));
    assert!(line.contains("caller[0].devices[0]: is no pattern"), "{line}");
}

#[test]
fn a_budget_without_the_role_is_a_mistake() {
    let text = caller("c", &format!("{}\noverwrites_per_hour = 5", token("a"))).replace("\"overwrite\"", "\"read\"");
    assert!(wrong(&text).contains("caller[0].overwrites_per_hour: has no meaning without the role overwrite"));
}

#[test]
fn two_persons_need_two_callers() {
    let rest = format!("{}[overwrites]\ntwo_person = true\n", caller("c", &token("a")));
    assert!(wrong(&rest).contains("caller[0].roles: is the only caller with the role overwrite"));
    assert!(good(&format!("{rest}{}", caller("d", &token("b")))).overwrites.two_person);
}

#[test]
fn a_file_that_is_not_there_is_an_error_with_its_cause() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("signer.toml");
    let errors = Config::load(&path).unwrap_err();
    assert!(errors.len() == 1 && errors[0].chain().contains("No such file"), "{errors:#?}");
}

fn token(word: &str) -> String {
    format!("token_sha256 = [\"{}\"]", Digest::of(word.as_bytes()))
}
