//! Places of which there are so many in total, and so many for each peer.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
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

/// One place, given back where it is dropped.
#[derive(Debug)]
pub(super) struct Slot {
    of: Arc<Slots>,
    origin: Origin,
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

    pub(super) fn take(self: &Arc<Self>, origin: Origin) -> Result<Slot, Cap> {
        let mut taken = self.lock();
        if taken.total >= self.total {
            return Err(Cap::Total);
        }
        if taken.by.get(&origin).is_some_and(|own| *own >= self.per_peer) || self.per_peer == 0 {
            return Err(Cap::Peer);
        }
        taken.total += 1;
        *taken.by.entry(origin).or_default() += 1;
        Ok(Slot { of: self.clone(), origin })
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

impl Drop for Slot {
    fn drop(&mut self) {
        let mut taken = self.of.lock();
        taken.total -= 1;
        if let Some(own) = taken.by.get_mut(&self.origin) {
            *own -= 1;
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
    fn a_peer_without_a_place_is_forgotten() {
        let slots = Slots::new(3, 2);
        drop(slots.take(Origin::User(1)).unwrap());
        assert!(slots.lock().by.is_empty());
    }
}
