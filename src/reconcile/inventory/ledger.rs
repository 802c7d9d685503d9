//! What the ledger knows at one instance, to be ticked off as it is seen.

use std::collections::{BTreeMap, BTreeSet};

use crate::domain::ids::{CredentialId, IssueKey};
use crate::domain::inventory::{Known, ListedKind};
use crate::reconcile::context::Context;
use crate::store::StoreError;

pub(super) struct Ledger {
    known: BTreeMap<(ListedKind, CredentialId), Known>,
    seen: BTreeSet<(ListedKind, CredentialId)>,
}

impl Ledger {
    pub(super) async fn read(context: &Context, instance: &str) -> Result<Self, StoreError> {
        let mut known = BTreeMap::new();
        let now = context.now();
        let each = |key, record: &_, attempt: crate::domain::record::Attempt| {
            if attempt.instance == instance
                && let Some(one) = Known::of(key, record, &attempt, now)
            {
                known.insert((one.kind, one.credential), one);
            }
        };
        context.store.each_attempt(each).await?;
        Ok(Self { known, seen: BTreeSet::new() })
    }

    pub(super) fn find(&self, kind: ListedKind, id: CredentialId) -> Option<&Known> {
        self.known.get(&(kind, id))
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
