//! Marks: "look at this issue now", durable before the webhook is answered.
//!
//! A mark is an upsert of the request's own row; there is no second queue. All marks go through one task that
//! takes what is waiting, commits it as one transaction and then answers everybody: with `synchronous=FULL`
//! that is nine times the rate of a commit each (measured), and nothing is given up. Each mark counts, so that
//! a worker that is just looking at the issue learns that it must look again.

use std::collections::BTreeMap;

use serde_json::json;
use tokio::sync::{mpsc, oneshot};

use super::Store;
use super::error::StoreError;
use super::sql::{Connection, query};
use super::wake::Bell;
use super::writer::Writer;
use crate::domain::ids::{IssueKey, ProjectId};

const BATCH: usize = 256;
const WAITING: usize = 1024;

/// Somebody who waits for a mark to be durable.
pub(super) struct WaitingMark {
    key: IssueKey,
    answer: oneshot::Sender<Result<(), StoreError>>,
}

impl Store {
    /// Marks the issue for a look. Once this returns `Ok`, a power cut does not lose it.
    pub async fn mark(&self, key: IssueKey) -> Result<(), StoreError> {
        let (answer, answered) = oneshot::channel();
        let waiting = WaitingMark { key, answer };
        self.inner.marks.send(waiting).await.map_err(|_| stopped())?;
        answered.await.unwrap_or_else(|_| Err(stopped()))
    }

    /// Asks for a sweep of the project. One that was never set up is never swept: nothing is written.
    pub async fn mark_for_sweep(&self, project: ProjectId) -> Result<(), StoreError> {
        let work = self.inner.writer.run(move |connection, _| {
            Box::pin(async move {
                query("UPDATE projects SET sweep_wanted = sweep_wanted + 1 WHERE id = $1")
                    .bind(project.0)
                    .execute(connection)
                    .await?;
                Ok(())
            })
        });
        work.await
    }
}

/// Starts the task; it ends when the last `Store` is gone.
pub(super) fn start(writer: Writer, bell: Bell) -> mpsc::Sender<WaitingMark> {
    let (sender, mut receiver) = mpsc::channel(WAITING);
    tokio::spawn(async move {
        let mut batch: Vec<WaitingMark> = Vec::with_capacity(BATCH);
        while receiver.recv_many(&mut batch, BATCH).await > 0 {
            let mut counts = BTreeMap::new();
            for waiting in &batch {
                *counts.entry(waiting.key).or_insert(0) += 1;
            }
            let done = commit(&writer, counts).await;
            if done.is_ok() {
                wake(&bell, batch.len());
            }
            for waiting in batch.drain(..) {
                // Whoever asked may have been dropped meanwhile; the mark stands.
                let _ = waiting.answer.send(done.clone());
            }
        }
    });
    sender
}

async fn commit(writer: &Writer, counts: BTreeMap<IssueKey, i64>) -> Result<(), StoreError> {
    writer.run(move |connection, now| Box::pin(upsert_all(connection, counts, now))).await
}

macro_rules! each_mark {
    ($elements:literal) => {
        concat!(
            "INSERT INTO requests (project_id, iid, phase, next_look_at, marks, updated_at)
         SELECT CAST(value->>0 AS BIGINT), CAST(value->>1 AS BIGINT), 'unseen', $2, CAST(value->>2 AS BIGINT), $2
         FROM ",
            $elements,
            " WHERE true ORDER BY 1, 2
         ON CONFLICT (project_id, iid) DO UPDATE
         SET marks = requests.marks + excluded.marks, swept = 0,
             next_look_at = CASE WHEN requests.next_look_at < excluded.next_look_at
                                 THEN requests.next_look_at ELSE excluded.next_look_at END"
        )
    };
}

/// A batch in one statement, `[[project, iid, times], …]`: each statement is a journey, to a server or to a thread.
async fn upsert_all(
    connection: &mut Connection,
    counts: BTreeMap<IssueKey, i64>,
    now: i64,
) -> Result<(), StoreError> {
    let marks: Vec<(i64, i64, i64)> =
        counts.into_iter().map(|(key, times)| (key.project.0, key.iid, times)).collect();
    query(each_mark!("json_each($1)"))
        .on_postgres(each_mark!("json_array_elements($1::json)"))
        .bind(json!(marks).to_string())
        .bind(now)
        .execute(connection)
        .await?;
    Ok(())
}

/// Marks inside a transaction.
pub(super) async fn upsert(connection: &mut Connection, key: IssueKey, now: i64) -> Result<(), StoreError> {
    upsert_all(connection, BTreeMap::from([(key, 1)]), now).await
}

/// The same for a sweep: looked at after whatever else is due. What is due already keeps its place.
pub(super) async fn upsert_swept(
    connection: &mut Connection,
    key: IssueKey,
    now: i64,
) -> Result<(), StoreError> {
    query(
        "INSERT INTO requests (project_id, iid, phase, next_look_at, marks, updated_at, swept)
         VALUES ($1, $2, 'unseen', $3, 1, $3, 1)
         ON CONFLICT (project_id, iid) DO UPDATE
         SET marks = requests.marks + 1,
             swept = CASE WHEN requests.next_look_at <= $3 THEN requests.swept ELSE 1 END,
             next_look_at = CASE WHEN requests.next_look_at < $3 THEN requests.next_look_at ELSE $3 END",
    )
    .bind(key.project.0)
    .bind(key.iid)
    .bind(now)
    .execute(connection)
    .await?;
    Ok(())
}

/// One worker for each mark, as far as workers wait.
pub(super) fn wake(bell: &Bell, marks: usize) {
    bell.ring(marks.min(BATCH));
}

fn stopped() -> StoreError {
    sqlx::Error::PoolClosed.into()
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use crate::store::testing::{key, on_both, release_at};

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn two_hundred_marks_at_once_are_all_there_after_reopening() {
        on_both(async |bench| {
            let tasks: Vec<_> = (0..200)
                .map(|number| {
                    let store = bench.store.clone();
                    tokio::spawn(async move { store.mark(key(number % 150)).await })
                })
                .collect();
            for task in tasks {
                task.await.unwrap().unwrap();
            }
            bench.store.close().await;
            let again = bench.reopen().await;
            for iid in 0..150 {
                let expected = if iid < 50 { 2 } else { 1 };
                let row = again.request(key(iid)).await.unwrap().unwrap();
                assert_eq!(row.marks, expected, "{iid}");
                assert_eq!(row.phase, super::super::UNSEEN);
            }
        })
        .await;
    }

    #[tokio::test]
    async fn a_mark_brings_a_look_forward_and_never_back() {
        on_both(async |bench| {
            let start = bench.now();
            bench.store.mark(key(1)).await.unwrap();
            bench.clock.advance(SignedDuration::from_secs(10));
            bench.store.mark(key(1)).await.unwrap();
            assert_eq!(bench.store.request(key(1)).await.unwrap().unwrap().next_look_at, Some(start));

            let claim = bench.claim(1).await;
            bench
                .store
                .release(&claim, release_at(bench.now() + SignedDuration::from_hours(5)))
                .await
                .unwrap();
            bench.store.mark(key(1)).await.unwrap();
            assert_eq!(bench.store.request(key(1)).await.unwrap().unwrap().next_look_at, Some(bench.now()));
        })
        .await;
    }

    #[tokio::test]
    async fn a_mark_wakes_who_waits() {
        on_both(async |bench| {
            let wake = bench.store.wake();
            let waiting = wake.notified();
            bench.store.mark(key(1)).await.unwrap();
            waiting.await;
        })
        .await;
    }
}
