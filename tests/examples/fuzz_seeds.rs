//! Writes the seeds of the fuzz targets: `cargo run -p interop --example fuzz-seeds -- fuzz/corpus`.
#![allow(clippy::unwrap_used, reason = "fails by panic")]

use std::{env, fs, path::PathBuf};

fn main() {
    let folder = PathBuf::from(env::args_os().nth(1).expect("the folder to write to is the argument"));
    for (target, seeds) in interop::fuzzing::seeds() {
        let folder = folder.join(target);
        fs::create_dir_all(&folder).unwrap();
        for (index, seed) in seeds.iter().enumerate() {
            fs::write(folder.join(format!("seed-{index}")), seed).unwrap();
        }
    }
}
