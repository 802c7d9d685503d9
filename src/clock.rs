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

/// A clock that a test, the demo or the sandbox's control face can move.
///
/// It either stands still (tests) or runs with the system's clock at an offset (the sandbox, the demo).
#[derive(Debug)]
pub struct AdjustableClock {
    frozen_at: Option<Mutex<Timestamp>>,
    offset_ms: AtomicI64,
}

impl AdjustableClock {
    /// Stands still at `at` until it is moved.
    pub fn frozen(at: Timestamp) -> Arc<Self> {
        Arc::new(Self { frozen_at: Some(Mutex::new(at)), offset_ms: AtomicI64::new(0) })
    }

    /// Runs with the system's clock, and starts there.
    pub fn running() -> Arc<Self> {
        Arc::new(Self { frozen_at: None, offset_ms: AtomicI64::new(0) })
    }

    /// Runs at the system's pace, and starts at `at`.
    pub fn running_from(at: Timestamp) -> Arc<Self> {
        let clock = Self::running();
        clock.advance(at.duration_since(SystemClock.now()));
        clock
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
        let now = SystemClock.now();
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
