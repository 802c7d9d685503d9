//! `[ending]`: what happens while a credential lives, and how many may end at once.

use crate::reader::Reader;

const MOST_DAYS: i64 = 365;

/// What happens while a credential lives, and how many may end at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ending {
    /// Its holder is reminded so many days before the end; empty: never.
    pub remind_days_before: Vec<u32>,
    /// How often it is asked whether the people behind an active credential are still here, in hours; 0 never.
    pub leavers_every_hours: u32,
    /// From seeing that its holder left to taking it away, in days; 0: it is only told.
    pub requester_left_days: u32,
    /// The same of the manager who approved it.
    pub manager_left_days: u32,
    /// No more than so many end within an hour because of leavers, orphans and commands for many.
    pub brake_count: u32,
    /// Nor more than so many in a hundred of those that live.
    pub brake_percent: u32,
}

impl Ending {
    pub(super) fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let remind_days_before = reader.list("remind_days_before", |value| {
            let days = value.as_integer().filter(|days| (1..=MOST_DAYS).contains(days));
            days.and_then(|days| u32::try_from(days).ok())
                .ok_or(format!("is not a number of days from 1 to {MOST_DAYS}"))
        });
        let leavers_every_hours = number(reader, "leavers_every_hours", 0..=24 * 30);
        let requester_left_days = number(reader, "requester_left_days", 0..=MOST_DAYS);
        let manager_left_days = number(reader, "manager_left_days", 0..=MOST_DAYS);
        let brake_count = number(reader, "brake_count", 1..=10_000);
        let brake_percent = number(reader, "brake_percent", 1..=100);
        Some(Self {
            remind_days_before: remind_days_before?,
            leavers_every_hours: leavers_every_hours?,
            requester_left_days: requester_left_days?,
            manager_left_days: manager_left_days?,
            brake_count: brake_count?,
            brake_percent: brake_percent?,
        })
    }
}

fn number(reader: &mut Reader<'_>, key: &str, range: std::ops::RangeInclusive<i64>) -> Option<u32> {
    reader.integer(key, range).and_then(|number| u32::try_from(number).ok())
}
