//! Time and randomness, the two things a pure core must be handed.
//!
//! Everything that needs "now" takes a [`Clock`]; everything that needs a fresh identifier takes
//! [`Randomness`]. `clippy.toml` bans the system's own functions everywhere but here, so that a test
//! can move a month in one call and a simulation can be repeated from its seed.

use std::fmt::Debug;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};

/// What time it is. Shared by everything that runs in one process.
pub trait Clock: Debug + Send + Sync {
    /// The present instant, UTC.
    fn now(&self) -> Timestamp;

    /// Whether this is the machine's own clock, so that another machine's may be asked in its place. One that was
    /// moved or stands still rules wherever it is handed.
    fn is_the_machines(&self) -> bool {
        false
    }
}

/// A clock that is handed around.
pub type SharedClock = Arc<dyn Clock>;

/// The machine's own clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        #[expect(clippy::disallowed_methods, reason = "this is the one place that reads the clock")]
        Timestamp::now()
    }

    fn is_the_machines(&self) -> bool {
        true
    }
}

/// Time that runs faster than the machine's. Two processes with the same pace have the same time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// How many times as fast.
    pub times: u32,
    /// Since when; until then it is the machine's own time.
    pub since: Timestamp,
}

impl Pace {
    fn at(self, system: Timestamp) -> Timestamp {
        let passed = system.duration_since(self.since).max(SignedDuration::ZERO);
        let gained = passed.saturating_mul(i32::try_from(self.times.saturating_sub(1)).unwrap_or(i32::MAX));
        system.saturating_add(gained).unwrap_or(system)
    }
}

/// A clock that a test, the demo or the sandbox's control face can move.
///
/// It stands still (tests), or runs with the system's clock at an offset (the sandbox, the demo), or at a pace of its
/// own (a sandbox and a service that see an hour pass in a minute).
#[derive(Debug)]
pub struct AdjustableClock {
    frozen_at: Option<Mutex<Timestamp>>,
    pace: Option<Pace>,
    offset_ms: AtomicI64,
}

impl AdjustableClock {
    /// Stands still at `at` until it is moved.
    pub fn frozen(at: Timestamp) -> Arc<Self> {
        Arc::new(Self { frozen_at: Some(Mutex::new(at)), pace: None, offset_ms: AtomicI64::new(0) })
    }

    /// Runs with the system's clock, and starts there.
    pub fn running() -> Arc<Self> {
        Arc::new(Self { frozen_at: None, pace: None, offset_ms: AtomicI64::new(0) })
    }

    /// Runs at this pace.
    pub fn paced(pace: Pace) -> Arc<Self> {
        Arc::new(Self { frozen_at: None, pace: Some(pace), offset_ms: AtomicI64::new(0) })
    }

    /// Runs at the system's pace, and starts at `at`.
    pub fn running_from(at: Timestamp) -> Arc<Self> {
        let clock = Self::running();
        clock.advance(at.duration_since(SystemClock.now()));
        clock
    }

    /// How fast it runs, if not as the machine's.
    pub fn pace(&self) -> Option<Pace> {
        self.pace
    }

    /// Moves the clock forward, or back where `by` is negative.
    pub fn advance(&self, by: SignedDuration) {
        if let Some(at) = &self.frozen_at {
            let mut at = at.lock().unwrap_or_else(PoisonError::into_inner);
            *at = at.saturating_add(by).unwrap_or(*at);
        } else {
            let by = i64::try_from(by.as_millis()).unwrap_or(0);
            self.offset_ms.fetch_add(by, Ordering::SeqCst);
        }
    }
}

impl Clock for AdjustableClock {
    fn now(&self) -> Timestamp {
        if let Some(at) = &self.frozen_at {
            return *at.lock().unwrap_or_else(PoisonError::into_inner);
        }
        let system = SystemClock.now();
        let now = self.pace.map_or(system, |pace| pace.at(system));
        let offset = SignedDuration::from_millis(self.offset_ms.load(Ordering::SeqCst));
        now.saturating_add(offset).unwrap_or(now)
    }
}

/// Where unguessable bytes come from.
pub trait Randomness: Debug + Send + Sync {
    /// Fills `bytes` with randomness fit for keys.
    fn fill(&self, bytes: &mut [u8]);
}

/// Randomness that is handed around.
pub type SharedRandomness = Arc<dyn Randomness>;

/// The operating system's randomness.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemRandomness;

impl Randomness for SystemRandomness {
    fn fill(&self, bytes: &mut [u8]) {
        #[expect(clippy::disallowed_methods, reason = "this is the one place that reads randomness")]
        getrandom::fill(bytes)
            .expect("an operating system without randomness cannot run this program at all");
    }
}

/// A fresh random identifier (UUID version 4, hyphenated).
pub fn random_id(randomness: &dyn Randomness) -> String {
    let mut bytes = [0; 16];
    randomness.fill(&mut bytes);
    uuid::Builder::from_random_bytes(bytes).into_uuid().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pace_multiplies_what_passed_since_it_began_and_nothing_before() {
        let since: Timestamp = "2026-12-01T09:00:00Z".parse().unwrap();
        let pace = Pace { times: 60, since };
        let minute = SignedDuration::from_mins(1);
        assert_eq!(pace.at(since + minute), since + SignedDuration::from_hours(1));
        assert_eq!(pace.at(since - minute), since - minute);
        assert_eq!(Pace { times: 1, since }.at(since + minute), since + minute);
    }

    #[test]
    fn clocks_of_one_pace_agree_and_can_be_moved() {
        let since = SystemClock.now() - SignedDuration::from_hours(1);
        let clock = AdjustableClock::paced(Pace { times: 24, since });
        assert!(clock.now().duration_since(since) >= SignedDuration::from_hours(24));
        clock.advance(SignedDuration::from_hours(24));
        assert!(clock.now().duration_since(since) >= SignedDuration::from_hours(48));
    }
}
