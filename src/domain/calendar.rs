//! What a calendar shows of a request: the day its credential ends.
//!
//! Pure. One entry for each credential that was handed over; it stays when the credential ended early (cancelled) and
//! when the issue was reopened, since calendars forget only what they are told to. No secret, no name of a person, no
//! purpose: a calendar's address may be seen by more people than the issue.

use jiff::{SignedDuration, Timestamp};

use super::ids::UserId;
use super::phase::{EndReason, Phase};
use super::record::Record;

/// An end date.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndDate {
    /// The same for one credential, for good; nobody else's anywhere.
    pub uid: String,
    /// The instance's key.
    pub instance: String,
    /// Who has the credential, at GitLab.
    pub person: UserId,
    /// In one line, e.g. `API token for Zendesk Global ends`.
    pub summary: String,
    /// The issue.
    pub url: String,
    /// The last day, `YYYY-MM-DD`, as the form has it.
    pub last_day: String,
    /// When it ends.
    pub ends_at: Timestamp,
    /// It ended before that day, so nothing happens on it any more.
    pub cancelled: bool,
}

/// The end date of what was handed over in the present generation, if anything was.
pub fn end_date(record: &Record) -> Option<EndDate> {
    let cancelled = match &record.phase {
        Phase::Active { .. } => false,
        Phase::Ending { why, .. } | Phase::Ended { why, .. } => *why != EndReason::Due,
        _ => return None,
    };
    let terms = record.issued.as_ref()?;
    let last_moment = terms.ends_at.saturating_sub(SignedDuration::from_secs(1)).unwrap_or(terms.ends_at);
    let by_clock = || last_moment.strftime("%Y-%m-%d").to_string();
    Some(EndDate {
        uid: format!("{}-{}@{}", terms.issue, terms.generation, terms.installation),
        instance: terms.instance.clone(),
        person: terms.beneficiary,
        summary: format!("{} for {} ends", terms.kind.title(), terms.instance_name),
        url: record.url.clone(),
        last_day: terms.fields.get("remove_on").cloned().unwrap_or_else(by_clock),
        ends_at: terms.ends_at,
        cancelled,
    })
}
