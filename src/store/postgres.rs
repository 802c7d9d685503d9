//! Connections to PostgreSQL.
//!
//! A few connections write and others only read, so that a look, or an ending that is due, never waits behind
//! writers that wait for a lock. Neither pool is large: past sixteen, PostgreSQL gains nothing and every commit
//! waits longer. Every limit is set by the connection itself, so a mistaken server cannot make us wait for ever.
//! A connection is rolled back when it is given back: sqlx leaves a transaction open in the pool when whoever began
//! one was dropped at the wrong moment, and the next to get that connection would write into it.

use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{Connection as _, Executor as _, PgConnection, PgPool};
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
/// How long a server that gave no connection is asked why.
const ASKED_FOR_THE_CAUSE: Duration = Duration::from_secs(2);
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
    Ok(Pool::Postgres(connected(WRITERS, options).await?))
}

pub(super) async fn reading(url: &Url, password: Option<&Secret>) -> Result<Reader, StoreError> {
    let options = options(url, password)?.options([("default_transaction_read_only", "on")]);
    Ok(Reader::Postgres(connected(READERS, options).await?))
}

async fn connected(connections: u32, options: PgConnectOptions) -> Result<PgPool, StoreError> {
    match pool(connections).connect_with(options.clone()).await {
        // The pool tries a server that refuses again and again, and then says only that it took too long.
        Err(sqlx::Error::PoolTimedOut) => Err(silence(&options).await),
        Err(error) => Err(unanswered(&options, error)),
        Ok(pool) => Ok(pool),
    }
}

/// Why nobody answers, asked once more for the cause.
async fn silence(options: &PgConnectOptions) -> StoreError {
    match tokio::time::timeout(ASKED_FOR_THE_CAUSE, PgConnection::connect_with(options)).await {
        Ok(Err(error)) => unanswered(options, error),
        Ok(Ok(_)) => sqlx::Error::PoolTimedOut.into(),
        Err(_) => unanswered(options, sqlx::Error::Io(std::io::ErrorKind::TimedOut.into())),
    }
}

/// With where it was tried, if it was not the server that said no.
fn unanswered(options: &PgConnectOptions, error: sqlx::Error) -> StoreError {
    match StoreError::from(error) {
        StoreError::Unavailable(source) if matches!(*source, sqlx::Error::Io(_)) => {
            let place = match options.get_socket() {
                Some(socket) => socket.display().to_string(),
                None => format!("{}:{}", options.get_host(), options.get_port()),
            };
            StoreError::NoServer { place, source }
        }
        other => other,
    }
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use jiff::{SignedDuration, Timestamp};
    use sqlx::pool::PoolConnection;
    use sqlx::{Connection as _, Executor as _, PgConnection, PgPool, Postgres};

    use super::{Pool, WRITERS, options, silence, writing};
    use crate::clock::{Clock, SystemClock, SystemRandomness};
    use crate::key::Key;
    use crate::store::testing::{KEY, LEASE, entry, key, on_postgres, release_at};
    use crate::store::{Location, Release, Store, StoreError};

    /// What an operator runs for the role that serves.
    const RIGHTS: &str = include_str!("../../deploy/postgresql/rights.sql");

    /// A machine whose clock is wrong, and that does not know.
    #[derive(Debug)]
    struct Wrong(SignedDuration);

    impl Clock for Wrong {
        fn now(&self) -> Timestamp {
            SystemClock.now() + self.0
        }

        fn is_the_machines(&self) -> bool {
            true
        }
    }

    async fn open(location: Location, wrong_by: SignedDuration) -> Store {
        let (clock, key) = (Arc::new(Wrong(wrong_by)), Key::of_bytes(KEY.to_vec()));
        Store::open(location, clock, &SystemRandomness, key).await.unwrap()
    }

    #[tokio::test]
    async fn the_databases_clock_rules_leases_and_looks_whatever_a_machines_says() {
        on_postgres(async |bench| {
            let day = SignedDuration::from_hours(24);
            let late = open(bench.location(), day).await;
            let early = open(bench.location(), -day).await;
            late.mark(key(1)).await.unwrap();
            let claim = early.claim("early", LEASE).await.unwrap().unwrap();
            let ahead = claim.lease_until.duration_since(SystemClock.now());
            assert!(ahead <= LEASE && ahead > LEASE / 2, "{ahead}");
            assert!(late.claim("late", LEASE).await.unwrap().is_none(), "the lease holds");
            let planned = release_at(SystemClock.now() - day + LEASE * 10);
            early.release(&claim, planned).await.unwrap();
            assert!(
                late.claim("late", LEASE).await.unwrap().is_none(),
                "it is not due by the database's clock"
            );
            let claim = late.claim_one("late", key(1), LEASE).await.unwrap().unwrap();
            // A second ago: a plan is rounded up to the next millisecond.
            let planned = release_at(SystemClock.now() + day - SignedDuration::from_secs(1));
            late.release(&claim, planned).await.unwrap();
            assert!(
                early.claim("early", LEASE).await.unwrap().is_some(),
                "now by the one is now by the other"
            );
        })
        .await;
    }

    /// All connections of the pool, at once.
    async fn everyone(pool: &PgPool) -> Vec<PoolConnection<Postgres>> {
        let mut all = Vec::new();
        for _ in 0..WRITERS {
            all.push(pool.acquire().await.unwrap());
        }
        all
    }

    /// A handler whose caller hangs up is dropped wherever it waits, and so is whoever loses a `select!`.
    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_transaction_whose_beginning_was_dropped_is_not_left_open_in_the_pool() {
        on_postgres(async |bench| {
            let Location::Postgres { url, .. } = bench.location() else { panic!("PostgreSQL") };
            let Pool::Postgres(pool) = writing(&url, None).await.unwrap() else { panic!("PostgreSQL") };
            let mut beside = PgConnection::connect(url.as_str()).await.unwrap();
            // All are there before, or it is connecting that is dropped.
            drop(everyone(&pool).await);
            let mut dropped = 0;
            for _ in 0..300 {
                // Four at a time wait for a connection or for its answer; an answer elsewhere ends their patience.
                let asking = tokio::spawn(async move {
                    beside.execute("SELECT 1").await.unwrap();
                    beside
                });
                let begins = std::array::from_fn::<_, 4, _>(|_| pool.begin_with("BEGIN"));
                let [one, two, three, four] = begins;
                tokio::select! {
                    biased;
                    _ = async { tokio::join!(one, two, three, four) } => {}
                    () = async { while !asking.is_finished() { tokio::task::yield_now().await } } => dropped += 1,
                }
                beside = asking.await.unwrap();
            }
            assert!(dropped > 20, "{dropped} were dropped while they began");
            let mut open = 0;
            for connection in &mut everyone(&pool).await {
                let ours = "SELECT pg_backend_pid()";
                let ours: i32 = sqlx::query_scalar(ours).fetch_one(&mut **connection).await.unwrap();
                let state = "SELECT state FROM pg_stat_activity WHERE pid = $1";
                let state = sqlx::query_scalar(state).bind(ours).fetch_one(&mut beside);
                let state: String = state.await.unwrap();
                open += usize::from(state.starts_with("idle in transaction"));
            }
            assert_eq!(open, 0, "a transaction that nobody knows of is open");
        })
        .await;
    }

    #[tokio::test]
    async fn where_nobody_listens_the_place_and_the_cause_are_told() {
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let url = format!("postgres://somebody@127.0.0.1:{port}/nothing").parse().unwrap();
        let error = silence(&options(&url, None).unwrap()).await;
        assert_eq!(error.to_string(), format!("no database answers at 127.0.0.1:{port}"));
        let cause = std::error::Error::source(&error).unwrap().to_string();
        assert!(cause.contains("refused"), "{cause}");
    }

    #[tokio::test]
    async fn the_role_that_serves_needs_few_rights_and_cannot_rewrite_the_audit() {
        on_postgres(async |bench| {
            let name = bench.database();
            let role = format!("{name}_serves");
            let mut owner = bench.raw().await;
            owner.run(format!("CREATE ROLE {role} LOGIN")).await.unwrap();
            let Location::Postgres { mut url, .. } = bench.location() else { panic!("PostgreSQL") };
            url.set_username(&role).unwrap();
            let location = Location::Postgres { url: url.clone(), password: None };
            let (clock, audit_key) = (Arc::new(Wrong(SignedDuration::ZERO)), Key::of_bytes(KEY.to_vec()));
            let early = Store::open(location.clone(), clock, &SystemRandomness, audit_key).await;
            assert!(
                matches!(early, Err(StoreError::NoRights { .. })),
                "before the rights are given: {early:?}"
            );
            owner.run(RIGHTS.replace("countersign_serves", &role)).await.unwrap();
            let store = open(location.clone(), SignedDuration::ZERO).await;
            store.mark(key(1)).await.unwrap();
            store.set_setting("paused", "why").await.unwrap();
            store.remove_setting("paused").await.unwrap();
            let claim = store.claim("worker", LEASE).await.unwrap().unwrap();
            store.release(&claim, Release::default()).await.unwrap();
            store.append(vec![entry("looked", 1)]).await.unwrap();
            store.verify().await.unwrap();
            let mut raw = bench.raw_at(&location).await;
            for forbidden in [
                "UPDATE audit SET kind = 'x'",
                "DELETE FROM audit",
                "TRUNCATE audit",
                "ALTER TABLE audit DISABLE TRIGGER ALL",
                "DROP TABLE requests",
                "CREATE TABLE another (id BIGINT)",
                "DELETE FROM attempts",
                "DELETE FROM requests",
            ] {
                assert!(raw.run(forbidden).await.is_err(), "{forbidden}");
            }
            store.close().await;
            owner.run(format!("DROP OWNED BY {role}; DROP ROLE {role}")).await.unwrap();
        })
        .await;
    }
}
