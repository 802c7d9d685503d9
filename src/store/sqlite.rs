//! A file of SQLite's: private, durable, and of a version that keeps its promise.
//!
//! One connection writes and a few read, because SQLite has one writer anyway and waiting in our own queue is
//! fair and cheap where waiting in SQLite's is neither. `synchronous=FULL`: what was acknowledged to GitLab
//! survives a power cut. An SQLite before 3.51.3 can lose the last commit of its write-ahead log and is refused.

use std::path::Path;
use std::time::Duration;

use sqlx::SqlitePool;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};

use super::error::StoreError;
use super::sql::Reader;
use super::writer::Pool;

const OLDEST: (u32, u32, u32) = (3, 51, 3);
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);
const READERS: u32 = 4;

/// The one connection that writes, to a file that is made where there is none.
pub(super) async fn writing(path: &Path) -> Result<Pool, StoreError> {
    create_private(path).await?;
    let options = options(path).journal_mode(SqliteJournalMode::Wal).synchronous(SqliteSynchronous::Full);
    let pool = pool(1).connect_with(options).await?;
    refuse_old(&pool).await?;
    Ok(Pool::Sqlite(pool))
}

/// `query_only` and not read-only: a read-only connection cannot recover a log that a killed process left.
pub(super) async fn reading(path: &Path) -> Result<Reader, StoreError> {
    Ok(Reader::Sqlite(pool(READERS).connect_with(options(path).pragma("query_only", "ON")).await?))
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

async fn refuse_old(pool: &SqlitePool) -> Result<(), StoreError> {
    let found: String = sqlx::query_scalar("SELECT sqlite_version()").fetch_one(pool).await?;
    if new_enough(&found) { Ok(()) } else { Err(StoreError::TooOld { found }) }
}

fn new_enough(version: &str) -> bool {
    let mut parts = version.split('.').map(str::parse);
    match (parts.next(), parts.next(), parts.next()) {
        (Some(Ok(major)), Some(Ok(minor)), Some(Ok(patch))) => (major, minor, patch) >= OLDEST,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::testing::Bench;

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
    async fn the_file_is_durable_and_private() {
        let bench = Bench::new().await;
        let Pool::Sqlite(writer) = writing(&bench.path()).await.unwrap() else {
            panic!("a file is SQLite's")
        };
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
}
