//! The program: arguments, sockets, exit codes. What it does is the library's.

mod cli;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::main()
}
