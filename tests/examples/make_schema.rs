//! Writes the table of Apple's schema: `cargo run -p interop --example make-schema -- ../shared/corpus/apple-schema`.
//!
//! The folder is `mdm/profiles` of a release of apple/device-management, with the repository's `LICENSE.txt`.

use std::{fs, path::Path, process::ExitCode};

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let (Some(folder), None) = (arguments.next(), arguments.next()) else {
        eprintln!("make-schema: name one folder, such as ../shared/corpus/apple-schema");
        return ExitCode::from(2);
    };
    let table = interop::schema::make(Path::new(&folder));
    match fs::write(interop::schema::TABLE, table) {
        Ok(()) => ExitCode::SUCCESS,
        Err(cause) => {
            eprintln!("make-schema: {}: {cause}", interop::schema::TABLE);
            ExitCode::FAILURE
        }
    }
}
