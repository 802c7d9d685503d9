//! Telling workers that something is due: those of this process, and on PostgreSQL those of its replicas.
//!
//! A hint and no more: whoever misses it finds the row by polling. That is why it is sent after the commit and
//! outside of it (a NOTIFY inside a transaction makes all committers of a database wait for each other), why many
//! at once become one, and why an error here is nobody's failure.

use std::sync::Arc;
use std::time::Duration;

use sqlx::PgPool;
use sqlx::postgres::PgListener;
use tokio::sync::Notify;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::sql::Reader;
use super::writer::Pool;

const CHANNEL: &str = "countersign_wake";
/// How long it is waited after the server could not be listened to.
const AFTER_FAILURE: Duration = Duration::from_secs(5);

/// Rung when something is due.
#[derive(Clone)]
pub(super) struct Bell {
    here: Arc<Notify>,
    elsewhere: Option<Arc<Replicas>>,
}

struct Replicas {
    to_tell: Arc<Notify>,
    stop: CancellationToken,
    /// Stops listening with the last store of this process.
    _guard: DropGuard,
}

impl Bell {
    /// A bell whose sound is not mistaken for another's: `name` is its own.
    pub(super) fn hang(write: &Pool, read: &Reader, name: String) -> Self {
        let here = Arc::new(Notify::new());
        let (Pool::Postgres(write), Reader::Postgres(read)) = (write, read) else {
            return Self { here, elsewhere: None };
        };
        let (stop, to_tell) = (CancellationToken::new(), Arc::new(Notify::new()));
        let telling = tell(write.clone(), Arc::clone(&to_tell), name.clone());
        let listening = listen(read.clone(), Arc::clone(&here), name);
        tokio::spawn(stop.clone().run_until_cancelled_owned(telling));
        tokio::spawn(stop.clone().run_until_cancelled_owned(listening));
        let replicas = Replicas { to_tell, stop: stop.clone(), _guard: stop.drop_guard() };
        Self { here, elsewhere: Some(Arc::new(replicas)) }
    }

    /// Wakes as many workers of this process, as far as they wait, and tells the replicas.
    pub(super) fn ring(&self, times: usize) {
        for _ in 0..times {
            self.here.notify_one();
        }
        if let Some(elsewhere) = self.elsewhere.as_ref().filter(|_| times > 0) {
            elsewhere.to_tell.notify_one();
        }
    }

    pub(super) fn here(&self) -> Arc<Notify> {
        Arc::clone(&self.here)
    }

    pub(super) fn silence(&self) {
        if let Some(elsewhere) = &self.elsewhere {
            elsewhere.stop.cancel();
        }
    }
}

async fn tell(pool: PgPool, to_tell: Arc<Notify>, name: String) {
    loop {
        to_tell.notified().await;
        let told = sqlx::query("SELECT pg_notify($1, $2)").bind(CHANNEL).bind(&name).execute(&pool).await;
        if let Err(error) = told {
            tracing::debug!(%error, "the replicas could not be told; they will find it");
        }
    }
}

async fn listen(pool: PgPool, here: Arc<Notify>, name: String) {
    loop {
        if let Err(error) = hear(&pool, &here, &name).await {
            tracing::debug!(%error, "the replicas cannot be heard; what they mark is found by polling");
        }
        tokio::time::sleep(AFTER_FAILURE).await;
    }
}

async fn hear(pool: &PgPool, here: &Notify, name: &str) -> Result<(), sqlx::Error> {
    let mut listener = PgListener::connect_with(pool).await?;
    listener.listen(CHANNEL).await?;
    loop {
        match listener.try_recv().await? {
            Some(heard) if heard.payload() == name => {}
            // None: the connection was lost and made anew, and something may have been missed.
            Some(_) | None => here.notify_waiters(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::timeout;

    use crate::store::testing::{key, on_postgres};

    /// A bound for a failure, and how often what is only a hint is given again.
    const AGAIN: Duration = Duration::from_millis(200);

    #[tokio::test]
    async fn on_postgres_a_mark_wakes_who_waits_in_another_process() {
        on_postgres(async |bench| {
            let other = bench.reopen().await;
            let wake = bench.store.wake();
            for _ in 0..100 {
                let woken = wake.notified();
                other.mark(key(1)).await.unwrap();
                if timeout(AGAIN, woken).await.is_ok() {
                    return;
                }
            }
            panic!("nobody was woken");
        })
        .await;
    }
}
