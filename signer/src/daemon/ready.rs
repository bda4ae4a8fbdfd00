//! What the daemon has to have to be ready.

use std::{fs::OpenOptions, io, sync::Arc, time::SystemTime};

use tokio::task::spawn_blocking;

use super::chain;
use crate::{http::Readiness, service::Service, state::State};

/// Ready: ledger and audit can be written, every key signs, every active certificate is valid.
pub(super) fn checks(readiness: Readiness, service: &Arc<Service>) -> Readiness {
    let [ledger, audit, keys, certificates] = [(); 4].map(|()| service.clone());
    readiness
        .check("ledger", move || ledger_is_written(ledger.clone()))
        .check("audit", move || blocking(audit.clone(), |service| checkpoints_are_written(&service)))
        .check("keys", move || blocking(keys.clone(), |service| keys_sign(&service)))
        .check("certificates", move || {
            let service = certificates.clone();
            async move { certificates_are_valid(&service.state(), (service.clock)()) }
        })
}

/// The audit's records are in the ledger's file.
async fn ledger_is_written(service: Arc<Service>) -> Result<(), String> {
    service.ledger.probe((service.clock)()).await.map_err(|error| chain(&error))
}

fn checkpoints_are_written(service: &Service) -> Result<(), String> {
    let path = service.ledger.checkpoint_file();
    let open = OpenOptions::new().append(true).open(&path).and_then(|file| file.sync_data());
    open.map_err(|error: io::Error| format!("{}: {error}", path.display()))
}

fn keys_sign(service: &Service) -> Result<(), String> {
    service.state().keyring.self_test((service.clock)()).map_err(|error| chain(&error))
}

fn certificates_are_valid(state: &State, at: SystemTime) -> Result<(), String> {
    let issuing = |spec: &str| state.keyring.issuing(spec, at).map(drop).map_err(|refusal| refusal.to_string());
    state.catalogue.specs().try_for_each(|spec| issuing(spec.name()))
}

async fn blocking(
    service: Arc<Service>,
    check: impl FnOnce(Arc<Service>) -> Result<(), String> + Send + 'static,
) -> Result<(), String> {
    spawn_blocking(move || check(service)).await.unwrap_or_else(|_| Err("the check panicked".into()))
}
