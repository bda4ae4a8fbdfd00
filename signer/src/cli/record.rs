//! Where the record is that a verb looks at while no daemon is asked.

use std::path::{Path, PathBuf};

use signer::{
    backup::Record,
    config::{ConfigError, credentials_directory, record_of},
    daemon::Source,
    state::Secrets,
};

use super::outcome::{Exit, Failure};

/// A configuration, of which ledger and audit are read.
#[derive(clap::Args)]
pub struct Place {
    /// The configuration file
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// The folder of systemd's credentials [default: $CREDENTIALS_DIRECTORY]
    #[arg(long, value_name = "DIR")]
    credentials: Option<PathBuf>,
}

impl Place {
    /// What a daemon would start with.
    pub fn source(&self) -> Source {
        let source = Source::new(&self.config);
        Source { credentials: self.credentials.clone().or(source.credentials.clone()), ..source }
    }

    /// The record that it names, with the keys.
    pub fn record(&self) -> Result<Record, Failure> {
        record(&self.config, self.credentials.clone())
    }
}

/// The record that a configuration names, with the keys.
pub fn record(config: &Path, credentials: Option<PathBuf>) -> Result<Record, Failure> {
    let could_not = |errors: Vec<ConfigError>| Failure { exit: Exit::CouldNotAsk, ..Failure::config(&errors) };
    let credentials = credentials.or_else(credentials_directory);
    let (ledger, audit) = record_of(config, credentials.as_deref()).map_err(could_not)?;
    let secrets = Secrets::of(&ledger, &audit).map_err(could_not)?;
    Ok(secrets.record(&ledger, &audit))
}
