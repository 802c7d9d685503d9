//! Chance that can be repeated from its seed (`SplitMix64`: Steele, Lea and Flood, 2014).
//!
//! The seed repeats what is tried and when; what the processes and the machine make of it differs from run to run.

#[derive(Debug, Clone)]
pub(crate) struct Chance(u64);

impl Chance {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Chance of one's own for somebody who acts at the same time.
    pub(crate) fn fork(&mut self) -> Self {
        Self(self.next())
    }

    /// From the first up to the second, both included.
    pub(crate) fn between(&mut self, first: u64, last: u64) -> u64 {
        first + self.next() % (last - first + 1)
    }

    pub(crate) fn one_in(&mut self, times: u64) -> bool {
        self.between(1, times) == 1
    }

    pub(crate) fn of<'a, T>(&mut self, things: &'a [T]) -> Option<&'a T> {
        let last = u64::try_from(things.len()).ok()?.checked_sub(1)?;
        things.get(usize::try_from(self.between(0, last)).ok()?)
    }
}
