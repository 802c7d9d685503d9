//! The database, read past the program: when something is due, what the audit says, and every byte of the file.
//!
//! A connection of its own, so that what is checked does not go through the code that is checked.

use std::path::{Path, PathBuf};

use jiff::Timestamp;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _, SqliteConnection};

/// A second reader of the database.
pub(super) struct Books {
    path: PathBuf,
    connection: SqliteConnection,
}

/// Nobody has it at $1.
const FREE: &str = "SELECT EXISTS (SELECT 1 FROM requests WHERE next_look_at <= $1
     AND (lease_owner IS NULL OR lease_until <= $1))";

/// The next time after $1 at which somebody can take something.
const NEXT: &str = "SELECT min(at) FROM (
     SELECT CASE WHEN next_look_at <= $1 AND lease_owner IS NOT NULL AND lease_until > $1 THEN lease_until
                 WHEN next_look_at <= $1 AND held_by IS NOT NULL THEN held_until
                 ELSE next_look_at END AS at
     FROM requests WHERE next_look_at IS NOT NULL) WHERE at > $1";

impl Books {
    pub(super) async fn open(path: &Path) -> Result<Self, sqlx::Error> {
        let connection = SqliteConnectOptions::new().filename(path).connect().await?;
        Ok(Self { path: path.to_owned(), connection })
    }

    /// Whether something is due that nobody works on.
    pub(super) async fn is_due(&mut self, now: Timestamp) -> Result<bool, sqlx::Error> {
        let found: i64 =
            sqlx::query_scalar(FREE).bind(now.as_millisecond()).fetch_one(&mut self.connection).await?;
        Ok(found == 1)
    }

    /// When something will be.
    pub(super) async fn next_due(&mut self, now: Timestamp) -> Result<Option<Timestamp>, sqlx::Error> {
        let found: Option<i64> =
            sqlx::query_scalar(NEXT).bind(now.as_millisecond()).fetch_one(&mut self.connection).await?;
        Ok(found.and_then(|at| Timestamp::from_millisecond(at).ok()))
    }

    /// Whether a look at an issue is due, or failed and will be tried again.
    pub(super) async fn owes_a_look(&mut self, iid: u64, now: Timestamp) -> Result<bool, sqlx::Error> {
        let query = "SELECT count(*) FROM requests WHERE iid = $1 AND (next_look_at <= $2 OR failures > 0)";
        let query = sqlx::query_scalar(query).bind(i64::try_from(iid).unwrap_or(i64::MAX));
        let found: i64 = query.bind(now.as_millisecond()).fetch_one(&mut self.connection).await?;
        Ok(found > 0)
    }

    /// The audit entries of these kinds about an issue: their details, oldest first.
    pub(super) async fn entries(
        &mut self,
        (project, iid): (u64, u64),
        kind: &str,
    ) -> Result<Vec<String>, sqlx::Error> {
        let number = |id: u64| i64::try_from(id).unwrap_or(i64::MAX);
        let query = "SELECT detail FROM audit WHERE project_id = $1 AND iid = $2 AND kind = $3 ORDER BY seq";
        let query = sqlx::query_scalar(query).bind(number(project)).bind(number(iid)).bind(kind.to_owned());
        query.fetch_all(&mut self.connection).await
    }

    /// Every byte of the database and of its log.
    pub(super) async fn bytes(&self) -> Vec<u8> {
        let mut all = tokio::fs::read(&self.path).await.unwrap_or_default();
        let log = format!("{}-wal", self.path.display());
        all.extend(tokio::fs::read(log).await.unwrap_or_default());
        all
    }

    pub(super) async fn close(self) {
        let _ = self.connection.close().await;
    }
}
