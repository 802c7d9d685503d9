//! Connections to PostgreSQL.
//!
//! A few connections write and others only read, so that a look, or an ending that is due, never waits behind
//! writers that wait for a lock. Neither pool is large: past sixteen, PostgreSQL gains nothing and every commit
//! waits longer. Every limit is set by the connection itself, so a mistaken server cannot make us wait for ever.
//! A connection is rolled back when it is given back: sqlx leaves a transaction open in the pool when whoever began
//! one was dropped at the wrong moment, and the next to get that connection would write into it.

use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{Connection as _, Executor as _};
use url::Url;

use super::error::StoreError;
use super::sql::Reader;
use super::writer::Pool;
use crate::secret::Secret;

const WRITERS: u32 = 8;
/// One of them listens.
const READERS: u32 = 5;
/// GitLab waits ten seconds for the answer to a webhook.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(5);
/// After this long a connection is tried before it is used: the server may have been restarted.
const TRIED_AFTER: Duration = Duration::from_secs(1);

const LIMITS: [(&str, &str); 4] = [
    ("lock_timeout", "5s"),
    ("statement_timeout", "15s"),
    ("idle_in_transaction_session_timeout", "15s"),
    // A rollback without a transaction is a warning, at every connection that is given back.
    ("client_min_messages", "error"),
];

pub(super) async fn writing(url: &Url, password: Option<&Secret>) -> Result<Pool, StoreError> {
    let options = options(url, password)?;
    Ok(Pool::Postgres(pool(WRITERS).connect_with(options).await?))
}

pub(super) async fn reading(url: &Url, password: Option<&Secret>) -> Result<Reader, StoreError> {
    let options = options(url, password)?.options([("default_transaction_read_only", "on")]);
    Ok(Reader::Postgres(pool(READERS).connect_with(options).await?))
}

fn options(url: &Url, password: Option<&Secret>) -> Result<PgConnectOptions, StoreError> {
    let options: PgConnectOptions = url.as_str().parse()?;
    let options = options.application_name("countersign").options(LIMITS);
    Ok(match password {
        Some(password) => options.password(password.expose()),
        None => options,
    })
}

fn pool(connections: u32) -> PgPoolOptions {
    PgPoolOptions::new()
        .max_connections(connections)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        .test_before_acquire(false)
        .before_acquire(|connection, about| {
            Box::pin(async move {
                if about.idle_for > TRIED_AFTER {
                    connection.ping().await?;
                }
                Ok(true)
            })
        })
        .after_release(|connection, _| {
            Box::pin(async move {
                connection.execute("ROLLBACK").await?;
                Ok(true)
            })
        })
}
