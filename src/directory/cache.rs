//! Answers that are kept for a while.
//!
//! Only what was found is kept: a doubt that was mended must be seen to be mended at the next look.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};

#[derive(Debug)]
pub(super) struct Cache<K, V> {
    keep: SignedDuration,
    held: Mutex<HashMap<K, (V, Timestamp)>>,
}

impl<K: Hash + Eq, V: Clone> Cache<K, V> {
    pub(super) fn new(keep: SignedDuration) -> Self {
        Self { keep, held: Mutex::default() }
    }

    pub(super) fn get(&self, key: &K, now: Timestamp) -> Option<V> {
        let held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        held.get(key).filter(|(_, at)| self.is_young(*at, now)).map(|(value, _)| value.clone())
    }

    /// Keeps `value`, and nothing that is too old, so that it never grows beyond what was asked of late.
    pub(super) fn put(&self, key: K, value: V, now: Timestamp) {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        held.retain(|_, (_, at)| self.is_young(*at, now));
        held.insert(key, (value, now));
    }

    pub(super) fn forget(&self, key: &K) {
        self.held.lock().unwrap_or_else(PoisonError::into_inner).remove(key);
    }

    fn is_young(&self, at: Timestamp, now: Timestamp) -> bool {
        is_young(at, now, self.keep)
    }
}

/// Whether something read `at` may be used `now`. A clock that was set back makes everything old.
pub(super) fn is_young(at: Timestamp, now: Timestamp, keep: SignedDuration) -> bool {
    now >= at && now.duration_since(at) < keep
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_forgotten_in_time_and_when_the_clock_goes_back() {
        let at = Timestamp::from_second(1_800_000_000).unwrap();
        let later = |seconds| at.saturating_add(SignedDuration::from_secs(seconds)).unwrap();
        let cache = Cache::new(SignedDuration::from_secs(10));
        cache.put("a", 1, at);
        assert_eq!(cache.get(&"a", later(9)), Some(1));
        assert_eq!(cache.get(&"a", later(10)), None);
        assert_eq!(cache.get(&"a", later(-1)), None);
        cache.put("b", 2, later(10));
        assert_eq!(cache.held.lock().unwrap().len(), 1);
    }
}
