//! What a simulation did: the counts that show it was not idle, and what was found.

use std::collections::BTreeMap;

use serde::Serialize;

use super::promises::Promise;

/// Counts of one history, or of many.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Histories played.
    pub histories: u64,
    /// Steps taken.
    pub steps: u64,
    /// Things that people did.
    pub acts: u64,
    /// Simulated hours.
    pub hours: u64,
    /// Calls that arrived at a vendor.
    pub calls: u64,
    /// Faults that befell a call, by their kind.
    pub faults: BTreeMap<String, u64>,
    /// Webhooks, by what became of them.
    pub webhooks: BTreeMap<String, u64>,
    /// Processes started.
    pub starts: u64,
    /// Processes killed.
    pub kills: u64,
    /// Times a process stood still.
    pub stalls: u64,
    /// Times a second process was started.
    pub twins: u64,
    /// Looks at a request.
    pub looks: u64,
    /// Sweeps.
    pub sweeps: u64,
    /// Pieces of work that the database did not take.
    pub store_errors: u64,
    /// Create calls that made a credential.
    pub mints: u64,
    /// Messages that handed one over.
    pub hand_overs: u64,
    /// Credentials that were taken away.
    pub endings: u64,
    /// What was minted, by kind.
    pub mints_by_kind: BTreeMap<String, u64>,
    /// What was handed over, by kind.
    pub hand_overs_by_kind: BTreeMap<String, u64>,
    /// What was taken away or ended by itself, by kind.
    pub endings_by_kind: BTreeMap<String, u64>,
    /// Access tokens that holders fetched with a client.
    pub fetches: u64,
    /// How requests stood at the quiet end, by the title of their comment.
    pub ends: BTreeMap<String, u64>,
    /// How often each promise was checked.
    pub promises: BTreeMap<String, u64>,
}

impl Counts {
    /// Adds another's.
    pub(super) fn add(&mut self, other: &Self) {
        let plain: [(&mut u64, u64); 16] = [
            (&mut self.histories, other.histories),
            (&mut self.steps, other.steps),
            (&mut self.acts, other.acts),
            (&mut self.hours, other.hours),
            (&mut self.calls, other.calls),
            (&mut self.starts, other.starts),
            (&mut self.kills, other.kills),
            (&mut self.stalls, other.stalls),
            (&mut self.twins, other.twins),
            (&mut self.looks, other.looks),
            (&mut self.sweeps, other.sweeps),
            (&mut self.store_errors, other.store_errors),
            (&mut self.mints, other.mints),
            (&mut self.hand_overs, other.hand_overs),
            (&mut self.endings, other.endings),
            (&mut self.fetches, other.fetches),
        ];
        for (sum, more) in plain {
            *sum += more;
        }
        for (sums, more) in [
            (&mut self.faults, &other.faults),
            (&mut self.mints_by_kind, &other.mints_by_kind),
            (&mut self.hand_overs_by_kind, &other.hand_overs_by_kind),
            (&mut self.endings_by_kind, &other.endings_by_kind),
            (&mut self.webhooks, &other.webhooks),
            (&mut self.ends, &other.ends),
            (&mut self.promises, &other.promises),
        ] {
            for (name, count) in more {
                *sums.entry(name.clone()).or_default() += count;
            }
        }
    }
}

/// One more of a kind.
pub(super) fn tally(counts: &mut BTreeMap<String, u64>, kind: &str) {
    match counts.get_mut(kind) {
        Some(count) => *count += 1,
        None => drop(counts.insert(kind.to_owned(), 1)),
    }
}

/// A promise that was not kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broken {
    /// Which.
    pub promise: Promise,
    /// What was seen.
    pub what: String,
}
