//! The daemon as a whole: configuration → parts → sockets → serving → draining.
//!
//! Whatever can fail (files, keys, specs, ledger, sockets) fails in [`Daemon::start`], the sockets last. The
//! configuration's place, the clock and the reason to stop are passed in, so that tests run a daemon within themselves.

mod admin;
mod bind;
mod control;
mod ready;
mod systemd;
mod watch;

use std::{
    io,
    net::SocketAddr,
    path::PathBuf,
    sync::Arc,
    thread::available_parallelism,
    time::{Duration, SystemTime},
};

use axum::Router;
use tokio::{
    task::{JoinHandle, spawn_blocking},
    time::timeout,
};

use self::{bind::Doors, systemd::ServiceManager};
pub use self::{
    bind::{Addresses, BindError},
    control::{Changed, Control, Copy, ReloadError, operator},
};
pub use crate::log::chain;
use crate::{
    config::{self, ConfigError, PUT_BACK, credentials_directory},
    file::{can_be_made_beside, can_be_written},
    http::{Readiness, mount, routes},
    issuance::Issuance,
    ledger::{self, Clock, Commit, Ledger},
    metrics::{IssuanceLabels, Metrics},
    server::{self, Ended, Limits},
    service::Service,
    signing::Signing,
    state::State,
    stop::{Phase, Watch},
    tls::Tls,
};

/// Where a daemon's configuration is, and what else comes from outside.
#[derive(Clone)]
pub struct Source {
    /// The configuration file.
    pub config: PathBuf,
    /// The folder of systemd's credentials.
    pub credentials: Option<PathBuf>,
    /// Where to listen with TCP, instead of what the file says.
    pub tcp: Option<SocketAddr>,
    /// The clock.
    pub clock: Clock,
}

impl Source {
    /// A configuration file, with the system's clock and credentials.
    pub fn new(config: impl Into<PathBuf>) -> Self {
        let clock = Arc::new(SystemTime::now);
        Self { config: config.into(), credentials: credentials_directory(), tcp: None, clock }
    }

    /// Reads it and everything that it names.
    ///
    /// # Errors
    /// As [`State::load`].
    pub fn load(&self) -> Result<State, Vec<ConfigError>> {
        let mut state = State::load_with(&self.config, self.credentials.as_deref(), (self.clock)())?;
        state.config.listen.tcp = self.tcp.or(state.config.listen.tcp);
        Ok(state)
    }

    /// As [`load`](Source::load), and whether the record can be written where it is to be: what a start needs. Nothing is
    /// made.
    ///
    /// # Errors
    /// As [`load`](Source::load), those of the record last.
    pub fn load_to_start(&self) -> Result<State, Vec<ConfigError>> {
        match self.load() {
            Ok(state) => match unwritable(&state.config.ledger, &state.config.audit) {
                none if none.is_empty() => Ok(state),
                errors => Err(errors),
            },
            Err(mut errors) => {
                // Whatever else is wrong, as far as the configuration says where the record is to be.
                let record = config::record_of(&self.config, self.credentials.as_deref());
                errors.extend(record.into_iter().flat_map(|(ledger, audit)| unwritable(&ledger, &audit)));
                Err(errors)
            }
        }
    }
}

fn unwritable(ledger: &config::Ledger, audit: &config::Audit) -> Vec<ConfigError> {
    let (path, checkpoints) = (&ledger.path, &audit.checkpoints);
    // SQLite's log and the lock lie beside the ledger.
    let of_ledger = can_be_written(path).and_then(|()| can_be_made_beside(path));
    let of_ledger = of_ledger.map_err(|cause| ConfigError::unwritable(ledger.place.key("path"), path, cause));
    let of_checkpoints = can_be_written(checkpoints)
        .map_err(|cause| ConfigError::unwritable(audit.place.key("checkpoints"), checkpoints, cause));
    [of_ledger, of_checkpoints].into_iter().filter_map(Result::err).collect()
}

/// Why a daemon does not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The configuration, or a file that it names, is wrong: everything at once.
    #[error("the configuration has {} mistakes", .0.len())]
    Config(Vec<ConfigError>),
    /// The ledger does not open.
    #[error("the ledger does not open")]
    Ledger(#[from] ledger::Error),
    /// Other keys sealed what is in the ledger than those that the configuration names.
    #[error("ledger {}: {keys} does not open it: {PUT_BACK}", path.display())]
    LedgerKey {
        /// The ledger's file.
        path: PathBuf,
        /// The keys, and where they are.
        keys: String,
        /// What the ledger says.
        source: ledger::Error,
    },
    /// A socket cannot be had.
    #[error(transparent)]
    Bind(#[from] BindError),
    /// TLS cannot be had.
    #[error("tls cannot be had")]
    Tls(#[from] crate::tls::TlsError),
    /// The system does not give what is needed.
    #[error("the system gives no threads")]
    Threads(#[from] io::Error),
}

/// A daemon that has everything and listens, and has answered nobody yet.
pub struct Daemon {
    control: Control,
    doors: Doors,
    limits: Limits,
}

impl Daemon {
    /// Reads the configuration and what it names, opens the ledger, starts the threads, and binds the sockets.
    ///
    /// # Errors
    /// [`StartError`]; then nothing listens.
    pub async fn start(source: Source) -> Result<Self, StartError> {
        let metrics = Arc::new(Metrics::new());
        let state = blocking(source.clone(), |source| source.load_to_start()).await?.map_err(StartError::Config)?;
        state.undated_warnings((source.clock)()).iter().for_each(|warning| tracing::warn!("{warning}"));
        let options = ledger_options(&state, &source, metrics.clone());
        let ledger = blocking(options, Ledger::open).await?.map_err(|cause| not_opened(&state.config.ledger, cause))?;
        blocking(state.config.ledger.path.clone(), |ledger| Copy::remove_left(&ledger)).await?;
        if let Some(warning) = control::unverified_checkpoints(&ledger, &state).await? {
            tracing::warn!("{warning}");
        }
        let stranded = ledger.stranded(&state.keyring.held()).await?;
        if stranded > 0 {
            tracing::warn!(devices = stranded, "devices cannot be freed: the key of what they have is not there");
        }
        let limits = limits(&state.config.limits);
        let signing = signing(&state.config.limits, metrics.clone())?;
        let tls = state.tls.as_ref().map(Tls::new).transpose()?.map(Arc::new);
        let doors = bind::all(&state.config, tls.as_ref()).await?;
        let clock = source.clock.clone();
        let service = Arc::new(Service::new(Arc::new(state), ledger, signing, metrics, clock));
        let control = Control::new(service, source, tls);
        Ok(Self { control, doors, limits })
    }

    /// Where it listens.
    pub fn addresses(&self) -> &Addresses {
        &self.doors.addresses
    }

    /// What an operator may do with it.
    pub fn control(&self) -> Control {
        self.control.clone()
    }

    /// Serves until the watch says stop and what ran then has ended; then the ledger is closed.
    pub async fn run(self, stop: Watch) -> Ended {
        let Self { control, doors: Doors { listeners, unix_file: _unix_file, admin, .. }, limits } = self;
        let service = control.service().clone();
        let watching = tokio::spawn(watch::keep(control.clone(), stop.clone()));
        let operating = tokio::spawn(admin::serve(admin, control.clone(), stop.clone(), limits.drain));
        let manager = control.service_manager();
        tokio::spawn(tell_stopping(manager.clone(), stop.clone()));
        manager.ready();
        let app = application(&service, stop.clone());
        let ended = server::serve(listeners, app, limits, service.metrics.clone(), stop.clone()).await;
        // It drains meanwhile, and as long at most; where nobody said stop, nothing would end it.
        if stop.phase() == Phase::Serving {
            operating.abort();
        }
        let _ = operating.await;
        close(&service, watching, stop).await;
        ended
    }
}

fn not_opened(ledger: &config::Ledger, source: ledger::Error) -> StartError {
    match source {
        ledger::Error::UnknownKey { .. } => {
            StartError::LedgerKey { path: ledger.path.clone(), keys: ledger.keys_told(), source }
        }
        other => other.into(),
    }
}

/// Everything that is served.
fn application(service: &Arc<Service>, stop: Watch) -> Router {
    let readiness = ready::checks(Readiness::new(stop), service);
    mount(routes(service.clone()), Arc::new(readiness))
}

fn ledger_options(state: &State, source: &Source, metrics: Arc<Metrics>) -> ledger::Options {
    let config = &state.config;
    let (keys, checkpoint_key) = (state.secrets.ledger_keys(), state.secrets.checkpoint_key.clone());
    let issuances = metrics.issuances.clone();
    // Counted where it is recorded: who asked for it may have gone away.
    let on_issued = move |issuance: &Issuance| {
        let labels = IssuanceLabels { variant: issuance.variant.word(), caller: issuance.request.caller.clone() };
        issuances.get_or_create(&labels).inc();
    };
    let on_commit = move |commit: Commit| {
        metrics.commit_time.observe(commit.took.as_secs_f64());
        metrics.commit_writes.observe(commit.writes as f64);
    };
    ledger::Options {
        checkpoints: config.audit.checkpoints.clone(),
        clock: source.clock.clone(),
        on_commit: Some(Arc::new(on_commit)),
        on_issued: Some(Arc::new(on_issued)),
        ..ledger::Options::new(&config.ledger.path, keys, checkpoint_key)
    }
}

fn signing(limits: &config::Limits, metrics: Arc<Metrics>) -> io::Result<Signing> {
    let cores = available_parallelism().map_or(1, |cores| cores.get() as u64);
    let threads = u32::try_from(limits.signing_threads.unwrap_or(cores)).unwrap_or(u32::MAX);
    Signing::start(threads, usize_of(limits.queue), metrics)
}

/// What the configuration leaves to the server's own choice follows from what it says.
fn limits(config: &config::Limits) -> Limits {
    let (connections, queue) = (usize_of(config.connections), usize_of(config.queue));
    Limits {
        connections,
        connections_per_peer: connections.div_ceil(2),
        // As many as wait for a signature, and as many again that need none.
        requests: queue.saturating_mul(2).max(64),
        requests_per_peer: queue.max(32),
        header_bytes: usize_of(config.header_bytes),
        uri_bytes: usize_of(config.uri_bytes),
        body_bytes: usize_of(config.body_bytes),
        bodies_bytes: usize_of(config.bodies_bytes),
        bodies_bytes_per_peer: usize_of(config.bodies_bytes / 2),
        handshake: config.handshake,
        header: config.header,
        body: config.body,
        // A refusal for lateness has to be sent in time too.
        request: config.total - (config.total / 8).min(Duration::from_secs(1)),
        answer: config.total,
        stall: config.total.min(Limits::default().stall),
        drain: config.drain,
        ..Limits::default()
    }
}

async fn tell_stopping(manager: ServiceManager, mut stop: Watch) {
    stop.reached(Phase::Draining).await;
    manager.stopping();
}

/// Everything that was answered is in the ledger already: what is done here may be left undone.
async fn close(service: &Arc<Service>, watching: JoinHandle<()>, mut stop: Watch) {
    let signing = service.signing.clone();
    let closing = async {
        let _ = spawn_blocking(move || signing.stop()).await;
        // It may be counting the devices of a large ledger, which nobody needs any more.
        let _ = timeout(WATCHING, watching).await;
        watch::record_strangers(service).await;
        if let Err(error) = service.ledger.close().await {
            tracing::warn!(error = %chain(&error), "the ledger has no last checkpoint");
        }
    };
    tokio::select! {
        ended = timeout(CLOSING, closing) => if ended.is_err() {
            tracing::warn!("the ledger did not close in time");
        },
        () = stop.reached(Phase::Ended) => {}
    }
}

/// Runs what waits for the disk where it holds nobody up.
async fn blocking<A, T>(argument: A, work: impl FnOnce(A) -> T + Send + 'static) -> io::Result<T>
where
    A: Send + 'static,
    T: Send + 'static,
{
    spawn_blocking(move || work(argument)).await.map_err(io::Error::other)
}

fn usize_of(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

/// How long the ledger may take to close.
const CLOSING: Duration = Duration::from_secs(5);
/// How long of it what looks every minute may take to end.
const WATCHING: Duration = Duration::from_secs(1);
