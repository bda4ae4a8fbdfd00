//! The command-line program: arguments, files, exit codes. The rules are the library's.

mod cli;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::main()
}
