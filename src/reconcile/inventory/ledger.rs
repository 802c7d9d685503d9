//! What the ledger knows at one instance, to be ticked off as it is seen.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};

use crate::domain::ids::{CredentialId, IssueKey};
use crate::domain::inventory::{Known, Listed, ListedKind};
use crate::domain::record::{Attempt, AttemptState};
use crate::reconcile::context::Context;
use crate::store::StoreError;

/// Late looks for what was not found go on for an hour; twice that is on the safe side.
const LATE_LOOKS: SignedDuration = SignedDuration::from_hours(2);

pub(super) struct Ledger {
    known: BTreeMap<(ListedKind, CredentialId), Known>,
    seen: BTreeSet<(ListedKind, CredentialId)>,
    /// Names of what may have been made although nobody has its id: its request looks for it.
    pending: BTreeSet<String>,
}

impl Ledger {
    pub(super) async fn read(context: &Context, instance: &str) -> Result<Self, StoreError> {
        let (mut known, mut pending) = (BTreeMap::new(), BTreeSet::new());
        let now = context.now();
        let each = |key, record: &_, attempt: Attempt| {
            if attempt.instance != instance {
                return;
            }
            match Known::of(key, record, &attempt, now) {
                Some(one) => {
                    known.insert((one.kind, one.credential), one);
                }
                None if may_exist(&attempt, now) => {
                    pending.insert(attempt.name);
                }
                None => {}
            }
        };
        context.store.each_attempt(each).await?;
        Ok(Self { known, seen: BTreeSet::new(), pending })
    }

    pub(super) fn find(&self, kind: ListedKind, id: CredentialId) -> Option<&Known> {
        self.known.get(&(kind, id))
    }

    /// Whether it may be what a creation without an answer made.
    pub(super) fn is_pending(&self, listed: &Listed) -> bool {
        self.pending.contains(&listed.name)
    }

    /// What is known of something listed, which is ticked off.
    pub(super) fn seen(&mut self, kind: ListedKind, id: CredentialId) -> Option<Known> {
        let known = self.known.get(&(kind, id)).cloned();
        if known.is_some() {
            self.seen.insert((kind, id));
        }
        known
    }

    /// What should be there, was not there, and is not just being made or taken away.
    pub(super) fn unseen(&self, kind: ListedKind) -> Vec<Known> {
        let missing = |known: &&Known| {
            known.kind == kind && known.is_live() && !self.seen.contains(&(kind, known.credential))
        };
        self.known.values().filter(missing).cloned().collect()
    }

    /// The issues of what lives.
    pub(super) fn live_issues(&self) -> Vec<IssueKey> {
        let live = self.known.values().filter(|known| known.is_live()).map(|known| known.key);
        live.collect::<BTreeSet<_>>().into_iter().collect()
    }
}

/// What a call that was not answered may have made, as long as its request goes on looking for it.
fn may_exist(attempt: &Attempt, now: Timestamp) -> bool {
    match attempt.state {
        AttemptState::NotMade => false,
        AttemptState::NotFound => now.duration_since(attempt.deadline) < LATE_LOOKS,
        _ => true,
    }
}
