//! Opening the file: connections, migrations, the installation's id and the beginning of its audit chain.
//!
//! One connection writes and a few read, because SQLite has one writer anyway and waiting in our own queue is
//! fair and cheap where waiting in SQLite's is neither. `synchronous=FULL`: what was acknowledged to GitLab
//! survives a power cut. Migrations run in one transaction, since other processes may open the file at the
//! same moment. An SQLite before 3.51.3 can lose the last commit of its write-ahead log and is refused.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{SqlSafeStr, SqliteConnection, SqlitePool};
use tokio::sync::Notify;

use super::chain::Chain;
use super::error::StoreError;
use super::marks;
use super::settings;
use super::writer::Writer;
use super::{Inner, Store};
use crate::clock::{Randomness, SharedClock, random_id};
use crate::key::Key;

const OLDEST_SQLITE: (u32, u32, u32) = (3, 51, 3);
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);
const READERS: u32 = 4;

const INSTALLATION: &str = "installation";
const GENESIS: &str = "audit_genesis";

impl Store {
    /// Opens the file, made and migrated where needed. `audit_key` must be the same at every start.
    pub async fn open(
        path: &Path,
        clock: SharedClock,
        randomness: &dyn Randomness,
        audit_key: Key,
    ) -> Result<Self, StoreError> {
        create_private(path).await?;
        let pool = writing(path).await?;
        refuse_old_sqlite(&pool).await?;
        let writer = Writer::new(pool, clock);
        let fresh_id = random_id(randomness);
        let (installation, chain) = writer
            .run(move |connection, _| Box::pin(async move { prepare(connection, fresh_id, audit_key).await }))
            .await?;
        let wake = Arc::new(Notify::new());
        let marks = marks::start(writer.clone(), Arc::clone(&wake));
        let read = reading(path).await?;
        let chain = Arc::new(chain);
        Ok(Self { inner: Arc::new(Inner { writer, read, installation, chain, marks, wake }) })
    }
}

/// SQLite would create the file readable by everyone; its companions take over the file's own mode.
async fn create_private(path: &Path) -> Result<(), StoreError> {
    let mut options = tokio::fs::OpenOptions::new();
    options.create(true).truncate(false).write(true);
    #[cfg(unix)]
    options.mode(0o600);
    options.open(path).await.map_err(sqlx::Error::Io)?;
    Ok(())
}

fn options(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new().filename(path).busy_timeout(BUSY_TIMEOUT).foreign_keys(true)
}

fn pool(connections: u32) -> SqlitePoolOptions {
    SqlitePoolOptions::new()
        .max_connections(connections)
        .min_connections(1)
        .test_before_acquire(false)
        .idle_timeout(None)
        .max_lifetime(None)
}

async fn writing(path: &Path) -> Result<SqlitePool, StoreError> {
    let options = options(path).journal_mode(SqliteJournalMode::Wal).synchronous(SqliteSynchronous::Full);
    Ok(pool(1).connect_with(options).await?)
}

/// `query_only` and not read-only: a read-only connection cannot recover a log that a killed process left.
async fn reading(path: &Path) -> Result<SqlitePool, StoreError> {
    Ok(pool(READERS).connect_with(options(path).pragma("query_only", "ON")).await?)
}

async fn refuse_old_sqlite(pool: &SqlitePool) -> Result<(), StoreError> {
    let found: String = sqlx::query_scalar("SELECT sqlite_version()").fetch_one(pool).await?;
    if new_enough(&found) { Ok(()) } else { Err(StoreError::TooOld { found }) }
}

fn new_enough(version: &str) -> bool {
    let mut parts = version.split('.').map(str::parse);
    match (parts.next(), parts.next(), parts.next()) {
        (Some(Ok(major)), Some(Ok(minor)), Some(Ok(patch))) => (major, minor, patch) >= OLDEST_SQLITE,
        _ => false,
    }
}

/// SQLite's own list. PostgreSQL will take the first and bring its own second.
fn migrator() -> Migrator {
    let migration = |version, name: &'static str, text: &'static str| {
        Migration::new(version, name.into(), MigrationType::Simple, text.into_sql_str(), false)
    };
    Migrator::with_migrations(vec![
        migration(1, "tables", include_str!("migrations/0001_tables.sql")),
        migration(2, "audit is append-only", include_str!("migrations/0002_audit_is_append_only.sqlite.sql")),
        migration(3, "directory pins", include_str!("migrations/0003_directory_pins.sql")),
        migration(14, "inventory", include_str!("migrations/0014_inventory.sql")),
        migration(15, "retirements", include_str!("migrations/0015_retirements.sql")),
        migration(16, "sweeps", include_str!("migrations/0016_sweeps.sql")),
    ])
}

async fn prepare(
    connection: &mut SqliteConnection,
    fresh_id: String,
    audit_key: Key,
) -> Result<(String, Chain), StoreError> {
    // `run` takes any `Acquire`, which the compiler cannot see to be `Send` in a task; this is what it calls.
    migrator().run_direct(None, &mut *connection, false).await?;
    if let Some(installation) = settings::get(connection, INSTALLATION).await? {
        let chain = Chain::new(audit_key, &installation);
        let genesis = settings::get(connection, GENESIS).await?;
        return if genesis.as_deref() == Some(chain.genesis()) {
            Ok((installation, chain))
        } else {
            Err(StoreError::OtherKey)
        };
    }
    let chain = Chain::new(audit_key, &fresh_id);
    settings::set(connection, INSTALLATION, &fresh_id).await?;
    settings::set(connection, GENESIS, chain.genesis()).await?;
    sqlx::query("INSERT INTO chain_head (id, seq, hash) VALUES (1, 0, $1)")
        .bind(chain.genesis())
        .execute(connection)
        .await?;
    Ok((fresh_id, chain))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::SystemRandomness;
    use crate::store::testing::{Bench, key};

    #[test]
    fn an_sqlite_that_can_lose_a_commit_is_too_old() {
        for old in ["3.51.2", "3.9.99", "2.99.99", "3.51", "", "three"] {
            assert!(!new_enough(old), "{old}");
        }
        for new in ["3.51.3", "3.52.0", "4.0.0"] {
            assert!(new_enough(new), "{new}");
        }
    }

    #[tokio::test]
    async fn the_installation_id_is_made_once_and_kept() {
        let bench = Bench::new().await;
        let first = bench.store.installation().to_owned();
        assert_eq!(first.len(), 36);
        assert_eq!(bench.reopen().await.installation(), first);
        assert_ne!(Bench::new().await.store.installation(), first);
    }

    #[tokio::test]
    async fn another_audit_key_is_refused() {
        let bench = Bench::new().await;
        let other = Key::of_bytes(b"another key".to_vec());
        let opened = Store::open(&bench.path(), bench.clock.clone(), &SystemRandomness, other).await;
        assert!(matches!(opened, Err(StoreError::OtherKey)));
    }

    #[tokio::test]
    async fn a_database_of_a_later_release_is_refused() {
        let bench = Bench::new().await;
        let mut raw = bench.raw().await;
        sqlx::query(
            "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
             VALUES (99, 'later', TRUE, x'00', 0)",
        )
        .execute(&mut raw)
        .await
        .unwrap();
        assert!(matches!(bench.try_open().await, Err(StoreError::OtherRelease(_))));
    }

    #[tokio::test]
    async fn many_processes_may_open_a_fresh_file_at_once() {
        let bench = Bench::empty();
        let openings = (0..8).map(|_| bench.try_open());
        let mut ids = Vec::new();
        for opened in all(openings).await {
            ids.push(opened.unwrap().installation().to_owned());
        }
        ids.dedup();
        assert_eq!(ids.len(), 1);
    }

    async fn all<F>(openings: impl Iterator<Item = F>) -> Vec<Result<Store, StoreError>>
    where
        F: Future<Output = Result<Store, StoreError>> + Send + 'static,
    {
        let tasks: Vec<_> = openings.map(tokio::spawn).collect();
        let mut stores = Vec::new();
        for task in tasks {
            stores.push(task.await.unwrap());
        }
        stores
    }

    #[tokio::test]
    async fn two_stores_on_one_file_see_each_other() {
        let bench = Bench::new().await;
        let other = bench.reopen().await;
        for iid in 0..20 {
            bench.store.mark(key(iid)).await.unwrap();
            other.mark(key(iid)).await.unwrap();
        }
        for iid in 0..20 {
            assert_eq!(bench.store.request(key(iid)).await.unwrap().unwrap().marks, 2);
        }
    }

    #[tokio::test]
    async fn the_file_is_durable_and_private() {
        let bench = Bench::new().await;
        let writer = writing(&bench.path()).await.unwrap();
        let pragma = |name: &'static str| sqlx::query_scalar::<_, i64>(name).fetch_one(&writer);
        assert_eq!(pragma("PRAGMA synchronous").await.unwrap(), 2);
        assert_eq!(pragma("PRAGMA foreign_keys").await.unwrap(), 1);
        assert_eq!(pragma("PRAGMA busy_timeout").await.unwrap(), 10_000);
        let mode: String = sqlx::query_scalar("PRAGMA journal_mode").fetch_one(&writer).await.unwrap();
        assert_eq!(mode, "wal");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(std::fs::metadata(bench.path()).unwrap().permissions().mode() & 0o077, 0);
        }
    }

    #[tokio::test]
    async fn readers_cannot_write() {
        let bench = Bench::new().await;
        let refused = sqlx::query("DELETE FROM settings").execute(&bench.store.inner.read).await;
        assert!(refused.is_err());
    }
}
