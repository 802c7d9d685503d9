//! Opening the database: connections, migrations, the installation's id and the beginning of its audit chain.
//!
//! Migrations and the installation's id are one transaction under a lock, since other processes may open the same
//! database at the same moment: SQLite has one writer anyway, PostgreSQL takes an advisory lock. What each
//! database needs to be durable and fast is in `sqlite` and `postgres`.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use url::Url;

use super::chain::Chain;
use super::error::StoreError;
use super::marks;
use super::migrations;
use super::place::Place;
use super::settings;
use super::sql::{Connection, Reader, query};
use super::wake::Bell;
use super::writer::Writer;
use super::{Inner, Store, postgres, sqlite};
use crate::clock::{Randomness, SharedClock, random_id};
use crate::key::Key;
use crate::secret::Secret;

const INSTALLATION: &str = "installation";
const GENESIS: &str = "audit_genesis";

/// Where the database is.
#[derive(Debug, Clone)]
pub enum Location {
    /// In this file, which need not exist yet.
    Sqlite(PathBuf),
    /// On a server.
    Postgres {
        /// `postgres://USER@HOST:PORT/DATABASE?…`, without a password.
        url: Url,
        /// The password, if the server asks for one.
        password: Option<Secret>,
    },
}

impl<P: AsRef<Path>> From<P> for Location {
    fn from(path: P) -> Self {
        Self::Sqlite(path.as_ref().to_owned())
    }
}

impl Store {
    /// Opens the database, made (SQLite) and migrated where needed. `audit_key` must be the same at every start.
    pub async fn open(
        location: impl Into<Location>,
        clock: SharedClock,
        randomness: &dyn Randomness,
        audit_key: Key,
    ) -> Result<Self, StoreError> {
        let location = location.into();
        let pool = match &location {
            Location::Sqlite(path) => sqlite::writing(path).await?,
            Location::Postgres { url, password } => postgres::writing(url, password.as_ref()).await?,
        };
        let place = match &location {
            Location::Sqlite(path) => Some(Place::of(path).map_err(sqlx::Error::Io)?),
            Location::Postgres { .. } => None,
        };
        let writer = Writer::new(pool.clone(), clock, place);
        let fresh_id = random_id(randomness);
        let (installation, chain) = writer
            .run(move |connection, _| Box::pin(async move { prepare(connection, fresh_id, audit_key).await }))
            .await?;
        let read = match &location {
            Location::Sqlite(path) => sqlite::reading(path).await?,
            Location::Postgres { url, password } => postgres::reading(url, password.as_ref()).await?,
        };
        let bell = Bell::hang(&pool, &read, random_id(randomness));
        let marks = marks::start(writer.clone(), bell.clone());
        let chain = Arc::new(chain);
        Ok(Self { inner: Arc::new(Inner { writer, read, installation, chain, marks, wake: bell }) })
    }
}

impl Store {
    /// Whether there is a database of ours already. Makes and changes nothing.
    pub async fn is_begun(location: impl Into<Location>) -> Result<bool, StoreError> {
        match location.into() {
            Location::Sqlite(path) if !path.try_exists().map_err(sqlx::Error::Io)? => Ok(false),
            Location::Sqlite(path) => begun(sqlite::reading(&path).await?).await,
            Location::Postgres { url, password } => {
                begun(postgres::reading(&url, password.as_ref()).await?).await
            }
        }
    }
}

async fn begun(read: Reader) -> Result<bool, StoreError> {
    let begun = migrations::is_begun(&read).await;
    read.close().await;
    begun
}

async fn prepare(
    connection: &mut Connection,
    fresh_id: String,
    audit_key: Key,
) -> Result<(String, Chain), StoreError> {
    migrations::run(connection).await?;
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
    query("INSERT INTO chain_head (id, seq, hash) VALUES (1, 0, $1)")
        .bind(chain.genesis())
        .execute(connection)
        .await?;
    Ok((fresh_id, chain))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::SystemRandomness;
    use crate::store::testing::{key, on_both, on_both_from_nothing};

    #[tokio::test]
    async fn the_installation_id_is_made_once_and_kept() {
        on_both(async |bench| {
            let first = bench.store.installation().to_owned();
            assert_eq!(first.len(), 36);
            assert_eq!(bench.reopen().await.installation(), first);
            assert_ne!(bench.beside().await.store.installation(), first);
        })
        .await;
    }

    #[tokio::test]
    async fn another_audit_key_is_refused() {
        on_both(async |bench| {
            let other = Key::of_bytes(b"another key".to_vec());
            let opened = Store::open(bench.location(), bench.clock.clone(), &SystemRandomness, other).await;
            assert!(matches!(opened, Err(StoreError::OtherKey)));
        })
        .await;
    }

    #[tokio::test]
    async fn many_processes_may_open_a_fresh_database_at_once() {
        on_both_from_nothing(async |empty| {
            let openings = (0..8).map(|_| empty.try_open());
            let mut ids = Vec::new();
            for opened in all(openings).await {
                ids.push(opened.unwrap().installation().to_owned());
            }
            ids.dedup();
            assert_eq!(ids.len(), 1);
        })
        .await;
    }

    #[tokio::test]
    async fn whether_there_is_a_database_is_seen_without_making_one() {
        on_both_from_nothing(async |empty| {
            for _ in 0..2 {
                assert!(!Store::is_begun(empty.location()).await.unwrap());
            }
            empty.try_open().await.unwrap();
            assert!(Store::is_begun(empty.location()).await.unwrap());
        })
        .await;
    }

    #[tokio::test]
    async fn an_empty_file_is_no_database() {
        let empty = crate::store::testing::Empty::on_sqlite();
        let Location::Sqlite(path) = empty.location() else { panic!("it is a file") };
        std::fs::write(&path, "").unwrap();
        assert!(!Store::is_begun(path.as_path()).await.unwrap());
        assert_eq!(std::fs::metadata(&path).unwrap().len(), 0);
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
    async fn two_stores_on_one_database_see_each_other() {
        on_both(async |bench| {
            let other = bench.reopen().await;
            for iid in 0..20 {
                bench.store.mark(key(iid)).await.unwrap();
                other.mark(key(iid)).await.unwrap();
            }
            for iid in 0..20 {
                assert_eq!(bench.store.request(key(iid)).await.unwrap().unwrap().marks, 2);
            }
        })
        .await;
    }

    #[tokio::test]
    async fn readers_cannot_write() {
        on_both(async |bench| {
            let refused = query("DELETE FROM settings").execute(&bench.store.inner.read).await;
            assert!(refused.is_err());
        })
        .await;
    }
}
