//! Backup and restore: the copy verifies, and what is put back serves the same.

use std::{
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
};

use signer::{
    admin::{Answer, Ask, Client},
    audit::{CheckpointKey, CheckpointVerifier},
    backup::{self, BackupError, Record},
    config::record_of,
    daemon::StartError,
    ledger,
    state::Secrets,
};
use tokio::{net::TcpStream, task::spawn_blocking};

use crate::running::{Place, Running};

#[tokio::test]
async fn what_is_put_back_serves_the_same() {
    let running = Running::start().await;
    let locked = running.issue("C02A", "1").await.ok();
    let copy = back_up(&running).await;
    let overwrite = running.overwrite("C02A", "2").await.ok();
    let (place, _) = running.end().await;
    lose_the_record(&place);
    let (contents, check) = backup::restore(&copy, &record(&place)).unwrap();
    assert_eq!((contents.profiles, check.profiles), (1, 1));
    let running = place.start().await;
    assert_eq!(running.issue("C02A", "1").await.ok(), locked);
    // It was issued after the copy: it is made again, for the same installed profile.
    let again = running.overwrite("C02A", "2").await.ok();
    assert_eq!(crate::running::signer_of(again), crate::running::signer_of(overwrite));
}

#[tokio::test]
async fn a_copy_is_made_while_profiles_are_issued() {
    let running = Running::start().await;
    running.issue("first", "first").await.ok();
    let issuing = async {
        for device in 0..30 {
            running.issue(&format!("C02{device}"), &format!("k{device}")).await.ok();
        }
    };
    let (copy, ()) = tokio::join!(back_up(&running), issuing);
    let (contents, check) = backup::verify(&copy, &record(&running.place)).unwrap();
    assert!((1..=31).contains(&contents.profiles), "{contents:?}");
    assert_eq!(check.profiles, contents.profiles);
    assert!(contents.covered >= 1);
}

#[tokio::test]
async fn what_a_killed_daemon_left_of_a_copy_is_removed_at_the_next_start() {
    let place = Place::new();
    let left = place.path("ledger.db.backup-0190a5b4-7c00-7000-8000-000000000001");
    let others = ["ledger.db.backup-mine", "other.db.backup-0190a5b4-7c00-7000-8000-000000000001"];
    for folder in others.map(|name| place.path(name)).iter().chain([&left]) {
        fs::create_dir(folder).unwrap();
        fs::write(folder.join("ledger.db"), "half of it").unwrap();
    }
    let running = place.start().await;
    assert!(!left.exists());
    assert!(others.iter().all(|name| running.place.path(name).join("ledger.db").exists()));
}

#[tokio::test]
async fn a_copy_says_which_keys_it_needs_and_holds_none() {
    let running = Running::start().await;
    running.issue("C02A", "1").await.ok();
    let copy = back_up(&running).await;
    let contents = backup::read(&copy).unwrap();
    assert_eq!(contents.ledger_key, record(&running.place).keys.active.id());
    let [needed] = contents.identities.as_slice() else { panic!("{contents:?}") };
    assert_eq!((needed.identity.as_str(), needed.held), ("test", true));
    let secrets = ["ledger-seal.key", "ledger-parameters.key", "checkpoints.key", "test.key"];
    let secrets = secrets.map(|name| fs::read(running.place.path(name)).unwrap());
    for name in backup::FILES {
        let bytes = fs::read(copy.join(name)).unwrap();
        for secret in &secrets {
            assert!(!bytes.windows(secret.len()).any(|window| window == secret), "{name}");
        }
    }
}

#[tokio::test]
async fn a_checkpoint_key_can_be_changed_where_the_one_before_is_named() {
    let running = Running::start().await;
    running.issue("C02A", "1").await.ok();
    let (place, _) = running.end().await;
    let former = fs::read(place.path("checkpoints.key")).unwrap();
    fs::write(place.path("former.pem"), CheckpointKey::from_pem(&former).unwrap().verifier().to_pem().unwrap())
        .unwrap();
    fs::write(place.path("checkpoints.key"), CheckpointKey::generate().unwrap().to_pem().unwrap()).unwrap();
    let running = place.start().await;
    let Answer::Refused { code, problems } = running.operate(Ask::Backup).await else { panic!() };
    assert_eq!(code, "not-copied");
    assert!(problems[0].contains("is not signed by a checkpoint key that was given"), "{problems:?}");
    let warned = async |running: &Running| match running.reload(None).await {
        Answer::Reloaded { warnings, .. } => warnings.iter().any(|it| it.contains("named in audit.former_keys")),
        other => panic!("{other:?}"),
    };
    assert!(warned(&running).await);
    let (place, _) = running.end().await;
    place.change("[audit]\n", "[audit]\nformer_keys = [\"former.pem\"]\n");
    let running = place.start().await;
    assert!(!warned(&running).await);
    let copy = back_up(&running).await;
    let (contents, _) = backup::verify(&copy, &record(&running.place)).unwrap();
    assert_eq!(contents.checkpoint_keys.len(), 2);
    let keys = CheckpointVerifier::all_from_pem(&fs::read(copy.join("checkpoint-key.pub.pem")).unwrap()).unwrap();
    assert_eq!(keys.iter().map(CheckpointVerifier::id).collect::<Vec<_>>(), contents.checkpoint_keys);
}

#[tokio::test]
async fn a_seal_key_can_be_changed_where_the_one_before_is_named_and_is_needed_from_then_on() {
    let running = Running::start().await;
    let locked = running.issue("C02A", "1").await.ok();
    let (place, _) = running.end().await;
    fs::rename(place.path("ledger-seal.key"), place.path("former.key")).unwrap();
    fs::copy(place.path("ledger-parameters.key"), place.path("ledger-seal.key")).unwrap();
    fs::write(place.path("ledger-seal.key"), [7; 32]).unwrap();
    needs_a_key(&place).await;
    place.change("[ledger]\n", NAMED);
    let running = place.start().await;
    assert_eq!(running.issue("C02A", "1").await.ok(), locked);
    running.overwrite("C02A", "2").await.ok();
    running.issue("C02B", "3").await.ok();
    let copy = back_up(&running).await;
    let (place, _) = running.end().await;
    let (contents, check) = backup::verify(&copy, &record(&place)).unwrap();
    assert_eq!((contents.former_ledger_keys.len(), check.profiles), (1, 3));
    place.change(NAMED, "[ledger]\n");
    needs_a_key(&place).await;
    assert!(matches!(backup::verify(&copy, &record(&place)), Err(BackupError::OtherKey { .. })));
}

#[tokio::test]
async fn a_seal_key_that_sealed_nothing_may_go_and_a_reload_lets_none_go_that_sealed() {
    let running = Running::start().await;
    running.issue("C02A", "1").await.ok();
    let (place, _) = running.end().await;
    fs::copy(place.path("ledger-seal.key"), place.path("former.key")).unwrap();
    fs::write(place.path("ledger-seal.key"), [7; 32]).unwrap();
    place.change("[ledger]\n", NAMED);
    let (place, _) = place.start().await.end().await;
    fs::write(place.path("ledger-seal.key"), [8; 32]).unwrap();
    let running = place.start().await;
    running.issue("C02A", "1").await.ok();
    running.place.change(NAMED, "[ledger]\n");
    let Answer::Refused { code, problems } = running.reload(None).await else { panic!("the key of a profile went") };
    assert_eq!((code.as_str(), problems.len()), ("ledger-key-missing", 1), "{problems:?}");
    assert_names_keys(&problems[0], &running.place, &["ledger-seal.key", "ledger-parameters.key"]);
    running.place.change("[ledger]\n", NAMED);
    assert!(matches!(running.reload(None).await, Answer::Reloaded { .. }));
    running.end().await;
}

async fn needs_a_key(place: &Place) {
    let error = place.start_error().await;
    let source = match &error {
        StartError::LedgerKey { source, .. } => source,
        _ => panic!("{error:?}"),
    };
    assert!(matches!(source, ledger::Error::UnknownKey { .. }), "{error:?}");
}

/// Whether a sentence says where the keys are, and what to do about one that is missing.
pub fn assert_names_keys(told: &str, place: &Place, names: &[&str]) {
    for name in names {
        assert!(told.contains(&place.path(name).display().to_string()), "{name}: {told}");
    }
    assert!(told.ends_with("name the one before in ledger.former_seal_keys"), "{told}");
}

const NAMED: &str = "[ledger]\nformer_seal_keys = [{ file = \"former.key\" }]\n";

#[tokio::test]
async fn nothing_is_left_beside_the_ledger() {
    let running = Running::start().await;
    back_up(&running).await;
    let (place, _) = running.end().await;
    assert_eq!(left_of_copies(&place), Vec::<String>::new());
}

#[tokio::test]
async fn a_copy_that_is_on_its_way_when_the_daemon_is_to_end_arrives_whole() {
    let running = Running::start().await;
    let (mut client, files) = begun(&running).await;
    running.stop.advance();
    while TcpStream::connect(running.address).await.is_ok() {}
    let copy = running.place.folder.path().join("copy");
    let folder = copy.clone();
    spawn_blocking(move || receive_files(&mut client, &folder, files)).await.unwrap();
    backup::read(&copy).unwrap();
    running.end().await;
}

#[tokio::test]
async fn a_copy_that_nobody_reads_does_not_hold_the_end_up_and_is_cut_off_where_that_can_be_seen() {
    let place = Place::new();
    place.change("[admin]", "[limits]\ndrain_seconds = 1\n[admin]");
    let running = place.start().await;
    let (mut client, files) = begun(&running).await;
    let (place, _) = running.end().await;
    let expected: u64 = files.iter().map(|(_, length)| length).sum();
    let read = spawn_blocking(move || io::copy(&mut client.bytes(u64::MAX), &mut io::sink()).unwrap());
    assert!(read.await.unwrap() < expected);
    assert_eq!(left_of_copies(&place), Vec::<String>::new());
}

/// A backup of which the daemon has more to send than a socket holds, and of which nothing is read yet.
async fn begun(running: &Running) -> (Client, Vec<(String, u64)>) {
    for device in 0..40 {
        running.issue(&format!("C02{device}"), &format!("k{device}")).await.ok();
    }
    let socket = running.place.path("admin.sock");
    let asked = spawn_blocking(move || {
        let mut client = Client::connect(&socket).unwrap();
        let Answer::Backup { files } = client.ask(&Ask::Backup).unwrap() else { panic!() };
        (client, files)
    });
    let (client, files) = asked.await.unwrap();
    assert!(files.iter().any(|(_, length)| *length > 1 << 18), "{files:?}");
    (client, files)
}

#[tokio::test]
async fn a_record_that_is_there_is_not_written_over() {
    let running = Running::start().await;
    let copy = back_up(&running).await;
    let (place, _) = running.end().await;
    assert!(matches!(backup::restore(&copy, &record(&place)), Err(BackupError::Exists(_))));
    fs::remove_file(place.path("ledger.db")).unwrap();
    assert!(matches!(backup::restore(&copy, &record(&place)), Err(BackupError::Exists(_))));
}

#[tokio::test]
async fn a_copy_that_was_changed_or_needs_another_key_is_not_put_back() {
    let running = Running::start().await;
    running.issue("C02A", "1").await.ok();
    let copy = back_up(&running).await;
    let (place, _) = running.end().await;
    lose_the_record(&place);
    let seal = fs::read(place.path("ledger-seal.key")).unwrap();
    fs::write(place.path("ledger-seal.key"), [7; 32]).unwrap();
    let refused = backup::restore(&copy, &record(&place)).unwrap_err();
    assert!(matches!(refused, BackupError::OtherKey { .. }), "{refused:?}");
    assert_names_keys(&refused.to_string(), &place, &["ledger-seal.key", "ledger-parameters.key"]);
    fs::write(place.path("ledger-seal.key"), seal).unwrap();
    let mut ledger = fs::read(copy.join("ledger.db")).unwrap();
    let middle = ledger.len() / 2;
    ledger[middle] ^= 1;
    fs::write(copy.join("ledger.db"), ledger).unwrap();
    assert!(matches!(backup::restore(&copy, &record(&place)), Err(BackupError::Damaged { .. })));
    assert!(!place.path("ledger.db").exists() && !place.path("checkpoints.jsonl").exists());
}

#[tokio::test]
async fn nothing_is_left_of_a_restore_that_fails_and_what_a_killed_one_left_is_not_in_the_way() {
    let running = Running::start().await;
    let copy = back_up(&running).await;
    let (place, _) = running.end().await;
    lose_the_record(&place);
    // The ledger has no room, after the checkpoints were copied.
    fs::create_dir(place.path("ledger.db.restored")).unwrap();
    assert!(matches!(backup::restore(&copy, &record(&place)), Err(BackupError::File { .. })));
    fs::remove_dir(place.path("ledger.db.restored")).unwrap();
    let left = fs::read_dir(place.site.config().parent().unwrap()).unwrap();
    let left: Vec<_> = left.map(|it| it.unwrap().file_name().into_string().unwrap()).collect();
    assert!(!left.iter().any(|name| name.ends_with("restored") || name == "checkpoints.jsonl"), "{left:?}");
    fs::copy(copy.join("checkpoints.jsonl"), place.path("checkpoints.jsonl")).unwrap();
    backup::restore(&copy, &record(&place)).unwrap();
}

#[tokio::test]
async fn nothing_is_put_back_under_a_daemon_that_is_at_work() {
    let running = Running::start().await;
    let copy = back_up(&running).await;
    for name in ["ledger.db", "ledger.db-wal", "ledger.db-shm", "checkpoints.jsonl"] {
        fs::rename(running.place.path(name), running.place.path("away")).unwrap();
    }
    let refused = backup::restore(&copy, &record(&running.place));
    assert!(matches!(refused, Err(BackupError::Ledger(ledger::Error::InUse { .. }))), "{refused:?}");
    assert_eq!(running.issue("C02A", "1").await.code(), "ledger-unavailable");
}

fn lose_the_record(place: &Place) {
    for name in ["ledger.db", "checkpoints.jsonl"] {
        fs::remove_file(place.path(name)).unwrap();
    }
}

pub fn record(place: &Place) -> Record {
    let (ledger, audit) = record_of(&place.site.config(), None).unwrap();
    Secrets::of(&ledger, &audit).unwrap().record(&ledger, &audit)
}

/// As `signer backup` does.
async fn back_up(running: &Running) -> PathBuf {
    let (socket, copy) = (running.place.path("admin.sock"), running.place.folder.path().join("copy"));
    let folder = copy.clone();
    spawn_blocking(move || receive(&socket, &folder)).await.unwrap();
    backup::read(&copy).unwrap();
    copy
}

fn receive(socket: &Path, folder: &Path) {
    let mut client = Client::connect(socket).unwrap();
    let Answer::Backup { files } = client.ask(&Ask::Backup).unwrap() else { panic!() };
    receive_files(&mut client, folder, files);
}

fn receive_files(client: &mut Client, folder: &Path, files: Vec<(String, u64)>) {
    backup::make_folder(folder).unwrap();
    for (name, length) in files {
        let mut file = fs::File::create(folder.join(name)).unwrap();
        assert_eq!(io::copy(&mut client.bytes(length), &mut file).unwrap(), length);
        file.flush().unwrap();
    }
}

/// The names of copies beside the ledger.
fn left_of_copies(place: &Place) -> Vec<String> {
    let names = fs::read_dir(place.site.config().parent().unwrap()).unwrap();
    let names = names.map(|it| it.unwrap().file_name().into_string().unwrap());
    names.filter(|name| name.contains("backup")).collect()
}
