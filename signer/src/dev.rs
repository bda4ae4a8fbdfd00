//! A place to try the daemon out: a folder with everything that it needs, made once and used again.

use std::{
    fs::{self, DirBuilder, OpenOptions},
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use openssl::rand::rand_bytes;
use profile_kit::pki::{Authority, KeySpec, Leaf, Validity};
use zeroize::Zeroizing;

use crate::{audit::CheckpointKey, token::Token};

/// The folder: a test identity, keys for ledger and audit, an example spec, a caller `dev` with every role and its
/// token, and a configuration that names them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Site {
    folder: PathBuf,
}

/// The folder cannot be made.
#[derive(Debug, thiserror::Error)]
#[error("{}: {problem}", path.display())]
pub struct DevError {
    /// The folder or file.
    pub path: PathBuf,
    /// What was tried.
    pub problem: &'static str,
    /// What the system or a library said.
    pub source: Box<dyn std::error::Error + Send + Sync>,
}

impl Site {
    /// The site in a folder, which is made where there is none yet; `at` is when its certificates begin.
    ///
    /// # Errors
    /// Where the folder cannot be made, or a file in it.
    pub fn open(folder: impl Into<PathBuf>, at: SystemTime) -> Result<Self, DevError> {
        let site = Self { folder: folder.into() };
        // It is written last: where it is, the rest is too.
        if !site.config().exists() {
            site.make(at)?;
        }
        Ok(site)
    }

    /// The configuration file.
    pub fn config(&self) -> PathBuf {
        self.folder.join("signer.toml")
    }

    /// The file with the header field that carries the token, as `curl -H @FILE` takes it.
    pub fn authorization(&self) -> PathBuf {
        self.folder.join("authorization")
    }

    /// The root that certifies the test identity, in PEM.
    pub fn root(&self) -> PathBuf {
        self.folder.join("root.pem")
    }

    /// The token.
    ///
    /// # Errors
    /// Where its file cannot be read.
    pub fn token(&self) -> Result<Zeroizing<String>, DevError> {
        let path = self.authorization();
        let header = fs::read_to_string(&path).map_err(failed(&path, "cannot be read"))?;
        let token = header.trim().trim_start_matches(HEADER);
        Ok(Zeroizing::new(token.to_owned()))
    }

    fn make(&self, at: SystemTime) -> Result<(), DevError> {
        let folder = &self.folder;
        DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(failed(folder, "cannot be made"))?;
        self.make_identity(at)?;
        self.write("ledger-seal.key", &*random()?)?;
        self.write("ledger-parameters.key", &*random()?)?;
        let checkpoints = CheckpointKey::generate().and_then(|key| key.to_pem()).map_err(no_key)?;
        self.write("checkpoints.key", &Zeroizing::new(checkpoints))?;
        self.write("ivi-mdm.toml", SPEC.as_bytes())?;
        let token = Token::generate().map_err(no_key)?;
        self.write("authorization", format!("{HEADER}{}\n", token.reveal()).as_bytes())?;
        self.write("signer.toml", CONFIG.replace("TOKEN_SHA256", &token.digest().to_string()).as_bytes())
    }

    fn make_identity(&self, at: SystemTime) -> Result<(), DevError> {
        let made = || {
            let validity = Validity::days(at - A_DAY, 3650);
            let root = Authority::new("Test Root", KeySpec::P256, validity)?;
            let intermediate = root.intermediate("Test Issuing CA", KeySpec::P256, validity)?;
            let leaf = intermediate.issue(&Leaf::new("Test Profile Signer", KeySpec::Rsa(2048), validity))?;
            let root = root.certificate_pem()?;
            let chain = [leaf.certificate_pem()?, leaf.chain_pem()?, root.clone()].concat();
            Ok((root, chain, Zeroizing::new(leaf.key_pem()?)))
        };
        let (root, chain, key) = made().map_err(|cause: profile_kit::Error| no_key(cause))?;
        self.write("root.pem", &root)?;
        self.write("test.pem", &chain)?;
        self.write("test.key", &key)
    }

    /// Writes a file that only its owner may read, whole or not at all.
    fn write(&self, name: &str, content: &[u8]) -> Result<(), DevError> {
        let (path, beside) = (self.folder.join(name), self.folder.join(format!("{name}.new")));
        let written = || {
            let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&beside)?;
            file.write_all(content)?;
            file.sync_all()?;
            fs::rename(&beside, &path)
        };
        written().map_err(|cause: io::Error| failed(&path, "cannot be written")(cause))
    }
}

fn random() -> Result<Zeroizing<[u8; 32]>, DevError> {
    let mut bytes = Zeroizing::new([0; 32]);
    rand_bytes(bytes.as_mut_slice()).map_err(no_key)?;
    Ok(bytes)
}

fn no_key(cause: impl std::error::Error + Send + Sync + 'static) -> DevError {
    DevError { path: PathBuf::from("test keys"), problem: "cannot be made", source: Box::new(cause) }
}

fn failed(path: &Path, problem: &'static str) -> impl FnOnce(io::Error) -> DevError {
    move |cause| DevError { path: path.to_owned(), problem, source: Box::new(cause) }
}

const HEADER: &str = "Authorization: Bearer ";
const SPEC: &str = include_str!("dev/ivi-mdm.toml");
const CONFIG: &str = include_str!("dev/signer.toml");
const A_DAY: Duration = Duration::from_secs(86_400);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{fixture::now, state::State};

    #[test]
    fn what_is_made_is_good_and_its_owners_only() {
        let folder = tempfile::tempdir().unwrap();
        let site = Site::open(folder.path().join("dev"), now()).unwrap();
        let state = State::load_with(&site.config(), None, now()).unwrap_or_else(|errors| panic!("{errors:#?}"));
        assert_eq!(state.warnings(now()), Vec::<String>::new());
        for file in fs::read_dir(folder.path().join("dev")).unwrap() {
            let mode = std::os::unix::fs::PermissionsExt::mode(&file.unwrap().metadata().unwrap().permissions());
            assert_eq!(mode & 0o077, 0);
        }
    }

    #[test]
    fn what_is_there_is_used_again() {
        let folder = tempfile::tempdir().unwrap();
        let token = Site::open(folder.path(), now()).unwrap().token().unwrap();
        assert!(token.starts_with("signer_"));
        assert_eq!(Site::open(folder.path(), now()).unwrap().token().unwrap(), token);
    }

    #[test]
    fn a_folder_that_was_not_finished_is_made_anew() {
        let folder = tempfile::tempdir().unwrap();
        let site = Site::open(folder.path(), now()).unwrap();
        fs::remove_file(site.config()).unwrap();
        let site = Site::open(folder.path(), now()).unwrap();
        assert!(State::load_with(&site.config(), None, now()).is_ok());
    }
}
