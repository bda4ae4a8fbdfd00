//! The fuzz targets' bodies, over a bounded number of changed seeds: the same ones in every run.

use interop::fuzzing::{self, Edits};

#[test]
fn property_lists_keep_their_promises() {
    each("plist", 10_000, fuzzing::plist);
}

#[test]
fn signed_files_keep_their_promises() {
    each("cms", 3_000, fuzzing::cms);
}

#[test]
fn specs_keep_their_promises() {
    each("spec", 20_000, fuzzing::spec);
}

#[test]
fn a_seed_is_signed_and_its_signature_holds() {
    let [_, (_, signed), _] = fuzzing::seeds();
    let [_, (_, again), _] = fuzzing::seeds();
    let first = profile_kit::SignedProfile::from_bytes(signed[0].clone()).expect("a signed file");
    assert!(first.verify_integrity().is_ok());
    assert!(signed == again);
}

/// Runs a body over the seeds as they are, and over so many changed ones.
fn each(target: &str, count: usize, body: fn(&[u8])) {
    let seeds = fuzzing::seeds();
    let (_, seeds) = seeds.iter().find(|(name, _)| *name == target).expect("the target has seeds");
    seeds.iter().for_each(|seed| body(seed));
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    for round in 0..count {
        let length = 4 * (1 + random.below(6));
        let edits: Vec<u8> = (0..length).map(|_| random.byte()).collect();
        body(&Edits(&edits).of(&seeds[round % seeds.len()]));
    }
}

/// Numbers that look random and are the same in every run (xorshift, Marsaglia 2003).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, end: usize) -> usize {
        self.next() as usize % end
    }

    fn byte(&mut self) -> u8 {
        (self.next() >> 32) as u8
    }
}
