//! The one way to write.
//!
//! A write is a transaction in a task of its own: whoever waits for it may be dropped at any await, and a
//! transaction left open would stop SQLite's only writer, or hold PostgreSQL's locks in a pooled connection.
//! On SQLite it is `BEGIN IMMEDIATE`, because a reader that turns into a writer fails at once, whatever the busy
//! timeout. The time is read inside the transaction, so that it is the time of the write and not of the waiting.
//! On PostgreSQL, whose clients are several machines, it is the database's own, unless this process lives by
//! another clock than the machine's (tests, the demo, a simulation): then everybody there lives by that one.

use std::pin::Pin;
use std::sync::Arc;

use jiff::Timestamp;
use sqlx::{PgPool, SqlitePool};
use tokio_util::task::TaskTracker;

use super::error::StoreError;
use super::place::Place;
use super::rows::milliseconds_up;
use super::sql::{Connection, query_scalar};
use crate::clock::SharedClock;

/// What a transaction does, to be awaited inside it.
pub(super) type Work<'c, T> = Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send + 'c>>;

/// The connections that write.
#[derive(Clone)]
pub(super) enum Pool {
    Sqlite(SqlitePool),
    Postgres(PgPool),
}

#[derive(Clone)]
pub(super) struct Writer {
    pool: Pool,
    clock: SharedClock,
    tasks: TaskTracker,
    /// SQLite's file.
    place: Option<Arc<Place>>,
}

impl Writer {
    pub(super) fn new(pool: Pool, clock: SharedClock, place: Option<Place>) -> Self {
        Self { pool, clock, tasks: TaskTracker::new(), place: place.map(Arc::new) }
    }

    /// Whether what is committed is kept where it will be found again.
    pub(super) fn in_place(&self) -> Result<(), sqlx::Error> {
        self.place.as_ref().map_or(Ok(()), |place| place.check()).map_err(sqlx::Error::Io)
    }

    /// Runs `work` in one transaction, with the time in milliseconds; an error of `work` takes all of it back.
    pub(super) async fn run<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: for<'c> FnOnce(&'c mut Connection, i64) -> Work<'c, T> + Send + 'static,
    {
        let writer = self.clone();
        let task = self.tasks.spawn(async move { writer.transact(work).await });
        task.await.unwrap_or_else(|_| Err(sqlx::Error::WorkerCrashed.into()))
    }

    /// A moment that this process planned, by the clock that rules the transaction whose time is `now`. With two
    /// clocks that disagree, a look planned by the one would be found due by the other, too early, again and again.
    pub(super) fn ruled(&self, planned: Timestamp, now: i64) -> i64 {
        let planned = milliseconds_up(planned);
        if !self.database_rules() {
            return planned;
        }
        now.saturating_add(planned.saturating_sub(self.clock.now().as_millisecond()))
    }

    fn database_rules(&self) -> bool {
        matches!(self.pool, Pool::Postgres(_)) && self.clock.is_the_machines()
    }

    async fn transact<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        F: for<'c> FnOnce(&'c mut Connection, i64) -> Work<'c, T>,
    {
        let mut transaction = match self.begin().await {
            Err(sqlx::Error::InvalidSavePointStatement) => {
                self.part_with_the_connection().await;
                self.begin().await?
            }
            begun => begun?,
        };
        let done = match self.time(&mut transaction).await {
            Ok(now) => work(&mut transaction, now).await,
            Err(error) => Err(error.into()),
        };
        let done = done.and_then(|value| self.in_place().map(|()| value).map_err(Into::into));
        if done.is_ok() {
            transaction.commit().await?;
        } else if let Err(error) = transaction.rollback().await {
            tracing::warn!(%error, "a transaction could not be taken back");
        }
        done
    }

    /// SQLite takes a transaction back by itself where it cannot be written (a full disk), and the driver goes on
    /// counting it as open: it would refuse every other one on this connection for ever.
    async fn part_with_the_connection(&self) {
        let Pool::Sqlite(pool) = &self.pool else { return };
        match pool.acquire().await {
            Ok(connection) => {
                if let Err(error) = connection.close().await {
                    tracing::warn!(%error, "a connection to the database could not be closed");
                }
            }
            Err(error) => tracing::warn!(%error, "there is no connection to the database"),
        }
    }

    async fn begin(&self) -> Result<Connection, sqlx::Error> {
        Ok(match &self.pool {
            Pool::Sqlite(pool) => Connection::Sqlite(pool.begin_with("BEGIN IMMEDIATE").await?),
            Pool::Postgres(pool) => {
                Connection::Postgres(pool.begin_with("BEGIN ISOLATION LEVEL READ COMMITTED").await?)
            }
        })
    }

    async fn time(&self, transaction: &mut Connection) -> Result<i64, sqlx::Error> {
        if !self.database_rules() {
            return Ok(self.clock.now().as_millisecond());
        }
        let now = "SELECT floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint";
        query_scalar(now).fetch_one(transaction).await
    }

    /// Whether no write is under way.
    pub(super) fn is_at_rest(&self) -> bool {
        self.tasks.is_empty()
    }

    pub(super) async fn close(&self) {
        self.tasks.close();
        self.tasks.wait().await;
        match &self.pool {
            Pool::Sqlite(pool) => pool.close().await,
            Pool::Postgres(pool) => pool.close().await,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::task::{Context, Waker};

    use crate::domain::snapshot::OrderKind;
    use crate::store::StoreError;
    use crate::store::sql::query;
    use crate::store::testing::{key, on_both, order};

    #[tokio::test]
    async fn a_dropped_future_leaves_no_transaction_open_and_its_write_is_whole() {
        on_both(async |bench| {
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
        })
        .await;
    }

    #[tokio::test]
    async fn a_failing_work_leaves_nothing_behind() {
        on_both(async |bench| {
            let failed: Result<(), StoreError> = bench
                .store
                .inner
                .writer
                .run(|connection, _| {
                    Box::pin(async move {
                        query("INSERT INTO settings (name, value) VALUES ('half', 'done')")
                            .execute(&mut *connection)
                            .await?;
                        Err(StoreError::Fenced)
                    })
                })
                .await;
            assert!(matches!(failed, Err(StoreError::Fenced)));
            assert_eq!(bench.store.setting("half").await.unwrap(), None);
        })
        .await;
    }

    #[tokio::test]
    async fn a_closed_store_says_so() {
        on_both(async |bench| {
            bench.store.close().await;
            assert!(matches!(bench.store.mark(key(1)).await, Err(StoreError::Unavailable(_))));
            assert!(matches!(bench.store.requests().await, Err(StoreError::Unavailable(_))));
        })
        .await;
    }
}
