//! The audit's format is documented well enough that a verifier in another language agrees with ours.

#![allow(clippy::unwrap_used, reason = "a test may fail by panic")]

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use signer::{
    audit::{
        Checkpoint, CheckpointKey, CheckpointVerifier, Event, Fault, Head, Outcome, Record, Tampering, verify_lines,
    },
    digest::Digest,
};
use tempfile::TempDir;

/// What is done to an export of twelve records, with checkpoints after records 5 and 12.
type Tamper = fn(&mut Vec<Record>, &mut Vec<Checkpoint>);

const TAMPERINGS: &[(&str, Tamper, &str)] = &[
    ("nothing", |_, _| (), "12 holds"),
    ("edit", |records, _| edit(&mut records[6]), "7 edited"),
    ("edit two", |records, _| [9, 3].into_iter().for_each(|place| edit(&mut records[place])), "4 edited"),
    ("edit the time", |records, _| records[0].time += 1, "1 edited"),
    ("edit the digest", |records, _| records[6].hash.0[31] ^= 1, "7 edited"),
    ("edit and digest again", |records, _| redo(&mut records[6]), "7 edited"),
    ("edit and chain again", |records, _| rewrite(records, 6), "12 rewritten"),
    ("edit early and chain again", |records, _| rewrite(records, 1), "5 rewritten"),
    ("remove", |records, _| drop(records.remove(6)), "7 removed"),
    ("remove the first", |records, _| drop(records.remove(0)), "1 removed"),
    ("remove two", |records, _| drop(records.drain(6..8)), "7 removed"),
    (
        "remove and number again",
        |records, _| {
            records.remove(6);
            number(records)
        },
        "7 removed",
    ),
    ("insert", |records, _| insert(records, 6), "7 inserted"),
    ("insert a copy", |records, _| records.insert(6, records[2].clone()), "3 inserted"),
    (
        "insert and number again",
        |records, _| {
            insert(records, 6);
            number(records)
        },
        "7 inserted",
    ),
    ("swap", |records, _| records.swap(6, 7), "7 swapped"),
    ("swap far", |records, _| records.swap(1, 9), "2 swapped"),
    (
        "swap and number again",
        |records, _| {
            records.swap(6, 9);
            number(records)
        },
        "7 swapped",
    ),
    ("cut off", |records, _| records.truncate(7), "8 cut off"),
    ("cut all off", |records, _| records.clear(), "1 cut off"),
    (
        "cut off what no checkpoint covers",
        |records, points| {
            records.truncate(7);
            points.pop();
        },
        "7 holds",
    ),
    ("edit a checkpoint", |_, points| points[0].seq = 6, "6 bad checkpoint"),
    ("sign a checkpoint with another key", |_, points| points[1] = forged(), "12 bad checkpoint"),
];

#[test]
fn a_verifier_in_python_names_the_same_record() {
    let Some(python) = python() else { return };
    let (key, records, points) = audit();
    let tampered = |(_, tamper, _): &(&str, Tamper, &str)| {
        let (mut records, mut points) = (records.clone(), points.clone());
        tamper(&mut records, &mut points);
        Export::write(&records, &points, &key)
    };
    let exports: Vec<_> = TAMPERINGS.iter().map(tampered).collect();
    let asked: Vec<_> = exports.iter().map(|export| export.ask(&python)).collect();
    let theirs: Vec<_> = asked.into_iter().map(judged).collect();
    for (place, (name, _, said)) in TAMPERINGS.iter().enumerate() {
        assert_eq!(exports[place].ours(), *said, "{name}: ours");
        assert_eq!(theirs[place], *said, "{name}: Python's");
    }
}

/// Events with every kind of value and of character.
fn audit() -> (CheckpointKey, Vec<Record>, Vec<Checkpoint>) {
    let odd = ["", "\u{0}\u{1f}\u{7f}\u{80}", "\"\\/", "é\u{2028}\u{ffff}", "😀", "\n\t\r\u{8}\u{c}"];
    let mut head = Head::START;
    let chain = |n: usize| {
        let refused = Outcome::Refused { code: "role-missing".into() };
        let event = Event { caller: Some(odd[n % odd.len()].into()), ..Event::done("issue") }
            .with("number", i64::MIN + n as i64)
            .with("😀", true)
            .with("\u{ffff}", vec![odd[n % odd.len()].to_owned()]);
        let event = if n.is_multiple_of(2) { event } else { Event { outcome: refused, ..event } };
        let record = head.chain(1_790_000_000_000 * (n as i64 - 1), event.to_canonical());
        head = record.head();
        record
    };
    let records: Vec<_> = (0..12).map(chain).collect();
    let key = CheckpointKey::generate().unwrap();
    let points = vec![key.sign(records[4].head(), -1), key.sign(records[11].head(), 2)];
    (key, records, points)
}

fn edit(record: &mut Record) {
    record.event = Event::done("nothing").to_canonical();
}

fn redo(record: &mut Record) {
    edit(record);
    *record = Head { seq: record.seq - 1, hash: record.previous }.chain(record.time, record.event.clone());
}

fn rewrite(records: &mut [Record], place: usize) {
    edit(&mut records[place]);
    let mut head = Head::START;
    for record in records {
        *record = head.chain(record.time, record.event.clone());
        head = record.head();
    }
}

fn insert(records: &mut Vec<Record>, place: usize) {
    let forged = records[place - 1].head().chain(0, Event::done("forged").to_canonical());
    records.insert(place, Record { time: 1, ..forged });
}

fn number(records: &mut [Record]) {
    (1..).zip(records).for_each(|(seq, record)| record.seq = seq);
}

fn forged() -> Checkpoint {
    CheckpointKey::generate().unwrap().sign(Head { seq: 12, hash: Digest([0; 32]) }, 2)
}

struct Export {
    folder: TempDir,
}

impl Export {
    fn write(records: &[Record], points: &[Checkpoint], key: &CheckpointKey) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let lines: String = records.iter().map(|record| record.to_line().unwrap() + "\n").collect();
        fs::write(folder.path().join("records"), lines).unwrap();
        let lines: String = points.iter().map(|point| point.to_line() + "\n").collect();
        fs::write(folder.path().join("checkpoints"), lines).unwrap();
        fs::write(folder.path().join("key.pem"), key.verifier().to_pem().unwrap()).unwrap();
        Self { folder }
    }

    fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.folder.path().join(name)).unwrap()
    }

    fn ask(&self, python: &Path) -> Child {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/judges/audit_verify.py");
        let files = ["records", "checkpoints", "key.pem"].map(|name| self.folder.path().join(name));
        let mut judge = Command::new(python);
        judge.arg(script).args(files).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    }

    fn ours(&self) -> String {
        let points = String::from_utf8(self.read("checkpoints")).unwrap();
        let points: Vec<_> = points.lines().map(|line| Checkpoint::from_line(1, line).unwrap()).collect();
        let verifier = CheckpointVerifier::from_pem(&self.read("key.pem")).unwrap();
        match verify_lines(&self.read("records")[..], &points, &[verifier]) {
            Ok(report) => format!("{} holds", report.head.seq),
            Err(Fault::Tampered { seq, what }) => format!("{seq} {}", word(what)),
            Err(Fault::BadCheckpoint { seq }) => format!("{seq} bad checkpoint"),
            Err(other) => other.to_string(),
        }
    }
}

/// What the verifier in Python says.
fn judged(asked: Child) -> String {
    let run = asked.wait_with_output().unwrap();
    let said = String::from_utf8(run.stdout).unwrap().trim_end().to_owned();
    let expected = i32::from(!said.ends_with("holds"));
    assert_eq!(run.status.code(), Some(expected), "{said}{}", String::from_utf8_lossy(&run.stderr));
    said
}

fn word(what: Tampering) -> &'static str {
    match what {
        Tampering::Edited => "edited",
        Tampering::Removed => "removed",
        Tampering::Inserted => "inserted",
        Tampering::Swapped { .. } => "swapped",
        Tampering::CutOff => "cut off",
        Tampering::Rewritten { .. } => "rewritten",
        other => panic!("{other:?}"),
    }
}

/// Python with its `cryptography`, or a word about its absence.
fn python() -> Option<PathBuf> {
    let python = PathBuf::from("python3");
    let there = Command::new(&python).args(["-c", "import cryptography"]).output();
    if there.is_ok_and(|run| run.status.success()) {
        return Some(python);
    }
    assert!(std::env::var("REQUIRE_JUDGES").as_deref() != Ok("1"), "Python's cryptography is required");
    println!("skipped: Python's cryptography is absent (pip install cryptography)");
    None
}
