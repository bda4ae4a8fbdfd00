//! What happens when the user has enough.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use super::Failure;

/// A flag that is set by the first interruption (^C, SIGTERM, SIGHUP): what is under way is finished. The second ends
/// the process at once, which a resume gets over as well.
pub fn flag() -> Result<Arc<AtomicBool>, Failure> {
    let flag = Arc::new(AtomicBool::new(false));
    let set = flag.clone();
    let handler = move || {
        if set.swap(true, Ordering::Relaxed) {
            std::process::exit(INTERRUPTED);
        }
    };
    ctrlc::set_handler(handler).map_err(|cause| Failure::usage(format!("interruptions cannot be watched: {cause}")))?;
    IS_WATCHED.store(true, Ordering::Relaxed);
    Ok(flag)
}

/// Whether there is a flag: else an interruption ends the process.
#[cfg(unix)]
pub fn is_watched() -> bool {
    IS_WATCHED.load(Ordering::Relaxed)
}

static IS_WATCHED: AtomicBool = AtomicBool::new(false);

/// As a shell says of a program that ^C ended.
const INTERRUPTED: i32 = 130;
