//! The one write that changes what is remembered of a request.
//!
//! Phase, record, attempts, fulfilled orders and the audit entries that explain them are one transaction under
//! the claim's fence: all of it or nothing. If the audit cannot be written, nothing is; a fence that moved on
//! writes nothing either.

use super::Store;
use super::attempts;
use super::audit::{self, Entry, Head};
use super::calendar;
use super::error::StoreError;
use super::extensions;
use super::leases::{Claim, Guard};
use super::sql::{Connection, query};
use crate::domain::ids::IssueKey;
use crate::domain::record::{Attempt, Record};

/// What a look changed.
#[derive(Debug, Clone, Default)]
pub struct Change {
    /// The phase's key, or `no_request`. With a record, the record's own phase is stored and this is not read.
    pub phase: String,
    /// What to remember; none leaves what is stored.
    pub record: Option<Record>,
    /// Attempts that are new or changed, by their number.
    pub attempts: Vec<Attempt>,
    /// Ids of orders that are fulfilled now.
    pub orders_done: Vec<String>,
    /// What happened, in order.
    pub audit: Vec<Entry>,
}

impl Store {
    /// Writes the change and its audit entries. `Fenced`: nothing was written, and the claim is void.
    pub async fn commit(&self, claim: &Claim, change: Change) -> Result<Head, StoreError> {
        let record = change.record.as_ref().map(|record| text(record, claim.key)).transpose()?;
        // One truth: an active record in a row that says otherwise would never be found due.
        let phase = change.record.as_ref().map_or(change.phase, |record| record.phase.key().to_owned());
        let (guard, key) = (Guard::of(claim), claim.key);
        let extension = change.record.as_ref().and_then(extensions::of);
        let chain = self.inner.chain.clone();
        let work = self.inner.writer.run(move |connection, now| {
            Box::pin(async move {
                let query = query(
                    "UPDATE requests SET phase = $5, record = COALESCE($6, record), updated_at = $7
                     WHERE project_id = $1 AND iid = $2 AND fence = $3 AND lease_owner = $4",
                );
                let query = guard.bind(query).bind(phase).bind(record).bind(now);
                guard.check(query, connection).await?;
                if let Some(record) = &change.record {
                    calendar::keep(connection, record, now).await?;
                }
                for attempt in &change.attempts {
                    attempts::upsert(connection, key, attempt).await?;
                }
                finish_orders(connection, key, change.orders_done, now).await?;
                if let Some(extension) = extension {
                    extensions::note(connection, key, extension).await?;
                }
                audit::append(connection, &chain, change.audit, now).await
            })
        });
        work.await
    }
}

async fn finish_orders(
    connection: &mut Connection,
    key: IssueKey,
    done: Vec<String>,
    now: i64,
) -> Result<(), StoreError> {
    for id in done {
        query(
            "UPDATE orders SET done_at = $4
             WHERE id = $3 AND project_id = $1 AND iid = $2 AND done_at IS NULL",
        )
        .bind(key.project.0)
        .bind(key.iid)
        .bind(id)
        .bind(now)
        .execute(&mut *connection)
        .await?;
    }
    Ok(())
}

/// A document as stored.
pub(super) fn text<T: serde::Serialize>(document: &T, key: IssueKey) -> Result<String, StoreError> {
    serde_json::to_string(document).map_err(|_| StoreError::Inconsistent {
        table: "requests",
        key: key.to_string(),
        what: "the document cannot be written as JSON".to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ids::CredentialId;
    use crate::domain::record::AttemptState;
    use crate::domain::snapshot::OrderKind;
    use crate::store::testing::{attempt, entry, key, on_both, order, record};

    #[tokio::test]
    async fn a_change_is_written_whole() {
        on_both(async |bench| {
            bench.store.mark(key(1)).await.unwrap();
            let id = bench.store.give_order(order(1, OrderKind::Retry)).await.unwrap();
            let claim = bench.claim(1).await;
            let change = Change {
                phase: "issuing".to_owned(),
                record: Some(record()),
                attempts: vec![attempt(2), attempt(1)],
                orders_done: vec![id],
                audit: vec![entry("minted", 1), entry("sent", 1)],
            };
            let head = bench.store.commit(&claim, change).await.unwrap();
            assert_eq!(head.seq, 2);
            assert_eq!(bench.store.head().await.unwrap(), head);
            let row = bench.store.request(key(1)).await.unwrap().unwrap();
            assert_eq!(
                (row.phase.as_str(), row.record),
                ("awaiting_manager", Some(record())),
                "the record's own"
            );
            assert_eq!(bench.store.attempts(key(1)).await.unwrap(), [attempt(1), attempt(2)]);
            assert!(bench.store.open_orders(key(1)).await.unwrap().is_empty());
            assert_eq!(bench.store.history(key(1)).await.unwrap().len(), 2);
        })
        .await;
    }

    #[tokio::test]
    async fn a_change_without_a_record_keeps_the_record_and_an_attempt_is_replaced() {
        on_both(async |bench| {
            bench.store.mark(key(1)).await.unwrap();
            let claim = bench.claim(1).await;
            let first = Change {
                phase: "issuing".to_owned(),
                record: Some(record()),
                attempts: vec![attempt(1)],
                ..Change::default()
            };
            bench.store.commit(&claim, first).await.unwrap();
            let minted =
                Attempt { state: AttemptState::Minted, credential: Some(CredentialId(5)), ..attempt(1) };
            let second = Change {
                phase: "delivering".to_owned(),
                attempts: vec![minted.clone()],
                ..Change::default()
            };
            bench.store.commit(&claim, second).await.unwrap();
            let row = bench.store.request(key(1)).await.unwrap().unwrap();
            assert_eq!((row.phase.as_str(), row.record), ("delivering", Some(record())));
            assert_eq!(bench.store.attempts(key(1)).await.unwrap(), [minted]);
        })
        .await;
    }

    #[tokio::test]
    async fn nothing_is_written_when_the_audit_cannot_be() {
        on_both(async |bench| {
            bench.store.mark(key(1)).await.unwrap();
            let claim = bench.claim(1).await;
            bench.audit_refuses("NEW.seq = 2").await;
            let change = Change {
                phase: "issuing".to_owned(),
                record: Some(record()),
                attempts: vec![attempt(1)],
                orders_done: Vec::new(),
                audit: vec![entry("one", 1), entry("two", 1)],
            };
            assert!(bench.store.commit(&claim, change).await.is_err());
            let row = bench.store.request(key(1)).await.unwrap().unwrap();
            assert_eq!((row.phase.as_str(), row.record), ("unseen", None));
            assert!(bench.store.attempts(key(1)).await.unwrap().is_empty());
            assert_eq!(bench.store.head().await.unwrap().seq, 0);
            assert!(bench.store.history(key(1)).await.unwrap().is_empty());
        })
        .await;
    }

    #[tokio::test]
    async fn an_order_of_another_request_is_not_fulfilled() {
        on_both(async |bench| {
            bench.store.mark(key(1)).await.unwrap();
            let id = bench.store.give_order(order(2, OrderKind::Revoke)).await.unwrap();
            let claim = bench.claim(1).await;
            let change = Change { phase: "active".to_owned(), orders_done: vec![id], ..Change::default() };
            bench.store.commit(&claim, change).await.unwrap();
            assert_eq!(bench.store.open_orders(key(2)).await.unwrap().len(), 1);
        })
        .await;
    }
}
