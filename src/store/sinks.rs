//! How far the audit entries have reached a second place, and who writes there now.
//!
//! The position moves only after the place has taken the entries, so that a process that dies in between writes them
//! again: at least once, in order, without a gap. One process writes at a time; a lease decides which, where several
//! share the database.

use jiff::{SignedDuration, Timestamp};

use super::Store;
use super::error::StoreError;
use super::rows::Reading;
use super::sql::{query, query_scalar};

/// What a second place lacks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lacking {
    /// How many entries.
    pub entries: i64,
    /// When the first of them was written.
    pub since: Timestamp,
}

impl Store {
    /// Takes or keeps the right to write to a place for `lease`. The last entry it has; `None`: another process writes.
    pub async fn claim_sink(
        &self,
        name: &str,
        owner: &str,
        lease: SignedDuration,
    ) -> Result<Option<i64>, StoreError> {
        let (name, owner) = (name.to_owned(), owner.to_owned());
        let work = self.inner.writer.run(move |connection, now| {
            Box::pin(async move {
                query(
                    "INSERT INTO audit_sinks (name, seq, lease_owner, lease_until) VALUES ($1, 0, $2, 0)
                       ON CONFLICT (name) DO NOTHING",
                )
                .bind(name.as_str())
                .bind(owner.as_str())
                .execute(&mut *connection)
                .await?;
                let until = now.saturating_add(i64::try_from(lease.as_millis()).unwrap_or(i64::MAX));
                let position = query_scalar(
                    "UPDATE audit_sinks SET lease_owner = $2, lease_until = $3
                     WHERE name = $1 AND (lease_owner = $2 OR lease_until <= $4) RETURNING seq",
                );
                let position = position.bind(name).bind(owner).bind(until).bind(now);
                Ok(position.fetch_optional(connection).await?)
            })
        });
        work.await
    }

    /// The place has all entries up to `seq`. Whether we were still the ones who write there.
    pub async fn advance_sink(&self, name: &str, owner: &str, seq: i64) -> Result<bool, StoreError> {
        let (name, owner) = (name.to_owned(), owner.to_owned());
        let work = self.inner.writer.run(move |connection, _| {
            Box::pin(async move {
                let moved = query(
                    "UPDATE audit_sinks SET seq = $3 WHERE name = $1 AND lease_owner = $2 AND seq <= $3",
                );
                Ok(moved.bind(name).bind(owner).bind(seq).execute(connection).await? > 0)
            })
        });
        work.await
    }

    /// Gives the right to write back, so that whoever comes next need not wait for it to run out.
    pub async fn release_sink(&self, name: &str, owner: &str) -> Result<(), StoreError> {
        let (name, owner) = (name.to_owned(), owner.to_owned());
        let work = self.inner.writer.run(move |connection, _| {
            Box::pin(async move {
                let released =
                    query("UPDATE audit_sinks SET lease_until = 0 WHERE name = $1 AND lease_owner = $2");
                released.bind(name).bind(owner).execute(connection).await?;
                Ok(())
            })
        });
        work.await
    }

    /// What a place lacks; `None`: nothing.
    pub async fn lacking(&self, name: &str) -> Result<Option<Lacking>, StoreError> {
        let row = query(
            "SELECT COUNT(*) AS entries, MIN(at) AS since FROM audit
             WHERE seq > COALESCE((SELECT seq FROM audit_sinks WHERE name = $1), 0)",
        );
        let Some(row) = row.bind(name).fetch_optional(&self.inner.read).await? else { return Ok(None) };
        let reading = Reading::new(&row, "audit");
        let entries = reading.get("entries")?;
        Ok(reading.time_if_any("since")?.map(|since| Lacking { entries, since }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::testing::{LEASE, entry, on_both};

    #[tokio::test]
    async fn one_process_writes_at_a_time_and_the_next_goes_on_where_it_ended() {
        on_both(async |bench| {
            let store = &bench.store;
            assert_eq!(store.claim_sink("a", "one", LEASE).await.unwrap(), Some(0));
            assert_eq!(store.claim_sink("a", "two", LEASE).await.unwrap(), None);
            assert!(store.advance_sink("a", "one", 7).await.unwrap());
            assert_eq!(store.claim_sink("a", "one", LEASE).await.unwrap(), Some(7));
            assert_eq!(store.claim_sink("b", "two", LEASE).await.unwrap(), Some(0));
            bench.clock.advance(LEASE);
            assert_eq!(store.claim_sink("a", "two", LEASE).await.unwrap(), Some(7));
            assert!(!store.advance_sink("a", "one", 9).await.unwrap(), "the slow one moves nothing");
        })
        .await;
    }

    #[tokio::test]
    async fn whoever_gives_it_back_is_not_waited_for() {
        on_both(async |bench| {
            let store = &bench.store;
            assert_eq!(store.claim_sink("a", "one", LEASE).await.unwrap(), Some(0));
            store.release_sink("a", "two").await.unwrap();
            assert_eq!(store.claim_sink("a", "two", LEASE).await.unwrap(), None, "it is not theirs");
            store.release_sink("a", "one").await.unwrap();
            assert_eq!(store.claim_sink("a", "two", LEASE).await.unwrap(), Some(0));
        })
        .await;
    }

    #[tokio::test]
    async fn what_a_place_lacks_is_told() {
        on_both(async |bench| {
            let store = &bench.store;
            assert_eq!(store.lacking("a").await.unwrap(), None);
            store.append(vec![entry("one", 1)]).await.unwrap();
            bench.clock.advance(LEASE);
            let since = bench.now();
            store.append(vec![entry("two", 1), entry("three", 1)]).await.unwrap();
            assert_eq!(store.lacking("a").await.unwrap().unwrap().entries, 3);
            store.claim_sink("a", "one", LEASE).await.unwrap();
            assert!(store.advance_sink("a", "one", 1).await.unwrap());
            assert_eq!(store.lacking("a").await.unwrap(), Some(Lacking { entries: 2, since }));
            assert!(store.advance_sink("a", "one", 3).await.unwrap());
            assert_eq!(store.lacking("a").await.unwrap(), None);
        })
        .await;
    }
}
