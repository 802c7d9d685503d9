//! The whole ledger, request by request, for whoever holds it against what Zendesk lists.
//!
//! Read in pages, so that years of requests are never in memory at once. One row that cannot be read is an error:
//! an inventory that leaves something out would call it foreign.

use super::Store;
use super::error::StoreError;
use super::rows::Reading;
use super::sql::{Row, query};
use crate::domain::ids::IssueKey;
use crate::domain::record::{Attempt, Record};

const PAGE: i64 = 200;

impl Store {
    /// Calls `each` with every attempt and its request's record, by project, number and attempt.
    pub async fn each_attempt(
        &self,
        mut each: impl FnMut(IssueKey, &Record, Attempt) + Send,
    ) -> Result<(), StoreError> {
        let mut from = (i64::MIN, i64::MIN, i64::MIN);
        loop {
            let rows = query(
                "SELECT a.project_id, a.iid, a.number, a.document, r.record
                 FROM attempts a JOIN requests r ON r.project_id = a.project_id AND r.iid = a.iid
                 WHERE (a.project_id, a.iid, a.number) > ($1, $2, $3)
                 ORDER BY a.project_id, a.iid, a.number LIMIT $4",
            )
            .bind(from.0)
            .bind(from.1)
            .bind(from.2)
            .bind(PAGE)
            .fetch_all(&self.inner.read)
            .await?;
            for row in &rows {
                let (key, record, attempt) = read(row)?;
                from = (key.project.0, key.iid, i64::from(attempt.number));
                each(key, &record, attempt);
            }
            if rows.is_empty() {
                return Ok(());
            }
        }
    }
}

fn read(row: &Row) -> Result<(IssueKey, Record, Attempt), StoreError> {
    let reading = Reading::new(row, "attempts");
    let missing = || reading.broken("it has no document or no record".to_owned());
    let attempt = reading.document("document")?.ok_or_else(missing)?;
    let record = reading.document("record")?.ok_or_else(missing)?;
    Ok((reading.issue()?, record, attempt))
}

#[cfg(test)]
mod tests {
    use crate::domain::phase::Phase;
    use crate::domain::record::Record;
    use crate::store::testing::{attempt, key, on_both, record};
    use crate::store::{Change, Release};

    #[tokio::test]
    async fn every_attempt_of_every_request_is_told_once() {
        on_both(async |bench| {
            for iid in 1..=150 {
                bench.store.mark(key(iid)).await.unwrap();
                let claim = bench.claim(iid).await;
                let record = Record { phase: Phase::New, ..record() };
                let attempts = vec![attempt(1), attempt(2)];
                let change = Change { record: Some(record), attempts, ..Change::default() };
                bench.store.commit(&claim, change).await.unwrap();
                bench.store.release(&claim, Release::default()).await.unwrap();
            }
            let mut told = Vec::new();
            bench.store.each_attempt(|key, _, attempt| told.push((key, attempt.number))).await.unwrap();
            let expected: Vec<_> = (1..=150).flat_map(|iid| [(key(iid), 1), (key(iid), 2)]).collect();
            assert_eq!(told, expected);
        })
        .await;
    }
}
