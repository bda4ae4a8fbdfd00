//! The whole daemon, within the test: started, asked over its sockets, reloaded, copied and ended.

#![allow(clippy::unwrap_used, reason = "a test may fail by panic")]

mod backup;
mod door;
mod end;
mod import;
mod reload;
mod running;
mod start;
mod tls;
