//! How many profiles the daemon issues: each signed, verified, recorded and synced, and only then answered over HTTP.
//! Beside it, in turns within the same run, the bare signatures of this machine, and a bare hyper server that answers as
//! many bytes and does nothing but sign. Then the times of issuances at 70 % of what was reached, and what is reached
//! where four times as much is asked for.
//!
//! `cargo build --release -p signer && cargo run --release --example issue_rate -p signer`
//!
//! Rates are for a second of a processor's time, clients included, so that other programs on the machine do not change
//! the ratios; and for a second of the clock. `ISSUE_RATE_ROUNDS` changes how many rounds there are.

mod bare;
mod load;
#[path = "../raw/mod.rs"]
mod raw;
mod server;

use std::{
    error::Error,
    fs,
    path::Path,
    thread,
    time::{Duration, Instant, SystemTime},
};

use profile_kit::pki::{Authority, KeySpec, Leaf, Validity};
use tempfile::TempDir;

use self::{
    load::{Paced, Rate},
    raw::processor_time,
    server::Server,
};

type Outcome<T> = Result<T, Box<dyn Error>>;

fn main() -> Outcome<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [role, key, length] = &arguments[..]
        && role == "bare"
    {
        return bare::serve(Path::new(key), length.parse()?);
    }
    let rounds = std::env::var("ISSUE_RATE_ROUNDS").map_or(Ok(7), |rounds| rounds.parse())?;
    println!("{} processors, {rounds} rounds of {} s each", processors(), TIME.as_secs());
    for (name, key) in [("RSA-2048", KeySpec::Rsa(2048)), ("P-256", KeySpec::P256)] {
        let stage = Stage::new(key)?;
        let capacity = stage.compare(name, rounds)?;
        stage.pace(name, "at 70 %", 0.7 * capacity)?;
        stage.pace(name, "at 400 %", 4.0 * capacity)?;
        stage.end()?;
    }
    Ok(())
}

/// Both servers, with the same key.
struct Stage {
    site: TempDir,
    daemon: Server,
    bare: Server,
}

impl Stage {
    fn new(key: KeySpec) -> Outcome<Self> {
        let site = tempfile::tempdir()?;
        let token = signer::dev::Site::open(site.path(), SystemTime::now())?.token()?.to_string();
        let validity = Validity::days(SystemTime::now() - Duration::from_secs(86_400), 30);
        let root = Authority::new("Root", KeySpec::P256, validity)?;
        let leaf = root.intermediate("CA", KeySpec::P256, validity)?.issue(&Leaf::new("Signer", key, validity))?;
        fs::write(site.path().join("test.pem"), [leaf.certificate_pem()?, leaf.chain_pem()?].concat())?;
        fs::write(site.path().join("test.key"), leaf.key_pem()?)?;
        let daemon = Server::daemon(site.path(), &token)?;
        let length = load::one(&daemon)?;
        let bare = Server::bare(&site.path().join("test.key"), length)?;
        Ok(Self { site, daemon, bare })
    }

    /// Prints the ratios, and gives how many issuances there were in a second of the clock.
    fn compare(&self, name: &str, rounds: usize) -> Outcome<f64> {
        let pem = fs::read(self.site.path().join("test.key"))?;
        let mut rows = Vec::new();
        for _ in 0..rounds {
            rows.push([alone(&pem)?, load::rate(&self.bare, TIME)?, load::rate(&self.daemon, TIME)?]);
        }
        let figure = |of: &dyn Fn(&[Rate; 3]) -> f64| median(rows.iter().map(of));
        let by_processor = |row: &[Rate; 3], which: usize| row[which].by_processor();
        println!(
            "{name}: for a second of a processor: raw {:.0}, bare server {:.0}, daemon {:.0}",
            figure(&|row| by_processor(row, 0)),
            figure(&|row| by_processor(row, 1)),
            figure(&|row| by_processor(row, 2)),
        );
        println!(
            "{name}: bare server to raw {:.2}, daemon to raw {:.2}, daemon to bare server {:.2}",
            figure(&|row| by_processor(row, 1) / by_processor(row, 0)),
            figure(&|row| by_processor(row, 2) / by_processor(row, 0)),
            figure(&|row| by_processor(row, 2) / by_processor(row, 1)),
        );
        println!(
            "{name}: for a second of the clock: raw {:.0}, bare server {:.0}, daemon {:.0}; daemon to bare server {:.2}",
            figure(&|row| row[0].by_clock()),
            figure(&|row| row[1].by_clock()),
            figure(&|row| row[2].by_clock()),
            figure(&|row| row[2].by_clock() / row[1].by_clock()),
        );
        Ok(figure(&|row| row[2].by_clock()))
    }

    /// Prints what becomes of so many requests a second.
    fn pace(&self, name: &str, what: &str, rate: f64) -> Outcome<()> {
        let Paced { mut served, mut refused, dropped, took } = load::paced(&self.daemon, rate, PACED)?;
        let within = |times: &mut Vec<Duration>, share: usize| {
            times.sort();
            times.get((times.len() * share / 100).min(times.len().saturating_sub(1))).copied().unwrap_or_default()
        };
        println!(
            "{name} {what}, {rate:.0}/s: {:.0}/s served, half within {:.1?}, 99 % within {:.1?}; {:.0}/s refused, 99 % within {:.1?}; {:.0}/s not sent, as all connections waited; daemon's peak memory {} MiB",
            served.len() as f64 / took.as_secs_f64(),
            within(&mut served, 50),
            within(&mut served, 99),
            refused.len() as f64 / took.as_secs_f64(),
            within(&mut refused, 99),
            dropped as f64 / took.as_secs_f64(),
            self.daemon.peak_memory()? / 1024,
        );
        Ok(())
    }

    /// Everything that was answered is in an audit that verifies.
    fn end(self) -> Outcome<()> {
        let Self { site, daemon, bare: _ } = self;
        daemon.stop()?;
        print!("{}", server::verify(&site.path().join("signer.toml"))?);
        Ok(())
    }
}

/// Signatures over a digest, by a thread for each processor.
fn alone(pem: &[u8]) -> Outcome<Rate> {
    let (before, begun) = (processor_time(std::process::id())?, Instant::now());
    let work = || {
        let (mut sign, mut count) = (raw::signature(pem), 0);
        while begun.elapsed() < TIME {
            sign(&[7; 32]);
            count += 1;
        }
        count
    };
    let count = thread::scope(|scope| {
        let threads: Vec<_> = (0..processors()).map(|_| scope.spawn(work)).collect();
        threads.into_iter().map(|thread| thread.join().expect("a thread panicked")).sum::<u64>()
    });
    let (clock, processor) = (begun.elapsed(), processor_time(std::process::id())? - before);
    Ok(Rate { count, clock, processor })
}

fn processors() -> usize {
    thread::available_parallelism().map_or(1, usize::from)
}

fn median(figures: impl Iterator<Item = f64>) -> f64 {
    let mut figures: Vec<f64> = figures.collect();
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}

const TIME: Duration = Duration::from_secs(2);
const PACED: Duration = Duration::from_secs(10);
