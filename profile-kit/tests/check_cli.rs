//! `profile-kit check` over files that are hard to show: where the mark is, and what must not be shown.

#![allow(clippy::unwrap_used, reason = "a test may fail by panic")]

use std::{
    ffi::OsStr,
    fs,
    io::Write,
    os::unix::{ffi::OsStrExt, fs::symlink},
    path::Path,
    process::{Command, Output, Stdio},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use profile_kit::{
    Payload, Profile, Removal, SignOptions, UuidSource,
    check::Code,
    pki::{Authority, KeySpec, Leaf, Validity},
};
use serde_json::Value;
use tempfile::TempDir;

/// A profile whose one payload has these settings; the first of them is at line 13.
fn profile(change: impl FnOnce(&mut Payload)) -> Profile {
    let mut profile = Profile::new("jp.example.ivi-mdm", "IVI MDM");
    let mut payload = Payload::new("com.apple.webClip.managed");
    payload.insert("Label", "Help");
    payload.insert("URL", "https://example.jp/");
    change(&mut payload);
    profile.push(payload);
    profile.fill_uuids(UuidSource::Content);
    profile
}

fn xml(change: impl FnOnce(&mut Payload)) -> String {
    String::from_utf8(profile(change).to_xml().unwrap()).unwrap()
}

/// A folder with these files.
fn folder(files: &[(&str, &[u8])]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, bytes) in files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
    folder
}

fn check(folder: &Path, args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_profile-kit"));
    command.current_dir(folder).env("NO_COLOR", "1").arg("check").args(args).stdin(Stdio::null()).output().unwrap()
}

fn text(folder: &Path, args: &[&str]) -> String {
    String::from_utf8(check(folder, args).stdout).unwrap()
}

fn json(folder: &Path, args: &[&str]) -> Value {
    serde_json::from_slice(&check(folder, &[args, &["--format", "json"]].concat()).stdout).unwrap()
}

fn sarif(folder: &Path, args: &[&str]) -> Value {
    serde_json::from_slice(&check(folder, &[args, &["--format", "sarif"]].concat()).stdout).unwrap()
}

/// What is printed of one file `a`.
fn of_file(bytes: &[u8]) -> String {
    text(folder(&[("a", bytes)]).path(), &["a"])
}

#[test]
fn the_mark_is_below_what_it_means_with_wide_characters_tabs_and_carriage_returns() {
    let xml = xml(|payload| payload.insert("Lable", "x")).replace('\n', "\r\n");
    let wide = xml.replace("<key>Lable</key>", "<key>FullScreen</key>\t<true/><!-- 会社é -->\t<key>Lable</key>");
    let said = of_file(wide.as_bytes());
    let lines: Vec<&str> = said.lines().collect();
    let column = lines[0].split(':').nth(2).unwrap().parse::<usize>().unwrap();
    let line = wide.split("\r\n").find(|line| line.contains("Lable")).unwrap();
    assert!(line.chars().skip(column - 1).collect::<String>().starts_with("<key>Lable"), "{said}");
    // Three characters of two columns, of which the first two are wide.
    let (before, _) = lines[1].split_once("<key>Lable").unwrap();
    assert_eq!(lines[2].find('^'), Some(before.chars().count() + 2), "{said}");
    assert!(lines[2].ends_with(&format!(" {}", "^".repeat("<key>Lable</key>".len()))), "{said}");
}

#[test]
fn a_missing_key_is_marked_at_the_dictionary_that_should_hold_it() {
    let xml = xml(|_| ());
    let (head, rest) = xml.split_once("\t\t\t<key>PayloadUUID").unwrap();
    let (_, rest) = rest.split_once("</string>\n").unwrap();
    let said = of_file(format!("{head}{rest}").as_bytes());
    let expected = "a:7:3: error[MissingKey]: PayloadContent[0].PayloadUUID: is missing\n7 | <dict>\n  | ^^^^^^\n";
    assert!(said.starts_with(expected), "{said}");
    assert!(said.contains("\n  = device: MCPayloadErrorDomain 2002\n"), "{said}");
}

#[test]
fn a_file_in_one_line_is_cut_around_the_mark() {
    let xml = xml(|payload| {
        payload.insert("Icon", plist::Value::Data(vec![0; 60_000]));
        payload.insert("Lable", "x".repeat(5_000));
    });
    let said = of_file(xml.replace(['\n', '\t'], "").as_bytes());
    assert!(said.starts_with("a:1:8") && said.contains("<key>Lable</key>"), "{said}");
    assert!(said.lines().all(|line| line.chars().count() < 200), "{said}");
}

#[test]
fn a_binary_property_list_has_no_lines_only_paths() {
    let said = of_file(&profile(|payload| payload.insert("Lable", "x")).to_binary().unwrap());
    let expected = "a: warning[UnknownKey]: PayloadContent[0].Lable: is not a key of com.apple.webClip.managed; did you mean Label?\n = fact:";
    assert!(said.starts_with(expected), "{said}");
}

#[test]
fn secrets_are_shown_in_no_format_and_no_layout() {
    let mut profile = profile(|_| ());
    profile.set_removal(Removal::Password("{{hunter2}}".into()));
    let mut wifi = Payload::new("com.apple.wifi.managed");
    wifi.insert("Password", "{{hunter2}}");
    wifi.insert("Pasword", "{{hunter2}}");
    wifi.insert("AutoJoin", "https://user:hunter2@example.jp/{{x}}");
    wifi.insert("PayloadVersion", "hunter2 is not here");
    profile.push(wifi);
    profile.fill_uuids(UuidSource::Content);
    let xml = String::from_utf8(profile.to_xml().unwrap()).unwrap().replace("hunter2 is not here", "x");
    for xml in [xml.clone(), xml.replace(['\n', '\t'], ""), xml.replace("</string>\n", "</string> ")] {
        let folder = folder(&[("a", xml.as_bytes())]);
        for format in ["text", "json", "sarif"] {
            let said = text(folder.path(), &["a", "--format", format]);
            assert!(said.contains("WrongType") && said.contains("PlaceholderLeft"), "{said}");
            let known = said.replace("Pasword", "");
            assert!(!known.contains("hunter2"), "{format}: {said}");
        }
    }
}

#[test]
fn a_signed_file_has_the_lines_of_its_content() {
    let at = UNIX_EPOCH + Duration::from_secs(1_700_000_000);
    let root = Authority::new("Root", KeySpec::P256, Validity::days(at, 3_650)).unwrap();
    let issued = root.issue(&Leaf::new("Signer", KeySpec::P256, Validity::days(at, 400))).unwrap();
    let signed = issued.identity().unwrap();
    let profile = profile(|payload| payload.insert("Lable", "x"));
    let signed = signed.sign_with(&profile, &SignOptions::new(at + Duration::from_secs(60))).unwrap();
    let folder = folder(&[("a", signed.as_bytes()), ("root.pem", &root.certificate_pem().unwrap())]);
    let asked = ["a", "--roots", "root.pem", "--at", "2023-12-01T00:00:00Z"];
    let said = text(folder.path(), &asked);
    assert!(said.starts_with("a: GoodSignature, SHA-256, CN=Signer < CN=Root, 383 days left\n"), "{said}");
    let marked = "warning[UnknownKey]: PayloadContent[0].Lable: is not a key of com.apple.webClip.managed; did you mean Label?\n";
    assert!(said.contains(&format!("a: in the signed content, line 16, column 4: {marked}16 | <key>Lable")), "{said}");
    let result = &json(folder.path(), &asked)["results"][0];
    assert_eq!((&result["verdict"], &result["days_left"]), (&"GoodSignature".into(), &383.into()));
    assert_eq!(result["findings"][0]["line"], 16);
    let result = &sarif(folder.path(), &asked)["runs"][0]["results"][0];
    assert_eq!(result["locations"][0]["physicalLocation"]["region"], Value::Null);
    let told = result["message"]["text"].as_str().unwrap();
    assert!(told.ends_with("(in the signed content, line 16, column 4)"), "{told}");
}

#[test]
fn a_file_that_is_no_profile_is_told_with_its_line_and_the_rest_is_checked() {
    let other = xml(|_| ()).replace(">Configuration<", ">Other<");
    let folder = folder(&[("1", other.as_bytes()), ("2", b"<plist"), ("3", xml(|_| ()).as_bytes())]);
    let output = check(folder.path(), &["1", "2", "3"]);
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(said.starts_with("1:27:2: error[NotAProfile]: PayloadType: is \"Other\", not"), "{said}");
    assert!(said.contains("\n2:1:1: error[Malformed]: "), "{said}");
    assert!(said.ends_with("3 files: 2 errors\n"), "{said}");
    assert_eq!(output.status.code(), Some(1));
}

/// What is wrong with a property list that is no profile, and what a device answers to it (section 4 of the facts).
const NO_PROFILES: &[(&str, &str, u64)] = &[
    (">Configuration<", ">Profile Service<", 1017),
    ("<key>PayloadType</key>\n\t<string>Configuration</string>", "", 1002),
    ("<string>Configuration</string>", "<true/>", 1003),
    ("<key>PayloadIdentifier</key>\n\t<string>jp.example.ivi-mdm</string>", "", 1002),
    ("<string>jp.example.ivi-mdm</string>", "<integer>1</integer>", 1003),
    ("<key>PayloadContent</key>", "<key>PayloadContents</key>", 1002),
    ("<key>PayloadContent</key>", "<key>PayloadContent</key><true/><key>x</key>", 1003),
    ("<array>", "<array><true/>", 1003),
];

#[test]
fn what_is_no_profile_is_told_with_the_devices_own_error() {
    for (from, to, number) in NO_PROFILES {
        let xml = xml(|_| ());
        assert!(xml.contains(from), "{from}");
        let folder = folder(&[("a", xml.replacen(from, to, 1).as_bytes())]);
        let result = &json(folder.path(), &["a"])["results"][0];
        assert_eq!(result["code"], "NotAProfile", "{to}");
        assert_eq!(
            result["device_error"],
            serde_json::json!({"domain": "MCProfileErrorDomain", "code": number}),
            "{to}"
        );
        let said = text(folder.path(), &["a"]);
        assert!(said.contains(&format!("\n = device: MCProfileErrorDomain {number}\n")), "{said}");
        let result = &sarif(folder.path(), &["a"])["runs"][0]["results"][0];
        assert_eq!(result["properties"]["deviceError"], format!("MCProfileErrorDomain {number}"));
    }
}

#[test]
fn a_directory_is_walked_in_order_without_hidden_files_and_directories_behind_links() {
    let xml = xml(|payload| payload.insert("Lable", "x"));
    let names = ["d/b/x.mobileconfig", "d/a.MOBILECONFIG", "d/c.signed.mobileconfig", "d/.h/x.mobileconfig"];
    let others = ["d/.x.mobileconfig", "d/notes.xml", "e/x.mobileconfig"];
    let files: Vec<(&str, &[u8])> = names.iter().chain(&others).map(|name| (*name, xml.as_bytes())).collect();
    let folder = folder(&files);
    symlink("..", folder.path().join("d/b/up")).unwrap();
    symlink("../e", folder.path().join("d/e")).unwrap();
    symlink("../e/x.mobileconfig", folder.path().join("d/z.mobileconfig")).unwrap();
    let results = json(folder.path(), &["d"]);
    let names: Vec<&str> = results["results"].as_array().unwrap().iter().map(|r| r["file"].as_str().unwrap()).collect();
    assert_eq!(names, ["d/a.MOBILECONFIG", "d/b/x.mobileconfig", "d/c.signed.mobileconfig", "d/z.mobileconfig"]);
}

#[test]
fn a_link_that_leads_nowhere_could_not_be_asked_in_a_directory_either() {
    let folder = folder(&[("d/a.mobileconfig", xml(|_| ()).as_bytes())]);
    symlink("nowhere", folder.path().join("d/broken.mobileconfig")).unwrap();
    symlink("round.mobileconfig", folder.path().join("d/round.mobileconfig")).unwrap();
    symlink("nowhere", folder.path().join("d/notes.xml")).unwrap();
    let output = check(folder.path(), &["d"]);
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(String::from_utf8(output.stdout).unwrap(), "1 file: no findings, 2 could not be checked\n");
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(told.starts_with("error: d/broken.mobileconfig: cannot be opened: No such file"), "{told}");
}

#[test]
fn a_file_is_checked_whatever_its_name() {
    let folder = folder(&[(".hidden", xml(|_| ()).as_bytes())]);
    assert_eq!(text(folder.path(), &[".hidden"]), "1 file: no findings\n");
}

#[test]
fn a_name_that_is_no_text_is_told_and_encoded_by_its_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let name = OsStr::from_bytes(b"\xffa\x1b.mobileconfig");
    if fs::write(folder.path().join(name), xml(|payload| payload.insert("Lable", "x"))).is_err() {
        println!("skipped: the file system takes no such name");
        return;
    }
    let said = text(folder.path(), &["."]);
    assert!(said.starts_with("./\u{fffd}a\\u{1b}.mobileconfig:16:4: warning[UnknownKey]"), "{said}");
    let result = &sarif(folder.path(), &["."])["runs"][0]["results"][0];
    let uri = &result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"];
    assert_eq!(uri, "%FFa%1B.mobileconfig");
}

#[test]
fn standard_input_is_a_file_too() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_profile-kit"));
    let mut child = command.args(["check", "-"]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(xml(|payload| payload.insert("Lable", "x")).as_bytes()).unwrap();
    let said = String::from_utf8(child.wait_with_output().unwrap().stdout).unwrap();
    assert!(said.starts_with("standard input:16:4: warning[UnknownKey]"), "{said}");
}

#[test]
fn an_empty_directory_and_a_missing_file_could_not_be_asked() {
    let folder = folder(&[("a", xml(|_| ()).as_bytes())]);
    fs::create_dir(folder.path().join("empty")).unwrap();
    for path in ["empty", "missing"] {
        let output = check(folder.path(), &[path, "a"]);
        assert_eq!(output.status.code(), Some(2));
        assert!(String::from_utf8(output.stderr).unwrap().starts_with(&format!("error: {path}: ")));
        assert_eq!(String::from_utf8(output.stdout).unwrap(), "1 file: no findings, 1 could not be checked\n");
        let run = &sarif(folder.path(), &[path, "a"])["runs"][0]["invocations"][0];
        assert_eq!((&run["executionSuccessful"], &run["exitCode"]), (&false.into(), &2.into()));
        assert!(run["toolExecutionNotifications"][0]["message"]["text"].as_str().unwrap().starts_with(path));
    }
}

#[test]
fn warnings_fail_only_where_they_are_denied() {
    let folder = folder(&[("a", xml(|payload| payload.insert("Lable", "x")).as_bytes())]);
    let status = |args: &[&str]| check(folder.path(), &[&["a"], args].concat()).status.code();
    assert_eq!(status(&[]), Some(0));
    assert_eq!(status(&["--deny", "warnings"]), Some(1));
    assert_eq!(status(&["--deny", "UnknownKey"]), Some(1));
    assert_eq!(status(&["--deny", "MissingKey"]), Some(0));
    assert_eq!(status(&["--deny", "warnings", "--allow", "UnknownKey"]), Some(0));
    assert_eq!(status(&["--deny", "UnknownKey", "--allow", "UnknownKey"]), Some(2));
    assert_eq!(status(&["--deny", "Unknown"]), Some(2));
}

#[test]
fn the_summary_counts_also_what_is_not_told() {
    let many = xml(|payload| (0..150).for_each(|number| payload.insert(format!("x{number}"), "x")));
    let folder = folder(&[("a", many.as_bytes())]);
    for (options, summary) in [(&[][..], "150 warnings"), (&["--deny", "warnings"], "150 errors")] {
        let told = text(folder.path(), &[&["a"], options].concat());
        assert!(told.contains("50 more findings like these are not told"), "{told}");
        assert!(told.ends_with(&format!("\n1 file: {summary}\n")), "{told}");
    }
}

#[test]
fn the_answer_is_the_same_whatever_the_number_of_jobs() {
    let clean = xml(|_| ());
    let flawed = xml(|payload| payload.insert("Lable", "x"));
    let folder = tempfile::tempdir().unwrap();
    for number in 0..300 {
        let text = if number % 3 == 0 { &flawed } else { &clean };
        fs::write(folder.path().join(format!("{number}.mobileconfig")), text).unwrap();
    }
    for format in ["text", "json", "sarif"] {
        let said = |jobs| check(folder.path(), &[".", "--format", format, "--jobs", jobs]).stdout;
        assert_eq!(said("1"), said("7"), "{format}");
    }
    assert!(text(folder.path(), &["."]).ends_with("\n300 files: 100 warnings\n"));
}

#[test]
fn sarif_names_every_rule_and_points_each_result_at_its_own() {
    let broken = folder(&[("a", b"<plist>"), ("b", xml(|payload| payload.insert("Lable", "{{x}}")).as_bytes())]);
    let log = sarif(broken.path(), &["a", "b"]);
    assert_eq!((&log["version"], &log["runs"][0]["columnKind"]), (&"2.1.0".into(), &"unicodeCodePoints".into()));
    let rules = log["runs"][0]["tool"]["driver"]["rules"].as_array().unwrap();
    for code in Code::ALL {
        let rule = rules.iter().find(|rule| rule["id"] == code.word()).unwrap();
        assert!(!rule["shortDescription"]["text"].as_str().unwrap().is_empty());
        assert!(["error", "warning", "note"].iter().any(|level| rule["defaultConfiguration"]["level"] == *level));
    }
    let results = log["runs"][0]["results"].as_array().unwrap();
    assert_eq!(results.len(), 3);
    for result in results {
        let index = usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap();
        assert_eq!(rules[index]["id"], result["ruleId"]);
        assert!(result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"].is_string());
    }
    assert!(results.iter().any(|result| result["message"]["text"].as_str().unwrap().contains("{{{{x}}}}")));
}

#[test]
fn the_target_decides_what_matters() {
    let mut profile = profile(|_| ());
    profile.set_removal(Removal::AllowedEmptyPassword);
    profile.fill_uuids(UuidSource::Content);
    let folder = folder(&[("a", &profile.to_xml().unwrap())]);
    let severity = |args: &[&str]| {
        let results = json(folder.path(), &[&["a"], args].concat());
        let findings = results["results"][0]["findings"].as_array().unwrap().clone();
        let found = findings.iter().find(|finding| finding["code"] == "EmptyRemovalPassword").unwrap();
        found["severity"].as_str().unwrap().to_owned()
    };
    assert_eq!(severity(&["--os", "17"]), "warning");
    assert_eq!(severity(&["--platform", "macos", "--os", "14"]), "note");
    assert_eq!(severity(&[]), "note");
    for platform in ["ios", "macos", "tvos", "visionos", "watchos"] {
        assert_eq!(check(folder.path(), &["a", "--platform", platform]).status.code(), Some(0), "{platform}");
    }
}

#[test]
fn dates_are_compared_with_the_time_that_is_given() {
    let mut profile = profile(|_| ());
    let date = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
    profile.set("RemovalDate", plist::Date::from(date)).unwrap();
    let folder = folder(&[("a", &profile.to_xml().unwrap())]);
    let at = |moment| check(folder.path(), &["a", "--at", moment]).status.code();
    assert_eq!((at("2023-01-01T00:00:00Z"), at("2024-01-01T00:00:00Z")), (Some(0), Some(1)));
}
