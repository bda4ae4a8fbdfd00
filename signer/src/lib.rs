//! The signer daemon: holds the signing keys, and serves locked profiles and their overwrites to an MDM core.

pub mod admin;
pub mod audit;
pub mod auth;
pub mod backup;
pub mod caller;
pub mod catalogue;
pub mod config;
pub mod daemon;
pub mod dev;
pub mod device_id;
pub mod diagnosis;
pub mod digest;
pub mod file;
#[cfg(test)]
mod fixture;
pub mod http;
pub mod import;
pub mod inactivation;
pub mod installed;
pub mod issuance;
pub mod issue;
pub mod keyring;
pub mod ledger;
pub mod log;
pub mod metrics;
pub mod moment;
pub mod pattern;
mod reach;
pub mod refusal;
pub mod reload;
pub mod report;
pub mod role;
pub mod server;
pub mod service;
pub mod signing;
pub mod state;
pub mod stop;
pub mod strangers;
pub mod ticket;
pub mod tls;
pub mod token;

pub use config::Config;
pub use digest::Digest;
pub use refusal::Refusal;
