//! The audit chain of a database file that nobody serves: a copy, a backup, an auditor's.
//!
//! Opened for reading alone; nothing is migrated, written or locked, and no configuration, vendor or other secret is
//! needed but the audit key. A file that cannot have companions beside it (a read-only folder or medium) is read as
//! it is.

use std::path::Path;

use jiff::Timestamp;
use sqlx::sqlite::{SqliteConnectOptions, SqlitePoolOptions};

use super::audit::{self, Head, StoredEntry};
use super::chain::Chain;
use super::error::StoreError;
use super::sql::{Reader, query_scalar};
use super::verify::{self, VerifyError};
use crate::domain::ids::IssueKey;
use crate::key::Key;

/// The chain in a file.
#[derive(Debug)]
pub struct AuditCopy {
    read: Reader,
}

impl AuditCopy {
    /// Opens the file. It must be there.
    pub async fn open(path: &Path) -> Result<Self, StoreError> {
        let options = SqliteConnectOptions::new().filename(path).read_only(true);
        match readable(options.clone()).await {
            Ok(read) => Ok(Self { read }),
            Err(_) => Ok(Self { read: readable(options.immutable(true)).await? }),
        }
    }

    /// Recomputes the whole chain and compares it with its recorded head; that head. No key but the one it was
    /// begun with finds it whole.
    pub async fn verify(&self, key: Key) -> Result<Head, VerifyError> {
        let query = query_scalar("SELECT value FROM settings WHERE name = $1");
        let installation: Option<String> = query.bind("installation").fetch_optional(&self.read).await?;
        let Some(installation) = installation else {
            return Err(VerifyError::Broken { seq: 0, what: "the database does not say whose chain it is" });
        };
        verify::verify(&self.read, &Chain::new(key, &installation)).await
    }

    /// As [`super::Store::entries_from`].
    pub async fn entries_from(&self, seq: i64) -> Result<Vec<StoredEntry>, StoreError> {
        audit::entries_from(&self.read, seq).await
    }

    /// As [`super::Store::history`].
    pub async fn history(&self, key: IssueKey) -> Result<Vec<StoredEntry>, StoreError> {
        audit::history(&self.read, key).await
    }

    /// As [`super::Store::stretch`].
    pub async fn stretch(&self, from: Timestamp, to: Timestamp) -> Result<Option<(i64, i64)>, StoreError> {
        audit::stretch(&self.read, from, to).await
    }
}

async fn readable(options: SqliteConnectOptions) -> Result<Reader, StoreError> {
    let read = SqlitePoolOptions::new().max_connections(1).connect_with(options).await?;
    let read = Reader::Sqlite(read);
    // The first read is what opens the file.
    let _: i64 = query_scalar("SELECT COUNT(*) FROM chain_head").fetch_one(&read).await?;
    Ok(read)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::sql::query;
    use crate::store::testing::{Bench, KEY, entry};

    fn key() -> Key {
        Key::of_bytes(KEY.to_vec())
    }

    #[tokio::test]
    async fn a_copy_is_verified_while_the_original_is_in_use_and_nothing_is_written() {
        let bench = Bench::new().await;
        let head = bench.store.append(vec![entry("a", 1), entry("b", 2)]).await.unwrap();
        let copy = AuditCopy::open(&bench.path()).await.unwrap();
        assert_eq!(copy.verify(key()).await.unwrap(), head);
        assert_eq!(copy.entries_from(2).await.unwrap().len(), 1);
        let write = query("DELETE FROM settings").execute(&copy.read).await;
        assert!(write.is_err());
    }

    #[tokio::test]
    async fn another_key_does_not_find_it_whole_and_names_the_first_entry() {
        let bench = Bench::new().await;
        bench.store.append(vec![entry("a", 1)]).await.unwrap();
        let copy = AuditCopy::open(&bench.path()).await.unwrap();
        let error = copy.verify(Key::of_bytes(b"another".to_vec())).await.unwrap_err();
        assert!(matches!(error, VerifyError::Broken { seq: 1, .. }), "{error:?}");
    }

    #[tokio::test]
    async fn a_file_that_is_not_there_or_no_database_is_not_opened() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("nothing.db");
        assert!(AuditCopy::open(&file).await.is_err());
        assert!(!file.exists());
        std::fs::write(&file, "no database").unwrap();
        assert!(AuditCopy::open(&file).await.is_err());
    }

    #[tokio::test]
    async fn a_stretch_of_time_is_found_by_its_first_and_last_entry() {
        let bench = Bench::new().await;
        let start = bench.now();
        for _ in 0..4 {
            bench.store.append(vec![entry("looked", 1)]).await.unwrap();
            bench.clock.advance(jiff::SignedDuration::from_hours(1));
        }
        let at = |hours: i64| start + jiff::SignedDuration::from_hours(hours);
        let copy = AuditCopy::open(&bench.path()).await.unwrap();
        assert_eq!(copy.stretch(at(1), at(3)).await.unwrap(), Some((2, 3)));
        assert_eq!(bench.store.stretch(at(0), at(99)).await.unwrap(), Some((1, 4)));
        assert_eq!(copy.stretch(at(4), at(99)).await.unwrap(), None);
        assert_eq!(copy.stretch(at(-5), at(0)).await.unwrap(), None);
    }
}
