//! Reading identities from their files, and trying each of them out.

use std::{
    collections::hash_map::Entry,
    fs::File,
    path::{Path, PathBuf},
    sync::Arc,
    time::SystemTime,
};

use profile_kit::{Certificate, Identity, IdentityFiles, Pkcs12File};

use super::{Key, Keyring, Leaf, try_out};
use crate::{
    Digest,
    config::{ConfigError, Duty, IdentityConfig, KeyFiles, Place, SpecConfig, read_public},
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
        let identity = read(files, &config.place).map_err(|error| {
            let missing = missing(files, &config.place);
            // Reading stops at the first file that is not there, and there may be more.
            if missing.is_empty() { vec![error] } else { missing }
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
    let passphrase = match files {
        KeyFiles::Pem { passphrase, .. } | KeyFiles::Pkcs12 { passphrase, .. } => passphrase,
    };
    let passphrase = passphrase.as_ref().map(|secret| secret.passphrase()).transpose()?;
    let identity = match files {
        KeyFiles::Pem { certificate, chain, key, .. } => IdentityFiles {
            chain: chain.clone(),
            passphrase,
            allow_readable_key: key.credential,
            ..IdentityFiles::new(certificate, &key.path)
        }
        .load(),
        KeyFiles::Pkcs12 { archive, .. } => {
            Pkcs12File { passphrase, allow_readable_key: archive.credential, ..Pkcs12File::new(&archive.path) }.load()
        }
    };
    identity.map_err(|cause| ConfigError::of(place.clone(), cause))
}

/// An identity's files that cannot be opened.
fn missing(files: &KeyFiles, place: &Place) -> Vec<ConfigError> {
    let (named, passphrase): (Vec<&PathBuf>, _) = match files {
        KeyFiles::Pem { certificate, chain, key, passphrase } => {
            ([&key.path, certificate].into_iter().chain(chain).collect(), passphrase)
        }
        KeyFiles::Pkcs12 { archive, passphrase } => (vec![&archive.path], passphrase),
    };
    let secret = passphrase.as_ref().map(|secret| (&secret.path, &secret.place));
    let named = named.into_iter().map(|path| (path, place)).chain(secret);
    named
        .filter_map(|(path, place)| Some(ConfigError::unreadable(place.clone(), path, File::open(path).err()?)))
        .collect()
}

/// The leaves of a key that is gone: the certificates that issued no other one of the file.
fn gone(config: &IdentityConfig, path: &Path) -> Result<Vec<(Certificate, Option<Identity>)>, ConfigError> {
    let place = config.place.key("certificate");
    let bytes = read_public(&place, path)?;
    let certificates = match bytes.first() {
        Some(&SEQUENCE) => Certificate::from_der(&bytes).map(|certificate| vec![certificate]),
        _ => Certificate::from_pem(&bytes),
    };
    let certificates = certificates.map_err(|cause| ConfigError::of(place.clone(), cause))?;
    let issued_another = |it: &Certificate| certificates.iter().any(|other| other != it && other.is_issued_by(it));
    let leaves: Vec<_> = certificates.iter().filter(|it| !issued_another(it)).map(|it| (it.clone(), None)).collect();
    match leaves.is_empty() {
        true => Err(ConfigError::new(place, format!("{} holds no certificate", path.display()))),
        false => Ok(leaves),
    }
}

/// What DER starts with, and PEM does not.
const SEQUENCE: u8 = 0x30;
