//! `[absence]`: who may stand in for a manager, and when people are reminded.

use jiff::civil::Date;

use crate::domain::ids::UserId;
use crate::domain::policy::Delegate;
use crate::reader::Reader;

/// A chain longer than this is no chain of managers.
const DEEPEST: i64 = 10;
const MOST_DAYS: i64 = 365;

/// Who may stand in for a manager, and when people are reminded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Absence {
    /// How many steps up the chain of managers may approve: 1 is the manager alone.
    pub chain_depth: u32,
    /// Whoever must approve is reminded once after this many days; 0 never.
    pub remind_after_days: u32,
    /// After this many days the manager's manager may approve as well, and is told; 0 never.
    pub escalate_after_days: u32,
    /// Who stands in for whom, from the first to the last day.
    pub delegates: Vec<Delegate>,
}

impl Absence {
    pub(super) fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let chain_depth = number(reader, "chain_depth", 1..=DEEPEST);
        let remind_after_days = number(reader, "remind_after_days", 0..=MOST_DAYS);
        let escalate_after_days = number(reader, "escalate_after_days", 0..=MOST_DAYS);
        let delegates = match reader.value("delegates") {
            Some(_) => reader.sections("delegates", delegate),
            None => Some(Vec::new()),
        };
        Some(Self {
            chain_depth: chain_depth?,
            remind_after_days: remind_after_days?,
            escalate_after_days: escalate_after_days?,
            delegates: delegates?,
        })
    }
}

fn number(reader: &mut Reader<'_>, key: &str, range: std::ops::RangeInclusive<i64>) -> Option<u32> {
    reader.integer(key, range).and_then(|number| u32::try_from(number).ok())
}

fn delegate(reader: &mut Reader<'_>) -> Option<Delegate> {
    let of = reader.integer("of", 1..=i64::MAX).map(UserId);
    let to = reader.integer("to", 1..=i64::MAX).map(UserId);
    let (from, until) = (reader.parsed("from", day), reader.parsed("until", day));
    if of.is_some() && of == to {
        reader.fault("to", "is the same person as `of`");
    }
    if let (Some(from), Some(until)) = (from, until)
        && from > until
    {
        reader.fault("until", "is before `from`");
    }
    Some(Delegate { of: of?, to: to?, from: from?, until: until? })
}

fn day(text: &str) -> Result<Date, String> {
    text.parse().map_err(|_| "must be a date in quotes, as \"2026-12-31\"".to_owned())
}
