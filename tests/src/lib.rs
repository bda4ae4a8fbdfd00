//! Whole journeys over the programs, judged by other implementations.
//!
//! Everything here serves tests, and fails by panic.
#![allow(clippy::unwrap_used, reason = "a test may fail by panic")]

pub mod canonical;
mod der;
pub mod fixtures;
pub mod fuzzing;
pub mod judges;
pub mod openapi;
pub mod pki;
mod program;
pub mod readers;
pub mod schema;
pub mod service;
pub mod signers;
pub mod stage;
pub mod twins;

pub use program::{corpus, is_present};
