//! Rows that are wrong, doubles, and hostile tables.

use std::{
    fs::{self, File},
    io::{BufWriter, Write},
    process::Command,
    time::{Duration, UNIX_EPOCH},
};

use profile_kit::pki::{Authority, KeySpec, KeyUse, Leaf, Validity};

use crate::stage::{Stage, validity};

#[test]
fn a_row_that_makes_a_profile_unfit_is_that_rows_fault() {
    let stage = Stage::new(KeySpec::P256);
    let spec = "format = 1\nidentifier = \"jp.example\"\nremoval = \"disallowed\"\n[placeholders.site]\n\
                [[payload]]\ntype = \"com.apple.applicationaccess\"\nidentifier = \"{{site}}\"\n";
    fs::write(stage.path("spec.toml"), spec).unwrap();
    let rows = r#"{"serial":"A","site":"a"}
{"serial":"B","site":""}
{"serial":"C","site":"c"}
{"serial":"","site":"d"}
"#;
    fs::write(stage.path("devices.jsonl"), rows).unwrap();
    let told = stage.run(&["batch", "spec.toml", "devices.jsonl", "--out", "out"]).failure(1);
    assert!(told.contains("devices.jsonl: line 2") && told.contains("MissingKey"), "{told}");
    assert!(told.contains("devices.jsonl: line 4") && told.contains("is empty: it names the device"), "{told}");
    let files: Vec<String> = stage.files("out").into_keys().collect();
    assert_eq!(files, ["A.mobileconfig", "C.mobileconfig", "manifest.jsonl"]);
}

/// Or the whole fleet would be signed with an example's serial number.
#[test]
fn a_placeholder_that_no_column_fills_is_told_and_a_column_of_nearly_its_name_refused() {
    let stage = Stage::new(KeySpec::P256);
    let spec = "format = 1\nidentifier = \"jp.example\"\nremoval = \"disallowed\"\ndescription = \"{{serial}}\"\n\
                [placeholders.serial]\ndefault = \"C02EXAMPLE\"\n\
                [[payload]]\ntype = \"com.apple.applicationaccess\"\n";
    fs::write(stage.path("spec.toml"), spec).unwrap();
    for (header, refused) in [("Serial", true), ("SERIAL", true), ("number", false)] {
        fs::write(stage.path("devices.csv"), format!("{header},udid\nA,U-1\n")).unwrap();
        let tried = stage.run(&["batch", "spec.toml", "devices.csv", "--dry-run"]);
        if refused {
            let told = tried.failure(1);
            assert!(told.contains(&format!("column {header:?} is not placeholder \"serial\"")), "{told}");
        } else {
            let told = tried.failure(0);
            assert!(told.contains("placeholder \"serial\" has no column: all rows get its default"), "{told}");
        }
    }
}

#[test]
fn json_lines_have_the_columns_of_their_first_object_as_csv_has_those_of_its_header() {
    let stage = Stage::new(KeySpec::P256);
    let spec = "format = 1\nidentifier = \"jp.example\"\nremoval = \"disallowed\"\ndescription = \"{{serial}}\"\n\
                [placeholders.serial]\ndefault = \"C02EXAMPLE\"\n\
                [[payload]]\ntype = \"com.apple.applicationaccess\"\n";
    fs::write(stage.path("spec.toml"), spec).unwrap();
    let tried = |table: &str, more: &[&str]| {
        fs::write(stage.path("devices.jsonl"), table).unwrap();
        stage.run(&[&["batch", "spec.toml", "devices.jsonl", "--dry-run"], more].concat())
    };
    let told = tried("{\"Serial\":\"A\",\"udid\":\"U-1\"}\n", &[]).failure(1);
    assert!(told.contains("column \"Serial\" is not placeholder \"serial\": the case of letters counts"), "{told}");
    let told = tried("{\"udid\":\"U-1\"}\n", &[]).failure(0);
    assert!(told.contains("placeholder \"serial\" has no column: all rows get its default"), "{told}");
    for missing in [["--device", "Udid"], ["--name", "{Udid}"], ["--encrypt-to", "Udid"]] {
        let told = tried("{\"serial\":\"A\",\"udid\":\"U-1\"}\n", &missing).failure(1);
        assert!(told.contains("there is no column \"Udid\""), "{told}");
    }
    fs::write(stage.path("spec.toml"), spec.replace("default", "pattern")).unwrap();
    let told = tried("{\"udid\":\"U-1\"}\n", &[]).failure(1);
    assert!(told.contains("placeholder \"serial\" has no column and no default"), "{told}");
}

#[test]
fn a_line_with_a_placeholders_key_that_is_no_column_is_not_done_with_the_default() {
    let stage = Stage::new(KeySpec::P256);
    let spec = "format = 1\nidentifier = \"jp.example\"\nremoval = \"disallowed\"\n\
                description = \"{{serial}} {{office}}\"\n[placeholders.serial]\ndefault = \"C02EXAMPLE\"\n\
                [placeholders.office]\ndefault = \"none\"\n[[payload]]\ntype = \"com.apple.applicationaccess\"\n";
    fs::write(stage.path("spec.toml"), spec).unwrap();
    let rows = r#"{"udid":"U-1","serial":"A"}
{"udid":"U-2","Serial":"B"}
{"udid":"U-3","serial":"C","SERIAL":"of its own"}
{"udid":"U-4","serial":"D","office":"Osaka"}
{"udid":"U-5","serial":"E","Office":"Osaka"}
{"udid":"U-6"}
{"udid":"U-7","serial":null,"seat":7}
"#;
    fs::write(stage.path("devices.jsonl"), rows).unwrap();
    let told = stage.run(&["batch", "spec.toml", "devices.jsonl", "--out", "out"]).failure(1);
    let errors: Vec<&str> = told.lines().filter_map(|line| line.strip_prefix("error: devices.jsonl: ")).collect();
    let expected = [
        "line 2, column \"Serial\": is not placeholder \"serial\": the case of letters counts",
        "line 4, column \"office\": is not in the first object, whose keys are the columns",
        "line 5, column \"Office\": is not placeholder \"office\": the case of letters counts",
    ];
    assert_eq!(errors, expected, "{told}");
    let files: Vec<String> = stage.files("out").into_keys().collect();
    assert_eq!(files.join(" "), "U-1.mobileconfig U-3.mobileconfig U-6.mobileconfig U-7.mobileconfig manifest.jsonl");
}

#[test]
fn a_profile_that_one_cell_breaks_names_its_column() {
    let stage = Stage::new(KeySpec::P256);
    let row = "{\"serial\":\"A\",\"site\":\"\",\"pin\":\"1\"}\n{\"serial\":\"B\",\"site\":\"b\",\"pin\":\"\"}\n";
    fs::write(stage.path("devices.jsonl"), row).unwrap();
    for (identifier, pin, columns) in [
        ("{{site}}", "{{pin}}", [", column \"site\"", ", column \"pin\""]),
        ("{{site}}{{site}}", "{{pin}}{{pin}}", ["", ""]),
    ] {
        let spec = format!(
            "format = 1\nidentifier = \"{identifier}\"\nremoval = {{ password = \"{pin}\" }}\n\
             [placeholders.site]\n[placeholders.pin]\n[[payload]]\ntype = \"com.apple.applicationaccess\"\n"
        );
        fs::write(stage.path("spec.toml"), spec).unwrap();
        let told = stage.run(&["batch", "spec.toml", "devices.jsonl", "--dry-run"]).failure(1);
        let [site, pin] = columns;
        assert!(told.contains(&format!("line 1{site}: PayloadIdentifier: is empty\n")), "{told}");
        assert!(told.contains(&format!("line 2{pin}: the removal password is empty: ")), "{told}");
    }
}

#[test]
fn a_version_from_a_placeholder_has_to_be_declared_as_an_integer() {
    let stage = Stage::new(KeySpec::P256);
    fs::write(stage.path("devices.csv"), "serial,version\nA,1\n").unwrap();
    let built = stage.bare(&["build", "spec.toml", "--set", "serial=A"]).success();
    let template = built.replacen("<integer>1</integer>", "<string>{{version}}</string>", 1);
    fs::write(stage.path("own.mobileconfig"), template).unwrap();
    let advice = "is not an integer: declare placeholder \"version\" with type = \"integer\", for a .mobileconfig in the \
                  .toml of its name beside it";
    for how in [&["--out", "out"][..], &["--dry-run"]] {
        let told = stage.run(&[&["batch", "own.mobileconfig", "devices.csv"], how].concat()).failure(1);
        assert!(told.contains("PayloadVersion: ") && told.contains(advice), "{told}");
    }
    fs::write(stage.path("own.toml"), "format = 1\nplaceholders.version.type = \"integer\"\n").unwrap();
    stage.run(&["batch", "own.mobileconfig", "devices.csv", "--out", "out"]).success();
}

#[test]
fn a_row_that_no_manifest_can_tell_is_not_made() {
    let stage = Stage::new(KeySpec::P256);
    let spec = "format = 1\nidentifier = \"{{site}}\"\nremoval = \"disallowed\"\n[placeholders.site]\n\
                [[payload]]\ntype = \"com.apple.applicationaccess\"\nuuid = \"{{site}}\"\n";
    fs::write(stage.path("spec.toml"), spec).unwrap();
    let rows = [("A", 400 << 10), ("B", 600 << 10), ("C", 1)];
    let rows = rows.map(|(serial, length)| format!("{serial},{}\n", "x".repeat(length)));
    fs::write(stage.path("devices.csv"), format!("serial,site\n{}", rows.concat())).unwrap();
    for how in [&["--out", "out"][..], &["--dry-run"]] {
        let told = stage.run(&[&["batch", "spec.toml", "devices.csv"], how].concat()).failure(1);
        let errors: Vec<&str> = told.lines().filter(|line| line.starts_with("error: ")).collect();
        let problem = "the identifier and the UUIDs are longer than a manifest can tell: over 1 MiB";
        assert_eq!(errors, [format!("error: devices.csv: line 3: {problem}")]);
    }
    let files: Vec<String> = stage.files("out").into_keys().collect();
    assert_eq!(files, ["A.mobileconfig", "C.mobileconfig", "manifest.jsonl"]);
    stage.run(&["batch", "--verify", "out"]).success();
}

#[test]
fn no_cell_takes_the_manifests_name() {
    let stage = Stage::new(KeySpec::P256);
    fs::write(stage.path("devices.csv"), "serial,name\nA,Manifest.JSONL\nB,b\n").unwrap();
    let told = stage.run(&["batch", "spec.toml", "devices.csv", "--out", "out", "--name", "{name}"]).failure(1);
    assert!(told.contains("devices.csv: line 2") && told.contains("or the manifest"), "{told}");
    assert!(stage.path("out/b").exists());
}

#[test]
fn a_dry_run_warns_of_what_the_run_warns_of() {
    let stage = Stage::new(KeySpec::P256);
    stage.fleet(3);
    let spec = "format = 1\nidentifier = \"x\"\nremoval = \"disallowed\"\n[placeholders.serial]\n[[payload]]\n\
                type = \"com.apple.applicationaccess\"\ndisplay_name = \"{{serial}}\"\n\
                settings = { allowUIConfigurationProfileInstallation = false }\n";
    std::fs::write(stage.path("spec.toml"), spec).unwrap();
    let warnings = |arguments: &[&str]| warnings(&stage, arguments);
    let dry = warnings(&["batch", "spec.toml", "devices.csv", "--dry-run"]);
    assert!(dry.iter().any(|warning| warning.starts_with("OverwriteForbidden")), "{dry:?}");
    assert_eq!(warnings(&["batch", "spec.toml", "devices.csv"]), dry);
    let overwritten = warnings(&["batch", "--overwrite", "profiles"]);
    assert!(overwritten.iter().any(|warning| warning.starts_with("inherited: OverwriteForbidden")), "{overwritten:?}");
}

/// Without the name of the input.
fn warnings(stage: &Stage, arguments: &[&str]) -> Vec<String> {
    let output = stage.output(arguments);
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{told}");
    let warnings = told.lines().filter_map(|line| line.strip_prefix("warning: ")?.split_once(": "));
    warnings.map(|(_, warning)| warning.to_owned()).collect()
}

#[test]
fn a_profile_that_strands_is_warned_of_whichever_row_brings_it() {
    let stage = Stage::new(KeySpec::P256);
    let spec = "format = 1\nidentifier = \"x\"\nremoval = \"disallowed\"\n[placeholders.serial]\n\
                [placeholders.open]\ntype = \"boolean\"\n[[payload]]\ntype = \"com.apple.applicationaccess\"\n\
                display_name = \"{{serial}}\"\nsettings = { allowUIConfigurationProfileInstallation = \"{{open}}\" }\n";
    fs::write(stage.path("spec.toml"), spec).unwrap();
    let table = |name: &str, is_open: fn(u32) -> bool| {
        let rows = (1..=60).map(|row| format!("C02{row},{}\n", is_open(row)));
        fs::write(stage.path(name), format!("serial,open\n{}", rows.collect::<String>())).unwrap();
    };
    table("at-first.csv", |row| row > 20);
    table("later.csv", |row| row < 40);
    for (devices, place) in [("at-first.csv", ""), ("later.csv", "line 41, and others perhaps: ")] {
        for jobs in ["1", "2"] {
            let out = format!("{devices}-{jobs}");
            for how in [&["--out", &out][..], &["--dry-run"]] {
                let told = warnings(&stage, &[&["batch", "spec.toml", devices, "--jobs", jobs], how].concat());
                let told: Vec<&String> = told.iter().filter(|told| told.contains("OverwriteForbidden")).collect();
                assert!(told.len() == 1 && told[0].starts_with(&format!("{place}OverwriteForbidden")), "{told:?}");
            }
        }
    }
}

#[test]
fn what_is_encrypted_is_checked_before() {
    let stage = Stage::new(KeySpec::P256);
    let spec = "format = 1\nidentifier = \"x\"\nremoval = \"disallowed\"\n[[payload]]\n\
                type = \"com.apple.applicationaccess\"\n\
                settings = { allowUIConfigurationProfileInstallation = false }\n";
    fs::write(stage.path("spec.toml"), spec).unwrap();
    let leaf = Leaf::new("Device", KeySpec::Rsa(2048), validity());
    let device = Authority::new("Devices", KeySpec::P256, validity()).unwrap();
    let device = device.issue(&Leaf { key_usage: vec![KeyUse::KeyEncipherment], ..leaf }).unwrap();
    let pem = String::from_utf8(device.certificate_pem().unwrap()).unwrap();
    fs::write(stage.path("devices.csv"), format!("serial,certificate\nA,\"{pem}\"\n")).unwrap();
    let batch = ["batch", "spec.toml", "devices.csv", "--encrypt-to", "certificate"];
    let told = warnings(&stage, &batch);
    assert!(told.iter().any(|told| told.starts_with("OverwriteForbidden")), "{told:?}");
    assert_eq!(told, warnings(&stage, &[&batch[..], &["--dry-run"]].concat()));
}

/// A file of 16 KiB at most stands for a full disk.
#[test]
fn an_archive_that_cannot_be_written_is_told_once() {
    let stage = Stage::new(KeySpec::P256);
    stage.fleet(40);
    for out in ["a.zip", "a.tar"] {
        let batch = format!("batch spec.toml devices.csv --out {out} --cert signer.pem --key signer.key");
        let binary = env!("CARGO_BIN_EXE_profile-kit");
        let command = format!("trap '' XFSZ; ulimit -f 16; exec '{binary}' {batch} --allow-readable-key --quiet");
        let mut shell = Command::new("bash");
        let output =
            shell.args(["-c", &command]).current_dir(stage.folder.path()).env("NO_COLOR", "1").output().unwrap();
        let told = String::from_utf8(output.stderr).unwrap();
        let errors: Vec<&str> = told.lines().filter(|line| !line.starts_with("note: ")).collect();
        assert_eq!((output.status.code(), errors.len()), (Some(2), 1), "{told}");
        assert!(errors[0].starts_with(&format!("error: {out}")) && errors[0].contains("cannot be"), "{told}");
    }
}

#[test]
fn a_certificate_that_has_ended_since_the_signing_time_is_warned_of() {
    let stage = Stage::new(KeySpec::P256);
    stage.fleet(1);
    let ended = Validity::days(UNIX_EPOCH + Duration::from_secs(1_700_000_000), 90);
    let signer =
        Authority::new("Ended", KeySpec::P256, ended).unwrap().issue(&Leaf::new("Ended", KeySpec::P256, ended));
    let signer = signer.unwrap();
    fs::write(stage.path("signer.pem"), signer.certificate_pem().unwrap()).unwrap();
    fs::write(stage.path("signer.key"), signer.key_pem().unwrap()).unwrap();
    let at = |time| stage.output(&["batch", "spec.toml", "devices.csv", "--out", time, "--signing-time", time]);
    let (within, after) = (at("2024-01-01T00:00:00Z"), at("2026-01-01T00:00:00Z"));
    let told = String::from_utf8(within.stderr).unwrap();
    assert!(within.status.success() && told.contains("the signing time that is asked for is before that"), "{told}");
    assert_eq!(after.status.code(), Some(2));
}

#[test]
fn a_secret_names_neither_device_nor_file() {
    let stage = Stage::new(KeySpec::P256);
    let spec = "format = 1\nidentifier = \"x\"\nremoval = \"disallowed\"\n[placeholders.pin]\nsecret = true\n\
                [[payload]]\ntype = \"com.apple.wifi.managed\"\nsettings = { Password = \"{{pin}}\" }\n";
    std::fs::write(stage.path("spec.toml"), spec).unwrap();
    std::fs::write(stage.path("devices.csv"), "serial,pin\nA1,hunter2\nA2,hunter2\n").unwrap();
    for named in [["--device", "pin"], ["--name", "{pin}.mobileconfig"]] {
        let told = stage.run(&[&["batch", "spec.toml", "devices.csv", "--dry-run"], &named[..]].concat()).failure(1);
        assert!(told.contains("column \"pin\" is declared secret") && !told.contains("hunter2"), "{told}");
    }
    stage.run(&["batch", "spec.toml", "devices.csv"]).success();
}

#[test]
fn a_secret_stands_in_no_identifier_or_uuid_that_the_manifest_tells() {
    let stage = Stage::new(KeySpec::P256);
    fs::write(stage.path("devices.csv"), "serial,tenant\nA1,hunter2\n").unwrap();
    let refused = |identifier: &str, uuid: &str, payload_uuid: &str| {
        let spec = format!(
            "format = 1\nidentifier = \"jp.example{identifier}\"\n{uuid}\nremoval = \"disallowed\"\n\
             [placeholders.tenant]\nsecret = true\n[[payload]]\ntype = \"com.apple.wifi.managed\"\n{payload_uuid}\n\
             settings = {{ Password = \"{{{{tenant}}}}\" }}\n"
        );
        fs::write(stage.path("spec.toml"), spec).unwrap();
        let both = [&["--dry-run"][..], &["--out", "out"]].map(|how| {
            let told = stage.run(&[&["batch", "spec.toml", "devices.csv"], how].concat()).failure(1);
            assert!(!told.contains("hunter2") && !stage.path("out").exists(), "{told}");
            told
        });
        assert_eq!(both[0], both[1]);
        both[0].clone()
    };
    let uuid = "uuid = \"{{tenant}}\"";
    for (told, path) in [
        (refused(".{{tenant}}", "", ""), "PayloadIdentifier"),
        (refused("", uuid, ""), "PayloadUUID"),
        (refused("", "", uuid), "PayloadContent[0].PayloadUUID"),
    ] {
        let why = format!("devices.csv: {path} has a placeholder that is declared secret: the manifest would tell it");
        assert!(told.contains(&why), "{told}");
    }
}

#[test]
fn a_table_in_another_form_does_not_tell_its_secrets() {
    let stage = Stage::new(KeySpec::P256);
    let spec = "format = 1\nidentifier = \"x\"\nremoval = \"disallowed\"\n[placeholders.pin]\nsecret = true\n\
                [[payload]]\ntype = \"com.apple.wifi.managed\"\nsettings = { Password = \"{{pin}}\" }\n";
    fs::write(stage.path("spec.toml"), spec).unwrap();
    for (table, why) in [
        ("A1,hunter2\n", "its columns are number 1, number 2"),
        ("serial,hunter2,hunter2\n", "the header has the same name for columns 2 and 3"),
        ("Serial,hunter2,PIN,Office\n", "its columns are \"Serial\", number 2, \"PIN\", number 4"),
        ("\"hunter2\"\n{\"serial\": \"A1\", \"pin\": \"hunter2\"}\n", "its columns are number 1"),
        ("[{\"serial\": \"A1\", \"pin\": \"hunter2\"}]\n", "is a JSON array, and JSON Lines are wanted"),
        ("{\"serial\": \"A1\", \"pin\": \"x\"}\n\"hunter2\"\n", "line 2: is not a JSON object at character 9"),
    ] {
        fs::write(stage.path("devices"), table).unwrap();
        let told = stage.run(&["batch", "spec.toml", "devices", "--dry-run"]).failure(1);
        assert!(told.contains(why) && !told.contains("hunter2"), "{told}");
    }
}

#[test]
fn of_a_secret_that_is_no_text_the_place_is_told_alone() {
    let stage = Stage::new(KeySpec::P256);
    let spec = "format = 1\nidentifier = \"x\"\nremoval = \"disallowed\"\n[placeholders.pin]\nsecret = true\n\
                [placeholders.ssid]\n[[payload]]\ntype = \"com.apple.wifi.managed\"\n\
                settings = { SSID_STR = \"{{ssid}}\", Password = \"{{pin}}\" }\n";
    fs::write(stage.path("spec.toml"), spec).unwrap();
    let rows = b"serial,ssid,pin\nA,x,hunter\xff\nB,\x07,x\nC,x,hunter\x07\n\xe9,x,x\n";
    fs::write(stage.path("devices.csv"), rows).unwrap();
    let told = stage.run(&["batch", "spec.toml", "devices.csv", "--dry-run"]).failure(1);
    let errors: Vec<&str> = told.lines().filter_map(|line| line.strip_prefix("error: devices.csv: ")).collect();
    let hint = "name the encoding if it is another, such as Shift_JIS";
    let expected = [
        format!("line 2, column \"pin\": is not UTF-8 at byte 7; {hint}"),
        "line 3, column \"ssid\": XML cannot hold the character U+0007".to_owned(),
        "line 4, column \"pin\": XML cannot hold its character 7".to_owned(),
        format!("line 5, column \"serial\": is not UTF-8 at byte 1; {hint}"),
    ];
    assert_eq!(errors, expected);
}

/// As Excel writes columns that were emptied.
#[test]
fn columns_without_a_name_are_told_once_and_nothing_asks_for_them() {
    let stage = Stage::new(KeySpec::P256);
    for header in ["serial,", "serial,,", "serial,, "] {
        let row = header.replace("serial", "A").replace(' ', "");
        fs::write(stage.path("devices.csv"), format!("{header}\n{row}\n")).unwrap();
        let told = stage.run(&["batch", "spec.toml", "devices.csv", "--dry-run"]).failure(0);
        assert_eq!(told.matches("column \"\" is used by nothing\n").count(), 1, "{header:?}: {told}");
        let told = stage.run(&["batch", "spec.toml", "devices.csv", "--dry-run", "--device", ""]).failure(1);
        assert!(told.contains("there is no column \"\""), "{told}");
    }
}

#[test]
fn two_rows_do_not_share_a_file() {
    let stage = Stage::new(KeySpec::P256);
    fs::write(stage.path("devices.csv"), "serial,udid,office\nA,1,Tokyo\nB,2,TOKYO\nC,3,Osaka\n").unwrap();
    let told = stage.run(&["batch", "spec.toml", "devices.csv", "--out", "out", "--name", "{office}"]).failure(1);
    assert_eq!(told, "error: devices.csv: line 3: the file \"TOKYO\" is that of a row before, or the manifest\n");
    assert_eq!(stage.files("out").into_keys().collect::<Vec<_>>(), ["Osaka", "Tokyo", "manifest.jsonl"]);
}

#[test]
fn encrypts_each_devices_payloads_for_its_own_certificate() {
    let stage = Stage::new(KeySpec::P256);
    let validity = validity();
    let authority = Authority::new("Devices", KeySpec::P256, validity).unwrap();
    let mut table = String::from("serial,certificate\n");
    for device in ["C02A", "C02B"] {
        let leaf = Leaf::new(device, KeySpec::Rsa(2048), validity);
        let issued = authority.issue(&Leaf { key_usage: vec![KeyUse::KeyEncipherment], ..leaf }).unwrap();
        fs::write(stage.path(device), issued.key_pem().unwrap()).unwrap();
        let pem = String::from_utf8(issued.certificate_pem().unwrap()).unwrap();
        fs::write(stage.path(&format!("{device}.pem")), &pem).unwrap();
        let cell = if device == "C02A" { pem } else { pem.lines().filter(|line| !line.starts_with('-')).collect() };
        table += &format!("{device},\"{cell}\"\n");
    }
    table += "C02C,\nC02D,nothing\n";
    fs::write(stage.path("devices.csv"), table).unwrap();
    let told =
        stage.run(&["batch", "spec.toml", "devices.csv", "--out", "out", "--encrypt-to", "certificate"]).failure(1);
    assert!(told.contains("column \"certificate\": is empty"), "{told}");
    assert_eq!(told.matches("error:").count(), 2, "{told}");
    for device in ["C02A", "C02B"] {
        let (file, pem) = (format!("out/{device}.mobileconfig"), format!("{device}.pem"));
        let key = ["--cert", &pem, "--key", device, "--allow-readable-key"];
        let clear = stage.bare(&[&["decrypt", &file], &key[..]].concat()).success();
        assert!(
            clear.contains(&format!("Management of device {device}")) && clear.contains("allowAppRemoval"),
            "{clear}"
        );
    }
    stage.run(&["batch", "--verify", "out", "--roots", "roots.pem"]).success();

    // A UUID of the content would let anybody try out what is hidden.
    stage.run(&["batch", "spec.toml", "devices.csv", "--out", "clear"]).success();
    let uuids = |out: &str| {
        let manifest = fs::read_to_string(stage.path(out).join("manifest.jsonl")).unwrap();
        let lines = manifest.lines().skip(1).map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
        lines.filter_map(|line| Some(line["uuid"].as_str()?.to_owned())).collect::<Vec<_>>()
    };
    let (hidden, clear) = (uuids("out"), uuids("clear"));
    assert!(hidden.len() == 2 && hidden[0] != hidden[1] && hidden.iter().all(|uuid| !clear.contains(uuid)));

    // Encryption is random: a resume makes files that are as good.
    stage.cut("out/manifest.jsonl", 1);
    let first = fs::read(stage.path("out/C02A.mobileconfig")).unwrap();
    let batch = ["batch", "spec.toml", "devices.csv", "--out", "out", "--encrypt-to", "certificate", "--resume"];
    stage.run(&batch).failure(1);
    assert!(first == fs::read(stage.path("out/C02A.mobileconfig")).unwrap());
    let decrypt = ["decrypt", "out/C02B.mobileconfig", "--cert", "C02B.pem", "--key", "C02B", "--allow-readable-key"];
    assert!(stage.bare(&decrypt).success().contains("Management of device C02B"));
    let verified = stage.run(&["batch", "--verify", "out", "--roots", "roots.pem"]).success();
    assert_eq!(verified, "out/manifest.jsonl: 2 files are what it says, 0 are not\n");
}

#[test]
fn a_header_of_a_million_columns_is_refused_in_bounded_memory() {
    let stage = Stage::new(KeySpec::P256);
    fs::write(stage.path("devices.csv"), format!("serial{}\nA\n", ",x".repeat(1_000_000))).unwrap();
    let output = stage.within_mebibytes(300, "batch spec.toml devices.csv --out out --jobs 2");
    let told = String::from_utf8(output.stderr).unwrap();
    assert_eq!(told, "error: devices.csv: line 1, column 1: the header has more than 4096 cells\n");
    assert!(output.status.code() == Some(1) && !stage.path("out").exists());
}

#[test]
fn hostile_tables_end_in_clear_errors_in_bounded_memory() {
    let stage = Stage::new(KeySpec::P256);
    let mut table = BufWriter::new(File::create(stage.path("devices.csv")).unwrap());
    writeln!(table, "serial,udid").unwrap();
    writeln!(table, "C02A,../../../etc/passwd").unwrap();
    writeln!(table, "C02B,{}", "x".repeat(100 << 20)).unwrap();
    writeln!(table, "C02C,{}", "x,".repeat(1_000_000)).unwrap();
    table.write_all(b"C02D,\0\nC02E,\x93\x8c\x8b\x9e\nC02F,=cmd|' /C calc'!A0\nC02G,<&>\"'\n").unwrap();
    writeln!(table, "C02H,\"never closed").unwrap();
    (0..200_000).for_each(|row| writeln!(table, "C03{row},{row}").unwrap());
    table.flush().unwrap();
    let spec = fs::read_to_string(stage.path("spec.toml")).unwrap();
    fs::write(stage.path("spec.toml"), spec.replace("pattern = \"[A-Za-z0-9-]+\"\n", "")).unwrap();
    let output = stage.within_mebibytes(400, "batch spec.toml devices.csv --out out --jobs 2");
    let told = String::from_utf8(output.stderr).unwrap();
    let expected = [
        "line 3: the row is larger than 4 MiB; is a quote not closed?",
        "line 4: the row has more than 4096 cells",
        "line 5, column \"udid\": XML cannot hold the character U+0000",
        "line 6, column \"udid\": is not UTF-8 at byte 1; name the encoding if it is another, such as Shift_JIS",
        "line 9: the row has a quote that is never closed: everything after it was taken for one cell",
    ];
    assert_eq!(output.status.code(), Some(1), "{told}");
    for (line, expected) in told.lines().zip(expected) {
        assert_eq!(line, format!("error: devices.csv: {expected}"));
    }
    assert_eq!(told.lines().count(), expected.len(), "{told}");
    let names: Vec<String> = stage.files("out").into_keys().collect();
    assert_eq!(
        names,
        [
            "%2E.%2F..%2F..%2Fetc%2Fpasswd.mobileconfig",
            "%3C&%3E%22'.mobileconfig",
            "=cmd%7C' %2FC calc'!A0.mobileconfig",
            "manifest.jsonl"
        ]
    );
    stage.run(&["batch", "--verify", "out", "--roots", "roots.pem"]).success();
}

#[test]
fn memory_does_not_grow_with_the_rows() {
    let stage = Stage::new(KeySpec::P256);
    stage.fleet(6_000);
    let output = stage.within_mebibytes(150, "batch spec.toml devices.csv --out out.tar --jobs 2");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
