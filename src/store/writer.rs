//! The one way to write.
//!
//! A write is a `BEGIN IMMEDIATE` transaction in a task of its own: whoever waits for it may be dropped at any
//! await, and a transaction left open on the only writing connection would stop everything. `IMMEDIATE`,
//! because a reader that turns into a writer fails at once, whatever the busy timeout. The time is read after
//! the lock is held, so that it is the time of the write and not of the waiting.

use std::pin::Pin;

use sqlx::{SqliteConnection, SqlitePool};
use tokio_util::task::TaskTracker;

use super::error::StoreError;
use crate::clock::SharedClock;

/// What a transaction does, to be awaited inside it.
pub(super) type Work<'c, T> = Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send + 'c>>;

#[derive(Clone)]
pub(super) struct Writer {
    pool: SqlitePool,
    clock: SharedClock,
    tasks: TaskTracker,
}

impl Writer {
    pub(super) fn new(pool: SqlitePool, clock: SharedClock) -> Self {
        Self { pool, clock, tasks: TaskTracker::new() }
    }

    /// Runs `work` in one transaction, with the time in milliseconds; an error of `work` takes all of it back.
    pub(super) async fn run<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: for<'c> FnOnce(&'c mut SqliteConnection, i64) -> Work<'c, T> + Send + 'static,
    {
        let writer = self.clone();
        let task = self.tasks.spawn(async move { writer.transact(work).await });
        task.await.unwrap_or_else(|_| Err(sqlx::Error::WorkerCrashed.into()))
    }

    async fn transact<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        F: for<'c> FnOnce(&'c mut SqliteConnection, i64) -> Work<'c, T>,
    {
        let mut transaction = self.pool.begin_with("BEGIN IMMEDIATE").await?;
        let now = self.clock.now().as_millisecond();
        let done = work(&mut transaction, now).await;
        if done.is_ok() {
            transaction.commit().await?;
        } else if let Err(error) = transaction.rollback().await {
            tracing::warn!(%error, "a transaction could not be taken back");
        }
        done
    }

    pub(super) async fn close(&self) {
        self.tasks.close();
        self.tasks.wait().await;
        self.pool.close().await;
    }
}

#[cfg(test)]
mod tests {
    use std::task::{Context, Waker};

    use crate::domain::snapshot::OrderKind;
    use crate::store::StoreError;
    use crate::store::testing::{Bench, key, order};

    #[tokio::test]
    async fn a_dropped_future_leaves_no_transaction_open_and_its_write_is_whole() {
        let bench = Bench::new().await;
        for yields in 0..30 {
            let giving = bench.store.give_order(order(1, OrderKind::Retry));
            let mut giving = Box::pin(giving);
            assert!(giving.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
            for _ in 0..yields % 5 {
                tokio::task::yield_now().await;
            }
            drop(giving);
        }
        bench.store.mark(key(2)).await.unwrap();
        bench.store.close().await;
        let again = bench.reopen().await;
        assert_eq!(again.open_orders(key(1)).await.unwrap().len(), 30);
        assert_eq!(again.request(key(1)).await.unwrap().unwrap().marks, 30);
    }

    #[tokio::test]
    async fn a_failing_work_leaves_nothing_behind() {
        let bench = Bench::new().await;
        let failed: Result<(), StoreError> = bench
            .store
            .inner
            .writer
            .run(|connection, _| {
                Box::pin(async move {
                    sqlx::query("INSERT INTO settings (name, value) VALUES ('half', 'done')")
                        .execute(&mut *connection)
                        .await?;
                    Err(StoreError::Fenced)
                })
            })
            .await;
        assert!(matches!(failed, Err(StoreError::Fenced)));
        assert_eq!(bench.store.setting("half").await.unwrap(), None);
    }

    #[tokio::test]
    async fn a_closed_store_says_so() {
        let bench = Bench::new().await;
        bench.store.close().await;
        assert!(matches!(bench.store.mark(key(1)).await, Err(StoreError::Unavailable(_))));
        assert!(matches!(bench.store.requests().await, Err(StoreError::Unavailable(_))));
    }
}
