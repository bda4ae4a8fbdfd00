//! Writes the set of fixtures: `cargo run -p interop --example make-fixtures -- fixtures`.

use std::{path::Path, process::ExitCode};

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let (Some(folder), None) = (arguments.next(), arguments.next()) else {
        eprintln!("make-fixtures: name one folder, such as fixtures");
        return ExitCode::from(2);
    };
    interop::fixtures::make(Path::new(&folder));
    ExitCode::SUCCESS
}
