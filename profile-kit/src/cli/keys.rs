//! The options that name a signing identity, and how one is loaded from them.

#[cfg(unix)]
mod terminal;

use std::{
    io::{self, IsTerminal},
    path::{Path, PathBuf},
    time::SystemTime,
};

use profile_kit::{Certificate, Identity, IdentityFiles, IdentityWarning, Passphrase, Pkcs12File};

#[cfg(unix)]
use self::terminal::ask;
use super::{outcome::Failure, text};

/// Who signs: a key, its certificate and the chain.
#[derive(clap::Args)]
pub struct KeyOptions {
    #[command(flatten)]
    files: KeyFiles,
    /// Intermediate certificates, PEM.
    #[arg(long, value_name = "PEM", requires = "identity", help_heading = "Key options")]
    chain: Option<PathBuf>,
}

/// A certificate and its key: PEM files, or one PKCS#12 file.
#[derive(clap::Args)]
pub struct KeyFiles {
    /// The certificate, PEM; the file may hold its chain too.
    #[arg(long, value_name = "PEM", requires = "key", group = "identity", help_heading = "Key options")]
    cert: Option<PathBuf>,
    /// Its private key, PEM.
    #[arg(long, value_name = "PEM", requires = "cert", conflicts_with = "p12", help_heading = "Key options")]
    key: Option<PathBuf>,
    /// Certificate and key in one PKCS#12 file, which may hold the chain too.
    #[arg(long, value_name = "FILE", group = "identity", help_heading = "Key options")]
    p12: Option<PathBuf>,
    /// Where the key's passphrase is: `file:PATH` or `env:NAME`. Without it the terminal is asked.
    #[arg(long, value_name = "file:PATH|env:NAME", requires = "identity", help_heading = "Key options")]
    passphrase: Option<PassphraseSource>,
    /// Take a key file that group or others may read, and warn of no such passphrase file.
    #[arg(long, requires = "identity", help_heading = "Key options")]
    allow_readable_key: bool,
}

/// Where a passphrase comes from; never an argument, which other users could see.
#[derive(Clone)]
enum PassphraseSource {
    File(PathBuf),
    Env(String),
    /// Perhaps the passphrase itself: not repeated anywhere.
    Unclear,
}

impl From<String> for PassphraseSource {
    fn from(text: String) -> Self {
        match text.split_once(':') {
            Some(("file", path)) => Self::File(path.into()),
            Some(("env", name)) => Self::Env(name.into()),
            _ => Self::Unclear,
        }
    }
}

impl KeyOptions {
    /// The options' names, for what goes without a key.
    pub const IDS: [&str; 6] = ["cert", "key", "chain", "p12", "passphrase", "allow_readable_key"];

    /// Whether any identity is named.
    pub fn given(&self) -> bool {
        self.files.cert.is_some() || self.files.p12.is_some()
    }

    /// The files that are named, each with its option.
    pub fn files(&self) -> Vec<(&'static str, &Path)> {
        let mut named = self.files.named();
        named.extend(self.chain.as_deref().map(|path| ("--chain", path)));
        named
    }

    /// Loads the identity to sign with, and tells what is doubtful about it at a time; its leaf is the one that is
    /// asked for, if the key has it.
    pub fn load(&self, at: SystemTime, leaf: Option<&Certificate>) -> Result<Identity, Failure> {
        let identity = self.files.load(self.chain.as_deref(), false)?;
        let identity = leaf.and_then(|leaf| identity.with_leaf(leaf)).unwrap_or(identity);
        let name = self.files.name();
        for warning in identity.warnings(at) {
            let message = format!("{name}: {warning}");
            match warning {
                // With an intermediate there, what is missing is a root as a rule, and that is as it should be.
                IdentityWarning::ChainEnds { .. } if identity.chain().len() > 1 => text::note(&message),
                _ => text::warning(&message),
            }
        }
        let now = SystemTime::now();
        for expired in identity.warnings(now).into_iter().filter(|it| matches!(it, IdentityWarning::Expired { .. })) {
            if at < now && !identity.warnings(at).contains(&expired) {
                text::warning(&format!("{name}: {expired}; the signing time that is asked for is before that"));
            }
        }
        Ok(identity)
    }
}

impl KeyFiles {
    /// The files that are named, each with its option.
    pub fn named(&self) -> Vec<(&'static str, &Path)> {
        let passphrase = match &self.passphrase {
            Some(PassphraseSource::File(path)) => Some(path),
            _ => None,
        };
        let named = [
            ("--cert", self.cert.as_ref()),
            ("--key", self.key.as_ref()),
            ("--p12", self.p12.as_ref()),
            ("--passphrase", passphrase),
        ];
        named.into_iter().filter_map(|(option, path)| Some((option, path?.as_path()))).collect()
    }

    /// Loads the identity to decrypt with: its key usage need not allow signing.
    pub fn load_to_decrypt(&self) -> Result<Identity, Failure> {
        self.load(None, true)
    }

    fn load(&self, chain: Option<&Path>, decrypt_only: bool) -> Result<Identity, Failure> {
        let (passphrase, allow_readable_key) = (self.passphrase()?, self.allow_readable_key);
        let chain = chain.map(Path::to_owned);
        let identity = match (&self.cert, &self.key, &self.p12) {
            (Some(certificate), Some(key), None) => {
                let files = IdentityFiles::new(certificate, key);
                let files = IdentityFiles { chain, passphrase, allow_readable_key, decrypt_only, ..files };
                files.load_asking(|| prompt(key))
            }
            (None, None, Some(path)) => {
                let file = Pkcs12File { path: path.clone(), chain, passphrase, allow_readable_key, decrypt_only };
                file.load_asking(|| prompt(path))
            }
            _ => return Err(Failure::usage("no key is named: give --cert and --key, or --p12")),
        };
        identity.map_err(|error| Failure::plain(&error))
    }

    fn passphrase(&self) -> Result<Option<Passphrase>, Failure> {
        let passphrase = match &self.passphrase {
            None => return Ok(None),
            Some(PassphraseSource::File(path)) => {
                self.warn_of_open(path);
                Passphrase::from_file(path)
            }
            Some(PassphraseSource::Env(name)) => Passphrase::from_env(name),
            Some(PassphraseSource::Unclear) => {
                let message =
                    "--passphrase takes file:PATH or env:NAME; a passphrase itself is not taken from the command line";
                return Err(Failure::usage(message));
            }
        };
        passphrase.map(Some).map_err(|error| Failure::plain(&error))
    }

    fn warn_of_open(&self, passphrase: &Path) {
        if let Some(mode) = Passphrase::mode_open_to_others(passphrase).filter(|_| !self.allow_readable_key) {
            let path = passphrase.display();
            text::warning(&format!("{path}: mode {mode:04o} opens the passphrase to group or others: chmod 600 it"));
        }
    }

    fn name(&self) -> String {
        let path = self.cert.as_ref().or(self.p12.as_ref());
        path.map_or_else(|| "key options".into(), |path| path.display().to_string())
    }
}

/// Asks on the terminal, if somebody sits there: standard input may be a profile.
fn prompt(key: &Path) -> io::Result<Option<Passphrase>> {
    if !io::stdin().is_terminal() && !io::stderr().is_terminal() {
        return Ok(None);
    }
    ask(&format!("Passphrase of {}: ", text::escape(&key.display().to_string()))).map(Some)
}

#[cfg(not(unix))]
fn ask(question: &str) -> io::Result<Passphrase> {
    rpassword::prompt_password(question).map(Passphrase::new)
}
