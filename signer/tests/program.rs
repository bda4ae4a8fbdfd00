//! The real program: its exit codes, its signals, and what `--dev` prints.

#![allow(clippy::unwrap_used, reason = "a test may fail by panic")]

use std::{
    fs,
    io::{BufRead, BufReader, Lines, Write},
    net::TcpStream,
    os::unix::{
        fs::{MetadataExt, PermissionsExt},
        net::{UnixDatagram, UnixListener, UnixStream},
    },
    path::Path,
    process::{Child, ChildStderr, ChildStdout, Command, Output, Stdio},
    time::{Duration, SystemTime},
};

use profile_kit::{
    Identity, Profile, Removal, SignedProfile,
    payload::WebClip,
    pki::{KeySpec, Leaf, Validity, self_signed},
};

#[test]
fn the_commands_that_dev_prints_work_as_printed_also_after_a_restart() {
    if !has("curl") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let mut first = None;
    for start in 0..2 {
        let mut daemon = Daemon::dev(folder.path(), &[]);
        let lines = daemon.introduction();
        let commands: Vec<&str> = lines.iter().filter_map(|line| line.strip_prefix("  ")).collect();
        assert_eq!(commands.len(), 4, "{lines:#?}");
        let without = commands[0].replace("-H @'site/authorization'", "-w '%{http_code}'");
        assert!(text(&shell(folder.path(), &without).stdout).ends_with("401"), "start {start}");
        for command in commands {
            let output = shell(folder.path(), command);
            assert!(output.status.success(), "{command}: {}{}", text(&output.stdout), text(&output.stderr));
        }
        let read = |name: &str| fs::read(folder.path().join(name)).unwrap();
        let overwrite = SignedProfile::from_bytes(read("overwrite.mobileconfig")).unwrap().verify_integrity().unwrap();
        assert_eq!(overwrite.profile().removal(), Removal::Allowed);
        let made = (read("locked.mobileconfig"), read("overwrite.mobileconfig"), lines[3].clone());
        assert_eq!(*first.get_or_insert_with(|| made.clone()), made);
        assert_eq!(daemon.end(), Some(0));
    }
}

#[test]
fn a_hangup_reloads() {
    let folder = tempfile::tempdir().unwrap();
    let mut daemon = Daemon::dev(folder.path(), &[]);
    daemon.introduction();
    daemon.signal("HUP");
    daemon.log_until("reloaded by=\"SIGHUP\"");
    let config = folder.path().join("site/signer.toml");
    let text = fs::read_to_string(&config).unwrap();
    fs::write(&config, text.replace("[admin]\n", "[admin]\ncolour = 1\n")).unwrap();
    daemon.signal("HUP");
    daemon.log_until("admin.colour: is not known");
    assert_eq!(daemon.end(), Some(0));
}

#[test]
fn the_service_manager_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notify");
    let manager = UnixDatagram::bind(&path).unwrap();
    manager.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    let heard = || {
        let mut told = [0; 256];
        let length = manager.recv(&mut told).unwrap();
        text(&told[..length])
    };
    let mut daemon = Daemon::dev(folder.path(), &[("NOTIFY_SOCKET", path.to_str().unwrap())]);
    assert_eq!(heard(), "READY=1\n");
    daemon.introduction();
    assert_eq!(signer(folder.path(), &["reload", "--config", "site/signer.toml"]).status.code(), Some(0));
    assert!(heard().starts_with("RELOADING=1\nMONOTONIC_USEC="));
    assert_eq!(heard(), "READY=1\n");
    daemon.signal("TERM");
    assert_eq!(heard(), "STOPPING=1\n");
    assert_eq!(daemon.end(), Some(0));
}

#[test]
fn a_service_manager_that_does_not_listen_holds_nothing_up() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notify");
    let _manager = UnixDatagram::bind(&path).unwrap();
    let mut daemon = Daemon::dev(folder.path(), &[("NOTIFY_SOCKET", path.to_str().unwrap())]);
    daemon.introduction();
    let other = UnixDatagram::unbound().unwrap();
    other.set_nonblocking(true).unwrap();
    while other.send_to(b"X=1", &path).is_ok() {}
    for _ in 0..3 {
        assert_eq!(signer(folder.path(), &["reload", "--socket", "site/admin.sock"]).status.code(), Some(0));
    }
    assert_eq!(daemon.end(), Some(0));
}

#[test]
fn a_log_that_nobody_reads_holds_nothing_up() {
    let folder = tempfile::tempdir().unwrap();
    let mut daemon = Daemon::dev(folder.path(), &[]);
    let introduction = daemon.introduction();
    let address = introduction[0].strip_prefix("listening on http://").unwrap();
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    // Reads on where a signal came in between.
    let mut stream = BufReader::new(stream);
    // More lines than a pipe and the queue before it hold.
    for _ in 0..10_000 {
        stream.get_mut().write_all(b"HEAD /livez HTTP/1.1\r\nhost: it\r\n\r\n").unwrap();
        let mut answer = String::new();
        while !answer.ends_with("\r\n\r\n") {
            assert!(stream.read_line(&mut answer).unwrap() > 0, "{answer}");
        }
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    }
    drop(stream);
    assert_eq!(daemon.end(), Some(0));
}

#[test]
fn the_operators_door_is_for_the_daemons_user_and_root_also_where_the_socket_lets_others_in() {
    if !is_root() || !has("setpriv") {
        println!("skipped: only root can ask as another user");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let mut daemon = Daemon::dev(folder.path(), &[]);
    daemon.introduction();
    for (name, mode) in [("", 0o755), ("site", 0o755), ("site/admin.sock", 0o666)] {
        fs::set_permissions(folder.path().join(name), fs::Permissions::from_mode(mode)).unwrap();
    }
    // The kernel's own view of the socket: whoever may write to it connects.
    let ask = "import socket, sys; s = socket.socket(socket.AF_UNIX); s.connect('site/admin.sock'); \
               s.sendall(b'{\"ask\":\"stranded\"}\\n'); print(s.recv(100))";
    let as_user = |uid: &str| {
        let command = format!("setpriv --reuid={uid} --regid={uid} --clear-groups python3 -c \"$ASK\"");
        let output = Command::new("sh").args(["-c", &command]).env("ASK", ask).current_dir(folder.path()).output();
        text(&output.unwrap().stdout)
    };
    assert!(as_user("0").contains("stranded"));
    let refused = as_user("65534");
    assert!(refused.is_empty() || refused == "b''\n", "{refused}");
    assert_eq!(daemon.end(), Some(0));
}

#[test]
fn profiles_that_do_not_fit_into_one_request_are_imported_all_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let mut daemon = Daemon::dev(folder.path(), &[]);
    daemon.introduction();
    let site = |name: &str| folder.path().join("site").join(name);
    let identity = Identity::from_pem_files(site("test.pem"), site("test.key")).unwrap();
    let mut profile = Profile::new("jp.example.large", "Large");
    profile.set_removal(Removal::Disallowed);
    profile.push(WebClip { label: Some("x".repeat(7 << 20)), ..Default::default() });
    let signed = identity.sign(&profile).unwrap();
    fs::create_dir(folder.path().join("signed")).unwrap();
    for name in ["a", "b", "c"] {
        fs::write(folder.path().join("signed").join(name), signed.as_bytes()).unwrap();
    }
    fs::write(folder.path().join("devices.csv"), "serial,file\nC02A,a\nC02B,b\nC02C,c\n").unwrap();
    let import = ["import", "--config", "site/signer.toml", "signed", "--devices", "devices.csv"];
    let output = signer(folder.path(), &import);
    let told = text(&output.stdout) + &text(&output.stderr);
    assert_eq!(told, "3 taken in, 0 known before, 0 not taken in\n");
    assert_eq!((output.status.code(), daemon.end()), (Some(0), Some(0)));
}

#[test]
fn what_is_wrong_is_1_and_what_could_not_be_asked_is_2() {
    let folder = tempfile::tempdir().unwrap();
    let mut daemon = Daemon::dev(folder.path(), &[]);
    daemon.introduction();
    let code = |arguments: &[&str]| signer(folder.path(), arguments).status.code();
    assert_eq!(code(&["check", "--config", "site/signer.toml"]), Some(0));
    assert_eq!(code(&["stranded", "--config", "site/signer.toml"]), Some(0));
    assert_eq!(code(&["reload", "--socket", "site/admin.sock"]), Some(0));
    assert_eq!(code(&["audit", "verify", "--config", "site/signer.toml"]), Some(0));
    let idle: Vec<_> = (0..16).map(|_| UnixStream::connect(folder.path().join("site/admin.sock")).unwrap()).collect();
    assert_eq!(code(&["stranded", "--config", "site/signer.toml"]), Some(2));
    drop(idle);
    assert_eq!(daemon.end(), Some(0));
    assert_eq!(code(&["reload", "--config", "site/signer.toml"]), Some(2));
    assert_eq!(code(&["reload", "--config", "missing.toml"]), Some(2));
    assert_eq!(code(&["audit", "verify", "--ledger", "site/ledger.db"]), Some(2));
    let told = |arguments: &[&str]| text(&signer(folder.path(), arguments).stderr);
    assert!(told(&["audit", "verify", "--ledger", "site/ledger.db"]).starts_with("error: --ledger needs --key"));
    assert_eq!(told(&["audit", "verify"]), "error: neither --config nor --ledger nor --export is given\n");
    assert_eq!(code(&["serve"]), Some(2));
    assert_eq!(code(&["serve", "--config", "missing.toml"]), Some(2));
    fs::write(folder.path().join("site/ivi-mdm.toml"), "format = 1").unwrap();
    assert_eq!(code(&["check", "--config", "site/signer.toml"]), Some(1));
    assert_eq!(code(&["check", "--config", "missing.toml"]), Some(2));
    assert_eq!(code(&["check", "--config", "site"]), Some(2));
}

#[test]
fn a_record_that_could_not_be_written_is_told_by_a_check_as_by_a_start_and_nothing_is_made() {
    let folder = tempfile::tempdir().unwrap();
    let mut daemon = Daemon::dev(folder.path(), &[]);
    daemon.introduction();
    assert_eq!(daemon.end(), Some(0));
    let config = folder.path().join("site/signer.toml");
    let good = fs::read_to_string(&config).unwrap();
    fs::write(folder.path().join("site/file"), "").unwrap();
    let told = |verb: &str| {
        let output = signer(folder.path(), &[verb, "--config", "site/signer.toml"]);
        let place = |line: &str| line.strip_prefix("error: site/signer.toml:").unwrap_or(line).to_owned();
        (output.status.code(), text(&output.stderr).lines().map(place).collect::<Vec<_>>())
    };
    for (from, to, key, cause) in [
        ("\"ledger.db\"", "\"data/ledger.db\"", "ledger.path", "its folder site/data: No such file or directory"),
        ("\"checkpoints.jsonl\"", "\"data/c.jsonl\"", "audit.checkpoints", "its folder site/data: No such file"),
        ("\"ledger.db\"", "\"file/ledger.db\"", "ledger.path", "Not a directory"),
        ("\"ledger.db\"", "\".\"", "ledger.path", "it is no regular file"),
    ] {
        assert!(good.contains(from), "{from}");
        fs::write(&config, good.replace(from, to)).unwrap();
        let (code, lines) = told("check");
        assert!(code == Some(1) && lines.len() == 1, "{lines:?}");
        assert!(lines[0].contains(&format!(" {key}: cannot write site/")) && lines[0].contains(cause), "{lines:?}");
        assert_eq!(told("serve"), (Some(2), lines));
    }
    assert!(!folder.path().join("site/data").exists());
    fs::write(&config, good.replace("\"ledger.db\"", "\"data/ledger.db\"")).unwrap();
    fs::write(folder.path().join("site/ivi-mdm.toml"), "format = 1").unwrap();
    let (_, lines) = told("check");
    assert!(lines.iter().any(|line| line.contains("ivi-mdm.toml:")), "{lines:?}");
    assert!(lines.last().unwrap().contains("cannot write site/data/ledger.db"), "{lines:?}");
}

#[test]
fn a_backup_that_is_no_good_is_1_and_what_stands_in_its_way_is_2() {
    let folder = tempfile::tempdir().unwrap();
    let code = |arguments: &[&str]| signer(folder.path(), arguments).status.code();
    let restore = |config: &str, backup: &str| code(&["restore", "--config", config, backup]);
    for site in ["site", "other"] {
        let mut daemon = Daemon::dev_in(folder.path(), site, &[]);
        daemon.introduction();
        if site == "site" {
            let backup = ["backup", "--config", "site/signer.toml", "copy"];
            assert_eq!(
                (code(&backup), code(&backup)),
                (Some(0), Some(2)),
                "a folder that is there is not written over"
            );
            assert_eq!(restore("site/signer.toml", "copy"), Some(2), "a daemon is at work");
        }
        assert_eq!(daemon.end(), Some(0));
    }
    assert_eq!(restore("site/signer.toml", "copy"), Some(2), "a record that is there is not written over");
    for name in ["ledger.db", "checkpoints.jsonl"] {
        fs::remove_file(folder.path().join("other").join(name)).unwrap();
    }
    let refused = signer(folder.path(), &["restore", "--config", "other/signer.toml", "copy"]);
    assert!(text(&refused.stderr).starts_with("error: the backup needs"), "{}", text(&refused.stderr));
    assert_eq!(refused.status.code(), Some(2), "the keys are others");
    let file = folder.path().join("copy/checkpoints.jsonl");
    fs::write(&file, fs::read_to_string(&file).unwrap() + "\n").unwrap();
    assert_eq!(code(&["restore", "--check", "--config", "site/signer.toml", "copy"]), Some(1), "the copy was changed");
}

#[test]
fn a_restore_tells_what_a_start_needs_and_which_keys_are_not_there() {
    let folder = tempfile::tempdir().unwrap();
    let mut daemon = Daemon::dev(folder.path(), &[]);
    daemon.introduction();
    assert!(signer(folder.path(), &["backup", "--config", "site/signer.toml", "copy"]).status.success());
    assert_eq!(daemon.end(), Some(0));
    let path = |name: &str| folder.path().join("site").join(name);
    fs::remove_file(path("ledger.db")).unwrap();
    fs::remove_file(path("checkpoints.jsonl")).unwrap();
    let told = |options: &[&str]| {
        let output = signer(folder.path(), &[&["restore", "--config", "site/signer.toml", "copy"], options].concat());
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        text(&output.stderr)
    };
    assert_eq!(told(&["--check"]), "");
    fs::rename(path("test.key"), path("away.key")).unwrap();
    for options in [&["--check"][..], &[]] {
        let told = told(options);
        assert!(told.starts_with("warning: a start still needs: site/signer.toml:"), "{told}");
        assert!(told.contains("cannot read site/test.key: No such file") && told.lines().count() == 1, "{told}");
    }
    let config = fs::read_to_string(path("signer.toml")).unwrap();
    let other =
        config.replace("test.pem", "other.pem").replace("\"test\"", "\"other\"").replace("test.key", "other.key");
    assert_ne!(other, config);
    fs::write(path("signer.toml"), other).unwrap();
    let issued = self_signed(&Leaf::new("Other", KeySpec::P256, Validity::days(SystemTime::now() - DAY, 365))).unwrap();
    fs::write(path("other.pem"), issued.certificate_pem().unwrap()).unwrap();
    fs::copy(path("away.key"), path("other.key")).unwrap();
    fs::write(path("other.key"), issued.key_pem().unwrap()).unwrap();
    let told = told(&["--check"]);
    assert!(told.starts_with("warning: the key of identity \"test\" is not there"), "{told}");
    assert!(told.contains("CN=Test Profile Signer") && told.lines().count() == 1, "{told}");
}

#[test]
fn a_backup_that_failed_leaves_nothing_in_the_way_of_the_next() {
    let folder = tempfile::tempdir().unwrap();
    let back_up = |answer: &'static str| {
        let path = folder.path().join("admin.sock");
        let listener = UnixListener::bind(&path).unwrap();
        let daemon = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            BufReader::new(&stream).read_line(&mut String::new()).unwrap();
            stream.write_all(answer.as_bytes()).unwrap();
        });
        let output = signer(folder.path(), &["backup", "--socket", "admin.sock", "copy"]);
        daemon.join().unwrap();
        fs::remove_file(path).unwrap();
        (output.status.code(), text(&output.stderr))
    };
    let refused = "{\"answer\":\"refused\",\"code\":\"not-copied\",\"problems\":[\"it is full\"]}\n";
    assert_eq!(back_up(refused), (Some(1), "error: it is full\n".into()));
    assert!(!folder.path().join("copy").exists());
    let (code, told) = back_up("{\"answer\":\"backup\",\"files\":[[\"ledger.db\",10]]}\nhalf");
    assert_eq!(
        (code, told.as_str()),
        (Some(2), "error: copy/ledger.db: the daemon did not send all of it: there is no copy\n")
    );
    assert!(!folder.path().join("copy").exists());
    fs::create_dir(folder.path().join("copy")).unwrap();
    assert_eq!(back_up(refused).0, Some(1));
    assert!(folder.path().join("copy").exists(), "it was there before");
}

#[test]
fn an_export_is_its_owners_and_there_as_a_whole_or_not_at_all() {
    let folder = tempfile::tempdir().unwrap();
    let mut daemon = Daemon::dev(folder.path(), &[]);
    daemon.introduction();
    for _ in 0..3 {
        assert_eq!(signer(folder.path(), &["reload", "--socket", "site/admin.sock"]).status.code(), Some(0));
    }
    assert_eq!(daemon.end(), Some(0));
    let export = |name: &str| {
        let output = signer(folder.path(), &["audit", "export", "--ledger", "site/ledger.db", "-o", name]);
        (output.status.code(), text(&output.stderr))
    };
    assert_eq!(export("whole.jsonl").0, Some(0));
    assert_eq!(fs::metadata(folder.path().join("whole.jsonl")).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(export("whole.jsonl").0, Some(2), "a file that is there is not written over");
    let ledger = rusqlite::Connection::open(folder.path().join("site/ledger.db")).unwrap();
    ledger.execute_batch("UPDATE audit SET event = 'no JSON' WHERE seq = 3").unwrap();
    let (code, told) = export("cut.jsonl");
    assert_eq!(code, Some(2), "{told}");
    let names = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name());
    let mut names: Vec<_> = names.collect();
    names.sort();
    assert_eq!(names, ["site", "whole.jsonl"]);
}

#[test]
fn an_option_that_nothing_would_come_of_is_refused() {
    for (verb, options) in [
        (["serve", "--config"], ["--dir", "elsewhere"].as_slice()),
        (["reload", "--config"], &["--socket", "admin.sock"]),
        (["stranded", "--config"], &["--socket", "admin.sock"]),
        (["import", "--config"], &["--socket", "admin.sock", "signed"]),
        (["backup", "--config"], &["--socket", "admin.sock", "copy"]),
        (["audit", "verify"], &["--ledger", "ledger.db", "--key", "key.pem", "--credentials", "."]),
        (["audit", "verify"], &["--export", "audit.jsonl", "--key", "key.pem", "--credentials", "."]),
        (["audit", "export"], &["--ledger", "ledger.db", "--credentials", "."]),
    ] {
        let config = if verb[1] == "--config" { ["signer.toml"].as_slice() } else { &[] };
        let output = signer(Path::new("."), &[&verb, config, options].concat());
        let told = text(&output.stderr);
        assert!(
            output.status.code() == Some(2) && told.contains("cannot be used with"),
            "{verb:?} {options:?}: {told}"
        );
    }
}

#[test]
fn audit_verify_names_the_first_record_that_was_touched() {
    if !has("openssl") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let mut daemon = Daemon::dev(folder.path(), &[]);
    daemon.introduction();
    for _ in 0..6 {
        assert_eq!(signer(folder.path(), &["reload", "--socket", "site/admin.sock"]).status.code(), Some(0));
    }
    assert_eq!(daemon.end(), Some(0));
    let shown = shell(folder.path(), "openssl pkey -in site/checkpoints.key -pubout -out key.pem");
    let export = signer(folder.path(), &["audit", "export", "--config", "site/signer.toml"]);
    let lines: Vec<String> = text(&export.stdout).lines().map(str::to_owned).collect();
    assert!(shown.status.success() && lines.len() == 7, "{lines:#?}");
    let touched = |change: &dyn Fn(&mut Vec<String>)| {
        let mut lines = lines.clone();
        change(&mut lines);
        fs::write(folder.path().join("audit.jsonl"), lines.join("\n") + "\n").unwrap();
        let checkpoints = ["--checkpoints", "site/checkpoints.jsonl", "--key", "key.pem"];
        let output =
            signer(folder.path(), &[&["audit", "verify", "--export", "audit.jsonl"], &checkpoints[..]].concat());
        (output.status.code(), text(&output.stdout) + &text(&output.stderr))
    };
    assert_eq!(touched(&|_| ()), (Some(0), "holds: 7 records, 1 checkpoints\n".into()));
    let no = |what: &str| (Some(1), format!("error: audit.jsonl: record {what}\n"));
    assert_eq!(touched(&|lines| lines[2] = lines[2].replace("\"done\"", "\"gone\"")), no("3 was edited"));
    assert_eq!(touched(&|lines| drop(lines.remove(3))), no("4 was removed"));
    assert_eq!(touched(&|lines| lines.insert(4, lines[1].clone())), no("2 was inserted"));
    assert_eq!(touched(&|lines| lines.swap(2, 4)), no("3 was swapped with record 5"));
    assert_eq!(touched(&|lines| lines.truncate(5)), no("6 and all that followed were cut off"));
}

#[test]
fn a_token_is_printed_once_and_its_digest_apart() {
    let output = signer(Path::new("."), &["token"]);
    let token = text(&output.stdout);
    let digest = signer::Digest::of(token.trim_end().as_bytes());
    assert_eq!(text(&output.stderr), format!("token_sha256 = [\"{digest}\"]\n"));
}

#[test]
fn every_verb_has_help_with_an_example_and_a_manual_page() {
    let verbs =
        ["serve", "check", "audit", "reload", "stranded", "token", "import", "backup", "restore", "completions", "man"];
    for verb in verbs {
        let help = text(&signer(Path::new("."), &[verb, "--help"]).stdout);
        assert!(help.contains(&format!(": signer {verb}")) || help.contains(&format!("\n  signer {verb}")), "{help}");
        assert!(text(&signer(Path::new("."), &["man", verb]).stdout).contains(".TH"), "{verb}");
    }
    assert!(text(&signer(Path::new("."), &["completions", "bash"]).stdout).contains("_signer"));
}

#[test]
fn every_manual_page_that_one_names_can_be_written() {
    let mut pages = vec![String::new()];
    let mut next = 0;
    while let Some(page) = pages.get(next).cloned() {
        let arguments: &[&str] = if page.is_empty() { &["man"] } else { &["man", &page] };
        let output = signer(Path::new("."), arguments);
        assert!(output.status.success(), "{page}: {}", text(&output.stderr));
        let named = text(&output.stdout).replace("\\-", "-");
        let named = named.lines().filter_map(|line| line.strip_prefix("signer-")?.strip_suffix("(1)"));
        pages.extend(named.filter(|page| !page.starts_with("help") && !page.ends_with("-help")).map(str::to_owned));
        next += 1;
    }
    assert!(pages.contains(&"audit-verify".to_owned()), "{pages:?}");
}

/// A daemon that ends with the test.
struct Daemon {
    child: Child,
    output: Lines<BufReader<ChildStdout>>,
    log: Lines<BufReader<ChildStderr>>,
}

impl Daemon {
    /// In a folder `site` of its own.
    fn dev(folder: &Path, environment: &[(&str, &str)]) -> Self {
        Self::dev_in(folder, "site", environment)
    }

    fn dev_in(folder: &Path, site: &str, environment: &[(&str, &str)]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_signer"))
            .args(["serve", "--dev", "--dir", site, "--listen", "127.0.0.1:0"])
            .envs(environment.iter().copied())
            .current_dir(folder)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let output = BufReader::new(child.stdout.take().unwrap()).lines();
        let log = BufReader::new(child.stderr.take().unwrap()).lines();
        Self { child, output, log }
    }

    /// All that it prints.
    fn introduction(&mut self) -> Vec<String> {
        let mut lines: Vec<String> = Vec::new();
        while !lines.last().is_some_and(|line| line.ends_with("/readyz")) {
            lines.push(self.output.next().expect("it has ended").unwrap());
        }
        lines
    }

    fn log_until(&mut self, part: &str) {
        let found = self.log.by_ref().map(Result::unwrap).find(|line| line.contains(part));
        assert!(found.is_some(), "{part} is not in the log");
    }

    fn signal(&self, name: &str) {
        assert!(shell(Path::new("."), &format!("kill -{name} {}", self.child.id())).status.success());
    }

    /// Ends it gently; its exit code.
    fn end(mut self) -> Option<i32> {
        self.signal("TERM");
        self.child.wait().unwrap().code()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn signer(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_signer")).args(arguments).current_dir(folder).output().unwrap()
}

fn shell(folder: &Path, command: &str) -> Output {
    Command::new("sh").args(["-c", command]).current_dir(folder).stdin(Stdio::null()).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn is_root() -> bool {
    fs::metadata("/proc/self").unwrap().uid() == 0
}

/// Says so where a program of others is missing.
fn has(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path).any(|folder| folder.join(program).is_file());
    if !found {
        println!("skipped: {program} is missing");
        assert!(std::env::var("REQUIRE_JUDGES").is_err(), "{program} is missing");
    }
    found
}

const DAY: Duration = Duration::from_secs(86_400);
