//! `[clock]`: for trying things against the sandbox, time that runs faster than the machine's.
//!
//! Everything that shares a database must have one time, the commands too; so it is configured, and not an option of
//! one command. Where any vendor is another machine there is no time but the real one.

use jiff::Timestamp;

use crate::clock::Pace;
use crate::reader::Reader;

/// An hour in a second is more than any wait of ours can follow.
const FASTEST: i64 = 3600;

/// The clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Clock {
    /// None: the machine's own.
    pub pace: Option<Pace>,
}

impl Clock {
    pub(super) fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let times = reader.integer("pace", 1..=FASTEST).and_then(|times| u32::try_from(times).ok());
        let since = reader.optional_parsed("since", |text| {
            text.parse::<Timestamp>()
                .map_err(|_| "must be an instant in quotes, as \"2026-12-01T09:00:00Z\"".to_owned())
        });
        let times = times?;
        if times == 1 {
            return Some(Self { pace: None });
        }
        if since.is_none() {
            reader.fault("since", "is missing: since when does time run faster?");
        }
        Some(Self { pace: Some(Pace { times, since: since? }) })
    }
}
