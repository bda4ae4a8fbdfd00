//! The program: arguments, sockets, exit codes. What it does is the library's.

mod cli;

use std::process::ExitCode;

/// Much is allocated for each request in one thread and freed in another, which the system's allocator is slow at.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    cli::main()
}
