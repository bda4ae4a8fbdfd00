//! The command-line program: arguments, files, exit codes. The rules are the library's.

mod cli;

use std::process::ExitCode;

/// A batch makes profiles in some threads and writes them in others, which the system's allocator is slow at.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    cli::main()
}
