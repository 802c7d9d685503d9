//! The database of a house: a file in its folder, or one of its own on a PostgreSQL that this process started.
//!
//! Which of the two is told by the name of the binary: `tests/it_on_postgresql` tells the same stories. Where it is
//! not installed that binary ends at once, and says so.

use std::path::{Path, PathBuf};

use countersign::config::Store;
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection, Row as _, SqliteConnection};

use postgresql::Server;

#[path = "../../support/postgresql.rs"]
pub(crate) mod postgresql;

const ON_POSTGRES: bool = matches!(env!("CARGO_CRATE_NAME").as_bytes(), b"it_on_postgresql");

/// The database, by its name on the server or its file.
pub(crate) enum Database {
    File(PathBuf),
    Server { server: &'static Server, name: String },
}

impl Database {
    /// An empty one, in this folder where it is a file.
    pub(crate) async fn fresh(folder: &Path) -> Self {
        if !ON_POSTGRES {
            return Self::File(folder.join("countersign.db"));
        }
        let Some(server) = Server::get() else {
            // Said already. What the other binary has shown is not shown again on the wrong database.
            std::process::exit(0)
        };
        let database = Self::Server { server, name: server.fresh_name() };
        database.anew().await;
        database
    }

    /// The value of `url` in a configuration.
    pub(crate) fn url(&self) -> String {
        match self {
            Self::File(path) => path.display().to_string(),
            Self::Server { server, name } => server.url(name),
        }
    }

    /// The same for an installation of its own beside this one.
    pub(crate) async fn twin(&self) -> (Self, Store) {
        match self {
            Self::File(path) => {
                let path = path.with_extension("db-twin");
                (Self::File(path.clone()), Store::Sqlite(path))
            }
            Self::Server { server, name } => {
                let twin = Self::Server { server, name: format!("{name}_twin") };
                twin.anew().await;
                let store = Store::Postgres { url: twin.url().parse().unwrap(), password: None };
                (twin, store)
            }
        }
    }

    /// Somebody else at the database.
    pub(crate) async fn sql(&self, statement: &str) {
        match self {
            Self::File(path) => sql_on(path, statement).await,
            Self::Server { .. } => {
                let mut connection = PgConnection::connect(&self.url()).await.unwrap();
                connection.execute(sqlx::raw_sql(AssertSqlSafe(statement.to_owned()))).await.unwrap();
                connection.close().await.unwrap();
            }
        }
    }

    /// From now on something is done at this event where this holds; until [`Self::no_trigger`].
    pub(crate) async fn trigger(&self, name: &str, (event, condition): (&str, &str), then: &str) {
        let statement = match self {
            Self::File(_) => format!("CREATE TRIGGER {name} {event} WHEN {condition} BEGIN {then}; END"),
            Self::Server { .. } => format!(
                "CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$
                 BEGIN IF {condition} THEN {then}; END IF; RETURN NEW; END $$;
                 CREATE TRIGGER {name} {event} FOR EACH ROW EXECUTE FUNCTION {name}();"
            ),
        };
        self.sql(&statement).await;
    }

    pub(crate) async fn no_trigger(&self, name: &str) {
        match self {
            Self::File(_) => self.sql(&format!("DROP TRIGGER {name}")).await,
            Self::Server { .. } => self.sql(&format!("DROP FUNCTION {name} CASCADE")).await,
        }
    }

    /// What says no, in a trigger.
    pub(crate) fn refusal(&self) -> &'static str {
        match self {
            Self::File(_) => "SELECT RAISE(ABORT, 'no space')",
            Self::Server { .. } => "RAISE EXCEPTION 'no space'",
        }
    }

    /// Everything in it, written into this file.
    pub(crate) async fn back_up(&self, file: &Path) {
        match self {
            Self::File(_) => self.sql(&format!("VACUUM INTO '{}'", file.display())).await,
            Self::Server { server, name } => {
                let mut dump = server.program("pg_dump");
                let done = dump.args(["--format=custom", "--file"]).arg(file).arg(name).status().unwrap();
                assert!(done.success());
            }
        }
    }

    /// What a backup holds in the place of what is there; nothing without one. Nobody is connected.
    pub(crate) async fn put_back(&self, backup: Option<PathBuf>) {
        match self {
            Self::File(path) => {
                for extension in ["db", "db-wal", "db-shm"] {
                    let _ = std::fs::remove_file(path.with_extension(extension));
                }
                if let Some(backup) = backup {
                    std::fs::rename(backup, path).unwrap();
                }
            }
            Self::Server { server, name } => {
                self.anew().await;
                if let Some(backup) = backup {
                    let mut restore = server.program("pg_restore");
                    let done = restore.args(["--dbname", name]).arg(backup).status().unwrap();
                    assert!(done.success());
                }
            }
        }
    }

    /// Nobody gets to it any more, and whoever was connected is not.
    pub(crate) async fn goes_away(&self) {
        match self {
            Self::File(path) => std::fs::rename(path, aside(path)).unwrap(),
            Self::Server { name, .. } => {
                self.anywhere(&format!("ALTER DATABASE {name} ALLOW_CONNECTIONS false")).await;
                let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname";
                self.anywhere(&format!("{end} = '{name}'")).await;
            }
        }
    }

    /// Where it is a file: a copy stands in its place.
    pub(crate) async fn looks_like_itself(&self) -> bool {
        let Self::File(path) = self else { return false };
        tokio::fs::copy(aside(path), path).await.is_ok()
    }

    pub(crate) async fn comes_back(&self) {
        match self {
            Self::File(path) => std::fs::rename(aside(path), path).unwrap(),
            Self::Server { name, .. } => {
                self.anywhere(&format!("ALTER DATABASE {name} ALLOW_CONNECTIONS true")).await;
            }
        }
    }

    /// All that is stored, with where: on PostgreSQL what the tables say and the files they are kept in.
    pub(crate) async fn contents(&self) -> Vec<(String, Vec<u8>)> {
        match self {
            Self::File(path) => files_of(path),
            Self::Server { server, .. } => {
                let mut connection = PgConnection::connect(&self.url()).await.unwrap();
                let mut found = tables(&mut connection).await;
                connection.execute("CHECKPOINT").await.unwrap();
                let oid: i64 = sqlx::query_scalar(
                    "SELECT oid::bigint FROM pg_database WHERE datname = current_database()",
                )
                .fetch_one(&mut connection)
                .await
                .unwrap();
                connection.close().await.unwrap();
                found.extend(data_files(&server.data().join(format!("base/{oid}"))));
                found
            }
        }
    }

    /// The end of it.
    pub(crate) async fn remove(&self) {
        if let Self::Server { name, .. } = self {
            self.anywhere(&format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)")).await;
        }
    }

    async fn anew(&self) {
        self.remove().await;
        if let Self::Server { name, .. } = self {
            self.anywhere(&format!("CREATE DATABASE {name}")).await;
        }
    }

    /// A statement on the server, in none of its houses' databases.
    async fn anywhere(&self, statement: &str) {
        let Self::Server { server, .. } = self else { return };
        let mut connection = PgConnection::connect(&server.url("postgres")).await.unwrap();
        connection.execute(sqlx::query(AssertSqlSafe(statement.to_owned()))).await.unwrap();
        connection.close().await.unwrap();
    }
}

/// Somebody at any file.
pub(crate) async fn sql_on(file: &Path, statement: &str) {
    let url = format!("sqlite://{}", file.display());
    let mut connection = SqliteConnection::connect(&url).await.unwrap();
    sqlx::raw_sql(AssertSqlSafe(statement.to_owned())).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
}

fn aside(path: &Path) -> PathBuf {
    path.with_extension("aside")
}

/// The file and its companions.
fn files_of(path: &Path) -> Vec<(String, Vec<u8>)> {
    let name = path.file_name().unwrap().to_str().unwrap();
    let entries = std::fs::read_dir(path.parent().unwrap()).unwrap().map(|entry| entry.unwrap().path());
    let ours = entries.filter(|one| one.file_name().unwrap().to_string_lossy().starts_with(name));
    ours.map(|one| (one.display().to_string(), std::fs::read(&one).unwrap())).collect()
}

async fn tables(connection: &mut PgConnection) -> Vec<(String, Vec<u8>)> {
    let names = "SELECT table_name::text FROM information_schema.tables WHERE table_schema = 'public'";
    let names: Vec<String> = sqlx::query_scalar(names).fetch_all(&mut *connection).await.unwrap();
    assert!(names.len() > 5, "the tables are there");
    let mut found = Vec::new();
    for name in names {
        let rows = sqlx::query(AssertSqlSafe(format!("SELECT one::text FROM {name} one")));
        let rows = rows.fetch_all(&mut *connection).await.unwrap();
        let text: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
        found.push((format!("table {name}"), text.join("\n").into_bytes()));
    }
    found
}

/// Those of tables that are no catalogue of the server's own.
fn data_files(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let number = |path: &PathBuf| path.file_name()?.to_str()?.split(['.', '_']).next()?.parse::<u64>().ok();
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let ours: Vec<_> = entries.filter(|path| number(path).is_some_and(|number| number >= 16384)).collect();
    assert!(!ours.is_empty(), "the tables' files are there");
    ours.into_iter()
        .filter_map(|path| Some((path.display().to_string(), std::fs::read(&path).ok()?)))
        .collect()
}
