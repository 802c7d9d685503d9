//! How often one address of a calendar may be fetched.
//!
//! Counted by the minute, for addresses that open something: whoever guesses leaves nothing behind here, so the memory
//! is that of the addresses ever made. Many people may have the same one, each asking every few minutes; more than
//! that is a program gone wrong, and it is told to wait before anything is read from the database for it.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};

/// Fetches of one address in a minute.
pub(super) const FETCHES: u32 = 120;
/// The minute.
const MINUTE: SignedDuration = SignedDuration::from_mins(1);

/// What was fetched lately, by the hash of the address's token.
#[derive(Debug, Default)]
pub(in crate::web) struct Rate {
    minutes: Mutex<HashMap<String, Minute>>,
}

#[derive(Debug, Clone, Copy)]
struct Minute {
    begun: Timestamp,
    fetches: u32,
}

impl Minute {
    /// What is left of it; `None`: it is over, or not yet begun by a clock that was set back.
    fn rest(self, now: Timestamp) -> Option<SignedDuration> {
        let passed = now.duration_since(self.begun);
        (SignedDuration::ZERO..MINUTE).contains(&passed).then(|| MINUTE.saturating_sub(passed))
    }
}

impl Rate {
    /// How many seconds this address has to wait, at least one; `None`: none.
    pub(super) fn wait(&self, token_hash: &str, now: Timestamp) -> Option<i64> {
        let minutes = self.minutes.lock().unwrap_or_else(PoisonError::into_inner);
        let minute = minutes.get(token_hash).filter(|minute| minute.fetches >= FETCHES)?;
        minute.rest(now).map(|rest| rest.as_secs().max(1))
    }

    /// One more fetch of an address that opens something.
    pub(super) fn count(&self, token_hash: &str, now: Timestamp) {
        let mut minutes = self.minutes.lock().unwrap_or_else(PoisonError::into_inner);
        let minute = minutes.entry(token_hash.to_owned()).or_insert(Minute { begun: now, fetches: 0 });
        if minute.rest(now).is_none() {
            *minute = Minute { begun: now, fetches: 0 };
        }
        minute.fetches += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_address_waits_for_the_rest_of_its_minute_and_no_other_does() {
        let (rate, begun) = (Rate::default(), Timestamp::UNIX_EPOCH);
        for _ in 0..FETCHES {
            assert_eq!(rate.wait("a", begun), None);
            rate.count("a", begun);
        }
        let later = |seconds: i64| begun.checked_add(SignedDuration::from_secs(seconds)).unwrap();
        assert_eq!((rate.wait("a", begun), rate.wait("a", later(59))), (Some(60), Some(1)));
        assert_eq!(
            (rate.wait("b", begun), rate.wait("a", later(60)), rate.wait("a", later(-1))),
            (None, None, None)
        );
        rate.count("a", later(60));
        assert_eq!(rate.wait("a", later(60)), None);
    }
}
