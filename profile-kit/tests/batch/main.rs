//! Batches through the real binary: killed and gone on with, shared out, overwritten, and fed with hostile tables.
//!
//! `LONG_TESTS=1` makes the test of kills a long one: 100,000 rows.

#![allow(clippy::unwrap_used, reason = "a test may fail by panic")]

#[path = "../judge/mod.rs"]
mod judge;
mod kills;
mod overwrites;
mod resume;
mod shards;
mod stage;
mod tables;
mod tampered;
mod threads;
