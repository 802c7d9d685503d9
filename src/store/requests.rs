//! Reading requests, for looks, for people and for endings.
//!
//! All of it comes from the readers' connections, so it goes on when writing fails: due endings must go ahead
//! even then. For the same reason one unreadable row does not hide the other endings.

use jiff::Timestamp;

use super::Store;
use super::audit::{self, Entry, Head};
use super::error::StoreError;
use super::marks;
use super::rows::{FIRST, PAGE, Reading};
use super::sql::{Row, query};
use crate::domain::ids::IssueKey;
use crate::domain::phase::Phase;
use crate::domain::record::{Attempt, Record};

/// A row as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredRequest {
    /// Which.
    pub key: IssueKey,
    /// The phase's key, `unseen` or `no_request`.
    pub phase: String,
    /// A person said that it is a request although it is older than the installation.
    pub adopted: bool,
    /// What is remembered; none before the first recorded look.
    pub record: Option<Record>,
    /// When to look next; none: only when marked.
    pub next_look_at: Option<Timestamp>,
    /// How often it was marked, ever.
    pub marks: i64,
    /// Who works on it.
    pub lease_owner: Option<String>,
    /// Until when, unless renewed.
    pub lease_until: Option<Timestamp>,
    /// How often it was claimed, ever.
    pub fence: i64,
    /// Who alone may claim it.
    pub held_by: Option<String>,
    /// Until when.
    pub held_until: Option<Timestamp>,
    /// Looks in a row that failed.
    pub failures: u32,
    /// Why the last one failed, for people.
    pub last_error: Option<String>,
    /// Last change of what is remembered.
    pub updated_at: Timestamp,
}

/// A request whose credential is to be taken away now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DueEnding {
    /// Which.
    pub key: IssueKey,
    /// What is remembered.
    pub record: Record,
    /// All its attempts, by their number.
    pub attempts: Vec<Attempt>,
}

/// What is to be taken away, and what cannot be told.
#[derive(Debug, Clone, Default)]
pub struct Endings {
    /// Readable and due.
    pub due: Vec<DueEnding>,
    /// One error for each row that may be due and cannot be read: a person must look.
    pub unreadable: Vec<StoreError>,
    /// Where the next few hundred begin. `None`: these were the last.
    pub go_on_after: Option<IssueKey>,
}

impl Store {
    /// The row of an issue, if it was ever marked.
    pub async fn request(&self, key: IssueKey) -> Result<Option<StoredRequest>, StoreError> {
        let row = query(concat!(
            "SELECT ",
            columns!(requests),
            " FROM requests WHERE project_id = $1 AND iid = $2"
        ))
        .bind(key.project.0)
        .bind(key.iid)
        .fetch_optional(&self.inner.read)
        .await?;
        row.as_ref().map(read).transpose()
    }

    /// All requests that something is remembered of, by project and number.
    pub async fn requests(&self) -> Result<Vec<StoredRequest>, StoreError> {
        let rows = query(concat!(
            "SELECT ",
            columns!(requests),
            " FROM requests WHERE record IS NOT NULL ORDER BY project_id, iid"
        ))
        .fetch_all(&self.inner.read)
        .await?;
        rows.iter().map(read).collect()
    }

    /// A person says that this issue is a request although it is older than the installation. Marks it, too.
    ///
    /// `entry` says who; it is written in the same transaction.
    pub async fn adopt(&self, key: IssueKey, entry: Entry) -> Result<Head, StoreError> {
        let chain = self.inner.chain.clone();
        let work = self.inner.writer.run(move |connection, now| {
            Box::pin(async move {
                marks::upsert(connection, key, now).await?;
                query("UPDATE requests SET adopted = 1, updated_at = $3 WHERE project_id = $1 AND iid = $2")
                    .bind(key.project.0)
                    .bind(key.iid)
                    .bind(now)
                    .execute(&mut *connection)
                    .await?;
                audit::append(connection, &chain, vec![entry], now).await
            })
        });
        let head = work.await?;
        marks::wake(&self.inner.wake, 1);
        Ok(head)
    }

    /// Whose end has come at `now`, or is under way, of the next few hundred requests after `after` that have something
    /// live. Works while writing fails.
    pub async fn due_endings(&self, now: Timestamp, after: Option<IssueKey>) -> Result<Endings, StoreError> {
        let after = after.unwrap_or(FIRST);
        let rows = query(concat!(
            "SELECT ",
            columns!(requests),
            " FROM requests WHERE phase IN ('active', 'ending') AND (project_id, iid) > ($1, $2)
              ORDER BY project_id, iid LIMIT $3"
        ))
        .bind(after.project.0)
        .bind(after.iid)
        .bind(PAGE)
        .fetch_all(&self.inner.read)
        .await?;
        let last = rows.last().map(|row| Reading::new(row, "requests").issue()).transpose()?;
        let mut endings = Endings { go_on_after: last, ..Endings::default() };
        for row in &rows {
            match self.due_ending(row, now).await {
                Ok(due) => endings.due.extend(due),
                Err(error @ StoreError::Inconsistent { .. }) => endings.unreadable.push(error),
                Err(error) => return Err(error),
            }
        }
        Ok(endings)
    }

    async fn due_ending(&self, row: &Row, now: Timestamp) -> Result<Option<DueEnding>, StoreError> {
        let reading = Reading::new(row, "requests");
        let key = reading.issue()?;
        let record: Record =
            reading.whole_document("record")?.ok_or_else(|| reading.broken("it has no record".to_owned()))?;
        let due = match &record.phase {
            Phase::Active { ends_at, .. } => *ends_at <= now,
            Phase::Ending { .. } => true,
            other => {
                return Err(reading.broken(format!("the record's phase is {}, not the row's", other.key())));
            }
        };
        if !due {
            return Ok(None);
        }
        Ok(Some(DueEnding { key, record, attempts: self.attempts(key).await? }))
    }
}

fn read(row: &Row) -> Result<StoredRequest, StoreError> {
    let reading = Reading::new(row, "requests");
    Ok(StoredRequest {
        key: reading.issue()?,
        phase: reading.get("phase")?,
        adopted: reading.get::<i64>("adopted")? == 1,
        record: reading.document("record")?,
        next_look_at: reading.time_if_any("next_look_at")?,
        marks: reading.get("marks")?,
        lease_owner: reading.get("lease_owner")?,
        lease_until: reading.time_if_any("lease_until")?,
        fence: reading.get("fence")?,
        held_by: reading.get("held_by")?,
        held_until: reading.time_if_any("held_until")?,
        failures: reading.number("failures")?,
        last_error: reading.get("last_error")?,
        updated_at: reading.time("updated_at")?,
    })
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;
    use crate::domain::phase::EndReason;
    use crate::store::testing::{attempt, entry, key, on_both, record};

    #[tokio::test]
    async fn only_what_something_is_remembered_of_is_listed() {
        on_both(async |bench| {
            bench.put(2, "unseen").await;
            bench.put(1, "unseen").await;
            bench.store.mark(key(3)).await.unwrap();
            bench.remember(2, record()).await;
            bench.remember(1, record()).await;
            let keys: Vec<_> = bench.store.requests().await.unwrap().into_iter().map(|row| row.key).collect();
            assert_eq!(keys, [key(1), key(2)]);
            assert!(bench.store.request(key(9)).await.unwrap().is_none());
        })
        .await;
    }

    #[tokio::test]
    async fn adopting_marks_and_is_written_down() {
        on_both(async |bench| {
            bench.store.adopt(key(1), entry("adopted", 1)).await.unwrap();
            let claim = bench.claim(1).await;
            assert!(claim.adopted);
            assert_eq!(bench.store.history(key(1)).await.unwrap()[0].kind, "adopted");
        })
        .await;
    }

    #[tokio::test]
    async fn endings_are_found_when_due_and_while_nothing_can_be_written() {
        on_both(async |bench| {
            let now = bench.now();
            let hour = SignedDuration::from_hours(1);
            let active = |ends_at| Phase::Active { since: now, ends_at };
            let ending = Phase::Ending { since: now, why: EndReason::Due };
            for (iid, phase) in [(1, active(now)), (2, active(now + hour)), (3, ending)] {
                bench.put(iid, phase.key()).await;
                bench.remember(iid, Record { phase, ..record() }).await;
            }
            bench.put(4, "active").await;
            let _writer = bench.writer_elsewhere().await;

            let endings = bench.store.due_endings(now, None).await.unwrap();
            let due: Vec<_> = endings.due.iter().map(|ending| ending.key).collect();
            assert_eq!(due, [key(1), key(3)]);
            assert_eq!(endings.due[0].attempts, [attempt(1)]);
            assert_eq!(endings.unreadable.len(), 1, "an active row without a record");
            assert_eq!(bench.store.due_endings(now + hour, None).await.unwrap().due.len(), 3);
            assert_eq!(endings.go_on_after, Some(key(4)));
            let rest = bench.store.due_endings(now + hour, Some(key(1))).await.unwrap();
            assert_eq!(rest.due.iter().map(|ending| ending.key).collect::<Vec<_>>(), [key(2), key(3)]);
            let none = bench.store.due_endings(now, endings.go_on_after).await.unwrap();
            assert_eq!((none.due, none.go_on_after), (Vec::new(), None));
        })
        .await;
    }
}
