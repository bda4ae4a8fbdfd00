//! `signer token`: a bearer token for a caller.

use signer::token::Token;

use super::{
    outcome::{Exit, Failure},
    text,
};

/// Make a bearer token, on standard output, and its digest for the configuration, on standard error
///
/// The token goes to the caller and is kept nowhere here; the digest goes into the caller's token_sha256.
#[derive(clap::Args)]
#[command(after_help = "Example: signer token > mdm-core.token")]
pub struct Args {}

/// Prints both.
pub fn run(_: &Args) -> Result<Exit, Failure> {
    let token = Token::generate().map_err(|error| Failure::of(&error))?;
    text::print(&format!("{}\n", token.reveal()))?;
    eprintln!("token_sha256 = [\"{}\"]", token.digest());
    Ok(Exit::Yes)
}
