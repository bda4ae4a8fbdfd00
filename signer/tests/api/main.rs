//! The daemon's API as its callers see it: in this process, on port 0.

#![allow(clippy::unwrap_used, missing_docs, reason = "a test may fail by panic")]

mod client;
mod daemon;
mod every_refusal;
mod fetch;
mod gate;
mod issue;
mod matrix;
mod openapi;
mod overwrite;
mod past;
mod record;
mod refusals;
mod reports;
mod site;
mod tickets;
mod trouble;
