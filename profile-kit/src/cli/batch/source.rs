//! The table of devices as a file that can be read twice.

use std::{
    fs::File,
    io::{self, Read, Seek},
    path::Path,
};

use profile_kit::batch::{Encoding, Table};

use crate::cli::{
    files::{is_dash, name},
    outcome::Failure,
};

/// Opens a table. What is no file, such as standard input, is kept in a file without a name first: not in memory, and gone
/// when the program ends.
pub fn table(path: &Path, encoding: Encoding) -> Result<Table, Failure> {
    let name = name(path, "standard input");
    let file = match is_dash(path) {
        true => kept(io::stdin().lock()),
        false => File::open(path).and_then(|file| match file.metadata()?.is_file() {
            true => Ok(file),
            false => kept(file),
        }),
    };
    let file = file.map_err(|cause| Failure::io(&name, "cannot be read", &cause))?;
    let opened = file.try_clone().map(|file| Table::open(file, encoding));
    let opened = opened.map_err(|cause| Failure::io(&name, "cannot be read", &cause))?;
    let table = opened.map_err(|error| {
        let failure = Failure::of(&name, &error);
        match encoding == Encoding::Utf8 && is_shift_jis(file) {
            true => Failure { message: failure.message + ": --encoding shift_jis reads it", ..failure },
            false => failure,
        }
    })?;
    Ok(table.named(name))
}

/// Whether a table that cannot be read as UTF-8 can be read so.
fn is_shift_jis(mut file: File) -> bool {
    file.rewind().is_ok() && Table::open(file, Encoding::ShiftJis).is_ok()
}

fn kept(mut from: impl Read) -> io::Result<File> {
    let mut file = tempfile::tempfile()?;
    io::copy(&mut from, &mut file)?;
    file.rewind()?;
    Ok(file)
}
