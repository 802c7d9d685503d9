//! Chance that can be repeated: everything random in a simulation comes from a seed through here.
//!
//! `SplitMix64` (Steele, Lea, Flood: "Fast Splittable Pseudorandom Number Generators", 2014): eight lines, the same on
//! every machine, and good enough to choose with. Never for keys that matter; those of a simulation do not.

use std::sync::{Mutex, PoisonError};

use crate::clock::Randomness;

/// A stream of choices.
#[derive(Debug, Clone)]
pub(super) struct Chance(u64);

impl Chance {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        scrambled(self.0)
    }

    /// Less than `bound`; 0 where that is 0.
    pub(super) fn below(&mut self, bound: usize) -> usize {
        let bound = u64::try_from(bound).unwrap_or(u64::MAX).max(1);
        usize::try_from(self.next() % bound).unwrap_or(0)
    }

    /// From `low` to `high`, both included.
    pub(super) fn between(&mut self, low: i64, high: i64) -> i64 {
        let span = high.saturating_sub(low).unsigned_abs().saturating_add(1);
        low.saturating_add_unsigned(self.next() % span)
    }

    /// True this many times out of a hundred.
    pub(super) fn percent(&mut self, share: u64) -> bool {
        self.next() % 100 < share
    }

    /// One of these; there must be one.
    pub(super) fn pick<T: Clone>(&mut self, among: &[T]) -> T {
        among[self.below(among.len())].clone()
    }
}

/// A seed made of two.
pub(super) fn mixed(one: u64, other: u64) -> u64 {
    scrambled(scrambled(one.wrapping_add(0x9e37_79b9_7f4a_7c15)) ^ other.wrapping_mul(0xd6e8_feb8_6659_fd93))
}

fn scrambled(mut bits: u64) -> u64 {
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

/// The same chance as bytes, for identifiers and pretended secrets.
#[derive(Debug)]
pub(super) struct Seeded(Mutex<Chance>);

impl Seeded {
    pub(super) fn new(seed: u64) -> Self {
        Self(Mutex::new(Chance::new(seed)))
    }
}

impl Randomness for Seeded {
    fn fill(&self, bytes: &mut [u8]) {
        let mut chance = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for chunk in bytes.chunks_mut(8) {
            let drawn = chance.next().to_le_bytes();
            chunk.copy_from_slice(&drawn[..chunk.len()]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_chance() {
        let drawn = |seed| {
            let mut chance = Chance::new(seed);
            [chance.next(), chance.next(), chance.between(-3, 3).unsigned_abs(), chance.next()]
        };
        assert_eq!(drawn(7), drawn(7));
        assert_ne!(drawn(7), drawn(8));
        assert_ne!(mixed(1, 2), mixed(2, 1));
    }

    #[test]
    fn what_is_between_stays_between() {
        let mut chance = Chance::new(1);
        let mut seen = std::collections::BTreeSet::new();
        for _ in 0..1000 {
            seen.insert(chance.between(-1, 2));
            assert!(chance.below(3) < 3);
        }
        assert_eq!(seen, (-1..=2).collect());
    }
}
