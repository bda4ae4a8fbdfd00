//! Import: what was signed elsewhere comes into the record and can be freed.

use std::{fs, io, path::Path};

use profile_kit::{
    IdentityFiles, Profile, Removal, SignOptions,
    batch::{Batch, Encoding, Options, Out, Start, Table},
    payload::Restrictions,
    pki::{KeySpec, Leaf, Validity, self_signed},
};
use signer::{
    Digest,
    admin::{Answer, Ask},
    import::{self, Became, Offered},
};

use crate::running::{DAY, Place, Running, now, signer_of};

#[tokio::test]
async fn a_profile_of_the_keyring_comes_in_and_its_overwrite_is_signed() {
    let running = Running::start().await;
    let signed = signed(&running.place, Removal::Disallowed);
    let [Became::New { held: true, .. }] = take(&running, &[("C02A", &signed)]).await[..] else { panic!() };
    assert_eq!(signer_of(running.overwrite("C02A", "1").await.ok()), "CN=Test Profile Signer");
}

#[tokio::test]
async fn a_repetition_changes_nothing() {
    let running = Running::start().await;
    let signed = signed(&running.place, Removal::Disallowed);
    let [Became::New { issuance, .. }] = take(&running, &[("C02A", &signed)]).await[..] else { panic!() };
    assert_eq!(take(&running, &[("C02A", &signed)]).await, [Became::Known { issuance }]);
}

#[tokio::test]
async fn what_is_not_taken_in_is_told_and_the_rest_goes_on() {
    let running = Running::start().await;
    let good = signed(&running.place, Removal::Disallowed);
    let free = signed(&running.place, Removal::Allowed);
    let mut broken = good.clone();
    let end = broken.len() - 1;
    broken[end] ^= 1;
    let offered: [(&str, &[u8]); 5] = [
        ("C02A", &good),
        ("C02B", &free),
        ("C02C", &broken),
        ("C02D", &foreign()),
        ("C02E", b"<?xml version=\"1.0\"?>"),
    ];
    let codes: Vec<_> = take(&running, &offered)
        .await
        .into_iter()
        .map(|became| match became {
            Became::Refused { code, .. } => code,
            other => format!("{other:?}").chars().take(3).collect(),
        })
        .collect();
    let expected = ["New", "invalid-request", "signature-broken", "not-signed-by-keyring", "not-signed"];
    assert_eq!(codes, expected);
    let mut audit = Vec::new();
    signer::ledger::Archive::open(&running.place.path("ledger.db")).unwrap().export_audit(&mut audit).unwrap();
    let audit = String::from_utf8(audit).unwrap();
    for (device, code) in [("C02B", expected[1]), ("C02C", expected[2]), ("C02D", expected[3]), ("C02E", expected[4])] {
        let told = format!("\"code\":\"{code}\",\"detail\":{{\"from\":\"test\"}},\"device\":\"{device}\"");
        assert!(audit.lines().any(|line| line.contains("\"action\":\"import\"") && line.contains(&told)), "{audit}");
    }
}

#[tokio::test]
async fn of_a_key_that_is_gone_it_comes_in_and_counts_as_stranded() {
    let place = Place::new();
    let signed = signed(&place, Removal::Disallowed);
    place.rotate();
    place.lose();
    let running = place.start().await;
    let [Became::New { held: false, .. }] = take(&running, &[("C02A", &signed)]).await[..] else { panic!() };
    let devices = vec!["C02A".parse().unwrap()];
    assert_eq!(running.operate(Ask::Stranded { after: None }).await, Answer::Stranded { devices });
}

#[tokio::test]
async fn a_batch_of_profile_kit_comes_in_from_folder_and_archive() {
    let running = Running::start().await;
    let place = &running.place;
    let text = fs::read_to_string(place.path("ivi-mdm.toml")).unwrap();
    let template = profile_kit::spec::read(&text).unwrap();
    let identity = IdentityFiles::new(place.path("test.pem"), place.path("test.key")).load().unwrap();
    for (number, name) in ["campaign", "campaign.tar"].into_iter().enumerate() {
        let rows = format!("serial,udid\nC02A,{number}-A\nno serial,{number}-B\nC02C,{number}-C\n");
        let devices = Table::open(io::Cursor::new(rows), Encoding::Utf8).unwrap();
        let out = Out::of(place.folder.path().join(name));
        let batch = Batch::new(&template, text.as_bytes(), &identity, Options::new(SignOptions::new(now())));
        let report = batch.run(devices, &out, Start::Fresh, &Default::default(), &mut |_| ()).unwrap();
        assert_eq!((report.made, report.failed), (2, 1));
        let read = entries(&out.manifest());
        let told = read[1].as_ref().err().unwrap().to_string();
        assert!(told.contains("line 3: nothing was made of row 2: "), "{told}");
        let good: Vec<_> = read.into_iter().filter_map(Result::ok).collect();
        let good: Vec<_> = good.iter().map(|it| (it.device.as_str(), it.signed.as_slice())).collect();
        assert!(take(&running, &good).await.iter().all(|became| matches!(became, Became::New { held: true, .. })));
        running.overwrite(&format!("{number}-C"), name).await.ok();
    }
}

#[test]
fn a_batch_is_read_by_its_manifest_from_folder_and_archive() {
    let (folder, signed) = (tempfile::tempdir().unwrap(), vec![b'x'; 700]);
    let manifest = manifest_of(&[("C02A", "00/a.mobileconfig", &signed), ("C02B", "b.mobileconfig", &signed)]);
    let manifest = manifest + "{\"rows\":2,\"made\":2,\"failed\":0}\n";
    fs::create_dir(folder.path().join("00")).unwrap();
    for name in ["00/a.mobileconfig", "b.mobileconfig"] {
        fs::write(folder.path().join(name), &signed).unwrap();
    }
    fs::write(folder.path().join("manifest.jsonl"), &manifest).unwrap();
    let mut archive = tar::Builder::new(fs::File::create(folder.path().join("it.tar")).unwrap());
    for name in ["00/a.mobileconfig", "b.mobileconfig"] {
        archive.append_path_with_name(folder.path().join(name), name).unwrap();
    }
    archive.finish().unwrap();
    fs::write(folder.path().join("it.tar.manifest.jsonl"), &manifest).unwrap();
    for name in ["manifest.jsonl", "it.tar.manifest.jsonl"] {
        let read = entries(&folder.path().join(name));
        let devices: Vec<_> = read.iter().map(|it| it.as_ref().unwrap().device.to_string()).collect();
        assert_eq!(devices, ["C02A", "C02B"], "{name}");
        assert!(read.iter().all(|it| it.as_ref().unwrap().signed == signed));
    }
}

#[test]
fn a_manifests_rows_that_give_nothing_are_told_with_their_line() {
    let folder = tempfile::tempdir().unwrap();
    let signed = b"signed".as_slice();
    let failed =
        "{\"row\":9,\"line\":10,\"device\":\"C02Z\",\"problems\":[{\"column\":\"serial\",\"problem\":\"is empty\"}]}\n";
    let offered =
        [("C02A", "changed", signed), ("C02B", "missing", signed), ("C02C", "../out", signed), ("é", "good", signed)];
    let manifest = manifest_of(&offered) + failed + "{\"rows\":5,\"made\":4,\"failed\":1}\n";
    fs::write(folder.path().join("manifest.jsonl"), manifest).unwrap();
    fs::write(folder.path().join("changed"), "changed").unwrap();
    fs::write(folder.path().join("good"), signed).unwrap();
    let told: Vec<_> = entries(&folder.path().join("manifest.jsonl"))
        .into_iter()
        .map(|it| it.err().unwrap().to_string().rsplit_once("manifest.jsonl, ").unwrap().1.to_owned())
        .collect();
    let expected = [
        "line 2: changed is not the file that was made",
        "line 3: missing cannot be read: No such file or directory (os error 2)",
        "line 4: ../out leads out of the folder",
        "line 5: its device is no device id",
        "line 6: nothing was made of row 9: is empty",
    ];
    assert_eq!(told, expected);
}

#[test]
fn a_manifest_that_does_not_tell_everything_is_told_of() {
    let folder = tempfile::tempdir().unwrap();
    let signed = b"signed".as_slice();
    fs::write(folder.path().join("a"), signed).unwrap();
    let told = |end: &str| {
        let path = folder.path().join("manifest.jsonl");
        fs::write(&path, manifest_of(&[("C02A", "a", signed)]) + end).unwrap();
        let read = entries(&path);
        let told: Vec<_> =
            read.into_iter().map(|it| it.map(|it| it.device.to_string()).map_err(|it| it.problem)).collect();
        assert_eq!(told[0], Ok("C02A".into()), "{end}");
        assert!(told.len() <= 2, "{told:?}");
        told.get(1).cloned().map(|it| it.expect_err("only one device is named"))
    };
    let no_end = "the manifest has no end: its batch is not complete, or was cut off";
    let long = format!("{{\"row\":\"{}\"}}\n", "x".repeat(9 << 20));
    for (end, problem) in [
        ("{\"rows\":1,\"made\":1,\"failed\":0}\n", None),
        ("", Some(no_end)),
        ("{\"row\":2,\"devi", Some("cannot be read, nor what comes after it: the file ends within it")),
        (&long, Some("cannot be read, nor what comes after it: it is longer than 8 MiB")),
        (
            "{\"rows\":1,\"made\":1,\"failed\":0}\n{\"format\":1}\n",
            Some("is the manifest's end, and more comes after it: join manifests with `batch --join`"),
        ),
        ("no line\n{\"rows\":2,\"made\":2,\"failed\":0}\n", Some("is no line of a manifest")),
        ("no line\n{\"rows\":2,\"made\":1,\"failed\":1}\n", Some("is no line of a manifest")),
        ("{\"rows\":1,\"made\":0,\"failed\":1}\n", Some("counts 0 files and 1 failed rows, where 1 and 0 are named")),
        ("{\"rows\":3,\"made\":3,\"failed\":0}\n", Some("counts 3 files and 0 failed rows, where 1 and 0 are named")),
    ] {
        assert_eq!(told(end).as_deref(), problem);
    }
}

#[test]
fn overwrites_are_not_taken_for_locked_profiles() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("manifest.jsonl");
    fs::write(&path, HEAD.replace("profiles", "overwrites")).unwrap();
    assert!(import::manifest(&path).is_err());
}

#[test]
fn a_folder_is_read_by_a_table_of_its_devices() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("a.mobileconfig"), "a").unwrap();
    let table = folder.path().join("devices.csv");
    for (header, column) in [("serial,file", None), ("file_of,tag,file", Some("tag")), ("\u{feff}device,file", None)] {
        let row = if column.is_some() { ",C02A,a.mobileconfig" } else { "C02A,a.mobileconfig" };
        fs::write(&table, format!("{header}\n{row}\n")).unwrap();
        let mut entries = import::list(folder.path(), Some(&table), column).unwrap();
        let offered = entries.next().unwrap().unwrap_or_else(|error| panic!("{error}"));
        assert_eq!((offered.device.to_string().as_str(), offered.signed.as_slice()), ("C02A", b"a".as_slice()));
        assert!(offered.from.ends_with("devices.csv, line 2"), "{}", offered.from);
    }
    fs::File::create(folder.path().join("large")).unwrap().set_len((8 << 20) + 1).unwrap();
    fs::write(&table, "serial,file\nC02A,large\n").unwrap();
    let told = import::list(folder.path(), Some(&table), None).unwrap().next().unwrap().err().unwrap().to_string();
    assert!(told.ends_with("large is larger than 8 MiB"), "{told}");
    fs::create_dir(folder.path().join("folder")).unwrap();
    fs::write(&table, "serial,file\nC02A,folder\n").unwrap();
    let told = import::list(folder.path(), Some(&table), None).unwrap().next().unwrap().err().unwrap().to_string();
    assert!(told.ends_with("folder cannot be read: it is no regular file"), "{told}");
    fs::write(&table, "serial,name\n").unwrap();
    assert!(
        import::list(folder.path(), Some(&table), None).err().unwrap().to_string().ends_with("has no column \"file\"")
    );
    assert!(import::list(folder.path(), None, None).is_err());
}

fn entries(manifest: &Path) -> Vec<Result<Offered, import::Unread>> {
    import::manifest(manifest).unwrap_or_else(|error| panic!("{error}")).collect()
}

fn manifest_of(files: &[(&str, &str, &[u8])]) -> String {
    let line = |(row, (device, file, signed)): (usize, &(&str, &str, &[u8]))| {
        let signed = Digest::of(signed);
        format!(
            "{{\"row\":{},\"device\":\"{device}\",\"file\":\"{file}\",\"size\":1,\"identifier\":\"i\",\"uuid\":\"u\",\
             \"payloads\":[],\"content\":\"{signed}\",\"signed\":\"{signed}\"}}\n",
            row + 1
        )
    };
    HEAD.to_owned() + &files.iter().enumerate().map(line).collect::<String>()
}

async fn take(running: &Running, offered: &[(&str, &[u8])]) -> Vec<Became> {
    let profile = |(device, signed): &(&str, &[u8])| {
        let offered = Offered { device: device.parse().unwrap(), signed: signed.to_vec(), from: "test".into() };
        (&offered).into()
    };
    match running.operate(Ask::Import { profiles: offered.iter().map(profile).collect() }).await {
        Answer::Imported { became } => became,
        other => panic!("{other:?}"),
    }
}

pub fn signed(place: &Place, removal: Removal) -> Vec<u8> {
    let identity = IdentityFiles::new(place.path("test.pem"), place.path("test.key")).load().unwrap();
    let mut profile = Profile::new("jp.example.ivi-mdm", "IVI MDM");
    profile.set_removal(removal);
    profile.push(Restrictions { allow_app_installation: Some(false), ..Default::default() });
    identity.sign_with(&profile, &SignOptions::new(now())).unwrap().into_bytes()
}

/// Signed by somebody whom the keyring does not know.
fn foreign() -> Vec<u8> {
    let issued = self_signed(&Leaf::new("Somebody", KeySpec::P256, Validity::days(now() - DAY, 365))).unwrap();
    let mut profile = Profile::new("jp.example.ivi-mdm", "IVI MDM");
    profile.set_removal(Removal::Disallowed);
    profile.push(Restrictions { allow_app_installation: Some(false), ..Default::default() });
    issued.identity().unwrap().sign_with(&profile, &SignOptions::new(now())).unwrap().into_bytes()
}

const HEAD: &str = "{\"format\":1,\"made\":\"profiles\",\"input\":\"00\",\"spec\":\"00\",\"leaf\":\"00\",\"signing_time\":\"2030-01-01T00:00:00Z\",\"options\":{}}\n";
