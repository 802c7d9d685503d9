//! Leases: one worker looks at one request at a time, and a fence that shuts out a worker that was too slow.
//!
//! A lease is not a lock: it runs out under a stopped process, and what counts then is the fence. Every claim
//! raises it; every later write of that claim names it and writes nothing if it has moved on. A *hold* keeps a
//! row for the one process that has the secret in memory, across releases, for a bounded time.

use jiff::{SignedDuration, Timestamp};

use super::Store;
use super::error::StoreError;
use super::rows::Reading;
use super::sql::{Connection, Query, Row, query};
use crate::domain::ids::IssueKey;
use crate::domain::record::Record;
use crate::planted::{self, Bug};

/// Nobody works on it ($2 is who asks, $1 is now). Stands in the claim twice and must be the same both times.
///
/// A lease or hold that ends hours ahead was given by a clock that has been set back since: it holds nobody.
macro_rules! is_free {
    () => {
        "(lease_owner IS NULL OR lease_until <= $1 OR lease_until > $1 + 7200000)
         AND (held_by IS NULL OR held_by = $2 OR held_until <= $1 OR held_until > $1 + 7200000)"
    };
}

/// The condition is repeated outside the sub-select: PostgreSQL (READ COMMITTED) re-checks only the outer one
/// after it waited for another claim's row lock, and hands most rows out twice without it. There the sub-select
/// also skips rows that are being claimed; SQLite has one writer and needs neither.
macro_rules! claim_due {
    ($swept:literal, $lock:literal) => {
        concat!(
            "UPDATE requests SET lease_owner = $2, lease_until = $3, fence = fence + 1
             WHERE (project_id, iid) = (
                 SELECT project_id, iid FROM requests
                 WHERE swept = ",
            $swept,
            " AND next_look_at <= $1 AND ",
            is_free!(),
            " ORDER BY next_look_at, project_id, iid LIMIT 1 ",
            $lock,
            ") AND next_look_at <= $1 AND ",
            is_free!(),
            " RETURNING ",
            columns!(requests)
        )
    };
    ($swept:literal) => {
        query(claim_due!($swept, "")).on_postgres(claim_due!($swept, "FOR UPDATE SKIP LOCKED"))
    };
}

/// What happened, and what has its own time.
fn claim_due() -> Query {
    claim_due!("0")
}

/// What a sweep found or a start marks. Only where nothing else is due, so that ten thousand of these keep nobody
/// waiting; a statement of its own, so that both go by the index.
fn claim_swept() -> Query {
    claim_due!("1")
}

const CLAIM_ONE: &str = concat!(
    "UPDATE requests SET lease_owner = $2, lease_until = $3, fence = fence + 1
     WHERE project_id = $4 AND iid = $5 AND ",
    is_free!(),
    " RETURNING ",
    columns!(requests)
);

/// A request in a worker's hands, as it was when it was claimed.
#[derive(Debug, Clone)]
pub struct Claim {
    /// Which.
    pub key: IssueKey,
    /// Whose claim it is.
    pub owner: String,
    /// Moves on when somebody else claims it.
    pub fence: i64,
    /// When the lease ends unless renewed (of the claim; a renewal does not change this value).
    pub lease_until: Timestamp,
    /// How often it had been marked.
    pub marks: i64,
    /// A person said that it is a request although it is older than the installation.
    pub adopted: bool,
    /// The phase's key, `unseen` or `no_request`.
    pub phase: String,
    /// What is remembered; none before the first recorded look.
    pub record: Option<Record>,
    /// Looks in a row that failed.
    pub failures: u32,
}

/// Who alone may claim a request, and until when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hold {
    /// The owner as it claims.
    pub owner: String,
    /// From then on anybody may.
    pub until: Timestamp,
}

/// How a claim ends.
#[derive(Debug, Clone, Default)]
pub struct Release {
    /// When to look again unasked; none: only when marked.
    pub next_look: Option<Timestamp>,
    /// Looks in a row that failed.
    pub failures: u32,
    /// Why the last one failed, for people.
    pub last_error: Option<String>,
    /// Keeps others away; none lifts an earlier hold.
    pub hold: Option<Hold>,
    /// How the issue is listed while nothing changed since this look; none keeps what was seen before.
    pub seen: Option<String>,
}

impl Store {
    /// The request that has been due longest and that nobody works on.
    ///
    /// A row that cannot be read is an error but stays leased, so that it does not stand before the others.
    pub async fn claim(&self, owner: &str, lease: SignedDuration) -> Result<Option<Claim>, StoreError> {
        self.take(owner, lease, None).await
    }

    /// This request, due or not; none if it is unknown, or somebody works on it or holds it.
    pub async fn claim_one(
        &self,
        owner: &str,
        key: IssueKey,
        lease: SignedDuration,
    ) -> Result<Option<Claim>, StoreError> {
        self.take(owner, lease, Some(key)).await
    }

    async fn take(
        &self,
        owner: &str,
        lease: SignedDuration,
        key: Option<IssueKey>,
    ) -> Result<Option<Claim>, StoreError> {
        let owner = owner.to_owned();
        let row: Option<Row> = self
            .inner
            .writer
            .run(move |connection, now| {
                Box::pin(async move {
                    let until = end_of(now, lease);
                    let bound = |claim: Query| claim.bind(now).bind(owner.as_str()).bind(until);
                    if let Some(key) = key {
                        let claim = bound(query(CLAIM_ONE)).bind(key.project.0).bind(key.iid);
                        return Ok(claim.fetch_optional(connection).await?);
                    }
                    match bound(claim_due()).fetch_optional(&mut *connection).await? {
                        None => Ok(bound(claim_swept()).fetch_optional(connection).await?),
                        found => Ok(found),
                    }
                })
            })
            .await?;
        // Read only after the commit: one unreadable row must not be claimed and taken back for ever.
        row.as_ref().map(Claim::read).transpose()
    }

    /// Begins the lease anew. `Fenced` if somebody else has the request, or it was released.
    pub async fn renew(&self, claim: &Claim, lease: SignedDuration) -> Result<(), StoreError> {
        let guard = Guard::of(claim);
        let work = self.inner.writer.run(move |connection, now| {
            Box::pin(async move {
                let query = query(
                    "UPDATE requests SET lease_until = $5
                     WHERE project_id = $1 AND iid = $2 AND fence = $3 AND lease_owner = $4",
                );
                guard.check(guard.bind(query).bind(end_of(now, lease)), connection).await
            })
        });
        work.await
    }

    /// Gives the request back. A mark that came meanwhile is kept: the sooner look wins then.
    pub async fn release(&self, claim: &Claim, release: Release) -> Result<(), StoreError> {
        let guard = Guard::of(claim);
        let marks = if planted::is(Bug::ClearMarks) { self.marks_now(claim).await? } else { claim.marks };
        let writer = self.inner.writer.clone();
        let work = self.inner.writer.run(move |connection, now| {
            Box::pin(async move {
                let query = query(
                    "UPDATE requests
                     SET lease_owner = NULL, lease_until = NULL,
                         swept = CASE WHEN marks = $5 OR next_look_at IS NULL OR next_look_at > $6
                                      THEN 0 ELSE swept END,
                         next_look_at = CASE WHEN marks = $5 OR next_look_at IS NULL OR next_look_at > $6
                                             THEN $6 ELSE next_look_at END,
                         failures = $7, last_error = $8, held_by = $9, held_until = $10,
                         seen = COALESCE($11, seen)
                     WHERE project_id = $1 AND iid = $2 AND fence = $3 AND lease_owner = $4",
                );
                let (held_by, held_until) = release.hold.map(|hold| (hold.owner, hold.until)).unzip();
                let query = guard
                    .bind(query)
                    .bind(marks)
                    .bind(release.next_look.map(|at| writer.ruled(at, now)))
                    .bind(i64::from(release.failures))
                    .bind(release.last_error)
                    .bind(held_by)
                    .bind(held_until.map(|at| writer.ruled(at, now)))
                    .bind(release.seen);
                guard.check(query, connection).await
            })
        });
        work.await
    }
}

impl Store {
    /// Only for [`Bug::ClearMarks`]: as if no mark had come since the claim.
    async fn marks_now(&self, claim: &Claim) -> Result<i64, StoreError> {
        Ok(self.request(claim.key).await?.map_or(claim.marks, |row| row.marks))
    }
}

impl Claim {
    fn read(row: &Row) -> Result<Self, StoreError> {
        let reading = Reading::new(row, "requests");
        Ok(Self {
            key: reading.issue()?,
            owner: reading.get("lease_owner")?,
            fence: reading.get("fence")?,
            lease_until: reading.time("lease_until")?,
            marks: reading.get("marks")?,
            adopted: reading.get::<i64>("adopted")? == 1,
            phase: reading.get("phase")?,
            record: reading.whole_document("record")?,
            failures: reading.number("failures")?,
        })
    }
}

/// What a write of a claim must find unchanged: always `$1` to `$4`.
pub(super) struct Guard {
    key: IssueKey,
    fence: i64,
    owner: String,
}

impl Guard {
    pub(super) fn of(claim: &Claim) -> Self {
        Self { key: claim.key, fence: claim.fence, owner: claim.owner.clone() }
    }

    pub(super) fn bind(&self, query: Query) -> Query {
        query.bind(self.key.project.0).bind(self.key.iid).bind(self.fence).bind(self.owner.clone())
    }

    pub(super) async fn check(&self, query: Query, connection: &mut Connection) -> Result<(), StoreError> {
        match query.execute(connection).await? {
            1 => Ok(()),
            _ if planted::is(Bug::DropFence) => Ok(()),
            _ => Err(StoreError::Fenced),
        }
    }
}

fn end_of(now: i64, lease: SignedDuration) -> i64 {
    now.saturating_add(i64::try_from(lease.as_millis()).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::store::Change;
    use crate::store::testing::{Empty, LEASE, Raw, key, on_both, record, release_at};

    #[tokio::test]
    async fn a_claim_sorts_nothing_however_many_are_due_at_the_same_moment() {
        let bench = Empty::on_sqlite().open().await;
        let Raw::Sqlite(mut connection) = bench.raw().await else { panic!("this is SQLite") };
        for claim in [claim_due!("0", ""), claim_due!("1", "")] {
            let explain = sqlx::AssertSqlSafe(format!("EXPLAIN QUERY PLAN {claim}"));
            let plan: Vec<(i64, i64, i64, String)> = sqlx::query_as(explain)
                .bind(1_i64)
                .bind("worker")
                .bind(2_i64)
                .fetch_all(&mut connection)
                .await
                .unwrap();
            let steps: Vec<&str> = plan.iter().map(|(.., step)| step.as_str()).collect();
            assert!(
                steps.iter().any(|step| step.contains("requests_in_turn (swept=? AND next_look_at<?)")),
                "{steps:?}"
            );
            assert!(!steps.iter().any(|step| step.contains("TEMP B-TREE")), "{steps:?}");
        }
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn sixteen_workers_on_two_stores_get_each_of_two_hundred_rows_once() {
        on_both(async |bench| {
            bench.mark(0..200).await;
            let stores = [bench.store.clone(), bench.reopen().await];
            let tasks: Vec<_> = (0..16)
                .map(|worker: usize| {
                    let store = stores[worker % 2].clone();
                    tokio::spawn(async move {
                        let mut mine = Vec::new();
                        while let Some(claim) = store.claim(&format!("w{worker}"), LEASE).await.unwrap() {
                            mine.push(claim.key);
                        }
                        mine
                    })
                })
                .collect();
            let mut all = Vec::new();
            for task in tasks {
                all.extend(task.await.unwrap());
            }
            assert_eq!(all.len(), 200);
            assert_eq!(all.into_iter().collect::<BTreeSet<_>>(), (0..200).map(key).collect());
        })
        .await;
    }

    #[tokio::test]
    async fn the_row_that_is_due_longest_comes_first_and_none_before_it_is_due() {
        on_both(async |bench| {
            bench.store.mark(key(2)).await.unwrap();
            bench.clock.advance(SignedDuration::from_secs(1));
            bench.store.mark(key(1)).await.unwrap();
            assert_eq!(bench.store.claim("w", LEASE).await.unwrap().unwrap().key, key(2));
            let second = bench.store.claim("w", LEASE).await.unwrap().unwrap();
            assert_eq!(second.key, key(1));
            bench.store.release(&second, release_at(bench.now() + LEASE / 2)).await.unwrap();
            assert!(bench.store.claim("w", LEASE).await.unwrap().is_none());
            bench.clock.advance(LEASE / 2);
            assert_eq!(bench.store.claim("w", LEASE).await.unwrap().unwrap().key, key(1));
        })
        .await;
    }

    #[tokio::test]
    async fn a_claim_that_was_taken_over_can_write_nothing() {
        on_both(async |bench| {
            bench.store.mark(key(1)).await.unwrap();
            let slow = bench.claim(1).await;
            bench.clock.advance(LEASE);
            let quick = bench.claim(1).await;
            assert_eq!(quick.fence, slow.fence + 1);

            let change = Change { phase: "active".to_owned(), record: Some(record()), ..Change::default() };
            assert!(matches!(bench.store.commit(&slow, change).await, Err(StoreError::Fenced)));
            assert!(matches!(bench.store.renew(&slow, LEASE).await, Err(StoreError::Fenced)));
            assert!(matches!(bench.store.release(&slow, Release::default()).await, Err(StoreError::Fenced)));
            let row = bench.store.request(key(1)).await.unwrap().unwrap();
            assert_eq!(
                (row.phase.as_str(), row.record, row.lease_owner.as_deref()),
                ("unseen", None, Some("worker"))
            );
            bench.store.renew(&quick, LEASE).await.unwrap();
        })
        .await;
    }

    #[tokio::test]
    async fn a_released_claim_can_write_nothing() {
        on_both(async |bench| {
            bench.store.mark(key(1)).await.unwrap();
            let claim = bench.claim(1).await;
            bench.store.release(&claim, Release::default()).await.unwrap();
            assert!(matches!(bench.store.release(&claim, Release::default()).await, Err(StoreError::Fenced)));
            let change = Change { phase: "active".to_owned(), ..Change::default() };
            assert!(matches!(bench.store.commit(&claim, change).await, Err(StoreError::Fenced)));
        })
        .await;
    }

    #[tokio::test]
    async fn a_renewed_lease_keeps_others_away() {
        on_both(async |bench| {
            bench.store.mark(key(1)).await.unwrap();
            let claim = bench.claim(1).await;
            assert_eq!(claim.lease_until, bench.now() + LEASE);
            bench.clock.advance(LEASE - SignedDuration::from_millis(1));
            bench.store.renew(&claim, LEASE).await.unwrap();
            bench.clock.advance(LEASE - SignedDuration::from_millis(1));
            assert!(bench.store.claim("other", LEASE).await.unwrap().is_none());
            bench.clock.advance(SignedDuration::from_millis(1));
            assert!(bench.store.claim("other", LEASE).await.unwrap().is_some());
        })
        .await;
    }

    #[tokio::test]
    async fn a_mark_during_a_lease_survives_the_release() {
        on_both(async |bench| {
            bench.store.mark(key(1)).await.unwrap();
            for planned in [None, Some(bench.now() + SignedDuration::from_hours(24))] {
                let claim = bench.claim(1).await;
                bench.store.mark(key(1)).await.unwrap();
                assert!(bench.store.claim("other", LEASE).await.unwrap().is_none());
                let release = Release { next_look: planned, ..Release::default() };
                bench.store.release(&claim, release).await.unwrap();
                assert!(
                    bench.store.request(key(1)).await.unwrap().unwrap().next_look_at <= Some(bench.now())
                );
            }
            let claim = bench.store.claim("other", LEASE).await.unwrap().unwrap();
            bench.store.release(&claim, Release::default()).await.unwrap();
            assert_eq!(bench.store.request(key(1)).await.unwrap().unwrap().next_look_at, None);
        })
        .await;
    }

    #[tokio::test]
    async fn a_held_row_is_for_its_holder_until_the_hold_ends() {
        on_both(async |bench| {
            bench.store.mark(key(1)).await.unwrap();
            let claim = bench.claim(1).await;
            let hold = Hold { owner: "worker".to_owned(), until: bench.now() + LEASE };
            let release = Release {
                next_look: Some(bench.now()),
                failures: 3,
                last_error: Some("no".to_owned()),
                hold: Some(hold),
                seen: None,
            };
            bench.store.release(&claim, release.clone()).await.unwrap();
            assert!(bench.store.claim("other", LEASE).await.unwrap().is_none());
            assert!(bench.store.claim_one("other", key(1), LEASE).await.unwrap().is_none());
            let again = bench.store.claim("worker", LEASE).await.unwrap().unwrap();
            assert_eq!(again.failures, 3);
            bench.store.release(&again, release).await.unwrap();
            bench.clock.advance(LEASE);
            assert!(bench.store.claim("other", LEASE).await.unwrap().is_some());
        })
        .await;
    }

    #[tokio::test]
    async fn one_request_can_be_claimed_before_it_is_due() {
        on_both(async |bench| {
            assert!(bench.store.claim_one("w", key(1), LEASE).await.unwrap().is_none());
            bench.put(1, "active").await;
            assert!(bench.store.claim("w", LEASE).await.unwrap().is_none());
            assert!(bench.store.claim_one("w", key(1), LEASE).await.unwrap().is_some());
            assert!(bench.store.claim_one("w", key(1), LEASE).await.unwrap().is_none());
        })
        .await;
    }

    #[tokio::test]
    async fn an_unreadable_row_does_not_stand_before_the_others() {
        on_both(async |bench| {
            bench.mark(1..3).await;
            let mut raw = bench.raw().await;
            let broken = "UPDATE requests SET record = '{\"secret words\"' WHERE iid = 1";
            raw.run(broken).await.unwrap();
            let error = bench.store.claim("w", LEASE).await.unwrap_err();
            assert!(matches!(error, StoreError::Inconsistent { table: "requests", .. }));
            assert!(error.to_string().contains("7#1") && !error.to_string().contains("secret"), "{error}");
            assert_eq!(bench.store.claim("w", LEASE).await.unwrap().unwrap().key, key(2));
        })
        .await;
    }
}
