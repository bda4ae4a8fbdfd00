//! The daemon as a whole and as a process of its own, under stress: killed, reloaded, stalled, overloaded, spied upon.
//!
//! `LONG_TESTS=1` (`tests/run --long`) makes what takes minutes of them.

#![allow(clippy::unwrap_used, missing_docs, reason = "a test may fail by panic")]

mod client;
mod crash;
mod daemon;
mod disk;
mod load;
mod overload;
mod record;
mod reload;
mod secrets;
mod site;
mod stalled;
mod stop;
mod strace;
