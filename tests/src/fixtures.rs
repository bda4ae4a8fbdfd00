//! `fixtures/`: PKI, specs, golden profiles and hostile inputs, made here and described in a manifest.
//!
//! [`make`] writes the set, [`answer()`] asks the library what a manifest says must come out.
//! Keys, certificates and what is encrypted for one are random: where they are there, they stay as they are.
//! All else is a function of them, so making the set again changes nothing.

mod answer;
mod der;
mod forge;
mod frees;
mod hostile;
pub mod manifest;
mod pki;
mod profiles;
mod set;
mod specs;

use std::path::Path;

pub use answer::answer;
use pki::Pki;
use set::Set;

/// Writes the set into a folder, over what is there; a file that it does not make stays.
pub fn make(folder: &Path) {
    let mut set = Set::new(folder);
    let pki = Pki::of(&mut set);
    specs::make(&mut set, &pki);
    profiles::make(&mut set, &pki);
    hostile::make(&mut set, &pki);
    set.finish();
}

/// A file's digest as the manifest writes it: SHA-256 in lower-case hexadecimal.
pub fn digest(bytes: &[u8]) -> String {
    set::hex(&forge::sha256(bytes))
}
