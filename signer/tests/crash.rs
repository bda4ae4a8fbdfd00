//! What was answered is in the ledger, whenever the process dies and whatever the disk refuses.
//!
//! The test runs itself as a child that writes as fast as it can and prints what was answered, and kills it or lets the
//! system's calls fail. `LONG_TESTS=1` makes it a long one.

#![allow(clippy::unwrap_used, reason = "a test may fail by panic")]

use std::{
    collections::BTreeMap,
    fs,
    io::{BufRead, BufReader, Write},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::Arc,
    time::{Duration, SystemTime},
};

use signer::{
    audit::{CheckpointFile, CheckpointKey},
    digest::Digest,
    issuance::{IssuanceId, ProfileFacts, Variant},
    ledger::{Archive, Draft, Error, Health, Idempotency, Ledger, LedgerKey, LedgerKeys, Options, Request},
};
use tempfile::TempDir;
use tokio::sync::Semaphore;

/// Set for the child: the folder of its ledger.
const FOLDER: &str = "SIGNER_CRASH_FOLDER";
/// Set for the child: after how many answers it ends by itself.
const ANSWERS: &str = "SIGNER_CRASH_ANSWERS";
/// Set for the child: how many requests wait at once.
const PRODUCERS: &str = "SIGNER_CRASH_PRODUCERS";

#[test]
fn what_was_answered_survives_a_kill_at_any_moment() {
    for ledger in 0..rounds(1, 60) {
        let stage = Stage::new();
        let mut answered = Answered::default();
        for round in 0..6 {
            let mut child = stage.child(&[], usize::MAX);
            // The moment of the kill is another number of answers in each round.
            let enough = 1 + (ledger * 6 + round) * 37 % 211;
            answered.read(&mut child, enough);
            child.kill().unwrap();
            answered.read(&mut child, usize::MAX);
            child.wait().unwrap();
            stage.verify(&answered);
        }
        assert!(answered.ids.len() > 6, "{}", answered.ids.len());
    }
}

#[test]
fn what_was_answered_survives_a_kill_at_each_write_and_each_sync() {
    if !can_inject() {
        return;
    }
    for call in ["pwrite64", "fsync", "write"] {
        // In the long run every one until the child comes to its end.
        for number in (1..).step_by(rounds(3, 1)).take(rounds(4, usize::MAX)) {
            let stage = Stage::new();
            let mut child = stage.child(&[&format!("inject={call}:signal=SIGKILL:when={number}")], 40);
            let mut answered = Answered::default();
            answered.read(&mut child, usize::MAX);
            let ended = child.wait().unwrap();
            assert!(number > 1 || !ended.success(), "{call} is not called");
            stage.verify(&answered);
            if ended.success() {
                println!("{call}: {} kills", number - 1);
                break;
            }
        }
    }
}

#[test]
fn a_disk_that_fails_for_a_while_makes_errors_and_then_answers_again() {
    if !can_inject() {
        return;
    }
    for (call, error) in [("fsync", "EIO"), ("pwrite64", "ENOSPC"), ("pwrite64", "EIO")] {
        for first in (4..).step_by(5).take(rounds(1, 20)) {
            let stage = Stage::new();
            let inject = format!("inject={call}:error={error}:when={first}..{}", first + 6);
            let mut child = stage.child(&[&inject], 120);
            let mut answered = Answered::default();
            answered.read(&mut child, usize::MAX);
            assert!(child.wait().unwrap().success(), "{inject}: the child did not come to its end");
            assert!(answered.ids.len() >= 120, "{inject}: {}", answered.ids.len());
            assert!(answered.failed > 0 || first > 4, "{inject}: nothing failed");
            stage.verify(&answered);
            println!("{inject}: {} answered, {} failed", answered.ids.len(), answered.failed);
        }
    }
}

/// A kill does not lose what the system holds for the disk: only the order of calls shows that it was synced before.
#[test]
fn nothing_is_answered_before_its_sync() {
    if !can_inject() {
        return;
    }
    let stage = Stage::new();
    let log = stage.path("calls");
    let mut strace = Command::new("strace");
    strace.args(["-f", "-y", "-s", "16", "-e", "trace=pwrite64,fsync,fdatasync,write", "-o"]).arg(&log);
    strace.arg(std::env::current_exe().unwrap());
    let mut child = stage.run(&mut strace, 30, 1);
    Answered::default().read(&mut child, usize::MAX);
    assert!(child.wait().unwrap().success());
    let (mut waiting, mut answers) = (false, 0);
    for call in fs::read_to_string(log).unwrap().lines() {
        if call.contains("pwrite64(") && call.contains("ledger.db-wal>") {
            waiting = true;
        } else if call.contains("sync(") && call.contains("ledger.db-wal>") || call.contains("sync resumed>") {
            waiting = false;
        } else if call.contains("answered") {
            assert!(!waiting, "answer {answers} came before its sync: {call}");
            answers += 1;
        }
    }
    assert!(answers >= 30, "{answers}");
}

/// The child: nothing where it is not asked to be one.
#[test]
fn child() {
    let Ok(folder) = std::env::var(FOLDER) else { return };
    let enough = std::env::var(ANSWERS).unwrap().parse().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let producers = std::env::var(PRODUCERS).unwrap().parse().unwrap();
    runtime.block_on(write_and_tell(Path::new(&folder), enough, producers));
}

async fn write_and_tell(folder: &Path, enough: usize, producers: usize) {
    let Ok(ledger) = Ledger::open(options(folder)) else {
        // The disk failed at the start, which a supervisor tries again.
        return Box::pin(write_and_tell(folder, enough, producers)).await;
    };
    let places = Arc::new(Semaphore::new(producers));
    let told = Arc::new(std::sync::atomic::AtomicUsize::new(0));
    for number in 0.. {
        let place = places.clone().acquire_owned().await.unwrap();
        if told.load(std::sync::atomic::Ordering::Relaxed) >= enough {
            break;
        }
        let (ledger, told) = (ledger.clone(), told.clone());
        tokio::spawn(async move {
            let asked = draft(&format!("{}-{number}", std::process::id()));
            match ledger.record(asked).await {
                Ok(issued) => {
                    tell(&format!("answered {} {}", issued.id(), Digest::of(issued.signed())));
                    told.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                }
                Err(Error::Unavailable { .. }) => tell("failed"),
                Err(other) => panic!("{other:?}"),
            }
            drop(place);
        });
    }
    let _all = places.acquire_many(u32::try_from(producers).unwrap()).await.unwrap();
    // The disk may fail at the very end too.
    while ledger.checkpoint().await.is_err() {
        tokio::task::yield_now().await;
    }
    assert_eq!(ledger.health(), Health::Writable);
    ledger.close().await.unwrap();
}

fn tell(line: &str) {
    // One call, so that a kill leaves no half of a line that looks whole.
    std::io::stdout().write_all(format!("\n{line}\n").as_bytes()).unwrap();
}

fn draft(name: &str) -> Draft {
    let signed = name.repeat(200).into_bytes();
    let fingerprint = Digest::of(&signed);
    Draft {
        device: name.parse().unwrap(),
        profile: ProfileFacts {
            identifier: "jp.example.ivi-mdm".into(),
            uuid: name.into(),
            payload_uuids: vec![name.into()],
            plist: fingerprint,
            leaf: Digest([1; 32]),
            leaf_key: Digest([2; 32]),
        },
        variant: Variant::Locked,
        spec: None,
        parameters: None,
        signed,
        remarks: serde_json::Value::Null,
        ticket: None,
        serving: None,
        budget: None,
        request: request(name, fingerprint),
    }
}

fn request(name: &str, fingerprint: Digest) -> Request {
    let idempotency = Some(Idempotency { key: name.into(), fingerprint });
    Request { caller: "mdm".into(), role: "issue".into(), id: None, idempotency, at: SystemTime::now(), room: None }
}

fn options(folder: &Path) -> Options {
    let pem = fs::read(folder.join("checkpoint.pem")).unwrap();
    let keys = LedgerKeys::new(LedgerKey::new(&[9; 32]));
    let mut options = Options::new(folder.join("ledger.db"), keys, CheckpointKey::from_pem(&pem).unwrap());
    options.checkpoint_every = 50;
    options.busy_timeout = Duration::from_secs(2);
    options
}

struct Stage {
    folder: TempDir,
}

impl Stage {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let key = CheckpointKey::generate().unwrap().to_pem().unwrap();
        fs::write(folder.path().join("checkpoint.pem"), key).unwrap();
        Self { folder }
    }

    /// This test as a child, under `strace` where its calls are to fail.
    fn child(&self, injections: &[&str], enough: usize) -> Child {
        let this = std::env::current_exe().unwrap();
        let mut command = match injections {
            [] => Command::new(&this),
            _ => {
                let mut strace = Command::new("strace");
                strace.args(["-f", "-o", "/dev/null", "-e", "trace=pwrite64,fsync,write"]);
                // Only what belongs to the ledger: the pipe to us goes on.
                strace.arg("-P").arg(self.path("ledger.db")).arg("-P").arg(self.path("ledger.db-wal"));
                strace.arg("-P").arg(self.path("ledger.db.checkpoints.jsonl"));
                for injection in injections {
                    strace.args(["-e", injection]);
                }
                strace.arg(&this);
                strace
            }
        };
        self.run(&mut command, enough, 24)
    }

    fn run(&self, command: &mut Command, enough: usize, producers: usize) -> Child {
        command.args(["--exact", "child", "--nocapture", "--test-threads=1"]);
        command.env(FOLDER, self.folder.path()).env(ANSWERS, enough.to_string()).env(PRODUCERS, producers.to_string());
        command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap()
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Everything that was answered is there with its bytes, opens, and the audit holds; also for a new process.
    fn verify(&self, answered: &Answered) {
        let options = options(self.folder.path());
        let ledger = Ledger::open(options.clone()).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let again = answered.ids.iter().next_back().map(|(id, _)| *id);
        runtime.block_on(async {
            for (id, digest) in &answered.ids {
                let kept = ledger.issuance(*id).await.unwrap().unwrap_or_else(|| panic!("{id} is lost"));
                assert_eq!(kept.signed, *digest, "{id}");
            }
            if let Some(id) = again {
                let kept = ledger.issuance(id).await.unwrap().unwrap();
                let asked = draft(kept.device.as_str());
                assert_eq!(ledger.replay(&asked.request, "issue").await.unwrap().unwrap().id(), id);
            }
            ledger.close().await.unwrap();
        });
        let in_file = CheckpointFile::read(&fs::read_to_string(ledger.checkpoint_file()).unwrap()).unwrap();
        let archive = Archive::open(&options.path).unwrap();
        let check = archive.check(&options.keys, &[options.checkpoint_key.verifier()], &in_file).unwrap();
        assert!(check.profiles >= answered.ids.len() as u64);
        assert_eq!(check.audit.covered, check.audit.head.seq);
    }
}

#[derive(Default)]
struct Answered {
    ids: BTreeMap<IssuanceId, Digest>,
    failed: usize,
}

impl Answered {
    /// Reads what a child tells, until there is enough of it or it is at its end.
    fn read(&mut self, child: &mut Child, enough: usize) {
        let mut lines = BufReader::with_capacity(1, child.stdout.as_mut().unwrap());
        let (before, mut line) = (self.ids.len(), Vec::new());
        while self.ids.len() - before < enough && lines.read_until(b'\n', &mut line).unwrap() > 0 {
            let text = String::from_utf8(std::mem::take(&mut line)).unwrap();
            match text.strip_suffix('\n').unwrap_or_default().split(' ').collect::<Vec<_>>()[..] {
                ["answered", id, digest] => {
                    let twice = self.ids.insert(id.parse().unwrap(), digest.parse().unwrap());
                    assert_eq!(twice, None, "{id} was answered twice");
                }
                ["failed"] => self.failed += 1,
                _ => (),
            }
        }
    }
}

/// Whether calls can be made to fail here, or a word about it: some containers forbid to trace.
fn can_inject() -> bool {
    let tried =
        Command::new("strace").args(["-o", "/dev/null", "-e", "inject=fsync:error=EIO:when=1..2", "true"]).output();
    match tried {
        Ok(run) if run.status.success() => return true,
        Ok(_) => println!("skipped: strace may not trace here"),
        Err(_) => {
            assert!(std::env::var("REQUIRE_JUDGES").as_deref() != Ok("1"), "strace is required");
            println!("skipped: strace is absent (apt-get install strace)");
        }
    }
    false
}

fn rounds(short: usize, long: usize) -> usize {
    if std::env::var("LONG_TESTS").as_deref() == Ok("1") { long } else { short }
}
