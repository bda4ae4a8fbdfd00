//! What an operator does with a running daemon: reload it, and ask which devices it cannot free.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, SystemTime},
};

use tokio::{
    runtime::Handle,
    sync::Mutex,
    task::spawn_blocking,
    time::{sleep, timeout},
};
use uuid::Uuid;

use super::{Source, blocking, chain, systemd::ServiceManager, watch};
use crate::{
    audit::{CheckpointVerifier, Event},
    backup::{self, BackupError},
    config::ConfigError,
    device_id::DeviceId,
    digest::Digest,
    import::{self, Became, Offered},
    ledger::{self, Ledger, Request},
    reload::{Reloaded, Started, Stranded, reload, stranded_by},
    role::Role,
    service::Service,
    state::State,
    tls::{Tls, TlsError},
};

/// A handle to a daemon, for its operator. Clones share it.
#[derive(Clone)]
pub struct Control {
    parts: Arc<Parts>,
}

struct Parts {
    service: Arc<Service>,
    /// What sockets, ledger and threads were made by: another ledger, or other keys for it, wait for the next start.
    started: Started,
    source: Source,
    tls: Option<Arc<Tls>>,
    manager: ServiceManager,
    /// One reload or import at a time: what is taken in with the keys of before is there when a reload counts.
    turn: Arc<Mutex<()>>,
}

/// Why a reload changed nothing.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReloadError {
    /// The new configuration, or a file that it names, is wrong: everything at once.
    #[error("the configuration has {} mistakes", .0.len())]
    Config(Vec<ConfigError>),
    /// Devices would be left without the key of their leaf.
    #[error(transparent)]
    Stranded(#[from] Stranded),
    /// The next start could not open all that the ledger holds.
    #[error(
        "the next start would need the ledger's key {id}, and {keys} is not: the parameter key stays; where the seal key is \
         changed, name the one before in ledger.former_seal_keys"
    )]
    LedgerKey {
        /// The key's name.
        id: String,
        /// The keys that the configuration names, and where they are.
        keys: String,
    },
    /// The ledger cannot say which devices depend on a key, or keep that there was a reload.
    #[error("the ledger cannot be asked")]
    Ledger(#[from] ledger::Error),
    /// Requests that began with a key that goes have not ended, and what they will issue cannot be counted.
    #[error("requests of before are still at work with a key that would be gone: try again")]
    StillAtWork,
    /// The listener does not take the new files.
    #[error("tls cannot be had")]
    Tls(#[from] TlsError),
    /// The system does not give what is needed.
    #[error("the files cannot be read")]
    Io(#[from] io::Error),
}

/// What a reload has changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Changed {
    /// The parts of the configuration that are others than at the start, and are taken up at the next one only.
    pub restart: Vec<&'static str>,
    /// What is worth knowing although nothing is wrong.
    pub warnings: Vec<String>,
}

impl ReloadError {
    /// A stable word for it, as the audit has it.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Config(_) => "invalid-configuration",
            Self::Stranded(_) => "would-strand",
            Self::LedgerKey { .. } => "ledger-key-missing",
            Self::StillAtWork => "still-at-work",
            Self::Ledger(_) => "ledger-unavailable",
            Self::Tls(_) => "invalid-tls",
            Self::Io(_) => "io-failed",
        }
    }

    /// Everything that is wrong, a line each.
    pub fn problems(&self) -> Vec<String> {
        match self {
            Self::Config(errors) => errors.iter().map(ConfigError::chain).collect(),
            other => vec![chain(other)],
        }
    }
}

impl Control {
    pub(super) fn new(service: Arc<Service>, source: Source, tls: Option<Arc<Tls>>) -> Self {
        let state = service.state();
        watch::show_ends(&service.metrics, &state);
        let started = Started::with(&state);
        let manager = ServiceManager::of_environment();
        Self { parts: Arc::new(Parts { service, started, source, tls, manager, turn: Arc::default() }) }
    }

    pub(super) fn service_manager(&self) -> &ServiceManager {
        &self.parts.manager
    }

    /// What the daemon works with.
    pub fn service(&self) -> &Arc<Service> {
        &self.parts.service
    }

    /// Reads the configuration and all that it names again, and works with it from now on: with all of it, or with
    /// nothing of it. `by` is who asks, for the record.
    ///
    /// # Errors
    /// [`ReloadError`]; then nothing has changed, but that keys which were at work for a moment stay for overwrites.
    /// [`ReloadError::Stranded`] unless exactly its number is accepted.
    pub async fn reload(&self, accepted: Option<u64>, by: &str) -> Result<Changed, ReloadError> {
        let _turn = self.parts.turn.lock().await;
        self.parts.manager.reloading();
        let changed = self.exchange(accepted, by).await;
        self.parts.manager.ready();
        match &changed {
            Ok(Changed { restart, warnings }) => {
                warnings.iter().for_each(|warning| tracing::warn!("{warning}"));
                tracing::info!(by, restart = restart.join(", "), "reloaded");
            }
            Err(error) => self.refused(error, by).await,
        }
        changed
    }

    async fn exchange(&self, accepted: Option<u64>, by: &str) -> Result<Changed, ReloadError> {
        let service = self.service();
        let new = blocking(self.parts.source.clone(), |source| source.load()).await?.map_err(ReloadError::Config)?;
        let old = service.state();
        self.admit_ledger_keys(&old, &new).await?;
        let unverified = unverified_checkpoints(&service.ledger, &new).await?;
        let stranded = self.stranded_by(&old, &new).await?;
        let Reloaded { state, restart } = reload(&self.parts.started, new, stranded, accepted)?;
        let now = (service.clock)();
        let mut event = Event::done("reload").with("by", by);
        if let Some(accepted) = accepted {
            event = event.with("accepted_stranded", i64::try_from(accepted).unwrap_or(i64::MAX));
        }
        // What cannot be recorded does not begin; that it was done is known only once it stands, which may take a while.
        let loses_keys = !old.keyring.held().is_subset(&state.keyring.held());
        match loses_keys {
            true => service.ledger.audit(Event { action: "reload-begun", ..event.clone() }, now).await?,
            false => service.ledger.probe(now).await?,
        }
        let state = Arc::new(state);
        self.put(state.clone())?;
        let stands = async {
            if loses_keys {
                self.settle(&old, &state, accepted).await?;
            }
            Ok(service.ledger.audit(event, (service.clock)()).await?)
        };
        if let Err(error) = stands.await {
            self.undo(&old, &state).await;
            return Err(error);
        }
        let warnings = state.warnings(now).into_iter().chain(unverified).collect();
        watch::show_ends(&service.metrics, &state);
        self.count_stranded().await;
        Ok(Changed { restart, warnings })
    }

    /// Other keys of the ledger wait for the next start, which must not be the first to hear that one is missing.
    async fn admit_ledger_keys(&self, old: &State, new: &State) -> Result<(), ReloadError> {
        if old.config.ledger.path != new.config.ledger.path {
            return Ok(());
        }
        match self.service().ledger.opens_with(new.secrets.ledger_keys()).await {
            Err(ledger::Error::UnknownKey { id }) => {
                Err(ReloadError::LedgerKey { id, keys: new.config.ledger.keys_told() })
            }
            asked => Ok(asked?),
        }
    }

    /// Works with a state from now on, or changes nothing.
    fn put(&self, state: Arc<State>) -> Result<(), TlsError> {
        if let (Some(tls), Some(settings)) = (&self.parts.tls, &state.tls) {
            tls.reload(settings)?;
        }
        self.service().replace(state);
        Ok(())
    }

    /// Requests that had begun with a key that is gone now may have issued with it after the devices were counted. Waits
    /// for them, as long as a request may take, and counts again: then it is undone rather than a device stranded.
    async fn settle(&self, old: &Arc<State>, new: &State, accepted: Option<u64>) -> Result<(), ReloadError> {
        let begun = async {
            while Arc::strong_count(old) > 1 {
                sleep(GLANCE).await;
            }
        };
        if timeout(self.parts.started.longest_request(), begun).await.is_err() {
            return Err(ReloadError::StillAtWork);
        }
        // What they have written may be under way although nobody waits for it any more: what is written later comes later.
        self.service().ledger.probe((self.service().clock)()).await?;
        match self.stranded_by(old, new).await? {
            Some(stranded) if accepted != Some(stranded.devices) => Err(stranded.into()),
            _ => Ok(()),
        }
    }

    /// Works with the state of before again, and keeps the keys of the other one for overwrites: it may have issued
    /// meanwhile, and requests that have begun with it still may.
    async fn undo(&self, old: &State, new: &State) {
        let keyring = old.keyring.with_keys_of(&new.keyring);
        for leaf in keyring.held().difference(&old.keyring.held()) {
            tracing::warn!(%leaf, "the reload is undone; a key that it brought stays for overwrites: keep it in the configuration");
        }
        let state = Arc::new(State { keyring, ..old.clone() });
        match self.put(state.clone()) {
            Ok(()) => watch::show_ends(&self.service().metrics, &state),
            Err(error) => tracing::error!(error = %chain(&error), "the reload cannot be undone"),
        }
        self.count_stranded().await;
    }

    async fn count_stranded(&self) {
        if let Err(error) = self.refresh().await {
            tracing::warn!(error = %chain(&error), "the stranded devices cannot be counted");
        }
    }

    /// The devices that a change of keys strands; one that has profiles of several lost leaves counts once.
    async fn stranded_by(&self, old: &State, new: &State) -> Result<Option<Stranded>, ledger::Error> {
        let ledger = &self.service().ledger;
        let recorded = ledger.leaves().await?.into_iter().collect();
        let Some(stranded) = stranded_by(&old.keyring, &new.keyring, &recorded) else { return Ok(None) };
        let lost = |leaf: &Digest| stranded.leaves.iter().any(|(lost, _)| lost == leaf);
        let kept = recorded.into_keys().filter(|leaf| !lost(leaf)).collect();
        Ok(Some(Stranded { devices: ledger.stranded(&kept).await?, ..stranded }))
    }

    async fn refused(&self, error: &ReloadError, by: &str) {
        for problem in error.problems() {
            tracing::error!(by, code = error.code(), problem, "not reloaded");
        }
        let service = self.service();
        let mut event = Event::refused("reload", error.code()).with("by", by);
        if let ReloadError::Stranded(stranded) = error {
            event = event.with("devices", i64::try_from(stranded.devices).unwrap_or(i64::MAX));
        }
        if let Err(error) = service.ledger.audit(event, (service.clock)()).await {
            tracing::error!(error = %chain(&error), "the refusal is not in the record");
        }
    }

    /// How many devices cannot be freed, as the key of what they have is not there.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub async fn stranded(&self) -> Result<u64, ledger::Error> {
        self.service().ledger.stranded(&self.service().state().keyring.held()).await
    }

    /// Those devices, in the order of their names and after one of them.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub async fn stranded_devices(
        &self,
        after: Option<DeviceId>,
        limit: usize,
    ) -> Result<Vec<DeviceId>, ledger::Error> {
        let held = self.service().state().keyring.held();
        self.service().ledger.stranded_devices(&held, after, limit).await
    }

    /// Takes profiles into the record that something else has issued, and says what became of each.
    ///
    /// # Errors
    /// When the ledger does not take them; then none is recorded.
    pub async fn import(&self, offered: Vec<Offered>, by: &str) -> Result<Vec<Became>, ledger::Error> {
        let turn = self.parts.turn.clone().lock_owned().await;
        let (service, request) = (self.service().clone(), operator(by, (self.service().clock)()));
        let runtime = Handle::current();
        let taking = spawn_blocking(move || {
            // Held here: the work goes on where nobody waits for it any more.
            let _turn = turn;
            let state = service.state();
            let levels = state.config.limits.plist_depth;
            runtime.block_on(import::take(&service.ledger, &state.keyring, levels, &request, offered))
        });
        taking.await.map_err(|_| ledger::Error::Panicked)?
    }

    /// Copies the record into a folder beside the ledger, and verifies the copy. The folder goes when it is dropped.
    ///
    /// # Errors
    /// [`BackupError`].
    pub async fn back_up(&self, by: &str) -> Result<Copy, BackupError> {
        let service = self.service().clone();
        let at = (service.clock)();
        service.ledger.checkpoint().await?;
        let record = self.parts.started.record();
        let copy = Copy::beside(&record.ledger);
        // Not the whole state: a reload waits for who works with that.
        let keyring = service.state().keyring.clone();
        // The copy goes along: where nobody waits for it any more, it is removed once nothing more is written to it.
        let make = move || backup::make(&record, &keyring, copy.path(), at).map(|contents| (copy, contents));
        let (copy, contents) = spawn_blocking(make).await.map_err(|_| ledger::Error::Panicked)??;
        let records = i64::try_from(contents.records).unwrap_or(i64::MAX);
        service.ledger.audit(Event::done("backup").with("by", by).with("records", records), at).await?;
        tracing::info!(by, records, profiles = contents.profiles, "copied the record");
        Ok(copy)
    }

    /// Shows what the ledger says now.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub async fn refresh(&self) -> Result<(), ledger::Error> {
        let stranded = self.stranded().await?;
        self.service().metrics.stranded_devices.set(i64::try_from(stranded).unwrap_or(i64::MAX));
        Ok(())
    }
}

/// What is to be said of checkpoints that nobody can verify: neither a backup nor `signer audit verify` takes the ledger.
///
/// # Errors
/// When the ledger cannot be read.
pub(super) async fn unverified_checkpoints(ledger: &Ledger, state: &State) -> Result<Option<String>, ledger::Error> {
    let known: Vec<Digest> = state.secrets.verifiers().iter().map(CheckpointVerifier::id).collect();
    let unknown = ledger.checkpoint_signers().await?.into_iter().find(|signer| !known.contains(signer));
    Ok(unknown.map(|signer| {
        format!(
            "the audit has checkpoints of the key {signer}, which is not known: no backup can be made and the audit not be \
             verified until the file of its public half is named in audit.former_keys"
        )
    }))
}

/// A copy of the record that is on its way to the operator.
pub struct Copy(PathBuf);

impl Copy {
    fn beside(ledger: &Path) -> Self {
        Self(ledger.with_file_name(prefix(ledger) + &Uuid::new_v4().to_string()))
    }

    /// Removes what a daemon that was killed has left of copies. Nobody else may work with the ledger meanwhile.
    pub(super) fn remove_left(ledger: &Path) {
        let prefix = prefix(ledger);
        let folder = ledger.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let is_copy = |name: &str| name.strip_prefix(&prefix).is_some_and(|id| Uuid::try_parse(id).is_ok());
        let entries = fs::read_dir(folder).into_iter().flatten().flatten();
        for entry in entries.filter(|entry| entry.file_name().to_str().is_some_and(is_copy)) {
            tracing::warn!(folder = %entry.path().display(), "a copy of the record was left behind: it is removed");
            drop(Self(entry.path()));
        }
    }

    /// The folder that it is in.
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Copy {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.0) {
            tracing::warn!(%error, folder = %self.0.display(), "a copy of the record was left behind");
        }
    }
}

/// What the names of copies begin with.
fn prefix(ledger: &Path) -> String {
    format!("{}.backup-", ledger.file_name().unwrap_or_default().display())
}

/// A request of the operator's, who is known by his user.
pub fn operator(by: &str, at: SystemTime) -> Request {
    Request { caller: by.into(), role: Role::Admin.word().into(), id: None, idempotency: None, at, room: None }
}

/// How often it is looked whether requests that had begun have ended.
const GLANCE: Duration = Duration::from_millis(5);

#[cfg(test)]
mod tests {
    use std::{future::ready, pin::pin};

    use tokio::{select, task::yield_now};

    use super::*;
    use crate::{
        daemon::Daemon,
        fixture::{Site, now},
    };

    #[tokio::test]
    async fn a_copy_that_nobody_waits_for_any_more_goes_once_it_is_made() {
        let site = Site::new();
        let source = Source { config: site.config(), credentials: None, tcp: None, clock: Arc::new(now) };
        let control = Daemon::start(source).await.unwrap().control();
        let is_copy = |entry: &fs::DirEntry| entry.file_name().to_str().unwrap().contains("backup");
        let copies = || fs::read_dir(site.folder.path()).unwrap().flatten().filter(is_copy).count();
        let until = async |count: usize| {
            while copies() != count {
                yield_now().await;
            }
        };
        for round in 0..32 {
            let begun = async {
                until(1).await;
                for _ in 0..round * 8 {
                    yield_now().await;
                }
            };
            select! { _ = control.back_up("test") => {}, () = begun => {} }
            timeout(Duration::from_secs(30), until(0)).await.expect("it stays");
        }
    }

    #[tokio::test]
    async fn an_import_waits_for_a_reload_that_is_under_way() {
        let site = Site::new();
        let source = Source { config: site.config(), credentials: None, tcp: None, clock: Arc::new(now) };
        let control = Daemon::start(source).await.unwrap().control();
        let reloading = control.parts.turn.lock().await;
        let mut importing = pin!(control.import(vec![], "test"));
        select! { biased; _ = &mut importing => panic!("it did not wait"), () = ready(()) => {} }
        drop(reloading);
        // The turn goes to who waited first, before anybody else can take it.
        assert!(control.parts.turn.try_lock().is_err());
        assert_eq!(importing.await.unwrap(), []);
    }
}
