//! Whole batches, from CSV to signed files, against the key alone on as many threads, by the clock on the wall.

use std::{
    fs::File,
    io::Write,
    path::Path,
    sync::atomic::AtomicBool,
    thread,
    time::{Duration, Instant},
};

use profile_kit::{
    SignOptions, Template,
    batch::{Batch, Encoding, Options, Out, Start, Table},
    pki::{Issued, KeySpec},
    spec,
};

use crate::{
    contest::{Effort, Outcome, median},
    material::{Device, KEYS, SPEC, now, pki, template},
    raw::Raw,
    report::Report,
};

pub fn run(effort: Effort, report: &mut Report) {
    // All batches stay until the end: for half a minute after files were removed, some file systems (ext4 without a
    // journal) make new ones several times as slowly.
    let site = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    for (key, spec) in KEYS {
        let (_, issued) = pki(spec);
        let of = format!("raw {key}");
        if spec == KeySpec::P256 {
            for threads in [1, 2] {
                let own = |turn| raw(&issued, Raw::deterministic, threads, turn);
                let what = format!("raw, deterministic nonces, {}", signing(threads));
                report.add(&what, &of, 0.0, rounds(effort, &issued, threads, own));
            }
        }
        let goals = match spec {
            KeySpec::P256 => [("files", 1, 0.50), ("files", 2, 0.30), ("tar", 1, 0.65), ("tar", 2, 0.60)],
            _ => [("files", 1, 0.93), ("files", 2, 0.85), ("tar", 1, 0.95), ("tar", 2, 0.93)],
        };
        for (out, threads, goal) in goals {
            // A disk that others use is slower by an order of magnitude, which is no loss of ours.
            let goal = if effort.is_measurement { goal } else { goal / 10.0 };
            let rate = raw(&issued, Raw::new, threads, effort.turn);
            // A campaign is long: with slow keys a second's rows would measure the start and the last sync.
            let fewest = if effort.is_measurement { FEWEST_ROWS } else { 1 };
            let rows = |turn: Duration| ((rate * turn.as_secs_f64()).ceil() as usize).max(fewest);
            let own = |turn| batch(&issued, site.path(), rows(turn), out, threads);
            let what = format!("from CSV to {out}, {}", signing(threads));
            report.add(&what, &of, goal, rounds(effort, &issued, threads, own));
        }
    }
}

fn signing(threads: usize) -> String {
    format!("{threads} signing thread{}", if threads == 1 { "" } else { "s" })
}

/// Something that takes about a turn or longer and gives its rate, between two halves of raw signatures on as many threads.
fn rounds(effort: Effort, issued: &Issued, threads: usize, own: impl Fn(Duration) -> f64) -> Outcome {
    let (count, turn) = if effort.is_measurement { (5, Duration::from_secs(1)) } else { (1, effort.turn) };
    let half = || raw(issued, Raw::new, threads, turn / 2);
    let rates = (0..count).map(|_| {
        let (before, own, after) = (half(), own(turn), half());
        (own, own / ((before + after) / 2.0))
    });
    let (own, ratios) = rates.unzip::<f64, f64, Vec<_>, Vec<_>>();
    Outcome { name: String::new(), rate: median(own), ratio: median(ratios) }
}

/// Signatures a second of as many threads, each with a context of its own.
fn raw(issued: &Issued, context: fn(&Issued) -> Raw, threads: usize, turn: Duration) -> f64 {
    let count = |mut raw: Raw| {
        let start = Instant::now();
        let mut times = 0_u32;
        while start.elapsed() < turn {
            (0..10).for_each(|_| raw.sign());
            times += 10;
        }
        f64::from(times) / start.elapsed().as_secs_f64()
    };
    thread::scope(|scope| {
        let running: Vec<_> = (0..threads).map(|_| scope.spawn(|| count(context(issued)))).collect();
        running.into_iter().map(|thread| thread.join().unwrap()).sum()
    })
}

/// Files a second, until the last one is on the disk.
fn batch(issued: &Issued, site: &Path, rows: usize, out: &str, threads: usize) -> f64 {
    let folder = tempfile::tempdir_in(site).unwrap().keep();
    let (template, table) = (template(), csv(&folder, rows));
    let out = Out::of(folder.join(if out == "tar" { "out.tar" } else { "out" }));
    let start = Instant::now();
    make(issued, &template, table, &out, threads, rows);
    rows as f64 / start.elapsed().as_secs_f64()
}

fn make(issued: &Issued, template: &Template, table: Table, out: &Out, threads: usize, rows: usize) {
    let identity = issued.identity().unwrap();
    let options = Options { jobs: threads, ..Options::new(SignOptions::new(now())) };
    let batch = Batch::new(template, SPEC.as_bytes(), &identity, options);
    let report = batch.run(table, out, Start::Fresh, &AtomicBool::new(false), &mut |_| ()).unwrap();
    assert_eq!((report.made, report.failed), (rows as u64, 0));
}

fn csv(folder: &Path, rows: usize) -> Table {
    let path = folder.join("devices.csv");
    let mut file = std::io::BufWriter::new(File::create(&path).unwrap());
    writeln!(file, "serial,udid,owner,passphrase").unwrap();
    for Device { serial, udid, owner, passphrase } in (0..rows).map(Device::numbered) {
        writeln!(file, "{serial},{udid},{owner},{passphrase}").unwrap();
    }
    file.into_inner().unwrap();
    Table::open(File::open(&path).unwrap(), Encoding::Utf8).unwrap()
}

const FEWEST_ROWS: usize = 40_000;

const SMALL: &str = "format = 1\nidentifier = \"jp.example.ivi-mdm\"\nremoval = \"disallowed\"\n\
                     description = \"Device {{serial}}\"\n[placeholders.serial]\n\
                     [[payload]]\ntype = \"com.apple.applicationaccess\"\n";

/// The most memory, in MiB, that this process has had: it makes a batch of so many rows and does nothing else.
pub fn peak(rows: usize) {
    let (_, issued) = pki(KeySpec::P256);
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let table = csv(folder.path(), rows);
    // Small profiles: the disk has to hold a million of them.
    let template = spec::read(SMALL).unwrap();
    make(&issued, &template, table, &Out::of(folder.path().join("out.tar")), 2, rows);
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap().trim();
    let kilobytes: f64 = peak.trim_end_matches(" kB").parse().unwrap();
    println!("\npeak memory of {rows} rows to a tar: {:.1} MiB, at most 96", kilobytes / 1024.0);
    assert!(kilobytes < 96.0 * 1024.0);
}
