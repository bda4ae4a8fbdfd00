//! What the service manager is told (sd_notify(3)); without one, nothing.

use sd_notify::NotifyState;

/// Everything is there, also after a reload.
pub(super) fn ready() {
    tell(&[NotifyState::Ready]);
}

/// A reload has begun.
pub(super) fn reloading() {
    let now = NotifyState::monotonic_usec_now().ok();
    tell(&[Some(NotifyState::Reloading), now].into_iter().flatten().collect::<Vec<_>>());
}

/// The end has begun.
pub(super) fn stopping() {
    tell(&[NotifyState::Stopping]);
}

fn tell(state: &[NotifyState]) {
    if let Err(error) = sd_notify::notify(state) {
        tracing::warn!(%error, "the service manager cannot be told");
    }
}
