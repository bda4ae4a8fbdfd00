//! Places of which there are so many in total, and so many for each peer.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
};

use super::peer::Origin;

#[derive(Debug)]
pub(super) struct Slots {
    taken: Mutex<Taken>,
    total: usize,
    per_peer: usize,
}

#[derive(Debug, Default)]
struct Taken {
    total: usize,
    by: HashMap<Origin, usize>,
}

/// What one has taken, given back where it is dropped.
#[derive(Debug)]
pub(super) struct Slot {
    of: Arc<Slots>,
    origin: Origin,
    held: AtomicUsize,
}

/// Which bound is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cap {
    Total,
    Peer,
}

impl Slots {
    pub(super) fn new(total: usize, per_peer: usize) -> Arc<Self> {
        Arc::new(Self { taken: Mutex::default(), total, per_peer })
    }

    /// One place.
    pub(super) fn take(self: &Arc<Self>, origin: Origin) -> Result<Slot, Cap> {
        let slot = self.none_yet(origin);
        slot.grow(1)?;
        Ok(slot)
    }

    /// Something that takes its places later.
    pub(super) fn none_yet(self: &Arc<Self>, origin: Origin) -> Slot {
        Slot { of: self.clone(), origin, held: AtomicUsize::new(0) }
    }

    fn lock(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Cap {
    pub(super) fn name(self) -> &'static str {
        match self {
            Cap::Total => "total",
            Cap::Peer => "peer",
        }
    }
}

impl Slot {
    /// Takes so many places more, or none.
    pub(super) fn grow(&self, more: usize) -> Result<(), Cap> {
        let mut taken = self.of.lock();
        if more > self.of.total - taken.total {
            return Err(Cap::Total);
        }
        let own = taken.by.get(&self.origin).copied().unwrap_or_default();
        if own + more > self.of.per_peer {
            return Err(Cap::Peer);
        }
        taken.total += more;
        taken.by.insert(self.origin, own + more);
        self.held.fetch_add(more, Relaxed);
        Ok(())
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let held = *self.held.get_mut();
        if held == 0 {
            return;
        }
        let mut taken = self.of.lock();
        taken.total -= held;
        if let Some(own) = taken.by.get_mut(&self.origin) {
            *own -= held;
            if *own == 0 {
                taken.by.remove(&self.origin);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peer_cannot_take_every_place_and_what_is_dropped_is_free_again() {
        let slots = Slots::new(3, 2);
        let (one, other) = (Origin::User(1), Origin::User(2));
        let mut own = vec![slots.take(one).unwrap(), slots.take(one).unwrap()];
        assert_eq!(slots.take(one).unwrap_err(), Cap::Peer);
        let _others = slots.take(other).unwrap();
        assert_eq!(slots.take(other).unwrap_err(), Cap::Total);
        own.pop();
        slots.take(one).unwrap();
    }

    #[test]
    fn what_grows_takes_all_that_it_asks_for_or_nothing() {
        let slots = Slots::new(10, 8);
        let (one, other) = (slots.none_yet(Origin::User(1)), slots.none_yet(Origin::User(2)));
        assert_eq!((one.grow(5), one.grow(4), one.grow(3)), (Ok(()), Err(Cap::Peer), Ok(())));
        assert_eq!((other.grow(3), other.grow(2)), (Err(Cap::Total), Ok(())));
        drop(one);
        assert_eq!(other.grow(6), Ok(()));
        drop(other);
        let taken = slots.lock();
        assert_eq!((taken.total, taken.by.len()), (0, 0));
    }

    #[test]
    fn a_peer_without_a_place_is_forgotten() {
        let slots = Slots::new(3, 2);
        drop(slots.take(Origin::User(1)).unwrap());
        assert!(slots.lock().by.is_empty());
    }
}
