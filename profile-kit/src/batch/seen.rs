//! What was there before, in few bytes each.

use crate::sha256::sha256;

/// A set of texts that keeps ten bytes of each one's SHA-256, whatever their length.
///
/// A table of a million rows takes less than 16 MB; that it holds a false double has a chance of one in 2^41.
#[derive(Debug)]
pub(super) struct Seen {
    /// Many, so that one grows while the others stay as they are.
    shelves: Vec<Shelf>,
}

/// Open addressing; zeros stand for a free place.
#[derive(Clone, Debug, Default)]
struct Shelf {
    places: Vec<Mark>,
    taken: usize,
}

type Mark = [u8; 10];

impl Seen {
    pub(super) fn new() -> Self {
        Self { shelves: vec![Shelf::default(); SHELVES] }
    }

    /// Adds a text; whether it is new.
    pub(super) fn insert(&mut self, text: &str) -> bool {
        let mark = mark(text);
        self.shelves[shelf(mark)].insert(mark)
    }
}

impl Shelf {
    fn insert(&mut self, mark: Mark) -> bool {
        if (self.taken + 1) * FULL.1 > self.places.len() * FULL.0 {
            self.grow();
        }
        let place = self.place(mark);
        let is_new = self.places[place] != mark;
        self.places[place] = mark;
        self.taken += usize::from(is_new);
        is_new
    }

    /// Where a mark stands, or could.
    fn place(&self, mark: Mark) -> usize {
        let [a, b, c, d, e, f, g, h, ..] = mark;
        let wide = u128::from(u64::from_be_bytes([a, b, c, d, e, f, g, h])) * self.places.len() as u128;
        let start = usize::try_from(wide >> 64).expect("below the number of places");
        let free_or_it = |place: &usize| self.places[*place] == FREE || self.places[*place] == mark;
        (start..self.places.len()).chain(0..start).find(free_or_it).expect("a shelf is never full")
    }

    fn grow(&mut self) {
        let larger = (self.places.len() + self.places.len() / 4).max(SMALLEST);
        let old = std::mem::replace(&mut self.places, vec![FREE; larger]);
        for mark in old.into_iter().filter(|mark| *mark != FREE) {
            let place = self.place(mark);
            self.places[place] = mark;
        }
    }
}

/// By the bits that do not say the place on it.
fn shelf(mark: Mark) -> usize {
    usize::from(mark[9]) % SHELVES
}

fn mark(text: &str) -> Mark {
    let digest = sha256(text.as_bytes());
    match *digest.first_chunk().expect("a digest is longer than a mark") {
        FREE => [1; 10],
        mark => mark,
    }
}

const FREE: Mark = [0; 10];
/// How much of the table may be taken.
const FULL: (usize, usize) = (7, 8);
const SMALLEST: usize = 32;
const SHELVES: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_the_new_from_the_old_while_it_grows() {
        let mut seen = Seen::new();
        for number in 0..50_000 {
            assert!(seen.insert(&number.to_string()), "{number}");
        }
        assert!((0..50_000).all(|number| !seen.insert(&number.to_string())));
        assert!(seen.insert("50000"));
    }

    #[test]
    fn two_of_them_keep_fewer_than_32_bytes_a_row() {
        let mut seen = Seen::new();
        for number in 0..200_000_usize {
            seen.insert(&number.to_string());
            let bytes: usize = seen.shelves.iter().map(|shelf| shelf.places.len() * size_of::<Mark>()).sum();
            assert!(number < 20_000 || 2 * bytes <= 32 * (number + 1), "{number}");
        }
    }
}
