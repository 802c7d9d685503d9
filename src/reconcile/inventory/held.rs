//! Orphans that the brake holds back. One that is gone, or is no orphan any more, holds nothing else back.

use std::collections::BTreeSet;

use jiff::Timestamp;

use crate::domain::ids::CredentialId;
use crate::domain::inventory::{Line, ListedKind, Standing, Summary};
use crate::reconcile::context::Context;
use crate::store::StoreError;

/// What the brake knows an orphan by.
pub(super) fn subject(instance: &str, kind: ListedKind, id: CredentialId) -> String {
    format!("{}{id}", beginning(instance, kind))
}

fn beginning(instance: &str, kind: ListedKind) -> String {
    format!("{instance}/{}/", kind.key())
}

/// The orphans of one instance, gathered while its inventory is taken.
#[derive(Debug)]
pub struct Orphans {
    instance: String,
    begun_at: Timestamp,
    subjects: BTreeSet<String>,
}

impl Orphans {
    /// None yet. To be made before the first list is read.
    pub fn of(context: &Context, instance: &str) -> Self {
        Self { instance: instance.to_owned(), begun_at: context.now(), subjects: BTreeSet::new() }
    }

    /// One more line of the inventory.
    pub fn see(&mut self, line: &Line) {
        if line.standing == Standing::Orphan {
            self.subjects.insert(subject(&self.instance, line.kind, line.id));
        }
    }

    /// Forgets what is held back of this instance and is no orphan now. A list that could not be read says nothing of
    /// what is on it.
    pub async fn forget_others(&self, context: &Context, summary: &Summary) -> Result<(), StoreError> {
        let lists = [(ListedKind::ApiToken, super::API_TOKENS), (ListedKind::OauthClient, super::CLIENTS)];
        let read = |list: &str| !summary.unreadable.iter().any(|unread| unread.what == list);
        let known: Vec<String> = lists
            .into_iter()
            .filter(|(_, list)| read(list))
            .map(|(kind, _)| beginning(&self.instance, kind))
            .collect();
        for held in context.store.held_endings().await? {
            let ours = known.iter().any(|beginning| held.subject.starts_with(beginning));
            if ours && held.since <= self.begun_at && !self.subjects.contains(&held.subject) {
                tracing::info!(subject = held.subject, "it is no orphan any more, so the brake forgets it");
                context.store.forget_ending(held.subject).await?;
            }
        }
        Ok(())
    }
}
