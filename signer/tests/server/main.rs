//! The server as its callers see it: in this process, on port 0.

#![allow(clippy::unwrap_used, missing_docs, reason = "a test may fail by panic")]

mod deadlines;
mod drain;
mod gone;
mod limits;
mod load;
mod requests;
mod running;
mod tls;
