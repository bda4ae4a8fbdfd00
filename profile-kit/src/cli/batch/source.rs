//! The table of devices as a file that can be read twice.

use std::{
    fs::File,
    io::{self, Read, Seek, SeekFrom},
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
    let table = Table::open(file, encoding).map_err(|error| Failure::of(&name, &error))?;
    Ok(table.named(name))
}

fn kept(mut from: impl Read) -> io::Result<File> {
    let mut file = tempfile::tempfile()?;
    io::copy(&mut from, &mut file)?;
    file.seek(SeekFrom::Start(0))?;
    Ok(file)
}
