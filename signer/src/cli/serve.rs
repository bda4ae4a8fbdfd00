//! `signer serve`: the daemon itself.

use std::{
    net::SocketAddr,
    path::PathBuf,
    process,
    sync::Arc,
    thread,
    time::{Duration, SystemTime},
};

use signer::{
    config::{self, LogFormat, LogLevel},
    daemon::{Addresses, Control, Daemon, Source, StartError, chain},
    dev::Site,
    log::{self, Log},
    stop::{Signals, Stop},
};
use tokio::{
    runtime::Runtime,
    signal::unix::{SignalKind, signal},
};
use tracing::Level;

use super::{
    outcome::{Exit, Failure},
    text,
};

/// Serve, until a signal ends it
///
/// SIGTERM and SIGINT let what runs be finished, a second one ends it at once; SIGHUP reloads. Each address that it
/// listens on is a line on standard output, and the log goes to standard error.
#[derive(clap::Args)]
#[command(after_help = "Examples: signer serve --config /etc/signer/signer.toml\n          signer serve --dev")]
pub struct Args {
    /// The configuration file
    #[arg(long, value_name = "FILE", required_unless_present = "dev", conflicts_with_all = ["dev", "dir"])]
    config: Option<PathBuf>,
    /// Try it out: makes a test identity, a ledger, an example spec and a token in a folder, or goes on with them, and
    /// prints commands that ask it
    #[arg(long)]
    dev: bool,
    /// The folder of --dev
    #[arg(long, value_name = "DIR", default_value = "signer-dev", requires = "dev")]
    dir: PathBuf,
    /// Listen with TCP on this loopback address and port instead of what the configuration says; port 0: any
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<SocketAddr>,
}

/// Runs the daemon to its end.
pub fn run(args: Args) -> Result<Exit, Failure> {
    let site = args.dev.then(|| Site::open(&args.dir, SystemTime::now())).transpose();
    let site = site.map_err(|error| Failure::of(&error))?;
    let Some(config) = args.config.or_else(|| site.as_ref().map(Site::config)) else {
        return Err(Failure::could_not_ask("neither --config nor --dev is given"));
    };
    let source = Source { tcp: args.listen, ..Source::new(config) };
    // From before anybody is told that it serves: a signal then would end it without a word.
    let signals = Signals::catch().map_err(|error| Failure::of(&error))?;
    let log = config::log_of(&source.config);
    let log = log::start(format(log.format), level(log.level)).map_err(|error| Failure::of(&error))?;
    let runtime = Runtime::new().map_err(|error| Failure::of(&error))?;
    let served = runtime.block_on(serve(source, site, signals, &log));
    // What still waits for the disk does not hold the end up.
    runtime.shutdown_timeout(Duration::from_secs(1));
    served
}

async fn serve(source: Source, site: Option<Site>, signals: Signals, log: &Log) -> Result<Exit, Failure> {
    let stop = Arc::new(Stop::new());
    let hangups = signal(SignalKind::hangup()).map_err(|error| Failure::of(&error))?;
    tokio::spawn(log.tell_lost());
    let daemon = Daemon::start(source).await.map_err(not_started)?;
    announce(daemon.addresses())?;
    if let (Some(site), Some(address)) = (site, daemon.addresses().tcp) {
        text::print(&introduction(&site, address)?)?;
    }
    stop.advance_by(signals, end_at_last).map_err(|error| Failure::of(&error))?;
    tokio::spawn(reload_at(hangups, daemon.control()));
    let ended = daemon.run(stop.watch()).await;
    tracing::info!(cut = ended.cut, "ended");
    Ok(Exit::Yes)
}

/// A configuration that is wrong was looked at; anything else could not be.
fn not_started(error: StartError) -> Failure {
    match &error {
        StartError::Config(errors) => Failure { exit: Exit::CouldNotAsk, ..Failure::config(errors) },
        other => Failure::could_not_ask(chain(other)),
    }
}

fn announce(addresses: &Addresses) -> Result<(), Failure> {
    let Addresses { tcp, tls, unix, admin } = addresses;
    let tcp = tcp.map(|address| format!("listening on http://{address}\n"));
    let tls = tls.map(|address| format!("listening on https://{address}\n"));
    let unix = unix.as_ref().map(|path| format!("listening on unix:{}\n", path.display()));
    let admin = Some(format!("listening for the operator on unix:{}\n", admin.display()));
    text::print(&[tcp, tls, unix, admin].into_iter().flatten().collect::<String>())
}

/// The token, and commands that work as they stand.
fn introduction(site: &Site, address: SocketAddr) -> Result<String, Failure> {
    let token = site.token().map_err(|error| Failure::of(&error))?;
    let header = site.authorization().display().to_string().replace('\'', "'\\''");
    let device = format!("http://{address}/v1/devices/C02EXAMPLE");
    let post = format!("curl -sS --fail-with-body -H @'{header}' -H 'Content-Type: application/json'");
    Ok(format!(
        "token: {}
the locked profile of a device, its overwrite, and what is known of the device:
  {post} -H 'Idempotency-Key: dev-1' -d '{{\"parameters\": {{\"serial\": \"C02EXAMPLE\"}}}}' -o locked.mobileconfig {device}/profiles/ivi-mdm
  {post} -H 'Idempotency-Key: dev-2' -d '{{\"target\": {{\"platform\": \"iOS\", \"os\": \"17.0\", \"supervised\": true}}}}' -o overwrite.mobileconfig {device}/profiles/jp.example.ivi-mdm/overwrite
  curl -sS --fail-with-body -H @'{header}' {device}
  curl -sS --fail-with-body http://{address}/readyz
",
        *token
    ))
}

/// Whatever keeps the daemon from ending by itself. What was answered is durable already.
fn end_at_last() {
    thread::sleep(LAST);
    process::exit(Exit::CouldNotAsk as i32);
}

/// What became of it, the log has.
async fn reload_at(mut hangups: tokio::signal::unix::Signal, control: Control) {
    while hangups.recv().await.is_some() {
        let _ = control.reload(None, "SIGHUP").await;
    }
}

fn format(format: LogFormat) -> log::Format {
    match format {
        LogFormat::Text => log::Format::Text,
        LogFormat::Json => log::Format::Json,
    }
}

fn level(level: LogLevel) -> Level {
    match level {
        LogLevel::Error => Level::ERROR,
        LogLevel::Warn => Level::WARN,
        LogLevel::Info => Level::INFO,
        LogLevel::Debug => Level::DEBUG,
    }
}

/// How long the end takes at most once it was asked for twice.
const LAST: Duration = Duration::from_secs(3);
