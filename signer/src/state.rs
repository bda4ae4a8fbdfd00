//! Everything that the daemon works with, read and checked as one: by the start, by a reload and by `signer check`.

use std::{fmt, path::Path, time::SystemTime};

use profile_kit::Certificate;
use zeroize::Zeroizing;

use crate::{
    Config,
    audit::{CheckpointKey, CheckpointVerifier},
    auth::Authenticator,
    backup::Record,
    catalogue::Catalogue,
    config::{self, ConfigError, Draft, FormerKey, Place, credentials_directory, read_public},
    keyring::Keyring,
    ledger::{LedgerKey, LedgerKeys},
    tls::{ClientCertificates, Tls, TlsSettings},
};

/// A configuration and all that it names, found good.
#[derive(Clone, Debug)]
pub struct State {
    /// What the file says.
    pub config: Config,
    /// The identities.
    pub keyring: Keyring,
    /// The specs.
    pub catalogue: Catalogue,
    /// The callers.
    pub authenticator: Authenticator,
    /// The keys of ledger and audit.
    pub secrets: Secrets,
    /// What the TLS listener shows and wants to see, where there is one.
    pub tls: Option<TlsSettings>,
}

/// The keys of ledger and audit; wiped when dropped, shown as `[redacted]`.
#[derive(Clone)]
pub struct Secrets {
    /// Seals the signed profiles in the ledger.
    pub seal_key: Zeroizing<[u8; 32]>,
    /// Keys the digests of parameters in the ledger.
    pub parameter_key: Zeroizing<[u8; 32]>,
    /// Open what they sealed before.
    pub former_seal_keys: Vec<Zeroizing<[u8; 32]>>,
    /// Signs the audit log's checkpoints.
    pub checkpoint_key: CheckpointKey,
    /// What verifies checkpoints that other keys signed before.
    pub former_keys: Vec<CheckpointVerifier>,
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secrets([redacted])")
    }
}

impl State {
    /// Reads a configuration file and every file that it names; `at` is the moment that dates are compared with.
    ///
    /// # Errors
    /// Everything that is wrong with all of them at once: first what the configuration says, then secrets and
    /// certificates, identities, specs.
    pub fn load(path: impl AsRef<Path>, at: SystemTime) -> Result<Self, Vec<ConfigError>> {
        Self::load_with(path.as_ref(), credentials_directory().as_deref(), at)
    }

    /// As [`load`](State::load), with the folder where credentials are.
    ///
    /// # Errors
    /// As [`load`](State::load).
    pub fn load_with(path: &Path, credentials: Option<&Path>, at: SystemTime) -> Result<Self, Vec<ConfigError>> {
        let mut draft = Draft::load(path, credentials);
        let secrets = Secrets::read(&mut draft);
        let tls = draft.tls().map(tls_settings).transpose();
        let tls = tls.unwrap_or_else(|wrong| {
            draft.errors.extend(wrong);
            None
        });
        let (keyring, wrong) = Keyring::load(&draft.identities, &draft.specs, at);
        draft.errors.extend(wrong);
        let (catalogue, wrong) = Catalogue::load(&draft.specs, at);
        draft.errors.extend(wrong);
        let config = draft.finish()?;
        let secrets = secrets.expect("a ledger and an audit log that could be read have secrets, or there are errors");
        Ok(Self { authenticator: Authenticator::new(&config.callers), config, keyring, catalogue, secrets, tls })
    }

    /// What is worth knowing although nothing is wrong, a sentence each: certificates that end, weak points of chains,
    /// findings in specs.
    pub fn warnings(&self, at: SystemTime) -> Vec<String> {
        let ending = self.keyring.ending(at).into_iter();
        let ending = ending.map(|it| format!("identity {:?}: {it}", it.identity));
        ending.chain(self.undated_warnings(at)).collect()
    }

    /// Those of them that do not change with time.
    pub fn undated_warnings(&self, at: SystemTime) -> Vec<String> {
        let weak = self.keyring.warnings(at).into_iter().map(|(name, warning)| format!("identity {name:?}: {warning}"));
        weak.chain(self.catalogue.warnings().map(ConfigError::chain)).collect()
    }
}

impl Secrets {
    /// What opens and seals the ledger.
    pub fn ledger_keys(&self) -> LedgerKeys {
        let key = |seal: &Zeroizing<[u8; 32]>| LedgerKey::of(seal, &self.parameter_key);
        LedgerKeys { active: key(&self.seal_key), former: self.former_seal_keys.iter().map(key).collect() }
    }

    /// What verifies the checkpoints: the key at work first.
    pub fn verifiers(&self) -> Vec<CheckpointVerifier> {
        [vec![self.checkpoint_key.verifier()], self.former_keys.clone()].concat()
    }

    /// The record that they are the keys of.
    pub fn record(&self, ledger: &config::Ledger, audit: &config::Audit) -> Record {
        Record {
            ledger: ledger.path.clone(),
            checkpoints: audit.checkpoints.clone(),
            keys: self.ledger_keys(),
            keys_told: ledger.keys_told(),
            verifiers: self.verifiers(),
        }
    }

    /// Reads those that a configuration names.
    ///
    /// # Errors
    /// Everything that is wrong with them.
    pub fn of(ledger: &config::Ledger, audit: &config::Audit) -> Result<Self, Vec<ConfigError>> {
        let mut errors = Vec::new();
        let secrets = Self::take(Some(ledger), Some(audit), &mut errors);
        secrets.filter(|_| errors.is_empty()).ok_or(errors)
    }

    /// Reads all of them, and notes everything that is wrong.
    fn read(draft: &mut Draft) -> Option<Self> {
        let mut errors = Vec::new();
        let secrets = Self::take(draft.ledger(), draft.audit(), &mut errors);
        draft.errors.extend(errors);
        secrets
    }

    fn take(
        ledger: Option<&config::Ledger>,
        audit: Option<&config::Audit>,
        errors: &mut Vec<ConfigError>,
    ) -> Option<Self> {
        let mut take = |read: Result<_, ConfigError>| read.map_err(|error| errors.push(error)).ok();
        let seal_key = ledger.and_then(|ledger| take(ledger.seal_key.key()));
        let parameter_key = ledger.and_then(|ledger| take(ledger.parameter_key.key()));
        let former = ledger.map(|ledger| ledger.former_seal_keys.as_slice()).unwrap_or_default();
        let former_seal_keys: Vec<_> = former.iter().map(|secret| take(secret.key())).collect();
        if let (Some(ledger), Some(seal), Some(parameter)) = (ledger, &seal_key, &parameter_key)
            && seal == parameter
        {
            errors.push(ConfigError::new(ledger.parameter_key.place.clone(), "is the same key as ledger.seal_key"));
        }
        let checkpoint_key = audit.map(|audit| checkpoint_key(&audit.checkpoint_key));
        let checkpoint_key = checkpoint_key.and_then(|read| read.map_err(|error| errors.push(error)).ok());
        let former = audit.map(|audit| audit.former_keys.as_slice()).unwrap_or_default();
        let read = |key| former_key(key).map_err(|error| errors.push(error)).ok();
        let former_keys: Vec<_> = former.iter().map(read).collect();
        Some(Self {
            seal_key: seal_key?,
            parameter_key: parameter_key?,
            former_seal_keys: former_seal_keys.into_iter().collect::<Option<_>>()?,
            checkpoint_key: checkpoint_key?,
            former_keys: former_keys.into_iter().collect::<Option<Vec<_>>>()?.concat(),
        })
    }
}

fn former_key(FormerKey { path, place }: &FormerKey) -> Result<Vec<CheckpointVerifier>, ConfigError> {
    let pem = read_public(place, path)?;
    CheckpointVerifier::all_from_pem(&pem).map_err(|cause| {
        let problem = format!("{} holds no public key of checkpoints", path.display());
        ConfigError { place: place.clone(), problem, source: Some(Box::new(cause)) }
    })
}

fn checkpoint_key(secret: &config::Secret) -> Result<CheckpointKey, ConfigError> {
    let pem = secret.read()?;
    CheckpointKey::from_pem(&pem).map_err(|cause| {
        let problem = format!("{} is no key for checkpoints", secret.path.display());
        ConfigError { place: secret.place.clone(), problem, source: Some(Box::new(cause)) }
    })
}

/// The files of TLS, and whether they make a listener together.
fn tls_settings(tls: &config::Tls) -> Result<TlsSettings, Vec<ConfigError>> {
    let place = |key: &str| Place { key: format!("listen.tls.{key}"), ..tls.key.place.clone() };
    let certificates = |key: &str, path: &Path| {
        let pem = read_public(&place(key), path)?;
        let certificates = Certificate::from_pem(&pem).map_err(|cause| ConfigError::of(place(key), cause))?;
        match certificates.is_empty() {
            true => Err(ConfigError::new(place(key), format!("{} holds no certificate", path.display()))),
            false => Ok(pem),
        }
    };
    let ca = tls.client_ca.as_ref().map(|path| certificates("client_ca", path)).transpose();
    let (certificates, key, ca) = match (certificates("certificate", &tls.certificate), tls.key.read(), ca) {
        (Ok(certificates), Ok(key), Ok(ca)) => (certificates, key, ca),
        (certificates, key, ca) => {
            return Err([certificates.err(), key.err(), ca.err()].into_iter().flatten().collect());
        }
    };
    // Callers with a token need no certificate.
    let clients = ca.map_or(ClientCertificates::Unasked, ClientCertificates::Optional);
    let settings = TlsSettings { certificates, key, clients };
    match Tls::new(&settings) {
        Ok(_) => Ok(settings),
        Err(cause) => {
            let problem = "certificate, key and client_ca make no listener".to_owned();
            Err(vec![ConfigError { place: place("key"), problem, source: Some(Box::new(cause)) }])
        }
    }
}

#[cfg(test)]
mod tests;
