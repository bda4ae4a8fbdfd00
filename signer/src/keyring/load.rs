//! Reading identities from their files, and trying each of them out.

use std::{
    collections::hash_map::Entry,
    path::{Path, PathBuf},
    sync::Arc,
    time::SystemTime,
};

use profile_kit::{Certificate, Identity, IdentityFiles, Passphrase, Pkcs12File};

use super::{Key, Keyring, Leaf, try_out};
use crate::{
    Digest,
    config::{ConfigError, Duty, IdentityConfig, KeyFiles, Place, Secret, SpecConfig, read_public},
    file::open_regular,
};

/// The keyring, and everything that is wrong with what is not in it.
pub(super) fn keyring(
    identities: &[IdentityConfig],
    specs: &[SpecConfig],
    at: SystemTime,
) -> (Keyring, Vec<ConfigError>) {
    let mut keyring = Keyring::default();
    let mut errors = Vec::new();
    for config in identities {
        let added = match &config.duty {
            Duty::Active(files) => keyring.add(config, files, true, at),
            Duty::OverwriteOnly(files) => keyring.add(config, files, false, at),
            Duty::Gone { certificate } => {
                let known = gone(config, certificate).and_then(|leaves| keyring.know(config, leaves));
                known.map_err(|error| vec![error])
            }
        };
        errors.extend(added.err().into_iter().flatten());
    }
    for spec in specs {
        // An identity that could not be read has an error of its own.
        if let Some(key) = keyring.keys.iter().find(|key| key.active && *key.name == *spec.identity) {
            keyring.active.insert(spec.name.clone(), key.clone());
        }
    }
    (keyring, errors)
}

impl Keyring {
    fn add(
        &mut self,
        config: &IdentityConfig,
        files: &KeyFiles,
        active: bool,
        at: SystemTime,
    ) -> Result<(), Vec<ConfigError>> {
        let identity = can_be_opened(files, &config.place).and_then(|()| read(files, &config.place));
        let identity = identity.map_err(|error| {
            let faults = faults(files, &config.place);
            // Reading stops at the first fault, and there may be more.
            if faults.is_empty() { vec![error] } else { faults }
        })?;
        try_out(&identity, at).map_err(|cause| vec![ConfigError::of(config.place.clone(), cause)])?;
        let leaves = identity.certificates().map(|leaf| (leaf.clone(), identity.with_leaf(leaf))).collect();
        self.know(config, leaves).map_err(|error| vec![error])?;
        let leaf = Digest::of(identity.certificate().der());
        self.keys.push(Arc::new(Key { name: config.name.as_str().into(), active, identity, leaf }));
        Ok(())
    }

    /// Takes up an identity's leaves: all, or none where one of them is another's.
    fn know(
        &mut self,
        config: &IdentityConfig,
        leaves: Vec<(Certificate, Option<Identity>)>,
    ) -> Result<(), ConfigError> {
        let name: Arc<str> = config.name.as_str().into();
        let mut added = Vec::new();
        for (certificate, identity) in leaves {
            let digest = Digest::of(certificate.der());
            match self.leaves.entry(digest) {
                Entry::Occupied(other) if other.get().name == name => {}
                Entry::Occupied(other) => {
                    let problem = format!("certificate {digest} is of identity {:?} already", other.get().name);
                    added.iter().for_each(|digest| drop(self.leaves.remove(digest)));
                    return Err(ConfigError::new(config.place.clone(), problem));
                }
                Entry::Vacant(place) => {
                    place.insert(Leaf { name: name.clone(), certificate, identity });
                    added.push(digest);
                }
            }
        }
        Ok(())
    }
}

fn read(files: &KeyFiles, place: &Place) -> Result<Identity, ConfigError> {
    let passphrase = passphrase(files).map(Secret::passphrase).transpose()?;
    let identity = match files {
        KeyFiles::Pem { certificate, chain, key, .. } => pem(certificate, chain.clone(), key, passphrase).load(),
        KeyFiles::Pkcs12 { archive, .. } => {
            Pkcs12File { passphrase, allow_readable_key: archive.credential, ..Pkcs12File::new(&archive.path) }.load()
        }
    };
    identity.map_err(|cause| ConfigError::of(place.clone(), cause))
}

/// Whether each of its files can: to read a pipe would be to wait for it.
fn can_be_opened(files: &KeyFiles, place: &Place) -> Result<(), ConfigError> {
    let named: Vec<&PathBuf> = match files {
        KeyFiles::Pem { certificate, chain, key, .. } => [&key.path, certificate].into_iter().chain(chain).collect(),
        KeyFiles::Pkcs12 { archive, .. } => vec![&archive.path],
    };
    let secret = passphrase(files).map(|secret| (&secret.path, &secret.place));
    let mut all = named.into_iter().map(|path| (path, place)).chain(secret);
    all.try_for_each(|(path, place)| match open_regular(path) {
        Ok(_) => Ok(()),
        Err(cause) => Err(ConfigError::unreadable(place.clone(), path, cause)),
    })
}

fn passphrase(files: &KeyFiles) -> Option<&Secret> {
    let (KeyFiles::Pem { passphrase, .. } | KeyFiles::Pkcs12 { passphrase, .. }) = files;
    passphrase.as_ref()
}

fn pem(certificate: &Path, chain: Option<PathBuf>, key: &Secret, passphrase: Option<Passphrase>) -> IdentityFiles {
    let files = IdentityFiles::new(certificate, &key.path);
    IdentityFiles { chain, passphrase, allow_readable_key: key.credential, ..files }
}

/// What is wrong with each of an identity's files by itself.
fn faults(files: &KeyFiles, place: &Place) -> Vec<ConfigError> {
    let (passphrase, unread) = match passphrase(files).map(Secret::passphrase).transpose() {
        Ok(passphrase) => (passphrase, None),
        Err(error) => (None, Some(error)),
    };
    let mut faults = Vec::new();
    match files {
        KeyFiles::Pem { certificate, chain, key, .. } => {
            let files = pem(certificate, None, key, passphrase);
            let usable = || files.check_key().map_err(|cause| ConfigError::of(place.clone(), cause));
            faults.extend(key_fault(key, place, unread.is_none().then_some(usable)));
            let certificates = [certificate].into_iter().chain(chain);
            faults.extend(certificates.filter_map(|path| certificates_of(path, place).err()));
        }
        // With its passphrase it is one file, which stopped at its first fault.
        KeyFiles::Pkcs12 { archive, .. } => {
            faults.extend(key_fault(archive, place, unread.is_none().then_some(|| Ok(()))));
        }
    }
    faults.extend(unread);
    faults
}

/// What is wrong with a file that holds a key; without its passphrase as far as can be seen from outside.
fn key_fault(
    key: &Secret,
    place: &Place,
    usable: Option<impl FnOnce() -> Result<(), ConfigError>>,
) -> Option<ConfigError> {
    if let Err(cause) = open_regular(&key.path) {
        return Some(ConfigError::unreadable(place.clone(), &key.path, cause));
    }
    usable.map_or_else(|| key.read().map(drop), |usable| usable()).err()
}

/// The certificates of a file: in PEM, or one in DER.
fn certificates_of(path: &Path, place: &Place) -> Result<Vec<Certificate>, ConfigError> {
    let bytes = read_public(place, path)?;
    let certificates = match bytes.first() {
        Some(&SEQUENCE) => Certificate::from_der(&bytes).map(|certificate| vec![certificate]),
        _ => Certificate::from_pem(&bytes),
    };
    certificates.map_err(|cause| {
        let error = ConfigError::of(place.clone(), cause);
        ConfigError { problem: format!("{}: {}", path.display(), error.problem), ..error }
    })
}

/// The leaves of a key that is gone: the certificates that issued no other one of the file.
fn gone(config: &IdentityConfig, path: &Path) -> Result<Vec<(Certificate, Option<Identity>)>, ConfigError> {
    let place = config.place.key("certificate");
    let certificates = certificates_of(path, &place)?;
    let issued_another = |it: &Certificate| certificates.iter().any(|other| other != it && other.is_issued_by(it));
    let leaves: Vec<_> = certificates.iter().filter(|it| !issued_another(it)).map(|it| (it.clone(), None)).collect();
    match leaves.is_empty() {
        true => Err(ConfigError::new(place, format!("{} holds no certificate", path.display()))),
        false => Ok(leaves),
    }
}

/// What DER starts with, and PEM does not.
const SEQUENCE: u8 = 0x30;
